"""A rating as `quanheng rate --out` leaves it, of two makers in two classes, without rating."""

from fractions import Fraction
from pathlib import Path

from quanheng.compose.publication import publish
from quanheng.duties.cancellation import Cancellation, Vacancy
from quanheng.duties.designated import DesignatedMonth
from quanheng.duties.period import Period
from quanheng.duties.rating import Decision, RateResult
from quanheng.duties.year import YearOverall, YearRow
from quanheng.edge.dataset_files import write_result

OTHER, THIRD = "OTHER1", "OTHER2"
"""Makers of the market that are not the console's own."""


def month(maker: str, underlying: str, grade: str, kind: str = "primary", to: int = 20240620,
          reasons: tuple[str, ...] = ()) -> Period:  # fmt: skip
    """A month's row with figures that are told apart."""
    primary = kind == "primary"
    return Period(
        first=to - 99 + (to % 100 < 21), last=to, maker=maker, underlying=underlying, kind=kind,
        days=19, spread_ratio=Fraction(3, 7) if primary else None,
        opening=Fraction(18, 19) if primary else None, volatility=None,
        closing=Fraction(1) if primary else None, combined=None,
        weighted_participation=Fraction(241, 250) if primary else None,
        answer_rate=Fraction(9, 10), volume=12_345,
        volume_ratio=Fraction(5, 4) if primary else None,
        table_grade=grade if primary else "", grade=grade, reasons=reasons,
    )  # fmt: skip


def result(own: str) -> RateResult:
    """A year's end: a grade raised, one of D after a letter, an elimination, an open place."""
    third = YearRow(2024, THIRD, "510300", "general", 4, Fraction(2), "A", 0, ())
    return RateResult(
        contract_day=[], class_day=[],
        period=[
            month(own, "510050", "A", to=20240520),
            month(OTHER, "510050", "B", to=20240520),
            month(own, "510050", "AA", reasons=("VOL_UP",)),
            month(OTHER, "510050", "D", reasons=("LETTER_1",)),
            month(THIRD, "510300", "A", "general"),
        ],
        designated_month=[DesignatedMonth(OTHER, "10006001", 202406, 0, "510050")],
        year=[
            YearRow(2024, own, "510050", "primary", 2, Fraction(7, 2), "AA", 0, ()),
            YearRow(2024, OTHER, "510050", "primary", 4, Fraction(1, 3), "D", 1, ("YEAR_D",)),
            third,
        ],
        year_overall=[
            YearOverall(own, 1, Fraction(7, 2), "AA", 1),
            YearOverall(OTHER, 1, Fraction(1, 3), "D", 2),
        ],
        cancellation=[Cancellation(OTHER, "510050", "9-2-1-fail", "", "met", 2, 2, 202506)],
        replenishment=[Vacancy("510050", 1, 1, THIRD, "A", Fraction(2))],
        decision=[Decision(20240611, OTHER, "510050", "letter", 0)],
    )  # fmt: skip


def write_ratings(folder: Path, own: str) -> Path:
    """The files of it."""
    made = result(own)
    write_result(folder, made)
    rows = [
        (own, "510050", "primary", "2024-01-02", ""),
        (OTHER, "510050", "primary", "2023-12-21", ""),
        (THIRD, "510300", "general", "2024-02-01", ""),
    ]
    lines = ["maker,underlying,kind,since,until", *(",".join(row) for row in rows)]
    (folder / "makers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    publish(folder / "publication", made, (20240421, 20240620))
    return folder
