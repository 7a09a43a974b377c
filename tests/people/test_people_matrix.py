"""Every route as every post over a people store, against docs/roles.md (promise 38, O-06)."""

import asyncio
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar, WebSocket, get, websocket
from people_world import ACCOUNT, OTHER, World
from test_people_access import hire_everyone

from quanheng.desk.access import Refused
from quanheng.desk.door import (
    COOKIE,
    CSRF,
    INSIDE,
    PUBLIC,
    VIEW_OF,
    OpenRouteError,
    check_routes,
    may_see,
)
from quanheng.desk.knocks import Rates
from quanheng.desk.people.access import StoreAccess
from quanheng.desk.people.console import ConsoleAccess, ConsoleSession
from quanheng.desk.people.rules import EXCHANGE
from quanheng.desk.people.tokens import issue
from quanheng.desk.ports import Reply, SourceError, Table
from quanheng.desk.server import application
from quanheng.desk.sites import EXCHANGE_SITE

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
PAGES = runpy.run_path(str(ROOT / "tools" / "role_pages.py"))
ORIGIN = "http://console.local"
GONE = (401, 403)
OPEN = ("GET /", "GET /static/index.html", "POST /api/login", "GET /api/session")


class Everything:
    """A source, commands and library that answer whatever is asked."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: Reply(True, "issued", "", "")

    def open(self) -> bool:
        return True

    def schema(self) -> dict[str, Any]:
        return {}

    def table(self, *_: Any) -> Table:
        return Table(("a",), [], 0)

    def value(self, *_: Any) -> str:
        return ""

    def names(self) -> tuple[str, ...]:
        return tuple(VIEW_OF)

    def reports(self) -> list[Any]:
        return []

    def report(self, name: str) -> bytes:
        return b"a\n"

    def why(self, *_: Any) -> str:
        raise SourceError("no such quote")


class Remembered(ConsoleAccess):
    """The store's own answers, each asked for once; nobody leaves."""

    def __init__(self, world: World, account: str) -> None:
        super().__init__(world.store, account, Refused)
        self._known: dict[str, ConsoleSession | None] = {}

    def session(self, token: str, active: bool = True) -> ConsoleSession | None:
        if token not in self._known:
            self._known[token] = super().session(token, active)
        return self._known[token]

    def bearer(self, token: str) -> ConsoleSession | None:
        if token not in self._known:
            self._known[token] = super().bearer(token)
        return self._known[token]

    def login(self, *_: Any) -> Any:
        raise Refused("login_wrong")

    def logout(self, token: str) -> None:
        """Nobody leaves."""


