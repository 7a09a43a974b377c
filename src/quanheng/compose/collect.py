"""Gathers what the venue records during a day and turns it into the duty dataset."""

from collections.abc import Sequence

import numpy as np

from quanheng.duties.records import WIDTHS, Exemption, MakerEntry, input_tables
from quanheng.duties.tables import Dataset
from quanheng.kernels.pack import unpack
from quanheng.rulebook.model import Rulebook
from quanheng.runtime.envelope import Record
from quanheng.terms.contract import Chain
from quanheng.terms.units import Nanos


class Collector:
    """A sink for `Record` effects. Rows stay packed until the day is over."""

    def __init__(self) -> None:
        self._parts: dict[str, list[bytes]] = {name: [] for name in WIDTHS}

    def __call__(self, effect: Record, at: Nanos, cause: int) -> None:
        """Take the rows of one record. ValueError for a table the dataset does not know."""
        if WIDTHS.get(effect.table) != effect.columns:
            raise ValueError(f"record {effect.table!r} with {effect.columns} columns is unknown")
        self._parts[effect.table].append(effect.rows)

    def rows(self, table: str) -> np.ndarray:
        """int64[n, width] of everything recorded for a table, in order of time."""
        return unpack(b"".join(self._parts[table]), WIDTHS[table])

    def dataset(
        self,
        chain: Chain,
        book: Rulebook,
        makers: Sequence[MakerEntry],
        exemptions: Sequence[Exemption] = (),
    ) -> Dataset:
        """The day in the layout of duty_dataset.md."""
        rows = {name: self.rows(name) for name in WIDTHS}
        return input_tables(chain, book, makers, rows, exemptions)
