"""Are the installed files still those that were installed (promise 42, reliability.md 5)?

An installation from the lock compares every archive with its hash; after that nothing looked.
Each distribution carries its RECORD (PEP 376): a SHA-256 for every file that was put in place. What
is different or gone by now is named; so is code that lies beside and belongs to no distribution,
since Python runs every `.pth` of the folder at its start. Files that have no hash there (byte code,
RECORD itself) are not looked at: Python makes byte code from the sources. Whoever writes the file
and its RECORD is not seen here: against that stands a new installation from the lock.
"""

import base64
import csv
import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

CODE = (".py", ".so", ".pth")
NO_RECORD = "RECORD"
"""The file that is named of a distribution which says nothing of its files."""
TOOLS = ("_virtualenv.py", "_virtualenv.pth")
"""What makers of environments put beside the packages themselves."""


class Altered(NamedTuple):
    """A file that is not as it was installed; `why` in two languages."""

    package: str
    file: str
    why: str


def altered(names: Iterable[str] | None = None) -> list[Altered]:
    """Files of these distributions (None: of every one) that differ from their RECORD, in order. A
    distribution without a RECORD is named too; one that is not installed is not.
    """
    wanted = None if names is None else {name.lower() for name in names}
    found: list[Altered] = []
    for one in distributions():
        name = one.metadata["Name"].lower()
        if wanted is None or name in wanted:
            found += _of(one, name)
    return sorted(set(found))


def _of(one: Distribution, name: str) -> Iterator[Altered]:
    rows = [*_rows(one)]
    if not rows:
        yield Altered(name, NO_RECORD, "没有安装记录 no record of its files")
    for file, value in rows:
        method, _, wanted = value.partition("=")
        if not wanted:
            continue
        try:
            held = hashlib.new(method, Path(str(one.locate_file(file))).read_bytes()).digest()
        except FileNotFoundError:
            yield Altered(name, file, "缺失 missing")
        except (OSError, ValueError) as error:
            yield Altered(name, file, f"无法核对 cannot be compared: {error}")
        else:
            if base64.urlsafe_b64encode(held).rstrip(b"=").decode() != wanted.rstrip("="):
                yield Altered(name, file, "已改动 changed")


def _rows(one: Distribution) -> Iterator[tuple[str, str]]:
    """(file, hash) of a RECORD; nothing when there is none."""
    for row in csv.reader((one.read_text("RECORD") or "").splitlines()):
        if row:
            yield row[0], row[1] if len(row) > 1 else ""


def strangers() -> list[Altered]:
    """Code in the folders of the distributions that none of them put there, in order."""
    owned: dict[Path, set[Path]] = {}
    for one in distributions():
        place = Path(str(one.locate_file("")))
        files = owned.setdefault(place, set())
        files.update(Path(str(one.locate_file(file))).absolute() for file, _ in _rows(one))
    found = []
    for place, files in owned.items():
        if place.name != "site-packages":
            continue  # a folder of sources on the path is nobody's installation
        for path in place.rglob("*"):
            loose = path.suffix in CODE and path.name not in TOOLS and path.absolute() not in files
            if loose and path.is_file():
                why = "不属于任何已安装的包 belongs to no package"
                found.append(Altered("", str(path.relative_to(place)), why))
    return sorted(found)


def sentence(found: list[Altered], most: int = 5) -> str:
    """A sentence with the first of what was found and how many there are."""
    shown = "; ".join(f"{one.package or '-'} {one.file} {one.why}" for one in found[:most])
    return f"{len(found)} 个文件 files: {shown}"
