"""The timers of one machine: what WakeAt asked for and TimerFired has not yet answered."""

from quanheng.terms.units import Nanos

MAX_TIMERS = 4_096
"""Bound of named timers of one machine."""


class Timers:
    """Named timers; re-using a name moves it. Rows are (name, at, token, cause)."""

    __slots__ = ("_count", "_next", "_rows")

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Nanos, int, int]] = {}
        self._count = 0
        self._next: str | None = None  # name of the earliest, None while it has to be sought

    def arm(self, name: str, at: Nanos, cause: int) -> int:
        """Set or move a timer; returns its token, which also orders timers of the same instant."""
        self._count += 1
        # Re-inserting keeps the order of the table equal to the order of tokens.
        self._rows.pop(name, None)
        self._next = None
        self._rows[name] = (at, self._count, cause)
        if len(self._rows) > MAX_TIMERS:
            raise OverflowError(f"timer {name} is one more than the bound of {MAX_TIMERS}")
        return self._count

    def is_current(self, name: str, token: int) -> bool:
        """True while that arming of the timer has neither fired nor been moved."""
        row = self._rows.get(name)
        return row is not None and row[1] == token

    def fired(self, name: str, due: Nanos) -> None:
        """Forget a timer that came due."""
        row = self._rows.get(name)
        if row is not None and row[0] == due:
            del self._rows[name]
            self._next = None

    def next_due(self) -> tuple[Nanos, int, str, int] | None:
        """(at, token, name, cause) of the earliest timer, None when there is none."""
        if not self._rows:
            return None
        if self._next is None:
            self._next = min(self._rows, key=lambda name: self._rows[name][:2])
        at, token, cause = self._rows[self._next]
        return at, token, self._next, cause

    def rows(self) -> list[tuple[str, Nanos, int, int]]:
        """The table in the order of tokens, for a snapshot."""
        return [(name, at, token, cause) for name, (at, token, cause) in self._rows.items()]

    @property
    def count(self) -> int:
        """Tokens given so far."""
        return self._count

    def load(self, rows: list[tuple[str, Nanos, int, int]], count: int) -> None:
        """Replace the table by one of `rows()`."""
        self._rows = {name: (at, token, cause) for name, at, token, cause in rows}
        self._count = count
        self._next = None
