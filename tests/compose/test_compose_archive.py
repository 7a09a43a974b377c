"""The archive under damage: what the verifier names, alone (S-01).

It is run as an auditor runs it: the archive's own copy, with the standard library only.
"""

import ast
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_world import DAY, rewritten, segment, verified
from compose_world import call

from quanheng.compose import archive as records
from quanheng.compose import archive_drill, archive_export
from quanheng.edge import archive_files, archive_signing, verify_archive
from quanheng.edge.archive_files import Archive

SOURCE = Path(archive_files.__file__).parents[1]


def test_whole_archive_is_verified_alone(archived: Path) -> None:
    """Signatures, roots, every record; with the key and the anchors from outside."""
    about = json.loads((archived / "A" / "archive.json").read_bytes())
    told = verified(
        archived / "A", "--key", about["public_key"], "--anchors", archived / "outside.txt"
    )
    lines = Archive(archived / "A").lines()
    assert told == {
        "ok": True, "entries": 4, "records": sum(line.leaves for line in lines),
        "origin": "quanheng/A",
    }  # fmt: skip
    assert lines[0].leaves > 100
    assert not verified(archived / "A", "--key", "00" * 32)["ok"]
    tree = ast.parse((archived / "A" / "verify_archive.py").read_bytes())
    used = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
    used |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in used} <= {*sys.stdlib_module_names}


def test_each_frame_flipped_is_named(archive_copy: Path) -> None:
    """One bit anywhere in the maker's journal: the verifier names that frame (F05)."""
    path = segment(archive_copy)
    whole, start = path.read_bytes(), 0
    archive = Archive(archive_copy)
    line = archive.lines()[0]
    about = json.loads((archive_copy / "archive.json").read_bytes())
    path.chmod(0o644)
    for number, frame in enumerate(rewritten(whole), start=1):
        for offset in {0, 5, 30, 60, len(frame) - 1}:
            data = bytearray(whole)
            data[start + offset] ^= 1 << number % 8
            path.write_bytes(data)
            with pytest.raises(verify_archive.Wrong) as caught:
                verify_archive.check_entry(archive_copy, about, json.loads(archive.raw_lines()[0]))
            told = caught.value.told
            assert f"frame {number} of the file" in told["reason"], (number, offset, told)
            assert told["offset"] == start and told["place"] == str(path)
        start += len(frame)
    path.write_bytes(whole)
    verify_archive.check_entry(archive_copy, about, json.loads(archive.raw_lines()[0]))
    assert line.number == 1


def _rechained(frames: list[bytes]) -> bytes:
    """Frames with numbers, chain and checksums made good again: a forger who knows the format."""
    from quanheng.runtime.journal import ChainedWriter, parse_frame

    writer, out = ChainedWriter("maker"), b""
    for data in frames:
        frame = parse_frame(data, 0)
        writer.durable_seq = frame.durable_seq
        out += b"".join(writer.next_frame(frame.kind, frame.payload))
    return out


