"""The interface for programs, /api/v1: read tables, duties, positions and reports; propose.

A program comes with a token of its own (`quanheng people token`), a page with its session. Nothing
here seconds a proposal or pulls: a program is no second person (O-04), and a pull has its own ways.
A command that is refused is an answer: 200 with `ok` false (docs/api.md).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from quanheng.desk import exports
from quanheng.desk.api_document import JSON, TAG, document
from quanheng.desk.door import SESSION, VIEW_OF, Closed, may_see
from quanheng.desk.functions import FUNCTIONS
from quanheng.desk.ports import Ask, Library, Reply, Report, SourceError, Table
from quanheng.desk.routes import MOST_ROWS, AnyRequest, Order, asker, once, propose

BASE = "/api/v1"
BYTES = "application/octet-stream"
FORMATS = tuple(exports.FORMATS)

Format = Annotated[Literal["csv", "xlsx", "parquet"], QueryParameter(name="format")]
Limit = Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, QueryParameter(ge=0, le=exports.MOST_ROWS)]
Find = Annotated[str, QueryParameter(max_length=200)]
Number = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing came: the door's and the framework's refusals say it in `detail`, the run's own
    in `zh` and `en`.
    """

    status_code: int = 0
    detail: Any = ""


class Rows(msgspec.Struct, frozen=True):
    """A table: its columns, rows in their order, and how many there are before paging."""

    columns: list[str]
    rows: list[list[Any]]
    total: int


class TableName(msgspec.Struct, frozen=True):
    """A table that may be read, and the page it belongs to."""

    name: str
    view: str


class FunctionEntry(msgspec.Struct, frozen=True):
    """One of the eleven functions, with its page and what of the interface is its own."""

    key: str
    zh: str
    en: str
    page: str
    paths: list[str]


class Proposal(msgspec.Struct, frozen=True):
    """A command: its name, its fields, the program's own number of it, and the value it saw."""

    command: str
    fields: dict[str, Any] = {}
    idem: str = ""
    seen: str | None = None


_SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]
_SAID = {
    400: ResponseSpec(Fault, False, "What was asked for makes no sense."),
    401: ResponseSpec(Fault, False, "Nobody, or a token that opens nothing."),
    403: ResponseSpec(Fault, False, "Somebody who may not."),
    404: ResponseSpec(Any, False, "There is no such thing."),
    429: ResponseSpec(Fault, False, "Too often: 20 requests a second of a token, or bad tokens."),
}
_FILE = {200: ResponseSpec(bytes, False, "The file.", BYTES), **_SAID}


def _kinds() -> dict[str, Any]:
    """What every handler here has."""
    return {"security": _SECURITY, "tags": [TAG], "responses": _SAID}


def _opt(permit: str) -> dict[str, Any]:
    return {"permit": permit, "api": True}


def _library(request: AnyRequest) -> Library:
    library: Library = request.app.state.library
    return library


async def _table(request: AnyRequest, name: str, ask: Ask) -> Table:
    library = _library(request)
    if not may_see(asker(request), name) or name not in library.names():
        raise Closed(f"there is no table {name} for you")
    found: Table = await request.app.state.console.model(lambda: library.table(name, ask))
    return found


async def _rows(request: AnyRequest, name: str, ask: Ask) -> Rows:
    found = await _table(request, name, ask)
    return Rows(list(found.columns), found.rows, found.total)


def _file(name: str, body: bytes) -> Response[bytes]:
    """A file that no browser opens on our origin, whatever is in it."""
    plain = "".join(one if one.isascii() and one.isalnum() else "-_."["-_.".find(one)]
                    for one in name)  # fmt: skip
    shown = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(body, media_type=BYTES, headers={"content-disposition": shown})


@get(f"{BASE}/functions", opt=_opt(SESSION), **_kinds())
async def functions(request: AnyRequest) -> list[FunctionEntry]:
    """The eleven functions of chapter 8, 2(2): the page and the paths of each."""
    return [
        FunctionEntry(
            one.key, one.words, one.english, one.page,
            [*(f"{BASE}/tables/{name}" for name in one.tables), *one.routes],
        )
        for one in FUNCTIONS
    ]  # fmt: skip


@get(f"{BASE}/tables", opt=_opt(SESSION), **_kinds())
async def tables(request: AnyRequest) -> list[TableName]:
    """Tables that whoever asks may read."""
    session = asker(request)
    return [
        TableName(name, VIEW_OF[name])
        for name in dict.fromkeys(_library(request).names())
        if may_see(session, name) and name != "sys"
    ]


