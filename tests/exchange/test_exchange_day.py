"""Whole days of the venue with its crowd: conservation, duties, feed, breakers, determinism."""

from typing import Any

import numpy as np
import pytest
from exchange_world import (
    BUSY,
    CLOSE_PRICE,
    DAY,
    World,
    at,
    chain,
    member,
    of,
    opening,
    rulebook,
    spot,
)

from quanheng.duties import measure
from quanheng.exchange import layout as lay
from quanheng.exchange.messages import (
    Burst,
    HaltWindow,
    MarketScenario,
    Outage,
    PlatformStateChanged,
)
from quanheng.exchange.venue import Venue, invariants, maker_names
from quanheng.kernels.pack import unpack
from quanheng.rulebook import breaker
from quanheng.runtime.envelope import Envelope, Record
from quanheng.terms import market
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.days import from_clock
from quanheng.terms.market import ChainTick, Inquiry
from quanheng.terms.orders import Quote

CODES = [contract.code for contract in chain().contracts]


def rows(effects: list[Any], table: str) -> np.ndarray:
    parts = [unpack(e.rows, e.columns) for e in of(effects, Record) if e.table == table]
    return np.concatenate(parts) if parts else np.zeros((0, 10), dtype=np.int64)


def move(world: World, clock: str, minutes: int, seed: int) -> None:
    """Drive the underlying and a quoting member from `clock` for some minutes."""
    rng = np.random.default_rng(seed)
    price = CLOSE_PRICE
    start = at(clock)
    for second in range(0, minutes * 60, 5):
        world.until(start + second * 1_000_000_000)
        price += int(rng.integers(-6, 7)) * 5
        world.give(spot(price, world.now))
        fair = world.machine.state.crowd.fair[:, 0]
        for slot, code in enumerate(CODES):
            middle = int(fair[slot]) + int(rng.integers(-20, 21))
            half = int(rng.integers(2, 30))
            ids = f"M{second // 5 * 12 + slot + seed * 100_000:09d}"
            bid, ask = max(middle - half, 1), middle + half
            qty = int(rng.integers(5, 25))
            world.ask(Quote(ids, code, bid, ask, qty, qty, Effect.OPEN, Effect.OPEN))


@pytest.fixture(scope="module")
def day() -> World:
    """A busy day with a breaker and a halt; a member quotes for a few minutes at both ends."""
    scenario = MarketScenario(
        name="test",
        volume=(("510050", 400_000),),
        inquiries=40,
        bursts=(Burst(from_clock("10:05"), CODES[1], Side.BUY, 40),),
        halts=(HaltWindow("10007003", from_clock("10:10"), from_clock("10:20")),),
        outages=(Outage(-1, from_clock("10:30"), from_clock("10:31")),),
    )
    world = World(opening(scenario))
    move(world, "09:16", 3, 1)
    world.until(at("09:30"))
    move(world, "09:30", 8, 2)
    world.until(at("14:54"))
    move(world, "14:54", 4, 3)
    world.until(at("15:30"))
    return world


def test_everything_is_conserved(day: World) -> None:
    """Longs equal shorts and the open interest, cash and fees add up, books are sound (T-04)."""
    assert invariants(day.machine.state) == dict.fromkeys(
        ("positions", "negative", "money", "crossed", "sorted", "holds", "orders"), 0
    )
    assert day.machine.state.ctl[lay.C_EXCHANGE] > 0


