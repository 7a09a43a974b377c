"""Rating the produced dataset, the report a person reads, the effective configuration."""

import re
import shutil
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compose_world import Run, call, one_line

from quanheng.compose.report import REASONS_ZH, ClassLine, day_table, plain
from quanheng.compose.text import pad, percent, table, thousands, width, yuan
from quanheng.config import SHIPPED, config_hash, read_config
from quanheng.edge.dataset_files import read_dataset, write_dataset

DAYS = ("--from", "2024-06-27", "--to", "2024-06-27")
TABLES = ("period", "class_day", "contract_day")


@pytest.fixture
def dataset(day_run: Run, tmp_path: Path) -> Path:
    """A copy of the run's dataset, to damage."""
    shutil.copytree(day_run.folder / "dataset", tmp_path / "dataset")
    return tmp_path / "dataset"


def _desk(tmp_path: Path, old: str = "", new: str = "") -> Path:
    text = (files("quanheng") / SHIPPED).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "desk.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_compose_rate_equals_the_days_own_grade(day_run: Run, tmp_path: Path, kind: str) -> None:
    """Q-09: the dataset a day leaves, rated on its own, gives the day's tables byte for byte."""
    folder = day_run.folder / "dataset"
    if kind == "csv":
        write_dataset(tmp_path / "csv", read_dataset(folder), format="csv")
        folder = tmp_path / "csv"
    done = call("rate", folder, *DAYS, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    for name in TABLES:
        mine = (tmp_path / "out" / f"{name}.csv").read_bytes()
        assert mine == (day_run.folder / "reports" / f"{name}.csv").read_bytes()
    grades = {(row["maker"], row["underlying"]): row["grade"] for row in done.json["period"]}
    for line in day_run.printed["classes"]:
        assert grades["MM01", line["underlying"]] == line["grade"]
    shown = call("rate", folder, *DAYS, "--out", tmp_path / "out")
    assert "MM01" in shown.out and "510050" in shown.out


def test_compose_rate_needs_days_and_a_dataset(dataset: Path, tmp_path: Path) -> None:
    """Days that are none are usage; folders and tables that are none are bad input."""
    out = ("--out", tmp_path / "out")
    one_line(call("rate", dataset, "--from", "x", "--to", "2024-06-27", *out), 2, "--from", "'x'")
    one_line(call("rate", dataset, "--from", "2024-06-27", "--to", "2024-02-30", *out), 2, "--to")
    one_line(call("rate", tmp_path / "none", *DAYS, *out), 3, "none")
    backwards = ("--from", "2024-06-28", "--to", "2024-06-27")
    assert call("rate", dataset, *backwards, *out).code in (2, 3)
    for path in dataset.iterdir():
        path.unlink()
    one_line(call("rate", dataset, *DAYS, *out), 3, "contracts")


@pytest.mark.parametrize("name", ["contracts", "makers", "phases", "quotes", "trades"])
def test_compose_damaged_datasets_are_exit_3(dataset: Path, tmp_path: Path, name: str) -> None:
    """A file of noise, a cut file, a table without a column: 3 and one line naming the table."""
    out = ("--out", tmp_path / "out")
    path = dataset / f"{name}.parquet"
    whole = path.read_bytes()
    for data in (b"noise", whole[: len(whole) // 2], b""):
        path.write_bytes(data)
        one_line(call("rate", dataset, *DAYS, *out), 3, name)
    path.write_bytes(whole)
    tables = read_dataset(dataset)
    path.unlink()
    write_dataset(tmp_path / "csv", tables, format="csv")
    lines = (tmp_path / "csv" / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    short = "\n".join(line.partition(",")[2] for line in lines) + "\n"
    (dataset / f"{name}.csv").write_text(short, encoding="utf-8")
    first = lines[0].partition(",")[0].strip('"')
    one_line(call("rate", dataset, *DAYS, *out), 3, name, first)


def test_compose_datasets_that_contradict_themselves(dataset: Path, tmp_path: Path) -> None:
    """A value of another type, an unknown phase, a duplicated row: named with the table."""
    out = ("--out", tmp_path / "out")
    tables = read_dataset(dataset)
    (dataset / "phases.parquet").unlink()
    write_dataset(tmp_path / "csv", tables, format="csv")
    good = (tmp_path / "csv" / "phases.csv").read_text(encoding="utf-8")
    rows = good.splitlines(keepends=True)
    for text in (good.replace(",T", ",Q", 1), good + rows[-1], good.replace("330", "x30", 1)):
        assert text != good
        (dataset / "phases.csv").write_text(text, encoding="utf-8")
        one_line(call("rate", dataset, *DAYS, *out), 3, "phases")
    (dataset / "phases.csv").write_text(good, encoding="utf-8")
    assert call("rate", dataset, *DAYS, *out).code == 0


def _line(**changes: Any) -> ClassLine:
    base = ClassLine(
        underlying="510050",
        symbol="50ETF",
        contracts=74,
        spread_ratio=Fraction(9_876, 10_000),
        participation=Fraction(1),
        covered=74,
        obliged=74,
        opening=Fraction(1),
        intraday_joined=1,
        intraday=2,
        closing=None,
        answered=5,
        inquiries=6,
        weighted=Fraction(2, 3),
        volume=12_345,
        volume_ratio=None,
        pnl=-1_234_567_850,
        grade="AA",
        reasons=("VOL_UP",),
    )
    return msgspec.structs.replace(base, **changes)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_compose_report_columns_line_up(language: str) -> None:
    """R-01: columns end at the same terminal column though Chinese takes two per character."""
    lines = [_line(), _line(underlying="588080", symbol="科创板50", pnl=10_000, reasons=())]
    text = day_table(20240627, "平稳" if language == "zh" else "calm", 7, lines, language)
    rows = text.splitlines()
    rule = next(row for row in rows if set(row) == {"─", " "})
    place = rows.index(rule)
    ends = [found.end() for found in re.finditer("─+", rule)]
    starts = [found.start() for found in re.finditer("─+", rule)]
    for row in [rows[place - 1], *rows[place + 1 : place + 4]]:
        columns = "".join(char + "\0" * (width(char) - 1) for char in row).ljust(ends[-1])
        for start, end in zip(starts[1:], ends[:-1], strict=True):
            assert columns[end:start].strip() == "", row
        assert width(row) <= width(rule)
    assert "98.76%" in text and "66.67%" in text and "-123,456.79" in text and "12,345" in text
    assert "148" in rows[place + 3] and "24,690" in rows[place + 3]
    if language == "zh":
        assert "做市义务与评价（2024-06-27，平稳，种子 7，148 个合约）" in text
        assert REASONS_ZH["VOL_UP"] in text
    else:
        assert "Duties and evaluation (2024-06-27, calm, seed 7, 148 contracts)" in text
        assert not re.search("[\u4e00-\u9fff]", text.replace("科创板50", ""))


def test_compose_shares_in_json_are_bounded_decimals() -> None:
    """A whole day's exact share has thousands of digits; JSON carries the tables' twelve."""
    huge = Fraction(10**6_000 - 1, 3 * 10**6_000)
    row = plain(_line(spread_ratio=huge))
    assert row["spread_ratio"] == "0.333333333333"
    assert (row["participation"], row["closing"]) == ("1.000000000000", None)
    assert (row["volume"], row["grade"]) == (12_345, "AA")


def test_compose_text_helpers() -> None:
    """Wide characters take two columns; ratios and money round half up."""
    assert (width("a权b"), pad("权", 4), pad("权", 4, right=True)) == (4, "权  ", "  权")
    assert pad("long", 2) == "long"
    assert (percent(1, 0), percent(1, 8, 0), percent(1, 16), percent(2, 3)) == (
        "—",
        "13%",
        "6.25%",
        "66.67%",
    )
    assert (yuan(50), yuan(-49), yuan(-12_345_650), thousands(1_234)) == (
        "0.01",
        "0.00",
        "-1,234.57",
        "1,234",
    )
    assert table(["a", "b"], [["x", "10"]]) == "a   b\n─  ──\nx  10"


def test_compose_check_config_prints_values_and_hashes() -> None:
    """Every value with its source and the hashes that run.json repeats."""
    done = call("check-config", "--json")
    assert done.code == 0
    found = done.json
    assert found["config_hash"] == config_hash(read_config())
    assert found["config"]["member.maker"] == "MM01"
    assert found["rules"]["spread.near.ratio"] and len(found["readings"]) >= 30
    shown = call("check-config").out
    assert found["config_hash"] in shown and found["rulebook_hash"] in shown
    older = call("check-config", "--day", "2018-01-02", "--json").json
    assert older["rulebook_hash"] != found["rulebook_hash"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rate_ppm = 18000", "rate_ppm = 18000\ncolour = 1", ("colour",)),
        ("kind = ", "sort = ", ("sort", "member")),
        ("cash_yuan = 500000000", 'cash_yuan = "lots"', ("cash_yuan", "funds")),
        ("cash_yuan = 500000000", "cash_yuan = 0", ("funds.cash_yuan",)),
        ('release = "synced"', 'release = "later"', ("journal.release", "'later'")),
        ('gateway = "none"', 'gateway = "carrier"', ("gateway", "'carrier'")),
        ('letter = "M"', 'letter = "Q"', ("member.letter", "'Q'")),
        ("sync_ms = 5", "sync_ms = 6", ("journal.sync_ms",)),
        ("dead_man_ms = 400", "dead_man_ms = 401", ("line.dead_man_ms",)),
        ("heartbeat_ms = 100", "heartbeat_ms = 200", ("line.dead_man_ms",)),
        ("dead_man_ms = 400", 'dead_man_ms = 400\nsecond_logon = "wait"', ("line.second_logon",)),
        ("messages_per_second = 1000", "messages_per_second = 1001", ("messages_per_second",)),
        ("[member]", "[member", ("line",)),
    ],
)
def test_compose_check_config_names_file_and_key(
    tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    """An unknown key or an impossible value is exit 2 and one line with the file and the key."""
    path = _desk(tmp_path, old, new)
    one_line(call("check-config", "--config", path), 2, str(path), *words)
    one_line(call("day", "--config", path, "--journal", "digest"), 2, str(path), *words)


def test_compose_written_release_is_refused_with_a_gateway(tmp_path: Path) -> None:
    """borders.md 2: with a TCP gateway nothing may leave before the journal is safe."""
    path = _desk(tmp_path, 'release = "synced"', 'release = "written"')
    assert call("check-config", "--config", path).code == 0
    text = path.read_text(encoding="utf-8").replace('gateway = "none"', 'gateway = "tcp"')
    path.write_text(text, encoding="utf-8")
    one_line(call("check-config", "--config", path), 2, "journal.release", "written", "TCP")


def test_compose_a_house_file_only_tightens(tmp_path: Path) -> None:
    """Q-08: the house's own file may not loosen a rule; tightening changes the hash."""
    path = tmp_path / "house.toml"
    row = 'authority = "house"\n[[rule]]\nkey = "spread.near.ratio"\nvalue = "{}"\n'
    row += 'from = 20150209\nsource = "house"\n'
    path.write_text(row.format("0.11"), encoding="utf-8")
    one_line(call("check-config", "--house", path), 2, "house.toml", "loosens")
    one_line(call("day", "--house", path, "--journal", "digest"), 2, "house.toml", "loosens")
    path.write_text(row.format("0.08"), encoding="utf-8")
    tight = call("check-config", "--house", path, "--json").json
    assert tight["rulebook_hash"] != call("check-config", "--json").json["rulebook_hash"]
    path.write_text("authority = [", encoding="utf-8")
    one_line(call("check-config", "--house", path), 2, "house.toml")
