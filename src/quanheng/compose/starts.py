"""First days of seasons: the shipped chain of 2024-06-27, or a listing made for the day.

A made listing is what rules.md 1.3 to 1.6 give a class on its first day: four expiries, the base
strike and the day's number on each side, calls and puts, reference prices by theory. Nothing older
is known, so no adjusted contracts and no strikes of earlier prices stand in it, and the open
interest is one day's volume. Closes come from the season file, or from `data/closes.csv`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

import msgspec

from quanheng.compose.carrying import Listed
from quanheng.compose.reference import (
    FIRST_DAY,
    ClassSurface,
    ExpirySurface,
    Reference,
    Surface,
    chosen,
    load,
)
from quanheng.compose.scenarios import ScenarioError
from quanheng.exchange import listing
from quanheng.exchange.profile import rank_shares
from quanheng.exchange.theory import Smile
from quanheng.rulebook import calendar
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.schema import ticks
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import iso
from quanheng.terms.units import Day, Lots, Ticks

FIRST_CODE = 10_000_001
"""The first security code of a made listing (interfaces.md 5)."""
DEFAULT_VOLUME = 400_000
"""Contracts a day of a class whose volume is not known."""


class StartClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class of a season file: `close` of the day before in yuan as text; `atm`, `skew`,
    `curvature` of every expiry and `carry` a year in 1e-6, -1 for those of the shipped 510050.
    """

    underlying: str
    symbol: str
    close: str
    type: str = "EBS"  # or ASH, a stock
    unit: int = listing.STANDARD_UNIT
    volume: Lots = DEFAULT_VOLUME
    atm: int = -1
    skew: int = -1
    curvature: int = -1
    carry: int = -1


@lru_cache
def history() -> dict[str, dict[Day, tuple[Ticks, int]]]:
    """(close, volatility at the money or 0) of the shipped closes, by underlying and day."""
    text = (files("quanheng") / "data" / "closes.csv").read_text(encoding="utf-8")
    found: dict[str, dict[Day, tuple[Ticks, int]]] = {}
    for line in text.splitlines():
        if line[:1].isdigit():
            underlying, day, close, atm = line.split(",")
            found.setdefault(underlying, {})[int(day)] = int(close), int(atm)
    return found


def spans() -> str:
    """The days of the shipped closes in words, for errors and help."""
    return "; ".join(
        f"{underlying} {iso(min(days))} to {iso(max(days))}"
        for underlying, days in history().items()
    )


def start(book: Rulebook, classes: Sequence[StartClass]) -> Reference:
    """The reference of a season's first day, every contract in it. ScenarioError says why none can
    be made.
    """
    if not classes and book.day == FIRST_DAY:
        return load(FIRST_DAY)
    if not calendar.is_trading(book.calendar, book.day):
        raise ScenarioError(f"season from {iso(book.day)}: not a trading day")
    shipped = load(FIRST_DAY)
    wanted = tuple(classes) or _known(book, shipped)
    listed = dict(book.listing.classes)
    surfaces: list[ClassSurface] = []
    samples: list[Contract] = []
    for one in wanted:
        since = listed.get(one.underlying, 0)
        if since > book.day:
            raise ScenarioError(
                f"season from {iso(book.day)}: options on {one.underlying} trade from {iso(since)}"
            )
        surfaces.append(_surface(book, one, shipped))
        samples.append(_sample(book, one))
    surface = Surface(book.day, shipped.surface.rate, tuple(surfaces))
    return _with_scopes(chosen(_chain(book, samples, surface), surface, shipped.bars, ""), shipped)


def _with_scopes(made: Reference, shipped: Reference) -> Reference:
    """Scenarios may name every shipped class; one that is not listed yet does not move."""
    names = tuple(dict.fromkeys((*made.listed, *shipped.listed)))
    return msgspec.structs.replace(made, listed=names)


def thinned(base: Reference, pick: str) -> Reference:
    """A first day's reference with the contracts that `--contracts` keeps."""
    return _with_scopes(chosen(base.whole, base.surface, base.bars, pick), base)


