"""A broker's counter through a gateway of vnpy (scope 10): numbers, words, ids, losses, restarts.

The counter is a stub behind vnpy's public types; `tools/check_vnpy_stub.py` holds those against the
real package.
"""

import msgspec
import pytest
from counter_rig import CODES, CounterRig
from gateway_rig import STAMP, cancels
from vnpy.trader.constant import Direction, Exchange, Offset, Status
from vnpy.trader.object import OrderData

from quanheng.edge.gateway_parts import Flow
from quanheng.edge.link_messages import Sync
from quanheng.edge.vnpy_link import (
    MOST_EVENTS,
    PriceError,
    VnpyCounter,
    VnpySetup,
    lots_of,
    ticks_of,
    with_secrets,
)
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms.business import ExerciseRequest
from quanheng.terms.codes import Effect, Exec, Link, OrderKind, Side
from quanheng.terms.orders import (
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteCancel,
    Send,
    Trade,
    Unreadable,
)
from quanheng.terms.units import SECOND
from quanheng.wire.fields import WireError

CODE = CODES[0]


def led(**changes: object) -> CounterRig:
    rig = CounterRig(**changes)  # type: ignore[arg-type]
    assert rig.lead(1)
    return rig


def order(number: int, price: int = 500, **more: object) -> NewOrder:
    what = (CODE, Side.BUY, Effect.OPEN, more.pop("kind", OrderKind.LIMIT))
    return NewOrder(f"M001{number:06d}", *what, price, 10, **more)  # type: ignore[arg-type]


def send(rig: CounterRig, *requests: object) -> None:
    rig.core.from_engine(Send(1, STAMP, [*requests]), rig.now)  # type: ignore[list-item]
    rig.settle()


def resync(rig: CounterRig, heard: int) -> None:
    """The engine asks for everything after the reports it has heard."""
    rig.core.from_engine(Sync({"CTR": heard + 1}), rig.now)
    rig.later(1)


def log(rig: CounterRig) -> str:
    return "\n".join(str(line) for line in rig.core.log())


def test_live_counter_prices_are_integers_at_the_border() -> None:
    """Every step of a day's range comes back as the Ticks it was; what lies off the step is refused
    with its figures (borders.md 1).
    """
    for ticks in range(10, 60_000, 10):
        assert ticks_of(ticks / 10_000, 10) == ticks
    assert ticks_of(0.1 + 0.2, 10) == 3_000
    for price in (0.0505, 0.05001, -0.05, float("nan"), float("inf"), 1e300):
        with pytest.raises(PriceError):
            ticks_of(price, 10)
    assert lots_of(10.0, "volume") == 10
    for volume in (9.5, -1.0, float("nan"), 1e300):
        with pytest.raises(ValueError, match="volume"):
            lots_of(volume, "volume")
    rig = led()
    send(rig, order(1, 505))
    assert "price 505 is not on the step of 10 ticks" in rig.said(NotSent)[-1].why
    send(rig, order(2, 510))
    row = next(iter(rig.broker.orders.values()))
    assert (row.price, row.volume, row.reference) == (0.051, 10, "M001000002")
    assert (row.direction, row.offset) == (Direction.LONG, Offset.OPEN)
    rig.broker.fill(row, 4, 0.05101)
    rig.settle()
    assert isinstance(rig.bodies()[-2], OrderAck)
    assert isinstance(rig.bodies()[-1], Unreadable)
    assert "0.05101 is not on the step" in log(rig)


def test_live_counter_refuses_what_it_cannot_carry() -> None:
    """Named before anything of the message is sent: kinds, covered sales, businesses, contracts
    the counter does not list or lists without step or units (D11).
    """
    rig = led()
    for number, (request, why) in enumerate(
        (
            (order(1, kind=OrderKind.MARKET_TO_LIMIT), "no order of kind MARKET_TO_LIMIT"),
            (order(2, covered=True), "no covered orders"),
            (msgspec.structs.replace(order(3), contract="10009999"), "no such contract"),
        )
    ):
        send(rig, request)
        assert why in rig.said(NotSent)[number].why
    assert not rig.broker.orders
    with pytest.raises(WireError, match="orders and quotes only"):
        rig.port.send_requests([ExerciseRequest("M001000009", CODE, 1)], rig.now)
    rig = CounterRig()
    rig.broker.tick = 0.0
    rig.connect()
    assert not rig.lead(1) or rig.core.link != Link.READY


