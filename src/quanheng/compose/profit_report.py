"""The day's profit by cause, for people and as files (R-06, I-34; kernels.desk.explain)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.books.positions import nets
from quanheng.compose.day_end import Settled
from quanheng.compose.text import exact_yuan, percent, table, write_table, yuan
from quanheng.maker import columns as c
from quanheng.maker import ledger_state as s
from quanheng.maker.ledger import residual_bound
from quanheng.maker.ledger_views import FILL_COLUMNS, fill_rows
from quanheng.maker.state import State
from quanheng.terms.units import Money


class ProfitLine(msgspec.Struct, frozen=True):
    """One class: Money by term in the order of `ledger_state.NAMES`, which add to `total`, what the
    residual may be, and how the delta was kept in its band.
    """

    underlying: str
    symbol: str
    terms: tuple[Money, ...]
    total: Money
    bound: Money
    hedges: int  # orders in the underlying
    watched: int  # seconds in which the delta of the class, or of the group it leads, was known
    inside: int  # of those, seconds within the band


_SHOWN: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("成交价差", "edge", (s.EDGE,)),
    ("费用", "fees", (s.FEES,)),
    ("时间", "theta", (s.THETA,)),
    ("方向", "delta", (s.DELTA,)),
    ("基差", "carry", (s.CARRY, s.DISCOUNTING)),
    ("伽马", "gamma", (s.GAMMA,)),
    ("波动率水平", "level", (s.LEVEL,)),
    ("斜率", "slope", (s.SLOPE,)),
    ("曲率", "curvature", (s.CURVATURE,)),
    ("微笑", "smile", (s.SMILE, s.OFFSET)),
    ("交叉项", "cross", (s.VANNA, s.VOLGA, s.CHARM)),
    ("结算价", "settlement", (s.SETTLEMENT,)),
    ("对冲", "hedge", (s.HEDGE,)),
    ("对冲成本", "hedge cost", (s.HEDGE_COST,)),
    ("未解释", "residual", (s.RESIDUAL,)),
)
"""Columns of the table: Chinese, English, the terms they add up. The file has every term."""

_WORDS = {
    "zh": ("盈亏归因（元），各项之和等于盈亏", "合计", "敞口在带内"),
    "en": ("Profit by cause (yuan), the terms add up to it", "total", "delta in band"),
}


def profit_lines(state: State) -> list[ProfitLine]:
    """Every class's line from the maker's ledger."""
    opened = state.opened
    if opened is None:
        return []
    lines = []
    for klass, item in enumerate(opened.chain.classes):
        terms = tuple(state.ledger.terms[klass].tolist())
        _, bound = residual_bound(state, opened, klass)
        etf = state.etf
        kept = [int(column[klass]) for column in (etf.orders, etf.watched, etf.inside)]
        lines.append(ProfitLine(item.underlying, item.symbol, terms, sum(terms), bound, *kept))
    return lines


def off_from_clearing(
    state: State, settled: Settled, settles: np.ndarray, opening_equity: Money
) -> Money:
    """What the ledger's profit in options misses of clearing's, 0 always.

    Clearing's is the change of equity at settlement prices, without exercise, delivery, fines; the
    ledger's is at theory, so the open contracts are carried from their marks to the settlement
    prices, and the maker's estimate of fees to the fees charged.
    """
    ledger = state.ledger
    inside = [place for place in range(s.TERMS) if place not in (s.HEDGE, s.HEDGE_COST)]
    earned = int(ledger.terms[:, inside].sum())
    units = state.tables.fixed[:, c.F_UNIT]
    carried = int((nets(state.book) * units * (settles - ledger.marks)).sum())
    cash = settled.cash
    cleared = cash.equity - opening_equity + cash.exercise_fee + cash.penalty - cash.delivery
    charged = cash.handling_fee + cash.settlement_fee
    return earned + carried + state.book.fees - charged - cleared


def profit_table(lines: Sequence[ProfitLine], language: str = "zh") -> str:
    """Title and table, ready to print."""
    title, total, band = _WORDS[language]
    heads = ["", *(zh if language == "zh" else en for zh, en, _ in _SHOWN), total, band]
    rows = [
        [
            f"{line.underlying} {line.symbol}",
            *_amounts(line.terms),
            yuan(line.total),
            percent(line.inside, line.watched),
        ]
        for line in lines
    ]
    sums = tuple(sum(line.terms[place] for line in lines) for place in range(s.TERMS))
    rows.append([total, *_amounts(sums), yuan(sum(sums)), ""])
    return "\n".join([title, "", table(heads, rows)])


def _amounts(terms: Sequence[Money]) -> list[str]:
    return [yuan(sum(terms[place] for place in places)) for _, _, places in _SHOWN]


def plain_profit(line: ProfitLine) -> dict[str, Any]:
    """A line for JSON, Money by term."""
    named = dict(zip(s.NAMES, line.terms, strict=True))
    kept = {"hedges": line.hedges, "seconds": line.watched, "seconds_in_band": line.inside}
    return {
        "underlying": line.underlying,
        **named,
        "total": line.total,
        "bound": line.bound,
        **kept,
    }


def write_profit(folder: Path, state: State) -> None:
    """profit.csv (yuan by class and term) and fills.csv (by contract) into the reports."""
    lines = profit_lines(state)
    heads = ["underlying", *s.NAMES, "total", "residual_bound", "hedges", "watched_s", "in_band_s"]
    rows = [
        [
            line.underlying,
            *map(exact_yuan, (*line.terms, line.total, line.bound)),
            line.hedges,
            line.watched,
            line.inside,
        ]
        for line in lines
    ]
    write_table(folder / "profit.csv", heads, rows)
    opened = state.opened
    if opened is None:
        return
    first, money = FILL_COLUMNS.index("edge"), FILL_COLUMNS.index("marked_1s")
    fills = [
        [
            opened.chain.contracts[row[0]].code,
            *row[1:first],
            *map(exact_yuan, row[first:money]),
            *row[money:],
        ]
        for row in fill_rows(state).tolist()
    ]
    write_table(folder / "fills.csv", ["contract", *FILL_COLUMNS[1:]], fills)
