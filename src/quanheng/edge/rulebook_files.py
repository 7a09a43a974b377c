"""Read the rulebook's files: the shipped ones, an agreement, the house's own."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from quanheng.rulebook.load import effective_rows, load_rulebook
from quanheng.rulebook.model import Rulebook
from quanheng.rulebook.rows import Row, RulebookError
from quanheng.terms.units import Day


@lru_cache(maxsize=1)
def shipped_texts() -> dict[str, str]:
    """The texts of rulebook/data/sse by file name."""
    folder = files("quanheng") / "rulebook" / "data" / "sse"
    return {
        item.name: item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".toml")
    }


def _overlay(path: Path | None) -> tuple[str, str] | None:
    if path is None:
        return None
    try:
        return str(path), path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulebookError(f"{path}: {error}") from error


def read_rulebook(day: Day, agreement: Path | None = None, house: Path | None = None) -> Rulebook:
    """The rulebook in force on `day`. RulebookError names file, key and reason."""
    return _in_force(day, _overlay(agreement), _overlay(house))


# By the text of the overlays, so a file that was edited is read anew; few, as a book is large.
@lru_cache(maxsize=8)
def _in_force(
    day: Day, agreement: tuple[str, str] | None, house: tuple[str, str] | None
) -> Rulebook:
    return load_rulebook(day, shipped_texts(), agreement, house)


def read_rows(day: Day, agreement: Path | None = None, house: Path | None = None) -> dict[str, Row]:
    """The row behind every key on `day`, with its source and layer."""
    return effective_rows(day, shipped_texts(), _overlay(agreement), _overlay(house))
