"""A broker's counter behind the gateway's port (`edge.port`): the third carrier of orders.

The gateway sees what it sees of TDGW: requests in, numbered reports out, replays by index, a link
that is up or down. Reports have one stream, CTR. The journal of the link (`counter.bin` in the
gateway's folder) holds what was asked and told; a gateway that starts again reads it first.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from quanheng.edge.counter_core import CounterCore
from quanheng.edge.counter_facts import (
    Asked,
    Bound,
    Clock,
    Counter,
    Failed,
    InVain,
    LinkIs,
    Overdue,
    Record,
    Said,
    Sending,
    Units,
)
from quanheng.edge.link_messages import FrameReader, encode_frame
from quanheng.edge.report_store import ReportStore
from quanheng.terms.codes import OrderKind, Side
from quanheng.terms.orders import (
    AnyRequest,
    NewOrder,
    OrderCancel,
    Quote,
    QuoteCancel,
    Report,
    Request,
    Unreadable,
)
from quanheng.terms.units import MILLISECOND, SECOND, Day, Nanos
from quanheng.wire import codes
from quanheng.wire.events import (
    Disconnect,
    Event,
    ExecRptInfo,
    LoggedOn,
    PlatformState,
    ProtocolError,
    ReportArrived,
    ReportUnreadable,
    SyncAnswered,
)
from quanheng.wire.fields import WireError
from quanheng.wire.session import OPTION_PLATFORM, Phase

STREAM = "CTR"
PAGE = 512
RETRY = SECOND
"""How often a cancel that was refused is asked for again where the pair itself wants it."""
NOT_CARRIED = codes.number("INVALID_ORDER_TYPE")


class CounterPort:
    """The member's side. Opened once a day; `again` after a loss of the counter."""

    def __init__(
        self, counter: Counter, folder: Path, pbu: str, day: Day, contracts: Sequence[str],
        clock: Clock, *, one_sided: bool, letter: str,
    ) -> None:  # fmt: skip
        """Reads the journal. ValueError for one that is damaged before its end."""
        self._counter = counter
        self._pbu = pbu
        self._day = day
        self._contracts = contracts
        self._clock = clock
        self._core = CounterCore(letter, one_sided)
        self._store = ReportStore(folder / "counter-reports.bin")
        self._next = 0  # index of the next report to deliver; 0 before it was asked for
        self._answers: list[SyncAnswered] = []
        self._opened = False
        self._session = 0
        self._retry_at: Nanos = 0
        self._path = folder / "counter.bin"
        last = self._read()
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if last:
            self._keep(LinkIs(last, False))  # whoever wrote it lost the counter when it ended

    def _read(self) -> Nanos:
        """Fold the journal in; what it ends with is cut off if it was not written whole. Returns
        the instant of the last record, 0 for none.
        """
        last: Nanos = 0
        data = self._path.read_bytes() if self._path.exists() else b""
        reader: FrameReader[Record] = FrameReader(Record)
        good = 0
        for record in reader.feed(data):
            good += len(encode_frame(record))
            last = record.at
            self._fold(record)
        if good < len(data):
            os.truncate(self._path, good)
        self._core.commands()  # they were given to the counter, or never were
        self._core.problems.clear()
        return last

    def _fold(self, record: Record) -> None:
        self._core.take(record)
        bodies = self._core.told()
        if bodies:
            first = len(self._store) + 1
            self._store.add([Report(STREAM, first + i, body) for i, body in enumerate(bodies)])

    def _keep(self, record: Record) -> None:
        """Written before it counts: it outlives this process."""
        os.write(self._file, encode_frame(record))
        self._fold(record)

    @property
    def phase(self) -> Phase:
        """ACTIVE while the counter is there and its contracts are known."""
        return Phase.ACTIVE if self._opened else Phase.NEW

    def output(self) -> bytes:
        """Nothing travels by socket."""
        return b""

    def receive(self, data: bytes, now: Nanos) -> list[Event]:
        """Nothing arrives by socket."""
        return []

    def send_logout(self, now: Nanos) -> bytes:
        """Leave the counter."""
        self._counter.close()
        if self._opened:
            self._gone(self._at(now))
        return b""

    def _at(self, now: Nanos) -> Nanos:
        """Stamps are whole milliseconds of the exchange's time (borders.md 1)."""
        return self._clock(now) // MILLISECOND * MILLISECOND

    def send_requests(self, requests: Sequence[AnyRequest], now: Nanos) -> bytes:
        """Orders and quotes, all or none. WireError names one that a counter cannot carry."""
        for request in requests:
            self._check(request)
        for request in requests:
            if isinstance(request, Request):
                self._keep(Asked(self._at(now), request))
                self._do(now)
        return b""

    def _check(self, request: AnyRequest) -> None:
        if not isinstance(request, Request):
            what = type(request).__name__
            raise WireError(NOT_CARRIED, 0, what, "a counter carries orders and quotes only")
        if isinstance(request, OrderCancel | QuoteCancel):
            return
        if not self._core.units.get(request.contract):
            raise WireError(
                codes.number("SECURITY_OR_BUSINESS_WRONG"), 48, request.contract,
                "the counter has no such contract",
            )  # fmt: skip
        for order in _orders(request):
            why = self._counter.problem(order)
            if why:
                raise WireError(NOT_CARRIED, 0, order.client_id, why)

    def _do(self, now: Nanos) -> None:
        """Carry out what the core wants, and what follows from it."""
        while commands := self._core.commands():
            for command in commands:
                if isinstance(command, NewOrder):
                    self._send(command, now)
                else:
                    self._cancel(command, now)

    def _send(self, order: NewOrder, now: Nanos) -> None:
        at, name = self._at(now), order.client_id
        self._keep(Sending(at, name))
        counter_id = self._counter.send(order)
        if counter_id is not None:  # else nobody knows: UNKNOWN until the counter tells
            self._keep(Bound(at, name, counter_id) if counter_id else Failed(at, name))

    def _cancel(self, name: str, now: Nanos) -> None:
        orders, at = self._core.orders, self._at(now)
        if orders.cancel_refusal(name, at):
            self._keep(InVain(at, name))
            return
        order = orders.known[name]
        orders.cancelling(name, now)
        self._counter.cancel(order.counter_id, order.terms.contract)

    def send_index_sync(self, pbu: str, set_id: str, index: int, now: Nanos) -> bytes:
        """Deliver the reports from `index` on, whatever was delivered before."""
        self._next = index
        self._answers.append(SyncAnswered(pbu, set_id, index, 1))
        return b""

    def tick(self, now: Nanos) -> list[Event]:
        """Hear the counter, look after what it owes, deliver reports."""
        events: list[Event] = []
        at = self._at(now)
        for fact in self._counter.take(now, at):
            if isinstance(fact, Said):
                events.append(ProtocolError(0, fact.text, False))
            else:
                self._keep(fact)
        if self._opened and not (self._counter.up and self._counter.session == self._session):
            events += self._gone(at)
        elif self._counter.up and not self._opened:
            events += self._came(at)
        if self._opened:
            self._look_after(now, at)
            self._do(now)
        events += [ProtocolError(0, reason, False) for reason in self._core.problems]
        self._core.problems.clear()
        events += self._answers
        self._answers.clear()
        if self._next:
            events += self._deliver()
        return events

    def _gone(self, at: Nanos) -> list[Event]:
        """The counter, or the connection that was, is no longer there."""
        self._opened = False
        self._next = 0
        self._keep(LinkIs(at, False))
        return [Disconnect("the counter is gone")]

    def _came(self, at: Nanos) -> list[Event]:
        """The counter is there."""
        self._opened, self._session = True, self._counter.session
        units = {code: self._counter.unit(code) for code in self._contracts}
        self._keep(Units(at, {code: unit for code, unit in units.items() if unit}))
        missing = [code for code, unit in units.items() if not unit]
        for name in self._core.orders.unsent():
            self._keep(Failed(at, name))
        self._keep(LinkIs(at, True))
        events: list[Event] = [
            LoggedOn("counter", 0, "", self._day),
            PlatformState(OPTION_PLATFORM, 2),
            ExecRptInfo((self._pbu,), (STREAM,)),
        ]
        if missing:
            reason = f"the counter does not have {len(missing)} contracts: {missing[0]} …"
            events.append(ProtocolError(0, reason, False))
        doubtful = self._core.orders.doubtful()
        if doubtful:
            reason = f"{len(doubtful)} orders may be at the counter or not: {doubtful[0]} …"
            events.append(ProtocolError(0, reason, False))
        return events

    def _look_after(self, now: Nanos, at: Nanos) -> None:
        for name in self._core.orders.overdue(now):
            self._keep(Overdue(at, name))
        if now >= self._retry_at:
            self._retry_at = now + RETRY
            if self._core.pairs.stuck():
                self._keep(Overdue(at, ""))

    def _deliver(self) -> list[Event]:
        events: list[Event] = []
        while reports := self._store.read(self._next, PAGE):
            self._next += len(reports)
            for report in reports:
                if isinstance(report.body, Unreadable):
                    error = WireError(report.body.reason, 0, STREAM, "told by the counter")
                    events.append(ReportUnreadable(self._pbu, STREAM, report.index, error))
                else:
                    events.append(ReportArrived(self._pbu, report))
        return events

    def close(self) -> None:
        """Close the files and leave the counter."""
        self._counter.close()
        self._store.close()
        os.close(self._file)


def _orders(request: Request) -> list[NewOrder]:
    """The orders that a request may become."""
    if isinstance(request, NewOrder):
        return [request]
    if not isinstance(request, Quote):
        return []
    sides = []
    for side, price, qty, effect in (
        (Side.BUY, request.bid, request.bid_qty, request.bid_effect),
        (Side.SELL, request.ask, request.ask_qty, request.ask_effect),
    ):
        if qty:
            given = (side, effect, OrderKind.LIMIT, price, qty)
            sides.append(NewOrder(request.client_id, request.contract, *given))
    return sides
