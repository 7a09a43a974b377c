"""What the desk knows for the chapters of appendix 2: strategies, checks, alerts, results."""

from collections.abc import Iterable

from quanheng.compose.alert_words import NAMES
from quanheng.compose.model_registry import Model, read_register
from quanheng.compose.paper_facts import percent
from quanheng.compose.paper_forms import standards
from quanheng.compose.paper_usage import rows_of, share_of
from quanheng.compose.plan_blocks import Asked, Provider, grid, lines, missing, unit
from quanheng.compose.report_tables import read_table
from quanheng.compose.risk_record import BUSINESS
from quanheng.compose.run_folder import read_info
from quanheng.edge.document_docx import Block
from quanheng.maker import parameters
from quanheng.maker.ladder import LADDER
from quanheng.terms.codes import Action, Alert
from quanheng.terms.days import iso
from quanheng.terms.units import SECOND, TICKS_PER_YUAN

ACTIONS = {Action.DENY: "拒绝", Action.TRIP: "触发并降级", Action.WARN: "预警"}


def _entries(rows: Iterable[Model]) -> list[tuple[str, ...]]:
    return [
        (
            one.name,
            one.kind,
            str(one.version),
            one.made_by or "—",
            one.checked_by or "—",
            iso(one.released) if one.released else "未发布",
            one.source[:12],
        )
        for one in rows
    ]


_RELEASED = ("名称", "种类", "版本", "经办", "复核", "发布日", "源码校验")


def models(_asked: Asked) -> list[Block]:
    """Released pricing and curve models with maker and checker."""
    rows = _entries(read_register().models)
    return [
        *lines("定价与波动率模型均经测试记录和双人发布后方可使用（附件4 8—10）："),
        grid(_RELEASED, rows, (24, 16, 12, 14, 14, 22, 26)),
    ]


def strategies(_asked: Asked) -> list[Block]:
    """Released quoting strategies."""
    rows = _entries(read_register().strategies)
    return [*lines("报价策略："), grid(_RELEASED, rows, (24, 16, 12, 14, 14, 22, 26))]


def parameter_grid(names: Iterable[str]) -> Block:
    """Parameters by name with default and bands."""
    rows = []
    for name in names:
        item = parameters.TABLE[parameters.INDEX[name]]
        low, high = item.band
        rows.append(
            (
                item.name,
                item.meaning,
                unit(item.unit),
                item.default,
                f"{low}—{high}" if low <= high else "无",
                f"{item.low}—{item.high}",
            )
        )
    heads = ("参数", "含义", "单位", "默认", "交易员区间", "允许区间")
    return grid(heads, rows, (28, 50, 26, 16, 24, 26))


def hedging(_asked: Asked) -> list[Block]:
    """How deltas are hedged and by which parameters."""
    names = [one.name for one in parameters.TABLE if one.name.startswith("hedge")]
    return [
        *lines("对冲：品种 Delta 超出对冲带时，以标的或期权合成对冲至带内；参数："),
        parameter_grid(names),
    ]


def inventory(_asked: Asked) -> list[Block]:
    """How inventory moves the quotes and what ends it."""
    return [
        *lines("存货管理：存货越大报价越偏、越宽；单合约达上限后转由市场减仓；参数："),
        parameter_grid(("width", "width_stress", "max_position", "shed")),
    ]


def parameters_table(_asked: Asked) -> list[Block]:
    """Every quote parameter with its bands."""
    return [
        *lines("报价参数（按总部、品种、到期月、Delta 分组、合约逐层生效，窄者优先）："),
        parameter_grid(one.name for one in parameters.TABLE),
    ]


def functions(_asked: Asked) -> list[Block]:
    """The functions the guide names, and where they are."""
    rows = (
        (
            "做市策略交易",
            "已发布策略自动双边报价，询价自动或人工回应",
            "quanheng inspect strategies",
        ),
        ("合约管理", "按品种、到期月、合约设定可做市清单", "quanheng inspect contracts"),
        ("订单管理", "委托、报价、成交逐笔留痕，状态未知者单列", "quanheng why"),
        (
            "报价参数管理",
            "逐层参数，区间内交易员单人，区间外双人",
            "quanheng propose set-parameter",
        ),
        ("报价模型管理", "模型测试、发布、失效回退", "quanheng inspect models"),
        ("批量撤单与一键撤单", "按合约、品种、全部撤单，网关直连", "quanheng kill"),
        ("前端控制", f"{len(LADDER)} 项事前检查，任一不过即拒绝", "docs/checks.md"),
    )
    return [grid(("功能", "说明", "入口"), rows, (34, 84, 46))]


def checks(_asked: Asked) -> list[Block]:
    """All pre-trade checks with what they do."""
    rows = [
        (
            one.check.name[:3],
            one.chinese or one.meaning,
            ACTIONS[one.action],
            ", ".join(one.limits) or "—",
        )
        for one in LADDER
    ]
    return [
        *lines("事前检查（前端控制）："),
        grid(("编号", "检查", "动作", "限额"), rows, (14, 70, 26, 54)),
    ]


