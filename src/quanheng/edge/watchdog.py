"""A thread that sees a loop stand still, and says where, while it does (reliability.md 5, F16).

A turn that is too long can only be told by the loop itself when it is over; one that never ends, or
a machine that gets no processor time, would tell nothing. The thread reads one number that the loop
writes: since when it works. It holds nothing, and what it says goes into the process's own lines.
"""

import sys
import threading
from pathlib import Path
from types import FrameType

from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.loop import Loop
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

STALLED = 250 * MILLISECOND
"""A turn beyond this is told while it lasts (borders.md 2)."""
EVERY = 50 * MILLISECOND
DEPTH = 5
AGAIN = SECOND
"""How often one that goes on is told."""


class Watchdog:
    """Looks at a loop from a thread of its own; `stop` ends it."""

    def __init__(self, loop: Loop, run: Path, role: str, limit: Nanos = STALLED) -> None:
        self._loop, self._limit = loop, limit
        self._lines = LineFile(run / "live" / f"{role}.jsonl")
        self._main = threading.get_ident()
        self._over = threading.Event()
        self._said: Nanos = 0
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(EVERY / SECOND):
            since, now = self._loop.woken, monotonic()
            if since and now - since > self._limit and now - self._said >= AGAIN:
                self._said = now
                stood = (now - since) // MILLISECOND
                self._lines.add({"at": now, "what": "stalled", "ms": stood, "where": self._where()})

    def _where(self) -> str:
        """The innermost lines that the loop's thread is in."""
        frame: FrameType | None = sys._current_frames().get(self._main)
        found: list[str] = []
        while frame is not None and len(found) < DEPTH:
            name = frame.f_globals.get("__name__", "?")
            found.append(f"{name}.{frame.f_code.co_name}:{frame.f_lineno}")
            frame = frame.f_back
        return " < ".join(found)

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join(2.0)
        self._lines.close()
