"""The laboratory: every scene holds against our exchange; a broken one fails the right scene."""

import contextlib
import csv
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from compose_world import call, one_line
from msgspec.structs import replace

from quanheng.compose import lab
from quanheng.compose.reference import FIRST_DAY
from quanheng.config import read_config
from quanheng.edge.clock import monotonic
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_pull import Puller
from quanheng.edge.lab.frame_text import cut, frame
from quanheng.edge.lab.house import House
from quanheng.edge.lab.line import barred
from quanheng.edge.lab.script import Script
from quanheng.edge.link_messages import Hello
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.edge.order_server import OrderServer
from quanheng.exchange.messages import Deliver, VenueOpen
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.orders import QuoteCancel
from quanheng.terms.units import SECOND
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ServerSession

MASTER = Path(lab.__file__).parents[1] / "data" / "2024-06-27" / "reff030627.txt"


def test_lab_scenes_are_complete() -> None:
    """Every scene has words for the form, a known phase, a title of its own in both languages, and
    ends where it says what must be heard; the two systems differ by one scene each (L-01)."""
    new, old = lab.scenes("new"), lab.scenes("old")
    assert len(new) == len(old) >= 50
    assert {one.name for one in new} ^ {one.name for one in old} == {
        "507_close_replace_new.scene",
        "508_close_replace_old.scene",
    }
    titles: list[str] = []
    for scene in {one.name: one for one in [*new, *old]}.values():
        zh, bar, en = scene.title.partition(" | ")
        assert zh and bar and en, scene.name
        titles += [zh, en]
        assert scene.header["phase"] in lab.CLOCKS, scene.name
        assert scene.header["item"] and scene.header["expect"], scene.name
        assert scene.steps, scene.name
        wanted = "!" if scene.header.get("side") == "desk" else "<"
        assert any(line.head == wanted for line in scene.lines), scene.name
    assert len(set(titles)) == len(titles)


def test_lab_hash_follows_the_scenes() -> None:
    """The hash in the form changes with a name, a line or the choice (L-01)."""
    scene = Script("a.scene", "# t\n> Logon\n")
    other = Script("a.scene", "# t\n> Logon interval=31\n")
    renamed = Script("b.scene", "# t\n> Logon\n")
    hashes = [lab.scenes_hash(some) for some in ([scene], [other], [renamed], [scene, other])]
    assert len(set(hashes)) == 4


def test_lab_passes_against_our_exchange(tmp_path: Path) -> None:
    """All scenes run and hold; form, table and frames say so; nobody has signed (L-01, T-01)."""
    done = call("lab", "run", "--out", tmp_path, "--json")
    assert done.code == 0, done.json["results"]
    scenes = lab.scenes("new")
    assert done.json["counts"] == {"passed": len(scenes), "failed": 0, "not_run": 0}
    assert done.json["scenes"] == lab.scenes_hash(scenes)
    page = (tmp_path / "lab-form.md").read_text("utf-8")
    assert f"共 {len(scenes)} 项：通过 {len(scenes)}，不通过 0，未执行 0。结论：通过" in page
    assert done.json["scenes"] in page
    signatures = page.split("## 签字")[1].strip().splitlines()
    assert set(signatures[-1]) <= {"|", " "}
    with (tmp_path / "lab-form.csv").open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = csv.reader(stream)
    assert head[:5] == ["序号", "编号", "场景", "要求", "步骤"]
    assert [row[7] for row in rows] == ["通过"] * len(scenes)
    frames = (tmp_path / "frames" / "112_heartbeat_timeout.txt").read_text("utf-8")
    assert "10:00:12.000" not in frames.splitlines()[0]
    assert "< Logout" in frames and "status=5002" in frames


