"""The scrub: every start verifies the last segments whole; this goes through the older ones in
small steps while the machine works, so that recovery time stays bounded (reliability.md 1.8, F09).
"""

from pathlib import Path

from quanheng.runtime.chain import genesis
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import (
    HEADER_BYTES,
    MAX_PAYLOAD,
    BadFrameError,
    ChainCheck,
    JournalCorruptError,
    parse_frame,
    payload_length,
)
from quanheng.runtime.segment import REAL, segment_paths

CHUNK = 128 << 10
"""Bytes a step reads and checks: some 0.2 ms of work."""


class Scrub:
    """Goes once through the segments that a start does not read; `step` until it says False.

    A journal whose head was dropped (tail:N) starts from its first frame's word.
    """

    def __init__(self, folder: Path, machine: str, disk: Disk = REAL) -> None:
        self.frames = 0
        self._machine = machine
        self._disk = disk
        paths = segment_paths(folder, disk)
        self._left = paths[:-2]
        self._after = paths[-2][0] if self._left else 0
        first = self._left[0][0] if self._left else 1
        self._check = ChainCheck(first, genesis(machine) if first == 1 else None)
        self._offset = 0

    def step(self) -> bool:
        """Check the next piece; False when there is none. JournalCorruptError names the place."""
        if not self._left:
            return False
        path = self._left[0][1]
        data = self._disk.read_part(path, self._offset, CHUNK)
        if not data:
            return self._next_segment(path)
        if len(data) >= HEADER_BYTES:
            need = HEADER_BYTES + payload_length(data)
            if CHUNK < need <= HEADER_BYTES + MAX_PAYLOAD:
                data = self._disk.read_part(path, self._offset, need)
        at = 0
        while at < len(data):
            try:
                frame = parse_frame(data, at)
                reason = self._check.problem(frame)
            except BadFrameError as error:
                if at:
                    break  # it goes on in the next piece
                reason = str(error)
            if reason:
                raise self._damage(path, reason, at)
            at += frame.size
            self.frames += 1
        self._offset += at
        return True

    def _next_segment(self, path: Path) -> bool:
        self._left.pop(0)
        self._offset = 0
        due = self._left[0][0] if self._left else self._after
        if due != self._check.seq:
            raise self._damage(path, f"it ends before frame {due}, where the next begins")
        return True

    def _damage(self, path: Path, reason: str, at: int = 0) -> JournalCorruptError:
        self._left = []
        offset, seq = self._offset + at, self._check.seq
        return JournalCorruptError(self._machine, path.name, offset, seq, reason)
