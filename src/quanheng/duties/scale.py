"""Thresholds of chapters 3 to 5 read from the day's rulebook (Q-08)."""

from quanheng.duties.grade import Scale
from quanheng.duties.readings import choices_of
from quanheng.rulebook.model import Rulebook


def scale_of(book: Rulebook) -> Scale:
    """The grading scale in force on the rulebook's day. ValueError for a reading not followed."""
    duty, rating = book.duty, book.rating
    excellent, passing, failing = rating.matrix
    return Scale(
        contract_share=duty.contract_share,
        opening_share=duty.opening_coverage,
        closing_share=duty.closing_coverage,
        weights=rating.weights,
        ladder=rating.ladder,
        day_floor=rating.day_floor,
        spread_bands=(rating.spread_excellent, rating.spread_pass),
        weighted_bands=(rating.weighted_excellent, rating.weighted_pass),
        matrix=(excellent, passing, failing),
        volume_up=rating.volume_up,
        volume_down=rating.volume_down,
        answer_share=duty.inquiry_share,
        general_bands=rating.general_bands,
        designated=(rating.designated_spread, rating.designated_participation),
        choices=choices_of(book),
    )
