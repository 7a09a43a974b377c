"""How right the server's clock is, on every page: against the exchange's stamps and its source.

The maker measures the exchange's stamps on arrival and says the median with its health; nothing is
shown of one that has said nothing for a while, of too few stamps, or of a day that is over.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.live_nodes import MAKERS, STANDBY, lines_of
from quanheng.compose.source_clock import SourceClock
from quanheng.compose.watch import SILENT, Tail
from quanheng.edge.clock import monotonic
from quanheng.edge.clock_state import FEWEST, ClockRules, read_ntp

EVERY = 1.0
"""Seconds between two looks at the lines of health."""


class _Rules(msgspec.Struct):
    """What of the watch's part says when an offset is told."""

    clock: ClockRules = ClockRules()


class Clocks:
    """`look` in the thread of the pictures; `shown` from any."""

    def __init__(self, run: Path) -> None:
        roles = MAKERS if (run / STANDBY).exists() else MAKERS[:1]
        self._tails = [Tail(lines_of(run, role)) for role in roles]
        self._setup = run / "live" / "watch.msgpack"
        self._rules: ClockRules | None = None
        self._source = SourceClock(read_ntp)
        self._line: Mapping[str, Any] = {}
        self._next = 0.0

    def look(self, now: float) -> None:
        """Read the newest line of health; of a pair, of the node that hears the exchange."""
        if now < self._next:
            return
        self._next = now + EVERY
        for tail in self._tails:
            for line in tail:
                if line.get("feed_stamps", 0) >= FEWEST and line["at"] >= self._line.get("at", 0):
                    self._line = line

    def shown(self, now: float, live: bool) -> Mapping[str, Any]:
        """Offset in milliseconds or None, its level, and the source's state."""
        line = self._line
        fresh = live and bool(line) and monotonic() - line["at"] < SILENT
        ms = int(line["feed_offset_ms"]) if fresh else None
        level = "" if ms is None else self._limits().level(ms)
        return {"feed_ms": ms, "feed_level": level, **self._source.told()}

    def _limits(self) -> ClockRules:
        """The run's own thresholds, which the watch goes by too."""
        if self._rules is None:
            found = self._setup.read_bytes() if self._setup.exists() else b"\x80"
            self._rules = msgspec.msgpack.decode(found, type=_Rules).clock
        return self._rules
