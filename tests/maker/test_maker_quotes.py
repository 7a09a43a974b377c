"""The quotes the maker produces on a hand-made market (Q-01 to Q-07, I-13, I-14, I-16)."""

import numpy as np
import pytest
from maker_world import (
    CLOSING,
    DAY,
    EXPIRIES,
    MORNING,
    OPENING,
    RULES,
    SPOT,
    World,
    continuous,
    make_chain,
    make_contract,
)

from quanheng.duties import measure
from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker import parameters as p
from quanheng.maker import quote_kernels as q
from quanheng.rulebook import spread
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Alert, Effect, Phase
from quanheng.terms.contract import build_chain
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.units import MINUTE, SECOND

RANKS = (1, 3, 4, 4)


def both_sides(world):
    return {slot: (world.resting.get((slot, 0)), world.resting.get((slot, 1)))
            for slot in range(len(world.chain.contracts))}  # fmt: skip


def assert_complying(world, least):
    for slot, (bid, ask) in both_sides(world).items():
        rank = int(world.state.tables.fixed[slot, c.F_RANK])
        assert bid is not None, slot
        assert ask is not None, slot
        assert min(bid[2], ask[2]) >= least
        assert spread.complies(RULES, bid[1], ask[1], rank)


def test_every_contract_is_quoted_in_the_opening_auction_from_previous_settles():
    """No option market yet: both sides of all twelve, at least 1 contract, within A(b) (Q-04)."""
    world = World.start()
    world.tick()
    assert_complying(world, 1)
    for slot, (bid, ask) in both_sides(world).items():
        fair = world.chain.contracts[slot].previous_settle
        assert bid[1] <= fair + 2
        assert ask[1] >= fair - 2


