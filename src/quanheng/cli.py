"""Verbs of the command line (borders.md 3).

Exit codes: 0 ok, 1 a check failed or a difference was found, 2 usage or configuration, 3 bad
input, 4 interrupted. With --json one JSON object goes to standard output, everything else to
standard error. Errors are one line that names the cause.
"""

import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from quanheng.compose import authority_desk as desk
from quanheng.compose import (
    backtest_cli,
    commands,
    configuration_cli,
    desk_views,
    duty_cli,
    inspection_cli,
    lazy_verb,
    node_cli,
    rate_command,
    risk_report_cli,
    season_command,
    settle_cli,
)
from quanheng.compose import market_history as history
from quanheng.compose.answering import CHECK_FAILED
from quanheng.compose.answering import answer as _answer
from quanheng.compose.archive_cli import archive
from quanheng.compose.cli_options import day_options as _day_options
from quanheng.compose.cli_options import file_option as _file
from quanheng.compose.console_cli import console, console_person
from quanheng.compose.drill_cli import drill
from quanheng.compose.firm_cli import firm
from quanheng.compose.kill_cli import kill
from quanheng.compose.lab_command import lab
from quanheng.compose.migrate_cli import migrate
from quanheng.compose.oversee_cli import oversee
from quanheng.compose.pair_keys_cli import pair_keys
from quanheng.compose.propose_cli import second, withdraw
from quanheng.compose.propose_trade_cli import propose
from quanheng.compose.reference import ReferenceDataError
from quanheng.compose.registry_cli import registry
from quanheng.compose.report_cli import report
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import ScenarioError
from quanheng.compose.self_test_cli import self_test
from quanheng.compose.surveil_cli import surveil
from quanheng.compose.system_inspection_cli import system_inspection
from quanheng.compose.watch_cli import alarms, status
from quanheng.compose.what_if_cli import what_if
from quanheng.compose.why import why as reasons
from quanheng.compose.why_text import told
from quanheng.compose.worlds_cli import worlds
from quanheng.config import ConfigError, read_config
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.duties.dataset import DatasetError
from quanheng.duties.fees import FeeError
from quanheng.edge.archive_files import ArchiveError
from quanheng.edge.archive_signing import SigningError
from quanheng.edge.document_pdf import GlyphError
from quanheng.edge.kill_client import KillSocketError
from quanheng.edge.nats_config import MessagingError
from quanheng.edge.rate_engines import EngineError
from quanheng.edge.rate_task import PartError
from quanheng.edge.tape_files import TapeError
from quanheng.registry.errors import RegistryError
from quanheng.rulebook.rows import RulebookError
from quanheng.runtime.journal import JournalError

USAGE, BAD_INPUT, INTERRUPTED = 2, 3, 4

_EXITS: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, USAGE),
    (RulebookError, USAGE),
    (ScenarioError, USAGE),
    (commands.UsageError, USAGE),
    (rate_command.PlanError, USAGE),
    (history.HistoryError, USAGE),
    (EngineError, USAGE),
    (FeeError, BAD_INPUT),
    (PartError, BAD_INPUT),
    (desk.RequestError, USAGE),
    (desk.DeskError, BAD_INPUT),
    (ReferenceDataError, BAD_INPUT),
    (RunError, BAD_INPUT),
    (MessagingError, BAD_INPUT),
    (JournalError, BAD_INPUT),
    (KillSocketError, BAD_INPUT),
    (DatasetError, BAD_INPUT),
    (TapeError, BAD_INPUT),
    (ArchiveError, BAD_INPUT),
    (SigningError, BAD_INPUT),
    (GlyphError, BAD_INPUT),
    (StoreError, BAD_INPUT),
    (RegistryError, BAD_INPUT),
    (NotAllowedError, CHECK_FAILED),
)


def _fail(text: str, code: int) -> NoReturn:
    click.echo(f"quanheng: {text}", err=True)
    sys.exit(code)


def _contracts(text: str) -> str:
    return "" if text == "all" else text


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="quanheng")
def cli() -> None:
    """权衡 Quanheng: options market making for the Shanghai Stock Exchange."""


@cli.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--live", is_flag=True, help="Venue, gateway and maker as processes over TCP.")
@click.option("--speed", default=60, show_default=True, help="Business time per wall time, --live.")
@click.option("--from", "start", default="", help="Begin at HH:MM (--live).")
@click.option("--standby", is_flag=True, help="A second node follows and takes over (--live).")
@_day_options
def demo(seed: int, live: bool, speed: int, start: str, standby: bool, **options: Any) -> None:
    """Run one whole trading day and show the duties and the grade."""
    as_json, language = options.pop("as_json"), options.pop("lang")
    options["cadence"] = options["cadence"] or "500ms"
    options["scenario"] = options["scenario"] or "calm"
    options["contracts"] = _contracts(options["contracts"] or "all")
    if live:
        result, text, ok = commands.live_day(seed, speed, start, language, options, standby)
    else:
        result, text, ok = commands.one_day(seed, language, options)
    _answer(result, text, as_json, ok)


@cli.command()
@click.option("--seed", default="1", show_default=True, help="N, or A..B for a sweep.")
@click.option("--list", "listing", is_flag=True, help="Print scenarios and what seeds draw.")
@_day_options
def day(seed: str, listing: bool, **options: Any) -> None:
    """Run light days: 3 s snapshots of each class's nearest expiry unless told otherwise."""
    as_json, language = options.pop("as_json"), options.pop("lang")
    options["contracts"] = _contracts(options["contracts"] or "near")
    if listing:
        click.echo(commands.scenario_table(language))
        return
    result, text, ok = commands.days(seed, language, options)
    _answer(result, text, as_json, ok)


