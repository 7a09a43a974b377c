"""Registers that only grow: a record, its approval by another person, its reversal with a reason.

Nothing is corrected in place: a wrong record is reversed and written anew. Every row stands in the
audit chain as well, and `audit.verify` holds the two against each other.
"""

from typing import Any

import msgspec
import sqlalchemy as sa

from quanheng.desk.people import audit
from quanheng.desk.people.access import Session
from quanheng.desk.people.crossings import WallCrossing
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.register_types import (
    KINDS,
    Decision,
    Filing,
    FilingStep,
    Letter,
    Trigger,
    triggers,
)
from quanheng.desk.people.rules import VIEWS
from quanheng.desk.people.schema import PERSON, REGISTER
from quanheng.desk.people.store import Store, next_number
from quanheng.rulebook.calendar import Calendar, is_trading, next_trading, previous_trading
from quanheng.terms.days import add_days, day_number, day_of, month_length
from quanheng.terms.units import Day, Nanos

RECORD, APPROVE, REVERSE = "record", "approve", "reverse"
TASK_POSTS = ("head", "contact")
"""Posts whose change is to be told to the exchange at once (chapter 2, 2(5))."""
_LAST = ("effective", "closed", "refused")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A record with what became of it. `state`: waiting, in_force or reversed."""

    number: int
    register: str
    at: Nanos
    by: str
    body: Any
    state: str
    approved_by: str = ""
    reason: str = ""  # why it was reversed


def add(store: Store, actor: Session, register: str, values: dict[str, Any]) -> int:
    """Enter a record; returns its number. StoreError for values that are no such record."""
    actor.require("register.add")
    body = _record(register, values)
    with store.writing() as connection:
        _check(connection, body)
        now = store.clock()
        number = insert(connection, now, actor.user, register, RECORD, 0, body)
        if isinstance(body, Decision) and body.subject == "capital":
            open_task(connection, now, actor.user, "capital", f"decision {number}")
        elif isinstance(body, Letter) and body.due:
            task = Filing(trigger="letter", subject=body.reference, base=body.due)
            insert(connection, now, actor.user, "filing", RECORD, 0, task)
    return number


def approve(store: Store, actor: Session, number: int) -> None:
    """Approve another person's record. NotAllowedError says which rule forbids it."""
    actor.require("register.approve")
    with store.writing() as connection:
        entry = _entry(connection, number)
        posts = KINDS[entry.register].approvers
        if not posts or entry.state != "waiting":
            raise NotAllowedError(f"register {number}: nothing to approve, it is {entry.state}")
        if not actor.roles & set(posts):
            raise NotAllowedError(f"{actor.user}: 须由 {', '.join(posts)} 审批 (post to approve)")
        if actor.user in _concerned(entry):
            raise NotAllowedError(f"{actor.user}: 不得审批本人提出或涉及本人的事项 (O-03, O-04)")
        insert(connection, store.clock(), actor.user, entry.register, APPROVE, number, None)


def reverse(store: Store, actor: Session, number: int, reason: str) -> None:
    """Reverse a record, with a reason. One that was approved takes a right to approve, and another
    person than who entered, proposed or is the subject of it: two brought it into force (O-04).
    """
    actor.require("register.add")
    if not reason.strip():
        raise StoreError("a reversal needs a reason")
    with store.writing() as connection:
        entry = _entry(connection, number)
        if entry.state == "reversed":
            raise NotAllowedError(f"register {number}: is reversed already")
        if entry.approved_by:
            actor.require("register.approve")
            if actor.user in _concerned(entry):
                raise NotAllowedError(
                    f"{actor.user}: 已审批的记录须由他人冲销 (another person reverses it; O-04)"
                )
        body = {"reason": reason}
        insert(connection, store.clock(), actor.user, entry.register, REVERSE, number, body)


def entries(store: Store, register: str) -> list[Entry]:
    """Every record of a register with its state, in order."""
    if register not in KINDS:
        raise StoreError(f"register {register!r} is not one of {', '.join(KINDS)}")
    with store.reading() as connection:
        return read(connection, register)


