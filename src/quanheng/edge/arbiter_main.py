"""The arbiter's process: `python -m quanheng.edge.arbiter_main RUN` (docs/standby.md).

RUN/live/arbiter.msgpack says where to listen; RUN/arbiter/lease.json survives it. On two hosts it
belongs on a third place: a lease that dies with the leader's host helps nobody.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.arbiter import GRACE, LEASE, Arbiter, Ask, Lease, ToArbiter
from quanheng.edge.child import Child
from quanheng.edge.clock import monotonic
from quanheng.edge.dialer import take_frames
from quanheng.edge.gates import enter
from quanheng.edge.gateway_parts import KeptFile
from quanheng.edge.isolation import LOCAL, guard
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.edge.loop import Connection, Loop, tcp_listener
from quanheng.edge.serving import watched
from quanheng.edge.tls import ARBITER, PARTNER, identity
from quanheng.terms.units import Nanos

WAIT = 0.05


class Setup(msgspec.Struct, frozen=True):
    """RUN/live/arbiter.msgpack."""

    host: str
    port: int
    lease: Nanos = LEASE
    grace: Nanos = GRACE
    peers: tuple[str, ...] = LOCAL
    tls: str = ""  # folder of certificates; empty: plain links


class ArbiterProcess:
    """Sockets and clock around `arbiter.Arbiter`."""

    def __init__(self, run: Path, setup: Setup, loop: Loop) -> None:
        (run / "arbiter").mkdir(exist_ok=True)
        self.loop = loop
        self._identity = identity(setup.tls, ARBITER)
        self.lines = LineFile(run / "live" / "arbiter.jsonl")
        guard(loop, setup.peers, self.lines)
        store = KeptFile(run / "arbiter" / "lease.json", Lease)
        self.core = Arbiter(store, monotonic(), setup.lease, setup.grace)
        self._newest: dict[str, Connection] = {}  # node -> the line it spoke on last
        listener = tcp_listener(setup.host, setup.port)
        self.port: int = listener.getsockname()[1]
        loop.listen(listener, self._accept)

    def _accept(self, sock: Any) -> None:
        frames: FrameReader[Any] = FrameReader(ToArbiter)
        channel = None if self._identity is None else self._identity.serve(*PARTNER)

        def take(message: Any) -> None:
            if channel is not None and message.node != channel.peer:
                connection.refuse(f"{channel.peer} 自称 calls itself {message.node}")
                return
            self._newest[message.node] = connection
            before, whole = self.core.epoch, self.core.whole
            answer = self.core.take(message, monotonic())
            if answer is not None:
                connection.send(encode_frame(answer))
            if self.core.epoch != before and isinstance(message, Ask):
                self._say("granted", node=message.node, epoch=self.core.epoch)
            if self.core.whole != whole:
                self._say("whole", node=self.core.whole, epoch=self.core.epoch)

        def on_close(why: str) -> None:
            # A line that its node gave up long ago may end here only now: that says nothing.
            for name in [one for one, line in self._newest.items() if line is connection]:
                del self._newest[name]
                self.core.gone(name, monotonic())
                self._say("gone", node=name, why=why)

        connection = Connection(
            self.loop,
            sock,
            lambda data: take_frames(connection, frames, data, take),
            on_close,
            channel=channel,
        )

    def _say(self, what: str, **more: Any) -> None:
        self.lines.add({"at": monotonic(), "what": what, **more})

    def turn(self) -> None:
        """One round."""
        self.loop.poll(WAIT)
        self.loop.flush()

    def close(self) -> None:
        """Give everything up."""
        self.loop.close()
        self.lines.close()


def main(run: Path) -> None:
    """Run until the supervisor says stop."""
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "arbiter.msgpack").read_bytes(), type=Setup)
    loop = Loop()
    child = Child(loop)
    process = ArbiterProcess(run, setup, loop)
    watched(child, loop, run, "arbiter", process.turn, port=process.port)
    process.close()
    child.tell("ended")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
