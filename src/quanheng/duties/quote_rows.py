"""Quote rows of one day and class taken into columns as they are read: checked, in one pass.

What is accepted is exactly what `dataset.check_quotes` accepts (a test holds both together); this
form only says yes or no, the other one names the row and the reason. Rows come in batches of any
size; what leaves are chunks of whole cells, in one buffer that is used again.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties.day import MAX_PRICE, Chunk, DayTables
from quanheng.kernels.jit import kernel
from quanheng.terms.units import DAY as FULL_DAY

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

S_CONTRACT, S_MAKER, S_AT, S_ROWS, S_RUNS, STATE = 0, 1, 2, 3, 4, 5
"""Contract, maker and time of the last row; rows and runs (cells) in the buffer."""


class Batch(msgspec.Struct, frozen=True, eq=False):
    """Rows as they were read: codes into words, and the five columns of numbers."""

    contract: Codes
    contracts: Sequence[str]
    maker: Codes
    makers: Sequence[str]
    columns: tuple[Ints, Ints, Ints, Ints, Ints]  # at, bid, bid_qty, ask, ask_qty


@kernel
def _good(at: int, bid: int, bid_qty: int, ask: int, ask_qty: int) -> bool:
    """The numbers of a row as `dataset` wants them."""
    side = (bid >= 0) & (bid <= MAX_PRICE) & (ask >= 0) & (ask <= MAX_PRICE)
    qty = (bid_qty >= 0) & (ask_qty >= 0)
    named = ((bid > 0) | (bid_qty == 0)) & ((ask > 0) | (ask_qty == 0))
    return bool((at >= 0) & (at <= FULL_DAY) & side & qty & named)


@kernel
def take_rows(
    contract: Codes,
    maker: Codes,
    place: Ints,
    order: Ints,
    seat: Ints,
    at: Ints,
    bid: Ints,
    bid_qty: Ints,
    ask: Ints,
    ask_qty: Ints,
    makers: int,
    state: Ints,
    rows: Ints,
    runs: Ints,
) -> int:
    """Append rows to `rows` int64[5, n] and their cells to `runs` int64[2, cells] (lane, start).

    `place`, `order` and `seat` are by code: the contract's index, the maker's rank among all and
    its index among the day's, -1 for none (such rows are left out). Returns the number of good
    rows: all, or those before the first bad or unsorted one.
    """
    n, count = state[S_ROWS], state[S_RUNS]
    last_contract, last_maker, last_at = state[S_CONTRACT], state[S_MAKER], state[S_AT]
    to_at, to_bid, to_bid_qty, to_ask, to_ask_qty = rows[0], rows[1], rows[2], rows[3], rows[4]
    old_contract, old_maker, own = np.int32(-1), np.int32(-1), -1
    for j in range(at.size):
        now = at[j]
        if contract[j] == old_contract and maker[j] == old_maker:
            if now <= last_at:
                return j
        else:
            old_contract, old_maker = contract[j], maker[j]
            item, who = place[old_contract], order[old_maker]
            if item < 0 or who < 0 or item < last_contract:
                return j
            same = item == last_contract and who == last_maker
            if item == last_contract and (who < last_maker or (same and now <= last_at)):
                return j
            last_contract, last_maker = item, who
            own = seat[old_maker]
            if own >= 0 and not same:
                runs[0, count], runs[1, count] = item * makers + own, n
                count += 1
        last_at = now
        if not _good(now, bid[j], bid_qty[j], ask[j], ask_qty[j]):
            return j
        if own >= 0:
            to_at[n], to_bid[n], to_bid_qty[n] = now, bid[j], bid_qty[j]
            to_ask[n], to_ask_qty[n] = ask[j], ask_qty[j]
            n += 1
    state[S_CONTRACT], state[S_MAKER], state[S_AT] = last_contract, last_maker, last_at
    state[S_ROWS], state[S_RUNS] = n, count
    return int(at.size)


class QuoteRows:
    """The quotes of one day and class on their way through a buffer.

    `most` rows may wait for the end of their cell, `batch` rows come at a time. The first row is
    number 0; `read` have been read.
    """

    def __init__(self, tables: DayTables, makers: Sequence[str], batch: int, most: int) -> None:
        self.tables, self.most, self.read = tables, most, 0
        self.place = {item.contract: index for index, item in enumerate(tables.subjects)}
        self.order = {maker: index for index, maker in enumerate(sorted(set(makers)))}
        self.seat = {maker: index for index, maker in enumerate(tables.makers)}
        self.rows = np.empty((5, batch + most), dtype=np.int64)
        self.lanes = len(tables.subjects) * len(tables.makers)
        self.runs = np.zeros((2, self.lanes + 2), dtype=np.int64)
        self.state = np.array([-1, -1, -1, 0, 0], dtype=np.int64)
        self.since = 0

    def take(self, batch: Batch) -> bool:
        """Append a batch; False when a row of it is not good, and then nothing more is right."""
        size = len(batch.contract)
        makers = len(self.tables.makers)
        good = take_rows(
            batch.contract,
            batch.maker,
            _codes(batch.contracts, self.place),
            _codes(batch.makers, self.order),
            _codes(batch.makers, self.seat),
            *batch.columns,
            makers,
            self.state,
            self.rows,
            self.runs,
        )
        self.read += size
        return int(good) == size

    @property
    def waiting(self) -> int:
        """Rows of the cell that is not over."""
        count = int(self.state[S_RUNS])
        return int(self.state[S_ROWS] - self.runs[1, count - 1]) if count else 0

    def whole(self) -> Iterator[Chunk]:
        """The cells that are over, if any, as one chunk; the open one moves to the front."""
        count = int(self.state[S_RUNS])
        if count > 1:
            yield self._chunk(count - 1)
            cut, rows = int(self.runs[1, count - 1]), int(self.state[S_ROWS])
            # Column by column and forwards: the parts may overlap.
            for column in self.rows:
                column[: rows - cut] = column[cut:rows].copy()
            self.runs[:, 0] = self.runs[0, count - 1], 0
            self.state[S_ROWS], self.state[S_RUNS] = rows - cut, 1

    def rest(self) -> Iterator[Chunk]:
        """What is left at the end."""
        count = int(self.state[S_RUNS])
        if count or self.read > self.since:
            yield self._chunk(count)
            self.state[S_ROWS] = self.state[S_RUNS] = 0

    def _chunk(self, count: int) -> Chunk:
        lanes, starts = self.runs[0, :count], self.runs[1, :count]
        end = int(self.runs[1, count]) if count < self.state[S_RUNS] else int(self.state[S_ROWS])
        size = np.zeros(self.lanes + 1, dtype=np.int64)
        size[lanes + 1] = np.diff(starts, append=end)
        read, self.since = self.read - self.since, self.read
        return Chunk(self.rows, np.cumsum(size), read)


def _codes(words: Sequence[str], place: dict[str, int]) -> Ints:
    return np.array([place.get(word, -1) for word in words], dtype=np.int64)
