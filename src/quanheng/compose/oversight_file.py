"""The firm's oversight of a desk, from one TOML file: register, limits, levels (R-02, R-03)."""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from quanheng.compose.people import People
from quanheng.compose.starts import history
from quanheng.config import read_toml
from quanheng.kernels.pack import pack
from quanheng.oversight.cases import FIRM_RISK, LEAST, MOST, case_number
from quanheng.oversight.incidents import problem
from quanheng.oversight.limits import BY_NAME
from quanheng.oversight.messages import (
    Answer,
    Attribution,
    CloseCase,
    ExtremeRule,
    FirmLimit,
    FollowUp,
    Officer,
    Policy,
    ReleaseDesk,
    Restrain,
)
from quanheng.terms.codes import TradingState
from quanheng.terms.contract import Chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import MINUTE, MONEY_PER_YUAN, Day

SHIPPED = "data/oversight.toml"
ON_CASES = ("answer", "follow", "refuse", "close")
ACTS = (*ON_CASES, "restrain", "release", "second")
"""What people do: on a case; put a scope of the desk into a state; ask to release it; second that.
"""
MOST_LIMITS = 1_000
MOST_AHEAD = 120
_MILLION = 1_000_000


class RegisterEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Client ids that begin with `prefix`, in one underlying or "*", and who stands behind them."""

    prefix: str
    underlying: str
    desk: str
    strategy: str


class LimitEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An authorised limit from a day to before another, 0 without end (`oversight.limits`)."""

    scope: str
    name: str
    value: int
    since: int
    version: int
    basis: str
    by: str
    seconded_by: str
    answer_min: int
    escalate: tuple[str, ...] = ()
    until: int = 0


class RuleEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an extreme case leads to (`oversight.messages.ExtremeRule`); state "" for nothing."""

    name: str
    state: str = ""
    whole: bool = False
    answer_min: int = 30
    escalate: tuple[str, ...] = ()


class ExtremesEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Thresholds of extreme cases (`oversight.messages.Policy`)."""

    far_ppm: int
    far_ticks: int
    far_spot_ppm: int
    order_lots: int
    order_value_yuan: int
    ahead_min: int
    rules: tuple[RuleEntry, ...] = ()


class ActEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person does in a simulated day at HH:MM[:SS]; see `ACTS`. `case` is its number in the
    day, 1 the first; `state` is of a restraint.
    """

    at: str
    act: str
    by: str
    text: str = ""
    case: int = 0
    scope: str = "*"
    state: str = "HALTED"


class OversightFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    officer: str
    every_s: int
    level_ppm: int
    tail_ppm: int
    paths: int
    reference: str
    register: tuple[RegisterEntry, ...]
    limits: tuple[LimitEntry, ...]
    acts: tuple[ActEntry, ...] = ()
    extremes: ExtremesEntry | None = None


def read_oversight(path: Path | None = None) -> OversightFile:
    """The content of a file, or the shipped one. ConfigError names the file, key and reason."""
    return read_toml(OversightFile, path, SHIPPED, _problem)


def _problem(found: OversightFile) -> str:
    if found.every_s < 10:
        return f"every_s: {found.every_s} is below 10 seconds"
    for key in ("level_ppm", "tail_ppm"):
        if not 500_000 <= getattr(found, key) < _MILLION:
            return f"{key}: {getattr(found, key)} is not 500000 to 999999"
    if not 100 <= found.paths <= 100_000:
        return f"paths: {found.paths} is not 100 to 100000"
    if len(found.limits) > MOST_LIMITS:
        return f"limits: more than {MOST_LIMITS}"
    for number, entry in enumerate(found.register):
        if not (entry.prefix and entry.desk and entry.strategy and entry.underlying):
            return f"register[{number}]: prefix, underlying, desk and strategy must not be empty"
    owners = [f"desk:{one.desk}" for one in found.register]
    owners += [f"strategy:{one.strategy}" for one in found.register]
    scopes = ["*", *dict.fromkeys(owners)]
    wrong = [_wrong(number, one, scopes) for number, one in enumerate(found.limits)]
    wrong += [_wrong_act(number, one) for number, one in enumerate(found.acts)]
    wrong.append(_wrong_extremes(found.extremes) if found.extremes else "")
    return next((text for text in wrong if text), "")


def _wrong_extremes(found: ExtremesEntry) -> str:
    for key in ("far_ppm", "far_ticks", "far_spot_ppm", "order_lots", "order_value_yuan"):
        if getattr(found, key) < 1:
            return f"extremes.{key}: {getattr(found, key)} is not positive"
    if not 1 <= found.ahead_min <= MOST_AHEAD:
        return f"extremes.ahead_min: {found.ahead_min} is not 1 to {MOST_AHEAD}"
    allowed = [state.name for state in TradingState if LEAST <= state <= MOST]
    for number, rule in enumerate(found.rules):
        bad = [name for name in (rule.state, *rule.escalate) if name and name not in allowed]
        if bad:
            return f"extremes.rules[{number}]: {bad[0]!r} is not one of {', '.join(allowed)}"
        if rule.answer_min < 1:
            return f"extremes.rules[{number}].answer_min: {rule.answer_min} is below one minute"
    why = problem(tuple(_rule(rule) for rule in found.rules))
    return f"extremes.rules: {why}" if why else ""


def _rule(rule: RuleEntry) -> ExtremeRule:
    return ExtremeRule(
        rule.name,
        TradingState[rule.state] if rule.state else None,
        rule.whole,
        rule.answer_min * MINUTE,
        tuple(TradingState[name] for name in rule.escalate),
    )


def policy_of(found: OversightFile) -> Policy:
    """Thresholds and rules of extreme cases as the overseer takes them; a file that says nothing of
    them has the shipped ones.
    """
    one = found.extremes or read_oversight().extremes
    if one is None:
        return Policy()
    return Policy(
        rules=tuple(_rule(rule) for rule in one.rules),
        far_ppm=one.far_ppm,
        far_ticks=one.far_ticks,
        far_spot_ppm=one.far_spot_ppm,
        order_lots=one.order_lots,
        order_value=one.order_value_yuan * MONEY_PER_YUAN,
        ahead=one.ahead_min * MINUTE,
    )


def _wrong_act(number: int, one: ActEntry) -> str:
    key = f"acts[{number}]"
    if one.act not in ACTS:
        return f"{key}.act: {one.act!r} is not one of {', '.join(ACTS)}"
    if one.act in ON_CASES and one.case < 1:
        return f"{key}.case: {one.act} needs the number of a case, 1 the first"
    if one.state not in [state.name for state in TradingState]:
        return f"{key}.state: {one.state!r} is no trading state"
    try:
        from_clock(one.at)
    except ValueError as error:
        return f"{key}.at: {error}"
    return ""


def _wrong(number: int, one: LimitEntry, scopes: list[str]) -> str:
    key = f"limits[{number}]"
    if one.scope not in scopes and not (len(one.scope) == 6 and one.scope.isdigit()):
        return f"{key}.scope: {one.scope!r} is no underlying and not one of {', '.join(scopes)}"
    allowed = [state.name for state in TradingState if LEAST <= state <= MOST]
    if one.name not in BY_NAME:
        return f"{key}.name: {one.name!r} is not one of {', '.join(BY_NAME)}"
    bad = [name for name in one.escalate if name not in allowed]
    if bad:
        return f"{key}.escalate: {bad[0]!r} is not one of {', '.join(allowed)}"
    if one.answer_min < 1:
        return f"{key}.answer_min: {one.answer_min} is below one minute"
    if not one.basis or not one.by or one.seconded_by in ("", one.by):
        return f"{key}: names no basis or not two people (R-03)"
    for name in ("since", "until"):
        try:
            _ = midnight(getattr(one, name)) if getattr(one, name) else 0
        except ValueError as error:
            return f"{key}.{name}: {error}"
    return ""


def limits_of(found: OversightFile, chain: Chain) -> tuple[FirmLimit, ...]:
    """The limits as the overseer takes them; days become instants at midnight. A limit of an
    underlying that the day does not trade has nothing to hold.
    """
    traded = [item.underlying for item in chain.classes]
    return tuple(
        FirmLimit(
            LimitRecord(
                one.scope,
                one.name,
                one.value,
                midnight(one.since),
                midnight(one.until) if one.until else 0,
                one.basis,
                one.by,
                one.seconded_by,
            ),
            one.version,
            one.answer_min * MINUTE,
            tuple(TradingState[name] for name in one.escalate),
        )
        for one in found.limits
        if one.scope in traded or not one.scope.isdigit()
    )


def register_of(found: OversightFile) -> tuple[Attribution, ...]:
    """The register as the overseer takes it."""
    return tuple(
        Attribution(one.prefix, one.underlying, one.desk, one.strategy) for one in found.register
    )


def act_of(one: ActEntry, day: Day) -> Answer | FollowUp | CloseCase | Restrain | ReleaseDesk:
    """The overseer's input of an act; not of a "second", which is the authority's."""
    case = case_number(day, one.case)
    match one.act:
        case "answer":
            return Answer(case, one.by, one.text)
        case "close":
            return CloseCase(case, one.by, one.text)
        case "restrain":
            return Restrain(one.scope, TradingState[one.state], one.text, one.by)
        case "release":
            return ReleaseDesk(one.scope, one.text, one.by)
        case _:
            return FollowUp(case, one.by, one.text, one.act == "follow")


def officers(people: People) -> tuple[Officer, ...]:
    """Everybody with his or her posts."""
    return tuple(Officer(one.person, one.posts) for one in people.people)


def on_firm_risk(people: People, person: str) -> bool:
    """Does a person hold the firm's risk post?"""
    return any(one.person == person and FIRM_RISK in one.posts for one in people.people)


def past_dates(reference: str, before: Day) -> tuple[Day, ...]:
    """The days of `past_days`: each is the later one of its pair of closes."""
    return tuple(sorted(day for day in history().get(reference, {}) if day < before)[1:])


def past_days(reference: str, before: Day) -> bytes:
    """Packed int64[n, 2] of relative moves of an underlying and of its vol from close to close,
    1e-6, on the known days before a day; a vol that is not known does not move.
    """
    known = history().get(reference, {})
    days = [day for day in sorted(known) if day < before]
    rows = []
    for earlier, later in pairwise(days):
        (close, vol), (next_close, next_vol) = known[earlier], known[later]
        moved = _MILLION * (next_close - close) // close
        restless = _MILLION * (next_vol - vol) // vol if vol and next_vol else 0
        rows.append((moved, restless))
    return pack(np.array(rows, dtype=np.int64).reshape(-1, 2))
