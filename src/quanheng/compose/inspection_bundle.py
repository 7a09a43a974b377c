"""The bundle of an inspection: working paper, index with hashes, and every file that is evidence.

DIR/附件4-….docx           the filled working paper
    index.html .xlsx .json every item, what was found, the files with their SHA-256
    evidence/KIND/…        reports made from the run, copies of records and documents
    SHA256SUMS             of every file here, for `sha256sum -c`
"""

import hashlib
import shutil
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.inspection_items import KINDS
from quanheng.compose.inspection_look import findings
from quanheng.compose.inspection_paper import FILE, SAMPLE, STATES, TITLE, summary, working_paper
from quanheng.compose.inspection_place import FOUND, MISSING, Finding, Piece, Place
from quanheng.compose.inspection_reports import EVIDENCE, INDEX
from quanheng.compose.markdown_paper import paper_of
from quanheng.compose.run_folder import write_whole
from quanheng.config import ConfigError
from quanheng.edge.document_docx import docx
from quanheng.edge.document_html import STYLE
from quanheng.edge.document_xlsx import xlsx
from quanheng.edge.documents import Cell, Column, Document, Section, Table
from quanheng.terms.days import iso
from quanheng.terms.units import Day

SUMS = "SHA256SUMS"
_OURS = (FILE, EVIDENCE, INDEX, SUMS, "index.html", "index.xlsx")
"""What a bundle holds; with anything else a folder is somebody's own."""
_MARKS = {FOUND: "✓", MISSING: "✗"}
_MOST = 64 << 20
"""A record longer than this is named with its hash and not copied."""


def write_bundle(place: Place) -> list[Finding]:
    """Look at everything and write the bundle; returns what was found.

    ConfigError when the folder holds something that is no bundle.
    """
    out = place.bundle
    assert out is not None, "a bundle has a folder"
    foreign = [one.name for one in out.iterdir() if one.name not in _OURS] if out.exists() else []
    if foreign:
        raise ConfigError(f"{out}: has {foreign[0]}, it is no bundle; name another folder")
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / EVIDENCE, ignore_errors=True)
    found = [_copied(place, out, one) for one in findings(place)]
    write_whole(out / FILE, docx(working_paper(place, found)))
    index = result(place, found)
    write_whole(out / "index.html", _page(place, found, index["files"]))
    write_whole(out / "index.xlsx", xlsx(_sheets(place, found, index["files"])))
    write_whole(out / INDEX, msgspec.json.format(msgspec.json.encode(index), indent=1))
    _sums(out)
    return found


def _copied(place: Place, out: Path, one: Finding) -> Finding:
    """The finding with its files inside the bundle, named from there."""
    pieces = []
    for piece in one.pieces:
        names = [_inside(out, piece, Path(name), place.info.day) for name in piece.files]
        pieces.append(msgspec.structs.replace(piece, files=tuple(names)))
    return msgspec.structs.replace(one, pieces=tuple(pieces))


def _inside(out: Path, piece: Piece, path: Path, day: Day) -> str:
    """A file's name from the bundle, copied into it unless it is there or too long; a page of the
    system's documents as a Word file.
    """
    if path.is_relative_to(out):
        return path.relative_to(out).as_posix()
    if path.stat().st_size > _MOST:
        return str(path)
    ref = piece.ref if piece.kind == "drills" else ""
    target = out / EVIDENCE / piece.kind / ref / path.name
    page = piece.kind == "documents"
    if page:
        target = target.with_name(f"{piece.words}.docx")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if page:
            write_whole(target, docx(paper_of(path.read_text("utf-8"), day, path.parent)))
        else:
            shutil.copyfile(path, target)
    return target.relative_to(out).as_posix()


