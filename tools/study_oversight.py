"""Faults in the desk's machine, and when the firm's overseer names them (R-02, 附件2).

    python tools/study_oversight.py [--report FILE] [--only NAME] [--clean DAYS] [--keep FOLDER]

Each fault is put into a light day of its own: into what the desk is opened with, into its books at
10:30, or again and again from 10:30 on. The overseer is left alone. Found is the first instant at
which it tells people that the two levels differ. `--clean DAYS` runs so many days that follow one
another without a fault, and counts what is told then; with `--keep` a run that was cut off goes on
from the days that a folder has, all of one version.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from quanheng.books.positions import Book
from quanheng.compose.closing import finish
from quanheng.compose.commands import cadence
from quanheng.compose.day import DayPlan, World
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.edge import oversight_lines
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.pack import pack, unpack
from quanheng.maker.ledger_views import GREEK_COLUMNS, LEDGER_COLUMNS
from quanheng.maker.messages import MakerOpen, Notify
from quanheng.maker.monitors import BOOK_COLUMNS
from quanheng.oversight.compare import open_differences
from quanheng.oversight.messages import DeskFigures
from quanheng.oversight.overseer import Overseer
from quanheng.rulebook import calendar
from quanheng.runtime.sim import Simulation
from quanheng.settlement.carry import Carry, decode, encode
from quanheng.terms.codes import Alert
from quanheng.terms.contract import Contract
from quanheng.terms.days import clock_text, from_clock, iso, midnight
from quanheng.terms.market import UnderlyingTicks
from quanheng.terms.units import MINUTE, SECOND, Nanos

FIRST, AT, UNTIL = "09:10", "10:30", "11:00"
SCENARIOS = ("calm", "trend", "gap", "crash", "outage", "limit-up", "breaker", "halt")


class Fault(NamedTuple):
    """One fault: what the desk is opened with, what happens to its books once, what it says of
    itself from then on, or market data that it does not get.
    """

    words: str
    opening: Callable[[MakerOpen], MakerOpen] | None = None
    once: Callable[[World], None] | None = None
    view: Callable[[Notify], Notify] | None = None
    blind: bool = False
    scenario: str = "trend"
    contracts: str = "24"


class Found(NamedTuple):
    """When and as what a fault was named; `told` is empty when it was not."""

    words: str
    since: Nanos
    told: Nanos
    what: str


class Faulty(World):
    """A world whose desk alone has a fault."""

    def __init__(self, plan: DayPlan, fault: Fault) -> None:
        self.fault = fault
        super().__init__(plan)

    def _draw(self) -> Simulation:
        if self.fault.blind:
            whole, since = self.feed.carry, self.midnight + from_clock(AT)

            def carry(effect: Any, at: Nanos) -> Any:
                late = isinstance(effect, UnderlyingTicks) and at >= since
                return [] if late else whole(effect, at)

            self.feed.carry = carry  # type: ignore[method-assign]
        return super()._draw()

    def _post(self) -> None:
        twist = self.fault.opening
        if twist is not None:
            made = twist(self.openings.maker())
            self.openings.maker = lambda: made  # type: ignore[method-assign]
        super()._post()


class Liar(oversight_lines.DeskLine):
    """The desk's line to the overseer, with what the desk says changed on the way."""

    fault: ClassVar[Fault | None] = None
    since: ClassVar[Nanos] = 0

    def carry(self, effect: Notify, at: Nanos) -> Sequence[DeskFigures]:
        """See the base."""
        fault = self.fault
        if fault is not None and fault.view is not None and at >= self.since:
            effect = fault.view(effect)
        return super().carry(effect, at)


def _chain(twist: Callable[[Contract], Contract]) -> Callable[[MakerOpen], MakerOpen]:
    def opening(made: MakerOpen) -> MakerOpen:
        rows = tuple(map(twist, made.chain.contracts))
        chain = msgspec.structs.replace(made.chain, contracts=rows)
        return msgspec.structs.replace(made, chain=chain)

    return opening


def _set(**changes: Any) -> Callable[[MakerOpen], MakerOpen]:
    """A field of the call nearest to the money in the first class, wrong."""

    def opening(made: MakerOpen) -> MakerOpen:
        calls = [row for row in made.chain.contracts[: made.chain.classes[0].stop] if row.is_call]
        near = min(calls, key=lambda row: abs(row.strike - row.underlying_close))
        value = {name: change(getattr(near, name)) for name, change in changes.items()}
        return _chain(
            lambda row: msgspec.structs.replace(row, **value) if row.code == near.code else row
        )(made)

    return opening


