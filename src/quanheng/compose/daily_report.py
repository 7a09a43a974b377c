"""The desk's daily report to the company's risk department, 做市业务日报 (R-07)."""

from collections import defaultdict
from pathlib import Path

from quanheng.compose import report_register as register
from quanheng.compose import risk_record as record
from quanheng.compose.alert_words import NAMES
from quanheng.compose.archive_receipt import RECEIPT, RECEIPT_COLUMNS
from quanheng.compose.report_tables import Row, Section, facts, markdown, read_table
from quanheng.compose.run_folder import RunError, read_info, write_whole
from quanheng.maker import ledger_state
from quanheng.terms.codes import Alert
from quanheng.terms.days import iso

DUTIES = {
    "underlying": "标的",
    "contracts": "合约数",
    "spread_ratio": "价差率",
    "participation": "参与率",
    "coverage": "覆盖率",
    "opening_effective": "开盘集合竞价",
    "closing_effective": "收盘集合竞价",
    "volatility_joined": "熔断参与",
    "volatility_auctions": "熔断次数",
    "answered": "回应询价",
    "inquiries": "询价",
    "weighted_participation": "加权参与率",
    "volume": "成交量（张）",
    "volume_ratio": "量比",
    "grade": "单日试算",
    "reasons": "调整",
}
BUSINESS = dict(
    zip(
        record.BUSINESS,
        ("做市商", "标的", "合约数", "报单消息", "成交笔数", "买入（张）", "卖出（张）",
         "成交额（元）", "市场成交（张）", "份额（%）"),
        strict=True,
    )
)  # fmt: skip
INDICATORS = dict(
    zip(
        record.INDICATORS,
        (
            "范围",
            "指标",
            "名称",
            "单位",
            "末值",
            "最坏值",
            "时间",
            "限额",
            "占用（%）",
            "依据与批准",
        ),
        strict=True,
    )
)
FUNDS = {"item": "项目", "words_zh": "名称", "unit": "单位", "value": "数额"}
ORDERS = {"item": "编号", "count": "次数", "words_zh": "内容"}
EXPIRING = dict(
    zip(
        record.EXPIRING,
        ("标的", "合约", "到期日", "剩余交易日", "权利仓", "义务仓", "备兑", "被指派需资金（元）",
         "被指派需标的（份）"),
        strict=True,
    )
)  # fmt: skip
GAPS = dict(
    zip(
        record.GAPS,
        ("范围", "标的跳空（%）", "波动率变动（%）", "期权（元）", "对冲（元）", "盈亏（元）",
         "次日保证金（元）", "权益（元）", "可用资金（元）", "占用（%）"),
        strict=True,
    )
)  # fmt: skip
FINDINGS = dict(
    zip(
        record.FINDINGS,
        ("范围", "指标", "跳空（%）", "波动率（%）", "最坏值", "限额", "超限", "依据", "批准",
         "复核"),
        strict=True,
    )
)  # fmt: skip
PROPOSALS = dict(
    zip(record.PROPOSALS, ("范围", "指标", "合约", "净持仓", "建议平仓", "减少（元）"), strict=True)
)
ARCHIVED = dict(
    zip(
        RECEIPT_COLUMNS,
        ("编号", "交易日", "名称", "记录数", "当日根", "档案项数", "档案根", "公钥"),
        strict=True,
    )
)
ALERTS = {"code": "种类", "words": "名称", "count": "次数", "first": "首次", "last": "末次"}
TRIPS = {"number": "编号", "at": "时间", "words_zh": "内容", "on_duty": "在岗"}
SIGNED = {
    "number": "编号",
    "kind": "类型",
    "at": "时间",
    "by": "经办",
    "seconded_by": "复核",
    "subject": "事项",
    "reason": "理由",
}


def write_daily(run: Path, out: Path) -> register.Entry:
    """Write the report and, beside it, its single facts as CSV; enters it into the register.

    RunError names what a run lacks; RunError too for a run that has not ended.
    """
    info = read_info(run)
    if info.status != "ended":
        raise RunError(f"{run}: the day has not ended (status {info.status})")
    parts = sections(run)
    head = (
        "# 做市业务日报 Daily report of the market-making desk\n\n"
        "报告编号 {number}  交易日 {day}  场景 {scenario}  种子 {seed}\n\n"
        "报送：公司风险管理部门。合约 {contracts} 个，规则 `{rulebook}`，配置 `{config}`，"
        "机器摘要 `{digest}`（来源 `run.json`）。\n\n"
    )

    def text(number: str) -> str:
        named = {
            "number": number,
            "day": iso(info.day),
            "scenario": info.scenario,
            "seed": info.seed,
            "contracts": info.contracts,
            "rulebook": info.rulebook[:16],
            "config": info.config[:16],
            "digest": info.digest[:16],
        }
        return head.format_map(named) + "".join(map(markdown, parts))

    entry = register.issue(run, out, register.DAILY, iso(info.day), text)
    write_whole(out.with_suffix(".csv"), facts(parts))
    return entry


