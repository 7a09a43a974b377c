"""Duty datasets on disk (duty_dataset.md): folders of Parquet or CSV tables.

Each table is one NAME.parquet, one NAME.csv, or a folder NAME/ of Parquet files split by day. Every
problem is a DatasetError that names the table and the reason. Needs the extra `data` (pyarrow),
which is imported when a file is read or written.
"""

import csv
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.duties.dataset import DatasetError
from quanheng.duties.exact import DIGITS, ratio_text
from quanheng.duties.rating import RateResult, output_cells, output_columns
from quanheng.duties.tables import (
    DAY,
    INT,
    TABLES,
    TEXT,
    Column,
    Dataset,
    Table,
    TableSpec,
    Text,
)
from quanheng.terms.days import day_number, iso
from quanheng.terms.units import Day

KINDS = ("parquet", "csv")
MONEY_DIGITS = 4
ALWAYS = ("contract_day", "class_day", "period")
"""Output tables that are written without rows too."""


def arrow_modules() -> Any:
    """pyarrow with csv and parquet; RuntimeError when the extra is not installed."""
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise RuntimeError("reading and writing datasets needs the extra quanheng[data]") from error
    return pyarrow


def read_dataset(folder: Path, days: tuple[Day, Day] | None = None) -> Dataset:
    """The tables of a folder, unchecked (`duties.rating.rate` checks them).

    `days` (first, last) reads only rows of those days where a table has a day. DatasetError when
    the folder or a file cannot be read as such a table.
    """
    if not folder.is_dir():
        raise DatasetError(str(folder), 0, "there is no such dataset folder")
    tables: dict[str, Table] = {}
    for name in TABLES:
        found = read_table(folder, name, days)
        if found is not None:
            tables[name] = found
    return Dataset(tables)


def read_table(folder: Path, name: str, days: tuple[Day, Day] | None = None) -> Table | None:
    """One table of a folder, unchecked; None when it is absent. Errors as in `read_dataset`."""
    spec = TABLES[name]
    found = _read_table(folder, name, spec)
    return None if found is None else table_columns(name, spec, _of_days(found, days))


