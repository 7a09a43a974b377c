"""Exercise, assignment and delivery of an expiry, in exact integers (rules.md 5).

Accounts go by one number: the clearing accounts first, then the public's. Cash is Money, units are
fund units or shares. What an exercise moves on the next trading day is netted per account and
underlying; the sums over all accounts are 0 for units and for cash.
"""

from collections.abc import Sequence
from typing import NamedTuple

from quanheng.rulebook import fees
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain, Contract
from quanheng.terms.units import Lots, Money, Ratio, Slot, Ticks, half_up, to_fen

MASK = 0xFFFFFFFFFFFFFFFF
PPM = 1_000_000


class Holding(NamedTuple):
    """A position after day-end netting in a contract that expires today."""

    account: int
    slot: Slot
    long: Lots
    short: Lots
    covered: Lots


class Claim(NamedTuple):
    """An exercise order: of one contract, or with `put` of a call and a put together (合并行权)."""

    account: int
    slot: Slot
    qty: Lots
    put: Slot = -1


class Means(NamedTuple):
    """What an account can exercise with; `units` by class. None where nothing is checked."""

    cash: Money | None
    units: tuple[Lots, ...] | None


class Assigned(NamedTuple):
    """Contracts assigned to a short, those of the covered bucket apart."""

    account: int
    slot: Slot
    qty: Lots
    covered: Lots


class Move(NamedTuple):
    """What an account owes or is owed of an underlying: units and cash, + receives, - gives."""

    account: int
    klass: int
    units: Lots
    cash: Money


class Delivered(NamedTuple):
    """A move as it was settled; `failed` units (- owed, + due) were settled in cash."""

    account: int
    klass: int
    units: Lots
    cash: Money
    failed: Lots


class Outcome(NamedTuple):
    """An expiry's evening: exercises taken, assignments, moves of the next day, fees by account."""

    accepted: tuple[Claim, ...]
    assigned: tuple[Assigned, ...]
    moves: tuple[Move, ...]
    fees: dict[int, Money]


def _mixed(seed: int, *parts: int) -> int:
    """splitmix64 of a seed and numbers: the lot that decides between equal fractions."""
    word = seed & MASK
    for part in parts:
        word = (word + 0x9E3779B97F4A7C15 * (part + 1)) & MASK
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
        word ^= word >> 31
    return word


