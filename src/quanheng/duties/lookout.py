"""Foresight over a whole day: the follower is asked every STEP and new alerts are told (E-12)."""

from collections.abc import Sequence

from quanheng.duties import measure, outlook
from quanheng.duties.cockpit import auctions_ahead, pending
from quanheng.duties.day import DayTables
from quanheng.duties.follower import Follower, apply, begin, events_of
from quanheng.duties.foresight import (
    STEP,
    DutyAlert,
    Raised,
    auction_alerts,
    inquiry_alerts,
    losing,
    side_alerts,
    standings,
)
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.phases import Span, timetable
from quanheng.terms.units import SECOND, DayNanos, Nanos

QUICK = SECOND
"""How often inquiries are looked at while one is pending."""


def classes_of(f: Follower) -> dict[str, list[int]]:
    """Slots of every class in which the maker has duties."""
    found: dict[str, list[int]] = {}
    for slot, item in enumerate(f.subjects):
        if f.meter.lanes[slot].cells[0] is not None:
            found.setdefault(item.underlying, []).append(slot)
    return found


def look(
    f: Follower, at: Nanos, book: Rulebook, spans: Sequence[Span], epoch: Nanos = 0
) -> list[DutyAlert]:
    """Everything that is being lost at `at`, told already or not."""
    ahead = outlook.remaining(spans, at - epoch)
    share, coverage = book.duty.contract_share, book.duty.coverage
    found: list[DutyAlert] = []
    for underlying, slots in classes_of(f).items():
        rows = standings(f, slots, at, ahead, share)
        found += losing(underlying, rows, coverage, at, epoch, spans)
        found += auction_alerts(underlying, auctions_ahead(f, book, slots, at, epoch), at)
        found += inquiry_alerts(underlying, pending(f, slots, at), at)
        found += side_alerts(f, underlying, slots, at)
    return found


def follow(
    tables: DayTables, maker: str, book: Rulebook, until: DayNanos
) -> tuple[Follower, list[DutyAlert]]:
    """A maker's day up to `until` and every alert on the way, in order."""
    f, raised = begin(tables, maker), Raised()
    spans = timetable(book)
    names = (*tables.makers, "")
    told: list[DutyAlert] = []
    first = spans[0].start
    due = first
    for event in events_of(tables, maker):
        if event[0] > until:
            break
        while due < event[0]:
            measure.on_clock(f.meter, due)
            told += raised.new(look(f, due, book, spans))
            due += QUICK if any(lane.watches for lane in f.meter.lanes) else STEP
        apply(f, tables, event, names)
    while due <= min(until, spans[-1].stop):
        measure.on_clock(f.meter, due)
        told += raised.new(look(f, due, book, spans))
        due += STEP
    return f, told
