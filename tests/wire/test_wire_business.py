"""Exercise, lock, combination and margin messages: golden bytes, round trips, codes, envelopes."""

import pytest
from business_samples import (
    ANSWER,
    ANSWER_TEXT,
    GOLDEN_REPORTS,
    GOLDEN_REQUESTS,
    LEGS,
    MARGIN_ACCOUNT,
    text_of,
)
from hypothesis import given
from hypothesis import strategies as st
from wire_samples import DAY, PROFILE

from quanheng.terms import business as b
from quanheng.terms.codes import Exec
from quanheng.terms.days import midnight
from quanheng.terms.orders import AnyReport, AnyRequest, Report
from quanheng.terms.units import MILLISECOND
from quanheng.wire import business, fragment, frames, step, tdgw
from quanheng.wire.events import ProtocolError, ReportArrived, RequestArrived, ResponseArrived
from quanheng.wire.messages import MESSAGES, STRATEGIES


@pytest.mark.parametrize(("req_id", "security", "request_", "body"), GOLDEN_REQUESTS)
def test_wire_business_golden_requests(
    req_id: str, security: str, request_: AnyRequest, body: str
) -> None:
    """Each request is the fields of 2.4 in order, and travels under its code (1.7)."""
    assert step.encode_request(request_, PROFILE) == text_of(body)
    assert step.decode_request(req_id, text_of(body), PROFILE) == request_
    assert (step.business_of(request_), step.routing_code(request_)) == (req_id, security)


@pytest.mark.parametrize(("req_id", "report", "body"), GOLDEN_REPORTS)
def test_wire_business_golden_reports(req_id: str, report: AnyReport, body: str) -> None:
    """Each report is the fields of interfaces.md 2.5 in order, both ways."""
    assert step.encode_report(report, PROFILE) == (req_id, text_of(body))
    assert step.decode_report(text_of(body), DAY, req_id) == report


def test_wire_business_margin_answer() -> None:
    """35=CJ carries total (22) and available (101) margin with two decimals (2.5)."""
    assert business.encode_margin_answer(ANSWER, PROFILE) == text_of(ANSWER_TEXT)
    assert business.decode_margin_answer(text_of(ANSWER_TEXT), DAY) == ANSWER


IDS = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=10, max_size=10)
OLD = st.one_of(st.just(""), IDS)
CODES = st.integers(10_000_001, 99_999_999).map(str)
UNDERLYINGS = st.integers(100_000, 999_999).map(str)
SIZES = st.integers(0, 10**10 - 1)
NUMBERS = st.integers(0, 10**16 - 1)
REASONS = st.integers(0, 99_999)
AT = st.integers(0, 86_399_999).map(lambda ms: midnight(DAY) + ms * MILLISECOND)
LEG = st.builds(b.CombinationLeg, CODES, st.booleans(), st.booleans(), SIZES)
ALL_LEGS = st.lists(LEG, min_size=1, max_size=4).map(tuple)
EXERCISE_LEGS = st.tuples(*(st.builds(b.ExerciseLeg, CODES, SIZES),) * 2)
STRATEGY = st.sampled_from(STRATEGIES)
METHOD = st.sampled_from("ZR")
COMBINATION = st.one_of(st.just(""), NUMBERS.map(lambda number: f"{number:016d}"))
YES_NO = st.sampled_from((Exec.ACCEPTED, Exec.REJECTED))
EXECS = st.sampled_from(Exec)
ANY_REQUEST = st.one_of(
    st.builds(b.LockRequest, IDS, UNDERLYINGS, SIZES, st.booleans()),
    st.builds(b.ExerciseRequest, IDS, CODES, SIZES),
    st.builds(b.MergedExercise, IDS, EXERCISE_LEGS, SIZES),
    st.builds(b.DisposalTransfer, IDS, UNDERLYINGS, SIZES, METHOD),
    st.builds(b.CombinationRequest, IDS, STRATEGY, st.booleans(), SIZES, COMBINATION, ALL_LEGS),
    st.builds(b.MarginInquiry, IDS, st.just(MARGIN_ACCOUNT)),
    st.builds(b.BusinessCancel, IDS, st.just("OTE"), CODES, IDS),
    st.builds(b.BusinessCancel, IDS, st.just("OCE"), st.just(""), IDS),
    st.builds(b.BusinessCancel, IDS, st.just("OTT"), UNDERLYINGS, IDS),
    st.builds(b.InquiryRequest, IDS, CODES, st.integers(0, 2), SIZES, st.booleans()),
)
STATUS = st.sampled_from((0, 4, 5, 7, 8))
ANY_REPORT = st.one_of(
    st.builds(
        b.InquiryAck,
        *(IDS, CODES, st.integers(0, 2), SIZES, st.booleans(), NUMBERS, STATUS, AT, REASONS),
    ),
    st.builds(b.LockAck, YES_NO, IDS, NUMBERS, UNDERLYINGS, SIZES, st.booleans(), AT, REASONS),
    st.builds(b.ExerciseAck, EXECS, IDS, OLD, NUMBERS, CODES, SIZES, AT, REASONS),
    st.builds(b.MergedExerciseAck, EXECS, IDS, OLD, NUMBERS, EXERCISE_LEGS, SIZES, AT, REASONS),
    st.builds(b.DisposalAck, EXECS, IDS, OLD, NUMBERS, UNDERLYINGS, SIZES, METHOD, AT, REASONS),
    st.builds(
        b.CombinationAck,
        *(YES_NO, IDS, NUMBERS, STRATEGY, st.booleans(), SIZES, COMBINATION, ALL_LEGS, AT, REASONS),
    ),
    st.builds(
        b.CombinationDone,
        *(IDS, STRATEGY, NUMBERS, st.sampled_from("BCF"), SIZES, COMBINATION, ALL_LEGS, AT, AT),
    ),
    st.builds(
        b.BusinessCancelReject,
        st.sampled_from(("OTE", "OCE", "OTT")),
        OLD,
        OLD,
        NUMBERS,
        AT,
        REASONS,
    ),
)


