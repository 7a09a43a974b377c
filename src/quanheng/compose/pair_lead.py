"""The journal that goes on: of a pair the leading node's as long as the day runs (docs/standby.md).

The nodes' journals are equal up to a take-over; what the dead leader had beyond it nobody saw
leave, and its folder is cut back under whoever reads it. So after a take-over the other node's
journal is read from its start.
"""

from pathlib import Path

from quanheng.compose.console_log import RunLog
from quanheng.compose.live_nodes import MAKERS, STANDBY, lines_of, place
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.watch import Tail
from quanheng.runtime.journal import JournalCorruptError


class Lead:
    """`look` for the folder of the node that led last; the run's own where there is one node, or
    none has led yet.
    """

    def __init__(self, run: Path) -> None:
        self.pair = (run / STANDBY).exists()
        roles = MAKERS if self.pair else ()
        self._tails = {place(run, role)[1]: Tail(lines_of(run, role)) for role in roles}
        self._epoch = 0
        self.home = run

    def look(self) -> Path:
        """Read what the makers have said since the last look."""
        for home, tail in self._tails.items():
            for line in tail:
                if line.get("what") == "leads" and line["epoch"] > self._epoch:
                    self._epoch, self.home = line["epoch"], home
        return self.home


def home_of(run: Path) -> Path:
    """The folder whose journal of the maker goes on, or has all of a day that is over. RunError for
    a folder that is no run.
    """
    return Lead(run).look() if read_info(run).status == "running" else run


class Following:
    """`log` is the journal to show; after `read_on` it may be another one."""

    def __init__(self, run: Path) -> None:
        """RunError for a folder that is no run, or has no journal of the maker."""
        self._run, self._lead = run, Lead(run)
        self.log = RunLog(run, home=home_of(run))
        self._next: RunLog | None = None  # of a node that leads now, until it is read

    @property
    def changing(self) -> bool:
        """Is another journal on its way?"""
        return self._next is not None

    def read_on(self, live: bool, most: int) -> bool:
        """Read at most about `most` bytes more; whether anything came. Of a day that is over all
        lies in the run folder.
        """
        home = self._lead.look() if live else self._run
        if home != (self._next or self.log).home:
            self._next = self._other(home)
        try:
            return self._go_on(most)
        except (JournalCorruptError, OSError):
            if not self._lead.pair:
                raise
            return False  # cut back, or put together at the end of the day: another one follows

    def _go_on(self, most: int) -> bool:
        if self._next is None:
            return self.log.poll(most) > 0
        came = self._next.poll(most) > 0
        # A leader goes on writing, so its journal is never read to the end.
        behind = came and self._next.newest < self.log.newest
        if behind or self._next.opened is None:
            return came
        self.log, self._next = self._next, None
        return True

    def _other(self, home: Path) -> RunLog | None:
        """Another node's journal, if it is there; else the next look tries again."""
        try:
            return RunLog(self._run, home=home)
        except RunError:
            return None
