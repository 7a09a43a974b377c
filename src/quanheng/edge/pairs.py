"""Quotes for a counter that has only orders: two orders with one paired id (scope 10).

A quote becomes a buy and a sale named QUOTE-ID + B and QUOTE-ID + S; what becomes of the two is
told as if it were a quote. Per side:

- a new quote replaces: the old order is cancelled first and the new one sent when it is dead, so
  that one side never rests twice; an equal order that rests is kept and belongs to the new quote;
- no side is sent into an own order of the other side: it waits for that one's end, or is refused
  where that one stays;
- a quote is answered when both its orders are: accepted when both rest, rejected when one was
  refused, and then the other one is withdrawn before the answer (kept where `one_sided`);
- a side that goes without the quote being cancelled is told at once (`old_bid`, `old_ask` name
  the quote itself), so that duties count two sides only while both are live (Q-01);
- after a loss of the link nothing that was still waiting is sent: its price is of before.
"""

from quanheng.edge.counter_facts import (
    NOTHING_RESTS,
    REFUSED,
    SELF_TRADE,
    Accepted,
    Cancelled,
    CancelRefused,
    Filled,
    OrderEvent,
    Rejected,
)
from quanheng.edge.pair_parts import (
    DEAD,
    LIVE,
    SENT,
    WAITING,
    Book,
    Leg,
    PendingCancel,
    PendingQuote,
    accepted_ack,
    cancel_ack,
    rejected_ack,
    withdrawn_ack,
)
from quanheng.terms.codes import Side
from quanheng.terms.orders import NewOrder, Quote, QuoteAck, QuoteCancel, Trade
from quanheng.terms.units import Nanos

Command = NewOrder | str
"""An order to send, or the name of an order to cancel."""
SIDES = (Side.BUY, Side.SELL)


