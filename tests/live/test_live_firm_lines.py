"""The lines of the firm's overseer: copies, beats, commands, acts of people (R-01, R-03)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from test_live_issued import Desk

from quanheng.cli import cli
from quanheng.compose.run_folder import RunError, RunInfo, write_info
from quanheng.config import ConfigError
from quanheng.edge.clock import monotonic
from quanheng.edge.copy_line import CHUNK, CopyClient, CopyServer
from quanheng.edge.firm_acts import ACTS, ActFile, add_act
from quanheng.edge.firm_link import DeskDoor, Ordered, Taken, Watchman
from quanheng.edge.loop import Loop, tcp_listener
from quanheng.oversight.messages import EtfCopy, Restrain
from quanheng.terms.codes import Overseen, TradingState
from quanheng.terms.commands import SetState
from quanheng.terms.units import SECOND

LATE, LOST, WATCHED = Overseen.LATE, Overseen.LOST, Overseen.WATCHED


def test_watchman_counts_from_the_last_beat() -> None:
    """5 s and 15 s; before the first beat an engine keeps what it knew, or learns of worse."""
    watch = Watchman(5 * SECOND, 15 * SECOND, 0)
    assert watch.state(5 * SECOND - 1, WATCHED) == WATCHED
    assert watch.state(5 * SECOND, WATCHED) == LATE
    assert watch.state(SECOND, LOST) == LOST
    assert watch.state(15 * SECOND, LATE) == LOST
    watch.begin(20 * SECOND)
    assert watch.state(21 * SECOND, LATE) == LATE
    watch.beat(22 * SECOND)
    assert watch.state(23 * SECOND, LOST) == WATCHED
    assert watch.state(27 * SECOND, WATCHED) == LATE
    assert watch.state(37 * SECOND, LATE) == LOST


class Books:
    """A reader of copies that can lose its connection or its process."""

    def __init__(self, loop: Loop, port: int) -> None:
        self.heard: list[Any] = []
        self.loop = loop
        self.port = port
        self.connect()

    def connect(self) -> None:
        address = ("127.0.0.1", self.port)
        self.client = CopyClient(self.loop, address, lambda: len(self.heard), self.heard.append)


def test_copies_are_complete_over_late_readers_and_restarts(tmp_path: Path) -> None:
    """A reader that comes late gets all, one that restarts goes on, and each copy comes once."""
    loop = Loop()
    listener = tcp_listener("127.0.0.1", 0)
    server = CopyServer(loop, listener, tmp_path / "copies.bin")
    copies = [EtfCopy(()) for _ in range(2 * CHUNK + 6)]  # more than one piece of the file
    for one in copies[:-3]:
        server.add(one)
    books = Books(loop, listener.getsockname()[1])

    def turn_until(count: int) -> None:
        end = monotonic() + 20 * SECOND
        while len(books.heard) < count and monotonic() < end:
            loop.poll(0.01)
            server.tick()
            books.client.tick(monotonic())
            loop.flush()

    turn_until(len(copies) - 3)
    books.connect()
    for one in copies[-3:]:
        server.add(one)
    turn_until(len(copies))
    books.client.ask()
    end = monotonic() + 20 * SECOND
    while books.client.there < 0 and monotonic() < end:
        loop.poll(0.01)
        loop.flush()
    assert len(books.heard) == len(copies) == books.client.there
    server.close()
    loop.close()


def test_acts_are_read_on_and_a_bad_line_is_named(tmp_path: Path) -> None:
    """Whole lines only; lines that an earlier process took are passed over."""
    act = Restrain("*", TradingState.HALTED, "drill", "F01")
    said: list[dict[str, Any]] = []

    def say(what: str, **more: Any) -> None:
        said.append({"what": what, **more})

    file = ActFile(tmp_path)
    assert list(file.read(0, say)) == []
    add_act(tmp_path, act)
    with (tmp_path / ACTS).open("ab") as more:
        more.write(b'["restrain"]\n' + msgspec.json.encode(act)[:10])
    assert list(file.read(0, say)) == [(1, act)]
    assert [one["line"] for one in said] == [2] and "reason" in said[0]
    with (tmp_path / ACTS).open("ab") as more:
        more.write(msgspec.json.encode(act)[10:] + b"\n")
    assert list(file.read(0, say)) == [(3, act)]
    assert list(ActFile(tmp_path).read(2, say)) == [(3, act)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path / "run")
    found.setup = msgspec.structs.replace(
        found.setup, overseer_late=2 * SECOND, overseer_lost=600 * SECOND
    )
    yield found


def test_a_command_of_the_firm_counts_once_and_a_silent_overseer_reduces(desk: Desk) -> None:
    """The engine journals and confirms; the same proposal again is confirmed and not done."""
    loop = Loop()
    confirmed: list[int] = []

    def from_desk(message: Any) -> None:
        if isinstance(message, Taken):
            confirmed.append(message.proposal)

    door = DeskDoor(loop, desk.run, from_desk, lambda: None)
    process = desk.life()
    state = process._machine.state

    def turn_until(done: Any, beat: bool = True) -> None:
        end = monotonic() + 30 * SECOND
        while not done() and monotonic() < end:
            process.turn()
            loop.poll(0.0)
            if beat:
                door.tick(monotonic())
            loop.flush()
        assert done()

    turn_until(lambda: door.up)
    lower = SetState("*", TradingState.REDUCING, "drill", "F01")
    for number in (1, 2):
        door.send(Ordered(4, lower))
        turn_until(lambda number=number: len(confirmed) == number)
    assert confirmed == [4, 4] and list(state.issued) == [-4]
    assert state.scopes.states["*"] == TradingState.REDUCING
    turn_until(lambda: state.scopes.overseen == LATE, beat=False)
    turn_until(lambda: state.scopes.overseen == WATCHED)
    process.close()
    loop.close()


def _info(status: str) -> RunInfo:
    return RunInfo(
        day=20240627, scenario="calm", seed=1, cadence_ms=500, contracts=1, journal="full",
        version="0", rulebook="", config="", source="", hash_seed="live", speed=1, status=status,
    )  # fmt: skip


def test_firm_hands_acts_to_a_running_day_only(tmp_path: Path) -> None:
    """Bad input: a day that is over, a person without the post, one who is unknown."""
    run = CliRunner().invoke
    write_info(tmp_path, _info("running"))
    given = ["--text", "drill", "--scope", "510050", "--state", "REDUCING"]
    done = run(cli, ["firm", "restrain", str(tmp_path), *given, "--by", "F01"])
    assert done.exit_code == 0, done.output
    said: list[Any] = []
    acts = list(ActFile(tmp_path).read(0, lambda *_, **__: said.append(1)))
    assert acts == [(1, Restrain("510050", TradingState.REDUCING, "drill", "F01"))]
    for by, word in (("T01", "firm_risk"), ("X99", "firm_risk")):
        refused = run(cli, ["firm", "restrain", str(tmp_path), *given, "--by", by])
        assert isinstance(refused.exception, ConfigError) and word in str(refused.exception)
    unknown = run(cli, ["firm", "release", str(tmp_path), "--text", "x", "--by", "X99"])
    assert isinstance(unknown.exception, ConfigError) and "X99" in str(unknown.exception)
    write_info(tmp_path, _info("ended"))
    late = run(cli, ["firm", "second", str(tmp_path), "3", "--by", "H01"])
    assert isinstance(late.exception, RunError) and "no live day" in str(late.exception)
    assert len(list(ActFile(tmp_path).read(0, print))) == 1
