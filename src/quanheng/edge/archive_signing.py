"""Signed checkpoints of the archive: signed notes (C2SP), Ed25519, other suites by registration.

A checkpoint is the text "origin, size, base64 root", one a line, an empty line, and a line
"— origin base64(key id, signature)". Whoever holds an earlier checkpoint can prove a later one
wrong. A suite is a hash and a signature scheme together; SM3 with SM2 is added by putting a
`Suite` into `SUITES`, for example one whose "key" names a slot of a hardware module.
"""

import base64
import hashlib
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519


class SigningError(Exception):
    """A key or a checkpoint that cannot be used; the message says which and why."""


class Suite(Protocol):
    """How one archive hashes and signs. `kind` is the algorithm byte of a note's key id."""

    hash_name: str
    kind: int

    def make_key(self) -> bytes:
        """A new private key as the bytes of its file."""

    def public(self, key: bytes) -> bytes:
        """The public key of a private key. SigningError when it is none."""

    def sign(self, key: bytes, message: bytes) -> bytes:
        """Signature of a message."""

    def good(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Is it the signature of this message?"""


class Ed25519Sha256:
    """Ed25519 (RFC 8032) over SHA-256 trees; the key file is PKCS #8 in PEM."""

    hash_name = "sha256"
    kind = 1

    def make_key(self) -> bytes:
        """A new private key in PEM."""
        made = ed25519.Ed25519PrivateKey.generate()
        shape = (form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        return made.private_bytes(*shape)

    def public(self, key: bytes) -> bytes:
        """32 bytes. SigningError when the file holds no Ed25519 key."""
        return _private(key).public_key().public_bytes(form.Encoding.Raw, form.PublicFormat.Raw)

    def sign(self, key: bytes, message: bytes) -> bytes:
        """64 bytes. SigningError as for `public`."""
        return _private(key).sign(message)

    def good(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """False for a wrong signature or a public key that is none."""
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def _private(key: bytes) -> ed25519.Ed25519PrivateKey:
    try:
        found = form.load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise SigningError(f"not a private key in PEM: {error}") from error
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise SigningError(f"a {type(found).__name__}, not an Ed25519 key")
    return found


DEFAULT = "ed25519-sha256"
SUITES: dict[str, Suite] = {DEFAULT: Ed25519Sha256()}


def suite_of(name: str) -> Suite:
    """A suite by name. SigningError names those there are."""
    if name not in SUITES:
        raise SigningError(f"unknown suite {name!r}; known: {', '.join(SUITES)}")
    return SUITES[name]


class Checkpoint(NamedTuple):
    """The archive's log at a size."""

    origin: str
    size: int
    root: bytes


def key_id(origin: str, kind: int, public: bytes) -> bytes:
    """Four bytes that tell signatures of a note apart (C2SP signed-note)."""
    return hashlib.sha256(origin.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def seal(point: Checkpoint, suite: Suite, key: bytes) -> str:
    """The signed note of a checkpoint."""
    text = f"{point.origin}\n{point.size}\n{base64.b64encode(point.root).decode()}\n"
    ident = key_id(point.origin, suite.kind, suite.public(key))
    signature = base64.b64encode(ident + suite.sign(key, text.encode())).decode()
    return f"{text}\n— {point.origin} {signature}\n"


def unseal(note: str, origin: str, suite: Suite, public: bytes) -> Checkpoint:
    """The checkpoint of a note. SigningError when it is not this archive's or not signed by it."""
    text, _, tail = note.partition("\n\n")
    text += "\n"
    parts = text.split("\n")
    head = f"— {origin} "
    lines = [line for line in tail.splitlines() if line.startswith(head)]
    if len(parts) != 4 or parts[0] != origin or not parts[1].isdigit() or len(lines) != 1:
        raise SigningError("the note is not a checkpoint of this archive")
    try:
        root = base64.b64decode(parts[2], validate=True)
        signed = base64.b64decode(lines[0][len(head) :], validate=True)
    except ValueError as error:
        raise SigningError(f"the note is not base64: {error}") from error
    if signed[:4] != key_id(origin, suite.kind, public):
        raise SigningError("the note is signed with another key")
    if not suite.good(public, text.encode(), signed[4:]):
        raise SigningError("the signature is wrong")
    return Checkpoint(origin, int(parts[1]), root)
