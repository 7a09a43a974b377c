"""The journal on disk: format, damage, tails, disk errors (F01, F05, F07, F09 to F11)."""

import errno
import random
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from quanheng.runtime import verify
from quanheng.runtime.chain import genesis, link
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import (
    EFFECTS,
    HEADER_BYTES,
    INPUT,
    MAX_PAYLOAD,
    BadFrameError,
    JournalCorruptError,
    JournalDeadError,
    JournalError,
    encode_frame,
    parse_frame,
)
from quanheng.runtime.memory import MemoryJournal
from quanheng.runtime.segment import (
    END_NOTE,
    SegmentJournal,
    end_note,
    noted_end,
    read_segments,
    segment_paths,
)


def payloads(count: int, seed: int = 1) -> list[bytes]:
    draw = random.Random(seed)
    return [draw.randbytes(draw.randrange(0, 40)) for _ in range(count)]


def written(root: Path, parts: list[bytes], **options: object) -> SegmentJournal:
    journal = SegmentJournal(root, "maker", **options)  # type: ignore[arg-type]
    for number, part in enumerate(parts):
        journal.append(INPUT if number % 2 == 0 else EFFECTS, part)
        if number % 3 == 2:
            journal.sync()
    return journal


def offsets(data: bytes) -> list[int]:
    out, at = [0], 0
    while at < len(data):
        at += parse_frame(data, at).size
        out.append(at)
    return out


@pytest.fixture
def one_segment(tmp_path: Path) -> Iterator[tuple[Path, Path, bytes]]:
    """(run folder, segment, its bytes) of twelve synced frames."""
    written(tmp_path, payloads(12)).close()
    path = segment_paths(tmp_path / "journal" / "maker")[0][1]
    yield tmp_path, path, path.read_bytes()


def test_frame_bytes_are_frozen() -> None:
    """The frame of borders.md 2, byte for byte: it must be readable for twenty years."""
    frame = encode_frame(3, 2, INPUT, bytes(range(32)), b"abc")
    assert frame.hex() == (
        "51484a31" "03000000" "0300000000000000" "0200000000000000" "49"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "d923b923" "616263"
    )  # fmt: skip
    assert parse_frame(frame, 0).size == HEADER_BYTES + 3 == 64


def test_a_frame_that_is_cut_anywhere_is_a_bad_frame_and_nothing_else() -> None:
    """Every reader of a growing file relies on it (F01): each prefix is refused with its reason,
    inside the header and behind it; a length over the bound is none however long the data is.
    """
    frame = encode_frame(3, 2, INPUT, bytes(range(32)), b"abc")
    for size in range(len(frame)):
        reason = "too few for a frame header" if size < HEADER_BYTES else "does not fit"
        with pytest.raises(BadFrameError, match=reason):
            parse_frame(b"x" + frame[:size], 1)
    with pytest.raises(BadFrameError, match="no frame starts here"):
        parse_frame(bytes(HEADER_BYTES), 0)
    assert MAX_PAYLOAD == 33_554_432
    head = bytearray(frame[:HEADER_BYTES])
    head[4:8] = (MAX_PAYLOAD + 1).to_bytes(4, "little")
    with pytest.raises(BadFrameError, match="33554433 bytes does not fit"):
        parse_frame(bytes(head) + bytes(MAX_PAYLOAD + 1), 0)
    largest = encode_frame(3, 2, INPUT, bytes(32), bytes(MAX_PAYLOAD))
    assert len(parse_frame(largest, 0).payload) == MAX_PAYLOAD
    assert MemoryJournal("maker").append(INPUT, bytes(MAX_PAYLOAD)) == 1
    with pytest.raises(BadFrameError, match="unknown kind 88"):
        parse_frame(encode_frame(3, 2, ord("X"), bytes(32), b"abc"), 0)


