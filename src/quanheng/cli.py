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
import msgspec

from quanheng.compose import authority_desk as desk
from quanheng.compose import commands, desk_views, season_command
from quanheng.compose.authority_words import told, words_of
from quanheng.compose.reference import ReferenceDataError
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import ScenarioError
from quanheng.config import ConfigError, read_config
from quanheng.duties.dataset import DatasetError
from quanheng.rulebook.rows import RulebookError
from quanheng.terms.commands import Command, Pull

CHECK_FAILED, USAGE, BAD_INPUT, INTERRUPTED = 1, 2, 3, 4

_EXITS: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, USAGE),
    (RulebookError, USAGE),
    (ScenarioError, USAGE),
    (commands.UsageError, USAGE),
    (desk.RequestError, USAGE),
    (desk.DeskError, BAD_INPUT),
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


def _contracts(text: str) -> str:
    return "" if text == "all" else text


def _file(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, type=kind, default=None, help=help_)


def _day_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options: list[Callable[..., Any]] = [
        click.option("--scenario", default="", help="A shipped scenario or a .toml file."),
        click.option("--cadence", default="", help="Snapshot interval, e.g. 500ms or 3s."),
        click.option("--contracts", default="", help="all, near, or how many to keep."),
        click.option("--journal", default="", help="full, tail:N or digest."),
        click.option("--out", type=click.Path(path_type=Path), default=Path("runs")),
        click.option("--until", default="", help="Stop at HH:MM instead of the end of the day."),
        _file("--config", "Configuration of the desk."),
        _file("--agreement", "Market-making agreement (rules)."),
        _file("--house", "The house's own, tighter rules."),
        _file("--master", "Contract master (reff03) in place of the shipped one."),
        _file("--models", "Register of released models in place of the shipped one."),
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
    options["cadence"] = options["cadence"] or "500ms"
    options["scenario"] = options["scenario"] or "calm"
    options["contracts"] = _contracts(options["contracts"] or "all")
    if live:
        result, text, ok = commands.live_day(seed, speed, start, language, options)
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
@click.option("--dataset", is_flag=True, help="Keep every day's duty dataset for `rate`.")
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


def _person_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options: list[Callable[..., Any]] = [
        click.option("--by", required=True, help="Opaque id of the person who asks."),
        click.option("--lang", type=click.Choice(["zh", "en"]), default="zh"),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _number_option(function: Callable[..., Any]) -> Callable[..., Any]:
    kind = click.IntRange(min=0)
    return click.option("--number", type=kind, default=0, help="Proposal number; 0 the next.")(
        function
    )


def _say(answer: desk.Answer, language: str, as_json: bool) -> None:
    result = {"words": words_of(answer.code, language), **msgspec.to_builtins(answer)}
    _answer(result, told(answer, language), as_json, answer.ok)


@cli.group()
@click.argument("folder", type=click.Path(path_type=Path))
@_file("--people", "People and posts; the shipped ones by default.")
@click.pass_context
def propose(context: click.Context, folder: Path, people: Path | None) -> None:
    """Propose a command to the authority of FOLDER; it goes out once the policy is met."""
    context.obj = (folder, people)


Make = Callable[[desk.AuthorityDesk], Command]


def _propose(make: Make, by: str, number: int, language: str, as_json: bool) -> None:
    folder, people = click.get_current_context().obj
    with desk.AuthorityDesk(folder, people, begin=True) as open_desk:
        answer = open_desk.propose(make(open_desk), by, number)
    _say(answer, language, as_json)


@propose.command("set-state")
@click.argument("scope")
@click.argument("state")
@click.option("--reason", required=True)
@_number_option
@_person_options
def propose_state(
    scope: str, state: str, reason: str, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Set SCOPE (* or all, an underlying, a contract) to STATE."""
    _propose(
        lambda one: desk.state_command(one.scope(scope), state, reason, by),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("pull")
@click.argument("scope")
@_number_option
@_person_options
def propose_pull(scope: str, by: str, number: int, lang: str, as_json: bool) -> None:
    """Withdraw everything of SCOPE; it stays HALTED until two people open it."""
    _propose(lambda one: Pull(one.scope(scope), by), by, number, lang, as_json)


@propose.command("set-parameter", context_settings={"ignore_unknown_options": True})
@click.argument("scope")
@click.argument("name")
@click.argument("value", type=int)
@_number_option
@_person_options
def propose_parameter(
    scope: str, name: str, value: int, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Set parameter NAME of SCOPE to an integer VALUE in its own unit."""
    _propose(
        lambda one: desk.parameter_command(one.scope(scope, expiry=True), name, value, by),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("exempt")
@click.argument("scope")
@click.argument("reason")
@click.option("--since", required=True, help="HH:MM of the day.")
@click.option("--until", default="", help="HH:MM; without it the exemption lasts.")
@_number_option
@_person_options
def propose_exemption(
    scope: str, reason: str, since: str, until: str, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Record an approved exemption: technical, force_majeure or other."""
    _propose(
        lambda one: desk.exemption_command(one.scope(scope), reason, since, until, by, one.day),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("sign-on")
@click.argument("post")
@click.option("--off", is_flag=True, help="Leave the post.")
@_number_option
@_person_options
def propose_sign_on(post: str, off: bool, by: str, number: int, lang: str, as_json: bool) -> None:
    """Take or leave a POST (trader, risk, ops …); most proposals need a person on duty."""
    _propose(lambda one: desk.sign_on_command(post, by, not off), by, number, lang, as_json)


@propose.command("record")
@click.argument("scope")
@click.argument("state")
@click.option("--reason", required=True)
@_person_options
def propose_record(scope: str, state: str, reason: str, by: str, lang: str, as_json: bool) -> None:
    """Tell the authority that SCOPE was lowered around it (kill, the maker's own trip)."""
    folder, people = click.get_current_context().obj
    with desk.AuthorityDesk(folder, people, begin=True) as open_desk:
        answer = open_desk.record(desk.state_command(open_desk.scope(scope), state, reason, by))
    _say(answer, lang, as_json)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("number", type=int)
@_person_options
def second(folder: Path, number: int, by: str, lang: str, as_json: bool) -> None:
    """Agree to proposal NUMBER of FOLDER as the second person (复核)."""
    with desk.AuthorityDesk(folder) as open_desk:
        answer = open_desk.second(number, by)
    _say(answer, lang, as_json)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("number", type=int)
@_person_options
def withdraw(folder: Path, number: int, by: str, lang: str, as_json: bool) -> None:
    """Take one's own proposal NUMBER of FOLDER back."""
    with desk.AuthorityDesk(folder) as open_desk:
        answer = open_desk.withdraw(number, by)
    _say(answer, lang, as_json)


@cli.group()
def inspect() -> None:
    """Evidence for inspections: tests, releases, records."""


@inspect.command("models")
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, help="Write records and forms."
)
@_file("--models", "Register of released models in place of the shipped one.")
@_file("--people", "People and posts; the shipped ones by default.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def inspect_models(
    out: Path | None, models: Path | None, people: Path | None, lang: str, as_json: bool
) -> None:
    """Run the test batteries of all models against the register; write records, release forms."""
    result, text, ok = commands.inspect_models(models, people, out, lang)
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
