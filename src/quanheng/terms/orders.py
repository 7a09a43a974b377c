"""Order messages in our words: what a member asks, what the exchange reports.

The dialect in `quanheng.wire` maps each struct to the STEP message named in its docstring. Codes in
`reason` are the exchange's error codes (interfaces.md 2.10), 0 when there is none.
"""

from collections.abc import Sequence

import msgspec

from quanheng.terms.business import BusinessReport, BusinessRequest
from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.units import Lots, Money, Nanos, Ticks


class NewOrder(msgspec.Struct, frozen=True, array_like=True, tag="D"):
    """OTO new order, 35=D. `price` is meaningless for market kinds."""

    client_id: str
    contract: str
    side: Side
    effect: Effect
    kind: OrderKind
    price: Ticks
    qty: Lots
    covered: bool = False


class OrderCancel(msgspec.Struct, frozen=True, array_like=True, tag="F"):
    """OTO cancel, 35=F: `client_id` is the cancel's own id, `target` the order's."""

    client_id: str
    contract: str
    target: str


class Quote(msgspec.Struct, frozen=True, array_like=True, tag="S"):
    """OQO two-sided quote (双边报价), 35=S. A side of quantity 0 is not carried and keeps what
    rests.
    """

    client_id: str
    contract: str
    bid: Ticks
    ask: Ticks
    bid_qty: Lots
    ask_qty: Lots
    bid_effect: Effect
    ask_effect: Effect


class QuoteCancel(msgspec.Struct, frozen=True, array_like=True, tag="Z"):
    """OQO quote cancel, 35=Z: withdraw the bid, the ask or both."""

    client_id: str
    contract: str
    bid: bool
    ask: bool


Request = NewOrder | OrderCancel | Quote | QuoteCancel
"""What trades: the requests of OTO and OQO."""

AnyRequest = Request | BusinessRequest
"""Every request a member may send."""


class OrderAck(msgspec.Struct, frozen=True, array_like=True, tag="8"):
    """35=8: order accepted or rejected, or order cancelled (then `client_id` is the cancel's
    id).
    """

    exec: Exec
    client_id: str
    target: str  # original order id on a cancel answer, else empty
    contract: str
    order_id: int
    side: Side
    effect: Effect
    kind: OrderKind
    price: Ticks
    qty: Lots
    at: Nanos
    limit_price: Ticks  # tag 845: where a market-to-limit order came to rest, else 0
    leaves: Lots  # tag 151: auto-cancelled, turned into limit, or cancelled quantity
    reason: int
    covered: bool


class CancelReject(msgspec.Struct, frozen=True, array_like=True, tag="9"):
    """35=9: an order cancel failed."""

    client_id: str
    target: str
    order_id: int
    at: Nanos
    reason: int


class QuoteAck(msgspec.Struct, frozen=True, array_like=True, tag="AJ"):
    """35=AJ (answer to a quote) or 35=AI (answer to a quote cancel, `cancel` true).

    `old_bid`, `old_bid_qty`: id and withdrawn quantity of the side that was replaced or cancelled.
    """

    cancel: bool
    exec: Exec
    client_id: str
    contract: str
    order_id: int
    bid: Ticks
    ask: Ticks
    bid_qty: Lots
    ask_qty: Lots
    bid_effect: Effect
    ask_effect: Effect
    at: Nanos
    reason: int
    old_bid: str
    old_bid_qty: Lots
    old_ask: str
    old_ask_qty: Lots


class Trade(msgspec.Struct, frozen=True, array_like=True, tag="U11"):
    """35=U11: a fill of an order or of one side of a quote."""

    client_id: str
    contract: str
    order_id: int
    exec_id: int
    price: Ticks
    qty: Lots
    leaves: Lots
    side: Side
    effect: Effect
    covered: bool
    at: Nanos
    order_at: Nanos  # when the exchange received the order
    amount: Money  # tag 8504, price x qty x unit


ReportBody = OrderAck | CancelReject | QuoteAck | Trade
"""Answers and fills of what trades."""


AnyReport = ReportBody | BusinessReport
"""Every report of a recoverable stream."""


class Unreadable(msgspec.Struct, frozen=True, array_like=True, tag="unreadable"):
    """Stands in its stream for a report that breaks the specification, so that the next one follows
    (I-12). `reason` is the code of what was wrong with it; `at` is 0, for nobody can tell.
    """

    at: Nanos
    reason: int


class Report(msgspec.Struct, frozen=True, array_like=True):
    """A report with its place in the recoverable stream of (pbu, set_id) (interfaces.md 1.5)."""

    set_id: str
    index: int  # 1, 2, 3 … without gaps within a day
    body: AnyReport | Unreadable


class Reports(msgspec.Struct, frozen=True, array_like=True, tag="reports"):
    """Execution reports delivered together."""

    reports: list[Report]


class RequestRejected(msgspec.Struct, frozen=True, array_like=True, tag="22"):
    """Order Request Reject (22) or an error in a General Response (21). Not recoverable by
    index.
    """

    client_id: str
    reason: int


class Requests(msgspec.Struct, frozen=True, array_like=True, tag="requests"):
    """Requests that arrived together at the exchange from one member's trading unit."""

    pbu: str
    requests: list[AnyRequest]


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """Who and what stands behind an order (borders.md 4, S-01): joined to the wire by the
    client id.
    """

    trader: str
    strategy: str
    strategy_version: str
    curve_version: int
    limits_version: int
    entered_by: str = ""  # the person whose command it carries out, "" for the machine's own


class Send(msgspec.Struct, frozen=True, array_like=True, tag="send"):
    """Maker effect: requests that passed the ladder, with the epoch the gateway will check."""

    epoch: int
    stamp: Stamp
    requests: Sequence[AnyRequest]
