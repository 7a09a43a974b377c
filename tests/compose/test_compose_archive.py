"""The archive of records: add, verify, tamper, find, export, restore, drill (S-01, T-07, O-02).

The verifier is run as an auditor runs it: the archive's own copy, alone, with the standard library.
"""

import ast
import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archive_world import DAY, A, B, Writer, authority, make_run
from compose_world import Run, call, one_line

from quanheng.authority.messages import Propose
from quanheng.compose import archive as records
from quanheng.compose import archive_drill, archive_export
from quanheng.edge import archive_files, archive_signing, verify_archive
from quanheng.edge.archive_files import Archive, ArchiveError
from quanheng.terms.commands import SetParameter, SignOn

SOURCE = Path(archive_files.__file__).parents[1]


def verified(archive: Path, *more: object) -> dict[str, Any]:
    """What the archive's own verifier says, in a bare interpreter."""
    command = [sys.executable, "-I", "-S", archive / "verify_archive.py", archive, "--json", *more]
    done = subprocess.run(
        [str(one) for one in command], check=False, capture_output=True, text=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1), done.stderr
    return told


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two days, documents and a register archived; tests damage copies."""
    root = tmp_path_factory.mktemp("archive")
    run, second = make_run(root), make_run(root, day=20240628, quotes=3, listed=(A,))
    forms, registers = root / "forms", root / "registers"
    for folder, text in ((forms, "附件1 申请表"), (registers, "协议登记")):
        folder.mkdir()
        (folder / "one.txt").write_text(text, encoding="utf-8")
    to = ("--to", root / "A", "--anchor", root / "outside.txt", "--json")
    for source, *more in (
        (run,), (second,), (forms, "--kind", "documents"), (registers, "--kind", "registers"),
    ):  # fmt: skip
        done = call("archive", "add", source, *to, "--by", "C01", *more)
        assert done.code == 0 and done.json["added"], done.err
    return root


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(kept / "A", tmp_path / "A")
    shutil.copy(kept / "A.key", tmp_path / "A.key")
    return tmp_path / "A"


def segment(archive: Path) -> Path:
    return next(archive.glob("entries/000001-*/content/journal/maker/*.seg"))


def rewritten(data: bytes) -> list[bytes]:
    return [frame for _, frame, _ in verify_archive.frames(data)]


def test_whole_archive_is_verified_alone(kept: Path) -> None:
    """Signatures, roots, every record; with the key and the anchors from outside."""
    about = json.loads((kept / "A" / "archive.json").read_bytes())
    told = verified(kept / "A", "--key", about["public_key"], "--anchors", kept / "outside.txt")
    lines = Archive(kept / "A").lines()
    assert told == {
        "ok": True, "entries": 4, "records": sum(line.leaves for line in lines),
        "origin": "quanheng/A",
    }  # fmt: skip
    assert lines[0].leaves > 100
    assert not verified(kept / "A", "--key", "00" * 32)["ok"]
    tree = ast.parse((kept / "A" / "verify_archive.py").read_bytes())
    used = {node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)}
    used |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in used} <= {*sys.stdlib_module_names}


def test_each_frame_flipped_is_named(copy: Path) -> None:
    """One bit anywhere in the maker's journal: the verifier names that frame (F05)."""
    path = segment(copy)
    whole, start = path.read_bytes(), 0
    archive = Archive(copy)
    line = archive.lines()[0]
    about = json.loads((copy / "archive.json").read_bytes())
    path.chmod(0o644)
    for number, frame in enumerate(rewritten(whole), start=1):
        for offset in {0, 5, 30, 60, len(frame) - 1}:
            data = bytearray(whole)
            data[start + offset] ^= 1 << number % 8
            path.write_bytes(data)
            with pytest.raises(verify_archive.Wrong) as caught:
                verify_archive.check_entry(copy, about, json.loads(archive.raw_lines()[0]))
            told = caught.value.told
            assert f"frame {number} of the file" in told["reason"], (number, offset, told)
            assert told["offset"] == start and told["place"] == str(path)
        start += len(frame)
    path.write_bytes(whole)
    verify_archive.check_entry(copy, about, json.loads(archive.raw_lines()[0]))
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
def test_a_forged_journal_is_caught_with_its_own_chain_whole(copy: Path, how: str) -> None:
    """The chain and checksums of a rewritten journal are right again; the tree still names it."""
    change, named = FORGED[how]
    path = segment(copy)
    frames = rewritten(path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(_rechained(change(frames)))
    told = verified(copy)
    due = named if named > 0 else len(frames) + 1 + (named or 0)
    assert not told["ok"] and told["place"].endswith(path.name)
    words = {"cut": "ends after record", "appended": f"frame {due}"}.get(how, f"frame {due} ")
    assert words in told["reason"], told


def _forge(copy: Path, how: str) -> str:
    """Damage the archive in one way; a word of the reason that is due."""
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755)
    return (
        _forge_log(copy, how)
        if how.split()[0] in ("log", "signature", "note")
        else (_forge_entry(copy, how))
    )