def test_dataset_rows_are_well_formed(day: World) -> None:
    """Strictly increasing stamps per key, whole milliseconds, no row without a change; nothing
    rests after the close (duty_dataset.md, details 1 and 2)."""
    quotes = rows(day.effects, "quotes")
    phases = rows(day.effects, "phases")
    makers = len(maker_names(day.machine.state.open))
    for maker in range(makers):
        for slot in range(len(CODES)):
            mine = quotes[(quotes[:, 0] == maker) & (quotes[:, 1] == slot)]
            assert (np.diff(mine[:, 2]) > 0).all()
            assert (np.diff(mine[:, 3:], axis=0) != 0).any(axis=1).all()
            assert len(mine) == 0 or not mine[-1, 3:].any()
    for slot in range(len(CODES)):
        mine = phases[phases[:, 0] == slot]
        assert (np.diff(mine[:, 1]) > 0).all()
        assert mine[-1, 2] == Phase.CLOSED
    for table, column in ((quotes, 2), (phases, 1), (rows(day.effects, "trades"), 1)):
        assert (table[:, column] % 1_000_000 == 0).all()
    assert (quotes[:, 2] >= at("09:15")).all()


def test_meter_equals_a_recount_from_the_rows(day: World) -> None:
    """The venue's live duty figures equal a second meter fed with the dataset's rows (Q-03…Q-06,
    borders.md 4)."""
    effects = day.effects
    events: list[tuple[int, int, tuple[Any, ...]]] = []
    for slot, when, phase in rows(effects, "phases").tolist():
        events.append((when, 0, (measure.on_phase, slot, when, Phase(phase))))
    for row in rows(effects, "trades").tolist():
        events.append((row[1], 1, (measure.on_last, row[0], row[1], row[2])))
        sides = tuple(owner if owner < 1 else -1 for owner in row[4:6])
        events.append((row[1], 1, (measure.on_trade, row[0], row[1], row[3], *sides)))
    for row in rows(effects, "inquiries").tolist():
        events.append((row[1], 2, (measure.on_inquiry, *row)))
    for row in rows(effects, "quotes").tolist():
        if row[0] == 0:
            events.append((row[2], 3, (measure.on_quote, *row)))
    meter = measure.open_meter(chain(), rulebook(), ("M1",))
    for _, _, (call, *arguments) in sorted(events, key=lambda event: event[:2]):
        call(meter, *arguments)
    end = at("15:05")
    live = measure.figures(day.machine.state.meter, end)
    again = measure.figures(meter, end)
    for name in live.__struct_fields__:
        assert np.array_equal(getattr(live, name), getattr(again, name)), name
    assert day.machine.state.meter.late == 0
    assert live.volume.sum() > 0
    assert live.compliant.sum() > 0
    assert live.inquiries.sum() > 0


