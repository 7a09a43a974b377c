"""The cockpit as text for people, in Chinese or English, and as plain values for JSON."""

from fractions import Fraction
from typing import Any

import msgspec

from quanheng.compose.cockpit_stand import ClassStand, Stand
from quanheng.compose.duty_words import CAUSES, ITEM_WORDS, PHASES
from quanheng.compose.report import share
from quanheng.compose.text import table, thousands
from quanheng.duties.cockpit import ContractView
from quanheng.duties.exact import ratio_text
from quanheng.duties.forecast import Outcome
from quanheng.duties.foresight import DutyAlert
from quanheng.duties.intervals import LOST, Cause
from quanheng.terms.codes import Phase
from quanheng.terms.days import iso
from quanheng.terms.units import MINUTE, SECOND, DayNanos, Nanos

SHOWN = 15
"""Contracts and alerts that the text lists; JSON has all."""
NEAR = 30 * MINUTE

WORDS = {
    "zh": {
        "title": "做市义务实时看板  {maker}  {day} {at}",
        "classes": ["品种", "合约", "覆盖/须覆盖", "可达", "覆盖余量", "价差率", "参与率", "最好",
                    "最差", "成交(张)", "市场份额", "量比", "询价"],
        "month": ["品种", "已过/剩余(日)", "加权参与率", "最好", "最差", "收盘缺席", "尚可缺席",
                  "月评级概率(‰)", "年评级概率(‰)", "第九章"],
        "effects": ["品种", "假设", "当日价差率", "当日参与率", "本月价差率", "本月加权",
                    "月表格评级"],
        "as_now": "照现状到收盘",
        "tighter": "每个报价价差收窄一个价位",
        "hour_more": "不合格合约再合格一小时",
        "hour_less": "全部合约少报一小时",
        "auctions": ["品种", "集合竞价", "判定时刻", "已就绪/须", "未就绪合约"],
        "inquiries": ["合约", "询价时间", "须回应", "状态", "须维持至"],
        "contracts": ["合约", "状态", "参与率", "最好", "最差", "余量", "价差率", "现价差率",
                      "买价×量", "卖价×量"],
        "alerts": ["时间", "项目", "范围", "预计未达时刻", "说明"],
        "lost": "已未达",
        "none": "样本不足",
        "general": "一般做市商",
        "quiet": "无预警。",
        "risk": "余量最少的合约",
        "note": "概率：余下各日从该品种近 60 日成段抽取，另计少量漏收盘；样本少于 5 日不预测。"
        "余量：此后不合格报价的最长时间（覆盖余量：全部合约无报价）；负值表示已未达。",
        "open": "未回应", "holding": "维持中", "held": "已维持",
        "green": "正常", "amber": "黄", "red": "红",
        "failed": "D 级月", "without": "连续无 A 月",
    },
    "en": {
        "title": "Duty cockpit  {maker}  {day} {at}",
        "classes": ["class", "contracts", "covered/needed", "reachable", "slack", "spread", "part.",
                    "best", "worst", "volume", "share", "vol. ratio", "inquiries"],
        "month": ["class", "days/left", "weighted", "best", "worst", "closings missed",
                  "may miss", "month (per mille)", "year (per mille)", "chapter 9"],
        "effects": ["class", "assumption", "day spread", "day part.", "month spread",
                    "month weighted", "table grade"],
        "as_now": "as now to the close",
        "tighter": "every spread one step tighter",
        "hour_more": "an hour more where it lacks",
        "hour_less": "an hour less everywhere",
        "auctions": ["class", "auction", "judged at", "ready/needed", "missing"],
        "inquiries": ["contract", "at", "answer by", "state", "hold until"],
        "contracts": ["contract", "state", "part.", "best", "worst", "slack", "spread",
                      "spread now", "bid x qty", "ask x qty"],
        "alerts": ["time", "item", "scope", "loss at", "details"],
        "lost": "lost",
        "none": "too few days",
        "general": "general maker",
        "quiet": "No alert.",
        "risk": "Contracts with the least slack",
        "note": "Chances: days to come are drawn from the class's last 60 days, some in a row at a "
        "time, with a few more missed closings; none with fewer than 5. Slack: longest time "
        "without a compliant quote from now on (of a class: without any quote); below 0 the duty "
        "is lost.",
        "open": "open", "holding": "holding", "held": "held",
        "green": "green", "amber": "amber", "red": "red",
        "failed": "months of D", "without": "months without A",
    },
}  # fmt: skip


def clock(at: DayNanos) -> str:
    """HH:MM:SS of a time of day."""
    seconds = at // SECOND
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def minutes(span: Nanos | None) -> str:
    """M:SS, with a sign when below 0; a dash for None."""
    if span is None:
        return "—"
    seconds = abs(span) // SECOND
    return f"{'-' if span < 0 else ''}{seconds // 60}:{seconds % 60:02d}"


def chances(found: Outcome, none: str) -> str:
    """ "A 712 B 288" of an outcome."""
    told = " ".join(f"{grade} {chance}" for grade, chance in found.chances if chance)
    return told or none


