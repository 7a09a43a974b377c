"""The ladder for instructions: which of the 38 checks judge what, at their bounds and on the real
path, with the exchange's code where it has one (I-12, I-18; reliability.md 2.3).
"""

import instruction_world as iw
import pytest

from quanheng.compose.check_words import told
from quanheng.maker import checks
from quanheng.maker import instruction_rungs as rungs
from quanheng.maker.instruction_rungs import INSTRUCTION_RUNGS, Ask
from quanheng.maker.instruction_state import MOST, Instruction, Kind
from quanheng.maker.ladder import LADDER
from quanheng.runtime.envelope import LinkChanged, NotSent
from quanheng.terms import business as b
from quanheng.terms.codes import Alert, Check, Link, TradingState
from quanheng.terms.commands import (
    Combine,
    Exercise,
    InquireMargin,
    LockUnits,
    Pull,
    SetState,
    SignOn,
    Split,
)
from quanheng.terms.days import midnight
from quanheng.terms.units import HOUR, MINUTE
from quanheng.wire.codes import number as code_of

CALL, PUT = iw.code("C", 24_500), iw.code("P", 24_500)
TODAY_CALL, TODAY_PUT = iw.code("C", 24_000, iw.DAY), iw.code("P", 25_000, iw.DAY)
BOOK = "2024062700000001"
REQUEST = b.LockRequest("", "510050", 1, False)

GOOD = {
    "state": TradingState.OPEN, "trader": True, "epochs": 0, "closed": 0, "form": 0,
    "not_today": 0, "qty": 5, "twins": 0, "tokens": 301, "reserve": 300, "alive": 9, "most": 10,
    "cost": 7, "money": 7, "units": 6, "units_left": 6, "left": 5, "two_people": True,
    "account": 1, "reconciled": True,
}  # fmt: skip
"""Everything just inside its bound."""

BAD = {
    Check.P01_STATE: {"state": TradingState.SYNCING},
    Check.P02_EPOCH: {"epochs": 1},
    Check.P03_PHASE: {"closed": 19100},
    Check.P04_CONTRACT: {"form": 19114},
    Check.P06_QUANTITY: {"qty": 0},
    Check.P14_DUPLICATE: {"twins": 1},
    Check.P15_MESSAGE_RATE: {"tokens": 300},
    Check.P20_MARGIN: {"money": 6},
    Check.P22_COVERED: {"units_left": 5},
    Check.P23_EXPIRY: {"not_today": 17594},
    Check.P24_OPEN_CLOSE: {"left": 4},
    Check.P30_MANUAL: {"two_people": False},
    Check.P31_DAILY_TOTALS: {"alive": 10},
    Check.P32_ACCOUNT_PURPOSE: {"account": 0},
    Check.P35_RECONCILIATION: {"reconciled": False},
}
"""One step beyond a bound."""


def ask(kind, **changes):
    return Ask(**{"kind": kind, **GOOD, **changes})


def test_every_check_is_in_the_table_with_its_kinds_or_why_not():
    assert [one.check for one in INSTRUCTION_RUNGS] == [rung.check for rung in LADDER]
    assert len(INSTRUCTION_RUNGS) == 38
    for one in INSTRUCTION_RUNGS:
        assert one.why
        assert bool(one.kinds) == (one.broken is not None)
    assert set(BAD) == {one.check for one in INSTRUCTION_RUNGS if one.kinds}


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_inside_every_bound_passes(kind):
    assert checks.vet(ask(kind), REQUEST) == checks.Vetted(REQUEST)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("check", list(BAD))
def test_each_rung_alone_flips_the_result_of_its_kinds_only(check, kind):
    """Boundary and mutation in one: one step beyond is refused, and by no other rung."""
    verdict = checks.vet(ask(kind, **BAD[check]), REQUEST)
    if kind in rungs.BY_CHECK[check].kinds:
        assert (verdict.check, verdict.action) == (check, LADDER[check - 1].action)
        without = tuple(rung for rung in LADDER if rung.check != check)
        assert checks.vet(ask(kind, **BAD[check]), REQUEST, without) == checks.Vetted(REQUEST)
    elif check in (Check.P20_MARGIN, Check.P22_COVERED) and kind in (Kind.EXERCISE, Kind.MERGE):
        assert verdict.check == Check.P23_EXPIRY  # which judges an exercise's cash and units
    else:
        assert verdict == checks.Vetted(REQUEST)


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        (Kind.LOCK, {"qty": -1}, 19070),
        (Kind.LOCK, {"qty": 0}, 10444),
        (Kind.LOCK, BAD[Check.P22_COVERED], 10836),
        (Kind.UNLOCK, BAD[Check.P22_COVERED], 17622),
        (Kind.BUILD, BAD[Check.P24_OPEN_CLOSE], 10836),
        (Kind.SPLIT, BAD[Check.P24_OPEN_CLOSE], 19294),
        (Kind.SPLIT, BAD[Check.P20_MARGIN], 19296),
        (Kind.EXERCISE, BAD[Check.P23_EXPIRY], 17594),
        (Kind.EXERCISE, BAD[Check.P30_MANUAL], 0),
    ],
)
def test_refusals_carry_the_exchanges_code_of_the_same_fault(kind, changes, code):
    assert checks.vet(ask(kind, **changes), REQUEST).code == code


