"""The verbs `up`, `down` and `units`: a configured node by its name (T-05, I-52)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from quanheng.compose.answering import answer
from quanheng.compose.cli_options import file_option
from quanheng.compose.commands import UsageError
from quanheng.compose.node import Asked, Node, folder_of, last_words, start, stop
from quanheng.compose.units import backup_units, write_units
from quanheng.compose.units import units as units_of
from quanheng.config import read_config

FILES = ("config", "agreement", "house", "master", "models", "people", "oversight")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


def home_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the nodes' folders are."""
    return click.option(
        "--home", type=click.Path(path_type=Path, file_okay=False), default=Path("nodes"),
        envvar="QUANHENG_HOME", show_default=True, help="Folder of the nodes.",
    )(function)  # fmt: skip


def _told(node: Node) -> dict[str, Any]:
    return {"name": node.name, "pid": node.pid, "run": node.run, "status": node.status,
            "reason": node.reason}  # fmt: skip


@click.command()
@click.argument("name")
@home_option
@click.option("--scenario", default="calm", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--speed", default=60, show_default=True, help="Business time per wall time.")
@click.option("--from", "begin", default="", help="Begin at HH:MM.")
@click.option("--until", default="", help="End at HH:MM.")
@click.option("--cadence", default="", help="Snapshot interval, e.g. 500ms or 3s.")
@click.option("--contracts", default="all", show_default=True, help="all, near, or how many.")
@file_option("--config", "Configuration of the node; NAME must be its `node`.")
@file_option("--agreement", "Market-making agreement (rules).")
@file_option("--house", "The house's own, tighter rules.")
@file_option("--master", "Contract master (reff03) in place of the shipped one.")
@file_option("--models", "Register of released models in place of the shipped one.")
@file_option("--people", "People and posts; the shipped ones by default.")
@file_option("--oversight", "The firm's oversight in place of the shipped one.")
@click.option("--foreground", is_flag=True, help="Stay until the day ends (systemd).")
@click.option("--patience", default=400, show_default=True, help="Seconds until it must be up.")
@_JSON
def up(
    name: str, home: Path, scenario: str, seed: int, speed: int, begin: str, foreground: bool,
    patience: int, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Start the processes of a live day of node NAME, after its self-test, under a supervisor.

    The exchange is the simulated one. `quanheng status NAME` and `quanheng down NAME` go on from
    here.
    """
    config = read_config(options["config"])
    if config.node != name:
        raise UsageError(f"{name}: the configuration is of node {config.node!r}")
    if speed < 1:
        raise UsageError(f"--speed {speed} must be at least 1")
    contracts = options.pop("contracts")
    given = {key: str(value) for key, value in options.items() if value}
    files = {key: str(Path(given[key]).resolve()) for key in FILES if key in given}
    wanted = {**given, **files, "contracts": "" if contracts == "all" else contracts}
    asked = Asked(scenario=scenario, seed=seed, speed=speed, start=begin, options=wanted)
    if foreground:
        from quanheng.compose.node_main import main  # the processes' code is for this alone

        code = main(home.resolve(), name, asked)
        if code:
            raise click.exceptions.Exit(code)
        return
    node = start(home.resolve(), name, asked, patience)
    text = f"{name} 已启动 is up：{node.run}\n主管进程 supervisor {node.pid}"
    answer(_told(node), text, as_json)


@click.command()
@click.argument("name")
@home_option
@click.option("--patience", default=90, show_default=True, help="Seconds until it must be down.")
@_JSON
def down(name: str, home: Path, patience: int, as_json: bool) -> None:
    """End the day of node NAME in order: withdraw everything, see it out, stop the processes.

    Exit 1 when it ended with a fault.
    """
    node = stop(home.resolve(), name, patience)
    good = not node.reason
    text = f"{name} 已停止 is down：{node.status}" + ("" if good else f" {node.reason}")
    if not good:
        text += f"\n{last_words(folder_of(home, name))}"
    answer(_told(node), text, as_json, good)


@click.command()
@file_option("--config", "Configuration of the node.")
@home_option
@click.option("--user", default="quanheng", show_default=True, help="Account of the system.")
@click.option("--archive", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="Archive of the day's backup; without it there is no unit for one.")  # fmt: skip
@click.option("--copy", "copies", multiple=True, type=click.Path(path_type=Path, file_okay=False),
              help="Another medium of the backup.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@_JSON
def units(
    config: Path | None, home: Path, user: str, archive: Path | None, copies: tuple[Path, ...],
    out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Write the systemd units of a node: day, self-test, backup, timers, limits, network policy."""
    if config is None:
        raise UsageError("--config: units need the file that the node shall read")
    node = read_config(config)
    found = units_of(node, config.resolve(), home.resolve(), user)
    if archive is not None:
        media = tuple(copy.resolve() for copy in copies)
        found |= backup_units(node, home.resolve(), user, archive.resolve(), media)
    paths = [os.fspath(path) for path in write_units(found, out)]
    answer({"units": paths}, "\n".join(paths), as_json)


@click.command()
@click.argument("name")
@home_option
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="The archive; it is begun when it is not there.")  # fmt: skip
@click.option("--copy", "copies", multiple=True, type=click.Path(path_type=Path, file_okay=False),
              help="Another medium that holds a copy; several for more.")  # fmt: skip
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), default=None,
              envvar="QUANHENG_ARCHIVE_KEY", help="Signing key; ARCHIVE.key else.")  # fmt: skip
@click.option("--by", required=True, help="Opaque id of the person, or of the schedule.")
@_JSON
def backup(
    name: str, home: Path, to: Path, copies: tuple[Path, ...], key: Path | None, by: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Archive what node NAME left, and bring every copy of the archive up to date (T-07).

    Exit 1 when a copy is not whole.
    """
    from quanheng.compose.backup import back_up  # the tables' writer is an extra

    done = back_up(home, name, to, copies, by, key)
    lines = [f"归档 archived: {', '.join(done.added) or '无新内容 nothing new'}"]
    lines += [f"未归档 left out: {one}" for one in done.left_out]
    lines += [
        f"{one.folder}：{one.files} 个文件 files，"
        + ("完整 whole" if one.whole else f"不完整 NOT WHOLE: {one.reason}")
        for one in done.copies
    ]
    answer({**msgspec.to_builtins(done), "ok": done.ok}, "\n".join(lines), as_json, done.ok)


VERBS = (up, down, units, backup)
