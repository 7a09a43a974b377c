"""A pair of nodes: copy, comparison, release behind the follower's disk, lease, take-over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_live_host import BASE, Go, Ping

from quanheng.edge.arbiter import Arbiter, Ask, Denied, Granted, Lease
from quanheng.edge.arbiter_main import ArbiterProcess
from quanheng.edge.arbiter_main import Setup as ArbiterSetup
from quanheng.edge.clock import monotonic
from quanheng.edge.follower import Copy, CopyError, cut_back
from quanheng.edge.gateway_parts import KeptFile
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.maker_setup import PairSetup
from quanheng.edge.pair import Lead, Node
from quanheng.edge.replication import OldFrames, ReplicatedJournal
from quanheng.edge.standing import STOPS
from quanheng.runtime.envelope import Source
from quanheng.runtime.journal import INPUT
from quanheng.runtime.live import LiveHost
from quanheng.runtime.release import Policy
from quanheng.runtime.segment import SegmentJournal, read_segments
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.orders import Send
from quanheng.terms.units import MILLISECOND, SECOND

PATIENCE = 60 * SECOND
TTL = 3 * SECOND


class Rig:
    """An arbiter and up to two nodes in one process, each with a loop and a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "arbiter" / "live").mkdir(parents=True)
        self.arbiter = ArbiterProcess(root / "arbiter", ArbiterSetup("127.0.0.1", 0, TTL), Loop())
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
                "arbiter": ("127.0.0.1", self.arbiter.port), "build": "1", "lease": TTL, **changes,
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


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


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


def test_a_follower_copies_compares_and_takes_over(rig: Rig) -> None:
    """The copy is the leader's journal, chain for chain; killed, the leader is followed by node b
    with a higher epoch, and its machine goes on where the journal ended.
    """
    lead, live = rig.start()
    go_on(live, 900)
    assert committed(rig, lead, live) == [f"M001{n:06d}" for n in range(1, 13)]
    rig.until(lambda: rig.nodes["b"].copy.inputs == live.host.sequencer.seq, "b applied it")
    live.checkpoint(monotonic())
    rig.until(lambda: bool(FolderSnapshots(rig.root / "b", "ping").seqs()), "b keeps a snapshot")
    fired = list(live.host.machine.state.fired)
    due = live.host.timers.next_due()
    rig.kill("a")
    rig.until(lambda: "b" in rig.leads, "b leads")
    assert frames_of(rig.root / "b") == frames_of(rig.root / "a")
    took, onward = rig.leads["b"]
    assert took.epoch == lead.epoch + 1
    assert onward.host.machine.state.fired == fired and onward.host.timers.next_due() == due
    rig.node("a")
    rig.until(lambda: took.standby == 2, "a follows b")
    go_on(onward, 250)
    assert committed(rig, took, onward)[0] == "M001000013"
    assert frames_of(rig.root / "a")[-3:] == frames_of(rig.root / "b")[-3:]


