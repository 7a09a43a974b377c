"""A claim of the desk, figure by figure, against the overseer's own (附件2 风险控制制度 1, R-02).

Terms, positions, cash, margin and fees to the last unit or what the rules leave open; model values
within the market's own doubt, half its spread and a little; Greeks within a share of their gross
size. Profit is apart in two: the own books at the desk's prices must give the desk's figure, and
what the two levels' prices make of it is said contract by contract, so that it hides nothing.
"""

from typing import NamedTuple

import numpy as np

from quanheng.kernels.pack import unpack
from quanheng.oversight.account import Books, books_at
from quanheng.oversight.figures import View
from quanheng.oversight.messages import DeskFigures, OverseerOpen
from quanheng.oversight.state import Model, State
from quanheng.terms.units import MONEY_PER_YUAN, TICKS_PER_YUAN

TERMS = ("strike", "unit", "last_day", "margin_unit")
"""What the exchange's reference data say of a contract, in the order of `DeskFigures.terms`."""
KINDS = ("position", "cash", "margin", "value", "delta", "gamma", "vega", "theta", "profit",
         "fees", "spot", "marks", "claim", *TERMS)  # fmt: skip
EXACT = (*KINDS[:3], *TERMS)
"""Kinds that may not differ at all: books and the exchange's data, not opinions."""
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
SPOT_PPM = 2_000
"""Of an underlying: what it may move between the desk's instant and the overseer's."""
PROFIT_SMALL = 100 * MONEY_PER_YUAN
"""Of profit at the same prices: fills of the underlying between both instants."""
MARKS_SMALL = 2_000 * MONEY_PER_YUAN
FEES_SMALL = 10 * MONEY_PER_YUAN
_MICRO = 1_000_000
_BILLION = 1_000_000_000


class Row(NamedTuple):
    """One comparison: kind, key (contract, underlying or "*"), both figures, what is allowed, and
    the cause where the figures themselves say it.
    """

    kind: str
    key: str
    desk: int
    own: int
    tolerance: int
    why: str = ""

    @property
    def beyond(self) -> bool:
        """True when the two differ by more than is allowed."""
        return abs(self.desk - self.own) > self.tolerance


class _Claim:
    """A claim by slot and class, with the own books of its moment."""

    def __init__(self, state: State, opened: OverseerOpen, claim: DeskFigures) -> None:
        self.view = View(state, opened)
        self.opened, self.said = opened, claim
        self.books: Books = books_at(state, dict(claim.seen))
        self.codes = [row.code for row in opened.chain.contracts]
        self.rows = unpack(claim.contracts, 3)
        self.net = np.zeros(self.books.net.size, dtype=np.int64)
        self.value = np.full(self.books.net.size, -1, dtype=np.int64)
        self.net[self.rows[:, 0]] = self.rows[:, 1]
        self.value[self.rows[:, 0]] = self.rows[:, 2]
        self.profit = unpack(claim.profit, 2)

    @property
    def model(self) -> Model:
        return self.view.model

    def allowed(self) -> np.ndarray:
        """What a model value may be off, yuan by slot; NaN where it cannot be said."""
        model = self.model
        doubt = _doubt(model) + VALUE_SHARE * model.prices
        found: np.ndarray = np.add(model.half, doubt)
        return found

    def looked_at(self) -> np.ndarray:
        """Slots whose values can be held against each other: without a market both are opinions,
        and without a vol or a claim there is but one.
        """
        known: np.ndarray = self.value >= 0
        known &= np.isfinite(self.model.prices) & (self.model.live != 0)
        return known


def compared(state: State, opened: OverseerOpen, claim: DeskFigures) -> list[Row]:
    """Every comparison of a claim: exact figures and profit of its moment, the others as they stand
    now; of `TERMS` those that differ.

    Its moment is an index of each stream of reports, not an instant: the two levels hear the
    exchange over different lines.
    """
    one = _Claim(state, opened, claim)
    net = one.books.net
    rows = _terms(one)
    for slot in np.flatnonzero((one.net != 0) | (net != 0)).tolist():
        rows.append(Row("position", one.codes[slot], int(one.net[slot]), int(net[slot]), 0))
    rows.append(Row("cash", "*", claim.cash, one.books.cash, 0))
    rows.append(Row("margin", "*", claim.margin, one.books.margin, 0))
    rows += _spots(one)
    rows += _values(one)
    rows += _greeks(one.view, net, unpack(claim.greeks, 4))
    rows += _profits(one)
    rows += _fees(one)
    return rows


def _terms(one: _Claim) -> list[Row]:
    """Terms that are not those of the overseer's own reading of the reference data."""
    if not one.said.terms:
        return []
    model, contracts = one.model, one.opened.chain.contracts
    rows = []
    for slot, *said in unpack(one.said.terms, 1 + len(TERMS)).tolist():
        row = contracts[slot]
        own = (row.strike, row.unit, row.last_day, int(model.margin[slot]))
        for kind, desk, mine in zip(TERMS, said, own, strict=True):
            if desk != mine:
                rows.append(Row(kind, row.code, desk, mine, 0))
    return rows


