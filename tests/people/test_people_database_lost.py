"""PostgreSQL is killed, stalls, takes no writes or has another shape (F66, promise 33): trading
goes on, what was to be copied is copied later, exactly.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from people_world import PASSWORD, PLACE, World
from postgres_world import Cluster, cluster

from quanheng.desk.people import database as people_database
from quanheng.desk.people.access import Session
from quanheng.desk.people.errors import StoreError
from quanheng.edge import pg_journal
from quanheng.edge.clock import monotonic
from quanheng.edge.loop import Loop
from quanheng.edge.maker_process import MakerProcess
from quanheng.edge.maker_setup import MakerSetup
from quanheng.edge.pg_journal import Copied, PgJournal, PgJournalError
from quanheng.runtime.journal import INPUT
from quanheng.runtime.live import BusinessClock
from quanheng.runtime.segment import SegmentJournal
from quanheng.terms.units import MINUTE, SECOND

sys.path.insert(0, str(Path(__file__).parents[1] / "maker"))
from maker_world import OPENING, make_chain, make_open

MACHINE = "maker"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


class Stall:
    """A line to the server that can stop carrying bytes without closing."""

    def __init__(self, server: Cluster) -> None:
        self._target = str(next(server.folder.glob(".s.PGSQL.*[0-9]")))
        self.flows = threading.Event()
        self.flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *given: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=given, daemon=True))
        self._threads[-1].start()

    def url(self, plain: str) -> str:
        """The same database over this line."""
        return (
            plain.partition("?")[0].replace("@/", f"@127.0.0.1:{self.port}/") + "?sslmode=disable"
        )

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            self._open += [near, far]
            far.connect(self._target)
            self._start(self._carry, near, far)
            self._start(self._carry, far, near)

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        while True:
            try:
                data = one.recv(65_536)
                self.flows.wait()
                if not data:
                    other.shutdown(socket.SHUT_WR)
                    return
                other.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self.flows.set()
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for one in (self._listener, *self._open):
            one.close()


class Growing:
    """A journal that grows, and its copier."""

    def __init__(self, run: Path, url: str) -> None:
        self.journal = SegmentJournal(run, MACHINE, segment_bytes=20_000)
        self.copier = PgJournal(run, MACHINE, url, patience_s=0.5)
        self.count = 0

    def grow(self, frames: int = 100) -> None:
        for _ in range(frames):
            self.count += 1
            self.journal.append(INPUT, b"%06d" % self.count * 20)
        self.journal.sync()

    def copy(self) -> Copied:
        """Copy until there is nothing left, or a problem."""
        while (step := self.copier.copy_once(10_000)).frames:
            pass
        return step

    def close(self) -> None:
        self.copier.close()
        self.journal.close()


def database(growing: Growing) -> str:
    """The name of a copier's database."""
    return growing.copier._url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def growing(server: Cluster, tmp_path: Path) -> Iterator[Growing]:
    made = Growing(tmp_path / "run", server.fresh())
    yield made
    made.close()


def test_f66_a_copy_follows_the_journal_and_is_the_journal(growing: Growing) -> None:
    """Every frame of several segments, once; a second copier adds nothing (R-07)."""
    growing.grow(300)
    assert growing.copy() == Copied(0, 300) and growing.copier.verify().ok
    growing.grow(5)
    assert growing.copy().last == 305
    again = PgJournal(growing.copier._run, MACHINE, growing.copier._url)
    assert again.copy_once() == Copied(0, 305)
    again.close()
    assert growing.copier.verify() == pg_journal.Verified(True, 305)


def test_f66_killed_and_started_again_the_copy_is_exact(server: Cluster, growing: Growing) -> None:
    """kill -9 in the middle: the copier says so at each try and fills in what it has missed."""
    growing.grow(200)
    growing.copier.copy_once(5_000)
    server.kill()
    try:
        growing.grow(200)
        step = growing.copy()
        assert step.problem and 0 < step.last < 200
        with pytest.raises(PgJournalError):
            growing.copier.verify()
    finally:
        server.start()
    assert growing.copy() == Copied(0, 400)
    assert growing.copier.verify() == pg_journal.Verified(True, 400)


