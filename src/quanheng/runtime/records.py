"""Bytes of what a journal holds: envelopes (I), effects (O), state digests (S)."""

import hashlib
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from quanheng.runtime.envelope import Envelope
from quanheng.terms.units import Nanos

SNAPSHOT_MAGIC = b"QHS1"
DIGESTED_TAG = "#"
"""First item of an effect recorded by hash: ["#", tag, length, sha256]."""

_ENCODER = msgspec.msgpack.Encoder()
encode = _ENCODER.encode


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Payload of an S frame: where the machine is, and the digest of its state."""

    input_seq: int
    at: Nanos
    epoch: int
    digest: dict[str, bytes]


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """A snapshot of a machine with what its host needs to go on from it."""

    machine: str
    frame_seq: int  # of the S frame that goes with it
    mark: Mark
    timers: list[tuple[str, Nanos, int, int]]  # name, at, token, cause
    timer_count: int
    state: bytes


class EffectRecorder:
    """Encodes the effects of one machine; bulky types are recorded by SHA-256 (DIGESTED)."""

    __slots__ = ("_tags",)

    def __init__(self, digested: tuple[type, ...]) -> None:
        self._tags = {kind: str(kind.__struct_config__.tag) for kind in digested}  # type: ignore[attr-defined]

    def payload(self, effects: Sequence[Any]) -> bytes:
        """Payload of an O frame: the list of effects."""
        tags = self._tags
        if not tags:
            return encode(effects)
        rows: list[Any] = []
        for effect in effects:
            tag = tags.get(type(effect))
            if tag is None:
                rows.append(effect)
            else:
                data = encode(effect)
                rows.append((DIGESTED_TAG, tag, len(data), hashlib.sha256(data).digest()))
        return encode(rows)


@lru_cache(maxsize=64)
def envelope_decoder(machine: type) -> "msgspec.msgpack.Decoder[Any]":
    """Decoder of a machine's envelopes (payloads of I frames)."""
    inputs: Any = machine.INPUT  # type: ignore[attr-defined]
    return msgspec.msgpack.Decoder(Envelope[inputs])


@lru_cache(maxsize=64)
def body_decoder(machine: type) -> "msgspec.msgpack.Decoder[Any]":
    """Decoder of a machine's inputs without their envelope."""
    return msgspec.msgpack.Decoder(machine.INPUT)  # type: ignore[attr-defined]


_MARKS = msgspec.msgpack.Decoder(Mark)
_CHECKPOINTS = msgspec.msgpack.Decoder(Checkpoint)


def decode_mark(payload: bytes) -> Mark:
    """The Mark of an S frame. msgspec.DecodeError when it is none."""
    return _MARKS.decode(payload)


def seal(data: bytes) -> bytes:
    """Bytes of a snapshot file: "QHS1" | sha256 of what follows | zlib level 1 of the data."""
    packed = zlib.compress(data, 1)
    return SNAPSHOT_MAGIC + hashlib.sha256(packed).digest() + packed


def unseal(file: bytes) -> bytes | None:
    """The data of a snapshot file, None when it is damaged."""
    packed = file[36:]
    if file[:4] != SNAPSHOT_MAGIC or hashlib.sha256(packed).digest() != file[4:36]:
        return None
    return zlib.decompress(packed)


def seal_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Snapshot file of a machine."""
    return seal(encode(checkpoint))


def unseal_checkpoint(file: bytes) -> Checkpoint | None:
    """The Checkpoint of a snapshot file, None when the file is damaged."""
    data = unseal(file)
    return None if data is None else _CHECKPOINTS.decode(data)
