"""The auction platform's orders and sessions (interfaces.md 2.11, work order 4 scope 10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.terms.codes import Side
from quanheng.terms.days import midnight
from quanheng.terms.etf import EtfAnswer, EtfCancel, EtfDone, EtfFill, EtfOrder, EtfRequest
from quanheng.terms.orders import RequestRejected
from quanheng.terms.units import HOUR, SECOND
from quanheng.wire import auction, step_messages
from quanheng.wire.auction_session import (
    AuctionClient,
    AuctionReport,
    AuctionServer,
    ReportStream,
    StateKnown,
    StreamKnown,
    Synced,
    numbered,
)
from quanheng.wire.profile import Profile
from quanheng.wire.step_messages import StepError

DAY = 20240627
AT = midnight(DAY) + 10 * HOUR
PROFILE = Profile("A123456789", "12345")
NAMES = st.from_regex(r"M[0-9A-Z]{9}", fullmatch=True)
CODES = st.sampled_from(["510050", "510300", "588000", "601318"])
PRICES = st.integers(0, 99_999_999)
UNITS = st.integers(0, 10**9)
TIMES = st.integers(0, 24 * HOUR // 100 - 1).map(lambda part: midnight(DAY) + 100 * part)
ORDERS: st.SearchStrategy[EtfRequest] = st.one_of(
    st.builds(EtfOrder, NAMES, CODES, st.sampled_from(Side), PRICES, UNITS, st.booleans()),
    st.builds(EtfCancel, NAMES, NAMES),
)
ANSWERS: st.SearchStrategy[EtfAnswer] = st.one_of(
    st.builds(
        EtfFill, NAMES, CODES, st.sampled_from(Side), PRICES, UNITS, UNITS, TIMES,
        st.integers(0, 10**17), st.integers(0, 10**9),
    ),
    st.builds(EtfDone, NAMES, st.just(""), UNITS, TIMES),
    st.builds(EtfDone, NAMES, NAMES, UNITS, TIMES),
    st.builds(RequestRejected, NAMES, st.integers(1, 99_999)),
)  # fmt: skip


class Line:
    """Both sides of a line; what is said goes across with `turn`."""

    def __init__(
        self, stream: ReportStream | None = None, first: int = 1, refuse: str = ""
    ) -> None:
        self.stream = stream or ReportStream()
        self.server = AuctionServer(PROFILE, self.stream, DAY, 0, refuse)
        self.client = AuctionClient("QH", PROFILE, DAY, 0)
        self.known = self.turn()
        if not refuse:
            self.client.sync(first, 0)
            self.first = self.turn()

    def turn(self, now: int = 0) -> list[object]:
        """Requests the exchange heard, then what the member heard."""
        heard: list[object] = [*self.server.receive(self.client.output(), now)]
        return heard + self.client.receive(self.server.output(), now)


@given(ORDERS)
def test_every_request_comes_back(request: EtfRequest) -> None:
    kind, fields = auction.encode_request(request, PROFILE, AT, DAY)
    assert auction.decode_request(kind, fields, PROFILE) == request


@given(ANSWERS, st.integers(1, 10**9))
def test_every_answer_comes_back(answer: EtfAnswer, index: int) -> None:
    """Refusals of cancels are messages of another kind with the same meaning."""
    for cancels in ({}, {answer.client_id: "M000000001"}):
        kind, fields = auction.encode_answer(answer, index, DAY, cancels)
        assert auction.decode_answer(kind, fields, DAY) == (index, answer)
        if isinstance(answer, RequestRejected):
            assert kind == (auction.CANCEL_REJECT if cancels else auction.REPORT)


def test_an_order_is_the_documented_message() -> None:
    """Tags and forms of interfaces.md 2.11: N13(5), N15(3), ntime, five parties."""
    order = EtfOrder("M000000001", "510050", Side.BUY, 24_560, 12_300, True)
    _, fields = auction.encode_request(order, PROFILE, AT + 1_234_567_800, DAY)
    raw = step_messages.build("D", "QH", "TDGW", 3, AT, fields)
    text = raw.replace(b"\x01", b"|").decode()
    assert text.startswith("8=FIXT.1.1|9=")
    assert "|1180=100010|11=M000000001|48=510050|522=105|54=1|44=2.45600|38=12300.000|40=1|" in text
    assert "|59=0|544=1|60=1000012345678|453=5|448=A123456789|452=5|448=12345|452=1|" in text
    assert text.endswith(f"|10={sum(raw[:-7]) & 255:03d}|")


@pytest.mark.parametrize(
    ("tag", "value", "names"),
    [
        (44, "2.456", "tag 44"),
        (44, "2.45601", "tag 44"),
        (38, "100", "tag 38"),
        (54, "3", "tag 54"),
        (40, "9", "tag 40"),
        (11, "short", "tag 11"),
        (1180, "600000", "tag 1180"),
        (448, "99999", "tag 448"),
        (48, None, "tag 48"),
    ],
)
def test_a_broken_order_ends_the_session_and_names_the_tag(
    tag: int, value: str | None, names: str
) -> None:
    """The member hears which tag; the exchange's machine hears nothing."""
    line = Line()
    order = EtfOrder("M000000001", "510050", Side.BUY, 24_560, 12_300)
    _, fields = auction.encode_request(order, PROFILE, AT, DAY)
    broken = [(t, v) for t, v in fields if t != tag or value is not None]
    broken = [(t, value if t == tag and value is not None else v) for t, v in broken]
    bad = step_messages.build("D", "QH", "TDGW", 3, AT, broken)
    assert line.server.receive(bad, 0) == []
    assert names in line.server.closed
    line.client.receive(line.server.output(), 0)
    assert names in line.client.closed and not line.client.ready


