"""The smallest quantity of a quote that counts (chapter 3 二, Q-02)."""

from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import Phase
from quanheng.terms.units import Lots

_AUCTIONS = (Phase.OPENING, Phase.INTRADAY, Phase.CLOSING)


def minimum(book: Rulebook, phase: Phase) -> Lots:
    """Contracts on each side: 10 in continuous trading, 1 in a call auction, 0 elsewhere."""
    if phase == Phase.CONTINUOUS:
        return book.duty.size_continuous
    return book.duty.size_auction if phase in _AUCTIONS else 0
