"""What people do in a settlement: sign steps, explain cases, adjust, plan exercises (O-04).

Steps are signed by clearing, the last one by the second person; an explanation, an adjusting entry
and its taking back need both. An exercise plan needs whoever may exercise (`authority.policy`), and
both before 15:30 of the day.
"""

import hashlib
from pathlib import Path

import msgspec

from quanheng.authority.policy import Act, rule_of
from quanheng.compose.people import People
from quanheng.compose.run_folder import RunError
from quanheng.compose.settle_job import Job
from quanheng.compose.wall import clock
from quanheng.settlement.checks_expiry import plan_of
from quanheng.settlement.context import Context
from quanheng.settlement.exercise_plan import Plan
from quanheng.settlement.received import Theirs
from quanheng.settlement.record import POSITIONS, Event, Item, Status
from quanheng.settlement.steps import BY_NAME, LAST, STEPS
from quanheng.terms.days import clock_text, day_of, from_clock, midnight
from quanheng.terms.units import MONEY_PER_FEN, Nanos

DEADLINE = from_clock("15:30")
ALL = "all"


def _may(people: People, by: str, posts: tuple[str, ...]) -> None:
    """RunError when a person holds none of the posts."""
    if not any(one.person == by and set(one.posts) & set(posts) for one in people.people):
        raise RunError(f"{by} holds none of the posts {', '.join(posts)}")


def sign(job: Job, step: str, by: str, people: People) -> list[str]:
    """Sign a step, or with "all" every step before the last that can be signed; their names."""
    rule = rule_of(Act.SETTLEMENT)
    if step not in (ALL, *BY_NAME):
        raise RunError(f"{step!r} is no step; steps are {', '.join(BY_NAME)}")
    _may(people, by, rule.seconders if step == LAST else rule.proposers)
    record = job.ledger.record
    names = [step]
    if step == ALL:
        names = [
            one.name for one in STEPS[:-1]
            if one.name in record.steps and record.steps[one.name].status == Status.RAN
        ]  # fmt: skip
    if step == LAST:
        unsigned = [
            one.name for one in STEPS[:-1]
            if one.name not in record.steps or record.steps[one.name].status != Status.SIGNED
        ]  # fmt: skip
        if unsigned:
            raise RunError(f"{LAST} is signed last: {', '.join(unsigned)} are not signed")
        if any(record.steps[one.name].signed_by == by for one in STEPS[:-1]):
            raise RunError(f"{by} signed a step before: the last one needs a second person")
    for name in names:
        digest = record.steps[name].digest if name in record.steps else ""
        job.ledger.add(Event(kind="signed", at=clock(), step=name, digest=digest, by=by))
    return names


def explain(job: Job, case: str, by: str, reason: str, evidence: str, people: People) -> None:
    """Say why a case may stand as it is; it counts once a second person agrees."""
    _may(people, by, rule_of(Act.SETTLEMENT).proposers)
    if not reason.strip() or not evidence.strip():
        raise RunError("an explanation needs --reason and --evidence")
    job.ledger.add(
        Event(kind="explain", at=clock(), number=case, by=by, reason=reason,
              evidence=sealed(evidence))
    )  # fmt: skip


def adjust(
    job: Job,
    item: str,
    code: str,
    amount: int,
    of: str,
    by: str,
    reason: str,
    evidence: str,
    people: People,
) -> str:
    """Propose an adjusting entry of our own figure; its number. `of` is the case it is for."""
    _may(people, by, rule_of(Act.SETTLEMENT).proposers)
    record = job.ledger.record
    if item not in list(Item):
        raise RunError(f"{item!r} cannot be adjusted; items are {', '.join(Item)}")
    known = {row.code for row in job.own.chain.contracts}
    if item in POSITIONS and code not in known:
        raise RunError(f"{code!r} is no contract of {job.day}")
    if of:
        try:
            record.case_of(of)
        except ValueError as error:
            raise RunError(str(error)) from error
    number = _number(job)
    job.ledger.add(
        Event(kind="entry", at=clock(), number=number, item=item, code=code, amount=amount, of=of,
              by=by, reason=reason, evidence=sealed(evidence) if evidence.strip() else "")
    )  # fmt: skip
    return number


