"""The ladder's one table of data: every pre-trade check, what breaking it does, and its words.

Evaluation order is the number of the check (borders.md 4). Kernel and twin hold the arithmetic;
what a check does, which limits it reads and how people are told about it stands here alone.
"""

import msgspec

from quanheng.terms.codes import Action, Check, TradingState

CONTRACT = "contract"
KLASS = "class"
HOUSE = "*"


class Rung(msgspec.Struct, frozen=True):
    """One check: what it does when broken, and the exchange's code for the same fault, 0 none.

    `limits` names the limits it reads (maker.limits); `boundary` says what still passes. A rung
    that trips lowers `scope` (contract, class or everything) to `to`. `soft`: one of its limits
    warns before it denies. `sided`: the fault is one side's, so the other is judged alone.
    """

    check: Check
    action: Action
    exchange_code: int
    meaning: str
    chinese: str = ""
    boundary: str = ""
    limits: tuple[str, ...] = ()
    scope: str = CONTRACT
    to: TradingState = TradingState.CANCEL_ONLY
    soft: bool = False
    sided: bool = False


_DENY, _TRIP, _WARN = Action.DENY, Action.TRIP, Action.WARN
_REDUCING, _HALTED = TradingState.REDUCING, TradingState.HALTED

LADDER: tuple[Rung, ...] = (
    Rung(
        Check.P01_STATE, _DENY, 0, "trading state of the contract", "交易状态不允许",
        "OPEN, or REDUCING up to the net position",
    ),
    Rung(
        Check.P02_EPOCH, _DENY, 0, "leadership: a higher epoch is known", "已非主用引擎",
        "no epoch above the own one",
    ),
    Rung(
        Check.P03_PHASE, _DENY, 19100, "phase takes orders, no-cancel windows",
        "交易阶段不接受申报或不可撤单", "auctions and continuous trading",
    ),
    Rung(
        Check.P04_CONTRACT, _DENY, 17658, "opening barred by the exchange", "合约限制开仓",
        "closing always",
    ),
    Rung(
        Check.P05_PERMITTED, _DENY, 19108, "permitted underlyings and contracts",
        "不在可交易标的及合约名单", "on the list",
    ),
    Rung(
        Check.P06_QUANTITY, _DENY, 11098, "quantity", "申报数量超限", "1 to the limit",
        ("max_qty",),
    ),
    Rung(
        Check.P07_PRICE, _DENY, 10450, "price step and daily limits", "价格档位或涨跌停",
        "a step inside the limits",
    ),
    Rung(
        Check.P08_ORDER_VALUE, _DENY, 0, "value of one order", "单笔申报金额超限",
        "up to the limit", ("max_value",), soft=True,
    ),
    Rung(
        Check.P09_THEO_COLLAR, _DENY, 0, "distance from a fresh theoretical price",
        "偏离理论价或理论价过期", "up to share or ticks, theory up to its age",
        ("theo_share", "theo_ticks", "theo_age"),
    ),
    Rung(
        Check.P10_LAST_COLLAR, _DENY, 0, "distance from mid or last trade", "偏离最新价或中间价",
        "up to share or ticks", ("last_share", "last_ticks"),
    ),
    Rung(
        Check.P11_OWN_QUOTE_COLLAR, _DENY, 0, "jump from the own previous quote",
        "偏离自身前次报价", "up to share or ticks", ("own_share", "own_ticks"),
    ),
    Rung(
        Check.P12_CROSSING, _DENY, 0, "crossing the visible opposite side", "报价穿越对手方最优价",
        "at the opposite best and its ticks", ("cross_ticks",),
    ),
    Rung(
        Check.P13_SELF_TRADE, _DENY, 19314, "meeting own interest", "可能自成交",
        "below the own sale, above the own buy",
    ),
    Rung(
        Check.P14_DUPLICATE, _DENY, 0, "the same order again within 200 ms", "重复申报",
        "fewer than the limit", ("repeats",),
    ),
    Rung(
        Check.P15_MESSAGE_RATE, _DENY, 0, "messages per second, cancels keep their share",
        "每秒申报笔数超限", "the reserve for cancels stays whole", soft=True,
    ),
    Rung(
        Check.P16_REPEATED_EXECUTION, _TRIP, 0, "repeated fills of one contract",
        "短时间内反复成交", "up to the limit", ("repeat_fills",),
    ),
    Rung(
        Check.P17_ORDER_TO_TRADE, _WARN, 0, "messages against fills of the day", "申报成交比过高",
        "up to either limit", ("messages", "message_ratio"),
    ),
    Rung(
        Check.P18_POSITION, _DENY, 17606, "positions in the worst case", "持仓限额",
        "up to the limit", ("max_position", "long", "total", "daily_buy_open"), soft=True,
        sided=True,
    ),
    Rung(
        Check.P19_GREEKS, _DENY, 0, "Greeks of the class in the worst case", "希腊值限额",
        "up to the limit; without Greeks what reduces", ("delta", "gamma", "vega", "theta"),
        soft=True, sided=True,
    ),
    Rung(
        Check.P20_MARGIN, _DENY, 17574, "margin and premium in the worst case", "保证金不足",
        "up to the free funds", sided=True,
    ),
    Rung(
        Check.P21_PREMIUM, _DENY, 17572, "premium and fees of purchases", "权利金不足",
        "up to the cash", sided=True,
    ),
    Rung(
        Check.P22_COVERED, _DENY, 17622, "locked underlying of a covered sale", "备兑标的不足",
        "up to the units locked",
    ),
    Rung(
        Check.P23_EXPIRY, _DENY, 0, "opening shorts on the last trading day",
        "到期日卖出开仓限制或履约资金不足", "up to the time, and what the cash can meet",
        ("expiry_cutoff",), sided=True,
    ),
    Rung(
        Check.P24_OPEN_CLOSE, _DENY, 10836, "closing more than the position", "平仓数量超过持仓",
        "the position less what claims it",
    ),
    Rung(
        Check.P25_LOSS_STOP, _TRIP, 0, "loss stop of class and desk", "亏损止损", "up to the limit",
        ("loss", "loss_desk"), KLASS, _REDUCING, soft=True,
    ),
    Rung(
        Check.P26_VAR, _TRIP, 0, "value at risk, from a fresh figure", "风险价值超限或数据过期",
        "up to the limit", ("var",), HOUSE, _REDUCING, soft=True,
    ),
    Rung(
        Check.P27_DUTY, _WARN, 0, "the quote would not count for the duty", "报价不满足做市义务",
        "the widest spread, the least quantity",
    ),
    Rung(
        Check.P28_FILING, _DENY, 0, "filing for program trading", "未完成程序化交易报备", "filed",
    ),
    Rung(
        Check.P29_MODEL_APPROVED, _DENY, 0, "released strategy and model", "策略或模型未发布",
        "released",
    ),
    Rung(
        Check.P30_MANUAL, _DENY, 0, "confirmation of a large order by a person",
        "大额人工委托须确认或复核", "up to the limit", ("confirm_value", "second_value"),
    ),
    Rung(
        Check.P31_DAILY_TOTALS, _DENY, 0, "the class's totals of the day", "当日累计超限",
        "up to the limit", ("day_orders", "day_qty", "day_value", "day_opened"), soft=True,
    ),
    Rung(
        Check.P32_ACCOUNT_PURPOSE, _DENY, 10794, "designated market-making account",
        "非指定做市账户", "a designated account",
    ),
    Rung(
        Check.P33_REJECT_RATE, _TRIP, 0, "rejections by the exchange", "交易所拒单过多",
        "fewer than either limit", ("rejects", "refused"), KLASS, _HALTED,
    ),
    Rung(
        Check.P34_LATENCY, _TRIP, 0, "answers are late or missing", "回报延迟或缺失",
        "up to any limit", ("wait", "late", "pending"), HOUSE, soft=True,
    ),
    Rung(
        Check.P35_RECONCILIATION, _TRIP, 0, "unexplained fills, reports missing",
        "成交或回报对账不符", "up to either limit", ("unexplained", "gap"), HOUSE, _HALTED,
    ),
    Rung(
        Check.P36_AGREEMENT, _DENY, 0, "agreement in force and accounts reported",
        "协议未生效或账户未按期报备", "in force; closing by people",
    ),
    Rung(
        Check.P37_OLD_ACCOUNT, _DENY, 0, "the account that is being left closes only",
        "旧账户只平不开", "positions within the ordinary limits",
        ("ordinary_long", "ordinary_total"),
    ),
    Rung(
        Check.P38_BOTH_ACCOUNTS, _DENY, 17606, "both accounts together in the worst case",
        "新旧账户合并持仓限额", "up to the limit", ("long", "total", "daily_buy_open"), soft=True,
    ),
)  # fmt: skip

BY_CHECK: dict[int, Rung] = {int(rung.check): rung for rung in LADDER}
SIDED = [int(rung.check) for rung in LADDER if rung.sided]