def test_live_counter_keeps_the_words_of_the_counter() -> None:
    """A refusal has the counter's own Chinese text in the log of the run; the quote is refused."""
    rig = led()
    rig.broker.reject.add((CODE, "LONG"))
    rig.quote(1)
    [ack] = rig.acks()
    assert (ack.client_id, ack.exec, ack.reason) == ("M001000001", Exec.REJECTED, 507)
    assert "交易委托失败，代码：10450，信息：订单价格超出范围" in log(rig)
    assert rig.broker.live() == []


def test_live_counter_kill_withdraws_quotes_and_single_orders() -> None:
    """D3, D29: a pull takes its scope, quotes as paired orders and single orders alike, also an
    order that somebody else placed on the account; the proof says when each was dead (I-20).
    """
    rig = led()
    rig.quote(1, CODES[0])
    rig.quote(2, CODES[2])
    send(rig, order(3))
    rig.broker.take(
        OrderData("X", CODES[1], Exchange.SSE, "9_9_1", volume=5, price=0.05, reference="by hand",
                  direction=Direction.SHORT, offset=Offset.OPEN)
    )  # fmt: skip
    rig.settle()
    assert len(rig.core.table) == 4
    proof = rig.core.pull("510050", "R01", rig.now)
    assert proof.items == 3
    rig.settle()
    assert [row.symbol for row in rig.broker.live()] == [CODES[2]] * 2
    done = rig.core.puller.watches["510050"].proof(rig.now)
    assert (len(done.dead), done.live) == (3, [])
    rig.quote(4, CODES[0])
    assert rig.said(NotSent)[-1].why == "pulled by R01"


def test_live_counter_equal_quotes_go_on_and_cost_nothing() -> None:
    """D2: the eleventh equal quote of a day passes like the first; equal orders stay where they
    are in the queue, and each quote is answered.
    """
    rig = led()
    for number in range(1, 31):
        rig.quote(number)
    assert [ack.client_id for ack in rig.acks()] == [f"M001{n:06d}" for n in range(1, 31)]
    assert {ack.exec for ack in rig.acks()} == {Exec.ACCEPTED}
    assert len(rig.broker.orders) == 2
    rig.broker.fill(rig.broker.live()[0], 3)
    rig.settle()
    fill = rig.bodies()[-1]
    assert isinstance(fill, Trade)
    assert (fill.client_id, fill.qty, fill.leaves, fill.amount) == (
        "M001000030", 3, 7, 500 * 3 * 10_000,
    )  # fmt: skip


def test_live_counter_repeats_count_once() -> None:
    """The whole day told again, in any state, gives no report: no fill twice (I-12)."""
    rig = led()
    rig.quote(1)
    buy, _ = rig.broker.live()
    rig.broker.fill(buy, 4)
    rig.broker.fill(buy, 6)
    rig.settle()
    before = rig.reports_told()
    assert sum(body.qty for body in rig.bodies() if isinstance(body, Trade)) == 10
    rig.broker.repeat()
    for state in (Status.SUBMITTING, Status.NOTTRADED, Status.PARTTRADED):
        for gateway in rig.broker.gateways:
            gateway.on_order(earlier(buy, state))
    rig.settle()
    assert rig.reports_told() == before


def earlier(row: OrderData, state: Status) -> OrderData:
    """A copy of an order in an earlier state."""
    values = {name: getattr(row, name) for name in row.__dataclass_fields__ if name != "extra"}
    return OrderData(**{**values, "status": state, "traded": 0})


