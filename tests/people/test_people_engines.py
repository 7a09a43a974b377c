"""The people store on both engines by one setting, SQLite and PostgreSQL (T-06, issue People)."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from click.testing import CliRunner, Result
from people_world import ACCOUNT, OTHER, OWN, PASSWORD, PLACE, World
from postgres_world import Cluster, cluster
from test_people_registers import DECISION

from quanheng.cli import cli
from quanheng.desk.people import admin, audit, database, posts, registers, roster, tokens
from quanheng.desk.people.access import Refused, Session, StoreAccess
from quanheng.desk.people.errors import NotAllowedError, StoreError
from quanheng.desk.people.schema import APPEND_ONLY, META
from quanheng.desk.people.store import Store
from quanheng.terms.units import MINUTE

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


def place(engine: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Where a new store of an engine is to stand."""
    if engine == "sqlite":
        return str(folder / "new.sqlite")
    server: Cluster = request.getfixturevalue("server")
    return server.fresh()


@pytest.fixture(scope="module")
def house(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(engine)
    made = World(folder, place(engine, folder, request))
    for person, post in (
        ("T01", "trader"),
        ("R01", "risk"),
        ("H01", "head"),
        ("C01", "compliance"),
    ):
        made.person(person, post)
    yield made
    made.close()


def test_engine_is_the_one_that_the_setting_names(house: World, engine: str) -> None:
    assert house.store.database.engine.dialect.name == engine
    with house.store.reading() as connection:
        tables = set(sa.inspect(connection).get_table_names())
    assert tables == {*META.tables, "alembic_version"}
    assert database.version(house.store.database) == database.newest() == "0002"


def test_engine_people_come_in_are_locked_and_idle(house: World) -> None:
    limits = house.store.rules
    session = house.login("T01")
    assert session.permits("board") and not session.permits(f"board@{OTHER}")
    for account in (OTHER, OWN):
        there = StoreAccess(house.store, account).session(session.token)
        assert there is not None and not there.permits("board")
    house.clock.forward((limits.sessions.idle_min + 1) * MINUTE)
    asleep = house.access.session(session.token)
    assert asleep is not None and asleep.view_only
    for _ in range(limits.passwords.fails):
        assert isinstance(house.access.login("T01", "wrong", "000000", PLACE), Refused)
    assert isinstance(house.access.login("T01", PASSWORD, house.code("T01"), PLACE), Refused)
    house.clock.forward(limits.passwords.lock_min * MINUTE)
    assert isinstance(house.access.login("T01", PASSWORD, house.code("T01"), PLACE), Session)


def test_engine_incompatible_posts_and_two_people(house: World) -> None:
    house.wake()
    with pytest.raises(NotAllowedError, match="不相容"):
        posts.ask_appointment(house.store, house.one, "R01", "ops", ACCOUNT, "main", ())
    with pytest.raises(NotAllowedError, match=OWN):  # another line's account (O-06)
        posts.ask_appointment(house.store, house.one, "H01", "head", OWN, "main", ())
    asked = posts.ask_appointment(house.store, house.one, "C01", "compliance", OTHER, "backup", ())
    with pytest.raises(NotAllowedError):
        posts.confirm(house.store, house.one, asked.number)
    posts.confirm(house.store, house.two, asked.number)


def test_engine_tokens_and_sessions_end(house: World) -> None:
    owner = house.login("R01")
    number, text = tokens.issue(house.store, owner, "risk", ACCOUNT, "test", 1, False)
    found = tokens.token_session(house.store, ACCOUNT, text)
    assert found is not None and found.permits("risk") and not found.permits("lower_state")
    house.wake()
    assert {"R01"} <= {row["person"] for row in admin.open_sessions(house.store, house.one)}
    tokens.revoke(house.store, house.one, number)
    assert tokens.token_session(house.store, ACCOUNT, text) is None
    admin.lock(house.store, house.one, "R01")
    assert house.access.session(owner.token) is None


def test_engine_registers_and_the_run_read_it(house: World) -> None:
    """A record is entered and approved by two; a run takes ids and posts from the same setting."""
    number = registers.add(house.store, house.login("H01"), "decision", DECISION)
    assert registers.in_force(house.store, "decision") == []
    with pytest.raises(NotAllowedError):
        registers.approve(house.store, house.login("H01"), number)
    house.person("D01", "decision")
    registers.approve(house.store, house.login("D01"), number)
    assert len(registers.in_force(house.store, "decision")) == 1
    listed = {one.person: one.posts for one in roster.of_database(house.where, ACCOUNT)}
    assert listed["T01"] == ("trader",) and listed["H01"] == ("head",)


def test_engine_keeps_the_trail_append_only_and_whole(house: World) -> None:
    """The database itself refuses; and writers at the same time never fork the chain."""
    for table in APPEND_ONLY:
        for text in (f"UPDATE {table} SET at = 0", f"DELETE FROM {table}"):
            with house.store.reading() as connection:
                rows = connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert rows or table == "document", table
            if rows:
                with pytest.raises(StoreError, match="append-only"), \
                        house.store.writing() as connection:  # fmt: skip
                    connection.execute(sa.text(text))

    def knock(name: str) -> None:
        with Store(house.where, house.key, clock=house.clock) as mine:
            for _ in range(8):
                StoreAccess(mine, ACCOUNT).login(name, "wrong", "0", PLACE)

    threads = [threading.Thread(target=knock, args=(name,)) for name in ("X1", "X2", "X3")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with house.store.reading() as connection:
        found = audit.verify(connection)
    assert found.wrong == "" and found.rows > 24


def test_engine_an_old_store_is_brought_up(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Version 0001 is refused by name until `people migrate`; what stood in it stays."""
    where, key = place(engine, tmp_path, request), tmp_path / "key"
    made = database.Database(where, new=True)
    config = database._alembic(where)
    with made.engine.connect() as plain:
        connection = plain.execution_options(writes=True)
        config.attributes["connection"] = connection
        with connection.begin():
            command.upgrade(config, "0001")
            connection.execute(sa.text("INSERT INTO account VALUES ('A1', 'market_making')"))
    assert database.version(made) == "0001"
    from quanheng.desk.people import sealing

    sealing.make_key(key)
    with pytest.raises(StoreError, match="people migrate"):
        Store(where, key)
    database.migrate(made)
    database.migrate(made)  # twice does no harm
    with Store(where, key) as store, store.reading() as connection:
        assert connection.execute(sa.text("SELECT account FROM account")).scalars().all() == ["A1"]
        names = {column["name"] for column in sa.inspect(connection).get_columns("token")}
    assert names == set(META.tables["token"].columns.keys())
    made.close()


def test_engine_the_verbs_take_the_setting(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """`people init` makes a store by its setting and its key's file alone, without a password."""
    where, key = place(engine, tmp_path, request), tmp_path / "key"
    options = ["--store", where, "--key", str(key)]

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, ["people", *words, *options])

    made = run("init", "S01=甲", "S02=乙", "--json")
    assert made.exit_code == 0, made.output
    assert set(json.loads(made.output)["codes"]) == {"S01", "S02"}
    again = run("init", "S01=甲", "S02=乙")
    assert again.exit_code and "already" in str(again.output) + str(again.exception)
    migrated = run("migrate")
    assert migrated.exit_code == 0 and "0002" in migrated.output
    with Store(where, key) as store, store.reading() as connection:
        kept = connection.execute(sa.text("SELECT password, secret FROM credential")).all()
    assert [tuple(row) for row in kept] == [("", ""), ("", "")]


def test_engine_a_password_is_in_no_message(tmp_path: Path) -> None:
    """A server that is not there is named without the secret of its URL."""
    where = f"postgresql://quanheng:canary-secret@/people?host={tmp_path}"
    made = database.Database(where)
    with pytest.raises(StoreError) as refused:
        database.version(made)
    made.close()
    assert "canary-secret" not in str(refused.value) and "***" in str(refused.value)
    with pytest.raises(StoreError, match="--key"):
        Store(where)
