"""Sweeps of the journal's real code: power cuts, truncation, bit flips, scrub (F01 to F04, F09)."""

from pathlib import Path

import pytest

from quanheng.edge import journal_sweep
from quanheng.edge.journal_sweep import flips, payload_of, power_cuts, truncations
from quanheng.edge.simulated_disk import SimulatedDisk
from quanheng.runtime import segment
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import INPUT, JournalCorruptError, JournalDeadError
from quanheng.runtime.scrub import CHUNK, Scrub
from quanheng.runtime.segment import SegmentJournal, segment_paths


def closed(root: Path, frames: int, segment_bytes: int = 1 << 20) -> Path:
    journal = SegmentJournal(root, "maker", segment_bytes=segment_bytes)
    for seq in range(1, frames + 1):
        journal.append(INPUT, payload_of(5, seq))
        if seq % 4 == 0:
            journal.sync()
    journal.close()
    return segment_paths(root / "journal/maker")[-1][1]


def wrong_of(seeds: range) -> list[str]:
    return [text for seed in seeds for text in power_cuts(seed).wrong]


def test_f03_power_cuts_lose_nothing_acknowledged() -> None:
    """Power cuts at any call, sectors lost, torn and out of order: every acknowledged record is
    there, none is another one, and no journal refuses to open (promises 1 and 2).
    """
    found = [power_cuts(seed) for seed in range(200)]
    assert [text for one in found for text in one.wrong] == []
    assert sum(one.cases + one.failed for one in found) == 800
    assert sum(one.failed for one in found) > 20
    assert sum(one.acked for one in found) > 20_000
    assert sum(one.torn for one in found) > 100


class _Lying(SimulatedDisk):
    """Says that data is durable while it is in the cache."""

    def sync(self, descriptor: int) -> None:
        self._call()


class _Nameless(SimulatedDisk):
    """Forgets to make names durable."""

    def sync_folder(self, folder: Path) -> None:
        self._call()


