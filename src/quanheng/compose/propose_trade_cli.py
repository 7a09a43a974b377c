"""The part of `propose` that trades and instructs: orders, locks, exercises, combinations."""

from typing import Any

import click

from quanheng.compose import trade_requests as made
from quanheng.compose.cli_options import number_option, person_options
from quanheng.compose.propose_cli import propose, put_forward
from quanheng.terms.commands import BuildPrepared, InquireMargin, ManualCancel

__all__ = ["propose"]


@propose.command("order")
@click.argument("contract")
@click.argument("side", type=click.Choice(list(made.SIDES)))
@click.argument("qty", type=int)
@click.option("--kind", type=click.Choice(list(made.KINDS)), default="limit", show_default=True)
@click.option("--price", type=int, default=0, help="In units of 0.0001 yuan; limit kinds only.")
@click.option("--effect", type=click.Choice(list(made.EFFECTS)), default="auto", show_default=True)
@click.option("--covered", is_flag=True, help="Against locked underlying (备兑).")
@click.option("--confirmed", is_flag=True, help="The prompt for a large order was seen.")
@click.option("--large", is_flag=True, help="Have a second person agree first.")
@number_option
@person_options
def propose_order(
    contract: str,
    side: str,
    qty: int,
    by: str,
    number: int,
    lang: str,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Send one order for QTY contracts of CONTRACT through the ladder."""
    put_forward(
        lambda one: made.order_command(one.scope(contract), side, qty, by, **chosen),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("cancel")
@click.argument("client_id")
@number_option
@person_options
def propose_cancel(client_id: str, by: str, number: int, lang: str, as_json: bool) -> None:
    """Withdraw one single order or one exercise by its client id."""
    put_forward(lambda _: ManualCancel(client_id, by), by, number, lang, as_json)


@propose.command("lock")
@click.argument("underlying")
@click.argument("units", type=int)
@number_option
@person_options
def propose_lock(
    underlying: str, units: int, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Lock UNITS of UNDERLYING for covered sales (证券锁定)."""
    put_forward(
        lambda one: made.lock_command(one.scope(underlying), units, False, by),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("unlock")
@click.argument("underlying")
@click.argument("units", type=int)
@number_option
@person_options
def propose_unlock(
    underlying: str, units: int, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Free UNITS of UNDERLYING that no covered short needs (证券解锁)."""
    put_forward(
        lambda one: made.lock_command(one.scope(underlying), units, True, by),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("exercise")
@click.argument("contract")
@click.argument("qty", type=int)
@click.option("--put", default="", help="Exercise this put together with the call (合并行权).")
@number_option
@person_options
def propose_exercise(
    contract: str, qty: int, put: str, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Exercise QTY long contracts on their exercise day (行权); a second person agrees."""
    put_forward(
        lambda one: made.exercise_command(
            one.scope(contract), qty, one.scope(put) if put else "", by
        ),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("combine")
@click.argument("strategy")
@click.argument("first")
@click.argument("second")
@click.argument("units", type=int)
@number_option
@person_options
def propose_combine(
    strategy: str,
    first: str,
    second: str,
    units: int,
    by: str,
    number: int,
    lang: str,
    as_json: bool,
) -> None:
    """Build UNITS of a combination (组合): CNSJC, CXSJC, PNSJC, PXSJC, KS or KKS."""
    put_forward(
        lambda one: made.combine_command(
            strategy, one.scope(first), one.scope(second), units, by
        ),
        by, number, lang, as_json,
    )  # fmt: skip


@propose.command("split")
@click.argument("combination")
@click.argument("units", type=int)
@number_option
@person_options
def propose_split(
    combination: str, units: int, by: str, number: int, lang: str, as_json: bool
) -> None:
    """Split UNITS of the combination with the exchange's id COMBINATION (拆分)."""
    put_forward(lambda _: made.split_command(combination, units, by), by, number, lang, as_json)


@propose.command("margin")
@number_option
@person_options
def propose_margin(by: str, number: int, lang: str, as_json: bool) -> None:
    """Ask the exchange for the margin account's figures (保证金查询)."""
    put_forward(lambda _: InquireMargin(by), by, number, lang, as_json)


@propose.command("build-prepared")
@click.argument("prepared", type=int)
@number_option
@person_options
def propose_prepared(prepared: int, by: str, number: int, lang: str, as_json: bool) -> None:
    """Carry out the PREPARED set of combinations of that number; a second person agrees."""
    put_forward(lambda _: BuildPrepared(prepared, by), by, number, lang, as_json)
