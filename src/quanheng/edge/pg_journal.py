"""A copy of a machine's journal in PostgreSQL: a tail of the segments, never the journal itself
(borders.md 2). `python -m quanheng.edge.pg_journal RUN MACHINE URL [verify]`.

The copier is a process of its own that reads the segments as they grow. Nobody waits for it: a
database that is away, slow, read-only or of another shape costs the copy its freshness and the
machine nothing. What was not copied is copied later, and `verify` holds every row against the
segments. A row is a whole frame; (run, machine, seq) is its key, so nothing is there twice.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.journal_tail import JournalTail
from quanheng.runtime.journal import Frame, JournalCorruptError, encode_frame

TABLE = "journal_frames"
NAMES = "pgcopy.json"
"""RUN/pgcopy.json: the name of each machine's copy in the table."""
COLUMNS = (
    ("run", "text"), ("machine", "text"), ("seq", "bigint"), ("frame", "bytea"), ("hash", "bytea"),
)  # fmt: skip
BATCH = 1 << 20
"""Bytes of frames in one transaction."""
PATIENCE_S = 2.0
"""An answer of the database that takes longer counts as none."""
EVERY_S = 0.5
"""Between two looks of the process at the segments."""


class PgJournalError(RuntimeError):
    """The copy cannot be made or checked; names the table, or says what the database said."""


class PgForkError(PgJournalError):
    """The table holds another history of this journal; names the frame."""


class Copied(msgspec.Struct, frozen=True):
    """One step: frames stored in it, the last one that is in the table, and what went wrong."""

    frames: int
    last: int
    problem: str = ""


class Verified(msgspec.Struct, frozen=True):
    """The table against the segments; `seq` is the first frame that differs, 0 for none."""

    ok: bool
    frames: int
    seq: int = 0
    reason: str = ""


