"""Extreme cases: wrong orders, oversize, over-limit positions, unexplained fills (I-46, R-02)."""

from pathlib import Path
from typing import Any

import pytest
from over_world import TEN, World, opening

from quanheng.compose.oversight_file import policy_of, read_oversight
from quanheng.config import ConfigError
from quanheng.edge.oversight_lines import sides_of
from quanheng.oversight import incidents
from quanheng.oversight.messages import (
    Answer,
    Ask,
    CarriedCase,
    CloseCase,
    ExtremeRule,
    FollowUp,
    OrderSeen,
    OrdersSeen,
    Policy,
    ReleaseDesk,
    Told,
    Written,
)
from quanheng.runtime.envelope import RaiseAlert, TimerFired
from quanheng.terms.codes import Alert, Effect, Exec, OrderKind, Side, TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.orders import OrderAck, QuoteAck
from quanheng.terms.units import MINUTE

POLICY = policy_of(read_oversight())


def quoted(**more: Any) -> World:
    """A world with a market and a theory of every contract."""
    world = World(opening(policy=POLICY, **more))
    world.quote(TEN)
    world.run(TEN + 5)
    return world


def asked(world: World) -> list[SetState]:
    return [one.command for one in world.of(Ask) if isinstance(one.command, SetState)]


def ticks(world: World, slot: int) -> int:
    return round(world.fair(slot, TEN) * 10_000)


@pytest.mark.parametrize(("side", "times", "found"), [
    (Side.BUY, 2.0, True), (Side.SELL, 0.3, True),
    # The losing side only, and only beyond what is allowed.
    (Side.BUY, 0.3, False), (Side.SELL, 2.0, False),
    (Side.BUY, 1.1, False), (Side.SELL, 0.9, False),
])  # fmt: skip
def test_oversight_wrong_order_is_a_case_and_halts_the_class(
    side: Side, times: float, found: bool
) -> None:
    """Beyond both market and theory: evidence, a notice, the class HALTED through the authority."""
    world = quoted()
    slot = max(range(len(world.chain.contracts)), key=lambda one: ticks(world, one))
    world.order(slot, side, 5, round(times * ticks(world, slot)), "M000000009", TEN + 10)
    cases = list(world.state.cases.values())
    assert [one.name for one in cases] == (["wrong_order"] if found else [])
    if not found:
        assert asked(world) == []
        return
    (case,) = cases
    underlying = world.chain.contracts[slot].underlying
    assert (case.scope, case.status, case.due) == (underlying, "noticed", TEN + 10 + 15 * MINUTE)
    assert "M000000009" in case.evidence[0] and "own theory" in case.evidence[0]
    assert asked(world) == [SetState(underlying, TradingState.HALTED, case.number, "F01")]
    codes = [one.code for one in world.of(RaiseAlert)]
    assert codes == [Alert.FIRM_EXTREME, Alert.FIRM_NOTICE]
    # The same again is evidence of the same case: nothing is restrained twice.
    world.order(slot, side, 5, round(times * ticks(world, slot)), "M00000000A", TEN + 20)
    assert len(world.state.cases) == 1 and len(case.evidence) == 2 and len(asked(world)) == 1
    assert [one.event for one in world.of(Written)] == ["record", "notice", "evidence"]


def test_oversight_wrong_order_needs_a_market_to_be_held_against() -> None:
    """Before the first continuous image nothing can be said of a price."""
    world = World(opening(policy=POLICY))
    world.order(0, Side.BUY, 5, 90_000, "M000000009")
    assert world.state.cases == {}


def test_oversight_restraint_never_lets_more_trade_than_an_earlier_one() -> None:
    """All HALTED by one case: REDUCING of another is not asked for, until people have released."""
    name = opening().chain.contracts[0].underlying
    world = World(opening(policy=POLICY, granted=((name, 1, 100, 100),)))
    world.trade(0, Side.BUY, 1, 100, order=False)
    world.trade(0, Side.BUY, 1, 100)
    assert [one.name for one in world.state.cases.values()] == ["unexplained_fill", "over_position"]
    assert [(one.scope, one.state) for one in asked(world)] == [("*", TradingState.HALTED)]
    world.say(ReleaseDesk("*", "explained", "F01"), TEN)
    world.trade(0, Side.SELL, 2, 100, effect=Effect.CLOSE)
    (case,) = [one for one in world.state.cases.values() if one.name == "over_position"]
    for body in (Answer, FollowUp, CloseCase):
        world.say(body(case.number, "F01" if body is not Answer else "T01", "x"), TEN)
    world.trade(0, Side.BUY, 2, 100)
    assert (asked(world)[-1].scope, asked(world)[-1].state) == (name, TradingState.REDUCING)


