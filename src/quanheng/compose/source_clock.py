"""Whether a time source disciplines the server's own clock, as every page's heartbeat tells it."""

from collections.abc import Callable, Mapping
from typing import Any

from quanheng.edge.clock import monotonic
from quanheng.edge.clock_state import Ntp
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

EVERY = 5 * SECOND
"""How often the kernel is asked."""


class SourceClock:
    """`ask` is the kernel; an answer is good for a while."""

    def __init__(self, ask: Callable[[], Ntp]) -> None:
        self._ask = ask
        self._next: Nanos = 0
        self._known = Ntp("")

    def told(self) -> Mapping[str, Any]:
        """State, and the offset to the source in whole milliseconds."""
        now = monotonic()
        if now >= self._next:
            self._next, self._known = now + EVERY, self._ask()
        offset = (self._known.offset + MILLISECOND // 2) // MILLISECOND
        return {"ntp": self._known.state, "ntp_ms": offset}
