"""Compare the desk's Greeks with the exchange's own published ones of 2024-06-26.

    .venv/bin/python tools/published_greeks.py          (writes docs/studies/published-greeks.md)

The exchange prints five Greeks and an implied volatility per contract, three decimals each, of
Black-Scholes with a continuous rate of 2.925 %, no dividend, calendar days / 365, theta per year
and vega per 1.00 of vol. For every contract the volatilities inside the printed one's rounding
interval are searched for one that gives all five printed Greeks.
"""

import csv
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import black

ROOT = Path(__file__).parents[1]
PRINTED = ROOT / "tools" / "source-data" / "sse_option_risk_2024-06-26.csv"
PAGE = ROOT / "docs" / "studies" / "published-greeks.md"

DAY = date(2024, 6, 26)
RATE = 0.02925
CLOSES = {"510050": 2.441, "510300": 3.499}
LAST_DAYS = {"2407": date(2024, 7, 24), "2409": date(2024, 9, 25), "2412": date(2024, 12, 25)}
NAMES = ("delta", "theta", "gamma", "vega", "rho")
HALF = 0.0005 * (1 + 1e-9)
"""Half a unit of the third decimal: what a printed number may be away from its value."""
STEPS = 2001

Floats = npt.NDArray[np.float64]


class Row(NamedTuple):
    """A contract as printed."""

    code: str
    sign: float
    spot: float
    strike: float
    tau: float
    printed: tuple[float, ...]
    vol: float


class Match(NamedTuple):
    """Volatilities that give all five printed Greeks: [low, high], or NaN; Greeks in the middle."""

    row: Row
    low: float
    high: float
    greeks: Floats


def read(path: Path = PRINTED) -> Iterator[Row]:
    """The printed contracts. KeyError for an underlying or a month that has no date here."""
    with path.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            code = line["contract_id"]
            yield Row(
                code=code,
                sign=1.0 if code[6] == "C" else -1.0,
                spot=CLOSES[code[:6]],
                strike=int(code[-5:]) / 1000,
                tau=(LAST_DAYS[code[7:11]] - DAY).days / 365,
                printed=tuple(float(line[name]) for name in NAMES),
                vol=float(line["implied_vol"]),
            )


def spot_greeks(row: Row, vols: Floats) -> Floats:
    """Greeks float64[5, n] (delta, theta, gamma, vega, rho) of the exchange's conventions.

    The desk's are of the forward; with forward = spot * exp(r tau), delta and gamma take a factor
    forward / spot each, and theta adds the financing -r * strike * discount * N(d2) = -r rho / tau.
    """
    n = vols.size
    discount = math.exp(-RATE * row.tau)
    values = (row.sign, row.spot / discount, row.strike, 0.0, row.tau, discount)
    columns = [np.full(n, value) for value in values]
    columns[3] = vols
    out = np.empty((black.ROWS, n))
    black.price_chain(*columns, out)
    theta = out[black.THETA] - RATE * out[black.RHO] / row.tau
    return np.array(
        [
            out[black.DELTA] / discount,
            theta,
            out[black.GAMMA] / discount**2,
            out[black.VEGA],
            out[black.RHO],
        ]
    )


def match(row: Row) -> Match:
    """Search the printed vol's rounding interval."""
    vols = np.linspace(row.vol - 0.0005, row.vol + 0.0005, STEPS)
    greeks = spot_greeks(row, vols)
    wanted = np.array(row.printed)[:, None]
    good = np.flatnonzero((np.abs(greeks - wanted) <= HALF).all(axis=0))
    if not good.size:
        nearest = int(np.argmin(np.abs(greeks - wanted).max(axis=0)))
        return Match(row, math.nan, math.nan, greeks[:, nearest])
    middle = good[good.size // 2]
    return Match(row, float(vols[good[0]]), float(vols[good[-1]]), greeks[:, middle])


_HEAD = """\
# The exchange's own Greeks of 2024-06-26

The exchange publishes delta, theta, gamma, vega, rho and an implied volatility per contract, three
decimals each. Black–Scholes with r = 2.925 % continuous, no dividend, calendar days / 365 and the
closes 2.441 (510050) and 3.499 (510300); theta per year, vega and rho per 1.00. Our numbers are the
desk's kernels, moved from the forward to the spot. A contract matches when one volatility inside
the printed one's rounding interval gives all five printed Greeks; the table shows the range of such
volatilities and our Greeks in its middle, each beside the printed number.

Written by `tools/published_greeks.py`; a test holds the page and the matches.

"""


def page(matches: list[Match]) -> str:
    """The page, the same bytes for the same data."""
    found = sum(not math.isnan(each.low) for each in matches)
    text = _HEAD + f"**{found} of {len(matches)} contracts match.**\n\n"
    names = " | ".join(f"{name}: ours, printed" for name in NAMES)
    text += f"| contract | printed vol | vols that match | {names} |\n"
    text += "| --- " * (3 + len(NAMES)) + "|\n"
    for row, low, high, greeks in matches:
        cells = [
            f"{ours:.4f}, {printed:.3f}" for ours, printed in zip(greeks, row.printed, strict=True)
        ]
        text += f"| {row.code} | {row.vol:.3f} | {low:.5f} to {high:.5f} | {' | '.join(cells)} |\n"
    return text


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page([match(row) for row in read()]), encoding="utf-8")


if __name__ == "__main__":
    main()
