"""The closing state of a settled day, which is the next day's opening: what two settlements hand
each other (borders.md 3: nothing else crosses days). Entries and open cases go along, so that every
later report shows them (O-04).
"""

import msgspec

from quanheng.settlement.record import Entry
from quanheng.terms.units import Day, Lots, Money, Ticks


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A position that lives on."""

    code: str
    side: str  # L or S
    covered: bool
    qty: Lots


class Due(msgspec.Struct, frozen=True, array_like=True):
    """Units and cash that an exercise moves on the next day, + received."""

    underlying: str
    units: Lots
    cash: Money


class OpenCase(msgspec.Struct, frozen=True, array_like=True):
    """A case that was open when the day was closed."""

    day: Day
    number: str
    what: str
    ours: str
    theirs: str


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """Opening of `day`, made on `made_on` from `run`. `final` when every step was signed and no
    case was open; cash is of the derivatives margin account, after the clearing house's word.
    """

    day: Day
    made_on: Day
    run: str
    account: str
    final: bool
    cash: Money
    margin: Money
    deficit: Money
    positions: tuple[Position, ...]
    combinations: tuple[tuple[str, str, Lots], ...]
    units: dict[str, Lots]
    locked: dict[str, Lots]
    due: tuple[Due, ...]
    settles: dict[str, Ticks]
    notices: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    cases: tuple[OpenCase, ...] = ()


def encode(closing: Closing) -> bytes:
    """The file; equal states give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(closing, order="sorted"), indent=1) + b"\n"


def decode(data: bytes, place: str) -> Closing:
    """A closing state. ValueError names the place and the field that is wrong."""
    try:
        return msgspec.json.decode(data, type=Closing)
    except msgspec.DecodeError as error:
        raise ValueError(f"{place} is not a settled day's closing state: {error}") from error
