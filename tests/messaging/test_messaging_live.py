"""A live run of a pair whose lease is in the store and whose journals are copied (F65, F62, T-05).

09:29:50 to 09:32:20 of business time at five times the wall's speed, eight contracts. A server is
killed while the desk quotes and started again, then the maker that leads is killed.
"""

import os
from pathlib import Path
from signal import Signals
from typing import Any

import msgspec
import pytest
from nats_rig import Cluster
from outage import Outage

from quanheng.compose.closing import DayResult
from quanheng.compose.day import DayPlan
from quanheng.compose.live import conduct
from quanheng.compose.live_closing import close_day
from quanheng.compose.live_drills import LEADER, Drill
from quanheng.compose.live_nodes import STANDBY, lines_of, roles_beside
from quanheng.compose.scenarios import load
from quanheng.compose.watch_cli import recorded
from quanheng.config import read_config
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.nats_config import Servers
from quanheng.edge.nats_copying import PLACE, Place
from quanheng.edge.nats_journal import compare
from quanheng.edge.nats_line import NatsLine
from quanheng.edge.nats_stream import FrameStream
from quanheng.terms.days import from_clock


@pytest.fixture(scope="module")
def ran(
    three: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, DayResult, Cluster]:
    """Run it once."""
    three.whole()
    out: Path = tmp_path_factory.mktemp("live") / "run"
    out.mkdir()
    change = msgspec.structs.replace
    config = read_config(None)
    config = change(
        config,
        standby=change(config.standby, enabled=True, lease="nats", lease_ms=20_000),
        messaging=change(
            config.messaging, enabled=True, servers=three.urls, monitors=three.monitors,
            machines=("maker", "oversight"),
        ),
    )  # fmt: skip
    plan = DayPlan(scenario=load("calm"), config=config, pick="8", out=out, until="09:32:20")
    kill = Drill(from_clock("09:31:20"), LEADER, Signals.SIGKILL)
    blows = Outage(three.servers[0], 3, 10)
    prepared, supervisor, seconds = conduct(
        plan, 5, "09:29:50", dict(os.environ), (kill,), stopping=blows
    )
    assert blows.done == "started"
    return out, close_day(prepared, supervisor.ended, seconds, supervisor.restarts), three


def lines(run: Path, role: str, what: str) -> list[dict[str, Any]]:
    return [line for line in read_lines(lines_of(run, role)) if line["what"] == what]


def test_f65_trading_is_unaffected_and_the_other_node_takes_over(
    ran: tuple[Path, DayResult, Cluster],
) -> None:
    """Every invariant of the day holds; the lease went from a to b once, with epochs 1 and 2, and
    not for the server that died.
    """
    run, day, _ = ran
    assert {name: count for name, count in day.invariants.items() if count} == {}
    led = lines(run, "maker", "leads")
    assert [(line["node"], line["epoch"]) for line in led] == [("a", 1), ("b", 2)]
    assert [line["epoch"] for line in lines(run, "lease", "granted")] == [1]
    assert [line["epoch"] for line in lines(run, "lease_b", "granted")] == [2]
    hellos = [line["epoch"] for line in lines(run, "gateway", "hello")]
    assert hellos == [1, 2]
    restarted = [line["role"] for line in lines(run, "supervisor", "ended")]
    assert restarted == ["maker"]


def test_f65_the_streams_are_the_journals(ran: tuple[Path, DayResult, Cluster]) -> None:
    """Both nodes' journals, frame by frame to their ends, after the loss of a server."""
    run, _, cluster = ran
    cluster.whole()
    line = NatsLine(Servers(cluster.urls, cluster.monitors), "check")
    line.dial()
    for folder, machines in ((run, ["maker", "oversight"]), (run / STANDBY, ["maker"])):
        streams = msgspec.json.decode((folder / PLACE).read_bytes(), type=Place).streams
        for machine in machines:
            equal, last, why = compare(FrameStream(line, streams[machine]), folder, machine)
            assert (equal, why) == (last, "") and last > 100, (folder, machine)
    line.close()


def test_the_watch_tells_of_the_copiers(ran: tuple[Path, DayResult, Cluster]) -> None:
    """`status` and metrics know their processes; that servers answer is told, nothing is red."""
    run, _, _ = ran
    alarms = [row for row in recorded(run) if str(row["code"]).startswith("messaging_")]
    told = {row["code"]: row["level"] for row in alarms}
    assert told["messaging_up"] == "notice" and "red" not in told.values(), alarms
    assert {"copier", "copier_b", "lease", "lease_b"} <= {*roles_beside(run)}
    for role in ("copier", "copier_b"):
        health = lines(run, role, "health")
        assert health and health[-1]["gate"] == 1 and health[-1]["maker_confirmed"] > 100
