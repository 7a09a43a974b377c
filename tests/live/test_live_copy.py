"""Parts of a pair by themselves: the arbiter, old frames, a copy, its cutting back, its repair."""

from pathlib import Path
from typing import Any

import pytest
from pair_rig import a_host, go_on
from test_live_host import Ping

from quanheng.edge.arbiter import Arbiter, Ask, Denied, Granted, Lease
from quanheng.edge.follower import Copy, CopyError, cut_back
from quanheng.edge.gateway_parts import KeptFile
from quanheng.edge.journal_repair import repair
from quanheng.edge.replication import OldFrames, ReplicatedJournal
from quanheng.runtime.disk import Disk
from quanheng.runtime.journal import INPUT, JournalError
from quanheng.runtime.live import LiveHost
from quanheng.runtime.segment import SegmentJournal, read_segments
from quanheng.runtime.snapshots import FolderSnapshots
from quanheng.terms.units import SECOND

TTL = 3 * SECOND


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
    go_on(LiveHost(a_host(leader)), 300)
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


def test_what_is_cut_off_is_safe_before_it_is_cut_off(tmp_path: Path) -> None:
    """Wiring: the frames are on disk under their new name when the old file is cut (T-07)."""
    calls: list[tuple[str, Path]] = []

    class Watched(Disk):
        def replace(self, path: Path, data: bytes) -> None:
            calls.append(("replace", path.parent))
            super().replace(path, data)

        def sync_folder(self, folder: Path) -> None:
            calls.append(("sync", folder))
            super().sync_folder(folder)

        def truncate(self, path: Path, length: int) -> None:
            calls.append(("cut", path.parent))
            super().truncate(path, length)

    journal = SegmentJournal(tmp_path, "ping")
    for number in range(8):
        journal.append(INPUT, bytes([number]) * 80)
    journal.close()
    target, folder = cut_back(tmp_path, "ping", 3, Watched()), tmp_path / "journal/ping"
    assert calls[:3] == [("replace", target), ("sync", target), ("cut", folder)]
    assert calls[3:] == [("sync", target), ("sync", folder)]


def test_f09_damage_of_an_old_segment_is_repaired_from_the_copy(tmp_path: Path) -> None:
    """Every old segment, flipped, cut or emptied: its frames come back from the other node, the
    damaged file is kept; a copy of another history is refused and nothing is changed.
    """
    for name, last in (("a", 9), ("b", 9), ("c", 8)):
        journal = SegmentJournal(tmp_path / name, "ping", segment_bytes=400)
        for number in range(12):
            journal.append(INPUT, bytes([number if number < last else 99]) * 90)
        journal.close()
    folder = tmp_path / "a" / "journal" / "ping"
    paths = sorted(folder.glob("*.seg"))
    assert len(paths) == 6
    good = {path: path.read_bytes() for path in paths}
    for number, path in enumerate(paths[:-1]):
        data = good[path]
        for bad in (data[:70] + b"\1" + data[71:], data[:100], b""):
            path.write_bytes(bad)
            if number == 4:  # its frames differ in c
                with pytest.raises(JournalError, match=r"do not lead|chain"):
                    repair(tmp_path / "a", "ping", tmp_path / "c")
                assert path.read_bytes() == bad
            (done,) = repair(tmp_path / "a", "ping", tmp_path / "b")
            assert (done.segment, done.aside.read_bytes()) == (path.name, bad)
            assert path.read_bytes() == data
    assert repair(tmp_path / "a", "ping", tmp_path / "b") == []
    assert len(list(read_segments(folder, "ping"))) == 12
