"""The reference data a day starts from: contract master, the crowd's surface, a real day's bars."""

from collections import Counter
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import repeat, zip_longest
from pathlib import Path

import msgspec

from quanheng.clearing.files import zhcl03
from quanheng.exchange.listing import STRIKE_DIGIT
from quanheng.exchange.profile import kept_share
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import from_clock, iso
from quanheng.terms.units import Day, DayNanos, Lots, Ticks
from quanheng.wire.contracts import read_contracts, write_contracts, write_second_edition
from quanheng.wire.records import BadRecord

FIRST_DAY: Day = 20240627
"""The day of the shipped reference (tools/make_reference.py)."""
RETAIL_PART = 0.55
"""Retail's part of the flow when the volume of a light chain is taken from its class."""
CLASS_LEAST = 12
"""Contracts a class of a light chain gets before another class is added."""


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
    surface: Surface  # `volume` of the contracts kept
    bars: tuple[tuple[DayNanos, int], ...]
    listed: tuple[str, ...]  # underlyings of the whole master, before `--contracts`
    whole: Chain  # every listed contract, before `--contracts`


def _folder(day: Day) -> Traversable:
    return files("quanheng") / "data" / iso(day)


# A day reads the master that it opens with and the one that it leaves, a season each of them twice.
@lru_cache(maxsize=4)
def read_master(name: str, data: bytes, day: Day) -> Chain:
    """The chain of a reff03 file. ReferenceDataError lists records that cannot be used.

    A day never opens on an incomplete contract master (reliability.md F51), nor on one whose
    fields contradict one another.
    """
    contracts, bad = read_contracts(data)
    if not bad:
        # Every line became a contract, so places in the list are lines.
        bad = [
            BadRecord(line, *found)
            for line, found in enumerate(map(_contradiction, contracts, repeat(day)), 1)
            if found
        ] or _disagreements(contracts)
    if bad:
        bad.sort()
        first = "; ".join(f"line {item.line}, {item.field}: {item.reason}" for item in bad[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise ReferenceDataError(f"{name}: {first}{more}; no day opens on a broken master")
    if not contracts:
        raise ReferenceDataError(f"{name}: no contract in the file")
    return build_chain(day, contracts)


def _contradiction(row: Contract, day: Day) -> tuple[str, str] | None:
    """(field, reason) when a contract's fields contradict its own code, its dates or the day."""
    code = row.trading_code
    month = f"{row.last_day // 100 % 10_000:04d}"
    if code[:6] != row.underlying or code[6:7] != row.kind or code[7:11] != month:
        wanted = f"{row.underlying}{row.kind}{month}"
        return "ContractID", f"{code!r} does not begin with {wanted}"
    # Only a standard contract (M) has its strike in its code; adjusted ones keep the old one.
    if not (len(code) == 17 and code[11:12].isupper() and code[12:].isdigit()):
        return "ContractID", f"{code!r} is not underlying, C or P, month, version and strike"
    if code[11] == "M" and int(code[12:]) * STRIKE_DIGIT[row.underlying_type] != row.strike:
        return "ExercisePrice", f"{row.strike} is not the strike of {code}"
    if row.last_day < day:
        return "EndDate", f"contract {row.code} expired before {iso(day)}"
    dates = (row.first_day, row.last_day, row.exercise_day, row.delivery_day)
    if row.first_day > day or dates != tuple(sorted(dates)) or row.expire_day < row.last_day:
        return "StartDate", f"{row.code}: first, last, exercise and delivery day are out of order"
    if row.previous_settle < 1 or row.underlying_close < 1:
        return "SettlPrice", f"{row.code} has no settlement price or no close of its underlying"
    if not row.limit_down <= row.previous_settle <= row.limit_up:
        return "SettlPrice", f"{row.previous_settle} of {row.code} is outside its price limits"
    return None


def _disagreements(contracts: list[Contract]) -> list[BadRecord]:
    """Contracts that say other things of their underlying than most of the class do."""
    said: dict[str, Counter[tuple[str, str, Ticks]]] = {}
    for row in contracts:
        said.setdefault(row.underlying, Counter())[_of_underlying(row)] += 1
    usual = {underlying: counts.most_common(1)[0][0] for underlying, counts in said.items()}
    names = ("UnderlyingSymbol", "UnderlyingType", "UnderlyingClosePx")
    return [
        BadRecord(line, name, f"{mine!r}, other contracts on {row.underlying} say {theirs!r}")
        for line, row in enumerate(contracts, 1)
        for name, mine, theirs in zip(
            names, _of_underlying(row), usual[row.underlying], strict=True
        )
        if mine != theirs
    ]


def _of_underlying(row: Contract) -> tuple[str, str, Ticks]:
    return row.underlying_symbol, row.underlying_type, row.underlying_close


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
    many contracts of as many classes as get 12 each, nearest expiry and nearest the money first,
    calls and puts in pairs. "24x2" takes two expiries side by side, 12 contracts of each. The
    crowd's volume shrinks with it, by the profile of the flow.
    """
    folder = _folder(day)
    try:
        name = str(master) if master else f"reff03{day % 10_000:04d}.txt"
        data = master.read_bytes() if master else (folder / name).read_bytes()
        surface = msgspec.toml.decode((folder / "surface.toml").read_bytes(), type=Surface)
        bars = _bars((folder / "etf_path.csv").read_text(encoding="utf-8"))
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise ReferenceDataError(f"reference data of {iso(day)}: {error}") from error
    whole = read_master(name, data, day)
    _check_surface(name, whole, surface)
    return chosen(whole, surface, bars, pick)


def chosen(
    whole: Chain, surface: Surface, bars: tuple[tuple[DayNanos, int], ...], pick: str
) -> Reference:
    """The reference of a day with the contracts that `--contracts` keeps, see `load`."""
    chain, listed = whole, tuple(klass.underlying for klass in whole.classes)
    if pick:
        chain = picked(whole, pick)
        surface = _thinned(surface, whole, chain)
    return Reference(chain, write_contracts(list(chain.contracts)), surface, bars, listed, whole)


def morning_files(reference: Reference) -> dict[str, bytes]:
    """The exchange's files before the open, by name: both editions of the contract master and the
    combination strategies (interfaces.md 3.2 to 3.4).
    """
    chain = reference.chain
    short = f"{chain.day % 10_000:04d}"
    return {
        f"reff03{short}.txt": reference.master,
        f"reff0302{chain.day}.xml": write_second_edition(list(chain.contracts)),
        f"zhcl03{short}.txt": zhcl03(),
    }


def _check_surface(name: str, chain: Chain, surface: Surface) -> None:
    """ReferenceDataError for a contract that the crowd would have no price for."""
    known = {
        (klass.underlying, expiry.last_day) for klass in surface.klass for expiry in klass.expiry
    }
    for row in chain.contracts:
        if (row.underlying, row.last_day) not in known:
            what = f"{row.underlying} with last day {iso(row.last_day)}"
            raise ReferenceDataError(
                f"{name}: contract {row.code}, UnderlyingSecurityID and EndDate: the surface of "
                f"{iso(chain.day)} has no {what}"
            )


def _thinned(surface: Surface, whole: Chain, kept: Chain) -> Surface:
    """The surface of a light chain: a class keeps the volume that the profile gives its contracts
    (`exchange.profile`).
    """
    mine = {klass.underlying: klass for klass in kept.classes}
    listed = {klass.underlying: klass for klass in whole.classes}
    classes = []
    for item in surface.klass:
        own, all_of = mine.get(item.underlying), listed.get(item.underlying)
        rows = kept.contracts[own.start : own.stop] if own else ()
        every = whole.contracts[all_of.start : all_of.stop] if all_of else ()
        atm = {face.last_day: face.atm / 1_000_000 for face in item.expiry}
        share = kept_share(whole.day, every, rows, atm, RETAIL_PART) if rows else 0.0
        classes.append(msgspec.structs.replace(item, volume=int(item.volume * share)))
    return msgspec.structs.replace(surface, klass=tuple(classes))


def picked(chain: Chain, pick: str) -> Chain:
    """The contracts that `--contracts` keeps, see `load`. ReferenceDataError names a bad pick."""
    if pick == "near":
        nearest = {
            klass.underlying: min(c.last_day for c in chain.contracts[klass.start : klass.stop])
            for klass in chain.classes
        }
        kept = [c for c in chain.contracts if c.last_day == nearest[c.underlying]]
        return build_chain(chain.day, kept)
    number, cross, most = pick.partition("x")
    expiries = int(most) if most.isdigit() else 0
    if not number.isdigit() or int(number) < 2 or (cross and not expiries):
        raise ReferenceDataError(
            f"--contracts {pick!r} is neither near nor a number from 2 on, nor NxEXPIRIES"
        )
    # A curve needs several strikes of one expiry: few contracts mean few classes, not thin ones.
    count = min(len(chain.classes), max(1, int(number) // (CLASS_LEAST * max(1, expiries))))
    ranked: list[list[list[Contract]]] = []
    for klass in chain.classes[:count]:
        # Pairs of one strike, nearest the money first, so that parity has both legs.
        pairs: dict[tuple[Day, Ticks, Lots], list[Contract]] = {}
        for row in chain.contracts[klass.start : klass.stop]:
            pairs.setdefault((row.last_day, row.strike, row.unit), []).append(row)
        close = chain.contracts[klass.start].underlying_close
        keys = sorted(pairs, key=lambda key: (key[0], abs(key[1] - close), key))
        if expiries:
            days = list(dict.fromkeys(key[0] for key in keys))[:expiries]
            keys = sorted(
                (key for key in keys if key[0] in days), key=lambda key: (abs(key[1] - close), key)
            )
        ranked.append([pairs[key] for key in keys])
    turns = [pair for turn in zip_longest(*ranked) for pair in turn if pair is not None]
    return build_chain(chain.day, [row for pair in turns[: int(number) // 2] for row in pair])
