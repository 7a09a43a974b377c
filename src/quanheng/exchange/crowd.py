"""The crowd's Python side: its arrays at the open, its step per class snapshot, the feed's timer.

Snapshots of the classes are spread evenly over the snapshot interval. In breaks only an image a
minute is published.
"""

from bisect import bisect_right

import numpy as np

from quanheng.exchange import crowd_layout as cl
from quanheng.exchange import layout as lay
from quanheng.exchange.crowd_kernel import burst, weigh
from quanheng.exchange.crowd_layout import Crowd
from quanheng.exchange.crowd_makers import act
from quanheng.exchange.feed import snapshot
from quanheng.exchange.messages import MarketScenario, Path, VenueOpen
from quanheng.exchange.session import start_breakers
from quanheng.exchange.state import Crowds, State
from quanheng.exchange.turn import Turn, drain, emit_quotes, emit_trades
from quanheng.kernels.pack import pack
from quanheng.rulebook import phases, spread
from quanheng.runtime.envelope import WakeAt
from quanheng.terms.codes import Phase
from quanheng.terms.contract import Chain
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, DayNanos, Nanos, Ticks

MILLION = 1_000_000
MEAN_FILL = 6.5
"""Contracts an investor's marketable order fills on average, from trial days."""
PLAIN_SMILE = (180_000, -40_000, 250_000, 0)
FOREVER = 1 << 62
QUIET = (Phase.START, Phase.BREAK, Phase.CLOSED)


def _surface(opened: VenueOpen, at: Nanos) -> tuple[np.ndarray, list[tuple[int, int]], list[int]]:
    """Surface rows by class and expiry, the row range of each class, and each contract's row."""
    chain, book = opened.chain, opened.rulebook
    given = {
        (opened.surface[i], opened.surface[i + 1]): opened.surface[i + 2 : i + 6]
        for i in range(0, len(opened.surface), 6)
    }
    rows: list[list[float]] = []
    ranges: list[tuple[int, int]] = []
    row_of: list[int] = []
    for index, klass in enumerate(chain.classes):
        members = chain.contracts[klass.start : klass.stop]
        days = sorted(dict.fromkeys(item.last_day for item in members))
        first = len(rows)
        for last_day in days:
            atm, slope, curve, carry = given.get((index, last_day), PLAIN_SMILE)
            full, _ = phases.variance_left(book, last_day, at)
            calendar = phases.discount_days(last_day, at)
            numbers = (atm, slope, curve, carry, atm)
            rows.append([*(number / MILLION for number in numbers), full, calendar])
        ranges.append((first, len(rows)))
        row_of.extend(first + days.index(item.last_day) for item in members)
    return np.array(rows, dtype=np.float64).reshape(-1, cl.SURFACE), ranges, row_of


def _drive(chain: Chain, scenario: MarketScenario, session: Nanos, step: Nanos) -> np.ndarray:
    drive = np.zeros((len(chain.classes), cl.DRIVE), dtype=np.float64)
    volumes = dict(scenario.volume)
    steps = session / step
    minutes = step / MINUTE
    for index, klass in enumerate(chain.classes):
        row = drive[index]
        volume = volumes.get(klass.underlying, 0) * (scenario.flow / MILLION)
        row[cl.D_SPOT] = row[cl.D_BEFORE] = chain.contracts[klass.start].underlying_close
        row[cl.D_ORDERS] = volume / steps / MEAN_FILL
        row[cl.D_NOISE] = scenario.vol_noise / MILLION * float(np.sqrt(minutes))
        row[cl.D_REVERT] = minutes / 120.0
        row[cl.D_INFORMED] = scenario.informed / MILLION
        row[cl.D_INQUIRY] = scenario.inquiries * step / HOUR
        row[cl.D_LEFT] = 1.0
        row[cl.D_YEAR] = phases.YEAR_DAYS
        row[cl.D_RATE] = scenario.rate / MILLION
    return drive


def open_crowd(state: State) -> None:
    """Build the crowd of the day from the opening message."""
    opened = state.open
    if opened is None:
        return
    chain, scenario, book = opened.chain, opened.scenario, opened.rulebook
    surface, ranges, row_of = _surface(opened, state.spans[0].start)
    state.info[:, lay.EXPIRY] = row_of
    makers = [
        (item.width / MILLION, item.react / MILLION, item.size, item.skip / MILLION)
        for item in scenario.makers
    ]
    bands = [spread.band(book, rank) for rank in (1, 4)]
    seeds = [
        (opened.seed * 0x9E3779B97F4A7C15 + klass * 0xD1342543DE82EF95) % 2**64
        for klass in range(len(chain.classes))
    ]
    slots = len(chain.contracts)
    state.crowd = Crowds(
        surface=surface,
        fair=np.zeros((slots, cl.FAIR), dtype=np.float64),
        drive=_drive(chain, scenario, phases.session_nanos(book), opened.snapshot_nanos),
        traits=np.array(makers, dtype=np.float64).reshape(-1, cl.TRAITS),
        band=np.array([(num / den, floor) for num, den, floor in bands], dtype=np.float64),
        desk=np.zeros((len(makers), slots), dtype=np.float64),
        rng=np.array(seeds, dtype=np.uint64),
        rows=ranges,
    )
    market, crowd = Turn(state, state.at).market, arrays(state.crowd)
    for klass in chain.classes:
        weigh(market, crowd, klass.start, klass.stop)


def arrays(crowd: Crowds) -> Crowd:
    """The arrays a kernel call takes."""
    return Crowd(
        crowd.surface,
        crowd.fair,
        crowd.drive,
        crowd.traits,
        crowd.band,
        crowd.desk,
        crowd.rng,
    )


