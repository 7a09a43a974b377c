"""Quoting strategies: their numbers, what all of them owe, and how they are chosen (I-17, I-19)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maker_world import CLOSING, MORNING, RULES, SPOT, World, continuous, make_chain

from quanheng.kernels.desk.strategies import layout as s
from quanheng.kernels.desk.strategies.choose import quote
from quanheng.maker import columns as c
from quanheng.maker import flow
from quanheng.maker import ledger_state as ls
from quanheng.maker import parameters as p
from quanheng.maker import quote_kernels as q
from quanheng.maker.ledger_kernels import mark_out
from quanheng.maker.strategy_kernels import on_step, strain
from quanheng.rulebook import spread
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.commands import SetParameter
from quanheng.terms.orders import Quote, Send
from quanheng.terms.units import MINUTE, SECOND

RELEASED = ((1, "1"), (2, "1"), (3, "1-abc"), (4, "1"))
CODES = (s.FIXED, s.LEAN, s.GLFT, s.DUTY)


def numbers(**changes):
    """One contract at 500 Ticks with A = 50 Ticks, flat, parameters of round numbers."""
    given_ = {
        "VALUE": 500.0, "CAP": 50.0, "DELTA": 0.5, "VEGA": 20.0, "QTY": 20.0, "LEAST": 10.0,
        "LOT_DELTA": 2_000.0, "LOT_VEGA": 0.0, "LOT_TICK": 20.0, "SPOT_SD": 0.01, "VOL_SD": 0.01,
        "WIDTH": 0.3, "WIDTH_STRESS": 0.9, "LEAN_OWN": 0.8, "LEAN_DELTA": 0.6, "LEAN_VEGA": 0.15,
        "LEAN_GAMMA": 0.1, "RISK_AVERSION": 0.1, "DECAY": 5.0, "INTENSITY": 0.05,
        "DUTY_RISK": 0.5, "DUTY_VALUE": 1.0, "WIDTH_FREE": 1.0,
    }  # fmt: skip
    x = np.zeros(s.INPUTS)
    for name, value in (given_ | changes).items():
        x[getattr(s, name)] = value
    return x


def answer(code, **changes):
    out = np.zeros(s.OUTPUTS)
    quote(code, numbers(**changes), out)
    return out


def test_fixed_is_theory_and_half_the_width_whatever_is_held():
    """0.3 A = 15 Ticks around 500: 492.5 and 507.5."""
    for own in (-2.0, 0.0, 2.0):
        out = answer(s.FIXED, OWN=own, TOXIC=0.1)
        assert out[: s.SPREAD].tolist() == [492.5, 507.5, 20.0, 20.0]


def test_lean_shifts_by_half_widths_and_by_vol():
    """Half = 7.5. A quarter long: 0.8 x 0.25 x 7.5 = 1.5 lower, and the bid 0.25 x 0.6 x 25 wider.

    Half a class vega: 0.15 x 0.5 vol points of 20 Ticks = 1.5 lower. Gamma: 0.1 x 0.5 x 20 = 1.
    """
    assert answer(s.LEAN)[:2].tolist() == [492.5, 507.5]
    assert answer(s.LEAN, OWN=0.25)[:2] == pytest.approx([492.5 - 1.5 - 3.75, 506.0])
    assert answer(s.LEAN, BOOK_VEGA=0.5)[:2] == pytest.approx([492.5 - 1.5 - 7.5, 506.0])
    assert answer(s.LEAN, CLUSTER=-0.5)[:2] == pytest.approx([493.5, 507.5 + 1.0 + 7.5])
    assert answer(s.LEAN, BOOK_VEGA=0.5, VEGA=40.0)[1] == pytest.approx(504.5)
    assert answer(s.LEAN, TOXIC=0.1)[:2].tolist() == [487.5, 512.5]


def test_glft_gives_the_closed_form_worked_by_hand():
    """sd = 2000 x 0.01 / 20 / 50 = 0.02 A; ln(1.02)/0.1 = 0.198026; c = 0.0148200; q = 3 lots."""
    half, step = 0.198026273, 0.0148200
    out = answer(s.GLFT, RISK_DELTA=6_000.0)
    assert out[s.BID] == pytest.approx(500 - 50 * (half + 3.5 * step), abs=1e-3)
    assert out[s.ASK] == pytest.approx(500 + 50 * (half - 2.5 * step), abs=1e-3)


def test_glft_limits():
    """No risk aversion: 1/k each side; vega is inventory as delta is; nothing moves: no lean."""
    out = answer(s.GLFT, RISK_AVERSION=1e-6, RISK_DELTA=6_000.0)
    assert out[:2] == pytest.approx([490.0, 510.0], abs=0.02)
    by_delta = answer(s.GLFT, RISK_DELTA=4_000.0)
    by_vega = answer(s.GLFT, LOT_DELTA=0.0, LOT_VEGA=2_000.0, RISK_VEGA=4_000.0)
    assert by_vega[:2] == pytest.approx(by_delta[:2])
    still = answer(s.GLFT, SPOT_SD=0.0, VOL_SD=0.0, RISK_DELTA=6_000.0)
    assert still[:2] == pytest.approx([500 - 50 * 0.198026273, 500 + 50 * 0.198026273])


def test_duty_widens_to_the_cap_and_goes_beyond_only_without_a_need():
    """Risk 0.5 A at full: the cap, 10 contracts where it adds and all 20 where it reduces. Beyond
    the cap only if allowed and nothing is due.
    """
    flat = answer(s.DUTY)
    assert flat.tolist() == [492.5, 507.5, 20.0, 20.0, 1.0]
    full = answer(s.DUTY, OWN=1.0, NEED=1.0)
    assert full[s.ASK] - full[s.BID] == pytest.approx(50.0)
    assert full[s.BID_QTY : s.SPREAD].tolist() == [10.0, 20.0]
    assert answer(s.DUTY, OWN=-1.0)[s.BID_QTY : s.SPREAD].tolist() == [20.0, 10.0]
    assert answer(s.DUTY, TOXIC=0.4)[s.BID_QTY : s.SPREAD].tolist() == [10.0, 10.0]
    assert full[s.ASK] == pytest.approx(507.5 - 6.0)
    risky = {"OWN": 1.0, "DUTY_RISK": 1.0, "WIDTH_FREE": 2.0}
    due = answer(s.DUTY, NEED=1.0, **risky)
    assert (due[s.SPREAD], due[s.ASK] - due[s.BID]) == pytest.approx((1.0, 50.0))
    half = answer(s.DUTY, NEED=0.25, **risky)
    assert half[s.SPREAD] == pytest.approx(1.5)
    assert half[s.ASK] - half[s.BID] == pytest.approx(75.0)
    assert answer(s.DUTY, NEED=0.0, OWN=1.0, DUTY_RISK=1.0)[s.SPREAD] == 1.0


share = st.floats(-3.0, 3.0)


@settings(max_examples=200, deadline=None)
@given(
    code=st.sampled_from(CODES),
    value=st.floats(1.0, 9_000.0),
    step=st.sampled_from((1, 5, 10)),
    far=st.booleans(),
    own=share,
    delta=share,
    vega=share,
    gamma=share,
    width=st.floats(0.05, 1.0),
    toxic=st.floats(0.0, 0.5),
)
def test_what_is_due_is_on_the_step_in_order_inside_limits_and_cap(
    code, value, step, far, own, delta, vega, gamma, width, toxic
):
    """Q-01 for every strategy, whatever the inventory (and never twice the width, peers.md D26)."""
    row = np.zeros(c.F_COLUMNS, dtype=np.int64)
    row[[c.F_CAP_NUM, c.F_CAP_DEN, c.F_CAP_FLOOR]] = 20 if far else 10, 100, 25
    row[[c.F_DOWN, c.F_UP, c.F_STEP]] = step, 20_000 // step * step, step
    given_ = {"OWN": own, "BOOK_DELTA": delta, "BOOK_VEGA": vega, "CLUSTER": gamma}
    given_ |= {"WIDTH": width, "TOXIC": toxic, "VALUE": value, "WIDTH_FREE": 3.0}
    given_["CAP"] = max(25.0, value * (0.2 if far else 0.1))
    given_["RISK_DELTA"] = 10_000.0 * own
    out = answer(code, **given_)
    bid, ask = on_step(out, value, row, True)
    assert bid < ask
    assert (bid % step, ask % step) == (0, 0)
    assert row[c.F_DOWN] <= bid
    assert ask <= row[c.F_UP]
    assert ask <= q.widest_ask(bid, row)


@settings(max_examples=100, deadline=None)
@given(
    code=st.sampled_from(CODES[1:]),
    one=share,
    two=share,
    width=st.floats(0.05, 1.0),
    toxic=st.floats(0.0, 0.2),
    need=st.floats(0.0, 1.0),
)
def test_who_holds_more_never_bids_or_asks_higher(code, one, two, width, toxic, need):
    """The lean is monotone in the inventory of the contract."""
    less, more = sorted((one, two))
    given_ = {"WIDTH": width, "TOXIC": toxic, "NEED": need, "WIDTH_STRESS": max(width, 0.9)}
    low = answer(code, OWN=more, RISK_DELTA=10_000 * more, **given_)
    high = answer(code, OWN=less, RISK_DELTA=10_000 * less, **given_)
    assert low[s.BID] <= high[s.BID] + 1e-9
    assert low[s.ASK] <= high[s.ASK] + 1e-9


def test_near_its_limit_a_position_is_only_invited_to_shrink():
    """I-36: 200 of 100 full and 300 most: half way. Ask half way to theory, bid half way to A."""
    params = np.zeros(len(p.TABLE), dtype=np.int64)
    params[p.P_POSITION_SCALE], params[p.P_MAX_POSITION] = 100, 300
    x, out = numbers(), np.array([490.0, 510.0, 20.0, 20.0, 1.0])
    strain(200, params, x, out)
    assert out[:2] == pytest.approx([505.0 - 35.0, 505.0])
    out = np.array([490.0, 510.0, 20.0, 20.0, 1.0])
    strain(-300, params, x, out)
    assert out[:2] == pytest.approx([500.0, 550.0])
    strain(100, params, x, out)
    assert out[:2] == pytest.approx([500.0, 550.0])


def strategies_of(effects):
    """(strategy, version) by contract of the quotes in effects."""
    return {
        request.contract: (effect.stamp.strategy, effect.stamp.strategy_version)
        for effect in effects
        if isinstance(effect, Send)
        for request in effect.requests
        if isinstance(request, Quote)
    }


def test_every_quote_names_the_strategy_and_version_behind_it():
    """By class and by contract; one effect per strategy (I-17, S-01)."""
    chain = make_chain()
    code = chain.contracts[2].code
    given_ = (("510050", "strategy", s.GLFT), (code, "strategy", s.DUTY))
    world = continuous(World.start(chain, quoting=RELEASED, parameters=given_))
    named = strategies_of(world.effects)
    assert named[code] == ("duty", "1")
    assert {named[one.code] for one in chain.contracts if one.code != code} == {("glft", "1-abc")}
    assert len(world.resting) == 24


@pytest.mark.parametrize("code", CODES)
def test_every_strategy_quotes_the_whole_chain_within_the_rule(code):
    """Q-01, Q-02, Q-05 on a market with an opening, moves and fills."""
    given_ = (("*", "strategy", code),)
    world = World.start(make_chain(expiries=4), quoting=RELEASED, parameters=given_)
    world.tick()
    assert len(world.resting) == 48
    continuous(world)
    for slot in (3, 9, 17):
        world.fill(slot, slot % 2, 12)
    world.move(SPOT + 60)
    world.run(3)
    for slot in range(24):
        bid, ask = world.resting[slot, 0], world.resting[slot, 1]
        assert min(bid[2], ask[2]) >= 10
        assert spread.complies(RULES, bid[1], ask[1], int(world.state.tables.fixed[slot, c.F_RANK]))


@pytest.mark.parametrize("code", CODES)
def test_an_exemption_is_used_and_ends_at_once(code):
    """Q-07: at a limit the other side stays; one snapshot after the limit both stand again."""
    world = World.start(quoting=RELEASED, parameters=(("*", "strategy", code),))
    continuous(world)
    world.last[5] = world.chain.contracts[5].limit_up
    world.run(1)
    assert (5, 1) not in world.resting
    assert (5, 0) in world.resting
    world.last[5] = world.chain.contracts[5].previous_settle
    world.tick()
    assert (5, 1) in world.resting


def test_only_a_released_strategy_can_be_swapped_in_and_by_two_people():
    """I-10, I-19: refused by code; released: the next quotes come from it."""
    world = continuous(World.start(quoting=RELEASED[:3]))
    world.put(SetParameter("510050", "strategy", s.DUTY, "p001", "p002"))
    (refused,) = world.alerts(Alert.STRATEGY_NOT_RELEASED)
    assert refused.args == (s.DUTY, "p001")
    world.put(SetParameter("510050", "strategy", s.FIXED, "p001"))
    assert "second person" in world.alerts(Alert.CHECK_DENIED)[-1].args[2]
    world.put(SetParameter("510050", "strategy", s.FIXED, "p001", "p002"))
    effects = world.move(SPOT + 120)
    assert set(strategies_of(effects).values()) == {("fixed", "1")}


def test_no_day_opens_with_a_strategy_that_is_not_released():
    """Chosen or default, the opening names it."""
    with pytest.raises(ValueError, match="strategy 4 of 510050 is not released"):
        World.start(parameters=(("510050", "strategy", s.DUTY),))
    with pytest.raises(ValueError, match="the strategy that is the default is not released"):
        World.start(quoting=((s.FIXED, "1"),))


def test_with_few_messages_the_duty_that_lapses_goes_before_the_price_that_moved():
    """P15: an inquiry, then the missing side with the greater need, then the greatest error."""
    world = continuous(World.start(messages_per_second=100))
    state = world.state
    state.desk[:, c.D_NEED] = 100_000
    state.desk[7, c.D_NEED] = 900_000
    state.flow.needs_at[0] = world.at
    world.answer = False
    for slot in (2, 7):
        state.work[slot, c.W_COLUMNS : 2 * c.W_COLUMNS] = 0
    contract = world.chain.contracts[9].code
    world.at += 500_000_000
    world.spot, world.phase = SPOT + 90, Phase.CONTINUOUS
    state.bucket.level, state.bucket.at = 36 * SECOND, world.at
    state.desk[9, c.D_INQUIRY_UNTIL] = world.at + SECOND
    state.work[9, c.W_COLUMNS : 2 * c.W_COLUMNS] = 0
    sent = [request.contract for request in world.quotes(world.move(SPOT + 90))]
    codes = [world.chain.contracts[slot].code for slot in (7, 2)]
    assert sent[:3] == [contract, *codes]
    assert len(sent) < 12
    assert world.state.denied[15] > 0


def test_a_full_position_keeps_both_sides_and_room_for_the_auctions():
    """Pushed to its limit a contract goes on small, and joins the closing auction (Q-04)."""
    world = continuous(World.start(parameters=(("*", "max_position", 100),)))
    filled = 0
    for _ in range(40):
        if (3, 0) in world.resting:
            size = world.resting[3, 0][2]
            world.fill(3, 0, size)
            filled += size
        world.run(1)
    assert 60 <= filled <= 100 - q.AUCTIONS * 2
    assert world.state.book.long_qty[3] == filled
    world.at, world.phase = CLOSING, Phase.CLOSING
    world.resting.clear()
    world.state.work[:] = 0
    world.run(2)
    for side in range(2):
        assert world.resting[3, side][2] >= 1


def test_shrinking_room_shrinks_a_side_to_what_counts_before_it_goes():
    """30 may still be added: 15 and its replacement; 19: nothing that counts."""
    world = continuous(World.start(parameters=(("*", "max_position", 108),)))
    world.fill(3, 0, 20)
    world.fill(3, 0, 20)
    world.fill(3, 0, 20)
    world.run(1)
    assert world.resting[3, 0][2] == 20
    world.fill(3, 0, 10)
    world.run(1)
    assert world.resting[3, 0][2] in (10, 15)
    assert world.resting[3, 1][2] >= 10


def test_fills_that_lose_widen_their_class_and_profitable_ones_do_not():
    """Toxic flow: bought twelve times before falls; mark-outs of 1 s and 10 s, then the width."""
    world = continuous(
        World.start(make_chain(strikes=5), parameters=(("*", "toxic_gain", 20_000),))
    )
    slots = [slot for slot, one in enumerate(world.chain.contracts) if one.kind == "C"]
    for _ in range(14):
        for slot in slots[:2]:
            if (slot, 0) in world.resting:
                world.fill(slot, 0, 10)
        world.move(world.spot - 60)
        world.run(1.5)
        world.at += SECOND
    world.run(12)
    fills = world.state.ledger.fills.sum(axis=0)
    assert fills[ls.FILLS] > 10
    assert fills[ls.MARK_OUT + 1] < 0
    assert flow.toxicity(world.state.flow, 0, 20_000, 2_000) > 0
    gains = flow.open_flow(1)
    gains.average[0] = 50_000
    assert flow.toxicity(gains, 0, 20_000, 2_000) == 0
    assert flow.toxicity(world.state.flow, 0, 10**6, 2_000) == 200_000


def test_a_mark_out_is_theory_less_price_against_the_side():
    """Bought at 100, theory 90 after a second: -10 Ticks x 200,000 units, -40 % of A = 25. Marks at
    the settlement price, for want of a theory, teach nothing.
    """
    kept = ls.blank_ledger(1, 1, 1)
    fixed = np.full((1, c.F_COLUMNS), 10_000, dtype=np.int64)
    book, marks = flow.open_flow(1), np.array([90], dtype=np.int64)
    kept.pending[0, 0] = 0, 0, 20, 100, 25
    kept.rings[0, ls.R_PUT] = 1
    theo = np.full((1, c.T_COLUMNS), 0.0090)

    def mark(at, theory=theo):
        given = (np.array(ls.HORIZONS, dtype=np.int64), at, marks, theory, fixed, kept.fills)
        mark_out(kept.pending[0], kept.rings[0], *given, book.average[0])
        return kept.fills[0, ls.MARK_OUT : ls.MARK_OUT + 2].tolist(), book.average[0].tolist()

    assert mark(SECOND - 1) == ([0, 0], [0, 0])
    assert mark(SECOND) == mark(2 * SECOND) == ([-2_000_000, 0], [-25_000, 0])
    assert mark(10 * SECOND, theo * np.nan) == ([-2_000_000, -2_000_000], [-25_000, 0])
    kept.pending[0, 1] = 0, 10 * SECOND, -20, 100, 25  # a sale gains by the same move
    kept.rings[0, ls.R_PUT] = 2
    assert mark(20 * SECOND)[1] == [-25_000 + (400_000 + 25_000) // 16, 25_000]


def test_the_need_is_what_the_target_still_asks_of_the_remaining_time():
    """90 % of the day: a little more of the rest after 20 s unquoted, all after the morning."""
    world = World.start(ready=False)
    world.at, world.phase = MORNING, Phase.CONTINUOUS
    world.tick()
    world.last[0] = 500
    world.run(20)
    assert 900_000 < world.state.desk[0, c.D_NEED] < 902_000
    world.at = MORNING + 120 * MINUTE - SECOND
    world.tick()
    assert world.state.desk[0, c.D_NEED] == 1_000_000


def test_the_closing_drive_names_who_would_miss_the_auction():
    """Q-05: all of a class count at the close; from 14:58 on the missing are told by code."""
    world = continuous(World.start())
    world.at, world.phase = CLOSING, Phase.CLOSING
    world.run(2)
    code = world.chain.contracts[4].code
    world.put(SetParameter(code, "enabled", 0, "p001"))
    world.run(2)
    world.put(TimerFired("watch", world.at))
    assert world.alerts(Alert.DUTY_AT_RISK) == []
    world.at = CLOSING + MINUTE
    world.put(TimerFired("watch", world.at))
    (told,) = world.alerts(Alert.DUTY_AT_RISK)
    assert (told.scope, told.args) == ("510050", ("auction", 1, 12, code))
    world.put(SetParameter(code, "enabled", 1, "p001"))
    world.at = CLOSING + 2 * MINUTE + 10 * SECOND
    world.run(1)
    world.put(TimerFired("watch", world.at))
    assert len(world.alerts(Alert.DUTY_AT_RISK)) == 1
    assert {(4, 0), (4, 1)} <= set(world.resting)
