"""Looking for the evidence of an inspection's items: each kind has its own way to look (L-04).

A piece is found only when what it names was seen: a file with content, rows of a run, a page of the
console, a function of a test. Nothing is found because the list of items says so.
"""

from pathlib import Path

from quanheng.compose import (
    inspection_people,
    inspection_reports,
    inspection_run,
    inspection_static,
)
from quanheng.compose.inspection_items import DUTY_ALONE, Item, inspection
from quanheng.compose.inspection_place import (
    DUTY,
    FOUND,
    MISSING,
    NOTHING,
    PARTLY,
    UNSEEN,
    WHOLE,
    Finding,
    Look,
    Place,
)

LOOKERS: dict[str, Look] = {
    **inspection_static.LOOKERS,
    **inspection_run.LOOKERS,
    **inspection_reports.LOOKERS,
    **inspection_people.LOOKERS,
}
"""How each kind of evidence is looked for."""
_WEAK = ("commands", "tests")
"""Kinds that say what the program can do, not what was done: alone they are no evidence."""
_OF_PEOPLE = tuple(inspection_people.LOOKERS)


def source_tree() -> Path | None:
    """The tree this package was started from, None for an installed wheel."""
    root = Path(__file__).parents[3]
    return root if (root / "tests").is_dir() and (root / "docs").is_dir() else None


def findings(place: Place, items: tuple[Item, ...] | None = None) -> list[Finding]:
    """Look at every place of every item."""
    return [look_at(place, one) for one in items or inspection().items]


def look_at(place: Place, item: Item) -> Finding:
    """One item. A duty alone stands only where the guide leaves it to people, and only while
    nobody gave a people store to look into.
    """
    pieces = tuple(LOOKERS[kind](place, item, ref) for kind, ref in item.places())
    seen = [one.state for one in pieces if one.state != UNSEEN]
    shown = [one for one in pieces if one.state == FOUND and one.kind not in _WEAK]
    if shown and MISSING not in seen:
        return Finding(item, WHOLE, pieces)
    lacking = [one.kind for one in pieces if one.state == MISSING]
    if item.number in DUTY_ALONE and place.store is None and set(lacking) <= set(_OF_PEOPLE):
        return Finding(item, DUTY, pieces)
    return Finding(item, PARTLY if FOUND in seen else NOTHING, pieces)
