"""The `market` table of a recorded run: what its maker heard, in the layout an importer reads."""

import csv
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from quanheng.edge.dataset_files import arrow_modules
from quanheng.edge.market_rows import NUMBERS
from quanheng.edge.tape_files import TapeError
from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.codes import PHASE_LETTERS
from quanheng.terms.contract import Chain
from quanheng.terms.days import iso, midnight
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import Day

COLUMNS = ("day", "contract", *NUMBERS, "phase")
GROUP = 50_000
"""Rows that are in memory at a time."""
_TAKEN = (
    market.SLOT, market.BID, market.BID_QTY, market.ASK, market.ASK_QTY, market.LAST,
    market.VOLUME, market.PHASE,
)  # fmt: skip

Row = tuple[int | str, ...]


class MarketWriter:
    """Writes one .csv or .parquet file in order of time; close it."""

    def __init__(self, path: Path, chain: Chain, day: Day) -> None:
        """TapeError for another kind of file."""
        if path.suffix not in (".csv", ".parquet"):
            raise TapeError(f"{path}: neither .csv nor .parquet")
        self.rows = 0
        self._path, self._day = path, day
        self._codes = [contract.code for contract in chain.contracts]
        self._underlyings = [klass.underlying for klass in chain.classes]
        self._start = midnight(day)
        self._waiting: list[Row] = []
        self._parquet: Any = None
        self._csv: TextIO | None = None
        if path.suffix == ".csv":
            self._csv = path.open("w", encoding="utf-8", newline="")
            csv.writer(self._csv, lineterminator="\n").writerow(COLUMNS)

    def tick(self, tick: ChainTick) -> None:
        """Rows of one snapshot of a class."""
        at = tick.at - self._start
        for slot, *cells, phase in unpack(tick.rows, market.COLUMNS)[:, _TAKEN].tolist():
            self._add((self._codes[slot], at, *cells, PHASE_LETTERS[phase]))

    def underlyings(self, ticks: UnderlyingTicks) -> None:
        """Rows of the underlyings' own quotes."""
        for one in ticks.ticks:
            bid, ask = (one.bids or (0,))[0], (one.asks or (0,))[0]
            sizes = (one.bid_qty or (0,))[0], (one.ask_qty or (0,))[0]
            self._add(
                (
                    self._underlyings[one.klass],
                    ticks.at - self._start,
                    bid,
                    sizes[0] if bid else 0,
                    ask,
                    sizes[1] if ask else 0,
                    one.last,
                    one.volume,
                    PHASE_LETTERS[one.phase],
                )
            )

    def _add(self, row: Row) -> None:
        self._waiting.append(row)
        self.rows += 1
        if len(self._waiting) >= GROUP:
            self._write()

    def _write(self) -> None:
        rows, self._waiting = self._waiting, []
        if self._csv is not None:
            day = iso(self._day)
            csv.writer(self._csv, lineterminator="\n").writerows((day, *row) for row in rows)
            return
        arrow = arrow_modules()
        days = np.full(len(rows), iso(self._day)).astype("datetime64[D]")
        columns: dict[str, Any] = {"day": arrow.array(days)}
        for name, cells in zip(COLUMNS[1:], zip(*rows, strict=True), strict=True):
            kind = arrow.int64() if name in NUMBERS else arrow.string()
            columns[name] = arrow.array(cells, kind)
        table = arrow.table(columns)
        if self._parquet is None:
            self._parquet = arrow.parquet.ParquetWriter(
                self._path, table.schema, compression="zstd"
            )
        self._parquet.write_table(table)

    def close(self) -> None:
        """Write what waits and close the file."""
        if self._waiting:
            self._write()
        if self._csv is not None:
            self._csv.close()
        if self._parquet is not None:
            self._parquet.close()
