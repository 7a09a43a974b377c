"""Rate a dataset: from input tables to the output tables of duty_dataset.md.

Each day is measured under that day's rulebook; the period is graded by the rulebook of its last
trading day (Q-08).
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import msgspec

from quanheng.duties.class_day import ClassDay, ContractDay, class_days, contract_days
from quanheng.duties.conditions import from_rulebook
from quanheng.duties.dataset import DatasetError, check_dataset
from quanheng.duties.day import measure_day
from quanheng.duties.day_input import day_tables, membership, numbers, trading_days, words
from quanheng.duties.figures import Figures
from quanheng.duties.grade import Adjustments
from quanheng.duties.period import Period, rate_period
from quanheng.duties.scale import scale_of
from quanheng.duties.tables import Dataset
from quanheng.rulebook.model import Rulebook
from quanheng.terms.days import iso
from quanheng.terms.units import Day


class RateResult(msgspec.Struct, frozen=True):
    """Rows of the output tables by name of the field."""

    contract_day: list[ContractDay]
    class_day: list[ClassDay]
    period: list[Period]


OutputCell = int | str | Fraction | None


def measure_dataset(dataset: Dataset, day: Day, book: Rulebook) -> Figures:
    """Figures of one day of a checked dataset (`check_dataset`)."""
    return measure_day(day_tables(dataset, day, from_rulebook(book)))


def rate(
    dataset: Dataset, from_day: Day, to_day: Day, book_for_day: Callable[[Day], Rulebook]
) -> RateResult:
    """Rate [from_day, to_day] as one period.

    DatasetError when a table is bad or no trading day lies in the window.
    """
    checked = check_dataset(dataset)
    days = trading_days(checked, from_day, to_day)
    if not days:
        raise DatasetError("contracts", 0, f"no day from {iso(from_day)} to {iso(to_day)}")
    contracts: list[ContractDay] = []
    classes: list[ClassDay] = []
    kinds: list[tuple[str, ClassDay]] = []
    for day in days:
        book = book_for_day(day)
        figures = measure_dataset(checked, day, book)
        rows = contract_days(figures)
        own = class_days(figures, scale_of(book), rows)
        member = membership(checked, day)
        contracts += rows
        classes += own
        kinds += [(member[row.maker, row.underlying], row) for row in own]
    scale = scale_of(book_for_day(days[-1]))
    changes = adjustments(checked, from_day, to_day, kinds)
    return RateResult(contracts, classes, rate_period(from_day, to_day, kinds, scale, changes))


def adjustments(
    dataset: Dataset, from_day: Day, to_day: Day, kinds: Sequence[tuple[str, ClassDay]]
) -> dict[tuple[str, str], Adjustments]:
    """Letters, penalties and lowerings of the window per (maker, class) (E-07)."""
    table = dataset.tables["letters"]
    days, steps = numbers(table, "day").tolist(), numbers(table, "steps").tolist()
    maker, measure, klass = (words(table, name) for name in ("maker", "measure", "underlying"))
    found: dict[tuple[str, str], Adjustments] = {}
    for key in sorted({(row.maker, row.underlying) for _, row in kinds}):
        letters = lowering = 0
        penalty = False
        for row, day in enumerate(days):
            hit = maker[row] == key[0] and klass[row] in ("", key[1])
            if not hit or not from_day <= day <= to_day:
                continue
            letters += measure[row] == "letter"
            penalty |= measure[row] == "penalty"
            if measure[row] == "lowering":
                lowering += steps[row] or 1
        found[key] = Adjustments(letters, penalty, lowering)
    return found


def output_columns(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    """(name, "day" | "int" | "ratio" | "text") of an output table's row type."""
    named = {Day: "int", str: "text", int: "int"}
    columns = []
    for field in msgspec.structs.fields(kind):
        if field.encode_name in ("day", "from", "to"):
            columns.append((field.encode_name, "day"))
        elif field.type == Fraction | None:
            columns.append((field.encode_name, "ratio"))
        elif field.type == int | None:
            columns.append((field.encode_name, "int"))
        else:
            columns.append((field.encode_name, named.get(field.type, "text")))
    return tuple(columns)


def output_cells(row: ContractDay | ClassDay | Period) -> tuple[OutputCell, ...]:
    """A row's values in column order; `reasons` joined by commas."""
    values = (getattr(row, name) for name in row.__struct_fields__)
    return tuple(",".join(value) if isinstance(value, tuple) else value for value in values)
