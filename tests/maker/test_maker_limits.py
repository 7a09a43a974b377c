"""Limits as records, protection windows and trading states (L-03, R-03, I-42, I-46; D12, D14)."""

import itertools

import numpy as np
import pytest
from ladder_world import assert_tripped, fair, limit, order, start, watch, world_code
from maker_world import DAY, World, continuous, make_chain, make_open

from quanheng.books import pnl
from quanheng.maker import columns as c
from quanheng.maker.guard_state import BUCKET, BUCKETS
from quanheng.maker.inventory import refresh_worst, totals_now
from quanheng.maker.ladder import LADDER
from quanheng.maker.limits import LIMITS, in_force
from quanheng.maker.maker import Maker
from quanheng.maker.monitors import marks
from quanheng.maker.parameters import INDEX
from quanheng.runtime.envelope import Envelope, LinkChanged, Source
from quanheng.terms.codes import Alert, Link, Side, TradingState
from quanheng.terms.commands import Pull, Rearm, RecordFigure, SetLimit, SetState
from quanheng.terms.orders import NewOrder, OrderCancel, QuoteCancel, Send
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import SECOND

HOUR = 3_600 * SECOND


def set_limit(world, name, value, by="r01", second="", scope="*", **more):
    given = {"since": 0, "until": 0, "basis": "letter 7"} | more
    before = len(world.alerts(Alert.CHECK_DENIED))
    world.put(
        SetLimit(scope, name, value, given["since"], given["until"], given["basis"], by, second)
    )
    refused = world.alerts(Alert.CHECK_DENIED)[before:]
    return refused[0].args[2] if refused else ""


def in_yuan(world, column, slot=0):
    return int(world.state.limits[slot, column]) // 10_000


