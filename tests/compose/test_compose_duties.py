"""Cockpit, explanations and duty reports through the command line (E-12, I-22 to I-28)."""

import csv
import re
import shutil
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duty_month
import pyarrow.parquet
import pytest
from compose_world import Called, Run, call, one_line

from quanheng.compose import explain as explaining
from quanheng.compose.cockpit_stand import histories, stand
from quanheng.compose.duty_source import DutySource, month_start, year_of, year_start
from quanheng.duties import intervals as iv
from quanheng.edge import document_pdf
from quanheng.edge.documents import Chart, Column, Document, Section, Series, Table
from quanheng.terms.days import from_clock

OURS = duty_month.MAKERS[0]
LAST = "2024-07-24"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight days of two classes and two makers."""
    folder = tmp_path_factory.mktemp("month")
    duty_month.build(folder)
    return folder


@pytest.fixture(scope="module")
def rated(month: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same dataset's last month as `quanheng rate` has it."""
    out = tmp_path_factory.mktemp("rated")
    done = call("rate", month, "--from", "2024-07-21", "--to", LAST, "--out", out)
    assert done.code == 0, done.err
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def ask(verb: str, source: Path, *more: object) -> Any:
    done = call(verb, source, *more, "--json")
    assert done.code == 0, done.err
    return done.json


def test_cockpit_at_the_close_is_what_the_day_was_rated(day_run: Run) -> None:
    """Fed event by event from a run's dataset, every contract and class has the rated figures."""
    found = ask("cockpit", day_run.folder)
    reports = day_run.folder / "reports"
    contracts = {(r["maker"], r["contract"]): r for r in rows(reports / "contract_day.csv")}
    classes = {(r["maker"], r["underlying"]): r for r in rows(reports / "class_day.csv")}
    seen = 0
    for one in found["classes"]:
        row = classes[found["maker"], one["view"]["underlying"]]
        for name in ("covered", "spread_ratio", "participation", "volume", "inquiries", "answered"):
            assert str(one["view"]["day"][name] or "") == row[name] or row[name] == "0", name
        for mine in one["view"]["contracts"]:
            rated = contracts[found["maker"], mine["contract"]]
            for name in ("obliged", "quoted", "compliant"):
                assert mine[name] == int(rated[f"{name}_ns"])
            assert (mine["participation"] or "") == rated["participation"]
            seen += 1
    assert seen == 12


def test_cockpit_of_a_running_day_is_read_from_the_journal(day_run: Run, tmp_path: Path) -> None:
    """Without a dataset, with a torn last frame: the maker's own figures, a snapshot late at most,
    the quotes that rest; what its state cannot know is left open.
    """
    run = tmp_path / "run"
    shutil.copytree(day_run.folder, run, ignore=shutil.ignore_patterns("dataset", "reports"))
    last = sorted((run / "journal" / "maker").glob("*.seg"))[-1]
    last.write_bytes(last.read_bytes()[:-100])
    at = ("--at", "09:36:30")
    live, whole = ask("cockpit", run, *at), ask("cockpit", day_run.folder, *at)
    own, told = ({c["contract"]: c for k in found["classes"] for c in k["view"]["contracts"]}
                 for found in (live, whole))  # fmt: skip
    assert own.keys() == told.keys()
    lag = 2 * 3 * 10**9  # a snapshot interval for the phase's start and one for a limit state
    assert all(abs(own[code]["obliged"] - told[code]["obliged"]) <= lag for code in own)
    assert any(own[code]["bid"] == told[code]["bid"] > 0 for code in own)
    assert all(one["view"]["traded"] is None for one in live["classes"])
    assert all(row["side_due_ns"] is None for row in own.values())
    shutil.rmtree(run / "journal" / "maker")
    one_line(call("cockpit", run), 3, "neither a dataset nor a journal of the maker")


def test_cockpit_knows_the_month_and_forecasts_it(month: Path) -> None:
    """The month so far is the evaluation's, best and worst bracket it, chances have a basis."""
    found = ask("cockpit", month, "--maker", OURS, "--at", "10:45")
    assert [one["view"]["underlying"] for one in found["classes"]] == list(duty_month.CLASSES)
    for one in found["classes"]:
        left = one["reach"]
        assert (left["days"], left["ahead"]) == (3, 19)  # 22 to 24 July, 25 July to 20 August
        assert float(left["worst"]) < float(left["so_far"]) <= float(left["best"])
        assert one["month"]["basis"] == 7 and len(one["month_grades"]) == 1
        for outcome in (one["month"], one["year"]):
            assert abs(sum(chance for _, chance in outcome["chances"]) - 1000) <= 3
        assert [case["name"] for case in one["effects"]] == [
            "as_now", "tighter", "hour_more", "hour_less",
        ]  # fmt: skip
    text = call("cockpit", month, "--maker", OURS, "--at", "10:30:07", "--lang", "zh").out
    assert "覆盖余量" in text and "第九章" in text and "10:30:07" in text
    assert "价差率" not in call("cockpit", month, "--maker", OURS, "--lang", "en").out


