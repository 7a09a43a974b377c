"""The run's own library for programs: its tables are the maker's state, its reports the files."""

import hashlib
import io
from pathlib import Path

import polars
import pytest

from quanheng.compose.api_library import COLUMNS, RunLibrary
from quanheng.compose.console_source import RunSource
from quanheng.desk import exports
from quanheng.desk.door import VIEW_OF
from quanheng.desk.functions import FUNCTIONS
from quanheng.desk.ports import Ask, SourceError

ALL = Ask(limit=exports.MOST_ROWS)


@pytest.fixture(scope="module")
def library(source: RunSource) -> RunLibrary:
    return RunLibrary(source)


def test_library_has_every_table_of_the_eleven_functions(library: RunLibrary):
    """Each answers from the real run, has a right behind it, and leaves in every format."""
    names = set(library.names())
    assert names <= set(VIEW_OF)
    for name in sorted({name for one in FUNCTIONS for name in one.tables}):
        assert name in names
        found = library.table(name, ALL)
        assert found.total == len(found.rows), name
        assert all(len(row) == len(found.columns) for row in found.rows), name
        assert name not in COLUMNS or found.columns == COLUMNS[name]
        for form in exports.FORMATS:
            assert exports.made(name, found, form), (name, form)
        if found.columns:
            back = polars.read_parquet(io.BytesIO(exports.parquet_of(found)))
            assert back.shape == (found.total, len(found.columns)), name


def test_library_positions_margin_and_inventory_agree(library: RunLibrary, source: RunSource):
    """Three tables of one book: their sums are the book's."""
    book = source.latest().book
    held = library.table("positions", ALL)
    place = {name: held.columns.index(name) for name in ("long", "short", "covered")}
    sums = {name: sum(row[at] for row in held.rows) for name, at in place.items()}
    assert sums == {"long": int(book.long_qty.sum()), "short": int(book.short_qty.sum()),
                    "covered": int(book.covered_qty.sum())}  # fmt: skip
    assert sum(sums.values()) > 0
    stock = library.table("inventory", ALL)
    for name in place:
        column = stock.columns.index(f"option_{name}")
        assert sum(row[column] for row in stock.rows) == sums[name]
    margin = library.table("margin", ALL)
    *rows, total = margin.rows
    assert total[0] == "*" and total[3] == sum(row[3] for row in rows) == sums["short"]
    assert sum(row[5] for row in rows) == pytest.approx(total[5], abs=len(rows))
    account = library.table("account", ALL)
    assert total[5] == account.rows[0][account.columns.index("margin")]


def test_library_tells_people_by_id_and_rights_by_post(library: RunLibrary):
    people = library.table("people", ALL)
    assert any("trader" in row[1] and row[3] for row in people.rows)  # somebody is on duty
    rights = library.table("rights", Ask("auditor", 0, 1_000))
    assert {row[0] for row in rights.rows} == {"auditor"}
    assert library.table("strategies", ALL).rows


def test_library_pages_and_searches(library: RunLibrary):
    whole = library.table("positions", ALL)
    part = library.table("positions", Ask("", 1, 2))
    assert part.rows == whole.rows[1:3] and part.total == whole.total
    code = whole.rows[0][0]
    assert [row[0] for row in library.table("positions", Ask(code, 0, 9)).rows] == [code]


def test_library_gives_reports_by_name_and_nothing_else(library: RunLibrary, run: Path):
    listed = library.reports()
    assert {one.name for one in listed} == {p.name for p in (run / "reports").iterdir()}
    one = next(item for item in listed if item.name.endswith(".csv") and item.size)
    body = library.report(one.name)
    assert (len(body), hashlib.sha256(body).hexdigest()) == (one.size, one.sha256)
    assert exports.of_csv(one.name, body).columns
    link = run / "reports" / "link.csv"
    link.symlink_to(run / "run.json")
    try:
        for name in ("../run.json", "/etc/passwd", "", ".", "link.csv", "none.csv"):
            with pytest.raises(SourceError, match="no report"):
                library.report(name)
    finally:
        link.unlink()
    with pytest.raises(SourceError):
        library.table("made-up", ALL)


def test_library_shows_the_settlement_once_there_is_one(library: RunLibrary, source: RunSource):
    assert library.table("clearing", ALL).total == 0
    folder = source.run / "settlement"
    folder.mkdir()
    try:
        (folder / "record.jsonl").write_text('{"seq": 7}\n')
        with pytest.raises(SourceError, match=r"record\.jsonl"):
            library.table("clearing", ALL)
    finally:
        (folder / "record.jsonl").unlink()
        folder.rmdir()
