"""The next day's opening state from what the day and its clearing left (borders.md 3)."""

import msgspec

from quanheng.clearing import messages as clear
from quanheng.compose import carrying
from quanheng.compose.day import World
from quanheng.compose.day_end import Settled, public_names, traded
from quanheng.compose.reference import FIRST_DAY, read_master
from quanheng.compose.reference import load as load_reference
from quanheng.compose.scenarios import dividends
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import layout as lay
from quanheng.exchange import listing, theory
from quanheng.kernels.pack import unpack
from quanheng.settlement import carry
from quanheng.terms.units import Day, Lots, Money
from quanheng.wire.contracts import write_contracts


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
    others = carrying.public_accounts(
        world.venue.state, chain, public_names(world), settled.register
    )
    accounts, outside = _accounts(world, settled, [*made.accounts, *others])
    before = carrying.smiles_before(world.reference.surface, opening)
    found = carrying.smiles_of(world.venue.state, chain, before)
    smiles = {name: [own[day] for day in sorted(own)] for name, own in found.items()}
    roll = carrying.Listed(
        world.reference.whole,
        read_rulebook(settled.next_day, plan.agreement),
        smiles,
        {klass.underlying: close for klass, close in zip(chain.classes, closes, strict=True)},
        world.reference.surface.rate,
    ).roll(
        {chain.contracts[slot].code: listing.Settled(*found) for slot, *found in prices},
        opening.next_code if opening else listing.first_free_code(world.reference.whole),
        (*plan.events, *dividends(plan.scenario)),
        dict(opening.adjusted_on) if opening else {},
    )
    fees = int(world.venue.state.ctl[lay.C_EXCHANGE])
    if settled.exercised is not None:
        fees += sum(fee for _, fee in settled.exercised.fees)
    if settled.delivered is not None:
        fees += sum(fine for _, fine in settled.delivered.penalties)
    first = carrying.brought_at_first(len(others), plan.config.funds.cash_yuan * 10_000)
    full = msgspec.structs.replace(
        made,
        accounts=accounts,
        master=write_contracts(list(roll.chain.contracts)),
        traded=tuple(row.code for row in chain.contracts if row.last_day > chain.day),
        smiles=tuple(
            carry.CarriedSmile(name, *msgspec.structs.astuple(smile))
            for name, own in sorted(smiles.items())
            for smile in own
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


def _moves(world: World, settled: Settled) -> tuple[carry.CarriedMove, ...]:
    if settled.exercised is None:
        return ()
    names = [settled.positions.account, *public_names(world)]
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
    for underlying, count in zip(classes, world.openings.first_units, strict=False):
        units[ours][underlying] += count
    aside_units = _disposal(world, settled, units[ours])
    bought, etf_cash = traded(world)
    aside = world.openings.etf_aside
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
                disposal=aside_units if account.name == ours else (),
            )
        )
    return tuple(out), outside


def _disposal(
    world: World, settled: Settled, units: dict[str, Lots]
) -> tuple[tuple[str, Lots], ...]:
    """Our units in the disposal account by underlying; what went there leaves `units`."""
    opening = world.plan.opening
    mine = carrying.account_named(opening, settled.positions.account) if opening else None
    aside = dict(mine.disposal) if mine else {}
    if settled.disposed is not None:
        rows = unpack(settled.disposed.rows, clear.TRANSFER_COLUMNS).tolist()
        for _, klass, count, back in rows:
            underlying = world.reference.chain.classes[klass].underlying
            moved = -count if back else count
            aside[underlying] = aside.get(underlying, 0) + moved
            units[underlying] -= moved
    return tuple(sorted(aside.items()))


def _locked(world: World, units: dict[str, Lots]) -> tuple[tuple[str, Lots], ...]:
    """Our locked units by underlying: no more than there are after a delivery."""
    state = world.venue.state
    return tuple(
        (klass.underlying, min(int(count), max(units[klass.underlying], 0)))
        for klass, count in zip(
            world.reference.chain.classes, state.risk[0, :, lay.R_LOCKED], strict=True
        )
    )


def _bought(world: World) -> tuple[tuple[str, Lots], ...]:
    """Units bought less sold of every underlying, with what the first day began with."""
    total = dict(world.plan.opening.bought) if world.plan.opening else {}
    classes = [klass.underlying for klass in world.reference.chain.classes]
    for some in (world.openings.first_units, traded(world)[0]):
        for underlying, count in zip(classes, some, strict=False):
            total[underlying] = total.get(underlying, 0) + count
    return tuple(sorted(total.items()))


def carried_to(opening: carry.Carry, day: Day) -> carry.Carry:
    """The same accounts on a later trading day, as if nothing had traded in between.

    Contracts that live on were settled at their theory of the eve: their old prices would hold the
    time value that has passed.
    """
    whole = read_master("carry", opening.master, opening.day)
    smiles: dict[str, list[theory.Smile]] = {}
    for one in opening.smiles:
        smiles.setdefault(one.underlying, []).append(carrying.smile(one))
    rate = load_reference(FIRST_DAY).surface.rate
    listed = carrying.Listed(whole, read_rulebook(day), smiles, {}, rate)
    settled: dict[str, listing.Settled] = {}
    for row in whole.contracts:
        price = row.previous_settle
        if row.last_day >= day:
            price = listed.price(
                row.underlying, row.kind, row.strike, row.last_day, row.underlying_close
            )
        settled[row.code] = listing.Settled(price, price, row.open_interest)
    roll = listed.roll(settled, opening.next_code, (), {})
    return msgspec.structs.replace(
        opening,
        day=day,
        master=write_contracts(list(roll.chain.contracts)),
        next_code=roll.next_code,
    )