def test_cockpit_tells_a_month_that_is_going_wrong(month: Path) -> None:
    """E-05, L-09: the lazier maker's month is told as a likely D while it is still open, with the
    distance to chapter 9; the diligent one's is not.
    """
    source = DutySource(month)
    day = source.days[-1]
    told = {}
    for maker in duty_month.MAKERS:
        past = histories(source, day, maker)
        for mine in past.values():
            if maker == duty_month.MAKERS[1]:
                mine.past = [[0, 10**9, 1, 0, *row[4:]] for row in mine.past]
                mine.rows = [[0, 10**9, 1, 0, *row[4:]] for row in mine.rows]
                mine.chapter = ["D", "B"]
        found = stand(source, day, from_clock("10:30"), maker, past)
        told[maker] = {(one.item, one.lost) for one in found.alerts}
    assert {("month", False), ("chapter9", True)} <= told[duty_month.MAKERS[1]]
    assert not {item for item, _ in told[OURS]} & {"month", "chapter9"}


def test_a_general_maker_owes_answers_alone(month: Path, tmp_path: Path) -> None:
    """E-06, A16: no grade of continuous quotes, no alert but inquiries, no part in the mean."""
    folder = tmp_path / "general"
    shutil.copytree(month, folder)
    lazy = duty_month.MAKERS[1]
    table = pyarrow.parquet.read_table(folder / "makers.parquet").to_pylist()
    for row in table:
        if (row["maker"], row["underlying"]) == (lazy, "510300"):
            row["kind"] = "general"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), folder / "makers.parquet")
    found = ask("cockpit", folder, "--maker", lazy)
    primary, general = found["classes"]
    assert (primary["general"], general["general"]) == (False, True)
    assert primary["month"]["chances"] and not general["month"]["chances"]
    told = {one["item"] for one in found["alerts"] if one["underlying"] == "510300"}
    assert told <= {"inquiry"}
    ours = ask("cockpit", folder, "--maker", OURS)["classes"]
    assert [len(one["view"]["others"]) for one in ours] == [1, 0]
    assert "一般做市商" in call("cockpit", folder, "--maker", lazy).out


def test_the_forecast_of_a_day_is_stored(month: Path, tmp_path: Path) -> None:
    """L-03: by class and by contract, what the cockpit said; asked again, the same file."""
    ask_at = ("--maker", OURS, "--at", "13:30", "--store", tmp_path)
    found = ask("cockpit", month, *ask_at)
    (by_class,) = (tmp_path / "forecast_class").iterdir()
    (by_contract,) = (tmp_path / "forecast_contract").iterdir()
    assert by_class.name == f"20240724-{OURS}.csv" == by_contract.name
    classes, before = rows(by_class), by_class.read_bytes()
    assert [row["underlying"] for row in classes] == list(duty_month.CLASSES)
    for row, one in zip(classes, found["classes"], strict=True):
        assert row["weighted_best"] == one["reach"]["best"] and row["at"] == "13:30:00"
        for name in ("month", "year"):
            told = {grade: str(chance) for grade, chance in one[name]["chances"]}
            assert {grade: row[f"{name}_{grade}"] for grade in told} == told
    contracts = rows(by_contract)
    assert [row["contract"] for row in contracts] == list(duty_month.CONTRACTS)
    views = [view for one in found["classes"] for view in one["view"]["contracts"]]
    assert [int(row["slack_ns"]) for row in contracts] == [view["slack"] for view in views]
    ask("cockpit", month, *ask_at)
    assert by_class.read_bytes() == before


def test_cockpit_refuses_what_is_not_there(month: Path, tmp_path: Path) -> None:
    """Each error names the thing."""
    one_line(call("cockpit", tmp_path), 3, "neither a run nor a dataset")
    one_line(call("cockpit", month, "--maker", "XX"), 3, "no maker 'XX'", "MM0001, MM0002")
    one_line(call("cockpit", month, "--day", "2024-07-20"), 3, "no trading day 2024-07-20")
    one_line(call("cockpit", month, "--day", "tomorrow"), 2, "--day 'tomorrow'")
    for text in ("25:00", "10:61", "10:00:75", "noon"):
        one_line(call("cockpit", month, "--at", text), 2, f"--at '{text}'")


