"""Where everything of a venue lies: columns of its int64 arrays, and the bundle kernels take.

All arrays are int64 unless said. `Market` groups views of the state's arrays so that one kernel
call takes one argument; it is built afresh for a call and never kept.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# A resting order: book[slot, side, position], best first, then oldest first.
CAP = 48
"""Orders a side of one contract can hold."""
ROOM = 16
"""Places of a side the crowd leaves free for members."""
O_PRICE = 0
O_QTY = 1  # remaining
O_OWNER = 2  # account index
O_ID = 3  # increasing, so it is the time priority too
O_AT = 4  # when the venue received it
O_FLAGS = 5
ORDER = 6

CLOSE = 1  # flags: closes a position
AUTO = 2  # closes what it can and opens the rest (crowd only)
MARKET = 4  # was entered as a market order
COVERED_FLAG = 8  # a covered sell-open or a buy-close of a covered short
QUOTED = 16  # a side of a two-sided quote

BID_SIDE = 0
ASK_SIDE = 1

# info[slot]: what a contract is and how it stands.
PHASE = 0
LAST = 1
OPEN = 2
HIGH = 3
LOW = 4
VOLUME = 5
TURNOVER = 6
INTEREST = 7
REFERENCE = 8  # of the circuit breaker
N_BID = 9  # orders resting; N_BID + side
N_ASK = 10
UP = 11
DOWN = 12
STEP = 13
UNIT = 14
KLASS = 15
BAND_LOW = 16  # lowest and highest price that does not trigger the breaker
BAND_HIGH = 17
AUCTION_END = 18  # end of a running intraday auction, 0 none; time left while paused
FIXED = 19  # 1: orders cannot be withdrawn now
HALTED = 20
BARRED = 21  # bit 0 covered-open, 1 sell-open, 2 buy-open
MARGIN_UNIT = 22  # opening margin of one contract
LIMIT_MIN = 23
LIMIT_MAX = 24
MARKET_MIN = 25
MARKET_MAX = 26
LOT = 27
STRIKE = 28
SIGN = 29  # +1 call, -1 put
EXPIRY = 30  # row of the surface
FAR = 31  # 1 for the third and fourth expiry
LAST_AT = 32  # time of the last trade
ODD = 33  # 1: an adjusted contract
CLOSING = 34  # price of the closing auction, 0 none
SETTLED = 35  # previous settlement price
INFO = 36

# acct[account, bucket, slot]
LONG = 0
SHORT = 1
HELD_LONG = 2  # long contracts behind working sell-closes (members only)
HELD_SHORT = 3  # short contracts behind working buy-closes
COVERED = 4  # short calls whose units are locked (备兑), members only; see COVERED_FLAG
HELD_COVERED = 5  # covered contracts behind working covered buy-closes
BUCKETS = 6

RETAIL = 0
INSTITUTION = 1
INFORMED = 2
SNIPER = 3
PUBLIC = ("RETAIL", "INSTITUTION", "INFORMED", "SNIPER")
"""Names of the crowd's accounts behind its makers', by kind of participant: their index is
C_MAKERS + kind."""

# fund[account]: money.
CASH = 0
HELD_PREMIUM = 1  # behind working buy-opens
HELD_MARGIN = 2  # behind working sell-opens
MARGIN = 3  # opening margin of the short position
FEES = 4  # paid today
FUND = 5

# risk[account, class]: contracts, for position limits (rules.md 4).
R_LONG = 0
R_SHORT = 1
R_WORK_BUY = 2  # working buy-opens
R_WORK_SELL = 3
R_BOUGHT = 4  # bought open today
R_MAX_LONG = 5
R_MAX_TOTAL = 6
R_MAX_BOUGHT = 7
R_LOCKED = 8  # units of the underlying locked for covered positions
R_COVERED = 9  # units behind covered shorts and working covered sell-opens
RISK = 10

# ev[row]: what happened inside a kernel call.
E_KIND = 0
E_SLOT = 1
E_PRICE = 2
E_QTY = 3
E_PREVIOUS = 4  # last price before this trade
E_BUYER = 5  # E_BUYER + side: account
E_SELLER = 6
E_BUY_ID = 7
E_SELL_ID = 8
E_BUY_AT = 9
E_SELL_AT = 10
E_BUY_FLAGS = 11
E_SELL_FLAGS = 12
E_BUY_LEFT = 13
E_SELL_LEFT = 14
E_AGGRESSOR = 15  # the side whose order came last; -1 in an auction
EVENT = 16
EVENTS = 2048

TRADED = 1
BROKE = 2  # the circuit breaker triggered
INQUIRED = 3  # E_PRICE side, E_QTY quantity

# ctl: counters and switches.
C_EVENTS = 0
C_NEXT_ID = 1
C_NEXT_EXEC = 2
C_MEMBERS = 3  # accounts below this are wire members
C_MAKERS = 4  # accounts below this are market makers, in the dataset's order
C_PRE_TRADE = 5  # 1: a trade at a trigger price is not executed (A29)
C_NEAREST = 6  # 1: auction ties go to the price nearest the reference (A30)
C_AUCTION = 10  # nanoseconds of an intraday auction
C_TOUCHED = 11  # 1: some maker's orders changed since the last look
C_EXCHANGE = 13  # fees collected
C_MIN_CONTINUOUS = 14  # minimum quote size of duties
C_MIN_AUCTION = 15
C_QUOTES = 16  # rows waiting in the quote table
C_HELD_STAYS = 17  # 1: a replaced quote's holds count until the new one passes (new system)
C_FUNDS = 18  # 1: members' cash is checked
C_AUCTION_PRICE = 19  # results of the last auction computation
C_AUCTION_VOLUME = 20
C_TRADES = 21  # rows waiting in the trade table
C_FILLED = 22  # results of the last order: filled, cancelled at once, limit price
C_LEFT = 23
C_REST_PRICE = 24
C_RESTING = 25  # 1: the last order rests
C_OLD_ID = 26  # C_OLD_ID + 2 * side: order replaced by the last quote, and its quantity
C_OLD_QTY = 27
C_NEW_ID = 30  # C_NEW_ID + side
C_FEE = 32  # fee table: [role * 4 + side * 2 + effect], Money per contract
ROLES = 4
PROVIDER = 0
TAKER = 1
IN_AUCTION = 2
ORDINARY = 3
CTL = C_FEE + ROLES * 4

TRADE_ROW = 11
QUOTE_ROW = 7
ROWS = 4096
"""Rows of the trade and quote tables before they must be emitted."""


class Market(NamedTuple):
    """Everything the order book kernels touch."""

    book: Ints  # [slots, 2, CAP, ORDER]
    info: Ints  # [slots, INFO]
    acct: Ints  # [accounts, BUCKETS, slots]
    fund: Ints  # [accounts, FUND]
    risk: Ints  # [accounts, classes, RISK]
    ev: Ints  # [EVENTS, EVENT]
    ctl: Ints  # [CTL]
    touch: Ints  # [slots, accounts]: 1 where a maker's orders changed