def test_lab_old_system(tmp_path: Path) -> None:
    """The old system nets what a replaced quote held; its scene runs in place of the new one's."""
    done = call("lab", "run", "--session", "old", "--scene", "508", "--out", tmp_path, "--json")
    assert done.code == 0, done.json
    assert done.json["counts"]["passed"] == 1
    one_line(call("lab", "run", "--scene", "508", "--out", tmp_path), 2, "508", "507_close")


def plan(**more: Any) -> lab.LabPlan:
    from quanheng.compose.lab_command import _chain
    from quanheng.edge.rulebook_files import read_rulebook

    return lab.LabPlan(
        config=read_config(),
        book=read_rulebook(FIRST_DAY),
        chain=_chain(FIRST_DAY, None, True),
        patience=more.pop("patience", 300_000_000),
        **more,
    )


class WrongCode(House):
    """Refuses a price outside the limits with another code than the exchange's."""

    def _wrong(self, report: Any) -> Any:
        if getattr(report.body, "reason", 0) != 10450:
            return report
        return replace(report, body=replace(report.body, reason=10451))

    def _answer(self, effect: Any) -> None:
        if isinstance(effect, Deliver):
            effect = replace(effect, reports=[self._wrong(one) for one in effect.reports])
        super()._answer(effect)


class Deaf(House):
    """Does not answer the withdrawal of quotes in one contract."""

    def _take(self, pbu: str, requests: list[Any]) -> None:
        deaf = lab.contracts_of(self._opening.chain)["C"].code
        kept = [r for r in requests if not isinstance(r, QuoteCancel) or r.contract != deaf]
        super()._take(pbu, kept)


class Lossy(House):
    """Loses the second report of a partition when it replays."""

    def _serve(self, folder: Path, day: int) -> OrderServer:
        server = super()._serve(folder, day)
        replay, send, replaying = server._replay, server._send, [False]

        def lossy_replay(member: Any) -> None:
            replaying[0] = True
            replay(member)
            replaying[0] = False

        def lossy_send(member: Any, pbu: str, reports: list[Any]) -> None:
            lost = [r for r in reports if replaying[0] and (r.set_id, r.index) == ("301", 2)]
            send(member, pbu, [r for r in reports if r not in lost])

        server._replay, server._send = lossy_replay, lossy_send  # type: ignore[method-assign]
        return server


class Welcoming(House):
    """Lets a second session in."""

    def _serve(self, folder: Path, day: int) -> OrderServer:
        server = super()._serve(folder, day)
        session, active = server._session, server._active

        def any_session() -> Any:
            server._active = lambda: None  # type: ignore[method-assign]
            made = session()
            server._active = active  # type: ignore[method-assign]
            return made

        server._session = any_session  # type: ignore[method-assign]
        return server


