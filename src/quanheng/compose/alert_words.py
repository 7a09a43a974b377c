"""What each alert is called, for reports; `check_words.told` has the words of the ladder's own."""

from quanheng.compose.check_words import told
from quanheng.compose.duty_words import duty_told
from quanheng.compose.monitor_words import monitor_told
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert

NAMES: dict[Alert, tuple[str, str]] = {
    Alert.CHECK_DENIED: ("事前检查拒绝", "denied by the ladder"),
    Alert.STATE_CHANGED: ("交易状态改变", "trading state changed"),
    Alert.FIT_FAILED: ("波动率曲线拟合失败", "curve fit failed"),
    Alert.CURVE_RUNG: ("波动率曲线来源改变", "curve source changed"),
    Alert.MODEL_FALLBACK: ("改用备用模型", "fallback model in use"),
    Alert.MODEL_NOT_RELEASED: ("模型未发布", "model not released"),
    Alert.STRATEGY_NOT_RELEASED: ("策略未发布", "strategy not released"),
    Alert.PARAMETER_CHANGED: ("参数变更", "parameter changed"),
    Alert.FORWARD_RUNG: ("远期价格来源改变", "forward source changed"),
    Alert.FEED_STALE: ("行情中断", "market data stale"),
    Alert.SPOT_DOUBTED: ("标的价格跳变待确认", "jump of an underlying in doubt"),
    Alert.RATE_OLD: ("沿用上次批准的利率", "last approved interest rate goes on"),
    Alert.RECORD_QUARANTINED: ("记录隔离", "record quarantined"),
    Alert.REJECTED_BY_EXCHANGE: ("交易所拒单", "rejected by the exchange"),
    Alert.UNKNOWN_ORDER: ("状态未知的委托", "order of unknown state"),
    Alert.REPORT_GAP: ("回报缺失", "gap in reports"),
    Alert.RATE_SOFT_LIMIT: ("报单速率接近限制", "message rate near its limit"),
    Alert.DUTY_AT_RISK: ("做市义务有未达标风险", "duty at risk"),
    Alert.BREAKER: ("合约熔断", "circuit breaker"),
    Alert.HALT: ("停牌", "halt"),
    Alert.LINK_CHANGED: ("报盘线路状态改变", "order line changed"),
    Alert.MARGIN_HIGH: ("保证金占用过高", "margin use high"),
    Alert.LOSS_STOP: ("止损", "loss stop"),
    Alert.LIMIT_NEAR: ("接近限额", "near a limit"),
    Alert.LIMITS_CHANGED: ("限额变更", "limits changed"),
    Alert.TRIPPED: ("风控触发", "guard tripped"),
    Alert.REARMED: ("风控复位", "guard rearmed"),
    Alert.PROFIT_UNEXPLAINED: ("盈亏未能充分归因", "profit not explained"),
    Alert.HEDGE_BLOCKED: ("对冲受阻", "hedge blocked"),
    Alert.TOOK_OVER: ("主备切换", "took over"),
    Alert.DEAD_MAN: ("心跳中断", "dead-man"),
    Alert.PULL_OVERDUE: ("撤单超时", "pull overdue"),
    Alert.DUTY_CHANGED: ("签到或签退", "signed on or off"),
    Alert.NOBODY_ON_DUTY: ("无交易员签到", "no trader signed on"),
    Alert.INQUIRY_TAKEN: ("询价转人工", "inquiry taken over"),
    Alert.INQUIRY_GIVEN_BACK: ("询价交还系统", "inquiry given back"),
    Alert.INQUIRY_ANSWERED: ("人工回应询价", "inquiry answered by hand"),
    Alert.INQUIRY_BROKEN: ("询价回应未保持满时", "inquiry's answer not held"),
    Alert.INQUIRY_MISSED: ("询价未回应", "inquiry missed"),
    Alert.MONITOR_RAISED: ("监控告警", "monitor alert"),
    Alert.MONITOR_ACKNOWLEDGED: ("告警已确认", "alert acknowledged"),
    Alert.MONITOR_ESCALATED: ("告警升级", "alert escalated"),
    Alert.MONITOR_CLEARED: ("告警解除", "alert cleared"),
    Alert.PROMPT_PROPOSED: ("风险提示", "risk prompt"),
    Alert.PROMPT_CONFIRMED: ("风险提示已答复", "risk prompt answered"),
    Alert.PROMPT_ENDED: ("风险提示结果", "result of a risk prompt"),
    Alert.NIGHT_EXCEPTED: ("隔夜例外已签", "overnight exception signed"),
    Alert.FIRM_BREACH: ("公司层面限额超限", "firm limit breached"),
    Alert.FIRM_NOTICE: ("风险提示书已发出", "risk notice issued"),
    Alert.LEVELS_DIFFER: ("两级风控核对不一致", "the two levels differ"),
    Alert.JOURNAL_DAMAGED: ("日志损坏", "journal damaged"),
    Alert.FOREIGN_ACCOUNT: ("非本系统账户", "account of another business"),
    Alert.UNATTRIBUTED_FILL: ("成交无登记归属", "fill without a registered owner"),
    Alert.FIRM_EXTREME: ("极端情况", "extreme case"),
    Alert.FORCED_CALL: ("强行平仓监控", "forced closing watch"),
    Alert.LINK_REFUSED: ("节点间连接被拒绝", "link between hosts refused"),
    Alert.NOTICE_UNREADABLE: ("通知信息无法读取", "clearing notice cannot be read"),
}


def sentence(alert: RaiseAlert, language: str) -> str:
    """Name and details of an alert in one line."""
    detail = told(alert, language) or monitor_told(alert, language) or duty_told(alert, language)
    if not detail:
        detail = f"{alert.scope} {' '.join(str(arg) for arg in alert.args)}".strip()
    name = NAMES[alert.code][language == "en"]
    return f"{name}{': ' if language == 'en' else '：'}{detail}"