FORGED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "deleted": (lambda f: [*f[:9], *f[10:]], 10),
    "inserted": (lambda f: [*f[:9], f[0], *f[9:]], 10),
    "reordered": (lambda f: [*f[:9], f[10], f[9], *f[11:]], 10),
    "cut": (lambda f: f[:-4], -3),
    "appended": (lambda f: [*f, f[3]], 0),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_journal_is_caught_with_its_own_chain_whole(archive_copy: Path, how: str) -> None:
    """The chain and checksums of a rewritten journal are right again; the tree still names it."""
    change, named = FORGED[how]
    path = segment(archive_copy)
    frames = rewritten(path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(_rechained(change(frames)))
    told = verified(archive_copy)
    due = named if named > 0 else len(frames) + 1 + (named or 0)
    assert not told["ok"] and told["place"].endswith(path.name)
    words = {"cut": "ends after record", "appended": f"frame {due}"}.get(how, f"frame {due} ")
    assert words in told["reason"], told


def _forge(archive_copy: Path, how: str) -> str:
    """Damage the archive in one way; a word of the reason that is due."""
    for path in (archive_copy, *archive_copy.rglob("*")):
        path.chmod(0o755)
    return (
        _forge_log(archive_copy, how)
        if how.split()[0] in ("log", "signature", "note")
        else (_forge_entry(archive_copy, how))
    )


def _forge_entry(archive_copy: Path, how: str) -> str:
    entries = archive_copy / "entries"
    first, third = sorted(entries.iterdir())[0], sorted(entries.iterdir())[2]
    match how:
        case "file":
            (third / "content" / "one.txt").write_text("附件1 申请书", encoding="utf-8")
            return "the file is not the record"
        case "file missing":
            (third / "content" / "one.txt").unlink()
            return "missing"
        case "file added":
            (third / "content" / "two.txt").write_text("", encoding="utf-8")
            return "has no such file"
        case "entry gone":
            shutil.rmtree(third)
            return "not whole"
        case "entry added":
            (entries / "000009-x").mkdir()
            return "no line of the log"
        case "manifest":
            (first / "manifest.json").write_bytes(b"{}")
            return "not the manifest"
        case "leaves":
            data = bytearray((first / "leaves.bin").read_bytes())
            data[40] ^= 1
            (first / "leaves.bin").write_bytes(data)
            return "leaves.bin|records are whole"
        case "table":
            path = first / "tables" / "trades.parquet"
            path.write_bytes(path.read_bytes()[::-1])
            return "trades.parquet"
    raise AssertionError(how)


def _forge_log(archive_copy: Path, how: str) -> str:
    log, notes = archive_copy / "log.jsonl", archive_copy / "checkpoints"
    lines = log.read_bytes().splitlines(keepends=True)
    match how:
        case "log line":
            log.write_bytes(b"".join(lines).replace(b'"by":"C01"', b'"by":"C02"', 2))
            return "root over"
        case "log order":
            log.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
            return "line 1 is entry 2"
        case "log cut":
            log.write_bytes(b"".join(lines[:-1]))
            return "a checkpoint of 4 was signed"
        case "log torn":
            log.write_bytes(b"".join(lines)[:-1])
            return "torn"
        case "signature":
            path = notes / "000002.txt"
            text = path.read_text(encoding="utf-8")
            path.write_text(text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:], "utf-8")
            return "signature is wrong"
        case "note gone":
            (notes / "000003.txt").unlink()
            return "cannot be read"
    raise AssertionError(how)


@pytest.mark.parametrize(
    "how",
    ["file", "file missing", "file added", "entry gone", "entry added", "manifest", "leaves",
     "table", "log line", "log order", "log cut", "log torn", "signature", "note gone"],
)  # fmt: skip
def test_damage_is_named(archive_copy: Path, how: str) -> None:
    """Tampered, truncated, reordered: what is said of each."""
    words = _forge(archive_copy, how)
    told = verified(archive_copy)
    assert not told["ok"]
    for word in words.split("|"):
        assert word in told["place"] + told["reason"], told
    assert call("archive", "verify", archive_copy).code == 1


def test_only_anchors_outside_catch_a_clean_cut(archive_copy: Path, archived: Path) -> None:
    """Log, checkpoint and entry of the last addition gone together: whole by itself, caught by the
    anchors kept elsewhere, and by those of a history signed anew with the right key.
    """
    lines = (archive_copy / "log.jsonl").read_bytes().splitlines(keepends=True)
    (archive_copy / "log.jsonl").write_bytes(b"".join(lines[:-1]))
    (archive_copy / "checkpoints" / "000004.txt").unlink()
    shutil.rmtree(next(archive_copy.glob("entries/000004-*")))
    assert verified(archive_copy)["ok"]
    told = verified(archive_copy, "--anchors", archived / "outside.txt")
    assert "anchor 4 was of 4" in told["reason"] and told["record"] == 4
    other = archive_copy.parent / "other"
    other.mkdir()
    (other / "x.txt").write_text("x", encoding="utf-8")
    assert call("archive", "add", other, "--to", archive_copy).code == 0
    assert verified(archive_copy)["ok"]
    told = verified(archive_copy, "--anchors", archived / "outside.txt")
    assert "anchor 4 is not a root" in told["reason"]