def test_f66_a_line_that_stalls_is_given_up_and_made_good(server: Cluster, tmp_path: Path) -> None:
    """No byte passes and nothing is closed: the try ends by itself, at the connect as in the middle
    of a batch; afterwards nothing is missing and nothing twice.
    """
    stall = Stall(server)
    growing = Growing(tmp_path / "run", stall.url(server.fresh()))
    growing.grow(100)
    growing.copy()
    stall.flows.clear()
    growing.grow(100)
    assert growing.copier.copy_once().problem  # the connection stands and says nothing
    assert growing.copier.copy_once().problem  # nor does a new one
    stall.flows.set()
    assert growing.copy() == Copied(0, 200)
    assert growing.copier.verify() == pg_journal.Verified(True, 200)
    growing.close()
    stall.close()


def test_f66_a_database_that_takes_no_writes_is_filled_later(
    server: Cluster, growing: Growing
) -> None:
    """Read-only: named as such; when it takes writes again the copy is exact."""
    growing.grow(50)
    growing.copy()
    name = database(growing)
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    growing.copier.close()
    growing.grow(50)
    assert "read-only" in growing.copy().problem
    server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    growing.copier.close()
    assert growing.copy() == Copied(0, 100) and growing.copier.verify().ok


def test_f66_a_table_of_another_shape_is_named_and_left_alone(
    server: Cluster, growing: Growing
) -> None:
    """The wrong schema: nothing is written into it; once it is gone the copy is made whole."""
    name = database(growing)
    server.run(f"CREATE TABLE {pg_journal.TABLE} (seq bigint, other text)", name)
    growing.grow(20)
    assert "has other columns" in growing.copy().problem
    server.run(f"DROP TABLE {pg_journal.TABLE}", name)
    assert growing.copy() == Copied(0, 20) and growing.copier.verify().ok


@pytest.mark.parametrize(
    ("damage", "seq", "reason"),
    [
        ("DELETE FROM {} WHERE seq = 30", 30, "not in the table"),
        ("DELETE FROM {} WHERE seq > 95", 96, "not in the table"),
        ("UPDATE {} SET frame = 'x' WHERE seq = 40", 40, "another frame"),
        ("UPDATE {} SET hash = 'x' WHERE seq = 50", 50, "another hash"),
        ("INSERT INTO {0} SELECT run, machine, 500, frame, hash FROM {0} WHERE seq = 1", 500,
         "no frame of the journal"),
    ],
)  # fmt: skip
def test_f66_what_differs_is_found_and_what_is_missing_is_filled(
    server: Cluster, growing: Growing, damage: str, seq: int, reason: str
) -> None:
    """`verify` names the first frame that is not the segments'; a loss is filled by the copier."""
    growing.grow(100)
    growing.copy()
    name = database(growing)
    server.run(damage.format(pg_journal.TABLE), name)
    found = growing.copier.verify()
    assert (found.ok, found.seq, found.reason) == (False, seq, reason)
    growing.copier.close()
    growing.copy()
    assert growing.copier.verify().ok is (damage.startswith("DELETE"))