def _class_row(one: ClassStand) -> list[str]:
    view = one.view
    day = view.day
    return [
        view.underlying,
        str(len(view.contracts)),
        f"{day.covered}/{view.needed}",
        str(view.reachable),
        minutes(view.slack),
        share(day.spread_ratio),
        share(day.participation),
        share(view.best),
        share(view.worst),
        thousands(day.volume),
        share(view.share),
        share(view.volume_ratio, 0),
        f"{day.answered}/{day.inquiries}",
    ]


def _month_row(one: ClassStand, words: dict[str, Any]) -> list[str]:
    left, nine = one.reach, one.chapter9
    told = f"{words[nine.level]} ({words['failed']} {nine.failed}/{nine.failed_limit}, "
    told += f"{words['without']} {nine.without_a}/{nine.without_a_limit})"
    return [
        one.view.underlying,
        f"{left.days}/{left.ahead}",
        share(left.so_far),
        share(left.best),
        share(left.worst),
        str(left.closing_missed),
        str(left.misses_left),
        words["general"] if one.general else chances(one.month, words["none"]),
        words["general"] if one.general else chances(one.year, words["none"]),
        told,
    ]


def _contract_row(row: ContractView, language: str) -> list[str]:
    state = CAUSES[language][row.cause]
    if row.phase != Phase.CONTINUOUS:
        state = PHASES[language][row.phase]
    return [
        row.contract,
        state,
        share(row.participation),
        share(row.best),
        share(row.worst),
        minutes(row.slack),
        share(row.spread_ratio),
        share(row.ratio_now),
        f"{row.bid}×{row.bid_qty}",
        f"{row.ask}×{row.ask_qty}",
    ]


def alert_row(alert: DutyAlert, language: str) -> list[str]:
    """Cells of an alert."""
    words = WORDS[language]
    cause = ""
    if alert.item in ("continuous", "size") and alert.detail:
        cause = CAUSES[language][Cause(alert.detail[0])]
    elif alert.item == "month":
        cause = f"D {alert.detail[0]}‰"
    elif alert.item in ("opening", "breaker", "closing", "coverage", "chapter9"):
        cause = "/".join(map(str, alert.detail))
    elif alert.item == "spread":
        cause = f"{alert.detail[0] / 10:.1f}%"
    when = words["lost"] if alert.lost else clock(alert.loss_at)
    scope = f"{alert.underlying} {alert.contract}".strip()
    return [clock(alert.at), str(ITEM_WORDS[language][alert.item]), scope, str(when), cause]


def text(found: Stand, language: str) -> str:
    """Everything on one page."""
    words = WORDS[language]
    title = str(words["title"])
    parts = [title.format(maker=found.maker, day=iso(found.day), at=clock(found.at)), ""]
    parts += [table(list(words["classes"]), [_class_row(one) for one in found.classes]), ""]
    parts += [table(list(words["month"]), [_month_row(one, words) for one in found.classes]), ""]
    parts += [table(list(words["effects"]), _effect_rows(found, words), left=2), ""]
    auctions = [
        [
            one.view.underlying,
            PHASES[language][row.kind],
            clock(row.judged_at),
            f"{row.ready}/{row.needed}",
            _some(row.missing),
        ]
        for one in found.classes
        for row in one.view.auctions
    ]
    if auctions:
        parts += [table(list(words["auctions"]), auctions, left=5), ""]
    pending = [
        [row.contract, clock(row.at), clock(row.answer_by), str(words[row.state]),
         clock(row.hold_until) if row.hold_until else "—"]
        for one in found.classes
        for row in one.view.inquiries
    ]  # fmt: skip
    if pending:
        parts += [table(list(words["inquiries"]), pending, left=5), ""]
    risky = sorted(
        (
            row
            for one in found.classes
            for row in one.view.contracts
            if row.obliged and (row.slack <= NEAR or row.cause in LOST)
        ),
        key=lambda row: row.slack,
    )
    if risky:
        rows = [_contract_row(row, language) for row in risky[:SHOWN]]
        parts += [f"{words['risk']} ({len(risky)})", ""]
        parts += [table(list(words["contracts"]), rows, left=2), ""]
    alerts = [alert_row(alert, language) for alert in found.alerts[-SHOWN:]]
    parts += [table(list(words["alerts"]), alerts, left=5) if alerts else str(words["quiet"]), ""]
    return "\n".join([*parts, str(words["note"])])


def _effect_rows(found: Stand, words: dict[str, Any]) -> list[list[str]]:
    return [
        [
            one.view.underlying,
            words[case.name],
            share(case.day_spread),
            share(case.day_participation),
            share(case.spread_ratio),
            share(case.weighted),
            case.table_grade,
        ]
        for one in found.classes
        for case in one.effects
    ]


def _some(names: tuple[str, ...], most: int = 5) -> str:
    more = f" … +{len(names) - most}" if len(names) > most else ""
    return " ".join(names[:most]) + more if names else "—"


def plain(value: Any) -> Any:
    """Any view as JSON values: ratios as decimal text, enumerations as numbers."""
    if isinstance(value, Fraction):
        return ratio_text(value)
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, Phase | Cause) else value
