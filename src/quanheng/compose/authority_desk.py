"""The authority on a folder: people propose, second and withdraw, commands come out.

The machine lives in `FOLDER/journal/authority`, brought back from its journal at each call. What
it issues is appended to `FOLDER/issued.jsonl`, one line per proposal, with the exact body for
the target: at least once from the machine, once in the file, by proposal number.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.authority import Authority, AuthorityState, Proposal
from quanheng.authority.messages import (
    AuthorityInput,
    AuthorityOpen,
    Closed,
    Delivered,
    Issue,
    Pending,
    Propose,
    Recorded,
    Refusal,
    Refused,
    Reissue,
    Second,
    Withdraw,
)
from quanheng.authority.policy import POSTS, Status, rule_of
from quanheng.compose.firm_restraint import untold
from quanheng.compose.people import opening, read_people
from quanheng.compose.reference import ReferenceDataError, read_master
from quanheng.compose.run_folder import read_info
from quanheng.compose.wall import clock as clock
from quanheng.config import ConfigError
from quanheng.edge.growing import grow, whole_lines
from quanheng.edge.issued import ISSUED
from quanheng.maker import layers
from quanheng.maker.parameters import INDEX, TABLE
from quanheng.rulebook.schema import ticks
from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.runtime.journal import JournalError
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.restore import RecoveryError, complete_tail, recover
from quanheng.runtime.segment import SegmentJournal
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.codes import ExemptReason, TradingState
from quanheng.terms.commands import (
    AnswerInquiry,
    Command,
    Pull,
    RecordExemption,
    SetParameter,
    SetState,
    SignOn,
)
from quanheng.terms.days import clock_text, day_of, from_clock, iso, midnight
from quanheng.terms.units import Day, Nanos

TARGET = "maker"
SNAPSHOT_AFTER = 512
"""Inputs rolled forward at a call before a snapshot shortens the next one."""
SETTABLE = ("HALTED", "CANCEL_ONLY", "REDUCING", "OPEN")
"""States that people set; DOWN and SYNCING are the order line's own."""
ALL = "all"
"""Another spelling of the scope *, which shells like to expand."""


class DeskError(Exception):
    """A folder whose authority cannot be used; the message names it and the reason."""


class RequestError(Exception):
    """A request that makes no sense, found before the machine hears it."""


class Answer(msgspec.Struct, kw_only=True):
    """What came of one call. `status`: pending, issued, refused, withdrawn, expired or recorded."""

    ok: bool
    proposal: int
    status: str
    code: str = ""  # why it was refused
    act: str = ""
    posts: tuple[str, ...] = ()  # who may second it
    until: str = ""  # when a pending proposal expires
    issued: list[dict[str, Any]] = []  # lines that were added to issued.jsonl now
    expired: list[int] = []  # proposals that expired before this call
    recorded: str = ""


