"""Hard cases for implied volatility in strata, and the exact judge of an answer.

A case is sign, price, forward, strike, tau, discount; its price is a double like any other and its
true volatility the root of that very number, with all other inputs exact. The judge needs no root:
the price of an answer in 60 digits, less the price asked, over vol * vega is the relative error of
the answer to first order, and a wrong answer has a large one because the price rises with vol.
"""

import mpmath as mp
import numpy as np

from quanheng.kernels.desk import greeks, implied

EPS = 2.0**-52
MINUTE = 1.0 / 240.0 / 243.0


def _priced(rng, forward, strike, s, tau, kind=None):
    """Columns whose price is the kernel's at s = vol * sqrt(tau)."""
    n = forward.size
    sign = rng.choice([-1.0, 1.0], n) if kind is None else kind
    discount = np.exp(-rng.uniform(-0.01, 0.05, n) * tau)
    price = np.empty(n)
    greeks.price_only_chain(sign, forward, strike, s / np.sqrt(tau), tau, discount, price)
    return [sign, price, forward, strike, tau, discount]


def _log_uniform(rng, low, high, n):
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def market(rng, n):
    """Vols 5 % to 200 %, a day to two years, strikes within five standard deviations."""
    forward, tau = rng.uniform(0.5, 10.0, n), _log_uniform(rng, 1 / 243, 2.0, n)
    s = _log_uniform(rng, 0.05, 2.0, n) * np.sqrt(tau)
    return _priced(rng, forward, forward * np.exp(rng.uniform(-5, 5, n) * s), s, tau)


def vols(rng, n):
    """Vols 0.1 % to 1000 %, a minute to two years."""
    forward, tau = rng.uniform(0.5, 10.0, n), _log_uniform(rng, MINUTE, 2.0, n)
    s = _log_uniform(rng, 0.001, 10.0, n) * np.sqrt(tau)
    reach = np.minimum(5.0 * s, 5.0)
    return _priced(rng, forward, forward * np.exp(rng.uniform(-1, 1, n) * reach), s, tau)


def at_the_money(rng, n):
    """s from 1e-12 to 1 within two standard deviations, every tenth exactly at the money."""
    forward, tau = rng.uniform(0.5, 10.0, n), _log_uniform(rng, MINUTE, 2.0, n)
    s = _log_uniform(rng, 1e-12, 1.0, n)
    away = np.where(np.arange(n) % 10 == 0, 0.0, rng.uniform(-2, 2, n))
    strike = forward * (1.0 + np.expm1(away * s))
    kind = np.where(strike >= forward, 1.0, -1.0)
    return _priced(rng, forward, strike, s, tau, kind)


def deep(rng, n):
    """Out-of-the-money wings with normalised prices down to 1e-290."""
    forward, tau = rng.uniform(0.5, 10.0, n), _log_uniform(rng, MINUTE, 2.0, n)
    s = _log_uniform(rng, 1e-4, 1.0, n)
    x = rng.uniform(3.0, 36.1, n) * s * rng.choice([-1.0, 1.0], n)
    return _priced(rng, forward, forward * np.exp(x), s, tau, np.sign(x))


def wide(rng, n):
    """|ln F/K| to 5 and s from 1e-4 to 14, calls and puts."""
    forward, tau = rng.uniform(0.5, 10.0, n), _log_uniform(rng, MINUTE, 2.0, n)
    s = _log_uniform(rng, 1e-4, 14.0, n)
    x = rng.uniform(-5.0, 5.0, n)
    x = np.where(np.abs(x) < 36.0 * s, x, x * s / 5.0)
    kind = np.where(rng.random(n) < 0.7, np.where(x > 0.0, 1.0, -1.0), rng.choice([-1.0, 1.0], n))
    return _priced(rng, forward, forward * np.exp(x), s, tau, kind)


def minute(rng, n):
    """One minute to expiry, strikes of 0.05, prices as they are and on the tick."""
    forward = np.round(rng.uniform(2.0, 4.0, n), 4)
    strike = np.round(forward / 0.05) * 0.05 + 0.05 * rng.integers(-1, 2, n)
    s = _log_uniform(rng, 0.05, 3.0, n) * np.sqrt(MINUTE)
    columns = _priced(rng, forward, strike, s, np.full(n, MINUTE))
    ticked = np.maximum(np.round(columns[1] / 1e-4), 1.0) * 1e-4
    columns[1] = np.where(rng.random(n) < 0.5, ticked, columns[1])
    return columns


