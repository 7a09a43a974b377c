"""Peers on the same points: QuantLib's SVI section and scipy's least squares on raw SVI.

Both start at one deterministic guess made from the points. scipy minimises the same weighted
squares of vol as the desk's fits do, with an analytic Jacobian inside bounds. QuantLib takes no
weights of the caller: with vegaWeighted it weighs squared vol errors by its own vega, without it
all points alike; the study runs it with vegaWeighted, which is nearer to our weights. Their times
are processor times, so that waiting for the processor does not count.
"""

from dataclasses import dataclass
from time import thread_time_ns

import numpy as np
import QuantLib as ql  # noqa: N813 - the name everybody uses
from scipy.optimize import least_squares

from quanheng.kernels.desk.curves import layout as at
from study.closes import Floats
from study.points import Points

LEAST = 5
"""Points for five parameters."""
STEEPEST = 0.9999
_EVALUATION = ql.Date(2, 1, 2015)


@dataclass
class PeerFit:
    """A raw SVI (a, b, rho, m, sigma) in total variance at the slice's tau; NaN when it failed."""

    parameters: Floats
    nanos: int
    at_bound: int


def first_guess(one: Points) -> Floats:
    """a, b, rho, m, sigma from the points: half the least variance, the mean slope, no skew."""
    w = one.vol**2 * one.slice.tau
    span = max(float(one.k[-1] - one.k[0]), 1e-3)
    slope = (float(w[0]) + float(w[-1]) - 2.0 * float(w.min())) / span
    return np.array([0.5 * float(w.min()), max(slope, 1e-3), 0.0, 0.0, 0.1])


def _root(x: Floats, k: Floats) -> tuple[Floats, Floats]:
    d = k - x[3]
    return d, np.sqrt(d * d + x[4] * x[4])


def _variance(x: Floats, k: Floats) -> Floats:
    d, root = _root(x, k)
    return np.asarray(x[0] + x[1] * (x[2] * d + root))


def fit_scipy(one: Points) -> PeerFit:
    """`least_squares` (trf) on sqrt(weight) (vol of the curve - vol), raw SVI inside bounds."""
    tau = one.slice.tau
    scale = np.sqrt(one.weight / one.weight.sum())
    least = 1e-4 * tau

    def residuals(x: Floats) -> Floats:
        w = np.maximum(_variance(x, one.k), least)
        return np.asarray(scale * (np.sqrt(w / tau) - one.vol))

    def jacobian(x: Floats) -> Floats:
        d, root = _root(x, one.k)
        w = x[0] + x[1] * (x[2] * d + root)
        gain = np.where(w > least, scale * 0.5 / np.sqrt(np.maximum(w, least) * tau), 0.0)
        parts = (
            np.ones_like(d),
            x[2] * d + root,
            x[1] * d,
            -x[1] * (x[2] + d / root),
            x[1] * x[4] / root,
        )
        return np.stack([gain * part for part in parts], axis=1)

    top = float((one.vol**2 * tau).max())
    low = np.array([-top, 0.0, -STEEPEST, 2.0 * one.k[0] - 0.1, 1e-4])
    high = np.array([2.0 * top, 2.0, STEEPEST, 2.0 * one.k[-1] + 0.1, 2.0])
    guess = np.clip(first_guess(one), low + 1e-9, high - 1e-9)
    start = thread_time_ns()
    found = least_squares(
        residuals, guess, jacobian, (low, high), method="trf", x_scale="jac", max_nfev=200
    )
    nanos = thread_time_ns() - start
    bound = int((found.active_mask != 0).sum())
    return PeerFit(np.asarray(found.x), nanos, bound)


def fit_quantlib(one: Points) -> PeerFit:
    """`SviInterpolatedSmileSection`, vega weighted; its time scale is undone afterwards."""
    ql.Settings.instance().evaluationDate = _EVALUATION
    days = 365
    tau = one.slice.tau
    # The section works in total variance of one year; SVI scales with it, so a fit is the same.
    guess = first_guess(one) / np.array([tau, tau, 1.0, 1.0, 1.0])
    level = float(np.interp(0.0, one.k, one.vol))
    strikes, vols = one.strike.tolist(), one.vol.tolist()
    free = (False,) * 5
    a, b, rho, m, sigma = (float(value) for value in guess)
    start = thread_time_ns()
    try:
        section = ql.SviInterpolatedSmileSection(
            _EVALUATION + days,
            one.forward,
            strikes,
            False,
            level,
            vols,
            a,
            b,
            sigma,
            rho,
            m,
            *free,
            True,
        )
        found = [section.a(), section.b(), section.rho(), section.m(), section.sigma()]
    except RuntimeError:
        found = [float("nan")] * 5
    nanos = thread_time_ns() - start
    return PeerFit(np.array(found) * np.array([tau, tau, 1.0, 1.0, 1.0]), nanos, 0)


def as_row(one: Points, fit: PeerFit) -> Floats:
    """The curve row of a peer's SVI, for the same checks and errors as ours."""
    row = np.zeros(at.ROW)
    good = bool(np.isfinite(fit.parameters).all())
    row[at.MODEL] = at.SVI if good else at.NO_MODEL
    row[at.TAU], row[at.FORWARD] = one.slice.tau, one.forward
    row[at.P : at.P + 5] = fit.parameters
    row[at.K_LOW], row[at.K_HIGH] = min(one.k[0], 0.0), max(one.k[-1], 0.0)
    row[at.AT_BOUND] = fit.at_bound
    return row