class AuthorityDesk:
    """One call's hold on a folder's authority; use it as a context."""

    def __init__(self, folder: Path, people: Path | None = None, begin: bool = False) -> None:
        """Bring the machine back, or with `begin` open a new one with the people of a file.

        DeskError for a folder that cannot be used, ConfigError for a bad file of people.
        """
        self.folder = folder
        self.now = clock()
        self.issued: list[dict[str, Any]] = []
        self.expired: list[int] = []
        self._said: list[Pending | Closed | Refused] = []
        exists = (folder / "journal" / Authority.NAME).is_dir()
        if not exists and not begin:
            raise DeskError(f"{folder}: no authority has been opened here; propose something first")
        opened = opening(read_people(people), day_at(folder, self.now)) if begin else None
        self._lines = _delivered_numbers(folder / ISSUED)
        try:
            self._journal = SegmentJournal(folder, Authority.NAME)
        except (OSError, JournalError) as error:
            raise DeskError(f"{folder}: {error}") from error
        try:
            self._host = self._resume()
            self._begin(opened, people)
            self._catch_up()
            for told in list(untold(folder, TARGET, self.state)):
                self._take(told)
        except (RecoveryError, JournalError) as error:
            self.close()
            raise DeskError(f"{folder}: {error}") from error
        except BaseException:
            self.close()
            raise

    def _begin(self, opened: AuthorityOpen | None, people: Path | None) -> None:
        """Open a new authority; one that is open keeps the people it was opened with."""
        if self.state.day == 0:
            if opened is None:
                raise DeskError(f"{self.folder}: the authority here was never opened")
            self._take(opened)
        elif people is not None and opened is not None:
            listed = {row.person: list(row.posts) for row in opened.people}
            if listed != self.state.posts:
                raise ConfigError(f"{people}: {self.folder} was opened with other people or posts")

    def __enter__(self) -> "AuthorityDesk":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Sync the journal and let the folder go."""
        self._journal.close()

    @property
    def state(self) -> AuthorityState:
        """The machine's state, to read only."""
        state: AuthorityState = self._host.machine.state  # type: ignore[attr-defined]
        return state

    @property
    def day(self) -> Day:
        """The day the authority was opened for."""
        return self.state.day

    def scope(self, text: str, expiry: bool = False) -> str:
        """A scope from its text. RequestError for one that no chain has, or this run's has not.

        With `expiry` it may be an expiry like 510050-2407 or a delta bucket like 510050-2407-d25.
        """
        if text in ("*", ALL):
            return "*"
        where = layers.parse(text)
        if where is None or (where.layer in (layers.EXPIRY, layers.BUCKET) and not expiry):
            kinds = "an underlying, an expiry, a delta bucket" if expiry else "an underlying"
            raise RequestError(f"scope {text!r} is not *, {kinds} or a contract code")
        for path in sorted((self.folder / "files").glob("*/reff03*.txt")):
            try:
                chain = read_master(str(path), path.read_bytes(), self.day)
            except (OSError, ReferenceDataError) as error:
                raise DeskError(f"{self.folder}: {error}") from error
            if not layers.base(chain, where):
                raise RequestError(f"scope {text} is not in the contract master {path.name}")
        return text

    def propose(self, command: Command, by: str, number: int = 0) -> Answer:
        """Propose under a number (0: the next free one); repeating a number is harmless."""
        number = number or max(self.state.proposals, default=0) + 1
        self._take(Propose(number, TARGET, command, by))
        return self._answer(number)

    def second(self, number: int, by: str) -> Answer:
        """A second person agrees to a proposal."""
        self._take(Second(number, by))
        return self._answer(number)

    def withdraw(self, number: int, by: str) -> Answer:
        """The proposer takes a proposal back."""
        self._take(Withdraw(number, by))
        return self._answer(number)

    def record(self, command: SetState) -> Answer:
        """Tell the authority of a state that was lowered around it (kill, the maker's own trip).

        RequestError when it would not lower: raising goes through a proposal.
        """
        if command.by not in self.state.posts:
            return Answer(ok=False, proposal=0, status="refused", code=Refusal.UNKNOWN_PERSON)
        now = self._in_force(command.scope)
        if command.state > now:
            raise RequestError(
                f"{command.scope} is {now.name}; only a lower state can be recorded afterwards"
            )
        self._take(Recorded(TARGET, command))
        told = f"{command.scope} {command.state.name}"
        return Answer(ok=True, proposal=0, status="recorded", recorded=told, expired=self.expired)

    def _in_force(self, scope: str) -> TradingState:
        return TradingState(self.state.states.get(f"{TARGET} {scope}", int(TradingState.OPEN)))

    def _resume(self) -> Host:
        snapshots = FolderSnapshots(self.folder, Authority.NAME, keep=3)
        recovered = recover(Authority, self._journal, snapshots)
        complete_tail(recovered, self._journal)
        release = Release(Policy.SYNCED)
        host = Host.resumed(recovered.core, self._journal, snapshots, release)
        if recovered.applied >= SNAPSHOT_AFTER:
            host.checkpoint()
        return host

    def _catch_up(self) -> None:
        """Expire what is over its time, and repeat what the last call may not have delivered."""
        while self._host.fire(self.now) is not None:
            self._let_out()
        self.expired = [said.proposal for said in self._said if isinstance(said, Closed)]
        self._said.clear()
        if any(row.status == Status.ISSUED for row in self.state.proposals.values()):
            self._take(Reissue(TARGET))
            self._said.clear()

    def _take(self, body: AuthorityInput) -> None:
        self._host.take(body, self.now, Source.DESK)
        self._let_out()

    def _let_out(self) -> None:
        """Effects leave once the journal is safe on disk; what is issued is written down."""
        for held in self._host.commit():
            for effect in held.effects:
                if isinstance(effect, Issue):
                    self._deliver(effect)
                elif isinstance(effect, Pending | Closed | Refused):
                    self._said.append(effect)

    def _deliver(self, issue: Issue) -> None:
        if issue.proposal not in self._lines:
            line = _line(issue, self.now)
            grow(self.folder / ISSUED, json.dumps(line, ensure_ascii=False).encode(), 0o644)
            self._lines.add(issue.proposal)
            self.issued.append(line)
        self._host.take(Delivered(issue.proposal), self.now, Source.DESK, issue.proposal)
        command = issue.command
        if isinstance(command, Pull) and self._in_force(command.scope) > TradingState.HALTED:
            # A pulled scope stays halted at the maker, so opening it again must be a raise.
            halted = SetState(command.scope, TradingState.HALTED, "pull", command.by)
            self._host.take(Recorded(TARGET, halted), self.now, Source.DESK, issue.proposal)

    def _answer(self, number: int) -> Answer:
        refused = [said for said in self._said if isinstance(said, Refused)]
        row = self.state.proposals.get(number)
        answer = Answer(
            ok=not refused,
            proposal=number,
            status="refused" if refused else _status(row),
            code=str(refused[0].code) if refused else "",
            issued=self.issued,
            expired=self.expired,
        )
        if row is not None and not refused:
            answer.act = str(row.act)
            if row.status == Status.PROPOSED:
                answer.posts = rule_of(row.act).seconders
                due = {timer: at for timer, at, _, _ in self._host.timers.rows()}
                answer.until = time_text(due[str(number)])
        return answer


