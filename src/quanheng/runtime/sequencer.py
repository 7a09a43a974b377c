"""The sequencer numbers inputs and keeps their time from going back (house.md 6.2)."""

from quanheng.terms.units import Nanos


class Sequencer:
    """Gives each input of a machine its seq and a non-decreasing `at`.

    A time earlier than the last one is clamped to it; `clamped` counts how often, `worst` is the
    largest step back seen, and the host tells people when they change.
    """

    __slots__ = ("at", "clamped", "seq", "worst")

    def __init__(self, seq: int = 0, at: Nanos = 0) -> None:
        self.seq = seq
        self.at = at
        self.clamped = 0
        self.worst = 0

    def stamp(self, at: Nanos) -> Nanos:
        """Number the next input (`seq` afterwards) and return the time it gets."""
        self.seq += 1
        if at >= self.at:
            self.at = at
            return at
        self.clamped += 1
        self.worst = max(self.worst, self.at - at)
        return self.at
