"""The archive in use: add, find, export, prove, restore, drill (S-01, T-07, O-02)."""

import contextlib
import csv
import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from archive_world import DAY, A, B, Writer, authority, rewritten, segment, verified
from compose_world import Run, call, one_line

from quanheng.authority.messages import Propose
from quanheng.compose import archive as records
from quanheng.compose import archive_export
from quanheng.edge import archive_files, archive_signing, verify_archive
from quanheng.edge.archive_files import Archive, ArchiveError
from quanheng.edge.archive_index import INDEX
from quanheng.terms.commands import SetParameter, SignOn


def found(archive: Path, person: str, contract: str, *period: str) -> list[dict[str, Any]]:
    since, until = period or ("2024-06-27", "2024-06-28")
    asked = ("--by", person, "--from", since, "--to", until, "--json")
    done = call("archive", "find", archive, "--contract", contract, *asked)
    assert done.code == 0, done.err
    rows: list[dict[str, Any]] = done.json["rows"]
    return rows


def test_actions_of_a_person_on_a_contract(archived: Path) -> None:
    """Quotes under duty, entries by hand, fills, commands, proposals, refusals; on the contract,
    its underlying and on everything; from one time to another over days.
    """

    def seen(person: str, code: str, *period: str) -> list[tuple[str, str, str]]:
        rows = found(archived / "A", person, code, *period)
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
    whole = [row["entry"] for row in found(archived / "A", "T01", B) if row["scope"] == "*"]
    assert whole == [1]  # on the second day B was not listed any more
    assert len(seen("T01", "")) == 24 + 7 + 2 * 2


def test_index_is_built_anew_and_a_wrong_one_is_refused(archive_copy: Path) -> None:
    """The index is no record: without it the question is refused, rebuilt it answers the same."""
    before = found(archive_copy, "T01", A)
    index = archive_copy / INDEX
    index.write_bytes(b"damaged" * 1000)
    one_line(call("archive", "index", archive_copy), 3, "archive index", "no record")
    index.unlink()
    asked = ("--by", "T01", "--from", "2024-06-27", "--to", "2024-06-28")
    one_line(call("archive", "find", archive_copy, *asked), 3, "index")
    assert call("archive", "index", archive_copy, "--json").json["entries"] == 4
    assert found(archive_copy, "T01", A) == before
    path = next(archive_copy.glob("entries/000001-*/tables/actions.parquet"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    one_line(call("archive", "find", archive_copy, *asked), 3, "actions.parquet", "recorded")


def test_decisions_carry_what_became_of_them(archived: Path) -> None:
    """Proposals with their answer, refusals too."""
    from quanheng.edge.archive_tables import read_rows

    rows = read_rows(next((archived / "A").glob("entries/000001-*/tables/decisions.parquet")))
    told = [(r["machine"], r["kind"], r["by"], r["seconded_by"], r["outcome"]) for r in rows]
    assert ("authority", "SetParameter", "T01", "", "proposed: pending") in told
    assert ("authority", "SetParameter", "", "R01", "second: issued") in told
    assert ("authority", "SetParameter", "T02", "", "proposed: refused wrong_post") in told
    assert ("maker", "SetParameter", "T01", "R01", "in force") in told
    assert ("oversight", "Restrain", "F01", "", "by") in told


def test_export_package_proves_its_rows(archived: Path, tmp_path: Path) -> None:
    """Orders, quotes, trades with the trader, a named document; verified alone; a changed trader,
    price's order, document or proof is caught (guide chapter 9 四).
    """
    out = tmp_path / "P"
    asked = ("--from", "2024-06-27", "--to", "2024-06-27", "--document", "3:one.txt")
    done = call("archive", "export", archived / "A", *asked, "--out", out, "--json")
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
    one_line(call("archive", "export", archived / "A", *asked, "--out", out), 3, "there already")
    bad = ("--document", "9:x", "--out", tmp_path / "Q")
    one_line(call("archive", "export", archived / "A", *asked, *bad), 3, "ENTRY:PATH")


def test_nothing_is_exported_that_was_changed(archive_copy: Path, tmp_path: Path) -> None:
    """A frame that is no longer the archived one cannot leave with a proof."""
    path = segment(archive_copy)
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"M001000003", b"M001000004"))
    asked = ("--from", "2024-06-27", "--to", "2024-06-27", "--out", tmp_path / "P")
    one_line(call("archive", "export", archive_copy, *asked), 3, "is not what was archived")


