"""The clearing machine's evening of an expiry and the delivery of the day after (rules.md 5)."""

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.books import positions
from quanheng.clearing import disposal, exercise
from quanheng.clearing import messages as msg
from quanheng.clearing.exercise import Claim, Holding, Means, Move
from quanheng.kernels.pack import pack, unpack
from quanheng.terms.units import Money, Ticks

Table = npt.NDArray[np.int64]


class Orders(NamedTuple):
    """What the exchange hands over for the evening: REGISTER, CLAIM and TRANSFER rows."""

    register: bytes
    claims: bytes
    transfers: bytes


class Evening(msgspec.Struct):
    """What exercise and delivery did: effects, and by account exercise fees, delivery cash and
    penalties.
    """

    effects: list[msg.Exercised | msg.DeliveriesMade | msg.Disposed]
    fees: dict[int, Money]
    cash: dict[int, Money]
    penalties: dict[int, Money]

    def money(self, account: int) -> tuple[Money, Money, Money]:
        """(exercise fee, delivery, penalty) of an account."""
        return (
            self.fees.get(account, 0),
            self.cash.get(account, 0),
            self.penalties.get(account, 0),
        )


def _rows(rows: list[tuple[int, ...]], columns: int) -> bytes:
    return pack(np.array(rows, dtype=np.int64).reshape(-1, columns))


def check_register(opened: msg.ClearingOpen, rows: bytes) -> None:
    """ValueError for a row of an account, contract or quantity that cannot be."""
    table = unpack(rows, msg.REGISTER_COLUMNS)
    bad = (table < 0).any(axis=1) | (table[:, msg.REGISTER_ACCOUNT] >= len(opened.public))
    bad |= table[:, msg.REGISTER_SLOT] >= len(opened.chain.contracts)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"clearing of {opened.day}: register row {first} is wrong: {table[first].tolist()}"
        )


def check_claims(opened: msg.ClearingOpen, rows: bytes) -> None:
    """ValueError for a claim of an account or contract that does not exist."""
    table = unpack(rows, msg.CLAIM_COLUMNS)
    accounts = len(opened.accounts) + len(opened.public)
    slots = len(opened.chain.contracts)
    bad = (table[:, :3] < 0).any(axis=1) | (table[:, 0] >= accounts)
    bad |= (table[:, 1] >= slots) | (table[:, 3] >= slots)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"clearing of {opened.day}: exercise {first} is wrong: {table[first].tolist()}"
        )


def register_off(opened: msg.ClearingOpen, rows: bytes, public: Table) -> int:
    """Slots where the register's net differs from the public's net of trades; 0 without one."""
    if not opened.public:
        return 0
    nets = np.zeros(len(opened.chain.contracts), dtype=np.int64)
    for _, slot, long, short in unpack(rows, msg.REGISTER_COLUMNS).tolist():
        nets[slot] += long - short
    return int((nets != public).sum())


def evening(
    opened: msg.ClearingOpen,
    books: list[positions.Book],
    used: list[Money],
    closes: tuple[Ticks, ...],
    orders: Orders,
) -> Evening:
    """Deliver what yesterday left, move disposals, then exercise what expires today; cash goes into
    the books.

    `used` is the maintenance margin by account, which an exercise cannot be paid with.
    """
    found = Evening([], {}, {}, {})
    classes = len(opened.chain.classes)
    stock = [list(one.units) or [0] * classes for one in opened.accounts]
    if opened.deliveries:
        moves = [Move(*row) for row in unpack(opened.deliveries, msg.MOVE_COLUMNS).tolist()]
        held = [tuple(units) for units in stock]
        unlimited = [None] * len(opened.public)
        rates = opened.rulebook.rates
        known = [*held, *unlimited]
        made, fines = exercise.deliver(moves, known, closes, rates.fail_cash, rates.fail_penalty)
        rows = _rows(list(made), msg.DELIVERED_COLUMNS)
        found.effects.append(msg.DeliveriesMade(rows, tuple(sorted(fines.items()))))
        for account, fine in fines.items():
            books[account].cash -= fine
            found.penalties[account] = fine
        for one in made:
            if one.account < len(books):
                found.cash[one.account] = found.cash.get(one.account, 0) + one.cash
                books[one.account].cash += one.cash
                stock[one.account][one.klass] += one.units
    if orders.transfers:
        found.effects.append(disposal.moved(opened, orders.transfers, stock))
    if any(row.last_day == opened.day for row in opened.chain.contracts):
        _exercise(opened, books, used, orders, stock, found)
    return found


def _exercise(
    opened: msg.ClearingOpen,
    books: list[positions.Book],
    used: list[Money],
    orders: Orders,
    stock: list[list[int]],
    found: Evening,
) -> None:
    means = [
        Means(book.cash - margin, tuple(units))
        for book, margin, units in zip(books, used, stock, strict=True)
    ]
    outcome = exercise.settle(
        opened.chain,
        opened.rulebook,
        [Claim(*row) for row in unpack(orders.claims, msg.CLAIM_COLUMNS).tolist()],
        holdings(opened, books, orders.register),
        [*means, *(Means(None, None) for _ in opened.public)],
        opened.seed,
    )
    for account, fee in outcome.fees.items():
        if account < len(books):
            books[account].cash -= fee
            found.fees[account] = fee
    found.effects.append(
        msg.Exercised(
            _rows(list(outcome.accepted), msg.CLAIM_COLUMNS),
            _rows(list(outcome.assigned), msg.ASSIGNED_COLUMNS),
            _rows(list(outcome.moves), msg.MOVE_COLUMNS),
            tuple(sorted(outcome.fees.items())),
        )
    )


def holdings(
    opened: msg.ClearingOpen, books: list[positions.Book], register: bytes
) -> list[Holding]:
    """Positions in what expires today: the accounts' after netting, then the public's."""
    last = [row.last_day == opened.day for row in opened.chain.contracts]
    out: list[Holding] = []
    for account, book in enumerate(books):
        some = np.flatnonzero(book.long_qty + book.short_qty + book.covered_qty)
        out += [
            Holding(
                account,
                slot,
                int(book.long_qty[slot]),
                int(book.short_qty[slot]),
                int(book.covered_qty[slot]),
            )
            for slot in some.tolist()
            if last[slot]
        ]
    for number, slot, long, short in unpack(register, msg.REGISTER_COLUMNS).tolist():
        if last[slot] and (long or short):
            out.append(Holding(len(books) + number, slot, long, short, 0))
    return out
