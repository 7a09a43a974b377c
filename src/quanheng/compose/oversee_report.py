"""What `quanheng oversee` shows and writes: figures, cases, differences, the risk notice
(风险提示书) and the firm's daily monitoring report (风险监控日报) (chapter 6 二 三, R-02, R-07).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quanheng.compose import oversight_end as end
from quanheng.compose import oversight_words as words
from quanheng.compose import report_register as register
from quanheng.compose.report_tables import Section, markdown, read_table
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.text import table
from quanheng.oversight.incidents import CALLS, INCIDENTS
from quanheng.terms.days import iso

NOTICE, MONITORING = "TS", "JK"
"""Beginnings of numbers: 风险提示书, 风险监控日报."""
WORST = 5
"""Scenarios shown, the largest losses first."""

Rows = list[dict[str, str]]


def read_all(run: Path) -> dict[str, Rows]:
    """Every table of a run's oversight. RunError names what is missing."""
    heads = {
        "figures": end.FIGURES,
        "limits": end.LIMITS,
        "cases": end.CASES,
        "levels": end.LEVELS,
        "stress": end.STRESS,
        "reverse": end.REVERSE,
    }
    return {name: read_table(run, f"oversight_{name}", some) for name, some in heads.items()}


def shown(found: dict[str, Rows], language: str) -> str:
    """All of it for people."""
    zh = language == "zh"
    parts = [
        (
            "公司层面风险指标（元）" if zh else "The firm's figures (yuan)",
            _figures(found, language),
        ),
        ("限额" if zh else "Limits", _limits(found, language)),
        ("超限与风险提示" if zh else "Breaches and notices", _cases(found, language)),
        ("两级风控核对" if zh else "The two levels compared", _levels(found, language)),
        ("压力测试（元）" if zh else "Stress (yuan)", _stress(found, language)),
        ("反向压力测试" if zh else "Reverse stress", _reverse(found, language)),
    ]
    return "\n\n".join(f"{head}\n{body}" for head, body in parts)


def _figures(found: dict[str, Rows], language: str) -> str:
    by_scope: dict[str, dict[str, str]] = {}
    for row in found["figures"]:
        by_scope.setdefault(row["scope"], {})[row["figure"]] = row["last"]
    heads = [pair[language == "en"] for pair in words.COLUMNS.values()]
    cells = [
        [scope, *(_whole(row[name]) for name in words.COLUMNS)] for scope, row in by_scope.items()
    ]
    return table(["范围" if language == "zh" else "scope", *heads], cells)


def _whole(text: str) -> str:
    """An amount without its decimals, with separators."""
    head = text.partition(".")[0]
    return "0" if head in ("", "-", "-0") else f"{int(head):,}"


def _limits(found: dict[str, Rows], language: str) -> str:
    rows = sorted(found["limits"], key=lambda row: -float(row["percent"] or 0))
    heads = ("范围", "限额", "单位", "限额值", "使用", "占用(%)", "版本", "批准/复核")
    english = ("scope", "limit", "unit", "value", "used", "per cent", "version", "approved")
    cells = [
        [
            row["scope"], row["words_zh"] if language == "zh" else row["limit"], row["unit"],
            _whole(row["value"]), _whole(row["used"]), row["percent"], row["version"],
            f"{row['by']}/{row['seconded_by']}",
        ]
        for row in rows
    ]  # fmt: skip
    return table(heads if language == "zh" else english, cells, left=3)


def _cases(found: dict[str, Rows], language: str) -> str:
    if not found["cases"]:
        return "无。" if language == "zh" else "None."
    zh = language == "zh"
    heads = (
        "案号",
        "时间",
        "步骤",
        "状态",
        "范围",
        "限额",
        "数值",
        "限额值",
        "期限",
        "经办",
        "内容",
    )
    cells = [
        [
            row["case"], row["at"], words.EVENTS[row["event"]] if zh else row["event"],
            words.STATUS[row["status"]] if zh else row["status"], row["scope"],
            row["words_zh"] if zh else row["limit"], _whole(row["value"]), _whole(row["most"]),
            row["due"], row["by"], row["text"],
        ]
        for row in found["cases"]
    ]  # fmt: skip
    english = ("case", "at", "event", "status", "scope", "limit", "value", "most", "due", "by", "")
    return table(heads if zh else english, cells, left=11)


