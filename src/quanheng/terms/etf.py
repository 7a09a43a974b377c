"""Orders for the underlyings, and what their market answers (rules.md 1.1).

Units are whole lots of 100; what is bought today can be sold from the next trading day on (T+1),
and nothing can be sold that is not held: lending for short sales is not part of these rules.
"""

import msgspec

from quanheng.terms.codes import Side
from quanheng.terms.orders import RequestRejected, Stamp
from quanheng.terms.units import Lots, Money, Nanos, Ticks

ETF_LOT = 100
"""Units of a lot."""
ETF_SET = "etf"
"""The stream of a member's reports there, beside the option platform's partitions."""
ETF_STEP = 10
"""Price step of a fund, in Ticks."""


class EtfOrder(msgspec.Struct, frozen=True, array_like=True, tag="etf_order"):
    """A limit order, or with `best_five` five levels at once and the rest cancelled."""

    client_id: str
    underlying: str
    side: Side
    price: Ticks  # for best five: the protective limit, 0 none
    qty: Lots  # fund units
    best_five: bool = False


class EtfCancel(msgspec.Struct, frozen=True, array_like=True, tag="etf_cancel"):
    """Withdraw a resting ETF order."""

    client_id: str
    target: str


EtfRequest = EtfOrder | EtfCancel


class EtfFill(msgspec.Struct, frozen=True, array_like=True, tag="etf_fill"):
    """A fill of an ETF order; `leaves` is what still rests."""

    client_id: str
    underlying: str
    side: Side
    price: Ticks
    qty: Lots
    leaves: Lots
    at: Nanos
    amount: Money
    fee: Money


class EtfDone(msgspec.Struct, frozen=True, array_like=True, tag="etf_done"):
    """An ETF order stands (`cancelled` 0) or ended with `cancelled` units withdrawn."""

    client_id: str
    target: str
    cancelled: Lots
    at: Nanos


class EtfSend(msgspec.Struct, frozen=True, array_like=True, tag="etf_send"):
    """Effect: requests for the underlyings' market, stamped as every order is (S-01)."""

    epoch: int
    stamp: Stamp
    requests: list[EtfRequest]


EtfAnswer = EtfFill | EtfDone | RequestRejected
"""What the underlyings' market answers."""


class EtfAnswers(msgspec.Struct, frozen=True, array_like=True, tag="etf_answers"):
    """Input: what the underlyings' market answered, in order, refusals among it.

    `first` is the place of the first one in the day's stream of the member, 1, 2, 3 … without gaps;
    0 where answers are not numbered.
    """

    answers: list[EtfAnswer]
    first: int = 0
