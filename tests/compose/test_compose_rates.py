"""The interest rate of a day: approved, the last approved with an alert, or no start (F56)."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from quanheng.compose import self_test
from quanheng.compose.day import DayPlan
from quanheng.compose.desk_records import RATE_DAYS, rate_in_force
from quanheng.compose.openings import Openings
from quanheng.compose.reference import FIRST_DAY, load
from quanheng.compose.scenarios import load as scenario
from quanheng.config import Config, ConfigError, RateConfig, read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import Envelope, RaiseAlert, Source
from quanheng.terms.codes import Alert
from quanheng.terms.days import midnight
from quanheng.terms.units import SECOND

BOOK = read_rulebook(FIRST_DAY)  # Thursday 2024-06-27


def kept(*days: int) -> Config:
    rates = tuple(RateConfig(day, 17_000 + day % 100, "desk", "R01", "R02") for day in days)
    return replace(read_config(), rates=rates)


def plan(config: Config) -> DayPlan:
    return DayPlan(scenario=scenario("calm"), config=config, pick="8")


def told(config: Config) -> list[tuple[object, ...]]:
    """What a maker that is opened with a configuration says of its rate."""
    reference = load(pick="8")
    opening = Openings(scenario("calm"), reference, BOOK, config, 1, SECOND).maker()
    effects = Maker().apply(Envelope(1, midnight(FIRST_DAY), Source.RUNTIME, 0, opening))
    assert opening.rate == rate_in_force(config, BOOK.calendar, FIRST_DAY)[0]
    return [
        one.args
        for one in effects
        if isinstance(one, RaiseAlert) and one.code == Alert.RATE_OLD
    ]  # fmt: skip


def test_f56_the_days_own_rate_is_used_and_a_later_one_is_not_yet() -> None:
    """The newest record that has begun; nothing to tell."""
    config = kept(20240626, 20240628, FIRST_DAY)
    assert rate_in_force(config, BOOK.calendar, FIRST_DAY) == (17_027, FIRST_DAY)
    assert told(config) == [] == told(read_config())


def test_f56_a_missing_rate_is_the_last_approved_one_with_an_alert() -> None:
    """A rate of the week before: the maker says so when it opens, and the self-test notes it."""
    config = kept(20240620)  # a Thursday, five trading days
    assert told(config) == [(17_020, 20240620)]
    with pytest.raises(self_test.Noted, match="2024-06-20"):
        self_test._rates(self_test.Subject(plan(config), Path()))
    assert "17027" in self_test._rates(self_test.Subject(plan(kept(FIRST_DAY)), Path()))


@pytest.mark.parametrize(("day", "words"), [(20240619, "6 trading days"), (20240628, "or before")])
def test_f56_without_a_young_rate_no_day_opens(tmp_path: Path, day: int, words: str) -> None:
    """Older than RATE_DAYS, or of the future only: nothing is quoted with it."""
    assert RATE_DAYS == 5
    with pytest.raises(ConfigError, match=words):
        told(kept(day))
    found = self_test.examine(plan(kept(day)), tmp_path)
    assert [one.name for one in found.failed if words in one.note] == ["config", "rates"]


@pytest.mark.parametrize("two", [("R01", "R01"), ("R01", ""), ("", "R02")])
def test_f56_one_person_approves_no_rate(tmp_path: Path, two: tuple[str, str]) -> None:
    """A rate takes two people, like every limit that is loosened (R-03)."""
    shipped = Path(self_test.__file__).parents[1] / "data" / "desk.toml"
    path = tmp_path / "desk.toml"
    row = f'since = 20240627\nppm = 18000\nsource = "x"\nby = "{two[0]}"\nseconded_by = "{two[1]}"'
    path.write_text(f"{shipped.read_text(encoding='utf-8')}\n[[rates]]\n{row}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"rates\[0\]: names no source or not two people"):
        read_config(path)
