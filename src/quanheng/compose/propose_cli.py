"""The verbs `propose`, `second`, `withdraw`: commands that the authority decides (house.md 10)."""

from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from quanheng.compose import authority_desk as desk
from quanheng.compose.answering import answer as _answer
from quanheng.compose.authority_words import told, words_of
from quanheng.compose.cli_options import file_option as _file
from quanheng.compose.cli_options import number_option as _number_option
from quanheng.compose.cli_options import person_options as _person_options
from quanheng.compose.limit_requests import figure_command, limit_command
from quanheng.terms.commands import Command, GiveBackInquiry, Pull, Rearm, TakeInquiry


def _say(answer: desk.Answer, language: str, as_json: bool) -> None:
    result = {"words": words_of(answer.code, language), **msgspec.to_builtins(answer)}
    _answer(result, told(answer, language), as_json, answer.ok)


@click.group()
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


put_forward = _propose
"""For the other files of this verb: propose a command made of the open desk, say what came."""


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


@propose.command("set-limit")
@click.argument("scope")
@click.argument("name")
@click.argument("value", type=int)
@click.option("--basis", required=True, help="The decision or letter it rests on.")
@click.option("--since", default="", help="HH:MM; without it at once.")
@click.option("--until", default="", help="HH:MM; without it the limit has no end.")
@_number_option
@_person_options
def propose_limit(
    scope: str, name: str, value: int, by: str, number: int, lang: str, as_json: bool, **period: str
) -> None:
    """Put limit NAME of SCOPE on record: one person tightens, two loosen."""
    _propose(
        lambda one: limit_command(one.scope(scope), name, value, by, one.day, **period),
        by,
        number,
        lang,
        as_json,
    )


@propose.command("record-figure")
@click.argument("scope")
@click.argument("name")
@click.argument("value", type=int)
@click.option("--source", required=True, help="The system and run it comes from.")
@click.option("--until", required=True, help="HH:MM until which it is good.")
@_number_option
@_person_options
def propose_figure(
    scope: str,
    name: str,
    value: int,
    source: str,
    until: str,
    by: str,
    number: int,
    lang: str,
    as_json: bool,
) -> None:
    """Enter figure NAME of SCOPE that another system worked out."""
    _propose(
        lambda one: figure_command(one.scope(scope), name, value, source, until, by, one.day),
        by,
        number,
        lang,
        as_json,
    )


@propose.command("rearm")
@click.argument("scope")
@click.argument("reason")
@_number_option
@_person_options
def propose_rearm(scope: str, reason: str, by: str, number: int, lang: str, as_json: bool) -> None:
    """End the trip REASON (P25, MMP …) of SCOPE; its other trips stay."""
    _propose(lambda one: Rearm(one.scope(scope), reason, by), by, number, lang, as_json)


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
@click.option("--scope", default=desk.ALL, help="An underlying, for traders; all by default.")
@_number_option
@_person_options
def propose_sign_on(
    post: str, off: bool, scope: str, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Take or leave a POST (trader, risk, ops …); most proposals need a person on duty.

    Whoever signs on last for a class is on duty for it: so a backup takes it over.
    """
    _propose(
        lambda one: desk.sign_on_command(post, by, not off, one.scope(scope)),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("take-inquiry")
@click.argument("inquiry")
@_number_option
@_person_options
def propose_take(inquiry: str, by: str, number: int, lang: str, as_json: bool) -> None:
    """Take INQUIRY, by the exchange's id, over from the machine."""
    _propose(lambda one: TakeInquiry(inquiry, by), by, number, lang, as_json)


@propose.command("answer-inquiry")
@click.argument("inquiry")
@click.argument("bid")
@click.argument("ask")
@click.option("--qty", required=True, type=click.IntRange(min=1), help="Contracts of each side.")
@_number_option
@_person_options
def propose_answer(
    inquiry: str, bid: str, ask: str, qty: int, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Answer INQUIRY, which one has taken, with BID and ASK in yuan."""
    _propose(lambda one: desk.answer_command(inquiry, bid, ask, qty, by), by, number, lang, as_json)


@propose.command("give-back-inquiry")
@click.argument("inquiry")
@_number_option
@_person_options
def propose_give_back(inquiry: str, by: str, number: int, lang: str, as_json: bool) -> None:
    """Leave INQUIRY to the machine again."""
    _propose(lambda one: GiveBackInquiry(inquiry, by), by, number, lang, as_json)


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


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("number", type=int)
@_person_options
def second(folder: Path, number: int, by: str, lang: str, as_json: bool) -> None:
    """Agree to proposal NUMBER of FOLDER as the second person (复核)."""
    with desk.AuthorityDesk(folder) as open_desk:
        answer = open_desk.second(number, by)
    _say(answer, lang, as_json)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("number", type=int)
@_person_options
def withdraw(folder: Path, number: int, by: str, lang: str, as_json: bool) -> None:
    """Take one's own proposal NUMBER of FOLDER back."""
    with desk.AuthorityDesk(folder) as open_desk:
        answer = open_desk.withdraw(number, by)
    _say(answer, lang, as_json)
