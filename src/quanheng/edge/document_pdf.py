"""A document as PDF/A-2b, set by typst with the font of the package; no system font is used."""

import json
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from quanheng.edge.document_charts import FONT, svg
from quanheng.edge.documents import Chart, Document, Section, Table, right_aligned, shown

TEMPLATE = "data/report.typ"
STANDARD = "a-2b"


class GlyphError(Exception):
    """A report holds a character that the font does not have; the message names it."""


def _typst() -> Any:
    """typst; RuntimeError when the extra is not installed."""
    try:
        import typst
    except ImportError as error:
        raise RuntimeError("reports need the extra quanheng[reports]") from error
    return typst


def pdf(document: Document) -> bytes:
    """The file; the same document gives the same bytes. GlyphError names a missing character."""
    typst = _typst()
    package = files("quanheng")
    with tempfile.TemporaryDirectory() as name, as_file(package / FONT) as font:
        folder = Path(name)
        plain = _plain(document, folder)
        text = json.dumps(plain, ensure_ascii=False)
        _check_glyphs(text, font)
        (folder / "document.json").write_text(text, encoding="utf-8")
        source = folder / "report.typ"
        source.write_bytes((package / TEMPLATE).read_bytes())
        made: bytes = typst.compile(
            str(source),
            root=str(folder),
            font_paths=[str(font.parent)],
            ignore_system_fonts=True,
            pdf_standards=[STANDARD],
        )
    return made


def _check_glyphs(text: str, font: Path) -> None:
    """Fail rather than print boxes: names can use rarer characters than the font has."""
    from fontTools.ttLib import TTFont

    with TTFont(font, lazy=True) as face:
        known = face.getBestCmap()
    missing = sorted({char for char in text if ord(char) >= 0x20 and ord(char) not in known})
    if missing:
        raise GlyphError(
            f"the report's font has no {', '.join(f'{c} U+{ord(c):04X}' for c in missing)}"
        )


def _plain(document: Document, folder: Path) -> dict[str, Any]:
    counter = iter(range(10_000))
    return {
        "title": document.title,
        "english": document.english,
        "date": [document.day // 10_000, document.day // 100 % 100, document.day % 100],
        "facts": [list(fact) for fact in document.facts],
        "notes": list(document.notes),
        "signatures": list(document.signatures),
        "sections": [_section(section, folder, counter) for section in document.sections],
    }


def _section(section: Section, folder: Path, counter: Any) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    for block in section.blocks:
        if isinstance(block, Chart):
            name = f"chart{next(counter)}.svg"
            (folder / name).write_bytes(svg(block))
            blocks.append({"image": name, "title": block.title})
        else:
            blocks.append(_table(block))
    return {
        "chapter": section.chapter,
        "title": section.title,
        "english": section.english,
        "text": section.text,
        "blocks": blocks,
    }


def _table(table: Table) -> dict[str, Any]:
    rows = table.rows[: table.brief] if table.brief else table.rows
    left = len(table.rows) - len(rows)
    note = table.note
    if left:
        note = f"{note} 另有 {left} 行见 xlsx 与 HTML。".strip()
    heads = zip(table.columns, right_aligned(table.columns), strict=True)
    return {
        "title": table.title,
        "english": table.english,
        "note": note,
        "columns": [
            {"words": column.words, "english": column.english, "right": right}
            for column, right in heads
        ],
        "rows": [
            [shown(cell, column.kind) for column, cell in zip(table.columns, row, strict=True)]
            for row in rows
        ],
    }
