"""A node by name: up, down, status, and its units with their network policy (T-04, T-05, I-52)."""

import configparser
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose import live, node, node_main
from quanheng.compose.live import Supervisor
from quanheng.compose.node import Asked, Node, NodeError
from quanheng.compose.units import LIMITS, backup_units, units
from quanheng.config import Config, ConfigError, IsolationConfig, read_config
from quanheng.edge.alarm_channels import ChannelConfig
from quanheng.edge.clock import monotonic
from quanheng.runtime.live import BusinessClock

ASKED = Asked(scenario="calm", seed=1, speed=20, start="", options={"contracts": "24"})
SUPERVISOR = """
import signal, sys, time
from pathlib import Path
import msgspec
from quanheng.compose.node import Asked, begin, folder_of, write_node
home, name = Path(sys.argv[1]), sys.argv[2]
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
me = begin(home, name, msgspec.json.decode(sys.argv[3], type=Asked))
me.run = str(folder_of(home, name) / "runs" / "day")
(Path(me.run) / "live").mkdir(parents=True)
(Path(me.run) / "live" / "clock.json").write_text("{}")
write_node(folder_of(home, name), me)
while not ended:
    time.sleep(0.01)
me.status = "stopped"
write_node(folder_of(home, name), me)
"""


def test_a_node_is_started_found_by_name_and_stopped(tmp_path: Path) -> None:
    """Up once, not twice; down waits for the end; a dead node cannot be stopped."""
    words = (sys.executable, "-c", SUPERVISOR)
    with pytest.raises(NodeError, match="no node"):
        node.stop(tmp_path, "desk", 1)
    begun = node.start(tmp_path, "desk", ASKED, 120, words)
    try:
        assert node.supervised(begun) and begun.pid != os.getpid()
        assert node.run_of(tmp_path, "desk") == Path(begun.run)
        assert node.run_of(tmp_path, "/somewhere/else") == Path("/somewhere/else")
        with pytest.raises(NodeError, match="up already"):
            node.start(tmp_path, "desk", ASKED, 120, words)
        assert node.stop(tmp_path, "desk", 120).status == "stopped"
    finally:
        if node.supervised(begun):
            os.kill(begun.pid, signal.SIGKILL)
    with pytest.raises(NodeError, match="is not up"):
        node.stop(tmp_path, "desk", 1)
    with pytest.raises(NodeError, match="letters, digits"):
        node.folder_of(tmp_path, "../desk")


def test_a_supervisor_that_fails_says_why(tmp_path: Path) -> None:
    """The last line of its log is the reason."""
    words = (sys.executable, "-c", "import sys; sys.exit('LiveError: the self-test failed')")
    with pytest.raises(NodeError, match="the self-test failed"):
        node.start(tmp_path, "desk", ASKED, 120, words)


def test_another_process_with_the_same_number_is_not_the_supervisor() -> None:
    """A number that was given again belongs to somebody who must not get our signal."""
    mine = Node(name="n", asked=ASKED, pid=os.getpid(), begun=node.begun(os.getpid()), at=0)
    assert node.supervised(mine)
    mine.begun -= 1
    assert not node.supervised(mine)


