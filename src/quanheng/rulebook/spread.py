"""The widest spread a quote may have (chapter 3 一, Q-01; rules.md 10.1-1; readings A01, A02)."""

from quanheng.rulebook.calendar import expiry_rank
from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Day, Ratio, Ticks

BY_MONTH = "by calendar month"
"""The alternative of reading A32."""


def rank_on(book: Rulebook, last_day: Day, day: Day) -> int:
    """Rank 1 to 4 of a contract's expiry on a day as A32 is read; errors of `expiry_rank`."""
    return expiry_rank(book.calendar, last_day, day, by_month=book.readings["A32"] == BY_MONTH)


def band(book: Rulebook, rank: int) -> tuple[int, int, Ticks]:
    """(num, den, floor): the allowed spread of a bid b is max(num x b, den x floor) / den ticks.

    ValueError for a rank that is not 1 to 4.
    """
    bands = book.duty.bands
    # Without the test rank 0 would index from the end and pass as the far band.
    if not 1 <= rank <= len(bands):
        raise ValueError(f"spread: expiry rank {rank} is not 1 to {len(bands)}")
    return bands[rank - 1]


def cap(book: Rulebook, bid: Ticks, rank: int) -> Ratio:
    """The allowed spread A(bid) as an exact ratio in ticks; never rounded."""
    num, den, floor = band(book, rank)
    return max(num * bid, den * floor), den


def widest_ask(book: Rulebook, bid: Ticks, rank: int) -> Ticks:
    """The highest ask that complies with a bid."""
    allowed, den = cap(book, bid, rank)
    return bid + allowed // den


def complies(book: Rulebook, bid: Ticks, ask: Ticks, rank: int) -> bool:
    """True when bid and ask are two-sided (a price of 0 is no side) and not wider than allowed."""
    allowed, den = cap(book, bid, rank)
    return ask > bid > 0 and den * (ask - bid) <= allowed
