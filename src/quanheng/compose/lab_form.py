"""The filled form of a laboratory run: lab-form.md, lab-form.csv and every frame of each scene."""

import csv
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quanheng.compose.lab import FAILED, NOT_RUN, PASSED, LabPlan, SceneResult, contracts_of
from quanheng.compose.run_folder import source_hash
from quanheng.compose.text import table
from quanheng.config import config_hash
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

VERDICTS = {PASSED: "通过", FAILED: "不通过", NOT_RUN: "未执行"}
VERDICTS_EN = {PASSED: "passed", FAILED: "failed", NOT_RUN: "not run"}
COLUMNS = ("序号", "编号", "场景", "要求", "步骤", "预期", "实际", "结论", "时间", "耗时（秒）")
SIGNATURES = ("测试人 tested by", "复核人 checked by", "部门负责人 head of department", "日期 date")
SYSTEMS = {"new": "新一代交易系统 new", "old": "原交易系统 old"}


def _when(at: Nanos) -> str:
    return f"{iso(day_of(at))} {clock_text(at)[:8]}"


def _seconds(took: Nanos) -> str:
    return f"{took // SECOND}.{took % SECOND // MILLISECOND:03d}"


def counts(results: list[SceneResult]) -> dict[str, int]:
    """How many scenes passed, failed and were not run."""
    return {
        verdict: sum(one.verdict == verdict for one in results)
        for verdict in (PASSED, FAILED, NOT_RUN)
    }


def environment(plan: LabPlan, scenes: str) -> list[tuple[str, str]]:
    """What was tested with what: rows of the form's head. `scenes` is the hash of the set."""
    member = plan.config.member
    target = (
        "本方模拟交易所（本机回环端口） our own simulated exchange"
        if plan.address is None
        else f"{plan.address[0]}:{plan.address[1]}（阶段 {plan.phase}）"
    )
    standby = f"{plan.standby[0]}:{plan.standby[1]}" if plan.standby else "—"
    if plan.address is None:
        standby = "本方模拟交易所的第二个端口 a second port of it"
    picked = sorted(contracts_of(plan.chain).items())
    codes = "、".join(f"{letter} {row.code}" for letter, row in picked)
    return [
        ("被测网关 gateway", target),
        ("备用线路 standby line", standby),
        ("交易日 trading day", iso(plan.chain.day)),
        ("交易系统 trading system", SYSTEMS[plan.system]),
        ("会话标识 SenderCompID", plan.sender),
        ("交易单元 trading unit", member.pbu),
        ("合约账户 account", member.account),
        ("测试合约 contracts", codes),
        ("软件版本 software", f"quanheng {version('quanheng')}"),
        ("源码摘要 source hash", source_hash()),
        ("规则摘要 rulebook hash", plan.book.hash),
        ("配置摘要 configuration hash", config_hash(plan.config)),
        ("场景集摘要 hash of the scene set", scenes),
        ("运行环境 environment", f"Python {platform.python_version()}，{platform.platform()}"),
    ]


def _rows(results: list[SceneResult]) -> list[tuple[str, ...]]:
    return [
        (
            str(number),
            one.name.partition("_")[0],
            one.zh,
            one.item,
            "\n".join(f"{place}. {step}" for place, step in enumerate(one.steps, 1)),
            one.expected,
            one.actual,
            VERDICTS[one.verdict],
            _when(one.at),
            _seconds(one.took),
        )
        for number, one in enumerate(results, 1)
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _conclusion(results: list[SceneResult]) -> str:
    many = counts(results)
    told = (f"{VERDICTS[verdict]} {number}" for verdict, number in many.items())
    head = f"共 {len(results)} 项：{'，'.join(told)}。"
    if many[FAILED]:
        return f"{head}结论：不通过。 Failed."
    if many[NOT_RUN]:
        return f"{head}结论：已执行的场景全部通过；未执行的场景须另行安排。 Not complete."
    return f"{head}结论：通过。 Passed."


def form(plan: LabPlan, results: list[SceneResult], scenes: str) -> str:
    """The form as Markdown; signature lines stay blank."""
    lines = [
        "# 做市商系统实验室测试记录表 / Laboratory test form",
        "",
        _conclusion(results),
        "",
        "## 测试环境 / Environment",
        "",
        "| 项目 item | 内容 value |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in environment(plan, scenes)),
        "",
        "## 测试结果 / Results",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|" + "---|" * len(COLUMNS),
        *(f"| {' | '.join(map(_cell, row))} |" for row in _rows(results)),
        "",
        "每个场景收发的全部报文见 `frames/`（> 发出，< 收到，@ 操作）。 Every frame is there.",
        "",
        "## 签字 / Signatures",
        "",
        "| " + " | ".join(SIGNATURES) + " |",
        "|" + "---|" * len(SIGNATURES),
        "|" + "   |" * len(SIGNATURES),
        "",
    ]
    return "\n".join(lines)


def write(plan: LabPlan, results: list[SceneResult], scenes: str, out: Path) -> list[Path]:
    """Form, table and frames into a folder; the files written."""
    frames = out / "frames"
    frames.mkdir(parents=True, exist_ok=True)
    page, sheet = out / "lab-form.md", out / "lab-form.csv"
    page.write_text(form(plan, results, scenes), encoding="utf-8")
    with sheet.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *_rows(results)])
    for one in results:
        text = "".join(f"{clock_text(heard.at)} {heard.way} {heard.text}\n" for heard in one.record)
        (frames / f"{one.name}.txt").write_text(text, encoding="utf-8")
    return [page, sheet]


def summary(plan: LabPlan, results: list[SceneResult], scenes: str, paths: list[Path]) -> Any:
    """What --json prints."""
    many = counts(results)
    return {
        "ok": many[FAILED] == 0,
        "target": "own" if plan.address is None else f"{plan.address[0]}:{plan.address[1]}",
        "day": plan.chain.day,
        "scenes": scenes,
        "counts": many,
        "results": [
            {"scene": one.name, "item": one.item, "verdict": one.verdict, "actual": one.actual}
            for one in results
        ],
        "files": [str(path) for path in paths],
    }


def listing(results: list[SceneResult], paths: list[Path], language: str) -> str:
    """The table for people at a terminal."""
    chinese = language == "zh"
    words = VERDICTS if chinese else VERDICTS_EN
    rows = [
        [one.name, one.zh if chinese else one.en, one.item, words[one.verdict]] for one in results
    ]
    head = ["编号", "场景", "要求", "结论"] if chinese else ["id", "scene", "item", "verdict"]
    bad = [f"{one.name}: {one.actual}" for one in results if one.verdict != PASSED]
    return "\n".join([table(head, rows, left=4), *bad, _conclusion(results), *map(str, paths)])
