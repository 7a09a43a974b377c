"""One day of a checked dataset as the indices and arrays `day.measure_day` reads."""

from collections.abc import Sequence

import msgspec
import numpy as np

from quanheng.duties.conditions import Conditions, Subject, subject
from quanheng.duties.dataset import DatasetError
from quanheng.duties.day import NO_ROWS, DayTables
from quanheng.duties.orders import ASK, BID, OrderRow, effective_quotes
from quanheng.duties.readings import DEPTH, TWO_SIDED
from quanheng.duties.tables import Dataset, Table, Text, rows_of
from quanheng.terms.codes import PHASE_LETTERS, Phase
from quanheng.terms.days import iso
from quanheng.terms.units import Day, DayNanos

Membership = dict[tuple[str, str], str]
"""(maker, underlying) -> kind, "primary" or "general", on one day."""


QUOTED = ("bid", "bid_qty", "ask", "ask_qty")


def numbers(table: Table, column: str) -> np.ndarray:
    """An int64 column."""
    values = table[column]
    if isinstance(values, Text):
        raise TypeError(f"{column} is a text column")
    return values


def words(table: Table, column: str) -> Text:
    """A text column."""
    values = table[column]
    if not isinstance(values, Text):
        raise TypeError(f"{column} is not a text column")
    return values


def trading_days(dataset: Dataset, first: Day, last: Day) -> tuple[Day, ...]:
    """Days with listed contracts in [first, last], ascending."""
    days = np.unique(numbers(dataset.tables["contracts"], "day"))
    return tuple(day for day in days.tolist() if first <= day <= last)


def membership(dataset: Dataset, day: Day) -> Membership:
    """Who is a maker of what on a day (table `makers`, `since` and `until` inclusive)."""
    table = dataset.tables["makers"]
    maker, underlying, kind = (words(table, name) for name in ("maker", "underlying", "kind"))
    since, until = numbers(table, "since").tolist(), numbers(table, "until").tolist()
    return {
        (maker[row], underlying[row]): kind[row]
        for row in range(len(since))
        if since[row] <= day and (until[row] == 0 or day <= until[row])
    }


def day_tables(dataset: Dataset, day: Day, terms: Conditions) -> DayTables:
    """The arrays of one day. DatasetError when a contract has no phases at all, or when a reading
    needs a table that is absent.
    """
    tables = dataset.tables
    listed = _of_day(tables["contracts"], day)
    contract = words(listed, "contract")
    order = np.argsort([contract[row] for row in range(len(contract))], kind="stable").tolist()
    subjects = [_subject(listed, row, terms) for row in order]
    place = {item.contract: index for index, item in enumerate(subjects)}
    kinds = membership(dataset, day)
    makers = tuple(sorted({maker for maker, _ in kinds}))
    seat = {maker: index for index, maker in enumerate(makers)}
    active = [[(maker, item.underlying) in kinds for item in subjects] for maker in makers]
    phases, trades = _of_day(tables["phases"], day), _of_day(tables["trades"], day)
    inquiries, market = _of_day(tables["inquiries"], day), _of_day(tables["market"], day)
    letters = words(phases, "phase")
    _check_phases(day, phases, place)
    options = terms.options
    if (options.base or options.locked or options.mid) and not len(numbers(market, "at")):
        raise DatasetError(
            "market", 0, f"no rows on {iso(day)}, but readings A01, A07, A31 need it"
        )
    sides = [_moved(words(trades, name), seat) for name in ("buyer", "seller")]
    found = DayTables(
        day=day,
        terms=terms,
        subjects=subjects,
        makers=makers,
        active=np.array(active, dtype=np.int64).reshape(len(makers), len(subjects)),
        phase_contract=_moved(words(phases, "contract"), place),
        phase_at=numbers(phases, "at"),
        phase=_moved(letters, {letter: index for index, letter in enumerate(PHASE_LETTERS)}),
        trade_contract=_moved(words(trades, "contract"), place),
        trade_at=numbers(trades, "at"),
        trade_price=numbers(trades, "price"),
        trade_qty=numbers(trades, "qty"),
        parties=np.column_stack(sides),
        quote_contract=NO_ROWS,
        quote_maker=NO_ROWS,
        quotes=NO_ROWS.reshape(0, 5),
        inquiry_contract=_moved(words(inquiries, "contract"), place),
        inquiry_at=numbers(inquiries, "at"),
        market_contract=_moved(words(market, "contract"), place),
        market=np.column_stack([numbers(market, name) for name in ("at", *QUOTED)]),
        exemptions=_exemptions(_of_day(tables["exemptions"], day), seat, subjects),
    )
    if options.quotes == DEPTH and rows_of(tables["quotes"]):
        return with_quotes(found, _of_day(tables["quotes"], day))
    return _from_orders(found, _of_day(tables["orders"], day))


