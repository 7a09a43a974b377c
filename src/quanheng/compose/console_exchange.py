"""The page 交易所: the exchange's register of makers and its ratings as published (S-05, E-05 to
E-10), for who looks at it with the exchange's own role.

A person without the right `makers` sees the rows of this console's own maker and no other.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from quanheng.compose import maker_register
from quanheng.compose.console_house import House, done, taken, text, when
from quanheng.compose.publication import CLAUSES, REASONS
from quanheng.compose.ratings_read import Ratings, Row, read_ratings
from quanheng.desk.access import Session
from quanheng.desk.office import (
    COUNT,
    FIGURE,
    FILES,
    GROW,
    STATE,
    Act,
    Column,
    Field,
    Page,
    Sheet,
    Taken,
)
from quanheng.desk.ports import Reply, SourceError
from quanheng.duties.exact import ratio_text
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.days import from_iso, iso

TABS = ("makers", "monthly", "yearly", "chapter9", "published")
NO_RATINGS = ("此控制台未接入评价结果（--ratings）",
              "this console was opened without ratings (--ratings)")  # fmt: skip
OWN_ROWS = ("只显示本做市商；名册与全市场评价由交易所岗位查看",
            "this maker's own rows; the whole market is for the exchange's role")  # fmt: skip
NOBODY = ("评价结果中没有本做市商的记录", "the ratings say nothing of this maker")
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
NO_CLAUSE, OTHER_CLAUSE = "no_clause", "other"
NOT_RATED = ("不评级", "not rated")

_MAKER = (Column("underlying", width=80), Column("maker", width=80), Column("kind", STATE, 100))
REGISTER_COLUMNS = (
    *_MAKER, Column("standing", STATE, 90), Column("due", width=100),
    Column("since", width=100), Column("until", width=100),
    Column("agreement", width=150), Column("grades", GROW, 260), Column("year_grade", width=90),
    Column("letters", COUNT, 80), Column("penalties", COUNT, 80), Column("lowerings", COUNT, 80),
    Column("situation", width=300),
)  # fmt: skip
STEP_COLUMNS = (
    Column("number", COUNT, 60), Column("day", width=100), *_MAKER, Column("event", STATE, 110),
    Column("reference", width=150), Column("content", GROW, 260), Column("by", width=70),
    Column("at", width=150),
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
FILE_COLUMNS = (
    Column("file", GROW, 300), Column("size", COUNT, 100), Column("files", FILES, 120),
)  # fmt: skip
STEP = Act(
    "exchange.record",
    (
        Field("maker"), Field("underlying"), Field("kind", choices=maker_register.KINDS),
        Field("step", choices=maker_register.STEPS), Field("day", "day"), Field("reference"),
        Field("content", "long", optional=True),
        Field("clause", choices=(NO_CLAUSE, *CLAUSES, OTHER_CLAUSE), optional=True),
    ),
    row=False,
)  # fmt: skip


class _View:
    """The ratings as one person may see them: every table goes through here, so that no sheet can
    forget whose rows it shows.
    """

    def __init__(self, house: House, who: Session, folder: Path) -> None:
        self.whole = who.permits("makers")
        opened = house.source.log.opened
        self._own = "" if opened is None else opened.maker
        self.day = house.source.log.info.day
        self.calendar = read_rulebook(self.day).calendar
        self.ratings: Ratings = read_ratings(folder)
        steps = maker_register.steps_of(folder)
        self.register = maker_register.register(self.ratings.tables["makers"], steps)
        self.steps = [one for one in steps if self._mine(one.maker)]
        self.none = ("没有记录", "no record") if self.whole else NOBODY

    def _mine(self, maker: str) -> bool:
        return self.whole or maker == self._own

    def rows(self, name: str) -> list[Row]:
        """Rows of a table that this person may see."""
        return [row for row in self.ratings.tables[name] if self._mine(row["maker"])]

    def entries(self) -> list[maker_register.Entry]:
        """The register as far as this person may see it."""
        return [one for one in self.register if self._mine(one.maker)]


def page(house: House, who: Session, ask: Mapping[str, str]) -> Page:
    """The part that is asked for, the register at first. SourceError for one there is not."""
    if house.ratings is None:
        return Page([], NO_RATINGS, every=0)
    view = _View(house, who, house.ratings)
    tabs = TABS if view.whole else TABS[:-1]
    tab = ask.get("of") or tabs[0]
    if tab not in tabs:
        raise SourceError(f"there is no part {tab!r}")
    parts = {"makers": _makers, "monthly": _monthly, "yearly": _yearly, "chapter9": _chapter9}
    acts = (STEP,) if who.permits("exchange.record") else ()
    sheets = parts[tab](view, acts) if tab in parts else [_published(house.ratings, view)]
    lacking = maker_register.lacking(view.register) if view.whole else []
    facts = [("lacking", " ".join(lacking), "warn")] if lacking else []
    return Page(sheets, ("", "") if view.whole else OWN_ROWS, facts, every=0, tabs=tabs, tab=tab)


def _keyed(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"key": str(number), **row} for number, row in enumerate(rows)]


def _makers(view: _View, acts: tuple[Act, ...]) -> list[Sheet]:
    months, years = view.rows("period"), view.rows("year")
    decisions, near = view.rows("decision"), view.rows("cancellation")
    lines = []
    for one in view.entries():
        own = [row for row in months if _same(row, one)]
        marks = [row["measure"] for row in decisions if _touches(row, one)]
        grades = [f"{row['to'][:7]} {row['grade'] or '–'}" for row in own if row["kind"]]
        year = [row for row in years if _same(row, one)]
        due = maker_register.due(one, view.calendar)
        worst = _worst([row for row in near if _touches(row, one)])
        lines.append({
            "underlying": one.underlying, "maker": one.maker, "kind": one.kind,
            "standing": one.standing, "due": iso(due) if due else "",
            "tone": "amber" if 0 < due < view.day else "", "since": one.since, "until": one.until,
            "agreement": one.agreement, "grades": " · ".join(grades),
            "year_grade": f"{year[-1]['year']} {year[-1]['grade'] or '–'}" if year else "",
            "letters": marks.count("letter"), "penalties": marks.count("penalty"),
            "lowerings": marks.count("lowering"), **worst,
        })  # fmt: skip
    steps = [
        {"number": one.number, "day": iso(one.day), "underlying": one.underlying,
         "maker": one.maker, "kind": one.kind, "event": one.step, "reference": one.reference,
         "content": "；".join(filter(None, (CLAUSES.get(one.clause, ""), one.content))),
         "by": one.by, "at": when(one.at)}
        for one in reversed(view.steps)
    ]  # fmt: skip
    none = (
        "尚未登记申请、协议、批准或取消",
        "no application, agreement or cancellation entered yet",
    )
    return [
        Sheet("makers", REGISTER_COLUMNS, _keyed(lines), view.none, acts, 2),
        Sheet("maker_steps", STEP_COLUMNS, _keyed(steps), none),
    ]


def _same(row: Row, one: maker_register.Entry) -> bool:
    return (row["maker"], row["underlying"]) == (one.maker, one.underlying)


def _touches(row: Row, one: maker_register.Entry) -> bool:
    """Does a decision or condition concern a maker in a class? "" and "*" are all classes."""
    return row["maker"] == one.maker and row["underlying"] in ("", "*", one.underlying)


def _worst(rows: list[Row]) -> dict[str, str]:
    """The condition of chapter 9 that is nearest, in words of both languages."""
    level = ("amber", "red", "met")
    row = max(rows, key=lambda one: level.index(one["level"]), default=None)
    if row is None:
        return _pair("situation", ("", ""))
    return _pair("situation", (f"{CLAUSES[row['clause']]} {row['count']}/{row['bound']}",
                               f"{CLAUSES_EN[row['clause']]} {row['count']}/{row['bound']}"),
                 )  # fmt: skip


def _pair(name: str, words: tuple[str, str]) -> dict[str, str]:
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
        **_pair("grade", (grade[0], grade[1])), **_pair("reasons", said),
    }  # fmt: skip


def _monthly(view: _View, _: tuple[Act, ...]) -> list[Sheet]:
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
        Sheet("monthly", MONTH_COLUMNS, _keyed(rows), view.none, share=3),
        Sheet("designated", DESIGNATED_COLUMNS, _keyed(designated), none),
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


def _yearly(view: _View, _: tuple[Act, ...]) -> list[Sheet]:
    none = ("没有年度评价，见 quanheng rate --year", "no year was rated: quanheng rate --year")
    overall = [
        {"rank": row["rank"], "maker": row["maker"], "classes_rated": row["classes"],
         "score": _score(row["score"]), "grade": row["grade"]}
        for row in view.rows("year_overall")
    ]  # fmt: skip
    classes = [_year_row(row) for row in view.rows("year")]
    return [
        Sheet("yearly", YEAR_COLUMNS, _keyed(classes), none, share=2),
        Sheet("overall", OVERALL_COLUMNS, _keyed(overall), none),
    ]


def _chapter9(view: _View, _: tuple[Act, ...]) -> list[Sheet]:
    out = [_year_row(row) for row in view.rows("year") if row["eliminated"]]
    near = [
        {"maker": row["maker"], "underlying": row["underlying"], "contract": row["contract"],
         **_pair("situation", (CLAUSES[row["clause"]], CLAUSES_EN[row["clause"]])),
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
        Sheet("eliminations", YEAR_COLUMNS, _keyed(out),
              ("没有末位淘汰，或没有年度评价", "nobody is eliminated, or no year was rated")),
        Sheet("cancellations", CANCEL_COLUMNS, _keyed(near),
              ("没有第九章情形，或没有年度评价", "nothing near chapter 9, or no year rated")),
        Sheet("replenishment", VACANCY_COLUMNS, _keyed(places),
              ("没有空缺名额，或没有年度评价", "no open place, or no year was rated")),
        Sheet("decisions", DECISION_COLUMNS, _keyed(decided),
              ("评价期内没有监管函、处罚、调低", "no letter, penalty or lowering")),
    ]  # fmt: skip


def _until(row: Row) -> str:
    month = row["ban_until"]
    return f"{month // 100}-{month % 100:02d}" if row["level"] == "met" and month else ""


def _files(folder: Path, ratings: Ratings) -> list[Path]:
    """Files of the publications, none that leads out."""
    return [
        path for one in ratings.folders for path in sorted((one / "publication").glob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix != ".part"
    ]  # fmt: skip


def _published(folder: Path, view: _View) -> Sheet:
    lines = []
    for path in _files(folder, view.ratings):
        name = path.relative_to(folder).as_posix()
        lines.append(
            {"file": name, "size": path.stat().st_size, "files": [[path.suffix[1:], name]]}
        )
    why = ("评价结果没有公布文件", "these ratings have no publication")
    return Sheet("published", FILE_COLUMNS, _keyed(lines), why)


def file(house: House, who: Session, name: str) -> Taken:
    """A file of a publication, for the exchange's role alone: it has every maker in it."""
    if house.ratings is not None and who.permits("makers"):
        for path in _files(house.ratings, read_ratings(house.ratings)):
            if path.relative_to(house.ratings).as_posix() == name:
                return taken(path)
    raise SourceError(f"there is no publication {name!r}")


def record(house: House, who: Session, fields: Mapping[str, Any]) -> Reply:
    """Enter a step of the register. SourceError names what is wrong with it."""
    if house.ratings is None:
        raise SourceError(f"{NO_RATINGS[0]} ({NO_RATINGS[1]})")
    given: dict[str, Any] = {}
    for one in STEP.ask:
        value = text(fields, one.name, "" if one.optional else None)
        if one.name == "clause" and not value:
            value = NO_CLAUSE
        if one.choices and value not in one.choices:
            raise SourceError(f"{one.name}: {value!r} is not one of {', '.join(one.choices)}")
        given[one.name] = "" if value == NO_CLAUSE else value
    try:
        given["day"] = from_iso(given["day"])
    except ValueError as error:
        raise SourceError(f"day: {error}") from error
    makers = read_ratings(house.ratings).tables["makers"]
    made = maker_register.record(house.ratings, makers, who.user, given)
    return done(f"已登记第 {made} 步", f"step {made} entered", number=made)


ACTS = {"exchange.record": record}
