"""The library of stress scenarios (rules.md 9.4): joint moves of spot, vol, skew and time.

A scenario is a column of the array a kernel reprices under; stories that also touch margin,
liquidity or the hedge are `Story` rows on top of one. Moves are integers so that a list of them can
be journaled: per cent of spot, per cent of vol, hundredths of a vol point, skew in hundredths.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quanheng.terms.days import iso
from quanheng.terms.units import Day

SPOTS = (-20, -15, -10, -7, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7, 10, 15, 20)
"""Moves of every underlying in per cent; a class goes no further than its price limit."""
VOLS = (-30, -20, 0, 20, 50, 100)
"""Relative moves of every vol in per cent."""
COUNT = len(SPOTS) * len(VOLS)
CENTRE = VOLS.index(0) * len(SPOTS) + SPOTS.index(0)


class Story(NamedTuple):
    """An extreme case in words and numbers. `spread`: times the usual half spread to get out;
    `margin`: per cent on top of every margin; `days` pass first; `hedged` false: the underlying
    is locked at its limit and the units held cannot be sold.
    """

    name: str
    zh: str
    en: str
    spot: int = 0
    vol: int = 0
    points: int = 0
    skew: int = 0
    days: int = 0
    spread: int = 1
    margin: int = 0
    hedged: bool = True
    moves: tuple[int, int] | None = None  # of a day that was: spot and vol, relative, 1e-6


STORIES = (
    Story("points_up", "波动率上移 10 个点", "vols 10 points up", points=1_000),
    Story("points_down", "波动率下移 10 个点", "vols 10 points down", points=-1_000),
    Story("points_5_up", "波动率上移 5 个点", "vols 5 points up", points=500),
    Story("points_5_down", "波动率下移 5 个点", "vols 5 points down", points=-500),
    Story("skew_steep", "偏斜变陡", "skew steeper", skew=20),
    Story("skew_flat", "偏斜变平", "skew flatter", skew=-20),
    Story("one_day", "一个交易日不动", "one trading day passes", days=1),
    Story("three_days", "三个交易日不动", "three trading days pass", days=3),
    Story(
        "2015-08-24",
        "2015 年 8 月 24 日：千股跌停，波动率急升",
        "24 August 2015: most stocks limit down, vols jump",
        spot=-10,
        vol=50,
        spread=5,
    ),
    Story(
        "2016-01-04",
        "2016 年 1 月 4 日：指数熔断，市场提前收市",
        "4 January 2016: index circuit breaker, the market closes early",
        spot=-7,
        vol=30,
        spread=5,
    ),
    Story(
        "2020-02-03",
        "2020 年 2 月 3 日：长假后开盘跌停",
        "3 February 2020: limit down at the open after a long holiday",
        spot=-10,
        vol=60,
        spread=5,
        days=1,
    ),
    Story(
        "2020-07-06",
        "2020 年 7 月 6 日：单日大涨，波动率同升",
        "6 July 2020: a large rise with rising vols",
        spot=10,
        vol=40,
        spread=3,
    ),
    Story(
        "2024-09-30",
        "2024 年 9 月 30 日：连续急涨，认购波动率倍增",
        "30 September 2024: steep rises, call vols double",
        spot=10,
        vol=100,
        skew=-20,
        spread=5,
    ),
    Story(
        "locked_down",
        "标的跌停锁死，现货无法对冲",
        "underlying locked limit down, nothing can be hedged",
        spot=-10,
        vol=50,
        spread=5,
        hedged=False,
    ),
    Story(
        "locked_up",
        "标的涨停锁死，现货无法对冲",
        "underlying locked limit up, nothing can be hedged",
        spot=10,
        vol=50,
        spread=5,
        hedged=False,
    ),
    Story("dry", "流动性枯竭，价差放大五倍", "spreads five times as wide", spread=5),
    Story("margin_up", "保证金上调 50%", "margin 50 per cent up", margin=50),
    Story(
        "margin_crash",
        "暴跌且保证金上调 50%",
        "a crash while margin goes 50 per cent up",
        spot=-10,
        vol=100,
        margin=50,
        spread=5,
    ),
)
"""Extreme cases with their story; historical moves are rounded to the underlying's limit."""

TRADING_DAYS = 243


def grid_moves(limit: int) -> np.ndarray:
    """float64[4, COUNT] of the grid, spots innermost, held inside +-limit per cent."""
    out = np.zeros((4, COUNT))
    for j, vol in enumerate(VOLS):
        for i, spot in enumerate(SPOTS):
            held = max(-limit, min(limit, spot))
            out[0, j * len(SPOTS) + i] = held / 100
            out[1, j * len(SPOTS) + i] = vol / 100
    return out


FALLS, RISES, FEARS = 5, 3, 3
"""Days of the past that are kept: deepest falls, highest rises, largest rises of vol."""


def grid_name(spot: int, vol: int) -> str:
    """The name of a node of the grid."""
    return f"{spot:+d}% {vol:+d}%"


NODES = tuple(grid_name(spot, vol) for vol in VOLS for spot in SPOTS)
"""Names of the grid's scenarios; every other one is a story."""


def historic(days: Sequence[Day], moves: np.ndarray) -> list[Story]:
    """The worst days of the past as they were (appendix 2, stress tests), oldest first. `moves`
    int64[days, 2]: relative moves of the reference underlying and of its vol, 1e-6; every
    underlying is taken to move like it. The name tells the day and both moves.
    """
    by_spot = np.argsort(moves[:, 0], kind="stable")
    by_vol = np.argsort(-moves[:, 1], kind="stable")
    fell = [n for n in by_spot[:FALLS].tolist() if moves[n, 0] < 0]
    rose = [n for n in by_spot[::-1][:RISES].tolist() if moves[n, 0] > 0]
    feared = [n for n in by_vol[:FEARS].tolist() if moves[n, 1] > 0]
    out = []
    for n in sorted({**dict.fromkeys(fell), **dict.fromkeys(rose), **dict.fromkeys(feared)}):
        spot, vol = moves[n].tolist()
        name = f"{iso(days[n])} {spot / 10_000:+.2f}% {vol / 10_000:+.1f}%"
        out.append(Story(name, name, name, spread=5, moves=(spot, vol)))
    return out


def story_moves(story: Story, limit: int) -> np.ndarray:
    """float64[4, 1] of one story."""
    if story.moves is not None:
        spot, vol = (move / 1e6 for move in story.moves)
        return np.array([[max(-limit / 100, min(limit / 100, spot))], [vol], [0.0], [0.0]])
    held = max(-limit, min(limit, story.spot))
    return np.array([[held / 100], [story.vol / 100], [story.points / 10_000], [story.skew / 100]])
