"""What every strategy is given and answers (I-17, I-19).

A strategy is a kernel `name(x: float64[INPUTS], out: float64[OUTPUTS]) -> None` without memory:
everything it may know stands in `x`, so a test works its answer out by hand. Prices are in Ticks
and need not lie on the step: rounding, price limits and the cap of the contract's month are the
caller's. The allowed spread A of the contract at its theoretical price is the unit of widths.
"""

NAMES = ("", "fixed", "lean", "glft", "duty")
"""Names by code; the code is the value of the parameter `strategy`."""
FIXED, LEAN, GLFT, DUTY = 1, 2, 3, 4

# x: the contract
VALUE = 0  # theoretical price, Ticks
CAP = 1  # A, Ticks
DELTA = 2
VEGA = 3  # Ticks per vol point
QTY = 4  # quantity of a competitive side, contracts
LEAST = 5  # smallest quantity that counts
LOT_DELTA = 6  # of QTY contracts: yuan per 1 % of the underlying
LOT_VEGA = 7  # and yuan per vol point
LOT_TICK = 8  # and yuan per Tick
# the inventory, 1 = full: contracts, class delta, class vega, gamma around the strike
OWN = 9
BOOK_DELTA = 10
BOOK_VEGA = 11
CLUSTER = 12
# the same as money: yuan per 1 %, yuan per vol point
RISK_DELTA = 13
RISK_VEGA = 14
# the market
TOXIC = 15  # share of A that mark-outs of the own fills ask for on top, each side
SPOT_SD = 16  # standard deviation of the underlying over one second, in per cent
VOL_SD = 17  # of implied volatility, in vol points
# the obligation
NEED = 18  # share of the remaining continuous time that must comply to reach the target, 0 to 1
# parameters
WIDTH = 19  # share of A
WIDTH_STRESS = 20
LEAN_OWN = 21  # half widths at full inventory
LEAN_DELTA = 22
LEAN_VEGA = 23  # vol points at full inventory
LEAN_GAMMA = 24
RISK_AVERSION = 25  # per (A x lot)
DECAY = 26  # of the fill intensity, per A
INTENSITY = 27  # fills of a lot per second at the theoretical price
DUTY_RISK = 28  # shares of A that full inventory costs
DUTY_VALUE = 29  # shares of A that the obligation is worth while every second is needed
WIDTH_FREE = 30  # share of A once the risk costs more than that
INPUTS = 31

BID = 0
ASK = 1
BID_QTY = 2
ASK_QTY = 3
SPREAD = 4  # widest spread the answer may be given, shares of A; above 1 it need not comply
OUTPUTS = 5
