"""A node's agent of the lease in JetStream's key-value store: sockets and clock around `kv_lease`.

It stands where the arbiter stands, one beside each node, and answers the same messages; the maker's
process knows no difference and never speaks with a messaging server (docs/messaging.md).
"""

import os
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.arbiter import Granted, ToArbiter
from quanheng.edge.clock import monotonic
from quanheng.edge.dialer import take_frames
from quanheng.edge.gateway_parts import KeptFile
from quanheng.edge.isolation import LOCAL
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.kv_lease import LEASE, Agent, Held, Kept
from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.edge.loop import Connection, Loop, tcp_listener
from quanheng.edge.nats_config import MessagingError, Servers
from quanheng.edge.nats_line import WRONG_LAST, NatsLine, RefusedError
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

WAIT = 0.05
BEAT_EVERY = 300 * MILLISECOND
READ_EVERY = 200 * MILLISECOND
GATE_EVERY = 10 * SECOND
BOUND = 3 * SECOND
"""How long one request of the store may take before its line is given up."""
DIAL_BOUND = 8 * SECOND
FIRST_PAUSE, LONGEST_PAUSE = 100 * MILLISECOND, SECOND
DIAL, CHECK, READ, WRITE = "dial", "check", "read", "write"


class KvSetup(msgspec.Struct, frozen=True, kw_only=True):
    """RUN/live/lease.msgpack."""

    host: str
    port: int
    node: str
    slot: int
    servers: Servers
    bucket: str
    key: str
    lease: Nanos = LEASE
    grace: Nanos = 200 * MILLISECOND
    peers: tuple[str, ...] = LOCAL


class KvStore:
    """The one record, by revision. Coroutines of a JetStream context."""

    def __init__(self, servers: Servers, bucket: str, key: str) -> None:
        self._servers, self._bucket, self._key = servers, bucket, key

    async def read(self, js: Any) -> tuple[int, Held]:
        """(revision, record); 0 and an empty one when there is none. Makes the bucket."""
        from nats.js import errors

        try:
            bucket = await js.key_value(self._bucket)
        except errors.NotFoundError:
            bucket = await self._make(js)
        try:
            entry = await bucket.get(self._key)
        except errors.KeyDeletedError as error:
            return error.entry.revision, Held()
        except errors.KeyNotFoundError:
            return 0, Held()
        return entry.revision, msgspec.json.decode(entry.value, type=Held)

    async def _make(self, js: Any) -> Any:
        from nats.js import api

        return await js.create_key_value(
            api.KeyValueConfig(
                bucket=self._bucket, history=1, replicas=self._servers.replicas,
                storage=api.StorageType.FILE, direct=False,
            )
        )  # fmt: skip

    def write(self, record: Held, revision: int) -> Callable[[Any], Any]:
        """A coroutine function that puts `record` in place of that revision, and gives the new one.
        Another writer's revision refuses it (RefusedError of WRONG_LAST).
        """

        async def write(js: Any) -> int:
            bucket = await js.key_value(self._bucket)
            return int(await bucket.update(self._key, msgspec.json.encode(record), last=revision))

        return write


