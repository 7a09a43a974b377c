"""The day's backup: what a node left goes into the archive, the archive onto other media (T-07).

Method: whole files, each once, by the archive's own rules; what is there is never written over.
Frequency: after each day (`quanheng units` writes a timer). Medium: the folders given, for instance
a second site and one that is written once. Retention: the archive's term, and no way to delete.
A copy is whole when the archive's own verifier says so, run on the copy.
"""

import hashlib
import shutil
from pathlib import Path

import msgspec

from quanheng.compose import archive as records
from quanheng.compose.archive_drill import verify
from quanheng.compose.node import folder_of
from quanheng.compose.run_folder import RunError, read_info
from quanheng.edge.archive_files import Archive, ArchiveError
from quanheng.edge.archive_index import INDEX
from quanheng.edge.clock import wall
from quanheng.edge.journal_lines import LineFile
from quanheng.terms.days import day_of
from quanheng.terms.units import Nanos

RECORD = "backups.jsonl"
ENDED = "ended"
GROWING = ("log.jsonl", "anchors.txt")
"""Files that a later addition makes longer; all others are written once."""
FOLDERS = (("self-tests", records.DOCUMENTS), ("configuration", records.DOCUMENTS),
           ("drills", records.DRILL))  # fmt: skip
"""Folders of a node that go in beside its days, and as what."""


class Copied(msgspec.Struct, frozen=True):
    """A copy: files and bytes that were new, and whether the verifier found it whole."""

    folder: str
    files: int
    bytes: int
    whole: bool
    reason: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the record. `left_out`: runs that were not taken, with the reason."""

    at: Nanos
    by: str
    node: str
    archive: str
    added: tuple[str, ...]
    left_out: tuple[str, ...]
    copies: tuple[Copied, ...]

    @property
    def ok(self) -> bool:
        """Is every copy whole?"""
        return all(one.whole for one in self.copies)


def back_up(
    home: Path, name: str, to: Path, copies: tuple[Path, ...], by: str, key: Path | None = None
) -> Backup:
    """Archive what is new of a node and bring every copy up to date. ArchiveError, RunError or
    JournalCorruptError say what cannot be taken; what was added before that stays.
    """
    folder = folder_of(home, name)
    if not folder.is_dir():
        raise RunError(f"{folder}: no node {name}")
    private = records.key_file(to, key)
    if not (to / "archive.json").exists():
        records.begin(to, private, f"quanheng/{to.resolve().name}")
    archive, secret = Archive(to), records.read_key(private)
    added: list[str] = []
    left: list[str] = []
    for run in sorted(path.parent for path in folder.glob("runs/*/run.json")):
        status = read_info(run).status
        if status != ENDED:
            left.append(f"{run.name}: {status}")
            continue
        line, _ = records.add(archive, run, secret, by=by)
        added += [line.name] if line else []
    for word, kind in FOLDERS:
        if any((folder / word).glob("**/*")):
            given = {"kind": kind, "name": f"{name}-{word}", "day": day_of(wall()), "by": by}
            line, _ = records.add(archive, folder / word, secret, **given)  # type: ignore[arg-type]
            added += [line.name] if line else []
    made = tuple(_copy(archive, place) for place in copies)
    done = Backup(
        at=wall(), by=by, node=name, archive=str(to), added=tuple(added), left_out=tuple(left),
        copies=made,
    )  # fmt: skip
    lines = LineFile(folder / RECORD)
    lines.add(msgspec.to_builtins(done))
    lines.close()
    return done


def _copy(archive: Archive, place: Path) -> Copied:
    """Bring a copy up to the archive. A file that is there must be what is archived."""
    count = size = 0
    try:
        place.mkdir(parents=True, exist_ok=True)
        for source in sorted(archive.folder.rglob("*")):
            path = source.relative_to(archive.folder)
            if not source.is_file() or path.name.startswith((".", INDEX)) or path.name == "lock":
                continue
            if _bring(source, place / path, path.name in GROWING):
                count, size = count + 1, size + source.stat().st_size
        told = verify(place, archive.about.public_key)
    except (OSError, ArchiveError) as error:
        return Copied(str(place), count, size, whole=False, reason=str(error))
    return Copied(str(place), count, size, bool(told["ok"]), str(told.get("reason", "")))


def _bring(source: Path, target: Path, growing: bool) -> bool:
    """Copy a file that is not there, or one that grew; False when there was nothing to do."""
    if target.exists():
        if not growing:
            if _digest(target) != _digest(source):
                raise ArchiveError(f"{target}: is not what was archived; this copy is damaged")
            return False
        known, now = target.read_bytes(), source.read_bytes()
        if not now.startswith(known):
            raise ArchiveError(f"{target}: is no beginning of the archive's; this copy is damaged")
        if now == known:
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, aside)
    aside.replace(target)
    return True


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
