"""Where one maker stands at an instant of the day: views per contract and per class (E-12).

Pure functions of a `Follower`; the figures are the measure's own, ratios stay exact. What is
foreseen from them is in `foresight`, months and years in `forecast`.
"""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.duties import outlook
from quanheng.duties.class_day import ClassDay, class_days, contract_days
from quanheng.duties.figures import Figures, participation, spread_ratio
from quanheng.duties.follower import Follower, excuse, one_side, side_due, side_stands
from quanheng.duties.grade import Scale, at_least
from quanheng.duties.intervals import Cause
from quanheng.duties.lanes import Cell, Lane
from quanheng.duties.measure import figures
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.phases import timetable
from quanheng.terms.codes import Phase
from quanheng.terms.units import HOUR, Lots, Nanos, Ticks

STEPS = {"EBS": 1, "ASH": 10}
"""Ticks of one price step by underlying type (rules.md 1.1)."""


class ContractView(msgspec.Struct, frozen=True, kw_only=True):
    """One contract. `slack` below 0: the day's duty is lost. Times in ns of the day's time base."""

    contract: str
    phase: Phase
    cause: Cause  # what the present instant counts as
    stands: Cause  # what the quote that rests is, whether or not one is owed
    excused: bool  # at a limit, low or exempted, in whatever phase
    obliged: Nanos
    quoted: Nanos
    compliant: Nanos
    ahead: Nanos  # continuous time still to come
    participation: Fraction | None
    best: Fraction | None
    worst: Fraction | None
    slack: Nanos
    spread_ratio: Fraction | None
    ratio_now: Fraction | None
    ratio_tighter: Fraction | None  # of the present quote, one price step tighter
    bid: Ticks
    bid_qty: Lots
    ask: Ticks
    ask_qty: Lots
    side_due: bool  # one side stays due although no two-sided quote is
    side_stands: bool
    side_due_ns: Nanos | None
    side_held_ns: Nanos | None


class InquiryView(msgspec.Struct, frozen=True):
    """A pending inquiry with its clocks."""

    contract: str
    at: Nanos
    answer_by: Nanos
    state: str  # "open": no compliant quote yet; "holding"; "held"
    hold_until: Nanos  # 0 while open


class AuctionView(msgspec.Struct, frozen=True):
    """An auction that runs or is next. `missing`: contracts that would not count now."""

    kind: Phase
    judged_at: Nanos
    last_minute: Nanos  # from here on nothing can be cancelled; the quote must stand
    contracts: int
    needed: int
    ready: int
    missing: tuple[str, ...]


class WhatIf(msgspec.Struct, frozen=True):
    """The class's day at the close under an assumption about the time to come."""

    name: str
    spread_ratio: Fraction | None
    participation: Fraction | None


class ClassView(msgspec.Struct, frozen=True, kw_only=True):
    """One class. `day` has the exact figures so far, in the form of a table row."""

    underlying: str
    day: ClassDay
    needed: int
    reachable: int  # contracts that can still be covered
    slack: Nanos | None  # longest time without any quote that keeps the coverage
    best: Fraction | None
    worst: Fraction | None
    traded: Lots | None  # both sides of the whole market; None: not known
    others: tuple[tuple[str, Lots], ...] | None  # other makers' volumes; None: not known
    auctions: tuple[AuctionView, ...]
    inquiries: tuple[InquiryView, ...]
    what_ifs: tuple[WhatIf, ...]
    contracts: tuple[ContractView, ...]

    @property
    def volume_ratio(self) -> Fraction | None:
        """Own volume over the mean of the primary makers, self included (A16); whoever
        makes the view has left only those in `others`."""
        if self.others is None:
            return None
        total = self.day.volume + sum(volume for _, volume in self.others)
        return Fraction(self.day.volume * (1 + len(self.others)), total) if total else None

    @property
    def share(self) -> Fraction | None:
        """Own volume over both sides of the market."""
        return Fraction(self.day.volume, self.traded) if self.traded else None


class Cockpit(msgspec.Struct, frozen=True):
    """All classes of a maker at an instant (Nanos; DayNanos when fed from a dataset)."""

    maker: str
    at: Nanos
    classes: tuple[ClassView, ...]


