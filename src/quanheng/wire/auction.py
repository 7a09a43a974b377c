"""Orders for the underlyings on the auction platform (竞价平台) as STEP fields and back.

The firm hedges there with plain orders (interfaces.md 2.11). Where the public text names no tag the
profile is ours: 84 is the cancelled quantity, 12 the fee, 8504 the amount; the recovery messages
have the meaning of the option platform's. Prices carry five decimals, quantities three.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from quanheng.terms.codes import Side
from quanheng.terms.days import midnight
from quanheng.terms.etf import EtfAnswer, EtfCancel, EtfDone, EtfFill, EtfOrder, EtfRequest
from quanheng.terms.orders import RequestRejected
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, SECOND, Day, Lots, Nanos, Ticks
from quanheng.wire.profile import Profile
from quanheng.wire.step_messages import StepError, number

APPLICATION = "100010"
ORDER, CANCEL, REPORT, CANCEL_REJECT = "D", "F", "8", "9"
SYNC, SYNC_ANSWER, PARTITIONS, STATE, END = "U106", "U107", "U108", "U109", "U110"
PARTITION = "1"
BEST_FIVE, LIMIT = "1", "2"
ACCEPTED, CANCELLED, REJECTED, TRADED = "048F"
"""Tag 150. A cancelled order is 4 here and 6 on the option platform."""

Fields = list[tuple[int, str]]

_ID = re.compile(r"[0-9A-Za-z]{10}")
_PRICE = re.compile(r"(\d{1,8})\.(\d{4})0")
_QTY = re.compile(r"(\d{1,12})\.000")
_MONEY = re.compile(r"(\d{1,14})\.(\d{4})")
_CLOCK = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)(\d{3})(\d{4})")
_ROLES = ("5", "1", "4001", "4", "30")
_TENTH = 100
"""Nanoseconds of the last digit of a time."""


def price_text(price: Ticks) -> str:
    """N13(5)."""
    return f"{price // 10_000}.{price % 10_000:04d}0"


def _money_text(amount: int) -> str:
    return f"{amount // 10_000}.{amount % 10_000:04d}"


def clock_text(at: Nanos, day: Day) -> str:
    """ntime: HHMMSSsssnnnn of an instant of the day, cut to 100 ns."""
    since = (at - midnight(day)) // _TENTH
    seconds, part = divmod(since, SECOND // _TENTH)
    return f"{seconds // 3_600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}{part:07d}"


def _parties(profile: Profile) -> Fields:
    """Account, trading unit, branch; the firm clears itself through the unit and is no agent."""
    values = (profile.account, profile.pbu, profile.branch, profile.pbu, profile.pbu)
    pairs = zip(values, _ROLES, strict=True)
    return [(453, "5"), *(field for value, role in pairs for field in ((448, value), (452, role)))]


def encode_request(
    request: EtfRequest, profile: Profile, at: Nanos, day: Day
) -> tuple[str, Fields]:
    """(kind, fields) of a request. StepError for an id that is not 10 letters or digits."""
    if not _ID.fullmatch(request.client_id):
        raise StepError(f"tag 11: {request.client_id!r} is not 10 letters or digits")
    head: Fields = [(1180, APPLICATION), (11, request.client_id)]
    tail: Fields = [(60, clock_text(at, day)), *_parties(profile), (8532, profile.pbu)]
    if isinstance(request, EtfCancel):
        return CANCEL, [*head, (41, request.target), *tail]
    return ORDER, [
        *head,
        (48, request.underlying),
        (522, str(profile.owner_type)),
        (54, str(int(request.side))),
        (44, price_text(request.price)),
        (38, f"{request.qty}.000"),
        (40, BEST_FIVE if request.best_five else LIMIT),
        (59, "0"),
        (544, "1"),
        *tail,
    ]


def decode_request(kind: str, fields: Fields, profile: Profile) -> EtfRequest:
    """The request of a message. StepError names the tag; so it does for another member's unit."""
    given = dict(fields)
    roles = {role: value for (tag, value), (_, role) in pairwise(fields) if tag == 448}
    for tag, value, mine in (
        (448, roles.get("1"), profile.pbu),
        (448, roles.get("5"), profile.account),
        (1180, given.get(1180), APPLICATION),
    ):
        if value != mine:
            raise StepError(f"tag {tag}: {value!r} is not {mine!r}")
    name = _match(given, 11, _ID)[0]
    if kind == CANCEL:
        return EtfCancel(name, _match(given, 41, _ID)[0])
    if kind != ORDER:
        raise StepError(f"tag 35: {kind!r} is no request")
    return EtfOrder(
        name,
        _text(given, 48),
        Side(int(_one_of(given, 54, "12"))),
        _price(given, 44),
        _qty(given, 38),
        _one_of(given, 40, BEST_FIVE + LIMIT) == BEST_FIVE,
    )