@given(ANY_REQUEST)
def test_wire_business_requests_round_trip(request_: AnyRequest) -> None:
    """Any request survives the wire; its envelope code has the form of its business (1.7)."""
    text = step.encode_request(request_, PROFILE)
    req_id = step.business_of(request_)
    assert step.decode_request(req_id, text, PROFILE) == request_
    assert business.ROUTING[req_id].fullmatch(step.routing_code(request_))
    prefix = business.PREFIX[req_id]
    assert fragment.read(text, prefix) == fragment.read_strict(text.decode(), prefix)


@given(ANY_REPORT)
def test_wire_business_reports_round_trip(report: AnyReport) -> None:
    """Any report survives the wire, by the fast reader and by the strict one."""
    req_id, text = step.encode_report(report, PROFILE)
    assert step.decode_report(text, DAY, req_id) == report
    prefix = "ORQA." if req_id == "ORQ" else ""
    assert fragment.read(text, prefix) == fragment.read_strict(text.decode(), prefix)


@pytest.mark.parametrize(
    ("number", "old", "new", "code", "tag"),
    [
        (0, "308=510050", "308=5100500", 20202, 308),
        (0, "308=510050|", "", 20202, 308),
        (0, "54=Z", "54=1", 19036, 54),
        (0, "54=Z", "54=B", 19036, 54),
        (0, "38=10000", "38=-1", 19070, 38),
        (2, "522=105", "522=9", 17582, 522),
        (2, "48=10000001", "48=100000010", 20034, 48),
        (2, "38=7", "38=x", 20022, 38),
        (3, "555=2", "555=3", 20262, 555),
        (3, "555=2", "555=1", 20262, 555),
        (3, "602=10000003", "602=100000033", 20264, 602),
        (3, "685=5", "685=5.5", 20268, 685),
        (3, "685=5", "685=-5", 19070, 685),
        (4, "747=R", "747=Q", 17626, 747),
        (5, "48=CNSJC", "48=CNSJX", 19267, 48),
        (5, "54=B", "54=Z", 19036, 54),
        (5, "555=2", "555=5", 19276, 555),
        (5, "555=2", "555=0", 19276, 555),
        (5, "555=2", "555=02", 19276, 555),
        (5, "555=2", "555=x", 20262, 555),
        (5, "555=2", "555=3", 20264, 602),
        (5, "555=2", "555=1", 20086, 453),
        (5, "624=L", "624=X", 20266, 624),
        (5, "203= ", "203=2", 17598, 203),
        (5, "198= ", "198=12345678901234567", 20260, 198),
        (7, f"448={MARGIN_ACCOUNT}", f"448={MARGIN_ACCOUNT}0", 20082, 448),
        (7, "448=12345|", "448=54321|", 19058, 448),
        (7, "1635=MM00000001", "1635=MM000000011", 20236, 1635),
        (8, "41=MM00000001", "41=", 20028, 41),
        (8, "448=12345|", "448=54321|", 19058, 448),
        (8, "448=A123456789", "448=B123456789", 10794, 448),
        (8, "35=F", "35=S", 20018, 35),
    ],
)
def test_wire_business_mistakes_have_the_exchange_code(
    number: int, old: str, new: str, code: int, tag: int
) -> None:
    """Each kind of mistake is refused with its code, its tag and a reason (interfaces.md 2.10)."""
    req_id, _, _, body = GOLDEN_REQUESTS[number]
    assert old in body
    with pytest.raises(step.WireError) as caught:
        step.decode_request(req_id, text_of(body.replace(old, new, 1)), PROFILE)
    assert (caught.value.code, caught.value.tag) == (code, tag)
    assert caught.value.reason


