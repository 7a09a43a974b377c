"""Smiles of the reference day: fitted where the exchange published vols, shaped elsewhere.

A smile is a quadratic in x = ln(K/F)/sqrt(tau), flat beyond [x_low, x_high]; its numbers are 1e-6
integers, so that every price made from it is made from the shipped digits.
"""

import math
from dataclasses import dataclass

import numpy as np

from quanheng.kernels.desk import black, forward, implied
from quanheng.kernels.math import elementary

PPM = 1_000_000


@dataclass(frozen=True)
class Smile:
    """Volatility of one expiry in 1e-6: level, slope, curvature in x and the range of x.

    Forward = close * exp(carry * calendar days / 365).
    """

    atm: int
    skew: int
    curvature: int
    x_low: int
    x_high: int
    carry: int

    def vol(self, x: float) -> float:
        """Volatility per 1.00, trading time."""
        at = min(max(x, self.x_low / PPM), self.x_high / PPM)
        return (self.atm + self.skew * at + self.curvature * at * at) / PPM


@dataclass(frozen=True)
class Times:
    """An expiry seen from the previous close: trading years, calendar years, discount factor."""

    tau: float
    years: float
    discount: float


def forward_of(close: float, smile: Smile, times: Times) -> float:
    """The forward a smile carries, yuan."""
    return close * float(elementary.exp(smile.carry / PPM * times.years))


def fit(close: float, rows: list[tuple[str, float, float]], times: Times) -> Smile:
    """Smile through (kind, strike, price) rows in yuan: parity forward, then the out-of-the-money
    side of each strike (both sides within 1 % of the forward), weighted by vega.
    """
    strikes = sorted({strike for _, strike, _ in rows})
    price = {(kind, strike): value for kind, strike, value in rows}
    width = np.full(len(strikes), 0.0005)
    ahead, _, used = forward.parity_forward(
        np.array(strikes),
        np.array([price["C", strike] for strike in strikes]),
        width,
        np.array([price["P", strike] for strike in strikes]),
        width,
        len(strikes),
        times.discount,
        close,
    )
    if used < 2:
        raise ValueError(f"no parity forward from {len(strikes)} strikes around {close}")
    points: list[tuple[float, float, float]] = []
    for kind, strike, value in rows:
        sign = 1.0 if kind == "C" else -1.0
        if sign * (strike / ahead - 1.0) < -0.01 or value < 0.0003:
            continue
        vol = implied.implied_one(sign, value, ahead, strike, times.tau, times.discount)
        if not vol > 0.0:
            continue
        x = elementary.log(strike / ahead) / math.sqrt(times.tau)
        d1 = -x / vol + 0.5 * vol * math.sqrt(times.tau)
        points.append((x, vol, elementary.norm_pdf(d1)))
    level, slope, bend = quadratic(points)
    return Smile(
        round(level * PPM),
        round(slope * PPM),
        round(bend * PPM),
        math.floor(min(x for x, _, _ in points) * PPM),
        math.ceil(max(x for x, _, _ in points) * PPM),
        round(elementary.log(ahead / close) / times.years * PPM),
    )


def quadratic(points: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Weighted least squares of a + b x + c x^2 through (x, y, weight), by Cramer's rule."""
    s = [math.fsum(w * x**k for x, _, w in points) for k in range(5)]
    t = [math.fsum(w * y * x**k for x, y, w in points) for k in range(3)]
    rows = [[s[i + j] for j in range(3)] for i in range(3)]
    whole = determinant(rows)
    solved: list[float] = []
    for column in range(3):
        swapped = [[t[i] if j == column else rows[i][j] for j in range(3)] for i in range(3)]
        solved.append(determinant(swapped) / whole)
    return solved[0], solved[1], solved[2]


def determinant(m: list[list[float]]) -> float:
    """Of a 3 x 3 matrix."""
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


def shaped(atm: int, carry: int, published: list[list[Smile]], index: int) -> Smile:
    """The mean shape of the published smiles of one expiry at a class's own level.

    `published` holds the smiles of each published class by expiry. Equal moneyness is meant in
    standard deviations, z = x / level: vol/level = 1 + s z + c z^2. The term structure is theirs.
    """
    ratios = [
        smiles[index].atm * len(smiles) / sum(smile.atm for smile in smiles) for smiles in published
    ]
    level = atm * sum(ratios) / len(ratios)
    same = [smiles[index] for smiles in published]
    count = len(same)
    return Smile(
        round(level),
        round(sum(smile.skew for smile in same) / count),
        round(sum(smile.curvature * smile.atm for smile in same) / count / level),
        round(sum(smile.x_low / smile.atm for smile in same) / count * level),
        round(sum(smile.x_high / smile.atm for smile in same) / count * level),
        carry,
    )


def price(kind: str, close: float, strike: float, smile: Smile, times: Times) -> float:
    """Black's price in yuan on a smile."""
    ahead = forward_of(close, smile, times)
    vol = smile.vol(elementary.log(strike / ahead) / math.sqrt(times.tau))
    sign = 1.0 if kind == "C" else -1.0
    return float(black.price_one(sign, ahead, strike, vol, times.tau, times.discount))


def published_price(kind: str, close: float, strike: float, vol: float, times: Times) -> float:
    """Price by the convention of the exchange's table: no dividend, calendar days."""
    sign = 1.0 if kind == "C" else -1.0
    ahead = close / times.discount
    return float(black.price_one(sign, ahead, strike, vol, times.years, times.discount))
