"""The quoting strategies over the same light days: profit, mark-outs, duties, messages (I-19).

    python tools/study_strategies.py [--contracts 24] [--cadence 3s] [--days calm:1,trend:2,crash:3]
        [--strategies fixed,lean,glft,duty] [--report docs/studies/strategies.md]

Every day is drawn from the same seed for every strategy; what differs is the strategy and what
follows from it. The report depends on the code and the options alone.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from quanheng.compose.closing import DayResult, finish
from quanheng.compose.commands import cadence
from quanheng.compose.day import DayPlan, World
from quanheng.compose.scenarios import load
from quanheng.config import Config, ParameterConfig, read_config
from quanheng.kernels.desk.strategies.layout import NAMES
from quanheng.maker import ledger_state as s
from quanheng.maker.monitors import exposure
from quanheng.settlement.carry import Carry
from quanheng.terms.days import iso
from quanheng.terms.units import MONEY_PER_YUAN

HEADS = (
    "day", "strategy", "profit", "after 1 s", "after 10 s", "fills", "volume", "delta left",
    "vega left", "spread ratio", "participation", "weighted", "closing", "grades", "quotes",
    "cancels", "rejected", "residual / bound",
)  # fmt: skip


class Row(NamedTuple):
    """One strategy on one day, all classes together; money in yuan."""

    day: str
    strategy: str
    profit: int
    soon: int
    later: int
    fills: int
    volume: int
    delta: int
    vega: int
    spread_ratio: float
    participation: float
    weighted: float
    closing: str
    grades: str
    quotes: int
    cancels: int
    rejected: int
    residual: float  # unexplained profit over its bound, of the worst class


def chosen(config: Config, strategy: str) -> Config:
    """The shipped configuration with one strategy for everything."""
    setting = ParameterConfig("*", "strategy", NAMES.index(strategy))
    return msgspec.structs.replace(config, parameters=(*config.parameters, setting))


def _mean(values: Sequence[object]) -> float:
    numbers = [float(value) for value in values if value is not None]  # type: ignore[arg-type]
    return sum(numbers) / len(numbers) if numbers else float("nan")


def measured(name: str, strategy: str, world: World, result: DayResult) -> Row:
    """The figures of a finished day."""
    state, lines = world.maker.state, result.lines
    classes = world.reference.chain.classes
    fills = state.ledger.fills.sum(axis=0).tolist()
    left = [exposure(state, klass.start, klass.stop) for klass in classes]
    return Row(
        name,
        strategy,
        sum(line.pnl for line in lines) // MONEY_PER_YUAN,
        fills[s.MARK_OUT] // MONEY_PER_YUAN,
        fills[s.MARK_OUT + 1] // MONEY_PER_YUAN,
        fills[s.FILLS],
        sum(line.volume for line in lines),
        round(sum(abs(float(one[0])) for one in left)),
        round(sum(abs(float(one[1])) for one in left)),
        _mean([line.spread_ratio for line in lines]),
        _mean([line.participation for line in lines]),
        _mean([line.weighted for line in lines]),
        f"{sum(line.closing == 1 for line in lines)}/{len(lines)}",
        " ".join(line.grade for line in lines),
        state.audit.sent,
        state.audit.cancels,
        state.audit.rejected,
        max(abs(line.terms[s.RESIDUAL]) / line.bound for line in result.profits),
    )


def one_day(
    name: str, strategy: str, contracts: str, interval: str, opening: Carry | None = None
) -> tuple[Row, Carry]:
    """Run a day, named scenario:seed, with one strategy, after `opening` if there is a day before.
    RuntimeError when an invariant breaks.
    """
    scenario, _, seed = name.partition(":")
    config = chosen(read_config(), strategy)
    plan = DayPlan(
        scenario=load(scenario),
        config=config,
        seed=int(seed or 1),
        cadence=cadence(interval),
        pick=contracts,
        journal="digest",
        **({"day": opening.day, "opening": opening} if opening else {}),  # type: ignore[arg-type]
    )
    world = World(plan)
    world.run()
    result = finish(world, 0.0)
    if not result.ok:
        raise RuntimeError(f"{name} {strategy}: {result.invariants}")
    label = f"{iso(opening.day)} {name}" if opening else name
    return measured(label, strategy, world, result), result.carry


def season(names: list[str], strategy: str, contracts: str, interval: str) -> Iterator[Row]:
    """Consecutive days: positions, cash, listings and expiries carry over."""
    opening = None
    for name in names:
        row, opening = one_day(name, strategy, contracts, interval, opening)
        yield row


def totals(rows: list[Row]) -> list[str]:
    """A line per strategy: sums over the days, the worst of what must hold every day."""
    heads = ("strategy", "days", "profit", "after 1 s", "after 10 s", "volume", "per contract")
    heads += ("quotes", "cancels", "rejected", "least participation", "days and classes below A",
              "most residual / bound")  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for strategy in dict.fromkeys(row.strategy for row in rows):
        mine = [row for row in rows if row.strategy == strategy]
        profit, volume = sum(row.profit for row in mine), sum(row.volume for row in mine)
        below = sum(grade not in ("A", "AA") for row in mine for grade in row.grades.split())
        cells = [
            strategy, str(len(mine)), f"{profit:,}", f"{sum(row.soon for row in mine):,}",
            f"{sum(row.later for row in mine):,}", f"{volume:,}", f"{profit / max(volume, 1):.2f}",
            f"{sum(row.quotes for row in mine):,}", f"{sum(row.cancels for row in mine):,}",
            str(sum(row.rejected for row in mine)),
            f"{100 * min(row.participation for row in mine):.2f} %", str(below),
            f"{max(row.residual for row in mine):.2f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cells(row: Row) -> list[str]:
    shares = (row.spread_ratio, row.participation, row.weighted)
    return [
        row.day,
        row.strategy,
        *(f"{value:,}" for value in row[2:9]),
        *(f"{100 * value:.2f} %" for value in shares),
        row.closing,
        row.grades,
        f"{row.quotes:,}",
        f"{row.cancels:,}",
        str(row.rejected),
        f"{row.residual:.2f}",
    ]


def report(rows: list[Row], contracts: str, interval: str) -> str:
    """The page."""
    lines = [
        "# The quoting strategies on the same days",
        "",
        "Made by `tools/study_strategies.py`; do not edit. Requirements: I-08, I-17, I-19.",
        "",
        f"Light days of {contracts} contracts with a snapshot every {interval}; the days are named",
        "scenario:seed and equal for every strategy. Profit is realised and open profit at the",
        "last theory less fees, without any hedge; mark-outs are theory less price after 1 and 10",
        "seconds (or the next update); delta left is yuan per 1 %, vega left yuan per vol point,",
        "absolute values added over the classes. Ratios are means of the classes; grades are the",
        "one-day trials in the order of the chain. A day with a date begins with what the one",
        "before left.",
        "",
        "| " + " | ".join(HEADS) + " |",
        "|---|---" + "|---:" * (len(HEADS) - 2) + "|",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
        "",
        "Over all days:",
        "",
        *totals(rows),
        "",
    ]
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Run what was asked for and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contracts", default="24")
    parser.add_argument("--cadence", default="3s")
    parser.add_argument("--days", default="calm:1,trend:2,crash:3")
    parser.add_argument("--strategies", default=",".join(NAMES[1:]))
    parser.add_argument("--season", action="store_true", help="the days follow one another")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args(words)
    rows = []
    names, given = asked.days.split(","), (asked.contracts, asked.cadence)
    for strategy in asked.strategies.split(","):
        found = (
            season(names, strategy, *given)
            if asked.season
            else (one_day(name, strategy, *given)[0] for name in names)
        )
        for row in found:
            rows.append(row)
            print(" | ".join(_cells(row)), file=sys.stderr, flush=True)
    page = report(rows, asked.contracts, asked.cadence)
    if asked.report:
        asked.report.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
