"""The scenario argument of a strategy's release (I-08): named scenes, expected and seen behaviour.

`data/scenes.toml` holds the scenes, each a light day, and for every strategy what it is expected to
do in each of them: words for people and conditions that can be checked. A strategy without an
argument for every scene is refused.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.carry_out import carried_to
from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.report import ClassLine
from quanheng.compose.scenarios import Words, load
from quanheng.config import Config, ParameterConfig, read_toml
from quanheng.duties.exact import ratio_text
from quanheng.duties.grade import GRADES
from quanheng.settlement.carry import Carry
from quanheng.terms import market
from quanheng.terms.codes import Alert
from quanheng.terms.days import from_iso
from quanheng.terms.units import MONEY_PER_YUAN, SECOND, Day, half_up

SHIPPED = "data/scenes.toml"
NAMED = ("calm", "trend", "crash", "limit", "breaker", "expiry", "outage")
"""Scenes that every strategy argues."""
EVE = "09:40"
"""A scene on a later day opens from a short first day, as if nothing had traded in between."""
CADENCE = 3 * SECOND


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One light day. `until` stops it early."""

    name: str
    words: Words
    scenario: str
    seed: int
    contracts: str
    day: str = "2024-06-27"
    until: str = ""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bound of one of METRICS, decimal text; a grade is at_least when it is that or better."""

    metric: str
    at_least: str = ""
    at_most: str = ""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a strategy does in a scene."""

    scene: str
    words: Words
    checks: tuple[Condition, ...]


class Argument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strategy by the name and version that stand behind its orders (S-01), with the settings
    that choose it.
    """

    name: str
    version: str
    words: Words
    expected: tuple[Expected, ...]
    settings: tuple[ParameterConfig, ...] = ()


class SceneFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    scenes: tuple[Scene, ...]
    strategies: tuple[Argument, ...]


class Checked(msgspec.Struct, frozen=True):
    """A condition and what was seen; seen "" is undefined and fails."""

    metric: str
    bound: str
    seen: str
    passed: bool


class Seen(msgspec.Struct, frozen=True):
    """A scene as it ran: its digest, every metric, the conditions."""

    scene: str
    digest: str
    metrics: dict[str, str]
    checks: tuple[Checked, ...]

    @property
    def passed(self) -> bool:
        """True when every condition holds."""
        return all(check.passed for check in self.checks)


def read_scenes(path: Path | None = None) -> SceneFile:
    """The scenes of a file, or the shipped ones. ConfigError names the file and the reason."""
    return read_toml(SceneFile, path, SHIPPED, _problem)


def _problem(found: SceneFile) -> str:
    names = [scene.name for scene in found.scenes]
    missing = [name for name in NAMED if name not in names]
    if missing:
        return f"scene {missing[0]} is missing"
    if len(dict.fromkeys(names)) != len(names):
        return "a scene stands twice"
    for strategy in found.strategies:
        key = f"strategy {strategy.name} {strategy.version}"
        argued = [one.scene for one in strategy.expected]
        unargued = [name for name in names if name not in argued]
        if unargued:
            return f"{key}: scene {unargued[0]} is not argued"
        if sorted(argued) != sorted(names):
            return f"{key}: a scene is argued twice or is unknown"
        for one in strategy.expected:
            if not one.checks:
                return f"{key}: scene {one.scene} has no condition that could fail"
            for check in one.checks:
                wrong = _bad_condition(check)
                if wrong:
                    return f"{key}: scene {one.scene}: {wrong}"
    return ""


def _bad_condition(check: Condition) -> str:
    if check.metric not in METRICS and check.metric not in ALERTS:
        return f"unknown metric {check.metric!r}"
    if bool(check.at_least) == bool(check.at_most):
        return f"{check.metric}: give at_least or at_most, one of the two"
    bound = check.at_least or check.at_most
    try:
        _value(check.metric, bound)
    except ValueError:
        return f"{check.metric}: {bound!r} is not a value of it"
    return ""


def _value(metric: str, text: str) -> Fraction:
    """A metric's text as a number that grows with it; the best grade is the largest."""
    if metric == "grade":
        return Fraction(len(GRADES) - GRADES.index(text))
    return Fraction(text)


def check(condition: Condition, metrics: dict[str, str]) -> Checked:
    """One condition against what was seen."""
    seen = metrics.get(condition.metric, "")
    bound = condition.at_least or condition.at_most
    told = f"{'≥' if condition.at_least else '≤'} {bound}"
    if not seen:
        return Checked(condition.metric, told, seen, False)
    left, right = _value(condition.metric, seen), _value(condition.metric, bound)
    return Checked(
        condition.metric, told, seen, left >= right if condition.at_least else left <= right
    )


# What a day shows -------------------------------------------------------------------------------

Metric = Callable[[World, DayResult], Fraction | str | None]


