"""Explanations and duty reports under other readings than the default ones (rules.md 11)."""

import csv
from pathlib import Path
from typing import Any

import duty_month
from compose_world import call

from quanheng.compose.duty_source import DutySource, month_number, month_start

OURS = duty_month.MAKERS[0]
LAST = "2024-07-24"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def ask(verb: str, source: Path, *more: object) -> Any:
    done = call(verb, source, *more, "--json")
    assert done.code == 0, done.err
    return done.json


OTHERWISE = """authority = "agreement"
[readings]
A02 = "floor to tick"
A08 = "any compliant quote"
A10 = "all 5 min"
A18 = "calendar"
A33 = "in"
A35 = "in"
"""


def test_explanations_follow_the_readings_given(tmp_path: Path) -> None:
    """rules.md 11: under an agreement with other readings every contract's intervals add up to what
    `rate` has under it, and the reports are those of its months.
    """
    month = tmp_path / "month"
    month.mkdir()
    duty_month.build(month)
    agreement = tmp_path / "agreement.toml"
    agreement.write_text(OTHERWISE)
    option = ("--agreement", agreement)
    span = ("--from", LAST, "--to", LAST)
    done = call("rate", month, *span, "--out", tmp_path / "out", *option, "--workers", "1")
    assert done.code == 0, done.err
    rated = [r for r in rows(tmp_path / "out" / "contract_day.csv") if r["maker"] == OURS]
    for row in rated[::4]:
        where = ("--maker", OURS, "--contract", row["contract"], *option)
        for item in ("continuous", "spread", "opening"):
            found = ask("explain", month, *where, "--item", item)
        part = ask("explain", month, *where, "--item", "continuous")
        assert (part["figure"] or "") == row["participation"]
        spent = dict(part["by_cause"])
        assert sum(spent.get(cause, 0) for cause in spent) > 0 and found["item"] == "opening"
    classes = {r["underlying"]: r for r in rows(tmp_path / "out" / "class_day.csv")
               if r["maker"] == OURS}  # fmt: skip
    whole = ask(
        "explain", month, "--maker", OURS, "--class", "510050", "--item", "coverage", *option
    )
    assert (whole["good"], whole["figure"]) == (
        int(classes["510050"]["covered"]), classes["510050"]["coverage"],
    )  # fmt: skip
    out = tmp_path / "report"
    how = ("--kind", "monthly", "--format", "html", "--out", out, *option)
    ask("duty-report", month, "--maker", OURS, *how)
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert "A18 calendar" in page and "2024 年 7 月" in page and "2024 年 8 月" not in page
    plain = DutySource(month)
    other = DutySource(month, agreement)
    assert (plain.calendar, other.calendar) == (False, True)
    day = other.days[-1]
    assert (month_start(day), month_start(day, True)) == (20240721, 20240701)
    assert [month_number(one, True) for one in (20241201, 20241130, 20240115)] == [1, 12, 2]
    assert [month_number(one) for one in (20241221, 20241220, 20240115)] == [1, 12, 1]
