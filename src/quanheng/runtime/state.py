"""Machine state to bytes and back, and its digest.

State is one `msgspec.Struct` tree; numpy arrays travel as (dtype, shape, bytes). The encoding
is canonical for equal states built by the same inputs, because structs have a fixed field order
and dicts keep insertion order, so the digest of a replayed machine equals the digest of the
original.
"""

import hashlib
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import numpy as np

StateT = TypeVar("StateT", bound=msgspec.Struct)


def _hook_out(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())
    if isinstance(value, np.integer):
        return int(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a machine's state")


def _hook_in(kind: type, value: Any) -> Any:
    if kind is np.ndarray:
        dtype, shape, data = value
        return np.frombuffer(bytearray(data), dtype=np.dtype(dtype)).reshape(shape)
    raise TypeError(f"{kind.__name__} cannot be part of a machine's state")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_hook_out)


@lru_cache(maxsize=64)
def _decoder(kind: type) -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(kind, dec_hook=_hook_in)


def encode_state(state: msgspec.Struct) -> bytes:
    """Bytes of a state; TypeError names a value that is not a struct, number, text, dict or
    array.
    """
    return _ENCODER.encode(state)


def decode_state(data: bytes, kind: type[StateT]) -> StateT:
    """The state of `encode_state`; arrays are writable. Annotate array fields as plain
    `np.ndarray`.
    """
    state: StateT = _decoder(kind).decode(data)
    return state


def digest_state(state: msgspec.Struct) -> dict[str, bytes]:
    """SHA-256 of each field of the state, by field name."""
    return {
        name: hashlib.sha256(_ENCODER.encode(getattr(state, name))).digest()
        for name in state.__struct_fields__
    }
