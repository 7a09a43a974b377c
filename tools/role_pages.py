"""Generated pages about who may do what over the wire: the role matrix and the OpenAPI document."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Litestar

from desk_pages import table
from quanheng.desk.access import RIGHTS, SITE_VIEWS, VIEWS
from quanheng.desk.api_document import document
from quanheng.desk.door import INSIDE, PUBLIC, SESSION, VIEW_OF, declared
from quanheng.desk.people.console import NEEDS
from quanheng.desk.people.rules import EXCHANGE, read_rules
from quanheng.desk.routes import NEEDS as COMMAND_NEEDS
from quanheng.desk.server import application
from quanheng.desk.sites import EXCHANGE_SITE, FIRM_SITE, Site

SAMPLES = {"{number:int}": "1", "{quote:str}": "M001000001"}
"""Values of path parameters that no right hangs on."""
ALLOWED, REFUSED = "●", "–"

_HEAD = """\
# Role matrix

Every route of the console by method and path, what it needs, and which posts have it: ● may, – is
refused with 403. Who is not signed in gets 401 everywhere but at what is `public`. Generated from
the routes themselves and `src/quanheng/data/posts.toml`; a test asks every route as every post over
a people store and compares (`tests/people/test_people_matrix.py`). A route without a permission
does not start. What a command then does is decided by the authority's policy (`authority.md`).

All posts are held for the account of the console; to whoever holds them for another account only
`public` and `session` routes answer, which show nothing of the account (O-06). `inside` needs any
right here. `tok`: a program's token may come too, never with more than the post's own marks; it
seconds nothing. Socket channels follow the tables of their names.

"""


class Asked(NamedTuple):
    """One request: method, path as declared, the address to ask, what it needs ("" nothing), and
    whether programs may.
    """

    method: str
    path: str
    url: str
    need: str
    api: bool
    command: str = ""


class _Nothing:
    """A source, commands and access that no document needs."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked")


_SITE_HEAD = """
## The exchange's own site

Its routes by its own posts (`src/quanheng/data/exchange_posts.toml`, `docs/registry.md`). Nobody of
a firm's store comes in there, and none of these posts stands in a firm's.

"""


def console(site: Site = FIRM_SITE) -> Litestar:
    """A console over nothing, for its routes."""
    nothing: Any = _Nothing()
    return application(nothing, nothing, nothing, site=site)


def cases(app: Litestar) -> Iterator[Asked]:
    """Every route, the ones with a name in their path once for each name that has a right."""
    for method, path, permit, api in declared(app):
        if method == "WS" or path.startswith("/schema"):
            continue
        url = path
        for part, value in SAMPLES.items():
            url = url.replace(part, value)
        if path == "/static/{name:str}":
            yield Asked(method, path, "/static/index.html", permit, api)
        elif "{name:str}" in path and "/command/" in path:
            for name, need in COMMAND_NEEDS.items():
                yield Asked(method, path, url.replace("{name:str}", name), need, api)
        elif "{name:str}" in path and "/reports/" not in path:
            first = {view: name for name, view in reversed(VIEW_OF.items())}
            for name, view in VIEW_OF.items():
                if permit != SESSION and first[view] != name:
                    continue  # files need the table's right and one more: once for each right
                need = view if permit == SESSION else f"{permit}+{view}"
                yield Asked(method, path, url.replace("{name:str}", name), need, api)
        elif method == "POST" and path == "/api/v1/proposals":
            for name, need in COMMAND_NEEDS.items():
                yield Asked(method, path, url, need, api, name)
        else:
            yield Asked(method, path, url.replace("{name:str}", "class_day.csv"), permit, api)


def holders(house: str = "") -> dict[str, frozenset[str]]:
    """Post -> names of rights it has in the console's account, or at the exchange."""
    rules = read_rules(Path(house) if house else None)
    return {
        post.post: frozenset(name for name, _ in rules.rights(post.post, "here"))
        for post in rules.posts
    }


def may(rights: frozenset[str], need: str) -> bool:
    """Do rights give what a route needs, all of its parts?"""

    def has(name: str) -> bool:
        return any(one in rights for one in NEEDS.get(name, (name,)))

    def gives(part: str) -> bool:
        if part == INSIDE:
            return any(map(has, (*VIEWS, *RIGHTS, *SITE_VIEWS)))
        return part in (PUBLIC, SESSION) or has(part)

    return all(map(gives, need.split("+")))


def roles_page() -> str:
    """docs/roles.md: every route by every post, of the firm's console and of the exchange's."""
    site = matrix(console(EXCHANGE_SITE), holders(EXCHANGE))
    return _HEAD + matrix(console(), holders()) + _SITE_HEAD + site


def matrix(app: Litestar, held: dict[str, frozenset[str]]) -> str:
    """Every route of an application by every post."""
    rows = []
    for one in cases(app):
        name = f" {one.command}" if one.command else ""
        marks = (ALLOWED if may(rights, one.need) else REFUSED for rights in held.values())
        said = f"`{one.method} {one.url}`{name}"
        rows.append((said, one.need, "tok" if one.api else "", *marks))
    return table(("route", "needs", "", *held), rows)


def openapi_page() -> str:
    """src/quanheng/data/openapi.json: the interface for programs."""
    return document(console()).decode()
