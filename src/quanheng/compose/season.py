"""A season: consecutive light days, each opening from what the day before left (borders.md 3).

    season-<first day>-s<seed>/season.json      what is simulated, and how far it came
                              /days/<day>.json  a day's result, written when the day is complete
                              /carry/<day>.msgpack   opening state of a day
                              /dataset/<table>/<day>.parquet   what `quanheng rate` reads, if kept

A day counts once its result is on disk, and it names the hash of the carry it made; what a kill
leaves half done is done again, so an interrupted season ends with the digest of a whole one.
"""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.reference import Reference
from quanheng.compose.report import plain
from quanheng.compose.run_folder import source_hash, write_whole
from quanheng.compose.scenarios import Scenario, ScenarioError, Words, drawn, load, shipped
from quanheng.compose.starts import StartClass, history, spans, start
from quanheng.config import Config, config_hash
from quanheng.edge.dataset_files import add_day
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange.listing import ExRight
from quanheng.rulebook.calendar import next_trading
from quanheng.rulebook.schema import ticks
from quanheng.settlement import carry
from quanheng.terms.days import from_iso, iso
from quanheng.terms.units import Day, Nanos, Ticks

Tell = Callable[[str], None]


class PlannedDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scenario of one day of a season file, YYYY-MM-DD."""

    day: str
    scenario: str


class Dividend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dividend of a season file: first day without it, yuan per unit as text."""

    ex_day: str
    underlying: str
    cash: str


class SeasonFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One season file: the scenario of a day that is not listed, days, dividends, classes.

    `path` is `scenario`, or `closes`: every day ends on the historical close. Classes that are
    stated take the place of those known of the first day (`starts.start`).
    """

    name: str
    words: Words
    scenario: str = "drawn"
    day: tuple[PlannedDay, ...] = ()
    dividend: tuple[Dividend, ...] = ()
    path: Literal["scenario", "closes"] = "scenario"
    klass: tuple[StartClass, ...] = msgspec.field(default=(), name="class")


class SeasonPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate and where to keep it."""

    first: Day
    days: int
    seed: int
    season: SeasonFile
    config: Config
    cadence: Nanos
    pick: str
    out: Path
    until: str = ""
    agreement: Path | None = None
    house: Path | None = None
    keep_dataset: bool = False

    @property
    def folder(self) -> Path:
        """Where the season is kept."""
        return self.out / f"season-{self.first}-s{self.seed}"

    def key(self) -> dict[str, Any]:
        """Everything the result depends on; another key is another season."""
        return {
            "first": self.first,
            "seed": self.seed,
            "season": msgspec.to_builtins(self.season),
            "config": config_hash(self.config),
            "rulebook": read_rulebook(self.first, self.agreement, self.house).hash,
            "cadence": self.cadence,
            "contracts": self.pick,
            "until": self.until,
            "source": source_hash(),
        }


class SeasonDay(msgspec.Struct, frozen=True, kw_only=True):
    """A complete day: its result for people and the hash of the carry it made."""

    day: Day
    scenario: str
    digest: str
    carry: str
    contracts: int
    seconds: float
    invariants: dict[str, int]
    counts: dict[str, int]
    classes: list[dict[str, Any]]
    listing: dict[str, int]
    notices: list[str] = []  # the clearing house's words of the evening


class SeasonResult(msgspec.Struct, kw_only=True):
    """A season that ran to its end. `invariants` are the days' violations added up."""

    seed: int
    folder: str
    digest: str
    days: list[SeasonDay]
    resumed: int  # days that an earlier call had completed
    seconds: float
    invariants: dict[str, int]
    totals: carry.Totals  # of the state it ended in, over all accounts

    @property
    def ok(self) -> bool:
        """True when no invariant of any day is broken."""
        return not any(self.invariants.values())


