"""A console whose programs come in with a token of a test, over a source that holds two cells."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argon2 import PasswordHasher
from desk_world import people_file
from test_desk_door import House

from quanheng.desk import file_access
from quanheng.desk.door import VIEW_OF
from quanheng.desk.file_access import ROLES, FileSession, Person
from quanheng.desk.knocks import Knocks, Rates
from quanheng.desk.ports import Report, SourceError, Table

TOKEN = "qh_of-a-test"
REPORT = b'name,value\n=cmd|calc,1\n"@SUM(A1)",2\n'


class Shelf:
    """A library of every table there is and one report."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def names(self):
        return tuple(VIEW_OF)

    def table(self, name, ask):
        self.asked.append(name)
        rows = [["=1+1", "-0.5", "正常", {"a": 1}, 7, None], ["\tx", "+1", "", {}, -7, True]]
        part = [row for row in rows if ask.find in str(row)]
        columns = ("formula", "number", "words", "more", "count", "flag")
        return Table(columns, part[ask.offset : ask.offset + ask.limit], len(part))

    def reports(self):
        return [Report("class_day.csv", len(REPORT), "0" * 64)]

    def report(self, name):
        if name != "class_day.csv":
            raise SourceError(f"there is no report {name!r}")
        return REPORT


class Programs(House):
    """The same house; `role` is what the token's post is, "" for a token that opens nothing."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf()
        super().__init__(people_file(folder), library=self.shelf)
        self.roles: tuple[str, ...] = tuple(ROLES)
        self.app.state.rates = Rates(10_000)
        self.app.state.tries = Knocks()
        self.access.bearer = self.bearer  # type: ignore[method-assign]

    def bearer(self, token: str) -> FileSession | None:
        if token != TOKEN or not self.roles:
            return None
        return FileSession(Person("P01", self.roles, "$argon2id$"), 0.0)

    def get(self, path: str, **more):
        return self.client.get(path, headers={"authorization": f"Bearer {TOKEN}"}, **more)

    def post(self, path: str, body: object, **more):
        headers = {"authorization": f"Bearer {TOKEN}", **more}
        return self.client.post(path, json=body, headers=headers)


@contextmanager
def opened(folder: Path) -> Iterator[Programs]:
    """A console for programs whose client is in, with passwords that cost no time."""
    dear, file_access.HASHER = file_access.HASHER, PasswordHasher(1, 8, 1)
    made = Programs(folder)
    with made.client:
        yield made
    file_access.HASHER = dear