class PgJournal:
    """Copies the journal of a machine of a run. Not thread-safe."""

    def __init__(
        self, run: Path, machine: str, url: str, patience_s: float = PATIENCE_S, name: str = ""
    ) -> None:
        """`name` of the run in the table; its folder's without one. PgJournalError without the
        driver (`quanheng[postgres]`).
        """
        try:
            import psycopg
        except ImportError as error:
            raise PgJournalError(f"{error}: install quanheng[postgres]") from error
        self._driver = psycopg
        self._url, self._patience = url, patience_s
        self._run, self._machine = run, machine
        self._key = (name or run.name, machine)
        self._connection: Any = None
        self._tail = JournalTail(run, machine)
        self._last = 0  # in the table, without a gap before it
        self._chain = b""  # of that frame as the table has it
        self._waiting: list[Frame] = []  # read and not stored, at most a batch

    def copy_once(self, most: int = BATCH) -> Copied:
        """Store about `most` bytes of what the table lacks, and return within the patience.

        JournalCorruptError for a damaged segment, nothing of which is copied; PgForkError when the
        table's last frame is none of the journal, which may have been cut back and grown anew.
        """
        try:
            if self._connection is None:
                self._begin()
            if not self._waiting:
                self._read(most)
            if self._waiting:
                self._store(self._waiting)
        except (self._driver.Error, OSError) as error:
            self.close()
            return Copied(0, self._last, f"{type(error).__name__}: {error}".strip())
        count = len(self._waiting)
        if count:
            self._last, self._chain = self._waiting[-1].seq, self._waiting[-1].chain
        self._waiting = []
        return Copied(count, self._last)

    def _read(self, most: int) -> None:
        """The next frames that the table lacks; what it has is passed over."""
        while not self._waiting:
            batch = [frame for frame, _ in self._tail.poll(most)]
            if not batch:
                return
            for frame in batch:
                if frame.seq == self._last and frame.chain != self._chain:
                    raise PgForkError(f"{TABLE}: frame {frame.seq} is another than the journal's")
            self._waiting = [frame for frame in batch if frame.seq > self._last]

    def verify(self) -> Verified:
        """Hold every row against the segments, both read once from the start.

        PgJournalError when the database does not answer, JournalCorruptError for the segments.
        """
        count = 0
        try:
            with self._driver.connect(self._url, connect_timeout=self._whole()) as connection:
                rows = self._rows(connection)
                for frame, _ in JournalTail(self._run, self._machine).poll():
                    row = next(rows, None)
                    if row is None:
                        return Verified(False, count, frame.seq, "not in the table")
                    reason = _difference(frame, *row)
                    if reason:
                        return Verified(False, count, min(frame.seq, row[0]), reason)
                    count += 1
                extra = next(rows, None)
        except self._driver.Error as error:
            raise PgJournalError(f"{TABLE}: {error}") from error
        if extra is not None:
            return Verified(False, count, extra[0], "no frame of the journal")
        return Verified(True, count)

    def close(self) -> None:
        """Give the connection up; `copy_once` opens another and looks what is there."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _whole(self) -> int:
        return max(2, round(self._patience))  # the driver takes whole seconds, two at least

    def _begin(self) -> None:
        """Connect, see that the table is ours, and find the first frame that it lacks."""
        found = self._driver.connect(self._url, connect_timeout=self._whole())
        try:
            with self._deadline(found):
                self._shape(found)
                last = found.execute(
                    f"SELECT count(*), coalesce(max(seq), 0) FROM {TABLE} "
                    "WHERE run = %s AND machine = %s",
                    self._key,
                ).fetchone()
                count, highest = last or (0, 0)
                if count != highest:  # rows are missing: begin at the first one
                    highest = self._first_gap(found) - 1
                row = found.execute(
                    f"SELECT hash FROM {TABLE} WHERE run = %s AND machine = %s AND seq = %s",
                    (*self._key, highest),
                ).fetchone()
                found.commit()
        except BaseException:
            found.close()
            raise
        self._connection, self._last, self._waiting = found, highest, []
        self._chain = bytes(row[0]) if row is not None else b""
        self._tail = JournalTail(self._run, self._machine)

    def _shape(self, connection: Any) -> None:
        """Make the table where there is none. PgJournalError for one of another shape."""
        shape = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position",
            (TABLE,),
        ).fetchall()
        if not shape:
            columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in COLUMNS)
            connection.execute(f"CREATE TABLE {TABLE} ({columns}, PRIMARY KEY (run, machine, seq))")
        elif tuple(shape) != COLUMNS:
            raise self._driver.DataError(f"table {TABLE} has other columns: {shape}")

    def _first_gap(self, connection: Any) -> int:
        row = connection.execute(
            f"SELECT seq FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM {TABLE} "
            "WHERE run = %s AND machine = %s) AS rows WHERE seq <> place ORDER BY place LIMIT 1",
            self._key,
        ).fetchone()
        if row is None:
            return 1
        found = connection.execute(
            f"SELECT count(*) FROM {TABLE} WHERE run = %s AND machine = %s AND seq < %s",
            (*self._key, row[0]),
        ).fetchone()
        return int(found[0]) + 1

    def _store(self, frames: list[Frame]) -> None:
        rows = [
            (*self._key, one.seq, _bytes(one), one.chain)
            for one in frames
        ]  # fmt: skip
        text = f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        with self._deadline(self._connection):
            with self._connection.cursor() as cursor:
                cursor.executemany(text, rows)
            self._connection.commit()

    def _rows(self, connection: Any) -> Iterator[tuple[int, bytes, bytes]]:
        with connection.cursor(name="verify") as cursor:
            cursor.execute(
                f"SELECT seq, frame, hash FROM {TABLE} WHERE run = %s AND machine = %s "
                "ORDER BY seq",
                self._key,
            )
            yield from cursor

    @contextmanager
    def _deadline(self, connection: Any) -> Iterator[None]:
        """Cut the connection when the block takes longer than the patience: a line that stalls
        without closing would be waited for without end.
        """
        timer = threading.Timer(self._patience, _cut, (connection.fileno(),))
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(descriptor: int) -> None:
    """End a connection from another thread: whoever reads from it sees its end."""
    try:
        with socket.socket(fileno=socket.dup(descriptor)) as sock:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it ended by itself


def _bytes(frame: Frame) -> bytes:
    return encode_frame(frame.seq, frame.durable_seq, frame.kind, frame.prev, frame.payload)


def _difference(frame: Frame, seq: int, data: bytes, chain: bytes) -> str:
    if seq != frame.seq:
        return "not in the table" if seq > frame.seq else "no frame of the journal"
    if bytes(data) != _bytes(frame):
        return "another frame"
    return "" if bytes(chain) == frame.chain else "another hash"


def names_of(run: Path, machines: tuple[str, ...]) -> dict[str, str]:
    """Under which name the table has each machine of a run: of RUN/pgcopy.json, or the folder's."""
    found = run / NAMES
    kept = msgspec.json.decode(found.read_bytes(), type=dict[str, str]) if found.exists() else {}
    return {machine: kept.get(machine, run.name) for machine in machines}


def write_names(run: Path, names: dict[str, str]) -> None:
    """Keep them, whole or not at all."""
    part = run / f"{NAMES}.part"
    part.write_bytes(msgspec.json.encode(names) + b"\n")
    part.replace(run / NAMES)


def follow(copier: PgJournal, over: Callable[[], bool], say: Callable[[Copied], None]) -> None:
    """Copy until `over`; `say` hears of each change between working and not."""
    problem = ""
    while not over():
        step = copier.copy_once()
        if step.problem != problem:
            problem = step.problem
            say(step)
        if problem or not step.frames:
            time.sleep(EVERY_S)


def main(arguments: list[str]) -> int:
    """Follow a journal until interrupted, or `verify` the copy: 0 equal, 1 different, 3 no look."""
    run, machine, url = arguments[:3]
    copier = PgJournal(Path(run), machine, url, name=names_of(Path(run), (machine,))[machine])
    try:
        if arguments[3:] == ["verify"]:
            found = copier.verify()
            _say(found)
            return 0 if found.ok else 1
        follow(copier, lambda: False, _say)
    except (PgJournalError, JournalCorruptError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    except KeyboardInterrupt:
        copier.close()
    return 0


def _say(found: Copied | Verified) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
