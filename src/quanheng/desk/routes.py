"""HTTP: the page, the login, tables, commands. All but the page and the login need a session.

A command that is refused is an answer, not a fault: 200 with `ok` false, so that a screen can show
it. Each command carries `idem`, the browser's own number for it; asked again, it is answered again.
"""

import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from quanheng.desk.access import Refused, Session
from quanheng.desk.assets import Asset
from quanheng.desk.door import COOKIE, INSIDE, PUBLIC, SESSION, Closed, may_see, seated, session_of
from quanheng.desk.exports import MOST_ROWS as MOST_LINES
from quanheng.desk.exports import csv_of
from quanheng.desk.ports import END, Ask, Reply, SourceError

AnyRequest = Request[Any, Any, Any]
MOST_ROWS = 5_000
NEEDS = {
    "parameter": "parameter", "enabled": "quoting", "state": "quoting", "rearm": "quoting",
    "sign_on": "sign_on", "acknowledge": "acknowledge", "take_inquiry": "inquiry",
    "give_back_inquiry": "inquiry", "answer_inquiry": "inquiry", "cancel_order": "order",
    "manual_order": "order", "lock": "order", "exercise": "order", "combine": "order",
    "split": "order",
}  # fmt: skip
"""What a session has to permit for each command."""
OVER = Reply(False, "closed", "该交易日已结束，只能查看", "the day is over: look only")


Short = Annotated[str, msgspec.Meta(max_length=200)]


class Login(msgspec.Struct, frozen=True):
    """Who wants in; longer than anybody's name or password is nobody's."""

    name: Short
    password: Short
    code: Short = ""


class Order(msgspec.Struct, frozen=True):
    """A command: its fields, the browser's number of it, and the value the person saw."""

    fields: dict[str, Any] = {}
    idem: str = ""
    seen: str | None = None


class Motion(msgspec.Struct, frozen=True):
    """Where a replayed scene goes."""

    scene: str
    speed: float | None = None
    at: str | None = None


def _me(request: AnyRequest, session: Session) -> dict[str, Any]:
    state = request.app.state
    return {
        "user": session.user,
        "name": session.name_zh,
        "roles": sorted(session.roles),
        "csrf": session.csrf,
        "views": [name for name in state.views if session.permits(name)],
        "commands": [name for name in state.commands if session.permits(name)],
    }


def asker(request: AnyRequest) -> Session:
    """Whose request it is; the door has let it in."""
    found = seated(request)
    assert found is not None, "the door is in front"
    return found


def _asset(request: AnyRequest, name: str) -> Response[bytes]:
    asset: Asset | None = request.app.state.assets.get(name)
    if asset is None:
        raise HTTPException(status_code=404, detail=f"there is no file {name}")
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"cache-control": "no-cache", "vary": "accept-encoding"}
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packed else asset.body, media_type=asset.kind, headers=headers)


@get("/", opt={"permit": PUBLIC}, include_in_schema=False)
async def page(request: AnyRequest) -> Response[bytes]:
    """The page."""
    return _asset(request, "index.html")


