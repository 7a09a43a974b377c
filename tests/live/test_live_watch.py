"""The watch of a live run and its alarms: channels, escalation, silence, health (T-08)."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import generate_latest

from quanheng.cli import cli
from quanheng.compose.alarm_levels import level_of
from quanheng.compose.run_folder import RunInfo, write_info
from quanheng.compose.watch import Watch
from quanheng.config import ConfigError, read_config
from quanheng.edge.alarm_channels import ChannelConfig, ChannelError, open_channel
from quanheng.edge.alarm_desk import ASKED, RECORD, AlarmDesk
from quanheng.edge.clock import monotonic
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert, TradingState
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import SECOND, Nanos

ALARM = {"number": 1, "level": "red", "text": "做市机停止", "code": "process_ended"}
NOON = midnight(20240627) + from_clock("12:00")


class Received:
    """A server on loopback for one kind of channel; what came is in `got`."""

    def __init__(self, status: int = 200) -> None:
        got: list[Any] = []
        self.got = got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alarm"


def channel(kind: str, *target: str, **more: Any) -> ChannelConfig:
    return ChannelConfig(more.pop("name", kind), kind, target, **more)


def test_file_and_command_channels_deliver_or_say_why(tmp_path: Path) -> None:
    open_channel(channel("file", "out.jsonl"), tmp_path).send(ALARM)
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8")) == ALARM
    keep = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    words = (sys.executable, "-c", keep, str(tmp_path / "by-command"))
    open_channel(channel("command", *words), tmp_path).send(ALARM)
    assert json.loads((tmp_path / "by-command").read_bytes()) == ALARM
    failing = (sys.executable, "-c", "import sys; sys.exit('no line')")
    with pytest.raises(ChannelError, match="ended with 1: no line"):
        open_channel(channel("command", *failing), tmp_path).send(ALARM)
    with pytest.raises(ChannelError, match="not-there"):
        open_channel(channel("command", "not-there"), tmp_path).send(ALARM)
    with pytest.raises(ChannelError, match="No such file"):
        open_channel(channel("file", "no/folder"), tmp_path).send(ALARM)


def test_webhook_delivers_and_follows_nobody(tmp_path: Path) -> None:
    """2xx is a delivery; an error, a redirection and a closed port are not."""
    for status, good in ((204, True), (500, False), (302, False)):
        there = Received(status)
        try:
            hook = open_channel(channel("webhook", there.address), tmp_path)
            if good:
                hook.send(ALARM)
            else:
                with pytest.raises(ChannelError, match=str(status)):
                    hook.send(ALARM)
            assert there.got == [ALARM]
        finally:
            there.close()
    with pytest.raises(ChannelError, match=r"127\.0\.0\.1"):
        open_channel(channel("webhook", there.address), tmp_path).send(ALARM)


def test_mail_is_handed_to_a_server(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, peer.makefile("rwb", buffering=0) as line:
            line.write(b"220 test\r\n")
            while word := line.readline():
                said.append(word)
                if word.upper().startswith(b"DATA"):
                    line.write(b"354 go on\r\n")
                    while (text := line.readline()) != b".\r\n":
                        said.append(text)
                line.write(b"221 bye\r\n" if word.upper().startswith(b"QUIT") else b"250 ok\r\n")
                if word.upper().startswith(b"QUIT"):
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    open_channel(channel("mail", "desk@x", "duty@x", host=host), tmp_path).send(ALARM)
    thread.join(10)
    listener.close()
    text = b"".join(said)
    assert b"desk@x" in text and b"duty@x" in text and b"Subject" in text
    with pytest.raises(ChannelError, match=host):
        open_channel(channel("mail", "a@x", "b@x", host=host), tmp_path).send(ALARM)


class Desk:
    """An alarm desk with files as channels and a clock that the test moves."""

    def __init__(self, run: Path, *channels: ChannelConfig) -> None:
        self.run, self.at = run, 1_000 * SECOND
        self.desk = AlarmDesk(run, channels, lambda: self.at)

    def until(self, what: str, count: int) -> list[dict[str, Any]]:
        """Lines of the record, once there are so many of a kind."""
        end = monotonic() + 20 * SECOND
        while monotonic() < end:
            self.desk.tick()
            lines = [json.loads(one) for one in (self.run / RECORD).read_bytes().splitlines()]
            found = [one for one in lines if one["what"] == what]
            if len(found) >= count:
                break
        assert len(found) == count, lines
        return found

    def ask(self, **words: Any) -> None:
        with (self.run / ASKED).open("a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")
        self.desk.tick()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(
        tmp_path,
        channel("file", "all.jsonl", name="all"),
        channel("file", "red.jsonl", name="red", level="red"),
        channel("file", "head.jsonl", name="head", level="amber", after_s=60),
        channel("file", "day.jsonl", name="day", hours="09:00-11:30"),
    )
    yield made
    made.desk.close()


def sent(desk: Desk, name: str) -> list[int]:
    path = desk.run / f"{name}.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(one)["number"] for one in lines]


def test_alarms_go_where_their_level_and_hour_lead(desk: Desk) -> None:
    desk.desk.raise_("amber", "feed_stale", "510050", "行情中断", "maker", NOON)
    desk.desk.raise_("red", "tripped", "*", "风控触发", "maker")
    desk.until("delivered", 4)
    assert (sent(desk, "all"), sent(desk, "red"), sent(desk, "day")) == ([1, 2], [2], [2])


def test_the_same_alarm_is_counted_not_repeated(desk: Desk) -> None:
    for _ in range(3):
        desk.desk.raise_("amber", "halt", "510050", "停牌", "maker")
    assert len(desk.desk.alarms) == 1 and desk.desk.alarms[1].times == 3
    desk.at += 61 * SECOND
    desk.desk.raise_("amber", "halt", "510050", "停牌", "maker")
    assert len(desk.desk.alarms) == 2


def test_nobody_answers_so_the_next_is_told(desk: Desk) -> None:
    """Escalation after 60 s; an acknowledgement in time ends it, and a notice never goes up."""
    desk.desk.raise_("amber", "halt", "510050", "停牌", "maker")
    desk.desk.raise_("amber", "halt", "510300", "停牌", "maker")
    desk.desk.raise_("notice", "test", "*", "测试", "watch")
    desk.ask(do="ack", by="T01", why="seen", number=2)
    desk.at += 59 * SECOND
    desk.desk.tick()
    assert [one.number for one in desk.desk.open] == [1]
    desk.at += 2 * SECOND
    desk.until("escalated", 1)
    desk.until("delivered", 7)
    assert sent(desk, "head") == [1]
    assert desk.until("acknowledged", 1)[0]["by"] == "T01"


def test_silence_has_an_author_and_an_end_and_red_breaks_it(desk: Desk) -> None:
    desk.ask(do="silence", by="O01", why="drill", code="halt", scope="*", minutes=5)
    desk.desk.raise_("amber", "halt", "510050", "停牌", "maker")
    desk.desk.raise_("red", "halt", "510300", "停牌", "maker")
    assert desk.until("silence", 1)[0]["by"] == "O01"
    desk.until("delivered", 3)
    assert sent(desk, "all") == [2]
    desk.at += 6 * 60 * SECOND
    desk.desk.raise_("amber", "halt", "588000", "停牌", "maker")
    desk.until("delivered", 7)
    assert sent(desk, "all") == [2, 3]
    assert sorted(sent(desk, "head")) == [1, 2], "what nobody answered still goes up"
    desk.ask(do="dance", by="O01", why="x")
    desk.ask(do="silence")
    assert len(desk.until("bad_ask", 2)) == 2


def test_a_channel_that_fails_is_itself_an_alarm_on_the_others(tmp_path: Path) -> None:
    bad = channel("file", "no/such/folder", name="bad")
    made = Desk(tmp_path, bad, channel("file", "ok.jsonl", name="ok"))
    made.desk.raise_("red", "tripped", "*", "风控触发", "maker")
    made.until("failed", 2)
    made.until("delivered", 2)
    assert sent(made, "ok") == [1, 2]
    assert made.desk.alarms[2].code == "channel_failed" and "bad" in made.desk.alarms[2].scope
    made.desk.close()


class Run:
    """A run folder whose processes the test plays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "live").mkdir(parents=True)
        self.at: Nanos = 10_000 * SECOND
        self.desk = AlarmDesk(folder, (), lambda: self.at)
        self.watch = Watch(folder, self.desk, lambda: self.at)

    def say(self, file: str, what: str, **more: Any) -> None:
        line = json.dumps({"at": self.at, "what": what, **more})
        path = self.folder / "live" / f"{file}.jsonl"
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def look(self) -> list[str]:
        """Codes of the alarms that the next look raises."""
        before = len(self.desk.alarms)
        self.watch.look()
        return [one.code for one in list(self.desk.alarms.values())[before:]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "run")
    yield made
    made.desk.close()


