"""What encoder and decoder of the MD301 stream know about a day's chain, built once."""

import numpy as np
import numpy.typing as npt

from quanheng.terms import market
from quanheng.terms.contract import Chain
from quanheng.wire import md301_kernels as kernels
from quanheng.wire.md301_group import TOKEN

ETF_SLOT = 1_000_000
"""Slots of ETFs in the code table: this plus the class index."""
_MESSAGES_PER_SCAN = 4096

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


def stream_bytes(text: str) -> Bytes:
    """GB18030 bytes of a text, | standing for SOH."""
    return np.frombuffer(text.replace("|", "\x01").encode("gb18030"), dtype=np.uint8)


def _short_name(symbol: str) -> str:
    """The longest beginning of a symbol that fits C8 in GB18030."""
    for size in range(len(symbol), 0, -1):
        if len(symbol[:size].encode("gb18030")) <= 8:
            return symbol[:size]
    return " "


def _price(ticks: int) -> str:
    return f"{ticks // 10_000}.{ticks % 10_000 * 10:05d}"


def _table(names: list[str]) -> tuple[Bytes, Rows]:
    parts = [stream_bytes(name) for name in names]
    offsets = np.zeros(len(parts) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum([part.size for part in parts])
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint8), offsets


class ChainTables:
    """What encoder and decoder know about a day's chain; built once per day."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        options = [
            f"48={c.code}|55={_short_name(c.symbol)}|140={_price(c.previous_close)}|8503=0|"
            for c in chain.contracts
        ]
        etfs = [
            f"48={klass.underlying}|55={_short_name(klass.symbol)}|"
            f"140={_price(chain.contracts[klass.start].underlying_close)}|8503=0|"
            for klass in chain.classes
        ]
        self.option_names, self.option_offsets = _table(options)
        self.etf_names, self.etf_offsets = _table(etfs)
        entries = [
            (int(chain.contracts[slot].code), slot, index)
            for index, klass in enumerate(chain.classes)
            for slot in range(klass.start, klass.stop)
        ]
        entries += [
            (int(klass.underlying), ETF_SLOT + index, -1)
            for index, klass in enumerate(chain.classes)
        ]
        ordered = np.array(sorted(entries), dtype=np.int64).reshape(-1, 3)
        self.codes = np.ascontiguousarray(ordered[:, 0])
        self.slots = np.ascontiguousarray(ordered[:, 1:])
        most = max([klass.stop - klass.start for klass in chain.classes], default=1)
        self.scratch = np.empty(max(most, len(etfs)) * kernels.ROW_BYTES, dtype=np.uint8)
        self.tokens = np.empty((kernels.FIELD_LIMIT, TOKEN), dtype=np.int64)
        self.rows = np.empty((_MESSAGES_PER_SCAN, market.COLUMNS), dtype=np.int64)
        self.meta = np.empty((_MESSAGES_PER_SCAN, kernels.META), dtype=np.int64)
