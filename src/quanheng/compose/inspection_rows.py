"""The read model of an inspection for a screen: one row an item, cheap enough to be asked again.

Reports are not made: those of the newest bundle under RUN/inspection count while they are whole.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.inspection_items import KINDS, inspection
from quanheng.compose.inspection_look import findings, source_tree
from quanheng.compose.inspection_paper import STATES
from quanheng.compose.inspection_place import Place


class Shown(msgspec.Struct, frozen=True):
    """A piece of evidence on a screen. `state` is found, missing or unseen; `page` the id of a
    console page, "" for another kind; `files` are paths.
    """

    kind: str
    kind_words: str
    words: str
    said: str
    state: str
    page: str
    files: tuple[str, ...]


class Row(msgspec.Struct, frozen=True):
    """An item. `state` is evidence, partly, nothing or duty, `state_words` its Chinese."""

    item: str
    number: int
    part: int
    part_words: str
    group: str
    text: str
    basis: str
    state: str
    state_words: str
    holds: bool
    duty: str
    pieces: tuple[Shown, ...]


@lru_cache(maxsize=4)
def _worked(run: Path, digest: str) -> dict[str, Any]:
    """What was worked out of a day that is over: it does not change any more."""
    return {}


def rows(run: Path, store: Any = None, drills: Path | None = None) -> list[Row]:
    """Items 1 to 52 of a run as they stand now. `store`: an open people store, or None.

    RunError when the folder is no run.
    """
    place = Place(run, store=store, source=source_tree(), drills=drills)
    if place.info.status == "ended":
        place.made = _worked(run, place.info.digest)
    parts = inspection().parts
    return [
        Row(
            item=one.item.id,
            number=one.item.number,
            part=one.item.part,
            part_words=parts[one.item.part - 1],
            group=one.item.group,
            text=one.item.text,
            basis=one.item.basis,
            state=one.state,
            state_words=STATES[one.state],
            holds=one.holds,
            duty=one.item.duty,
            pieces=tuple(
                Shown(
                    kind=piece.kind,
                    kind_words=KINDS[piece.kind],
                    words=piece.words,
                    said=piece.said,
                    state=piece.state,
                    page=piece.ref if piece.kind == "screens" else "",
                    files=piece.files,
                )
                for piece in one.pieces
            ),
        )
        for one in findings(place)
    ]
