"""The record that the fail-over drill files, and inspection that finds it (I-52, T-05)."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from quanheng.compose.drill import FAILOVER, RECORD
from quanheng.compose.inspection_items import inspection
from quanheng.compose.inspection_look import LOOKERS
from quanheng.compose.inspection_place import FOUND, MISSING, UNSEEN, Place

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The drill's part that writes the record."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from failover import record

    return record


def blow(kind: str, **more: Any) -> dict[str, Any]:
    row = {"number": 1, "kind": kind, "node": "a", "at": 0, "took_over": True, "detected": 350,
           "pulled": 360, "quoting": 610, "gap": 620}  # fmt: skip
    return {**row, **more}


def result(**more: Any) -> dict[str, Any]:
    shape = {"delay": 5.0, "jitter": 2.0, "loss": 1.0, "reorder": 1.0}
    row = {"netns": True, "speed": 2, "contracts": 16, "tls": True, "displace": False,
           "shape": shape, "seed": 1, "kills": 2, "requests": 900, "stale": 0, "doubled": 0,
           "invariants": 20, "broken": {}, "participation": {"510050": "91.20%"}, "restarts": 3,
           "epoch": 4}  # fmt: skip
    return {**row, **more}


def filed(tool: ModuleType, root: Path, **more: Any) -> Path:
    out, blows = root / "out", [blow("engine"), blow("to_exchange", took_over=False)]
    out.mkdir(exist_ok=True)
    tool.record(out, result(**more), blows)
    folder: Path = tool.file_record(root / "drills", out, result(**more), blows)
    return folder


def look(root: Path) -> Any:
    item = next(one for one in inspection().items if FAILOVER in one.drills)
    assert item.id == "I-52"
    return LOOKERS["drills"](Place(root / "run", drills=root / "drills"), item, FAILOVER)


def test_the_record_is_found_with_times_loss_and_duty(
    tool: ModuleType, tmp_path: Path, day_run: Any
) -> None:
    """Switch time, loss and what it cost of the duty are in it; its documents are whole."""
    (tmp_path / "run").symlink_to(day_run.folder)
    assert look(tmp_path).state == UNSEEN
    folder = filed(tool, tmp_path)
    text = (folder / RECORD).read_text(encoding="utf-8")
    for words in ("通过 passed", "恢复报价中位 610 毫秒，最长 610", "旧任期委托 0 笔",
                  "510050 91.20%", "丢包 1.0%", "单向：主机→交易所 1 次"):  # fmt: skip
        assert words in text
    piece = look(tmp_path)
    assert piece.state == FOUND and "文件 2 份" in piece.said
    kept = json.loads((folder / "documents" / "failover.json").read_text(encoding="utf-8"))
    assert [one["kind"] for one in kept["blows"]] == ["engine", "to_exchange"]


@pytest.mark.parametrize(
    "wrong", [{"stale": 1}, {"doubled": 1}, {"broken": {"positions differ": 1}}, {"kills": 3}]
)
def test_a_drill_that_failed_is_no_evidence(
    tool: ModuleType, tmp_path: Path, day_run: Any, wrong: dict[str, Any]
) -> None:
    """Each thing that is expected can fail; the record that passed before is put aside."""
    (tmp_path / "run").symlink_to(day_run.folder)
    filed(tool, tmp_path)
    filed(tool, tmp_path, **wrong)
    assert look(tmp_path).state == MISSING
    aside = [path for path in (tmp_path / "drills").iterdir() if path.name != FAILOVER]
    assert len(aside) == 1 and "通过 passed" in (aside[0] / RECORD).read_text(encoding="utf-8")
