"""The working paper of the special inspection as .docx, the guide's columns in four parts (L-04).

Columns of the guide stand first and unchanged; what was found stands in two columns to their right.
"""

from collections.abc import Sequence
from itertools import groupby

from quanheng.compose.inspection_items import KINDS, inspection
from quanheng.compose.inspection_place import (
    DUTY,
    FOUND,
    MISSING,
    NOTHING,
    PARTLY,
    UNSEEN,
    WHOLE,
    Finding,
    Piece,
    Place,
)
from quanheng.edge.document_docx import Block, Box, Grid, Head, Paper, Words
from quanheng.terms.days import iso

TITLE = "股票期权做市商业务专项检查工作底稿"
FILE = "附件4-股票期权做市商业务专项检查工作底稿.docx"
FILLED = ("检查情况", "证据与说明")
"""Heads of the two columns that are filled in."""
STATES = {WHOLE: "有证据", PARTLY: "证据不全", NOTHING: "无证据", DUTY: "由人履职"}
SAMPLE = "示例"
_WIDTHS = (22, 14, 58, 42, 22, 95)
_MANY = 3
"""Pieces of a kind that are told one by one; more are counted."""
_NAMED = ("settings", "checks", "commands")
"""Kinds whose names are told and what was seen is left to the index."""


def working_paper(place: Place, found: Sequence[Finding], blank: bool = False) -> Paper:
    """The whole paper; `blank`: nothing filled in, as the guide prints it."""
    made = inspection()
    blocks: list[Block] = [] if blank else _heading(place, found)
    for number, title in enumerate(made.parts, 1):
        mine = [one for one in found if one.item.part == number]
        blocks += [Head(title, 2), Grid(_WIDTHS, tuple(_rows(mine, blank)))]
    if not blank:
        blocks += _ending(place, found)
    return Paper(
        title=TITLE,
        subtitle=f"附件4{f'（{SAMPLE}）' if place.sample else ''}",
        day=place.info.day,
        blocks=tuple(blocks),
        landscape=True,
    )


def _heading(place: Place, found: Sequence[Finding]) -> list[Block]:
    info = place.info
    blocks: list[Block] = [
        Words(
            f"检查所依据的运行记录：{place.run.name}，交易日 {iso(info.day)}，"
            f"合约 {info.contracts} 个，机器摘要 {info.digest[:16]}。{summary(found)}"
        )
    ]
    if place.sample:
        blocks.append(
            Words(
                f"【{SAMPLE}】人员、岗位、登记与制度文件取自随系统提供的示例公司，人员只以岗位称呼，"
                "不代表任何真实公司；正式检查须以本公司人员库（--store）重新生成。",
                note=True,
            )
        )
    return blocks


def summary(found: Sequence[Finding]) -> str:
    """How many items are shown, and the numbers of those that are not."""
    open_ = [one.item.number for one in found if not one.holds]
    people = [one.item.number for one in found if one.state == DUTY]
    said = f"{len(found)} 项中 {len(found) - len(open_)} 项有证据"
    if people:
        said += f"（其中第 {'、'.join(map(str, people))} 项由人履职）"
    return said + (f"；第 {'、'.join(map(str, open_))} 项待补。" if open_ else "。")


def _rows(found: Sequence[Finding], blank: bool) -> list[tuple[Box, ...]]:
    """Head and rows of a part; a group of the guide takes one cell over its rows."""
    heads = (*inspection().columns, *FILLED)
    rows = [tuple(Box(one, head=True) for one in heads)]
    for group, some in groupby(found, key=lambda one: one.item.group):
        mine = list(some)
        for at, one in enumerate(mine):
            item = one.item
            first = (Box(group, down=len(mine), head=True),) if at == 0 else ()
            filled = ("", "") if blank else (STATES[one.state], told(one))
            cells = (
                Box(str(item.number), center=True),
                Box(item.text),
                Box(item.basis),
                Box(filled[0], gap=not blank and not one.holds, center=True),
                Box(filled[1]),
            )
            rows.append((*first, *cells))
    return rows


def told(one: Finding) -> str:
    """What was found for an item, a line a kind; what is missing comes first."""
    lines = [f"缺：{KINDS[p.kind]} {p.words}：{p.said}" for p in one.pieces if p.state == MISSING]
    for kind, words in KINDS.items():
        seen = [p for p in one.pieces if p.kind == kind and p.state == FOUND]
        unseen = sum(p.kind == kind and p.state == UNSEEN for p in one.pieces)
        if seen:
            lines.append(f"{words}：{_said(kind, seen)}")
        if unseen:
            lines.append(f"{words}：{unseen} 项未核对")
    if one.item.duty:
        lines.append(f"职责：{one.item.duty}")
    return "\n".join(lines)


def _said(kind: str, seen: Sequence[Piece]) -> str:
    if kind == "screens":
        return "、".join(f"“{p.words}”页" for p in seen)
    if kind == "tests":
        return f"{len(seen)} 项（名称见索引）"
    if kind in _NAMED or len(seen) > _MANY:
        return "、".join(p.words for p in seen)
    return "；".join(f"{p.words}（{p.said}）" if p.said else p.words for p in seen)


def _ending(place: Place, found: Sequence[Finding]) -> list[Block]:
    note = "证据文件及其 SHA-256 见同一文件夹的 index.html、index.xlsx 与 index.json。"
    if any(p.state == UNSEEN for one in found for p in one.pieces):
        note += "标“未核对”者因本机没有源代码，未予查看。"
    return [
        Words(note, note=True),
        Words("检查人：＿＿＿＿＿＿　　复核人：＿＿＿＿＿＿　　日期：＿＿＿＿＿＿", right=True),
    ]
