"""The widest spread a quote may have (chapter 3 一, Q-01; rules.md 10.1-1; readings A01, A02)."""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Ratio, Ticks


def band(book: Rulebook, rank: int) -> tuple[int, int, Ticks]:
    """(num, den, floor): the allowed spread of a bid b is max(num x b, den x floor) / den ticks."""
    return book.duty.bands[rank - 1]


def cap(book: Rulebook, bid: Ticks, rank: int) -> Ratio:
    """The allowed spread A(bid) as an exact ratio in ticks; never rounded."""
    num, den, floor = book.duty.bands[rank - 1]
    return max(num * bid, den * floor), den


def widest_ask(book: Rulebook, bid: Ticks, rank: int) -> Ticks:
    """The highest ask that complies with a bid."""
    allowed, den = cap(book, bid, rank)
    return bid + allowed // den


def complies(book: Rulebook, bid: Ticks, ask: Ticks, rank: int) -> bool:
    """True when bid and ask are two-sided and not wider than allowed."""
    allowed, den = cap(book, bid, rank)
    return ask > bid and den * (ask - bid) <= allowed
