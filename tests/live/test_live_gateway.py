"""The gateway's core with a fake clock: fence, dead-man, kill, flow, resynchronisation."""

from typing import Any

import pytest
from gateway_rig import CODES, PLAN, STAMP, Rig, cancels
from msgspec.structs import replace

from quanheng.edge.gateway import Gateway
from quanheng.edge.link_messages import (
    Bye,
    Farewell,
    Fenced,
    FrameReader,
    Hello,
    Sync,
    ToEngine,
    Welcome,
    encode_frame,
)
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms import business as b
from quanheng.terms.codes import Effect, Exec, Link
from quanheng.terms.commands import Pull
from quanheng.terms.orders import (
    Quote,
    Report,
    Reports,
    Request,
    Send,
    Unreadable,
)
from quanheng.terms.units import MILLISECOND
from quanheng.wire import step
from quanheng.wire.profile import Profile

STAMPED = 1_719_451_800_000_000_000


def test_synchronised_engine_trades() -> None:
    """After hello, replay and silence the link is READY and quotes pass (interfaces.md 1.5)."""
    rig = Rig()
    rig.quote(1)
    assert rig.said(NotSent)[0].why == "the exchange link is not ready" or not rig.arrived
    assert rig.lead(1)
    states = [item.state for item in rig.said(LinkChanged)]
    assert states[-2:] == [Link.SYNCING, Link.READY]
    rig.quote(2)
    assert [item.client_id for item in rig.arrived] == ["M001000002"]
    assert rig.said(Reports)[-1].reports[0].body.client_id == "M001000002"


def test_lower_epoch_is_fenced_and_highest_is_kept_first() -> None:
    """A lower epoch never passes the last hop; the highest is durable (borders.md 2)."""
    rig = Rig()
    assert rig.lead(3)
    assert rig.epochs.writes[-1] == 3
    assert isinstance(rig.said(Welcome)[0], Welcome)
    rig.told.clear()
    assert not rig.lead(2)
    assert rig.said(Fenced)[0].highest == 3
    rig.quote(1, epoch=2)
    assert rig.arrived == []
    assert rig.said(NotSent)[0].client_ids == ["M001000001"]
    assert rig.said(NotSent)[0].highest == 3  # what P02 of the engine hears
    restarted = Gateway(PLAN, rig.epochs, rig.now)
    assert restarted.epoch == 3
    assert not restarted.hello(Hello(2, "maker"), rig.now)


def test_silent_engine_is_withdrawn_within_half_a_second() -> None:
    """Dead-man: everything is pulled 400 ms after the last sign of life, and stays off (2.6)."""
    rig = Rig()
    rig.lead(1)
    for number, code in enumerate(CODES):
        rig.quote(number, code)
    last = rig.now
    rig.pass_time(390)
    assert cancels(rig) == []
    rig.pass_time(10)
    assert {item.contract for item in cancels(rig)} == set(CODES)
    assert rig.now - last <= 500 * MILLISECOND
    assert all(item.client_id[0] == "G" for item in cancels(rig))
    assert len(rig.core.table) == 0
    rig.quote(10)
    assert len(rig.arrived) == 2 * len(CODES)
    assert "dead-man" in rig.said(NotSent)[-1].why
    assert not rig.core.hello(Hello(1, "maker"), rig.now)
    assert rig.lead(2)
    rig.quote(11, epoch=2)
    assert rig.arrived[-1].client_id == "M001000011"


