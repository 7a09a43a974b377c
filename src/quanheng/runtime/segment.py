"""The journal on disk: `journal/<machine>/<first_seq:016d>.seg`, 64 MB each (borders.md 2).

Group commit: frames are buffered, `flush` hands them to the operating system, `sync` makes them
durable. Opening scans the last segments: a torn tail is cut off, anything else that is damaged
halts with JournalCorruptError, because it was durable once. Who says so: a later frame's
`durable_seq`, the note `end` that `close` leaves, or a copy (reliability.md 1.8); without fsync
(simulations) any later frame, since only power reorders what was written. A write or fsync that
fails kills the journal for good; fsync is never retried (the kernel may have dropped the pages).
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

from quanheng.runtime.chain import genesis
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import (
    HEADER_BYTES,
    MAGIC,
    BadFrameError,
    ChainCheck,
    ChainedWriter,
    Frame,
    JournalCorruptError,
    JournalDeadError,
    JournalError,
    parse_frame,
)

SEGMENT_BYTES = 64 << 20
BUFFER_BYTES = 1 << 20


END_NOTE = "end"
"""File that a closed journal leaves beside its segments: the last durable frame, with a CRC."""
REAL = Disk()


def segment_paths(folder: Path, disk: Disk = REAL) -> list[tuple[int, Path]]:
    """(first seq, path) of a machine's segments in order."""
    names = [name for name in disk.names(folder) if name.endswith(".seg")]
    return sorted((int(name[:-4]), folder / name) for name in names)