@pytest.mark.parametrize(
    "request_",
    [
        b.LockRequest("short", "510050", 1, False),
        b.LockRequest("MM00000001", "51005", 10**10, False),
        b.ExerciseRequest("MM00000001", "", 1),
        b.DisposalTransfer("MM00000001", "510050", 1, "X"),
        b.CombinationRequest("MM00000001", "CNSJC", False, 1, "", ()),
        b.CombinationRequest("MM00000001", "CNSJC", False, 1, "", LEGS * 3),
        b.CombinationRequest("MM00000001", "NONE", False, 1, "", LEGS),
        b.MarginInquiry("MM00000001", "9" * 26),
        b.BusinessCancel("MM00000001", "OTU", "", "MM00000002"),
        b.BusinessCancel("MM00000001", "OTE", "10000001", "a|b"),
    ],
)
def test_wire_business_encoder_refuses_what_cannot_be_carried(request_: AnyRequest) -> None:
    """Nothing leaves that the other side would refuse."""
    with pytest.raises(step.WireError):
        step.encode_request(request_, PROFILE)


def session_pair() -> tuple[tdgw.ClientSession, tdgw.ServerSession]:
    """Two sessions, logged on, partition 300 synchronised."""
    client = tdgw.ClientSession("OMS01", PROFILE, DAY, 0)
    server = tdgw.ServerSession((PROFILE,), ("300",), DAY, 0)
    server.send_platform_state(2, 0)
    server.receive(client.send_logon(0), 0)
    client.receive(server.output(), 0)
    server.receive(client.send_index_sync("12345", "300", 1, 0), 0)
    client.receive(server.output(), 0)
    return client, server


def test_wire_business_travels_through_a_session() -> None:
    """Every request reaches the gateway's host, every report the member, in TDGW frames (2.2)."""
    client, server = session_pair()
    requests = [request for _, _, request, _ in GOLDEN_REQUESTS]
    arrived = server.receive(client.send_requests(requests, 0), 0)
    assert [one.request for one in arrived if isinstance(one, RequestArrived)] == requests
    assert [one.req_id for one in arrived if isinstance(one, RequestArrived)] == [
        req_id for req_id, _, _, _ in GOLDEN_REQUESTS
    ]
    reports = [Report("300", i, body) for i, (_, body, _) in enumerate(GOLDEN_REPORTS, 1)]
    events = client.receive(server.send_reports("12345", reports, 0), 0)
    assert events == [ReportArrived("12345", report) for report in reports]


def test_wire_business_any_cut_gives_the_same_events() -> None:
    """A stream of every message, cut in two at every byte, is the same stream (T-01)."""
    client, server = session_pair()
    up = client.send_requests([request for _, _, request, _ in GOLDEN_REQUESTS], 0)
    reports = [Report("300", i, body) for i, (_, body, _) in enumerate(GOLDEN_REPORTS, 1)]
    down = server.send_reports("12345", reports, 0)
    down += server.send_margin_answer("12345", ANSWER, 0)
    for stream, side, count in ((up, 1, len(GOLDEN_REQUESTS)), (down, 0, len(reports) + 1)):
        whole = session_pair()[side].receive(stream, 0)
        assert len(whole) == count
        for cut in range(len(stream)):
            receiver = session_pair()[side]
            assert receiver.receive(stream[:cut], 0) + receiver.receive(stream[cut:], 0) == whole


def test_wire_business_margin_answer_is_a_general_response() -> None:
    """CJ travels in MsgType 21; a malformed one is a protocol error, not a crash (2.5)."""
    client, server = session_pair()
    (event,) = client.receive(server.send_margin_answer("12345", ANSWER, 0), 0)
    assert isinstance(event, ResponseArrived)
    assert (event.req_id, event.reff, event.answer) == ("OMR", "MM00000001", ANSWER)
    torn = frames.general_response(server._sent + 1, "OMR", "12345", "MM00000001", 1, b"9=1\x01")
    (event,) = client.receive(torn, 0)
    assert isinstance(event, ProtocolError)
    assert not event.fatal


@pytest.mark.parametrize(("req_id", "security", "request_", "body"), GOLDEN_REQUESTS)
def test_wire_business_wrong_security_is_4012(
    req_id: str, security: str, request_: AnyRequest, body: str
) -> None:
    """An envelope whose SecurityID has another business's form is 4012; another code is 19056."""
    _, server = session_pair()
    twin = other_of(security)
    for wrong, code in (("x", 4012), *(((twin, 19056),) if twin else ())):
        frame = frames.order_request(
            server._received + 1, req_id, wrong, "12345", request_.client_id, text_of(body)
        )
        (event,) = server.receive(frame, 0)
        assert isinstance(event, RequestArrived)
        assert event.error is not None
        assert event.error.code == code


def other_of(security: str) -> str:
    """Another code of the same form, empty where there is none."""
    if security.isdigit() and security != "00000000":
        return security[:-1] + "9"
    return {"CNSJC": "PXSJC", "KS": "KKS"}.get(security, "")


def test_wire_business_every_documented_type_has_a_form() -> None:
    """Messages of interfaces.md 2.4 and 2.5, by tag 35 (T-01)."""
    kinds = {message.kind for message in MESSAGES.values()}
    requests = {"D", "F", "S", "Z", "CH", "R"}
    assert kinds == requests | {"8", "9", "U11", "U12", "U13", "U14", "U15", "U16", "U17"} | {
        *("AJ", "AI", "CJ")
    }
