"""The forward by parity."""

import math

import numpy as np
import pytest

from quanheng.kernels.desk import black, forward


def pairs(strikes, at, discount=0.99, width=0.002):
    """Columns strike, call mid and width, put mid and width that imply one forward."""
    strike = np.array(strikes, dtype=np.float64)
    call = np.array([black.price_one(1.0, at, k, 0.2, 0.1, discount) for k in strike])
    put = call - discount * (at - strike)
    return [strike, call, np.full(strike.size, width), put, np.full(strike.size, width)]


def test_the_worked_example_of_the_rules():
    """S 2.963, K 2.95, C .0712, P .0568, r 1.8 %, T 28/243 gives F 2.964430 (rules.md 8.2)."""
    discount = black.discount_factor(0.018, 28 / 243)
    one = [np.array([v]) for v in (2.95, 0.0712, 0.0004, 0.0568, 0.0004)]
    found, weight, used = forward.parity_forward(*one, 1, discount, 2.963)
    assert (round(found, 6), used) == (2.964430, 1)
    assert weight == pytest.approx(1 / 0.0008**2)


def test_forward_uses_the_nearest_four_and_skips_missing_quotes():
    """Far or unquoted strikes do not touch the forward; ties and NaN are settled."""
    columns = pairs([2.3, 2.4, 2.45, 2.5, 2.55, 2.6, 2.7], 2.512)
    columns[1][0] = columns[1][6] = 9.0
    columns[3][3] = math.nan
    found, _, used = forward.parity_forward(*columns, 7, 0.99, 2.51)
    assert used == 4
    assert found == pytest.approx(2.512, abs=1e-12)
    columns[2][4] = -0.001
    assert forward.parity_forward(*columns, 5, 0.99, 2.51)[2] == 3
    columns[4][:] = math.nan
    assert math.isnan(forward.parity_forward(*columns, 7, 0.99, 2.51)[0])
    assert forward.parity_forward(*columns, 0, 0.99, 2.51)[1:] == (0.0, 0)


def test_forward_weighs_by_the_squared_width():
    """A pair ten times as wide counts a hundredth."""
    columns = pairs([2.5, 2.55], 2.5)
    columns[1][1] += 0.101 * 0.99
    columns[2][1] = columns[4][1] = 0.02
    found, _, used = forward.parity_forward(*columns, 2, 0.99, 2.51)
    assert used == 2
    assert found == pytest.approx(2.501, abs=1e-12)
