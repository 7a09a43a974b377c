"""A small day from the command line: digest, folder, invariants, day end, exit codes."""

import csv
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compose_world import SMALL, Run, call, one_line

from quanheng.clearing import messages as clear
from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.exchange_files import check_files
from quanheng.compose.run_folder import read_info
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.kernels.pack import unpack
from quanheng.runtime.sim import Simulation
from quanheng.settlement import carry
from quanheng.terms.units import SECOND
from quanheng.wire import records

INVARIANTS = (
    "duties: referee differs from recount",
    "duties: events out of order",
    "positions: maker differs from venue",
    "premium: maker differs from venue",
    "clearing: longs and shorts differ",
    "clearing: positions differ from the maker's",
    "clearing: cash differs from the venue's",
)


def test_compose_json_is_one_object_with_the_promised_keys(day_run: Run) -> None:
    """borders.md 3: digest, seed, scenario, seconds, invariants by name, classes."""
    printed = day_run.printed
    assert {"digest", "seed", "scenario", "seconds", "invariants", "classes"} <= set(printed)
    assert len(bytes.fromhex(printed["digest"])) == 32
    assert (printed["seed"], printed["scenario"]) == (5, "busy")
    assert [row["underlying"] for row in printed["classes"]] == ["510050"]
    assert printed["classes"][0]["contracts"] == 12


def test_compose_every_invariant_is_counted_and_holds(day_run: Run) -> None:
    """T-01: each invariant is looked at by name, none is broken, and the day was a busy one."""
    found = day_run.printed["invariants"]
    assert set(INVARIANTS) <= set(found)
    assert any(name.startswith("venue: ") for name in found)
    assert any(name.startswith("maker: ") for name in found)
    assert all(count == 0 for count in found.values()), found
    counts = day_run.printed["counts"]
    assert counts["requests"] > 200 and counts["trades"] > 500
    klass = day_run.printed["classes"][0]
    assert klass["volume"] > 0 and klass["inquiries"] > 0 and klass["intraday"] > 0


def test_compose_run_folder_has_the_layout(day_run: Run) -> None:
    """borders.md 3: run.json, journal, snap, files, dataset, reports, carry."""
    run = day_run.folder
    assert run.name == "20240627-busy-s5"
    info = read_info(run)
    assert (info.status, info.digest, info.seed) == ("ended", day_run.printed["digest"], 5)
    assert all(len(text) == 64 for text in (info.rulebook, info.config, info.source))
    machines = ["clearing", "etf", "firm_authority", "maker", "oversight", "venue"]
    assert sorted(info.machines) == sorted(info.heads) == machines
    for name in machines:
        assert (run / "journal" / name / "0000000000000001.seg").stat().st_size > 0
        assert (run / "snap" / name / "manifest.json").exists()
    files = run / "files" / "20240627"
    names = {path.name for path in files.iterdir()}
    morning = {"reff030627.txt", "reff030220240627.xml", "zhcl030627.txt"}
    assert morning | {"clpr030627.txt", "prestlp0320240627.xml"} <= names
    assert {"mktdt03.txt", "mktdt00.txt"} <= names
    assert {name.split(".")[0][:7] for name in names if name[0] in "Oo"} == {
        *("OGH1234", "op_hycc", "op_bzjz", "op_zhcc", "op_tzxx"),
        *("op_jsmx", "op_ccbd", "op_bzjm", "op_zqjs"),
    }
    checks = check_files(run)
    assert [check.bad for check in checks if check.bad] == []
    assert {check.name for check in checks} == names
    # No combination was built, nobody was called, nothing delivered: the tables are there, empty.
    empty = {check.name[:7] for check in checks if not check.records}
    assert empty == {"op_zhcc", "op_tzxx", "op_zqjs"}
    tables = {path.stem for path in (run / "dataset").glob("*.parquet")}
    assert {"contracts", "makers", "phases", "quotes", "trades", "inquiries"} <= tables
    for name in ("period", "class_day", "contract_day"):
        assert (run / "reports" / f"{name}.csv").stat().st_size > 0
    assert [path.name for path in (run / "carry").iterdir()] == ["20240628.msgpack"]


