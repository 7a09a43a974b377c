"""The tape venue: bounds of fills, answers like the venue's, dataset rows, the machine contract."""

from typing import Any

import numpy as np
import pytest
from exchange_world import DAY, World, at, chain, of, rulebook
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.exchange.messages import TapeEnd, TapeOpen, TapePrints
from quanheng.exchange.tape_fills import OPTIMISTIC, PESSIMISTIC
from quanheng.exchange.tape_venue import TapeVenue
from quanheng.kernels.pack import pack, unpack
from quanheng.runtime.envelope import Envelope, Record, Source
from quanheng.runtime.laws import broken_laws
from quanheng.terms import market
from quanheng.terms.codes import Effect, Exec, OrderKind, Phase, Side
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import (
    NewOrder,
    Quote,
    QuoteAck,
    QuoteCancel,
    RequestRejected,
    Trade,
)
from quanheng.terms.units import SECOND

CODE = chain().contracts[0].code


def opened(fills: str, prints: bool = False) -> World:
    """A tape's day after the opening; snapshots follow with `show`."""
    tape = TapeOpen(
        day=DAY, chain=chain(), rulebook=rulebook(), pbu="A0001", fills=fills, prints=prints
    )
    return World(tape, TapeVenue())


def printed(world: World, *trades: tuple[int, int]) -> list[Trade]:
    """Recorded trades (price, quantity) of the first contract; the member's fills of them."""
    world.now += SECOND
    rows = np.array([(0, price, qty) for price, qty in trades], dtype=np.int64)
    effects = world.give(TapePrints(world.now, pack(rows)), Source.FEED)
    return [report.body for one in effects if hasattr(one, "reports") for report in one.reports]


def tick(
    instant: int, bid: int, ask: int, last: int = 0, volume: int = 0,
    phase: Phase = Phase.CONTINUOUS, size: int = 30, ask_size: int | None = None, slot: int = 0,
) -> ChainTick:  # fmt: skip
    row = np.zeros((1, market.COLUMNS), dtype=np.int64)
    row[0, [market.SLOT, market.PHASE, market.LAST, market.VOLUME]] = slot, phase, last, volume
    row[0, [market.BID, market.BID_QTY]] = bid, size if bid else 0
    ask_qty = size if ask_size is None else ask_size
    row[0, [market.ASK, market.ASK_QTY]] = ask, ask_qty if ask else 0
    return ChainTick(0, instant, False, pack(row))


def show(world: World, *arguments: Any, **more: Any) -> list[Trade]:
    """The next snapshot, a second later; the member's fills in it."""
    world.now += SECOND
    effects = world.give(tick(world.now, *arguments, **more), Source.FEED)
    assert of(effects, ChainTick), "the market is shown on"
    return [report.body for one in effects if hasattr(one, "reports") for report in one.reports]


def quoted(
    fills: str, bid: int = 990, ask: int = 1_010, bid_qty: int = 10, ask_qty: int = 10,
    market_bid: int = 980, market_ask: int = 1_020, prints: bool = False,
) -> World:  # fmt: skip
    """A continuous market and our quote beside it."""
    world = opened(fills, prints)
    world.now = at("09:30")
    show(world, market_bid, market_ask, 1_000, 100)
    world.ask(quote(1, bid, ask, bid_qty, ask_qty))
    return world


def quote(number: int, bid: int, ask: int, bid_qty: int = 10, ask_qty: int = 10) -> Quote:
    effects = (Effect.OPEN, Effect.OPEN)
    return Quote(f"M001{number:06d}", CODE, bid, ask, bid_qty, ask_qty, *effects)


def filled(trades: list[Trade]) -> list[tuple[Side, int, int, int]]:
    return [(trade.side, trade.price, trade.qty, trade.leaves) for trade in trades]


# name, snapshot (bid, ask, last, volume), optimistic fill, pessimistic fill
CASES = (
    ("nothing happens", (980, 1_020, 1_000, 100), [], []),
    ("the best touches our bid", (980, 990, 1_000, 100), [(Side.BUY, 990, 10, 0)], []),
    ("the best goes through it", (980, 989, 1_000, 100), *2 * ([(Side.BUY, 990, 10, 0)],)),
    ("our ask is touched", (1_010, 1_020, 1_000, 100), [(Side.SELL, 1_010, 10, 0)], []),
    ("a trade at our bid", (980, 1_020, 990, 104), *2 * ([(Side.BUY, 990, 4, 6)],)),
    ("a trade below it", (980, 1_020, 985, 104), *2 * ([(Side.BUY, 990, 4, 6)],)),
    ("a trade above it", (980, 1_020, 991, 104), [], []),
    ("a last price without volume", (980, 1_020, 990, 100), [], []),
    ("a trade at our ask", (980, 1_020, 1_010, 250), *2 * ([(Side.SELL, 1_010, 10, 0)],)),
)


