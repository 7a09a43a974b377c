"""The exchange's acts: what may follow what, and that nobody decides alone (S-05, O-04, E-07)."""

from pathlib import Path
from typing import Any

import pytest

from quanheng.compose.registry_files import ActsFile
from quanheng.registry import acts
from quanheng.registry.acts import SECONDED_STEPS, Book, fold
from quanheng.registry.decisions import (
    FEWEST,
    Designation,
    Measure,
    designation_rows,
    letter_rows,
    maker_rows,
    public_rows,
)
from quanheng.registry.errors import RegistryError
from quanheng.registry.register import NEXT, STEPS, Step, check_step, lacking, register

RATED = [
    {"maker": f"M{n}", "underlying": "510050", "kind": "primary", "since": "2023-12-21",
     "until": ""} for n in range(1, 5)
]  # fmt: skip
WAY = ("applied", "incomplete", "accepted", "reviewed", "granted", "agreement", "admitted",
       "supplement", "cancelled", "announced")  # fmt: skip


class Clock:
    """A second for every line."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1_000_000_000
        return self.now


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(ActsFile(tmp_path / acts.NAME, Clock()), lambda: RATED)


def step(name: str, **change: Any) -> dict[str, Any]:
    clause = "9-2-2" if name == "cancelled" else ""
    return {"maker": "NEW1", "underlying": "510300", "kind": "primary", "step": name,
            "day": 20240624, "reference": "文 1", "clause": clause, **change}  # fmt: skip


def standing(book: Book, maker: str = "NEW1") -> str:
    found = [one.standing for one in book.entries(book.acts()) if one.maker == maker]
    return found[0] if found else ""


def test_a_step_that_decides_waits_for_another_person(book: Book):
    """Every step of a maker's way: what is only recorded holds at once, what decides holds when
    somebody else has agreed, and its proposer cannot agree (S-05).
    """
    for name in WAY:
        before = standing(book)
        made = book.propose("A", "step", step(name))
        if name in SECONDED_STEPS:
            assert made.standing == acts.WAITING and standing(book) == before, name
            with pytest.raises(RegistryError, match="nobody seconds his own act"):
                book.second("A", made.number)
            with pytest.raises(RegistryError, match="仍在等待复核"):
                book.propose("C", "step", step(name))
            made = book.second("B", made.number)
            assert (made.by, made.second) == ("A", "B")
        assert made.standing == acts.IN_FORCE, name
        assert standing(book) == ("admitted" if name == "supplement" else name)
    held = acts.steps_in_force(book.acts())
    assert [one.step for one in held] == list(WAY)
    assert {one.second for one in held if one.step in SECONDED_STEPS} == {"B"}
    assert {"granted", "refused", "admitted", "ended", "cancelled", "announced"} <= {
        *SECONDED_STEPS
    }


def test_the_guard_of_two_people_is_in_the_path(book: Book, monkeypatch: pytest.MonkeyPatch):
    """Without its one line the proposer would decide alone."""
    real = acts._answered

    def blind(act: acts.Act, what: str, by: str, *rest: Any) -> acts.Act:
        return real(act, what, f"{by}!" if what == acts.SECOND else by, *rest)

    monkeypatch.setattr(acts, "_answered", blind)
    made = book.propose("A", "measure", measure())
    assert book.second("A", made.number).standing == acts.IN_FORCE


def test_a_journal_that_one_person_wrote_alone_is_refused(tmp_path: Path):
    """Whoever writes the file: two people are asserted again when it is read (pair assertion)."""
    lines = ActsFile(tmp_path / acts.NAME, Clock())
    book = Book(lines, lambda: RATED)
    book.propose("A", "measure", measure())
    lines.add({"what": acts.SECOND, "by": "A", "of": 1})
    with pytest.raises(RegistryError, match=r"acts.jsonl line 2: .*nobody seconds"):
        book.acts()
    with pytest.raises(RegistryError, match="line 2"):
        book.propose("B", "measure", measure())


@pytest.mark.parametrize(
    "line",
    [{"what": "propose", "by": "A", "kind": "gift", "body": {}}, {"what": "second", "by": "B"},
     {"what": "second", "by": "B", "of": 9}, {"what": "bless", "by": "B", "of": 1},
     {"what": "propose", "by": "A", "kind": "step", "body": {"maker": 7}}],
)  # fmt: skip
def test_a_line_that_is_no_act_is_named(line: dict[str, Any]):
    first = {"what": "propose", "by": "A", "kind": "measure", "body": measure(), "at": 1}
    with pytest.raises(RegistryError, match=r"acts\.jsonl line 2"):
        fold([{**first, "number": 1}, {**line, "at": 2, "number": 2}])


def test_a_changed_line_is_named(book: Book, tmp_path: Path):
    """The journal only grows (S-01)."""
    for maker in ("N1", "N2"):
        book.propose("A", "step", step("applied", maker=maker))
    path = tmp_path / acts.NAME
    path.write_bytes(path.read_bytes().replace(b'"N1"', b'"N9"'))
    with pytest.raises(RegistryError, match="line 2 does not follow the line before"):
        book.acts()
    with pytest.raises(RegistryError, match="does not follow"):
        book.propose("A", "step", step("applied", maker="N3"))


def measure(**change: Any) -> dict[str, Any]:
    return {"maker": "M1", "measure": "lowering", "day": 20240611, "reference": "监 1",
            "reason": "报价中断", "underlying": "510050", "steps": 1, **change}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [({"steps": 0}, "级数"), ({"measure": "letter"}, "级数"), ({"underlying": ""}, "品种"),
     ({"maker": "M9"}, "不在名册"), ({"underlying": "510300"}, "不在名册"),
     ({"measure": "praise"}, "is not one of"), ({"day": "soon"}, "measure: ")],
)  # fmt: skip
def test_a_measure_that_makes_no_sense_is_refused(book: Book, change: dict[str, Any], said: str):
    """E-07: a lowering names its class and grades, and a maker that is in."""
    with pytest.raises(RegistryError, match=said):
        book.propose("A", "measure", measure(**change))
    assert book.acts() == []


def test_a_designation_names_three_primary_makers(book: Book):
    """L-07: three at least, each a primary maker that is in, days in order."""
    made = {"contract": "10006001", "makers": ["M1", "M2", "M3"], "since": 20240701,
            "reference": "指 1"}  # fmt: skip
    for change, said in (
        ({"makers": ["M1", "M2"]}, f"至少 {FEWEST}"), ({"makers": ["M1", "M2", "M2"]}, "至少"),
        ({"makers": ["M1", "M2", "M9"]}, "M9"), ({"until": 20240630}, "早于"),
    ):  # fmt: skip
        with pytest.raises(RegistryError, match=said):
            book.propose("A", "designation", {**made, **change})
    act = book.propose("A", "designation", made)
    assert act.standing == acts.WAITING
    act = book.second("B", act.number)
    assert isinstance(act.body, Designation)
    assert designation_rows([act.body])[0] == ("M1", "10006001", "2024-07-01", "")


def test_what_was_proposed_is_judged_again_when_it_is_seconded(book: Book):
    """A maker that left meanwhile is not lowered any more."""
    made = book.propose("A", "measure", measure())
    out = book.propose("A", "step", step("ended", maker="M1", underlying="510050"))
    book.second("B", out.number)
    with pytest.raises(RegistryError, match="不在名册"):
        book.second("B", made.number)
    taken = book.withdraw("A", made.number)
    assert taken.standing == acts.WITHDRAWN
    with pytest.raises(RegistryError, match="does not wait"):
        book.second("B", made.number)


def test_only_who_proposed_takes_it_back(book: Book):
    made = book.propose("A", "measure", measure())
    with pytest.raises(RegistryError, match="only who proposed it"):
        book.withdraw("B", made.number)
    with pytest.raises(RegistryError, match="there is no act 9"):
        book.second("B", 9)


def test_decisions_reach_the_tables_of_the_next_rating(book: Book):
    """E-07: a letter of the register is a row of `letters`, none before it was seconded."""
    one = book.propose("A", "measure", measure())
    two = book.propose("A", "measure", measure(measure="letter", steps=0, underlying=""))
    book.second("B", two.number)
    held = [act.body for act in book.acts() if act.force]
    assert [type(one) for one in held] == [Measure]
    rows = letter_rows([one for one in held if isinstance(one, Measure)])
    assert rows == [("2024-06-11", "M1", "letter", "", "0")]
    assert one.standing == acts.WAITING
    assert maker_rows(book.entries(book.acts()))[0] == (
        "M1", "510050", "primary", "2023-12-21", "",
    )  # fmt: skip


def test_the_public_register_has_no_application(book: Book):
    """An application is between the exchange and the maker; who is in, or left, is public."""
    book.propose("A", "step", step("applied"))
    left = book.propose("A", "step", step("cancelled", maker="M1", underlying="510050"))
    book.second("B", left.number)
    rows = public_rows(book.entries(book.acts()))
    assert [row[0] for row in rows] == ["M1", "M2", "M3", "M4"]
    assert rows[0][4:] == ("2024-06-24", "cancelled", "")
    assert rows[1][4:] == ("", "admitted", "")
    assert lacking(book.entries(book.acts())) == ["510050"]


def test_who_was_last_may_come_back_at_once():
    """Chapter 9 二, 三: after 末位淘汰 there is no ban; after one's own notice there is."""

    def back(last: str, clause: str) -> None:
        left = Step(**{**step(last, day=20240701), "clause": clause})
        told = Step(**step("announced", day=20240701))
        check_step(register([], [left, told]), Step(**step("applied", day=20240702)))

    back("cancelled", "9-2-3")
    for last, clause in (("cancelled", "9-2-1-a"), ("ended", "")):
        with pytest.raises(RegistryError, match="1年内"):
            back(last, clause)


def test_every_step_has_a_successor_or_begins_anew():
    """No standing from which nothing may follow."""
    assert set(NEXT) - {""} == {*STEPS} - {"supplement"}