def test_compose_digest_depends_on_the_seed_alone(day_run: Run, scenario: Path) -> None:
    """T-02: the same seed gives the same digest, kept or not; another seed gives another."""
    options = ("--scenario", scenario, *SMALL, "--journal", "digest", "--json")
    same, other = call("day", "--seed", 5, *options), call("day", "--seed", 6, *options)
    assert same.json["digest"] == day_run.printed["digest"]
    assert same.json["run"] is None
    assert other.json["digest"] != same.json["digest"]


def test_compose_an_older_run_is_put_aside(tmp_path: Path, scenario: Path) -> None:
    """A second run of one name leaves the first one whole, and bad input makes no folder."""
    options = ("--scenario", scenario, "--contracts", 2, "--until", "09:16", "--out", tmp_path)
    assert call("day", *options).code == 0
    first = (tmp_path / "20240627-busy-s1" / "run.json").read_bytes()
    assert call("day", *options).code == 0
    assert (tmp_path / "20240627-busy-s1.1" / "run.json").read_bytes() == first
    bad = call("day", *options[:-1], tmp_path / "none", "--master", tmp_path / "no.txt")
    one_line(bad, 3, "no.txt")
    assert not (tmp_path / "none").exists()


def test_compose_text_ends_with_the_digest_in_both_languages() -> None:
    """R-01: the report is Chinese by default, English on request; the digest is the last line."""
    options = ("--contracts", 2, "--until", "09:16", "--journal", "digest", "--scenario", "calm")
    chinese, english = call("day", *options), call("day", *options, "--lang", "en")
    assert "做市义务与评价" in chinese.out and "不变量" in chinese.out
    assert "Duties and evaluation" in english.out and "invariants hold" in english.out
    last = chinese.out.splitlines()[-1]
    assert last == english.out.splitlines()[-1] and last.startswith("digest ")


def test_compose_sweep_of_seeds(tmp_path: Path) -> None:
    """A..B runs each seed with its own scenario and gives one object of digests."""
    options = ("--contracts", 2, "--until", "09:16", "--out", tmp_path, "--json")
    swept = call("day", "--seed", "1..2", *options)
    assert swept.code == 0
    assert [row["scenario"] for row in swept.json["days"]] == ["calm", "limit-up"]
    assert sorted(swept.json["digests"]) == ["1", "2"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--seed", "x"), 2, ("--seed", "'x'")),
        (("--seed", "3.."), 2, ("--seed",)),
        (("--cadence", "fast"), 2, ("--cadence", "'fast'")),
        (("--cadence", "0s"), 2, ("--cadence",)),
        (("--journal", "some"), 2, ("--journal", "'some'")),
        (("--journal", "tail:0"), 2, ("--journal",)),
        (("--until", "25:00"), 2, ("--until", "25:00")),
        (("--until", "09:00"), 2, ("--until", "09:10")),
        (("--contracts", "few"), 3, ("--contracts", "'few'")),
        (("--contracts", "1"), 3, ("--contracts",)),
        (("--scenario", "storm"), 2, ("storm", "calm")),
        (("--scenario", "none.toml"), 2, ("none.toml",)),
        (("--config", "none.toml"), 2, ("none.toml",)),
        (("--agreement", "none.toml"), 2, ("none.toml",)),
        (("--house", "none.toml"), 2, ("none.toml",)),
        (("--master", "none.txt"), 3, ("none.txt",)),
        (("--wings", "2"), 2, ("--wings",)),
    ],
)
def test_compose_bad_options_are_one_line(
    options: tuple[str, ...], code: int, words: tuple[str, ...], tmp_path: Path
) -> None:
    """borders.md 3: usage is 2, bad input 3, and one line names the option or the file."""
    one_line(call("day", "--out", tmp_path / "runs", *options), code, *words)
    assert not (tmp_path / "runs").exists()


