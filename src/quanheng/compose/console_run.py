"""The console's process: a run's read model, its commands and the server around them."""

import socket
import sys
from pathlib import Path

import click
import uvicorn

from quanheng.compose.console_commands import RunCommands
from quanheng.compose.console_source import RunSource
from quanheng.desk.file_access import FileAccess, PeopleFileError
from quanheng.desk.server import application


def serve(
    run: Path,
    people: Path,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
    period: float,
    posts: Path | None,
) -> None:
    """Serve until interrupted. RunError for a run that cannot be followed, OSError for a port that
    is taken, UsageError for a file of people that cannot be used.
    """
    try:
        access = FileAccess(people)
    except PeopleFileError as error:
        raise click.UsageError(str(error)) from error
    source = RunSource(run)
    source.load()
    app = application(
        source, RunCommands(run, posts), access, period=period, secure=cert is not None
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # whoever reads the address may come at once
        bound = listener.getsockname()[1]
        scheme = "https" if cert else "http"
        click.echo(f"控制台 console {scheme}://{host}:{bound}/  {run}")
        sys.stdout.flush()
        config = uvicorn.Config(
            app,
            ws="websockets-sansio",
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ssl_certfile=None if cert is None else str(cert),
            ssl_keyfile=None if key is None else str(key),
            ws_per_message_deflate=False,
            ws_max_size=65_536,
        )
        uvicorn.Server(config).run(sockets=[listener])