@pytest.mark.parametrize(
    ("kind", "state", "passes"),
    [
        (kind, state, state >= (4 if kind in (Kind.UNLOCK, Kind.SPLIT) else 2))
        for kind in Kind
        for state in TradingState
    ],
)
def test_states_as_a_truth_table(kind, state, passes):
    """From HALTED up people use what they hold; what takes cover or margin away needs REDUCING."""
    assert isinstance(checks.vet(ask(kind, state=state), REQUEST), checks.Vetted) == passes


# The real path: a command goes in, the rung fires, nothing leaves ------------------------------


def world_of(**changes):
    given = {
        "long": {TODAY_CALL: 5, TODAY_PUT: 5},
        "short": {CALL: 6, PUT: 6},
        "locked": (20_000,),
        "combinations": ((BOOK, "KS", CALL, PUT, 2),),
    }
    return iw.start(**(given | changes))


LOCK = LockUnits("510050", 10_000, False, iw.TRADER)
UNLOCK = LockUnits("510050", 10_000, True, iw.TRADER)
EXERCISE = Exercise(TODAY_CALL, 2, iw.TRADER, "", iw.RISK)
BUILD = Combine("KS", CALL, PUT, 2, iw.TRADER)
SPLIT = Split(BOOK, 1, iw.TRADER)


def denies(world, body, check, code=0):
    before = len(iw.sent(world.effects))
    effects = world.put(body)
    assert len(iw.sent(world.effects)) == before
    assert iw.refused(world, check)[0] == code
    alert = next(e for e in effects if getattr(e, "code", "") == Alert.CHECK_DENIED)
    for language in ("zh", "en"):
        line = told(alert, language)
        assert f"P{check:02d}" in line and (not code or f"[{code}]" in line)


def at_clock(world, hour, minute):
    world.at = midnight(iw.DAY) + hour * HOUR + minute * MINUTE


def test_p01_line_roster_and_state():
    world = world_of()
    world.put(SetState("510050", TradingState.CANCEL_ONLY, "drill", "r01"))
    denies(world, UNLOCK, 1)
    assert iw.sent(world.put(LOCK))
    world.put(LinkChanged(Link.DOWN))
    denies(world, InquireMargin(iw.TRADER), 1)
    world = world_of()
    world.put(SignOn("trader", "p001", False))
    denies(world, LOCK, 1)
    assert iw.sent(world.put(InquireMargin(iw.TRADER)))


def test_p01_what_is_held_may_be_used_after_a_pull():
    world = world_of()
    world.put(Pull("*", "p001"))
    assert iw.sent(world.put(EXERCISE))
    denies(world, SPLIT, 1)


def test_p02_a_higher_epoch_is_known():
    world = world_of()
    world.put(NotSent([], "fenced", 9))
    denies(world, LOCK, 2)


@pytest.mark.parametrize(
    ("body", "hour", "minute", "code"),
    [
        (LOCK, 9, 14, 11246),
        (LOCK, 9, 25, 19100),
        (LOCK, 15, 0, 10740),
        (EXERCISE, 12, 0, 19100),
        (EXERCISE, 15, 30, 10740),
        (BUILD, 9, 20, 11246),
        (BUILD, 15, 15, 10740),
        (InquireMargin(iw.TRADER), 11, 30, 19100),
    ],
)
def test_p03_the_hours_of_each_business(body, hour, minute, code):
    world = world_of()
    world.at = 0
    at_clock(world, hour, minute)
    # Only the clock of the input counts; the world's market may lag behind it.
    denies(world, body, 3, code)


