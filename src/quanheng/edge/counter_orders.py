"""Orders at a broker's counter: from repeated states to events that happen once (I-12).

A counter tells the same states again after every reconnection, and a restarted gateway hears the
whole day again. What was told before gives no second event: states only go forward, fills are known
by their id and never sum to more than the order.
"""

from quanheng.edge.counter_facts import (
    NOTHING_RESTS,
    REFUSED,
    UNANSWERED,
    Accepted,
    Cancelled,
    CancelRefused,
    Filled,
    OrderEvent,
    OrderSeen,
    Rejected,
    State,
    Terms,
    TradeSeen,
)
from quanheng.edge.gateway_parts import base36
from quanheng.terms.codes import OrderKind
from quanheng.terms.units import SECOND, Lots, Nanos

PATIENCE = 2 * SECOND
"""A cancel that is not answered for this long counts as refused: the order is thought to rest."""


class CounterError(ValueError):
    """Something the counter told contradicts what it told before; names order and figures."""


class Known:
    """An order by our name for it."""

    __slots__ = (
        "accepted", "counter_id", "dead", "filled", "name", "terms", "told",
    )  # fmt: skip

    def __init__(self, name: str, terms: Terms) -> None:
        self.name = name
        self.terms = terms
        self.counter_id = ""
        self.accepted = False
        self.dead = False
        self.filled: Lots = 0  # by fills
        self.told: Lots = 0  # by the order's own count


