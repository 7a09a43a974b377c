"""The overseer's own market: mids from its own subscription, its own curve, its own prices."""

import numpy as np

from quanheng.kernels.independent import bump
from quanheng.kernels.math.elementary import exp
from quanheng.kernels.pack import unpack
from quanheng.oversight import model_kernels as kernels
from quanheng.oversight import scenarios
from quanheng.oversight.messages import OverseerOpen
from quanheng.oversight.state import Model, State
from quanheng.rulebook import price_limits
from quanheng.rulebook.years import TRADING_TIME, discount_years, variance_years
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import MINUTE, MONEY_PER_YUAN, TICKS_PER_YUAN, Nanos

GRID_AGE = 15 * MINUTE
GRID_MOVE = 0.004
"""A class's grid is made again after this time, or this relative move of its underlying."""
MOVE_UNITS = 10_000_000
"""Parts of a yuan in which a grid keeps the change of a price."""
_MILLION = 1_000_000.0


def take_chain(model: Model, tick: ChainTick) -> bool:
    """Mids of the contracts that trade continuously; the others keep their last one. True when
    there is one that trades.
    """
    rows = unpack(tick.rows, market.COLUMNS)
    slots = rows[:, market.SLOT]
    bid, ask = rows[:, market.BID], rows[:, market.ASK]
    model.volume[slots] = rows[:, market.VOLUME]
    live = rows[:, market.PHASE] == Phase.CONTINUOUS
    good = live & (bid > 0) & (ask > bid)
    none = live & ~good
    model.live[slots] = good
    model.mid[slots[good]] = (bid + ask)[good] / (2 * TICKS_PER_YUAN)
    model.half[slots[good]] = (ask - bid)[good] / (2 * TICKS_PER_YUAN)
    model.mid[slots[none]] = np.nan
    model.half[slots[none]] = np.nan
    model.seen_market = max(model.seen_market, tick.at)
    return bool(live.any())


def take_underlyings(model: Model, body: UnderlyingTicks) -> bool:
    """Middle of each underlying's market, or its last price where one side is missing. True when
    one moved.
    """
    before = model.spot.copy()
    for tick in body.ticks:
        bid = tick.bids[0] if tick.bids else 0
        ask = tick.asks[0] if tick.asks else 0
        both = bid > 0 and ask > 0
        price = (bid + ask) // 2 if both else tick.last
        if price > 0:
            model.spot[tick.klass] = price
    return bool((model.spot != before).any())


def move_limit(opened: OverseerOpen, klass: int) -> int:
    """Per cent that an underlying may move in a day."""
    num, den = price_limits.rate(opened.rulebook, opened.chain.classes[klass].underlying)
    return 100 * num // den


def refresh(state: State, opened: OverseerOpen, at: Nanos) -> None:
    """Curve and prices of every expiry, Greeks of what is held, grids that are out of date."""
    model = state.model
    assert model is not None and state.account is not None
    rate = opened.rate / _MILLION
    for number, last_day in enumerate(model.last_days.tolist()):
        calendar = opened.rulebook.calendar
        model.tau[number] = variance_years(calendar, TRADING_TIME, last_day, at)
        model.discount[number] = exp(-rate * discount_years(last_day, at))
        _fit(model, number)
    vols = model.row_vol[model.row_of]
    expiry = model.expiry
    known = np.isfinite(vols) & np.isfinite(model.forward[expiry])
    curve = (model.sign, model.strike, vols, expiry, model.forward, model.tau, model.discount)
    model.past[1:] = model.past[:-1].copy()
    model.past[0] = np.where(model.live != 0, model.prices, np.nan)
    kernels.chain_prices(np.flatnonzero(known), *curve, model.prices)
    held = (state.account.by_owner != 0).any(axis=0)
    model.values[:] = np.nan
    kernels.chain_greeks(np.flatnonzero(known & held), *curve, model.values)
    for klass in range(len(opened.chain.classes)):
        spot = int(model.spot[klass]) / TICKS_PER_YUAN
        aged = at - model.grid_at[klass] >= GRID_AGE
        if aged or abs(spot / max(model.gridded[klass], 1e-9) - 1.0) >= GRID_MOVE:
            part = np.flatnonzero(known & (model.klass == klass))
            moves = scenarios.grid_moves(move_limit(opened, klass))
            changes = np.zeros(model.moves.shape)
            kernels.grid(part, *curve, moves, 0.0, rate, changes)
            mine = model.klass == klass
            model.moves[mine] = np.rint(changes[mine] * MOVE_UNITS).astype(np.int64)
            model.gridded[klass], model.grid_at[klass] = spot, at


def _fit(model: Model, number: int) -> None:
    part = slice(int(model.row_start[number]), int(model.row_start[number + 1]))
    spot = float(model.spot[model.expiry_klass[number]]) / TICKS_PER_YUAN
    fresh = np.empty(part.stop - part.start)
    forward = kernels.fit_expiry(
        model.row_strike[part],
        model.row_pair[part],
        model.mid,
        float(model.tau[number]),
        float(model.discount[number]),
        spot,
        model.row_vol[part].copy(),
        fresh,
    )
    if np.isfinite(forward):
        model.forward[number] = forward
    if np.isfinite(fresh).all() and fresh.size:
        model.row_vol[part] = fresh


def marks(model: Model) -> np.ndarray:
    """Ticks int64[slots]: the own price, the previous settlement where there is none."""
    priced = np.isfinite(model.prices)
    own = np.where(priced, model.prices, 0.0) * TICKS_PER_YUAN
    return np.where(priced, np.floor(own + 0.5), model.settle).astype(np.int64)


def greeks(model: Model) -> np.ndarray:
    """float64[slots, 4] in yuan per contract: cash delta, cash gamma (what a 1 % move adds to it),
    vega per vol point, theta per trading day; zeros where nothing is held or no vol is known.
    """
    forward = model.forward[model.expiry]
    cash = forward * model.unit
    values = model.values
    out = np.column_stack(
        [
            values[:, bump.DELTA] * cash,
            values[:, bump.GAMMA] * forward * cash * 0.01,
            values[:, bump.VEGA] * model.unit * 0.01,
            values[:, bump.THETA] * model.unit / scenarios.TRADING_DAYS,
        ]
    )
    known: np.ndarray = np.nan_to_num(out)
    return known


def at_the_money(model: Model, klass: int) -> float:
    """Vol of the first expiry with at least three days at the strike nearest its forward; NaN."""
    for number in np.flatnonzero(model.expiry_klass == klass).tolist():
        if model.tau[number] * scenarios.TRADING_DAYS < 3.0:
            continue
        part = slice(int(model.row_start[number]), int(model.row_start[number + 1]))
        away = np.abs(model.row_strike[part] - model.forward[number])
        if np.isfinite(away).all() and away.size:
            return float(model.row_vol[part][int(away.argmin())])
    return float("nan")


def money(yuan: float) -> int:
    """Money of an amount in yuan."""
    return round(yuan * MONEY_PER_YUAN)