def test_live_counter_loss_and_return() -> None:
    """A line that says so means DOWN at once; what happened meanwhile is told once after the
    return, and an order whose fate nobody told stays in the table (#2355: never taken for dead).
    """
    rig = led()
    rig.quote(1)
    rig.broker.instant = False
    send(rig, order(2))
    buy = rig.broker.live()[0]
    rig.broker.say("交易服务器连接断开，原因4097")
    rig.settle()
    assert rig.core.link == Link.DOWN
    assert rig.said(LinkChanged)[-1].state == Link.DOWN
    assert "交易服务器连接断开" in log(rig)
    rig.quote(3)
    assert "not ready" in rig.said(NotSent)[-1].why
    rig.broker.answering = False
    rig.broker.fill(buy, 10)
    rig.broker.answering = True
    count = len(rig.reports_told())
    rig.told.clear()
    rig.broker.repeat()
    rig.later(6)
    resync(rig, count)
    assert rig.core.link == Link.READY
    [fill] = [body for body in rig.bodies() if isinstance(body, Trade)]
    assert (fill.client_id, fill.qty) == ("M001000001", 10)
    assert "M001000002" in rig.core.table.orders
    rig.broker.rest(rig.broker.orders["1_2_3"])
    rig.settle()
    assert isinstance(rig.bodies()[-1], OrderAck)


def test_live_counter_silence_is_a_loss_and_connects_anew() -> None:
    """No answer about the account means DOWN; after twice the patience the gateway is made
    anew, which asks for the orders and trades of the day (#2015, #1950, #3366).
    """
    rig = led(patience=4 * SECOND, probe=SECOND)
    rig.quote(1)
    first = rig.broker.gateways[0]
    rig.later(6)
    assert rig.core.link == Link.READY
    rig.broker.alive = rig.broker.answering = False
    rig.later(5)
    assert rig.core.link == Link.DOWN
    rig.broker.fill(rig.broker.live()[0], 10)
    rig.later(5)
    rig.broker.alive = rig.broker.answering = True
    rig.later(10)
    resync(rig, 0)
    assert rig.core.link == Link.READY
    assert first is not rig.broker.gateways[-1]
    assert [body.qty for body in rig.bodies() if isinstance(body, Trade)] == [10]


@pytest.mark.parametrize("keeps", [True, False])
def test_live_counter_a_call_that_raised_leaves_the_order_unknown(keeps: bool) -> None:
    """Nobody knows whether it was sent: it counts until the counter tells, by its reference or as
    the only order of its terms; then it can be cancelled.
    """
    rig = led()
    rig.broker.keeps_reference = keeps
    rig.broker.raises, rig.broker.answering = "send_order", False
    send(rig, order(1))
    rig.broker.raises, rig.broker.answering = "", True
    assert "柜台接口异常" in log(rig)
    assert rig.bodies() == []
    assert list(rig.core.table.orders) == ["M001000001"]
    send(rig, OrderCancel("M001000002", CODE, "M001000001"))
    assert rig.broker.cancels == []
    rig.broker.repeat()
    rig.settle()
    assert [body.client_id for body in rig.bodies()][-1] == "M001000001"
    send(rig, OrderCancel("M001000003", CODE, "M001000001"))
    done = rig.bodies()[-1]
    assert (done.client_id, done.target, done.exec) == ("M001000003", "M001000001", Exec.CANCELLED)
    assert rig.broker.live() == []


def test_live_counter_two_that_fit_stay_unknown() -> None:
    """Without references two equal orders cannot be told apart: both stay UNKNOWN, what the
    counter has is known as an order of its own, and a pull reaches it.
    """
    rig = led()
    rig.broker.keeps_reference = False
    rig.broker.raises, rig.broker.answering = "send_order", False
    send(rig, order(1))
    send(rig, order(2))
    rig.broker.raises, rig.broker.answering = "", True
    rig.broker.repeat()
    rig.settle()
    assert sorted(rig.core.table.orders) == [
        "M001000001", "M001000002", "X000000001", "X000000002",
    ]  # fmt: skip
    rig.core.pull("*", "R01", rig.now)
    rig.settle()
    assert rig.broker.live() == []
    assert sorted(rig.core.table.orders) == ["M001000001", "M001000002"]