def test_proofs_by_command(archived: Path) -> None:
    """A frame, a file, and that today's log continues an earlier one."""
    proof = call("archive", "prove", archived / "A", "--entry", 1, "--frame", "maker:5").json
    path = [bytes.fromhex(one) for one in proof["path"]]
    import base64

    leaf = verify_archive.leaf("sha256", base64.b64decode(proof["record"]))
    line = json.loads(proof["line"])
    root = verify_archive.climb("sha256", leaf, proof["index"], line["leaves"], path)
    assert root is not None and root.hex() == line["root"]
    assert call("archive", "prove", archived / "A", "--since", 2).json["path"]
    one_line(
        call("archive", "prove", archived / "A", "--entry", 1, "--frame", "maker:99999"), 3, "no"
    )
    one_line(call("archive", "prove", archived / "A", "--entry", 1), 2, "--frame or --file")
    one_line(call("archive", "prove", archived / "A", "--since", 9), 2, "4 lines")


def test_a_rewritten_log_does_not_continue(archive_copy: Path) -> None:
    """An old checkpoint against a log that was written anew behind it."""
    lines = (archive_copy / "log.jsonl").read_bytes()
    (archive_copy / "log.jsonl").write_bytes(lines.replace(b"C01", b"C02", 1))
    prover = archive_export.Prover(Archive(archive_copy))
    with pytest.raises(ArchiveError, match="does not continue that of 2"):
        prover.growth(2)


def test_restore_gives_the_day_back(archived: Path, tmp_path: Path) -> None:
    """Every byte of the run, its journal's locks and the receipt apart."""
    out = tmp_path / "back"
    assert call("archive", "restore", archived / "A", "--entry", 1, "--out", out).code == 0
    run = archived / f"{DAY}-calm-s1"
    names = [one.relative_to(run) for one in sorted(run.rglob("*")) if one.is_file()]
    names = [one for one in names if one.name not in records.NOT_RECORDS]
    assert len(names) == 5
    assert all((out / one).read_bytes() == (run / one).read_bytes() for one in names)
    assert call("verify", out).code == 0
    one_line(call("archive", "restore", archived / "A", "--entry", 1, "--out", out), 3, "already")
    one_line(
        call("archive", "restore", archived / "A", "--entry", 9, "--out", out), 3, "no entry 9"
    )


def test_drill_files_its_record_and_the_archive_is_complete(
    archive_copy: Path, archived: Path
) -> None:
    """Days, authority data, filed documents, registers and drill records are all inside (S-01)."""
    before = call("archive", "status", archive_copy, "--json").json
    assert before["missing"] == ["drill"]
    assert before["held"] == {"run": 2, "authority": 2, "documents": 1, "registers": 1}
    done = call(
        "archive",
        "drill",
        archive_copy,
        "--by",
        "O01",
        "--anchors",
        archived / "outside.txt",
        "--json",
    )
    assert done.code == 0 and done.json["restore"]["name"] == "20240628-calm-s1", done.err
    after = call("archive", "status", archive_copy, "--json").json
    assert after["missing"] == [] and after["entries"] == 5
    filed = json.loads(next(archive_copy.glob("entries/000005-*/content/drill.json")).read_bytes())
    assert (
        filed["ok"]
        and filed["index"]
        and filed["by"] == "O01"
        and len(filed["restore"]["machines"]) == 3
    )
    inside = {path.name for path in archive_copy.glob("entries/*/content/**/*") if path.is_file()}
    assert {"run.json", "one.txt", "drill.json", "profit.csv"} <= inside
    assert len(list(archive_copy.glob("entries/*/content/journal/authority/*.seg"))) == 2
    assert verified(archive_copy)["ok"]


