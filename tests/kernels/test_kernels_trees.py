"""Trees of the independent model: European and American, against QuantLib and their limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.edge import quantlib_bridge
from quanheng.kernels.desk import black
from quanheng.kernels.independent import bump, rollback, tree

LR, CRR = tree.LEISEN_REIMER, tree.CRR
SCHEMES = pytest.mark.parametrize("scheme", [LR, CRR])


def by_rates(sign, spot, strike, vol, rate, carry, tau):
    """Arguments of `option_price` from continuous rate and carry."""
    forward = spot * math.exp((rate - carry) * tau)
    return (sign, spot, forward, strike, vol, tau, math.exp(-rate * tau))


def american(args, steps=501, scheme=LR):
    return tree.option_price(*args, steps, scheme, True)


def twin(args, steps, scheme, early):
    """The recombining tree written node by node, from probabilities and moves of its own."""
    sign, spot, forward, strike, vol, tau, discount = args
    s, n = vol * math.sqrt(tau), steps
    g, fade = (forward / spot) ** (1 / n), discount ** (1 / n)
    if scheme == CRR:
        up = math.exp(s / math.sqrt(n))
        down = 1 / up
        p = (g - down) / (up - down)
    else:

        def share(z):
            inside = 1 - math.exp(-((z / (n + 1 / 3 + 0.1 / (n + 1))) ** 2) * (n + 1 / 6))
            return 0.5 + math.copysign(0.5, z) * math.sqrt(inside)

        d2 = math.log(forward / strike) / s - s / 2
        p, q = share(d2), share(d2 + s)
        up, down = g * q / p, g * (1 - q) / (1 - p)
    row = [max(sign * (spot * up**j * down ** (n - j) - strike), 0.0) for j in range(n + 1)]
    for level in range(n - 1, -1, -1):
        row = [fade * (p * row[j + 1] + (1 - p) * row[j]) for j in range(level + 1)]
        if early:
            nodes = [spot * up**j * down ** (level - j) for j in range(level + 1)]
            row = [max(v, sign * (x - strike)) for v, x in zip(row, nodes, strict=True)]
    return row[0]


@SCHEMES
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("steps", [1, 3, 5, 7, 9, 11, 15, 17, 31, 101])
def test_rollback_is_the_plain_tree(scheme, early, steps):
    """Passes of several levels over padded rows give the tree's value for every length of row."""
    for sign in (1.0, -1.0):
        args = by_rates(sign, 3.0, 3.1, 0.3, 0.05, 0.03, 0.7)
        found = tree.option_price(*args, steps, scheme, early)
        assert found == pytest.approx(twin(args, steps, scheme, early), rel=1e-12)


def test_rollback_of_even_steps():
    """Cox-Ross-Rubinstein with even steps, which Leisen-Reimer never has."""
    for steps in (2, 4, 8, 10, 16, 100):
        args = by_rates(-1.0, 3.0, 3.1, 0.3, 0.05, 0.03, 0.7)
        assert american(args, steps, CRR) == pytest.approx(twin(args, steps, CRR, True), rel=1e-12)
        assert american(args, steps, LR) == american(args, steps + 1, LR)


@pytest.mark.parametrize(("scheme", "allowed"), [(LR, 1e-4), (CRR, 5e-4)])
def test_american_prices_are_those_of_the_exercise_boundary(scheme, allowed):
    """Against Andersen-Lake-Offengenden as QuantLib has it, not its tree (R-05)."""
    pytest.importorskip("QuantLib")
    rng = np.random.default_rng(3)
    for _ in range(40):
        sign, strike = rng.choice([-1.0, 1.0]), 3.0 * math.exp(rng.uniform(-0.3, 0.3))
        vol, days = rng.uniform(0.1, 0.6), int(rng.integers(5, 400))
        rate, carry = rng.uniform(0.0, 0.08, 2).tolist()
        true = quantlib_bridge.american_price(sign, 3.0, strike, vol, rate, carry, days)
        args = by_rates(sign, 3.0, strike, vol, rate, carry, days / 365)
        assert american(args, 501, scheme) == pytest.approx(true, abs=allowed)


