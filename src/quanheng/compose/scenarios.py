"""Scenario files: what kind of day is simulated (borders.md 3).

A scenario is one TOML file under `quanheng/scenarios/` or a path the user gives. It says how the
underlyings move, what the crowd does, what breaks, and who is on duty. Every key is checked; an
unknown one is an error that names the file and the key. Times are HH:MM or HH:MM:SS of the day.
"""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from quanheng.terms import days
from quanheng.terms.units import DayNanos

Share = Annotated[int, msgspec.Meta(ge=0, le=1_000)]  # percent


class ScenarioError(Exception):
    """A scenario that cannot be used; the message names the file and the reason."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scenario's name for people."""

    zh: str
    en: str


class Jump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A move of underlyings: `bp` of the price, spread evenly over `over_s` seconds from `at`."""

    at: str
    bp: int
    over_s: int = 30
    underlyings: tuple[str, ...] = ()  # empty: all


class UnderlyingPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the five ETFs move: bars of a real day, scaled, plus gap, drift and jumps."""

    bars_percent: Share = 60  # the real bars' returns are scaled by this
    own_noise_bp: int = 25  # each ETF's own wandering over the day, basis points
    gap_bp: int = 0  # the open against the previous close
    drift_bp: int = 0  # steady move over the day
    jumps: tuple[Jump, ...] = ()


class Shock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A burst of one-sided orders in the contracts of one class: drives breakers."""

    at: str
    underlying: str
    contracts: int
    up: bool = True


class VolMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The crowd's view of volatility moves by `points` hundredths of a vol point over a minute."""

    at: str
    points: int
    underlyings: tuple[str, ...] = ()


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span of the day, optionally for one scope."""

    start: str
    stop: str
    scope: str = "*"


class CrowdPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other participants: how much they trade and what shakes them."""

    flow_percent: Share = 100  # of the real day's volumes
    informed_percent: Share = 100
    inquiries_per_hour: int = 30
    shocks: tuple[Shock, ...] = ()
    vol_moves: tuple[VolMove, ...] = ()


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What breaks: halts of an underlying, outages of the order line or of the market-data line."""

    halts: tuple[Window, ...] = ()
    order_outages: tuple[Window, ...] = ()
    feed_outages: tuple[Window, ...] = ()


class DutyPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post of the day with its main and backup holder (O-02) and hours of presence."""

    post: str
    main: str
    backup: str
    start: str = "09:00"
    stop: str = "15:30"


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario file."""

    name: str
    words: Words
    underlying: UnderlyingPlan = UnderlyingPlan()
    crowd: CrowdPlan = CrowdPlan()
    faults: Faults = Faults()
    roster: tuple[DutyPost, ...] = (
        DutyPost("trader", "T01", "T02"),
        DutyPost("risk", "R01", "R02"),
        DutyPost("ops", "O01", "O02"),
    )


DRAWN = ("calm", "trend", "breaker", "limit-up", "halt", "gap", "outage")
"""Scenarios a bare `--seed N` draws from, one of each in every block of seven seeds."""


def shipped() -> list[str]:
    """Names of the scenarios that come with the package, sorted."""
    folder = files("quanheng") / "scenarios"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml"))


def load(name: str) -> Scenario:
    """A shipped scenario by name, or the file at a path. ScenarioError says what is wrong."""
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"scenario file {name}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise ScenarioError(f"scenario file {name}: {error}") from error
    elif name in shipped():
        text = (files("quanheng") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ScenarioError(f"no scenario named {name!r}; known: {', '.join(shipped())}")
    try:
        scenario = msgspec.toml.decode(text, type=Scenario)
    except msgspec.DecodeError as error:
        raise ScenarioError(f"scenario {name}: {error}") from error
    for key, text in _times(scenario):
        clock(f"{name}: {key}", text)
    for key, start, stop in _spans(scenario):
        if clock(name, start) >= clock(name, stop):
            raise ScenarioError(f"scenario {name}: {key}: {start} is not before {stop}")
    for key in ("order_outages", "feed_outages"):
        for window in getattr(scenario.faults, key):
            if window.scope != "*":
                raise ScenarioError(
                    f"scenario {name}: faults.{key}: a line is lost as a whole, scope "
                    f"{window.scope!r} cannot be"
                )
    return scenario


def clock(name: str, text: str) -> DayNanos:
    """Time of day of a scenario's text; ScenarioError names scenario and text."""
    try:
        return days.from_clock(text)
    except ValueError as error:
        raise ScenarioError(f"scenario {name}: {error}") from error


def _spans(scenario: Scenario) -> list[tuple[str, str, str]]:
    """(key, start, stop) of everything that lasts."""
    faults = scenario.faults
    out = [
        (f"faults.{key}", window.start, window.stop)
        for key in ("halts", "order_outages", "feed_outages")
        for window in getattr(faults, key)
    ]
    return out + [(f"roster {post.post}", post.start, post.stop) for post in scenario.roster]


def _times(scenario: Scenario) -> list[tuple[str, str]]:
    """(key, text) of every time in the file."""
    times = [(key, text) for key, *span in _spans(scenario) for text in span]
    times += [("underlying.jumps", jump.at) for jump in scenario.underlying.jumps]
    times += [("crowd.shocks", shock.at) for shock in scenario.crowd.shocks]
    return times + [("crowd.vol_moves", move.at) for move in scenario.crowd.vol_moves]


def drawn(seed: int) -> str:
    """The scenario of a seed: each block of seven seeds holds every scenario once, rotated."""
    block, place = divmod(max(seed, 1) - 1, len(DRAWN))
    return DRAWN[(place * 3 + block) % len(DRAWN)]
