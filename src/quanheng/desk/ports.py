"""What the console needs from the house; `compose` fills it, tests may too.

Everything of a Source runs in one worker thread, one call at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from quanheng.desk.hub import Picture

END = "end"
"""The scene at the end of the run: of a day that runs, live."""


class Table(msgspec.Struct, frozen=True):
    """A table as people take it away. `total` counts the rows before paging."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    total: int


class Ask(msgspec.Struct, frozen=True):
    """What part of a table is wanted: rows whose text contains `find`, newest first."""

    find: str = ""
    offset: int = 0
    limit: int = 200


class Reply(msgspec.Struct, frozen=True):
    """What came of a command. `status` as the authority says it; `words` for people in both
    languages; `detail` is what the page shows with it.
    """

    ok: bool
    status: str
    zh: str
    en: str
    number: int = 0
    detail: Mapping[str, Any] = {}


class SourceError(Exception):
    """Something asked of a source that it cannot give; the message names it and the reason."""


class Source(Protocol):
    """The read model of one run."""

    def schema(self) -> Mapping[str, Any]:
        """What does not change: day, contracts, columns, phases, settings."""

    def tick(self, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Picture]:
        """Read on and show the channels that are wanted, by scene."""

    def pulse(self) -> Mapping[str, Any]:
        """How old engine, market data and this picture are, and how many seconds of the wall the
        end of the run is ahead of it; cheap, from any thread.
        """

    def control(self, scene: str, speed: float | None, at: str | None) -> None:
        """Move a replayed scene: to a time of day HH:MM:SS, and from there at `speed` (0 stands).
        SourceError for a time that is none.
        """

    def drop(self, scene: str) -> None:
        """Nobody looks at a replayed scene any more."""

    def table(self, scene: str, name: str, ask: Ask) -> Table:
        """A table by name. SourceError for one there is not."""

    def value(self, scene: str, scope: str, name: str) -> str:
        """A setting in force in a scope, as a command compares it."""

    def why(self, scene: str, quote: str, language: str) -> str:
        """Everything behind a quote as text; slow, from any thread. SourceError for no such one."""


class Report(msgspec.Struct, frozen=True):
    """A file that was made of a run: its name, bytes and SHA-256."""

    name: str
    size: int
    sha256: str


class Library(Protocol):
    """What programs read beside the channels of the screen (docs/api.md). In the source's thread,
    but `reports` and `report`.
    """

    def names(self) -> Sequence[str]:
        """Tables there are; each stands in `desk.door.VIEW_OF` too."""

    def table(self, name: str, ask: Ask) -> Table:
        """A table at the end of the run, brought up to now. SourceError for one there is not."""

    def reports(self) -> Sequence[Report]:
        """Files of the run's reports, by name; from any thread."""

    def report(self, name: str) -> bytes:
        """A report by a name of `reports`, never by a path. SourceError for no such one."""


class Commands(Protocol):
    """The way to the authority and to the gateway. Runs in a worker thread of its own, so that a
    pull never waits for a picture.
    """

    def open(self) -> bool:
        """Can anything be asked for? False for a day that is over."""

    def ask(self, user: str, command: str, fields: Mapping[str, Any]) -> Reply:
        """Propose a command in the name of a user. SourceError for fields that make no sense."""

    def second(self, user: str, number: int) -> Reply:
        """Agree to somebody else's proposal."""

    def withdraw(self, user: str, number: int) -> Reply:
        """Take one's own proposal back."""

    def preview(self, scope: str) -> Reply:
        """What a pull of a scope would withdraw now."""

    def pull(self, user: str, scope: str) -> Reply:
        """Withdraw everything of a scope, at once, with the proof."""
