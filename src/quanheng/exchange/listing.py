"""Tomorrow's contracts from today's (rules.md 1.3 to 1.6): the exchange's listing of a day.

What expired goes; on an ex date the contracts of the underlying are adjusted before anything is
listed; new expiries come in with the month set, new strikes where a side of an expiry has too few.
Pure: settlement prices, closes and events go in, the next day's chain comes out.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from quanheng.rulebook import adjust, calendar, margin, order_sizes, price_limits, strikes
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.units import Day, Lots, Ratio, Ticks, half_up

SOON = 5
"""Trading days: expiry in fewer, or adjusted within as many, shows in the status flags (1.7)."""
PRICE_STEP = {"EBS": 10, "ASH": 100}
"""Price step of the underlying itself: 0.001 yuan a fund unit, 0.01 a share."""
OPTION_STEP = {"EBS": 1, "ASH": 10}
STRIKE_DIGIT = {"EBS": 10, "ASH": 100}
"""Last digit of a strike in codes and short names, in Ticks."""
STANDARD_UNIT = 10_000

Theory = Callable[[str, str, Ticks, Day], Ticks]
"""Reference price of a new contract: (underlying, kind, strike, last day) -> Ticks, above 0."""


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """A contract's closing data: last or auction price, settlement price, open interest."""

    close: Ticks
    settle: Ticks
    open_interest: Lots


class ExRight(msgspec.Struct, frozen=True, array_like=True):
    """A dividend or allotment of an underlying whose ex date is the day to come.

    `cash` and `allot_price` are per fund unit or share; `float_change` is new units per old one.
    """

    underlying: str
    cash: Ticks
    allot_price: Ticks = 0
    float_change: Ratio = (0, 1)


class Roll(msgspec.Struct, frozen=True):
    """A listing: the chain of the day, the next free code, and what changed, by code."""

    chain: Chain
    next_code: int
    closes: tuple[Ticks, ...]  # ex-right reference price of each class
    expired: tuple[str, ...]
    adjusted: tuple[str, ...]
    listed: tuple[str, ...]
    adjusted_on: dict[str, Day]  # of every contract that lives, its last adjustment


def ex_right_price(close: Ticks, event: ExRight, underlying_type: str = "EBS") -> Ticks:
    """Reference price on the ex date: ((close - cash) + allot price x change) / (1 + change).

    Half up to the underlying's price step. ValueError when nothing of the price is left.
    """
    num, den = event.float_change
    value = (close - event.cash) * den + event.allot_price * num
    if value <= 0:
        raise ValueError(f"{event.underlying}: {event.cash} off a close of {close}")
    step = PRICE_STEP[underlying_type]
    return max(step, half_up(value, (den + num) * step) * step)


def trading_code(
    underlying: str, kind: str, last_month: int, strike: Ticks, underlying_type: str = "EBS"
) -> str:
    """合约交易代码 of a standard contract, e.g. 510050C1904M02500, of a stock 601318P1502M07500
    (rules.md 1.5, interfaces.md 5).
    """
    digits = strike // STRIKE_DIGIT[underlying_type]
    return f"{underlying}{kind}{last_month % 10_000:04d}M{digits:05d}"


def short_name(
    symbol: str,
    kind: str,
    last_month: int,
    strike: Ticks,
    letter: str = "",
    underlying_type: str = "EBS",
) -> str:
    """合约简称, e.g. 50ETF购4月2500, with the letter of an adjusted contract behind it."""
    word = "购" if kind == "C" else "沽"
    return f"{symbol}{word}{last_month % 100}月{strike // STRIKE_DIGIT[underlying_type]}{letter}"


def first_chain(
    book: Rulebook, samples: Sequence[Contract], theory: Theory, next_code: int
) -> Chain:
    """The first listing of classes, each given by a sample contract with unit and close."""
    rows: list[Contract] = []
    for sample in samples:
        close, code = sample.underlying_close, next_code + len(rows)
        rows += _new_contracts(book, (sample,), (), close, theory, code)
    near = calendar.next_trading(book.calendar, book.day, SOON)
    return build_chain(book.day, [_of_the_day(row, book, near, 0) for row in rows])


