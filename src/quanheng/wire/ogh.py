"""OGHXXXXX.zip: a member's trades, balances and combinations after the close (interfaces.md 3.6).

XXXXX is the trading unit. The archive has up to three files; one without records is left out. The
same rows give the same bytes: entries carry no clock of ours.
"""

import io
import struct
import zipfile
import zlib
from typing import NamedTuple

from quanheng.wire import records
from quanheng.wire.records import BadRecord, Records, Value

Rows = list[tuple[Value, ...]]

FORMS = {
    "trns03": ("trns03_t0305", "trns03_t0306", "trns03_t0307"),
    "hold03": ("hold03",),
    "qtyw03": ("qtyw03",),
}
MAX_BYTES = 256 << 20
"""Largest unpacked file taken."""
_END = struct.Struct("<4s4HLLH")
_STAMP = (1980, 1, 1, 0, 0, 0)


class Archive(NamedTuple):
    """Rows of each file, and what was left out, by the file's name in the archive."""

    trns: Rows
    hold: Rows
    qtyw: Rows
    quarantined: list[tuple[str, BadRecord]]


def forms_of(kind: str) -> tuple[records.Layout, ...]:
    """Layouts of the records of trns03, hold03 or qtyw03."""
    return tuple(records.layout(name) for name in FORMS[kind])


def write(pbu: str, trns: Rows, hold: Rows, qtyw: Rows) -> bytes:
    """The archive. ValueError names the field that cannot be written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, rows in (("trns03", trns), ("hold03", hold), ("qtyw03", qtyw)):
            if rows:
                entry = zipfile.ZipInfo(f"{kind}{pbu}.txt", _STAMP)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, records.write_mixed(forms_of(kind), rows))
    return buffer.getvalue()


def read(pbu: str, data: bytes) -> Archive:
    """What an archive holds. Never raises for bad content; entries carry a CRC-32."""
    found: dict[str, Records] = {}
    bad: list[tuple[str, BadRecord]] = []
    names = {f"{kind}{pbu}.txt": kind for kind in FORMS}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            for entry in entries:
                kind = names.pop(entry.filename, "")
                if not kind:
                    reason = "is no file of this archive, or twice in it"
                    bad.append((entry.filename[:40], BadRecord(0, "name", reason)))
                elif entry.file_size > MAX_BYTES:
                    reason = f"unpacks to {entry.file_size} bytes"
                    bad.append((entry.filename, BadRecord(0, "size", reason)))
                else:
                    _entry(archive, entry, kind, found, bad)
            if not _complete(archive, data, len(entries)):
                reason = "the directory does not hold what its end record says"
                bad.append(("archive", BadRecord(0, "directory", reason)))
            if not entries:
                bad.append(("archive", BadRecord(0, "archive", "holds no file")))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        bad.append(("archive", BadRecord(0, "archive", str(error) or type(error).__name__)))
    rows = [found[kind].rows if kind in found else [] for kind in FORMS]
    return Archive(rows[0], rows[1], rows[2], bad)


def _complete(archive: zipfile.ZipFile, data: bytes, count: int) -> bool:
    """Does the directory have as many entries and bytes as the end record says, and end there?"""
    at = len(data) - _END.size - len(archive.comment)
    *_, here, total, size, start, _ = _END.unpack_from(data, max(at, 0))
    return bool(here == total == count and start + size == at)


def _entry(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    kind: str,
    found: dict[str, Records],
    bad: list[tuple[str, BadRecord]],
) -> None:
    try:
        with archive.open(entry) as file:
            text = file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError) as error:
        bad.append((entry.filename, BadRecord(0, "entry", str(error) or type(error).__name__)))
        return
    read_ = records.read_mixed(forms_of(kind), text)
    found[kind] = read_
    bad += [(entry.filename, one) for one in read_.quarantined]
