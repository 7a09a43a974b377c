"""A node by name: its folder, the day it runs, the supervisor that runs it (T-05, I-52).

    HOME/NAME/node.json       what was asked for, who supervises, how it ended
              node.log        what the supervisor said
              runs/           run folders

The supervisor is a process of its own (`node_main`), so that a terminal that is closed ends
nothing. It is told apart from a later process with the same number by the time it began.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from quanheng.compose.run_folder import RunError, write_whole
from quanheng.compose.watch import alive
from quanheng.edge.clock import wall
from quanheng.terms.units import Nanos

STATE = "node.json"
LOG = "node.log"
BEGUN = "live/clock.json"
"""File of a run that says that its day runs."""
UP, STOPPED, DONE, FAILED = "up", "stopped", "done", "failed"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The day that a node runs; paths are absolute."""

    scenario: str
    seed: int
    speed: int
    start: str
    options: dict[str, str]


class Node(msgspec.Struct, kw_only=True):
    """node.json. `begun`: of the supervisor, in ticks since the machine's boot."""

    name: str
    asked: Asked
    pid: int
    begun: int
    at: Nanos
    run: str = ""
    status: str = UP
    reason: str = ""


class NodeError(RunError):
    """A node that cannot be started, stopped or found; the message names it."""


def begun(pid: int) -> int:
    """When a process began, in ticks since boot; 0 when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def folder_of(home: Path, name: str) -> Path:
    """The folder of a node. NodeError for a name that is none."""
    plain = name.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and len(name) <= 40):
        raise NodeError(f"node {name!r}: a name is letters, digits, - and _")
    return home / name


def read_node(folder: Path) -> Node:
    """A node's state. NodeError when it was never up."""
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=Node)
    except (OSError, msgspec.DecodeError) as error:
        raise NodeError(f"{folder}: no node: {error}") from error


def write_node(folder: Path, node: Node) -> None:
    """Keep a node's state, whole or not at all."""
    write_whole(folder / STATE, msgspec.json.format(msgspec.json.encode(node), indent=1) + b"\n")


def supervised(node: Node) -> bool:
    """Is its supervisor still there?"""
    return alive(node.pid) and begun(node.pid) == node.begun


def run_of(home: Path, target: str) -> Path:
    """The run folder behind a word of the command line: a path, or the name of a node."""
    path = Path(target)
    if (path / "run.json").exists() or not (home / target / STATE).exists():
        return path
    return Path(read_node(home / target).run)


def begin(home: Path, name: str, asked: Asked) -> Node:
    """State a node of this process. NodeError when it is up already."""
    folder = folder_of(home, name)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / STATE).exists() and supervised(before := read_node(folder)):
        raise NodeError(f"node {name} is up already, supervised by process {before.pid}")
    pid = os.getpid()
    node = Node(name=name, asked=asked, pid=pid, begun=begun(pid), at=wall())
    write_node(folder, node)
    return node


SUPERVISOR = (sys.executable, "-m", "quanheng.compose.node_main")
_STARTED: list[subprocess.Popen[bytes]] = []
"""Supervisors this process started; they outlive it, and are reaped if they do not."""


def start(
    home: Path, name: str, asked: Asked, patience: float, program: tuple[str, ...] = SUPERVISOR
) -> Node:
    """Start a node's supervisor and wait until its day runs. NodeError says why it does not."""
    folder = folder_of(home, name)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / STATE).exists() and supervised(before := read_node(folder)):
        raise NodeError(f"node {name} is up already, supervised by process {before.pid}")
    (folder / STATE).unlink(missing_ok=True)
    with (folder / LOG).open("ab") as log:
        child = subprocess.Popen(
            [*program, str(home), name, msgspec.json.encode(asked).decode()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _STARTED.append(child)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if child.poll() is not None:
            raise NodeError(f"node {name} did not come up: {last_words(folder)}")
        if (folder / STATE).exists():
            node = read_node(folder)
            if node.run and (Path(node.run) / BEGUN).exists():
                return node
        time.sleep(0.05)
    raise NodeError(f"node {name} is not up after {patience:.0f} s (see {folder / LOG})")


def _reap() -> None:
    _STARTED[:] = [child for child in _STARTED if child.poll() is None]


def last_words(folder: Path) -> str:
    """The last line of a node's log."""
    lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"


def stop(home: Path, name: str, patience: float) -> Node:
    """Ask a node's supervisor to end its day in order, and wait. NodeError when it does not."""
    folder = folder_of(home, name)
    node = read_node(folder)
    if not supervised(node):
        raise NodeError(f"node {name} is not up ({node.status})")
    os.kill(node.pid, signal.SIGTERM)
    until = time.monotonic() + patience
    while supervised(node):
        _reap()
        if time.monotonic() > until:
            raise NodeError(f"node {name}: process {node.pid} did not end in {patience:.0f} s")
        time.sleep(0.05)
    _reap()
    return read_node(folder)
