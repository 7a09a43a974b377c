"""The monitors of a desk as one table of data: I-29 to I-43 and large moves (R-01).

Each has a figure of a class or of the desk, three levels, and what is prepared when people are
prompted (I-42). Thresholds are limits on record like every other (`maker.limits`): one person
tightens, two loosen, each change is a new version.
"""

from enum import IntEnum, StrEnum

import msgspec

from quanheng.terms.codes import TradingState
from quanheng.terms.units import MONEY_PER_YUAN, SECOND, Nanos


class Level(IntEnum):
    """How bad a figure is; RED is critical: until somebody acknowledges it, nothing is opened."""

    CALM = 0
    NOTICE = 1
    AMBER = 2
    RED = 3


LEVELS = ("notice", "amber", "red")
ROLES = ("trader", "risk", "head")
"""Posts that are told, one after the other while nobody acknowledges; the third is the last."""
FIRST = (0, 0, 0, 1)
"""Place in ROLES of the post a level tells at first."""


class Measure(StrEnum):
    """What a prompt prepares."""

    NOTHING = "nothing"
    HEDGE = "hedge"  # the cheapest way back for delta
    STRADDLE = "straddle"  # gamma or vega against the market
    CLOSE = "close"  # contracts that take most off the figure
    REDUCE = "reduce"  # the scope goes to REDUCING
    WITHDRAW = "withdraw"  # the scope goes to CANCEL_ONLY


