"""The other end of a gateway's kill socket: one line of JSON out, one back."""

import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

PATIENCE = 5.0
"""Seconds to wait for an answer; the gateway answers within one turn of its loop."""


class KillSocketError(Exception):
    """The gateway could not be reached or refused; the message says why."""


def gateway_of(run: Path) -> Path:
    """The folder of the gateway that owns the session: of a pair of nodes, the one an engine leads
    through, else the one that has seen the highest epoch. KillSocketError when none answers.
    """
    nodes = [node for node in (run, run / "standby") if (node / "kill.sock").exists()]
    if len(nodes) < 2:
        return nodes[0] if nodes else run
    found: list[tuple[bool, int, Path]] = []
    for node in nodes:
        with contextlib.suppress(KillSocketError), KillClient(node) as gateway:
            said = gateway.ask(do="status")
            found.append((bool(said["armed"]), int(said["epoch"]), node))
    if not found:
        raise KillSocketError(f"{run}: none of {len(nodes)} gateways answers")
    return max(found)[2]


class KillClient:
    """A connection to the kill socket of one gateway's folder; a context manager."""

    def __init__(self, run: Path) -> None:
        """KillSocketError when no gateway listens there."""
        path = run / "kill.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise KillSocketError(f"{path}: no gateway answers: {error}") from error
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> "KillClient":
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, **order: str) -> Mapping[str, Any]:
        """The answer to an order of `gateway_people`. KillSocketError when it is refused."""
        try:
            self._socket.sendall(msgspec.json.encode(order) + b"\n")
            line = self._lines.readline()
        except OSError as error:
            raise KillSocketError(f"the gateway did not answer: {error}") from error
        if not line:
            raise KillSocketError("the gateway closed the connection")
        answer: dict[str, Any] = msgspec.json.decode(line)
        if not answer.pop("ok"):
            raise KillSocketError(str(answer["why"]))
        return answer
