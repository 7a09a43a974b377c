"""Checks of imported market rows: a bad row is set aside with its reason, never changed or dropped.

Keys of a row's contract: a slot from 0 on, or -1 - class for an underlying's own quote.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TextIO

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.edge.market_rows import NUMBERS, Batch
from quanheng.rulebook.phases import Span
from quanheng.terms.codes import PHASE_LETTERS, Phase
from quanheng.terms.contract import Chain
from quanheng.terms.units import DAY, Day

Ints = npt.NDArray[np.int64]

AT, BID, BID_QTY, ASK, ASK_QTY, LAST, VOLUME = range(len(NUMBERS))
KEY = len(NUMBERS)
PHASE = KEY + 1
WIDTH = PHASE + 1
UNKNOWN = np.iinfo(np.int64).min
ETF_STEP = 10
"""Price step of a fund in Ticks."""
OTHER = ("another day", "")
"""What is not of the tape's day is no error: it is counted and left out."""


class Known(msgspec.Struct):
    """What rows are checked against: places by code, and by key (slots first, then classes
    reversed) step and limits.
    """

    places: dict[str, int]
    step: Ints
    down: Ints
    up: Ints


def known_of(chain: Chain) -> Known:
    """The chain's codes, price steps and limits; funds come last, so that key -1 is the first."""
    contracts = chain.contracts
    places = {contract.code: slot for slot, contract in enumerate(contracts)}
    places |= {klass.underlying: -1 - number for number, klass in enumerate(chain.classes)}
    funds = len(chain.classes)

    def column(cells: list[int], fund: int) -> Ints:
        return np.array(cells + [fund] * funds, dtype=np.int64)

    return Known(
        places,
        column([max(contract.step, 1) for contract in contracts], ETF_STEP),
        column([contract.limit_down for contract in contracts], 1),
        column([contract.limit_up for contract in contracts], 1 << 40),
    )


class Quarantine:
    """Rows that were set aside: counted by reason, written to a CSV as they come."""

    def __init__(self, file: TextIO) -> None:
        self.counts: Counter[str] = Counter()
        self._file = file
        file.write("file,row,contract,reason,detail\n")

    def put(self, name: str, row: int, contract: str, reason: str, detail: str = "") -> None:
        """Set one row aside."""
        self.counts[reason] += 1
        text = detail.replace('"', "'")
        self._file.write(f'{name},{row},{contract},{reason},"{text}"\n')


class Checker:
    """Takes batches of a source in order and gives the good rows, int64[n, WIDTH].

    `spans` are the day's timetable: the phase of a row that does not say its own.
    """

    def __init__(
        self, known: Known, day: Day, spans: Sequence[Span], quarantine: Quarantine
    ) -> None:
        self.others = 0  # rows of other days
        self._known, self._day, self._quarantine = known, day, quarantine
        self._starts = np.array([spans[0].start, *(span.stop for span in spans)])
        phases = [Phase.START, *(span.phase for span in spans), Phase.CLOSED]
        self._phases = np.array(phases, dtype=np.int64)
        self._last: dict[int, tuple[int, ...]] = {}

    def take(self, name: str, batch: Batch) -> Ints:
        """Check a batch of the file `name`."""
        rows = len(batch.contracts)
        table = np.empty((rows, WIDTH), dtype=np.int64)
        table[:, :KEY] = batch.numbers
        table[:, KEY] = [self._known.places.get(code, UNKNOWN) for code in batch.contracts]
        reasons: dict[int, tuple[str, str]] = {
            row: ("not a whole number", text) for row, text in batch.bad.items()
        }
        days: Ints = np.array(batch.days, dtype=np.int64)
        _add(reasons, days == 0, "not a day")
        other = (days != self._day) & (days != 0)
        self.others += int(other.sum())
        if batch.phases:
            table[:, PHASE] = [PHASE_LETTERS.find(one) if one else -1 for one in batch.phases]
            _add(reasons, table[:, PHASE] < 0, "unknown phase")
        else:
            place = np.searchsorted(self._starts, table[:, AT], side="right")
            table[:, PHASE] = self._phases[place]
        unknown = table[:, KEY] == UNKNOWN
        _add(reasons, unknown, "unknown contract")
        table[unknown, KEY] = 0
        self._values(table, reasons)
        for row in np.flatnonzero(other).tolist():
            reasons[row] = OTHER
        self._order(table, reasons)
        for row in sorted(reasons):
            if reasons[row] is not OTHER:
                code = batch.contracts[row]
                self._quarantine.put(name, batch.first + row, code, *reasons[row])
        good = np.ones(rows, dtype=bool)
        good[list(reasons)] = False
        kept: Ints = table[good]
        return kept

    def _values(self, table: Ints, reasons: dict[int, tuple[str, str]]) -> None:
        """What is wrong with a row by itself."""
        known, key = self._known, table[:, KEY]
        _add(reasons, (table[:, AT] < 0) | (table[:, AT] >= DAY), "time outside the day")
        _add(reasons, (table[:, :KEY] < 0).any(axis=1), "negative number")
        for price, qty in ((BID, BID_QTY), (ASK, ASK_QTY)):
            one = (table[:, price] > 0) != (table[:, qty] > 0)
            _add(reasons, one, "price without quantity or quantity without price")
        for column in (BID, ASK, LAST):
            value = table[:, column]
            _add(reasons, value % known.step[key] != 0, "price off the step")
            outside = (value > 0) & ((value < known.down[key]) | (value > known.up[key]))
            _add(reasons, outside, "price outside the limits")
        crossed = (table[:, BID] >= table[:, ASK]) & (table[:, ASK] > 0) & (table[:, BID] > 0)
        # In an auction both are the virtual price.
        _add(reasons, crossed & (table[:, PHASE] == Phase.CONTINUOUS), "crossed book")

    def _order(self, table: Ints, reasons: dict[int, tuple[str, str]]) -> None:
        """What is wrong with a row after those of its contract before it."""
        last = self._last
        for row, cells in enumerate(table.tolist()):
            if row in reasons:
                continue
            now = tuple(cells)
            before = last.get(now[KEY])
            if before is not None and now[AT] <= before[AT]:
                again = now[AT] == before[AT]
                kind = "a second row at one time" if again else "time goes back"
                reasons[row] = ("duplicate row" if now == before else kind, f"after {before[AT]}")
            elif before is not None and now[VOLUME] < before[VOLUME]:
                reasons[row] = ("volume falls", f"{before[VOLUME]} to {now[VOLUME]}")
            else:
                last[now[KEY]] = now


def _add(reasons: dict[int, tuple[str, str]], mask: Any, reason: str) -> None:
    """Rows of a mask that have no reason yet get this one."""
    for row in np.flatnonzero(mask).tolist():
        reasons.setdefault(row, (reason, ""))
