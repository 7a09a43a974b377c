"""The MD301 stream of MDGW: ChainTick and UnderlyingTicks as full STEP messages (35=h, 35=W).

One tick is one batch: a market status message 35=h, then one snapshot 35=W per row. Public tags
are those of interfaces.md 2.11 and 4.2; what they cannot carry travels in private tags, so that
decode(encode(tick)) == tick:

    20001 on h   class index of the Chain        20003 on h   Y full image, N changed rows
    20004 on W   turnover below 0.01 yuan, in 0.0001 yuan (0 to 99), absent when 0

393 on h counts the messages of the batch. 8538 character 3 is FLAGS bits 0 to 2, character 4
bit 3. ETF snapshots carry 1500=MD004 and 167=01 and use the same columns. Empty levels are not
written; an ETF's trailing empty levels are therefore not read back.
"""

from functools import lru_cache

import numpy as np

from quanheng.kernels.pack import unpack
from quanheng.terms import market
from quanheng.terms.days import clock_text, day_of
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import MILLISECOND, Nanos
from quanheng.wire import md301_kernels as kernels
from quanheng.wire.md301_stream import Decoded, Quarantined, StreamDecoder, decode
from quanheng.wire.md301_tables import Bytes, ChainTables, Rows, stream_bytes

__all__ = [
    "ChainTables",
    "Decoded",
    "Quarantined",
    "StreamDecoder",
    "StreamEncoder",
    "decode",
    "encode",
    "encode_underlyings",
]

_HEAD = "35={kind}|49=MDGW|56=QH|34="


@lru_cache(maxsize=16)
def _stamp(at: Nanos, security_type: str, stream: str) -> tuple[str, Bytes]:
    """Constant middle of a batch's messages, as text of the h and as bytes of the Ws."""
    if at % MILLISECOND:
        raise ValueError(f"exchange stamp {at} is not a whole millisecond")
    day, clock = day_of(at), clock_text(at)
    digits = clock.replace(":", "").replace(".", "")
    text = f"52={day}-{clock}|347=GBK|167={security_type}|339=1|75={day}|779={digits}|"
    return text, stream_bytes(f"{text}1500={stream}|")


def _group(text: str, seq: int, session: str, count: int, tail: str) -> bytes:
    """The 35=h message that opens a batch."""
    body = f"{_HEAD.format(kind='h')}{seq}|{text}336={session}|393={count}|{tail}"
    raw = f"8=FIXT.1.1|9={len(body)}|{body}".replace("|", "\x01").encode("ascii")
    return raw + b"10=%03d\x01" % (sum(raw) & 255)


def _session(phase: int) -> str:
    """TradingSessionID: S, T or E; 1 once the opening auction is over; 0 data not closed."""
    return f"{'S' if phase == 0 else 'E' if phase == 7 else 'T'}{int(phase > 1)}0"


_W_HEAD = stream_bytes(_HEAD.format(kind="W"))


def _batch(
    rows: Rows,
    stamp: Bytes,
    names: Bytes,
    offsets: Rows,
    seq: int,
    out: Bytes,
) -> bytes:
    if rows.shape[0] * kernels.ROW_BYTES > out.size:
        raise ValueError(f"{rows.shape[0]} rows are more than the class has contracts")
    size = kernels.encode_rows(rows, _W_HEAD, stamp, names, offsets, seq, out)
    if size < 0:
        row, column = divmod(-1 - size, market.COLUMNS)
        raise ValueError(f"row {row} column {column}: {rows[row, column]} cannot be carried")
    return out[:size].tobytes()


def encode(tick: ChainTick, tables: ChainTables, seq: int = 1) -> bytes:
    """The batch of a tick, its first message numbered `seq`; it uses 1 + rows numbers.

    ValueError names the row and column of a value that cannot be carried (negative, above
    10^15, unknown slot, phase or flags), or a stamp that is no whole millisecond.
    """
    return _encode(tick, unpack(tick.rows, market.COLUMNS), tables, seq)


def _encode(tick: ChainTick, rows: Rows, tables: ChainTables, seq: int) -> bytes:
    text, stamp = _stamp(tick.at, "02", "MD301")
    session = _session(int(rows[0, market.PHASE]) if rows.size else 0)
    tail = f"20001={tick.klass}|20003={'Y' if tick.image else 'N'}|"
    group = _group(text, seq, session, rows.shape[0], tail)
    names, offsets = tables.option_names, tables.option_offsets
    return group + _batch(rows, stamp, names, offsets, seq + 1, tables.scratch)


def encode_underlyings(ticks: UnderlyingTicks, tables: ChainTables, seq: int = 1) -> bytes:
    """The batch of ETF snapshots; ValueError as `encode`."""
    rows = np.zeros((len(ticks.ticks), market.COLUMNS), dtype=np.int64)
    for number, tick in enumerate(ticks.ticks):
        row = rows[number]
        row[market.SLOT], row[market.PHASE], row[market.FLAGS] = tick.klass, tick.phase, 8
        row[market.LAST], row[market.VOLUME] = tick.last, tick.volume
        row[market.TURNOVER] = tick.turnover
        for first, values in (
            (market.BID, tick.bids),
            (market.BID_QTY, tick.bid_qty),
            (market.ASK, tick.asks),
            (market.ASK_QTY, tick.ask_qty),
        ):
            row[first : first + len(values)] = values
    text, stamp = _stamp(ticks.at, "01", "MD004")
    session = _session(ticks.ticks[0].phase if ticks.ticks else 0)
    group = _group(text, seq, session, rows.shape[0], "")
    return group + _batch(
        rows, stamp, tables.etf_names, tables.etf_offsets, seq + 1, tables.scratch
    )


class StreamEncoder:
    """Encodes ticks of one stream, numbering its messages 1, 2, 3 …"""

    def __init__(self, tables: ChainTables) -> None:
        self.tables = tables
        self.seq = 1

    def encode(self, tick: ChainTick | UnderlyingTicks) -> bytes:
        """The bytes of a tick of either kind."""
        if isinstance(tick, ChainTick):
            rows = unpack(tick.rows, market.COLUMNS)
            data = _encode(tick, rows, self.tables, self.seq)
            self.seq += 1 + len(rows)
            return data
        data = encode_underlyings(tick, self.tables, self.seq)
        self.seq += 1 + len(tick.ticks)
        return data
