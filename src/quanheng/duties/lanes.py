"""The state behind `measure`: meters, lanes (contracts), cells (a maker in a contract), and how
time moves through them. The rules of time are told in `measure`.
"""

import msgspec

from quanheng.duties.conditions import Subject
from quanheng.duties.figures import UNJUDGED
from quanheng.duties.readings import (
    ABSENT_IS_ONE,
    ALL_WINDOW,
    ANY_INSTANT,
    COMPLIANT_ONLY,
    CONTINUOUS_ONLY,
    ONE_SIDE,
    TWO_SIDED,
    Options,
)
from quanheng.duties.responses import FOREVER, answered
from quanheng.terms.codes import Phase
from quanheng.terms.units import Day, Lots, Nanos, Ticks


class Cell(msgspec.Struct, array_like=True):
    """One maker in one contract."""

    at: Nanos = 0  # last change of the quote
    mark: Nanos = 0  # the lane's clock when times were last added up
    width: Ticks = 0
    key: int = 0  # denominator of the spread ratio
    quoted: bool = False  # both sides, continuous size
    compliant: bool = False  # and within the spread
    ready: bool = False  # both sides, auction size, within the spread
    was_ready: bool = False  # `ready` just before `at`
    exempt: int = 0  # approved exemptions in force
    was_exempt: int = 0  # just before `exempt_at`
    exempt_at: Nanos = 0
    lasting: bool = False  # one of them has no end yet
    turns: list[tuple[Nanos, int]] = []  # coming starts (+1) and ends (-1), by time
    log: list[tuple[Nanos, int]] = []  # GOOD, READY, FRESH bits while an inquiry is pending
    hits: list[Nanos] = []  # own trades while an inquiry is pending
    obliged: Nanos = 0
    quoted_ns: Nanos = 0
    compliant_ns: Nanos = 0
    sums: dict[int, int] = {}  # denominator -> sum of (ask - bid) x ns
    opening: int = UNJUDGED
    closing: int = UNJUDGED
    auctions: int = 0
    joined: int = 0
    inquiries: int = 0
    answered: int = 0
    volume: Lots = 0
    two_sided: bool = False  # whatever the sizes
    rated: Nanos = 0  # time of the spread ratio (A04)
    turned: Nanos = 0  # since when `ready` is as it is
    was_turned: Nanos = 0  # just before `at`
    wide: Nanos = 0  # obliged time of the participation base of A33
    wide_ok: Nanos = 0  # compliant time in it
    wide_mark: Nanos = 0
    breaks: list[tuple[Nanos, int]] = []  # ends of intraday auctions judged, joined
    quote: tuple[Ticks, Lots, Ticks, Lots] = (0, 0, 0, 0)  # kept for A01 only


class Watch(msgspec.Struct, array_like=True):
    """A pending inquiry. Bounded by what arrives in one contract within answer + hold."""

    at: Nanos
    stop: Nanos = FOREVER  # end of the continuous phase, once it came
    owed: list[bool] | None = None  # per maker, known when time has moved past `at`
    auction: bool = False  # asked in a call auction: size 1 (A34)


class Lane(msgspec.Struct, array_like=True):
    """One contract."""

    subject: Subject
    cells: list[Cell | None]  # by maker; None without duties in the class
    num: int
    den: int
    floor_key: int  # den x floor
    at: Nanos = 0  # last event
    due: Nanos = FOREVER  # from here on something must be done before an event applies
    phase: int = Phase.START
    coming: int = -1  # phase that starts at `coming_at`, -1 none
    coming_at: Nanos = 0
    excused: bool = False  # at a limit or low
    was_excused: bool = False  # just before `excused_at`
    excused_at: Nanos = 0
    running: bool = False
    since: Nanos = 0  # the clock was last read
    clock: Nanos = 0
    auction: bool = False  # an intraday auction waits for its end
    watches: list[Watch] = []
    began: Nanos = 0  # start of the phase
    low: bool = False
    limited: bool = False
    locked: bool = False  # limit-locked book (A07)
    traded: bool = False  # today (A31)
    base: Ticks = 0  # the market's best bid (A01)
    roaming: bool = False  # the clock of A33 runs
    wide_since: Nanos = 0
    wide_clock: Nanos = 0
    untold: list[tuple[int, Lots]] = []  # (maker, qty) traded as a phase came (A17)


class Meter(msgspec.Struct, array_like=True):
    """Duties of some makers over a day's chain. Part of a machine's state."""

    day: Day
    makers: tuple[str, ...]
    size: Lots
    auction_size: Lots
    answer: Nanos
    hold: Nanos
    lanes: list[Lane]
    late: int = 0
    window: Nanos = 0  # before the opening uncross (A10)
    options: Options = Options()


def arrive(m: Meter, lane: Lane, at: Nanos) -> Nanos:
    """Let a lane reach an event's instant; returns the instant the event counts from."""
    if at > lane.at:
        if at >= lane.due:
            advance(m, lane, at)
        lane.at = at
    elif at < lane.at:
        return late(m, lane)
    return at


