"""The snapshot file mktdt00.txt: quotes of the underlying funds, records MD004 (interfaces.md 3.8).

Like mktdt03 a full image, overwritten in place: its length must stand, its checksum need not while
the market trades. Streams other than MD004 are not described and are skipped, and counted. Prices
have three decimals.
"""

from collections.abc import Mapping
from typing import NamedTuple

from quanheng.terms.codes import PHASE_LETTERS
from quanheng.terms.contract import Chain
from quanheng.terms.days import clock_text, day_of, from_clock, midnight
from quanheng.terms.market import UnderlyingTick
from quanheng.terms.units import MONEY_PER_FEN, Nanos, half_up
from quanheng.wire import records
from quanheng.wire.records import BadRecord, Value

_TRAILER_BYTES = 12
_LEVELS = 5


class FundImage(NamedTuple):
    """One complete file: stamp, session status, rows by `layouts/mktdt00.toml`."""

    at: Nanos
    status: str
    rows: list[tuple[Value, ...]]
    skipped: int
    checksum_stands: bool
    quarantined: list[BadRecord]


def _body_from() -> int:
    """Bytes up to the delimiter after BodyLength."""
    header = records.layout("mktdt00_header")
    return header.fields[header.index("TotNumTradeReports")].at


def _price(ticks: int) -> int:
    """Thousandths of a yuan; a fund's price step is one of them."""
    return half_up(ticks, 10)


def rows_of(
    chain: Chain, ticks: Mapping[int, UnderlyingTick], at: Nanos
) -> list[tuple[Value, ...]]:
    """Rows of a chain's underlyings from their last ticks, by code; opening, high and low prices
    and IOPV, which a tick does not have, are blank (0). Symbols are the chain's.
    """
    rows: list[tuple[Value, ...]] = []
    for number, klass in enumerate(chain.classes):
        first = chain.contracts[klass.start]
        tick = ticks.get(number)
        if tick is None:
            continue
        levels: list[Value] = []
        for level in range(_LEVELS):
            for prices, sizes in ((tick.bids, tick.bid_qty), (tick.asks, tick.ask_qty)):
                there = level < len(prices)
                levels += [_price(prices[level]) if there else 0, sizes[level] if there else 0]
        last = _price(tick.last)
        letter = PHASE_LETTERS[tick.phase]
        closed = last if letter == "E" else 0
        rows.append(
            (
                *("MD004", klass.underlying, first.underlying_symbol, tick.volume),
                *(half_up(tick.turnover, MONEY_PER_FEN), _price(first.underlying_close)),
                *(0, 0, 0, last, closed, *levels, 0, 0, f"{letter}111", clock_text(at)),
            )
        )
    return sorted(rows, key=lambda row: str(row[1]))


def ticks_of(chain: Chain, image: FundImage) -> tuple[tuple[UnderlyingTick, ...], list[BadRecord]]:
    """Ticks of a chain's underlyings in an image, by class, and what was left out. Funds that the
    chain does not know are of no interest; a level ends at the first blank price.
    """
    form = records.layout("mktdt00")
    classes = {klass.underlying: number for number, klass in enumerate(chain.classes)}
    found: dict[int, UnderlyingTick] = {}
    bad = list(image.quarantined)
    for row in image.rows:
        text = {f.name: v for f, v in zip(form.fields, row, strict=True) if isinstance(v, str)}
        number = {f.name: v for f, v in zip(form.fields, row, strict=True) if isinstance(v, int)}
        klass = classes.get(text["SecurityID"])
        if klass is None:
            continue
        phase = PHASE_LETTERS.find(text["TradingPhaseCode"][:1] or "?")
        if phase < 0 or klass in found:
            field = "TradingPhaseCode" if phase < 0 else "SecurityID"
            reason = f"{text[field]!r} is no phase" if phase < 0 else f"{text[field]} appears twice"
            bad.append(BadRecord(0, field, reason))
            continue
        sides = []
        for name in ("Buy", "Sell"):
            prices = [number[f"{name}Price{level + 1}"] for level in range(_LEVELS)]
            depth = prices.index(0) if 0 in prices else _LEVELS
            sizes = [number[f"{name}Volume{level + 1}"] for level in range(depth)]
            sides.append((tuple(price * 10 for price in prices[:depth]), tuple(sizes)))
        found[klass] = UnderlyingTick(
            klass,
            phase,
            number["TradePrice"] * 10,
            number["TradeVolume"],
            number["TotalValueTraded"] * MONEY_PER_FEN,
            *sides[0],
            *sides[1],
        )
    return tuple(found[klass] for klass in sorted(found)), bad


