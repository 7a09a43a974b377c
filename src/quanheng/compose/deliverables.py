"""The system's own deliverables (I-47 to I-52): pages of docs/zh as Word files."""

import hashlib
from pathlib import Path

import msgspec

from quanheng.compose.markdown_paper import paper_of
from quanheng.compose.run_folder import write_whole
from quanheng.config import ConfigError
from quanheng.edge.document_docx import docx
from quanheng.terms.units import Day

PAGES = Path(__file__).parents[3] / "docs" / "zh"
"""Where the pages lie beside the code; a wheel has none, there `--pages` names them."""
INDEX = "README.md"


class Written(msgspec.Struct, frozen=True):
    """A page that was written: its title, file and hash."""

    title: str
    page: str
    path: Path
    sha256: str


def write(pages: Path, out: Path, day: Day) -> list[Written]:
    """Write every page of a folder as `TITLE.docx`; the index keeps its place among them.

    ConfigError for a folder without pages, a page that cannot be read, or a file that is there
    and differs: a person may have worked on it.
    """
    paths = sorted(pages.glob("*.md"))
    if not paths:
        raise ConfigError(f"{pages}: has no pages; name the folder docs/zh with --pages")
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for path in paths:
        try:
            paper = paper_of(path.read_text(encoding="utf-8"), day, pages)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error
        data = docx(paper)
        target = out / f"{paper.title}.docx"
        if target.exists() and target.read_bytes() != data:
            raise ConfigError(
                f"{target}: exists and differs, a person may have worked on it; another folder"
            )
        write_whole(target, data)
        sha = hashlib.sha256(data).hexdigest()
        found.append(Written(paper.title, path.name, target, sha))
    return found