def _least(name: str) -> Metric:
    return lambda world, day: min(_shares(day.lines, name), default=None)


def _shares(lines: list[ClassLine], name: str) -> list[Fraction]:
    cells = [getattr(line, name) for line in lines]
    return [cell for cell in cells if cell is not None]


def _part(done: str, of: str) -> Metric:
    """A share over all classes; undefined when there was nothing to do."""

    def metric(world: World, day: DayResult) -> Fraction | None:
        total = sum(getattr(line, of) for line in day.lines)
        return Fraction(sum(getattr(line, done) for line in day.lines), total) if total else None

    return metric


def _total(name: str) -> Metric:
    return lambda world, day: Fraction(sum(getattr(line, name) for line in day.lines))


def _grade(world: World, day: DayResult) -> str | None:
    return max((line.grade for line in day.lines), key=GRADES.index, default=None)


def _at_limit(world: World, day: DayResult) -> Fraction:
    """Contracts whose price stood at a limit during the day."""
    rows = world.venue.state.shown
    chain = world.reference.chain.contracts
    return Fraction(
        sum(
            int(rows[slot, market.HIGH]) == row.limit_up
            or 0 < int(rows[slot, market.LOW]) == row.limit_down
            for slot, row in enumerate(chain)
        )
    )


def _inventory(world: World, day: DayResult) -> Fraction:
    book = world.maker.state.book
    return Fraction(int(abs(book.long_qty - book.short_qty - book.covered_qty).sum()))


METRICS: dict[str, Metric] = {
    "grade": _grade,
    "spread_ratio": lambda world, day: max(_shares(day.lines, "spread_ratio"), default=None),
    "participation": _least("participation"),
    "weighted": _least("weighted"),
    "opening": _least("opening"),
    "closing": _least("closing"),
    "coverage": _part("covered", "obliged"),
    "intraday": _part("intraday_joined", "intraday"),
    "answered": _part("answered", "inquiries"),
    "breakers": _total("intraday"),
    "volume": _total("volume"),
    "profit_yuan": lambda world, day: Fraction(
        half_up(sum(line.pnl for line in day.lines), MONEY_PER_YUAN)
    ),
    "inventory": _inventory,
    "at_limit": _at_limit,
    "expired": lambda world, day: Fraction(len(day.roll.expired)),
    "requests": lambda world, day: Fraction(day.counts["requests"]),
    "rejected": lambda world, day: Fraction(world.maker.state.audit.rejected),
    "broken": lambda world, day: Fraction(sum(map(bool, day.invariants.values()))),
}
"""What is measured of every scene: shares over classes are the worst class's (grade, spread ratio,
participation, weighted, auctions) or all classes' (coverage, intraday, answered)."""

ALERTS = tuple(f"alerts.{code}" for code in Alert)
"""Alerts of the maker, counted by code."""


def measured(world: World, day: DayResult) -> dict[str, str]:
    """Every metric as text; undefined ones are left out."""
    out: dict[str, str] = {}
    for name, metric in METRICS.items():
        found = metric(world, day)
        if isinstance(found, Fraction):
            whole = found.denominator == 1
            out[name] = str(found.numerator) if whole else ratio_text(found)
        elif found is not None:
            out[name] = found
    for name, code in zip(ALERTS, Alert, strict=True):
        count = sum(who == "maker" and one.code == code for _, who, one in world.alerts)
        if count:
            out[name] = str(count)
    return out


def run_scene(scene: Scene, strategy: Argument, config: Config, models: Path | None = None) -> Seen:
    """Run one scene with a strategy's settings and judge it; `models` is the register."""
    config = msgspec.structs.replace(config, parameters=config.parameters + strategy.settings)
    world = World(_plan(scene, config, models))
    world.run()
    day = finish(world, 0.0)
    metrics = measured(world, day)
    for name in ALERTS:
        metrics.setdefault(name, "0")
    expected = next(one for one in strategy.expected if one.scene == scene.name)
    checks = tuple(check(condition, metrics) for condition in expected.checks)
    kept = {name: text for name, text in metrics.items() if name not in ALERTS or text != "0"}
    return Seen(scene.name, day.digest, kept, checks)


def _plan(scene: Scene, config: Config, models: Path | None) -> DayPlan:
    day = from_iso(scene.day)
    given: dict[str, Any] = {"config": config, "seed": scene.seed, "cadence": CADENCE}
    given |= {"pick": scene.contracts, "journal": "digest", "models": models}
    opening = None if day == FIRST_DAY else _eve(day, given)
    return DayPlan(
        scenario=load(scene.scenario), day=day, until=scene.until, opening=opening, **given
    )


def _eve(day: Day, given: dict[str, Any]) -> Carry:
    """What a short calm first day left, carried to a later day."""
    world = World(DayPlan(scenario=load("calm"), until=EVE, **given))
    world.run()
    return carried_to(finish(world, 0.0).carry, day)
