"""Profit by cause, edge, mark-outs and position Greeks of the live maker (R-06, I-29, I-34)."""

import random

import numpy as np
import pytest
from maker_world import World, continuous, make_chain, make_trade

from quanheng.books import pnl
from quanheng.kernels.desk.black import price_one
from quanheng.kernels.pack import pack, unpack
from quanheng.maker import ledger, monitors
from quanheng.maker import ledger_state as s
from quanheng.maker.invariants import invariants
from quanheng.maker.ledger_views import (
    FILL_COLUMNS,
    GREEK_COLUMNS,
    LEDGER_COLUMNS,
    fill_rows,
    greek_rows,
)
from quanheng.maker.messages import Notify
from quanheng.runtime.envelope import TimerFired
from quanheng.runtime.state import decode_state, encode_state
from quanheng.terms.codes import Alert, Effect
from quanheng.terms.units import SECOND

UNIT = 10_000
BROKEN = "classes whose terms are not their profit"


def terms(world, klass=0):
    return world.state.ledger.terms[klass].tolist()


def profit(world):
    """What the book itself says, at its own marks."""
    state = world.state
    return pnl.profit(state.book, state.tables.fixed[:, 4], monitors.marks(state)).total


def test_a_fill_is_booked_at_its_edge_and_its_fee():
    """Edge at the fill = theory less price, at the mark of that moment; the fee is a term."""
    world = continuous(World.start())
    slot = 2
    mark = int(world.state.ledger.marks[slot])
    price = world.resting[slot, 0][1]
    world.fill(slot, 0, 3)
    found = terms(world)
    assert found[s.EDGE] == 3 * UNIT * (mark - price) > 0
    assert found[s.FEES] == -world.state.book.fees < 0
    assert sum(found) == profit(world)
    mine = world.state.ledger.fills[slot].tolist()
    assert mine[: s.MARK_OUT] == [1, 3, 0, found[s.EDGE], world.state.book.fees]


def test_terms_add_to_the_profit_through_any_history():
    """R-06: terms and residual are the profit to the last 0.0001 yuan at any time, and the
    residual stays in its bound, through fills of both sides, moves of spot, level and skew.
    """
    world = continuous(World.start(make_chain(strikes=5, underlyings=("510050", "510300"))))
    draw = random.Random(5)
    for _ in range(40):
        slot, side = draw.choice(sorted(world.resting))
        world.fill(slot, side, draw.randint(1, 9))
        world.vol = 0.18 + draw.uniform(-0.01, 0.01)
        tilt = draw.uniform(-0.2, 0.2)
        level = world.vol
        world.smiles = {day: lambda k, b=level, t=tilt: b + t * k for day in (20240724,)}
        world.move(world.spot + draw.randrange(-60, 70, 10))
        world.run(2, step=SECOND)
        assert invariants(world.state)[BROKEN] == 0
        assert sum(sum(terms(world, klass)) for klass in (0, 1)) == profit(world)
    moved = terms(world)
    for place in (s.EDGE, s.FEES, s.DELTA, s.GAMMA, s.LEVEL, s.SLOPE, s.SMILE, s.VANNA, s.OFFSET):
        assert moved[place] != 0, s.NAMES[place]
    residual, bound = ledger.residual_bound(world.state, world.state.opened, 0)
    assert 0 < abs(residual) <= bound


def test_a_parallel_move_is_level_and_a_tilt_is_slope():
    """Vega by curve parameter: what the street does to its smile lands in that parameter's term."""
    world = continuous(World.start(make_chain(strikes=9, expiries=1)))
    world.run(20)
    world.fill(8, 0, 10)
    before = np.array(terms(world))
    world.vol += 0.004
    world.run(40)
    gained = np.array(terms(world)) - before
    assert gained[s.LEVEL] > 0
    assert gained[s.LEVEL] > 10 * max(abs(gained[s.SLOPE]), abs(gained[s.CURVATURE]))
    tilted = continuous(World.start(make_chain(strikes=9, expiries=1)))
    tilted.run(20)
    tilted.fill(14, 0, 10)
    before = np.array(terms(tilted))
    tilted.smiles = {20240724: lambda k: 0.18 + 0.08 * k}
    tilted.run(40)
    gained = np.array(terms(tilted)) - before
    assert gained[s.SLOPE] > 0
    assert gained[s.SLOPE] > 2 * abs(gained[s.LEVEL])


def test_time_alone_costs_a_long_option_its_theta():
    """Theta runs in variance time: with nothing else moving it is the loss (rules.md 8.1)."""
    world = continuous(World.start(make_chain(strikes=5, expiries=1)))
    world.run(20)
    world.fill(4, 0, 10)
    before = np.array(terms(world))
    world.run(600, step=5 * SECOND)
    gained = np.array(terms(world)) - before
    minutes = 10 / 240 / 243
    days = 19.95 / 243
    value = price_one(1.0, 2.441, 2.45, 0.18, days, 1.0)
    later = price_one(1.0, 2.441, 2.45, 0.18, days - minutes, 1.0)
    assert gained[s.THETA] == pytest.approx(10 * UNIT * (later - value) * 10_000, rel=0.05)


def test_marks_without_a_theory_go_to_their_own_term():
    """Opening positions are worth their settlement until the first theory; the step to it is not
    explained by any Greek and is not called residual either.
    """
    chain = make_chain()
    held = np.zeros((1, len(chain.contracts)), dtype=np.int64)
    held[0, 1] = 5
    world = World.start(chain, long=pack(held))
    assert terms(world) == [0] * s.TERMS
    continuous(world)
    found = terms(world)
    settle = int(chain.contracts[1].previous_settle)
    assert invariants(world.state)[BROKEN] == 0
    assert sum(found) == profit(world)
    assert found[s.SETTLEMENT] != 0 or int(world.state.ledger.marks[1]) == settle


