"""Every day's forecast of a month against the grade that came (E-12, L-03)."""

import csv
from pathlib import Path

import duty_month
import pytest
from compose_world import call

from quanheng.compose.cockpit_stand import histories, stand
from quanheng.compose.duty_source import DutySource
from quanheng.compose.forecast_check import check
from quanheng.compose.run_folder import RunError
from quanheng.duties.forecast_score import brier, curve
from quanheng.rulebook.phases import timetable
from quanheng.terms.days import iso

OURS = duty_month.MAKERS[0]
MONTH = 202407


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last seven days of the month that ends on 19 July 2024."""
    folder = tmp_path_factory.mktemp("month")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duty_month, "FIRST", 20240711)
        patch.setattr(duty_month, "DAYS", 7)
        duty_month.build(folder)
    return folder


def test_what_is_checked_is_what_the_cockpit_says_and_the_market_gets(month: Path) -> None:
    """Each day's chances are the cockpit's at that close, from the days before it alone, and the
    grade is the finished month's; both makers and classes are there on every day.
    """
    source = DutySource(month)
    found = check(source, MONTH, [], None)
    days = list(source.days)
    assert len(found) == len(days) * len(duty_month.MAKERS) * len(duty_month.CLASSES)
    final = {(r.maker, r.underlying): r.grade for r in source.period(days[0], days[-1])}
    assert {(one.maker, one.underlying): one.final for one in found} == final
    for maker, day in ((OURS, days[-1]), (OURS, days[-3]), (duty_month.MAKERS[1], days[-2])):
        close = timetable(source.measured(day).book)[-1].stop
        shown = stand(DutySource(month), day, close, maker, histories(source, day, maker))
        for klass in shown.classes:
            mine = next(
                one
                for one in found
                if (one.maker, one.underlying, one.day) == (maker, klass.view.underlying, day)
            )
            assert mine.chances == dict(klass.month.chances)
            assert (mine.best, mine.worst) == (klass.reach.best, klass.reach.worst)
    # With the month over its grade is certain; before, too few past days say nothing.
    for one in found:
        if one.left == 0:
            assert one.chances == {grade: 1000 * (grade == one.final) for grade in one.chances}
            assert one.if_over == one.final and one.best == one.worst == one.so_far
        assert bool(one.chances) == (one.basis >= 5 or one.left == 0)


def test_a_later_day_changes_no_earlier_forecast(month: Path, tmp_path: Path) -> None:
    """The forecast of a day knows nothing of the days after it: told again from a dataset in which
    they were other days, it is the same.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duty_month, "FIRST", 20240711)
        patch.setattr(duty_month, "DAYS", 7)
        normal = duty_month._quotes

        def absent(random: object, day: int, maker: str, contract: str) -> list[object]:
            rows = normal(random, day, maker, contract)  # type: ignore[arg-type]
            return rows if day < 20240718 else [(*rows[0][:5], 0, *rows[0][6:])]  # type: ignore[index]

        patch.setattr(duty_month, "_quotes", absent)
        duty_month.build(tmp_path)
    plain, other = (check(DutySource(path), MONTH, [OURS], None) for path in (month, tmp_path))
    early = [(a.chances, b.chances) for a, b in zip(plain, other, strict=True) if a.day < 20240718]
    assert early and all(a == b for a, b in early)
    assert {one.final for one in other} == {"D"} != {one.final for one in plain}


def test_kept_forecasts_are_held_against_the_month(month: Path, tmp_path: Path) -> None:
    """What `cockpit --store` kept each day gives the same comparison; a day that was not kept is
    named.
    """
    source = DutySource(month)
    days = list(source.days)
    for day in days:
        done = call("cockpit", month, "--day", iso(day), "--maker", OURS, "--store", tmp_path)
        assert done.code == 0, done.err
    out = tmp_path / "out"
    asked = ("forecasts", month, "--month", MONTH, "--maker", OURS)
    done = call(*asked, "--kept", tmp_path, "--out", out)
    assert done.code == 0, done.err
    again = call(*asked)
    assert done.out == again.out and "最终" in done.out and "Brier" in done.out
    with (out / f"forecasts-{MONTH}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(days) * 2 and {row["maker"] for row in rows} == {OURS}
    (tmp_path / "forecast_class" / f"{days[2]}-{OURS}.csv").unlink()
    done = call(*asked, "--kept", tmp_path)
    assert done.code == 3 and f"{days[2]}-{OURS}.csv" in done.err


def test_only_a_month_that_is_over_has_a_grade(month: Path) -> None:
    """A month without days, or that still goes on, is an error that says so."""
    source = DutySource(month)
    with pytest.raises(RunError, match="no day of month 202401"):
        check(source, 202401, [], None)
    unfinished = [day for day in source.days if day < 20240718]
    source.days = unfinished
    with pytest.raises(RunError, match="month 202407 ends 2024-07-19, the last day is 2024-07-17"):
        check(source, MONTH, [], None)


def test_scores_by_hand() -> None:
    """Sure and right is 0, sure and wrong 2, half and half 0.5; beside it the usual shares."""
    right = [(1, "A", {"A": 1000})]
    wrong = [(1, "B", {"A": 1000})]
    half = [(1, "A", {"A": 500, "B": 500})]
    assert [brier(one)[0] for one in (right, wrong, half)] == [0, 2, 0.5]
    score, usual = brier(right + wrong)
    assert (score, usual) == (1.0, 0.5)
    said, came, times = curve([*half, (1, "B", {"A": 500, "B": 500})])[-1]
    assert (said, came, times) == (0.5, 0.5, 4)