def quoting(asked: Asked) -> list[Block]:
    """Quoting standards in force on the day."""
    rows = [*standards(asked.facts)]
    duty = asked.facts.rules.duty
    rows += [
        ("开盘集合竞价合约覆盖率（%）", f"不低于{percent(duty.opening_coverage)}"),
        ("收盘集合竞价合约覆盖率（%）", f"{percent(duty.closing_coverage)}"),
        ("回应报价最长时限（秒）", f"{duty.inquiry_answer // SECOND}"),
        ("回应报价保留最短时间（秒）", f"{duty.inquiry_hold // SECOND}"),
    ]
    return [
        *lines("下列标准由规则库按日期生效（《指南》第三章及做市协议）："),
        grid(("指标", "标准"), rows, (60, 104)),
    ]


def exemptions(asked: Asked) -> list[Block]:
    """Limit-up, limit-down, low prices, faults (chapter 4, 2)."""
    duty = asked.facts.rules.duty
    stock = duty.low_price_stock / TICKS_PER_YUAN
    fund = duty.low_price_etf / TICKS_PER_YUAN
    return lines(
        "涨跌停：最新成交价达到涨停或跌停时仅提供单边报价，另一边义务继续监控；",
        f"低价：标的为股票的合约低于{stock:g}元、标的为ETF的合约低于{fund:g}元时可撤买入报价；",
        "熔断：盘中集合竞价最后时段按集合竞价标准双边报价；",
        "不可抗力、意外事件、技术故障：双人登记豁免并立即向交易所报告，情形消失后立即恢复。",
    )


def duty_alerts(_asked: Asked) -> list[Block]:
    """Alerts before a duty is lost."""
    names = (Alert.DUTY_AT_RISK, Alert.INQUIRY_MISSED, Alert.INQUIRY_BROKEN, Alert.BREAKER)
    return [
        *lines("义务监控与预警（义务看板 quanheng cockpit，日报月报 quanheng duty-report）："),
        grid(("预警", "代码"), [(NAMES[one][0], str(one)) for one in names], (90, 74)),
    ]


_SHARES = ("coverage", "spread_ratio", "participation")


def evaluation(asked: Asked) -> list[Block]:
    """Grades and profit by class and contract from the days of the runs (E-12)."""
    if not asked.runs:
        return missing(asked, "评价与盈亏测算（--run）")
    days, contracts, profits = [], [], []
    for run in asked.runs:
        day = iso(read_info(run).day)
        makers = {row["maker"] for row in read_table(run, "business", BUSINESS)}
        grades = {row["underlying"]: row["grade"] for row in rows_of(run, "period")
                  if row["maker"] in makers}  # fmt: skip
        for row in rows_of(run, "class_day"):
            if row["maker"] in makers:
                shares = [share_of(row[name]) for name in _SHARES]
                answered = f"{row['answered']}/{row['inquiries']}"
                grade = grades.get(row["underlying"]) or "—"
                days.append((day, row["underlying"], row["contracts"], *shares, answered, grade))
        for row in rows_of(run, "contract_day"):
            if row["maker"] in makers:
                shares = [share_of(row[name]) for name in _SHARES[1:]]
                contracts.append((day, row["contract"], *shares, row["volume"]))
        for row in rows_of(run, "profit"):
            profits.append(
                (day, row["underlying"], row["edge"], row["fees"], row["hedge"], row["total"])
            )
    return [
        *lines("按标的测算（模拟运行）："),
        grid(
            ("交易日", "品种", "合约", "覆盖率", "报价差率", "参与率", "回应/询价", "单日试算"),
            days,
            (27, 18, 12, 21, 21, 21, 22, 22),
        ),
        *lines("盈亏测算（元）："),
        grid(
            ("交易日", "品种", "价差收入", "费用", "对冲", "合计"),
            profits,
            (28, 20, 29, 29, 29, 29),
        ),
        *lines("按合约测算："),
        grid(
            ("交易日", "合约", "报价差率", "连续参与率", "成交量（张）"),
            contracts,
            (30, 32, 32, 36, 34),
        ),
    ]


def daily(_asked: Asked) -> list[Block]:
    """The verbs of a day: before, during, after."""
    rows = (
        (
            "盘前",
            "接收并核对基础信息，检查配置、模型、协议、账户，确认开市",
            "quanheng check-config、lab reception",
        ),
        (
            "盘中",
            "报价、询价回应、风险监控、告警确认与升级、应急撤单",
            "docs/monitors.md、docs/inquiries.md",
        ),
        (
            "盘后",
            "对账、结算、业务日报、义务日报、隔夜检查、归档",
            "quanheng report、duty-report、archive add",
        ),
    )
    return [
        grid(("阶段", "事项", "入口"), rows, (16, 92, 56)),
        *lines("每一操作、每一报价均记录值班交易员、策略及版本，日志带哈希链，可逐字节重放。"),
    ]


PROVIDERS: dict[str, Provider] = {
    "models": models, "strategies": strategies, "hedging": hedging, "inventory": inventory,
    "parameters": parameters_table, "functions": functions, "checks": checks,
    "standards": quoting, "exemptions": exemptions, "duty_alerts": duty_alerts,
    "evaluation": evaluation, "daily": daily,
}  # fmt: skip