def test_mark_outs_take_the_first_theory_after_each_horizon():
    """A fill is worth what theory says 1, 10 and 60 s later, against the price paid."""
    world = continuous(World.start(make_chain(strikes=3, expiries=1)))
    slot, price = 2, world.resting[2, 0][1]
    world.fill(slot, 0, 4)
    marks = []
    for seconds in (1.5, 9.5, 50):
        world.move(world.spot - 50)
        world.run(seconds)
        marks.append(int(world.state.ledger.fills[slot, s.MARKED + len(marks)]))
    assert marks == [4, 4, 4]
    row = dict(zip(FILL_COLUMNS, fill_rows(world.state)[0].tolist(), strict=True))
    assert row["mark_out_1s"] < row["edge"]
    assert row["mark_out_60s"] < row["mark_out_10s"] < row["mark_out_1s"]
    last = 4 * UNIT * (int(world.state.ledger.marks[slot]) - price)
    assert row["mark_out_60s"] == pytest.approx(last, rel=0.05)


def test_more_fills_than_the_ring_holds_are_counted():
    """The ring is bounded: what it cannot keep is dropped and said (borders.md 2)."""
    world = continuous(World.start(make_chain(strikes=3, expiries=1)))
    contract = world.chain.contracts[2]
    for number in range(s.PENDING + 5):
        ident = f"M001{number:06d}"  # a late fill is a position like any other
        world.report(make_trade(contract, ident, 0, 900, 1, Effect.OPEN, world.at))
    assert world.state.ledger.dropped.tolist() == [5 * len(s.HORIZONS)]
    assert invariants(world.state)[BROKEN] == 0


def test_position_greeks_add_up_from_expiries_to_the_book():
    """I-29: by expiry, class and total, in 1e-9: a long call gains by spot and vol."""
    world = continuous(World.start(make_chain(underlyings=("510050", "510300"))))
    world.fill(2, 0, 4)
    world.fill(14, 0, 2)
    rows = greek_rows(world.state, 2)
    assert rows.shape == (4 + 2 + 1, len(GREEK_COLUMNS))
    assert rows[:, 0].tolist() == [0, 0, 1, 1, 0, 1, -1]
    np.testing.assert_allclose(rows[:4, 2:].sum(axis=0), rows[6, 2:], atol=8)
    np.testing.assert_allclose(rows[:2, 2:].sum(axis=0), rows[4, 2:], atol=8)
    names = dict(zip(GREEK_COLUMNS, rows[4].tolist(), strict=True))
    assert names["delta"] > 0
    assert names["gamma"] > 0
    assert names["vega"] > 0
    assert names["theta"] < 0
    state = world.state
    theo = state.surface.theo[2]
    forward = state.surface.fits[0, 2]
    assert names["delta"] == pytest.approx(4 * UNIT * theo[1] * forward * 1e9, rel=1e-9)


def test_the_minute_shows_ledger_greeks_and_fills():
    """R-06, I-34: the views carry the same numbers as the state."""
    world = continuous(World.start())
    world.fill(2, 0, 4)
    effects = world.put(TimerFired("view", world.at))
    shown = {effect.topic: effect for effect in effects if isinstance(effect, Notify)}
    row = dict(
        zip(LEDGER_COLUMNS, unpack(shown["ledger"].rows, len(LEDGER_COLUMNS))[0].tolist(),
            strict=True)
    )  # fmt: skip
    assert row["total"] == profit(world)
    assert row["edge"] == terms(world)[s.EDGE]
    assert unpack(shown["fills"].rows, len(FILL_COLUMNS)).shape[0] == 1
    assert unpack(shown["greeks"].rows, len(GREEK_COLUMNS)).shape[0] == 2 + 1 + 1
    assert not world.alerts(Alert.PROFIT_UNEXPLAINED)


def test_profit_that_is_not_explained_raises_the_alarm():
    """R-06: a move far beyond any expansion in one step leaves a residual that is told."""
    loose = (("*", "absurd", 200_000),)  # else the jump is not believed before it is confirmed
    world = continuous(World.start(make_chain(strikes=3, expiries=1), parameters=loose))
    world.fill(2, 0, 10)
    world.move(world.spot + 2_400)
    world.put(TimerFired("view", world.at))
    residual, bound = ledger.residual_bound(world.state, world.state.opened, 0)
    assert abs(residual) > bound
    told = world.alerts(Alert.PROFIT_UNEXPLAINED)
    assert [(alert.scope, alert.args) for alert in told] == [("510050", (residual, bound))]
    assert invariants(world.state)[BROKEN] == 0


def test_the_invariant_sees_a_term_that_was_lost():
    """The guard is real: a ledger that forgets one Money unit is found."""
    world = continuous(World.start())
    world.fill(2, 0, 4)
    world.state.ledger.terms[0, s.EDGE] -= 1
    assert invariants(world.state)[BROKEN] == 1


def test_a_restored_ledger_goes_on_with_the_same_bits():
    """The ledger is state: a snapshot between two ticks changes nothing (borders.md 2)."""
    one = continuous(World.start())
    other = continuous(World.start())
    for world in (one, other):
        world.fill(2, 0, 4)
    data = encode_state(other.state)
    other.maker.restore(data)
    assert type(decode_state(data, type(one.state))) is type(one.state)
    for world in (one, other):
        world.move(world.spot + 30)
        world.run(3)
    assert one.maker.digest() == other.maker.digest()
