"""The machine as a whole: commands, states, restore, determinism, invariants (borders.md 1, 2)."""

import random

import msgspec
import numpy as np
import pytest
from maker_world import OPENING, SPOT, World, continuous, make_chain, make_open

from quanheng.duties import measure
from quanheng.kernels.pack import pack, unpack
from quanheng.maker.invariants import invariants
from quanheng.maker.maker import Maker
from quanheng.maker.messages import ClassLimits, Notify
from quanheng.maker.monitors import BOOK_COLUMNS, CLASS_COLUMNS
from quanheng.maker.parameters import INDEX, TABLE
from quanheng.maker.warm import kernels, warm_up
from quanheng.runtime.envelope import Envelope, LinkChanged, Source, TimerFired, WakeAt
from quanheng.terms.codes import Alert, ExemptReason, Link, OrderKind, Phase, Side, TradingState
from quanheng.terms.commands import (
    ManualOrder,
    Pull,
    Rearm,
    RecordExemption,
    SetParameter,
    SetState,
    SignOn,
)
from quanheng.terms.orders import Send
from quanheng.terms.units import SECOND

HEALTHY = ("orders unknown", "orders resting")


def healthy(world):
    return {name: count for name, count in invariants(world.state).items() if name not in HEALTHY}


def test_nothing_is_quoted_without_a_trader_or_a_link():
    """The duty roster and the link are scopes nobody can override (borders.md 1)."""
    world = World.start(ready=False)
    assert not [e for e in world.run(2) if isinstance(e, Send)]
    world.put(SignOn("trader", "p001", True))
    assert not [e for e in world.run(2) if isinstance(e, Send)]


def test_the_trader_leaving_pulls_and_the_stamp_names_who_is_on_duty():
    """Every Send carries trader, strategy, curve and limits version (S-01)."""
    world = continuous(World.start())
    sends = [e for e in world.effects if isinstance(e, Send)]
    assert {send.stamp.trader for send in sends} == {"p001"}
    assert {send.stamp.strategy for send in sends} == {"lean"}
    versions = [send.stamp.curve_version for send in sends]
    assert versions == sorted(versions)
    assert world.state.surface.version[0] >= 4
    world.put(SignOn("trader", "p001", False))
    assert not world.resting
    world.put(SignOn("trader", "p002", True))
    world.run(0.5)
    assert [e for e in world.effects if isinstance(e, Send)][-1].stamp.trader == "p002"


def test_states_win_by_scope_and_only_two_people_raise_them():
    """Most restrictive wins; raising needs a second, other person; lowering never does (T-03)."""
    world = continuous(World.start(make_chain(underlyings=("510050", "510300"))))
    code = world.chain.contracts[0].code
    world.put(SetState("510050", TradingState.CANCEL_ONLY, "drill", "p001"))
    assert {slot for slot, _ in world.resting} == set(range(12, 24))
    world.put(SetState(code, TradingState.OPEN, "no", "p001", "p002"))
    world.run(1)
    assert {slot for slot, _ in world.resting} == set(range(12, 24))
    for second in ("", "p001"):
        world.put(SetState("510050", TradingState.OPEN, "again", "p001", second))
        assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "set_state"
    assert world.state.scopes.states["510050"] == TradingState.CANCEL_ONLY
    world.put(SetState("510050", TradingState.OPEN, "again", "p001", "p002"))
    world.run(1)
    assert {slot for slot, _ in world.resting} == set(range(24))


def test_pull_withdraws_a_scope_at_once_and_keeps_it_halted():
    """One-click cancel of a contract, an underlying, everything (I-20, I-21)."""
    world = continuous(World.start())
    code = world.chain.contracts[7].code
    effects = world.put(Pull(code, "p001"))
    assert [r.contract for r in world.cancels(effects)] == [code]
    world.run(1)
    assert {slot for slot, _ in world.resting} == set(range(12)) - {7}
    effects = world.put(Pull("*", "p001"))
    assert len(world.cancels(effects)) == 11
    assert not world.resting
    assert not [e for e in world.run(2) if isinstance(e, Send)]
    world.put(Pull("999999", "p001"))
    assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "pull"


