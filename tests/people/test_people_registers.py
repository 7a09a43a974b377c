"""Registers: append-only, approved by others, corrected by reversal; deadlines; the wall."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from people_world import ACCOUNT, OTHER, World

from quanheng.desk.people import admin, audit, posts, registers
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.register_types import KINDS, triggers
from quanheng.desk.people.registers import due_day
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.calendar import Calendar
from quanheng.terms.units import DAY

DECISION = {
    "subject": "limit", "scope": "510050", "content": "总持仓 100000 张", "proposer": "T01",
    "since": 20240627, "until": 20241231, "basis": "投决会 2024-06",
}  # fmt: skip
WALL = {
    "person": "X01", "side": "研究所", "other_side": "做市业务部", "purpose": "模型评审",
    "account": ACCOUNT, "views": ["curve", "risk"], "since": 20240627, "until": 20240628,
}  # fmt: skip


@pytest.fixture
def cal() -> Calendar:
    return read_rulebook(20240627).calendar


def test_registers_a_decision_needs_another_person_who_may_decide(staff: World) -> None:
    risk, head, officer = (staff.login(one) for one in ("R01", "H01", "C01"))
    store = staff.store
    number = registers.add(store, risk, "decision", DECISION)
    assert registers.in_force(store, "decision") == []
    with pytest.raises(NotAllowedError, match="无权限"):
        registers.approve(store, risk, number)
    with pytest.raises(NotAllowedError, match="须由"):
        registers.approve(store, officer, number)
    registers.approve(store, head, number)
    (entry,) = registers.in_force(store, "decision")
    assert (entry.by, entry.approved_by, entry.body.until) == ("R01", "H01", 20241231)
    with pytest.raises(NotAllowedError, match="in_force"):
        registers.approve(store, head, number)
    own = registers.add(store, head, "decision", DECISION)
    proposed = registers.add(store, risk, "decision", {**DECISION, "proposer": "H01"})
    for one in (own, proposed):
        with pytest.raises(NotAllowedError, match="本人"):
            registers.approve(store, head, one)
    decider = staff.login("D01")
    registers.approve(store, decider, own)


def test_registers_are_corrected_by_reversal_only(staff: World) -> None:
    risk, head = staff.login("R01"), staff.login("H01")
    number = registers.add(staff.store, risk, "decision", DECISION)
    registers.approve(staff.store, head, number)
    with pytest.raises(StoreError, match="reason"):
        registers.reverse(staff.store, risk, number, " ")
    with pytest.raises(NotAllowedError, match="无权限"):
        registers.reverse(staff.store, risk, number, "金额有误")
    registers.reverse(staff.store, head, number, "金额有误")
    (entry,) = registers.entries(staff.store, "decision")
    assert (entry.state, entry.reason) == ("reversed", "金额有误")
    with pytest.raises(NotAllowedError, match="reversed"):
        registers.reverse(staff.store, head, number, "again")
    own = registers.add(staff.store, head, "decision", DECISION)
    registers.approve(staff.store, staff.login("D01"), own)
    with pytest.raises(NotAllowedError, match="须由他人冲销"):  # two brought it into force (O-04)
        registers.reverse(staff.store, head, own, "alone")
    assert [one.number for one in registers.in_force(staff.store, "decision")] == [own]
    registers.reverse(staff.store, staff.login("C01"), own, "金额有误")


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("decision", {"until": 20240101}, "before since"),
    ("decision", {"since": 20240631}, "calendar day"),
    ("decision", {"proposer": "Z9"}, "Z9"),
    ("decision", {"subject": "lunch"}, "subject"),
    ("decision", {"extra": 1}, "extra"),
    ("wall", {"views": ["board", "order"]}, "'order' is no view"),
    ("wall", {"person": "Z9"}, "wall"),
    ("filing", {"trigger": "whim", "subject": "", "base": 20240627}, "whim"),
    ("filing_step", {"filing": 99, "step": "sent", "day": 20240627, "text": ""}, "no filing 99"),
    ("lunch", {}, "lunch"),
]


def test_registers_refuse_what_is_no_record(staff: World) -> None:
    risk = staff.login("R01")
    for register, change, said in BAD:
        base = {"decision": DECISION, "wall": {**WALL, "person": "Q01"}}.get(register, {})
        with pytest.raises(StoreError, match=said):
            registers.add(staff.store, risk, register, {**base, **change})
    assert all(registers.entries(staff.store, one) == [] for one in ("decision", "wall"))


def test_registers_need_the_right_to_write(staff: World) -> None:
    trader = staff.login("T01")
    for act in (
        lambda: registers.add(staff.store, trader, "decision", DECISION),
        lambda: registers.approve(staff.store, trader, 1),
        lambda: registers.reverse(staff.store, trader, 1, "x"),
    ):
        with pytest.raises(NotAllowedError, match="无权限"):
            act()


def wall(staff: World, person: str, **more: int) -> Callable[[], int]:
    """A crossing of a person, entered now and approved when called."""
    values = {**WALL, "person": person, **more}
    number = registers.add(staff.store, staff.login("R01"), "wall", values)

    def approved() -> int:
        registers.approve(staff.store, staff.login("C01"), number)
        return number

    return approved


def views(session: Session) -> set[str]:
    names = ("board", "curve", "risk", "orders", "order", "pull", "documents", "sign_on")
    return {name for name in names if session.permits(name)}


def test_registers_a_crossing_opens_views_to_the_other_side_for_its_days(staff: World) -> None:
    """A person without a post sees the purpose's views in the named account, and only then."""
    staff.person("X01")
    assert views(staff.login("X01")) == set()
    number = wall(staff, "X01", since=20240628, until=20240629)()
    assert views(staff.login("X01")) == set()  # it begins tomorrow
    staff.clock.forward(DAY)
    session = staff.login("X01")
    assert views(session) == {"curve", "risk"} and not session.permits(f"curve@{OTHER}")
    staff.clock.forward(2 * DAY)
    assert views(staff.login("X01")) == set()
    assert number == registers.in_force(staff.store, "wall")[0].number


