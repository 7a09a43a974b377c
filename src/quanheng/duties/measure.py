"""Duties measured as they happen, in O(1) per event (Q-01..Q-07, E-01..E-05).

Time is continuous and a state holds from its instant on, so what the events of one instant leave
behind is what counts, and an auction is judged by the state just before its end. Nothing depends
on the order of events within an instant, except that the last trade sets the last price and a
maker's last quote stands; the batch form in `day` gives exactly equal figures.

A lane (slot) has a clock that runs while duties run: phase T, last price not at a limit and not
low. A maker's cell remembers the clock at its last change, so a phase change costs nothing per
maker. An event stamped before one already applied to its slot counts from that later instant and
adds one to `Meter.late`, which stays 0 for whoever sees events in order.
"""

from collections.abc import Sequence

import numpy as np

from quanheng.duties.conditions import Conditions, Subject, from_rulebook, spread_key, subject
from quanheng.duties.figures import Figures, moments
from quanheng.duties.lanes import (
    FRESH,
    GOOD,
    READY,
    Cell,
    Lane,
    Meter,
    Watch,
    accrue,
    accrue_wide,
    advance,
    arrive,
    as_read,
    late,
    note,
    run,
    settled,
    take_volume,
)
from quanheng.duties.readings import require_live
from quanheng.rulebook import spread
from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import Phase
from quanheng.terms.contract import Chain
from quanheng.terms.units import Day, Lots, Nanos, Slot, Ticks

COUNTS = (
    ("obliged", "obliged"),
    ("quoted", "quoted_ns"),
    ("compliant", "compliant_ns"),
    ("rated", "rated"),
    ("opening", "opening"),
    ("closing", "closing"),
    ("auctions", "auctions"),
    ("joined", "joined"),
    ("inquiries", "inquiries"),
    ("answered", "answered"),
    ("volume", "volume"),
)
"""Figures array and the Cell field it is read from."""


def subjects_of(chain: Chain, book: Rulebook) -> tuple[Subject, ...]:
    """The chain's contracts as duties see them under a day's rules (Q-08)."""
    terms = from_rulebook(book)
    return tuple(
        subject(
            terms,
            contract=item.code,
            underlying=item.underlying,
            underlying_type=item.underlying_type,
            rank=spread.rank_on(book, item.last_day, chain.day),
            limit_up=item.limit_up,
            limit_down=item.limit_down,
            last_trade=item.previous_close,
            previous_settle=item.previous_settle,
        )
        for item in chain.contracts
    )


def open_meter(
    chain: Chain,
    book: Rulebook,
    makers: tuple[str, ...],
    duties: Sequence[frozenset[str] | None] | None = None,
) -> Meter:
    """A meter for some makers over the whole chain, before the first event of the day.

    `duties[m]` are the underlyings in which maker m has duties; without it every maker has all.
    ValueError for a reading that only a dataset can follow.
    """
    require_live(book)
    own = duties if duties is not None else [None] * len(makers)
    return open_lanes(chain.day, from_rulebook(book), subjects_of(chain, book), makers, own)


def open_lanes(
    day: Day,
    terms: Conditions,
    subjects: Sequence[Subject],
    makers: tuple[str, ...],
    duties: Sequence[frozenset[str] | None],
) -> Meter:
    """A meter before the first event. `duties[m]`: underlyings of maker m, None for all."""
    lanes = []
    for item in subjects:
        num, den, floor = item.band
        cells = [Cell() if own is None or item.underlying in own else None for own in duties]
        lane = Lane(subject=item, cells=cells, num=num, den=den, floor_key=den * floor)
        _price_state(lane, terms.options.locked, 2 * item.last)
        lane.excused = lane.was_excused = lane.limited or lane.low
        lanes.append(lane)
    return Meter(
        day=day,
        makers=makers,
        size=terms.size,
        auction_size=terms.auction_size,
        answer=terms.answer,
        hold=terms.hold,
        lanes=lanes,
        window=terms.window,
        options=terms.options,
    )


def on_phase(m: Meter, slot: Slot, at: Nanos, phase: Phase) -> None:
    """The contract's phase from `at` on; applied when time moves on, so the last one stands."""
    lane = m.lanes[slot]
    at = arrive(m, lane, at)
    lane.coming, lane.coming_at, lane.due = phase, at, 0


def on_last(m: Meter, slot: Slot, at: Nanos, price: Ticks) -> None:
    """A trade set the last price (Q-07, rules.md 10.2-1 and 10.2-2)."""
    lane = m.lanes[slot]
    at = arrive(m, lane, at)
    lane.traded = True
    _price_state(lane, m.options.locked, 2 * price)
    _excuse(m, lane, at)


