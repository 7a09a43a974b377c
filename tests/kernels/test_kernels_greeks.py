"""All nine Greeks: derivatives, limits, symmetries, desk units (I-29)."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black, greeks

NAMES = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")


def table_of(columns):
    columns = [np.ascontiguousarray(column, dtype=np.float64) for column in columns]
    out = np.empty((greeks.ALL_ROWS, columns[0].size))
    greeks.greeks_chain(*columns, out)
    return out


def one(*row):
    return table_of([np.array([value], dtype=np.float64) for value in row])[:, 0]


def cases(n, seed, reach):
    """Columns inside the market's domain, strikes within `reach` standard deviations."""
    rng = np.random.default_rng(seed)
    forward, tau = rng.uniform(0.5, 10.0, n), np.exp(rng.uniform(-9.0, 0.7, n))
    vol = np.exp(rng.uniform(math.log(0.01), math.log(5.0), n))
    strike = forward * np.exp(rng.uniform(-reach, reach, n) * vol * np.sqrt(tau))
    return [rng.choice([-1.0, 1.0], n), forward, strike, vol, tau, np.exp(-0.02 * tau)]


def exact(sign, forward, strike, vol, tau, discount):
    """Black's formula in the precision of the context."""
    s = vol * mp.sqrt(tau)
    d1 = mp.log(forward / strike) / s + s / 2

    def cdf(z):
        return mp.erfc(-z / mp.sqrt(2)) / 2

    return discount * sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - s)))


def differences(row):
    """The eight Greeks by differences of the price in 60 digits."""
    sign, forward, strike, vol, tau, discount = map(mp.mpf, row)

    def at(f=forward, v=vol, t=tau):
        return exact(sign, f, strike, v, t, discount)

    def delta(v=vol, t=tau):
        return mp.diff(lambda f: at(f, v, t), forward)

    def by_rate(rate):
        df = mp.exp(-rate * tau)
        return exact(sign, forward * discount / df, strike, vol, tau, df)

    return [
        delta(),
        mp.diff(at, forward, 2),
        mp.diff(lambda v: at(v=v), vol),
        -mp.diff(lambda t: at(t=t), tau),
        mp.diff(by_rate, -mp.log(discount) / tau),
        mp.diff(at, (forward, vol), (1, 1)),
        mp.diff(lambda v: at(v=v), vol, 2),
        -mp.diff(lambda f, t: at(f, t=t), (forward, tau), (1, 1)),
    ]


def test_greeks_match_high_precision_differences():
    """Every output is the derivative its row names, to 1e-11 of its own size."""
    columns = cases(40, 2, 4.0)
    out = table_of(columns)
    with mp.workdps(60):
        for i, row in enumerate(np.array(columns).T.tolist()):
            _, forward, strike, vol, tau, _ = row
            true = [float(value) for value in differences(row)]
            # Near a zero crossing a Greek is judged by the size of its parts.
            bell = out[black.GAMMA, i] * forward * vol * math.sqrt(tau)
            d = abs(math.log(forward / strike)) / (vol * math.sqrt(tau)) + vol * math.sqrt(tau)
            parts = [0.0, 0.0, 0.0, 0.0, 0.0, bell * d / vol, 0.0, bell * d / tau]
            parts[6] = out[black.VEGA, i] * d * d / vol
            for name, value, found, part in zip(NAMES, true, out[1:, i], parts, strict=True):
                assert found == pytest.approx(value, rel=1e-11, abs=1e-14 * part), (name, row)


def test_first_rows_are_those_of_the_live_chain():
    """The six rows of price_chain and the price alone have the same bits (one text)."""
    columns = cases(1003, 4, 8.0)
    six, alone = np.empty((black.ROWS, 1003)), np.empty(1003)
    black.price_chain(*columns, six)
    greeks.price_only_chain(*columns, alone)
    nine = table_of(columns)
    assert nine[: black.ROWS].tobytes() == six.tobytes()
    assert nine[black.PRICE].tobytes() == alone.tobytes()
    assert alone.tolist() == [black.price_one(*row) for row in np.array(columns).T.tolist()]