def test_chain_binds_frames_and_machine(tmp_path: Path) -> None:
    """Each prev is the hash of the frame before; the first one is bound to the machine's name."""
    parts = payloads(9)
    written(tmp_path, parts).close()
    chain = genesis("maker")
    for frame, part in zip(read_segments(tmp_path / "journal/maker", "maker"), parts, strict=True):
        assert (frame.prev, frame.payload) == (chain, part)
        chain = link(chain, frame.seq, frame.kind, part)
    shutil.copytree(tmp_path / "journal/maker", tmp_path / "journal/venue")
    assert not verify.verify_machine(tmp_path, "venue")["ok"]


def test_memory_and_segment_journals_agree(tmp_path: Path) -> None:
    """The reference journal and the one on disk hold the same chain and the same payloads."""
    memory, disk = MemoryJournal("maker"), SegmentJournal(tmp_path, "maker", segment_bytes=300)
    for part in payloads(40):
        assert memory.append(INPUT, part) == disk.append(INPUT, part)
    assert memory.chain == disk.chain
    assert [f.payload for f in memory.read(5)] == [f.payload for f in disk.read(5)]
    disk.close()
    assert len(segment_paths(tmp_path / "journal" / "maker")) > 5
    assert verify.verify_machine(tmp_path, "maker", memory.chain)["ok"]
    assert verify.chain_head(tmp_path, "maker") == memory.chain


def test_every_flipped_byte_is_named(one_segment: tuple[Path, Path, bytes]) -> None:
    """A flip of any byte of the journal makes verify name the very frame and its offset (F09)."""
    root, path, data = one_segment
    starts = offsets(data)
    for place in range(len(data)):
        bad = bytearray(data)
        bad[place] ^= 1 << place % 8
        path.write_bytes(bad)
        verdict = verify.verify_machine(root, "maker")
        index = max(i for i, start in enumerate(starts) if start <= place)
        assert not verdict["ok"]
        assert (verdict["seq"], verdict["offset"]) == (index + 1, starts[index]), place
        assert verdict["file"] == f"journal/maker/{path.name}" and verdict["reason"]


def test_cut_at_every_byte_recovers_the_prefix(one_segment: tuple[Path, Path, bytes]) -> None:
    """Cut anywhere: opening keeps every whole frame, drops the torn one, and goes on (F01)."""
    root, path, data = one_segment
    starts = offsets(data)
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        (path.parent / END_NOTE).unlink()
        whole = sum(1 for start in starts[1:] if start <= length)
        journal = SegmentJournal(root, "maker")
        assert journal.next_seq == whole + 1
        assert journal.append(INPUT, b"next") == whole + 1
        journal.close()
        verdict = verify.verify_machine(root, "maker")
        assert verdict["ok"] and verdict["seq"] == whole + 1


def test_cut_of_a_closed_journal_halts(one_segment: tuple[Path, Path, bytes]) -> None:
    """What a closed journal holds was durable: any cut of it is damage, and nothing is touched."""
    root, path, data = one_segment
    for length in range(0, len(data), 5):
        path.write_bytes(data[:length])
        with pytest.raises(JournalCorruptError, match="the end note holds frames up to 12"):
            SegmentJournal(root, "maker")
        assert path.read_bytes() == data[:length]


def test_torn_batch_is_no_damage(tmp_path: Path) -> None:
    """Power keeps later sectors of an unsynced batch and loses earlier ones: cut, no halt (F03)."""
    journal = written(tmp_path, payloads(6))
    for part in payloads(3, 2):
        journal.append(INPUT, part)
    journal.flush()
    path = segment_paths(tmp_path / "journal/maker")[0][1]
    data = path.read_bytes()
    shutil.copytree(tmp_path / "journal", tmp_path / "b/journal")
    journal.close()
    start, stop = offsets(data)[6:8]
    (tmp_path / "b/journal/maker" / path.name).write_bytes(
        data[:start] + bytes(stop - start) + data[stop:]
    )
    again = SegmentJournal(tmp_path / "b", "maker")
    assert again.next_seq == 7
    again.close()


