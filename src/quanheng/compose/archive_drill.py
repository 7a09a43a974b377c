"""Drills that leave a record in the archive: verify, and restore to an empty folder (T-07)."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from quanheng.compose.archive import DRILL, RUN, add, index_true
from quanheng.edge import archive_files as store
from quanheng.edge.archive_files import Archive, ArchiveError, Line
from quanheng.edge.clock import monotonic, wall
from quanheng.runtime.verify import chain_head, verify_run
from quanheng.terms.days import clock_text, day_of, iso

CONTENT = "content/"


def restore(archive: Archive, number: int, target: Path) -> Line:
    """Bring everything archived under an entry's name up to that entry back into a new folder.

    ArchiveError when the folder is there, a file is not what was archived, or a journal does not
    end where the log says.
    """
    lines = archive.lines()
    if not 1 <= number <= len(lines):
        raise ArchiveError(f"{archive.folder}: no entry {number}, it has {len(lines)}")
    if target.exists():
        raise ArchiveError(f"{target}: it is there already")
    asked = lines[number - 1]
    for line in lines[:number]:
        if (line.kind, line.name) != (asked.kind, asked.name):
            continue
        for item in archive.manifest(line).files:
            if item.path.startswith(CONTENT):
                place = target / item.path.removeprefix(CONTENT)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(archive.checked(line, item.path), place)
                if store.digest_of(place) != item.sha256:
                    raise ArchiveError(f"{place}: the medium gave back something else")
    for machine, (_, chain) in asked.heads.items():
        if chain_head(target, machine).hex() != chain:
            raise ArchiveError(f"{target}: journal of {machine} does not end as archived")
    return asked


def verify(archive: Path, key: str = "", anchors: Path | None = None) -> dict[str, Any]:
    """The archive's own copy of the verifier, run alone as an auditor would."""
    command = [sys.executable, "-I", str(archive / "verify_archive.py"), str(archive), "--json"]
    command += ["--key", key] if key else []
    command += ["--anchors", str(anchors)] if anchors else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise ArchiveError(f"{archive}/verify_archive.py: {done.stderr.strip()}") from error
    return told


def drill(
    archive: Archive, key: bytes, by: str, anchors: Path | None, outside: tuple[Path, ...] = ()
) -> dict[str, Any]:
    """Verify the archive and its index, restore its newest day elsewhere and verify that; file it.

    The record says who, when, how long and what was found, failures too.
    """
    began, clock = wall(), monotonic()
    told: dict[str, Any] = {"verify": verify(archive.folder, archive.about.public_key, anchors)}
    days = [line.number for line in archive.lines() if line.kind == RUN]
    good = bool(told["verify"]["ok"])
    if good:
        told["index"] = good = index_true(archive)
    if told["verify"]["ok"] and days:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "restored"
            line = restore(archive, days[-1], target)
            verdicts = [dict(one) for one in verify_run(target)]
            good = good and all(one["ok"] for one in verdicts)
            told["restore"] = {"entry": line.number, "name": line.name, "machines": verdicts}
    told |= {"ok": good, "by": by, "at": f"{iso(day_of(began))} {clock_text(began)}",
             "seconds": (monotonic() - clock) / 1e9}  # fmt: skip
    if told["verify"]["ok"]:
        with tempfile.TemporaryDirectory() as folder:
            store.keep(Path(folder) / "drill.json", store.encode(told))
            name = f"drill-{iso(day_of(began))}-{began}"
            entry, _ = add(
                archive, Path(folder), key, kind=DRILL, name=name, by=by, outside=outside
            )
            told["entry"] = entry.number if entry else 0
    return told
