"""Hosts of the drill: network namespaces, joined by a bridge or by `tools/shape_network.py`."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.pair_keys import make
from quanheng.config import Config, read_config
from quanheng.edge.line_config import DISPLACE
from quanheng.edge.tls import NAMES

PLACES = {"x": "10.77.0.1", "a": "10.77.0.2", "b": "10.77.0.3"}
ARBITER = "10.77.0.4"
"""Its own address at place x, so that a way to it can fail while that to the exchange does not."""
OVERSEER = "10.77.0.5"
"""Another one: without the overseer for 15 s the desk would halt until two people release it."""
PORT = 8_017
"""Where the overseer listens at place x."""
SHAPER = Path(__file__).parents[1] / "shape_network.py"


class Hosts:
    """Three network namespaces on one bridge; a context."""

    def __init__(self) -> None:
        self.names = {key: f"qh{os.getpid()}{key}" for key in PLACES}

    def prefix(self, key: str) -> tuple[str, ...]:
        """Words that run a command there."""
        return ("ip", "netns", "exec", self.names[key])

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def _in(self, key: str, *words: str) -> None:
        self._ip("-n", self.names[key], *words)

    def __enter__(self) -> "Hosts":
        for name in self.names.values():
            self._ip("netns", "add", name)
        for key in PLACES:
            self._in(key, "link", "set", "lo", "up")
        self.join()
        return self

    def join(self) -> None:
        """Put the hosts on one network."""
        self._in("x", "link", "add", "bridge", "type", "bridge")
        for address in (PLACES["x"], ARBITER, OVERSEER):
            self._in("x", "addr", "add", f"{address}/24", "dev", "bridge")
        self._in("x", "link", "set", "bridge", "up")
        for key in ("a", "b"):
            far = ("peer", "name", "eth0", "netns", self.names[key])
            self._in("x", "link", "add", f"to_{key}", "type", "veth", *far)
            self._in("x", "link", "set", f"to_{key}", "master", "bridge", "up")
            self._in(key, "addr", "add", f"{PLACES[key]}/24", "dev", "eth0")
            self._in(key, "link", "set", "eth0", "up")

    def cut(self, key: str, down: bool) -> None:
        """Take a host off the network, or put it back."""
        self._in("x", "link", "set", f"to_{key}", "down" if down else "up")

    def counts(self) -> dict[str, Any]:
        """Packets by direction, where they are counted."""
        return {}

    def __exit__(self, *error: object) -> None:
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


class ShapedHosts(Hosts):
    """The same over a program that delays, loses and stops packets (`tools/shape_network.py`)."""

    def __init__(self, delay: float, jitter: float, loss: float, reorder: float) -> None:
        super().__init__()
        self._rule = {"from": "*", "to": "*", "delay": delay, "jitter": jitter, "loss": loss,
                      "reorder": reorder}  # fmt: skip
        self._folder = tempfile.TemporaryDirectory()

    def join(self) -> None:
        """Start the program and tell it what holds everywhere."""
        control = Path(self._folder.name) / "control"
        own = {"x": f"{PLACES['x']},{ARBITER},{OVERSEER}", "a": PLACES["a"], "b": PLACES["b"]}
        hosts = [f"{self.names[key]}={addresses}" for key, addresses in own.items()]
        self._program = subprocess.Popen(
            [sys.executable, str(SHAPER), str(control), *hosts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._program.stdout is not None
        if self._program.stdout.readline() != b"ready\n":
            raise RuntimeError("the shaped network did not come up")
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._line.connect(str(control))
        self._answers = self._line.makefile("rb")
        self.say(self._rule)

    def say(self, rule: dict[str, object]) -> dict[str, Any]:
        """One rule, see there; the counts of packets."""
        self._line.sendall(json.dumps(rule).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._answers.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def cut(self, key: str, down: bool) -> None:
        """Take a host off the network, or put it back."""
        self.say({"from": PLACES[key], "to": "*", "drop": down})
        self.say({"from": "*", "to": PLACES[key], "drop": down})

    def one_way(self, source: str, target: str, down: bool) -> None:
        """Let packets from one address to another pass no more, or again."""
        self.say({"from": source, "to": target, "drop": down})

    def counts(self) -> dict[str, Any]:
        """Packets by "from to"."""
        return self.say({})

    def __exit__(self, *error: object) -> None:
        self._line.close()
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(10)
        super().__exit__(*error)
        self._folder.cleanup()


def configured(netns: bool, keys: Path | None, displace: bool) -> Config:
    """The shipped desk with a standby, its hosts, and TLS between them with certificates that are
    made in `keys`; without it the links are plain. `displace`: at the exchange a second logon ends
    the first session, instead of being refused.
    """
    config = read_config(None)
    if displace:
        line = msgspec.structs.replace(config.line, second_logon=DISPLACE)
        config = msgspec.structs.replace(config, line=line)
    standby = msgspec.structs.replace(config.standby, enabled=True, plain=keys is None)
    if keys is not None:
        make(keys, NAMES, 30)
        standby = msgspec.structs.replace(standby, tls=str(keys))
    if netns:
        standby = msgspec.structs.replace(
            standby,
            host_a=PLACES["a"],
            host_b=PLACES["b"],
            host_arbiter=ARBITER,
            host_overseer=OVERSEER,
            port_overseer=PORT,
        )
        line = msgspec.structs.replace(config.line, host=PLACES["x"])
        hosts = (*PLACES.values(), ARBITER)
        peers = msgspec.structs.replace(config.isolation, peers=hosts)
        config = msgspec.structs.replace(config, line=line, isolation=peers)
    return msgspec.structs.replace(config, standby=standby)