class SegmentJournal(ChainedWriter):
    """One machine's journal in a run folder; `root` is the run folder.

    `durable` false is for simulations only: nothing is ever fsynced and `durable_seq` stays 0.
    `keep` > 0 drops the oldest segments while at least that many frames remain (tail:N).
    `peer_durable` is the seq that a copy of this journal holds durably: a tail that ends before
    it is corruption, not a torn write. `torn` names the tail that opening cut off, if any.
    """

    __slots__ = (
        "_buffer",
        "_dead",
        "_disk",
        "_durable",
        "_file",
        "_first",
        "_folder",
        "_keep",
        "_lock",
        "_room",
        "_segment_bytes",
        "torn",
    )

    def __init__(
        self,
        root: Path,
        machine: str,
        *,
        durable: bool = True,
        segment_bytes: int = SEGMENT_BYTES,
        keep: int = 0,
        peer_durable: int = 0,
        disk: Disk | None = None,
    ) -> None:
        super().__init__(machine)
        self._folder = root / "journal" / machine
        self._disk = disk or Disk()
        self._durable = durable
        self._segment_bytes = segment_bytes
        self._keep = keep
        self._buffer = bytearray()
        self._dead = ""
        self._file = -1
        self._first = 0
        self._room = 0
        self.torn = ""
        self._lock = -1
        try:
            made = self._disk.make_folder(self._folder)
            self._lock = self._disk.lock(self._folder / "lock")
            if made and durable:
                self._disk.sync_folder(self._folder.parent)
            self._recover(peer_durable)
        except BlockingIOError as error:
            raise JournalError(f"{self._folder} already has a writer") from error
        except BaseException as error:
            for descriptor in (self._file, self._lock):
                if descriptor >= 0:
                    self._disk.close(descriptor)
            if isinstance(error, OSError):
                raise self._die("opening", error) from error
            raise

    def _make_durable(self, path: Path, tail: "Tail") -> None:
        """What was read back may be in the page cache only, and after an fsync that failed the
        system takes it for written: what nothing says is durable is written again (F05).
        """
        if tail.unsure:
            self._disk.rewrite(path, tail.offset - len(tail.unsure), tail.unsure)
        self._disk.sync(self._file)
        self._disk.sync_folder(self._folder)
        self.durable_seq = self.next_seq - 1

    def append(self, kind: int, payload: bytes) -> int:
        """Add a frame, buffered; returns its seq. JournalDeadError after any disk error."""
        if self._dead:
            raise JournalDeadError(self._dead)
        size = HEADER_BYTES + len(payload)
        if size > self._room:
            self._roll(size)
        head, body = self.next_frame(kind, payload)
        self._room -= size
        buffer = self._buffer
        buffer += head
        buffer += body
        if len(buffer) >= BUFFER_BYTES:
            self.flush()
        return self.next_seq - 1

    def flush(self) -> int:
        """Write the buffer out; returns the last seq written."""
        if self._dead:
            raise JournalDeadError(self._dead)
        if self._buffer:
            buffer, self._buffer = self._buffer, bytearray()
            view = memoryview(buffer)
            try:
                while view:
                    view = view[self._disk.write(self._file, view) :]
            except OSError as error:
                raise self._die("write", error) from error
        return self.next_seq - 1

    def sync(self) -> int:
        """Flush and fdatasync; returns the durable seq. With `durable` false only flushes."""
        last = self.flush()
        if self._durable and last > self.durable_seq:
            try:
                self._disk.sync(self._file)
            except OSError as error:
                raise self._die("fdatasync", error) from error
            self.durable_seq = last
        return self.durable_seq

    def read(self, from_seq: int = 1) -> Iterator[Frame]:
        """Checked frames from a seq on; what is still buffered is flushed first."""
        if not self._dead:
            self.flush()
        return read_segments(self._folder, self.machine, from_seq, self._disk)

    def close(self) -> None:
        """Sync what can be synced and give the folder up."""
        if self._lock < 0:
            return
        try:
            if not self._dead:
                self.sync()
                self._note_end()
        finally:
            if self._file >= 0:
                self._disk.close(self._file)
            self._disk.close(self._lock)
            self._file = self._lock = -1

    def _note_end(self) -> None:
        """Say beside the segments how far they are durable: no later frame does it for the last.

        The note stays true when the journal grows, so it is never taken away.
        """
        if not self.durable_seq:
            return
        try:
            self._disk.replace(self._folder / END_NOTE, end_note(self.durable_seq))
            self._disk.sync_folder(self._folder)
        except OSError as error:
            raise self._die("the end note", error) from error

    def _die(self, call: str, error: OSError) -> JournalDeadError:
        self._dead = (
            f"journal of {self.machine} is dead: {call} of segment {self._first} failed at frame "
            f"{self.next_seq - 1}: {error}; durable up to {self.durable_seq}"
        )
        return JournalDeadError(self._dead)

    def _roll(self, size: int) -> None:
        """Close the current segment and start one at `next_seq` with room for `size` bytes."""
        if self._file >= 0:
            self.sync()
            self._disk.close(self._file)
            self._file = -1
        path = self._folder / f"{self.next_seq:016d}.seg"
        try:
            # A segment without one valid frame is a torn start of the same seq: begin it anew.
            self._file = self._disk.create(path)
            if self._durable:
                self._disk.sync_folder(self._folder)
        except OSError as error:
            raise self._die("create", error) from error
        self._first = self.next_seq
        self._room = max(self._segment_bytes, size)
        if self._keep:
            self._drop_old()

    def _drop_old(self) -> None:
        paths = segment_paths(self._folder, self._disk)
        while len(paths) > 1 and self.next_seq - paths[1][0] >= self._keep:
            self._disk.remove(paths.pop(0)[1])

    def _recover(self, peer_durable: int) -> None:
        """Find the end of the journal, cut a torn tail, and stand ready to append."""
        tail = find_tail(self._folder, self.machine, peer_durable, self._disk, self._durable)
        self.next_seq, self.chain = tail.seq, tail.chain
        if tail.empty is not None:
            self._disk.remove(tail.empty)  # no frame of it was complete; `_roll` begins it again
        if tail.path is None:
            return
        if tail.reason:
            first = f"{tail.path.name} offset {tail.offset}, frame {tail.seq}"
            self.torn = f"{first}: {tail.reason}; {tail.lost} bytes were never durable"
            self._disk.truncate(tail.path, tail.offset)
        self._file = self._disk.open_end(tail.path)
        if self._durable:
            self._make_durable(tail.path, tail)
        self._first = int(tail.path.stem)
        self._room = max(0, self._segment_bytes - tail.offset)


class Tail:
    """Where a journal ends: next seq, chain, and the valid bytes of its last segment."""

    __slots__ = ("chain", "empty", "lost", "offset", "path", "reason", "seq", "unsure")

    def __init__(self, seq: int, chain: bytes) -> None:
        self.seq = seq
        self.chain = chain
        self.path: Path | None = None
        self.offset = 0
        self.reason = ""  # why the valid bytes end before the segment does
        self.lost = 0  # bytes of it behind them
        self.empty: Path | None = None  # a segment behind it without one whole frame
        self.unsure = b""  # the end of the valid bytes that no frame says is durable


def end_note(seq: int) -> bytes:
    """Content of the note that a closed journal leaves: frame `seq` and all before are durable."""
    text = f"{seq:016d} "
    return f"{text}{zlib.crc32(text.encode()):08x}\n".encode()


