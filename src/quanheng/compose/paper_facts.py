"""What the documents are filled from: the firm's own facts, the people store, configuration, rules.

A value that is missing is a `Gap` with the name of the field; it goes into the document as a mark
and into the list of gaps, so nothing is blank in silence and nothing is invented (L-02).
"""

from fractions import Fraction
from pathlib import Path

import msgspec
import sqlalchemy as sa

from quanheng.compose.oversight_file import OversightFile, read_oversight
from quanheng.config import Config, ConfigError, read_config, read_toml
from quanheng.desk.people import registers
from quanheng.desk.people.rules import Post
from quanheng.desk.people.schema import PERSON
from quanheng.desk.people.store import Store, appointments, personal_of
from quanheng.edge.document_docx import Box, Words
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Day

SHIPPED_FIRM = "data/firm.toml"
KINDS = {"primary": "主做市商", "general": "一般做市商"}
_MARK = "【待填：{}】"


class Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A department of appendix 3."""

    name: str
    duties: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class that is applied for, limits in contracts."""

    underlying: str
    name: str = ""
    long: int = 0
    total: int = 0
    daily_buy_open: int = 0
    use: str = ""


class Firm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What only the firm knows; see data/firm.toml."""

    name: str = ""
    legal_representative: str = ""
    principal: str = ""
    capital_yuan: int = 0
    capital_use: str = ""
    licence_files: tuple[str, ...] = ()
    assets_file: str = ""
    technical_file: str = ""
    departments: tuple[Department, ...] = ()
    apply: tuple[Wanted, ...] = ()
    limit_reason: str = ""
    withdrawal_reason: str = ""
    capital_change: str = ""


class Person(msgspec.Struct, frozen=True):
    """An appointment with what appendix 3 says of its holder."""

    person: str
    post: Post
    holder: str
    department: str
    name: str
    duty: str
    phone: str
    mobile: str
    email: str
    history: tuple[tuple[str, str, str], ...]  # years, unit, duty


class Facts(msgspec.Struct, frozen=True):
    """Everything a document may draw on, as of a day."""

    day: Day
    firm: Firm
    config: Config | None  # only when it was named: the shipped one is a simulation's
    rules: Rulebook
    oversight: OversightFile | None
    people: tuple[Person, ...]
    accounts: tuple[str, ...]  # reported, in force
    store: Store

    def holder(self, post: str) -> Person | None:
        """The main holder of a post."""
        found = [one for one in self.people if one.post.post == post and one.holder == "main"]
        return found[0] if found else None


class Gaps:
    """The gaps of one document, in the order they were met."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def mark(self, name: str) -> str:
        """Note a gap and give the mark that stands for it, on one line and in its brackets."""
        name = " ".join(name.replace("【", "（").replace("】", "）").split())
        if name not in self.names:
            self.names.append(name)
        return _MARK.format(name)

    def box(self, value: object, name: str, span: int = 1, down: int = 1) -> Box:
        """A cell with the value, or with the mark of a gap for an empty one."""
        text = str(value) if value else ""
        return Box(text or self.mark(name), span, down, gap=not text)

    def words(self, text: str, name: str) -> Words:
        """A paragraph with the text, or the mark of a gap."""
        return Words(text or self.mark(name), gap=not text)


def gather(
    store: Store, day: Day, firm: Path | None, config: Path | None, agreement: Path | None = None,
    house: Path | None = None, oversight: Path | None = None,
) -> Facts:  # fmt: skip
    """Read everything once. ConfigError and RulebookError name what cannot be read."""
    known = read_toml(Firm, firm, SHIPPED_FIRM, _problem)
    rules = read_rulebook(day, agreement, house)
    accounts = tuple(
        one.body.account for one in registers.in_force(store, "account") if not one.body.old
    )
    desk = read_config(config) if config else None
    watch = read_oversight(oversight) if oversight else None
    return Facts(day, known, desk, rules, watch, people_of(store), accounts, store)


def _problem(firm: Firm) -> str:
    for number, one in enumerate(firm.apply):
        if not (one.underlying.isdigit() and len(one.underlying) == 6):
            return f"apply[{number}].underlying: {one.underlying!r} is no underlying"
        if min(one.long, one.total, one.daily_buy_open) < 0:
            return f"apply[{number}]: a limit is below 0"
        if one.total and one.long > one.total:
            return f"apply[{number}].long: {one.long} is above total {one.total}"
    return "capital_yuan: is below 0" if firm.capital_yuan < 0 else ""


def people_of(store: Store) -> tuple[Person, ...]:
    """Every appointment with its person, in the order of the posts."""
    found = []
    with store.reading() as connection:
        rows = connection.execute(sa.select(PERSON.c.person, PERSON.c.department))
        departments = {row[0]: row[1] for row in rows}
        for row in appointments(connection):
            post = store.rules.post(row["post"])
            mine = personal_of(connection, row["person"])
            if post.admin or mine is None:
                continue
            history = msgspec.json.decode(mine["history"], type=tuple[tuple[str, str, str], ...])
            found.append(
                Person(
                    row["person"], post, row["holder"], departments[row["person"]],
                    mine["name_zh"], mine["duty"], mine["phone"], mine["mobile"], mine["email"],
                    history,
                )
            )  # fmt: skip
    order = [post.post for post in store.rules.posts]
    found.sort(key=lambda one: (order.index(one.post.post), one.holder != "main", one.person))
    return tuple(found)


def wanted(facts: Facts, classes: tuple[str, ...]) -> tuple[Wanted, ...]:
    """The classes a document is about: those named, or every one the firm applies for.

    ConfigError for a class that the firm's file does not apply for.
    """
    known = {one.underlying: one for one in facts.firm.apply}
    missing = [one for one in classes if one not in known]
    if missing:
        raise ConfigError(f"class {missing[0]} is not under apply of the firm's file (--firm)")
    return tuple(known[one] for one in classes) if classes else facts.firm.apply


def named(one: Wanted) -> str:
    """简称（代码）, or the code alone while the short name is not known."""
    return f"{one.name}（{one.underlying}）" if one.name else ""


def percent(ratio: tuple[int, int]) -> str:
    """An exact ratio as per cent without an ending of noughts."""
    value = Fraction(*ratio) * 100
    return str(value) if value.denominator == 1 else f"{float(value):.4g}"


def account_of(facts: Facts) -> str:
    """The reported accounts; while none is on record, what the desk is configured with."""
    own = facts.config.member.account if facts.config else ""
    return "、".join(dict.fromkeys(facts.accounts)) or own


def kind_of(facts: Facts) -> str:
    """主做市商 or 一般做市商, as the desk is configured."""
    return KINDS[facts.config.member.kind] if facts.config else ""


def day_words(day: Day) -> str:
    """2024年6月27日, "" for none."""
    return f"{day // 10_000}年{day // 100 % 100}月{day % 100}日" if day else ""
