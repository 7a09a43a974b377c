"""What the firm trades in the underlyings because of exercises (rules.md 5).

On the day after an expiry a writer that was assigned may buy what it has to deliver; units that
were delivered to it can be sold from the day after that. On an expiry day long puts that are in the
money at the close before need units too, because nobody exercises a put without them. The desk
buys and sells in slices of best-five orders until it holds free exactly what that takes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from quanheng.exchange.messages import EtfDeliver, EtfMember, EtfRequests
from quanheng.runtime.sim import Simulation
from quanheng.settlement.carry import CarriedAccount, Carry
from quanheng.settlement.exercise_plan import trades
from quanheng.terms.codes import Side
from quanheng.terms.contract import Chain
from quanheng.terms.days import from_clock
from quanheng.terms.etf import ETF_LOT, EtfFill, EtfOrder
from quanheng.terms.units import MINUTE, Lots, Money, Nanos, Ticks

SLICE = 20_000
"""Units of one order at the least; large needs are cut into at most MOST slices."""
MOST = 240
FROM, UNTIL = from_clock("09:35"), from_clock("14:50")
MARGIN_PERCENT = 112
"""Cash set aside for a purchase, of its value at the previous close: the daily limit and fees."""


class EtfDesk(NamedTuple):
    """What is to be bought (+) or sold (-) by class, free units, the cash set aside for that, and
    what the maker may hedge with: units that nothing is due for, and cash.
    """

    wanted: tuple[Lots, ...]
    free: tuple[Lots, ...]
    cash: Money
    spare: tuple[Lots, ...]
    hedge_cash: Money


def puts_to_exercise(chain: Chain, account: CarriedAccount) -> dict[str, Lots]:
    """Units by underlying for the account's long puts that expire today in the money."""
    held = {one.code: one.long for one in account.held}
    needed: dict[str, Lots] = {}
    for row in chain.contracts:
        inside = not row.is_call and row.strike > row.underlying_close
        if inside and row.last_day == chain.day and held.get(row.code):
            units = held[row.code] * row.unit
            needed[row.underlying] = needed.get(row.underlying, 0) + units
    return needed


def planned(
    opening: Carry | None,
    account: CarriedAccount | None,
    chain: Chain,
    closes: Sequence[Ticks],
    hedge_cash: Money = 0,
    base: Lots = 0,
) -> EtfDesk | None:
    """The day's need in the underlyings, at most half of the cash; None when there is none.

    With `hedge_cash` the maker hedges there: what nobody needs is kept for it and not sold; on the
    first day `base` units of everything are there.
    """
    flat = (0,) * len(chain.classes)
    if opening is None or account is None:
        first = (base,) * len(chain.classes)
        return EtfDesk(flat, first, 0, first, hedge_cash) if hedge_cash else None
    names = [klass.underlying for klass in chain.classes]
    due = {move.underlying: move.units for move in opening.moves if move.account == account.name}
    for underlying, units in puts_to_exercise(chain, account).items():
        due[underlying] = due.get(underlying, 0) - units
    held, locked = dict(account.units), dict(account.locked)
    free = tuple(held.get(name, 0) - locked.get(name, 0) for name in names)
    wanted = tuple(
        trades(units, due.get(name, 0), ETF_LOT) for name, units in zip(names, free, strict=True)
    )
    spare = flat
    if hedge_cash:
        needs = [max(0, -due.get(name, 0)) for name in names]
        spare = tuple(max(0, units - need) for units, need in zip(free, needs, strict=True))
        wanted = tuple(max(0, units) for units in wanted)
        hedge_cash = min(hedge_cash, max(account.cash, 0) // 4)
    aside = _value(wanted, closes) * MARGIN_PERCENT // 100
    if aside > account.cash // 2:
        part = max(account.cash, 0) // 2
        wanted = tuple(
            units * part // aside // ETF_LOT * ETF_LOT if units > 0 else units for units in wanted
        )
        aside = _value(wanted, closes) * MARGIN_PERCENT // 100
    if not any(wanted) and not hedge_cash:
        return None
    return EtfDesk(wanted, free, aside, spare, hedge_cash)


def _value(wanted: Sequence[Lots], closes: Sequence[Ticks]) -> Money:
    return sum(max(0, units) * close for units, close in zip(wanted, closes, strict=True))


def member_of(desk: EtfDesk, pbu: str, account: str) -> EtfMember:
    """The firm at the underlyings' venue."""
    return EtfMember(pbu, account, desk.cash + desk.hedge_cash, desk.free)


class EtfTrader:
    """Sends one slice of each need after the other, each after the answer to the one before.

    `letter` is the maker's in the same account; this desk takes another one. `bought` and `money`
    are what came of it, by class and in all.
    """

    def __init__(
        self,
        simulation: Simulation,
        desk: EtfDesk,
        pbu: str,
        names: Sequence[str],
        midnight: Nanos,
        letter: str,
    ) -> None:
        self._simulation, self._pbu, self._midnight = simulation, pbu, midnight
        self._names = list(names)
        self._left = list(desk.wanted)
        self._count = 0
        self._letter = "X" if letter == "H" else "H"
        self.bought = [0] * len(self._left)
        self.money: Money = 0
        self._slices = [
            max(SLICE, -(-abs(units) // (MOST * ETF_LOT)) * ETF_LOT) for units in desk.wanted
        ]

    def begin(self) -> None:
        """Schedule the first slices."""
        for klass, left in enumerate(self._left):
            if left:
                self._send(klass, self._midnight + FROM + klass * MINUTE // 8)

    def _send(self, klass: int, at: Nanos) -> None:
        left = self._left[klass]
        if not left or at >= self._midnight + UNTIL:
            return
        self._count += 1
        side = Side.BUY if left > 0 else Side.SELL
        qty = min(abs(left), self._slices[klass])
        name = f"{self._letter}{self._count:05d}{klass:04d}"
        order = EtfOrder(name, self._names[klass], side, 0, qty, True)
        self._simulation.post("etf", EtfRequests(self._pbu, [order]), at)

    def taken(self, effect: EtfDeliver, at: Nanos, cause: int) -> None:
        """Count what traded and send the next slice a minute later."""
        klass = -1
        for answer in effect.answers:
            if not answer.client_id.startswith(self._letter):
                continue
            klass = int(answer.client_id[6:])
            if isinstance(answer, EtfFill):
                signed = answer.qty if answer.side == Side.BUY else -answer.qty
                self._left[klass] -= signed
                self.bought[klass] += signed
                self.money -= signed * answer.price + answer.fee
        if klass >= 0:
            self._send(klass, at + MINUTE)
