"""Make the reference data of the first simulated day, 2024-06-27, from tools/source-data.

    .venv/bin/python tools/make_reference.py [--out FOLDER]

Writes reff030627.txt, surface.toml, etf_path.csv. The same sources give the same bytes; where each
number comes from is said in tools/source-data/README.md and choices.toml.
"""

import argparse
import csv
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reference_smiles as smiles
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.kernels.math import elementary
from quanheng.rulebook import calendar, margin, order_sizes, price_limits
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.years import TRADING_TIME, variance_years
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import day_number, midnight
from quanheng.terms.units import HOUR, half_up
from quanheng.wire import contracts as contract_files
from reference_smiles import Smile, Times

SOURCE = Path(__file__).parent / "source-data"
SHIPPED = Path(__file__).parents[1] / "src" / "quanheng" / "data" / "2024-06-27"
SHORT_NAME = re.compile(r"^(?P<symbol>.+)[购沽](?P<month>\d+)月(?P<strike>\d+)(?P<letter>[A-Z]?)$")


@dataclass(frozen=True)
class Listed:
    """One row of the published table: identity, strike in ticks, printed vol or None."""

    code: str
    trading_code: str
    symbol: str
    underlying: str
    kind: str
    month: int
    strike: int
    adjusted: bool
    vol: float | None


@dataclass(frozen=True)
class Source:
    """The sources, read."""

    choices: dict[str, Any]
    klasses: dict[str, dict[str, Any]]
    listed: list[Listed]
    book: Rulebook
    months: list[int]

    @property
    def day(self) -> int:
        """The simulated day."""
        return int(self.choices["day"])


