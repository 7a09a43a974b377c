"""The gate before JetStream: version, fsync, cluster size, or nothing begins (promise 32)."""

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from copy_rig import CopyRig, servers_of
from nats_rig import Cluster, wait_for

from quanheng.config import ConfigError, read_config
from quanheng.edge.build import write_build
from quanheng.edge.clock import monotonic
from quanheng.edge.kv_arbiter import KvArbiterProcess, KvSetup
from quanheng.edge.loop import Loop
from quanheng.edge.nats_config import Servers
from quanheng.edge.nats_copying import Setup
from quanheng.edge.nats_gate import GateRefusedError, page_of, server_problem
from quanheng.edge.nats_line import LineDownError, NatsLine

LAZY = "2m"


def test_f65_a_copier_does_not_start_on_a_server_that_syncs_later(
    lazy: Cluster, tmp_path: Path
) -> None:
    """Promise 32: `sync_interval` other than always, no start; and nothing was kept there."""
    rig = CopyRig(tmp_path / "run", lazy)
    rig.write(3)
    with pytest.raises(GateRefusedError, match="server a: sync_interval is not always"):
        rig.copying.first(monotonic())
    rig.turns(5)
    assert rig.heard("gate") and not rig.heard("up")
    assert lazy.servers[0].ask("/jsz")["streams"] == 0
    rig.close()


def test_f65_a_lease_does_not_start_on_a_server_that_syncs_later(
    lazy: Cluster, tmp_path: Path
) -> None:
    """Promise 32, for the lease."""
    (tmp_path / "live").mkdir()
    setup = KvSetup(
        host="127.0.0.1", port=0, node="a", slot=1, servers=servers_of(lazy), bucket="B", key="k"
    )
    process = KvArbiterProcess(tmp_path, setup, Loop())
    with pytest.raises(GateRefusedError, match="sync_interval is not always"):
        process.first()
    process.close()
    assert lazy.servers[0].ask("/jsz")["streams"] == 0