LOWERS: dict[Measure, TradingState] = {
    Measure.REDUCE: TradingState.REDUCING,
    Measure.WITHDRAW: TradingState.CANCEL_ONLY,
}
"""Measures that lower the state of the alert's scope."""


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor. `levels` are default thresholds in `unit`, each `factor` units of the figure.

    `desk`: one figure of the whole book, else one per class. `floor`: low is bad. `strict`: told
    above a threshold, not at it. `hold` is how long a figure stays before it is told; `prompts` is
    the level from which the measure is prepared.
    """

    name: str
    item: str
    unit: str
    levels: tuple[int, int, int]
    meaning: str
    chinese: str
    factor: int = 1
    desk: bool = False
    floor: bool = False
    strict: bool = False
    measure: Measure = Measure.NOTHING
    prompts: Level = Level.AMBER
    hold: Nanos = 0


def _share(
    name: str, item: str, levels: tuple[int, int, int], meaning: str, chinese: str,
    measure: Measure = Measure.NOTHING, desk: bool = False, strict: bool = False,
    prompts: Level = Level.AMBER,
) -> Monitor:  # fmt: skip
    """A monitor of a share in per cent; its figure is in hundredths of a per cent."""
    return Monitor(
        name=name, item=item, unit="%", levels=levels, meaning=meaning, chinese=chinese,
        factor=PERCENT, measure=measure, desk=desk, strict=strict, prompts=prompts,
    )  # fmt: skip


PERCENT = 100
_M = Measure
_NEAR = (70, 80, 95)
_GREEK = (60, 80, 95)
_FAR_OFF = (70, 90, 100)

MONITORS: tuple[Monitor, ...] = (
    Monitor(
        name="blind", item="I-29", unit="contracts", levels=(1, 3, 10), measure=_M.REDUCE,
        meaning="contracts with a position or orders and without Greeks",
        chinese="有持仓或委托而无希腊字母的合约",
    ),
    _share("delta", "I-30", _GREEK, "worst-case delta of the limit", "Delta 占限额", _M.HEDGE),
    _share("gamma", "I-30", _GREEK, "worst-case gamma of the limit", "Gamma 占限额", _M.STRADDLE),
    _share("vega", "I-30", _GREEK, "worst-case vega of the limit", "Vega 占限额", _M.STRADDLE),
    _share("theta", "I-30", _GREEK, "worst-case theta of the limit", "Theta 占限额", _M.CLOSE),
    Monitor(
        name="delta_desk", item="I-30", unit="yuan per 1 %", factor=MONEY_PER_YUAN, desk=True,
        levels=(5_000_000, 8_000_000, 10_000_000), measure=_M.HEDGE,
        meaning="worst-case delta of the book", chinese="总持仓 Delta",
    ),
    Monitor(
        name="gamma_desk", item="I-30", unit="yuan per 1 % per 1 %", factor=MONEY_PER_YUAN,
        desk=True, levels=(2_500_000, 4_000_000, 5_000_000), measure=_M.STRADDLE,
        meaning="worst-case gamma of the book", chinese="总持仓 Gamma",
    ),
    Monitor(
        name="vega_desk", item="I-30", unit="yuan per vol point", factor=MONEY_PER_YUAN, desk=True,
        levels=(5_000_000, 8_000_000, 10_000_000), measure=_M.STRADDLE,
        meaning="worst-case vega of the book", chinese="总持仓 Vega",
    ),
    Monitor(
        name="theta_desk", item="I-30", unit="yuan per day", factor=MONEY_PER_YUAN, desk=True,
        levels=(5_000_000, 8_000_000, 10_000_000), measure=_M.CLOSE,
        meaning="worst-case theta of the book", chinese="总持仓 Theta",
    ),
    Monitor(
        name="curve", item="I-31", unit="rung", levels=(3, 4, 5), measure=_M.WITHDRAW,
        prompts=Level.RED, hold=30 * SECOND,
        meaning="worst rung of the class's curves in continuous trading",
        chinese="连续竞价中最差的曲线来源级别",
    ),
    Monitor(
        name="cover", item="I-32", unit="%", levels=(200, 150, 120), factor=PERCENT, desk=True,
        floor=True, measure=_M.CLOSE,
        meaning="equity over maintenance margin at last prices",
        chinese="维持保证金比例（权益/按最新价的维持保证金）",
    ),
    _share("margin_used", "I-33", (60, 80, 90), "margin in use of equity", "占用保证金占权益",
           _M.CLOSE, desk=True),
    Monitor(
        name="margin_free", item="I-33", unit="yuan", factor=MONEY_PER_YUAN, desk=True, floor=True,
        levels=(20_000_000, 10_000_000, 5_000_000), measure=_M.CLOSE,
        meaning="cash less margin in use", chinese="可用保证金余额",
    ),
    _share("loss", "I-34", (50, 80, 95), "loss of the class of its stop", "品种亏损占止损额",
           _M.REDUCE),
    _share("loss_desk", "I-34", (50, 80, 95), "loss of the desk of its stop", "总亏损占止损额",
           _M.REDUCE, desk=True),
    _share("night_loss", "I-35", (60, 80, 100), "worst loss of the class over the night's gaps",
           "品种隔夜最大亏损占隔夜限额", _M.CLOSE, strict=True),
    _share("night_loss_desk", "I-35", (60, 80, 100), "worst loss of the book over the night's gaps",
           "总隔夜最大亏损占隔夜限额", _M.CLOSE, desk=True, strict=True),
    _share("night_usage", "I-35", (60, 80, 100), "worst margin use next morning of the limit",
           "次日保证金占用率占隔夜限额", _M.CLOSE, desk=True, strict=True),
    Monitor(
        name="pin", item="I-35", unit="contracts", levels=(1, 50, 200), measure=_M.CLOSE,
        meaning="net positions within 1 % of the spot on their last trading day",
        chinese="到期日行权价距标的 1% 以内的净持仓（大头针风险）",
    ),
    _share("long", "I-36", _NEAR, "worst-case long positions of the limit", "权利仓占限额",
           _M.CLOSE),
    _share("total", "I-36", _NEAR, "worst-case positions of the limit", "总持仓占限额", _M.CLOSE),
    _share("buy_open", "I-36", _NEAR, "worst-case bought open of the limit", "当日买入开仓占限额"),
    Monitor(
        name="permitted", item="I-37", unit="contracts", levels=(1, 1, 20), measure=_M.CLOSE,
        meaning="positions and orders in contracts that are not on the permitted list",
        chinese="不在可交易名单的合约的持仓与委托",
    ),
    Monitor(
        name="expiry", item="I-38", unit="trading days", levels=(5, 2, 0), floor=True,
        measure=_M.CLOSE, prompts=Level.RED,
        meaning="trading days after today of the nearest expiry with a position",
        chinese="有持仓的最近到期月剩余交易日",
    ),
    _share("assign", "I-39", (50, 80, 100), "what shorts near expiry need if assigned, of cash",
           "临近到期义务仓被行权所需占资金", _M.CLOSE, desk=True),
    _share("rate", "I-40", (50, 70, 90), "messages in a second of the flow limit",
           "每秒申报笔数占流量上限", _M.REDUCE, desk=True, prompts=Level.RED),
    _share("day_orders", "I-40", (60, 80, 95), "orders and quotes of the day of the limit",
           "当日申报笔数占限额"),
    _share("order_value", "I-41", (60, 80, 95), "largest value of one order of its limit",
           "单笔申报金额占上限"),
    _share("from_own", "I-43", _FAR_OFF, "quote to the one before, distance of what is allowed",
           "报价与上一笔报价偏离度占允许值", _M.WITHDRAW, prompts=Level.RED),
    _share("from_last", "I-43", _FAR_OFF, "quote to the last trade, distance of what is allowed",
           "报价与最近成交价偏离度占允许值", _M.WITHDRAW, prompts=Level.RED),
    _share("from_theo", "I-43", _FAR_OFF, "quote to theory, distance of what is allowed",
           "报价与理论价偏离度占允许值", _M.WITHDRAW, prompts=Level.RED),
    Monitor(
        name="move_fast", item="R-01", unit="1e-4", levels=(50, 100, 200), measure=_M.REDUCE,
        meaning="move of the underlying in a minute", chinese="标的一分钟涨跌幅",
    ),
    Monitor(
        name="move_day", item="R-01", unit="1e-4", levels=(300, 500, 800), measure=_M.REDUCE,
        meaning="move of the underlying since yesterday's close", chinese="标的当日涨跌幅",
    ),
)  # fmt: skip

INDEX: dict[str, int] = {one.name: number for number, one in enumerate(MONITORS)}

ESCALATE = len(MONITORS)
"""Row of the thresholds: seconds until an unacknowledged alert of each level goes up."""
NIGHT = ESCALATE + 1
"""Row of the thresholds: the overnight limits of I-35, loss and margin use."""
ROWS = NIGHT + 1


def threshold_name(monitor: Monitor, level: Level) -> str:
    """The limit's name of a level: delta_amber."""
    return f"{monitor.name}_{LEVELS[level - 1]}"