def ticks(rng, n):
    """Time values of 1 to 50 ticks on any strike, in and out of the money."""
    forward, tau = np.round(rng.uniform(0.5, 10.0, n), 4), _log_uniform(rng, MINUTE, 2.0, n)
    strike = np.round(forward * np.exp(rng.uniform(-0.7, 0.7, n)), 2)
    sign = rng.choice([-1.0, 1.0], n)
    value = rng.integers(1, 51, n) * 1e-4
    intrinsic = np.maximum(sign * (forward - strike), 0.0)
    discount = np.where(rng.random(n) < 0.5, 1.0, np.exp(-0.02 * tau))
    price = np.round((intrinsic + value) * discount, 4)
    return [sign, price, forward, strike, tau, discount]


def near_bounds(rng, n):
    """Prices a hair above intrinsic value or below forward or strike."""
    forward, tau = rng.uniform(0.5, 10.0, n), _log_uniform(rng, MINUTE, 2.0, n)
    strike = forward * np.exp(rng.uniform(-3.0, 3.0, n))
    sign, discount = rng.choice([-1.0, 1.0], n), np.exp(-0.02 * tau)
    low = np.maximum(sign * (forward - strike), 0.0)
    high = np.where(sign > 0, forward, strike)
    share = 10.0 ** rng.uniform(-17.0, -0.3, n)
    share = np.where(rng.random(n) < 0.5, share, 1.0 - share)
    return [sign, (low + share * (high - low)) * discount, forward, strike, tau, discount]


STRATA = {
    "market": market,
    "vols": vols,
    "at the money": at_the_money,
    "deep": deep,
    "wide": wide,
    "minute": minute,
    "ticks": ticks,
    "near bounds": near_bounds,
}


def cases(name, n, seed=1):
    """Six float64 columns of n cases of a stratum."""
    rng = np.random.default_rng([seed, *name.encode()])
    return [np.ascontiguousarray(column, dtype=np.float64) for column in STRATA[name](rng, n)]


def _cdf(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


def judge(row, vol):
    """(error, allowed) of an answer, both relative to the vol; `row` has six doubles.

    allowed = 4 eps (1 + price / (vol vega)). For a NaN the error is 0 when no double vol can be
    right (price on or outside its bounds, subnormal, or normalised below 1e-290), else infinite.
    """
    with mp.workdps(60):
        sign, price, forward, strike, tau, discount = map(mp.mpf, row)
        intrinsic = max(sign * (forward - strike), 0)
        value = price / discount - intrinsic
        low = min(forward, strike)
        normal = row[1] >= 2.3e-308 and value / mp.sqrt(forward * strike) > mp.mpf("1.01e-290")
        solvable = 0 < value < low and normal
        if vol != vol:
            return (mp.inf if solvable else mp.mpf(0)), mp.mpf(4 * EPS)
        if not 0 < value < low:
            return mp.inf, mp.mpf(4 * EPS)
        root = mp.sqrt(tau)
        s = mp.mpf(vol) * root
        side = -1 if forward > strike else 1
        d1 = mp.log(forward / strike) / s + s / 2
        d2 = d1 - s
        found = side * (forward * _cdf(side * d1) - strike * _cdf(side * d2))
        slope = forward * mp.npdf(d1) * s
        return abs(found - value) / slope, 4 * EPS * (1 + price / discount / slope)


def worst(columns, found):
    """(largest error over allowed, its row) of a set of answers."""
    top, where = mp.mpf(0), -1
    for i, row in enumerate(np.array(columns).T.tolist()):
        error, allowed = judge(row, found[i])
        if error / allowed > top:
            top, where = error / allowed, i
    return float(top), where


def implied_ratio(name, n, seed=1):
    """(worst error over allowed, NaNs, cases) of a stratum with the kernel's own answers."""
    columns = cases(name, n, seed)
    found = np.empty(n)
    implied.implied_chain(*columns, found)
    return worst(columns, found)[0], int(np.isnan(found).sum()), n
