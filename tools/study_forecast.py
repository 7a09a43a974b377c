"""How far the cockpit's chances of a month's grade can be trusted: docs/studies/forecast.md.

    python tools/study_forecast.py [--months 200]

Makes months of duty figures of one maker in one class (no quotes: the figures of each half day are
drawn), asks the forecast at noon and at the close of every day as the cockpit asks it, and grades
the finished month by the rules of evaluation. Three kinds of makers: whose days are independent,
who have spells of bad days in a market with calm and wild weeks, and who change for good every two
months or so. Writes the page's tables to standard output and the curve to
docs/pictures/forecast.svg; the same seed gives the same bytes.
"""

import argparse
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from random import Random

import msgspec
import numpy as np

from quanheng.compose.text import table
from quanheng.duties import forecast
from quanheng.duties.class_day import ClassDay
from quanheng.duties.forecast_grades import day_row
from quanheng.duties.forecast_score import Said, brier, curve, off
from quanheng.duties.grade import Adjustments, Scale
from quanheng.duties.period import PRIMARY, rate_period
from quanheng.duties.scale import scale_of
from quanheng.edge.rulebook_files import read_rulebook

DAY = 20240627
DAYS = 21
PICTURE = Path(__file__).parents[1] / "docs/pictures/forecast.svg"
PATHS = 1024
"""Months drawn for a forecast here; the cockpit draws more."""
NOON = 4
"""At noon the forecast is asked one day in so many."""


class Half(msgspec.Struct, frozen=True):
    """Figures of half a day: ratios in per mille, counts, volumes of the maker and the others."""

    part: int
    spread: int
    events: int
    joined: int
    asked: int
    answered: int
    volume: int
    others: int


class Drawn(msgspec.Struct, frozen=True):
    """A day: its halves, whether its auctions were joined by enough contracts."""

    morning: Half
    afternoon: Half
    opening: int
    closing: int


class Maker(msgspec.Struct):
    """A maker and the state that its days depend on."""

    part: float
    spread: float
    share: float
    careful: float
    bad: bool = False
    wild: float = 0.0


def a_maker(random: Random) -> Maker:
    """One near the edges of the grades."""
    return Maker(
        random.uniform(0.68, 0.97),
        random.uniform(0.42, 0.75),
        random.uniform(0.45, 1.45),
        random.uniform(0.93, 0.995),
    )


def a_day(random: Random, maker: Maker) -> Drawn:
    """A day of the maker as it is now."""
    bad = 0.35 if maker.bad else 0.0
    level = random.gauss(0, 0.05)

    def half() -> Half:
        part = min(max(maker.part - bad + level + random.gauss(0, 0.05), 0.0), 1.0)
        spread = max(maker.spread + 0.12 * maker.wild + random.gauss(0, 0.05), 0.05)
        asked, events = random.randrange(4), int(random.random() < 0.08)
        answered = sum(random.random() < maker.careful - bad for _ in range(asked))
        others = int(500 * np.exp(0.4 * maker.wild + random.gauss(0, 0.25)))
        volume = int(others * maker.share * np.exp(random.gauss(0, 0.25)) * (1 - bad))
        joined = events * int(random.random() < maker.careful)
        return Half(
            int(1000 * part), int(1000 * spread), events, joined, asked, answered, volume, others
        )

    sure = maker.careful - bad
    return Drawn(half(), half(), int(random.random() < sure), int(random.random() < sure))


def independent(random: Random) -> Iterator[Drawn]:
    """Days that have nothing to do with each other."""
    maker = a_maker(random)
    while True:
        yield a_day(random, maker)


def spells(random: Random) -> Iterator[Drawn]:
    """A bad spell begins one day in 25 and lasts four days on average; calm and wild weeks."""
    maker = a_maker(random)
    while True:
        maker.bad = random.random() < (0.75 if maker.bad else 0.04)
        maker.wild = 0.9 * maker.wild + random.gauss(0, 0.3)
        yield a_day(random, maker)


def changes(random: Random) -> Iterator[Drawn]:
    """As `spells`, and one day in 40 the maker becomes another one."""
    maker = a_maker(random)
    while True:
        if random.random() < 1 / 40:
            bad, wild = maker.bad, maker.wild
            maker = a_maker(random)
            maker.bad, maker.wild = bad, wild
        maker.bad = random.random() < (0.75 if maker.bad else 0.04)
        maker.wild = 0.9 * maker.wild + random.gauss(0, 0.3)
        yield a_day(random, maker)


WORLDS: dict[str, Callable[[Random], Iterator[Drawn]]] = {
    "independent": independent,
    "spells": spells,
    "changes": changes,
}


