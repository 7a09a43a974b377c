"""The verb `archive`: records for twenty years (docs/records.md). It has no way to delete."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from quanheng.compose import archive as records
from quanheng.compose import archive_drill, archive_export, archive_find
from quanheng.compose.answering import answer
from quanheng.compose.commands import UsageError
from quanheng.compose.text import table
from quanheng.edge.archive_files import Archive, ArchiveError
from quanheng.terms.days import clock_text, day_of, from_iso, iso

_FOLDER = click.Path(path_type=Path)
_Verb = Callable[..., Any]


def _shared(function: _Verb) -> _Verb:
    function = click.option("--json", "as_json", is_flag=True, help="One JSON object.")(function)
    return click.option("--lang", type=click.Choice(["zh", "en"]), default="zh")(function)


def _key(function: _Verb) -> _Verb:
    help_ = "Signing key; ARCHIVE.key beside the archive by default."
    function = click.option("--key", type=_FOLDER, envvar="QUANHENG_ARCHIVE_KEY", help=help_)(
        function
    )
    anchor = click.option("--anchor", type=_FOLDER, multiple=True, help="File outside, appended.")
    return anchor(function)


def _at(text: str, option: str, end: bool = False) -> int:
    try:
        return archive_find.instant(text, end)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}") from error


def _told(result: dict[str, Any], zh: str, en: str, lang: str, as_json: bool) -> None:
    answer(result, (zh if lang == "zh" else en).format(**result), as_json, bool(result["ok"]))


@click.group()
def archive() -> None:
    """Records of twenty years: add, find, export, verify, prove, drill."""


@archive.command("add")
@click.argument("source", type=_FOLDER)
@click.option("--to", "folder", type=_FOLDER, required=True, help="The archive; made if new.")
@click.option("--kind", default="", help="run, authority, documents, registers, drill, ...")
@click.option("--name", default="", help="Name of the source; its folder's by default.")
@click.option("--day", "day_text", default="", help="YYYY-MM-DD; a run's own, else today.")
@click.option("--by", default="", help="Opaque id of the person who archives.")
@click.option("--origin", default="", help="Name of a new archive in its checkpoints.")
@_key
@_shared
def add(
    source: Path, folder: Path, kind: str, name: str, day_text: str, by: str, origin: str,
    key: Path | None, anchor: tuple[Path, ...], lang: str, as_json: bool,
) -> None:  # fmt: skip
    """Archive SOURCE: a run, an authority's folder, or a folder of documents."""
    try:
        day = from_iso(day_text) if day_text else 0
    except ValueError as error:
        raise UsageError(f"--day: {error}") from error
    private = records.key_file(folder, key)
    if not source.is_dir():
        raise UsageError(f"{source}: not a folder")
    if not (folder / "archive.json").exists():
        records.begin(folder, private, origin or f"quanheng/{folder.resolve().name}")
    given = {"kind": kind, "name": name, "day": day, "by": by, "outside": anchor}
    private_key = records.read_key(private)
    try:
        line, root = records.add(Archive(folder), source, private_key, **given)  # type: ignore[arg-type]
    except OSError as error:
        said = "what was begun is finished by adding it again"
        raise ArchiveError(f"{error.filename or folder}: {error.strerror}; {said}") from error
    result = {
        "ok": True, "added": line is not None, "anchor": root,
        "entry": line.number if line else 0, "records": line.leaves if line else 0,
        "root": line.root if line else "",
    }  # fmt: skip
    zh = (
        "第 {entry} 项，{records} 条记录，根 {root}\n锚 {anchor}"
        if line
        else "无新内容；锚 {anchor}"
    )
    en = "entry {entry}, {records} records, root {root}\nanchor {anchor}"
    _told(result, zh, en if line else "nothing new; anchor {anchor}", lang, as_json)


@archive.command("status")
@click.argument("folder", type=_FOLDER)
@_shared
def status(folder: Path, lang: str, as_json: bool) -> None:
    """What FOLDER holds, how long it is kept, and which kinds of records are missing."""
    result = archive_find.status(Archive(folder))
    zh = (
        "{origin}：{entries} 项，{records} 条记录，{first_day} 至 {last_day}，"
        "至少保存至 {kept_at_least_until}\n种类 {held}，缺 {missing}\n锚 {anchor}"
    )
    en = (
        "{origin}: {entries} entries, {records} records, {first_day} to {last_day}, kept at least "
        "until {kept_at_least_until}\nkinds {held}, missing {missing}\nanchor {anchor}"
    )
    _told(result, zh, en, lang, as_json)


@archive.command("find")
@click.argument("folder", type=_FOLDER)
@click.option("--by", "person", required=True, help="Opaque id of the person.")
@click.option("--contract", default="", help="Contract code; everything without it.")
@click.option("--from", "start", required=True, help="YYYY-MM-DD [HH:MM[:SS]].")
@click.option("--to", "stop", required=True, help="The same; a bare day to its end.")
@_shared
def find(
    folder: Path, person: str, contract: str, start: str, stop: str, lang: str, as_json: bool
) -> None:
    """All actions of a person on a contract between two times."""
    since, until = _at(start, "--from"), _at(stop, "--to", end=True)
    rows = archive_find.find(Archive(folder), person, contract, since, until)
    heads = ["时间", "范围", "身份", "事项", "编号", "来源"]
    if lang == "en":
        heads = ["time", "scope", "role", "action", "id", "source"]
    cells = [
        [f"{iso(day_of(row['at']))} {clock_text(row['at'])}", row["scope"], row["role"],
         row["kind"], row["client_id"], f"{row['entry']}:{row['machine']}:{row['seq']}"]
        for row in rows
    ]  # fmt: skip
    answer({"ok": True, "count": len(rows), "rows": rows}, table(heads, cells, 6), as_json)


