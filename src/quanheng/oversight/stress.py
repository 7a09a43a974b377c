"""Stress tests with the own model: grid, stories, and the smallest move that breaks something
(chapter 6 二 四, R-04, rules.md 9.4).

Every scenario is a full revaluation through trees: no grid is read off. Margin follows by the
maintenance formula at the moved prices and underlyings, each short alone after netting against the
longs of its contract, so that it never counts on a combination that may be dissolved.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quanheng.kernels.pack import unpack
from quanheng.oversight import model_kernels, scenarios
from quanheng.oversight.figures import View
from quanheng.oversight.market import money, move_limit
from quanheng.oversight.scenarios import STORIES, Story
from quanheng.rulebook import margin as margin_rule
from quanheng.terms.units import TICKS_PER_YUAN, Money, half_up

LEAST_QUOTE = 10
"""Contracts of the smallest quote that fulfils a duty (chapter 3); its shorts need margin."""
STEP, FINE = 0.005, 0.0001
"""A reverse stress looks outward in steps of half a per cent, then halves down to a basis point."""


class Outcome(NamedTuple):
    """One scenario, Money: options, units of the underlying, what getting out would cost, margin
    due, equity and free cash of the options account; `quotes_ppm`: free cash over what the least
    quotes in every contract would take, 1e-6.
    """

    name: str
    options: Money
    hedge: Money
    exit_cost: Money
    margin: Money
    equity: Money
    free: Money
    quotes_ppm: int

    @property
    def loss(self) -> Money:
        """Loss of options and hedge, 0 for a gain."""
        return max(-(self.options + self.hedge), 0)


def outcome(view: View, story: Story, scale: float = 1.0) -> Outcome:
    """What becomes of the account under a story; `scale` multiplies its moves, for reverse stress.

    A class goes no further than its price limit; a contract without a vol keeps its price.
    """
    account, model, opened = view.account, view.model, view.opened
    net = account.long - account.short - account.covered
    marks = view.marks / TICKS_PER_YUAN
    moved, spots = marks.copy(), model.spot.copy()
    hedge = 0.0
    for klass, item in enumerate(opened.chain.classes):
        most = move_limit(opened, klass) / 100
        moves = scenarios.story_moves(story, 100) * scale
        moves[0] = np.clip(moves[0], -most, most)
        spots[klass] = round(int(model.spot[klass]) * (1.0 + float(moves[0, 0])))
        moved[item.start : item.stop] += _changes(view, item.start, item.stop, moves, story.days)
        units = int(account.units[klass]) - opened.account.base
        if story.hedged:
            hedge += units * float(spots[klass] - model.spot[klass]) / TICKS_PER_YUAN
    moved = np.maximum(moved, 0.0)
    options = float(((moved - marks) * net * model.unit).sum())
    exit_cost = float((np.abs(net) * model.unit * np.nan_to_num(model.half)).sum()) * story.spread
    each = _margins(view, moved, spots)
    left = account.short - np.minimum(account.short, account.long)
    due = int((left * each).sum()) * (100 + story.margin) // 100
    worth = account.cash + int((net * view.marks * model.unit).sum()) + money(options)
    free = account.cash - due
    least = LEAST_QUOTE * int(each.sum()) * (100 + story.margin) // 100
    ability = max(free, 0) * 1_000_000 // least if least else 0
    return Outcome(
        story.name, money(options), money(hedge), money(exit_cost), due, worth, free, ability
    )


def _changes(view: View, start: int, stop: int, moves: np.ndarray, days: int) -> np.ndarray:
    """Change of each price in [start, stop) in yuan per unit."""
    model = view.model
    vols = model.row_vol[model.row_of]
    known = np.isfinite(vols) & np.isfinite(model.forward[model.expiry])
    slots = start + np.flatnonzero(known[start:stop])
    out = np.zeros((model.strike.size, 1))
    model_kernels.grid(
        slots,
        model.sign,
        model.strike,
        vols,
        model.expiry,
        model.forward,
        model.tau,
        model.discount,
        moves,
        days / scenarios.TRADING_DAYS,
        view.opened.rate / 1e6,
        out,
    )
    changes: np.ndarray = out[start:stop, 0]
    return changes


def _margins(view: View, prices: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Money int64[slots]: maintenance margin of one short contract at moved prices."""
    rows, book = view.opened.chain.contracts, view.opened.rulebook
    ticks = np.rint(prices * TICKS_PER_YUAN).astype(np.int64).tolist()
    found = [
        margin_rule.maintenance(
            book, row.underlying_type, row.kind, row.strike, ticks[slot],
            int(spots[view.model.klass[slot]]), row.unit,
        )
        for slot, row in enumerate(rows)
    ]  # fmt: skip
    return np.array(found, dtype=np.int64)


