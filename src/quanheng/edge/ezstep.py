"""EzSTEP, the legacy carrier: three tables of a database instead of a session (interfaces.md 2.9).

`reqresp` holds requests, written by the member in a row of contiguous numbers, and their responses,
written by the exchange's side; `execreport` trades, `pubdata` broadcasts. Both sides poll. SQLite
or any database that SQLAlchemy speaks to. EzstepClient has the calls and events of
`wire.tdgw.ClientSession`, so the same host can drive either: responses are the stream RSP, trades
the stream EXE, each counted from 1 in the order of the tables.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from quanheng.terms.business import BusinessCancelReject, CombinationDone, InquiryAck
from quanheng.terms.codes import Exec
from quanheng.terms.days import clock_text, day_of
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import (
    AnyReport,
    AnyRequest,
    CancelReject,
    Report,
    RequestRejected,
    Trade,
    Unreadable,
)
from quanheng.terms.units import MILLISECOND, Day, Nanos
from quanheng.wire import carriers, step
from quanheng.wire.codes import CODES
from quanheng.wire.events import (
    Event,
    ExecRptInfo,
    InquiryArrived,
    LoggedOn,
    PlatformState,
    ProtocolError,
    RejectArrived,
    ReportArrived,
    ReportUnreadable,
    RequestArrived,
    SyncAnswered,
)
from quanheng.wire.fields import WireError
from quanheng.wire.profile import Profile
from quanheng.wire.session import OPTION_PLATFORM, Phase

POLL = 50 * MILLISECOND
"""Longest time between two looks at the tables."""
PAGE = 512
"""Rows read at once: memory stays bounded however far behind a reader is."""
RESPONSES, TRADES = "RSP", "EXE"
BROADCAST, TRADE_KIND, TRADE_SET = "RQ", "OT", "300"
NOT_SENT, BACK_OFFICE, FRONT, ACCEPTED = "R", "F", "E", "O"
GAP = 257
REFUSED_INQUIRY = 5
MAX_TEXT = 1024

METADATA = sa.MetaData()
REQRESP = sa.Table(
    "reqresp",
    METADATA,
    sa.Column("reqnum", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reqid", sa.String(3), nullable=False),
    sa.Column("reff", sa.String(10), nullable=False, index=True),
    sa.Column("securityid", sa.String(8), nullable=False),
    sa.Column("pbu", sa.String(5), nullable=False),
    sa.Column("recordtimestamp", sa.String(21), nullable=False),
    sa.Column("ordstatus", sa.String(1), nullable=False),
    sa.Column("remark", sa.String(5)),
    sa.Column("localrespnum", sa.Integer, unique=True),
    sa.Column("reqtext", sa.String(MAX_TEXT)),
    sa.Column("resptext", sa.String(MAX_TEXT)),
)


def _broadcast(name: str, number: str, text: str) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column(number, sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bcasttype", sa.String(2), nullable=False),
        sa.Column("setid", sa.String(3), nullable=False),
        sa.Column("seqnum", sa.Integer, nullable=False),
        sa.Column("recordtimestamp", sa.String(21), nullable=False),
        sa.Column(text, sa.String(MAX_TEXT)),
    )


EXECREPORT = _broadcast("execreport", "execnum", "execreporttext")
PUBDATA = _broadcast("pubdata", "pubnum", "mdtext")


def create_tables(engine: sa.Engine) -> None:
    """The three tables, where they are missing."""
    METADATA.create_all(engine)


def _stamp(now: Nanos) -> str:
    return f"{day_of(now)}-{clock_text(now)}"


def _bytes(text: str | None) -> bytes:
    return (text or "").encode("ascii", "replace")


def _highest(connection: sa.Connection, column: sa.Column[int]) -> int:
    return connection.execute(sa.select(sa.func.max(column))).scalar() or 0


class EzstepClient:
    """The member's side. Everything is in the tables: a new one goes on where the last stopped."""

    def __init__(self, engine: sa.Engine, profile: Profile, day: Day) -> None:
        self.profile = profile
        self.day = day
        self.duplicates = 0  # never: rows are read by number
        self._engine = engine
        self._opened = False
        self._polled: Nanos = -POLL
        # Per stream: index of the next report, and the last row number it was read up to.
        self._next = {RESPONSES: 1, TRADES: 1}
        self._row = {RESPONSES: 0, TRADES: 0}
        self._wanted: dict[str, int] = {}
        self._answered: list[SyncAnswered] = []
        with engine.connect() as connection:
            self._reqnum = _highest(connection, REQRESP.c.reqnum)
            self._broadcast = _highest(connection, PUBDATA.c.pubnum)

    @property
    def phase(self) -> Phase:
        """There is no session to end: the tables are there or the calls raise."""
        return Phase.ACTIVE

    def output(self) -> bytes:
        """Nothing travels by socket."""
        return b""

    def receive(self, data: bytes, now: Nanos) -> list[Event]:
        """Nothing arrives by socket."""
        return []

    def send_logout(self, now: Nanos) -> bytes:
        """There is nobody to say it to."""
        return b""

    def send_requests(self, requests: Sequence[AnyRequest], now: Nanos) -> bytes:
        """Write requests, all or none. WireError for one that cannot be carried."""
        rows = []
        for offset, request in enumerate(requests, 1):
            text = step.encode_request(request, self.profile).decode("ascii")
            if len(text) > MAX_TEXT:
                raise WireError(5000, 0, "reqtext", f"{len(text)} characters, {MAX_TEXT} fit")
            rows.append(
                {
                    "reqnum": self._reqnum + offset,
                    "reqid": step.business_of(request),
                    "reff": request.client_id,
                    "securityid": step.routing_code(request),
                    "pbu": self.profile.pbu,
                    "recordtimestamp": _stamp(now),
                    "ordstatus": NOT_SENT,
                    "reqtext": text,
                }
            )
        if rows:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(REQRESP), rows)
            self._reqnum += len(rows)
        return b""

    def send_index_sync(self, pbu: str, set_id: str, index: int, now: Nanos) -> bytes:
        """Deliver a stream from `index` on, whatever was delivered before."""
        self._next[set_id], self._row[set_id] = 1, 0
        self._wanted[set_id] = index
        self._answered.append(SyncAnswered(pbu, set_id, index, 1))
        return b""

    def tick(self, now: Nanos) -> list[Event]:
        """Look at the tables when it is time to; returns what is new, in order."""
        events: list[Event] = []
        if not self._opened:
            self._opened = True
            pbu = self.profile.pbu
            events.append(LoggedOn("EzSTEP", 0, "", self.day))
            events.append(PlatformState(OPTION_PLATFORM, 2))
            events.append(ExecRptInfo((pbu,), (RESPONSES, TRADES)))
        if now - self._polled < POLL:
            return events
        self._polled = now
        events += self._answered
        self._answered.clear()
        with self._engine.connect() as connection:
            for set_id in (RESPONSES, TRADES):
                if set_id in self._wanted:
                    self._stream(connection, set_id, events)
            self._inquiries(connection, events)
        return events

    def _stream(self, connection: sa.Connection, set_id: str, events: list[Event]) -> None:
        if set_id == RESPONSES:
            number, table = REQRESP.c.localrespnum, REQRESP
        else:
            number, table = EXECREPORT.c.execnum, EXECREPORT
        while True:
            query = sa.select(table).where(number > self._row[set_id]).order_by(number)
            rows = connection.execute(query.limit(PAGE)).mappings().all()
            for row in rows:
                self._row[set_id] = row[number.name]
                index = self._next[set_id]
                if set_id == TRADES or row["ordstatus"] != FRONT:  # refusals have no index
                    self._next[set_id] = index + 1
                if index >= self._wanted[set_id]:
                    events.append(self._event(set_id, index, row))
            if len(rows) < PAGE:
                return

    def _event(self, set_id: str, index: int, row: sa.RowMapping) -> Event:
        pbu = self.profile.pbu
        if set_id == RESPONSES and row["ordstatus"] == FRONT:
            remark = (row["remark"] or "").strip()
            code = int(remark) if remark.isdigit() else 0
            return RejectArrived(row["reqid"], pbu, RequestRejected(row["reff"], code))
        req_id, text = (
            (row["reqid"], row["resptext"]) if set_id == RESPONSES else ("", row["execreporttext"])
        )
        try:
            body = step.decode_report(carriers.from_tables(_bytes(text), req_id), self.day, req_id)
        except WireError as error:
            return ReportUnreadable(pbu, set_id, index, error)
        return ReportArrived(pbu, Report(set_id, index, body))

    def _inquiries(self, connection: sa.Connection, events: list[Event]) -> None:
        number = PUBDATA.c.pubnum
        query = sa.select(PUBDATA).where(number > self._broadcast).order_by(number)
        for row in connection.execute(query.limit(PAGE)).mappings():
            self._broadcast = row["pubnum"]
            if row["bcasttype"] != BROADCAST:
                continue
            try:
                inquiry = step.decode_inquiry(_bytes(row["mdtext"]), self.day)
            except WireError as error:
                reason = f"broadcast {row['pubnum']}: {error}"
                events.append(ProtocolError(error.code, reason, False))
                continue
            events.append(InquiryArrived(row["pubnum"], inquiry))


