"""F65: a server dies, its storage is wiped, the quorum is lost, a partition, a server stands still.

Real servers on loopback. The writer goes on; afterwards the stream equals the journal, frame by
frame.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
from copy_rig import MACHINE, CopyRig, leader, servers_of, stepped
from nats_rig import Cluster, wait_for

from quanheng.edge.build import write_build
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.nats_copying import Setup
from quanheng.runtime.journal import EFFECTS, INPUT
from quanheng.runtime.segment import SegmentJournal


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
