"""Isolation of the console: hosts that are not listed see no page at all (T-04, O-06)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose import console_run
from quanheng.edge.isolation import REFUSED
from quanheng.edge.journal_lines import read_lines


def asked(app: Any, kind: str, host: str) -> list[dict[str, Any]]:
    """What a connection of a host is answered."""
    out: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        out.append(message)

    scope = {"type": kind, "client": (host, 1), "method": "GET", "path": "/", "raw_path": b"/",
             "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
             "root_path": "", "server": ("127.0.0.1", 1), "subprotocols": []}  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return out


def nothing(*words: Any, **named: Any) -> None:
    """What the page would be made of."""


async def page(scope: Any, receive: Any, send: Any) -> None:
    """A page, for whoever gets as far as that."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_host_that_is_not_listed_sees_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application that `quanheng console` serves refuses it on both carriers and records it; a
    listed host gets the page.
    """
    served: list[uvicorn.Config] = []

    class Server:
        def __init__(self, config: uvicorn.Config) -> None:
            served.append(config)

        def run(self, sockets: Any) -> None:
            pass

    monkeypatch.setattr(uvicorn, "Server", Server)
    shown = {"load": lambda self: None, "log": None}
    monkeypatch.setattr(console_run, "RunSource", type("Empty", (), {"__init__": nothing, **shown}))
    for name in ("RunCommands", "RunLibrary", "RunOffice", "House"):
        monkeypatch.setattr(console_run, name, nothing)
    monkeypatch.setattr(console_run, "application", lambda *words, **named: page)
    people = tmp_path / "people.json"
    monkeypatch.setattr(console_run, "FileAccess", nothing)
    door = console_run.Door(people, hosts=("127.0.0.1", "192.0.2.5"))
    console_run.serve(tmp_path, door, "127.0.0.1", 0, None, None, 1.0, None, None)
    (config,) = served
    assert asked(config.app, "http", "192.0.2.6")[0]["status"] == 403
    assert asked(config.app, "websocket", "192.0.2.7") == [
        {"type": "websocket.close", "code": 1008, "reason": "not listed"}
    ]
    refused = [(one["place"], one["why"]) for one in read_lines(tmp_path / REFUSED)]
    assert refused == [("console", f"connection from 192.0.2.{last}") for last in (6, 7)]
    assert asked(config.app, "http", "192.0.2.5")[0]["status"] == 200


def test_a_console_for_others_names_them(tmp_path: Path) -> None:
    """Beyond this machine, hosts are named, or nobody could come."""
    words = ["console", str(tmp_path), "--host", "0.0.0.0", "--people", "x", "--cert", "c"]
    done = CliRunner().invoke(cli, [*words, "--key", "k"])
    assert done.exit_code == 2 and "--peer" in done.output