def shares(total: int, weights: Sequence[int], seed: int = 0) -> tuple[int, ...]:
    """`total` split in proportion to the weights: floors, then one each by the largest fraction.

    Equal fractions are decided by the seed. ValueError when there is more to give than the weights
    hold.
    """
    whole = sum(weights)
    if not 0 <= total <= whole:
        raise ValueError(f"{total} cannot be shared by holders of {whole}")
    if total == 0:
        return (0,) * len(weights)
    parts = [total * weight // whole for weight in weights]
    order = sorted(
        range(len(weights)),
        key=lambda place: (-(total * weights[place] % whole), _mixed(seed, place)),
    )
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return tuple(parts)


def worth(contract: Contract, close: Ticks, book: Rulebook) -> Money:
    """What exercising one contract brings at the underlying's close, after the fee."""
    inside = close - contract.strike if contract.is_call else contract.strike - close
    return inside * contract.unit - fees.exercise(book, 1)


def planned(
    chain: Chain,
    book: Rulebook,
    closes: Sequence[Ticks],
    holdings: Sequence[Holding],
    share_ppm: Sequence[int],
) -> tuple[Claim, ...]:
    """What holders exercise by the stated rule: `share_ppm` of every long that is worth it.

    `share_ppm` goes by account; PPM is everything, less lets holders forget (rules.md 5: the
    exchange exercises nothing by itself).
    """
    claims: list[Claim] = []
    klasses = klass_of(chain)
    for held in holdings:
        contract = chain.contracts[held.slot]
        if worth(contract, closes[klasses[held.slot]], book) > 0:
            qty = held.long * share_ppm[held.account] // PPM
            if qty:
                claims.append(Claim(held.account, held.slot, qty))
    return tuple(claims)


def klass_of(chain: Chain) -> list[int]:
    """The class of every slot."""
    return [
        number for number, klass in enumerate(chain.classes) for _ in range(klass.start, klass.stop)
    ]


def accept(
    chain: Chain, claims: Sequence[Claim], holdings: Sequence[Holding], means: Sequence[Means]
) -> tuple[Claim, ...]:
    """What of the claims is valid: combined ones first, then holdings, then units and cash.

    A claim is cut to what its account holds and can pay for; a combined one needs two contracts
    of one underlying and unit with the put's strike above the call's.
    """
    left = {(held.account, held.slot): held.long for held in holdings}
    cash = [one.cash for one in means]
    units = [None if one.units is None else list(one.units) for one in means]
    klasses = klass_of(chain)
    out: list[Claim] = []
    for claim in sorted(claims, key=lambda claim: claim.put < 0):
        contract = chain.contracts[claim.slot]
        if contract.last_day != chain.day:
            continue
        owner = claim.account
        qty = min(claim.qty, left.get((owner, claim.slot), 0))
        if claim.put >= 0:
            qty = min(qty, left.get((owner, claim.put), 0))
            qty = qty if combines(contract, chain.contracts[claim.put]) else 0
        elif contract.is_call:
            able, each = cash[owner], contract.strike * contract.unit
            if able is not None:
                qty = min(qty, max(able, 0) // each)
                cash[owner] = able - qty * each
        else:
            mine = units[owner]
            if mine is not None:
                qty = min(qty, max(mine[klasses[claim.slot]], 0) // contract.unit)
                mine[klasses[claim.slot]] -= qty * contract.unit
        if qty <= 0:
            continue
        left[owner, claim.slot] -= qty
        if claim.put >= 0:
            left[owner, claim.put] -= qty
        out.append(claim._replace(qty=qty))
    return tuple(out)


def combines(call: Contract, put: Contract) -> bool:
    """May a long call and a long put be exercised together? Only the cash K2 - K1 is due then."""
    return (
        call.is_call
        and not put.is_call
        and (call.underlying, call.unit, call.last_day) == (put.underlying, put.unit, put.last_day)
        and put.strike > call.strike
    )


def settle(
    chain: Chain,
    book: Rulebook,
    claims: Sequence[Claim],
    holdings: Sequence[Holding],
    means: Sequence[Means],
    seed: int,
) -> Outcome:
    """An expiry's evening. ValueError when more is exercised than is short."""
    accepted = accept(chain, claims, holdings, means)
    exercised: dict[tuple[int, Slot], Lots] = {}
    for claim in accepted:
        for slot in (claim.slot, claim.put):
            if slot >= 0:
                key = (claim.account, slot)
                exercised[key] = exercised.get(key, 0) + claim.qty
    assigned: list[Assigned] = []
    moves: dict[tuple[int, int], list[int]] = {}
    charged: dict[int, Money] = {}
    klasses = klass_of(chain)
    for slot in sorted({slot for _, slot in exercised}):
        contract = chain.contracts[slot]
        shorts = [held for held in holdings if held.slot == slot and held.short + held.covered]
        total = sum(qty for (_, at), qty in exercised.items() if at == slot)
        parts = shares(total, [held.short + held.covered for held in shorts], _mixed(seed, slot))
        for held, qty in zip(shorts, parts, strict=True):
            if qty:
                assigned.append(Assigned(held.account, slot, qty, min(qty, held.covered)))
                _move(moves, held.account, klasses[slot], contract, -qty)
    for (account, slot), qty in sorted(exercised.items()):
        _move(moves, account, klasses[slot], chain.contracts[slot], qty)
        charged[account] = charged.get(account, 0) + fees.exercise(book, qty)
    rows = tuple(Move(*key, *both) for key, both in sorted(moves.items()) if any(both))
    return Outcome(accepted, tuple(assigned), rows, charged)


def _move(
    moves: dict[tuple[int, int], list[int]], account: int, klass: int, row: Contract, qty: Lots
) -> None:
    """`qty` contracts exercised (+) or assigned (-): a call takes units for its strike in cash."""
    both = moves.setdefault((account, klass), [0, 0])
    units = qty * row.unit if row.is_call else -qty * row.unit
    both[0] += units
    both[1] -= units * row.strike


def deliver(
    moves: Sequence[Move],
    held: Sequence[tuple[Lots, ...] | None],
    closes: Sequence[Ticks],
    factor: Ratio,
    penalty: Ratio = (0, 1),
) -> tuple[tuple[Delivered, ...], dict[int, Money]]:
    """Delivery against payment on the day after (rules.md 5), and penalties by account; `held` are
    units by account and class.

    Units that an account does not have are paid for at close x factor; the receivers share that
    cash in proportion to what they were to receive (largest remainder). None: never short. The
    penalty is a share of the cash paid for what is missing, half up to 0.01 yuan.
    """
    fines: dict[int, Money] = {}
    out: list[Delivered] = []
    for klass in sorted({move.klass for move in moves}):
        mine = [move for move in moves if move.klass == klass]
        price = half_up(closes[klass] * factor[0], factor[1])
        failed: dict[int, Lots] = {}
        for move in mine:
            stock = held[move.account]
            if move.units < 0 and stock is not None:
                failed[move.account] = max(0, -move.units - max(stock[klass], 0))
        takers = [move for move in mine if move.units > 0]
        cuts = shares(sum(failed.values()), [move.units for move in takers], klass)
        cut_of = {move.account: cut for move, cut in zip(takers, cuts, strict=True)}
        for move in mine:
            missing = cut_of.get(move.account, 0) - failed.get(move.account, 0)
            fine = to_fen(half_up(max(-missing, 0) * price * penalty[0], penalty[1]))
            if fine:
                fines[move.account] = fines.get(move.account, 0) + fine
            cash = move.cash + missing * price
            units = move.units - missing
            out.append(Delivered(move.account, klass, units, cash, missing))
    return tuple(out), fines