def on_market(
    m: Meter, slot: Slot, at: Nanos, bid: Ticks, bid_qty: Lots, ask: Ticks, ask_qty: Lots
) -> None:
    """The market's best quote from `at` on: what the readings A01, A07 and A31 look at."""
    lane = m.lanes[slot]
    at = arrive(m, lane, at)
    item, options = lane.subject, m.options
    lane.locked = (bid_qty > 0 and ask_qty == 0 and bid == item.limit_up) or (
        ask_qty > 0 and bid_qty == 0 and ask == item.limit_down
    )
    doubled = bid + ask if bid_qty > 0 and ask_qty > 0 else 2 * item.last
    if options.locked:
        lane.limited = lane.locked
    if options.mid and not lane.traded:
        _price_state(lane, options.locked, doubled)
    _excuse(m, lane, at)
    lane.base = bid if bid_qty > 0 else 0
    for cell in lane.cells if options.base else ():
        if cell is not None:
            _grade(m, lane, cell, at, cell.quote, 0)


def _price_state(lane: Lane, by_book: int, doubled: int) -> None:
    """Limit and low-price state of twice a price; `by_book` keeps the book's limit state (A07)."""
    item = lane.subject
    at_limit = doubled in (2 * item.limit_up, 2 * item.limit_down)
    lane.limited = lane.locked if by_book else at_limit
    lane.low = doubled < 2 * item.low


def _excuse(m: Meter, lane: Lane, at: Nanos) -> None:
    """Follow the price state: start or stop the clocks."""
    if m.options.wide and (lane.phase == Phase.CONTINUOUS and not lane.limited) != lane.roaming:
        run(lane, at)
    excused = lane.limited or lane.low
    if excused != lane.excused:
        if lane.excused_at != at:
            lane.was_excused, lane.excused_at = lane.excused, at
        lane.excused = excused
        run(lane, at)


def on_quote(
    m: Meter,
    maker: int,
    slot: Slot,
    at: Nanos,
    bid: Ticks,
    bid_qty: Lots,
    ask: Ticks,
    ask_qty: Lots,
) -> None:
    """The maker's effective two-sided state (rules.md 10.1-3) from `at` on; quantity 0 = no
    side.
    """
    lane = m.lanes[slot]
    if at > lane.at:
        if at >= lane.due:
            advance(m, lane, at)
        lane.at = at
    elif at < lane.at:
        at = late(m, lane)
    cell = lane.cells[maker]
    if cell is None:
        return
    _grade(m, lane, cell, at, (bid, bid_qty, ask, ask_qty), FRESH)


def _grade(
    m: Meter,
    lane: Lane,
    cell: Cell,
    at: Nanos,
    quote: tuple[Ticks, Lots, Ticks, Lots],
    sent: int,
) -> None:
    """A quote, or the same one against another best bid (`sent` 0), counts from `at` on."""
    options = m.options
    clock = lane.clock + at - lane.since if lane.running else lane.clock
    if clock != cell.mark:
        accrue(cell, clock, options)
    if options.wide:
        accrue_wide(lane, cell, at)
    if cell.at != at:
        cell.was_ready, cell.was_turned, cell.at = cell.ready, cell.turned, at
    bid, bid_qty, ask, ask_qty = quote
    least = bid_qty if bid_qty < ask_qty else ask_qty
    if least <= 0 or bid <= 0 or ask <= bid:
        cell.two_sided = cell.quoted = cell.compliant = cell.ready = False
    else:
        width, base = ask - bid, bid
        if options.base:
            base = lane.base
        key = lane.num * base
        if key < lane.floor_key:
            key = lane.floor_key
        if options.floor:
            key = spread_key(lane.num, lane.den, lane.floor_key, lane.subject.step, base)
        tight = lane.den * width <= key
        cell.width, cell.key, cell.two_sided = width, key, True
        cell.quoted = least >= m.size
        cell.compliant = tight and cell.quoted
        cell.ready = tight and least >= m.auction_size
    cell.turned = cell.was_turned if cell.ready == cell.was_ready else at
    if options.base:
        cell.quote = quote
    if lane.watches:
        note(cell, at, sent)


def on_trade(m: Meter, slot: Slot, at: Nanos, qty: Lots, buyer: int, seller: int) -> None:
    """A trade of the contract; `buyer` and `seller` are maker indices or -1 (reading A17)."""
    lane = m.lanes[slot]
    at = arrive(m, lane, at)
    take_volume(m, lane, (buyer, seller), qty)
    for side in (buyer, seller) if lane.watches else ():
        cell = lane.cells[side] if side >= 0 else None
        if cell is not None:
            cell.hits.append(at)


def on_inquiry(m: Meter, slot: Slot, at: Nanos, inquiry: int) -> None:
    """An inquiry was forwarded to the makers of the class (Q-06). `inquiry` is its number."""
    lane = m.lanes[slot]
    at = arrive(m, lane, at)
    lane.watches.append(Watch(at))
    lane.due = 0
    for cell in lane.cells:
        if cell is not None and not cell.log:
            cell.log.append((at, cell.compliant * GOOD | cell.ready * READY))