def test_reducing_quotes_only_the_side_that_reduces():
    """REDUCING: the far side of a position, up to its size (P01)."""
    world = continuous(World.start())
    world.fill(2, 0, 20)
    world.put(SetState("*", TradingState.REDUCING, "drill", "p001"))
    world.run(1)
    assert set(world.resting) == {(2, 1)}
    assert world.resting[2, 1][2] <= 20


def test_parameters_have_bands_scopes_and_second_persons():
    """Unknown or out of band: refused with a reason; riskier: two people; else at once (I-16)."""
    world = continuous(World.start())
    version = world.state.parameters.version
    refused = [
        SetParameter("*", "colour", 1, "p001"),
        SetParameter("nowhere", "width", 6_000, "p001"),
        SetParameter("*", "width", 20_000, "p001", "p002"),
        SetParameter("*", "width", 2_000, "p001"),
        SetParameter("*", "max_position", 400, "p001", "p001"),
    ]
    for command in refused:
        world.put(command)
        assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "set_parameter"
    assert world.state.parameters.version == version
    world.put(SetParameter("510050", "width", 8_000, "p001"))
    world.put(SetParameter("*", "width", 8_500, "p001"))
    assert set(world.state.parameters.values[:, INDEX["width"]].tolist()) == {8_000}
    world.put(SetParameter("*", "max_position", 400, "p001", "p002"))
    assert world.state.parameters.version == version + 3
    assert set(world.state.limits[:, 10].tolist()) == {400}
    spreads = {slot: world.resting[slot, 1][1] - world.resting[slot, 0][1] for slot in range(12)}
    world.move(SPOT + 90)
    world.run(2)
    wider = [world.resting[s, 1][1] - world.resting[s, 0][1] > spreads[s] for s in range(12)]
    assert all(wider)


def test_every_parameter_default_lies_in_its_band():
    """The table of data is consistent and every name is used once."""
    assert all(item.low <= item.default <= item.high for item in TABLE)
    assert len({item.name for item in TABLE}) == len(TABLE)


def test_an_exemption_needs_two_people_and_stops_the_duty_clock():
    """Only a recorded, approved event takes time out of the base (Q-07)."""
    world = continuous(World.start())
    since = world.at
    given = ("*", ExemptReason.TECHNICAL, since, since + 30 * SECOND, "p001")
    world.put(RecordExemption(*given, "p001"))
    assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "exempt"
    world.put(RecordExemption(*given, "p002"))
    world.run(40)
    obliged = int(measure.figures(world.state.meter, world.at).obliged[0, 0])
    assert 10 * SECOND < obliged < 14 * SECOND


def test_only_permitted_contracts_are_quoted():
    """I-11, I-37: an imported list of part of an underlying."""
    chain = make_chain()
    allowed = (chain.contracts[2].code, chain.contracts[3].code)
    world = continuous(World.start(chain, permitted=allowed))
    assert {slot for slot, _ in world.resting} == {2, 3}


def test_position_limits_of_the_class_stop_opening_sides():
    """P18: long limit 100 leaves room for five bids of 20, the asks all stand."""
    limits = (ClassLimits("510050", 100, 10_000, 10_000),)
    world = continuous(World.start(limits=limits))
    world.run(3)
    worst = world.state.worst[0].tolist()
    assert worst[0] <= 100
    assert sum(side == 0 for _, side in world.resting) == 5
    assert sum(side == 1 for _, side in world.resting) == 12


def test_funds_stop_what_cannot_be_paid():
    """P20: margin and premium of everything that may trade stay within the cash."""
    world = continuous(World.start(cash=2_000_000_000))
    world.run(3)
    assert world.state.denied[20] > 0
    assert world.state.worst[0].tolist()[3] <= 2_000_000_000


