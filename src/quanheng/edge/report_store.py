"""The exchange's store of execution reports, by partition, for ExecRptIndexSync.

Reports of the day lie in one file per (trading unit, partition); memory holds eight bytes for each.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from quanheng.edge.frame_store import FrameStore
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
        self._frames = FrameStore(path)

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, reports: list[Report]) -> None:
        """Append reports. ValueError when an index does not follow the last."""
        due = len(self._frames) + 1
        for place, report in enumerate(reports):
            if report.index != due + place:
                raise ValueError(
                    f"{self._frames.path}: report {report.index} where {due + place} is due"
                )
        self._frames.add([encode_frame(report) for report in reports])

    def read(self, index: int, count: int) -> list[Report]:
        """At most `count` reports from an index on."""
        return [_DECODER.decode(data[4:]) for data in self._frames.read(index, count)]

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
