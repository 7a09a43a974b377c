"""What a gateway's process has towards the exchange: a TCP connection for TDGW, or a counter.

Both bring the core a session, take its bytes, and end; the process knows no difference.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from quanheng.edge.counter_facts import Clock
from quanheng.edge.counter_port import CounterPort
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_pull import GatewayPlan
from quanheng.edge.loop import Connection, Loop, tcp_begin
from quanheng.edge.vnpy_link import VnpyCounter, VnpySetup, with_secrets
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

FIRST_PAUSE, LONGEST_PAUSE = 50 * MILLISECOND, 2 * SECOND
COUNTER_FILE = "counter.toml"
OTHERS = "XYZ"
"""First letters for orders of others on the account; one that nobody uses is taken."""


class Line(Protocol):
    """The way to the exchange."""

    @property
    def up(self) -> bool:
        """Something stands that bytes or orders can go to."""

    def due(self) -> Nanos:
        """When `turn` wants to connect; 0 while it is connected."""

    def turn(self, now: Nanos) -> None:
        """Connect when it is time."""

    def flush(self) -> None:
        """Write what the core has."""

    def leave(self, why: str, now: Nanos) -> None:
        """End the session; `turn` begins another."""

    def close(self, now: Nanos) -> None:
        """Log out for good."""


class Served(Protocol):
    """What a connection serves: a session's bytes both ways, and its end."""

    def connected(self, now: Nanos) -> None:
        """A connection stands: log on."""

    def disconnected(self, now: Nanos, why: str) -> None:
        """The connection is gone."""

    def from_wire(self, data: bytes, now: Nanos) -> bool:
        """Bytes of the other side. False when the connection must be closed."""

    def out_wire(self) -> bytes:
        """Bytes for the other side."""


class TcpLink:
    """A TCP connection that is kept: tried again after a pause that doubles until the session is
    `settled`.
    """

    def __init__(
        self,
        core: Served,
        loop: Loop,
        place: tuple[str, int],
        clock: Callable[[], Nanos],
        settled: Callable[[], bool],
        standby: tuple[tuple[str, int], ...] = (),
    ) -> None:
        """`standby`: other ends of the same session, tried in turn after every loss (T-05)."""
        self._others = [*standby]
        self._served, self._loop, self._clock, self._settled = core, loop, clock, settled
        self._place = place
        self._connection: Connection | None = None
        self._pause = FIRST_PAUSE
        self._try_at: Nanos = 0

    @property
    def up(self) -> bool:
        """A connection stands."""
        return self._connection is not None

    def due(self) -> Nanos:
        """When to try again."""
        return 0 if self.up else self._try_at

    def turn(self, now: Nanos) -> None:
        """Connect and log on."""
        if self.up or now < self._try_at:
            return
        try:
            sock = tcp_begin(*self._place)
        except OSError:
            self._wait(now)
            return
        self._connection = Connection(self._loop, sock, self._on_data, self._on_close)
        self._served.connected(now)

    def _wait(self, now: Nanos) -> None:
        self._try_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._others.append(self._place)
        self._place = self._others.pop(0)

    def _on_data(self, data: bytes) -> None:
        now = self._clock()
        if not self._served.from_wire(data, now) and self.up:
            self.leave("the session ended", now)
        elif self._settled():
            self._pause = FIRST_PAUSE

    def _on_close(self, why: str) -> None:
        now = self._clock()
        self._connection = None
        self._wait(now)
        self._served.disconnected(now, why)

    def flush(self) -> None:
        """Hand the session's bytes to the connection."""
        if self._connection is not None:
            self._connection.send(self._served.out_wire())

    def leave(self, why: str, now: Nanos) -> None:
        """Write what is due and close."""
        if self._connection is not None:
            self.flush()
            self._connection.flush()
            self._connection.close(why)


class TcpLine(TcpLink):
    """TDGW over TCP."""

    def __init__(
        self,
        core: Gateway,
        loop: Loop,
        host: str,
        port: int,
        clock: Callable[[], Nanos],
        standby: tuple[tuple[str, int], ...] = (),
    ) -> None:
        super().__init__(core, loop, (host, port), clock, lambda: bool(core.link.value), standby)
        self._core = core

    def close(self, now: Nanos) -> None:
        """A logout, if there is a session."""
        session = self._core.session
        if session is not None and self._connection is not None and self._core.link.value:
            self._connection.send(session.send_logout(now))
            self._connection.flush()


class CounterLine:
    """A broker's counter; polled with every turn, and woken by what it tells."""

    def __init__(self, core: Gateway, loop: Loop, port: CounterPort, wakes: int) -> None:
        """`wakes` is an eventfd that the counter's thread writes to."""
        self._core, self._loop, self._port, self._wakes = core, loop, port, wakes
        loop.watch(wakes, self._woken)

    def _woken(self) -> None:
        """Something was told: the turn that follows hears it."""
        os.eventfd_read(self._wakes)

    @property
    def up(self) -> bool:
        """The core has the port for its session."""
        return self._core.session is self._port

    def due(self) -> Nanos:
        """Nothing to wait for: the counter's own software connects."""
        return 0

    def turn(self, now: Nanos) -> None:
        """Give the core its port; events say when it is logged on."""
        if not self.up:
            self._core.attach(self._port)

    def flush(self) -> None:
        """Orders went out when they were asked for."""

    def leave(self, why: str, now: Nanos) -> None:
        """The counter is gone, or somebody cut the session: then leave it in order."""
        if self.up:
            if self._core.puller.cut_by:
                self._port.send_logout(now)
            self._core.disconnected(now, why)

    def close(self, now: Nanos) -> None:
        """Leave the counter for good."""
        self._port.close()
        self._loop.unwatch(self._wakes)
        os.close(self._wakes)


class CounterFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """RUN/live/counter.toml: orders go through this counter and not to TDGW."""

    messages_per_second: int
    """What the counter lets pass; an order and a cancel are one each."""
    vnpy: VnpySetup


def read_counter(run: Path) -> CounterFile | None:
    """The counter of a run, None where there is none. ValueError names file and key."""
    path = run / "live" / COUNTER_FILE
    if not path.exists():
        return None
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=CounterFile)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    if not 20 <= found.messages_per_second <= 1_000:
        raise ValueError(f"{path}: messages_per_second must be 20 to 1000")
    return found


def over_counter(plan: GatewayPlan, found: CounterFile) -> GatewayPlan:
    """The gateway's plan where a counter carries its orders."""
    limit = min(plan.messages_per_second, found.messages_per_second)
    return msgspec.structs.replace(plan, pairs=True, messages_per_second=limit)


def counter_line(
    core: Gateway, loop: Loop, run: Path, found: CounterFile, clock: Clock
) -> CounterLine:
    """The line through a counter. ValueError for a gateway or a secret that is not there."""
    plan, setup = core.plan, found.vnpy
    wakes = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    settings = with_secrets(setup.settings, dict(os.environ))
    counter = VnpyCounter(setup, settings, lambda: os.eventfd_write(wakes, 1))
    taken = (plan.letter, plan.engine_letter)
    port = CounterPort(
        counter, run / "gateway", plan.pbu, plan.day, tuple(plan.underlyings), clock,
        one_sided=setup.one_sided, letter=next(one for one in OTHERS if one not in taken),
    )  # fmt: skip
    return CounterLine(core, loop, port, wakes)
