"""The T-board's columns of a class from the maker's state: int32 numbers, scaled, one row a slot.

Every figure is the machine's own or follows from its state by the same kernels; none is made up for
the screen. A value that is not there is EMPTY.
"""

import numpy as np
import numpy.typing as npt

from quanheng.books import pnl
from quanheng.books.positions import nets
from quanheng.desk.frames import EMPTY
from quanheng.duties import measure
from quanheng.kernels.desk.implied import implied_chain
from quanheng.maker import columns as c
from quanheng.maker.lifecycle import Life
from quanheng.maker.parameters import P_ENABLED, P_QUOTE_QTY, P_WIDTH
from quanheng.maker.point_kernels import YUAN
from quanheng.maker.state import State
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.units import MONEY_PER_YUAN, Nanos

Cells = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

COLUMNS: tuple[tuple[str, int], ...] = (
    ("lamp", 0), ("state", 0), ("phase", 0), ("net", 0), ("long", 0), ("short", 0),
    ("delta", 3), ("gamma", 3), ("vega", 2), ("theta", 2), ("iv", 2), ("bid_iv", 2), ("ask_iv", 2),
    ("width", 0), ("spread", 1), ("my_bid_qty", 0), ("my_bid", 4), ("bid_qty", 0), ("bid", 4),
    ("ask", 4), ("ask_qty", 0), ("my_ask", 4), ("my_ask_qty", 0), ("theo", 4), ("last", 4),
    ("volume", 0), ("interest", 0), ("part", 1), ("pnl", 0), ("quote_qty", 0), ("asked", 0),
    ("auction", 4), ("auction_qty", 0),
)  # fmt: skip
"""(name, decimals). lamp: LAMPS; spread: our quote's in per cent of what is allowed, A(b); part:
time complied of time obliged, per cent; vega and theta in yuan per contract (vol point, trading
day); asked: seconds left to answer an inquiry; auction: the
call auction's price, else the breaker's reference."""
PLACE = {name: number for number, (name, _) in enumerate(COLUMNS)}

OFF, ABSENT, ONE_SIDE, QUOTED, WAITING, HELD, STOPPED, EXCUSED = range(8)
"""Lamps: not wanted, wanted and not there, one side, both, in flight, held after a rejection,
stopped by a trading state, not owed now (limit, low price) and not quoted on both sides."""

_PENDING = (int(Life.PENDING), int(Life.UNKNOWN))
_OPEN_STATE = 4


def board(state: State, klass: int, at: Nanos) -> Cells:
    """int32[slots of the class, COLUMNS]."""
    opened = state.opened
    assert opened is not None, "the day is open"
    item = opened.chain.classes[klass]
    part = slice(item.start, item.stop)
    out = np.full((item.stop - item.start, len(COLUMNS)), EMPTY, dtype=np.int32)
    _market(state, part, out)
    _quotes(state, part, at, out)
    _numbers(state, part, out)
    _positions(state, part, out)
    _duty(state, part, at, out)
    return out


def _put(out: Cells, name: str, values: npt.NDArray[np.int64], where: object = None) -> None:
    column = out[:, PLACE[name]]
    if where is None:
        column[:] = values
    else:
        np.copyto(column, values.astype(np.int32), where=where)


def _scaled(out: Cells, name: str, values: Floats) -> None:
    """A float column at its decimals; NaN and what no int32 holds stay EMPTY."""
    scaled = np.rint(values * 10.0 ** COLUMNS[PLACE[name]][1])
    good = np.isfinite(scaled) & (np.abs(scaled) < 2.0**31 - 1)
    _put(out, name, np.where(good, scaled, 0.0).astype(np.int64), good)


def _market(state: State, part: slice, out: Cells) -> None:
    rows = state.view.rows[part]
    for name, column in (
        ("bid", market.BID), ("bid_qty", market.BID_QTY), ("ask", market.ASK),
        ("ask_qty", market.ASK_QTY), ("last", market.LAST), ("auction", market.AUCTION_PRICE),
        ("auction_qty", market.AUCTION_QTY),
    ):  # fmt: skip
        _put(out, name, rows[:, column], rows[:, column] > 0)
    _put(out, "phase", rows[:, market.PHASE])
    _put(out, "volume", rows[:, market.VOLUME])
    _put(out, "interest", rows[:, market.OPEN_INTEREST])