@pytest.mark.parametrize(("case", "snapshot", "best", "worst"), CASES, ids=[c[0] for c in CASES])
def test_tape_fills_by_bound(case: str, snapshot: Any, best: Any, worst: Any) -> None:
    """Inside the market nobody is ahead: the bounds differ only where the best touches."""
    assert filled(show(quoted(OPTIMISTIC), *snapshot)) == best
    assert filled(show(quoted(PESSIMISTIC), *snapshot)) == worst


def test_tape_queue_ahead_trades_first_in_the_pessimistic_bound() -> None:
    """We joined 30 displayed at 980: 25 trades leave 5 ahead, 8 more give us 3."""
    fills = {}
    for bound in (OPTIMISTIC, PESSIMISTIC):
        world = quoted(bound, bid=980)
        fills[bound] = [
            show(world, 980, 1_020, 980, 125, size=30),
            show(world, 980, 1_020, 980, 133, size=30),
        ]
    assert [sum(t.qty for t in found) for found in fills[OPTIMISTIC]] == [10, 0]
    assert [sum(t.qty for t in found) for found in fills[PESSIMISTIC]] == [0, 3]


def test_tape_queue_never_exceeds_what_is_displayed() -> None:
    """Of 30 ahead 26 were withdrawn: at most 4 can still be ahead."""
    world = quoted(PESSIMISTIC, bid=980)
    assert show(world, 980, 1_020, 1_000, 100, size=4) == []
    assert filled(show(world, 980, 1_020, 980, 109, size=4)) == [(Side.BUY, 980, 5, 5)]


def test_tape_below_the_displayed_levels_the_queue_is_unknown() -> None:
    """Deeper than the tape shows nothing fills by volume until the price is displayed."""
    world = quoted(PESSIMISTIC, bid=970)
    assert show(world, 980, 1_020, 970, 500) == []
    assert show(world, 970, 1_020, 980, 500, size=2) == []
    assert filled(show(world, 970, 1_020, 970, 505)) == [(Side.BUY, 970, 3, 7)]


def test_tape_prints_are_exact() -> None:
    """Each trade counts at its own price: 30 ahead at 980, and beyond it nobody is ahead."""
    fills = {}
    for bound in (OPTIMISTIC, PESSIMISTIC):
        world = quoted(bound, bid=980, prints=True)
        fills[bound] = [
            filled(printed(world, (1_010, 40), (980, 3))),
            filled(printed(world, (979, 2), (980, 28))),
        ]
        # The snapshot's own volume is those trades again and fills nothing.
        assert show(world, 970, 1_020, 980, 5_000) == []
    assert fills[OPTIMISTIC] == [
        [(Side.SELL, 1_010, 10, 0), (Side.BUY, 980, 3, 7)],
        [(Side.BUY, 980, 2, 5), (Side.BUY, 980, 5, 0)],
    ]
    assert fills[PESSIMISTIC] == [
        [(Side.SELL, 1_010, 10, 0)],
        [(Side.BUY, 980, 2, 8), (Side.BUY, 980, 1, 7)],
    ]
    rows = unpack(_rows(world, "trades"), 11)
    market_rows = rows[(rows[:, 4] < 0) & (rows[:, 5] < 0), 2:4].tolist()
    assert market_rows == [[1_010, 40], [980, 3], [979, 2], [980, 28]]


def test_tape_prints_of_an_auction_fill_at_their_price() -> None:
    for bound, wanted in ((OPTIMISTIC, [(Side.BUY, 1_000, 2, 0)]), (PESSIMISTIC, [])):
        world = opened(bound, prints=True)
        world.now = at("09:20")
        show(world, 1_000, 1_000, phase=Phase.OPENING)
        world.ask(quote(1, 1_000, 1_100, 2, 2))
        assert filled(printed(world, (1_000, 50))) == wanted


def test_tape_displayed_quantity_is_taken_once() -> None:
    """The tape goes on showing the offer that filled us; a new quote does not take it again."""
    world = quoted(OPTIMISTIC)
    assert filled(show(world, 980, 990, 1_000, 100, ask_size=4)) == [(Side.BUY, 990, 4, 6)]
    assert show(world, 980, 990, 1_000, 100, ask_size=4) == []
    world.ask(quote(2, 990, 1_010))
    assert show(world, 980, 990, 1_000, 100, ask_size=4) == []
    # Five more come to the offer: those are new.
    assert filled(show(world, 980, 990, 1_000, 100, ask_size=9)) == [(Side.BUY, 990, 5, 5)]


