"""Columns of the maker's tables: every array of its state is read and written by these names.

A table is int64[rows, columns] (float64 for fits); packing many columns into few arrays keeps a
kernel's dispatch cheap. The two sides of a contract are 0 (bid) and 1 (ask).
"""

BID_SIDE = 0
ASK_SIDE = 1

# fixed: what does not change during the day, one row per slot
F_KLASS = 0
F_EXPIRY = 1  # row of the expiry tables
F_SIGN = 2  # +1 call, -1 put
F_STRIKE = 3  # Ticks
F_UNIT = 4
F_UP = 5
F_DOWN = 6
F_SETTLE = 7
F_RANK = 8  # expiry rank 1..4
F_CAP_NUM = 9  # allowed spread A(b) = max(num*b, den*floor)/den ticks (rules.md 10.1)
F_CAP_DEN = 10
F_CAP_FLOOR = 11
F_QTY_MAX = 12  # the exchange's largest limit order
F_LOW_PRICE = 13  # a last price below this allows the bid to be withdrawn
F_MARGIN = 14  # opening margin per contract, Money
F_PERMITTED = 15
F_STEP = 16
F_BEFORE = 17  # last trade before today, else the previous settlement (A31)
F_ON_INQUIRY = 18  # 1 where only inquiries are answered: general maker of the class (O-01)
F_DESIGNATED = 19  # 1 for a contract the exchange assigned to us (L-07)
F_COLUMNS = 20

# expiry_meta int64[expiries, ...] and expiry_fit float64[expiries, ...]
E_KLASS = 0
E_PAIR_START = 1  # rows of `pairs` int64[pairs, 3]: call slot, put slot, strike
E_PAIR_STOP = 2
E_DAYS = 3  # full trading days after today up to the last trading day
E_LAST_DAY = 4
E_COLUMNS = 5

X_DISCOUNT = 0
X_BASIS = 1  # forward less underlying, yuan, smoothed
X_FORWARD = 2
X_TAU = 3
X_YEARS = 4  # calendar time of discounting
X_COLUMNS = 5

# curves float64[3, expiries, kernels.desk.curves.layout.ROW]
PUBLISHED = 0  # the curves that price
STAGED = 1  # the last fit, published or not: a far move needs a second one that agrees
SETTLED = 2  # from the previous settlement prices

# life int64[expiries, ...]: where the curve of an expiry stands (curve_life)
V_STATE = 0
V_RUNG = 1
V_STATUS = 2  # of the last fit attempt (curves.layout)
V_MODEL = 3  # model of the last fit attempt, a fallback included
V_FITS = 4  # own fits published today
V_FAILED = 5  # updates in a row without one
V_AT = 6  # stamp of the last own one; of the first update before there is one
V_VERSION = 7  # version of the class that brought the published row
V_TOLD = 8  # what people were told of (curve_kernels.standing_code)
V_FORWARD = 9  # rung of the forward (kernels.desk.carry)
V_PARITY_AT = 10  # stamp of the last forward by parity; of the first update before there is one
V_COLUMNS = 11

# theo float64[slots, ...]
T_PRICE = 0  # yuan per unit; NaN until a curve exists
T_DELTA = 1
T_GAMMA = 2
T_VEGA = 3
T_THETA = 4
T_RHO = 5
T_VOL = 6
T_RESIDUAL = 7  # the others' mid less the curve, yuan, smoothed
T_COLUMNS = 8

# work int64[slots, 2 * W_COLUMNS]: the life of each side of the quote
W_STATE = 0
W_LIVE_ID = 1  # counter of the client id that rests, 0 none
W_LIVE_PX = 2
W_LIVE_QTY = 3
W_LIVE_EFFECT = 4
W_LIVE_AT = 5  # exchange stamp since when it rests
W_PEND_ID = 6  # counter of the id that was sent and not answered
W_PEND_PX = 7
W_PEND_QTY = 8
W_PEND_EFFECT = 9
W_PEND_FILLED = 10  # filled before its acknowledgement
W_SENT_AT = 11
W_CANCEL_ID = 12  # counter of the cancel in flight, 0 none
W_COLUMNS = 13