def _spots(one: _Claim) -> list[Row]:
    rows = []
    for klass, desk in enumerate(one.said.spots):
        own = int(one.model.spot[klass])
        underlying = one.opened.chain.classes[klass].underlying
        rows.append(Row("spot", underlying, desk, own, own * SPOT_PPM // _MICRO))
    return rows


def _doubt(model: Model) -> np.ndarray:
    """What two curves may make of a price, yuan by slot: two steps, or 8 bp of the underlying."""
    spots = model.spot[model.klass] / TICKS_PER_YUAN
    doubt: np.ndarray = np.maximum(VALUE_STEPS, VALUE_SPOT * spots)
    return doubt


def _values(one: _Claim) -> list[Row]:
    allowed, prices = one.allowed(), one.model.prices
    return [
        Row(
            "value",
            one.codes[slot],
            int(one.value[slot]),
            round(float(prices[slot]) * _MICRO),
            round(float(allowed[slot]) * _MICRO),
        )
        for slot in np.flatnonzero(one.looked_at()).tolist()
    ]


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


def _profits(one: _Claim) -> list[Row]:
    """Before fees, which the desk only estimates: the own books at the desk's prices, and what the
    own prices make of the same contracts.
    """
    account, model, books = one.view.account, one.model, one.books
    ticks = np.where(one.value >= 0, (one.value + 50) // 100, model.settle)
    spots = np.array(one.said.spots, dtype=np.int64) if one.said.spots else model.spot
    size, base = books.net * model.unit, one.opened.account.base
    carried = account.opening_net * model.settle * model.unit
    apart, doubt = size * (ticks - one.view.marks), one.allowed()
    lapsed = np.abs(account.opening_net).sum() > 0
    rows = []
    for klass, item in enumerate(one.opened.chain.classes):
        part = slice(item.start, item.stop)
        if not books.net[part].any() and not account.traded[part].any() and not lapsed:
            continue
        beyond = int(account.units[klass]) - base
        own = int(books.spent[klass] + (size * ticks - carried)[part].sum())
        own += beyond * int(spots[klass])
        own -= int((account.opening_units[klass] - base) * model.spot_open[klass])
        total, fees = one.profit[klass].tolist()
        desk = total - fees + int(account.fund_fees[klass])
        # A price that is shown as 0 may be unknown, then marked as settled, or next to nothing.
        unsure = np.where(one.value[part] < 0, model.settle[part] + 1, 1)
        allowed = int((np.abs(size[part]) * unsure).sum()) + PROFIT_SMALL
        allowed += abs(beyond) * int(spots[klass]) * SPOT_PPM // (2 * _MICRO)
        other, why = _others(one, klass, int(spots[klass]))
        explained = abs(desk - own + other) <= allowed
        rows.append(Row("profit", item.underlying, desk, own, allowed, why if explained else ""))
        rows.append(_marks(one, item.underlying, part, apart[part], doubt[part]))
    return rows


def _others(one: _Claim, klass: int, spot: int) -> tuple[int, str]:
    """(Money, cause) of units that were carried in for a delivery, and of units that strategies
    without a fill in options traded today, as the exercise desk does for one: the firm's profit,
    and not in the ledger of who quotes.
    """
    state, account, due = one.view.state, one.view.account, one.opened.account.due
    total = due[klass] * (spot - int(one.model.spot_open[klass])) if due else 0
    names = ["carried"] if total else []
    for owner, (_, strategy) in enumerate(state.owners[1:], start=1):
        units = int(account.units_by_owner[owner, klass])
        money = int(account.spent[owner, klass]) + units * spot
        if money and not account.by_owner[owner].any():
            total += money
            names.append(strategy)
    return total, f"{_yuan(total)} yuan of units of {' '.join(names)}" if names else ""


def _marks(one: _Claim, underlying: str, part: slice, apart: np.ndarray, doubt: np.ndarray) -> Row:
    """What the desk's prices make of the positions of a class beyond the own prices, and of it what
    contracts without a market make, and contracts whose values are beyond and named alone.
    """
    size = np.abs(one.books.net * one.model.unit)[part]
    allowed = int((size * np.nan_to_num(doubt) * TICKS_PER_YUAN).sum()) + MARKS_SMALL
    looked = one.looked_at()[part]
    off = np.abs(one.value[part] / _MICRO - np.nan_to_num(one.model.prices[part]))
    named = looked & (off > np.nan_to_num(doubt))
    blind, alone = int(apart[~looked].sum()), int(apart[named].sum())
    total = int(apart.sum())
    why = ""
    if abs(total - blind - alone) <= allowed:
        parts = ((blind, "of contracts without a market"), (alone, "of contracts named alone"))
        why = ", ".join(f"{_yuan(money)} yuan {text}" for money, text in parts if money)
    return Row("marks", underlying, total, 0, allowed, why)


def _yuan(money: int) -> str:
    sign = "-" if money < 0 else ""
    whole, rest = divmod(abs(money), MONEY_PER_YUAN)
    return f"{sign}{whole}.{rest * 100 // MONEY_PER_YUAN:02d}"


def _fees(one: _Claim) -> list[Row]:
    """Fees of the options that the desk counts, within what the roles of its fills allow."""
    rows = []
    for klass, item in enumerate(one.opened.chain.classes):
        least, most = one.books.fees[klass].tolist()
        middle, half = (least + most) // 2, (most - least + 1) // 2
        desk = -int(one.profit[klass, 1])
        rows.append(Row("fees", item.underlying, desk, middle, half + FEES_SMALL))
    return rows
