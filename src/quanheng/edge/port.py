"""The port to the exchange's order line: what the gateway asks of whatever carries its orders.

TDGW (`wire.tdgw.ClientSession`), EzSTEP's tables (`edge.ezstep`) and a broker's counter
(`edge.counter_port`) are behind it alike, so fence, pull and resynchronisation know no carrier.
"""

from collections.abc import Sequence
from typing import Protocol

from quanheng.terms.orders import AnyRequest
from quanheng.terms.units import Nanos
from quanheng.wire.events import Event
from quanheng.wire.session import Phase


class Port(Protocol):
    """One carrier's session. Bytes are for a socket; carriers without one return none."""

    @property
    def phase(self) -> Phase:
        """Requests pass while it is ACTIVE."""

    def send_requests(self, requests: Sequence[AnyRequest], now: Nanos) -> bytes:
        """Send all or none. WireError names one that cannot be carried."""

    def send_index_sync(self, pbu: str, set_id: str, index: int, now: Nanos) -> bytes:
        """Ask for the reports of a stream from `index` on."""

    def send_logout(self, now: Nanos) -> bytes:
        """Leave in order."""

    def receive(self, data: bytes, now: Nanos) -> list[Event]:
        """What arrived by socket."""

    def tick(self, now: Nanos) -> list[Event]:
        """Let time pass; a carrier without a socket is polled here."""

    def output(self) -> bytes:
        """Bytes that are due."""
