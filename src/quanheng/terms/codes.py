"""Closed lists of codes: phases, sides, states, checks, alerts.

Machines emit codes and arguments, never sentences; words are added by whoever shows them to a
person.
"""

from enum import IntEnum, StrEnum


class Phase(IntEnum):
    """Trading phase of one contract: character 1 of TradingPhaseCode (interfaces.md 4.1)."""

    START = 0  # S, before the opening call auction
    OPENING = 1  # C, opening call auction
    CONTINUOUS = 2  # T
    BREAK = 3  # B, 09:25-09:30 and lunch
    INTRADAY = 4  # V, volatility interruption (circuit-breaker call auction)
    HALT = 5  # P, temporary halt
    CLOSING = 6  # U, closing call auction
    CLOSED = 7  # E


PHASE_LETTERS = "SCTBVPUE"
"""Letter of a Phase at its own value: PHASE_LETTERS[Phase.OPENING] == "C"."""


class Side(IntEnum):
    """Tag 54."""

    BUY = 1
    SELL = 2


class Effect(IntEnum):
    """Position effect, tags 77, 8909 and 8910: open or close."""

    OPEN = 0
    CLOSE = 1


class OrderKind(IntEnum):
    """Order types of the option platform, with their time in force (interfaces.md 2.3)."""

    LIMIT = 0  # 普通限价, 40=2 59=0
    LIMIT_FOK = 1  # 全额即时限价, 40=2 59=4
    MARKET_IOC = 2  # 市价剩余撤销, 40=1 59=3
    MARKET_FOK = 3  # 全额即时市价, 40=1 59=4
    MARKET_TO_LIMIT = 4  # 市价剩余转限价, 40=K 59=0


class Exec(IntEnum):
    """What a report says happened: tag 150 with tag 39."""

    ACCEPTED = 0
    REJECTED = 8
    CANCELLED = 6


class TradingState(IntEnum):
    """State of a scope of quoting, most restrictive first (borders.md 1, reliability.md 2.5)."""

    DOWN = 0
    SYNCING = 1
    HALTED = 2
    CANCEL_ONLY = 3
    REDUCING = 4
    OPEN = 5


class Link(IntEnum):
    """State of the order link between engine, gateway and exchange."""

    DOWN = 0
    SYNCING = 1
    READY = 2


class Overseen(IntEnum):
    """What an engine on a clock knows of the firm's overseer (reliability.md 2.6)."""

    WATCHED = 0  # it beats, or none belongs to this run
    LATE = 1  # silent for 5 s: nothing that adds risk
    LOST = 2  # silent for 15 s: halted until two people end the trip


class Action(IntEnum):
    """What a failed pre-trade check does (borders.md 4)."""

    ALLOW = 0
    WARN = 1
    DENY = 2
    TRIP = 3  # deny, and lower the trading state of the scope


class Check(IntEnum):
    """Pre-trade checks, numbered in evaluation order (reliability.md 2.3; P36 to P38 borders.md
    4).
    """

    P01_STATE = 1
    P02_EPOCH = 2
    P03_PHASE = 3
    P04_CONTRACT = 4
    P05_PERMITTED = 5
    P06_QUANTITY = 6
    P07_PRICE = 7
    P08_ORDER_VALUE = 8
    P09_THEO_COLLAR = 9
    P10_LAST_COLLAR = 10
    P11_OWN_QUOTE_COLLAR = 11
    P12_CROSSING = 12
    P13_SELF_TRADE = 13
    P14_DUPLICATE = 14
    P15_MESSAGE_RATE = 15
    P16_REPEATED_EXECUTION = 16
    P17_ORDER_TO_TRADE = 17
    P18_POSITION = 18
    P19_GREEKS = 19
    P20_MARGIN = 20
    P21_PREMIUM = 21
    P22_COVERED = 22
    P23_EXPIRY = 23
    P24_OPEN_CLOSE = 24
    P25_LOSS_STOP = 25
    P26_VAR = 26
    P27_DUTY = 27
    P28_FILING = 28
    P29_MODEL_APPROVED = 29
    P30_MANUAL = 30
    P31_DAILY_TOTALS = 31
    P32_ACCOUNT_PURPOSE = 32
    P33_REJECT_RATE = 33
    P34_LATENCY = 34
    P35_RECONCILIATION = 35
    P36_AGREEMENT = 36
    P37_OLD_ACCOUNT = 37
    P38_BOTH_ACCOUNTS = 38


