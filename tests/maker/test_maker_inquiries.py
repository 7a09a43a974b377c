"""The inquiry queue: answered, held, broken, excused (Q-06, Q-07, E-04)."""

import random

import pytest
from inquiry_world import (
    GENERAL,
    SLOT,
    ask,
    asked,
    both,
    counted,
    live,
    stage,
    start,
    theory,
    told,
)

from quanheng.compose.alert_words import sentence
from quanheng.duties import measure
from quanheng.kernels.pack import unpack
from quanheng.maker import inquiries
from quanheng.maker import quote_kernels as q
from quanheng.maker.inquiry_life import (
    NEVER,
    OPEN,
    TABLE,
    Happening,
    Stage,
    life_table,
)
from quanheng.maker.inquiry_views import INQUIRY_COLUMNS
from quanheng.maker.invariants import invariants
from quanheng.maker.maker import VIEW, Maker
from quanheng.maker.messages import Notify
from quanheng.runtime.envelope import Envelope, LinkChanged, TimerFired, TookOver
from quanheng.terms.codes import Alert, ExemptReason, Link, Phase, TradingState
from quanheng.terms.commands import (
    AnswerInquiry,
    Pull,
    RecordExemption,
    SetParameter,
    SetState,
    SignOn,
    TakeInquiry,
)
from quanheng.terms.market import Inquiry
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import SECOND


def test_the_life_cycle_is_a_table_of_which_every_end_is_one():
    """Q-06: every stage and happening has one answer; what has ended only a phase can excuse."""
    assert len(TABLE) == len(Stage) and {len(row) for row in TABLE} == {len(Happening)}
    for one in Stage:
        moves = {to for to in TABLE[one] if to != NEVER}
        assert moves if one in OPEN else moves <= {Stage.EXCUSED}
    assert life_table().count("\n") == len(Stage) + 2
    assert "| WAITING | TAKEN | - | - | ANSWERED |" in life_table()


def test_a_move_the_table_lacks_is_counted_and_not_made():
    """The guard of the life-cycle fires on the real path and shows among the invariants."""
    world = start()
    ask(world)
    inquiries.move(world.state, asked(world), Happening.GIVE_BACK)
    assert stage(world) == Stage.ANSWERED
    assert invariants(world.state)["inquiries against their life-cycle"] == 1


def test_a_general_maker_answers_holds_and_leaves():
    """O-01, Q-06: quiet until asked; both sides at once, 15 s long, then gone; ratio 1 of 1, which
    is the meter's count.
    """
    world = start(roles=GENERAL)
    assert not world.resting
    ask(world)
    assert both(world) and len(world.resting) == 2
    began = world.at
    assert stage(world) == Stage.ANSWERED
    assert asked(world).since - began < SECOND
    live(world, 14)
    assert both(world) and stage(world) == Stage.ANSWERED
    live(world, 4)
    assert stage(world) == Stage.HELD and not world.resting
    live(world, 20)
    assert counted(world) == (1, 1)
    found = measure.figures(world.state.meter, world.at)
    assert (int(found.inquiries[0, SLOT]), int(found.answered[0, SLOT])) == (1, 1)
    world.put(TimerFired(VIEW, world.at))
    shown = [e for e in world.effects if isinstance(e, Notify) and e.topic == "inquiries"]
    rows = unpack(shown[-1].rows, shown[-1].columns).tolist()
    assert [row[:4] for row in rows] == [[0, SLOT, 1, 1], [0, -1, 1, 1]]


def test_each_step_of_an_inquiry_is_shown():
    """The console's queue: a row on arrival and whenever the inquiry has moved (T-03)."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 20)
    rows = [
        dict(zip(INQUIRY_COLUMNS, unpack(e.rows, e.columns)[0].tolist(), strict=True))
        for e in world.effects
        if isinstance(e, Notify) and e.topic == "inquiry"
    ]
    assert [row["stage"] for row in rows[:2]] == [Stage.WAITING, Stage.ANSWERED]
    assert rows[-1]["stage"] == Stage.HELD and rows[-1]["slot"] == SLOT
    assert rows[-1]["due"] - rows[-1]["arrived"] == 15 * SECOND


def test_a_quote_that_rests_already_answers():
    """Reading A19: a primary maker's resting quote is the answer from the first instant on."""
    world = start()
    sent = len(world.quotes())
    ask(world)
    assert len(world.quotes()) == sent
    assert stage(world) == Stage.ANSWERED and asked(world).since == asked(world).arrived


