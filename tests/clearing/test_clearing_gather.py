"""Clearing's inputs joined from the exchange's tables and the members' fills."""

import numpy as np
import pytest

from quanheng.clearing import gather
from quanheng.clearing import messages as msg
from quanheng.kernels.pack import unpack
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.contract import Chain, Contract, OptionClass
from quanheng.terms.market import ASK, BID, COLUMNS, OPEN_INTEREST, PHASE, SLOT
from quanheng.terms.orders import Trade

AUCTION_END, CLOSE = 1_000, 9_000
PHASES = np.array(
    [
        [0, 500, Phase.OPENING],
        [0, AUCTION_END, Phase.CONTINUOUS],
        [0, 8_000, Phase.CLOSING],
        [0, CLOSE, Phase.CLOSED],
        [1, CLOSE, Phase.CLOSED],
    ],
    dtype=np.int64,
)
# slot, at, price, qty, buyer, seller, buy order at, sell order at, buy limit, sell limit, aggressor
TRADES = np.array(
    [
        [0, AUCTION_END, 500, 2, 3, 1, 600, 700, 1, 1, -1],
        [0, 2_000, 505, 4, 3, -1, 1_500, 2_000, 1, 0, 1],
        [1, 2_500, 80, 1, -1, 0, 2_000, 2_500, 1, 1, 1],
        [0, 3_000, 510, 1, 1, 3, 3_000, 3_000, 1, 1, 1],
        [0, CLOSE, 520, 6, -1, -1, 8_500, 8_600, 1, 1, -1],
    ],
    dtype=np.int64,
)


def chain() -> Chain:
    """Two contracts of which only the code matters."""
    numbers = dict.fromkeys(Contract.__struct_fields__, 0)
    rows = tuple(Contract(**{**numbers, "code": code}) for code in ("10000001", "10000002"))
    return Chain(20240627, rows, (OptionClass("510050", "50ETF", 0, 2),))


def fill(side: Side, effect: Effect, price: int, qty: int) -> Trade:
    """A reported fill in slot 0."""
    head = ("A000000001", "10000001", 1, 1)
    return Trade(*head, price, qty, 0, side, effect, False, 0, 0, 0)


FILLS = {
    3: [
        fill(Side.BUY, Effect.OPEN, 500, 2),
        fill(Side.BUY, Effect.OPEN, 505, 4),
        fill(Side.SELL, Effect.CLOSE, 510, 1),
    ]
}


def test_clearing_gather_effects_and_roles() -> None:
    """Effects come from the fills, roles from whose order came last, also within a millisecond; the
    rest is the public.
    """
    rows = unpack(gather.trades_cleared(chain(), TRADES, FILLS).rows, msg.TRADE_COLUMNS)
    public = msg.PUBLIC
    both = rows[:, msg.BUYER : msg.SELLER + 1].tolist()
    assert both == [[0, public], [0, public], [public] * 2, [public, 0], [public] * 2]
    effects = rows[[0, 1, 3], [msg.BUYER_EFFECT, msg.BUYER_EFFECT, msg.SELLER_EFFECT]]
    assert effects.tolist() == [Effect.OPEN, Effect.OPEN, Effect.CLOSE]
    roles = rows[[0, 1, 3], [msg.BUYER_ROLE, msg.BUYER_ROLE, msg.SELLER_ROLE]]
    assert [msg.ROLES[role] for role in roles] == ["auction", "provider", "taker"]


def test_clearing_gather_refuses_what_does_not_match() -> None:
    """A trade without its fill, a fill without its trade and a wrong price are all errors."""
    with pytest.raises(ValueError, match="trade 3 of 10000001, 1 at 510"):
        gather.trades_cleared(chain(), TRADES, {3: FILLS[3][:2]})
    more = [*FILLS[3], fill(Side.BUY, Effect.OPEN, 1, 1)]
    with pytest.raises(ValueError, match="1 reported fills are no trades"):
        gather.trades_cleared(chain(), TRADES, {3: more})
    wrong = [fill(Side.BUY, Effect.OPEN, 501, 2), *FILLS[3][1:]]
    with pytest.raises(ValueError, match="trade 0 of 10000001, 2 at 500"):
        gather.trades_cleared(chain(), TRADES, {3: wrong})


def test_clearing_gather_market_close() -> None:
    """Closing rows: the closing-auction price only from the uncross, the last trade, and the sides
    of continuous trading, not the closing auction's virtual ones.
    """
    seen = gather.last_seen(2)
    rows = np.zeros((2, COLUMNS), dtype=np.int64)
    rows[:, SLOT] = (0, 1)
    rows[:, PHASE] = Phase.CONTINUOUS
    rows[:, BID], rows[:, ASK], rows[:, OPEN_INTEREST] = (515, 78), (525, 82), (39, 50)
    seen.take(rows)
    rows[:, PHASE] = Phase.CLOSING
    rows[:, BID], rows[:, ASK], rows[:, OPEN_INTEREST] = (520, 80), (520, 80), (40, 50)
    seen.take(rows)
    closing = unpack(gather.market_close(seen, TRADES, PHASES).rows, msg.CLOSE_COLUMNS)
    assert closing.tolist() == [[0, 520, 520, CLOSE, 515, 525, 40], [1, 0, 80, 2_500, 78, 82, 50]]
