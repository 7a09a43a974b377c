"""The crowd's Python side: its arrays at the open, its step per class snapshot, the feed's timer.

Snapshots of the classes are spread evenly over the snapshot interval. In breaks only an image a
minute is published.
"""

from bisect import bisect_right

import numpy as np

from quanheng.exchange import crowd_layout as cl
from quanheng.exchange import layout as lay
from quanheng.exchange import profile
from quanheng.exchange.crowd_kernel import burst, weigh
from quanheng.exchange.crowd_layout import Crowd
from quanheng.exchange.crowd_makers import act
from quanheng.exchange.feed import snapshot
from quanheng.exchange.messages import MarketScenario, Path, VenueOpen
from quanheng.exchange.session import start_breakers
from quanheng.exchange.state import Crowds, State
from quanheng.exchange.turn import Turn, drain, emit_quotes, emit_trades
from quanheng.kernels.math.elementary import exp
from quanheng.kernels.pack import pack
from quanheng.rulebook import phases, spread
from quanheng.runtime.envelope import WakeAt
from quanheng.terms.codes import Phase
from quanheng.terms.contract import Chain
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, SECOND, DayNanos, Nanos, Ticks

MILLION = 1_000_000
CATCH_UP = 150 * SECOND
"""Time over which the investors make up for what the market is behind its schedule."""
RUSH = 4.0
"""They never want more than this many times an even step's volume."""
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
        for last_day, share in zip(days, profile.rank_shares(days), strict=True):
            atm, slope, curve, carry = given.get((index, last_day), PLAIN_SMILE)
            full, _ = phases.variance_left(book, last_day, at)
            calendar = phases.discount_days(last_day, at)
            numbers = (atm, slope, curve, carry, atm)
            rows.append([*(number / MILLION for number in numbers), full, calendar, share])
        ranges.append((first, len(rows)))
        row_of.extend(first + days.index(item.last_day) for item in members)
    return np.array(rows, dtype=np.float64).reshape(-1, cl.SURFACE), ranges, row_of


def _chance(step: Nanos, mean: Nanos) -> float:
    """Chance that something with a mean waiting time happens in a step; 0 never comes."""
    return 1.0 - float(exp(-step / mean)) if mean else 0.0


