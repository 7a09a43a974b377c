"""The verb `sweep`: options in, a JSON-able result, a text and ok out."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.backtest_command import (
    Setting,
    bounds_of,
    check_settings,
    plan_of,
    setting,
    with_settings,
)
from quanheng.compose.commands import LIGHT, Result, UsageError, cadence, check_plan, seeds_of
from quanheng.compose.day import DayPlan
from quanheng.compose.reference import load as load_reference
from quanheng.compose.scenarios import drawn, load
from quanheng.compose.sweep import Source, cells_of, run_cells
from quanheng.compose.sweep_report import comparison, groups_of, lost, told, write_comparison
from quanheng.compose.tapes import load_tape
from quanheng.config import read_config

Named = tuple[str, str, Source]


def axis(text: str) -> list[Setting]:
    """The values of one `--sweep name=v1,v2,…` or `scope:name=v1,v2,…`. UsageError otherwise."""
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise UsageError(f"--sweep {text!r} is not name=v1,v2,… or scope:name=v1,v2,…")
    found = [setting(f"{name}={value}", "--sweep") for value in values.split(",")]
    if len(dict.fromkeys(found)) != len(found):
        raise UsageError(f"--sweep {text!r} has a value twice")
    return found


def sweep(
    tapes: Sequence[Path], seeds: str, sweeps: Sequence[str], params: Sequence[str],
    language: str, options: dict[str, Any],
) -> tuple[Result, str, bool]:  # fmt: skip
    """Run or resume a sweep over tapes or over the simulated days of seeds, and compare."""
    if bool(tapes) == bool(seeds):
        raise UsageError("sweep: give tapes or --seeds, one of the two")
    if not sweeps:
        raise UsageError("sweep: give at least one --sweep name=v1,v2,…")
    if options["workers"] < 1:
        raise UsageError(f"--workers {options['workers']} must be at least 1")
    fixed = [setting(text) for text in params]
    axes = [axis(text) for text in sweeps]
    tried = [*fixed, *(one for values in axes for one in values)]
    named = _tapes(tapes, fixed, tried, options) if tapes else _days(seeds, fixed, tried, options)
    cells = cells_of(named, axes)
    folder: Path = options["out"]
    results, resumed = run_cells(
        cells, folder, options["workers"], lambda text: click.echo(text, err=True)
    )
    files = write_comparison(folder, results, language)
    digest = hashlib.sha256("\n".join(one.digest for one in results).encode()).hexdigest()
    rows = [
        {
            "settings": told(group[0]),
            "fills": group[0].bound,
            "lost_grade": lost(group, results),
            "cells": msgspec.to_builtins(group),
        }
        for group in groups_of(results)
    ]
    answer = {
        "digest": digest,
        "resumed": resumed,
        "files": [str(path) for path in files],
        "combinations": rows,
    }
    text = f"{comparison(results, language)}\nrun {folder}\ndigest {digest}"
    return answer, text, not any(one.broken for one in results)


def _tapes(
    tapes: Sequence[Path], fixed: list[Setting], tried: list[Setting], options: dict[str, Any]
) -> list[Named]:
    """A source of each tape and bound."""
    named: list[Named] = []
    for tape in tapes:
        manifest, chain = load_tape(tape)
        check_settings(chain, tried)
        for bound in bounds_of(options["fills"]):
            plan = plan_of(tape, bound, fixed, options)
            named.append((tape.name, manifest.ticks_sha256, plan))
    return named


def _days(
    seeds: str, fixed: list[Setting], tried: list[Setting], options: dict[str, Any]
) -> list[Named]:
    """A source of each seed's simulated light day."""
    named: list[Named] = []
    config = with_settings(read_config(options["config"]), fixed)
    pick = "" if options["contracts"] == "all" else options["contracts"]
    for seed in seeds_of(seeds, "--seeds"):
        scenario = load(options["scenario"] or drawn(seed))
        plan = DayPlan(
            scenario=scenario,
            config=config,
            seed=seed,
            cadence=cadence(options["cadence"] or LIGHT),
            pick=pick,
            journal="digest",
            agreement=options["agreement"],
            house=options["house"],
            models=options["models"],
            until=options["until"],
        )
        check_plan(plan)
        check_settings(load_reference(plan.day, None, pick).chain, tried)
        identity = f"{msgspec.json.encode(scenario).decode()} {seed} {pick}"
        named.append((f"{scenario.name} s{seed}", identity, plan))
    return named
