"""What is left of a month to win or lose (rules.md 10.7): exact best and worst, misses left."""

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.class_day import ClassDay
from quanheng.duties.grade import Scale, ladder_factor
from quanheng.duties.period import continuous


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Weighted participation of a month: so far, and at best and worst at its end."""

    days: int  # with time owed so far, today included
    ahead: int  # days after today
    so_far: Fraction | None
    best: Fraction | None
    worst: Fraction | None
    closing_missed: int
    misses_left: int  # closings that may still be missed before the ladder's next step down


def reach(
    scale: Scale,
    days: Sequence[ClassDay],
    today: ClassDay,
    best: Fraction | None,
    worst: Fraction | None,
    ahead: int,
) -> Reach:
    """The month of one class. `days` are complete, `today` is as far as it is, with the best and
    worst participation that it can still reach; `ahead` days come after it.
    """
    so_far = continuous(scale, [*days, today])
    replaced = msgspec.structs.replace
    top = replaced(
        today,
        participation=best,
        opening_effective=1 if today.opening_effective is None else today.opening_effective,
        closing_effective=1 if today.closing_effective is None else today.closing_effective,
    )
    low = replaced(
        today,
        participation=worst,
        opening_effective=today.opening_effective or 0,
        closing_effective=today.closing_effective or 0,
    )
    whole = replaced(top, participation=Fraction(1), opening_effective=1, closing_effective=1)
    none = replaced(low, participation=Fraction(0), opening_effective=0, closing_effective=0)
    plain = {"volatility_auctions": 0, "volatility_joined": 0}
    high = continuous(scale, [*days, top, *[replaced(whole, **plain)] * ahead])
    least = continuous(scale, [*days, low, *[replaced(none, **plain)] * ahead])
    closings = [day.closing_effective for day in (*days, top) if day.closing_effective is not None]
    missed, total = closings.count(0), len(closings) + ahead
    return Reach(
        days=sum(day.participation is not None for day in (*days, today)),
        ahead=ahead,
        so_far=so_far.weighted if so_far else None,
        best=high.weighted if high else None,
        worst=least.weighted if least else None,
        closing_missed=missed,
        misses_left=_misses_left(scale, missed, total),
    )


def _misses_left(scale: Scale, missed: int, total: int) -> int:
    """Closings that may still be missed while the ladder's factor stays what it can be at best."""
    if total == 0:
        return 0
    now = ladder_factor(scale, Fraction(total - missed, total))
    more = 0
    while missed + more + 1 <= total:
        if ladder_factor(scale, Fraction(total - missed - more - 1, total)) != now:
            break
        more += 1
    return more
