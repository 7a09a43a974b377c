"""Writing a document in the forms that are asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from quanheng.compose.run_folder import write_whole
from quanheng.edge.document_html import html
from quanheng.edge.document_pdf import pdf
from quanheng.edge.document_word import word
from quanheng.edge.document_xlsx import xlsx
from quanheng.edge.documents import Document

WRITERS: dict[str, Callable[[Document], bytes]] = {
    "docx": word,
    "pdf": pdf,
    "xlsx": xlsx,
    "html": html,
}
USUAL = ("docx", "pdf", "xlsx")


def write_document(
    document: Document, out: Path, stem: str, forms: Sequence[str] = USUAL
) -> list[Path]:
    """The files, each written whole."""
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for form in forms:
        path = out / f"{stem}.{form}"
        write_whole(path, WRITERS[form](document))
        files.append(path)
    return files
