"""F65: a server dies, the quorum is lost, a partition, the stream deleted, cut short, forked, a
storage wiped. The writer goes on; afterwards the stream is filled again, equal frame by frame.

Real servers on loopback. The copier that is tested is the one of the live run.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from copy_rig import MACHINE, CopyRig, servers_of
from nats_rig import Cluster, wait_for

from quanheng.edge.build import write_build
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.nats_copying import Setup
from quanheng.edge.nats_line import WRONG_LAST, LineDownError, RefusedError
from quanheng.edge.nats_stream import FrameStream, raw
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.segment import SegmentJournal


@pytest.fixture
def rig(cluster: Cluster, tmp_path: Path) -> Iterator[CopyRig]:
    made = CopyRig(tmp_path / "run", cluster)
    made.write(20)
    made.copied()
    yield made
    made.close()


def leader(rig: CopyRig) -> str:
    seen = rig.stream().look()
    assert seen is not None and seen.leader
    return seen.leader


def stepped(rig: CopyRig, name: str) -> None:
    """Have another server lead the stream."""

    async def ask(js: object) -> None:
        request = json.dumps({"placement": {"preferred": name}}).encode()
        subject = f"$JS.API.STREAM.LEADER.STEPDOWN.{rig.name}"
        await js._nc.request(subject, request, timeout=5)  # type: ignore[attr-defined]

    def done() -> bool:
        line = rig.line()
        try:
            line.call(ask)
            return leader(rig) == name
        except (LineDownError, AssertionError):
            return False

    wait_for(done, 30, f"{name} leads the stream")


def test_f65_the_copy_grows_with_the_journal(rig: CopyRig) -> None:
    """One message a frame, its number the frame's, bytes as in the segments."""
    for _ in range(3):
        rig.write(40)
        rig.copied()
    assert rig.held() == rig.kept() and len(rig.kept()) == 280
    assert rig.copier.published == 280 and rig.copier.made == 1
    assert rig.stream().one(77) == rig.kept()[76]


def test_f65_the_leader_dies_and_its_storage_is_gone(rig: CopyRig, cluster: Cluster) -> None:
    """kill -9 of the stream's leader, its whole storage wiped: two servers carry on after an
    election, and the third is filled from them, so that it can lead with the same frames.
    """
    name = leader(rig)
    cluster.named(name).kill()
    cluster.named(name).wipe()
    rig.write(200)
    assert rig.journal.durable_seq == 440  # the writer has not waited for anybody
    rig.copied()
    assert rig.held() == rig.kept()
    cluster.whole()
    rig.write(5)
    rig.copied()
    stepped(rig, name)
    assert rig.held() == rig.kept() and rig.copier.made == 1


def test_f65_the_quorum_is_lost_and_the_writer_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    """Two servers killed: the copier's own process waits, says so and lives; the writer makes
    everything durable meanwhile. With the quorum back the stream is filled.
    """
    (tmp_path / "live").mkdir()
    write_build(tmp_path)
    names = {MACHINE: "QHJ-quorum"}
    (tmp_path / "live" / "copier.msgpack").write_bytes(
        msgspec.msgpack.encode(Setup(servers_of(cluster), names))
    )
    journal = SegmentJournal(tmp_path, MACHINE)

    def write(count: int) -> None:
        for _ in range(count):
            journal.append(INPUT, b"\xa4ping%06d" % journal.next_seq)
            journal.append(EFFECTS, b"\x90")
            journal.sync()

    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "quanheng.edge.copier_main", str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdin is not None
        assert b"ready" in process.stdout.readline(), (tmp_path / "log").read_text()
        write(50)
        lines = tmp_path / "live" / "copier.jsonl"

        def confirmed(seq: int) -> bool:
            said = [row for row in read_lines(lines) if row["what"] == "health"]
            return bool(said) and said[-1]["ping_confirmed"] == seq

        wait_for(lambda: confirmed(100), 30, "the copy is whole")
        for server in cluster.servers[:2]:
            server.kill()
        write(300)
        assert journal.durable_seq == 700 and process.poll() is None
        wait_for(lambda: any(r["what"] == "down" for r in read_lines(lines)), 30, "it says so")
        cluster.whole()
        wait_for(lambda: confirmed(700), 60, "the copy is whole again")
        write(5)
        process.stdin.write(b"stop\n")
        process.stdin.flush()
        assert process.wait(30) == 0, (tmp_path / "log").read_text()
        ended = json.loads(process.stdout.read().splitlines()[-1])
        assert ended["event"] == "ended" and ended["ping_confirmed"] == 710
        assert ended["ping_made"] == 1
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        journal.close()


def test_f65_a_partition_heals_without_a_second_history(rig: CopyRig, cluster: Cluster) -> None:
    """The stream's leader is cut from the other two while it goes on running: it acknowledges
    nothing, the majority does, and the cut server comes round to their history.
    """
    name = leader(rig)
    cluster.cut(name)
    rig.write(100)
    rig.copied()
    assert rig.journal.durable_seq == 240
    cluster.cut(name, cut=False)
    cluster.whole()
    rig.write(5)
    rig.copied()
    stepped(rig, name)
    assert rig.held() == rig.kept() and rig.copier.made == 1


def test_f65_a_server_that_stands_still_is_left(rig: CopyRig, cluster: Cluster) -> None:
    """SIGSTOP of the server that leads: it keeps its sockets and answers nothing."""
    server = cluster.named(leader(rig))
    server.signal(signal.SIGSTOP)
    rig.write(50)
    rig.copied()
    server.signal(signal.SIGCONT)
    cluster.whole()
    assert rig.held() == rig.kept() and rig.copier.made == 1