def test_compose_a_day_cut_short_owes_only_its_own_time(day_run: Run) -> None:
    """Q-03: the phase in force at the stop ends there; duties do not run on to midnight."""
    text = (day_run.folder / "reports" / "contract_day.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    owed = [int(row["obliged_ns"]) for row in rows if row["maker"] == "MM01"]
    assert 0 < max(owed) <= 15 * 60 * SECOND
    shares = [float(row["participation"]) for row in rows if row["maker"] == "MM01"]
    assert max(shares) > 0.5


def test_compose_a_broken_invariant_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-01: what does not hold is named in the text and makes the day fail."""

    def broken(*arguments: Any) -> dict[str, int]:
        return {"all is well": 2}

    monkeypatch.setattr("quanheng.compose.closing._invariants", broken)
    options = ("--contracts", 2, "--until", "09:16", "--journal", "digest", "--lang", "en")
    done = call("day", *options)
    assert done.code == 1
    assert "invariants broken: all is well = 2" in done.out


def test_compose_interrupted_exits_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """borders.md 3: Ctrl-C ends with 4; the journals are whole and run.json says so."""
    run = Simulation.run

    def stopped(self: Simulation, until: int, show: Callable[..., None] | None = None) -> int:
        run(self, until - 60 * SECOND)
        raise KeyboardInterrupt

    monkeypatch.setattr(Simulation, "run", stopped)
    options = ("--contracts", 2, "--until", "09:20", "--out", tmp_path, "--journal", "full")
    done = call("day", "--scenario", "calm", *options)
    assert (done.code, done.out) == (4, "")
    assert done.err.splitlines()[-1] == "quanheng: interrupted"
    folder = tmp_path / "20240627-calm-s1"
    assert read_info(folder).status == "interrupted"
    assert call("verify", folder).code == 0


def test_compose_signal_in_a_real_process(tmp_path: Path) -> None:
    """A real SIGINT in a real process: exit 4 and one line."""
    # A shell that runs tests in the background hands SIGINT down as ignored, hence the first line.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from quanheng.cli import main; main()"
    options = ["day", "--out", str(tmp_path), "--scenario", "calm", "--contracts", "12"]
    child = subprocess.Popen(
        [sys.executable, "-c", code, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if re.search("s1 [1-9]", line):
            child.send_signal(signal.SIGINT)
            break
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (4, "")
    assert err.splitlines()[-1] == "quanheng: interrupted"


def test_compose_real_process_prints_one_json_object() -> None:
    """`python -m quanheng` is the command line: JSON on stdout, progress on stderr."""
    command = [sys.executable, "-m", "quanheng", "day", "--contracts", "2", "--until", "09:16"]
    done = subprocess.run(
        [*command, "--journal", "digest", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["seed"] == 1
    assert "100%" in done.stderr


def test_compose_day_end_agrees_three_ways(day_run: Run, scenario: Path) -> None:
    """T-01: clearing, venue and maker end with the same money and positions, by number."""
    plan = DayPlan(
        scenario=load(str(scenario)),
        config=read_config(),
        seed=5,
        cadence=3 * SECOND,
        pick="12",
        journal="digest",
        until="09:45",
    )
    world = World(plan)
    world.run()
    day = finish(world, 0.0)
    assert day.digest == day_run.printed["digest"]
    said = {type(effect): effect for effect in world.cleared}
    cash, prices = said[clear.CashStatement], said[clear.SettlementPrices]
    assert isinstance(cash, clear.CashStatement) and isinstance(prices, clear.SettlementPrices)
    chain = world.reference.chain

    layout = records.layout("clpr03")
    closing = records.read(layout, (day_run.folder / "files/20240627/clpr030627.txt").read_bytes())
    assert closing.quarantined == [] and len(closing.rows) == 12
    code, settle = layout.index("SecurityID"), layout.index("SettlPrice")
    assert {row[code]: row[settle] for row in closing.rows} == {
        chain.contracts[row[clear.PRICE_SLOT]].code: row[clear.SETTLE_PRICE]
        for row in unpack(prices.rows, clear.PRICE_COLUMNS).tolist()
    }

    path = day_run.folder / "carry" / "20240628.msgpack"
    carried = carry.decode(path.read_bytes(), str(path))
    assert (carried.day, carried.made_on, carried.run) == (20240628, 20240627, day_run.folder.name)
    account = carried.accounts[0]
    assert account.cash == cash.cash
    book = world.maker.state.book
    net = {
        chain.contracts[slot].code: int(book.long_qty[slot] - book.short_qty[slot])
        for slot in range(len(chain.contracts))
    }
    held = {row.code: row.long - row.short for row in account.held}
    assert held == {code: count for code, count in net.items() if count}
    assert any(held.values())
