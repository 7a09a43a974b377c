"""Duties that will be lost if nothing changes, told while there is time (E-12, I-23, I-24, I-28).

Looked at with the views, once a minute: a loss that builds up is told at least LEAD less that
minute before it happens (`duties.foresight`), and once more when it has happened.
"""

from quanheng.duties import outlook
from quanheng.duties.foresight import LEAD, Standing, losing, standing_now
from quanheng.duties.intervals import Cause
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert
from quanheng.maker.state import State
from quanheng.rulebook.phases import timetable
from quanheng.terms.codes import Alert
from quanheng.terms.days import day_nanos
from quanheng.terms.units import DAY, SECOND, Nanos


def standings(state: State, start: int, stop: int, at: Nanos, ahead: Nanos) -> list[Standing]:
    """Where the contracts of a class stand by the maker's own meter."""
    opened, meter = state.opened, state.meter
    if opened is None or meter is None:
        return []
    share = opened.rulebook.duty.contract_share
    found = []
    for slot in range(start, stop):
        lane = meter.lanes[slot]
        cell = lane.cells[0]
        if cell is None:
            continue
        owed, good, running = standing_now(meter, slot, at)
        if owed + ahead == 0:
            continue
        counts = cell.compliant or not running
        cause = Cause.COMPLIANT if counts else Cause.WIDE if cell.quoted else Cause.ABSENT
        left = outlook.slack(good, owed, ahead, share)
        found.append(Standing(lane.subject.contract, left, counts, cause))
    return found


def watch_duties(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """Raise what `losing` foresees: (item, seconds to the loss or -1, its numbers)."""
    spans = timetable(opened.rulebook)
    epoch = at - day_nanos(at)
    ahead = outlook.remaining(spans, at - epoch)
    for item in opened.chain.classes:
        rows = standings(state, item.start, item.stop, at, ahead)
        for one in losing(item.underlying, rows, opened.rulebook.duty.coverage, at, epoch, spans):
            left = -1 if one.lost else (one.loss_at - at) // SECOND
            scope = one.contract or one.underlying
            # What was foreseen and what has happened are two alerts: the first argument tells.
            args: tuple[int | str, ...] = (
                one.item + ("_lost" if one.lost else ""),
                left,
                *one.detail,
            )
            quiet = DAY if one.lost else LEAD
            alert(state, effects, at, Alert.DUTY_AT_RISK, scope, args, quiet)
