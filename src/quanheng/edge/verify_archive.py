"""Verifies a Quanheng archive or an export package. Standard library only; read it before trust.

    python3 verify_archive.py ARCHIVE|PACKAGE [--key HEX] [--anchors FILE] [--json]

It shares no code with the writers. What it checks, in order: every checkpoint's Ed25519 signature
and that its root is the root over the beginning of log.jsonl; that anchors kept elsewhere are
roots of this log; for every entry its manifest, that the records (frames of journals, whole files)
hash to the leaves and the leaves to the root in the log; that no file is missing or too many. The
first wrong record is named. Trees: RFC 9162 section 2.1, leaf H(0, x), node H(1, l, r).
Exit 0 whole, 1 something is wrong, 2 usage.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
_Point = tuple[int, int, int, int]
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


class Wrong(Exception):  # noqa: N818 - a finding, not a fault of this program
    """The first thing that is wrong: where and why."""

    def __init__(self, place: Path, reason: str, record: int = 0, offset: int = 0) -> None:
        super().__init__(f"{place}: {reason}")
        self.told: dict[str, Any] = {
            "place": str(place),
            "record": record,
            "offset": offset,
            "reason": reason,
        }


# Ed25519, RFC 8032 section 5.1, in extended coordinates.
def _add(one: _Point, two: _Point) -> _Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(number: int, point: _Point) -> _Point:
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


def _point(data: bytes) -> _Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


_FOUND = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
assert _FOUND is not None
BASE = _FOUND


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """True for the right signature of a message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    left = _times(s, BASE)
    right = _add(r, _times(int.from_bytes(digest, "little") % Q, a))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


class Growing:
    """The root of a tree that grows leaf by leaf: the roots of its whole parts, left to right."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, digest: bytes) -> None:
        """One more leaf."""
        self.parts.append(digest)
        self.size += 1
        number = self.size
        while number % 2 == 0:
            right, left = self.parts.pop(), self.parts.pop()
            self.parts.append(node(self.name, left, right))
            number //= 2

    def root(self) -> bytes:
        """The root as it stands."""
        if not self.parts:
            return hashlib.new(self.name).digest()
        digest = self.parts[-1]
        for left in reversed(self.parts[:-1]):
            digest = node(self.name, left, digest)
        return digest


def leaf(name: str, data: bytes) -> bytes:
    """Digest of a record."""
    return hashlib.new(name, b"\x00" + data).digest()


def node(name: str, left: bytes, right: bytes) -> bytes:
    """Digest of two parts."""
    return hashlib.new(name, b"\x01" + left + right).digest()


def climb(name: str, digest: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that an inclusion proof (RFC 9162 2.1.3.2) leads to; None for one that cannot be."""
    last = size - 1
    if not 0 <= index <= last:
        return None
    for beside in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            digest = node(name, beside, digest)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            digest = node(name, digest, beside)
        index, last = index // 2, last // 2
    return digest if last == 0 else None


def check_note(path: Path, about: dict[str, Any], public: bytes, size: int, root: bytes) -> None:
    """A checkpoint: its text, its key, its signature."""
    try:
        note = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong(path, f"the checkpoint cannot be read: {error}") from error
    encoded = base64.b64encode(root).decode()
    text = f"{about['origin']}\n{size}\n{encoded}\n"
    head = f"\n— {about['origin']} "
    if not note.startswith(text + head):
        raise Wrong(path, "its root is not the root over the log's lines", record=size)
    try:
        signed = base64.b64decode(note[len(text + head) :].strip(), validate=True)
    except ValueError as error:
        raise Wrong(path, "the signature is not base64", record=size) from error
    if about["suite"] != "ed25519-sha256":
        raise Wrong(path, f"this program cannot check signatures of suite {about['suite']}")
    ident = hashlib.sha256(about["origin"].encode() + b"\n\x01" + public).digest()[:4]
    if signed[:4] != ident or not ed25519(public, text.encode(), signed[4:]):
        raise Wrong(path, "the signature is wrong or of another key", record=size)


def read_about(folder: Path, key: str) -> tuple[dict[str, Any], bytes]:
    """(archive.json, public key)."""
    about = json.loads((folder / "archive.json").read_text(encoding="utf-8"))
    if key and key.lower() != about["public_key"]:
        raise Wrong(folder / "archive.json", "the public key is not the one given with --key")
    return about, bytes.fromhex(about["public_key"])


