"""A pair of nodes: copy, comparison, release behind the follower's disk, lease, take-over."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pair_rig import TTL, Rig, a_host, committed, frames_of, go_on, sends
from test_live_host import Go, Ping

from quanheng.edge.arbiter import Renew
from quanheng.edge.clock import monotonic
from quanheng.edge.follower import Copy
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.link_messages import encode_frame
from quanheng.edge.replication import ReplicatedJournal
from quanheng.edge.standing import STOPS
from quanheng.runtime.envelope import Source
from quanheng.runtime.journal import INPUT
from quanheng.runtime.live import LiveHost
from quanheng.runtime.release import Policy
from quanheng.runtime.segment import SegmentJournal, read_segments
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.units import MILLISECOND, SECOND


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


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
    live = LiveHost(a_host(leader))
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


def test_f63_a_line_that_was_given_up_takes_no_lease_away(rig: Rig) -> None:
    """Where answers are lost, the end of a leader's old line may arrive long after it speaks on
    another: the lease stays whole. The end of the line it speaks on leaves the grace alone.
    """
    rig.node("a")
    rig.until(lambda: "a" in rig.leads, "a leads")
    core = rig.arbiter.core
    ends = []
    for number in (1, 2):
        old = socket.create_connection(("127.0.0.1", rig.arbiter.port))
        old.sendall(encode_frame(Renew("a", core.epoch, number)))
        rig.until(lambda n=number: len(rig.arbiter.loop.connections) > n, "it has spoken")  # type: ignore[misc]
        ends.append(old)
    renewed = core._until
    rig.until(lambda: core._until > renewed + SECOND // 4, "the leader renews on its own line")
    for old in ends:
        old.close()
    rig.until(lambda: len(rig.arbiter.loop.connections) == 1, "both ended")
    log = rig.root / "arbiter" / "live" / "arbiter.jsonl"
    assert core.held(monotonic() + TTL // 2)
    assert [line for line in read_lines(log) if line["what"] == "gone"] == []
    rig.kill("a")
    rig.until(lambda: any(line["what"] == "gone" for line in read_lines(log)), "a is gone")
    assert not core.held(monotonic() + TTL // 2)