def write_dataset(
    folder: Path,
    tables: Mapping[str, Table] | Dataset,
    format: str = "parquet",  # noqa: A002
) -> None:
    """Write tables into a folder, which is made; ValueError for an unknown format."""
    arrow = arrow_modules()
    if format not in KINDS:
        raise ValueError(f"dataset format {format!r} is not one of {', '.join(KINDS)}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (tables.tables if isinstance(tables, Dataset) else tables).items():
        spec = TABLES[name]
        columns = {column: to_arrow(kind, table[column]) for column, kind in spec.columns}
        _write(arrow.table(columns), folder / f"{name}.{format}")


def add_day(folder: Path, dataset: Dataset, day: Day) -> None:
    """Write a day's tables beside those of other days: NAME/DAY.parquet, whole or not at all.

    Tables without a day (makers, designations) are written once, by the first day.
    """
    arrow = arrow_modules()
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in dataset.tables.items():
        spec = TABLES[name]
        path = folder / name / f"{day}.parquet"
        if all(column != "day" for column, _ in spec.columns):
            path = folder / f"{name}.parquet"
            if path.exists():
                continue
        path.parent.mkdir(exist_ok=True)
        columns = {column: to_arrow(kind, table[column]) for column, kind in spec.columns}
        aside = path.with_name(f"{path.name}.part")
        arrow.parquet.write_table(arrow.table(columns), aside, compression="zstd")
        aside.replace(path)


def write_result(folder: Path, result: RateResult, written: Sequence[str] = ()) -> tuple[Path, ...]:
    """Write the output tables but those `written`, as Parquet and as CSV; returns the files."""
    files: list[Path] = []
    for field in msgspec.structs.fields(RateResult):
        rows: Sequence[Any] = getattr(result, field.name)
        if field.name not in written and (rows or field.name in ALWAYS):
            with OutputWriter(folder, field.name) as writer:
                writer.add([output_cells(row) for row in rows])
            files += writer.files
    return tuple(files)


class OutputWriter:
    """One output table written in pieces, as Parquet and as CSV; it appears when it is whole, at
    the end of the `with` block, and not at all after an error in it.

    Cells are those of `output_cells`; a ratio may already be its text.
    """

    def __init__(self, folder: Path, name: str) -> None:
        arrow = arrow_modules()
        folder.mkdir(parents=True, exist_ok=True)
        field = next(one for one in msgspec.structs.fields(RateResult) if one.name == name)
        self.columns = output_columns(field.type.__args__[0])
        self.files = (folder / f"{name}.parquet", folder / f"{name}.csv")
        self.aside = tuple(path.with_name(f"{path.name}.part") for path in self.files)
        self.schema = arrow.schema(
            [(column, _output_type(arrow, kind)) for column, kind in self.columns]
        )
        self.parquet = arrow.parquet.ParquetWriter(self.aside[0], self.schema, compression="zstd")
        self.stream = self.aside[1].open("w", encoding="utf-8", newline="")
        self.csv = csv.writer(self.stream, lineterminator="\n")
        self.csv.writerow([column for column, _ in self.columns])

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Rows more."""
        arrow = arrow_modules()
        arrays = [
            arrow.array(
                [_parquet_cell(kind, row[index]) for row in rows], _output_type(arrow, kind)
            )
            for index, (_, kind) in enumerate(self.columns)
        ]
        self.parquet.write_table(arrow.Table.from_arrays(arrays, schema=self.schema))
        for row in rows:
            pairs = zip(self.columns, row, strict=True)
            self.csv.writerow([_csv_cell(kind, value) for (_, kind), value in pairs])

    def __enter__(self) -> "OutputWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.parquet.close()
        self.stream.close()
        for aside, path in zip(self.aside, self.files, strict=True):
            if kind is None:
                aside.replace(path)
            else:
                aside.unlink(missing_ok=True)


def _output_type(arrow: Any, kind: str) -> Any:
    return {
        "day": arrow.date32(),
        "int": arrow.int64(),
        "text": arrow.string(),
        "ratio": arrow.decimal128(38, DIGITS),
        "money": arrow.decimal128(38, MONEY_DIGITS),
    }[kind]


def _parquet_cell(kind: str, value: Any) -> Any:
    if kind == "day":
        return day_number(value)
    if kind == "ratio":
        return None if value is None else Decimal(_ratio(value))
    return Decimal(money_text(value)) if kind == "money" else value


def money_text(value: int) -> str:
    """Money in yuan with its four digits."""
    return ratio_text(Fraction(value, 10**MONEY_DIGITS), MONEY_DIGITS)


def _csv_cell(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == "day":
        return iso(value)
    if kind == "money":
        return money_text(value)
    return _ratio(value) if kind == "ratio" else str(value)


def _ratio(value: Fraction | str) -> str:
    return value if isinstance(value, str) else ratio_text(value)


def _write(table: Any, path: Path) -> None:
    arrow = arrow_modules()
    if path.suffix == ".parquet":
        arrow.parquet.write_table(table, path, compression="zstd")
    else:
        options = arrow.csv.WriteOptions(quoting_style="none")
        arrow.csv.write_csv(table, path, options)


def _read_table(folder: Path, name: str, spec: TableSpec) -> Any:
    arrow = arrow_modules()
    parquet, text, split = folder / f"{name}.parquet", folder / f"{name}.csv", folder / name
    present = [str(path.name) for path in (parquet, text, split) if path.exists()]
    if len(present) > 1:
        raise DatasetError(name, 0, f"both {present[0]} and {present[1]} are there")
    try:
        if parquet.exists():
            return arrow.parquet.read_table(parquet)
        if text.exists():
            return _read_csv(text, spec)
        if split.exists():
            return _read_split(name, split)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OSError) as error:
        raise DatasetError(name, 0, str(error).splitlines()[0]) from error
    return None


def _read_csv(path: Path, spec: TableSpec) -> Any:
    arrow = arrow_modules()
    types = {DAY: arrow.date32(), INT: arrow.int64(), TEXT: arrow.string()}
    return arrow.csv.read_csv(
        path,
        read_options=arrow.csv.ReadOptions(use_threads=False),
        convert_options=arrow.csv.ConvertOptions(
            column_types={name: types[kind] for name, kind in spec.columns},
            null_values=[""],
            strings_can_be_null=False,
        ),
    )


def _read_split(name: str, folder: Path) -> Any:
    arrow = arrow_modules()
    parts = [arrow.parquet.read_table(path) for path in sorted(folder.rglob("*.parquet"))]
    if not parts:
        raise DatasetError(name, 0, f"the folder {folder.name} has no Parquet files")
    if all("day" in part.column_names for part in parts):
        parts = [part for part in parts if part.num_rows] or parts[:1]
        parts.sort(key=lambda part: str(part["day"][0]) if part.num_rows else "")
    return arrow.concat_tables(parts, promote_options="default")


def _of_days(table: Any, days: tuple[Day, Day] | None) -> Any:
    if days is None or "day" not in table.column_names or not table.num_rows:
        return table
    arrow = arrow_modules()
    numbers = table["day"].cast(arrow.int32()).to_numpy()
    return table.filter(
        arrow.array((numbers >= day_number(days[0])) & (numbers <= day_number(days[1])))
    )


def table_columns(name: str, spec: TableSpec, table: Any) -> Table:
    """A pyarrow table as one of `duties.tables`; DatasetError for a column that does not fit."""
    columns: dict[str, Column] = {}
    for column, kind in spec.columns:
        if column not in table.column_names:
            if column in spec.optional:
                continue
            raise DatasetError(name, 0, f"column {column!r} is missing")
        columns[column] = _from_arrow(name, spec, column, kind, table[column])
    return columns


def _from_arrow(name: str, spec: TableSpec, column: str, kind: str, values: Any) -> Column:
    arrow = arrow_modules()
    wanted = {DAY: arrow.date32(), INT: arrow.int64(), TEXT: arrow.string()}[kind]
    if arrow.types.is_dictionary(values.type) and values.null_count:
        values = values.cast(arrow.string())
    if column in spec.empty:
        values = values.fill_null("") if arrow.types.is_string(values.type) else values
    elif values.null_count:
        row = int(np.argmax(values.is_null().to_numpy())) + 1
        raise DatasetError(name, row, f"{column} is empty")
    if kind == TEXT and arrow.types.is_dictionary(values.type):
        return _text(arrow, values.unify_dictionaries())
    try:
        values = values.cast(wanted)
    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError) as error:
        reason = f"column {column!r} holds {values.type}, not {wanted}"
        raise DatasetError(name, 0, reason) from error
    if kind == TEXT:
        return _text(arrow, values)
    if kind == INT:
        numbers: np.ndarray = values.fill_null(0).to_numpy().astype(np.int64)
        return numbers
    return _days(values, arrow)


def _text(arrow: Any, values: Any) -> Text:
    if not arrow.types.is_dictionary(values.type):
        values = values.fill_null("").dictionary_encode()
    whole = values.combine_chunks()
    if isinstance(whole, arrow.ChunkedArray):
        if whole.num_chunks == 0:
            return Text(np.zeros(0, dtype=np.int64), ())
        whole = whole.chunk(0)
    codes = whole.indices.to_numpy().astype(np.int64)
    return Text(codes, tuple(whole.dictionary.to_pylist()))


def _days(values: Any, arrow: Any) -> np.ndarray:
    """date32 to YYYYMMDD, an empty one to 0."""
    empty = values.is_null().to_numpy()
    days = values.cast(arrow.int32()).fill_null(0).to_numpy().astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    year = months.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    date = (days - months).astype(np.int64) + 1
    numbers: np.ndarray = np.where(empty, 0, year * 10_000 + month * 100 + date)
    return numbers


def to_arrow(kind: str, column: Column) -> Any:
    """A column as Arrow's."""
    arrow = arrow_modules()
    if isinstance(column, Text):
        words = arrow.array(list(column.words) or [""], arrow.string())
        codes = arrow.array(column.codes.astype(np.int32))
        return arrow.DictionaryArray.from_arrays(codes, words).cast(arrow.string())
    if kind != DAY:
        return arrow.array(column.astype(np.int64), arrow.int64())
    values, places = np.unique(column, return_inverse=True)
    numbers = np.array([day_number(int(day)) if day else 0 for day in values], dtype=np.int32)
    return arrow.array(numbers[places].reshape(-1), arrow.date32(), mask=column == 0)
