"""A desk's month to hold forecasts against: ten days of past and the 21 days of July 2024.

    python tools/desk_month.py FOLDER
    quanheng season --scenario FOLDER/season.toml --config FOLDER/desk.toml --from 2024-06-06 \\
        --days 31 --contracts 24 --cadence 30s --dataset --out FOLDER
    quanheng forecasts FOLDER/season-20240606-s1 --month 202407 --out FOLDER/forecasts

Writes the season's file, one scenario a day and the desk's configuration. The days are quiet,
trending, gapping, crashing, at the limit, broken by auctions; ours loses its order line on some of
them, once or twice at the close. Two classes; in both our width is near the edge of a grade. The
six others have widths and habits of their own, drawn from a seed: a day on which one is away or
leaves half of the contracts alone is rare for the careful ones and common for the careless.
Light: an eighth of the real volume, a snapshot every 30 s.
"""

import json
import sys
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from quanheng.compose.scenarios import MakerPlan, Scenario, Window, load
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.calendar import next_trading
from quanheng.terms.days import iso

FIRST, FLOW, SEED = 20240606, 12, 7

PAST = "calm trend calm outage gap calm late breaker calm trend"
MONTH = (
    "calm trend calm gap outage calm late crash calm breaker calm limit-up trend calm outage "
    "calm late calm gap calm trend"
)
DAYS = (*PAST.split(), *MONTH.split())
LINES = {"outage": Window("10:05", "11:05"), "late": Window("14:40", "14:59:50")}
"""When our order line is lost."""


class Habit(NamedTuple):
    """A competitor: quoted spread in percent of the widest allowed, reaction in ms, contracts a
    side, and how many of a hundred days it is away (or leaves half of the contracts alone).
    """

    width: int
    react: int
    size: int
    away: int


HABITS = {
    "CM01": Habit(46, 2_000, 10, 0),
    "CM02": Habit(55, 3_000, 20, 6),
    "CM03": Habit(58, 4_000, 20, 3),
    "CM04": Habit(62, 5_000, 30, 12),
    "CM05": Habit(70, 8_000, 30, 8),
    "CM06": Habit(84, 15_000, 15, 15),
}


def makers(day: int) -> tuple[MakerPlan, ...]:
    """The competitors as they are on a day."""
    found = []
    for name, habit in HABITS.items():
        random = Random(f"{SEED}/{day}/{name}")
        width = habit.width + random.randint(-6, 6)
        away = random.randrange(100) < habit.away
        skip = random.choice((100, 50)) if away else 0
        found.append(MakerPlan(name, width, habit.react, habit.size, skip, 2_000))
    return tuple(found)


def scenario_of(day: int, kind: str) -> Scenario:
    """The scenario of a day of some kind."""
    base = load("calm" if kind in LINES else kind)
    crowd = msgspec.structs.replace(base.crowd, flow_percent=FLOW, makers=makers(day))
    lines = (LINES[kind],) if kind in LINES else ()
    faults = msgspec.structs.replace(base.faults, order_outages=lines)
    return msgspec.structs.replace(base, name=kind, crowd=crowd, faults=faults)


def toml(value: object) -> str:
    """A value in one line of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def write(folder: Path) -> None:
    """All files of the month."""
    folder.mkdir(parents=True, exist_ok=True)
    day, planned = FIRST, []
    calendar = read_rulebook(FIRST).calendar
    for kind in DAYS:
        path = folder / f"{day}.toml"
        text = msgspec.to_builtins(scenario_of(day, kind))
        path.write_text("".join(f"{key} = {toml(one)}\n" for key, one in text.items()))
        planned.append({"day": iso(day), "scenario": str(path)})
        day = next_trading(calendar, day)
    season = {
        "name": "desk-month",
        "words": {"zh": "一个月", "en": "a month"},
        "scenario": "calm",
        "day": planned,
        "class": [
            {"underlying": "510050", "symbol": "50ETF", "close": "2.480", "volume": 400_000},
            {"underlying": "510300", "symbol": "300ETF", "close": "3.560", "volume": 400_000},
        ],
    }
    lines = "".join(f"{key} = {toml(one)}\n" for key, one in season.items())
    (folder / "season.toml").write_text(lines, encoding="utf-8")
    desk = (files("quanheng") / "data" / "desk.toml").read_text(encoding="utf-8")
    for scope, width in (("510050", 4_600), ("510300", 5_400)):
        desk += f'\n[[parameters]]\nscope = "{scope}"\nname = "width"\nvalue = {width}\n'
    (folder / "desk.toml").write_text(desk, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
