"""Commands about limits and figures from text, checked before the authority hears them."""

from quanheng.compose.authority_desk import RequestError
from quanheng.maker.limit_commands import FIGURES
from quanheng.maker.limits import BY_NAME
from quanheng.terms.commands import RecordFigure, SetLimit
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import Day, Nanos


def _instant(option: str, text: str, day: Day) -> Nanos:
    """HH:MM of a day, 0 for no text. RequestError for anything else."""
    try:
        return midnight(day) + from_clock(text) if text else 0
    except ValueError as error:
        raise RequestError(f"{option}: {error}") from error


def limit_command(
    scope: str, name: str, value: int, by: str, day: Day, basis: str, since: str, until: str
) -> SetLimit:
    """SetLimit in the limit's own unit. RequestError for an unknown name, a value outside its hard
    band, or a period that ends before it begins.
    """
    item = BY_NAME.get(name)
    if item is None:
        raise RequestError(f"limit {name!r} is not one of {', '.join(BY_NAME)}")
    if not 0 <= value <= item.high:
        band = f"0 to {item.high} {item.unit}"
        raise RequestError(f"{name} ({item.meaning}) = {value} is outside {band}")
    begin, end = _instant("--since", since, day), _instant("--until", until, day)
    if end and end <= begin:
        raise RequestError(f"--until {until} is not after --since {since}")
    return SetLimit(scope, name, value, begin, end, basis, by)


def figure_command(
    scope: str, name: str, value: int, source: str, until: str, by: str, day: Day
) -> RecordFigure:
    """RecordFigure in Money or contracts. RequestError for an unknown name."""
    if name not in FIGURES:
        raise RequestError(f"figure {name!r} is not one of {', '.join(FIGURES)}")
    return RecordFigure(scope, name, value, source, _instant("--until", until, day), by)
