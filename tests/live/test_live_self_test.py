"""The self-test before the open, and the gates of interpreter and build (promises 28, 44, 45)."""

import ast
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519

from quanheng.compose import live, self_test
from quanheng.compose.day import DayPlan
from quanheng.compose.live import LiveError, Supervisor, conduct
from quanheng.compose.live_process import Process
from quanheng.compose.reference import ReferenceDataError
from quanheng.compose.scenarios import load
from quanheng.compose.self_test import BAD, NOTED, RECORD, Subject, Wrong, examine, read_record
from quanheng.config import AccountConfig, Config, IsolationConfig, read_config
from quanheng.edge import gates, kernel_check
from quanheng.edge.alarm_channels import ChannelConfig
from quanheng.edge.archive_signing import Ed25519Sha256, SigningError
from quanheng.edge.build import (
    BUILD_FILE,
    BuildError,
    check_build,
    difference,
    this_build,
    write_build,
)

HOUSE = Path(live.__file__).parents[1]
MAINS = (
    "edge/arbiter_main.py",
    "edge/copier_main.py",
    "edge/exchange_main.py",
    "edge/gateway_main.py",
    "edge/lease_main.py",
    "edge/maker_main.py",
    "edge/overseer_main.py",
    "compose/watch_main.py",
)


def plan(config: Config | None = None, **more: Any) -> DayPlan:
    return DayPlan(scenario=load("calm"), config=config or read_config(), pick="24", **more)


def with_operations(**more: Any) -> Config:
    config = read_config()
    return msgspec.structs.replace(
        config, operations=msgspec.structs.replace(config.operations, **more)
    )


def said(found: self_test.SelfTest, name: str) -> tuple[str, str]:
    (one,) = [one for one in found.findings if one.name == name]
    return one.state, one.note


def test_a_good_node_passes_and_the_record_is_filed(tmp_path: Path) -> None:
    """Every check passes or is noted; the record reads back as it was."""
    found = examine(plan(), tmp_path)
    assert found.ok, found.failed
    assert len(found.findings) == len(self_test.CHECKS) == 18
    assert said(found, "keys")[0] == NOTED
    assert read_record(self_test.file_record(found, tmp_path)) == found
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]
    assert "可以开盘" in self_test.shown(found)


def test_a_failed_self_test_refuses_the_live_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is prepared and no process started; the record says why (promise 45)."""
    monkeypatch.setattr(kernel_check, "plain_bits", kernel_check.bits)
    broken = ChannelConfig("duty", "command", ("/no/such/program",))
    wanted = plan(with_operations(channels=(broken,)), out=tmp_path, until="09:38")
    with pytest.raises(LiveError, match=r"alarm channels: duty: .*no/such/program"):
        conduct(wanted, 20, "09:28", dict(os.environ))
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]
    assert said(read_record(tmp_path / RECORD), "channels")[0] == BAD


def bad(check: Any, subject: Subject) -> str:
    with pytest.raises(Wrong) as error:
        check(subject)
    return str(error.value)


def test_every_check_of_the_place_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk, journal, clock, kernels, ports: each real path broken once."""
    subject = Subject(plan(), tmp_path)
    monkeypatch.setattr(self_test, "ROOM", 1 << 60)
    assert "MiB" in bad(self_test._disk, subject)
    monkeypatch.setattr(self_test, "SLOWEST_SYNC", -1)
    assert "fsync" in bad(self_test._journal, subject)
    monkeypatch.setattr(self_test, "wall", iter((0, 10**12)).__next__)
    assert "moved" in bad(self_test._clock, subject)
    monkeypatch.setattr(kernel_check, "plain_bits", lambda: "0" * 64)
    assert "plain Python 000" in bad(self_test._kernels, subject)
    monkeypatch.setattr(self_test, "interpreter_problems", lambda machines: ("assertions are off",))
    assert "assertions" in bad(self_test._interpreter, subject)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = subject._replace(plan=plan(with_operations(port=port)))
        assert str(port) in bad(self_test._ports, busy)


def test_every_check_of_the_data_can_fail(tmp_path: Path) -> None:
    """Calendar, master, limits, accounts, people: each given something wrong."""
    config = read_config()
    sunday = Subject(plan(day=20240630), tmp_path)
    assert "no trading day" in bad(self_test._calendar, sunday)
    (tmp_path / "reff.txt").write_bytes(b"nothing\n")
    broken = Subject(plan(master=tmp_path / "reff.txt"), tmp_path)
    for check in (self_test._reference, self_test._config):
        with pytest.raises(ReferenceDataError, match=r"reff\.txt"):
            check(broken)
    few = msgspec.structs.replace(config, limits=config.limits[1:])
    assert "510050" in bad(self_test._config, Subject(plan(few), tmp_path))
    foreign = AccountConfig("*", "B999999999", 20240102)
    own = IsolationConfig(accounts=(config.member.account,))
    mixed = msgspec.structs.replace(config, isolation=own, accounts=(*config.accounts, foreign))
    assert "B999999999" in bad(self_test._accounts, Subject(plan(mixed), tmp_path))
    people = tmp_path / "people.toml"
    people.write_text(
        'wait_s = 60\ntargets = ["maker"]\npeople = [{person = "H01", posts = ["head"]}]\n',
        encoding="utf-8",
    )
    assert "trader" in bad(self_test._people, Subject(plan(people=people), tmp_path))


