"""A day of a whole market rated: against data-frame engines, and how the cost grows.

    .venv-bench/bin/python bench/market_rating.py [UPDATES]

Twenty makers quote 400 contracts about UPDATES times each (default 500). The peers compute the two
figures that everything hangs on, spread ratio and participation of every maker in every contract,
as plain statements over the same Parquet files: intervals by a shift within the group, cut to
trading time and breakers, added up by group. They are pandas, Polars (its scan, one thread) and
DuckDB (SQL, one thread); those that are not installed are left out. Ours does the whole rating of a
day: checks, auctions, inquiries, volumes, fills, exact ratios, class figures, files. Participations
must be equal and spread ratios equal to 1e-9. "in memory" is the measuring alone, on arrays or
frames already read. Times are CPU seconds of this one thread, so that other processes do not count;
they take turns, and the least of each one's turns counts, so that nobody is measured in a bad hour.
Then the same with half, once, twice the quotes, and the highest memory of each.
"""

import os

os.environ["POLARS_MAX_THREADS"] = "1"

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quanheng.compose.market_history import make_history
from quanheng.compose.market_quotes import CLASSES, HistoryPlan
from quanheng.compose.text import table, thousands
from quanheng.duties.conditions import from_rulebook
from quanheng.duties.day import Chunk, measure_chunks
from quanheng.duties.day_input import day_tables
from quanheng.duties.figures import participation, spread_ratio
from quanheng.edge.dataset_parts import PartKey, PartReader, part_keys
from quanheng.edge.dataset_rows import chunks
from quanheng.edge.rate_task import RateJob, rate_one
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.units import SECOND

DAY = 20240521
ROUNDS, MEMORY_ROUNDS = 3, 7
SESSIONS = ((34_200 * SECOND, 41_400 * SECOND), (46_800 * SECOND, 53_820 * SECOND))
END = 86_400 * SECOND
PEAK = "--peak"
Result = dict[tuple[str, str], tuple[int, int, float]]
"""(maker, contract) -> compliant ns, quoted ns, integral of the spread ratio over time."""


def quote_files(folder: Path) -> list[Path]:
    """The day's quote files in order."""
    return [folder / "quotes" / str(DAY) / f"{klass}.parquet" for klass, _, _ in CLASSES]


def contract_rows(folder: Path) -> list[tuple[str, int, int, int, int]]:
    """(contract, num, den, breaker start, breaker end) of every contract."""
    bands = read_rulebook(DAY).duty.bands
    rows = []
    for key in part_keys(folder, DAY, DAY):
        small = PartReader(folder, key).dataset.tables
        phases = small["phases"]
        breaker = {
            phases["contract"][row]: int(phases["at"][row])
            for row in range(len(phases["at"]))
            if phases["phase"][row] == "V"
        }
        listed = small["contracts"]
        for row in range(len(listed["day"])):
            code = listed["contract"][row]
            num, den, _ = bands[int(listed["expiry_rank"][row]) - 1]
            start = breaker.get(code, 0)
            rows.append((code, num, den, start, start + 180 * SECOND if start else 0))
    return rows


