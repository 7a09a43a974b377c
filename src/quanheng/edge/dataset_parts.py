"""A duty dataset read in parts of one day, or of one day and class, with bounded memory.

A table split by day and class is NAME/YYYYMMDD/UNDERLYING.parquet; a table split otherwise, in one
file, or in CSV is read by day. Quotes come in chunks of whole cells (a maker in a contract) of
about CHUNK_ROWS rows; nothing else of a part is large. Every problem is a DatasetError.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.duties.dataset import DatasetError, check_dataset, check_quotes
from quanheng.duties.tables import TABLES, Dataset, Table, Text, empty_table, rows_of
from quanheng.edge.dataset_files import arrow_modules, read_table, table_columns
from quanheng.terms.days import day_number, from_day_number, iso
from quanheng.terms.units import Day

CHUNK_ROWS = 1 << 18
"""Quote rows in memory at a time. A process then stays under 640 MB whatever the history's size
(bench/market_rating.py prints its peak).
"""
CELL_ROWS = 1 << 20
"""The most rows of one cell in a day, which are held together."""
BY_CONTRACT = ("phases", "quotes", "trades", "inquiries", "market", "orders")


class PartKey(msgspec.Struct, frozen=True, order=True):
    """A day and class; `underlying` "" = all classes of the day."""

    day: Day
    underlying: str


def _class_file(folder: Path, name: str, key: PartKey) -> Path:
    return folder / name / str(key.day) / f"{key.underlying}.parquet"


def part_keys(folder: Path, first: Day, last: Day) -> list[PartKey]:
    """The parts of a window, in order. DatasetError when the folder has no day in it."""
    if not folder.is_dir():
        raise DatasetError(str(folder), 0, "there is no such dataset folder")
    listed = read_table(folder, "contracts", (first, last))
    if listed is None:
        raise DatasetError("contracts", 0, "the table is missing")
    days, klass = listed["day"], listed["underlying"]
    if isinstance(days, Text) or not isinstance(klass, Text):
        raise TypeError("contracts has columns of other kinds")
    pairs = {(int(day), klass[row]) for row, day in enumerate(days.tolist())}
    if not pairs:
        raise DatasetError("contracts", 0, f"no day from {iso(first)} to {iso(last)}")
    keys = sorted(PartKey(day, underlying) for day, underlying in pairs)
    if any(_class_file(folder, "quotes", key).exists() for key in keys):
        return keys
    known = {day for day, _ in pairs}
    for name in BY_CONTRACT:
        _check_days(folder, name, known, (first, last))
    return [PartKey(day, "") for day in sorted(known)]


def _check_days(folder: Path, name: str, known: set[Day], window: tuple[Day, Day]) -> None:
    """No row of the window may lie on a day without contracts."""
    for path in _files(folder, name):
        row = 0
        for days in _day_column(path, name):
            for number in np.unique(days).tolist():
                day = from_day_number(number)
                if window[0] <= day <= window[1] and day not in known:
                    at = row + int(np.argmax(days == number)) + 1
                    raise DatasetError(name, at, f"no contract is listed on {iso(day)}")
            row += len(days)


def _day_column(path: Path, table: str) -> Iterator[np.ndarray]:
    arrow = arrow_modules()
    try:
        file = arrow.parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # Arrow's own errors are one of these
        raise DatasetError(table, 0, f"{path}: {error}") from error
    if "day" not in file.schema_arrow.names:
        return
    for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=["day"], use_threads=False):
        if batch.num_rows:
            yield _day_numbers(batch.column(0))


def _day_numbers(column: Any) -> np.ndarray:
    arrow = arrow_modules()
    numbers: np.ndarray = (
        column.cast(arrow.date32()).cast(arrow.int32()).to_numpy(zero_copy_only=False)
    )
    return numbers


def _files(folder: Path, name: str) -> list[Path]:
    """The Parquet files of a table; none for CSV or an absent table."""
    single, split = folder / f"{name}.parquet", folder / name
    if single.exists():
        return [single]
    return sorted(split.rglob("*.parquet")) if split.is_dir() else []


class PartReader:
    """One part: its tables without quotes, checked, and its quotes in chunks.

    `by_orders`: quotes are to be made from table `orders`, which is then read instead of them
    (reading A03); so it is too where there is no table of quotes.
    """

    def __init__(self, folder: Path, key: PartKey, by_orders: bool = False) -> None:
        self.folder, self.key = folder, key
        quoted = bool(_files(folder, "quotes")) or _present(folder, "quotes")
        if not quoted and not _files(folder, "orders") and not _present(folder, "orders"):
            raise DatasetError("quotes", 0, "the table is missing")
        self.by_orders = by_orders or not quoted
        self.dataset = self._small()

    @property
    def quotes_file(self) -> Path | None:
        """The quotes file of this day and class alone, None when they lie elsewhere."""
        path = _class_file(self.folder, "quotes", self.key)
        alone = bool(self.key.underlying) and not self.by_orders and path.exists()
        return path if alone else None

    def _small(self) -> Dataset:
        day, klass = self.key.day, self.key.underlying
        tables: dict[str, Table] = {}
        for name, spec in TABLES.items():
            if name == "quotes" or (name == "orders" and not self.by_orders):
                tables[name] = empty_table(spec)
                continue
            table = self._table(name)
            if table is not None:
                tables[name] = table
        if klass:
            tables["contracts"] = _only(tables["contracts"], "underlying", (klass,))
            codes = tables["contracts"]["contract"]
            words = codes.words if isinstance(codes, Text) else ()
            for name, column in (("exemptions", "underlying"), ("designations", "contract")):
                if name in tables:
                    keep = (klass,) if column == "underlying" else words
                    tables[name] = _only(tables[name], column, keep)
        checked = check_dataset(Dataset(tables))
        if not rows_of(checked.tables["contracts"]):
            raise DatasetError("contracts", 0, f"no rows on {iso(day)} in class {klass}")
        return checked

    def _table(self, name: str) -> Table | None:
        day = self.key.day
        path = _class_file(self.folder, name, self.key)
        if not self.key.underlying or name not in BY_CONTRACT:
            # Letters of the whole window are read by whoever grades it.
            return read_table(self.folder, name, (day, day))
        if path.exists():
            return read_file(name, path)
        if (self.folder / name).is_dir() or not _present(self.folder, name):
            return None
        raise DatasetError(name, 0, "must be split by day and class, as quotes are")

    def quotes(self) -> Iterator[Table]:
        """Chunks of whole cells in order, checked; none when quotes are made from orders."""
        if self.by_orders:
            return
        carry: Table | None = None
        before: tuple[str, str] = ("", "")
        for name, offset, table in self._batches():
            whole = table if carry is None else _joined(carry, table)
            start = offset - (rows_of(carry) if carry is not None else 0)
            cut = _last_cell(whole)
            carry = _rows(whole, cut, rows_of(whole))
            if rows_of(carry) > CELL_ROWS:
                raise DatasetError(name, offset, f"more than {CELL_ROWS} rows of one cell in a day")
            if cut:
                before = self._checked_edge(name, start, _rows(whole, 0, cut), before)
                yield self._checked(name, start, _rows(whole, 0, cut))
        if carry is not None and rows_of(carry):
            self._checked_edge("quotes", 0, carry, before)
            yield self._checked("quotes", 0, carry)

    def _checked(self, name: str, offset: int, table: Table) -> Table:
        try:
            return check_quotes(self.dataset, table)
        except DatasetError as error:
            row = error.row + offset if error.row else 0
            raise DatasetError(name, row, error.reason) from error

    def _checked_edge(
        self, name: str, offset: int, table: Table, before: tuple[str, str]
    ) -> tuple[str, str]:
        """Cells ascend from chunk to chunk. Returns the last cell of this one."""
        contract, maker = table["contract"], table["maker"]
        if not isinstance(contract, Text) or not isinstance(maker, Text):
            raise TypeError("quotes has columns of other kinds")
        if (contract[0], maker[0]) <= before:
            raise DatasetError(name, offset + 1, "not sorted by (day, contract, maker, at)")
        return contract[rows_of(table) - 1], maker[rows_of(table) - 1]

    def _batches(self) -> Iterator[tuple[str, int, Table]]:
        """(what to call it, rows before it, rows of the part's day)."""
        exact = _class_file(self.folder, "quotes", self.key)
        whole = self.key.underlying and exact.exists()
        files = [exact] if whole else _files(self.folder, "quotes")
        if not files and not self.key.underlying:
            table = read_table(self.folder, "quotes", (self.key.day, self.key.day))
            if table is not None and rows_of(table):
                yield "quotes", 0, table
            return
        number = day_number(self.key.day)
        for path in files:
            row = 0
            name = f"quotes ({path.relative_to(self.folder)})"
            for batch in _parquet_batches("quotes", path, number):
                table, days = batch
                if len(days) and not (days == number).all():
                    if self.key.underlying:
                        wrong = row + int(np.argmax(days != number)) + 1
                        raise DatasetError(name, wrong, f"not a row of {iso(self.key.day)}")
                    if rows_of(table):  # else the batch had no row of the day at all
                        table = _rows_where(table, days == number)
                if rows_of(table):
                    yield name, row, table
                row += len(days)


def _present(folder: Path, name: str) -> bool:
    return (folder / f"{name}.parquet").exists() or (folder / f"{name}.csv").exists()


def read_file(name: str, path: Path) -> Table:
    """One Parquet file of a table, unchecked."""
    arrow = arrow_modules()
    try:
        return table_columns(name, TABLES[name], arrow.parquet.read_table(path, use_threads=False))
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OSError) as error:
        raise DatasetError(f"{name} ({path.name})", 0, str(error).splitlines()[0]) from error


