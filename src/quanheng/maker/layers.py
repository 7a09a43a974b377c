"""Scopes of settings, from wide to narrow (I-16).

    *                   the house
    510050              a class
    510050-2407         an expiry: underlying, year and month
    510050-2407-d25     a delta bucket: the contracts of an expiry with an absolute delta from 0.25
                        to the next bound; 510050-d25 and *-d25 name it in a class or everywhere
    10006743            a contract

A contract changes its bucket when its delta has left it by HYSTERESIS, and only when curves are
published, so that a setting does not flicker at a border.
"""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.maker import columns as c
from quanheng.terms.contract import Chain

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BOUNDS = (0.0, 0.1, 0.25, 0.4, 0.6, 0.75, 0.9)
"""Lowest absolute delta of each bucket."""
BUCKETS = tuple(f"d{int(100 * low + 0.5):02d}" for low in BOUNDS)
AT_THE_MONEY = BUCKETS.index("d40")
HYSTERESIS = 0.02
_LOWEST = np.array(BOUNDS)

HOUSE, CLASS, EXPIRY, BUCKET, CONTRACT = range(5)


class Scope(msgspec.Struct, frozen=True):
    """A scope taken apart; "" and -1 for what it does not name."""

    layer: int
    underlying: str = ""
    month: str = ""  # year and month, 2407
    bucket: int = -1
    code: str = ""


def parse(text: str) -> Scope | None:
    """The scope of a text, None when it has no such form; whether it exists is another matter."""
    first, *rest = text.split("-")
    if "" in rest:
        return None
    bucket = BUCKETS.index(rest.pop()) if rest and rest[-1] in BUCKETS else -1
    month = rest.pop() if rest else ""
    good = first == "*" or (first.isascii() and first.isdigit() and len(first) in (6, 8))
    dated = not month or (month.isascii() and month.isdigit() and len(month) == 4)
    if not good or rest or not dated or (first == "*" and month):
        return None
    if len(first) == 8:
        return None if month or bucket >= 0 else Scope(CONTRACT, code=first)
    underlying = "" if first == "*" else first
    layer = EXPIRY if month else CLASS if underlying else HOUSE
    return Scope(layer if bucket < 0 else BUCKET, underlying, month, bucket)


def slots_of(chain: Chain, scope: str) -> tuple[int, int] | None:
    """The slots [start, stop) of "*", a class or a contract; None when the chain has no such."""
    if scope == "*":
        return 0, len(chain.contracts)
    for klass in chain.classes:
        if klass.underlying == scope:
            return klass.start, klass.stop
    for slot, contract in enumerate(chain.contracts):
        if contract.code == scope:
            return slot, slot + 1
    return None


def base(chain: Chain, where: Scope) -> list[int]:
    """The slots that a scope may ever name: those of its bucket's whole expiry, class or house."""
    return [
        slot
        for slot, contract in enumerate(chain.contracts)
        if where.code in ("", contract.code)
        and where.underlying in ("", contract.underlying)
        and where.month in ("", str(contract.last_day)[2:6])
    ]


def places(chain: Chain, where: Scope, buckets: np.ndarray) -> list[int]:
    """The slots of a scope now."""
    slots = base(chain, where)
    return slots if where.bucket < 0 else [slot for slot in slots if buckets[slot] == where.bucket]


def ordered(texts: Iterable[str]) -> list[tuple[str, Scope]]:
    """Scopes from wide to narrow; a bucket of an expiry is narrower than one of a class."""
    found = [(text, where) for text in texts if (where := parse(text)) is not None]
    return sorted(found, key=lambda item: _narrowness(item[1]))


def _narrowness(where: Scope) -> tuple[int, int, int]:
    return where.layer, int(where.underlying != ""), int(where.month != "")


@kernel
def move_buckets(theo: Floats, start: int, stop: int, buckets: Ints) -> bool:
    """Bring the buckets of the slots [start, stop) to their deltas; True when one moved.

    A contract whose delta is within HYSTERESIS of its bucket, or has none, stays where it is.
    """
    moved = False
    last = _LOWEST.shape[0] - 1
    for slot in range(start, stop):
        delta = abs(theo[slot, c.T_DELTA])
        now = buckets[slot]
        low = _LOWEST[now] - HYSTERESIS
        high = _LOWEST[now + 1] + HYSTERESIS if now < last else np.inf
        if math.isfinite(delta) and not low <= delta < high:
            found = 0
            while found < last and delta >= _LOWEST[found + 1]:
                found += 1
            buckets[slot] = found
            moved = True
    return moved
