"""Forwards and curves for notebooks: arrays in, small named results out.

The work is done by the kernels of `desk.forward` and `desk.curves`, as in the live maker; here
numbers only get shape and names. Units: prices, strikes and forwards in yuan per unit, vol per
1.00, tau in years of variance time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import forward as parity
from quanheng.kernels.desk.curves import arbitrage, layout, shift, smile, surface
from quanheng.kernels.desk.curves.fits import fit as fit_row
from quanheng.kernels.desk.curves.repair import repair as repair_rows

Floats = npt.NDArray[np.float64]

PARAMETERS = {
    "wing": ("vc", "sc", "pc", "cc", "dc", "uc", "dsm", "usm"),
    "svi": ("a", "b", "rho", "m", "sigma"),
    "ssvi": ("theta", "rho", "phi"),
    "cubic": ("k1", "k2", "k3", "k4", "k5", "vol1", "vol2", "vol3", "vol4", "vol5"),
}
"""Names of a model's parameters, in the order of the row (rules.md 8.3, 8.4)."""
STATUSES = ("ok", "too few points", "no solution", "not converged")
FITTED = ("wing", "svi", "cubic")
"""Models that `fit` takes; SSVI needs all expiries of a class at once (`curves.ssvi`)."""


class Forward(NamedTuple):
    """A forward read off the books of an expiry (`desk.forward.consensus_forward`), yuan."""

    forward: float
    width: float
    used: int
    offered: int
    low: float
    high: float


class Curve(NamedTuple):
    """One fitted smile: the row of `curves.layout` with names."""

    row: Floats

    @property
    def model(self) -> str:
        """Name of the model, "none" when there is no curve."""
        return layout.MODELS[int(self.row[layout.MODEL])]

    @property
    def parameters(self) -> dict[str, float]:
        """The model's parameters by name."""
        names = PARAMETERS.get(self.model, ())
        return {name: float(self.row[layout.P + i]) for i, name in enumerate(names)}

    @property
    def status(self) -> str:
        """How the fit ended."""
        return STATUSES[int(self.row[layout.STATUS])]

    @property
    def rms(self) -> float:
        """Weighted root mean square residual of the points kept, vol per 1.00."""
        return float(self.row[layout.RMS])

    @property
    def forward(self) -> float:
        """Forward at the fit, yuan."""
        return float(self.row[layout.FORWARD])

    @property
    def tau(self) -> float:
        """Variance time at the fit, years."""
        return float(self.row[layout.TAU])

    def vol(
        self,
        strike: npt.ArrayLike,
        forward: float | None = None,
        swim: float = 1.0,
        deltas: Sequence[float] = (0.0, 0.0, 0.0),
    ) -> Any:
        """Vol at strikes, a float for one strike, else an array of the strikes' shape.

        `forward` is today's (default: the fit's); `swim` 0 keeps vols at their strikes, 1 moves
        them with the forward (rules.md 8.3). `deltas`: the trader's level, slope and curvature.
        """
        now = self.forward if forward is None else forward
        strikes = np.asarray(strike, dtype=np.float64)
        k = np.array([shift.moneyness(each, self.row, now, swim) for each in strikes.flat])
        out = np.empty(k.size)
        smile.vols_at(self.row, k, k.size, out)
        if any(deltas):
            shift.add_shift(np.array(deltas, dtype=np.float64), k, self.tau, k.size, out)
        return out.reshape(strikes.shape) if strikes.ndim else float(out[0])

    def butterfly(self) -> tuple[float, float]:
        """(least g, its k) over the check's range; a negative g is an arbitrage (rules.md 8.4)."""
        return arbitrage.butterfly(self.row)


def implied_forward(
    strike: npt.ArrayLike,
    call_bid: npt.ArrayLike,
    call_ask: npt.ArrayLike,
    put_bid: npt.ArrayLike,
    put_ask: npt.ArrayLike,
    discount: float = 1.0,
    near: float = float("nan"),
) -> Forward:
    """The forward that the books of an expiry agree on; a missing price is NaN or zero.

    Arrays of one length, a strike each; a stale or crossed leg does not move it (rules.md 8.2).
    ValueError when the lengths differ.
    """
    given = (strike, call_bid, call_ask, put_bid, put_ask)
    columns = [np.array(each, dtype=np.float64).reshape(-1) for each in given]
    _same_length(columns)
    out = np.empty(parity.CONSENSUS)
    strikes, low_call, high_call, low_put, high_put = columns
    parity.consensus_forward(
        strikes, low_call, high_call, low_put, high_put, strikes.size, discount, near, out
    )
    return Forward(
        forward=float(out[parity.FORWARD]),
        width=float(out[parity.WIDTH]),
        used=int(out[parity.USED]),
        offered=int(out[parity.OFFERED]),
        low=float(out[parity.LOW]),
        high=float(out[parity.HIGH]),
    )


def fit(
    model: str,
    strike: npt.ArrayLike,
    vol: npt.ArrayLike,
    tau: float,
    forward: float,
    weight: npt.ArrayLike = 1.0,
    warm: Curve | None = None,
) -> Curve:
    """Fit a smile to vols at strikes; points that are not finite are left out.

    `weight` in any unit, best (vega / spread)^2; `warm` is the last curve of the expiry. Read
    `status` and `rms` before use. ValueError for an unknown model or lengths that differ.
    """
    if model not in FITTED:
        raise ValueError(f"model must be one of {', '.join(FITTED)}, not {model!r}")
    strikes = np.array(strike, dtype=np.float64).reshape(-1)
    vols = np.array(vol, dtype=np.float64).reshape(-1)
    weights = np.array(np.broadcast_to(np.asarray(weight, dtype=np.float64), vols.shape))
    _same_length([strikes, vols])
    out = np.full(layout.ROW, np.nan) if warm is None else warm.row.copy()
    start = out.copy()
    start[layout.FORWARD] = forward
    k = np.array([shift.moneyness(each, start, forward, 1.0) for each in strikes])
    fit_row(layout.MODELS.index(model), k, vols, weights, k.size, tau, forward, out, out)
    return Curve(out)


def repair(curves: Sequence[Curve]) -> tuple[list[Curve], int]:
    """The curves of a class without butterflies and calendars, and how many had to change.

    Sorted by expiry; rules.md 8.4, `curves.repair`. ValueError when they are not sorted.
    """
    rows = np.array([curve.row for curve in curves], dtype=np.float64).reshape(-1, layout.ROW)
    taus = rows[:, layout.TAU]
    if np.any(np.diff(taus) <= 0.0):
        raise ValueError(f"curves must be in order of expiry, not {taus.tolist()}")
    report = np.empty((len(rows), arbitrage.REPORT))
    changed = repair_rows(rows, len(rows), report)
    return [Curve(row) for row in rows], int(changed)


def surface_vol(curves: Sequence[Curve], tau: float, k: float) -> float:
    """Vol at any (tau, k) from the curves of a class, linear in total variance at equal k."""
    rows = np.array([curve.row for curve in curves], dtype=np.float64).reshape(-1, layout.ROW)
    taus = np.ascontiguousarray(rows[:, layout.TAU])
    return float(surface.surface_vol(rows, taus, len(rows), tau, k))


def _same_length(columns: list[Floats]) -> None:
    sizes = [column.size for column in columns]
    if len(dict.fromkeys(sizes)) != 1:
        raise ValueError(f"arrays of one length, not {sizes}")
