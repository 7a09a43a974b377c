"""The exchange's store of execution reports, by partition, for ExecRptIndexSync.

Reports of the day lie in one file per (trading unit, partition); memory holds eight bytes for each.
"""

import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.terms.orders import Report

PIECE = 1 << 20
_DECODER = msgspec.msgpack.Decoder(Report)


def stored_reports(path: Path) -> Iterator[Report]:
    """Every report of a store's file, in order, once its writer has closed it."""
    reader: FrameReader[Report] = FrameReader(Report)
    with path.open("rb") as file:
        while data := file.read(PIECE):
            yield from reader.feed(data)


class ReportStore:
    """Reports of one trading unit in one partition; index 1 is the first."""

    def __init__(self, path: Path) -> None:
        """A file left by an earlier run of the same folder is emptied."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self._ends = array("Q", [0])
        self._path = path

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, reports: list[Report]) -> None:
        """Append reports. ValueError when an index does not follow the last."""
        parts = []
        end = self._ends[-1]
        for report in reports:
            if report.index != len(self._ends):
                raise ValueError(
                    f"{self._path}: report {report.index} where {len(self._ends)} is due"
                )
            data = encode_frame(report)
            end += len(data)
            self._ends.append(end)
            parts.append(data)
        os.write(self._file, b"".join(parts))

    def read(self, index: int, count: int) -> list[Report]:
        """At most `count` reports from an index on."""
        stop = min(len(self), index + count - 1)
        if index < 1 or index > stop:
            return []
        ends = self._ends
        start = ends[index - 1]
        data = memoryview(os.pread(self._file, ends[stop] - start, start))
        return [
            _DECODER.decode(data[ends[i - 1] - start + 4 : ends[i] - start])
            for i in range(index, stop + 1)
        ]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