def pandas_way() -> tuple[Callable[..., Any], Callable[..., Result]]:
    """Read and measure with pandas."""
    import pandas as pd

    def read(folder: Path) -> Any:
        frame = pd.concat([pd.read_parquet(path) for path in quote_files(folder)])
        for name in ("maker", "contract"):
            frame[name] = frame[name].astype("category")
        head = ["contract", "num", "den", "from_", "until"]
        other = pd.DataFrame(contract_rows(folder), columns=head)
        other["contract"] = other["contract"].astype(frame["contract"].dtype)
        return frame.merge(other, on="contract")

    def measure(q: Any) -> Result:
        group = q.groupby(["maker", "contract"], observed=True, sort=False)
        until = group["at"].shift(-1).fillna(END).astype("int64")
        spent = 0
        for start, stop in SESSIONS:
            spent = spent + until.clip(start, stop) - q["at"].clip(start, stop)
        stop_, start_ = (np.clip(one, q["from_"], q["until"]) for one in (until, q["at"]))
        spent = spent - (stop_ - start_)
        sized = (q["bid_qty"] >= 10) & (q["ask_qty"] >= 10) & (q["ask"] > q["bid"])
        allowed = np.maximum(q["num"] * q["bid"], q["den"] * 25)
        width = q["den"] * (q["ask"] - q["bid"])
        sums = q[["maker", "contract"]].assign(
            good=spent * (sized & (width <= allowed)),
            quoted=spent * sized,
            ratio=spent * sized * (width / allowed),
        )
        found = sums.groupby(["maker", "contract"], observed=True).sum()
        return {key: tuple(row) for key, row in zip(found.index, found.to_numpy(), strict=True)}

    return read, measure


def polars_way() -> tuple[Callable[..., Any], Callable[..., Result]]:
    """Read and measure with Polars."""
    import polars as pl

    def read(folder: Path) -> Any:
        head = ["contract", "num", "den", "from_", "until"]
        other = pl.DataFrame(contract_rows(folder), schema=head, orient="row")
        # Its fastest keys: numbers with a list of words.
        codes = pl.Enum(other["contract"].to_list())
        makers = pl.Enum([f"M{number:02d}" for number in range(1, 21)])
        files = [pl.read_parquet(path) for path in quote_files(folder)]
        frame = pl.concat(
            [one.cast({"contract": pl.String, "maker": pl.String}) for one in files]
            if any(one.schema["maker"] == pl.Categorical for one in files)
            else files
        ).cast({"contract": codes, "maker": makers})
        return frame.join(other.cast({"contract": codes}), on="contract", maintain_order="left")

    def measure(q: Any) -> Result:
        at, col = pl.col("at"), pl.col
        q = q.lazy().with_columns(next=at.shift(-1).over("maker", "contract").fill_null(END))
        spent = sum(
            (col("next").clip(start, stop) - at.clip(start, stop) for start, stop in SESSIONS),
            start=pl.lit(0),
        ) - (col("next").clip(col("from_"), col("until")) - at.clip(col("from_"), col("until")))
        sized = (col("bid_qty") >= 10) & (col("ask_qty") >= 10) & (col("ask") > col("bid"))
        allowed = pl.max_horizontal(col("num") * col("bid"), col("den") * 25)
        width = col("den") * (col("ask") - col("bid"))
        found = (
            q.with_columns(spent=spent, sized=sized, allowed=allowed, width=width)
            .with_columns(kept=col("spent") * col("sized"))
            .group_by("maker", "contract")
            .agg(
                (col("kept") * (col("width") <= col("allowed"))).sum().alias("good"),
                col("kept").sum().alias("quoted"),
                (col("kept") * (col("width") / col("allowed"))).sum().alias("ratio"),
            )
            .collect()
        )
        return {(row[0], row[1]): row[2:] for row in found.rows()}

    return read, measure


SQL = """
with cut as (
  select q.*, c.num, c.den, c.from_, c.until,
    lead(q."at", 1, {end}) over (partition by q.maker, q.contract order by q."at") as nxt
  from {quotes} q join other c using (contract)),
spent as (
  select *, {sessions}
    - (least(greatest(nxt, from_), until) - least(greatest("at", from_), until)) as ns,
    (bid_qty >= 10 and ask_qty >= 10 and ask > bid)::int as sized,
    greatest(num * bid, den * 25) as allowed, den * (ask - bid) as width
  from cut)
select maker, contract, sum(ns * sized * (width <= allowed)::int), sum(ns * sized),
  sum(ns * sized * (width / allowed::double))
from spent group by maker, contract
"""


