"""What the venue answers: codes by phase and check, quotes, reports (interfaces.md 2)."""

import msgspec
import pytest
from exchange_world import World, at, chain, member, of, opening

from quanheng.exchange import layout as lay
from quanheng.exchange.messages import Deliver, Halt
from quanheng.exchange.state import switch
from quanheng.exchange.venue import invariants
from quanheng.terms import business
from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.orders import (
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    RequestRejected,
    Trade,
)

CODE = "10007000"  # a near call, previous settle 1000
PUT = "10007001"
TWO = (member(), member("A0002", "M2"))


def order(name: str = "A000000001", **more: object) -> NewOrder:
    values = {
        "contract": CODE,
        "side": Side.BUY,
        "effect": Effect.OPEN,
        "kind": OrderKind.LIMIT,
        "price": 990,
        "qty": 1,
    } | more
    return NewOrder(name, **values)  # type: ignore[arg-type]


def quote(name: str, bid: int = 990, ask: int = 1_010, bid_qty: int = 10, ask_qty: int = 10):
    return Quote(name, CODE, bid, ask, bid_qty, ask_qty, Effect.OPEN, Effect.OPEN)


KINDS = (
    OrderKind.LIMIT,
    OrderKind.LIMIT_FOK,
    OrderKind.MARKET_IOC,
    OrderKind.MARKET_FOK,
    OrderKind.MARKET_TO_LIMIT,
)
# clock, answers for LMT FOK-L IOC FOK MTL into an empty book, quote, cancel of nothing
PHASES = """
09:14  11246 11246 11246 11246 11246  11246  11246
09:16      0 17628 17628 17628 17628      0  19082
09:22      0 17628 17628 17628 17628      0  19082
09:27  19100 19100 19100 19100 19100  19100  19100
10:00      0 12036 12032 12038 12034      0  19082
12:00  19100 19100 19100 19100 19100  19100  19100
14:58      0 17670 17670 17670 17670      0  19082
15:01  10740 10740 10740 10740 10740  10740  10740
"""


@pytest.mark.parametrize("row", [line.split() for line in PHASES.split("\n") if line])
def test_codes_by_phase(row: list[str]) -> None:
    """Every order type, a quote and a cancel in every phase (rules.md 2.1, 2.2)."""
    for column, kind in enumerate(KINDS):
        world = World(opening(snapshot_nanos=30_000_000_000))
        world.until(at(row[0]))
        assert world.ask(order(kind=kind))[0].reason == int(row[1 + column]), kind
    world = World(opening(snapshot_nanos=30_000_000_000))
    world.until(at(row[0]))
    assert world.ask(quote("A000000001"))[0].reason == int(row[6])
    assert world.ask(OrderCancel("A000000002", CODE, "A000000009"))[0].reason == int(row[7])


CHECKS = (
    ("contract", {"contract": "99999999"}, 19114),
    ("zero", {"qty": 0}, 10444),
    ("negative", {"qty": -1}, 19070),
    ("largest", {"qty": 50}, 0),
    ("too large", {"qty": 51}, 11098),
    ("market too large", {"qty": 11, "kind": OrderKind.MARKET_IOC}, 11098),
    ("no price", {"price": 0}, 17590),
    ("at limit up", {"price": chain().contracts[0].limit_up}, 0),
    ("above limit up", {"price": chain().contracts[0].limit_up + 1}, 10450),
    ("at limit down", {"price": chain().contracts[0].limit_down}, 0),
    ("nothing to close", {"effect": Effect.CLOSE}, 10836),
    ("covered buy-open", {"covered": True}, 17614),
    ("covered put", {"covered": True, "contract": PUT}, 17618),
    ("covered sell-close", {"covered": True, "side": Side.SELL, "effect": Effect.CLOSE}, 17616),
    ("covered sell-open", {"covered": True, "side": Side.SELL}, 17622),
)


