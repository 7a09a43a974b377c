"""Curve rows for the tests of checks, repairs, surfaces and shifts: tame ones and wild ones."""

import numpy as np
from hypothesis import strategies as st

from quanheng.kernels.desk.curves import layout as at
from quanheng.kernels.desk.curves import smile

WING = (0.18, -0.12, 0.9, 0.7, -0.2, 0.15, 0.5, 0.5)
SVI = (0.004, 0.03, -0.3, 0.01, 0.1)
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
SSVI = (0.01, -0.4, 3.0)
CUBIC = (-0.3, -0.15, 0.0, 0.1, 0.2, 0.25, 0.21, 0.2, 0.205, 0.22)


def make(model, parameters, tau=1.0, low=-0.2, high=0.2):
    """A row as a fit leaves it: quotes from `low` to `high`, no repair."""
    row = np.zeros(at.ROW)
    row[at.MODEL], row[at.TAU], row[at.FORWARD] = model, tau, 2.5
    row[at.P : at.P + len(parameters)] = parameters
    row[at.K_LOW], row[at.K_HIGH] = low, high
    row[at.RMS], row[at.KEPT], row[at.MIN_G] = 0.002, 12, np.nan
    return row


def vols(row, k):
    out = np.empty(len(k))
    smile.vols_at(row, np.ascontiguousarray(k, dtype=float), len(k), out)
    return out


def variances(row, k):
    return np.array([smile.variance_at(row, float(one))[0] for one in k])


def numbers(low, high):
    return st.floats(low, high, allow_nan=False, width=64)


@st.composite
def wild_rows(draw, tau=None):
    """Rows no fit should give: steep, concave, crossing the clip, with quotes at odd places."""
    model = draw(st.sampled_from((at.WING, at.SVI, at.SSVI, at.CUBIC)))
    years = draw(numbers(0.001, 2.0)) if tau is None else tau
    level = draw(numbers(0.02, 1.0))
    unit = level * years**0.5
    low, high = draw(numbers(-4, 0)) * unit, draw(numbers(0, 4)) * unit
    if model == at.WING:
        bends = [draw(numbers(-3, 3)) * level / unit**2 for _ in range(2)]
        cuts = [-draw(numbers(0.01, 4)) * unit, draw(numbers(0.01, 4)) * unit]
        smooth = [draw(numbers(0.05, 2)) for _ in range(2)]
        parameters = [level, draw(numbers(-1, 1)) * level / unit, *bends, *cuts, *smooth]
    elif model == at.SVI:
        b, rho = draw(numbers(0.0, 2)) * unit, draw(numbers(-0.99, 0.99))
        m, sigma = draw(numbers(-3, 3)) * unit, draw(numbers(0.01, 4)) * unit
        parameters = [draw(numbers(-1, 1)) * unit**2, b, rho, m, sigma]
    elif model == at.SSVI:
        parameters = [unit**2, draw(numbers(-0.99, 0.99)), draw(numbers(0.01, 6)) / unit]
    else:
        steps = [draw(numbers(0.1, 1.5)) * unit for _ in range(4)]
        knots = np.cumsum([-sum(steps[:2]), *steps])
        parameters = [*knots, *(draw(numbers(0.3, 2)) * level for _ in range(5))]
    row = make(model, parameters, years, low, high)
    row[at.RMS], row[at.KEPT] = draw(numbers(0, 0.02)), draw(st.integers(0, 30))
    return row
