"""The strike grid and the strikes to list (rules.md 1.2, 1.3). Prices in Ticks.

A grid row is (strike at most, step); the bound 0 means no bound. Only standard contracts of one
expiry take part: adjusted contracts get no new strikes, and nothing is removed when the underlying
moves back.
"""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Ticks

Grid = tuple[tuple[Ticks, Ticks], ...]

ETF_GRID: Grid = (
    (30_000, 500),
    (50_000, 1_000),
    (100_000, 2_500),
    (200_000, 5_000),
    (500_000, 10_000),
    (1_000_000, 25_000),
    (0, 50_000),
)
"""rules.md 1.2 DOC[2][21][24]; unchanged since 2015-02-09."""

STOCK_GRID: Grid = (
    (20_000, 1_000),
    (50_000, 2_500),
    (100_000, 5_000),
    (200_000, 10_000),
    (500_000, 25_000),
    (1_000_000, 50_000),
    (0, 100_000),
)
"""rules.md 1.2 DOC[24]."""

GRIDS = {"EBS": ETF_GRID, "ASH": STOCK_GRID}


def grid_of(underlying_type: str) -> Grid:
    """The grid of an underlying type, EBS or ASH. ValueError names another."""
    if underlying_type not in GRIDS:
        known = ", ".join(sorted(GRIDS))
        raise ValueError(f"strikes: underlying type {underlying_type!r} is not one of {known}")
    return GRIDS[underlying_type]


def above(strike: Ticks, grid: Grid = ETF_GRID) -> Ticks:
    """The next grid strike above a grid strike."""
    return strike + next(step for bound, step in grid if bound == 0 or strike < bound)


def below(strike: Ticks, grid: Grid = ETF_GRID) -> Ticks:
    """The next grid strike below a grid strike; 0 when there is none."""
    return strike - _step_at(strike, grid)


def _step_at(price: Ticks, grid: Grid) -> Ticks:
    """The step of the range that holds a price; a bound belongs to the range below it."""
    return next(step for bound, step in grid if bound == 0 or price <= bound)


def base(close: Ticks, grid: Grid = ETF_GRID) -> Ticks:
    """The strike nearest to the underlying's previous close, the higher of two equally near.

    ValueError for a close that is not positive.
    """
    if close <= 0:
        raise ValueError(f"strikes: underlying close {close} is not positive")
    step = _step_at(close, grid)
    low = close // step * step
    high = above(low, grid)
    return high if low == 0 or high - close <= close - low else low


def new_strikes(
    book: Rulebook, close: Ticks, listed: tuple[Ticks, ...], underlying_type: str = "EBS"
) -> tuple[Ticks, ...]:
    """Strikes to add to an expiry after a close of the underlying, ascending.

    Enough are added for the number each side must have (2, from 2018-01-02 4); with `listed` empty
    this is a first listing. Fewer lie below where the grid ends at 0.
    """
    grid = grid_of(underlying_type)
    each = book.listing.strikes_each_side
    middle = base(close, grid)
    wanted = [] if middle in listed else [middle]
    for higher in (True, False):
        have = sum(1 for strike in listed if strike != middle and (strike > middle) == higher)
        strike = middle
        # Every step lists a strike or passes a listed one, so this bound is never the limit.
        for _ in range(each + len(listed)):
            strike = above(strike, grid) if higher else below(strike, grid)
            if have >= each or strike == 0:
                break
            if strike not in listed:
                wanted.append(strike)
                have += 1
    return tuple(sorted(wanted))


def first_listing(book: Rulebook, close: Ticks, underlying_type: str = "EBS") -> tuple[Ticks, ...]:
    """Strikes of a new expiry: the base and the day's number above and below it."""
    return new_strikes(book, close, (), underlying_type)
