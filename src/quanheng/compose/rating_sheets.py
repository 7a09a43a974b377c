"""Sheets of a rating and of the register of makers, as the exchange's site and the firm's page show
them (S-05, E-05 to E-10). Whose rows are in them is the View's to say.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from quanheng.compose.ratings_read import Ratings, Row
from quanheng.desk.office import COUNT, FIGURE, GROW, STATE, Act, Column, Sheet
from quanheng.duties.exact import ratio_text
from quanheng.registry.register import Entry, due
from quanheng.registry.wording import CLAUSES, REASONS
from quanheng.rulebook.calendar import Calendar
from quanheng.terms.days import iso
from quanheng.terms.units import Day

REASONS_EN = {
    "VOL_UP": "raised for volume", "VOL_DOWN": "lowered for volume",
    "RFQ_DOWN": "lowered for answers", "LETTER_1": "lowered for a letter",
    "LETTERS_D": "D for letters", "LOWERED": "lowered by the exchange",
    "PENALTY_D": "D for a penalty", "CAP_A": "at most A: a month was D",
    "CAP_B": "at most B: a month was D", "UNDER_3_MONTHS": "less than 3 months",
    "YEAR_D": "year's grade is D", "LAST_20": "last 20 % of the year",
}  # fmt: skip
CLAUSES_EN = {
    "9-2-1-fail": "9 2(1): 2 months of 6 below the duty", "9-2-1-a": "9 2(1): 6 months without A",
    "9-2-2": "9 2(2): designated contract below the duty", "9-2-3": "9 2(3): last 20 % of the year",
    "9-3-4": "9 3(4): last 20 % in all classes", "5-6-3": "5 6(3): penalty or disciplinary action",
}  # fmt: skip
NOT_RATED = ("不评级", "not rated")
_MAKER = (Column("underlying", width=80), Column("maker", width=80), Column("kind", STATE, 100))
REGISTER_COLUMNS = (
    *_MAKER, Column("standing", STATE, 90), Column("due", width=100),
    Column("since", width=100), Column("until", width=100),
    Column("agreement", width=150), Column("grades", GROW, 260), Column("year_grade", width=90),
    Column("letters", COUNT, 80), Column("penalties", COUNT, 80), Column("lowerings", COUNT, 80),
    Column("situation", width=300),
)  # fmt: skip
MONTH_COLUMNS = (
    Column("from_day", width=95), Column("to_day", width=95), *_MAKER, Column("days", COUNT, 60),
    Column("spread_ratio", FIGURE, 90), Column("weighted", FIGURE, 100),
    Column("opening", FIGURE, 90), Column("closing", FIGURE, 90), Column("answers", FIGURE, 90),
    Column("volume", COUNT, 90), Column("volume_ratio", FIGURE, 90),
    Column("table_grade", width=80), Column("grade", width=70), Column("reasons", GROW, 220),
)  # fmt: skip
DESIGNATED_COLUMNS = (
    Column("month", width=90), Column("contract", width=100), Column("maker", width=80),
    Column("duty_met", STATE, 100),
)  # fmt: skip
YEAR_COLUMNS = (
    Column("year", width=70), *_MAKER, Column("months", COUNT, 70), Column("score", FIGURE, 80),
    Column("grade", width=70), Column("reasons", GROW, 260),
)  # fmt: skip
OVERALL_COLUMNS = (
    Column("rank", COUNT, 60), Column("maker", width=80), Column("classes_rated", COUNT, 90),
    Column("score", FIGURE, 80), Column("grade", width=70),
)  # fmt: skip
CANCEL_COLUMNS = (
    Column("maker", width=80), Column("underlying", width=90), Column("contract", width=100),
    Column("situation", GROW, 300), Column("counted", width=80), Column("standing", STATE, 90),
    Column("barred", width=110),
)  # fmt: skip
VACANCY_COLUMNS = (
    Column("underlying", width=90), Column("places", COUNT, 70), Column("rank", COUNT, 60),
    Column("maker", width=80), Column("grade", width=80), Column("score", FIGURE, 80),
)  # fmt: skip
DECISION_COLUMNS = (
    Column("day", width=100), Column("maker", width=80), Column("underlying", width=90),
    Column("decided", STATE, 120), Column("steps", COUNT, 80),
)  # fmt: skip


class View(NamedTuple):
    """A rating and the register as one reader may see them: every sheet takes its rows from here,
    so that none can forget whose it shows. `maker` "" is all of the market.
    """

    ratings: Ratings
    register: Sequence[Entry]
    maker: str
    day: Day
    calendar: Calendar
    none: tuple[str, str]

    def mine(self, maker: str) -> bool:
        """Are a maker's rows this reader's to see?"""
        return self.maker in ("", maker)

    def rows(self, name: str) -> list[Row]:
        """Rows of a table that this reader may see."""
        return [row for row in self.ratings.tables[name] if self.mine(row["maker"])]

    def entries(self) -> list[Entry]:
        """The register as far as this reader may see it."""
        return [one for one in self.register if self.mine(one.maker)]


def keyed(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a key each."""
    return [{"key": str(number), **row} for number, row in enumerate(rows)]


