"""The three-table carrier against the venue: requests, answers, recovery, gaps, bad rows (2.9)."""

from typing import Any

import pytest
import sqlalchemy as sa
from exchange_world import DAY, at
from ezstep_line import CODE, PROFILE, STEP, Line, bodies, order, quote

from quanheng.edge import ezstep
from quanheng.edge.ezstep import EzstepClient, EzstepServer
from quanheng.exchange.messages import Deliver
from quanheng.runtime.envelope import Source
from quanheng.terms import business as b
from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import (
    NewOrder,
    OrderAck,
    OrderCancel,
    QuoteAck,
    QuoteCancel,
    Report,
    Requests,
    Trade,
)
from quanheng.wire import carriers, step
from quanheng.wire.events import (
    ExecRptInfo,
    InquiryArrived,
    ProtocolError,
    RejectArrived,
    ReportUnreadable,
)
from quanheng.wire.fields import WireError


def test_exchange_ezstep_requests_are_answered(engine: sa.Engine) -> None:
    """Order, quote, cancels, refusals: what the venue says arrives once, in order (2.9)."""
    line = Line(engine)
    asked = [order("A000000001"), quote("A000000002"), OrderCancel("A000000003", CODE, "x")]
    asked += [QuoteCancel("A000000004", CODE, True, True), order("A000000001")]  # type: ignore[list-item]
    line.client.send_requests(asked, line.now)
    first = line.turn()
    assert ExecRptInfo(("A0001",), ("RSP", "EXE")) in first
    said = bodies(first)
    assert [type(body).__name__ for body in said] == [
        *("OrderAck", "QuoteAck", "CancelReject", "QuoteAck")
    ]
    assert [body.reason for body in said] == [0, 0, 19082, 0]
    rejects = [event for event in first if isinstance(event, RejectArrived)]
    assert [(one.req_id, one.rejected.client_id, one.rejected.reason) for one in rejects] == [
        ("OTO", "A000000001", 11270)
    ]
    assert [row["ordstatus"] for row in line.rows(ezstep.REQRESP)] == ["O", "O", "F", "O", "E"]
    assert [row["localrespnum"] for row in line.rows(ezstep.REQRESP)] == [1, 2, 3, 4, 5]
    assert line.turn() == []


def test_exchange_ezstep_trades_are_one_type(engine: sa.Engine) -> None:
    """A fill is in execreport as 35=8 and arrives as a trade (2.9)."""
    line = Line(engine)
    line.client.send_requests([quote("A000000001")], line.now)
    line.turn()
    seller = NewOrder("B000000001", CODE, Side.SELL, Effect.OPEN, OrderKind.LIMIT, 990, 4)
    line.take(seller, "A0002")
    (trade,) = bodies(line.turn())
    assert isinstance(trade, Trade)
    assert (trade.client_id, trade.qty, trade.leaves) == ("A000000001", 4, 6)
    (row,) = line.rows(ezstep.EXECREPORT)
    assert "\x0135=8\x0111=A000000001" in row["execreporttext"]
    assert (row["execnum"], row["seqnum"], row["bcasttype"]) == (1, 1, "OT")


def test_exchange_ezstep_recovers_on_both_sides(engine: sa.Engine) -> None:
    """A new member side reads from any index; a new exchange side writes nothing twice (2.9)."""
    line = Line(engine)
    line.client.send_requests([quote("A000000001"), order("A000000002", 985)], line.now)
    line.turn()
    line.take(
        NewOrder("B000000001", CODE, Side.SELL, Effect.OPEN, OrderKind.LIMIT, 990, 4), "A0002"
    )
    before = bodies(line.turn())
    line.client.send_requests([order("A000000003", 980)], line.now)  # nobody takes it yet
    line.server = EzstepServer(engine, (PROFILE,))
    line.server.deliver("A0001", line.reports, line.now)
    line.client = EzstepClient(engine, PROFILE, DAY)
    for set_id in (ezstep.RESPONSES, ezstep.TRADES):
        line.client.send_index_sync("A0001", set_id, 1, line.now)
    again = bodies(line.turn())
    assert len(again) == 4
    assert [body.client_id for body in again[:3]] == ["A000000001", "A000000002", "A000000003"]
    assert again[3:] == before
    line.take(
        NewOrder("B000000002", CODE, Side.SELL, Effect.OPEN, OrderKind.LIMIT, 990, 1), "A0002"
    )
    assert [body.qty for body in bodies(line.turn())] == [1]
    assert [row["seqnum"] for row in line.rows(ezstep.EXECREPORT)] == [1, 2]
    line.client.send_index_sync("A0001", ezstep.RESPONSES, 3, line.now)
    later = bodies(line.turn())
    assert [body.client_id for body in later] == ["A000000003"]


