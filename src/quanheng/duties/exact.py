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


def total(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Sum of numerator / denominator as one such pair, not in lowest terms; (0, 1) of nothing.

    Neighbours are added pairwise, so that numbers grow long only in the last few additions.
    """
    left = list(pairs) or [(0, 1)]
    while len(left) > 1:
        odd = left[-1:] if len(left) % 2 else []
        left = [
            (a * d + c * b, b * d) for (a, b), (c, d) in zip(left[0:-1:2], left[1::2], strict=False)
        ] + odd
    return left[0]


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
