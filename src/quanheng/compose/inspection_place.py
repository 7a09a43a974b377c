"""What an inspection sees and where it looks: evidence, items with it, the place (L-04)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quanheng.compose.inspection_items import Item
from quanheng.compose.run_folder import read_info
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.model import Rulebook

FOUND, MISSING, UNSEEN = "found", "missing", "unseen"
"""A piece: seen; not there; not looked at, because its place is not on this machine."""
WHOLE, PARTLY, NOTHING, DUTY = "evidence", "partly", "nothing", "duty"
"""An item: every piece that was looked at is there; some are; none is; a person's duty alone."""
_Made = TypeVar("_Made")


class Piece(msgspec.Struct, frozen=True):
    """One place where evidence was looked for. `said`: what was seen, or why there is nothing;
    `files`: files that hold it, made or copied when a bundle is written.
    """

    kind: str
    ref: str
    state: str
    words: str
    said: str
    files: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """An item with what was found. `state` is one of WHOLE, PARTLY, NOTHING, DUTY."""

    item: Item
    state: str
    pieces: tuple[Piece, ...]

    @property
    def holds(self) -> bool:
        """Does the item count as shown?"""
        return self.state in (WHOLE, DUTY)


class Place:
    """Where an inspection looks. A `store` that is None, and a `source` (the tree with tests and
    docs) that is None, leave their pieces missing or unseen.
    """

    def __init__(
        self,
        run: Path,
        *,
        store: Any = None,
        source: Path | None = None,
        drills: Path | None = None,
        papers: Path | None = None,
        bundle: Path | None = None,
        sample: bool = False,
    ) -> None:
        """RunError when the folder is no run."""
        self.run, self.info = run, read_info(run)
        self.store, self.source, self.sample = store, source, sample
        self.drills = drills or run.parent / "drills"
        self.papers, self.bundle = papers, bundle
        self.made: dict[str, Any] = {}
        """What was worked out once for several items, by its name."""

    def once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """Work something out the first time it is asked for."""
        if name not in self.made:
            self.made[name] = make()
        found: _Made = self.made[name]
        return found

    def rulebook(self) -> Rulebook:
        """The rules of the run's day."""
        return self.once("rulebook", lambda: read_rulebook(self.info.day))


Look = Callable[[Place, Item, str], Piece]
"""How a kind is looked for: the place, the item, what it names."""