def test_exchange_ezstep_open_request_is_handed_out_again(engine: sa.Engine) -> None:
    """A stop between taking and answering: the exchange's duplicate check makes it safe (2.9)."""
    line = Line(engine)
    line.client.send_requests([order("A000000001")], line.now)
    line.now += STEP
    (event,) = line.server.tick(line.now)
    effects = line.world.give(Requests("A0001", [event.request]), Source.VENUE)  # type: ignore
    reports = [r for e in effects if isinstance(e, Deliver) for r in e.reports]
    line.server = EzstepServer(engine, (PROFILE,))  # the answer was never written
    line.server.deliver("A0001", reports, line.now)  # replayed from the exchange's store
    (ack,) = bodies(line.turn())
    assert isinstance(ack, OrderAck)
    assert ack.exec == Exec.ACCEPTED
    assert line.up == []


def test_exchange_ezstep_numbers_must_be_contiguous(engine: sa.Engine) -> None:
    """A gap in reqnum is refused with 257 and nothing behind it is taken until it is filled."""
    line = Line(engine)
    line.client.send_requests([order("A000000001"), order("A000000002", 980)], line.now)
    line.client._reqnum += 1
    line.client.send_requests([order("A000000004", 970), order("A000000005", 960)], line.now)
    heard = line.turn()
    assert [body.client_id for body in bodies(heard)] == ["A000000001", "A000000002"]
    (reject,) = [event for event in heard if isinstance(event, RejectArrived)]
    assert (reject.rejected.client_id, reject.rejected.reason) == ("A000000004", 257)
    (gap,) = [event for event in line.up if isinstance(event, ProtocolError)]
    assert gap.code == 257
    assert "4 where 3 is due" in gap.reason
    assert line.turn() == []
    line.client._reqnum = 2
    line.client.send_requests([order("A000000003", 950)], line.now)
    assert [body.client_id for body in bodies(line.turn())] == ["A000000003", "A000000005"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reqid": "OXX"}, 4012),
        ({"securityid": "123"}, 4012),
        ({"pbu": "B0001"}, 19058),
        ({"reff": "A000000009"}, 19056),
        ({"reqtext": "9=3\x0135"}, 20000),
        ({"reqtext": None}, 20000),
        ({"reqtext": "é" * 40}, 20000),
    ],
)
def test_exchange_ezstep_bad_rows_are_answered(
    engine: sa.Engine, change: dict[str, Any], code: int
) -> None:
    """A row that breaks the rules is refused by the front with its code; the next is taken."""
    line = Line(engine)
    line.client.send_requests([order("A000000001"), order("A000000002")], line.now)
    with engine.begin() as connection:
        where = ezstep.REQRESP.c.reqnum == 1
        connection.execute(sa.update(ezstep.REQRESP).where(where).values(**change))
    heard = line.turn()
    (reject,) = [event for event in heard if isinstance(event, RejectArrived)]
    assert reject.rejected.reason == code
    assert [body.client_id for body in bodies(heard)] == ["A000000002"]


def test_exchange_ezstep_unreadable_texts_do_not_stop_the_member(engine: sa.Engine) -> None:
    """A response, a trade or a broadcast that cannot be read is named; the rest arrives."""
    line = Line(engine)
    line.client.send_requests([quote("A000000001"), order("A000000002", 980)], line.now)
    line.now += STEP
    for event in line.server.tick(line.now):
        line.take(event.request)  # type: ignore[union-attr]
    row = {"recordtimestamp": "", "seqnum": 1, "setid": "001"}
    with engine.begin() as connection:
        where = ezstep.REQRESP.c.reqnum == 1
        connection.execute(sa.update(ezstep.REQRESP).where(where).values(resptext="9=1\x01"))
        trade = row | {"execnum": 1, "bcasttype": "OT", "execreporttext": None}
        connection.execute(sa.insert(ezstep.EXECREPORT), trade)
        for number, kind in enumerate(("RQ", "XX"), 1):
            text = row | {"pubnum": number, "bcasttype": kind, "mdtext": "nonsense"}
            connection.execute(sa.insert(ezstep.PUBDATA), text)
    heard = line.turn()
    unreadable = [event for event in heard if isinstance(event, ReportUnreadable)]
    assert [(one.set_id, one.index) for one in unreadable] == [("RSP", 1), ("EXE", 1)]
    assert [body.client_id for body in bodies(heard)] == ["A000000002"]
    assert [event.code for event in heard if isinstance(event, ProtocolError)] == [20000]


