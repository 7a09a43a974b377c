"""Verbs of the command line (borders.md 3).

Exit codes: 0 ok, 1 a check failed or a difference was found, 2 usage or configuration, 3 bad
input, 4 interrupted. With --json one JSON object goes to standard output, everything else to
standard error. Errors are one line that names the cause.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from quanheng.compose import commands
from quanheng.compose.reference import ReferenceDataError
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import ScenarioError
from quanheng.config import ConfigError
from quanheng.duties.dataset import DatasetError
from quanheng.rulebook.rows import RulebookError

CHECK_FAILED, USAGE, BAD_INPUT, INTERRUPTED = 1, 2, 3, 4

_EXITS: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, USAGE),
    (RulebookError, USAGE),
    (ScenarioError, USAGE),
    (commands.UsageError, USAGE),
    (ReferenceDataError, BAD_INPUT),
    (RunError, BAD_INPUT),
    (DatasetError, BAD_INPUT),
)


def _fail(text: str, code: int) -> NoReturn:
    click.echo(f"quanheng: {text}", err=True)
    sys.exit(code)


def _answer(result: dict[str, Any], text: str, as_json: bool, ok: bool = True) -> None:
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else text)
    if not ok:
        sys.exit(CHECK_FAILED)


def _file(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, type=kind, default=None, help=help_)


def _day_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--scenario", default="", help="A shipped scenario or a .toml file."),
        click.option("--cadence", default="", help="Snapshot interval, e.g. 500ms or 3s."),
        click.option("--contracts", default="", help="near, or how many contracts to keep."),
        click.option("--journal", default="", help="full, tail:N or digest."),
        click.option("--out", type=click.Path(path_type=Path), default=Path("runs")),
        click.option("--until", default="", help="Stop at HH:MM instead of the end of the day."),
        _file("--config", "Configuration of the desk."),
        _file("--agreement", "Market-making agreement (rules)."),
        _file("--house", "The house's own, tighter rules."),
        _file("--master", "Contract master (reff03) in place of the shipped one."),
        click.option("--lang", type=click.Choice(["zh", "en"]), default="zh"),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="quanheng")
def cli() -> None:
    """权衡 Quanheng: options market making for the Shanghai Stock Exchange."""


@cli.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--live", is_flag=True, help="Venue, gateway and maker as processes over TCP.")
@click.option("--speed", default=60, show_default=True, help="Business time per wall time, --live.")
@click.option("--from", "start", default="", help="Begin at HH:MM (--live).")
@_day_options
def demo(seed: int, live: bool, speed: int, start: str, **options: Any) -> None:
    """Run one whole trading day and show the duties and the grade."""
    as_json, language = options.pop("as_json"), options.pop("lang")
    if live:
        result, text, ok = commands.live_day(seed, speed, start, language, options)
    else:
        options["cadence"] = options["cadence"] or "500ms"
        options["scenario"] = options["scenario"] or "calm"
        result, text, ok = commands.one_day(seed, language, options)
    _answer(result, text, as_json, ok)


@cli.command()
@click.option("--seed", default="1", show_default=True, help="N, or A..B for a sweep.")
@click.option("--list", "listing", is_flag=True, help="Print scenarios and what seeds draw.")
@_day_options
def day(seed: str, listing: bool, **options: Any) -> None:
    """Run light days (3 s snapshots unless --cadence says otherwise)."""
    as_json, language = options.pop("as_json"), options.pop("lang")
    if listing:
        click.echo(commands.scenario_table(language))
        return
    result, text, ok = commands.days(seed, language, options)
    _answer(result, text, as_json, ok)


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--machine", default="", help="Only this machine.")
@click.option("--json", "as_json", is_flag=True)
def replay(run: Path, machine: str, as_json: bool) -> None:
    """Rebuild a run in a fresh process and compare every effect byte for byte."""
    result, text, ok = commands.replay_run(run, machine)
    _answer(result, text, as_json, ok)


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def verify(run: Path, as_json: bool) -> None:
    """Check journals, snapshots and exchange files of a run; names the record that is wrong."""
    result, text, ok = commands.verify(run)
    _answer(result, text, as_json, ok)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--from", "first", required=True, help="First day, YYYY-MM-DD.")
@click.option("--to", "last", required=True, help="Last day, YYYY-MM-DD.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_file("--agreement", "Market-making agreement (rules).")
@click.option("--json", "as_json", is_flag=True)
def rate(
    dataset: Path, first: str, last: str, out: Path, agreement: Path | None, as_json: bool
) -> None:
    """Evaluate a duty dataset over one period and write the output tables."""
    result, text = commands.rate_dataset(dataset, first, last, out, agreement)
    _answer(result, text, as_json)


@cli.command("check-config")
@_file("--config", "Configuration of the desk.")
@_file("--agreement", "Market-making agreement (rules).")
@_file("--house", "The house's own, tighter rules.")
@click.option("--day", "on", default="", help="Day of the rulebook, YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True)
def check_config(
    config: Path | None, agreement: Path | None, house: Path | None, on: str, as_json: bool
) -> None:
    """Print the effective configuration and rulebook with their hashes."""
    result, text = commands.check_config(config, agreement, house, on)
    _answer(result, text, as_json)


def main() -> None:
    """Entry point; turns known errors into one line and an exit code."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted", INTERRUPTED)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except click.ClickException as error:
        _fail(error.format_message(), USAGE)
    except tuple(kind for kind, _ in _EXITS) as error:
        _fail(str(error), next(code for kind, code in _EXITS if isinstance(error, kind)))
