"""Two lines each for orders and market data, cut and mended apart and together (T-05, F38)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_rig import CODES, PLAN, STAMP
from test_live_sockets import a_chain

from quanheng.compose.day import DayPlan
from quanheng.compose.live_setup import Prepared
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.edge import gateway_main, maker_process, overseer_process
from quanheng.edge.clock import monotonic
from quanheng.edge.gateway_main import GatewayProcess, Setup
from quanheng.edge.isolation import IsolationError, Register
from quanheng.edge.line_cuts import CUT_FILE, LineCuts
from quanheng.edge.link_messages import Beat, Hello, Sync
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.edge.maker_setup import MakerSetup
from quanheng.edge.market_feed import FeedClient, Publisher
from quanheng.edge.order_server import OrderServer
from quanheng.terms.codes import Effect, Link, Phase
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.orders import Quote, Send
from quanheng.terms.units import SECOND
from quanheng.wire.profile import Profile

DAY = 20240627
AT = 1_719_451_800 * SECOND


class Exchange:
    """Order server and publisher, two lines each, and a gateway and a reader of ours."""

    def __init__(self, run: Path) -> None:
        for name in ("live", "exchange"):
            (run / name).mkdir()
        self.run, self.loop, self.notes = run, Loop(), []
        names = ("order", "order_standby", "feed", "feed_standby")
        listeners = {name: tcp_listener("127.0.0.1", 0) for name in names}
        ends = {name: one.getsockname() for name, one in listeners.items()}
        self.requests: list[Any] = []
        profile = Profile(PLAN.account, PLAN.pbu, PLAN.branch)
        self.server = OrderServer(
            self.loop, listeners["order"], profile, ("300", "301"), DAY, run / "exchange",
            monotonic, lambda pbu, requests: self.requests.extend(requests),
            lambda what, text: None,
        )  # fmt: skip
        self.server.set_platform(2)
        self.chain = a_chain()
        self.publisher = Publisher(self.chain, self.loop, listeners["feed"], monotonic)
        self.server.listen(listeners["order_standby"])
        self.publisher.listen(listeners["feed_standby"])
        owner = {"order": self.server.listen, "feed": self.publisher.listen}
        lines = {name: (one, owner[name.split("_")[0]]) for name, one in listeners.items()}
        self.cuts = LineCuts(self.loop, run, lines, lambda *note: self.notes.append(note))
        host, port = ends["order"]
        plan = PLAN
        setup = Setup(plan, host, port, standby=(ends["order_standby"],))
        self.gateway = GatewayProcess(run, setup, self.loop)
        self.ticks: list[Any] = []
        self.feed = FeedClient(
            self.chain, self.loop, ends["feed"], self.ticks.append, self.ticks.append,
            (ends["feed_standby"],),
        )  # fmt: skip
        self.leads, self.next_sync = False, 0

    def turn(self) -> None:
        now = monotonic()
        self.cuts.turn(now)
        self.server.tick()
        self.publisher.tick()
        self.feed.tick(now)
        if self.leads:
            core = self.gateway.core
            core.from_engine(Beat(1), now)
            if core.link not in (Link.DOWN, Link.READY) and now >= self.next_sync:
                self.next_sync = now + SECOND  # what an engine asks for when a line is back
                core.from_engine(Sync({}), now)
        self.gateway.turn()

    def until(self, done: Callable[[], Any]) -> None:
        end = monotonic() + 60 * SECOND
        while not done():
            assert monotonic() < end, "nothing happened for a minute"
            self.turn()

    def cut(self, *names: str) -> None:
        (self.run / CUT_FILE).write_text(" ".join(names), encoding="utf-8")
        wanted = sorted(names)
        self.until(lambda: sorted(self.cuts._cut) == wanted)

    def lead(self) -> None:
        core = self.gateway.core
        self.until(lambda: core.link != Link.DOWN)
        assert core.hello(Hello(1, "maker"), monotonic())
        core.from_engine(Sync({}), monotonic())
        self.leads = True
        self.until(lambda: core.link == Link.READY)

    def quote(self, number: int) -> None:
        name = f"M001{number:06d}"
        request = Quote(name, CODES[0], 500, 520, 10, 10, Effect.OPEN, Effect.OPEN)
        self.gateway.core.from_engine(Send(1, STAMP, [request]), monotonic())
        self.until(lambda: name in [one.client_id for one in self.requests])

    def price(self, number: int) -> None:
        last = 25_000 + number
        tick = UnderlyingTick(
            0, Phase.CONTINUOUS, last, 0, 0, (last - 10,), (1,), (last + 10,), (1,)
        )
        self.publisher.publish(UnderlyingTicks(AT, (tick,)))

    def close(self) -> None:
        self.feed.leave()
        self.server.close()
        self.gateway.close()
        self.cuts.close()


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Closed after the test, without waiting for answers."""
    monkeypatch.setattr(gateway_main, "LAST_TRY", 0)
    made = Exchange(tmp_path)
    yield made
    made.close()