def test_continuous_quotes_comply_and_use_a_part_of_the_allowed_spread():
    """Q-01, Q-02; the spread ratio stays below 60 %."""
    world = continuous(World.start(make_chain(strikes=5, expiries=4)))
    assert_complying(world, 10)
    ratios = []
    for slot, (bid, ask) in both_sides(world).items():
        num, den = spread.cap(RULES, bid[1], RANKS[slot // 10])
        ratios.append((ask[1] - bid[1]) * den / num)
    assert np.mean(ratios) < 0.6


def test_theory_follows_the_others_and_never_the_own_quotes():
    """A street with another vol moves theory; with nobody else there the last curve stays."""
    world = continuous(World.start())
    world.vol = 0.22
    world.run(20)
    row = world.state.surface.theo[:, c.T_VOL]
    assert np.all(np.abs(row - 0.217) < 0.006)
    world.half = 10_000.0  # the street leaves: only our own quotes remain near
    before = world.state.surface.theo[:, c.T_PRICE].copy()
    world.run(10)
    assert np.allclose(before, world.state.surface.theo[:, c.T_PRICE], atol=2e-3)


def test_a_wing_the_curve_cannot_bend_to_is_learnt_as_a_residual():
    """One contract persistently dearer than the curve: theory moves most of the way, bounded."""
    world = continuous(World.start(make_chain(strikes=7)))
    honest = world.fair
    world.fair = lambda slot: honest(slot) + (0.002 if slot == 13 else 0.0)
    world.run(60)
    gap = world.state.surface.theo[13, c.T_PRICE] - honest(13)
    assert 0.0008 < gap < 0.0021
    assert abs(world.state.surface.theo[0, c.T_PRICE] - honest(0)) < 0.001


def test_adjusted_contracts_are_points_of_the_same_surface():
    """Unit 10160, odd strikes: a pair carries the wing beyond the standard strikes (Q-05)."""
    last_day, days = EXPIRIES[0]
    odd = [
        make_contract(
            20_000_001 + number, "510050", kind, 22_640, last_day, days, SPOT, 10_160, True
        )
        for number, kind in enumerate("CP")
    ]
    lonely = make_contract(20_000_009, "510050", "C", 24_035, last_day, days, SPOT, 10_160, True)
    chain = build_chain(DAY, [*make_chain().contracts, *odd, lonely])
    world = continuous(World.start(chain))
    slots = world.state.tables.slots
    assert slots["20000002"] in world.state.tables.pairs[:, 1]
    assert slots["20000009"] not in world.state.tables.pairs[:, :2]
    for code in ("20000001", "20000002", "20000009"):
        theo = world.state.surface.theo[slots[code], c.T_PRICE]
        assert abs(theo - world.fair(slots[code])) < 2e-3
    assert_complying(world, 10)


def test_a_quiet_market_needs_no_messages_and_a_jump_requotes_at_once():
    """Hysteresis, and repricing on the underlying's jump before the next snapshot."""
    world = continuous(World.start())
    assert world.quotes(world.run(5)) == []
    effects = world.move(SPOT + 120)
    assert len(world.quotes(effects)) == 12
    for slot, (bid, ask) in both_sides(world).items():
        theo = world.state.surface.theo[slot, c.T_PRICE] * 10_000
        assert bid[1] <= theo <= ask[1]
    world.run(1)
    for slot, (bid, ask) in both_sides(world).items():
        assert abs((bid[1] + ask[1]) / 2 - world.fair(slot) * 10_000) < 12


def test_steady_refreshes_are_bounded_and_urgent_ones_are_not():
    """The message budget holds back cosmetic moves, never missing quotes (P15, I-40)."""
    world = continuous(World.start(parameters=(("*", "steady_rate", 1), ("*", "width", 5_000))))
    world.run(3)
    world.fill(3, 0, 20)
    assert (3, 0) in world.resting
    sent = 0
    for number in range(8):
        world.move(SPOT + 12 * (1 + number % 2))
        sent += len(world.quotes(world.run(0.5)))
    assert sent <= 4 + 4 * 3


def test_a_flow_limit_leaves_thirty_percent_for_cancels():
    """P15: 12 quotes against a limit of 10 a second: seven go, pulls still work."""
    world = World.start(messages_per_second=10)
    world.answer = False
    sent = world.quotes(world.tick())
    assert len(sent) == 7
    assert world.alerts(Alert.RATE_SOFT_LIMIT)
    assert world.state.denied[15] == 5


def test_a_fill_is_renewed_at_once_and_closes_what_can_be_closed():
    """Positions, cash and effects: the far side closes only what is held (P24)."""
    world = continuous(World.start())
    cash = world.state.book.cash
    price = world.resting[0, 0][1]
    before = len(world.quotes())
    world.fill(0, 0, 20)
    assert world.state.book.long_qty[0] == 20
    assert cash - world.state.book.cash >= price * 20 * 10_000
    assert world.resting[0, 0][2] == 20
    # While a closing sale is being replaced its claim still stands, so the next one opens.
    closing = c.W_COLUMNS + c.W_LIVE_EFFECT
    for number in range(6):
        if world.state.work[0, closing] == Effect.CLOSE:
            break
        world.move(SPOT + 60 * (number % 2))
        world.run(0.5)
    code = world.chain.contracts[0].code
    sales = [r for r in world.quotes()[before:] if r.contract == code and r.ask_qty]
    assert (sales[-1].ask_effect, sales[-1].ask_qty) == (Effect.CLOSE, 20)
    world.fill(0, 1, 20)
    assert (world.state.book.long_qty[0], world.state.book.short_qty[0]) == (0, 0)


def test_inventory_leans_both_sides_and_stress_widens_within_the_rule():
    """Long inventory lowers the quotes; at the limit the bid stays away (P18)."""
    flat = continuous(World.start())
    long = continuous(World.start(parameters=(("*", "max_position", 200),)))
    for _ in range(8):
        long.fill(2, 0, 20)
        long.run(0.5)
    for _ in range(4):
        flat.run(0.5)
        long.run(0.5)
    assert long.state.book.long_qty[2] == 160
    assert long.resting[2, 1][1] < flat.resting[2, 1][1]
    assert (2, 0) in long.resting
    long.fill(2, 0, 20)
    long.run(1)
    assert long.resting[2, 0][2] == 12  # up to 192, which leaves four auctions their quantity
    long.fill(2, 0, 12)
    long.run(1)
    assert (2, 0) not in long.resting


def test_low_price_and_limit_exemptions_keep_one_side():
    """Last below 0.001: no bid, ask stays; last at a limit: one side (Q-07)."""
    world = continuous(World.start())
    up = world.chain.contracts[1].limit_up
    world.last = {0: 9, 1: up, 2: 10}
    world.run(1.5)
    assert (0, 0) not in world.resting
    assert (0, 1) in world.resting
    assert (1, 0) in world.resting
    assert (1, 1) not in world.resting
    assert (2, 0) in world.resting
    world.last[0] = 10
    world.run(1)
    assert (0, 0) in world.resting


def test_a_halt_pulls_and_the_resumption_quotes_again():
    """Phase P: cancelling is allowed, quoting is not (reliability.md 2.5)."""
    world = continuous(World.start())
    world.phases = {4: Phase.HALT}
    effects = world.run(0.5)
    assert [r.contract for r in world.cancels(effects)] == [world.chain.contracts[4].code]
    assert (4, 0) not in world.resting
    assert world.alerts(Alert.HALT)
    world.phases = {}
    world.run(0.5)
    assert (4, 0) in world.resting


def test_a_breaker_auction_is_joined_small_and_left_alone_in_its_last_minute():
    """Q-04: both sides stand in the intraday auction; nothing is touched once frozen."""
    world = continuous(World.start())
    world.phases = {5: Phase.INTRADAY}
    world.run(1)
    assert [side[2] for side in both_sides(world)[5]] == [2, 2]
    assert world.alerts(Alert.BREAKER)[0].scope == world.chain.contracts[5].code
    world.at += 2 * MINUTE
    world.move(SPOT + 200)
    touched = {r.contract for r in world.quotes(world.run(0.5))}
    assert world.chain.contracts[5].code not in touched
    assert world.chain.contracts[4].code in touched


def test_the_closing_auction_rests_small_before_its_no_cancel_window():
    """Shrunk to the auction size by 14:59; afterwards nothing but what is missing may be sent."""
    world = continuous(World.start())
    world.at, world.phase = CLOSING, Phase.CLOSING
    world.run(1.5)
    assert all(side[2] == 2 for pair in both_sides(world).values() for side in pair)
    world.at = CLOSING + 2 * MINUTE
    world.move(SPOT + 300)
    assert world.quotes(world.run(1)) == []
    world.at = CLOSING + 3 * MINUTE - SECOND // 2
    world.phase = Phase.CLOSED
    world.run(0.5)
    assert not world.state.work[:, [c.W_STATE, c.W_COLUMNS + c.W_STATE]].any()


def test_what_is_missing_in_a_no_cancel_window_can_still_be_added():
    """Inside 9:20-9:25 a first quote is allowed, a replacement is not."""
    world = World.start()
    world.tick(slots=range(11))
    assert len(both_sides(world)) == 12
    world.at = OPENING + 6 * MINUTE
    world.move(SPOT + 100)
    sent = world.quotes(world.tick())
    assert [r.contract for r in sent] == [world.chain.contracts[11].code]


def test_no_messages_in_breaks():
    """Lunch: resting orders stay, nothing is sent or cancelled (rules.md 2.1)."""
    world = continuous(World.start())
    world.phase = Phase.BREAK
    world.run(0.5)
    before = len(world.quotes()), len(world.cancels())
    world.move(SPOT + 300)
    world.run(2)
    assert (len(world.quotes()), len(world.cancels())) == before
    assert len(world.resting) == 24


def test_an_inquiry_is_answered_on_both_sides_and_held():
    """Q-06: even a low-price contract shows both sides of 10 for 15 s, then may withdraw."""
    world = continuous(World.start())
    world.last = {0: 5}
    world.run(1)
    assert (0, 0) not in world.resting
    code = world.chain.contracts[0].code
    at = world.at
    world.put(Inquiry("RQ1", code, 0, 0, at, at + 30 * SECOND))
    assert world.resting[0, 0][2] >= 10
    world.run(15)
    assert (0, 0) in world.resting
    world.run(3)
    assert (0, 0) not in world.resting


def test_the_own_meter_counts_what_the_exchange_acknowledged():
    """All quoted time is compliant time here, nothing is obliged before the continuous session."""
    world = continuous(World.start())
    world.run(60)
    for slot in range(12):
        obliged, quoted, compliant = measure.live(world.state.meter, 0, slot, world.at)
        assert 60 * SECOND < obliged < 64 * SECOND
        assert quoted == compliant
        assert obliged - quoted < SECOND


def test_a_silent_feed_withdraws_the_class():
    """FEED_STALE: quotes that nobody watches are pulled, and come back with the feed."""
    world = continuous(World.start())
    world.put(TimerFired("watch", world.at + 40 * SECOND), world.at + 40 * SECOND)
    assert world.alerts(Alert.FEED_STALE)
    assert not world.resting
    world.run(1)
    assert len(world.resting) == 24


def test_a_tick_with_a_foreign_slot_is_an_error_that_names_it():
    """Bad input: the class, the slot and the bounds are told."""
    world = World.start(make_chain(underlyings=("510050", "510300")))
    rows = np.array([world.row(13)], dtype=np.int64)
    with pytest.raises(ValueError, match="slot 13, outside 0 to 11"):
        world.put(ChainTick(0, world.at, False, pack(rows)))


def test_the_kernel_spread_arithmetic_is_the_rulebooks():
    """widest_ask and lowest_bid agree with the rulebook for every bid up to 0.1 yuan (Q-01)."""
    world = World.start(make_chain(expiries=4))
    for slot in (0, 8, 16):
        row = world.state.tables.fixed[slot]
        rank = int(row[c.F_RANK])
        for bid in range(1, 1_000, 7):
            widest = spread.widest_ask(RULES, bid, rank)
            assert q.widest_ask(bid, row) == widest
            lowest = q.lowest_bid(widest, row)
            assert spread.complies(RULES, lowest, widest, rank)
            assert lowest == 1 or not spread.complies(RULES, lowest - 1, widest, rank)


def test_no_underlying_and_no_parity_still_gives_a_theory():
    """Only calls on the street: curves from settles, forward by the basis (stale-fit fallback)."""
    world = World.start()
    world.at, world.phase = MORNING, Phase.CONTINUOUS
    world.put(UnderlyingTicks(world.at, ()))
    rows = np.array([world.row(slot) for slot in range(12)], dtype=np.int64)
    rows[1::2, 12:] = 0
    for _ in range(25):
        world.at += SECOND // 2
        world.put(ChainTick(0, world.at, True, pack(rows)))
    assert np.isfinite(world.state.surface.theo).all()


def test_parameters_reach_the_quotes_of_their_scope_only():
    """Width of one contract (I-13, I-16): the narrowest scope wins."""
    code = make_chain().contracts[6].code
    given = (("*", "width", 4_000), (code, "width", 9_000), ("510050", "width", 5_000))
    world = continuous(World.start(parameters=given))
    widths = [pair[1][1] - pair[0][1] for pair in both_sides(world).values()]
    assert widths[6] > 1.6 * widths[8] * world.fair(6) / world.fair(8)
    assert p.of_class(world.state.parameters, 0, "width") == 5_000
