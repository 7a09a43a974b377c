"""Sweeps over the journal's own code: power cuts on a simulated disk, truncation, bit flips.

A sweep returns figures and the texts of what went wrong; no text means that the promises 1 to 3 of
reliability.md 7 held in every case. `tools/sweep_journal.py` runs them by the hundred thousand.
"""

import hashlib
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from quanheng.edge.simulated_disk import PowerLostError, SimulatedDisk
from quanheng.runtime import verify
from quanheng.runtime.journal import (
    EFFECTS,
    INPUT,
    JournalCorruptError,
    JournalDeadError,
    parse_frame,
)
from quanheng.runtime.segment import END_NOTE, SegmentJournal, segment_paths

ROOT = Path("run")
FOLDER = ROOT / "journal" / "maker"
MAX_LIFE = 40


class Found(msgspec.Struct):
    """Figures of a sweep; `wrong` are texts, each with what repeats it."""

    cases: int = 0
    failed: int = 0  # lives that a failed fsync ended; the next one reads what the cache shows
    acked: int = 0  # records acknowledged as durable before a cut, over all cases
    torn: int = 0  # cases in which something unacknowledged was cut off
    halts: int = 0  # cases in which opening refused
    wrong: list[str] = msgspec.field(default_factory=list)


def payload_of(seed: int, seq: int) -> bytes:
    """The payload that a frame of a sweep carries: known from its number, 0 to 900 bytes."""
    draw = hashlib.sha256(f"{seed} {seq}".encode()).digest()
    size = int.from_bytes(draw[:2], "little") % (900 if draw[2] < 64 else 120)
    return (draw * (size // 32 + 1))[:size]


class _Writer:
    """A process with a journal: appends batches, and hears what is durable."""

    def __init__(self, seed: int, disk: SimulatedDisk) -> None:
        self.seed, self.disk = seed, disk
        self.acked = 0
        self.tried = 0  # highest seq that was ever handed to the disk's cache

    def live(self, draw: random.Random, may_fail: bool) -> None:
        """Until the power goes, the process ends by itself, or an fsync fails."""
        fails = draw.randrange(MAX_LIFE) if may_fail and draw.random() < 0.25 else -1
        self.disk.sync_fails = fails == 0  # at the opening
        journal = SegmentJournal(ROOT, "maker", segment_bytes=2_000, disk=self.disk)
        self.check(journal)
        for batch in range(1, draw.randrange(2, MAX_LIFE + 1)):
            self.disk.sync_fails = batch == fails
            for _ in range(draw.randrange(1, 6)):
                seq = journal.next_seq
                self.tried = max(self.tried, seq)
                journal.append(EFFECTS if seq % 2 else INPUT, payload_of(self.seed, seq))
            if draw.random() < 0.2:
                journal.flush()
            if draw.random() < 0.8:
                self.acked = max(self.acked, journal.sync())
        if draw.random() < 0.5:
            journal.close()
            self.acked = max(self.acked, journal.durable_seq)

    def check(self, journal: SegmentJournal) -> None:
        """AssertionError unless everything acknowledged is there and nothing else is different."""
        last = journal.next_seq - 1
        if not self.acked <= last <= self.tried:
            raise AssertionError(f"{last} frames, {self.acked} acknowledged, {self.tried} written")
        count = 0
        for count, frame in enumerate(journal.read(), 1):
            if frame.seq != count or frame.payload != payload_of(self.seed, count):
                raise AssertionError(f"frame {count} is another one")
        if count != last:
            raise AssertionError(f"{count} frames are read of {last}")


def power_cuts(seed: int, lives: int = 4) -> Found:
    """One disk, several lives of a journal, each ended by a power cut at a drawn call, or before it
    by an fsync that fails (F05); the last one ends by a power cut.
    """
    found, draw = Found(), random.Random(seed)
    disk = SimulatedDisk(seed)
    writer = _Writer(seed, disk)
    for life in range(lives):
        disk.lose_at = draw.randrange(1, 60)
        try:
            writer.live(draw, may_fail=life < lives - 1)
        except PowerLostError:
            pass
        except JournalDeadError:
            disk.process_gone()
            found.failed += 1
            continue
        except (AssertionError, JournalCorruptError) as error:
            found.wrong.append(f"power cuts, seed {seed}, life {life}: {error}")
            found.halts += isinstance(error, JournalCorruptError)
            return found
        disk.power_cut()
        found.cases += 1
        found.acked += writer.acked
    try:
        journal = SegmentJournal(ROOT, "maker", segment_bytes=2_000, disk=disk)
        writer.check(journal)
        found.torn += journal.next_seq - 1 < writer.tried
        journal.close()
    except (AssertionError, JournalCorruptError) as error:
        found.wrong.append(f"power cuts, seed {seed}, at the end: {error}")
    return found


def truncations(root: Path, step: int = 1) -> Found:
    """Cut the last segment of the closed journal `root`/journal/maker at every length.

    Without its end note the journal is one that crashed: opening keeps the longest valid prefix.
    """
    found = Found()
    folder = root / "journal" / "maker"
    first, path = segment_paths(folder)[-1]
    data = path.read_bytes()
    starts = frame_starts(data)
    frames = list(pairwise(starts))
    payloads = [parse_frame(data, start).payload for start, _ in frames]
    for length in range(0, len(data) + 1, step):
        path.write_bytes(data[:length])
        (folder / END_NOTE).unlink(missing_ok=True)
        whole = sum(1 for start in starts[1:] if start <= length)
        journal = SegmentJournal(root, "maker", durable=False)
        found.cases += 1
        found.torn += length not in starts
        kept = [frame.payload for frame in journal.read(first)]
        if journal.next_seq != first + whole or kept != payloads[:whole]:
            found.wrong.append(f"cut at {length}: {journal.next_seq - first} frames of {whole}")
        journal.close()
        if path.exists() and path.stat().st_size not in starts:
            found.wrong.append(f"cut at {length}: the torn tail stayed")
    path.write_bytes(data)
    return found


def flips(root: Path, step: int = 1) -> Found:
    """Turn every `step`-th bit of a closed journal's last segment: `verify` names the very frame,
    and the writer refuses to open it.
    """
    found = Found()
    folder = root / "journal" / "maker"
    first, path = segment_paths(folder)[-1]
    data = path.read_bytes()
    starts = frame_starts(data)
    for place, bit in _bits(len(data), step):
        bad = bytearray(data)
        bad[place] ^= 1 << bit
        path.write_bytes(bad)
        index = max(i for i, start in enumerate(starts) if start <= place)
        verdict = verify.verify_machine(root, "maker")
        found.cases += 1
        if verdict["ok"] or (verdict["seq"], verdict["offset"]) != (first + index, starts[index]):
            found.wrong.append(f"bit {bit} of byte {place}: verify says {verdict}")
        try:
            SegmentJournal(root, "maker").close()
            found.wrong.append(f"bit {bit} of byte {place}: it was opened")
        except JournalCorruptError:
            found.halts += 1
        if path.read_bytes() != bad:
            found.wrong.append(f"bit {bit} of byte {place}: opening changed the segment")
    path.write_bytes(data)
    return found


def _bits(length: int, step: int) -> Iterator[tuple[int, int]]:
    for number in range(0, length * 8, step):
        yield number // 8, number % 8


def frame_starts(data: bytes) -> list[int]:
    """Where each frame of a whole segment begins, and its end."""
    starts, at = [0], 0
    while at < len(data):
        at += parse_frame(data, at).size
        starts.append(at)
    return starts
