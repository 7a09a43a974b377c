"""The record of a day's settlement: every step, case, signature and adjusting entry, folded.

`settlement` is a resumable job with its own record (borders.md 5). Events are only ever added; what
stands is what they fold to, so a job that was killed goes on from the same place. An adjusting
entry (调整分录, O-04) has a reason, evidence and two people, counts only once it is seconded, and
is taken back by an entry of its own, never by removing it (S-01).
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from quanheng.terms.units import Day


class Status(StrEnum):
    """Where a step stands."""

    TODO = "todo"
    RAN = "ran"
    DIFFERENCES = "differences"
    SIGNED = "signed"


class Item(StrEnum):
    """What an entry adjusts: a position in contracts, or Money."""

    LONG = "long"
    SHORT = "short"
    COVERED = "covered"
    CASH = "cash"
    HANDLING = "handling_fee"
    SETTLEMENT = "settlement_fee"


POSITIONS = (Item.LONG, Item.SHORT, Item.COVERED)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: what is compared, where it stands (file and record, 0 for none), both values
    as text, and words for people. `key` names it across runs.
    """

    key: str
    step: str
    kind: str
    what: str
    ours: str
    theirs: str
    file: str = ""
    row: int = 0
    words: str = ""
    item: str = ""  # of Item, where an entry could settle it
    code: str = ""
    amount: int = 0  # theirs less ours, of `item`


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the record. Which fields are used goes by `kind`."""

    kind: str
    at: int
    step: str = ""
    digest: str = ""
    status: str = ""
    note: str = ""
    number: str = ""  # of a case, entry or plan
    case: Case | None = None
    by: str = ""
    reason: str = ""
    evidence: str = ""
    item: str = ""
    code: str = ""
    amount: int = 0
    of: str = ""  # the entry that is taken back, or the case an entry is for
    files: dict[str, str] = {}  # name and SHA-256 of what was received
    rows: tuple[tuple[str, int], ...] = ()  # of an exercise plan: contract, contracts


OPEN, EXPLAINED, CLEARED = "open", "explained", "cleared"
PROPOSED, ACTIVE, REVERSED, WITHDRAWN = "proposed", "active", "reversed", "withdrawn"


class CaseState(msgspec.Struct):
    """A case as it stands; `history` are (at, status, note, by)."""

    number: str
    case: Case
    status: str
    history: list[tuple[int, str, str, str]]
    explaining: tuple[str, str, str] | None = None  # reason, evidence, by: waits for a second


class Entry(msgspec.Struct):
    """An adjusting entry as it stands. `amount` is added to our own figure while it is ACTIVE;
    `of` is the case it is for, or the entry it takes back; `day` the day it was made on.
    """

    number: str
    day: Day
    item: Item
    code: str
    amount: int
    reason: str
    evidence: str
    by: str
    at: int
    of: str = ""
    seconded_by: str = ""
    seconded_at: int = 0
    status: str = PROPOSED


class StepState(msgspec.Struct):
    """A step as it stands."""

    status: Status = Status.TODO
    digest: str = ""
    note: str = ""
    signed_by: str = ""
    signed_at: int = 0


class PlanState(msgspec.Struct):
    """An exercise plan: contracts to exercise, who asked and who agreed."""

    number: str
    digest: str
    rows: tuple[tuple[str, int], ...]
    by: str
    at: int
    seconded_by: str = ""
    seconded_at: int = 0


class Record(msgspec.Struct):
    """What the events of a day fold to."""

    day: Day
    steps: dict[str, StepState]
    cases: dict[str, CaseState]  # by key
    entries: dict[str, Entry]
    files: dict[str, str]
    plans: dict[str, PlanState]

    def case_of(self, number: str) -> CaseState:
        """The case of a number. ValueError for none."""
        for one in self.cases.values():
            if one.number == number:
                return one
        raise ValueError(f"no case {number!r} on {self.day}")

    def open_cases(self, step: str = "") -> list[CaseState]:
        """Cases that are neither explained nor gone, of a step or of all."""
        return [
            one for one in self.cases.values() if one.status == OPEN and step in ("", one.case.step)
        ]

    def active(self) -> list[Entry]:
        """Entries that count, in order."""
        return [one for one in self.entries.values() if one.status == ACTIVE]

    def adjusted(self, item: Item, code: str = "") -> int:
        """What the day's entries that count add to a figure of ours; those of days before are in
        the opening already.
        """
        return sum(
            one.amount
            for one in self.active()
            if (one.day, one.item, one.code) == (self.day, item, code)
        )


def blank(day: Day, carried: Iterable[Entry] = ()) -> Record:
    """An empty record."""
    return Record(day, {}, {}, {one.number: one for one in carried}, {}, {})


def fold(record: Record, event: Event) -> None:
    """Apply one event. ValueError for one that does not fit what stands."""
    handler = _HANDLERS.get(event.kind)
    if handler is None:
        raise ValueError(f"{event.kind!r} is no event of a settlement")
    handler(record, event)


def _opened(record: Record, event: Event) -> None:
    if record.steps:
        raise ValueError("the settlement is open already")


def _received(record: Record, event: Event) -> None:
    record.files.update(event.files)


def _ran(record: Record, event: Event) -> None:
    step = record.steps.setdefault(event.step, StepState())
    step.status, step.digest, step.note = Status(event.status), event.digest, event.note
    step.signed_by, step.signed_at = "", 0


def _case(record: Record, event: Event) -> None:
    """A case is found, or found again with other figures, which opens it again."""
    assert event.case is not None
    known = record.cases.get(event.case.key)
    if known is None:
        known = CaseState(event.number, event.case, OPEN, [])
        record.cases[event.case.key] = known
    known.case, known.status, known.explaining = event.case, OPEN, None
    known.history.append((event.at, OPEN, event.note, ""))


def _cleared(record: Record, event: Event) -> None:
    known = record.case_of(event.number)
    known.status = CLEARED
    known.history.append((event.at, CLEARED, event.note, ""))


def _explain(record: Record, event: Event) -> None:
    known = record.case_of(event.number)
    if known.status != OPEN:
        raise ValueError(f"case {event.number} is {known.status}")
    known.explaining = (event.reason, event.evidence, event.by)
    known.history.append((event.at, "explaining", event.reason, event.by))


def _explained(record: Record, event: Event) -> None:
    known = record.case_of(event.number)
    if known.explaining is None:
        raise ValueError(f"case {event.number}: nobody has explained it")
    if known.explaining[2] == event.by:
        raise ValueError(f"{event.by} cannot second an explanation of their own")
    known.status = EXPLAINED
    known.history.append((event.at, EXPLAINED, known.explaining[0], event.by))


def _entry(record: Record, event: Event) -> None:
    if event.number in record.entries:
        raise ValueError(f"entry {event.number} exists")
    if not event.reason.strip() or not event.evidence.strip():
        raise ValueError("an adjusting entry needs a reason and evidence")
    if not event.amount:
        raise ValueError("an adjusting entry of 0 changes nothing")
    item = Item(event.item)
    if (item in POSITIONS) != bool(event.code):
        raise ValueError(f"{item}: a position has a contract, money has none")
    if event.of in record.entries:
        _reversible(record, event)
    record.entries[event.number] = Entry(
        event.number, record.day, item, event.code, event.amount, event.reason, event.evidence,
        event.by, event.at, event.of,
    )  # fmt: skip


def _reversible(record: Record, event: Event) -> None:
    first = record.entries[event.of]
    if first.status != ACTIVE:
        raise ValueError(f"entry {event.of} is {first.status}: only one that counts is taken back")
    if (first.item, first.code, -first.amount) != (event.item, event.code, event.amount):
        raise ValueError(f"entry {event.number} does not undo {event.of}")


def _seconded(record: Record, event: Event) -> None:
    entry = _entry_of(record, event.number)
    if entry.status != PROPOSED:
        raise ValueError(f"entry {event.number} is {entry.status}")
    if entry.by == event.by:
        raise ValueError(f"{event.by} cannot second an entry of their own")
    entry.status, entry.seconded_by, entry.seconded_at = ACTIVE, event.by, event.at
    if entry.of in record.entries:
        # Both stand for ever; together they are nothing.
        record.entries[entry.of].status = entry.status = REVERSED


def _withdrawn(record: Record, event: Event) -> None:
    entry = _entry_of(record, event.number)
    if entry.status != PROPOSED or entry.by != event.by:
        raise ValueError(f"entry {event.number} is not a proposal of {event.by}")
    entry.status = WITHDRAWN


def _entry_of(record: Record, number: str) -> Entry:
    entry = record.entries.get(number)
    if entry is None:
        raise ValueError(f"no entry {number!r} on {record.day}")
    return entry


def _signed(record: Record, event: Event) -> None:
    step = record.steps.get(event.step, StepState())
    if step.status not in (Status.RAN, Status.DIFFERENCES):
        raise ValueError(f"step {event.step} is {step.status}: nothing to sign")
    if record.open_cases(event.step):
        numbers = ", ".join(one.number for one in record.open_cases(event.step))
        raise ValueError(f"step {event.step} has open cases: {numbers}")
    if step.digest != event.digest:
        raise ValueError(f"step {event.step} has run again since it was read")
    step.status, step.signed_by, step.signed_at = Status.SIGNED, event.by, event.at


def _planned(record: Record, event: Event) -> None:
    if event.number in record.plans:
        raise ValueError(f"plan {event.number} exists")
    record.plans[event.number] = PlanState(
        event.number, event.digest, event.rows, event.by, event.at
    )


def _plan_seconded(record: Record, event: Event) -> None:
    plan = record.plans.get(event.number)
    if plan is None or plan.seconded_by:
        raise ValueError(f"no exercise plan {event.number!r} waits for a second person")
    if plan.by == event.by:
        raise ValueError(f"{event.by} cannot second a plan of their own")
    plan.seconded_by, plan.seconded_at = event.by, event.at


_HANDLERS = {
    "open": _opened,
    "received": _received,
    "ran": _ran,
    "case": _case,
    "cleared": _cleared,
    "explain": _explain,
    "explained": _explained,
    "entry": _entry,
    "seconded": _seconded,
    "withdrawn": _withdrawn,
    "signed": _signed,
    "planned": _planned,
    "plan_seconded": _plan_seconded,
}
"""What each kind of event does."""