@pytest.mark.parametrize("case", CHECKS, ids=[case[0] for case in CHECKS])
def test_codes_by_check(case: tuple[str, dict[str, object], int]) -> None:
    """One wrong thing at a time (interfaces.md 2.10)."""
    world = World(opening())
    world.until(at("10:00"))
    (answer,) = world.ask(order(**case[1]))
    assert answer.reason == case[2]
    assert answer.exec == (Exec.REJECTED if case[2] else Exec.ACCEPTED)


def test_front_refuses_ids_and_floods() -> None:
    """Duplicates 11270, malformed ids 20004 / 20272, 1,000 messages a second 13300 (I-40)."""
    world = World(opening())
    world.until(at("10:00"))
    again, bad, first = world.ask(order(), order(), order("abc"))
    assert isinstance(first, OrderAck)
    assert again == RequestRejected("A000000001", 11270)
    assert bad == RequestRejected("abc", 20004)
    assert world.ask(quote("a000000002"))[0].reason == 20272
    answers = world.ask(*(order(f"B{i:09d}") for i in range(1_000)))
    codes = [answer.reason for answer in answers]
    assert codes.count(13300) == 2
    world.now += 1_000_000_000
    assert world.ask(order("C000000001"))[0].reason != 13300


def test_other_businesses_are_refused_by_name() -> None:
    """What this venue does not run is refused with 17602, after id, duplicate and session; a
    margin inquiry is exempt from the duplicate check (interfaces.md 1.6, 2.10).
    """
    world = World(opening(snapshot_nanos=30_000_000_000))
    world.until(at("10:00"))
    first, second, bad = (
        business.InquiryRequest(name, "10007000", 0, 0, withdraw=False)
        for name in ("A000000001", "A000000002", "A00")
    )
    answers = world.ask(first, first, second, bad)
    assert [answer.reason for answer in answers] == [17602, 11270, 17602, 20004]
    assert all(isinstance(answer, RequestRejected) for answer in answers)
    assert world.ask(business.MarginInquiry("A0", "1" * 25))[0].reason == 20236


def test_restricted_contract_and_position_limit() -> None:
    """Barred opens 17658 / 17660, granted limits 17606, cash 17572 / 17574."""
    limits = (("510050", 20, 30, 25),)
    world = World(opening(members=(member(limits=limits),)))
    world.until(at("10:00"))
    assert world.ask(order("A000000001", qty=20))[0].reason == 0
    assert world.ask(order("A000000002", qty=1))[0].reason == 17606
    assert world.ask(order("A000000003", qty=10, side=Side.SELL, price=1_200))[0].reason == 0
    assert world.ask(order("A000000004", qty=1, side=Side.SELL, price=1_200))[0].reason == 17606
    world.machine.state.info[0, lay.BARRED] = 6
    assert world.ask(order("A000000005"))[0].reason == 17658
    assert world.ask(order("A000000006", side=Side.SELL, price=1_200))[0].reason == 17660
    poor = World(opening(members=(member(),)))
    poor.until(at("10:00"))
    poor.machine.state.fund[0, lay.CASH] = 990 * 10_000 * 10
    assert poor.ask(order("A000000001", qty=10))[0].reason == 0
    assert poor.ask(order("A000000002", qty=1))[0].reason == 17572
    assert poor.ask(order("A000000003", qty=1, side=Side.SELL, price=1_200))[0].reason == 17574


def test_quote_replaces_each_carried_side() -> None:
    """A carried side re-queues behind others, a side of quantity 0 keeps its place; group 73 names
    what was replaced (borders.md 4, interfaces.md 2.5)."""
    world = World(opening(members=TWO))
    world.until(at("10:00"))
    world.ask(quote("A000000001"))
    world.ask(quote("B000000001"), pbu="A0002")
    (ack,) = world.ask(quote("A000000002", ask_qty=0, ask=0))
    assert isinstance(ack, QuoteAck)
    assert (ack.old_bid, ack.old_bid_qty, ack.old_ask, ack.old_ask_qty) == ("A000000001", 10, "", 0)
    assert (ack.bid, ack.bid_qty, ack.ask, ack.ask_qty) == (990, 10, 0, 0)
    book = world.machine.state.book[0]
    assert book[0, :2, lay.O_OWNER].tolist() == [1, 0]  # the new bid is behind
    assert book[1, :2, lay.O_OWNER].tolist() == [0, 1]  # the old ask kept its time
    (cancelled,) = world.ask(QuoteCancel("A000000003", CODE, True, True))
    assert cancelled.exec == Exec.CANCELLED
    assert (cancelled.old_bid, cancelled.old_ask) == ("A000000002", "A000000001")
    assert (cancelled.old_bid_qty, cancelled.old_ask_qty) == (10, 10)
    assert world.ask(QuoteCancel("A000000004", CODE, True, True))[0].reason == 19082
    assert world.ask(QuoteCancel("A000000005", CODE, False, False))[0].reason == 13564
    assert not any(invariants(world.machine.state).values())


