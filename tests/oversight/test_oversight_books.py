"""The overseer's own books against the desk's fold, its register and its margin (R-02, T-04)."""

import random

import numpy as np
import pytest
from over_world import TEN, World, limit, opening

from quanheng.books import combinations as combo
from quanheng.books import margin_use, positions
from quanheng.oversight import account
from quanheng.oversight.figures import PLACE
from quanheng.oversight.messages import Attribution, EtfCopy, Opening
from quanheng.runtime.envelope import RaiseAlert
from quanheng.runtime.laws import broken_laws
from quanheng.terms.business import CombinationDone, CombinationLeg
from quanheng.terms.codes import Alert, Effect, Side
from quanheng.terms.etf import EtfFill


def test_oversight_books_fold_as_the_desk_does() -> None:
    """R-02: hundreds of random fills give the desk's positions and cash, written twice."""
    world, chance = World(opening()), random.Random(7)
    slots = len(world.chain.contracts)
    book = positions.open_book(slots, world.opened.account.cash)
    for _ in range(400):
        slot, side = chance.randrange(slots), chance.choice(list(Side))
        qty, price = chance.randint(1, 30), chance.randint(1, 3_000)
        unit = world.chain.contracts[slot].unit
        closable = positions.closable(book, slot, side)
        effect = Effect.CLOSE if closable >= qty and chance.random() < 0.5 else Effect.OPEN
        positions.apply_trade(book, slot, side, effect, False, qty, price, unit, 0)
        world.trade(slot, side, qty, price, effect)
    mine = world.state.account
    assert (mine.long == book.long_qty).all() and (mine.short == book.short_qty).all()
    assert mine.cash + mine.fees == book.cash
    assert (mine.by_owner.sum(axis=0) == positions.nets(book)).all()
    fixed = np.array([row.margin_unit for row in world.chain.contracts])
    assert account.single_margin(world.state) == margin_use.total(book, fixed)


def test_oversight_books_hear_every_copy_once() -> None:
    """A copy that comes again changes nothing; one of an unlisted contract is named."""
    world = World(opening())
    copy = world.trade(0, Side.BUY, 5)
    before = world.machine.digest()["account"]
    world.say(copy, TEN)
    assert world.machine.digest()["account"] == before
    wrong = type(copy)("1", 99, type(copy.body)(**{
        **{name: getattr(copy.body, name) for name in copy.body.__struct_fields__},
        "contract": "99999999",
    }))  # fmt: skip
    with pytest.raises(ValueError, match="99999999"):
        world.say(wrong, TEN)


def test_oversight_books_attribute_by_the_register() -> None:
    """R-02: the longest prefix wins, then a named underlying; an unknown one is told."""
    lines = (
        Attribution("M", "*", "making", "quotes"),
        Attribution("M", "510050", "making", "fifty"),
        Attribution("MX", "*", "making", "manual"),
    )
    assert account.owner_of(lines, "M1", "510300") == 0
    assert account.owner_of(lines, "M1", "510050") == 1
    assert account.owner_of(lines, "MX1", "510050") == 2
    assert account.owner_of(lines, "Z1", "510050") == -1
    world = World(opening(register=lines))
    world.trade(0, Side.BUY, 5)
    world.trade(0, Side.SELL, 3, client_id="Z000000001")
    told = [one for one in world.of(RaiseAlert) if one.code == Alert.UNATTRIBUTED_FILL]
    assert [one.args for one in told] == [("Z000000001",)]
    world.quote(TEN)
    world.run(TEN + 5)
    figures = world.state.figures
    assert figures["strategy:unknown"][PLACE["net"]] == -3
    assert figures["desk:making"][PLACE["net"]] == 5
    assert figures["*"][PLACE["net"]] == 2
    assert figures["*"][PLACE["long"]] == 5 and figures["*"][PLACE["short"]] == 3


def test_oversight_margin_of_combinations_is_the_rule_books() -> None:
    """rules.md 3.4: all six strategies, against the desk's reading of the same formulas."""
    world = World(opening())
    chain = world.chain
    by_kind = {
        kind: sorted(
            (slot for slot, row in enumerate(chain.contracts)
             if row.kind == kind and row.underlying == chain.contracts[0].underlying
             and row.last_day == chain.contracts[0].last_day and row.unit == 10_000),
            key=lambda slot: chain.contracts[slot].strike,
        )
        for kind in "CP"
    }  # fmt: skip
    calls, puts = by_kind["C"], by_kind["P"]
    assert len(calls) > 2 and len(puts) > 2
    pairs = {
        "CNSJC": (calls[0], calls[1]),
        "CXSJC": (calls[2], calls[1]),
        "PNSJC": (puts[0], puts[1]),
        "PXSJC": (puts[2], puts[1]),
        "KS": (calls[1], puts[1]),
        "KKS": (calls[2], puts[0]),
    }
    for number, (strategy, slots) in enumerate(pairs.items()):
        for slot, form in zip(slots, combo.STRATEGIES[strategy], strict=True):
            world.trade(slot, Side.SELL if form.short else Side.BUY, 4)
        legs = tuple(CombinationLeg(chain.contracts[slot].code, False, False, 4) for slot in slots)
        done = CombinationDone("M1", strategy, number, "B", 4, f"c{number}", legs, TEN, TEN)
        before = account.margin(world.state)
        world.say(account.DropCopy("2", number + 1, done), TEN)
        saved = before - account.margin(world.state)
        held = combo.Combination(strategy, slots, 4)
        single = [row.margin_unit for row in chain.contracts]
        assert saved == 4 * (combo.singles(held, single) - combo.opening(chain, strategy, slots))
        assert saved > 0, strategy
    split = CombinationDone("M1", "KS", 9, "C", 4, "c4", (), TEN, TEN)
    before = account.margin(world.state)
    world.say(account.DropCopy("2", 9, split), TEN)
    assert account.margin(world.state) > before and "c4" not in world.state.account.combinations


def test_oversight_books_hold_units_of_the_underlyings() -> None:
    """Units bought move delta and profit with the spot; the base does neither."""
    world = World(opening(account=Opening(cash=10**12, aside=10**10, units=(50_000,), base=50_000)))
    spot = int(world.state.model.spot[0])
    fill = EtfFill("M1", world.chain.classes[0].underlying, Side.BUY, spot, 10_000, 0, TEN,
                   spot * 10_000, 700)  # fmt: skip
    world.say(EtfCopy((fill,)), TEN)
    world.quote(TEN, move=0.01)
    world.run(TEN + 5)
    row = world.state.figures["*"]
    moved = int(world.state.model.spot[0])
    assert row[PLACE["delta"]] == 10_000 * moved * 100_000
    assert row[PLACE["profit"]] == 10_000 * (moved - spot)
    assert world.state.account.aside == 10**10 - spot * 10_000 - 700


def test_oversight_obeys_the_laws_of_a_machine() -> None:
    """Snapshots, restored twins and bytes of a stream with everything in it."""
    world = World(opening(limits=(limit("long", 1),)))
    world.trade(1, Side.BUY, 5)
    for minute in range(6):
        world.quote(TEN + minute * 60_000_000_000, move=0.004 * minute)
        world.run(TEN + minute * 60_000_000_000 + 5)
    assert broken_laws(type(world.machine), world.log, 5) == []
