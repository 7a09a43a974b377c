"""The day-end job of a run: runs the checklist from the closing files, writes what it found.

    RUN/settlement/record.jsonl      every step, case, entry and signature (settle_record.py)
                  received/          every version of every file, under its hash
                  previous.json      the closing state of the day before, if there is one
                  opening-DAY.json   the next day's opening
                  *.csv              checklist, cases, entries, what each step worked out

Killed and run again it ends in the same state: a step whose outcome is known writes nothing.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quanheng.compose.authority_desk import clock, time_text
from quanheng.compose.run_folder import RunError, read_info, write_whole
from quanheng.compose.settle_files import KEPT, Intake
from quanheng.compose.settle_own import read_own
from quanheng.compose.settle_record import Ledger
from quanheng.edge.isolation import record_refusal
from quanheng.rulebook.calendar import next_trading
from quanheng.settlement import closing
from quanheng.settlement.checks import CHECKS, closing_of, digest_of, is_final
from quanheng.settlement.closing import Closing, OpenCase
from quanheng.settlement.context import Context, Outcome, Table
from quanheng.settlement.received import NotReceivedError, Theirs
from quanheng.settlement.record import (
    ACTIVE,
    CLEARED,
    EXPLAINED,
    Case,
    Event,
    Status,
)
from quanheng.settlement.steps import BY_NAME, LAST, STEPS, Step

FOLDER = "settlement"
PREVIOUS = "previous.json"
CASE_HEADS = (
    "number", "status", "step", "kind", "what", "ours", "theirs", "file", "row", "item", "code",
    "amount", "words", "reason", "evidence", "by", "seconded_by",
)  # fmt: skip
ENTRY_HEADS = (
    "number", "day", "status", "item", "code", "amount", "reason", "evidence", "by", "at",
    "seconded_by", "seconded_at", "of",
)  # fmt: skip
STEP_HEADS = ("step", "words_zh", "words_en", "status", "open_cases", "note", "signed_by",
              "signed_at", "digest")  # fmt: skip


class Job:
    """A day's settlement, held while one call works on it."""

    def __init__(
        self, run: Path, received: Path | None = None, previous: Path | None = None
    ) -> None:
        """Read our own account, the record and the files. RunError says what cannot be used."""
        self.run_folder, self.info = run, read_info(run)
        self.folder = run / FOLDER
        self.day = self.info.day
        self.own = read_own(run)
        self.previous = self._previous(previous)
        carried = self.previous.entries if self.previous else ()
        self.ledger = Ledger(self.folder, self.day, carried)
        self.next_day = next_trading(self.own.rulebook.calendar, self.day)
        self.received = received or run / "files" / str(self.day)
        self.outcomes: dict[str, Outcome] = {}
        self.closing: Closing | None = None
        self.context: Context | None = None

    def _previous(self, given: Path | None) -> Closing | None:
        """The day before: told once, kept beside the record from then on."""
        place = self.folder / PREVIOUS
        if given is not None:
            found = _closing_in(given, self.day)
            data = closing.encode(found)
            if place.exists() and place.read_bytes() != data:
                raise RunError(f"{place}: this settlement was begun with another day before")
            if not place.exists() and (self.folder / "record.jsonl").exists():
                raise RunError(f"{self.folder}: was begun without a day before; it stays so")
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(place, data)
            return found
        if not place.exists():
            return None
        try:
            return closing.decode(place.read_bytes(), str(place))
        except ValueError as error:
            raise RunError(str(error)) from error

    def run(self) -> None:
        """Run every step that can run, and write what came of it."""
        ledger = self.ledger
        if not ledger.events:
            ledger.add(Event(kind="open", at=clock(), note=self.info.digest))
        intake = Intake(self.received, self.day, self.own)
        intake.keep(self.folder / KEPT)
        fresh = {
            name: digest
            for name, digest in intake.hashes.items()
            if ledger.record.files.get(name) != digest
        }
        if fresh:
            ledger.add(Event(kind="received", at=clock(), files=fresh))
        for case in intake.cases.values():
            if case.kind == "foreign":
                why = f"{case.what} {case.theirs}，应为 ours is {case.ours}"
                record_refusal(self.run_folder, f"settle {case.file}", why)
        theirs = Theirs(self.day, intake.usable)
        self.context = Context(self.own, theirs, ledger.record, self.previous, self.next_day)
        found = tuple(intake.cases[key] for key in sorted(intake.cases))
        self._took(BY_NAME["receive"], Outcome(found, {"files": len(intake.hashes)}))
        for step in STEPS[1:-1]:
            self._step(step, intake)
        self._close(intake)
        self.write()

    def _step(self, step: Step, intake: Intake) -> None:
        assert self.context is not None
        missing = [kind for kind in step.files if kind not in intake.usable]
        if missing:
            self._waits(step, missing)
            return
        try:
            outcome = CHECKS[step.name](self.context)
        except NotReceivedError as error:
            self._waits(step, [str(error)])
            return
        except ValueError as error:
            case = Case(
                key=f"{step.name}/failed", step=step.name, kind="failed", what=step.zh,
                ours="可核对 can be checked", theirs=str(error), words="无法核对 cannot be checked",
            )  # fmt: skip
            outcome = Outcome((case,))
        self._took(step, outcome)

    def _waits(self, step: Step, missing: list[str]) -> None:
        """A step whose files are not there, or not usable, has not run."""
        note = f"待文件 waits for {', '.join(missing)}"
        known = self.ledger.record.steps.get(step.name)
        if known is None or (known.status, known.note) != (Status.TODO, note):
            self.ledger.add(
                Event(kind="ran", at=clock(), step=step.name, status=Status.TODO, note=note)
            )

    def _took(self, step: Step, outcome: Outcome) -> None:
        """Enter a step's outcome: new and changed cases, those that are gone, where it stands."""
        ledger, record = self.ledger, self.ledger.record
        self.outcomes[step.name] = outcome
        for case in outcome.cases:
            known = record.cases.get(case.key)
            if known is None or known.status == CLEARED or known.case != case:
                number = known.number if known else f"AJ{self.day}-{len(record.cases) + 1:02d}"
                ledger.add(Event(kind="case", at=clock(), number=number, case=case))
        now = {case.key for case in outcome.cases}
        for key, one in list(record.cases.items()):
            if one.case.step == step.name and one.status != CLEARED and key not in now:
                note = self._why_gone(one.number)
                ledger.add(Event(kind="cleared", at=clock(), number=one.number, note=note))
        opened = record.open_cases(step.name)
        status = Status.DIFFERENCES if opened else Status.RAN
        digest = digest_of(outcome)
        state = record.steps.get(step.name)
        same = state is not None and state.digest == digest
        stands = state is not None and state.status in (status, Status.SIGNED)
        if not (same and stands and not (opened and state and state.status == Status.SIGNED)):
            ledger.add(Event(kind="ran", at=clock(), step=step.name, status=status, digest=digest))

    def _why_gone(self, number: str) -> str:
        entries = [
            entry.number for entry in self.ledger.record.entries.values()
            if entry.of == number and entry.status == ACTIVE
        ]  # fmt: skip
        if entries:
            return f"分录 entry {', '.join(entries)}"
        return "重新核对后一致 agrees when checked again"

    def _close(self, intake: Intake) -> None:
        """The last step waits for all before it; its state is final once they are signed."""
        assert self.context is not None
        step, record = BY_NAME[LAST], self.ledger.record
        left = [
            one.name for one in STEPS[:-1]
            if record.steps[one.name].status == Status.TODO
        ]  # fmt: skip
        left += [kind for kind in step.files if kind not in intake.usable]
        if left:
            self.closing = None
            self._waits(step, left)
            return
        opened = [
            OpenCase(self.day, one.number, one.case.what, one.case.ours, one.case.theirs)
            for one in record.open_cases()
        ]
        before = self.previous.cases if self.previous else ()
        self.closing = closing_of(self.context, self.run_folder.name, (*before, *opened))
        facts = {
            "final": "是 yes" if self.closing.final else "否，暂定 no, provisional",
            "positions": len(self.closing.positions),
            "opening": msgspec.json.encode(self.closing, order="sorted").decode(),
        }
        self._took(step, Outcome((), facts))

    def write(self) -> None:
        """Every table, each written whole; a kill leaves the old or the new one."""
        for name, table in self.tables():
            self._put(f"{name}.csv", csv_bytes(table))
        if self.closing is not None:
            self._put(f"opening-{self.closing.day}.json", closing.encode(self.closing))

    def _put(self, name: str, data: bytes) -> None:
        """Write a file unless it says so already."""
        path = self.folder / name
        if not path.exists() or path.read_bytes() != data:
            write_whole(path, data)

    def tables(self) -> Iterator[tuple[str, Table]]:
        """(name, table) of everything that is written."""
        yield "checklist", self.checklist()
        yield "cases", self.cases()
        yield "entries", self.entries()
        for step, outcome in self.outcomes.items():
            if step != LAST:
                rows = tuple((name, value) for name, value in outcome.facts.items())
                yield f"{step}-facts", Table(("fact", "value"), rows)
            for name, table in outcome.tables.items():
                yield f"{step}-{name}" if name != step else step, table

    def checklist(self) -> Table:
        """Every step as it stands."""
        record = self.ledger.record
        rows = []
        for step in STEPS:
            state = record.steps.get(step.name)
            if state is None:
                rows.append((step.name, step.zh, step.en, str(Status.TODO), 0, "", "", "", ""))
                continue
            at = time_text(state.signed_at) if state.signed_at else ""
            rows.append(
                (step.name, step.zh, step.en, str(state.status),
                 len(record.open_cases(step.name)), state.note, state.signed_by, at,
                 state.digest[:16])
            )  # fmt: skip
        return Table(STEP_HEADS, tuple(rows))

    def cases(self) -> Table:
        """Every case as it stands, gone ones too."""
        rows = []
        for one in self.ledger.record.cases.values():
            case = one.case
            reason, evidence, by = one.explaining or ("", "", "")
            second = one.history[-1][3] if one.status == EXPLAINED else ""
            if one.status == CLEARED:
                reason = one.history[-1][2]
            rows.append(
                (one.number, one.status, case.step, case.kind, case.what, case.ours, case.theirs,
                 case.file, case.row, case.item, case.code, case.amount, case.words, reason,
                 evidence, by, second)
            )  # fmt: skip
        return Table(CASE_HEADS, tuple(rows))

    def entries(self) -> Table:
        """Every entry as it stands, those of days before too."""
        rows = []
        for one in self.ledger.record.entries.values():
            second = time_text(one.seconded_at) if one.seconded_at else ""
            rows.append(
                (one.number, one.day, one.status, str(one.item), one.code, one.amount, one.reason,
                 one.evidence, one.by, time_text(one.at), one.seconded_by, second, one.of)
            )  # fmt: skip
        return Table(ENTRY_HEADS, tuple(rows))

    @property
    def clean(self) -> bool:
        """Did every step run without an open case?"""
        record = self.ledger.record
        ran = all(
            step.name in record.steps and record.steps[step.name].status != Status.TODO
            for step in STEPS
        )
        return ran and not record.open_cases()

    @property
    def final(self) -> bool:
        """Was every step signed, the last one too?"""
        last = self.ledger.record.steps.get(LAST)
        signed = last is not None and last.status == Status.SIGNED
        return signed and is_final(self.ledger.record)


def csv_bytes(table: Table) -> bytes:
    """A table as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.heads)
    writer.writerows(table.rows)
    return stream.getvalue().encode()


def _closing_in(place: Path, day: int) -> Closing:
    """The closing state in a file, or in the settlement of a run folder. RunError says why not."""
    path = place if place.is_file() else place / FOLDER / f"opening-{day}.json"
    try:
        found = closing.decode(path.read_bytes(), str(path))
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; settle the day before first") from error
    except ValueError as error:
        raise RunError(str(error)) from error
    if found.day != day:
        raise RunError(f"{path}: opens {found.day}, not {day}")
    return found
