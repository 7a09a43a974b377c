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
X_UNSURE = 5  # 1 while the expiry is priced with a level alone, so quotes go wide
X_COLUMNS = 6

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
D_ANSWER_UNTIL = 15  # a person's own prices answer an inquiry until (inquiry_desk)
D_ANSWER_BID = 16
D_ANSWER_BID_QTY = 17
D_ANSWER_ASK = 18
D_ANSWER_ASK_QTY = 19
D_TIED_LONG = 20  # long contracts behind combinations and exercises, in flight included
D_TIED_SHORT = 21
D_MISSING_SINCE = 22  # stamp since when the book lacks an own quote that should rest, 0 none
D_COLUMNS = 23

# held int64[...]: of one contract, for the planner
H_LONG = 0
H_SHORT = 1
H_MOST = 2  # its position limit in force (P18)
H_COLUMNS = 3

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

# actions int64[checks + 1, ...]: what each check does, by its number
A_ACTION = 0  # Action; ALLOW where the ladder has no rung
A_SOFT = 1  # 1 when one of its limits warns before it denies
A_COLUMNS = 2

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
C_SAME_BID = 28  # messages with this price and quantity within P14's window
C_SAME_ASK = 29
C_FILLS = 30  # fills inside P16's window
C_GREEKS = 31  # 1 when the contract has a theoretical price
C_DELTA = 32  # of one contract, Money per 1 % of the underlying
C_GAMMA = 33  # Money per 1 % per 1 %
C_VEGA = 34  # Money per vol point
C_THETA = 35  # Money per trading day
C_COVERED = 36  # 1 when the sale is covered (备兑)
C_LOCKED = 37  # units of the underlying that are locked and free
C_LAST_DAY = 38  # 1 on the contract's last trading day
C_ASSIGN = 39  # Money that one short contract may need when assigned, 0 before the last day
C_WIDEST = 40  # widest ask that complies with the bid, 0 when the quote is not two-sided
C_LEAST = 41  # smallest quantity that counts for the duty
C_ORIGIN = 42  # 0 a quote, 1 a person's order
C_CONFIRMED = 43  # of a person's order: 0 not, 1 by the person, 2 by a second person
C_ACCOUNT = 44  # Account flags of the class (limits.ACCOUNT_*)
C_AGREED = 45  # 1 under a signed agreement in force, accounts reported in time
C_FILED = 46  # 1 when the strategy's filing for program trading is in force
C_APPROVED = 47  # 1 when strategy and curve model are released
C_COLUMNS = 48

# totals int64[...]: worst case of class and book, reserved row by row
S_LONG = 0
S_TOTAL = 1
S_BUY_OPEN = 2
S_FUNDS = 3  # margin of shorts and working sales, premium of working purchases, Money
S_TOKENS = 4  # messages that may still be sent now
# Greeks of the class, Money as in C_DELTA: positions, and all working interest that adds to a side
S_DELTA_UP = 5
S_DELTA_DOWN = 6
S_GAMMA_UP = 7
S_GAMMA_DOWN = 8
S_VEGA_UP = 9
S_VEGA_DOWN = 10
S_THETA_UP = 11
S_THETA_DOWN = 12
S_BLIND = 13  # contracts with a position or working interest and without Greeks
S_PREMIUM = 14  # of working purchases, whole book
S_ASSIGN = 15  # Money that shorts on their last day may need, whole book
S_LOSS = 16  # of the class since the opening, Money; negative is a gain
S_WAIT = 17  # age of the oldest unanswered message, Nanos
S_PENDING = 18  # messages without an answer
S_CASH = 19
S_LOSS_DESK = 20
S_VAR = 21  # value at risk in Money; -1 when the figure is missing or stale
S_CLOCK = 22  # second of the day
S_MESSAGES = 23  # orders, quotes and cancels of the day, whole book
S_DEALS = 24  # fills of the day, whole book
S_DAY_ORDERS = 25  # orders and quotes of the class today
S_DAY_QTY = 26  # contracts traded
S_DAY_VALUE = 27  # Money traded
S_DAY_OPENED = 28  # contracts opened, bought or sold
S_REJECTS = 29  # refused by the exchange within a second
S_REFUSED = 30  # of the last 50 answers
S_LATE = 31  # of the last 100 answers, those over the limit of P34
S_UNEXPLAINED = 32  # fills of orders that are not ours
S_GAP = 33  # age of the oldest gap in the reports, Nanos
S_EPOCHS = 34  # how far the epoch of the ids is behind the highest one heard of
S_OLD_LONG = 35  # of the firm's other account in the class; -1 when its figure is stale
S_OLD_TOTAL = 36
S_OLD_BUY_OPEN = 37
S_COLUMNS = 38

# limits int64[...], one row per contract
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
L_REPEATS = 16
L_FILLS = 17
L_MESSAGES = 18  # messages of the day before the ratio to fills counts
L_RATIO = 19  # messages per fill
L_DELTA = 20  # gamma, vega and theta follow it
L_GAMMA = 21
L_VEGA = 22
L_THETA = 23
L_CUTOFF = 24  # second of the last trading day until which shorts may be opened
L_LOSS = 25
L_LOSS_DESK = 26
L_VAR = 27
L_CONFIRM = 28  # Money of a person's order that needs no confirmation
L_SECOND = 29  # and of one that needs no second person
L_DAY_ORDERS = 30
L_DAY_QTY = 31
L_DAY_VALUE = 32
L_DAY_OPENED = 33
L_REJECTS = 34
L_REFUSED = 35
L_WAIT = 36  # Nanos
L_LATE = 37
L_PENDING = 38
L_UNEXPLAINED = 39
L_GAP = 40  # Nanos
L_ORDINARY_LONG = 41  # limits of an account that is no market maker's
L_ORDINARY_TOTAL = 42
L_MMP_FILLS = 43  # protection window of the class; lots, value, delta and vega follow it
L_MMP_LOTS = 44
L_MMP_VALUE = 45
L_MMP_DELTA = 46
L_MMP_VEGA = 47
L_FEE = 48  # dearest fee of one contract, Money; a fact of the rulebook, not a limit
L_COLUMNS = 49