@SCHEMES
def test_european_prices_converge_to_the_closed_form(scheme):
    """Error falls with the steps, like 1/n for CRR and 1/n^2 for Leisen-Reimer."""
    args = by_rates(1.0, 3.0, 3.2, 0.25, 0.02, 0.01, 0.5)
    true = black.price_one(1.0, *args[2:])
    errors = [abs(tree.option_price(*args, n, scheme, False) - true) for n in (51, 201, 801)]
    assert errors[2] < errors[1] / 2 < errors[0] / 4
    assert errors[2] < (2e-4 if scheme == CRR else 1e-7)


@SCHEMES
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1.0, -1.0]),
    st.floats(0.5, 10.0),
    st.floats(0.05, 1.0),
    st.floats(0.0, 0.1),
    st.floats(0.0, 0.1),
    st.floats(0.01, 1.0),
)
def test_american_is_worth_at_least_its_rights(scheme, sign, strike, vol, rate, carry, tau):
    """Never below exercise now or the European option of the same tree; a bound from above."""
    args = by_rates(sign, 3.0, strike, vol, rate, carry, tau)
    value = american(args, 101, scheme)
    slack = 1e-12 * max(3.0, strike)
    assert value >= sign * (3.0 - strike) - slack
    assert value >= tree.option_price(*args, 101, scheme, False) - slack
    assert value <= (3.0 if sign > 0 else strike) + slack


def test_a_call_without_carry_is_not_exercised():
    """Merton: with carry zero and a positive rate, American and European calls agree."""
    args = by_rates(1.0, 3.0, 2.7, 0.2, 0.05, 0.0, 0.5)
    assert american(args) == pytest.approx(tree.option_price(*args, 501, LR, False), rel=1e-13)


def test_puts_and_calls_mirror():
    """McDonald and Schroder: C(S, K, r, q) = P(K, S, q, r)."""
    call = american(by_rates(1.0, 3.0, 3.3, 0.3, 0.02, 0.06, 0.8), 1001)
    put = american(by_rates(-1.0, 3.3, 3.0, 0.3, 0.06, 0.02, 0.8), 1001)
    assert call == pytest.approx(put, abs=2e-6)


@SCHEMES
def test_limits_are_finite_and_right(scheme):
    """No time, no vol, no reach and no bound: the limits, never NaN (D9)."""

    def value(sign, strike, vol, tau, early, rate=0.05, carry=0.0):
        args = by_rates(sign, 3.0, strike, vol, rate, carry, tau)
        return tree.option_price(*args, 101, scheme, early)

    assert value(1.0, 2.5, 0.2, 0.0, True) == 0.5
    assert value(-1.0, 2.5, 0.2, 0.0, False) == 0.0
    assert value(1.0, 2.5, 0.0, 1.0, False) == pytest.approx(3.0 - 2.5 * math.exp(-0.05), rel=1e-12)
    # A sure put is exercised at once, a sure call with carry above the rate too.
    assert value(-1.0, 3.5, 0.0, 1.0, True) == 0.5
    assert value(1.0, 2.5, 0.0, 1.0, True, 0.0, 0.08) == 0.5
    assert value(1.0, 2.5, 1e-5, 1.0, True, 0.0, 0.08) == pytest.approx(0.5, abs=1e-6)
    assert value(-1.0, 3.5, 1e-4, 1.0, False) == pytest.approx(
        3.5 * math.exp(-0.05) - 3.0, abs=1e-4
    )
    for strike in (1e-6, 1e6):
        for sign in (1.0, -1.0):
            deep = value(sign, strike, 0.2, 0.5, True)
            assert deep == pytest.approx(max(sign * (3.0 - strike), 0.0), rel=1e-6, abs=1e-6)
    for vol in (20.0, 100.0, 1e6, 1e300):
        assert value(1.0, 2.5, vol, 1.0, True) == pytest.approx(3.0, rel=0.05)
        assert value(-1.0, 2.5, vol, 1.0, True) == pytest.approx(2.5, rel=0.05)


