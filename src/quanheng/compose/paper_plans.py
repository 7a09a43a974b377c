"""Appendix 2: the implementation plan, the management rules, the risk rules, the emergency plan.

Every required chapter stands there with the guide's own words, is filled with what the system
knows, and names what a person has to write (L-03).
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from quanheng.compose import plan_facts_desk, plan_facts_firm, plan_facts_risk
from quanheng.compose.paper_facts import Facts, Gaps
from quanheng.compose.plan_blocks import Asked, Provider
from quanheng.edge.document_docx import Block, Head, Paper, Words

PROVIDERS: dict[str, Provider] = {
    **plan_facts_desk.PROVIDERS,
    **plan_facts_risk.PROVIDERS,
    **plan_facts_firm.PROVIDERS,
}


class PlanPaper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the four papers; `item` of the inspection it answers."""

    paper: str
    title: str
    english: str
    item: str


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chapter; see data/plans.toml."""

    paper: str
    title: str
    asks: str
    facts: tuple[str, ...]
    write: tuple[str, ...]
    extra: bool = False


class Plans(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    papers: tuple[PlanPaper, ...]
    chapters: tuple[Chapter, ...]


@cache
def plans() -> Plans:
    """The four papers and their chapters."""
    text = (files("quanheng") / "data/plans.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=Plans)


def plan(name: str, facts: Facts, gaps: Gaps, runs: tuple[Path, ...]) -> Paper:
    """One of the four papers."""
    paper = next(one for one in plans().papers if one.paper == name)
    blocks: list[Block] = []
    name_of = facts.firm.name or gaps.mark("公司名称（firm.name）")
    chapters = [one for one in plans().chapters if one.paper == name]
    for number, one in enumerate(chapters, 1):
        extra = "（另须载明）" if one.extra else ""
        blocks += [
            Head(f"第{_NUMBERS[number]}章  {one.title}{extra}"),
            Words(f"必备内容参考：{one.asks}", note=True),
        ]
        asked = Asked(facts, gaps, runs, one.title)
        for fact in one.facts:
            blocks += PROVIDERS[fact](asked)
        blocks += [gaps.words("", f"{one.title}：{what}（由人撰写）") for what in one.write]
    return Paper(
        title=paper.title, subtitle=f"{name_of}　附件2", day=facts.day, blocks=tuple(blocks)
    )


_NUMBERS = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三")
