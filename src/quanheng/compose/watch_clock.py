"""What the watch says of the clocks: no source disciplines ours, or it is off the exchange's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from quanheng.edge.clock_state import FEWEST, LEVELS, SYNCED, UNKNOWN, UNSYNCED, ClockRules, Ntp
from quanheng.terms.units import SECOND, Nanos

EVERY = 10 * SECOND
"""How often the kernel is asked."""
WORDS = {
    UNSYNCED: ("amber", "系统时钟未与时钟源同步（NTP）"),
    UNKNOWN: ("notice", "无法得知系统时钟是否与时钟源同步（NTP）"),
}
Told = tuple[str, str, str]
"""Level, code and words of an alarm."""


class ClockWatch:
    """Each change for the worse is told once, and again after it was well."""

    def __init__(self, rules: ClockRules, ask: Callable[[], Ntp]) -> None:
        self.synced = False
        self._rules, self._ask = rules, ask
        self._next: Nanos = 0
        self._state = SYNCED
        self._levels: dict[str, str] = {}

    def look(self, now: Nanos) -> Iterator[Told]:
        """Ask the kernel when it is time to."""
        if now < self._next:
            return
        self._next = now + EVERY
        state = self._ask().state
        self.synced = state == SYNCED
        changed, self._state = state != self._state, state
        if self._rules.ntp and changed and state in WORDS:
            level, words = WORDS[state]
            yield level, "clock_unsynced", words

    def offset(self, role: str, line: Mapping[str, Any]) -> Told | None:
        """What a line of health says of the exchange's stamps, when it is worse than before."""
        if line.get("feed_stamps", 0) < FEWEST:
            return None
        ms = int(line["feed_offset_ms"])
        level, before = self._rules.level(ms), self._levels.get(role, "")
        self._levels[role] = level
        if LEVELS.index(level) <= LEVELS.index(before):
            return None
        words = f"{role} 的时钟与交易所行情时间相差 {ms:+d} 毫秒（近一分钟中位数）"
        return level, "feed_offset", words