def test_live_counter_restarted_gateway_numbers_its_reports_alike() -> None:
    """A new process reads the link's journal: the same reports under the same numbers, the ids of
    quotes and orders as they were, fills of the time between told once; a torn end is cut off.
    """
    rig = led()
    rig.quote(1)
    rig.quote(2, CODES[1])
    rig.broker.fill(rig.broker.live()[0], 4)
    rig.settle()
    before = rig.reports_told()
    rig.port.close()
    with (rig.folder / "counter.bin").open("ab") as file:
        file.write(b"\x00\x00\x01\x00half")
    rig.broker.fill(rig.broker.live()[0], 6)
    rig.told.clear()
    rig.core.disconnected(rig.now, "restart")
    rig.connect()
    resync(rig, 0)
    after = rig.reports_told()
    assert after[: len(before)] == before
    assert [report.index for report in after] == list(range(1, len(after) + 1))
    fills = [report.body.qty for report in after if isinstance(report.body, Trade)]
    assert fills == [4, 6]
    rig.core.pull("*", "R01", rig.now)
    rig.settle()
    assert rig.broker.live() == []
    assert len(cancels(rig)) == 2


def test_live_counter_what_was_never_handed_over_is_refused_after_a_restart() -> None:
    """Stopped between asking and sending: proof that the order does not exist (D27)."""
    rig = led()
    sent = VnpyCounter.send
    VnpyCounter.send = lambda self, order: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore
    try:
        with pytest.raises(KeyboardInterrupt):
            send(rig, Quote("M001000001", CODE, 500, 520, 10, 10, Effect.OPEN, Effect.OPEN))
    finally:
        VnpyCounter.send = sent  # type: ignore[method-assign]
    rig.port.close()
    rig.core.disconnected(rig.now, "restart")
    rig.connect()
    resync(rig, 0)
    assert rig.bodies() == []  # the first order may be there: the quote stays open
    assert rig.port._core.orders.doubtful() == ["M001000001B"]
    assert rig.port._core.orders.unsent() == []


def test_live_counter_overfill_and_contradiction_are_kept_out() -> None:
    """More fills than the order, or another contract under its id: quarantined and named (I-12)."""
    rig = led()
    send(rig, order(1))
    row = rig.broker.live()[0]
    rig.broker.fill(row, 10)
    rig.broker.fill(row, 1)
    rig.settle()
    assert [body.qty for body in rig.bodies() if isinstance(body, Trade)] == [10]
    assert isinstance(rig.bodies()[-1], Unreadable)
    assert "10 + 1 is more than 10" in log(rig)
    row.symbol = CODES[1]
    rig.broker.tell(row)
    rig.settle()
    assert f"of {CODE} is told as {CODES[1]}" in log(rig)


def test_live_counter_a_flood_closes_the_link_instead_of_losing_events() -> None:
    """D23: a bound that is reached stops and says so; the day is asked for again."""
    rig = led()
    for _ in range(MOST_EVENTS + 1):
        rig.broker.say("行情")
    rig.settle()
    assert f"more than {MOST_EVENTS} events wait" in log(rig)
    assert len(rig.broker.gateways) >= 1


def test_live_counter_flow_counts_what_a_quote_becomes() -> None:
    """A quote may be two cancels and two orders: the counter's limit is in its own messages."""
    plain, pairs = Flow(100, 0), Flow(100, 0, pairs=True)
    quote = Quote("M001000001", CODE, 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    cancel = QuoteCancel("M001000002", CODE, True, True)
    assert sum(plain.allow(quote, 0) for _ in range(200)) == 4 * sum(
        pairs.allow(quote, 0) for _ in range(200)
    )
    assert sum(plain.allow(cancel, 0) for _ in range(99)) == 35
    assert sum(pairs.allow(cancel, 0) for _ in range(99)) == 17


def test_live_counter_setup_names_what_is_missing() -> None:
    """An unknown gateway, a secret that is not there: said by name before anything connects."""
    with pytest.raises(ValueError, match=r"counter gateway 'nowhere:Gateway'"):
        VnpyCounter(VnpySetup(gateway="nowhere:Gateway", settings={}), {})
    with pytest.raises(ValueError, match="PASSWORD is not in the environment"):
        with_secrets({"密码": "env:PASSWORD"}, {})
    assert with_secrets({"密码": "env:P", "端口": 1}, {"P": "x"}) == {"密码": "x", "端口": 1}
