"""A live day whose journals are copied into PostgreSQL, which is killed while the desk quotes and
comes back (F66, promise 33). 09:29:50 to 09:31:50 of business time at five times the clock.
"""

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from outage import Outage

from quanheng.compose.closing import DayResult
from quanheng.compose.day import DayPlan
from quanheng.compose.live import conduct
from quanheng.compose.live_closing import close_day
from quanheng.compose.live_nodes import roles_beside
from quanheng.compose.scenarios import load
from quanheng.compose.watch import Watch
from quanheng.compose.watch_cli import recorded
from quanheng.config import read_config
from quanheng.edge.alarm_desk import AlarmDesk
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.pg_config import DatabaseConfig
from quanheng.edge.pg_journal import PgJournal, names_of
from quanheng.terms.units import SECOND

sys.path.append(str(Path(__file__).parents[1] / "people"))
from postgres_world import cluster

MACHINES = ("maker", "oversight")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run it once; (run, the day's result, URL), with the server up."""
    out: Path = tmp_path_factory.mktemp("live") / "run"
    out.mkdir()
    with cluster() as server:
        url = server.fresh()
        config = msgspec.structs.replace(
            read_config(None), database=DatabaseConfig(True, url, MACHINES)
        )
        plan = DayPlan(scenario=load("calm"), config=config, pick="8", out=out, until="09:31:50")
        outage = Outage(server, 4, 10)
        prepared, supervisor, seconds = conduct(
            plan, 5, "09:29:50", dict(os.environ), (), stopping=outage
        )
        assert outage.done == "started"
        yield out, close_day(prepared, supervisor.ended, seconds, supervisor.restarts), url


def test_f66_a_day_goes_on_without_its_database(ran: tuple[Path, DayResult, str]) -> None:
    """Every invariant of the day holds, no process was started again, the loss is told."""
    run, day, _ = ran
    assert {name: count for name, count in day.invariants.items() if count} == {}
    supervisor = [row["what"] for row in read_lines(run / "live" / "supervisor.jsonl")]
    assert "ended" not in supervisor and supervisor.count("stopped") == len(roles_beside(run)) + 5
    told = {row["code"]: row["level"] for row in recorded(run)}
    assert told["database_copy_down"] == "amber" and told["database_copy_up"] == "notice"
    assert "database_copy_anew" not in told and "pgcopy" in roles_beside(run)


def test_f66_afterwards_the_table_is_the_journals(ran: tuple[Path, DayResult, str]) -> None:
    """Frame by frame, both machines, to the last one of the day."""
    run, _, url = ran
    for machine, name in names_of(run, MACHINES).items():
        copy = PgJournal(run, machine, url, name=name)
        found = copy.verify()
        assert found.ok and found.frames > 100, (machine, found)
        copy.close()
    health = [row for row in read_lines(run / "live" / "pgcopy.jsonl") if row["what"] == "health"]
    assert health[-1]["maker_connected"] == 1 and health[-1]["maker_last"] > 100


def test_the_watch_tells_what_a_copy_says(tmp_path: Path) -> None:
    """A database that is away is amber, another history red, and only its own process says so."""
    lines = {
        "pgcopy": [
            {"what": "copy_down", "machine": "maker", "why": "no route", "last": 0},
            {"what": "copy_anew", "machine": "maker", "why": "frame 9 is another", "name": "d~1"},
        ],
        "maker": [{"what": "copy_anew", "machine": "maker", "why": "not its to say", "name": "x"}],
    }
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "pgcopy.msgpack").touch()
    for role, rows in lines.items():
        text = b"".join(msgspec.json.encode({"at": 1, **row}) + b"\n" for row in rows)
        (tmp_path / "live" / f"{role}.jsonl").write_bytes(text)
    desk = AlarmDesk(tmp_path, (), lambda: SECOND)
    Watch(tmp_path, desk, lambda: SECOND).look()
    assert [(one.level, one.text) for one in desk.alarms.values()] == [
        ("amber", "机器 maker 的数据库副本停顿：no route"),
        ("red", "机器 maker 的数据库副本与日志不一致，另起 d~1：frame 9 is another"),
    ]
    desk.close()