def read() -> Source:
    """Read and check the sources. ValueError names a short name that cannot be understood."""
    choices = tomllib.loads((SOURCE / "choices.toml").read_text(encoding="utf-8"))
    with (SOURCE / "sse_option_risk_2024-06-26.csv").open(encoding="utf-8") as file:
        vols = {row["security_id"]: float(row["implied_vol"]) for row in csv.DictReader(file)}
    listed: list[Listed] = []
    with (SOURCE / "sse_option_chain_2024-06-26.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name, code = row["contract_symbol"], row["contract_id"]
            match = SHORT_NAME.match(name)
            if match is None:
                raise ValueError(f"short name {name!r} of {row['security_id']} has no strike")
            # Strikes are printed in 0.001 yuan; a letter marks an adjusted contract.
            strike = int(match["strike"]) * 10
            month = 200_000 + int(code[7:11])
            vol = vols.get(row["security_id"])
            adjusted = match["letter"] != ""
            head = (row["security_id"], code, name, code[:6], code[6])
            listed.append(Listed(*head, month, strike, adjusted, vol))
    klasses = {klass["underlying"]: klass for klass in choices["klass"]}
    months = sorted({row.month for row in listed})
    return Source(choices, klasses, listed, read_rulebook(int(choices["day"])), months)


def times_of(source: Source, month: int) -> Times:
    """An expiry as seen from the close of the day before the simulated one."""
    previous = int(source.choices["previous_day"])
    last_day = expiry(source, month)
    close = midnight(previous) + 15 * HOUR
    tau = variance_years(source.book.calendar, TRADING_TIME, last_day, close)
    convention = source.choices["convention"]
    years = (day_number(last_day) - day_number(previous)) / convention["year_days"]
    rate = convention["rate_ppm"] / smiles.PPM
    return Times(tau, years, float(elementary.exp(-rate * years)))


def expiry(source: Source, month: int) -> int:
    """Last trading day of an expiry month."""
    return calendar.expiry_day(source.book.calendar, month // 100, month % 100)


def listing_day(source: Source, month: int) -> int:
    """First trading day on which the month belonged to the month set (rules.md 1.4)."""
    day = source.day
    while True:
        before = calendar.previous_trading(source.book.calendar, day)
        if month not in calendar.expiry_months(source.book.calendar, before):
            return day
        day = before


def to_ticks(yuan: float) -> int:
    """Nearest tick, half up, at least one."""
    return max(math.floor(yuan * 10_000 + 0.5), 1)


def settles_and_smiles(source: Source) -> tuple[dict[str, int], dict[str, list[Smile]]]:
    """Previous settlement by code, and the smiles of each class by expiry."""
    settles: dict[str, int] = {}
    found: dict[str, list[Smile]] = {}
    times = {month: times_of(source, month) for month in source.months}
    for klass in source.klasses.values():
        if "atm_ppm" in klass:
            continue
        close = klass["close"] / 10_000
        fitted: list[Smile] = []
        for month in source.months:
            rows: list[tuple[str, float, float]] = []
            for row in source.listed:
                if row.underlying == klass["underlying"] and row.month == month:
                    if row.vol is None:
                        raise ValueError(f"{row.code} {row.symbol} has no printed volatility")
                    strike = row.strike / 10_000
                    value = smiles.published_price(row.kind, close, strike, row.vol, times[month])
                    settles[row.code] = to_ticks(value)
                    rows.append((row.kind, strike, value))
            fitted.append(smiles.fit(close, rows, times[month]))
        found[klass["underlying"]] = fitted
    published = list(found.values())
    for klass in source.klasses.values():
        if "atm_ppm" in klass:
            found[klass["underlying"]] = [
                smiles.shaped(klass["atm_ppm"], klass["carry_ppm"], published, index)
                for index in range(len(source.months))
            ]
    for row in source.listed:
        if row.code not in settles:
            close = source.klasses[row.underlying]["close"] / 10_000
            smile = found[row.underlying][source.months.index(row.month)]
            strike = row.strike / 10_000
            settles[row.code] = to_ticks(
                smiles.price(row.kind, close, strike, smile, times[row.month])
            )
    return settles, found


def open_interest(source: Source, found: dict[str, list[Smile]]) -> dict[str, int]:
    """Open interest by code: the class totals, spread by the profile of choices.toml.

    Whole contracts by largest remainder, ties by code, so that the totals are exact.
    """
    profile = source.choices["open_interest"]
    result: dict[str, int] = {}
    for underlying, klass in source.klasses.items():
        weights: dict[str, float] = {}
        for index, month in enumerate(source.months):
            rows = [r for r in source.listed if r.underlying == underlying and r.month == month]
            raw: dict[str, float] = {}
            for row in rows:
                times, smile = times_of(source, month), found[underlying][index]
                spread = smile.atm / smiles.PPM * math.sqrt(times.tau)
                z = elementary.log(row.strike / klass["close"]) / spread
                aside = z - profile["lean"] if row.kind == "C" else z + profile["lean"]
                raw[row.code] = elementary.exp(-0.5 * (aside / profile["width"]) ** 2)
            whole = math.fsum(raw.values())
            share = profile["months"][index] / sum(profile["months"])
            weights.update({code: share * value / whole for code, value in raw.items()})
        total = klass["open_interest"]
        exact = {code: weight * total for code, weight in weights.items()}
        floors = {code: math.floor(value) for code, value in exact.items()}
        spare = total - sum(floors.values())
        order = sorted(exact, key=lambda code: (floors[code] - exact[code], code))
        for code in order[:spare]:
            floors[code] += 1
        result.update(floors)
    return result


def make_chain(source: Source, settles: dict[str, int], interest: dict[str, int]) -> Chain:
    """The 396 contracts of the simulated day."""
    listing = {month: listing_day(source, month) for month in source.months}
    contracts = [
        contract_of(source, row, settles[row.code], interest[row.code], listing[row.month])
        for row in source.listed
    ]
    return build_chain(source.day, contracts)


def contract_of(source: Source, row: Listed, settle: int, interest: int, first: int) -> Contract:
    """One contract with what the rulebook says of it today."""
    book, klass, cal = source.book, source.klasses[row.underlying], source.book.calendar
    sizes = order_sizes.limits(book)
    unit = source.choices["sizes"]["adjusted_unit" if row.adjusted else "unit"]
    last = expiry(source, row.month)
    close = klass["close"]
    up, down = price_limits.limits(
        book, row.underlying, row.kind, row.strike, settle, close, 1, last == source.day
    )
    near = calendar.trading_days_between(cal, source.day, last) < 5
    return Contract(
        code=row.code,
        trading_code=row.trading_code,
        symbol=row.symbol,
        underlying=row.underlying,
        underlying_symbol=klass["symbol"],
        underlying_type="EBS",
        style="E",
        kind=row.kind,
        unit=unit,
        strike=row.strike,
        first_day=first,
        last_day=last,
        exercise_day=last,
        delivery_day=calendar.next_trading(cal, last),
        expire_day=last,
        version="1" if row.adjusted else "0",
        open_interest=interest,
        previous_close=settle,
        previous_settle=settle,
        underlying_close=close,
        limit_up=up,
        limit_down=down,
        margin_unit=margin.opening(book, "EBS", row.kind, row.strike, settle, close, unit),
        margin_ratio_1=1200,
        margin_ratio_2=700,
        round_lot=1,
        limit_min=sizes.minimum,
        limit_max=sizes.limit_max,
        market_min=sizes.minimum,
        market_max=sizes.market_max,
        step=1,
        status=f"00{int(near)}0E0  ",
        auto_split_day=calendar.previous_trading(cal, last, 2),
    )


def surface_text(source: Source, found: dict[str, list[Smile]]) -> str:
    """surface.toml: what the simulated crowd believes at the open."""
    lines = [
        "# Made by tools/make_reference.py. Volatilities at the open of the day, 1e-6 integers:",
        "# vol(x) = atm + skew x + curvature x^2, x = ln(K/F)/sqrt(tau), flat past x_low, x_high;",
        "# tau in trading years, F = close x exp(carry x calendar days / 365), close in ticks,",
        "# volume = contracts traded on the day before.",
        f"day = {source.day}",
        f"rate = {source.choices['convention']['rate_ppm']}",
    ]
    for underlying in sorted(source.klasses):
        klass = source.klasses[underlying]
        lines += ["", "[[klass]]", f'underlying = "{underlying}"', f'symbol = "{klass["symbol"]}"']
        lines += [f"close = {klass['close']}", f"volume = {klass['volume']}"]
        for month, smile in zip(source.months, found[underlying], strict=True):
            lines += ["", "[[klass.expiry]]", f"last_day = {expiry(source, month)}"]
            for name in ("atm", "skew", "curvature", "x_low", "x_high", "carry"):
                lines.append(f"{name} = {getattr(smile, name)}")
    return "\n".join(lines) + "\n"


def path_text(source: Source) -> str:
    """etf_path.csv: 5-minute returns of one real day, in 1e-6.

    The first bar's return is from its own open, the others from the close before; `high` and `low`
    are from the same base; `volume` is the bar's share of the day's volume, in 1e-6.
    """
    path = source.choices["path"]
    with (SOURCE / path["file"]).open(encoding="utf-8") as file:
        bars = [row for row in csv.DictReader(file) if row["time"].startswith(path["day"])]
    total = sum(int(bar["volume"]) for bar in bars)
    lines = ["time,return,high,low,volume"]
    base = thousandths(bars[0]["open"])
    for bar in bars:
        moves = [
            half_up((thousandths(bar[name]) - base) * 1_000_000, base)
            for name in ("close", "high", "low")
        ]
        share = half_up(int(bar["volume"]) * 1_000_000, total)
        lines.append(",".join([bar["time"][11:], *map(str, moves), str(share)]))
        base = thousandths(bar["close"])
    return "\n".join(lines) + "\n"


def thousandths(text: str) -> int:
    """An ETF price, printed to 0.001 yuan, as an exact integer."""
    return round(float(text) * 1_000)


def make() -> dict[str, bytes]:
    """Every file of the reference day, by name."""
    source = read()
    settles, found = settles_and_smiles(source)
    chain = make_chain(source, settles, open_interest(source, found))
    return {
        "reff030627.txt": contract_files.write_contracts(list(chain.contracts)),
        "surface.toml": surface_text(source, found).encode(),
        "etf_path.csv": path_text(source).encode(),
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, data in make().items():
        (out / name).write_bytes(data)
        print(f"{out / name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
