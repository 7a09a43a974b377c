"""Snapshots on disk: `snap/<machine>/<seq:016d>.bin`, listed in a manifest that is written last.

A snapshot file is sealed (`records.seal`): magic, SHA-256, zlib. Files that the manifest does not
list do not count: the crash came between the file and its S frame. A manifest that cannot be read
stops nobody: the files stand for themselves, and recovery holds each against the journal (F13).
"""

import hashlib
import json
import os
from pathlib import Path

from quanheng.runtime.journal import Journal
from quanheng.runtime.memory import DigestJournal, MemorySnapshots
from quanheng.runtime.ports import Snapshots
from quanheng.runtime.segment import SegmentJournal

TAIL_SEGMENT_BYTES = 8 << 20
MANIFEST = "manifest.json"


def read_manifest(path: Path) -> dict[int, str]:
    """SHA-256 of each listed snapshot by its seq. ValueError names the file and what is wrong."""
    try:
        rows = json.loads(path.read_bytes())["snapshots"]
        return {int(seq): str(sha) for seq, sha in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} of the snapshots cannot be read: {error!r}") from error


class FolderSnapshots:
    """Snapshots of one machine in a run folder. `durable` false skips every fsync (simulations).

    `keep` > 0 keeps only that many newest snapshots.
    """

    def __init__(self, root: Path, machine: str, durable: bool = True, keep: int = 0) -> None:
        self._folder = root / "snap" / machine
        self._folder.mkdir(parents=True, exist_ok=True)
        self._durable = durable
        self._keep = keep
        self.damage = ""
        self._listed: dict[int, str] = {}
        manifest = self._folder / MANIFEST
        if manifest.exists():
            try:
                self._listed = read_manifest(manifest)
            except ValueError as error:
                self.damage = str(error)
                self._listed = self._found()

    def write(self, seq: int, data: bytes) -> None:
        """Store a snapshot file."""
        self._replace(self._path(seq), data)

    def publish(self, seq: int) -> None:
        """List it in the manifest; older ones beyond `keep` go."""
        self._listed[seq] = hashlib.sha256(self._path(seq).read_bytes()).hexdigest()
        dropped = sorted(self._listed)[: -self._keep] if self._keep else []
        for old in dropped:
            del self._listed[old]
        rows = {f"{number}": self._listed[number] for number in sorted(self._listed)}
        text = json.dumps({"snapshots": rows}, indent=0) + "\n"
        self._replace(self._folder / MANIFEST, text.encode())
        self.damage = ""
        for old in dropped:
            self._path(old).unlink(missing_ok=True)

    def seqs(self) -> list[int]:
        """Listed snapshots, oldest first."""
        return sorted(self._listed)

    def read(self, seq: int) -> bytes | None:
        """The file's bytes; None when it is missing or not what the manifest says."""
        try:
            data = self._path(seq).read_bytes()
        except FileNotFoundError:
            return None
        listed = self._listed.get(seq)
        return data if hashlib.sha256(data).hexdigest() == listed else None

    def _found(self) -> dict[int, str]:
        """The files of the folder in place of a manifest."""
        files = [path for path in self._folder.glob("*.bin") if path.stem.isdigit()]
        return {int(path.stem): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def _path(self, seq: int) -> Path:
        return self._folder / f"{seq:016d}.bin"

    def _replace(self, path: Path, data: bytes) -> None:
        """Write a file whole or not at all."""
        part = path.with_suffix(path.suffix + ".part")
        with part.open("wb") as file:
            file.write(data)
            if self._durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
        if self._durable:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class FolderStores:
    """Journals and snapshots of a run folder.

    mode "full" keeps everything, "tail:N" at least the last N frames of each machine and three
    snapshots, "digest" the chains in memory only. `durable` false is for simulations.
    """

    def __init__(self, root: Path, mode: str = "full", durable: bool = True) -> None:
        self._root = root
        self._durable = durable
        self._digest = mode == "digest"
        self._keep = 0
        if mode.startswith("tail:") and mode[5:].isdigit() and int(mode[5:]) > 0:
            self._keep = int(mode[5:])
        elif mode not in ("full", "digest"):
            raise ValueError(f"journal mode {mode!r}: use full, tail:N (N frames) or digest")

    def journal(self, machine: str) -> Journal:
        """Open a machine's journal for appending."""
        if self._digest:
            return DigestJournal(machine)
        if self._keep:
            size = TAIL_SEGMENT_BYTES
            return SegmentJournal(
                self._root, machine, durable=self._durable, segment_bytes=size, keep=self._keep
            )
        return SegmentJournal(self._root, machine, durable=self._durable)

    def snapshots(self, machine: str) -> Snapshots:
        """A machine's snapshots."""
        if self._digest:
            return MemorySnapshots(keep=1)
        return FolderSnapshots(self._root, machine, self._durable, keep=3 if self._keep else 0)
