"""TDGW frames and sessions: golden frames, both ends over bytes, time-outs, codes, recovery."""

import random

import pytest
from wire_samples import ACK_TEXT, CANCEL, DAY, ORDER, PROFILE, QUOTE, QUOTE_TEXT, soh

from quanheng.terms.market import Inquiry
from quanheng.terms.orders import Report, RequestRejected
from quanheng.terms.units import SECOND
from quanheng.wire import frames, step, tdgw
from quanheng.wire.events import (
    Disconnect,
    EndOfStream,
    ExecRptInfo,
    InquiryArrived,
    LoggedOn,
    LoggedOut,
    PlatformState,
    ProtocolError,
    RejectArrived,
    ReportArrived,
    ReportGap,
    ReportUnreadable,
    RequestArrived,
    SyncAnswered,
    SyncRequested,
)
from quanheng.wire.session import Phase

SETS = ("300", "301")
LOGON = bytes.fromhex(
    "000000010000000100000052" + "4f4d533031" + "20" * 27 + "54444757" + "20" * 28 + "001e"
    "312e303020202020" + "0135250900000000" + "0000007b"
)
HEARTBEAT = bytes.fromhex("00000003000000020000000000000005")
SYNC = bytes.fromhex(
    "000000200000000200000014" + "3132333435" + "333030" + "0000000000000001" + "00000000000000c9"
)
ORDER_FRAME = (
    bytes.fromhex("0000000a00000003000000cd")
    + b"OQO1000000112345MM00000002"
    + bytes.fromhex("000000af")
    + soh(QUOTE_TEXT)
    + bytes.fromhex("0000006f")
)
REPORT_FRAME = (
    bytes.fromhex("0000001400000005000000fc")
    + b"12345300"
    + bytes.fromhex("0000000000000001")
    + b"OQO"
    + bytes.fromhex("000000e5")
    + soh(ACK_TEXT)
    + bytes.fromhex("000000ec")
)
ACK = step.decode_report(soh(ACK_TEXT), DAY)


def pair(state: int = 2, refuse: int = 0) -> tuple[tdgw.ClientSession, tdgw.ServerSession]:
    """Two sessions, connected and logged on, all partitions synchronised from 1."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0, refuse)
    server.send_platform_state(state, 0)
    server.receive(client.send_logon(0), 0)
    client.receive(server.output(), 0)
    if not refuse:
        for name in SETS:
            server.receive(client.send_index_sync("12345", name, 1, 0), 0)
        client.receive(server.output(), 0)
    return client, server


def reports(first: int, last: int, name: str = "300") -> list[Report]:
    """Reports first … last of a partition."""
    return [Report(name, index, ACK) for index in range(first, last + 1)]


def test_wire_golden_frames() -> None:
    """Frames are byte for byte the golden vectors of interfaces.md 1.9 (T-01)."""
    body = frames.Logon("OMS01", "TDGW", 30, "1.00", 20260105)
    assert frames.logon(1, body) == LOGON
    assert frames.heartbeat(2) == HEARTBEAT
    assert frames.index_sync(2, "12345", "300", 1) == SYNC
    text = soh(QUOTE_TEXT)
    order = frames.order_request(3, "OQO", "10000001", "12345", "MM00000002", text)
    assert order == ORDER_FRAME
    assert len(order) == 221
    assert frames.execution_report(5, "12345", "300", 1, "OQO", soh(ACK_TEXT)) == REPORT_FRAME
    assert len(REPORT_FRAME) == 268


@pytest.mark.parametrize("size", [1, 3, 17, 10_000])
def test_wire_frames_come_in_any_pieces(size: int) -> None:
    """A stream cut anywhere, or merged, gives the same frames (one byte at a time, too)."""
    stream = LOGON + ORDER_FRAME + HEARTBEAT + REPORT_FRAME
    parser = frames.FrameParser(frames.DOWNSTREAM_LIMIT)
    found = []
    for at in range(0, len(stream), size):
        part, error = parser.feed(stream[at : at + size])
        assert error is None
        found += part
    assert [kind for kind, _, _ in found] == [1, 10, 3, 20]
    assert found[1][2] == ORDER_FRAME[12:-4]
    assert parser.pending == 0


def test_wire_checksum_is_the_plain_sum() -> None:
    """The Adler shortcut equals the sum modulo 256 for every length, worst bytes included."""
    rng = random.Random(3)
    for size in (*range(70), 255, 256, 257, 511, 512, 513, 4096):
        for data in (b"\xff" * size, rng.randbytes(size)):
            assert frames.checksum(data) == sum(data) & 255
            assert frames.seal(data)[-1] == sum(data) & 255


def test_wire_session_from_logon_to_logout() -> None:
    """Logon, states, sync, request, report, logout: each end sees what it should (1.4, 1.5)."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
    first = client.send_logon(0)
    assert first == LOGON
    assert server.receive(first, 0) == [LoggedOn("OMS01", 30, "1.00", DAY)]
    assert client.receive(server.output(), 0) == [
        LoggedOn("TDGW", 30, "1.00", DAY),
        PlatformState(3, 0),
        ExecRptInfo(("12345",), SETS),
    ]
    sync = client.send_index_sync("12345", "300", 1, 0)
    assert server.receive(sync, 0) == [SyncRequested("12345", "300", 1)]
    assert client.receive(server.output(), 0) == [SyncAnswered("12345", "300", 1, 1)]
    assert client.receive(server.send_platform_state(2, 0), 0) == [PlatformState(3, 2)]
    sent = client.send_requests([QUOTE, ORDER, CANCEL], 0)
    arrived = server.receive(sent, 0)
    assert [event.request for event in arrived] == [QUOTE, ORDER, CANCEL]  # type: ignore[union-attr]
    got = client.receive(server.send_reports("12345", reports(1, 2), 0), 0)
    assert got == [ReportArrived("12345", report) for report in reports(1, 2)]
    rejected = RequestRejected("MM00000001", 11270)
    got = client.receive(server.send_reject("OTO", "12345", rejected, 0), 0)
    assert got == [RejectArrived("OTO", "12345", rejected)]
    inquiry = Inquiry("RQ1", "10000001", 1, 5, ACK.at, ACK.at + 15 * SECOND)
    got = client.receive(server.send_inquiry(inquiry, 0), 0)
    assert got == [InquiryArrived(1, inquiry)]
    got = client.receive(server.send_end_of_stream("12345", "300", 2, 0), 0)
    assert got == [EndOfStream("12345", "300", 2)]
    assert server.receive(client.send_logout(0), 0) == [LoggedOut(0, "Normal Logout")]
    assert client.receive(server.output(), 0) == [Disconnect("logged out")]
    assert (client.phase, server.phase) == (Phase.CLOSED, Phase.ENDING)
    assert server.tick(5 * SECOND)[0] == Disconnect("no close within 5 s after the logout")