def test_an_inquiry_is_heard_once_and_of_an_unknown_contract_never():
    """F57: the same id again is a duplicate; a foreign contract is an error that names it."""
    world = start()
    ask(world)
    ask(world)
    assert world.state.audit.inquiries == 1 and len(world.state.inquiries.asked) == 1
    with pytest.raises(ValueError, match="inquiry X names contract 99999999"):
        world.put(Inquiry("X", "99999999", 0, 0, world.at, world.at))


def test_what_is_over_makes_room_and_what_is_open_does_not(monkeypatch):
    """F57: the queue is bounded; an inquiry it has no room for is told and still metered."""
    monkeypatch.setattr(inquiries, "MOST", 2)
    world = start()
    for number in range(3):
        ask(world, f"A{number}")
    assert list(world.state.inquiries.numbers) == ["A0", "A1"]
    assert told(world, Alert.INQUIRY_MISSED) == [("A2", "queue")]
    assert world.state.audit.inquiries == 3
    live(world, 20)
    ask(world, "B")
    assert list(world.state.inquiries.numbers) == ["A1", "B"]


def test_several_inquiries_for_one_contract_share_the_quote():
    """Each has its own 15 s; the quote stays for the last of them."""
    world = start(roles=GENERAL)
    ask(world, "A")
    live(world, 8)
    ask(world, "B")
    live(world, 9)
    assert (stage(world, "A"), stage(world, "B")) == (Stage.HELD, Stage.ANSWERED)
    assert both(world)
    live(world, 8)
    assert stage(world, "B") == Stage.HELD and not world.resting
    assert counted(world) == (2, 2)


def test_a_fill_in_the_hold_counts_and_the_size_comes_back():
    """Rules 10.1-7: traded away counts as answered; the quote is whole again for the rest."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 3)
    left = world.resting[SLOT, 1][2]
    world.fill(SLOT, 1, left)
    assert stage(world) == Stage.HELD
    live(world, 1)
    assert both(world) and world.resting[SLOT, 1][2] >= 10
    live(world, 10)
    assert both(world)


def test_a_partial_fill_in_the_hold_is_refilled_before_it_counts_too_little():
    """The size that counts is kept through the hold (Q-02, Q-06)."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 2)
    world.fill(SLOT, 0, world.resting[SLOT, 0][2] - 3)
    assert world.resting[SLOT, 0][2] >= 10
    live(world, 16)
    assert stage(world) == Stage.HELD and asked(world).breaks == 0


def test_requotes_in_the_hold_stay_within_the_obligation():
    """Prices follow the market; the pair complies at every message (Q-01, Q-06)."""
    world = start(roles=GENERAL)
    ask(world)
    for step in range(14):
        world.move(world.spot + (37 if step % 2 else -52))
        live(world, 1)
        row = world.state.tables.fixed[SLOT]
        assert world.resting[SLOT, 1][1] <= q.widest_ask(world.resting[SLOT, 0][1], row)
    live(world, 4)
    assert stage(world) == Stage.HELD and asked(world).breaks == 0


def test_a_jump_in_the_hold_does_not_widen_the_answer_beyond_its_obligation():
    """A pull away from theory after a jump (G_PROTECT) still leaves a quote that counts, and that
    does not cross the others' old prices (P12).
    """
    world = start(roles=GENERAL)
    ask(world)
    live(world, 1)
    for sign in (1, -1, 1):
        world.move(world.spot + sign * 85)
        bid, ask_ = world.resting[SLOT, 0][1], world.resting[SLOT, 1][1]
        assert ask_ <= q.widest_ask(bid, world.state.tables.fixed[SLOT])
        live(world, 0.5)
    assert asked(world).breaks == 0