@archive.command("export")
@click.argument("folder", type=_FOLDER)
@click.option("--from", "start", required=True, help="YYYY-MM-DD [HH:MM[:SS]].")
@click.option("--to", "stop", required=True, help="The same; a bare day to its end.")
@click.option("--contract", default="")
@click.option("--by", "person", default="", help="Trader on duty, or who entered it.")
@click.option("--document", "documents", multiple=True, help="ENTRY:PATH, several times.")
@click.option("--out", type=_FOLDER, required=True, help="A new folder.")
@_shared
def export(
    folder: Path, start: str, stop: str, contract: str, person: str, documents: tuple[str, ...],
    out: Path, lang: str, as_json: bool,
) -> None:  # fmt: skip
    """Package for the exchange: orders, quotes, trades with traders, documents, proofs."""
    since, until = _at(start, "--from"), _at(stop, "--to", end=True)
    asked: dict[str, Any] = {"contract": contract, "person": person, "documents": documents}
    result = archive_export.export(Archive(folder), out, since, until, **asked)
    zh = "委托 {orders}，报价 {quotes}，成交 {trades}，文件 {documents}，证明 {proofs}"
    en = "orders {orders}, quotes {quotes}, trades {trades}, documents {documents}, proofs {proofs}"
    _told(result, zh, en, lang, as_json)


@archive.command("verify")
@click.argument("folder", type=_FOLDER)
@click.option("--public-key", default="", help="In hex, from outside the archive.")
@click.option("--anchors", type=_FOLDER, default=None, help="Anchors kept outside.")
@_shared
def verify(folder: Path, public_key: str, anchors: Path | None, lang: str, as_json: bool) -> None:
    """Run the archive's or package's own verifier; names the first wrong record."""
    result = archive_drill.verify(folder, public_key, anchors)
    zh = en = "{place}\n{reason}"
    if result["ok"]:
        zh, en = "完整无误", "whole and unchanged"
    _told(result, zh, en, lang, as_json)


@archive.command("prove")
@click.argument("folder", type=_FOLDER)
@click.option("--entry", default=0, help="Entry whose record is proved.")
@click.option("--frame", default="", help="MACHINE:SEQ.")
@click.option("--file", "name", default="", help="PATH in the entry, content/... or tables/....")
@click.option("--since", default=0, help="Prove that the log continues that of this size.")
def prove(folder: Path, entry: int, frame: str, name: str, since: int) -> None:
    """Print an inclusion proof of a record, or a consistency proof of the log, as JSON."""
    opened = Archive(folder)
    prover, lines = archive_export.Prover(opened), opened.lines()
    machine, _, seq = frame.partition(":")
    if since:
        if not 1 <= since <= len(lines):
            raise UsageError(f"--since {since}: the log has {len(lines)} lines")
        answer({"ok": True, **prover.growth(since)}, "", True)
        return
    if not 1 <= entry <= len(lines) or bool(frame) == bool(name):
        raise UsageError("give --since, or --entry with either --frame or --file")
    if frame and not seq.isdigit():
        raise UsageError(f"--frame {frame!r}: not MACHINE:SEQ")
    frames = {(machine, int(seq))} if frame else set()
    proof = prover.records(lines[entry - 1], frames, {name} if name else set())[0]
    answer({"ok": True, **proof, "checkpoint": prover.note}, "", True)


@archive.command("index")
@click.argument("folder", type=_FOLDER)
@_shared
def index(folder: Path, lang: str, as_json: bool) -> None:
    """Bring the index up to the log from the stored tables; remove the file to build it anew."""
    result = {"ok": True, "entries": records.index_all(Archive(folder))}
    _told(result, "已索引 {entries} 项", "{entries} entries indexed", lang, as_json)


@archive.command("restore")
@click.argument("folder", type=_FOLDER)
@click.option("--entry", type=int, required=True)
@click.option("--out", type=_FOLDER, required=True, help="A new folder.")
@_shared
def restore(folder: Path, entry: int, out: Path, lang: str, as_json: bool) -> None:
    """Bring an entry back as it was, checked against the archive."""
    line = archive_drill.restore(Archive(folder), entry, out)
    result = {"ok": True, "name": line.name, "kind": line.kind, "out": str(out)}
    _told(result, "{name} 已恢复至 {out}", "{name} restored to {out}", lang, as_json)


@archive.command("drill")
@click.argument("folder", type=_FOLDER)
@click.option("--by", required=True, help="Opaque id of the person who holds it.")
@click.option("--anchors", type=_FOLDER, default=None, help="Anchors kept outside.")
@_key
@_shared
def drill(
    folder: Path, by: str, anchors: Path | None, key: Path | None, anchor: tuple[Path, ...],
    lang: str, as_json: bool,
) -> None:  # fmt: skip
    """Verify the archive, restore its newest day elsewhere, and file the record in the archive."""
    private = records.read_key(records.key_file(folder, key))
    result = archive_drill.drill(Archive(folder), private, by, anchors, anchor)
    if not result["ok"]:
        click.echo(str(result["verify"]), file=sys.stderr)
    zh = "演练通过，第 {entry} 项，{seconds:.1f} 秒" if result["ok"] else "演练失败"
    en = "passed, entry {entry}, {seconds:.1f} s" if result["ok"] else "failed"
    _told(result, zh, en, lang, as_json)
