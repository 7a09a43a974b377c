"""The OpenAPI 3.1 document: of the whole console, and of the interface for programs alone."""

from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from quanheng.desk.door import COOKIE, SESSION

TAG = "v1"
JSON = "application/vnd.oai.openapi+json"
TITLE = "Quanheng console"


def openapi() -> OpenAPIConfig:
    """What the framework needs to describe the console at /schema/openapi.json."""
    schemes: dict[str, Any] = {
        "token": SecurityScheme(
            type="http", scheme="bearer", description="A token of `quanheng people token`."
        ),
        "session": SecurityScheme(
            type="apiKey", name=COOKIE, security_scheme_in="cookie",
            description="The page's session; a change carries x-quanheng-csrf and our origin too.",
        ),
    }  # fmt: skip
    return OpenAPIConfig(
        title=TITLE,
        version="1",
        path="/schema",
        components=Components(security_schemes=schemes),
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Router("/schema", route_handlers=[], opt={"permit": SESSION}),
    )


def document(app: Litestar) -> bytes:
    """The interface for programs: the console's document with its paths and schemas alone, as JSON
    that is the same for the same code.
    """
    whole = app.openapi_schema.to_schema()
    paths = {
        path: item
        for path, item in whole["paths"].items()
        if any(TAG in (one or {}).get("tags", ()) for one in item.values() if isinstance(one, dict))
    }
    parts = whole["components"]
    schemas = parts.get("schemas", {})
    needed: dict[str, Any] = {}
    waiting = [paths]
    while waiting:
        text = msgspec.json.encode(waiting.pop()).decode()
        for name, schema in schemas.items():
            if f'"#/components/schemas/{name}"' in text and name not in needed:
                needed[name] = schema
                waiting.append(schema)
    made = {
        "openapi": whole["openapi"],
        "info": {"title": f"{TITLE}: interface for programs", "version": "1"},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(needed.items())),
            "securitySchemes": parts["securitySchemes"],
        },
    }
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"
