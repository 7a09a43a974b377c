"""Questions to the archive: a person's actions on a contract, and what the archive holds."""

from typing import Any

from quanheng.compose.archive import KINDS, keep_until
from quanheng.edge.archive_files import Archive, ArchiveError
from quanheng.edge.archive_index import Index
from quanheng.edge.archive_tables import read_rows
from quanheng.terms.days import from_clock, from_iso, iso, midnight
from quanheng.terms.units import DAY, MILLISECOND, Nanos


def instant(text: str, end: bool = False) -> Nanos:
    """YYYY-MM-DD or "YYYY-MM-DD HH:MM[:SS]" Shanghai time; a bare day's last instant for `end`.

    ValueError names the text.
    """
    day, _, clock = text.strip().partition(" ")
    start = midnight(from_iso(day))
    if clock:
        return start + from_clock(clock)
    return start + DAY - MILLISECOND if end else start


def find(
    archive: Archive, person: str, contract: str, start: Nanos, stop: Nanos
) -> list[dict[str, Any]]:
    """Actions of a person in [start, stop] on a contract, and on its underlying or on everything
    while it was listed.

    All scopes for an empty contract. Rows are those of the table `actions` with the entry's number,
    by instant. ArchiveError when a table is not the one that was archived, or when the index is
    behind the log and cannot be brought up to it.
    """
    index = Index(archive.folder)
    try:
        known = index.entries()
        lines = {line.number: line for line in archive.lines()}
        if known != sorted(lines):
            raise ArchiveError(f"{archive.folder}: the index is not of this log; archive index")
        spans = index.find(person, contract, start, stop)
        life = index.life(contract)
    finally:
        index.close()
    found: list[dict[str, Any]] = []
    checked: dict[int, Any] = {}
    for span in spans:
        if span.entry not in checked:
            name = "tables/actions.parquet"
            checked[span.entry] = archive.checked(lines[span.entry], name)
        for row in read_rows(checked[span.entry], span.first, span.rows):
            if (row["person"], row["scope"]) != (span.person, span.scope):
                raise ArchiveError(f"{archive.folder}: the index is wrong about {span.entry}")
            since, until = start, stop
            if life is not None and span.scope != contract:
                since, until = max(start, life[1]), min(stop, life[2])
            if since <= row["at"] <= until:
                found.append({"entry": span.entry, **row})
    return sorted(found, key=lambda row: (row["at"], row["machine"], row["seq"], row["scope"]))


def status(archive: Archive) -> dict[str, Any]:
    """What is held, by kind and for how long, and which kinds are missing (S-01)."""
    lines = archive.lines()
    held: dict[str, int] = {}
    for line in lines:
        held[line.kind] = held.get(line.kind, 0) + 1
        if "authority" in line.heads and line.kind != "authority":
            held["authority"] = held.get("authority", 0) + 1
    years = archive.about.retention_years
    return {
        "ok": True,
        "origin": archive.about.origin,
        "public_key": archive.about.public_key,
        "entries": len(lines),
        "records": sum(line.leaves for line in lines),
        "bytes": sum(line.bytes for line in lines),
        "held": held,
        "missing": [kind for kind in KINDS if kind not in held],
        "first_day": iso(min(line.day for line in lines)) if lines else "",
        "last_day": iso(max(line.day for line in lines)) if lines else "",
        "kept_at_least_until": iso(max(keep_until(line, years) for line in lines)) if lines else "",
        "anchor": archive.anchors()[-1] if lines else "",
    }
