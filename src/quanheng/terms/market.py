"""Market data messages: option chain ticks, underlying ticks, inquiries.

A ChainTick carries rows of one class as packed int64 columns (`quanheng.kernels.pack`): column
0 is the Slot, the others are the constants below. A row is the contract's whole state, so a row
replaces what was known; rows appear when something changed, and for every contract in a full
image (each minute and at phase changes, borders.md 4).
"""

import msgspec

from quanheng.terms.units import Lots, Money, Nanos, Ticks

SLOT = 0
PHASE = 1  # Phase value
FLAGS = 2  # bit 0..2: covered-open, sell-open, buy-open barred; bit 3: accepts orders
LAST = 3  # last trade price, 0 if none today
OPEN = 4
HIGH = 5
LOW = 6
VOLUME = 7  # contracts traded today
TURNOVER = 8  # Money traded today
OPEN_INTEREST = 9
AUCTION_PRICE = 10  # dynamic reference price (breaker reference)
AUCTION_QTY = 11  # virtual matched quantity during a call auction
BID = 12  # five levels: BID + 0 … BID + 4; 0 where empty
BID_QTY = 17
ASK = 22
ASK_QTY = 27
COLUMNS = 32
LEVELS = 5


class ChainTick(msgspec.Struct, frozen=True, array_like=True, tag="tick"):
    """Snapshot rows of one class at one exchange stamp."""

    klass: int  # index into Chain.classes
    at: Nanos  # exchange stamp, whole milliseconds
    image: bool  # True when every contract of the class is present
    rows: bytes  # kernels.pack of int64[n, COLUMNS], ordered by slot


class UnderlyingTick(msgspec.Struct, frozen=True, array_like=True):
    """Five-level snapshot of one ETF. Quantities in fund units."""

    klass: int
    phase: int  # Phase value
    last: Ticks
    volume: Lots
    turnover: Money
    bids: tuple[Ticks, ...]  # best first, up to five
    bid_qty: tuple[Lots, ...]
    asks: tuple[Ticks, ...]
    ask_qty: tuple[Lots, ...]


class UnderlyingTicks(msgspec.Struct, frozen=True, array_like=True, tag="etf"):
    """Snapshots of every underlying at one exchange stamp."""

    at: Nanos
    ticks: tuple[UnderlyingTick, ...]


class Inquiry(msgspec.Struct, frozen=True, array_like=True, tag="inquiry"):
    """An inquiry (询价) forwarded to the market makers of the class (interfaces.md 2.7)."""

    inquiry: str  # exchange-unique id, 18 characters at most
    contract: str
    side: int  # 0 both, else Side
    qty: Lots  # 0 unspecified
    at: Nanos
    expires: Nanos
