"""Documents filled from the records of a real day (L-08, Q-07, E-12)."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import docx as library
import pytest
from compose_world import Run

from quanheng.compose import papers
from quanheng.compose.paper_facts import Facts, gather
from quanheng.compose.paper_usage import Used, usage
from quanheng.compose.run_folder import RunError
from quanheng.desk.people import admin
from quanheng.desk.people.store import Store


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Facts]:
    where = str(tmp_path / "people.sqlite")
    admin.create(where, {"S01": "a", "S02": "b"})
    with Store(where) as store:
        yield gather(store, 20240627, None, None)


def rows(run: Path, name: str) -> list[dict[str, str]]:
    with (run / "reports" / f"{name}.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def cells(path: Path, number: int) -> list[list[str]]:
    table = library.Document(str(path)).tables[number]
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_papers_use_of_limits_is_what_the_day_recorded(
    day_run: Run, facts: Facts, tmp_path: Path
) -> None:
    worst = {row["name"]: row["worst"] for row in rows(day_run.folder, "indicators")
             if row["scope"] == "510050"}  # fmt: skip
    bought = sum(int(row["qty"]) for row in rows(day_run.folder, "deals")
                 if (row["side"], row["effect"]) == ("buy", "open"))  # fmt: skip
    assert bought > 0
    total = int(worst["long"]) + int(worst["short"])
    assert usage(day_run.folder) == [Used(20240627, "510050", int(worst["long"]), total, bought)]
    made = papers.make("usage", papers.Order(facts, runs=(day_run.folder,)), tmp_path)
    assert any("1 日" in one for one in made.gaps)
    shown = cells(made.path, 0)[1]
    assert shown[2:5] == [f"{int(worst['long']):,}", f"{total:,}", f"{bought:,}"]
    business = rows(day_run.folder, "business")[0]
    assert cells(made.path, 1)[1][2:5] == [business[k] for k in ("trades", "bought", "sold")]


def test_papers_an_incident_names_times_contracts_and_duties(
    day_run: Run, facts: Facts, tmp_path: Path
) -> None:
    alerts = rows(day_run.folder, "alerts")
    number = next(int(row["number"]) for row in alerts if row["code"] == "link_changed")
    made = papers.make(
        "incident", papers.Order(facts, runs=(day_run.folder,), alert=number), tmp_path
    )
    events, lost, duty = (cells(made.path, at) for at in range(3))
    assert events[1][0] == alerts[number - 1]["at"] and len(events) > 2
    maker = rows(day_run.folder, "business")[0]["maker"]
    short = [row for row in rows(day_run.folder, "contract_day") if row["maker"] == maker
             and int(row["obliged_ns"]) - int(row["compliant_ns"]) >= 10**9]  # fmt: skip
    assert short and [row[0] for row in lost[1:]] == [row["contract"] for row in short]
    assert duty[1][0] == "510050"
    with pytest.raises(RunError, match="no alert 999"):
        papers.make("incident", papers.Order(facts, runs=(day_run.folder,), alert=999), tmp_path)


def test_papers_the_plan_shows_grades_and_profit(
    day_run: Run, facts: Facts, tmp_path: Path
) -> None:
    made = papers.make("plan", papers.Order(facts, runs=(day_run.folder,)), tmp_path)
    assert not any("评价与盈亏测算" in one for one in made.gaps)
    profit = rows(day_run.folder, "profit")[0]
    document = library.Document(str(made.path))
    texts = [cell.text for table in document.tables[-3:] for cell in table._cells]
    assert profit["total"] in texts and profit["edge"] in texts
    contracts = {row["contract"] for row in rows(day_run.folder, "contract_day")}
    assert contracts <= set(texts)
    grade = rows(day_run.folder, "period")
    maker = rows(day_run.folder, "business")[0]["maker"]
    assert next(row["grade"] for row in grade if row["maker"] == maker) in texts


def test_papers_a_run_without_its_tables_is_named(
    day_run: Run, facts: Facts, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(day_run.folder, run, ignore=shutil.ignore_patterns("journal", "snap"))
    (run / "reports" / "deals.csv").unlink()
    with pytest.raises(RunError, match=r"deals\.csv"):
        papers.make("usage", papers.Order(facts, runs=(run,)), tmp_path)
