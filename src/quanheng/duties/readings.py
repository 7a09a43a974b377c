"""Which readings of open questions measuring and grading follow (rules.md 11).

Measuring follows the defaults. A rulebook that chose an alternative is refused by name rather than
judged by the wrong rule.
"""

from quanheng.rulebook.model import Rulebook

MEASURED = {
    "A01": "MM's own bid",
    "A02": "none (compare exactly)",
    "A03": "depth reading",
    "A04": "two-sided and size ok",
    "A07": "last trade at limit",
    "A10": "at the uncross",
    "A12": "contract events",
    "A14": "out of both counts",
    "A17": "both sides, all phases",
    "A19": "yes",
    "A31": "earlier last trade, else prev settle",
    "A33": "out (one time base V for both figures)",
    "A34": "continuous only",
    "A35": "out of both counts",
}
"""What `measure` and `day` do."""

GRADED = {
    "A05": "skip; NaN if none",
    "A06": "all contracts",
    "A08": "P(i,d) >= 80%",
    "A09": "ceil",
    "A11": "B = 1",
    "A13": "period share of effective days",
    "A15": "that day's C = 0",
    "A16": "all main MMs, self in",
    "A20": "down one if < 70%",
    "A26": "volume before letters",
    "A36": "left out of C, O and S",
}
"""What `class_day`, `period` and `grade` do."""


def require(book: Rulebook, readings: dict[str, str]) -> None:
    """ValueError names the first reading of the rulebook that differs from `readings`."""
    for key, value in readings.items():
        chosen = book.readings[key]
        if chosen != value:
            raise ValueError(
                f"rulebook of {book.day}: reading {key} is {chosen!r}, but duties follow {value!r}"
            )
