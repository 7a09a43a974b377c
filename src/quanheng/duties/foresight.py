"""Alerts before a duty is lost (E-12, I-22 to I-28): what is missed if nothing changes, and when.

A loss that builds up over time (a contract's 80 %, a class's coverage) is told LEAD before it
happens, counted in time in which quotes are owed; whoever asks every STEP gets it at least
LEAD - STEP before. No such promise holds when the time to come shrinks at once (halt, limit state,
exemption): then the loss may come with the event. An auction is told AUCTION_LEAD before the minute
from which nothing can be changed (a breaker's BREAKER_LEAD), an inquiry ANSWER_LEAD before its
answer is due.
"""

from collections.abc import Sequence

import msgspec

from quanheng.duties import measure, outlook
from quanheng.duties.cockpit import AuctionView, ClassView, InquiryView
from quanheng.duties.follower import Follower, side_due, side_stands
from quanheng.duties.grade import Scale, at_most
from quanheng.duties.intervals import LOST, Cause
from quanheng.duties.lanes import Meter
from quanheng.duties.standing import cause_now
from quanheng.rulebook.phases import Span
from quanheng.terms.codes import Phase
from quanheng.terms.units import MINUTE, SECOND, Nanos, Ratio, Slot

LEAD = 10 * MINUTE
AUCTION_LEAD = 2 * MINUTE
BREAKER_LEAD = MINUTE
ANSWER_LEAD = 5 * SECOND
STEP = 10 * SECOND

AUCTIONS = {Phase.OPENING: "opening", Phase.INTRADAY: "breaker", Phase.CLOSING: "closing"}
ITEMS = {
    "spread": "I-22",
    "size": "I-23",
    "coverage": "I-24",
    "opening": "I-25",
    "breaker": "I-26",
    "closing": "I-27",
    "continuous": "I-28",
    "inquiry": "E-04",
    "one_sided": "Q-07",
    "month": "E-05",
    "chapter9": "L-09",
}
"""What alerts and reports are about, with the requirement it serves."""


class DutyAlert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that will be lost at `loss_at` unless something changes; `lost`: it is already."""

    at: Nanos
    item: str  # of ITEMS
    underlying: str
    contract: str = ""
    loss_at: Nanos = 0
    lost: bool = False
    detail: tuple[int, ...] = ()  # item's own numbers

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """The same condition, whenever it is seen."""
        return self.item, self.underlying, self.contract, self.lost


class Standing(msgspec.Struct, frozen=True):
    """A contract's slack and whether it counts now; a contract without duty now `counts`."""

    contract: str
    slack: Nanos
    counts: bool
    cause: Cause


def instant_after(spans: Sequence[Span], epoch: Nanos, at: Nanos, need: Nanos) -> Nanos:
    """The instant when `need` of continuous time has passed since `at`; the close at the latest."""
    stop = at
    for span in spans:
        first, last = epoch + span.start, epoch + span.stop
        if span.phase != Phase.CONTINUOUS or last <= at:
            continue
        room = last - max(first, at)
        if need <= room:
            return max(first, at) + need
        need -= room
        stop = last
    return stop