@get("/static/{name:str}", opt={"permit": PUBLIC}, include_in_schema=False)
async def static(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A file of the page."""
    return _asset(request, name)


@post("/api/login", opt={"permit": PUBLIC}, status_code=200)
async def login(request: AnyRequest, data: JSONBody[Login]) -> Response[dict[str, Any]]:
    """Begin a session."""
    state = request.app.state
    where = request.client.host if request.client else ""
    wait = state.knocks.wait(where, time.monotonic())
    if wait:
        return Response({"ok": False, "code": "login_wait", "wait_s": wait})
    try:
        token, session = await state.console.slowly(
            lambda: state.access.login(data.name, data.password, data.code, where)
        )
    except Refused as error:
        state.knocks.failed(where, time.monotonic())
        return Response({"ok": False, "code": error.code, "wait_s": error.wait_s})
    response: Response[dict[str, Any]] = Response({"ok": True, **_me(request, session)})
    response.set_cookie(
        COOKIE, token, path="/", httponly=True, samesite="strict", secure=state.secure
    )
    return response


@post("/api/logout", opt={"permit": SESSION}, status_code=200)
async def logout(request: AnyRequest) -> Response[dict[str, Any]]:
    """End the session."""
    state, token = request.app.state, request.cookies.get(COOKIE, "")
    await state.console.admitted(lambda: state.access.logout(token))
    response: Response[dict[str, Any]] = Response({"ok": True})
    response.delete_cookie(COOKIE, path="/")
    return response


@get("/api/session", opt={"permit": PUBLIC})
async def who(request: AnyRequest) -> dict[str, Any]:
    """Is anybody in? The page asks before it shows the door; it tells nothing to a stranger."""
    session = await session_of(request)
    return {"ok": False} if session is None else {"ok": True, **_me(request, session)}


@get("/api/me", opt={"permit": SESSION})
async def me(request: AnyRequest) -> dict[str, Any]:
    """Who I am and what I may do."""
    return _me(request, asker(request))


@get("/api/schema", opt={"permit": INSIDE})
async def schema(request: AnyRequest) -> dict[str, Any]:
    """What does not change in a run."""
    console = request.app.state.console
    found: Mapping[str, Any] = await console.model(console.source.schema)
    return {**found, "open": await console.asked(console.commands.open)}


async def _table(request: AnyRequest, name: str, scene: str, ask: Ask) -> Any:
    console = request.app.state.console
    if not may_see(asker(request), name):
        raise Closed(f"there is no table {name} for you")
    if not console.mine(scene, request.cookies.get(COOKIE, "")):
        raise Closed("this scene is somebody else's")
    return await console.model(lambda: console.source.table(scene, name, ask))


Limit = Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, QueryParameter(ge=0)]


@get("/api/table/{name:str}", opt={"permit": SESSION})
async def table(
    request: AnyRequest, name: FromPath[str], scene: FromQuery[str] = END,
    find: FromQuery[str] = "", offset: Offset = 0, limit: Limit = 200,
) -> dict[str, Any]:  # fmt: skip
    """Rows of a table, newest first."""
    found = await _table(request, name, scene, Ask(find, offset, limit))
    return {"columns": found.columns, "rows": found.rows, "total": found.total}


@get("/api/csv/{name:str}", opt={"permit": "export"}, media_type=MediaType.TEXT)
async def csv_file(
    request: AnyRequest,
    name: FromPath[str],
    scene: FromQuery[str] = END,
    find: FromQuery[str] = "",
) -> Response[bytes]:
    """A whole table as CSV with a byte order mark, which spreadsheets need for Chinese."""
    found = await _table(request, name, scene, Ask(find, 0, MOST_LINES))
    body = await request.app.state.console.slowly(lambda: csv_of(found))
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(body, media_type="text/csv", headers=headers)


@get("/api/value", opt={"permit": "trade"})
async def value(request: AnyRequest, of: FromQuery[str], name: FromQuery[str]) -> dict[str, str]:
    """A setting in force in the scope `of` (`scope` is a word of the framework's)."""
    console = request.app.state.console
    found = await console.model(lambda: console.source.value(END, of, name))
    return {"value": found}


@get("/api/why/{quote:str}", opt={"permit": "orders"})
async def why(
    request: AnyRequest, quote: FromPath[str], lang: FromQuery[str] = "zh"
) -> dict[str, str]:
    """Everything behind a quote."""
    console = request.app.state.console
    if lang not in ("zh", "en"):
        raise SourceError(f"lang: {lang!r} is not zh or en")
    return {"text": await console.slowly(lambda: console.source.why(END, quote, lang))}


@get("/api/preview", opt={"permit": "kill"})
async def preview(request: AnyRequest, of: FromQuery[str] = "*") -> Reply:
    """What a pull would withdraw now."""
    console = request.app.state.console
    found: Reply = await console.asked(lambda: console.commands.preview(of))
    return found


@post("/api/replay", opt={"permit": "replay"}, status_code=200)
async def replay(request: AnyRequest, data: JSONBody[Motion]) -> dict[str, bool]:
    """Move a scene of one's own."""
    console = request.app.state.console
    if not console.mine(data.scene, request.cookies.get(COOKIE, "")):
        raise Closed("this scene is somebody else's")
    await console.model(lambda: console.source.control(data.scene, data.speed, data.at))
    console.hurry()
    return {"ok": True}


@post("/api/pull", opt={"permit": "kill"}, status_code=200)
async def pull(request: AnyRequest, data: JSONBody[Order]) -> Reply:
    """Withdraw everything of a scope at once. Never asked twice, never kept waiting."""
    scope = data.fields.get("scope", "*")
    if not isinstance(scope, str):
        raise SourceError(f"scope: a text is needed, not {scope!r}")
    return await once(request, data, lambda c, user: c.pull(user, scope))


@post("/api/command/{name:str}", opt={"permit": SESSION}, status_code=200)
async def command(request: AnyRequest, name: FromPath[str], data: JSONBody[Order]) -> Reply:
    """Propose a command. A value that has moved since the person saw it is not overwritten."""
    return await propose(request, name, data)


async def propose(request: AnyRequest, name: str, data: Order) -> Reply:
    """A command in the name of whoever asks. Closed for one that his or her posts do not give."""
    need = NEEDS.get(name)
    if need is None or not asker(request).permits(need):
        raise Closed(f"there is no command {name} for you")
    console = request.app.state.console
    if data.seen is not None:
        scope, key = str(data.fields.get("scope", "")), str(data.fields.get("name", name))
        now = await console.model(lambda: console.source.value(END, scope, key))
        if now != data.seen:
            zh, en = f"已变为 {now}，请重新确认", f"it is {now} by now, look again"
            return Reply(False, "stale", zh, en)
    return await once(request, data, lambda c, user: c.ask(user, name, data.fields))


@post("/api/second/{number:int}", opt={"permit": "second"}, status_code=200)
async def second(request: AnyRequest, number: FromPath[int], data: JSONBody[Order]) -> Reply:
    """Agree to somebody else's proposal."""
    return await once(request, data, lambda c, user: c.second(user, number))


@post("/api/withdraw/{number:int}", opt={"permit": "withdraw"}, status_code=200)
async def withdraw(request: AnyRequest, number: FromPath[int], data: JSONBody[Order]) -> Reply:
    """Take one's own proposal back."""
    return await once(request, data, lambda c, user: c.withdraw(user, number))


async def once(request: AnyRequest, data: Order, act: Any) -> Reply:
    """Once per number of the browser, in the person's own name, and only while the day runs."""
    console, user = request.app.state.console, asker(request).user
    known: Reply | None = console.replies.get((user, data.idem)) if data.idem else None
    if known is not None:
        return known
    if not await console.asked(console.commands.open):
        return OVER
    reply: Reply = await console.asked(lambda: act(console.commands, user))
    console.hurry()
    kept: Reply = console.keep(user, data.idem, reply)
    return kept


def _refused(request: AnyRequest, error: SourceError) -> Response[dict[str, Any]]:
    """Something asked for that makes no sense: said in words, as an answer."""
    text = str(error)
    body = {"ok": False, "status": "invalid", "zh": text, "en": text, "number": 0, "detail": {}}
    status = 200 if request.method == "POST" else 404
    return Response(body, status_code=status)


def _too_deep(request: AnyRequest, error: RecursionError) -> Response[dict[str, Any]]:
    """A body whose parts lie deeper in each other than anything we ask for."""
    return Response({"status_code": 400, "detail": "the body is too deep"}, status_code=400)


def _fault(request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """Our own fault: the log has it all, the browser hears that there was one."""
    sys.stderr.write("".join(traceback.format_exception(error)))
    return Response({"status_code": 500, "detail": "internal error"}, status_code=500)


FAULTS: dict[int | type[Exception], Any] = {
    SourceError: _refused, RecursionError: _too_deep, 500: _fault,
}  # fmt: skip
HANDLERS: Sequence[Any] = (
    page, static, login, logout, who, me, schema, table, csv_file, value, why, preview, replay,
    pull, command, second, withdraw,
)  # fmt: skip
SITE_HANDLERS: Sequence[Any] = (page, static, login, logout, who, me, schema)
"""What the exchange's site has of them: the page, the door, what does not change."""
