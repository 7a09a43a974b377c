"""The laboratory: every scene holds against our exchange; a broken one fails the right scene."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from compose_world import call, one_line
from lab_world import BROKEN, WrongCode, forgetful, plan, sleepy, unfenced

from quanheng.compose import lab
from quanheng.edge.lab.script import Script
from quanheng.exchange.messages import VenueOpen


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
