"""Columns, forms and words of the exchange's site, and what a form comes to."""

from collections.abc import Mapping
from typing import Any

from quanheng.compose.console_house import number, text
from quanheng.desk.access import Session
from quanheng.desk.office import COUNT, FILES, GROW, HASH, STATE, Act, Column, Field
from quanheng.desk.ports import SourceError
from quanheng.registry.acts import Body
from quanheng.registry.decisions import MEASURES, Designation, Measure, Publication
from quanheng.registry.register import KINDS, STEPS
from quanheng.registry.wording import ALL, CLAUSES, STEP_WORDS
from quanheng.registry.wording import MEASURES as MEASURE_WORDS
from quanheng.terms.days import from_iso, iso

NO_CLAUSE, OTHER_CLAUSE = "no_clause", "other"
STEP_COLUMNS = (
    Column("number", COUNT, 60), Column("day", width=100), Column("underlying", width=80),
    Column("maker", width=80), Column("kind", STATE, 100), Column("event", STATE, 110),
    Column("reference", width=150), Column("content", GROW, 260), Column("by", width=70),
    Column("seconded_by", width=70), Column("at", width=150),
)  # fmt: skip
ACT_COLUMNS = (
    Column("number", COUNT, 60), Column("kind", STATE, 100), Column("content", GROW, 420),
    Column("standing", STATE, 90), Column("by", width=70), Column("at", width=150),
    Column("seconded_by", width=70), Column("seconded_at", width=150),
)  # fmt: skip
DRAFT_COLUMNS = (
    Column("rating", GROW, 240), Column("standing", STATE, 110), Column("sha256", HASH, 150),
)  # fmt: skip
FILE_COLUMNS = (
    Column("file", GROW, 300), Column("size", COUNT, 100), Column("files", FILES, 120),
)  # fmt: skip
STEP = Act(
    "registry.step",
    (
        Field("maker"), Field("underlying"), Field("kind", choices=KINDS),
        Field("step", choices=STEPS), Field("day", "day"), Field("reference"),
        Field("content", "long", optional=True),
        Field("clause", choices=(NO_CLAUSE, *CLAUSES, OTHER_CLAUSE), optional=True),
    ),
    row=False,
)  # fmt: skip
MEASURE = Act(
    "registry.measure",
    (
        Field("maker"), Field("measure", choices=MEASURES, label="measure_kind"),
        Field("underlying", optional=True),
        Field("steps", "count", value="0"), Field("day", "day"), Field("reference"),
        Field("reason", "long"),
    ),
    row=False,
)  # fmt: skip
DESIGNATE = Act(
    "registry.designate",
    (
        Field("contract"), Field("makers", "long"), Field("since", "day"),
        Field("until", "day", optional=True), Field("reference"),
    ),
    row=False,
)  # fmt: skip
FORMS = {"step": STEP, "measure": MEASURE, "designation": DESIGNATE}
"""Kind of an act of the journal -> the form that makes it."""


def forms_for(who: Session) -> tuple[Act, ...]:
    """Forms that a person may fill in."""
    return tuple(FORMS.values()) if who.permits("registry.propose") else ()


def fields_of(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a form says, as the journal takes it. SourceError names the field that is wrong."""
    given: dict[str, Any] = {}
    for one in FORMS[kind].ask:
        if one.kind == "count":
            given[one.name] = number(fields, one.name)
            continue
        value = text(fields, one.name, "" if one.optional else None)
        if one.name == "clause" and not value:
            value = NO_CLAUSE
        if one.choices and value not in one.choices:
            raise SourceError(f"{one.name}: {value!r} is not one of {', '.join(one.choices)}")
        if one.kind == "day":
            given[one.name] = _day(one.name, value) if value else 0
        elif one.name == "makers":
            given[one.name] = value.replace("，", " ").replace(",", " ").split()
        else:
            given[one.name] = "" if value == NO_CLAUSE else value
    return given


def _day(name: str, value: str) -> int:
    try:
        return from_iso(value)
    except ValueError as error:
        raise SourceError(f"{name}: {error}") from error


def body_words(body: Body) -> tuple[str, str]:
    """What an act says, in one line of each language."""
    if isinstance(body, Measure):
        zh = f"{body.maker} {body.underlying or ALL} {MEASURE_WORDS[body.measure]}"
        en = f"{body.maker} {body.underlying or 'all classes'} {body.measure}"
        grades = (f" {body.steps} 级", f" {body.steps} grades") if body.steps else ("", "")
        end = f" {iso(body.day)} {body.reference} {body.reason}"
        return f"{zh}{grades[0]}{end}", f"{en}{grades[1]}{end}"
    if isinstance(body, Designation):
        span = f"{iso(body.since)}–{iso(body.until) if body.until else ''}"
        said = f"{body.contract} {' '.join(body.makers)} {span} {body.reference}"
        return f"指定合约 {said}", f"designated contract {said}"
    if isinstance(body, Publication):
        return f"公布评价 {body.rating}", f"publish rating {body.rating}"
    said = f"{body.maker} {body.underlying} {iso(body.day)} {body.reference}"
    return f"{STEP_WORDS[body.step]} {said}", f"{body.step} {said}"
