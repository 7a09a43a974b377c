"""Exercise, lock, combination and margin messages: our words to STEP values and back.

Both directions go through the same forms of `messages.MESSAGES`: what is written is checked by the
reader's rules (interfaces.md 2.4, 2.5). Which envelope code a request travels under: 1.7, [P].
"""

import re
from collections.abc import Callable, Iterable

from quanheng.terms.business import (
    BusinessCancel,
    BusinessCancelReject,
    BusinessReport,
    BusinessRequest,
    CombinationAck,
    CombinationDone,
    CombinationLeg,
    CombinationRequest,
    DisposalAck,
    DisposalTransfer,
    ExerciseAck,
    ExerciseLeg,
    ExerciseRequest,
    InquiryAck,
    InquiryRequest,
    LockAck,
    LockRequest,
    MarginAnswer,
    MarginInquiry,
    MergedExercise,
    MergedExerciseAck,
)
from quanheng.terms.codes import Exec
from quanheng.terms.units import MONEY_PER_FEN, Day, half_up
from quanheng.wire import fragment
from quanheng.wire.dialect import clock
from quanheng.wire.dialect_read import instant
from quanheng.wire.fields import WireError
from quanheng.wire.profile import Profile

Values = tuple[str, ...]

BUSINESS_OF: dict[type, str] = {
    LockRequest: "OTU",
    ExerciseRequest: "OTE",
    MergedExercise: "OCE",
    DisposalTransfer: "OTT",
    CombinationRequest: "OML",
    MarginInquiry: "OMR",
    InquiryRequest: "ORQ",
    LockAck: "OTU",
    ExerciseAck: "OTE",
    MergedExerciseAck: "OCE",
    DisposalAck: "OTT",
    CombinationAck: "OML",
    CombinationDone: "OML",
}
PREFIX = {"OTU": "OTU.", "OTE": "OTE.", "OCE": "OCE.", "OTT": "OTT.", "OML": "OML.", "OMR": ""}
PREFIX["ORQ"] = "ORQ."
"""Business to the name of its forms in `messages.MESSAGES`."""

NO_SECURITY = "00000000"
ROUTING = {
    "OTO": re.compile(r"\d{8}", re.ASCII),
    "OQO": re.compile(r"\d{8}", re.ASCII),
    "OTE": re.compile(r"\d{8}", re.ASCII),
    "ORQ": re.compile(r"\d{8}", re.ASCII),
    "OTU": re.compile(r"\d{6}", re.ASCII),
    "OTT": re.compile(r"\d{6}", re.ASCII),
    "OML": re.compile(r"[A-Z]{2,5}", re.ASCII),
    "OCE": re.compile(r""),
    "OMR": re.compile(NO_SECURITY),
}
"""Form of an envelope's SecurityID by business; another one is 4012."""

_EXECS = {"0": Exec.ACCEPTED, "8": Exec.REJECTED, "6": Exec.CANCELLED}
_ID = re.compile(r"[0-9A-Za-z]{10}")


def routing_code(request: BusinessRequest) -> str:
    """SecurityID of the envelope."""
    match request:
        case LockRequest() | DisposalTransfer():
            return request.underlying
        case ExerciseRequest() | InquiryRequest():
            return request.contract
        case CombinationRequest():
            return request.strategy
        case MarginInquiry():
            return NO_SECURITY
        case BusinessCancel():
            return request.security
        case _:
            return ""


def _party4(profile: Profile) -> Values:
    return profile.account, profile.pbu, profile.branch


def _party2(profile: Profile) -> Values:
    return profile.account, profile.pbu


def _flag(condition: bool) -> str:
    return "1" if condition else " "


def _merged_values(legs: Iterable[ExerciseLeg]) -> Values:
    return tuple(text for leg in legs for text in (leg.contract, str(leg.qty)))


def _leg_values(legs: Iterable[CombinationLeg]) -> Values:
    return tuple(
        text
        for leg in legs
        for text in (leg.contract, "S" if leg.short else "L", _flag(leg.covered), str(leg.qty))
    )