class Sm:
    """A stand-in for a suite of a hardware module: SM3 trees, a keyed SM3 as its signature."""

    hash_name = "sm3"
    kind = 0x7E

    def make_key(self) -> bytes:
        return b"slot 1"

    def public(self, key: bytes) -> bytes:
        return b"public of " + key

    def sign(self, key: bytes, message: bytes) -> bytes:
        import hashlib

        return hashlib.new("sm3", self.public(key) + message).digest()

    def good(self, public: bytes, message: bytes, signature: bytes) -> bool:
        import hashlib

        return hashlib.new("sm3", public + message).digest() == signature


def test_another_suite_is_one_entry_in_a_table(
    archived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole archive on SM3 with a signer of one's own; the verifier says what it cannot check."""
    monkeypatch.setitem(archive_signing.SUITES, "sm", Sm())
    key, folder = tmp_path / "slot", tmp_path / "A"
    records.begin(folder, key, "desk/sm", "sm")
    archive = Archive(folder)
    line, _ = records.add(archive, archived / f"{DAY}-calm-s1", key.read_bytes())
    assert line is not None and archive.about.hash == "sm3"
    assert archive_drill.restore(archive, 1, tmp_path / "back").leaves == line.leaves
    proof = archive_export.Prover(archive).records(line, {("maker", 5)}, set())
    assert len(proof) == 1
    assert "signatures of suite sm" in verified(folder)["reason"]
    with pytest.raises(archive_signing.SigningError, match="unknown suite 'sm9'"):
        archive_signing.suite_of("sm9")


def test_ed25519_of_the_verifier_is_the_standard() -> None:
    """RFC 8032 7.1 tests 1 to 3, forged ones, and signatures of the library."""
    vectors = (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    )  # fmt: skip
    suite = archive_signing.SUITES[archive_signing.DEFAULT]
    for public, message, signature in vectors:
        parts = [bytes.fromhex(one) for one in (public, message, signature)]
        assert verify_archive.ed25519(*parts) and suite.good(*parts)
        for place in range(3):
            wrong = [bytearray(one) for one in parts]
            if wrong[place]:
                wrong[place][0] ^= 1
                assert not verify_archive.ed25519(*map(bytes, wrong))
    key = suite.make_key()
    for number in range(5):
        message = b"%d" % number
        assert verify_archive.ed25519(suite.public(key), message, suite.sign(key, message))


DELETING = ("unlink", "rmtree", "remove", "rmdir", "truncate", "rename", "removedirs")


def test_there_is_no_way_to_delete() -> None:
    """No verb, no call: twenty years are a floor (S-01)."""
    from quanheng.compose.archive_cli import archive

    verbs = {"add", "status", "find", "export", "verify", "prove", "index", "restore", "drill"}
    assert set(archive.commands) == verbs
    files = [*SOURCE.glob("compose/archive*.py"), *SOURCE.glob("edge/*archive*.py")]
    assert len(files) >= 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_bytes())):
            name = getattr(node, "attr", "") or getattr(node, "id", "")
            assert name not in DELETING, f"{path}: {name}"
    sql = (SOURCE / "edge" / "archive_index.py").read_text(encoding="utf-8").upper()
    assert "DELETE" not in sql and "DROP" not in sql


def test_f01_a_torn_line_of_the_log_stops_no_addition(archive_copy: Path, tmp_path: Path) -> None:
    """A crash in the middle of the line: nobody was told and nothing was signed, so it goes and the
    addition is made again. A torn line that was signed was whole once: nothing is added to that.
    """
    source, log = tmp_path / "late", archive_copy / "log.jsonl"
    source.mkdir()
    (source / "x.txt").write_text("x", encoding="utf-8")
    assert call("archive", "add", source, "--to", archive_copy).code == 0
    whole = log.read_bytes()
    log.write_bytes(whole[:-9])
    refused = call("archive", "add", source, "--to", archive_copy)
    assert refused.code == 3 and "was signed when it was whole" in refused.err
    (archive_copy / "checkpoints" / "000005.txt").unlink()
    anchors = archive_copy / "anchors.txt"
    anchors.write_bytes(b"".join(anchors.read_bytes().splitlines(keepends=True)[:-1]))
    assert call("archive", "add", source, "--to", archive_copy).code == 0
    lines = log.read_bytes().splitlines()
    assert len(lines) == 5 and lines[:4] == whole.splitlines()[:4]
    assert verified(archive_copy)["ok"] and verified(archive_copy)["entries"] == 5