def _parquet_batches(name: str, path: Path, number: int) -> Iterator[tuple[Table, np.ndarray]]:
    """Batches of a quotes file with their day numbers; row groups of other days are left out."""
    arrow = arrow_modules()
    spec = TABLES[name]
    columns = [column for column, _ in spec.columns]
    try:
        file = arrow.parquet.ParquetFile(path, read_dictionary=["maker", "contract"])
        missing = [column for column in columns if column not in file.schema_arrow.names]
        if missing:
            raise DatasetError(name, 0, f"column {missing[0]!r} is missing")
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=columns, use_threads=False):
            if batch.num_rows:
                days = _day_numbers(batch.column(batch.schema.get_field_index("day")))
                whole = arrow.Table.from_batches([batch])
                if not (days == number).any():
                    yield empty_table(spec), days
                else:
                    yield table_columns(name, spec, whole), days
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OSError) as error:
        raise DatasetError(f"{name} ({path.name})", 0, str(error).splitlines()[0]) from error


def _rows(table: Table, start: int, stop: int) -> Table:
    return {
        name: Text(column.codes[start:stop], column.words)
        if isinstance(column, Text)
        else column[start:stop]
        for name, column in table.items()
    }


def _rows_where(table: Table, kept: np.ndarray) -> Table:
    return {
        name: Text(column.codes[kept], column.words) if isinstance(column, Text) else column[kept]
        for name, column in table.items()
    }


