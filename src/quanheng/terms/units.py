"""Units that cross every border of the house (borders.md 1).

All of them are integers; a float never leaves a kernel. The aliases document intent for the
reader and the type checker keeps them apart from text and floats.
"""

from typing import TypeAlias

Ticks: TypeAlias = int
"""A price: multiples of 0.0001 yuan, always. An ETF's or stock option's step is 10 Ticks."""

Lots: TypeAlias = int
"""A quantity of option contracts (张), or of fund units where the field says so."""

Money: TypeAlias = int
"""An amount of money: multiples of 0.0001 yuan. Ticks x unit x Lots is Money, exactly."""

Nanos: TypeAlias = int
"""Nanoseconds since the Unix epoch, UTC. Exchange stamps are whole milliseconds."""

DayNanos: TypeAlias = int
"""Nanoseconds since local midnight (Asia/Shanghai); datasets only."""

Day: TypeAlias = int
"""A calendar day as the integer YYYYMMDD."""

Slot: TypeAlias = int
"""Index of a contract in the day's Chain; the contracts of one class are contiguous."""

Ratio: TypeAlias = tuple[int, int]
"""An exact ratio (numerator, denominator), denominator > 0."""

TICKS_PER_YUAN = 10_000
MONEY_PER_YUAN = 10_000
MONEY_PER_FEN = 100

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def half_up(numerator: int, denominator: int) -> int:
    """Nearest integer to numerator / denominator, a tie away from zero; denominator > 0.

    This is the half-up rounding of `money.round` and of price limits (rules.md 2.4).
    """
    if denominator <= 0:
        raise ValueError(f"denominator must be positive, not {denominator}")
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


def to_fen(amount: Money) -> Money:
    """Money rounded half up to 0.01 yuan, still counted in 0.0001 yuan."""
    return half_up(amount, MONEY_PER_FEN) * MONEY_PER_FEN
