"""The trade table: events of a kernel call become dataset rows (duty_dataset.md, `trades`)."""

from quanheng.exchange.layout import (
    C_EVENTS,
    C_MAKERS,
    C_TRADES,
    E_AGGRESSOR,
    E_BUY_AT,
    E_BUY_FLAGS,
    E_BUYER,
    E_KIND,
    E_PRICE,
    E_QTY,
    E_SLOT,
    MARKET,
    TRADED,
    Ints,
    Market,
)
from quanheng.kernels.jit import kernel


@kernel
def log_trades(m: Market, rows: Ints, at: int) -> None:
    """Append the trades among the waiting events; the caller made room for all of them.

    Who is no maker is -1 less its kind (`layout.PUBLIC`): the dataset knows it as nobody.
    """
    for i in range(m.ctl[C_EVENTS]):
        event = m.ev[i]
        if event[E_KIND] != TRADED:
            continue
        row = rows[m.ctl[C_TRADES]]
        row[0] = event[E_SLOT]
        row[1] = at
        row[2] = event[E_PRICE]
        row[3] = event[E_QTY]
        for side in range(2):
            owner = event[E_BUYER + side]
            kind = owner - m.ctl[C_MAKERS]
            row[4 + side] = owner if kind < 0 else -1 - kind
            row[6 + side] = event[E_BUY_AT + side]
            row[8 + side] = 0 if event[E_BUY_FLAGS + side] & MARKET else 1
        row[10] = event[E_AGGRESSOR]
        m.ctl[C_TRADES] += 1
