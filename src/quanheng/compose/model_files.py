"""Which source files a model consists of (R-05, I-08).

A model is named by its own modules; everything of `quanheng.kernels` that they import, directly or
through others, belongs to it, so that no helper can change behind a release.
"""

import ast
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
KERNELS = "quanheng.kernels"


class SourceError(ValueError):
    """A module that a model names does not exist; the message names it."""


def _path(package: Path, module: str) -> Path | None:
    """File of a dotted module of kernels; None when there is no such file."""
    parts = module.split(".")[1:]
    plain = package.joinpath(*parts).with_suffix(".py")
    folder = package.joinpath(*parts) / "__init__.py"
    return plain if plain.is_file() else folder if folder.is_file() else None


def _imports(path: Path) -> list[str]:
    """Dotted names of kernels that a file imports, modules and names in them alike."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return [name for name in found if name.startswith(KERNELS)]


@lru_cache(maxsize=64)
def files_of(modules: tuple[str, ...], package: Path = PACKAGE) -> tuple[str, ...]:
    """Every file of a model, relative and sorted. SourceError for a module that does not exist."""
    waiting = list(modules)
    found: dict[Path, None] = {}
    for module in modules:
        if not module.startswith(KERNELS) or _path(package, module) is None:
            raise SourceError(f"there is no module {module}")
    while waiting:
        path = _path(package, waiting.pop())
        if path is not None and path not in found:
            found[path] = None
            waiting += _imports(path)
    return tuple(sorted(path.relative_to(package).as_posix() for path in found))