@pytest.mark.parametrize("tau", [0.0, 5e-324, 1e-300, 1e-12])
@pytest.mark.parametrize("vol", [0.0, 5e-324, 1e-300, 1e-12, 0.2, 1e300])
@pytest.mark.parametrize("strike", [1e-6, 2.999999999999999, 3.0, 3.1, 1e6])
def test_limits_are_finite(strike, vol, tau):
    """No time, no vol, too much vol, far strikes: finite limits, never NaN."""
    for sign in (1.0, -1.0):
        out = one(sign, 3.0, strike, vol, tau, 0.99)
        assert np.isfinite(out).all(), out
        intrinsic = 0.99 * max(sign * (3.0 - strike), 0.0)
        assert out[0] >= intrinsic * (1.0 - 1e-15)
        if vol * math.sqrt(tau) < 1e-9:
            assert out[0] == pytest.approx(intrinsic, rel=1e-15, abs=1e-8)


def test_limits_at_the_money_are_those_of_the_formulas():
    """At the money vanna tends to discount sqrt(tau/2pi)/2 as vol goes, volga to 0; else zero."""
    small, limit = one(1.0, 3.0, 3.0, 1e-9, 0.25, 0.99), one(1.0, 3.0, 3.0, 0.0, 0.25, 0.99)
    true = 0.99 * 0.5 * 0.5 / math.sqrt(2.0 * math.pi)
    assert limit[greeks.VANNA] == pytest.approx(true, rel=1e-14)
    assert small[greeks.VANNA] == pytest.approx(true, rel=1e-8)
    assert limit[greeks.VOLGA] == 0.0 and abs(small[greeks.VOLGA]) < 1e-9
    assert limit[greeks.CHARM] == 0.0 and abs(small[greeks.CHARM]) < 1e-9
    away = one(1.0, 3.0, 3.1, 0.0, 0.25, 0.99)
    assert (
        away[[black.GAMMA, black.VEGA, greeks.VANNA, greeks.VOLGA, greeks.CHARM]].tolist()
        == [0.0] * 5
    )


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1e-9])
def test_bad_input_is_nan_everywhere(place, bad):
    """NaN, infinite and negative inputs give NaN in every row, never a number (I-08)."""
    row = [1.0, 3.0, 3.1, 0.2, 0.1, 0.99]
    row[place] = bad
    assert np.isnan(one(*row)).all()
    assert math.isnan(black.price_one(*row))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.floats(0.5, 10.0), st.floats(-4.0, 4.0), st.floats(0.01, 3.0), st.floats(1e-5, 2.0))
def test_parity_homogeneity_and_put_call_symmetry(forward, away, vol, tau):
    """C - P = D (F - K); P(aF, aK) = a P(F, K); call(F, K) = put(K, F)."""
    strike = forward * math.exp(away * vol * math.sqrt(tau))
    rest = (vol, tau, 0.98)
    call, put = one(1.0, forward, strike, *rest), one(-1.0, forward, strike, *rest)
    big = max(forward, strike)
    assert call[0] - put[0] == pytest.approx(0.98 * (forward - strike), abs=4e-16 * big)
    assert call[1] - put[1] == pytest.approx(0.98, rel=1e-15)
    same = [black.GAMMA, black.VEGA, black.THETA, greeks.VANNA, greeks.VOLGA, greeks.CHARM]
    assert call[same].tobytes() == put[same].tobytes()
    doubled = one(1.0, 4.0 * forward, 4.0 * strike, *rest)
    power = np.array([4.0, 1.0, 0.25, 4.0, 4.0, 4.0, 1.0, 4.0, 1.0])
    assert doubled == pytest.approx(power * call, rel=1e-15, abs=0.0)
    swapped = one(-1.0, strike, forward, *rest)
    assert swapped[0] == pytest.approx(call[0], rel=1e-13, abs=1e-300)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(0.5, 10.0), st.floats(0.01, 3.0), st.floats(1e-4, 2.0), st.sampled_from([1, -1]))