class ExemptReason(StrEnum):
    """Recorded exemptions of chapter 4 (duty_dataset.md, table exemptions)."""

    TECHNICAL = "technical"
    FORCE_MAJEURE = "force_majeure"
    OTHER = "other"


FORCED_MARGIN = "QP1"
"""Prefix of the exchange's own orders that close for want of margin (interfaces.md 2.1)."""
FORCED_COVERED = "CV1"
"""The same for want of locked underlying."""
FORCED_PREFIXES = (FORCED_MARGIN, FORCED_COVERED)
FORCED_SPLIT = "CF1"
"""The same for combinations that the exchange splits (35=U12 with action F)."""


ROLES = ("primary", "general", "designated", "none")
"""What a maker is in a class (O-01): all duties, inquiries only, designated contracts only."""


class Jump(IntEnum):
    """What became of an underlying's jump that was not believed at once (F43)."""

    DOUBTED = 0
    GONE = 1  # the next ticks were back where they had been
    TICKS = 2  # confirmed by as many ticks as the parameter says
    OPTIONS = 3  # confirmed by put-call parity


class Alert(StrEnum):
    """Alerts of the machines. Each has words in Chinese and English where people read them."""

    CHECK_DENIED = "check_denied"
    STATE_CHANGED = "state_changed"
    FIT_FAILED = "fit_failed"
    CURVE_RUNG = "curve_rung"
    MODEL_FALLBACK = "model_fallback"
    MODEL_NOT_RELEASED = "model_not_released"
    STRATEGY_NOT_RELEASED = "strategy_not_released"
    PARAMETER_CHANGED = "parameter_changed"
    FORWARD_RUNG = "forward_rung"
    FEED_STALE = "feed_stale"
    SPOT_DOUBTED = "spot_doubted"  # a jump of an underlying: see Jump
    RATE_OLD = "rate_old"  # the last approved interest rate goes on
    RECORD_QUARANTINED = "record_quarantined"
    REJECTED_BY_EXCHANGE = "rejected_by_exchange"
    UNKNOWN_ORDER = "unknown_order"
    REPORT_GAP = "report_gap"
    RATE_SOFT_LIMIT = "rate_soft_limit"
    DUTY_AT_RISK = "duty_at_risk"
    BREAKER = "breaker"
    HALT = "halt"
    LINK_CHANGED = "link_changed"
    MARGIN_HIGH = "margin_high"
    LOSS_STOP = "loss_stop"
    LIMIT_NEAR = "limit_near"
    LIMITS_CHANGED = "limits_changed"
    TRIPPED = "tripped"
    REARMED = "rearmed"
    PROFIT_UNEXPLAINED = "profit_unexplained"
    HEDGE_BLOCKED = "hedge_blocked"
    TOOK_OVER = "took_over"
    DEAD_MAN = "dead_man"
    PULL_OVERDUE = "pull_overdue"
    DUTY_CHANGED = "duty_changed"  # a person signed on or off
    NOBODY_ON_DUTY = "nobody_on_duty"
    INQUIRY_TAKEN = "inquiry_taken"
    INQUIRY_GIVEN_BACK = "inquiry_given_back"
    INQUIRY_ANSWERED = "inquiry_answered"  # by a person; the machine's answers are not told
    INQUIRY_BROKEN = "inquiry_broken"  # its answer ended before its hold was over
    INQUIRY_MISSED = "inquiry_missed"
    MONITOR_RAISED = "monitor_raised"
    MONITOR_ACKNOWLEDGED = "monitor_acknowledged"
    MONITOR_ESCALATED = "monitor_escalated"
    MONITOR_CLEARED = "monitor_cleared"
    PROMPT_PROPOSED = "prompt_proposed"
    PROMPT_CONFIRMED = "prompt_confirmed"
    PROMPT_ENDED = "prompt_ended"
    NIGHT_EXCEPTED = "night_excepted"
    FIRM_BREACH = "firm_breach"
    FIRM_NOTICE = "firm_notice"
    LEVELS_DIFFER = "levels_differ"
    JOURNAL_DAMAGED = "journal_damaged"  # an older segment, found by the scrub
    FOREIGN_ACCOUNT = "foreign_account"  # something names an account that is not this system's
    UNATTRIBUTED_FILL = "unattributed_fill"
    FIRM_EXTREME = "firm_extreme"  # wrong or oversized order, over-limit position, unexplained fill
    FORCED_CALL = "forced_call"  # a stage of the watch over forced closing
    NOTICE_UNREADABLE = "notice_unreadable"
    LINK_REFUSED = "link_refused"  # between hosts: no valid certificate, or of another name
