"""Layouts of what is kept, and how an older one becomes the present one (I-52, F71).

Nothing is changed in place: the file is copied first and its hash taken, the new content is made
beside it and takes its place in one rename, and a record says who did what. The way back puts the
copy in place again, unless the file was used since: then the copy would lose what people did, and
somebody has to decide. Journals are evidence and are never rewritten.
"""

import hashlib
import re
import shutil
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from quanheng.compose.run_folder import RunError, read_info, write_whole
from quanheng.config import SHIPPED, ConfigError, read_config
from quanheng.edge.archive_files import FORMAT as ARCHIVE_FORMAT
from quanheng.edge.build import source_hash
from quanheng.edge.clock import wall
from quanheng.edge.journal_lines import LineFile, read_lines
from quanheng.runtime.journal import MAGIC
from quanheng.settlement import carry
from quanheng.terms.units import Nanos

RECORD = "migrations.jsonl"
SQLITE = b"SQLite format 3\0"
CARRY, CONFIG, STORE, RUN, ARCHIVE = "carry", "configuration", "store", "run", "archive"
FIRST_CARRY_FIELDS = 7
"""Day, day before, run, accounts, contracts, classes, master: what every layout has had."""


class MigrationError(RunError):
    """Something that cannot be migrated or put back; the message names it and the reason."""


class Row(NamedTuple):
    """A line of the compatibility table."""

    kind: str
    zh: str
    en: str
    writes: str
    reads: str
    older: str


class Found(NamedTuple):
    """What lies at a path: its kind, layout and the present one. `ready`: usable as it is;
    `moves`: an older layout that can be brought to the present one.
    """

    path: Path
    kind: str
    layout: str
    present: str
    ready: bool
    moves: bool
    note: str = ""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the record. `do`: "forward" or "back"; hashes are SHA-256, hex."""

    do: str
    number: int
    at: Nanos
    by: str
    kind: str
    path: str
    old: str
    new: str
    before: str
    after: str
    copy: str


def carry_fields() -> int:
    """Fields of the present carry file."""
    return len(msgspec.structs.fields(carry.Carry))


def store_head() -> str:
    """The present version of the people store's tables. MigrationError without its packages."""
    try:
        from quanheng.desk.people.database import newest
    except ModuleNotFoundError as error:
        raise MigrationError(f"the people store needs {error.name}: quanheng[console]") from error
    return newest()


def compatibility() -> tuple[Row, ...]:
    """What this version writes, reads, and does with older layouts."""
    frames = MAGIC.decode()
    return (
        Row(RUN, "运行目录与日志", "run folders, journals", frames, frames,
            "只验证，由写入的版本回放 verified; replayed by the version that wrote it"),
        Row(CARRY, "隔日文件", "carry files", str(carry_fields()),
            f"{FIRST_CARRY_FIELDS}–{carry_fields()}", "补默认值 gets the defaults"),
        Row(CONFIG, "配置", "configuration", "2", "2", "1：补 gets [line] copy_port, overseer_*"),
        Row(STORE, "人员库", "people store", store_head(), store_head(),
            "按步骤升级 upgraded step by step"),
        Row(ARCHIVE, "档案", "archive", str(ARCHIVE_FORMAT), str(ARCHIVE_FORMAT), "—"),
    )  # fmt: skip