def test_a_trip_in_the_hold_is_recorded_as_what_broke_it():
    """reliability.md 2.4: the protection window wins over the hold, and the record says so."""
    records = (LimitRecord("*", "mmp_fills", 1, 0, 0, "test", "r01", "h01"),)
    world = start(roles=GENERAL, granted=records)
    ask(world)
    live(world, 3)
    world.fill(SLOT, 1, 1)
    assert not world.resting
    assert told(world, Alert.INQUIRY_BROKEN) == [("RQ1", "MMP")]
    assert stage(world) == Stage.WAITING
    live(world, 14)
    assert stage(world) == Stage.MISSED
    assert told(world, Alert.INQUIRY_MISSED) == [("RQ1", "MMP")]
    live(world, 16)
    assert counted(world) == (1, 0)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (SetParameter("*", "max_value", 1_000, "p001"), "P08"),
        (SetParameter("*", "max_position", 5, "p001"), "P18"),
        (SetState("510050", TradingState.REDUCING, "drill", "p001"), "reducing"),
        (Pull("*", "p001"), "halted"),
        (SignOn("trader", "p001", False), "nobody"),
        (SetParameter("*", "enabled", 0, "p001"), "quote"),
    ],
)
def test_limits_and_states_in_the_hold_are_recorded_as_what_broke_it(command, why):
    """Q-06: what ends the answer is named; without an answer in time it is missed."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 3)
    world.put(command)
    world.move(world.spot + 40)
    live(world, 1)
    assert not both(world)
    assert told(world, Alert.INQUIRY_BROKEN) == [("RQ1", why)]
    live(world, 14)
    assert stage(world) == Stage.MISSED and asked(world).why == why
    for language in ("zh", "en"):
        assert "RQ1" in sentence(world.alerts(Alert.INQUIRY_MISSED)[0], language)


def test_a_broken_hold_may_begin_anew_until_it_is_due():
    """rules.md 10.1-7: any 15 s that begin within the first 15 s do."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 3)
    world.put(SetState("*", TradingState.HALTED, "drill", "p001"))
    live(world, 2)
    world.put(SetState("*", TradingState.OPEN, "back", "p001", "p002"))
    live(world, 15)
    assert stage(world) == Stage.ANSWERED and asked(world).breaks == 1
    live(world, 3)
    assert stage(world) == Stage.HELD
    live(world, 20)
    assert counted(world) == (1, 1)


def test_an_exempt_contract_is_answered_and_not_counted():
    """Q-07: an approved exemption takes the inquiry out of the ratio, not out of the market."""
    world = start(roles=GENERAL)
    code = world.chain.contracts[SLOT].code
    reason = ExemptReason.TECHNICAL
    world.put(RecordExemption(code, reason, world.at, 0, "p001", "r01"))
    live(world, 1)
    ask(world)
    assert both(world)
    live(world, 20)
    assert stage(world) == Stage.EXCUSED and asked(world).why == "exempt"
    assert counted(world) == (0, 0)


def test_a_contract_at_its_price_limit_does_not_count_either():
    """Q-07: one side suffices at a limit, so an inquiry there is not counted."""
    world = start(roles=GENERAL)
    world.last = {SLOT: world.chain.contracts[SLOT].limit_up}
    live(world, 1)
    ask(world)
    live(world, 20)
    assert stage(world) == Stage.EXCUSED and asked(world).why == "price"


@pytest.mark.parametrize("phase", [Phase.HALT, Phase.CLOSING, Phase.BREAK])
def test_outside_continuous_trading_an_inquiry_does_not_count(phase):
    """Reading A34: halted class, call auction, break."""
    world = start()
    world.phase = phase
    live(world, 1)
    ask(world)
    live(world, 18)
    assert stage(world) == Stage.EXCUSED and asked(world).why == "phase"
    assert not world.state.inquiries.open


