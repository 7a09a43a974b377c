"""Checks of a duty dataset: every error names the table, the row and the reason.

Rows count from 1 in the table's own order. `check_dataset` returns tables ready for measuring:
required columns only, words sorted, absent optional tables empty.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from quanheng.duties.day import MAX_PRICE
from quanheng.duties.tables import (
    TABLES,
    TEXT,
    Column,
    Dataset,
    Table,
    TableSpec,
    Text,
    empty_table,
    rows_of,
    sorted_words,
)
from quanheng.terms.days import iso
from quanheng.terms.units import DAY as FULL_DAY


class DatasetError(ValueError):
    """A dataset that cannot be evaluated: `table`, `row` (1-based, 0 the whole table),
    `reason`.
    """

    def __init__(self, table: str, row: int, reason: str) -> None:
        self.table, self.row, self.reason = table, row, reason
        super().__init__(f"{table}, row {row}: {reason}" if row else f"{table}: {reason}")


def check_dataset(dataset: Dataset) -> Dataset:
    """The dataset, checked and in one form. DatasetError at the first thing that is wrong."""
    tables: dict[str, Table] = {}
    for name, spec in TABLES.items():
        given = dataset.tables.get(name)
        if given is None:
            if spec.required and not (name == "quotes" and "orders" in dataset.tables):
                raise DatasetError(name, 0, "the table is missing")
            tables[name] = empty_table(spec)
            continue
        table = _with_columns(name, spec, given)
        _check_words(name, spec, table)
        _check_order(name, spec, table)
        tables[name] = table
    _check_contracts(tables["contracts"])
    _check_makers(tables["makers"])
    _check_numbers(tables)
    _check_references(tables)
    return Dataset(tables)


def check_quotes(checked: Dataset, quotes: Table) -> Table:
    """Some rows of table `quotes` in one form, checked against a checked dataset without them."""
    name = "quotes"
    spec = TABLES[name]
    table = _with_columns(name, spec, quotes)
    _check_words(name, spec, table)
    _check_order(name, spec, table)
    tables = {**checked.tables, name: table}
    _check_numbers(tables)
    _check_references(tables)
    return table


def _with_columns(name: str, spec: TableSpec, given: Table) -> Table:
    rows = rows_of(given) if given else 0
    table: dict[str, Column] = {}
    for column, kind in spec.columns:
        values = given.get(column)
        if values is None:
            if column not in spec.optional:
                raise DatasetError(name, 0, f"column {column!r} is missing")
            none = np.zeros(rows, dtype=np.int64)
            values = Text(none, ("",)) if kind == TEXT else none
        if len(values) != rows:
            raise DatasetError(name, 0, f"column {column!r} has {len(values)} rows, not {rows}")
        if isinstance(values, Text) != (kind == TEXT):
            raise DatasetError(name, 0, f"column {column!r} must hold {kind} values")
        table[column] = sorted_words(values) if isinstance(values, Text) else values
    return table


def _check_words(name: str, spec: TableSpec, table: Table) -> None:
    for column, kind in spec.columns:
        values = table[column]
        if kind != TEXT or not isinstance(values, Text):
            continue
        allowed = spec.choices.get(column)
        for code, word in enumerate(values.words):
            bad = word not in allowed if allowed else word == "" and column not in spec.empty
            row = _first(values.codes == code) if bad else 0
            if row:
                what = f"must be one of {', '.join(allowed)}" if allowed else "must not be empty"
                raise DatasetError(name, row, f"{column} {word!r} {what}")


def _numbers(table: Table, column: str) -> np.ndarray:
    values = table[column]
    return values.codes if isinstance(values, Text) else values


def _first(mask: np.ndarray) -> int:
    """1-based row of the first true entry, 0 when none."""
    return int(np.argmax(mask)) + 1 if mask.any() else 0


def _check_order(name: str, spec: TableSpec, table: Table) -> None:
    rows = rows_of(table)
    if rows < 2 or not spec.key:
        return
    wrong = np.zeros(rows - 1, dtype=bool)
    equal = np.ones(rows - 1, dtype=bool)
    for column in spec.key:
        values = _numbers(table, column)
        wrong |= equal & (values[1:] < values[:-1])
        equal &= values[1:] == values[:-1]
    row = _first(wrong)
    if row:
        raise DatasetError(name, row + 1, f"not sorted by ({', '.join(spec.key)})")
    row = _first(equal) if spec.strict else 0
    if row:
        raise DatasetError(name, row + 1, "a second row at the same time for the same key")


def _refuse(name: str, mask: np.ndarray, reason: str) -> None:
    row = _first(mask)
    if row:
        raise DatasetError(name, row, reason)


def _check_contracts(table: Table) -> None:
    name = "contracts"
    rank = _numbers(table, "expiry_rank")
    _refuse(name, (rank < 1) | (rank > 4), "expiry_rank must be 1 to 4")
    for column in ("strike", "unit", "limit_up", "limit_down"):
        _refuse(name, _numbers(table, column) <= 0, f"{column} must be positive")
    for column in ("previous_settle", "last_trade"):
        _refuse(name, _numbers(table, column) < 0, f"{column} must not be negative")
    up, down = _numbers(table, "limit_up"), _numbers(table, "limit_down")
    _refuse(name, up <= down, "limit_up must be above limit_down")
    flags = _numbers(table, "designated")
    _refuse(name, (flags != 0) & (flags != 1), "designated must be 0 or 1")
    keys = list(zip(_numbers(table, "day").tolist(), _words(table, "contract"), strict=True))
    seen: set[tuple[int, str]] = set()
    for row, key in enumerate(keys):
        if key in seen:
            raise DatasetError(name, row + 1, f"contract {key[1]} appears twice on {iso(key[0])}")
        seen.add(key)


def _words(table: Table, column: str) -> list[str]:
    values = table[column]
    if not isinstance(values, Text):
        raise TypeError(f"{column} is not a text column")
    return [values.words[code] for code in values.codes.tolist()]


def _check_makers(table: Table) -> None:
    name = "makers"
    since, until = _numbers(table, "since").tolist(), _numbers(table, "until").tolist()
    spans: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    keys = zip(_words(table, "maker"), _words(table, "underlying"), strict=True)
    for row, (key, start, stop) in enumerate(zip(keys, since, until, strict=True)):
        if stop and stop < start:
            raise DatasetError(name, row + 1, f"until {iso(stop)} is before since {iso(start)}")
        spans.setdefault(key, []).append((start, stop or 99_999_999, row + 1))
    for (maker, underlying), own in spans.items():
        own.sort()
        for (_, stop, _), (start, _, row) in pairwise(own):
            if start <= stop:
                reason = f"{maker} in {underlying}: the time overlaps another row's"
                raise DatasetError(name, row, reason)


def _check_numbers(tables: dict[str, Table]) -> None:
    for name, columns in (
        ("phases", ("at",)),
        ("quotes", ("at",)),
        ("trades", ("at",)),
        ("inquiries", ("at",)),
        ("market", ("at",)),
        ("orders", ("at",)),
        ("exemptions", ("from", "until")),
    ):
        for column in columns:
            at = _numbers(tables[name], column)
            outside = (at < 0) | (at > FULL_DAY)
            _refuse(name, outside, f"{column} is not within the day (0 to {FULL_DAY} ns)")
    for name, side in (("quotes", "bid"), ("quotes", "ask"), ("market", "bid"), ("market", "ask")):
        price, qty = _numbers(tables[name], side), _numbers(tables[name], f"{side}_qty")
        _refuse(name, qty < 0, f"{side}_qty is negative")
        _refuse(name, price < 0, f"{side} is negative")
        _refuse(name, (price == 0) & (qty > 0), f"{side} 0 with a quantity")
        _refuse(name, price > MAX_PRICE, f"{side} is above {MAX_PRICE} ticks (50 yuan)")
    trades, orders = tables["trades"], tables["orders"]
    price, qty = _numbers(orders, "price"), _numbers(orders, "qty")
    _refuse("orders", (price <= 0) | (price > MAX_PRICE), f"price is not 1 to {MAX_PRICE}")
    _refuse("orders", qty < 0, "qty is negative")
    for column in ("price", "qty"):
        _refuse("trades", _numbers(trades, column) <= 0, f"{column} must be positive")
    for column in ("buy_limit", "sell_limit"):
        flag = _numbers(trades, column)
        _refuse("trades", (flag != 0) & (flag != 1), f"{column} must be 0 or 1")
    exempt = tables["exemptions"]
    empty = _numbers(exempt, "until") <= _numbers(exempt, "from")
    _refuse("exemptions", empty, "until is not after from")
    _refuse("letters", _numbers(tables["letters"], "steps") < 0, "steps is negative")


def _check_references(tables: dict[str, Table]) -> None:
    """Every contract is listed on its day, every maker is in `makers`."""
    listed = tables["contracts"]
    codes = listed["contract"]
    words = codes.words if isinstance(codes, Text) else ()
    known = _pairs(listed, "contract", words)
    for name in ("phases", "quotes", "trades", "inquiries", "market", "orders", "exemptions"):
        table = tables[name]
        pairs = _pairs(table, "contract", words)
        missing = ~np.isin(pairs, known)
        if name == "exemptions":
            missing &= np.array([word != "" for word in _words(table, "contract")], dtype=bool)
        row = _first(missing)
        if row:
            day = iso(int(_numbers(table, "day")[row - 1]))
            contract = table["contract"][row - 1]
            raise DatasetError(name, row, f"contract {contract} is not listed on {day}")
    makers = set(_words(tables["makers"], "maker"))
    for name, columns in (
        ("quotes", ("maker",)),
        ("orders", ("maker",)),
        ("trades", ("buyer", "seller")),
        ("exemptions", ("maker",)),
        ("letters", ("maker",)),
        ("designations", ("maker",)),
    ):
        for column in columns:
            _check_known(name, column, tables[name][column], makers)


def _check_known(name: str, column: str, values: Column, makers: set[str]) -> None:
    if not isinstance(values, Text):
        raise TypeError(f"{name}.{column} is not a text column")
    for code, word in enumerate(values.words):
        if word and word not in makers:
            row = _first(values.codes == code)
            if row:
                raise DatasetError(name, row, f"{column} {word!r} is not in table makers")


def _pairs(table: Table, column: str, words: Sequence[str]) -> np.ndarray:
    """One number per (day, word), -1 - … for words outside `words`."""
    values = table[column]
    if not isinstance(values, Text):
        raise TypeError(f"{column} is not a text column")
    place = {word: index for index, word in enumerate(words)}
    moved = np.array([place.get(word, -1) for word in values.words], dtype=np.int64)
    index = moved[values.codes] if len(values.codes) else values.codes
    pairs: np.ndarray = np.where(index < 0, -1, _numbers(table, "day") * (len(words) + 1) + index)
    return pairs
