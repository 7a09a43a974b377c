"""What the clearing house notifies an account of in the evening (rules.md 3.5, 5; I-45)."""

from collections.abc import Mapping, Sequence

from quanheng.clearing import messages as msg
from quanheng.kernels.pack import unpack
from quanheng.terms.codes import FORCED_COVERED, FORCED_PREFIXES
from quanheng.terms.contract import Chain
from quanheng.terms.orders import Trade
from quanheng.terms.units import Day, Lots, Money
from quanheng.wire.notices import Notice


def called(account: str, day: Day, deficit: Money, due: Day) -> tuple[Notice, ...]:
    """The margin call (P01), none without a deficit."""
    if not deficit:
        return ()
    return (Notice(kind="P01", day=day, account=account, amount=deficit, due=due),)


def uncovered(
    account: str, day: Day, chain: Chain, covered: Mapping[str, Lots], locked: Mapping[str, Lots]
) -> tuple[Notice, ...]:
    """Covered shorts that the locked units do not suffice for in tomorrow's `chain` (P02).

    `covered` goes by contract code, `locked` by underlying; adjusted contracts need more units.
    """
    needed: dict[str, Lots] = {}
    for row in chain.contracts:
        if qty := covered.get(row.code, 0):
            needed[row.underlying] = needed.get(row.underlying, 0) + qty * row.unit
    return tuple(
        Notice(
            kind="P02",
            day=day,
            account=account,
            underlying=underlying,
            covered=True,
            qty=units - locked.get(underlying, 0),
            due=chain.day,
        )
        for underlying, units in sorted(needed.items())
        if units > locked.get(underlying, 0)
    )


def closed(
    account: str, day: Day, fills: Sequence[Trade], underlyings: Mapping[str, str], left: Money
) -> tuple[Notice, ...]:
    """What was closed by force (P03): a notice for each contract and cause; `left` is the deficit
    that the evening found all the same.
    """
    sums: dict[tuple[str, bool], list[int]] = {}
    for fill in fills:
        if fill.client_id[:3] in FORCED_PREFIXES:
            key = (fill.contract, fill.client_id[:3] == FORCED_COVERED)
            both = sums.setdefault(key, [0, 0])
            both[0] += fill.qty
            both[1] += fill.amount
    return tuple(
        Notice(
            kind="P03",
            day=day,
            account=account,
            contract=contract,
            underlying=underlyings[contract],
            covered=by_cover,
            qty=qty,
            amount=amount,
            left=left,
        )
        for (contract, by_cover), (qty, amount) in sorted(sums.items())
    )


def failed(
    account: str, chain: Chain, made: msg.DeliveriesMade, price: Sequence[Money]
) -> tuple[Notice, ...]:
    """Units that the first account did not deliver (P04); `price` by class is what one cost."""
    fine = dict(made.penalties).get(0, 0)
    short = [
        (chain.classes[klass].underlying, -missing, -missing * price[klass])
        for number, klass, _, _, missing in unpack(made.rows, msg.DELIVERED_COLUMNS).tolist()
        if number == 0 and missing < 0
    ]
    return tuple(
        Notice(
            kind="P04",
            day=chain.day,
            account=account,
            underlying=underlying,
            qty=units,
            amount=cash,
            left=fine if not place else 0,
        )
        for place, (underlying, units, cash) in enumerate(short)
    )
