"""The reading side of the MD301 stream: bytes as they come to ticks.

A batch ends when it has as many messages as its 35=h announced, quarantined ones included; an
image that lost a row is no image any more. Rows without a readable 35=h become a tick of their own
when the next batch begins or the piece of stream ends.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, SECOND, Nanos
from quanheng.wire import md301_kernels as kernels
from quanheng.wire.md301_scan import scan
from quanheng.wire.md301_tables import ETF_SLOT, Bytes, ChainTables, Rows
from quanheng.wire.step_messages import LIMIT, cut

LONGEST = LIMIT + 32
"""Bytes that hold any whole message."""

REASONS = {
    kernels.GARBAGE: "bytes that are no message",
    kernels.BAD_LENGTH: "BodyLength is malformed or above 8 KB",
    kernels.BAD_CHECKSUM: "checksum or length is wrong",
    kernels.BAD_FIELD: "a field is malformed",
    kernels.UNKNOWN_CODE: "SecurityID is not in the chain",
    kernels.MISSING_FIELD: "a required field is missing",
    kernels.BAD_GROUP: "the group of entries contradicts itself",
}


class Quarantined(NamedTuple):
    """A message (or bytes) left out: where in the stream and why."""

    offset: int
    reason: str


class Decoded(NamedTuple):
    """What a piece of the stream held, in order of the stream within each list."""

    ticks: list[ChainTick]
    underlyings: list[UnderlyingTicks]
    quarantined: list[Quarantined]
    others: list[bytes]  # the session's messages that stood between the market data


@lru_cache(maxsize=64)
def _instant(day: int, clock: int) -> Nanos:
    """Instant of 75 and 779. ValueError when they are no day and time."""
    hour, minute, rest = clock // 10_000_000, clock // 100_000 % 100, clock % 100_000
    if hour > 23 or minute > 59 or rest > 59_999:
        raise ValueError(f"{clock} is not a time HHMMSSsss")
    return (
        midnight(day)
        + hour * HOUR
        + minute * MINUTE
        + rest // 1000 * SECOND
        + (rest % 1000 * MILLISECOND)
    )


class _Batch:
    """A batch being collected. `expected` is -1 when its 35=h was not readable."""

    def __init__(self, head: list[int], klass: int, expected: int) -> None:
        self.day = head[kernels.DATE]
        self.clock = head[kernels.CLOCK]
        self.image = bool(head[kernels.IMAGE])
        self.klass = klass
        self.expected = expected
        self.lost = 0
        self.got = 0
        self.parts: list[Rows] = []

    @property
    def complete(self) -> bool:
        return 0 <= self.expected <= self.got + self.lost


class StreamDecoder:
    """Feed it the bytes of one stream as they come; it keeps at most one unfinished message
    (8 KB) and one batch.
    """

    def __init__(self, tables: ChainTables) -> None:
        self.tables = tables
        self.gaps = 0  # pieces of stream whose sequence numbers do not add up
        self.offset = 0  # bytes consumed so far
        self.seq = 0  # highest sequence number read
        self._rest = b""
        self._batch: _Batch | None = None
        self._result = Decoded([], [], [], [])

    def feed(self, data: bytes) -> Decoded:
        """What `data` completed."""
        if self._rest:
            data = self._rest + data
        tables = self.tables
        raw = np.frombuffer(data, dtype=np.uint8)
        while raw.size:
            count, used = scan(
                raw, tables.codes, tables.slots, tables.tokens, tables.rows, tables.meta
            )
            if count:
                self._take(count, raw)
            self.offset += used
            raw = raw[used:]
            if count < len(tables.meta):
                break
        self._rest = raw.tobytes()
        batch = self._batch
        if batch is not None and batch.expected < 0:
            self._flush()
        result, self._result = self._result, Decoded([], [], [], [])
        return result

    def finish(self) -> Decoded:
        """The stream ended: give up what is unfinished."""
        if self._rest:
            self._result.quarantined.append(Quarantined(self.offset, "unfinished message"))
            self._rest = b""
        self._flush()
        result, self._result = self._result, Decoded([], [], [], [])
        return result

    def _take(self, count: int, raw: Bytes) -> None:
        meta = self.tables.meta
        kinds = meta[:count, kernels.KIND]
        start = 0
        good = 0
        for stop in [*np.flatnonzero(kinds != kernels.ROW_MESSAGE).tolist(), count]:
            if stop > start:
                self._rows(start, stop)
                good += stop - start
            start = stop + 1
            if stop == count:
                break
            head = meta[stop].tolist()
            if head[kernels.KIND] < 0:
                self._lost(head)
                continue
            good += 1
            if head[kernels.KIND] == kernels.GROUP_MESSAGE:
                self._flush()
                klass = -1 if head[kernels.MARKET] == 1 else head[kernels.KLASS]
                self._batch = _Batch(head, klass, head[kernels.COUNT])
                if self._batch.complete:
                    self._flush()
            else:
                place = head[kernels.OFFSET]
                message = raw[place : place + LONGEST].tobytes()
                self._result.others.append(message[: cut(message)])
        last = int(meta[:count, kernels.SEQ].max())
        if last and last != self.seq + good:
            self.gaps += 1
        self.seq = last or self.seq

    def _lost(self, head: list[int]) -> None:
        reason = REASONS[head[kernels.KIND]]
        at = self.offset + head[kernels.OFFSET]
        self._result.quarantined.append(Quarantined(at, reason))
        batch = self._batch
        if batch is not None:
            batch.lost += 1
            if batch.complete:
                self._flush()

    def _rows(self, start: int, stop: int) -> None:
        """Put neighbouring row messages into batches."""
        meta, rows = self.tables.meta, self.tables.rows
        while start < stop:
            batch = self._batch
            if batch is None or not self._fits(batch, start):
                self._flush()
                batch = self._orphans(start)
            wanted = batch.expected - batch.got - batch.lost if batch.expected >= 0 else stop
            take = min(stop, start + wanted)
            same = (meta[start:take, kernels.CLOCK] == batch.clock) & (
                meta[start:take, kernels.KLASS] == batch.klass
            )
            if not same.all():
                take = start + int(same.argmin())
            batch.parts.append(rows[start:take].copy())
            batch.got += take - start
            start = take
            if batch.complete:
                self._flush()

    def _fits(self, batch: _Batch, number: int) -> bool:
        """Whether a row message belongs to the batch."""
        head = self.tables.meta[number]
        return bool(head[kernels.CLOCK] == batch.clock and head[kernels.KLASS] == batch.klass)

    def _orphans(self, number: int) -> _Batch:
        head = self.tables.meta[number].tolist()
        head[kernels.IMAGE] = 0
        self._batch = _Batch(head, head[kernels.KLASS], -1)
        return self._batch

    def _flush(self) -> None:
        """Close the batch and hand it out."""
        batch, self._batch = self._batch, None
        if batch is None:
            return
        try:
            at = _instant(batch.day, batch.clock)
        except ValueError as error:
            self._result.quarantined.append(Quarantined(self.offset, str(error)))
            return
        empty = np.empty((0, market.COLUMNS), dtype=np.int64)
        rows = (
            np.concatenate(batch.parts)
            if len(batch.parts) > 1
            else (batch.parts[0] if batch.parts else empty)
        )
        if batch.klass >= len(self.tables.chain.classes):
            reason = f"class {batch.klass} is not in the chain"
            self._result.quarantined.append(Quarantined(self.offset, reason))
        elif batch.klass < 0:
            self._result.underlyings.append(_underlyings(at, rows))
        else:
            image = batch.image and batch.got == batch.expected
            self._result.ticks.append(ChainTick(batch.klass, at, image, pack(rows)))


def _underlyings(at: Nanos, rows: Rows) -> UnderlyingTicks:
    ticks = []
    for values in rows.tolist():
        sides = []
        for price, qty in ((market.BID, market.BID_QTY), (market.ASK, market.ASK_QTY)):
            depth = market.LEVELS
            while depth and not (values[price + depth - 1] or values[qty + depth - 1]):
                depth -= 1
            sides.append(tuple(values[price : price + depth]))
            sides.append(tuple(values[qty : qty + depth]))
        ticks.append(
            UnderlyingTick(
                values[market.SLOT] - ETF_SLOT,
                values[market.PHASE],
                values[market.LAST],
                values[market.VOLUME],
                values[market.TURNOVER],
                *sides,
            )
        )
    return UnderlyingTicks(at, tuple(ticks))


def decode(data: bytes, tables: ChainTables) -> Decoded:
    """Everything in whole batches of bytes; an unfinished end is quarantined."""
    decoder = StreamDecoder(tables)
    first, last = decoder.feed(data), decoder.finish()
    return Decoded(
        first.ticks + last.ticks,
        first.underlyings + last.underlyings,
        first.quarantined + last.quarantined,
        first.others + last.others,
    )