def _drive(chain: Chain, scenario: MarketScenario, session: Nanos, step: Nanos) -> np.ndarray:
    drive = np.zeros((len(chain.classes), cl.DRIVE), dtype=np.float64)
    volumes = dict(scenario.volume)
    minutes = step / MINUTE
    drive[:, cl.D_CATCH] = min(1.0, step / CATCH_UP)
    drive[:, cl.D_BLUR] = scenario.blur / MILLION
    drive[:, cl.D_NOISE] = scenario.vol_noise / MILLION * float(np.sqrt(minutes))
    drive[:, cl.D_REVERT] = minutes / 120.0
    drive[:, cl.D_INFORMED] = _chance(step, scenario.informed)
    drive[:, cl.D_FAST] = scenario.fast / MILLION
    drive[:, cl.D_SLOW] = _chance(step, scenario.slow)
    drive[:, cl.D_MOVED] = 3600.0
    drive[:, cl.D_STEP] = step / SECOND
    drive[:, cl.D_INQUIRY] = scenario.inquiries * step / HOUR
    drive[:, cl.D_FOLLOW] = scenario.follow / MILLION
    drive[:, cl.D_LEFT] = 1.0
    drive[:, cl.D_YEAR] = phases.YEAR_DAYS
    drive[:, cl.D_RATE] = scenario.rate / MILLION
    drive[:, cl.D_RETAIL] = scenario.retail / MILLION
    drive[:, cl.D_PARENT] = scenario.parent
    drive[:, cl.D_PATIENCE] = scenario.patience / MILLION
    drive[:, cl.D_TURN] = _chance(step, scenario.turn)
    drive[:, cl.D_PERSIST] = scenario.persist / MILLION
    for index, klass in enumerate(chain.classes):
        row = drive[index]
        volume = volumes.get(klass.underlying, 0) * (scenario.flow / MILLION)
        row[cl.D_SPOT] = row[cl.D_BEFORE] = chain.contracts[klass.start].underlying_close
        row[cl.D_MOST] = RUSH * volume * step / session
        row[cl.D_MOOD] = 1.0 if index % 2 else -1.0
        row[cl.D_IMPACT] = 100.0 * scenario.impact / MILLION / max(volume, 1.0)
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
        (
            item.width / MILLION,
            _chance(opened.snapshot_nanos, item.react),
            item.size,
            item.skip / MILLION,
            item.capacity,
            item.view / MILLION,
        )
        for item in scenario.makers
    ]
    bands = [spread.band(book, rank) for rank in (1, 4)]
    seeds = [
        (opened.seed * 0x9E3779B97F4A7C15 + klass * 0xD1342543DE82EF95) % 2**64
        for klass in range(len(chain.classes))
    ]
    slots, classes = len(chain.contracts), len(chain.classes)
    state.crowd = Crowds(
        surface=surface,
        fair=np.zeros((slots, cl.FAIR), dtype=np.float64),
        drive=_drive(chain, scenario, phases.session_nanos(book), opened.snapshot_nanos),
        traits=np.array(makers, dtype=np.float64).reshape(-1, cl.TRAITS),
        band=np.array([(num / den, floor) for num, den, floor in bands], dtype=np.float64),
        desk=np.zeros((len(makers), slots), dtype=np.float64),
        parents=np.zeros((classes, cl.PARENTS, cl.PARENT), dtype=np.float64),
        asked=np.zeros((classes, cl.ASKED), dtype=np.float64),
        places=np.array((profile.RETAIL, profile.INSTITUTION), dtype=np.float64),
        rng=np.array(seeds, dtype=np.uint64),
        rows=ranges,
    )
    market, crowd = Turn(state, state.at).market, arrays(state.crowd)
    for index, klass in enumerate(chain.classes):
        weigh(market, crowd, index, klass.start, klass.stop, state.at)


def arrays(crowd: Crowds) -> Crowd:
    """The arrays a kernel call takes."""
    return Crowd(
        crowd.surface,
        crowd.fair,
        crowd.drive,
        crowd.traits,
        crowd.band,
        crowd.desk,
        crowd.parents,
        crowd.asked,
        crowd.places,
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


def _signals(opened: VenueOpen, klass: int, now: DayNanos) -> tuple[float, float]:
    """(relative move of the underlying, move of the vols) within the informed trader's lead."""
    scenario = opened.scenario
    until = now + scenario.lead
    move = 0.0
    for path in scenario.paths:
        if path.klass == klass:
            here = along(path, now)
            move = (along(path, until) - here) / here if here else 0.0
    vols = sum(
        shock.change
        for shock in scenario.vol_shocks
        if now < shock.at <= until and shock.klass in (-1, klass)
    )
    return move, vols / MILLION


def _schedule(state: State, opened: VenueOpen, klass: int, now: DayNanos) -> tuple[float, float]:
    """(contracts of this step, contracts until now) that the day's schedule wants of a class."""
    underlying = opened.chain.classes[klass].underlying
    scenario, step = opened.scenario, opened.snapshot_nanos
    volume = dict(scenario.volume).get(underlying, 0) * (scenario.flow / MILLION)
    passed = phases.SESSION - phases.trading_left(now)
    whole = sum(span.stop - span.start for span in state.spans if span.phase == Phase.CONTINUOUS)
    until = profile.planned(passed / whole)
    if state.session != Phase.CONTINUOUS:
        return volume * step / whole, volume * until
    after = phases.SESSION - phases.trading_left(now + step)
    return volume * (profile.planned(after / whole) - until), volume * until


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
            people = int(turn.state.ctl[lay.C_MAKERS]) + lay.RETAIL
            burst(turn.market, slot, order.side - 1, order.qty, turn.at, people)
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
        drive[cl.D_SIGNAL], drive[cl.D_VOL_SIGNAL] = _signals(opened, index, now)
        drive[cl.D_DUE], drive[cl.D_PLANNED] = _schedule(state, opened, index, now)
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
