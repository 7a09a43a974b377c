"""The exchange's own site (borders.md 5): 做市商名册, 评价, 公布, and its people.

Nothing of a firm is in this process: the register's folder, the ratings and a people store of the
exchange's house. An act that designates, lowers, ends, decides or publishes waits for another
person (`registry.acts`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from quanheng.compose import console_people
from quanheng.compose import rating_sheets as sheets
from quanheng.compose.console_house import done, number, taken, text, when
from quanheng.compose.ratings_read import Ratings
from quanheng.compose.registry_files import PUBLISHED, RATINGS, Data, folder_hash
from quanheng.compose.registry_forms import (
    ACT_COLUMNS,
    DRAFT_COLUMNS,
    FILE_COLUMNS,
    STEP_COLUMNS,
    body_words,
    fields_of,
    forms_for,
)
from quanheng.compose.run_folder import RunError
from quanheng.compose.wall import clock
from quanheng.desk.access import Session
from quanheng.desk.office import Act, Page, Sheet, Taken
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.store import Store
from quanheng.desk.ports import Reply, SourceError
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.registry import acts as journal
from quanheng.registry.decisions import Measure, Publication
from quanheng.registry.errors import RegistryError
from quanheng.registry.register import lacking
from quanheng.registry.wording import CLAUSES
from quanheng.terms.days import day_of, iso
from quanheng.terms.units import Day

NO_RATINGS = ("尚无评价结果：quanheng rate --out DATA/ratings/名称",
              "no rating yet: quanheng rate --out DATA/ratings/NAME")  # fmt: skip
NONE = ("没有记录", "no record")


class SiteHouse(NamedTuple):
    """The register's folder and the exchange's people."""

    data: Data
    store: Store | None
    day: Day = 0  # that terms are judged on; 0 is today


def _view(house: SiteHouse, acts: list[journal.Act]) -> sheets.View:
    day = house.day or day_of(clock())
    found = house.data.ratings() or Ratings((), {name: [] for name in _TABLES})
    rated = {tuple(row[name] for name in _DECISION) for row in found.tables["decision"]}
    ours = [
        row for row in map(_decision, acts)
        if row is not None and tuple(row[name] for name in _DECISION) not in rated
    ]  # fmt: skip
    whole = {**found.tables, "decision": [*found.tables["decision"], *ours]}
    found, entries = Ratings(found.folders, whole), house.data.book.entries(acts)
    return sheets.View(found, entries, "", day, read_rulebook(day).calendar, NONE)


def _decision(act: journal.Act) -> dict[str, Any] | None:
    """A measure in force as a rating has it in `decision`; a later rating has it itself."""
    if not act.force or not isinstance(act.body, Measure):
        return None
    body = act.body
    return {"day": iso(body.day), "maker": body.maker, "underlying": body.underlying,
            "measure": body.measure, "steps": body.steps}  # fmt: skip


_DECISION = ("day", "maker", "underlying", "measure")
_TABLES = ("makers", "period", "designated_month", "year", "year_overall", "cancellation",
           "replenishment", "decision")  # fmt: skip


def makers(house: SiteHouse, who: Session, ask: Mapping[str, str]) -> Page:
    """做市商名册: who is in, what waits, every step and every act."""
    tabs = ("makers", "register_acts")
    tab = _tab(tabs, ask)
    acts = house.data.book.acts()
    waits = journal.waiting(acts)
    facts = [("waits", str(len(waits)), "warn" if waits else "")]
    if tab == "register_acts":
        return Page([_acts(who, acts, "register_acts")], facts=facts, tabs=tabs, tab=tab)
    view = _view(house, acts)
    short = lacking(view.register)
    facts += [("lacking", " ".join(short), "warn")] if short else []
    steps = [
        {"number": one.number, "day": iso(one.day), "underlying": one.underlying,
         "maker": one.maker, "kind": one.kind, "event": one.step, "reference": one.reference,
         "content": "；".join(filter(None, (CLAUSES.get(one.clause, ""), one.content))),
         "by": one.by, "seconded_by": one.second, "at": when(one.at)}
        for one in reversed(journal.steps_in_force(acts))
    ]  # fmt: skip
    none = ("尚未登记申请、协议、批准或取消", "no application, agreement or cancellation yet")
    made = [
        sheets.makers(view, forms_for(who)),
        _acts(who, waits, "waiting_acts"),
        Sheet("maker_steps", STEP_COLUMNS, sheets.keyed(steps), none),
    ]
    return Page(made, facts=facts, tabs=tabs, tab=tab)


def _acts(who: Session, acts: list[journal.Act], name: str) -> Sheet:
    """Acts with what this person may do about each: nobody seconds his own."""
    rows = []
    for one in reversed(acts):
        mine, waits = one.by == who.user, one.standing == journal.WAITING
        may = [
            name
            for name, ok in (
                ("registry.second", not mine and who.permits("registry.second")),
                ("registry.withdraw", mine and who.permits("registry.propose")),
            )
            if waits and ok
        ]
        rows.append({
            "key": str(one.number), "number": one.number, "kind": f"act_{one.kind}",
            **sheets.pair("content", body_words(one.body)), "standing": one.standing,
            "by": one.by, "at": when(one.at), "seconded_by": one.second,
            "seconded_at": when(one.seconded) if one.seconded else "",
            "acts": may, "fields": {"number": one.number},
            "tone": "amber" if waits else "",
        })  # fmt: skip
    told = (Act("registry.second", sure=True), Act("registry.withdraw", sure=True))
    why = ("没有等待复核的事项", "nothing waits for a second person")
    return Sheet(name, ACT_COLUMNS, rows, why if name == "waiting_acts" else NONE, told)


def ratings(house: SiteHouse, who: Session, ask: Mapping[str, str]) -> Page:
    """评价: months, years, chapter 9, of every maker."""
    tabs = tuple(sheets.PARTS)
    tab = _tab(tabs, ask)
    view = _view(house, house.data.book.acts())
    note = ("", "") if view.ratings.folders else NO_RATINGS
    return Page(sheets.PARTS[tab](view), note, every=0, tabs=tabs, tab=tab)


def publication(house: SiteHouse, who: Session, ask: Mapping[str, str]) -> Page:
    """公布: ratings that may go out, publications that wait, files that went out."""
    acts = house.data.book.acts()
    ours = [one for one in acts if isinstance(one.body, Publication)]
    latest = {one.body.rating: one for one in ours if one.standing != journal.WITHDRAWN
              and isinstance(one.body, Publication)}  # fmt: skip
    drafts = []
    for name in house.data.names():
        sha = folder_hash(house.data.folder / RATINGS / name)
        act = latest.get(name)
        same = act is not None and isinstance(act.body, Publication) and act.body.sha256 == sha
        standing = "draft" if act is None else act.standing if same else "changed"
        drafts.append({
            "key": name, "rating": name, "standing": "published" if standing == "in_force"
            else standing, "sha256": sha, "acts": ["registry.publish"]
            if standing in ("draft", "changed") and who.permits("registry.propose") else [],
            "fields": {"rating": name},
        })  # fmt: skip
    files = []
    for path in house.data.published():
        name = path.relative_to(house.data.folder / PUBLISHED).as_posix()
        files.append(
            {"file": name, "size": path.stat().st_size, "files": [[path.suffix[1:], name]]}
        )
    told = (Act("registry.publish", sure=True),)
    return Page([
        Sheet("drafts", DRAFT_COLUMNS, drafts, NO_RATINGS, told),
        _acts(who, ours, "publications"),
        Sheet("published", FILE_COLUMNS, sheets.keyed(files), NONE, share=2),
    ])  # fmt: skip


def _tab(tabs: tuple[str, ...], ask: Mapping[str, str]) -> str:
    tab = ask.get("of") or tabs[0]
    if tab not in tabs:
        raise SourceError(f"there is no part {tab!r}")
    return tab


def file(house: SiteHouse, page: str, name: str) -> Taken:
    """A file that went out. SourceError for any other."""
    root: Path = house.data.folder / PUBLISHED
    for path in house.data.published() if page == "publication" else ():
        if path.relative_to(root).as_posix() == name:
            return taken(path)
    raise SourceError(f"there is no file {name!r}")


def _proposed(kind: str) -> Callable[[SiteHouse, Session, Mapping[str, Any]], Reply]:
    def handler(house: SiteHouse, who: Session, fields: Mapping[str, Any]) -> Reply:
        return _said(house, house.data.book.propose(who.user, kind, fields_of(kind, fields)))

    return handler


def _said(house: SiteHouse, act: journal.Act) -> Reply:
    """What came of an act; what follows from it is made before anybody hears that it holds."""
    house.data.publish(house.data.book.acts())
    if act.standing == journal.WAITING:
        zh, en = f"第 {act.number} 号等待他人复核", f"act {act.number} waits for another person"
        return Reply(True, "proposed", zh, en, act.number)
    words = {
        journal.IN_FORCE: ("已生效", "in force"), journal.WITHDRAWN: ("已撤回", "withdrawn"),
    }[act.standing]  # fmt: skip
    return done(f"第 {act.number} 号{words[0]}", f"act {act.number} {words[1]}", number=act.number)


def propose_publication(house: SiteHouse, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Ask that a rating goes out as it is now."""
    kept = house.data.freeze(text(fields, "rating"))
    said = {"rating": kept.rating, "sha256": kept.sha256}
    return _said(house, house.data.book.propose(who.user, "publication", said))


