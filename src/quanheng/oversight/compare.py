"""The two levels of risk control, compared (附件2 风险控制制度 1, R-02).

The desk's claims (`DeskFigures`) stand against the overseer's own: positions, cash and margin to
the last unit; model values within the market's own doubt, half its spread and a little; Greeks
within a share of their gross size; profit within what the marks may differ by. A difference that
lasts is open unless a reason that the overseer can see for itself explains it.
"""

from typing import Any, NamedTuple

import numpy as np

from quanheng.kernels.pack import pack, unpack
from quanheng.oversight.account import Books, books_at, forget
from quanheng.oversight.figures import PLACE, View, profit
from quanheng.oversight.messages import DeskFigures, Figures, OverseerOpen
from quanheng.oversight.state import Model, State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.units import MINUTE, MONEY_PER_YUAN, TICKS_PER_YUAN, Nanos

LASTING = 3
"""Comparisons in a row, one a minute, after which a difference is open."""
KINDS = ("position", "cash", "margin", "value", "delta", "gamma", "vega", "theta", "profit",
         "fees")  # fmt: skip
EXACT = KINDS[:3]
"""Kinds that may not differ at all: books, not opinions."""
COLUMNS = ("kind", "desk", "own", "tolerance", "minutes")
"""Columns of the "levels" table: place in KINDS, both figures and what they may differ by
(contracts, Money, 1e-6 yuan for values, 1e-9 yuan for Greeks), comparisons in a row beyond that."""
STALE = 2 * MINUTE
FORGET = 10 * MINUTE
SHARE = 0.10
"""Of a Greek's gross size in the class: what two models may differ by."""
CHEAP, CHEAP_SHARE = 2.5, 2.0
"""Contracts worth less than 2.5 times `_doubt`, and what may be off of their Greeks: a step more or
less is half as much vol again, and no model knows better."""
SMALL = (5_000.0, 2_000.0, 500.0, 500.0)
"""The same in yuan at least: cash delta, cash gamma, vega, theta."""
VALUE_STEPS, VALUE_SPOT = 0.002, 0.0008
VALUE_SHARE = 0.03
"""A model value beyond half the spread: two steps, or 8 bp of a dear underlying, and 3 per cent of
the price, yuan per unit."""
PROFIT_SMALL = 2_000 * MONEY_PER_YUAN
FEES_SMALL = 10 * MONEY_PER_YUAN
_MICRO = 1_000_000
_BILLION = 1_000_000_000


class Row(NamedTuple):
    """One comparison: kind, key (contract, underlying or "*"), both figures, what is allowed."""

    kind: str
    key: str
    desk: int
    own: int
    tolerance: int

    @property
    def beyond(self) -> bool:
        """True when the two differ by more than is allowed."""
        return abs(self.desk - self.own) > self.tolerance


def take_claim(state: State, claim: DeskFigures, at: Nanos) -> None:
    """Keep a claim for the next figures. Fills that it does not know are kept beside it; of a desk
    that claims nothing, those of `FORGET` are.
    """
    state.claim = claim
    forget(state, at - FORGET, dict(claim.seen))


def compared(state: State, opened: OverseerOpen, claim: DeskFigures) -> list[Row]:
    """Every comparison of a claim: exact figures of its moment, the others as they stand now.

    Its moment is an index of each stream of reports, not an instant: the two levels hear the
    exchange over different lines.
    """
    view = View(state, opened)
    books = books_at(state, dict(claim.seen))
    net = books.net
    claimed = unpack(claim.contracts, 3)
    rows: list[Row] = []
    desk_net = np.zeros(net.size, dtype=np.int64)
    desk_net[claimed[:, 0]] = claimed[:, 1]
    codes = [row.code for row in opened.chain.contracts]
    for slot in np.flatnonzero((desk_net != 0) | (net != 0)).tolist():
        rows.append(Row("position", codes[slot], int(desk_net[slot]), int(net[slot]), 0))
    rows.append(Row("cash", "*", claim.cash, books.cash, 0))
    rows.append(Row("margin", "*", claim.margin, books.margin, 0))
    rows += _values(view.model, codes, claimed)
    rows += _greeks(view, net, unpack(claim.greeks, 4))
    rows += _profits(view, net, unpack(claim.profit, 2))
    names = [item.underlying for item in opened.chain.classes]
    rows += _fees(books, names, unpack(claim.profit, 2))
    return rows


def _doubt(model: Model) -> np.ndarray:
    """What two curves may make of a price, yuan by slot: two steps, or 8 bp of the underlying."""
    spots = model.spot[model.klass] / TICKS_PER_YUAN
    doubt: np.ndarray = np.maximum(VALUE_STEPS, VALUE_SPOT * spots)
    return doubt


def _values(model: Model, codes: list[str], claimed: np.ndarray) -> list[Row]:
    rows, doubt = [], _doubt(model)
    for slot, _, value in claimed.tolist():
        own = float(model.prices[slot])
        # Without a market both are opinions, and neither can be held against the other.
        if value < 0 or not np.isfinite(own) or not model.live[slot]:
            continue
        allowed = float(model.half[slot] + doubt[slot]) + VALUE_SHARE * own
        rows.append(Row("value", codes[slot], value, round(own * _MICRO), round(allowed * _MICRO)))
    return rows