def _status(row: Proposal | None) -> str:
    if row is None:
        return "unknown"
    shown = {Status.PROPOSED: "pending", Status.DELIVERED: "issued"}
    return shown.get(row.status, str(row.status))


def _line(issue: Issue, at: Nanos) -> dict[str, Any]:
    """A line of issued.jsonl: the body as JSON and as the bytes a journal holds."""
    return {
        "proposal": issue.proposal,
        "target": issue.target,
        "at": at,
        "by": issue.by,
        "seconded_by": issue.seconded_by,
        "body": json.loads(msgspec.json.encode(issue.command)),
        "msgpack": msgspec.msgpack.encode(issue.command).hex(),
    }


def _delivered_numbers(path: Path) -> set[int]:
    """Proposal numbers in the whole lines of issued.jsonl."""
    numbers: set[int] = set()
    for number, text in enumerate(whole_lines(path).splitlines(), 1):
        try:
            numbers.add(int(json.loads(text)["proposal"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DeskError(f"{path} line {number} is no issued command: {error!r}") from error
    return numbers


def time_text(at: Nanos) -> str:
    """Local day and time of an instant."""
    return f"{iso(day_of(at))} {clock_text(at)[:8]}"


def day_at(folder: Path, now: Nanos) -> Day:
    """The day of a run folder, otherwise today."""
    return read_info(folder).day if (folder / "run.json").exists() else day_of(now)


def state_command(scope: str, state: str, reason: str, by: str) -> SetState:
    """SetState from text. RequestError for a state that people do not set."""
    name = state.upper().replace("-", "_")
    if name not in SETTABLE:
        raise RequestError(f"state {state!r} is not one of {', '.join(SETTABLE)}")
    return SetState(scope, TradingState[name], reason, by)


def parameter_command(scope: str, name: str, value: int, by: str) -> SetParameter:
    """SetParameter. RequestError for a value outside the parameter's hard band."""
    if name in INDEX:  # the machine itself refuses names it does not know
        item = TABLE[INDEX[name]]
        if not item.low <= value <= item.high:
            band = f"{item.low} to {item.high} {item.unit}"
            raise RequestError(f"{name} ({item.meaning}) = {value} is outside {band}")
    return SetParameter(scope, name, value, by)


def exemption_command(
    scope: str, reason: str, since: str, until: str, by: str, day: Day
) -> RecordExemption:
    """RecordExemption from times of the day; an empty `until` lasts. RequestError says what is
    wrong.
    """
    reasons = [str(item) for item in ExemptReason]
    if reason not in reasons:
        raise RequestError(f"reason {reason!r} is not one of {', '.join(reasons)}")
    times = []
    for option, text in (("--since", since), ("--until", until)):
        try:
            times.append(midnight(day) + from_clock(text) if text else 0)
        except ValueError as error:
            raise RequestError(f"{option}: {error}") from error
    if not times[0]:
        raise RequestError("--since: an exemption begins at some time, HH:MM")
    if times[1] and times[1] <= times[0]:
        raise RequestError(f"--until {until} is not after --since {since}")
    return RecordExemption(scope, ExemptReason(reason), times[0], times[1], by, "")


def sign_on_command(post: str, person: str, on: bool, scope: str = "*") -> SignOn:
    """SignOn. RequestError for a post that does not exist, or a scope that nobody can sit in."""
    if post not in POSTS:
        raise RequestError(f"post {post!r} is not one of {', '.join(POSTS)}")
    if scope != "*" and (post != "trader" or len(scope) != 6):
        raise RequestError(f"--scope {scope}: only a trader signs on for an underlying")
    return SignOn(post, person, on, scope)


def answer_command(inquiry: str, bid: str, ask: str, qty: int, by: str) -> AnswerInquiry:
    """AnswerInquiry from prices in yuan. RequestError names a text that is no price."""
    prices = []
    for name, text in (("BID", bid), ("ASK", ask)):
        try:
            prices.append(ticks(text))
        except ValueError as error:
            raise RequestError(f"{name}: {error}") from error
    return AnswerInquiry(inquiry, prices[0], qty, prices[1], qty, by)
