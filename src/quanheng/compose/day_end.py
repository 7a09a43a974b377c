"""Day end of a simulated day: clearing, closing files, reconciliation, the next day's opening."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from quanheng.books.combinations import ends, tied
from quanheng.books.positions import Book, Closed, net_at_close
from quanheng.clearing import details, exercise
from quanheng.clearing import files as closing
from quanheng.clearing import messages as clear
from quanheng.clearing.clearing import Clearing
from quanheng.clearing.combined import CombinedDay, day_of
from quanheng.clearing.expiry import holdings
from quanheng.clearing.gather import market_close, trades_cleared
from quanheng.compose import carrying
from quanheng.compose.day import World
from quanheng.exchange.layout import CASH, FEES, INTEREST
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook.calendar import next_trading
from quanheng.runtime.envelope import Source
from quanheng.settlement import carry
from quanheng.settlement.reconcile import Item, differences
from quanheng.terms.business import CombinationDone
from quanheng.terms.days import from_clock
from quanheng.terms.orders import Trade
from quanheng.terms.units import Day, Lots, Money
from quanheng.wire import mktdt00, mktdt03

CLOSE = from_clock("15:00")
CLEAR_AT = from_clock("16:00")
"""Settlement of premiums and fees starts (interfaces.md 6.4)."""
FORGOTTEN_PPM = 30_000
"""Of what is worth exercising retail investors forget so much; everybody else exercises all
(rules.md 5: the exchange exercises nothing by itself)."""


class Settled(msgspec.Struct):
    """What clearing said of our account, and what it found against us."""

    prices: clear.SettlementPrices
    positions: clear.ClearedPositions
    cash: clear.CashStatement
    seal: clear.Seal
    calls: int
    different: int  # positions that the maker's netted book and clearing disagree about
    money_off: Money  # clearing's cash less the venue's, exercise and delivery apart
    fee_off: Money  # the maker's fee estimate less clearing's
    next_day: Day
    register: bytes  # the public's accounts at the close
    deficit: Money
    exercised: clear.Exercised | None
    delivered: clear.DeliveriesMade | None
    combined: clear.CombinationsKept | None
    disposed: clear.Disposed | None
    trades: clear.TradesCleared
    offset: tuple[Closed, ...]  # what was netted at the close


def settle(world: World) -> Settled:
    """Feed clearing what the exchange recorded, let it work, reconcile.

    A day that was stopped early (`--until`) is cleared as it stands: nothing else goes on.

    ValueError when the venue's trades and the fills reported to us do not match one to one.
    """
    if not world.plan.until:
        world.simulation.run(world.midnight + CLEAR_AT)
    else:
        # No closing image tells what traded since the last one.
        world.seen.interest[:] = world.venue.state.info[:, INTEREST]
    clearing = world.simulation.hosts[Clearing.NAME]
    register = carrying.register_rows(world.venue.state)
    book = copy.deepcopy(world.maker.state.book)
    chain = world.reference.chain
    ours = {
        name: one
        for name, one in world.venue.state.desks[0].combinations.items()
        if not ends(chain, one, chain.day)
    }
    offset = net_at_close(book, tied(len(chain.contracts), ours))
    said: dict[type[Any], Any] = {}
    inputs = list(_inputs(world, book, register))
    trades = next(body for body in inputs if isinstance(body, clear.TradesCleared))
    for number, body in enumerate(inputs):
        at = world.midnight + CLEAR_AT + number
        for effect in clearing.take(body, at, Source.VENUE):
            said[type(effect)] = effect
    world.cleared = tuple(said.values())
    positions, cash = said[clear.ClearedPositions], said[clear.CashStatement]
    held = [(r[0], r[1], r[2], r[3]) for r in unpack(positions.rows, clear.HELD_COLUMNS).tolist()]
    fees = cash.handling_fee + cash.settlement_fee
    found = differences(world.reference.chain, book, held, cash.cash, fees)
    fund = world.venue.state.fund[0]
    call = said.get(clear.MarginCall)
    return Settled(
        prices=said[clear.SettlementPrices],
        positions=positions,
        cash=cash,
        seal=said[clear.Seal],
        calls=int(clear.MarginCall in said),
        different=sum(item.item not in (Item.CASH, Item.FEES) for item in found),
        money_off=cash.cash + cash.exercise_fee + cash.penalty - cash.delivery - int(fund[CASH]),
        fee_off=book.fees - int(fund[FEES]),
        next_day=next_trading(world.book.calendar, world.plan.day),
        register=register,
        deficit=0 if call is None else call.deficit,
        exercised=said.get(clear.Exercised),
        delivered=said.get(clear.DeliveriesMade),
        combined=said.get(clear.CombinationsKept),
        disposed=said.get(clear.Disposed),
        trades=trades,
        offset=offset,
    )


def public_names(world: World) -> tuple[str, ...]:
    """Names of the crowd's accounts in the venue's order."""
    opened = world.venue.state.open
    assert opened is not None, "the venue was opened"
    return carrying.public_names([maker.name for maker in opened.scenario.makers])


def fills_of(world: World) -> list[Trade]:
    """The fills reported to us, in time order."""
    fills = [
        report.body
        for reports in world.line.stored()
        for report in reports
        if isinstance(report.body, Trade)
    ]
    fills.sort(key=lambda fill: fill.at)
    return fills


def _inputs(world: World, book: Book, register: bytes) -> Iterator[clear.Input]:
    """What clearing hears: its opening, trades, the public's register, exercises, the market at
    the close, the closes.
    """
    chain = world.reference.chain
    trades, phases = world.collector.rows("trades"), world.collector.rows("phases")
    fills = fills_of(world)
    member = world.plan.config.member
    own = world.openings.account()
    bought, _ = traded(world)
    zeros = (0,) * len(chain.classes)
    stock = tuple(a + b for a, b in zip(own.units or zeros, bought or zeros, strict=True))
    opened = clear.ClearingOpen(
        day=chain.day,
        chain=chain,
        rulebook=world.book,
        accounts=(clear.Account(member.maker, True, own.cash, own.held, stock, own.disposal),),
        money_rate_ppm=world.reference.surface.rate,
        public=public_names(world),
        deliveries=_deliveries(world),
        seed=world.plan.seed,
    )
    closes = tuple(int(price) for price in world.underlying_closes)
    yield opened
    yield trades_cleared(chain, trades, {0: fills})
    yield clear.PublicRegister(register)
    desk = world.venue.state.desks[0]
    if desk.combinations:
        yield clear.CombinationsHeld(_combinations(world))
    if desk.transfers:
        orders = [(0, one.klass, one.qty, int(one.back)) for one in desk.transfers.values()]
        yield clear.DisposalTransfers(pack(np.array(orders, dtype=np.int64)))
    if any(row.last_day == chain.day for row in chain.contracts):
        # Ours exercises what is worth it after the fee; so does everybody who does not forget.
        names = opened.public
        shares = [exercise.PPM] * (1 + len(names))
        shares[1 + names.index(carrying.RETAIL)] -= FORGOTTEN_PPM
        mine = holdings(opened, [book], register)
        claims = exercise.planned(chain, world.book, closes, mine, shares)
        ordered = desk.claims
        if ordered:  # what a person ordered at the exchange goes before the rule
            mine_ordered = [exercise.Claim(0, c.slot, c.qty, c.put) for c in ordered.values()]
            claims = (*mine_ordered, *(claim for claim in claims if claim.account))
        rows = np.array(claims, dtype=np.int64).reshape(-1, clear.CLAIM_COLUMNS)
        yield clear.Exercises(pack(rows))
    yield market_close(world.seen, trades, phases)
    yield clear.UnderlyingClose(closes)


def _combinations(world: World) -> bytes:
    """Our combinations at the exchange, as COMBINED rows."""
    rows = [
        (0, int(name), clear.STRATEGY_CODES.index(one.strategy), *one.slots, one.units)
        for name, one in world.venue.state.desks[0].combinations.items()
    ]
    return pack(np.array(rows, dtype=np.int64))


def _deliveries(world: World) -> bytes:
    """What yesterday's exercises left for today, as MOVE rows."""
    opening = world.plan.opening
    if opening is None or not opening.moves:
        return b""
    names = [world.plan.config.member.maker, *public_names(world)]
    klasses = [klass.underlying for klass in world.reference.chain.classes]
    rows = [
        (names.index(move.account), klasses.index(move.underlying), move.units, move.cash)
        for move in opening.moves
    ]
    return pack(np.array(rows, dtype=np.int64))