def test_a_drill_finds_an_index_that_hides_actions(archive_copy: Path) -> None:
    """The archive is whole, a row of the index is gone: failed, and that is on record."""
    with contextlib.closing(sqlite3.connect(archive_copy / INDEX)) as file, file:
        file.execute("DELETE FROM span WHERE person = 'T02'")
    done = call("archive", "drill", archive_copy, "--by", "O01", "--json")
    assert done.code == 1 and done.json["verify"]["ok"] and not done.json["index"]
    filed = json.loads(next(archive_copy.glob("entries/000005-*/content/drill.json")).read_bytes())
    assert not filed["ok"] and not filed["index"]


def test_a_drill_on_a_damaged_archive_fails_and_adds_nothing(archive_copy: Path) -> None:
    """Nothing is signed on top of damage."""
    path = segment(archive_copy)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    done = call("archive", "drill", archive_copy, "--by", "O01", "--json")
    assert done.code == 1 and not done.json["ok"] and "frame 96 of" in done.json["verify"]["reason"]
    assert len(Archive(archive_copy).lines()) == 4


def test_later_reports_and_a_growing_journal_come_as_further_entries(
    archive_copy: Path, archived: Path, tmp_path: Path
) -> None:
    """Nothing twice, nothing over: a report issued later, an authority that goes on, are added; a
    journal that is another one or shorter is refused.
    """
    run = tmp_path / f"{DAY}-calm-s1"
    shutil.copytree(archived / run.name, run)
    assert not call("archive", "add", run, "--to", archive_copy, "--json").json["added"]
    (run / "reports" / "daily.md").write_text("# 日报\n", encoding="utf-8")
    more = call("archive", "add", run, "--to", archive_copy, "--json").json
    assert more["records"] == 1 and more["entry"] == 5
    firm, folder = tmp_path / "firm", ("--to", archive_copy, "--json")
    authority(firm, DAY)
    shutil.copytree(firm, tmp_path / "short" / "firm")
    assert call("archive", "add", firm, *folder, "--day", "2024-06-28").json["entry"] == 6
    more_of = Writer(firm, "authority", DAY)
    command = SetParameter(A, "edge", 7, "T01")
    more_of.step(Propose(3, "maker", command, "T01"))
    more_of.journal.close()
    assert call("archive", "add", firm, *folder).json["entry"] == 7
    rows = [
        row for row in found(archive_copy, "T01", A, "2024-06-27", "2024-06-27") if row["entry"] > 5
    ]
    assert sorted((row["entry"], row["seq"]) for row in rows) == [(6, 3), (7, 9)]
    one_line(
        call("archive", "add", tmp_path / "short" / "firm", *folder), 3, "ends at 8, before 10"
    )
    other = Writer(tmp_path / "other" / "firm", "authority", 20240628)
    for _ in range(6):
        other.step(Propose(3, "maker", command, "T01"))
    other.journal.close()
    one_line(call("archive", "add", tmp_path / "other" / "firm", *folder), 3, "not the one")
    assert verified(archive_copy)["entries"] == 7


def test_a_journal_of_another_version_is_named(archive_copy: Path, tmp_path: Path) -> None:
    """Its rows could be read wrong: the frame is named, nothing is added."""
    odd = Writer(tmp_path / "odd", "authority", DAY)
    odd.step(SignOn("trader", "T05", True))  # no input of an authority
    odd.journal.close()
    done = call("archive", "add", tmp_path / "odd", "--to", archive_copy)
    one_line(done, 3, "authority frame 1", "another version")
    assert len(Archive(archive_copy).lines()) == 4


