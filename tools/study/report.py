"""The report of the study as a Markdown page."""

import textwrap

from study import tables
from study.closes import RATE
from study.points import CLOSE_SHARE, CLOSE_TICKS, LEAST_TICKS
from study.run import Study
from study.tables import Table

PICTURES = (
    ("closes-2017-07-03.svg", "A calm day: 3 July 2017"),
    ("closes-2018-02-09.svg", "The fall of February 2018: 9 February"),
    ("closes-2020-07-06.svg", "The rally of July 2020: 6 July"),
)


def markdown(table: Table) -> str:
    """A Markdown table."""
    header, *rows = table
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _text(*words: str) -> str:
    """A paragraph at the width of the other pages."""
    return textwrap.fill(" ".join(words), 116)


def _head(found: Study, rows: int) -> list[str]:
    days = sorted({record["day"] for record in found.slices})
    return [
        f"# Every close of the 510050 options, {days[0] // 10_000} to {days[-1] // 10_000}",
        _text(
            "Made by `tools/study_closes.py`; do not edit. All figures but the times and the",
            "peers' are the same on every machine and for any number of processes. Requirements:",
            "R-05, I-08, I-17, I-31.",
        ),
        _text(
            f"{rows:,} closes of {len(days):,} trading days are read, cleaned, priced and fitted",
            "with every curve model of the desk, by the same kernels that quote:",
            f"{len(found.slices):,} smiles. {found.expired} slices stand on their expiry day and",
            f"have no time left; {found.unpriced} others have no forward or no usable",
            "out-of-the-money close.",
        ),
        markdown(tables.goal_table(found, rows)),
        "## What is in the file",
        markdown(tables.ledger_table(found)),
        _text(
            "Closes are last trades. They are not simultaneous, so part of every error below is",
            "time between trades, not the curve.",
        ),
    ]


def _forwards(found: Study) -> list[str]:
    return [
        "## Forwards",
        _text(
            "The file has no underlying close, so the forward of an expiry comes from put-call",
            "parity over all of its strikes (rules.md 8.2), by the consensus the desk uses on live",
            f"books: a made-up book of {CLOSE_TICKS:.0f} ticks and {100 * CLOSE_SHARE:.0f} % of",
            "the price on either side of each close stands for the quotes. Rate",
            f"{100 * RATE:.1f} %, calendar days / 365; variance time in trading days / 243 to",
            "15:00.",
        ),
        markdown(tables.forward_table(found)),
        markdown(tables.implied_table(found)),
        _text(
            "A close below intrinsic value is an in-the-money option that last traded before the",
            f"underlying moved. Only out-of-the-money closes of at least {LEAST_TICKS} ticks",
            "become points, weighted by (vega / spread)^2.",
        ),
    ]


def _fits(found: Study) -> list[str]:
    return [
        "## Curves",
        _text(
            "Every fit is cold: no last curve helps. The error counts every point, also those a",
            "robust fit gives no weight. Slices without a curve borrow their smile from the",
            "neighbouring expiries; they are not in the errors.",
        ),
        markdown(tables.fit_table(found)),
        markdown(tables.verdict_table(found)),
        "\n".join(tables.degenerate_lines(found)),
        _text(
            "By moneyness in standard deviations from the forward (at the money: within 0.5; far:",
            "beyond 1.5). Each cell is the absolute error in vol points, median / p95; then in",
            "ticks of 0.0001 yuan, median / p95. Borrowed smiles count here.",
        ),
        "Fits:",
        markdown(tables.bucket_table(found, "")),
        "After repair, free of butterfly and calendar arbitrage:",
        markdown(tables.bucket_table(found, "_repaired")),
        _text(
            "Offsets per strike take up a share of what is left, at most half of the made-up book",
            "and two vol points, scaled down until calls are convex in the strike:",
        ),
        markdown(tables.offset_table(found)),
        "Median weighted rms of the fits by year:",
        markdown(tables.year_table(found)),
    ]


def _peers(found: Study) -> list[str]:
    table = tables.peer_table(found)
    if len(table) == 1:
        return []
    return [
        "## Peers",
        _text(
            "The same slices, points and forwards in the same run and process. scipy is",
            "`least_squares` (trf) on raw SVI with the same weights, an analytic Jacobian, bounds",
            "and one start; QuantLib is `SviInterpolatedSmileSection` with its own vega weighting",
            "(it takes no weights of the caller), five free parameters and the same start. The",
            "error is weighted with our weights over all points. scipy minimises just this error,",
            "so a ratio of 1.00 is as good as raw SVI can be; ours gives bad closes no weight and",
            "keeps its wings within bounds. Degenerate as above. Our times are the best of three",
            "by the clock, the peers' are processor times of one fit.",
        ),
        markdown(table),
    ]


def _worst(found: Study) -> list[str]:
    parts = ["## The worst"]
    parts += [markdown(tables.worst_table(found, model)) for model in tables.models_of(found)[:2]]
    parts.append("## Three surfaces")
    for name, title in PICTURES:
        parts += [f"{title}, after repair:", f"![{title}](../pictures/{name})"]
    return parts


def page(found: Study, rows: int) -> str:
    """The whole page."""
    parts = [*_head(found, rows), *_forwards(found), *_fits(found), *_peers(found)]
    return "\n\n".join(part for part in [*parts, *_worst(found)] if part) + "\n"
