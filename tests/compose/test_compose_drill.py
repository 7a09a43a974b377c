"""Drills of the firm's risk department and their documents (I-45, I-46, R-02)."""

from pathlib import Path

import pytest
from compose_world import call, one_line

from quanheng.compose import drill
from quanheng.compose.drill import Drilled, forced_liquidation, wrong_order
from quanheng.edge.oversight_lines import CopyLine
from quanheng.oversight.messages import NoticesRead
from quanheng.runtime.segment import read_segments
from quanheng.terms.units import SECOND
from quanheng.wire.notices import read


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory) -> Drilled:
    """The drill over two days that the tests look at, its snapshots a minute apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drill, "CADENCE", 60 * SECOND)
        patch.setattr(drill, "PICK", "6")
        return forced_liquidation(tmp_path_factory.mktemp("forced"), until="13:02")


def test_compose_drill_forced_liquidation_passes(forced: Drilled) -> None:
    """I-45: notice, 11:00, 11:30, the exchange's orders from 13:00, settlement; every check."""
    assert forced.ok, forced.checks
    assert len(forced.checks) == 6
    events = [row["event"] for row in forced.course]
    assert events[0] == "record" and events[-1] == "confirm" and events.count("uncured") == 1
    assert forced.course[0]["value"] == forced.course[0]["most"] != "0.0000"


def test_compose_drill_writes_documents_that_a_person_reads(forced: Drilled) -> None:
    """风险提示书 with amount and deadline, 事件报告 of 11:30, 日报, the notice as received."""
    folder = Path(forced.folder)
    names = ["风险提示书.md", "事件报告.md", "风险监控日报.md", "op_tzxx-20240627.dbf"]
    assert forced.documents == names
    texts = [(folder / "documents" / name).read_text(encoding="utf-8") for name in names[:3]]
    assert "2024-06-28 11:30:00.000" in texts[0] and forced.course[0]["most"] in texts[0]
    assert "13:00 起由交易所强行平仓" in texts[0]
    assert "强行平仓监控" in texts[1] and "late" in texts[1]
    assert "三、超限与跟踪" in texts[2] and forced.case in texts[2]
    found, bad = read((folder / "documents" / names[3]).read_bytes())
    assert [one.kind for one in found] == ["P01"] and not bad
    record = (folder / drill.RECORD).read_text(encoding="utf-8")
    assert "通过 passed" in record and "QP1" in record and found[0].text() in record


def test_compose_drill_leaves_the_evenings_file_in_the_journal(forced: Drilled) -> None:
    """The overseer read the morning's and the evening's file as inputs of its own."""
    (run,) = Path(forced.folder).glob("20240628*")
    frames = read_segments(run / "journal" / "oversight", "oversight")
    assert sum(b"notices_read" in frame.payload for frame in frames) == 2
    assert NoticesRead.__struct_config__.tag == "notices_read"


def test_compose_drill_wrong_order_passes_and_fails_without_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-46: every check of the drill; with the overseer's wire cut the same drill does not pass."""
    monkeypatch.setattr(drill, "CADENCE", 60 * SECOND)
    monkeypatch.setattr(drill, "PICK", "6")
    good = wrong_order(tmp_path / "good", until="09:46")
    assert good.ok, good.checks
    assert "MZZ0000001" in good.course[0]["text"]
    notice = (tmp_path / "good" / "documents" / "风险提示书.md").read_text(encoding="utf-8")
    assert "极端情况" in notice and "错单" in notice and "MZZ0000001" in notice
    monkeypatch.setattr(CopyLine, "options", lambda self, effect, at: [])
    bad = wrong_order(tmp_path / "bad", until="09:46")
    assert not bad.ok and not bad.course
    assert "未通过 FAILED" in (tmp_path / "bad" / drill.RECORD).read_text(encoding="utf-8")


def test_compose_drill_command(
    tmp_path: Path, forced: Drilled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`quanheng drill`: exit 1 when a check fails, 2 for a folder that is not empty."""
    monkeypatch.setitem(drill.DRILLS, "wrong-order", lambda out: forced)
    done = call("drill", "wrong-order", "--out", tmp_path / "a")
    assert done.code == 0 and "11:00 预警" in done.out
    worse = Drilled(forced.name, forced.folder, False, forced.checks, [], "", [])
    monkeypatch.setitem(drill.DRILLS, "wrong-order", lambda out: worse)
    assert call("drill", "wrong-order", "--out", tmp_path / "b", "--json").code == 1
    (tmp_path / "x").write_text("")
    one_line(call("drill", "wrong-order", "--out", tmp_path), 2, "not empty")