class KvArbiterProcess:
    """Serves one node; the store is asked by a thread, one request at a time."""

    def __init__(self, run: Path, setup: KvSetup, loop: Loop) -> None:
        (run / "lease").mkdir(exist_ok=True)
        self.loop = loop
        loop.peers = setup.peers
        self.lines = LineFile(run / "live" / "lease.jsonl")
        kept = KeptFile(run / "lease" / "agent.json", Kept)
        self.core = Agent(setup.node, setup.slot, kept, monotonic(), setup.lease, setup.grace)
        self.why = "not dialled yet"  # why the store does not answer
        self._store = KvStore(setup.servers, setup.bucket, setup.key)
        self._line = NatsLine(setup.servers, f"lease {setup.node}")
        self._node: Connection | None = None
        self._doing: tuple[str, Nanos, Future[Any]] | None = None
        self._read_at: Nanos = 0
        self._gate_at: Nanos = 0
        self._dial_at: Nanos = 0
        self._beat_at: Nanos = 0
        self._pause: Nanos = FIRST_PAUSE
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        loop.watch(self._wake, lambda: _drain(self._wake))
        listener = tcp_listener(setup.host, setup.port)
        self.port: int = listener.getsockname()[1]
        loop.listen(listener, self._accept)

    def first(self) -> None:
        """Try once, waiting. GateRefusedError; a line that is down is no reason to stay away."""
        self._line.dial()
        self._gate_at = monotonic() + GATE_EVERY

    def _accept(self, sock: Any) -> None:
        frames: FrameReader[Any] = FrameReader(ToArbiter)

        def take(message: Any) -> None:
            if self._node is not connection:
                before, self._node = self._node, connection
                if before is not None:
                    before.close("the node is here again")
                    self.core.gone(monotonic())
            self.core.take(message)

        def on_close(why: str) -> None:
            if self._node is connection:
                self._node = None
                self.core.gone(monotonic())
                self._say("gone", node=self.core.node, why=why)

        connection = Connection(
            self.loop, sock, lambda data: take_frames(connection, frames, data, take), on_close
        )

    def _say(self, what: str, **more: Any) -> None:
        self.lines.add({"at": monotonic(), "what": what, **more})

    def turn(self) -> None:
        """One round."""
        self.loop.poll(WAIT)
        now = monotonic()
        self._advance(now)
        if self._doing is None:
            self._begin(now)
        self._answer(now)
        self.loop.flush()

    def _answer(self, now: Nanos) -> None:
        if self._node is None:
            return
        answers = self.core.answers(now)
        for answer in answers:
            self._node.send(encode_frame(answer))
            if isinstance(answer, Granted):
                self._say("granted", node=self.core.node, epoch=answer.epoch)
        if answers:
            self._beat_at = now + BEAT_EVERY
        elif now >= self._beat_at and (beat := self.core.beat()) is not None:
            self._beat_at = now + BEAT_EVERY
            self._node.send(encode_frame(beat))

    def _begin(self, now: Nanos) -> None:
        if not self._line.up:
            if now >= self._dial_at:
                self._do(DIAL, now, self._line.dialling())
            return
        if now >= self._gate_at:
            self._gate_at = now + GATE_EVERY
            self._do(CHECK, now, self._line.checking())
            return
        record = self.core.wanted(now)
        if record is not None:
            write = self._store.write(record, self.core.revision)
            self._do(WRITE, now, self._line.submit(write))
        elif now >= self._read_at:
            self._read_at = now + READ_EVERY
            self._do(READ, now, self._line.submit(self._store.read))

    def _do(self, what: str, now: Nanos, future: "Future[Any]") -> None:
        self._doing = what, now, future
        future.add_done_callback(self._rouse)

    def _rouse(self, future: "Future[Any]") -> None:
        try:
            os.write(self._woken, b".")
        except OSError:
            return  # it is awake, or over

    def _advance(self, now: Nanos) -> None:
        if self._doing is None:
            return
        what, began, future = self._doing
        bound = DIAL_BOUND if what == DIAL else BOUND
        if not future.done() and now - began < bound:
            return
        self._doing = None
        try:
            found = self._line.finish(future, 0)
        except RefusedError as error:
            if what == WRITE:
                self.core.failed(unknown=error.code != WRONG_LAST)
            self._read_at = 0
            if error.code != WRONG_LAST:
                self._lost(what, str(error), now)
            return
        except MessagingError as error:
            if what == WRITE:
                self.core.failed(unknown=True)
            self._lost(what, str(error), now)
            return
        self._done(what, found, now)

    def _done(self, what: str, found: Any, now: Nanos) -> None:
        if what == DIAL:
            self._gate_at, self._read_at = now + GATE_EVERY, 0
            return
        if what == READ:
            revision, record = found
            self.core.read(revision, record, now)
        elif what == WRITE:
            self.core.wrote(found, now)
        if self.why and what != CHECK:
            self._say("up", servers=self._line.seen)
            self.why, self._pause = "", FIRST_PAUSE

    def _lost(self, what: str, why: str, now: Nanos) -> None:
        if not self.why:
            self._say("down", doing=what, why=why)
        self.why = why or what
        self._dial_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._line.abandon()

    def close(self) -> None:
        """Give everything up."""
        self._line.close()
        self.loop.unwatch(self._wake)
        for descriptor in (self._wake, self._woken):
            os.close(descriptor)
        self.loop.close()
        self.lines.close()


def _drain(descriptor: int) -> None:
    os.read(descriptor, 4_096)
