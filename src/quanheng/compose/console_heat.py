"""What the book gains or loses if spot and vols move now: full revaluation, for the risk page.

The same kernel that stress tests use (`kernels.desk.scenario`), over the machine's own positions,
vols and forwards, and the units of the underlying above the base. Nothing is expanded.
"""

import numpy as np

from quanheng.books.positions import nets
from quanheng.desk.frames import Rows
from quanheng.kernels.desk import scenario
from quanheng.maker import columns as c
from quanheng.maker.point_kernels import YUAN
from quanheng.maker.state import U_SPOT, State
from quanheng.rulebook.phases import YEAR_DAYS

SPOTS = (-10, -5, -3, -2, -1, 0, 1, 2, 3, 5, 10)
"""Moves of the underlying in per cent."""
VOLS = (30, 20, 10, 0, -10, -20, -30)
"""Relative moves of every vol in per cent."""


def heat(state: State) -> Rows:
    """A row per class and one of the book: "profit", whole yuan, VOLS by SPOTS."""
    opened = state.opened
    assert opened is not None, "the day is open"
    moves = np.empty((scenario.SCENARIO_ROWS, len(SPOTS) * len(VOLS)))
    spots, vols = np.array(SPOTS) / 100.0, np.array(VOLS) / 100.0
    scenario.grid(spots, vols, np.zeros(1), moves)
    total = np.zeros(moves.shape[1])
    out: Rows = {}
    for klass, item in enumerate(opened.chain.classes):
        profit = _profit(state, klass, item.start, item.stop, moves)
        total += profit
        out[item.underlying] = _row(profit)
    out["*"] = _row(total)
    return out


def _row(profit: np.ndarray) -> dict[str, object]:
    table = np.rint(profit).astype(np.int64).reshape(len(VOLS), len(SPOTS))
    return {"spots": list(SPOTS), "vols": list(VOLS), "profit": table.tolist()}


def _profit(state: State, klass: int, start: int, stop: int, moves: np.ndarray) -> np.ndarray:
    """float64[scenarios] of a class, yuan. Contracts without a theory move nothing."""
    fixed, theo, fits = state.tables.fixed, state.surface.theo, state.surface.fits
    net = nets(state.book)
    held = np.flatnonzero((net != 0) & np.isfinite(theo[:, c.T_VOL]))
    held = held[(held >= start) & (held < stop)]
    rows = fixed[held]
    book = np.array(
        [
            rows[:, c.F_SIGN],
            rows[:, c.F_STRIKE] * YUAN,
            theo[held, c.T_VOL],
            net[held] * rows[:, c.F_UNIT],
        ],
        dtype=np.float64,
    )
    expiries = np.ascontiguousarray(fits[:, [c.X_FORWARD, c.X_TAU, c.X_DISCOUNT]].T)
    units = int(state.etf.units[klass]) - state.etf.base if state.etf.on else 0
    spot = float(state.view.underlying[klass, U_SPOT]) * YUAN
    out = np.empty((scenario.RESULT_ROWS, moves.shape[1]))
    none = np.empty((0, 0))
    expiry = np.ascontiguousarray(rows[:, c.F_EXPIRY])
    scenario.revalue(
        book, expiry, expiries, moves, float(YEAR_DAYS), spot, float(units), none, out, none
    )
    result: np.ndarray = out[scenario.PROFIT]
    return result
