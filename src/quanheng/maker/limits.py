"""Limits of ladder, guards and monitors as versioned records (L-03, R-03, I-29 to I-43).

One table names every limit with unit, default and hard band; larger is looser, except for the
thresholds of figures that are bad when low. What is in
force comes from the tightest base (the default, a quote parameter, the exchange's grant) and the
approved record of the narrowest scope. A record may loosen a default, never a parameter or a grant.
When it expires, the tighter of its value and the base is left, so time alone never loosens.
"""

import msgspec
import numpy as np

from quanheng.maker import columns as c
from quanheng.maker.guard_state import FOREVER, REJECTS
from quanheng.maker.layers import slots_of
from quanheng.maker.monitor_state import FAR, Watch
from quanheng.maker.monitor_table import (
    ESCALATE,
    LEVELS,
    MONITORS,
    NIGHT,
    PERCENT,
    Level,
    threshold_name,
)
from quanheng.maker.parameters import INDEX
from quanheng.maker.state import State
from quanheng.rulebook import position_limits
from quanheng.terms.contract import Chain
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import MILLISECOND, MONEY_PER_YUAN, SECOND, Nanos

SOFT = 80
"""Per cent of a hard limit at which people are warned."""

MOST = 1_000
"""Limit records of a day."""

BAND = 10
"""Per cent of a threshold that a figure has to come back before its level ends."""

_FLOORS = np.array([one.floor for one in MONITORS])[:, None, None]
_STRICT = np.array([int(one.strict) for one in MONITORS])[:, None, None]

_BASE = -1
"""Default of a limit whose base is not a number of this table."""


class Limit(msgspec.Struct, frozen=True):
    """One limit: its column of the limits table and the factor from its unit to the column's.

    `default` -1: the base is the quote parameter of this name, the exchange's grant, or the
    ordinary limits of the rulebook. `soft`: warns at SOFT per cent. A threshold of a monitor has
    its `row` of the monitors' thresholds instead, with the level as its column; `floor`: it is
    reached from above, so a smaller one is looser.
    """

    name: str
    unit: str
    column: int
    factor: int
    default: int
    high: int
    soft: bool
    meaning: str
    row: int = -1
    floor: bool = False
    desk: bool = False  # a threshold of the whole book: of the scope "*" alone


_YUAN, _MS = MONEY_PER_YUAN, MILLISECOND