@cli.command()
@click.option("--from", "first", default="2024-06-27", show_default=True, help="First day.")
@click.option("--days", default=20, show_default=True, help="Trading days.")
@click.option("--seed", "--seeds", "seeds", default="1", show_default=True, help="N, or A..B.")
@click.option("--scenario", default="", help="A season, a scenario, drawn, or a season's .toml.")
@click.option("--cadence", default="", help="Snapshot interval, e.g. 3s.")
@click.option("--contracts", default="near", show_default=True, help="all, near, or how many.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--until", default="", help="Stop every day at HH:MM.")
@click.option("--dataset", is_flag=True, help="Keep every day's dataset and rate the months.")
@click.option("--workers", default=1, show_default=True, help="Seasons of A..B at a time.")
@_file("--config", "Configuration of the desk.")
@_file("--agreement", "Market-making agreement (rules).")
@_file("--house", "The house's own, tighter rules.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def season(seeds: str, as_json: bool, **options: Any) -> None:
    """Run or resume consecutive light days; positions, cash and listings carry over."""
    options["contracts"] = _contracts(options["contracts"])
    result, text, ok = season_command.season(seeds, options)
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
@click.option("--from", "first", default="", help="First day of one period, YYYY-MM-DD.")
@click.option("--to", "last", default="", help="Last day of one period, YYYY-MM-DD.")
@click.option("--year", type=int, default=0, help="Instead: 21 December to 20 December.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@_file("--agreement", "Market-making agreement (rules).")
@_file("--fees", "Fees of the agreement: rebates and rewards by role and grade.")
@click.option("--engine", default="local", show_default=True, help="local or ray.")
@click.option("--workers", default=0, help="Processes of --engine local; 0: one per processor.")
@click.option("--publication", default="csv,html", show_default=True, help="csv, html, xlsx, pdf.")
@click.option("--json", "as_json", is_flag=True)
def rate(first: str, last: str, year: int, as_json: bool, **options: Any) -> None:
    """Evaluate a duty dataset over a period or a year; goes on where it was interrupted."""
    options["folder"] = options.pop("dataset")
    plan = rate_command.plan_of(first, last, year, **options)
    result, text = rate_command.rated(plan, lambda line: click.echo(line, err=True))
    _answer(result, text, as_json)


@cli.command("market-history")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--makers", default=20, show_default=True)
@click.option("--days", default=21, show_default=True, help="Trading days.")
@click.option("--from", "first", default="2024-05-21", show_default=True, help="First day.")
@click.option("--contracts", default=400, show_default=True, help="Of all five classes.")
@click.option("--updates", default=300, show_default=True, help="Quotes per maker, contract, day.")
@click.option("--seed", default=1, show_default=True)
@click.option("--workers", default=0, help="Processes; 0: one per processor.")
@click.option("--json", "as_json", is_flag=True)
def market_history(as_json: bool, **options: Any) -> None:
    """Make the duty dataset of a whole market from a seed, in parts by day and class."""
    plan = history.plan_of(**options)
    result = history.make_history(plan, lambda line: click.echo(line, err=True))
    _answer(result, f"{result['quote_rows']:,} quote rows in {plan.out}", as_json)


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


@cli.group(cls=inspection_cli.InspectGroup)
def inspect() -> None:
    """RUN: the 52 items of the exchange's inspection with evidence; or models, strategies …"""


@inspect.command("models")
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, help="Write records and forms."
)
@click.option("--docx", is_flag=True, help="The forms also as documents to be signed.")
@_file("--models", "Register of released models in place of the shipped one.")
@_file("--people", "People and posts; the shipped ones by default.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def inspect_models(
    out: Path | None, docx: bool, models: Path | None, people: Path | None, lang: str, as_json: bool
) -> None:
    """Run the test batteries of all models against the register; write records, release forms."""
    result, text, ok = commands.inspect_models(models, people, out, lang, docx)
    _answer(result, text, as_json, ok)


@inspect.command("parameters")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def inspect_parameters(run: Path, lang: str, as_json: bool) -> None:
    """Every setting of a run: when, scope, before, after, by whom and with whom."""
    rows = desk_views.changes(run)
    _answer({"changes": rows}, desk_views.shown(rows, lang), as_json)


@inspect.command("contracts")
@_file("--config", "Configuration of the desk.")
@_file("--master", "Contract master (reff03) in place of the shipped one.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def inspect_contracts(config: Path | None, master: Path | None, lang: str, as_json: bool) -> None:
    """Contracts with role, permission and designation as a configuration has them."""
    rows = desk_views.contracts(read_config(config), master)
    _answer({"contracts": rows}, desk_views.shown(rows, lang), as_json)


@cli.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("quote")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def why(run: Path, quote: str, lang: str, as_json: bool) -> None:
    """Everything behind a QUOTE of a sealed RUN, named by its client id: inputs, curve, theory,
    strategy, checks with their limits, and what became of it.
    """
    found = reasons(run, quote)
    _answer(msgspec.to_builtins(found), told(found, lang), as_json)


for verb in (
    kill,
    archive,
    what_if,
    console,
    console_person,
    registry,
    propose,
    second,
    withdraw,
    lab,
    report,
    oversee,
    firm,
    status,
    alarms,
    self_test,
    system_inspection,
    migrate,
    drill,
    pair_keys,
    surveil,
    worlds,
    *settle_cli.VERBS,
    *risk_report_cli.VERBS,
    *backtest_cli.VERBS,
    *duty_cli.VERBS,
    *lazy_verb.VERBS,
    *node_cli.VERBS,
    *configuration_cli.VERBS,
):
    cli.add_command(verb)
inspect.add_command(backtest_cli.strategies)
inspect.add_command(inspection_cli.items)


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