def _levels(found: dict[str, Rows], language: str) -> str:
    """What is open or explained, and how many of the others there were."""
    zh = language == "zh"
    shown = [row for row in found["levels"] if row["status"] != "over"]
    counts = {
        name: sum(r["status"] == name for r in found["levels"]) for name in words.LEVEL_STATUS
    }
    total = "，".join(f"{words.LEVEL_STATUS[n][0]} {c}" for n, c in counts.items())
    text = total if zh else ", ".join(f"{name} {count}" for name, count in counts.items())
    if not shown:
        return text
    cells = [
        [
            words.KINDS[row["kind"]] if zh else row["kind"], row["key"], row["desk"], row["own"],
            row["tolerance"], row["minutes"], row["first"],
            words.LEVEL_STATUS[row["status"]][not zh], words.cause(row["cause"], language),
        ]
        for row in shown
    ]  # fmt: skip
    heads = ("项目", "对象", "部门", "公司", "容差", "持续(次)", "首次", "状态", "原因")
    english = ("kind", "of", "desk", "firm", "tolerance", "in a row", "first", "status", "cause")
    return table(heads if zh else english, cells, left=2) + "\n" + text


def worst(found: dict[str, Rows]) -> Rows:
    """The scenarios with the largest losses of options and hedge; of nodes that a price limit makes
    alike the first.
    """

    def gain(row: dict[str, str]) -> float:
        return float(row["options"]) + float(row["hedge"])

    apart: dict[tuple[str, ...], dict[str, str]] = {}
    for row in found["stress"]:
        apart.setdefault(
            tuple(row[name] for name in ("options", "hedge", "margin", "exit_cost")), row
        )
    return sorted(apart.values(), key=gain)[:WORST]


def _stress(found: dict[str, Rows], language: str) -> str:
    zh = language == "zh"
    heads = ("最大损失情景", "期权", "对冲", "退出成本", "保证金", "可用资金", "报价能力(倍)")
    english = ("worst scenarios", "options", "hedge", "exit cost", "margin", "free", "quotes")
    cells = [
        [
            words.story(row["scenario"], language),
            *(_whole(row[name]) for name in ("options", "hedge", "exit_cost", "margin", "free")),
            row["quotes_ppm"],
        ]
        for row in worst(found)
    ]
    return table(heads if zh else english, cells)


def _reverse(found: dict[str, Rows], language: str) -> str:
    zh = language == "zh"
    cells = [
        [
            words.axis(row["axis"], language), words.BREAKS[row["breaks"]][not zh],
            row["percent"] or ("未突破" if zh else "none"), row["looked_percent"],
        ]
        for row in found["reverse"]
    ]  # fmt: skip
    heads = ("方向", "突破", "最小变动(%)", "搜索至(%)")
    return table(heads if zh else ("axis", "breaks", "smallest, %", "up to, %"), cells, left=2)


def result(found: dict[str, Rows]) -> dict[str, Any]:
    """The tables for JSON, with the cases that are not closed and the open differences."""
    last = {row["case"]: row["status"] for row in found["cases"]}
    return {
        **found,
        "open_cases": [case for case, status in last.items() if status != "closed"],
        "open_differences": [
            f"{row['kind']} {row['key']}" for row in found["levels"] if row["status"] == "open"
        ],
    }


def write_notice(run: Path, case: str, out: Path) -> register.Entry:
    """The risk notice of a case, numbered and hashed. RunError when the run issued none."""
    steps = [row for row in read_all(run)["cases"] if row["case"] == case]
    notices = [row for row in steps if row["event"] == "notice"]
    if not notices:
        raise RunError(f"{run}: no notice was issued in case {case!r}")
    told = notices[-1]

    def text(number: str) -> str:
        lines = [
            "# 风险提示书 Risk notice",
            "",
            f"编号 {number}  案号 {case}  签发 {told['at']}  签发人 {told['by']}",
            "",
            "致：做市业务部门。发：公司风险管理部门。",
            "",
            *_found(told, steps[0]["text"]),
            "",
        ]
        section = Section(
            "经过",
            "Course of the case",
            "reports/oversight_cases.csv",
            words.CASES,
            words.course(steps),
        )
        tail = "部门回复：____________  回复人：________  日期：________\n\n"
        return "\n".join(lines) + "\n" + markdown(section) + tail

    return register.issue(run, out, NOTICE, case, text)


