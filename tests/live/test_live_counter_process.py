"""The gateway's process with a counter: its file, the engine, kill socket, cut (scope 10, I-21)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import current_thread
from threading import enumerate as enumerate_threads
from typing import Any

import msgspec
import pytest
from gateway_rig import CODES, PLAN, STAMP
from stub_counter import Broker

from quanheng.edge.clock import monotonic, wall
from quanheng.edge.engine_link import EngineLink
from quanheng.edge.gateway_lines import COUNTER_FILE, read_counter
from quanheng.edge.gateway_main import GatewayProcess, Setup
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.link_messages import Sync
from quanheng.edge.loop import Loop, unix_connect
from quanheng.runtime.envelope import LinkChanged
from quanheng.terms.codes import Effect, Link
from quanheng.terms.orders import Quote, QuoteAck, Reports, Send
from quanheng.terms.units import MILLISECOND, SECOND

TEXT = """
messages_per_second = 200
[vnpy]
gateway = "stub_counter:StubGateway"
settle = 0
[vnpy.settings]
broker = "process"
"密码" = "env:COUNTER_PASSWORD"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run folder whose orders go through a counter."""
    monkeypatch.setenv("COUNTER_PASSWORD", "x")
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / COUNTER_FILE).write_text(TEXT, encoding="utf-8")
    yield tmp_path


def until(process: GatewayProcess, link: EngineLink, done: Callable[[], Any]) -> None:
    """Turn the process until something is so."""
    end = monotonic() + 20 * SECOND
    while not done():
        assert monotonic() < end, "nothing happened for 20 s"
        link.tick(monotonic())
        process.turn()


def ask(process: GatewayProcess, link: EngineLink, person: Any, **order: str) -> dict[str, Any]:
    """One line at the kill socket."""
    person.sendall(msgspec.json.encode(order) + b"\n")
    heard = bytearray()

    def answered() -> bool:
        try:
            heard.extend(person.recv(65_536))
        except BlockingIOError:
            return False
        return heard.endswith(b"\n")

    person.setblocking(False)
    until(process, link, answered)
    return dict(msgspec.json.decode(bytes(heard)))


def test_live_counter_process_quotes_kills_cuts_and_comes_back(run: Path) -> None:
    """File to counter and back: the engine's quote rests as two orders, the kill socket withdraws
    them with its proof, a cut leaves the counter, and two people come back.
    """
    broker = Broker("process", CODES)
    loop = Loop()
    plan = msgspec.structs.replace(PLAN, dead_man=60 * SECOND)
    process = GatewayProcess(run, Setup(plan, "127.0.0.1", 1), loop)
    assert (process.core.plan.pairs, process.core.plan.messages_per_second) == (True, 200)
    heard: list[Any] = []
    link = EngineLink(
        loop, run / "engine.sock", "test", 100 * MILLISECOND, heard.append, heard.append, list
    )
    link.lead(1)
    until(process, link, lambda: link.welcome and LinkChanged(Link.SYNCING) in heard)
    link.send(Sync({}))
    until(process, link, lambda: LinkChanged(Link.READY) in heard)
    quote = Quote("M001000001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    link.send(Send(1, STAMP, [quote]))
    until(process, link, lambda: any(isinstance(one, Reports) for one in heard))
    ack = next(one for one in heard if isinstance(one, Reports)).reports[0].body
    assert isinstance(ack, QuoteAck)
    assert abs(wall() - ack.at) < 60 * SECOND
    assert len(broker.live()) == 2
    person = unix_connect(run / "kill.sock")
    assert ask(process, link, person, do="pull", scope="*", by="R01")["ok"]
    until(process, link, lambda: not broker.live())
    proof = ask(process, link, person, do="proof", scope="*")["proof"]
    assert proof["live"] == [] and len(proof["dead"]) == 1
    assert ask(process, link, person, do="cut", by="R01")["ok"]
    until(process, link, lambda: not broker.gateways)
    assert process.core.link == Link.DOWN
    assert ask(process, link, person, do="rejoin", by="R01", seconded_by="O01")["ok"]
    until(process, link, lambda: process.core.link == Link.SYNCING)
    person.close()
    process.close()
    for thread in enumerate_threads():
        if thread is not current_thread():
            thread.join(5)  # the counter is left aside of the gateway's own turns
    assert not broker.gateways
    logged = [str(line) for line in read_lines(run / "live" / "gateway.jsonl")]
    assert any("交易服务器登录成功" in line for line in logged)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("messages_per_second = 200", "messages_per_second = 5", "must be 20 to 1000"),
        ("settle", "settel", "unknown field `settel`"),
        ("messages_per_second = 200", "", "missing required field `messages_per_second`"),
        ("[vnpy]", "[vnpy", "counter.toml"),
    ],
)
def test_live_counter_file_names_what_is_wrong(
    run: Path, before: str, after: str, why: str
) -> None:
    """D21: unknown, missing and mistyped keys refuse the start, with file and key."""
    (run / "live" / COUNTER_FILE).write_text(TEXT.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        read_counter(run)
    (run / "live" / COUNTER_FILE).unlink()
    assert read_counter(run) is None
