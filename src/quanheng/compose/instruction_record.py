"""What people and hedges sent in a day, from the intent to its end, as a table (S-01, I-12).

One row per request that is not a quote: who entered it, who was on duty, strategy and version, the
limits it was judged by, what the exchange said and what was filled. `reports/instructions.csv`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from quanheng.compose.text import exact_yuan, write_table
from quanheng.exchange.messages import MarginAnswered, Refuse
from quanheng.terms import business as b
from quanheng.terms.codes import Exec
from quanheng.terms.days import clock_text
from quanheng.terms.orders import (
    AnyRequest,
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteCancel,
    Report,
    Send,
    Stamp,
    Trade,
)
from quanheng.terms.units import Lots, Nanos, Ticks

COLUMNS = (
    "time", "client_id", "what", "security", "detail", "qty", "price", "entered_by", "trader",
    "strategy", "version", "limits_version", "outcome", "reason", "filled", "average_price",
)  # fmt: skip
"""Prices in yuan; `outcome` unanswered when nothing came back, `reason` the exchange's code."""

UNANSWERED = "unanswered"
_SAID = {Exec.ACCEPTED: "accepted", Exec.REJECTED: "rejected", Exec.CANCELLED: "cancelled"}


class Sent(NamedTuple):
    """One request as it left the maker."""

    at: Nanos
    stamp: Stamp
    request: AnyRequest


class InstructionRecord:
    """Keeps what a day's sends carried besides quotes, and the answers that no stream keeps."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.said: dict[str, tuple[str, int]] = {}

    def take(self, send: Send, at: Nanos, cause: int) -> None:
        """A send of the maker."""
        for request in send.requests:
            if not isinstance(request, Quote | QuoteCancel):
                self.sent.append(Sent(at, send.stamp, request))

    def hear(self, effect: Refuse | MarginAnswered, at: Nanos, cause: int) -> None:
        """What the exchange says outside its streams: refusals at the front, margin answers."""
        if isinstance(effect, MarginAnswered):
            self.said[effect.answer.client_id] = ("answered", effect.answer.reason)
            return
        for rejected in effect.rejects:
            self.said[rejected.client_id] = ("refused", rejected.reason)

    def rows(self, reports: Iterable[Report]) -> list[list[str | int]]:
        """The table, in the order of sending."""
        outcomes = dict(self.said)
        filled: dict[str, tuple[Lots, int]] = {}
        for report in reports:
            body = report.body
            if isinstance(body, Trade):
                qty, amount = filled.get(body.client_id, (0, 0))
                filled[body.client_id] = (qty + body.qty, amount + body.qty * body.price)
            else:
                outcomes |= _outcome(body)
        return [_row(one, outcomes, filled) for one in self.sent]


def _outcome(body: object) -> dict[str, tuple[str, int]]:
    """What a report says by client id; a cancel's answer is about its target too."""
    match body:
        case OrderAck() | b.ExerciseAck() | b.MergedExerciseAck():
            said = {body.client_id: (_SAID[body.exec], body.reason)}
            if body.exec == Exec.CANCELLED:
                said[body.target] = (_SAID[body.exec], 0)
            return said
        case b.LockAck() | b.CombinationAck():
            return {body.client_id: (_SAID[body.exec], body.reason)}
        case b.CombinationDone():
            return {body.client_id: ("done", 0)}
        case CancelReject() | b.BusinessCancelReject():
            return {body.client_id: ("rejected", body.reason)}
        case _:
            return {}


def _row(
    one: Sent, outcomes: dict[str, tuple[str, int]], filled: dict[str, tuple[Lots, int]]
) -> list[str | int]:
    stamp, name = one.stamp, one.request.client_id
    what, security, detail, qty, price = _said(one.request)
    outcome, reason = outcomes.get(name, (UNANSWERED, 0))
    done, amount = filled.get(name, (0, 0))
    return [
        clock_text(one.at), name, what, security, detail, qty, _yuan(price), stamp.entered_by,
        stamp.trader, stamp.strategy, stamp.strategy_version, stamp.limits_version, outcome,
        reason, done, _yuan(amount // done if done else 0),
    ]  # fmt: skip


def _said(request: AnyRequest) -> tuple[str, str, str, int, Ticks]:
    """(what, security, detail, quantity, price) of a request."""
    match request:
        case NewOrder():
            words = [request.side.name, request.effect.name, request.kind.name]
            words += ["COVERED"] if request.covered else []
            return "order", request.contract, " ".join(words), request.qty, request.price
        case OrderCancel():
            return "cancel", request.contract, request.target, 0, 0
        case b.LockRequest():
            what = "unlock" if request.unlock else "lock"
            return what, request.underlying, "", request.qty, 0
        case b.ExerciseRequest():
            return "exercise", request.contract, "", request.qty, 0
        case b.MergedExercise():
            call, put = request.legs
            return "merge", call.contract, put.contract, request.qty, 0
        case b.CombinationRequest():
            what = "split" if request.split else "build"
            legs = " ".join(leg.contract for leg in request.legs)
            return what, legs, f"{request.strategy} {request.combination}".strip(), request.qty, 0
        case b.MarginInquiry():
            return "margin", request.margin_account, "", 0, 0
        case b.BusinessCancel():
            return "cancel", request.security, request.target, 0, 0
        case _:
            return type(request).__name__, "", "", 0, 0


def _yuan(price: Ticks) -> str:
    """A price in yuan, empty for none."""
    return exact_yuan(price) if price else ""


def write_instructions(folder: Path, rows: list[list[str | int]]) -> None:
    """instructions.csv into the reports of a run."""
    write_table(folder / "instructions.csv", COLUMNS, rows)
