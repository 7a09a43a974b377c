"""Pre-deal what-if: the machine's own figures, the run untouched (work order 4)."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from compose_world import Run, call

from quanheng.compose import what_if as w
from quanheng.compose.what_if_cli import instant
from quanheng.compose.why_find import at_instant
from quanheng.maker import columns as c
from quanheng.maker.maker import Maker
from quanheng.maker.quote_kernels import widest_ask
from quanheng.maker.state import State
from quanheng.terms import market
from quanheng.terms.codes import Check, OrderKind, Side
from quanheng.terms.commands import ManualOrder

AT = "09:35:10"


@pytest.fixture(scope="module")
def state(day_run: Run) -> State:
    """The maker of the shared run at the instant of the questions."""
    machine = at_instant(day_run.folder, instant(day_run.folder, AT)).core.machine
    assert isinstance(machine, Maker)
    return machine.state


def ask(run: Path, **given: Any) -> w.WhatIf:
    """A person's confirmed and seconded limit order at the instant."""
    body = ManualOrder(kind=OrderKind.LIMIT, by="a", confirmed=True, seconded_by="b", **given)
    return w.order(run, instant(run, AT), body)


def quiet(state: State) -> int:
    """A slot that others quote on both sides and where nothing is held long, so that sales open."""
    rows = state.view.rows
    both = (rows[:, market.BID] > 0) & (rows[:, market.ASK] > 0)
    return int(((state.book.long_qty == 0) & both).nonzero()[0][0])


def fingerprint(folder: Path) -> str:
    """SHA-256 over every file of a run."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def test_a_sale_moves_position_margin_greeks_and_limits(day_run: Run, state: State) -> None:
    """Every figure moves by exactly what the contract's own numbers say, the run stays."""
    before = fingerprint(day_run.folder)
    slot = quiet(state)
    code = state.opened.chain.contracts[slot].code if state.opened else ""
    price = int(state.view.rows[slot, market.ASK])
    found = ask(day_run.folder, contract=code, side=Side.SELL, price=price, qty=3)
    assert (found.broken, found.refused, found.people) == ([], "", 2)
    assert found.filled["qty"] == 3 and found.filled["price"] == price
    (change,) = found.classes
    is_, would = change.before, change.after
    margin = int(state.tables.fixed[slot, c.F_MARGIN])
    assert would.position["short"] == is_.position["short"] + 3
    assert would.margin - is_.margin == would.margin_book - is_.margin_book == 3 * margin
    assert 0 < would.cash - is_.cash <= found.filled["amount"]
    delta = state.surface.theo[slot, c.T_DELTA]
    moved = would.greeks["delta"] - is_.greeks["delta"]
    assert moved * delta < 0
    assert would.greeks["vega"] < is_.greeks["vega"] and would.greeks["theta"] > is_.greeks["theta"]
    used = {
        now.name: then.used - now.used for now, then in zip(is_.limits, would.limits, strict=True)
    }
    assert used["total"] >= 3 and would.free < is_.free
    assert fingerprint(day_run.folder) == before


def test_every_broken_rung_is_named_and_nothing_moves(day_run: Run, state: State) -> None:
    """Not only the first: a huge purchase far from theory breaks size, price and collar."""
    slot = quiet(state)
    code = state.opened.chain.contracts[slot].code if state.opened else ""
    price = int(state.tables.fixed[slot, c.F_UP])
    found = ask(day_run.folder, contract=code, side=Side.BUY, price=price + 7, qty=999)
    assert {Check.P06_QUANTITY, Check.P07_PRICE, Check.P09_THEO_COLLAR} <= set(found.broken)
    assert (
        found.filled == {} and found.classes[0].before.position == found.classes[0].after.position
    )
    assert found.classes[0].before.cash == found.classes[0].after.cash


def test_quotes_before_are_those_that_rest(day_run: Run, state: State) -> None:
    """The side "now" is the desk as it is: its working prices, judged by the duty's own spread."""
    slot = quiet(state)
    code = state.opened.chain.contracts[slot].code if state.opened else ""
    found = w.setting(day_run.folder, instant(day_run.folder, AT), code, "width", 2_999)
    quote = next(one for one in found.classes[0].before.quotes if one.contract == code)
    assert (
        quote.bid_qty >= 0
        and quote.widest == widest_ask(quote.bid, state.tables.fixed[slot]) - quote.bid
    )
    assert all(0 <= one.reachable <= w.PPM for one in found.classes[0].before.quotes)


def test_switching_a_contract_off_costs_its_duty(day_run: Run, state: State) -> None:
    """Disabled, the contract no longer counts and what it can still reach falls to what it has."""
    at = instant(day_run.folder, AT)
    slot = quiet(state)
    code = state.opened.chain.contracts[slot].code if state.opened else ""
    found = w.setting(day_run.folder, at, code, "enabled", 0)
    (change,) = found.classes
    now, then = (
        next(one for one in world.quotes if one.contract == code)
        for world in (change.before, change.after)
    )
    assert found.people == 1 and not found.refused
    assert then.reachable <= now.reachable
    if now.counts:
        assert change.after.counting == change.before.counting - 1 or found.messages > 0


@pytest.mark.parametrize(
    ("scope", "name", "value", "people", "refused"),
    [
        ("*", "width", 4_000, 1, ""),
        ("*", "width", 1_000, 2, ""),
        ("*", "no_such", 1, 0, "unknown parameter"),
        ("nowhere", "width", 4_000, 1, "scope"),
        ("*", "strategy", 99, 2, "strategy_not_released"),
    ],
)
def test_a_setting_says_who_must_agree_and_what_is_refused(
    day_run: Run, scope: str, name: str, value: int, people: int, refused: str
) -> None:
    """Bands and refusals are the machine's (O-04, I-10)."""
    found = w.setting(day_run.folder, instant(day_run.folder, AT), scope, name, value)
    assert refused in found.refused and bool(refused) == bool(found.refused)
    if not refused:
        assert found.people == people


def test_wider_quotes_are_wider(day_run: Run) -> None:
    """A class planned with the widest width: no spread shrinks, some grow, none leaves the duty."""
    found = w.setting(day_run.folder, instant(day_run.folder, AT), "*", "width", 9_500)
    grown = 0
    for change in found.classes:
        for now, then in zip(change.before.quotes, change.after.quotes, strict=True):
            if now.counts and then.counts:
                grown += then.ask - then.bid > now.ask - now.bid
                assert then.ask - then.bid >= now.ask - now.bid - 2
        assert change.after.counting == change.before.counting
    assert grown > 0


def test_the_page_and_bad_input(day_run: Run, state: State) -> None:
    """Both languages, JSON, and errors that name the thing."""
    slot = quiet(state)
    code = state.opened.chain.contracts[slot].code if state.opened else ""
    price = int(state.view.rows[slot, market.ASK])
    given = ("what-if", "order", day_run.folder, code, "buy", 2, "--price", price, "--at", AT)
    assert "可以通过" in call(*given).out and "义务" in call(*given).out
    assert "would pass" in call(*given, "--lang", "en").out
    assert call(*given, "--json").json["filled"]["qty"] == 2
    bad = call("what-if", "set", day_run.folder, "*", "width", 4_000, "--at", "25:00")
    assert bad.code != 0 and "25:00" in bad.err
    late = call("what-if", "set", day_run.folder, "*", "width", 4_000, "--at", "15:00")
    assert late.code != 0 and "after the last input" in late.err
    unknown = call("what-if", "order", day_run.folder, "1", "buy", 2, "--price", 10, "--at", AT)
    assert unknown.code != 0 and "no contract 1" in unknown.err
