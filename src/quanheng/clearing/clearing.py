"""The clearing machine: folds a day's trades and settles it when the closing data is complete.

Order of a day: ClearingOpen, TradesCleared as often as needed, the public's register, exercises and
disposal transfers where there are any, then MarketClose and UnderlyingClose in either order; the
later of the two settles the day and nothing may follow.
"""

from typing import Any, ClassVar, assert_never

import msgspec
import numpy as np

from quanheng.books import margin_use, positions
from quanheng.books.combinations import relief, tied
from quanheng.clearing import combined, dayend, disposal, expiry
from quanheng.clearing import messages as msg
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook import fees
from quanheng.runtime.envelope import Envelope
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.codes import Effect, Side


class State(msgspec.Struct):
    """Everything clearing knows of the day."""

    opened: msg.ClearingOpen | None
    books: list[positions.Book]  # by account index
    public: np.ndarray  # int64[slots], net position of everybody who is no account
    handling: list[int]  # Money by account
    settlement: list[int]
    trades: int
    volume: int
    market: bytes  # MarketClose rows
    closes: tuple[int, ...]
    sealed: bool
    register: bytes  # PublicRegister rows
    claims: bytes  # Exercises rows
    combined: bytes  # CombinationsHeld rows
    transfers: bytes  # DisposalTransfers rows


class Clearing:
    """The machine. Errors name the day and what was out of order."""

    NAME: ClassVar[str] = "clearing"
    INPUT: ClassVar[Any] = msg.Input
    EFFECT: ClassVar[Any] = msg.Effect
    DIGESTED: ClassVar[tuple[type, ...]] = ()

    def __init__(self) -> None:
        """An empty clearing house; ClearingOpen begins its day."""
        public = np.zeros(0, dtype=np.int64)
        self.state = State(None, [], public, [], [], 0, 0, b"", (), False, b"", b"", b"", b"")

    def apply(self, envelope: Envelope[msg.Input]) -> list[msg.Effect]:
        """Take one input; the effects of the day's end come with the last of them."""
        body = envelope.body
        state = self.state
        match body:
            case msg.ClearingOpen():
                _open(state, body)
            case msg.TradesCleared():
                _trades(state, body)
            case msg.PublicRegister():
                expiry.check_register(_running(state), body.rows)
                state.register = body.rows
            case msg.CombinationsHeld():
                combined.check(_running(state), body.rows)
                state.combined = body.rows
            case msg.Exercises():
                expiry.check_claims(_running(state), body.rows)
                state.claims = body.rows
            case msg.DisposalTransfers():
                disposal.check(_running(state), body.rows)
                state.transfers = body.rows
            case msg.MarketClose():
                _running(state)
                state.market = body.rows
            case msg.UnderlyingClose():
                opened = _running(state)
                if len(body.closes) != len(opened.chain.classes):
                    raise ValueError(
                        f"clearing of {opened.day}: {len(body.closes)} underlying closes for "
                        f"{len(opened.chain.classes)} classes"
                    )
                state.closes = body.closes
            case _:
                assert_never(body)
        if state.market and state.closes and not state.sealed:
            state.sealed = True
            return _settle(state)
        return []

    def snapshot(self) -> bytes:
        """The whole state."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot."""
        self.state = decode_state(data, State)

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)


def _running(state: State) -> msg.ClearingOpen:
    if state.opened is None:
        raise ValueError("clearing: the day is not open yet")
    if state.sealed:
        raise ValueError(f"clearing of {state.opened.day}: the day is sealed")
    return state.opened


def _open(state: State, body: msg.ClearingOpen) -> None:
    if state.opened is not None:
        raise ValueError(f"clearing: {body.day} after {state.opened.day}; a run is one day")
    contracts = body.chain.contracts
    state.opened = body
    state.public = np.zeros(len(contracts), dtype=np.int64)
    for account in body.accounts:
        book = positions.open_book(len(contracts), account.cash)
        for slot, long, short, covered in unpack(account.held, msg.HELD_COLUMNS).tolist():
            contract = contracts[slot]
            price, unit = contract.previous_settle, contract.unit
            positions.load(book, slot, long, short, covered, price, unit)
        # Whatever the accounts hold, the public stands on the other side of it.
        state.public -= positions.nets(book)
        state.books.append(book)
        state.handling.append(0)
        state.settlement.append(0)


