"""The verb `season`: options in, a JSON-able result, a text and ok out."""

from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.commands import LIGHT, Result, UsageError, cadence, seeds_of
from quanheng.compose.openings import Openings
from quanheng.compose.season import (
    SeasonPlan,
    SeasonResult,
    base_of,
    closes_on,
    events_on,
    load_season,
    run_many,
    scenario_of,
)
from quanheng.compose.season_months import months, months_text, rehearsal, rehearsal_text
from quanheng.compose.starts import thinned
from quanheng.compose.text import table, thousands
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.calendar import next_trading
from quanheng.terms.days import from_clock, from_iso, iso
from quanheng.terms.units import Day


def season(seeds: str, options: dict[str, Any]) -> tuple[Result, str, bool]:
    """Run or resume one season, or one of every seed of A..B."""
    plans = [_plan(seed, options) for seed in seeds_of(seeds, "--seeds")]
    workers = options["workers"]
    if workers < 1:
        raise UsageError(f"--workers {workers} must be at least 1")
    results = run_many(plans, workers, lambda text: click.echo(text, err=True))
    good = all(result.ok for result in results)
    if len(results) == 1:
        return _single(plans[0], results[0], good)
    digests = {str(result.seed): result.digest for result in results}
    rows = [
        [str(result.seed), str(len(result.days)), f"{result.seconds:.1f}", _broken(result)]
        for result in results
    ]
    text = table(["seed", "days", "seconds", "broken"], rows)
    tail = "\n".join(f"digest s{seed} {digest}" for seed, digest in digests.items())
    return {"seasons": msgspec.to_builtins(results), "digests": digests}, f"{text}\n{tail}", good


def _single(plan: SeasonPlan, result: SeasonResult, good: bool) -> tuple[Result, str, bool]:
    """One season: its result, with the months when the dataset was kept."""
    found = msgspec.to_builtins(result)
    run = rehearsal(result.days)
    found["rehearsal"] = msgspec.to_builtins(run)
    parts = [_text(result), rehearsal_text(run)]
    if plan.keep_dataset:
        rated = months(plan, result.days)
        found["months"] = [
            {"month": month.name, "underlying": row.underlying, "grade": row.grade}
            for month in rated
            for row in month.classes
        ]
        parts.append(months_text(rated))
    return found, "\n".join([*parts, f"digest {result.digest}"]), good


def _plan(seed: int, options: dict[str, Any]) -> SeasonPlan:
    first = _first_day(options["first"])
    if options["days"] < 1:
        raise UsageError(f"--days {options['days']} must be at least 1")
    if options["until"]:
        try:
            from_clock(options["until"])
        except ValueError as error:
            raise UsageError(f"--until: {error}") from error
    plan = SeasonPlan(
        first=first,
        days=options["days"],
        seed=seed,
        season=load_season(options["scenario"] or "drawn"),
        config=read_config(options["config"]),
        cadence=cadence(options["cadence"] or LIGHT),
        pick=options["contracts"],
        out=Path(options["out"]),
        until=options["until"],
        agreement=options["agreement"],
        house=options["house"],
        keep_dataset=options["dataset"],
    )
    _check(plan)
    return plan


def _first_day(text: str) -> Day:
    digits = text.replace("-", "")
    try:
        day = from_iso(text) if "-" in text else from_iso(iso(int(digits)))
    except ValueError as error:
        raise UsageError(f"--from {text!r} is not a day: {error}") from error
    return day


def _check(plan: SeasonPlan) -> None:
    """Everything a day of the season would stumble over, found before anything is simulated."""
    book = read_rulebook(plan.first, plan.agreement, plan.house)
    base = base_of(plan)
    reference = thinned(base, plan.pick)
    seen: set[str] = set()
    day = plan.first
    for number in range(plan.days):
        scenario = scenario_of(plan, day, number)
        if scenario.name not in seen:
            seen.add(scenario.name)
            Openings(scenario, reference, book, plan.config, plan.seed, plan.cadence)
        closes_on(plan, base, day)
        for event in events_on(plan, day):
            if event.underlying not in [klass.underlying for klass in base.chain.classes]:
                raise UsageError(f"season: no underlying {event.underlying!r} to pay a dividend")
        day = next_trading(book.calendar, day)


def _broken(result: SeasonResult) -> str:
    broken = {name: count for name, count in result.invariants.items() if count}
    return "; ".join(f"{name} = {count}" for name, count in broken.items()) or "0"


def _totals(result: SeasonResult) -> str:
    """Conservation over the season in exact numbers."""
    sums = result.totals
    money = f"cash {thousands(sums.cash)} + fees {thousands(sums.fees)}"
    money += f" {_sign(sums.cash + sums.fees == sums.brought)} brought {thousands(sums.brought)}"
    lots = f"longs {thousands(sums.long)} {_sign(sums.long == sums.short)} shorts"
    lots += f" {thousands(sums.short)} {_sign(sums.short == sums.open_interest)} open interest"
    return f"conservation (0.0001 yuan): {money}; {lots} {thousands(sums.open_interest)}"


def _sign(equal: bool) -> str:
    return "=" if equal else "!="


def _text(result: SeasonResult) -> str:
    rows = [
        [
            iso(one.day),
            one.scenario,
            str(one.contracts),
            str(one.listing["listed"]),
            str(one.listing["expired"]),
            str(one.listing["adjusted"]),
            " ".join(str(line["grade"]) for line in one.classes),
            f"{one.seconds:.1f}",
        ]
        for one in result.days
    ]
    heads = ["day", "scenario", "contracts", "listed", "expired", "adjusted", "grades", "seconds"]
    count = len(result.invariants)
    held = f"all {count} invariants hold on every day"
    broken = _broken(result)
    parts = [
        table(heads, rows, left=2),
        held if broken == "0" else f"invariants broken: {broken}",
        f"{len(result.days)} days, {result.resumed} of them from before; {result.seconds:.1f} s",
        f"season {result.folder}",
        _totals(result),
    ]
    return "\n".join(parts)