def second(house: SiteHouse, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Agree to somebody else's act."""
    return _said(house, house.data.book.second(who.user, number(fields, "number")))


def withdraw(house: SiteHouse, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Take one's own act back."""
    return _said(house, house.data.book.withdraw(who.user, number(fields, "number")))


PAGES: Mapping[str, Callable[[SiteHouse, Session, Mapping[str, str]], Page]] = {
    "makers": makers, "ratings": ratings, "publication": publication,
    "admin": console_people.page,
}  # fmt: skip
ACTS: Mapping[str, Callable[[SiteHouse, Session, Mapping[str, Any]], Reply]] = {
    "registry.step": _proposed("step"), "registry.measure": _proposed("measure"),
    "registry.designate": _proposed("designation"), "registry.publish": propose_publication,
    "registry.second": second, "registry.withdraw": withdraw, **console_people.ACTS,
}  # fmt: skip
_REFUSALS = (RegistryError, RunError, StoreError, NotAllowedError)
_writing = Lock()


class RegistryOffice:
    """See `desk.office.Office`."""

    def __init__(self, house: SiteHouse) -> None:
        self._house = house
        house.data.publish(house.data.book.acts())

    def page(self, name: str, who: Session, ask: Mapping[str, str]) -> Page:
        """See the protocol."""
        try:
            return PAGES[name](self._house, who, ask)
        except _REFUSALS as error:
            raise SourceError(str(error)) from error

    def file(self, page: str, who: Session, name: str) -> Taken:
        """See the protocol."""
        return file(self._house, page, name)

    def act(self, name: str, who: Session, fields: Mapping[str, Any]) -> Reply:
        """See the protocol. One at a time: what follows from the journal is made by one hand."""
        try:
            with _writing:
                return ACTS[name](self._house, who, fields)
        except _REFUSALS as error:
            raise SourceError(str(error)) from error