@pytest.mark.parametrize(("qty", "price"), [(POLICY.order_lots + 1, 100), (100, 51_000)])
def test_oversight_oversize_by_contracts_and_by_value(qty: int, price: int) -> None:
    """I-46: an order larger than expected, in contracts or in yuan."""
    world = World(opening(policy=POLICY))
    world.order(0, Side.BUY, qty, price, "M000000009")
    (case,) = world.state.cases.values()
    assert (case.name, case.value, case.limit) == ("oversize", qty, POLICY.order_lots)


def test_oversight_position_over_the_exchanges_limit_reduces_the_class() -> None:
    """Long, total and bought-to-open limits of a class; closed only when it is inside again."""
    chain = opening().chain
    name = chain.contracts[0].underlying
    world = World(opening(policy=POLICY, granted=((name, 20, 100, 50),)))
    world.trade(0, Side.BUY, 20)
    assert world.state.cases == {}
    world.trade(0, Side.BUY, 1)
    (case,) = world.state.cases.values()
    assert (case.name, case.value, case.limit) == ("over_position", 21, 20)
    assert asked(world) == [SetState(name, TradingState.REDUCING, case.number, "F01")]
    for body in (Answer(case.number, "T01", "x"), FollowUp(case.number, "F01", "x")):
        world.say(body, TEN)
    world.say(CloseCase(case.number, "F01", "done"), TEN)
    assert world.of(Told)[-1].why == "the position is still over its limit"
    world.trade(0, Side.SELL, 5, effect=Effect.CLOSE)
    world.say(CloseCase(case.number, "F01", "done"), TEN)
    assert case.status == "closed"
    # Bought to open counts what was bought, closed or not.
    world.trade(0, Side.SELL, 16, effect=Effect.CLOSE)
    world.trade(0, Side.BUY, 20)
    world.trade(0, Side.SELL, 20, effect=Effect.CLOSE)
    world.trade(0, Side.BUY, 10)
    assert [(one.value, one.limit) for one in world.state.cases.values()][1:] == [(51, 50)]


def test_oversight_unexplained_fills_halt_the_book() -> None:
    """No order, another contract, the wrong side, more than was left, an unknown id: each is told
    with its reason; a fill that an order explains is not.
    """
    world = World(opening(policy=POLICY))
    world.trade(0, Side.BUY, 3, 100)
    assert world.state.cases == {} and world.state.orders == {}
    world.trade(0, Side.BUY, 1, 100, client_id="M000000002", order=False)
    (case,) = world.state.cases.values()
    assert (case.name, case.status) == ("unexplained_fill", "noticed")
    assert asked(world) == [SetState("*", TradingState.HALTED, case.number, "F01")]
    world.order(0, Side.BUY, 2, 100, "M000000003")
    world.trade(1, Side.BUY, 1, 100, client_id="M000000003", order=False)
    world.trade(0, Side.SELL, 1, 100, client_id="M000000003", order=False)
    world.trade(0, Side.BUY, 3, 100, client_id="M000000003", order=False)
    world.trade(0, Side.BUY, 2, 100, client_id="M000000003", order=False)  # explained
    world.order(0, Side.BUY, 2, 100, "Z000000004")
    world.trade(0, Side.BUY, 2, 100, client_id="Z000000004", order=False)
    reasons = [
        "the exchange never told us of such an order",
        f"the order is of {world.chain.contracts[0].code}",
        "only 0 of the order were left on that side",
        "only 2 of the order were left on that side",
        "nobody is registered for this client id",
    ]
    found = [text for one in world.state.cases.values() for text in one.evidence]
    assert len(found) == len(reasons)
    assert all(any(why in text for text in found) for why in reasons), found


def test_oversight_what_was_cancelled_at_once_explains_nothing() -> None:
    """A fill of the part of a market order that was cancelled at once is unexplained."""
    world = World(opening(policy=POLICY))
    code = world.chain.contracts[0].code
    for name, gone in (("M000000001", 3), ("M000000002", 5)):
        world.say(OrdersSeen((OrderSeen(False, name, code, 1, 0, 5, gone),)), TEN)
    assert world.state.orders == {"M000000001": [0, 2, 0]}
    world.trade(0, Side.BUY, 2, 100, client_id="M000000001", order=False)
    assert world.state.cases == {}
    world.trade(0, Side.BUY, 1, 100, client_id="M000000001", order=False)
    (case,) = world.state.cases.values()
    assert case.name == "unexplained_fill"