class Pairs:
    """All quotes of the account. Take `commands` and `told` after every call; they are emptied."""

    def __init__(self, one_sided: bool) -> None:
        """`one_sided`: where one order of a quote is refused, the other one may rest alone."""
        self._one_sided = one_sided
        self._books: dict[str, Book] = {}
        self._legs: dict[str, Leg] = {}  # by order name, the dead ones too: fills may come late
        self._commands: list[Command] = []
        self._told: list[QuoteAck | Trade] = []

    def commands(self) -> list[Command]:
        """What to do at the counter now, in this order."""
        out, self._commands = self._commands, []
        return out

    def told(self) -> list[QuoteAck | Trade]:
        """What happened to the quotes."""
        out, self._told = self._told, []
        return out

    def holds(self, name: str) -> bool:
        """True for an order that is one side of a quote."""
        return name in self._legs

    def _book(self, contract: str) -> Book:
        return self._books.setdefault(contract, Book())

    def quote(self, request: Quote, at: Nanos) -> None:
        """A new quote; sides it does not carry stay as they are."""
        book = self._book(request.contract)
        pending = PendingQuote(request)
        book.quotes.append(pending)
        for side in SIDES:
            leg = Leg.of(request, side)
            if leg is None:
                continue
            before = book.waiting.pop(side, None)
            if before is not None:
                self._drop(book, before, REFUSED)
            current = book.current.get(side)
            if current is not None and current.like(leg):
                current.quote = request.client_id
                pending.legs[side] = current
                pending.outcome[side] = 0
                continue
            pending.legs[side] = book.waiting[side] = leg
            if current is not None:
                self._cancel(current)
        self._go_on(book, at)

    def cancel(self, request: QuoteCancel, at: Nanos) -> None:
        """Withdraw sides; answered when they are dead."""
        book = self._book(request.contract)
        pending = PendingCancel(request)
        asked = [side for side in SIDES if (request.bid if side == Side.BUY else request.ask)]
        dropped = False
        for side in asked:
            waiting = book.waiting.pop(side, None)
            if waiting is not None:
                self._drop(book, waiting, NOTHING_RESTS)
                dropped = True
            current = book.current.get(side)
            if current is not None:
                pending.legs.append(current)
                current.cancelling = False  # ask once more where an earlier cancel waits
                self._cancel(current)
        if not pending.legs and not dropped:
            self._told.append(cancel_ack(request, at, NOTHING_RESTS))
        else:
            book.cancels.append(pending)
        self._go_on(book, at)

    def hear(self, event: OrderEvent) -> None:
        """Something happened to one of the orders."""
        leg = self._legs[event.name]
        book = self._book(leg.contract)
        match event:
            case Accepted():
                if leg.state == SENT:
                    leg.state = LIVE
                self._decide(book, leg, 0)
            case Rejected():
                self._bury(book, leg)
                self._decide(book, leg, event.reason)
            case Filled():
                leg.leaves -= event.qty
                self._told.append(leg.trade(event))
                self._decide(book, leg, 0)
                if leg.leaves <= 0:
                    self._bury(book, leg)
            case Cancelled():
                self._cancelled(book, leg, event)
            case CancelRefused():
                self._cancel_refused(book, leg, event)
        self._go_on(book, event.at)

    def _cancelled(self, book: Book, leg: Leg, event: Cancelled) -> None:
        if leg.state == DEAD:
            return
        wanted = [one for one in book.cancels if leg in one.legs]
        self._decide(book, leg, 0)
        self._bury(book, leg)
        for pending in wanted:
            pending.qty[leg.side] = event.qty
            pending.names[leg.side] = leg.quote
        if not wanted:
            leg.withdrawn = event.qty  # for a new quote, or by the counter itself
            self._tell_gone(leg, event.at)

    def _tell_gone(self, leg: Leg, at: Nanos) -> None:
        """A side is no longer there, once its quote has been said to be."""
        if leg.withdrawn and leg.known:
            self._told.append(withdrawn_ack(leg, at))
            leg.withdrawn = 0

    def _cancel_refused(self, book: Book, leg: Leg, event: CancelRefused) -> None:
        leg.cancelling = False
        if leg.state == DEAD or event.reason == NOTHING_RESTS:
            return  # the fills that emptied it say so themselves
        for pending in [one for one in book.cancels if leg in one.legs]:
            book.cancels.remove(pending)
            self._told.append(cancel_ack(pending.request, event.at, event.reason))
        waiting = book.waiting.pop(leg.side, None)
        if waiting is not None:
            self._drop(book, waiting, event.reason)

    def stuck(self) -> list[str]:
        """Orders that must go and whose cancel was refused."""
        found = []
        for book in self._books.values():
            for quote in book.quotes:
                found += [leg.name for leg in self._owned(quote) if not leg.cancelling]
        return found

    def retry(self) -> None:
        """Ask for those again."""
        for name in self.stuck():
            self._cancel(self._legs[name])

    def _owned(self, quote: PendingQuote) -> list[Leg]:
        """What a failed quote still has at the counter."""
        if not quote.pulled:
            return []
        mine = quote.request.client_id
        live = [leg for leg in quote.legs.values() if leg.state in (SENT, LIVE)]
        return [leg for leg in live if leg.quote == mine]

    def lost(self, at: Nanos) -> None:
        """The counter is gone: what still waits is never sent, what was asked may be forgotten."""
        for book in self._books.values():
            for side in SIDES:
                waiting = book.waiting.pop(side, None)
                if waiting is not None:
                    self._drop(book, waiting, REFUSED)
            for leg in book.current.values():
                leg.cancelling = False
            for quote in book.quotes:
                quote.pulled = False
            self._settle(book, at, pull=False)

    def found(self, at: Nanos) -> None:
        """The counter is back: ask again for the cancels that are owed."""
        for book in self._books.values():
            for pending in book.cancels:
                for leg in pending.legs:
                    if leg.state != DEAD:
                        self._cancel(leg)
            self._go_on(book, at)

    def _cancel(self, leg: Leg) -> None:
        if not leg.cancelling:
            leg.cancelling = True
            self._commands.append(leg.name)

    def _drop(self, book: Book, leg: Leg, reason: int) -> None:
        """An order that was never sent."""
        leg.state = DEAD
        self._decide(book, leg, reason)

    def _bury(self, book: Book, leg: Leg) -> None:
        leg.state = DEAD
        if book.current.get(leg.side) is leg:
            del book.current[leg.side]

    def _decide(self, book: Book, leg: Leg, reason: int) -> None:
        """What became of a side of the quotes that wait for it: 0 it rested, else why not."""
        for quote in book.quotes:
            if quote.legs.get(leg.side) is leg:
                quote.outcome.setdefault(leg.side, reason)

    def _go_on(self, book: Book, at: Nanos) -> None:
        self._settle(book, at)  # first: of a quote that failed nothing more is sent
        if self._advance(book):
            self._settle(book, at)

    def _advance(self, book: Book) -> bool:
        """Send what waits and has nothing in its way; True when something of it was refused."""
        refused = False
        for side in SIDES:
            leg = book.waiting.get(side)
            if leg is None or side in book.current:
                continue
            other = book.meets(leg)
            if other is not None and other.cancelling:
                continue
            del book.waiting[side]
            if other is not None:
                self._drop(book, leg, SELF_TRADE)
                refused = True
                continue
            leg.state = SENT
            book.current[side] = self._legs[leg.name] = leg
            self._commands.append(leg.order())
        return refused

    def _settle(self, book: Book, at: Nanos, pull: bool = True) -> None:
        """Answer the quotes and cancels that can be answered."""
        for quote in list(book.quotes):
            reasons = [reason for reason in quote.outcome.values() if reason]
            if reasons and not self._one_sided and not quote.pulled and pull:
                quote.pulled = True
                self._pull(book, quote, reasons[0])
            if len(quote.outcome) < len(quote.legs):
                continue
            if reasons and not self._one_sided and not quote.is_dead():
                continue
            book.quotes.remove(quote)
            self._answer(quote, at)
        for pending in list(book.cancels):
            if all(leg.state == DEAD for leg in pending.legs):
                book.cancels.remove(pending)
                self._told.append(cancel_ack(pending.request, at, 0, pending))

    def _pull(self, book: Book, quote: PendingQuote, reason: int) -> None:
        """One side of a quote failed: the other one goes too."""
        for side, leg in quote.legs.items():
            if leg.state == WAITING:
                book.waiting.pop(side, None)
                self._drop(book, leg, reason)
        for leg in self._owned(quote):
            self._cancel(leg)

    def _answer(self, quote: PendingQuote, at: Nanos) -> None:
        request = quote.request
        good = [side for side in SIDES if quote.outcome.get(side) == 0]
        reasons = [reason for reason in quote.outcome.values() if reason]
        if good and (self._one_sided or not reasons):
            self._told.append(accepted_ack(request, at, good))
            for side in good:
                leg = quote.legs[side]
                if leg.state != DEAD or leg.withdrawn:
                    leg.known = request.client_id
                self._tell_gone(leg, at)
        if reasons:
            self._told.append(rejected_ack(request, at, reasons[0]))
            for leg in quote.legs.values():
                self._tell_gone(leg, at)
