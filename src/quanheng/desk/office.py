"""The office: pages over records, registers and files, beside the machine's pictures.

A page is a few sheets of rows with what may be done about them. The browser lays every page out
the same way, so a page is data: `compose.console_*` fills it, and what it may not show a person it
does not send. Columns name their words (`field.NAME` of words.toml) and a kind.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from quanheng.desk.access import Session
from quanheng.desk.kinds import COUNT as COUNT
from quanheng.desk.kinds import FIGURE as FIGURE
from quanheng.desk.kinds import FILES as FILES
from quanheng.desk.kinds import GROW as GROW
from quanheng.desk.kinds import HASH as HASH
from quanheng.desk.kinds import STATE as STATE
from quanheng.desk.kinds import TEXT
from quanheng.desk.ports import Reply, SourceError

ACTS: Mapping[str, str] = {
    "reports.make": "reports.make",
    "documents.review": "documents.review",
    "documents.sign": "documents.sign",
    "documents.file": "documents.file",
    "people.add": "people.add",
    "people.grant": "people.propose",
    "people.enrol": "people.propose",
    "people.withdraw": "people.propose",
    "people.confirm": "people.confirm",
    "people.revoke": "people.revoke",
    "people.lock": "people.revoke",
    "people.unlock": "people.unlock",
    "people.end_session": "people.sessions",
    "people.review": "people.review",
    "people.review_sign": "people.review_sign",
    "register.add": "register.add",
    "register.reverse": "register.add",
    "register.approve": "register.approve",
    "settle.run": "settle",
    "settle.sign": "settle",
    "settle.sign_all": "settle",
    "settle.explain": "settle",
    "settle.adjust": "settle",
    "settle.withdraw": "settle",
    "settle.second": "settle_second",
    "settle.last": "settle_second",
    "firm.answer": "firm_answer",
    "firm.follow": "firm",
    "firm.close": "firm",
    "firm.restrain": "firm",
    "firm.release": "firm",
    "firm.second": "firm_second",
    "daily.sign": "daily.sign",
    "note.add": "note",
}
"""Act of the office -> what a session has to permit for it. The store, the settlement and the
overseer judge the person again."""

SITE_ACTS: Mapping[str, str] = {
    "registry.step": "registry.propose",
    "registry.measure": "registry.propose",
    "registry.designate": "registry.propose",
    "registry.publish": "registry.propose",
    "registry.withdraw": "registry.propose",
    "registry.second": "registry.second",
    **{name: need for name, need in ACTS.items() if name.startswith("people.")},
}
"""Act of the exchange's site -> what a session has to permit for it."""


class Field(msgspec.Struct, frozen=True):
    """What an act asks for: its name, a kind (text, long, day, count) or choices, and what stands
    in it at first. Its words are `field.LABEL`, of its name without one.
    """

    name: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    value: str = ""
    optional: bool = False
    label: str = ""


class Act(msgspec.Struct, frozen=True):
    """Something that can be done: of a row, or with `row` false of the whole sheet. `sure` asks
    again first.
    """

    name: str
    ask: tuple[Field, ...] = ()
    row: bool = True
    sure: bool = False


class Column(msgspec.Struct, frozen=True):
    """A column of a sheet: name, kind and width in pixels."""

    name: str
    kind: str = TEXT
    width: int = 90


class Sheet(msgspec.Struct, frozen=True):
    """A table. A row carries `acts`: names of what can be done about it now, and `fields`: what of
    it goes with the act. `why` says in both languages why there is nothing. `share`: how much of
    the page's height it takes.
    """

    name: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    why: tuple[str, str]
    acts: tuple[Act, ...] = ()
    share: int = 1


class Page(msgspec.Struct, frozen=True):
    """A page as it is now. `note`: a sentence over it, in both languages; `facts`: (`fact.NAME`,
    value, tone). `every`: seconds until it is asked for again, 0 for never.
    """

    sheets: list[Sheet]
    note: tuple[str, str] = ("", "")
    facts: list[tuple[str, str, str]] = []
    every: int = 10
    tabs: tuple[str, ...] = ()  # parts of the page (`part.NAME`), asked for with `of`
    tab: str = ""
    find: bool = False  # a field to search with is above it


class Taken(msgspec.Struct, frozen=True):
    """A file to take away. `shown`: the browser may open it in a page of its own."""

    name: str
    kind: str
    body: bytes
    shown: bool


class Office(Protocol):
    """What fills the pages. Every call runs in a worker thread; several at once."""

    def page(self, name: str, who: Session, ask: Mapping[str, str]) -> Page:
        """A page for a person. SourceError for a question that makes no sense."""

    def file(self, page: str, who: Session, name: str) -> Taken:
        """A file that the page names. SourceError for one it does not."""

    def act(self, name: str, who: Session, fields: Mapping[str, Any]) -> Reply:
        """Do something in a person's name. SourceError for fields that make no sense."""


class NoOffice:
    """A console without records: every page is empty and says so."""

    def page(self, name: str, who: Session, ask: Mapping[str, str]) -> Page:
        """See the protocol."""
        return Page([], ("此控制台未接入台账", "this console was opened without records"), every=0)

    def file(self, page: str, who: Session, name: str) -> Taken:
        """See the protocol."""
        raise SourceError(f"there is no file {name!r}")

    def act(self, name: str, who: Session, fields: Mapping[str, Any]) -> Reply:
        """See the protocol."""
        zh, en = "此控制台未接入台账", "this console was opened without records"
        return Reply(False, "refused", zh, en)
