"""What the engine and the gateway of one machine say to one another, and its framing.

A frame is a 4-byte big-endian length and one msgpack message. The link is a local Unix stream, so
nothing is lost or reordered while it stands.
"""

import struct
from typing import Any, Generic, TypeVar

import msgspec

from quanheng.runtime.envelope import LinkChanged, NotSent, RaiseAlert
from quanheng.terms.business import MarginAnswer
from quanheng.terms.commands import Pull
from quanheng.terms.etf import EtfAnswers, EtfSend
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import Reports, RequestRejected, Send

MAX_FRAME = 8 << 20
_LENGTH = struct.Struct(">I")
_ENCODER = msgspec.msgpack.Encoder()


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """Engine: I lead with this epoch. The first message of a connection.

    For a gateway that has read none of the day (a standby's): `next_index`, the first report by
    partition that the engine has not taken; `quotes` (contracts) and `orders` (contract, client
    id), what may rest at the exchange.
    """

    epoch: int
    name: str
    next_index: dict[str, int] = {}
    quotes: list[str] = []
    orders: list[tuple[str, str]] = []


class Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """Engine: alive; every 100 ms of elapsed time."""

    epoch: int


class Sync(msgspec.Struct, frozen=True, array_like=True, tag="sync"):
    """Engine: replay reports from these indices; LinkChanged(READY) says it is done."""

    next_index: dict[str, int]


class Bye(msgspec.Struct, frozen=True, array_like=True, tag="bye"):
    """Engine: the day is over for me; withdraw what is left and tell me."""

    epoch: int


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag="welcome"):
    """Gateway: the epoch is accepted and kept on disk."""

    epoch: int


class Fenced(msgspec.Struct, frozen=True, array_like=True, tag="fenced"):
    """Gateway: nothing of this engine passes. `highest` is the highest epoch seen."""

    highest: int
    why: str


class Farewell(msgspec.Struct, frozen=True, array_like=True, tag="farewell"):
    """Gateway: the answer to Bye; `open` is what could not be withdrawn."""

    open: int


ToGateway = Hello | Beat | Send | EtfSend | Sync | Bye
ToEngine = (
    Welcome
    | Fenced
    | Farewell
    | Reports
    | EtfAnswers
    | RequestRejected
    | MarginAnswer
    | Inquiry
    | LinkChanged
    | NotSent
    | Pull
    | RaiseAlert
)

MessageT = TypeVar("MessageT")


class LinkError(ValueError):
    """Bytes on a local link that are no frame; names the length or the decoder's reason."""


def encode_frame(message: Any) -> bytes:
    """One framed message."""
    data = _ENCODER.encode(message)
    return _LENGTH.pack(len(data)) + data


class FrameReader(Generic[MessageT]):
    """Cuts a stream into messages of a union; holds at most one unfinished frame of `bound`."""

    def __init__(self, kinds: Any, bound: int = MAX_FRAME) -> None:
        self._decoder: msgspec.msgpack.Decoder[MessageT] = msgspec.msgpack.Decoder(kinds)
        self._bound = bound
        self._rest = b""

    def feed(self, data: bytes) -> list[MessageT]:
        """Messages that `data` completed. LinkError ends the link."""
        if self._rest:
            data = self._rest + data
        messages: list[MessageT] = []
        at, end = 0, len(data)
        while end - at >= 4:
            (size,) = _LENGTH.unpack_from(data, at)
            if size > self._bound:
                raise LinkError(f"a frame of {size} bytes is over the bound of {self._bound}")
            if end - at - 4 < size:
                break
            try:
                messages.append(self._decoder.decode(memoryview(data)[at + 4 : at + 4 + size]))
            except msgspec.DecodeError as error:
                raise LinkError(f"a frame of {size} bytes is no message: {error}") from error
            at += 4 + size
        self._rest = data[at:]
        return messages
