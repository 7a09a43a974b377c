"""One day of some classes, rated as far as a day can be: what a period is folded from.

Parts are made independently of each other (by day, or by day and class), so they can be made by
many processes, kept on disk and made again after an interruption.
"""

import msgspec
import numpy as np

from quanheng.duties.class_day import ClassDay, ContractDay, class_days, contract_days
from quanheng.duties.day import DayTables
from quanheng.duties.day_contracts import trade_phases
from quanheng.duties.day_input import Membership, membership, numbers, words
from quanheng.duties.designated import Designation, designated_on
from quanheng.duties.fees import Fill, TradeSides, fills_of
from quanheng.duties.figures import Figures
from quanheng.duties.period import GENERAL, PRIMARY
from quanheng.duties.scale import scale_of
from quanheng.duties.tables import Dataset, Table
from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Day


class Part(msgspec.Struct):
    """Rows of one day. `kinds` are those of `classes`; `designated` the rows of `contracts` that
    are designated, with their class.
    """

    day: Day
    kinds: list[str]
    classes: list[ClassDay]
    contracts: list[ContractDay]
    designated: list[tuple[str, ContractDay]]
    fills: list[Fill]


def rate_part(dataset: Dataset, tables: DayTables, figures: Figures, book: Rulebook) -> Part:
    """The part of `tables`' day and contracts. `dataset` is checked and has their other tables."""
    day = tables.day
    member = membership(dataset, day)
    chosen = _designated(dataset, tables, member)
    rows = contract_days(figures)
    classes = class_days(figures, scale_of(book), rows, chosen)
    klass = dict(zip(figures.contracts, figures.underlyings, strict=True))
    return Part(
        day=day,
        kinds=[member[row.maker, row.underlying] for row in classes],
        classes=classes,
        contracts=rows,
        designated=[
            (klass[row.contract], row) for row in rows if (row.maker, row.contract) in chosen
        ],
        fills=_fills(dataset, tables, member, book),
    )


def _designated(
    dataset: Dataset, tables: DayTables, member: Membership
) -> frozenset[tuple[str, str]]:
    table, listed = dataset.tables["designations"], dataset.tables["contracts"]
    rows = [
        Designation(*pair)
        for pair in zip(
            (words(table, "maker")[row] for row in range(len(numbers(table, "since")))),
            (words(table, "contract")[row] for row in range(len(numbers(table, "since")))),
            numbers(table, "since").tolist(),
            numbers(table, "until").tolist(),
            strict=True,
        )
    ]
    flags = (numbers(listed, "day") == tables.day) & (numbers(listed, "designated") == 1)
    flagged = [
        (maker, words(listed, "contract")[row])
        for row in np.flatnonzero(flags).tolist()
        for maker, kind in (
            (m, member.get((m, words(listed, "underlying")[row]))) for m in tables.makers
        )
        if kind == PRIMARY
    ]
    return designated_on(tables.day, rows, flagged)


def _fills(dataset: Dataset, tables: DayTables, member: Membership, book: Rulebook) -> list[Fill]:
    trades = dataset.tables["trades"]
    kept = numbers(trades, "day") == tables.day
    made_in = np.zeros(len(tables.trade_at), dtype=np.int64)
    for contract in range(len(tables.subjects)):
        t0, t1 = np.searchsorted(tables.trade_contract, (contract, contract + 1))
        p0, p1 = np.searchsorted(tables.phase_contract, (contract, contract + 1))
        trade_phases(
            tables.phase_at[p0:p1], tables.phase[p0:p1], tables.trade_at[t0:t1], made_in[t0:t1]
        )
    general = [
        [_kind(member, maker, item.underlying) for item in tables.subjects]
        for maker in tables.makers
    ]
    agreed = tables.terms.answer + tables.terms.hold
    answers = (tables.inquiry_contract, tables.inquiry_at, agreed)
    return fills_of(
        tables.day,
        TradeSides(
            contract=tables.trade_contract,
            at=tables.trade_at,
            qty=tables.trade_qty,
            phase=made_in,
            parties=tables.parties,
            order_at=_pair(trades, kept, "buy_order_at", "sell_order_at"),
            limit=_pair(trades, kept, "buy_limit", "sell_limit"),
        ),
        tables.makers,
        [item.underlying for item in tables.subjects],
        np.array(general, dtype=np.int64).reshape(len(tables.makers), len(tables.subjects)),
        answers if scale_of(book).choices.general_fee else None,
    )


def _kind(member: Membership, maker: str, underlying: str) -> int:
    kind = member.get((maker, underlying))
    return -1 if kind is None else int(kind == GENERAL)


def _pair(trades: Table, kept: np.ndarray, buy: str, sell: str) -> np.ndarray:
    return np.column_stack([numbers(trades, buy)[kept], numbers(trades, sell)[kept]])
