"""The simulated market held against the real one: volumes, who trades, what fills are worth later.

    .venv/bin/python tools/crowd_study.py [--scenario calm] [--seeds 1,2,3] [--full | --contracts N]
        [--until 10:00]

Prints the tables of docs/studies/crowd.md. Fair value is the crowd's own, on its hidden surface; a
mark-out is what a fill is worth against it some seconds later, in yuan per contract for whoever is
named. Light days (nearest expiry, 3 s snapshots) unless --full is given.
"""

import argparse
import time
from collections.abc import Sequence

import numpy as np

from quanheng.compose.closing import DayResult, finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.report import day_table
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.exchange import crowd_layout as cl
from quanheng.exchange import layout as lay
from quanheng.exchange import profile
from quanheng.rulebook.phases import SESSION, session_nanos, trading_left
from quanheng.terms.days import from_clock
from quanheng.terms.market import ChainTick
from quanheng.terms.units import MILLISECOND, SECOND

HORIZONS = (0, 1, 10, 60)
SLOT, AT, PRICE, QTY, BUYER, SELLER, BUY_AT, SELL_AT = range(8)


class Watch:
    """The crowd's fair values at every snapshot, per class."""

    def __init__(self, world: World) -> None:
        self.world = world
        classes = world.reference.chain.classes
        self.stamps: list[list[int]] = [[] for _ in classes]
        self.fair: list[list[np.ndarray]] = [[] for _ in classes]

    def __call__(self, tick: ChainTick, at: int, cause: int) -> None:
        """A snapshot left the venue: note what its contracts are worth now."""
        crowd = self.world.venue.state.crowd
        klass = self.world.reference.chain.classes[tick.klass]
        self.stamps[tick.klass].append(tick.at)
        part = crowd.fair[klass.start : klass.stop, cl.F_FAIR]
        self.fair[tick.klass].append(part.astype(np.float32))

    def worth(self, trades: np.ndarray, seconds: int) -> np.ndarray:
        """Fair value of each trade's contract that many seconds after it, in ticks."""
        out = np.zeros(len(trades))
        for number, klass in enumerate(self.world.reference.chain.classes):
            mine = (trades[:, SLOT] >= klass.start) & (trades[:, SLOT] < klass.stop)
            stamps = np.array(self.stamps[number])
            table = np.array(self.fair[number])
            when = np.searchsorted(stamps, trades[mine, AT] + seconds * SECOND)
            when = np.minimum(when, len(stamps) - 1)
            out[mine] = table[when, trades[mine, SLOT] - klass.start]
        return out


def simulate(
    scenario: str, seed: int, full: bool, contracts: str, until: str
) -> tuple[World, Watch, DayResult]:
    """One day with its fair values watched."""
    plan = DayPlan(
        scenario=load(scenario),
        config=read_config(),
        seed=seed,
        cadence=(500 if full else 3_000) * MILLISECOND,
        pick="" if full else contracts,
        until=until,
    )
    world = World(plan)
    watch = Watch(world)
    world.simulation.sink("venue", [ChainTick], watch)
    began = time.process_time()
    world.run()
    return world, watch, finish(world, time.process_time() - began)