def result(place: Place, found: list[Finding]) -> dict[str, Any]:
    """What index.json and --json have. `files` only when a bundle was written."""
    files: dict[str, dict[str, str]] = {}
    out = place.bundle
    for one in found:
        for piece in one.pieces:
            for name in piece.files if out is not None else ():
                assert out is not None
                path = out / name
                files[name] = {
                    "path": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                    "kind": piece.kind, "ref": piece.ref,
                }  # fmt: skip
    shown = sum(one.holds for one in found)
    return {
        "ok": shown == len(found),
        "run": place.run.name,
        "day": place.info.day,
        "digest": place.info.digest,
        "sample": place.sample,
        "shown": shown,
        "of": len(found),
        "summary": summary(found),
        "items": [
            {
                "item": one.item.id, "part": one.item.part, "group": one.item.group,
                "text": one.item.text, "basis": one.item.basis, "state": one.state,
                "duty": one.item.duty, "pieces": msgspec.to_builtins(one.pieces),
            }
            for one in found
        ],
        "files": list(files.values()),
        "said": {
            piece.ref: piece.said
            for one in found for piece in one.pieces if piece.kind == "reports"
        },
    }  # fmt: skip


def _page(place: Place, found: list[Finding], files: list[dict[str, str]]) -> bytes:
    """The index with a link to every file."""
    sums = {one["path"]: one["sha256"] for one in files}
    mark = f"（{SAMPLE}）" if place.sample else ""
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">',
        f"<title>{TITLE}</title><style>{STYLE}</style></head><body>",
        f"<h1>{TITLE}{mark}</h1>",
        f"<p>{escape(place.run.name)}，{iso(place.info.day)}。{escape(summary(found))}</p>",
        f'<p><a href="{escape(FILE)}">{escape(FILE)}</a></p>',
        "<table><tr><th>编号</th><th>检查内容</th><th>情况</th><th>证据</th></tr>",
    ]
    for one in found:
        cells = "<br>".join(_line(piece, sums) for piece in one.pieces)
        duty = f"<br>职责：{escape(one.item.duty)}" if one.item.duty else ""
        state = f'<td class="{"" if one.holds else "bad"}">{STATES[one.state]}</td>'
        number = f'<td id="{one.item.id}">{one.item.number}</td>'
        text = f"<td>{escape(one.item.text)}</td>"
        parts.append(f"<tr>{number}{text}{state}<td>{cells}{duty}</td></tr>")
    parts.append("</table></body></html>")
    return "\n".join(parts).encode()


def _line(piece: Piece, sums: dict[str, str]) -> str:
    links = " ".join(
        f'<a href="{escape(name)}" title="sha256 {sums[name]}">{escape(Path(name).name)}</a>'
        for name in piece.files
    )
    words = f"{_MARKS.get(piece.state, '○')} {KINDS[piece.kind]}：{piece.words}　{piece.said}"
    return f"{escape(words)} {links}"


def _sheets(place: Place, found: list[Finding], files: list[dict[str, str]]) -> Document:
    """The index as a workbook: items with their pieces, files with their hashes."""
    pieces: list[tuple[Cell, ...]] = [
        (one.item.id, one.item.text, STATES[one.state], KINDS[p.kind], p.words, p.said,
         _MARKS.get(p.state, "○"), " ".join(p.files))
        for one in found for p in one.pieces
    ]  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (one["path"], KINDS[one["kind"]], one["ref"], one["sha256"]) for one in files
    ]
    items = Table(
        title="证据", english="Evidence", rows=tuple(pieces),
        columns=(Column("项", "item"), Column("检查内容", "text"), Column("情况", "state"),
                 Column("证据种类", "kind"), Column("名称", "name"), Column("所见", "seen"),
                 Column("结果", "found"), Column("文件", "files")),
    )  # fmt: skip
    listed = Table(
        title="文件", english="Files", rows=tuple(rows),
        columns=(Column("文件", "file"), Column("证据种类", "kind"), Column("名称", "name"),
                 Column("SHA-256", "sha256")),
    )  # fmt: skip
    return Document(
        title=f"{TITLE}{f'（{SAMPLE}）' if place.sample else ''}", english="Inspection index",
        day=place.info.day, facts=(("运行", place.run.name), ("结论", summary(found))),
        sections=(
            Section(title="检查项", english="Items", sheet="检查项", blocks=(items,)),
            Section(title="证据文件", english="Files", sheet="证据文件", blocks=(listed,)),
        ),
    )  # fmt: skip


def _sums(out: Path) -> None:
    """Hashes of every file of the bundle, in the form of sha256sum."""
    paths = sorted(path for path in out.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out).as_posix()}"
        for path in paths
    ]
    write_whole(out / SUMS, "\n".join([*lines, ""]).encode())
