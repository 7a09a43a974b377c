"""What people and machines did on a day, read from the journals for the archive's tables (S-01).

The maker's journal says what was sent under whose duty, what was answered and filled, and which
commands arrived; the authority's who proposed and who seconded, refusals included.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from quanheng.authority.authority import Authority
from quanheng.authority.firm import FirmAuthority
from quanheng.authority.messages import Propose, Recorded, Second, Withdraw
from quanheng.edge.archive_files import ArchiveError
from quanheng.edge.archive_tables import Row
from quanheng.maker.maker import Maker
from quanheng.maker.messages import MakerOpen
from quanheng.oversight.messages import Answer, CloseCase, FollowUp, ReleaseDesk, Restrain
from quanheng.oversight.overseer import Overseer
from quanheng.runtime.envelope import TimerFired
from quanheng.runtime.journal import EFFECTS, INPUT, Frame
from quanheng.runtime.records import body_decoder
from quanheng.runtime.segment import read_segments
from quanheng.terms import commands as cmd
from quanheng.terms.contract import Chain
from quanheng.terms.etf import EtfAnswers, EtfDone, EtfFill, EtfSend
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import Reports, RequestRejected, Send, Stamp, Trade
from quanheng.terms.units import Day, Nanos

MARKET = tuple(kind.__struct_config__.tag for kind in (ChainTick, UnderlyingTicks, TimerFired))
"""Tags of inputs that no person and no order stands behind, skipped without decoding."""
OPENED = MakerOpen.__struct_config__.tag
FIRM = (Answer, FollowUp, CloseCase, Restrain, ReleaseDesk)
"""What people say to the firm's overseer."""
_FIRM_TAGS = tuple(kind.__struct_config__.tag for kind in FIRM)
_NOBODY = ("", "", "", "")


class _Tag(msgspec.Struct, array_like=True):
    tag: str


class _Heard(msgspec.Struct, array_like=True):
    seq: int
    at: Nanos
    source: int
    cause: int
    body: msgspec.Raw


class _Opened(msgspec.Struct, array_like=True):
    tag: str
    day: Day
    chain: Chain


_tag = msgspec.msgpack.Decoder(_Tag).decode
_heard = msgspec.msgpack.Decoder(_Heard).decode
_effects = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_opened = msgspec.msgpack.Decoder(_Opened).decode
_send = msgspec.msgpack.Decoder(Send | EtfSend).decode


class Sent(msgspec.Struct):
    """What is remembered of a request until its fills have come."""

    contract: str
    seq: int
    stamp: Stamp


