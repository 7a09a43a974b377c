"""What a broker's counter tells, and what is kept of it (order link of scope 10, I-12).

A counter knows single orders only, and tells states instead of numbered reports: the same order
again and again, all of them after a reconnection, in any order. These structs are the entries of
the link's own journal too, from which a restarted gateway knows what it knew.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

import msgspec

from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.orders import NewOrder, Request
from quanheng.terms.units import Lots, Nanos, Ticks
from quanheng.wire import codes

REFUSED = codes.number("APPLICATION_ERROR")
"""A counter's own refusal. Counters say why in words only, which stand in the gateway's log."""
SELF_TRADE = codes.number("SELF_TRADE")
NOTHING_RESTS = codes.number("ORIGINAL_NOT_FOUND")
UNANSWERED = codes.number("BUSY")
"""A cancel that the counter has not answered: the order counts as resting on."""


class State(IntEnum):
    """Where the counter says that an order stands; later ones never go back to earlier ones."""

    SUBMITTING = 0  # with the counter, the exchange has not answered
    RESTING = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4


class OrderSeen(msgspec.Struct, frozen=True, array_like=True, tag="order"):
    """An order as the counter has it. `reference` is what we gave it, if the counter kept it."""

    at: Nanos  # when it was told
    counter_id: str
    reference: str
    contract: str
    side: Side
    effect: Effect
    price: Ticks
    qty: Lots
    traded: Lots
    state: State


class TradeSeen(msgspec.Struct, frozen=True, array_like=True, tag="trade"):
    """A fill. A counter repeats them after a reconnection; `trade_id` tells them apart."""

    at: Nanos  # of the fill where the counter says it, else when it was told
    counter_id: str
    trade_id: str
    contract: str
    side: Side
    effect: Effect
    price: Ticks
    qty: Lots


class Unread(msgspec.Struct, frozen=True, array_like=True, tag="unread"):
    """Something that the counter told and that cannot be taken: off the tick, unknown contract."""

    at: Nanos
    reason: str


class Said(msgspec.Struct, frozen=True, array_like=True, tag="said"):
    """A line of the counter for people, as it was."""

    at: Nanos
    text: str


Fact = OrderSeen | TradeSeen | Unread | Said


class Asked(msgspec.Struct, frozen=True, array_like=True, tag="asked"):
    """A request of ours, before anything of it is sent."""

    at: Nanos
    request: Request


class Sending(msgspec.Struct, frozen=True, array_like=True, tag="sending"):
    """An order is handed to the counter now; without a Bound after it, nobody knows whether."""

    at: Nanos
    name: str


class Bound(msgspec.Struct, frozen=True, array_like=True, tag="bound"):
    """The counter took an order under its own id."""

    at: Nanos
    name: str
    counter_id: str


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The counter took an order not at all."""

    at: Nanos
    name: str


class Overdue(msgspec.Struct, frozen=True, array_like=True, tag="overdue"):
    """A cancel was not answered for long."""

    at: Nanos
    name: str


class InVain(msgspec.Struct, frozen=True, array_like=True, tag="in_vain"):
    """A cancel that cannot be asked for: its order is gone, or has no id at the counter."""

    at: Nanos
    name: str


class Units(msgspec.Struct, frozen=True, array_like=True, tag="units"):
    """Contracts that the counter has, with the units of one."""

    at: Nanos
    units: dict[str, int]


class LinkIs(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """The counter is there, or no longer there."""

    at: Nanos
    up: bool


Record = Fact | Asked | Sending | Bound | Failed | Overdue | InVain | Units | LinkIs


class Accepted(msgspec.Struct, frozen=True):
    """An order rests or is filling."""

    name: str
    at: Nanos


class Rejected(msgspec.Struct, frozen=True):
    """An order never came to rest."""

    name: str
    at: Nanos
    reason: int


class Cancelled(msgspec.Struct, frozen=True):
    """What was left of an order, `qty`, is gone."""

    name: str
    at: Nanos
    qty: Lots


class CancelRefused(msgspec.Struct, frozen=True):
    """A cancel failed: the order rests on."""

    name: str
    at: Nanos
    reason: int


class Filled(msgspec.Struct, frozen=True):
    """A fill, each once; `number` counts them."""

    name: str
    at: Nanos
    number: int
    price: Ticks
    qty: Lots


OrderEvent = Accepted | Rejected | Cancelled | CancelRefused | Filled
"""What happened to an order of a name: the counter's states, compared with what was known."""


class Terms(msgspec.Struct, frozen=True):
    """What an order is."""

    contract: str
    side: Side
    effect: Effect
    kind: OrderKind
    price: Ticks
    qty: Lots


def terms_of(order: NewOrder) -> Terms:
    """The terms of a request."""
    return Terms(order.contract, order.side, order.effect, order.kind, order.price, order.qty)


class Counter(Protocol):
    """A broker's counter, whatever its software. No call waits."""

    up: bool
    """Connected, logged on and through with what it tells about the day so far."""
    session: int
    """Counts the connections: another number is another connection, whatever was between."""

    def unit(self, contract: str) -> int:
        """Units of a contract by the counter's own list; 0 for one it does not have (D11)."""

    def problem(self, order: NewOrder) -> str:
        """Why it cannot carry an order, "" when it can."""

    def send(self, order: NewOrder) -> str | None:
        """Hand an order over; its id there, "" when the counter did not take it, None when the
        call failed half-way and nobody knows.
        """

    def cancel(self, counter_id: str, contract: str) -> None:
        """Ask for a cancel."""

    def take(self, now: Nanos, at: Nanos) -> list[Fact]:
        """What was told since the last call, stamped `at`; looks after the connection by the
        monotonic `now`.
        """

    def close(self) -> None:
        """Leave."""


Clock = Callable[[Nanos], Nanos]
"""From the gateway's monotonic clock to the exchange's time."""
