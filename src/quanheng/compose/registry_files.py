"""The folder of the exchange's register: its journal, ratings, drafts, and what was published.

    DATA/acts.jsonl               the journal of acts, the truth
    DATA/ratings/NAME/            what `quanheng rate --out` wrote, one folder a rating
    DATA/drafts/HASH/             a rating as it was when its publication was proposed
    DATA/published/NAME/          what went out; beside it the register, register.csv
    DATA/tables/*.csv             makers, letters, designations for the dataset of the next rating

Everything but the journal, the ratings and the drafts follows from them and may be made anew.
"""

import csv
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from quanheng.compose.ratings_read import CHECK, Ratings, Row, read_ratings
from quanheng.compose.wall import clock
from quanheng.edge.lines import Lines, LinesError
from quanheng.registry import decisions
from quanheng.registry.acts import NAME, Act, Book, Check, Line
from quanheng.registry.decisions import Designation, Measure, Publication
from quanheng.registry.errors import RegistryError
from quanheng.terms.units import Nanos

RATINGS, DRAFTS, PUBLISHED, TABLES = "ratings", "drafts", "published", "tables"
REGISTER = "register.csv"
PART = ".part"


class ActsFile:
    """The journal as a file of lines; see `registry.acts.Journal`. `at`: the clock, Nanos."""

    def __init__(self, path: Path, at: Callable[[], Nanos] = clock) -> None:
        self._lines = Lines(path, at)

    def all(self) -> list[Line]:
        """See the protocol."""
        try:
            return self._lines.all()
        except LinesError as error:
            raise RegistryError(str(error)) from error

    def add(self, fields: Mapping[str, Any], check: Check | None = None) -> int:
        """See the protocol."""
        try:
            return self._lines.add(fields, check)
        except (LinesError, OSError) as error:
            raise RegistryError(str(error)) from error


class Data:
    """The folder. RegistryError for one that is a run of a firm."""

    def __init__(self, folder: Path) -> None:
        if (folder / "run.json").exists():
            raise RegistryError(f"{folder}: 是做市商的运行目录 (a run of a firm, no register)")
        for name in (RATINGS, DRAFTS, PUBLISHED, TABLES):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.book = Book(ActsFile(folder / NAME), self._rated)

    def names(self) -> list[str]:
        """Ratings there are, by name."""
        return sorted(path.parent.name for path in (self.folder / RATINGS).glob(f"*/{CHECK}"))

    def ratings(self) -> Ratings | None:
        """Every rating read as one history; None while there is none."""
        return read_ratings(self.folder / RATINGS) if self.names() else None

    def _rated(self) -> Sequence[Row]:
        found = self.ratings()
        return [] if found is None else found.tables["makers"]

    def freeze(self, name: str) -> Publication:
        """Keep a rating as it is now, so that what is seconded is what was proposed."""
        if name not in self.names():
            raise RegistryError(f"rating: 没有评价 {name!r} (there is no such rating)")
        source = self.folder / RATINGS / name
        kept = Publication(rating=name, sha256=folder_hash(source))
        _copied(source, self.folder / DRAFTS / kept.sha256, kept.sha256)
        return kept

    def publish(self, acts: Sequence[Act]) -> None:
        """Make what follows from the journal: publications that were seconded, the register as
        everybody may read it, tables for the next rating. Doing it again changes nothing.
        """
        for one in acts:
            if one.force and isinstance(one.body, Publication):
                draft = self.folder / DRAFTS / one.body.sha256
                _copied(draft, self.folder / PUBLISHED / one.body.rating, one.body.sha256)
        held = [one.body for one in acts if one.force]
        entries = self.book.entries(acts)
        measures = [one for one in held if isinstance(one, Measure)]
        named = [one for one in held if isinstance(one, Designation)]
        tables, public = self.folder / TABLES, self.folder / PUBLISHED
        _table(tables / "makers.csv", decisions.MAKERS, decisions.maker_rows(entries))
        _table(tables / "letters.csv", decisions.LETTERS, decisions.letter_rows(measures))
        rows = decisions.designation_rows(named)
        _table(tables / "designations.csv", decisions.DESIGNATIONS, rows)
        _table(public / REGISTER, decisions.PUBLIC, decisions.public_rows(entries))

    def published(self) -> list[Path]:
        """Files that went out, none that leads out of the folder."""
        public = self.folder / PUBLISHED
        found = [public / REGISTER, *sorted(public.glob("*/publication/*"))]
        return [path for path in found if path.is_file() and not path.is_symlink()]


def folder_hash(folder: Path) -> str:
    """SHA-256 over names and contents of a folder's files, but what begins with a point."""
    whole = hashlib.sha256()
    for path in _files(folder):
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [
        path for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]  # fmt: skip


def _copied(source: Path, target: Path, wanted: str) -> None:
    """A copy that is whole or not there. RegistryError for one that is not what was proposed."""
    if target.exists() and folder_hash(target) == wanted:
        return
    if not source.exists() or folder_hash(source) != wanted:
        raise RegistryError(f"{source}: 与提出时不同 (not what was proposed, {wanted[:16]})")
    part = target.with_name(f".{target.name}{PART}")
    _replaced(target, part, lambda: _fill(source, part))


def _fill(source: Path, target: Path) -> None:
    for path in _files(source):
        to = target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)


def _replaced(target: Path, part: Path, fill: Callable[[], object]) -> None:
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    fill()
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    part = path.with_name(path.name + PART)
    with part.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([columns, *rows])
    os.replace(part, path)
