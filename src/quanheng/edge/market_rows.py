"""The `market` table (duty_dataset.md, detail 2) from CSV or Parquet, in batches of whole numbers.

Columns `day, contract, at, bid, bid_qty, ask, ask_qty, last`; optional `volume` (contracts traded
today) and `phase` (a letter). A `contract` of six digits is an underlying's own quote, quantities
in fund units. Nothing but the batch at hand is in memory. Cells that are no whole numbers are told
by row; rows count from 1.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.edge.dataset_files import arrow_modules
from quanheng.edge.tape_files import TapeError
from quanheng.terms.days import from_iso
from quanheng.terms.units import Day

Ints = npt.NDArray[np.int64]

NUMBERS = ("at", "bid", "bid_qty", "ask", "ask_qty", "last", "volume")
REQUIRED = ("day", "contract", "at", "bid", "bid_qty", "ask", "ask_qty", "last")
OPTIONAL = ("volume", "phase")
BATCH = 4_096


class Batch(msgspec.Struct):
    """Rows as they came. `numbers` int64[n, len(NUMBERS)]; `bad` row index -> what is wrong."""

    first: int  # number of the first row
    days: list[Day]  # 0 where the cell is no day
    contracts: list[str]
    phases: list[str]  # empty without the column
    numbers: Ints
    bad: dict[int, str]


def sources(path: Path) -> list[Path]:
    """The files of a source: one file, or a dataset folder's market table. TapeError for none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TapeError(f"{path}: there is no such file or dataset folder")
    found = [path / name for name in ("market.parquet", "market.csv") if (path / name).exists()]
    found += sorted((path / "market").rglob("*.parquet"))
    if not found:
        raise TapeError(f"{path}: no table market (market.parquet, market.csv or market/)")
    return found


def columns_of(path: Path) -> tuple[str, ...]:
    """The known columns of a file, in its order. TapeError names a missing column or bad file."""
    names: Sequence[str]
    try:
        if path.suffix == ".parquet":
            names = arrow_modules().parquet.ParquetFile(path).schema_arrow.names
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                names = next(csv.reader(file), [])
        else:
            raise TapeError(f"{path}: neither .csv nor .parquet")
    except (OSError, ValueError) as error:
        raise TapeError(f"{path}: {error}") from error
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise TapeError(f"{path}: column {missing[0]!r} is missing; it has {', '.join(names)}")
    return tuple(name for name in names if name in REQUIRED + OPTIONAL)


def batches(path: Path, first: int = 1) -> Iterator[Batch]:
    """The rows of a file, numbered from `first`."""
    known = columns_of(path)
    read = _parquet if path.suffix == ".parquet" else _csv
    for columns, ragged in read(path, known):
        rows = len(columns["contract"])
        batch = _batch(first, columns, rows)
        batch.bad |= ragged
        first += rows
        yield batch


def _csv(path: Path, known: Sequence[str]) -> Iterator[tuple[dict[str, Any], dict[int, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        head = next(reader)
        places = [(name, head.index(name)) for name in known]
        while lines := list(islice(reader, BATCH)):
            ragged = {
                row: f"{len(cells)} cells, not {len(head)}"
                for row, cells in enumerate(lines)
                if len(cells) != len(head)
            }
            for row in ragged:
                lines[row] = [""] * len(head)
            yield {name: [cells[at] for cells in lines] for name, at in places}, ragged


def _parquet(path: Path, known: Sequence[str]) -> Iterator[tuple[dict[str, Any], dict[int, str]]]:
    arrow = arrow_modules()
    try:
        file = arrow.parquet.ParquetFile(path)
        for batch in file.iter_batches(batch_size=BATCH, columns=list(known)):
            yield {name: _plain(arrow, batch.column(name)) for name in known}, {}
    except (arrow.ArrowInvalid, OSError) as error:
        raise TapeError(f"{path}: {str(error).splitlines()[0]}") from error


def _plain(arrow: Any, column: Any) -> Any:
    """An int64 array when the column is one, else its cells."""
    if arrow.types.is_integer(column.type) and not column.null_count:
        return column.to_numpy(zero_copy_only=False).astype(np.int64)
    return column.to_pylist()


def _batch(first: int, columns: dict[str, Any], rows: int) -> Batch:
    bad: dict[int, str] = {}
    numbers = np.zeros((rows, len(NUMBERS)), dtype=np.int64)
    for place, name in enumerate(NUMBERS):
        if name in columns:
            numbers[:, place] = _whole(name, columns[name], bad)
    words: dict[Any, Day] = {}
    days = [_day(cell, words) for cell in columns["day"]]
    contracts = [str(cell) for cell in columns["contract"]]
    phases = [str(cell) for cell in columns.get("phase", ())]
    return Batch(first, days, contracts, phases, numbers, bad)


def _whole(name: str, cells: Any, bad: dict[int, str]) -> Ints:
    """Cells as int64; what is no whole number is 0 and told in `bad`."""
    if isinstance(cells, np.ndarray):
        return cells
    try:
        quick: Ints = np.array(cells, dtype=np.str_).astype(np.int64)
    except (ValueError, OverflowError):
        pass
    else:
        return quick
    out = np.zeros(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells):
        try:
            out[row] = int(cell) if isinstance(cell, int) else int(str(cell))
        except (ValueError, OverflowError):
            bad.setdefault(row, f"{name} {cell!r} is not a whole number")
    return out


def _day(cell: Any, known: dict[Any, Day]) -> Day:
    """YYYYMMDD of an ISO text or a date; 0 for anything else. Remembers, days repeat."""
    if cell not in known:
        try:
            known[cell] = from_iso(str(cell))
        except ValueError:
            known[cell] = 0
    return known[cell]