def encode_request(request: BusinessRequest, profile: Profile) -> bytes:
    """The fragment of a request. WireError when a value cannot be carried."""
    name, owner, parties = request.client_id, str(profile.owner_type), _party4(profile)
    if not _ID.fullmatch(name):
        raise WireError(20004, 11, "encode", f"{name!r} is not 10 letters or digits")
    match request:
        case LockRequest():
            side = "Y" if request.unlock else "Z"
            return fragment.write(
                "OTU.D", (name, request.underlying, str(request.qty), side, *parties)
            )
        case ExerciseRequest():
            values = (name, request.contract, owner, str(request.qty), *parties)
            return fragment.write("OTE.D", values)
        case MergedExercise():
            legs = _merged_values(request.legs)
            return fragment.write("OCE.D", (name, *legs, owner, str(request.qty), *parties))
        case DisposalTransfer():
            values = (name, request.underlying, owner, str(request.qty), request.method, *parties)
            return fragment.write("OTT.D", values)
        case CombinationRequest():
            return fragment.write(
                _sized("OML.D", request.legs),
                (
                    *(name, owner, request.strategy, "C" if request.split else "B"),
                    *(str(request.qty), request.combination or " "),
                    *(*_leg_values(request.legs), *parties),
                ),
            )
        case MarginInquiry():
            return fragment.write("CH", (name, request.margin_account, profile.pbu))
        case InquiryRequest():
            return fragment.write("ORQ.R", (*_asked(request, owner), *parties))
        case BusinessCancel():
            if request.business not in ("OTE", "OCE", "OTT"):
                raise WireError(19032, 0, "encode", f"{request.business!r} has no cancel")
            values = (name, request.target, request.security or " ", owner, *parties)
            return fragment.write(f"{request.business}.F", values)


def _asked(inquiry: InquiryRequest | InquiryAck, owner: str) -> Values:
    head = (inquiry.client_id, inquiry.contract, owner)
    return (*head, str(inquiry.side or " "), str(inquiry.qty), "1" if inquiry.withdraw else "0")


def _sized(name: str, legs: tuple[CombinationLeg, ...]) -> str:
    if not 1 <= len(legs) <= 4:
        raise WireError(19276, 555, "encode", f"{len(legs)} legs, 1 to 4 are possible")
    return f"{name}:{len(legs)}"


def _exercise_legs(values: Values) -> tuple[ExerciseLeg, ExerciseLeg]:
    return ExerciseLeg(values[0], int(values[1])), ExerciseLeg(values[2], int(values[3]))


def _combination_legs(values: Values) -> tuple[CombinationLeg, ...]:
    return tuple(
        CombinationLeg(values[i], values[i + 1] == "S", values[i + 2] == "1", int(values[i + 3]))
        for i in range(0, len(values), 4)
    )


def _asked_of(v: Values) -> tuple[str, str, int, int, bool]:
    return v[0], v[1], _number(v[3]), int(v[4]), v[5] == "1"


def request_of(business: str, kind: str, values: Values) -> BusinessRequest:
    """The request of the values `fragment.read` gives for one of these businesses."""
    name = values[0]
    if kind == "F":
        return BusinessCancel(name, business, values[2].strip(), values[1])
    match business:
        case "OTU":
            return LockRequest(name, values[1], int(values[2]), values[3] == "Y")
        case "OTE":
            return ExerciseRequest(name, values[1], int(values[3]))
        case "OCE":
            return MergedExercise(name, _exercise_legs(values[1:5]), int(values[6]))
        case "OTT":
            return DisposalTransfer(name, values[1], int(values[3]), values[4])
        case "OMR":
            return MarginInquiry(name, values[1])
        case "ORQ":
            return InquiryRequest(*_asked_of(values))
    _, _, strategy, side, qty, number = values[:6]
    legs = _combination_legs(values[6:-3])
    return CombinationRequest(name, strategy, side == "C", int(qty), number.strip(), legs)


def encode_report(body: BusinessReport, profile: Profile) -> tuple[str, bytes]:
    """(ReqID, fragment) of a report. WireError when a value cannot be carried."""
    parties = _party2(profile)
    if isinstance(body, CombinationDone):
        values: Values = (
            *(body.client_id, body.strategy, str(body.exec_id), body.action, str(body.qty)),
            *(body.combination or " ", *_leg_values(body.legs), clock(body.at)),
            *(clock(body.order_at), str(profile.owner_type), *_party4(profile)),
        )
        return "OML", fragment.write(_sized("U12", body.legs), values)
    number, reason = str(body.order_id or " "), str(body.reason or " ")
    if isinstance(body, InquiryAck):
        said = (number, str(body.status), reason, clock(body.at))
        asked = _asked(body, str(profile.owner_type))
        return "ORQ", fragment.write("ORQA.R", (*asked, *said, *parties))
    if isinstance(body, BusinessCancelReject):
        ids = (number, body.client_id or " ", body.target or " ")
        return body.business, fragment.write("9", (*ids, clock(body.at), reason, *parties))
    head = (number, str(int(body.exec)), str(int(body.exec)))
    tail = (clock(body.at), reason, *parties)
    match body:
        case LockAck():
            side = "Y" if body.unlock else "Z"
            middle: Values = (body.client_id, body.underlying, str(body.qty), side)
            return "OTU", fragment.write("U14", (*head, *middle, *tail))
        case ExerciseAck():
            middle = (body.client_id, body.target or " ", body.contract, str(body.qty))
            return "OTE", fragment.write("U15", (*head, *middle, *tail))
        case MergedExerciseAck():
            middle = (body.client_id, body.target or " ", *_merged_values(body.legs))
            return "OCE", fragment.write("U16", (*head, *middle, str(body.qty), *tail))
        case DisposalAck():
            middle = (body.client_id, body.target or " ", body.underlying, str(body.qty))
            return "OTT", fragment.write("U17", (*head, *middle, body.method, *tail))
        case CombinationAck():
            side = "C" if body.split else "B"
            middle = (str(profile.owner_type), body.strategy, body.client_id, side, str(body.qty))
            middle = (*middle, body.combination or " ", *_leg_values(body.legs))
            return "OML", fragment.write(_sized("U13", body.legs), (*head, *middle, *tail))


