"""Instructions of the businesses that do not trade, as the maker knows them (I-12).

An instruction lives by `lifecycle.TABLE`: a lock ends with its answer, a combination with the
report that it is done, a margin inquiry with the answer; an accepted exercise stands (WORKING) to
the day's end and can be withdrawn. What is in flight or UNKNOWN holds what it may take.
"""

from enum import StrEnum

import msgspec
import numpy as np

from quanheng.books.combinations import Combination
from quanheng.maker.lifecycle import Life
from quanheng.terms.business import (
    BusinessRequest,
    CombinationRequest,
    ExerciseRequest,
    LockRequest,
    MarginAnswer,
    MergedExercise,
)
from quanheng.terms.commands import Combine
from quanheng.terms.units import Lots, Money, Nanos

MOST = 200
"""Instructions alive at once, standing exercises included."""


class Kind(StrEnum):
    """What an instruction asks for."""

    LOCK = "lock"
    UNLOCK = "unlock"
    EXERCISE = "exercise"
    MERGE = "merge"  # merged exercise
    BUILD = "build"
    SPLIT = "split"
    MARGIN = "margin"


def kind_of(request: BusinessRequest) -> Kind:
    """The kind of a request."""
    match request:
        case LockRequest():
            return Kind.UNLOCK if request.unlock else Kind.LOCK
        case ExerciseRequest():
            return Kind.EXERCISE
        case MergedExercise():
            return Kind.MERGE
        case CombinationRequest():
            return Kind.SPLIT if request.split else Kind.BUILD
        case _:
            return Kind.MARGIN


class Instruction(msgspec.Struct):
    """One instruction that is not over; `klass` -1 for a margin inquiry."""

    request: BusinessRequest
    klass: int
    life: int
    by: str
    seconded_by: str
    sent_at: Nanos
    cancel_id: int = 0

    @property
    def kind(self) -> Kind:
        """What it asks for."""
        return kind_of(self.request)

    @property
    def awaits_answer(self) -> bool:
        """True until the exchange has said what became of it."""
        return self.life in (Life.PENDING, Life.UNKNOWN)


class Prepared(msgspec.Struct):
    """A set of combinations that the machine proposes: split (id, units) first, then build."""

    split: list[tuple[str, Lots]]
    build: list[Combination]
    before: Money
    after: Money


class Business(msgspec.Struct):
    """Part of the state. `relief` is the opening margin that combinations save for certain:
    of what is being split it is not counted any more, of what is being built not yet.
    """

    working: dict[int, Instruction]  # by the counter of the client id
    held: dict[str, Combination]  # by the exchange's id
    units: np.ndarray  # int64[classes] of the underlyings in the account, locked ones too
    taken: np.ndarray  # int64[classes], of those, locked today out of what may be sold
    relief: Money
    answer: MarginAnswer | None
    prepared: dict[int, Prepared]  # by number; only the newest set stays
    count: int  # sets prepared so far
    queued: list[Combine]  # confirmed, waiting for the splits before them


def blank_business(classes: int) -> Business:
    """Nothing held, nothing asked."""
    none = np.zeros(classes, dtype=np.int64)
    return Business({}, {}, none, none.copy(), 0, None, {}, 0, [])