def _trades(state: State, body: msg.TradesCleared) -> None:
    """The public's side in columns, because it is nearly everything; accounts row by row."""
    opened = _running(state)
    rows = unpack(body.rows, msg.TRADE_COLUMNS)
    slots, quantities = rows[:, msg.TRADE_SLOT], rows[:, msg.TRADE_QTY]
    both = rows[:, msg.BUYER : msg.SELLER + 1]
    for name, bad in (
        ("slot", (slots < 0) | (slots >= len(state.public))),
        ("quantity", quantities <= 0),
        ("account", np.any((both < msg.PUBLIC) | (both >= len(opened.accounts)), axis=1)),
    ):
        if bad.any():
            first = int(np.argmax(bad))
            raise ValueError(
                f"clearing of {opened.day}: trade row {first} has a bad {name}: "
                f"{rows[first].tolist()}"
            )
    state.trades += len(rows)
    state.volume += int(quantities.sum())
    bought, sold = both[:, 0] == msg.PUBLIC, both[:, 1] == msg.PUBLIC
    np.add.at(state.public, slots[bought], quantities[bought])
    np.subtract.at(state.public, slots[sold], quantities[sold])
    for row in rows[~(bought & sold)].tolist():
        if row[msg.BUYER] != msg.PUBLIC:
            _fold(state, opened, row[msg.BUYER], Side.BUY, row)
        if row[msg.SELLER] != msg.PUBLIC:
            _fold(state, opened, row[msg.SELLER], Side.SELL, row)


def _fold(state: State, opened: msg.ClearingOpen, account: int, side: Side, row: list[int]) -> None:
    """One side of a trade into its account's book, with its fees (rules.md 6)."""
    seller = int(side == Side.SELL)
    slot, qty = row[msg.TRADE_SLOT], row[msg.TRADE_QTY]
    effect = Effect(row[msg.BUYER_EFFECT + seller])
    covered = row[msg.BUYER_COVERED + seller] == 1
    maker = opened.accounts[account].maker
    role = msg.ROLES[row[msg.BUYER_ROLE + seller]] if maker else "ordinary"
    handling = fees.handling(opened.rulebook, side, effect, covered, role, qty)
    settlement = fees.settlement(opened.rulebook, side, effect, covered, role, qty)
    state.handling[account] += handling
    state.settlement[account] += settlement
    positions.apply_trade(
        state.books[account],
        slot,
        side,
        effect,
        covered,
        qty,
        row[msg.TRADE_PRICE],
        opened.chain.contracts[slot].unit,
        handling + settlement,
    )


def _settle(state: State) -> list[msg.Effect]:
    """Dissolve, net, price, deliver, exercise, charge margin, state every account's cash, seal."""
    opened = state.opened
    assert opened is not None
    held, kept = combined.dissolve(opened, state.combined)
    slots = len(opened.chain.contracts)
    netted = [
        positions.net_at_close(book, tied(slots, held[index]))
        for index, book in enumerate(state.books)
    ]
    prices, steps = dayend.settle_day(opened, state.market, state.closes, netted)
    effects: list[msg.Effect] = [msg.SettlementPrices(opened.day, pack(prices))]
    settles = prices[:, msg.SETTLE_PRICE]
    margins = margin_use.maintenance(opened.chain, opened.rulebook, settles, state.closes)
    plain = (settles.tolist(), state.closes, margins.tolist())
    used = [
        margin_use.total(book, margins) - relief(opened.chain, opened.rulebook, held[index], *plain)
        for index, book in enumerate(state.books)
    ]
    if state.combined:
        effects.append(kept)
    orders = expiry.Orders(state.register, state.claims, state.transfers)
    evening = expiry.evening(opened, state.books, used, state.closes, orders)
    effects.extend(evening.effects)
    imbalance = state.public.copy()
    for index, book in enumerate(state.books):
        count = sum(closed.short + closed.covered for closed in netted[index])
        name = opened.accounts[index].name
        effects.append(msg.ClearedPositions(name, dayend.held_rows(book), count))
        charged = (state.handling[index], state.settlement[index])
        extra = evening.money(index)
        effects.extend(dayend.money_of(opened, index, book, charged, settles, used[index], extra))
        imbalance += positions.nets(book)
    total = int(np.abs(imbalance).sum())
    off = expiry.register_off(opened, state.register, state.public)
    effects.append(msg.Seal(opened.day, state.trades, state.volume, total, steps, off))
    return effects
