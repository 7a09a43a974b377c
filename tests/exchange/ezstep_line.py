"""A member and the venue over one database, for the tests of the three-table carrier."""

from typing import Any

import sqlalchemy as sa
from exchange_world import DAY, World, at, member, opening

from quanheng.edge import ezstep
from quanheng.edge.ezstep import EzstepClient, EzstepServer
from quanheng.exchange.messages import Deliver, Refuse
from quanheng.runtime.envelope import Source
from quanheng.terms.codes import Effect, OrderKind, Side
from quanheng.terms.orders import NewOrder, Quote, Report, Requests
from quanheng.wire.events import ReportArrived, RequestArrived
from quanheng.wire.profile import Profile

CODE = "10007000"
MINE, OTHER = member(), member("A0002", "M2")
PROFILE = Profile("D89000A000", "A0001")
STEP = 50_000_000


def quote(name: str, bid: int = 990, ask: int = 1_010) -> Quote:
    return Quote(name, CODE, bid, ask, 10, 10, Effect.OPEN, Effect.OPEN)


def order(name: str, price: int = 990, qty: int = 1) -> NewOrder:
    return NewOrder(name, CODE, Side.BUY, Effect.OPEN, OrderKind.LIMIT, price, qty)


class Line:
    """A member and the venue over one database; every report of the venue is kept for replays."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.world = World(opening(members=(MINE, OTHER)))
        self.world.until(at("10:00"))
        self.now = at("10:00")
        self.client = EzstepClient(engine, PROFILE, DAY)
        self.server = EzstepServer(engine, (PROFILE,))
        self.reports: list[Report] = []
        self.up: list[Any] = []
        for set_id in (ezstep.RESPONSES, ezstep.TRADES):
            self.client.send_index_sync("A0001", set_id, 1, self.now)

    def turn(self) -> list[Any]:
        """One look on each side; returns what the member heard."""
        self.now += STEP
        self.world.now = self.now
        for event in self.server.tick(self.now):
            self.up.append(event)
            if isinstance(event, RequestArrived) and event.request is not None:
                self.take(event.request)
        return self.client.tick(self.now)

    def take(self, request: Any, pbu: str = "A0001") -> None:
        """The venue's answers into the tables."""
        for effect in self.world.give(Requests(pbu, [request]), Source.VENUE):
            if isinstance(effect, Deliver) and effect.pbu == "A0001":
                self.reports += effect.reports
                self.server.deliver("A0001", effect.reports, self.now)
            elif isinstance(effect, Refuse) and effect.pbu == "A0001":
                self.server.refuse(effect.rejects)

    def rows(self, table: sa.Table) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(table)).mappings())


def bodies(events: list[Any]) -> list[Any]:
    return [event.report.body for event in events if isinstance(event, ReportArrived)]