def in_force(store: Store, register: str) -> list[Entry]:
    """Records that hold: approved where that is needed, not reversed."""
    return [one for one in entries(store, register) if one.state == "in_force"]


def read(connection: sa.Connection, register: str) -> list[Entry]:
    """The same inside a transaction."""
    kind = KINDS[register]
    query = sa.select(REGISTER).where(REGISTER.c.register == register).order_by(REGISTER.c.number)
    found: dict[int, Entry] = {}
    for row in connection.execute(query).mappings():
        if row["step"] == RECORD:
            body = msgspec.json.decode(row["body"], type=kind.record)
            state = "waiting" if kind.approvers else "in_force"
            found[row["number"]] = Entry(
                number=row["number"], register=register, at=row["at"], by=row["by"], body=body,
                state=state,
            )  # fmt: skip
            continue
        old = found[row["refers"]]
        if row["step"] == APPROVE:
            change = {"state": "in_force", "approved_by": row["by"]}
        else:
            change = {"state": "reversed", "reason": msgspec.json.decode(row["body"])["reason"]}
        found[row["refers"]] = msgspec.structs.replace(old, **change)
    return list(found.values())


def insert(
    connection: sa.Connection, now: Nanos, who: str, register: str, step: str, refers: int,
    body: Any,
) -> int:  # fmt: skip
    """Add a row to a register and to the trail."""
    row: dict[str, Any] = {
        "number": next_number(connection, REGISTER), "register": register, "step": step,
        "refers": refers, "at": now, "by": who, "body": msgspec.json.encode(body).decode(),
    }  # fmt: skip
    subject = str(refers or row["number"])
    row["audit"] = audit.append(
        connection, now, who, "", f"register.{register}.{step}", subject, None, audit.told(row)
    )
    connection.execute(sa.insert(REGISTER).values(row))
    return int(row["number"])


def open_task(connection: sa.Connection, now: Nanos, who: str, trigger: str, subject: str) -> int:
    """A change opens the filing it calls for by itself (L-12)."""
    task = Filing(trigger=trigger, subject=subject, base=day_of(now))
    return insert(connection, now, who, "filing", RECORD, 0, task)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A filing on the calendar. `left`: trading days to the due day, below 0 when it has passed.

    `blocked`: what is filed may not take effect before the exchange's confirmation (L-05).
    """

    number: int
    trigger: Trigger
    subject: str
    base: Day
    due: Day
    left: int
    state: str  # open, or the last step
    blocked: bool
    remind: bool


STRESS = "stress"
REMIND = 5
"""Trading days before the due day from which on a filing is reminded of."""


def calendar(store: Store, cal: Calendar, today: Day) -> list[Due]:
    """Every filing that is not over, by its due day (L-05, L-12)."""
    steps: dict[int, list[str]] = {}
    for one in in_force(store, "filing_step"):
        steps.setdefault(one.body.filing, []).append(one.body.step)
    found = []
    for entry in in_force(store, "filing"):
        done = steps.get(entry.number, [])
        if any(step in _LAST for step in done):
            continue
        trigger = triggers()[entry.body.trigger]
        due = due_day(cal, trigger, entry.body.base)
        left = _left(cal, today, due)
        asleep = "sent" in done and trigger.whose == "us"
        found.append(
            Due(
                number=entry.number, trigger=trigger, subject=entry.body.subject,
                base=entry.body.base, due=due, left=left, state=done[-1] if done else "open",
                blocked=trigger.confirm and "confirmed" not in done,
                remind=left <= REMIND and not asleep,
            )
        )  # fmt: skip
    found += _quarterly(store, cal, today)
    return sorted(found, key=lambda one: (one.due, one.number))


def _quarterly(store: Store, cal: Calendar, today: Day) -> list[Due]:
    """The stress report of the quarter that has ended, while nobody has opened its filing.

    Due of whoever had an agreement in force on its last day (chapter 9, 1(2)); number 0.
    """
    base = quarter_end(today)
    signed = [
        one.body
        for one in in_force(store, "agreement")
        if one.body.form == "agreement" and one.body.since <= base
        and (not one.body.until or one.body.until > base)
    ]  # fmt: skip
    opened = [one.body for one in in_force(store, "filing") if one.body.trigger == STRESS]
    if not signed or any(one.base == base for one in opened):
        return []
    trigger = triggers()[STRESS]
    due = due_day(cal, trigger, base)
    left = _left(cal, today, due)
    quarter = f"{base // 10_000}Q{base // 100 % 100 // 3}"
    return [
        Due(number=0, trigger=trigger, subject=quarter, base=base, due=due, left=left,
            state="not opened", blocked=False, remind=left <= REMIND)
    ]  # fmt: skip


def quarter_end(today: Day) -> Day:
    """The last day of the quarter before a day's own."""
    year, month = today // 10_000, (today // 100 % 100 - 1) // 3 * 3
    year, month = (year, month) if month else (year - 1, 12)
    return year * 10_000 + month * 100 + month_length(year, month)