def owes(m: Meter, maker: int, slot: Slot, since: Nanos) -> bool:
    """Whether an inquiry of the instant `since` counts for a maker (Q-06, Q-07, reading A34).

    Ask once time has moved past `since` and before the inquiry's own time is over.
    """
    lane = m.lanes[slot]
    watch = next((one for one in reversed(lane.watches) if one.at <= since), None)
    if watch is not None and watch.at == since and watch.owed is not None:
        return watch.owed[maker]
    cell = lane.cells[maker]
    phase = lane.coming if lane.coming >= 0 else lane.phase
    excused = cell is None or lane.excused or cell.exempt > 0
    return phase == Phase.CONTINUOUS and not excused


def on_exempt(m: Meter, maker: int, slot: Slot, since: Nanos, until: Nanos) -> None:
    """An approved exemption of [since, until) (rules.md 10.2-3); `until` 0 while it lasts.

    A second record with an end closes the one that lasts. What lies before the slot's last event is
    not judged again here: the part from then on counts (the day's recount sees all of it).
    """
    lane = m.lanes[slot]
    cell = lane.cells[maker]
    if cell is None:
        return
    if cell.lasting and until > 0:
        cell.lasting = False
        cell.turns.append((until, -1))
    else:
        if 0 < until <= max(since, lane.at):
            return
        cell.turns.append((since, 1))
        if until > 0:
            cell.turns.append((until, -1))
        else:
            cell.lasting = True
    cell.turns.sort()
    if cell.turns[0][0] <= lane.at:
        advance(m, lane, lane.at)
    else:
        lane.due = min(lane.due, cell.turns[0][0])


def on_clock(m: Meter, at: Nanos) -> None:
    """Time has reached `at` in every contract; settles what waited for it."""
    for lane in m.lanes:
        if at > lane.at:
            arrive(m, lane, at)


def reached(m: Meter, slot: Slot, at: Nanos) -> Lane:
    """The lane as it stands at `at`, the meter unchanged: itself, or a copy in which what waited
    for time to move on (a phase, an exemption) has come. Only a contract without any event since
    then is copied, for example one that nobody quotes or trades.
    """
    lane = m.lanes[slot]
    return settled(m, lane, at) if at > lane.at and at >= lane.due else lane


def live(m: Meter, maker: int, slot: Slot, at: Nanos) -> tuple[Nanos, Nanos, Nanos]:
    """(obliged, quoted, compliant) ns of a cell up to `at`, without changing anything.

    Those of `figures`, but cheap enough for a monitor.
    """
    return live_times(m, reached(m, slot, at), maker, at)


def live_times(m: Meter, lane: Lane, maker: int, at: Nanos) -> tuple[Nanos, Nanos, Nanos]:
    """`live` of a lane that `reached` gave for `at`."""
    cell = lane.cells[maker]
    if cell is None:
        return 0, 0, 0
    ahead = at - lane.since if lane.running and at > lane.since else 0
    more = 0 if cell.exempt else lane.clock + ahead - cell.mark
    if m.options.wide:
        ahead = at - lane.wide_since if lane.roaming and at > lane.wide_since else 0
        wider = lane.wide_clock + ahead - cell.wide_mark
        quoted = cell.quoted_ns + (more if cell.quoted else 0)
        return cell.wide + wider, quoted, cell.wide_ok + (wider if cell.compliant else 0)
    quoted = cell.quoted_ns + (more if cell.quoted else 0)
    return cell.obliged + more, quoted, cell.compliant_ns + (more if cell.compliant else 0)


def figures(m: Meter, at: Nanos) -> Figures:
    """Exact figures up to `at`; the meter is unchanged. Costs about 10 us per contract."""
    lanes = [as_read(m, settled(m, lane, at)) for lane in m.lanes]
    none = Cell()
    arrays = {
        name: np.array(
            [
                [getattr(lane.cells[maker] or none, field) for lane in lanes]
                for maker in range(len(m.makers))
            ],
            dtype=np.int64,
        ).reshape(len(m.makers), len(lanes))
        for name, field in COUNTS
    }
    starts, keys, sums, breaks = [0], [], [], []
    for maker in range(len(m.makers)):
        for slot, lane in enumerate(lanes):
            cell = lane.cells[maker] or none
            for key in sorted(cell.sums):
                keys.append(key)
                sums.append(cell.sums[key])
            starts.append(len(keys))
            breaks += [(maker, slot, end, joined) for end, joined in cell.breaks]
    active = [[lane.cells[maker] is not None for lane in lanes] for maker in range(len(m.makers))]
    return Figures(
        day=m.day,
        makers=m.makers,
        contracts=tuple(lane.subject.contract for lane in lanes),
        underlyings=tuple(lane.subject.underlying for lane in lanes),
        scale=np.array([lane.den for lane in lanes], dtype=np.int64),
        active=np.array(active, dtype=np.int64).reshape(len(m.makers), len(lanes)),
        term_start=np.array(starts, dtype=np.int64),
        term_key=np.array(keys, dtype=np.int64),
        term_sum=np.array(sums, dtype=np.int64),
        breaks=moments(np.array(breaks, dtype=np.int64).reshape(-1, 4)),
        **arrays,
    )