@pytest.mark.parametrize(("wish", "ruling"), [(1, 5), (5, 5), (30, 30), (60, 60), (600, 60)])
def test_wire_heartbeat_interval_is_clamped(wish: int, ruling: int) -> None:
    """The gateway accepts 5 to 60 seconds and clamps the rest; its answer rules (1.4)."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
    server.receive(client.send_logon(0, wish), 0)
    client.receive(server.output(), 0)
    assert (client.interval, server.interval) == (ruling, ruling)


def test_wire_heartbeats_keep_a_quiet_session() -> None:
    """A heartbeat after one idle interval, death after two without anything received (1.4)."""
    client, server = pair()
    for second in range(1, 200):
        now = second * SECOND
        for one, other in ((client, server), (server, client)):
            assert one.tick(now) == []
            assert other.receive(one.output(), now) == []
    assert client.phase is Phase.ACTIVE
    silent = 200 * SECOND
    while client.phase is Phase.ACTIVE:
        silent = client.deadline()
        events = client.tick(silent)
    assert silent <= 260 * SECOND
    assert [type(event) for event in events] == [ProtocolError, LoggedOut, Disconnect]
    assert events[1].code == 5002  # type: ignore[union-attr]


def test_wire_no_logon_within_five_seconds() -> None:
    """Either side gives up a connection on which no logon completes (5004)."""
    server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
    assert server.tick(5 * SECOND - 1) == []
    events = server.tick(server.deadline())
    assert events[0] == ProtocolError(5004, "no logon within 5 s", True)
    assert isinstance(events[-1], Disconnect)


@pytest.mark.parametrize("code", [5003, 5006])
def test_wire_refused_logon_says_why(code: int) -> None:
    """An occupied or unready gateway answers a logon with Logout and its code (1.8)."""
    client, server = pair(refuse=code)
    assert server.phase is Phase.ENDING
    assert client.phase is Phase.CLOSED


def _raw(kind: int, seq: int, body: bytes = b"") -> bytes:
    head = b"".join(value.to_bytes(4, "big") for value in (kind, seq, len(body)))
    return frames.seal(head + body)


WRONG_TARGET = frames.logon(1, frames.Logon("OMS01", "XXXX", 30, "1.00", DAY))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (WRONG_TARGET, 5005),
        (frames.heartbeat(1), 5012),
        (LOGON[:-1] + b"\x00", 5001),
        (_raw(10, 1, b"")[:8] + (5000).to_bytes(4, "big"), 5000),
        (_raw(1, 1, b"short"), 5007),
        (LOGON + _raw(20, 2, b"x" * 40), 5008),
        (LOGON + frames.logon(2, frames.Logon("OMS01", "TDGW", 30, "1.00", DAY)), 5003),
    ],
)
def test_wire_server_ends_a_bad_session_with_its_code(data: bytes, code: int) -> None:
    """Each broken rule of the session ends it with a Logout carrying its code (1.8)."""
    server = tdgw.ServerSession((PROFILE,), SETS, DAY, 0)
    events = server.receive(data, 0)
    assert LoggedOut in [type(event) for event in events]
    assert [event.code for event in events if isinstance(event, LoggedOut)] == [code]
    sent, _ = frames.FrameParser(frames.DOWNSTREAM_LIMIT).feed(server.output())
    kind, _, body = sent[-1]
    assert (kind, frames.fields_of(kind, body)[0]) == (2, code)
    assert server.phase is Phase.ENDING


def test_wire_unknown_types_and_tails_are_ignored() -> None:
    """Unknown MsgTypes and bytes after a known body do not disturb a session (1.2)."""
    client, server = pair()
    assert client.receive(_raw(777, 6, b"later") + _raw(30, 7, b"\0\3\0\4new"), 0) == [
        PlatformState(3, 4)
    ]
    assert client.ignored == 1
    assert server.phase is Phase.ACTIVE


@pytest.mark.parametrize(
    ("frame", "code", "kind"),
    [
        (frames.order_request(4, "XXX", "10000001", "12345", "MM00000002", b""), 4012, 21),
        (frames.order_request(4, "OQO", "", "12345", "MM00000002", b""), 4012, 21),
        (frames.order_request(4, "OTE", "10000001", "12345", "MM00000002", b""), 20000, 22),
        (frames.order_request(4, "OQO", "10000001", "54321", "MM00000002", b""), 19058, 22),
        (frames.order_request(4, "OQO", "10000001", "12345", "MM00000002", b"9=0"), 20000, 22),
        (
            frames.order_request(4, "OQO", "10000002", "12345", "MM00000002", soh(QUOTE_TEXT)),
            19056,
            22,
        ),
        (
            frames.order_request(4, "OQO", "10000001", "12345", "MM00000009", soh(QUOTE_TEXT)),
            19056,
            22,
        ),
    ],
)
def test_wire_bad_requests_are_answered(frame: bytes, code: int, kind: int) -> None:
    """The session itself answers a request that breaks the specification: 21 or 22 (1.7, 2.6)."""
    client, server = pair()
    (event,) = server.receive(frame, 0)
    assert isinstance(event, RequestArrived)
    assert event.request is None
    assert event.error is not None
    assert event.error.code == code
    answer = server.output()
    assert int.from_bytes(answer[:4], "big") == kind
    (told,) = client.receive(answer, 0)
    assert isinstance(told, RejectArrived)
    assert told.rejected.reason == code


@pytest.mark.parametrize("state", [0, 3, 4])
def test_wire_closed_platform_refuses(state: int) -> None:
    """Outside pre-open and open every request is refused with 5009 (1.4)."""
    client, server = pair(state)
    server.receive(client.send_request(QUOTE, 0), 0)
    (told,) = client.receive(server.output(), 0)
    assert told == RejectArrived("OQO", "12345", RequestRejected("MM00000002", 5009))


def test_wire_pre_open_holds_until_open() -> None:
    """In pre-open a request is accepted, and forwarded at the open in its order (1.4)."""
    client, server = pair(1)
    assert server.receive(client.send_requests([QUOTE, ORDER], 0), 0) == []
    assert server.tick(0) == []
    client.receive(server.send_platform_state(2, 0), 0)
    arrived = server.tick(0)
    assert [event.request for event in arrived] == [QUOTE, ORDER]  # type: ignore[union-attr]
    assert server.tick(0) == []


def test_wire_nothing_is_pushed_before_the_sync() -> None:
    """Reports of a partition flow only from the index the member asked for (1.5)."""
    client, server = pair()
    assert server.send_reports("12345", reports(1, 1, "999"), 0) == b""
    server.receive(client.send_index_sync("12345", "300", 3, 0), 0)
    client.receive(server.output(), 0)
    got = client.receive(server.send_reports("12345", reports(1, 4), 0), 0)
    assert [event.report.index for event in got] == [3, 4]  # type: ignore[union-attr]
    with pytest.raises(tdgw.SessionError, match="does not follow"):
        server.send_reports("12345", reports(6, 6), 0)


@pytest.mark.parametrize(
    ("pbu", "name", "index", "remark"),
    [("99999", "300", 1, 5011), ("12345", "999", 1, 5010), ("12345", "300", 0, 5013)],
)
def test_wire_bad_syncs_are_answered(pbu: str, name: str, index: int, remark: int) -> None:
    """A synchronisation with a wrong unit, partition or index gets its code and no reports."""
    client, server = pair()
    assert server.receive(client.send_index_sync(pbu, name, index, 0), 0) == []
    assert client.receive(server.output(), 0) == [SyncAnswered(pbu, name, index, remark)]


def test_wire_reports_arrive_once_and_in_order() -> None:
    """Replays are dropped, a gap asks again, and nothing is lost or repeated (1.5)."""
    client, server = pair()
    client.receive(server.send_reports("12345", reports(1, 3), 0), 0)
    lost = server.send_reports("12345", reports(4, 4), 0)
    assert lost
    later = server.send_reports("12345", reports(5, 6), 0)
    (jumped, gap) = client.receive(later, 0)
    assert isinstance(jumped, ProtocolError)
    assert not jumped.fatal
    assert gap == ReportGap("12345", "300", 4, 5)
    (asked,) = server.receive(client.output(), 0)
    assert asked == SyncRequested("12345", "300", 4)
    got = client.receive(server.output() + server.send_reports("12345", reports(1, 7), 0), 0)
    assert [e.report.index for e in got if isinstance(e, ReportArrived)] == [4, 5, 6, 7]
    server.receive(client.send_index_sync("12345", "300", 8, 0), 0)
    server.output()
    seq = server._sent + 1
    old = frames.execution_report(seq, "12345", "300", 2, "OQO", soh(ACK_TEXT))
    client.receive(old, 0)
    assert client.duplicates == 1


def test_wire_unreadable_report_does_not_stop_the_stream() -> None:
    """A report that breaks the specification is named, and the next one is delivered."""
    client, server = pair()
    first = server._sent + 1
    bad = frames.execution_report(first, "12345", "300", 1, "OQO", b"9=5\x0135=?\x01")
    good = frames.execution_report(first + 1, "12345", "300", 2, "OQO", soh(ACK_TEXT))
    unreadable, arrived = client.receive(bad + good, 0)
    assert isinstance(unreadable, ReportUnreadable)
    assert unreadable.index == 1
    assert arrived == ReportArrived("12345", Report("300", 2, ACK))


def test_wire_nothing_is_sent_after_a_logout() -> None:
    """A session that is ending or new refuses to send, naming its state (1.4)."""
    client, server = pair()
    client.send_logout(0)
    with pytest.raises(tdgw.SessionError, match="ENDING"):
        client.send_request(QUOTE, 0)
    fresh = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    with pytest.raises(tdgw.SessionError, match="NEW"):
        fresh.send_request(QUOTE, 0)
    assert server.phase is Phase.ACTIVE


def test_wire_gateway_of_another_day_is_refused() -> None:
    """A client does not trade with a gateway that stands on another day."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), SETS, DAY + 1, 0)
    server.receive(client.send_logon(0), 0)
    events = client.receive(server.output(), 0)
    assert client.phase is Phase.ENDING
    assert any(isinstance(event, LoggedOut) for event in events)


def test_wire_mutated_frames_never_crash() -> None:
    """10,000 mutated frames: only events and a bounded buffer, whichever end receives them."""
    rng = random.Random(11)
    base_client, base_server = pair()
    up = base_client.send_requests([QUOTE, ORDER], 0)
    down = base_server.send_reports("12345", reports(1, 2), 0)
    for round_ in range(10_000):
        if round_ % 50 == 0:
            client, server = pair()
        data = bytearray(up if round_ % 2 else down)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data))
            data[place] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        if rng.random() < 0.7 and len(data) >= 16:  # make the checksum of one frame right
            data = bytearray(frames.seal(bytes(data[:-4])))
        session = server if round_ % 2 else client
        session.receive(bytes(data), 0)
        session.output()
        assert session._parser.pending <= frames.DOWNSTREAM_LIMIT
