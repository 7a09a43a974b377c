"""The settlement of a day for people at a terminal, and for JSON."""

from typing import Any

import msgspec

from quanheng.compose.settle_job import Job
from quanheng.compose.text import table, thousands, yuan
from quanheng.settlement.context import Table
from quanheng.settlement.exercise_plan import EXERCISE, LAPSE, PART, SHORT, Line, Plan
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
FACTS = {
    "files": "文件",
    "previous": "前一日",
    "positions": "持仓（项）",
    "ours": "本方",
    "theirs": "对方",
    "contracts": "张数",
    "held": "持有组合",
    "reports": "组合回报",
    "netted": "冲销（张）",
    "expires": "到期日",
    "exercised": "行权（张）",
    "assigned": "被指派（张）",
    "lapsed": "作废（张）",
    "plan": "计划",
    "deliveries": "交收（项）",
    "handling_fee": "经手费",
    "settlement_fee": "结算费",
    "estimate": "盘中估计",
    "estimate_off": "估计偏差",
    "margin": "维持保证金",
    "combined": "其中组合",
    "short_contracts": "义务仓合约",
    "closing": "余额",
    "free": "可用",
    "profit": "当日盈亏",
    "equity": "权益",
    "notices": "通知",
    "forced": "强平（张）",
    "deficit": "缺口",
    "next_day": "次日",
    "free_now": "当日可用",
    "delivery": "交收收支",
    "free_next": "次日可用",
    "short_of_units": "证券缺口（份）",
    "final": "定稿",
}
"""Chinese words of the steps' facts; amounts are yuan."""
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
         str(row["open_cases"] or ""), row["signed_by"],
         facts_text(job, row["step"], zh) or row["note"]]
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


def facts_text(job: Job, step: str, zh: bool) -> str:
    """What a step found, in a line."""
    outcome = job.outcomes.get(step)
    found = outcome.facts.items() if outcome else ()
    parts = [(name, value) for name, value in found if name != "opening"]
    if zh:
        return "，".join(
            f"{FACTS.get(name, name)} {str(value).partition(' ')[0]}" for name, value in parts
        )
    return ", ".join(f"{name} {value}" for name, value in parts)


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


def decision_text(one: Line, zh: bool) -> str:
    """What is to be done with a line, and of nothing at all why not."""
    if one.decision == PART and not one.qty:
        return ("资金不足" if one.kind == "C" else "证券不足") if zh else "no means"
    return DECISIONS[one.decision][not zh]


def plan_text(plan: Plan, language: str) -> str:
    """The exercise plan with its pins."""
    zh = language == "zh"
    rows = [
        [one.code, one.kind, f"{one.strike / 10_000:.3f}", one.side, thousands(one.held),
         yuan(one.gain), ("钉住" if zh else "pinned") if one.pinned else "",
         decision_text(one, zh), thousands(one.qty), thousands(one.units), yuan(one.cash),
         thousands(one.short_of) if one.short_of else ""]
        for one in plan.lines
    ]  # fmt: skip
    head = ["合约", "类型", "行权价", "方向", "持仓", "每张收益(元)", "钉住", "决定", "行权(张)",
            "所需证券", "所需资金(元)", "不足(张)"]  # fmt: skip
    if not zh:
        head = ["contract", "kind", "strike", "side", "held", "gain", "pin", "decision", "exercise",
                "units", "cash", "short of"]  # fmt: skip
    closes = "，".join(f"{name} {close / 10_000:.3f}" for name, close in plan.closes.items())
    parts = [closes, table(head, rows, left=4)]
    if plan.merges:
        title = "可合并行权（须人工选择）" if zh else "combined exercises that people may choose"
        told = (f"{one.call} + {one.put}  {one.qty} 张  {yuan(one.gain)}" for one in plan.merges)
        parts.append("\n".join([title, *told]))
    if plan.rows:
        title = "申报" if zh else "orders"
        orders = (f"quanheng propose RUN exercise {code} {qty} --by …" for code, qty in plan.rows)
        parts.append("\n".join([title, *orders]))
    return "\n\n".join(parts)
