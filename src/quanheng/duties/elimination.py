"""Year-end elimination of one class's makers (E-10; chapter 5 五; rules.md 10.5)."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import msgspec

from quanheng.duties.readings import ALL_OUT, NONE_OUT, Choices
from quanheng.rulebook.model import Rating

SPARED = ("AA", "A")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A primary maker's year in a class; the last three are means over its rated months."""

    maker: str
    months: int
    score: Fraction
    grade: str
    weighted: Fraction | None
    spread_ratio: Fraction | None
    volume_ratio: Fraction | None


class Outcome(msgspec.Struct, frozen=True):
    """Who goes and why; `tied` are the makers whose scores were equal at the cut."""

    out: dict[str, str]  # maker -> YEAR_D or LAST_20
    tied: tuple[str, ...]


def places(share: tuple[int, int], count: int) -> int:
    """A share of a number of makers, half up (rules.md 10.5: K = floor(0.2 n + 0.5))."""
    num, den = share
    return (2 * num * count + den) // (2 * den)


def worst_first(one: Standing) -> tuple[Any, ...]:
    """Sort key: score, then weighted participation, spread ratio, volume ratio (A24)."""
    return (
        one.score,
        Fraction(-1) if one.weighted is None else one.weighted,
        (0, 0) if one.spread_ratio is None else (1, -one.spread_ratio),
        Fraction(-1) if one.volume_ratio is None else one.volume_ratio,
        one.maker,
    )


def eliminate(standings: Sequence[Standing], rules: Rating, choices: Choices) -> Outcome:
    """Apply the three steps to the primary makers of a class.

    1. less than three months: not considered. 2. every D goes. 3. with fewer D than the last
    share of all primary makers, the lowest scores fill it, except those rated A or better.
    """
    pool = [one for one in standings if one.months >= rules.months_min]
    counted = pool if choices.long_only else standings
    wanted = places(rules.eliminated_share, len(counted))
    out = {one.maker: "YEAR_D" for one in pool if one.grade == "D"}
    if len(out) >= wanted:
        return Outcome(out, ())
    if choices.all_d:
        ranked, size = sorted(pool, key=worst_first), wanted
    else:
        ranked = sorted((one for one in pool if one.grade != "D"), key=worst_first)
        size = wanted - len(out)
    last, tied = _cut(ranked, size, choices.tie)
    for one in last:
        if one.grade not in SPARED:
            out.setdefault(one.maker, "LAST_20")
    return Outcome(out, tied)


def _cut(
    ranked: Sequence[Standing], size: int, reading: int
) -> tuple[list[Standing], tuple[str, ...]]:
    """The `size` lowest of a ranking, and who shared the score at the cut."""
    if size <= 0 or size >= len(ranked):
        return list(ranked[: max(size, 0)]), ()
    score = ranked[size - 1].score
    if ranked[size].score != score:
        return list(ranked[:size]), ()
    tied = tuple(sorted(one.maker for one in ranked if one.score == score))
    if reading == ALL_OUT:
        return [one for one in ranked if one.score <= score], tied
    if reading == NONE_OUT:
        return [one for one in ranked if one.score < score], tied
    return list(ranked[:size]), tied