def test_a_dead_process_left_its_socket(archive_copy: Path, tmp_path: Path) -> None:
    """A killed process leaves its socket among its records: it holds nothing and stays out."""
    folder = tmp_path / "drill"
    folder.mkdir()
    (folder / "record.md").write_text("x", encoding="utf-8")
    os.mknod(folder / "firm.sock", stat.S_IFSOCK | 0o600)
    done = call("archive", "add", folder, "--to", archive_copy)
    assert done.code == 0, done.err
    archive = Archive(archive_copy)
    files = [item.path for item in archive.manifest(archive.lines()[-1]).files]
    assert "content/record.md" in files and not any("sock" in path for path in files)


def test_what_is_not_taken(archive_copy: Path, archived: Path, tmp_path: Path) -> None:
    """A day that has not ended, was cut at its head, was changed or is a link: the log stays."""

    def asked(name: str, *words: str) -> None:
        one_line(call("archive", "add", tmp_path / name, "--to", archive_copy), 3, *words)
        assert len(Archive(archive_copy).lines()) == 4

    for name in ("open", "damaged", "other", "link", "head"):
        shutil.copytree(archived / f"{DAY}-calm-s1", tmp_path / name)
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
    one_line(call("archive", "add", tmp_path / "none", "--to", archive_copy), 2, "not a folder")
    given = ("--to", archive_copy, "--key", tmp_path / "none.key")
    one_line(call("archive", "add", archived / "forms", *given), 3, "none.key")
    other = tmp_path / "other.key"
    other.write_bytes(archive_signing.SUITES[archive_signing.DEFAULT].make_key())
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "x").write_bytes(b"x")
    one_line(
        call("archive", "add", tmp_path / "new", "--to", archive_copy, "--key", other), 3, "key"
    )


def test_a_kill_between_log_and_signature_is_mended(archive_copy: Path, tmp_path: Path) -> None:
    """The next addition signs first what a kill left unsigned; a torn copy is finished."""
    (archive_copy / "checkpoints" / "000004.txt").unlink()
    assert not verified(archive_copy)["ok"]
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "x.txt").write_text("x", encoding="utf-8")
    left = archive_copy / "entries" / "000005-other"
    left.mkdir()
    one_line(call("archive", "add", tmp_path / "late", "--to", archive_copy), 3, "cut off")
    left.rename(archive_copy / "entries" / "000005-late")
    assert call("archive", "add", tmp_path / "late", "--to", archive_copy).code == 0
    assert verified(archive_copy)["ok"] and verified(archive_copy)["entries"] == 5


def test_names_are_durable_before_the_line(
    archive_copy: Path, archived: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that cannot keep the names of the files: no line says that they are there."""

    def broken(_: object, folder: Path) -> None:
        raise OSError(5, "Input/output error", str(folder))

    source = archive_copy.parent / "late"
    source.mkdir()
    (source / "x.txt").write_text("x", encoding="utf-8")
    private = (archived / "A.key").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("quanheng.runtime.segment.Disk.sync_folder", broken)
        one_line(call("archive", "add", source, "--to", archive_copy), 3, "late", "adding it again")
    assert len(Archive(archive_copy).lines()) == 4
    line, _ = records.add(Archive(archive_copy), source, private)
    assert line is not None and line.number == 5 and verified(archive_copy)["ok"]


def test_term_is_at_least_twenty_years(archived: Path) -> None:
    """A leap day's term too; the archive says it."""
    line = Archive(archived / "A").lines()[0]
    assert records.keep_until(line, archive_files.RETENTION_YEARS) == 20440628
    import msgspec

    leap = msgspec.structs.replace(line, day=20240229)
    assert records.keep_until(leap, 21) == 20450301
    assert call("archive", "status", archived / "A", "--json").json["kept_at_least_until"] >= (
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
    report = ("report", run, "--kind", "daily", "--out", tmp_path / "daily.md")
    assert call(*report).code == 0
    assert done.json["root"] in (tmp_path / "daily.md").read_text(encoding="utf-8")