def _forge_entry(copy: Path, how: str) -> str:
    entries = copy / "entries"
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


def _forge_log(copy: Path, how: str) -> str:
    log, notes = copy / "log.jsonl", copy / "checkpoints"
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
def test_damage_is_named(copy: Path, how: str) -> None:
    """Tampered, truncated, reordered: what is said of each."""
    words = _forge(copy, how)
    told = verified(copy)
    assert not told["ok"]
    for word in words.split("|"):
        assert word in told["place"] + told["reason"], told
    assert call("archive", "verify", copy).code == 1


def test_only_anchors_outside_catch_a_clean_cut(copy: Path, kept: Path) -> None:
    """Log, checkpoint and entry of the last addition gone together: whole by itself, caught by the
    anchors kept elsewhere, and by those of a history signed anew with the right key.
    """
    lines = (copy / "log.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "log.jsonl").write_bytes(b"".join(lines[:-1]))
    (copy / "checkpoints" / "000004.txt").unlink()
    shutil.rmtree(next(copy.glob("entries/000004-*")))
    assert verified(copy)["ok"]
    told = verified(copy, "--anchors", kept / "outside.txt")
    assert "anchor 4 was of 4" in told["reason"] and told["record"] == 4
    other = copy.parent / "other"
    other.mkdir()
    (other / "x.txt").write_text("x", encoding="utf-8")
    assert call("archive", "add", other, "--to", copy).code == 0
    assert verified(copy)["ok"]
    told = verified(copy, "--anchors", kept / "outside.txt")
    assert "anchor 4 is not a root" in told["reason"]


def found(archive: Path, person: str, contract: str, *period: str) -> list[dict[str, Any]]:
    since, until = period or ("2024-06-27", "2024-06-28")
    asked = ("--by", person, "--from", since, "--to", until, "--json")
    done = call("archive", "find", archive, "--contract", contract, *asked)
    assert done.code == 0, done.err
    rows: list[dict[str, Any]] = done.json["rows"]
    return rows


def test_actions_of_a_person_on_a_contract(kept: Path) -> None:
    """Quotes under duty, entries by hand, fills, commands, proposals, refusals; on the contract,
    its underlying and on everything; from one time to another over days.
    """

    def seen(person: str, code: str, *period: str) -> list[tuple[str, str, str]]:
        rows = found(kept / "A", person, code, *period)
        return [(row["role"], row["kind"], row["scope"]) for row in rows]

    day = ("2024-06-27", "2024-06-27")
    ours = seen("T01", A, *day)
    assert ours.count(("on_duty", "Quote", A)) == 20 and ours.count(("on_duty", "Trade", A)) == 1
    assert ("by", "SignOn", "*") in ours and ("by", "SetParameter", "510050") in ours
    assert ("proposed", "SetParameter", "510050") in ours and len(ours) == 24
    assert len(seen("T01", A)) == 24 + 7
    assert seen("T01", B, "2024-06-27 09:30:43", "2024-06-27 09:30:45") == [
        ("on_duty", "Quote", B), ("on_duty", "Trade", B),
    ]  # fmt: skip
    assert seen("T02", B, *day) == [("entered", "Quote", B), ("entered", "Trade", B)]
    assert seen("T02", A, *day) == [("proposed", "SetParameter", A), ("by", "ManualCancel", A)]
    assert ("second", "SetParameter", "510050") in seen("R01", A, *day)
    assert ("seconded", "SetParameter", "510050") in seen("R01", A, *day)
    assert seen("F01", A, *day) == [("by", "Restrain", A)]
    assert seen("T09", A) == []
    whole = [row["entry"] for row in found(kept / "A", "T01", B) if row["scope"] == "*"]
    assert whole == [1]  # on the second day B was not listed any more
    assert len(seen("T01", "")) == 24 + 7 + 2 * 2


def test_index_is_built_anew_and_a_wrong_one_is_refused(copy: Path) -> None:
    """The index is no record: without it the question is refused, rebuilt it answers the same."""
    before = found(copy, "T01", A)
    (copy / "index.sqlite").unlink()
    asked = ("--by", "T01", "--from", "2024-06-27", "--to", "2024-06-28")
    one_line(call("archive", "find", copy, *asked), 3, "index")
    assert call("archive", "index", copy, "--json").json["entries"] == 4
    assert found(copy, "T01", A) == before
    path = next(copy.glob("entries/000001-*/tables/actions.parquet"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    one_line(call("archive", "find", copy, *asked), 3, "actions.parquet", "recorded")


def test_decisions_carry_what_became_of_them(kept: Path) -> None:
    """Proposals with their answer, refusals too."""
    from quanheng.edge.archive_tables import read_rows

    rows = read_rows(next((kept / "A").glob("entries/000001-*/tables/decisions.parquet")))
    told = [(r["machine"], r["kind"], r["by"], r["seconded_by"], r["outcome"]) for r in rows]
    assert ("authority", "SetParameter", "T01", "", "proposed: pending") in told
    assert ("authority", "SetParameter", "", "R01", "second: issued") in told
    assert ("authority", "SetParameter", "T02", "", "proposed: refused wrong_post") in told
    assert ("maker", "SetParameter", "T01", "R01", "in force") in told
    assert ("oversight", "Restrain", "F01", "", "by") in told


def test_export_package_proves_its_rows(kept: Path, tmp_path: Path) -> None:
    """Orders, quotes, trades with the trader, a named document; verified alone; a changed trader,
    price's order, document or proof is caught (guide chapter 9 四).
    """
    out = tmp_path / "P"
    asked = ("--from", "2024-06-27", "--to", "2024-06-27", "--document", "3:one.txt")
    done = call("archive", "export", kept / "A", *asked, "--out", out, "--json")
    assert done.code == 0, done.err
    counts = {name: done.json[name] for name in ("orders", "quotes", "trades", "documents")}
    assert counts == {"orders": 0, "quotes": 21, "trades": 2, "documents": 1}
    with (out / "trades.csv").open(encoding="utf-8", newline="") as file:
        trades = list(csv.DictReader(file))
    assert [(row["contract"], row["trader"], row["entered_by"]) for row in trades] == [
        (A, "T01", ""), (B, "T01", "T02"),
    ]  # fmt: skip
    assert verified(out)["rows"] == 23
    assert call("archive", "verify", out).code == 0
    changes = {
        "trades.csv": ("T01", "T07"), "quotes.csv": (B, "10000009"),
        "documents/000003/one.txt": ("申请", "申诉"), "proofs.jsonl": ('"path":["', '"path":["00'),
        "checkpoint.txt": ("\n4\n", "\n5\n"),
    }  # fmt: skip
    for name, (old, new) in changes.items():
        text = (out / name).read_text(encoding="utf-8")
        (out / name).write_text(text.replace(old, new), encoding="utf-8")
        assert text != text.replace(old, new) and not verified(out)["ok"], name
        (out / name).write_text(text, encoding="utf-8")
    assert verified(out)["ok"]
    one_line(call("archive", "export", kept / "A", *asked, "--out", out), 3, "there already")
    bad = ("--document", "9:x", "--out", tmp_path / "Q")
    one_line(call("archive", "export", kept / "A", *asked, *bad), 3, "ENTRY:PATH")


def test_nothing_is_exported_that_was_changed(copy: Path, tmp_path: Path) -> None:
    """A frame that is no longer the archived one cannot leave with a proof."""
    path = segment(copy)
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"M001000003", b"M001000004"))
    asked = ("--from", "2024-06-27", "--to", "2024-06-27", "--out", tmp_path / "P")
    one_line(call("archive", "export", copy, *asked), 3, "is not what was archived")


def test_proofs_by_command(kept: Path) -> None:
    """A frame, a file, and that today's log continues an earlier one."""
    proof = call("archive", "prove", kept / "A", "--entry", 1, "--frame", "maker:5").json
    path = [bytes.fromhex(one) for one in proof["path"]]
    import base64

    leaf = verify_archive.leaf("sha256", base64.b64decode(proof["record"]))
    line = json.loads(proof["line"])
    root = verify_archive.climb("sha256", leaf, proof["index"], line["leaves"], path)
    assert root is not None and root.hex() == line["root"]
    assert call("archive", "prove", kept / "A", "--since", 2).json["path"]
    one_line(call("archive", "prove", kept / "A", "--entry", 1, "--frame", "maker:99999"), 3, "no")
    one_line(call("archive", "prove", kept / "A", "--entry", 1), 2, "--frame or --file")
    one_line(call("archive", "prove", kept / "A", "--since", 9), 2, "4 lines")


def test_a_rewritten_log_does_not_continue(copy: Path) -> None:
    """An old checkpoint against a log that was written anew behind it."""
    lines = (copy / "log.jsonl").read_bytes()
    (copy / "log.jsonl").write_bytes(lines.replace(b"C01", b"C02", 1))
    prover = archive_export.Prover(Archive(copy))
    with pytest.raises(ArchiveError, match="does not continue that of 2"):
        prover.growth(2)


def test_restore_gives_the_day_back(kept: Path, tmp_path: Path) -> None:
    """Every byte of the run, its journal's locks and the receipt apart."""
    out = tmp_path / "back"
    assert call("archive", "restore", kept / "A", "--entry", 1, "--out", out).code == 0
    run = kept / f"{DAY}-calm-s1"
    names = [one.relative_to(run) for one in sorted(run.rglob("*")) if one.is_file()]
    names = [one for one in names if one.name not in records.NOT_RECORDS]
    assert len(names) == 5
    assert all((out / one).read_bytes() == (run / one).read_bytes() for one in names)
    assert call("verify", out).code == 0
    one_line(call("archive", "restore", kept / "A", "--entry", 1, "--out", out), 3, "already")
    one_line(call("archive", "restore", kept / "A", "--entry", 9, "--out", out), 3, "no entry 9")


def test_drill_files_its_record_and_the_archive_is_complete(copy: Path, kept: Path) -> None:
    """Days, authority data, filed documents, registers and drill records are all inside (S-01)."""
    before = call("archive", "status", copy, "--json").json
    assert before["missing"] == ["drill"]
    assert before["held"] == {"run": 2, "authority": 2, "documents": 1, "registers": 1}
    done = call(
        "archive", "drill", copy, "--by", "O01", "--anchors", kept / "outside.txt", "--json"
    )
    assert done.code == 0 and done.json["restore"]["name"] == "20240628-calm-s1", done.err
    after = call("archive", "status", copy, "--json").json
    assert after["missing"] == [] and after["entries"] == 5
    filed = json.loads(next(copy.glob("entries/000005-*/content/drill.json")).read_bytes())
    assert filed["ok"] and filed["by"] == "O01" and len(filed["restore"]["machines"]) == 3
    inside = {path.name for path in copy.glob("entries/*/content/**/*") if path.is_file()}
    assert {"run.json", "one.txt", "drill.json", "profit.csv"} <= inside
    assert len(list(copy.glob("entries/*/content/journal/authority/*.seg"))) == 2
    assert verified(copy)["ok"]


def test_a_drill_on_a_damaged_archive_fails_and_adds_nothing(copy: Path) -> None:
    """Nothing is signed on top of damage."""
    path = segment(copy)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    done = call("archive", "drill", copy, "--by", "O01", "--json")
    assert done.code == 1 and not done.json["ok"] and "frame 96 of" in done.json["verify"]["reason"]
    assert len(Archive(copy).lines()) == 4


def test_later_reports_and_a_growing_journal_come_as_further_entries(
    copy: Path, kept: Path, tmp_path: Path
) -> None:
    """Nothing twice, nothing over: a report issued later, an authority that goes on, are added; a
    journal that is another one or shorter is refused.
    """
    run = tmp_path / f"{DAY}-calm-s1"
    shutil.copytree(kept / run.name, run)
    assert not call("archive", "add", run, "--to", copy, "--json").json["added"]
    (run / "reports" / "daily.md").write_text("# 日报\n", encoding="utf-8")
    more = call("archive", "add", run, "--to", copy, "--json").json
    assert more["records"] == 1 and more["entry"] == 5
    firm, folder = tmp_path / "firm", ("--to", copy, "--json")
    authority(firm, DAY)
    shutil.copytree(firm, tmp_path / "short" / "firm")
    assert call("archive", "add", firm, *folder, "--day", "2024-06-28").json["entry"] == 6
    more_of = Writer(firm, "authority", DAY)
    command = SetParameter(A, "edge", 7, "T01")
    more_of.step(Propose(3, "maker", command, "T01"))
    more_of.journal.close()
    assert call("archive", "add", firm, *folder).json["entry"] == 7
    rows = [row for row in found(copy, "T01", A, "2024-06-27", "2024-06-27") if row["entry"] > 5]
    assert sorted((row["entry"], row["seq"]) for row in rows) == [(6, 3), (7, 9)]
    one_line(call("archive", "add", tmp_path / "short" / "firm", *folder), 3, "ends at 8, before 10")
    other = Writer(tmp_path / "other" / "firm", "authority", 20240628)
    for _ in range(6):
        other.step(Propose(3, "maker", command, "T01"))
    other.journal.close()
    one_line(call("archive", "add", tmp_path / "other" / "firm", *folder), 3, "not the one")
    assert verified(copy)["entries"] == 7


def test_a_journal_of_another_version_is_named(copy: Path, tmp_path: Path) -> None:
    """Its rows could be read wrong: the frame is named, nothing is added."""
    odd = Writer(tmp_path / "odd", "authority", DAY)
    odd.step(SignOn("trader", "T05", True))  # no input of an authority
    odd.journal.close()
    done = call("archive", "add", tmp_path / "odd", "--to", copy)
    one_line(done, 3, "authority frame 1", "another version")
    assert len(Archive(copy).lines()) == 4


def test_what_is_not_taken(copy: Path, kept: Path, tmp_path: Path) -> None:
    """A day that has not ended, was cut at its head, was changed or is a link: the log stays."""

    def asked(name: str, *words: str) -> None:
        one_line(call("archive", "add", tmp_path / name, "--to", copy), 3, *words)
        assert len(Archive(copy).lines()) == 4

    for name in ("open", "damaged", "other", "link", "head"):
        shutil.copytree(kept / f"{DAY}-calm-s1", tmp_path / name)
    info = tmp_path / "open" / "run.json"
    info.write_text(info.read_text().replace("ended", "running"), encoding="utf-8")
    asked("open", "has not ended")
    path = next((tmp_path / "damaged").glob("journal/maker/*.seg"))
    path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    asked("damaged", "maker", "frame 96", "CRC-32")
    path = tmp_path / "other" / "run.json"
    path.write_text(path.read_text().replace('"maker": "', '"maker": "00'), encoding="utf-8")
    asked("other", "maker", "run.json says")
    (tmp_path / "link" / "reports" / "x").symlink_to("/etc/hosts")
    asked("link", "a link")
    path = next((tmp_path / "head").glob("journal/maker/*.seg"))
    tail = b"".join(rewritten(path.read_bytes())[4:])
    path.unlink()
    path.with_name(f"{5:016d}.seg").write_bytes(tail)
    asked("head", "maker", "begins with frame 5")
    (tmp_path / "empty").mkdir()
    asked("empty", "not a folder with files")
    one_line(call("archive", "add", tmp_path / "none", "--to", copy), 2, "not a folder")
    given = ("--to", copy, "--key", tmp_path / "none.key")
    one_line(call("archive", "add", kept / "forms", *given), 3, "none.key")
    other = tmp_path / "other.key"
    other.write_bytes(archive_signing.SUITES[archive_signing.DEFAULT].make_key())
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "x").write_bytes(b"x")
    one_line(call("archive", "add", tmp_path / "new", "--to", copy, "--key", other), 3, "key")


