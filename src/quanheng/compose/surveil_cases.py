"""The register of surveillance: findings as cases and their review by people (S-03, S-01).

`surveillance.jsonl`, one line an entry, only ever added to. Every line carries the SHA-256 of the
line before it, so that a line that was changed, taken out or put between is found when the register
is read. A case's number follows from what was found, so that a second look at the same day finds
the same case.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from quanheng.compose.people import People
from quanheng.compose.run_folder import RunError
from quanheng.compose.wall import clock
from quanheng.edge.growing import Growing, whole_lines
from quanheng.oversight.surveillance import Finding
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import Day

REGISTER = "surveillance.jsonl"
FOUND, CONFIRM, DISMISS, REOPEN = "found", "confirm", "dismiss", "reopen"
REVIEWERS = ("compliance",)
"""Posts that review: not the desk whose trades are looked at."""
OPEN, CONFIRMED, DISMISSED = "open", "confirmed", "dismissed"
MOVES = {
    (OPEN, CONFIRM): CONFIRMED,
    (OPEN, DISMISS): DISMISSED,
    (CONFIRMED, REOPEN): OPEN,
    (DISMISSED, REOPEN): OPEN,
}
"""Every allowed step; a finding is born OPEN."""
_NOTHING = "0" * 64


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line. Of FOUND the finding is kept whole; of a review the person and the reason."""

    case: str
    act: str
    at: str
    previous: str
    day: Day = 0
    view: str = ""
    finding: Finding | None = None
    by: str = ""
    reason: str = ""


class Case(msgspec.Struct):
    """A finding and where its review stands."""

    number: str
    day: Day
    view: str
    finding: Finding
    status: str = OPEN
    by: str = ""
    reason: str = ""
    steps: int = 0


def number_of(day: Day, view: str, found: Finding) -> str:
    """SV<day>-<eight hex digits> of what was found: pattern, accounts, scope, first instant."""
    text = "|".join([view, found.pattern, *found.who, found.scope, str(found.since)])
    return f"SV{day}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def entries(place: Path) -> list[Entry]:
    """The register, empty before the first entry. RunError names a line that cannot be read or that
    does not follow the one before it.
    """
    return _read(place, whole_lines(place))


def _read(place: Path, data: bytes) -> list[Entry]:
    found, previous = [], _NOTHING
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except msgspec.DecodeError as error:
            raise RunError(f"{place}: line {number}: {error}") from error
        if entry.previous != previous:
            raise RunError(f"{place}: line {number} does not follow the line before it")
        previous = hashlib.sha256(line).hexdigest()
        found.append(entry)
    return found


def cases(place: Path) -> dict[str, Case]:
    """Every case by its number, in the order they were found. RunError for a step that no case
    allows.
    """
    return _folded(place, entries(place))


def _folded(place: Path, known: Iterable[Entry]) -> dict[str, Case]:
    out: dict[str, Case] = {}
    for entry in known:
        if entry.act == FOUND and entry.finding is not None and entry.case not in out:
            out[entry.case] = Case(entry.case, entry.day, entry.view, entry.finding)
            continue
        case = out.get(entry.case)
        after = MOVES.get((case.status, entry.act)) if case else None
        if case is None or after is None:
            raise RunError(f"{place}: {entry.act} of {entry.case} is no step of a case")
        case.status, case.by, case.reason = after, entry.by, entry.reason
        case.steps += 1
    return out


class _Register:
    """The register while nobody else may write it."""

    def __init__(self, place: Path, file: Growing) -> None:
        self._file = file
        self.known = _read(place, file.data)
        lines = file.data.splitlines()
        self.last = hashlib.sha256(lines[-1]).hexdigest() if lines else _NOTHING

    def add(self, entry: Entry) -> Entry:
        """Append one entry behind the last line, on disk before it returns."""
        entry = msgspec.structs.replace(entry, previous=self.last)
        line = msgspec.json.encode(entry)
        self._file.add(line)
        self.last = hashlib.sha256(line).hexdigest()
        return entry


@contextmanager
def _register(place: Path) -> Iterator[_Register]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with Growing(place, 0o644) as file:
        yield _Register(place, file)


def _now() -> str:
    at = clock()
    return f"{iso(day_of(at))} {clock_text(at)}"


def record(place: Path, day: Day, view: str, found: Iterable[Finding]) -> dict[str, Case]:
    """Enter what is new; the cases of this day and view as they stand."""
    with _register(place) as register:
        known = _folded(place, register.known)
        for one in found:
            number = number_of(day, view, one)
            if number not in known:
                register.add(Entry(number, FOUND, _now(), "", day, view, one))
                known[number] = Case(number, day, view, one)
    return {number: case for number, case in known.items() if (case.day, case.view) == (day, view)}


def review(place: Path, number: str, act: str, by: str, reason: str, people: People) -> Entry:
    """A person confirms, dismisses or reopens a case. RunError for a person who holds none of
    REVIEWERS, a missing reason, an unknown case, or a step that its state does not take.
    """
    if not any(one.person == by and set(one.posts) & set(REVIEWERS) for one in people.people):
        raise RunError(f"{by or 'nobody'} holds none of the posts {', '.join(REVIEWERS)}")
    if not reason.strip():
        raise RunError(f"{act} of {number}: a review needs a reason")
    if not place.exists():
        raise RunError(f"{place}: no register; look for findings first")
    with _register(place) as register:
        case = _folded(place, register.known).get(number)
        if case is None:
            raise RunError(f"{place}: no case {number}")
        if (case.status, act) not in MOVES:
            raise RunError(f"{place}: case {number} is {case.status}; it takes no {act}")
        return register.add(Entry(number, act, _now(), "", by=by, reason=reason))


def rates(known: Iterable[Case]) -> dict[str, tuple[int, int, int]]:
    """By pattern: (found, reviewed, dismissed): how often it cried wolf."""
    out: dict[str, tuple[int, int, int]] = {}
    for case in known:
        found, reviewed, dismissed = out.get(case.finding.pattern, (0, 0, 0))
        out[case.finding.pattern] = (
            found + 1,
            reviewed + (case.status != OPEN),
            dismissed + (case.status == DISMISSED),
        )
    return out
