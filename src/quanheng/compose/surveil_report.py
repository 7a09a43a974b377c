"""What `quanheng surveil` shows and writes: findings, reviews, thresholds; text, xlsx (S-03)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose import surveil_cases as register
from quanheng.compose.run_folder import write_whole
from quanheng.compose.surveil_cases import Case
from quanheng.compose.surveil_file import RulesFile
from quanheng.compose.surveil_source import named_evidence
from quanheng.compose.text import table
from quanheng.edge.document_xlsx import xlsx
from quanheng.edge.documents import COUNT, Column, Document, Section, Table
from quanheng.oversight.surveillance import Records
from quanheng.oversight.surveillance_patterns import PATTERNS, looked_for
from quanheng.terms.days import clock_text, iso, midnight

VIEW_WORDS = {"exchange": ("交易所（全市场）", "exchange, all members"),
              "compliance": ("合规（本公司账户）", "compliance, own accounts")}  # fmt: skip
SEVERITY = {1: ("低", "low"), 2: ("中", "medium"), 3: ("高", "high")}
STATUS = {
    register.OPEN: ("待复核", "open"),
    register.CONFIRMED: ("已确认", "confirmed"),
    register.DISMISSED: ("已排除（误报）", "dismissed"),
}
KINDS = {
    "self_trade": ("自成交", "self-trade"),
    "wash_trade": ("对敲", "wash trade"),
    "marking": ("价格影响", "marking"),
    "directional": ("方向性交易", "directional"),
    "layering": ("虚假申报", "layering"),
    "collusion": ("串通", "collusion"),
    "restricted": ("限制期与名单", "restricted"),
    "cross_market": ("期现跨市场", "cross-market"),
    "benefit": ("利益输送", "benefit"),
    "persistent_loss": ("持续亏损", "persistent loss"),
    "conduct": ("影响他人做市", "conduct"),
    "coordination": ("与自营合谋", "coordination"),
}

Cases = Mapping[str, Case]


def _clock(at: int, records: Records) -> str:
    return clock_text(midnight(records.day) + at)


def lines(cases: Cases, records: Records, language: str) -> list[list[str]]:
    """One row a case: number, pattern, severity, status, from, to, what, evidence."""
    en = language == "en"
    return [
        [
            case.number,
            KINDS[case.finding.pattern][en],
            SEVERITY[case.finding.severity][en],
            STATUS[case.status][en],
            _clock(case.finding.since, records),
            _clock(case.finding.until, records),
            case.finding.en if en else case.finding.zh,
            str(len(case.finding.evidence)),
        ]
        for case in cases.values()
    ]


def shown(cases: Cases, records: Records, language: str) -> str:
    """The table for a terminal and the sum under it."""
    en = language == "en"
    view = VIEW_WORDS[records.view][en]
    heads = (
        ("case", "pattern", "severity", "status", "from", "to", "what", "records")
        if en
        else ("案号", "行为", "程度", "状态", "自", "至", "内容", "证据")
    )
    waiting = sum(case.status == register.OPEN for case in cases.values())
    looked = len(looked_for(records.view))
    if en:
        total = f"{looked} patterns looked for: {len(cases)} cases, {waiting} open"
    else:
        total = f"查找 {looked} 种行为：{len(cases)} 案，待复核 {waiting} 案"
    title = f"{'Surveillance' if en else '交易监察'} {iso(records.day)} {view}"
    body = table(heads, lines(cases, records, language), left=7) if cases else ""
    return "\n".join(part for part in (title, body, total) if part)


def result(cases: Cases, records: Records) -> dict[str, Any]:
    """For JSON: every case with its finding."""
    return {
        "day": records.day,
        "view": records.view,
        "patterns": [pattern.name for pattern in looked_for(records.view)],
        "cases": [msgspec.to_builtins(case) for case in cases.values()],
        "open": [number for number, case in cases.items() if case.status == register.OPEN],
    }


def markdown(cases: Cases, records: Records, rules: RulesFile, source: Path) -> str:
    """交易监察报告: each case with its evidence and review, then what was looked for, and how."""
    out = [
        "# 交易监察报告 Surveillance report",
        "",
        f"交易日 {iso(records.day)}  视角 {' '.join(VIEW_WORDS[records.view])}  "
        f"来源 `{source.name}`",
        "",
        f"成交 {len(records.trades):,} 笔，报价边 {len(records.orders):,} 个，标的成交 "
        f"{len(records.deals):,} 笔，账户 {len(records.parties)} 个。",
        "",
        "发现只是线索：是否违规由合规人员复核认定。A finding is a lead; people decide.",
        "",
        "## 一、案件 Cases",
        "",
    ]
    if not cases:
        out += ["无。None.", ""]
    for case in cases.values():
        found = case.finding
        out += [
            f"### {case.number} {KINDS[found.pattern][0]}（{SEVERITY[found.severity][0]}）"
            f" {STATUS[case.status][0]}",
            "",
            f"{found.zh}。",
            "",
            f"{found.en}.",
            "",
            f"- 账户 accounts：{', '.join(found.who)}；范围 scope：{found.scope}；时间 time："
            f"{_clock(found.since, records)}–{_clock(found.until, records)}",
            f"- 数值 figure：{found.figure:,}，阈值 threshold：{found.threshold:,}",
            f"- 证据 evidence：{'; '.join(named_evidence(found.evidence, records.day))}",
        ]
        if case.by:
            out.append(f"- 复核 review：{case.by}：{case.reason}")
        out.append("")
    out += ["## 二、查找范围与阈值 What was looked for", "",
            "| 行为 | pattern | 指南第七章三 | 阈值 thresholds |", "|---|---|---|---|"]  # fmt: skip
    for pattern in looked_for(records.view):
        limits = rules.patterns[pattern.name]
        told = ", ".join(f"{key} {value}" for key, value in limits.items())
        out.append(f"| {pattern.zh} | {pattern.en} | {pattern.basis} | {told} |")
    left = [pattern.zh for pattern in PATTERNS if records.view not in pattern.views]
    out += ["", f"本视角不查找 not looked for in this view：{'、'.join(left) or '—'}", ""]
    return "\n".join(out)


def workbook(cases: Cases, all_cases: Cases, records: Records, rules: RulesFile) -> bytes:
    """The same as an xlsx: cases, evidence, thresholds, and how often each pattern cried wolf."""
    rows = [
        (
            case.number, KINDS[case.finding.pattern][0], SEVERITY[case.finding.severity][0],
            STATUS[case.status][0], ", ".join(case.finding.who), case.finding.scope,
            _clock(case.finding.since, records), _clock(case.finding.until, records),
            case.finding.figure, case.finding.threshold, case.finding.zh, case.by, case.reason,
        )
        for case in cases.values()
    ]  # fmt: skip
    heads = (
        Column("案号", "case"), Column("行为", "pattern"), Column("程度", "severity"),
        Column("状态", "status"), Column("账户", "accounts"), Column("范围", "scope"),
        Column("自", "from"), Column("至", "to"), Column("数值", "figure", COUNT),
        Column("阈值", "threshold", COUNT), Column("内容", "what"), Column("复核人", "by"),
        Column("复核理由", "reason"),
    )  # fmt: skip
    proof = tuple(
        (case.number, place, name)
        for case in cases.values()
        for place, name in enumerate(named_evidence(case.finding.evidence, records.day), start=1)
    )
    limits = tuple(
        (pattern.zh, pattern.en, pattern.basis, key, value)
        for pattern in looked_for(records.view)
        for key, value in rules.patterns[pattern.name].items()
    )
    wolf = tuple(
        (KINDS[kind][0], *counts) for kind, counts in register.rates(all_cases.values()).items()
    )
    blocks = (
        ("案件", "Cases", heads, tuple(rows)),
        ("证据", "Evidence", (Column("案号", "case"), Column("序", "number", COUNT),
                            Column("记录", "record")), proof),
        ("阈值", "Thresholds", (Column("行为", "pattern"), Column("英文", "English"),
                              Column("依据", "basis"), Column("阈值", "key"),
                              Column("数值", "value", COUNT)), limits),
        ("误报", "False positives", (Column("行为", "pattern"), Column("发现", "found", COUNT),
                                   Column("已复核", "reviewed", COUNT),
                                   Column("排除", "dismissed", COUNT)), wolf),
    )  # fmt: skip
    sections = tuple(
        Section(
            title=title, english=english, sheet=title,
            blocks=(Table(title=title, english=english, columns=columns, rows=body),),
        )
        for title, english, columns, body in blocks
    )  # fmt: skip
    waiting = sum(case.status == register.OPEN for case in cases.values())
    return xlsx(
        Document(
            title="交易监察报告",
            english="Surveillance report",
            day=records.day,
            facts=(
                ("交易日", iso(records.day)),
                ("视角", VIEW_WORDS[records.view][0]),
                ("案件", f"{len(cases)}"),
                ("待复核", f"{waiting}"),
            ),
            sections=sections,
            notes=("发现只是线索，是否违规由合规人员复核认定。",),
        )
    )


def write(
    out: Path, cases: Cases, all_cases: Cases, records: Records, rules: RulesFile, source: Path
) -> list[Path]:
    """OUT.md and OUT.xlsx; `out` without its suffix."""
    base = out.with_suffix("") if out.suffix in (".md", ".xlsx") else out
    base.parent.mkdir(parents=True, exist_ok=True)
    text, book = base.with_name(base.name + ".md"), base.with_name(base.name + ".xlsx")
    write_whole(text, markdown(cases, records, rules, source).encode())
    write_whole(book, workbook(cases, all_cases, records, rules))
    return [text, book]
