"""The rulebook of one day: frozen structs of exact integers (Q-08).

A Ratio is (numerator, denominator) in lowest terms. Every field says its rule in the guide
(业务指南) or in rules.md; the TOML row behind it carries the full source.
"""

import msgspec

from quanheng.rulebook.calendar import Calendar
from quanheng.terms.units import Day, DayNanos, Lots, Money, Nanos, Ratio, Ticks


class Duty(msgspec.Struct, frozen=True, array_like=True):
    """Chapters 3 and 4: what is owed and when it rests."""

    bands: tuple[tuple[int, int, Ticks], ...]  # per expiry rank 1..4: allowed (num, den, floor)
    size_continuous: Lots
    size_auction: Lots
    contract_share: Ratio  # participation per contract and day
    opening_share: Ratio  # auctions effectively joined over the period
    intraday_share: Ratio
    closing_share: Ratio
    coverage: Ratio  # contracts of a class in continuous trading
    opening_coverage: Ratio
    closing_coverage: Ratio
    opening_window: Nanos  # before the uncross
    intraday_window: Nanos
    closing_window: Nanos
    inquiry_answer: Nanos
    inquiry_hold: Nanos
    inquiry_share: Ratio
    low_price_etf: Ticks  # a last price below this lets the bid go
    low_price_stock: Ticks


class Rating(msgspec.Struct, frozen=True, array_like=True):
    """Chapter 5: tables, weights, adjustments."""

    weights: tuple[int, int, int]  # opening, intraday, combined; percent
    ladder: tuple[tuple[Ratio, Ratio], ...]  # (closing participation at least, factor)
    day_floor: Ratio
    spread_excellent: Ratio
    spread_pass: Ratio
    weighted_excellent: Ratio
    weighted_pass: Ratio
    matrix: tuple[tuple[str, str, str], ...]  # [spread][participation]
    volume_up: Ratio
    volume_down: Ratio
    general_bands: tuple[tuple[Ratio, str], ...]
    primary_scores: tuple[tuple[str, int], ...]
    general_scores: tuple[tuple[str, int], ...]
    primary_years: tuple[tuple[Ratio, str], ...]  # (mean score at least, year's grade)
    general_years: tuple[tuple[Ratio, str], ...]
    year_letters: int  # letters in a year that make it D
    eliminated_share: Ratio
    months_min: int
    designated_makers: int
    primary_year_cap: str  # best grade of a year with a month of D
    general_year_cap: str
    cancel_window: int  # chapter 9: months looked at together
    cancel_failed: int  # failed months in the window
    cancel_without_a: int  # months in a row without A
    cancel_designated: int  # failed months in a row of a designated contract
    cancel_share: Ratio  # bottom of the year's ranking
    cancel_spared: str  # a year's grade from which on the bottom is spared
    cancel_alerts: tuple[int, int]  # months without A: amber, red (own choice)
    ban_months: int  # without a new application after cancellation or resignation
    resign_notice: int  # trading days
    designated_spread: Ratio  # what R of a designated contract is multiplied with
    designated_participation: Ratio  # and P, at most 1


class Prices(msgspec.Struct, frozen=True, array_like=True):
    """Price limits, breaker and order sizes (rules.md 2.2, 2.4, 2.5)."""

    limit_rates: tuple[tuple[str, Ratio], ...]  # by underlying; "" is every other
    limit_floor: Ratio  # smallest rise, of the underlying's close or the strike
    breaker_ratio: Ratio
    breaker_steps: Ticks
    breaker_auction: Nanos
    breaker_no_cancel: Nanos
    limit_order_max: Lots
    market_order_max: Lots
    order_min: Lots


class SpanRow(msgspec.Struct, frozen=True, array_like=True):
    """One row of the day's timetable."""

    start: DayNanos
    stop: DayNanos
    letter: str
    no_cancel_from: DayNanos


class Rates(msgspec.Struct, frozen=True, array_like=True):
    """Fees per contract and margin rates (rules.md 3, 6)."""

    handling: Money
    settlement: Money
    exercise: Money
    sell_open_waived: bool
    provider_share: Ratio  # of the handling fee that a provider pays
    taker_share: Ratio
    auction_share: Ratio
    etf_margin: tuple[Ratio, Ratio]  # a, b of rules.md 3.1
    stock_opening_margin: tuple[Ratio, Ratio]
    stock_maintenance_margin: tuple[Ratio, Ratio]
    settlement_reserve: Money
    settlement_sell_open_waived: bool
    fail_cash: Ratio  # what an undelivered unit is paid for with, of its close (rules.md 5)
    fail_penalty: Ratio  # of that sum, on top, to the clearing house


class Positions(msgspec.Struct, frozen=True, array_like=True):
    """Position limits per underlying (rules.md 4)."""

    long: Lots
    total: Lots
    daily_buy_open: Lots
    daily_counts_sales: bool  # sell-opens count too; until 2016-08-07


class Listing(msgspec.Struct, frozen=True, array_like=True):
    """Expiries and strikes (rules.md 1)."""

    classes: tuple[tuple[str, Day], ...]  # (underlying, first day)
    strikes_each_side: int
    year_days: int  # trading days in a year for variance time (rules.md 8.1)


class Rulebook(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Everything in force on `day`. `hash` is SHA-256 of the content, hex."""

    day: Day
    hash: str
    calendar: Calendar
    duty: Duty
    rating: Rating
    prices: Prices
    timetable: tuple[SpanRow, ...]
    rates: Rates
    positions: Positions
    listing: Listing
    readings: dict[str, str]
    rounding: str  # money.round
