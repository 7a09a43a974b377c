"""Exact ratios: means without rounding and their text (duty_dataset.md 9)."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

DIGITS = 12
"""Digits after the point in every table."""


def mean(values: Sequence[Fraction]) -> Fraction | None:
    """Arithmetic mean, None of nothing.

    One common denominator instead of repeated additions: spread ratios have denominators of
    thousands of bits that share most factors.
    """
    if not values:
        return None
    common = lcm(*(value.denominator for value in values))
    top = sum(value.numerator * (common // value.denominator) for value in values)
    return Fraction(top, common * len(values))


def ratio_text(value: Fraction | None, digits: int = DIGITS) -> str:
    """Decimal text with `digits` digits, rounded half to even; empty for None."""
    if value is None:
        return ""
    size, rest = divmod(abs(value.numerator) * 10**digits, value.denominator)
    if 2 * rest > value.denominator or (2 * rest == value.denominator and size % 2):
        size += 1
    whole, part = divmod(size, 10**digits)
    sign = "-" if value < 0 and size else ""
    return f"{sign}{whole}.{part:0{digits}d}"
