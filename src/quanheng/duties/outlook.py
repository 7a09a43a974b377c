"""How far a day's duty is from being lost, in exact arithmetic (rules.md 10.7).

Every function takes time that complied, time that was owed so far and time still to come, in
nanoseconds, and assumes that all of the time to come will be owed: a halt, a breaker or a limit
state takes from it, and the figures follow when it does.
"""

from collections.abc import Sequence
from fractions import Fraction

from quanheng.duties.exact import mean
from quanheng.rulebook.phases import Span
from quanheng.terms.codes import Phase
from quanheng.terms.units import DayNanos, Nanos, Ratio


def remaining(spans: Sequence[Span], at: DayNanos) -> Nanos:
    """Continuous trading time from `at` to the end of a normal day."""
    return sum(
        max(0, span.stop - max(span.start, at)) for span in spans if span.phase == Phase.CONTINUOUS
    )


def slack(good: Nanos, owed: Nanos, ahead: Nanos, share: Ratio) -> Nanos:
    """Longest time without a compliant quote after which `share` is still reached.

    Below 0 the duty is lost by that much.
    """
    num, den = share
    return (den * (good + ahead) - num * (owed + ahead)) // den


def best(good: Nanos, owed: Nanos, ahead: Nanos) -> Fraction | None:
    """Participation when everything from now on complies; None when nothing will be owed."""
    return Fraction(good + ahead, owed + ahead) if owed + ahead else None


def worst(good: Nanos, owed: Nanos, ahead: Nanos) -> Fraction | None:
    """Participation when nothing from now on complies."""
    return Fraction(good, owed + ahead) if owed + ahead else None


def needed(contracts: int, share: Ratio, rounded: int = 0) -> int:
    """Smallest count of contracts that is at least `share` of them; `rounded` 1: that number half
    up instead of up (A09).
    """
    num, den = share
    return (2 * num * contracts + den) // (2 * den) if rounded else -(-num * contracts // den)


def class_slack(slacks: Sequence[Nanos], share: Ratio) -> Nanos:
    """Longest time without any quote in the class after which coverage is still reached.

    Coverage lasts while the `needed`-th best contract does. ValueError without contracts.
    """
    if not slacks:
        raise ValueError("no contract has time in which a quote is owed")
    return sorted(slacks, reverse=True)[needed(len(slacks), share) - 1]


def carried_on(good: Nanos, owed: Nanos, ahead: Nanos, more: Nanos) -> Fraction | None:
    """Participation at the close when `more` of the time to come complies."""
    return Fraction(good + min(more, ahead), owed + ahead) if owed + ahead else None


def mixed_ratio(*parts: tuple[Fraction | None, Nanos]) -> Fraction | None:
    """Spread ratio of stretches of time, each (ratio, length); those without a ratio do not count.
    None when none does.
    """
    known = [(ratio, time) for ratio, time in parts if ratio is not None and time > 0]
    if not known:
        return None
    return sum((ratio * time for ratio, time in known), Fraction(0)) / sum(t for _, t in known)


def class_mean(values: Sequence[Fraction | None]) -> Fraction | None:
    """Mean over the contracts that have the figure (readings A05, A06)."""
    return mean([value for value in values if value is not None])