def late(m: Meter, lane: Lane) -> Nanos:
    """An event came after a later one: count it and give the instant it counts from."""
    m.late += 1
    return lane.at


GOOD, READY, FRESH = 1, 2, 4
"""Bits of a log entry: compliant, ready for an auction, sent by the maker at that instant."""


def note(cell: Cell, at: Nanos, sent: int) -> None:
    """While an inquiry is pending: remember compliance from `at` on; `sent` FRESH or 0."""
    if cell.log and cell.log[-1][0] == at:
        sent |= cell.log.pop()[1] & FRESH
    cell.log.append((at, cell.compliant * GOOD | cell.ready * READY | sent))


def accrue(cell: Cell, clock: Nanos, options: Options) -> None:
    """Add up a cell's times to a clock reading."""
    more = clock - cell.mark
    cell.mark = clock
    if cell.exempt or not more:
        return
    cell.obliged += more
    if cell.quoted:
        cell.quoted_ns += more
        if cell.compliant:
            cell.compliant_ns += more
    if rated(cell, options.domain):
        cell.rated += more
        key = cell.key
        cell.sums[key] = cell.sums.get(key, 0) + cell.width * more


def rated(cell: Cell, domain: int) -> bool:
    """Does the cell's quote count for the spread ratio (A04)."""
    if domain == TWO_SIDED:
        return cell.two_sided
    return cell.compliant if domain == COMPLIANT_ONLY else cell.quoted


def accrue_wide(lane: Lane, cell: Cell, at: Nanos) -> None:
    """Add up a cell's times in the participation base of A33."""
    clock = lane.wide_clock + (at - lane.wide_since if lane.roaming else 0)
    more = clock - cell.wide_mark
    cell.wide_mark = clock
    cell.wide += more
    if cell.compliant:
        cell.wide_ok += more


def run(lane: Lane, at: Nanos) -> None:
    """Start or stop the lane's clocks as phase and price say."""
    if lane.roaming:
        lane.wide_clock += at - lane.wide_since
    lane.wide_since = at
    lane.roaming = lane.phase == Phase.CONTINUOUS and not lane.limited
    running = lane.phase == Phase.CONTINUOUS and not lane.excused
    if lane.running:
        lane.clock += at - lane.since
    lane.since, lane.running = at, running


def advance(m: Meter, lane: Lane, at: Nanos) -> None:
    """Everything that waited for time to move from `lane.at` to `at`, in order of time."""
    moved = at > lane.at
    if moved and lane.coming >= 0:
        _change_phase(m, lane)
    if moved:
        for watch in reversed(lane.watches):
            if watch.owed is not None:
                break  # so are all that came before
            watch.auction = lane.phase != Phase.CONTINUOUS
            watch.owed = [
                cell is not None and _owes(lane, cell, m.options.auctions) for cell in lane.cells
            ]
        for maker, qty in lane.untold if lane.phase == Phase.CONTINUOUS else ():
            _count(lane, maker, qty)
        lane.untold.clear()
    _cross(m, lane, at)
    deadline = m.answer + m.hold
    while lane.watches and lane.watches[0].at + deadline < at:
        _resolve(m, lane, lane.watches.pop(0))
    lane.due = _next_due(m, lane)


def _next_due(m: Meter, lane: Lane) -> Nanos:
    if lane.coming >= 0 or lane.untold or (lane.watches and lane.watches[-1].owed is None):
        return 0
    due = lane.watches[0].at + m.answer + m.hold + 1 if lane.watches else FOREVER
    for cell in lane.cells:
        if cell is not None and cell.turns:
            due = min(due, cell.turns[0][0])
    return due


def _count(lane: Lane, maker: int, qty: Lots) -> None:
    cell = lane.cells[maker]
    if cell is not None:
        cell.volume += qty


CALLS = (Phase.OPENING, Phase.INTRADAY, Phase.CLOSING)


def take_volume(m: Meter, lane: Lane, sides: tuple[int, int], qty: Lots) -> None:
    """A trade's volume as A17 counts it; a trade at the instant of a phase change belongs to the
    phase before where that one trades (an uncross ends its auction).
    """
    if m.options.volume == CONTINUOUS_ONLY:
        if lane.phase in CALLS:
            return
        if lane.phase != Phase.CONTINUOUS:
            lane.untold += [(maker, qty) for maker in sides if maker >= 0]
            lane.due = 0
            return
    for maker in sides[:1] if m.options.volume == ONE_SIDE else sides:
        if maker >= 0:
            _count(lane, maker, qty)


def _owes(lane: Lane, cell: Cell, auctions: int) -> bool:
    asked = lane.phase == Phase.CONTINUOUS or (bool(auctions) and lane.phase in CALLS)
    return asked and not lane.excused and not cell.exempt