def test_registers_a_crossing_needs_compliance_and_ends_when_reversed(staff: World) -> None:
    staff.person("X01")
    approve = wall(staff, "X01")
    assert views(staff.login("X01")) == set()
    number = approve()
    assert views(staff.login("X01")) == {"curve", "risk"}
    registers.reverse(staff.store, staff.login("C01"), number, "提前结束")
    assert views(staff.login("X01")) == set()


def test_registers_a_crossing_closes_the_rest_to_our_own(staff: World) -> None:
    """One of ours who crosses keeps the purpose's views of his own post, and commands nothing."""
    assert {"board", "orders", "order", "pull"} <= views(staff.login("T01"))
    wall(staff, "T01")()
    assert views(staff.login("T01")) == {"curve", "risk"}
    staff.clock.forward(2 * DAY)
    assert "order" in views(staff.login("T01"))


def test_registers_changes_open_their_filing_by_themselves(staff: World, cal: Calendar) -> None:
    """Capital, head and contact (L-12); each is told to the exchange at once."""

    def open_ones() -> list[str]:
        due = registers.calendar(staff.store, cal, 20240627)
        return [one.trigger.trigger for one in due]

    assert open_ones() == ["head"]  # its appointment
    capital = {**DECISION, "subject": "capital"}
    registers.add(staff.store, staff.login("R01"), "decision", capital)
    staff.person("K01", "contact", enrol=False)
    assert sorted(open_ones()) == ["capital", "contact", "head"]
    admin.set_personal(staff.store, staff.one, "K01", {"phone": "021-1"})
    admin.set_personal(staff.store, staff.one, "K01", {"phone": "021-1"})  # no change, no task
    assert open_ones().count("contact") == 2
    letter = {"day": 20240627, "reference": "函1", "sender": "上交所", "measure": "letter",
              "content": "", "due": 20240705}  # fmt: skip
    registers.add(staff.store, staff.login("R01"), "letter", letter)
    due = registers.calendar(staff.store, cal, 20240627)
    assert [one.due for one in due if one.trigger.trigger == "letter"] == [20240705]
    with staff.store.reading() as connection:
        number = next(
            row["number"] for row in posts.appointments(connection) if row["post"] == "head"
        )
    posts.revoke(staff.store, staff.one, number)
    assert open_ones().count("head") == 2


@pytest.mark.parametrize(
    ("trigger", "base", "due"),
    [
        ("decision", 20240627, 20240718),  # 15 trading days after acceptance
        ("agreement", 20240627, 20240704),
        ("accounts", 20240627, 20240624),  # 3 before starting
        ("account_change", 20240718, 20240627),
        ("withdrawal", 20240718, 20240627),
        ("limits", 20240930, 20241021),  # 10, over the week of National Day
        ("reapply", 20240627, 20250627),
        ("reapply", 20231008, 20241008),
        ("reapply", 20240228, 20250228),
        ("reapply", 20231005, 20241008),  # a holiday both years
        ("capital", 20240627, 20240627),
        ("stress", 20240630, 20240712),
    ],
)
def test_registers_deadlines_count_trading_days(
    cal: Calendar, trigger: str, base: int, due: int
) -> None:
    """L-05, by hand on the exchange's calendar."""
    assert due_day(cal, triggers()[trigger], base) == due


