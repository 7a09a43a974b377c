"""The simulated exchange loses a line when a drill says so: T-05's switches, apart and together.

RUN/exchange/CUT holds names of lines (order, order_standby, feed, feed_standby), blanks between
them. A line that is named takes nobody and ends whoever is on it; when its name is gone it is back.
"""

import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from quanheng.edge.loop import Loop
from quanheng.terms.units import MILLISECOND, Nanos

CUT_FILE = "exchange/CUT"
EVERY = 50 * MILLISECOND


class LineCuts:
    """`turn` every round; `lines`: by name the bound socket and what listens on it again."""

    def __init__(
        self,
        loop: Loop,
        run: Path,
        lines: Mapping[str, tuple[socket.socket, Callable[[socket.socket], None]]],
        note: Callable[[str, str], None],
    ) -> None:
        self._loop, self._path, self._lines, self._note = loop, run / CUT_FILE, lines, note
        self._cut: list[str] = []
        self._look_at: Nanos = 0

    def turn(self, now: Nanos) -> None:
        """Cut and mend."""
        if now < self._look_at:
            return
        self._look_at = now + EVERY
        try:
            wanted = self._path.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            wanted = []
        for name, (listener, listen) in self._lines.items():
            if name in wanted and name not in self._cut:
                self._cut.append(name)
                self._loop.unlisten(listener)
                port = listener.getsockname()[1]
                for connection in list(self._loop.connections):
                    if connection.sock.family == socket.AF_INET and (
                        connection.sock.getsockname()[1] == port
                    ):
                        connection.close("the line is cut")
                self._note("line_cut", name)
            elif name not in wanted and name in self._cut:
                self._cut.remove(name)
                listen(listener)
                self._note("line_back", name)

    def close(self) -> None:
        """Give up the sockets of lines that are cut; the loop closes the others."""
        for name in self._cut:
            self._lines[name][0].close()