class EzstepServer:
    """The exchange's side: takes requests in the order of their numbers, writes what is said.

    A request is open until a response is written. One left open by a stop is handed out again: the
    duplicate check of the exchange (11270) makes that safe, and reports may be delivered again
    from the first on, because what stands in the tables is left alone.
    """

    def __init__(self, engine: sa.Engine, profiles: tuple[Profile, ...]) -> None:
        self._engine = engine
        self._profiles = {profile.pbu: profile for profile in profiles}
        self._polled: Nanos = -POLL
        self._handed = 0  # all requests up to this number were handed out or answered
        self._trades: dict[str, int] = {}  # per partition of the exchange: trades delivered
        with engine.connect() as connection:
            self._written = self._counts(connection)

    @staticmethod
    def _counts(connection: sa.Connection) -> dict[str, int]:
        query = sa.select(EXECREPORT.c.setid, sa.func.max(EXECREPORT.c.seqnum))
        rows = connection.execute(query.group_by(EXECREPORT.c.setid)).all()
        return {row[0]: row[1] for row in rows}

    def tick(self, now: Nanos) -> list[Event]:
        """Requests written since the last look; what breaks the rules is answered at once."""
        events: list[Event] = []
        if now - self._polled < POLL:
            return events
        self._polled = now
        with self._engine.begin() as connection:
            while True:
                query = sa.select(REQRESP).where(REQRESP.c.reqnum > self._handed)
                query = query.order_by(REQRESP.c.reqnum).limit(PAGE)
                rows = connection.execute(query).mappings().all()
                for row in rows:
                    if not self._take(connection, row, events):
                        return events
                if len(rows) < PAGE:
                    return events

    def _take(self, connection: sa.Connection, row: sa.RowMapping, events: list[Event]) -> bool:
        """Hand out one row. False when a number is missing before it: nothing goes on then."""
        if row["reqnum"] != self._handed + 1:
            if row["ordstatus"] == NOT_SENT:
                reason = f"{CODES[GAP].text}: {row['reqnum']} where {self._handed + 1} is due"
                self._answer(connection, row["reff"], FRONT, GAP, None, row["reqnum"])
                events.append(ProtocolError(GAP, reason, False))
            return False
        self._handed += 1
        if row["ordstatus"] != NOT_SENT:
            return True
        req_id, pbu, reff = row["reqid"], row["pbu"], row["reff"]
        request: AnyRequest | None = None
        problem: WireError | None = None
        try:
            request = carriers.read_envelope(
                self._profiles, req_id, row["securityid"], pbu, reff, _bytes(row["reqtext"])
            )
        except WireError as error:
            problem = error
            self._answer(connection, reff, FRONT, error.code, None, row["reqnum"])
        events.append(RequestArrived(req_id, pbu, reff, request, problem))
        return True

    def _answer(
        self,
        connection: sa.Connection,
        reff: str,
        status: str,
        code: int,
        text: str | None,
        reqnum: int = 0,
    ) -> None:
        """Answer the earliest open request of a name (or one row); an answered one stays."""
        open_ = sa.select(sa.func.min(REQRESP.c.reqnum)).where(
            REQRESP.c.reff == reff, REQRESP.c.ordstatus == NOT_SENT
        )
        number = reqnum or connection.execute(open_).scalar()
        if number is None:
            return
        connection.execute(
            sa.update(REQRESP)
            .where(REQRESP.c.reqnum == number)
            .values(
                ordstatus=status,
                remark=str(code or ""),
                localrespnum=_highest(connection, REQRESP.c.localrespnum) + 1,
                resptext=text,
            )
        )

    def deliver(self, pbu: str, reports: Sequence[Report], now: Nanos) -> None:
        """Write reports: a trade into execreport, an answer beside its request."""
        with self._engine.begin() as connection:
            for report in reports:
                _, data = step.encode_report(report.body, self._profiles[pbu])
                text = carriers.to_tables(data).decode("ascii")
                if isinstance(report.body, Trade | CombinationDone):
                    self._trade(connection, report.set_id, text, now)
                elif not isinstance(report.body, Unreadable):  # step.encode_report refused it
                    status, code = _status(report.body)
                    self._answer(connection, report.body.client_id, status, code, text)

    def _trade(self, connection: sa.Connection, set_id: str, text: str, now: Nanos) -> None:
        seqnum = self._trades[set_id] = self._trades.get(set_id, 0) + 1
        if seqnum <= self._written.get(set_id, 0):
            return
        self._written[set_id] = seqnum
        row = {
            "execnum": _highest(connection, EXECREPORT.c.execnum) + 1,
            "bcasttype": TRADE_KIND,
            "setid": set_id,
            "seqnum": seqnum,
            "recordtimestamp": _stamp(now),
            "execreporttext": text,
        }
        connection.execute(sa.insert(EXECREPORT), row)

    def refuse(self, rejects: Sequence[RequestRejected]) -> None:
        """Requests refused at the front."""
        with self._engine.begin() as connection:
            for rejected in rejects:
                self._answer(connection, rejected.client_id, FRONT, rejected.reason, None)

    def inquire(self, inquiry: Inquiry, now: Nanos) -> None:
        """Broadcast an inquiry."""
        with self._engine.begin() as connection:
            number = _highest(connection, PUBDATA.c.pubnum) + 1
            row = {
                "pubnum": number,
                "bcasttype": BROADCAST,
                "setid": "001",
                "seqnum": number,
                "recordtimestamp": _stamp(now),
                "mdtext": step.encode_inquiry(inquiry).decode("ascii"),
            }
            connection.execute(sa.insert(PUBDATA), row)


def _status(body: AnyReport) -> tuple[str, int]:
    if isinstance(body, CancelReject | BusinessCancelReject):
        return BACK_OFFICE, body.reason
    if isinstance(body, InquiryAck):
        return (BACK_OFFICE if body.status == REFUSED_INQUIRY else ACCEPTED), body.reason
    if isinstance(body, Trade | CombinationDone) or body.exec != Exec.REJECTED:
        return ACCEPTED, 0
    return BACK_OFFICE, body.reason