def test_one_person_tightens_and_two_loosen():
    """Nothing about the second person may be missing or the same (O-04)."""
    world = start()
    assert set_limit(world, "loss", 1_000_000) == ""
    assert in_yuan(world, c.L_LOSS) == 1_000_000
    for second in ("", "r01"):
        assert "second person" in set_limit(world, "loss", 1_000_001, second=second)
    assert in_yuan(world, c.L_LOSS) == 1_000_000
    assert set_limit(world, "loss", 9_000_000, second="h01") == ""
    assert in_yuan(world, c.L_LOSS) == 9_000_000
    record = in_force(world.state, "*", "loss")
    assert (record.by, record.seconded_by, record.basis) == ("r01", "h01", "letter 7")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "colour"}, "unknown limit"),
        ({"scope": "999999"}, "unknown scope"),
        ({"value": -1}, "outside"),
        ({"value": 10**15}, "outside"),
        ({"until": 5}, "ends before"),
        ({"basis": ""}, "who approved"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused_with_the_reason(changes, words):
    """Scope, name, band, period and basis (R-03); the opening refuses the same by name."""
    given = {"name": "loss", "value": 1} | changes
    world = start()
    version = world.state.parameters.version
    assert words in set_limit(world, given.pop("name"), given.pop("value"), **given)
    assert world.state.parameters.version == version


def test_the_opening_refuses_a_loose_record_of_one_person():
    loose = LimitRecord("*", "loss", 9_000_000, 0, 0, "letter", "r01")
    for record, words in ((loose, "second person"), (limit("colour", 1), "unknown limit")):
        with pytest.raises(ValueError, match=words):
            Maker().apply(
                Envelope(1, 1, Source.FEED, 0, make_open(make_chain(), granted=(record,)))
            )


def test_the_narrowest_scope_wins_and_every_change_is_a_version():
    """A send carries the version of the limits it was judged by (S-01)."""
    world = start(limit("repeats", 9), limit("repeats", 5, "510050"))
    code = world_code()
    assert set_limit(world, "repeats", 4, scope=code) == ""
    column = world.state.limits[:, c.L_REPEATS]
    assert sorted(set(column.tolist())) == [4, 5]
    assert column[6] == 4
    world.move(world.spot + 200)
    sends = [e for e in world.effects if isinstance(e, Send)]
    assert sends[-1].stamp.limits_version == world.state.parameters.version
    assert world.alerts(Alert.LIMITS_CHANGED)[-1].args[2] == world.state.parameters.version


def test_a_record_begins_and_ends_by_itself_and_time_never_loosens():
    """Expired: the tighter of record and default is left (task of R-03)."""
    world = start()
    later = world.at + HOUR
    assert set_limit(world, "loss", 9_000_000, second="h01", since=later, until=later + HOUR) == ""
    assert set_limit(world, "delta", 500_000, until=later) == ""
    version = world.state.parameters.version
    world.answer = False  # the silent feed withdraws quotes, and answers would move the time
    seen = []
    for at in (later - 1, later, later + HOUR - 1, later + HOUR):
        world.at = at
        watch(world)
        figures = (in_yuan(world, c.L_LOSS), in_yuan(world, c.L_DELTA))
        seen.append((*figures, world.state.parameters.version - version))
    assert seen == [
        (3_000_000, 500_000, 0),
        (9_000_000, 500_000, 1),
        (9_000_000, 500_000, 1),
        (3_000_000, 500_000, 2),
    ]


def test_parameters_and_grants_are_never_loosened_by_a_record():
    """The exchange's grant and the quote parameters are bases of their own."""
    world = start(limit("long", 10**6), limit("max_qty", 50), limit("max_position", 10**4))
    plain = start()
    for column in (c.L_LONG, c.L_QTY, c.L_POSITION):
        assert world.state.limits[:, column].tolist() == plain.state.limits[:, column].tolist()


def test_a_limit_lowered_below_what_is_used_reduces_and_tells():
    """Nothing is cancelled in silence: REDUCING, an alert, and a named way back (2.3)."""
    world = start()
    world.fill(2, 0, 20)
    assert set_limit(world, "total", 200) == ""
    assert_tripped(world, "P18", "510050", TradingState.REDUCING)
    world.run(1)
    assert set(world.resting) == {(2, 1)}


def test_soft_limits_stand_at_four_fifths():
    world = start(limit("total", 1_000))
    assert int(world.state.guards.soft[0, c.L_TOTAL]) == 800
    assert world.state.guards.soft[0, c.L_QTY] == world.state.limits[0, c.L_QTY]
    names = [item.name for item in LIMITS]
    assert len(set(names)) == len(names)
    soft = {item.name for item in LIMITS if item.soft}
    for rung in LADDER:
        assert rung.soft == (bool(soft & set(rung.limits)) or rung.check == 15)
        assert set(rung.limits) <= {*names, *INDEX}


def test_figures_need_a_source_and_an_end():
    """A typed record or none at all (P26)."""
    world = continuous(World.start(figures=()))
    world.put(RecordFigure("*", "var", 10**9, "", world.at + HOUR, "r01"))
    assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "record_figure"
    world.put(RecordFigure("*", "var", 10**9, "risk run 12", world.at + HOUR, "r01"))
    assert not world.resting
    world.put(Rearm("*", "P26", "p001", "r01"))
    world.run(1)
    assert len(world.resting) == 24
    world.put(RecordFigure("*", "var", 10**12, "risk run 13", world.at + HOUR, "r01"))
    watch(world)
    assert_tripped(world, "P26", "*", TradingState.REDUCING)


@pytest.mark.parametrize(
    ("name", "value"),
    [("mmp_fills", 3), ("mmp_lots", 6), ("mmp_value", 1_000), ("mmp_delta", 1), ("mmp_vega", 1)],
)
def test_the_protection_window_withdraws_the_class_in_the_same_turn(name, value):
    """Fills, contracts, value, delta, vega of a class; another class goes on (2.4, I-42)."""
    chain = make_chain(underlyings=("510050", "510300"))
    world = continuous(World.start(chain, granted=(limit(name, value),)))
    for slot in (0, 2, 4):
        if (slot, 0) in world.resting:
            world.fill(slot, 0, 2)
    assert world.state.scopes.trips == {"510050 MMP": TradingState.CANCEL_ONLY}
    assert {slot for slot, _ in world.resting} == set(range(12, 24))
    tripped = [a for a in world.alerts(Alert.TRIPPED) if a.args[0] == "MMP"]
    assert [a.scope for a in tripped] == ["510050"]


def test_the_protection_window_turns_at_its_threshold_and_forgets():
    """At the limit, not below it; what is older than five seconds no longer counts."""
    for gap, trips in (((BUCKETS - 1) * BUCKET, True), (BUCKETS * BUCKET, False)):
        world = start(limit("mmp_lots", 4))
        world.at -= world.at % BUCKET
        world.fill(2, 0, 3)
        assert not world.state.scopes.trips
        world.at += gap - world.at % BUCKET
        world.fill(4, 0, 1)
        assert bool(world.state.scopes.trips) == trips


def test_a_trip_ends_by_two_named_people_and_ends_alone():
    """Opening the scope ends no trip; ending one leaves the others (D14)."""
    world = start(limit("mmp_fills", 1), limit("repeat_fills", 2))
    code = world_code()
    for _ in range(3):
        ident, price, _ = world.resting.get((6, 0), ("M001000001", 100, 0))
        world.resting[6, 0] = [ident, price, 20]
        world.fill(6, 0, 1)
    assert set(world.state.scopes.trips) == {"510050 MMP", f"{code} P16"}
    world.put(SetState("*", TradingState.OPEN, "again", "p001", "p002"))
    world.run(1)
    assert set(world.resting) <= {(6, 0)}
    for second in ("", "p001"):
        world.put(Rearm("510050", "MMP", "p001", second))
        assert world.alerts(Alert.CHECK_DENIED)[-1].args[0] == "rearm"
    world.put(Rearm("510050", "P25", "p001", "r01"))
    assert "no trip" in world.alerts(Alert.CHECK_DENIED)[-1].args[2]
    world.put(Rearm("510050", "MMP", "p001", "r01"))
    world.run(1)
    assert {slot for slot, _ in world.resting} >= set(range(12)) - {6}
    assert set(world.state.scopes.trips) == {f"{code} P16"}
    assert world.alerts(Alert.REARMED)[-1].args == ("MMP", "p001", "r01")


def test_single_orders_are_withdrawn_by_a_trip():
    world = start(limit("mmp_fills", 1))
    order(world, 4, Side.BUY, world.resting[4, 0][1])
    ident = next(iter(world.state.orders))
    world.state.orders[ident].life = 2  # it rests
    effects = world.fill(6, 0, 1)
    requests = [r for e in effects if isinstance(e, Send) for r in e.requests]
    assert [type(r) for r in requests if isinstance(r, OrderCancel)] == [OrderCancel]


ACTIONS = ("quote", "opens", "reduces", "cancel", "pull")
TRUTH = {
    TradingState.DOWN: "",
    TradingState.SYNCING: "",
    TradingState.HALTED: "cancel pull",
    TradingState.CANCEL_ONLY: "cancel pull",
    TradingState.REDUCING: "reduces cancel pull",
    TradingState.OPEN: "quote opens reduces cancel pull",
}
LINKS = {TradingState.DOWN: Link.DOWN, TradingState.SYNCING: Link.SYNCING}


def acts(world, action):
    """Does the action lead to a message?"""
    if action == "quote":
        quotes = world.quotes(world.move(world.spot + 200))
        return any(quote.bid_qty and quote.ask_qty for quote in quotes)
    if action == "cancel":
        return bool(world.cancels(world.put(SetState("*", TradingState.HALTED, "x", "p001"))))
    if action == "pull":
        return bool(world.cancels(world.put(Pull("*", "p001"))))
    side, slot = (Side.BUY, 4) if action == "opens" else (Side.SELL, 2)
    effects = order(world, slot, side, fair(world, slot) + (3 if side == Side.SELL else -3))
    return any(isinstance(r, NewOrder) for e in effects if isinstance(e, Send) for r in e.requests)


@pytest.mark.parametrize(("state", "action"), list(itertools.product(TRUTH, ACTIONS)))
def test_states_by_kinds_of_action(state, action):
    """The truth table of borders.md 1: most restrictive first (T-03)."""
    world = start()
    world.fill(2, 0, 5)
    world.answer = False
    if state in LINKS:
        world.put(LinkChanged(LINKS[state]))
    elif state != TradingState.OPEN:
        # What rests stays resting on paper: only the standing changes, as in a trip of this turn.
        world.state.scopes.states["*"] = state
        world.state.desk[:, c.D_STATE] = state
    assert acts(world, action) == (action in TRUTH[state].split())


def test_scopes_nest_and_the_most_restrictive_wins():
    """House, class, contract; people and guards (borders.md 1)."""
    chain = make_chain(underlyings=("510050", "510300"))
    code = chain.contracts[14].code
    for states in itertools.product((TradingState.HALTED, TradingState.REDUCING, None), repeat=3):
        world = World.start(chain)
        for scope, state in zip(("*", "510300", code), states, strict=True):
            if state is not None:
                world.put(SetState(scope, state, "x", "p001"))
        named = [state for state in states if state is not None]
        assert int(world.state.desk[14, c.D_STATE]) == min(named, default=TradingState.OPEN)


def test_the_live_loss_is_the_books_own_profit():
    """P25 sees what the book would show (I-34)."""
    world = start()
    world.fill(2, 0, 20)
    world.fill(5, 1, 10)
    world.move(world.spot + 90)
    world.run(2)
    opened, state = world.state.opened, world.state
    refresh_worst(state, opened, 0, world.at)
    totals = totals_now(state, opened, 0, world.at)
    profit = pnl.profit(state.book, state.tables.fixed[:, c.F_UNIT], marks(state))
    assert totals[c.S_LOSS_DESK] == totals[c.S_LOSS] == -profit.total
    assert profit.total != 0
    assert opened.day == DAY


def test_greeks_of_positions_alone_have_no_width():
    """Without working interest the two worst cases meet at the book's Greeks (I-29)."""
    world = start()
    world.fill(2, 0, 20)
    world.put(Pull("*", "p001"))
    refresh_worst(world.state, world.state.opened, 0, world.at)
    worst = world.state.worst[0]
    ups = worst[[c.S_DELTA_UP, c.S_GAMMA_UP, c.S_VEGA_UP, c.S_THETA_UP]]
    downs = worst[[c.S_DELTA_DOWN, c.S_GAMMA_DOWN, c.S_VEGA_DOWN, c.S_THETA_DOWN]]
    assert ups.tolist() == downs.tolist()
    theo, fixed = world.state.surface.theo[2], world.state.tables.fixed[2]
    vega = 20 * theo[c.T_VEGA] * 0.01 * fixed[c.F_UNIT] * 10_000
    assert np.isclose(ups[2], vega, atol=20)
    assert ups[3] < 0 < ups[1]


def test_nothing_is_left_to_withdraw_after_a_turn():
    world = start(limit("mmp_fills", 1))
    world.fill(6, 0, 1)
    assert world.state.guards.tripped == []
    assert not [r for r in world.cancels(world.tick()) if isinstance(r, QuoteCancel)]
