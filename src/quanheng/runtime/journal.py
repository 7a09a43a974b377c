"""The journal: one append-only chain of frames per machine, and its frame format (borders.md 2).

Frame = "QHJ1" | u32 len | u64 seq | u64 durable_seq | u8 kind | prev sha256[32] | u32 crc32 of all
else | payload, little-endian. `seq` counts every frame of the machine, 1, 2, 3 … without gaps;
`durable_seq` is the last frame known durable when this one was written. Kinds: I (an Envelope,
appended before it is applied), O (the effects of the I frame just before it), S (the digest of
the state at a snapshot).
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Protocol

import msgspec

from quanheng.runtime.chain import genesis, link

MAGIC = b"QHJ1"
INPUT = ord("I")
EFFECTS = ord("O")
MARK = ord("S")
KINDS = (INPUT, EFFECTS, MARK)
HEADER_BYTES = 61
MAX_PAYLOAD = 32 << 20
"""Bound of one payload in bytes; a larger message is a mistake of its sender."""

_HEAD = struct.Struct("<4sIQQB32s")
_CRC = struct.Struct("<I")
_PLACE = struct.Struct("<QB")


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """One decoded frame."""

    seq: int
    durable_seq: int
    kind: int
    prev: bytes
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return HEADER_BYTES + len(self.payload)

    @property
    def chain(self) -> bytes:
        """The hash that the next frame must carry as `prev`."""
        return link(self.prev, self.seq, self.kind, self.payload)


class BadFrameError(ValueError):
    """Bytes that are not a whole, valid frame; the text is the reason."""


class JournalError(RuntimeError):
    """The journal cannot go on; the text names machine, file, place and reason."""


class JournalCorruptError(JournalError):
    """Frames that were once durable are damaged: halt and repair from a copy, never truncate."""

    def __init__(self, machine: str, file: str, offset: int, seq: int, reason: str) -> None:
        super().__init__(f"journal of {machine}: {file} offset {offset}, frame {seq}: {reason}")
        self.machine = machine
        self.file = file
        self.offset = offset
        self.seq = seq
        self.reason = reason


class JournalDeadError(JournalError):
    """A write or an fsync failed once; the journal refuses everything afterwards, for ever."""


def encode_frame(seq: int, durable_seq: int, kind: int, prev: bytes, payload: bytes) -> bytes:
    """The bytes of one frame."""
    head = _HEAD.pack(MAGIC, len(payload), seq, durable_seq, kind, prev)
    return head + _CRC.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def parse_frame(data: bytes | memoryview, offset: int) -> Frame:
    """The frame at an offset. BadFrameError with the reason when there is none."""
    left = len(data) - offset
    if left < HEADER_BYTES:
        raise BadFrameError(f"{left} bytes are too few for a frame header")
    head = bytes(data[offset : offset + HEADER_BYTES])
    magic, length, seq, durable_seq, kind, prev = _HEAD.unpack_from(head)
    if magic != MAGIC:
        raise BadFrameError("no frame starts here")
    if length > MAX_PAYLOAD or length > left - HEADER_BYTES:
        raise BadFrameError(f"a payload of {length} bytes does not fit")
    payload = bytes(data[offset + HEADER_BYTES : offset + HEADER_BYTES + length])
    crc = zlib.crc32(payload, zlib.crc32(head[: _HEAD.size]))
    if crc != _CRC.unpack_from(head, _HEAD.size)[0]:
        raise BadFrameError("the checksum does not match")
    if kind not in KINDS:
        raise BadFrameError(f"unknown kind {kind}")
    return Frame(seq, durable_seq, kind, prev, payload)


def payload_length(head: bytes) -> int:
    """Payload bytes that a frame's header announces, unchecked."""
    return int.from_bytes(head[4:8], "little")


class Journal(Protocol):
    """What a host needs from a journal. One writer; `memory.MemoryJournal` is the reference."""

    machine: str

    @property
    def next_seq(self) -> int:
        """Seq of the next frame."""

    @property
    def durable_seq(self) -> int:
        """Last frame known durable."""

    @property
    def chain(self) -> bytes:
        """Hash that the next frame will carry as `prev`."""

    def append(self, kind: int, payload: bytes) -> int:
        """Add a frame, buffered; returns its seq."""

    def flush(self) -> int:
        """Hand everything appended to the operating system; returns the last seq written."""

    def sync(self) -> int:
        """Make everything appended durable (group commit); returns the durable seq."""

    def read(self, from_seq: int = 1) -> Iterator[Frame]:
        """Frames from a seq on, checked for gaps, checksums and chain as they are read."""

    def close(self) -> None:
        """Flush and release the journal."""


class ChainedWriter:
    """Numbers, chains and encodes frames; what every journal implementation shares."""

    __slots__ = ("chain", "durable_seq", "machine", "next_seq")

    def __init__(self, machine: str) -> None:
        self.machine = machine
        self.next_seq = 1
        self.durable_seq = 0
        self.chain = genesis(machine)

    def next_frame(self, kind: int, payload: bytes) -> tuple[bytes, bytes]:
        """(header, payload) of the next frame; moves `next_seq` and `chain` on."""
        if len(payload) > MAX_PAYLOAD:
            raise JournalError(
                f"journal of {self.machine}: frame {self.next_seq} of {len(payload)} bytes is "
                f"over the bound of {MAX_PAYLOAD}"
            )
        seq = self.next_seq
        prev = self.chain
        head = _HEAD.pack(MAGIC, len(payload), seq, self.durable_seq, kind, prev)
        crc = zlib.crc32(payload, zlib.crc32(head))
        # `link` written out: this line runs about a million times a day.
        self.chain = hashlib.sha256(b"".join((prev, _PLACE.pack(seq, kind), payload))).digest()
        self.next_seq = seq + 1
        return head + _CRC.pack(crc), payload


class ChainCheck:
    """Follows frames and says when one does not continue the last."""

    __slots__ = ("chain", "seq")

    def __init__(self, seq: int, chain: bytes | None) -> None:
        self.seq = seq  # the next frame expected
        self.chain = chain  # None: take the first frame's word (a journal whose head was cut)

    def problem(self, frame: Frame) -> str:
        """Empty when the frame follows on, else the reason; then nothing is changed."""
        if frame.seq != self.seq:
            return f"frame {frame.seq} stands where {self.seq} is due"
        if self.chain is not None and frame.prev != self.chain:
            return "the chain is broken: prev is not the hash of the frame before"
        self.chain = frame.chain
        self.seq = frame.seq + 1
        return ""
