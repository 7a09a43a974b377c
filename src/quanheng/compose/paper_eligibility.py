"""Conditions of an application with evidence and the earliest day (chapter 2, 1; L-01)."""

from pathlib import Path

import msgspec

from quanheng.compose.paper_facts import Facts
from quanheng.compose.paper_forms import vacant
from quanheng.compose.paper_plans import plans
from quanheng.compose.papers import KINDS
from quanheng.compose.report_tables import read_table
from quanheng.compose.run_folder import RunError
from quanheng.compose.season import SeasonDay
from quanheng.compose.season_months import rehearsal, three_months_on
from quanheng.compose.text import yuan
from quanheng.desk.people import papers, registers
from quanheng.desk.people.register_types import Evidence
from quanheng.terms.days import iso
from quanheng.terms.units import Day

EVIDENCE = ("metrics", "laboratory", "inspection", "funds", "systems", "other")
"""Conditions that only a record of evidence can show (`register add evidence condition=…`)."""


class Condition(msgspec.Struct, frozen=True):
    """A condition. `earliest`: the day from which it can hold, 0 while nothing says when."""

    number: str
    words: str
    holds: bool
    evidence: str
    earliest: Day


def conditions(facts: Facts, season: Path | None) -> list[Condition]:
    """Every condition of chapter 2, 1 as of the day. RunError for a season that cannot be read."""
    shown = {name: _evidence(facts, name) for name in EVIDENCE}
    days = _days(season) if season else []
    found = [_rehearsal(season, days)]
    for number, name, words in (
        ("一-2", "laboratory", "通过本所实验室环境的各项做市业务测试"),
        ("二", "metrics", "模拟交易期间做市表现符合相关指标要求"),
        ("三", "inspection", "通过本所组织的专项检查"),
        ("四", "funds", "以自有资金参与期权做市业务"),
    ):
        evidence = shown[name]
        if name == "metrics" and season:
            evidence = _graded(facts, season, days, evidence)
        found.append(Condition(number, words, *evidence))
    found += [_plans(facts), _staff(facts, shown["systems"]), _sanctions(facts)]
    found.append(Condition("八", "中国证监会或本所规定的其他条件", *shown["other"]))
    return found


def earliest(found: list[Condition]) -> Day:
    """The earliest day on which all can hold, 0 while one has no day."""
    days = [one.earliest for one in found]
    return max(days) if all(days) else 0


def _records(facts: Facts, condition: str) -> list[Evidence]:
    found = [one.body for one in registers.in_force(facts.store, "evidence")]
    return [one for one in found if one.condition == condition]


def _evidence(facts: Facts, condition: str) -> tuple[bool, str, Day]:
    rows = _records(facts, condition)
    if not rows:
        return False, f"缺证据（register add evidence condition={condition}）", 0
    last = rows[-1]
    text = f"{iso(last.day)} {last.text} {last.file} {last.sha256[:12]}".strip()
    return last.holds, text, last.day if last.holds else 0


def _rehearsal(season: Path | None, days: list[SeasonDay]) -> Condition:
    """The unbroken run, with what the exchange weighs besides: faults and profit (chapter 2, 1)."""
    words = "期权模拟交易做市连续交易时间达到3个月"
    if season is None:
        return Condition("一-1", words, False, "缺模拟做市记录（--season）", 0)
    run = rehearsal(days)
    if not run.days:
        return Condition("一-1", words, False, "最后一日有品种未报价，重新起算", 0)
    inside = [one for one in days if one.day >= run.first]
    faults = sum(1 for one in inside if any(one.invariants.values()))
    profit = sum(line.get("pnl", 0) for one in inside for line in one.classes)
    text = f"{iso(run.first)} 至 {iso(run.last)}，连续 {run.days} 个交易日（{season.name}）；"
    text += f"核对不符 {faults} 日，累计盈亏 {yuan(profit)} 元"
    return Condition("一-1", words, run.three_months, text, three_months_on(run.first))


_UNQUALIFIED = "D"
_GRADES = ("from", "to", "maker", "underlying", "grade")


def _graded(
    facts: Facts, season: Path, days: list[SeasonDay], evidence: tuple[bool, str, Day]
) -> tuple[bool, str, Day]:  # fmt: skip
    """The months' grades of the season (`season --dataset`): none may be D (chapter 5, 1; E-05).

    A person's record of evidence decides where there is one; the grades stand beside it.
    """
    tables = sorted((season / "reports").glob("*/period.csv"))
    ours = facts.config.member.maker if facts.config else ""
    rows = [
        (path.parent.name, row)
        for path in tables
        for row in read_table(season, f"{path.parent.name}/period", _GRADES)
        if row["maker"] == ours
    ]
    recorded = bool(_records(facts, "metrics"))
    if not rows or not ours:
        lacks = "模拟月评级缺（season --dataset，--config）"
        return evidence if recorded else (False, f"{evidence[1]}；{lacks}", 0)
    told = "、".join(f"{month} {row['underlying']} {row['grade']}" for month, row in rows)
    if recorded:
        return evidence[0], f"{evidence[1]}；月评级 {told}", evidence[2]
    last = days[-1].day
    if max(row["to"] for _, row in rows) != iso(last):
        return False, f"月评级未含至 {iso(last)} 的各日，须重新评级：{told}", 0
    holds = all(row["grade"] != _UNQUALIFIED for _, row in rows)
    return holds, f"模拟月评级 {told}", last if holds else 0


def _days(season: Path) -> list[SeasonDay]:
    paths = sorted((season / "days").glob("*.json"))
    if not paths:
        raise RunError(f"{season}: no season, it has no days")
    found = []
    for path in paths:
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=SeasonDay))
        except (OSError, msgspec.DecodeError) as error:
            raise RunError(f"{path}: {error}") from error
    return found


def _plans(facts: Facts) -> Condition:
    standing = papers.standing(facts.store)
    names = [KINDS[one.paper].file for one in plans().papers]
    late = [
        name for name in names
        if name not in standing or standing[name].stage not in (papers.SIGNED, papers.FILED)
    ]  # fmt: skip
    text = f"未签署：{'、'.join(late)}" if late else "四项制度均已签署，文件校验值在案"
    return Condition(
        "五", "制定完备的实施方案、风险控制制度及有关内部管理制度", not late, text,
        0 if late else facts.day,
    )  # fmt: skip


def _staff(facts: Facts, systems: tuple[bool, str, Day]) -> Condition:
    lacks = vacant(facts)
    text = f"缺岗：{'、'.join(lacks)}；" if lacks else "各岗位主备齐备；"
    holds = not lacks and systems[0]
    return Condition(
        "六", "具备开展做市所需的专业人员、技术系统", holds, f"{text}系统：{systems[1]}",
        systems[2] if holds else 0,
    )  # fmt: skip


def _sanctions(facts: Facts) -> Condition:
    """One year without a measure, a discipline or a penalty; a letter alone is named too."""
    rows = [one.body for one in registers.in_force(facts.store, "letter")]
    held = [one for one in rows if one.measure != "other"]
    free = max((one.day + 10_000 for one in held), default=facts.day)
    late = [one for one in held if one.day + 10_000 > facts.day]
    text = "、".join(f"{iso(one.day)} {one.reference}" for one in late) or "登记簿中过去1年内无"
    return Condition(
        "七", "过去1年内未因做市业务违法违规被采取监管措施、纪律处分或行政处罚", not late, text,
        max(free, facts.day),
    )  # fmt: skip