def test_watch_bears_the_exchanges_own_notices(run: Run) -> None:
    """The simulated exchange says its breakers as a text and no code. The watch ended at the first
    one, again at each of its restarts, and at the last of them the day (promise 31: found so).
    """
    run.say("exchange", "alert", business=0, text="breaker 10006821 124 1719453234401000000")
    run.say("exchange", "stalled", ms=300, where="x")
    assert run.look() == ["loop_stalled"]


def test_watch_tells_of_processes_that_die_or_fall_silent(run: Run) -> None:
    """Each once, when it begins; a process that was stopped on purpose is none."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.say("supervisor", "started", role="maker", pid=child.pid)
    run.say("supervisor", "started", role="gateway", pid=os.getpid())
    run.say("maker", "health", turn_ms=3, inputs=5)
    run.say("gateway", "health", turn_ms=1)
    assert run.look() == []
    run.at += 16 * SECOND
    run.say("maker", "health", turn_ms=400, inputs=9)
    assert run.look() == ["slow_turn", "process_silent"]
    assert run.look() == []
    text = generate_latest(run.watch.registry).decode()
    assert 'quanheng_process_up{role="maker"} 1.0' in text
    assert 'quanheng_health{figure="inputs",role="maker"} 9.0' in text
    assert 'quanheng_health_age_seconds{role="gateway"} 16.0' in text
    child.communicate(b"\n")
    run.say("supervisor", "stopped", role="gateway")
    assert run.look() == ["process_gone"]
    run.say("supervisor", "ended", role="maker", code=-9, pid=child.pid)
    assert run.look() == ["process_ended"]
    assert "返回 -9" in run.desk.alarms[4].text


def test_watch_passes_on_the_alerts_that_people_have_to_hear(run: Run) -> None:
    """By the table of levels; a monitor's own level; a broken line is left out."""
    run.say("maker", "alert", code="tripped", scope="510050", args=["P26", 2, 7], business=NOON)
    run.say("maker", "alert", code="check_denied", scope="*", args=["x", "y", "z"])
    run.say("maker", "alert", code="no_such_code", scope="*", args=[])
    with (run.folder / "live" / "maker.jsonl").open("a", encoding="utf-8") as file:
        file.write("nonsense\n[1]\n" + '{"what": "ale')
    assert run.look() == ["tripped"]
    assert run.desk.alarms[1].level == "red" and run.desk.alarms[1].business == NOON
    raised = ("margin_use", 1, 2, 8_000, 7_500, 1, "trader")
    assert level_of(RaiseAlert(Alert.MONITOR_RAISED, "*", raised)) == "amber"
    lowered = (int(TradingState.REDUCING), "R01", "drill")
    assert level_of(RaiseAlert(Alert.STATE_CHANGED, "*", lowered)) == "amber"
    assert level_of(RaiseAlert(Alert.PARAMETER_CHANGED, "*", ())) == ""


