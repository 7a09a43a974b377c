"""A process of a live run and its supervisor: standard input carries orders, output says facts.

Orders are lines: `go` (the clock file is there), `stop`. The end of the input means that the
supervisor is gone, which is `stop` too, so no process is left behind.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from quanheng.edge.build import this_build
from quanheng.edge.loop import Loop

READY = "ready"


class Child:
    """The line to the supervisor."""

    def __init__(self, loop: Loop) -> None:
        self.going = False
        self.stopping = False
        self._rest = b""
        self._loop = loop
        self._open = True
        os.set_blocking(sys.stdin.fileno(), False)
        loop.watch(sys.stdin.fileno(), self._read)
        signal.signal(signal.SIGTERM, self._on_signal)
        # Ctrl-C reaches the whole group; only the supervisor decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: Any) -> None:
        self.stopping = True

    def _read(self) -> None:
        data = os.read(sys.stdin.fileno(), 4_096)
        if not data and self._open:
            self._open = False
            self._loop.unwatch(sys.stdin.fileno())
            self.stopping = True
        self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if line == b"go":
                self.going = True
            elif line == b"stop":
                self.stopping = True

    def tell(self, event: str, **more: Any) -> None:
        """Say something to the supervisor; with `ready` goes the build, for it to compare."""
        if event == READY:
            more["build"] = this_build().identity
        line = msgspec.json.encode({"event": event, **more}) + b"\n"
        try:
            os.write(sys.stdout.fileno(), line)
        except OSError:
            self.stopping = True  # the supervisor is gone

    def wait_for_go(self, serve: Callable[[], None]) -> None:
        """Serve sockets until the run starts or ends."""
        while not self.going and not self.stopping:
            serve()


def settle_memory() -> None:
    """Collect what start-up left, then keep the collector out of trading (reliability.md 5)."""
    gc.collect()
    gc.freeze()
    gc.disable()
