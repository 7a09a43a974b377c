"""The verb `what-if`: an order or a setting, before it is done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose import what_if as w
from quanheng.compose.answering import answer
from quanheng.compose.commands import UsageError
from quanheng.compose.run_folder import read_info
from quanheng.compose.what_if_text import told
from quanheng.terms.codes import OrderKind, Side
from quanheng.terms.commands import ManualOrder
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import Nanos

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_KINDS = {kind.name.lower().replace("_", "-"): kind for kind in OrderKind}


@click.group("what-if")
def what_if() -> None:
    """Margin, Greeks, limits and duty of an order or a setting, before it is done."""


def _shared(function: Callable[..., None]) -> Callable[..., None]:
    options: list[Callable[..., Any]] = [
        click.argument("run", type=click.Path(path_type=Path)),
        click.option("--at", "clock", required=True, help="HH:MM or HH:MM:SS of the day."),
        click.option("--lang", type=click.Choice(["zh", "en"]), default="zh"),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@what_if.command("order")
@_shared
@click.argument("contract")
@click.argument("side", type=click.Choice(sorted(_SIDES)))
@click.argument("qty", type=click.IntRange(min=1))
@click.option("--price", type=click.IntRange(min=0), default=0, help="Ticks of 0.0001 yuan.")
@click.option("--kind", type=click.Choice(sorted(_KINDS)), default="limit")
@click.option("--covered", is_flag=True, help="A covered sale (备兑).")
def _order(
    run: Path, clock: str, lang: str, as_json: bool, contract: str, side: str, qty: int,
    price: int, kind: str, covered: bool,
) -> None:  # fmt: skip
    """An order of QTY contracts that fills whole in the RUN at a time of its day."""
    if kind.startswith("limit") and not price:
        raise UsageError(f"what-if order: a {kind} order needs --price")
    body = ManualOrder(
        contract, _SIDES[side], _KINDS[kind], price, qty, "what-if", True, "second", covered
    )
    _say(w.order(run, instant(run, clock), body), lang, as_json)


@what_if.command("set", context_settings={"ignore_unknown_options": True})
@_shared
@click.argument("scope")
@click.argument("name")
@click.argument("value", type=int)
def _set(
    run: Path, clock: str, lang: str, as_json: bool, scope: str, name: str, value: int
) -> None:
    """Quote parameter NAME of SCOPE set to VALUE in the RUN at a time of its day."""
    _say(w.setting(run, instant(run, clock), scope, name, value), lang, as_json)


def instant(run: Path, clock: str) -> Nanos:
    """A time of the run's day. UsageError when it is none."""
    try:
        return midnight(read_info(run).day) + from_clock(clock)
    except ValueError as error:
        raise UsageError(f"--at: {error}") from error


def _say(found: w.WhatIf, language: str, as_json: bool) -> None:
    answer(msgspec.to_builtins(found), told(found, language), as_json)
