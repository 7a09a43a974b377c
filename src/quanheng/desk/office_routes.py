"""HTTP of the office: a route for each page, its files and its acts, each with its permission.

A route of its own for everything, so that the door judges all of it and the list of routes is the
list of what there is. Documents that a browser opens go out in a sandbox of their own.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody

from quanheng.desk import office
from quanheng.desk.access import OFFICE_VIEWS, SITE_VIEWS
from quanheng.desk.exports import csv_of
from quanheng.desk.ports import Reply, Table
from quanheng.desk.routes import Order, asker

AnyRequest = Request[Any, Any, Any]
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""Policy of a document: it may look like something and do nothing."""


def _page(name: str) -> HTTPRouteHandler:
    @get(f"/api/office/{name}", opt={"permit": name}, name=f"office-{name}")
    async def handler(
        request: AnyRequest, find: FromQuery[str] = "", of: FromQuery[str] = ""
    ) -> office.Page:
        console, who = request.app.state.console, asker(request)
        ask = {"find": find, "of": of}
        found: office.Page = await console.filed(lambda: console.office.page(name, who, ask))
        return found

    return handler


def _csv(name: str) -> HTTPRouteHandler:
    @get(f"/api/office/{name}/csv", opt={"permit": name}, name=f"office-csv-{name}")
    async def handler(
        request: AnyRequest, sheet: FromQuery[str], find: FromQuery[str] = "",
        of: FromQuery[str] = "",
    ) -> Response[bytes]:  # fmt: skip
        console, who = request.app.state.console, asker(request)
        ask = {"find": find, "of": of}
        found = await console.filed(lambda: console.office.page(name, who, ask))
        chosen = [one for one in found.sheets if one.name == sheet]
        return Response(
            _csv_text(chosen[0]) if chosen else b"",
            status_code=200 if chosen else 404,
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(sheet)}.csv"},
        )

    return handler


def _csv_text(sheet: office.Sheet) -> bytes:
    """A sheet for spreadsheets, without the columns that hold files; words in both languages."""
    names = [one.name for one in sheet.columns if one.kind != office.FILES]
    rows = [[_cell(row, name) for name in names] for row in sheet.rows]
    return csv_of(Table(tuple(names), rows, len(rows)))


def _cell(row: dict[str, Any], name: str) -> Any:
    pair = [row[f"{name}_{language}"] for language in ("zh", "en") if f"{name}_{language}" in row]
    return row.get(name) if not pair else " / ".join(map(str, pair))


def _file(name: str) -> HTTPRouteHandler:
    @get(f"/api/office/{name}/file", opt={"permit": name}, name=f"office-file-{name}")
    async def handler(
        request: AnyRequest, of: FromQuery[str], show: FromQuery[bool] = False
    ) -> Response[bytes]:
        console, who = request.app.state.console, asker(request)
        found: office.Taken = await console.filed(lambda: console.office.file(name, who, of))
        shown = show and found.shown
        way = "inline" if shown else "attachment"
        headers = {
            "content-disposition": f"{way}; filename*=UTF-8''{quote(found.name)}",
            "content-security-policy": SANDBOX,
        }
        return Response(found.body, media_type=found.kind, headers=headers)

    return handler


def _act(name: str, permit: str) -> HTTPRouteHandler:
    @post(f"/api/act/{name}", opt={"permit": permit}, status_code=200, name=f"act-{name}")
    async def handler(request: AnyRequest, data: JSONBody[Order]) -> Reply:
        console, who = request.app.state.console, asker(request)
        known: Reply | None = console.replies.get((who.user, data.idem)) if data.idem else None
        if known is not None:
            return known
        made: Reply = await console.filed(lambda: console.office.act(name, who, data.fields))
        kept: Reply = console.keep(who.user, data.idem, made)
        return kept

    return handler


OFFICE_HANDLERS: Sequence[Any] = (
    *(make(name) for name in OFFICE_VIEWS for make in (_page, _csv, _file)),
    *(_act(name, permit) for name, permit in office.ACTS.items()),
)
SITE_OFFICE_HANDLERS: Sequence[Any] = (
    *(make(name) for name in SITE_VIEWS for make in (_page, _csv, _file)),
    *(_act(name, permit) for name, permit in office.SITE_ACTS.items()),
)
"""The office of the exchange's site."""
