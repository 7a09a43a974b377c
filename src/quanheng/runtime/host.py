"""The host's core: what every host does with one input, whatever its clock and wires.

take input -> number it -> append the I frame -> apply -> append the O frame -> hold the effects.
`sim` uses the returned effects at once; a live host uses `commit`, which lets effects go only
when the journal says that what they follow from is safe.
"""

from collections.abc import Sequence
from typing import Any

from quanheng.runtime.envelope import Envelope, NotSent, Source, TimerFired, TookOver, WakeAt
from quanheng.runtime.journal import EFFECTS, INPUT, MARK, Journal
from quanheng.runtime.machine import Machine
from quanheng.runtime.ports import Snapshots
from quanheng.runtime.records import (
    Checkpoint,
    EffectRecorder,
    Mark,
    body_decoder,
    encode,
    seal_checkpoint,
)
from quanheng.runtime.release import Held, Release
from quanheng.runtime.sequencer import Sequencer
from quanheng.runtime.timers import Timers
from quanheng.terms.units import Nanos

AnyMachine = Machine[Any, Any]


class HostBrokenError(RuntimeError):
    """The machine broke an invariant (raised inside apply); nothing more is fed to it."""


class Core:
    """A machine with its place in time: sequencer, epoch and timers, but no journal.

    `armed` collects (at, token, name, cause) of timers set since the host last drained it.
    """

    __slots__ = ("armed", "epoch", "machine", "name", "sequencer", "timers")

    def __init__(self, machine: AnyMachine) -> None:
        self.machine = machine
        self.name = machine.NAME
        self.sequencer = Sequencer()
        self.timers = Timers()
        self.epoch = 0
        self.armed: list[tuple[Nanos, int, str, int]] = []

    def absorb(self, envelope: Envelope[Any]) -> Sequence[Any]:
        """Apply one envelope and keep timers and epoch; shared by take, replay and recovery."""
        body = envelope.body
        kind = type(body)
        if kind is TimerFired:
            self.timers.fired(body.name, body.due)
        elif kind is TookOver:
            self.epoch = body.epoch
        effects = self.machine.apply(envelope)
        for effect in effects:
            if type(effect) is WakeAt:
                self._arm(effect, envelope)
        return effects

    def _arm(self, wake: WakeAt, envelope: Envelope[Any]) -> None:
        if wake.at <= envelope.at:
            raise ValueError(
                f"{self.name} input {envelope.seq}: timer {wake.name} asks for {wake.at}, "
                f"which is not after {envelope.at}"
            )
        token = self.timers.arm(wake.name, wake.at, envelope.seq)
        self.armed.append((wake.at, token, wake.name, envelope.seq))

    def load(self, checkpoint: Checkpoint) -> None:
        """Go to a checkpoint: machine state, numbers, time, epoch, timers."""
        self.machine.restore(checkpoint.state)
        self.sequencer = Sequencer(checkpoint.mark.input_seq, checkpoint.mark.at)
        self.epoch = checkpoint.mark.epoch
        self.timers.load(checkpoint.timers, checkpoint.timer_count)
        self.armed.clear()

    def mark(self) -> Mark:
        """Where the machine is now, with the digest of its state."""
        return Mark(self.sequencer.seq, self.sequencer.at, self.epoch, self.machine.digest())


class Host(Core):
    """One machine, its journal, its snapshots and, for a live host, its release.

    `strict` passes every input through its journaled bytes before the machine sees it, so a body
    that does not survive the journal is found at once (tests; about 2 us per input).
    """

    __slots__ = ("_decode", "_recorder", "broken", "journal", "release", "snapshots")

    def __init__(
        self,
        machine: AnyMachine,
        journal: Journal,
        snapshots: Snapshots | None = None,
        release: Release | None = None,
        strict: bool = False,
    ) -> None:
        super().__init__(machine)
        self.journal = journal
        self.snapshots = snapshots
        self.release = release
        self.broken = ""
        self._recorder = EffectRecorder(machine.DIGESTED)
        self._decode = body_decoder(type(machine)).decode if strict else None

    @classmethod
    def resumed(
        cls,
        core: Core,
        journal: Journal,
        snapshots: Snapshots | None = None,
        release: Release | None = None,
    ) -> "Host":
        """A host that goes on from a recovered core (`restore.recover`)."""
        host = cls(core.machine, journal, snapshots, release)
        host.sequencer = core.sequencer
        host.timers = core.timers
        host.epoch = core.epoch
        return host

    def take(self, body: Any, at: Nanos, source: Source, cause: int = 0) -> Sequence[Any]:
        """Journal one input, apply it, journal and hold its effects; returns the effects.

        HostBrokenError once the machine has raised; the I frame of the bad input is kept.
        """
        if self.broken:
            raise HostBrokenError(f"{self.name} is stopped: {self.broken}")
        sequencer = self.sequencer
        at = sequencer.stamp(at)
        if self._decode is not None:
            body = self._decode(encode(body))
        envelope = Envelope(sequencer.seq, at, source, cause, body)
        frame_seq = self.journal.append(INPUT, encode(envelope))
        try:
            effects = self.absorb(envelope)
        except Exception as error:
            self.broken = f"input {envelope.seq} ({type(body).__name__}): {error!r}"
            raise
        if effects:
            frame_seq = self.journal.append(EFFECTS, self._recorder.payload(effects))
            if self.release is not None:
                self.release.hold(frame_seq, envelope.seq, effects)
        return effects

    def commit(self) -> list[Held]:
        """Group commit: make the journal safe as the policy asks, return what may leave now.

        An error of the disk leaves nothing released and the journal dead.
        """
        if self.release is None:
            return []
        if self.release.policy == "written":
            return self.release.free(self.journal.flush(), 0)
        return self.release.free(self.journal.next_seq - 1, self.journal.sync())

    def withhold(self, why: str) -> NotSent | None:
        """Drop what is waiting for release; the NotSent is the machine's next input."""
        return None if self.release is None else self.release.withhold(why)

    def fire(self, now: Nanos) -> Sequence[Any] | None:
        """Take the earliest timer that is due at `now`; None when none is."""
        due = self.timers.next_due()
        if due is None or due[0] > now:
            return None
        at, _, name, cause = due
        return self.take(TimerFired(name, at), max(at, self.sequencer.at), Source.TIMER, cause)

    def checkpoint(self) -> int:
        """Write a snapshot and its S frame, the manifest last; returns the S frame's seq."""
        mark = self.mark()
        frame_seq = self.journal.next_seq
        if self.snapshots is not None:
            state = self.machine.snapshot()
            rows, count = self.timers.rows(), self.timers.count
            checkpoint = Checkpoint(self.name, frame_seq, mark, rows, count, state)
            self.snapshots.write(frame_seq, seal_checkpoint(checkpoint))
        self.journal.append(MARK, encode(mark))
        self.journal.flush()
        if self.snapshots is not None:
            self.snapshots.publish(frame_seq)
        return frame_seq

    def seal(self) -> int:
        """Append the final S frame (the digest of the end), flush; returns its seq."""
        frame_seq = self.journal.append(MARK, encode(self.mark()))
        self.journal.flush()
        return frame_seq