def check_log(
    folder: Path, about: dict[str, Any], public: bytes, anchors: list[str]
) -> list[dict[str, Any]]:
    """Log, checkpoints and anchors; returns the log's lines."""
    path = folder / "log.jsonl"
    data = path.read_bytes() if path.exists() else b""
    raw = data.split(b"\n")
    if raw.pop():
        raise Wrong(path, "the last line is torn", record=len(raw) + 1)
    tree = Growing(about["hash"])
    lines: list[dict[str, Any]] = []
    roots: list[bytes] = []
    for number, text in enumerate(raw, start=1):
        tree.add(leaf(about["hash"], text))
        roots.append(tree.root())
        try:
            line = json.loads(text)
            placed = line["number"] == number
        except (ValueError, KeyError, TypeError) as error:
            raise Wrong(path, f"line {number} cannot be read", record=number) from error
        if not placed:
            said = f"line {number} is entry {line['number']}"
            raise Wrong(path, said, record=number)
        check_note(folder / "checkpoints" / f"{number:06d}.txt", about, public, number, roots[-1])
        lines.append(line)
    signed = sorted(int(one.stem) for one in (folder / "checkpoints").glob("*.txt"))
    if signed and signed[-1] > len(lines):
        said = f"it has {len(lines)} lines, but a checkpoint of {signed[-1]} was signed"
        raise Wrong(path, said, record=len(lines) + 1)
    for number, anchor in enumerate(anchors, start=1):
        _, _, size, root = anchor.split()
        if int(size) > len(lines):
            said = f"it has {len(lines)} lines, anchor {number} was of {size}"
            raise Wrong(path, said, record=len(lines) + 1)
        if roots[int(size) - 1].hex() != root:
            raise Wrong(path, f"anchor {number} is not a root of this log", record=int(size))
    return lines


def frames(data: bytes) -> Iterator[tuple[int, bytes, str]]:
    """(offset, bytes, reason) of each frame; a reason ends it."""
    offset = 0
    while offset < len(data):
        head = data[offset : offset + 61]
        stop = offset + 61 + int.from_bytes(head[4:8], "little")
        if len(head) < 61 or head[:4] != b"QHJ1" or stop > len(data):
            yield offset, b"", "no whole frame stands here"
            return
        crc = zlib.crc32(data[offset + 61 : stop], zlib.crc32(head[:57]))
        good = crc == int.from_bytes(head[57:61], "little")
        yield offset, data[offset:stop], "" if good else "the checksum does not match"
        offset = stop


def records(path: Path, item: dict[str, Any]) -> Iterator[tuple[int, bytes, int, str]]:
    """(offset, leaf data, sequence number, reason) of each record of a file."""
    if not item["machine"]:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        text = f"file {item['path']} {path.stat().st_size} {digest.hexdigest()}\n"
        yield 0, text.encode(), 0, ""
        return
    head = f"frame {item['machine']}\n".encode()
    for offset, frame, reason in frames(path.read_bytes()):
        yield offset, head + frame, int.from_bytes(frame[8:16], "little"), reason


def check_entry(folder: Path, about: dict[str, Any], line: dict[str, Any]) -> None:
    """One entry against its line of the log."""
    name, place = about["hash"], folder / "entries" / line["folder"]
    try:
        data = (place / "manifest.json").read_bytes()
        held = (place / "leaves.bin").read_bytes()
    except OSError as error:
        raise Wrong(place, f"the entry is not whole: {error.strerror} {error.filename}") from error
    if hashlib.sha256(data).hexdigest() != line["manifest"]:
        raise Wrong(place / "manifest.json", "not the manifest that the log names")
    files = json.loads(data)["files"]
    width = hashlib.new(name).digest_size
    due = [held[at : at + width] for at in range(0, len(held), width)]
    tree, at = Growing(name), 0
    for one in due:
        tree.add(one)
    sound = tree.root().hex() == line["root"] and len(due) == line["leaves"]
    own = Growing(name)
    for item in files:
        path, first = place / item["path"], at
        if not path.is_file():
            raise Wrong(path, "the file is missing", record=at + 1)
        for offset, record, seq, reason in records(path, item):
            own.add(leaf(name, record))
            if sound and (at >= first + item["leaves"] or leaf(name, record) != due[at]):
                said = "is not the record that was archived" + (f" ({reason})" if reason else "")
                what = f"frame {at - first + 1} of the file" if item["machine"] else "the file"
                raise Wrong(path, f"{what} {said}", record=seq or at + 1, offset=offset)
            at += 1
        if sound and at != first + item["leaves"]:
            said = f"it ends after record {at - first}, {item['leaves']} were archived"
            raise Wrong(path, said, record=at - first + 1, offset=path.stat().st_size)
    if own.root().hex() != line["root"]:
        raise Wrong(place, "neither records nor leaves.bin have the root that the log names")
    if not sound:
        raise Wrong(place / "leaves.bin", "damaged; the records are whole")
    known = {item["path"] for item in files} | {"manifest.json", "leaves.bin"}
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.relative_to(place).as_posix() not in known:
            raise Wrong(path, "the entry has no such file")


