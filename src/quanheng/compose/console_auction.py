"""The call auction as it would be now: virtual price, matched, unmatched, and what our quote does.

During an auction the feed has the virtual price and volume on both first levels and what stays
unmatched behind them (interfaces.md 4.1). What our own quote does is worked out at that price,
which is exact as long as the price does not move by it: without our side the other side's volume
there is what it was, and ours is less.
"""

from quanheng.compose.console_board import PLACE
from quanheng.desk.frames import EMPTY, Cells, Row, Rows
from quanheng.maker import columns as c
from quanheng.maker.state import State
from quanheng.rulebook import quote_size
from quanheng.terms import market
from quanheng.terms.codes import Phase

AUCTIONS = (Phase.OPENING, Phase.INTRADAY, Phase.CLOSING)
WHOLE = 1_000
"""The board's share of the allowed spread that is all of it, in tenths of a per cent."""


def auction(state: State, boards: dict[int, Cells]) -> Rows:
    """A row per contract that is in a call auction; nothing while none runs."""
    opened = state.opened
    assert opened is not None, "a day is open"
    out: Rows = {}
    for klass, item in enumerate(opened.chain.classes):
        cells = boards.get(klass)
        for slot in range(item.start, item.stop):
            if int(state.view.rows[slot, market.PHASE]) in AUCTIONS:
                one = opened.chain.contracts[slot]
                spread = EMPTY if cells is None else int(cells[slot - item.start, PLACE["spread"]])
                out[one.code] = {
                    "contract": one.code, "name": one.trading_code, "underlying": item.underlying,
                    **_row(state, slot, spread),
                }  # fmt: skip
    return out


def _row(state: State, slot: int, spread: int) -> Row:
    opened = state.opened
    assert opened is not None, "a day is open"
    row, work = state.view.rows[slot], state.work[slot]
    ask = c.W_COLUMNS
    bid, bid_qty = int(work[c.W_LIVE_PX]), int(work[c.W_LIVE_QTY])
    offer, offer_qty = int(work[ask + c.W_LIVE_PX]), int(work[ask + c.W_LIVE_QTY])
    price, matched = int(row[market.BID]), int(row[market.AUCTION_QTY])
    left_buy, left_sell = int(row[market.BID_QTY + 1]), int(row[market.ASK_QTY + 1])
    buys, sells = effect(price, bid, bid_qty, offer, offer_qty)
    without = min(matched + left_buy - buys, matched + left_sell - sells)
    least = quote_size.minimum(opened.rulebook, Phase(int(row[market.PHASE])))
    both = bid_qty >= least and offer_qty >= least
    return {
        "phase": int(row[market.PHASE]), "price": price, "matched": matched,
        "left_buy": left_buy, "left_sell": left_sell,
        "bid": bid if bid_qty else 0, "bid_qty": bid_qty,
        "ask": offer if offer_qty else 0, "ask_qty": offer_qty, "spread": _share(spread),
        "counts": int(both and spread != EMPTY and spread <= WHOLE),
        "trades": buys - sells, "adds": matched - max(0, without) if price else 0,
        "close": opened.chain.contracts[slot].previous_settle,
    }  # fmt: skip


def effect(price: int, bid: int, bid_qty: int, ask: int, ask_qty: int) -> tuple[int, int]:
    """(contracts of our bid, of our offer) that stand at the virtual price or better."""
    if not price:
        return 0, 0
    return (bid_qty if bid >= price else 0), (ask_qty if ask and ask <= price else 0)


def _share(spread: int) -> int | None:
    return None if spread == EMPTY else spread
