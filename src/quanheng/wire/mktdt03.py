"""The snapshot file mktdt03.txt: the second carrier of option market data (interfaces.md 4.1).

The file is a full image, overwritten in place; during trading its checksum need not stand, its
length must. Freshness is the count of images and MDTime, never a record's Timestamp (borders.md
4). MDTime has whole seconds, and 8504's two decimals bound the precision of the turnover.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.kernels.pack import pack
from quanheng.terms import market
from quanheng.terms.codes import PHASE_LETTERS
from quanheng.terms.contract import Chain
from quanheng.terms.days import clock_text, day_of, from_clock, midnight
from quanheng.terms.market import ChainTick
from quanheng.terms.units import Nanos
from quanheng.wire import fixed_kernels, records
from quanheng.wire.md301_kernels import Bytes, Rows
from quanheng.wire.records import BadRecord

_COLUMNS = {
    "TotalLongPosition": market.OPEN_INTEREST,
    "TradeVolume": market.VOLUME,
    "TotalValueTraded": market.TURNOVER,
    "OpenPrice": market.OPEN,
    "AuctionPrice": market.AUCTION_PRICE,
    "AuctionQty": market.AUCTION_QTY,
    "HighPrice": market.HIGH,
    "LowPrice": market.LOW,
    "TradePrice": market.LAST,
}
for _level in range(market.LEVELS):
    _COLUMNS[f"BuyPrice{_level + 1}"] = market.BID + _level
    _COLUMNS[f"BuyVolume{_level + 1}"] = market.BID_QTY + _level
    _COLUMNS[f"SellPrice{_level + 1}"] = market.ASK + _level
    _COLUMNS[f"SellVolume{_level + 1}"] = market.ASK_QTY + _level

Mask = npt.NDArray[np.bool_]

_BODY_FROM = 29  # bytes up to the delimiter after BodyLength
_TRAILER_BYTES = 12
_CENTS = 100  # Money per unit of a two-decimal field


class Image(NamedTuple):
    """One complete file: stamp, session status, rows of the contracts read, ordered by slot."""

    at: Nanos
    status: str
    rows: Rows
    checksum_stands: bool
    quarantined: list[BadRecord]


class FileTables:
    """What reader and writer know about a day's chain; built once per day."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.form = records.layout("mktdt03")
        self.fields = np.array(
            [
                (field.at, field.width, field.decimals, _COLUMNS.get(field.name, -1))
                for field in self.form.fields
            ],
            dtype=np.int64,
        )
        self.slots = {contract.code.encode(): slot for slot, contract in enumerate(chain.contracts)}
        phase = self.form.fields[self.form.index("TradingPhaseCode")]
        self.phase_at = phase.at
        self.stamp_at = self.form.fields[self.form.index("Timestamp")].at
        blank = {field.name: "" if field.kind == "C" else 0 for field in self.form.fields}
        lines = []
        for contract in chain.contracts:
            values = {
                **blank,
                "MDStreamID": "M0301",
                "SecurityID": contract.code,
                "PreSettlPrice": contract.previous_settle,
                "ReservedWord": "00:00:00.000",
            }
            row = tuple(values[field.name] for field in self.form.fields)
            lines.append(records.format_line(self.form, row) + b"\n")
        self.template: Bytes = np.frombuffer(b"".join(lines), dtype=np.uint8).reshape(
            len(lines), self.form.length + 1
        )


