"""What the desk knows of its risk for the chapters of appendix 2: monitors, guards, ways out."""

from collections.abc import Iterable

from quanheng.compose.alert_words import NAMES
from quanheng.compose.plan_blocks import Asked, Provider, grid, lines, missing, unit
from quanheng.compose.plan_facts_desk import ACTIONS, parameter_grid
from quanheng.edge.document_docx import Block
from quanheng.maker.curve_life import Rung
from quanheng.maker.ladder import LADDER
from quanheng.maker.limits import BY_NAME
from quanheng.maker.monitor_table import LEVELS, MONITORS, Measure, Monitor

_RUNGS = {
    Rung.OWN: "本次拟合",
    Rung.REPAIRED: "去套利修正后的本次拟合",
    Rung.LAST_GOOD: "当日较早的有效曲线",
    Rung.BORROWED: "由相邻到期月的总方差推得",
    Rung.SETTLEMENT: "由前结算价推得",
    Rung.LEVEL: "单一波动率",
    Rung.NOTHING: "无曲线，停止报价",
}


MEASURES = {
    Measure.NOTHING: "—", Measure.CLOSE: "平仓", Measure.HEDGE: "对冲",
    Measure.STRADDLE: "跨式对冲", Measure.REDUCE: "只减仓", Measure.WITHDRAW: "撤单",
}  # fmt: skip
"""What is prepared for a person's word once a figure is beyond its threshold (I-42)."""


def _monitors(chosen: Iterable[Monitor]) -> Block:
    rows = [
        (one.chinese, unit(one.unit), *(f"{level:,}" for level in one.levels), one.item,
         MEASURES[one.measure])
        for one in chosen
    ]  # fmt: skip
    heads = ("指标", "单位", "提示", "预警", "严重", "依据", "措施")
    assert len(LEVELS) == 3, "three levels of an alert"
    return grid(heads, rows, (40, 24, 24, 24, 24, 13, 19))


def _of(*items: str) -> list[Monitor]:
    return [one for one in MONITORS if one.item in items]


def alerts(_asked: Asked) -> list[Block]:
    """Every monitor with its three thresholds, and when an alert escalates."""
    waits = [BY_NAME[f"escalate_{name}"].default for name in LEVELS]
    return [
        _monitors(MONITORS),
        *lines(
            f"告警未确认达 {'、'.join(map(str, waits))} 秒（提示、预警、严重）升级至上一级岗位。"
        ),
    ]


def margin(asked: Asked) -> list[Block]:
    """Margin monitors and the checks on funds."""
    config = asked.facts.config
    night = [one for one in config.overnight if one.scope == "*"] if config else []
    shown = f"；隔夜占用上限 {night[0].usage_percent}%" if night else ""
    return [
        *lines(f"维持保证金比例、可用与占用资金实时监控，P20、P21 在报单前检查{shown}。"),
        _monitors(_of("I-32", "I-33")),
        *lines("强行平仓：日终核对结算公司通知，次日可能被强平的账户列入风险监控。"),
    ]


def greeks(_asked: Asked) -> list[Block]:
    """Greeks by class and book."""
    return [_monitors(_of("I-29", "I-30", "I-34", "R-01"))]


def curves(_asked: Asked) -> list[Block]:
    """The ladder of a published curve."""
    return [
        *lines("波动率曲线（面）逐级回退，每条曲线均注明来源："),
        grid(("级别", "来源"), [(int(one), _RUNGS[one]) for one in Rung], (30, 134)),
        _monitors(_of("I-31")),
    ]


def overnight(asked: Asked) -> list[Block]:
    """Approved overnight limits."""
    config = asked.facts.config
    rows = [
        (
            one.scope,
            f"{one.loss_yuan:,}",
            one.usage_percent or "—",
            one.basis,
            one.by,
            one.seconded_by,
        )
        for one in (config.overnight if config else ())
    ]
    table: list[Block] = [
        grid(
            ("范围", "最大损失（元）", "保证金占用（%）", "依据", "经办", "复核"),
            rows,
            (20, 34, 34, 36, 20, 20),
        )
    ]
    return [
        *(table if rows else missing(asked, "隔夜限额（--config overnight）")),
        _monitors(_of("I-35")),
    ]


def expiry(_asked: Asked) -> list[Block]:
    """Near expiry, pin risk, exercise default."""
    return [
        _monitors([*_of("I-38", "I-39"), *(one for one in MONITORS if one.name == "pin")]),
        *lines("行权指令须双人，行权交收资金与证券在日终前核对；违约扣款计入当日盈亏。"),
    ]


