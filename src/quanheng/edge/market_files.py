"""Market data by files: mktdt03.txt and mktdt00.txt rewritten in place, and a reader that polls.

The second carrier of market data (interfaces.md 3.8, 4.1; borders.md 4). FilePublisher takes what
`market_feed.Publisher` takes and overwrites both files record by record; FileFeed gives what
`market_feed.FeedClient` gives. A reader may meet old and new records together: what is torn is left
out and comes right with the next look, and the checksum is no test while the market trades.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from quanheng.kernels.pack import unpack
from quanheng.terms.contract import Chain
from quanheng.terms.market import COLUMNS, SLOT, ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import SECOND, Nanos
from quanheng.wire import mktdt00, mktdt03
from quanheng.wire.records import BadRecord

OPTIONS, FUNDS = "mktdt03.txt", "mktdt00.txt"
LARGEST = 64 << 20
"""Bytes of a file that are read; a longer one is no market data."""


class FilePublisher:
    """The exchange's side. `write` puts what was published into the files."""

    def __init__(self, folder: Path, chain: Chain) -> None:
        self._folder = folder
        self._chain = chain
        self._tables = mktdt03.FileTables(chain)
        self._rows = np.zeros((len(chain.contracts), COLUMNS), dtype=np.int64)
        self._rows[:, SLOT] = np.arange(len(chain.contracts))
        self._funds: dict[int, UnderlyingTick] = {}

    def publish(self, tick: ChainTick | UnderlyingTicks) -> None:
        """Take a snapshot into the next image."""
        if isinstance(tick, ChainTick):
            rows = unpack(tick.rows, COLUMNS)
            self._rows[rows[:, SLOT]] = rows
        else:
            for one in tick.ticks:
                self._funds[one.klass] = one

    def write(self, at: Nanos, status: str = "T10") -> None:
        """Rewrite both files in place, stamped with the whole second of `at`."""
        second = at // SECOND * SECOND
        _overwrite(self._folder / OPTIONS, mktdt03.write(self._rows, self._tables, second, status))
        funds = mktdt00.rows_of(self._chain, self._funds, second)
        _overwrite(self._folder / FUNDS, mktdt00.write(funds, second, status))


def _overwrite(path: Path, data: bytes) -> None:
    """In place, line by line, as the exchange's client does; never a moment without the file."""
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        for line in data.splitlines(keepends=True):
            file.write(line)
        file.truncate()


class FileFeed:
    """The member's side: looks at both files, hands out ticks of what changed."""

    def __init__(
        self,
        folder: Path,
        chain: Chain,
        on_tick: Callable[[ChainTick | UnderlyingTicks], None],
        on_bad: Callable[[BadRecord], None],
    ) -> None:
        self.refused = 0  # looks that met no complete file, or an older one
        self._folder = folder
        self._chain = chain
        self._follower = mktdt03.Follower(mktdt03.FileTables(chain))
        self._on_tick = on_tick
        self._on_bad = on_bad
        self._seen: dict[str, tuple[int, int]] = {}
        self._funds_at: Nanos = 0
        self._funds: tuple[UnderlyingTick, ...] = ()

    def tick(self) -> None:
        """One look; underlyings first, so that they stand before the options of their instant."""
        data = self._changed(FUNDS)
        if data is not None:
            self._take_funds(data)
        data = self._changed(OPTIONS)
        if data is not None:
            ticks, bad = self._follower.take(data)
            for one in bad:
                self._on_bad(one)
            for tick in ticks:
                self._on_tick(tick)
            self.refused += not ticks and bool(bad)

    def _changed(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_size)
            if self._seen.get(name) == mark or status.st_size > LARGEST:
                return None
            data = path.read_bytes()
        except OSError:
            return None
        self._seen[name] = mark  # of before the read: a change meanwhile is seen next time
        return data

    def _take_funds(self, data: bytes) -> None:
        try:
            image = mktdt00.read(data)
            if image.at < self._funds_at:
                raise ValueError("mktdt00: MDTime goes back")
        except ValueError as error:
            self.refused += 1
            self._on_bad(BadRecord(1, "record", str(error)))
            return
        ticks, bad = mktdt00.ticks_of(self._chain, image)
        for one in bad:
            self._on_bad(one)
        self._funds_at = image.at
        if ticks and ticks != self._funds:
            self._funds = ticks
            self._on_tick(UnderlyingTicks(image.at, ticks))