def test_quote_reading_that_withdraws() -> None:
    """The switch: a side that is not carried is withdrawn."""
    world = World(opening(switches={"quote_side": "withdraw"}))
    world.until(at("10:00"))
    world.ask(quote("A000000001"))
    (ack,) = world.ask(quote("A000000002", ask_qty=0, ask=0))
    assert (ack.old_ask, ack.old_ask_qty) == ("A000000001", 10)
    assert world.machine.state.info[0, lay.N_ASK] == 0


def test_replaced_quote_keeps_its_holds_in_the_new_system() -> None:
    """A closing quote that uses the whole position cannot be replaced by another of that size; the
    old system nets it (interfaces.md 2.8-2)."""
    for system, expected in (("new", 10836), ("old", 0)):
        world = World(opening(switches={"system": system}))
        world.until(at("10:00"))
        state = world.machine.state
        state.acct[0, lay.LONG, 0] = 10
        closing = Quote("A000000001", CODE, 0, 1_010, 0, 10, Effect.OPEN, Effect.CLOSE)
        assert world.ask(closing)[0].reason == 0
        again = Quote("A000000002", CODE, 0, 1_012, 0, 10, Effect.OPEN, Effect.CLOSE)
        assert world.ask(again)[0].reason == expected


def test_no_self_match() -> None:
    """A maker's orders never meet each other (19314), in auctions too."""
    for clock in ("09:16", "10:00", "14:58"):
        world = World(opening())
        world.until(at(clock))
        world.ask(quote("A000000001"))
        assert world.ask(order("A000000002", price=1_010))[0].reason == 19314
        assert world.ask(order("A000000003", price=1_009))[0].reason == 0
        assert world.ask(quote("A000000004", bid=1_005, ask=1_008))[0].reason == 19314
        assert world.ask(quote("A000000005", bid=1_011, ask=1_011))[0].reason == 19314
        # Both sides replaced at once may pass the old prices.
        assert world.ask(quote("A000000006", bid=1_009, ask=1_030))[0].reason == 0


def test_only_makers_quote() -> None:
    """Quotes of an ordinary account: 10258."""
    world = World(opening(members=(member(maker=""),)))
    world.until(at("10:00"))
    assert world.ask(quote("A000000001"))[0].reason == 10258


def test_no_cancel_windows() -> None:
    """09:20 and 14:59: neither orders nor quotes can be withdrawn (19242), new ones can come."""
    for before, inside in (("09:19:59", "09:20"), ("14:58:59", "14:59")):
        world = World(opening())
        world.until(at(before))
        world.ask(order("A000000001"), order("A000000002"), quote("A000000003", bid=980, ask=1_030))
        (gone,) = world.ask(OrderCancel("A000000004", CODE, "A000000001"))
        assert (gone.exec, gone.target, gone.leaves) == (Exec.CANCELLED, "A000000001", 1)
        world.until(at(inside))
        (kept,) = world.ask(OrderCancel("A000000005", CODE, "A000000002"))
        assert isinstance(kept, CancelReject)
        assert kept.reason == 19242
        assert world.ask(QuoteCancel("A000000006", CODE, True, True))[0].reason == 19242
        assert world.ask(order("A000000007"))[0].reason == 0