def sections(run: Path) -> list[Section]:
    """Every part of the report. RunError names what a run lacks."""
    business = read_table(run, "business", record.BUSINESS)
    alerts = read_table(run, "alerts", record.ALERTS)
    terms = {"underlying": "标的", **{name: name for name in ledger_state.NAMES}, "total": "合计"}
    profit = read_table(run, "profit", terms)

    def plain(title: str, english: str, name: str, columns: dict[str, str]) -> Section:
        rows = read_table(run, name, columns)
        return Section(title, english, f"reports/{name}.csv", columns, rows)

    return [
        Section("一、业务规模", "Size of the business", "reports/business.csv", BUSINESS, business),
        _duties(run, business),
        plain("三、风险指标与限额", "Risk indicators and limits", "indicators", INDICATORS),
        Section("四、盈亏与归因（元）", "Profit by cause", "reports/profit.csv", terms, profit),
        plain("五、保证金与资金", "Margin and funds", "funds", FUNDS),
        plain("六、委托、拒绝与异常回报", "Orders, denials, odd reports", "orders", ORDERS),
        _by_kind(alerts),
        _trips(alerts),
        plain("九、临近到期", "Near expiry", "expiring", EXPIRING),
        *_night(run),
        _signed(run),
        _archived(run),
    ]


def _duties(run: Path, business: list[dict[str, str]]) -> Section:
    days = read_table(run, "class_day", ("maker", "underlying"))
    periods = read_table(run, "period", ("maker", "underlying"))
    rows = []
    for ours in business:
        merged: dict[str, str] = {}
        for table in (periods, days):
            for row in table:
                if (row["maker"], row["underlying"]) == (ours["maker"], ours["underlying"]):
                    merged |= row
        if merged:
            rows.append(merged)
    source = "reports/class_day.csv, reports/period.csv"
    note = "单日试算以一个交易日代替整月，仅供参考。"
    return Section("二、做市义务与评价", "Duties and grade", source, DUTIES, rows, note)


def _by_kind(alerts: list[dict[str, str]]) -> Section:
    kinds: dict[str, list[Row]] = defaultdict(list)
    for row in alerts:
        kinds[row["code"]].append(row)
    rows = [
        {
            "code": code,
            "words": NAMES[Alert(code)][0] if code in set(Alert) else code,
            "count": str(len(some)),
            "first": some[0]["at"],
            "last": some[-1]["at"],
        }
        for code, some in sorted(kinds.items())
    ]
    note = "同一告警在静默期内只记一次；事前检查拒绝的总次数见第六节。"
    return Section("七、告警汇总", "Alerts by kind", "reports/alerts.csv", ALERTS, rows, note)


def _trips(alerts: list[dict[str, str]]) -> Section:
    codes = (Alert.TRIPPED, Alert.REARMED, Alert.LOSS_STOP, Alert.STATE_CHANGED)
    rows = [row for row in alerts if row["code"] in codes]
    return Section(
        "八、触发与状态变化", "Trips and changes of state", "reports/alerts.csv", TRIPS, rows
    )


def _night(run: Path) -> list[Section]:
    gaps = read_table(run, "overnight", record.GAPS)
    findings = read_table(run, "overnight_limits", record.FINDINGS)
    worst = [(row["scope"], row["spot_percent"], row["vol_percent"]) for row in findings]
    shown = [
        row
        for row in gaps
        if (row["scope"] == "*" and row["vol_percent"] == "0")
        or (row["scope"], row["spot_percent"], row["vol_percent"]) in worst
    ]
    proposals = read_table(run, "overnight_proposals", record.PROPOSALS)
    over = register.over_limits(run)
    note = "未超限。"
    if over:
        signed = [one for one in register.entries(run) if one.kind == register.APPROVED]
        state = (
            f"例外已签批：{signed[-1].number}。" if signed else "须减仓，或经签批例外后方可持有。"
        )
        note = f"超限：{'；'.join(over)}。{state}"
    folder = "reports"
    return [
        Section("十、隔夜重估", "Overnight gaps", f"{folder}/overnight.csv", GAPS, shown),
        Section("十一、隔夜限额", "Overnight limits", f"{folder}/overnight_limits.csv", FINDINGS,
                findings, note),
        Section("十二、减仓建议", "What to reduce", f"{folder}/overnight_proposals.csv", PROPOSALS,
                proposals),
    ]  # fmt: skip


def _signed(run: Path) -> Section:
    rows = [
        {name: getattr(one, name) for name in SIGNED}
        for one in register.entries(run)
        if one.number.startswith((register.EXCEPTION, register.EVENT))
    ]
    source = register.REGISTER
    return Section("十三、例外与事件报告", "Exceptions and event reports", source, SIGNED, rows)


def _archived(run: Path) -> Section:
    """The roots on paper: who holds a report can prove a later archive wrong (S-01)."""
    there = (run / "reports" / f"{RECEIPT}.csv").exists()
    rows = read_table(run, RECEIPT, ARCHIVED) if there else []
    note = "" if there else "本日尚未存档（quanheng archive add）。"
    source = f"reports/{RECEIPT}.csv"
    return Section("十四、存档", "Archive of records", source, ARCHIVED, rows, note)