def test_opening_positions_are_closed_before_anything_is_opened():
    """Yesterday's longs and shorts come in at the settlement price and are closed first."""
    chain = make_chain()
    long, short = np.zeros(12, dtype=np.int64), np.zeros(12, dtype=np.int64)
    long[1], short[4] = 40, 30
    world = World.start(chain, long=pack(long), short=pack(short))
    world.tick()
    first = {request.contract: request for request in world.quotes()}
    sale, purchase = first[chain.contracts[1].code], first[chain.contracts[4].code]
    assert (sale.ask_effect, sale.bid_effect) == (1, 0)
    assert (purchase.bid_effect, purchase.ask_effect) == (1, 0)


def test_a_fill_storm_stops_the_contract_until_people_reopen_it():
    """P16: more fills in five seconds than allowed lower the contract to CANCEL_ONLY."""
    world = continuous(World.start(parameters=(("*", "repeat_fills", 3),)))
    for _ in range(4):
        if (6, 0) in world.resting:
            world.fill(6, 0, 1)
    world.run(1)
    code = world.chain.contracts[6].code
    assert world.state.scopes.trips == {f"{code} P16": TradingState.CANCEL_ONLY}
    assert (6, 0) not in world.resting
    assert (6, 1) not in world.resting
    world.put(SetState(code, TradingState.OPEN, "seen", "p001", "p002"))
    world.run(1)
    assert (6, 0) not in world.resting
    world.put(Rearm(code, "P16", "p001", "p002"))
    world.run(1)
    assert (6, 0) in world.resting


def stormy(world, seed, seconds):
    """A random but reproducible stretch: moves, fills, ticks, commands."""
    rng = random.Random(seed)
    for _ in range(int(seconds * 2)):
        if rng.random() < 0.5:
            world.move(SPOT + rng.randrange(-60, 60))
        world.run(0.5)
        if world.resting and rng.random() < 0.6:
            slot, side = rng.choice(sorted(world.resting))
            world.fill(slot, side, rng.randrange(1, 8))
        if rng.random() < 0.05:
            world.put(Pull(world.chain.contracts[rng.randrange(12)].code, "p001"))
    return world


def test_the_same_inputs_give_the_same_effects_and_digests():
    """Determinism: two runs agree in every effect and in the digest of every part (I-12)."""
    first, second = (stormy(continuous(World.start()), 7, 40) for _ in range(2))
    assert first.effects == second.effects
    assert first.maker.digest() == second.maker.digest()
    assert healthy(first) == dict.fromkeys(healthy(first), 0)


@pytest.mark.parametrize("seconds", [3, 11, 26])
def test_a_restored_machine_behaves_identically_for_ever_after(seconds):
    """Snapshot in the middle of a stream, restore into a fresh machine, same effects and digest."""
    world = stormy(continuous(World.start()), 3, seconds)
    image = world.maker.snapshot()
    fresh = Maker()
    fresh.restore(image)
    assert fresh.digest() == world.maker.digest()
    assert fresh.snapshot() == image
    twin = World.start()
    names = ("at", "seq", "index", "spot", "phase", "last", "phases")
    for name in names:
        setattr(twin, name, getattr(world, name))
    twin.resting = {key: list(value) for key, value in world.resting.items()}
    twin.last, twin.maker, twin.effects = dict(world.last), fresh, []
    world.effects = []
    stormy(world, 5, 15)
    stormy(twin, 5, 15)
    assert world.effects == twin.effects
    assert fresh.digest() == world.maker.digest()
    assert list(vars(fresh)) == ["state"]


