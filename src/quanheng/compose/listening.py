"""A console's socket and server: of the firm's, and of the exchange's site."""

import socket
import sys
from pathlib import Path

import click
import uvicorn

from quanheng.desk.peers import ListedHosts


def listen(
    app: ListedHosts,
    what: str,
    folder: Path,
    host: str,
    port: int,
    cert: Path | None,
    key: Path | None,
) -> None:
    """Serve until interrupted; says where once anybody may come. OSError for a taken port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # whoever reads the address may come at once
        bound = listener.getsockname()[1]
        scheme = "https" if cert else "http"
        click.echo(f"{what} {scheme}://{host}:{bound}/  {folder}")
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
