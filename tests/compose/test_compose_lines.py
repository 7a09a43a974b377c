"""The simulated lines: requests and reports as bytes, outages, recovery by index (T-03)."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.compose.day import DayPlan, World
from quanheng.compose.lines import FeedLine, MakerBody, OrderLine
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.exchange.messages import Deliver, MarginAnswered, PlatformStateChanged, Refuse
from quanheng.exchange.state import PARTITIONS
from quanheng.kernels.pack import unpack
from quanheng.maker.messages import Resync
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms.business import (
    BusinessCancel,
    CombinationLeg,
    CombinationRequest,
    ExerciseLeg,
    ExerciseRequest,
    LockRequest,
    MarginAnswer,
    MarginInquiry,
    MergedExercise,
)
from quanheng.terms.codes import Effect, Link, OrderKind, Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import COLUMNS, ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import (
    NewOrder,
    Quote,
    QuoteCancel,
    Report,
    Reports,
    RequestRejected,
    Send,
    Stamp,
    Trade,
)
from quanheng.terms.units import MILLISECOND, SECOND
from quanheng.wire.md301 import ChainTables
from quanheng.wire.profile import Profile

DAY = 20240627
START = midnight(DAY) + from_clock("10:00")
OUTAGE = (START + 60 * SECOND, START + 120 * SECOND)
OPEN, CLOSED = 2, 4
"""States of the option platform (interfaces.md 1.4)."""
STAMP = Stamp("T01", "quote", "1", 1, 1)
REQUESTS = [
    Quote("M000000001", "10007333", 1036, 1040, 20, 20, Effect.OPEN, Effect.OPEN),
    QuoteCancel("M000000002", "10007333", True, False),
    NewOrder("M000000003", "10007333", Side.SELL, Effect.CLOSE, OrderKind.LIMIT, 1038, 3),
]
BUSINESS = [
    LockRequest("M000000004", "510050", 10_000, False),
    ExerciseRequest("M000000005", "10007333", 3),
    MergedExercise(
        "M000000006", (ExerciseLeg("10007333", 1), ExerciseLeg("10007334", 1)), 1
    ),
    CombinationRequest(
        "M000000007", "KS", False, 2, "",
        tuple(CombinationLeg(code, True, False, 2) for code in ("10007333", "10007334")),
    ),
    MarginInquiry("M000000008", "A123456789"),
    BusinessCancel("M000000009", "OTE", "10007333", "M000000005"),
]  # fmt: skip


def _line() -> OrderLine:
    return OrderLine(Profile("A123456789", "12345", "00001"), PARTITIONS, DAY, [OUTAGE])


def _connected() -> OrderLine:
    line = _line()
    assert line.resync(Resync({}), START) == [LinkChanged(Link.READY)]
    assert line.platform(PlatformStateChanged(OPEN), START) == []
    return line


def _trade(set_id: str, index: int, at: int) -> Report:
    body = Trade(
        client_id=f"M{index:09d}",
        contract="10007333",
        order_id=300_000 + index,
        exec_id=index,
        price=1000 + index,
        qty=2,
        leaves=18,
        side=Side.BUY,
        effect=Effect.OPEN,
        covered=False,
        at=at,
        order_at=at - MILLISECOND,
        amount=(1000 + index) * 2 * 10_000,
    )
    return Report(set_id, index, body)


def _reports(bodies: Sequence[MakerBody]) -> list[Report]:
    return [report for body in bodies if isinstance(body, Reports) for report in body.reports]


def test_compose_requests_arrive_as_they_were_sent() -> None:
    """borders.md 4: every kind of request crosses as frames and comes out equal."""
    line = _connected()
    every = [*REQUESTS, *BUSINESS]
    (arrived,) = line.up(Send(1, STAMP, every), START)
    assert (arrived.pbu, arrived.requests) == ("12345", every)
    assert line.refused(Send(1, STAMP, []), START) == []
    assert line.bytes_up > 300 and line.messages_up == len(every)


def test_compose_an_outage_gives_not_sent() -> None:
    """What meets a dead line comes back with its ids, once; nothing reaches the exchange."""
    send = Send(1, STAMP, list(REQUESTS))
    ids = [request.client_id for request in REQUESTS]
    for line, at in ((_line(), START), (_connected(), OUTAGE[0]), (_connected(), OUTAGE[1] - 1)):
        assert line.up(send, at) == []
        (told,) = line.refused(send, at)
        assert isinstance(told, NotSent) and told.client_ids == ids
        assert line.refused(send, at) == []
    line = _connected()
    assert line.lost(OUTAGE[0]) and not line.lost(OUTAGE[1])
    assert line.up(send, OUTAGE[1]) == [], "the line is back only when the member logs on again"


def test_compose_no_synchronisation_inside_an_outage() -> None:
    """Logging on while the line is down does nothing."""
    line = _connected()
    assert line.resync(Resync({}), OUTAGE[0] + SECOND) == []
    assert line.resync(Resync({}), OUTAGE[1]) == [LinkChanged(Link.READY)]


def test_compose_missed_reports_come_back_by_index() -> None:
    """Reports of an outage are kept by the exchange and come after it, from the asked index."""
    line = _connected()
    name = PARTITIONS[0]
    one, two, three = (_trade(name, index, START + index * SECOND) for index in (1, 2, 3))
    assert _reports(line.down(Deliver("12345", [one]), START + SECOND)) == [one]
    assert line.down(Deliver("12345", [two, three]), OUTAGE[0] + SECOND) == []
    *bodies, ready = line.resync(Resync({name: 2}), OUTAGE[1] + SECOND)
    assert ready == LinkChanged(Link.READY)
    assert _reports(bodies) == [two, three]
    assert line.stored()[0] == [one, two, three]


def test_compose_refusals_inquiries_and_platform_states_cross() -> None:
    """Rejects by the front, inquiries and the platform's state pass the same session."""
    line = _connected()
    refuse = Refuse("12345", [RequestRejected("M000000001", 20008)])
    assert line.down(refuse, START) == [RequestRejected("M000000001", 20008)]
    inquiry = Inquiry("RFQ7", "10007333", 0, 0, START, START + 30 * SECOND)
    assert line.down(inquiry, START) == [inquiry]
    answer = MarginAnswer("M000000008", "A123456789", 5_000_000, 7_000_000, START, 0)
    assert line.down(MarginAnswered("12345", answer), START) == [answer]
    assert line.platform(PlatformStateChanged(CLOSED), START) == []
    assert line.up(Send(1, STAMP, REQUESTS[:1]), START) == []
    (told,) = line.refused(Send(1, STAMP, []), START)
    assert isinstance(told, RequestRejected) and told.client_id == REQUESTS[0].client_id
    assert told.reason


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(PARTITIONS), st.integers(1, 3), st.integers(1, 25)), max_size=25
    )
)
def test_compose_nothing_is_lost_or_heard_twice(steps: list[tuple[str, int, int]]) -> None:
    """T-03: however deliveries fall around the outage, a member that asks from its own next
    index hears every report once and in order.
    """
    line = _connected()
    at, made = START, dict.fromkeys(PARTITIONS, 0)
    heard: dict[str, list[Report]] = {name: [] for name in PARTITIONS}
    synced = False
    for name, count, seconds in [*steps, (PARTITIONS[0], 1, 150)]:
        at += seconds * SECOND
        if at >= OUTAGE[1] and not synced:
            synced = True
            wanted = {each: len(rows) + 1 for each, rows in heard.items()}
            for report in _reports(line.resync(Resync(wanted), at)):
                heard[report.set_id].append(report)
        fresh = [_trade(name, made[name] + 1 + number, at) for number in range(count)]
        made[name] += count
        for report in _reports(line.down(Deliver("12345", fresh), at)):
            heard[report.set_id].append(report)
    assert {name: [row.index for row in rows] for name, rows in heard.items()} == {
        name: list(range(1, count + 1)) for name, count in made.items()
    }
    assert list(heard.values()) == line.stored()