def show(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def names_of(world: World) -> dict[int, str]:
    """Participants by their number in the trade table."""
    opened = world.venue.state.open
    makers = [member.maker for member in opened.members]
    makers += [maker.name for maker in opened.scenario.makers]
    return dict(enumerate(makers)) | {-1 - kind: name for kind, name in enumerate(lay.PUBLIC)}


def volumes(world: World, day: DayResult, trades: np.ndarray) -> None:
    """Contracts per class against the real day's, and our part of them."""
    rows = []
    targets = dict(world.venue.state.open.scenario.volume)
    until = world.plan.until
    passed = SESSION - trading_left(from_clock(until or "15:00"))
    part = profile.planned(passed / session_nanos(world.book))
    for klass, line in zip(world.reference.chain.classes, day.lines, strict=True):
        mine = (trades[:, SLOT] >= klass.start) & (trades[:, SLOT] < klass.stop)
        volume = int(trades[mine, QTY].sum())
        target = int(targets[klass.underlying] * part)
        ours = line.volume / max(volume, 1)
        rows.append(
            (
                klass.underlying,
                f"{target:,}",
                f"{volume:,}",
                f"{100 * (volume / max(target, 1) - 1):+.1f} %",
                f"{100 * ours:.1f} %",
                f"{line.pnl // 10_000:,}",
                f"{line.pnl / 10_000 / max(line.volume, 1):.2f}",
                line.grade,
            )
        )
    head = ("class", "wanted", "traded", "off", "our share", "our P&L, yuan", "a contract", "grade")
    show(head, rows)


def participants(world: World, trades: np.ndarray, watch: Watch) -> None:
    """Who trades how much, at what edge against fair now and later (per contract, yuan)."""
    names = names_of(world)
    unit = np.array([row.unit for row in world.reference.chain.contracts])[trades[:, SLOT]]
    total = trades[:, QTY].sum()
    edges = [watch.worth(trades, after) - trades[:, PRICE] for after in HORIZONS]
    rows = []
    for number, name in names.items():
        cells: list[object] = [name]
        bought, sold = trades[:, BUYER] == number, trades[:, SELLER] == number
        qty = trades[:, QTY] * bought + trades[:, QTY] * sold
        active = trades[:, BUY_AT] > trades[:, SELL_AT]
        took = (bought & active) | (sold & ~active)
        cells.append(f"{100 * qty.sum() / (2 * total):.1f} %")
        cells.append(f"{100 * qty[took].sum() / max(qty.sum(), 1):.0f} %")
        sign = bought.astype(float) - sold
        for edge in edges:
            gain = (sign * edge * trades[:, QTY] * unit).sum() / 10_000
            cells.append(f"{gain / max(qty.sum(), 1):+.2f}")
        rows.append(cells)
    show(("participant", "sides", "taken", *(f"{after} s" for after in HORIZONS)), rows)


def counterparties(world: World, trades: np.ndarray, watch: Watch) -> None:
    """Our fills by who was on the other side."""
    unit = np.array([row.unit for row in world.reference.chain.contracts])[trades[:, SLOT]]
    edges = [watch.worth(trades, after) - trades[:, PRICE] for after in HORIZONS]
    rows = []
    for number, name in names_of(world).items():
        bought = (trades[:, BUYER] == 0) & (trades[:, SELLER] == number)
        sold = (trades[:, SELLER] == 0) & (trades[:, BUYER] == number)
        qty = trades[:, QTY] * (bought | sold)
        if not qty.sum():
            continue
        sign = bought.astype(float) - sold
        gains = [(sign * e * trades[:, QTY] * unit).sum() / 10_000 / qty.sum() for e in edges]
        rows.append((name, f"{qty.sum():,}", *(f"{gain:+.2f}" for gain in gains)))
    show(("our fills with", "contracts", *(f"{after} s" for after in HORIZONS)), rows)


def spreads(world: World, trades: np.ndarray, watch: Watch) -> None:
    """Effective spread per class, in ticks and of the price, weighted by contracts."""
    far = 2.0 * np.abs(watch.worth(trades, 0) - trades[:, PRICE])
    rows = []
    for klass in world.reference.chain.classes:
        mine = (trades[:, SLOT] >= klass.start) & (trades[:, SLOT] < klass.stop)
        qty, price = trades[mine, QTY], trades[mine, PRICE]
        paid, value = (far[mine] * qty).sum(), (price * qty).sum()
        rows.append(
            (
                klass.underlying,
                f"{value / qty.sum():.0f}",
                f"{paid / qty.sum():.1f}",
                f"{100 * paid / value:.2f} %",
            )
        )
    show(("class", "mean price, ticks", "effective spread, ticks", "of the price"), rows)


def shares(world: World, trades: np.ndarray) -> None:
    """Volume by expiry and by place, against what `exchange.profile` states."""
    chain, state = world.reference.chain, world.venue.state
    retail = state.open.scenario.retail / 1_000_000
    stated = [retail * a + (1 - retail) * b for a, b in zip(profile.RETAIL, profile.INSTITUTION,
              strict=True)]  # fmt: skip
    rows = []
    for klass in chain.classes:
        mine = trades[(trades[:, SLOT] >= klass.start) & (trades[:, SLOT] < klass.stop)]
        total = max(int(mine[:, QTY].sum()), 1)
        lasts = np.array([row.last_day for row in chain.contracts])[mine[:, SLOT]]
        days = sorted({row.last_day for row in chain.contracts[klass.start : klass.stop]})
        ranks = profile.rank_shares(days)
        for day, rank in zip(days, ranks, strict=True):
            part = 100 * mine[lasts == day, QTY].sum() / total
            rows.append(
                (klass.underlying, day, f"{100 * rank / sum(ranks):.0f} %", f"{part:.1f} %")
            )
        places = state.crowd.fair[mine[:, SLOT], cl.F_PLACE]
        for place, (name, share) in enumerate(zip(profile.PLACES, stated, strict=True)):
            part = 100 * mine[places == place, QTY].sum() / total
            rows.append((klass.underlying, name, f"{100 * share:.0f} %", f"{part:.1f} %"))
    show(("class", "expiry or place at the close", "stated", "traded"), rows)


def main() -> None:
    """Run the seeds and print what came of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="calm")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--contracts", default="near")
    parser.add_argument("--until", default="", help="HH:MM of the morning; wanted is cut as well")
    asked = parser.parse_args()
    for seed in (int(text) for text in asked.seeds.split(",")):
        world, watch, day = simulate(asked.scenario, seed, asked.full, asked.contracts, asked.until)
        trades = world.collector.rows("trades")
        print(f"### {asked.scenario}, seed {seed}: {day.seconds:.1f} s, {len(trades):,} trades\n")
        print(day_table(world.plan.day, asked.scenario, seed, day.lines, "zh"), "\n")
        print({name: f"{count:,}" for name, count in day.counts.items()}, "\n")
        broken = {name: count for name, count in day.invariants.items() if count}
        print(f"Broken invariants: {broken or 'none'}.\n")
        volumes(world, day, trades)
        participants(world, trades, watch)
        counterparties(world, trades, watch)
        spreads(world, trades, watch)
        shares(world, trades)


if __name__ == "__main__":
    main()
