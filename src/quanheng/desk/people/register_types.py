"""What stands in the registers, one struct each (O-03, O-05, L-01, L-10, L-12, S-04)."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Literal

import msgspec

from quanheng.desk.people.crossings import WALL, WallCrossing
from quanheng.terms.units import Day


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision of the investment decision process (投资决策流程, chapter 7, 1; O-03)."""

    subject: Literal["class", "capital", "limit", "strategy"]
    scope: str  # underlying, strategy or limit's name; "*" for all
    content: str
    proposer: str
    since: Day
    until: Day  # the last day; a decision has a term
    basis: str


class Meeting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meeting across the wall and what was spoken of (留痕, chapter 7, 2(4))."""

    day: Day
    place: str
    departments: tuple[str, ...]
    persons: tuple[str, ...]
    purpose: str
    content: str


class Premises(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Separation of premises, with evidence (chapter 7, 2(4))."""

    day: Day
    place: str
    measure: str  # separate rooms, entrance control
    evidence: str  # name of the file or record
    sha256: str


class Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A supervisory letter or measure received (S-04); `measure` as the rating reads it (E-07)."""

    day: Day
    reference: str
    sender: str
    measure: Literal["letter", "penalty", "lowering", "other"]
    content: str
    underlying: str = ""  # "" for all classes
    steps: int = 0  # grades, of a lowering
    due: Day = 0  # an answer is asked for by this day


class Agreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agreement, a supplement or a letter that counts as one (chapter 2, 8; L-10)."""

    form: Literal["agreement", "supplement", "approval"]
    underlying: str
    kind: Literal["primary", "general", "designated"]
    reference: str
    signed: Day
    since: Day
    until: Day = 0  # 0: without a confirmed end
    parameters: dict[str, str] = {}  # rulebook keys it changes


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account reported to the exchange (做市业务账户报备, chapter 2, 7)."""

    account: str
    securities_account: str
    scope: str  # underlying or "*"
    reported: Day
    confirmed: Day = 0
    old: bool = False  # left for another one: closes only until within the ordinary limit
    unit: str = ""  # trading unit


class Filing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notice or report to the exchange, from what calls for it (L-12)."""

    trigger: str  # of data/filings.toml
    subject: str
    base: Day  # the day the term is counted from


class FilingStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a filing: sent, answered, confirmed by the exchange, in effect, or closed."""

    filing: int
    step: Literal["sent", "answered", "confirmed", "refused", "effective", "closed"]
    day: Day
    text: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Evidence for a condition of chapter 2, 1 (L-01), or for a part of a document."""

    condition: str  # e.g. inspection, laboratory, funds, sanctions
    day: Day
    text: str
    file: str
    sha256: str
    holds: bool = True


class Kind(msgspec.Struct, frozen=True):
    """A register: its record, words, and posts of which one approves (nobody when empty)."""

    record: Any
    words: str
    english: str
    approvers: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "decision": Kind(Decision, "投资决策登记", "investment decisions", ("decision", "head")),
    WALL: Kind(WallCrossing, "跨墙登记", "wall-crossings", ("compliance",)),
    "meeting": Kind(Meeting, "跨墙会议记录", "meetings across the wall"),
    "premises": Kind(Premises, "办公场所隔离记录", "separation of premises", ("compliance",)),
    "letter": Kind(Letter, "监管函件登记", "supervisory letters"),
    "agreement": Kind(Agreement, "做市协议登记", "agreements", ("compliance",)),
    "account": Kind(Account, "做市账户登记", "accounts reported", ("compliance",)),
    "filing": Kind(Filing, "报备报告登记", "filings"),
    "filing_step": Kind(FilingStep, "报备报告办理情况", "what became of filings"),
    "evidence": Kind(Evidence, "资格证据", "evidence"),
}


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of data/filings.toml; see there."""

    trigger: str
    words: str
    base: str
    channel: str
    address: str
    source: str
    days: int = 0
    years: int = 0
    whose: str = "us"
    confirm: bool = False
    note: str = ""


class _Filings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filings: tuple[Trigger, ...]


def triggers() -> dict[str, Trigger]:
    """What calls for a filing, by its name."""
    text = (files("quanheng") / "data/filings.toml").read_text(encoding="utf-8")
    return {row.trigger: row for row in msgspec.toml.decode(text, type=_Filings).filings}