def load_season(name: str) -> SeasonFile:
    """A season file by path, a shipped one by name, or a season of one scenario.

    `drawn` draws the scenario of every day from the seed. ScenarioError says what is wrong.
    """
    folder = files("quanheng") / "seasons"
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not name.endswith(".toml") and not path.is_file():
        if name != "drawn" and name not in shipped():
            raise ScenarioError(f"no season or scenario named {name!r}")
        return SeasonFile(name, Words(name, name), name)
    try:
        season = msgspec.toml.decode(path.read_bytes(), type=SeasonFile)
    except (OSError, msgspec.DecodeError) as error:
        raise ScenarioError(f"season {name}: {error}") from error
    try:
        for one in season.day:
            from_iso(one.day)
        for dividend in season.dividend:
            from_iso(dividend.ex_day)
            ticks(dividend.cash)
    except ValueError as error:
        raise ScenarioError(f"season {name}: {error}") from error
    for wanted in {season.scenario, *(one.scenario for one in season.day)} - {"drawn"}:
        load(wanted)
    return season


def scenario_of(plan: SeasonPlan, day: Day, number: int) -> Scenario:
    """The scenario of a day; `number` counts the season's days from 0."""
    planned = {from_iso(one.day): one.scenario for one in plan.season.day}
    name = planned.get(day, plan.season.scenario)
    return load(drawn(plan.seed + number) if name == "drawn" else name)


def events_on(plan: SeasonPlan, day: Day) -> tuple[ExRight, ...]:
    """What goes ex on a day."""
    return tuple(
        ExRight(one.underlying, ticks(one.cash))
        for one in plan.season.dividend
        if from_iso(one.ex_day) == day
    )


def closes_on(plan: SeasonPlan, base: Reference, day: Day) -> tuple[tuple[str, Ticks], ...]:
    """Where the underlyings shall end a day; nothing unless the season replays closes.
    ScenarioError when a close is not known.
    """
    if plan.season.path != "closes":
        return ()
    found = []
    for klass in base.chain.classes:
        known = history().get(klass.underlying, {})
        if day not in known:
            raise ScenarioError(
                f"season: no close of {klass.underlying} on {iso(day)} to replay; known: {spans()}"
            )
        found.append((klass.underlying, known[day][0]))
    return tuple(found)


def base_of(plan: SeasonPlan) -> Reference:
    """The reference of the first day with all its contracts."""
    return start(read_rulebook(plan.first, plan.agreement), plan.season.klass)


def run_season(plan: SeasonPlan, tell: Tell) -> SeasonResult:
    """Run a season to its end, from the first day that is not complete yet."""
    began = time.perf_counter()
    _prepare(plan)
    base = base_of(plan)
    done: list[SeasonDay] = []
    opening: carry.Carry | None = None
    day, resumed = plan.first, 0
    for number in range(plan.days):
        found = _complete(plan, day)
        if found is not None:
            result, opening = found
            resumed += 1
        else:
            result, opening = _one_day(plan, base, number, opening)
            tell(day_text(result, number, plan))
        done.append(result)
        day = opening.day
    totals: dict[str, int] = {}
    for result in done:
        for name, count in result.invariants.items():
            totals[name] = totals.get(name, 0) + count
    assert opening is not None, "a season has a day"
    return SeasonResult(
        seed=plan.seed,
        folder=str(plan.folder),
        digest=season_digest(done),
        days=done,
        resumed=resumed,
        seconds=time.perf_counter() - began,
        invariants=totals,
        totals=carry.totals(opening),
    )


def season_digest(days: list[SeasonDay]) -> str:
    """SHA-256 over the days' digests and the hash of the last carry, hex."""
    lines = [f"{one.day} {one.digest} {one.carry}\n" for one in days]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _prepare(plan: SeasonPlan) -> None:
    """The season's folder; one of another key is put aside, never overwritten."""
    folder, key = plan.folder, plan.key()
    place = folder / "season.json"
    if folder.exists():
        known = place.read_bytes() if place.exists() else b""
        if known == msgspec.json.encode(key, order="sorted"):
            return
        number = 1
        while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
            number += 1
        folder.rename(aside)
    (folder / "days").mkdir(parents=True)
    (folder / "carry").mkdir()
    write_whole(place, msgspec.json.encode(key, order="sorted"))