def test_nothing_leaves_before_the_followers_disk(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An effect waits for both disks (borders.md 2, `replicated`). A leader that forgets to wait
    for the follower is seen by the same look.
    """
    lead, live = rig.start()

    def early() -> list[str]:
        go_on(live, 120)
        lead.push()
        return sends(live.commit())

    assert early() == []
    assert committed(rig, lead, live) == ["M001000001"]
    monkeypatch.setattr(lead.release, "policy", Policy.SYNCED)
    assert early() == ["M001000002"]


def test_a_leader_without_a_follower_tells_the_arbiter_first(rig: Rig) -> None:
    """Alone it releases only what the arbiter knows that a copy lacks; then node b may not lead
    until it is whole again.
    """
    lead, live = rig.start()
    go_on(live, 120)
    assert committed(rig, lead, live) == ["M001000001"]
    rig.kill("b")
    go_on(live, 100)
    assert lead.release.policy == Policy.REPLICATED
    assert committed(rig, lead, live) == ["M001000002"]
    assert rig.arbiter.core.whole == "a" and lead.standby == 1
    rig.kill("a")
    rig.node("b")
    rig.until(lambda: "only a holds" in rig.nodes["b"].lease.why, "b is refused")
    assert "b" not in rig.leads
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads again")
    again = rig.leads["a"][0]
    rig.until(lambda: again.standby == 2, "b is whole")
    assert rig.arbiter.core.whole == ""


def test_a_leader_that_may_not_be_alone_stops(rig: Rig) -> None:
    """`alone = false`: nothing leaves before there is a follower, and its loss stops the leader."""
    rig.node("a", alone=False)
    rig.until(lambda: "a" in rig.leads, "a leads")
    lead, live = rig.leads["a"]
    go_on(live, 120)
    for _ in range(3):
        rig.turn()
        assert sends(live.commit()) == []
    rig.node("b")
    assert committed(rig, lead, live) == ["M001000001"]
    rig.until(lambda: lead.standby == 2, "b is whole")
    rig.kill("b")
    rig.until(lambda: lead.tick(monotonic()) == STOPS, "a stops")


def test_f64_a_machine_that_differs_is_named_and_may_not_lead(rig: Rig) -> None:
    """A follower whose machine says something else on the same input names frame and input, follows
    no more, and never leads.
    """

    class Other(Ping):
        def apply(self, envelope: Any) -> Any:
            effects = list(super().apply(envelope))
            return effects[:1] if len(self.state.fired) == 3 else effects

    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    rig.node("b", make=Other)
    lead, live = rig.leads["a"]
    rig.until(lambda: lead.standby == 2, "b follows")
    go_on(live, 500)
    committed(rig, lead, live)
    rig.until(lambda: bool(rig.said("b", "diverged")), "b sees it")
    (line,) = rig.said("b", "diverged")
    assert (line["input"], line["why"]) == (4, "effects differ")
    assert "M001000003" in line["journaled"]
    rig.until(lambda: bool(rig.said("a", "follower_diverged")), "a is told")
    rig.kill("a")
    rig.until(lambda: "does not want" in rig.nodes["b"].lease.why, "b does not lead")


def test_f64_an_input_changed_on_the_way_is_named(tmp_path: Path) -> None:
    """Another input with a whole chain of its own: the effects that follow differ."""
    leader = SegmentJournal(tmp_path / "a", "ping")
    live = LiveHost(_host(leader))
    go_on(live, 300)
    leader.close()
    copy = Copy(Ping, ReplicatedJournal(tmp_path / "b", "ping"), FolderSnapshots(tmp_path, "ping"))
    forged = SegmentJournal(tmp_path / "c", "ping")
    for frame in read_segments(tmp_path / "a/journal/ping", "ping"):
        payload = frame.payload
        if frame.kind == INPUT and frame.seq > 3:
            payload = payload.replace(b"\xa1a", b"\xa1b", 1)
        forged.append(frame.kind, payload)
    forged.close()
    data = (tmp_path / "c/journal/ping" / f"{1:016d}.seg").read_bytes()
    copy.take(data)
    found = copy.apply()
    assert found is not None and (found.what, found.frame, found.input_seq) == (
        "effects differ",
        6,
        3,
    )
    copy.journal.close()


def _host(journal: Any) -> Any:
    from quanheng.runtime.host import Host

    return Host(Ping(), journal)


def test_a_copy_that_parted_is_cut_back_and_kept_aside(rig: Rig) -> None:
    """A leader that died with frames nobody else has comes back, finds that its end is no part of
    the new leader's journal, and goes back to the snapshot before.
    """
    lead, live = rig.start()
    go_on(live, 300)
    committed(rig, lead, live)
    live.checkpoint(monotonic())
    rig.until(lambda: bool(FolderSnapshots(rig.root / "b", "ping").seqs()), "b has the mark")
    go_on(live, 300)
    live.host.journal.sync()  # on our disk, not on the follower's, so nothing of it left
    rig.kill("a")
    rig.until(lambda: "b" in rig.leads, "b leads")
    took, onward = rig.leads["b"]
    onward.take(Go(), onward.at + MILLISECOND, Source.RUNTIME)  # b's history is another
    go_on(onward, 500)
    rig.node("a")
    rig.until(lambda: took.standby == 2, "a follows b")
    go_on(onward, 100)
    committed(rig, took, onward)
    assert [row["what"] for row in rig.said("a", "cut_back")] == ["cut_back"]
    assert frames_of(rig.root / "a") == frames_of(rig.root / "b")
    kept = list((rig.root / "a" / "aside").rglob("*.frames"))
    assert len(kept) == 1 and kept[0].stat().st_size > 500


def test_f10_a_damaged_copy_is_made_anew(rig: Rig) -> None:
    """Damage below what was durable: the node sets its journal aside and copies the leader's."""
    lead, live = rig.start()
    for _ in range(3):
        go_on(live, 300)
        committed(rig, lead, live)
    rig.kill("b")
    path = next((rig.root / "b/journal/ping").glob("*.seg"))
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 4
    path.write_bytes(data)
    rig.node("b")
    assert "damaged" in rig.said("b", "damaged")[0]["what"]
    copy = rig.nodes["b"].copy.journal
    end = lead.journal.next_seq
    rig.until(lambda: rig.nodes["b"].copy.journal.next_seq == end, "b is whole again")
    assert copy is rig.nodes["b"].copy.journal
    assert frames_of(rig.root / "b") == frames_of(rig.root / "a")


def test_f17_another_build_is_refused(rig: Rig) -> None:
    """A follower of another build copies nothing."""
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    rig.node("b", build="2")
    rig.until(lambda: bool(rig.said("b", "refused")), "b is refused")
    assert "build 1, the follower 2" in rig.said("b", "refused")[0]["why"]
    assert rig.nodes["b"].copy.journal.next_seq == 1


def test_a_lease_that_runs_out_stops_the_leader(rig: Rig) -> None:
    """Fence 1: without answers of the arbiter the leader stops before its lease ends; time that
    stood still for the process counts as well.
    """
    lead, _ = rig.start()
    assert lead.tick(monotonic()) == ""
    assert lead.tick(monotonic() + TTL - 400 * MILLISECOND) == "the lease ran out"


# The arbiter --------------------------------------------------------------------------------------


def ask(node: str, fit: bool = True, known: int = 0) -> Ask:
    return Ask(node, fit, known, "127.0.0.1", 1)


def test_f62_an_epoch_is_given_once(tmp_path: Path) -> None:
    """Higher than any given or seen, whatever the store forgot; a holder keeps it to the end."""
    store = KeptFile(tmp_path / "lease.json", Lease)
    core = Arbiter(store, 0)
    assert core.take(ask("a"), 0) == Granted(1)
    held = core.take(ask("b"), TTL - 1)
    assert isinstance(held, Denied) and held.leader == "a"
    assert core.take(ask("b"), TTL) == Granted(2)
    again = Arbiter(store, TTL)
    assert isinstance(again.take(ask("a"), 2 * TTL - 1), Denied)  # b may still hold it
    assert again.take(ask("a"), 2 * TTL) == Granted(3)
    (tmp_path / "lease.json").unlink()
    assert Arbiter(store, 0).take(ask("a", known=7), TTL) == Granted(8)


def test_a_holder_whose_line_ended_has_the_grace(tmp_path: Path) -> None:
    """Not at once, and not the whole lease."""
    core = Arbiter(KeptFile(tmp_path / "lease.json", Lease), 0, TTL, 200)
    core.take(ask("a"), 0)
    core.gone("b", 10)
    core.gone("a", 10)
    assert isinstance(core.take(ask("b"), 209), Denied)
    assert isinstance(core.take(ask("b", fit=False), 210), Denied)
    assert core.take(ask("b"), 210) == Granted(2)


# The pieces ---------------------------------------------------------------------------------------


def test_old_frames_come_whole_from_any_place(tmp_path: Path, monkeypatch: Any) -> None:
    """Pieces across segments, from every frame on, equal the frames of the journal."""
    journal = ReplicatedJournal(tmp_path, "ping", segment_bytes=2_000)
    for number in range(60):
        journal.append(INPUT, bytes([number]) * (37 * number % 400))
    journal.flush()
    folder = tmp_path / "journal" / "ping"
    whole = b"".join(path.read_bytes() for path in sorted(folder.glob("*.seg")))
    sizes = [61 + 37 * number % 400 for number in range(60)]
    monkeypatch.setattr("quanheng.edge.replication.PIECE", 700)
    for seq in range(1, 62):
        old, got, calls = OldFrames(folder, seq), b"", 0
        while old.seq < 61 and calls < 500:
            got += old.piece()
            calls += 1
        assert got == whole[sum(sizes[: seq - 1]) :]
        assert old.piece() == b""
    journal.append(INPUT, b"more")
    journal.flush()
    assert old.piece()[-4:] == b"more"
    journal.close()


def test_frames_that_do_not_follow_are_refused_whole(tmp_path: Path) -> None:
    """A flipped bit or a gap: nothing of the message is taken."""
    leader = SegmentJournal(tmp_path / "a", "ping")
    go_on(LiveHost(_host(leader)), 300)
    leader.close()
    data = (tmp_path / "a/journal/ping" / f"{1:016d}.seg").read_bytes()
    copy = Copy(Ping, ReplicatedJournal(tmp_path / "b", "ping"), FolderSnapshots(tmp_path, "ping"))
    for bad in (data[:70] + b"\0" + data[71:], data[data.find(b"QHJ1", 4) :], data[:-1]):
        with pytest.raises(CopyError, match="frame"):
            copy.take(bad)
        assert copy.journal.next_seq == 1
    assert copy.take(data) == copy.journal.next_seq - 1 > 3
    copy.journal.close()


def test_cut_back_leaves_a_journal_that_opens(tmp_path: Path) -> None:
    """At every frame: the head opens, the tail is kept, byte for byte."""
    for seq in range(1, 8):
        run = tmp_path / str(seq)
        journal = SegmentJournal(run, "ping", segment_bytes=300)
        for number in range(8):
            journal.append(INPUT, bytes([number]) * 80)
        journal.close()
        before = sorted((run / "journal/ping").glob("*.seg"))
        whole = b"".join(path.read_bytes() for path in before)
        target = cut_back(run, "ping", seq)
        head = SegmentJournal(run, "ping", segment_bytes=300)
        assert head.next_seq == seq + 1
        head.close()
        left = b"".join(p.read_bytes() for p in sorted((run / "journal/ping").glob("*.seg")))
        kept = b"".join(p.read_bytes() for p in sorted(target.glob("after-*")))
        kept += b"".join(p.read_bytes() for p in sorted(target.glob("*.seg")))
        assert left + kept == whole
