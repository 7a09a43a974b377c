"""How loud each alert of the machines is when it goes to people's channels (T-08)."""

from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, TradingState

QUIET = ""
"""Level of what is on record and on screens only."""
NOTICE, AMBER, RED = "notice", "amber", "red"

LEVEL: dict[Alert, str] = {
    Alert.TRIPPED: RED,
    Alert.LOSS_STOP: RED,
    Alert.DEAD_MAN: RED,
    Alert.PULL_OVERDUE: RED,
    Alert.FIRM_BREACH: RED,
    Alert.LEVELS_DIFFER: RED,
    Alert.UNATTRIBUTED_FILL: RED,
    Alert.INQUIRY_MISSED: RED,
    Alert.INQUIRY_BROKEN: RED,
    Alert.NOBODY_ON_DUTY: RED,
    Alert.FOREIGN_ACCOUNT: RED,
    Alert.LINK_REFUSED: RED,
    Alert.TOOK_OVER: AMBER,
    Alert.FEED_STALE: AMBER,
    Alert.SPOT_DOUBTED: AMBER,
    Alert.RATE_OLD: AMBER,
    Alert.UNKNOWN_ORDER: AMBER,
    Alert.REPORT_GAP: AMBER,
    Alert.RECORD_QUARANTINED: AMBER,
    Alert.DUTY_AT_RISK: AMBER,
    Alert.MARGIN_HIGH: AMBER,
    Alert.HALT: AMBER,
    Alert.BREAKER: AMBER,
    Alert.PROFIT_UNEXPLAINED: AMBER,
    Alert.HEDGE_BLOCKED: AMBER,
    Alert.MODEL_NOT_RELEASED: AMBER,
    Alert.STRATEGY_NOT_RELEASED: AMBER,
    Alert.FIRM_NOTICE: AMBER,
    Alert.PROMPT_PROPOSED: AMBER,
    Alert.LINK_CHANGED: NOTICE,
    Alert.LIMITS_CHANGED: NOTICE,
    Alert.MODEL_FALLBACK: NOTICE,
    Alert.FORWARD_RUNG: NOTICE,
    Alert.REARMED: NOTICE,
    Alert.DUTY_CHANGED: NOTICE,
    Alert.NIGHT_EXCEPTED: NOTICE,
}
"""Codes that are not here are `QUIET`: they come by the hundred, or answer a person."""
_GRADES = (QUIET, NOTICE, AMBER, RED)
_MONITORED = (Alert.MONITOR_RAISED, Alert.MONITOR_ESCALATED)


def level_of(alert: RaiseAlert) -> str:
    """The level of an alert, QUIET for none; a monitor's alert has its own."""
    if alert.code in _MONITORED:
        return _GRADES[int(alert.args[2])]
    if alert.code == Alert.STATE_CHANGED:
        return RED if int(alert.args[0]) <= TradingState.HALTED else AMBER
    return LEVEL.get(alert.code, QUIET)
