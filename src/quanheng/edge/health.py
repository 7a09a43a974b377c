"""What a process of a live run says of its health, every few seconds, into its file of lines."""

from quanheng.edge.journal_lines import LineFile
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

EVERY = 3 * SECOND


class Health:
    """One process. `turn` times every round; the worst since the last line is what counts."""

    def __init__(self, lines: LineFile) -> None:
        self._lines = lines
        self._worst: Nanos = 0
        self._next: Nanos = 0

    def turn(self, began: Nanos, ended: Nanos) -> bool:
        """A round took from `began` to `ended`; True when figures are due (`tell`)."""
        self._worst = max(self._worst, ended - began)
        return ended >= self._next

    def tell(self, now: Nanos, **figures: int) -> None:
        """Write the figures with the worst turn since the last ones, in ms."""
        turn_ms = self._worst // MILLISECOND
        self._lines.add({"at": now, "what": "health", "turn_ms": turn_ms, **figures})
        self._worst, self._next = 0, now + EVERY
