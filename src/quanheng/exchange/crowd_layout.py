"""Where the crowd's numbers lie: hidden surface, fair values, traits of its makers."""

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
SURFACE = 7

# fair[slot]
F_FAIR = 0  # ticks
F_CUM = 1  # cumulative share of the class's flow
F_DEEP = 2  # 1: far from the money
FAIR = 3

# drive[class]
D_SPOT = 0  # ticks
D_BEFORE = 1  # at the step before
D_ORDERS = 2  # marketable orders of investors per step
D_SIGNAL = 3  # relative move the informed trader expects
D_NOISE = 4  # relative noise of the volatility per step
D_REVERT = 5
D_INFORMED = 6  # chance per step that stale quotes are picked off
D_INQUIRY = 7  # chance of an inquiry per step
D_LEFT = 8  # share of a trading day left today
D_YEAR = 9  # trading days of a year
D_RATE = 10
DRIVE = 11

# traits[maker]
T_WIDTH = 0  # share of the allowed spread
T_REACT = 1  # chance per step
T_SIZE = 2
T_SKIP = 3
TRAITS = 4

Words = npt.NDArray[np.uint64]


class Crowd(NamedTuple):
    """Everything the crowd's kernels touch besides the market."""

    surface: Floats  # [expiries, SURFACE]
    fair: Floats  # [slots, FAIR]
    drive: Floats  # [classes, DRIVE]
    traits: Floats  # [makers of the crowd, TRAITS]
    band: Floats  # [2, 2]: near and far (share of the bid, floor in ticks) of the spread rule
    desk: Floats  # [makers of the crowd, slots]: fair value last quoted, 0 none
    rng: Words  # [classes]: splitmix64
