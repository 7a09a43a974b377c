"""Which readings of open questions measuring and grading follow (rules.md 11).

Every reading is a key of the rulebook that an agreement can choose; here its texts become the small
numbers that measuring and grading branch on. The first text of each is the default. A text that is
not here is refused by name rather than judged by the wrong rule.
"""

import msgspec

from quanheng.rulebook.model import Rulebook

DEPTH, TOP, NEWEST, PAIRED = range(4)
SIZED, TWO_SIDED, COMPLIANT_ONLY, ABSENT_IS_ONE = range(4)
AT_UNCROSS, ANY_INSTANT, ALL_WINDOW = range(3)
BOTH_SIDES, ONE_SIDE, CONTINUOUS_ONLY = range(3)
SKIP_NAN, FAIL_NAN, WHOLE_NAN = range(3)
ENOUGH_TIME, ANY_QUOTE, POINT_IN_TIME = range(3)
ALL_JOINED, REWEIGHT, NONE_JOINED = range(3)
DOWN_ONE, IGNORE, TO_D = range(3)
BY_FIGURES, ALL_OUT, NONE_OUT = range(3)


class Options(msgspec.Struct, frozen=True, array_like=True):
    """Readings that measuring a day follows; 0 is the default of each."""

    base: int = 0  # A01: 1 = the market's best bid
    floor: int = 0  # A02: 1 = the allowed spread is cut down to a price step
    quotes: int = DEPTH  # A03
    domain: int = SIZED  # A04
    locked: int = 0  # A07: 1 = limit-locked book
    opening: int = AT_UNCROSS  # A10
    closing_in: int = 0  # A14: 1 = exempt contracts count at the closing auction
    volume: int = BOTH_SIDES  # A17
    fresh: int = 0  # A19: 1 = only a quote sent after the inquiry answers it
    mid: int = 0  # A31: 1 = the market's mid while nothing traded today
    wide: int = 0  # A33: 1 = low-price and exempt time stays in the participation base
    auctions: int = 0  # A34: 1 = inquiries in call auctions count, size 1
    opening_in: int = 0  # A35: 1 = exempt contracts count at the opening auction


class Choices(msgspec.Struct, frozen=True, array_like=True):
    """Readings that grading follows; 0 is the default of each."""

    nan: int = SKIP_NAN  # A05
    covered_only: int = 0  # A06
    cover: int = ENOUGH_TIME  # A08
    rounded: int = 0  # A09: 1 = 0.8 N is rounded half up
    no_breaker: int = ALL_JOINED  # A11
    by_time: int = 0  # A12: 1 = all breakers of a class that end together are one
    daily_ladder: int = 0  # A13: 1 = each day's own closing coverage sets its factor
    skip_low: int = 0  # A15: 1 = a day under the floor is left out
    others: int = 0  # A16: 1 = the mean of the other primary makers
    calendar: int = 0  # A18: 1 = calendar months
    missed: int = DOWN_ONE  # A20
    short_year: int = 0  # A22: 1 = the sum over twelve
    long_only: int = 0  # A23: 1 = only makers of three months and more are counted
    tie: int = BY_FIGURES  # A24
    any_metric: int = 0  # A25: 1 = any obligation missed fails the month
    letters_first: int = 0  # A26: 1 = letters, then volume
    empty_zero: int = 0  # A36: 1 = a day without obliged time counts 0
    general_fee: int = 0  # A37: 1 = answers of a general maker pay as agreed
    all_d: int = 0  # A38: 1 = every D and the lowest K beside them


