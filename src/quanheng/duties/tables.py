"""Columns of the duty dataset (duty_dataset.md), as data.

A table in memory is a dict from column name to a `Column`: int64 numbers (days as YYYYMMDD, an
empty `until` as 0) or `Text`, which keeps each different word once. Extra columns are ignored.
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
import numpy as np

DAY, TEXT, INT = "day", "text", "int"


class Text(msgspec.Struct, eq=False):
    """A text column: `words[codes[row]]`."""

    codes: np.ndarray  # int64[rows]
    words: tuple[str, ...]

    def __getitem__(self, row: int) -> str:
        """The word of a row."""
        return self.words[int(self.codes[row])]

    def __len__(self) -> int:
        """Rows."""
        return len(self.codes)


Column: TypeAlias = np.ndarray | Text
Table: TypeAlias = Mapping[str, Column]


class TableSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a table must have. `key`: sort order; `strict`: `at` may not repeat within it."""

    columns: tuple[tuple[str, str], ...]
    required: bool = True  # may the table be absent
    key: tuple[str, ...] = ()
    strict: bool = False
    choices: Mapping[str, tuple[str, ...]] = {}
    optional: tuple[str, ...] = ()  # columns that may be absent (empty text or 0)
    empty: tuple[str, ...] = ()  # columns whose cells may be empty


def _columns(days: str = "", texts: str = "", ints: str = "") -> tuple[tuple[str, str], ...]:
    kinds = ((days, DAY), (texts, TEXT), (ints, INT))
    return tuple((name, kind) for names, kind in kinds for name in names.split())


TABLES: Mapping[str, TableSpec] = {
    "contracts": TableSpec(
        columns=_columns(
            "day",
            "contract underlying underlying_type kind",
            "expiry_rank strike unit limit_up limit_down previous_settle last_trade designated",
        ),
        choices={"underlying_type": ("EBS", "ASH"), "kind": ("C", "P")},
    ),
    "phases": TableSpec(
        columns=_columns("day", "contract phase", "at"),
        key=("day", "contract", "at"),
        strict=True,
        choices={"phase": tuple("SCTBVPUE")},
    ),
    "quotes": TableSpec(
        columns=_columns("day", "maker contract", "at bid bid_qty ask ask_qty"),
        key=("day", "contract", "maker", "at"),
        strict=True,
    ),
    "trades": TableSpec(
        columns=_columns(
            "day",
            "contract buyer seller",
            "at price qty buy_order_at sell_order_at buy_limit sell_limit",
        ),
        required=False,
        key=("day", "contract", "at"),
        empty=("buyer", "seller"),
    ),
    "inquiries": TableSpec(
        columns=_columns("day", "contract inquiry", "at"),
        required=False,
        key=("day", "contract", "at"),
    ),
    "makers": TableSpec(
        columns=_columns("since until", "maker underlying kind"),
        choices={"kind": ("primary", "general")},
        empty=("until",),
    ),
    "exemptions": TableSpec(
        columns=_columns("day", "maker contract underlying reason", "from until"),
        required=False,
        choices={"reason": ("technical", "force_majeure", "other")},
        empty=("contract",),
    ),
    "letters": TableSpec(
        columns=_columns("day", "maker measure underlying", "steps"),
        required=False,
        choices={"measure": ("letter", "penalty", "lowering")},
        optional=("underlying", "steps"),
        empty=("underlying", "steps"),
    ),
    "designations": TableSpec(
        columns=_columns("since until", "maker contract"),
        required=False,
        empty=("until",),
    ),
    "market": TableSpec(
        columns=_columns("day", "contract", "at bid bid_qty ask ask_qty last"),
        required=False,
        key=("day", "contract", "at"),
        strict=True,
        optional=("last",),
    ),
    "orders": TableSpec(
        columns=_columns("day", "maker contract order side", "at price qty"),
        required=False,
        key=("day", "contract", "maker", "at"),
        choices={"side": ("B", "S")},
    ),
}

READING_TABLES = ("market", "orders")
"""Tables that only some readings look at (A01, A03, A07, A31); `orders` may replace `quotes`."""
"""Input tables by name. `inquiry` is text: any number or id of the exchange's."""


class Dataset(msgspec.Struct, eq=False):
    """Input tables by name; a table that is absent is an empty table once checked."""

    tables: dict[str, Table]


def text_column(words: list[str] | tuple[str, ...]) -> Text:
    """A Text of plain words, vocabulary sorted."""
    known = sorted(set(words))
    place = {word: index for index, word in enumerate(known)}
    return Text(np.array([place[word] for word in words], dtype=np.int64), tuple(known))


def sorted_words(column: Text) -> Text:
    """The same column with its words sorted and distinct, so that codes compare like words."""
    known = tuple(sorted(set(column.words)))
    if known == column.words:
        return column
    place = {word: index for index, word in enumerate(known)}
    moved = np.array([place[word] for word in column.words], dtype=np.int64)
    codes = moved[column.codes] if len(column.codes) else column.codes
    return Text(codes, known)


def empty_table(spec: TableSpec) -> Table:
    """No rows."""
    none = np.zeros(0, dtype=np.int64)
    return {name: Text(none, ()) if kind == TEXT else none for name, kind in spec.columns}


def rows_of(table: Table) -> int:
    """Number of rows."""
    return len(next(iter(table.values())))


def take(table: Table, start: int, stop: int) -> Table:
    """Rows [start, stop)."""
    return {
        name: Text(column.codes[start:stop], column.words)
        if isinstance(column, Text)
        else column[start:stop]
        for name, column in table.items()
    }
