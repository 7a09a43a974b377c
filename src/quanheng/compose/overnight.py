"""The book that is carried, revalued under gaps of the next morning (I-35, I-34, R-01).

Every class is priced again in full by `books.gaps` up to its price limit, one trading day on;
margin follows with the combinations that clearing kept. The results stand against the overnight
limits on record; what is over one gets a proposal of what to reduce, and may be carried only with a
signed exception. The maker looks the same way at its own book before the close (`maker.night`).
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from quanheng.books.combination_search import margin_left
from quanheng.books.combinations import Combination
from quanheng.books.gaps import (
    SCENARIOS,
    SPOTS,
    VOLS,
    grid,
    margins,
    moved_prices,
    price_moves,
    spots_of,
    take_off,
)
from quanheng.books.margin_use import usage_ppm
from quanheng.clearing import messages as clear
from quanheng.compose.day import World
from quanheng.compose.day_end import Settled
from quanheng.compose.margin_report import combinations_kept, settlement_prices
from quanheng.config import OvernightConfig
from quanheng.kernels.pack import unpack
from quanheng.maker import columns as c
from quanheng.terms.units import MONEY_PER_YUAN, Day, Lots, Money, half_up

DESK = "*"
LOSS, USAGE = "loss", "usage"
_PPM = 10_000  # millionths in a per cent


class Gap(msgspec.Struct, frozen=True):
    """One scenario of a class or, with underlying "*", of the desk: Money next morning.

    Of a class `equity` and `free` are None: funds belong to the whole account.
    """

    underlying: str
    spot: int  # per cent
    vol: int  # per cent of itself
    options: Money
    hedge: Money  # units of the underlying held beyond the base
    margin: Money
    equity: Money | None = None
    free: Money | None = None  # cash less margin; below 0 it must be paid in before 11:30

    @property
    def profit(self) -> Money:
        """Options and hedge together."""
        return self.options + self.hedge


class Finding(msgspec.Struct, frozen=True):
    """The worst gap of a scope against its limit. `value`, `limit`: Money of a loss, or millionths
    of margin over equity; `basis` "" where nothing is on record, which allows nothing.
    """

    scope: str
    figure: str  # LOSS or USAGE
    gap: Gap
    value: int
    limit: int
    basis: str
    by: str
    seconded_by: str

    @property
    def over(self) -> bool:
        """True when the book may be carried only with a signed exception."""
        return self.value > self.limit


class Reduce(msgspec.Struct, frozen=True):
    """A proposal: close `qty` contracts, which takes `amount` off what is over the limit."""

    scope: str
    figure: str
    contract: str
    net: Lots
    qty: Lots
    amount: Money


class Overnight(msgspec.Struct, frozen=True):
    """All gaps, the worst against the limits, what to reduce, and contracts without a price."""

    gaps: tuple[Gap, ...]
    findings: tuple[Finding, ...]
    proposals: tuple[Reduce, ...]
    unpriced: tuple[str, ...]


class _Carried(msgspec.Struct):
    """The book after clearing: int64[slots] and Ticks by class."""

    long: np.ndarray
    short: np.ndarray
    settles: np.ndarray
    closes: tuple[int, ...]
    kept: dict[str, Combination]


class _Moved(msgspec.Struct):
    """By scenario and slot: profit of what is held, Money as float64; margin of one short contract,
    Money int64.
    """

    profit: np.ndarray
    margin: np.ndarray


def overnight_of(world: World, settled: Settled) -> Overnight:
    """The carried book of our account under every gap."""
    carried = _carried(world, settled)
    chain = world.reference.chain
    shape = (SCENARIOS, len(chain.contracts))
    moved = _Moved(np.zeros(shape), np.zeros(shape, dtype=np.int64))
    held = (carried.long + carried.short) > 0
    priced = held & np.isfinite(world.maker.state.surface.theo[:, c.T_VOL])
    slots = np.flatnonzero(priced)
    alike = [
        _class_gaps(world, carried, klass, slots, moved) for klass in range(len(chain.classes))
    ]
    # Where a class is held back by its limit its row would only repeat the limit's.
    gaps = [
        gap
        for some in alike
        for number, gap in enumerate(some)
        if gap.spot == SPOTS[number % len(SPOTS)]
    ]
    total = _desk_gaps(alike, settled)
    findings = _findings((*total, *gaps), world.plan.config.overnight, chain.day)
    return Overnight(
        gaps=(*total, *gaps),
        findings=findings,
        proposals=tuple(
            one
            for finding in findings
            if finding.over
            for one in _reduced(world, carried, moved, finding)
        ),
        unpriced=tuple(chain.contracts[slot].code for slot in np.flatnonzero(held & ~priced)),
    )


def _carried(world: World, settled: Settled) -> _Carried:
    chain = world.reference.chain
    long, short = np.zeros((2, len(chain.contracts)), dtype=np.int64)
    rows = unpack(settled.positions.rows, clear.HELD_COLUMNS)
    long[rows[:, clear.HELD_SLOT]] = rows[:, clear.HELD_LONG]
    short[rows[:, clear.HELD_SLOT]] = rows[:, clear.HELD_SHORT]
    settles = settlement_prices(chain, settled)
    closes = tuple(int(price) for price in world.underlying_closes)
    return _Carried(long, short, settles, closes, combinations_kept(settled))


def _class_gaps(
    world: World, carried: _Carried, klass: int, priced: np.ndarray, moved: _Moved
) -> list[Gap]:
    """Every gap of a class, whose slots of `moved` are filled; `priced` slots of the whole chain.

    Held contracts without a vol keep their settlement price.
    """
    state, chain = world.maker.state, world.reference.chain
    item, close = chain.classes[klass], carried.closes[klass]
    part = slice(item.start, item.stop)
    slots = priced[(priced >= item.start) & (priced < item.stop)]
    spots = spots_of(world.book, item.underlying)
    moves = _price_moves(world, slots, spots)
    units = state.tables.fixed[slots, c.F_UNIT] * (carried.long - carried.short)[slots]
    moved.profit[:, slots] = moves * units * MONEY_PER_YUAN
    prices = np.tile(carried.settles, (SCENARIOS, 1))
    prices[:, slots] = moved_prices(carried.settles[slots], moves)
    written = item.start + np.flatnonzero(carried.short[part])
    rows = [chain.contracts[slot] for slot in written]
    mine = np.zeros(carried.long.size, dtype=np.int64)
    mine[part] = 1
    kept = {n: one for n, one in carried.kept.items() if item.start <= one.slots[0] < item.stop}
    base = int(state.etf.units[klass]) - state.etf.base
    gaps = []
    for number in range(SCENARIOS):
        spot, vol = spots[number % len(spots)], VOLS[number // len(spots)]
        each = moved.margin[number]
        each[written] = margins(world.book, rows, prices[number, written].tolist(), close, spot)
        due = margin_left(
            chain, carried.long * mine, carried.short * mine, kept, each.tolist(),
            prices[number].tolist(),
        )  # fmt: skip
        options = round(float(moved.profit[number, part].sum()))
        gaps.append(
            Gap(item.underlying, spot, vol, options, half_up(base * close * spot, 100), due)
        )
    return gaps


def _price_moves(world: World, slots: np.ndarray, spots: tuple[int, ...]) -> np.ndarray:
    """float64[scenarios, slots]: change of each contract's price in yuan per unit."""
    state = world.maker.state
    fixed, fits = state.tables.fixed[slots], state.surface.fits
    expiries = fits[:, [c.X_FORWARD, c.X_TAU, c.X_DISCOUNT]].T
    given = fixed[:, c.F_SIGN], fixed[:, c.F_STRIKE], state.surface.theo[slots, c.T_VOL]
    return price_moves(*given, fixed[:, c.F_EXPIRY], expiries, grid(spots))


