"""The part of a TDGW session both roles share: states, sequence numbers, timers, logout.

A session reads no clock and touches no socket. The host hands it bytes and the time
(`receive`, `tick`), writes what `output` (or a `send_*`) returns, and closes the connection on
`Disconnect`. Which message is legal in which state is a table of each role (interfaces.md 1.4).
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, ClassVar

from quanheng.terms.units import SECOND, Nanos
from quanheng.wire import codes, frames
from quanheng.wire.events import Disconnect, Event, LoggedOut, ProtocolError

GATEWAY = "TDGW"
VERSION = "1.00"
OPTION_PLATFORM = 3
FASTEST, SLOWEST = 5, 60  # seconds between heartbeats
PATIENCE = 5 * SECOND  # for a logon, and for the close after a logout

STATUS_TEXT: dict[int, str] = {
    one.code: one.text for one in codes.CODES.values() if one.group == "session" and one.text
}
STATUS_TEXT[codes.number("VERSION_MISMATCH")] = "Version Mismatch"
"""Texts of a Logout's status codes (interfaces.md 1.8)."""

ENDING = {frames.LOGOUT: "_on_logout", frames.HEARTBEAT: "_on_heartbeat"}
"""What a session that is ending still takes."""


class SessionError(Exception):
    """The host asked for something the session's state forbids. Says what and in which state."""


class Phase(IntEnum):
    """Where a session stands."""

    NEW = 0  # connected, no logon completed
    ACTIVE = 1
    ENDING = 2  # a Logout was sent: nothing more is sent
    CLOSED = 3


class Session:
    """Shared behaviour of ClientSession and ServerSession."""

    HANDLERS: ClassVar[dict[Phase, dict[int, str]]] = {}
    """Method by state and MsgType; what is missing is ignored (unknown) or illegal (known)."""

    LIMIT: ClassVar[int] = frames.DOWNSTREAM_LIMIT

    def __init__(self, now: Nanos) -> None:
        self.phase = Phase.NEW
        self.interval = SLOWEST
        self.ignored = 0  # frames of unknown type
        self._parser = frames.FrameParser(self.LIMIT)
        self._sent = 0
        self._received = 0
        self._last_sent = now
        self._last_received = now
        self._since = now  # start of NEW or ENDING
        self._out: list[bytes] = []
        self._handlers: dict[Phase, dict[int, Callable[..., Any]]] = {
            phase: {kind: getattr(self, name) for kind, name in table.items()}
            for phase, table in self.HANDLERS.items()
        }

    def receive(self, data: bytes, now: Nanos) -> list[Event]:
        """Take bytes from the connection; returns what happened, in order."""
        events: list[Event] = []
        if self._is_closed():
            return events
        parsed, error = self._parser.feed(data)
        for kind, seq, body in parsed:
            if self._is_closed():
                break
            self._last_received = now
            self._received += 1
            if seq != self._received:
                reason = f"MsgSeqNum {seq} follows {self._received - 1}"
                events.append(ProtocolError(5007, reason, False))
                self._received = seq
            handler = self._handlers[self.phase].get(kind)
            if handler is None:
                self._unhandled(kind, now, events)
                continue
            try:
                if kind == frames.EXEC_RPT_INFO:
                    handler(frames.groups_of(body), now, events)
                else:
                    handler(frames.fields_of(kind, body), now, events)
            except frames.FrameError as broken:
                error = broken
                break
        if error is not None:
            self._fail(error.code, error.reason, now, events)
        return events

    def _is_closed(self) -> bool:
        return self.phase is Phase.CLOSED

    def tick(self, now: Nanos) -> list[Event]:
        """Let time pass: heartbeats, time-outs. Call at least at `deadline()`."""
        events: list[Event] = []
        if self.phase is Phase.NEW and now - self._since >= PATIENCE:
            self._fail(5004, "no logon within 5 s", now, events)
            self._close("no logon", events)
        elif self.phase is Phase.ENDING and now - self._since >= PATIENCE:
            self._close("no close within 5 s after the logout", events)
        elif self.phase is Phase.ACTIVE:
            if now - self._last_received >= 2 * self.interval * SECOND:
                self._fail(5002, "nothing received for two intervals", now, events)
                self._close("peer is silent", events)
            elif now - self._last_sent >= self.interval * SECOND:
                self._queue(frames.heartbeat(self._next()), now)
        return events

    def deadline(self) -> Nanos:
        """The next instant at which `tick` has something to do (0 when closed)."""
        if self.phase is Phase.CLOSED:
            return 0
        if self.phase is not Phase.ACTIVE:
            return self._since + PATIENCE
        return min(
            self._last_sent + self.interval * SECOND,
            self._last_received + 2 * self.interval * SECOND,
        )

    def output(self) -> bytes:
        """Everything to write now; empties the queue."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def send_logout(self, now: Nanos, code: int = 0, text: str = "") -> bytes:
        """Begin an orderly logout."""
        self._require_active("log out")
        self._end(code, text or STATUS_TEXT.get(code, ""), now)
        return self.output()

    def _next(self) -> int:
        self._sent += 1
        return self._sent

    def _queue(self, frame: bytes, now: Nanos) -> None:
        self._out.append(frame)
        self._last_sent = now

    def _require_active(self, what: str) -> None:
        if self.phase is not Phase.ACTIVE:
            raise SessionError(f"cannot {what}: the session is {self.phase.name}")

    def _end(self, code: int, text: str, now: Nanos) -> None:
        self._queue(frames.logout(self._next(), code, text), now)
        self.phase = Phase.ENDING
        self._since = now

    def _close(self, reason: str, events: list[Event]) -> None:
        self.phase = Phase.CLOSED
        events.append(Disconnect(reason))

    def _fail(self, code: int, reason: str, now: Nanos, events: list[Event]) -> None:
        """End the session because of the peer's or the line's fault."""
        if self.phase is Phase.CLOSED:
            return
        events.append(ProtocolError(code, reason, True))
        if self.phase is Phase.ENDING:
            self._close(reason, events)
            return
        self._end(code, STATUS_TEXT.get(code, ""), now)
        events.append(LoggedOut(code, reason))

    def _unhandled(self, kind: int, now: Nanos, events: list[Event]) -> None:
        if kind not in frames.KNOWN_TYPES:
            self.ignored += 1  # a newer peer may send more types (interfaces.md 1.2)
        elif self.phase is Phase.NEW:
            self._fail(5012, f"the first message is MsgType {kind}, not Logon", now, events)
        elif self.phase is Phase.ACTIVE:
            self._fail(5008, f"MsgType {kind} is not for this side", now, events)

    def _on_heartbeat(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        """Nothing to do: every message already counts as a sign of life."""

    def _on_logout(self, fields: tuple[Any, ...], now: Nanos, events: list[Event]) -> None:
        code, text = fields
        if self.phase is Phase.ENDING:  # the answer to ours
            self._close("logged out", events)
            return
        events.append(LoggedOut(code, text))
        if self.phase is Phase.ACTIVE:
            self._end(0, STATUS_TEXT[0], now)
        else:
            self._close("logon failed", events)