def test_f65_a_deleted_stream_is_filled_again(rig: CopyRig) -> None:
    """Everything is in the segments."""
    rig.stream().drop()
    rig.write(30)
    rig.copied()
    assert rig.held() == rig.kept() and rig.copier.made == 2
    assert rig.heard("anew")[-1]["why"] == "it is not there"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("cut short", "frame"),
        ("forked", "frame 11 is not the journal's"),
        ("damaged", "frame 11 is not the journal's"),
        ("longer", "frame 41 is not the journal's"),
        ("begins later", "it begins at frame 5, the journal at 1"),
    ],
)
def test_f65_another_history_is_named_and_made_anew(
    rig: CopyRig, tmp_path: Path, change: str, said: str
) -> None:
    """The stream is replaced behind the copier's back by one with another content; a cut-off end
    is simply filled, the others are named and made anew.
    """
    kept = rig.kept()
    other = SegmentJournal(tmp_path / "other", MACHINE)
    for number in range(60):
        text = (
            b"other" if number >= 5 and change == "forked" else b"\xa4ping%06d" % (3 * number + 1)
        )
        other.append(INPUT, text)
        other.append(EFFECTS, b"\x90")
    forked = [raw(frame) for frame in other.read(11)]
    other.close()
    messages = {
        "cut short": kept[:25],
        "forked": kept[:10] + forked,
        "damaged": [*kept[:10], kept[10][:-1] + b"?", *kept[11:]],
        "longer": [*kept, b"something else"],
        "begins later": kept[4:],
    }[change]
    stream, first = rig.stream(), 5 if change == "begins later" else 1
    stream.drop()
    stream.make(first)
    publish(stream, rig, messages, first)
    rig.write(4)
    wait_for(lambda: rig.turns(1) or rig.heard("unsure") or rig.heard("forked"), 20, "it is seen")
    rig.copied()
    assert rig.held() == rig.kept()
    named = [row["why"] for row in rig.heard("forked")]
    if change == "cut short":
        assert named == [] and rig.copier.made == 1
        assert rig.heard("unsure")[-1]["why"] == "it was made by somebody else"
    else:
        assert named and said in named[0], rig.said
        assert rig.copier.made == 2


def publish(stream: FrameStream, rig: CopyRig, messages: list[bytes], first: int) -> None:
    """Messages as they are, without the fences of the copier."""

    async def put(js: object) -> None:
        for data in messages:
            await js.publish(f"qh.journal.{stream.name}", data)  # type: ignore[attr-defined]

    rig.line().call(put, 30)


def test_f65_a_second_writer_is_refused(rig: CopyRig) -> None:
    """`Nats-Expected-Last-Sequence`: a gap and a second writer are refused by the server, and a
    second copier of the same journal adds nothing twice.
    """
    stream = rig.stream()
    frames = list(rig.journal.read(1))
    stream.put([frames[7]])  # sent again: dropped by its name, and nothing is doubled
    assert stream.look().last == 40
    other = msgspec.structs.replace(frames[7], payload=b"\xa5other")
    with pytest.raises(RefusedError) as told:
        stream.put([other])
    assert told.value.code == WRONG_LAST
    with pytest.raises(RefusedError) as gap:
        stream.put([msgspec.structs.replace(frames[-1], seq=99)])
    assert gap.value.code == WRONG_LAST
    second = rig.copier_of()
    rig.write(10)
    until = monotonic() + 20_000_000_000
    while second.copiers[0].confirmed < 60 and monotonic() < until:
        second.turn(monotonic())
    assert second.copiers[0].sure and second.copiers[0].confirmed == 60
    rig.copied()
    assert rig.held() == rig.kept() and rig.copier.made == 1
    second.close()


def test_f65_a_copy_that_is_cut_back_is_compared_again(rig: CopyRig) -> None:
    """A follower's journal that parts from its leader's goes back: the stream follows it."""
    rig.journal.close()
    folder = rig.run / "journal" / MACHINE
    (segment,) = folder.glob("*.seg")
    kept = rig.kept()
    segment.write_bytes(b"".join(kept[:30]))
    (folder / "end").unlink(missing_ok=True)
    rig.journal = SegmentJournal(rig.run, MACHINE)
    rig.write(3, b"\xa6others")
    again = rig.copier_of()
    rig.copying.close()
    rig.copying = again
    rig.copied()
    assert rig.held() == rig.kept() and len(rig.kept()) == 36
    assert "is not the journal's" in rig.heard("forked")[0]["why"]


def test_f65_memory_is_bounded_behind_a_long_journal(rig: CopyRig) -> None:
    """What is under way at once has a bound, however far the copy is behind (promise 30)."""
    from quanheng.edge import nats_journal

    rig.stream().drop()
    rig.write(3_000, b"\xa4ping" + b"x" * 900)
    largest = 0
    put = rig.copier.stream.put

    def measured(frames: list[object]) -> None:
        nonlocal largest
        largest = max(largest, sum(frame.size for frame in frames))  # type: ignore[attr-defined]
        assert len(frames) <= nats_journal.BATCH_FRAMES
        put(frames)

    rig.copier.stream.put = measured
    rig.copied()
    assert 0 < largest <= nats_journal.BATCH_BYTES
    assert rig.held() == rig.kept()