def makers(view: View, acts: tuple[Act, ...] = ()) -> Sheet:
    """The register with grades, decisions and the nearest condition of chapter 9."""
    months, years = view.rows("period"), view.rows("year")
    decisions, near = view.rows("decision"), view.rows("cancellation")
    lines = []
    for one in view.entries():
        own = [row for row in months if _same(row, one)]
        marks = [row["measure"] for row in decisions if _touches(row, one)]
        grades = [f"{row['to'][:7]} {row['grade'] or '–'}" for row in own if row["kind"]]
        year = [row for row in years if _same(row, one)]
        until = due(one, view.calendar)
        worst = _worst([row for row in near if _touches(row, one)])
        lines.append({
            "underlying": one.underlying, "maker": one.maker, "kind": one.kind,
            "standing": one.standing, "due": iso(until) if until else "",
            "tone": "amber" if 0 < until < view.day else "", "since": one.since, "until": one.until,
            "agreement": one.agreement, "grades": " · ".join(grades),
            "year_grade": f"{year[-1]['year']} {year[-1]['grade'] or '–'}" if year else "",
            "letters": marks.count("letter"), "penalties": marks.count("penalty"),
            "lowerings": marks.count("lowering"), **worst,
        })  # fmt: skip
    return Sheet("makers", REGISTER_COLUMNS, keyed(lines), view.none, acts, 2)


def _same(row: Row, one: Entry) -> bool:
    return (row["maker"], row["underlying"]) == (one.maker, one.underlying)


def _touches(row: Row, one: Entry) -> bool:
    """Does a decision or condition concern a maker in a class? "" and "*" are all classes."""
    return row["maker"] == one.maker and row["underlying"] in ("", "*", one.underlying)


def _worst(rows: list[Row]) -> dict[str, str]:
    """The condition of chapter 9 that is nearest, in words of both languages."""
    level = ("amber", "red", "met")
    row = max(rows, key=lambda one: level.index(one["level"]), default=None)
    if row is None:
        return pair("situation", ("", ""))
    return pair("situation", (f"{CLAUSES[row['clause']]} {row['count']}/{row['bound']}",
                               f"{CLAUSES_EN[row['clause']]} {row['count']}/{row['bound']}"),
                 )  # fmt: skip


def pair(name: str, words: tuple[str, str]) -> dict[str, str]:
    """A cell in both languages."""
    return {f"{name}_zh": words[0], f"{name}_en": words[1]}


def _percent(value: Fraction | None) -> str | None:
    return None if value is None else ratio_text(value * 100, 2)


def _score(value: Fraction | None) -> str | None:
    return None if value is None else ratio_text(value, 2)


def _graded(row: Row) -> dict[str, Any]:
    """Maker, class, kind and grade with its reasons: what rows of a month and of a year share."""
    codes = [code for code in row["reasons"].split(",") if code]
    said = ("；".join(REASONS[code] for code in codes),
            "; ".join(REASONS_EN[code] for code in codes))  # fmt: skip
    grade = (row["grade"],) * 2 if row["grade"] else NOT_RATED
    return {
        "underlying": row["underlying"], "maker": row["maker"], "kind": row["kind"],
        **pair("grade", (grade[0], grade[1])), **pair("reasons", said),
    }  # fmt: skip


