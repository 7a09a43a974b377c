"""The copiers of a node and their line: dials, holds the gate, gives each a turn, backs off."""

from pathlib import Path

import msgspec

from quanheng.edge.nats_config import MessagingError, Servers
from quanheng.edge.nats_gate import GateRefusedError
from quanheng.edge.nats_journal import Copier, News
from quanheng.edge.nats_line import NatsLine
from quanheng.edge.nats_stream import stream_name
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

GATE_EVERY = 10 * SECOND
FIRST_PAUSE, LONGEST_PAUSE = 100 * MILLISECOND, 5 * SECOND
NEVER = "not dialled yet"
PLACE = "copier.json"
"""File of a run folder that names its streams."""


class Place(msgspec.Struct, frozen=True):
    """RUN/copier.json: the streams of this folder by machine, for readers to find."""

    streams: dict[str, str]


class Setup(msgspec.Struct, frozen=True):
    """RUN/live/copier.msgpack. `streams`: name by machine."""

    servers: Servers
    streams: dict[str, str]


def streams_of(run_name: str, machines: tuple[str, ...], token: str) -> dict[str, str]:
    """Names of the streams of a run's machines."""
    return {machine: stream_name(run_name, machine, token) for machine in machines}


class Copying:
    """Sans process: `turn` once in a while; nothing of what fails here ends it."""

    def __init__(self, setup: Setup, run: Path, news: News) -> None:
        self.line = NatsLine(setup.servers, f"copier {run.name}")
        self.copiers = [
            Copier(self.line, run, machine, name, news)
            for machine, name in sorted(setup.streams.items())
        ]
        self.refused = ""  # why the gate is shut
        self.why = NEVER  # why nothing is copied; "" while something is
        self._news = news
        self._pause: Nanos = FIRST_PAUSE
        self._dial_at: Nanos = 0
        self._gate_at: Nanos = 0

    def first(self, now: Nanos) -> None:
        """Try once. GateRefusedError: then nothing may begin; a line that is down is no reason."""
        self._dial(now)
        if self.refused:
            raise GateRefusedError(self.refused)

    def turn(self, now: Nanos) -> bool:
        """A little work; whether there is more at once."""
        if not self.line.up:
            self._dial(now)
            return False
        more = False
        try:
            if now >= self._gate_at:
                self._gate_at = now + GATE_EVERY
                self.line.check()
            for copier in self.copiers:
                more |= copier.turn(now)
        except GateRefusedError as error:
            self._shut(str(error), now)
        except MessagingError as error:
            self._lost(str(error), now)
        else:
            self._pause = FIRST_PAUSE
            if self.why:
                self._news("up", {"servers": self.line.seen, "of": len(self.line.servers.monitors)})
            self.why = ""
        return more

    def _dial(self, now: Nanos) -> None:
        if now < self._dial_at:
            return
        try:
            self.line.dial()
        except GateRefusedError as error:
            self._shut(str(error), now)
            return
        except MessagingError as error:
            self._lost(str(error), now)
            return
        self._gate_at = now + GATE_EVERY
        self.refused = ""
        for copier in self.copiers:
            copier.line_lost()

    def _shut(self, why: str, now: Nanos) -> None:
        """The gate refuses: nothing more is published until it lets us in again."""
        if why != self.refused:
            self._news("gate", {"why": why})
        self.refused = self.why = why
        self._back_off(now)

    def _lost(self, why: str, now: Nanos) -> None:
        if not self.why or self.why == NEVER:
            self._news("down", {"why": why})
        self.why = why
        self._back_off(now)

    def _back_off(self, now: Nanos) -> None:
        self.line.drop()
        for copier in self.copiers:
            copier.line_lost()
        self._dial_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def figures(self) -> dict[str, int]:
        """What the health line says."""
        out = {"connected": int(not self.why), "gate": int(not self.refused)}
        for copier in self.copiers:
            out[f"{copier.machine}_confirmed"] = copier.confirmed
            out[f"{copier.machine}_published"] = copier.published
            out[f"{copier.machine}_compared"] = copier.compared
            out[f"{copier.machine}_made"] = copier.made
        return out

    def close(self) -> None:
        """End the line."""
        self.line.close()
