"""Bad parts, tables and options of a whole market's rating are named (E-12, Q-08)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from market_world import FIRST, LAST, PLAN, make_market, plan, quiet

from quanheng.cli import cli
from quanheng.compose import market_history as history
from quanheng.compose import rate_command as command
from quanheng.duties.dataset import DatasetError
from quanheng.edge import dataset_parts
from quanheng.edge.dataset_files import read_dataset, write_dataset
from quanheng.edge.dataset_parts import PartKey, PartReader, part_keys
from quanheng.edge.rate_task import PartError


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small market of two days around the turn of a month of evaluation."""
    return make_market(tmp_path_factory.mktemp("market") / "dataset")


def test_a_broken_part_is_named(market: Path, tmp_path: Path) -> None:
    """A part's file that was cut short is an error that names it."""
    command.rate_folder(plan(market, tmp_path, last=FIRST), quiet)
    part = tmp_path / command.PARTS / f"{FIRST}-510300.msgpack"
    part.write_bytes(part.read_bytes()[:-7])
    with pytest.raises(PartError, match=f"{FIRST}-510300"):
        command.rate_folder(plan(market, tmp_path, last=FIRST), quiet)


def rewritten(folder: Path, name: str, change) -> None:
    path = folder / "quotes" / str(FIRST) / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def set_row(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    return table.set_column(
        table.column_names.index(column), column, pa.array(values, table[column].type)
    )


@pytest.fixture
def copy(market: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(market, tmp_path / "copy")
    yield tmp_path / "copy"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: set_row(t, "bid_qty", 7, -1), r"row 8: bid_qty is negative"),
        (lambda t: set_row(t, "maker", -1, "M99"), r"row \d+: maker 'M99' is not in table"),
        (lambda t: set_row(t, "contract", 0, "10000000"), r"row 1: contract 10000000 is not list"),
        (lambda t: set_row(t, "at", 1, 0), r"row 2: not sorted by"),
        (lambda t: set_row(t, "day", 3, None), r"row 4: day is empty"),
        (lambda t: t.slice(40).take(list(range(t.num_rows - 40))[::-1]), "not sorted by"),
        (lambda t: t.drop_columns(["ask"]), "column 'ask' is missing"),
    ],
)
def test_bad_quotes_are_named(copy: Path, tmp_path: Path, change, reason: str) -> None:
    """An error in a part says which file, row and reason."""
    rewritten(copy, "510050", change)
    with pytest.raises(DatasetError, match=reason):
        command.rate_folder(plan(copy, tmp_path / "out", last=FIRST), quiet)


def test_a_row_of_another_day(copy: Path, tmp_path: Path) -> None:
    """A part holds one day."""
    other = pq.read_table(copy / "quotes" / str(LAST) / "510050.parquet")
    rewritten(copy, "510050", lambda table: pa.concat_tables([table, other.slice(0, 1)]))
    with pytest.raises(DatasetError, match=r"not a row of 2024-05-20"):
        command.rate_folder(plan(copy, tmp_path / "out", last=FIRST), quiet)


def test_chunk_edges_keep_the_order(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that comes back in a later chunk is refused there."""
    monkeypatch.setattr(dataset_parts, "CHUNK_ROWS", 97)
    rewritten(copy, "510050", lambda table: pa.concat_tables([table, table.slice(0, 50)]))
    with pytest.raises(DatasetError, match="not sorted by"):
        list(PartReader(copy, PartKey(FIRST, "510050")).quotes())


def test_tables_that_do_not_fit(copy: Path, market: Path, tmp_path: Path) -> None:
    """Missing quotes, mixed layouts and days without contracts are errors, not silence."""
    for name in ("phases", "trades"):
        table = read_dataset(market).tables[name]
        shutil.rmtree(copy / name)
        write_dataset(copy, {name: table})
        with pytest.raises(DatasetError, match=f"{name}: must be split by day and class"):
            PartReader(copy, PartKey(FIRST, "510050"))
        (copy / f"{name}.parquet").unlink()
        shutil.copytree(market / name, copy / name)
    shutil.rmtree(copy / "quotes")
    with pytest.raises(DatasetError, match="quotes: the table is missing"):
        command.rate_folder(plan(copy, tmp_path / "out"), quiet)
    whole = read_dataset(market)
    late = whole.tables["trades"]["day"].copy()
    late[-1] = 20240522
    whole.tables["trades"] = {**whole.tables["trades"], "day": late}
    write_dataset(tmp_path / "flat", whole)
    with pytest.raises(DatasetError, match=r"trades, row \d+: no contract is listed on 2024-05-22"):
        part_keys(tmp_path / "flat", FIRST, 20240522)
    with pytest.raises(DatasetError, match="no day from 2023"):
        part_keys(market, 20230101, 20230102)
    with pytest.raises(DatasetError, match="no such dataset folder"):
        part_keys(tmp_path / "nowhere", FIRST, LAST)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--year", "2024", "--from", "2024-05-20"], "give one"),
        (["--from", "2024-05-20"], "give --from and --to, or --year"),
        (["--from", "2024-05-20", "--to", "soon"], "--to:"),
    ],
)
def test_options_that_do_not_fit(market: Path, tmp_path: Path, args: list[str], text: str) -> None:
    """Exit 2 with the option's name."""
    answer = CliRunner().invoke(cli, ["rate", str(market), "--out", str(tmp_path), *args])
    assert isinstance(answer.exception, command.PlanError | SystemExit)
    with pytest.raises(command.PlanError, match=text):
        words = dict(zip(args[::2], args[1::2], strict=True))
        command.plan_of(
            words.get("--from", ""),
            words.get("--to", ""),
            int(words.get("--year", "0")),
            folder=market,
            out=tmp_path,
        )


def test_markets_that_cannot_be_made(tmp_path: Path) -> None:
    """Options out of range are refused."""
    for change in ({"makers": 0}, {"contracts": 8}, {"days": 0}):
        wrong = history.HistoryPlan(out=tmp_path, **(PLAN | change))
        with pytest.raises(history.HistoryError, match="must be"):
            history.days_of(wrong)
    with pytest.raises(history.HistoryError, match="--from"):
        history.plan_of("soon", out=tmp_path)


def test_an_unknown_form_of_publication_is_named(tmp_path: Path) -> None:
    """`--publication doc` says which forms there are."""
    with pytest.raises(command.PlanError, match="'doc' is not one of csv, html, xlsx, pdf"):
        command.plan_of("", "", 2024, folder=tmp_path, out=tmp_path, publication="csv,doc")
