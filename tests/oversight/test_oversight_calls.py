"""The watch over forced closing: notice, deadline, 11:30, the exchange's orders, settlement (I-45,
R-02, guide chapter 6 and appendix 4).
"""

from typing import Any

import msgspec
import numpy as np
import pytest
from over_world import DAY, MIDNIGHT, OPEN_AT, World, opening

from quanheng.compose.oversight_day import notices_read
from quanheng.compose.oversight_file import policy_of, read_oversight
from quanheng.kernels.pack import pack
from quanheng.oversight.calls import TIMER, missing
from quanheng.oversight.messages import (
    Answer,
    Ask,
    CloseCase,
    DropCopy,
    FollowUp,
    NoticesRead,
    Opening,
    Told,
    Written,
)
from quanheng.oversight.overseer import carried_cases
from quanheng.runtime.envelope import RaiseAlert, TimerFired, WakeAt
from quanheng.terms.business import CombinationDone, LockAck
from quanheng.terms.codes import Alert, Effect, Exec, Side, TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.days import from_clock
from quanheng.wire import notices as wire
from quanheng.wire.notices import Notice

YESTERDAY = 20240626
ACCOUNT = "A1"
SHORT = 40
SLOT = 1


def at(text: str) -> int:
    return MIDNIGHT + from_clock(text)


def call(amount: int, due: int = DAY, day: int = YESTERDAY) -> Notice:
    return Notice(kind="P01", day=day, account=ACCOUNT, amount=amount, due=due)


def result(qty: int, amount: int, contract: str, left: int = 0) -> Notice:
    return Notice(
        kind="P03", day=DAY, account=ACCOUNT, contract=contract, qty=qty, amount=amount, left=left
    )


def margin_of(world: World) -> int:
    return int(world.state.model.margin[SLOT])


def poor(deficit: int, **more: Any) -> World:
    """An account short 40 of one contract, its cash `deficit` below the margin, and the call."""
    plain = opening()
    slots = len(plain.chain.contracts)
    short = np.zeros(slots, dtype=np.int64)
    short[SLOT] = SHORT
    cash = SHORT * int(World(plain).state.model.margin[SLOT]) - deficit
    account = Opening(cash=cash, short=pack(short.reshape(1, -1)))
    world = World(opening(account=account, policy=policy_of(read_oversight()), **more))
    world.say(NoticesRead(YESTERDAY, (call(deficit),)), OPEN_AT)
    return world


def the_case(world: World) -> Any:
    (case,) = [one for one in world.state.cases.values() if one.name == "margin_call"]
    return case


def events(world: World) -> list[str]:
    return [one.event for one in world.of(Written) if one.name in ("margin_call", "cover_call")]


def stages(world: World) -> list[str]:
    return [str(one.args[0]) for one in world.of(RaiseAlert) if one.code == Alert.FORCED_CALL]


def forced(world: World, qty: int, price: int, number: int, when: str) -> None:
    world.trade(SLOT, Side.BUY, qty, price, Effect.CLOSE, f"QP1{number:07d}", at(when), order=False)


def timer(world: World, when: str) -> None:
    world.say(TimerFired(TIMER, at(when)), at(when))


def test_oversight_call_is_a_case_with_amount_and_deadline() -> None:
    """The file's record: a written case, a notice to the desk, due 11:30; read once only."""
    world = poor(50_000_000)
    case = the_case(world)
    assert (case.status, case.limit, case.value) == ("noticed", 50_000_000, 50_000_000)
    assert case.due == at("11:30") and events(world) == ["record", "notice"]
    assert world.of(Written)[0].text == "保证金不足 金额5000.00元 20240627日11:30前补足"
    assert case.evidence == ["op_tzxx 20240626 P01 保证金不足 金额5000.00元 20240627日11:30前补足"]
    wakes = [one.at for one in world.of(WakeAt) if one.name == TIMER]
    assert wakes == [at("11:00")]
    world.say(NoticesRead(YESTERDAY, (call(50_000_000),)), OPEN_AT + 1)
    assert len(world.state.cases) == 1 and stages(world) == ["called"]


