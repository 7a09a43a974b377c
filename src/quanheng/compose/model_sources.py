"""Which code and which libraries a model's test record speaks of."""

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_HOUSE = Path(__file__).parents[1]
_LIBRARIES = ("numpy", "numba", "llvmlite", "QuantLib")


def source_hash(files: tuple[str, ...]) -> str:
    """SHA-256 over names and contents of files of the package, in the order given."""
    digest = hashlib.sha256()
    for name in files:
        content = (_HOUSE / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def libraries() -> dict[str, str]:
    """Python and the libraries that the numbers depend on, as installed; absent ones left out."""
    found = {"Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def system_version() -> str:
    """The version of this system."""
    return version("quanheng")
