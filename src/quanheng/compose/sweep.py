"""Parameter sweeps: every combination of values over tapes or simulated days, cell by cell.

A cell is one combination on one source under one bound. Cells run in a pool of processes; each
writes its own file when it is done, named by everything that decides its result, so an interrupted
sweep goes on where it stopped and another tree or configuration never takes over old cells.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from fractions import Fraction
from itertools import product
from pathlib import Path

import msgspec

from quanheng.compose.backtest import BacktestPlan, backtest
from quanheng.compose.backtest_command import Setting, with_settings
from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.report import ClassLine
from quanheng.compose.run_folder import source_hash, write_whole
from quanheng.config import config_hash
from quanheng.duties.exact import ratio_text
from quanheng.duties.grade import GRADES
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.edge.tape_files import open_tape
from quanheng.terms.units import Lots, Money

SIMULATED = "simulated"
"""The bound of a cell whose fills came from the simulated exchange: no bound at all."""

Source = BacktestPlan | DayPlan
Tell = Callable[[str], None]


class Duty(msgspec.Struct, frozen=True):
    """The obligation of one class in a cell; shares as exact decimal text, "" undefined."""

    underlying: str
    grade: str
    spread_ratio: str
    participation: str
    weighted: str
    covered: int
    obliged: int


class CellResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one cell came to. Empty `settings` are the configuration as it stands."""

    settings: tuple[Setting, ...]
    source: str
    bound: str
    digest: str
    net: Money
    gross: Money
    fees: Money
    edge: Money | None  # not measured on simulated days
    markouts: tuple[Money, ...]
    inventory: Lots
    messages: int
    duties: tuple[Duty, ...]
    broken: int  # invariants


class Cell(msgspec.Struct, frozen=True):
    """One cell before it ran: `plan` already has the settings."""

    settings: tuple[Setting, ...]
    source: str
    plan: Source
    identity: str  # of the source's data: the tape's hash, or scenario and seed

    @property
    def bound(self) -> str:
        """The bound of its fills."""
        return self.plan.fills if isinstance(self.plan, BacktestPlan) else SIMULATED

    @property
    def key(self) -> str:
        """Name of its file: a hash of everything that decides the result."""
        plan = self.plan
        if isinstance(plan, BacktestPlan):
            day, more = open_tape(plan.tape).day, f"{plan.feed} {plan.order}"
        else:
            day, more = plan.day, f"{plan.cadence} {plan.until}"
        book = read_rulebook(day, plan.agreement, plan.house).hash
        words = (self.identity, self.bound, config_hash(plan.config), book, source_hash(), more)
        return hashlib.sha256(repr(words).encode()).hexdigest()[:20]


def combinations(axes: Sequence[Sequence[Setting]]) -> list[tuple[Setting, ...]]:
    """The configuration as it stands, then every combination of one value of each axis."""
    return [(), *product(*axes)] if axes else [()]


def cells_of(
    sources: Sequence[tuple[str, str, Source]], axes: Sequence[Sequence[Setting]]
) -> list[Cell]:
    """Every cell of (name, identity, plan) sources and the axes, the base cells first."""
    return [
        Cell(
            settings,
            name,
            msgspec.structs.replace(plan, config=with_settings(plan.config, settings)),
            identity,
        )
        for settings in combinations(axes)
        for name, identity, plan in sources
    ]


def run_cells(
    cells: Sequence[Cell], folder: Path, workers: int, tell: Tell
) -> tuple[list[CellResult], int]:
    """Run what is not finished in `folder` yet; (results in the cells' order, taken over)."""
    place = folder / "cells"
    place.mkdir(parents=True, exist_ok=True)
    files = [place / f"{cell.key}.json" for cell in cells]
    waiting = [(cell, file) for cell, file in zip(cells, files, strict=True) if not _done(file)]
    resumed = len(cells) - len(waiting)
    began = time.perf_counter()

    def told(number: int, cell: Cell) -> None:
        chosen = " ".join(text(one) for one in cell.settings) or "-"
        spent = time.perf_counter() - began
        tell(f"{resumed + number}/{len(cells)} {cell.source} {cell.bound} {chosen} {spent:.0f} s")

    if workers <= 1:
        for number, (cell, file) in enumerate(waiting, 1):
            _run(cell, file)
            told(number, cell)
    else:
        with ProcessPoolExecutor(max_workers=workers) as pool:
            running = {pool.submit(_run, cell, file): cell for cell, file in waiting}
            for number, future in enumerate(as_completed(running), 1):
                future.result()
                told(number, running[future])
    return [msgspec.json.decode(file.read_bytes(), type=CellResult) for file in files], resumed


def text(setting: Setting) -> str:
    """name=value, with its scope unless that is everything."""
    scope, name, value = setting
    return f"{name}={value}" if scope == "*" else f"{scope}:{name}={value}"


def _done(file: Path) -> bool:
    try:
        msgspec.json.decode(file.read_bytes(), type=CellResult)
    except (OSError, msgspec.DecodeError):
        return False
    return True


def _run(cell: Cell, file: Path) -> None:
    """Run a cell and write its file (in a process of the pool)."""
    write_whole(file, msgspec.json.encode(run_cell(cell)))


def run_cell(cell: Cell) -> CellResult:
    """Run one cell here."""
    plan = cell.plan
    if isinstance(plan, DayPlan):
        return _simulated(cell, plan)
    result = backtest(plan)
    worth = result.worth
    return CellResult(
        settings=cell.settings,
        source=cell.source,
        bound=cell.bound,
        digest=result.digest,
        net=result.net,
        gross=worth.gross,
        fees=result.fees,
        edge=worth.edge,
        markouts=worth.markouts,
        inventory=worth.inventory,
        messages=result.quotes + result.cancels,
        duties=tuple(map(_duty, result.lines)),
        broken=sum(map(bool, result.invariants.values())),
    )


def _simulated(cell: Cell, plan: DayPlan) -> CellResult:
    world = World(plan)
    world.run()
    done = finish(world, 0.0)
    book = world.maker.state.book
    held = book.long_qty + book.short_qty + book.covered_qty
    net = sum(line.pnl for line in done.lines)
    return CellResult(
        settings=cell.settings,
        source=cell.source,
        bound=cell.bound,
        digest=done.digest,
        net=net,
        gross=net + book.fees,
        fees=book.fees,
        edge=None,
        markouts=(),
        inventory=int(held.sum()),
        messages=done.counts["requests"],
        duties=tuple(map(_duty, done.lines)),
        broken=sum(map(bool, done.invariants.values())),
    )


def _duty(line: ClassLine) -> Duty:
    return Duty(
        line.underlying,
        line.grade,
        _share(line.spread_ratio),
        _share(line.participation),
        _share(line.weighted),
        line.covered,
        line.obliged,
    )


def _share(share: Fraction | None) -> str:
    return "" if share is None else ratio_text(share)


def loses(result: CellResult, base: CellResult) -> bool:
    """True when a class is graded worse than by the configuration as it stands."""
    before = {duty.underlying: duty.grade for duty in base.duties}
    return any(
        GRADES.index(duty.grade) > GRADES.index(before[duty.underlying]) for duty in result.duties
    )
