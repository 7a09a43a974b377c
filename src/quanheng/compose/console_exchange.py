"""The page 交易所: what the exchange published of this console's own maker (S-05, E-05 to E-10).

Read only, and of this maker alone: the register and the ratings of the market are on the exchange's
own site (`compose.registry_site`), in a process of its own.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from quanheng.compose import rating_sheets as sheets
from quanheng.compose.console_house import House
from quanheng.compose.ratings_read import read_ratings
from quanheng.compose.registry_files import REGISTER
from quanheng.compose.run_folder import RunError
from quanheng.desk.access import Session
from quanheng.desk.office import Page
from quanheng.desk.ports import SourceError
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.registry.decisions import PUBLIC
from quanheng.registry.register import Entry, register

TABS = ("makers", *sheets.PARTS)
NO_RATINGS = ("此控制台未接入交易所公布的评价（--ratings）",
              "this console was opened without published ratings (--ratings)")  # fmt: skip
OWN_ROWS = ("只显示交易所公布的本做市商的内容；名册与全市场评价在交易所自己的网站",
            "what was published of this maker; register and market are on the exchange's own site",
            )  # fmt: skip
NOBODY = ("公布的评价中没有本做市商的记录", "what was published says nothing of this maker")


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """The part that is asked for, the register at first. SourceError for one there is not."""
    if house.ratings is None:
        return Page([], NO_RATINGS, every=0)
    tab = ask.get("of") or TABS[0]
    if tab not in TABS:
        raise SourceError(f"there is no part {tab!r}")
    view = _view(house, house.ratings)
    made = [sheets.makers(view)] if tab == "makers" else sheets.PARTS[tab](view)
    return Page(made, OWN_ROWS, every=0, tabs=TABS, tab=tab)


def _view(house: House, folder: Path) -> sheets.View:
    """The wall: nothing of another maker gets into a view of this page."""
    opened = house.source.log.opened
    own = "" if opened is None else opened.maker
    if not own:
        raise SourceError("运行尚未开始，不知做市商 (the run has no opening that names its maker)")
    day = house.source.log.info.day
    ratings = read_ratings(folder)
    known = published_register(folder) or register(ratings.tables["makers"], ())
    return sheets.View(ratings, known, own, day, read_rulebook(day).calendar, NOBODY)


def published_register(folder: Path) -> list[Entry]:
    """The register as it was published, [] where none was. RunError for a file that is none."""
    path = folder / REGISTER
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    if not rows or tuple(rows[0]) != PUBLIC or any(len(row) != len(PUBLIC) for row in rows):
        raise RunError(f"{path}: columns are not {', '.join(PUBLIC)}")
    return [
        Entry(maker, underlying, kind, since, until, standing, "", ())
        for maker, underlying, kind, since, until, standing, _ in rows[1:]
    ]
