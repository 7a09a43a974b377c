"""Views of inquiries: each as it moves, and the response rate of the day so far (E-04)."""

import numpy as np

from quanheng.kernels.pack import pack
from quanheng.maker import columns as c
from quanheng.maker.inquiry_life import N_COLUMNS, Asked
from quanheng.maker.messages import Effects, MakerOpen, Notify
from quanheng.maker.state import State
from quanheng.terms.units import Nanos

INQUIRY_COLUMNS = (
    "number", "slot", "side", "qty", "arrived", "due", "machine_from", "since", "hold_until",
    "stage", "counts", "breaks",
)  # fmt: skip
"""Columns of the "inquiry" view, one row whenever one has moved (inquiry_life.Asked)."""

RATIO_COLUMNS = ("klass", "slot", "asked", "answered", "excused", "breaks", "by_hand", "open")
"""Columns of the "inquiries" view: one row per contract that was asked for today, and one per class
with slot -1; answered / asked is the response rate so far (E-04)."""


def show(state: State, asked: Asked, at: Nanos, effects: Effects) -> None:
    """The view of an inquiry that has moved."""
    klass = int(state.tables.fixed[asked.slot, c.F_KLASS])
    row = np.array([[int(getattr(asked, name)) for name in INQUIRY_COLUMNS]], dtype=np.int64)
    effects.append(Notify("inquiry", klass, at, len(INQUIRY_COLUMNS), pack(row)))


def ratio_rows(state: State, opened: MakerOpen) -> np.ndarray:
    """int64[n, RATIO_COLUMNS]: contracts that were asked for, each class's sum behind them."""
    queue = state.inquiries
    rows = []
    for klass, item in enumerate(opened.chain.classes):
        total = np.zeros(N_COLUMNS + 1, dtype=np.int64)
        for slot in range(item.start, item.stop):
            counts = [*queue.counts[slot].tolist(), len(queue.open.get(slot, ()))]
            if any(counts):
                rows.append([klass, slot, *counts])
                total += counts
        if total.any():
            rows.append([klass, -1, *total.tolist()])
    return np.array(rows, dtype=np.int64).reshape(-1, len(RATIO_COLUMNS))


def show_ratio(state: State, opened: MakerOpen, at: Nanos, effects: Effects) -> None:
    """The day's response rates so far, by contract and class, once anybody has asked."""
    rows = ratio_rows(state, opened)
    if rows.size:
        effects.append(Notify("inquiries", -1, at, len(RATIO_COLUMNS), pack(rows)))