def test_explain_adds_up_and_names_quotes_that_why_knows(day_run: Run) -> None:
    """The intervals of a contract give its participation; their quote ids lead on to `why`."""
    table = rows(day_run.folder / "reports" / "contract_day.csv")
    ours = ask("cockpit", day_run.folder)["maker"]
    row = next(r for r in table if r["maker"] == ours and float(r["participation"] or 0) > 0)
    found = ask("explain", day_run.folder, "--contract", row["contract"], "--all")
    spans = [(line["stop"] - line["start"], line["cause"]) for line in found["lines"]]
    good = sum(span for span, cause in spans if cause == iv.Cause.COMPLIANT)
    owed = sum(span for span, cause in spans if cause < iv.Cause.PHASE)
    assert (good, owed) == (int(row["compliant_ns"]), int(row["obliged_ns"]))
    assert found["figure"] == row["participation"]
    named = [line for line in found["lines"] if line["quote"] and line["bid_qty"] >= 10]
    assert named, "the maker's journal knows the quotes"
    told = ask("why", day_run.folder, named[-1]["quote"])
    text = str(told)
    assert row["contract"] in text and str(named[-1]["bid"]) in text


def test_explain_tells_exemptions_auctions_and_coverage(month: Path) -> None:
    """An approved exemption with its reason, a limit state, a breaker, a class's coverage."""
    own = ("--maker", OURS)
    exempt = ask("explain", month, *own, "--contract", duty_month.CONTRACTS[4])
    assert [line["reason"] for line in exempt["lines"] if line["reason"]] == ["technical"] * len(
        [line for line in exempt["lines"] if line["cause"] == iv.Cause.EXEMPT]
    )
    assert dict(map(tuple, exempt["by_cause"]))[iv.Cause.EXEMPT] == 600 * 10**9
    limit = ask("explain", month, *own, "--contract", duty_month.CONTRACTS[2])
    assert dict(map(tuple, limit["by_cause"]))[iv.Cause.LIMIT] > 0
    breaker = ask(
        "explain", month, *own, "--contract", duty_month.CONTRACTS[1], "--item", "breaker"
    )
    assert len(breaker["auctions"]) == 1 and breaker["figure"] is not None
    whole = ask("explain", month, *own, "--class", "510050", "--item", "coverage")
    assert whole["judged"] == 3 and len(whole["rows"]) == 3
    text = call("explain", month, *own, "--contract", duty_month.CONTRACTS[4], "--all").out
    assert "批准豁免 technical" in text and "连续竞价参与率（I-28）" in text
    for item in ("opening", "closing"):
        joined = ask("explain", month, *own, "--class", "510300", "--item", item)
        assert joined["good"] == sum(row[1] for row in joined["rows"])


def test_explain_refuses_what_does_not_fit(month: Path) -> None:
    """Options that contradict each other, and contracts or classes that are none."""
    own = ("--maker", OURS)
    one_line(call("explain", month, *own), 2, "needs --contract or --class")
    one_line(call("explain", month, *own, "--contract", "99999999"), 3, "'99999999'")
    one_line(call("explain", month, *own, "--class", "510500", "--item", "coverage"), 3, "'510500'")
    one_line(call("explain", month, *own, "--class", "510050"), 2, "of a contract")
    both = (*own, "--class", "510300", "--contract", duty_month.CONTRACTS[0])
    one_line(call("explain", month, *both), 2, "is not of class 510300")


def test_an_explanation_that_does_not_add_up_is_never_shown(month: Path) -> None:
    """Intervals are held against the measured figure; here they are made to differ."""
    with patch.object(explaining.iv, "totals", lambda rows: (1, 1, 1)):
        done = call("explain", month, "--maker", OURS, "--contract", duty_month.CONTRACTS[0])
    one_line(done, 3, duty_month.CONTRACTS[0], "intervals add up to (1, 1, 1)")
    with patch.object(iv.Auction, "joined", property(lambda one: False)):
        done = call("explain", month, "--maker", OURS, "--class", "510050", "--item", "opening")
    one_line(done, 3, "auctions found differ")


def percent(text: str) -> str:
    """A table's ratio as a report shows it."""
    from quanheng.duties.exact import ratio_text

    return f"{ratio_text(Fraction(text) * 100, 2)}%"


def report(month: Path, out: Path, *more: object) -> Called:
    return call("duty-report", month, "--maker", OURS, "--out", out, *more)