LIMITS: tuple[Limit, ...] = (
    Limit("max_qty", "contracts", c.L_QTY, 1, _BASE, 50, False, "P06 largest order"),
    Limit("max_value", "yuan", c.L_VALUE, _YUAN, _BASE, 10**8, True, "P08 value of one order"),
    Limit("max_position", "contracts", c.L_POSITION, 1, _BASE, 10**4, False, "P18 net, contract"),
    Limit("long", "contracts", c.L_LONG, 1, _BASE, 10**7, True, "P18 long positions of a class"),
    Limit("total", "contracts", c.L_TOTAL, 1, _BASE, 10**7, True, "P18 all positions of a class"),
    Limit("daily_buy_open", "contracts", c.L_BUY_OPEN, 1, _BASE, 10**7, True, "P18 bought open"),
    Limit("repeats", "messages in 200 ms", c.L_REPEATS, 1, 3, 1_000, False, "P14 equal messages"),
    Limit("repeat_fills", "fills in 5 s", c.L_FILLS, 1, _BASE, 10**4, False, "P16 fills"),
    Limit("messages", "messages", c.L_MESSAGES, 1, 20_000, 10**7, False, "P17 before the ratio"),
    Limit("message_ratio", "messages per fill", c.L_RATIO, 1, 500, 10**6, False, "P17 ratio"),
    Limit("delta", "yuan per 1 %", c.L_DELTA, _YUAN, 3_000_000, 10**9, True, "P19 class delta"),
    Limit("gamma", "yuan per 1 % per 1 %", c.L_GAMMA, _YUAN, 1_500_000, 10**9, True, "P19 gamma"),
    Limit("vega", "yuan per vol point", c.L_VEGA, _YUAN, 3_000_000, 10**9, True, "P19 vega"),
    Limit("theta", "yuan per day", c.L_THETA, _YUAN, 3_000_000, 10**9, True, "P19 theta"),
    Limit("expiry_cutoff", "second of the day", c.L_CUTOFF, 1, 54_000, 54_000, False,
          "P23 shorts may be opened on the last trading day"),
    Limit("loss", "yuan", c.L_LOSS, _YUAN, 3_000_000, 10**9, True, "P25 loss of a class"),
    Limit("loss_desk", "yuan", c.L_LOSS_DESK, _YUAN, 8_000_000, 10**9, True, "P25 of the desk"),
    Limit("var", "yuan", c.L_VAR, _YUAN, 10_000_000, 10**9, True, "P26 value at risk"),
    Limit("confirm_value", "yuan", c.L_CONFIRM, _YUAN, 500_000, 10**8, False,
          "P30 order of a person without a confirmation"),
    Limit("second_value", "yuan", c.L_SECOND, _YUAN, 1_500_000, 10**8, False,
          "P30 order of a person without a second one"),
    Limit("day_orders", "orders", c.L_DAY_ORDERS, 1, 1_000_000, 10**8, True, "P31 orders, quotes"),
    Limit("day_qty", "contracts", c.L_DAY_QTY, 1, 500_000, 10**8, True, "P31 contracts traded"),
    Limit("day_value", "yuan", c.L_DAY_VALUE, _YUAN, 5 * 10**9, 10**12, True, "P31 value traded"),
    Limit("day_opened", "contracts", c.L_DAY_OPENED, 1, 400_000, 10**8, True, "P31 opened"),
    Limit("rejects", "rejections in 1 s", c.L_REJECTS, 1, 10, REJECTS, False, "P33 rejections"),
    Limit("refused", "of 50 answers", c.L_REFUSED, 1, 10, 50, False, "P33 share of rejections"),
    Limit("wait", "ms", c.L_WAIT, _MS, 1_000, 10**7, False, "P34 oldest unanswered message"),
    Limit("late", "of 100 answers", c.L_LATE, 1, 1, 100, False, "P34 answers later than `wait`"),
    Limit("pending", "messages", c.L_PENDING, 1, 2_000, 10**5, True, "P34 unanswered messages"),
    Limit("unexplained", "fills", c.L_UNEXPLAINED, 1, 0, 0, False, "P35 fills of unknown orders"),
    Limit("gap", "ms", c.L_GAP, _MS, 2_000, 10**7, False, "P35 age of missing reports"),
    Limit("ordinary_long", "contracts", c.L_ORDINARY_LONG, 1, _BASE, 10**7, False,
          "P37 long positions of an account without a grant"),
    Limit("ordinary_total", "contracts", c.L_ORDINARY_TOTAL, 1, _BASE, 10**7, False,
          "P37 all positions of an account without a grant"),
    Limit("mmp_fills", "fills in 5 s", c.L_MMP_FILLS, 1, 300, 10**6, False, "MMP fills of a class"),
    Limit("mmp_lots", "contracts in 5 s", c.L_MMP_LOTS, 1, 4_000, 10**7, False, "MMP contracts"),
    Limit("mmp_value", "yuan in 5 s", c.L_MMP_VALUE, _YUAN, 20_000_000, 10**10, False, "MMP value"),
    Limit("mmp_delta", "yuan per 1 % in 5 s", c.L_MMP_DELTA, _YUAN, 1_000_000, 10**9, False,
          "MMP delta, signed"),
    Limit("mmp_vega", "yuan per vol point in 5 s", c.L_MMP_VEGA, _YUAN, 1_000_000, 10**9, False,
          "MMP vega, signed"),
)  # fmt: skip

_HIGHEST = 10**12


