"""STEP fragments: `9=…|35=…|tag=value|…`, strict about order, presence, length, type and width.

Two readers give the same values. The fast one is a pattern per message and accepts only the
canonical form; whatever it does not match goes to the strict one, which also accepts fewer
decimals and unknown tags at the end (interfaces.md 1.2, 2.1) and otherwise says exactly what is
wrong and where.
"""

from quanheng.terms.days import from_clock
from quanheng.wire.fields import (
    NEGATIVE_QUANTITY,
    PARSE_ERROR,
    QUANTITY_TAGS,
    SOH,
    Field,
    WireError,
)
from quanheng.wire.messages import GROUPED, MESSAGES, MOST_LEGS, Message, fast_pattern

_FAST = {name: fast_pattern(message) for name, message in MESSAGES.items()}
_BODY_LEN, _MSG_TYPE = 9, 35


def wrap(body: str) -> bytes:
    """A fragment from everything after tag 9. BodyLen counts characters after its own SOH."""
    return f"9={len(body)}\x01{body}".encode("ascii")


def write(name: str, values: tuple[str, ...]) -> bytes:
    """The fragment of a form of `messages.MESSAGES`, its values given in order.

    WireError names the first value that breaks the form, as its reader would.
    """
    message = MESSAGES[name]
    rest = iter(values)
    parts = [f"35={message.kind}{SOH}"]
    for item in message.items:
        value = item.literal
        if not value:
            value = _check_value(item.field, next(rest), f"encode 35={message.kind}")
        parts.append(f"{item.field.tag}={value}{SOH}")
    return wrap("".join(parts))


