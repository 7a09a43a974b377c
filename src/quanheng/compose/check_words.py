"""Words for what the ladder and the guards say; the machine itself only knows codes and figures."""

from quanheng.maker.guards import PROTECTION
from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.overseen import BY as OVERSEER
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, TradingState

_STATES = {
    TradingState.HALTED: "暂停",
    TradingState.CANCEL_ONLY: "只撤",
    TradingState.REDUCING: "只减",
}
_REASONS = {
    PROTECTION: (f"{PROTECTION} 做市保护窗口触发", f"{PROTECTION} market-maker protection window"),
    OVERSEER: ("公司监督系统失联", "the firm's overseer is silent"),
}
"""Reasons of trips that are no check's."""


def check_words(check: int, language: str, fault: int | None = None) -> str:
    """A check's number and meaning, with the exchange's code of the same fault if it has one:
    `fault` where a denial knows it more exactly than the check does.
    """
    rung = BY_CHECK[check]
    words = rung.meaning if language == "en" else rung.chinese
    number = rung.exchange_code if fault is None else fault
    code = f" [{number}]" if number else ""
    return f"{rung.check.name[:3]} {words}{code}"


def told(alert: RaiseAlert, language: str) -> str:
    """One line for a person about a denial, a warning or a trip, "" for other alerts."""
    english, args = language == "en", alert.args
    if alert.code == Alert.TRIPPED:
        reason, state, version = str(args[0]), TradingState(int(args[1])), args[2]
        if reason in _REASONS:
            words = _REASONS[reason][english]
        else:
            words = check_words(int(reason[1:]), language)
        if english:
            return f"{alert.scope} is {state.name}: {words}, limits version {version}"
        return f"{alert.scope} 已转为{_STATES[state]}：{words}，限额版本 {version}"
    if alert.code not in (Alert.CHECK_DENIED, Alert.LIMIT_NEAR) or not isinstance(args[0], int):
        return ""
    words = check_words(args[0], language)
    if alert.code == Alert.LIMIT_NEAR:
        version, contract = args[1], args[2]
        head = ("接近限额或须提示：", "near a limit or to be noted: ")[english]
    else:
        words = check_words(args[0], language, int(args[1]))
        version, contract = args[2], args[3]
        head = ("拒绝：", "denied: ")[english]
    tail = f"limits version {version}" if english else f"限额版本 {version}"
    return f"{contract} {head}{words}{', ' if english else '，'}{tail}"


def denied_text(denied: dict[int, int], language: str) -> str | None:
    """What the ladder denied in a day, most frequent first; None when nothing was."""
    if not denied:
        return None
    head = "ladder denied: " if language == "en" else "事前检查拒绝："
    rows = sorted(denied.items(), key=lambda item: (-item[1], item[0]))
    return head + "; ".join(f"{check_words(check, language)} × {count:,}" for check, count in rows)
