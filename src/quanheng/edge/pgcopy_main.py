"""The process that copies journals into PostgreSQL: `python -m quanheng.edge.pgcopy_main RUN`.

RUN/live/pgcopy.msgpack says which machines and where to. Like the copier of the messaging servers
it shares nothing with the maker's process but files, so that it can hang, die or be missing (F66).
"""

import sys
from pathlib import Path

import msgspec

from quanheng.edge.child import Child
from quanheng.edge.clock import monotonic
from quanheng.edge.gates import enter
from quanheng.edge.health import EVERY, Health
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.loop import Loop
from quanheng.edge.pg_journal import (
    EVERY_S,
    Copied,
    PgForkError,
    PgJournal,
    PgJournalError,
    names_of,
    write_names,
)
from quanheng.edge.serving import copied
from quanheng.runtime.journal import JournalCorruptError
from quanheng.terms.units import SECOND, Nanos

LAST = 3 * SECOND
"""How long the end of the journals is waited for when the day is over."""
NO_DRIVER = 3
"""Exit code without `quanheng[postgres]`."""


class Setup(msgspec.Struct, frozen=True):
    """RUN/live/pgcopy.msgpack; the names are in RUN/pgcopy.json."""

    url: str
    machines: tuple[str, ...]


class PgCopyProcess:
    """A copy of each machine, and what is told of it."""

    def __init__(self, run: Path, setup: Setup, loop: Loop) -> None:
        """PgJournalError without the driver."""
        self.loop = loop
        self.lines = LineFile(run / "live" / "pgcopy.jsonl")
        self._run, self._url = run, setup.url
        self._names = names_of(run, setup.machines)
        self._copies = {machine: self._copy(machine) for machine in setup.machines}
        self._down: dict[str, bool | None] = dict.fromkeys(setup.machines)  # None: not known yet
        self._frames = dict.fromkeys(setup.machines, 0)
        self._last = dict.fromkeys(setup.machines, 0)
        self._health = Health(self.lines)
        self._told: Nanos = 0

    def _copy(self, machine: str) -> PgJournal:
        return PgJournal(self._run, machine, self._url, name=self._names[machine])

    def turn(self) -> bool:
        """One round; whether there is more to do at once."""
        more = [self._step(machine) for machine in self._copies]
        now = monotonic()
        if now - self._told >= EVERY:
            self._told = now
            # No turn is timed: this process may wait for a database as long as it likes.
            self._health.tell(now, **self.figures())
        self.loop.poll(0 if any(more) else EVERY_S)
        return any(more)

    def _step(self, machine: str) -> bool:
        copy = self._copies[machine]
        try:
            step = copy.copy_once()
        except PgForkError as error:
            self._anew(machine, str(error))
            return True
        except JournalCorruptError as error:
            copy.close()  # the next try reads from the start
            step = Copied(0, self._last[machine], f"the journal: {error}")
        down = bool(step.problem)
        if down != self._down[machine]:
            self._say("copy_down" if down else "copy_up", machine, why=step.problem, last=step.last)
        self._down[machine], self._last[machine] = down, step.last
        self._frames[machine] += step.frames
        return step.frames > 0

    def _anew(self, machine: str, why: str) -> None:
        """The table holds another history under this name: it stays, the copy begins another."""
        self._copies[machine].close()
        base, _, number = self._names[machine].partition("~")
        self._names[machine] = f"{base}~{int(number or 0) + 1}"
        write_names(self._run, self._names)
        self._copies[machine] = self._copy(machine)
        self._say("copy_anew", machine, why=why, name=self._names[machine])

    def _say(self, what: str, machine: str, **more: str | int) -> None:
        self.lines.add({"at": monotonic(), "what": what, "machine": machine, **more})

    def figures(self) -> dict[str, int]:
        """What the health line says."""
        out = {}
        for machine in self._copies:
            out[f"{machine}_connected"] = int(self._down[machine] is False)
            out[f"{machine}_copied"] = self._frames[machine]
            out[f"{machine}_last"] = self._last[machine]
        return out

    def finish(self) -> None:
        """The journals grow no more: copy what is left, for some seconds at most."""
        until = monotonic() + LAST
        while self.turn() and monotonic() < until:
            pass

    def close(self) -> dict[str, int]:
        """End; the last figures."""
        for copy in self._copies.values():
            copy.close()
        self.loop.close()
        self.lines.close()
        return self.figures()


def main(run: Path) -> int:
    """Run until the supervisor says stop; a database that does not answer keeps no day from
    beginning.
    """
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "pgcopy.msgpack").read_bytes(), type=Setup)
    loop = Loop()
    child = Child(loop)
    try:
        process = PgCopyProcess(run, setup, loop)
    except PgJournalError as error:
        sys.stderr.write(f"pgcopy: {error}\n")
        return NO_DRIVER
    copied(child, process)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