def library(view: View) -> list[Outcome]:
    """Every node of the grid, then every story, then the worst days of the known past."""
    grid = [
        Story(scenarios.grid_name(spot, vol), "", "", spot=spot, vol=vol)
        for vol in scenarios.VOLS
        for spot in scenarios.SPOTS
    ]
    opened = view.opened
    past = scenarios.historic(opened.past, unpack(opened.history, 2)) if opened.past else []
    return [outcome(view, story) for story in (*grid, *STORIES, *past)]


class Reverse(NamedTuple):
    """The smallest move of a kind that breaks something, 1e-4; None: none does up to `most`."""

    axis: str
    breaks: str
    move: int | None
    most: int


AXES = {
    "spot_down": (Story("spot_down", "标的下跌", "underlyings fall", spot=-1), 20),
    "spot_up": (Story("spot_up", "标的上涨", "underlyings rise", spot=1), 20),
    "vol_up": (Story("vol_up", "波动率上升", "vols rise", vol=1), 200),
    "vol_down": (Story("vol_down", "波动率下降", "vols fall", vol=-1), 60),
}
"""Unit moves of one per cent with how far is looked, per cent."""

Broken = Callable[[Outcome], bool]


def smallest(view: View, axis: str, broken: Broken, step: float = STEP) -> float | None:
    """The smallest move along an axis (a fraction: 0.05 is 5 per cent) after which `broken`.

    Looks outward in steps and halves the one in which it happens down to FINE, so a break that is
    over again within one step may be passed over. 0.0 when it is broken already.
    """
    story, most = AXES[axis]
    if broken(outcome(view, story, 0.0)):
        return 0.0
    low = 0.0
    while low < most / 100:
        high = min(low + step, most / 100)
        if broken(outcome(view, story, high * 100)):
            while high - low > FINE:
                middle = 0.5 * (low + high)
                if broken(outcome(view, story, middle * 100)):
                    high = middle
                else:
                    low = middle
            return high
        low = high
    return None


def reverse(view: View, loss: Money) -> list[Reverse]:
    """Along every axis: what uses up the free cash, what loses more than `loss` (0: not asked)."""
    checks: list[tuple[str, Broken]] = [("margin", lambda one: one.free < 0)]
    if loss:
        checks.append(("loss", lambda one: one.loss > loss))
    found = []
    for axis, (_, most) in AXES.items():
        for name, broken in checks:
            # Vols have further to go, and their profit bends less.
            move = smallest(view, axis, broken, STEP if most <= 20 else 8 * STEP)
            found.append(Reverse(axis, name, _bp(move), most * 100))
    return found


def _bp(move: float | None) -> int | None:
    return None if move is None else half_up(round(move * 1_000_000), 100)


OUTCOME_COLUMNS = (
    "options", "hedge", "exit_cost", "margin", "equity", "free", "quotes_ppm",
)  # fmt: skip
"""Columns of the "stress" table after the name."""
REVERSE_COLUMNS = ("move", "most")
"""Columns of the "reverse" table, named "axis breaks", in 1e-4; move -1: nothing breaks."""


def tables(outcomes: list[Outcome], reversed_: list[Reverse]) -> tuple[np.ndarray, np.ndarray]:
    """int64 tables of both."""
    first = np.array([list(one[1:]) for one in outcomes], dtype=np.int64)
    second = np.array(
        [[-1 if one.move is None else one.move, one.most] for one in reversed_], dtype=np.int64
    )
    return first.reshape(-1, len(OUTCOME_COLUMNS)), second.reshape(-1, len(REVERSE_COLUMNS))