def test_beating_engine_is_left_alone() -> None:
    """Heartbeats alone keep the quotes for as long as they come."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.pass_time(10_000, beats=1)
    assert cancels(rig) == []
    assert rig.core.armed


def test_pull_works_without_an_engine_and_bars_only_its_scope() -> None:
    """The kill socket withdraws a scope with the engine dead; ending it takes two (2.5)."""
    rig = Rig()
    rig.lead(1)
    for number, code in enumerate(CODES):
        rig.quote(number, code)
    assert rig.core.pull("510050", "R01", rig.now).items == 2
    rig.settle()
    assert {item.contract for item in cancels(rig)} == set(CODES[:2])
    assert rig.said(Pull) == [Pull("510050", "R01")]
    rig.quote(10, CODES[0])
    rig.quote(11, CODES[2])
    assert [item.client_id for item in rig.arrived][-1] == "M001000011"
    assert rig.said(NotSent)[-1].why == "pulled by R01"
    with pytest.raises(ValueError, match="two people"):
        rig.core.release("510050", "R01", "R01", rig.now)
    rig.core.release("510050", "R01", "T01", rig.now)
    rig.quote(12, CODES[0])
    assert rig.arrived[-1].client_id == "M001000012"
    with pytest.raises(ValueError, match="no underlying or contract"):
        rig.core.pull("600000", "R01", rig.now)


def test_a_new_leader_hears_of_pulls() -> None:
    """A pull outlives the engine: the next one is told before it quotes."""
    rig = Rig()
    rig.lead(1)
    rig.core.pull("*", "R01", rig.now)
    rig.settle()
    rig.told.clear()
    rig.lead(2)
    assert rig.said(Pull) == [Pull("*", "R01")]
    rig.quote(1, epoch=2)
    assert rig.arrived == []


def test_refused_cancels_are_asked_again() -> None:
    """In a no-cancel window the pull goes on until the exchange allows it (2.5 point 4)."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.window = True
    rig.core.pull("*", "R01", rig.now)
    rig.pass_time(1_200, beats=1)
    assert len(cancels(rig)) == 3
    assert len(rig.core.table) == 1
    rig.window = False
    rig.pass_time(600, beats=1)
    assert len(rig.core.table) == 0
    names = [item.client_id for item in cancels(rig)]
    assert len(set(names)) == len(names)


def test_bye_leaves_nothing_open() -> None:
    """An engine that leaves may withdraw by itself; what is left the gateway withdraws."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.core.from_engine(Bye(1), rig.now)
    rig.quote(2)
    assert "leaves" in rig.said(NotSent)[-1].why
    rig.pass_time(600)
    assert [item.client_id[0] for item in cancels(rig)] == ["G"]
    assert rig.said(Farewell) == [Farewell(0)]


def test_lost_exchange_says_so_and_recovers_without_a_repeat() -> None:
    """A lost session means DOWN and NotSent; the replay starts where the engine asks (I-12)."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.quote(2)
    rig.core.disconnected(rig.now, "test")
    rig.settle()
    assert rig.said(LinkChanged)[-1].state == Link.DOWN
    rig.quote(3)
    assert rig.said(NotSent)[-1].client_ids == ["M001000003"]
    before = [(r.set_id, r.index) for item in rig.said(Reports) for r in item.reports]
    assert before == [("300", 1), ("300", 2)]
    rig.told.clear()
    rig.connect()
    assert rig.said(LinkChanged)[-1].state == Link.SYNCING
    rig.core.from_engine(Sync({"300": 2, "301": 1}), rig.now)
    rig.pass_time(100, beats=1)
    after = [(r.set_id, r.index) for item in rig.said(Reports) for r in item.reports]
    assert after == [("300", 2)]
    assert rig.said(LinkChanged)[-1].state == Link.READY


def test_f23_an_engine_that_asks_gets_a_last_report_that_was_lost() -> None:
    """A report that never came and that none follows: neither end sees a gap, so what the engine
    asks for on a line that is ready is asked of the exchange.
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(1, CODES[0])
    answer = rig.answer

    def lost(request: Request) -> None:
        answer(request)
        rig.back = b""

    rig.answer = lost  # type: ignore[method-assign]
    rig.quote(2, CODES[0])
    rig.answer = answer  # type: ignore[method-assign]
    rig.pass_time(100, beats=1)

    def read() -> list[int]:
        return [r.index for item in rig.said(Reports) for r in item.reports if r.set_id == "300"]

    assert read() == [1] and len(rig.reports["300"]) == 2
    rig.core.from_engine(Sync({"300": 2, "301": 1}), rig.now)
    rig.settle()
    assert read() == [1, 2] and rig.core.link == Link.READY


def test_restarted_gateway_knows_what_rests_and_pulls_it() -> None:
    """A gateway that starts in the middle of a day learns the open quotes from the replay and
    withdraws them unless an engine is heard.
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(1, CODES[0])
    rig.quote(2, CODES[1])
    first = rig.core
    rig.core = Gateway(PLAN, rig.epochs, rig.now)
    rig.arrived.clear()
    rig.connect()
    assert len(rig.core.table) == 2
    rig.pass_time(400)
    assert {item.contract for item in cancels(rig)} == set(CODES[:2])
    assert cancels(rig)[0].client_id[:4] != first.puller._prefix


