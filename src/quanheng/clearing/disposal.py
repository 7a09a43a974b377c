"""Transfers to and from members' disposal accounts at the clearing house (转处置, OTT).

They follow the day's delivery: what came in today can be moved today. A transfer is cut to the
units there are. Results go into `op_zqjs` under Q91 (into the disposal account) and Q92 (back).
"""

import numpy as np

from quanheng.clearing import messages as msg
from quanheng.kernels.pack import pack, unpack


def check(opened: msg.ClearingOpen, rows: bytes) -> None:
    """ValueError for a transfer of an account, class or quantity that cannot be."""
    table = unpack(rows, msg.TRANSFER_COLUMNS)
    bad = (table < 0).any(axis=1) | (table[:, 0] >= len(opened.accounts))
    bad |= (table[:, 1] >= len(opened.chain.classes)) | (table[:, 2] == 0) | (table[:, 3] > 1)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"clearing of {opened.day}: disposal {first} is wrong: {table[first].tolist()}"
        )


def moved(opened: msg.ClearingOpen, rows: bytes, stock: list[list[int]]) -> msg.Disposed:
    """Move the units in `stock` (by account and class) and say what was moved."""
    aside = [list(one.disposal) or [0] * len(opened.chain.classes) for one in opened.accounts]
    out = []
    for account, klass, asked, back in unpack(rows, msg.TRANSFER_COLUMNS).tolist():
        source, target = (aside, stock) if back else (stock, aside)
        units = min(asked, max(source[account][klass], 0))
        source[account][klass] -= units
        target[account][klass] += units
        out.append((account, klass, units, back))
    return msg.Disposed(pack(np.array(out, dtype=np.int64).reshape(-1, msg.TRANSFER_COLUMNS)))
