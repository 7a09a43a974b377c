"""The whole market: made in parts, rated in parts, the same figures whoever rates (E-12, Q-08)."""

import csv
import shutil
import zipfile
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from market_world import FIRST, LAST, PLAN, digests, make_market, plan, quiet

from quanheng.cli import cli
from quanheng.compose import market_history as history
from quanheng.compose import rate_command as command
from quanheng.compose.publication import ENGLISH, SHEETS
from quanheng.compose.rating_sheets import CLAUSES_EN, REASONS_EN
from quanheng.compose.ratings_read import read_ratings
from quanheng.duties import day
from quanheng.duties.dataset import DatasetError
from quanheng.duties.exact import ratio_text
from quanheng.duties.quote_rows import Batch, QuoteRows
from quanheng.duties.rating import rate, rate_whole_year
from quanheng.edge import dataset_parts, rate_engines, rate_task
from quanheng.edge.dataset_files import read_dataset, write_dataset, write_result
from quanheng.edge.dataset_parts import PartKey, PartReader, part_keys
from quanheng.edge.documents import SHARE, shown
from quanheng.edge.rate_engines import EngineError
from quanheng.edge.rate_task import RateJob
from quanheng.edge.rulebook_files import shipped_texts
from quanheng.registry.wording import CLAUSES, REASONS
from quanheng.rulebook.load import load_rulebook
from quanheng.terms.days import iso


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market of two days around the turn of a month of evaluation."""
    return make_market(tmp_path_factory.mktemp("market") / "dataset")


@pytest.fixture(scope="module")
def rated(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its rating."""
    out = tmp_path_factory.mktemp("rated")
    command.rate_folder(plan(market, out), quiet)
    return out


def test_a_market_comes_from_its_seed(market: Path, tmp_path: Path) -> None:
    """The same options give the same bytes, also after an interruption; another seed does not."""
    again = tmp_path / "again"
    history.make_history(history.HistoryPlan(out=again, first=FIRST, **PLAN), quiet)
    lost = again / "quotes" / str(FIRST) / "510300.parquet"
    before = lost.read_bytes()
    lost.unlink()
    made = history.make_history(history.HistoryPlan(out=again, first=FIRST, **PLAN), quiet)
    assert made["quote_rows"] == pq.read_metadata(lost).num_rows
    assert lost.read_bytes() == before
    assert digests(again) == digests(market)
    rows = []
    for seed in (1, 2):
        drawn = history.HistoryPlan(out=again, seed=seed, **PLAN)
        pieces = history.part_tables(drawn, 0, FIRST).quotes
        rows.append(sum(len(piece["at"]) for piece in pieces))
    assert rows[0] != rows[1]