def test_tape_a_quote_that_crosses_trades_at_once_at_the_displayed_price() -> None:
    for bound in (OPTIMISTIC, PESSIMISTIC):
        world = quoted(bound)
        ack, trade = world.ask(quote(2, 1_020, 1_040))
        assert isinstance(ack, QuoteAck) and (ack.old_bid, ack.old_bid_qty) == ("M001000001", 10)
        assert filled([trade]) == [(Side.BUY, 1_020, 10, 0)]


def test_tape_the_uncross_fills_at_its_own_price() -> None:
    """A call auction trades at one price: optimistic at or better than ours, pessimistic better."""
    for bound, bid, wanted in (
        (OPTIMISTIC, 1_000, [(Side.BUY, 1_000, 2, 0)]),
        (PESSIMISTIC, 1_000, []),
        (PESSIMISTIC, 1_001, [(Side.BUY, 1_000, 2, 0)]),
    ):
        world = opened(bound)
        world.now = at("09:20")
        show(world, 1_000, 1_000, phase=Phase.OPENING)
        world.ask(quote(1, bid, 1_100, 2, 2))
        trades = show(world, 990, 1_010, 1_000, 50, phase=Phase.BREAK)
        assert filled(trades) == wanted, bound


def test_tape_a_side_that_is_not_carried_keeps_its_place() -> None:
    """borders.md 4: 10 traded before us are not ahead again after the other side was renewed."""
    world = quoted(PESSIMISTIC, bid=980)
    show(world, 980, 1_020, 980, 120, size=30)
    [ack] = world.ask(quote(2, 0, 1_015, 0, 5))
    assert isinstance(ack, QuoteAck) and (ack.old_bid, ack.old_ask_qty) == ("", 10)
    assert filled(show(world, 980, 1_020, 980, 133)) == [(Side.BUY, 980, 3, 7)]


REFUSED = (
    ("unknown contract", Quote("M001000009", "10009999", 1, 2, 1, 1, 0, 0), "PRODUCT"),
    ("size", quote(9, 990, 1_010, 51), 11_098),
    ("price below the limits", quote(9, 1, 999_999), 10_450),
    ("own sides meet", quote(9, 1_000, 1_000), 19_314),
    ("meets the side that stays", quote(9, 1_010, 0, 10, 0), 19_314),
    ("empty", quote(9, 990, 1_010, 0, 0), 13_564),
)


@pytest.mark.parametrize(("case", "request_", "code"), REFUSED, ids=[c[0] for c in REFUSED])
def test_tape_refuses_a_quote_by_report_and_keeps_what_rests(
    case: str, request_: Quote, code: Any
) -> None:
    world = quoted(OPTIMISTIC)
    [ack] = world.ask(request_)
    assert isinstance(ack, QuoteAck) and ack.exec == Exec.REJECTED
    assert ack.reason == code or (code == "PRODUCT" and ack.reason)
    assert filled(show(world, 980, 990, 1_000, 100)) == [(Side.BUY, 990, 10, 0)]


def test_tape_refuses_at_the_front_by_phase_and_kind() -> None:
    world = quoted(OPTIMISTIC)
    order = NewOrder(
        "M001000007", CODE, Side.BUY, Effect.OPEN, OrderKind.LIMIT, 990, 1
    )  # fmt: skip
    [refused] = world.ask(order)
    assert isinstance(refused, RequestRejected) and refused.reason == 17_602
    show(world, 0, 0, 1_000, 100, phase=Phase.CLOSED)
    [closed] = world.ask(quote(8, 990, 1_010))
    assert isinstance(closed, RequestRejected) and closed.reason == 10_740


def test_tape_withdraws_and_answers_like_the_venue() -> None:
    world = quoted(OPTIMISTIC)
    [ack] = world.ask(QuoteCancel("M001000002", CODE, True, False))
    assert (ack.cancel, ack.exec, ack.old_bid, ack.old_bid_qty, ack.old_ask) == (
        True, Exec.CANCELLED, "M001000001", 10, "",
    )  # fmt: skip
    assert show(world, 980, 985, 1_000, 100) == []
    [again] = world.ask(QuoteCancel("M001000003", CODE, True, False))
    assert (again.exec, again.reason) == (Exec.REJECTED, 19_082)
    world.now = at("14:59:30")
    [late] = world.ask(QuoteCancel("M001000004", CODE, False, True))
    assert (late.exec, late.reason) == (Exec.REJECTED, 19_242)


