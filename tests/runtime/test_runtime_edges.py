"""The rarer ends of the journal's rooms: every refusal of recovery, scrub and stores, by words."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import toy
from test_runtime_host import feed, maker_inputs
from test_runtime_sweeps import closed

from quanheng.edge.journal_sweep import payload_of
from quanheng.edge.simulated_disk import SimulatedDisk
from quanheng.runtime.disk import Disk
from quanheng.runtime.host import Host
from quanheng.runtime.journal import (
    EFFECTS,
    INPUT,
    ChainCheck,
    JournalCorruptError,
    JournalDeadError,
    encode_frame,
    parse_frame,
)
from quanheng.runtime.memory import MemoryJournal, MemorySnapshots
from quanheng.runtime.records import Checkpoint, seal_checkpoint, unseal_checkpoint
from quanheng.runtime.release import Policy, Release
from quanheng.runtime.restore import RecoveryError, recover
from quanheng.runtime.scrub import Scrub
from quanheng.runtime.segment import BUFFER_BYTES, SegmentJournal, read_segments, segment_paths
from quanheng.runtime.snapshots import FolderStores


def test_a_frame_that_follows_another_one_is_named() -> None:
    """Right number, right checksum, another past: the chain says so and keeps its place."""
    first = parse_frame(encode_frame(1, 0, INPUT, bytes(32), b"one"), 0)
    other = parse_frame(encode_frame(2, 0, INPUT, bytes(32), b"two"), 0)
    check = ChainCheck(1, bytes(32))
    assert check.problem(first) == ""
    assert "prev is not the hash" in check.problem(other)
    assert check.problem(parse_frame(encode_frame(2, 0, INPUT, first.chain, b"two"), 0)) == ""


def test_written_release_lets_go_what_was_handed_over() -> None:
    """Only in simulations: the written watermark decides, whatever is durable."""
    release = Release(Policy.WRITTEN)
    release.hold(2, 1, ["a"])
    release.hold(4, 2, ["b"])
    assert [held.input_seq for held in release.free(3, 0)] == [1]
    assert [held.input_seq for held in release.free(4, 0)] == [2]


@pytest.fixture
def kept() -> tuple[MemoryJournal, int, Checkpoint]:
    """A toy maker's journal, its only mark, and the checkpoint of that."""
    journal, store = MemoryJournal("maker"), MemorySnapshots()
    host = Host(toy.ToyMaker(), journal, store)
    feed(host, maker_inputs()[:20])
    seq = host.checkpoint()
    file = store.read(seq)
    assert file is not None
    point = unseal_checkpoint(file)
    assert point is not None
    return journal, seq, point


@pytest.mark.parametrize(
    ("at", "changes", "words"),
    [
        (0, {"machine": "venue"}, "belongs to venue"),
        (0, {"frame_seq": 3}, "belongs to maker frame 3"),
        (900, {"frame_seq": 900}, "newer than the journal"),
        (-1, {"frame_seq": -1}, "the journal has no such mark"),
        (0, {"mark": "other"}, "the journal has no such mark"),
        (0, {"state": "other"}, "restores to another digest"),
    ],
)
def test_f13_each_snapshot_that_does_not_count_has_its_reason(
    kept: tuple[MemoryJournal, int, Checkpoint], at: int, changes: dict[str, Any], words: str
) -> None:
    """Of another machine or frame, newer, without its mark, of another state: passed over, the
    journal read from its start instead.
    """
    journal, seq, point = kept
    if "mark" in changes:
        changes = {"mark": msgspec.structs.replace(point.mark, epoch=point.mark.epoch + 1)}
    elif "state" in changes:
        changes = {"state": toy.ToyMaker().snapshot()}
    place = at if at > 0 else seq + at
    if at < 0:
        changes = {"frame_seq": place}
    store = MemorySnapshots()
    store.write(place, seal_checkpoint(msgspec.structs.replace(point, **changes)))
    store.publish(place)
    found = recover(toy.ToyMaker, journal, store)
    assert found.from_frame == 0 and len(found.skipped) == 1
    assert words in found.skipped[0]


