"""The gateways of a pair: the fence between them, what a new one believes, who has the session."""

from pathlib import Path
from typing import Any

import pytest
from gateway_rig import CODES, DAY, PLAN, Rig
from msgspec.structs import replace

from quanheng.edge import gateway
from quanheng.edge.clock import monotonic
from quanheng.edge.etf_server import EtfServer
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_main import GatewayProcess, Setup
from quanheng.edge.kill_client import KillSocketError, gateway_of
from quanheng.edge.link_messages import Bye, Farewell, Fenced, Hello, Sync
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.runtime.envelope import NotSent
from quanheng.terms.orders import QuoteCancel, Report
from quanheng.terms.units import MILLISECOND, SECOND
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ServerSession


def later(rig: Rig, epoch: int) -> None:
    """The exchange's reports go on in another epoch, through another gateway."""
    rows = rig.reports["300"] or rig.reports["301"]
    last = rows[-1]
    body = replace(last.body, client_id=f"M{epoch:03d}000001")
    rows.append(Report(last.set_id, last.index + 1, body))


def woken(rig: Rig) -> None:
    """A stale engine's gateway logs on again and hears what it missed."""
    rig.core.disconnected(rig.now, "lost")
    rig.told.clear()
    rig.connect()


def test_f63_reports_of_a_higher_epoch_fence_the_engine_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that was cut off learns from the exchange's own reports who led meanwhile: nothing
    of its engine passes, and the epoch is kept. Without that look the stale order arrives.
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(0, CODES[0])
    later(rig, 2)
    woken(rig)
    assert rig.epochs.kept.epoch == 2 and not rig.core.armed
    assert [item.highest for item in rig.said(Fenced)] == [2]
    before = len(rig.arrived)
    rig.quote(7, CODES[1])
    assert len(rig.arrived) == before
    assert rig.said(NotSent)[-1].why == "epoch 2 led by another gateway"
    assert not rig.core.hello(Hello(1, "maker"), rig.now)
    assert rig.core.hello(Hello(3, "maker"), rig.now)

    monkeypatch.setattr(gateway, "epoch_of", lambda report, letter: 0)
    careless = Rig()
    careless.lead(1)
    careless.quote(0, CODES[0])
    later(careless, 2)
    woken(careless)
    careless.core.from_engine(Sync({}), careless.now)
    careless.pass_time(100, 1)
    careless.quote(7, CODES[1])
    assert careless.arrived[-1].client_id == "M001000007"


def test_a_new_gateway_withdraws_what_the_engine_says_may_rest() -> None:
    """It has read nothing of the day: the hello says from where to read and what may rest, so that
    its dead-man's switch has something to withdraw.
    """
    rig = Rig()
    rig.core._streams.next_index.clear()
    where = {"300": 5, "301": 9}
    rig.core.hello(Hello(2, "maker", where, [CODES[0]], [(CODES[1], "M001000044")]), rig.now)
    assert rig.core._streams.next_index == where
    assert [entry.contract for entry in rig.core.table.all()] == [CODES[0], CODES[1]]
    rig.now += 400 * MILLISECOND
    rig.core.tick(rig.now)
    rig.settle()
    assert {getattr(item, "contract", "") for item in rig.arrived} >= {CODES[0]}
    assert isinstance(rig.arrived[0], QuoteCancel)
    known = Rig()
    known.lead(1)
    known.core.hello(Hello(2, "maker", where, [CODES[0]]), known.now)
    assert known.core._streams.next_index != where and len(known.core.table) == 0


def test_f63_a_gateway_whose_session_another_took_stays_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the exchange lets a second logon displace the first: the engine here is fenced, and the
    gateway logs on again for a higher epoch only, or the two would throw each other out in turn. A
    logon that is refused with the same code (another is on) is no such thing.
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(0, CODES[0])
    rig.back = rig.server.send_logout(rig.now, 5003)
    assert not rig.core.from_wire(rig.back, rig.now)
    rig.core.disconnected(rig.now, "the session ended")
    rig.told += rig.core.out_engine()
    assert [item.highest for item in rig.said(Fenced)] == [1]
    assert len(rig.core.table) and not rig.core.needed(rig.now)  # another engine withdraws it
    assert not rig.core.hello(Hello(1, "maker"), rig.now)
    assert rig.core.hello(Hello(2, "maker"), rig.now) and rig.core.needed(rig.now)

    refused = Rig()
    refused.lead(1)
    refused.core.disconnected(refused.now, "lost")
    profile = Profile(PLAN.account, PLAN.pbu, PLAN.branch)
    refused.server = ServerSession((profile,), ("300",), DAY, refused.now, 5003)
    refused.core.connected(refused.now)
    refused.settle()
    assert refused.core.armed and refused.core.needed(refused.now)

    monkeypatch.setattr(Gateway, "_on_displaced", lambda self, now: None)
    careless = Rig()
    careless.lead(1)
    careless.core.from_wire(careless.server.send_logout(careless.now, 5003), careless.now)
    assert careless.core.needed(careless.now)


