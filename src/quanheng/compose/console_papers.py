"""The page 文件: where the firm's documents stand, what is due at the exchange, files to take."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quanheng.compose import papers
from quanheng.compose.console_house import NO_STORE, House, acting, done, taken, text, when
from quanheng.desk.access import Session
from quanheng.desk.kinds import COUNT, FILES, GROW, HASH, STATE
from quanheng.desk.office import Act, Column, Field, Page, Sheet, Taken
from quanheng.desk.people import papers as life
from quanheng.desk.people import registers
from quanheng.desk.people.store import Store
from quanheng.desk.ports import Reply, SourceError
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.days import day_of, iso

SUFFIXES = (".docx", ".pdf", ".xlsx", ".html")
COLUMNS = (
    Column("file", GROW, 260), Column("standing", STATE, 80), Column("gaps", COUNT, 60),
    Column("file_is", STATE, 90), Column("at", width=150), Column("by", width=70),
    Column("sha256", HASH, 110), Column("note", width=160), Column("files", FILES, 150),
)  # fmt: skip
HISTORY = (
    Column("number", COUNT, 60), Column("file", GROW, 260), Column("standing", STATE, 80),
    Column("gaps", COUNT, 60), Column("at", width=150), Column("by", width=70),
    Column("sha256", HASH, 110), Column("note", width=160),
)  # fmt: skip
CALENDAR = (
    Column("due", width=90), Column("left", COUNT, 90), Column("standing", STATE, 100),
    Column("what", GROW, 260), Column("subject", width=160), Column("channel", width=220),
)  # fmt: skip
NEXT = {life.DRAFT: "documents.review", life.REVIEWED: "documents.sign",
        life.SIGNED: "documents.file"}  # fmt: skip
STAGE_OF = {
    "documents.review": life.REVIEWED, "documents.sign": life.SIGNED, "documents.file": life.FILED,
}  # fmt: skip
NO_FOLDER = ("未指定文件夹（--documents），只列台账", "no folder was given (--documents)")


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """See the module."""
    if house.store is None:
        return Page([], NO_STORE, every=0)
    store = house.store
    rows = [_row(house, who, one) for one in life.standing(store).values()]
    none = ("尚无文件：quanheng documents make 起草", "no document yet: quanheng documents make")
    acts = tuple(
        Act(name, _ask(name), sure=name == "documents.file")
        for name in STAGE_OF
        if who.permits(name)
    )
    past = [_stage(one) for one in reversed(life.stages(store))]
    sheets = [Sheet("documents", COLUMNS, rows, none, acts, 2)]
    if who.permits("registers"):
        sheets.append(_calendar(store))
    sheets.append(Sheet("stages", HISTORY, past, none))
    return Page(sheets, ("", "") if house.papers else NO_FOLDER)


def _ask(name: str) -> tuple[Field, ...]:
    note = Field("note", optional=True)
    filing = Field("filing", "count", optional=True)
    return (note, filing) if name == "documents.file" else (note,)


def _stage(one: life.Stage) -> dict[str, Any]:
    return {
        "key": str(one.number), "number": one.number, "file": one.name, "standing": one.stage,
        "gaps": one.gaps, "at": when(one.at), "by": one.by, "sha256": one.sha256,
        "note": one.note,
    }  # fmt: skip


def _row(house: House, who: Session, one: life.Stage) -> dict[str, Any]:
    files = files_of(house.papers, one.name)
    main = next((path for path in files if path.suffix == ".docx"), None)
    same = main is not None and papers.file_hash(main) == one.sha256
    state = "missing" if main is None else "same" if same else "changed"
    step = NEXT.get(one.stage, "")
    return {
        **_stage(one), "key": one.name, "file_is": state,
        "files": [[path.suffix[1:], path.name] for path in files],
        "acts": [step] if same and step and who.permits(step) else [],
        "fields": {"name": one.name},
        "tone": "amber" if state == "changed" else "",
    }  # fmt: skip


def files_of(folder: Path | None, name: str) -> list[Path]:
    """The forms in which a document lies in its folder, wherever below it."""
    if folder is None or not folder.is_dir():
        return []
    return [
        path for path in sorted(folder.rglob("*"))
        if path.stem == name and path.suffix in SUFFIXES and path.is_file()
        and not path.is_symlink()
    ]  # fmt: skip


def _calendar(store: Store) -> Sheet:
    """What is due at the exchange (L-05, L-12)."""
    today = day_of(store.clock())
    rows = []
    for one in registers.calendar(store, read_rulebook(today).calendar, today):
        late = one.left < 0 and one.remind and not one.trigger.years
        state = "late" if late else "blocked" if one.blocked else "due" if one.remind else "open"
        rows.append({
            "key": f"{one.number} {one.trigger.trigger} {one.base}", "due": iso(one.due),
            "left": one.left, "standing": state, "what": one.trigger.words,
            "subject": one.subject, "channel": f"{one.trigger.channel} {one.trigger.address}",
            "tone": "red" if late else "",
        })  # fmt: skip
    why = ("没有待报送事项", "nothing has to be filed")
    return Sheet("calendar", CALENDAR, rows, why)


def file(house: House, who: Session, name: str) -> Taken:
    """A form of a document that stands in the list."""
    known = life.standing(house.store) if house.store is not None else {}
    for path in files_of(house.papers, Path(name).stem) if Path(name).stem in known else []:
        if path.name == name:
            return taken(path)
    raise SourceError(f"there is no document {name!r}")


def _enter(stage: str, house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """The next stage of a document, by the file as it lies there now."""
    name = text(fields, "name")
    main = [path for path in files_of(house.papers, name) if path.suffix == ".docx"]
    if not main:
        raise SourceError(f"{name}: 找不到文件 (its file is not in the folder of documents)")
    filing = text(fields, "filing", "") or "0"
    if not filing.isdigit():
        raise SourceError(f"filing: {filing!r} is no number of a filing")
    gaps = len(papers.gaps_in(main[0]))
    digest, note = papers.file_hash(main[0]), text(fields, "note", "")
    with acting(house, who) as (store, actor):
        made = life.enter(store, actor, name, stage, digest, gaps, note, int(filing))
    return done(f"{name}：{_WORDS[stage]}", f"{name}: {stage}", number=made)


_WORDS = {life.REVIEWED: "已审核", life.SIGNED: "已签署", life.FILED: "已报送"}


def review(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Review a draft."""
    return _enter(life.REVIEWED, house, who, fields)


def sign(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Sign what was reviewed."""
    return _enter(life.SIGNED, house, who, fields)


def hand_in(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """File what was signed."""
    return _enter(life.FILED, house, who, fields)


ACTS = {"documents.review": review, "documents.sign": sign, "documents.file": hand_in}