def encode_answer(
    answer: EtfAnswer, index: int, day: Day, cancels: Mapping[str, str]
) -> tuple[str, Fields]:
    """(kind, fields) of a report with its place in the stream; `cancels` are the targets of the
    cancels that were asked for, by their own id.
    """
    head: Fields = [(10197, PARTITION), (10179, str(index)), (11, answer.client_id)]
    match answer:
        case EtfFill():
            filled = "1" if answer.leaves else "2"
            return REPORT, [
                *head, (17, f"{index:016d}"), (150, TRADED), (39, filled), (48, answer.underlying),
                (54, str(int(answer.side))), (31, price_text(answer.price)),
                (32, f"{answer.qty}.000"), (151, f"{answer.leaves}.000"),
                (8504, _money_text(answer.amount)), (12, _money_text(answer.fee)),
                (60, clock_text(answer.at, day)),
            ]  # fmt: skip
        case EtfDone():
            kind = CANCELLED if answer.cancelled or answer.target else ACCEPTED
            target = [(41, answer.target)] if answer.target else []
            gone = [(84, f"{answer.cancelled}.000")] if kind == CANCELLED else []
            at = (60, clock_text(answer.at, day))
            return REPORT, [*head, *target, (150, kind), (39, kind), *gone, at]
        case _:
            reason = str(answer.reason)
            if answer.client_id in cancels:
                target = [(41, cancels[answer.client_id])]
                return CANCEL_REJECT, [*head, *target, (39, REJECTED), (102, reason)]
            return REPORT, [*head, (150, REJECTED), (39, REJECTED), (103, reason)]


def decode_answer(kind: str, fields: Fields, day: Day) -> tuple[int, EtfAnswer]:
    """(index, answer) of a report. StepError names the tag."""
    given = dict(fields)
    if _text(given, 10197) != PARTITION:
        raise StepError(f"tag 10197: partition {given[10197]} is not {PARTITION}")
    index, name = number(_text(given, 10179)), _match(given, 11, _ID)[0]
    if kind == CANCEL_REJECT:
        return index, RequestRejected(name, number(_text(given, 102)))
    if kind != REPORT:
        raise StepError(f"tag 35: {kind!r} is no report")
    match _one_of(given, 150, ACCEPTED + CANCELLED + REJECTED + TRADED):
        case "F":
            amount, fee = (_money(given, tag) for tag in (8504, 12))
            side = Side(int(_one_of(given, 54, "12")))
            traded = _price(given, 31), _qty(given, 32), _qty(given, 151), _clock(given, day)
            return index, EtfFill(name, _text(given, 48), side, *traded, amount, fee)
        case "8":
            return index, RequestRejected(name, number(_text(given, 103)))
        case what:
            gone = _qty(given, 84) if what == CANCELLED else 0
            return index, EtfDone(name, given.get(41, ""), gone, _clock(given, day))


def _text(given: Mapping[int, str], tag: int) -> str:
    if tag not in given:
        raise StepError(f"tag {tag} is missing")
    return given[tag]


def _match(given: Mapping[int, str], tag: int, form: re.Pattern[str]) -> re.Match[str]:
    found = form.fullmatch(_text(given, tag))
    if found is None:
        raise StepError(f"tag {tag}: {given[tag]!r} is malformed")
    return found


def _one_of(given: Mapping[int, str], tag: int, values: str) -> str:
    value = _text(given, tag)
    if len(value) != 1 or value not in values:
        raise StepError(f"tag {tag}: {value!r} is not one of {', '.join(values)}")
    return value


def _price(given: Mapping[int, str], tag: int) -> Ticks:
    found = _match(given, tag, _PRICE)
    return int(found[1]) * 10_000 + int(found[2])


def _money(given: Mapping[int, str], tag: int) -> int:
    found = _match(given, tag, _MONEY)
    return int(found[1]) * 10_000 + int(found[2])


def _qty(given: Mapping[int, str], tag: int) -> Lots:
    return int(_match(given, tag, _QTY)[1])


def _clock(given: Mapping[int, str], day: Day) -> Nanos:
    hour, minute, second, millis, tenths = map(int, _match(given, 60, _CLOCK).groups())
    since = hour * HOUR + minute * MINUTE + second * SECOND + millis * MILLISECOND
    return midnight(day) + since + tenths * _TENTH