def test_a_displaced_gateway_that_was_leaving_says_farewell() -> None:
    """Its engine waits for that, not for withdrawals that cannot come any more."""
    rig = Rig()
    rig.lead(1)
    rig.quote(0, CODES[0])
    rig.core.from_engine(Bye(1), rig.now)
    rig.core.from_wire(rig.server.send_logout(rig.now, 5003), rig.now)
    rig.told += rig.core.out_engine()
    assert [item.open for item in rig.said(Farewell)] == [1]
    assert not rig.core.needed(rig.now)


def test_a_session_is_needed_while_something_may_rest() -> None:
    """From the hello until all is withdrawn, at most three seconds after the dead-man's switch."""
    rig = Rig()
    assert not rig.core.needed(rig.now)
    rig.lead(1)
    rig.quote(0, CODES[0])
    rig.window = True  # nothing can be withdrawn
    rig.now += 400 * MILLISECOND
    rig.core.tick(rig.now)
    rig.settle()
    assert not rig.core.armed and rig.core.needed(rig.now)
    rig.now += 3 * SECOND
    assert not rig.core.needed(rig.now)


def test_a_gateway_of_a_pair_is_in_session_only_while_an_engine_leads(tmp_path: Path) -> None:
    """The exchange has one session: the other node's gateway must find it free."""
    (tmp_path / "live").mkdir()
    loop = Loop()
    listener = tcp_listener("127.0.0.1", 0)
    profile = Profile(PLAN.account, PLAN.pbu, PLAN.branch)
    EtfServer(loop, listener, profile, DAY, monotonic, lambda pbu, requests: None)
    setup = Setup(PLAN, "127.0.0.1", 1, listener.getsockname()[1], pair=True)
    process = GatewayProcess(tmp_path, setup, loop)

    def ready(wanted: bool) -> bool:
        for _ in range(200):
            process.turn()
            if process.hedges.ready == wanted:
                return True
        return False

    assert not ready(True)
    process.core.hello(Hello(1, "maker"), monotonic())
    assert ready(True)
    process.core.armed = False  # as after the dead-man's switch, with nothing left
    assert ready(False)
    for _ in range(5):
        process.turn()
        assert process.hedges.session is None
    process.close()


@pytest.mark.parametrize("displaces", [False, True])
def test_who_stopped_dials_to_withdraw_unless_that_displaces_the_leader(
    tmp_path: Path, displaces: bool
) -> None:
    """The line is gone and the engine too: something may rest, which this gateway withdraws where
    a second logon is refused, and the node that leads by now where it would be displaced. An engine
    that leads here dials in either case.
    """
    (tmp_path / "live").mkdir()
    setup = Setup(PLAN, "127.0.0.1", 1, pair=True, displaces=displaces)
    process = GatewayProcess(tmp_path, setup, Loop())
    now = monotonic()
    process.core.hello(Hello(1, "maker", {"300": 1}, [CODES[0]]), now)
    assert len(process.core.table) == 1 and not process._idle(now)
    process.core.armed = False  # as after the dead-man's switch
    assert process._idle(now) is displaces
    process.close()


def test_people_reach_the_gateway_that_an_engine_leads_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two gateways a kill goes to the one with the session; a dead one is passed over."""
    for node in (tmp_path, tmp_path / "standby"):
        node.mkdir(exist_ok=True)
        (node / "kill.sock").touch()
    other = tmp_path / "standby"
    said = {tmp_path: {"armed": False, "epoch": 3}, other: {"armed": True, "epoch": 4}}

    class Answering:
        def __init__(self, run: Path) -> None:
            if run not in said:
                raise KillSocketError("gone")
            self.run = run

        def __enter__(self) -> "Answering":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def ask(self, do: str) -> Any:
            return said[self.run]

    monkeypatch.setattr("quanheng.edge.kill_client.KillClient", Answering)
    assert gateway_of(tmp_path) == other
    del said[other]
    assert gateway_of(tmp_path) == tmp_path
    said.clear()
    with pytest.raises(KillSocketError, match="none of 2"):
        gateway_of(tmp_path)
