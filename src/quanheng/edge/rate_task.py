"""The task of rating one part of a dataset, which every engine runs, and its file.

A part's file is written whole or not at all and its bytes depend on the part alone, so it does not
matter who makes it, how often, or in which order.
"""

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from quanheng.duties.conditions import from_rulebook
from quanheng.duties.day import measure_chunks
from quanheng.duties.day_input import day_tables
from quanheng.duties.exact import ratio_text
from quanheng.duties.part import Part, rate_part
from quanheng.duties.rating import output_cells
from quanheng.duties.readings import DEPTH
from quanheng.edge.dataset_parts import PartKey, PartReader
from quanheng.edge.dataset_rows import chunks
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.units import Day


class RateJob(msgspec.Struct, frozen=True):
    """Everything a task needs to know; paths as text so that any engine can send it."""

    folder: str
    parts: str
    agreement: str = ""


class StoredPart(msgspec.Struct):
    """A part as it is kept: `contract_day` are its contracts' output cells, ratios as text."""

    part: Part
    quote_rows: int
    contract_day: list[tuple[str | int | None, ...]]


class PartError(ValueError):
    """A part's file that is not one."""


def _pack(value: Any) -> Any:
    if isinstance(value, Fraction):
        return f"{value.numerator:x}/{value.denominator:x}"
    raise NotImplementedError(f"cannot keep a {type(value).__name__}")


def _unpack(kind: type, value: Any) -> Any:
    if kind is not Fraction:
        raise NotImplementedError(f"cannot read a {kind.__name__}")
    numerator, denominator = value.split("/")
    return Fraction(int(numerator, 16), int(denominator, 16))


def part_path(job: RateJob, key: PartKey) -> Path:
    """Where a part is kept."""
    return Path(job.parts) / f"{key.day}-{key.underlying or 'all'}.msgpack"


def rate_one(job: RateJob, key: PartKey) -> int:
    """Rate one part and keep it; returns its quote rows. DatasetError as from `PartReader`."""
    agreement = Path(job.agreement) if job.agreement else None
    book = read_rulebook(key.day, agreement)
    terms = from_rulebook(book)
    reader = PartReader(Path(job.folder), key, by_orders=terms.options.quotes != DEPTH)
    tables = day_tables(reader.dataset, key.day, terms)
    figures, rows = measure_chunks(tables, chunks(reader, tables))
    found = rate_part(reader.dataset, tables, figures, book)
    cells = [_texts(row) for row in found.contracts]
    found.contracts = []
    path = part_path(job, key)
    aside = path.with_name(f"{path.name}.part")
    aside.write_bytes(msgspec.msgpack.encode(StoredPart(found, rows, cells), enc_hook=_pack))
    aside.replace(path)
    return rows


def _texts(row: msgspec.Struct) -> tuple[str | int | None, ...]:
    return tuple(
        ratio_text(cell) if isinstance(cell, Fraction) else cell for cell in output_cells(row)
    )


def stored(job: RateJob, keys: list[PartKey]) -> Iterator[StoredPart]:
    """The kept parts in order. PartError names a file that cannot be read."""
    decoder = msgspec.msgpack.Decoder(StoredPart, dec_hook=_unpack)
    for key in keys:
        path = part_path(job, key)
        try:
            yield decoder.decode(path.read_bytes())
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise PartError(f"{path}: {error}") from error


def missing(job: RateJob, keys: list[PartKey]) -> list[PartKey]:
    """The parts that are not kept yet."""
    return [key for key in keys if not part_path(job, key).exists()]


def signature(job: RateJob, window: tuple[Day, Day]) -> str:
    """SHA-256 of what the parts depend on: names, sizes and times of the dataset's files, the
    rulebooks of the window's days (by hash of the first and last), the agreement's text.
    """
    digest = hashlib.sha256(repr(window).encode())
    for path in sorted(Path(job.folder).rglob("*")):
        if path.is_file():
            info = path.stat()
            name = path.relative_to(job.folder)
            digest.update(f"{name} {info.st_size} {info.st_mtime_ns}\n".encode())
    agreement = Path(job.agreement) if job.agreement else None
    if agreement is not None:
        digest.update(agreement.read_bytes())
    for day in window:
        digest.update(read_rulebook(day, agreement).hash.encode())
    return digest.hexdigest()