def _only(table: Table, column: str, words: tuple[str, ...]) -> Table:
    values = table[column]
    if not isinstance(values, Text):
        raise TypeError(f"{column} is not a text column")
    wanted = np.array([word in words for word in values.words], dtype=bool)
    return _rows_where(table, wanted[values.codes]) if len(values.codes) else table


def _joined(first: Table, second: Table) -> Table:
    found: dict[str, Any] = {}
    for name, left in first.items():
        right = second[name]
        if isinstance(left, Text) and isinstance(right, Text):
            if left.words == right.words:
                codes = np.concatenate([left.codes, right.codes])
                found[name] = Text(codes, left.words)
                continue
            words = tuple(dict.fromkeys((*left.words, *right.words)))
            place = {word: index for index, word in enumerate(words)}
            moved = np.array([place[word] for word in right.words], dtype=np.int64)
            codes = np.concatenate([left.codes, moved[right.codes]])
            found[name] = Text(codes, words)
        elif isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
            found[name] = np.concatenate([left, right])
    return found


def _last_cell(table: Table) -> int:
    """Where the last (contract, maker) of a table begins."""
    contract, maker = table["contract"], table["maker"]
    if not isinstance(contract, Text) or not isinstance(maker, Text):
        raise TypeError("quotes has columns of other kinds")
    changes = (contract.codes[1:] != contract.codes[:-1]) | (maker.codes[1:] != maker.codes[:-1])
    places = np.flatnonzero(changes)
    return int(places[-1]) + 1 if len(places) else 0
