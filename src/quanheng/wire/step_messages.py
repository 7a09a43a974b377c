"""Full STEP messages of an MDGW session, other than market data, and of the auction platform's
TDGW (interfaces.md 2.11).

Header 8, 9, 35, 49, 56, 34, 52, then the message's fields, then 10. The market data itself is built
and read in batches by `md301`.
"""

from collections.abc import Sequence

from quanheng.terms.days import clock_text, day_of
from quanheng.terms.units import Nanos

LOGON, LOGOUT, HEARTBEAT, TEST, RESEND, REJECT, RESET, SUBSCRIBE = "A501234V"
"""Kinds, tag 35. SUBSCRIBE is our profile: 262 id, 263 what is wanted, 1500 a category."""
IMAGE_ONLY, UPDATES, NO_MORE = "012"
"""Tag 263: an image now, an image and what follows, nothing more."""
VERSION = "STEP1.20_SH_0.60"
GATEWAY, MEMBER = "MDGW", "QH"
LIMIT = 8_192
_BEGIN = b"8=FIXT.1.1\x019="
_TRAILER = 7


class StepError(ValueError):
    """Bytes that are no STEP message; says why."""


def build(
    kind: str, sender: str, target: str, seq: int, at: Nanos, fields: Sequence[tuple[int, str]]
) -> bytes:
    """A whole message; `at` is the exchange's time for tag 52."""
    head = ((35, kind), (49, sender), (56, target), (34, seq))
    sent = f"{day_of(at)}-{clock_text(at)}"
    body = "".join(f"{tag}={value}\x01" for tag, value in (*head, (52, sent), *fields))
    raw = _BEGIN + f"{len(body)}\x01{body}".encode("gb18030")
    return raw + b"10=%03d\x01" % (sum(raw) & 255)


def cut(data: bytes) -> int:
    """Size of the message that `data` begins with, 0 while it is unfinished. StepError when none
    can begin so.
    """
    if data[: len(_BEGIN)] != _BEGIN[: len(data)]:
        raise StepError(f"{data[:16]!r} is no BeginString")
    stop = data.find(b"\x01", len(_BEGIN), len(_BEGIN) + 6)
    if stop < 0:
        if len(data) >= len(_BEGIN) + 6:
            raise StepError("BodyLength is malformed")
        return 0
    digits = data[len(_BEGIN) : stop]
    if not digits.isdigit() or int(digits) > LIMIT:
        raise StepError(f"BodyLength {digits!r} is malformed or above {LIMIT}")
    size = stop + 1 + int(digits) + _TRAILER
    return size if len(data) >= size else 0


def number(text: str) -> int:
    """A number of digits 0 to 9. StepError for anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise StepError(f"{text!r} is no number")
    return int(text)


def parse(message: bytes) -> dict[int, str]:
    """The fields of one whole message by tag; of a group's repeated ones the last. StepError as
    `pairs`.
    """
    return dict(pairs(message))


def pairs(message: bytes) -> list[tuple[int, str]]:
    """The fields of one whole message in order, groups included. StepError for a wrong checksum or
    a malformed field.
    """
    body = message[:-_TRAILER]
    if message[-_TRAILER:] != b"10=%03d\x01" % (sum(body) & 255):
        raise StepError("the checksum is wrong")
    fields: list[tuple[int, str]] = []
    for pair in body.decode("gb18030", "replace").split("\x01")[:-1]:
        tag, equals, value = pair.partition("=")
        if not equals or not value:
            raise StepError(f"field {pair!r} is malformed")
        fields.append((number(tag), value))
    if not {34, 35} <= {tag for tag, _ in fields}:
        raise StepError("tag 35 or 34 is missing")
    return fields
