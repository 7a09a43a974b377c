"""Import of recorded snapshots: the `market` table of a day becomes a tape (docs/backtest.md).

Two passes, so that a source in any order of contracts fits: rows are checked and spread over one
file per minute, then each minute is sorted and becomes messages. What is in memory is one batch of
the source, one minute of the market and one row per contract.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.edge import tape_checks as ck
from quanheng.edge.market_rows import OPTIONAL, batches, columns_of, sources
from quanheng.edge.tape_files import (
    MASTER,
    QUARANTINE,
    Gap,
    Manifest,
    TapeError,
    TapeMessage,
    TapeWriter,
    sha256_of,
    write_manifest,
)
from quanheng.exchange.messages import TapePrints
from quanheng.exchange.turn import INQUIRY_LIFE
from quanheng.kernels.pack import pack
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.phases import Span, timetable
from quanheng.terms import market
from quanheng.terms.codes import Phase
from quanheng.terms.contract import Chain, build_chain
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import MINUTE, DayNanos, Lots, Ticks
from quanheng.wire.contracts import write_contracts

Ints = npt.NDArray[np.int64]

GAP = MINUTE
"""Silence of a class in continuous trading that the manifest names."""
ACCEPTS = 8
TAKING = (Phase.OPENING, Phase.CONTINUOUS, Phase.INTRADAY, Phase.HALT, Phase.CLOSING)
_CELLS = (
    (market.BID, ck.BID), (market.BID_QTY, ck.BID_QTY), (market.ASK, ck.ASK),
    (market.ASK_QTY, ck.ASK_QTY), (market.LAST, ck.LAST), (market.VOLUME, ck.VOLUME),
    (market.PHASE, ck.PHASE),
)  # fmt: skip

Asked = tuple[DayNanos, str]
Print = tuple[DayNanos, str, Ticks, Lots]


class Pass(msgspec.Struct):
    """What the first pass found."""

    rows: int
    others: int
    counts: dict[str, int]
    seen: Ints  # int64[slots + classes], 1 where a key has rows
    volumes: bool
    phases: bool
    minutes: list[int]
    last: DayNanos


def import_tape(
    source: Path,
    chain: Chain,
    book: Rulebook,
    asked: Sequence[Asked],
    out: Path,
    prints: Sequence[Print] = (),
) -> Manifest:
    """Write the tape of a source into the folder `out`, which is made.

    `chain` is the day's contract master, already without what the day did not list; `asked` are the
    day's inquiries (time, contract), `prints` its trades (time, contract, price, quantity) in order
    of time. TapeError names file and reason when nothing can be imported.
    """
    files = sources(source)
    out.mkdir(parents=True)
    with TemporaryDirectory(dir=out.parent, prefix=f"{out.name}.part.") as name:
        found = _spread(files, chain, book, Path(name), out / QUARANTINE)
        if not found.minutes:
            counts = ", ".join(f"{count} {reason}" for reason, count in found.counts.items())
            raise TapeError(f"{source}: no row of {chain.day} is usable ({counts or 'no rows'})")
        kept, place = _kept(chain, found.seen)
        tape = _Second(kept, place, book, [] if found.phases else list(timetable(book)), asked)
        tape.print_all(prints)
        writer = TapeWriter(out)
        for minute in found.minutes:
            for message in tape.minute(_load(Path(name), minute)):
                writer.add(message)
        last = max(found.last, prints[-1][0] if prints else 0)
        for message in tape.finish(last):
            writer.add(message)
        ticks = writer.close()
    (out / MASTER).write_bytes(write_contracts(list(kept.contracts)))
    manifest = Manifest(
        day=chain.day,
        source=source.name,
        source_sha256=_hash(files),
        ticks_sha256=ticks,
        rows=found.rows,
        other_days=found.others,
        taken=found.rows - found.others - sum(found.counts.values()),
        quarantined=dict(sorted(found.counts.items())),
        listed=len(chain.contracts),
        contracts=len(kept.contracts),
        underlyings=int(found.seen[len(chain.contracts) :].sum()),
        unused=tape.unused,
        inquiries=tape.inquiries,
        prints=tape.prints,
        messages=writer.messages,
        first=tape.first,
        last=last,
        phases="source" if found.phases else "timetable",
        volumes=found.volumes,
        gaps=tuple(tape.gaps),
    )
    write_manifest(out, manifest)
    return manifest


def _hash(files: Sequence[Path]) -> str:
    """SHA-256 of a file, of several the hash of their hashes in order."""
    hashes = [sha256_of(path) for path in files]
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _spread(
    files: Sequence[Path], chain: Chain, book: Rulebook, folder: Path, quarantine: Path
) -> Pass:
    """First pass: check every row, append the good ones to the file of their minute."""
    known = ck.known_of(chain)
    found = Pass(0, 0, {}, np.zeros(len(known.step), dtype=np.int64), False, True, [], 0)
    minutes: dict[int, bool] = {}
    with quarantine.open("w", encoding="utf-8", newline="") as file:
        aside = ck.Quarantine(file)
        checker = ck.Checker(known, chain.day, timetable(book), aside)
        for path in files:
            columns = columns_of(path)
            found.volumes |= OPTIONAL[0] in columns
            found.phases &= OPTIONAL[1] in columns
            first = 1
            for batch in batches(path):
                rows = checker.take(path.name, batch)
                first += len(batch.contracts)
                found.seen[rows[:, ck.KEY]] = 1
                found.last = max(found.last, int(rows[:, ck.AT].max(initial=0)))
                _append(folder, rows, minutes)
            found.rows += first - 1
    found.others, found.counts = checker.others, dict(aside.counts)
    found.minutes = sorted(minutes)
    # Key -1 - class counts from the end; the classes are wanted in order.
    found.seen[len(chain.contracts) :] = found.seen[len(chain.contracts) :][::-1].copy()
    return found


def _append(folder: Path, rows: Ints, minutes: dict[int, bool]) -> None:
    if not len(rows):
        return
    of = rows[:, ck.AT] // MINUTE
    order = np.argsort(of, kind="stable")
    rows, of = rows[order], of[order]
    cuts = np.flatnonzero(np.diff(of)) + 1
    for part in np.split(rows, cuts):
        minute = int(part[0, ck.AT]) // MINUTE
        minutes[minute] = True
        with (folder / f"{minute:04d}").open("ab") as file:
            part.tofile(file)


def _load(folder: Path, minute: int) -> Ints:
    """A minute's rows in order of time, of one instant by key."""
    rows = np.fromfile(folder / f"{minute:04d}", dtype=np.int64).reshape(-1, ck.WIDTH)
    ordered: Ints = rows[np.lexsort((rows[:, ck.KEY], rows[:, ck.AT]))]
    return ordered