@pytest.fixture(scope="module")
def morning() -> tuple[World, list[ChainTick], list[UnderlyingTicks]]:
    """A small market until 09:31 and everything it published."""
    plan = DayPlan(
        scenario=load("calm"),
        config=read_config(),
        cadence=3 * SECOND,
        pick="24",
        journal="digest",
        until="09:31",
    )
    world = World(plan)
    ticks: list[ChainTick] = []
    underlyings: list[UnderlyingTicks] = []
    world.simulation.sink("venue", [ChainTick], lambda tick, at, cause: ticks.append(tick))
    world.simulation.sink(
        "etf", [UnderlyingTicks], lambda tick, at, cause: underlyings.append(tick)
    )
    world.run()
    return world, ticks, underlyings


def test_compose_feed_carries_every_row(
    morning: tuple[World, list[ChainTick], list[UnderlyingTicks]],
) -> None:
    """borders.md 4: what the venue published is what the maker's feed decodes, bit for bit."""
    world, ticks, underlyings = morning
    feed = FeedLine(ChainTables(world.reference.chain))
    rows = 0
    for tick in ticks:
        (carried,) = feed.carry(tick, tick.at)
        assert (carried.klass, carried.at) == (tick.klass, tick.at)
        assert np.array_equal(unpack(carried.rows, COLUMNS), unpack(tick.rows, COLUMNS))
        rows += len(unpack(tick.rows, COLUMNS))
    for one in underlyings:
        assert list(feed.carry(one, one.at)) == [one]
    assert rows > 1_000 and len(underlyings) > 50
    assert feed.bytes == world.feed.bytes > 50 * rows