def _complete(plan: SeasonPlan, day: Day) -> tuple[SeasonDay, carry.Carry] | None:
    """A day that an earlier call completed, with the carry it made; None to do it again."""
    place = plan.folder / "days" / f"{day}.json"
    try:
        result = msgspec.json.decode(place.read_bytes(), type=SeasonDay)
        book = read_rulebook(day, plan.agreement)
        after = plan.folder / "carry" / f"{next_trading(book.calendar, day)}.msgpack"
        data = after.read_bytes()
    except (OSError, msgspec.DecodeError):
        return None
    if hashlib.sha256(data).hexdigest() != result.carry:
        return None
    return result, carry.decode(data, str(after))


def _one_day(
    plan: SeasonPlan, base: Reference, number: int, opening: carry.Carry | None
) -> tuple[SeasonDay, carry.Carry]:
    day = opening.day if opening else plan.first
    book = read_rulebook(day, plan.agreement)
    after = next_trading(book.calendar, day)
    scenario = scenario_of(plan, day, number)
    world = World(
        DayPlan(
            scenario=scenario,
            config=plan.config,
            seed=plan.seed * 1_000 + number,
            day=day,
            cadence=plan.cadence,
            pick=plan.pick,
            journal="digest",
            agreement=plan.agreement,
            house=plan.house,
            until=plan.until,
            opening=opening,
            events=events_on(plan, after),
            base=base,
            closes=closes_on(plan, base, day),
        )
    )
    began = time.perf_counter()
    world.run()
    done = finish(world, time.perf_counter() - began)
    if plan.keep_dataset:
        add_day(plan.folder / "dataset", done.dataset, day)
    data = carry.encode(done.carry)
    write_whole(plan.folder / "carry" / f"{after}.msgpack", data)
    result = _summary(world, done, data, time.perf_counter() - began)
    write_whole(plan.folder / "days" / f"{day}.json", msgspec.json.encode(result))
    return result, done.carry


def _summary(world: World, done: DayResult, data: bytes, seconds: float) -> SeasonDay:
    made, roll = done.carry, done.roll
    return SeasonDay(
        day=world.plan.day,
        scenario=done.scenario,
        digest=done.digest,
        carry=hashlib.sha256(data).hexdigest(),
        contracts=len(world.reference.chain.contracts),
        seconds=round(seconds, 2),
        invariants=done.invariants,
        counts=done.counts,
        classes=[plain(line) for line in done.lines],
        listing={
            "expired": len(roll.expired),
            "adjusted": len(roll.adjusted),
            "listed": len(roll.listed),
            "moves": len(made.moves),
        },
        notices=[one.text() for one in done.notices],
    )


def day_text(result: SeasonDay, number: int, plan: SeasonPlan) -> str:
    """The progress line of a day."""
    broken = [name for name, count in result.invariants.items() if count]
    grades = " ".join(str(line["grade"]) for line in result.classes)
    tail = "" if not broken else "  broken: " + ", ".join(broken)
    tail += f"  notices: {len(result.notices)}" if result.notices else ""
    return (
        f"{iso(result.day)} {number + 1:>3}/{plan.days} {result.scenario:<9} "
        f"{result.contracts:>4} contracts {grades:<10} {result.seconds:6.1f} s{tail}"
    )


def run_many(plans: list[SeasonPlan], workers: int, tell: Tell) -> list[SeasonResult]:
    """Independent seasons, `workers` at a time in processes of their own, in the plans' order."""
    if workers <= 1 or len(plans) == 1:
        return [run_season(plan, tell) for plan in plans]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        results = []
        for plan, result in zip(plans, pool.map(_quiet, plans), strict=True):
            tell(f"seed {plan.seed}: {len(result.days)} days, {result.seconds:.1f} s")
            results.append(result)
    return results


def _quiet(plan: SeasonPlan) -> SeasonResult:
    return run_season(plan, lambda _: None)
