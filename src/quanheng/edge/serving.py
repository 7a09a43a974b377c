"""The middle of a process's life that several share: it says it is ready, turns, and ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from quanheng.edge.child import READY, Child, settle_memory
from quanheng.edge.loop import Loop
from quanheng.edge.watchdog import Watchdog


class CopyProcess(Protocol):
    """A process that copies journals."""

    def turn(self) -> bool:
        """One round; whether there is more to do at once."""

    def finish(self) -> None:
        """The journals grow no more: copy what is left."""

    def close(self) -> dict[str, int]:
        """End; the last figures."""


def watched(
    child: Child, loop: Loop, run: Path, role: str, turn: Callable[[], object], **ready: Any
) -> None:
    """Settle memory, set a watchdog beside the loop, say ready and turn until it is over."""
    settle_memory()
    watchdog = Watchdog(loop, run, role)
    child.tell(READY, **ready)
    while not child.stopping:
        turn()
    watchdog.stop()


def copied(child: Child, process: CopyProcess) -> None:
    """Copy until the supervisor says stop, then what is left. Nobody waits for such a process, so
    no watchdog counts how long it waits for others.
    """
    child.tell(READY)
    while not child.stopping:
        process.turn()
    process.finish()
    child.tell("ended", **process.close())
