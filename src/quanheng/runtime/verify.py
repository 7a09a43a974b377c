"""Verifies a run's journals and snapshots with the standard library only.

This file shares no code with the writers, on purpose: a reader of 2046 needs nothing but Python
and the frame format of borders.md 2. Frame: "QHJ1", u32 length, u64 seq, u64 durable_seq, u8
kind (I, O, S), SHA-256 prev, u32 CRC-32 of all else, payload; little-endian. prev of frame 1 is
SHA-256("QHJ1 " + machine); prev of frame n+1 is SHA-256(prev, seq, kind, payload) of frame n.
"""

import hashlib
import json
import zlib
from pathlib import Path
from typing import TypedDict


class Verdict(TypedDict):
    """Outcome; for a failure the machine, frame, file and byte offset, and the reason."""

    ok: bool
    machine: str
    seq: int  # frames checked, or the frame that is wrong
    file: str
    offset: int
    reason: str


def verify_run(run: Path) -> list[Verdict]:
    """One verdict per machine of a run folder, by name. FileNotFoundError without journals."""
    folders = sorted(path for path in (run / "journal").iterdir() if path.is_dir())
    return [verify_machine(run, folder.name) for folder in folders]


def verify_machine(run: Path, machine: str, head: bytes | None = None) -> Verdict:
    """Check one machine: frames, numbers, chain, segment names, then its snapshots.

    `head` is the chain head recorded elsewhere (run.json): with it a cut tail is found too. A
    journal whose head was dropped (tail:N) starts from its first frame's word.
    """
    folder = run / "journal" / machine
    due = 1
    prev: bytes | None = hashlib.sha256(b"QHJ1 " + machine.encode()).digest()
    for number, path in enumerate(sorted(folder.glob("*.seg"))):
        first = int(path.stem) if path.stem.isdigit() else 0
        if number == 0 and first > 1:
            due, prev = first, None
        name = f"journal/{machine}/{path.name}"
        if first != due:
            return _wrong(machine, due, name, 0, f"the segment starts at {first}, not at {due}")
        data = path.read_bytes()
        offset = 0
        while offset < len(data):
            reason, length = _frame_problem(data, offset, due, prev)
            if reason:
                return _wrong(machine, due, name, offset, reason)
            stop = offset + 61 + length
            link = data[offset + 25 : offset + 57] + data[offset + 8 : offset + 16]
            link += data[offset + 24 : offset + 25]
            prev = hashlib.sha256(link + data[offset + 61 : stop]).digest()
            due += 1
            offset = stop
    if head is not None and prev != head:
        return _wrong(machine, due, f"journal/{machine}", 0, "the end is not the recorded head")
    problem = _snapshot_problem(run / "snap" / machine, machine)
    if problem is not None:
        return problem
    return Verdict(ok=True, machine=machine, seq=due - 1, file="", offset=0, reason="")


def chain_head(run: Path, machine: str) -> bytes:
    """The chain head of a journal, for recording in run.json; of a verified journal only."""
    prev = hashlib.sha256(b"QHJ1 " + machine.encode()).digest()
    for path in sorted((run / "journal" / machine).glob("*.seg"))[-1:]:
        data = path.read_bytes()
        offset = 0
        while offset < len(data):
            stop = offset + 61 + int.from_bytes(data[offset + 4 : offset + 8], "little")
            link = data[offset + 25 : offset + 57] + data[offset + 8 : offset + 16]
            link += data[offset + 24 : offset + 25]
            prev = hashlib.sha256(link + data[offset + 61 : stop]).digest()
            offset = stop
    return prev


def _wrong(machine: str, seq: int, file: str, offset: int, reason: str) -> Verdict:
    return Verdict(ok=False, machine=machine, seq=seq, file=file, offset=offset, reason=reason)


def _frame_problem(data: bytes, offset: int, due: int, prev: bytes | None) -> tuple[str, int]:
    """(reason or empty, payload length) of the frame that should start at an offset."""
    if len(data) - offset < 61:
        return f"cut off: {len(data) - offset} bytes are left of a header of 61", 0
    if data[offset : offset + 4] != b"QHJ1":
        return "the frame does not begin with QHJ1", 0
    length = int.from_bytes(data[offset + 4 : offset + 8], "little")
    stop = offset + 61 + length
    if stop > len(data):
        return f"the payload of {length} bytes runs past the end of the file", 0
    crc = zlib.crc32(data[offset + 61 : stop], zlib.crc32(data[offset : offset + 57]))
    if crc != int.from_bytes(data[offset + 57 : offset + 61], "little"):
        return "the CRC-32 does not match", 0
    seq = int.from_bytes(data[offset + 8 : offset + 16], "little")
    if seq != due:
        return f"frame {seq} stands where {due} is due", 0
    durable = int.from_bytes(data[offset + 16 : offset + 24], "little")
    if durable >= seq:
        return f"it claims frame {durable} durable before it was written", 0
    if data[offset + 24] not in b"IOS":
        return f"unknown kind {data[offset + 24]}", 0
    if prev is not None and data[offset + 25 : offset + 57] != prev:
        return "the chain is broken: prev is not the hash of the frame before", 0
    return "", length


def _snapshot_problem(folder: Path, machine: str) -> Verdict | None:
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return None
    name = f"snap/{machine}/manifest.json"
    try:
        listed = json.loads(manifest.read_text(encoding="utf-8"))["snapshots"]
        rows = [(int(seq), str(sha)) for seq, sha in listed.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _wrong(machine, 0, name, 0, f"the manifest cannot be read: {error!r}")
    for seq, sha in rows:
        path = folder / f"{seq:016d}.bin"
        name = f"snap/{machine}/{path.name}"
        if not path.exists():
            return _wrong(machine, seq, name, 0, "the snapshot is missing")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha:
            return _wrong(machine, seq, name, 0, "the snapshot is not what the manifest says")
    return None
