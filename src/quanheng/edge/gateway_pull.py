"""Withdrawing: which scopes are being pulled, who pulled them, and which cancels are still owed."""

import msgspec

from quanheng.edge.gateway_parts import Flow, OpenTable, base36
from quanheng.terms.orders import OrderCancel, QuoteCancel, Request
from quanheng.terms.units import MILLISECOND, Day, Nanos

RETRY = 500 * MILLISECOND
"""A cancel that was refused (no-cancel window) or not answered is asked again after this."""


class GatewayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs to know. `underlyings` leads from contract codes to underlyings."""

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


class Puller:
    """Pulls of a gateway. `killed` bars new requests of a scope until two people release it."""

    def __init__(self, plan: GatewayPlan, table: OpenTable, boot: int) -> None:
        """`boot` counts the starts of the gateway, so that its ids never repeat within a day."""
        self.killed: dict[str, str] = {}  # scope -> who pulled it
        self.scopes: dict[str, Nanos] = {}  # being withdrawn, since when
        self._underlyings = plan.underlyings
        self._names = dict.fromkeys(plan.underlyings.values())
        self._table = table
        self._prefix = plan.letter + base36(boot, 3)
        self._counter = 0

    def kill(self, scope: str, by: str, now: Nanos) -> int:
        """Begin a pull; returns how many quotes and orders may rest in the scope. ValueError for
        a scope that is not of today.
        """
        if scope != "*" and scope not in self._underlyings and scope not in self._names:
            raise ValueError(f"scope {scope!r} is no underlying or contract of today")
        self.killed[scope] = by
        self.scopes[scope] = now
        table = self._table
        count = sum(self._inside(contract, scope) for contract in table.quotes)
        return count + sum(self._inside(row.contract, scope) for row in table.orders.values())

    def release(self, scope: str, by: str, seconded_by: str) -> None:
        """End a pull; two people (reliability.md 2.5). ValueError says why not."""
        if scope not in self.killed:
            raise ValueError(f"scope {scope!r} is not pulled")
        if not by or not seconded_by or by == seconded_by:
            raise ValueError("ending a pull takes two people")
        del self.killed[scope]
        self.scopes.pop(scope, None)

    def new_leader(self) -> None:
        """A dead engine's withdrawal ends with a new one; people's pulls go on."""
        self.scopes = {scope: at for scope, at in self.scopes.items() if scope in self.killed}

    def killer(self, contract: str) -> str:
        """Who pulled a scope around a contract, empty when nobody did."""
        killed = self.killed
        around = self._underlyings.get(contract, "")
        return killed.get("*") or killed.get(around) or killed.get(contract) or ""

    def owed(self, now: Nanos, flow: Flow, business: Nanos) -> list[Request]:
        """The cancels to send now, as far as the flow allows."""
        requests: list[Request] = []
        table = self._table
        for scope in self.scopes:
            for contract, entry in table.quotes.items():
                if self._due(contract, scope, entry.asked, now):
                    request = QuoteCancel(self._own_id(), contract, True, True)
                    if not flow.allow(request, business):
                        return requests
                    entry.asked = now
                    requests.append(request)
            for name, order in table.orders.items():
                if self._due(order.contract, scope, order.asked, now):
                    cancel = OrderCancel(self._own_id(), order.contract, name)
                    if not flow.allow(cancel, business):
                        return requests
                    order.asked = now
                    requests.append(cancel)
        return requests

    def _inside(self, contract: str, scope: str) -> bool:
        return scope in ("*", contract, self._underlyings.get(contract, ""))

    def _due(self, contract: str, scope: str, asked: Nanos, now: Nanos) -> bool:
        return self._inside(contract, scope) and (not asked or now - asked >= RETRY)

    def _own_id(self) -> str:
        self._counter += 1
        return self._prefix + base36(self._counter, 6)
