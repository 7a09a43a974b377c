"""The opening state of the next day: `carry/<next day>.msgpack`, all that crosses days
(borders.md 3).

Positions go by contract code, because slots are a matter of one day's chain. Contracts that expired
today are not carried; what was held in them is listed, and what their exercise moves tomorrow is in
`moves`. The public's accounts are carried like the firm's, so that money and positions of all
accounts together can be added up (`violations`).
"""

import msgspec

from quanheng.terms.contract import Chain
from quanheng.terms.units import Day, Lots, Money, Ticks


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A position after netting."""

    code: str
    long: Lots
    short: Lots
    covered: Lots


class CarriedAccount(msgspec.Struct, frozen=True, array_like=True):
    """An account's opening cash and positions; `expired` positions ended with their contract."""

    name: str
    cash: Money
    held: tuple[Held, ...]
    expired: tuple[Held, ...] = ()
    units: tuple[tuple[str, Lots], ...] = ()  # of underlyings
    public: bool = False
    deficit: Money = 0  # of a margin call, to be made good before 11:30
    locked: tuple[tuple[str, Lots], ...] = ()  # of the units, for covered positions
    disposal: tuple[tuple[str, Lots], ...] = ()  # units in its member's disposal account


class CarriedContract(msgspec.Struct, frozen=True, array_like=True):
    """What tomorrow's reference file repeats of today."""

    code: str
    close: Ticks
    settle: Ticks
    open_interest: Lots


class CarriedClass(msgspec.Struct, frozen=True, array_like=True):
    """An underlying's close."""

    underlying: str
    close: Ticks


class CarriedMove(msgspec.Struct, frozen=True, array_like=True):
    """Units and cash that an account is owed (+) or owes (-) today from yesterday's exercises."""

    account: str
    underlying: str
    units: Lots
    cash: Money


class CarriedCombination(msgspec.Struct, frozen=True, array_like=True):
    """A combination that lives on, its contracts in the order of the strategy."""

    account: str
    number: str
    strategy: str
    first: str
    second: str
    units: Lots


class CarriedSmile(msgspec.Struct, frozen=True, array_like=True):
    """What the crowd thinks of an expiry, 1e-6."""

    underlying: str
    last_day: Day
    atm: int
    slope: int
    curvature: int
    carry: int


class Carry(msgspec.Struct, frozen=True, array_like=True):
    """Opening state of `day`, made on the day before; `run` says by which run."""

    day: Day
    made_on: Day
    run: str
    accounts: tuple[CarriedAccount, ...]
    contracts: tuple[CarriedContract, ...]
    classes: tuple[CarriedClass, ...]
    master: bytes = b""  # reff03 of `day`: every listed contract
    traded: tuple[str, ...] = ()  # codes the simulation trades
    smiles: tuple[CarriedSmile, ...] = ()
    moves: tuple[CarriedMove, ...] = ()
    next_code: int = 0
    adjusted_on: tuple[tuple[str, Day], ...] = ()
    fees: Money = 0  # everything the exchange and the clearing house earned so far
    brought: Money = 0  # everything that came in from outside: opening cash, dividends
    days: int = 1  # trading days behind this state
    combinations: tuple[CarriedCombination, ...] = ()
    bought: tuple[tuple[str, Lots], ...] = ()  # units bought less sold in the underlyings so far
    notices: bytes = b""  # op_tzxx of the evening, as the firm received it
    oversight: bytes = b""  # the firm's open cases and peak of equity


_DECODER = msgspec.msgpack.Decoder(Carry)


def encode(carry: Carry) -> bytes:
    """Bytes of the carry file; equal carries give equal bytes."""
    return msgspec.msgpack.encode(carry)


