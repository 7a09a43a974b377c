"""The quotes of a part on the short way: Arrow's columns go straight into the measure's buffer.

It is taken for files of one day and class whose columns have the types of the layout. Anything
else, and any row that is not good, goes the long way of `PartReader.quotes`, which reads any form
and names what is wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quanheng.duties.dataset import DatasetError
from quanheng.duties.day import Chunk, DayTables, chunk_of
from quanheng.duties.day_input import with_quotes, words
from quanheng.duties.quote_rows import Batch, QuoteRows
from quanheng.duties.tables import DAY, INT, TABLES, rows_of
from quanheng.edge import dataset_parts
from quanheng.edge.dataset_files import arrow_modules
from quanheng.edge.dataset_parts import PartReader
from quanheng.terms.days import day_number

NUMBERS = ("at", "bid", "bid_qty", "ask", "ask_qty")


def chunks(reader: PartReader, tables: DayTables) -> Iterator[Chunk]:
    """Checked quotes of a part in chunks of whole cells, in order; `tables` are the part's others.

    A chunk holds until the next one is asked for. Errors as in `PartReader.quotes`.
    """
    file = _plain_file(reader)
    if file is None:
        for table in reader.quotes():
            yield chunk_of(with_quotes(tables, table), rows_of(table))
        return
    arrow = arrow_modules()
    makers = words(reader.dataset.tables["makers"], "maker").words
    size = dataset_parts.CHUNK_ROWS
    rows = QuoteRows(tables, makers, size, dataset_parts.CELL_ROWS)
    columns = [name for name, _ in TABLES["quotes"].columns]
    batches = file.iter_batches(batch_size=size, columns=columns, use_threads=False)
    while True:
        try:
            found = next(batches, None)
        except (arrow.ArrowInvalid, arrow.ArrowTypeError, OSError) as error:
            raise _reason(reader) from error
        if found is None:
            break
        batch = _batch(found, day_number(tables.day))
        taken = batch is not None and rows.take(batch)
        if not taken or rows.waiting > dataset_parts.CELL_ROWS:
            raise _reason(reader)
        yield from rows.whole()
    yield from rows.rest()


def _plain_file(reader: PartReader) -> Any:
    """The part's own file when its columns are of the layout's types, else None."""
    path = reader.quotes_file
    if path is None:
        return None
    arrow = arrow_modules()
    file = _opened(path)
    if file is None:
        return None
    schema = file.schema_arrow
    for name, kind in TABLES["quotes"].columns:
        if name not in schema.names:
            return None
        found = schema.field(name).type
        if kind == DAY and found != arrow.date32():
            return None
        if kind == INT and found != arrow.int64():
            return None
        if name in ("maker", "contract") and found != arrow.dictionary(
            arrow.int32(), arrow.string()
        ):
            return None
    return file


def _opened(path: Path) -> Any:
    arrow = arrow_modules()
    try:
        return arrow.parquet.ParquetFile(path, read_dictionary=["maker", "contract"])
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OSError):
        return None  # the long way says why


def _batch(found: Any, number: int) -> Batch | None:
    """The columns without a copy; None with an empty cell or a row of another day."""
    if any(found.column(index).null_count for index in range(found.num_columns)):
        return None
    arrow = arrow_modules()
    days = found.column("day").cast(arrow.int32()).to_numpy()
    if not (days == number).all():
        return None
    contract, maker = found.column("contract"), found.column("maker")
    at, bid, bid_qty, ask, ask_qty = (found.column(name).to_numpy() for name in NUMBERS)
    return Batch(
        contract=contract.indices.to_numpy(),
        contracts=contract.dictionary.to_pylist(),
        maker=maker.indices.to_numpy(),
        makers=maker.dictionary.to_pylist(),
        columns=(at, bid, bid_qty, ask, ask_qty),
    )


def _reason(reader: PartReader) -> DatasetError:
    """What is wrong with the part, by the long way, which must find it too."""
    try:
        for _ in reader.quotes():
            pass
    except DatasetError as error:
        return error
    return DatasetError("quotes", 0, "refused as they were read, but no check names a row")