def test_torn_frame_before_others_halts_without_fsync(tmp_path: Path) -> None:
    """A journal without fsync loses nothing out of order, so a later frame shows damage (F10)."""
    written(tmp_path, payloads(12), durable=False).close()
    path = segment_paths(tmp_path / "journal/maker")[0][1]
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(JournalCorruptError, match="frame 1"):
        SegmentJournal(tmp_path, "maker", durable=False)


def test_a_damaged_end_note_claims_nothing(one_segment: tuple[Path, Path, bytes]) -> None:
    """A note with a flipped byte is left aside; a whole one for a shorter journal is true."""
    root, path, _ = one_segment
    note = path.parent / END_NOTE
    for place in range(25):
        bad = bytearray(end_note(40))
        bad[place] ^= 4
        note.write_bytes(bad)
        assert noted_end(path.parent) == 0
    note.write_bytes(end_note(5))
    journal = SegmentJournal(root, "maker")
    assert journal.next_seq == 13
    journal.close()
    assert noted_end(path.parent) == 12


def test_damage_before_the_tail_halts(one_segment: tuple[Path, Path, bytes]) -> None:
    """A flip in any frame but the last is corruption: halt, never truncate (F10)."""
    root, path, data = one_segment
    starts = offsets(data)
    for place in range(0, starts[-2], 3):
        bad = bytearray(data)
        bad[place] ^= 0x40
        path.write_bytes(bad)
        with pytest.raises(JournalCorruptError) as error:
            SegmentJournal(root, "maker")
        assert error.value.offset in starts and error.value.offset <= place
        assert path.read_bytes() == bytes(bad)


def test_flip_in_last_frame_with_a_durable_copy_halts(
    one_segment: tuple[Path, Path, bytes],
) -> None:
    """The last frame alone looks torn; a copy that holds it durably says it is damage (F10)."""
    root, path, data = one_segment
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (path.parent / END_NOTE).unlink()
    with pytest.raises(JournalCorruptError, match="frame 12: the copy holds frames up to 12"):
        SegmentJournal(root, "maker", peer_durable=12)
    path.write_bytes(data)
    journal = SegmentJournal(root, "maker", peer_durable=12)
    assert journal.next_seq == 13
    journal.close()


def test_moved_and_repeated_blocks_are_found(one_segment: tuple[Path, Path, bytes]) -> None:
    """A frame written twice, left out or swapped is found by number and chain (F11)."""
    root, path, data = one_segment
    at = offsets(data)
    frames = [data[a:b] for a, b in pairwise(at)]
    swapped = [*frames[:4], frames[5], frames[4], *frames[6:]]
    for wrong in (frames[:5] + frames[4:], frames[:5] + frames[6:], swapped):
        path.write_bytes(b"".join(wrong))
        verdict = verify.verify_machine(root, "maker")
        assert not verdict["ok"] and verdict["seq"] in (5, 6)
        with pytest.raises(JournalCorruptError):
            SegmentJournal(root, "maker")


def test_torn_start_of_a_segment(tmp_path: Path) -> None:
    """A crash while a new segment is begun leaves rubbish of it: it goes, the rest stays."""
    written(tmp_path, payloads(30), segment_bytes=400).close()
    paths = segment_paths(tmp_path / "journal/maker")
    first, path = paths[-1]
    data = path.read_bytes()
    for length in (0, 1, 30, HEADER_BYTES):
        path.write_bytes(data[:length])
        (path.parent / END_NOTE).unlink()
        journal = SegmentJournal(tmp_path, "maker", segment_bytes=400)
        whole = length == HEADER_BYTES and parse_frame(data, 0).size == HEADER_BYTES
        assert journal.next_seq == first + whole
        journal.append(INPUT, b"again")
        journal.close()
        assert verify.verify_machine(tmp_path, "maker")["ok"]