BROKEN: dict[str, tuple[type[House], dict[str, str], str]] = {
    "wrong error code": (WrongCode, {}, "401_reject_price_limit"),
    "silence on mass cancel": (Deaf, {}, "506_mass_cancel"),
    "a report lost in recovery": (Lossy, {}, "203_recover_partitions"),
    "a second session let in": (Welcoming, {}, "106_second_session"),
    "no flow limit": (House, {"flow_limit": "off"}, "411_flow_limit"),
    "one side withdraws the other": (House, {"quote_side": "withdraw"}, "503_quote_one_side"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_lab_broken_exchange_fails_its_scene(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault of a gateway fails exactly the scene that is about it (L-01)."""
    house, switches, scene = BROKEN[fault]
    opened = lab.opening

    def opening(one: lab.LabPlan) -> VenueOpen:
        made = opened(one)
        made.switches.update(switches)
        return made

    monkeypatch.setattr(lab, "House", house)
    monkeypatch.setattr(lab, "opening", opening)
    results = {one.name: one for one in lab.run(plan(), lab.scenes("new"))}
    bad = {name: one.actual for name, one in results.items() if one.verdict != lab.PASSED}
    assert list(bad) == [scene], bad
    assert "步「" in bad[scene] and f"{scene}.scene:" in bad[scene]


def sleepy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that waits ten seconds for a silent engine."""
    made = lab.gateway_plan
    monkeypatch.setattr(lab, "gateway_plan", lambda one: replace(made(one), dead_man=10 * SECOND))


def unfenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that takes any engine for the newest."""
    hello = Gateway.hello

    def welcome(gateway: Any, message: Hello, now: int) -> bool:
        return hello(gateway, Hello(max(message.epoch, gateway._kept.epoch + 1), "x"), now)

    monkeypatch.setattr(Gateway, "hello", welcome)


def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that forgets a person's pull as soon as it is done."""
    monkeypatch.setattr(Puller, "killer", lambda puller, contract: "")


@pytest.mark.parametrize(
    ("fault", "scene"),
    [
        (sleepy, "703_desk_dead_man"),
        (unfenced, "706_desk_fence"),
        (forgetful, "704_desk_pull"),
    ],
)
def test_lab_broken_gateway_of_ours_fails_its_scene(
    fault: Callable[[pytest.MonkeyPatch], None], scene: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenes of our own gateway judge it as the others judge the exchange (L-01, T-05)."""
    fault(monkeypatch)
    desk = [one for one in lab.scenes("new") if one.header.get("side") == "desk"]
    results = {one.name: one for one in lab.run(plan(), desk)}
    bad = {name: one.actual for name, one in results.items() if one.verdict != lab.PASSED}
    assert list(bad) == [scene], bad


def test_lab_failure_is_told_and_exits_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed scene says step, line, what was due and what came; the form fails, exit 1."""
    monkeypatch.setattr(lab, "House", WrongCode)
    done = call("lab", "run", "--scene", "401", "--out", tmp_path, "--lang", "en")
    assert done.code == 1
    assert "401_reject_price_limit.scene:9" in done.out
    assert "103=10450；实际 Report" in done.out and "103=10451" in done.out
    assert "结论：不通过" in (tmp_path / "lab-form.md").read_text("utf-8")


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


@pytest.mark.parametrize(
    ("text", "verdict", "words"),
    [
        ("> Logon\n< Logon\n< Info\n", lab.PASSED, "登录应答 1"),
        ("* 登录\n> Logon\n< Logon interval=31\n", lab.FAILED, "第 1 步「登录」不符（t.scene:8）"),
        ("> Logon\n< Logon\n< Info\n< Logout\n", lab.FAILED, "没有收到应有的消息"),
        ("use open\nneed {A} != {A} 同一合约\n", lab.NOT_RUN, "同一合约"),
        ("> Logon user={X.deep}\n", lab.NOT_RUN, "X.deep"),
        ("use open\n> Heartbeat checksum=1\n", lab.FAILED, "实际 Logout"),
    ],
)
def test_lab_a_scene_of_ones_own(text: str, verdict: str, words: str) -> None:
    """Lines of a scene judge what comes, and say what did not (L-01)."""
    head = "# 题 | title\nphase any\nitem L-01\nexpect 如此\n\n"
    (found,) = lab.run(plan(), [Script("t.scene", head + text)])
    assert (found.verdict, words in found.actual) == (verdict, True), found


def test_lab_ids_are_never_used_twice() -> None:
    """Scenes of one run share one counter, so a real gateway sees no id twice."""
    head = "# 题 | title\nphase any\nitem L-01\nexpect 如此\n"
    order = "> Request 35=D 11={n1} 48={A} 522=105 44={A.deep} 38=1 54=1 77=O 40=2 59=0 203=_\n"
    body = f"use open\n{order}< Report 150=0\n"
    scenes = [Script(f"{name}.scene", head + body) for name in "ab"]
    seen = [
        heard.text.split("11=")[1].split(" ")[0]
        for found in lab.run(plan(), scenes)
        for heard in found.record
        if heard.text.startswith("Request")
    ]
    assert len(seen) == len(set(seen)) == 2
    assert all(len(name) == 10 and name.startswith(lab.LETTER) for name in seen)