def write(rows: list[tuple[Value, ...]], at: Nanos, status: str = "T10") -> bytes:
    """The file of some funds, stamped `at`. ValueError names a field that cannot be written."""
    header = records.layout("mktdt00_header")
    body = records.write(records.layout("mktdt00"), rows)
    length = header.length + 1 - _body_from() + len(body) + _TRAILER_BYTES
    stamp = f"{day_of(at)}-{clock_text(at)}"
    head = ("HEADER", "MTP1.00", length, len(rows), "", "XSHG01", stamp, 0, status)
    line = records.format_line(header, head)
    text = line + b"\n" + body + b"TRAILER|"
    return text + b"%03d\n" % (sum(text) & 255)


def read(data: bytes) -> FundImage:
    """A complete file. ValueError when it is not one: torn, wrong length, no header or trailer."""
    header = records.layout("mktdt00_header")
    end = max(data.find(b"\n"), 0)
    try:
        head = records.parse_line(header, data[:end])
    except ValueError as error:
        raise ValueError(f"mktdt00 header: {error.args[0]} {error.args[1]}") from None
    values = {field.name: value for field, value in zip(header.fields, head, strict=True)}
    for name, due in (("Version", "MTP1.00"), ("SenderCompID", "XSHG01"), ("MDUpdateType", 0)):
        if values[name] != due:
            raise ValueError(f"mktdt00 header: {name} {values[name]!r} is not {due!r}")
    follows = len(data) - _body_from()
    if values["BodyLength"] != follows:
        reason = f"{follows} bytes follow, not {values['BodyLength']}"
        raise ValueError(f"mktdt00 header: BodyLength {reason}")
    trailer = data[-_TRAILER_BYTES:]
    if trailer[:8] != b"TRAILER|" or trailer[-1:] != b"\n" or not trailer[8:11].isdigit():
        raise ValueError("mktdt00 trailer is missing or malformed")
    rows: list[tuple[Value, ...]] = []
    bad: list[BadRecord] = []
    skipped = 0
    form = records.layout("mktdt00")
    for number, line in enumerate(data[end + 1 : -_TRAILER_BYTES].split(b"\n")[:-1], 2):
        if line[:4] == b"MD00" and line[4:5].isdigit() and line[4:6] != b"4|":
            skipped += 1
            continue
        try:
            rows.append(records.parse_line(form, line))
        except ValueError as error:
            bad.append(BadRecord(number, error.args[0], error.args[1]))
    announced = values["TotNumTradeReports"]
    if len(rows) + len(bad) + skipped != announced:
        bad.append(BadRecord(1, "TotNumTradeReports", f"{announced} announced"))
    stands = int(trailer[8:11]) == sum(data[:-4]) & 255
    at = _stamp(str(values["MDTime"]))
    return FundImage(at, str(values["MDSesStatus"]), rows, skipped, stands, bad)


def _stamp(text: str) -> Nanos:
    day, dash, clock = text.partition("-")
    if len(day) != 8 or not day.isdigit() or not dash or len(clock) != 12:
        raise ValueError(f"mktdt00 header: MDTime {text!r} is not YYYYMMDD-HH:MM:SS.sss")
    try:
        return midnight(int(day)) + from_clock(clock)
    except ValueError as error:
        raise ValueError(f"mktdt00 header: MDTime {text!r}: {error}") from None