def losing(
    underlying: str,
    rows: Sequence[Standing],
    coverage: Ratio,
    at: Nanos,
    epoch: Nanos,
    spans: Sequence[Span],
) -> list[DutyAlert]:
    """Contracts and coverage that are lost within LEAD as long as what does not comply goes on."""
    found = []
    idle = sorted(row.slack for row in rows if not row.counts or row.slack < 0)
    for row in rows:
        if row.slack < 0:
            found.append(
                DutyAlert(
                    at=at,
                    item="continuous",
                    underlying=underlying,
                    contract=row.contract,
                    loss_at=at,
                    lost=True,
                    detail=(int(row.cause), row.slack // SECOND),
                )
            )
        elif not row.counts and row.slack <= LEAD:
            found.append(
                DutyAlert(
                    at=at,
                    item="size" if row.cause == Cause.SMALL else "continuous",
                    underlying=underlying,
                    contract=row.contract,
                    loss_at=instant_after(spans, epoch, at, row.slack),
                    detail=(int(row.cause), row.slack // SECOND),
                )
            )
    spare = len(rows) - outlook.needed(len(rows), coverage)
    if len(idle) > spare and idle[spare] <= LEAD:
        found.append(
            DutyAlert(
                at=at,
                item="coverage",
                underlying=underlying,
                loss_at=at if idle[spare] < 0 else instant_after(spans, epoch, at, idle[spare]),
                lost=idle[spare] < 0,
                detail=(len(idle), spare),
            )
        )
    return found


def standing_now(m: Meter, slot: Slot, at: Nanos) -> tuple[Nanos, Nanos, bool]:
    """(owed, compliant, does time in which a quote is owed run) of the first maker at `at`."""
    lane = measure.reached(m, slot, at)
    cell = lane.cells[0]
    if cell is None:
        return 0, 0, False
    owed, _, good = measure.live_times(m, lane, 0, at)
    runs = lane.roaming if m.options.wide else lane.running and not cell.exempt
    return owed, good, runs


def standings(
    f: Follower, slots: Sequence[int], at: Nanos, ahead: Nanos, share: Ratio
) -> list[Standing]:
    """Where the contracts of a class stand, cheaply: two microseconds each."""
    found = []
    for slot in slots:
        owed, good, _ = standing_now(f.meter, slot, at)
        if owed + ahead == 0:
            continue
        cause = cause_now(f, slot)
        left = outlook.slack(good, owed, ahead, share)
        found.append(Standing(f.subjects[slot].contract, left, cause not in LOST, cause))
    return found


def auction_alerts(underlying: str, rows: Sequence[AuctionView], at: Nanos) -> list[DutyAlert]:
    """Auctions that would not count, from the lead before their last minutes on."""
    return [
        DutyAlert(
            at=at,
            item=AUCTIONS[row.kind],
            underlying=underlying,
            contract=row.missing[0] if row.kind == Phase.INTRADAY else "",
            loss_at=row.judged_at,
            detail=(row.ready, row.needed, row.contracts),
        )
        for row in rows
        if row.ready < row.needed
        and at >= row.last_minute - (BREAKER_LEAD if row.kind == Phase.INTRADAY else AUCTION_LEAD)
    ]


def inquiry_alerts(underlying: str, rows: Sequence[InquiryView], at: Nanos) -> list[DutyAlert]:
    """Inquiries without an answer ANSWER_LEAD before it is due, and those that missed it."""
    return [
        DutyAlert(
            at=at,
            item="inquiry",
            underlying=underlying,
            contract=row.contract,
            loss_at=row.answer_by,
            lost=at > row.answer_by,
            detail=((row.answer_by - at) // SECOND,),
        )
        for row in rows
        if row.state == "open" and at >= row.answer_by - ANSWER_LEAD
    ]


def side_alerts(f: Follower, underlying: str, slots: Sequence[int], at: Nanos) -> list[DutyAlert]:
    """Contracts whose one due side does not stand while no two-sided quote is owed (Q-07)."""
    return [
        DutyAlert(
            at=at,
            item="one_sided",
            underlying=underlying,
            contract=f.subjects[slot].contract,
            loss_at=at,
        )
        for slot in slots
        if side_due(f, slot) and not side_stands(f, slot)
    ]


def spread_alerts(view: ClassView, scale: Scale, at: Nanos, close: Nanos) -> list[DutyAlert]:
    """The class's spread ratio that will have crossed a band of table 1 by the close (E-05)."""
    projected, now = view.what_ifs[0].spread_ratio, view.day.spread_ratio
    found = []
    for band, bound in enumerate(scale.spread_bands):
        if projected is None or at_most(projected, bound):
            continue
        found.append(
            DutyAlert(
                at=at,
                item="spread",
                underlying=view.underlying,
                contract=("excellent", "pass")[band],
                loss_at=close,
                lost=now is not None and not at_most(now, bound),
                detail=(int(1000 * projected),),
            )
        )
    return found


class Raised(msgspec.Struct):
    """What is known already: an alert is told once until its condition has gone."""

    keys: dict[tuple[str, str, str, bool], Nanos] = {}

    def new(self, alerts: Sequence[DutyAlert]) -> list[DutyAlert]:
        """Those not told yet; conditions that have gone are forgotten."""
        fresh = [alert for alert in alerts if alert.key not in self.keys]
        self.keys = {alert.key: self.keys.get(alert.key, alert.at) for alert in alerts}
        return fresh
