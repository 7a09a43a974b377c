"""What becomes of inquiries: answered, held, broken, missed or excused (Q-06, E-04).

The verdicts are the duty meter's (`duties.responses`), told while they come about: `settle` looks
at a contract's open inquiries whenever its quote, its phase or the time has moved. Quotes are made
by `quoting` alone; here only stands until when a two-sided one is owed.
"""

import math

from quanheng.duties import measure
from quanheng.duties.lanes import Cell
from quanheng.duties.responses import FOREVER
from quanheng.maker import columns as c
from quanheng.maker import inquiry_life as life
from quanheng.maker.inquiry_life import Asked, Happening, Stage
from quanheng.maker.inquiry_views import show
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.parameters import INDEX, P_MAX_POSITION
from quanheng.maker.roster import signed_on
from quanheng.maker.state import State
from quanheng.maker.states import trader
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms import market
from quanheng.terms.codes import Alert, Check, Link, Phase, TradingState
from quanheng.terms.market import Inquiry
from quanheng.terms.units import MILLISECOND, SECOND, Nanos, Slot

GRACE = SECOND
"""A quote is held this much longer than due, and time alone ends nothing before it is this much
over: messages need time."""

LEAD = 5 * SECOND
"""Before an inquiry is due the machine answers what the person who took it has not."""

TIMER = "inquiry "
MOST = 4_096
"""Inquiries that are remembered; the oldest one that is over is forgotten first."""


def arrive(
    state: State, opened: MakerOpen, inquiry: Inquiry, at: Nanos, effects: Effects
) -> Slot | None:
    """Queue an inquiry; its contract, or None when it was heard before or the queue is full.

    ValueError names a contract that is not in the chain.
    """
    slot = state.tables.slots.get(inquiry.contract)
    if slot is None:
        raise ValueError(f"maker: inquiry {inquiry.inquiry} names contract {inquiry.contract}")
    queue = state.inquiries
    if inquiry.inquiry in queue.numbers:
        state.audit.duplicates += 1
        return None
    state.audit.inquiries += 1
    number, arrived = state.audit.inquiries, inquiry.at
    if state.meter is not None:
        measure.on_inquiry(state.meter, slot, inquiry.at, number)
        arrived = state.meter.lanes[slot].at
    if not _room(state):
        effects.append(
            RaiseAlert(Alert.INQUIRY_MISSED, inquiry.contract, (inquiry.inquiry, "queue"))
        )
        return None
    wait = int(state.parameters.values[slot, INDEX["inquiry_wait"]]) * MILLISECOND
    due = arrived + opened.rulebook.duty.inquiry_answer
    given = (inquiry.inquiry, slot, inquiry.side, inquiry.qty)
    queue.asked[number] = Asked(number, *given, arrived, due, at + wait)
    queue.numbers[inquiry.inquiry] = number
    queue.open.setdefault(slot, []).append(number)
    show(state, queue.asked[number], at, effects)
    if wait:
        effects.append(WakeAt(f"{TIMER}{number}", at + wait))
    # The others were looked at when quote, phase or time moved: a flood costs each its own look.
    _look(state, opened, queue.asked[number], arrived, at, effects, False)
    if number in queue.open.get(slot, ()):
        until = owed_until(queue.asked[number], opened, at)
        state.desk[slot, c.D_INQUIRY_UNTIL] = max(int(state.desk[slot, c.D_INQUIRY_UNTIL]), until)
    return slot


def _room(state: State) -> bool:
    """True when one more can be remembered; makes room among what is over."""
    queue = state.inquiries
    if len(queue.asked) < MOST:
        return True
    oldest = queue.asked[next(iter(queue.asked))]
    if oldest.number in queue.open.get(oldest.slot, ()):
        return False
    del queue.asked[oldest.number], queue.numbers[oldest.inquiry]
    return True


