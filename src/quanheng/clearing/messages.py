"""What the clearing house takes in and hands out.

Tables travel as `kernels.pack` bytes of int64 rows; the column constants are here. An account
index is the position in `ClearingOpen.accounts`; -1 is everybody else (the public), which clearing
keeps as one net position per contract so that longs and shorts always balance.
"""

import msgspec

from quanheng.books.combinations import STRATEGIES
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain
from quanheng.terms.units import Day, Lots, Money, Ticks

PUBLIC = -1

# TradesCleared rows
TRADE_SLOT = 0
TRADE_AT = 1  # Nanos
TRADE_PRICE = 2
TRADE_QTY = 3
BUYER = 4  # account index or PUBLIC
SELLER = 5
BUYER_EFFECT = 6  # Effect value; of no meaning for PUBLIC
SELLER_EFFECT = 7
BUYER_COVERED = 8  # 1 when the side is covered
SELLER_COVERED = 9
BUYER_ROLE = 10  # index into ROLES
SELLER_ROLE = 11
TRADE_COLUMNS = 12

ROLES = ("ordinary", "provider", "taker", "auction")
"""Fee roles of a side of a trade (rules.md 6), by their code in the role columns."""

# MarketClose rows
CLOSE_SLOT = 0
AUCTION_PRICE = 1  # closing-auction trade price, 0 when it gave none
LAST_PRICE = 2  # last trade of the day, 0 when there was none
LAST_AT = 3  # Nanos of that trade
BEST_BID = 4  # at the close, 0 where empty
BEST_ASK = 5
OPEN_INTEREST = 6  # before netting
CLOSE_COLUMNS = 7

# SettlementPrices rows
PRICE_SLOT = 0
CLOSE_PRICE = 1
SETTLE_PRICE = 2
NETTED_INTEREST = 3  # open interest after netting
STEP = 4  # which step of rules.md 2.8 gave the price, 1 to 6
PRICE_COLUMNS = 5

# ClearedPositions rows
HELD_SLOT = 0
HELD_LONG = 1
HELD_SHORT = 2
HELD_COVERED = 3
HELD_COLUMNS = 4

# PublicRegister rows; the public's accounts are numbered from 0
REGISTER_ACCOUNT = 0
REGISTER_SLOT = 1
REGISTER_LONG = 2
REGISTER_SHORT = 3
REGISTER_COLUMNS = 4

# Rows of claims, assignments and moves; accounts first, then the public's accounts
CLAIM_COLUMNS = 4  # account, slot, contracts, slot of the put of a combined exercise or -1
ASSIGNED_COLUMNS = 4  # account, slot, contracts, those of the covered bucket
MOVE_COLUMNS = 4  # account, class, units, Money
DELIVERED_COLUMNS = 5  # account, class, units, Money, units settled in cash

# CombinationsHeld rows
COMBINED_ACCOUNT = 0
COMBINED_NUMBER = 1  # the combination id as a number
COMBINED_STRATEGY = 2  # place in STRATEGY_CODES
COMBINED_FIRST = 3  # slots in the order of the strategy
COMBINED_SECOND = 4
COMBINED_UNITS = 5
COMBINED_COLUMNS = 6

TRANSFER_COLUMNS = 4
"""Account, class, units, 1 when they come back from the disposal account."""

STRATEGY_CODES = tuple(STRATEGIES)


class Account(msgspec.Struct, frozen=True, array_like=True):
    """An account at the open: cash and packed HELD rows, valued at the previous settlement."""

    name: str
    maker: bool  # designated market maker: its trades take the maker's fee roles
    cash: Money
    held: bytes = b""
    units: tuple[Lots, ...] = ()  # of the underlyings, by class; empty: none
    disposal: tuple[Lots, ...] = ()  # units in its member's disposal account, by class


class ClearingOpen(msgspec.Struct, frozen=True, array_like=True, tag="clearing_open"):
    """Begins a day. `money_rate_ppm`: continuous yearly rate behind model prices (step 5).

    `public` names the accounts of the public's register, `deliveries` are packed MOVE rows that
    yesterday's exercises left for today, `seed` decides lots.
    """

    day: Day
    chain: Chain
    rulebook: Rulebook
    accounts: tuple[Account, ...]
    money_rate_ppm: int = 20_000
    one_sided_step_2: bool = False  # step 2 of the settlement price in its original text
    public: tuple[str, ...] = ()
    deliveries: bytes = b""
    seed: int = 0


class TradesCleared(msgspec.Struct, frozen=True, array_like=True, tag="trades"):
    """Trades as the exchange matched them: packed rows of TRADE_COLUMNS."""

    rows: bytes


