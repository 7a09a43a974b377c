"""The settlement of a day for people at a terminal, and for JSON."""

from typing import Any

import msgspec

from quanheng.compose.settle_job import Job
from quanheng.compose.text import table, thousands, yuan
from quanheng.settlement.context import Table
from quanheng.settlement.exercise_plan import EXERCISE, LAPSE, PART, SHORT, Plan
from quanheng.settlement.record import OPEN

STATUS = {
    "todo": ("待办", "to do"),
    "ran": ("已核对", "ran"),
    "differences": ("有差异", "differences"),
    "signed": ("已签署", "signed"),
}
CASES = {
    OPEN: ("待处理", "open"),
    "explained": ("已说明", "explained"),
    "cleared": ("已消除", "cleared"),
}
DECISIONS = {
    EXERCISE: ("行权", "exercise"),
    PART: ("部分行权", "in part"),
    LAPSE: ("放弃", "lapse"),
    SHORT: ("义务方", "short"),
}


def _dicts(found: Table) -> list[dict[str, Any]]:
    return [dict(zip(found.heads, row, strict=True)) for row in found.rows]


def result(job: Job, done: str) -> dict[str, Any]:
    """What --json prints."""
    return {
        "ok": job.clean,
        "final": job.final,
        "day": job.day,
        "done": done,
        "steps": _dicts(job.checklist()),
        "cases": _dicts(job.cases()),
        "entries": _dicts(job.entries()),
        "facts": {name: one.facts for name, one in job.outcomes.items() if name != "statement"},
        "opening": msgspec.to_builtins(job.closing),
        "record": job.ledger.head,
    }


def shown(job: Job, done: str, language: str) -> str:
    """Checklist, open cases and entries."""
    zh = language == "zh"
    place = 0 if zh else 1
    rows = [
        [row["words_zh"] if zh else row["words_en"], STATUS[row["status"]][place],
         str(row["open_cases"] or ""), row["signed_by"], _facts(job, row["step"]) or row["note"]]
        for row in _dicts(job.checklist())
    ]  # fmt: skip
    head = ["步骤", "状态", "差异", "签署", "要点"] if zh else ["step", "status", "open", "by", ""]
    parts = [table(head, rows, left=5)]
    cases = [row for row in _dicts(job.cases()) if row["status"] != "cleared"]
    if cases:
        titles = (
            ["案号", "状态", "内容", "本方", "对方", "文件", "行"]
            if zh
            else ["case", "status", "what", "ours", "theirs", "file", "row"]
        )
        body = [
            [row["number"], CASES[row["status"]][place], row["what"], row["ours"], row["theirs"],
             row["file"], str(row["row"] or "")]
            for row in cases
        ]  # fmt: skip
        parts.append(table(titles, body, left=7))
    entries = _dicts(job.entries())
    if entries:
        titles = ["分录", "状态", "科目", "合约", "数额", "经办", "复核", "理由"]
        if not zh:
            titles = ["entry", "status", "item", "contract", "amount", "by", "second", "reason"]
        body = [
            [row["number"], row["status"], row["item"], row["code"], amount_text(row), row["by"],
             row["seconded_by"], row["reason"]]
            for row in entries
        ]  # fmt: skip
        parts.append(table(titles, body, left=8))
    parts.append(_conclusion(job, zh))
    return "\n\n".join([*([done] if done else []), *parts])


def amount_text(row: dict[str, Any]) -> str:
    """The amount of an entry with its unit."""
    return f"{row['amount']:+,} 张" if row["code"] else f"{yuan(row['amount'])} 元"


def _facts(job: Job, step: str) -> str:
    outcome = job.outcomes.get(step)
    if outcome is None:
        return ""
    return "，".join(
        f"{name} {value}" for name, value in outcome.facts.items() if name != "opening"
    )


def _conclusion(job: Job, zh: bool) -> str:
    opened = len(job.ledger.record.open_cases())
    if job.final:
        return "结算完成，次日期初已定。" if zh else "Settled; the next day's opening is final."
    if opened:
        text = f"{opened} 个差异待处理，次日期初为暂定。"
        return text if zh else f"{opened} open cases; the next day's opening is provisional."
    if job.clean:
        return "核对一致，待签署。" if zh else "Everything agrees; to be signed."
    return "有步骤待文件。" if zh else "Some steps wait for files."


def plan_text(plan: Plan, language: str) -> str:
    """The exercise plan with its pins."""
    zh = language == "zh"
    rows = [
        [one.code, one.kind, f"{one.strike / 10_000:.3f}", one.side, thousands(one.held),
         yuan(one.gain), ("钉住" if zh else "pinned") if one.pinned else "",
         DECISIONS[one.decision][not zh], thousands(one.qty), thousands(one.units), yuan(one.cash),
         thousands(one.short_of) if one.short_of else ""]
        for one in plan.lines
    ]  # fmt: skip
    head = ["合约", "类型", "行权价", "方向", "持仓", "每张收益(元)", "钉住", "决定", "行权(张)",
            "所需证券", "所需资金(元)", "不足(张)"]  # fmt: skip
    if not zh:
        head = ["contract", "kind", "strike", "side", "held", "gain", "pin", "decision", "exercise",
                "units", "cash", "short of"]  # fmt: skip
    closes = "，".join(f"{name} {close / 10_000:.3f}" for name, close in plan.closes.items())
    return f"{closes}\n\n{table(head, rows, left=4)}"
