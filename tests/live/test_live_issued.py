"""What the authority issued reaches the live maker, each proposal once (borders.md 5, Q-06)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quanheng.compose import authority_desk
from quanheng.compose.authority_desk import AuthorityDesk
from quanheng.compose.openings import Openings
from quanheng.compose.reference import load
from quanheng.compose.scenarios import load as scenario
from quanheng.config import read_config
from quanheng.edge.clock import monotonic
from quanheng.edge.issued import ISSUED, BadLine, IssuedFile
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.loop import Loop
from quanheng.edge.maker_process import MakerProcess
from quanheng.edge.maker_setup import MakerSetup
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.runtime.live import BusinessClock
from quanheng.terms.commands import Command, Pull, SignOn, TakeInquiry
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import MILLISECOND, SECOND

DAY = 20240627
NOON = midnight(DAY) + from_clock("10:00")


def line(proposal: int, command: Command, target: str = "maker") -> str:
    body = {"proposal": proposal, "target": target, "by": "x"}
    return json.dumps(body | {"msgpack": msgspec.msgpack.encode(command).hex()}) + "\n"


def test_issued_lines_are_read_on_from_where_the_last_look_ended(tmp_path: Path) -> None:
    """Whole lines only; other targets are passed over; a bad line is named and ends nothing."""
    file = IssuedFile(tmp_path, "maker")
    assert list(file) == []
    path = tmp_path / ISSUED
    first, second = Pull("*", "T01"), SignOn("trader", "T01", True, "510050")
    cut = line(3, TakeInquiry("RQ1", "T01"))
    path.write_text(line(1, first) + line(2, first, "venue") + cut[:20], encoding="utf-8")
    assert list(file) == [(1, first)]
    with path.open("a", encoding="utf-8") as more:
        more.write(cut[20:] + "nonsense\n" + line(0, first) + line(5, second))
    found = list(file)
    assert found[0] == (3, TakeInquiry("RQ1", "T01")) and found[-1] == (5, second)
    bad = [one for one in found if isinstance(one, BadLine)]
    assert [one.line for one in bad] == [4, 5] and "proposal 0" in bad[1].reason
    assert list(file) == []


class Desk:
    """A run folder with an authority and a maker's process without gateway or market."""

    def __init__(self, run: Path) -> None:
        (run / "live").mkdir(parents=True)
        self.run = run
        book = read_rulebook(DAY)
        calm = scenario("calm")
        opening = Openings(calm, load(pick="12"), book, read_config(), 1, SECOND).maker()
        self.setup = MakerSetup(
            opening=opening,
            shifts=[],
            host="127.0.0.1",
            feed_port=9,
            sync_ms=1,
            heartbeat_ms=100,
            snapshot_every=0,
            marks=[],
        )
        self.clock = BusinessClock(NOON, monotonic(), 1)

    def life(self) -> MakerProcess:
        """One life of the process, on the run's clock."""
        process = MakerProcess(self.run, self.setup, Loop(), {"spawned": monotonic()})
        process.begin(self.clock)
        return process

    def propose(self, command: Command, by: str) -> None:
        with AuthorityDesk(self.run, begin=True) as desk:
            assert desk.propose(command, by).status == "issued"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """See `Desk`; the authority's clock stands at noon of the day."""
    monkeypatch.setattr(authority_desk, "clock", lambda: NOON)
    yield Desk(tmp_path / "run")


def _turns(process: MakerProcess, until: int) -> dict[int, int]:
    """Turn until that many proposals were heard, or half a minute has passed."""
    issued: dict[int, int] = process._machine.state.issued
    end = monotonic() + 30 * SECOND
    while len(issued) < until and monotonic() < end:
        process.turn()
    return dict(issued)


def _said(desk: Desk, what: str) -> list[dict[str, Any]]:
    """Lines of the process's log of one kind."""
    return [one for one in read_lines(desk.run / "live" / "maker.jsonl") if one["what"] == what]


def test_a_proposal_reaches_the_live_maker_and_a_restarted_one_hears_it_once(desk: Desk) -> None:
    """The command is journaled with its proposal as cause; after a restart the whole file is read
    again and nothing is done twice.
    """
    process = desk.life()
    desk.propose(SignOn("trader", "T01", True), "T01")
    heard = _turns(process, 1)
    assert list(heard) == [1]
    duty = process._machine.state.scopes.duty
    assert duty == {"trader *": ["T01"]}
    desk.propose(SignOn("trader", "T02", True, "510050"), "T02")
    assert list(_turns(process, 2)) == [1, 2]
    process.close()
    again = desk.life()
    assert again.resumed and again._machine.state.scopes.duty["trader 510050"] == ["T02"]
    end = monotonic() + 300 * MILLISECOND
    while monotonic() < end:
        again.turn()
    assert list(again._machine.state.issued) == [1, 2]
    assert [one["proposal"] for one in _said(desk, "issued")] == [1, 2]
    again.close()


def test_a_bad_line_is_said_and_does_not_stop_the_maker(desk: Desk) -> None:
    """Bad input names its line; what follows is heard."""
    process = desk.life()
    desk.propose(SignOn("trader", "T01", True), "T01")
    with (desk.run / ISSUED).open("a", encoding="utf-8") as file:
        file.write("{}\n" + line(7, Pull("*", "T01")))
    assert list(_turns(process, 2)) == [1, 7]
    process.close()
    said = _said(desk, "issued_bad")
    assert [one["line"] for one in said] == [2] and "proposal" in said[0]["reason"]
