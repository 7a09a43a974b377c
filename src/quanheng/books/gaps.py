"""A book under the gaps of a night: prices, margin, and what to close (I-35, rules.md 9.4).

Contracts are priced again in full, one trading day on, with their vols and forwards moved; margin
follows by the maintenance formula at the moved prices. Arrays of scenarios run over SPOTS first,
then over VOLS.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import scenario
from quanheng.kernels.desk.greeks import TRADING_DAYS
from quanheng.rulebook import margin, price_limits
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Contract
from quanheng.terms.units import MONEY_PER_YUAN, Lots, Slot, Ticks, half_up

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPOTS = (0, 1, -1, 2, -2, 3, -3, 5, -5, 7, -7, 10, -10, 15, -15, 20, -20)
"""Gaps of the underlying in per cent; a class moves no further than its price limit."""
VOLS = (0, -30, -20, 20, 50, 100)
"""Relative moves of every vol in per cent."""
SCENARIOS = len(SPOTS) * len(VOLS)


def spots_of(book: Rulebook, underlying: str) -> tuple[int, ...]:
    """SPOTS as far as the price limit of an underlying lets it move in a day."""
    num, den = price_limits.rate(book, underlying)
    most = 100 * num // den
    return tuple(max(-most, min(most, spot)) for spot in SPOTS)


def grid(moves: tuple[int, ...]) -> Floats:
    """float64[SCENARIO_ROWS, SCENARIOS] of the scenario kernel."""
    out = np.empty((scenario.SCENARIO_ROWS, len(moves) * len(VOLS)))
    spots, vols = (np.array(some, dtype=np.float64) / 100 for some in (moves, VOLS))
    scenario.grid(spots, vols, np.ones(1), out)
    return out


def price_moves(
    signs: Ints, strikes: Ints, vols: Floats, expiry: Ints, expiries: Floats, moves: Floats
) -> Floats:
    """float64[scenarios, contracts]: change of each price in yuan per unit. `strikes` in Ticks,
    `expiry` rows of `expiries` float64[EXPIRY_ROWS, n] (forward, variance time, discount).
    """
    ones = np.ones(signs.size)
    rows = np.array([signs * ones, strikes / MONEY_PER_YUAN, vols, ones])
    out = np.empty((scenario.RESULT_ROWS, moves.shape[1]))
    parts = np.empty((signs.size + 1, moves.shape[1]))
    expiry, expiries = np.ascontiguousarray(expiry), np.ascontiguousarray(expiries)
    none = np.empty((0, 0))
    scenario.revalue(rows, expiry, expiries, moves, TRADING_DAYS, 0.0, 0.0, none, out, parts)
    return parts[:-1].T


def moved_prices(prices: Ints, moves: Floats) -> Ints:
    """Ticks int64[scenarios, contracts]: whole Ticks of what a move leaves, never below zero."""
    moved: Ints = np.maximum(prices + np.rint(moves * MONEY_PER_YUAN).astype(np.int64), 0)
    return moved


def margins(
    book: Rulebook, rows: Sequence[Contract], prices: Sequence[Ticks], close: Ticks, spot: int
) -> list[int]:
    """Money one short of each contract needs at `prices` once the underlying, last at `close`, has
    moved by `spot` per cent.
    """
    moved = half_up(close * (100 + spot), 100)
    return [
        margin.maintenance(
            book, row.underlying_type, row.kind, row.strike, price, moved, row.unit
        )
        for row, price in zip(rows, prices, strict=True)
    ]  # fmt: skip


def take_off(
    reliefs: Ints, net: Ints, excess: int, slots: Iterable[Slot]
) -> list[tuple[Slot, Lots, int]]:
    """(slot, contracts to close, what that takes off) until `excess` is gone: of `slots` those
    first of which one contract takes off most. `reliefs` is what one contract takes off.
    """
    out = []
    some = [slot for slot in slots if reliefs[slot] >= 1]
    for slot in sorted(some, key=lambda slot: (-int(reliefs[slot]), slot)):
        if excess <= 0:
            break
        each = int(reliefs[slot])
        qty = min(abs(int(net[slot])), -(-excess // each))
        if qty:
            out.append((slot, qty, qty * each))
        excess -= qty * each
    return out
