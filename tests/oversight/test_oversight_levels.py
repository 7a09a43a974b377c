"""The two levels compared: what is wrong in the desk's figures is found and named (R-02, 附件2)."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from over_world import TEN, World, opening

from quanheng.kernels.desk.black import DELTA, GAMMA, THETA, VEGA, all_greeks
from quanheng.kernels.pack import pack, unpack
from quanheng.oversight import claims, compare
from quanheng.oversight.messages import DeskFigures, EtfCopy, Figures
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, Phase, Side
from quanheng.terms.etf import EtfFill
from quanheng.terms.units import MINUTE, SECOND


class Desk:
    """A desk that prices with the known smile in closed form; faults change what it says."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.extra: dict[int, int] = {}  # contracts it believes to have on top, by slot
        self.vol = 1.0
        self.multiplier: dict[int, int] = {}
        self.strike: dict[int, float] = {}
        self.margin_percent = 100
        self.cash_off = 0
        self.greek = np.ones(4)
        self.profit_off = 0
        self.fee = 1.0
        self.curve_stuck = self.spot_stuck = False
        self.terms = np.array(
            [
                (slot, row.strike, row.unit, row.last_day, row.margin_unit)
                for slot, row in enumerate(world.chain.contracts)
            ],
            dtype=np.int64,
        )

    def claim(self, at: int, move: float) -> DeskFigures:
        world = self.world
        chain, account = world.chain, world.state.account
        moves = [0.0 if self.spot_stuck else move] * len(chain.classes)
        spots = tuple(round(world.spot(k) * (1.0 + one) * 10_000) for k, one in enumerate(moves))
        move = 0.0 if self.curve_stuck else move
        contracts, greeks = [], np.zeros((len(chain.classes), 4))
        profit = np.zeros((len(chain.classes), 2), dtype=np.int64)
        margin = 0
        for slot, row in enumerate(chain.contracts):
            sign, forward, strike, vol, tau, discount = world.curve(slot, at, move)
            strike = self.strike.get(slot, strike)
            unit = self.multiplier.get(slot, row.unit)
            out = all_greeks(sign, forward, strike, vol * self.vol, tau, discount)
            net = int(account.by_owner[:, slot].sum()) + self.extra.get(slot, 0)
            contracts.append((slot, net, round(out[0] * 1e6)))
            klass = account.klasses[row.underlying]
            size = unit * net
            greeks[klass] += (
                out[DELTA] * forward * size,
                out[GAMMA] * forward * forward * size * 0.01,
                out[VEGA] * size * 0.01,
                out[THETA] * size / 243.0,
            )
            profit[klass, 0] += net * unit * round(out[0] * 10_000)
            short = int(account.short[slot]) - min(self.extra.get(slot, 0), 0)
            margin += short * row.margin_unit * self.margin_percent // 100
        greeks *= self.greek
        profit[:, 1] = -(account.fee_paid.sum(axis=0) * self.fee).astype(np.int64)
        profit[:, 0] += account.spent.sum(axis=0) + self.profit_off + profit[:, 1]
        return DeskFigures(
            at,
            pack(np.array(contracts, dtype=np.int64)),
            pack(np.rint(greeks * 1e9).astype(np.int64)),
            pack(profit),
            margin,
            account.cash + account.fees + self.cash_off,
            spots=spots,
            terms=pack(self.terms),
        )


def run(fault: Callable[[Desk], None] | None, minutes: int = 5) -> tuple[World, list[str]]:
    """Minutes of a moving market; the fault begins in the second one. What is open at the end."""
    world = World(opening(paths=100))
    for slot in range(len(world.chain.contracts)):
        world.trade(slot, Side.BUY if slot % 3 else Side.SELL, 20 + slot)
    desk = Desk(world)
    for minute in range(minutes):
        at, move = TEN + minute * MINUTE, 0.002 * minute
        if minute == 1 and fault is not None:
            fault(desk)
        world.say(desk.claim(at, move), at)
        world.quote(at + SECOND, move)
        world.run(at + 5 * SECOND)
        if minute == 0:  # as after a while of trading
            world.state.model.past[:] = world.state.model.prices
    return world, compare.open_differences(world.state)


def test_oversight_levels_agree_when_nothing_is_wrong() -> None:
    """Two models, two books: no difference lasts over a market that moves by a per cent."""
    world, found = run(None)
    assert found == []
    assert not [one for one in world.of(RaiseAlert) if one.code == Alert.LEVELS_DIFFER]
    tables = [one for one in world.of(Figures) if one.topic == "levels"]
    assert len(tables) == 5


def _set(name: str, value: Any) -> Callable[[Desk], None]:
    return lambda desk: setattr(desk, name, value)


def _put(name: str, slot: int, value: Any) -> Callable[[Desk], None]:
    return lambda desk: getattr(desk, name).__setitem__(slot, value)


def _greek(place: int, factor: float) -> Callable[[Desk], None]:
    return lambda desk: desk.greek.__setitem__(place, factor)


def _term(slot: int, place: int, value: int) -> Callable[[Desk], None]:
    return lambda desk: desk.terms[slot].__setitem__(place, value)