def _greeks(view: View, net: np.ndarray, claimed: np.ndarray) -> list[Row]:
    rows = []
    cheap = np.nan_to_num(view.model.prices) < CHEAP * _doubt(view.model)
    for klass, item in enumerate(view.opened.chain.classes):
        part = slice(item.start, item.stop)
        if not net[part].any():
            continue
        for place, kind in enumerate(("delta", "gamma", "vega", "theta")):
            each = view.greeks[part, place] * net[part]
            own = round(float(each.sum()) * _BILLION)
            sizes = np.abs(each)
            gross = SHARE * float(sizes.sum()) + SMALL[place]
            gross += CHEAP_SHARE * float(sizes[cheap[part]].sum())
            desk = int(claimed[klass, place])
            rows.append(Row(kind, item.underlying, desk, own, round(gross * _BILLION)))
    return rows


def _profits(view: View, net: np.ndarray, claimed: np.ndarray) -> list[Row]:
    """Before fees, which the desk only estimates; the marks may differ as values may."""
    account, model = view.account, view.model
    rows = []
    every = np.ones(len(view.state.owners), dtype=bool)
    half = np.nan_to_num(model.half) + _doubt(model)
    doubt = (np.abs(net) * model.unit * half * TICKS_PER_YUAN).astype(np.int64)
    moved = np.abs(account.opening_net).sum() > 0
    for klass, item in enumerate(view.opened.chain.classes):
        part = slice(item.start, item.stop)
        if not net[part].any() and not account.traded[part].any() and not moved:
            continue
        mine = np.arange(len(view.opened.chain.classes)) == klass
        own = profit(view, every, mine)
        total, fees = claimed[klass].tolist()
        allowed = int(doubt[part].sum()) + PROFIT_SMALL
        rows.append(Row("profit", item.underlying, total - fees, own, allowed))
    return rows


def _fees(books: Books, underlyings: list[str], claimed: np.ndarray) -> list[Row]:
    """Fees of the options that the desk counts, within what the roles of its fills allow."""
    rows = []
    for klass, underlying in enumerate(underlyings):
        least, most = books.fees[klass].tolist()
        middle, half = (least + most) // 2, (most - least + 1) // 2
        rows.append(Row("fees", underlying, -int(claimed[klass, 1]), middle, half + FEES_SMALL))
    return rows


def reason(state: State, opened: OverseerOpen, row: Row, at: Nanos) -> str:
    """What the overseer itself can see that explains a difference, "" for nothing."""
    assert state.model is not None
    if row.kind in ("value", "delta", "gamma", "vega", "theta", "profit"):
        if at - state.model.seen_market > STALE:
            return "own market data are stale"
        if row.kind != "value" and not _trades(state.model, opened, row.key):
            return "no continuous trading"
        figures = state.figures.get(row.key)
        if row.kind != "value" and figures is not None and figures[PLACE["blind"]]:
            return "contracts without own vol"
    return ""


def _trades(model: Model, opened: OverseerOpen, underlying: str) -> bool:
    """Does any contract of a class trade continuously?"""
    item = next(one for one in opened.chain.classes if one.underlying == underlying)
    return bool(model.live[item.start : item.stop].any())


def level(state: State, opened: OverseerOpen, at: Nanos, effects: list[Any]) -> None:
    """Compare the last claim, once; remember how long each difference lasts, tell people when one
    becomes open.

    What cannot be looked at now stays as it was: a value without a market, a difference that is
    explained.
    """
    if state.claim is None:
        forget(state, at - FORGET, {})
        return
    rows = compared(state, opened, state.claim)
    state.claim = None
    before, state.off, state.explained = state.off, {}, {}
    shown: list[tuple[Row, int]] = []
    for row in rows:
        if not row.beyond:
            continue
        key = f"{row.kind} {row.key}"
        why, lasted = reason(state, opened, row, at), before.get(key, 0)
        if why and lasted < LASTING:
            state.explained[key] = why
        minutes = lasted if why else lasted + 1
        state.off[key] = minutes
        shown.append((row, minutes))
        if minutes == LASTING and not why:
            args = (row.kind, row.desk, row.own, row.tolerance)
            effects.append(RaiseAlert(Alert.LEVELS_DIFFER, row.key, args))
    looked = {f"{row.kind} {row.key}": True for row in rows}
    for key, minutes in before.items():
        if key.startswith("value ") and key not in looked:
            state.off[key] = minutes
    table = [[KINDS.index(r.kind), r.desk, r.own, r.tolerance, m] for r, m in shown]
    names = tuple(
        f"{row.key}|{state.explained.get(f'{row.kind} {row.key}', '')}" for row, _ in shown
    )
    data = pack(np.array(table, dtype=np.int64).reshape(-1, len(COLUMNS)))
    effects.append(Figures("levels", at, names, len(COLUMNS), data))


def open_differences(state: State) -> list[str]:
    """Differences that last and that nothing explains, as "kind key"."""
    return [
        key
        for key, minutes in state.off.items()
        if minutes >= LASTING and key not in state.explained
    ]
