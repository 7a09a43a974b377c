"""Messages of the businesses that do not trade: exercise, lock, combination, margin inquiry.

`quanheng.wire.business` maps each struct to the STEP message named in its docstring
(interfaces.md 2.2, 2.4, 2.5). `client_id` is the request's own id (Reff). Codes in `reason` are the
exchange's error codes (interfaces.md 2.10), 0 when there is none.
"""

import msgspec

from quanheng.terms.codes import Exec
from quanheng.terms.units import Lots, Money, Nanos


class LockRequest(msgspec.Struct, frozen=True, array_like=True, tag="OTU.D"):
    """OTU lock or unlock of an underlying for covered positions (证券锁定/解锁), 35=D."""

    client_id: str
    underlying: str
    qty: int  # shares or fund units
    unlock: bool


class ExerciseRequest(msgspec.Struct, frozen=True, array_like=True, tag="OTE.D"):
    """OTE exercise (行权), 35=D."""

    client_id: str
    contract: str
    qty: Lots


class ExerciseLeg(msgspec.Struct, frozen=True, array_like=True):
    """One contract of a merged exercise."""

    contract: str
    qty: Lots


class MergedExercise(msgspec.Struct, frozen=True, array_like=True, tag="OCE.D"):
    """OCE merged exercise (行权指令合并), 35=D: one put and one call, `qty` merged units."""

    client_id: str
    legs: tuple[ExerciseLeg, ExerciseLeg]
    qty: Lots


class DisposalTransfer(msgspec.Struct, frozen=True, array_like=True, tag="OTT.D"):
    """OTT transfer of securities to the member's disposal account (转处置), 35=D."""

    client_id: str
    underlying: str
    qty: int  # shares or fund units
    method: str  # tag 747: Z default handling, R return


class CombinationLeg(msgspec.Struct, frozen=True, array_like=True):
    """One contract of a combination."""

    contract: str
    short: bool  # tag 624: S, else L
    covered: bool
    qty: Lots


class CombinationRequest(msgspec.Struct, frozen=True, array_like=True, tag="OML.D"):
    """OML combination or split (组合/拆分), 35=D: one to four legs."""

    client_id: str
    strategy: str  # CNSJC, CXSJC, PNSJC, PXSJC, KS, KKS, ZBD
    split: bool
    qty: Lots
    combination: str  # tag 198: what is split, empty when combining
    legs: tuple[CombinationLeg, ...]


class MarginInquiry(msgspec.Struct, frozen=True, array_like=True, tag="CH"):
    """OMR margin inquiry (保证金查询), 35=CH."""

    client_id: str
    margin_account: str


class BusinessCancel(msgspec.Struct, frozen=True, array_like=True, tag="B.F"):
    """Cancel of an OTE, OCE or OTT request, 35=F."""

    client_id: str
    business: str  # OTE, OCE, OTT
    security: str  # contract for OTE, underlying for OTT, empty for OCE
    target: str


class InquiryRequest(msgspec.Struct, frozen=True, array_like=True, tag="ORQ.R"):
    """ORQ inquiry of an investor (询价) or its withdrawal, 35=R (interfaces.md 2.7, ours)."""

    client_id: str
    contract: str
    side: int  # 0 both, else Side
    qty: Lots  # 0 unspecified
    withdraw: bool


BusinessRequest = (
    LockRequest
    | ExerciseRequest
    | MergedExercise
    | DisposalTransfer
    | CombinationRequest
    | MarginInquiry
    | BusinessCancel
    | InquiryRequest
)


class LockAck(msgspec.Struct, frozen=True, array_like=True, tag="U14"):
    """35=U14: a lock or unlock was accepted or rejected."""

    exec: Exec
    client_id: str
    order_id: int
    underlying: str
    qty: int  # shares or fund units
    unlock: bool
    at: Nanos
    reason: int


class ExerciseAck(msgspec.Struct, frozen=True, array_like=True, tag="U15"):
    """35=U15: an exercise was accepted, rejected or (then `target` is its id) cancelled."""

    exec: Exec
    client_id: str
    target: str
    order_id: int
    contract: str
    qty: Lots
    at: Nanos
    reason: int


class MergedExerciseAck(msgspec.Struct, frozen=True, array_like=True, tag="U16"):
    """35=U16: a merged exercise was accepted, rejected or cancelled."""

    exec: Exec
    client_id: str
    target: str
    order_id: int
    legs: tuple[ExerciseLeg, ExerciseLeg]
    qty: Lots
    at: Nanos
    reason: int


class DisposalAck(msgspec.Struct, frozen=True, array_like=True, tag="U17"):
    """35=U17: a transfer to the disposal account was accepted, rejected or cancelled."""

    exec: Exec
    client_id: str
    target: str
    order_id: int
    underlying: str
    qty: int  # shares or fund units
    method: str
    at: Nanos
    reason: int


class CombinationAck(msgspec.Struct, frozen=True, array_like=True, tag="U13"):
    """35=U13: a combination or split was accepted or rejected; U12 follows when it is done."""

    exec: Exec
    client_id: str
    order_id: int
    strategy: str
    split: bool
    qty: Lots
    combination: str
    legs: tuple[CombinationLeg, ...]
    at: Nanos
    reason: int


class CombinationDone(msgspec.Struct, frozen=True, array_like=True, tag="U12"):
    """35=U12: a combination was built (B), split (C) or split by the exchange (F)."""

    client_id: str
    strategy: str
    exec_id: int
    action: str
    qty: Lots
    combination: str
    legs: tuple[CombinationLeg, ...]
    at: Nanos
    order_at: Nanos


class BusinessCancelReject(msgspec.Struct, frozen=True, array_like=True, tag="B.9"):
    """35=9 under OTE, OCE or OTT: the cancel of such a request failed."""

    business: str
    client_id: str
    target: str
    order_id: int
    at: Nanos
    reason: int


class InquiryAck(msgspec.Struct, frozen=True, array_like=True, tag="ORQ.A"):
    """35=R under ORQ: what became of an inquiry (interfaces.md 2.7, ours)."""

    client_id: str
    contract: str
    side: int
    qty: Lots
    withdraw: bool
    order_id: int
    status: int  # tag 10222: 0 accepted, 4 withdrawn, 5 rejected, 7 expired, 8 filled
    at: Nanos
    reason: int


class MarginAnswer(msgspec.Struct, frozen=True, array_like=True, tag="CJ"):
    """35=CJ in a General Response (21): the margin account's figures. Not recoverable by index."""

    client_id: str
    margin_account: str
    total: Money
    available: Money
    at: Nanos
    reason: int


BusinessReport = (
    LockAck
    | ExerciseAck
    | MergedExerciseAck
    | DisposalAck
    | CombinationAck
    | CombinationDone
    | BusinessCancelReject
    | InquiryAck
)