def _number(text: str) -> int:
    return 0 if text == " " else int(text)


def _status(kind: str, values: Values) -> Exec:
    if values[1] != values[2]:
        reason = f"OrdStatus {values[2]} contradicts ExecType {values[1]}"
        raise WireError(20024, 39, f"35={kind}", reason)
    return _EXECS[values[1]]


def _lock_ack(v: Values, day: Day) -> LockAck:
    lock = (v[4], int(v[5]), v[6] == "Y")
    return LockAck(_status("U14", v), v[3], _number(v[0]), *lock, instant(day, v[7]), _number(v[8]))


def _exercise_ack(v: Values, day: Day) -> ExerciseAck:
    head = (_status("U15", v), v[3], v[4].strip(), _number(v[0]))
    return ExerciseAck(*head, v[5], int(v[6]), instant(day, v[7]), _number(v[8]))


def _merged_ack(v: Values, day: Day) -> MergedExerciseAck:
    head = (_status("U16", v), v[3], v[4].strip(), _number(v[0]))
    legs = _exercise_legs(v[5:9])
    return MergedExerciseAck(*head, legs, int(v[9]), instant(day, v[10]), _number(v[11]))


def _disposal_ack(v: Values, day: Day) -> DisposalAck:
    head = (_status("U17", v), v[3], v[4].strip(), _number(v[0]))
    return DisposalAck(*head, v[5], int(v[6]), v[7], instant(day, v[8]), _number(v[9]))


def _combination_ack(v: Values, day: Day) -> CombinationAck:
    at, reason = v[-4], v[-3]
    return CombinationAck(
        *(_status("U13", v), v[5], _number(v[0]), v[4], v[6] == "C", int(v[7])),
        *(v[8].strip(), _combination_legs(v[9:-4]), instant(day, at), _number(reason)),
    )


def _combination_done(v: Values, day: Day) -> CombinationDone:
    return CombinationDone(
        *(v[0], v[1], _number(v[2]), v[3], int(v[4]), v[5].strip()),
        *(_combination_legs(v[6:-6]), instant(day, v[-6]), instant(day, v[-5])),
    )


REPORTS: dict[str, Callable[[Values, Day], BusinessReport]] = {
    "U12": _combination_done,
    "U13": _combination_ack,
    "U14": _lock_ack,
    "U15": _exercise_ack,
    "U16": _merged_ack,
    "U17": _disposal_ack,
}


def inquiry_ack_of(values: Values, day: Day) -> InquiryAck:
    """What became of an inquiry."""
    number, status, reason, at = values[6:10]
    said = (_number(number), int(status), instant(day, at), _number(reason))
    return InquiryAck(*_asked_of(values), *said)


def cancel_reject_of(business: str, values: Values, day: Day) -> BusinessCancelReject:
    """A refused cancel of one of these businesses."""
    number, name, target, at, reason = values[:5]
    ids = (business, name.strip(), target.strip(), _number(number))
    return BusinessCancelReject(*ids, instant(day, at), _number(reason))


def encode_margin_answer(answer: MarginAnswer, profile: Profile) -> bytes:
    """35=CJ; amounts rounded half up to 0.01 yuan. WireError when one cannot be carried."""
    amounts = []
    for amount in (answer.total, answer.available):
        fen = half_up(amount, MONEY_PER_FEN)
        amounts.append(f"{fen // 100}.{fen % 100:02d}")
    head = (answer.client_id, str(answer.reason or " "), clock(answer.at))
    return fragment.write("CJ", (*head, *amounts, answer.margin_account, profile.pbu))


def decode_margin_answer(text: bytes, day: Day) -> MarginAnswer:
    """The answer in a 35=CJ fragment of `day`. WireError when malformed."""
    kind, values = fragment.read(text)
    if kind != "CJ":
        raise WireError(20018, 35, f"35={kind}", f"{kind} is no answer to a margin inquiry")
    name, reason, at, total, available, account, _ = values
    money = [int(amount.replace(".", "")) * MONEY_PER_FEN for amount in (total, available)]
    return MarginAnswer(name, account, money[0], money[1], instant(day, at), _number(reason))