def watch(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """What time alone does, once a second."""
    for slot in list(state.inquiries.open):
        settle(state, opened, slot, at - GRACE, at, effects)


def phase_ended(
    state: State, opened: MakerOpen, slot: Slot, stamp: Nanos, at: Nanos, effects: Effects
) -> None:
    """Continuous trading of a contract has ended: a hold never runs past it."""
    for number in state.inquiries.open.get(slot, ()):
        asked = state.inquiries.asked[number]
        asked.stop = min(asked.stop or FOREVER, stamp)
    settle(state, opened, slot, stamp, at, effects)


def settle(
    state: State,
    opened: MakerOpen,
    slot: Slot,
    stamp: Nanos,
    at: Nanos,
    effects: Effects,
    traded: bool = False,
) -> None:
    """Bring the open inquiries of a contract to the exchange's instant `stamp`; `traded` when it
    traded with us then. `at` is the machine's own clock.
    """
    numbers = state.inquiries.open.get(slot)
    if not numbers or state.meter is None:
        return
    for number in list(numbers):
        _look(state, opened, state.inquiries.asked[number], stamp, at, effects, traded)
    owe(state, opened, slot, at)


def _look(
    state: State,
    opened: MakerOpen,
    asked: Asked,
    stamp: Nanos,
    at: Nanos,
    effects: Effects,
    traded: bool,
) -> None:
    """Bring one open inquiry to the exchange's instant `stamp`."""
    slot, meter = asked.slot, state.meter
    if meter is None:
        return
    before = (asked.stage, asked.since, asked.breaks, asked.counts)
    if asked.counts == life.UNKNOWN and stamp > asked.arrived:
        asked.counts = int(measure.owes(meter, 0, slot, asked.arrived))
        asked.why = "" if asked.counts else _excuse(state, slot)
    if asked.stage in life.OPEN:
        _step(state, opened, asked, stamp, traded, effects)
    if asked.stage == Stage.TAKEN and at >= asked.machine_from:
        move(state, asked, Happening.TIME_UP)
    if asked.stage in (Stage.WAITING, Stage.TAKEN) and asked.since:
        _answered(state, opened, asked, stamp)
    if asked.stage not in life.OPEN and _over(state, opened, asked, stamp, at):
        _forget(state, asked)
    if before != (asked.stage, asked.since, asked.breaks, asked.counts):
        show(state, asked, at, effects)


def move(state: State, asked: Asked, happening: Happening) -> None:
    """Follow the table; a move it does not have is counted and not made."""
    to = life.TABLE[asked.stage][happening]
    if to == life.NEVER:
        state.inquiries.forbidden += 1
    else:
        asked.stage = to


def _stands(state: State, slot: Slot) -> bool:
    assert state.meter is not None, "the maker is open"
    cell: Cell | None = state.meter.lanes[slot].cells[0]
    return cell is not None and cell.compliant


def _step(
    state: State, opened: MakerOpen, asked: Asked, stamp: Nanos, traded: bool, effects: Effects
) -> None:
    """One look at an inquiry that is open: `responses.answered`, one entry at a time."""
    hold = opened.rulebook.duty.inquiry_hold
    stop = asked.stop or FOREVER
    reach = min(stamp, stop)
    stands = _stands(state, asked.slot)
    if stamp <= asked.arrived:
        if asked.stage == Stage.ANSWERED and not stands:
            # A late report says that what seemed to answer was gone before anybody asked.
            move(state, asked, Happening.BREAKS)
        _stand(asked, asked.arrived if stands else 0, hold)
    elif asked.since and reach - asked.since >= hold:
        _end(state, asked, Happening.KEPT)
    elif not asked.since and reach > asked.due:
        asked.why = asked.why or why_not(state, opened, asked.slot)
        _end(state, asked, Happening.DUE)
        if asked.stage == Stage.MISSED:
            _tell(state, opened, asked, Alert.INQUIRY_MISSED, effects)
    elif stamp > stop:
        asked.why = "phase"
        _end(state, asked, Happening.EXCUSE)
    elif asked.since and not stands and traded and stamp > asked.since:
        _end(state, asked, Happening.KEPT)
    elif asked.since and not stands and stamp < stop:
        _break(state, opened, asked, stamp, effects)
    elif stands and not asked.since and stamp <= asked.due and stamp < stop:
        # A gap without length is none: answers of one instant count as the last one of them.
        _stand(asked, asked.gap_since if asked.gap_at == stamp else stamp, hold)
        state.inquiries.denied.pop(asked.slot, None)


def _stand(asked: Asked, since: Nanos, hold: Nanos) -> None:
    asked.since, asked.hold_until = since, since + hold if since else 0


def _break(state: State, opened: MakerOpen, asked: Asked, stamp: Nanos, effects: Effects) -> None:
    """The quote that answered stands no longer, and its hold is not over."""
    asked.gap_at, asked.gap_since = stamp, asked.since
    _stand(asked, 0, 0)
    asked.breaks += 1
    if asked.counts:
        state.inquiries.counts[asked.slot, life.N_BREAKS] += 1
        asked.why = why_not(state, opened, asked.slot)
        _tell(state, opened, asked, Alert.INQUIRY_BROKEN, effects)
    move(state, asked, Happening.BREAKS)


def _answered(state: State, opened: MakerOpen, asked: Asked, stamp: Nanos) -> None:
    """A quote that counts stands; for one that is left to a person it has to be that person's."""
    if asked.stage == Stage.TAKEN:
        ask, work, standing = c.W_COLUMNS, state.work[asked.slot], state.desk[asked.slot]
        prices = (int(work[c.W_LIVE_PX]), int(work[ask + c.W_LIVE_PX]))
        own = (int(standing[c.D_ANSWER_BID]), int(standing[c.D_ANSWER_ASK]))
        if not asked.by or prices != own:
            return
        asked.hold_until = stamp + opened.rulebook.duty.inquiry_hold
    move(state, asked, Happening.STANDS)


def _end(state: State, asked: Asked, happening: Happening) -> None:
    """An inquiry is over; one that does not count is excused however it ended."""
    move(state, asked, happening if asked.counts else Happening.EXCUSE)
    row = state.inquiries.counts[asked.slot]
    if asked.stage == Stage.HELD:
        row[life.N_ASKED] += 1
        row[life.N_ANSWERED] += 1
        row[life.N_BY_HAND] += asked.by != ""
        asked.why = ""
    elif asked.stage == Stage.EXCUSED:
        row[life.N_EXCUSED] += 1


def _over(state: State, opened: MakerOpen, asked: Asked, stamp: Nanos, at: Nanos) -> bool:
    """True when an inquiry that has ended needs nothing any more: its hold has run out, and a
    missed one can no longer be cut off by the phase, which would excuse it.
    """
    if asked.stage != Stage.MISSED:
        return at >= asked.hold_until + GRACE
    duty = opened.rulebook.duty
    whole = asked.arrived + duty.inquiry_answer + duty.inquiry_hold
    if asked.stop and asked.stop < whole:
        asked.why = "phase"
        _end(state, asked, Happening.EXCUSE)
    elif stamp >= whole:
        state.inquiries.counts[asked.slot, life.N_ASKED] += 1
    else:
        return False
    return True


def _forget(state: State, asked: Asked) -> None:
    queue = state.inquiries
    queue.open[asked.slot].remove(asked.number)
    if not queue.open[asked.slot]:
        del queue.open[asked.slot]
        queue.denied.pop(asked.slot, None)


def owe(state: State, opened: MakerOpen, slot: Slot, at: Nanos) -> None:
    """Write until when both sides are owed, and until when a person's prices are used for it."""
    queue = state.inquiries
    both = by_hand = 0
    for number in queue.open.get(slot, ()):
        asked = queue.asked[number]
        until = owed_until(asked, opened, at)
        both = max(both, until)
        by_hand = max(by_hand, until if asked.by else 0)
    state.desk[slot, c.D_INQUIRY_UNTIL] = both
    state.desk[slot, c.D_ANSWER_UNTIL] = by_hand if slot in queue.answers else 0
    if not by_hand:
        queue.answers.pop(slot, None)


def owed_until(asked: Asked, opened: MakerOpen, at: Nanos) -> Nanos:
    """Until when one inquiry wants both sides, 0 when it does not."""
    duty = opened.rulebook.duty
    if asked.hold_until:
        return asked.hold_until + GRACE
    if asked.stage in life.OPEN and (asked.by or at >= asked.machine_from):
        return asked.arrived + duty.inquiry_answer + duty.inquiry_hold + GRACE
    return 0


def denied(state: State, slot: Slot, check: int) -> None:
    """The ladder denied a contract's quote: remember it for those who asked, and leave a person's
    prices, which would be denied again.
    """
    queue = state.inquiries
    if slot not in queue.open:
        return
    queue.denied[slot] = check
    queue.answers.pop(slot, None)
    state.desk[slot, c.D_ANSWER_UNTIL] = 0
    for number in queue.open[slot]:
        if queue.asked[number].stage in life.OPEN:
            queue.asked[number].by = ""


def people_left(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """What was taken by somebody who is no longer signed on for its class goes back."""
    for slot, numbers in list(state.inquiries.open.items()):
        underlying = opened.chain.contracts[slot].underlying
        for asked in [state.inquiries.asked[number] for number in numbers]:
            gone = not signed_on(state.scopes.duty, asked.taken_by, underlying)
            if asked.stage == Stage.TAKEN and gone:
                give_back(state, opened, asked, at, effects)


def give_back(state: State, opened: MakerOpen, asked: Asked, at: Nanos, effects: Effects) -> None:
    """The machine answers from now on."""
    move(state, asked, Happening.GIVE_BACK)
    asked.machine_from = at
    _tell(state, opened, asked, Alert.INQUIRY_GIVEN_BACK, effects, asked.taken_by)
    if asked.since:
        move(state, asked, Happening.STANDS)
    show(state, asked, at, effects)
    owe(state, opened, asked.slot, at)


def _tell(
    state: State, opened: MakerOpen, asked: Asked, code: Alert, effects: Effects, by: str = ""
) -> None:
    args = (asked.inquiry, by or asked.why)
    effects.append(RaiseAlert(code, opened.chain.contracts[asked.slot].code, args))


def _excuse(state: State, slot: Slot) -> str:
    """Why an inquiry does not count."""
    if state.view.rows[slot, market.PHASE] != Phase.CONTINUOUS:
        return "phase"
    assert state.meter is not None, "the maker is open"
    return "price" if state.meter.lanes[slot].excused else "exempt"


def why_not(state: State, opened: MakerOpen, slot: Slot) -> str:
    """What keeps a quote that counts from standing: a trip, a trading state, a check, a lack."""
    contract = opened.chain.contracts[slot]
    around = ("*", contract.underlying, contract.code)
    for name in state.scopes.trips:
        scope, _, reason = name.partition(" ")
        if scope in around:
            return reason
    klass, standing = int(state.tables.fixed[slot, c.F_KLASS]), state.desk[slot]
    if state.scopes.link != Link.READY:
        return "link"
    if state.view.stale[klass]:
        return "feed"
    if not trader(state.scopes, contract.underlying):
        return "nobody"
    if standing[c.D_STATE] < TradingState.OPEN:
        return TradingState(int(standing[c.D_STATE])).name.lower()
    if slot in state.inquiries.denied:
        return Check(state.inquiries.denied[slot]).name[:3]
    if not math.isfinite(float(state.surface.theo[slot, c.T_PRICE])):
        return "theory"
    least = opened.rulebook.duty.size_continuous
    net = int(state.book.long_qty[slot] - state.book.short_qty[slot])
    if abs(net) + least > int(state.parameters.values[slot, P_MAX_POSITION]):
        return Check.P18_POSITION.name[:3]
    return "quote"
