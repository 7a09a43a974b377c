"""Black-76 and its inverse: accuracy, identities, limits."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black, implied
from quanheng.kernels.independent import bump, tree


def exact(sign, forward, strike, vol, tau, discount):
    """Black's formula in the precision of the context."""
    s = vol * mp.sqrt(tau)
    d1 = mp.log(forward / strike) / s + s / 2

    def cdf(z):
        return mp.erfc(-z / mp.sqrt(2)) / 2

    return discount * sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - s)))


def cases(n, seed, wide):
    """Columns sign, forward, strike, vol, tau, discount inside the market's domain."""
    rng = np.random.default_rng(seed)
    forward = rng.uniform(0.5, 10.0, n)
    tau = np.exp(rng.uniform(math.log(1 / 240 / 243), math.log(2.0), n))
    vol = np.exp(rng.uniform(math.log(0.001), math.log(10.0), n))
    strike = np.clip(forward * np.exp(rng.uniform(-wide, wide, n) * vol * np.sqrt(tau)), 0.5, 10.0)
    return rng.choice([-1.0, 1.0], n), forward, strike, vol, tau, np.exp(-0.02 * tau)


def chain(columns):
    out = np.empty((black.ROWS, columns[0].size))
    black.price_chain(*columns, out)
    return out


def test_prices_match_high_precision():
    """Out-of-the-money prices keep 13 digits relative, all others 15 of the forward."""
    columns = cases(400, 1, 5.0)
    prices = chain(columns)[black.PRICE]
    with mp.workdps(60):
        for price, row in zip(prices, np.array(columns).T.tolist(), strict=True):
            true = float(exact(*map(mp.mpf, row)))
            sign, forward, strike = row[:3]
            if sign * (forward - strike) <= 0.0 and true > 1e-300:
                assert price == pytest.approx(true, rel=1e-13)
            else:
                assert price == pytest.approx(true, abs=2e-15 * max(forward, strike))


def test_greeks_match_high_precision_differences():
    """Delta, gamma, vega, theta and rho are the stated derivatives (I-29)."""
    columns = cases(60, 2, 2.0)
    out = chain(columns)
    with mp.workdps(50):
        for i, row in enumerate(np.array(columns).T.tolist()):
            sign, forward, strike, vol, tau, discount = map(mp.mpf, row)
            rate = -mp.log(discount) / tau
            spot = forward * discount

            def held(f, v, t, row=(sign, strike, discount)):
                return exact(row[0], f, row[1], v, t, row[2])

            def by_rate(r, row=(sign, strike, vol, tau), spot=spot):
                df = mp.exp(-r * row[3])
                return exact(row[0], spot / df, row[1], row[2], row[3], df)

            true = [
                mp.diff(lambda f, v=vol, t=tau: held(f, v, t), forward),
                mp.diff(lambda f, v=vol, t=tau: held(f, v, t), forward, 2),
                mp.diff(lambda v, f=forward, t=tau: held(f, v, t), vol),
                -mp.diff(lambda t, f=forward, v=vol: held(f, v, t), tau),
                mp.diff(by_rate, rate),
            ]
            for name, value in zip(range(black.DELTA, black.ROWS), true, strict=True):
                assert out[name, i] == pytest.approx(float(value), rel=1e-10, abs=1e-13), name


def test_put_call_parity_holds():
    """C - P = discount (F - K), and the deltas differ by the discount (rules.md 8.2)."""
    _, *rest = cases(2000, 3, 6.0)
    calls, puts = (chain((np.full(2000, sign), *rest)) for sign in (1.0, -1.0))
    gap = rest[4] * (rest[0] - rest[1])
    assert np.max(np.abs(calls[0] - puts[0] - gap)) <= 1e-14
    assert np.max(np.abs(calls[black.DELTA] - puts[black.DELTA] - rest[4])) <= 1e-15
    assert np.array_equal(calls[black.VEGA], puts[black.VEGA])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([1.0, -1.0]),
    st.floats(0.5, 10.0),
    st.floats(0.5, 10.0),
    st.floats(0.001, 10.0),
    st.floats(1e-5, 2.0),
)
def test_price_rises_with_vol_and_stays_within_its_bounds(sign, forward, strike, vol, tau):
    """More vol never costs less, and no price leaves intrinsic value .. forward or strike."""
    price = black.price_one(sign, forward, strike, vol, tau, 1.0)
    more = black.price_one(sign, forward, strike, vol * 1.01, tau, 1.0)
    slack = 1e-15 * max(forward, strike)
    assert max(sign * (forward - strike), 0.0) <= price + slack
    assert price <= (forward if sign > 0 else strike) + slack
    assert more >= price - slack


def test_limits_are_intrinsic_and_never_nan():
    """tau = 0, vol = 0, huge vol and far strikes give the limit; bad input gives NaN."""
    assert black.price_one(1.0, 3.0, 2.5, 0.2, 0.0, 0.99) == pytest.approx(0.495, rel=1e-15)
    assert black.price_one(-1.0, 3.0, 2.5, 0.0, 0.5, 0.99) == 0.0
    assert black.price_one(1.0, 3.0, 3.0, 0.0, 0.0, 1.0) == 0.0
    assert black.price_one(1.0, 3.0, 1e4, 0.2, 0.1, 1.0) == 0.0
    assert black.price_one(1.0, 3.0, 2.0, 1e9, 1.0, 1.0) == pytest.approx(3.0, rel=1e-15)
    columns = [np.array(v) for v in zip(*[(1.0, 3.0, k, 0.0, 0.0, 1.0) for k in (2.0, 4.0)])]  # noqa: B905
    assert np.isfinite(chain(columns)).all()
    assert chain(columns)[black.DELTA].tolist() == [1.0, 0.0]
    for bad in ((0.0, 3, 3, 0.2, 0.1, 1), (1, -3, 3, 0.2, 0.1, 1), (1, 3, 3, -0.2, 0.1, 1)):
        assert math.isnan(black.price_one(*map(float, bad)))
    assert math.isnan(black.price_one(1.0, 3.0, 3.0, math.nan, 0.1, 1.0))


