"""Make the historical closes that seasons start from: src/quanheng/data/closes.csv.

    python tools/make_closes.py etf50_option_close_2015_2021.csv.gz etf_510500_5min_….csv

510050 has option closes only: its close is K + C - P, the median over the five strikes whose call
and put are nearest to each other, of the nearest expiry at least five calendar days away, on the
0.001 yuan step. That is the forward of the expiry and not the printed close: the two differ by the
carry of some weeks. `atm` is the volatility that the straddle nearest the money stands for,
C + P = 0.8 S vol sqrt(t). Of the duplicate keys in the source (a standard and an adjusted contract
on one printed strike) the pair nearest the median counts, as the source's notes advise. 510500 is
the last price of each day's bars, without a volatility. The same sources give the same bytes.
"""

import csv
import gzip
import sys
from datetime import date
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import median

TARGET = Path(__file__).parents[1] / "src" / "quanheng" / "data" / "closes.csv"
HEAD = """\
# Made by tools/make_closes.py: closes in 0.0001 yuan, volatility at the money in 1e-6 (0: unknown).
# 510050: implied by the parity of its options' closes. 510500: last price of 5-minute bars.
"""
LEAST_DAYS = 5
Rows = list[tuple[str, int, int, int]]


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def implied(path: Path) -> Rows:
    """(underlying, day, close, atm) of every day of the file of option closes."""
    chains: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["close"]:
                expiry = chains.setdefault(row["date"], {}).setdefault(row["expiry"], {})
                pair = expiry.setdefault(row["strike"], {"C": [], "P": []})
                pair[row["kind"]].append(float(row["close"]))
    out: Rows = []
    for day, expiries in sorted(chains.items()):
        expiry = min(one for one in expiries if _days(day, one) >= LEAST_DAYS)
        pairs = [
            (abs(call - put), float(strike) + call - put, call + put)
            for strike, both in expiries[expiry].items()
            for call, put in product(both["C"], both["P"])
        ]
        middle = median(forward for _, forward, _ in sorted(pairs)[:5])
        near = sorted(pair for pair in pairs if abs(pair[1] - middle) < 0.01 * middle)
        close = median(forward for _, forward, _ in near[:5])
        atm = near[0][2] / (0.8 * close * sqrt(_days(day, expiry) / 365))
        ticks = int(close * 1_000 + 0.5) * 10
        out.append(("510050", int(day.replace("-", "")), ticks, int(atm * 1_000 + 0.5) * 1_000))
    return out


def last_prices(path: Path) -> Rows:
    """(510500, day, close, 0) of every day of the file of bars."""
    found: dict[int, int] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = int(row["time"][:10].replace("-", ""))
            found[day] = int(float(row["close"]) * 1_000 + 0.5) * 10
    return [("510500", day, close, 0) for day, close in sorted(found.items())]


def main() -> None:
    """Write the file."""
    rows = implied(Path(sys.argv[1])) + last_prices(Path(sys.argv[2]))
    lines = [",".join(map(str, row)) for row in rows]
    TARGET.write_text(HEAD + "underlying,day,close,atm\n" + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