def view(
    f: Follower,
    at: Nanos,
    book: Rulebook,
    scale: Scale,
    epoch: Nanos = 0,
    steps: Sequence[Ticks] | None = None,
) -> Cockpit:
    """The cockpit at `at`, nothing changed. `epoch`: midnight of the day in the clock of `at`, 0
    for DayNanos. `steps`: price step by slot, 1 tick without it.
    """
    found = figures(f.meter, at)
    ahead = outlook.remaining(timetable(book), at - epoch)
    share = book.duty.contract_share
    rows = [
        _contract(f, found, slot, at, ahead, share, steps[slot] if steps else 1)
        if found.active[0, slot]
        else None
        for slot in range(len(f.subjects))
    ]
    classes = []
    for day in class_days(found, scale, contract_days(found)):
        own = [slot for slot, row in enumerate(rows) if _of(f, slot, day.underlying)]
        views = tuple(row for slot in own if (row := rows[slot]) is not None)
        classes.append(_class(f, book, day, own, views, at, epoch))
    return Cockpit(f.meter.makers[0], at, tuple(classes))


def _of(f: Follower, slot: int, underlying: str) -> bool:
    return f.subjects[slot].underlying == underlying


def _cell(f: Follower, slot: int) -> tuple[Lane, Cell]:
    lane = f.meter.lanes[slot]
    cell = lane.cells[0]
    assert cell is not None, "only contracts with duties are looked at"
    return lane, cell


def _contract(
    f: Follower,
    found: Figures,
    slot: int,
    at: Nanos,
    ahead: Nanos,
    share: tuple[int, int],
    step: Ticks,
) -> ContractView:
    lane, cell = _cell(f, slot)
    bid, bid_qty, ask, ask_qty = f.quotes[slot]
    owed, quoted, good = (
        int(column[0, slot]) for column in (found.obliged, found.quoted, found.compliant)
    )
    now = tighter = None
    if bid > 0 and ask > bid and min(bid_qty, ask_qty) >= f.terms.size:
        key = max(lane.num * bid, lane.floor_key)
        now = Fraction(lane.den * (ask - bid), key)
        tighter = Fraction(lane.den * max(ask - bid - step, step), key)
    side = one_side(f, slot, at)
    return ContractView(
        contract=f.subjects[slot].contract,
        phase=Phase(f.phases[slot]),
        cause=cause_now(f, slot),
        stands=quote_cause(f, slot),
        excused=cell.exempt > 0 or excuse(f, slot) != 0,
        obliged=owed,
        quoted=quoted,
        compliant=good,
        ahead=ahead,
        participation=participation(found, 0, slot),
        best=outlook.best(good, owed, ahead),
        worst=outlook.worst(good, owed, ahead),
        slack=outlook.slack(good, owed, ahead, share),
        spread_ratio=spread_ratio(found, 0, slot),
        ratio_now=now,
        ratio_tighter=tighter,
        bid=bid,
        bid_qty=bid_qty,
        ask=ask,
        ask_qty=ask_qty,
        side_due=side_due(f, slot),
        side_stands=side_stands(f, slot),
        side_due_ns=None if side is None else side[0],
        side_held_ns=None if side is None else side[1],
    )


def cause_now(f: Follower, slot: int) -> Cause:
    """What the present instant of a contract counts as."""
    _, cell = _cell(f, slot)
    if f.phases[slot] != Phase.CONTINUOUS:
        return Cause.PHASE
    if cell.exempt:
        return Cause.EXEMPT
    excused = excuse(f, slot)
    if excused:
        return Cause(excused)
    return quote_cause(f, slot)


def quote_cause(f: Follower, slot: int) -> Cause:
    """What the quote that rests in a contract is, by the continuous rules."""
    lane, _ = _cell(f, slot)
    bid, bid_qty, ask, ask_qty = f.quotes[slot]
    sides = (bid > 0 and bid_qty > 0) + (ask > 0 and ask_qty > 0)
    if sides < 2:
        return Cause.ONE_SIDED if sides else Cause.ABSENT
    if ask <= bid:
        return Cause.CROSSED
    if min(bid_qty, ask_qty) < f.terms.size:
        return Cause.SMALL
    tight = lane.den * (ask - bid) <= max(lane.num * bid, lane.floor_key)
    return Cause.COMPLIANT if tight else Cause.WIDE