def _cross(m: Meter, lane: Lane, at: Nanos) -> None:
    """Apply the starts and ends of exemptions up to `at`."""
    for cell in lane.cells:
        while cell is not None and cell.turns and cell.turns[0][0] <= at:
            when, step = cell.turns.pop(0)
            when = max(when, lane.at)
            clock = lane.clock + when - lane.since if lane.running else lane.clock
            accrue(cell, clock, m.options)
            if cell.exempt_at != when:
                cell.was_exempt, cell.exempt_at = cell.exempt, when
            cell.exempt += step


def _change_phase(m: Meter, lane: Lane) -> None:
    """The phase that came at `coming_at` takes effect; judge the auction that ended there."""
    old, new, at = lane.phase, lane.coming, lane.coming_at
    lane.coming = -1
    if old == new:
        return
    if old == Phase.OPENING and new != Phase.HALT:
        _judge(m, lane, at, Phase.OPENING)
    if old == Phase.CLOSING and new != Phase.HALT:
        _judge(m, lane, at, Phase.CLOSING)
    if lane.auction and new not in (Phase.INTRADAY, Phase.BREAK, Phase.HALT):
        lane.auction = False
        _judge(m, lane, at, Phase.INTRADAY)
    if new == Phase.INTRADAY:
        lane.auction = True
    for watch in lane.watches:
        if watch.at < at:
            watch.stop = min(watch.stop, at)
    lane.phase, lane.began = new, at
    run(lane, at)


def _judge(m: Meter, lane: Lane, at: Nanos, auction: Phase) -> None:
    """Who had joined an auction just before it ended at `at` (E-03, duty_dataset.md 6, 8)."""
    kept = (auction == Phase.OPENING and m.options.opening_in) or (
        auction == Phase.CLOSING and m.options.closing_in
    )
    excused = lane.was_excused if lane.excused_at == at else lane.excused
    for cell in lane.cells:
        if cell is None:
            continue
        exempt = excused or (cell.was_exempt if cell.exempt_at == at else cell.exempt)
        if exempt and not kept:
            continue
        if auction == Phase.OPENING:
            cell.opening = _opened(m, lane, cell, at)
        elif auction == Phase.CLOSING:
            cell.closing = int(cell.was_ready if cell.at == at else cell.ready)
        else:
            ready = cell.was_ready if cell.at == at else cell.ready
            cell.auctions += 1
            cell.joined += ready
            cell.breaks.append((at, int(ready)))


def _opened(m: Meter, lane: Lane, cell: Cell, at: Nanos) -> int:
    """Was the maker ready just before the uncross, or as A10 reads the last five minutes."""
    ready, turned = cell.ready, cell.turned
    if cell.at == at:
        ready, turned = cell.was_ready, cell.was_turned
    start = min(max(lane.began, at - m.window), at - 1)
    if m.options.opening == ANY_INSTANT:
        return int(ready or turned > start)
    if m.options.opening == ALL_WINDOW:
        return int(ready and turned <= start)
    return int(ready)


def _resolve(m: Meter, lane: Lane, watch: Watch) -> None:
    """Count an inquiry whose time is over (rules.md 10.1-7)."""
    owed = watch.owed or []
    whole = watch.stop - watch.at >= m.answer + m.hold
    for cell, due in zip(lane.cells, owed, strict=False):
        if cell is None or not due:
            continue
        bit = READY if watch.auction else GOOD
        log = [(at, bool(bits & bit), bool(bits & FRESH)) for at, bits in cell.log]
        good = answered(
            log, cell.hits, watch.at, watch.stop, m.answer, m.hold, fresh=bool(m.options.fresh)
        )
        if good or whole:
            cell.inquiries += 1
            cell.answered += good
    if not lane.watches:
        for cell in lane.cells:
            if cell is not None:
                cell.log.clear()
                cell.hits.clear()


def settled(m: Meter, lane: Lane, at: Nanos) -> Lane:
    """A copy of a lane as it stands at `at`, with times added up; the lane is untouched."""
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(lane), type=Lane)
    if at > copy.at:
        if at >= copy.due:
            advance(m, copy, at)
        copy.at = at
    clock = copy.clock + copy.at - copy.since if copy.running else copy.clock
    for cell in copy.cells:
        if cell is not None:
            accrue(cell, clock, m.options)
            if m.options.wide:
                accrue_wide(copy, cell, copy.at)
    return copy


def as_read(m: Meter, lane: Lane) -> Lane:
    """A settled lane with its sums as A04 and A33 read them."""
    for cell in lane.cells:
        if cell is None:
            continue
        if m.options.domain == ABSENT_IS_ONE:
            absent = cell.obliged - cell.rated
            if absent:
                cell.sums[lane.den] = cell.sums.get(lane.den, 0) + absent
            cell.rated = cell.obliged
        if m.options.wide:
            cell.obliged, cell.compliant_ns = cell.wide, cell.wide_ok
    return lane