def due_day(cal: Calendar, trigger: Trigger, base: Day) -> Day:
    """The day a filing is due, or the exchange has to answer by, or re-application is open."""
    if trigger.years:
        day = base + trigger.years * 10_000
        if base % 10_000 == 229:
            day = add_days(base - 1 + trigger.years * 10_000, 1)
        return day if is_trading(cal, day) else next_trading(cal, day)
    if trigger.days < 0:
        return previous_trading(cal, base, -trigger.days)
    return next_trading(cal, base, trigger.days) if trigger.days else base


def _left(cal: Calendar, today: Day, due: Day) -> int:
    first, last = sorted((day_number(today), day_number(due)))
    start = min(today, due)
    count = sum(is_trading(cal, add_days(start, at)) for at in range(1, last - first + 1))
    return count if due >= today else -count


def _record(register: str, values: dict[str, Any]) -> Any:
    if register not in KINDS:
        raise StoreError(f"register {register!r} is not one of {', '.join(KINDS)}")
    try:
        return msgspec.convert(values, type=KINDS[register].record, strict=False)
    except msgspec.ValidationError as error:
        raise StoreError(f"register {register}: {error}") from error


def _check(connection: sa.Connection, body: Any) -> None:
    """What a struct's types do not say."""
    for name in ("day", "since", "until", "signed", "reported", "confirmed", "base", "due"):
        day = getattr(body, name, 0)
        try:
            if day:
                day_number(day)
        except ValueError as error:
            raise StoreError(f"{name}: {error}") from error
    if getattr(body, "until", 0) and body.until < body.since:
        raise StoreError(f"until {body.until} is before since {body.since}")
    persons = [getattr(body, name, "") for name in ("proposer", "person")]
    known = connection.execute(sa.select(PERSON.c.person)).scalars().all()
    unknown = [one for one in [*persons, *getattr(body, "persons", ())] if one and one not in known]
    if unknown and not isinstance(body, WallCrossing):
        raise StoreError(f"person {unknown[0]!r} is not in the store")
    if isinstance(body, WallCrossing):
        wrong = [name for name in body.views if name not in VIEWS]
        if wrong or unknown or not body.until:
            said = f"{wrong[0]!r} is no view" if wrong else "names no known person or no end"
            raise StoreError(f"wall: {said}")
    elif isinstance(body, Filing) and body.trigger not in triggers():
        raise StoreError(f"trigger {body.trigger!r} is not one of {', '.join(triggers())}")
    elif isinstance(body, FilingStep) and body.filing not in _numbers(connection, "filing"):
        raise StoreError(f"there is no filing {body.filing}")


def _numbers(connection: sa.Connection, register: str) -> list[int]:
    return [one.number for one in read(connection, register)]


def _entry(connection: sa.Connection, number: int) -> Entry:
    query = sa.select(REGISTER.c.register).where(REGISTER.c.number == number)
    register = connection.execute(query).scalar()
    found = [one for one in read(connection, register) if one.number == number] if register else []
    if not found:
        raise StoreError(f"register {number}: there is no such record")
    return found[0]


def _concerned(entry: Entry) -> tuple[str, ...]:
    """Who may not approve it: who entered, proposed, or is the subject of it."""
    return (entry.by, getattr(entry.body, "proposer", ""), getattr(entry.body, "person", ""))