def test_a_market_has_a_markets_shape(market: Path, rated: Path) -> None:
    """Every class and maker, breakers, grades of more than one kind."""
    whole = read_dataset(market)
    assert len(whole.tables["contracts"]["day"]) == 2 * 40
    assert set("CTBVUE") <= set(whole.tables["phases"]["phase"].words)
    with (rated / "period.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["maker"] for row in rows} == {f"M0{k}" for k in range(1, 6)}
    assert {row["kind"] for row in rows} == {"primary", "general"}
    assert len({row["grade"] for row in rows}) > 1


def test_a_rating_is_read_back_with_its_makers(market: Path, rated: Path) -> None:
    """What the exchange's page reads is what was rated, cell for cell; the register is the
    dataset's own (S-05).
    """
    tables, result = read_ratings(rated).tables, rate(
        read_dataset(market), FIRST, LAST, command.books_of(None)
    )  # fmt: skip
    keys = ("maker", "underlying", "kind", "grade", "volume")
    assert [tuple(row[key] for key in keys) for row in tables["period"]] == [
        tuple(getattr(row, key) for key in keys) for row in result.period
    ]
    for row, one in zip(tables["period"], result.period, strict=True):
        assert ratio_text(row["spread_ratio"]) == ratio_text(one.spread_ratio)
    table = read_dataset(market).tables["makers"]
    since = [iso(int(day)) for day in table["since"]]
    assert [(row["maker"], row["since"]) for row in tables["makers"]] == [
        (table["maker"][row], since[row]) for row in range(len(since))
    ]


def test_parts_are_the_whole(market: Path, rated: Path, tmp_path: Path) -> None:
    """Rated in parts and in one piece in memory: the same tables (Q-08)."""
    books = command.books_of(None)
    result = rate(read_dataset(market), FIRST, LAST, books)
    write_result(tmp_path, result)
    for name in ("class_day", "period", "designated_month"):
        assert (tmp_path / f"{name}.csv").read_bytes() == (rated / f"{name}.csv").read_bytes()
    lines = [
        sorted((folder / "contract_day.csv").read_text(encoding="utf-8").splitlines())
        for folder in (tmp_path, rated)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) > 300


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_other_layouts_give_the_same(market: Path, rated: Path, tmp_path: Path, kind: str) -> None:
    """One file per table, Parquet or CSV, is read by day and gives the same bytes."""
    write_dataset(tmp_path / "flat", read_dataset(market), kind)
    assert part_keys(tmp_path / "flat", FIRST, LAST) == [PartKey(FIRST, ""), PartKey(LAST, "")]
    command.rate_folder(plan(tmp_path / "flat", tmp_path / "out"), quiet)
    assert digests(tmp_path / "out") == digests(rated)


def test_chunks_change_nothing(
    market: Path, rated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of a few cells give the same bytes; a cell above the bound is refused."""
    monkeypatch.setattr(dataset_parts, "CHUNK_ROWS", 97)
    seen = [len(chunk["at"]) for chunk in PartReader(market, PartKey(FIRST, "510050")).quotes()]
    assert len(seen) > 5
    assert max(seen) <= 2 * 97
    command.rate_folder(plan(market, tmp_path), quiet)
    assert digests(tmp_path) == digests(rated)
    monkeypatch.setattr(dataset_parts, "CELL_ROWS", 5)
    with pytest.raises(DatasetError, match="more than 5 rows of one cell in a day"):
        list(PartReader(market, PartKey(FIRST, "510050")).quotes())


def test_every_row_is_read_once(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the rows are twice the work: each quote goes through the kernels once, whatever the
    chunks, and is measured in one of them.
    """
    taken, measured = [], []
    take, measure = QuoteRows.take, day.measure_cells

    def counting(self: QuoteRows, batch: Batch) -> bool:
        taken.append(len(batch.contract))
        return take(self, batch)

    def measuring(tables, chunk=None, scratch=None):
        measured.append(int(chunk.start[-1]) if chunk is not None else 0)
        return measure(tables, chunk, scratch)

    monkeypatch.setattr(QuoteRows, "take", counting)
    monkeypatch.setattr(day, "measure_cells", measuring)
    monkeypatch.setattr(dataset_parts, "CHUNK_ROWS", 97)
    _, _, rows = command.rate_folder(plan(market, tmp_path, first=LAST), quiet)
    files = (market / "quotes" / str(LAST)).glob("*.parquet")
    assert rows == sum(pq.read_metadata(path).num_rows for path in files)
    assert sum(taken) == rows and len(taken) > 50
    assert sum(measured) == rows, "all its makers have duties on the last day"


def test_an_interrupted_rating_goes_on(market: Path, rated: Path, tmp_path: Path) -> None:
    """What was rated before the interruption is not rated again, and the bytes are the same."""
    count = 0

    def stop(_: str) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.rate_folder(plan(market, tmp_path), stop)
    kept = sorted((tmp_path / command.PARTS).glob("*.msgpack"))
    assert len(kept) == 3
    times = [path.stat().st_mtime_ns for path in kept]
    lines: list[str] = []
    command.rate_folder(plan(market, tmp_path), lines.append)
    assert lines[0] == "3 of 10 parts are there already"
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert digests(tmp_path) == digests(rated)


def test_other_data_starts_anew(market: Path, tmp_path: Path) -> None:
    """Parts of another dataset, window or agreement are not taken."""
    own = tmp_path / "own"
    shutil.copytree(market, own)
    out = tmp_path / "out"
    command.rate_folder(plan(own, out, last=FIRST), quiet)
    lines: list[str] = []
    command.rate_folder(plan(own, out, last=FIRST), lines.append)
    assert lines == ["5 of 5 parts are there already"]
    agreement = tmp_path / "agreement.toml"
    agreement.write_text('authority = "agreement"\n[readings]\nA04 = "absent = 1"\n')
    lines.clear()
    command.rate_folder(plan(own, out, last=FIRST, agreement=agreement), lines.append)
    assert len(lines) == 5 and lines[0].startswith("1/5")
    (own / "inquiries" / str(FIRST) / "588080.parquet").unlink()
    lines.clear()
    command.rate_folder(plan(own, out, last=FIRST, agreement=agreement), lines.append)
    assert len(lines) == 5


def test_two_processes(market: Path, rated: Path, tmp_path: Path) -> None:
    """Processes side by side leave the same bytes."""
    command.rate_folder(plan(market, tmp_path / "out", workers=2), quiet)
    assert digests(tmp_path / "out") == digests(rated)


class _FakeRay:
    """The four calls of Ray that the engine makes, in this process and out of order."""

    def __init__(self) -> None:
        self.retries: list[int] = []

    def is_initialized(self) -> bool:
        return True

    def remote(self, max_retries: int):
        self.retries.append(max_retries)

        def wrap(function):
            class Task:
                @staticmethod
                def remote(*args):
                    return (function, args)

            return Task

        return wrap

    def wait(self, waiting: list) -> tuple[list, list]:
        return waiting[-1:], waiting[:-1]

    def get(self, one: tuple):
        function, args = one
        return function(*args)


def test_the_ray_engine(
    market: Path, rated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray runs the same task, in any order and with retries, and leaves the same bytes."""
    fake = _FakeRay()
    monkeypatch.setitem(__import__("sys").modules, "ray", fake)
    command.rate_folder(plan(market, tmp_path, engine="ray"), quiet)
    assert fake.retries == [rate_engines.RETRIES]
    assert digests(tmp_path) == digests(rated)


def test_engines_that_cannot_run(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An absent Ray and an unknown engine say so."""
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(EngineError, match=r"needs the extra quanheng\[ray\]"):
        command.rate_folder(plan(market, tmp_path, engine="ray"), quiet)
    with pytest.raises(EngineError, match="'slurm' is not one of local, ray"):
        command.rate_folder(plan(market, tmp_path, engine="slurm"), quiet)


def test_a_year_from_the_command_line(market: Path, tmp_path: Path) -> None:
    """`rate --year --fees`: months, year, rebates and the publication in Chinese (E-08 to E-11)."""
    fees = tmp_path / "fees.toml"
    fees.write_text(
        "".join(
            f'[[fee]]\nrole = "{role}"\nhandling_fee = "1.3"\nrebate = "{rebate}"\n'
            for role, rebate in (("provider", "1.3"), ("taker", "0.5"), ("auction", "1.3"))
        )
    )
    args = ["rate", str(market), "--year", "2024", "--out", str(tmp_path / "out"), "--workers", "1"]
    answer = CliRunner().invoke(
        cli, [*args, "--fees", str(fees), "--publication", "csv,html,xlsx,pdf", "--json"]
    )
    assert answer.exit_code == 0, answer.output
    result = rate_whole_year(
        read_dataset(market), 2024, command.books_of(None), command.read_fees(fees)
    )
    write_result(tmp_path / "memory", result)
    for name in ("year", "year_overall", "rebate", "period", "class_day"):
        one, other = (tmp_path / place / f"{name}.csv" for place in ("out", "memory"))
        assert one.read_bytes() == other.read_bytes()
    with (tmp_path / "out" / "rebate.csv").open(encoding="utf-8") as stream:
        paid = list(csv.DictReader(stream))
    assert {row["role"] for row in paid} == {"provider", "taker"}
    assert all(Fraction(row["handling_fee"]) == int(row["qty"]) * Fraction("1.3") for row in paid)
    general = {(r.maker, r.underlying) for r in result.period if r.kind == "general"}
    assert general and not general & {(row["maker"], row["underlying"]) for row in paid}
    assert [month.first for month in result.period[:1]] == [20240421]
    page = (tmp_path / "out" / "publication" / "publication.html").read_text(encoding="utf-8")
    for title in ("做市商月度评价结果", "年度综合评价（整体）", "指定合约月度做市情况"):
        assert title in page
    assert "做市不满3个月" in page
    for name in ("publication.xlsx", "publication.pdf"):
        assert (tmp_path / "out" / "publication" / name).stat().st_size > 5_000
    with zipfile.ZipFile(tmp_path / "out" / "publication" / "publication.xlsx") as book:
        names = book.read("xl/workbook.xml").decode()
        assert "做市商月度评价结果" in names and "年度末位淘汰名单" not in names
    with (tmp_path / "out" / "publication" / "yearly.csv").open(encoding="utf-8-sig") as stream:
        assert next(stream).startswith("年度,合约品种,做市商")


CHANGED = """
[[rule]]
key = "quote_size.continuous"
value = 20
from = 20240521
source = "a change in the middle of a month"
"""
AGREED = """authority = "agreement"
[[rule]]
key = "spread.near.ratio"
value = "0.05"
from = 20240521
source = "agreement in force from the second day"
"""


def test_each_day_by_its_own_rules(market: Path) -> None:
    """A rule and an agreement from the second day leave the first as it was, and an old window
    rated again under the new texts has its old figures (Q-08).
    """
    texts = dict(shipped_texts())
    plain = rate(read_dataset(market), FIRST, LAST, command.books_of(None))
    old = rate(read_dataset(market), FIRST, FIRST, command.books_of(None))
    texts["duty.toml"] += CHANGED

    def books(day: int):
        return load_rulebook(day, texts, ("agreement.toml", AGREED))

    changed = rate(read_dataset(market), FIRST, LAST, books)
    for now, before in zip(changed.contract_day, plain.contract_day, strict=True):
        if now.day == FIRST:
            assert now == before
    late = [
        sum(row.compliant_ns for row in one.contract_day if row.day == LAST)
        for one in (changed, plain)
    ]
    assert 0 < late[0] < late[1]
    assert rate(read_dataset(market), FIRST, FIRST, books) == old


def test_publication_words() -> None:
    """Percentages are rounded half even at two digits, every reason and head has its words."""
    assert shown(Fraction(2, 3), SHARE) == "66.67%"
    assert shown(None, SHARE) == "—"
    assert len(REASONS) == 12
    assert set(REASONS_EN) == set(REASONS) and set(CLAUSES_EN) == set(CLAUSES)
    assert {head for sheet in SHEETS for head in sheet.heads} == set(ENGLISH)


def test_a_parts_bytes_depend_on_the_part_alone(market: Path, tmp_path: Path) -> None:
    """The task twice, in two folders: the same file."""
    key = PartKey(FIRST, "588000")
    for name in "ab":
        (tmp_path / name).mkdir()
        rows = rate_task.rate_one(RateJob(str(market), str(tmp_path / name)), key)
        assert rows > 0
    one, other = (tmp_path / name / f"{FIRST}-588000.msgpack" for name in "ab")
    assert one.read_bytes() == other.read_bytes()
