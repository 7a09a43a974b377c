"""The effective two-sided state of each market maker by the depth reading (rules.md 10.1-3, A03).

The bid is the highest price at or above which the maker's remaining orders reach the minimum
size, with all of their quantity there; the ask likewise. The size in force follows the phase.
"""

from quanheng.exchange.layout import (
    ASK_SIDE,
    BID_SIDE,
    C_MAKERS,
    C_MIN_AUCTION,
    C_MIN_CONTINUOUS,
    C_QUOTES,
    C_TOUCHED,
    N_BID,
    O_OWNER,
    O_PRICE,
    O_QTY,
    PHASE,
    QUOTE_ROW,
    ROWS,
    Ints,
    Market,
)
from quanheng.kernels.jit import kernel
from quanheng.terms.codes import Phase

OPENING = int(Phase.OPENING)
CLOSING = int(Phase.CLOSING)
INTRADAY = int(Phase.INTRADAY)


@kernel
def least(m: Market, slot: int) -> int:
    """The minimum size in force: 1 in call auctions, else that of continuous trading (Q-02).

    Breaks and halts keep the continuous size, so that they alter no row.
    """
    phase = m.info[slot, PHASE]
    auction = phase in (OPENING, CLOSING, INTRADAY)
    return int(m.ctl[C_MIN_AUCTION] if auction else m.ctl[C_MIN_CONTINUOUS])


@kernel
def effective(m: Market, slot: int, side: int, owner: int, size: int, out: Ints) -> None:
    """Write (price, quantity) of one side; (0, 0) if the maker does not reach the size."""
    total = 0
    price = 0
    for i in range(m.info[slot, N_BID + side]):
        order = m.book[slot, side, i]
        if order[O_OWNER] != owner:
            continue
        if total >= size and order[O_PRICE] != price:
            break
        total += order[O_QTY]
        price = order[O_PRICE]
    good = total >= size
    out[0] = price if good else 0
    out[1] = total if good else 0


@kernel
def look(m: Market, standing: Ints, rows: Ints, at: int) -> int:
    """Append a quote row for every touched (maker, contract) whose effective state changed.

    `standing` is int64[makers, slots, 4] of what was last written. Returns the first new row.
    When the table is full the rest stays touched: empty it and look again.
    """
    first = m.ctl[C_QUOTES]
    new = rows[0, :4].copy()
    for slot in range(m.touch.shape[0]):
        for owner in range(m.ctl[C_MAKERS]):
            if m.touch[slot, owner] == 0:
                continue
            if m.ctl[C_QUOTES] >= ROWS:
                return int(first)
            m.touch[slot, owner] = 0
            size = least(m, slot)
            effective(m, slot, BID_SIDE, owner, size, new[0:2])
            effective(m, slot, ASK_SIDE, owner, size, new[2:4])
            old = standing[owner, slot]
            if new[0] == old[0] and new[1] == old[1] and new[2] == old[2] and new[3] == old[3]:
                continue
            old[:] = new
            row = rows[m.ctl[C_QUOTES]]
            row[0] = owner
            row[1] = slot
            row[2] = at
            row[3:QUOTE_ROW] = new
            m.ctl[C_QUOTES] += 1
    m.ctl[C_TOUCHED] = 0
    return int(first)
