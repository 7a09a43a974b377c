"""The maker's account in the underlyings: units with T+1, money, what waits for an answer."""

import msgspec
import numpy as np

from quanheng.terms.codes import Side
from quanheng.terms.units import Lots, Money, Nanos, Ticks


class EtfWorking(msgspec.Struct, array_like=True):
    """An order that was sent; until its answer came the class is not reconciled (P35)."""

    klass: int
    side: Side
    qty: Lots  # not yet answered by a fill
    limit: Ticks
    at: Nanos


class EtfBook(msgspec.Struct):
    """By class: units held, units that may be sold today, money received less paid with fees."""

    on: bool  # this day has a line to the underlyings' market
    cash: Money  # free there
    base: Lots  # of every class, hedged outside: neither delta nor profit of ours
    units: np.ndarray  # int64[classes]
    sellable: np.ndarray
    flow: np.ndarray  # Money
    worth: np.ndarray  # Money, the opening units beyond the base at the previous close
    fees: np.ndarray  # Money
    orders: np.ndarray
    acted_at: np.ndarray  # Nanos, the last time a hedge of the class was sent
    watched: np.ndarray  # seconds in which the class's delta was known
    inside: np.ndarray  # of those, seconds within the band
    working: dict[int, EtfWorking]  # by the counter of the client id


def blank_etf(classes: int) -> EtfBook:
    """No line, no units."""

    def ints() -> np.ndarray:
        return np.zeros(classes, dtype=np.int64)

    return EtfBook(
        on=False,
        cash=0,
        base=0,
        units=ints(),
        sellable=ints(),
        flow=ints(),
        worth=ints(),
        fees=ints(),
        orders=ints(),
        acted_at=ints(),
        watched=ints(),
        inside=ints(),
        working={},
    )


def gained(etf: EtfBook, spots: np.ndarray) -> np.ndarray:
    """Money int64[classes] won in the underlyings since the opening, units at `spots` (Ticks)."""
    profit: np.ndarray = etf.flow + (etf.units - etf.base) * spots - etf.worth
    return profit