def so_far(number: int, day: Drawn, noon: bool) -> tuple[ClassDay, int]:
    """A day's row at noon or at the close, and the other maker's volume."""
    halves = [day.morning] if noon else [day.morning, day.afternoon]

    def mean(name: str) -> Fraction:
        return Fraction(sum(getattr(one, name) for one in halves), 1000 * len(halves))

    def total(name: str) -> int:
        return sum(getattr(one, name) for one in halves)

    row = ClassDay(
        day=20240601 + number,
        maker="M0",
        underlying="510050",
        contracts=10,
        covered=10,
        coverage=Fraction(1),
        spread_ratio=mean("spread"),
        participation=mean("part"),
        opening_effective=day.opening,
        closing_effective=None if noon else day.closing,
        volatility_auctions=total("events"),
        volatility_joined=total("joined"),
        inquiries=total("asked"),
        answered=total("answered"),
        volume=total("volume"),
    )
    return row, total("others")


def line(number: int, day: Drawn, noon: bool = False) -> list[int]:
    """The same as the forecast's line of integers."""
    row, others = so_far(number, day, noon)
    return day_row(row, [others])


def final(days: list[Drawn], scale: Scale) -> str:
    """The grade of the finished month, by the rules of evaluation."""
    rows = []
    for number, day in enumerate(days):
        row, others = so_far(number, day, noon=False)
        other = msgspec.structs.replace(row, maker="M1", volume=others)
        rows += [(PRIMARY, row), (PRIMARY, other)]
    found = rate_period(20240601, 20240630, rows, scale, {})
    return next(one.grade for one in found if one.maker == "M0")


def asked(world: str, months: int, scale: Scale, method: forecast.Method) -> Said:
    """Every forecast of so many months, each after sixty days of another maker's past."""
    said: list[tuple[int, str, dict[str, int]]] = []
    for month in range(months):
        random = Random(f"{world}/{month}")
        stream = WORLDS[world](random)
        past = [line(number, next(stream)) for number in range(forecast.BASIS)]
        days = [next(stream) for _ in range(DAYS)]
        end = final(days, scale)
        known: list[list[int]] = []
        for number, day in enumerate(days):
            ahead = DAYS - number - 1
            for noon in (True, False):
                if (noon and number % NOON) or not (noon or ahead):
                    continue  # or the month is over
                gone = Fraction(1, 2) if noon else Fraction(1)
                found = forecast.month(
                    known,
                    line(number, day, noon),
                    gone,
                    [*past, *known],
                    ahead,
                    scale,
                    Adjustments(),
                    f"{world}/{month}/{number}/{noon}",
                    method,
                )
                said.append((ahead + noon, end, dict(found.chances)))
            known.append(line(number, day))
    return said


SHIPPED = "as shipped"
METHODS = {
    "one by one": forecast.Method(block=1, doubt=False, paths=PATHS),
    SHIPPED: forecast.Method(paths=PATHS),
}


def tables(found: dict[tuple[str, str], Said]) -> str:
    """The page's tables."""

    def cells(said: Said) -> list[str]:
        score, usual = brier(said)
        return [str(len(said)), f"{score:.3f}", f"{1 - score / usual:.0%}", f"{off(said):.1%}"]

    head = ["forecasts", "Brier", "better than usual", "off the diagonal"]
    whole = [[*key, *cells(said)] for key, said in found.items()]
    parts = [
        [*key, f"{low} to {high}", *cells([one for one in said if low <= one[0] <= high])]
        for key, said in found.items()
        for low, high in ((1, 5), (6, 10), (11, 15), (16, 21))
        if key[1] == SHIPPED
    ]
    curves = [
        [key[0], f"{said_:.1%}", f"{came:.1%}", str(number)]
        for key, said in found.items()
        for said_, came, number in curve(said)
        if key[1] == SHIPPED
    ]
    return "\n\n".join(
        (
            table(["makers", "days drawn", *head], whole, left=2),
            table(["makers", "days drawn", "days left", *head], parts, left=3),
            table(["makers", "said", "came", "times"], curves),
        )
    )


def draw(found: dict[tuple[str, str], Said]) -> None:
    """The curves."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.5), layout="constrained")
    for axes, world in zip(figure.subplots(1, 3, sharey=True), WORLDS, strict=True):
        axes.plot([0, 1], [0, 1], color="#999999", lw=0.8, ls="--")
        for name, colour in zip(METHODS, ("#b0b7bd", "#1f5f8b"), strict=True):
            points = curve(found[world, name])
            axes.plot([p[0] for p in points], [p[1] for p in points], color=colour, marker="o",
                      ms=3.5, lw=1.4, label=name)  # fmt: skip
        axes.set_title(world, fontsize=10)
        axes.set_xlabel("chance said")
        axes.set_aspect("equal")
        axes.grid(color="#eeeeee")
    figure.axes[0].set_ylabel("share that came")
    figure.axes[0].legend(frameon=False, fontsize=8)
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "quanheng"}):
        figure.savefig(PICTURE, format="svg", metadata={"Date": None})


def main() -> None:
    """The tables and the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--months", type=int, default=200)
    months = parser.parse_args().months
    scale = scale_of(read_rulebook(DAY))
    found = {
        (world, name): asked(world, months, scale, method)
        for world in WORLDS
        for name, method in METHODS.items()
    }
    print(tables(found))
    draw(found)


if __name__ == "__main__":
    main()