def test_a_day_of_a_session() -> None:
    """Logon, state, stream, synchronisation; requests up, reports down, numbered from 1."""
    line = Line()
    assert line.known == [StateKnown(2), StreamKnown(0)]
    assert line.first == [Synced(1)]
    requests: list[EtfRequest] = [
        EtfOrder("M000000001", "510050", Side.SELL, 24_550, 500, True),
        EtfCancel("M000000002", "M000000009"),
    ]
    line.client.send_requests(requests, AT, 0)
    assert line.turn() == requests
    answers: list[EtfAnswer] = [
        EtfFill("M000000001", "510050", Side.SELL, 24_550, 300, 200, AT, 7_365_000, 400),
        EtfDone("M000000001", "", 200, AT),
        RequestRejected("M000000002", 19082),
    ]
    line.stream.answers += answers
    line.server.deliver(0)
    heard = line.turn()
    assert heard == [AuctionReport(place, one) for place, one in enumerate(answers, 1)]
    (told,) = numbered([one for one in heard if isinstance(one, AuctionReport)])
    assert (told.first, told.answers) == (1, answers)


def test_reports_of_a_lost_line_come_with_the_next_one() -> None:
    """Nothing is lost and nothing comes twice: the member says from where on."""
    line = Line()
    done: list[EtfAnswer] = [EtfDone(f"M{place:09d}", "", 0, AT) for place in range(1, 6)]
    line.stream.answers += done[:2]
    line.server.deliver(0)
    assert len(line.turn()) == 2
    line.stream.answers += done[2:]
    again = Line(line.stream, first=3)
    assert again.known[1] == StreamKnown(5)
    assert again.first == [Synced(3), *(AuctionReport(n, done[n - 1]) for n in (3, 4, 5))]


@pytest.mark.parametrize("first", [0, 7])
def test_a_stream_is_asked_for_within_its_bounds(first: int) -> None:
    stream = ReportStream()
    stream.answers += [EtfDone(f"M{place:09d}", "", 0, AT) for place in range(1, 6)]
    line = Line(stream, first=first)
    assert "10179" in line.server.closed and "10179" in line.client.closed


def test_who_may_not_speak() -> None:
    """No request before the synchronisation, no second session, no wrong version, no gap in 34."""
    line = Line()
    line.client.ready = False
    with pytest.raises(StepError, match="not synchronised"):
        line.client.send_requests([EtfCancel("M000000001", "M000000002")], AT, 0)
    assert "another" in Line(refuse="another session is up").client.closed
    early = AuctionServer(PROFILE, ReportStream(), DAY, 0)
    early.receive(AuctionClient("QH", PROFILE, DAY, 0).output(), 0)
    cancel = [(1180, "100010"), (11, "M000000001"), (41, "M000000002")]
    early.receive(step_messages.build("F", "QH", "TDGW", 2, AT, cancel), 0)
    assert "synchronisation" in early.closed
    wrong = AuctionServer(PROFILE, ReportStream(), DAY, 0)
    wrong.receive(step_messages.build("A", "QH", "TDGW", 1, AT, [(1408, "STEP0")]), 0)
    assert "logon" in wrong.closed
    jump = Line()
    jump.server.receive(step_messages.build("0", "QH", "TDGW", 9, AT, []), 0)
    assert "MsgSeqNum" in jump.server.closed


def test_silence_ends_a_session_and_a_question_keeps_it() -> None:
    """Heartbeats keep both sides; without any both leave after two intervals."""
    line = Line()
    interval = line.client.interval * SECOND
    for step in range(1, 5):
        line.client.tick(step * interval)
        line.server.tick(step * interval)
        line.turn(step * interval)
    assert not line.client.closed and not line.server.closed
    line.client.tick(6 * interval)
    line.server.tick(6 * interval)
    assert "two heartbeat intervals" in line.client.closed
    assert "two heartbeat intervals" in line.server.closed


def test_a_resend_request_is_answered_with_a_reset() -> None:
    """Application messages are never sent again (interfaces.md 2.11)."""
    line = Line()
    line.server.receive(step_messages.build("2", "QH", "TDGW", 3, AT, [(7, "1"), (16, "0")]), 0)
    fields = step_messages.parse(line.server.output())
    assert fields[35] == "4" and fields[123] == "N" and int(fields[36]) == int(fields[34]) + 1


@given(st.binary(max_size=200), st.integers(0, 400), st.data())
def test_no_bytes_break_a_session(junk: bytes, where: int, data: st.DataObject) -> None:
    """Whatever comes: a session takes it or ends with a reason, at any split."""
    order = EtfOrder("M000000001", "510050", Side.BUY, 24_560, 12_300)
    _, fields = auction.encode_request(order, PROFILE, AT, DAY)
    good = step_messages.build("D", "QH", "TDGW", 3, AT, fields)
    whole = good[:where] + junk + good[where:]
    line = Line()
    cut = data.draw(st.integers(0, len(whole)))
    heard = line.server.receive(whole[:cut], 0) + line.server.receive(whole[cut:], 0)
    assert heard in ([], [order])
