"""The exchange's acts and who stands behind each: its own journal, and what it comes to (S-05).

A line of `acts.jsonl` proposes an act, seconds one, or takes one's own back. An act that
designates, lowers, ends, decides or publishes is in force when another person has seconded it; what
only records (an application that came in) is in force at once. Who stands behind an act is asserted
again whenever the journal is read, whatever the program that wrote it believed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from quanheng.registry.decisions import (
    Designation,
    Measure,
    Publication,
    check_designation,
    check_measure,
)
from quanheng.registry.errors import RegistryError
from quanheng.registry.register import Entry, Row, Step, check_step, register
from quanheng.terms.units import Nanos

NAME = "acts.jsonl"
PROPOSE, SECOND, WITHDRAW = "propose", "second", "withdraw"
Body = Step | Measure | Designation | Publication
KINDS: Mapping[str, type[Body]] = {
    "step": Step, "measure": Measure, "designation": Designation, "publication": Publication,
}  # fmt: skip
"""Kind of an act -> what it says."""
SECONDED_STEPS = ("granted", "refused", "admitted", "supplement", "ended", "cancelled", "announced")
"""Steps that decide over a maker or tell the market; what comes in from a maker, and the agreement
that both sides signed, are only recorded."""
IN_FORCE, WAITING, WITHDRAWN = "in_force", "waiting", "withdrawn"


Line = dict[str, Any]
Check = Callable[[list[Line]], None]


class Journal(Protocol):
    """Lines that only grow, each with its `number` and the instant `at` that it was added."""

    def all(self) -> list[Line]:
        """Every line in order. RegistryError for one that was changed."""

    def add(self, fields: Mapping[str, Any], check: Check | None = None) -> int:
        """Append a line, unless `check` objects to the lines before; its number. Nobody else adds
        meanwhile.
        """


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An act of the journal as it stands. `number` is that of the line that proposed it, `force`
    that of the line that put it in force (0 while none did); `at` in Nanos.
    """

    number: int
    at: Nanos
    by: str
    kind: str
    body: Body
    standing: str
    force: int = 0
    second: str = ""
    seconded: Nanos = 0


def needs_second(kind: str, body: Body) -> bool:
    """Does an act wait for another person?"""
    return not isinstance(body, Step) or body.step in SECONDED_STEPS


def fold(lines: Sequence[Line]) -> list[Act]:
    """Every act in the order of proposal. RegistryError names a line that cannot be: an act of no
    kind, or one seconded by who proposed it.
    """
    acts: dict[int, Act] = {}
    for line in lines:
        number = line["number"]
        where = f"{NAME} line {number}"
        try:
            what, by, at = str(line["what"]), str(line["by"]), int(line["at"])
            if what == PROPOSE:
                kind = str(line["kind"])
                body: Body = msgspec.convert(line["body"], KINDS[kind])
                waits = needs_second(kind, body)
                acts[number] = Act(
                    number=number, at=at, by=by, kind=kind, body=body,
                    standing=WAITING if waits else IN_FORCE, force=0 if waits else number,
                )  # fmt: skip
                continue
            act = acts[int(line["of"])]
        except (KeyError, ValueError, TypeError, msgspec.ValidationError) as error:
            raise RegistryError(f"{where}: {error!r}") from error
        acts[act.number] = _answered(act, what, by, at, number, where)
    return list(acts.values())


def _answered(act: Act, what: str, by: str, at: Nanos, number: int, where: str) -> Act:
    """An act after somebody else's word on it, or its proposer's."""
    if act.standing != WAITING:
        raise RegistryError(f"{where}: 第 {act.number} 号未在等待复核 (it does not wait)")
    if what == SECOND:
        if by == act.by:
            raise RegistryError(f"{where}: 复核人不得为经办人 {by} (nobody seconds his own act)")
        return msgspec.structs.replace(act, standing=IN_FORCE, force=number, second=by, seconded=at)
    if what == WITHDRAW:
        if by != act.by:
            raise RegistryError(f"{where}: 只能由经办人 {act.by} 撤回 (only who proposed it)")
        return msgspec.structs.replace(act, standing=WITHDRAWN)
    raise RegistryError(f"{where}: what {what!r} is no word of this journal")