def test_keys_and_certificates_are_looked_at(tmp_path: Path) -> None:
    """F72: a certificate is noted a month before its end and refused when it ends; F74: a key that
    others may read, or that is none, fails.
    """
    key = tmp_path / "archive.key"
    key.write_bytes(Ed25519Sha256().make_key())
    key.chmod(0o644)
    subject = Subject(plan(with_operations(archive_key=str(key))), tmp_path)
    assert "others may read" in bad(self_test._keys, subject)
    key.chmod(0o600)
    assert len(self_test._keys(subject)) == 16
    key.write_bytes(b"no key")
    with pytest.raises(SigningError, match="PEM"):
        self_test._keys(subject)
    for days, outcome in ((90, "1 份"), (20, "noted"), (0, "ends")):
        path = tmp_path / f"{days}.pem"
        path.write_bytes(certificate(days))
        look = Subject(plan(with_operations(certificates=(str(path),))), tmp_path)
        if outcome == "noted":
            with pytest.raises(self_test.Noted, match="19"):
                self_test._certificates(look)
        elif outcome == "ends":
            assert outcome in bad(self_test._certificates, look)
        else:
            assert outcome in self_test._certificates(look)


def certificate(days: int) -> bytes:
    """A certificate that ends in so many days, PEM."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "console")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, seconds=-60 if days else 60))
    )
    return made.sign(key, None).public_bytes(form.Encoding.PEM)


def test_f17_a_process_of_another_build_is_refused(tmp_path: Path) -> None:
    """F71 too: whatever starts, or starts again, after the files were changed, finds another build
    than the day's and ends before it opens anything (promise 44).
    """
    (tmp_path / "live").mkdir()
    with pytest.raises(BuildError, match=r"build\.json"):
        check_build(tmp_path)
    write_build(tmp_path)
    check_build(tmp_path)
    mine = this_build()
    for changed, words in (
        (msgspec.structs.replace(mine, identity="x", source="0" * 64), "sources"),
        (msgspec.structs.replace(mine, identity="x", python="3.9.1"), "Python"),
        (msgspec.structs.replace(mine, identity="x", packages={}), "packages"),
    ):
        assert words in difference(mine, changed)
        (tmp_path / BUILD_FILE).write_bytes(msgspec.json.encode(changed))
    done = subprocess.run(
        [sys.executable, "-m", "quanheng.edge.gateway_main", str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode and b"mixed builds" in done.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["live"]


def test_the_supervisor_compares_builds_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that says another build than the supervisor's ends the start (promise 44)."""
    (tmp_path / "live").mkdir()
    told = 'print(\'{"event": "ready", "build": "other"}\', flush=True); input()'

    def spawn(self: Supervisor, role: str, *arguments: str) -> Process:
        process = Process(role, [sys.executable, "-c", told], tmp_path, os.environ)
        self._processes[role] = process
        self._selector.register(process, 1, process)
        return process

    monkeypatch.setattr(Supervisor, "_spawn", spawn)
    plan = SimpleNamespace(config=read_config())
    prepared: Any = SimpleNamespace(run=tmp_path, midnight=0, plan=plan)
    with Supervisor(prepared, 1, {}) as supervisor, pytest.raises(LiveError, match="another build"):
        supervisor.start(0)


@pytest.mark.parametrize("name", MAINS)
def test_every_main_passes_the_gates_first(name: str) -> None:
    """The first statement of each process is `enter(run)`."""
    tree = ast.parse((HOUSE / name).read_text(encoding="utf-8"))
    (main,) = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"
    ]
    assert ast.unparse(main.body[1]) == "enter(run)"


def test_assertions_off_refuse_the_command_line() -> None:
    """`python -O` ends with 2 and one line (promise 28)."""
    done = subprocess.run(
        [sys.executable, "-O", "-m", "quanheng", "--version"],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert b"assertions are off" in done.stderr and not done.stdout


def test_gates_of_version_and_hash_seed() -> None:
    """3.14.0 to 3.14.4 and what is too old or too new are refused; machines need a fixed seed."""
    for version, good in (
        ((3, 10, 9), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 3), False),
        ((3, 14, 5), False),
    ):  # fmt: skip
        assert (gates.version_problem(version) == "") is good, version
    assert "3.14.5" in gates.version_problem((3, 14, 3))
    random = SimpleNamespace(optimize=0, hash_randomization=1)
    assert "PYTHONHASHSEED" in gates.interpreter_problems(True, random)[0]
    assert gates.interpreter_problems(False, random) == ()
    assert gates.interpreter_problems(True, SimpleNamespace(optimize=0, hash_randomization=0)) == ()
    assert gates.interpreter_problems(False, SimpleNamespace(optimize=1, hash_randomization=0))
