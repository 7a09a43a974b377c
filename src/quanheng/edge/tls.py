"""TLS between hosts: each process has a certificate of the pair's own authority (T-05, O-06).

A folder holds `authority.pem` and, for each process of this host, `NAME.pem` and `NAME.key`
(`quanheng pair-keys`). Both ends show a certificate; the other end's has to be signed by that one
authority, to be in force, and to carry a name that is expected there. TLS 1.3 only. Sans-I/O: a
`Channel` takes and gives bytes, `loop.Connection` moves them.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quanheng.edge.clock import monotonic
from quanheng.terms.codes import Alert
from quanheng.terms.units import MINUTE, SECOND, Nanos

AUTHORITY = "authority.pem"
HANDSHAKE = 3 * SECOND
"""How long the other end may take to prove who it is."""
TOLD_EVERY = MINUTE
MOST_TOLD = 256
PIECE = 1 << 16
PARTNER = {"a": "b", "b": "a"}
"""A node -> the other one of its pair."""
ARBITER, OVERSEER = "arbiter", "overseer"
NAMES = ("a", "b", ARBITER, OVERSEER)
"""Whose certificates a pair has."""
CARRIER, MESSAGING = "carrier", "messaging"
"""Our ends of lines to messaging servers, and the servers (docs/messaging.md)."""
KNOWN = (*NAMES, CARRIER, MESSAGING)


class CertificateError(ValueError):
    """Files of certificates that cannot be used; the message names the file and the reason."""


class RefusedError(ValueError):
    """The other end is not who it has to be, or we are not for it; the message says why."""


def _nothing() -> None:
    """Nobody waits to hear."""


class Channel:
    """One end of a secured connection. What is sent before the other end is proven waits."""

    def __init__(self, context: ssl.SSLContext, serves: bool, peers: tuple[str, ...]) -> None:
        self.serves = serves
        self.peer = ""  # name of the other end, once it is proven
        self.since = monotonic()
        self.on_proven: Callable[[], None] = _nothing
        self._peers = peers
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=serves)
        self._waiting = bytearray()
        if not serves:
            self._shake()

    @property
    def pending(self) -> int:
        """Bytes that wait for the handshake."""
        return len(self._waiting)

    def seal(self, data: bytes) -> bytes:
        """What goes on the wire for `data`; nothing yet while the other end is not proven."""
        if not self.peer:
            self._waiting += data
            return self._out.read()
        self._write(data)
        return self._out.read()

    def take(self, data: bytes) -> bytes:
        """What the other end said with bytes from the wire. RefusedError ends the connection;
        `output` then still holds what it shall hear.
        """
        self._in.write(data)
        if not self.peer:
            self._shake()
        if not self.peer:
            return b""
        found = bytearray()
        try:
            while piece := self._tls.read(PIECE):
                found += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise RefusedError(_words(error)) from error
        return bytes(found)

    def output(self) -> bytes:
        """Bytes of the handshake that are due."""
        return self._out.read()

    def _write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise RefusedError(_words(error)) from error
        names = _names(self._tls.getpeercert() or {})
        known = [name for name in names if name in self._peers]
        if not known:
            shown, wanted = ", ".join(names) or "nobody", ", ".join(self._peers)
            raise RefusedError(f"证书名 certificate of {shown}, 应为 expected {wanted}")
        self.peer = known[0]
        self.on_proven()
        if self._waiting:
            self._write(self._waiting)
            self._waiting.clear()


def _names(certificate: Any) -> list[str]:
    return [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]


def _words(error: ssl.SSLError) -> str:
    """The reason in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"证书无效 certificate: {error.verify_message}"
    return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"


class Identity:
    """What a process shows to others, and by whom it lets itself be convinced."""

    def __init__(self, folder: Path, name: str) -> None:
        """CertificateError when a file is missing, open to others, or does not fit."""
        self.name = name
        self._serving = _context(ssl.PROTOCOL_TLS_SERVER, folder, name)
        self._calling = _context(ssl.PROTOCOL_TLS_CLIENT, folder, name)
        self._serving.num_tickets = 0

    def serve(self, *peers: str) -> Channel:
        """For a connection that was accepted; only these names are let in."""
        return Channel(self._serving, True, peers)

    def call(self, *peers: str) -> Channel:
        """For a connection that was dialled; only these names may answer."""
        return Channel(self._calling, False, peers)


def identity(folder: str, name: str) -> Identity | None:
    """The identity of a process; None where links are plain (`folder` is empty)."""
    return Identity(Path(folder), name) if folder else None


def client_context(folder: Path, name: str) -> ssl.SSLContext:
    """What `name` dials with where a library of others moves the bytes; it has to be told which
    name must answer. CertificateError as for an `Identity`.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, folder, name)
    context.check_hostname = True
    return context


def _context(protocol: int, folder: Path, name: str) -> ssl.SSLContext:
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    for path in (folder / AUTHORITY, chain, key):
        if not path.is_file():
            raise CertificateError(f"{path}: 没有此文件 there is no such file")
    if key.stat().st_mode & 0o077:
        raise CertificateError(f"{key}: 他人可读 others may read it")
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # names are compared by `Channel`, in both directions
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cafile=str(folder / AUTHORITY))
        context.load_cert_chain(str(chain), str(key))
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(f"{chain}: {error}") from error
    return context


class Refusals:
    """Links that were refused, told once a minute each: whoever is refused comes back at once."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], Nanos] = {}

    def fresh(self, host: str, why: str, now: Nanos) -> bool:
        """Whether this one is to be told."""
        before = self._told.get((host, why))
        if before is not None and now - before < TOLD_EVERY:
            return False
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told[host, why] = now
        return True


def refused_alert(host: str, why: str) -> dict[str, Any]:
    """The line of a process's log about a link that was refused."""
    return {"what": "alert", "code": Alert.LINK_REFUSED, "scope": "*", "args": [host, why]}
