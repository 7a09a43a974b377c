"""Exercise, combination and margin inquiry at the venue (interfaces.md 2.2 to 2.6)."""

from typing import Any

import msgspec
import numpy as np
import pytest
from exchange_world import DAY, World, at, chain, member, of, opening

from quanheng.exchange import layout as lay
from quanheng.exchange.messages import MarginAnswered
from quanheng.exchange.venue import Venue, invariants
from quanheng.kernels.pack import pack
from quanheng.terms import business as b
from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.contract import build_chain
from quanheng.terms.orders import NewOrder

CALL, PUT = "10007000", "10007003"  # C 2.35 and P 2.45, both expire today
CALL_HIGH, LATER = "10007002", "10007006"


def expiring() -> Any:
    """The small chain with its first expiry today."""
    rows = [
        msgspec.structs.replace(row, last_day=DAY, exercise_day=DAY, auto_split_day=DAY)
        if row.last_day == 20240724
        else msgspec.structs.replace(row, auto_split_day=20241223)
        for row in chain().contracts
    ]
    return build_chain(DAY, rows)


def world(clock: str = "10:00", **more: Any) -> World:
    """A member with 10 long of every even slot and 10 short of every slot of the third kind."""
    slots = len(chain().contracts)
    long = np.full(slots, 10, dtype=np.int64)
    short = np.full(slots, 10, dtype=np.int64)
    held = member(long=pack(long.reshape(1, -1)), short=pack(short.reshape(1, -1)), **more)
    opened = msgspec.structs.replace(
        opening(members=(held,), snapshot_nanos=30_000_000_000), chain=expiring()
    )
    made = World(opened)
    made.until(at(clock))
    return made


def legs(*rows: tuple[str, bool], qty: int = 1) -> tuple[b.CombinationLeg, ...]:
    return tuple(b.CombinationLeg(code, short, False, qty) for code, short in rows)


def combine(name: str, strategy: str, qty: int, *rows: tuple[str, bool], number: str = "") -> Any:
    split = number != ""
    return b.CombinationRequest(name, strategy, split, qty, number, legs(*rows, qty=qty))


def test_business_exercise_is_taken_and_cancelled() -> None:
    """U15 accepts; what is exercised cannot be exercised again until it is cancelled."""
    one = world()
    (ack,) = one.ask(b.ExerciseRequest("A000000001", CALL, 7))
    assert (ack.exec, ack.contract, ack.qty, ack.reason) == (Exec.ACCEPTED, CALL, 7, 0)
    assert one.ask(b.ExerciseRequest("A000000002", CALL, 4))[0].reason == 10836
    assert one.ask(b.ExerciseRequest("A000000003", LATER, 1))[0].reason == 17594
    assert one.ask(b.ExerciseRequest("A000000004", "99999999", 1))[0].reason == 19114
    assert one.ask(b.ExerciseRequest("A000000005", CALL, 0))[0].reason == 10444
    assert one.ask(b.ExerciseRequest("A000000006", CALL, -1))[0].reason == 19070
    cancel = b.BusinessCancel("A000000007", "OTE", CALL, "A000000001")
    wrong = b.BusinessCancel("A000000008", "OTE", PUT, "A000000001")
    unknown = b.BusinessCancel("A000000009", "OTE", CALL, "A999999999")
    assert [one.ask(request)[0].reason for request in (wrong, unknown, cancel)] == [13528, 19082, 0]
    assert one.machine.state.desks[0].claims == {}
    assert one.ask(b.ExerciseRequest("A000000010", CALL, 10))[0].reason == 0
    restored = Venue()
    restored.restore(one.machine.snapshot())
    assert restored.digest() == one.machine.digest()


def test_business_merged_exercise() -> None:
    """U16: a call and a put with K put above K call, both held and both expiring today."""
    one = world()

    def merged(name: str, call: str, put: str, qty: int = 2) -> Any:
        both = (b.ExerciseLeg(call, qty), b.ExerciseLeg(put, qty))
        return one.ask(b.MergedExercise(name, both, qty))[0]

    good = merged("A000000001", CALL, PUT)
    assert (good.exec, good.qty, good.reason) == (Exec.ACCEPTED, 2, 0)
    assert merged("A000000002", CALL_HIGH, PUT).reason == 19272
    assert merged("A000000003", CALL, CALL_HIGH).reason == 19304
    assert merged("A000000004", CALL, "10007007").reason == 19302
    assert merged("A000000005", CALL, PUT, 9).reason == 10836
    cancel = b.BusinessCancel("A000000006", "OCE", "", "A000000001")
    assert one.ask(cancel)[0].exec == Exec.CANCELLED
    assert merged("A000000007", CALL, PUT, 10).reason == 0


@pytest.mark.parametrize(
    ("clock", "exercise", "combination"),
    [
        ("09:14:59", 11246, 11246), ("09:20", 0, 11246), ("09:27", 19100, 11246),
        ("11:29", 0, 0), ("12:00", 19100, 19100), ("15:10", 0, 0), ("15:20", 0, 10740),
        ("15:30", 10740, 10740),
    ],
)  # fmt: skip
def test_business_hours(clock: str, exercise: int, combination: int) -> None:
    """interfaces.md 2.2: exercise until 15:30, combinations until 15:15, none in breaks."""
    one = world(clock)
    assert one.ask(b.ExerciseRequest("A000000001", CALL, 1))[0].reason == exercise
    straddle = combine("A000000002", "KS", 1, (CALL, True), ("10007001", True))
    assert one.ask(straddle)[0].reason == combination


