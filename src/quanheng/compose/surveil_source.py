"""A run's or a dataset's day as records of surveillance (S-03).

Trades, quotes and makers of everybody come from the duty dataset; own trades in the underlyings and
the persons behind own trades from `reports/deals.csv` of a run; other accounts of the firm from a
book file, one trade a line: account, at (HH:MM:SS[.mmm]), contract or underlying, side, price, qty.
A side of a maker's effective quote is an order here: it lasts until its price changes, its quantity
grows or it is gone; where the dataset has table `orders`, those are taken instead.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from quanheng.compose.desk_tables import DEALS
from quanheng.compose.report_tables import read_csv, read_table
from quanheng.compose.run_folder import RunError, read_info
from quanheng.compose.surveil_file import RulesFile, bans_on, parties_of
from quanheng.compose.surveil_orders import codes_of, fills_of, from_orders, sides_of
from quanheng.duties.dataset import check_dataset
from quanheng.duties.tables import Dataset, Text
from quanheng.edge.dataset_files import read_dataset
from quanheng.oversight.surveillance import (
    DEAL,
    EXCHANGE,
    FIRST,
    ORDER,
    STEP,
    T_AT,
    T_BUYER,
    T_SELLER,
    T_SLOT,
    TRADE,
    Listed,
    Party,
    PersonDeal,
    Records,
    points,
)
from quanheng.terms.days import clock_text, from_clock, midnight
from quanheng.terms.units import MONEY_PER_YUAN, TICKS_PER_YUAN, Day

BOOK = ("account", "at", "contract", "side", "price", "qty")
"""Columns of a book file; price in yuan, side buy or sell."""
_SIDES = {"buy": 1, "sell": -1}


def records_of(source: Path, rules: RulesFile, day: Day = 0, book: Path | None = None) -> Records:
    """The records of a run's day, or of `day` of a dataset folder. RunError for a source or a book
    that cannot be read, DatasetError for tables that are wrong.
    """
    run = (source / "run.json").is_file()
    if run and day:
        raise RunError(f"{source}: a run has one day; --day is for a dataset")
    if not run and not day:
        raise RunError(f"{source}: not a run; a dataset needs --day")
    day = read_info(source).day if run else day
    folder = source / "dataset" if run else source
    dataset = check_dataset(read_dataset(folder, (day, day)))
    made = _Making(dataset, day, rules)
    if not made.contracts:
        raise RunError(f"{folder}: no contract on {day}")
    if run:
        made.own_deals(source)
    if book is not None:
        made.book(book)
    return made.records()


class _Making:
    """Records while they are put together."""

    def __init__(self, dataset: Dataset, day: Day, rules: RulesFile) -> None:
        self.tables, self.day, self.rules = dataset.tables, day, rules
        self.contracts, self.classes = _listed(self.tables["contracts"], day)
        self.slots = {row.code: slot for slot, row in enumerate(self.contracts)}
        self.parties = self._parties()
        self.seats = {party.name: seat for seat, party in enumerate(self.parties)}
        self.trades, self.trade_ids = self._trades()
        self.deals: list[tuple[int, ...]] = []
        self.persons: list[PersonDeal] = []
        self.extra: list[tuple[int, ...]] = []
        self.extra_ids: list[int] = []

    def _parties(self) -> tuple[Party, ...]:
        """The file's accounts, the makers, and whoever else is named in a trade."""
        found = {party.name: party for party in parties_of(self.rules)}
        makers = self.tables["makers"]["maker"]
        for name in makers.words if isinstance(makers, Text) else ():
            found.setdefault(name, Party(name, name, "maker"))
        for column in ("buyer", "seller"):
            words = self.tables["trades"][column]
            for name in words.words if isinstance(words, Text) else ():
                if name:
                    found.setdefault(name, Party(name, name, "other"))
        return tuple(found[name] for name in sorted(found))

    def _trades(self) -> tuple[np.ndarray, np.ndarray]:
        table = self.tables["trades"]
        out = np.zeros((len(table["day"]), TRADE), dtype=np.int64)
        out[:, T_SLOT] = codes_of(table["contract"], self.slots)
        out[:, T_BUYER] = codes_of(table["buyer"], self.seats)
        out[:, T_SELLER] = codes_of(table["seller"], self.seats)
        names = ("at", "price", "qty")
        for column, name in zip((1, 2, 3), names, strict=True):
            out[:, column] = np.asarray(table[name])
        out[:, 6], out[:, 7] = np.asarray(table["buy_order_at"]), np.asarray(table["sell_order_at"])
        numbers = np.arange(1, len(out) + 1, dtype=np.int64)
        kept = (np.asarray(table["day"]) == self.day) & (out[:, T_SLOT] >= 0)
        return out[kept], numbers[kept]

    def own_deals(self, run: Path) -> None:
        """`reports/deals.csv`: the persons behind own trades, and own trades in underlyings."""
        maker = next((p.name for p in self.parties if p.own and p.role == "maker"), "")
        for line, row in enumerate(read_table(run, "deals", DEALS), start=2):
            where = f"{run}/reports/deals.csv line {line}"
            at, code, side, _, qty, slot, klass = self._line(where, row)
            self.persons.append(PersonDeal(row["trader"], slot, klass, at, qty, row["client_id"]))
            if slot < 0 and maker:
                cash = _exact(where, row["amount"], MONEY_PER_YUAN)
                price = _exact(where, row["price"], TICKS_PER_YUAN)
                self.deals.append((self.seats[maker], klass, at, side, price, qty, cash))
            assert code, "read_table knows the column"

    def book(self, path: Path) -> None:
        """A book file. RunError names the line and what is wrong."""
        for line, row in enumerate(read_csv(path, BOOK), start=2):
            where = f"{path} line {line}"
            if row["account"] not in self.seats:
                raise RunError(f"{where}: account {row['account']!r} is not in the rules file")
            seat = self.seats[row["account"]]
            at, _, side, price, qty, slot, klass = self._line(where, row)
            if slot < 0:
                cash = price * qty * MONEY_PER_YUAN // TICKS_PER_YUAN
                self.deals.append((seat, klass, at, side, price, qty, cash))
            else:
                buyer, seller = (seat, -1) if side > 0 else (-1, seat)
                self.extra.append((slot, at, price, qty, buyer, seller, 0, 0))
                self.extra_ids.append(-line)

    def _line(self, where: str, row: dict[str, str]) -> tuple[int, str, int, int, int, int, int]:
        """(at, code, side, price, qty, slot or -1, class) of a line of deals or of a book."""
        code = row["contract"]
        slot = self.slots.get(code, -1)
        if slot < 0 and code not in self.classes:
            raise RunError(f"{where}: {code!r} is neither a contract nor an underlying of the day")
        klass = self.contracts[slot].klass if slot >= 0 else self.classes.index(code)
        if row["side"] not in _SIDES:
            raise RunError(f"{where}: side {row['side']!r} is neither buy nor sell")
        try:
            at, qty = from_clock(row["at"]), int(row["qty"])
        except ValueError as error:
            raise RunError(f"{where}: {error}") from error
        if qty < 1:
            raise RunError(f"{where}: qty {qty} is not positive")
        price = _exact(where, row["price"], TICKS_PER_YUAN)
        return at, code, _SIDES[row["side"]], price, qty, slot, klass

    def records(self) -> Records:
        """Everything, in the exchange's view."""
        trades, ids = self.trades, self.trade_ids
        if self.extra:
            more = np.array(self.extra, dtype=np.int64)
            trades = np.vstack([trades, more])
            ids = np.concatenate([ids, np.array(self.extra_ids, dtype=np.int64)])
            order = np.argsort(trades[:, T_AT], kind="stable")
            trades, ids = trades[order], ids[order]
        orders, bid, ask = self._quotes(trades)
        deals = np.array(sorted(self.deals, key=lambda row: row[2]), dtype=np.int64)
        return Records(
            day=self.day,
            view=EXCHANGE,
            classes=self.classes,
            contracts=self.contracts,
            parties=self.parties,
            trades=trades,
            trade_ids=ids,
            orders=orders,
            deals=deals.reshape(-1, DEAL),
            bid=bid,
            ask=ask,
            bans=bans_on(self.rules, self.day),
            persons=tuple(self.persons),
        )

    def _quotes(self, trades: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(orders, best bids, best asks) of all makers' effective quotes."""
        table = self.tables["quotes"]
        who, slot = codes_of(table["maker"], self.seats), codes_of(table["contract"], self.slots)
        names = ("at", "bid", "bid_qty", "ask", "ask_qty")
        rows = np.column_stack([np.asarray(table[name]) for name in names])
        kept = (np.asarray(table["day"]) == self.day) & (slot >= 0) & (who >= 0)
        who, slot, rows = who[kept], slot[kept], rows[kept]
        bid = np.zeros((len(self.contracts), points()), dtype=np.int64)
        ask = np.zeros_like(bid)
        instants = FIRST + STEP * np.arange(points())
        out: list[np.ndarray] = []
        fills = fills_of(trades)
        keys = who * len(self.contracts) + slot
        for key in sorted(set(keys.tolist())):
            mine = rows[keys == key]
            maker, contract = divmod(key, len(self.contracts))
            place = np.searchsorted(mine[:, 0], instants, side="right") - 1
            here = np.where((place >= 0)[:, None], mine[np.maximum(place, 0)], 0)
            bid[contract] = np.maximum(bid[contract], np.where(here[:, 2] > 0, here[:, 1], 0))
            offer = np.where(here[:, 4] > 0, here[:, 3], 0)
            lower = (offer > 0) & ((ask[contract] == 0) | (offer < ask[contract]))
            ask[contract][lower] = offer[lower]
            for side, columns in ((1, (0, 1, 2)), (-1, (0, 3, 4))):
                done = fills.get((maker, contract, side))
                out.append(sides_of(maker, contract, side, mine[:, columns], done))
        orders = np.vstack(out) if out else np.zeros((0, ORDER), dtype=np.int64)
        told = from_orders(self.tables["orders"], self.day, self.seats, self.slots, trades)
        if len(told):
            # Where single orders are told, quotes are only what they add up to.
            some = set(map(tuple, told[:, :2].tolist()))
            kept = [tuple(row) not in some for row in orders[:, :2].tolist()]
            orders = np.vstack([orders[np.array(kept, dtype=bool)], told])
        return orders[np.argsort(orders[:, 3], kind="stable")], bid, ask


def _listed(table: Any, day: Day) -> tuple[tuple[Listed, ...], tuple[str, ...]]:
    rows = [row for row in range(len(table["day"])) if int(table["day"][row]) == day]
    classes = tuple(sorted({table["underlying"][row] for row in rows}))
    found = tuple(
        Listed(
            table["contract"][row],
            classes.index(table["underlying"][row]),
            table["kind"][row] == "C",
            int(table["strike"][row]),
            int(table["unit"][row]),
            int(table["expiry_rank"][row]),
            int(table["previous_settle"][row]),
        )
        for row in rows
    )
    return found, classes


def _exact(where: str, text: str, scale: int) -> int:
    """A decimal amount as an integer. RunError when it is none, or not on the grid."""
    try:
        value = Fraction(text) * scale
    except (ValueError, ZeroDivisionError) as error:
        raise RunError(f"{where}: {text!r} is not an amount") from error
    if value.denominator != 1:
        raise RunError(f"{where}: {text} has more than four decimals")
    return int(value)


def named_evidence(ids: Sequence[str], day: Day) -> list[str]:
    """Evidence for people: lines of a book file named as such, instants as time of day."""

    def clock(found: re.Match[str]) -> str:
        return "@" + clock_text(midnight(day) + int(found[1]))

    named = (
        f"book line {name.removeprefix('trades#-')}" if name.startswith("trades#-") else name
        for name in ids
    )
    return [re.sub(r"@(\d+)", clock, name) for name in named]
