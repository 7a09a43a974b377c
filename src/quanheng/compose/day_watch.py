"""The day's extremes of what the maker shows each minute: exposures, positions, margin, profit.

The views may be pruned (borders.md 5), so a report of the day's highest use of a limit (R-07, R-03)
has to be gathered while the day runs.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from quanheng.kernels.pack import unpack
from quanheng.maker.ledger_views import GREEK_COLUMNS, LEDGER_COLUMNS
from quanheng.maker.messages import Notify
from quanheng.maker.monitors import BOOK_COLUMNS
from quanheng.maker.prompts import MARGIN_COLUMNS
from quanheng.terms.units import Nanos

DESK = -1
GREEKS = ("delta", "gamma", "vega", "theta")
"""In 1e-9 yuan, as in the "greeks" view."""
LOWEST = ("total", "coverage_ppm", "free", "forecast_free", "equity", "cash")
"""Figures of which the smallest value is the worst; of all others the largest size."""


class Seen(msgspec.Struct):
    """A figure's worst value of the day with its instant, and its last."""

    worst: int
    at: Nanos
    last: int


class DayWatch:
    """A sink for `Notify`: `seen` by (class, DESK for the whole book; name of the figure)."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, str], Seen] = {}

    def __call__(self, effect: Notify, at: Nanos, cause: int) -> None:
        """Take one view; topics without such figures are passed over."""
        if effect.topic == "greeks":
            self._greeks(unpack(effect.rows, effect.columns), at)
        elif effect.topic == "book":
            self._classes(effect, BOOK_COLUMNS, ("long", "short"), at)
        elif effect.topic == "ledger":
            total = self._classes(effect, LEDGER_COLUMNS, ("total",), at)
            self._take(DESK, "total", total, at)
        elif effect.topic == "margin":
            rows = unpack(effect.rows, effect.columns)
            for name, value in zip(MARGIN_COLUMNS, rows[0].tolist(), strict=True):
                self._take(DESK, name, value, at)

    def _greeks(self, rows: np.ndarray, at: Nanos) -> None:
        for row in rows.tolist():
            named = dict(zip(GREEK_COLUMNS, row, strict=True))
            if named["last_day"] == 0:
                for name in GREEKS:
                    self._take(named["klass"], name, named[name], at)

    def _classes(
        self, effect: Notify, columns: Sequence[str], names: Sequence[str], at: Nanos
    ) -> int:
        """The figures of every class; the sum of the last one over the classes."""
        total = 0
        for row in unpack(effect.rows, effect.columns).tolist():
            named = dict(zip(columns, row, strict=True))
            for name in names:
                self._take(named["klass"], name, named[name], at)
            total += named[names[-1]]
        return total

    def _take(self, klass: int, name: str, value: int, at: Nanos) -> None:
        before = self.seen.get((klass, name))
        if before is None:
            self.seen[klass, name] = Seen(value, at, value)
            return
        before.last = value
        worse = value < before.worst if name in LOWEST else abs(value) > abs(before.worst)
        if worse:
            before.worst, before.at = value, at