def test_watch_tells_what_happens_to_a_pair(tmp_path: Path) -> None:
    """Both nodes' lines: a follower that is lost or differs, a leader alone, a take-over; not the
    first lead of the day, and no silence of a node that only follows.
    """
    (tmp_path / "run" / "standby" / "live").mkdir(parents=True)
    run = Run(tmp_path / "run")
    run.say("maker", "leads", node="a", epoch=1, frames=0)
    run.say("maker", "follower_lost", node="a", epoch=1, why="closed by the peer")
    run.say("maker", "alone", node="a", epoch=1)
    assert run.look() == ["standby_follower_lost", "standby_alone"]
    run.say("../standby/live/maker", "leads", node="b", epoch=2, frames=77)
    run.say("../standby/live/maker", "diverged", node="b", frame=9, why="effects differ")
    run.say("supervisor", "started", role="maker_b", pid=os.getpid())
    run.at += 60 * SECOND
    assert run.look() == ["standby_leads", "standby_diverged"]
    texts = [(one.level, one.text) for one in run.desk.alarms.values()]
    assert ("red", "节点 b 接管，任期 2") in texts
    assert ("red", "备机与主机不一致，第 9 帧：effects differ") in texts
    run.desk.close()


def test_watch_tells_of_a_full_disk(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quanheng.compose.watch.LEAST_FREE", 1 << 62)
    assert run.look() == ["disk_low"]
    assert run.look() == []


def _info(status: str) -> RunInfo:
    return RunInfo(
        day=20240627, scenario="calm", seed=1, cadence_ms=500, contracts=1, journal="full",
        version="0", rulebook="", config="", source="", hash_seed="live", speed=1, status=status,
    )  # fmt: skip


def test_status_and_alarms_on_the_command_line(run: Run) -> None:
    """A missing process and an open red alarm are exit 1; an acknowledgement reaches the desk."""
    invoke = CliRunner().invoke
    write_info(run.folder, _info("running"))
    pids = {"maker": os.getpid()}
    (run.folder / "live" / "pids.json").write_text(json.dumps(pids), encoding="utf-8")
    run.desk.raise_("red", "tripped", "*", "风控触发", "maker")
    said = invoke(cli, ["status", str(run.folder)])
    assert said.exit_code == 1 and "未确认告警 1 条" in said.output
    listed = invoke(cli, ["alarms", "list", str(run.folder)])
    assert listed.exit_code == 0 and "风控触发" in listed.output
    words = ["alarms", "ack", str(run.folder), "1", "--by", "R01", "--why", "handled"]
    assert invoke(cli, words).exit_code == 0
    run.desk.tick()
    assert run.desk.open == []
    assert "风控触发" not in invoke(cli, ["alarms", "list", str(run.folder)]).output
    assert invoke(cli, [*words[:3], "7", *words[4:]]).exit_code != 0
    unknown = invoke(cli, [*words[:5], "X99", *words[6:]])
    assert isinstance(unknown.exception, ConfigError)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('kind = "pigeon"\ntarget = ["x"]', "pigeon"),
        ('kind = "webhook"\ntarget = ["ftp://x"]', "no http address"),
        ('kind = "mail"\ntarget = ["a@x"]', "sender and the receiver"),
        ('kind = "file"\ntarget = ["x"]\nlevel = "loud"', "loud"),
        ('kind = "file"\ntarget = ["x"]\nhours = "9-8"', "HH:MM-HH:MM"),
        ('kind = "file"\ntarget = []', "must not be empty"),
    ],
)
def test_a_channel_that_cannot_be_is_named(tmp_path: Path, line: str, word: str) -> None:
    shipped = Path("src/quanheng/data/desk.toml").read_text(encoding="utf-8")
    path = tmp_path / "desk.toml"
    path.write_text(f'{shipped}\n[[operations.channels]]\nname = "a"\n{line}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"operations.channels\[0\].*{word}"):
        read_config(path)