def test_registers_an_advance_date_stays_blocked_until_confirmed(
    staff: World, cal: Calendar
) -> None:
    risk, store = staff.login("R01"), staff.store
    filing = {"trigger": "withdrawal", "subject": "510050", "base": 20240718}
    number = registers.add(store, risk, "filing", filing)

    def row(today: int) -> registers.Due | None:
        return next((d for d in registers.calendar(store, cal, today) if d.number == number), None)

    def step(name: str, day: int) -> None:
        values = {"filing": number, "step": name, "day": day, "text": ""}
        registers.add(store, risk, "filing_step", values)

    early, late, over = row(20240603), row(20240620), row(20240628)
    assert early and late and over
    assert (early.left, early.remind) == (17, False)
    assert (late.left, late.remind, late.blocked) == (5, True, True)
    assert (over.left, over.remind) == (-1, True)
    step("sent", 20240627)
    sent = row(20240628)
    assert sent and sent.blocked and not sent.remind and sent.state == "sent"
    step("confirmed", 20240701)
    confirmed = row(20240702)
    assert confirmed and not confirmed.blocked
    step("effective", 20240718)
    assert row(20240719) is None


def test_registers_every_kind_takes_its_record_and_shows_it(staff: World) -> None:
    """A record of each kind, built from its fields, comes back as it went in."""
    risk = staff.login("R01")
    filing = {"trigger": "stress", "subject": "2024Q2", "base": 20240628}
    first = registers.add(staff.store, risk, "filing", filing)
    given: dict[str, dict[str, Any]] = {
        "decision": DECISION, "wall": {**WALL, "person": "Q01"}, "filing": filing,
        "meeting": {"day": 20240627, "place": "三号会议室", "departments": ["自营部", "做市业务部"],
                    "persons": ["H01", "C01"], "purpose": "系统升级", "content": "不涉及持仓"},
        "premises": {"day": 20240627, "place": "12 层", "measure": "门禁", "evidence": "门禁清单",
                     "sha256": "0" * 64},
        "letter": {"day": 20240627, "reference": "函1", "sender": "上交所", "measure": "lowering",
                   "content": "", "underlying": "510050", "steps": 1},
        "agreement": {"form": "agreement", "underlying": "510050", "kind": "primary",
                      "reference": "协议1", "signed": 20240102, "since": 20240103},
        "account": {"account": ACCOUNT, "securities_account": "D1", "scope": "*",
                    "reported": 20240102},
        "filing_step": {"filing": first, "step": "sent", "day": 20240627, "text": "邮件"},
        "evidence": {"condition": "laboratory", "day": 20240627, "text": "通过", "file": "lab.pdf",
                     "sha256": "0" * 64},
    }  # fmt: skip
    assert set(given) == set(KINDS)
    for register, values in given.items():
        number = registers.add(staff.store, risk, register, values)
        entry = next(e for e in registers.entries(staff.store, register) if e.number == number)
        shown = msgspec.json.decode(msgspec.json.encode(entry.body))
        assert {key: shown[key] for key in values} == values, register


def test_registers_and_trail_are_held_against_each_other(staff: World) -> None:
    registers.add(staff.store, staff.login("R01"), "decision", DECISION)

    def wrong() -> str:
        with staff.store.reading() as connection:
            return audit.verify(connection).wrong

    assert wrong() == ""
    raw = sqlite3.connect(staff.where)
    raw.execute("DROP TRIGGER register_update")
    raw.execute("DROP TRIGGER register_delete")
    (number,) = raw.execute("SELECT max(number) FROM register").fetchone()
    raw.execute("UPDATE register SET by = 'H01' WHERE number = ?", (number,))
    raw.commit()
    assert f"register row {number}" in wrong()
    raw.execute("DELETE FROM register WHERE number = ?", (number,))
    raw.commit()
    raw.close()
    assert "register has" in wrong()


@pytest.mark.parametrize(
    ("today", "ended"),
    [(20240101, 20231231), (20240331, 20231231), (20240401, 20240331), (20240701, 20240630),
     (20241231, 20240930), (20240229, 20231231)],
)  # fmt: skip
def test_registers_quarters_end(today: int, ended: int) -> None:
    assert registers.quarter_end(today) == ended


def test_registers_name_the_quarterly_stress_report_until_it_is_opened(
    staff: World, cal: Calendar
) -> None:
    def due(today: int) -> list[tuple[str, int, int, bool]]:
        rows = registers.calendar(staff.store, cal, today)
        return [
            (one.subject, one.number, one.due, one.remind)
            for one in rows
            if one.trigger.trigger == "stress"
        ]

    risk, officer = staff.login("R01"), staff.login("C01")
    assert due(20240702) == []  # no agreement, no duty
    agreement = {"form": "agreement", "underlying": "510050", "kind": "primary",
                 "reference": "协议1", "signed": 20240402, "since": 20240403}  # fmt: skip
    number = registers.add(staff.store, risk, "agreement", agreement)
    assert due(20240702) == []
    registers.approve(staff.store, officer, number)
    assert due(20240402) == []  # it began after the quarter's end
    assert due(20240702) == [("2024Q2", 0, 20240712, False)]
    assert due(20240708) == [("2024Q2", 0, 20240712, True)]
    filing = {"trigger": "stress", "subject": "2024Q2", "base": 20240630}
    opened = registers.add(staff.store, risk, "filing", filing)
    assert due(20240708) == [("2024Q2", opened, 20240712, True)]
