"""People and posts of an authority, from one TOML file (borders.md 5): opaque ids, never names."""

from pathlib import Path

import msgspec

from quanheng.authority.messages import AuthorityOpen, Parameter, Person
from quanheng.authority.policy import POSTS
from quanheng.config import ConfigError, read_toml
from quanheng.maker.limits import BY_NAME
from quanheng.maker.messages import MakerOpen
from quanheng.maker.parameters import TABLE
from quanheng.maker.roster import TRADER, Trader
from quanheng.terms.units import SECOND, Day

SHIPPED = "data/people.toml"
LONGEST_WAIT = 86_400
STORE_WAIT_S = 600
"""How long a proposal waits when the people come straight from a store."""
_SQLITE = b"SQLite format 3\0"


class PersonEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person by opaque id, the posts he or she is appointed to, and the underlyings he or she may
    trade; without the key all of them.
    """

    person: str
    posts: tuple[str, ...]
    classes: tuple[str, ...] = ()


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. A proposal that nobody seconds for `wait_s` seconds expires."""

    wait_s: int
    targets: tuple[str, ...]
    people: tuple[PersonEntry, ...]


def read_people(path: Path | None = None) -> People:
    """The people of a TOML file or of a people store (SQLite), or the shipped ones.

    ConfigError names the file, key and reason.
    """
    if path is not None and _is_store(path):
        return _of_store(path)
    return read_toml(People, path, SHIPPED, _problem)


def _is_store(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _of_store(path: Path) -> People:
    """Ids, posts and classes that stand in the store now; no names, and no key is needed."""
    try:
        from quanheng.desk.people.errors import StoreError
        from quanheng.desk.people.roster import of_database
    except ModuleNotFoundError as error:
        raise ConfigError(f"{path}: {error.name} is missing: quanheng[console]") from error
    try:
        rows = of_database(str(path))
    except StoreError as error:
        raise ConfigError(str(error)) from error
    entries = tuple(PersonEntry(row.person, row.posts, row.classes) for row in rows)
    people = People(STORE_WAIT_S, ("maker",), entries)
    wrong = _problem(people)
    if wrong:
        raise ConfigError(f"{path}: {wrong}")
    return people


def _problem(people: People) -> str:
    if not 1 <= people.wait_s <= LONGEST_WAIT:
        return f"wait_s: {people.wait_s} is not 1 to {LONGEST_WAIT} seconds"
    if people.targets != ("maker",):
        return f'targets: {list(people.targets)} is not ["maker"], the one machine there is'
    known: list[str] = []
    for number, entry in enumerate(people.people):
        key = f"people[{number}]"
        if not (entry.person.isascii() and entry.person.isalnum() and len(entry.person) <= 8):
            return f"{key}.person: {entry.person!r} is not an opaque id of up to 8 letters, digits"
        if entry.person in known:
            return f"{key}.person: {entry.person} stands twice"
        known.append(entry.person)
        wrong = [post for post in entry.posts if post not in POSTS]
        if wrong or not entry.posts:
            return f"{key}.posts: {wrong[0] if wrong else 'empty'}; posts are {', '.join(POSTS)}"
        bad = [code for code in entry.classes if not (code.isdigit() and len(code) == 6)]
        if bad or (entry.classes and TRADER not in entry.posts):
            what = f"{bad[0]!r} is no underlying" if bad else f"only a {TRADER} has classes"
            return f"{key}.classes: {what}"
    return "" if known else "people: nobody is listed"


def parameters() -> tuple[Parameter, ...]:
    """The maker's parameters as the authority judges them: limits of the ladder tighten alone, the
    others have the trader's own band (`maker.parameters`).
    """
    rows = [
        Parameter(item.name, "limit", 0, 0, item.default)
        if item.limit
        else Parameter(item.name, "quote", *item.band, item.default)
        for item in TABLE
    ]
    known = [item.name for item in TABLE]
    for limit in BY_NAME.values():
        if limit.name not in known:
            # Without a default of its own every value counts as looser and needs two people.
            kind = "floor" if limit.floor else "limit"
            rows.append(Parameter(limit.name, kind, 0, 0, max(limit.default, 0)))
    return tuple(rows)


def opening(people: People, day: Day) -> AuthorityOpen:
    """The authority's first input of a day; "*" starts in the state the maker starts in."""
    state = next(
        field.default for field in msgspec.structs.fields(MakerOpen) if field.name == "state"
    )
    rows = tuple(Person(entry.person, entry.posts, entry.classes) for entry in people.people)
    wait = people.wait_s * SECOND
    return AuthorityOpen(day, rows, parameters(), people.targets, state, wait)


def traders(people: People) -> tuple[Trader, ...]:
    """Who may sign on at the maker as a trader, and for which underlyings."""
    return tuple(
        Trader(entry.person, entry.classes) for entry in people.people if TRADER in entry.posts
    )
