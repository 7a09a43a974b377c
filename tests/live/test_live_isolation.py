"""Isolation (T-04, O-06): foreign accounts, trading units and hosts are refused and recorded."""

import socket
from pathlib import Path

import pytest

from quanheng.compose import reception
from quanheng.compose.isolation import foreign_rows, register_of
from quanheng.compose.reception_files import Received
from quanheng.compose.reference import FIRST_DAY
from quanheng.compose.small_stage import BEGIN, SETS, Epochs, stage
from quanheng.compose.watch import Watch
from quanheng.config import ConfigError, read_config
from quanheng.edge.alarm_desk import AlarmDesk
from quanheng.edge.clock import monotonic
from quanheng.edge.exchange_main import ExchangeProcess
from quanheng.edge.exchange_main import Setup as ExchangeSetup
from quanheng.edge.gateway import Gateway
from quanheng.edge.gateway_etf import HedgeLine
from quanheng.edge.gateway_main import GatewayProcess
from quanheng.edge.gateway_main import Setup as GatewaySetup
from quanheng.edge.isolation import REFUSED, IsolationError, Register, record_refusal
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.loop import Loop
from quanheng.exchange.messages import EtfOpen
from quanheng.runtime.envelope import NotSent
from quanheng.terms.codes import Alert, Effect, Side
from quanheng.terms.etf import EtfOrder, EtfSend
from quanheng.terms.orders import Report, Stamp, Trade
from quanheng.terms.units import SECOND
from quanheng.wire import dbf, records
from quanheng.wire.auction_session import AuctionClient, AuctionServer, ReportStream
from quanheng.wire.exchange_files import named
from quanheng.wire.profile import Profile
from quanheng.wire.tdgw import ServerSession

OWN = Register(("A123456789",), ("12345",))
FOREIGN = "B999999999"


def positions(*accounts: str) -> bytes:
    """An op_hycc file with a position of each account."""
    form = records.layout("op_hycc")
    text = {"SCDM": "01", "QSBH": "1", "HEYDM": "10007333", "CCFX": "L"}
    rows = []
    for account in accounts:
        named = {**text, "ZQZH": account}
        rows.append(tuple(named.get(f.name, 0 if f.kind in "SN" else "") for f in form.fields))
    return dbf.write(form, rows, FIRST_DAY)


def test_a_clearing_file_with_foreign_accounts_is_refused(tmp_path: Path) -> None:
    """Records of another account are counted by account, and the day's reception fails."""
    name = "op_hyccjs001.dbf"
    received = Received(FIRST_DAY, {"op_hycc": (name, positions("A123456789", FOREIGN, FOREIGN))})
    found = foreign_rows(received, "op_hycc", OWN)
    assert [one.field for one in found] == ["ZQZH"]
    assert FOREIGN in found[0].reason and "2 条记录" in found[0].reason
    assert foreign_rows(received, "op_hycc", Register((FOREIGN, "A123456789"))) == []
    for file, data in _files().items():
        (tmp_path / file).write_bytes(data)
    checks = reception.check(tmp_path, FIRST_DAY, OWN).checks
    isolation = [one for one in checks if "isolation" in one.what]
    assert len(isolation) == 1 and FOREIGN in isolation[0].problems[0].reason
    assert not any("isolation" in one.what for one in reception.check(tmp_path, FIRST_DAY).checks)


def _files() -> dict[str, bytes]:
    for name in (f"op_hyccjs{FIRST_DAY % 10_000:04d}.dbf", "op_hyccjs627.dbf", "op_hyccjs001.dbf"):
        what = named(name)
        if what is not None and what.kind == "op_hycc":
            return {name: positions("A123456789", FOREIGN)}
    raise AssertionError("no name of an op_hycc file")