def reverse(job: Job, number: str, by: str, reason: str, evidence: str, people: People) -> str:
    """Propose to take an entry of the day back by one that undoes it; its number."""
    _may(people, by, rule_of(Act.SETTLEMENT).proposers)
    first = job.ledger.record.entries.get(number)
    if first is None:
        raise RunError(f"no entry {number!r} on {job.day}")
    if first.day != job.day:
        raise RunError(f"{number} was made on {first.day}: what is carried is adjusted anew")
    undo = _number(job)
    job.ledger.add(
        Event(kind="entry", at=clock(), number=undo, item=first.item, code=first.code,
              amount=-first.amount, of=number, by=by, reason=reason,
              evidence=sealed(evidence) if evidence.strip() else "")
    )  # fmt: skip
    return undo


def _number(job: Job) -> str:
    mine = sum(one.day == job.day for one in job.ledger.record.entries.values())
    return f"TZ{job.day}-{mine + 1:02d}"


def second(job: Job, number: str, by: str, people: People, at: str = "") -> None:
    """Agree to an entry (TZ), an explanation of a case (AJ) or an exercise plan (XQ)."""
    if number.startswith("XQ"):
        _may(people, by, rule_of(Act.EXERCISE).seconders)
        job.ledger.add(Event(kind="plan_seconded", at=_in_time(job, at), number=number, by=by))
        return
    _may(people, by, rule_of(Act.SETTLEMENT).seconders)
    kind = "explained" if number.startswith("AJ") else "seconded"
    job.ledger.add(Event(kind=kind, at=clock(), number=number, by=by))


def withdraw(job: Job, number: str, by: str) -> None:
    """Take one's own proposed entry back."""
    job.ledger.add(Event(kind="withdrawn", at=clock(), number=number, by=by))


def sealed(evidence: str) -> str:
    """Evidence with the SHA-256 of the file it names, if it names one."""
    path = Path(evidence)
    if path.is_file():
        return f"{path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return evidence


def plan(job: Job) -> Plan:
    """The day's exercise plan by the rule, from our own positions, cash and view of the closes."""
    theirs = Theirs(job.day, {})
    given = Context(job.own, theirs, job.ledger.record, job.previous, job.next_day)
    return plan_of(given, _able(job))


def _able(job: Job) -> int:
    """Cash that calls may be exercised with: the maker's own balance at the close."""
    return max(0, job.own.book.cash)


def propose_plan(
    job: Job, by: str, changes: tuple[tuple[str, int], ...], people: People, at: str = ""
) -> str:
    """Put a plan forward, by the rule or with (contract, contracts) that differ; its number."""
    _may(people, by, rule_of(Act.EXERCISE).proposers)
    rows = dict(plan(job).rows)
    held = {code: qty for (code, side, _), qty in job.own.positions().items() if side == "L"}
    ending = {row.code for row in job.own.chain.contracts if row.exercise_day == job.day}
    if not ending:
        raise RunError(f"no contract is exercised on {job.day}")
    for code, qty in changes:
        if code not in ending or not 0 <= qty <= held.get(code, 0):
            raise RunError(
                f"{code}={qty}: it must expire today and be held, {held.get(code, 0)} are"
            )
        rows[code] = qty
    kept = tuple(sorted((code, qty) for code, qty in rows.items() if qty))
    number = f"XQ{job.day}-{len(job.ledger.record.plans) + 1:02d}"
    digest = hashlib.sha256(msgspec.json.encode(kept)).hexdigest()
    job.ledger.add(
        Event(kind="planned", at=_in_time(job, at), number=number, by=by, rows=kept, digest=digest)
    )
    return number


def _in_time(job: Job, at: str) -> Nanos:
    """The instant of an act on a plan; RunError after 15:30, when the exchange takes no more."""
    now = clock()
    if at:
        try:
            now = midnight(job.day) + from_clock(at)
        except ValueError as error:
            raise RunError(f"--at: {error}") from error
    elif day_of(now) != job.day:
        raise RunError(f"the run is of {job.day}: say when the plan was signed with --at HH:MM")
    if now > midnight(job.day) + DEADLINE:
        raise RunError(f"{clock_text(now)[:5]} is after 15:30: exercises are ordered before")
    return now


def yuan_amount(item: str, text: str) -> int:
    """An amount from the command line: contracts, or yuan with at most two decimals as Money."""
    if item in POSITIONS:
        try:
            return int(text)
        except ValueError as error:
            raise RunError(f"--amount {text!r} is no number of contracts") from error
    whole, _, part = text.lstrip("+-").partition(".")
    if not whole.isdigit() or (part and not (part.isdigit() and len(part) <= 2)):
        raise RunError(f"--amount {text!r} is no amount in yuan with two decimals")
    size = (int(whole) * 100 + int((part + "00")[:2])) * MONEY_PER_FEN
    return -size if text.startswith("-") else size
