"""Supervision of copiers and agents: no start on bad servers, no end of a day (F65, promise 32)."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from nats_rig import Cluster

from quanheng.compose import live
from quanheng.compose.live import COPIER_RESTARTS, LiveError, Supervisor
from quanheng.compose.live_messaging import copiers_of, leases_of, write_copiers
from quanheng.compose.live_nodes import STANDBY
from quanheng.compose.live_process import Process
from quanheng.compose.live_setup import write_lease
from quanheng.config import Config, read_config
from quanheng.edge.build import this_build, write_build
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


READY = """
import sys
print({said!r}, flush=True)
sys.stdin.read()
"""
STANDS_IN = ("exchange", "gateway", "overseer", "watch", "maker")


class Opening(Supervisor):
    """Starts as ever, with processes that only say they are ready in place of the others."""

    def _spawn(self, role: str, *arguments: str) -> Process:
        if role not in STANDS_IN:
            return super()._spawn(role, *arguments)
        ports = {f"{name}_port": 1 for name in live.LINES}
        build = this_build().identity
        said = msgspec.json.encode({"event": "ready", "build": build, **ports}).decode()
        command = [sys.executable, "-c", READY.format(said=said)]
        process = Process(role, command, self.run, self._env)
        self._processes[role] = process
        self._selector.register(process, 1, process)
        return process


@pytest.mark.parametrize("role", ["copier", "lease"])
def test_f65_a_day_does_not_begin_on_servers_that_sync_later(
    lazy: Cluster, tmp_path: Path, role: str
) -> None:
    """Promise 32, no start: the supervisor gives up before any order could leave, and says why."""
    change, config = msgspec.structs.replace, with_messaging()
    messaging = change(
        config.messaging, servers=lazy.urls, monitors=lazy.monitors, replicas=1,
        enabled=role == "copier",
    )  # fmt: skip
    pair = change(config.standby, enabled=role == "lease", lease="nats", lease_ms=20_000)
    config = change(config, messaging=messaging, standby=pair)
    (tmp_path / "live").mkdir()
    (tmp_path / STANDBY / "live").mkdir(parents=True)
    for node in (tmp_path, tmp_path / STANDBY):
        write_build(node)
    write_copiers(tmp_path, config)
    if role == "lease":
        write_lease(tmp_path, config)
    prepared: Any = SimpleNamespace(
        run=tmp_path, plan=SimpleNamespace(config=config), standby={}, midnight=0,
        write_clients=lambda *ports, **more: None,
    )  # fmt: skip
    said = f"{role} ended with code 3: {role}: server a: sync_interval is not always"
    with Opening(prepared, 60, os.environ) as opening, pytest.raises(LiveError, match=said):
        opening.start(0)
    assert not (tmp_path / "live" / "clock.json").exists()