def noted_end(folder: Path, disk: Disk = REAL) -> int:
    """The frame that the end note claims durable; 0 without a note or with a damaged one."""
    if END_NOTE not in disk.names(folder):
        return 0
    data = disk.read(folder / END_NOTE)
    seq = int(data[:16]) if data[:16].isdigit() else 0
    return seq if data == end_note(seq) else 0


def find_tail(
    folder: Path,
    machine: str,
    peer_durable: int = 0,
    disk: Disk = REAL,
    durable: bool = True,
) -> Tail:
    """Scan the end of a journal. JournalCorruptError when the damage is more than a torn tail.

    `durable`: the journal was written with fsync, so what no one claims durable may be torn in
    any order (sectors of one batch reach the disk as they like).
    """
    paths = segment_paths(folder, disk)
    tail = Tail(1, genesis(machine))
    known: bytes | None = tail.chain
    # A crash while a segment is begun leaves one without a frame; its predecessor is the end.
    start = max(0, len(paths) - 2)
    if paths and paths[start][0] > 1:
        tail.seq, known = paths[start][0], None
    for index in range(start, len(paths)):
        first, path = paths[index]
        last = index == len(paths) - 1
        if first != tail.seq:
            raise JournalCorruptError(machine, path.name, 0, tail.seq, "a segment is missing")
        data = disk.read(path)
        check = ChainCheck(first, known)
        offset, reason, unsure = _scan(data, check)
        if reason and (not last or _claimed(data, offset, check.seq, durable)):
            raise JournalCorruptError(machine, path.name, offset, check.seq, reason)
        if offset == 0 and tail.path is not None:
            tail.empty = path
            break
        tail.seq, known = check.seq, check.chain
        tail.path, tail.offset = path, offset
        tail.reason, tail.lost = reason, len(data) - offset
        tail.unsure = data[unsure:offset]
    tail.chain = known or tail.chain
    claims = ((noted_end(folder, disk), "the end note"), (peer_durable, "the copy"))
    for seq, who in claims:
        if seq >= tail.seq:
            name = tail.path.name if tail.path else "no segment"
            reason = f"{who} holds frames up to {seq} durably"
            raise JournalCorruptError(machine, name, tail.offset, tail.seq, reason)
    return tail


def _scan(data: bytes, check: ChainCheck) -> tuple[int, str, int]:
    """(bytes of the longest valid prefix, reason it ends before the data does or empty, where the
    frames begin that were appended since the last sync: the first that tells of it is the first).
    """
    offset = since = 0
    durable = -1
    while offset < len(data):
        try:
            frame = parse_frame(data, offset)
        except BadFrameError as error:
            return offset, str(error), since
        reason = check.problem(frame)
        if reason:
            return offset, reason, since
        if frame.durable_seq != durable:
            durable, since = frame.durable_seq, offset
        offset += frame.size
    return offset, "", since


def _claimed(data: bytes, offset: int, bad_seq: int, durable: bool) -> bool:
    """True if a valid frame behind the first bad byte says that the bad frame was durable.

    A journal without fsync claims nothing; there a later frame itself is the claim.
    """
    at = data.find(MAGIC, offset + 1)
    while at >= 0:
        try:
            frame = parse_frame(data, at)
        except BadFrameError:
            frame = None
        if frame is not None:
            later = not durable and frame.seq > bad_seq
            if later or bad_seq <= frame.durable_seq < frame.seq:
                return True
        at = data.find(MAGIC, at + 1)
    return False


def read_segments(
    folder: Path, machine: str, from_seq: int = 1, disk: Disk = REAL
) -> Iterator[Frame]:
    """Checked frames of a journal folder without opening it for writing; stops at a torn tail.

    JournalCorruptError names the first frame that does not follow on; for a reader any frame
    behind a bad one counts, since a writer cuts a torn batch before anybody needs to read on.
    """
    paths = segment_paths(folder, disk)
    start = max((i for i, (first, _) in enumerate(paths) if first <= from_seq), default=0)
    check: ChainCheck | None = None
    for index in range(start, len(paths)):
        first, path = paths[index]
        if check is None:
            check = ChainCheck(first, genesis(machine) if first == 1 else None)
        data = disk.read(path)
        offset = 0
        while offset < len(data):
            try:
                frame = parse_frame(data, offset)
                reason = check.problem(frame)
            except BadFrameError as error:
                torn = index == len(paths) - 1 and not _claimed(data, offset, check.seq, False)
                if torn:
                    return
                reason = str(error)
            if reason:
                raise JournalCorruptError(machine, path.name, offset, check.seq, reason)
            if frame.seq >= from_seq:
                yield frame
            offset += frame.size