def _quotes(state: State, part: slice, at: Nanos, out: Cells) -> None:
    """What rests of ours, how wide it is against what is allowed, and the lamp."""
    work, fixed = state.work[part], state.tables.fixed[part]
    values, desk = state.parameters.values[part], state.desk[part]
    ask = c.W_COLUMNS
    bid_px, bid_qty = work[:, c.W_LIVE_PX], work[:, c.W_LIVE_QTY]
    ask_px, ask_qty = work[:, ask + c.W_LIVE_PX], work[:, ask + c.W_LIVE_QTY]
    has_bid, has_ask = bid_qty > 0, ask_qty > 0
    _put(out, "my_bid", bid_px, has_bid)
    _put(out, "my_bid_qty", bid_qty, has_bid)
    _put(out, "my_ask", ask_px, has_ask)
    _put(out, "my_ask_qty", ask_qty, has_ask)
    both = has_bid & has_ask
    den = fixed[:, c.F_CAP_DEN]
    allowed = np.maximum(fixed[:, c.F_CAP_NUM] * bid_px, den * fixed[:, c.F_CAP_FLOOR])
    share = 1000 * den * (ask_px - bid_px) // np.maximum(allowed, 1)
    _put(out, "spread", np.minimum(share, 99_999), both & (allowed > 0))
    pending = np.isin(work[:, c.W_STATE], _PENDING) | np.isin(work[:, ask + c.W_STATE], _PENDING)
    lamp = np.full(bid_px.shape, ABSENT, dtype=np.int64)
    lamp[pending] = WAITING
    lamp[has_bid | has_ask] = ONE_SIDE
    lamp[both] = QUOTED
    lamp[~both & _excused(state, part)] = EXCUSED
    lamp[~both & (desk[:, c.D_HOLD_UNTIL] > at)] = HELD
    lamp[~both & (desk[:, c.D_STATE] < _OPEN_STATE)] = STOPPED
    lamp[~(has_bid | has_ask) & (values[:, P_ENABLED] == 0)] = OFF
    _put(out, "lamp", lamp)
    _put(out, "state", desk[:, c.D_STATE])
    _put(out, "width", values[:, P_WIDTH])
    _put(out, "quote_qty", values[:, P_QUOTE_QTY])
    due = desk[:, c.D_INQUIRY_UNTIL]
    _put(out, "asked", (due - at) // 1_000_000_000, due > at)


def _excused(state: State, part: slice) -> npt.NDArray[np.bool_]:
    """Where no two-sided quote is owed now: at a limit, or below the low price (Q-07)."""
    meter = state.meter
    if meter is None:
        return np.zeros(part.stop - part.start, dtype=np.bool_)
    return np.array([bool(lane.excused) for lane in meter.lanes[part]], dtype=np.bool_)


def _numbers(state: State, part: slice, out: Cells) -> None:
    """Theory, Greeks, vols: of the curve that prices and of the market's best prices."""
    theo, fixed = state.surface.theo[part], state.tables.fixed[part]
    unit = fixed[:, c.F_UNIT].astype(np.float64)
    _scaled(out, "theo", theo[:, c.T_PRICE])
    _scaled(out, "delta", theo[:, c.T_DELTA])
    _scaled(out, "gamma", theo[:, c.T_GAMMA])
    _scaled(out, "vega", theo[:, c.T_VEGA] * unit / 100.0)
    _scaled(out, "theta", theo[:, c.T_THETA] * unit / 243.0)
    _scaled(out, "iv", theo[:, c.T_VOL] * 100.0)
    rows = state.view.rows[part]
    _scaled(out, "bid_iv", 100.0 * vols(state, part, rows[:, market.BID]))
    _scaled(out, "ask_iv", 100.0 * vols(state, part, rows[:, market.ASK]))


def vols(state: State, part: slice, prices: npt.NDArray[np.int64]) -> Floats:
    """Implied vol of each contract at a price in Ticks, NaN where there is none."""
    fixed, fits = state.tables.fixed[part], state.surface.fits
    fit = fits[fixed[:, c.F_EXPIRY]]
    out = np.full(prices.shape[0], np.nan)
    ready = (prices > 0) & np.isfinite(fit).all(axis=1) & (fit[:, c.X_TAU] > 0)
    if not ready.any():
        return out
    some, rows = fit[ready], fixed[ready]
    found = np.empty(int(ready.sum()))
    implied_chain(
        rows[:, c.F_SIGN].astype(np.float64),
        prices[ready] * YUAN,
        np.ascontiguousarray(some[:, c.X_FORWARD]),
        rows[:, c.F_STRIKE] * YUAN,
        np.ascontiguousarray(some[:, c.X_TAU]),
        np.ascontiguousarray(some[:, c.X_DISCOUNT]),
        found,
    )
    out[ready] = found
    return out


def _positions(state: State, part: slice, out: Cells) -> None:
    book = state.book
    _put(out, "net", nets(book)[part])
    _put(out, "long", book.long_qty[part])
    _put(out, "short", book.short_qty[part] + book.covered_qty[part])
    _put(out, "pnl", contract_profit(state)[part] // MONEY_PER_YUAN)


def contract_profit(state: State) -> npt.NDArray[np.int64]:
    """Money by slot since the opening: realised, unrealised at the machine's marks, less fees."""
    units = state.tables.fixed[:, c.F_UNIT]
    result: npt.NDArray[np.int64] = (
        state.book.realised
        + pnl.unrealised(state.book, units, state.ledger.marks)
        - state.book.fee_paid
    )
    return result


def _duty(state: State, part: slice, at: Nanos, out: Cells) -> None:
    if state.meter is None:
        return
    live = [measure.live(state.meter, 0, slot, at) for slot in range(part.start, part.stop)]
    owed = np.array([row[0] for row in live], dtype=np.int64)
    good = np.array([row[2] for row in live], dtype=np.int64)
    _put(out, "part", good * 1000 // np.maximum(owed, 1), owed > 0)


def quoted(cells: Cells) -> tuple[int, int]:
    """(contracts quoted on both sides, contracts that are to be quoted) of a class's board."""
    lamp = cells[:, PLACE["lamp"]]
    return int((lamp == QUOTED).sum()), int(((lamp != OFF) & (lamp != EXCUSED)).sum())


def phase_of(cells: Cells) -> int:
    """The phase that most contracts of a class are in."""
    phases = cells[:, PLACE["phase"]]
    return int(np.bincount(phases, minlength=len(Phase)).argmax()) if phases.size else 0