@pytest.mark.parametrize("role", ["copier", "lease"])
def test_f65_the_processes_end_before_the_day_begins(
    lazy: Cluster, tmp_path: Path, role: str
) -> None:
    """What the supervisor starts says why in one line and ends with 3."""
    (tmp_path / "live").mkdir()
    write_build(tmp_path)
    if role == "copier":
        setup: Any = Setup(servers_of(lazy), {"maker": "S"})
    else:
        setup = KvSetup(
            host="127.0.0.1", port=0, node="a", slot=1, servers=servers_of(lazy), bucket="B",
            key="k",
        )  # fmt: skip
    (tmp_path / "live" / f"{role}.msgpack").write_bytes(msgspec.msgpack.encode(setup))
    done = subprocess.run(
        [sys.executable, "-m", f"quanheng.edge.{role}_main", str(tmp_path)],
        stdin=subprocess.PIPE, capture_output=True, timeout=60, env=_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert b"sync_interval is not always" in done.stderr
    assert b"ready" not in done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


def test_a_cluster_as_it_should_be_passes(cluster: Cluster) -> None:
    """Three servers of 2.15 that sync always, each of them asked."""
    line = NatsLine(servers_of(cluster), "t")
    line.dial()
    assert line.up and line.seen == 3
    line.close()


def test_the_gate_reads_what_a_server_says(cluster: Cluster) -> None:
    """Each setting alone shuts it: the page is a real one with one thing changed."""
    servers = servers_of(cluster)
    page = page_of(cluster.monitors[0])
    assert page is not None and server_problem(page, servers) == ""

    def changed(*path: str, to: Any) -> str:
        copy = json.loads(json.dumps(page))
        inner = copy
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = to
        return server_problem(copy, servers)

    assert "version 2.14.9 is below 2.15" in changed("version", to="2.14.9")
    assert "version ? is below" in changed("version", to="")
    assert changed("version", to="2.16.0-RC.1") == ""
    assert "not enabled" in changed("jetstream", to={})
    assert "not always" in changed("jetstream", "config", "sync_always", to=False)
    assert "max_payload 1000 is below" in changed("max_payload", to=1_000)
    assert "the cluster has 5 servers, 3 are listed" in changed(
        "jetstream", "meta", "cluster_size", to=5
    )


def test_a_server_whose_monitor_is_not_listed_is_refused(cluster: Cluster) -> None:
    """Nobody could tell whether it syncs. A monitor that is down is another matter."""
    one, two, three = cluster.monitors
    stranger = Servers(cluster.urls[:1], (two, three, two), 3)
    line = NatsLine(stranger, "t")
    with pytest.raises(GateRefusedError, match="no monitor that is listed belongs to it"):
        line.dial()
    line.servers = Servers(cluster.urls[:1], (one, "http://127.0.0.1:1", two), 3)
    line.dial()
    assert line.up and line.seen == 2
    line.close()


def test_no_server_is_a_line_that_is_down(tmp_path: Path) -> None:
    """F65: that is no reason not to trade, so it is another error."""
    line = NatsLine(Servers(("nats://127.0.0.1:1",), ("http://127.0.0.1:1",), 1), "t")
    with pytest.raises(LineDownError, match="no messaging server answers"):
        line.dial()
    line.close()


def test_f65_a_server_that_comes_back_lazy_shuts_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running copier stops adding once a server is not as it should be, says so, and goes on when
    it is again.
    """
    cluster = Cluster(tmp_path / "one", 1)
    rig = None
    try:
        cluster.start()
        rig = CopyRig(tmp_path / "run", cluster)
        rig.write(5)
        rig.copied()
        cluster.servers[0].kill()
        cluster.servers[0].sync = LAZY
        cluster.whole()
        rig.write(5)
        wait_for(lambda: rig.turns(1) or rig.heard("gate"), 30, "the gate is shut")
        rig.turns(5)
        assert cluster.servers[0].ask("/jsz")["messages"] == 10
        cluster.servers[0].kill()
        cluster.servers[0].sync = "always"
        cluster.whole()
        rig.copied()
        assert rig.held() == rig.kept()
    finally:
        if rig is not None:
            rig.close()
        cluster.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('servers = []\nmonitors = []', "messaging.monitors: 0 for 0 servers"),
        (
            'servers = ["nats://127.0.0.1:4222"]\nmonitors = ["http://127.0.0.1:8222"]',
            "messaging.servers: 1 with replicas = 3",
        ),
        (
            'replicas = 1\nservers = ["nats://10.1.1.1:4222"]\nmonitors = ["http://127.0.0.1:1"]',
            r"messaging.servers\[0\]: 10.1.1.1 is not in isolation.peers",
        ),
        (
            'replicas = 1\nservers = ["nats://u:p@127.0.0.1:4222"]\n'
            'monitors = ["http://127.0.0.1:1"]',
            r"messaging.servers\[0\]: an address holds a host and a port, nothing else",
        ),
        (
            'replicas = 1\nservers = ["127.0.0.1:4222"]\nmonitors = ["http://127.0.0.1:1"]',
            r"messaging.servers\[0\]: .*is not nats://host:port",
        ),
        (
            'replicas = 1\nservers = ["nats://127.0.0.1:4222"]\nmonitors = ["http://127.0.0.1:1"]\n'
            'machines = ["venue"]',
            "messaging.machines: 'venue' is not one of",
        ),
        ("replicas = 2", "messaging.replicas: 2 is not 1 or 3"),
    ],
)  # fmt: skip
def test_the_section_is_checked(tmp_path: Path, text: str, said: str) -> None:
    """An error names the key and the reason."""
    with pytest.raises(ConfigError, match=said):
        read_config(_config(tmp_path, f"[messaging]\nenabled = true\n{text}\n"))


def test_a_lease_in_the_store_outlasts_an_election(tmp_path: Path) -> None:
    """An election of the servers must not stop trading (F65): 20 s at least."""
    servers = (
        '[messaging]\nservers = ["nats://127.0.0.1:1"]\nreplicas = 1\n'
        'monitors = ["http://127.0.0.1:2"]\n'
    )
    short = f'{servers}[standby]\nlease = "nats"\nlease_ms = 3000\n'
    with pytest.raises(ConfigError, match=r"standby\.lease_ms: 3000"):
        read_config(_config(tmp_path, short))
    with pytest.raises(ConfigError, match=r"standby\.lease: 'etcd' is not arbiter or nats"):
        read_config(_config(tmp_path, '[standby]\nlease = "etcd"\n'))
    good = f'{servers}[standby]\nlease = "nats"\nlease_ms = 20000\n'
    assert read_config(_config(tmp_path, good)).standby.lease == "nats"


def _config(folder: Path, more: str) -> Path:
    shipped = (files("quanheng") / "data/desk.toml").read_text(encoding="utf-8")
    path = folder / "desk.toml"
    path.write_text(f"{shipped}\n{more}", encoding="utf-8")
    return path