def _known(book: Rulebook, shipped: Reference) -> tuple[StartClass, ...]:
    """Classes whose close of the day before is known, with the shipped volume and shape."""
    before = calendar.previous_trading(book.calendar, book.day)
    known = {item.underlying: item for item in shipped.surface.klass}
    found = tuple(
        StartClass(
            underlying,
            known[underlying].symbol,
            f"{days[before][0] / 10_000:.4f}",
            volume=known[underlying].volume,
            atm=days[before][1] or -1,
        )
        for underlying, days in history().items()
        if before in days and dict(book.listing.classes)[underlying] <= book.day
    )
    if not found:
        raise ScenarioError(
            f"season from {iso(book.day)}: no close of {iso(before)} is known (the chain of "
            f"{iso(FIRST_DAY)} is shipped, closes of {spans()}); a season file can state "
            f"its own in [[class]]"
        )
    return found


def _surface(book: Rulebook, one: StartClass, shipped: Reference) -> ClassSurface:
    """The four expiries of a class, shaped like the shipped ones of the same rank."""
    like = {item.underlying: item for item in shipped.surface.klass}
    rows = like.get(one.underlying, shipped.surface.klass[0]).expiry
    faces = []
    for rank, month in enumerate(calendar.expiry_months(book.calendar, book.day)):
        last_day = calendar.expiry_day(book.calendar, month // 100, month % 100)
        shape = rows[min(rank, len(rows) - 1)]
        asked = (one.atm, one.skew, one.curvature, one.carry)
        atm, skew, curvature, carry = (
            own if given == -1 else given
            for given, own in zip(
                asked, (shape.atm, shape.skew, shape.curvature, shape.carry), strict=True
            )
        )
        faces.append(ExpirySurface(last_day, atm, skew, curvature, 0, 0, carry))
    return ClassSurface(one.underlying, one.symbol, _close(one), one.volume, tuple(faces))


def _close(one: StartClass) -> Ticks:
    try:
        close = ticks(one.close)
    except ValueError as error:
        raise ScenarioError(f"season class {one.underlying}: close: {error}") from error
    if close <= 0 or one.unit <= 0 or one.volume <= 0:
        raise ScenarioError(f"season class {one.underlying}: close, unit, volume must be above 0")
    if one.type not in listing.OPTION_STEP:
        raise ScenarioError(f"season class {one.underlying}: type {one.type!r} is not EBS or ASH")
    return close


def _sample(book: Rulebook, one: StartClass) -> Contract:
    """What every contract of the class has in common; the listing fills in the rest."""
    return Contract(
        code=one.underlying,  # of the listing only; two classes are told apart
        trading_code="",
        symbol="",
        underlying=one.underlying,
        underlying_symbol=one.symbol,
        underlying_type=one.type,
        style="E",
        kind="C",
        unit=one.unit,
        strike=0,
        first_day=book.day,
        last_day=book.day,
        exercise_day=book.day,
        delivery_day=book.day,
        expire_day=book.day,
        version="0",
        open_interest=0,
        previous_close=0,
        previous_settle=0,
        underlying_close=_close(one),
        limit_up=0,
        limit_down=0,
        margin_unit=0,
        margin_ratio_1=0,
        margin_ratio_2=0,
        round_lot=1,
        limit_min=1,
        limit_max=1,
        market_min=1,
        market_max=1,
        step=listing.OPTION_STEP[one.type],
        status="00000A0 ",
        auto_split_day=0,
    )


def _chain(book: Rulebook, samples: list[Contract], surface: Surface) -> Chain:
    smiles = {
        item.underlying: [
            Smile(face.last_day, face.atm, face.skew, face.curvature, face.carry)
            for face in item.expiry
        ]
        for item in surface.klass
    }
    theory = Listed(build_chain(book.day, samples), book, smiles, {}, surface.rate)
    spots = {row.underlying: row.underlying_close for row in samples}

    def reference(underlying: str, kind: str, strike: Ticks, last_day: Day) -> Ticks:
        return theory.price(underlying, kind, strike, last_day, spots[underlying])

    chain = listing.first_chain(book, samples, reference, FIRST_CODE)
    return _with_interest(chain, {item.underlying: item.volume for item in surface.klass})


def _with_interest(chain: Chain, volumes: Mapping[str, Lots]) -> Chain:
    """The chain with one day's volume as open interest, by rank of the expiry."""
    rows: list[Contract] = []
    for klass in chain.classes:
        own = chain.contracts[klass.start : klass.stop]
        days = sorted({row.last_day for row in own})
        count = {day: sum(row.last_day == day for row in own) for day in days}
        shares = dict(zip(days, rank_shares(days), strict=True))
        for row in own:
            held = int(volumes[klass.underlying] * shares[row.last_day] / count[row.last_day])
            rows.append(msgspec.structs.replace(row, open_interest=max(1, held)))
    return build_chain(chain.day, rows)