def _combined_day(world: World, settled: Settled) -> CombinedDay:
    """What became of our combinations, from the exchange's reports and clearing's word."""
    chain = world.reference.chain
    settles = unpack(settled.prices.rows, clear.PRICE_COLUMNS)[:, clear.SETTLE_PRICE].tolist()
    closes = [int(price) for price in world.underlying_closes]
    done = [
        report.body
        for reports in world.line.stored()
        for report in reports
        if isinstance(report.body, CombinationDone)
    ]
    done.sort(key=lambda one: (one.at, one.exec_id))
    return day_of(chain, world.book, settled.combined, done, settles, closes)


def _closing_files(world: World, settled: Settled, made: carry.Carry) -> dict[str, bytes]:
    """The files of exchange and clearing house after the close, by name."""
    chain, member = world.reference.chain, world.line.profile
    at = world.midnight + CLOSE
    fills = fills_of(world)
    amounts = closing.handling_fees(chain, world.book, settled.trades, fills)
    held, cash = settled.positions, settled.cash
    combined = _combined_day(world, settled)
    table = f"js{world.plan.config.member.pbu[-3:]}.dbf"
    funds = mktdt00.rows_of(chain, world.last_funds, at)
    settles = unpack(settled.prices.rows, clear.PRICE_COLUMNS)[:, clear.SETTLE_PRICE].tolist()
    found = details.Evening(
        fills, amounts, settled.offset, held, cash, combined, settles,
        tuple(int(price) for price in world.underlying_closes), settled.next_day,
        settled.exercised, settled.delivered, settled.disposed,
    )  # fmt: skip
    more = details.tables(chain, world.book, member, found)
    return {
        **{f"{kind}{table}": data for kind, data in more.items()},
        f"clpr03{chain.day % 10_000:04d}.txt": closing.clpr03(chain, settled.prices),
        f"prestlp03{chain.day}.xml": closing.prestlp03(chain, settled.prices),
        f"OGH{member.pbu}.zip": closing.ogh_archive(
            chain, member, fills, amounts, settled.offset, held, combined
        ),
        f"op_hycc{table}": closing.op_hycc(chain, member, held, combined),
        f"op_zhccmx{table}": closing.op_zhccmx(chain, member, combined),
        f"op_tzxx{table}": made.notices,
        f"op_bzjzh{table}": closing.op_bzjzh(chain, cash),
        "mktdt03.txt": mktdt03.write(world.last_rows, mktdt03.FileTables(chain), at, "E11"),
        "mktdt00.txt": mktdt00.write(funds, at, "E11"),
    }


def write_files(world: World, settled: Settled, made: carry.Carry) -> None:
    """The files of the day's end and the carry of the next day into the run folder."""
    out, chain = world.plan.out, world.reference.chain
    if out is None:
        return
    for name, data in _closing_files(world, settled, made).items():
        (out / "files" / str(chain.day) / name).write_bytes(data)
    (out / "carry").mkdir(exist_ok=True)
    (out / "carry" / f"{settled.next_day}.msgpack").write_bytes(carry.encode(made))


def traded(world: World) -> tuple[tuple[Lots, ...], Money]:
    """Units of the underlyings that we bought less sold today, by class, and our cash there."""
    state = world.etf.state
    if state.open is None or not state.open.members:
        return (), 0
    before = state.open.members[0].units
    now = state.units[0].tolist()
    return tuple(b - a for a, b in zip(before, now, strict=True)), int(state.cash[0])
