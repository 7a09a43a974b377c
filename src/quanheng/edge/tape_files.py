"""Tapes on disk: a recorded market of one day as the messages a maker would have heard.

A tape is a folder: `ticks.bin` holds records `u32 length | msgpack` of ChainTick, UnderlyingTicks,
Inquiry and TapePrints as the journal packs them, in order of time; `master.txt` is the contract
master (reff03) of exactly its contracts; `manifest.json` is written last and says where it all came
from; `quarantine.csv` lists the source's rows that are not in it.
"""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from quanheng.exchange.messages import TapePrints
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.units import Day, DayNanos

TapeMessage = ChainTick | UnderlyingTicks | Inquiry | TapePrints
TICKS, MASTER, MANIFEST, QUARANTINE = "ticks.bin", "master.txt", "manifest.json", "quarantine.csv"
LONGEST = 64 << 20
"""Bytes of one record at most; a longer one is not a tape's."""

_LENGTH = struct.Struct(">I")
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(TapeMessage)


class TapeError(Exception):
    """A source or tape that cannot be used; the message names the file and the reason."""


class Gap(msgspec.Struct, frozen=True):
    """A class of which nothing came between two instants of continuous trading."""

    underlying: str
    since: DayNanos
    until: DayNanos


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a tape holds and where it is from. Times are DayNanos, hashes SHA-256 in hex."""

    day: Day
    source: str
    source_sha256: str
    ticks_sha256: str
    rows: int  # of the source
    other_days: int  # rows of other days, left out
    taken: int
    quarantined: dict[str, int]  # reason -> rows
    listed: int  # contracts of the master, or of the dataset's table
    contracts: int  # those that the tape says anything of: its chain
    underlyings: int
    unused: int  # rows of underlyings that have no contract here
    inquiries: int
    prints: int  # trades of the dataset's table; 0: snapshots alone say what traded
    messages: int
    first: DayNanos
    last: DayNanos
    phases: str  # "source" or "timetable"
    volumes: bool  # False: nothing says how much traded
    gaps: tuple[Gap, ...]


class TapeWriter:
    """Appends messages to `ticks.bin` and hashes what it wrote."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / TICKS).open("wb")
        self._sha = hashlib.sha256()
        self.messages = 0

    def add(self, message: TapeMessage) -> None:
        """Append one message."""
        body = _ENCODER.encode(message)
        data = _LENGTH.pack(len(body)) + body
        self._file.write(data)
        self._sha.update(data)
        self.messages += 1

    def close(self) -> str:
        """Close the file; returns its SHA-256, hex."""
        self._file.close()
        return self._sha.hexdigest()


def read_messages(folder: Path) -> Iterator[TapeMessage]:
    """The tape's messages in order, one at a time. TapeError names a record that is damaged."""
    path = folder / TICKS
    with path.open("rb") as file:
        number = 0
        while head := file.read(_LENGTH.size):
            number += 1
            length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
            body = file.read(length) if 0 < length <= LONGEST else b""
            if not body or len(body) != length:
                raise TapeError(f"{path}: record {number} is cut or not a tape's")
            try:
                yield _DECODER.decode(body)
            except msgspec.DecodeError as error:
                raise TapeError(f"{path}: record {number}: {error}") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json, which makes the folder a tape."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    aside = folder / f"{MANIFEST}.part"
    aside.write_bytes(text + b"\n")
    aside.replace(folder / MANIFEST)


def open_tape(folder: Path) -> Manifest:
    """The manifest of a tape whose messages are what it says. TapeError otherwise."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        found = sha256_of(folder / TICKS)
    except OSError as error:
        raise TapeError(f"{folder}: not a tape, {error.filename}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise TapeError(f"{path}: {error}") from error
    if found != manifest.ticks_sha256:
        wanted = manifest.ticks_sha256
        raise TapeError(f"{folder / TICKS}: SHA-256 {found[:12]}, its manifest has {wanted[:12]}")
    return manifest