@get(f"{BASE}/tables/{{name:str}}", opt=_opt(SESSION), **_kinds())
async def table(
    request: AnyRequest, name: FromPath[str], find: Find = "", offset: Offset = 0,
    limit: Limit = 200,
) -> Rows:  # fmt: skip
    """Rows of a table whose text contains `find`, newest first where they have a time."""
    return await _rows(request, name, Ask(find, offset, limit))


@get(f"{BASE}/tables/{{name:str}}/export", opt=_opt("export"),
     security=_SECURITY, tags=[TAG], responses=_FILE)  # fmt: skip
async def table_export(
    request: AnyRequest, name: FromPath[str], form: Format = "csv", find: Find = ""
) -> Response[bytes]:
    """A whole table as CSV, xlsx or Parquet."""
    found = await _table(request, name, Ask(find, 0, exports.MOST_ROWS))
    body: bytes = await request.app.state.console.slowly(lambda: exports.made(name, found, form))
    return _file(f"{name}.{form}", body)


@get(f"{BASE}/duties", opt=_opt("duty"), **_kinds())
async def duties(request: AnyRequest) -> Rows:
    """The duties by class: what was reached, what can be, what grade."""
    return await _rows(request, "duty", Ask(limit=MOST_ROWS))


@get(f"{BASE}/positions", opt=_opt("trade"), **_kinds())
async def positions(
    request: AnyRequest, find: Find = "", offset: Offset = 0, limit: Limit = 200
) -> Rows:
    """Positions by contract: long, short and covered, and what was done today."""
    return await _rows(request, "positions", Ask(find, offset, limit))


@get(f"{BASE}/reports", opt=_opt("export"), **_kinds())
async def reports(request: AnyRequest) -> list[Report]:
    """Files of the run's reports with their SHA-256."""
    library = _library(request)
    found: Sequence[Report] = await request.app.state.console.slowly(library.reports)
    return list(found)


@get(f"{BASE}/reports/{{name:str}}", opt=_opt("export"),
     security=_SECURITY, tags=[TAG], responses=_FILE)  # fmt: skip
async def report(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A report as it was made."""
    library = _library(request)
    body: bytes = await request.app.state.console.slowly(lambda: library.report(name))
    return _file(name, body)


@get(f"{BASE}/reports/{{name:str}}/export", opt=_opt("export"),
     security=_SECURITY, tags=[TAG], responses=_FILE)  # fmt: skip
async def report_export(
    request: AnyRequest, name: FromPath[str], form: Format = "xlsx"
) -> Response[bytes]:
    """A report that is a table (.csv) as CSV without formulas, xlsx or Parquet."""
    library = _library(request)
    if not name.endswith(".csv"):
        raise SourceError(f"{name}: only a .csv is a table")

    def make() -> bytes:
        return exports.made(name, exports.of_csv(name, library.report(name)), form)

    body: bytes = await request.app.state.console.slowly(make)
    return _file(f"{name.removesuffix('.csv')}.{form}", body)


@get(f"{BASE}/proposals", opt=_opt("approve"), **_kinds())
async def proposals(request: AnyRequest, offset: Offset = 0, limit: Limit = 200) -> Rows:
    """Proposals of the run's authority, newest first, and who is signed on."""
    return await _rows(request, "approvals", Ask("", offset, limit))


@post(f"{BASE}/proposals", opt=_opt(SESSION), status_code=200, **_kinds())
async def new_proposal(request: AnyRequest, data: JSONBody[Proposal]) -> Reply:
    """Propose a command in the name of the token's owner; the authority's policy judges it."""
    order = Order(data.fields, data.idem, data.seen)
    return await propose(request, data.command, order)


@post(f"{BASE}/proposals/{{number:int}}/withdraw", opt=_opt("withdraw"), status_code=200,
      **_kinds())  # fmt: skip
async def withdrawn(request: AnyRequest, number: Number, data: JSONBody[Order]) -> Reply:
    """Take one's own proposal back."""
    return await once(request, data, lambda c, user: c.withdraw(user, number))


@get(f"{BASE}/openapi.json", opt=_opt(SESSION), media_type=JSON, include_in_schema=False)
async def described(request: AnyRequest) -> Response[bytes]:
    """This interface as an OpenAPI 3.1 document, which is shipped as data/openapi.json too."""
    return Response(document(request.app), media_type=JSON)


HANDLERS: Sequence[Any] = (
    functions, tables, table, table_export, duties, positions, reports, report, report_export,
    proposals, new_proposal, withdrawn, described,
)  # fmt: skip
