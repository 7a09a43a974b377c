"""Sentences for alerts whose arguments people should not have to decode; others as everywhere."""

from collections.abc import Callable

from quanheng.compose.alert_words import NAMES, sentence
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, Link, TradingState

LINKS = {Link.DOWN: ("断开", "down"), Link.SYNCING: ("同步中", "synchronising"),
         Link.READY: ("正常", "ready")}  # fmt: skip
STATES = {
    TradingState.DOWN: ("断开", "down"), TradingState.SYNCING: ("同步中", "syncing"),
    TradingState.HALTED: ("暂停", "halted"), TradingState.CANCEL_ONLY: ("只撤", "cancel only"),
    TradingState.REDUCING: ("只减", "reducing"), TradingState.OPEN: ("正常", "open"),
}  # fmt: skip
POSTS = {
    "trader": ("交易员", "trader"), "risk": ("风控", "risk"), "ops": ("运维", "operations"),
    "clearing": ("清算", "clearing"), "compliance": ("合规", "compliance"),
    "quant": ("量化", "quant"), "head": ("负责人", "head"),
    "firm_risk": ("公司风控", "firm risk"), "auditor": ("稽核", "auditor"),
}  # fmt: skip

Args = tuple[int | str, ...]


def _scope(scope: str, english: int) -> str:
    return ("全部", "everything")[english] if scope == "*" else scope


def _link(_: str, args: Args, english: int) -> str:
    return LINKS[Link(int(args[0]))][english]


def _state(scope: str, args: Args, english: int) -> str:
    state = STATES[TradingState(int(args[0]))][english]
    rest = " ".join(str(one) for one in args[1:] if one != "")
    return f"{_scope(scope, english)} {state} {rest}".rstrip()


def _duty(scope: str, args: Args, english: int) -> str:
    post, person, way = (str(one) for one in args[:3])
    on = way == "on"
    where = _scope(scope, english)
    if english:
        return f"{person} signed {'on' if on else 'off'} as {POSTS[post][1]}, {where}"
    return f"{person} {'签到' if on else '签退'}（{POSTS[post][0]}，{where}）"


def _parameter(scope: str, args: Args, english: int) -> str:
    name, before, after, *people = (str(one) for one in args)
    who = " ".join(one for one in people if one)
    return f"{_scope(scope, english)} {name} {before} → {after} {who}".rstrip()


def _auction(scope: str, args: Args, english: int) -> str:
    _, missing, total, *codes = args
    named = " ".join(str(one) for one in codes)
    if english:
        return f"{scope}: {missing} of {total} contracts not ready for the auction: {named} …"
    return f"{scope} 集合竞价 {total} 个合约中 {missing} 个未就绪：{named} …"


TELL: dict[Alert, Callable[[str, Args, int], str]] = {
    Alert.LINK_CHANGED: _link,
    Alert.STATE_CHANGED: _state,
    Alert.DUTY_CHANGED: _duty,
    Alert.PARAMETER_CHANGED: _parameter,
}


def spoken(alert: RaiseAlert, language: str) -> str:
    """One line for a person; an alert of a shape not known here falls back to `sentence`."""
    english = int(language == "en")
    tell = TELL.get(alert.code)
    if alert.code == Alert.DUTY_AT_RISK and alert.args[:1] == ("auction",):
        tell = _auction
    try:
        words = tell(alert.scope, alert.args, english) if tell else ""
    except (ValueError, KeyError, IndexError):
        words = ""
    if not words:
        return sentence(alert, language)
    return f"{NAMES[alert.code][english]}{': ' if english else '：'}{words}"
