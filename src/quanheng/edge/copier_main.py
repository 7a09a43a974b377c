"""The copier's process: `python -m quanheng.edge.copier_main RUN` (docs/messaging.md).

RUN/live/copier.msgpack says which journals go to which streams. It shares nothing with the maker's
process but the files that are written anyway, so that it can hang, die or be missing.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.child import Child
from quanheng.edge.clock import monotonic
from quanheng.edge.gates import enter
from quanheng.edge.health import EVERY, Health
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.loop import Loop
from quanheng.edge.nats_copying import Copying, Setup
from quanheng.edge.nats_gate import GateRefusedError
from quanheng.edge.serving import copied
from quanheng.terms.units import SECOND, Nanos

IDLE = 0.05
"""Seconds between two looks at journals that do not grow."""
REFUSED = 3
"""Exit code when nothing may be kept there and the day has not begun."""
LAST = 3 * SECOND
"""How long the end of the journals is waited for when the day is over."""


class CopierProcess:
    """Lines and clock around `nats_copying.Copying`."""

    def __init__(self, run: Path, setup: Setup, loop: Loop) -> None:
        self.loop = loop
        self.lines = LineFile(run / "live" / "copier.jsonl")
        self.copying = Copying(setup, run, self._news)
        self._health = Health(self.lines)
        self._told: Nanos = 0

    def _news(self, what: str, more: dict[str, Any]) -> None:
        self.lines.add({"at": monotonic(), "what": what, **more})

    def turn(self) -> bool:
        """One round; whether there is more to do at once."""
        now = monotonic()
        more = self.copying.turn(now)
        if now - self._told >= EVERY:
            self._told = now
            # No turn is timed: this process may wait for servers as long as it likes.
            self._health.tell(now, **self.copying.figures())
        self.loop.poll(0 if more else IDLE)
        return more

    def finish(self) -> None:
        """The journals grow no more: copy what is left, for some seconds at most."""
        until = monotonic() + LAST
        while self.turn() and monotonic() < until:
            pass

    def close(self) -> dict[str, int]:
        """End; the last figures."""
        figures = self.copying.figures()
        self.copying.close()
        self.loop.close()
        self.lines.close()
        return figures


def main(run: Path) -> int:
    """Run until the supervisor says stop. Before the day begins a shut gate ends it (promise 32);
    later it is told, and the copy waits.
    """
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "copier.msgpack").read_bytes(), type=Setup)
    loop = Loop()
    child = Child(loop)
    process = CopierProcess(run, setup, loop)
    begun = (run / "live" / "clock.json").exists()
    try:
        process.copying.first(monotonic())
    except GateRefusedError as error:
        if not begun:
            process.close()
            sys.stderr.write(f"copier: {error}\n")
            return REFUSED
    copied(child, process)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