@SCHEMES
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([1.0, -1.0]),
    st.floats(1e-3, 1e3),
    st.floats(0.0, 50.0),
    st.floats(-0.5, 0.5),
    st.floats(-0.5, 0.5),
    st.floats(0.0, 5.0),
    st.booleans(),
)
def test_every_valid_input_has_a_price_in_its_bounds(
    scheme, sign, strike, vol, rate, carry, tau, early
):
    """Finite for all of the domain, between nothing and the most the option can pay."""
    args = by_rates(sign, 3.0, strike, vol, rate, carry, tau)
    value = tree.option_price(*args, 51, scheme, early)
    dearest = 3.0 * max(1.0, math.exp(-carry * tau)) if sign > 0 else strike
    assert 0.0 <= value <= dearest * max(1.0, math.exp(-rate * tau)) * (1.0 + 1e-9)


def test_bad_input_is_nan():
    """Non-positive prices, negative vol or time, an unknown scheme, too many steps: NaN."""
    good = (1.0, 3.0, 3.0, 3.0, 0.2, 0.5, 1.0)
    bad = [(*good[:i], value, *good[i + 1 :]) for i in range(7) for value in (-2.0, math.nan)]
    for args in bad:
        assert math.isnan(tree.option_price(*args, 101, LR, True)), args
    for steps, scheme in ((0, LR), (5002, LR), (101, 2)):
        assert math.isnan(tree.option_price(*good, steps, scheme, True))


def test_american_greeks_are_the_derivatives():
    """Bumped Greeks of the tree against differences of QuantLib's American price (I-29)."""
    pytest.importorskip("QuantLib")
    row = np.empty(bump.ROWS)
    rng = np.random.default_rng(5)
    for _ in range(8):
        sign, strike = rng.choice([-1.0, 1.0]), 3.0 * math.exp(rng.uniform(-0.12, 0.12))
        vol, days = rng.uniform(0.15, 0.5), int(rng.integers(40, 300))
        rate, carry = rng.uniform(0.0, 0.06, 2).tolist()

        def price(s=3.0, v=vol, r=rate, d=days, rest=(sign, strike, carry)):
            return quantlib_bridge.american_price(rest[0], s, rest[1], v, r, rest[2], d)

        bump.american_greeks(*by_rates(sign, 3.0, strike, vol, rate, carry, days / 365), 501, row)
        assert row[bump.DELTA] == pytest.approx((price(3.01) - price(2.99)) / 0.02, abs=2e-3)
        second = (price(3.03) - 2 * price() + price(2.97)) / 0.0009
        assert row[bump.GAMMA] == pytest.approx(second, rel=0.03, abs=0.01)
        vega = (price(v=vol + 0.005) - price(v=vol - 0.005)) / 0.01
        assert row[bump.VEGA] == pytest.approx(vega, rel=0.01, abs=2e-3)
        theta = -(price(d=days + 3) - price(d=days - 3)) / (6 / 365)
        assert row[bump.THETA] == pytest.approx(theta, rel=0.03, abs=3e-3)
        rho = (price(r=rate + 1e-4) - price(r=rate - 1e-4)) / 2e-4
        assert row[bump.RHO] == pytest.approx(rho, rel=0.02, abs=0.01)


def test_american_greeks_have_limits():
    """At tau = 0 they are finite, outside the domain NaN."""
    row = np.empty(bump.ROWS)
    bump.american_greeks(1.0, 3.0, 3.0, 2.5, 0.2, 0.0, 1.0, 51, row)
    assert np.isfinite(row).all() and row[bump.DELTA] == pytest.approx(1.0)
    bump.american_greeks(1.0, -3.0, 3.0, 2.5, 0.2, 0.1, 1.0, 51, row)
    assert math.isnan(row[bump.PRICE])


def test_rows_beyond_the_end_do_not_matter():
    """Whatever finite numbers stand in the padding, the root is the same."""
    roots = []
    for filler in (0.0, 1e6):
        values = np.full(9 + rollback.PAD, filler)
        values[:9] = np.arange(9.0)
        roots.append(rollback.european(0.4, 0.6, 8, values))
    assert roots[0] == roots[1] == pytest.approx(3.2)