class CounterOrders:
    """Every order of the account on this day."""

    def __init__(self, letter: str) -> None:
        """`letter` begins our names for orders that others placed on the account."""
        self.known: dict[str, Known] = {}
        self._by_counter: dict[str, str] = {}
        self._trades: dict[tuple[str, str], bool] = {}
        self._doubt: dict[str, bool] = {}  # handed over, or about to be, and without an id
        self._unsent: dict[str, bool] = {}
        self._cancels: dict[str, Nanos] = {}  # orders whose cancel waits for an answer, since when
        self._letter = letter
        self._foreign = 0

    def add(self, name: str, terms: Terms) -> None:
        """An order that will be handed over. ValueError for a name that was used."""
        if name in self.known:
            raise ValueError(f"order {name} was used before")
        self.known[name] = Known(name, terms)
        self._unsent[name] = True

    def sending(self, name: str) -> None:
        """An order is handed over now."""
        self._unsent.pop(name, None)
        self._doubt[name] = True

    def bind(self, name: str, counter_id: str) -> None:
        """The counter's id of an order."""
        self._doubt.pop(name, None)
        self.known[name].counter_id = counter_id
        self._by_counter[counter_id] = name

    def unsent(self) -> list[str]:
        """Orders that were asked for and never handed over."""
        return list(self._unsent)

    def doubtful(self) -> list[str]:
        """Orders of which nobody knows whether the counter has them."""
        return list(self._doubt)

    def refuse(self, name: str, at: Nanos, reason: int = REFUSED) -> list[OrderEvent]:
        """Proof that an order is not at the counter."""
        order = self.known[name]
        if order.dead or order.counter_id:
            return []
        order.dead = True
        self._doubt.pop(name, None)
        self._unsent.pop(name, None)
        return [Rejected(name, at, reason)]

    def seen(self, fact: OrderSeen) -> list[OrderEvent]:
        """An order's state. CounterError when it contradicts the order."""
        order = self._find(fact)
        events: list[OrderEvent] = []
        if order is None:
            if fact.state == State.REJECTED or (fact.state == State.CANCELLED and not fact.traded):
                return []  # somebody else's, and it left no trace
            order = self._adopt(fact)
        if fact.contract != order.terms.contract or fact.side != order.terms.side:
            raise CounterError(
                f"order {fact.counter_id} of {order.terms.contract} is told as {fact.contract}"
            )
        order.told = max(order.told, fact.traded)
        if order.dead or fact.state == State.SUBMITTING:
            return events
        if fact.state == State.REJECTED:
            order.dead = True
            return [Rejected(order.name, fact.at, REFUSED)]
        if not order.accepted:
            order.accepted = True
            events.append(Accepted(order.name, fact.at))
        if fact.state == State.CANCELLED:
            order.dead = True
            left = order.terms.qty - max(order.told, order.filled)
            events.append(Cancelled(order.name, fact.at, left))
        return events

    def _find(self, fact: OrderSeen) -> Known | None:
        name = self._by_counter.get(fact.counter_id, "")
        if not name:
            name = self._doubtful_one(fact)
            if name:
                self.bind(name, fact.counter_id)
        return self.known.get(name)

    def _doubtful_one(self, fact: OrderSeen) -> str:
        """The order that went out before a crash and has no id: by its reference, or as the only
        one with these terms. Two that fit stay UNKNOWN.
        """
        if fact.reference:
            return fact.reference if fact.reference in self._doubt else ""
        terms = (fact.contract, fact.side, fact.effect, fact.price, fact.qty)
        fits = [name for name in self._doubt if _key(self.known[name].terms) == terms]
        return fits[0] if len(fits) == 1 else ""

    def _adopt(self, fact: OrderSeen | TradeSeen) -> Known:
        """An order of somebody else on the account: it has a name so that a pull can reach it."""
        self._foreign += 1
        name = f"{self._letter}000{base36(self._foreign, 6)}"
        given = (fact.contract, fact.side, fact.effect, OrderKind.LIMIT, fact.price, fact.qty)
        order = self.known[name] = Known(name, Terms(*given))
        self.bind(name, fact.counter_id)
        return order

    def traded(self, fact: TradeSeen) -> list[OrderEvent]:
        """A fill. CounterError for one that would fill more than the order."""
        key = (fact.counter_id, fact.trade_id)
        if key in self._trades:
            return []
        order = self.known.get(self._by_counter.get(fact.counter_id, ""))
        order = order if order is not None else self._adopt(fact)
        if order.filled + fact.qty > order.terms.qty:
            raise CounterError(
                f"fill {fact.trade_id} of order {fact.counter_id}: {order.filled} + {fact.qty} "
                f"is more than {order.terms.qty}"
            )
        self._trades[key] = True
        order.filled += fact.qty
        events: list[OrderEvent] = []
        if not order.accepted:
            order.accepted = True
            events.append(Accepted(order.name, fact.at))
        events.append(Filled(order.name, fact.at, len(self._trades), fact.price, fact.qty))
        order.dead = order.dead or order.filled == order.terms.qty
        return events

    def cancelling(self, name: str, at: Nanos) -> None:
        """A cancel of an order went out."""
        self._cancels[name] = at

    def overdue(self, now: Nanos) -> list[str]:
        """Orders whose cancel has waited too long; what has died is no longer waited for."""
        for name in [name for name in self._cancels if self.known[name].dead]:
            del self._cancels[name]
        return [name for name, at in self._cancels.items() if now - at >= PATIENCE]

    def give_up_cancel(self, name: str, at: Nanos) -> list[OrderEvent]:
        """No answer to a cancel: the order is thought to rest on."""
        self._cancels.pop(name, None)
        return [] if self.known[name].dead else [CancelRefused(name, at, UNANSWERED)]

    def cancel_refusal(self, name: str, at: Nanos) -> list[OrderEvent]:
        """Why a cancel cannot even be asked for, as an event; none when it can."""
        order = self.known.get(name)
        if order is None or order.dead:
            return [CancelRefused(name, at, NOTHING_RESTS)]
        if not order.counter_id:
            return [CancelRefused(name, at, UNANSWERED)]
        return []


def _key(terms: Terms) -> tuple[object, ...]:
    return (terms.contract, terms.side, terms.effect, terms.price, terms.qty)
