"""Rehearsals on invented data: no kernel is compiled or loaded while a machine is needed.

A copy of the maker is opened, quotes a market around the settlement prices, hears
acknowledgements, a fill, an inquiry and a pull, takes over, and is thrown away.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.messages import Deliver, EtfOpen, VenueOpen
from quanheng.exchange.venue import Venue
from quanheng.kernels.pack import pack
from quanheng.maker.maker import VIEW, WATCH, Maker
from quanheng.maker.messages import MakerOpen
from quanheng.oversight.messages import CloseDay, Figures, OverseerOpen
from quanheng.oversight.overseer import FIGURES, Overseer
from quanheng.runtime.envelope import (
    Envelope,
    LinkChanged,
    NotSent,
    Source,
    TimerFired,
    TookOver,
)
from quanheng.runtime.host import Host
from quanheng.runtime.live import LiveHost
from quanheng.runtime.memory import DigestJournal
from quanheng.terms import market
from quanheng.terms.codes import Effect, Exec, Link, OrderKind, Phase, Side
from quanheng.terms.commands import Pull, SignOn
from quanheng.terms.contract import Chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import (
    NewOrder,
    OrderCancel,
    Quote,
    QuoteAck,
    QuoteCancel,
    Report,
    Reports,
    Request,
    Requests,
    Send,
    Trade,
)
from quanheng.terms.units import SECOND, Nanos


class _Play:
    """Feeds a machine and answers what it sends."""

    def __init__(self, machine: Any, chain: Chain, at: Nanos) -> None:
        self.machine = machine
        self.chain = chain
        self.at = at
        self.seq = 0
        self.indices: dict[str, int] = {}
        self.slots = {item.code: slot for slot, item in enumerate(chain.contracts)}

    def take(self, body: Any) -> Sequence[Any]:
        self.seq += 1
        self.at += SECOND // 2
        effects: Sequence[Any] = self.machine.apply(
            Envelope(self.seq, self.at, Source.RUNTIME, 0, body)
        )
        return effects

    def answer(self, effects: Sequence[Any]) -> None:
        """Acknowledge every request; fill one contract of the first accepted quote."""
        reports: list[Report] = []
        for effect in effects:
            if isinstance(effect, Send):
                for request in effect.requests:
                    if isinstance(request, Quote | QuoteCancel):
                        reports += self._reports(request, not reports)
        if reports:
            self.take(Reports(reports))

    def _reports(self, request: Quote | QuoteCancel, fill: bool) -> list[Report]:
        name = str(300 + (self.slots[request.contract] & 1))
        bodies: list[Any] = []
        if isinstance(request, Quote):
            bodies.append(_accept(request, self.at))
            contract = self.chain.contracts[self.slots[request.contract]]
            if fill and request.bid_qty:
                bodies.append(_fill(request, contract.unit, self.at))
        else:
            bodies.append(_cancelled(request, self.at))
        out = []
        for body in bodies:
            index = self.indices.get(name, 0) + 1
            self.indices[name] = index
            out.append(Report(name, index, body))
        return out


def _accept(quote: Quote, at: Nanos) -> QuoteAck:
    return QuoteAck(
        False, Exec.ACCEPTED, quote.client_id, quote.contract, 1, quote.bid, quote.ask,
        quote.bid_qty, quote.ask_qty, quote.bid_effect, quote.ask_effect, at, 0, "", 0, "", 0,
    )  # fmt: skip


def _cancelled(request: QuoteCancel, at: Nanos) -> QuoteAck:
    return QuoteAck(
        True, Exec.CANCELLED, request.client_id, request.contract, 0, 0, 0, 0, 0,
        Effect.OPEN, Effect.OPEN, at, 0,
        "", 0, "", 0,
    )  # fmt: skip


def _fill(quote: Quote, unit: int, at: Nanos) -> Trade:
    return Trade(
        quote.client_id, quote.contract, 1, 1, quote.bid, 1,
        quote.bid_qty - 1, Side.BUY,
        quote.bid_effect, False, at, at, quote.bid * unit,
    )  # fmt: skip


def _rows(chain: Chain, klass: int, shift: int) -> bytes:
    span = chain.classes[klass]
    rows = np.zeros((span.stop - span.start, market.COLUMNS), dtype=np.int64)
    for row, slot in zip(rows, range(span.start, span.stop), strict=True):
        price = max(20, chain.contracts[slot].previous_settle + shift)
        row[market.SLOT], row[market.PHASE], row[market.FLAGS] = slot, Phase.CONTINUOUS, 8
        row[market.LAST] = price
        row[market.BID], row[market.BID_QTY] = price - 5, 50
        row[market.ASK], row[market.ASK_QTY] = price + 5, 50
    return pack(rows)


def _underlyings(chain: Chain, turn: int) -> tuple[UnderlyingTick, ...]:
    return tuple(
        UnderlyingTick(
            number,
            Phase.CONTINUOUS,
            base + 10 * turn,
            0,
            0,
            (base,),
            (100,),
            (base + 10,),
            (100,),
        )
        for number, klass in enumerate(chain.classes)
        for base in (chain.contracts[klass.start].underlying_close,)
    )


def rehearse(opening: MakerOpen) -> int:
    """Play it; returns how many requests the machine sent."""
    chain = opening.chain
    start = midnight(chain.day) + from_clock("10:00")
    play = _Play(Maker(), chain, start)
    play.take(opening)
    play.take(SignOn("trader", "T01", True))
    play.take(LinkChanged(Link.SYNCING))
    play.take(LinkChanged(Link.READY))
    sent = 0
    for turn in range(4):
        play.take(UnderlyingTicks(play.at, _underlyings(chain, turn)))
        for klass in range(len(chain.classes)):
            tick = ChainTick(klass, play.at, True, _rows(chain, klass, turn))
            effects = play.take(tick)
            sent += sum(len(e.requests) for e in effects if isinstance(e, Send))
            play.answer(effects)
    contract = chain.contracts[0].code
    play.answer(play.take(Inquiry("1", contract, 0, 0, play.at, play.at + 30 * SECOND)))
    play.take(NotSent([], "rehearsal"))
    for name in (WATCH, VIEW):
        play.take(TimerFired(name, play.at))
    play.answer(play.take(Pull("*", "rehearsal")))
    play.take(LinkChanged(Link.DOWN))
    play.take(TookOver(opening.epoch + 1))
    play.machine.restore(play.machine.snapshot())
    play.machine.digest()
    return sent


def rehearse_overseer(opening: OverseerOpen) -> int:
    """Show a copy of the overseer two images of each class and let it figure twice, once at the end
    of the day; returns how many tables of figures it made.
    """
    chain = opening.chain
    play = _Play(Overseer(), chain, midnight(chain.day) + from_clock("10:00"))
    play.take(opening)
    tables = 0
    for turn in range(2):
        play.take(UnderlyingTicks(play.at, _underlyings(chain, turn)))
        for klass in range(len(chain.classes)):
            play.take(ChainTick(klass, play.at, True, _rows(chain, klass, turn)))
        last = CloseDay() if turn else TimerFired(FIGURES, play.at)
        tables += sum(isinstance(effect, Figures) for effect in play.take(last))
    play.machine.restore(play.machine.snapshot())
    play.machine.digest()
    return tables


_STEP = 10 * SECOND
"""Snapshot interval of the rehearsed exchange: its kernels matter, not its market."""


def rehearse_exchange(opening: VenueOpen, etf_opening: EtfOpen) -> int:
    """Run copies of both venues from before the opening auction into continuous trading, with
    quotes and orders of the member; returns how many reports they gave.
    """
    start = midnight(opening.day)
    venue = _rehearsed(Venue())
    etf = _rehearsed(EtfVenue())
    at = start + from_clock("09:10")
    coarse = msgspec.structs.replace(opening, snapshot_nanos=_STEP, switches={"flow_limit": "off"})
    venue.take(coarse, at, Source.RUNTIME)
    etf.take(msgspec.structs.replace(etf_opening, snapshot_nanos=_STEP), at, Source.RUNTIME)
    pbu = opening.members[0].pbu
    count = 0
    for clock in ("09:18", "09:30:30", "09:31"):
        until = start + from_clock(clock)
        while (due := min(etf.next_due(), venue.next_due())) <= until:
            if etf.next_due() == due:
                for effect in etf.fire(due) or ():
                    if type(effect) is UnderlyingTicks:
                        venue.take(effect, due, Source.FEED)
            else:
                venue.fire(due)
        requests = _requests(opening.chain, clock)
        effects = venue.take(Requests(pbu, [*requests]), until, Source.VENUE)
        count += sum(len(item.reports) for item in effects if isinstance(item, Deliver))
    for machine in (venue, etf):
        machine.host.machine.restore(machine.host.machine.snapshot())
        machine.host.machine.digest()
    return count


def _rehearsed(machine: Any) -> LiveHost:
    return LiveHost(Host(machine, DigestJournal(machine.NAME)))


def _requests(chain: Chain, clock: str) -> list[Request]:
    """A wide quote in the first contract of each class, crossing ones, an order, cancels."""
    stem = "Z" + clock.replace(":", "").ljust(6, "0")
    names = iter(f"{stem}{number:03d}" for number in range(1_000))
    opened = Effect.OPEN
    out: list[Request] = []
    for klass in chain.classes:
        contract = chain.contracts[klass.start]
        price, code = max(200, contract.previous_settle // 10 * 10), contract.code
        for bid, ask in ((price - 100, price + 100), (price - 50, price + 50)):
            out.append(Quote(next(names), code, bid, ask, 10, 10, opened, opened))
        order = NewOrder(next(names), code, Side.BUY, opened, OrderKind.LIMIT, price + 20, 1)
        out += [order, OrderCancel(next(names), code, order.client_id)]
        for kind in (OrderKind.MARKET_IOC, OrderKind.LIMIT_FOK):
            out.append(NewOrder(next(names), code, Side.SELL, opened, kind, price - 100, 1))
        out.append(QuoteCancel(next(names), code, True, True))
    return out
