"""The circuit breaker of a contract (熔断, rules.md 2.5)."""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Nanos, Ticks


def distance(book: Rulebook, reference: Ticks) -> Ticks:
    """Smallest move from the reference that triggers: half of it, and at least ten ticks."""
    num, den = book.prices.breaker_ratio
    return max(-(-num * reference // den), book.prices.breaker_steps)


def triggered(book: Rulebook, price: Ticks, reference: Ticks) -> bool:
    """True when a trade at `price` calls an intraday auction."""
    return abs(price - reference) >= distance(book, reference)


def band(book: Rulebook, reference: Ticks) -> tuple[Ticks, Ticks]:
    """(low, high): the widest prices that do not trigger; low is at least 1."""
    room = distance(book, reference) - 1
    return max(1, reference - room), reference + room


def auction_nanos(book: Rulebook) -> Nanos:
    """Length of the intraday call auction."""
    return book.prices.breaker_auction


def no_cancel_nanos(book: Rulebook) -> Nanos:
    """Length of the no-cancel window at its end."""
    return book.prices.breaker_no_cancel