@pytest.mark.parametrize("disk", [_Lying, _Nameless])
def test_f04_the_sweep_sees_a_missing_fsync(
    disk: type[SimulatedDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the fsync of a file or of its folder acknowledged records are lost, and it shows."""
    monkeypatch.setattr(journal_sweep, "SimulatedDisk", disk)
    assert "acknowledged" in "".join(wrong_of(range(20)))


def test_f05_the_sweep_sees_a_tail_that_is_not_written_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an fsync that failed the cache shows the tail and has nothing to sync: a new process
    that only syncs confirms what the platter never got.
    """
    monkeypatch.setattr(SimulatedDisk, "rewrite", lambda *args: None)
    assert "at the end" in "".join(wrong_of(range(60)))


def test_f05_a_disk_that_fails_again_opens_no_journal(tmp_path: Path) -> None:
    """The tail cannot be made durable: the journal is dead before anybody used it, and gives its
    lock back.
    """
    closed(tmp_path, 9)

    class Failing(Disk):
        def sync(self, descriptor: int) -> None:
            raise OSError(5, "input/output error")

    with pytest.raises(JournalDeadError, match="dead: opening of segment 0 failed"):
        SegmentJournal(tmp_path, "maker", disk=Failing())
    again = SegmentJournal(tmp_path, "maker")
    assert again.durable_seq == 9
    again.close()


def test_f03_the_sweep_sees_a_false_halt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule that any later frame means damage would refuse journals that only lost a batch."""
    rule = segment._claimed
    strict = lambda data, offset, seq, durable: rule(data, offset, seq, False)  # noqa: E731
    monkeypatch.setattr(segment, "_claimed", strict)
    assert any("the checksum does not match" in text for text in wrong_of(range(60)))


def test_f01_truncation_at_any_byte(tmp_path: Path) -> None:
    """A segment cut anywhere opens with its longest valid prefix, and the torn tail is named."""
    path = closed(tmp_path, 120)
    found = truncations(tmp_path, step=101)
    assert found.wrong == [] and found.torn > 100
    path.write_bytes(path.read_bytes()[:-1])
    journal = SegmentJournal(tmp_path, "maker")
    assert journal.torn.startswith(f"{path.name} offset ")
    assert "frame 120: a payload of" in journal.torn and "were never durable" in journal.torn
    journal.close()
    again = SegmentJournal(tmp_path, "maker")
    assert again.torn == ""
    again.close()


def test_f10_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """Bits all over a closed segment: `verify` names the frame, and nobody may append to it."""
    closed(tmp_path, 40)
    found = flips(tmp_path, step=149)
    assert found.wrong == [] and found.halts == found.cases > 150


def test_f09_the_scrub_names_damage_in_old_segments(tmp_path: Path) -> None:
    """A start reads the last two segments only; the scrub finds the flip in an older one."""
    closed(tmp_path, 400, segment_bytes=4_000)
    folder = tmp_path / "journal/maker"
    paths = segment_paths(folder)
    assert len(paths) > 8
    scrub = Scrub(folder, "maker")
    while scrub.step():
        pass
    assert scrub.frames == paths[-2][0] - 1
    old = paths[3][1]
    data = bytearray(old.read_bytes())
    data[1_000] ^= 8
    old.write_bytes(data)
    SegmentJournal(tmp_path, "maker").close()
    scrub = Scrub(folder, "maker")
    with pytest.raises(JournalCorruptError) as error:
        while scrub.step():
            pass
    assert error.value.file == old.name and paths[3][0] <= error.value.seq < paths[4][0]
    assert not scrub.step()
    old.write_bytes(b"")
    with pytest.raises(JournalCorruptError, match="where the next begins"):
        _through(Scrub(folder, "maker"))
    old.unlink()
    with pytest.raises(JournalCorruptError, match="where the next begins"):
        _through(Scrub(folder, "maker"))


def _through(scrub: Scrub) -> None:
    while scrub.step():
        pass


def test_scrub_reads_frames_over_its_piece(tmp_path: Path) -> None:
    """Frames longer than a piece, and frames that cross pieces, are checked once each."""
    journal = SegmentJournal(tmp_path, "maker", segment_bytes=3 * CHUNK)
    for size in (10, 2 * CHUNK, 100, CHUNK - 70, 50, CHUNK + 1, *([7_000] * 100)):
        journal.append(INPUT, bytes(size))
    journal.close()
    scrub = Scrub(tmp_path / "journal/maker", "maker")
    _through(scrub)
    assert scrub.frames == segment_paths(tmp_path / "journal/maker")[-2][0] - 1 > 5


def test_f07_disk_full_at_any_byte() -> None:
    """ENOSPC after n bytes, for many n: the journal is dead, and what it said durable is there."""
    for room in range(0, 6_000, 61):
        disk = SimulatedDisk(room)
        disk.room = room
        journal = SegmentJournal(journal_sweep.ROOT, "maker", segment_bytes=2_000, disk=disk)
        acked = 0
        with pytest.raises(JournalDeadError, match="no space left"):
            for seq in range(1, 10_000):
                journal.append(INPUT, payload_of(1, seq))
                acked = journal.sync()
        disk.power_cut()
        again = SegmentJournal(journal_sweep.ROOT, "maker", segment_bytes=2_000, disk=disk)
        assert again.next_seq > acked
        again.close()


def test_f05_fsync_error_is_final() -> None:
    """One EIO of fsync: the journal says no from then on and never asks the disk again."""
    disk = SimulatedDisk(1)
    journal = SegmentJournal(journal_sweep.ROOT, "maker", disk=disk)
    journal.append(INPUT, b"one")
    assert journal.sync() == 1
    journal.append(INPUT, b"two")
    disk.sync_fails = True
    with pytest.raises(JournalDeadError, match="durable up to 1"):
        journal.sync()
    disk.sync_fails = False
    calls = disk.calls
    for call in (journal.sync, journal.flush, lambda: journal.append(INPUT, b"three")):
        with pytest.raises(JournalDeadError):
            call()
    journal.close()
    assert disk.calls == calls


def test_the_real_disk_and_the_simulated_one_agree(tmp_path: Path) -> None:
    """The same calls leave the same bytes on both, so the sweep is about the real journal."""
    closed(tmp_path, 100, segment_bytes=3_000)
    disk = SimulatedDisk(3)
    journal = SegmentJournal(journal_sweep.ROOT, "maker", segment_bytes=3_000, disk=disk)
    for seq in range(1, 101):
        journal.append(INPUT, payload_of(5, seq))
        if seq % 4 == 0:
            journal.sync()
    journal.close()
    folder = tmp_path / "journal/maker"
    names = [name for name in Disk().names(folder) if name != "lock"]
    assert disk.names(journal_sweep.FOLDER) == names
    for name in names:
        assert disk.read(journal_sweep.FOLDER / name) == (folder / name).read_bytes()


def test_a_folder_that_cannot_be_written_is_told_as_it_is(tmp_path: Path) -> None:
    """A read-only disk is no second writer: the error says what the system said."""

    class ReadOnly(Disk):
        def lock(self, path: Path) -> int:
            raise OSError(30, "Read-only file system", str(path))

    with pytest.raises(JournalDeadError, match="Read-only file system"):
        SegmentJournal(tmp_path, "maker", disk=ReadOnly())
    SegmentJournal(tmp_path, "maker").close()