def test_missing_segment_is_named(tmp_path: Path) -> None:
    """A deleted middle segment is named by verify and by a reader (F12)."""
    written(tmp_path, payloads(30), segment_bytes=400).close()
    paths = segment_paths(tmp_path / "journal/maker")
    paths[1][1].unlink()
    verdict = verify.verify_machine(tmp_path, "maker")
    assert verdict["seq"] == paths[1][0] and paths[2][1].name in verdict["file"]
    with pytest.raises(JournalCorruptError, match=f"frame {paths[1][0]}"):
        list(read_segments(tmp_path / "journal/maker", "maker"))


class FailingDisk(Disk):
    """Fails the n-th call of one kind, and writes in small pieces."""

    def __init__(self, call: str, number: int, code: int) -> None:
        self.call, self.left, self.code = call, number, code
        self.calls_after = 0

    def _maybe(self, call: str) -> None:
        if self.left == 0:
            self.calls_after += 1
        if call == self.call and self.left > 0:
            self.left -= 1
            if self.left == 0:
                raise OSError(self.code, "injected")

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self._maybe("write")
        return super().write(descriptor, data[:7])

    def sync(self, descriptor: int) -> None:
        self._maybe("sync")
        super().sync(descriptor)


@pytest.mark.parametrize(("call", "code"), [("sync", errno.EIO), ("write", errno.ENOSPC)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_disk_error_kills_the_journal(tmp_path: Path, call: str, code: int, number: int) -> None:
    """The first failed write or fsync ends the journal: no retry, nothing claimed (F05, F07)."""
    disk = FailingDisk(call, number, code)
    journal = SegmentJournal(tmp_path, "maker", disk=disk)
    with pytest.raises(JournalDeadError, match=r"durable up to \d"):
        for part in payloads(60):
            journal.append(INPUT, part)
            journal.sync()
    durable = journal.durable_seq
    with pytest.raises(JournalDeadError):
        journal.append(INPUT, b"")
    with pytest.raises(JournalDeadError):
        journal.sync()
    journal.close()
    assert disk.calls_after == 0
    again = SegmentJournal(tmp_path, "maker")
    assert again.next_seq > durable
    again.close()


def test_one_writer(tmp_path: Path) -> None:
    """A second writer of the same folder is refused."""
    journal = SegmentJournal(tmp_path, "maker")
    with pytest.raises(JournalError, match="already has a writer"):
        SegmentJournal(tmp_path, "maker")
    journal.close()
    SegmentJournal(tmp_path, "maker").close()


def test_tail_mode_keeps_the_last_frames(tmp_path: Path) -> None:
    """tail:N drops whole old segments, keeps N frames, and what is left still verifies."""
    journal = SegmentJournal(tmp_path, "maker", segment_bytes=500, keep=20, durable=False)
    for part in payloads(300):
        journal.append(INPUT, part)
    journal.close()
    paths = segment_paths(tmp_path / "journal/maker")
    assert 1 < paths[0][0] <= 281 and len(paths) < 20
    verdict = verify.verify_machine(tmp_path, "maker")
    assert verdict["ok"] and verdict["seq"] == 300


def test_durable_seq_is_not_claimed_without_fsync(tmp_path: Path) -> None:
    """A simulation's journal never says that a frame is durable."""
    journal = written(tmp_path, payloads(9), durable=False)
    journal.close()
    frames = list(read_segments(tmp_path / "journal/maker", "maker"))
    assert {frame.durable_seq for frame in frames} == {0}
    synced = written(tmp_path / "b", payloads(9))
    synced.close()
    frames = list(read_segments(tmp_path / "b/journal/maker", "maker"))
    assert [frame.durable_seq for frame in frames] == [0, 0, 0, 3, 3, 3, 6, 6, 6]


def test_payload_bound() -> None:
    """A payload over the bound is refused before anything is written."""
    journal = MemoryJournal("maker")
    with pytest.raises(JournalError, match="over the bound"):
        journal.append(INPUT, bytes(MAX_PAYLOAD + 1))
    assert journal.next_seq == 1