def test_the_register_of_a_configuration(tmp_path: Path) -> None:
    """Without a register the member's own; one that misses the member is refused by name."""
    shipped = read_config()
    assert register_of(shipped) == Register(("A123456789",), ("12345",), ("127.0.0.1",))
    text = (Path(__file__).parents[2] / "src/quanheng/data/desk.toml").read_text("utf-8")
    for line, where in (
        ('accounts = ["B999999999"]', "isolation.accounts"),
        ('units = ["99999"]', "isolation.units"),
        ("peers = []", "isolation.peers"),
    ):
        path = tmp_path / "desk.toml"
        path.write_text(f"{text}\n[isolation]\n{line}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=where):
            read_config(path)


def test_a_hedge_order_on_a_foreign_account_is_refused() -> None:
    """An order for securities on another account than the line's ends the session by name."""
    own, other = stage(8).profile, Profile(FOREIGN, stage(8).profile.pbu)
    now = BEGIN
    server = AuctionServer(own, ReportStream(), FIRST_DAY, now)
    client = AuctionClient("QUANHENG", other, FIRST_DAY, now)
    for _ in range(4):
        server.receive(client.output(), now)
        client.receive(server.output(), now)
    client.sync(1, now)
    server.receive(client.output(), now)
    client.receive(server.output(), now)
    order = EtfOrder("M001000001", "510050", Side.BUY, 24_410, 100, False)
    client.send_requests([order], now, now)
    assert server.receive(client.output(), now) == []
    assert FOREIGN in server.closed


def test_a_report_of_a_foreign_account_is_quarantined() -> None:
    """A fill that names another account is no fill of ours: it is kept aside and recorded."""
    plan = stage(8).plan
    gateway = Gateway(plan, Epochs(), BEGIN)
    server = ServerSession((Profile(FOREIGN, plan.pbu, plan.branch),), SETS, FIRST_DAY, BEGIN)
    server.send_platform_state(2, BEGIN)
    gateway.connected(BEGIN)
    for _ in range(3):
        server.receive(gateway.out_wire(), BEGIN)
        gateway.from_wire(server.output(), BEGIN)
    code = next(iter(plan.underlyings))
    fill = Trade(
        "M001000001", code, 1, 1, 500, 3, 0, Side.BUY, Effect.OPEN, False, BEGIN, BEGIN, 15_000_000
    )
    gateway.log()
    gateway.from_wire(server.send_reports(plan.pbu, [Report(SETS[0], 1, fill)], BEGIN), BEGIN)
    lines = gateway.log()
    assert [line["what"] for line in lines] == ["quarantined"]
    assert FOREIGN in lines[0]["event"] or "10794" in lines[0]["event"]


def test_a_gateway_of_another_account_does_not_start(tmp_path: Path) -> None:
    """Account, trading unit or exchange host outside the register: refused and recorded."""
    plan = stage(8).plan
    for register, host, text in (
        (Register((FOREIGN,), (plan.pbu,)), "127.0.0.1", plan.account),
        (Register((plan.account,), ("99999",)), "127.0.0.1", plan.pbu),
        (Register((plan.account,), (plan.pbu,)), "192.0.2.7", "192.0.2.7"),
    ):
        run = tmp_path / text
        (run / "live").mkdir(parents=True)
        with pytest.raises(IsolationError, match=text):
            GatewayProcess(run, GatewaySetup(plan, host, 1, 0, register), Loop())
        said = (run / "live" / "gateway.jsonl").read_text("utf-8")
        assert Alert.FOREIGN_ACCOUNT in said and text in said


def test_a_hedge_line_of_a_foreign_account_lets_nothing_out() -> None:
    """Our own last hop: a line that would name another account refuses every order, records an
    alert, and the engine hears that nothing was sent; the own account passes.
    """
    own = stage(8).profile
    register = Register((own.account,), (own.pbu,))
    for profile, passes in ((own, True), (Profile(FOREIGN, own.pbu), False),
                            (Profile(own.account, "99999"), False)):  # fmt: skip
        line = HedgeLine("QUANHENG", profile, FIRST_DAY, register)
        server = AuctionServer(profile, ReportStream(), FIRST_DAY, BEGIN)
        line.connected(BEGIN)
        heard = []
        for _ in range(4):
            heard += server.receive(line.out_wire(), BEGIN)
            line.from_wire(server.output(), BEGIN)
        assert line.ready
        order = EtfOrder("M001000001", "510050", Side.BUY, 24_410, 100, False)
        stamp = Stamp("T01", "hedge", "1", 1, 1)
        line.log()
        line.send(EtfSend(1, stamp, [order]), "", lambda underlying: "", BEGIN, BEGIN)
        assert (server.receive(line.out_wire(), BEGIN) == [order]) is passes
        alerts = [one for one in line.log() if one["what"] == "alert"]
        refused = [one.client_ids for one in line.out_engine() if isinstance(one, NotSent)]
        assert (len(alerts), refused) == ((0, []) if passes else (1, [["M001000001"]]))


def test_refusals_become_red_alarms(tmp_path: Path) -> None:
    """What a process, the console or the settlement refused reaches people through the watch."""
    plan = stage(8).plan
    (tmp_path / "live").mkdir()
    register = Register((FOREIGN,), (plan.pbu,))
    with pytest.raises(IsolationError):
        GatewayProcess(tmp_path, GatewaySetup(plan, "127.0.0.1", 1, 0, register), Loop())
    record_refusal(tmp_path, "console", "connection from 192.0.2.1")
    record_refusal(tmp_path, "console", "connection from 192.0.2.1")
    assert len(read_lines(tmp_path / REFUSED)) == 1
    desk = AlarmDesk(tmp_path, (), monotonic)
    Watch(tmp_path, desk, monotonic).look()
    desk.close()
    told = [(one.level, one.scope) for one in desk.open if one.code == Alert.FOREIGN_ACCOUNT]
    assert sorted(told) == [("red", "*"), ("red", "console")]


def exchange(run: Path, peers: tuple[str, ...]) -> ExchangeProcess:
    (run / "live").mkdir(parents=True)
    (run / "exchange").mkdir()
    venue = stage(8).venue
    setup = ExchangeSetup(
        venue=venue,
        etf=EtfOpen(day=venue.day, specs=(), seed=1),
        account=stage(8).plan.account,
        pbu=stage(8).plan.pbu,
        branch=stage(8).plan.branch,
        open_at=BEGIN,
        start=BEGIN,
        host="127.0.0.1",
        order_port=0,
        feed_port=0,
        etf_port=0,
        copy_port=0,
        snapshot_every=60 * SECOND,
        marks=[],
        closing_from=BEGIN,
        outages=[],
        peers=peers,
    )
    return ExchangeProcess(run, setup, Loop())


def let_go(process: ExchangeProcess) -> None:
    """Close what a process that never ran holds open."""
    process.loop.close()
    for part in (process._records, process._closing, process.lines):
        part.close()
    for host in (process.venue, process.etf):
        host.host.journal.close()


def test_a_connection_of_an_unlisted_host_is_turned_away(tmp_path: Path) -> None:
    """Every port of the exchange's process closes it at once and records an alert."""
    process = exchange(tmp_path, ("192.0.2.1",))
    assert len(process.ports) == 4
    for port in process.ports.values():
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            process.loop.poll(5)
            assert peer.recv(1) == b""
    assert process.loop.connections == []
    lines = (tmp_path / "live" / "exchange.jsonl").read_text("utf-8").splitlines()
    assert sum(Alert.FOREIGN_ACCOUNT in line and "127.0.0.1" in line for line in lines) == 4
    let_go(process)


def test_a_connection_of_a_listed_host_is_taken(tmp_path: Path) -> None:
    """The same from a listed host stays open."""
    process = exchange(tmp_path, ("127.0.0.1",))
    with socket.create_connection(("127.0.0.1", process.ports["feed_port"]), timeout=5):
        process.loop.poll(5)
        assert len(process.loop.connections) == 1
    let_go(process)