def check_archive(folder: Path, key: str = "", anchors: list[str] | None = None) -> dict[str, Any]:
    """A whole archive; returns what was checked."""
    about, public = read_about(folder, key)
    lines = check_log(folder, about, public, anchors or [])
    for line in lines:
        check_entry(folder, about, line)
    known = {line["folder"] for line in lines}
    for path in sorted((folder / "entries").iterdir()):
        if path.name not in known:
            raise Wrong(path, "no line of the log has this entry")
    count = sum(line["leaves"] for line in lines)
    return {"entries": len(lines), "records": count, "origin": about["origin"]}


def check_package(folder: Path, key: str = "") -> dict[str, Any]:
    """An export package: every proof, and that the tables' rows stand in proved frames."""
    about, public = read_about(folder, key)
    size = json.loads((folder / "package.json").read_text(encoding="utf-8"))["size"]
    name: str = about["hash"]
    proved: dict[tuple[int, str, int], bytes] = {}
    files: list[tuple[str, str]] = []
    roots: set[bytes | None] = set()
    for number, text in enumerate((folder / "proofs.jsonl").read_text().splitlines(), start=1):
        proof = json.loads(text)
        data = base64.b64decode(proof["record"])
        line = json.loads(proof["line"])
        path = [bytes.fromhex(one) for one in proof["path"]]
        found = climb(name, leaf(name, data), proof["index"], line["leaves"], path)
        if found is None or found.hex() != line["root"]:
            raise Wrong(folder / "proofs.jsonl", f"proof {number} fails", record=number)
        up = [bytes.fromhex(one) for one in proof["log_path"]]
        top = leaf(name, proof["line"].encode())
        roots.add(climb(name, top, line["number"] - 1, size, up))
        head, _, rest = data.partition(b"\n")
        if head.startswith(b"frame "):
            machine = head[6:].decode()
            proved[line["number"], machine, int.from_bytes(rest[8:16], "little")] = rest
        else:
            files.append((proof["file"], head.split()[-1].decode()))
    for root in sorted(roots, key=str):
        if root is None:
            raise Wrong(folder / "proofs.jsonl", "a proof to the log fails")
        check_note(folder / "checkpoint.txt", about, public, size, root)
    for file, sha in files:
        if hashlib.sha256((folder / file).read_bytes()).hexdigest() != sha:
            raise Wrong(folder / file, "not the document that was archived")
    return {"proofs": len(proved) + len(files), "rows": check_rows(folder, proved)}


def check_rows(folder: Path, proved: dict[tuple[int, str, int], bytes]) -> int:
    """Each row's order, contract and trader must stand in the frame it names."""
    count = 0
    for name in ("orders.csv", "quotes.csv", "trades.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                frame = proved.get((int(row["entry"]), row["machine"], int(row["seq"])))
                if frame is None:
                    raise Wrong(folder / name, f"line {number} has no proof", record=number)
                sent = frame
                if name == "trades.csv" and row["sent_seq"] != "0":
                    place = (int(row["entry"]), row["machine"], int(row["sent_seq"]))
                    sent = proved.get(place, b"")
                said = [(row["client_id"], frame), (row["contract"], frame)]
                said += [(row["client_id"], sent), (row["trader"], sent)]
                for word, where in said:
                    if word.encode() not in where:
                        raise Wrong(folder / name, f"line {number}: {word} is not in its frame")
                count += 1
    return count


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Verify an archive or an export package.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", default="", help="public key in hex, from outside the archive")
    parser.add_argument("--anchors", type=Path, help="anchors kept outside the archive")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    anchors = given.anchors.read_text(encoding="utf-8").splitlines() if given.anchors else []
    try:
        if (given.folder / "package.json").exists():
            told = {"ok": True, **check_package(given.folder, given.key)}
        else:
            told = {"ok": True, **check_archive(given.folder, given.key, anchors)}
    except Wrong as wrong:
        told = {"ok": False, **wrong.told}
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = {"ok": False, "place": str(given.folder), "reason": f"cannot be read: {error}"}
    text = (
        json.dumps(told, ensure_ascii=False)
        if given.json
        else "\n".join(f"{name}: {value}" for name, value in told.items())
    )
    sys.stdout.write(text + "\n")
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