def write(rows: Rows, tables: FileTables, at: Nanos, status: str = "T10") -> bytes:
    """The file of a whole chain: int64[contracts, COLUMNS] in slot order, stamped `at`.

    ValueError names a line with a negative value or a phase or flags outside their range.
    """
    if rows.shape != (len(tables.template), market.COLUMNS):
        raise ValueError(f"{rows.shape} is not one row per contract of the chain")
    phases, flags = rows[:, market.PHASE], rows[:, market.FLAGS]
    if ((phases < 0) | (phases > 7) | (flags < 0) | (flags > 15)).any():
        raise ValueError("a phase is outside 0..7 or flags are outside 0..15")
    lines = tables.template.copy()
    values = rows.copy()
    values[:, market.TURNOVER] = (values[:, market.TURNOVER] + _CENTS // 2) // _CENTS
    wrong = fixed_kernels.write_lines(values, tables.fields, lines)
    if wrong:
        raise ValueError(f"line {wrong}: contract {wrong - 1} has a negative value")
    letters = np.frombuffer(PHASE_LETTERS.encode(), dtype=np.uint8)
    lines[:, tables.phase_at] = letters[phases]
    lines[:, tables.phase_at + 2] = 48 + (flags & 7)
    lines[:, tables.phase_at + 3] = 48 + (flags >> 3)
    clock = clock_text(at)[:8]
    stamp = np.frombuffer(f"{clock}.000".encode(), dtype=np.uint8)
    lines[:, tables.stamp_at : tables.stamp_at + 12] = stamp
    body = lines.tobytes()
    header = records.layout("mktdt03_header")
    length = header.length + 1 - _BODY_FROM + len(body) + _TRAILER_BYTES
    stamped = f"{day_of(at)}-{clock}.000"
    head = records.format_line(
        header, ("HEADER", "DTP1.00", length, len(lines), "", "XSHG03", stamped, 0, status)
    )
    text = head + b"\n" + body + b"TRAILER|"
    return text + b"%03d\n" % (sum(text) & 255)


def read(data: bytes, tables: FileTables) -> Image:
    """A complete file. ValueError when it is not one: torn, wrong length, no header or trailer.

    Single bad records are quarantined; a contract that is not in the chain is one of them.
    """
    header = records.layout("mktdt03_header")
    end = data.find(b"\n")
    try:
        head = records.parse_line(header, data[: max(end, 0)])
    except ValueError as error:
        raise ValueError(f"mktdt03 header: {error.args[0]} {error.args[1]}") from None
    if head[header.index("BodyLength")] != len(data) - _BODY_FROM:
        reason = f"{len(data) - _BODY_FROM} bytes follow, not {head[2]}"
        raise ValueError(f"mktdt03 header: BodyLength {reason}")
    trailer = data[-_TRAILER_BYTES:]
    if trailer[:8] != b"TRAILER|" or trailer[-1:] != b"\n" or not trailer[8:11].isdigit():
        raise ValueError("mktdt03 trailer is missing or malformed")
    at = _stamp(str(head[header.index("MDTime")]))
    bad: list[BadRecord] = []
    starts, slots = _lines(data, end + 1, len(data) - _TRAILER_BYTES, tables, bad)
    announced = head[header.index("TotNumTradeReports")]
    if len(starts) + len(bad) != announced:
        bad.append(BadRecord(1, "TotNumTradeReports", f"{announced} announced"))
    rows = np.zeros((len(starts), market.COLUMNS), dtype=np.int64)
    wrong = np.zeros(len(starts), dtype=np.int64)
    raw = np.frombuffer(data, dtype=np.uint8)
    begin = np.array(starts, dtype=np.int64)
    fixed_kernels.read_lines(raw, begin, tables.fields, rows, wrong)
    rows[:, market.SLOT] = slots
    rows[:, market.TURNOVER] *= _CENTS
    good = wrong == 0
    good &= _phases(raw, begin, tables, rows, wrong)
    for number in np.flatnonzero(~good).tolist():
        name = tables.form.fields[int(wrong[number]) - 1].name
        bad.append(BadRecord(data.count(b"\n", 0, starts[number]) + 1, name, "is malformed"))
    kept = rows[good]
    ordered = kept[np.argsort(kept[:, market.SLOT], kind="stable")]
    stands = int(trailer[8:11]) == sum(data[:-4]) & 255
    return Image(at, str(head[-1]), ordered, stands, bad)


def _stamp(text: str) -> Nanos:
    day, dash, clock = text.partition("-")
    if len(day) != 8 or not day.isdigit() or not dash or len(clock) != 12:
        raise ValueError(f"mktdt03 header: MDTime {text!r} is not YYYYMMDD-HH:MM:SS.000")
    return midnight(int(day)) + from_clock(clock)


def _lines(
    data: bytes, start: int, stop: int, tables: FileTables, bad: list[BadRecord]
) -> tuple[list[int], list[int]]:
    """Offsets and slots of the lines that can be read by width."""
    starts: list[int] = []
    slots: list[int] = []
    taken: set[int] = set()
    number = 1
    length = tables.form.length
    while start < stop:
        number += 1
        end = data.find(b"\n", start, stop)
        end = stop if end < 0 else end
        slot = tables.slots.get(data[start + 6 : start + 14])
        if end - start < length or (end - start > length and data[start + length] != 124):
            bad.append(BadRecord(number, "record", f"has {end - start} bytes, not {length}"))
        elif data[start : start + 6] != b"M0301|":
            bad.append(BadRecord(number, "MDStreamID", "is not M0301"))
        elif slot is None or slot in taken:
            code = data[start + 6 : start + 14].decode("ascii", "replace")
            known = "appears twice" if slot is not None else "is not in the chain"
            bad.append(BadRecord(number, "SecurityID", f"{code!r} {known}"))
        else:
            taken.add(slot)
            starts.append(start)
            slots.append(slot)
        start = end + 1
    return starts, slots


def _phases(raw: Bytes, begin: Rows, tables: FileTables, rows: Rows, wrong: Rows) -> Mask:
    """Fill PHASE and FLAGS; False where TradingPhaseCode is malformed."""
    if not begin.size:
        return np.ones(0, dtype=np.bool_)
    at = begin + tables.phase_at
    lookup = np.full(256, -1, dtype=np.int64)
    lookup[np.frombuffer(PHASE_LETTERS.encode(), dtype=np.uint8)] = np.arange(8)
    phase = lookup[raw[at]]
    barred = raw[at + 2].astype(np.int64) - 48
    accepts = raw[at + 3].astype(np.int64) - 48
    good = (phase >= 0) & (barred >= 0) & (barred <= 7) & (accepts >= 0) & (accepts <= 1)
    rows[:, market.PHASE] = phase
    rows[:, market.FLAGS] = barred | accepts << 3
    wrong[~good & (wrong == 0)] = tables.form.index("TradingPhaseCode") + 1
    return good


class Follower:
    """Turns successive images into ticks of what changed, keeping the last good image."""

    def __init__(self, tables: FileTables) -> None:
        self.tables = tables
        self.images = 0  # complete files taken
        self.refused = 0  # torn, malformed or older files
        self.at: Nanos = 0
        self._rows: Rows = np.full((len(tables.template), market.COLUMNS), -1, dtype=np.int64)

    def take(self, data: bytes) -> tuple[list[ChainTick], list[BadRecord]]:
        """Ticks of the classes that changed (images the first time), and what was left out.

        A file that is not complete, or older than the last, changes nothing.
        """
        try:
            image = read(data, self.tables)
            if image.at < self.at:
                raise ValueError("mktdt03: MDTime goes back")
        except ValueError as error:
            self.refused += 1
            return [], [BadRecord(1, "record", str(error))]
        self.images += 1
        self.at = image.at
        slots = image.rows[:, market.SLOT]
        changed = image.rows[(image.rows != self._rows[slots]).any(axis=1)]
        self._rows[slots] = image.rows
        ticks = []
        for index, klass in enumerate(self.tables.chain.classes):
            low, high = np.searchsorted(changed[:, market.SLOT], (klass.start, klass.stop))
            if high > low:
                full = bool(high - low == klass.stop - klass.start)
                ticks.append(ChainTick(index, image.at, full, pack(changed[low:high])))
        return ticks, image.quarantined
