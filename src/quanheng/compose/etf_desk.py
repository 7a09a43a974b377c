"""What the firm trades in the underlyings because of exercises (rules.md 5).

On the day after an expiry a writer that was assigned may buy what it has to deliver; units that
were delivered to it can be sold from the day after that. The desk buys and sells in slices of
best-five orders until it holds free exactly what today's delivery takes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from quanheng.exchange.messages import EtfDeliver, EtfFill, EtfMember, EtfOrder, EtfRequests
from quanheng.runtime.sim import Simulation
from quanheng.settlement.carry import CarriedAccount, Carry
from quanheng.settlement.exercise_plan import trades
from quanheng.terms.codes import Side
from quanheng.terms.days import from_clock
from quanheng.terms.units import MINUTE, Lots, Money, Nanos, Ticks

LOT = 100
SLICE = 20_000
"""Units of one order at the least; large needs are cut into at most MOST slices."""
MOST = 240
FROM, UNTIL = from_clock("09:35"), from_clock("14:50")
MARGIN_PERCENT = 112
"""Cash set aside for a purchase, of its value at the previous close: the daily limit and fees."""


class EtfDesk(NamedTuple):
    """What is to be bought (+) or sold (-) by class, free units, and the cash set aside."""

    wanted: tuple[Lots, ...]
    free: tuple[Lots, ...]
    cash: Money


def planned(
    opening: Carry | None,
    account: CarriedAccount | None,
    names: Sequence[str],
    closes: Sequence[Ticks],
) -> EtfDesk | None:
    """The day's need in the underlyings; None when there is none."""
    if opening is None or account is None:
        return None
    due = {move.underlying: move.units for move in opening.moves if move.account == account.name}
    held, locked = dict(account.units), dict(account.locked)
    free = tuple(held.get(name, 0) - locked.get(name, 0) for name in names)
    wanted = tuple(
        trades(units, due.get(name, 0), LOT) for name, units in zip(names, free, strict=True)
    )
    if not any(wanted):
        return None
    value = sum(max(0, units) * close for units, close in zip(wanted, closes, strict=True))
    return EtfDesk(wanted, free, value * MARGIN_PERCENT // 100)


def member_of(desk: EtfDesk, pbu: str, account: str) -> EtfMember:
    """The firm at the underlyings' venue."""
    return EtfMember(pbu, account, desk.cash, desk.free)


class EtfTrader:
    """Sends one slice of each need after the other, each after the answer to the one before."""

    def __init__(
        self, simulation: Simulation, desk: EtfDesk, pbu: str, names: Sequence[str], midnight: Nanos
    ) -> None:
        self._simulation, self._pbu, self._midnight = simulation, pbu, midnight
        self._names = list(names)
        self._left = list(desk.wanted)
        self._count = 0
        self._slices = [max(SLICE, -(-abs(units) // (MOST * LOT)) * LOT) for units in desk.wanted]

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
        name = f"H{self._count:05d}{klass:04d}"
        order = EtfOrder(name, self._names[klass], side, 0, qty, True)
        self._simulation.post("etf", EtfRequests(self._pbu, [order]), at)

    def taken(self, effect: EtfDeliver, at: Nanos, cause: int) -> None:
        """Count what traded and send the next slice a minute later."""
        klass = -1
        for answer in effect.answers:
            klass = int(answer.client_id[6:])
            if isinstance(answer, EtfFill):
                self._left[klass] -= answer.qty if answer.side == Side.BUY else -answer.qty
        if klass >= 0:
            self._send(klass, at + MINUTE)
