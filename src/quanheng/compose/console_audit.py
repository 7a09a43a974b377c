"""The page 日志: one search over what people and machines left: trail, proposals, alarms, notes.

Reading the trail of the people store is in the trail (house.md 10): a search counts as one reading,
so this page asks nothing by itself.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from quanheng.compose import report_register as register
from quanheng.compose.console_daily import signatures
from quanheng.compose.console_house import NO_STORE, House, when
from quanheng.compose.console_notes import notes
from quanheng.desk.access import Session
from quanheng.desk.office import GROW, STATE, Column, Page, Sheet
from quanheng.desk.people import audit
from quanheng.desk.people.access import Session as Actor
from quanheng.desk.people.schema import AUDIT
from quanheng.desk.ports import SourceError
from quanheng.edge.alarm_desk import RECORD
from quanheng.edge.firm_acts import ACTS as FIRM_ACTS
from quanheng.edge.journal_lines import read_lines
from quanheng.terms.days import clock_text

COLUMNS = (
    Column("at", width=150), Column("source", STATE, 80), Column("who", width=80),
    Column("what", width=170), Column("subject", width=180), Column("content", GROW, 500),
)  # fmt: skip
MOST = 1_000
"""Rows of a search, the newest."""
Row = dict[str, Any]
_Rows = Callable[[House], Iterator[Row]]


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """Everything with the words searched for, newest first."""
    tab, find = ask.get("of") or "all", ask.get("find", "")
    tabs = ("all", *SOURCES)
    if tab not in tabs:
        raise SourceError(f"there is no log {tab!r}")
    chosen = [name for name in SOURCES if tab in ("all", name)]
    facts, note = [], ("", "")
    rows: list[Row] = []
    for name in chosen:
        if name == "trail":
            said, mine = _trail(house, who, find)
            note = ("", "") if said else NO_STORE
            facts = said
        else:
            mine = list(SOURCES[name](house))
        rows += [{**row, "source": name} for row in mine if _holds(row, find)]
    rows.sort(key=lambda row: str(row["at"]), reverse=True)
    shown = [{"key": str(place), **row} for place, row in enumerate(rows[:MOST])]
    why = ("没有符合条件的记录", "no record contains that")
    return Page(
        [Sheet("log", COLUMNS, shown, why)], note, facts, every=0, tabs=tabs, tab=tab, find=True
    )


def _holds(row: Row, find: str) -> bool:
    return not find or any(find.lower() in str(value).lower() for value in row.values())


def _trail(house: House, who: Session, find: str) -> tuple[list[tuple[str, str, str]], list[Row]]:
    """The store's trail with what its chain says; nothing without a store."""
    store, actor = house.store, getattr(who, "actor", None)
    if store is None or not isinstance(actor, Actor):
        return [], []
    with store.writing() as connection:
        audit.append(connection, store.clock(), actor.user, actor.place, "audit.read", find)
        found = audit.verify(connection)
        query = sa.select(AUDIT).order_by(AUDIT.c.number)
        kept = [dict(row) for row in connection.execute(query).mappings()]
    facts = [
        ("trail_rows", str(found.rows), ""),
        ("trail_chain", found.wrong or found.head[:16], "alarm" if found.wrong else "good"),
    ]
    rows = []
    for row in kept:
        change = " → ".join(part for part in (row["before"], row["after"]) if part)
        rows.append({
            "at": when(row["at"]), "who": row["who"], "what": row["what"],
            "subject": row["subject"], "content": change,
        })  # fmt: skip
    return facts, rows


def _proposals(house: House) -> Iterator[Row]:
    """What was proposed at the run's authority and what became of it."""
    for row in house.source.proposals():
        fields = " ".join(f"{key}={value}" for key, value in row["fields"].items())
        second = f" {row['seconded_by']}" if row["seconded_by"] else ""
        content = f"#{row['number']} {fields} {row['status']}{second}"
        yield {
            "at": f"{house.source.day} {row['at']}", "who": row["by"], "what": row["act"],
            "subject": row["scope"], "content": content,
        }  # fmt: skip


def _told(house: House) -> Iterator[Row]:
    """What the machine told people."""
    for row in house.source.told():
        yield {
            "at": f"{house.source.day} {row['at']}", "who": "maker", "what": row["code"],
            "subject": row["scope"], "content": f"{row['zh']} / {row['en']}",
        }  # fmt: skip


def _alarms(house: House) -> Iterator[Row]:
    """The watch's record: raised, delivered, failed, acknowledged, silenced."""
    for line in read_lines(house.run / RECORD):
        at = line.get("business", 0)
        yield {
            "at": f"{house.source.day} {clock_text(at)}" if at else house.source.day,
            "who": line.get("by", "watch"), "what": line["what"],
            "subject": line.get("code", f"{line.get('number', '')}"),
            "content": str(line.get("text") or line.get("why") or line.get("error") or ""),
        }  # fmt: skip


def _firm(house: House) -> Iterator[Row]:
    """What people of the firm's risk asked for."""
    for line in read_lines(house.run / FIRM_ACTS):
        kind, *rest = line if isinstance(line, list) else [str(line)]
        yield {"at": house.source.day, "who": "firm", "what": str(kind), "subject": "",
               "content": " ".join(map(str, rest))}  # fmt: skip


def _notes(house: House) -> Iterator[Row]:
    for row in notes(house):
        yield {"at": when(row["at"]), "who": row["by"], "what": f"note.{row['about']}",
               "subject": row["subject"], "content": row["words"]}  # fmt: skip


def _daily(house: House) -> Iterator[Row]:
    for row in signatures(house):
        yield {"at": when(row["at"]), "who": row["by"], "what": f"daily.{row['item']}",
               "subject": row["post"], "content": row["remark"]}  # fmt: skip


def _reports(house: House) -> Iterator[Row]:
    for one in register.entries(house.run):
        yield {"at": one.at, "who": one.by, "what": f"report.{one.kind}", "subject": one.number,
               "content": f"{one.subject} {one.reason} {one.sha256}"}  # fmt: skip


def _none(house: House) -> Iterator[Row]:
    return iter(())


SOURCES: Mapping[str, _Rows] = {
    "trail": _none, "proposals": _proposals, "told": _told, "alarms": _alarms, "firm": _firm,
    "notes": _notes, "daily": _daily, "reports": _reports,
}  # fmt: skip
"""Logs by name; the store's trail is read apart, by who may."""
