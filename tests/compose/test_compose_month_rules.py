"""A month with a rule change in its middle and an agreement from the 10th (Q-08, E-01)."""

from pathlib import Path

import duty_month
import pytest

from quanheng.duties.rating import RateResult, rate
from quanheng.edge.dataset_files import read_dataset
from quanheng.edge.rulebook_files import shipped_texts
from quanheng.rulebook.load import load_rulebook
from quanheng.rulebook.model import Rulebook
from quanheng.terms.units import Day

FROM, CHANGED = 20240710, 20240716
OLD, MONTH = (20240619, 20240620), (20240621, 20240719)
RULE = """
[[rule]]
key = "quote_size.continuous"
value = 20
from = {day}
source = "a change in the middle of a month"
"""
AGREED = """authority = "agreement"
[[rule]]
key = "spread.near.ratio"
value = "0.06"
from = {day}
source = "agreement in force from the tenth"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of June's month and the twenty-one of July's."""
    found = tmp_path_factory.mktemp("rules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duty_month, "FIRST", OLD[0])
        patch.setattr(duty_month, "DAYS", 23)
        duty_month.build(found)
    return found


def books(rule_from: Day = 0, agreed_from: Day = 0) -> object:
    """Rulebooks with the change and the agreement in force from these days on; 0: never."""
    texts = dict(shipped_texts())
    if rule_from:
        texts["duty.toml"] += RULE.format(day=rule_from)
    agreement = ("agreement.toml", AGREED.format(day=agreed_from)) if agreed_from else None

    def book(day: Day) -> Rulebook:
        return load_rulebook(day, texts, agreement)

    return book


def rated(folder: Path, window: tuple[Day, Day], given: object) -> RateResult:
    return rate(read_dataset(folder, window), *window, given)  # type: ignore[arg-type]


def test_each_day_by_its_own_rules_and_an_old_month_as_it_was(folder: Path) -> None:
    """Before the 10th every contract and class has the figures of the plain rules, from then on
    those of the agreement, from the change on those of both, as if each had held always; the three
    differ. The month before, rated again under the new texts, has its old figures.
    """
    whole = rated(folder, MONTH, books(CHANGED, FROM))
    always = {
        "plain": rated(folder, MONTH, books()),
        "agreed": rated(folder, MONTH, books(0, OLD[0])),
        "both": rated(folder, MONTH, books(OLD[0], OLD[0])),
    }
    days = sorted({row.day for row in whole.class_day})
    assert len(days) == 21

    def of_day(result: RateResult, day: Day) -> list[object]:
        rows = [*result.contract_day, *result.class_day]
        return [row for row in rows if row.day == day]

    for day in days:
        held = "plain" if day < FROM else "agreed" if day < CHANGED else "both"
        for name, result in always.items():
            same = of_day(whole, day) == of_day(result, day)
            assert same == (name == held), (day, name)
    assert whole.period != always["plain"].period
    assert rated(folder, OLD, books(CHANGED, FROM)) == rated(folder, OLD, books())
