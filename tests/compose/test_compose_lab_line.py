"""The laboratory against a gateway of somebody else, and against what is none."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_world import call, one_line
from lab_world import MASTER, plan

from quanheng.compose import lab
from quanheng.compose.reference import FIRST_DAY
from quanheng.edge.clock import monotonic
from quanheng.edge.lab.frame_text import cut, frame
from quanheng.edge.lab.house import House
from quanheng.edge.lab.line import barred
from quanheng.edge.lab.script import Script
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import SECOND
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ServerSession


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[int]:
    """Somebody's gateway: an exchange on its own clock in another thread; gives its port."""
    one = plan()
    member = one.config.member
    listener = tcp_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    profile = Profile(member.account, member.pbu, member.branch)
    loop = Loop()
    house = House(lab.opening(one), profile, tmp_path / "gateway", loop, (listener,))
    house.advance(midnight(FIRST_DAY) + from_clock("10:00"))
    over = threading.Event()

    def serve() -> None:
        began, base = monotonic(), house.now
        while not over.is_set():
            loop.poll(0.01)
            now = base + monotonic() - began
            house.advance(now - now % 1_000_000)
            loop.flush()

    thread = threading.Thread(target=serve)
    thread.start()
    yield port
    over.set()
    thread.join()
    house.close()


def test_lab_against_another_gateway(gateway: int, tmp_path: Path) -> None:
    """Scenes to a gateway whose clock nobody moves: what needs a counterparty, another phase or a
    standby line is not run and says why (L-01)."""
    names = ["101", "106", "203", "205", "211", "405", "411", "501", "602", "704"]
    chosen = [word for name in names for word in ("--scene", name)]
    target = ("--host", "127.0.0.1", "--port", gateway, "--day", "2024-06-27", "--master", MASTER)
    done = call("lab", "run", *target, *chosen, "--out", tmp_path, "--json")
    verdicts = {row["scene"][:3]: row for row in done.json["results"]}
    assert done.code == 0, [row["actual"] for row in verdicts.values()]
    passed = [name for name, row in verdicts.items() if row["verdict"] == "passed"]
    assert passed == ["101", "106", "203", "405", "501", "704"]
    reasons = (("205", "fill"), ("211", "opening"), ("411", "--flow"), ("602", "standby"))
    for name, words in reasons:
        assert verdicts[name]["verdict"] == "not_run"
        assert words in verdicts[name]["actual"]
    page = (tmp_path / "lab-form.md").read_text("utf-8")
    assert f"127.0.0.1:{gateway}" in page
    assert "通过 6，不通过 0，未执行 4" in page
    assert "未执行的场景须另行安排" in page
    again = call("lab", "run", *target, "--scene", "405", "--out", tmp_path, "--json")
    assert again.code == 0, again.json


def test_lab_a_failed_scene_leaves_nothing_behind(gateway: int) -> None:
    """At somebody's gateway our own withdraws what a failed scene left in the book."""
    there = plan(address=("127.0.0.1", gateway), patience=2 * SECOND)
    head = "# 题 | title\nphase any\nitem L-01\nexpect 如此\nuse open\n"
    order = "> Request 35=D 11={n1} 48={A} 522=105 44={A.deep} 38=1 54=1 77=O 40=2 59=0 203=_\n"
    leaves = Script("leaves.scene", f"{head}{order}< Report 150=0\n< Logout\n")
    (left,) = lab.run(there, [leaves])
    assert left.verdict == lab.FAILED
    sent = next(one.text for one in left.record if one.text.startswith("Request"))
    name = sent.split("11=")[1].split(" ")[0]
    cancel = f"> Request 35=F 11=L999999999 41={name} 48={{A}} 522=105\n"
    (gone,) = lab.run(there, [Script("gone.scene", f"{head}{cancel}< Report 35=9 102=19082\n")])
    assert gone.verdict == lab.PASSED, gone.actual


