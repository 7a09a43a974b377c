"""The gateway's rig with a broker's counter in place of TDGW."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from gateway_rig import CODES, DAY, PLAN, Rig
from stub_counter import Broker

from quanheng.edge.counter_port import CounterPort
from quanheng.edge.vnpy_link import VnpyCounter, VnpySetup
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.orders import AnyRequest, QuoteAck, Report, Reports
from quanheng.terms.units import SECOND, Nanos

SETUP = VnpySetup(gateway="stub_counter:StubGateway", settings={"broker": "B"}, settle=0)
PAIRED = msgspec.structs.replace(PLAN, pairs=True)
TEN = midnight(DAY) + from_clock("10:00")


class SpyPort(CounterPort):
    """Remembers what arrived at the port."""

    arrived: list[Any]

    def send_requests(self, requests: Sequence[AnyRequest], now: Nanos) -> bytes:
        done = super().send_requests(requests, now)
        self.arrived += requests
        return done


class CounterRig(Rig):
    """A gateway, a counter behind it, and a clock that only the test moves."""

    plan = PAIRED
    setup = SETUP
    one_sided = False

    def __init__(self, epoch: int = 0, folder: Path | None = None, **changes: Any) -> None:
        self.folder = folder or Path(mkdtemp())
        self.setup = msgspec.structs.replace(self.setup, **changes)
        self.broker = Broker("B", CODES)
        super().__init__(epoch)

    @property
    def window(self) -> bool:  # type: ignore[override]
        """Inside a no-cancel window: a counter's cancels come to nothing."""
        return self.broker.deaf

    @window.setter
    def window(self, inside: bool) -> None:
        self.broker.deaf = inside

    def connect(self) -> None:
        """As the gateway's process does it."""
        self.broker.gateways.clear()
        self.port = SpyPort(
            VnpyCounter(self.setup, dict(self.setup.settings)), self.folder, PLAN.pbu, DAY, CODES,
            lambda now: TEN + now, one_sided=self.one_sided, letter="X",
        )  # fmt: skip
        self.port.arrived = self.arrived
        self.core.attach(self.port)
        self.settle()

    def settle(self) -> None:
        """Poll the counter until nothing is left to say."""
        for _ in range(4):
            self.tick()
        assert self.core.out_wire() == b""
        self.told += self.core.out_engine()

    def tick(self) -> None:
        """As the gateway's process does it: a lost counter is polled on until it is back."""
        if self.core.session is None:
            self.core.attach(self.port)
        if not self.core.tick(self.now):
            self.core.disconnected(self.now, "test")

    def reports_told(self) -> list[Report]:
        return [report for one in self.said(Reports) for report in one.reports]

    def bodies(self) -> list[Any]:
        return [report.body for report in self.reports_told()]

    def acks(self) -> list[QuoteAck]:
        return [body for body in self.bodies() if isinstance(body, QuoteAck)]

    def later(self, seconds: float, beats: int = 1) -> None:
        self.pass_time(round(seconds * 1_000), beats)


__all__ = ["CODES", "SECOND", "CounterRig"]
