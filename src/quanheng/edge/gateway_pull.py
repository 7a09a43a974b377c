"""Withdrawing: which scopes are being pulled, who pulled them, and which cancels are still owed."""

import msgspec

from quanheng.edge.gateway_parts import NOBODY, Flow, OpenTable, Resting, Who, base36
from quanheng.edge.gateway_proof import Watch
from quanheng.edge.gateway_scope import EVERYTHING, Scopes, split_scope
from quanheng.terms.orders import OrderCancel, QuoteCancel, Request
from quanheng.terms.units import MILLISECOND, Day, Nanos

RETRY = 500 * MILLISECOND
"""A cancel that was refused (no-cancel window) or not answered is asked again after this."""
KEPT = 32
"""Proofs kept for people who ask; the log has all of them."""


class GatewayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs to know. `underlyings` leads from contract codes to underlyings, in the
    order in which a pull cancels them: nearest expiry first (reliability.md 2.5 point 2).
    """

    day: Day
    comp_id: str
    account: str
    pbu: str
    branch: str
    letter: str  # first character of its own ids: not the engine's, never Q or C
    engine_letter: str
    messages_per_second: int
    dead_man: Nanos
    speed: int  # the exchange counts its flow on business time
    underlyings: dict[str, str]
    logon_s: int = 30  # heartbeat interval of the exchange session
    pairs: bool = False  # quotes are carried as two orders: they count as what they may become


class Puller:
    """Pulls of a gateway. `killed` bars new requests of a scope until two people release it."""

    def __init__(self, plan: GatewayPlan, table: OpenTable, boot: int) -> None:
        """`boot` counts the starts of the gateway, so that its ids never repeat within a day."""
        self.killed: dict[str, str] = {}  # part of a scope -> who pulled it
        self.scopes: dict[str, Nanos] = {}  # being withdrawn, since when
        self.watches: dict[str, Watch] = {}  # by scope as asked for
        self.cut_by = ""  # who keeps the exchange session closed
        self._meaning = Scopes(plan.underlyings)
        self._rank = {code: number for number, code in enumerate(plan.underlyings)}
        self._table = table
        self._prefix = plan.letter + base36(boot, 3)
        self._counter = 0
        self._arrivals = 0  # of the table, when it was last looked through
        self._due_at: Nanos = 0  # nothing has to be asked before, unless something arrives

    def preview(self, scope: str) -> list[Resting]:
        """What a pull of the scope would withdraw, in its order. ValueError for no such scope."""
        parts = self._meaning.parts(scope)
        inside = self._meaning.inside
        rows = [row for row in self._table.all() if inside(row.contract, row.who, parts)]
        return sorted(rows, key=self._urgency)

    def kill(self, scope: str, by: str, now: Nanos) -> list[str]:
        """Begin a pull; returns the parts the engine is told of. ValueError for a scope that is
        not of today, or nobody who pulls.
        """
        if not by:
            raise ValueError("a pull names the person who pulls")
        rows = self.preview(scope)
        parts = self._meaning.parts(scope)
        for part in parts:
            self.killed[part] = by
            self.scopes[part] = now
        self._watch(scope, by, now, rows)
        known = [part for part in parts if self._meaning.known(part)]
        # The engine knows no traders or strategies as scopes: it is told of their contracts.
        return known or list(dict.fromkeys(row.contract for row in rows))

    def everything(self, by: str, now: Nanos) -> None:
        """Withdraw all that rests without barring anything: `by` is the switch that fired."""
        self.rest(now)
        self._watch(EVERYTHING, by, now, self.preview(EVERYTHING))

    def rest(self, now: Nanos) -> None:
        """Withdraw whatever is left, without a proof of its own: the engine leaves."""
        self.scopes[EVERYTHING] = now
        self._due_at = 0

    def _watch(self, scope: str, by: str, now: Nanos, rows: list[Resting]) -> None:
        self._due_at = 0
        self.watches.pop(scope, None)
        self.watches[scope] = Watch(scope, by, now, rows)
        while len(self.watches) > KEPT:
            del self.watches[next(iter(self.watches))]

    def release(self, scope: str, by: str, seconded_by: str) -> None:
        """End a pull; two people (reliability.md 2.5). ValueError says why not."""
        parts = split_scope(scope)
        for part in parts:
            if part not in self.killed:
                raise ValueError(f"scope {part!r} is not pulled")
        _two(by, seconded_by, "a pull")
        for part in parts:
            del self.killed[part]
            self.scopes.pop(part, None)

    def cut(self, by: str) -> None:
        """Keep the exchange session closed: the last resort (reliability.md 2.5 K4). What rests
        there stays, so a pull comes first. ValueError for nobody who cuts.
        """
        if not by:
            raise ValueError("cutting the session names the person who does it")
        self.cut_by = by

    def rejoin(self, by: str, seconded_by: str) -> None:
        """Let the session be opened again; two people. ValueError says why not."""
        if not self.cut_by:
            raise ValueError("the session is not cut")
        _two(by, seconded_by, "a cut")
        self.cut_by = ""

    def new_leader(self) -> None:
        """A dead engine's withdrawal ends with a new one; people's pulls go on."""
        self.scopes = {scope: at for scope, at in self.scopes.items() if scope in self.killed}

    def killer(self, contract: str, who: Who = NOBODY) -> str:
        """Who pulled a scope that covers a contract, or a person's part of it; empty for nobody."""
        if not self.killed:
            return ""
        around = self._meaning.around(contract, who)
        return next((self.killed[part] for part in around if part in self.killed), "")

    def barred(self, contract: str, who: Who) -> None:
        """A new request of a pulled scope was refused."""
        for scope, watch in self.watches.items():
            if self._meaning.inside(contract, who, split_scope(scope)):
                watch.barred += 1

    def look(self, now: Nanos) -> list[Watch]:
        """Follow the pulls; those that are whole now, or overdue now."""
        news = []
        for watch in self.watches.values():
            if not watch.over:
                watch.look(self._table, now)
                if watch.over or watch.overdue(now):
                    news.append(watch)
        return news

    def owed(self, now: Nanos, flow: Flow, business: Nanos) -> list[Request]:
        """The cancels to send now, most urgent first, as far as the flow allows.

        It is asked at every report of a pull, so it looks through the table only when something
        can be due: after a new pull or arrival, and when the oldest cancel has to be repeated.
        """
        news = self._arrivals != self._table.arrivals
        if not (news or now >= self._due_at) or not flow.cancels_left(business):
            return []
        requests: list[Request] = []
        self._arrivals, self._due_at = self._table.arrivals, 0
        rows = [row for row in self._table.all() if self._due(row, now)]
        for row in sorted(rows, key=self._urgency):
            name = self._own_id()
            request: Request = (
                OrderCancel(name, row.contract, row.name)
                if row.name
                else QuoteCancel(name, row.contract, True, True)
            )
            if not flow.allow(request, business):
                return requests
            row.asked = now
            for watch in self.watches.values():
                if not watch.over:
                    watch.cancelled(row, now)
            requests.append(request)
        asked = [row.asked for row in self._table.all() if row.asked and self._covers(row)]
        self._due_at = min(asked, default=now) + RETRY
        return requests

    def _urgency(self, row: Resting) -> int:
        return self._rank.get(row.contract, len(self._rank))

    def _due(self, row: Resting, now: Nanos) -> bool:
        return not (row.asked and now - row.asked < RETRY) and self._covers(row)

    def _covers(self, row: Resting) -> bool:
        if EVERYTHING in self.scopes:
            return True
        return self._meaning.inside(row.contract, row.who, self.scopes)

    def _own_id(self) -> str:
        self._counter += 1
        return self._prefix + base36(self._counter, 6)


def _two(by: str, seconded_by: str, what: str) -> None:
    if not by or not seconded_by or by == seconded_by:
        raise ValueError(f"ending {what} takes two people")