def read(data: bytes, business: str = "") -> tuple[str, tuple[str, ...]]:
    """The message type and the values of a fragment, in the order of its items.

    `business` ("OTE.") chooses among the meanings of a type. Decimals come back with all their
    places. WireError says what is wrong and where.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        place = f"byte {error.start}"
        raise WireError(
            PARSE_ERROR, 0, place, f"byte {data[error.start]:#x} is not ASCII"
        ) from None
    cut = text.find(SOH) + 4
    kind = text[cut : text.find(SOH, cut)]
    name = business + kind if business else kind
    pattern = _FAST.get(name)
    if pattern is None and name in GROUPED:
        pattern = _FAST.get(f"{name}:{_legs_text(text)}")
    if pattern is not None:
        match = pattern.fullmatch(text)
        if match is not None and int(match[1]) == len(text) - cut + 3:
            values: tuple[str, ...] = match.groups()
            return kind, values[1:]
    return read_strict(text, business)


def _legs_text(text: str) -> str:
    """What tag 555 says, as it stands; "1" without one, so that its absence is found in order."""
    at = text.find(f"{SOH}555=")
    return text[at + 5 : text.find(SOH, at + 5)] if at >= 0 else "1"


def _form(name: str, kind: str, text: str, place: int) -> Message:
    if name in GROUPED:
        count = _legs_text(text)
        if not (count.isdigit() and len(count) <= 2):
            raise WireError(20262, 555, f"35={kind}", f"{count[:20]!r} is not a number of legs")
        if not 1 <= int(count) <= MOST_LEGS or count[0] == "0":
            reason = f"{count} legs, 1 to {MOST_LEGS} are possible"
            raise WireError(19276, 555, f"35={kind}", reason)
        name = f"{name}:{count}"
    message = MESSAGES.get(name)
    if message is None:
        raise WireError(20018, _MSG_TYPE, f"byte {place}", f"{kind!r} is no known message type")
    return message


def read_strict(text: str, business: str = "") -> tuple[str, tuple[str, ...]]:
    """`read` of ASCII text by the slow way, which diagnoses."""
    pairs = _split(text)
    _check_length(text, pairs)
    place, tag, kind = pairs[1] if len(pairs) > 1 else (len(text), 0, "")
    if tag != _MSG_TYPE:
        raise WireError(20018, _MSG_TYPE, f"byte {place}", "the second tag must be 35 MsgType")
    message = _form(business + kind, kind, text, place)
    values: list[str] = []
    for number, item in enumerate(message.items):
        field = item.field
        if number + 2 >= len(pairs):
            where = f"35={kind} byte {len(text)}"
            raise WireError(field.code, field.tag, where, f"{field.name} is missing at the end")
        at, tag, value = pairs[number + 2]
        where = f"35={kind} byte {at}"
        if tag != field.tag:
            reason = f"expected {field.tag} {field.name}, found tag {tag}"
            raise WireError(field.code, field.tag, where, reason)
        checked = _check_value(field, value, where)
        if item.literal:
            if value != item.literal:
                code = field.choice_code or field.code
                raise WireError(code, tag, where, f"must be {item.literal!r}, not {value!r}")
        else:
            values.append(checked)
    _check_tail(message, pairs[len(message.items) + 2 :])
    return kind, tuple(values)


def _split(text: str) -> list[tuple[int, int, str]]:
    """(byte offset, tag, value) of every pair; bounded by the 4 KB limit of a frame."""
    if not text.endswith(SOH):
        raise WireError(PARSE_ERROR, 0, f"byte {len(text)}", "a fragment must end with SOH")
    pairs = []
    at = 0
    for part in text[:-1].split(SOH):
        name, equals, value = part.partition("=")
        if not equals or not name.isdigit() or len(name) > 6 or name[0] == "0":
            raise WireError(PARSE_ERROR, 0, f"byte {at}", f"{part[:40]!r} is not tag=value")
        pairs.append((at, int(name), value))
        at += len(part) + 1
    return pairs


def _check_length(text: str, pairs: list[tuple[int, int, str]]) -> None:
    _, tag, value = pairs[0]
    if tag != _BODY_LEN:
        raise WireError(20002, _BODY_LEN, "byte 0", "the first tag must be 9 BodyLen")
    if not value.isdigit() or len(value) > 5:
        raise WireError(20002, _BODY_LEN, "byte 0", f"{value[:20]!r} is not a length")
    actual = len(text) - text.index(SOH) - 1
    if int(value) != actual:
        raise WireError(20002, _BODY_LEN, "byte 0", f"says {value}, the body has {actual}")


def _check_value(field: Field, value: str, where: str) -> str:
    """The value in canonical form, or WireError."""
    if not value:
        blank = "0" if field.kind in "ND" else "one space"
        raise WireError(field.code, field.tag, where, f"is empty; no value is written as {blank}")
    if not value.isprintable() or "|" in value:
        raise WireError(field.code, field.tag, where, f"{value!r} has a forbidden character")
    if len(value) > field.width:
        reason = f"{value!r} is longer than {field.type_text}"
        raise WireError(field.code, field.tag, where, reason)
    if field.kind in "ND" and value[0] == "-" and field.tag in QUANTITY_TAGS:
        raise WireError(NEGATIVE_QUANTITY, field.tag, where, f"{value} is negative")
    if field.kind == "N" and not value.isdigit():
        reason = f"{value!r} is not an integer {field.type_text}"
        raise WireError(field.code, field.tag, where, reason)
    if field.kind == "D":
        value = _decimal(field, value, where)
    elif field.kind == "T":
        _check_time(field, value, where)
    elif field.kind == "I" and value != " " and not value.isdigit():
        raise WireError(field.code, field.tag, where, f"{value!r} is neither blank nor a number")
    if field.choices and value not in field.choices:
        allowed = ", ".join(repr(choice) for choice in field.choices)
        raise WireError(field.choice_code, field.tag, where, f"{value!r} is not one of {allowed}")
    return value


def _decimal(field: Field, value: str, where: str) -> str:
    whole, _, part = value.partition(".")
    good = whole.isdigit() and (part.isdigit() or (not part and "." not in value))
    if not good or len(part) > field.decimals or len(whole) > field.width - field.decimals - 1:
        reason = f"{value!r} is not a decimal {field.type_text}"
        raise WireError(field.code, field.tag, where, reason)
    return f"{whole}.{part:0<{field.decimals}}"


def _check_time(field: Field, value: str, where: str) -> None:
    try:
        from_clock(value)
    except ValueError:
        value = ""
    if len(value) != 12:
        raise WireError(field.code, field.tag, where, "is not a time HH:MM:SS.sss")


def _check_tail(message: Message, tail: list[tuple[int, int, str]]) -> None:
    """Unknown tags at the end are ignored; a tag of the message itself there is a repetition."""
    own = message.tags
    for at, tag, _ in tail:
        if tag in own or tag in (_BODY_LEN, _MSG_TYPE):
            where = f"35={message.kind} byte {at}"
            raise WireError(PARSE_ERROR, tag, where, "is repeated after the end of the message")
