"""Words of duties in Chinese and English: causes, phases, items, and alerts that a duty is being
lost (`maker.duty_watch`, I-23 to I-28).
"""

from quanheng.duties.foresight import ITEMS
from quanheng.duties.intervals import Cause
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert

LOST = "_lost"

CAUSES = {
    "zh": {
        Cause.COMPLIANT: "合格",
        Cause.WIDE: "价差过大",
        Cause.SMALL: "数量不足",
        Cause.ONE_SIDED: "单边报价",
        Cause.CROSSED: "买卖价倒挂",
        Cause.ABSENT: "无报价",
        Cause.PHASE: "非连续竞价",
        Cause.LIMIT: "涨跌停豁免",
        Cause.LOW: "低价豁免",
        Cause.EXEMPT: "批准豁免",
    },
    "en": {
        Cause.COMPLIANT: "compliant",
        Cause.WIDE: "too wide",
        Cause.SMALL: "too small",
        Cause.ONE_SIDED: "one-sided",
        Cause.CROSSED: "crossed",
        Cause.ABSENT: "no quote",
        Cause.PHASE: "not continuous",
        Cause.LIMIT: "at a limit",
        Cause.LOW: "low price",
        Cause.EXEMPT: "exempted",
    },
}

PHASES = {
    "zh": ("开市前", "开盘集合竞价", "连续竞价", "休市", "盘中集合竞价", "临时停牌",
           "收盘集合竞价", "闭市"),
    "en": ("start", "opening", "continuous", "break", "breaker", "halt", "closing", "closed"),
}  # fmt: skip

ITEM_WORDS = {
    "zh": {
        "spread": "价差率",
        "size": "报价数量",
        "coverage": "合约覆盖率",
        "opening": "开盘集合竞价",
        "breaker": "熔断集合竞价",
        "closing": "收盘集合竞价",
        "continuous": "连续竞价参与率",
        "inquiry": "询价回应",
        "one_sided": "单边义务",
        "month": "月度评价",
        "chapter9": "第九章取消资格",
    },
    "en": {name: name for name in ITEMS},
}


def duty_told(alert: RaiseAlert, language: str) -> str:
    """One line for a person about a duty that is being lost, "" for other alerts."""
    if alert.code != Alert.DUTY_AT_RISK or not alert.args:
        return ""
    name = str(alert.args[0])
    item, lost = name.removesuffix(LOST), name.endswith(LOST)
    if item not in ITEMS:
        return ""
    left, *detail = (int(value) for value in alert.args[1:])
    english = language == "en"
    words = ITEM_WORDS[language][item]
    if item == "coverage":
        failing, spare = detail
        why = (
            f"{failing} contracts without a compliant quote, {spare} may be missed"
            if english
            else f"{failing} 个合约未合格报价，最多可缺 {spare} 个"
        )
    else:
        why = CAUSES[language][Cause(detail[0])]
    if lost:
        when = "lost" if english else "已未达"
    else:
        clock = f"{left // 60}:{left % 60:02d}"
        when = f"will be lost in {clock}" if english else f"再过 {clock} 将未达"
    return f"{alert.scope} {words} {when}{', ' if english else '，'}{why}"
