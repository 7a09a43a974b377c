"""TDGW frames: the binary envelope around STEP fragments (interfaces.md 1.2, 1.3).

Big-endian integers, text padded right with spaces, a checksum that is the sum of all bytes before
it modulo 256. Writers return whole frames; `FrameParser` takes bytes as they come.
"""

import struct
import zlib
from functools import lru_cache

import msgspec

LOGON, LOGOUT, HEARTBEAT = 1, 2, 3
ORDER_REQUEST, EXECUTION_REPORT, GENERAL_RESPONSE, ORDER_REJECT = 10, 20, 21, 22
PLATFORM_STATE, EXEC_RPT_INFO, INDEX_SYNC, END_OF_STREAM = 30, 31, 32, 33
PUBLIC_DATA = 34  # ours: inquiries (interfaces.md 2.7)

UPSTREAM_LIMIT = 4096
"""Longest frame a member may send (error 5000)."""
DOWNSTREAM_LIMIT = 16_384
"""Longest frame we accept from the gateway; the specification names no limit."""

HEADER, OVERHEAD = 12, 16
_HEADER = struct.Struct(">III")
_LOGON = struct.Struct(">III32s32sH8sII")
_LOGOUT = struct.Struct(">IIII64s")
_REQUEST = struct.Struct(">III3s8s5s10sI")
_REPORT = struct.Struct(">III5s3sQ3sI")
_RESPONSE = struct.Struct(">III3s5s10sII")
_REJECT = struct.Struct(">III3s5s10sI")
_STATE = struct.Struct(">IIIHH")
_SYNC = struct.Struct(">III5s3sQI")
_END = struct.Struct(">III5s3sQ")
_PUBLIC = struct.Struct(">III2s3sQI")
_TRAILERS = tuple(struct.pack(">I", value) for value in range(256))
_CHUNK = 256  # 256 bytes sum to at most 65,280 < 65,521, so Adler-32 holds the exact sum


