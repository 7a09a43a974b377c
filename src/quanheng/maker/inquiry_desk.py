"""What traders do about inquiries: take one over, answer it, give it back (Q-06).

A person's answer is no message of its own: its prices stand in the contract's standing, and
`quoting` sends, holds and renews them as it does the strategy's, through the same ladder.
"""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import inquiries
from quanheng.maker import quote_kernels as q
from quanheng.maker.inquiries import LEAD, TIMER
from quanheng.maker.inquiry_life import OPEN, Asked, Happening, Stage
from quanheng.maker.inquiry_views import show
from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.quoting import plan, preview, scalars
from quanheng.maker.roster import signed_on
from quanheng.maker.state import State
from quanheng.runtime.envelope import RaiseAlert, TimerFired, WakeAt
from quanheng.terms.codes import Alert
from quanheng.terms.commands import AnswerInquiry, GiveBackInquiry, InquiryCommand, TakeInquiry
from quanheng.terms.units import MONEY_PER_YUAN, Lots, Nanos, Slot


def command(
    state: State, opened: MakerOpen, body: InquiryCommand, at: Nanos, effects: Effects
) -> None:
    """Follow a trader's command, or say why not."""
    queue = state.inquiries
    asked = queue.asked.get(queue.numbers.get(body.inquiry, 0))
    if asked is None:
        _refuse(body, "*", f"there is no inquiry {body.inquiry}", effects)
        return
    contract = opened.chain.contracts[asked.slot]
    why = _problem(state, asked, body, contract.underlying, at)
    if why:
        _refuse(body, contract.code, why, effects)
        return
    match body:
        case TakeInquiry():
            _take(state, opened, asked, body.by, at, effects)
        case GiveBackInquiry():
            inquiries.give_back(state, opened, asked, at, effects)
            plan(state, opened, _klass(state, asked.slot), at, effects)
        case AnswerInquiry():
            _answer(state, opened, asked, body, at, effects)


def _klass(state: State, slot: Slot) -> int:
    return int(state.tables.fixed[slot, c.F_KLASS])


def _refuse(body: InquiryCommand, scope: str, why: str, effects: Effects) -> None:
    kind = type(body).__struct_config__.tag
    effects.append(RaiseAlert(Alert.CHECK_DENIED, scope, (str(kind), body.by, why)))


def _problem(state: State, asked: Asked, body: InquiryCommand, underlying: str, at: Nanos) -> str:
    """Why somebody may not do this with an inquiry now, "" when he or she may."""
    name = asked.inquiry
    if not signed_on(state.scopes.duty, body.by, underlying):
        return f"{body.by} is not signed on as a trader for {underlying}"
    if asked.stage not in OPEN:
        return f"inquiry {name} is {Stage(asked.stage).name.lower()} already"
    taken = asked.stage == Stage.TAKEN
    if isinstance(body, TakeInquiry):
        if taken:
            return f"inquiry {name} is taken by {asked.taken_by}"
        late = at >= asked.due - LEAD
        return f"the machine answers {name} now: {LEAD // 10**9} s are left" if late else ""
    if not taken or asked.taken_by != body.by:
        return f"inquiry {name} is not taken by {body.by}"
    return ""


def _take(
    state: State, opened: MakerOpen, asked: Asked, by: str, at: Nanos, effects: Effects
) -> None:
    """Leave it to a person until shortly before it is due; what stands is held meanwhile."""
    inquiries.move(state, asked, Happening.TAKE)
    asked.taken_by, asked.by = by, ""
    asked.machine_from = asked.due - LEAD
    code = opened.chain.contracts[asked.slot].code
    effects.append(RaiseAlert(Alert.INQUIRY_TAKEN, code, (asked.inquiry, by)))
    effects.append(WakeAt(f"{TIMER}{asked.number}", asked.machine_from))
    show(state, asked, at, effects)
    inquiries.owe(state, opened, asked.slot, at)


