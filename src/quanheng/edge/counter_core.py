"""What the link to a counter knows, as a fold over its own journal (scope 10, I-12).

Every request, every id, every fact becomes a record before it counts. The same records give the
same reports again, so a gateway that starts anew in the middle of a day knows what it knew and
numbers its reports alike. Single orders pass under their own client id, quotes through `pairs`.
"""

import msgspec

from quanheng.edge.counter_facts import (
    NOTHING_RESTS,
    REFUSED,
    Accepted,
    Asked,
    Bound,
    Cancelled,
    CancelRefused,
    Failed,
    Filled,
    InVain,
    LinkIs,
    OrderEvent,
    OrderSeen,
    Overdue,
    Record,
    Rejected,
    Said,
    Sending,
    TradeSeen,
    Units,
    Unread,
    terms_of,
)
from quanheng.edge.counter_orders import CounterError, CounterOrders, Known
from quanheng.edge.pairs import Command, Pairs
from quanheng.terms.codes import Exec
from quanheng.terms.orders import (
    AnyReport,
    CancelReject,
    NewOrder,
    OrderAck,
    OrderCancel,
    Quote,
    QuoteCancel,
    Trade,
    Unreadable,
)
from quanheng.terms.units import Nanos

Body = AnyReport | Unreadable


class CounterCore:
    """Records in, commands and report bodies out. Take both after every record."""

    def __init__(self, letter: str, one_sided: bool) -> None:
        """`letter` begins our names for orders of others on the account."""
        self.orders = CounterOrders(letter)
        self.pairs = Pairs(one_sided)
        self.problems: list[str] = []
        self.units: dict[str, int] = {}
        """Units of a contract; one that is not here cannot be traded through this link (D11)."""
        self._commands: list[Command] = []
        self._told: list[Body] = []
        self._cancels: dict[str, list[str]] = {}  # of a single order: cancel ids without an answer

    def commands(self) -> list[Command]:
        """What to do at the counter."""
        out, self._commands = self._commands + self.pairs.commands(), []
        return out

    def told(self) -> list[Body]:
        """Reports, in order."""
        out, self._told = self._told, []
        return out

    def take(self, record: Record) -> None:
        """Fold one record in."""
        at = record.at
        match record:
            case Asked():
                self._asked(record)
            case Sending():
                self.orders.sending(record.name)
            case Bound():
                self.orders.bind(record.name, record.counter_id)
            case Failed():
                self._hear(self.orders.refuse(record.name, at))
            case OrderSeen() | TradeSeen():
                self._fact(record)
            case Overdue():
                if record.name:
                    self._hear(self.orders.give_up_cancel(record.name, at))
                else:
                    self.pairs.retry()
            case InVain():
                self._hear(self.orders.cancel_refusal(record.name, at))
            case Units():
                self.units.update(record.units)
            case LinkIs():
                if record.up:
                    self.pairs.found(at)
                else:
                    self.pairs.lost(at)
            case Unread():
                self._told.append(Unreadable(at, REFUSED))
                self.problems.append(record.reason)
            case Said():
                pass
        self._collect()

    def _asked(self, record: Asked) -> None:
        request = record.request
        match request:
            case Quote():
                self.pairs.quote(request, record.at)
            case QuoteCancel():
                self.pairs.cancel(request, record.at)
            case NewOrder():
                self._commands.append(request)
            case OrderCancel():
                self._cancels.setdefault(request.target, []).append(request.client_id)
                self._commands.append(request.target)

    def _fact(self, fact: OrderSeen | TradeSeen) -> None:
        try:
            if isinstance(fact, OrderSeen):
                events = self.orders.seen(fact)
            else:
                events = self.orders.traded(fact)
        except CounterError as error:
            self._told.append(Unreadable(fact.at, REFUSED))
            self.problems.append(str(error))
            return
        self._hear(events)

    def _hear(self, events: list[OrderEvent]) -> None:
        for event in events:
            if self.pairs.holds(event.name):
                self.pairs.hear(event)
                self._collect()
            else:
                self._single(event)

    def _collect(self) -> None:
        """Take what the pairs say; orders that are to be sent are known from now on."""
        for body in self.pairs.told():
            self._told.append(self._with_amount(body) if isinstance(body, Trade) else body)
        for command in self.pairs.commands():
            self._commands.append(command)
        for command in self._commands:
            if isinstance(command, NewOrder) and command.client_id not in self.orders.known:
                self.orders.add(command.client_id, terms_of(command))

    def _with_amount(self, trade: Trade) -> Trade:
        unit = self.units.get(trade.contract, 0)
        return msgspec.structs.replace(trade, amount=trade.amount * unit)

    def _single(self, event: OrderEvent) -> None:
        """An order of its own, ours or somebody else's."""
        if isinstance(event, CancelRefused):
            self._refuse_cancels(event.name, event.at, event.reason)
            return
        order = self.orders.known[event.name]
        match event:
            case Accepted():
                self._told.append(_ack(order, Exec.ACCEPTED, order.name, "", event.at))
            case Rejected():
                done = _ack(order, Exec.REJECTED, order.name, "", event.at, event.reason)
                self._told.append(done)
                self._refuse_cancels(event.name, event.at, NOTHING_RESTS)
            case Cancelled():
                for name in self._cancels.pop(event.name, []) or [event.name]:
                    done = _ack(order, Exec.CANCELLED, name, order.name, event.at, 0, event.qty)
                    self._told.append(done)
            case Filled():
                self._told.append(self._with_amount(_trade(order, event)))
                if order.filled == order.terms.qty:
                    self._refuse_cancels(event.name, event.at, NOTHING_RESTS)

    def _refuse_cancels(self, target: str, at: Nanos, reason: int) -> None:
        for name in self._cancels.pop(target, []):
            self._told.append(CancelReject(name, target, 0, at, reason))


def _ack(
    order: Known, status: Exec, name: str, target: str, at: Nanos, reason: int = 0, left: int = 0
) -> OrderAck:
    terms = order.terms
    what = (terms.contract, 0, terms.side, terms.effect, terms.kind, terms.price, terms.qty)
    return OrderAck(status, name, target, *what, at, 0, left, reason, False)


def _trade(order: Known, fill: Filled) -> Trade:
    terms = order.terms
    left = terms.qty - order.filled
    return Trade(
        order.name, terms.contract, 0, fill.number, fill.price, fill.qty, left, terms.side,
        terms.effect, False, fill.at, fill.at, fill.price * fill.qty,
    )  # fmt: skip
