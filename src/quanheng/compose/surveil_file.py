"""Thresholds, accounts and restricted periods of surveillance from one TOML file (S-03)."""

from pathlib import Path

import msgspec

from quanheng.config import read_toml
from quanheng.oversight.surveillance import Ban, Party
from quanheng.oversight.surveillance_patterns import problem
from quanheng.terms.days import from_clock, from_iso, midnight
from quanheng.terms.units import Day, Nanos

SHIPPED = "data/surveillance.toml"
ROLES = ("maker", "proprietary", "client", "asset", "related", "other")
_DAY = midnight(20240628) - midnight(20240627)


class AccountEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account, who stands behind it, and whether it is of our firm."""

    name: str
    group: str
    role: str
    own: bool = False


class RestrictedEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A restricted period, "YYYY-MM-DD HH:MM" to before "YYYY-MM-DD HH:MM"."""

    underlying: str
    since: str
    until: str
    reason: str
    accounts: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()


class RulesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    patterns: dict[str, dict[str, int]]
    accounts: tuple[AccountEntry, ...] = ()
    restricted: tuple[RestrictedEntry, ...] = ()


def read_rules(path: Path | None = None) -> RulesFile:
    """The content of a file, or the shipped one. ConfigError names the file, key and reason."""
    return read_toml(RulesFile, path, SHIPPED, _problem)


def _problem(found: RulesFile) -> str:
    why = problem(found.patterns)
    if why:
        return why
    names = [one.name for one in found.accounts]
    for number, one in enumerate(found.accounts):
        key = f"accounts[{number}]"
        if not one.name or not one.group:
            return f"{key}: name and group must not be empty"
        if one.role not in ROLES:
            return f"{key}.role: {one.role!r} is not one of {', '.join(ROLES)}"
        if names.count(one.name) > 1:
            return f"{key}.name: {one.name!r} stands twice"
    for number, ban in enumerate(found.restricted):
        key = f"restricted[{number}]"
        try:
            since, until = instant(ban.since), instant(ban.until)
        except ValueError as error:
            return f"{key}: {error}"
        if since >= until:
            return f"{key}: it ends before it begins"
        if not ban.reason or not (ban.accounts or ban.persons):
            return f"{key}: names no reason, or neither accounts nor persons"
    return ""


def instant(text: str) -> Nanos:
    """Nanos of "YYYY-MM-DD HH:MM". ValueError for anything else."""
    day, _, clock = text.partition(" ")
    return midnight(from_iso(day)) + from_clock(clock)


def parties_of(found: RulesFile) -> tuple[Party, ...]:
    """The accounts of the file."""
    return tuple(Party(one.name, one.group, one.role, one.own) for one in found.accounts)


def bans_on(found: RulesFile, day: Day) -> tuple[Ban, ...]:
    """The restricted periods that touch a day, cut to it."""
    start = midnight(day)
    out = []
    for one in found.restricted:
        since, until = instant(one.since) - start, instant(one.until) - start
        if since < _DAY and until > 0:
            span = (max(since, 0), min(until, _DAY))
            out.append(Ban(one.underlying, one.accounts, one.persons, *span, one.reason))
    return tuple(out)