class FrameError(Exception):
    """Bytes that are not a frame, or a body too short for its type. `code` is interfaces.md 1.8."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(code, reason)

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


def checksum(data: bytes | memoryview) -> int:
    """Sum of all bytes modulo 256."""
    size = len(data)
    if size <= _CHUNK:
        return zlib.adler32(data, 0) & 0xFF
    if size <= 2 * _CHUNK:
        return (zlib.adler32(data[:_CHUNK], 0) + zlib.adler32(data[_CHUNK:], 0)) & 0xFF
    view = memoryview(data)
    total = 0
    for at in range(0, len(view), _CHUNK):
        total += zlib.adler32(view[at : at + _CHUNK], 0) & 0xFFFF
    return total & 0xFF


def seal(data: bytes) -> bytes:
    """Header and body with their checksum appended."""
    if len(data) <= _CHUNK:
        return data + _TRAILERS[zlib.adler32(data, 0) & 0xFF]
    return data + _TRAILERS[checksum(data)]


def _pad(text: str, width: int) -> bytes:
    data = text.encode("utf-8")
    if len(data) > width:
        raise ValueError(f"{text!r} is longer than {width} bytes")
    return data.ljust(width)


class Logon(msgspec.Struct, frozen=True):
    """Body of MsgType 1."""

    sender: str
    target: str
    interval: int  # HeartBtInt, seconds
    version: str
    day: int  # TradeDate
    queue: int = 0


def logon(seq: int, body: Logon) -> bytes:
    """MsgType 1."""
    return seal(
        _LOGON.pack(
            LOGON,
            seq,
            82,
            _pad(body.sender, 32),
            _pad(body.target, 32),
            body.interval,
            _pad(body.version, 8),
            body.day,
            body.queue,
        )
    )


def logout(seq: int, status: int, text: str) -> bytes:
    """MsgType 2."""
    return seal(_LOGOUT.pack(LOGOUT, seq, 68, status, _pad(text, 64)))


def heartbeat(seq: int) -> bytes:
    """MsgType 3."""
    return seal(_HEADER.pack(HEARTBEAT, seq, 0))


def order_request(seq: int, req_id: str, contract: str, pbu: str, reff: str, text: bytes) -> bytes:
    """MsgType 10. ValueError when it would exceed the 4 KB limit."""
    size = len(text)
    if size > UPSTREAM_LIMIT - OVERHEAD - 30:
        raise ValueError(f"a request of {size} bytes exceeds the limit of a frame")
    head = _REQUEST.pack(
        ORDER_REQUEST,
        seq,
        30 + size,
        req_id.encode(),
        contract.encode().ljust(8),
        pbu.encode().ljust(5),
        reff.encode().ljust(10),
        size,
    )
    return seal(head + text)


def execution_report(
    seq: int, pbu: str, set_id: str, index: int, req_id: str, text: bytes
) -> bytes:
    """MsgType 20."""
    size = len(text)
    head = _REPORT.pack(
        EXECUTION_REPORT,
        seq,
        23 + size,
        pbu.encode().ljust(5),
        set_id.encode().ljust(3),
        index,
        req_id.encode(),
        size,
    )
    return seal(head + text)


def general_response(
    seq: int, req_id: str, pbu: str, reff: str, remark: int, text: bytes = b""
) -> bytes:
    """MsgType 21."""
    head = _RESPONSE.pack(
        GENERAL_RESPONSE,
        seq,
        26 + len(text),
        _pad(req_id, 3),
        _pad(pbu, 5),
        _pad(reff, 10),
        remark,
        len(text),
    )
    return seal(head + text)


def order_reject(seq: int, req_id: str, pbu: str, reff: str, remark: int) -> bytes:
    """MsgType 22."""
    return seal(
        _REJECT.pack(ORDER_REJECT, seq, 22, _pad(req_id, 3), _pad(pbu, 5), _pad(reff, 10), remark)
    )


def platform_state(seq: int, platform: int, state: int) -> bytes:
    """MsgType 30."""
    return seal(_STATE.pack(PLATFORM_STATE, seq, 4, platform, state))


def exec_rpt_info(seq: int, platform: int, pbus: tuple[str, ...], sets: tuple[str, ...]) -> bytes:
    """MsgType 31: the trading units and partitions whose reports can be asked for."""
    body = struct.pack(">HI", platform, len(pbus)) + b"".join(_pad(pbu, 5) for pbu in pbus)
    body += struct.pack(">I", len(sets)) + b"".join(_pad(set_id, 3) for set_id in sets)
    return seal(_HEADER.pack(EXEC_RPT_INFO, seq, len(body)) + body)


def index_sync(seq: int, pbu: str, set_id: str, index: int, remark: int = 0) -> bytes:
    """MsgType 32, both directions."""
    return seal(_SYNC.pack(INDEX_SYNC, seq, 20, _pad(pbu, 5), _pad(set_id, 3), index, remark))


def end_of_stream(seq: int, pbu: str, set_id: str, last: int) -> bytes:
    """MsgType 33."""
    return seal(_END.pack(END_OF_STREAM, seq, 16, _pad(pbu, 5), _pad(set_id, 3), last))


def public_data(seq: int, kind: str, set_id: str, number: int, text: bytes) -> bytes:
    """MsgType 34 (ours): a broadcast fragment of a kind (RQ = inquiry)."""
    size = len(text)
    head = _PUBLIC.pack(PUBLIC_DATA, seq, 17 + size, _pad(kind, 2), _pad(set_id, 3), number, size)
    return seal(head + text)


_BODIES = {
    LOGON: struct.Struct(">32s32sH8sII"),
    LOGOUT: struct.Struct(">I64s"),
    HEARTBEAT: struct.Struct(">"),
    ORDER_REQUEST: struct.Struct(">3s8s5s10sI"),
    EXECUTION_REPORT: struct.Struct(">5s3sQ3sI"),
    GENERAL_RESPONSE: struct.Struct(">3s5s10sII"),
    ORDER_REJECT: struct.Struct(">3s5s10sI"),
    PLATFORM_STATE: struct.Struct(">HH"),
    EXEC_RPT_INFO: struct.Struct(">HI"),
    INDEX_SYNC: struct.Struct(">5s3sQI"),
    END_OF_STREAM: struct.Struct(">5s3sQ"),
    PUBLIC_DATA: struct.Struct(">2s3sQI"),
}
KNOWN_TYPES = frozenset(_BODIES)
_WITH_TEXT = frozenset((ORDER_REQUEST, EXECUTION_REPORT, GENERAL_RESPONSE, PUBLIC_DATA))


@lru_cache(maxsize=4096)
def _short(data: bytes) -> str:
    """Codes that repeat all day: units, partitions, businesses, contracts."""
    return data.decode().rstrip(" ")


def fields_of(kind: int, body: bytes) -> tuple[int | str | bytes, ...]:
    """Fields of a known body: numbers, text without padding, and the STEP text as bytes.

    Bytes after the last field are ignored (interfaces.md 1.2). FrameError 5007 for a body that is
    too short or text that is not UTF-8.
    """
    layout = _BODIES[kind]
    size = layout.size
    if len(body) < size:
        raise FrameError(5007, f"MsgType {kind} has {len(body)} body bytes, not {size}")
    raw = layout.unpack_from(body)
    try:
        if kind == EXECUTION_REPORT and size + raw[4] == len(body):  # hot, as the next one
            return _short(raw[0]), _short(raw[1]), raw[2], _short(raw[3]), body[size:]
        if kind == ORDER_REQUEST and size + raw[4] == len(body):
            reff = raw[3].decode().rstrip(" ")
            return _short(raw[0]), _short(raw[1]), _short(raw[2]), reff, body[size:]
        values = [
            value.decode().rstrip(" ") if value.__class__ is bytes else value for value in raw
        ]
    except UnicodeDecodeError:
        raise FrameError(5007, f"MsgType {kind} has a text that is not UTF-8") from None
    if kind in _WITH_TEXT:
        stop = size + raw[-1]
        if stop > len(body):
            reason = f"MsgType {kind} announces {raw[-1]} bytes of text, {len(body) - size} follow"
            raise FrameError(5007, reason)
        values[-1] = body[size:stop]
    return tuple(values)


def groups_of(body: bytes) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """(platform, trading units, partitions) of an ExecRptInfo body. FrameError 5007 if short."""
    try:
        platform, count = struct.unpack_from(">HI", body)
        at = 6 + 5 * count
        (sets,) = struct.unpack_from(">I", body, at)
        if at + 4 + 3 * sets > len(body):
            raise FrameError(5007, f"ExecRptInfo announces {sets} partitions it does not hold")
        text = body.decode("ascii")
    except (struct.error, UnicodeDecodeError, OverflowError):
        raise FrameError(5007, "ExecRptInfo is malformed") from None
    pbus = tuple(text[6 + 5 * i : 11 + 5 * i].rstrip(" ") for i in range(count))
    start = at + 4
    return platform, pbus, tuple(text[start + 3 * i : start + 3 + 3 * i] for i in range(sets))


class FrameParser:
    """Cuts a byte stream into frames. Holds at most one unfinished frame (`limit` bytes)."""

    __slots__ = ("_rest", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._rest = b""

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._rest)

    def feed(self, data: bytes) -> tuple[list[tuple[int, int, bytes]], FrameError | None]:
        """Frames (MsgType, MsgSeqNum, body) completed by `data`, and what ended the parsing.

        After an error the stream has no known boundary any more: nothing else is parsed.
        """
        if self._rest:
            data = self._rest + data
        frames: list[tuple[int, int, bytes]] = []
        at, end = 0, len(data)
        error: FrameError | None = None
        view, unpack = memoryview(data), _HEADER.unpack_from
        while end - at >= HEADER:
            kind, seq, size = unpack(data, at)
            stop = at + HEADER + size
            if size > self.limit - OVERHEAD:
                text = f"MsgType {kind} announces {size} bytes; the limit is {self.limit}"
                error = FrameError(5000, text)
                break
            if stop + 4 > end:
                break
            if data[stop : stop + 4] != _TRAILERS[checksum(view[at:stop])]:
                error = FrameError(5001, f"MsgType {kind} number {seq} has a wrong checksum")
                break
            frames.append((kind, seq, data[at + HEADER : stop]))
            at = stop + 4
        self._rest = b"" if error else data[at:]
        return frames, error
