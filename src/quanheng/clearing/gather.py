"""Clearing's inputs from what the exchange recorded of the day.

The exchange's tables name participants and order times; position effects are in the fills that it
reported to each member. Joining the two is a check in itself: every fill of a member must be a
trade of the market, in order, and the other way round.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.clearing import messages as msg
from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.codes import Phase, Side
from quanheng.terms.contract import Chain
from quanheng.terms.orders import Trade

Table = npt.NDArray[np.int64]

# The exchange's table "trades".
SLOT, AT, PRICE, QTY, BUY_FROM, SELL_FROM = 0, 1, 2, 3, 4, 5
BUY_ORDER_AT, SELL_ORDER_AT, BUY_LIMIT, SELL_LIMIT = 6, 7, 8, 9
AGGRESSOR = 10  # side whose order came last, 0 buy, 1 sell; -1: an auction


def trades_cleared(chain: Chain, trades: Table, fills: dict[int, list[Trade]]) -> msg.TradesCleared:
    """Cleared rows from the table "trades" and each participant's own fills, in report order.

    `fills` goes by participant number, and account n is its n-th key in ascending order; every
    other participant is the public. ValueError names the first trade that a member's fills do not
    confirm, or how many fills no trade confirms.
    """
    accounts = {participant: index for index, participant in enumerate(sorted(fills))}
    queues = _queues(chain, fills)
    out = np.zeros((len(trades), msg.TRADE_COLUMNS), dtype=np.int64)
    out[:, : msg.BUYER] = trades[:, : msg.BUYER]
    out[:, msg.BUYER : msg.SELLER + 1] = msg.PUBLIC
    own = np.flatnonzero(np.isin(trades[:, BUY_FROM : SELL_FROM + 1], sorted(fills)).any(axis=1))
    for index in own.tolist():
        row = trades[index].tolist()
        for seller, side in enumerate((Side.BUY, Side.SELL)):
            participant = row[BUY_FROM + seller]
            if participant not in accounts:
                continue
            queue = queues.get((participant, row[SLOT], side), [])
            fill = queue.pop() if queue else None
            if fill is None or (fill.price, fill.qty) != (row[PRICE], row[QTY]):
                raise ValueError(
                    f"trade {index} of {chain.contracts[row[SLOT]].code}, {row[QTY]} at "
                    f"{row[PRICE]}: participant {participant} was reported {fill}"
                )
            out[index, msg.BUYER + seller] = accounts[participant]
            out[index, msg.BUYER_EFFECT + seller] = int(fill.effect)
            out[index, msg.BUYER_COVERED + seller] = int(fill.covered)
            out[index, msg.BUYER_ROLE + seller] = msg.ROLES.index(_role(row, seller))
    left = sum(len(queue) for queue in queues.values())
    if left:
        raise ValueError(f"{left} reported fills are no trades of the exchange")
    return msg.TradesCleared(pack(out))


def _queues(
    chain: Chain, fills: dict[int, list[Trade]]
) -> dict[tuple[int, int, Side], list[Trade]]:
    """Fills by participant, slot and side, last first, so that `pop` gives the earliest."""
    slots = {contract.code: slot for slot, contract in enumerate(chain.contracts)}
    queues: dict[tuple[int, int, Side], list[Trade]] = {}
    for participant, trades in fills.items():
        for fill in reversed(trades):
            key = (participant, slots[fill.contract], fill.side)
            queues.setdefault(key, []).append(fill)
    return queues


def _role(row: list[int], seller: int) -> str:
    """Fee role of a market maker's side: provider when its limit order is the earlier one
    (rules.md 6). Times do not tell: orders of one millisecond come one after the other too.
    """
    if row[AGGRESSOR] < 0:
        return "auction"
    earlier = row[AGGRESSOR] != seller
    return "provider" if row[BUY_LIMIT + seller] == 1 and earlier else "taker"


class LastSeen(msgspec.Struct):
    """What the feed showed last: open interest at all, best bid and ask in continuous trading.

    The closing auction shows a virtual price on both sides and every order is void after it, so
    the best bid and ask "at the close" of rules.md 2.8 are those that continuous trading ended on.
    A full image comes each minute: feeding the ticks from 14:55 on is enough.
    """

    bid: np.ndarray  # int64[slots]
    ask: np.ndarray
    interest: np.ndarray

    def take(self, rows: Table) -> None:
        """Rows of one ChainTick, int64[n, market.COLUMNS]."""
        slots = rows[:, market.SLOT]
        self.interest[slots] = rows[:, market.OPEN_INTEREST]
        trading = rows[rows[:, market.PHASE] == Phase.CONTINUOUS]
        self.bid[trading[:, market.SLOT]] = trading[:, market.BID]
        self.ask[trading[:, market.SLOT]] = trading[:, market.ASK]


def last_seen(slots: int) -> LastSeen:
    """Nothing seen yet of a chain of `slots` contracts."""
    return LastSeen(*(np.zeros(slots, dtype=np.int64) for _ in range(3)))


def market_close(seen: LastSeen, trades: Table, phases: Table) -> msg.MarketClose:
    """Closing rows from the feed's last state and the tables "trades" and "phases"."""
    count = len(seen.bid)
    rows = np.zeros((count, msg.CLOSE_COLUMNS), dtype=np.int64)
    rows[:, msg.CLOSE_SLOT] = np.arange(count)
    rows[:, msg.BEST_BID] = seen.bid
    rows[:, msg.BEST_ASK] = seen.ask
    rows[:, msg.OPEN_INTEREST] = seen.interest
    # The trades are in time order, so the last assignment per slot is the last trade.
    rows[trades[:, SLOT], msg.LAST_PRICE] = trades[:, PRICE]
    rows[trades[:, SLOT], msg.LAST_AT] = trades[:, AT]
    closing = np.full(count, -1, dtype=np.int64)
    ends = phases[phases[:, 2] == Phase.CLOSED]
    closing[ends[:, 0]] = ends[:, 1]
    at_close = trades[trades[:, AT] == closing[trades[:, SLOT]]]
    rows[at_close[:, SLOT], msg.AUCTION_PRICE] = at_close[:, PRICE]
    return msg.MarketClose(pack(rows))
