"""The page 日程: check-lists before, during and after the day, ticked by the machine where it can
tell, signed by trader, risk and operations (I-07); what firm risk asked the desk in writing.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from quanheng.compose.console_facts import CHECKS, facts
from quanheng.compose.console_firm import desk_cases
from quanheng.compose.console_house import House, done, text, when
from quanheng.compose.console_record import Record
from quanheng.compose.run_folder import RunError
from quanheng.desk.access import Session
from quanheng.desk.office import GROW, STATE, Act, Column, Field, Page, Sheet
from quanheng.desk.ports import Reply, SourceError

FILE = "daily.jsonl"
SHIPPED = "data/daily.toml"
PARTS = ("before", "during", "after")
COLUMNS = (
    Column("words", GROW, 300), Column("post", STATE, 80), Column("machine", STATE, 90),
    Column("figure", GROW, 300), Column("standing", STATE, 80), Column("by", width=70),
    Column("at", width=150), Column("remark", width=220),
)  # fmt: skip


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a check-list; see the data file."""

    item: str
    part: str
    post: str
    words: tuple[str, str]
    check: str = ""


class _Items(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: tuple[Item, ...]


@cache
def items() -> tuple[Item, ...]:
    """The shipped check-lists in their order."""
    source = (files("quanheng") / SHIPPED).read_text(encoding="utf-8")
    return msgspec.toml.decode(source, type=_Items).items


def signatures(house: House) -> list[dict[str, Any]]:
    """Every signature of a run in order; the last one of an item counts."""
    try:
        return Record(house.run / FILE).lines()
    except RunError as error:
        raise SourceError(str(error)) from error


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """A sheet for each part of the day."""
    found = facts(house)
    signed = {row["item"]: row for row in signatures(house)}
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for one in items():
        fact = found.get(one.check)
        state = _state(fact.ok if fact else None, bool(one.check))
        last = signed.get(one.item, {})
        rows[one.part].append({
            "key": one.item, "words_zh": one.words[0], "words_en": one.words[1],
            "post": f"post_{one.post}", "machine": state,
            "figure_zh": fact.zh if fact else "", "figure_en": fact.en if fact else "",
            "standing": "signed" if last else "open", "by": last.get("by", ""),
            "at": when(last.get("at", 0)), "remark": last.get("remark", ""),
            "acts": ["daily.sign"] if one.post in who.roles else [],
            "fields": {"item": one.item}, "tone": "amber" if state == "failed" else "",
        })  # fmt: skip
    able = who.permits("daily.sign")
    acts = (Act("daily.sign", (Field("remark", "long", optional=True),)),) if able else ()
    left = sum(one.item not in signed for one in items())
    said = [("signed", f"{len(items()) - left}/{len(items())}", "warn" if left else "good")]
    none = ("没有检查项", "no items")
    parts = [Sheet(part, COLUMNS, rows[part], none, acts) for part in PARTS]
    return Page([*parts, *desk_cases(house, who)], facts=said)


def _state(ok: bool | None, known: bool) -> str:
    if not known:
        return "human"
    return "undecided" if ok is None else "passed" if ok else "failed"


def sign(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Sign an item of one's own post, with what the machine says of it now."""
    name, remark = text(fields, "item"), text(fields, "remark", "")
    one = next((row for row in items() if row.item == name), None)
    if one is None:
        raise SourceError(f"there is no item {name!r}")
    if one.post not in who.roles:
        raise SourceError(f"{name}: 由 {one.post} 岗签署 (it is signed by {one.post})")
    fact = facts(house)[one.check] if one.check in CHECKS else None
    state = _state(fact.ok if fact else None, bool(one.check))
    if state == "failed" and not remark:
        raise SourceError(f"{name}: 机器核对未通过，须写备注 (not in order: a remark is needed)")
    try:
        made = Record(house.run / FILE).add(
            item=name, post=one.post, by=who.user, machine=state, remark=remark,
            figure=fact.zh if fact else "",
        )  # fmt: skip
    except (RunError, OSError) as error:
        raise SourceError(str(error)) from error
    return done("已签署", "signed", number=made)


ACTS = {"daily.sign": sign}
