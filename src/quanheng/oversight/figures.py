"""The firm's figures by desk, strategy and class (R-02): integers made from books and model.

Scopes: "*", an underlying, "desk:NAME", "strategy:NAME". Money is 0.0001 yuan, Greeks 1e-9 yuan,
ratios 1e-6. Funds belong to the account as a whole; margin of a desk or strategy is what its net
shorts would take alone.
"""

import math

import numpy as np

from quanheng.kernels.pack import unpack
from quanheng.oversight import risk_kernels, scenarios
from quanheng.oversight.account import margin
from quanheng.oversight.market import MOVE_UNITS, at_the_money, greeks, marks, money, move_limit
from quanheng.oversight.messages import OverseerOpen
from quanheng.oversight.state import Model, State
from quanheng.terms.units import TICKS_PER_YUAN, Lots

COLUMNS = (
    "long", "short", "covered", "net", "delta", "gamma", "vega", "theta", "margin", "profit",
    "fees", "equity", "free", "usage_ppm", "drawdown", "var", "es", "var_mc", "es_mc", "stress",
    "stress_cell", "concentration_ppm", "days_ppm", "blind",
)  # fmt: skip
"""Columns of a scope's figures: contracts; Greeks as `market.greeks` with the units of the
underlying beyond the base in delta; Money before fees in `profit`; `es` and `var` over history and
by simulation; the largest loss of the grid and its cell; share of the largest contract in all
contracts held; days to trade out of the scope at a fifth of the usual volume; contracts held
without a vol of our own."""

PLACE = {name: number for number, name in enumerate(COLUMNS)}
ACCOUNT_ONLY = ("equity", "free", "usage_ppm", "drawdown")
EVERY_SCOPE = 10
"""Runs between two values at risk of the scopes below "*"."""
PARTICIPATION = 5
"""One fifth of the volume is ours when we must get out."""
TOGETHER = 0.8
"""Correlation of the underlyings in the simulation, own choice, prudent for one index family."""
LEAN, RESTLESS = -0.6, 0.08
"""Vol against spot, and the daily relative deviation of a vol, as closes.csv of 2015-2021 has."""
LEAST_SIGMA = 0.002
_BILLION = 1_000_000_000
_MILLION = 1_000_000