FAULTS: dict[str, tuple[Callable[[Desk], None], str]] = {
    "fees counted twice": (_set("fee", 2.0), "fees"),
    "no fees": (_set("fee", 0.0), "fees"),
    "missed fill": (_put("extra", 3, -5), "position"),
    "double fill": (_put("extra", 4, 24), "position"),
    "vol a quarter too high": (_set("vol", 1.25), "value"),
    "stale vol after a fall": (_set("vol", 0.7), "value"),
    "wrong multiplier": (_put("multiplier", 5, 100_000), "vega"),
    "wrong multiplier in profit": (_put("multiplier", 5, 100_000), "profit"),
    "adjusted contract not adjusted": (_put("strike", 6, 2.9), "value"),
    "wrong margin": (_set("margin_percent", 90), "margin"),
    "premium booked twice": (_set("cash_off", 30_000), "cash"),
    "delta with the wrong sign": (_greek(0, -1.0), "delta"),
    "gamma per unit": (_greek(1, 0.0001), "gamma"),
    "theta per year": (_greek(3, 243.0), "theta"),
    "vega per 1.00": (_greek(2, 100.0), "vega"),
    "profit of another class": (_set("profit_off", 900_000_000), "profit"),
    "frozen spot": (_set("spot_stuck", True), "spot"),
    "frozen curve": (_set("curve_stuck", True), "value"),
    "strike of before a dividend": (_term(5, 1, 27_000), "strike"),
    "unit of before a dividend": (_term(5, 2, 10_050), "unit"),
    "expiry ten days late": (_term(5, 3, 20240802), "last_day"),
    "margin of yesterday": (_term(5, 4, 30_000_000), "margin_unit"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_oversight_levels_find_an_injected_fault(name: str) -> None:
    """Each fault is open after three comparisons and named by what it touches."""
    fault, kind = FAULTS[name]
    minutes = 12 if name == "frozen curve" else 5
    world, found = run(fault, minutes)
    assert any(key.startswith(f"{kind} ") for key in found), found
    alerts = [one for one in world.of(RaiseAlert) if one.code == Alert.LEVELS_DIFFER]
    assert kind in [one.args[0] for one in alerts]


def test_oversight_levels_name_wrong_terms_at_the_first_comparison() -> None:
    """R-02: what the exchange's reference data say is no matter of opinion, so nothing is waited
    for; the contract and the field are named, with both figures.
    """
    world, found = run(FAULTS["expiry ten days late"][0], 2)
    row = world.chain.contracts[5]
    assert found == [f"last_day {row.code}"]
    told = [one for one in world.of(RaiseAlert) if one.code == Alert.LEVELS_DIFFER]
    assert [(one.scope, one.args) for one in told] == [
        (row.code, ("last_day", 20240802, row.last_day, 0))
    ]


def test_oversight_levels_name_the_contract() -> None:
    """A model value is compared contract by contract, so the wrong one is named alone."""
    world, found = run(FAULTS["adjusted contract not adjusted"][0])
    code = world.chain.contracts[6].code
    assert [key for key in found if key.startswith("value ")] == [f"value {code}"]


def test_oversight_levels_explain_what_is_their_own_fault() -> None:
    """With stale market data of its own the overseer explains differences of model and profit, but
    never of positions.
    """
    world = World(opening(paths=100))
    for slot in range(len(world.chain.contracts)):
        world.trade(slot, Side.BUY, 20)
    desk = Desk(world)
    world.quote(TEN)
    desk.extra[2] = 7
    for minute in range(3, 9):
        at = TEN + minute * MINUTE
        world.say(desk.claim(at, 0.05), at)
        world.run(at + 5 * SECOND)
    assert set(world.state.explained.values()) == {"own market data are stale"}
    code = world.chain.contracts[2].code
    # The profit that the desk makes of them at its own prices is as exact as the position.
    klass = world.chain.contracts[2].underlying
    assert compare.open_differences(world.state) == [f"position {code}", f"profit {klass}"]


def test_oversight_levels_explain_a_market_that_leaves_the_own_model() -> None:
    """A contract that is locked at its price limit is worth its market price to a desk and another
    price to a model: the cause is named with its size. A desk that is beside both is not explained.
    """
    for share, explained in ((0.5, True), (1.6, False)):
        world = World(opening(paths=100))
        world.trade(0, Side.BUY, 20)
        code = world.chain.contracts[0].code
        desk = Desk(world)
        for minute in range(5):
            at = TEN + minute * MINUTE
            world.quote(at, 0.0)
            # In the money, so that no vol is taken from it: the own model stays where it is.
            mid = world.state.model.mid
            gap = 0.05
            mid[0] -= gap
            claim = desk.claim(at, 0.0)
            rows = unpack(claim.contracts, 3).copy()
            rows[0, 2] = round((mid[0] + gap - share * gap) * 1e6)
            world.say(msgspec.structs.replace(claim, contracts=pack(rows)), at)
            world.run(at + 5 * SECOND)
            if minute == 0:
                world.state.model.past[:] = world.state.model.prices
        assert (f"value {code}" in compare.open_differences(world.state)) is not explained
        if explained:
            assert world.state.explained[f"value {code}"] == "market -0.0500 off the own model"


def test_oversight_levels_explain_units_of_the_exercise_desk() -> None:
    """Units that another strategy buys for a delivery are the firm's profit and not in the ledger
    of who quotes: named with their amount. The same amount without such units is open.
    """
    for client_id, explained in (("H1", True), ("M1", False)):
        world = World(opening(paths=100))
        world.trade(0, Side.BUY, 20)
        spot, klass = int(world.state.model.spot[0]), world.chain.classes[0].underlying
        qty = 1_000_000
        fill = EtfFill(client_id, klass, Side.BUY, spot, qty, 0, TEN, spot * qty, 0)
        world.say(EtfCopy((fill,)), TEN)
        desk = Desk(world)
        # The ledger knows neither what the units cost nor what they are worth.
        desk.profit_off = np.array([spot * qty, 0])
        for minute in range(4):
            at = TEN + minute * MINUTE
            world.quote(at, 0.01)
            world.say(desk.claim(at, 0.01), at)
            world.run(at + 5 * SECOND)
        key = f"profit {klass}"
        assert (key in compare.open_differences(world.state)) is not explained
        if explained:
            gain = qty * (int(world.state.model.spot[0]) - spot) // 10_000
            assert world.state.explained[key] == f"{gain}.00 yuan of units of exercise"


def test_oversight_levels_stay_open_when_the_market_closes() -> None:
    """A value that was wrong when trading ended is still open; nothing new is opened by a pause."""
    world, found = run(FAULTS["vol a quarter too high"][0])
    assert found
    desk = Desk(world)
    desk.vol = 1.4
    for minute in range(6, 11):
        at = TEN + minute * MINUTE
        world.say(desk.claim(at, 0.01), at)
        world.quote(at, 0.01, phase=Phase.BREAK)
        world.run(at + 5 * SECOND)
    later = compare.open_differences(world.state)
    assert later and set(later) <= set(found)
    for why in world.state.explained.values():
        assert why == "no continuous trading" or why.endswith("of contracts without a market")


def test_oversight_levels_compare_a_claim_once() -> None:
    """Figures without a new claim compare nothing again."""
    world, _ = run(None, 2)
    before = len([one for one in world.of(Figures) if one.topic == "levels"])
    world.run(TEN + 10 * MINUTE)
    assert len([one for one in world.of(Figures) if one.topic == "levels"]) == before


def test_oversight_levels_name_a_desk_that_says_nothing() -> None:
    """R-02: what is not claimed cannot be compared, so silence is a difference while contracts
    trade; a break is none, and the next claim ends it.
    """
    world, found = run(None, 2)
    assert found == []
    desk = Desk(world)
    for minute in (3, 4):
        world.run(TEN + minute * MINUTE)
    assert compare.open_differences(world.state) == []
    world.run(TEN + 5 * MINUTE)
    assert compare.open_differences(world.state) == ["claim *"]
    told = [one for one in world.of(RaiseAlert) if one.code == Alert.LEVELS_DIFFER]
    assert [(one.scope, one.args[0]) for one in told] == [("*", "claim")]
    world.pause(TEN + 6 * MINUTE)
    world.run(TEN + 6 * MINUTE + SECOND)
    assert world.state.silent == 3
    world.say(desk.claim(TEN + 7 * MINUTE, 0.0), TEN + 7 * MINUTE)
    world.run(TEN + 7 * MINUTE + SECOND)
    assert compare.open_differences(world.state) == []


def test_oversight_levels_hold_a_claim_against_the_books_of_its_reports() -> None:
    """R-02 in a live day: the copy may be ahead of the desk. Fills that the claim does not know are
    left out of the exact figures, however they fall; without its indices they would be differences.
    """
    world = World(opening(paths=100))
    for slot in range(6):
        world.trade(slot, Side.BUY if slot % 3 else Side.SELL, 20 + slot)
    desk = Desk(world)
    world.quote(TEN + SECOND, 0.0)
    world.run(TEN + 5 * SECOND)
    for minute in range(1, 5):
        at = TEN + minute * MINUTE
        claim = desk.claim(at, 0.0)
        heard = dict(world.state.account.seen)
        seen = tuple((name, index + 1) for name, index in heard.items())
        world.trade(1, Side.SELL, 7)
        world.trade(2, Side.BUY, 5)
        world.say(msgspec.structs.replace(claim, seen=seen), at)
        world.quote(at + SECOND, 0.0)
        world.run(at + 5 * SECOND)
        assert [key for key in world.state.off if key.split()[0] in claims.EXACT] == []
    assert len(world.state.account.recent) == 2
    at = TEN + 5 * MINUTE
    claim = desk.claim(at, 0.0)
    world.trade(1, Side.SELL, 7)
    world.say(claim, at)
    world.quote(at + SECOND, 0.0)
    world.run(at + 5 * SECOND)
    assert "cash *" in world.state.off
