"""The exchange's register of makers (S-05): steps of a maker in a class, to its end.

Which steps may follow which is chapter 2 三, 八 to 十 and chapter 9 二, 三 of the guide. The
exchange decides; this refuses what the guide does not let follow. Acts of people: `registry.acts`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from quanheng.registry.errors import RegistryError
from quanheng.rulebook.calendar import Calendar, CalendarError, next_trading
from quanheng.terms.days import iso
from quanheng.terms.units import Day, Nanos

Row = dict[str, Any]
"""A row of a rating's table `makers`: maker, underlying, kind, since, until (ISO days or "")."""
KINDS = ("primary", "general")
NEXT: Mapping[str, tuple[str, ...]] = {
    "": ("applied",),
    "applied": ("incomplete", "accepted"),
    "incomplete": ("accepted",),
    "accepted": ("reviewed",),
    "reviewed": ("granted", "refused"),
    "granted": ("agreement",),
    "agreement": ("admitted",),
    "admitted": ("supplement", "ended", "cancelled"),
    "refused": ("applied",),
    "ended": ("announced",),
    "cancelled": ("announced",),
    "announced": ("applied",),
}
"""Step -> steps that may follow. `supplement` changes the agreement of a maker that is in and
leaves it in; `announced` tells the market, and that the class lacks a maker (chapter 2 十).
"""
STEPS = tuple(dict.fromkeys(step for steps in NEXT.values() for step in steps))
LEFT = ("ended", "cancelled")
FREE_CLAUSES = ("9-2-3", "9-3-4")
"""Cancellations after which one may apply again at once (chapter 9 二, 三: 末位淘汰)."""
TERMS: Mapping[str, tuple[str, int]] = {
    "accepted": ("accepted", 15), "reviewed": ("accepted", 15), "granted": ("granted", 5),
}  # fmt: skip
"""Standing -> step that a term runs from, and its trading days: the decision after an application
was accepted (chapter 2 三), the agreement after the decision was told (chapter 2 八).
"""
YEAR = 10_000
"""A year later, of a day as YYYYMMDD."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of one maker in one class. `clause` is that of a cancellation. `number`, `at`, `by`,
    `second`: the line that put it in force and when (Nanos), who entered it and who agreed.
    """

    maker: str
    underlying: str
    kind: str
    step: str
    day: Day
    reference: str
    content: str = ""
    clause: str = ""
    number: int = 0
    at: Nanos = 0
    by: str = ""
    second: str = ""


class Entry(NamedTuple):
    """A maker in a class as it stands: its kind, since and until when, the agreement's number, and
    every step.
    """

    maker: str
    underlying: str
    kind: str
    since: str
    until: str
    standing: str
    agreement: str
    steps: tuple[Step, ...]


def register(makers: Sequence[Row], steps: Sequence[Step]) -> list[Entry]:
    """Each maker and class once, by class: what the ratings were made with, and the steps on it."""
    rated: dict[tuple[str, str], Row] = {}
    for row in makers:
        known = rated.get((row["underlying"], row["maker"]))
        if known is None or row["since"] >= known["since"]:
            rated[row["underlying"], row["maker"]] = row
    taken: dict[tuple[str, str], list[Step]] = {}
    for one in steps:
        taken.setdefault((one.underlying, one.maker), []).append(one)
    keys = sorted({*rated, *taken})
    return [_entry(key, rated.get(key), tuple(taken.get(key, ()))) for key in keys]


def _entry(key: tuple[str, str], row: Row | None, steps: tuple[Step, ...]) -> Entry:
    kind, since, until = ("", "", "") if row is None else (row["kind"], row["since"], row["until"])
    standing, agreement = ("ended" if until else "admitted") if row else "", ""
    for one in steps:
        kind = one.kind
        if one.step in ("agreement", "supplement"):
            agreement = one.reference if one.step == "agreement" else f"{agreement} {one.reference}"
        if one.step == "admitted":
            since, until = iso(one.day), ""
        if one.step in LEFT:
            until = iso(one.day)
        standing = "admitted" if one.step == "supplement" else one.step
    return Entry(key[1], key[0], kind, since, until, standing, agreement.strip(), steps)


def check_step(known: Sequence[Entry], new: Step) -> None:
    """RegistryError for a step that does not follow, a day before the step before, a second
    application within the year of chapters 2 九 and 9, or a cancellation without its clause.
    """
    name = f"{new.maker} {new.underlying}"
    entry = next(
        (one for one in known if (one.maker, one.underlying) == (new.maker, new.underlying)), None
    )
    standing = entry.standing if entry else ""
    if new.step not in NEXT[standing]:
        may = ", ".join(NEXT[standing])
        raise RegistryError(
            f"{name}: 当前 {standing or '未申请'}，不能 {new.step} (only {may} may follow)"
        )
    steps = entry.steps if entry else ()
    if steps and new.day < steps[-1].day:
        raise RegistryError(f"{name}: 日期早于上一步 (before the last step, {iso(steps[-1].day)})")
    if new.step == "cancelled" and not new.clause:
        raise RegistryError(f"{name}: 取消资格须写明条款 (a cancellation names its clause)")
    if new.step == "applied":
        _may_return(name, steps, new.day)


def _may_return(name: str, steps: Sequence[Step], day: Day) -> None:
    """Chapter 2 九 and chapter 9 二, 三: not again within a year, except after the last 20 %."""
    left = next((one for one in reversed(steps) if one.step in LEFT), None)
    if left is None or left.clause in FREE_CLAUSES or day >= left.day + YEAR:
        return
    raise RegistryError(f"{name}: {iso(left.day)} 起1年内不得重新申请 (not again within a year)")


def due(entry: Entry, calendar: Calendar) -> Day:
    """Last day of the term that runs for an entry, 0 when none does. RegistryError for a day that
    the exchange's calendar does not cover.
    """
    if entry.standing not in TERMS:
        return 0
    begins, days = TERMS[entry.standing]
    start = next(one.day for one in reversed(entry.steps) if one.step == begins)
    try:
        return next_trading(calendar, start, days)
    except CalendarError as error:
        raise RegistryError(f"{entry.maker} {entry.underlying}: {error}") from error


def lacking(entries: Sequence[Entry]) -> list[str]:
    """Classes that lost a maker and that nobody has joined since: those to replenish (chapter 2
    十), sorted.
    """
    gone: dict[str, int] = {}
    for entry in entries:
        left = [one.number for one in entry.steps if one.step in LEFT]
        if left:
            gone[entry.underlying] = max(gone.get(entry.underlying, 0), *left)
    came: dict[str, int] = {}
    for entry in entries:
        joined = [one.number for one in entry.steps if one.step == "admitted"]
        came[entry.underlying] = max([came.get(entry.underlying, 0), *joined])
    return sorted(name for name, number in gone.items() if came[name] < number)