def test_oversight_case_of_a_class_that_is_not_traded_today_can_be_closed() -> None:
    """A carried over-position case of another class takes its steps: nothing is held of it."""
    case = CarriedCase("FX1-001", "159915", "over_position", 9, 1, "followed", 1, 0, 0, ())
    world = World(opening(policy=POLICY, cases=(case,), granted=(("159915", 1, 1, 1),)))
    world.say(CloseCase("FX1-001", "F01", "not traded here"), TEN)
    assert world.state.cases["FX1-001"].status == "closed"


def test_oversight_ended_orders_are_forgotten() -> None:
    """A quote that replaces another ends its sides; a side that is not carried works on."""
    world = World(opening(policy=POLICY))
    code = world.chain.contracts[0].code

    def quote(number: str, bid: int, ask: int, old_bid: str = "", old_ask: str = "") -> None:
        ack = QuoteAck(
            False, Exec.ACCEPTED, number, code, 1, 100, 120, bid, ask, Effect.OPEN, Effect.OPEN,
            TEN, 0, old_bid, 10, old_ask, 10,
        )  # fmt: skip
        world.say(OrdersSeen(tuple(sides_of(ack))), TEN)

    quote("M000000001", 10, 10)
    quote("M000000002", 10, 0, old_bid="M000000001")
    assert world.state.orders == {"M000000001": [0, 0, 10], "M000000002": [0, 10, 0]}
    quote("M000000003", 10, 10, "M000000002", "M000000001")
    assert world.state.orders == {"M000000003": [0, 10, 10]}


def test_oversight_copy_tells_what_began_and_ended() -> None:
    """Acks of orders: accepted with price, at market without, refused not at all, cancelled."""

    def ack(exec_: Exec, kind: OrderKind = OrderKind.LIMIT, target: str = "") -> OrderAck:
        return OrderAck(
            exec_, "M1", target, "10000001", 1, Side.BUY, Effect.OPEN, kind, 100, 5, TEN, 0, 5, 0,
            False,
        )  # fmt: skip

    new = OrderSeen(False, "M1", "10000001", 1, 100, 5)
    assert sides_of(ack(Exec.ACCEPTED)) == [new]
    at_market = sides_of(ack(Exec.ACCEPTED, OrderKind.MARKET_IOC))
    assert [(one.price, one.gone) for one in at_market] == [(0, 5)]
    turned = sides_of(ack(Exec.ACCEPTED, OrderKind.MARKET_TO_LIMIT))
    assert [(one.price, one.gone) for one in turned] == [(0, 0)]
    assert sides_of(ack(Exec.REJECTED)) == []
    ended = OrderSeen(True, "M0", "10000001", 1, 0, 0)
    assert sides_of(ack(Exec.CANCELLED, target="M0")) == [ended]


def test_oversight_policy_is_checked(tmp_path: Path) -> None:
    """Every name once and known; states that restrain; the file's place is named."""
    rule = ExtremeRule("oversize", None, False, MINUTE)
    for rules, why in (((rule, rule), "two rules"), ((ExtremeRule("x", None, False, 1),), "'x'")):
        assert why in incidents.problem(rules)
        with pytest.raises(ValueError, match=why):
            World(opening(policy=Policy(rules=rules)))
    shipped = Path(read_oversight.__code__.co_filename).parents[1] / "data" / "oversight.toml"
    text = shipped.read_text(encoding="utf-8")
    for old, new, why in (
        ('state = "HALTED"', 'state = "OPEN"', "extremes.rules[0]: 'OPEN'"),
        ("ahead_min = 30", "ahead_min = 0", "extremes.ahead_min"),
        ("far_ticks = 200", "far_ticks = 0", "extremes.far_ticks"),
        ('name = "oversize"', 'name = "wrong_order"', "two rules"),
        ("answer_min = 15", "answer_min = 0", "extremes.rules[0].answer_min"),
    ):
        place = tmp_path / "o.toml"
        place.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ConfigError, match=r"o\.toml") as caught:
            read_oversight(place)
        assert why in str(caught.value)


def test_oversight_unanswered_extreme_case_escalates_by_its_rule() -> None:
    """Fifteen minutes without an answer: the next step; a refused answer has a new deadline."""
    world = World(opening(policy=POLICY))
    world.order(0, Side.BUY, POLICY.order_lots + 1, 100, "M000000009")
    (case,) = world.state.cases.values()
    assert case.due == TEN + 15 * MINUTE
    world.say(TimerFired(f"due {case.number}", case.due), case.due)
    assert (case.status, case.step) == ("escalated", 1)
    assert [one.state for one in asked(world)] == [TradingState.HALTED, TradingState.HALTED]
    later = case.due + MINUTE
    world.say(Answer(case.number, "T01", "late"), later)
    world.say(FollowUp(case.number, "F01", "not enough", False), later)
    assert (case.status, case.due) == ("noticed", later + 15 * MINUTE)
