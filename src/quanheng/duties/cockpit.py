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
from quanheng.duties.follower import Follower, cell_of, one_side, side_due, side_stands
from quanheng.duties.grade import Scale, at_least
from quanheng.duties.intervals import Cause
from quanheng.duties.lanes import FRESH, GOOD, READY
from quanheng.duties.measure import figures
from quanheng.duties.readings import ABSENT_IS_ONE, choices_of
from quanheng.duties.standing import cause_now, owes, quote_cause, rates, ratio_of
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.phases import timetable
from quanheng.terms.codes import Phase
from quanheng.terms.units import HOUR, Lots, Nanos, Ticks


class ContractView(msgspec.Struct, frozen=True, kw_only=True):
    """One contract. `slack` below 0: the day's duty is lost. Times in ns of the day's time base."""

    contract: str
    phase: Phase
    cause: Cause  # what the present instant counts as
    stands: Cause  # what the quote that rests is, whether or not one is owed
    tighter: Cause  # what it would be one price step tighter
    owes: bool  # continuous time counts in the participation as the contract is, in any phase
    rates: bool  # and in the time base of the spread ratio (A33)
    obliged: Nanos
    quoted: Nanos
    compliant: Nanos
    ahead: Nanos  # continuous time still to come
    participation: Fraction | None
    best: Fraction | None
    worst: Fraction | None
    slack: Nanos
    rated: Nanos  # time that the spread ratio is of (A04)
    spread_ratio: Fraction | None
    ratio_now: Fraction | None  # None: time without a ratio
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
) -> Cockpit:
    """The cockpit at `at`, nothing changed. `epoch`: midnight of the day in the clock of `at`, 0
    for DayNanos.
    """
    found = figures(f.meter, at)
    ahead = outlook.remaining(timetable(book), at - epoch)
    share = book.duty.contract_share
    rows = [
        _contract(f, found, slot, at, ahead, share) if found.active[0, slot] else None
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


def _contract(
    f: Follower,
    found: Figures,
    slot: int,
    at: Nanos,
    ahead: Nanos,
    share: tuple[int, int],
) -> ContractView:
    bid, bid_qty, ask, ask_qty = f.quotes[slot]
    owed, quoted, good = (
        int(column[0, slot]) for column in (found.obliged, found.quoted, found.compliant)
    )
    side = one_side(f, slot, at)
    return ContractView(
        contract=f.subjects[slot].contract,
        phase=Phase(f.phases[slot]),
        cause=cause_now(f, slot),
        stands=quote_cause(f, slot),
        tighter=quote_cause(f, slot, f.subjects[slot].step),
        owes=owes(f, slot),
        rates=rates(f, slot),
        obliged=owed,
        quoted=quoted,
        compliant=good,
        ahead=ahead,
        participation=participation(found, 0, slot),
        best=outlook.best(good, owed, ahead),
        worst=outlook.worst(good, owed, ahead),
        slack=outlook.slack(good, owed, ahead, share),
        rated=int(found.rated[0, slot]),
        spread_ratio=spread_ratio(found, 0, slot),
        ratio_now=ratio_of(f, slot),
        ratio_tighter=ratio_of(f, slot, f.subjects[slot].step),
        bid=bid,
        bid_qty=bid_qty,
        ask=ask,
        ask_qty=ask_qty,
        side_due=side_due(f, slot),
        side_stands=side_stands(f, slot),
        side_due_ns=None if side is None else side[0],
        side_held_ns=None if side is None else side[1],
    )


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
    absent = Fraction(1) if f.terms.options.domain == ABSENT_IS_ONE else None
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
        what_ifs=what_ifs(judged, absent),
        contracts=rows,
    )


