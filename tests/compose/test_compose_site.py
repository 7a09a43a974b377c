"""The drill of a lost site (F73, T-07): the second site goes on from what it has."""

from pathlib import Path

import pytest
from compose_world import call

from quanheng.compose import drill, site_drill
from quanheng.compose.site_drill import site_loss
from quanheng.edge.journal_tail import JournalTail
from quanheng.runtime.segment import SegmentJournal


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "PICK", "6")
    monkeypatch.setattr(site_drill, "UNTIL", "09:31")


def test_f73_a_site_is_lost_and_the_other_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every check holds by the verb; nothing of the first site is left; the record has the times
    and says what was lost.
    """
    out = tmp_path / "drill"
    done = call("drill", "site-loss", "--out", out, "--json")
    assert done.code == 0 and done.json["ok"], done.out
    assert not (out / "site-1").exists() and (out / "site-2" / "yesterday" / "run.json").exists()
    record = (out / drill.RECORD).read_text(encoding="utf-8")
    assert "站点失效演练" in record and "通过 passed" in record and "RPO" in record
    assert record.count("毫秒 ms") == 6


def test_f73_a_copy_that_lacks_a_frame_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower that did not have the last frames fails the drill, and the record says where."""

    def short(run: Path, to: Path) -> int:
        frames = [frame for frame, _ in JournalTail(run, "maker").poll()]
        journal = SegmentJournal(to, "maker")
        for frame in frames[:-2]:
            journal.append(frame.kind, frame.payload)
        journal.sync()
        journal.close()
        return len(frames)

    monkeypatch.setattr(site_drill, "follow", short)
    done = site_loss(tmp_path, until="09:31")
    assert not done.ok
    failed = [one["en"] for one in done.checks if not one["ok"]]
    assert failed[0] == "the copy of today's journal has every frame"
    assert "FAILED" in (tmp_path / drill.RECORD).read_text(encoding="utf-8")
