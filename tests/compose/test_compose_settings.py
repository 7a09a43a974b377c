"""Settings of a desk on a day that has not all of its classes (I-11, I-13)."""

import msgspec
import pytest

from quanheng.compose.openings import Openings
from quanheng.compose.reference import FIRST_DAY, load
from quanheng.compose.scenarios import load as load_scenario
from quanheng.config import ParameterConfig, read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.maker.maker import Maker
from quanheng.runtime.envelope import Envelope, Source
from quanheng.terms.days import midnight
from quanheng.terms.units import SECOND


def test_settings_of_classes_that_a_day_has_not_are_left_aside() -> None:
    """A configuration is of a desk: a day without 510500 opens, one with a wrong scope does not."""
    book, config = read_rulebook(FIRST_DAY), read_config()
    rows = tuple(
        ParameterConfig(scope, "width", 2_700)
        for scope in ("*", "510500", "510500-2407-d40", "510050")
    )

    def opened(parameters: tuple[ParameterConfig, ...]) -> None:
        desk = msgspec.structs.replace(config, parameters=parameters)
        made = Openings(load_scenario("calm"), load(pick="24"), book, desk, 1, SECOND).maker()
        assert [scope for scope, _, _ in made.parameters] == ["*", *kept]
        Maker().apply(Envelope(1, midnight(FIRST_DAY), Source.RUNTIME, 0, made))

    kept = ["510050"]
    opened(rows)
    kept = ["510055"]
    with pytest.raises(ValueError, match="unknown scope 510055"):
        opened((*rows[:1], ParameterConfig("510055", "width", 2_700)))