def test_oversight_call_escalates_at_half_past_eleven_and_follows_the_exchange() -> None:
    """Warned ahead, uncured at 11:30: REDUCING; from 13:00 QP1 orders are recorded one by one; the
    settlement that says the same closes it.
    """
    world = poor(50_000_000)
    code = world.chain.contracts[SLOT].code
    world.run(at("10:00"))
    assert events(world) == ["record", "notice"]
    timer(world, "11:00")
    timer(world, "11:30")
    case = the_case(world)
    assert case.status == "escalated" and stages(world) == ["called", "ahead", "late"]
    asked = [one.command for one in world.of(Ask) if isinstance(one.command, SetState)]
    assert asked == [SetState("*", TradingState.REDUCING, case.number, "F01")]
    world.say(Answer(case.number, "T01", "bank transfer late"), at("11:40"))
    assert case.status == "answered"
    timer(world, "13:00")
    per = margin_of(world) - 100 * world.chain.contracts[SLOT].unit
    need = -(-50_000_000 // per)
    forced(world, need - 1, 100, 1, "13:00:30")
    assert missing(world.state, world.opened, case) > 0
    forced(world, 2, 100, 2, "13:01:30")
    world.run(at("13:02"))
    assert case.value == 0 and case.facts["forced"] == need + 1
    assert stages(world)[-2:] == ["awaited", "good"]
    assert not [one for one in world.state.cases.values() if one.name == "unexplained_fill"]
    unit = world.chain.contracts[SLOT].unit
    done = result(need + 1, (need + 1) * 100 * unit, code)
    world.say(NoticesRead(DAY, (done,)), at("16:00"))
    assert case.status == "closed" and events(world)[-1] == "confirm"
    wanted = ["record", "notice", "warn", "uncured", "answer", "warn", "forced", "forced", "good"]
    assert events(world) == [*wanted, "confirm"]


def test_oversight_call_cured_in_time_is_left_alone() -> None:
    """Closing on our own before 11:30: good, no escalation, closed by the evening's file alone."""
    world = poor(50_000_000)
    timer(world, "11:00")
    world.trade(SLOT, Side.BUY, SHORT, 100, Effect.CLOSE, at=at("11:10"))
    world.run(at("11:11"))
    timer(world, "11:30")
    timer(world, "13:00")
    assert stages(world) == ["called", "ahead", "good"]
    assert not [one for one in world.of(Ask) if isinstance(one.command, SetState)]
    case = the_case(world)
    for body in (Answer(case.number, "T01", "closed"), FollowUp(case.number, "F01", "seen")):
        world.say(body, at("11:45"))
    world.say(CloseCase(case.number, "F01", "done"), at("11:46"))
    assert world.of(Told)[-1].why == "a call is closed by the settlement, not by a person"
    world.say(NoticesRead(DAY, ()), at("16:00"))
    assert case.status == "closed"


def test_oversight_call_that_opens_again_is_told() -> None:
    """Good at ten, missing again at half past ten."""
    world = poor(50_000_000)
    world.trade(SLOT, Side.BUY, SHORT, 100, Effect.CLOSE, at=at("10:00"))
    world.run(at("10:01"))
    world.trade(SLOT, Side.SELL, SHORT, 1, Effect.OPEN, at=at("10:30"))
    world.run(at("10:31"))
    assert stages(world) == ["called", "good", "again"]


@pytest.mark.parametrize(
    ("told", "again", "status", "event"),
    [
        (5, False, "escalated", "warn"),  # the clearing house closed five of which we know nothing
        (0, True, "noticed", "renew"),  # not cured: a new call for the next day
    ],
)
def test_oversight_call_stays_open_when_the_evening_disagrees(
    told: int, again: bool, status: str, event: str
) -> None:
    world = poor(50_000_000)
    timer(world, "11:30")
    code = world.chain.contracts[SLOT].code
    body = [result(told, 1_000_000, code)] if told else []
    body += [call(60_000_000, 20240628, DAY)] if again else []
    world.say(NoticesRead(DAY, tuple(body)), at("16:00"))
    case = the_case(world)
    assert (case.status, events(world)[-1]) == (status, event)
    if again:
        assert (case.limit, case.facts["due_day"]) == (60_000_000, 20240628)
        # It crosses the night, and tomorrow's overseer asks for 11:00 again.
        (carried,) = carried_cases(world.state)
        later = msgspec.structs.replace(
            opening(policy=policy_of(read_oversight())), day=20240628, cases=(carried,)
        )
        machine = World.__new__(World)
        machine.__init__(later)  # type: ignore[misc]
        wakes = [one.at for one in machine.of(WakeAt) if one.name == TIMER]
        assert wakes == [at("11:00") + 24 * 3600 * 10**9]


def test_oversight_forced_closing_without_a_notice_is_unexplained() -> None:
    """The guard fires: QP1 fills of an account that nobody called, and a split of one."""
    world = World(opening(policy=policy_of(read_oversight())))
    world.trade(SLOT, Side.SELL, 3, 100)
    forced(world, 3, 100, 1, "13:00:30")
    (case,) = world.state.cases.values()
    assert (case.name, case.status) == ("unexplained_fill", "noticed")
    assert "no notice of the clearing house" in case.evidence[0]


def test_oversight_call_records_splits_and_early_orders() -> None:
    """CF1 splits are written down; an order before 13:00 says so."""
    world = poor(50_000_000)
    forced(world, 1, 100, 1, "10:00")
    assert ", before 13:00; missing" in world.of(Written)[-1].text
    when = at("13:01")
    done = CombinationDone("CF10000001", "KS", 1, "F", 2, "X1", (), when, when)
    world.say(DropCopy("1", 99, done), when)
    assert world.of(Written)[-1].text == "CF10000001 split 2 of X1"


def test_oversight_cover_call_counts_locks_and_closings() -> None:
    """P02: units missing fall by what is locked and by covered shorts that are closed."""
    plain = opening()
    row = plain.chain.contracts[0]
    covered = np.zeros(len(plain.chain.contracts), dtype=np.int64)
    covered[0] = 5
    world = World(
        opening(
            account=Opening(cash=10**12, covered=pack(covered.reshape(1, -1))),
            policy=policy_of(read_oversight()),
        )
    )
    notice = Notice(
        kind="P02", day=YESTERDAY, account=ACCOUNT, underlying=row.underlying, covered=True,
        qty=2 * row.unit, due=DAY,
    )  # fmt: skip
    world.say(NoticesRead(YESTERDAY, (notice,)), OPEN_AT)
    (case,) = world.state.cases.values()
    world.run(at("10:00"))
    assert case.value == 2 * row.unit and case.scope == row.underlying
    lock = LockAck(Exec.ACCEPTED, "M1", 1, row.underlying, row.unit, False, at("10:01"), 0)
    world.say(DropCopy("1", 1, lock), at("10:01"))
    world.run(at("10:02"))
    assert case.value == row.unit
    world.fills = 1
    world.trade(0, Side.BUY, 1, 10, Effect.CLOSE, "CV10000001", at("13:01"), True, order=False)
    assert case.value == 0 and events(world)[-1] == "forced"
    world.run(at("13:02"))
    assert stages(world)[-1] == "good"


def test_oversight_notice_file_is_read_as_bytes() -> None:
    """Our account's records of the real file; what cannot be read is told, not dropped."""
    mine, other = call(7_000_000), msgspec.structs.replace(call(1), account="B2")
    data = wire.write((mine, other), YESTERDAY)
    read = notices_read(data, YESTERDAY, ACCOUNT)
    assert read.notices == (mine,) and read.bad == ()
    broken = notices_read(data.replace(b"P01", b"P09", 1), YESTERDAY, ACCOUNT)
    assert broken.notices == () and len(broken.bad) == 1
    world = World(opening())
    world.say(broken, OPEN_AT)
    assert [one.code for one in world.of(RaiseAlert)] == [Alert.NOTICE_UNREADABLE]


def test_oversight_call_keeps_the_clearing_houses_deadline() -> None:
    """An answer that is refused does not move 11:30, and nobody's silence escalates before it."""
    world = poor(50_000_000)
    case = the_case(world)
    world.say(Answer(case.number, "T01", "tomorrow"), at("09:30"))
    world.say(FollowUp(case.number, "F01", "no", False), at("09:31"))
    assert (case.status, case.due) == ("noticed", at("11:30"))
    assert [one.name for one in world.of(WakeAt) if one.name.startswith("due")] == []


def test_oversight_notice_of_a_class_that_is_not_traded_is_told() -> None:
    """P02 of an unknown underlying opens nothing and is not dropped silently."""
    world = World(opening())
    notice = Notice(
        kind="P02", day=YESTERDAY, account=ACCOUNT, underlying="159915", qty=10_000, due=DAY
    )
    world.say(NoticesRead(YESTERDAY, (notice,)), OPEN_AT)
    (alert,) = world.of(RaiseAlert)
    assert alert.code == Alert.NOTICE_UNREADABLE and "159915" in alert.args[0]
    assert world.state.cases == {}