def look(path: Path) -> Found:
    """What lies at a path. MigrationError for something of no kind that this system keeps."""
    if path.is_dir():
        return _folder(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MigrationError(f"{path}: {error.strerror}") from error
    if data.startswith(SQLITE):
        return _store(path)
    if path.suffix == ".toml":
        return _config(path)
    if path.suffix == ".msgpack" and path.parent.name == "carry":
        return _carry(path, data)
    raise MigrationError(f"{path}: neither a configuration, a carry file nor a people store")


def _folder(path: Path) -> Found:
    if (path / "archive.json").exists():
        about = msgspec.json.decode((path / "archive.json").read_bytes(), type=dict[str, object])
        made, now = str(about.get("format")), str(ARCHIVE_FORMAT)
        return Found(path, ARCHIVE, made, now, made == now, False)
    info = read_info(path)
    frames = MAGIC.decode()
    for segment in sorted(path.glob("journal/*/*.seg")):
        with segment.open("rb") as file:
            head = file.read(len(MAGIC))
        if head != MAGIC:
            note = f"{segment.name} begins with {head!r}"
            return Found(path, RUN, repr(head), frames, False, False, note)
    same = info.source == source_hash()
    note = "可回放 can be replayed" if same else f"由版本 of the version {info.version} "
    return Found(path, RUN, frames, frames, True, False, note if same else note + info.source[:12])


def _store(path: Path) -> Found:
    from quanheng.desk.people.database import Database, version

    head = store_head()
    with closing(Database(str(path))) as database:
        made = version(database)
    return Found(path, STORE, made or "0", head, made == head, made != head)


def _config(path: Path) -> Found:
    text = path.read_text(encoding="utf-8")
    try:
        line = tomllib.loads(text).get("line", {})
    except tomllib.TOMLDecodeError as error:
        raise MigrationError(f"{path}: {error}") from error
    older = bool(line) and any(key not in line for key in _LINE_KEYS)
    if older:
        return Found(path, CONFIG, "1", "2", False, True)
    try:
        read_config(path)
    except ConfigError as error:
        return Found(path, CONFIG, "2", "2", False, False, str(error))
    return Found(path, CONFIG, "2", "2", True, False)


def _carry(path: Path, data: bytes) -> Found:
    try:
        fields = len(msgspec.msgpack.decode(data, type=list[msgspec.Raw]))
        carry.decode(data, str(path))
    except (msgspec.DecodeError, ValueError) as error:
        raise MigrationError(f"{path}: {error}") from error
    now = carry_fields()
    return Found(path, CARRY, str(fields), str(now), fields == now, fields < now)


_LINE_KEYS = ("copy_port", "overseer_late_ms", "overseer_lost_ms")
"""What [line] did not have before the firm's overseer had a process of its own."""


def _new_config(path: Path, aside: Path) -> None:
    """Add the keys of the shipped file that [line] lacks; nothing else of the text is touched."""
    text = path.read_text(encoding="utf-8")
    have = tomllib.loads(text)["line"]
    shipped = (Path(carry.__file__).parents[1] / SHIPPED).read_text(encoding="utf-8")
    values = tomllib.loads(shipped)["line"]
    added = "".join(f"{key} = {values[key]}\n" for key in _LINE_KEYS if key not in have)
    changed, count = re.subn(r"(?m)^\[line\][ \t]*(#.*)?\n", lambda one: one[0] + added, text)
    if count != 1:
        raise MigrationError(f"{path}: [line] does not stand on a line of its own")
    write_whole(aside, changed.encode())
    read_config(aside)


def _new_carry(path: Path, aside: Path) -> None:
    write_whole(aside, carry.encode(carry.decode(path.read_bytes(), str(path))))


def _new_store(path: Path, aside: Path) -> None:
    """The tables are brought up in a copy, so that a step that fails leaves the store alone."""
    from quanheng.desk.people.database import Database, migrate

    shutil.copyfile(path, aside)
    with closing(Database(str(aside))) as database:
        migrate(database)


FORWARD: dict[str, Callable[[Path, Path], None]] = {
    CONFIG: _new_config,
    CARRY: _new_carry,
    STORE: _new_store,
}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def history(copies: Path) -> list[Move]:
    """The record of a folder of copies."""
    return [msgspec.convert(line, Move) for line in read_lines(copies / RECORD)]


def _enter(copies: Path, move: Move) -> Move:
    lines = LineFile(copies / RECORD)
    lines.add(msgspec.to_builtins(move))
    lines.close()
    return move


def forward(path: Path, copies: Path, by: str) -> Move:
    """Bring a file to the present layout; its old bytes stay in `copies`. MigrationError says why
    not, and then nothing was changed.
    """
    found = look(path)
    if not found.moves:
        why = found.note or ("it is the present layout" if found.ready else "it cannot be moved")
        raise MigrationError(f"{path}: {found.kind} {found.layout}: {why}")
    copies.mkdir(parents=True, exist_ok=True)
    before, number = _hash(path), len(history(copies)) + 1
    copy = copies / f"{number:06d}-{path.name}"
    shutil.copyfile(path, copy)
    if _hash(copy) != before:
        raise MigrationError(f"{copy}: the copy is not what {path} is")
    aside = path.with_name(f"{path.name}.migrating{path.suffix}")
    try:
        FORWARD[found.kind](path, aside)
        after = _hash(aside)
        aside.replace(path)
    except Exception as error:
        copy.unlink()
        raise MigrationError(f"{path}: {error}") from error
    finally:
        aside.unlink(missing_ok=True)
    return _enter(
        copies,
        Move(
            do="forward", number=number, at=wall(), by=by, kind=found.kind,
            path=str(path.resolve()), old=found.layout, new=found.present, before=before,
            after=after, copy=copy.name,
        ),
    )  # fmt: skip


def back(copies: Path, number: int, by: str) -> Move:
    """Put the copy of a move in place again. MigrationError when the file was changed since."""
    moves = {one.number: one for one in history(copies)}
    done = moves.get(number)
    if done is None or done.do != "forward":
        raise MigrationError(f"{copies}: no move forward has the number {number}")
    path, copy = Path(done.path), copies / done.copy
    if _hash(copy) != done.before:
        raise MigrationError(f"{copy}: the copy was changed since it was taken")
    if _hash(path) != done.after:
        raise MigrationError(f"{path}: it was changed since; the copy would lose that")
    write_whole(path, copy.read_bytes())
    return _enter(
        copies,
        Move(
            do="back", number=len(moves) + 1, at=wall(), by=by, kind=done.kind, path=done.path,
            old=done.new, new=done.old, before=done.after, after=done.before, copy=done.copy,
        ),
    )  # fmt: skip
