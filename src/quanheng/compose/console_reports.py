"""The page 报表: every report and table of a run, what was issued and received, to open or take."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from quanheng.compose import report_register as register
from quanheng.compose.console_house import House, done, people_option, taken, text, verb, when
from quanheng.compose.run_folder import RunError, read_info
from quanheng.desk.access import Session
from quanheng.desk.kinds import COUNT, FILES, GROW, HASH, STATE
from quanheng.desk.office import Act, Column, Field, Page, Sheet, Taken
from quanheng.desk.ports import Reply, SourceError
from quanheng.terms.units import SECOND

FOLDERS = ("reports", "settlement", "documents")
"""Of a run: where its reports lie."""
TABLES = (".csv", ".json", ".jsonl", ".parquet")
MAKE: Mapping[str, tuple[str, ...]] = {
    "duty": ("duty-report", "{run}", "--kind", "daily", "--out", "{run}/reports/duty"),
    "risk": ("risk-report", "{run}", "--kind", "daily", "--out", "{run}/reports/risk"),
    "settlement": ("settle", "{run}", "--report", "{run}/reports/settlement"),
    "desk": ("report", "{run}", "--kind", "daily", "--out", "{run}/reports/daily-{day}.md"),
}
"""What can be made here -> the verb that makes it."""
ISSUED_COLUMNS = (
    Column("number", width=130), Column("subject", GROW, 260), Column("standing", STATE, 80),
    Column("at", width=150), Column("by", width=70), Column("seconded_by", width=70),
    Column("sha256", HASH, 110),
)  # fmt: skip
FILE_COLUMNS = (
    Column("file", GROW, 260), Column("about", STATE, 110), Column("size", COUNT, 90),
    Column("at", width=150), Column("sha256", HASH, 110), Column("files", FILES, 110),
)  # fmt: skip
ABOUT = (
    ("settlement", "settlement"), ("duty", "duty"), ("risk", "risk"), ("oversight", "risk"),
    ("overnight", "risk"), ("margin", "risk"), ("profit", "profit"), ("monthly", "monthly"),
    ("daily", "daily"), ("alert", "alerts"), ("event", "alerts"), ("quote", "quoting"),
    ("inquir", "quoting"), ("", "table"),
)  # fmt: skip
"""Part of a file's name -> what it is about, the first that fits."""


def listed(run: Path) -> list[Path]:
    """Every report of a run, newest folder first; nothing outside of it, no link."""
    found = []
    for name in FOLDERS:
        for path in sorted((run / name).rglob("*")) if (run / name).is_dir() else []:
            inside = path.is_file() and not path.is_symlink()
            if inside and path.suffix != ".part" and "received" not in path.parts:
                found.append(path)
    return found


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """See the module."""
    files = [_file(house.run, path) for path in listed(house.run)]
    why = ("该运行还没有报表", "this run has no reports yet")
    made = [row for row in files if not row["table"]]
    tables = [row for row in files if row["table"]]
    choices = Field("kind", choices=tuple(MAKE))
    acts = (Act("reports.make", (choices,), row=False),) if who.permits("reports.make") else ()
    none = ("尚未签发报告", "no report has been issued yet")
    return Page(
        [
            Sheet("issued", ISSUED_COLUMNS, _issued(house.run), none),
            Sheet("papers", FILE_COLUMNS, made, why, acts, 2),
            Sheet("tables", FILE_COLUMNS, tables, why, share=2),
        ]
    )


def _issued(run: Path) -> list[dict[str, Any]]:
    rows = []
    for place, one in enumerate(register.entries(run)):
        rows.append({
            "key": str(place), "number": one.number, "subject": one.subject or one.reason,
            "standing": one.kind, "at": one.at, "by": one.by, "seconded_by": one.seconded_by,
            "sha256": one.sha256,
        })  # fmt: skip
    return rows[::-1]


def _file(run: Path, path: Path) -> dict[str, Any]:
    name, stat = path.relative_to(run).as_posix(), path.stat()
    about = next(words for part, words in ABOUT if part in name)
    return {
        "key": name, "file": name, "about": about, "size": stat.st_size,
        "at": when(int(stat.st_mtime) * SECOND), "files": [[path.suffix[1:], name]],
        "sha256": _hash(path, stat.st_mtime_ns, stat.st_size), "table": path.suffix in TABLES,
    }  # fmt: skip


@lru_cache(4_096)
def _hash(path: Path, changed: int, size: int) -> str:
    """SHA-256 of a file; `changed` and `size` are what it is remembered by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file(house: House, who: Session, name: str) -> Taken:
    """A report that the page lists."""
    for path in listed(house.run):
        if path.relative_to(house.run).as_posix() == name:
            return taken(path)
    raise SourceError(f"there is no report {name!r}")


def make(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Make a report of the day that is over. SourceError for a day that still runs."""
    kind = text(fields, "kind")
    if kind not in MAKE:
        raise SourceError(f"kind: {kind!r} is not one of {', '.join(MAKE)}")
    try:
        info = read_info(house.run)
    except RunError as error:
        raise SourceError(str(error)) from error
    if info.status == "running":
        raise SourceError("交易日尚未结束 (the day still runs: reports are made after its end)")
    run = str(house.run.resolve())
    words = [word.format(run=run, day=info.day) for word in MAKE[kind]]
    more = people_option(house) if kind == "settlement" else ()
    verb(house, *words, *more)
    return done(f"已生成 {kind}", f"made: {kind}")


ACTS = {"reports.make": make}