def next_chain(
    chain: Chain,
    book: Rulebook,
    settled: Mapping[str, Settled],
    closes: Sequence[Ticks],
    theory: Theory,
    next_code: int,
    events: Sequence[ExRight] = (),
    adjusted_on: Mapping[str, Day] | None = None,
) -> Roll:
    """The chain of `book.day` after `chain`'s day.

    `settled` holds every contract by code, `closes` the underlyings' closes by class, `events` what
    goes ex on the new day. ValueError when the day is not later, a contract that lives has no
    settlement price, or an event names no class.
    """
    if book.day <= chain.day:
        raise ValueError(f"listing of {book.day} after {chain.day}")
    names = [klass.underlying for klass in chain.classes]
    if unknown := [event.underlying for event in events if event.underlying not in names]:
        raise ValueError(f"ex date of {unknown[0]}: no such underlying is listed")
    of_class = {event.underlying: event for event in events}
    when = dict(adjusted_on or {})
    kept: list[Contract] = []
    new: list[Contract] = []
    changed: list[str] = []
    references: list[Ticks] = []
    for klass, close in zip(chain.classes, closes, strict=True):
        before = chain.contracts[klass.start : klass.stop]
        event = of_class.get(klass.underlying)
        kind = before[0].underlying_type
        reference = ex_right_price(close, event, kind) if event else close
        references.append(reference)
        living = [_renewed(row, settled, reference) for row in before if row.last_day >= book.day]
        if event:
            living = [_adjusted(row, close, event) for row in living]
            changed += [row.code for row in living]
            when.update((row.code, book.day) for row in living)
        fresh = _new_contracts(book, before, living, reference, theory, next_code + len(new))
        kept += living
        new += fresh
    living_codes = {row.code for row in kept}
    when = {code: day for code, day in sorted(when.items()) if code in living_codes}
    near = calendar.next_trading(book.calendar, book.day, SOON)
    rows = [_of_the_day(row, book, near, when.get(row.code, 0)) for row in (*kept, *new)]
    return Roll(
        build_chain(book.day, rows),
        next_code + len(new),
        tuple(references),
        tuple(row.code for row in chain.contracts if row.code not in living_codes),
        tuple(changed),
        tuple(row.code for row in new),
        when,
    )


def first_free_code(chain: Chain) -> int:
    """The code after the highest one of a chain."""
    return 1 + max(int(row.code) for row in chain.contracts)


def _renewed(row: Contract, settled: Mapping[str, Settled], underlying_close: Ticks) -> Contract:
    """A contract that lives on, with yesterday's prices and open interest."""
    found = settled.get(row.code)
    if found is None:
        raise ValueError(f"listing: contract {row.code} has no settlement price")
    return msgspec.structs.replace(
        row,
        open_interest=found.open_interest,
        previous_close=found.close,
        previous_settle=found.settle,
        underlying_close=underlying_close,
    )


def _adjusted(row: Contract, close: Ticks, event: ExRight) -> Contract:
    """A contract on the ex date: unit, strike and settlement price, letter, short name, version.

    The security code and the strike digits of the trading code stay (rules.md 1.5, 1.6).
    """
    terms = adjust.adjust(
        row.unit,
        row.strike,
        row.previous_settle,
        close,
        event.cash,
        event.allot_price,
        event.float_change,
        row.underlying_type,
    )
    old = row.trading_code[11]
    letter = "A" if old == "M" else chr(ord(old) + 1)
    month = 200_000 + int(row.trading_code[7:11])
    return msgspec.structs.replace(
        row,
        trading_code=row.trading_code[:11] + letter + row.trading_code[12:],
        symbol=short_name(
            row.underlying_symbol, row.kind, month, terms.strike, letter, row.underlying_type
        ),
        unit=terms.unit,
        strike=terms.strike,
        previous_settle=max(terms.settle, row.step),
        previous_close=max(adjust.new_settle(row.previous_close, row.unit, terms.unit), row.step),
        version=str((int(row.version) + 1) % 10) if row.version.isdigit() else row.version,
    )


