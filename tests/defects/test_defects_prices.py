"""Defects of other systems around theory, curves and expiry, driven through the maker's machine.

docs/defects.md is the table.
"""

import maker_world
import numpy as np
import pytest
from maker_world import DAY, World, continuous, make_chain, make_contract, value

from quanheng.kernels.desk.black import price_one
from quanheng.maker import columns as c
from quanheng.maker.maker import Maker
from quanheng.terms import market
from quanheng.terms.codes import Alert, OrderKind, Phase, Side
from quanheng.terms.commands import ManualOrder, SetParameter
from quanheng.terms.contract import build_chain
from quanheng.terms.days import midnight
from quanheng.terms.units import HOUR, MINUTE, SECOND


class Lame(World):
    """A street that shows one side, or none, of some contracts."""

    def row(self, slot):
        row = super().row(slot)
        for price, qty in LAME.get(slot, ()):
            row[price : price + market.LEVELS] = [0] * market.LEVELS
            row[qty : qty + market.LEVELS] = [0] * market.LEVELS
        return row


BIDS, ASKS = (market.BID, market.BID_QTY), (market.ASK, market.ASK_QTY)
LAME: dict[int, tuple[tuple[int, int], ...]] = {}


def theory(world):
    """Theoretical prices in yuan by slot."""
    return world.state.surface.theo[:, c.T_PRICE].copy()


@pytest.mark.parametrize("gone", [(BIDS,), (ASKS,), (BIDS, ASKS)])
def test_d04_a_book_with_an_empty_side_gives_no_mid_of_nothing(gone, monkeypatch):
    """D4: a missing side counted as a price of 0 and the mid halved. Without a bid, an ask or both
    in a third of the contracts, every theory stays at its fair value (Q-07, I-43).
    """
    for slot in (0, 5, 8, 11):
        monkeypatch.setitem(LAME, slot, gone)
    world = continuous(Lame.start())
    world.run(8)
    fair = np.array([world.fair(slot) for slot in range(12)])
    assert np.abs(theory(world) / fair - 1).max() < 0.06


def minutes_to(clock):
    """A fraction of a year that shrinks with the minutes until the close of the last day."""
    return (midnight(DAY) + 15 * HOUR - clock) / (HOUR * 4) / 243


class LastDay(World):
    """A street that knows that its contracts expire today."""

    def fair(self, slot):
        one = self.chain.contracts[slot]
        sign = 1.0 if one.kind == "C" else -1.0
        return price_one(
            sign, self.spot * 1e-4, one.strike * 1e-4, self.vol, minutes_to(self.at), 1.0
        )


def test_d05_the_last_day_runs_out_by_the_minute(monkeypatch):
    """D5: days to expiry stood still from the start, the last day counted whole, and a time of zero
    ended the program. Here time falls within the day, and in the last minute and after the close
    every price and Greek is a number (I-38, R-08).
    """
    monkeypatch.setattr(maker_world, "EXPIRIES", ((DAY, 1), *maker_world.EXPIRIES))
    world = LastDay.start(make_chain(strikes=5))
    taus = []
    for clock in (9 * HOUR + 31 * MINUTE, 14 * HOUR, 14 * HOUR + 56 * MINUTE):
        world.at, world.phase = midnight(DAY) + clock, Phase.CONTINUOUS
        world.run(1)
        taus.append(float(world.state.surface.fits[0, c.X_TAU]))
    assert taus[0] > 3 * taus[1] > 30 * taus[2] > 0
    world.phase = Phase.CLOSING
    for clock in (14 * HOUR + 59 * MINUTE + 59 * SECOND, 15 * HOUR, 15 * HOUR + SECOND):
        world.at = midnight(DAY) + clock
        world.tick()
        world.move(world.spot + 10)
        assert np.isfinite(world.state.surface.theo).all()
    for slot in range(10):
        one = world.chain.contracts[slot]
        inside = max(0, (world.spot - one.strike) * (1 if one.kind == "C" else -1))
        assert theory(world)[slot] * 1e4 == pytest.approx(inside, abs=30)


def test_d06_what_a_screen_sets_and_takes_back_leaves_every_bit():
    """D6: a curve that passed through the steps of an input field came back rounded. Deltas are
    integers apart from the fit: set, taken back and through a snapshot, curve and vols have the
    bits of a day on which nobody touched them (I-31, R-05).
    """
    touched, plain = (continuous(World.start(make_chain(strikes=5))) for _ in range(2))
    for amount in (1, 0):
        touched.put(SetParameter("510050-2407", "curve_level", amount, "p001", "p002"))
        again = Maker()
        again.restore(touched.maker.snapshot())
        touched.maker = again
        for world in (touched, plain):
            world.run(0.5)
        curves = [world.state.surface.curves.tobytes() for world in (touched, plain)]
        assert curves[0] == curves[1]
        vols = [world.state.surface.theo[:, c.T_VOL].tobytes() for world in (touched, plain)]
        assert (vols[0] == vols[1]) == (amount == 0)


def test_d07_every_underlying_is_quoted_and_a_foreign_one_is_told():
    """D7: one process knew one portfolio and silently returned for any other. Three classes are
    quoted by one machine, and an order for a contract of none of them raises an alert (O-01).
    """
    world = continuous(World.start(make_chain(underlyings=("510050", "510300", "588000"))))
    assert {slot for slot, _ in world.resting} == set(range(36))
    code = make_chain().contracts[0].code.replace("1000", "9000")
    world.put(ManualOrder(code, Side.BUY, OrderKind.LIMIT, 500, 1, "p001"))
    assert world.alerts(Alert.CHECK_DENIED)[-1].scope == code


def test_d10_strikes_are_numbers_whatever_their_text():
    """D10: strikes were compared as text, so 10.0 came before 9.5 and 2.95 after 10. A chain around
    10 yuan with adjusted strikes in between has calls that fall and puts that rise by strike, and
    quotes them all (I-11).
    """
    strikes = (9_000, 9_500, 9_521, 10_000, 10_500, 10_748, 11_000)
    last_day, days = maker_world.EXPIRIES[0]
    rows = [
        make_contract(10_000_001 + 2 * n + (kind == "P"), "510050", kind, strike, last_day, days,
                      10_000, adjusted=strike % 500 != 0)
        for n, strike in enumerate((10_000, 9_500, 10_748, 9_000, 11_000, 9_521, 10_500))
        for kind in "CP"
    ]  # fmt: skip
    assert sorted(row.strike for row in rows)[::2] == list(strikes)
    world = World.start(build_chain(DAY, rows))
    world.spot = 10_000
    continuous(world)
    found = theory(world)
    by_strike = sorted(range(14), key=lambda slot: world.chain.contracts[slot].strike)
    calls = [found[slot] for slot in by_strike if world.chain.contracts[slot].kind == "C"]
    puts = [found[slot] for slot in by_strike if world.chain.contracts[slot].kind == "P"]
    assert calls == sorted(calls, reverse=True)
    assert puts == sorted(puts)
    for slot in range(14):
        one = world.chain.contracts[slot]
        fair = value(10_000, one.kind, one.strike, days)
        assert found[slot] == pytest.approx(fair, abs=4e-3)
    assert {slot for slot, _ in world.resting} == set(range(14))
