"""Frames as lines of text and back, written here from interfaces.md 1.2 and 1.3 alone.

`Logon sender=OMS01 interval=30`, `Report set=300 index=1 35=8 150=0`: a name, named fields, and
STEP tags by number. A blank is written `_`. A request's parties and envelope are filled in where a
line does not say otherwise. It is a second writing of the frames on purpose: what judges a session
must not be the codec of the session.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple


class Identity(NamedTuple):
    """Who the lines of a script speak for: session names, day, trading unit, account."""

    sender: str
    day: int
    pbu: str
    account: str
    branch: str = "00001"
    target: str = "TDGW"


KINDS = {
    "Logon": 1,
    "Logout": 2,
    "Heartbeat": 3,
    "Request": 10,
    "Report": 20,
    "Response": 21,
    "Reject": 22,
    "PlatformState": 30,
    "Info": 31,
    "Sync": 32,
    "End": 33,
    "Public": 34,
}
NAMES = {number: name for name, number in KINDS.items()}
FIELDS = {  # order on the wire and widths: 0 = text that follows, otherwise bytes of a number
    1: (("sender", "s32"), ("target", "s32"), ("interval", "H"), ("version", "s8"), ("day", "I"),
        ("queue", "I")),
    2: (("status", "I"), ("text", "s64")),
    3: (),
    10: (("req", "s3"), ("security", "s8"), ("pbu", "s5"), ("reff", "s10"), ("step", "t")),
    20: (("pbu", "s5"), ("set", "s3"), ("index", "Q"), ("req", "s3"), ("step", "t")),
    21: (("req", "s3"), ("pbu", "s5"), ("reff", "s10"), ("remark", "I"), ("step", "t")),
    22: (("req", "s3"), ("pbu", "s5"), ("reff", "s10"), ("remark", "I")),
    30: (("platform", "H"), ("state", "H")),
    31: (("platform", "H"), ("pbus", "g5"), ("sets", "g3")),
    32: (("pbu", "s5"), ("set", "s3"), ("next", "Q"), ("remark", "I")),
    33: (("pbu", "s5"), ("set", "s3"), ("last", "Q")),
    34: (("kind", "s2"), ("set", "s3"), ("number", "Q"), ("step", "t")),
}  # fmt: skip
DEFAULTS = {"interval": "30", "version": "1.00", "platform": "3", "req": "OTO"}
SIZES = {"H": 2, "I": 4, "Q": 8}
LONGEST = 1 << 20
"""Bytes of body a frame may claim; more is no frame."""


def _party(who: Identity, long: bool) -> list[tuple[str, str]]:
    if long:
        text = (
            f"453=4 448={who.account} 452=5 448=888 452=500 448={who.pbu} 452=1 "
            f"448={who.branch} 452=4001"
        )
    else:
        text = f"453=2 448={who.account} 452=5 448={who.pbu} 452=1"
    return pairs(text)


def pairs(text: str) -> list[tuple[str, str]]:
    """`a=b` words in order; `_` is a blank, and a quoted value may hold blanks."""
    found = []
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not name=value")
        found.append((name, value.replace("_", " ")))
    return found


def fragment(tags: list[tuple[str, str]]) -> bytes:
    """A STEP fragment of tags; its length is counted unless tag 9 is given."""
    given = dict(tags).get("9")
    body = "".join(f"{tag}={value}\x01" for tag, value in tags if tag != "9")
    return f"9={given or len(body)}\x01{body}".encode("latin-1")


def frame(kind: int, seq: int, body: bytes, extra_length: int = 0, bad_sum: int = 0) -> bytes:
    """A whole frame."""
    data = struct.pack(">III", kind, seq, len(body) + extra_length) + body
    return data + struct.pack(">I", (sum(data) + bad_sum) & 255)


def _step_of(kind: int, tags: list[tuple[str, str]], who: Identity) -> bytes:
    if not tags:
        return b""
    names = [tag for tag, _ in tags]
    if "453" not in names and kind in (10, 20):
        trade = any(pair in tags for pair in (("35", "U11"), ("35", "U12")))
        tags = tags + _party(who, kind == 10 or trade)
    return fragment(tags)


def build(line: str, seq: int, who: Identity) -> bytes:
    """The frame of a line. ValueError or KeyError for a line that is none."""
    name, _, rest = line.partition(" ")
    words = pairs(rest)
    tags = [(key, value) for key, value in words if key.isdigit()]
    given = {key: value for key, value in words if not key.isdigit()}
    seq = int(given.pop("seq", seq))
    extra, bad = int(given.pop("length", 0)), int(given.pop("checksum", 0))
    tail = bytes.fromhex(given.pop("tail", ""))
    if name == "Frame":
        return frame(int(given["type"]), seq, bytes.fromhex(given.get("body", "")), extra, bad)
    kind = KINDS[name]
    mine = {"sender": who.sender, "target": who.target, "day": str(who.day), "pbu": who.pbu}
    values = {**DEFAULTS, **mine, **given}
    if kind == 10:
        by_tag = dict(tags)
        values.setdefault("reff", by_tag.get("11", by_tag.get("1166", by_tag.get("1635", ""))))
        values.setdefault("security", by_tag.get("48", by_tag.get("308", "")))
    body = b""
    for field, code in FIELDS[kind]:
        value = values.get(field, "")
        if code == "t":
            text = _step_of(kind, tags, who)
            body += struct.pack(">I", int(given.get("textlength", len(text)))) + text
        elif code[0] == "s":
            body += value.encode("utf-8").ljust(int(code[1:]))[: int(code[1:])]
        elif code[0] == "g":
            members = value.split(",") if value else []
            body += struct.pack(">I", len(members))
            body += b"".join(one.encode().ljust(int(code[1:])) for one in members)
        else:
            body += struct.pack(f">{code}", int(value or 0))
    return frame(kind, seq, body + tail, extra, bad)


def cut(data: bytes | bytearray) -> Iterator[tuple[dict[str, str], int]]:
    """(fields with "name" and "seq", bytes of the frame) of every whole frame; a part of one stays
    unread. An unknown type is named by its number, unknown bytes of a body are its "tail" (1.2).

    ValueError for bytes that are no frame.
    """
    at = 0
    while at + 12 <= len(data):
        kind, seq, size = struct.unpack_from(">III", data, at)
        if size > LONGEST:
            raise ValueError(f"type {kind} with {size} bytes of body is no frame")
        if at + 16 + size > len(data):
            return
        body = bytes(data[at + 12 : at + 12 + size])
        (total,) = struct.unpack_from(">I", data, at + 12 + size)
        if total != sum(data[at : at + 12 + size]) & 255:
            raise ValueError(f"frame {seq} has a wrong checksum")
        name = NAMES.get(kind, f"Type{kind}")
        try:
            fields = _fields(kind, body)
        except struct.error as error:
            raise ValueError(f"{name} {seq} with {size} bytes of body: {error}") from error
        yield {"name": name, "seq": str(seq), **fields}, 16 + size
        at += 16 + size


def _fields(kind: int, body: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    for field, code in FIELDS.get(kind, ()):
        if code == "t":
            (size,) = struct.unpack_from(">I", body, at)
            for pair in body[at + 4 : at + 4 + size].decode("ascii").split("\x01")[:-1]:
                tag, _, value = pair.partition("=")
                found[tag] = f"{found[tag]},{value}" if tag in found else value
            at += 4 + size
        elif code[0] == "s":
            found[field] = body[at : at + int(code[1:])].decode("utf-8").rstrip(" ")
            at += int(code[1:])
        elif code[0] == "g":
            (count,) = struct.unpack_from(">I", body, at)
            width = int(code[1:])
            parts = [body[at + 4 + width * i :][:width].decode() for i in range(count)]
            found[field] = ",".join(parts)
            at += 4 + width * count
        else:
            found[field] = str(struct.unpack_from(f">{code}", body, at)[0])
            at += SIZES[code]
    if at != len(body):
        found["tail"] = body[at:].hex()
    return found
