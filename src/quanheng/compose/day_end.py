"""Day end of a simulated day: clearing, closing files, reconciliation, the next day's opening."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from quanheng.books.combinations import ends, tied
from quanheng.books.positions import Book, net_at_close
from quanheng.clearing import exercise
from quanheng.clearing import messages as clear
from quanheng.clearing.clearing import Clearing
from quanheng.clearing.expiry import holdings
from quanheng.clearing.files import clpr03
from quanheng.clearing.gather import market_close, trades_cleared
from quanheng.compose import carrying
from quanheng.compose.day import World
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import layout as lay
from quanheng.exchange import listing
from quanheng.exchange.layout import CASH, FEES
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook.calendar import next_trading
from quanheng.runtime.envelope import Source
from quanheng.settlement import carry
from quanheng.settlement.reconcile import Item, differences
from quanheng.terms.days import from_clock
from quanheng.terms.orders import Trade
from quanheng.terms.units import Day, Lots, Money
from quanheng.wire import mktdt03
from quanheng.wire.contracts import write_contracts

CLOSE = from_clock("15:00")
CLEAR_AT = from_clock("16:00")
"""Settlement of premiums and fees starts (interfaces.md 6.4)."""
FORGOTTEN_PPM = 30_000
"""Of what is worth exercising the crowd's investors forget so much; everybody else exercises all
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


def settle(world: World) -> Settled:
    """Feed clearing what the exchange recorded, let it work, reconcile.

    A day that was stopped early (`--until`) is cleared as it stands: nothing else goes on.

    ValueError when the venue's trades and the fills reported to us do not match one to one.
    """
    if not world.plan.until:
        world.simulation.run(world.midnight + CLEAR_AT)
    clearing = world.simulation.hosts[Clearing.NAME]
    register = carrying.register_rows(world.venue.state)
    book = copy.deepcopy(world.maker.state.book)
    chain = world.reference.chain
    ours = {
        name: one
        for name, one in world.venue.state.desks[0].combinations.items()
        if not ends(chain, one, chain.day)
    }
    net_at_close(book, tied(len(chain.contracts), ours))
    said: dict[type[Any], Any] = {}
    for number, body in enumerate(_inputs(world, book, register)):
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
        money_off=cash.cash + cash.exercise_fee - cash.delivery - int(fund[CASH]),
        fee_off=book.fees - int(fund[FEES]),
        next_day=next_trading(world.book.calendar, world.plan.day),
        register=register,
        deficit=0 if call is None else call.deficit,
        exercised=said.get(clear.Exercised),
        delivered=said.get(clear.DeliveriesMade),
        combined=said.get(clear.CombinationsKept),
    )


def _public(world: World) -> tuple[str, ...]:
    opened = world.venue.state.open
    assert opened is not None, "the venue was opened"
    return carrying.public_names([maker.name for maker in opened.scenario.makers])


def _inputs(world: World, book: Book, register: bytes) -> Iterator[object]:
    """What clearing hears: its opening, trades, the public's register, exercises, the market at
    the close, the closes.
    """
    chain = world.reference.chain
    trades, phases = world.collector.rows("trades"), world.collector.rows("phases")
    fills = [
        report.body
        for reports in world.line.stored()
        for report in reports
        if isinstance(report.body, Trade)
    ]
    fills.sort(key=lambda fill: fill.at)
    member = world.plan.config.member
    own = world.openings.account()
    bought, _ = _traded(world)
    zeros = (0,) * len(chain.classes)
    stock = tuple(a + b for a, b in zip(own.units or zeros, bought or zeros, strict=True))
    opened = clear.ClearingOpen(
        day=chain.day,
        chain=chain,
        rulebook=world.book,
        accounts=(clear.Account(member.maker, True, own.cash, own.held, stock),),
        money_rate_ppm=world.reference.surface.rate,
        public=_public(world),
        deliveries=_deliveries(world),
        seed=world.plan.seed,
    )
    closes = tuple(int(price) for price in world.underlying_closes)
    yield opened
    yield trades_cleared(chain, trades, phases, {0: fills})
    yield clear.PublicRegister(register)
    if world.venue.state.desks[0].combinations:
        yield clear.CombinationsHeld(_combinations(world))
    if any(row.last_day == chain.day for row in chain.contracts):
        # Ours exercises what is worth it after the fee; so does everybody who does not forget.
        names = opened.public
        shares = [exercise.PPM] * (1 + len(names))
        shares[1 + names.index(carrying.INVESTORS)] -= FORGOTTEN_PPM
        mine = holdings(opened, [book], register)
        claims = exercise.planned(chain, world.book, closes, mine, shares)
        ordered = world.venue.state.desks[0].claims
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


