"""What the guards remember: limits and figures on record, counters of the day, rolling windows."""

import msgspec
import numpy as np

from quanheng.terms.records import FigureRecord, LimitRecord
from quanheng.terms.units import MILLISECOND, Nanos

FOREVER = 2**62
"""A stamp that no day reaches."""

REJECTS = 64
"""Stamps of rejections kept by class: the largest limit of P33 that can be set."""
ANSWERS = 50
LAST_ANSWERS = 100
"""Answers over which P33's share and P34's percentile are taken."""

BUCKET = 100 * MILLISECOND
BUCKETS = 50
"""The protection window is the last five seconds in steps of a tenth of a second."""

B_STAMP = 0  # number of the bucket since the epoch
B_FILLS = 1  # then contracts, Money traded, signed delta and vega as in columns.C_DELTA
B_LOTS = 2
B_VALUE = 3
B_DELTA = 4
B_VEGA = 5
B_COLUMNS = 6

N_ORDERS = 0  # counts of the day by class: orders and quotes, contracts, Money, openings
N_QTY = 1
N_VALUE = 2
N_OPENED = 3
N_COLUMNS = 4

R_PRICE = 0  # the last message of a side: price, quantity, when such a run began, how many
R_QTY = 1
R_SINCE = 2
R_COUNT = 3
R_COLUMNS = 4

G_ACCOUNT = 0  # standing of a class: columns.C_ACCOUNT to C_APPROVED
G_AGREED = 1
G_FILED = 2
G_APPROVED = 3
G_LOCKED = 4  # units of its underlying that are locked
G_OTHER = 5  # 1 while another account of the firm holds positions in the class
G_COLUMNS = 6


class Guards(msgspec.Struct):
    """Part of the state; see the columns above. `boundary` is when the limits change by time."""

    soft: np.ndarray  # int64[slots, L]
    records: list[LimitRecord]
    figures: dict[str, FigureRecord]  # by "scope name"
    now: Nanos
    boundary: Nanos
    standing: np.ndarray  # int64[classes, G]
    counts: np.ndarray  # int64[classes, N]
    repeats: np.ndarray  # int64[slots, 2 * R]
    rejected: np.ndarray  # int64[classes, REJECTS], a ring
    answers: np.ndarray  # int64[classes, ANSWERS], a ring of 0 taken, 1 refused
    asked: np.ndarray  # int64[classes, 3]: rejections, answers, sum of the ring
    late: np.ndarray  # int64[LAST_ANSWERS], a ring of 1 late
    answered: int
    lates: int  # sum of that ring
    window: np.ndarray  # int64[classes, BUCKETS, B], a ring
    messages: int
    deals: int
    unexplained: int
    gap_since: Nanos
    highest: int  # epoch
    tripped: list[str]  # scopes whose interest still has to be withdrawn in this turn


def open_guards(slots: int, classes: int, columns: int) -> Guards:
    """Nothing on record, nothing happened; `columns` of a limits row."""

    def ints(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    return Guards(
        soft=ints(slots, columns),
        records=[],
        figures={},
        now=0,
        boundary=FOREVER,
        standing=ints(classes, G_COLUMNS),
        counts=ints(classes, N_COLUMNS),
        repeats=ints(slots, 2 * R_COLUMNS),
        rejected=ints(classes, REJECTS),
        answers=ints(classes, ANSWERS),
        asked=ints(classes, 3),
        late=ints(LAST_ANSWERS),
        answered=0,
        lates=0,
        window=ints(classes, BUCKETS, B_COLUMNS),
        messages=0,
        deals=0,
        unexplained=0,
        gap_since=0,
        highest=0,
        tripped=[],
    )
