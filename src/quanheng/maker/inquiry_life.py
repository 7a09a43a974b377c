"""The life of an inquiry (询价) at the maker, as one table, and the queue that holds them (Q-06).

An inquiry is answered while a two-sided quote that counts stands: within 15 s, for 15 s.
"""

from enum import IntEnum

import msgspec
import numpy as np

from quanheng.terms.units import Lots, Nanos, Slot


class Stage(IntEnum):
    """Where an inquiry stands; the last three are ends."""

    WAITING = 0  # for the machine's quote
    TAKEN = 1  # left to the trader who took it
    ANSWERED = 2  # a quote that counts stands; its hold runs
    HELD = 3
    MISSED = 4
    EXCUSED = 5  # does not count: exempt, outside continuous trading, cut off by the phase


class Happening(IntEnum):
    """What can happen to it."""

    TAKE = 0
    GIVE_BACK = 1
    TIME_UP = 2  # the person has not answered; the machine does
    STANDS = 3  # a quote that counts
    BREAKS = 4  # it stands no longer, before its hold is over
    KEPT = 5  # for as long as it had to, or until it was traded away
    DUE = 6  # nothing stands when the time to answer is over
    EXCUSE = 7


NEVER = -1

_W, _T, _A, _H, _M, _E = Stage
_X = NEVER

#        TAKE GIVE_BACK TIME_UP STANDS BREAKS KEPT DUE EXCUSE
TABLE = (
    (_T, _X, _X, _A, _X, _X, _M, _E),  # WAITING
    (_X, _W, _W, _A, _T, _H, _M, _E),  # TAKEN: the machine's earlier quote may go on standing
    (_T, _X, _X, _X, _W, _H, _X, _E),  # ANSWERED: a person may still give a better answer
    (_X, _X, _X, _X, _X, _X, _X, _X),  # HELD
    (_X, _X, _X, _X, _X, _X, _X, _E),  # MISSED: the phase may end before it would have counted
    (_X, _X, _X, _X, _X, _X, _X, _X),  # EXCUSED
)
"""TABLE[stage][happening] is the next stage."""

OPEN = (Stage.WAITING, Stage.TAKEN, Stage.ANSWERED)
UNKNOWN = -1


def life_table() -> str:
    """The life-cycle as a Markdown table, a dash where a happening is impossible."""
    lines = [
        "| stage | " + " | ".join(one.name for one in Happening) + " |",
        "|---" * (len(Happening) + 1) + "|",
    ]
    for stage in Stage:
        moves = (Stage(to).name if to != NEVER else "-" for to in TABLE[stage])
        lines.append(f"| {stage.name} | " + " | ".join(moves) + " |")
    return "\n".join(lines) + "\n"


class Asked(msgspec.Struct):
    """One inquiry. Instants are the exchange's, 0 for not yet; `why` says what broke or missed it:
    a trip, a trading state, a check of the ladder, or what the quote lacked.
    """

    number: int
    inquiry: str
    slot: Slot
    side: int  # Side, 0 both
    qty: Lots  # 0 unspecified
    arrived: Nanos
    due: Nanos
    machine_from: Nanos  # of the machine's clock; before it the answer is left to people
    stage: int = Stage.WAITING
    counts: int = UNKNOWN  # 1 when it counts for the duty, 0 when not, known after its instant
    since: Nanos = 0  # the quote that counts has stood since
    hold_until: Nanos = 0
    taken_by: str = ""
    by: str = ""  # the person whose answer stands, "" the machine's
    breaks: int = 0
    why: str = ""
    stop: Nanos = 0  # end of continuous trading
    gap_at: Nanos = 0  # instant of the last break, and since when it had stood
    gap_since: Nanos = 0


N_ASKED = 0  # that count, once their time is over
N_ANSWERED = 1
N_EXCUSED = 2
N_BREAKS = 3
N_BY_HAND = 4  # answered by a person and held
N_COLUMNS = 5


class Inquiries(msgspec.Struct):
    """The day's inquiries by number, the open ones by slot, and counts int64[slots, N]."""

    asked: dict[int, Asked]
    numbers: dict[str, int]  # by the exchange's id
    open: dict[int, list[int]]
    counts: np.ndarray
    denied: dict[int, int]  # slot with an open inquiry -> check that last denied its quote
    answers: dict[int, str]  # slot -> person whose prices stand in the contract's standing
    forbidden: int = 0  # moves that the table does not have


def open_inquiries(slots: int) -> Inquiries:
    """The queue of a morning."""
    return Inquiries({}, {}, {}, np.zeros((slots, N_COLUMNS), dtype=np.int64), {}, {})
