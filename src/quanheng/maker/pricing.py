"""Theory of a class: time, forward, curves, values (house.md 5, steps 7 and 8)."""

import numpy as np

from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert
from quanheng.maker.parameters import INDEX, P_VOL_SHIFT
from quanheng.maker.state import U_PRICED, U_SPOT, State
from quanheng.maker.surface_kernels import YUAN, reprice_class
from quanheng.rulebook import phases
from quanheng.terms.codes import Alert
from quanheng.terms.days import day_nanos
from quanheng.terms.units import Nanos

FAILURES = 20
"""Fits of one expiry that fail in a row before people are told; the last good curve stays."""


def reprice(
    state: State, opened: MakerOpen, klass: int, at: Nanos, refit: bool, effects: Effects
) -> None:
    """Bring a class's theory to `at`; with `refit` the curves follow the others' quotes."""
    item = opened.chain.classes[klass]
    surface, tables = state.surface, state.tables
    spot = int(state.view.underlying[klass, U_SPOT])
    left = phases.trading_left(day_nanos(at))
    values = state.parameters.values[item.start]
    given = np.array(
        [
            spot * YUAN,
            left / phases.SESSION,
            phases.YEAR_DAYS,
            values[INDEX["fit_gain"]] * 1e-4,
            values[INDEX["basis_gain"]] * 1e-4,
            values[INDEX["residual_gain"]] * 1e-4,
            values[INDEX["residual_share"]] * 1e-4,
        ]
    )
    good, expiries, worst = reprice_class(
        tables.fixed,
        state.view.rows,
        state.work,
        tables.pairs,
        tables.meta,
        surface.fits,
        state.parameters.values,
        surface.theo,
        np.array([klass, item.start, item.stop, refit, P_VOL_SHIFT], dtype=np.int64),
        given,
    )
    surface.theo_at[klass] = at
    state.view.underlying[klass, U_PRICED] = spot
    if not refit:
        return
    if good:
        surface.version[klass] += 1
    if worst >= FAILURES and not surface.failed[klass]:
        surface.failed[klass] = 1
        args = (good, expiries, worst)
        alert(state, effects, at, Alert.FIT_FAILED, item.underlying, args)
    elif good == expiries:
        surface.failed[klass] = 0
