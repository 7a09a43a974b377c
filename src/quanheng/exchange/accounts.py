"""What must always hold of the venue's accounts and books (I-12, T-04)."""

import numpy as np

from quanheng.books.combinations import STRATEGIES
from quanheng.exchange import layout as lay
from quanheng.exchange.state import CROWD_CASH, State
from quanheng.terms.codes import Phase


def violations(state: State) -> dict[str, int]:
    """Violations by name.

    `positions`: contracts whose longs and shorts differ, or differ from the open interest;
    `negative`: negative positions; `money`: cash and fees do not add up to what members brought;
    `crossed`: continuous books whose best bid reaches the best ask; `sorted`: sides out of
    price-time order; `holds`: members' holds that differ from their working orders; `orders`:
    members' orders the names and the book disagree about.
    """
    if state.open is None:
        return {}
    long = state.acct[:, lay.LONG].sum(axis=0)
    short = state.acct[:, [lay.SHORT, lay.COVERED]].sum(axis=(0, 1))
    interest = state.info[:, lay.INTEREST]
    brought = sum(member.cash for member in state.open.members)
    brought += sum(one.cash for one in state.open.crowd)
    crowd = 0 if state.open.crowd else len(state.open.scenario.makers) + len(lay.PUBLIC)
    cash = int(state.fund[:, lay.CASH].sum()) + int(state.ctl[lay.C_EXCHANGE])
    crossed, unsorted = _books(state)
    holds, orders = _working(state)
    return {
        "positions": int(((long != short) | (long != interest)).sum()),
        "negative": int((state.acct < 0).sum()),
        "money": int(cash != brought + crowd * CROWD_CASH),
        "crossed": crossed,
        "sorted": unsorted,
        "holds": holds,
        "orders": orders,
    }


def _books(state: State) -> tuple[int, int]:
    crossed = unsorted = 0
    for slot in range(state.info.shape[0]):
        counts = state.info[slot, lay.N_BID : lay.N_ASK + 1].tolist()
        sides = [
            [(row[lay.O_PRICE], row[lay.O_ID], row[lay.O_QTY]) for row in part[:count].tolist()]
            for part, count in zip(state.book[slot], counts, strict=True)
        ]
        for sign, side in zip((-1, 1), sides, strict=True):
            keys = [(sign * price, number) for price, number, _ in side]
            unsorted += keys != sorted(keys) or any(qty <= 0 for _, _, qty in side)
        if state.info[slot, lay.PHASE] == Phase.CONTINUOUS and sides[0] and sides[1]:
            crossed += sides[0][0][0] >= sides[1][0][0]
    return crossed, unsorted


def _working(state: State) -> tuple[int, int]:
    """Recount members' holds and names from the books."""
    members = len(state.desks)
    shape = state.acct.shape
    held = np.zeros((members, 3, shape[2]), dtype=np.int64)
    behind = np.zeros((members, state.risk.shape[1]), dtype=np.int64)
    fund = np.zeros((members, 2), dtype=np.int64)
    risk = np.zeros((members, state.risk.shape[1], 2), dtype=np.int64)
    names = 0
    for slot in range(state.info.shape[0]):
        info = state.info[slot]
        for side in range(2):
            for row in state.book[slot, side, : info[lay.N_BID + side]].tolist():
                owner, qty, flags = row[lay.O_OWNER], row[lay.O_QTY], row[lay.O_FLAGS]
                if owner >= members:
                    continue
                desk = state.desks[owner]
                known = (
                    desk.quotes.get(slot * 2 + side)
                    if flags & lay.QUOTED
                    else state.live.get(row[lay.O_ID])
                )
                names += known is None
                covered = flags & lay.COVERED_FLAG
                if flags & lay.CLOSE:
                    held[owner, 2 if covered else 1 - side, slot] += qty
                    continue
                risk[owner, info[lay.KLASS], side] += qty
                if covered:
                    behind[owner, info[lay.KLASS]] += qty * info[lay.UNIT]
                    continue
                rate = row[lay.O_PRICE] * info[lay.UNIT] if side == 0 else info[lay.MARGIN_UNIT]
                fund[owner, side] += qty * rate
    for owner, desk in enumerate(state.desks):
        for one in desk.combinations.values():
            for slot, form in zip(one.slots, STRATEGIES[one.strategy], strict=True):
                held[owner, int(form.short), slot] += one.units
    kept = state.acct[:members, [lay.HELD_LONG, lay.HELD_SHORT, lay.HELD_COVERED]]
    wrong = int((kept != held).sum())
    for slot, klass in enumerate(state.info[:, lay.KLASS].tolist()):
        behind[:, klass] += state.acct[:members, lay.COVERED, slot] * state.info[slot, lay.UNIT]
    wrong += int((state.risk[:members, :, lay.R_COVERED] != behind).sum())
    wrong += int((state.fund[:members, lay.HELD_PREMIUM : lay.HELD_MARGIN + 1] != fund).sum())
    wrong += int((state.risk[:members, :, lay.R_WORK_BUY : lay.R_WORK_SELL + 1] != risk).sum())
    return wrong, names
