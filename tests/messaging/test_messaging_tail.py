"""Readers on another host: the journal from the stream alone, with the verbs of the files (F65)."""

import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest
from compose_world import call
from copy_rig import MACHINE, CopyRig, servers_of
from nats_rig import Cluster, wait_for

from quanheng.compose.console_log import RunLog
from quanheng.compose.console_scene import Scene
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_tail import JournalTail
from quanheng.edge.nats_copying import PLACE, Copying, Place, Setup, streams_of
from quanheng.edge.nats_line import NatsLine
from quanheng.edge.nats_tail import StreamTail
from quanheng.runtime.journal import JournalCorruptError


@pytest.fixture
def bare(cluster: Cluster, tmp_path: Path) -> Iterator[CopyRig]:
    made = CopyRig(tmp_path / "run", cluster)
    yield made
    made.close()


def test_a_reader_follows_as_the_journal_grows(bare: CopyRig) -> None:
    """Frames come once and in order, in pieces as well; their payloads are found again."""
    rig = bare
    rig.write(150)
    rig.copied()
    tail, files = StreamTail(rig.line(), rig.name, MACHINE), JournalTail(rig.run, MACHINE)
    first = list(tail.poll(4_000))
    assert 0 < len(first) < 300
    found = first + list(tail.poll())
    rig.write(20)
    rig.copied()
    found += list(tail.poll())
    assert list(tail.poll()) == []
    kept = list(files.poll())
    assert [frame for frame, _ in found] == [frame for frame, _ in kept]
    for number in (0, 77, len(kept) - 1):
        assert tail.payload(found[number][1]) == files.payload(kept[number][1])


def test_f65_a_reader_without_servers_falls_behind_and_goes_on(tmp_path: Path) -> None:
    """Consoles degrade: nothing comes and it is said why; afterwards it goes on where it was."""
    cluster = Cluster(tmp_path / "one", 1)
    rig = None
    try:
        cluster.start()
        rig = CopyRig(tmp_path / "run", cluster)
        rig.write(10)
        rig.copied()
        tail = StreamTail(rig.line(), rig.name, MACHINE)
        found = [frame for frame, _ in tail.poll()]
        cluster.servers[0].kill()
        wait_for(lambda: list(tail.poll()) or tail.why, 30, "it says why")
        rig.write(10)
        assert list(tail.poll()) == []
        cluster.whole()
        rig.copied()

        def more() -> bool:
            found.extend(frame for frame, _ in tail.poll())
            return len(found) == 40

        wait_for(more, 30, "the rest comes")
        assert found == [frame for frame, _ in JournalTail(rig.run, MACHINE).poll()]
    finally:
        if rig is not None:
            rig.close()
        cluster.close()


def test_f65_a_reader_names_a_history_that_is_another(bare: CopyRig) -> None:
    """What it has read is chained to what comes: a stream made anew with something else is found;
    one that was filled again from the same journal is not noticed.
    """
    rig = bare
    rig.write(10)
    rig.copied()
    same, other = (StreamTail(rig.line(), rig.name, MACHINE) for _ in range(2))
    assert len(list(same.poll())) == len(list(other.poll())) == 20
    rig.stream().drop()
    rig.write(5)
    rig.copied()
    more: list[int] = []
    wait_for(lambda: more.extend(f.seq for f, _ in same.poll()) or len(more) == 10, 30, "the rest")
    assert more == list(range(21, 31))
    rig.stream().drop()
    rig.journal.close()
    shutil.rmtree(rig.run / "journal")
    rig.copying.close()
    again = CopyRig(rig.run, rig.cluster)
    again.names = rig.names
    rig.copying = again.copying = again.copier_of()
    again.write(30, b"\xa6others")
    again.copied()
    with pytest.raises(JournalCorruptError, match="frame 21: the chain is broken"):
        wait_for(lambda: list(other.poll()), 30, "it reads on")
    again.journal.close()


# A day ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copied_day(three: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Cluster]:
    """A short day whose maker's journal was copied into a stream."""
    three.whole()
    root = tmp_path_factory.mktemp("day")
    size = ("--contracts", "4", "--until", "09:32", "--journal", "full")
    assert call("day", *size, "--out", root).code == 0
    (run,) = (path.parent for path in root.glob("*/run.json"))
    names = streams_of(run.name, ("maker",), "day")
    (run / PLACE).write_bytes(msgspec.json.encode(Place(names)))
    copying = Copying(Setup(servers_of(three), names), run, lambda what, more: None)

    def whole() -> bool:
        return not copying.turn(monotonic()) and copying.copiers[0].sure

    wait_for(whole, 60, "the day is copied")
    copying.close()
    return run, three


def test_a_console_reads_a_day_from_the_stream(
    copied_day: tuple[Path, Cluster], tmp_path: Path
) -> None:
    """On a host that has run.json and nothing else, a console's log and scene are those of the
    host that has the files.
    """
    run, cluster = copied_day
    away = tmp_path / run.name
    away.mkdir()
    shutil.copy(run / "run.json", away / "run.json")
    line = NatsLine(servers_of(cluster), "console")
    name = msgspec.json.decode((run / PLACE).read_bytes(), type=Place).streams["maker"]
    here, there = RunLog(run), RunLog(away, StreamTail(line, name, "maker"))
    assert here.poll() == there.poll() > 100
    assert here.at == there.at and here.happened == there.happened and len(here.happened) > 10
    scenes = []
    for log in (here, there):
        scene = Scene(log)
        scene.go(log.newest)
        scenes.append(msgspec.msgpack.encode(scene.state.work.tobytes()))
    assert scenes[0] == scenes[1]
    line.close()


def test_the_verbs_check_gate_and_streams(copied_day: tuple[Path, Cluster], tmp_path: Path) -> None:
    """`messaging gate` names each server; `messaging check` says up to which frame the copy is the
    journal, and where it differs.
    """
    run, cluster = copied_day
    config = tmp_path / "desk.toml"
    config.write_text(_config(cluster), encoding="utf-8")
    done = _run("gate", "--config", config)
    assert done["ok"] and [row["version"][:4] for row in done["servers"]] == ["2.15"] * 3
    done = _run("check", run, "--config", config)
    (row,) = done["streams"]
    frames = sum(1 for _ in JournalTail(run, "maker").poll())
    assert done["ok"] and row["seq"] == row["journal"] == frames and row["reason"] == ""
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (segment,) = (other / "journal" / "maker").glob("*.seg")
    data = bytearray(segment.read_bytes())
    first = next(JournalTail(other, "maker").poll())[0].size
    data[first + 16] ^= 1  # the second frame says another durable_seq
    head = bytes(data[first : first + 57])
    size = int.from_bytes(head[4:8], "little")
    body = bytes(data[first + 61 : first + 61 + size])
    data[first + 57 : first + 61] = crc32(body, crc32(head)).to_bytes(4, "little")
    segment.write_bytes(bytes(data))
    done = _run("check", other, "--config", config, code=1)
    assert not done["ok"] and done["streams"][0]["reason"] == "frame 2 is not the journal's"


def _run(*words: object, code: int = 0) -> Any:
    done = call("messaging", *words, "--json")
    assert done.code == code, done.err
    return done.json


def _config(cluster: Cluster) -> str:
    shipped = (files("quanheng") / "data/desk.toml").read_text(encoding="utf-8")
    return (
        f"{shipped}\n[messaging]\nenabled = true\nservers = {json.dumps(list(cluster.urls))}\n"
        f"monitors = {json.dumps(list(cluster.monitors))}\n"
    )
