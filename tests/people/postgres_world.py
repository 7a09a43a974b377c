"""A throw-away PostgreSQL cluster: in a folder of its own, on a private socket, stopped by pid."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from quanheng.desk.people.database import url_of

OWNER = "postgres"


def program(name: str) -> str:
    """A program of the server: Debian keeps them out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(places[-1]) if places else shutil.which(name)
    assert found, f"{name} of PostgreSQL is not installed: make postgres"
    return found


@contextmanager
def cluster() -> Iterator["Cluster"]:
    """A server for as long as the tests run. It refuses to run as root, so root lends its name."""
    folder = Path(tempfile.mkdtemp(prefix="quanheng-pg-"))
    user = OWNER if os.getuid() == 0 else None
    if user:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user}
    data = str(folder / "data")
    try:
        made = [program("initdb"), "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run([*made, "--locale=C.UTF-8"], check=True, cwd="/", **quiet)
        settings = ("listen_addresses=", "fsync=off", f"unix_socket_directories={folder}")
        options = [part for one in settings for part in ("-c", one)]
        start = [program("postgres"), "-D", data, *options]
        running = Cluster(folder, start, {**quiet, "cwd": "/", "start_new_session": True})
        try:
            yield running
        finally:
            running.server.send_signal(signal.SIGINT)  # fast shutdown
            running.server.wait(20)
    finally:
        shutil.rmtree(folder)


class Cluster:
    """A server that answers."""

    def __init__(self, folder: Path, command: list[str], how: dict[str, Any]) -> None:
        self.folder = folder
        self._count = 0
        self._command, self._how = command, how
        self.start()

    def start(self) -> None:
        """Start the server, after a kill too; it recovers what was committed."""
        self.server = subprocess.Popen(self._command, **self._how)
        self._wait()

    def kill(self) -> None:
        """kill -9 of all of it, and wait until it is gone: its children notice by themselves."""
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait(20)

    def url(self, name: str) -> str:
        """The one setting that names a database."""
        return f"postgresql://{OWNER}@/{name}?host={self.folder}"

    def fresh(self) -> str:
        """The URL of a new and empty database."""
        self._count += 1
        name = f"people{self._count}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, text: str, name: str = OWNER) -> None:
        """A statement in a database of the cluster, as its owner."""
        engine = sa.create_engine(url_of(self.url(name)), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text(text))
        finally:
            engine.dispose()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                return self.run("SELECT 1")
            except sa.exc.OperationalError:
                assert time.monotonic() < until, "PostgreSQL does not answer"
                time.sleep(0.1)
