"""A node's copy of the leader's journal, and the same machine fed from it (house.md 6.6 `follow`).

Frames are checked, appended to a journal of our own, made durable, confirmed, and only then
applied. The machine is sealed: nothing it says leaves; every effect and every mark is compared
with what the leader recorded, and the first difference ends the copy's right to lead (F64).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.replication import Diverged, ReplicatedJournal
from quanheng.runtime.disk import Disk
from quanheng.runtime.host import AnyMachine, Core, Host
from quanheng.runtime.journal import (
    EFFECTS,
    HEADER_BYTES,
    INPUT,
    BadFrameError,
    ChainCheck,
    Frame,
    parse_frame,
    payload_length,
)
from quanheng.runtime.ports import Snapshots
from quanheng.runtime.records import (
    Checkpoint,
    EffectRecorder,
    decode_mark,
    envelope_decoder,
    seal_checkpoint,
)
from quanheng.runtime.release import Release
from quanheng.runtime.restore import Recovered, recover
from quanheng.runtime.segment import END_NOTE, REAL, segment_paths


class CopyError(ValueError):
    """Frames that do not continue our copy: it is no part of the leader's journal."""


class Copy:
    """Recovers what is there, then grows by `take`; `lead` makes a host of it."""

    def __init__(
        self, make: Callable[[], AnyMachine], journal: ReplicatedJournal, snapshots: Snapshots
    ) -> None:
        """JournalCorruptError or RecoveryError when our own copy cannot be used."""
        self.journal = journal
        self.diverged: Diverged | None = None
        self.compared = 0  # O and S frames found equal
        self.recovered: Recovered = recover(make, journal, snapshots)
        self._snapshots = snapshots
        self._core: Core = self.recovered.core
        machine = self._core.machine
        self._decode = envelope_decoder(type(machine)).decode
        self._recorder = EffectRecorder(machine.DIGESTED)
        self._pending: Sequence[Any] = self.recovered.unrecorded
        self._unapplied: list[Frame] = []

    @property
    def machine(self) -> Any:
        """The machine as far as it was fed."""
        return self._core.machine

    @property
    def epoch(self) -> int:
        """The last leader's epoch in the copy."""
        return self._core.epoch

    @property
    def inputs(self) -> int:
        """Inputs applied."""
        return self._core.sequencer.seq

    def take(self, data: bytes) -> int:
        """Append whole frames durably; the seq that may be confirmed. `apply` comes after.

        CopyError when they do not follow on: then nothing of the message was taken.
        """
        journal = self.journal
        check = ChainCheck(journal.next_seq, journal.chain)
        frames: list[Frame] = []
        offset = 0
        while offset < len(data):
            try:
                frame = parse_frame(data, offset)
                reason = check.problem(frame)
            except BadFrameError as error:
                reason = str(error)
            if reason:
                raise CopyError(f"frame {check.seq} of the leader: {reason}")
            frames.append(frame)
            offset += frame.size
        for frame in frames:
            journal.append(frame.kind, frame.payload)
        self._unapplied += frames
        return journal.sync()

    def apply(self) -> Diverged | None:
        """Feed what was taken to the machine; the first difference, which is final."""
        frames, self._unapplied = self._unapplied, []
        for frame in frames:
            if self.diverged is None:
                self.diverged = self._apply(frame)
        return self.diverged

    def _apply(self, frame: Frame) -> Diverged | None:
        core = self._core
        if frame.kind == INPUT:
            if self._pending:
                return self._differs(frame, "effects that the leader did not make", b"")
            envelope = self._decode(frame.payload)
            core.sequencer.seq, core.sequencer.at = envelope.seq, envelope.at
            try:
                self._pending = core.absorb(envelope)
            except Exception as error:
                return self._differs(frame, f"the machine raised {error!r}", b"")
            core.armed.clear()
            return None
        if frame.kind == EFFECTS:
            made = self._recorder.payload(self._pending)
            self._pending = ()
            if made != frame.payload:
                return self._differs(frame, "effects differ", made)
        else:
            ours, theirs = core.mark(), decode_mark(frame.payload)
            if ours != theirs:
                parts = [name for name in ours.digest if ours.digest[name] != theirs.digest[name]]
                return self._differs(frame, f"state differs: {', '.join(parts) or 'place'}", b"")
            self._keep(frame.seq)
        self.compared += 1
        return None

    def _differs(self, frame: Frame, what: str, made: bytes) -> Diverged:
        seq = self._core.sequencer.seq
        return Diverged(frame.seq, seq, what, _short(frame.payload), _short(made))

    def _keep(self, seq: int) -> None:
        """A snapshot of our own at the leader's mark."""
        core = self._core
        rows, count = core.timers.rows(), core.timers.count
        state = core.machine.snapshot()
        checkpoint = Checkpoint(core.name, seq, core.mark(), rows, count, state)
        self._snapshots.write(seq, seal_checkpoint(checkpoint))
        self._snapshots.publish(seq)

    def lead(self, release: Release) -> Host:
        """A host that goes on where the copy ends. Effects of a last input whose record did not
        come are recorded and not sent: nobody saw them, the take-over answers.
        """
        self.apply()
        if self._pending:
            self.journal.append(EFFECTS, self._recorder.payload(self._pending))
            self._pending = ()
        return Host.resumed(self._core, self.journal, self._snapshots, release)


def _short(payload: bytes) -> str:
    text = repr(msgspec.msgpack.decode(payload)) if payload else ""
    return text if len(text) <= 240 else text[:237] + "..."


def cut_back(run: Path, machine: str, seq: int, disk: Disk = REAL) -> Path:
    """Take the frames after `seq` off a copy; the file or folder that holds them now. The journal
    must be closed.
    """
    folder = run / "journal" / machine
    target = _aside(run, machine)
    target.mkdir(parents=True)
    for first, path in reversed(segment_paths(folder, disk)):
        if first > seq:
            path.rename(target / path.name)
            continue
        data = path.read_bytes()
        offset = 0
        while offset < len(data) and parse_frame(data, offset).seq <= seq:
            offset += HEADER_BYTES + payload_length(data[offset : offset + 8])
        disk.replace(target / f"after-{seq:016d}.frames", data[offset:])
        disk.sync_folder(target)  # what is cut off is kept before it is cut off
        disk.truncate(path, offset)
        break
    note = folder / END_NOTE
    if note.exists():
        note.rename(target / END_NOTE)
    disk.sync_folder(target)
    disk.sync_folder(folder)
    return target


def _aside(run: Path, machine: str) -> Path:
    number = 1
    while (target := run / "aside" / f"{machine}-{number}").exists():
        number += 1
    return target


def set_aside(run: Path, machine: str) -> Path:
    """Move a copy that cannot be used, journal and snapshots, out of the way; where it is now.

    Nothing of a journal is ever deleted here (borders.md 2): people may look at what parted.
    """
    target = _aside(run, machine)
    target.mkdir(parents=True)
    for part in ("journal", "snap"):
        folder = run / part / machine
        if folder.exists():
            folder.rename(target / part)
    return target