def test_worst_case_never_exceeds_the_limits_under_random_trading():
    """Exposure property: positions plus all that may trade stay inside every hard limit (P18)."""
    limits = (ClassLimits("510050", 300, 700, 2_000),)
    world = continuous(World.start(limits=limits, parameters=(("*", "max_position", 60),)))
    rng = random.Random(11)
    for _ in range(120):
        world.run(0.5)
        world.move(SPOT + rng.randrange(-40, 40))
        for _ in range(rng.randrange(4)):
            if world.resting:
                slot, side = rng.choice(sorted(world.resting))
                world.fill(slot, side, min(world.resting[slot, side][2], rng.randrange(1, 21)))
        book = world.state.book
        long, short = int(book.long_qty.sum()), int(book.short_qty.sum())
        bids = sum(left[2] for (_, side), left in world.resting.items() if side == 0)
        assert long <= 300
        assert long + short <= 700
        assert int(book.bought_open_today.sum()) <= 2_000
        assert np.abs(book.long_qty - book.short_qty).max() <= 60
        assert bids >= 0
    assert healthy(world) == dict.fromkeys(healthy(world), 0)
    assert world.state.book.traded_today.sum() > 300


def test_views_carry_integers_for_every_contract_and_class():
    """The console's figures: one row per contract and class, no floats (borders.md 1)."""
    world = continuous(World.start())
    world.fill(0, 0, 5)
    effects = world.put(TimerFired("view", world.at))
    views = [e for e in effects if isinstance(e, Notify)]
    assert [view.topic for view in views] == [
        "class", "curve", "book", "flow", "terms", "seen", "greeks", "ledger", "fills", "margin",
        "monitors",
    ]  # fmt: skip
    table = unpack(views[0].rows, views[0].columns)
    assert table.shape == (12, len(CLASS_COLUMNS))
    assert abs(table[0, 1] - world.fair(0) * 1e6) < 3_000
    assert abs(table[0, 2] - 178_000) < 6_000
    assert table[0, 11] == 5
    curves = unpack(views[1].rows, views[1].columns)
    assert curves[:, 1].tolist() == [20240724, 20240925]
    assert np.all(np.abs(curves[:, 2] - SPOT * 100) < 3_000)
    book = unpack(views[2].rows, views[2].columns)
    assert book.shape == (1, len(BOOK_COLUMNS))
    assert book[0, 4] == 5
    assert unpack(views[3].rows, views[3].columns)[0, :2].tolist() == [0, 1]
    assert next(e for e in effects if isinstance(e, WakeAt)).name == "view"


def test_inputs_before_the_opening_and_a_second_opening_are_errors():
    """Link, leadership and roster may come first; market data may not."""
    machine = Maker()
    machine.apply(Envelope(1, OPENING, Source.DESK, 0, SignOn("trader", "p001", True)))
    with pytest.raises(ValueError, match="TimerFired before MakerOpen"):
        machine.apply(Envelope(2, OPENING, Source.TIMER, 0, TimerFired("view", OPENING)))
    chain = make_chain()
    machine.apply(Envelope(3, OPENING, Source.RUNTIME, 0, make_open(chain)))
    assert machine.state.scopes.duty == {"trader *": ["p001"]}
    with pytest.raises(ValueError, match="second opening"):
        machine.apply(Envelope(4, OPENING, Source.RUNTIME, 0, make_open(chain)))
    assert Phase.OPENING == 1


def test_warm_up_compiles_every_kernel_for_the_types_the_machine_uses():
    """A whole stretch of trading after it adds no new signature to any kernel (start-up cost)."""
    warm_up()
    before = [len(getattr(kernel, "signatures", ())) for kernel in kernels()]
    world = stormy(continuous(World.start()), 2, 5)
    world.put(LinkChanged(Link.DOWN))
    assert [len(getattr(kernel, "signatures", ())) for kernel in kernels()] == before


def test_inputs_and_effects_survive_the_journal():
    """The closed unions decode to equal values, so a run can be replayed (borders.md 2)."""
    world = stormy(continuous(World.start()), 4, 5)
    given = (
        make_open(world.chain),
        Pull("*", "p001"),
        ManualOrder("10000001", Side.BUY, OrderKind.LIMIT, 700, 1, "p001"),
        TimerFired("watch", 5),
        SetParameter("*", "width", 4_000, "p001"),
    )
    for body in given:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(body), type=Maker.INPUT) == body
    for effect in world.effects:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(effect), type=Maker.EFFECT) == effect