def _desk_gaps(alike: list[list[Gap]], settled: Settled) -> tuple[Gap, ...]:
    """All classes gapping alike as far as their limits let them, with the account's funds."""
    cash = settled.cash
    total = []
    for number in range(SCENARIOS):
        same = [gaps[number] for gaps in alike]
        spot, vol = SPOTS[number % len(SPOTS)], VOLS[number // len(SPOTS)]
        options, hedge = sum(gap.options for gap in same), sum(gap.hedge for gap in same)
        due = sum(gap.margin for gap in same)
        total.append(
            Gap(DESK, spot, vol, options, hedge, due, cash.equity + options, cash.cash - due)
        )
    return tuple(total)


def _findings(
    gaps: tuple[Gap, ...], records: tuple[OvernightConfig, ...], day: Day
) -> tuple[Finding, ...]:
    """The desk's worst loss and margin use, and the worst loss of each class with a record."""
    scopes: Mapping[str, list[Gap]] = {gap.underlying: [] for gap in gaps}
    for gap in gaps:
        scopes[gap.underlying].append(gap)
    found = []
    for scope, some in scopes.items():
        record = in_force(records, scope, day)
        if record is None and scope != DESK:
            continue
        basis, by, second = (
            (record.basis, record.by, record.seconded_by) if record else ("", "", "")
        )
        worst = min(some, key=lambda gap: gap.profit)
        limit = record.loss_yuan * MONEY_PER_YUAN if record else 0
        loss = max(-worst.profit, 0)
        found.append(Finding(scope, LOSS, worst, loss, limit, basis, by, second))
        if scope == DESK:
            tight = max(some, key=_usage)
            most = record.usage_percent * _PPM if record else 0
            found.append(Finding(scope, USAGE, tight, _usage(tight), most, basis, by, second))
    return tuple(found)


def in_force(records: tuple[OvernightConfig, ...], scope: str, day: Day) -> OvernightConfig | None:
    """The record of a scope that began last and still holds on a day."""
    held = [
        one
        for one in records
        if one.scope == scope and one.since <= day and (not one.until or day < one.until)
    ]
    return max(held, key=lambda one: one.since, default=None)


def _usage(gap: Gap) -> int:
    return usage_ppm(gap.margin, gap.equity or 0)


def _reduced(world: World, carried: _Carried, moved: _Moved, finding: Finding) -> list[Reduce]:
    """What to close, the dearest contract of the worst gap first, until its excess is gone."""
    chain, gap = world.reference.chain, finding.gap
    number = VOLS.index(gap.vol) * len(SPOTS) + SPOTS.index(gap.spot)
    net = carried.long - carried.short
    if finding.figure == LOSS:
        excess = finding.value - finding.limit
        costs = -moved.profit[number] / np.maximum(np.abs(net), 1)
    else:
        excess = gap.margin - (gap.equity or 0) * finding.limit // (100 * _PPM)
        costs = np.where(net < 0, moved.margin[number], 0).astype(np.float64)
    parts = [item for item in chain.classes if finding.scope in (DESK, item.underlying)]
    slots = [slot for item in parts for slot in range(item.start, item.stop)]
    reliefs = np.floor(np.nan_to_num(costs)).astype(np.int64)
    return [
        Reduce(finding.scope, finding.figure, chain.contracts[slot].code, int(net[slot]), *closed)
        for slot, *closed in take_off(reliefs, net, excess, slots)
    ]
