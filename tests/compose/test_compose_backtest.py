"""Back-tests on a tape and sweeps over tapes and simulated days, from the command line."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from compose_world import Run, call, one_line
from tape_world import DAY, chain, clock, steady, write_market

from quanheng.compose.backtest import Backtest, BacktestPlan
from quanheng.compose.backtest_fills import FillMeter
from quanheng.compose.sweep import CellResult, Duty, loses
from quanheng.compose.sweep_report import comparison, groups_of, write_comparison
from quanheng.config import read_config
from quanheng.exchange.messages import Deliver
from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.codes import Effect, Side
from quanheng.terms.days import midnight
from quanheng.terms.market import ChainTick
from quanheng.terms.orders import Report, Trade
from quanheng.terms.units import SECOND

START = midnight(20240627)


@pytest.fixture(scope="module")
def tape(day_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared day of 12 contracts as a tape: jump, breaker, halt, feed outage."""
    out = tmp_path_factory.mktemp("tapes") / "busy"
    table = out.parent / "dataset"
    shutil.copytree(day_run.folder / "dataset", table)
    done = call("export-market", day_run.folder, "--out", table / "market.parquet")
    assert done.code == 0, done.err
    master = day_run.folder / "files" / "20240627" / "reff030627.txt"
    done = call("import-tape", table, "--day", DAY, "--master", master, "--out", out)
    assert done.code == 0, done.err
    return out


