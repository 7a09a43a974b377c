"""The verbs of the messaging servers: are they fit, and is what they hold the journal (F65)."""

from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.run_folder import RunError
from quanheng.config import Config, read_config
from quanheng.edge.nats_config import Servers, servers_of
from quanheng.edge.nats_copying import PLACE, Place
from quanheng.edge.nats_gate import page_of, server_problem
from quanheng.edge.nats_journal import compare
from quanheng.edge.nats_line import NatsLine
from quanheng.edge.nats_stream import FrameStream

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_CONFIG = file_option("--config", "Configuration of the node, with its section messaging.")


@click.group()
def messaging() -> None:
    """Servers that carry copies of journals to other hosts (docs/messaging.md)."""


def _servers(config: Config) -> Servers:
    if not config.messaging.servers:
        raise UsageError("messaging.servers: no server is configured")
    return servers_of(config.messaging)


@messaging.command()
@_CONFIG
@_JSON
def gate(config: Path | None, as_json: bool) -> None:
    """Ask every server whether a copy may be kept there: version, fsync, size of the cluster.

    Exit 1 when one says something wrong or does not answer.
    """
    servers = _servers(read_config(config))
    rows = []
    for url, monitor in zip(servers.urls, servers.monitors, strict=True):
        page = page_of(monitor)
        why = "没有应答 no answer" if page is None else server_problem(page, servers)
        version = "" if page is None else str(page.get("version", ""))
        rows.append({"server": url, "monitor": monitor, "version": version, "reason": why})
    good = not any(row["reason"] for row in rows)
    lines = [
        f"{row['server']} {row['version']} {row['reason'] or '合格 fit'}".replace("  ", " ")
        for row in rows
    ]
    answer({"ok": good, "servers": rows}, "\n".join(lines), as_json, good)


@messaging.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@_CONFIG
@_JSON
def check(run: Path, config: Path | None, as_json: bool) -> None:
    """Compare what the streams of RUN hold with its journals, frame by frame.

    Exit 1 at a difference; a stream that ends before its journal does is told, and is none.
    """
    servers = _servers(read_config(config))
    try:
        found = msgspec.json.decode((run / PLACE).read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError) as error:
        raise RunError(f"{run}: names no streams: {error}") from error
    line = NatsLine(servers, f"check {run.name}")
    try:
        line.dial()
        rows = [_row(line, run, machine, name) for machine, name in sorted(found.streams.items())]
    finally:
        line.close()
    good = not any(row["reason"] for row in rows)
    answer({"ok": good, "streams": rows}, "\n".join(_told(row) for row in rows), as_json, good)


def _row(line: NatsLine, run: Path, machine: str, name: str) -> dict[str, Any]:
    equal, last, why = compare(FrameStream(line, name), run, machine)
    return {"machine": machine, "stream": name, "seq": equal, "journal": last, "reason": why}


def _told(row: dict[str, Any]) -> str:
    seq, last = row["seq"], row["journal"]
    head = f"{row['machine']} {row['stream']}：至第 {seq} 帧一致 equal up to frame {seq}"
    why = f"；{row['reason']}" if row["reason"] else ""
    return f"{head}，日志共 {last} 帧 of {last}{why}"
