"""The policy: which post may propose a command and which must second it (house.md 10, O-04).

The table is data; it is printed for people by `policy_table` and the life-cycle of a proposal by
`life_cycle_table`.
"""

from enum import StrEnum

import msgspec

POSTS = (
    "trader",
    "risk",
    "ops",
    "clearing",
    "compliance",
    "quant",
    "head",
    "firm_risk",
    "auditor",
)
DESK = ("trader", "risk", "ops", "clearing", "compliance", "quant", "head")
"""Posts of the desk. Firm risk acts through oversight; auditors change nothing."""
FIRM_RISK = "firm_risk"


class Act(StrEnum):
    """What a command amounts to, given what is in force."""

    PULL = "pull"
    LOWER_STATE = "lower_state"
    RAISE_STATE = "raise_state"
    RELEASE = "release"  # raise what firm risk has lowered
    PARAMETER_IN_BAND = "parameter_in_band"
    PARAMETER_OUTSIDE_BAND = "parameter_outside_band"
    TIGHTEN_LIMIT = "tighten_limit"
    LOOSEN_LIMIT = "loosen_limit"
    EXEMPTION = "exemption"
    SIGN_ON = "sign_on"
    FIGURE = "figure"
    REARM = "rearm"
    MODEL_RELEASE = "model_release"
    INQUIRY = "inquiry"
    ORDER = "order"
    LARGE_ORDER = "large_order"
    CANCEL = "cancel"
    LOCK = "lock"
    EXERCISE = "exercise"
    COMBINATION = "combination"
    MARGIN_INQUIRY = "margin_inquiry"
    BUILD_PREPARED = "build_prepared"
    ACKNOWLEDGE = "acknowledge"
    CONFIRM = "confirm"
    CONFIRM_OPENING = "confirm_opening"
    NIGHT_EXCEPTION = "night_exception"
    SETTLEMENT = "settlement"  # steps and entries of a day's settlement (compose/settle_acts.py)


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """Who proposes (经办), who seconds (复核; nobody when empty).

    `on_duty` false: any person appointed to one of the posts may, signed on or not, because what
    makes things safer is never blocked.
    """

    act: Act
    proposers: tuple[str, ...]
    seconders: tuple[str, ...]
    on_duty: bool


RULES = (
    Rule(Act.PULL, DESK, (), False),
    Rule(Act.LOWER_STATE, (*DESK, FIRM_RISK), (), False),
    Rule(Act.TIGHTEN_LIMIT, DESK, (), False),
    Rule(Act.RAISE_STATE, ("trader",), ("risk",), True),
    Rule(Act.RELEASE, (FIRM_RISK,), ("head",), True),
    Rule(Act.PARAMETER_IN_BAND, ("trader",), (), True),
    Rule(Act.PARAMETER_OUTSIDE_BAND, ("trader",), ("risk",), True),
    Rule(Act.LOOSEN_LIMIT, ("risk",), ("head",), True),
    Rule(Act.EXEMPTION, ("trader",), ("risk", "compliance"), True),
    Rule(Act.FIGURE, ("risk", FIRM_RISK), (), True),
    Rule(Act.REARM, ("trader",), ("risk",), True),
    Rule(Act.SIGN_ON, POSTS, (), False),
    Rule(Act.MODEL_RELEASE, ("quant",), ("risk",), False),
    Rule(Act.INQUIRY, ("trader",), (), True),
    Rule(Act.ORDER, ("trader",), (), True),
    Rule(Act.LARGE_ORDER, ("trader",), ("risk",), True),
    Rule(Act.CANCEL, DESK, (), False),
    Rule(Act.LOCK, ("trader", "clearing"), (), True),
    Rule(Act.EXERCISE, ("trader",), ("risk", "clearing"), True),
    Rule(Act.COMBINATION, ("trader",), (), True),
    Rule(Act.MARGIN_INQUIRY, ("trader", "risk", "clearing"), (), True),
    Rule(Act.BUILD_PREPARED, ("trader",), ("risk",), True),
    Rule(Act.ACKNOWLEDGE, DESK, (), True),
    Rule(Act.CONFIRM, ("trader", "risk"), (), True),
    Rule(Act.CONFIRM_OPENING, ("trader",), ("risk",), True),
    Rule(Act.NIGHT_EXCEPTION, ("risk",), ("head",), True),
    Rule(Act.SETTLEMENT, ("clearing",), ("risk", "head"), False),
)


def rule_of(act: Act) -> Rule:
    """The rule of an act."""
    return next(rule for rule in RULES if rule.act == act)


class Status(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    ISSUED = "issued"
    DELIVERED = "delivered"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Event(StrEnum):
    """What moves a proposal."""

    SECOND = "second"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    DELIVER = "deliver"


LIFE_CYCLE = {
    (Status.PROPOSED, Event.SECOND): Status.ISSUED,
    (Status.PROPOSED, Event.WITHDRAW): Status.WITHDRAWN,
    (Status.PROPOSED, Event.EXPIRE): Status.EXPIRED,
    (Status.ISSUED, Event.DELIVER): Status.DELIVERED,
}
"""Every allowed move; a command that needs no second person starts as ISSUED."""


def policy_table() -> str:
    """The policy as a Markdown table."""
    lines = ["| act | proposes | seconds | must be on duty |", "|---|---|---|---|"]
    for rule in RULES:
        seconds = ", ".join(rule.seconders) or "nobody"
        duty = "yes" if rule.on_duty else "no"
        lines.append(f"| {rule.act} | {', '.join(rule.proposers)} | {seconds} | {duty} |")
    return "\n".join(lines) + "\n"


def life_cycle_table() -> str:
    """The life-cycle of a proposal as a Markdown table, a dash where an event is refused."""
    lines = [
        "| status | " + " | ".join(Event) + " |",
        "|---" * (len(Event) + 1) + "|",
    ]
    for status in Status:
        moves = [LIFE_CYCLE.get((status, event)) for event in Event]
        lines.append(f"| {status} | " + " | ".join(move or "-" for move in moves) + " |")
    return "\n".join(lines) + "\n"