def test_prices_are_monotone_and_convex_in_strike(forward, vol, tau, sign):
    """Along strikes: calls fall, puts rise, no faster than the discount, butterflies >= 0."""
    s = vol * math.sqrt(tau)
    strike = forward * np.exp(np.linspace(-min(6 * s, 4.0), min(6 * s, 4.0), 61))
    full = [np.full(61, value) for value in (float(sign), forward, vol, tau, 0.97)]
    price = table_of([full[0], full[1], strike, *full[2:]])[0]
    noise = 4e-16 * max(forward, strike[-1])
    steps = -sign * np.diff(price)
    assert np.all(steps >= -noise)
    assert np.all(steps <= 0.97 * np.diff(strike) + noise)
    left, right = strike[1:-1] - strike[:-2], strike[2:] - strike[1:-1]
    fly = right * price[:-2] + left * price[2:] - (left + right) * price[1:-1]
    assert np.all(fly >= -noise * (left + right))


def test_prices_rise_with_vol_and_time():
    """More vol or more time never costs less at a fixed forward and discount."""
    columns = cases(3000, 8, 6.0)
    base = table_of(columns)[0]
    noise = 4e-16 * np.maximum(columns[1], columns[2])
    for place in (3, 4):
        more = list(columns)
        more[place] = columns[place] * (1.0 + 1e-3)
        assert np.all(table_of(more)[0] >= base - noise)


def test_desk_units_are_the_stated_moves():
    """Each desk Greek is what the contract gains over the move its row names (rules.md 8.1)."""
    row = [1.0, 2.96, 3.0, 0.2, 0.15, 0.995]
    unit, forward = 10_000.0, 2.96
    table = one(*row).reshape(9, 1).copy()
    desk = np.empty((9, 1))
    greeks.desk_chain(table, np.array([forward]), np.array([unit]), desk)
    found = dict(zip(("price", *NAMES), desk[:, 0], strict=True))

    def worth(**moved):
        names = ("sign", "forward", "strike", "vol", "tau", "discount")
        given_row = {**dict(zip(names, row, strict=True)), **moved}
        return unit * black.price_one(*given_row.values())

    def cash_delta(**moved):
        f = moved.get("forward", forward)
        up, down = (worth(**{**moved, "forward": f + step}) for step in (1e-4, -1e-4))
        return (up - down) / 2e-4 * forward

    assert found["price"] == worth()
    one_percent = worth(forward=forward * 1.01) - worth(forward=forward * 0.99)
    assert one_percent / 2 == pytest.approx(found["delta"] * 0.01, rel=2e-2)
    moved = cash_delta(forward=forward * 1.001) - cash_delta(forward=forward * 0.999)
    assert moved / 0.2 == pytest.approx(found["gamma"], rel=1e-3)
    assert worth(vol=0.205) - worth(vol=0.195) == pytest.approx(found["vega"], rel=1e-3)
    day = 1.0 / 243.0
    assert worth(tau=0.15 - day / 2) - worth(tau=0.15 + day / 2) == pytest.approx(
        found["theta"], rel=1e-3
    )
    assert cash_delta(vol=0.205) - cash_delta(vol=0.195) == pytest.approx(found["vanna"], rel=1e-2)
    slope = (worth(vol=0.21) - 2 * worth() + worth(vol=0.19)) / 1.0
    assert slope == pytest.approx(found["volga"], rel=1e-2)
    charm = cash_delta(tau=0.15 - day / 2) - cash_delta(tau=0.15 + day / 2)
    assert charm == pytest.approx(found["charm"], rel=1e-2)
    bump = 1e-4 * 0.15
    shifted = worth(forward=forward * math.exp(bump), discount=0.995 * math.exp(-bump)) - worth()
    assert shifted == pytest.approx(found["rho"], rel=1e-3)
