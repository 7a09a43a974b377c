"""A child process of a live run, with its line: JSON events out, orders in."""

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

Event = dict[str, Any]


class Process:
    """A child with its line: JSON events from its output, orders to its input."""

    def __init__(self, role: str, command: list[str], run: Path, env: Mapping[str, str]) -> None:
        self.role = role
        self.events: list[Event] = []
        self.started = time.monotonic()
        with (run / "live" / f"{role}.log").open("ab") as log:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(env),
                start_new_session=True,
            )
        self._rest = b""
        os.set_blocking(self._output.fileno(), False)

    @property
    def _output(self) -> IO[bytes]:
        assert self.popen.stdout is not None
        return self.popen.stdout

    @property
    def pid(self) -> int:
        """Process id."""
        return self.popen.pid

    def fileno(self) -> int:
        """Descriptor of its output, for a selector."""
        return self._output.fileno()

    def order(self, text: str) -> None:
        """Give an order; a process that is gone does not hear it."""
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):
            self.popen.stdin.write(text.encode() + b"\n")
            self.popen.stdin.flush()

    def read(self) -> None:
        """Take the events that are there."""
        try:
            data = os.read(self.fileno(), 65_536)
        except BlockingIOError:
            return
        self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        self.events += [msgspec.json.decode(line) for line in lines if line]

    def event(self, name: str) -> Event | None:
        """The first event of a name."""
        return next((event for event in self.events if event["event"] == name), None)

    def ended(self) -> bool:
        """True when it has exited."""
        return self.popen.poll() is not None

    def kill(self) -> None:
        """End it at once."""
        if not self.ended():
            self.popen.kill()
        self.popen.wait()

    def close(self) -> None:
        """Release its pipes."""
        self.read()
        self._output.close()
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
