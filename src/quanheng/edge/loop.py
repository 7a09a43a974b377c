"""One thread, many sockets: the loop of every live process.

Writes are buffered per connection and go out at the end of a turn; a reader whose backlog passes
its bound is cut, so that nobody's slowness becomes somebody else's memory.
"""

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from pathlib import Path

from quanheng.edge.clock import monotonic
from quanheng.edge.tls import HANDSHAKE, Channel, RefusedError
from quanheng.terms.units import SECOND

READ_BYTES = 1 << 18
MAX_CONNECTIONS = 64


class Connection:
    """A stream socket with a bounded queue of bytes to write."""

    def __init__(
        self,
        loop: "Loop",
        sock: socket.socket,
        on_data: Callable[[bytes], None],
        on_close: Callable[[str], None],
        bound: int = 16 << 20,
        channel: Channel | None = None,
    ) -> None:
        """`channel`: the connection is secured; both callbacks then hear plain text only."""
        self.sock = sock
        self.channel = channel
        self.bound = bound
        self.open = True
        self._loop = loop
        self._on_data = on_data
        self._on_close = on_close
        self._out = bytearray()
        self._writing = False
        sock.setblocking(False)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.selector.register(sock, selectors.EVENT_READ, self)
        loop.connections.append(self)
        if channel is not None:
            self._out += channel.output()
            if channel.serves:  # who dials has a patience of its own
                loop.unproven.append(self)

    @property
    def backlog(self) -> int:
        """Bytes that wait to be written."""
        return len(self._out) + (self.channel.pending if self.channel is not None else 0)

    def send(self, data: bytes) -> None:
        """Queue bytes; over the bound the connection is cut instead."""
        if not self.open or not data:
            return
        self._out += data if self.channel is None else self.channel.seal(data)
        if self.backlog > self.bound:
            self.flush()
            if self.backlog > self.bound:
                self.close(f"slow reader: {self.backlog} bytes behind, {self.bound} allowed")

    def flush(self) -> None:
        """Write what the socket takes."""
        while self.open and self._out:
            try:
                sent = self.sock.send(memoryview(self._out)[: 1 << 20])
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self.close(f"write failed: {error.strerror or error}")
                return
            del self._out[:sent]
        wanted = bool(self._out)
        if self.open and wanted != self._writing:
            self._writing = wanted
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
            self._loop.selector.modify(self.sock, events, self)

    def read(self) -> None:
        """Take what has arrived."""
        try:
            data = self.sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.close(f"read failed: {error.strerror or error}")
            return
        if not data:
            self.close("closed by the peer")
        elif self.channel is None:
            self._on_data(data)
        else:
            self._unseal(self.channel, data)

    def _unseal(self, channel: Channel, data: bytes) -> None:
        """Hand over what a secured connection said; one that is not who it has to be ends."""
        try:
            plain = channel.take(data)
        except RefusedError as error:
            self._out += channel.output()
            self.refuse(str(error))
            return
        self._out += channel.output()
        self.flush()
        if plain and self.open:
            self._on_data(plain)

    def refuse(self, why: str) -> None:
        """End a secured connection that may not be, and have it told."""
        host = _host_of(self.sock)
        self.flush()
        self.close(why)
        self._loop.on_refused(host, why)

    def close(self, reason: str = "closed here") -> None:
        """Close once; `on_close` hears the reason."""
        if not self.open:
            return
        self.open = False
        self._loop.selector.unregister(self.sock)
        self._loop.connections.remove(self)
        if self in self._loop.unproven:
            self._loop.unproven.remove(self)
        self.sock.close()
        self._on_close(reason)


def _host_of(sock: socket.socket) -> str:
    """Host at the other end, as far as it is there."""
    try:
        return str(sock.getpeername()[0])
    except OSError:
        return "?"