def _thresholds() -> tuple[Limit, ...]:
    """Three levels of every monitor, the times of escalation, the limits of the night."""
    out = [
        Limit(
            threshold_name(one, level), one.unit, level - 1, one.factor, one.levels[level - 1],
            _HIGHEST, False, f"{one.item} {LEVELS[level - 1]}: {one.meaning}", row, one.floor,
            one.desk,
        )
        for row, one in enumerate(MONITORS)
        for level in (Level.NOTICE, Level.AMBER, Level.RED)
    ]  # fmt: skip
    waits = zip(LEVELS, (600, 300, 60), strict=True)
    out += [
        Limit(f"escalate_{name}", "s", column, SECOND, wait, 86_400, False,
              "unacknowledged for so long, an alert goes a level up and to the next post", ESCALATE,
              desk=True)
        for column, (name, wait) in enumerate(waits)
    ]  # fmt: skip
    out += [
        Limit("night_loss", "yuan", 0, _YUAN, _BASE, 10**10, False,
              "I-35 largest loss over the gaps of a night", NIGHT),
        Limit("night_usage", "%", 1, PERCENT, _BASE, 10**4, False,
              "I-35 largest margin use over the gaps of a night", NIGHT, desk=True),
    ]  # fmt: skip
    return tuple(out)


THRESHOLDS = _thresholds()

BY_NAME: dict[str, Limit] = {item.name: item for item in (*LIMITS, *THRESHOLDS)}


def problem(chain: Chain, record: LimitRecord, at: Nanos) -> str:
    """Why a record cannot be taken, "" when it can."""
    item = BY_NAME.get(record.name)
    if item is None:
        return f"unknown limit {record.name}"
    if slots_of(chain, record.scope) is None:
        return f"unknown scope {record.scope}"
    if item.row >= 0 and not places_of(chain, item, record.scope):
        return f"{record.name} is of {'* alone' if item.desk else '* or an underlying'}"
    if not 0 <= record.value <= item.high:
        band = f"0 to {item.high} {item.unit}"
        return f"{record.name} ({item.meaning}) = {record.value} is outside {band}"
    if record.until and record.until <= max(record.since, at):
        return f"{record.name} of {record.scope} ends before it begins"
    return "" if record.by and record.basis else f"{record.name}: who approved it, and why?"


def unseconded(record: LimitRecord) -> bool:
    """True for a record that is looser than its default with fewer than two people behind it."""
    item = BY_NAME[record.name]
    if item.row == NIGHT:
        looser = True  # without a record nothing may be carried
    elif item.floor:
        looser = record.value < item.default
    else:
        looser = 0 <= item.default < record.value
    return looser and record.seconded_by in ("", record.by)


def loosens(state: State, chain: Chain, record: LimitRecord) -> bool:
    """True when the record allows more than what is in force anywhere in its scope."""
    slots = slots_of(chain, record.scope)
    if slots is None:
        return False
    item = BY_NAME[record.name]
    if item.row >= 0:
        places = places_of(chain, item, record.scope)
        now = state.watch.levels[item.row, places, item.column]
        value = record.value * item.factor
        return bool((value < now).any() if item.floor else (value > now).any())
    return record.value * item.factor > int(state.limits[slice(*slots), item.column].min())


def add(state: State, record: LimitRecord) -> None:
    """Put a record beside the others; `apply` makes it count."""
    state.guards.records.append(record)


def apply(state: State) -> None:
    """Write defaults and the records of `guards.now` over the base in the limits table, and the
    soft limits beside it.
    """
    open_, guards = state.opened, state.guards
    if open_ is None:
        return
    limits = state.limits
    for item in LIMITS:
        if item.default != _BASE:
            limits[:, item.column] = item.default * item.factor
    limits[:, c.L_FILLS] = state.parameters.values[:, INDEX["repeat_fills"]]
    rates = open_.rulebook.rates
    limits[:, c.L_FEE] = rates.handling + rates.settlement
    for klass in open_.chain.classes:
        part = limits[klass.start : klass.stop]
        rule = position_limits.limits(open_.rulebook, klass.underlying)
        part[:, c.L_ORDINARY_LONG], part[:, c.L_ORDINARY_TOTAL] = rule.long, rule.total
    _first_thresholds(state)
    for record in _latest(guards.records, guards.now):
        if BY_NAME[record.name].row < 0:
            _write(limits, open_.chain, record, guards.now)
        else:
            _write_threshold(state.watch.levels, open_.chain, record, guards.now)
    sign_thresholds(state.watch)
    limits[:, [c.L_WAIT, c.L_GAP]] *= open_.speed
    guards.soft = limits.copy()
    for item in LIMITS:
        if item.soft:
            guards.soft[:, item.column] = limits[:, item.column] * SOFT // 100
    # The soft rate keeps as much more than the reserve as the hard one would let go.
    guards.soft[:, c.L_RESERVE] += (
        (state.bucket.rate - limits[:, c.L_RESERVE]) * (100 - SOFT) // 100
    )
    ahead = [edge for record in guards.records for edge in (record.since, record.until)]
    guards.boundary = min((edge for edge in ahead if edge > guards.now), default=FOREVER)


