"""The hash chain of a journal and the digest of a run (borders.md 2 and 3)."""

import hashlib
import struct
from collections.abc import Mapping

_PLACE = struct.Struct("<QB")


def genesis(machine: str) -> bytes:
    """`prev` of the first frame: binds a journal to its machine, so files cannot be swapped."""
    return hashlib.sha256(b"QHJ1 " + machine.encode()).digest()


def link(prev: bytes, seq: int, kind: int, payload: bytes) -> bytes:
    """SHA-256(prev, seq as u64 little-endian, kind as u8, payload): `prev` of the next frame."""
    return hashlib.sha256(b"".join((prev, _PLACE.pack(seq, kind), payload))).digest()


def run_digest(digests: Mapping[str, Mapping[str, bytes]]) -> str:
    """Hex SHA-256 of the sorted lines "machine part hex", each ended by a line feed.

    `digests` is {machine: machine.digest()}. Equal inputs give equal digests on every CPU.
    """
    lines = sorted(
        f"{machine} {part} {value.hex()}\n"
        for machine, parts in digests.items()
        for part, value in parts.items()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