def _kept(chain: Chain, seen: Ints) -> tuple[Chain, dict[int, int]]:
    """The chain of what the tape speaks of, and its keys by those of the whole chain."""
    contracts = [row for slot, row in enumerate(chain.contracts) if seen[slot]]
    kept = build_chain(chain.day, contracts)
    slots = {row.code: slot for slot, row in enumerate(kept.contracts)}
    names = [klass.underlying for klass in kept.classes]
    place = {slot: slots[row.code] for slot, row in enumerate(chain.contracts) if row.code in slots}
    for number, klass in enumerate(chain.classes):
        if klass.underlying in names:
            place[-1 - number] = -1 - names.index(klass.underlying)
    return kept, place


class _Second:
    """Second pass: rows in order of time become messages."""

    def __init__(
        self,
        chain: Chain,
        place: dict[int, int],
        book: Rulebook,
        spans: list[Span],
        asked: Sequence[Asked],
    ) -> None:
        """`spans` are the phases that the tape has to tell itself, none when the rows do."""
        self.gaps: list[Gap] = []
        self.inquiries = 0
        self.unused = 0
        self.prints = 0
        self.first: DayNanos = -1
        self._chain, self._place, self._start = chain, place, midnight(chain.day)
        self._rows = np.zeros((len(chain.contracts), market.COLUMNS), dtype=np.int64)
        self._rows[:, market.SLOT] = np.arange(len(chain.contracts))
        self._klass = [
            k for k, item in enumerate(chain.classes) for _ in range(item.start, item.stop)
        ]
        self._due = [(span.start, span.phase) for span in spans]
        if spans:
            self._due.append((spans[-1].stop, Phase.CLOSED))
        self._printed: list[Print] = []
        codes = self._codes = {row.code: slot for slot, row in enumerate(chain.contracts)}
        self._asked = sorted(one for one in asked if one[1] in codes)
        self._trading = [s for s in timetable(book) if s.phase == Phase.CONTINUOUS]
        self._heard = [-1] * len(chain.classes)

    def print_all(self, prints: Sequence[Print]) -> None:
        """Take the trades of the day; those of contracts without rows are unused."""
        self._printed = [one for one in reversed(prints) if one[1] in self._codes]
        self.prints = len(self._printed)
        self.unused += len(prints) - self.prints

    def minute(self, rows: Ints) -> Iterator[TapeMessage]:
        """The messages of a minute, int64[n, WIDTH] in order of time."""
        cuts = np.flatnonzero(np.diff(rows[:, ck.AT])) + 1
        for part in np.split(rows, cuts):
            at = int(part[0, ck.AT])
            yield from self._until(at)
            self.first = at if self.first < 0 else self.first
            yield from self._instant(at, part.tolist())

    def finish(self, last: DayNanos) -> Iterator[TapeMessage]:
        """What is left: the close, when the recording reaches the closing auction."""
        closing = [at for at, phase in self._due if phase == Phase.CLOSING]
        reached = not closing and bool(self._due)
        yield from self._until(self._due[-1][0] if reached else last)

    def _until(self, at: DayNanos) -> Iterator[TapeMessage]:
        """Phases of the timetable, trades and inquiries up to an instant."""
        while self._due and self._due[0][0] <= at:
            yield from self._told_until(self._due[0][0])
            since, phase = self._due.pop(0)
            self._rows[:, market.PHASE] = phase
            self._rows[:, market.FLAGS] = ACCEPTS if phase in TAKING else 0
            for klass in range(len(self._chain.classes)):
                yield self._image(klass, since)
        yield from self._told_until(at)

    def _told_until(self, at: DayNanos) -> Iterator[Inquiry | TapePrints]:
        """Trades and inquiries up to an instant: what happened before its snapshot."""
        while self._printed and self._printed[-1][0] <= at:
            when, rows = self._printed[-1][0], []
            while self._printed and self._printed[-1][0] == when:
                _, contract, price, qty = self._printed.pop()
                rows.append((self._codes[contract], price, qty))
            yield TapePrints(self._start + when, pack(np.array(rows, dtype=np.int64)))
        while self._asked and self._asked[0][0] <= at:
            when, contract = self._asked.pop(0)
            self.inquiries += 1
            name = f"RQ{self._chain.day}{self.inquiries:08d}"
            stamp = self._start + when
            yield Inquiry(name, contract, 0, 0, stamp, stamp + INQUIRY_LIFE)

    def _image(self, klass: int, at: DayNanos) -> ChainTick:
        item = self._chain.classes[klass]
        return ChainTick(klass, self._start + at, True, pack(self._rows[item.start : item.stop]))

    def _instant(
        self, at: DayNanos, rows: list[list[int]]
    ) -> Iterator[ChainTick | UnderlyingTicks]:
        funds: list[UnderlyingTick] = []
        touched: dict[int, list[int]] = {}
        for row in rows:
            key = self._place.get(row[ck.KEY])
            if key is None:
                self.unused += 1
                continue
            if key < 0:
                funds.append(_fund(-1 - key, row))
                continue
            target = self._rows[key]
            for column, cell in _CELLS:
                target[column] = row[cell]
            target[market.FLAGS] = ACCEPTS if row[ck.PHASE] in TAKING else 0
            touched.setdefault(self._klass[key], []).append(key)
        if funds:
            funds.sort(key=lambda one: one.klass)
            yield UnderlyingTicks(self._start + at, tuple(funds))
        for klass, slots in sorted(touched.items()):
            self._listen(klass, at)
            item = self._chain.classes[klass]
            image = len(slots) == item.stop - item.start
            yield ChainTick(klass, self._start + at, image, pack(self._rows[sorted(slots)]))

    def _listen(self, klass: int, at: DayNanos) -> None:
        """Note a silence of continuous trading that ends now."""
        before = self._heard[klass]
        self._heard[klass] = at
        for span in self._trading:
            since, until = max(before, span.start), min(at, span.stop)
            if until - since > GAP:
                self.gaps.append(Gap(self._chain.classes[klass].underlying, since, until))


def _fund(klass: int, row: list[int]) -> UnderlyingTick:
    """An underlying's quote with one level a side."""

    def level(price: int, qty: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return ((price,), (qty,)) if price else ((), ())

    bids, asks = level(row[ck.BID], row[ck.BID_QTY]), level(row[ck.ASK], row[ck.ASK_QTY])
    phase, last = row[ck.PHASE], row[ck.LAST]
    return UnderlyingTick(klass, phase, last, row[ck.VOLUME], 0, *bids, *asks)
