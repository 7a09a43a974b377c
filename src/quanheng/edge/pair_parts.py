"""Parts of `pairs`: an order that is one side of a quote, what waits for answers, the answers."""

from collections.abc import Sequence

from quanheng.edge.counter_facts import Filled
from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.orders import NewOrder, Quote, QuoteAck, QuoteCancel, Trade
from quanheng.terms.units import Lots, Nanos

WAITING, SENT, LIVE, DEAD = range(4)
_LETTERS = {Side.BUY: "B", Side.SELL: "S"}


def leg_name(quote: str, side: Side) -> str:
    """Name of one order of a quote: the paired id and the side."""
    return quote + _LETTERS[side]


class Leg:
    """One order of a quote."""

    __slots__ = (
        "cancelling", "contract", "effect", "known", "leaves", "name", "price", "quote", "side",
        "state", "withdrawn",
    )  # fmt: skip

    def __init__(self, quote: Quote, side: Side) -> None:
        buys = side == Side.BUY
        self.name = leg_name(quote.client_id, side)
        self.quote = quote.client_id  # the quote it belongs to; a later equal one takes it over
        self.known = ""  # the quote by which its side was said to rest
        self.contract = quote.contract
        self.side = side
        self.price = quote.bid if buys else quote.ask
        self.leaves = quote.bid_qty if buys else quote.ask_qty
        self.effect: Effect = quote.bid_effect if buys else quote.ask_effect
        self.state = WAITING
        self.cancelling = False
        self.withdrawn: Lots = 0  # what went and has not been told yet

    @classmethod
    def of(cls, quote: Quote, side: Side) -> "Leg | None":
        """The order of a side; None for a side that the quote does not carry."""
        qty = quote.bid_qty if side == Side.BUY else quote.ask_qty
        return cls(quote, side) if qty else None

    def like(self, other: "Leg") -> bool:
        """Whether it rests and is all that the other one asks for."""
        mine = (self.price, self.leaves, self.effect)
        resting = self.state == LIVE and not self.cancelling
        return resting and mine == (other.price, other.leaves, other.effect)

    def order(self) -> NewOrder:
        """The order to send."""
        kind = OrderKind.LIMIT
        given = (self.contract, self.side, self.effect, kind, self.price, self.leaves)
        return NewOrder(self.name, *given)

    def trade(self, fill: Filled) -> Trade:
        """A fill as one of the quote; `amount` without the unit, which the port knows."""
        return Trade(
            self.quote,
            self.contract,
            0,
            fill.number,
            fill.price,
            fill.qty,
            max(self.leaves, 0),
            self.side,
            self.effect,
            False,
            fill.at,
            fill.at,
            fill.price * fill.qty,
        )


class PendingQuote:
    """A quote that is not answered: its orders by side, and what became of each."""

    __slots__ = ("legs", "outcome", "pulled", "request")

    def __init__(self, request: Quote) -> None:
        self.request = request
        self.legs: dict[Side, Leg] = {}
        self.outcome: dict[Side, int] = {}  # 0 rested, else the reason why not
        self.pulled = False

    def is_dead(self) -> bool:
        """Whether nothing of it can trade any more; a side that a later quote took over is not
        its own.
        """
        mine = [leg for leg in self.legs.values() if leg.quote == self.request.client_id]
        return all(leg.state == DEAD for leg in mine)


class PendingCancel:
    """A quote cancel that is not answered."""

    __slots__ = ("legs", "names", "qty", "request")

    def __init__(self, request: QuoteCancel) -> None:
        self.request = request
        self.legs: list[Leg] = []
        self.names: dict[Side, str] = {}  # quotes that it withdrew
        self.qty: dict[Side, Lots] = {}


class Book:
    """A contract: what may rest, what waits to be sent, what waits for an answer."""

    __slots__ = ("cancels", "current", "quotes", "waiting")

    def __init__(self) -> None:
        self.current: dict[Side, Leg] = {}
        self.waiting: dict[Side, Leg] = {}
        self.quotes: list[PendingQuote] = []
        self.cancels: list[PendingCancel] = []

    def meets(self, leg: Leg) -> Leg | None:
        """The own order of the other side that an order would meet."""
        buys = leg.side == Side.BUY
        other = self.current.get(Side.SELL if buys else Side.BUY)
        if other is None:
            return None
        crosses = leg.price >= other.price if buys else leg.price <= other.price
        return other if crosses else None


def accepted_ack(quote: Quote, at: Nanos, sides: Sequence[Side]) -> QuoteAck:
    """The answer to a quote of which these sides rest."""
    return _ack(quote, at, 0, sides)


def rejected_ack(quote: Quote, at: Nanos, reason: int) -> QuoteAck:
    """The answer to a quote that does not rest."""
    return _ack(quote, at, reason, (Side.BUY, Side.SELL))


def _ack(quote: Quote, at: Nanos, reason: int, sides: Sequence[Side]) -> QuoteAck:
    bids, asks = Side.BUY in sides, Side.SELL in sides
    return QuoteAck(
        False,
        Exec.REJECTED if reason else Exec.ACCEPTED,
        quote.client_id,
        quote.contract,
        0,
        quote.bid if bids else 0,
        quote.ask if asks else 0,
        quote.bid_qty if bids else 0,
        quote.ask_qty if asks else 0,
        quote.bid_effect,
        quote.ask_effect,
        at,
        reason,
        "",
        0,
        "",
        0,
    )


def cancel_ack(
    request: QuoteCancel, at: Nanos, reason: int, done: PendingCancel | None = None
) -> QuoteAck:
    """The answer to a quote cancel."""
    names = done.names if done is not None else {}
    qty = done.qty if done is not None else {}
    status = Exec.REJECTED if reason else Exec.CANCELLED
    old = (
        names.get(Side.BUY, ""), qty.get(Side.BUY, 0), names.get(Side.SELL, ""),
        qty.get(Side.SELL, 0),
    )  # fmt: skip
    return _cancelled(request.client_id, request.contract, status, at, reason, old)


def withdrawn_ack(leg: Leg, at: Nanos) -> QuoteAck:
    """A side of a quote went without its cancel: the quote itself stands in the cancel's place."""
    one, none = (leg.known, leg.withdrawn), ("", 0)
    old = (*one, *none) if leg.side == Side.BUY else (*none, *one)
    return _cancelled(leg.known, leg.contract, Exec.CANCELLED, at, 0, old)


def _cancelled(
    name: str, contract: str, status: Exec, at: Nanos, reason: int, old: tuple[str, int, str, int]
) -> QuoteAck:
    none = Effect.OPEN
    return QuoteAck(True, status, name, contract, 0, 0, 0, 0, 0, none, none, at, reason, *old)
