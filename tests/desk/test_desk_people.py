"""People in a file: passwords, second factors, sessions that end."""

from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner

from quanheng.cli import cli
from quanheng.compose.run_folder import RunError
from quanheng.desk.access import Refused
from quanheng.desk.file_access import (
    IDLE_S,
    TRIES,
    WAIT_S,
    FileAccess,
    PeopleFileError,
    add_person,
)


def test_passwords_wait_and_sessions_end(tmp_path: Path):
    """Five wrong ones and the name waits; an idle session is over; a code works once."""
    path = tmp_path / "people.toml"
    secret = add_person(path, "T01", ("trader",), "", "a long password", True)
    now = [0.0]
    access = FileAccess(path, lambda: now[0])
    code = pyotp.TOTP(secret).now()
    with pytest.raises(Refused, match="login_wrong"):
        access.login("T01", "a long password", "000000", "")
    token, session = access.login("T01", "a long password", code, "")
    assert session.permits("parameter")
    assert not session.permits("second")
    with pytest.raises(Refused, match="login_wrong"):
        access.login("T01", "a long password", code, "")
    now[0] += IDLE_S - 1
    assert access.session(token) is session
    now[0] += IDLE_S + 1
    assert access.session(token) is None
    for _ in range(TRIES):
        with pytest.raises(Refused, match="login_wrong"):
            access.login("T01", "wrong", "", "")
    with pytest.raises(Refused, match="login_wait") as waiting:
        access.login("T01", "a long password", pyotp.TOTP(secret).now(), "")
    assert 0 < waiting.value.wait_s <= WAIT_S
    with pytest.raises(Refused, match="login_wrong"):
        access.login("nobody", "wrong", "", "")


def test_a_file_of_people_is_made_carefully(tmp_path: Path):
    """Short passwords, unknown roles and odd ids are refused; only its owner may read it."""
    path = tmp_path / "people.toml"
    for wrong in (
        ("T01", ("trader",), "short"),
        ("T01", ("king",), "a long password"),
        ("T 1", ("trader",), "a long password"),
        ("T01", (), "a long password"),
    ):
        with pytest.raises(PeopleFileError):
            add_person(path, wrong[0], wrong[1], "", wrong[2], False)
    assert not path.exists()
    add_person(path, "T01", ("trader",), "甲", "a long password", False)
    assert path.stat().st_mode & 0o077 == 0
    assert "a long password" not in path.read_text("utf-8")
    for text, why in (
        ("[[people]]\nperson = 'A'\nroles = ['trader']\npassword = 'plain'", "no argon2id"),
        ("people = 3", "people"),
        ("", "nobody"),
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(PeopleFileError, match=why):
            FileAccess(path)


def test_the_command_line_opens_no_door_by_itself(tmp_path: Path):
    """No people, no console; beyond this machine only with TLS; a password comes from people."""
    people, run = tmp_path / "people.toml", tmp_path / "run"
    for options, words in (
        ((), "--people"),
        (("--people", people, "--host", "0.0.0.0"), "only with --cert"),
        (("--people", people, "--cert", people), "go together"),
        (("--people", people, "--port", "99999"), "99999"),
    ):
        done = CliRunner().invoke(cli, ["console", str(run), *map(str, options)])
        assert done.exit_code == 2, done.output
        assert words in done.output
    made = ["console-person", str(people), "T01", "--role", "trader", "--password-stdin"]
    assert CliRunner().invoke(cli, made, input="short\n").exit_code == 2
    assert not people.exists()
    done = CliRunner().invoke(cli, [*made, "--second-factor"], input="a long password\n")
    assert done.exit_code == 0
    assert "otpauth://totp/" in done.output
    assert "a long password" not in done.output
    done = CliRunner().invoke(cli, ["console", str(run), "--people", str(people)])
    assert isinstance(done.exception, RunError)
