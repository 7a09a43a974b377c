"""The reference data a day starts from: contract master, the crowd's surface, a real day's bars."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from quanheng.terms.contract import Chain, build_chain
from quanheng.terms.days import from_clock, iso
from quanheng.terms.units import Day, DayNanos, Lots, Ticks
from quanheng.wire.contracts import read_contracts, write_contracts

FIRST_DAY: Day = 20240627
"""The day of the shipped reference (tools/make_reference.py)."""


class ReferenceDataError(Exception):
    """Reference data that cannot be used; the message names file, line, field and reason."""


class ExpirySurface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One expiry of surface.toml, 1e-6 integers."""

    last_day: Day
    atm: int
    skew: int
    curvature: int
    x_low: int
    x_high: int
    carry: int


class ClassSurface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One class of surface.toml; `close` in Ticks, `volume` in contracts."""

    underlying: str
    symbol: str
    close: Ticks
    volume: Lots
    expiry: tuple[ExpirySurface, ...]


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of surface.toml."""

    day: Day
    rate: int
    klass: tuple[ClassSurface, ...]


class Reference(msgspec.Struct, frozen=True):
    """Everything the openings of a day are made from. `bars`: (time of day, movement in 1e-6)."""

    chain: Chain
    master: bytes  # the reff03 file of exactly these contracts
    surface: Surface
    bars: tuple[tuple[DayNanos, int], ...]


def _folder(day: Day) -> Traversable:
    return files("quanheng") / "data" / iso(day)


def read_master(name: str, data: bytes, day: Day) -> Chain:
    """The chain of a reff03 file. ReferenceDataError lists records that cannot be used.

    A day never opens on an incomplete contract master (reliability.md F51).
    """
    contracts, bad = read_contracts(data)
    if bad:
        first = "; ".join(f"line {item.line}, {item.field}: {item.reason}" for item in bad[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise ReferenceDataError(
            f"{name}: {len(bad)} of {len(bad) + len(contracts)} records: {first}{more}"
        )
    if not contracts:
        raise ReferenceDataError(f"{name}: no contract in the file")
    expired = [contract.code for contract in contracts if contract.last_day < day]
    if expired:
        raise ReferenceDataError(f"{name}: contract {expired[0]} expired before {iso(day)}")
    return build_chain(day, contracts)


def _bars(text: str) -> tuple[tuple[DayNanos, int], ...]:
    level, out = 1_000_000, []
    for line in text.splitlines()[1:]:
        time, move, *_ = line.split(",")
        level = level * (1_000_000 + int(move)) // 1_000_000
        out.append((from_clock(time[:5]), level - 1_000_000))
    return tuple(out)


def load(day: Day = FIRST_DAY, master: Path | None = None, pick: str = "") -> Reference:
    """The reference of a day; `master` replaces the shipped reff03 file.

    `pick` makes a light chain: "near" keeps the nearest expiry of each class, a number keeps so
    many contracts, the ones nearest the money first, calls and puts in pairs.
    """
    folder = _folder(day)
    try:
        name = str(master) if master else f"reff03{day % 10_000:04d}.txt"
        data = master.read_bytes() if master else (folder / name).read_bytes()
        surface = msgspec.toml.decode((folder / "surface.toml").read_bytes(), type=Surface)
        bars = _bars((folder / "etf_path.csv").read_text(encoding="utf-8"))
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise ReferenceDataError(f"reference data of {iso(day)}: {error}") from error
    chain = read_master(name, data, day)
    if pick:
        chain = _picked(chain, pick)
    return Reference(chain, write_contracts(list(chain.contracts)), surface, bars)


def _picked(chain: Chain, pick: str) -> Chain:
    if pick == "near":
        nearest = {
            klass.underlying: min(c.last_day for c in chain.contracts[klass.start : klass.stop])
            for klass in chain.classes
        }
        kept = [c for c in chain.contracts if c.last_day == nearest[c.underlying]]
        return build_chain(chain.day, kept)
    if not pick.isdigit() or int(pick) < 2:
        raise ReferenceDataError(f"--contracts {pick!r} is neither near nor a number from 2 on")
    # Pairs of one strike, nearest the money first, so that parity has both legs.
    distance = {
        (c.underlying, c.last_day, c.strike, c.unit): abs(c.strike - c.underlying_close)
        * 1_000_000
        // c.underlying_close
        for c in chain.contracts
    }
    order = sorted(distance, key=lambda key: (key[1], distance[key], key))
    wanted = set(order[: int(pick) // 2])
    kept = [c for c in chain.contracts if (c.underlying, c.last_day, c.strike, c.unit) in wanted]
    return build_chain(chain.day, kept)
