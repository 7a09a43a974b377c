"""Two nodes and an arbiter in one process, over real sockets, with a toy machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from test_live_host import BASE, Go, Ping

from quanheng.edge.arbiter_main import ArbiterProcess
from quanheng.edge.arbiter_main import Setup as ArbiterSetup
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.maker_setup import PairSetup
from quanheng.edge.pair import Lead, Node
from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.runtime.live import LiveHost
from quanheng.runtime.segment import read_segments
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, SECOND

PATIENCE = 60 * SECOND
TTL = 3 * SECOND


class Rig:
    """An arbiter and up to two nodes in one process, each with a loop and a folder of its own."""

    def __init__(self, root: Path, tls: str = "") -> None:
        """`tls`: folder of the pair's certificates; links are plain without."""
        self.root, self.tls = root, tls
        (root / "arbiter" / "live").mkdir(parents=True)
        setup = ArbiterSetup("127.0.0.1", 0, TTL, tls=tls)
        self.arbiter = ArbiterProcess(root / "arbiter", setup, Loop())
        self.nodes: dict[str, Node] = {}
        self.leads: dict[str, tuple[Lead, LiveHost]] = {}

    def node(self, name: str, **changes: Any) -> Node:
        """Start a node, or start it again."""
        run = self.root / name
        (run / "live").mkdir(parents=True, exist_ok=True)
        make = changes.pop("make", Ping)
        setup = PairSetup(
            **{
                "node": name, "first": name == "a", "host": "127.0.0.1",
                "arbiter": ("127.0.0.1", self.arbiter.port), "build": "1", "lease": TTL,
                "tls": self.tls, **changes,
            }
        )  # fmt: skip
        node = self.nodes[name] = Node(run, setup, Loop(), make)
        node.going = True
        return node

    def turn(self) -> None:
        self.arbiter.turn()
        for name, node in self.nodes.items():
            if name in self.leads:
                self._lead_on(name, node)
            elif node.granted:
                lead = node.lead()
                self.leads[name] = lead, LiveHost(lead.host)
            else:
                node.turn()

    def _lead_on(self, name: str, node: Node) -> None:
        lead = self.leads[name][0]
        node.loop.poll(0)
        lead.push()
        lead.journal.sync()
        lead.tick(monotonic())
        node.loop.flush()

    def until(self, wanted: Callable[[], bool], what: str) -> None:
        end = monotonic() + PATIENCE
        while not wanted():
            assert monotonic() < end, f"never: {what}"
            self.turn()

    def start(self, **changes: Any) -> tuple[Lead, LiveHost]:
        """Node a leads, node b follows closely."""
        self.node("a", **changes)
        self.until(lambda: "a" in self.leads, "a leads")
        self.node("b")
        lead, live = self.leads["a"]
        self.until(lambda: lead.standby == 2, "b is whole")
        return lead, live

    def kill(self, name: str) -> None:
        """The process is gone: its sockets close, its lock goes, nothing is tidied up."""
        node = self.nodes.pop(name)
        self.leads.pop(name, None)
        journal = node.copy.journal
        gone(node)
        for descriptor in (journal._lock, journal._file):
            if descriptor >= 0:
                journal._disk.close(descriptor)

    def said(self, name: str, what: str) -> list[dict[str, Any]]:
        rows = read_lines(self.root / name / "live" / "maker.jsonl")
        return [row for row in rows if row["what"] == what]

    def close(self) -> None:
        for node in self.nodes.values():
            gone(node)
            node.copy.journal.close()
        self.arbiter.close()


def gone(node: Node) -> None:
    """Its sockets."""
    node.loop.close()
    node._listener.close()
    node.lines.close()


def frames_of(run: Path) -> list[bytes]:
    return [frame.chain for frame in read_segments(run / "journal" / "ping", "ping")]


def sends(held: Any) -> list[str]:
    return [
        request.client_id
        for part in held
        for effect in part.effects
        if isinstance(effect, Send)
        for request in effect.requests
    ]


def go_on(live: LiveHost, milliseconds: int) -> None:
    """Inputs of so much business time, appended and applied, not yet released."""
    if not live.at:
        live.take(Go(), BASE, Source.RUNTIME)
    live.advance(live.at + milliseconds * MILLISECOND)


def committed(rig: Rig, lead: Lead, live: LiveHost) -> list[str]:
    """What leaves once the follower has confirmed everything."""
    out: list[str] = []

    def confirmed() -> bool:
        lead.push()
        out.extend(sends(live.commit()))
        return len(lead.release) == 0

    rig.until(confirmed, "the follower confirms")
    return out


def a_host(journal: Any) -> Any:
    return Host(Ping(), journal)