def test_lab_no_gateway_at_all() -> None:
    """Something else listens there: the scene fails and says so, and the run goes on."""
    listener = tcp_listener("127.0.0.1", 0)
    listener.listen()
    over = threading.Event()

    def greet() -> None:
        listener.settimeout(0.05)
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                peer, _ = listener.accept()
                with peer:
                    peer.sendall(b"SSH-2.0-something else\r\n")

    thread = threading.Thread(target=greet)
    thread.start()
    there = plan(address=("127.0.0.1", listener.getsockname()[1]))
    scenes = [one for one in lab.scenes("new") if one.name[:3] in ("101", "107")]
    try:
        results = list(lab.run(there, scenes))
    finally:
        over.set()
        thread.join()
        listener.close()
    assert [one.verdict for one in results] == [lab.FAILED] * 2
    assert all("broken protocol" in one.actual for one in results), results


def test_lab_sequence_numbers_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that leaves out a number breaks the line, whatever its frames say."""
    following = ServerSession._next

    def leaves_out(session: ServerSession) -> int:
        return following(session) + (session._sent > 2)

    monkeypatch.setattr(ServerSession, "_next", leaves_out)
    (scene,) = (one for one in lab.scenes("new") if one.name.startswith("101"))
    (found,) = lab.run(plan(), [scene])
    assert found.verdict == lab.FAILED
    assert "MsgSeqNum 4 follows 2" in found.actual


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"SSH-2.0-something else", "is no frame"),
        (frame(3, 7, b"", bad_sum=1), "frame 7 has a wrong checksum"),
        (frame(33, 7, b"A0001300"), "End 7 with 8 bytes"),
    ],
)
def test_lab_frames_that_are_none(data: bytes, words: str) -> None:
    """The laboratory's own reader names what is wrong with bytes; a part of a frame waits."""
    with pytest.raises(ValueError, match=words):
        list(cut(data))
    whole = frame(3, 7, b"") + frame(99, 8, b"later") + frame(2, 9, bytes(3))[:-1]
    assert [found for found, _ in cut(whole)] == [
        {"name": "Heartbeat", "seq": "7"},
        {"name": "Type99", "seq": "8", "tail": b"later".hex()},
    ]


def test_lab_usage(tmp_path: Path) -> None:
    """Nobody listens: 3. What an address needs and forms that are none: 2, named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        target = ("--day", "2024-06-27", "--master", MASTER, "--out", tmp_path)
        nobody = call("lab", "run", "--host", "127.0.0.1", "--port", port, *target)
        one_line(nobody, 3, f"127.0.0.1:{port}", "no gateway")
    out = ("--out", tmp_path)
    one_line(call("lab", "run", "--host", "h", "--port", 1, *out), 2, "--day and --master")
    one_line(call("lab", "run", "--host", "h", *out), 2, "HOST:PORT")
    one_line(call("lab", "run", "--standby", "h:1", *out), 2, "--standby needs --host")
    one_line(call("lab", "run", "--scene", "999", *out), 2, "999", "101_logon_good")
    one_line(call("lab", "run", "--patience", 0, *out), 2, "--patience")
    one_line(call("lab", "run", "--day", "yesterday", *out), 2, "--day")
    missing = call("lab", "run", "--master", tmp_path / "none", *out)
    one_line(missing, 3, "none")


def test_lab_what_another_gateway_cannot_be_asked() -> None:
    """Known before the first line is played, so that no scene stops with orders in the book."""
    reasons = {one.name[:3]: barred(one.lines, False) for one in lab.scenes("new")}
    asked = {name: words for name, words in reasons.items() if words}
    for name, words in (("205", "fill"), ("306", "09:21"), ("509", "inquiry"), ("602", "standby")):
        assert words in asked.pop(name)
    assert sorted(asked) == ["302", "303", "505", "507", "601", "603", "604", "702", "705", "707"]
    (standby,) = (one for one in lab.scenes("new") if one.name.startswith("602"))
    assert not barred(standby.lines, True)
