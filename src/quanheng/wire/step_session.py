"""What every full STEP session shares, both sides, without sockets and clocks (interfaces.md 2.11).

Either side ends the session after two heartbeat intervals without a message; a silent peer is asked
first. `now` is the host's monotonic clock; tag 52 carries the exchange's time.
"""

from quanheng.terms.days import midnight
from quanheng.terms.units import SECOND, Day, Nanos
from quanheng.wire import step_messages as step

INTERVAL = 30
SHORTEST, LONGEST = 5, 60
PATIENCE = 5 * SECOND
"""For the other side's part of a logon."""
LOGON_FIRST, WRONG_VERSION, SILENT, MALFORMED = 101, 102, 103, 104
"""SessionStatus of a Logout, tag 1409: below 1000 a member may connect again. Numbers are ours."""


class StepSession:
    """Numbers, timers, the queue of bytes to write."""

    def __init__(self, sender: str, target: str, day: Day, now: Nanos) -> None:
        self.up = False
        self.closed = ""  # why the connection must be closed
        self.interval = INTERVAL
        self.stamp: Nanos = midnight(day)
        self._names = sender, target
        self._since = self._sent_at = self._heard_at = now
        self._out: list[bytes] = []

    def output(self) -> bytes:
        """Everything to write now."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _number(self) -> int:
        raise NotImplementedError

    def _send(self, kind: str, now: Nanos, *fields: tuple[int, str]) -> None:
        number = self._number()
        self._out.append(step.build(kind, *self._names, number, self.stamp, fields))
        self._sent_at = now

    def _end(self, status: int, why: str, now: Nanos) -> None:
        """Say why, and close."""
        if not self.closed:
            self._send(step.LOGOUT, now, (1409, str(status)), (58, why))
            self._close(why)

    def _close(self, why: str) -> None:
        self.up = False
        self.closed = self.closed or why

    def tick(self, now: Nanos) -> None:
        """Let time pass: heartbeats, a question to a silent peer, time-outs."""
        if self.closed:
            return
        if not self.up:
            if now - self._since >= PATIENCE:
                self._end(LOGON_FIRST, "no logon within 5 s", now)
            return
        interval = self.interval * SECOND
        silent = now - self._heard_at
        if silent >= 2 * interval:
            self._end(SILENT, "nothing received for two heartbeat intervals", now)
        elif now - self._sent_at >= interval:
            if silent >= interval:
                self._send(step.TEST, now, (112, "alive"))
            else:
                self._send(step.HEARTBEAT, now)


def logon_fields(interval: int, version: str) -> tuple[tuple[int, str], ...]:
    """A logon's own fields, in order."""
    return (
        (98, "0"),
        (108, str(interval)),
        (141, "Y"),
        (789, "1"),
        (1137, "9"),
        (1407, "124"),
        (1408, version),
    )
