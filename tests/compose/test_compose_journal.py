"""Verify and replay of a run: damage is named, tampering is caught, fresh processes agree."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from compose_world import Run, call, one_line, run_day

from quanheng.compose import day, replaying
from quanheng.compose.run_folder import read_info, write_info
from quanheng.runtime import snapshots
from quanheng.runtime.journal import EFFECTS, HEADER_BYTES, ChainedWriter, Frame
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.verify import chain_head

MACHINES = ["clearing", "etf", "firm_authority", "maker", "oversight", "venue"]


@pytest.fixture
def copy(day_run: Run, tmp_path: Path) -> Path:
    """A copy of the shared run, to damage."""
    folder = tmp_path / day_run.folder.name
    shutil.copytree(day_run.folder, folder)
    return folder


def _frames(run: Path, machine: str) -> Iterator[tuple[int, Frame]]:
    """(offset, frame) of a machine with one segment."""
    offset = 0
    for frame in read_segments(run / "journal" / machine, machine):
        yield offset, frame
        offset += frame.size


def _segment(run: Path, machine: str) -> Path:
    ((_, path),) = segment_paths(run / "journal" / machine)
    return path


def test_compose_verify_of_a_good_run(day_run: Run) -> None:
    """borders.md 2: every chain, snapshot and exchange file of a finished run stands."""
    done = call("verify", day_run.folder, "--json")
    assert done.code == 0, done.json
    assert done.json["ok"] is True and done.json["bad_records"] == 0
    assert [row["machine"] for row in done.json["machines"]] == MACHINES
    assert all(row["seq"] > 5 for row in done.json["machines"])
    assert "chain whole" in call("verify", day_run.folder).out


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("place", "within"),
    [
        ("first", 0),  # magic
        ("first", 5),  # length
        ("middle", 9),  # seq
        ("middle", 17),  # durable_seq
        ("middle", 24),  # kind
        ("middle", 30),  # prev
        ("middle", 58),  # checksum
        ("middle", HEADER_BYTES),  # first byte of the payload
        ("last", HEADER_BYTES + 1),
    ],
)
def test_compose_verify_names_the_flipped_byte(
    copy: Path, machine: str, place: str, within: int
) -> None:
    """borders.md 3: exit 1, and the JSON names machine, record, file and byte offset."""
    frames = list(_frames(copy, machine))
    number = {"first": 0, "middle": len(frames) // 2, "last": len(frames) - 1}[place]
    offset, frame = frames[number]
    path = _segment(copy, machine)
    data = bytearray(path.read_bytes())
    data[offset + within] ^= 0x40
    path.write_bytes(data)
    done = call("verify", copy, "--json")
    assert done.code == 1
    wanted = (False, machine, frame.seq, f"journal/{machine}/{path.name}", offset)
    found = done.json
    assert (found["ok"], found["machine"], found["seq"], found["file"], found["offset"]) == wanted
    assert found["reason"]
    assert f"record {frame.seq} in" in call("verify", copy).out


def test_compose_verify_misses_nothing_else(copy: Path) -> None:
    """A cut tail, a missing snapshot and a damaged exchange file are found as well."""
    path = _segment(copy, "etf")
    whole = path.read_bytes()
    *_, (offset, _) = _frames(copy, "etf")
    path.write_bytes(whole[:offset])  # whole frames: only the recorded head can tell
    done = call("verify", copy, "--json")
    assert done.code == 1 and "run.json" in done.json["reason"]
    path.write_bytes(whole)

    snapshot = sorted((copy / "snap" / "venue").glob("*.bin"))[0]
    kept = snapshot.read_bytes()
    snapshot.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    done = call("verify", copy, "--json")
    assert (done.code, done.json["file"]) == (1, f"snap/venue/{snapshot.name}")
    snapshot.unlink()
    assert "missing" in call("verify", copy, "--json").json["reason"]
    snapshot.write_bytes(kept)

    master = copy / "files" / "20240627" / "reff030627.txt"
    master.write_bytes(master.read_bytes().replace(b"|EBS|E|C|", b"|EBS|E|X|", 1))
    done = call("verify", copy, "--json")
    assert done.code == 1 and done.json["bad_records"] >= 1
    assert "CallOrPut" in call("verify", copy).out


def test_compose_replay_agrees_in_fresh_processes(day_run: Run) -> None:
    """T-02, house.md 4.3: every machine in its own process and hash seed, byte for byte."""
    done = call("replay", day_run.folder, "--json")
    assert done.code == 0, done.json
    rows = done.json["machines"]
    assert [row["machine"] for row in rows] == MACHINES
    assert done.json["compared"] == sum(row["compared"] for row in rows) > 1_000
    seeds = [row["hash_seed"] for row in rows]
    assert len(set(seeds)) == len(rows)
    assert os.environ.get("PYTHONHASHSEED", "random") not in seeds
    assert done.json["first_difference"] is None


def test_compose_replay_of_a_kept_tail(
    scenario: Path, tmp_path: Path, day_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--journal tail:N` keeps the end only, replays from a snapshot in it, same digest."""
    monkeypatch.setattr(snapshots, "TAIL_SEGMENT_BYTES", 128 << 10)
    monkeypatch.setattr(day, "TAIL_SNAPSHOTS", 60 * 10**9)
    kept = run_day(tmp_path, scenario, "--journal", "tail:1500")
    assert kept.printed["digest"] == day_run.printed["digest"]
    first, _ = segment_paths(kept.folder / "journal" / "maker")[0]
    assert first > 1
    assert call("verify", kept.folder).code == 0
    done = call("replay", kept.folder, "--json", "--machine", "maker")
    assert done.code == 0, done.json
    assert done.json["compared"] > 100


