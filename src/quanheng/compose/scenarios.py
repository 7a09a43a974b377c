"""Scenario files: what kind of day is simulated (borders.md 3).

A scenario is one TOML file under `quanheng/scenarios/` or a path the user gives. It says how the
underlyings move, what the crowd does, what breaks, and who is on duty. Every key is checked; an
unknown one is an error that names the file and the key. Times are HH:MM or HH:MM:SS of the day.
"""

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from quanheng.exchange.listing import ExRight
from quanheng.exchange.messages import CROWD_MAKERS
from quanheng.rulebook.schema import ticks
from quanheng.terms import days
from quanheng.terms.units import MILLISECOND, DayNanos

Share = Annotated[int, msgspec.Meta(ge=0, le=1_000)]  # percent or basis points
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=3_600)]


class ScenarioError(Exception):
    """A scenario that cannot be used; the message names the file and the reason."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scenario's name for people."""

    zh: str  # in Chinese
    en: str  # in English


class Jump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A move of underlyings: `bp` of the price, spread evenly over `over_s` seconds from `at`."""

    at: str  # when it begins
    bp: int  # basis points, negative is down
    over_s: int = 30  # seconds it takes
    underlyings: tuple[str, ...] = ()  # codes; none: all


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An underlying is drawn to a price: from `start` on more and more, near `stop` wholly."""

    underlying: str  # code
    price: str  # yuan, as text
    start: str = "13:00"  # from here on more and more
    stop: str = "14:45"  # from here on wholly


class Dividend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dividend: the underlying goes ex on the next trading day, yuan per unit as text."""

    underlying: str  # code
    cash: str  # yuan per unit, as text


class UnderlyingPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the five ETFs move: bars of a real day, scaled, plus gap, drift and jumps."""

    bars_percent: Share = 60  # the real bars' returns are scaled by this
    own_noise_bp: int = 25  # each ETF's own wandering over the day, basis points
    gap_bp: int = 0  # the open against the previous close
    drift_bp: int = 0  # steady move over the day
    jumps: tuple[Jump, ...] = ()  # moves at a time
    pins: tuple[Pin, ...] = ()  # prices they are drawn to


class Shock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A burst of one-sided orders in the contracts of one class: drives breakers."""

    at: str  # when
    underlying: str  # code
    contracts: int  # how many of the cheapest contracts that a breaker can stop
    up: bool = True  # bought, else sold


class VolMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The crowd's view of volatility moves by `points` hundredths of a vol point at once."""

    at: str  # when
    points: int  # hundredths of a vol point
    underlyings: tuple[str, ...] = ()  # codes; none: all


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span of the day, optionally for one scope."""

    start: str  # from
    stop: str  # until
    scope: str = "*"  # a code for a halt; a line is lost as a whole


class MakerPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A competing market maker."""

    name: str  # its account
    width_percent: Share  # quoted spread, of the widest allowed
    react_ms: Count  # mean time until it acts on a moved price
    size: Count  # contracts a side
    skip_percent: Share = 0  # of the contracts far from the money it leaves alone
    capacity: Count = 300  # position in a contract at which it leans by half its width
    view_percent: Share = 30  # its own opinion of a price, of half its width at the most


def _usual_makers() -> tuple[MakerPlan, ...]:
    return tuple(
        MakerPlan(
            one.name,
            one.width // 10_000,
            one.react // MILLISECOND,
            one.size,
            one.skip // 10_000,
            one.capacity,
            one.view // 10_000,
        )
        for one in CROWD_MAKERS
    )


class CrowdPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The other participants: how much they trade, what they know and what shakes them."""

    flow_percent: Share = 100  # of the real day's volumes
    retail_percent: Percent = 55  # retail's share of the investors' contracts
    patience_percent: Share = 18  # what investors pay over fair, of the widest spread allowed
    informed_percent: Share = 100  # how often the informed look; 100: twice a second, 0: never
    informed_lead_s: Seconds = 300  # how far they see the path and the vol moves ahead
    informed_blur_bp: Share = 3  # standard deviation of the error of their forecast
    fast_percent: Percent = 50  # moves after which the fast sniper is there before any requote
    slow_ms: Count = 3_000  # mean reaction time of the slow sniper
    metaorder_contracts: Count = 400  # average size of an institution's metaorder
    persist_percent: Percent = 70  # metaorders on the side of the institutions' mood
    turn_minutes: Count = 40  # mean time until the mood turns
    impact_bp: Share = 100  # move of the vol by institutional flow of 1 % of the day's volume
    inquiries_per_hour: int = 30  # over all classes
    follow_percent: Percent = 50  # inquirers who trade on the answer
    makers: tuple[MakerPlan, ...] = msgspec.field(default_factory=_usual_makers)  # competitors
    shocks: tuple[Shock, ...] = ()  # bursts of orders
    vol_moves: tuple[VolMove, ...] = ()  # moves of all volatilities of a class


class ExchangeOutage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The exchange is down: no trading, no order line, no market data. `orders` is what becomes of
    those that rest: they "rest" and are matched when trading resumes, or are "lost" unreported.
    """

    start: str  # from
    stop: str  # until
    orders: Literal["rest", "lost"] = "rest"  # what becomes of resting orders


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What breaks: halts of an underlying, outages of a line or of the whole exchange."""

    halts: tuple[Window, ...] = ()  # of an underlying and its options
    order_outages: tuple[Window, ...] = ()  # of our order line
    feed_outages: tuple[Window, ...] = ()  # of the options' market data
    exchange_outages: tuple[ExchangeOutage, ...] = ()  # of the whole exchange


class DutyPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A post of the day with its main and backup holder (O-02) and hours of presence."""

    post: str  # trader, risk or ops
    main: str  # who is on duty
    backup: str  # who stands by, and takes over when the main one leaves
    start: str = "09:00"  # both present from
    stop: str = "15:30"  # until
    classes: tuple[str, ...] = ()  # underlyings of a trader; without it all


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario file."""

    name: str  # of the scenario, in run folders and tables
    words: Words  # its name for people
    day: str = ""  # YYYY-MM-DD of a day simulated on its own; a season has its own days
    dividends: tuple[Dividend, ...] = ()  # what goes ex on the next trading day
    underlying: UnderlyingPlan = UnderlyingPlan()  # how the underlyings move
    crowd: CrowdPlan = CrowdPlan()  # the other participants
    faults: Faults = Faults()  # what breaks
    roster: tuple[DutyPost, ...] = (  # who is on duty
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
        raise ScenarioError(f"scenario {name}: {error}{_line_of(str(error), text)}") from error
    for key, text in _times(scenario):
        clock(f"{name}: {key}", text)
    for key, start, stop in _spans(scenario):
        if clock(name, start) >= clock(name, stop):
            raise ScenarioError(f"scenario {name}: {key}: {start} is not before {stop}")
    _check_numbers(name, scenario)
    names = [maker.name for maker in scenario.crowd.makers]
    for maker in names:
        if names.count(maker) > 1:
            raise ScenarioError(f"scenario {name}: crowd.makers: two are named {maker!r}")
    for key in ("order_outages", "feed_outages"):
        for window in getattr(scenario.faults, key):
            if window.scope != "*":
                raise ScenarioError(
                    f"scenario {name}: faults.{key}: a line is lost as a whole, scope "
                    f"{window.scope!r} cannot be"
                )
    return scenario


def _check_numbers(name: str, scenario: Scenario) -> None:
    """ScenarioError for a day, price or dividend that is none."""
    try:
        if scenario.day:
            key = "day"
            days.from_iso(scenario.day)
        for pin in scenario.underlying.pins:
            key = "underlying.pins"
            ticks(pin.price)
        for dividend in scenario.dividends:
            key = "dividends"
            ticks(dividend.cash)
    except ValueError as error:
        raise ScenarioError(f"scenario {name}: {key}: {error}") from error


def _line_of(error: str, text: str) -> str:
    """ ", line N" of the key that a decoding error names, "" when it names none.

    The key is looked for behind the header of the table that the error's path starts with.
    """
    named = re.search(r"field `(\w+)`", error)
    path = re.search(r"\$\.(\w+)(?:\.(\w+))?", error)
    if named is None and path is None:
        return ""
    table = path[1] if path else ""
    key = named[1] if named else (path[2] or path[1] if path else "")
    inside = not table
    for number, line in enumerate(text.splitlines(), 1):
        inside = inside or re.match(rf"\s*\[*{table}\b|\s*{table}\s*=", line) is not None
        if inside and re.search(rf"(?<!\w){key}\s*=|\[{key}\]", line):
            return f", line {number}"
    return ""


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
        for key in ("halts", "order_outages", "feed_outages", "exchange_outages")
        for window in getattr(faults, key)
    ]
    out += [("underlying.pins", pin.start, pin.stop) for pin in scenario.underlying.pins]
    return out + [(f"roster {post.post}", post.start, post.stop) for post in scenario.roster]


def _times(scenario: Scenario) -> list[tuple[str, str]]:
    """(key, text) of every time in the file."""
    times = [(key, text) for key, *span in _spans(scenario) for text in span]
    times += [("underlying.jumps", jump.at) for jump in scenario.underlying.jumps]
    times += [("crowd.shocks", shock.at) for shock in scenario.crowd.shocks]
    return times + [("crowd.vol_moves", move.at) for move in scenario.crowd.vol_moves]


def dividends(scenario: Scenario) -> tuple[ExRight, ...]:
    """What goes ex on the next trading day."""
    return tuple(ExRight(one.underlying, ticks(one.cash)) for one in scenario.dividends)


def drawn(seed: int) -> str:
    """The scenario of a seed: each block of seven seeds holds every scenario once, rotated."""
    block, place = divmod(max(seed, 1) - 1, len(DRAWN))
    return DRAWN[(place * 3 + block) % len(DRAWN)]
