"""The venue's Record rows as input tables of the duty dataset.

Record columns (all int64, times in Nanos, maker = index into `makers`, -1 nobody):
quotes (maker, slot, at, bid, bid_qty, ask, ask_qty); trades (slot, at, price, qty, buyer, seller,
buy_order_at, sell_order_at, buy_limit, sell_limit, aggressor: the side whose order came last, 0
buy, 1 sell, -1 in an auction or unknown; the dataset has no column for it); phases (slot, at,
phase); inquiries (slot, at, number). Rows may come in any order of slots but in order of time; of
quotes and phases with one key and instant the last stands, as duty_dataset.md 1 wants each instant
once.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.tables import (
    READING_TABLES,
    Dataset,
    Table,
    Text,
    empty_table,
    text_column,
)
from quanheng.duties.tables import TABLES as SPECS
from quanheng.rulebook import spread
from quanheng.rulebook.model import Rulebook
from quanheng.terms.codes import PHASE_LETTERS
from quanheng.terms.contract import Chain
from quanheng.terms.days import midnight
from quanheng.terms.units import Day, Nanos, Slot

Ints = npt.NDArray[np.int64]

WIDTHS = {"quotes": 7, "trades": 11, "phases": 3, "inquiries": 3}
"""Columns of each Record table."""


class MakerEntry(msgspec.Struct, frozen=True):
    """A maker with duties in every class of the chain. `until` 0 = open."""

    maker: str
    kind: str  # "primary" or "general"
    since: Day
    until: Day = 0


class Exemption(msgspec.Struct, frozen=True):
    """An approved exemption of one maker in one contract, [since, until)."""

    maker: int
    slot: Slot
    since: Nanos
    until: Nanos
    reason: str


class _Frame(msgspec.Struct):
    """Order of contracts and makers as text, and the day's midnight."""

    day: Day
    start: Nanos
    codes: tuple[str, ...]  # sorted
    rank: Ints  # slot -> place in codes
    makers: tuple[str, ...]  # sorted, "" first
    seat: Ints  # maker index + 1 -> place in makers


def input_tables(
    chain: Chain,
    book: Rulebook,
    makers: Sequence[MakerEntry],
    rows: Mapping[str, Ints],
    exemptions: Sequence[Exemption] = (),
) -> Dataset:
    """The day's dataset. `rows` int64[n, width] by Record table; an absent table is empty."""
    codes = tuple(sorted(item.code for item in chain.contracts))
    place = {code: index for index, code in enumerate(codes)}
    words = tuple(sorted({"", *(entry.maker for entry in makers)}))
    seat = {word: index for index, word in enumerate(words)}
    frame = _Frame(
        day=chain.day,
        start=midnight(chain.day),
        codes=codes,
        rank=np.array([place[item.code] for item in chain.contracts], dtype=np.int64),
        makers=words,
        seat=np.array([seat[""], *(seat[entry.maker] for entry in makers)], dtype=np.int64),
    )
    given = {
        name: np.asarray(rows.get(name, ()), dtype=np.int64).reshape(-1, width)
        for name, width in WIDTHS.items()
    }
    tables: dict[str, Table] = {
        name: empty_table(spec) for name, spec in SPECS.items() if name not in READING_TABLES
    }
    tables["contracts"] = contracts_table(chain, book)
    tables["makers"] = _makers(chain, makers)
    tables["quotes"] = _quotes(frame, given["quotes"])
    tables["trades"] = _trades(frame, given["trades"])
    tables["phases"] = _phases(frame, given["phases"])
    tables["inquiries"] = _inquiries(frame, given["inquiries"])
    if exemptions:
        tables["exemptions"] = _exemptions(frame, chain, makers, exemptions)
    return Dataset(tables)


