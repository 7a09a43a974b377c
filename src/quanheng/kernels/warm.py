"""Compile, or load from the cache, every public kernel before a session starts."""

import numpy as np

from quanheng.kernels.desk import black, curve, forward, implied
from quanheng.kernels.desk.curves import cubic, fits, layout, offsets, points, smile, svi, wing
from quanheng.kernels.independent import bump, tree
from quanheng.kernels.math import elementary
from quanheng.kernels.pack import pack, unpack


def warm_up() -> None:
    """Call each public kernel once with the types machines use.

    Those are Python floats and ints, and C-contiguous writable float64 arrays; other types (an
    int for `sign`, a read-only or strided array) would compile again at the first call.
    """
    for scalar in (
        elementary.exp,
        elementary.log,
        elementary.mills,
        elementary.norm_pdf,
        elementary.norm_cdf,
    ):
        scalar(0.5)
    elementary.fma(1.0, 2.0, 3.0)
    elementary.log_ratio(1.0, 2.0)
    black.discount_factor(0.02, 0.1)
    black.rate_of(0.99, 0.1)
    black.log_moneyness(2.5, 2.6, 0.1)
    call = (1.0, 2.5, 2.6, 0.2, 0.1, 0.998)
    price = black.price_one(*call)
    implied.implied_one(1.0, price, 2.5, 2.6, 0.1, 0.998)
    tree.price(*call, 11)
    row = np.empty(black.ROWS)
    bump.greeks(*call, 11, row)
    table = np.empty((black.ROWS, 3))
    sign, fwd, strike, vol, tau, discount = (np.full(3, value) for value in call)
    black.price_chain(sign, fwd, strike, vol, tau, discount, table)
    implied.implied_chain(sign, table[black.PRICE], fwd, strike, tau, discount, vol)
    forward.parity_forward(strike, vol, sign, vol, sign, 3, 0.998, 2.5)
    params = np.full(curve.PARAMS, np.nan)
    x = np.linspace(-0.5, 0.5, 3)
    curve.fit(x, np.full(3, 0.2), sign, 3, params, params)
    curve.vol_at(params, 0.1)
    curve.vols_at(params, x, 3, vol)
    unpack(pack(np.zeros((2, 3), dtype=np.int64)), 3)
    _warm_curves()


def _warm_curves() -> None:
    """Quotes to points, the fits of one expiry, evaluation and offsets."""
    strike = np.linspace(2.3, 2.7, 5)
    ask = np.full(5, 0.05)
    bid = 0.9 * ask
    found = np.empty((points.ROWS, 5))
    points.chain_points(strike, bid, ask, bid, ask, 5, 2.5, 0.1, 0.998, 0.0, found)
    k = np.linspace(-0.1, 0.1, 5)
    vol = np.full(5, 0.2)
    out = np.empty(5)
    row = np.full(layout.ROW, np.nan)
    wing.fit_wing(k, vol, ask, 5, 0.1, 2.5, np.nan, np.nan, row, row)
    svi.fit_svi(k, vol, ask, 5, 0.1, 2.5, row, row)
    cubic.fit_cubic(k, vol, ask, 5, 0.1, 2.5, row, row)
    fits.fit(layout.WING, k, vol, ask, 5, 0.1, 2.5, row, row)
    smile.vol_at(row, 0.1)
    smile.variance(row, 0.1)
    smile.vols_at(row, k, 5, out)
    points.relax_inside(found, 5, row, 0.5, out)
    points.half_width(found, 0)
    offsets.fit_offsets(row, k, vol, ask, bid, 5, 0.1, 1.0, 0.01, out)
    offsets.offset_at(k, out, 5, 0.0)
    offsets.vol_with_offsets(row, k, out, 5, 0.0)