MEASURED: dict[str, tuple[str, tuple[str, ...]]] = {
    "A01": ("base", ("MM's own bid", "market best bid")),
    "A02": ("floor", ("none (compare exactly)", "floor to tick")),
    "A03": (
        "quotes",
        ("depth reading", "top level only", "newest pair", "only quotes sent as two-sided pair"),
    ),
    "A04": (
        "domain",
        ("two-sided and size ok", "any two-sided", "compliant only", "absent = 1"),
    ),
    "A07": ("locked", ("last trade at limit", "limit-locked book")),
    "A10": ("opening", ("at the uncross", "any instant", "all 5 min")),
    "A14": ("closing_in", ("out of both counts", "in")),
    "A17": ("volume", ("both sides, all phases", "one side", "continuous only")),
    "A19": ("fresh", ("yes", "new quote needed")),
    "A31": ("mid", ("earlier last trade, else prev settle", "mid")),
    "A33": ("wide", ("out (one time base V for both figures)", "in")),
    "A34": ("auctions", ("continuous only", "auctions too, size 1")),
    "A35": ("opening_in", ("out of both counts", "in")),
}
"""Reading -> field of Options and the texts of its values."""

GRADED: dict[str, tuple[str, tuple[str, ...]]] = {
    "A05": ("nan", ("skip; NaN if none", "NaN -> fails the day", "NaN = 100%")),
    "A06": ("covered_only", ("all contracts", "covered ones only")),
    "A08": ("cover", ("P(i,d) >= 80%", "any compliant quote", "point-in-time")),
    "A09": ("rounded", ("ceil", "round")),
    "A11": ("no_breaker", ("B = 1", "reweight", "B = 0")),
    "A12": ("by_time", ("contract events", "times with any breaker")),
    "A13": (
        "daily_ladder",
        ("period share of effective days", "day's contract coverage, daily g"),
    ),
    "A15": ("skip_low", ("that day's C = 0", "exclude day")),
    "A16": ("others", ("all main MMs, self in", "others only")),
    "A18": ("calendar", ("21st-20th", "calendar")),
    "A20": ("missed", ("down one if < 70%", "ignore", "D")),
    "A22": ("short_year", ("mean of months present", "/12")),
    "A23": ("long_only", ("all main MMs", "only >= 3 months")),
    "A24": ("tie", ("WP, R, volume", "all out", "none out")),
    "A25": ("any_metric", ("D", "any obligation metric missed")),
    "A26": ("letters_first", ("volume before letters", "after")),
    "A36": ("empty_zero", ("left out of C, O and S", "counts 0")),
    "A37": ("general_fee", ("full fee", "reduced as agreed")),
    "A38": (
        "all_d",
        (
            "counted in #D; the rest filled from the lowest scores",
            "all D plus the lowest K",
        ),
    ),
}
"""Reading -> field of Choices and the texts of its values."""

NEEDS_TABLES = ("A01", "A03", "A07", "A31")
"""Readings whose alternatives need a dataset's tables `market` or `orders`."""


def _numbers(book: Rulebook, readings: dict[str, tuple[str, tuple[str, ...]]]) -> dict[str, int]:
    found = {}
    for key, (field, texts) in readings.items():
        chosen = book.readings[key]
        if chosen not in texts:
            raise ValueError(
                f"rulebook of {book.day}: reading {key} is {chosen!r}, but duties follow "
                f"{', '.join(map(repr, texts))}"
            )
        found[field] = texts.index(chosen)
    return found


def options_of(book: Rulebook) -> Options:
    """What a day's rulebook lets measuring follow. ValueError names a reading not followed."""
    return Options(**_numbers(book, MEASURED))


def choices_of(book: Rulebook) -> Choices:
    """What a day's rulebook lets grading follow. ValueError names a reading not followed."""
    return Choices(**_numbers(book, GRADED))


def require_live(book: Rulebook) -> None:
    """ValueError names a reading that needs tables a running machine does not see as events."""
    for key in NEEDS_TABLES:
        _, texts = MEASURED[key]
        if book.readings[key] != texts[0]:
            raise ValueError(
                f"rulebook of {book.day}: reading {key} is {book.readings[key]!r}, which only a "
                f"dataset with tables market and orders can follow; live duties follow {texts[0]!r}"
            )