def _kept(
    world: World, settled: Settled, adjusted: tuple[str, ...]
) -> tuple[carry.CarriedCombination, ...]:
    """Combinations of tomorrow; contracts that are adjusted leave theirs (rules.md 3.4)."""
    if settled.combined is None:
        return ()
    codes = [row.code for row in world.reference.chain.contracts]
    rows = unpack(settled.combined.rows, clear.COMBINED_COLUMNS).tolist()
    return tuple(
        carry.CarriedCombination(
            settled.positions.account,
            str(number),
            clear.STRATEGY_CODES[strategy],
            codes[first],
            codes[second],
            units,
        )
        for _, number, strategy, first, second, units in rows
        if codes[first] not in adjusted and codes[second] not in adjusted
    )


def _deliveries(world: World) -> bytes:
    """What yesterday's exercises left for today, as MOVE rows."""
    opening = world.plan.opening
    if opening is None or not opening.moves:
        return b""
    names = [world.plan.config.member.maker, *_public(world)]
    klasses = [klass.underlying for klass in world.reference.chain.classes]
    rows = [
        (names.index(move.account), klasses.index(move.underlying), move.units, move.cash)
        for move in opening.moves
    ]
    return pack(np.array(rows, dtype=np.int64))


def carried(world: World, settled: Settled) -> tuple[carry.Carry, listing.Roll]:
    """The next day's opening (positions, cash, deliveries, smiles, what was earned) and listing."""
    chain, plan, opening = world.reference.chain, world.plan, world.plan.opening
    rows = unpack(settled.prices.rows, clear.PRICE_COLUMNS).tolist()
    prices = [
        (row[clear.PRICE_SLOT], row[clear.CLOSE_PRICE], row[clear.SETTLE_PRICE],
         row[clear.NETTED_INTEREST])
        for row in rows
    ]  # fmt: skip
    closes = tuple(int(price) for price in world.underlying_closes)
    held = [(r[0], r[1], r[2], r[3])
            for r in unpack(settled.positions.rows, clear.HELD_COLUMNS).tolist()]  # fmt: skip
    account = (settled.positions.account, settled.cash.cash, held)
    name = f"{plan.day}-s{plan.seed}" if plan.out is None else plan.out.name
    made = carry.make(chain, settled.next_day, name, prices, closes, [account])
    public = carrying.public_accounts(world.venue.state, chain, _public(world), settled.register)
    accounts, outside = _accounts(world, settled, [*made.accounts, *public])
    smiles = carrying.smiles_of(world.venue.state, chain, world.reference.surface)
    if opening is not None:
        # Expiries that nobody traded today keep the smile they had.
        for one in opening.smiles:
            known = smiles.setdefault(one.underlying, [])
            if all(smile.last_day != one.last_day for smile in known):
                known.append(carrying.smile(one))
    roll = carrying.Listed(
        world.reference.whole,
        read_rulebook(settled.next_day, plan.agreement),
        smiles,
        {klass.underlying: close for klass, close in zip(chain.classes, closes, strict=True)},
        world.reference.surface.rate,
    ).roll(
        {chain.contracts[slot].code: listing.Settled(*found) for slot, *found in prices},
        opening.next_code if opening else listing.first_free_code(world.reference.whole),
        plan.events,
        dict(opening.adjusted_on) if opening else {},
    )
    fees = int(world.venue.state.ctl[lay.C_EXCHANGE])
    if settled.exercised is not None:
        fees += sum(fee for _, fee in settled.exercised.fees)
    first = carrying.brought_at_first(len(public) - 2, plan.config.funds.cash_yuan * 10_000)
    full = msgspec.structs.replace(
        made,
        accounts=accounts,
        master=write_contracts(list(roll.chain.contracts)),
        traded=tuple(row.code for row in chain.contracts if row.last_day > chain.day),
        smiles=tuple(
            carry.CarriedSmile(name, *msgspec.structs.astuple(smile))
            for name, found in sorted(smiles.items())
            for smile in sorted(found, key=lambda smile: smile.last_day)
            if smile.last_day >= settled.next_day
        ),
        moves=_moves(world, settled),
        next_code=roll.next_code,
        adjusted_on=tuple(sorted(roll.adjusted_on.items())),
        fees=fees + (opening.fees if opening else 0),
        brought=outside + (opening.brought if opening else first),
        days=1 + (opening.days if opening else 0),
        combinations=_kept(world, settled, roll.adjusted),
        bought=_bought(world),
    )
    return full, roll


