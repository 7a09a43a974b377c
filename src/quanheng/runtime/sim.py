"""The simulation host: every machine of a world in one process on virtual time (borders.md 1).

Events wait in one heap ordered by (at, wire number, sender sequence), so a run has exactly one
order. Wire 0 carries what is posted from outside, wires 1, 2 … are the timers of the machines
in the order they were added, then come the declared wires. A machine never hears its own effect
at the same instant, because every latency is positive and every timer is later than now.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from quanheng.runtime.catchup import CatchUpJournal
from quanheng.runtime.chain import run_digest
from quanheng.runtime.envelope import Source, TimerFired, WakeAt
from quanheng.runtime.host import AnyMachine, Host
from quanheng.runtime.ports import Stores
from quanheng.runtime.records import body_decoder, encode, seal, unseal, unseal_checkpoint
from quanheng.runtime.wires import Carry, CauseOf, Sink, Wire
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

WORLD = "world"
"""Name under which the simulation keeps what is in flight, beside the machines' snapshots."""
MAX_WAITING = 1_000_000
PROGRESS_EVERY = 2_048

Entry = tuple[Nanos, int, int, Host, Any, int]  # at, wire, sequence, receiver, body, cause


class World(msgspec.Struct, array_like=True):
    """A checkpoint of what is not in any machine: wires, heap, carries and sinks."""

    at: Nanos
    frames: dict[str, int]  # S frame of each machine that belongs to this checkpoint
    envelopes: int
    posted: int
    sources: dict[int, int]
    sent: list[int]
    waiting: list[tuple[Nanos, int, int, str, int, bytes]]
    states: list[bytes]  # of Stateful carries and sinks, in the order they were declared


class WiringError(ValueError):
    """The world is drawn wrongly; the text names machine, wire or effect."""