def _tamper(run: Path, machine: str) -> int:
    """Rewrite one O frame and the chain after it; returns the frame's number."""
    writer = ChainedWriter(machine)
    parts: list[bytes] = []
    changed = 0
    frames = [frame for _, frame in _frames(run, machine)]
    for frame in frames:
        payload = frame.payload
        if frame.kind == EFFECTS and not changed and frame.seq > len(frames) // 2:
            effects = msgspec.msgpack.decode(payload)
            wakes = [effect for effect in effects if effect[0] == "wake"]
            if wakes:
                wakes[0][2] += 1_000_000
                payload, changed = msgspec.msgpack.encode(effects), frame.seq
        writer.durable_seq = frame.durable_seq
        parts += writer.next_frame(frame.kind, payload)
    _segment(run, machine).write_bytes(b"".join(parts))
    return changed


def test_compose_replay_catches_what_verify_cannot(copy: Path) -> None:
    """An effect rewritten with its whole chain: run.json still tells; and if that is rewritten
    too, only the replay finds it, naming the frame.
    """
    frame = _tamper(copy, "etf")
    assert frame
    done = call("verify", copy, "--json")
    assert done.code == 1 and "run.json" in done.json["reason"]
    info = read_info(copy)
    info.heads["etf"] = chain_head(copy, "etf").hex()
    write_info(copy, info)
    assert call("verify", copy).code == 0
    done = call("replay", copy, "--machine", "etf", "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    assert f"frame {frame} " in done.json["first_difference"]
    assert "wake" in done.json["first_difference"]


def test_compose_replay_machine_alone(day_run: Run) -> None:
    """The child's own code, in this process: inputs and comparisons are counted."""
    outcome = replaying.replay_machine(day_run.folder, "clearing")
    assert outcome["ok"] and outcome["inputs"] == 5
    assert outcome["compared"] >= 2


def test_compose_folders_that_are_no_run(tmp_path: Path, copy: Path) -> None:
    """Bad input is 3 with one line: no run.json, a bad one, no journal, no such machine."""
    one_line(call("verify", tmp_path / "none"), 3, "none", "run.json")
    one_line(call("replay", tmp_path), 3, str(tmp_path), "run.json")
    one_line(call("replay", copy, "--machine", "broker"), 3, "broker")
    info = (copy / "run.json").read_bytes()
    (copy / "run.json").write_bytes(info[: len(info) // 2])
    one_line(call("verify", copy), 3, "run.json")
    (copy / "run.json").write_bytes(info)
    shutil.rmtree(copy / "journal")
    one_line(call("verify", copy), 2, "journal")
    one_line(call("replay", copy), 3, "journal")