def test_exchange_ezstep_inquiries_are_broadcast(engine: sa.Engine) -> None:
    """An inquiry reaches the member through pubdata; one from before its start does not."""
    line = Line(engine)
    inquiry = Inquiry("RQ1", CODE, 0, 0, line.now, line.now + STEP)
    line.server.inquire(inquiry, line.now)
    assert [e.inquiry for e in line.turn() if isinstance(e, InquiryArrived)] == [inquiry]
    late = EzstepClient(engine, PROFILE, DAY)
    assert not [e for e in late.tick(line.now) if isinstance(e, InquiryArrived)]


def test_exchange_ezstep_other_businesses_travel_too(engine: sa.Engine) -> None:
    """Disposal of an own account is rejected by the venue; every answer keeps its type."""
    line = Line(engine)
    line.client.send_requests([b.DisposalTransfer("A000000001", "510050", 1, "Z")], line.now)
    (refused,) = bodies(line.turn())
    assert isinstance(refused, b.DisposalAck)
    assert (refused.exec, refused.reason) == (Exec.REJECTED, 19166)
    leg = b.CombinationLeg(CODE, True, False, 1)
    pair = (b.ExerciseLeg(CODE, 1), b.ExerciseLeg("10007001", 1))
    ok = Exec.ACCEPTED
    answers: list[Any] = [
        b.ExerciseAck(ok, "A000000002", "", 5, CODE, 1, line.now, 0),
        b.MergedExerciseAck(ok, "A000000003", "", 5, pair, 1, line.now, 0),
        b.LockAck(ok, "A000000004", 5, "510050", 100, False, line.now, 0),
        b.DisposalAck(ok, "A000000005", "", 5, "510050", 100, "Z", line.now, 0),
        b.CombinationAck(ok, "A000000006", 5, "KS", False, 1, "", (leg,), line.now, 0),
        b.BusinessCancelReject("OTE", "A000000007", "A000000002", 5, line.now, 19082),
    ]
    requests: list[Any] = [
        b.ExerciseRequest("A000000002", CODE, 1),
        b.MergedExercise("A000000003", pair, 1),
        b.LockRequest("A000000004", "510050", 100, False),
        b.DisposalTransfer("A000000005", "510050", 100, "Z"),
        b.CombinationRequest("A000000006", "KS", False, 1, "", (leg,)),
        b.BusinessCancel("A000000007", "OTE", CODE, "A000000002"),
    ]
    line.client.send_requests(requests, line.now)
    line.now += STEP
    arrived = [event.request for event in line.server.tick(line.now)]  # type: ignore[union-attr]
    assert arrived == requests
    done = b.CombinationDone("A000000006", "KS", 9, "B", 1, "1", (leg,), line.now, line.now)
    everything = [Report("1", index, body) for index, body in enumerate([*answers, done], 1)]
    line.server.deliver("A0001", everything, line.now)
    assert bodies(line.turn()) == [*answers, done]
    texts = [row["resptext"] for row in line.rows(ezstep.REQRESP)[1:]]
    assert all("35=8\x01" in text or "35=9\x01" in text for text in texts)


def test_exchange_ezstep_nothing_is_written_that_cannot_be_carried(engine: sa.Engine) -> None:
    """All requests of a call are written or none."""
    line = Line(engine)
    with pytest.raises(WireError):
        line.client.send_requests([order("A000000001"), order("A2")], line.now)
    assert line.rows(ezstep.REQRESP) == []


def test_exchange_ezstep_retyping_keeps_the_length() -> None:
    """U11 to 8 and back is the same text; a text without a type is refused."""
    fill = Trade(
        "A000000001",
        CODE,
        1,
        2,
        990,
        1,
        0,
        Side.BUY,
        Effect.OPEN,
        False,
        at("10:00"),
        at("10:00"),
        0,
    )
    _, text = step.encode_report(fill, PROFILE)
    table = carriers.to_tables(text)
    assert table != text
    assert carriers.from_tables(table, "") == text
    assert carriers.from_tables(b"9=1\x01", "") == b"9=1\x01"
    with pytest.raises(WireError, match="not ASCII"):
        carriers.from_tables(b"9=9\x0135=8\x0111=\xff\x01", "")
    _, ack = step.encode_report(
        QuoteAck(
            False,
            Exec.ACCEPTED,
            "A000000001",
            CODE,
            1,
            1,
            2,
            1,
            1,
            Effect.OPEN,
            Effect.OPEN,
            at("10:00"),
            0,
            "",
            0,
            "",
            0,
        ),
        PROFILE,
    )
    assert carriers.to_tables(ack) == ack == carriers.from_tables(ack, "OQO")
