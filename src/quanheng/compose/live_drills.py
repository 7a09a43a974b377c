"""What a supervisor does to processes at a time of the business: signals, pulls, cuts."""

import signal

import msgspec

from quanheng.terms.units import DayNanos

LEADER = "leader"
"""Role of a drill: the maker of a pair that leads at that time."""


class Drill(msgspec.Struct, frozen=True):
    """A signal for a process (exchange, gateway, overseer, maker, leader) at a time of day."""

    at: DayNanos
    role: str
    signal: signal.Signals


class KillDrill(msgspec.Struct, frozen=True):
    """A person at the kill socket at a time of day; with no scope, the key file is turned."""

    at: DayNanos
    scope: str
    by: str


class LineDrill(msgspec.Struct, frozen=True):
    """Lines of the exchange that are cut from a time of day on, by name (`edge.line_cuts`), blanks
    between them; none: all are back (T-05).
    """

    at: DayNanos
    names: str


AnyDrill = Drill | KillDrill | LineDrill


def moment(drill: AnyDrill) -> DayNanos:
    """When it strikes."""
    return drill.at
