"""Our exchange under a clock that a script moves: the real venue behind its real order server."""

import socket
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from quanheng.edge.lab.script import ScriptError
from quanheng.edge.loop import Loop
from quanheng.edge.order_server import OrderServer
from quanheng.exchange.messages import (
    Deliver,
    Halt,
    MarginAnswered,
    PlatformStateChanged,
    Refuse,
    VenueOpen,
)
from quanheng.exchange.state import PARTITIONS
from quanheng.exchange.venue import Venue
from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.runtime.live import LiveHost
from quanheng.runtime.memory import DigestJournal
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.contract import build_chain
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import NewOrder, Requests
from quanheng.terms.units import SECOND, Day, Nanos, Ticks
from quanheng.wire.profile import Profile

OPENED = from_clock("09:10")


class House:
    """The first member of `opening` is the script, the second (if any) trades against it."""

    def __init__(
        self,
        opening: VenueOpen,
        profile: Profile,
        folder: Path,
        loop: Loop,
        listeners: tuple[socket.socket, ...],
    ) -> None:
        self.notes: list[tuple[str, str]] = []
        self._profile = profile
        self._folder = folder
        self._loop = loop
        self._listeners = listeners
        self._other = opening.members[1].pbu if len(opening.members) > 1 else ""
        self._trades = 0
        self._begin(opening, folder)

    def _begin(self, opening: VenueOpen, folder: Path) -> None:
        self._opening = opening
        self.now: Nanos = midnight(opening.day) + OPENED
        self._ended = False
        self._venue = LiveHost(Host(Venue(), DigestJournal(Venue.NAME)))
        self.server = self._serve(folder, opening.day)
        self._effects(self._venue.take(opening, self.now, Source.RUNTIME))

    def _serve(self, folder: Path, day: Day) -> OrderServer:
        first, *more = self._listeners
        server = OrderServer(
            self._loop,
            first,
            self._profile,
            PARTITIONS,
            day,
            folder,
            lambda: self.now,
            self._take,
            lambda what, text: self.notes.append((what, text)),
        )
        for listener in more:
            server.listen(listener)
        return server

    def _take(self, pbu: str, requests: list[Any]) -> None:
        self._effects(self._venue.take(Requests(pbu, requests), self.now, Source.VENUE))

    def _effects(self, effects: Any) -> None:
        for effect in effects:
            if isinstance(effect, Deliver | Refuse | MarginAnswered):
                if effect.pbu == self._profile.pbu:
                    self._answer(effect)
            elif isinstance(effect, Inquiry):
                self.server.inquire(effect)
            elif isinstance(effect, PlatformStateChanged):
                self.server.set_platform(effect.state)

    def _answer(self, effect: Deliver | Refuse | MarginAnswered) -> None:
        match effect:
            case Deliver():
                self.server.deliver(effect.pbu, effect.reports)
            case Refuse():
                self.server.refuse(effect.pbu, effect.rejects)
            case MarginAnswered():
                self.server.answer(effect.pbu, effect.answer)

    def advance(self, instant: Nanos) -> None:
        """Fire every timer up to and at an instant, then let the order server's time pass."""
        while self._venue.next_due() <= instant:
            self.now = self._venue.next_due()
            self._effects(self._venue.fire(instant) or ())
        self.now = instant
        self.server.tick()

    def serve(self) -> None:
        """One turn of the order server's sockets; no time passes."""
        self._loop.poll(0)
        self.server.tick()
        self._loop.flush()

    def do(self, what: str, words: list[str]) -> None:
        """What only an exchange can do; prices in Ticks or with four decimals. ScriptError for
        an unknown action.
        """
        match what:
            case "platform":
                self.server.set_platform(int(words[0]))
                self.server.tick()
            case "outage":
                self.server.set_outage(" ".join(words))
            case "inquiry":
                now = self.now
                self.server.inquire(Inquiry(words[0], words[1], 0, 0, now, now + 15 * SECOND))
            case "end":
                self._end()
            case "newday":
                self._roll(int(words[0]))
            case "halt":
                halt = Halt(words[0], words[1] == "on")
                self._effects(self._venue.take(halt, self.now, Source.DESK))
            case "fill":
                self._fill(words[0], int(words[1].replace(".", "")), int(words[2]), words[3])
            case "note":
                found = [text for kind, text in self.notes if kind == words[0]]
                if not any(" ".join(words[1:]) in text for text in found):
                    raise ScriptError(f"no such note; there are {self.notes[-5:]}")
            case _:
                raise ScriptError(f"unknown action {what!r}")

    def _roll(self, day: Day) -> None:
        """Another day at the same time of day: a new venue, an order server with new stores."""
        self._end()
        for listener in self._listeners:
            self._loop.unlisten(listener)
        before = self._opening
        clock = self.now - midnight(before.day)
        listed = [one for one in before.chain.contracts if one.last_day >= day]
        chain = build_chain(day, listed)
        self._begin(replace(before, day=day, chain=chain), self._folder / str(day))
        self.advance(midnight(day) + clock)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self.server.close()

    def close(self) -> None:
        """Let everything go that the scene left open."""
        self._end()
        self._loop.close()

    def _fill(self, side: str, price: Ticks, qty: int, code: str) -> None:
        """Another member trades into the book."""
        self._trades += 1
        way = Side.BUY if side == "buy" else Side.SELL
        name = f"Z{self._trades:09d}"
        order = NewOrder(name, code, way, Effect.OPEN, OrderKind.LIMIT, price, qty)
        requests = Requests(self._other, [order])
        self._effects(self._venue.take(requests, self.now, Source.VENUE))
