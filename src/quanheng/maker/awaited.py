"""What the maker waits for from the exchange, and asking again for what may be lost.

A report that is lost leaves a gap that the next one shows. The last of a stream leaves none, so
whatever has waited too long asks for the reports that come next (F23, I-12).
"""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker.instruction_state import Instruction
from quanheng.maker.lifecycle import Life
from quanheng.maker.messages import Effects, MakerOpen, Resync
from quanheng.maker.state import Order, State
from quanheng.terms.codes import Link
from quanheng.terms.etf import ETF_SET
from quanheng.terms.units import SECOND, Nanos

ASK_EVERY = 10 * SECOND
"""Of one message's wait: how often what it waits for is asked for again."""
LOOK_EVERY = SECOND
"""Between two looks (`maker.WATCH_NANOS`)."""

_UNANSWERED = (Life.PENDING, Life.CANCELLING, Life.UNKNOWN)


def ask_again(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Ask for the reports that come next once a message has waited longer than P34 allows, and
    every so often while it waits.
    """
    if state.scopes.link != Link.READY or not opened.chain.classes:
        return
    late = oldest(state, at) - int(state.limits[0, c.L_WAIT])
    if late > 0 and (late - 1) % ASK_EVERY < LOOK_EVERY:
        wanted = dict(state.next_index)
        if state.etf.working:  # none of its answers may have come yet
            wanted.setdefault(ETF_SET, 1)
        effects.append(Resync(wanted))


def oldest(state: State, at: Nanos) -> Nanos:
    """The longest that a quote, a single order, an instruction, a cancel of one or a hedge has
    waited for its answer; 0 when none does. More than P34 counts: that check leaves UNKNOWN to the
    line, but the cancel that has to end it can be lost while the line is ready.
    """
    since = at
    for base in (0, c.W_COLUMNS):
        sent = state.work[:, base + c.W_PEND_ID] != 0
        waits = sent | (state.work[:, base + c.W_CANCEL_ID] != 0)
        if waits.any():
            since = min(since, int(np.min(state.work[waits, base + c.W_SENT_AT])))
    orders = [one.sent_at for one in state.orders.values() if _waits(one)]
    others = [one.sent_at for one in state.business.working.values() if _waits(one)]
    hedges = [one.at for one in state.etf.working.values()]  # they trade at once or are gone
    return at - min(since, *orders, *others, *hedges, at)


def _waits(one: Order | Instruction) -> bool:
    return one.life in _UNANSWERED or one.cancel_id != 0
