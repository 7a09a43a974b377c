"""The kill: scopes, preview, proof, cut, full queues (I-20, I-21, reliability.md 2.5)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_rig import CODES, PLAN, Rig, cancels

from quanheng.compose import kill
from quanheng.edge import gateway_people
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_parts import Flow
from quanheng.edge.gateway_proof import OVERDUE
from quanheng.edge.gateway_pull import RETRY
from quanheng.edge.kill_client import KillClient, KillSocketError
from quanheng.edge.link_messages import Hello, Sync
from quanheng.edge.loop import Connection, Loop, unix_listener
from quanheng.runtime.envelope import NotSent, RaiseAlert
from quanheng.terms.codes import Alert, Effect, OrderKind, Side
from quanheng.terms.commands import Pull
from quanheng.terms.orders import NewOrder, Quote, QuoteCancel, Send, Stamp
from quanheng.terms.units import MILLISECOND, SECOND

FIRST, SECOND_TRADER = Stamp("T01", "lean", "1", 1, 1), Stamp("T02", "duty", "1", 1, 1)
CHAIN = {f"1000{number:04d}": "510050" for number in range(396)}


def send(rig: Rig, number: int, code: str, stamp: Stamp) -> None:
    """One two-sided quote under a trader's and a strategy's name."""
    quote = Quote(f"M001{number:06d}", code, 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    rig.core.from_engine(Send(1, stamp, [quote]), rig.now)
    rig.settle()


def wide_rig() -> Rig:
    """A rig whose gateway knows the 396 contracts of CHAIN, led by epoch 1."""
    rig = Rig()
    plan = msgspec.structs.replace(PLAN, underlyings=CHAIN)
    rig.core = Gateway(plan, rig.epochs, rig.now)
    rig.connect()
    rig.core.hello(Hello(1, "maker"), rig.now)
    rig.settle()
    rig.core.from_engine(Sync({}), rig.now)
    rig.pass_time(100, 1)
    return rig


def ask(rig: Rig, **order: str) -> dict[str, Any]:
    """What the kill socket would answer."""
    return gateway_people.answer(rig.core, msgspec.json.encode(order), rig.now)


def test_everything_is_dead_within_a_second_under_full_queues() -> None:
    """396 quotes and no token left for quotes: the first cancel goes at once, the last is
    confirmed within one second of the gateway's clock at 1,000 messages a second (T-03).
    """
    rig = wide_rig()
    for number, code in enumerate(CHAIN):
        send(rig, number, code, FIRST)
        rig.pass_time(10, beats=1)
    number = 1_000
    while not any("messages a second" in item.why for item in rig.said(NotSent)):
        send(rig, number, CODES[0], FIRST)  # the queue of an engine that sends too much
        number += 1
    proof = rig.core.pull("*", "R01", rig.now)
    rig.settle()
    assert (proof.items, proof.first_cancel) == (len(CHAIN), 0)
    before = len(rig.arrived)
    send(rig, number, next(iter(CHAIN)), FIRST)
    assert len(rig.arrived) == before
    rig.pass_time(1_000, beats=1)
    done = rig.core.puller.watches["*"].proof(rig.now)
    assert 0 < done.done <= SECOND
    assert (len(done.dead), done.live, done.barred) == (len(CHAIN), [], 1)
    assert [line["scope"] for line in rig.core.log() if line["what"] == "proof"] == ["*"]


def test_a_pull_looks_through_its_table_only_when_something_can_be_due() -> None:
    """396 reports of dead quotes do not each look through what is left; a new order does, and so
    does the time at which an unanswered cancel is asked again.
    """
    rig = wide_rig()
    for number, code in enumerate(CHAIN):
        send(rig, number, code, FIRST)
        rig.pass_time(10, beats=1)
    looks = 0
    table = rig.core.table
    every = table.all

    def counted() -> Any:
        nonlocal looks
        looks += 1
        return every()

    table.all = counted  # type: ignore[method-assign]
    rig.core.pull("*", "R01", rig.now)
    rig.settle()
    rig.pass_time(1_000, beats=1)
    assert rig.core.puller.watches["*"].over
    assert looks <= 12
    puller, before = rig.core.puller, looks
    flow, now = Flow(1_000, rig.now), rig.now
    assert puller.owed(now, flow, now) == [] and looks <= before + 2
    quiet = looks
    assert puller.owed(now + 1, flow, now) == [] and looks == quiet
    table.sent(Quote("M001900001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN), ("", ""))
    assert [item.contract for item in puller.owed(now + 2, flow, now)] == [CODES[0]]
    assert puller.owed(now + RETRY, flow, now) == []
    assert [item.contract for item in puller.owed(now + 2 + RETRY, flow, now)] == [CODES[0]]


def test_cancels_go_nearest_expiry_first() -> None:
    """The order of the plan is the order of the cancels, whatever was quoted first."""
    rig = wide_rig()
    for number, code in enumerate(reversed(list(CHAIN)[:20])):
        send(rig, number, code, FIRST)
    assert [row["contract"] for row in ask(rig, do="preview")["items"]] == list(CHAIN)[:20]
    rig.core.pull("*", "R01", rig.now)
    rig.settle()
    assert [item.contract for item in cancels(rig)] == list(CHAIN)[:20]


def test_a_traders_or_strategys_pull_leaves_the_others() -> None:
    """By trader, by strategy, several parts at once; the engine hears of contracts it knows."""
    rig = Rig()
    rig.lead(1)
    send(rig, 1, CODES[0], FIRST)
    send(rig, 2, CODES[1], SECOND_TRADER)
    assert [row["trader"] for row in ask(rig, do="preview", scope="trader:T02")["items"]] == ["T02"]
    rig.core.pull("trader:T02", "R01", rig.now)
    rig.settle()
    assert [item.contract for item in cancels(rig)] == [CODES[1]]
    assert rig.said(Pull) == [Pull(CODES[1], "R01")]
    send(rig, 3, CODES[2], SECOND_TRADER)
    assert rig.said(NotSent)[-1].why == "pulled by R01"
    send(rig, 4, CODES[2], FIRST)
    assert rig.arrived[-1].client_id == "M001000004"
    rig.core.pull("strategy:lean, 510300", "R02", rig.now)
    rig.settle()
    assert {item.contract for item in cancels(rig)} == set(CODES)
    send(rig, 6, CODES[2], FIRST)
    assert rig.core.puller.watches["strategy:lean, 510300"].barred == 1
    with pytest.raises(ValueError, match="two people"):
        rig.core.release("510300", "R02", "R02", rig.now)
    rig.core.release("strategy:lean, 510300, trader:T02", "R02", "T01", rig.now)
    send(rig, 5, CODES[2], SECOND_TRADER)
    assert rig.arrived[-1].client_id == "M001000005"


def test_single_orders_die_with_the_quotes() -> None:
    """A resting limit order is in the preview and gets a cancel of its own."""
    rig = Rig()
    rig.lead(1)
    name = "M001000001"
    order = NewOrder(name, CODES[0], Side.BUY, Effect.OPEN, OrderKind.LIMIT, 500, 10)
    rig.core._submit([order], rig.now, ("T01", "hand"))
    assert ask(rig, do="preview", scope="510050")["items"] == [
        {
            "contract": CODES[0], "underlying": "510050", "client_id": name, "what": "order",
            "trader": "T01", "strategy": "hand",
        }
    ]  # fmt: skip
    rig.core.pull("strategy:hand", "R01", rig.now)
    rig.core.out_wire()
    assert rig.core.table.orders[name].asked == rig.now


def test_what_lives_is_named_with_the_exchanges_reason() -> None:
    """Inside a no-cancel window the proof says so, alerts once when overdue, and ends when the
    exchange allows it (reliability.md 2.5 points 3 and 4).
    """
    rig = Rig()
    rig.lead(1)
    send(rig, 1, CODES[0], FIRST)
    rig.window = True
    rig.core.pull("*", "R01", rig.now)
    rig.pass_time(100, beats=1)
    live = ask(rig, do="proof")["proof"]["live"]
    assert [(row["contract"], row["why"], row["reason"]) for row in live] == [
        (CODES[0], "refused", 19242)
    ]
    text = kill.proof_text(ask(rig, do="proof")["proof"], "zh")
    assert "未撤 1 笔" in text and "19242" in text and "交易所拒绝撤单" in text
    rig.pass_time(OVERDUE // MILLISECOND + 2_000, beats=1)
    alerts = [item for item in rig.said(RaiseAlert) if item.code == Alert.PULL_OVERDUE]
    assert [item.args for item in alerts] == [(1, "R01")]
    rig.window = False
    rig.pass_time(600, beats=1)
    assert ask(rig, do="proof")["proof"]["live"] == []
    assert ask(rig, do="proof")["proof"]["done"] > OVERDUE


def test_dead_man_leaves_a_proof_and_bars_nobody() -> None:
    """The switch's withdrawal is proved like a person's and ends with the next leader."""
    rig = Rig()
    rig.lead(1)
    send(rig, 1, CODES[0], FIRST)
    rig.pass_time(450)
    proof = rig.core.puller.watches["*"].proof(rig.now)
    assert (proof.by, proof.items, proof.live) == ("dead-man", 1, [])
    assert rig.core.puller.killed == {}


def test_orders_that_cannot_be_done_say_why() -> None:
    """Every refusal of the kill socket names its reason; nothing is changed by it."""
    rig = Rig()
    rig.lead(1)
    for order, words in (
        ({"do": "pull", "scope": "600000", "by": "R01"}, "no underlying or contract"),
        ({"do": "pull", "scope": "trader:", "by": "R01"}, "no underlying or contract"),
        ({"do": "pull", "scope": "*"}, "names the person"),
        ({"do": "proof", "scope": "*"}, "was not pulled"),
        ({"do": "release", "scope": "*", "by": "A", "seconded_by": "B"}, "is not pulled"),
        ({"do": "rejoin", "by": "A", "seconded_by": "B"}, "is not cut"),
        ({"do": "cut"}, "names the person"),
        ({"do": "open"}, "unknown order"),
    ):
        answer = ask(rig, **order)
        assert not answer["ok"] and words in answer["why"], order
    assert not gateway_people.answer(rig.core, b"{", rig.now)["ok"]
    assert rig.core.puller.killed == {} and rig.core.puller.cut_by == ""


def test_a_cut_takes_two_people_to_end() -> None:
    """K4: the session stays closed until two people end it."""
    rig = Rig()
    assert ask(rig, do="cut", by="R01")["cut"] == "R01"
    assert "two people" in ask(rig, do="rejoin", by="R01", seconded_by="R01")["why"]
    assert ask(rig, do="rejoin", by="R01", seconded_by="T01")["cut"] == ""


def test_client_speaks_to_a_socket(tmp_path: Path) -> None:
    """The client's errors are one line; a gateway that is not there is named by its path."""
    with pytest.raises(KillSocketError, match="no gateway answers"):
        KillClient(tmp_path)
    loop = Loop()
    loop.listen(unix_listener(tmp_path / "kill.sock"), lambda sock: _echo(loop, sock))
    client = KillClient(tmp_path)
    client._socket.sendall(b"\n")
    loop.poll(0.1)
    loop.poll(0.1)
    loop.flush()
    with pytest.raises(KillSocketError, match="nothing here"):
        client.ask(do="status")
    client.__exit__()
    loop.close()


def _echo(loop: Loop, sock: Any) -> None:
    connection: Connection

    def on_data(data: bytes) -> None:
        connection.send(b'{"ok": false, "why": "nothing here"}\n')

    connection = Connection(loop, sock, on_data, lambda why: None)


def test_only_cancels_pass_in_a_pulled_scope() -> None:
    """The engine may still withdraw by itself what people pull."""
    rig = Rig()
    rig.lead(1)
    send(rig, 1, CODES[0], FIRST)
    rig.core.pull("510300", "R01", rig.now)
    cancel = QuoteCancel("M001000009", CODES[0], True, True)
    rig.core.from_engine(Send(1, FIRST, [cancel]), rig.now)
    rig.settle()
    assert rig.arrived[-1] == cancel
