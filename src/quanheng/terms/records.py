"""Records that the ladder reads: what was granted, agreed, filed, measured, by whom and until when.

They come in with the day's opening or by command. A record says who stands behind it; what has
expired is as if it had never been (L-03, L-10, R-03).
"""

import msgspec

from quanheng.terms.units import Day, Nanos


class LimitRecord(msgspec.Struct, frozen=True, array_like=True):
    """One approved limit of a scope, in the limit's own unit, from `since` to before `until`.

    `until` 0: without end. `basis` is the decision or letter it rests on (R-03).
    """

    scope: str
    name: str
    value: int
    since: Nanos
    until: Nanos
    basis: str
    by: str
    seconded_by: str = ""


class FigureRecord(msgspec.Struct, frozen=True, array_like=True):
    """A figure that another system worked out, good until `until`: `value` in its own unit.

    Names: "var" of "*" (Money), and of an underlying "other_long", "other_total",
    "other_buy_open": the counts of the firm's other account, working orders included (L-06).
    """

    scope: str
    name: str
    value: int
    source: str
    at: Nanos
    until: Nanos


class Agreement(msgspec.Struct, frozen=True, array_like=True):
    """A signed agreement, supplement or letter about one underlying (L-10); `until` 0 open."""

    underlying: str
    reference: str
    since: Day
    until: Day = 0


class AccountRecord(msgspec.Struct, frozen=True, array_like=True):
    """An account reported to the exchange for an underlying or "*" on a day.

    `old` is an account that is being left after a confirmed switch (L-06).
    """

    scope: str
    account: str
    reported: Day
    old: bool = False


class StrategyRelease(msgspec.Struct, frozen=True, array_like=True):
    """A strategy's version with its release (I-10) and its filing for program trading.

    `filed` 0: not filed. `until` is the last day, 0 without end.
    """

    strategy: str
    version: str
    filed: Day
    maker: str
    checker: str
    until: Day = 0
