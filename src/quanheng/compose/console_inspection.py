"""The page 检查: the 52 items of appendix 4 with what was found for each, and where it is."""

from collections.abc import Mapping
from typing import Any

from quanheng.compose.console_house import House, taken
from quanheng.compose.inspection_rows import Row, Shown, rows
from quanheng.desk.access import Session
from quanheng.desk.office import FILES, GROW, STATE, Column, Page, Sheet, Taken
from quanheng.desk.ports import SourceError

COLUMNS = (
    Column("item", width=60), Column("group", width=130), Column("content", GROW, 320),
    Column("basis", width=150), Column("standing", STATE, 90), Column("evidence", GROW, 380),
    Column("duty", width=200), Column("files", FILES, 160),
)  # fmt: skip
PARTS = 4
FOUND = "found"


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """A sheet for each part of the working paper."""
    found = rows(house.run, house.store)
    sheets = []
    for part in range(1, PARTS + 1):
        lines = [_row(house, one) for one in found if one.part == part]
        none = ("没有检查项", "no items")
        sheets.append(Sheet(f"inspection_{part}", COLUMNS, lines, none, share=len(lines)))
    holds = sum(one.holds for one in found)
    tone = "good" if holds == len(found) else "warn"
    return Page(sheets, facts=[("held", f"{holds}/{len(found)}", tone)], every=0)


def _row(house: House, one: Row) -> dict[str, Any]:
    files = [path for piece in one.pieces for path in piece.files if _inside(house, path)]
    return {
        "key": one.item, "item": one.item, "group": one.group, "content": one.text,
        "basis": one.basis, "standing": f"item_{one.state}",
        "evidence": "；".join(map(_said, one.pieces)), "duty": one.duty,
        "files": [[path.rpartition(".")[2], path] for path in files[:4]],
        "tone": "" if one.holds else "amber",
    }  # fmt: skip


def _inside(house: House, name: str) -> bool:
    """Does a piece of evidence lie in the run's folder? Only that is given out here."""
    return house.run.resolve() in (house.run / name).resolve().parents


def _said(piece: Shown) -> str:
    mark = "✓" if piece.state == FOUND else "✗"
    return f"{mark}{piece.kind_words} {piece.words}"


def file(house: House, who: Session, name: str) -> Taken:
    """A piece of evidence that an item names, when it lies in the run's folder."""
    named = {path for one in rows(house.run, house.store) for p in one.pieces for path in p.files}
    if name not in named or not _inside(house, name):
        raise SourceError(f"{name}: 不在运行目录内，见工作底稿 (not in the run's folder)")
    return taken(house.run / name)
