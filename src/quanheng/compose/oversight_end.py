"""The overseer's end of a simulated day: last figures, tables, invariants, what crosses days.

reports/oversight_figures.csv (every scope and figure, last and worst), oversight_limits.csv,
oversight_cases.csv (every step of every case), oversight_levels.csv (differences between the two
levels), oversight_stress.csv and oversight_reverse.csv. Amounts are yuan with their four decimals.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from quanheng.compose.day import World
from quanheng.compose.oversight_day import notices_read
from quanheng.compose.oversight_wires import to_carry
from quanheng.compose.text import exact_yuan
from quanheng.exchange.layout import CASH, COVERED, FEES, LONG, SHORT
from quanheng.kernels.pack import unpack
from quanheng.oversight import claims, compare, stress
from quanheng.oversight.figures import COLUMNS, PLACE
from quanheng.oversight.incidents import describe
from quanheng.oversight.limits import BY_NAME, InForce, in_force, used
from quanheng.oversight.messages import CloseDay, Figures
from quanheng.oversight.state import State
from quanheng.runtime.envelope import RaiseAlert, Source
from quanheng.settlement.carry import Carry
from quanheng.terms.days import clock_text, day_of, iso
from quanheng.terms.units import MONEY_PER_YUAN, TICKS_PER_YUAN

FIGURES = ("scope", "figure", "unit", "last", "worst", "at")
LIMITS = (
    "scope", "limit", "words_zh", "unit", "value", "used", "percent", "version", "until",
    "expired", "basis", "by", "seconded_by",
)  # fmt: skip
CASES = (
    "case", "at", "event", "status", "scope", "limit", "words_zh", "unit", "value", "most", "due",
    "by", "text",
)  # fmt: skip
LEVELS = (
    "kind", "key", "desk", "own", "tolerance", "minutes", "first", "last", "status", "cause",
)  # fmt: skip
STRESS = ("scenario", *stress.OUTCOME_COLUMNS)
REVERSE = ("axis", "breaks", "percent", "looked_percent")

UNITS = {
    "long": (1, "contracts"),
    "short": (1, "contracts"),
    "covered": (1, "contracts"),
    "net": (1, "contracts"),
    "blind": (1, "contracts"),
    "stress_cell": (1, "cell"),
    "delta": (1_000_000_000, "yuan"),
    "gamma": (1_000_000_000, "yuan per 1 %"),
    "vega": (1_000_000_000, "yuan per vol point"),
    "theta": (1_000_000_000, "yuan per day"),
    "usage_ppm": (10_000, "percent"),
    "concentration_ppm": (10_000, "percent"),
    "days_ppm": (1_000_000, "days"),
}
"""Divisor and unit of the figures that are not Money."""
LEVEL_SCALE = (
    dict.fromkeys(("position", "unit", "last_day", "claim"), 1)
    | {"value": 1_000_000}
    | dict.fromkeys(("spot", "strike"), TICKS_PER_YUAN)
    | dict.fromkeys(("cash", "margin", "profit", "marks", "fees", "margin_unit"), MONEY_PER_YUAN)
)
REST_SCALE = 1_000_000_000


def close(world: World, made: Carry) -> Carry:
    """Tell the overseer that the day is over; the carry with what oversight hands on."""
    over = world.oversight
    host = world.simulation.hosts[over.machine.NAME]
    at = max(world.simulation.at, host.sequencer.at)
    said = list(host.take(CloseDay(), at, Source.RUNTIME))
    if made.notices:
        account = world.plan.config.member.account
        read = notices_read(made.notices, made.made_on, account)
        said += host.take(read, at, Source.RUNTIME)
    for effect in said:
        if isinstance(effect, RaiseAlert):
            world.alerts.append((at, over.machine.NAME, effect))
        else:
            over.watch(effect, at, 0)
    return msgspec.structs.replace(made, oversight=to_carry(over.machine.state))


def differences(world: World) -> dict[str, int]:
    """Violations: the overseer's books against the venue's and against the desk's. Two models may
    part; `quanheng oversee` says where.
    """
    state, venue = world.oversight.machine.state, world.venue.state
    books, account = state.account, venue.acct[0]
    assert books is not None, "the overseer was opened"
    wrong = (books.long != account[LONG]) | (books.short != account[SHORT])
    wrong |= books.covered != account[COVERED]
    fund = venue.fund[0]
    cash = books.cash + books.fees != fund[CASH] + fund[FEES]
    etf = world.etf.state
    units = 0
    if etf.open is not None and etf.open.members:
        before = np.array(etf.open.members[0].units)
        moved = books.units - books.opening_units
        units = int((moved != etf.units[0] - before).sum()) + int(books.aside != etf.cash[0])
    return {
        "oversight: positions differ from the venue's": int(wrong.sum()),
        "oversight: premium differs from the venue's": int(cash),
        "oversight: underlyings differ from their market's": units,
        "oversight: the books of the two levels differ": sum(
            key.split()[0] in claims.EXACT for key in compare.open_differences(state)
        ),
    }


def decimal(value: int, scale: int) -> str:
    """value / scale with at most four decimals, cut."""
    if scale == 1:
        return str(value)
    size = abs(value) * 10_000 // scale
    sign = "-" if value < 0 and size else ""
    return f"{sign}{size // 10_000}.{size % 10_000:04d}"


def write_tables(world: World, folder: Path) -> None:
    """Every table of this module."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: tuple[tuple[str, Sequence[str], Iterable[Sequence[object]]], ...] = (
        ("figures", FIGURES, _figures(world)),
        ("limits", LIMITS, _limits(world)),
        ("cases", CASES, _cases(world)),
        ("levels", LEVELS, _levels(world)),
        ("stress", STRESS, _stress(world)),
        ("reverse", REVERSE, _reverse(world)),
    )
    for name, heads, rows in tables:
        with (folder / f"oversight_{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(heads)
            writer.writerows(rows)


def _figures(world: World) -> Iterable[Sequence[object]]:
    state, watch = world.oversight.machine.state, world.oversight.watch
    for scope, row in state.figures.items():
        for name, value in zip(COLUMNS, row, strict=True):
            scale, unit = UNITS.get(name, (MONEY_PER_YUAN, "yuan"))
            worst, at = watch.worst.get((scope, PLACE[name]), (value, 0))
            when = clock_text(at) if at else ""
            yield scope, name, unit, decimal(value, scale), decimal(worst, scale), when


def _limits(world: World) -> Iterable[Sequence[object]]:
    state = world.oversight.machine.state
    assert state.opened is not None
    for row in in_force(state.opened.limits, state.at):
        yield _limit(row, state)


def _limit(row: InForce, state: State) -> Sequence[object]:
    record = row.limit.record
    measure = BY_NAME[record.name]
    value = used(measure, state.figures[record.scope])
    most = row.value * measure.factor
    percent = decimal(1_000_000 * value // most, 10_000) if most else ""
    until = iso(day_of(record.until)) if record.until else ""
    return (
        record.scope, record.name, measure.zh, measure.unit, row.value,
        decimal(value, measure.factor), percent, row.limit.version, until, int(row.expired),
        record.basis, record.by, record.seconded_by,
    )  # fmt: skip


def _cases(world: World) -> Iterable[Sequence[object]]:
    for at, said in world.oversight.watch.written:
        measure = describe(said.name)
        due = f"{iso(day_of(said.due))} {clock_text(said.due)}" if said.due else ""
        when = f"{iso(day_of(at))} {clock_text(at)}"
        yield (
            said.case, when, said.event, said.status, said.scope, said.name, measure.zh,
            measure.unit, decimal(said.value, measure.factor),
            decimal(said.limit, measure.factor), due, said.by, said.text,
        )  # fmt: skip


def _levels(world: World) -> Iterable[Sequence[object]]:
    state, watch = world.oversight.machine.state, world.oversight.watch
    still = compare.open_differences(state)
    for key, found in watch.levels.items():
        first, last, minutes, desk, own, tolerance, explained = found
        kind, _, what = key.partition(" ")
        scale = LEVEL_SCALE.get(kind, REST_SCALE)
        status = "open" if key in still else "explained" if explained else "over"
        figures = (decimal(value, scale) for value in (desk, own, tolerance))
        times = clock_text(first), clock_text(last)
        yield kind, what, *figures, minutes, *times, status, watch.causes.get(key, "")


def _rows(found: Figures | None) -> Iterable[tuple[str, list[int]]]:
    if found is not None:
        rows = unpack(found.rows, found.columns).tolist()
        yield from zip(found.names, rows, strict=True)


def _stress(world: World) -> Iterable[Sequence[object]]:
    for name, row in _rows(world.oversight.watch.last.get("stress")):
        yield name, *map(exact_yuan, row[:-1]), decimal(row[-1], 1_000_000)


def _reverse(world: World) -> Iterable[Sequence[object]]:
    for name, (move, most) in _rows(world.oversight.watch.last.get("reverse")):
        axis, _, breaks = name.partition(" ")
        yield axis, breaks, "" if move < 0 else decimal(move, 100), decimal(most, 100)
