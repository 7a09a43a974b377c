"""A live run with a standby and one kill of the leader: the follower takes over (T-05, F14, F61).

09:29:50 to 09:32:20 of business time at five times the wall's speed, eight contracts, links between
the nodes over TLS; the maker that leads is killed at 09:31. The whole drill, a hundred kills
between two network namespaces, is `tools/drill_failover.py`; what it measured is in
docs/standby.md.
"""

import os
import time
from pathlib import Path
from signal import Signals
from typing import Any

import msgspec
import pytest

from quanheng.compose.closing import DayResult
from quanheng.compose.console_source import RunSource
from quanheng.compose.day import DayPlan
from quanheng.compose.live import conduct
from quanheng.compose.live_closing import close_day
from quanheng.compose.live_drills import LEADER, Drill
from quanheng.compose.live_nodes import STANDBY, lines_of
from quanheng.compose.pair_keys import make
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import load
from quanheng.config import read_config
from quanheng.desk.ports import END
from quanheng.edge.arbiter_main import Setup
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.maker_setup import MakerSetup
from quanheng.edge.tls import NAMES
from quanheng.runtime.verify import verify_run
from quanheng.terms.days import from_clock


class Onlooker:
    """A console's read model of the running day, looked at twice a second by the supervisor."""

    def __init__(self, run: Path) -> None:
        self._run, self._next = run, 0.0
        self._source: RunSource | None = None
        self.seen: list[tuple[int, str]] = []  # epoch and clock of each picture

    def __call__(self) -> bool:
        if (now := time.monotonic()) >= self._next:
            self._next = now + 0.5
            try:
                self._look()
            except RunError:
                self._source = None  # nothing is opened yet
        return False

    def _look(self) -> None:
        if self._source is None:
            self._source = RunSource(self._run)
            self._source.load()
        shown = self._source.tick({END: ["sys"]})[END]["sys"]["*"]
        assert shown["live"]
        self.seen.append((shown["epoch"], shown["clock"]))


@pytest.fixture(scope="module")
def onlooker(tmp_path_factory: pytest.TempPathFactory) -> Onlooker:
    out: Path = tmp_path_factory.mktemp("standby") / "run"
    out.mkdir()
    return Onlooker(out)


@pytest.fixture(scope="module")
def ran(onlooker: Onlooker, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DayResult]:
    """Run it once."""
    out = onlooker._run
    config = read_config(None)
    keys = tmp_path_factory.mktemp("keys")
    make(keys, NAMES, 365)
    standby = msgspec.structs.replace(config.standby, enabled=True, tls=str(keys))
    config = msgspec.structs.replace(config, standby=standby)
    plan = DayPlan(scenario=load("calm"), config=config, pick="8", out=out, until="09:32:20")
    kill = Drill(from_clock("09:31"), LEADER, Signals.SIGKILL)
    prepared, supervisor, seconds = conduct(
        plan, 5, "09:29:50", dict(os.environ), (kill,), stopping=onlooker
    )
    return out, close_day(prepared, supervisor.ended, seconds, supervisor.restarts)


def lines(run: Path, role: str, what: str) -> list[dict[str, Any]]:
    return [line for line in read_lines(lines_of(run, role)) if line["what"] == what]


def test_the_follower_takes_over_and_every_invariant_holds(ran: tuple[Path, DayResult]) -> None:
    """No report is missed or applied twice, positions and money are the exchange's, nothing is left
    there, and the copy is the leader's journal.
    """
    run, day = ran
    assert {name: count for name, count in day.invariants.items() if count} == {}
    assert day.invariants["standby: frames that differ from the leader's"] == 0
    led = lines(run, "maker", "leads")
    assert [line["node"] for line in led] == ["a", "b"]
    assert [line["epoch"] for line in led] == [1, 2]
    assert [line["epoch"] for line in lines(run, "maker", "stages")] == [1, 2]


def test_it_was_whole_before_the_kill_and_lost_nothing(ran: tuple[Path, DayResult]) -> None:
    """The new leader goes on from the last frame of the old one; both journals verify."""
    run, _ = ran
    (whole,) = (line for line in lines(run, "maker", "replicated") if line["epoch"] == 1)
    assert whole["seq"] >= 0
    took = lines(run, "maker", "leads")[1]
    assert took["frames"] > whole["seq"]
    for folder in (run, run / STANDBY):
        verdicts = {item["machine"]: item["ok"] for item in verify_run(folder)}
        assert verdicts.pop("maker") and all(verdicts.values())
    hellos = [line["epoch"] for line in lines(run, "gateway", "hello")]
    assert hellos == [1, 2]


def test_an_arbiter_that_starts_again_is_found(ran: tuple[Path, DayResult]) -> None:
    """It keeps the port of its first start; both nodes were told that one."""
    run, _ = ran
    arbiter = msgspec.msgpack.decode((run / "live" / "arbiter.msgpack").read_bytes(), type=Setup)
    assert arbiter.port > 0 and arbiter.tls
    for node in (run, run / STANDBY):
        data = (node / "live" / "maker.msgpack").read_bytes()
        pair = msgspec.msgpack.decode(data, type=MakerSetup).pair
        assert pair is not None and pair.arbiter == (arbiter.host, arbiter.port)
        assert pair.tls == arbiter.tls


def test_the_console_shows_the_new_leader_while_the_day_runs(
    ran: tuple[Path, DayResult], onlooker: Onlooker
) -> None:
    """Its pictures go on: of epoch 1 up to the kill, of epoch 2 from soon after it to the end."""
    epochs = [epoch for epoch, _ in onlooker.seen]
    assert epochs == sorted(epochs) and set(epochs) == {1, 2}
    first, last = (next(at for epoch, at in seen if epoch == 2)
                   for seen in (onlooker.seen, onlooker.seen[::-1]))  # fmt: skip
    assert "09:31:00" <= first < "09:31:45" and last > "09:32:00"
