"""The verb `firm`: what people of the firm's risk do in a live day (R-03 to R-06)."""

from pathlib import Path

import click

from quanheng.authority.messages import Second
from quanheng.compose.answering import answer
from quanheng.compose.oversight_file import on_firm_risk
from quanheng.compose.people import read_people
from quanheng.compose.run_folder import RunError, read_info
from quanheng.config import ConfigError
from quanheng.edge.firm_acts import Act, add_act
from quanheng.oversight.messages import Answer, CloseCase, FollowUp, ReleaseDesk, Restrain
from quanheng.terms.codes import TradingState

STATES = [TradingState.REDUCING.name, TradingState.CANCEL_ONLY.name, TradingState.HALTED.name]


def _give(run: Path, by: str, act: Act, as_json: bool) -> None:
    """Hand an act to the overseer of a running day; it judges the person again by its register.

    RunError for a folder without a live day that is going on, ConfigError for a person unknown.
    """
    info = read_info(run)
    if info.hash_seed != "live" or info.status != "running":
        raise RunError(f"{run}: no live day is going on there (status {info.status})")
    if by not in [one.person for one in read_people().people]:
        raise ConfigError(f"--by: {by} is not among the people of the desk and the firm")
    add_act(run, act)
    name = type(act).__name__
    answer({"act": name, "by": by}, f"已提交 handed over: {name} ({by})", as_json)


_RUN = click.argument("run", type=click.Path(path_type=Path))
_BY = click.option("--by", required=True, help="Opaque id of the person who acts.")
_TEXT = click.option("--text", required=True, help="The reason, or what is said.")
_SCOPE = click.option("--scope", default="*", show_default=True, help='"*" or an underlying.')
_CASE = click.option("--case", "case", required=True, help="Number of the case.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group()
def firm() -> None:
    """Acts of the firm's risk department in a live day: restrain, release, cases (R-03 to R-06)."""


@firm.command()
@_RUN
@_SCOPE
@click.option("--state", type=click.Choice(STATES), default=STATES[-1], show_default=True)
@_TEXT
@_BY
@_JSON
def restrain(run: Path, scope: str, state: str, text: str, by: str, as_json: bool) -> None:
    """One person of firm risk puts a scope of the desk into a lower state."""
    if not on_firm_risk(read_people(), by):
        raise ConfigError(f"--by: {by} does not hold firm_risk")
    _give(run, by, Restrain(scope, TradingState[state], text, by), as_json)


@firm.command()
@_RUN
@_SCOPE
@_TEXT
@_BY
@_JSON
def release(run: Path, scope: str, text: str, by: str, as_json: bool) -> None:
    """Ask to let a scope trade again; a second person agrees with `firm second`."""
    _give(run, by, ReleaseDesk(scope, text, by), as_json)


@firm.command()
@_RUN
@click.argument("proposal", type=int)
@_BY
@_JSON
def second(run: Path, proposal: int, by: str, as_json: bool) -> None:
    """Agree to a proposal at the firm's authority."""
    _give(run, by, Second(proposal, by), as_json)


@firm.command(name="answer")
@_RUN
@_CASE
@_TEXT
@_BY
@_JSON
def answer_case(run: Path, case: str, text: str, by: str, as_json: bool) -> None:
    """The desk's written answer to a risk notice."""
    _give(run, by, Answer(case, by, text), as_json)


@firm.command()
@_RUN
@_CASE
@_TEXT
@click.option("--refuse", is_flag=True, help="Send the answer back with a new deadline.")
@_BY
@_JSON
def follow(run: Path, case: str, text: str, refuse: bool, by: str, as_json: bool) -> None:
    """Firm risk looks after a case."""
    _give(run, by, FollowUp(case, by, text, not refuse), as_json)


@firm.command()
@_RUN
@_CASE
@_TEXT
@_BY
@_JSON
def close(run: Path, case: str, text: str, by: str, as_json: bool) -> None:
    """Firm risk closes a case."""
    _give(run, by, CloseCase(case, by, text), as_json)