def test_business_combination_saves_margin_and_ties_its_legs() -> None:
    """rules.md 3.4: U13 then U12; the margin is the combination's, the legs cannot be closed."""
    one = world()
    state = one.machine.state
    before = int(state.fund[0, lay.MARGIN])
    # Call bull spread 2.35 / 2.45 of today's expiry: margin 0, the short leg's is saved.
    ack, done = one.ask(combine("A000000001", "CNSJC", 4, (CALL, False), (CALL_HIGH, True)))
    assert (ack.exec, ack.reason, done.action) == (Exec.ACCEPTED, 0, "B")
    assert done.combination == f"{DAY}00000001" and str(done.exec_id)[0] == "9"
    rows = state.open.chain.contracts
    assert before - int(state.fund[0, lay.MARGIN]) == 4 * rows[2].margin_unit
    assert invariants(state)["holds"] == 0
    close = NewOrder("A000000002", CALL, Side.SELL, Effect.CLOSE, OrderKind.LIMIT, 1_000, 7)
    assert one.ask(close)[0].reason == 10836
    assert one.ask(msgspec.structs.replace(close, client_id="A000000003", qty=6))[0].reason == 0
    # Straddle: the larger margin and the other leg's premium.
    put = rows[1]
    ks = one.ask(combine("A000000004", "KS", 2, (CALL, True), ("10007001", True)))
    assert ks[1].combination.endswith("00000002")
    singles = rows[0].margin_unit + put.margin_unit
    lower = min((rows[0], put), key=lambda row: row.margin_unit)
    together = max(rows[0].margin_unit, put.margin_unit) + lower.previous_settle * 10_000
    saved = 4 * rows[2].margin_unit + 2 * (singles - together)
    assert before - int(state.fund[0, lay.MARGIN]) == saved
    # Faults of building and splitting, each by its code.
    name = done.combination
    asked = (
        (combine("B000000001", "CXSJC", 1, (CALL, False), (CALL_HIGH, True)), 19272),
        (combine("B000000002", "CNSJC", 7, (CALL, False), (CALL_HIGH, True)), 10836),
        (combine("B000000003", "CNSJC", 1, (CALL, False), ("99999999", True)), 19114),
        (combine("B000000004", "CNSJC", 1, (CALL, False), (LATER, True)), 19302),
        (combine("B000000005", "KS", 1, (CALL, False), (CALL_HIGH, True), number=name), 19284),
        (combine("B000000006", "CNSJC", 1, (CALL, False), (LATER, True), number=name), 19286),
        (combine("B000000007", "CNSJC", 5, (CALL, False), (CALL_HIGH, True), number=name), 19294),
        (combine("B000000008", "CNSJC", 1, (CALL, False), (CALL_HIGH, True), number="9"), 19294),
    )
    for request, code in asked:
        assert one.ask(request)[0].reason == code, (request, code)
    with_number = msgspec.structs.replace(
        combine("B000000009", "CNSJC", 1, (CALL, False), (CALL_HIGH, True)), combination=name
    )
    assert one.ask(with_number)[0].reason == 19288
    without = msgspec.structs.replace(
        combine("B000000010", "CNSJC", 1, (CALL, False), (CALL_HIGH, True)), split=True
    )
    assert one.ask(without)[0].reason == 19292
    part = combine("B000000011", "CNSJC", 3, (CALL, False), (CALL_HIGH, True), number=name)
    _, split = one.ask(part)
    assert (split.action, split.combination) == ("C", name)
    assert before - int(state.fund[0, lay.MARGIN]) == saved - 3 * rows[2].margin_unit
    assert state.desks[0].combinations[name].units == 1 and invariants(state)["holds"] == 0


def test_business_split_needs_the_money() -> None:
    """19296: dissolving needs the single legs' margin in cash (rules.md 3.4)."""
    one = world()
    name = one.ask(combine("A000000001", "CNSJC", 4, (CALL, False), (CALL_HIGH, True)))[1]
    state = one.machine.state
    state.fund[0, lay.CASH] = state.fund[0, lay.MARGIN]
    split = combine("A000000002", "CNSJC", 1, (CALL, False), (CALL_HIGH, True),
                    number=name.combination)  # fmt: skip
    assert one.ask(split)[0].reason == 19296


def test_business_combinations_come_from_the_day_before() -> None:
    """A member that brings combinations has their margin and their ties from the open on."""
    plain = world()
    brought = world(combinations=(("2024062600000001", "CNSJC", CALL, CALL_HIGH, 3),))
    state = brought.machine.state
    saved = int(plain.machine.state.fund[0, lay.MARGIN]) - int(state.fund[0, lay.MARGIN])
    assert saved == 3 * state.open.chain.contracts[2].margin_unit
    assert invariants(state) == dict.fromkeys(invariants(state), 0)


def test_business_margin_inquiry() -> None:
    """CJ: margin in use and what is available, working orders counted."""
    one = world()
    one.ask(b.MarginInquiry("A000000001", "1" * 25))
    (answer,) = of(one.effects, MarginAnswered)
    fund = one.machine.state.fund[0]
    assert answer.answer.total == fund[lay.MARGIN]
    assert answer.answer.available == fund[lay.CASH] - fund[lay.MARGIN]
    order = NewOrder("A000000002", LATER, Side.BUY, Effect.OPEN, OrderKind.LIMIT, 1_500, 2)
    assert one.ask(order)[0].reason == 0
    one.ask(b.MarginInquiry("A000000003", "1" * 25))
    later = of(one.effects, MarginAnswered)[1].answer
    assert answer.answer.available - later.available == 2 * 1_500 * 10_000
