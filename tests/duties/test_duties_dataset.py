"""The duty dataset: checks with named errors, files, and tables from the venue's records."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quanheng.duties.dataset import DatasetError, check_dataset
from quanheng.duties.tables import TABLES, TEXT, Dataset, Text, take, text_column
from quanheng.edge.dataset_files import read_dataset, write_dataset

PLAIN = {
    "contracts": [
        {
            "day": 20240627,
            "contract": code,
            "underlying": "510050",
            "underlying_type": "EBS",
            "expiry_rank": 1,
            "kind": "C",
            "strike": 25_000,
            "unit": 10_000,
            "limit_up": 2_000,
            "limit_down": 1,
            "previous_settle": 500,
            "last_trade": 500,
            "designated": 0,
        }
        for code in ("10000001", "10000002")
    ],
    "phases": [
        {"day": 20240627, "contract": code, "at": at, "phase": phase}
        for code in ("10000001", "10000002")
        for at, phase in ((34_200 * 10**9, "T"), (54_000 * 10**9, "E"))
    ],
    "quotes": [
        {
            "day": 20240627,
            "maker": maker,
            "contract": code,
            "at": at * 10**9,
            "bid": 500,
            "bid_qty": 10,
            "ask": 520,
            "ask_qty": 10,
        }
        for code in ("10000001", "10000002")
        for maker in ("M1", "M2")
        for at in (34_300, 34_400)
    ],
    "trades": [
        {
            "day": 20240627,
            "contract": "10000001",
            "at": 34_350 * 10**9,
            "price": 510,
            "qty": 3,
            "buyer": "M1",
            "seller": "",
            "buy_order_at": 1,
            "sell_order_at": 2,
            "buy_limit": 1,
            "sell_limit": 0,
        }
    ]
    * 2,
    "inquiries": [{"day": 20240627, "contract": "10000001", "at": 34_360 * 10**9, "inquiry": "7"}],
    "makers": [
        {
            "maker": maker,
            "underlying": "510050",
            "kind": "primary",
            "since": 20240101,
            "until": until,
        }
        for maker, until in (("M1", 0), ("M2", 20241231))
    ],
    "exemptions": [
        {
            "day": 20240627,
            "maker": "M2",
            "contract": "",
            "underlying": "510050",
            "from": 0,
            "until": 1,
            "reason": "technical",
        }
    ],
    "letters": [
        {"day": 20240627, "maker": "M2", "measure": "lowering", "underlying": "", "steps": 1}
    ],
}


def tables_of(rows: dict[str, list[dict[str, object]]]) -> Dataset:
    """Columns of plain rows."""
    tables = {}
    for name, items in rows.items():
        spec = TABLES[name]
        tables[name] = {
            column: text_column([str(item[column]) for item in items])
            if kind == TEXT
            else np.array([item[column] for item in items], dtype=np.int64)
            for column, kind in spec.columns
            if all(column in item for item in items)
        }
    return Dataset(tables)


def plain_rows(dataset: Dataset) -> dict[str, list[dict[str, object]]]:
    """Rows of columns, the inverse of `tables_of`."""
    found: dict[str, list[dict[str, object]]] = {}
    for name, table in dataset.tables.items():
        count = len(next(iter(table.values())))
        found[name] = [
            {
                column: values[row] if isinstance(values, Text) else int(values[row])
                for column, values in table.items()
            }
            for row in range(count)
        ]
    return {name: rows for name, rows in found.items() if rows}


def ordered(rows: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    """Rows with columns in the order of the specification."""
    return {
        name: [{column: item[column] for column, _ in TABLES[name].columns} for item in items]
        for name, items in rows.items()
    }


def changed(table: str, row: int, **values: object) -> dict[str, list[dict[str, object]]]:
    """PLAIN with one row changed."""
    rows = {name: [dict(item) for item in items] for name, items in PLAIN.items()}
    rows[table][row].update(values)
    return rows


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_files_round_trip(tmp_path: Path, kind: str) -> None:
    """What is written is read back equal, in both forms."""
    write_dataset(tmp_path, check_dataset(tables_of(PLAIN)), kind)
    assert plain_rows(check_dataset(read_dataset(tmp_path))) == ordered(PLAIN)


def test_a_folder_split_by_day_and_extra_columns(tmp_path: Path) -> None:
    """NAME/ holds one Parquet file per day, in any file order; unknown columns are ignored."""
    later = [dict(item, day=20240628) for item in PLAIN["contracts"]]
    both = {**PLAIN, "contracts": PLAIN["contracts"] + later}
    write_dataset(tmp_path, tables_of(both))
    whole = pq.read_table(tmp_path / "contracts.parquet").append_column(
        "remark", pa.array(["x"] * 4)
    )
    (tmp_path / "contracts.parquet").unlink()
    (tmp_path / "contracts").mkdir()
    pq.write_table(whole.slice(2), tmp_path / "contracts" / "a.parquet")
    pq.write_table(whole.slice(0, 2), tmp_path / "contracts" / "b.parquet")
    assert plain_rows(read_dataset(tmp_path))["contracts"] == ordered(both)["contracts"]
    one = read_dataset(tmp_path, (20240628, 20240628))
    assert plain_rows(one)["contracts"] == ordered({"contracts": later})["contracts"]
    assert len(one.tables["quotes"]["at"]) == 0


def test_optional_tables_and_columns_may_be_absent() -> None:
    """Only contracts, phases, quotes and makers must be there."""
    needed = {name: rows for name, rows in PLAIN.items() if TABLES[name].required}
    checked = check_dataset(tables_of(needed))
    assert set(checked.tables) == set(TABLES)
    bare = changed("letters", 0)
    for column in ("underlying", "steps"):
        bare["letters"][0].pop(column)
    assert plain_rows(check_dataset(tables_of(bare)))["letters"][0]["steps"] == 0


WRONG = [
    (changed("contracts", 1, expiry_rank=5), "contracts, row 2: expiry_rank must be 1 to 4"),
    (changed("contracts", 0, kind="X"), "contracts, row 1: kind 'X' must be one of C, P"),
    (changed("contracts", 0, underlying_type="?"), "row 1: underlying_type '?' must be one of"),
    (changed("contracts", 0, strike=0), "contracts, row 1: strike must be positive"),
    (changed("contracts", 0, limit_down=3_000), "row 1: limit_up must be above limit_down"),
    (changed("contracts", 0, last_trade=-1), "row 1: last_trade must not be negative"),
    (changed("contracts", 0, designated=2), "row 1: designated must be 0 or 1"),
    (changed("contracts", 1, contract="10000001"), "row 2: contract 10000001 appears twice"),
    (changed("phases", 0, phase="Z"), "phases, row 1: phase 'Z' must be one of S, C, T"),
    (changed("phases", 1, at=34_200 * 10**9), "phases, row 2: a second row at the same time"),
    (changed("phases", 1, at=1), "phases, row 2: not sorted by (day, contract, at)"),
    (changed("phases", 3, at=86_400 * 10**9 + 1), "phases, row 4: at is not within the day"),
    (changed("phases", 3, contract="1000000X"), "row 4: contract 1000000X is not listed on 2024"),
    (changed("quotes", 1, at=0), "quotes, row 2: not sorted by (day, contract, maker, at)"),
    (changed("quotes", 1, at=34_300 * 10**9), "quotes, row 2: a second row at the same time"),
    (changed("quotes", 2, bid=0), "quotes, row 3: bid 0 with a quantity"),
    (changed("quotes", 2, ask=0), "quotes, row 3: ask 0 with a quantity"),
    (changed("quotes", 2, ask_qty=-1), "quotes, row 3: ask_qty is negative"),
    (changed("quotes", 2, bid=-1), "quotes, row 3: bid is negative"),
    (changed("quotes", 2, ask=500_001), "quotes, row 3: ask is above 500000 ticks"),
    (changed("quotes", 7, maker="M9"), "quotes, row 8: maker 'M9' is not in table makers"),
    (changed("quotes", 0, maker=""), "quotes, row 1: maker '' must not be empty"),
    (changed("trades", 0, price=0), "trades, row 1: price must be positive"),
    (changed("trades", 1, qty=-1), "trades, row 2: qty must be positive"),
    (changed("trades", 1, seller="M9"), "trades, row 2: seller 'M9' is not in table makers"),
    (changed("trades", 1, at=1), "trades, row 2: not sorted by (day, contract, at)"),
    (changed("trades", 1, buy_limit=2), "trades, row 2: buy_limit must be 0 or 1"),
    (changed("makers", 0, kind="main"), "makers, row 1: kind 'main' must be one of primary"),
    (changed("makers", 0, until=20231231), "row 1: until 2023-12-31 is before since 2024-01-01"),
    (changed("makers", 1, maker="M1"), "M1 in 510050: the time overlaps another row's"),
    (changed("exemptions", 0, until=0), "exemptions, row 1: until is not after from"),
    (changed("exemptions", 0, reason="late"), "exemptions, row 1: reason 'late' must be one of"),
    (changed("exemptions", 0, contract="1"), "exemptions, row 1: contract 1 is not listed"),
    (changed("letters", 0, measure="fine"), "letters, row 1: measure 'fine' must be one of"),
    (changed("letters", 0, steps=-1), "letters, row 1: steps is negative"),
    (changed("letters", 0, maker="M9"), "letters, row 1: maker 'M9' is not in table makers"),
]


@pytest.mark.parametrize(("rows", "message"), WRONG)
def test_errors_name_table_row_and_reason(
    rows: dict[str, list[dict[str, object]]], message: str
) -> None:
    """Each kind of bad input is refused with its place."""
    with pytest.raises(DatasetError) as error:
        check_dataset(tables_of(rows))
    assert message in str(error.value)


def test_missing_tables_and_columns() -> None:
    """A table or column that must be there is named."""
    tables = tables_of(PLAIN).tables
    without = {name: table for name, table in tables.items() if name != "quotes"}
    with pytest.raises(DatasetError, match="quotes: the table is missing"):
        check_dataset(Dataset(without))
    short = {name: column for name, column in tables["quotes"].items() if name != "bid"}
    with pytest.raises(DatasetError, match="quotes: column 'bid' is missing"):
        check_dataset(Dataset({**tables, "quotes": short}))
    ragged = {**tables["quotes"], "bid": np.zeros(1, dtype=np.int64)}
    with pytest.raises(DatasetError, match="quotes: column 'bid' has 1 rows, not 8"):
        check_dataset(Dataset({**tables, "quotes": ragged}))
    wrong = {**tables["quotes"], "bid": text_column(["x"] * 8)}
    with pytest.raises(DatasetError, match="quotes: column 'bid' must hold int values"):
        check_dataset(Dataset({**tables, "quotes": wrong}))
    assert len(take(tables["quotes"], 2, 5)["at"]) == 3


def test_bad_files_are_named(tmp_path: Path) -> None:
    """Files that cannot be read as the table say which and why."""
    with pytest.raises(DatasetError, match="no such dataset folder"):
        read_dataset(tmp_path / "nowhere")
    write_dataset(tmp_path, tables_of(PLAIN), "csv")
    text = (tmp_path / "quotes.csv").read_text(encoding="utf-8")
    (tmp_path / "quotes.csv").write_text(text.replace("520", "many", 1), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"quotes: .*Row #2.*'many'"):
        read_dataset(tmp_path)
    (tmp_path / "quotes.csv").write_text(text.replace("520", "", 1), encoding="utf-8")
    with pytest.raises(DatasetError, match="quotes, row 1: ask is empty"):
        read_dataset(tmp_path)
    (tmp_path / "quotes.parquet").write_bytes(b"nonsense")
    with pytest.raises(DatasetError, match=r"both quotes.parquet and quotes.csv are there"):
        read_dataset(tmp_path)
    (tmp_path / "quotes.csv").unlink()
    with pytest.raises(DatasetError, match="quotes: "):
        read_dataset(tmp_path)
    with pytest.raises(ValueError, match="format 'xlsx'"):
        write_dataset(tmp_path, tables_of(PLAIN), "xlsx")