def _unadjusted(row: Contract) -> Contract:
    """A contract as it stood before its dividend."""
    if not row.adjusted:
        return row
    return msgspec.structs.replace(row, unit=10_000, strike=row.strike * row.unit // 10_000)


def _later(row: Contract) -> Contract:
    days = row.last_day, row.exercise_day
    last, exercise = (later(calendar.next_trading, day) for day in days)
    return msgspec.structs.replace(row, last_day=last, exercise_day=exercise)


def _margins(row: Contract) -> Contract:
    return msgspec.structs.replace(row, margin_unit=row.margin_unit * 10 // 12)


def _desk(*rows: tuple[str, int]) -> Callable[[MakerOpen], MakerOpen]:
    """Settings for everything."""
    return lambda made: msgspec.structs.replace(
        made, parameters=(*made.parameters, *(("*", name, value) for name, value in rows))
    )


def _book(change: Callable[[Book, int], None]) -> Callable[[World], None]:
    """A change of the maker's book at the contract with the largest position."""

    def once(world: World) -> None:
        book = world.maker.state.book
        change(book, int(np.argmax(book.long_qty + book.short_qty)))

    return once


def _moved(contracts: int) -> Callable[[Book, int], None]:
    def change(book: Book, slot: int) -> None:
        side = book.long_qty if book.long_qty[slot] else book.short_qty
        side[slot] += contracts

    return change


def _swapped(book: Book, slot: int) -> None:
    long, short = int(book.long_qty[slot]), int(book.short_qty[slot])
    book.long_qty[slot], book.short_qty[slot] = short, long


def _cash(book: Book, slot: int) -> None:
    book.cash += 123_400


def _scaled(topic: str, columns: Sequence[str], name: str, factor: float) -> Any:
    """A column of a view, times a factor."""

    def view(said: Notify) -> Notify:
        if said.topic != topic:
            return said
        rows = unpack(said.rows, said.columns).copy()
        place = columns.index(name)
        rows[:, place] = np.rint(rows[:, place] * factor)
        return msgspec.structs.replace(said, rows=pack(rows))

    return view


def _greek(name: str, factor: float) -> Any:
    return _scaled("greeks", GREEK_COLUMNS, name, factor)


FAULTS = {
    "missed-fill": Fault("a fill of one contract is missing in the desk's book",
                         once=_book(_moved(-1))),
    "double-fill": Fault("a fill of one contract is counted twice", once=_book(_moved(1))),
    "wrong-side": Fault("bought and sold are exchanged in one contract", once=_book(_swapped)),
    "cash": Fault("12.34 yuan too much cash", once=_book(_cash)),
    "multiplier": Fault("a contract of 10,000 units is 10,160 at the desk",
                        _set(unit=lambda _: 10_160)),
    "unadjusted": Fault(
        "the adjusted contracts of 510500 have the strikes and units of before their dividend",
        _chain(_unadjusted), contracts="",
    ),
    "strike": Fault("a strike is one step too high", _set(strike=lambda strike: strike + 500)),
    "expiry": Fault("every contract lasts ten trading days longer", _chain(_later)),
    "margin": Fault("margins of the shorts are a sixth too low", _chain(_margins)),
    "fees": Fault("no fees are counted", view=_scaled("ledger", LEDGER_COLUMNS, "fees", 0)),
    "vol-offset": Fault("a trader's offset of 5 vol points stands", _desk(("vol_shift", 50_000))),
    "stale-vol": Fault(
        "the curve follows the market by a hundredth, in a crash",
        _desk(("fit_gain", 100), ("residual_share", 0)), scenario="crash",
    ),
    "stale-spot": Fault("no underlying prices after 10:30", blind=True),
    "delta-sign": Fault("delta with the wrong sign", view=_greek("delta", -1)),
    "gamma-unit": Fault("gamma per unit instead of per cent", view=_greek("gamma", 100)),
    "vega-unit": Fault("vega per unit of vol instead of per point", view=_greek("vega", 100)),
    "theta-unit": Fault("theta a year instead of a day", view=_greek("theta", 243)),
    "profit": Fault("profit counted twice", view=_scaled("ledger", LEDGER_COLUMNS, "total", 2)),
    "margin-view": Fault(
        "the margin that is shown is a tenth too low",
        view=_scaled("book", BOOK_COLUMNS, "margin", 0.9),
    ),
}  # fmt: skip


def later(step: Callable[[Any, int], int], day: int) -> int:
    """Ten trading days on."""
    book = read_rulebook(FIRST_DAY)
    for _ in range(10):
        day = step(book.calendar, day)
    return day


def seen(name: str, fault: Fault) -> Found:
    """Run a fault's day until it is named, or until 11:00."""
    plan = DayPlan(
        scenario=load(fault.scenario), config=read_config(), seed=3, pick=fault.contracts,
        cadence=cadence("15s"), until=UNTIL,
    )  # fmt: skip
    start = from_clock(AT)
    Liar.fault, Liar.since = fault, midnight(plan.day) + start
    world = Faulty(plan, fault)
    since = world.midnight + (from_clock(FIRST) if fault.opening is not None else start)
    world.simulation.run(since)
    if fault.once is not None:
        fault.once(world)
    for minute in range(since, world.midnight + from_clock(UNTIL), MINUTE):
        world.simulation.run(minute + MINUTE)
        for at, machine, said in world.alerts:
            if machine == Overseer.NAME and said.code == Alert.LEVELS_DIFFER and at >= since:
                return Found(fault.words, since, at, f"{said.args[0]} {said.scope}")
    return Found(fault.words, since, 0, "")


class Day(NamedTuple):
    """A day without a fault."""

    day: int
    scenario: str
    comparisons: int
    beyond: int
    told: list[str]
    left: list[str]
    explained: list[str]


def kept(folder: Path | None, number: int) -> tuple[Day, Carry] | None:
    """A day that an earlier run has done."""
    if folder is None or not (place := folder / f"{number:03d}.json").exists():
        return None
    found = msgspec.json.decode(place.read_bytes(), type=Day)
    return found, decode(place.with_suffix(".msgpack").read_bytes(), str(place))


def clean(days: int, folder: Path | None) -> Iterator[Day]:
    """Days that follow one another; nothing should be told."""
    opening, events, day = None, (), FIRST_DAY
    Liar.fault = None
    for number in range(days):
        done = kept(folder, number)
        if done is not None:
            opening, day = done[1], done[1].day
            yield done[0]
            continue
        scenario = SCENARIOS[number % len(SCENARIOS)]
        plan = DayPlan(
            scenario=load(scenario), config=read_config(), seed=number + 1, pick="24", day=day,
            cadence=cadence("15s"), opening=opening, events=events,
        )  # fmt: skip
        world = World(plan)
        world.run()
        result = finish(world, 0.0)
        told = [
            f"{said.args[0]} {said.scope}"
            for _, machine, said in world.alerts
            if machine == Overseer.NAME and said.code == Alert.LEVELS_DIFFER
        ]
        watch, state = world.oversight.watch, world.oversight.machine.state
        causes = [f"{key}: {why}" for key, why in watch.causes.items() if why]
        left = open_differences(state)
        found = Day(day, scenario, watch.runs, len(watch.levels), told, left, causes)
        opening, day = result.carry, result.carry.day
        if folder is not None:
            place = folder / f"{number:03d}.json"
            place.with_suffix(".msgpack").write_bytes(encode(result.carry))
            place.write_bytes(msgspec.json.encode(found))
        yield found


def report(found: dict[str, Found], days: list[Day]) -> str:
    """The page."""
    lines = [
        "# Faults in the desk's machine, and when the overseer names them",
        "",
        "Made by `tools/study_oversight.py`; do not edit. Requirement: R-02, appendix 2 二.",
        "",
        "Each row is a light day of its own (24 contracts, a snapshot every 15 s; seed 3) with one",
        "fault in the desk alone, from its opening or from 10:30 on. The overseer compares once a",
        "minute and tells people of a difference the third time, of reference data the first.",
        "",
        "| fault | from | named at | after | as |",
        "|---|---|---|---:|---|",
    ]
    for one in found.values():
        when = ("not", "not")
        if one.told:
            when = clock_text(one.told), f"{(one.told - one.since) // SECOND} s"
        lines.append(
            f"| {one.words} | {clock_text(one.since)} | {when[0]} | {when[1]} | {one.what} |"
        )
    lines += ["", f"{sum(one.told > 0 for one in found.values())} of {len(found)} were named.", ""]
    if days:
        lines += [
            f"## {len(days)} days without a fault",
            "",
            "Days that follow one another, in turn through the scenarios. Beyond: figures that",
            "were further apart than allowed at some minute. Explained: those with a cause that",
            "the overseer saw (`docs/oversight.md`). Told: differences that lasted three minutes",
            "without one. Open: those that stood at the day's end.",
            "",
            "| day | scenario | comparisons | beyond | explained | told | open |",
            "|---|---|---:|---:|---:|---|---|",
            *(
                f"| {iso(one.day)} | {one.scenario} | {one.comparisons} | {one.beyond} | "
                f"{len(one.explained)} | {', '.join(one.told) or '-'} | "
                f"{', '.join(one.left) or '-'} |"
                for one in days
            ),
            "",
            f"{sum(one.comparisons for one in days)} comparisons; told of "
            f"{sum(len(one.told) for one in days)} differences, "
            f"{sum(len(one.left) for one in days)} open at a day's end.",
            "",
        ]
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Run what was asked for; print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--clean", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args(words)
    oversight_lines.DeskLine = Liar  # type: ignore[misc]
    found, only = {}, asked.only.split(",")
    for name, fault in FAULTS.items():
        if not asked.only or name in only:
            found[name] = seen(name, fault)
            print(name, found[name], flush=True)
    days = []
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    for one in clean(asked.clean, asked.keep):
        days.append(one)
        print(one, flush=True)
    page = report(found, days)
    if asked.report:
        asked.report.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