class PublicRegister(msgspec.Struct, frozen=True, array_like=True, tag="register"):
    """The exchange's register of the public's accounts at the close: packed REGISTER rows."""

    rows: bytes


class CombinationsHeld(msgspec.Struct, frozen=True, array_like=True, tag="combinations"):
    """Combinations of the accounts at the close: packed COMBINED rows."""

    rows: bytes


class Exercises(msgspec.Struct, frozen=True, array_like=True, tag="exercises"):
    """Exercise orders of the day, in order of time: packed CLAIM rows. Come before the closes."""

    rows: bytes


class DisposalTransfers(msgspec.Struct, frozen=True, array_like=True, tag="transfers"):
    """Disposal transfers that stood at the close, in order of time: packed TRANSFER rows."""

    rows: bytes


class MarketClose(msgspec.Struct, frozen=True, array_like=True, tag="market_close"):
    """The closing state of every contract: packed rows of CLOSE_COLUMNS, each slot once."""

    rows: bytes


class UnderlyingClose(msgspec.Struct, frozen=True, array_like=True, tag="underlying_close"):
    """Closing price of each underlying, in the order of the chain's classes."""

    closes: tuple[Ticks, ...]


class SettlementPrices(msgspec.Struct, frozen=True, array_like=True, tag="settlement_prices"):
    """Effect: close, settlement and open interest of every contract (the content of clpr03)."""

    day: Day
    rows: bytes


class ClearedPositions(msgspec.Struct, frozen=True, array_like=True, tag="cleared"):
    """Effect: an account after netting: packed HELD rows and what was netted, in contracts."""

    account: str
    rows: bytes
    netted: int


class CashStatement(msgspec.Struct, frozen=True, array_like=True, tag="cash"):
    """Effect: an account's money of the day (rules.md 5, last line). free = cash - margin."""

    account: str
    opening_cash: Money
    premium: Money  # received less paid
    handling_fee: Money
    settlement_fee: Money
    cash: Money
    margin: Money  # maintenance margin of the shorts left after netting
    free: Money
    equity: Money  # cash and positions at the settlement prices
    exercise_fee: Money = 0
    delivery: Money = 0  # received less paid for what yesterday's exercises moved
    penalty: Money = 0  # for units that were not delivered


class MarginCall(msgspec.Struct, frozen=True, array_like=True, tag="margin_call"):
    """Effect: a deficit to be made good before 11:30 of the next trading day (rules.md 3.5)."""

    account: str
    deficit: Money
    deadline: int  # Nanos


class CombinationsKept(msgspec.Struct, frozen=True, array_like=True, tag="kept"):
    """Effect: combinations that live on, and those the clearing house dissolved: COMBINED rows."""

    rows: bytes
    dissolved: bytes


class Exercised(msgspec.Struct, frozen=True, array_like=True, tag="exercised"):
    """Effect: an expiry's evening: packed CLAIM rows taken, ASSIGNED rows, MOVE rows due on the
    next trading day, and (account, Money) pairs of fees.
    """

    accepted: bytes
    assigned: bytes
    moves: bytes
    fees: tuple[tuple[int, Money], ...]


class DeliveriesMade(msgspec.Struct, frozen=True, array_like=True, tag="delivered"):
    """Effect: what today's delivery moved: packed DELIVERED rows, and (account, Money) pairs of
    penalties for what was not delivered.
    """

    rows: bytes
    penalties: tuple[tuple[int, Money], ...] = ()


class Disposed(msgspec.Struct, frozen=True, array_like=True, tag="disposed"):
    """Effect: what disposal transfers moved: packed TRANSFER rows."""

    rows: bytes


class Seal(msgspec.Struct, frozen=True, array_like=True, tag="seal"):
    """Effect: the day is cleared; totals that must agree with the exchange's."""

    day: Day
    trades: int
    volume: int  # contracts, each trade once
    imbalance: int  # sum over slots of |longs - shorts over all accounts|: 0
    steps: tuple[int, ...]  # contracts priced by step 1 to 6
    register_off: int = 0  # slots where the public's register differs from its trades


Input = (
    ClearingOpen
    | TradesCleared
    | PublicRegister
    | CombinationsHeld
    | Exercises
    | DisposalTransfers
    | MarketClose
    | UnderlyingClose
)
Effect = (
    SettlementPrices
    | ClearedPositions
    | CashStatement
    | MarginCall
    | CombinationsKept
    | Exercised
    | DeliveriesMade
    | Disposed
    | Seal
)
