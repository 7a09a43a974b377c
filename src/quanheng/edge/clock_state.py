"""How right this machine's clock is: against the exchange's stamps, and against its own source.

The exchange stamps market data in its own time; what a stamp is behind our clock on arrival is the
offset of the clocks and the way together. The median of the last minute leaves single late ones
out. Whether a time source (NTP, PTP) disciplines the clock is the kernel's to say (`adjtimex`).
"""

import ctypes
from collections import deque
from typing import NamedTuple

import msgspec

from quanheng.runtime.live import BusinessClock
from quanheng.terms.units import MICROSECOND, MILLISECOND, SECOND, Nanos

WINDOW = 60 * SECOND
"""Of elapsed time, over which the median is taken."""
MOST = 1_200
"""Stamps that are kept; at a high speed a minute has more."""
FEWEST = 10
"""Stamps below which an offset says nothing."""
SYNCED, UNSYNCED, UNKNOWN = "synced", "unsynced", "unknown"
_UNSYNC, _NANO, _ERROR = 0x0040, 0x2000, 5
LEVELS = ("", "amber", "red")


class ClockRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an offset to the exchange's stamps is told, milliseconds, and whether a clock that no
    source disciplines is.
    """

    offset_amber_ms: int = 500
    offset_red_ms: int = 1_000
    ntp: bool = True

    def level(self, offset_ms: int) -> str:
        """ "", amber or red for an offset either way."""
        size = abs(offset_ms)
        return LEVELS[(size >= self.offset_amber_ms) + (size >= self.offset_red_ms)]


class StampOffsets:
    """Offsets of the stamps that came, one each, and their median."""

    def __init__(self) -> None:
        self._found: deque[tuple[Nanos, Nanos]] = deque(maxlen=MOST)

    def came(self, stamp: Nanos, elapsed: Nanos, clock: BusinessClock | None) -> None:
        """A stamp came at `elapsed` of the monotonic clock. In an accelerated run the difference
        to our business time is brought back to the wall's; without a clock there is none.
        """
        if clock is not None:
            self._found.append((elapsed, (clock.at(elapsed) - stamp) // clock.speed))

    def figures(self, elapsed: Nanos) -> dict[str, int]:
        """The median of the last minute in milliseconds, and of how many stamps; 0 of none."""
        while self._found and self._found[0][0] < elapsed - WINDOW:
            self._found.popleft()
        ordered = sorted(offset for _, offset in self._found)
        middle = ordered[len(ordered) // 2] if ordered else 0
        offset_ms = (middle + MILLISECOND // 2) // MILLISECOND
        return {"feed_offset_ms": offset_ms, "feed_stamps": len(ordered)}


class Ntp(NamedTuple):
    """What the kernel says of its clock: SYNCED, UNSYNCED or UNKNOWN; the offset to the source and
    the largest error that is possible, Nanos.
    """

    state: str
    offset: Nanos = 0
    error: Nanos = 0


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
        ("seconds", ctypes.c_long), ("micros", ctypes.c_long), ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long), ("jitter", ctypes.c_long), ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long), ("jitcnt", ctypes.c_long), ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long), ("stbcnt", ctypes.c_long), ("tai", ctypes.c_int),
        ("spare", ctypes.c_int * 11),
    )  # fmt: skip


def read_ntp() -> Ntp:
    """Ask the kernel; it changes nothing. UNKNOWN where it cannot be asked."""
    found = _Timex()
    try:
        code = int(ctypes.CDLL(None).adjtimex(ctypes.byref(found)))
    except (OSError, AttributeError):
        return Ntp(UNKNOWN)
    return judged(code, found.status, found.offset, found.maxerror)


def judged(code: int, status: int, offset: int, most_us: int) -> Ntp:
    """What an answer of adjtimex means: -1 is no answer, 5 or STA_UNSYNC no source; the offset is
    in nanoseconds when STA_NANO is set, else in microseconds; the error in microseconds.
    """
    if code < 0:
        return Ntp(UNKNOWN)
    state = UNSYNCED if code == _ERROR or status & _UNSYNC else SYNCED
    unit = 1 if status & _NANO else MICROSECOND
    return Ntp(state, offset * unit, most_us * MICROSECOND)
