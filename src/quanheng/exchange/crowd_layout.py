"""Where the crowd's numbers lie: hidden surface, fair values, its makers and investors."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.exchange.layout import Floats

# surface[expiry]
S_ATM = 0  # volatility now, per year
S_SLOPE = 1
S_CURVE = 2
S_CARRY = 3  # of the forward, per year
S_BASE = 4  # level the volatility returns to
S_DAYS = 5  # full trading days after today
S_CALENDAR = 6  # calendar days to the expiry
S_RANK = 7  # share of the class's flow by rank of the expiry
SURFACE = 8

# fair[slot]
F_FAIR = 0  # ticks
F_RETAIL = 1  # cumulative share of retail flow in the class
F_INSTITUTION = 2  # and of institutional flow
F_PLACE = 3  # moneyness, a place of the profile
F_DEEP = 4  # 1: far from the money
FAIR = 5

# drive[class]
D_SPOT = 0  # ticks
D_BEFORE = 1  # at the step before
D_DUE = 2  # contracts the schedule wants in this step, before catching up
D_PLANNED = 3  # contracts the schedule wanted so far
D_CATCH = 4  # share of what is missing that is caught up in a step
D_MOST = 5  # contracts of a step at the most
D_SIGNAL = 6  # relative move of the underlying within the informed trader's lead
D_VOL_SIGNAL = 7  # move of the ATM vols within the lead, per year
D_BLUR = 8  # standard deviation of the error of his forecast, relative
D_NOISE = 9  # relative noise of the volatility per step
D_REVERT = 10
D_INFORMED = 11  # chance per step that an informed trader looks
D_FAST = 12  # chance per step that the fast sniper sees a move of this step
D_SLOW = 13  # chance per step that the slow sniper gets round to an older move
D_MOVED = 14  # seconds since the underlying last moved
D_INQUIRY = 15  # chance of an inquiry per step
D_FOLLOW = 16  # chance that the inquirer trades
D_LEFT = 17  # share of a trading day left today
D_YEAR = 18  # trading days of a year
D_RATE = 19
D_RETAIL = 20  # retail's share of the investors' contracts
D_PARENT = 21  # contracts of a metaorder on average
D_MOOD = 22  # +1 institutions buy options, -1 they sell
D_TURN = 23  # chance per step that the mood turns
D_PERSIST = 24  # chance that a metaorder follows the mood
D_OWED = 25  # contracts institutions still want to trade now
D_IMPACT = 26  # relative move of the vol per contract of institutional flow
D_WEIGHED = 27  # spot at which the flow was last shared out
D_STEP = 28  # seconds of a step
D_PATIENCE = 29  # what investors pay over fair to trade now, of the allowed spread
D_WEIGHED_AT = 30  # instant at which the flow was last shared out
DRIVE = 31

# parents[class, k]: working metaorders
PARENTS = 6
P_SLOT = 0
P_SIDE = 1
P_LEFT = 2
PARENT = 3

# asked[class]: the inquirer who will trade
A_SLOT = 0
A_SIDE = 1
A_QTY = 2
A_AT = 3  # instant; 0 nobody
ASKED = 4

# traits[maker]
T_WIDTH = 0  # share of the allowed spread
T_REACT = 1  # chance per step
T_SIZE = 2
T_SKIP = 3
T_CAPACITY = 4  # contracts at which the lean is full
T_VIEW = 5  # own opinion of a price, in half widths at the most
TRAITS = 6

Words = npt.NDArray[np.uint64]


class Crowd(NamedTuple):
    """Everything the crowd's kernels touch besides the market."""

    surface: Floats  # [expiries, SURFACE]
    fair: Floats  # [slots, FAIR]
    drive: Floats  # [classes, DRIVE]
    traits: Floats  # [makers of the crowd, TRAITS]
    band: Floats  # [2, 2]: near and far (share of the bid, floor in ticks) of the spread rule
    desk: Floats  # [makers of the crowd, slots]: fair value last quoted, 0 none
    parents: Floats  # [classes, PARENTS, PARENT]
    asked: Floats  # [classes, ASKED]
    places: Floats  # [2, PLACES]: share of a place in retail and in institutional flow
    rng: Words  # [classes]: splitmix64