class View:
    """One run's arrays, made once and shared by the scopes."""

    def __init__(self, state: State, opened: OverseerOpen) -> None:
        account, model = state.account, state.model
        assert account is not None and model is not None, "the overseer was opened"
        self.state, self.opened, self.account, self.model = state, opened, account, model
        self.marks = marks(model)
        self.greeks = greeks(model)
        self.blind = ~np.isfinite(model.prices)
        limits = [move_limit(opened, klass) for klass in range(len(opened.chain.classes))]
        self.limits = np.array(limits) / 100
        self.moves = _joint_moves(opened, model)

    def scopes(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """(scope, owners, classes), boolean arrays that cut the books out."""
        owners, classes = self.state.owners, self.opened.chain.classes
        every = np.ones(len(owners), dtype=bool), np.ones(len(classes), dtype=bool)
        found = [("*", *every)]
        for number, item in enumerate(classes):
            mine = np.arange(len(classes)) == number
            found.append((item.underlying, every[0], mine))
        for kind, part in (("desk", 0), ("strategy", 1)):
            names = dict.fromkeys(owner[part] for owner in owners if owner[part])
            for name in names:
                mine = np.array([owner[part] == name for owner in owners])
                found.append((f"{kind}:{name}", mine, every[1]))
        return found


def scope_names(state: State, opened: OverseerOpen) -> tuple[str, ...]:
    """The scopes of a day in the order of the figures."""
    return tuple(name for name, _, _ in View(state, opened).scopes())


def _joint_moves(opened: OverseerOpen, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Joint moves [2, classes, n] of history, scaled to today's vols, and of the simulation.

    History is the reference underlying's days; each class moves with it by the ratio of its own
    deviation today to the history's (filtered historical simulation, Hull and White 1998).
    """
    classes = len(opened.chain.classes)
    root = math.sqrt(scenarios.TRADING_DAYS)
    sigmas = np.array([at_the_money(model, klass) for klass in range(classes)]) / root
    sigmas = np.maximum(np.nan_to_num(sigmas), LEAST_SIGMA)
    days = unpack(opened.history, 2) / _MILLION
    past = np.empty((2, classes, len(days)))
    if len(days):
        deviation = max(math.sqrt(float((days[:, 0] ** 2).mean())), LEAST_SIGMA)
        past[0] = sigmas[:, None] * days[:, 0][None, :] / deviation
        past[1] = days[:, 1][None, :]
    drawn = np.empty((2, classes, opened.paths))
    risk_kernels.simulated(opened.seed, sigmas, TOGETHER, LEAN, RESTLESS, drawn)
    return past, drawn


def grids(view: View, net: np.ndarray, units: np.ndarray) -> np.ndarray:
    """float64[classes, vols, spots]: profit in yuan of net contracts and of units of the
    underlyings at the nodes of the grid.
    """
    model = view.model
    shape = (len(units), len(scenarios.VOLS), len(scenarios.SPOTS))
    out = np.zeros((shape[0], scenarios.COUNT))
    worth = model.moves * (net * model.unit)[:, None] / MOVE_UNITS
    for klass, item in enumerate(view.opened.chain.classes):
        limit = move_limit(view.opened, klass)
        spot = float(model.spot[klass]) / TICKS_PER_YUAN
        out[klass] = worth[item.start : item.stop].sum(axis=0)
        out[klass] += units[klass] * spot * scenarios.grid_moves(limit)[0]
    return out.reshape(shape)


def at_risk(view: View, grid: np.ndarray) -> tuple[int, int, int, int]:
    """(var, es) over history and (var, es) of the simulation, Money, not below 0."""
    spots = np.array(scenarios.SPOTS) / 100
    vols = np.array(scenarios.VOLS) / 100
    found: list[int] = []
    for moves in view.moves:
        if moves.shape[2] == 0:
            found += [0, 0]
            continue
        profits = np.empty(moves.shape[2])
        risk_kernels.joint_profits(grid, spots, vols, view.limits, moves, profits)
        var, _ = risk_kernels.tail(profits, view.opened.level / _MILLION)
        _, shortfall = risk_kernels.tail(profits, view.opened.tail_level / _MILLION)
        found += [max(money(var), 0), max(money(shortfall), 0)]
    return found[0], found[1], found[2], found[3]


def measure(state: State, opened: OverseerOpen, every: bool) -> dict[str, list[int]]:
    """Figures of every scope now; the value at risk of those below "*" when `every`."""
    view = View(state, opened)
    out: dict[str, list[int]] = {}
    for scope, owners, classes in view.scopes():
        before = state.figures.get(scope)
        row = _scope(view, scope, owners, classes)
        if scope == "*":
            _funds(view, row)
        if scope == "*" or every or before is None:
            _risk(view, row, owners, classes)
        else:
            for name in ("var", "es", "var_mc", "es_mc", "stress", "stress_cell"):
                row[name] = before[PLACE[name]]
        out[scope] = [row[name] for name in COLUMNS]
    return out


def owned(view: View, owners: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(net contracts by slot, units by class beyond the base) of a scope."""
    account, model = view.account, view.model
    net = account.by_owner[owners].sum(axis=0) * classes[model.klass]
    units = account.units_by_owner[owners].sum(axis=0)
    base = view.opened.account.base if owners[0] else 0
    return net, (units - base) * classes


def _scope(view: View, scope: str, owners: np.ndarray, classes: np.ndarray) -> dict[str, int]:
    account, model = view.account, view.model
    net, units = owned(view, owners, classes)
    whole = bool(owners.all())
    mine = classes[model.klass]
    row = dict.fromkeys(COLUMNS, 0)
    if whole:
        row["long"] = int(account.long[mine].sum())
        row["short"] = int(account.short[mine].sum())
        row["covered"] = int(account.covered[mine].sum())
    else:
        row["long"], row["short"] = int(net[net > 0].sum()), int(-net[net < 0].sum())
    row["net"] = int(net.sum())
    for place, name in enumerate(("delta", "gamma", "vega", "theta")):
        row[name] = round(float((view.greeks[:, place] * net).sum()) * _BILLION)
    row["delta"] += int((units * model.spot).sum()) * (_BILLION // TICKS_PER_YUAN)
    if scope == "*":
        row["margin"] = margin(view.state)
    else:
        short = account.short * mine if whole else np.maximum(-net, 0)
        row["margin"] = int((short * model.margin).sum())
    row["profit"] = profit(view, owners, classes)
    row["fees"] = int(account.fee_paid[owners][:, classes].sum())
    row["concentration_ppm"] = _largest(np.abs(net))
    row["days_ppm"] = _days(view, net)
    row["blind"] = int(((net != 0) & view.blind).sum())
    return row


def profit(view: View, owners: np.ndarray, classes: np.ndarray) -> int:
    """Money since the opening before fees: premium taken, and what is held at own prices less
    what was carried in at the previous settlement; of units the move of the underlying.
    """
    account, model = view.account, view.model
    mine = classes[model.klass]
    net = account.by_owner[owners].sum(axis=0)
    total = int(account.spent[owners][:, classes].sum())
    total += int((net * view.marks * model.unit)[mine].sum())
    units = account.units_by_owner[owners].sum(axis=0)
    total += int((units * model.spot)[classes].sum())
    if owners[0]:
        total -= int((account.opening_net * model.settle * model.unit)[mine].sum())
        total -= int((account.opening_units * model.spot_open)[classes].sum())
        base = view.opened.account.base
        total -= int((base * (model.spot - model.spot_open))[classes].sum())
    return total


def _funds(view: View, row: dict[str, int]) -> None:
    state, account, model = view.state, view.account, view.model
    net = account.long - account.short - account.covered
    worth = account.cash + int((net * view.marks * model.unit).sum())
    whole = worth + account.aside + int((account.units * model.spot).sum())
    state.peak = max(state.peak, whole)
    row["equity"], row["free"] = worth, account.cash - row["margin"]
    row["drawdown"] = state.peak - whole
    if row["margin"]:
        # Without equity every margin is too much: the largest ratio there is.
        ratio = row["margin"] * _MILLION // worth if worth > 0 else 1_000 * _MILLION
        row["usage_ppm"] = min(ratio, 1_000 * _MILLION)


def _risk(view: View, row: dict[str, int], owners: np.ndarray, classes: np.ndarray) -> None:
    grid = grids(view, *owned(view, owners, classes))
    row["var"], row["es"], row["var_mc"], row["es_mc"] = at_risk(view, grid)
    together = grid.sum(axis=0).reshape(-1)
    cell = int(together.argmin())
    row["stress"], row["stress_cell"] = max(money(-float(together[cell])), 0), cell


def _largest(held: np.ndarray) -> int:
    total = int(held.sum())
    return int(held.max()) * _MILLION // total if total else 0


def _days(view: View, net: np.ndarray) -> int:
    """Days to get out of the slowest class, 1e-6; nothing where no volume is known."""
    worst = 0
    for klass, item in enumerate(view.opened.chain.classes):
        usual: Lots = view.opened.volume[klass] if view.opened.volume else 0
        held = int(np.abs(net[item.start : item.stop]).sum())
        if usual:
            worst = max(worst, held * PARTICIPATION * _MILLION // usual)
    return worst