@pytest.mark.parametrize(
    ("body", "hour", "minute"),
    [(LOCK, 9, 15), (LOCK, 14, 59), (EXERCISE, 9, 24), (EXERCISE, 15, 29), (BUILD, 15, 14)],
)
def test_p03_inside_the_hours_it_goes(body, hour, minute):
    """Exercises after the close of trading included, when no quote is alive any more."""
    world = world_of()
    world.at = 0
    at_clock(world, hour, minute)
    assert iw.sent(world.put(body))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (LockUnits("510300", 1, False, iw.TRADER), "PRODUCT_NOT_AVAILABLE"),
        (Exercise("10000000", 1, iw.TRADER, "", iw.RISK), "PRODUCT_NOT_AVAILABLE"),
        (Combine("XX", CALL, PUT, 1, iw.TRADER), "INVALID_STRATEGY"),
        (Combine("CNSJC", CALL, PUT, 1, iw.TRADER), "LEG_TYPE_WRONG"),
        (Combine("KS", CALL, iw.code("P", 24_000), 1, iw.TRADER), "LEG_STRIKE_WRONG"),
        (Exercise(TODAY_CALL, 1, iw.TRADER, CALL, iw.RISK), "LEG_TYPE_WRONG"),
        (Split("77", 1, iw.TRADER), "NO_SUCH_COMBINATION"),
        (Split("", 1, iw.TRADER), "SPLIT_WITHOUT_NUMBER"),
    ],
)
def test_p04_things_that_do_not_exist_or_belong_together(body, fault):
    denies(world_of(), body, 4, code_of(fault))


def test_p06_a_quantity_that_is_none():
    world = world_of()
    denies(world, LockUnits("510050", 0, False, iw.TRADER), 6, 10444)
    denies(world, Combine("KS", CALL, PUT, -1, iw.TRADER), 6, 19070)


def test_p14_the_same_again_while_it_has_no_answer():
    world = world_of()
    request = iw.only(world.put(LOCK))
    denies(world, LOCK, 14)
    iw.answer(world, request)
    assert iw.sent(world.put(LOCK))


def test_p15_the_reserve_for_cancels_stays_whole():
    world = world_of()
    world.put(LOCK)  # the bucket is full at this instant
    world.state.bucket.level = 300 * 10**9
    denies(world, BUILD, 15)


def test_p20_a_split_needs_the_margin_it_brings_back():
    world = world_of()
    world.state.book.cash = 10 * 40_000_000
    denies(world, SPLIT, 20, 19296)


def test_p22_units_that_are_not_free():
    world = world_of()
    denies(world, LockUnits("510050", 80_001, False, iw.TRADER), 22, 10836)
    denies(world, LockUnits("510050", 20_001, True, iw.TRADER), 22, 17622)


def test_p23_day_cash_and_units_of_an_exercise():
    world = world_of(long={TODAY_CALL: 5, TODAY_PUT: 12, iw.code("C", 24_000): 1})
    denies(world, Exercise(iw.code("C", 24_000), 1, iw.TRADER, "", iw.RISK), 23, 17594)
    put = Exercise(TODAY_PUT, 8, iw.TRADER, "", iw.RISK)
    assert iw.sent(world.put(put))  # the 80,000 units that are not locked
    denies(world, Exercise(TODAY_PUT, 1, iw.TRADER, "", iw.RISK), 23)
    world.state.book.cash = 24_000 * 10_000 - 1
    denies(world, Exercise(TODAY_CALL, 1, iw.TRADER, "", iw.RISK), 23)


def test_p24_contracts_that_are_not_free():
    world = world_of()
    denies(world, Exercise(TODAY_CALL, 6, iw.TRADER, "", iw.RISK), 24, 10836)
    denies(world, Combine("KS", CALL, PUT, 5, iw.TRADER), 24, 10836)  # two stand combined
    denies(world, Split(BOOK, 3, iw.TRADER), 24, 19294)


@pytest.mark.parametrize("second", ["", iw.TRADER])
def test_p30_two_people_stand_behind_an_exercise(second):
    world = world_of()
    denies(world, Exercise(TODAY_CALL, 1, iw.TRADER, "", second), 30)


def test_p31_instructions_are_bounded():
    world = world_of()
    known = Instruction(REQUEST, 0, 2, "", "", 0)
    world.state.business.working = {-n - 1: known for n in range(MOST)}
    denies(world, InquireMargin(iw.TRADER), 31)


def test_p32_the_account_is_designated():
    world = world_of(accounts=())
    denies(world, LOCK, 32)


def test_p35_nothing_is_done_on_positions_that_are_in_doubt():
    world = world_of()
    world.report(b.LockAck(0, "Z000000001", 1, "510050", 1, False, world.at, 0), index=9)
    assert world.state.gaps
    denies(world, UNLOCK, 35)
    assert iw.sent(world.put(InquireMargin(iw.TRADER)))
