"""The console on a people store: who gets in, with which rights, on which account (O-06, T-06)."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import people_world
import pyotp
import pytest
from click.testing import CliRunner
from people_world import ACCOUNT, OTHER, PASSWORD, PLACE, World

from quanheng.cli import cli
from quanheng.compose.console_run import Door, opened
from quanheng.desk.access import Refused
from quanheng.desk.people.errors import StoreError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A store of today, with a trader: the console reads the real clock."""
    with pytest.MonkeyPatch.context() as patch:
        now = time.time_ns() - 3_600 * 10**9
        patch.setattr(people_world.Clock, "__init__", lambda self: setattr(self, "now", now))
        made = World(tmp_path_factory.mktemp("door"))
    made.person("T01", "trader")
    made.close()
    return made


@pytest.fixture
def source() -> Any:
    """What the console knows of a run: the opening of its maker names the account."""
    return SimpleNamespace(log=SimpleNamespace(opened=SimpleNamespace(account=ACCOUNT)))


def code(store: World) -> str:
    return pyotp.TOTP(store.secrets["T01"]).now()


def test_people_door_opens_by_the_store_with_the_runs_account(store: World, source: Any) -> None:
    """The rights are those on the account that the run trades; a stranger hears one answer."""
    with opened(source, Door(None, store.where)) as (access, _):
        for name, password in (("T01", "wrong"), ("nobody", PASSWORD)):
            with pytest.raises(Refused) as refused:
                access.login(name, password, code(store), PLACE)
            assert refused.value.code == "login_wrong"
        token, session = access.login("T01", PASSWORD, code(store), PLACE)
        assert session.permits("trade") and session.permits("kill")
        assert not session.permits("second")
        assert access.session(token) is not None
    with opened(source, Door(None, store.where, None, OTHER)) as (access, _):
        found = access.session(token)
        assert found is None or not found.permits("trade")
    with opened(source, Door(None, store.where)) as (access, _):
        access.logout(token)
        assert access.session(token) is None


def test_people_door_needs_one_way_to_know_people(tmp_path: Path, source: Any) -> None:
    """Neither a file nor a store, or both, opens nothing; a store that is not there is named."""
    for words in ([], ["--people", "p.toml", "--store", "people.sqlite"]):
        refused = CliRunner().invoke(cli, ["console", str(tmp_path), *words])
        assert refused.exit_code == 2 and "--store" in refused.output
    missing = str(tmp_path / "none.sqlite")
    with pytest.raises(StoreError, match=r"none\.sqlite"), opened(source, Door(None, missing)):
        pass
    with pytest.raises(click.UsageError), opened(source, Door(tmp_path / "none.toml")):
        pass
    nameless = SimpleNamespace(log=SimpleNamespace(opened=None))
    with pytest.raises(click.UsageError, match="account"), opened(nameless, Door(None, missing)):
        pass