def test_order_types_against_a_book() -> None:
    """IOC cancels its rest, MTL rests at the last fill, FOK trades all or nothing; every fill is
    reported to both with the same execution id, amount and leaves."""
    world = World(opening(members=TWO))
    world.until(at("10:00"))
    world.ask(quote("B000000001", bid=0, ask=1_010, bid_qty=0, ask_qty=5), pbu="A0002")
    fok = {"kind": OrderKind.LIMIT_FOK, "price": 1_020, "qty": 6}
    assert world.ask(order("A000000001", **fok))[0].reason == 12036
    ack, fill = world.ask(order("A000000002", **(fok | {"qty": 2})))
    assert (ack.leaves, fill.qty, fill.leaves, fill.price) == (0, 2, 0, 1_010)
    assert fill.amount == 1_010 * 2 * 10_000
    mtl = {"kind": OrderKind.MARKET_TO_LIMIT, "qty": 5}
    ack, fill = world.ask(order("A000000003", **mtl))
    assert (fill.qty, fill.leaves, ack.leaves, ack.limit_price) == (3, 2, 2, 1_010)
    ioc = {"kind": OrderKind.MARKET_IOC, "qty": 10, "side": Side.SELL}
    first = len(world.effects)
    answers = world.ask(order("B000000002", **ioc), pbu="A0002")
    assert answers[0].leaves == 8
    theirs = [r.body for e in of(world.effects[first:], Deliver) for r in e.reports]
    fills = [body for body in theirs if isinstance(body, Trade)]
    assert [(f.client_id, f.qty, f.leaves) for f in fills] == [
        ("B000000002", 2, 8),
        ("A000000003", 2, 0),
    ]
    assert fills[0].exec_id == fills[1].exec_id
    assert not any(invariants(world.machine.state).values())


def test_halt_takes_orders_and_uncrosses() -> None:
    """In a halt plain limits and cancels pass, market orders get 19110; resumption matches by the
    auction's rule (rules.md 1.7)."""
    world = World(opening(members=TWO))
    world.until(at("10:00"))
    world.give(Halt("510050", True))
    assert world.ask(order("A000000001", price=1_010, qty=4))[0].reason == 0
    assert world.ask(order("A000000009"), OrderCancel("A000000010", CODE, "A000000009"))
    assert world.ask(order("A000000002", kind=OrderKind.MARKET_IOC))[0].reason == 19110
    sell = order("B000000001", side=Side.SELL, price=1_000, qty=4)
    answers = world.ask(sell, pbu="A0002")
    assert not [a for a in answers if isinstance(a, Trade)]
    world.now += 1_000_000
    effects = world.give(Halt("510050", False))
    fills = [r.body for e in of(effects, Deliver) for r in e.reports]
    assert [(fill.price, fill.qty) for fill in fills] == [(1_005, 4)] * 2
    with pytest.raises(ValueError, match="no such underlying"):
        world.give(Halt("600000", True))


def test_report_indices_have_no_gaps() -> None:
    """Per partition 1, 2, 3 … (interfaces.md 1.5); contracts are split over two partitions."""
    world = World(opening())
    world.until(at("10:00"))
    world.ask(
        *(order(f"A{i:09d}", contract=chain().contracts[i % 5].code, price=60) for i in range(40))
    )
    reports = [report for effect in of(world.effects, Deliver) for report in effect.reports]
    for part in ("300", "301"):
        indices = [report.index for report in reports if report.set_id == part]
        assert indices == list(range(1, len(indices) + 1))
        assert indices


def test_readings_reach_the_switches() -> None:
    """Q-08: an agreement's reading of A29 or A30 changes the venue; a switch still wins."""
    opened = opening()
    readings = {**opened.rulebook.readings, "A29": "executed then auction"}
    book = msgspec.structs.replace(opened.rulebook, readings=readings)
    read = msgspec.structs.replace(opened, rulebook=book)
    assert switch(opened, "breaker_test") == "pre_trade"
    assert switch(read, "breaker_test") == "post_trade"
    assert switch(read, "auction_tie") == "mid"
    forced = msgspec.structs.replace(read, switches={"breaker_test": "pre_trade"})
    assert switch(forced, "breaker_test") == "pre_trade"