class Loop:
    """Sockets of a process: listeners, connections, and plain descriptors to watch."""

    def __init__(self, peers: tuple[str, ...] = ()) -> None:
        """`peers`: the only hosts whose TCP connections are accepted; empty: all of them."""
        self.peers = peers
        self.turned_away: list[str] = []  # hosts that were not, newest last
        self.on_stranger: Callable[[str], None] = self.turned_away.append
        self.refused: list[tuple[str, str]] = []  # (host, why) of secured links, newest last
        self.on_refused: Callable[[str, str], None] = lambda *found: self.refused.append(found)
        self.selector = selectors.DefaultSelector()
        self.connections: list[Connection] = []
        self.unproven: list[Connection] = []  # secured, and the other end has proven nothing yet
        self.woken = 0  # since when it works, by the monotonic clock; 0 while it waits
        self._listeners: list[socket.socket] = []

    def listen(self, sock: socket.socket, on_accept: Callable[[socket.socket], None]) -> None:
        """Accept on a bound socket; more than MAX_CONNECTIONS are turned away."""
        sock.listen(16)
        sock.setblocking(False)

        def accept() -> None:
            with contextlib.suppress(BlockingIOError, InterruptedError):
                peer, address = sock.accept()
                if self.peers and peer.family == socket.AF_INET and address[0] not in self.peers:
                    peer.close()
                    self.on_stranger(address[0])
                elif len(self.connections) >= MAX_CONNECTIONS:
                    peer.close()
                else:
                    on_accept(peer)

        self.selector.register(sock, selectors.EVENT_READ, accept)
        self._listeners.append(sock)

    def unlisten(self, sock: socket.socket) -> None:
        """Accept no more on a bound socket; it stays bound, so another may listen."""
        self.selector.unregister(sock)
        self._listeners.remove(sock)

    def watch(self, descriptor: int, on_ready: Callable[[], None]) -> None:
        """Call back when a descriptor can be read."""
        self.selector.register(descriptor, selectors.EVENT_READ, on_ready)

    def unwatch(self, descriptor: int) -> None:
        """Stop watching a descriptor."""
        self.selector.unregister(descriptor)

    def poll(self, seconds: float) -> None:
        """Wait at most so long, then serve everything that is ready once."""
        self.woken = 0
        ready = self.selector.select(max(0.0, seconds))
        self.woken = monotonic()
        for key, events in ready:
            target = key.data
            if not isinstance(target, Connection):
                target()
                continue
            if events & selectors.EVENT_WRITE:
                target.flush()
            if events & selectors.EVENT_READ and target.open:
                target.read()
        if self.unproven:
            self._hurry()

    def _hurry(self) -> None:
        """A place is not kept for who never proves anything."""
        for connection in list(self.unproven):
            channel = connection.channel
            assert channel is not None
            if channel.peer:
                self.unproven.remove(connection)
            elif self.woken - channel.since > HANDSHAKE:
                connection.refuse(f"no handshake within {HANDSHAKE // SECOND} s")

    def flush(self) -> None:
        """Write what every connection queued in this turn."""
        for connection in list(self.connections):
            connection.flush()

    def close(self) -> None:
        """Close everything."""
        for connection in list(self.connections):
            connection.close("the process ends")
        for sock in self._listeners:
            self.selector.unregister(sock)
            sock.close()
        self.selector.close()


def tcp_listener(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 lets the system choose."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock


def tcp_connect(host: str, port: int) -> socket.socket:
    """A connected TCP socket. OSError when nobody listens."""
    return socket.create_connection((host, port), timeout=2.0)


def tcp_begin(host: str, port: int) -> socket.socket:
    """A TCP socket that is connecting: what is sent meanwhile waits, a failure is read from it.

    Nobody waits for a host that does not answer; whoever dials watches for the first answer.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect((host, port))
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock


def _local_name(path: Path, folder: int) -> str:
    """A name of at most 107 bytes for a socket in a folder with a long path."""
    text = str(path)
    return text if len(text.encode()) <= 100 else f"/proc/self/fd/{folder}/{path.name}"


def unix_listener(path: Path) -> socket.socket:
    """A bound Unix socket that only this user may open; a stale one is replaced."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(_local_name(path, folder))
        path.chmod(0o600)
    finally:
        os.close(folder)
    return sock


def unix_connect(path: Path) -> socket.socket:
    """A connected Unix socket. OSError when nobody listens."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(2.0)
        sock.connect(_local_name(path, folder))
    except OSError:
        sock.close()
        raise
    finally:
        os.close(folder)
    return sock
