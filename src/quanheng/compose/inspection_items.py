"""The 52 items of appendix 4 and where the evidence of each is looked for (L-04, I-01 to I-52).

The guide's table and the places stand in data/inspection.toml; nothing in it says that a place is
filled. `inspection_look` goes there and looks.
"""

from functools import cache
from importlib.resources import files

import msgspec

SHIPPED = "data/inspection.toml"
DUTY_ALONE = (1, 2, 51)
"""Items for which a person's duty is accepted without evidence (issue 7, must show)."""


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the working paper. `number` 1 to 52, `part` 1 to 4; `group`, `text` and `basis`
    are the guide's. The rest names evidence by kind, see docs/inspection.md; `duty`: what a person
    has to do.
    """

    number: int
    part: int
    group: str
    text: str
    basis: str
    screens: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    journal: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    settlement: bool = False
    drills: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    posts: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()
    reviews: bool = False
    documents: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    duty: str = ""

    @property
    def id(self) -> str:
        """`I-01` to `I-52`."""
        return f"I-{self.number:02d}"

    def places(self) -> list[tuple[str, str]]:
        """(kind, reference) of every place where evidence is looked for, in the file's order."""
        found: list[tuple[str, str]] = []
        for kind in KINDS:
            given = getattr(self, kind)
            if given is True:
                found.append((kind, ""))
            elif given:
                found += [(kind, one) for one in given]
        return found


KINDS: dict[str, str] = {
    "screens": "界面",
    "rules": "规则",
    "settings": "参数",
    "checks": "事前检查",
    "monitors": "监控项",
    "duties": "义务指标",
    "tables": "运行记录",
    "journal": "日志",
    "reports": "报告",
    "settlement": "日终清算",
    "drills": "演练",
    "papers": "制度与表格",
    "posts": "岗位",
    "registers": "登记",
    "reviews": "权限审核",
    "documents": "系统文档",
    "commands": "命令",
    "tests": "测试",
}
"""Kinds of evidence by the name of their field, with their words."""


class Inspection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `columns`: heads of the guide's table; `parts`: its four headings."""

    columns: tuple[str, ...]
    parts: tuple[str, ...]
    items: tuple[Item, ...]


@cache
def inspection() -> Inspection:
    """The shipped items."""
    return parse((files("quanheng") / SHIPPED).read_text(encoding="utf-8"))


def parse(text: str) -> Inspection:
    """Items of a TOML text. ValueError for a table that is not the guide's: a number that is
    missing, an unknown part, an item without a place, a duty alone where it is not accepted.
    """
    found = msgspec.toml.decode(text, type=Inspection)
    numbers = [one.number for one in found.items]
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"items: numbers {numbers} do not count from 1")
    for one in found.items:
        if not 1 <= one.part <= len(found.parts):
            raise ValueError(f"item {one.number}: part {one.part} is none of {len(found.parts)}")
        if one.number not in DUTY_ALONE and one.duty:
            raise ValueError(f"item {one.number}: a person's duty is no evidence here")
        if not one.places():
            raise ValueError(f"item {one.number}: names no place where evidence is looked for")
    return found
