"""What must hold of a maker's state at any moment, as counts of violations."""

import numpy as np

from quanheng.books.combinations import tied
from quanheng.books.positions import check_identity
from quanheng.maker import columns as c
from quanheng.maker import ledger
from quanheng.maker.lifecycle import Life
from quanheng.maker.state import State


def invariants(state: State) -> dict[str, int]:
    """Violations by name; all zero in a healthy state after the close (unknown and resting too)."""
    ask = c.W_COLUMNS
    lives = np.concatenate((state.work[:, c.W_STATE], state.work[:, ask + c.W_STATE]))
    quantities = np.concatenate(
        (
            state.work[:, [c.W_LIVE_QTY, c.W_PEND_QTY]].reshape(-1),
            state.work[:, [ask + c.W_LIVE_QTY, ask + c.W_PEND_QTY]].reshape(-1),
        )
    )
    pending = np.concatenate((state.work[:, c.W_PEND_ID], state.work[:, ask + c.W_PEND_ID]))
    audit = state.audit
    singles = [order.life for order in state.orders.values()]
    return {
        "sent without passing": abs(audit.sent - audit.passed),
        "sent against the life-cycle": audit.forbidden,
        "ids beyond the reserved block": max(0, state.ids.counter - state.ids.reserved),
        "ids from the future": int((pending > state.ids.counter).sum()),
        "negative quantities": int((quantities < 0).sum()),
        "curves against their life-cycle": int((state.surface.life[:, c.V_STATE] < 0).sum()),
        "inquiries against their life-cycle": state.inquiries.forbidden,
        "orders unknown": int((lives == Life.UNKNOWN).sum()) + singles.count(int(Life.UNKNOWN)),
        "orders resting": int((lives != Life.NONE).sum()) + len(singles),
        "reports missing": len(state.gaps),
        "reports of foreign ids": audit.foreign,
        "classes whose terms are not their profit": ledger.off(state),
        "money identity": int(check_identity(state.book) != 0),
        "negative positions": int(
            (state.book.long_qty < 0).sum() + (state.book.short_qty < 0).sum()
        ),
        "instructions unknown": sum(
            one.life == Life.UNKNOWN for one in state.business.working.values()
        ),
        "combinations beyond the positions": _untied(state),
    }


def _untied(state: State) -> int:
    """Contracts of which combinations hold more than the account does."""
    long, short = tied(state.book.long_qty.size, state.business.held)
    return int((long > state.book.long_qty).sum() + (short > state.book.short_qty).sum())