def test_an_unreadable_report_does_not_stop_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that breaks the specification is quarantined, its index counts, and the engine is
    told; what follows arrives, and nothing is asked for twice after a loss (I-12).
    """
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    good = step.encode_report

    def damaged(body: Any, profile: Profile) -> tuple[str, bytes]:
        name, text = good(body, profile)
        return name, text.replace(b"\x01150=0", b"\x01150=?")

    monkeypatch.setattr(step, "encode_report", damaged)
    rig.quote(2)
    monkeypatch.setattr(step, "encode_report", good)
    rig.quote(3)
    heard = [report for item in rig.said(Reports) for report in item.reports]
    assert [report.index for report in heard] == [1, 2, 3]
    assert heard[1].body == Unreadable(0, 20054)
    assert heard[2].body.client_id == "M001000003"
    quarantined = [line for line in rig.core.log() if line["what"] == "quarantined"]
    assert len(quarantined) == 1
    assert "20054" in quarantined[0]["event"]
    rig.core.disconnected(rig.now, "test")
    rig.connect()
    assert rig.core.link.name == "SYNCING"
    assert sorted(rig.server._next_report.items()) == [(("12345", "300"), 4), (("12345", "301"), 1)]


def test_ids_of_others_and_repeated_ids_do_not_pass() -> None:
    """The gateway re-checks the id: its letter and that it is new (borders.md 2)."""
    rig = Rig()
    rig.lead(1)
    rig.quote(1)
    rig.quote(1)
    assert "used before" in rig.said(NotSent)[-1].why
    alien = Quote("G001000001", CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
    rig.core.from_engine(Send(1, STAMP, [alien]), rig.now)
    rig.settle()
    assert "does not begin with M" in rig.said(NotSent)[-1].why
    assert len(rig.arrived) == 1


LOCK = b.LockRequest("M001000001", "510050", 10_000, False)
EXERCISE = b.ExerciseRequest("M001000002", CODES[0], 1)
LEGS = tuple(b.CombinationLeg(code, True, False, 1) for code in (CODES[2], CODES[1]))
BUILD = b.CombinationRequest("M001000003", "KS", False, 1, "", LEGS)
INQUIRE = b.MarginInquiry("M001000004", PLAN.account)
CANCEL = b.BusinessCancel("M001000005", "OTE", CODES[0], "M001000002")


def test_instructions_pass_and_a_pull_bars_those_of_its_scope() -> None:
    """What does not trade goes the same way out; a pull bars new ones of its scope, by any leg, and
    never what takes away or only asks (I-20, I-21).
    """
    rig = Rig()
    rig.lead(1)
    rig.answer = lambda request: None  # type: ignore[method-assign]
    rig.core.from_engine(Send(1, STAMP, [LOCK, EXERCISE]), rig.now)
    rig.settle()
    assert rig.arrived == [LOCK, EXERCISE]
    assert len(rig.core.table) == 0  # nothing of it rests, so no pull withdraws it
    proof = rig.core.pull("510050", "R01", rig.now)
    again = [
        replace(request, client_id=f"M00100001{number}")
        for number, request in enumerate((LOCK, EXERCISE, BUILD))
    ]
    rig.core.from_engine(Send(1, STAMP, [*again, INQUIRE, CANCEL]), rig.now)
    rig.settle()
    assert rig.arrived[2:] == [INQUIRE, CANCEL]
    (told,) = rig.said(NotSent)
    assert told.client_ids == [request.client_id for request in again]
    assert told.why == "pulled by R01" and proof.items == 0


def test_the_answer_to_a_margin_inquiry_reaches_the_engine_that_asked() -> None:
    """It comes in a General Response, which no index brings again (interfaces.md 2.4)."""
    rig = Rig()
    rig.lead(1)
    for letter in "MX":
        answer = b.MarginAnswer(f"{letter}001000004", PLAN.account, 10_000, 20_000, STAMPED, 0)
        rig.back += rig.server.send_margin_answer(PLAN.pbu, answer, rig.now)
        rig.core.from_wire(rig.back, rig.now)
        rig.back = b""
    rig.settle()
    (told,) = rig.said(b.MarginAnswer)
    assert (told.client_id, told.total, told.available) == ("M001000004", 10_000, 20_000)
    assert FrameReader(ToEngine).feed(encode_frame(told)) == [told]


def test_reports_of_instructions_reach_the_engine() -> None:
    rig = Rig()
    rig.lead(1)
    ack = b.LockAck(Exec.ACCEPTED, LOCK.client_id, 7, "510050", 10_000, False, STAMPED, 0)
    report = Report("300", 1, ack)
    rig.core.from_wire(rig.server.send_reports(PLAN.pbu, [report], rig.now), rig.now)
    rig.settle()
    assert [one for told in rig.said(Reports) for one in told.reports] == [report]