@pytest.fixture(scope="module")
def everyone(_first: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = hire_everyone(_first.copy(tmp_path_factory.mktemp("matrix")))
    yield made
    made.close()


def published(part: int = 0) -> tuple[list[str], dict[tuple[str, str], dict[str, bool]]]:
    """Posts, and what docs/roles.md says of each by (request, command); part 1 is the exchange's
    own site.
    """
    text = (ROOT / "docs" / "roles.md").read_text(encoding="utf-8")
    lines = text.split("\n## ")[part].splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    posts, found = cells[0][3:], {}
    for row in cells[2:]:
        _, said, command = row[0].split("`")
        assert set(row[3:]) <= {"●", "–"}, row
        found[said, command.strip()] = dict(
            zip(posts, (cell == "●" for cell in row[3:]), strict=True)
        )
    return posts, found


def asked(app: Litestar) -> list[Any]:
    return list(PAGES["cases"](app))


async def answers(
    app: Litestar, headers: dict[str, str], but: tuple[str, ...] = ()
) -> dict[tuple[str, str], int]:
    """Status of every request, by (request, command); `but` are paths that are left out."""
    found = {}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        for one in asked(app):
            if one.path in but:
                continue
            body = {"command": one.command} if one.command else {"scene": "end"}
            more = {"json": body} if one.method == "POST" else {}
            answer = await client.request(one.method, one.url, headers=headers, **more)
            found[f"{one.method} {one.url}", one.command] = answer.status_code
    return found


def console(world: World, account: str = ACCOUNT) -> Litestar:
    every: Any = Everything()
    app = application(every, every, Remembered(world, account), library=every)
    app.state.rates = Rates(10_000)
    return app


def signed_in(world: World, person: str) -> dict[str, str]:
    session = world.login(person)
    return {"origin": ORIGIN, "cookie": f"{COOKIE}={session.token}", CSRF: session.csrf}


def person_of(world: World, post: str) -> str:
    names = [one.post for one in world.store.rules.posts]
    return "S01" if post == "security_admin" else f"P{names.index(post):02d}"


def test_every_route_answers_every_post_as_published(everyone: World) -> None:
    """Deny by default: 403 where the matrix has no mark, an answer where it has one."""
    posts, marks = published()
    assert posts == [one.post for one in everyone.store.rules.posts]
    app = console(everyone)
    assert set(marks) == {(f"{o.method} {o.url}", o.command) for o in asked(app)}
    checked = 0
    for post in posts:
        found = asyncio.run(answers(app, signed_in(everyone, person_of(everyone, post))))
        for key, status in found.items():
            assert (status not in GONE) == marks[key][post], (post, key, status)
            assert status < 500, (post, key, status)
            checked += 1
    assert checked == len(posts) * len(marks) > 1_500


def test_every_route_of_the_exchanges_site_answers_as_published(tmp_path: Path) -> None:
    """The same of the exchange's own site, by its own posts over its own store (S-05)."""
    staff = {"X01": "registrar", "X02": "reviewer", "X03": "auditor", "X04": "audit_admin"}
    house = World(tmp_path, rules=Path(EXCHANGE))
    for person, post in staff.items():
        house.person(person, post)
    posts, marks = published(1)
    assert posts == [one.post for one in house.store.rules.posts]
    every: Any = Everything()
    app = application(every, every, Remembered(house, ""), site=EXCHANGE_SITE)
    assert set(marks) == {(f"{o.method} {o.url}", o.command) for o in asked(app)}
    for person, post in (*staff.items(), ("S01", "security_admin")):
        found = asyncio.run(answers(app, signed_in(house, person)))
        for key, status in found.items():
            assert (status not in GONE) == marks[key][post], (post, key, status)
    for key, status in asyncio.run(answers(app, {"origin": ORIGIN})).items():
        assert (status == 401) == (key[0] not in OPEN), key
    house.close()


def test_a_stranger_and_a_person_of_another_account_see_nothing(everyone: World) -> None:
    """Without a session 401 at all but what is public; with one of another account, or in another
    account's console, nothing that a right of an account hangs on.
    """
    app = console(everyone)
    needs = {(f"{one.method} {one.url}", one.command): one.need for one in asked(app)}
    for cookie in ("", f"{COOKIE}=made-up"):
        found = asyncio.run(answers(app, {"origin": ORIGIN, "cookie": cookie}))
        for key, status in found.items():
            assert (status == 401) == (needs[key] != PUBLIC), (key, status)
    trader = person_of(everyone, "trader")
    for where, person in ((ACCOUNT, "T99"), (OTHER, trader)):
        there = console(everyone, where)
        found = asyncio.run(answers(there, signed_in(everyone, person)))
        opened = {key for key, status in found.items() if status not in GONE}
        assert {needs[key] for key in opened} <= {PUBLIC, "session"}, (where, person)
        session = everyone.login(person, StoreAccess(everyone.store, where))
        assert not any(may_see(ConsoleSession(session), name) for name in VIEW_OF)


def test_a_socket_follows_the_tables_of_its_post(everyone: World) -> None:
    """The channels of the socket are judged by the same table as the routes."""
    _, marks = published()
    for one in everyone.store.rules.posts:
        session = ConsoleSession(everyone.login(person_of(everyone, one.post)))
        for name in VIEW_OF:
            mark = marks[f"GET /api/table/{name}", ""][one.post]
            assert may_see(session, name) == mark, (one.post, name)
            assert may_see(session, f"{name}/0") == mark
        assert not may_see(session, "made-up")


def test_a_token_has_its_posts_marks_and_only_at_the_routes_for_programs(everyone: World) -> None:
    """Read-only ones propose nothing; a post of another account opens nothing here."""
    _, marks = published()
    app = console(everyone)
    programs = {(f"{one.method} {one.url}", one.command): one.api for one in asked(app)}
    posts = [one.post for one in everyone.store.rules.posts if not (one.admin or one.of_firm)]
    seldom = ("/api/table/{name:str}", "/api/csv/{name:str}")  # as closed as the page's others
    for post, proposes in [("trader", False), ("risk", False), *((post, True) for post in posts)]:
        owner = everyone.login(person_of(everyone, post))
        _, text = issue(everyone.store, owner, post, ACCOUNT, "test", 1, proposes)
        but = () if post == "trader" else seldom
        found = asyncio.run(answers(app, {"authorization": f"Bearer {text}"}, but))
        for key, status in found.items():
            if status not in GONE:
                assert programs[key] and marks[key][post], (post, key)
                assert proposes or key[0].startswith("GET"), (post, key)
            elif programs[key] and marks[key][post] and not key[1] and "people" not in key[0]:
                # What a post has and its token has not: firm rights, and what changes something.
                assert not (proposes and key[0].startswith("GET")), (post, key, status)
        assert found["GET /api/v1/functions", ""] == 200
    stranger = everyone.login("T99", StoreAccess(everyone.store, OTHER))
    _, text = issue(everyone.store, stranger, "trader", OTHER, "test", 1, True)
    found = asyncio.run(answers(app, {"authorization": f"Bearer {text}"}))
    opened = {key[0] for key, status in found.items() if status not in GONE}
    assert opened == {f"GET /api/v1/{one}" for one in ("functions", "tables", "openapi.json")}


@pytest.mark.parametrize("opt", [{}, {"permit": "secret"}, {"permit": ""}, {"permit": None}])
def test_a_route_without_a_permission_does_not_start(
    everyone: World, opt: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real start of the console, with one route more; also a socket's."""

    @get("/hurry", opt=opt)
    async def hurry() -> str:
        return "secret"

    @websocket("/hurry", opt=opt)
    async def hurried(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()

    from quanheng.desk import routes

    for extra in (hurry, hurried):
        with monkeypatch.context() as patch:
            patch.setattr(routes, "HANDLERS", (*routes.HANDLERS, extra))
            with pytest.raises(OpenRouteError, match="/hurry"):
                console(everyone)
    check_routes(console(everyone))
    assert INSIDE != PUBLIC