def _answer(
    state: State,
    opened: MakerOpen,
    asked: Asked,
    body: AnswerInquiry,
    at: Nanos,
    effects: Effects,
) -> None:
    """Let a person's prices stand in place of the strategy's, if they would count and pass."""
    slot, code = asked.slot, opened.chain.contracts[asked.slot].code
    why = _lacking(state, opened, slot, body)
    want = _want(state, opened, slot, body, at)
    if not why and not (want[0, c.Q_BID_QTY] and want[0, c.Q_ASK_QTY]):
        why = "position, limits or state leave room for one side only"
    if why:
        _refuse(body, code, why, effects)
        return
    check = preview(state, opened, want, at)
    if check is not None:
        state.denied[check] += 1
        known = (int(check), BY_CHECK[check].exchange_code, state.parameters.version, code)
        args = (*known, body.by, body.bid, body.ask)
        effects.append(RaiseAlert(Alert.CHECK_DENIED, code, args))
        return
    row = state.desk[slot]
    row[c.D_ANSWER_BID], row[c.D_ANSWER_BID_QTY] = body.bid, body.bid_qty
    row[c.D_ANSWER_ASK], row[c.D_ANSWER_ASK_QTY] = body.ask, body.ask_qty
    state.inquiries.answers[slot] = asked.by = body.by
    told = (asked.inquiry, body.by, body.bid, body.bid_qty, body.ask, body.ask_qty)
    effects.append(RaiseAlert(Alert.INQUIRY_ANSWERED, code, told))
    inquiries.owe(state, opened, slot, at)
    plan(state, opened, _klass(state, slot), at, effects)


def _lacking(state: State, opened: MakerOpen, slot: Slot, body: AnswerInquiry) -> str:
    """What an answer lacks to count as one, "" for nothing: two sides, size, spread, theory."""
    least: Lots = opened.rulebook.duty.size_continuous
    if min(body.bid_qty, body.ask_qty) < least:
        return f"an answer has at least {least} contracts on each side"
    if not 0 < body.bid < body.ask:
        return "an answer has a bid below its ask"
    widest = int(q.widest_ask(body.bid, state.tables.fixed[slot]))
    if body.ask > widest:
        return f"the widest ask for a bid of {body.bid} is {widest} ticks"
    value = float(state.surface.theo[slot, c.T_PRICE]) * MONEY_PER_YUAN
    if not body.bid <= value <= body.ask:
        return f"theory, {value:.1f} ticks, lies outside {body.bid} to {body.ask}"
    return ""


def _want(
    state: State, opened: MakerOpen, slot: Slot, body: AnswerInquiry, at: Nanos
) -> np.ndarray:
    """The quote an answer would be: its sizes as positions and limits leave them."""
    g = scalars(state, opened, _klass(state, slot), at)
    book = state.book
    held = np.array([book.long_qty[slot], book.short_qty[slot]], dtype=np.int64)
    qtys = np.array([body.bid_qty, body.ask_qty], dtype=np.int64)
    bid_qty, bid_effect, ask_qty, ask_effect = q.sides(
        state.tables.fixed[slot],
        state.view.rows[slot],
        state.work[slot],
        state.desk[slot],
        state.parameters.values[slot],
        held,
        g,
        qtys,
    )
    want = np.zeros((1, c.Q_COLUMNS), dtype=np.int64)
    want[0, : c.Q_PRIORITY] = slot, body.bid, bid_qty, bid_effect, body.ask, ask_qty, ask_effect
    return want


def woken(state: State, opened: MakerOpen, body: TimerFired, at: Nanos, effects: Effects) -> None:
    """The machine's turn has come for an inquiry that was left to people."""
    asked = state.inquiries.asked.get(int(body.name.removeprefix(TIMER)))
    if asked is not None and asked.stage in OPEN and at >= asked.machine_from:
        stamp = max(at - inquiries.GRACE, asked.arrived)
        inquiries.settle(state, opened, asked.slot, stamp, at, effects)
        plan(state, opened, _klass(state, asked.slot), at, effects)
