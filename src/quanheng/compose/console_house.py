"""What the pages of the office stand on, and small helpers that they share."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from quanheng.compose.people_view import when
from quanheng.desk.access import Session
from quanheng.desk.office import Taken
from quanheng.desk.people.access import Session as Actor
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.store import Store
from quanheng.desk.ports import Reply, SourceError

if TYPE_CHECKING:  # the exchange's site has people too, and no machine of a firm in its process
    from quanheng.compose.console_source import RunSource

KINDS = {
    ".pdf": ("application/pdf", True),
    ".html": ("text/html; charset=utf-8", True),
    ".md": ("text/plain; charset=utf-8", True),
    ".txt": ("text/plain; charset=utf-8", True),
    ".csv": ("text/csv; charset=utf-8", False),
    ".json": ("application/json", False),
    ".jsonl": ("application/json", False),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", False),
}
"""Suffix -> media type, and whether a browser may open it."""
WITHIN = 240.0
"""Seconds for a verb that works something out."""
NO_STORE = ("此控制台以人员文件打开，没有人员库（--store）",
            "this console was opened with a file of people, no store (--store)")  # fmt: skip


class House(NamedTuple):
    """A run with what lies beside it. `posts`: people and posts as the authority takes them, a file
    or the store's own; `papers`: where documents lie; `ratings`: what the exchange published.
    """

    run: Path
    source: "RunSource"
    store: Store | None = None
    posts: Path | None = None
    papers: Path | None = None
    ratings: Path | None = None


class Peopled(Protocol):
    """A house with a people store, the firm's or the exchange's."""

    @property
    def store(self) -> Store | None:
        """The store, None when people come from a file."""


def done(zh: str, en: str, show: str = "", number: int = 0) -> Reply:
    """An act that was done. `show` is put into a window of its own: it is said only once."""
    return Reply(True, "done", zh, en, number, {"show": show} if show else {})


def text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A field of an act. SourceError for one that is missing or no text."""
    value = fields.get(name, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise SourceError(f"{name}: 须填写 (a text is needed), not {value!r}")
    return value.strip()


def number(fields: Mapping[str, Any], name: str) -> int:
    """A whole number of an act. SourceError for one that is none."""
    value = fields.get(name)
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SourceError(f"{name}: 须为整数 (a whole number is needed), not {value!r}")
    return value


@contextmanager
def acting(house: Peopled, who: Session) -> Iterator[tuple[Store, Actor]]:
    """The store and the store's own session of a person; its refusals become answers."""
    actor = getattr(who, "actor", None)
    if house.store is None or not isinstance(actor, Actor):
        raise SourceError(f"{NO_STORE[0]} ({NO_STORE[1]})")
    try:
        yield house.store, actor
    except (StoreError, NotAllowedError) as error:
        raise SourceError(str(error)) from error


def verb(house: House, *words: str) -> str:
    """Run a verb of ours in a process of its own; what it said. SourceError with what it objected
    to. Exit 1 is an answer too: something was found.
    """
    command = [sys.executable, "-m", "quanheng", *words]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=WITHIN, check=False, cwd=house.run
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{words[0]}: 超时 (not done after {WITHIN:.0f} s)") from error
    if ended.returncode not in (0, 1) or (ended.returncode and not ended.stdout):
        said = ended.stderr.strip() or f"exit {ended.returncode}"
        raise SourceError(f"{words[0]}: {said.splitlines()[-1]}")
    return ended.stdout


def people_option(house: House) -> tuple[str, ...]:
    """--people of a verb that judges a person's posts."""
    return () if house.posts is None else ("--people", str(house.posts.resolve()))


def taken(path: Path) -> Taken:
    """A file that a page lists. SourceError when it is gone."""
    kind, shown = KINDS.get(path.suffix, ("application/octet-stream", False))
    try:
        return Taken(path.name, kind, path.read_bytes(), shown)
    except OSError as error:
        raise SourceError(f"{path.name}: {error.strerror}") from error


__all__ = [
    "KINDS", "NO_STORE", "House", "Peopled", "acting", "done", "number", "people_option", "taken",
    "text", "verb", "when",
]  # fmt: skip
