"""Read the closes and clean them: one slice per day and expiry, and a reason for every dropped row.

The file has date, kind, expiry, strike and close of every 510050 option. It has no underlying
close, a few empty closes, and keys that stand twice where a standard and an adjusted contract
share a printed strike. Closes are last trades, so they are not simultaneous.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk.black import discount_factor
from quanheng.rulebook.calendar import Calendar
from quanheng.rulebook.years import TRADING_TIME, discount_years, variance_years
from quanheng.terms.days import from_iso, midnight
from quanheng.terms.units import HOUR

Floats = npt.NDArray[np.float64]

RATE = 0.025
"""Continuous, calendar days / 365: the middle of rules.md 8.2's range for these years."""
TICK = 1e-4

KEPT = "point of a fit (out of the money)"
PARITY_ONLY = "in the money: used for the forward only"
EMPTY = "empty close"
EXPIRY_DAY = "expiry day: no time left"
DUPLICATE = "duplicate key: the other call-put pair is nearer the median forward"
NO_FORWARD = "no forward: no strike with call and put, no neighbour"
TOO_CHEAP = "below three ticks: says more about the tick than about volatility"
NO_VOL = "no implied volatility inside 0.05 % to 400 %"
REASONS = (KEPT, PARITY_ONLY, EMPTY, EXPIRY_DAY, DUPLICATE, NO_FORWARD, TOO_CHEAP, NO_VOL)


@dataclass(frozen=True)
class Row:
    """A line of the file: days as YYYYMMDD, prices in ticks of 0.0001 yuan, None for no close."""

    day: int
    call: bool
    last_day: int
    strike: int
    close: int | None


@dataclass
class Slice:
    """One expiry on one day after cleaning; prices in yuan, NaN for none, strikes ascending."""

    day: int
    last_day: int
    tau: float
    years: float
    discount: float
    strike: Floats
    call: Floats
    put: Floats
    dropped: Counter[str] = field(default_factory=Counter)


def _ticks(text: str) -> int | None:
    return round(float(text) * 10_000) if text else None


def read_rows(path: Path) -> list[Row]:
    """Every row in the file's order. ValueError names a line that is not a close."""
    rows = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for number, item in enumerate(csv.DictReader(file), start=2):
            strike = _ticks(item["strike"])
            if item["kind"] not in ("C", "P") or strike is None or strike <= 0:
                raise ValueError(f"{path.name} line {number}: no option: {item}")
            rows.append(
                Row(
                    from_iso(item["date"]),
                    item["kind"] == "C",
                    from_iso(item["expiry"]),
                    strike,
                    _ticks(item["close"]),
                )
            )
    return rows


def by_day(rows: Iterable[Row]) -> Iterator[tuple[int, list[Row]]]:
    """(day, its rows) in order of days; rows keep their order."""
    for day, group in groupby(sorted(rows, key=lambda row: row.day), key=lambda row: row.day):
        yield day, list(group)


def _pairs(calls: list[float], puts: list[float]) -> list[tuple[float, float]]:
    """The call-put pairs a strike may mean.

    Contracts stand in one order among calls and among puts, so equal numbers pair by place.
    """
    if len(calls) == len(puts):
        return list(zip(calls, puts, strict=True))
    return [(call, put) for call in calls for put in puts]


def _nearest(pairs: list[tuple[float, float]], strike: float, discount: float, at: float) -> int:
    away = [abs(strike + (call - put) / discount - at) for call, put in pairs]
    return int(np.argmin(away))


def clean(rows: list[Row], cal: Calendar) -> Slice:
    """The slice of one day and expiry from its rows, with the dropped rows counted by reason."""
    day, last_day = rows[0].day, rows[0].last_day
    close = midnight(day) + 15 * HOUR
    tau = variance_years(cal, TRADING_TIME, last_day, close)
    years = discount_years(last_day, close)
    out = Slice(day, last_day, tau, years, discount_factor(RATE, years), *([np.empty(0)] * 3))
    priced = [row for row in rows if row.close is not None]
    out.dropped[EMPTY] += len(rows) - len(priced)
    if not tau > 0.0:
        out.dropped[EXPIRY_DAY] += len(priced)
        return out
    quotes: dict[int, tuple[list[float], list[float]]] = {}
    for row in priced:
        sides = quotes.setdefault(row.strike, ([], []))
        sides[0 if row.call else 1].append((row.close or 0) * TICK)
    strikes = sorted(quotes)
    single = [k for k in strikes if max(map(len, quotes[k])) < 2 and all(quotes[k])]
    sure = single or [k for k in strikes if all(quotes[k])]
    forwards = [
        k * TICK + (call - put) / out.discount for k in sure for call, put in _pairs(*quotes[k])
    ]
    median = float(np.median(forwards)) if forwards else float("nan")
    call_put = []
    for strike in strikes:
        calls, puts = quotes[strike]
        pairs = _pairs(calls, puts) if calls and puts else []
        if len(pairs) > 1:
            best = pairs[_nearest(pairs, strike * TICK, out.discount, median)]
        else:
            best = (calls[0] if calls else np.nan, puts[0] if puts else np.nan)
        out.dropped[DUPLICATE] += max(len(calls) - 1, 0) + max(len(puts) - 1, 0)
        call_put.append(best)
    out.strike = np.array(strikes, dtype=np.float64) * TICK
    table = np.array(call_put, dtype=np.float64).reshape(-1, 2)
    out.call, out.put = table[:, 0].copy(), table[:, 1].copy()
    return out


def slices_of(rows: list[Row], cal: Calendar) -> list[Slice]:
    """The slices of one day, nearest expiry first."""
    expiries = sorted({row.last_day for row in rows})
    return [clean([row for row in rows if row.last_day == last], cal) for last in expiries]
