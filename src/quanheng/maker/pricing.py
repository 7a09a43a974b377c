"""Theory of a class: time, forward, curves, values (house.md 5, steps 7 and 8)."""

import numpy as np

from quanheng.kernels.desk.curves.layout import WING
from quanheng.maker import columns as c
from quanheng.maker import curve_kernels as k
from quanheng.maker.ledger import account
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert
from quanheng.maker.parameters import INDEX, rebucket
from quanheng.maker.point_kernels import YUAN
from quanheng.maker.setup import set_limits
from quanheng.maker.state import U_PRICED, U_SPOT, State
from quanheng.maker.surface_kernels import reprice_class
from quanheng.rulebook import phases
from quanheng.terms.codes import Alert
from quanheng.terms.contract import OptionClass
from quanheng.terms.days import day_nanos
from quanheng.terms.units import SECOND, Nanos

FAILURES = 20
"""Fits of one expiry that fail in a row before people are told; the last good curve stays."""

_READ = [
    INDEX[name]
    for name in (
        "basis_gain", "residual_gain", "residual_share", "fit_gain", "curve_rms", "curve_move",
        "curve_model", "curve_age",
    )
]  # fmt: skip


def reprice(
    state: State, opened: MakerOpen, klass: int, at: Nanos, refit: bool, effects: Effects
) -> None:
    """Bring a class's theory to `at`; with `refit` the curves follow the others' quotes."""
    item = opened.chain.classes[klass]
    surface, tables = state.surface, state.tables
    spot = int(state.view.underlying[klass, U_SPOT])
    left = phases.trading_left(day_nanos(at))
    values = state.parameters.values[item.start, _READ].tolist()
    basis, gain, share, fit, rms, move, model, age = values
    given = np.array(
        [
            spot * YUAN,
            left / phases.SESSION,
            phases.YEAR_DAYS,
            basis * 1e-4,
            gain * 1e-4,
            share * 1e-4,
            opened.rate * 1e-6,
        ]
    )
    bounds = np.array([fit * 1e-4, rms * 1e-6, move * 1e-6])
    slots = (item.start, item.stop)
    which = np.array([klass, at, model, age * SECOND, *slots, refit], dtype=np.int64)
    before = int(surface.version[klass])
    good, expiries, worst, news = reprice_class(
        tables.fixed,
        state.view.rows,
        state.work,
        tables.pairs,
        tables.meta,
        surface.fits,
        surface.curves,
        surface.life,
        surface.version,
        state.parameters.values,
        surface.theo,
        which,
        given,
        bounds,
    )
    surface.theo_at[klass] = at
    state.view.underlying[klass, U_PRICED] = spot
    account(state, opened, klass)
    if news:
        _tell(state, item, klass, at, which, effects)
    if not refit:
        return
    published = int(surface.version[klass]) != before
    if published and rebucket(state.parameters, opened.chain, *slots, surface.theo):
        set_limits(state)
    if worst >= FAILURES and not surface.failed[klass]:
        surface.failed[klass] = 1
        args = (good, expiries, worst)
        alert(state, effects, at, Alert.FIT_FAILED, item.underlying, args)
    elif good == expiries:
        surface.failed[klass] = 0


def expiry_scope(underlying: str, last_day: int) -> str:
    """An expiry as parameters and alerts name it: 510050-2407."""
    return f"{underlying}-{last_day // 100 % 10_000:04d}"


def _tell(
    state: State, item: OptionClass, klass: int, at: Nanos, which: np.ndarray, effects: Effects
) -> None:
    """Alert where an expiry's curve, model or forward came to stand on another rung (R-05)."""
    meta, life = state.tables.meta, state.surface.life
    for e in np.flatnonzero(meta[:, c.E_KLASS] == klass).tolist():
        mine = life[e]
        code, told = k.standing_code(mine, which), int(mine[c.V_TOLD])
        if code == told:
            continue
        mine[c.V_TOLD] = code
        scope = expiry_scope(item.underlying, int(meta[e, c.E_LAST_DAY]))
        if code % k.OTHER_MODEL != told % k.OTHER_MODEL:
            rung = (int(mine[c.V_RUNG]), int(mine[c.V_STATUS]))
            alert(state, effects, at, Alert.CURVE_RUNG, scope, rung)
        if code & k.OTHER_MODEL and not told & k.OTHER_MODEL:
            models = (int(which[k.W_MODEL]), WING)
            alert(state, effects, at, Alert.MODEL_FALLBACK, scope, models)
        if code // k.FORWARD != told // k.FORWARD:
            alert(state, effects, at, Alert.FORWARD_RUNG, scope, (int(mine[c.V_FORWARD]),))
