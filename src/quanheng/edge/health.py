"""What a process of a live run says of its health, every few seconds, into its file of lines."""

import gc
from pathlib import Path

from quanheng.edge.journal_lines import LineFile
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

EVERY = 3 * SECOND
LONG_TURN = 20 * MILLISECOND
"""One turn of a thousand at most may be longer (promise 29)."""
_STATM = Path("/proc/self/statm")
_PAGE_KIB = 4


def resident_kib() -> int:
    """Memory of this process that is in the machine's (F76); 0 where the system does not say."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE_KIB
    except (OSError, IndexError, ValueError):
        return 0


def collections() -> int:
    """Full collections of this process so far; none belongs into trading hours (promise 29)."""
    return int(gc.get_stats()[2]["collections"])


class Health:
    """One process. `turn` times every round; the worst since the last line is what counts."""

    def __init__(self, lines: LineFile) -> None:
        self._lines = lines
        self._worst: Nanos = 0
        self._turns = self._long = 0
        self._next: Nanos = 0
        self._settled = -1

    def turn(self, began: Nanos, ended: Nanos) -> bool:
        """A round took from `began` to `ended`; True when figures are due (`tell`)."""
        self._worst = max(self._worst, ended - began)
        self._turns += 1
        self._long += ended - began > LONG_TURN
        return ended >= self._next

    def tell(self, now: Nanos, **figures: int) -> None:
        """Write the figures with the worst turn since the last ones, in ms, turns and those longer
        than LONG_TURN so far, resident memory in KiB, and full collections since the first line.
        """
        if self._settled < 0:
            self._settled = collections()
        turn_ms = self._worst // MILLISECOND
        figures |= {"rss_kib": resident_kib(), "gc_full": collections() - self._settled}
        figures |= {"turns": self._turns, "long_turns": self._long}
        self._lines.add({"at": now, "what": "health", "turn_ms": turn_ms, **figures})
        self._worst, self._next = 0, now + EVERY
