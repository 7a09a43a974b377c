"""The monthly risk summary (月度风险汇总) over the ended runs of a month (R-02, R-04, R-07)."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from quanheng.compose import oversight_words as words
from quanheng.compose import risk_parts as parts
from quanheng.compose.risk_parts import Day, text
from quanheng.compose.run_folder import RunError
from quanheng.compose.settle_job import FOLDER, Job
from quanheng.edge import documents as doc
from quanheng.edge.documents import Cell, Chart, Document, Section, Series, Table
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.calendar import is_trading
from quanheng.terms.days import add_days, iso


def days_of(runs: Sequence[Path]) -> list[Day]:
    """The days of some runs, of one month, each once. RunError names what does not belong."""
    found: dict[int, Day] = {}
    for run in runs:
        day = Day(run)
        if day.day in found:
            raise RunError(f"{run}: {iso(day.day)} is there already, from {found[day.day].run}")
        found[day.day] = day
    months = {day // 100 for day in found}
    if len(months) > 1:
        raise RunError(f"runs of {len(months)} months: a summary is of one")
    return [found[day] for day in sorted(found)]


def monthly(runs: Sequence[Path], number: str) -> Document:
    """The summary; trading days without a run are named, never filled in."""
    days = days_of(runs)
    last = days[-1]
    month = last.day // 100
    missing = _missing(days)
    told = "、".join(iso(day)[5:] for day in missing)
    return Document(
        title="月度风险汇总",
        english="Monthly risk summary",
        day=last.day,
        facts=(
            ("编号", number),
            ("月份", f"{month // 100} 年 {month % 100} 月"),
            ("有数据的交易日", f"{len(days)} 个：{iso(days[0].day)} 至 {iso(last.day)}"),
            ("无数据的交易日", f"{len(missing)} 个" + (f"：{told}" if missing else "")),
        ),
        sections=(
            _summary(days),
            _table(days),
            _charts(days),
            _limits(days),
            _cases(days),
            _levels(days),
            _settlement(days),
        ),
        notes=("每日数据取自公司层面独立系统的日终表，资金取自结算公司口径的结单。",),
        signatures=("编制（公司风险管理部门）", "复核"),
    )


def _missing(days: list[Day]) -> list[int]:
    """Trading days of the month, up to the last run, that have no run."""
    calendar = read_rulebook(days[-1].day).calendar
    have = {day.day for day in days}
    found, day = [], days[-1].day // 100 * 100 + 1
    while day < days[-1].day:
        if day not in have and is_trading(calendar, day):
            found.append(day)
        day = add_days(day, 1)
    return found


def _profit(day: Day) -> int:
    """Fen, after fees: as settled, or by the firm's own model on a day that is not settled."""
    settled = parts.settled_profit(day.run)
    if settled is not None:
        return settled
    fees = ("settlement_fee", "handling_fee")
    return parts.fen(day.figure("profit")) - sum(parts.fen(day.funds[f]["value"]) for f in fees)


def _summary(days: list[Day]) -> Section:
    profits = [_profit(day) for day in days]
    worst = max(days, key=lambda day: parts.loss_of(parts.worst_first(day.found)[0]))
    row = parts.worst_first(worst.found)[0]
    steps = {case["case"] for day in days for case in day.found["cases"]}
    used = max(
        ((Fraction(one["percent"] or "0"), one["words_zh"], day.day)
         for day in days for one in day.found["limits"]),
        default=(Fraction(0), "", 0),
    )  # fmt: skip
    told = [
        f"净盈亏合计 {doc.shown(sum(profits), doc.FEN)} 元，盈利 {sum(p > 0 for p in profits)} 日，"
        f"亏损 {sum(p < 0 for p in profits)} 日。",
        f"限额最高占用率 {float(used[0]):.2f}%（{used[1]}，{iso(used[2])}）。",
        f"超限案件 {len(steps)} 件。",
        f"压力情景最大损失 {doc.shown(max(0, parts.loss_of(row)), doc.FEN)} 元（{iso(worst.day)}，"
        f"{parts.scenario_words(row['scenario'])}）。",
    ]
    return Section(title="一、概要", english="Summary", sheet="概要", blocks=(),
                   text="\n".join(told))  # fmt: skip


