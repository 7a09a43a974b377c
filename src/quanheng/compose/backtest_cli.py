"""Command line of recorded markets and back-tests (docs/backtest.md)."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from quanheng.compose import backtest_command, strategy_inspection, sweep_command, tapes
from quanheng.exchange.tape_fills import BOUNDS

FOLDER = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def _say(result: dict[str, Any], text: str, ok: bool, as_json: bool) -> None:
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else text)
    if not ok:
        sys.exit(1)


def _tape_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options: list[Callable[..., Any]] = [
        click.option("--feed-latency", default="1ms", show_default=True, help="Market data."),
        click.option("--order-latency", default="1ms", show_default=True, help="Each way."),
        click.option("--out", type=FOLDER, default=Path("runs")),
        click.option("--config", type=FILE, default=None, help="Configuration of the desk."),
        click.option("--agreement", type=FILE, default=None, help="Market-making agreement."),
        click.option("--house", type=FILE, default=None, help="The house's tighter rules."),
        click.option("--models", type=FILE, default=None, help="Register of released models."),
        click.option("--lang", "language", type=click.Choice(["zh", "en"]), default="zh"),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command("export-market")
@click.argument("run", type=FOLDER)
@click.option("--out", type=FILE, default=None, help="A .csv or .parquet file.")
@click.option("--json", "as_json", is_flag=True)
def export_market(run: Path, out: Path | None, as_json: bool) -> None:
    """Write what the maker of RUN heard as the table `market` of its dataset."""
    _say(*tapes.export_market(run, out), True, as_json)


@click.command("import-tape")
@click.argument("source", type=FOLDER)
@click.option("--day", required=True, help="The day to take, YYYY-MM-DD.")
@click.option("--out", type=FOLDER, required=True, help="Folder of the tape, not there yet.")
@click.option("--master", type=FILE, default=None, help="Contract master (reff03) of the day.")
@click.option("--lang", "language", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True)
def import_tape(
    source: Path, day: str, out: Path, master: Path | None, language: str, as_json: bool
) -> None:
    """Make a tape of recorded snapshots: SOURCE is a .csv, a .parquet or a dataset folder."""
    _say(*tapes.import_tape(source, day, out, master, language), True, as_json)


@click.command("backtest")
@click.argument("tape", type=FOLDER)
@click.option("--fills", type=click.Choice([*BOUNDS, "both"]), default="both", show_default=True)
@click.option("--param", "params", multiple=True, help="name=value or scope:name=value.")
@_tape_options
def backtest(
    tape: Path, fills: str, params: tuple[str, ...], language: str, as_json: bool, **options: Any
) -> None:
    """Run the maker on TAPE under an optimistic and a pessimistic bound of its fills."""
    result, text, ok = backtest_command.run(tape, fills, params, language, options)
    _say(result, text, ok, as_json)


@click.command("sweep")
@click.argument("tapes_", metavar="[TAPE]...", nargs=-1, type=FOLDER)
@click.option("--seeds", default="", help="Simulated days of N or A..B in place of tapes.")
@click.option("--sweep", "sweeps", multiple=True, help="name=v1,v2,… or scope:name=v1,v2,…")
@click.option("--param", "params", multiple=True, help="Set in every cell, the base included.")
@click.option("--fills", type=click.Choice([*BOUNDS, "both"]), default="both", show_default=True)
@click.option("--workers", default=1, show_default=True, help="Cells at a time.")
@click.option("--scenario", default="", help="Of simulated days; else what the seed draws.")
@click.option("--contracts", default="near", show_default=True, help="Of simulated days.")
@click.option("--cadence", default="", help="Of simulated days, e.g. 3s.")
@click.option("--until", default="", help="Stop simulated days at HH:MM.")
@_tape_options
def sweep(
    tapes_: tuple[Path, ...],
    seeds: str,
    sweeps: tuple[str, ...],
    params: tuple[str, ...],
    language: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare values of quote parameters over tapes or simulated days; goes on where it stopped."""
    _say(*sweep_command.sweep(tapes_, seeds, sweeps, params, language, options), as_json)


@click.command("strategies")
@click.option("--scene", "only", multiple=True, help="Only this scene; repeatable.")
@click.option("--workers", default=1, show_default=True, help="Scenes at a time.")
@click.option("--out", type=FOLDER, default=None, help="Write the release forms.")
@click.option("--docx", is_flag=True, help="The forms also as documents to be signed.")
@click.option("--scenes", type=FILE, default=None, help="Scenes in place of the shipped ones.")
@click.option("--records", type=FOLDER, default=None, help="Records in place of the shipped ones.")
@click.option("--models", type=FILE, default=None, help="Register of released models.")
@click.option("--people", type=FILE, default=None, help="People and posts.")
@click.option("--config", type=FILE, default=None, help="Configuration of the desk.")
@click.option("--lang", "language", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def strategies(
    only: tuple[str, ...], workers: int, language: str, as_json: bool, **options: Any
) -> None:
    """Run the scenes of every strategy's release; compare what is expected, seen and recorded."""
    answer = strategy_inspection.inspect_strategies(only, workers, language, options)
    _say(*answer, as_json)


VERBS = (export_market, import_tape, backtest, sweep)
"""What the command line adds to its own verbs."""
