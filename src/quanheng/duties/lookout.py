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
    """Everything but inquiries that is being lost at `at`, told already or not."""
    ahead = outlook.remaining(spans, at - epoch)
    share, coverage = book.duty.contract_share, book.duty.coverage
    found: list[DutyAlert] = []
    for underlying, slots in classes_of(f).items():
        rows = standings(f, slots, at, ahead, share)
        found += losing(underlying, rows, coverage, at, epoch, spans)
        found += auction_alerts(underlying, auctions_ahead(f, book, slots, at, epoch), at)
        found += side_alerts(f, underlying, slots, at)
    return found


def look_at_inquiries(f: Follower, at: Nanos) -> list[DutyAlert]:
    """Inquiries that are being missed at `at`, told already or not."""
    found: list[DutyAlert] = []
    for underlying, slots in classes_of(f).items():
        found += inquiry_alerts(underlying, pending(f, slots, at), at)
    return found


class Lookout:
    """Looks in due time: at everything each STEP, at inquiries each QUICK while one is open."""

    def __init__(self, f: Follower, book: Rulebook) -> None:
        self.f, self.book, self.spans = f, book, timetable(book)
        self.told: list[DutyAlert] = []
        self.due = self.spans[0].start
        self._known, self._asked = Raised(), Raised()

    def until(self, at: DayNanos) -> None:
        """Look at every instant that is due before `at`."""
        while self.due < at:
            self._look()

    def _look(self) -> None:
        f, due = self.f, self.due
        step = due % STEP == 0
        open_ = any(lane.watches for lane in f.meter.lanes)
        if step:
            measure.on_clock(f.meter, due)
            self.told += self._known.new(look(f, due, self.book, self.spans))
        if step or open_:
            self.told += self._asked.new(look_at_inquiries(f, due) if open_ else [])
        self.due += QUICK if open_ else STEP - due % STEP


def follow(
    tables: DayTables, maker: str, book: Rulebook, until: DayNanos
) -> tuple[Follower, list[DutyAlert]]:
    """A maker's day up to `until` and every alert on the way, in order."""
    f = begin(tables, maker)
    lookout = Lookout(f, book)
    names = (*tables.makers, "")
    for event in events_of(tables, maker):
        if event[0] > until:
            break
        lookout.until(event[0])
        apply(f, tables, event, names)
    lookout.until(min(until, lookout.spans[-1].stop) + 1)
    measure.on_clock(f.meter, until)
    return f, lookout.told