def test_f66_the_maker_goes_on_while_the_copy_stands_still(server: Cluster, tmp_path: Path) -> None:
    """A copier hangs on a stalled line while the maker turns; its journal grows as ever, and
    afterwards the copy is exact. No process of the day loads a database's driver.
    """
    (tmp_path / "live").mkdir()
    setup = MakerSetup(
        opening=make_open(make_chain(2, 1)), shifts=[], host="127.0.0.1", feed_port=9, sync_ms=5,
        heartbeat_ms=100, snapshot_every=MINUTE, marks=[],
    )  # fmt: skip
    stall = Stall(server)
    copier = PgJournal(tmp_path, MACHINE, stall.url(server.fresh()), patience_s=60)
    process = MakerProcess(tmp_path, setup, Loop(), {"spawned": monotonic()})
    process.begin(BusinessClock(OPENING, monotonic(), 1))
    process.turn()
    assert copier.copy_once().last > 0
    stall.flows.clear()
    steps: list[Copied] = []
    hanging = threading.Thread(target=lambda: steps.append(copier.copy_once()))
    try:
        turn_until(process, 2)  # something to copy
        hanging.start()
        turn_until(process, 2)
        assert hanging.is_alive() and not steps
    finally:
        stall.flows.set()
        hanging.join(30)
        process.close()
    while copier.copy_once().frames:
        pass
    assert copier.verify().ok and not steps[0].problem
    copier.close()
    stall.close()


def turn_until(process: MakerProcess, frames: int) -> None:
    """Turn until the journal has so many frames more; half a minute at most."""
    journal = process._live.host.journal
    wanted, end = journal.next_seq + frames, monotonic() + 30 * SECOND
    while journal.next_seq < wanted:
        assert monotonic() < end, "the journal does not grow"
        process.turn()


def test_f66_no_process_of_the_day_knows_a_database() -> None:
    """Wiring: what trades imports neither the driver nor SQLAlchemy, so it cannot wait for them."""
    roles = ("maker", "gateway", "exchange", "overseer", "arbiter")
    lines = "; ".join(f"import quanheng.edge.{role}_main" for role in roles)
    text = f"{lines}; import sys; print(sorted({{'psycopg', 'sqlalchemy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_f66_a_store_that_is_slow_is_given_up_in_words(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the trail: a writer stops waiting, is told why, and nothing is half done."""
    monkeypatch.setattr(people_database, "_WAIT_S", 1)
    house = World(tmp_path, server.fresh())
    house.person("T01", "trader")
    other = people_database.Database(house.store.database.where)
    with (
        other.writing() as connection,
        pytest.raises(StoreError, match="lock timeout"),
        house.store.database.writing(),
    ):
        raise AssertionError(f"two writers at once: {connection}")
    assert isinstance(house.login("T01"), Session)
    other.close()
    house.close()


def test_f66_a_store_whose_line_stalls_is_given_up_and_comes_back(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No byte passes and nothing is closed, so no limit of the server's reaches us: who asks is
    told, on a connection that stood and on a new one; afterwards all is as it was.
    """
    monkeypatch.setattr(people_database, "_SILENT_S", 1)
    monkeypatch.setattr(people_database, "_WAIT_S", 2)
    stall = Stall(server)
    house = World(tmp_path, stall.url(server.fresh()))
    house.person("T01", "trader")
    session = house.login("T01")
    stall.flows.clear()
    with pytest.raises(StoreError, match="nothing came for 1 s"):
        house.access.session(session.token)
    with pytest.raises(StoreError):
        house.access.session(session.token)
    with pytest.raises(StoreError), house.store.database.writing():
        raise AssertionError("nobody can write")
    stall.flows.set()
    again = house.access.session(session.token)
    assert again is not None and again.permits("board")
    assert isinstance(house.login("T01"), Session)
    house.close()
    stall.close()


def test_f66_people_are_refused_while_their_store_is_down_and_come_back(
    server: Cluster, tmp_path: Path
) -> None:
    """Nobody comes in and no right is given while the store is gone, in words and without hanging;
    afterwards sessions, people and the trail are what they were.
    """
    house = World(tmp_path, server.fresh())
    house.person("T01", "trader")
    session = house.login("T01")
    server.kill()
    try:
        with pytest.raises(StoreError):
            house.access.session(session.token)
        with pytest.raises(StoreError):
            house.access.login("T01", PASSWORD, "000000", PLACE)
    finally:
        server.start()
    again = house.access.session(session.token)
    assert again is not None and again.permits("board")
    assert isinstance(house.login("T01"), Session)
    house.close()