def decode(data: bytes, place: str) -> Carry:
    """A carry file's content. ValueError names the place and the field that is wrong."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"{place} is not a carried state: {error}") from error


def positions_of(
    chain: Chain, rows: list[tuple[int, Lots, Lots, Lots]]
) -> tuple[tuple[Held, ...], tuple[Held, ...]]:
    """(carried, expired) positions of cleared rows (slot, long, short, covered)."""
    carried: list[Held] = []
    expired: list[Held] = []
    for slot, long, short, covered in rows:
        contract = chain.contracts[slot]
        target = expired if contract.last_day <= chain.day else carried
        target.append(Held(contract.code, long, short, covered))
    return tuple(carried), tuple(expired)


def make(
    chain: Chain,
    next_day: Day,
    run: str,
    prices: list[tuple[int, Ticks, Ticks, Lots]],
    closes: tuple[Ticks, ...],
    accounts: list[tuple[str, Money, list[tuple[int, Lots, Lots, Lots]]]],
) -> Carry:
    """Tomorrow's opening state from cleared data.

    prices: (slot, close, settle, open interest) of each contract; closes by class; accounts: (name,
    cash, cleared rows). ValueError when next_day is not later or a contract has no price.
    """
    if next_day <= chain.day:
        raise ValueError(f"the day after {chain.day} cannot be {next_day}")
    if sorted(row[0] for row in prices) != list(range(len(chain.contracts))):
        raise ValueError(f"carry of {chain.day}: prices must name each contract once")
    contracts = tuple(
        CarriedContract(chain.contracts[slot].code, close, settle, interest)
        for slot, close, settle, interest in prices
        if chain.contracts[slot].last_day > chain.day
    )
    classes = tuple(
        CarriedClass(klass.underlying, close)
        for klass, close in zip(chain.classes, closes, strict=True)
    )
    carried: list[CarriedAccount] = []
    for name, cash, rows in accounts:
        held, expired = positions_of(chain, rows)
        carried.append(CarriedAccount(name, cash, held, expired))
    return Carry(next_day, chain.day, run, tuple(carried), contracts, classes)


def rows_of(
    account: CarriedAccount, chain: Chain
) -> tuple[list[tuple[int, Lots, Lots, Lots]], tuple[str, ...]]:
    """(rows, unknown codes) of an account in the next day's chain, ordered by slot.

    A code that the chain does not list is returned, never dropped silently.
    """
    slots = {contract.code: slot for slot, contract in enumerate(chain.contracts)}
    known = [
        (slots[held.code], held.long, held.short, held.covered)
        for held in account.held
        if held.code in slots
    ]
    unknown = tuple(held.code for held in account.held if held.code not in slots)
    return sorted(known), unknown


class Totals(msgspec.Struct, frozen=True):
    """Sums over all accounts: what `violations` compares, for people to read."""

    cash: Money
    fees: Money
    brought: Money
    long: Lots
    short: Lots
    open_interest: Lots
    units: int


def totals(carry: Carry) -> Totals:
    """The exact sums of a carried state: cash and fees are what was brought in, longs are shorts
    and the open interest.
    """
    held = [one for account in carry.accounts for one in account.held]
    codes = {one.code for one in held}
    return Totals(
        sum(account.cash for account in carry.accounts),
        carry.fees,
        carry.brought,
        sum(one.long for one in held),
        sum(one.short + one.covered for one in held),
        sum(one.open_interest for one in carry.contracts if one.code in codes),
        sum(n for account in carry.accounts for _, n in (*account.units, *account.disposal)),
    )


def violations(carry: Carry) -> dict[str, int]:
    """What must hold of all accounts together at the end of a day, as counts (exact integers).

    `money`: cash of all accounts and fees earned are what was brought in; `positions`: contracts
    whose longs and shorts differ, or differ from the open interest; `units`: underlyings whose
    units do not sum to those bought; `moves`: underlyings whose deliveries do not balance;
    `negative`: negative positions.
    """
    cash = sum(account.cash for account in carry.accounts)
    sums: dict[str, list[int]] = {}
    negative = 0
    for account in carry.accounts:
        for held in account.held:
            both = sums.setdefault(held.code, [0, 0])
            both[0] += held.long
            both[1] += held.short + held.covered
            negative += min(held.long, held.short, held.covered) < 0
    interest = {contract.code: contract.open_interest for contract in carry.contracts}
    wrong = sum(long != short or long != interest.get(code) for code, (long, short) in sums.items())
    units: dict[str, int] = {}
    for account in carry.accounts:
        for underlying, count in (*account.units, *account.disposal):
            units[underlying] = units.get(underlying, 0) + count
    bought = dict(carry.bought)
    moved: dict[str, list[int]] = {}
    for move in carry.moves:
        both = moved.setdefault(move.underlying, [0, 0])
        both[0] += move.units
        both[1] += move.cash
    return {
        "money": int(cash + carry.fees != carry.brought),
        "positions": wrong,
        "units": sum(count != bought.get(name, 0) for name, count in units.items()),
        "moves": sum(any(both) for both in moved.values()),
        "negative": negative,
    }