class Simulation:
    """Add machines, draw wires and sinks, resume or post the openings, run, close.

    `snapshot_every` of business time (0: never) and the instants in `marks` get a checkpoint;
    `strict` passes every input through its journaled bytes (see Host).
    """

    def __init__(
        self,
        stores: Stores,
        snapshot_every: Nanos = 60 * SECOND,
        marks: Sequence[Nanos] = (),
        strict: bool = False,
    ) -> None:
        self.at: Nanos = 0
        self.envelopes = 0
        self.hosts: dict[str, Host] = {}
        self.wires: list[Wire] = []
        self._stores = stores
        self._every = snapshot_every
        self._marks = sorted(marks)
        self._next_mark: Nanos = 0
        self._strict = strict
        self._heap: list[Entry] = []
        self._posted = 0
        self._timer_wire: dict[str, int] = {}
        self._sources: dict[int, Source] = {}
        self._by_number: dict[int, Wire] = {}
        self._routes: dict[str, dict[type, list[Wire]]] = {}
        self._sinks: dict[str, dict[type, list[Sink]]] = {}
        self._stateful: list[Any] = []
        self._opened = False

    # Drawing the world -------------------------------------------------------------------------

    def add(self, machine: AnyMachine) -> Host:
        """Add a machine; all machines come before the first wire."""
        name = machine.NAME
        if name in self.hosts or self.wires:
            raise WiringError(f"machine {name} is added twice or after a wire")
        journal = self._stores.journal(name)
        snapshots = self._stores.snapshots(name)
        host = Host(machine, journal, snapshots, strict=self._strict)
        self.hosts[name] = host
        self._timer_wire[name] = len(self.hosts)
        self._routes[name] = {}
        self._sinks[name] = {WakeAt: []}
        return host

    def wire(
        self,
        name: str,
        sender: str,
        receiver: str,
        kinds: Sequence[type],
        carry: Carry | None = None,
        latency: Nanos = MILLISECOND,
        source: Source = Source.VENUE,
        bound: int = 65_536,
        cause: CauseOf | None = None,
    ) -> Wire:
        """Lead these effects of `sender` to `receiver`, as they are or as `carry` makes them.

        Inputs carry the sender's input seq as their cause, or what `cause` reads from the effect.
        """
        number = len(self.hosts) + 1 + len(self.wires)
        wire = Wire(number, name, self._host(receiver), carry, latency, source, bound, cause)
        self._host(sender)
        self.wires.append(wire)
        self._by_number[number] = wire
        for kind in kinds:
            self._routes[sender].setdefault(kind, []).append(wire)
        self._keep_state(carry)
        return wire

    def sink(self, sender: str, kinds: Sequence[type], take: Sink) -> None:
        """Lead these effects of `sender` out of the world, at the instant they are made."""
        self._host(sender)
        for kind in kinds:
            self._sinks[sender].setdefault(kind, []).append(take)
        self._keep_state(take)

    def ignore(self, sender: str, kinds: Sequence[type]) -> None:
        """Say that these effects of `sender` go nowhere; what is not drawn is an error."""
        self._host(sender)
        for kind in kinds:
            self._sinks[sender].setdefault(kind, [])

    def post(
        self, receiver: str, body: Any, at: Nanos, source: Source = Source.RUNTIME, cause: int = 0
    ) -> None:
        """Schedule an input from outside the world."""
        if at < self.at:
            raise WiringError(f"{type(body).__name__} posted at {at}, before now {self.at}")
        self._posted += 1
        self._sources[self._posted] = source
        self._push((at, 0, self._posted, self._host(receiver), body, cause))

    def _host(self, name: str) -> Host:
        if name not in self.hosts:
            raise WiringError(f"no machine {name}; there are {', '.join(self.hosts)}")
        return self.hosts[name]

    def _keep_state(self, part: Any) -> None:
        part = getattr(part, "__self__", part)  # a bound method's state is its object's
        known = any(part is other for other in self._stateful)
        if hasattr(part, "snapshot") and hasattr(part, "restore") and not known:
            self._stateful.append(part)

    # Running -----------------------------------------------------------------------------------

    def run(
        self,
        until: Nanos | None = None,
        progress: Callable[[Nanos, int], None] | None = None,
    ) -> int:
        """Run every event before `until` (all there are when None); returns envelopes so far.

        `progress(at, envelopes)` is called every 2,048 envelopes; what it raises stops the run
        between two events. An effect without wire or sink raises WiringError.
        """
        if not self._opened:
            self._check_new()
        heap = self._heap
        timers = len(self.hosts)
        while heap and (until is None or heap[0][0] < until):
            at = heap[0][0]
            if at >= self._next_mark:
                self._reach(at)
            _, number, sequence, host, body, cause = heapq.heappop(heap)
            if number > timers:
                wire = self._by_number[number]
                wire.in_flight -= 1
                source = wire.source
            elif number:
                if not host.timers.is_current(body.name, sequence):
                    continue  # the timer was moved since
                source = Source.TIMER
            else:
                source = self._sources.pop(sequence)
            self.at = at
            effects = host.take(body, at, source, cause)
            self.envelopes += 1
            if effects:
                self._lead(host, effects, at)
            if progress is not None and self.envelopes % PROGRESS_EVERY == 0:
                progress(at, self.envelopes)
        if until is not None:
            self.at = max(self.at, until)
        return self.envelopes

    def _check_new(self) -> None:
        self._opened = True
        for name, host in self.hosts.items():
            if host.journal.next_seq > 1:
                raise WiringError(f"the journal of {name} is not new: resume, or use a new folder")

    def _lead(self, host: Host, effects: Sequence[Any], at: Nanos) -> None:
        name = host.name
        routes = self._routes[name]
        sinks = self._sinks[name]
        seq = host.sequencer.seq
        for effect in effects:
            kind = type(effect)
            wires = routes.get(kind)
            takers = sinks.get(kind)
            if wires is not None:
                for wire in wires:
                    by = seq if wire.cause is None else wire.cause(effect)
                    bodies = (effect,) if wire.carry is None else wire.carry(effect, at)
                    for body in bodies:
                        wire.sent += 1
                        wire.in_flight += 1
                        if wire.in_flight > wire.bound:
                            raise OverflowError(f"wire {wire.name}: over {wire.bound} in flight")
                        due = at + wire.latency
                        self._push((due, wire.number, wire.sent, wire.receiver, body, by))
            elif takers is None:
                raise WiringError(f"{name} input {seq}: no wire and no sink for {kind.__name__}")
            if takers:
                for take in takers:
                    take(effect, at, seq)
        if host.armed:
            number = self._timer_wire[name]
            for due, token, timer, by in host.armed:
                self._push((due, number, token, host, TimerFired(timer, due), by))
            host.armed.clear()

    def _push(self, entry: Entry) -> None:
        if len(self._heap) >= MAX_WAITING:
            raise OverflowError(f"{MAX_WAITING} events are waiting at {self.at}")
        heapq.heappush(self._heap, entry)

    def _reach(self, at: Nanos) -> None:
        """Take the checkpoint that is due before the first event at or after a mark."""
        if self._next_mark and (self._every or self._marks):
            self.at = at
            self.checkpoint()
        while self._marks and self._marks[0] <= at:
            self._marks.pop(0)
        following = [] if not self._every else [at - at % self._every + self._every]
        following += self._marks[:1]
        self._next_mark = min(following, default=1 << 62)

    # Checkpoints -------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Snapshot every machine and the world, so that `resume` can go on from this instant."""
        frames = {name: host.checkpoint() for name, host in self.hosts.items()}
        last_timer = len(self.hosts)
        waiting = [
            (at, number, sequence, host.name, cause, encode(body))
            for at, number, sequence, host, body, cause in sorted(self._heap, key=_order)
            if not 1 <= number <= last_timer
        ]
        world = World(
            self.at,
            frames,
            self.envelopes,
            self._posted,
            {key: int(value) for key, value in self._sources.items()},
            [wire.sent for wire in self.wires],
            waiting,
            [part.snapshot() for part in self._stateful],
        )
        store = self._stores.snapshots(WORLD)
        seq = self.envelopes
        store.write(seq, seal(encode(world)))
        store.publish(seq)

    def resume(self) -> Nanos | None:
        """Go back to the newest whole checkpoint of the stores and re-live what follows it.

        Call it on a freshly drawn world in place of posting the openings. Returns the instant of
        the checkpoint; None when there is none: then post the openings, and journals that already
        hold frames are re-lived from the first one.
        """
        self._opened = True
        store = self._stores.snapshots(WORLD)
        for seq in reversed(store.seqs()):
            file = store.read(seq)
            data = None if file is None else unseal(file)
            if data is not None:
                world = msgspec.msgpack.decode(data, type=World)
                if self._load_machines(world):
                    self._load_world(world)
                    return world.at
        for host in self.hosts.values():
            host.journal = CatchUpJournal(host.journal, 1)
        return None

    def _load_machines(self, world: World) -> bool:
        checkpoints = []
        for name, host in self.hosts.items():
            seq = world.frames.get(name, 0)
            file = host.snapshots.read(seq) if host.snapshots is not None else None
            checkpoint = None if file is None else unseal_checkpoint(file)
            if checkpoint is None or host.journal.next_seq <= seq:
                return False
            checkpoints.append((host, checkpoint))
        for host, checkpoint in checkpoints:
            host.load(checkpoint)
            host.journal = CatchUpJournal(host.journal, checkpoint.frame_seq + 1)
        return True

    def _load_world(self, world: World) -> None:
        self.at, self.envelopes, self._posted = world.at, world.envelopes, world.posted
        self._sources = {key: Source(value) for key, value in world.sources.items()}
        for wire, sent in zip(self.wires, world.sent, strict=True):
            wire.sent = sent
        for part, state in zip(self._stateful, world.states, strict=True):
            part.restore(state)
        self._heap.clear()
        for at, number, sequence, name, cause, data in world.waiting:
            host = self.hosts[name]
            body = body_decoder(type(host.machine)).decode(data)
            self._push((at, number, sequence, host, body, cause))
            if number in self._by_number:
                self._by_number[number].in_flight += 1
        for name, host in self.hosts.items():
            for timer, due, token, cause in host.timers.rows():
                number = self._timer_wire[name]
                self._push((due, number, token, host, TimerFired(timer, due), cause))
        self._next_mark = 0
        self._reach(self.at)

    # Ending ------------------------------------------------------------------------------------

    def digests(self) -> dict[str, dict[str, bytes]]:
        """{machine: {part: SHA-256}} of the states now."""
        return {name: host.machine.digest() for name, host in self.hosts.items()}

    def digest(self) -> str:
        """The run's digest (borders.md 3)."""
        return run_digest(self.digests())

    def close(self, finished: bool = True) -> None:
        """Close the journals; a finished run gets its final S frames first."""
        for host in self.hosts.values():
            if finished:
                host.seal()
            host.journal.close()


def _order(entry: Entry) -> tuple[Nanos, int, int]:
    return entry[:3]
