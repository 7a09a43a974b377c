"""Lines to messaging servers are secured both ways, and nothing is said before (F65, O-06)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from copy_rig import CopyRig, servers_of
from msgspec.structs import replace
from nats_rig import Cluster

from quanheng.compose.pair_keys import examine, make
from quanheng.config import ConfigError, read_config
from quanheng.edge.nats_gate import page_of
from quanheng.edge.nats_line import LineDownError, NatsLine
from quanheng.edge.tls import ARBITER, CARRIER, MESSAGING


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("keys")
    make(folder, (CARRIER, MESSAGING, ARBITER), 30)
    return folder


@pytest.fixture(scope="module")
def secured(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server with certificates of the pair's authority."""
    made = Cluster(tmp_path_factory.mktemp("nats"), nodes=1)
    made.servers[0].keys = keys
    try:
        made.start()
        yield made
    finally:
        made.close()


def dialled(line: NatsLine) -> str:
    """What a try says, "" when the line stands."""
    try:
        line.dial()
    except LineDownError as error:
        return str(error)
    finally:
        line.close()
    return ""


def test_a_journal_is_copied_over_secured_lines(secured: Cluster, tmp_path: Path) -> None:
    """The copier passes the gate over https and copies; the stream is the journal."""
    rig = CopyRig(tmp_path / "run", secured)
    rig.write(50)
    rig.copied()
    assert rig.copying.figures()["gate"] == 1
    rig.close()


def test_who_shows_nothing_or_the_wrong_certificate_is_not_let_in(
    secured: Cluster, keys: Path, tmp_path: Path
) -> None:
    """In plain text, with another authority's certificate, with none to show: no line stands, and
    the same with ours does.
    """
    servers = servers_of(secured)
    assert dialled(NatsLine(servers, "ours")) == ""
    assert dialled(NatsLine(replace(servers, tls=""), "plain"))
    make(tmp_path / "others", (CARRIER,), 30)
    assert "certificate" in dialled(NatsLine(replace(servers, tls=str(tmp_path / "others")), "x"))
    (tmp_path / "none").mkdir()
    missing = dialled(NatsLine(replace(servers, tls=str(tmp_path / "none")), "none"))
    assert "there is no such file" in missing
    page = secured.servers[0].monitor_url
    assert page_of(page, str(keys)) is not None
    assert page_of(page, str(tmp_path / "others")) is None


@pytest.mark.parametrize("wrong", ["name", "plain"])
def test_a_server_that_is_not_one_of_ours_is_told_nothing(
    keys: Path, tmp_path: Path, wrong: str
) -> None:
    """A server that shows the arbiter's certificate, or talks in plain text: no line stands."""
    other = Cluster(tmp_path / "nats", nodes=1)
    server = other.servers[0]
    if wrong == "name":
        server.keys, server.shown = keys, ARBITER
    try:
        other.start()
        line = NatsLine(replace(servers_of(other), tls=str(keys)), "ours")
        said = dialled(line)
        assert "mismatch" in said if wrong == "name" else said
        assert server.ask("/connz").get("total", 0) == 0
        if wrong == "name":
            assert page_of(server.monitor_url, str(keys)) is None
    finally:
        other.close()


def test_certificates_of_lines_to_servers_are_looked_at(keys: Path) -> None:
    """`pair-keys show` and with it the self-test know their names too."""
    assert {one.name: one.why for one in examine(keys)} == {
        "authority": "", ARBITER: "", CARRIER: "", MESSAGING: "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "messaging.servers[0]: nats://10.1.1.1:4222 is beyond loopback"),
        ("plain = true\n", ""),
        ('tls = "keys"\n', "messaging.monitors[0]: 'http://10.1.1.1:8222' is not https"),
    ],
)
def test_lines_beyond_loopback_are_secured_or_said_to_be_plain(
    tmp_path: Path, more: str, said: str
) -> None:
    """O-06: certificates, or an explicit word."""
    shipped = (Path(read_config.__code__.co_filename).parent / "data" / "desk.toml").read_text()
    path = tmp_path / "desk.toml"
    path.write_text(
        shipped + '\n[isolation]\npeers = ["127.0.0.1", "10.1.1.1"]\n[messaging]\nenabled = true\n'
        'servers = ["nats://10.1.1.1:4222"]\nmonitors = ["http://10.1.1.1:8222"]\nreplicas = 1\n'
        + more
    )
    if not said:
        assert read_config(path).messaging.plain
        return
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    assert said in str(raised.value)