def _table(days: list[Day]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for day in days:
        worst = max(0, parts.loss_of(parts.worst_first(day.found)[0]))
        rows.append(
            (iso(day.day), parts.fen(day.funds["equity"]["value"]), _profit(day),
             parts.fen(day.funds["margin"]["value"]), parts.share(day.funds["usage"]["value"]),
             parts.fen(day.figure("var", "worst")), worst,
             len({row["case"] for row in day.found["cases"]}),
             "模型估值" if parts.settled_profit(day.run) is None else "结算价")
        )  # fmt: skip
    columns = (text("交易日", "day"), text("权益", "equity", doc.FEN),
               text("净盈亏", "profit", doc.FEN), text("维持保证金", "margin", doc.FEN),
               text("占用率", "usage", doc.SHARE), text("盘中最高 VaR", "VaR", doc.FEN),
               text("压力最大损失", "stress", doc.FEN),
               text("案件", "cases", doc.COUNT), text("盈亏口径", "by"))  # fmt: skip
    note = "净盈亏已扣费；已结算日按结算价，未结算日按公司模型估值。行权交收损益不在其内。"
    table = Table(title="逐日指标（元）", english="Day by day", columns=columns, rows=tuple(rows),
                  note=note)  # fmt: skip
    return Section(title="二、逐日指标", english="Days", sheet="逐日", blocks=(table,))


def _charts(days: list[Day]) -> Section:
    labels = tuple(iso(day.day)[5:] for day in days)
    profits = [_profit(day) / parts.WAN for day in days]
    running = [sum(profits[: place + 1]) for place in range(len(profits))]
    used = [float(parts.share(day.funds["usage"]["value"])) for day in days]
    blocks = (
        Chart(title="净盈亏", english="Profit", labels=labels, bars=True, unit="万元",
              series=(Series("当日", tuple(profits)), Series("累计", tuple(running)))),
        Chart(title="VaR 与压力损失", english="VaR and stress", labels=labels, unit="万元",
              series=(
                  Series("盘中最高 VaR",
                         tuple(parts.fen(d.figure("var", "worst")) / parts.WAN for d in days)),
                  Series("压力最大损失",
                         tuple(max(0, parts.loss_of(parts.worst_first(d.found)[0])) / parts.WAN
                               for d in days)),
              )),
        Chart(title="保证金占用率", english="Margin usage", labels=labels,
              series=(Series("占用率", tuple(used)),)),
    )  # fmt: skip
    return Section(title="三、走势", english="Charts", sheet="走势", blocks=blocks)


def _limits(days: list[Day]) -> Section:
    """The highest usage of each limit in the month, and when."""
    best: dict[tuple[str, str], tuple[Fraction, int, dict[str, str]]] = {}
    for day in days:
        for row in day.found["limits"]:
            key, used = (row["scope"], row["limit"]), Fraction(row["percent"] or "0")
            if key not in best or used > best[key][0]:
                best[key] = used, day.day, row
    rows = tuple(
        (parts.scope_words(scope), row["words_zh"], parts.fen(row["value"]), used / 100, iso(day))
        for (scope, _), (used, day, row) in sorted(best.items(), key=lambda one: -one[1][0])
    )
    columns = (text("范围", "scope"), text("限额", "limit"), text("限额值", "value", doc.FEN),
               text("最高占用率", "used", doc.SHARE), text("日期", "day"))  # fmt: skip
    table = Table(title="日终最高占用", english="Highest usage", columns=columns, rows=rows)
    return Section(title="四、限额使用", english="Limits", sheet="限额", blocks=(table,))


def _cases(days: list[Day]) -> Section:
    """Every case with its last step."""
    last: dict[str, dict[str, str]] = {}
    for day in days:
        for row in day.found["cases"]:
            last[row["case"]] = row
    rows = tuple(
        (row["case"], row["words_zh"], parts.trimmed(row["value"]), parts.trimmed(row["most"]),
         words.STATUS[row["status"]], row["at"])
        for row in last.values()
    )  # fmt: skip
    columns = (text("案号", "case"), text("限额", "limit"), text("数值", "value"),
               text("限额值", "most"), text("状态", "status"), text("时间", "at"))  # fmt: skip
    table = Table(title="案件", english="Cases", columns=columns, rows=rows)
    return Section(title="五、超限与整改", english="Breaches", sheet="超限", blocks=(table,))


def _levels(days: list[Day]) -> Section:
    rows = tuple(
        (iso(day.day), len(day.found["levels"]),
         sum(row["status"] == "open" for row in day.found["levels"]))
        for day in days
    )  # fmt: skip
    columns = (text("交易日", "day"), text("超出容差", "beyond", doc.COUNT),
               text("未解释", "open", doc.COUNT))  # fmt: skip
    table = Table(title="两级核对", english="Both levels", columns=columns, rows=rows)
    return Section(title="六、两级风控核对", english="Both levels compared", sheet="两级核对",
                   blocks=(table,))  # fmt: skip


def _settlement(days: list[Day]) -> Section:
    """Which days are settled, with their cases and every entry (O-04)."""
    rows: list[tuple[Cell, ...]] = []
    entries: dict[str, tuple[Cell, ...]] = {}
    for day in days:
        if not (day.run / FOLDER / "record.jsonl").exists():
            rows.append((iso(day.day), "未结算", None, None))
            continue
        job = Job(day.run)
        record = job.ledger.record
        state = "已定稿" if job.final else "未签署完"
        rows.append((iso(day.day), state, len(record.cases), len(record.open_cases())))
        for one in record.entries.values():
            entries[one.number] = (
                one.number, iso(one.day), f"{one.item} {one.code}".strip(), one.reason,
                f"{one.by} / {one.seconded_by}", one.status,
            )  # fmt: skip
    tables = (
        Table(title="结算", english="Settlement", rows=tuple(rows),
              columns=(text("交易日", "day"), text("状态", "status"),
                       text("差异", "cases", doc.COUNT), text("未处理", "open", doc.COUNT))),
        Table(title="调整分录", english="Entries", rows=tuple(entries.values()),
              columns=(text("分录", "entry"), text("日期", "day"), text("科目", "item"),
                       text("理由", "reason"), text("经办/复核", "by"), text("状态", "status"))),
    )  # fmt: skip
    return Section(title="七、结算与调整", english="Settlement", sheet="结算", blocks=tables)