def _found(told: dict[str, str], text: str) -> list[str]:
    """What a notice says was found and asks for: a limit, an extreme case (I-46), a call (I-45)."""
    if told["limit"] in CALLS.values():
        return [
            f"收到中国结算通知信息（`op_tzxx`）：{text}。按公司独立账目，范围 `{told['scope']}` "
            f"现缺口 **{told['value']}**（{told['unit']}），通知数额 {told['most']}。",
            "",
            f"请于 **{told['due']}** 前补足资金（证券）或自行平仓，并书面回复。"
            "逾期未补足的，公司即限制为只减仓；13:00 起由交易所强行平仓。",
            "",
            "The clearing house calls for the amount above. Make it good or close positions by the "
            "time stated; what is missing then is closed by the exchange from 13:00.",
        ]
    ask = f"请于 **{told['due']}** 前书面回复原因与整改措施。逾期未回复的，按授权依次限制交易。"
    if told["limit"] in INCIDENTS:
        return [
            f"公司层面独立监控发现极端情况：范围 `{told['scope']}`，**{told['words_zh']}**"
            f"（{told['unit']}）{told['value']}，界限 {told['most']}。证据：{text}。",
            "",
            ask,
            "",
            "The firm's own monitoring found the extreme case above in the exchange's copy of the "
            "account's orders and fills. A written answer is due by the time stated.",
        ]
    return [
        f"公司层面独立监控发现：范围 `{told['scope']}` 的**{told['words_zh']}**"
        f"（{told['unit']}）为 {told['value']}，超过授权限额 {told['most']}。{text}。",
        "",
        ask,
        "",
        "The firm's own monitoring found the figure above beyond its authorised limit. A "
        "written answer with cause and measures is due by the time stated.",
    ]


def write_monitoring(run: Path, out: Path) -> register.Entry:
    """The firm's daily monitoring report, numbered and hashed. RunError for a day without end."""
    info = read_info(run)
    if info.status != "ended":
        raise RunError(f"{run}: the day has not ended (status {info.status})")
    found = read_all(run)
    folder = "reports/oversight"
    named = [{**row, "figure": words.FIGURE_NAMES[row["figure"]]} for row in found["figures"]]
    told = [{**row, "scenario": words.story(row["scenario"], "zh")} for row in found["stress"]]
    parts: Sequence[Section] = (
        Section("一、风险指标", "Figures", f"{folder}_figures.csv", words.FIGURES, named),
        Section("二、限额与授权", "Limits", f"{folder}_limits.csv", words.LIMITS, found["limits"]),
        Section("三、超限与跟踪", "Cases", f"{folder}_cases.csv", words.CASES, found["cases"]),
        Section("四、两级风控核对", "Both levels compared", f"{folder}_levels.csv", words.LEVELS,
                found["levels"]),
        Section("五、压力测试", "Stress", f"{folder}_stress.csv", words.STRESS, told),
        Section("六、反向压力测试", "Reverse stress", f"{folder}_reverse.csv", words.REVERSE,
                found["reverse"]),
    )  # fmt: skip

    def text(number: str) -> str:
        head = (
            "# 风险监控日报 Daily monitoring report of the firm's risk department\n\n"
            f"编号 {number}  交易日 {iso(info.day)}  场景 {info.scenario}  种子 {info.seed}\n\n"
            "由公司层面独立系统编制：自有账目、自有模型、自有限额（来源 `run.json`，"
            f"机器摘要 `{info.digest[:16]}`）。\n\n"
        )
        return head + "".join(map(markdown, parts))

    return register.issue(run, out, MONITORING, iso(info.day), text)
