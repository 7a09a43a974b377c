"""Day end of a simulated day: clearing, closing files, reconciliation, the next day's opening."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec

from quanheng.books.positions import Closed, net_at_close
from quanheng.clearing import files as closing
from quanheng.clearing import messages as clear
from quanheng.clearing.clearing import Clearing
from quanheng.clearing.gather import market_close, trades_cleared
from quanheng.compose.day import World
from quanheng.exchange.layout import CASH, FEES
from quanheng.kernels.pack import unpack
from quanheng.rulebook.calendar import next_trading
from quanheng.runtime.envelope import Source
from quanheng.settlement import carry
from quanheng.settlement.reconcile import Item, differences
from quanheng.terms.days import from_clock
from quanheng.terms.orders import Trade
from quanheng.terms.units import MONEY_PER_YUAN, Day, Money
from quanheng.wire import mktdt00, mktdt03

CLOSE = from_clock("15:00")
CLEAR_AT = from_clock("16:00")
"""Settlement of premiums and fees starts (interfaces.md 6.4)."""


class Settled(msgspec.Struct):
    """What clearing said of our account, and what it found against us."""

    prices: clear.SettlementPrices
    positions: clear.ClearedPositions
    cash: clear.CashStatement
    seal: clear.Seal
    calls: int
    different: int  # positions that the maker's netted book and clearing disagree about
    money_off: Money  # clearing's cash less the venue's
    fee_off: Money  # the maker's fee estimate less clearing's
    next_day: Day
    trades: clear.TradesCleared
    offset: tuple[Closed, ...]  # what was netted at the close


def settle(world: World) -> Settled:
    """Feed clearing what the exchange recorded, let it work, reconcile.

    A day that was stopped early (`--until`) is cleared as it stands: nothing else goes on.

    ValueError when the venue's trades and the fills reported to us do not match one to one.
    """
    if not world.plan.until:
        world.simulation.run(world.midnight + CLEAR_AT)
    clearing = world.simulation.hosts[Clearing.NAME]
    said: dict[type[Any], Any] = {}
    inputs = list(_inputs(world))
    trades = next(body for body in inputs if isinstance(body, clear.TradesCleared))
    for number, body in enumerate(inputs):
        at = world.midnight + CLEAR_AT + number
        for effect in clearing.take(body, at, Source.VENUE):
            said[type(effect)] = effect
    world.cleared = tuple(said.values())
    positions, cash = said[clear.ClearedPositions], said[clear.CashStatement]
    book = copy.deepcopy(world.maker.state.book)
    offset = net_at_close(book)
    held = [(r[0], r[1], r[2], r[3]) for r in unpack(positions.rows, clear.HELD_COLUMNS).tolist()]
    fees = cash.handling_fee + cash.settlement_fee
    found = differences(world.reference.chain, book, held, cash.cash, fees)
    fund = world.venue.state.fund[0]
    return Settled(
        prices=said[clear.SettlementPrices],
        positions=positions,
        cash=cash,
        seal=said[clear.Seal],
        calls=int(clear.MarginCall in said),
        different=sum(item.item not in (Item.CASH, Item.FEES) for item in found),
        money_off=cash.cash - int(fund[CASH]),
        fee_off=book.fees - int(fund[FEES]),
        next_day=next_trading(world.book.calendar, world.plan.day),
        trades=trades,
        offset=offset,
    )


def _fills(world: World) -> list[Trade]:
    """The fills reported to us, in time order."""
    fills = [
        report.body
        for reports in world.line.stored()
        for report in reports
        if isinstance(report.body, Trade)
    ]
    fills.sort(key=lambda fill: fill.at)
    return fills


def _inputs(world: World) -> Iterator[clear.Input]:
    """What clearing hears: its opening, the trades, the market at the close, the closes."""
    chain = world.reference.chain
    trades, phases = world.collector.rows("trades"), world.collector.rows("phases")
    fills = _fills(world)
    member = world.plan.config.member
    account = clear.Account(member.maker, True, world.plan.config.funds.cash_yuan * MONEY_PER_YUAN)
    rate = world.reference.surface.rate
    yield clear.ClearingOpen(chain.day, chain, world.book, (account,), rate)
    yield trades_cleared(chain, trades, phases, {0: fills})
    yield market_close(world.seen, trades, phases)
    yield clear.UnderlyingClose(tuple(int(price) for price in world.underlying_closes))


def _closing_files(world: World, settled: Settled) -> dict[str, bytes]:
    """The files of exchange and clearing house after the close, by name."""
    chain, member = world.reference.chain, world.line.profile
    at = world.midnight + CLOSE
    fills = _fills(world)
    amounts = closing.handling_fees(chain, world.book, settled.trades, fills)
    held, cash = settled.positions, settled.cash
    table = f"js{world.plan.config.member.pbu[-3:]}.dbf"
    funds = mktdt00.rows_of(chain, world.last_funds, at)
    return {
        f"clpr03{chain.day % 10_000:04d}.txt": closing.clpr03(chain, settled.prices),
        f"prestlp03{chain.day}.xml": closing.prestlp03(chain, settled.prices),
        f"OGH{member.pbu}.zip": closing.ogh_archive(
            chain, member, fills, amounts, settled.offset, held
        ),
        f"op_hycc{table}": closing.op_hycc(chain, member, held),
        f"op_bzjzh{table}": closing.op_bzjzh(chain, cash),
        "mktdt03.txt": mktdt03.write(world.last_rows, mktdt03.FileTables(chain), at, "E11"),
        "mktdt00.txt": mktdt00.write(funds, at, "E11"),
    }


def write_files(world: World, settled: Settled) -> None:
    """The files of the day's end and the carry of the next day into the run folder."""
    out, chain = world.plan.out, world.reference.chain
    if out is None:
        return
    for name, data in _closing_files(world, settled).items():
        (out / "files" / str(chain.day) / name).write_bytes(data)
    prices = [
        (row[clear.PRICE_SLOT], row[clear.CLOSE_PRICE], row[clear.SETTLE_PRICE],
         row[clear.NETTED_INTEREST])
        for row in unpack(settled.prices.rows, clear.PRICE_COLUMNS).tolist()
    ]  # fmt: skip
    rows = unpack(settled.positions.rows, clear.HELD_COLUMNS).tolist()
    held = [(row[0], row[1], row[2], row[3]) for row in rows]
    closes = tuple(int(price) for price in world.underlying_closes)
    accounts = [(settled.positions.account, settled.cash.cash, held)]
    made = carry.make(chain, settled.next_day, out.name, prices, closes, accounts)
    (out / "carry").mkdir(exist_ok=True)
    (out / "carry" / f"{settled.next_day}.msgpack").write_bytes(carry.encode(made))