def operational(asked: Asked) -> list[Block]:
    """Limits of positions, trades and exposure, tradable list."""
    config = asked.facts.config
    if config is None:
        return missing(asked, "持仓限额（--config limits）")
    rows = [
        (one.underlying, f"{one.long:,}", f"{one.total:,}", f"{one.daily_buy_open:,}")
        for one in config.limits
    ]
    permitted = "、".join(config.permitted) or "全部已挂牌合约"
    return [
        grid(("品种", "权利仓", "总持仓", "每日买入开仓"), rows, (44, 40, 40, 40)),
        *lines(f"可投资标的：{permitted}。"),
    ]


def model_failure(_asked: Asked) -> list[Block]:
    """What happens when a model fails."""
    return lines(
        "曲线拟合失败或存在套利时逐级回退，并告警；无可用曲线即停止报价；",
        "理论价过期、无效时 P09 拒绝报单；未发布或校验不符的模型、策略被 P29 拒绝；",
        "改用其他模型须由双人发布，公司层面以独立模型复核。",
    )


def liquidity(_asked: Asked) -> list[Block]:
    """What limits an illiquid book."""
    return [
        *lines("集中度与变现天数由公司层面限额监控；单合约净持仓上限与做市保护窗口限制单边成交。"),
        parameter_grid(("max_position", "repeat_fills")),
    ]


def profit(_asked: Asked) -> list[Block]:
    """How profit is computed by day and at its end."""
    return [
        *lines(
            "盘中按理论价逐笔计算并按原因归因（价差、费用、Delta、Gamma、Vega、Theta 等），",
            "日终以结算价复算，与结算公司资金变动逐分核对，未解释部分单列；",
            "达到止损限额时 P25 触发只减仓。",
        ),
        _monitors(_of("I-34")),
    ]


def technical(asked: Asked) -> list[Block]:
    """Guards of the technical system."""
    rows = [
        (one.check.name[:3], one.chinese or one.meaning, ACTIONS[one.action])
        for one in LADDER
        if one.check.name[:3] in ("P02", "P15", "P33", "P34", "P35")
    ]
    config = asked.facts.config
    if config is None:
        hearts = missing(asked, "心跳与失联时限（--config line）")
    else:
        beat, dead = config.line.heartbeat_ms, config.line.dead_man_ms
        hearts = lines(f"引擎心跳 {beat} 毫秒，失联 {dead} 毫秒网关自动撤单；")
    return [
        grid(("编号", "保护", "动作"), rows, (20, 110, 34)),
        *hearts,
        *lines("全部输入先落盘后生效，故障后由日志恢复，任一接管者以更高任期号隔离旧主。"),
    ]


def events(_asked: Asked) -> list[Block]:
    """Kinds of events the system itself notices."""
    return [
        *lines("系统可识别的突发事件："),
        grid(("事件", "代码"), [(words[0], str(code)) for code, words in NAMES.items()], (90, 74)),
    ]


def handling(_asked: Asked) -> list[Block]:
    """Ways out, from the mildest."""
    rows = (
        ("定位", "quanheng why、explain、report --list", "任一报价、义务、告警可追溯到输入"),
        (
            "降级",
            "quanheng propose set-state",
            "REDUCING 只减、CANCEL_ONLY 只撤、HALTED 暂停；单人即可",
        ),
        ("一键撤单", "quanheng kill", "网关直接撤单并给出证明，任何岗位可执行"),
        ("人工接管", "quanheng propose order、cancel、take-inquiry", "限额与检查同样适用"),
        (
            "豁免与报告",
            "quanheng propose exemption、documents incident",
            "双人登记，立即报告交易所",
        ),
        ("恢复", "quanheng propose set-state、rearm", "须交易、风控两人"),
        ("复盘", "quanheng replay、verify、archive", "事件报告、回放、归档"),
    )
    return [grid(("步骤", "入口", "说明"), rows, (22, 66, 76))]


PROVIDERS: dict[str, Provider] = {
    "alerts": alerts,
    "margin": margin,
    "greeks": greeks,
    "curves": curves,
    "overnight": overnight,
    "expiry": expiry,
    "operational": operational,
    "model_failure": model_failure,
    "liquidity": liquidity,
    "profit": profit,
    "technical": technical,
    "events": events,
    "handling": handling,
}
