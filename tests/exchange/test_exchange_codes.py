"""Which fault wins: requests with two faults are answered by the stated precedence."""

import itertools

from exchange_world import World, at, chain, member, opening

from quanheng.exchange.messages import Member
from quanheng.terms.business import ExerciseRequest
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.orders import NewOrder, OrderCancel, Quote, QuoteCancel
from quanheng.wire import codes

CODE = "10007000"
FIRST = chain().contracts[0]
ORDER_FAULTS: tuple[tuple[int, dict[str, object]], ...] = (
    (19114, {"contract": "99999999"}),
    (17628, {"kind": OrderKind.LIMIT_FOK}),
    (17614, {"covered": True}),
    (10444, {"qty": 0}),
    (11098, {"qty": 51}),
    (17590, {"price": 0}),
    (10450, {"price": FIRST.limit_up + 1}),
    (10836, {"effect": Effect.CLOSE}),
)
QUOTE_FAULTS: tuple[tuple[int, dict[str, object]], ...] = (
    (19114, {"contract": "99999999"}),
    (19070, {"bid_qty": -1}),
    (13564, {"bid_qty": 0, "ask_qty": 0}),
    (19314, {"bid": 1_010}),
    (11098, {"ask_qty": 51}),
    (10836, {"ask_effect": Effect.CLOSE}),
)
ORDER = {
    "contract": CODE,
    "side": Side.BUY,
    "effect": Effect.OPEN,
    "kind": OrderKind.LIMIT,
    "price": 990,
    "qty": 1,
}
QUOTE = {
    "contract": CODE,
    "bid": 990,
    "ask": 1_010,
    "bid_qty": 1,
    "ask_qty": 1,
    "bid_effect": Effect.OPEN,
    "ask_effect": Effect.OPEN,
}


def pairs(
    faults: tuple[tuple[int, dict[str, object]], ...],
) -> list[tuple[tuple[int, dict[str, object]], tuple[int, dict[str, object]]]]:
    """Two faults that can stand in one request (a covered buy-close is no 17614)."""
    return [
        (one, two)
        for one, two in itertools.combinations(faults, 2)
        if not one[1].keys() & two[1].keys() and {one[0], two[0]} != {17614, 10836}
    ]


def before(stage: str, one: int, two: int) -> bool:
    """Is a code checked before another one?"""
    order = codes.precedence(stage)
    return order.index(one) < order.index(two)


def test_exchange_codes_of_orders_by_precedence() -> None:
    """Of two faults of an order the stated first is answered (interfaces.md 2.10)."""
    world = World(opening())
    world.until(at("09:20"))
    for number, (one, two) in enumerate(pairs(ORDER_FAULTS)):
        assert before("order", one[0], two[0])
        (answer,) = world.ask(NewOrder(f"A{number:09d}", **{**ORDER, **one[1], **two[1]}))  # type: ignore[arg-type]
        assert answer.reason == one[0], (one, two)


def test_exchange_codes_of_quotes_by_precedence() -> None:
    """Of two faults of a quote the stated first is answered; a stranger hears 10258 first."""
    stranger = Member("B0001", "D89000B000", "", "general", 10**12)
    world = World(opening(members=(member(), stranger)))
    world.until(at("10:00"))
    for number, (one, two) in enumerate(pairs(QUOTE_FAULTS)):
        assert before("quote", one[0], two[0])
        request = Quote(f"A{number:09d}", **{**QUOTE, **one[1], **two[1]})  # type: ignore[arg-type]
        assert world.ask(request)[0].reason == one[0], (one, two)
        assert world.ask(request, pbu="B0001")[0].reason == 10258


def test_exchange_codes_of_cancels_by_precedence() -> None:
    """Unknown order before another contract before the no-cancel window."""
    world = World(opening())
    world.until(at("09:20"))
    assert world.ask(NewOrder("A000000001", **ORDER))[0].reason == 0  # type: ignore[arg-type]
    world.until(at("09:22"))
    asked = (
        (OrderCancel("A000000002", "99999999", "A000000009"), 19082),
        (OrderCancel("A000000003", "99999999", "A000000001"), 13528),
        (OrderCancel("A000000004", CODE, "A000000001"), 19242),
        (QuoteCancel("A000000005", "99999999", False, False), 19114),
        (QuoteCancel("A000000006", CODE, False, False), 13564),
        (QuoteCancel("A000000007", CODE, True, True), 19082),
    )
    for request, code in asked:
        assert world.ask(request)[0].reason == code
    assert codes.precedence("cancel") == (19082, 13528, 19242)
    assert codes.precedence("quote_cancel") == (10258, 19114, 13564, 19082, 19242)


def test_exchange_codes_of_the_front_by_precedence() -> None:
    """Form of the id, flow, duplicate, session, business (interfaces.md 2.6)."""
    world = World(opening())
    world.until(at("10:00"))
    assert world.ask(NewOrder("A000000001", **ORDER))[0].reason == 0  # type: ignore[arg-type]
    world.until(at("12:00"))
    asked = (
        (ExerciseRequest("a", CODE, 1), 20004),
        (ExerciseRequest("A000000001", CODE, 1), 11270),
        (ExerciseRequest("A000000002", CODE, 1), 19100),
    )
    for request, code in asked:
        assert world.ask(request)[0].reason == code
    flood = [ExerciseRequest(f"A1{number:08d}", CODE, 1) for number in range(1_000)]
    world.ask(*flood)
    assert world.ask(ExerciseRequest("A000000001", CODE, 1))[0].reason == 13300
    assert world.ask(ExerciseRequest("b", CODE, 1))[0].reason == 20004
    assert codes.precedence("front") == ("id", 13300, 11270, 11246, 19100, 10740, 17602)