def what_ifs(rows: Sequence[ContractView], absent: Fraction | None = None) -> tuple[WhatIf, ...]:
    """The day at the close when all goes on as now, one step tighter, an hour more or less.

    As now: what complies goes on complying and what does not goes on not complying; a contract at a
    limit, low or exempted stays so and owes nothing more, unless A33 keeps it in the base. An hour
    more: contracts that do not comply now get an hour of compliance, at a spread that nobody knows,
    so the ratio stays. An hour less: none quote for an hour, then as now; `absent` is the ratio
    that an hour without a quote counts as (A04), None where it has none.
    """

    def at_close(more: Nanos = 0, less: Nanos = 0, tighter: bool = False) -> Fraction | None:
        return outlook.class_mean(
            [
                outlook.carried_on(
                    row.compliant,
                    row.obliged,
                    row.ahead if row.owes else 0,
                    max(0, row.ahead - less)
                    if (row.tighter if tighter else row.stands) == Cause.COMPLIANT
                    else more,
                )
                for row in rows
            ]
        )

    def ratio(tighter: bool = False, less: Nanos = 0) -> Fraction | None:
        return outlook.class_mean(
            [
                outlook.mixed_ratio(
                    (row.spread_ratio, row.rated),
                    (absent, min(less, row.ahead) if row.rates else 0),
                    (
                        row.ratio_tighter if tighter else row.ratio_now,
                        max(0, row.ahead - less) if row.rates else 0,
                    ),
                )
                for row in rows
            ]
        )

    same = ratio()
    return (
        WhatIf("as_now", same, at_close()),
        WhatIf("tighter", ratio(tighter=True), at_close(tighter=True)),
        WhatIf("hour_more", same, at_close(more=HOUR)),
        WhatIf("hour_less", ratio(less=HOUR), at_close(less=HOUR)),
    )


def pending(f: Follower, slots: Sequence[int], at: Nanos) -> tuple[InquiryView, ...]:
    """Inquiries of a class whose time is not over, as the cells' logs have them."""
    busy = [slot for slot in slots if f.meter.lanes[slot].watches]
    return tuple(one for slot in busy for one in _pending(f, slot, at))


def _pending(f: Follower, slot: int, at: Nanos) -> list[InquiryView]:
    """A contract's inquiries that the maker owes an answer, by the rules of `responses`."""
    lane, cell, fresh = f.meter.lanes[slot], cell_of(f, slot), f.terms.options.fresh
    found = []
    for watch in lane.watches:
        if watch.owed is not None and not watch.owed[0]:
            continue
        bit = READY if watch.auction else GOOD
        since, held = -1, False
        for when, bits in cell.log:
            good = bits & bit != 0
            if when <= watch.at:
                since = watch.at if good and not fresh else -1
            elif good:
                since = when if since < 0 and (bits & FRESH or not fresh) else since
            elif since >= 0 and not held:
                held = when - since >= f.terms.hold or when in cell.hits
                since = since if held else -1
        until = since + f.terms.hold if since >= 0 else 0
        state = "open" if since < 0 else "held" if held or at >= until else "holding"
        by = watch.at + f.terms.answer
        found.append(InquiryView(lane.subject.contract, watch.at, by, state, until))
    return found


def auctions_ahead(
    f: Follower, book: Rulebook, slots: Sequence[int], at: Nanos, epoch: Nanos
) -> tuple[AuctionView, ...]:
    """The opening and closing auction still to come and the breakers that run, of a class.

    Contracts at a limit, low or exempted are left out unless A14 or A35 keeps them; the wanted
    number is cut as A09 says.
    """
    duty, options = book.duty, f.terms.options
    windows = {Phase.OPENING: duty.opening_window, Phase.CLOSING: duty.closing_window}
    shares = {Phase.OPENING: duty.opening_coverage, Phase.CLOSING: duty.closing_coverage}
    kept = {Phase.OPENING: options.opening_in, Phase.CLOSING: options.closing_in}
    rounded = choices_of(book).rounded
    found = []
    due = [slot for slot in slots if rates(f, slot)]
    ready = frozenset(slot for slot in slots if cell_of(f, slot).ready)
    for span in timetable(book):
        if span.phase in windows and epoch + span.stop > at:
            judged = list(slots) if kept[span.phase] else due
            stop = epoch + span.stop
            need = outlook.needed(len(judged), shares[span.phase], rounded)
            edge = stop - windows[span.phase]
            missing = tuple(f.subjects[slot].contract for slot in judged if slot not in ready)
            count = len(judged)
            found.append(
                AuctionView(span.phase, stop, edge, count, need, count - len(missing), missing)
            )
    for slot in due:
        if f.phases[slot] != Phase.INTRADAY:
            continue
        stop = f.phase_at[slot] + book.prices.breaker_auction
        good = slot in ready
        names = () if good else (f.subjects[slot].contract,)
        edge = stop - duty.intraday_window
        found.append(AuctionView(Phase.INTRADAY, stop, edge, 1, 1, int(good), names))
    return tuple(found)