def _moves(world: World, settled: Settled) -> tuple[carry.CarriedMove, ...]:
    if settled.exercised is None:
        return ()
    names = [settled.positions.account, *_public(world)]
    classes = world.reference.chain.classes
    return tuple(
        carry.CarriedMove(names[account], classes[klass].underlying, units, cash)
        for account, klass, units, cash in unpack(
            settled.exercised.moves, clear.MOVE_COLUMNS
        ).tolist()
    )


def _accounts(
    world: World, settled: Settled, accounts: list[carry.CarriedAccount]
) -> tuple[tuple[carry.CarriedAccount, ...], Money]:
    """All accounts after delivery, exercise fees and tomorrow's dividends, and those dividends.

    The crowd's cash is the venue's; clearing has already moved ours.
    """
    chain, opening = world.reference.chain, world.plan.opening
    classes = [klass.underlying for klass in chain.classes]
    names = [account.name for account in accounts]
    units: dict[str, dict[str, Lots]] = {name: dict.fromkeys(classes, 0) for name in names}
    for account in opening.accounts if opening else ():
        units[account.name].update(account.units)
    cash = {account.name: account.cash for account in accounts}
    ours = names[0]
    if settled.delivered is not None:
        rows = unpack(settled.delivered.rows, clear.DELIVERED_COLUMNS).tolist()
        for number, klass, count, amount, _ in rows:
            units[names[number]][classes[klass]] += count
            cash[names[number]] += amount if names[number] != ours else 0
    if settled.exercised is not None:
        for number, fee in settled.exercised.fees:
            cash[names[number]] -= fee if names[number] != ours else 0
    bought, etf_cash = _traded(world)
    aside = world.openings.etf_desk.cash if world.openings.etf_desk else 0
    for underlying, count in zip(classes, bought, strict=False):
        units[ours][underlying] += count
    cash[ours] += etf_cash
    outside = etf_cash - aside  # what trading in the underlyings brought
    for event in world.plan.events:
        for name in names:
            paid = event.cash * units[name].get(event.underlying, 0)
            cash[name] += paid
            outside += paid
    out = []
    for account in accounts:
        out.append(
            msgspec.structs.replace(
                account,
                cash=cash[account.name],
                units=tuple(sorted(units[account.name].items())),
                deficit=settled.deficit if account.name == ours else 0,
                locked=_locked(world, units[ours]) if account.name == ours else (),
            )
        )
    return tuple(out), outside


def _bought(world: World) -> tuple[tuple[str, Lots], ...]:
    """Units bought less sold of every underlying since the first day."""
    total = dict(world.plan.opening.bought) if world.plan.opening else {}
    classes = [klass.underlying for klass in world.reference.chain.classes]
    for underlying, count in zip(classes, _traded(world)[0], strict=False):
        total[underlying] = total.get(underlying, 0) + count
    return tuple(sorted(total.items()))


def _traded(world: World) -> tuple[tuple[Lots, ...], Money]:
    """Units of the underlyings that we bought less sold today, by class, and our cash there."""
    state = world.etf.state
    if state.open is None or not state.open.members:
        return (), 0
    before = state.open.members[0].units
    now = state.units[0].tolist()
    return tuple(b - a for a, b in zip(before, now, strict=True)), int(state.cash[0])


def _locked(world: World, units: dict[str, Lots]) -> tuple[tuple[str, Lots], ...]:
    """Our locked units by underlying: no more than there are after a delivery."""
    state = world.venue.state
    return tuple(
        (klass.underlying, min(int(count), max(units[klass.underlying], 0)))
        for klass, count in zip(
            world.reference.chain.classes, state.risk[0, :, lay.R_LOCKED], strict=True
        )
    )


def write_files(world: World, settled: Settled, made: carry.Carry) -> None:
    """clpr03 of the day and the carry of the next into the run folder."""
    out, chain = world.plan.out, world.reference.chain
    if out is None:
        return
    files = out / "files" / str(chain.day)
    (files / f"clpr03{chain.day % 10_000:04d}.txt").write_bytes(clpr03(chain, settled.prices))
    image = mktdt03.write(world.last_rows, mktdt03.FileTables(chain), world.midnight + CLOSE, "E11")
    (files / "mktdt03.txt").write_bytes(image)
    (out / "carry").mkdir(exist_ok=True)
    (out / "carry" / f"{settled.next_day}.msgpack").write_bytes(carry.encode(made))