def _class(
    f: Follower,
    book: Rulebook,
    day: ClassDay,
    slots: list[int],
    rows: tuple[ContractView, ...],
    at: Nanos,
    epoch: Nanos,
) -> ClassView:
    share, coverage = book.duty.contract_share, book.duty.coverage
    judged = [row for row in rows if row.obliged + row.ahead > 0]
    volumes = None
    if f.volumes is not None:
        volumes = tuple((name, sum(own[slot] for slot in slots)) for name, own in f.volumes.items())
    return ClassView(
        underlying=day.underlying,
        day=day,
        needed=outlook.needed(len(judged), coverage),
        reachable=sum(at_least(row.best, share) for row in judged if row.best is not None),
        slack=outlook.class_slack([row.slack for row in judged], coverage) if judged else None,
        best=outlook.class_mean([row.best for row in judged]),
        worst=outlook.class_mean([row.worst for row in judged]),
        traded=None if f.traded is None else sum(f.traded[slot] for slot in slots),
        others=volumes,
        auctions=auctions_ahead(f, book, slots, at, epoch),
        inquiries=pending(f, slots, at),
        what_ifs=what_ifs(judged),
        contracts=rows,
    )


def what_ifs(rows: Sequence[ContractView]) -> tuple[WhatIf, ...]:
    """The day at the close when all goes on as now, one step tighter, an hour more or less.

    As now: what complies goes on complying and what does not goes on not complying; a contract at a
    limit, low or exempted stays so and owes nothing more. An hour more: contracts that do not
    comply now get an hour of compliance. An hour less: none comply for an hour, then as now.
    """

    def ahead(row: ContractView) -> Nanos:
        return 0 if row.excused else row.ahead

    def at_close(more: Nanos, less: Nanos) -> Fraction | None:
        return outlook.class_mean(
            [
                outlook.carried_on(
                    row.compliant,
                    row.obliged,
                    ahead(row),
                    max(0, row.ahead - less) if row.stands == Cause.COMPLIANT else more,
                )
                for row in rows
            ]
        )

    def ratio(tighter: bool) -> Fraction | None:
        return outlook.class_mean(
            [
                outlook.mixed_ratio(
                    row.spread_ratio,
                    row.quoted,
                    row.ratio_tighter if tighter else row.ratio_now,
                    ahead(row),
                )
                for row in rows
            ]
        )

    same, plain = ratio(False), at_close(0, 0)
    return (
        WhatIf("as_now", same, plain),
        WhatIf("tighter", ratio(True), plain),
        WhatIf("hour_more", same, at_close(HOUR, 0)),
        WhatIf("hour_less", same, at_close(0, HOUR)),
    )


def pending(f: Follower, slots: Sequence[int], at: Nanos) -> tuple[InquiryView, ...]:
    """Inquiries of a class whose time is not over, as the cells' logs have them."""
    busy = [slot for slot in slots if f.meter.lanes[slot].watches]
    return tuple(one for slot in busy for one in _pending(f, slot, at))


def _pending(f: Follower, slot: int, at: Nanos) -> list[InquiryView]:
    lane, cell = _cell(f, slot)
    found = []
    for watch in lane.watches:
        since = -1
        for when, compliant in cell.log:
            if when <= watch.at:
                since = watch.at if compliant else -1
            elif not compliant:
                since = -1 if since < 0 or when - since < f.terms.hold else since
            elif since < 0:
                since = when
        until = since + f.terms.hold if since >= 0 else 0
        state = "open" if since < 0 else "held" if at >= until else "holding"
        by = watch.at + f.terms.answer
        found.append(InquiryView(lane.subject.contract, watch.at, by, state, until))
    return found


def auctions_ahead(
    f: Follower, book: Rulebook, slots: Sequence[int], at: Nanos, epoch: Nanos
) -> tuple[AuctionView, ...]:
    """The opening and closing auction still to come and the breakers that run, of a class."""
    duty, spans = book.duty, timetable(book)
    windows = {Phase.OPENING: duty.opening_window, Phase.CLOSING: duty.closing_window}
    shares = {Phase.OPENING: duty.opening_coverage, Phase.CLOSING: duty.closing_coverage}
    found = []
    due = [slot for slot in slots if not (_cell(f, slot)[1].exempt or excuse(f, slot))]
    ready = [slot for slot in due if _cell(f, slot)[1].ready]
    missing = tuple(f.subjects[slot].contract for slot in due if slot not in ready)
    for span in spans:
        if span.phase in windows and epoch + span.stop > at:
            stop = epoch + span.stop
            need = outlook.needed(len(due), shares[span.phase])
            edge = stop - windows[span.phase]
            found.append(AuctionView(span.phase, stop, edge, len(due), need, len(ready), missing))
    halted = [slot for slot in due if f.phases[slot] == Phase.INTRADAY]
    for slot in halted:
        stop = f.phase_at[slot] + book.prices.breaker_auction
        good = slot in ready
        names = () if good else (f.subjects[slot].contract,)
        edge = stop - duty.intraday_window
        found.append(AuctionView(Phase.INTRADAY, stop, edge, 1, 1, int(good), names))
    return tuple(found)
