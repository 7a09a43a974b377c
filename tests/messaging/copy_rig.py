"""A journal that grows and its copier, in one process."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from nats_rig import Cluster, wait_for

from quanheng.edge.clock import monotonic
from quanheng.edge.journal_tail import JournalTail
from quanheng.edge.nats_config import Servers
from quanheng.edge.nats_copying import Copying, Setup, streams_of
from quanheng.edge.nats_line import LineDownError, NatsLine
from quanheng.edge.nats_stream import FrameStream, raw
from quanheng.edge.nats_tail import StreamTail
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.segment import SegmentJournal

MACHINE = "ping"


def servers_of(cluster: Cluster) -> Servers:
    keys = cluster.servers[0].keys
    return Servers(cluster.urls, cluster.monitors, len(cluster.servers), str(keys or ""))


class CopyRig:
    """`write` frames, `until` the copier has done something, `held` by the stream."""

    def __init__(self, run: Path, cluster: Cluster, token: str = "") -> None:
        self.run, self.cluster = run, cluster
        run.mkdir(exist_ok=True)
        self.journal = SegmentJournal(run, MACHINE)
        self.names = streams_of(run.name, (MACHINE,), token or os.urandom(4).hex())
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.copying = self.copier_of()
        self.lines: list[NatsLine] = []

    def copier_of(self) -> Copying:
        """Another copier of the same journal."""
        setup = Setup(servers_of(self.cluster), self.names)
        return Copying(setup, self.run, lambda what, more: self.said.append((what, more)))

    @property
    def name(self) -> str:
        return self.names[MACHINE]

    @property
    def copier(self) -> Any:
        return self.copying.copiers[0]

    def write(self, count: int, text: bytes = b"\xa4ping", sync: bool = True) -> None:
        for number in range(count):
            self.journal.append(INPUT, text + b"%06d" % (self.journal.next_seq + number))
            self.journal.append(EFFECTS, b"\x90")
        self.journal.sync() if sync else self.journal.flush()

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.copying.turn(monotonic())

    def copied(self, patience: float = 60.0) -> None:
        """Turn until the stream is sure to hold the whole journal."""

        def whole() -> bool:
            if not self.copying.turn(monotonic()):
                time.sleep(0.01)
            return bool(self.copier.sure and self.copier.confirmed == self.journal.next_seq - 1)

        wait_for(whole, patience, "the stream holds the journal")

    def line(self) -> NatsLine:
        """A reader's line."""
        made = NatsLine(servers_of(self.cluster), "reader")
        self.lines.append(made)
        made.dial()
        return made

    def held(self) -> list[bytes]:
        """What a reader finds in the stream, checked and chained; electing servers answer late."""
        tail = StreamTail(self.line(), self.name, MACHINE)
        found: list[bytes] = []
        until = time.monotonic() + 30
        while True:
            found += [raw(frame) for frame, _ in tail.poll()]
            if not tail.why:
                return found
            assert time.monotonic() < until, tail.why
            time.sleep(0.05)

    def kept(self) -> list[bytes]:
        """The journal's frames."""
        return [raw(frame) for frame, _ in JournalTail(self.run, MACHINE).poll()]

    def stream(self) -> FrameStream:
        return FrameStream(self.line(), self.name)

    def heard(self, what: str) -> list[dict[str, Any]]:
        return [more for name, more in self.said if name == what]

    def close(self) -> None:
        for line in self.lines:
            line.close()
        self.copying.close()
        self.journal.close()


def leader(rig: CopyRig) -> str:
    seen = rig.stream().look()
    assert seen is not None and seen.leader
    return seen.leader


def stepped(rig: CopyRig, name: str) -> None:
    """Have another server lead the stream. Asked again only when the election is over: a second
    request in the middle of it begins another one.
    """

    async def ask(js: object) -> None:
        request = json.dumps({"placement": {"preferred": name}}).encode()
        subject = f"$JS.API.STREAM.LEADER.STEPDOWN.{rig.name}"
        await js._nc.request(subject, request, timeout=5)  # type: ignore[attr-defined]

    def leads() -> bool:
        with suppress(LineDownError, AssertionError):
            return leader(rig) == name
        return False

    def done() -> bool:
        if not leads():
            with suppress(LineDownError):
                rig.line().call(ask)
        until = time.monotonic() + 3
        while not (there := leads()) and time.monotonic() < until:
            time.sleep(0.1)
        return there

    wait_for(done, 60, f"{name} leads the stream")