def steps_in_force(acts: Sequence[Act]) -> list[Step]:
    """Steps of makers that hold, in the order in which they came into force."""
    held = sorted((one for one in acts if one.force), key=lambda one: one.force)
    return [
        msgspec.structs.replace(
            one.body, number=one.force, at=one.seconded or one.at, by=one.by, second=one.second
        )
        for one in held
        if isinstance(one.body, Step)
    ]


def waiting(acts: Sequence[Act]) -> list[Act]:
    """Acts that wait for another person."""
    return [one for one in acts if one.standing == WAITING]


class Book:
    """A journal with the makers that the ratings name."""

    def __init__(self, journal: Journal, makers: Callable[[], Sequence[Row]]) -> None:
        self._journal, self._makers = journal, makers

    def acts(self) -> list[Act]:
        """Every act. RegistryError for a journal that was changed."""
        return fold(self._journal.all())

    def entries(self, acts: Sequence[Act]) -> list[Entry]:
        """The register of makers as it stands."""
        return register(self._makers(), steps_in_force(acts))

    def propose(self, by: str, kind: str, fields: Mapping[str, Any]) -> Act:
        """Enter an act in a person's name. RegistryError for one that may not follow, and for a
        second one about a maker in a class while one waits.
        """
        try:
            body: Body = msgspec.convert(dict(fields), KINDS[kind])
        except msgspec.ValidationError as error:
            raise RegistryError(f"{kind}: {error}") from error
        said = {key: value for key, value in msgspec.to_builtins(body).items() if key not in _OURS}

        def check(acts: list[Act]) -> None:
            self._check(body, acts)
            busy = [one.number for one in waiting(acts) if _same(one.body, body)]
            if busy:
                raise RegistryError(f"第 {busy[0]} 号仍在等待复核 (one about the same waits)")

        number = self._add({"what": PROPOSE, "by": by, "kind": kind, "body": said}, check)
        return self._act(number)

    def second(self, by: str, number: int) -> Act:
        """Agree to somebody else's act; it is judged again as things are now."""

        def check(acts: list[Act]) -> None:
            act = _known(acts, number)
            _answered(act, SECOND, by, 0, 0, f"第 {number} 号")
            self._check(act.body, acts)

        self._add({"what": SECOND, "by": by, "of": number}, check)
        return self._act(number)

    def withdraw(self, by: str, number: int) -> Act:
        """Take one's own act back while it waits."""

        def check(acts: list[Act]) -> None:
            _answered(_known(acts, number), WITHDRAW, by, 0, 0, f"第 {number} 号")

        self._add({"what": WITHDRAW, "by": by, "of": number}, check)
        return self._act(number)

    def _add(self, fields: Mapping[str, Any], check: Callable[[list[Act]], None]) -> int:
        return self._journal.add(fields, lambda lines: check(fold(lines)))

    def _act(self, number: int) -> Act:
        return _known(self.acts(), number)

    def _check(self, body: Body, acts: Sequence[Act]) -> None:
        entries = self.entries(acts)
        if isinstance(body, Step):
            check_step(entries, body)
        elif isinstance(body, Measure):
            check_measure(entries, body)
        elif isinstance(body, Designation):
            check_designation(entries, body)
        elif any(one.body == body and one.force for one in acts):
            raise RegistryError(f"{body.rating}: 已公布 (it was published already)")


_OURS = ("number", "at", "by", "second")
"""Fields of a step that the journal itself says."""


def _same(one: Body, other: Body) -> bool:
    """Are two acts about the same maker in the same class, or the same thing altogether?"""
    if isinstance(one, Step) and isinstance(other, Step):
        return (one.maker, one.underlying) == (other.maker, other.underlying)
    return one == other


def _known(acts: Sequence[Act], number: int) -> Act:
    for one in acts:
        if one.number == number:
            return one
    raise RegistryError(f"没有第 {number} 号 (there is no act {number})")
