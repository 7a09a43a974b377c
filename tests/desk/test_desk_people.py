"""People in a file: passwords, second factors, sessions that end."""

from pathlib import Path

import pyotp
import pytest

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