def test_feed_replaces_state(day: World) -> None:
    """A reader that applies rows in order sees what the venue shows; images come each minute and
    at phase changes; no rows during the outage (borders.md 4)."""
    table = np.zeros((len(CODES), market.COLUMNS), dtype=np.int64)
    images, quiet = [], []
    for tick in of(day.effects, ChainTick):
        part = unpack(tick.rows, market.COLUMNS)
        assert (np.diff(part[:, 0]) > 0).all()
        table[part[:, 0]] = part
        if tick.image:
            assert len(part) == len(CODES)
            images.append(tick.at)
        if at("10:30") <= tick.at < at("10:31"):
            quiet.append(tick.at)
    assert np.array_equal(table, day.machine.state.shown)
    assert not quiet
    assert (table[:, market.PHASE] == Phase.CLOSED).all()
    minutes = [stamp // 60_000_000_000 for stamp in images]
    assert set(range(at("09:31") // 60_000_000_000, at("10:30") // 60_000_000_000)) <= set(minutes)
    for clock in ("09:15", "09:25", "09:30", "14:57", "15:00"):
        assert at(clock) in images


def test_breaker_starts_pauses_and_sets_its_reference(day: World) -> None:
    """A burst starts a 3-minute auction whose price is the next reference (rules.md 2.5)."""
    phases = rows(day.effects, "phases")
    mine = [(when, phase) for slot, when, phase in phases.tolist() if slot == 1]
    starts = [when for when, phase in mine if phase == Phase.INTRADAY]
    assert starts
    assert at("10:05") <= starts[0] < at("10:05:01")
    assert (starts[0] + 180_000_000_000, int(Phase.CONTINUOUS)) in mine
    trades = rows(day.effects, "trades")
    inside = trades[(trades[:, 0] == 1) & (trades[:, 1] == starts[0] + 180_000_000_000)]
    assert len(dict.fromkeys(inside[:, 2].tolist())) == 1


def test_trades_say_whose_order_came_last(day: World) -> None:
    """The aggressor of a continuous trade is who arrived with it, an auction has none; times alone
    would not tell, since orders of one millisecond meet too (E-08: who provides pays less).
    """
    trades = rows(day.effects, "trades")
    aggressor = trades[:, 10]
    met = trades[aggressor >= 0]
    came = met[np.arange(len(met)), 6 + met[:, 10]]
    stood = met[np.arange(len(met)), 7 - met[:, 10]]
    assert len(met) > 1_000 and (came == met[:, 1]).all() and (stood <= came).all()
    assert (stood == came).any(), "no two orders of one millisecond met"
    crossed = trades[aggressor < 0]
    assert len(crossed) > 100 and (crossed[:, 6:8].max(axis=1) < crossed[:, 1]).all()


def test_halted_contract_does_not_trade(day: World) -> None:
    """No trade inside a halt; the phase goes P and back to T (rules.md 1.7)."""
    slot = 3
    trades = rows(day.effects, "trades")
    inside = (trades[:, 0] == slot) & (trades[:, 1] >= at("10:10")) & (trades[:, 1] < at("10:20"))
    assert not inside.any()
    phases = rows(day.effects, "phases").tolist()
    mine = [(when, phase) for s, when, phase in phases if s == slot]
    assert (at("10:10"), int(Phase.HALT)) in mine
    assert (at("10:20"), int(Phase.CONTINUOUS)) in mine


def test_the_market_looks_like_one(day: World) -> None:
    """Volume within a factor of the scenario's, both sides quoted almost always, makers' spreads
    inside the duty, inquiries forwarded, the platform's states in order."""
    volume = int(day.machine.state.info[:, lay.VOLUME].sum())
    assert 200_000 < volume < 800_000
    seen = both = 0
    for tick in of(day.effects, ChainTick):
        part = unpack(tick.rows, market.COLUMNS)
        part = part[part[:, market.PHASE] == Phase.CONTINUOUS]
        seen += len(part)
        both += int(((part[:, market.BID] > 0) & (part[:, market.ASK] > 0)).sum())
    assert both > 0.97 * seen
    assert 20 < len(of(day.effects, Inquiry)) < 400
    states = [effect.state for effect in of(day.effects, PlatformStateChanged)]
    assert states == [1, 2, 3, 1, 2, 3, 1, 2, 4]
    quotes = rows(day.effects, "quotes")
    tight = quotes[(quotes[:, 0] == 1) & (quotes[:, 4] > 0) & (quotes[:, 6] > 0)]
    near = tight[tight[:, 1] < 6]
    good = 10 * (near[:, 5] - near[:, 3]) <= np.maximum(near[:, 3], 250)
    assert good.mean() > 0.9


def test_snapshot_in_the_middle_of_the_day() -> None:
    """A restored venue does exactly what the original does (T-01, T-03)."""
    world = World(opening(BUSY))
    move(world, "09:30", 2, 4)
    twin = World(None, Venue(), world.now)
    twin.machine.restore(world.machine.snapshot())
    twin.timers = dict(world.timers)
    twin.seq = world.seq
    assert twin.machine.digest() == world.machine.digest()
    first = len(world.effects)
    move(world, "09:33", 2, 5)
    move(twin, "09:33", 2, 5)
    assert twin.effects == world.effects[first:]
    assert twin.machine.digest() == world.machine.digest()


def test_same_inputs_same_bits_other_seed_other_day() -> None:
    """Replaying the inputs gives the same effects and digest; another seed does not (T-01)."""
    world = World(opening(BUSY))
    move(world, "09:30", 1, 6)
    again = Venue()
    effects: list[Any] = []
    for number, (when, body) in enumerate(world.log):
        effects += again.apply(Envelope(number + 1, when, 0, 0, body))
    assert effects == world.effects
    assert again.digest() == world.machine.digest()
    other = World(opening(BUSY, seed=8))
    move(other, "09:30", 1, 6)
    assert other.machine.digest()["book"] != world.machine.digest()["book"]


BREAKER = """
reference  last inside  first that triggers
1000       1499         1500
1000       501          500
15         24           25
15         6            5
20         29           30
"""


@pytest.mark.parametrize("row", [line.split() for line in BREAKER.strip().split("\n")[1:]])
def test_breaker_band_is_the_rulebooks(row: list[str]) -> None:
    """The band set after an auction equals the integer test of rules.md 2.5."""
    reference, inside, trigger = map(int, row)
    low, high = breaker.band(rulebook(), reference)
    assert low <= inside <= high
    assert not low <= trigger <= high


@pytest.mark.parametrize(("reading", "traded"), [("pre_trade", 5), ("post_trade", 10)])
def test_trade_at_the_trigger(reading: str, traded: int) -> None:
    """Default: the trade that would trigger does not happen and the rest waits in the auction; the
    other reading of A29 executes it first. FOK that would trigger: 17624."""
    from quanheng.terms.codes import OrderKind
    from quanheng.terms.orders import NewOrder

    world = World(opening(members=tuple(member(f"A000{i}", f"M{i}") for i in (1, 2))))
    world.machine.state.ctl[lay.C_PRE_TRADE] = reading == "pre_trade"
    world.until(at("11:28"))
    code, slot = CODES[4], 4  # previous settle 70: triggers at 105
    sell = (Side.SELL, Effect.OPEN, OrderKind.LIMIT)
    world.ask(NewOrder("B000000001", code, *sell, 104, 5), pbu="A0002")
    world.ask(NewOrder("B000000002", code, *sell, 105, 5), pbu="A0002")
    buy = (Side.BUY, Effect.OPEN)
    fok = NewOrder("A000000001", code, *buy, OrderKind.LIMIT_FOK, 110, 8)
    assert world.ask(fok)[0].reason == 17624
    world.ask(NewOrder("A000000002", code, *buy, OrderKind.LIMIT, 110, 12))
    state = world.machine.state
    assert state.info[slot, lay.VOLUME] == traded
    assert state.info[slot, lay.PHASE] == Phase.INTRADAY
    # Two of the three minutes are left for the afternoon.
    world.until(at("11:30"))
    assert state.info[slot, lay.PHASE] == Phase.BREAK
    world.until(at("13:00:59.999"))
    assert state.info[slot, lay.PHASE] == Phase.INTRADAY
    assert state.info[slot, lay.FIXED] == 1
    world.until(at("13:01"))
    assert state.info[slot, lay.PHASE] == Phase.CONTINUOUS
    assert state.info[slot, lay.VOLUME] == 10
    assert not any(invariants(state).values())


def test_breaker_after_1454_becomes_the_closing_auction() -> None:
    """An auction not over at 14:57 turns into the closing one (rules.md 2.5)."""
    scenario = MarketScenario(
        name="late", bursts=(Burst(from_clock("14:55"), CODES[1], Side.BUY, 40),)
    )
    world = World(opening(scenario))
    world.until(at("14:56"))
    state = world.machine.state
    assert state.info[1, lay.PHASE] == Phase.INTRADAY
    world.until(at("14:58"))
    assert state.info[1, lay.PHASE] == Phase.CLOSING
    assert state.auctions == {}
    world.until(at("15:01"))
    assert state.info[1, lay.PHASE] == Phase.CLOSED


def test_bad_openings_are_named() -> None:
    """Unknown switches, repeated trading units, inputs before the opening."""
    with pytest.raises(ValueError, match="switch colour"):
        World(opening(switches={"colour": "red"}))
    with pytest.raises(ValueError, match="share a trading unit"):
        World(opening(members=(member(), member())))
    with pytest.raises(ValueError, match="before its day"):
        World(None).give(spot(1, 1))
    assert opening().day == DAY
