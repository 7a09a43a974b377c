"""Sums over small worlds, and the file in which runs of several sessions add up.

The file has a line of JSON for each batch of seeds that is done: which seeds, made by which build,
and the sums. A batch that is in it already, made by the same build and as often, is not run again.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from quanheng.compose.small_runs import PAIR_EVERY, Outcome

BATCH = 1_000
"""Seeds of one line."""


class Tally(msgspec.Struct):
    """Sums over the worlds of the seeds `first` to `last`; `build` is the identity of the code that
    ran them, `cpu_first` and `cpu_second` are milliseconds of processor time.
    """

    first: int
    last: int
    build: str
    twice: bool
    worlds: int = 0
    pairs: int = 0
    checks: int = 0
    quoting: int = 0
    tripped: int = 0
    cpu_first: int = 0
    cpu_second: int = 0
    counts: dict[str, int] = {}
    faults: dict[str, int] = {}
    failed: dict[str, list[str]] = {}  # seed -> broken rules

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count worlds."""
        for one in outcomes:
            self.worlds += 1
            self.pairs += one.seed % PAIR_EVERY == 0
            self.checks += one.checks
            self.quoting += one.quoting
            self.tripped += bool(one.trips)
            _sum(self.counts, one.counts)
            _sum(self.faults, one.faults)
            if one.broken:
                self.failed[str(one.seed)] = one.broken

    def join(self, other: "Tally") -> None:
        """Count what another has counted."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.twice = self.twice and other.twice
        for name in ("worlds", "pairs", "checks", "quoting", "tripped", "cpu_first", "cpu_second"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        _sum(self.counts, other.counts)
        _sum(self.faults, other.faults)
        self.failed |= other.failed


def _sum(into: dict[str, int], more: dict[str, int]) -> None:
    for name, number in more.items():
        into[name] = into.get(name, 0) + number


def total(tallies: Sequence[Tally]) -> Tally:
    """Several as one. ValueError for none, or for different builds."""
    builds = {one.build: True for one in tallies}
    if len(builds) != 1:
        raise ValueError(f"{len(builds)} builds do not add up to one sum")
    found = Tally(tallies[0].first, tallies[0].last, tallies[0].build, tallies[0].twice)
    for one in tallies:
        found.join(one)
    return found


def read(path: Path) -> list[Tally]:
    """The lines of a file, none when it is not there. ValueError names a line that is damaged; a
    last one that was cut off by a crash does not count.
    """
    if not path.exists():
        return []
    found = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            found.append(msgspec.json.decode(line, type=Tally))
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} line {number}: {error}") from None
    return found


def write(path: Path, tally: Tally) -> None:
    """Add a line; one that was cut off before it is taken away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.read_bytes() if path.exists() else b""
    whole = kept[: kept.rfind(b"\n") + 1]
    with path.open("wb" if len(whole) == len(kept) == 0 else "r+b") as file:
        file.truncate(len(whole))
        file.seek(len(whole))
        file.write(msgspec.json.encode(tally) + b"\n")
