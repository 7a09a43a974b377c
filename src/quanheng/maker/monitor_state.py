"""What the monitors remember: thresholds, figures, live alerts, prompts and what came of them."""

from enum import StrEnum

import msgspec
import numpy as np

from quanheng.maker.monitor_table import MONITORS, ROWS, Measure
from quanheng.terms.codes import Side
from quanheng.terms.units import Lots, Money, Nanos, Slot, Ticks

FAR = 2**60
"""A figure or threshold that nothing reaches; a figure that does not apply is -FAR."""

SPAN = 60
"""Seconds of spots that are kept, for the move in a minute."""

LOSSES = 102
"""Gaps of a night (books.gaps): moves of the spot times moves of the vols."""


class Status(StrEnum):
    """Where a prompt stands."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    DONE = "done"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # its alert ended first


class Raised(msgspec.Struct):
    """An alert that lives. `place` is a class, or the number of classes for the desk.

    `grade` is the level people see: escalation raises it, a better figure does not lower it.
    `returned`: the figure is calm again, but nobody has acknowledged a critical alert yet.
    """

    number: int
    monitor: int
    place: int
    level: int
    grade: int
    told: int  # place in ROLES
    since: Nanos
    waits_since: Nanos
    acked_by: str = ""
    acked_at: Nanos = 0
    returned: bool = False
    prompt: int = 0
    prompted_at: Nanos = 0
    prompted_for: int = 0  # level


class Line(msgspec.Struct):
    """A prepared order and what became of it; `slot` -1 is the underlying of `klass`."""

    klass: int
    slot: Slot
    side: Side
    price: Ticks
    qty: Lots
    ident: int = 0  # counter of its client id
    client_id: str = ""
    refused: int = 0  # the check that stopped it
    filled: Lots = 0
    value: Money = 0  # Ticks times contracts or units traded


class Prompt(msgspec.Struct):
    """A proposal with its prepared orders (I-42), its confirmation and its result.

    `opens`: some order may add a position, so a second person has to confirm.
    """

    number: int
    alert: int
    monitor: int
    place: int
    measure: Measure
    lines: list[Line]
    opens: bool
    made_at: Nanos
    until: Nanos
    before: int  # the figure it was made for
    status: Status = Status.OPEN
    by: str = ""
    seconded_by: str = ""
    at: Nanos = 0  # of the confirmation


class Excepted(msgspec.Struct):
    """A signed exception to the overnight limits: what was found when two people signed."""

    losses: list[Money]  # by class, then the desk
    usage: int
    basis: str = ""
    by: str = ""
    seconded_by: str = ""


class Watch(msgspec.Struct):
    """Part of the state. Arrays of monitors have a column per class and a last one of the desk;
    `signed` figures grow as they get worse.
    """

    levels: np.ndarray  # int64[ROWS, places, 3], thresholds in the figures' unit
    hit: np.ndarray  # int64[monitors, places, 3], the same signed: at or above it a level is told
    keep: np.ndarray  # below it the level ends
    signed: np.ndarray  # int64[monitors, places]
    level: np.ndarray
    rising: np.ndarray  # stamps since when a figure is above its level, 0 not
    falling: np.ndarray
    live: np.ndarray  # number of the alert, 0 none
    worst: np.ndarray  # slot behind a figure, -1 none
    alerts: dict[int, Raised]
    prompts: dict[int, Prompt]
    by_ident: dict[int, int]  # counter of a client id -> prompt
    numbers: int
    messages: int  # of the day, at the last look
    looked: np.ndarray  # int64[3], stamps of the last look at figures of each cadence
    spots: np.ndarray  # Ticks int64[classes, SPAN], a ring
    sent: np.ndarray  # Ticks int64[slots, 2], the price of each side at the last look
    gaps: np.ndarray  # Money int64[classes, LOSSES, 3]: options, hedge, margin next morning
    night_next: int  # class to revalue next, -1 none
    night_from: Nanos  # the check that is running or was the last
    excepted: Excepted | None


def open_watch(slots: int, classes: int) -> Watch:
    """Nothing raised; thresholds that nothing reaches until `limits.apply` writes them."""

    def ints(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    places, kinds = classes + 1, len(MONITORS)
    return Watch(
        levels=np.full((ROWS, places, 3), FAR, dtype=np.int64),
        hit=np.full((kinds, places, 3), FAR, dtype=np.int64),
        keep=np.full((kinds, places, 3), FAR, dtype=np.int64),
        signed=np.full((kinds, places), -FAR, dtype=np.int64),
        level=ints(kinds, places),
        rising=ints(kinds, places),
        falling=ints(kinds, places),
        live=ints(kinds, places),
        worst=np.full((kinds, places), -1, dtype=np.int64),
        alerts={},
        prompts={},
        by_ident={},
        numbers=0,
        messages=0,
        looked=ints(3),
        spots=ints(classes, SPAN),
        sent=ints(slots, 2),
        gaps=ints(classes, LOSSES, 3),
        night_next=-1,
        night_from=0,
        excepted=None,
    )