def _new_contracts(
    book: Rulebook,
    before: Sequence[Contract],
    living: Sequence[Contract],
    close: Ticks,
    theory: Theory,
    code: int,
) -> list[Contract]:
    """What a class lists on the day: calls, then puts, by expiry and strike (rules.md 1.3)."""
    sample = before[0]
    of_type = sample.underlying_type
    units = [row.unit for row in before if not row.adjusted]
    out: list[Contract] = []
    for month in calendar.expiry_months(book.calendar, book.day):
        last_day = calendar.expiry_day(book.calendar, month // 100, month % 100)
        listed = [row for row in living if row.last_day == last_day and not row.adjusted]
        have = tuple(sorted({row.strike for row in listed}))
        wanted = strikes.new_strikes(book, close, have, of_type)
        for kind in "CP":
            for strike in wanted:
                base = _blank(sample, units[0] if units else STANDARD_UNIT)
                price = theory(sample.underlying, kind, strike, last_day)
                out.append(
                    msgspec.structs.replace(
                        base,
                        code=f"{code + len(out):08d}",
                        trading_code=trading_code(sample.underlying, kind, month, strike, of_type),
                        symbol=short_name(
                            sample.underlying_symbol, kind, month, strike, "", of_type
                        ),
                        kind=kind,
                        strike=strike,
                        first_day=book.day,
                        last_day=last_day,
                        exercise_day=last_day,
                        delivery_day=calendar.next_trading(book.calendar, last_day),
                        expire_day=last_day,
                        previous_close=price,
                        previous_settle=price,
                        underlying_close=close,
                        auto_split_day=calendar.previous_trading(book.calendar, last_day, 2),
                    )
                )
    return out


def _blank(sample: Contract, unit: int) -> Contract:
    """What a new contract has in common with the others of its class."""
    return msgspec.structs.replace(
        sample,
        style="E",
        unit=unit,
        version="0",
        open_interest=0,
        round_lot=1,
        step=OPTION_STEP[sample.underlying_type],
        status="00000A0 ",
    )


def _of_the_day(row: Contract, book: Rulebook, near: Day, adjusted_on: Day) -> Contract:
    """Price limits, opening margin, sizes and flags of the day (rules.md 1.7, 2.2, 2.4, 3.1)."""
    up, down = price_limits.limits(
        book,
        row.underlying,
        row.kind,
        row.strike,
        row.previous_settle,
        row.underlying_close,
        row.step,
        row.last_day == book.day,
    )
    held = margin.opening(
        book,
        row.underlying_type,
        row.kind,
        row.strike,
        row.previous_settle,
        row.underlying_close,
        row.unit,
    )
    ratio_1, ratio_2 = margin.parameters(book, row.underlying_type)
    sizes = order_sizes.limits(book)
    return msgspec.structs.replace(
        row,
        limit_up=up,
        limit_down=down,
        margin_unit=held,
        margin_ratio_1=ratio_1,
        margin_ratio_2=ratio_2,
        limit_min=sizes.minimum,
        limit_max=sizes.limit_max,
        market_min=sizes.minimum,
        market_max=sizes.market_max,
        status=_status(row, book, near, adjusted_on),
    )


def _status(row: Contract, book: Rulebook, near: Day, adjusted_on: Day) -> str:
    """SecurityStatusFlag: the first two characters stay, 3 to 6 follow from the dates."""
    recent = adjusted_on > 0 and book.day < calendar.next_trading(book.calendar, adjusted_on, SOON)
    new = "A" if row.first_day == book.day else "E"
    # The sixth bars vertical spreads once the day that dissolves them has passed.
    flags = f"{int(row.last_day < near)}{int(recent)}{new}{int(book.day > row.auto_split_day)}"
    return f"{row.status[:2]}{flags}  "