def duckdb_way() -> tuple[Callable[..., Any], Callable[..., Result]]:
    """Read and measure with DuckDB."""
    import duckdb
    import pyarrow as pa

    def read(folder: Path) -> Any:
        base = duckdb.connect(config={"threads": 1})
        head = ("contract", "num", "den", "from_", "until")
        columns = zip(*contract_rows(folder), strict=True)
        other = pa.table(dict(zip(head, map(list, columns), strict=True)))  # noqa: F841
        base.execute("create table other as select * from other")
        files = ", ".join(f"'{path}'" for path in quote_files(folder))
        base.execute("create type code as enum (select contract from other)")
        makers = ", ".join(f"'M{number:02d}'" for number in range(1, 21))
        base.execute(f"create type maker as enum ({makers})")
        base.execute(
            "create table quotes as select * replace "
            "(contract::code as contract, maker::maker as maker) "
            f"from read_parquet([{files}])"
        )
        base.execute("alter table other alter contract type code")
        return base

    def measure(base: Any) -> Result:
        sessions = " + ".join(
            f'least(greatest(nxt, {a}), {b}) - least(greatest("at", {a}), {b})' for a, b in SESSIONS
        )
        sql = SQL.format(end=END, quotes="quotes", sessions=sessions)
        return {(row[0], row[1]): row[2:] for row in base.execute(sql).fetchall()}

    return read, measure


def ours_in_memory(folder: Path) -> tuple[Any, Callable[[Any], Any]]:
    """What is in memory, and how it is measured."""
    terms = from_rulebook(read_rulebook(DAY))
    days = []
    for key in part_keys(folder, DAY, DAY):
        reader = PartReader(folder, key)
        tables = day_tables(reader.dataset, DAY, terms)
        # A chunk holds until the next one is asked for, so they are copied to stay in memory.
        own = [
            Chunk(one.rows[:, : one.start[-1]].copy(), one.start, one.read)
            for one in chunks(reader, tables)
        ]
        days.append((tables, own))
    return days, lambda days: [measure_chunks(tables, own) for tables, own in days]


def whole_rating(folder: Path, out: Path) -> int:
    """Rate every part of the day, files and all; returns the rows."""
    job = RateJob(str(folder), str(out))
    return sum(rate_one(job, key) for key in part_keys(folder, DAY, DAY))


def cpu(function: Callable[[], Any]) -> tuple[float, Any]:
    """Best CPU seconds of some rounds, and what came out."""
    (best,), (result,) = in_turns([function], ROUNDS)
    return best, result


def in_turns(functions: Sequence[Callable[[], Any]], rounds: int) -> tuple[list[float], list[Any]]:
    """Best CPU seconds of each, all run once a round in turn, and what came out of the last."""
    best, results = [1e9] * len(functions), list[Any]([None] * len(functions))
    for _ in range(rounds):
        for number, function in enumerate(functions):
            seconds, results[number] = cpu_once(function)
            best[number] = min(best[number], seconds)
    return best, results


def compare(found: Result, folder: Path) -> int:
    """The peer's figures are ours; how many cells were compared."""
    terms = from_rulebook(read_rulebook(DAY))
    count = 0
    for key in part_keys(folder, DAY, DAY):
        reader = PartReader(folder, key)
        tables = day_tables(reader.dataset, DAY, terms)
        figures, _ = measure_chunks(tables, chunks(reader, tables))
        for maker, contract in np.argwhere(tables.active).tolist():
            place = (figures.makers[maker], figures.contracts[contract])
            part = participation(figures, maker, contract)
            if place not in found or part is None or tables.trade_at.size == 0:
                continue
            if int(figures.obliged[maker, contract]) != trading(tables, contract):
                continue  # a price at a limit or low: not restated in the peers
            good, quoted, ratio = found[place]
            assert int(good) == int(figures.compliant[maker, contract]), place
            own_ratio = spread_ratio(figures, maker, contract)
            assert own_ratio is not None
            assert abs(ratio / quoted - float(own_ratio)) < 1e-9, place
            count += 1
    assert count > 1_000, count
    return count


