"""Position limits of an account per underlying (rules.md 4)."""

from quanheng.rulebook.model import Positions, Rulebook


def limits(book: Rulebook, underlying: str) -> Positions:
    """Ordinary limits; a market maker's own limits are granted one by one and override these."""
    return book.positions
