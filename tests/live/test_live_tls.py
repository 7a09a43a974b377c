"""TLS between hosts (T-05, O-06): a pair over certificates, and everyone who is not of it refused.

Every refusal goes through the real sockets of the arbiter's or a node's process and is read from
the log that the watch makes red alarms of.
"""

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from pair_rig import Rig, committed, frames_of, go_on

from quanheng.cli import cli
from quanheng.compose import pair_keys, self_test
from quanheng.compose.day import DayPlan
from quanheng.compose.scenarios import load
from quanheng.compose.watch import Watch
from quanheng.config import ConfigError, read_config
from quanheng.edge import loop as loops
from quanheng.edge.alarm_desk import AlarmDesk
from quanheng.edge.arbiter import Ask, Renew
from quanheng.edge.arbiter_main import ArbiterProcess
from quanheng.edge.arbiter_main import Setup as ArbiterSetup
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.link_messages import encode_frame
from quanheng.edge.loop import Loop
from quanheng.edge.tls import NAMES, CertificateError, Identity, RefusedError
from quanheng.terms.codes import Alert
from quanheng.terms.units import MILLISECOND, SECOND


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pair's certificates."""
    folder = tmp_path_factory.mktemp("keys")
    pair_keys.make(folder, NAMES, 30)
    return folder


@pytest.fixture
def rig(tmp_path: Path, keys: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, str(keys))
    yield made
    made.close()


class Shifted(datetime):
    """A clock two days back: a certificate for a day is over by now."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(UTC) - timedelta(days=2)


def expired(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as patch:
        patch.setattr(pair_keys, "datetime", Shifted)
        pair_keys.make(folder, (name,), 1, renew=True)
    return folder


def copied(keys: Path, folder: Path) -> Path:
    shutil.copytree(keys, folder)
    return folder


def told(root: Path, process: str) -> list[str]:
    """Reasons in the log of a process."""
    (path,) = (root / process / "live").glob("*.jsonl")
    lines = [line for line in read_lines(path) if line["what"] == "alert"]
    assert {line["code"] for line in lines} <= {Alert.LINK_REFUSED}
    return [line["args"][1] for line in lines]


def test_a_pair_copies_and_takes_over_through_tls(rig: Rig) -> None:
    """What leaves waits for the follower's disk as ever; killed, the leader is followed."""
    lead, live = rig.start()
    proven = [one.channel.peer for one in rig.arbiter.loop.connections if one.channel]
    assert sorted(proven) == ["a", "b"]
    go_on(live, 900)
    assert committed(rig, lead, live) == [f"M001{n:06d}" for n in range(1, 13)]
    rig.kill("a")
    rig.until(lambda: "b" in rig.leads, "b leads")
    assert frames_of(rig.root / "b") == frames_of(rig.root / "a")
    assert told(rig.root, "arbiter") == [] and told(rig.root, "b") == []


def test_old_frames_of_a_long_journal_pass_through_tls(rig: Rig) -> None:
    """More than a record of TLS at once, in both directions of the queue's bound."""
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    lead, live = rig.leads["a"]
    rig.until(lambda: lead.release.policy.name == "SYNCED", "a is alone")
    go_on(live, 60_000)
    live.commit()
    rig.node("b")
    rig.until(lambda: lead.standby == 2, "b is whole")
    assert sum(map(len, frames_of(rig.root / "a"))) > 32 * 500
    assert frames_of(rig.root / "b") == frames_of(rig.root / "a")


