"""How sessions end, by time and by bytes after their end, and messages no business has."""

import pytest
from feed_samples import feed_sessions
from test_wire_md301 import TABLES
from wire_samples import ACK_TEXT, CANCEL_TEXT, DAY, ORDER_TEXT, PROFILE, soh

from quanheng.terms.market import Inquiry
from quanheng.terms.orders import Unreadable
from quanheng.terms.units import SECOND
from quanheng.wire import frames, mdgw, step, step_messages, tdgw
from quanheng.wire.fields import WireError
from quanheng.wire.session import Phase
from quanheng.wire.step_session import LOGON_FIRST, PATIENCE, SILENT


def logged_out() -> tuple[tdgw.ClientSession, bytes]:
    """A reader that has said goodbye, and the gateway's answer to it."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), ("300",), DAY, 0)
    server.receive(client.send_logon(0), 0)
    client.receive(server.output(), 0)
    server.receive(client.send_logout(0), 0)
    return client, server.output()


def test_a_closed_session_asks_for_no_time_and_hears_nothing() -> None:
    """After its close a session has no deadline, takes no byte and ends no second time (1.4)."""
    client, answer = logged_out()
    client.receive(answer, 0)
    assert client.phase is Phase.CLOSED
    assert client.deadline() == 0
    assert client.receive(frames.heartbeat(9), 1) == []
    assert client.tick(1_000 * SECOND) == []
    assert client.output() == b""


def test_bytes_behind_the_close_are_dropped_with_it() -> None:
    """The close, a message and rubbish in one piece: one end and no complaint after it (1.4)."""
    client, answer = logged_out()
    rubbish = (10).to_bytes(4, "big") + bytes(4) + (1 << 31).to_bytes(4, "big")
    events = client.receive(answer + frames.heartbeat(9) + rubbish, 0)
    assert [type(event).__name__ for event in events] == ["Disconnect"]


Side = mdgw.ServerSession | mdgw.ClientSession


def said(speaker: Side, hearer: Side | None = None, now: int = 0) -> list[tuple[str, str]]:
    """Kind and status (tag 1409) of all that a side has to write; the other hears it at `now`."""
    data, found = speaker.output(), []
    if hearer is not None:
        hearer.receive(data, now)
    while size := step_messages.cut(data):
        fields = step_messages.parse(data[:size])
        found.append((fields[35], fields.get(1409, "")))
        data = data[size:]
    return found


def test_nobody_logs_on_to_the_market_data() -> None:
    """No logon in five seconds, to the nanosecond, ends the session once (2.11)."""
    server = mdgw.ServerSession(TABLES, DAY, 0)
    server.tick(PATIENCE - 1)
    assert not server.closed and said(server) == []
    server.tick(PATIENCE)
    assert server.closed == "no logon within 5 s"
    assert said(server) == [(step_messages.LOGOUT, str(LOGON_FIRST))]
    server.tick(10 * PATIENCE)
    assert said(server) == []


def test_a_silent_reader_is_asked_and_then_left() -> None:
    """A side that heard nothing for an interval asks, one that said nothing says something; after
    two silent intervals it is over (2.11).
    """
    server, client = feed_sessions(TABLES)
    interval = server.interval * SECOND
    server.output()
    server.tick(interval - 1)
    assert said(server) == []
    server.tick(interval)
    assert said(server, client, interval) == [(step_messages.TEST, "")]
    assert said(client, server, interval + 1) == [(step_messages.HEARTBEAT, "")]
    server.tick(2 * interval)
    assert said(server, client, 2 * interval - 1) == [(step_messages.HEARTBEAT, "")]
    client.tick(2 * interval)
    assert said(client) == [(step_messages.HEARTBEAT, "")]
    server.tick(3 * interval)
    assert not server.closed
    server.tick(3 * interval + 1)
    assert said(server)[-1] == (step_messages.LOGOUT, str(SILENT))


def test_a_report_that_is_none_is_refused_by_name() -> None:
    """What is no report of a business, or could not be read, has a code and the message's kind."""
    for text, req_id in ((CANCEL_TEXT, "OQO"), (ORDER_TEXT, "OTO")):
        with pytest.raises(WireError, match="is no report") as refused:
            step.decode_report(soh(text), DAY, req_id)
        assert refused.value.code == 20018
    with pytest.raises(WireError, match="could not be read") as refused:
        step.encode_report(Unreadable(0, 20000), PROFILE)
    assert refused.value.code == 20000
    with pytest.raises(WireError, match="is no inquiry"):
        step.decode_inquiry(soh(ACK_TEXT), DAY)


@pytest.mark.parametrize(
    ("name", "contract", "side", "qty", "what"),
    [
        ("", "10000001", 1, 10, "inquiry id"),
        ("R" * 19, "10000001", 1, 10, "inquiry id"),
        ("R-1", "10000001", 1, 10, "inquiry id"),
        ("R1", "1000001", 1, 10, "contract code"),
        ("R1", "1000000A", 1, 10, "contract code"),
        ("R1", "10000001", 3, 10, "side 3"),
        ("R1", "10000001", 1, -1, "quantity -1"),
        ("R1", "10000001", 1, 10**10, "quantity 10000000000"),
    ],
)
def test_an_inquiry_that_cannot_be_carried_is_refused(
    name: str, contract: str, side: int, qty: int, what: str
) -> None:
    """Each field that has no place in 35=R is named (interfaces.md 2.7)."""
    with pytest.raises(WireError, match=what):
        step.encode_inquiry(Inquiry(name, contract, side, qty, 0, 0))