def test_the_state_says_how_a_day_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked to stop: `stopped`, in run.json too; a fault: `failed` with its reason."""
    said: list[str] = []
    prepared = SimpleNamespace(write_status=said.append)

    def stopped(plan: Any, *args: Any, stopping: Any) -> Any:
        assert plan.out is not None and len(args) == 3
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping()
        return prepared, None, 0.0

    def failed(*args: Any, **more: Any) -> Any:
        raise live.LiveError("the self-test before the open failed")

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        monkeypatch.setattr(live, "conduct", stopped)
        assert node_main.main(tmp_path, "desk", ASKED) == 0
        assert node.read_node(tmp_path / "desk").status == "stopped" and said == ["stopped"]
        monkeypatch.setattr(live, "conduct", failed)
        state = tmp_path / "desk" / node.STATE
        state.write_bytes(state.read_bytes().replace(b'"begun": ', b'"begun": 1'))
        assert node_main.main(tmp_path, "desk", ASKED) == 1
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    found = node.read_node(tmp_path / "desk")
    assert (found.status, "self-test" in found.reason) == ("failed", True)


def test_the_supervisor_heeds_the_wish_to_stop(tmp_path: Path) -> None:
    """A day of hours ends at once when somebody asks."""
    (tmp_path / "live").mkdir()
    plan = SimpleNamespace(config=read_config())
    prepared: Any = SimpleNamespace(run=tmp_path, midnight=0, plan=plan)
    asked = iter((False, False, True))
    with Supervisor(prepared, 1, {}) as supervisor:
        supervisor.clock = BusinessClock(0, monotonic(), 1)
        supervisor.stopping = lambda: next(asked)
        supervisor.watch(1 << 60)
    assert next(asked, None) is None


def test_up_wants_the_nodes_own_configuration(tmp_path: Path) -> None:
    """The name on the command line and the name in the file have to agree."""
    done = CliRunner().invoke(cli, ["up", "another", "--home", str(tmp_path)])
    assert done.exit_code and "maker-a" in str(done.exception)


def spoken(text: str) -> configparser.RawConfigParser:
    """A unit's text; systemd allows a key twice, so only single ones may be asked for."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def peered(*peers: str, **operations: Any) -> Config:
    config = read_config()
    changed = msgspec.structs.replace(config.operations, **operations)
    own = IsolationConfig(peers=peers)
    return msgspec.structs.replace(config, operations=changed, isolation=own)


def test_units_deny_everybody_who_is_not_listed(tmp_path: Path) -> None:
    """Both services deny all and allow exactly the register's hosts; limits and walls are there;
    systemd itself finds no fault where it is installed.
    """
    file = tmp_path / "desk.toml"
    file.write_text("", encoding="utf-8")
    config, home = peered("127.0.0.1", "192.0.2.8"), tmp_path / "a home"
    found = units(config, file, home, "quanheng")
    assert len(found) == 4
    found |= backup_units(config, home, "quanheng", tmp_path / "A", (tmp_path / "site 2",))
    assert len(found) == 6
    backup = found["quanheng-maker-a-backup.service"]
    assert f'ReadWritePaths="{tmp_path}/site 2"' in backup and "--by schedule" in backup
    for name, text in found.items():
        part = spoken(text)
        if name.endswith(".timer"):
            assert part["Timer"]["OnCalendar"].endswith("Asia/Shanghai")
            continue
        lines = text.splitlines()
        assert lines.count("IPAddressDeny=any") == 1
        assert [one for one in lines if one.startswith("IPAddressAllow=")] == [
            "IPAddressAllow=127.0.0.1", "IPAddressAllow=192.0.2.8",
        ]  # fmt: skip
        assert set(LIMITS) <= set(lines) and part["Service"]["NoNewPrivileges"] == "yes"
        assert "PYTHONHASHSEED=0" in text and "Install" not in part
    day = found["quanheng-maker-a.service"]
    assert "up maker-a --foreground" in day and "'" in day  # the blank in the path is quoted
    for name, text in found.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    if shutil.which("systemd-analyze"):
        words = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in found)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 and not done.stderr.strip(), done.stderr


def test_units_refuse_what_they_would_deny(tmp_path: Path) -> None:
    """A host name, and a line or channel whose host nobody listed, are named here."""
    hook = ChannelConfig("head", "webhook", ("https://192.0.2.9/hook",))
    mail = ChannelConfig("mail", "mail", ("a@x", "b@x"), host="192.0.2.7:25")
    for config, words in (
        (peered("exchange.example.com", "127.0.0.1"), r"isolation.peers\[0\]"),
        (peered("192.0.2.1"), r"line.host: 127\.0\.0\.1"),
        (peered("127.0.0.1", channels=(hook,)), r"channels\[0\].target: 192\.0\.2\.9"),
        (peered("127.0.0.1", channels=(hook, mail)), r"channels\[0\].target"),
        (peered("127.0.0.1", "192.0.2.9", channels=(hook, mail)), r"channels\[1\].host"),
    ):
        with pytest.raises(ConfigError, match=words):
            units(config, tmp_path, tmp_path, "quanheng")