def _latest(records: list[LimitRecord], now: Nanos) -> list[LimitRecord]:
    """The last record that began, of each scope and limit; wide scopes first."""
    found: dict[tuple[str, str], LimitRecord] = {}
    for record in records:
        before = found.get((record.scope, record.name))
        if record.since <= now and (before is None or record.since >= before.since):
            found[record.scope, record.name] = record
    return sorted(found.values(), key=lambda one: 0 if one.scope == "*" else len(one.scope))


def _write(limits: np.ndarray, chain: Chain, record: LimitRecord, now: Nanos) -> None:
    item, slots = BY_NAME[record.name], slots_of(chain, record.scope)
    if slots is None:
        return
    part = limits[slice(*slots), item.column]
    value = record.value * item.factor
    lasts = not record.until or now < record.until
    if lasts and item.default != _BASE:
        part[:] = value
    else:
        np.minimum(part, value, out=part)


def places_of(chain: Chain, item: Limit, scope: str) -> list[int]:
    """Columns of the monitors' arrays that a scope means for a threshold; the desk's is the last.

    The house names every class of a class's monitor; a night's limit of "*" is the desk's alone.
    """
    desk = len(chain.classes)
    if scope == "*":
        return [desk] if item.desk or item.row == NIGHT else list(range(desk))
    names = [klass.underlying for klass in chain.classes]
    return [names.index(scope)] if scope in names and not item.desk else []


def _first_thresholds(state: State) -> None:
    """Defaults. Of a night's limits the desk's is nothing and a class's everything."""
    levels, open_ = state.watch.levels, state.opened
    assert open_ is not None, "the day is open"
    levels[:] = FAR
    for item in THRESHOLDS:
        if item.row != NIGHT:
            levels[item.row, places_of(open_.chain, item, "*"), item.column] = (
                item.default * item.factor
            )
    levels[NIGHT, len(open_.chain.classes), :2] = 0


def _write_threshold(levels: np.ndarray, chain: Chain, record: LimitRecord, now: Nanos) -> None:
    """What has ended leaves the tighter of its value and the base."""
    item = BY_NAME[record.name]
    places, value = places_of(chain, item, record.scope), record.value * item.factor
    part = levels[item.row, places, item.column]
    lasts = not record.until or now < record.until
    tighter = np.maximum(part, value) if item.floor else np.minimum(part, value)
    levels[item.row, places, item.column] = value if lasts else tighter


def sign_thresholds(watch: Watch) -> None:
    """Thresholds as figures are compared: signed, strict ones a step higher; with the band a figure
    has to leave before its level ends, so that an alert does not flap.
    """
    plain = watch.levels[: len(MONITORS)]
    never = plain == FAR
    watch.hit[:] = np.where(never, FAR, np.where(_FLOORS, -plain, plain) + _STRICT)
    watch.keep[:] = watch.hit - np.where(never, 0, abs(plain) * BAND // 100)


def in_force(state: State, scope: str, name: str) -> LimitRecord | None:
    """The record behind a limit of a scope now, for people and for the words of a denial."""
    now = state.guards.now
    for record in _latest(state.guards.records, now):
        if (record.scope, record.name) == (scope, name):
            return record
    return None


def model_of(state: State, start: int) -> int:
    """The curve model that the class beginning at a slot has chosen."""
    return int(state.parameters.values[start, INDEX["curve_model"]])
