"""A node on another host than the run folder: overseer and issued commands over TLS (T-05, R-01).

Real processes' classes over real sockets: an arbiter, a maker that leads in a folder of its own, an
overseer in the run folder. The folder of the maker holds nothing that people or the firm write.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_live_issued import NOON, Desk

from quanheng.compose import authority_desk, pair_keys
from quanheng.compose.authority_desk import AuthorityDesk
from quanheng.compose.openings import Openings
from quanheng.compose.oversight_day import OversightDay
from quanheng.compose.reference import load
from quanheng.compose.scenarios import load as scenario
from quanheng.config import ConfigError, read_config
from quanheng.edge.arbiter_main import ArbiterProcess
from quanheng.edge.arbiter_main import Setup as ArbiterSetup
from quanheng.edge.clock import monotonic
from quanheng.edge.firm_acts import add_act
from quanheng.edge.firm_link import SOCKET
from quanheng.edge.issued import ISSUED
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.maker_process import MakerProcess
from quanheng.edge.maker_setup import PairSetup
from quanheng.edge.overseer_process import OverseerProcess
from quanheng.edge.pair import Node
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.edge.tls import NAMES, Identity
from quanheng.maker.maker import Maker
from quanheng.oversight.messages import Restrain
from quanheng.terms.codes import Alert, Overseen, TradingState
from quanheng.terms.commands import SignOn
from quanheng.terms.units import SECOND


class Hosts:
    """Three places in one process."""

    def __init__(self, root: Path) -> None:
        self.keys, self.home = root / "keys", root / "home"
        pair_keys.make(self.keys, NAMES, 30)
        (self.home / "live").mkdir(parents=True)
        (root / "arbiter" / "live").mkdir(parents=True)
        setup = ArbiterSetup("127.0.0.1", 0, tls=str(self.keys))
        self.arbiter = ArbiterProcess(root / "arbiter", setup, Loop())
        self.desk = Desk(root / "node")
        self.overseer = self.oversee(0)
        self.maker = self.lead()

    def oversee(self, port: int) -> OverseerProcess:
        """One life of the overseer's process."""
        book, calm = read_rulebook(20240627), scenario("calm")
        openings = Openings(calm, load(pick="12"), book, read_config(), 1, SECOND)
        setup = OversightDay(None).setup(
            openings, NOON, host="127.0.0.1", feed_port=9, copy_port=9, snapshot_every=0, marks=[],
            desk=("127.0.0.1", port), tls=str(self.keys),
        )  # fmt: skip
        process = OverseerProcess(self.home, setup, Loop())
        process.begin(self.desk.clock)
        return process

    def lead(self) -> MakerProcess:
        """The maker of node b, which finds the overseer by its place alone."""
        pair = PairSetup(
            node="b", first=True, host="127.0.0.1", arbiter=("127.0.0.1", self.arbiter.port),
            build="1", overseer=("127.0.0.1", self.overseer.door.port), tls=str(self.keys),
        )  # fmt: skip
        own = msgspec.structs.replace(
            self.desk.setup, pair=pair, overseer_late=2 * SECOND, overseer_lost=600 * SECOND
        )
        node = Node(self.desk.run, pair, Loop(), Maker)
        node.going = True
        end = monotonic() + 30 * SECOND
        while not node.granted and monotonic() < end:
            node.turn()
            self.arbiter.turn()
        process = MakerProcess(self.desk.run, own, node.loop, {"spawned": monotonic()}, node.lead())
        process.begin(self.desk.clock)
        return process

    def until(self, wanted: Any, what: str) -> None:
        end = monotonic() + 60 * SECOND
        while not wanted():
            assert monotonic() < end and not self.maker.failed, f"never: {what}"
            self.maker.turn()
            self.overseer.turn()
            self.arbiter.turn()

    def close(self) -> None:
        self.maker.close()
        self.overseer.close()
        self.arbiter.close()


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    monkeypatch.setattr(authority_desk, "clock", lambda: NOON)
    made = Hosts(tmp_path)
    yield made
    made.close()


def issue(hosts: Hosts, person: str) -> None:
    with AuthorityDesk(hosts.home, begin=True) as desk:
        assert desk.propose(SignOn("trader", person, True), person).status == "issued"


def test_commands_and_beats_reach_a_node_that_shares_no_folder(hosts: Hosts) -> None:
    """What the desk's authority issues counts once, also after the overseer's process is another;
    what the firm restrains counts; the engine is watched, and late while nobody beats.
    """
    state = hosts.maker._machine.state
    hosts.until(lambda: hosts.overseer.door.up, "the engine is there")
    issue(hosts, "T01")
    hosts.until(lambda: list(state.issued) == [1], "the first command")
    assert state.scopes.duty["trader *"] == ["T01"]
    assert not (hosts.desk.run / ISSUED).exists() and not (hosts.desk.run / SOCKET).exists()
    port = hosts.overseer.door.port
    hosts.overseer.close()
    hosts.overseer = hosts.oversee(port)
    issue(hosts, "T02")
    hosts.until(lambda: list(state.issued) == [1, 2], "the second command")
    said = read_lines(hosts.desk.run / "live" / "maker.jsonl")
    assert [one["proposal"] for one in said if one["what"] == "issued"] == [1, 2]
    add_act(hosts.home, Restrain("*", TradingState.HALTED, "drill", "F01"))
    hosts.until(lambda: state.scopes.states.get("*") == TradingState.HALTED, "the restraint")
    assert state.scopes.overseen == Overseen.WATCHED
    tick, hosts.overseer.door.tick = hosts.overseer.door.tick, lambda now: None  # type: ignore[method-assign]
    hosts.until(lambda: state.scopes.overseen == Overseen.LATE, "late without beats")
    hosts.overseer.door.tick = tick  # type: ignore[method-assign]
    hosts.until(lambda: state.scopes.overseen == Overseen.WATCHED, "watched again")


def test_only_a_node_of_the_pair_may_be_the_engine(hosts: Hosts) -> None:
    """Whoever holds another of the pair's certificates neither hears the firm nor takes the
    engine's place (O-06).
    """
    hosts.until(lambda: hosts.overseer.door.up, "the engine is there")
    engine = hosts.overseer.door._engine
    channel = Identity(hosts.keys, "arbiter").call(*NAMES)
    with socket.create_connection(("127.0.0.1", hosts.overseer.door.port)) as sock:
        sock.sendall(channel.output())
        sock.setblocking(False)

        def refused() -> bool:
            try:
                channel.take(sock.recv(1 << 16))
                sock.sendall(channel.output())
            except (BlockingIOError, ConnectionError):
                pass
            return any(line["what"] == "alert" for line in lines())

        def lines() -> list[dict[str, Any]]:
            return read_lines(hosts.home / "live" / "overseer.jsonl")

        hosts.until(refused, "the arbiter's certificate is refused")
    (alert,) = (line for line in lines() if line["what"] == "alert")
    assert alert["code"] == Alert.LINK_REFUSED and "certificate of arbiter" in alert["args"][1]
    assert hosts.overseer.door._engine is engine


def test_an_overseer_of_other_hosts_needs_its_port(tmp_path: Path) -> None:
    """check-config names the key."""
    text = (Path(__file__).parents[2] / "src/quanheng/data/desk.toml").read_text("utf-8")
    path = tmp_path / "desk.toml"
    section = '\n[standby]\nhost_overseer = "127.0.0.1"\n'
    path.write_text(text + section, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"standby\.port_overseer"):
        read_config(path)
    path.write_text(f"{text}{section}port_overseer = 8017\n", encoding="utf-8")
    assert read_config(path).standby.port_overseer == 8017