class Rows:
    """The tables of one source; only what frames after `since` (by journal) said."""

    def __init__(self, since: dict[str, int]) -> None:
        self.since = since
        self.tables: dict[str, list[Row]] = {
            name: [] for name in ("requests", "answers", "trades", "decisions", "actions")
        }
        self.contracts: dict[str, Row] = {}
        self._sent: dict[str, Sent] = {}
        self._inquiries: dict[str, str] = {}
        self._asked: dict[int, Any] = {}
        self._at: Nanos = 0
        self._place: tuple[str, int] = ("", 0)
        self._new = True

    def read(self, run: Path) -> None:
        """Read a source's journals of the maker and of the authority."""
        readers = (
            (Maker, self._maker), (Authority, self._authority),
            (FirmAuthority, self._authority), (Overseer, self._overseer),
        )  # fmt: skip
        for machine, take in readers:
            name = machine.NAME
            folder = run / "journal" / name
            if folder.is_dir():
                self._asked.clear()
                for frame in read_segments(folder, name):
                    self._place = (name, frame.seq)
                    self._new = frame.seq > self.since.get(name, 0)
                    try:
                        take(frame)
                    except msgspec.ValidationError as error:
                        said = "another version wrote it; archive it with that one"
                        raise ArchiveError(
                            f"{folder} frame {frame.seq}: {said}: {error}"
                        ) from error

    def finished(self) -> dict[str, list[Row]]:
        """The tables by name, actions in the index's order; those without rows too."""
        self.tables["actions"].sort(key=lambda row: row[:5])
        return {
            **self.tables,
            "contracts": [self.contracts[code] for code in sorted(self.contracts)],
        }

    def _add(self, table: str, *cells: Any) -> None:
        if self._new:
            self.tables[table].append(cells)

    def _act(
        self, person: str, scopes: Iterable[str], role: str, kind: str, ident: str, detail: str
    ) -> None:
        if person:
            for scope in scopes:
                self._add(
                    "actions", person, scope, self._at, *self._place, role, kind, ident, detail
                )

    def _maker(self, frame: Frame) -> None:
        if frame.kind == INPUT:
            heard = _heard(frame.payload)
            self._at = heard.at
            tag = _tag(heard.body).tag
            if tag == OPENED:
                for one in _opened(heard.body).chain.contracts:
                    self.contracts[one.code] = (one.code, one.underlying, one.trading_code)
            elif tag not in MARKET:
                self._input(body_decoder(Maker).decode(heard.body), heard.cause)
        elif frame.kind == EFFECTS:
            for raw in _effects(frame.payload):
                if _tag(raw).tag in ("send", "etf_send"):
                    self._requests(_send(raw))

    def _input(self, body: Any, cause: int) -> None:
        match body:
            case Inquiry():
                self._inquiries[body.inquiry] = body.contract
            case Reports():
                for report in body.reports:
                    self._report(report.body)
            case EtfAnswers():
                for answer in body.answers:
                    self._report(answer)
            case RequestRejected():
                self._report(body)
            case _ if isinstance(body, cmd.Command):
                self._command(body, cause)

    def _requests(self, send: Send | EtfSend) -> None:
        stamp = send.stamp
        who = (stamp.trader, stamp.entered_by, stamp.strategy, stamp.strategy_version)
        versions = (stamp.curve_version, stamp.limits_version, send.epoch)
        for request in send.requests:
            kind, scopes = type(request).__name__, self._scopes(request)
            numbers = [int(getattr(request, name, 0)) for name in
                       ("side", "price", "qty", "bid", "bid_qty", "ask", "ask_qty")]  # fmt: skip
            ident, target = request.client_id, getattr(request, "target", "")
            if kind == "QuoteCancel":
                numbers[3] = numbers[5] = 0  # there they say which side goes, not a price
            self._sent[ident] = Sent(scopes[0], self._place[1], stamp)
            self._add(
                "requests", self._at, *self._place, ident, kind, scopes[0], *numbers, target,
                *who, *versions,
            )  # fmt: skip
            detail = _text(request)
            self._act(stamp.trader, scopes, "on_duty", kind, ident, detail)
            self._act(stamp.entered_by, scopes, "entered", kind, ident, detail)

    def _report(self, body: Any) -> None:
        ident, kind = getattr(body, "client_id", ""), type(body).__name__
        sent = self._sent.get(ident)
        if not isinstance(body, Trade | EtfFill):
            contract = getattr(body, "contract", "") or (sent.contract if sent else "")
            if isinstance(body, EtfDone):
                done = 6 if body.cancelled else 0
            else:
                done = int(getattr(body, "exec", -1))
            reason = int(getattr(body, "reason", 0))
            self._add("answers", self._at, *self._place, ident, kind, contract, done, reason)
            return
        contract = body.contract if isinstance(body, Trade) else body.underlying
        who = _NOBODY
        if sent is not None:
            stamp = sent.stamp
            who = (stamp.trader, stamp.entered_by, stamp.strategy, stamp.strategy_version)
        self._add(
            "trades", self._at, *self._place, ident, contract, int(body.side),
            int(getattr(body, "effect", -1)), body.price, body.qty, body.amount,
            getattr(body, "exec_id", 0), getattr(body, "order_id", 0),
            sent.seq if sent else 0, *who,
        )  # fmt: skip
        for person, role in ((who[0], "on_duty"), (who[1], "entered")):
            self._act(person, [contract], role, kind, ident, _text(body))

    def _command(self, command: cmd.Command, proposal: int) -> None:
        kind, scopes, detail = type(command).__name__, self._scopes(command), _text(command)
        by = getattr(command, "by", "") or getattr(command, "person", "")
        second = getattr(command, "seconded_by", "")
        self._add(
            "decisions", self._at, *self._place, kind, proposal, scopes[0], by, second,
            "in force", detail,
        )  # fmt: skip
        self._act(by, scopes, "by", kind, _ident(command), detail)
        self._act(second, scopes, "seconded", kind, _ident(command), detail)

    def _authority(self, frame: Frame) -> None:
        if frame.kind == INPUT:
            heard = _heard(frame.payload)
            self._at = heard.at
            body = body_decoder(Authority).decode(heard.body)
            match body:
                case Propose():
                    self._asked[body.proposal] = body.command
                    self._decide("proposed", body.by, body.command, body.proposal)
                case Second() | Withdraw():
                    role = "second" if isinstance(body, Second) else "withdrew"
                    known = self._asked.get(body.proposal)
                    self._decide(role, body.by, known, body.proposal)
                case Recorded():
                    by = getattr(body.command, "by", "") or getattr(body.command, "person", "")
                    self._decide("by", by, body.command, 0)
        elif frame.kind == EFFECTS:
            self._outcome(frame)

    def _overseer(self, frame: Frame) -> None:
        if frame.kind == INPUT:
            heard = _heard(frame.payload)
            self._at = heard.at
            if _tag(heard.body).tag in _FIRM_TAGS:
                body = body_decoder(Overseer).decode(heard.body)
                self._decide("by", body.by, body, 0)

    def _decide(self, role: str, by: str, command: Any, proposal: int) -> None:
        scopes = self._scopes(command) if command is not None else ["*"]
        kind = type(command).__name__ if command is not None else "unknown"
        detail = _text(command) if command is not None else ""
        first, second = (by, "") if role != "second" else ("", by)
        self._add(
            "decisions", self._at, *self._place, kind, proposal, scopes[0], first, second, role,
            detail,
        )  # fmt: skip
        self._act(by, scopes, role, kind, _ident(command), detail)

    def _outcome(self, frame: Frame) -> None:
        """What the authority answered to the input just before goes into its row."""
        rows = self.tables["decisions"]
        if not self._new or not rows or rows[-1][1:3] != (self._place[0], frame.seq - 1):
            return
        words = []
        for effect in msgspec.msgpack.decode(frame.payload):
            if effect[0] in ("issue", "pending"):
                words.append("issued" if effect[0] == "issue" else "pending")
            elif effect[0] in ("closed", "refused"):
                words.append(f"{effect[0]} {effect[2]}")
        if words:
            row = rows[-1]
            rows[-1] = (*row[:8], f"{row[8]}: {', '.join(words)}", row[9])

    def _scopes(self, item: Any) -> list[str]:
        """The contracts, underlyings or "*" that a request or command is about."""
        for name in ("scope", "contract", "underlying", "security"):
            found = getattr(item, name, "")
            if found:
                put = getattr(item, "put", "")
                return [found, put] if put else [found]
        if isinstance(item, cmd.Combine):
            return list(dict.fromkeys((item.first, item.second)))
        legs = list(dict.fromkeys(leg.contract for leg in getattr(item, "legs", ())))
        if legs:
            return legs
        sent = self._sent.get(getattr(item, "target", "") or getattr(item, "client_id", ""))
        if sent is not None:
            return [sent.contract]
        return [self._inquiries.get(getattr(item, "inquiry", ""), "*")]


def _ident(command: Any) -> str:
    return str(getattr(command, "client_id", ""))


def _text(item: Any) -> str:
    """A request, report or command as JSON with the names of its fields."""
    fields = msgspec.structs.asdict(item)
    return msgspec.json.encode(msgspec.to_builtins(fields)).decode()


def machines(run: Path) -> Iterator[str]:
    """Names of the journals of a source."""
    folder = run / "journal"
    if folder.is_dir():
        yield from sorted(one.name for one in folder.iterdir() if one.is_dir())