def test_tape_reports_are_numbered_by_partition() -> None:
    """interfaces.md 1.5: index 1, 2, 3 … per set, sets by the contract's partition."""
    world = quoted(OPTIMISTIC)
    world.give(tick(world.now, 980, 1_020, slot=1), Source.FEED)
    other = chain().contracts[1].code
    world.ask(Quote("M001000005", other, 0, 1_030, 0, 1, Effect.OPEN, Effect.OPEN))
    show(world, 980, 990, 1_000, 100)
    reports = [
        one for effect in world.effects if hasattr(effect, "reports") for one in effect.reports
    ]
    assert [(one.set_id, one.index) for one in reports] == [("300", 1), ("301", 1), ("300", 2)]


def test_tape_records_quotes_by_the_size_in_force_and_ends_the_day() -> None:
    """Q-02: a bid of 4 left is no side in continuous trading; the end closes what is open."""
    world = quoted(OPTIMISTIC)
    show(world, 980, 990, 1_000, 100, ask_size=6)
    world.now += SECOND
    world.give(TapeEnd())
    rows = unpack(_rows(world, "quotes"), 7)[:, 3:].tolist()
    assert rows == [[990, 10, 1_010, 10], [0, 0, 1_010, 10], [0, 0, 0, 0]]
    phases = unpack(_rows(world, "phases"), 3)
    assert phases[phases[:, 0] == 0, 2].tolist() == [Phase.START, Phase.CONTINUOUS, Phase.CLOSED]
    trades = unpack(_rows(world, "trades"), 11).tolist()
    # The market's own trade sets the last price; of ours the buyer is maker 0, and rested first.
    assert [row[2:6] for row in trades] == [[1_000, 1, -1, -1], [990, 6, 0, -1]]
    assert trades[1][6] < trades[1][7] == trades[1][1]


def _rows(world: World, table: str) -> bytes:
    return b"".join(one.rows for one in of(world.effects, Record) if one.table == table)


MOVES = st.lists(
    st.tuples(
        st.integers(95, 105), st.integers(1, 4), st.integers(95, 108), st.integers(0, 12),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(moves=MOVES, bid=st.integers(96, 101), ask=st.integers(102, 106))
def test_tape_pessimistic_never_fills_more_than_optimistic(
    moves: list[tuple[int, int, int, int, int]], bid: int, ask: int
) -> None:
    """Any market, one quote left alone: at every snapshot the bounds are in order."""
    worlds = [
        quoted(bound, bid * 10, ask * 10, 50, 50, 940, 1_090) for bound in (OPTIMISTIC, PESSIMISTIC)
    ]
    total = [{Side.BUY: 0, Side.SELL: 0} for _ in worlds]
    volume = 100
    for low, gap, last, traded, size in moves:
        volume += traded
        for world, sums in zip(worlds, total, strict=True):
            snapshot = (low * 10, (low + gap) * 10, last * 10, volume)
            for trade in show(world, *snapshot, size=size):
                sums[trade.side] += trade.qty
        assert all(total[1][side] <= total[0][side] <= 50 for side in (Side.BUY, Side.SELL))


def test_tape_keeps_the_machine_contract() -> None:
    """house.md 3: one state, restore equals, every input and effect survives its bytes."""
    world = quoted(PESSIMISTIC)
    for number in range(12):
        show(world, 980, 1_020 - 10 * (number % 5), 985, 100 + 7 * number)
        world.ask(quote(10 + number, 985 - number, 1_015))
    world.ask(QuoteCancel("M001000099", CODE, True, True))
    printed(world, (990, 5))
    world.give(TapeEnd())
    log = [
        Envelope(seq, instant, Source.VENUE, 0, body)
        for seq, (instant, body) in enumerate(world.log, 1)
    ]
    assert broken_laws(TapeVenue, log, 3) == []


def test_tape_names_what_it_cannot_take() -> None:
    tape = TapeOpen(day=DAY, chain=chain(), rulebook=rulebook(), pbu="A0001", fills="lucky")
    with pytest.raises(ValueError, match="'lucky' is not one of optimistic, pessimistic"):
        World(tape, TapeVenue())
    with pytest.raises(ValueError, match="before its day was opened"):
        World(TapeEnd(), TapeVenue())
    world = opened(OPTIMISTIC)
    with pytest.raises(ValueError, match="leaves the class"):
        world.give(tick(world.now, 980, 1_020, slot=40))
    with pytest.raises(ValueError, match="'B0001': not its member"):
        world.ask(quote(1, 990, 1_010), pbu="B0001")