def trading(tables: Any, contract: int) -> int:
    """Trading time without breakers."""
    own = tables.phase[tables.phase_contract == contract]
    return sum(stop - start for start, stop in SESSIONS) - 180 * SECOND * int((own == 4).sum())


def peak(folder: Path) -> int:
    """MB that a process of its own needs to rate the day."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, __file__, PEAK, str(folder), out]
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def own_peak() -> int:
    """MB of this process at its highest."""
    # Not getrusage, whose highest includes what the parent had when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def versus(folder: Path) -> None:
    """One day, everybody."""
    ways = []
    for name, way in (("Polars", polars_way), ("pandas", pandas_way), ("DuckDB", duckdb_way)):
        try:
            ways.append((name, *way()))
        except ImportError:
            print(f"{name} is not installed")
    days, run = ours_in_memory(folder)
    measures: list[Callable[[], Any]] = [partial(run, days)]
    wholes: list[Callable[[], Any]] = [partial(rated_apart, folder)]
    for _, read, measure in ways:
        measures.append(partial(measure, read(folder)))
        wholes.append(partial(lambda read, measure: measure(read(folder)), read, measure))
    inner, found = in_turns(measures, MEMORY_ROUNDS)
    cells = [compare(one, folder) for one in found[1:]]
    measures.clear()
    whole, results = in_turns(wholes, ROUNDS)
    rows = results[0]
    lines = [
        [
            name,
            f"{inner[k] / rows * 1e9:.1f}",
            f"{inner[k] / inner[0]:.1f}",
            f"{whole[k] / rows * 1e9:.0f}",
            f"{whole[k] / whole[0]:.1f}",
        ]
        for k, name in enumerate(["ours", *(name for name, _, _ in ways)])
    ]
    head = ["", "in memory ns/row", "x ours", "from files ns/row", "x ours"]
    print(f"one day, {thousands(rows)} quote rows, CPU time of one thread, best of turns")
    print(table(head, lines))
    print(f"{thousands(min(cells, default=0))} cells equal with every one of them")


def rated_apart(folder: Path) -> int:
    """`whole_rating` into a folder that goes again."""
    with tempfile.TemporaryDirectory() as out:
        return whole_rating(folder, Path(out))


def growth(base: Path, updates: int) -> None:
    """Half, once and twice the quotes."""
    lines = []
    for count in (updates // 2, updates, 2 * updates):
        folder = base / str(count)
        plan = HistoryPlan(out=folder, days=1, updates=count, first=DAY, workers=1)
        made, result = cpu_once(lambda plan=plan: make_history(plan, lambda _: None))
        with tempfile.TemporaryDirectory() as out:
            rated, rows = cpu(lambda folder=folder, out=out: whole_rating(folder, Path(out)))
        assert rows == result["quote_rows"]
        size = sum(path.stat().st_size for path in quote_files(folder)) / rows
        lines.append(
            [
                thousands(rows),
                f"{made:.1f}",
                f"{rated:.1f}",
                f"{rows / rated / 1e6:.2f}",
                f"{size:.1f}",
                thousands(peak(folder)),
            ]
        )
    head = ["quote rows", "made s", "rated s", "M rows/s", "bytes/row", "peak MB"]
    print(table(head, lines, left=0))


def cpu_once(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of one run."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def main() -> None:
    """Both tables."""
    if sys.argv[1:2] == [PEAK]:
        whole_rating(Path(sys.argv[2]), Path(sys.argv[3]))
        print(own_peak())
        return
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as text:
        base = Path(text)
        plan = HistoryPlan(out=base / "day", days=1, updates=updates, first=DAY, workers=1)
        make_history(plan, lambda _: None)
        assert part_keys(base / "day", DAY, DAY)[0] == PartKey(DAY, CLASSES[0][0])
        versus(base / "day")
        growth(base, updates)


if __name__ == "__main__":
    main()