def monthly(view: View) -> list[Sheet]:
    """Months by class and maker, the newest first; designated contracts."""
    rows = [
        {**_graded(row), "from_day": row["from"], "to_day": row["to"], "days": row["days"],
         "spread_ratio": _percent(row["spread_ratio"]),
         "weighted": _percent(row["weighted_participation"]), "opening": _percent(row["opening"]),
         "closing": _percent(row["closing"]), "answers": _percent(row["answer_rate"]),
         "volume": row["volume"], "volume_ratio": _percent(row["volume_ratio"]),
         "table_grade": row["table_grade"] or "–"}
        for row in sorted(view.rows("period"), key=_newest)
    ]  # fmt: skip
    designated = [
        {"month": f"{row['month'] // 100}-{row['month'] % 100:02d}", "contract": row["contract"],
         "maker": row["maker"], "duty_met": "duty_met" if row["passed"] else "duty_missed"}
        for row in view.rows("designated_month")
    ]  # fmt: skip
    none = ("没有指定合约的月度结果", "no designated contract was rated")
    return [
        Sheet("monthly", MONTH_COLUMNS, keyed(rows), view.none, share=3),
        Sheet("designated", DESIGNATED_COLUMNS, keyed(designated), none),
    ]


def _newest(row: Row) -> tuple[int, str, str, str]:
    return (
        -int(row["to"].replace("-", "")),
        row["underlying"],
        row["kind"] == "general",
        row["maker"],
    )


def _year_row(row: Row) -> dict[str, Any]:
    more = {"year": str(row["year"]), "months": row["months"], "score": _score(row["score"])}
    return {**_graded(row), **more}


def yearly(view: View) -> list[Sheet]:
    """Years by class, and over all classes."""
    none = ("没有年度评价，见 quanheng rate --year", "no year was rated: quanheng rate --year")
    overall = [
        {"rank": row["rank"], "maker": row["maker"], "classes_rated": row["classes"],
         "score": _score(row["score"]), "grade": row["grade"]}
        for row in view.rows("year_overall")
    ]  # fmt: skip
    classes = [_year_row(row) for row in view.rows("year")]
    return [
        Sheet("yearly", YEAR_COLUMNS, keyed(classes), none, share=2),
        Sheet("overall", OVERALL_COLUMNS, keyed(overall), none),
    ]


def chapter9(view: View) -> list[Sheet]:
    """Eliminations, conditions of cancellation, open places, decisions."""
    out = [_year_row(row) for row in view.rows("year") if row["eliminated"]]
    near = [
        {"maker": row["maker"], "underlying": row["underlying"], "contract": row["contract"],
         **pair("situation", (CLAUSES[row["clause"]], CLAUSES_EN[row["clause"]])),
         "counted": f"{row['count']}/{row['bound']}", "standing": f"near_{row['level']}",
         "barred": _until(row)}
        for row in view.rows("cancellation")
    ]  # fmt: skip
    places = [
        {"underlying": row["underlying"], "places": row["places"], "rank": row["rank"],
         "maker": row["maker"], "grade": row["grade"] or "–", "score": _score(row["score"])}
        for row in view.rows("replenishment")
    ]  # fmt: skip
    decided = [
        {"day": row["day"], "maker": row["maker"], "underlying": row["underlying"] or "*",
         "decided": f"decided_{row['measure']}",
         "steps": (row["steps"] or 1) if row["measure"] == "lowering" else None}
        for row in view.rows("decision")
    ]  # fmt: skip
    return [
        Sheet("eliminations", YEAR_COLUMNS, keyed(out),
              ("没有末位淘汰，或没有年度评价", "nobody is eliminated, or no year was rated")),
        Sheet("cancellations", CANCEL_COLUMNS, keyed(near),
              ("没有第九章情形，或没有年度评价", "nothing near chapter 9, or no year rated")),
        Sheet("replenishment", VACANCY_COLUMNS, keyed(places),
              ("没有空缺名额，或没有年度评价", "no open place, or no year was rated")),
        Sheet("decisions", DECISION_COLUMNS, keyed(decided),
              ("评价期内没有监管函、处罚、调低", "no letter, penalty or lowering")),
    ]  # fmt: skip


def _until(row: Row) -> str:
    month = row["ban_until"]
    return f"{month // 100}-{month % 100:02d}" if row["level"] == "met" and month else ""


PARTS: dict[str, Callable[[View], list[Sheet]]] = {
    "monthly": monthly, "yearly": yearly, "chapter9": chapter9,
}  # fmt: skip
"""Parts of a rating."""
