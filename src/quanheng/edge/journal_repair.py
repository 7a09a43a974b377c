"""Repair of damaged segments of a journal from a copy (reliability.md F09, docs/standby.md).

The scrub names damage in a segment that no start reads any more; here its frames come from the
other node's copy. Only what fits is taken: the copy's frames have to continue the chain before the
segment and be continued by the chain behind it. The damaged file is kept aside.
"""

from itertools import pairwise
from pathlib import Path

import msgspec

from quanheng.runtime.chain import genesis
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import (
    BadFrameError,
    ChainCheck,
    JournalError,
    encode_frame,
    parse_frame,
)
from quanheng.runtime.segment import REAL, read_segments, segment_paths


class Repaired(msgspec.Struct, frozen=True):
    """A segment that was damaged: why, and where the damaged file is now."""

    segment: str
    why: str
    aside: Path


class _Segment:
    """What a file holds, up to the first frame that is none."""

    def __init__(self, data: bytes, first: int, chain: bytes | None) -> None:
        check = ChainCheck(first, chain)
        self.why, self.prev = "", b""
        offset = 0
        while offset < len(data) and not self.why:
            try:
                frame = parse_frame(data, offset)
                self.why = check.problem(frame)
            except BadFrameError as error:
                self.why = str(error)
                break
            self.prev = self.prev or frame.prev
            offset += frame.size
        self.chain, self.next = check.chain, check.seq


def repair(run: Path, machine: str, copy: Path, disk: Disk = REAL) -> list[Repaired]:
    """Replace damaged segments of RUN/journal/MACHINE by the frames of the run folder `copy`.

    The journal must have no writer. The last segment is left alone: its end is judged when it is
    opened. JournalError when the copy's frames do not fit or are damaged themselves; then nothing
    of that segment was changed.
    """
    folder = run / "journal" / machine
    paths = segment_paths(folder, disk)
    chain = genesis(machine) if paths and paths[0][0] == 1 else None
    done = []
    for (first, path), (after, behind) in pairwise(paths):
        found = _Segment(disk.read(path), first, chain)
        if not found.why and found.next == after:
            chain = found.chain
            continue
        why = found.why or f"it ends before frame {after}"
        data, chain = _from_copy(copy, machine, first, after, chain)
        head = _Segment(disk.read(behind), after, None).prev
        if head and head != chain:
            raise JournalError(f"{path}: the copy's frames do not lead to frame {after}")
        aside = run / "aside" / f"{path.name}.damaged"
        aside.parent.mkdir(exist_ok=True)
        aside.write_bytes(disk.read(path))
        disk.replace(path, data)
        disk.sync_folder(folder)
        done.append(Repaired(path.name, why, aside))
    return done


def _from_copy(
    copy: Path, machine: str, first: int, after: int, chain: bytes | None
) -> tuple[bytes, bytes | None]:
    """(bytes, chain at the end) of the copy's frames from `first` to before `after`."""
    check = ChainCheck(first, chain)
    parts = []
    for frame in read_segments(copy / "journal" / machine, machine, first):
        if frame.seq >= after:
            break
        reason = check.problem(frame)
        if reason:
            raise JournalError(f"copy {copy}: frame {frame.seq}: {reason}")
        parts.append(
            encode_frame(frame.seq, frame.durable_seq, frame.kind, frame.prev, frame.payload)
        )
    if check.seq != after:
        raise JournalError(f"copy {copy}: it ends before frame {after}")
    return b"".join(parts), check.chain
