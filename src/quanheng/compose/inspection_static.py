"""Evidence that stands in the program itself: pages, rules, settings, checks, monitors, documents,
commands, tests (L-04).
"""

import ast
import re
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import click
import msgspec

from quanheng.compose.check_words import check_words
from quanheng.compose.inspection_items import Item
from quanheng.compose.inspection_place import FOUND, MISSING, UNSEEN, Look, Piece, Place
from quanheng.desk.access import VIEWS
from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.monitor_table import MONITORS, Measure
from quanheng.maker.parameters import INDEX, TABLE
from quanheng.terms.units import TICKS_PER_YUAN

UNITS = {
    "%": "%", "1e-4": "‱", "contracts": "张或个", "rung": "级", "trading days": "个交易日",
    "yuan": "元", "yuan per 1 %": "元/1%", "yuan per 1 % per 1 %": "元/1%/1%",
    "yuan per day": "元/日", "yuan per vol point": "元/波动率点",
}  # fmt: skip
"""Units of the monitors in Chinese."""
_PROGRAM = "quanheng.cli"
_LEAST = 200
"""Bytes of a document below which nobody has written it."""


@cache
def console_pages() -> dict[str, str]:
    """Pages of the console: id -> Chinese words. A page is one when the door can open it, the list
    of words names it, and the program that was built has it.
    """
    desk = files("quanheng") / "desk"
    words = msgspec.toml.decode((desk / "words.toml").read_text(encoding="utf-8"))["page"]
    program = (desk / "static" / "app.js").read_text(encoding="utf-8")
    built = [name for name in VIEWS if re.search(rf"\b{name}\b", program)]
    return {name: words[name][0] for name in built if name in words}


def _screen(place: Place, item: Item, ref: str) -> Piece:
    words = console_pages().get(ref)
    if words is None:
        return Piece("screens", ref, MISSING, ref, "控制台没有此页面")
    return Piece("screens", ref, FOUND, words, f"控制台页面 #{ref}")


def _rule(place: Place, item: Item, ref: str) -> Piece:
    duty = place.rulebook().duty
    if ref == "spread":
        bands = "；".join(
            f"买价×{100 * num / den:g}% 与 {floor / TICKS_PER_YUAN:g} 元取大"
            for num, den, floor in dict.fromkeys(duty.bands)
        )
        return Piece("rules", ref, FOUND, "最大买卖价差", bands)
    if ref == "size":
        said = f"连续竞价 {duty.size_continuous} 张，集合竞价 {duty.size_auction} 张"
        return Piece("rules", ref, FOUND, "最小报价数量", said)
    return Piece("rules", ref, MISSING, ref, "规则簿没有此项")


def _setting(place: Place, item: Item, ref: str) -> Piece:
    if ref not in INDEX:
        return Piece("settings", ref, MISSING, ref, "没有此报价参数")
    one = TABLE[INDEX[ref]]
    said = f"默认 {one.default}，限 {one.low} 至 {one.high}（{one.unit}），按层级逐品种或逐合约设置"
    return Piece("settings", ref, FOUND, ref, said)


def _check(place: Place, item: Item, ref: str) -> Piece:
    number = int(ref[1:]) if ref[1:].isdigit() else 0
    if number not in BY_CHECK:
        return Piece("checks", ref, MISSING, ref, "没有此事前检查")
    return Piece("checks", ref, FOUND, ref, check_words(number, "zh"))


def _monitor(place: Place, item: Item, ref: str) -> Piece:
    """Monitors of an item number, or `prompts`: those that prepare a measure (I-42)."""
    if ref == "prompts":
        rows = [one for one in MONITORS if one.measure != Measure.NOTHING]
    else:
        rows = [one for one in MONITORS if one.item == ref]
    if not rows:
        return Piece("monitors", ref, MISSING, ref, "监控表没有此项")
    shown = "；".join(
        f"{one.chinese} {'/'.join(map(str, one.levels))} {UNITS[one.unit]}" for one in rows[:4]
    )
    more = f" 等 {len(rows)} 项" if len(rows) > 4 else ""
    return Piece(
        "monitors", ref, FOUND, f"{len(rows)} 个监控项", f"{shown}{more}（提示/预警/严重）"
    )


def _document(place: Place, item: Item, ref: str) -> Piece:
    path = document_path(place.source, ref)
    if path is None:
        return Piece("documents", ref, MISSING, ref, "没有此文档（docs/zh）")
    text = path.read_text(encoding="utf-8")
    title = next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "")
    if len(text.encode()) < _LEAST or not title:
        return Piece("documents", ref, MISSING, title or ref, "文档为空或没有标题")
    heads = sum(line.startswith("## ") for line in text.splitlines())
    return Piece("documents", ref, FOUND, title, f"{heads} 章，{len(text)} 字", (str(path),))


def document_path(source: Path | None, name: str) -> Path | None:
    """A page of docs/zh: of the source tree, else the copy in the wheel."""
    packaged = Path(str(files("quanheng") / "data" / "zh" / name))
    tried = [source / "docs" / "zh" / name] if source else []
    return next((path for path in (*tried, packaged) if path.is_file()), None)


def _command(place: Place, item: Item, ref: str) -> Piece:
    found = command_of(ref)
    if found is None:
        return Piece("commands", ref, MISSING, ref, "没有此命令")
    return Piece("commands", ref, FOUND, f"quanheng {ref}", found.get_short_help_str(200))


def command_of(words: str) -> click.Command | None:
    """A verb by its words, as `people posts`; None when the command line has none."""
    root: click.Group = import_module(_PROGRAM).cli  # it stands above this room: by name only
    at: click.Command | None = root
    context = click.Context(root)
    for word in words.split():
        if not isinstance(at, click.Group):
            return None
        at = at.get_command(context, word)
    return at


def _test(place: Place, item: Item, ref: str) -> Piece:
    name = ref.partition("::")[2]
    if place.source is None:
        return Piece("tests", ref, UNSEEN, name, "安装包不含测试，未核对（--source）")
    if name not in tests_of(place.source / ref.partition("::")[0]):
        return Piece("tests", ref, MISSING, name, f"没有此测试：{ref}")
    return Piece("tests", ref, FOUND, name, ref)


@cache
def tests_of(path: Path) -> frozenset[str]:
    """Names of the test functions of a file; none for a file that is not there."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        one.name for one in tree.body if isinstance(one, kinds) and one.name.startswith("test_")
    )


LOOKERS: dict[str, Look] = {
    "screens": _screen,
    "rules": _rule,
    "settings": _setting,
    "checks": _check,
    "monitors": _monitor,
    "documents": _document,
    "commands": _command,
    "tests": _test,
}