@pytest.fixture(scope="module")
def both(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both bounds over the shared tape."""
    done = call("backtest", tape, "--out", tmp_path_factory.mktemp("runs"), "--json")
    assert done.code == 0, done.err
    printed: dict[str, Any] = done.json
    return printed


def test_compose_backtest_measures_money_and_duties_of_both_bounds(both: dict[str, Any]) -> None:
    """I-08, I-19: fills, edge, mark-outs and inventory beside the obligations, by bound."""
    assert [one["fills"] for one in both["bounds"]] == ["optimistic", "pessimistic"]
    for one in both["bounds"]:
        worth = one["worth"]
        assert one["net"] == worth["gross"] - one["fees"]
        assert worth["fills"] > 20 and one["quotes"] > 100 and one["fees"] > 0
        assert len(worth["markouts"]) == 3
        assert one["invariants"] and not any(one["invariants"].values()), one["invariants"]
        [klass] = one["classes"]
        assert klass["underlying"] == "510050" and klass["contracts"] == 12
        assert klass["intraday"] > 0 and klass["inquiries"] > 0
        assert klass["volume"] == worth["bought"] + worth["sold"]
        assert klass["pnl"] == one["net"]
        assert float(klass["participation"]) > 0.5


def test_compose_backtest_is_deterministic_and_keeps_a_run_folder(
    tape: Path, both: dict[str, Any], tmp_path: Path
) -> None:
    """borders.md 3: the same digest twice; the dataset of each bound rates to the same figures."""
    again = call("backtest", tape, "--out", tmp_path, "--json").json
    assert again["digest"] == both["digest"] and again["bounds"] == both["bounds"]
    run = Path(both["run"])
    report = (run / "report.md").read_text(encoding="utf-8")
    assert "净盈亏" in report and "单日试算" in report and "悲观" in report
    kept = json.loads((run / "result.json").read_bytes())
    assert kept["bounds"] == both["bounds"] and kept["tape"]["source_sha256"]
    args = ("--from", DAY, "--to", DAY, "--out", tmp_path / "rated", "--json")
    rated = call("rate", run / "pessimistic" / "dataset", *args).json
    assert rated["period"][0]["grade"] == both["bounds"][1]["classes"][0]["grade"]


def test_compose_backtest_says_when_the_maker_and_its_fills_differ(tape: Path) -> None:
    """The guard fires on the real path: one contract more than was filled is a broken invariant."""
    one = Backtest(BacktestPlan(tape=tape, config=read_config(), fills="pessimistic"))
    one.run()
    one.meter.net[0] += 1
    one.meter.cash[1] += 7
    result = one.finish(0.0)
    assert not result.ok
    assert {name: count for name, count in result.invariants.items() if count} == {
        "positions: maker differs from its fills": 1,
        "premium: maker differs from its fills": 1,
    }


def test_compose_backtest_takes_parameters_and_latencies(
    tape: Path, both: dict[str, Any], tmp_path: Path
) -> None:
    """A wide quote fills less and pays in spread ratio; a slow line is another run."""
    args = ("--fills", "optimistic", "--out", tmp_path, "--json")
    wide = call("backtest", tape, "--param", "width=9000", *args).json["bounds"][0]
    usual = both["bounds"][0]
    assert wide["worth"]["bought"] + wide["worth"]["sold"] < (
        usual["worth"]["bought"] + usual["worth"]["sold"]
    )
    assert float(wide["classes"][0]["spread_ratio"]) > float(usual["classes"][0]["spread_ratio"])
    slow = call("backtest", tape, "--order-latency", "200ms", *args).json["bounds"][0]
    assert slow["digest"] != usual["digest"]


def test_compose_backtest_refuses_settings_in_one_line(tape: Path, tmp_path: Path) -> None:
    args = ("--out", tmp_path)
    one_line(call("backtest", tape, "--param", "width", *args), 2, "--param", "name=value")
    one_line(call("backtest", tape, "--param", "wide=1", *args), 2, "unknown parameter wide")
    one_line(call("backtest", tape, "--param", "width=1", *args), 2, "outside 500 to 10000")
    one_line(call("backtest", tape, "--param", "510999:width=900", *args), 2, "scope 510999")
    one_line(call("backtest", tape, "--feed-latency", "0ms", *args), 2, "--feed-latency")
    one_line(call("sweep", tape, *args), 2, "--sweep")
    one_line(call("sweep", "--sweep", "width=2000", *args), 2, "tapes or --seeds")
    one_line(call("sweep", tape, "--sweep", "width=2000,2000", *args), 2, "twice")
    one_line(call("sweep", tape, "--sweep", "width=2000,1", *args), 2, "outside 500")


def test_compose_backtest_without_phases_volumes_or_funds(tmp_path: Path) -> None:
    """The least a recording can be: best prices of a few contracts in continuous trading."""
    codes = [contract.code for contract in chain().contracts]
    rows = [row[:-1] for row in steady(codes, "09:30:00", 60)]
    source = write_market(tmp_path / "market.csv", rows, ("day", "contract", "at", "bid", "bid_qty",
                          "ask", "ask_qty", "last"))  # fmt: skip
    call("import-tape", source, "--day", DAY, "--out", tmp_path / "tape")
    done = call("backtest", tmp_path / "tape", "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    for one in done.json["bounds"]:
        assert one["quotes"] > 0 and not any(one["invariants"].values())


def test_compose_backtest_worth_of_a_fill_is_worked_by_hand() -> None:
    """Bought 3 at 1000 under a mid of 1005: edge 5 ticks; mids 1007, 995 and 1020 later."""
    contract = chain().contracts[0]
    meter = FillMeter(chain())
    t0 = START + clock("10:00:00")

    def mid(at: int, bid: int, ask: int) -> None:
        row = [0] * market.COLUMNS
        row[market.BID], row[market.BID_QTY], row[market.ASK], row[market.ASK_QTY] = bid, 1, ask, 1
        table = np.array([row], dtype=np.int64)
        meter.tick(ChainTick(0, at, False, pack(table)), at, 0)

    mid(t0, 1_000, 1_010)
    trade = Trade("M001000001", contract.code, 1, 1, 1_000, 3, 0, Side.BUY, Effect.OPEN, False,
                  t0, t0, 0)  # fmt: skip
    meter.delivered(Deliver("A", [Report("300", 1, trade)]), t0, 0)
    mid(t0 + SECOND, 1_002, 1_012)
    mid(t0 + SECOND + 1, 980, 981)
    mid(t0 + 10 * SECOND, 990, 1_000)
    mid(t0 + 61 * SECOND, 1_010, 1_030)
    worth = meter.worth(t0 + 62 * SECOND)
    unit = contract.unit
    assert worth.edge == 5 * 3 * unit
    assert worth.markouts == (7 * 3 * unit, -5 * 3 * unit, -5 * 3 * unit)
    assert worth.gross == 20 * 3 * unit and worth.inventory == 3
    assert worth.inventory_value == 1_020 * 3 * unit and worth.unmarked == 0


def test_compose_backtest_counts_what_has_no_later_mid() -> None:
    meter = FillMeter(chain())
    code = chain().contracts[0].code
    trade = Trade("M001000001", code, 1, 1, 1_000, 3, 0, Side.SELL, Effect.OPEN, False, 5, 5, 0)
    meter.delivered(Deliver("A", [Report("300", 1, trade)]), 5, 0)
    worth = meter.worth(100)
    settle = chain().contracts[0].previous_settle
    assert (worth.unmarked, worth.edge, worth.sold) == (1, 0, 3)
    assert worth.gross == 3 * (1_000 - settle) * chain().contracts[0].unit


def test_compose_sweep_over_a_tape_resumes_and_compares(tape: Path, tmp_path: Path) -> None:
    """Every combination and the base, in two processes; finished cells are taken over."""
    out = tmp_path / "sweep"
    args = ("sweep", tape, "--sweep", "width=2000,9000", "--fills", "optimistic", "--out", out,
            "--json")  # fmt: skip
    first = call(*args, "--workers", 2)
    assert first.code == 0, first.err
    printed = first.json
    assert printed["resumed"] == 0
    rows = printed["combinations"]
    assert sorted(row["settings"] for row in rows) == ["", "width=2000", "width=9000"]
    net = [sum(cell["net"] for cell in row["cells"]) for row in rows]
    assert net == sorted(net, reverse=True)
    text = (out / "comparison.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(text.splitlines()))
    assert len(table) == 3 and {row["underlying"] for row in table} == {"510050"}
    assert all(float(row["participation"]) > 0 and row["grade"] for row in table)
    assert "现行配置" in (out / "comparison.md").read_text(encoding="utf-8")
    cells = sorted((out / "cells").iterdir())
    cells[0].write_bytes(b"{")
    again = call(*args)
    assert again.json["resumed"] == 2 and again.json["digest"] == printed["digest"]
    assert again.json["combinations"] == rows


def test_compose_sweep_over_simulated_days(tmp_path: Path, scenario: Path) -> None:
    args = ("sweep", "--seeds", "5..6", "--scenario", scenario, "--contracts", 12, "--until",
            "09:33", "--sweep", "width=9000", "--out", tmp_path, "--json")  # fmt: skip
    done = call(*args)
    assert done.code == 0, done.err
    rows = done.json["combinations"]
    assert [len(row["cells"]) for row in rows] == [2, 2]
    assert {row["fills"] for row in rows} == {"simulated"}
    assert {cell["source"] for row in rows for cell in row["cells"]} == {"busy s5", "busy s6"}
    assert call(*args).json["resumed"] == 4


def cell(net: int, grade: str, settings: tuple[tuple[str, str, int], ...] = ()) -> CellResult:
    duty = Duty("510050", grade, "0.370000000000", "0.990000000000", "", 12, 12)
    return CellResult(
        settings=settings, source="a", bound="optimistic", digest="", net=net, gross=net, fees=0,
        edge=0, markouts=(0, 0, 0), inventory=0, messages=1, duties=(duty,), broken=0,
    )  # fmt: skip


def test_compose_sweep_marks_a_cell_that_loses_its_grade(tmp_path: Path) -> None:
    """The best money with a worse grade than as configured stands first, and is marked."""
    base = cell(100, "A")
    rich = cell(300, "B", (("*", "width", 9_000),))
    same = cell(200, "A", (("*", "width", 2_000),))
    assert loses(rich, base) and not loses(same, base) and not loses(cell(1, "AA"), base)
    results = [base, rich, same]
    assert [group[0].net for group in groups_of(results)] == [300, 200, 100]
    lines = comparison(results, "zh").splitlines()
    assert [("▼" in line) for line in lines[2:5]] == [True, False, False]
    write_comparison(tmp_path, results, "en")
    text = (tmp_path / "comparison.csv").read_text(encoding="utf-8")
    marks = {row["settings"]: row["lost_grade"] for row in csv.DictReader(text.splitlines())}
    assert marks == {"": "0", "width=9000": "1", "width=2000": "0"}
    assert msgspec.json.decode(msgspec.json.encode(rich), type=CellResult) == rich
