"""The console of a pair follows whoever leads, and the whole day when it is over (T-05)."""

import json
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from quanheng.compose.console_log import RunLog
from quanheng.compose.console_source import RunSource
from quanheng.compose.live_nodes import STANDBY, gather
from quanheng.compose.pair_lead import Following, Lead
from quanheng.compose.run_folder import RunError, read_info, write_info
from quanheng.compose.why_find import find
from quanheng.desk.ports import END, Ask
from quanheng.runtime.journal import JournalCorruptError
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.state import digest_state
from quanheng.terms.days import clock_text


def cut(folder: Path, frames: int) -> None:
    """Leave so many frames of a journal."""
    size = 0
    for number, frame in enumerate(read_segments(folder, "maker")):
        if number == frames:
            break
        size += frame.size
    first, *others = [path for _, path in segment_paths(folder)]
    assert not others and size < first.stat().st_size
    first.write_bytes(first.read_bytes()[:size])


class Pair:
    """A running day of two nodes: a has led to the middle, b has followed to the same frame."""

    def __init__(self, run: Path, folder: Path) -> None:
        self.run, self.other = folder / "run", folder / "run" / STANDBY
        shutil.copytree(run, self.run)
        for node in (self.run, self.other):
            (node / "live").mkdir(parents=True, exist_ok=True)
            for part in ("journal", "snap"):
                if not (node / part / "maker").exists():
                    shutil.copytree(run / part / "maker", node / part / "maker")
            cut(node / "journal" / "maker", 1_500)
            (node / "live" / "gateway.jsonl").touch()
        write_info(self.run, replace(read_info(self.run), status="running"))
        self.say(self.run, "a", 1)
        self.whole = run

    def say(self, node: Path, name: str, epoch: int) -> None:
        line = {"at": epoch, "what": "leads", "node": name, "epoch": epoch}
        with (node / "live" / "maker.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def take_over(self) -> None:
        """b goes on to the end of the day; a's folder is cut back and torn."""
        shutil.copytree(
            self.whole / "journal" / "maker", self.other / "journal" / "maker", dirs_exist_ok=True
        )
        self.say(self.other, "b", 2)
        (_, path), *_ = segment_paths(self.run / "journal" / "maker")
        path.write_bytes(path.read_bytes()[:-7] + b"torn")

    def follows(self) -> None:
        """a is whole again, as a follower that is behind."""
        folder = self.run / "journal" / "maker"
        shutil.copytree(self.whole / "journal" / "maker", folder, dirs_exist_ok=True)
        cut(folder, 2_000)


@pytest.fixture
def pair(run: Path, tmp_path: Path) -> Pair:
    return Pair(run, tmp_path)


def test_the_console_follows_the_node_that_leads(pair: Pair, source: RunSource) -> None:
    """From a's half of a day to b's whole one: the end is the end of all, a replayed scene stands
    where it stood, and when the day is put together the run folder is read.
    """
    shown = RunSource(pair.run)
    shown.load()
    assert shown.log.home == pair.run and shown.log.newest < source.log.newest
    shown.control("one", 0.0, "09:20:00")
    before = shown.tick({END: ["sys"], "one": ["sys"]})
    pair.take_over()
    after = shown.tick({END: ["sys"], "one": ["sys"]})
    assert shown.log.home == pair.other and shown.live  # at once, though there may be more to come
    assert after["one"]["sys"]["*"]["clock"] == before["one"]["sys"]["*"]["clock"]
    assert after[END]["sys"]["*"]["clock"] == clock_text(source.log.newest)[:8]
    assert digest_state(shown.latest()) == digest_state(source.latest())
    assert shown.table_names() and shown.told() == source.told()

    pair.follows()
    gather(pair.run, "maker_b")
    shown.tick({END: ["sys"]})
    write_info(pair.run, replace(read_info(pair.run), status="complete"))
    for _ in range(4):
        last = shown.tick({END: ["sys"]})
    assert shown.log.home == pair.run and not shown.live
    assert last[END]["sys"]["*"]["scene"] == "replay"
    assert digest_state(shown.latest()) == digest_state(source.latest())


def test_a_console_that_comes_late_begins_with_the_leader(pair: Pair, source: RunSource) -> None:
    """Opened after a take-over it never reads the dead node's journal."""
    pair.take_over()
    late = RunSource(pair.run)
    late.load()
    assert late.log.home == pair.other and late.log.newest == source.log.newest


def test_reasons_of_a_quote_come_from_the_leaders_journal(pair: Pair, source: RunSource) -> None:
    """The last request of the day: nobody sent it while a led; b's journal has it."""
    last = source.table(END, "orders", Ask(limit=1)).rows[0][1]
    with pytest.raises(RunError, match="has no request"):
        find(pair.run, str(last))
    pair.take_over()
    assert find(pair.run, str(last)).request.client_id == last


def test_the_highest_epoch_leads(pair: Pair) -> None:
    """a, b, a again; an older word that comes late changes nothing."""
    lead = Lead(pair.run)
    assert lead.look() == pair.run
    pair.say(pair.other, "b", 2)
    assert lead.look() == pair.other
    pair.say(pair.run, "a", 3)
    assert lead.look() == pair.run
    pair.say(pair.other, "b", 2)
    assert lead.look() == pair.run


def test_a_torn_journal_is_waited_out_by_a_pair_and_named_without_one(
    pair: Pair, run: Path, tmp_path: Path
) -> None:
    """Between the cut and the word of the new leader nothing is read and nothing fails; a single
    node's journal that is torn is an error as ever.
    """
    following = Following(pair.run)
    assert following.read_on(True, 1 << 62)
    alone = tmp_path / "alone"
    shutil.copytree(run, alone)
    single = RunLog(alone)
    for folder in (pair.run, alone):
        path = segment_paths(folder / "journal" / "maker")[-1][1]
        data = bytearray(path.read_bytes())
        first = next(read_segments(folder / "journal" / "maker", "maker"))
        path.write_bytes(bytes(data) + bytes(data[: first.size]))  # a frame that does not follow
    assert following.read_on(True, 1 << 62) is False and not following.changing
    with pytest.raises(JournalCorruptError):
        single.poll()
