"""A copier that cannot live does not end the day (F65)."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from quanheng.compose import live
from quanheng.compose.live import COPIER_RESTARTS, LiveError, Supervisor
from quanheng.compose.live_messaging import copiers_of, leases_of
from quanheng.compose.live_process import Process
from quanheng.config import Config, read_config
from quanheng.edge.journal_lines import read_lines


def with_messaging(machines: tuple[str, ...] = ("maker",), **standby: Any) -> Config:
    change, config = msgspec.structs.replace, read_config()
    messaging = change(config.messaging, enabled=True, machines=machines)
    return change(config, messaging=messaging, standby=change(config.standby, **standby))


class Dying(Supervisor):
    """Every process it starts dies at once."""

    def _spawn(self, role: str, *arguments: str) -> Process:
        command = [sys.executable, "-c", "raise SystemExit(7)"]
        process = Process(role, command, self.run, {})
        self._processes[role] = process
        self._selector.register(process, 1, process)
        process.popen.wait()
        return process


@pytest.fixture
def dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dying:
    (tmp_path / "live").mkdir()
    monkeypatch.setattr(live, "RESTART_PAUSE", 0.0)
    prepared = SimpleNamespace(run=tmp_path, plan=SimpleNamespace(config=with_messaging()))
    return Dying(prepared, 60, {}, max_restarts=3)  # type: ignore[arg-type]


def test_f65_a_copier_that_dies_again_and_again_is_given_up(dying: Dying) -> None:
    """It is started again some times, then left; the count that ends a day is not its."""
    with dying:
        process = dying._spawn("copier")
        for _ in range(COPIER_RESTARTS):
            dying._restart(process)
            process = dying._processes["copier"]
        dying._restart(process)
        assert "copier" not in dying._processes and dying.restarts == 0
    said = [row["what"] for row in read_lines(dying.run / "live" / "supervisor.jsonl")]
    assert said.count("ended") == COPIER_RESTARTS + 1 and said[-1] == "given_up"


def test_another_process_that_dies_again_and_again_ends_the_day(dying: Dying) -> None:
    """The same with the overseer: the exemption is the copier's alone."""
    with dying:
        (dying.run / "live" / "overseer.log").touch()
        process = dying._spawn("overseer")
        for _ in range(3):
            dying._restart(process)
            process = dying._processes["overseer"]
        with pytest.raises(LiveError, match="4 restarts: overseer ended with code 7"):
            dying._restart(process)


def test_which_processes_belong_to_a_plan() -> None:
    """None without the sections; a copier a node; an agent a node in place of the arbiter."""
    shipped = read_config()
    assert copiers_of(shipped) == () and leases_of(shipped) == ()
    assert copiers_of(with_messaging()) == ("copier",)
    pair = with_messaging(enabled=True)
    assert copiers_of(pair) == ("copier", "copier_b") and leases_of(pair) == ("arbiter",)
    assert copiers_of(with_messaging(("oversight",), enabled=True)) == ("copier",)
    assert leases_of(with_messaging(enabled=True, lease="nats")) == ("lease", "lease_b")