def test_effects_that_are_missing_in_the_middle_are_named() -> None:
    """An input without its effects is only ever the last one (borders.md 2)."""
    journal, cut = MemoryJournal("maker"), MemoryJournal("maker")
    feed(Host(toy.ToyMaker(), journal), maker_inputs()[:6])
    dropped = False
    for frame in journal.read():
        if frame.kind == EFFECTS and not dropped and frame.seq > 2:
            dropped = True
            continue
        cut.append(frame.kind, frame.payload)
    with pytest.raises(RecoveryError, match="the effects before it are missing"):
        recover(toy.ToyMaker, cut, None)


def many_segments(root: Path) -> list[tuple[int, Path]]:
    closed(root, 120, segment_bytes=2_000)
    return segment_paths(root / "journal/maker")


def test_f12_a_segment_that_is_gone_is_named_by_the_scrub(tmp_path: Path) -> None:
    """Found where the next one begins, and once said nothing more is read."""
    paths = many_segments(tmp_path)
    assert len(paths) > 6
    paths[2][1].unlink()
    scrub = Scrub(tmp_path / "journal/maker", "maker")
    with pytest.raises(JournalCorruptError, match="it ends before frame"):
        while scrub.step():
            pass
    assert not scrub.step()
    with pytest.raises(JournalCorruptError, match=f"where {paths[2][0]} is due"):
        list(read_segments(tmp_path / "journal/maker", "maker"))


def test_f09_an_old_segment_that_is_damaged_is_named_by_a_reader(tmp_path: Path) -> None:
    """A reader says frame, file and place; what stands before it was handed out."""
    paths = many_segments(tmp_path)
    data = bytearray(paths[1][1].read_bytes())
    data[len(data) // 2] ^= 4
    paths[1][1].write_bytes(data)
    seen = []
    with pytest.raises(JournalCorruptError, match=paths[1][1].name):
        for frame in read_segments(tmp_path / "journal/maker", "maker"):
            seen.append(frame.seq)
    assert paths[1][0] <= len(seen) < paths[2][0] and seen == list(range(1, len(seen) + 1))


def test_a_full_buffer_goes_out_by_itself() -> None:
    """Nobody has to flush: what is over the buffer's size is written, not yet durable."""
    disk = SimulatedDisk(3)
    journal = SegmentJournal(Path("run"), "maker", disk=disk)
    size = 0
    while size < BUFFER_BYTES:
        size += len(payload_of(1, journal.next_seq)) + 61
        journal.append(INPUT, payload_of(1, journal.next_seq))
    path = segment_paths(Path("run/journal/maker"), disk)[0][1]
    assert len(disk.read(path)) >= BUFFER_BYTES and journal.durable_seq == 0
    journal.close()
    journal.close()  # a second time is nothing


class Refusing(Disk):
    """Refuses one kind of call from the n-th on."""

    def __init__(self, call: str, number: int = 1) -> None:
        self.call, self.left = call, number

    def _refuse(self, call: str) -> None:
        if call == self.call:
            self.left -= 1
            if self.left <= 0:
                raise OSError(28, "No space left on device")

    def create(self, path: Path) -> int:
        self._refuse("create")
        return super().create(path)

    def replace(self, path: Path, data: bytes) -> None:
        self._refuse("replace")
        super().replace(path, data)


@pytest.mark.parametrize(("call", "number"), [("create", 1), ("create", 3), ("replace", 1)])
def test_f07_no_room_for_a_segment_or_the_end_note(tmp_path: Path, call: str, number: int) -> None:
    """The journal is dead, its lock free, and everything confirmed is there."""
    journal = SegmentJournal(tmp_path, "maker", segment_bytes=600, disk=Refusing(call, number))
    acked = 0
    with pytest.raises(JournalDeadError, match="No space left"):
        for seq in range(1, 60):
            journal.append(INPUT, payload_of(2, seq))
            acked = journal.sync()
        journal.close()
    for again in (lambda: journal.append(INPUT, b""), journal.flush, journal.sync):
        with pytest.raises(JournalDeadError):
            again()
    assert [frame.seq for frame in journal.read()] == list(range(1, acked + 1))
    journal.close()
    back = SegmentJournal(tmp_path, "maker")
    assert back.next_seq == acked + 1
    back.close()


@pytest.mark.parametrize("mode", ["tail", "tail:0", "tail:x", "tail:-3", "all", ""])
def test_a_mode_that_is_none_is_refused(tmp_path: Path, mode: str) -> None:
    """The error says what may stand there."""
    with pytest.raises(ValueError, match="use full, tail:N"):
        FolderStores(tmp_path, mode)
