"""A server that is killed while a day runs, and started again."""

import time
from typing import Protocol


class Server(Protocol):
    """What can be killed and started."""

    def kill(self) -> None:
        """kill -9."""

    def start(self) -> None:
        """Again."""


class Outage:
    """Polled by the supervisor while the day runs; `done` says how far it is."""

    def __init__(self, server: Server, after: float, until: float) -> None:
        """Seconds of the wall since the first poll."""
        self.server, self.after, self.until = server, after, until
        self.began, self.done = 0.0, ""

    def __call__(self) -> bool:
        self.began = self.began or time.monotonic()
        gone = time.monotonic() - self.began
        if gone > self.after and not self.done:
            self.server.kill()
            self.done = "killed"
        elif gone > self.until and self.done == "killed":
            self.server.start()
            self.done = "started"
        return False
