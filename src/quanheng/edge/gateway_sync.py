"""Where the gateway stands in the exchange's report streams, and when a replay is complete.

TDGW marks no end of a replay within the day. It counts as complete after some silence, or when
the reports of every partition are younger than the request for the replay.
"""

from collections.abc import Callable

from quanheng.terms.orders import Report, Unreadable
from quanheng.terms.units import MILLISECOND, Nanos
from quanheng.wire.events import ReportArrived, ReportUnreadable

QUIET = 50 * MILLISECOND


def report_of(event: ReportArrived | ReportUnreadable) -> Report:
    """What stands in the stream: the report, or a mark that one could not be read."""
    if isinstance(event, ReportArrived):
        return event.report
    return Report(event.set_id, event.index, Unreadable(0, event.error.code))


def epoch_of(report: Report, letter: str) -> int:
    """The epoch in the client id of a report on an engine's request, 0 for others."""
    name = getattr(report.body, "client_id", "")
    return int(name[1:4], 36) if name[:1] == letter and name[1:4].isalnum() else 0


class Streams:
    """Report indices by partition: seen by the gateway, wanted by the engine.

    `stamp` gives the exchange's time at an instant of the monotonic clock; where nobody knows it,
    an instant far away, so that only silence completes a replay.
    """

    def __init__(self, stamp: Callable[[Nanos], Nanos]) -> None:
        self.next_index: dict[str, int] = {}
        self._wanted: dict[str, int] = {}  # first index the engine wants
        self._waiting: dict[str, bool] = {}  # replays not yet answered
        self._behind: dict[str, bool] = {}  # partitions whose reports are older than the request
        self._stamp = stamp
        self._asked_at: Nanos = 0
        self._quiet_since: Nanos = 0

    def forget(self) -> None:
        """A new engine: it has asked for nothing yet."""
        self._wanted.clear()
        self._behind.clear()

    def begin(self, next_index: dict[str, int]) -> bool:
        """Where an engine that takes over stands; a gateway that has read nothing begins there."""
        fresh = not self.next_index and bool(next_index)
        if fresh:
            self.next_index = dict(next_index)
        return fresh

    def open(self, sets: tuple[str, ...]) -> list[tuple[str, int]]:
        """A new session: (partition, index) from which the gateway goes on reading."""
        self.forget()
        self._waiting = dict.fromkeys(sets, True)
        return [(set_id, self.next_index.setdefault(set_id, 1)) for set_id in sets]

    def ask(self, wanted: dict[str, int], whole: bool, now: Nanos) -> list[tuple[str, int]]:
        """The engine wants reports from these indices on; `whole` covers every partition and is
        waited for. Returns (partition, index) of what has gone by already and must be replayed. An
        engine that asks while the line is ready misses something: what comes next is asked for too,
        since nothing tells of a last report that was lost on its way here (F23).
        """
        again = []
        for set_id in self.next_index if whole else wanted:
            index = self._wanted[set_id] = wanted.get(set_id, 1)
            next_index = self.next_index.get(set_id, 0)
            if index < next_index or (index == next_index and not whole):
                again.append((set_id, index))
                self._waiting[set_id] = True
            if whole:
                self._behind[set_id] = True
        self._quiet_since = now
        self._asked_at = self._stamp(now)
        return again

    def answered(self, set_id: str, now: Nanos) -> None:
        """The exchange accepted the request for a partition."""
        self._waiting.pop(set_id, None)
        self._quiet_since = now

    def take(self, report: Report, now: Nanos) -> tuple[bool, bool]:
        """(new to the gateway, wanted by the engine) of a report."""
        self._quiet_since = now
        set_id, index = report.set_id, report.index
        fresh = index == self.next_index.get(set_id, 1)
        if fresh:
            self.next_index[set_id] = index + 1
        if self._behind and report.body.at >= self._asked_at:
            self._behind.pop(set_id, None)
        wanted = self._wanted.get(set_id, 0)
        return fresh, wanted > 0 and index >= wanted

    def complete(self, now: Nanos) -> bool:
        """Whether the replay that the engine asked for is over."""
        if not self._wanted or self._waiting:
            return False
        return not self._behind or now - self._quiet_since >= QUIET