def contracts_table(chain: Chain, book: Rulebook) -> Table:
    """Table `contracts` of a chain, by code; `last_trade` is the previous close."""
    items = sorted(chain.contracts, key=lambda item: item.code)

    def column(values: Sequence[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    ranks = [spread.rank_on(book, item.last_day, chain.day) for item in items]
    return {
        "day": column([chain.day] * len(items)),
        "contract": text_column([item.code for item in items]),
        "underlying": text_column([item.underlying for item in items]),
        "underlying_type": text_column([item.underlying_type for item in items]),
        "expiry_rank": column(ranks),
        "kind": text_column([item.kind for item in items]),
        "strike": column([item.strike for item in items]),
        "unit": column([item.unit for item in items]),
        "limit_up": column([item.limit_up for item in items]),
        "limit_down": column([item.limit_down for item in items]),
        "previous_settle": column([item.previous_settle for item in items]),
        "last_trade": column([item.previous_close for item in items]),
        "designated": column([0] * len(items)),
    }


def _makers(chain: Chain, makers: Sequence[MakerEntry]) -> Table:
    pairs = [(entry, klass.underlying) for entry in makers for klass in chain.classes]
    return {
        "maker": text_column([entry.maker for entry, _ in pairs]),
        "underlying": text_column([underlying for _, underlying in pairs]),
        "kind": text_column([entry.kind for entry, _ in pairs]),
        "since": np.array([entry.since for entry, _ in pairs], dtype=np.int64),
        "until": np.array([entry.until for entry, _ in pairs], dtype=np.int64),
    }


def _last_of_each(keys: Sequence[Ints]) -> Ints:
    """Row order by `keys` (most significant first), only the last row of equal keys."""
    order = np.lexsort(tuple(reversed(keys)))
    if len(order) < 2:
        return order
    repeated = np.ones(len(order) - 1, dtype=bool)
    for key in keys:
        ordered = key[order]
        repeated &= ordered[1:] == ordered[:-1]
    kept: Ints = order[np.append(~repeated, True)]
    return kept


def _base(frame: _Frame, contract: Ints, at: Ints) -> dict[str, Ints | Text]:
    return {
        "day": np.full(len(at), frame.day, dtype=np.int64),
        "contract": Text(contract, frame.codes),
        "at": at - frame.start,
    }


def _quotes(frame: _Frame, rows: Ints) -> Table:
    contract, maker = frame.rank[rows[:, 1]], frame.seat[rows[:, 0] + 1]
    keep = _last_of_each((contract, maker, rows[:, 2]))
    names = ("bid", "bid_qty", "ask", "ask_qty")
    values = {name: rows[keep, 3 + index] for index, name in enumerate(names)}
    base = _base(frame, contract[keep], rows[keep, 2])
    return {**base, "maker": Text(maker[keep], frame.makers), **values}


def _phases(frame: _Frame, rows: Ints) -> Table:
    contract = frame.rank[rows[:, 0]]
    keep = _last_of_each((contract, rows[:, 1]))
    letters = Text(rows[keep, 2], tuple(PHASE_LETTERS))
    return {**_base(frame, contract[keep], rows[keep, 1]), "phase": letters}


def _trades(frame: _Frame, rows: Ints) -> Table:
    contract = frame.rank[rows[:, 0]]
    order = np.lexsort((rows[:, 1], contract))
    rows = rows[order]
    return {
        **_base(frame, contract[order], rows[:, 1]),
        "price": rows[:, 2],
        "qty": rows[:, 3],
        "buyer": Text(frame.seat[np.maximum(rows[:, 4], -1) + 1], frame.makers),
        "seller": Text(frame.seat[np.maximum(rows[:, 5], -1) + 1], frame.makers),
        "buy_order_at": rows[:, 6] - frame.start,
        "sell_order_at": rows[:, 7] - frame.start,
        "buy_limit": rows[:, 8],
        "sell_limit": rows[:, 9],
    }


def _inquiries(frame: _Frame, rows: Ints) -> Table:
    contract = frame.rank[rows[:, 0]]
    order = np.lexsort((rows[:, 1], contract))
    ids = text_column([str(number) for number in rows[order, 2].tolist()])
    return {**_base(frame, contract[order], rows[order, 1]), "inquiry": ids}


def _exemptions(
    frame: _Frame, chain: Chain, makers: Sequence[MakerEntry], given: Sequence[Exemption]
) -> Table:
    contracts = [chain.contracts[item.slot] for item in given]
    return {
        "day": np.full(len(given), frame.day, dtype=np.int64),
        "maker": text_column([makers[item.maker].maker for item in given]),
        "contract": text_column([contract.code for contract in contracts]),
        "underlying": text_column([contract.underlying for contract in contracts]),
        "from": np.array([item.since - frame.start for item in given], dtype=np.int64),
        "until": np.array([item.until - frame.start for item in given], dtype=np.int64),
        "reason": text_column([item.reason for item in given]),
    }