# desk int64[slots, ...]: standing of a contract
D_STATE = 0  # TradingState in force, link and duty roster included
D_SWEEP = 1  # 1 while everything that may rest has to be cancelled first (take-over)
D_HOLD_UNTIL = 2  # no new quote before (after a rejection)
D_INQUIRY_UNTIL = 3  # a two-sided quote is owed until
D_AUCTION_SINCE = 4  # stamp at which an intraday auction was first seen, 0 none
D_FILLS = 5  # fills inside the window of P16's monitor
D_FILLS_SINCE = 6
D_REST_BUY = 7  # highest price of own single buy orders that may rest, 0 none
D_REST_SELL = 8  # lowest price of own single sell orders that may rest, 0 none
D_ORDER_BUY = 9  # quantity of own single buy orders that may rest
D_ORDER_SELL = 10
D_ORDER_CLOSE_BUY = 11  # of those, quantity that closes
D_ORDER_CLOSE_SELL = 12
D_LAST_AT = 13  # stamp of the snapshot that brought the last trade
D_NEED = 14  # 1e-6 of the remaining continuous time that must comply to reach the target
D_COLUMNS = 15

# want int64[n, ...]: a quote somebody wants, before the ladder
Q_SLOT = 0
Q_BID = 1
Q_BID_QTY = 2  # 0: this side is not carried
Q_BID_EFFECT = 3
Q_ASK = 4
Q_ASK_QTY = 5
Q_ASK_EFFECT = 6
Q_PRIORITY = 7
Q_CODE = 8  # answer of the ladder: 0 passed, else the Check that stopped it
Q_WARNED = 9  # first check that only warns and failed, 0 none
Q_COLUMNS = 10

# context int64[n, ...]: what the ladder needs to know about the contract of a want row
C_STATE = 0
C_PHASE = 1
C_FLAGS = 2
C_PERMITTED = 3
C_FROZEN = 4  # 1 inside a no-cancel window
C_UP = 5
C_DOWN = 6
C_STEP = 7
C_UNIT = 8
C_THEO = 9  # Ticks, -1 when not valid
C_THEO_AGE = 10  # Nanos
C_LAST = 11  # reference of P10: mid of the others, else last trade, 0 none
C_OTHER_BID = 12  # best prices of other participants, 0 none
C_OTHER_ASK = 13
C_OWN_BID = 14  # own previous quote, 0 none
C_OWN_ASK = 15
C_REST_BUY = 16  # own buying interest that this message does not replace, 0 none
C_REST_SELL = 17
C_NET = 18
C_LONG = 19
C_SHORT = 20
C_CLOSING_BUY = 21  # working quantity that already claims the short position
C_CLOSING_SELL = 22
C_WORK_BUY = 23  # all own working buy quantity, unknown at full size
C_WORK_SELL = 24
C_MARGIN = 25
C_QTY_MAX = 26
C_REPLACES = 27  # 1 when the message would replace something that rests
C_COLUMNS = 28

# totals int64[...]: worst case of class and book, reserved row by row
S_LONG = 0
S_TOTAL = 1
S_BUY_OPEN = 2
S_FUNDS = 3  # margin of shorts and working sales, premium of working purchases, Money
S_TOKENS = 4  # messages that may still be sent now
S_COLUMNS = 5

# limits int64[...], one row per class
L_QTY = 0
L_VALUE = 1  # Money per side
L_THEO_SHARE = 2  # 1e-4
L_THEO_TICKS = 3
L_THEO_AGE = 4
L_LAST_SHARE = 5
L_LAST_TICKS = 6
L_OWN_SHARE = 7
L_OWN_TICKS = 8
L_CROSS = 9
L_POSITION = 10
L_LONG = 11
L_TOTAL = 12
L_BUY_OPEN = 13
L_FUNDS = 14
L_RESERVE = 15  # tokens that quotes leave for cancels
L_COLUMNS = 16