def test_a_kill_between_log_and_signature_is_mended(copy: Path, tmp_path: Path) -> None:
    """The next addition signs first what a kill left unsigned; a torn copy is finished."""
    (copy / "checkpoints" / "000004.txt").unlink()
    assert not verified(copy)["ok"]
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "x.txt").write_text("x", encoding="utf-8")
    left = copy / "entries" / "000005-other"
    left.mkdir()
    one_line(call("archive", "add", tmp_path / "late", "--to", copy), 3, "cut off")
    left.rename(copy / "entries" / "000005-late")
    assert call("archive", "add", tmp_path / "late", "--to", copy).code == 0
    assert verified(copy)["ok"] and verified(copy)["entries"] == 5


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
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole archive on SM3 with a signer of one's own; the verifier says what it cannot check."""
    monkeypatch.setitem(archive_signing.SUITES, "sm", Sm())
    key, folder = tmp_path / "slot", tmp_path / "A"
    records.begin(folder, key, "desk/sm", "sm")
    archive = Archive(folder)
    line, _ = records.add(archive, kept / f"{DAY}-calm-s1", key.read_bytes())
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


def test_term_is_at_least_twenty_years(kept: Path) -> None:
    """A leap day's term too; the archive says it."""
    line = Archive(kept / "A").lines()[0]
    assert records.keep_until(line, archive_files.RETENTION_YEARS) == 20440628
    import msgspec

    leap = msgspec.structs.replace(line, day=20240229)
    assert records.keep_until(leap, 21) == 20450301
    assert call("archive", "status", kept / "A", "--json").json["kept_at_least_until"] >= (
        "2044-06-28"
    )


def test_a_simulated_day_is_archived_whole(day_run: Run, tmp_path: Path) -> None:
    """A day of the whole system: every request of its journal is a row, the daily report's paper
    carries the root.
    """
    run = tmp_path / day_run.folder.name
    shutil.copytree(day_run.folder, run)
    done = call("archive", "add", run, "--to", tmp_path / "A", "--json")
    assert done.code == 0, done.err
    assert verified(tmp_path / "A")["records"] == done.json["records"]
    asked = ("--from", "2024-06-27", "--to", "2024-06-27", "--out", tmp_path / "P", "--json")
    told = call("archive", "export", tmp_path / "A", *asked).json
    data = next(run.glob("journal/maker/*.seg")).read_bytes()
    assert told["quotes"] > 100 and data.count(b"\xa4send") > 50
    assert verified(tmp_path / "P")["rows"] == told["orders"] + told["quotes"] + told["trades"]
    receipt = (run / "reports" / "archive.csv").read_text(encoding="utf-8")
    assert done.json["root"] in receipt