def test_the_end_of_the_phase_cuts_a_hold_off():
    """Rules 10.1-7: not answered and cut off is not counted, and neither is one missed before."""
    world = start(roles=GENERAL)
    ask(world, "A")
    world.put(SetState("*", TradingState.HALTED, "drill", "p001"))
    live(world, 18)
    assert stage(world, "A") == Stage.MISSED
    world.put(SetState("*", TradingState.OPEN, "back", "p001", "p002"))
    ask(world, "B", 5)
    live(world, 2)
    world.phase = Phase.HALT
    live(world, 3)
    assert (stage(world, "A"), stage(world, "B")) == (Stage.EXCUSED, Stage.EXCUSED)
    assert counted(world) == counted(world, 5) == (0, 0)


def test_a_restart_between_leaves_every_verdict_as_it_was():
    """A snapshot in the middle and the same inputs after it: equal effects, equal digest."""
    world = start(roles=GENERAL)
    ask(world, "A")
    live(world, 4)
    ask(world, "B", 5)
    world.put(TakeInquiry("B", "p001"))
    other = Maker()
    other.restore(world.maker.snapshot())
    first = world.maker.apply

    def twice(envelope: Envelope):
        effects = list(first(envelope))
        assert list(other.apply(envelope)) == effects
        return effects

    world.maker.apply = twice
    live(world, 30)
    assert (stage(world, "A"), stage(world, "B")) == (Stage.HELD, Stage.HELD)
    assert other.digest() == world.maker.digest()


def test_a_lost_line_breaks_an_answer_only_when_the_quote_is_gone():
    """A take-over withdraws what may rest, and answers again in time (Q-06, T-05)."""
    world = start(roles=GENERAL)
    ask(world)
    live(world, 2)
    world.put(LinkChanged(Link.DOWN))
    world.put(TookOver(2))
    world.put(LinkChanged(Link.SYNCING))
    world.put(LinkChanged(Link.READY))
    live(world, 2)
    assert asked(world).breaks == 1 and both(world)
    live(world, 18)
    assert stage(world) == Stage.HELD


@pytest.mark.parametrize("seed", range(6))
def test_the_queue_counts_as_the_meter_does(seed):
    """E-04: over random inquiries, fills, states and phases both counts are the same."""
    rng = random.Random(seed)
    world = start(roles=GENERAL if seed % 2 else ())
    number = 0
    for _ in range(120):
        draw = rng.random()
        slot = rng.randrange(12)
        if draw < 0.3:
            number += 1
            ask(world, f"R{number}", slot)
        elif draw < 0.4 and world.resting:
            key = rng.choice(sorted(world.resting))
            world.fill(*key, rng.randint(1, world.resting[key][2]))
        elif draw < 0.45:
            world.put(SetState("*", TradingState.HALTED, "x", "p001"))
        elif draw < 0.55:
            world.put(SetState("*", TradingState.OPEN, "x", "p001", "p002"))
        elif draw < 0.6:
            world.phases[slot] = rng.choice([Phase.CONTINUOUS, Phase.HALT])
        elif draw < 0.7 and number:
            name = f"R{rng.randint(1, number)}"
            world.put(TakeInquiry(name, "p001"))
            if name in world.state.inquiries.numbers:
                where = asked(world, name).slot
                value = round(theory(world, where))
                world.put(AnswerInquiry(name, value - 6, 11, value + 6, 11, "p001"))
        elif draw < 0.8:
            world.move(world.spot + rng.randint(-60, 60))
        live(world, rng.choice([0.5, 1, 2]))
    world.phases.clear()
    live(world, 40)
    found = measure.figures(world.state.meter, world.at)
    counts = world.state.inquiries.counts
    assert number > 20 and counts[:, 0].sum() > 10
    assert counts[:, 0].tolist() == found.inquiries[0].tolist()
    assert counts[:, 1].tolist() == found.answered[0].tolist()
    assert not world.state.inquiries.open
    assert invariants(world.state)["inquiries against their life-cycle"] == 0