def test_f38_orders_go_on_over_the_second_line(exchange: Exchange) -> None:
    """The main line is cut: the session is up again on the other, nothing is sent twice, ids go on;
    mended and the other cut: back again; both cut: down, and up when one is back.
    """
    exchange.lead()
    exchange.quote(1)
    core = exchange.gateway.core
    for number, names in enumerate((("order",), ("order_standby",)), start=2):
        exchange.cut(*names)
        exchange.until(lambda: core.link == Link.READY and exchange.gateway.exchange.up)
        exchange.quote(number)
    exchange.cut("order", "order_standby")
    exchange.until(lambda: core.link == Link.DOWN)
    exchange.cut("order")
    exchange.until(lambda: core.link == Link.READY)
    exchange.quote(4)
    sent = [one.client_id for one in exchange.requests if one.client_id.startswith("M")]
    assert sent == [f"M001{number:06d}" for number in range(1, 5)]
    cut = [text for what, text in exchange.notes if what == "line_cut"]
    assert cut == ["order", "order_standby", "order"]


def test_f38_market_data_goes_on_over_the_second_line(exchange: Exchange) -> None:
    """The same for a reader of market data, alone and together with the orders' line."""

    def hears(number: int) -> bool:
        exchange.price(number)
        known = [one for one in exchange.ticks if isinstance(one, UnderlyingTicks)]
        return any(tick.last == 25_000 + number for one in known for tick in one.ticks)

    exchange.until(lambda: hears(1))
    exchange.cut("feed")
    exchange.until(lambda: exchange.feed.losses == 1)
    exchange.until(lambda: hears(2))
    exchange.cut("feed_standby", "order")
    exchange.until(lambda: exchange.feed.losses >= 2)
    exchange.until(lambda: hears(3))
    exchange.until(lambda: exchange.gateway.exchange.up)
    exchange.cut()
    exchange.until(lambda: hears(4))


def test_a_standby_end_outside_the_register_is_refused(tmp_path: Path) -> None:
    """The second line passes the same register as the first (T-04)."""
    (tmp_path / "live").mkdir()
    register = Register((PLAN.account,), (PLAN.pbu,))
    setup = Setup(PLAN, "127.0.0.1", 1, 0, register, standby=(("192.0.2.9", 1),))
    with pytest.raises(IsolationError, match=r"192\.0\.2\.9"):
        GatewayProcess(tmp_path, setup, Loop())


def test_maker_and_overseer_of_a_day_know_both_ends_of_the_market_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day's files name the second end, and the maker's process dials both."""
    config = read_config()
    line = msgspec.structs.replace(config.line, standby_host="127.0.0.1")
    config = msgspec.structs.replace(config, line=line)
    plan = DayPlan(scenario=load("calm"), config=config, cadence=SECOND, pick="8", out=tmp_path)
    prepared = Prepared(plan, 1)
    (tmp_path / "live").mkdir()
    prepared.standby = {"feed_standby": 4}
    prepared.write_clients(1, 2, 0, 3)
    parts = tmp_path / "live"
    kept = (parts / "overseer.msgpack").read_bytes()
    overseer = msgspec.msgpack.decode(kept, type=overseer_process.Setup)
    setup = msgspec.msgpack.decode((parts / "maker.msgpack").read_bytes(), type=MakerSetup)
    assert setup.feed_standby == overseer.feed_standby == (("127.0.0.1", 4),)
    dialled: list[Any] = []

    class Told(FeedClient):
        def __init__(self, *given: Any) -> None:
            dialled.extend(given)
            super().__init__(*given)

    monkeypatch.setattr(maker_process, "FeedClient", Told)
    process = maker_process.MakerProcess(tmp_path, setup, Loop(), {})
    process.close()
    assert dialled[2] == ("127.0.0.1", 2) and dialled[5] == (("127.0.0.1", 4),)