def test_daily_report_has_every_item_with_the_rated_figures(
    month: Path, rated: Path, tmp_path: Path
) -> None:
    """HTML and xlsx carry, for each class, I-22 to I-28 as the evaluation has them."""
    assert report(month, tmp_path, "--format", "html,xlsx").code == 0
    html = next(tmp_path.glob("*.html")).read_text(encoding="utf-8")
    for number in range(22, 29):
        assert html.count(f"<h3>I-{number} ") == 2
    row = next(
        r for r in rows(rated / "class_day.csv")
        if (r["maker"], r["underlying"], r["day"]) == (OURS, "510050", LAST)
    )  # fmt: skip
    for name in ("spread_ratio", "participation", "coverage"):
        assert percent(row[name]) in html
    contracts = [
        r for r in rows(rated / "contract_day.csv") if (r["maker"], r["day"]) == (OURS, LAST)
    ]
    assert len(contracts) == 6
    for one in contracts:
        assert percent(one["participation"]) in html and percent(one["spread_ratio"]) in html
    with zipfile.ZipFile(next(tmp_path.glob("*.xlsx"))) as book:
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
        assert "510050 连续" in names and "510300 区间" in names and names[-1] == "图表数据"
        place = names.index("510050 连续") + 1
        sheet = book.read(f"xl/worksheets/sheet{place}.xml").decode()
        charts = [name for name in book.namelist() if name.startswith("xl/charts/")]
    numbers = [float(value) for value in re.findall(r"<v>([^<]+)</v>", sheet)]
    for one in contracts[:3]:
        share = float(one["participation"])
        assert any(abs(value - share) < 1e-9 for value in numbers)
    assert len(charts) == 8


def test_monthly_report_has_days_months_and_the_year_to_date(
    month: Path, rated: Path, tmp_path: Path
) -> None:
    """The running month by day, both months of the year, and the grade as it would be."""
    assert report(month, tmp_path, "--kind", "monthly", "--format", "html").code == 0
    html = next(tmp_path.glob("*.html")).read_text(encoding="utf-8")
    for day in duty_month.trading_days()[-3:]:
        text = f"{day // 10_000}-{day // 100 % 100:02d}-{day % 100:02d}"
        assert html.count(f'<td class="">{text}</td>') == 2  # once in each class's table
    assert "2024 年 7 月" in html and "2024 年 8 月" in html and "年初至今" in html
    for row in rows(rated / "period.csv"):
        if row["maker"] == OURS:
            assert percent(row["weighted_participation"]) in html
            assert percent(row["spread_ratio"]) in html


def test_reports_are_the_same_bytes_again_and_pdf_is_archivable(
    month: Path, tmp_path: Path
) -> None:
    """PDF/A-2b with its own font; one class alone; the same question gives the same files."""
    more = ("--class", "510050", "--format", "pdf,html")
    for name in ("one", "two"):
        assert report(month, tmp_path / name, *more).code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    pdf = next((tmp_path / "one").glob("*.pdf")).read_bytes()
    assert pdf.startswith(b"%PDF-") and b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"NotoSansCJKsc" in pdf
    one_line(report(month, tmp_path, "--class", "588000"), 3, "'588000'")
    one_line(report(month, tmp_path, "--format", "docx"), 2, "'docx' is none of xlsx, pdf, html")


def test_pdf_refuses_a_character_that_its_font_lacks() -> None:
    """A name with a rare character is an error that shows it, never an empty box."""
    table = Table(title="表", english="t", columns=(Column("名", "n"),), rows=(("龘",),))
    chart = Chart(title="图", english="c", labels=("一",), series=(Series("量", (None,)),))
    section = Section(title="节", english="s", sheet="s", blocks=(chart, table))
    document = Document(title="报", english="r", day=20240627, facts=(), sections=(section,))
    with pytest.raises(document_pdf.GlyphError, match=r"龘 U\+9F98"):
        document_pdf.pdf(document)


def test_evaluation_months_and_years() -> None:
    """A18 and rules.md 10.4: months from the 21st, years from 21 December."""
    assert [month_start(day) for day in (20240720, 20240721, 20240105, 20231221)] == [
        20240621, 20240721, 20231221, 20231221,
    ]  # fmt: skip
    assert [year_of(day) for day in (20231220, 20231221, 20241220)] == [2023, 2024, 2024]
    assert year_start(20240105) == 20231221


def test_source_names_the_days_it_has(month: Path) -> None:
    """A window is measured day by day; arrays of all but the last day are let go."""
    source = DutySource(month)
    window = source.window(source.days[0], source.days[-1], OURS)
    assert [one.day for one in window] == duty_month.trading_days()
    assert "figures" not in window[0].__dict__ and window[0].facts(OURS)