def with_quotes(tables: DayTables, quotes: Table) -> DayTables:
    """The same day with these rows of table `quotes` (sorted by contract, maker, at)."""
    place = {item.contract: index for index, item in enumerate(tables.subjects)}
    maker = _moved(
        words(quotes, "maker"), {maker: index for index, maker in enumerate(tables.makers)}
    )
    own = maker >= 0
    columns = [numbers(quotes, name)[own] for name in ("at", *QUOTED)]
    return msgspec.structs.replace(
        tables,
        quote_contract=_moved(words(quotes, "contract"), place)[own],
        quote_maker=maker[own],
        quotes=np.column_stack(columns),
    )


def _from_orders(tables: DayTables, orders: Table) -> DayTables:
    """The same day with quotes made from table `orders` as A03 reads several orders."""
    options = tables.terms.options
    if options.quotes != DEPTH and not rows_of(orders):
        raise DatasetError(
            "orders", 0, f"no rows on {iso(tables.day)}, but the reading of A03 needs it"
        )
    place = {item.contract: index for index, item in enumerate(tables.subjects)}
    seat = {maker: index for index, maker in enumerate(tables.makers)}
    contract, maker = _moved(words(orders, "contract"), place), _moved(words(orders, "maker"), seat)
    side, order = words(orders, "side"), words(orders, "order")
    price, qty = numbers(orders, "price").tolist(), numbers(orders, "qty").tolist()
    groups: dict[tuple[int, int], list[OrderRow]] = {}
    for row, at in enumerate(numbers(orders, "at").tolist()):
        if maker[row] >= 0:
            one = (at, order[row], BID if side[row] == "B" else ASK, price[row], qty[row])
            groups.setdefault((int(contract[row]), int(maker[row])), []).append(one)
    rows = []
    for (at_contract, at_maker), own in sorted(groups.items()):
        kept = tables.phase_contract == at_contract
        phases = zip(tables.phase_at[kept].tolist(), tables.phase[kept].tolist(), strict=True)
        found = effective_quotes(
            own,
            [(at, Phase(phase)) for at, phase in phases],
            tables.terms.size,
            tables.terms.auction_size,
            options.quotes,
            partial=options.domain == TWO_SIDED,
        )
        rows += [(at_contract, at_maker, *quote) for quote in found]
    made = np.array(rows, dtype=np.int64).reshape(len(rows), 7)
    return msgspec.structs.replace(
        tables, quote_contract=made[:, 0], quote_maker=made[:, 1], quotes=made[:, 2:]
    )


def _of_day(table: Table, day: Day) -> Table:
    rows = numbers(table, "day") == day
    return {
        name: Text(column.codes[rows], column.words) if isinstance(column, Text) else column[rows]
        for name, column in table.items()
    }


def _moved(column: Text, place: dict[str, int]) -> np.ndarray:
    """Index of each row's word in `place`, -1 for words it does not have."""
    moved = np.array([place.get(word, -1) for word in column.words], dtype=np.int64)
    return moved[column.codes] if len(column.codes) else np.zeros(0, dtype=np.int64)


def _subject(listed: Table, row: int, terms: Conditions) -> Subject:
    value = {
        name: int(numbers(listed, name)[row])
        for name in ("expiry_rank", "limit_up", "limit_down", "last_trade", "previous_settle")
    }
    rank = value.pop("expiry_rank")
    return subject(
        terms,
        contract=words(listed, "contract")[row],
        underlying=words(listed, "underlying")[row],
        underlying_type=words(listed, "underlying_type")[row],
        rank=rank,
        **value,
    )


def _check_phases(day: Day, phases: Table, place: dict[str, int]) -> None:
    contract = words(phases, "contract")
    missing = sorted(set(place) - {contract.words[code] for code in np.unique(contract.codes)})
    if missing:
        raise DatasetError("phases", 0, f"no rows for contract {missing[0]} on {iso(day)}")


def _exemptions(
    table: Table, seat: dict[str, int], subjects: Sequence[Subject]
) -> list[tuple[int, int, DayNanos, DayNanos]]:
    found: list[tuple[int, int, DayNanos, DayNanos]] = []
    since, until = numbers(table, "from").tolist(), numbers(table, "until").tolist()
    for row in range(len(since)):
        maker = seat.get(words(table, "maker")[row], -1)
        contract, underlying = words(table, "contract")[row], words(table, "underlying")[row]
        if maker < 0:
            continue
        for index, item in enumerate(subjects):
            if item.contract == contract or (not contract and item.underlying == underlying):
                found.append((maker, index, since[row], until[row]))
    return found