def test_chain_is_scalar_bit_for_bit():
    """The vector loop gives exactly the scalar kernel's price."""
    columns = cases(997, 4, 6.0)
    out = chain(columns)
    one = [black.price_one(*row) for row in np.array(columns).T.tolist()]
    assert out[black.PRICE].tobytes() == np.array(one).tobytes()


def round_trip(columns):
    """Prices, implied vols and the mask of prices of a tick or more, clear of the upper bound."""
    sign, forward, strike, _, tau, discount = columns
    out = chain(columns)
    price = out[black.PRICE]
    found = np.empty_like(price)
    implied.implied_chain(sign, price, forward, strike, tau, discount, found)
    low = np.minimum(forward, strike)
    kept = (price >= 1e-4) & (price / discount < 0.999 * low)
    return out, found, kept


def test_implied_vol_returns_the_vol_of_20000_prices():
    """Round trip to 4 eps times the condition number for prices from one tick up."""
    _, forward, strike, vol, tau, discount = cases(60_000, 5, 6.0)
    columns = (np.where(strike >= forward, 1.0, -1.0), forward, strike, vol, tau, discount)
    out, found, kept = round_trip(columns)
    assert kept.sum() > 20_000
    condition = 1.0 + out[black.PRICE] / (out[black.VEGA] * vol)
    error = np.abs(found / vol - 1.0)[kept]
    assert np.all(error <= 5 * 2.3e-16 * condition[kept])


def test_implied_vol_of_in_the_money_prices_is_as_good_as_the_price():
    """An in-the-money price fixes the vol to the rounding of its time value."""
    columns = cases(4000, 6, 3.0)
    out, found, _ = round_trip(columns)
    vega = out[black.VEGA]
    clear = vega * columns[3] > 1e-6
    allowed = 1e-14 + 4e-16 * np.maximum(columns[1], columns[2]) / vega / columns[3]
    assert np.all(np.abs(found / columns[3] - 1.0)[clear] <= 4 * allowed[clear])


@pytest.mark.parametrize(
    ("sign", "price"),
    [(1.0, 0.5), (1.0, 0.49), (1.0, 3.0), (1.0, 3.1), (-1.0, 0.0), (-1.0, -0.1), (-1.0, 2.5)],
)
def test_implied_vol_outside_the_bounds_is_nan(sign, price):
    """No volatility, not a start value, for a price on or outside its no-arbitrage bounds."""
    assert math.isnan(implied.implied_one(sign, price, 3.0, 2.5, 0.1, 1.0))


def test_implied_vol_refuses_bad_input():
    """Non-positive or NaN inputs give NaN."""
    for bad in ((1, 0.1, -3, 2.5, 0.1, 1), (1, 0.6, 3, 2.5, 0, 1), (0, 0.6, 3, 2.5, 0.1, 1)):
        assert math.isnan(implied.implied_one(*map(float, bad)))
    assert math.isnan(implied.implied_one(1.0, math.nan, 3.0, 2.5, 0.1, 1.0))


def test_the_independent_model_agrees():
    """Tree prices and bumped Greeks agree with the closed form (R-02)."""
    rng = np.random.default_rng(11)
    row = np.empty(bump.ROWS)
    for _ in range(40):
        forward = rng.uniform(1.0, 6.0)
        vol, tau = rng.uniform(0.1, 0.6), rng.uniform(0.02, 1.0)
        strike = forward * math.exp(rng.uniform(-2, 2) * vol * math.sqrt(tau))
        args = (rng.choice([-1.0, 1.0]), forward, strike, vol, tau, math.exp(-0.02 * tau))
        true = chain([np.array([value]) for value in args])[:, 0]
        assert tree.price(*args, 501) == pytest.approx(true[0], abs=2e-6 * forward)
        bump.greeks(*args, 501, row)
        assert row[bump.DELTA] == pytest.approx(true[black.DELTA], abs=2e-3)
        assert row[bump.GAMMA] == pytest.approx(true[black.GAMMA], rel=0.02, abs=1e-3)
        assert row[bump.VEGA] == pytest.approx(true[black.VEGA], rel=5e-3, abs=1e-4)
        assert row[bump.THETA] == pytest.approx(true[black.THETA], rel=1e-2, abs=1e-3)
        assert row[bump.RHO] == pytest.approx(true[black.RHO], rel=1e-3, abs=1e-4)
    assert math.isnan(tree.price(1.0, 3.0, 3.0, 0.2, 0.1, 1.0, 0))
    assert tree.price(1.0, 3.0, 2.5, 0.2, 0.0, 1.0, 101) == 0.5


def test_coordinates_and_rates_invert():
    """x = ln(K/F)/sqrt(tau), and a rate comes back from its discount factor; NaN outside."""
    assert black.log_moneyness(2.6, 2.5, 0.25) == pytest.approx(2 * math.log(2.6 / 2.5), rel=1e-14)
    assert math.isnan(black.log_moneyness(2.6, 2.5, 0.0))
    assert black.rate_of(black.discount_factor(0.018, 0.4), 0.4) == pytest.approx(0.018, rel=1e-13)
    assert math.isnan(black.rate_of(0.0, 0.4))