def broken_authority(keys: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    pair_keys.make(folder, ("b",), 30)
    return folder


def broken_signature(keys: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    pair_keys.make(folder, ("b",), 30)
    shutil.copy(keys / "authority.pem", folder / "authority.pem")
    return folder


def broken_expiry(keys: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    return expired(copied(keys, folder), "b", patch)


def broken_name(keys: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    for end in ("pem", "key"):
        shutil.copy(copied_once(keys, folder) / f"overseer.{end}", folder / f"b.{end}")
    return folder


def copied_once(keys: Path, folder: Path) -> Path:
    return folder if folder.exists() else copied(keys, folder)


CASES: tuple[tuple[Callable[..., Path], str, str], ...] = (
    (broken_authority, "unknown ca", "self-signed certificate in certificate chain"),
    (broken_signature, "unable to get local issuer certificate", "unknown ca"),
    (broken_expiry, "certificate has expired", "certificate expired"),
    (broken_name, "certificate of overseer, 应为 expected a, b", ""),
)


@pytest.mark.parametrize(("make", "at_arbiter", "at_node"), CASES)
def test_a_node_with_a_wrong_certificate_is_refused(
    rig: Rig,
    keys: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Path],
    at_arbiter: str,
    at_node: str,
) -> None:
    """Another authority's, an expired one, one of another name: the arbiter refuses node b, which
    never follows nor leads, and both ends say why.
    """
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    rig.node("b", tls=str(make(keys, tmp_path / "bad", monkeypatch)), first=True)
    rig.until(lambda: bool(told(rig.root, "arbiter")), "the arbiter refuses b")
    assert at_arbiter in told(rig.root, "arbiter")[0]
    if at_node:
        rig.until(lambda: any(at_node in why for why in told(rig.root, "b")), "b says why")
    rig.kill("a")
    until = monotonic() + 4 * SECOND
    while monotonic() < until:
        rig.turn()
    assert "b" not in rig.leads and rig.arbiter.core.holder == "a"
    assert rig.said("b", "follow") == []
    assert len(told(rig.root, "arbiter")) <= 2, "once a minute each"


def test_a_follower_that_is_refused_by_the_leader_follows_nothing(
    rig: Rig, keys: Path, tmp_path: Path
) -> None:
    """The leader lets only the other node follow: whoever holds the arbiter's certificate does not
    get the journal, however well it is signed.
    """
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    port = rig.nodes["a"]._listener.getsockname()[1]
    Knocker(port, keys, "arbiter").until_over(rig)
    assert "certificate of arbiter, 应为 expected b" in told(rig.root, "a")[0]
    assert rig.said("a", "follower_came") == []


def test_a_node_believes_no_arbiter_of_another_name(keys: Path, tmp_path: Path) -> None:
    """Node a dials what shows node b's certificate: refused, and it never gets an epoch."""
    bad = copied(keys, tmp_path / "bad")
    for end in ("pem", "key"):
        shutil.copy(keys / f"b.{end}", bad / f"arbiter.{end}")
    rig = Rig(tmp_path / "rig", str(bad))
    rig.node("a", tls=str(keys))
    rig.until(lambda: bool(told(rig.root, "a")), "a refuses the arbiter")
    assert "certificate of b, 应为 expected arbiter" in told(rig.root, "a")[0]
    assert rig.arbiter.core.epoch == 0 and not rig.nodes["a"].granted
    rig.close()


class Knocker:
    """A client of its own at a secured port, with a certificate and something to say."""

    def __init__(self, port: int, keys: Path, name: str, data: bytes = b"") -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.channel = Identity(keys, name).call(*NAMES)
        self.heard, self.over = b"", False
        hello = self.channel.output()
        self.channel.seal(data)
        self.sock.sendall(hello + self.channel.output())
        self.sock.setblocking(False)

    def turn(self) -> None:
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionError:
            self.over = True
            return
        if not data:
            self.over = True
            return
        try:
            self.heard += self.channel.take(data)
        except RefusedError:
            self.over = True
        self.sock.sendall(self.channel.output())

    def until_over(self, rig: Rig) -> None:
        rig.until(lambda: self.turn() or self.over, "the connection ends")
        self.sock.close()


def test_plain_text_at_a_secured_port_is_refused(rig: Rig, keys: Path) -> None:
    """A node without TLS gets neither an epoch nor the journal; every port says so once."""
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    ask = encode_frame(Ask("b", True, 9, "127.0.0.1", 1))
    for process, port in (
        ("arbiter", rig.arbiter.port),
        ("a", rig.nodes["a"]._listener.getsockname()[1]),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(ask)
            rig.until(lambda name=process: bool(told(rig.root, name)), "refused")  # type: ignore[misc]
        assert "TLS: " in told(rig.root, process)[0]
    assert rig.arbiter.core.epoch == 1


def test_a_node_cannot_speak_for_the_other(rig: Rig, keys: Path) -> None:
    """Node b's certificate renews no lease of node a (F62)."""
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    own = Knocker(rig.arbiter.port, keys, "b", encode_frame(Ask("b", False, 0, "127.0.0.1", 1)))
    rig.until(lambda: own.turn() or bool(own.heard), "its own question is answered")
    peer = Knocker(rig.arbiter.port, keys, "b", encode_frame(Renew("a", 1, 1)))
    peer.until_over(rig)
    assert peer.heard == b""
    assert told(rig.root, "arbiter") == ["b 自称 calls itself a"]
    own.sock.close()


def test_a_client_without_a_certificate_is_refused(rig: Rig, keys: Path) -> None:
    """Knowing the authority is not enough."""
    rig.node("a")
    context = ssl.create_default_context(cafile=str(keys / "authority.pem"))
    context.check_hostname = False
    sock = socket.create_connection(("127.0.0.1", rig.arbiter.port), timeout=10)
    sock.setblocking(False)
    client = context.wrap_socket(sock, do_handshake_on_connect=False)
    until = monotonic() + 20 * SECOND
    while not told(rig.root, "arbiter") and monotonic() < until:
        rig.turn()
        try:
            client.do_handshake()
        except (ssl.SSLError, OSError):
            continue
    assert "peer did not return a certificate" in told(rig.root, "arbiter")[0]
    client.close()


def test_a_silent_connection_does_not_keep_its_place(
    rig: Rig, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who proves nothing in time is gone, and its place is free (F66)."""
    monkeypatch.setattr(loops, "HANDSHAKE", 50 * MILLISECOND)
    peers = [socket.create_connection(("127.0.0.1", rig.arbiter.port)) for _ in range(5)]
    rig.until(lambda: len(rig.arbiter.loop.connections) == 5, "all are there")
    rig.until(lambda: not rig.arbiter.loop.connections, "none is there")
    assert told(rig.root, "arbiter") == ["no handshake within 0 s"]
    for peer in peers:
        peer.close()


def test_refusals_and_strangers_become_red_alarms(tmp_path: Path, keys: Path) -> None:
    """T-04: a host outside the list is turned away by the arbiter before a handshake, and both are
    told to people.
    """
    (tmp_path / "live").mkdir()
    (tmp_path / "standby" / "live").mkdir(parents=True)
    (tmp_path / "live" / "arbiter.msgpack").touch()  # the run has an arbiter
    for peers in ((), ("192.0.2.1",)):
        setup = ArbiterSetup("127.0.0.1", 0, peers=peers, tls=str(keys))
        process = ArbiterProcess(tmp_path, setup, Loop())
        with socket.create_connection(("127.0.0.1", process.port), timeout=5) as peer:
            peer.sendall(b"plain text\r\n")
            until = monotonic() + 5 * SECOND
            while not read_lines(tmp_path / "live" / "arbiter.jsonl") and monotonic() < until:
                process.turn()
            process.turn()
        process.close()
    desk = AlarmDesk(tmp_path, (), monotonic)
    Watch(tmp_path, desk, monotonic).look()
    desk.close()
    wanted = {Alert.LINK_REFUSED, Alert.FOREIGN_ACCOUNT}
    found = {(one.level, one.code) for one in desk.open if one.code in wanted}
    assert found == {("red", code) for code in wanted}


def test_certificates_that_cannot_be_used_stop_a_process(keys: Path, tmp_path: Path) -> None:
    """A missing file, a key that others may read, a key of another certificate: named."""
    with pytest.raises(CertificateError, match=r"authority\.pem"):
        Identity(tmp_path, "a")
    folder = copied(keys, tmp_path / "one")
    (folder / "a.key").chmod(0o644)
    with pytest.raises(CertificateError, match=r"a\.key: 他人可读"):
        Identity(folder, "a")
    shutil.copy(keys / "b.key", folder / "a.key")
    with pytest.raises(CertificateError, match=r"a\.pem"):
        Identity(folder, "a")


def test_links_beyond_loopback_need_certificates(tmp_path: Path) -> None:
    """O-06: check-config names the key; certificates, or an explicit word, let it pass."""
    text = (Path(__file__).parents[2] / "src/quanheng/data/desk.toml").read_text("utf-8")
    path = tmp_path / "desk.toml"
    for key in ("host_a", "host_b", "host_arbiter"):
        section = f'\n[standby]\nenabled = true\n{key} = "10.77.0.9"\n'
        path.write_text(text + section, encoding="utf-8")
        with pytest.raises(ConfigError, match=f"standby.{key}: 10.77.0.9 is beyond loopback"):
            read_config(path)
        done = CliRunner().invoke(cli, ["check-config", "--config", str(path)])
        assert isinstance(done.exception, ConfigError)
        for more in ('tls = "keys"\n', "plain = true\n"):
            path.write_text(text + section + more, encoding="utf-8")
            assert read_config(path).standby.enabled


def test_the_self_test_looks_at_the_pairs_certificates(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F72, promise 45: one that ends soon is noted, one that is over or of others fails."""

    def look(folder: Path) -> str:
        config = read_config()
        standby = msgspec.structs.replace(config.standby, tls=str(folder))
        config = msgspec.structs.replace(config, standby=standby)
        plan = DayPlan(scenario=load("calm"), config=config)
        return self_test._certificates(self_test.Subject(plan, tmp_path))

    with pytest.raises(self_test.Noted, match="29"):
        look(keys)
    fresh = tmp_path / "fresh"
    pair_keys.make(fresh, NAMES, 365)
    assert "5 份" in look(fresh)
    with pytest.raises(self_test.Wrong, match=r"b\.pem: .*过期"):
        look(expired(fresh, "b", monkeypatch))
    mixed = copied(keys, tmp_path / "mixed")
    pair_keys.make(tmp_path / "other", ("a",), 365)
    shutil.copy(tmp_path / "other" / "authority.pem", mixed / "authority.pem")
    with pytest.raises(self_test.Wrong, match=r"a\.pem: 不是本机构签发"):
        look(mixed)


def test_the_verb_makes_shows_and_renews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pair-keys`: nothing is made twice, a renewed one is of the same authority, and what cannot
    be used is shown and fails.
    """
    folder, run = tmp_path / "keys", CliRunner().invoke
    first = run(cli, ["pair-keys", "make", str(folder)])
    assert first.exit_code == 0 and len(first.output.splitlines()) == 2 * (1 + len(NAMES))
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.glob("*.key"))
    assert "nothing was missing" in run(cli, ["pair-keys", "make", str(folder)]).output
    before = (folder / "a.pem").read_bytes()
    renewed = run(cli, ["pair-keys", "make", str(folder), "--name", "a", "--renew"])
    assert renewed.exit_code == 0 and (folder / "a.pem").read_bytes() != before
    assert run(cli, ["pair-keys", "show", str(folder)]).exit_code == 0
    expired(folder, "b", monkeypatch)
    shown = run(cli, ["pair-keys", "show", str(folder)])
    assert shown.exit_code == 1 and "过期" in shown.output
    (folder / "authority.key").unlink()
    refused = run(cli, ["pair-keys", "make", str(folder), "--renew"])
    assert refused.exit_code == 1 and "authority's key is not here" in str(refused.exception)
