"""Words for what the monitors and the risk prompts say (I-29 to I-43)."""

from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.monitor_state import FAR, Status
from quanheng.maker.monitor_table import INDEX, MONITORS, Measure, Monitor
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.units import MONEY_PER_YUAN

LEVEL_WORDS = (("正常", "calm"), ("提示", "notice"), ("预警", "amber"), ("严重", "red"))
POST_WORDS = {"trader": "交易", "risk": "风控", "head": "负责人"}
MEASURE_WORDS: dict[str, tuple[str, str]] = {
    Measure.NOTHING: ("无预设措施", "no prepared measure"),
    Measure.HEDGE: ("Delta 对冲", "delta hedge"),
    Measure.STRADDLE: ("跨式对冲", "straddle"),
    Measure.CLOSE: ("平仓", "closing orders"),
    Measure.REDUCE: ("转为只减", "go to REDUCING"),
    Measure.WITHDRAW: ("撤回报价", "withdraw the quotes"),
}
STATUS_WORDS: dict[str, tuple[str, str]] = {
    Status.DONE: ("已执行", "done"),
    Status.DECLINED: ("未采纳", "declined"),
    Status.EXPIRED: ("逾期未确认", "expired"),
    Status.WITHDRAWN: ("告警已解除", "its alert ended"),
}
_UNITS = {"contracts": "张", "rung": "级", "trading days": "个交易日", "%": "%", "1e-4": "bp"}


def figure_text(monitor: Monitor, value: int) -> str:
    """A figure in the unit of its thresholds, two decimals where it has parts."""
    if abs(value) >= FAR // 2:
        return "∞"
    if monitor.factor == 1:
        return str(value)
    sign, whole = "-" if value < 0 else "", abs(value)
    return f"{sign}{whole // monitor.factor}.{whole % monitor.factor * 100 // monitor.factor:02d}"


def unit_text(monitor: Monitor, language: str) -> str:
    """The unit of a monitor."""
    if language == "en":
        return monitor.unit
    return "元" if monitor.factor == MONEY_PER_YUAN else _UNITS.get(monitor.unit, monitor.unit)


def monitor_told(alert: RaiseAlert, language: str) -> str:
    """One line for a person about an alert of a monitor or a prompt, "" for any other alert."""
    name = str(alert.args[0]) if alert.args else ""
    if alert.code not in _TELLERS or name not in INDEX:
        return ""
    monitor, english = MONITORS[INDEX[name]], language == "en"
    words = monitor.meaning if english else monitor.chinese
    return f"{alert.scope} {words}{_TELLERS[alert.code](monitor, alert.args[1:], int(english))}"


Args = tuple[int | str, ...]


def _raised(monitor: Monitor, args: Args, english: int) -> str:
    number, level, figure, threshold, version, post, contract = args[:7]
    language = "en" if english else "zh"
    unit, name = unit_text(monitor, language), LEVEL_WORDS[int(level)][english]
    value = figure_text(monitor, int(figure))
    bound = figure_text(monitor, int(threshold))
    tail = f" {contract}" if contract else ""
    if english:
        head = f": {value} {unit}, {name} at {bound}, alert {number}, to {post}"
        return f"{head}, limits version {version}{tail}"
    head = f" {value}{unit}，{name}阈值 {bound}，告警 {number}，通知{POST_WORDS[str(post)]}"
    return f"{head}，限额版本 {version}{tail}"


def _escalated(monitor: Monitor, args: Args, english: int) -> str:
    number, grade, post = args[:3]
    level = LEVEL_WORDS[int(grade)][english]
    if english:
        return f": alert {number} unacknowledged, {level}, to {post}"
    return f"：告警 {number} 未确认，升为{level}，通知{POST_WORDS[str(post)]}"


def _acknowledged(monitor: Monitor, args: Args, english: int) -> str:
    number, by = args[:2]
    return f": alert {number} by {by}" if english else f"：告警 {number}，{by}"


def _cleared(monitor: Monitor, args: Args, english: int) -> str:
    number, figure, returned = args[:3]
    value = figure_text(monitor, int(figure))
    if english:
        wait = ", to be acknowledged" if returned else ""
        return f": alert {number}, {value} {monitor.unit}{wait}"
    wait = "，仍待确认" if returned else ""
    return f"：告警 {number}，{value}{unit_text(monitor, 'zh')}{wait}"


def _proposed(monitor: Monitor, args: Args, english: int) -> str:
    number, alert, measure, opens = args[:4]
    words = MEASURE_WORDS[str(measure)][english]
    orders = [args[start : start + 4] for start in range(5, len(args), 4)]
    told = "; ".join(f"{code} {side} {qty} @ {price}" for code, side, price, qty in orders)
    if english:
        people = "two people" if opens else "one person"
        return f": prompt {number} of alert {alert}, {words} {told}, {people} to confirm"
    people = "须双人确认" if opens else "单人确认"
    return f"：提示 {number}（告警 {alert}），{words} {told}，{people}"


def _confirmed(monitor: Monitor, args: Args, english: int) -> str:
    number, by, second, accept = args[:4]
    people = f"{by} {second}".strip()
    if english:
        return f": prompt {number} {'confirmed' if accept else 'declined'} by {people}"
    return f"：提示 {number} 由 {people} {'确认' if accept else '拒绝'}"


def _ended(monitor: Monitor, args: Args, english: int) -> str:
    number, _, status, _, _, before, after = args[:7]
    orders = [args[start : start + 6] for start in range(7, len(args), 6)]
    told = "; ".join(_order(order, english) for order in orders)
    words = STATUS_WORDS[str(status)][english]
    first, last = figure_text(monitor, int(before)), figure_text(monitor, int(after))
    if english:
        return f": prompt {number} {words}, from {first} to {last} {monitor.unit}. {told}".rstrip()
    return f"：提示 {number} {words}，{first} → {last}{unit_text(monitor, 'zh')}。{told}"


def _order(order: Args, english: int) -> str:
    code, side, ident, refused, qty, _ = order
    if ident:
        return f"{code} {side} {ident} {'filled' if english else '成交'} {qty}"
    check = BY_CHECK[int(refused)] if refused else None
    why = "" if check is None else check.meaning if english else check.chinese
    return f"{code} {side} {'not sent' if english else '未发'} {why}".rstrip()


_TELLERS = {
    Alert.MONITOR_RAISED: _raised,
    Alert.MONITOR_ESCALATED: _escalated,
    Alert.MONITOR_ACKNOWLEDGED: _acknowledged,
    Alert.MONITOR_CLEARED: _cleared,
    Alert.PROMPT_PROPOSED: _proposed,
    Alert.PROMPT_CONFIRMED: _confirmed,
    Alert.PROMPT_ENDED: _ended,
}
