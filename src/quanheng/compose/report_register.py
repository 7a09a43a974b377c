"""Reports with a number and a hash, receipts for them, and signed exceptions (R-07, I-35).

A report's last line carries the SHA-256 of everything above it. `reports/register.jsonl` of the run
keeps, one line each, what was issued, who received which hash, and which two people let a book over
an overnight limit be carried. Lines are only ever added.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from quanheng.authority.policy import Act, rule_of
from quanheng.compose.people import People
from quanheng.compose.report_tables import read_table
from quanheng.compose.risk_record import FINDINGS
from quanheng.compose.run_folder import RunError, read_info, write_whole
from quanheng.compose.wall import clock
from quanheng.terms.days import clock_text, day_of, iso

REGISTER = "reports/register.jsonl"
ISSUED, RECEIVED, APPROVED, SUBMITTED = "issued", "received", "approved", "submitted"
REVIEWED = "reviewed"
DAILY, EVENT, EXCEPTION = "RB", "SJ", "LW"
"""Beginnings of numbers: 日报, 事件报告, 隔夜例外."""
RECEIVERS = ("risk", "firm_risk")
SUBMITTERS = ("firm_risk", "compliance")
SEAL = "校验 sha256 "


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line. `subject`: what a report is about; of an exception the scopes that were over."""

    kind: str
    number: str
    sha256: str
    at: str
    by: str = ""
    seconded_by: str = ""
    subject: str = ""
    reason: str = ""


def entries(run: Path) -> list[Entry]:
    """The register of a run, empty before the first report. RunError names a line that is wrong."""
    path = run / REGISTER
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            found.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError as error:
            raise RunError(f"{path}: line {number}: {error}") from error
    return found


def _add(run: Path, entry: Entry) -> Entry:
    with (run / REGISTER).open("ab") as stream:
        stream.write(msgspec.json.encode(entry) + b"\n")
    return entry


def _next(run: Path, prefix: str) -> str:
    day = read_info(run).day
    count = sum(
        one.number.startswith(prefix)
        for one in entries(run)
        if one.kind not in (RECEIVED, SUBMITTED, REVIEWED)
    )
    return f"{prefix}{day}-{count + 1:02d}"


def _now() -> str:
    at = clock()
    return f"{iso(day_of(at))} {clock_text(at)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def issue(run: Path, out: Path, prefix: str, subject: str, write: Callable[[str], str]) -> Entry:
    """Number a report, write it with its hash, and enter it. `write(number)` gives the text."""
    number = _next(run, prefix)
    text = write(number)
    digest = _digest(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, f"{text}{SEAL}{digest}\n".encode())
    return _add(run, Entry(ISSUED, number, digest, _now(), subject=subject))


def number(run: Path, prefix: str) -> str:
    """The number that the next report of a kind will have."""
    return _next(run, prefix)


def enter(run: Path, name: str, digest: str, subject: str, by: str = "") -> Entry:
    """Enter a report that was written with a number, by the SHA-256 of its file."""
    (run / REGISTER).parent.mkdir(exist_ok=True)
    return _add(run, Entry(ISSUED, name, digest, _now(), by, subject=subject))


def review(run: Path, name: str, by: str, words: str) -> Entry:
    """Record that somebody else than its author reviewed an issued report, and what came of it.

    RunError for a number that was never issued, for the author, or without words.
    """
    known = [one for one in entries(run) if (one.kind, one.number) == (ISSUED, name)]
    if not known:
        raise RunError(f"{run / REGISTER} has no report {name!r}")
    if known[-1].by == by:
        raise RunError(f"{name}: {by} wrote it; a review needs another person")
    if not words.strip():
        raise RunError(f"{name}: a review says what was found")
    return _add(run, Entry(REVIEWED, name, known[-1].sha256, _now(), by, reason=words))


def submit(run: Path, name: str, by: str, channel: str, people: People) -> Entry:
    """Record that an issued report was handed in to the exchange (S-02, L-12): by whom, which way.

    RunError for a number that was never issued, or a person outside risk and compliance.
    """
    if not _holds(people, by, SUBMITTERS):
        raise RunError(f"{by} holds none of the posts {', '.join(SUBMITTERS)}")
    if not channel.strip():
        raise RunError("a submission names its channel")
    known = [one for one in entries(run) if (one.kind, one.number) == (ISSUED, name)]
    if not known:
        raise RunError(f"{run / REGISTER} has no report {name!r}")
    return _add(run, Entry(SUBMITTED, name, known[-1].sha256, _now(), by, subject=channel))


def receive(run: Path, out: Path, by: str, people: People) -> Entry:
    """Record that a person of the risk departments received a report.

    RunError when the report is not as it was issued, was not issued by this run, the person holds
    none of RECEIVERS or has received it already.
    """
    if not _holds(people, by, RECEIVERS):
        raise RunError(f"{by} holds none of the posts {', '.join(RECEIVERS)}")
    try:
        text, seal, claimed = out.read_text(encoding="utf-8").rpartition(SEAL)
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{out}: {error}") from error
    digest = _digest(text)
    if not seal or claimed.strip() != digest:
        raise RunError(f"{out}: changed since it was issued: its hash is {digest}")
    known = entries(run)
    number = next((e.number for e in known if (e.kind, e.sha256) == (ISSUED, digest)), "")
    if not number:
        raise RunError(f"{out}: {run / REGISTER} has no report with hash {digest}")
    if any((e.kind, e.sha256, e.by) == (RECEIVED, digest, by) for e in known):
        raise RunError(f"{out}: {by} has received {number} already")
    return _add(run, Entry(RECEIVED, number, digest, _now(), by))


def approve(run: Path, by: str, seconded_by: str, reason: str, people: People) -> Entry:
    """Record a signed exception: the book is carried although it is over an overnight limit.

    The posts are those that loosen a limit (`authority.policy`). RunError when nothing is over, or
    for people who may not.
    """
    rule = rule_of(Act.LOOSEN_LIMIT)
    if not reason.strip():
        raise RunError("an exception needs a reason")
    if by == seconded_by:
        raise RunError(f"{by} cannot sign for both: an exception needs two people")
    for person, posts in ((by, rule.proposers), (seconded_by, rule.seconders)):
        if not _holds(people, person, posts):
            raise RunError(f"{person} holds none of the posts {', '.join(posts)}")
    over = over_limits(run)
    if not over:
        raise RunError(f"{run}: nothing is over its overnight limit")
    subject = "; ".join(over)
    number = _next(run, EXCEPTION)
    digest = _digest((run / "reports" / "overnight_limits.csv").read_text(encoding="utf-8"))
    return _add(run, Entry(APPROVED, number, digest, _now(), by, seconded_by, subject, reason))


def over_limits(run: Path) -> list[str]:
    """ "scope figure" of every overnight limit that the carried book is over."""
    rows = read_table(run, "overnight_limits", FINDINGS)
    return [f"{row['scope']} {row['figure']}" for row in rows if row["over"] == "1"]


def _holds(people: People, person: str, posts: tuple[str, ...]) -> bool:
    return any(one.person == person and set(one.posts) & set(posts) for one in people.people)