def on_underlying(state: State, ticks: UnderlyingTicks) -> None:
    """The crowd sees the ETFs' mid prices; a side that is missing leaves the last price."""
    crowd = state.crowd
    if crowd is None:
        return
    for tick in ticks.ticks:
        if tick.bids and tick.asks and tick.bids[0] > 0 and tick.asks[0] > 0:
            crowd.drive[tick.klass, cl.D_SPOT] = 0.5 * (tick.bids[0] + tick.asks[0])
        elif tick.last > 0:
            crowd.drive[tick.klass, cl.D_SPOT] = tick.last


def along(path: Path, at: DayNanos) -> Ticks:
    """Price on a path at a time of day, by straight lines between its knots; 0 without knots."""
    knots = path.knots
    if not knots:
        return 0
    index = bisect_right(knots, (at, FOREVER))
    if index in (0, len(knots)):
        return knots[min(index, len(knots) - 1)][1]
    (since, here), (until, there) = knots[index - 1], knots[index]
    return here + (there - here) * (at - since) // (until - since)


def _signal(opened: VenueOpen, klass: int, now: Nanos) -> float:
    """Relative move the informed trader expects over the scenario's lead time."""
    for path in opened.scenario.paths:
        if path.klass == klass:
            here = along(path, now)
            there = along(path, now + opened.scenario.lead)
            return (there - here) / here if here else 0.0
    return 0.0


def _happenings(turn: Turn, crowd: Crowds, opened: VenueOpen, now: Nanos) -> None:
    """Vol shocks and bursts of the scenario that came due (each list in order of time)."""
    scenario = opened.scenario
    while crowd.shocks < len(scenario.vol_shocks) and scenario.vol_shocks[crowd.shocks].at <= now:
        shock = scenario.vol_shocks[crowd.shocks]
        crowd.shocks += 1
        wanted = range(len(crowd.rows)) if shock.klass < 0 else (shock.klass,)
        for klass in wanted:
            first, stop = crowd.rows[klass]
            crowd.surface[first:stop, [cl.S_ATM, cl.S_BASE]] += shock.change / MILLION
    while crowd.bursts < len(scenario.bursts) and scenario.bursts[crowd.bursts].at <= now:
        order = scenario.bursts[crowd.bursts]
        crowd.bursts += 1
        slot = turn.state.slots.get(order.contract)
        if slot is not None:
            investors = turn.state.acct.shape[0] - 2
            burst(turn.market, slot, order.side - 1, order.qty, turn.at, investors)
            drain(turn)


def _wake_step(turn: Turn, opened: VenueOpen) -> None:
    """Ask for the next class snapshot; in a break at the next full minute or the next phase."""
    state = turn.state
    classes = max(len(opened.chain.classes), 1)
    gap = opened.snapshot_nanos // classes // MILLISECOND * MILLISECOND
    due = state.origin + state.cycle // classes * opened.snapshot_nanos
    due += state.cycle % classes * gap
    if state.session in QUIET and state.cycle % classes == 0 and not _unpublished(state):
        if state.session == Phase.CLOSED:
            return
        minute = (turn.at // MINUTE + 1) * MINUTE
        starts = [span.start for span in state.spans if span.start > turn.at]
        due = min([minute, *starts])
        state.origin = due - state.cycle // classes * opened.snapshot_nanos
    while due <= turn.at:
        state.cycle += classes
        due += opened.snapshot_nanos
    turn.effects.append(WakeAt("step", due))


def _unpublished(state: State) -> bool:
    return any(minute < 0 for minute in state.images)


def start_steps(turn: Turn) -> None:
    """Start the snapshots: at once, or with the first phase of the day."""
    state = turn.state
    if state.open is None:
        return
    state.origin = max(turn.at, state.spans[0].start)
    state.origin -= state.origin % MILLISECOND
    _wake_step(turn, state.open)


def on_step(turn: Turn) -> None:
    """One class acts and publishes its snapshot."""
    state = turn.state
    opened, crowd = state.open, state.crowd
    if opened is None or crowd is None:
        return
    index = state.cycle % len(opened.chain.classes)
    now = turn.at - state.day_start
    klass = opened.chain.classes[index]
    if state.session not in QUIET:
        _happenings(turn, crowd, opened, now)
        drive = crowd.drive[index]
        drive[cl.D_LEFT] = phases.trading_left(now) / phases.SESSION
        drive[cl.D_SIGNAL] = _signal(opened, index, now)
        rows = crowd.rows[index]
        act(turn.market, arrays(crowd), index, klass.start, klass.stop, *rows, turn.at)
        drain(turn)
        start_breakers(turn)
    _publish(turn, opened, index)
    if index == 0 or state.session in QUIET:
        emit_quotes(state, turn.effects)
        emit_trades(state, turn.effects)
    state.cycle += 1
    _wake_step(turn, opened)


def _publish(turn: Turn, opened: VenueOpen, index: int) -> None:
    state = turn.state
    now = turn.at - state.day_start
    for outage in opened.scenario.outages:
        if outage.klass in (-1, index) and outage.since <= now < outage.until:
            # What is missed is caught up by the image that follows.
            state.images[index] = -1 if state.session not in QUIET else state.images[index]
            return
    klass = opened.chain.classes[index]
    minute = turn.at // MINUTE
    image = state.images[index] != minute
    count = snapshot(turn.market, klass.start, klass.stop, image, state.shown, state.out)
    if image:
        state.images[index] = minute
    if count:
        rows = pack(state.out[:count])
        turn.effects.append(ChainTick(index, turn.at, image, rows))
