"""Where compiled kernels are kept.

Numba keys its on-disk cache on the file that defines a function, not on the files of the functions
it calls nor of the constants it compiles in, so an edited helper or a moved column would leave
stale machine code in its callers. The folder is therefore named by a hash of every source that a
room's kernels reach through imports, the numba version and the CPU.

Numba trusts the files it finds there: a writer killed half-way leaves an EOFError, a flipped bit
leaves wrong machine code. Every file therefore carries its own hash; one that does not match is
removed, remembered in `damaged` and compiled again.
"""

import glob
import hashlib
import os
import pickle
import platform
import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numba.core import serialize

PACKAGE = Path(__file__).parent
_HASH_BYTES = hashlib.sha256().digest_size

foreign: dict[str, str] = {}
"""Packages of plug-ins by the hash of their sources: their machine code has folders of its own."""

damaged: list[str] = []
"""Cache files that this process found damaged and removed."""
_IMPORT = re.compile(rb"^from (quanheng[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def _cpu() -> str:
    """A text that changes when the instruction set of this machine does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line for line in lines if line.startswith("flags")), platform.machine())


def _imported(text: bytes) -> list[str]:
    """Files, relative to the package, that a source may take names from."""
    names: list[str] = []
    for match in _IMPORT.finditer(text):
        module, what = match[1].decode(), match[2].decode()
        words = re.findall(r"\w+", re.sub(r"\bas \w+|#[^\n]*", "", what))
        names += [module, *(f"{module}.{word}" for word in words)]
    return ["/".join(name.split(".")[1:]) + ".py" for name in names]


def _sources(room: str) -> dict[str, bytes]:
    """Every source that the kernels of a room and of the ground floor reach, by relative name."""
    found: dict[str, bytes] = {}
    waiting: list[str] = []
    for folder in sorted({"kernels", room}):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            if folder == "kernels" or b"@kernel" in path.read_bytes():
                waiting.append(path.relative_to(PACKAGE).as_posix())
    while waiting:
        name = waiting.pop()
        if name not in found and (PACKAGE / name).is_file():
            found[name] = (PACKAGE / name).read_bytes()
            waiting += _imported(found[name])
    return found


@lru_cache(maxsize=64)
def _hash_of(room: str) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(_sources(room).items()):
        digest.update(name.encode() + b"\0" + text)
    # Machine code for another CPU, or with bounds checked, is other machine code.
    choices = [os.environ.get(f"NUMBA_{name}", "") for name in ("CPU_NAME", "BOUNDSCHECK")]
    toolchain = f"{version('numba')} {version('llvmlite')} {' '.join(choices)}"
    digest.update(f"{toolchain} {_cpu()}".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=256)
def cache_folder(module: str) -> str:
    """Cache folder for kernels defined in a module.

    A folder per room and hash, under NUMBA_CACHE_DIR when the environment names one (a build can
    ship its own, filled ahead of time), else under the user's cache.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    top = os.environ.get("NUMBA_CACHE_DIR") or str(Path(base) / "quanheng" / "kernels")
    parts = module.split(".")
    if parts[0] in foreign:
        return str(Path(top) / f"plugin-{foreign[parts[0]]}-{_hash_of('kernels')}")
    room = parts[1] if parts[0] == "quanheng" and len(parts) > 1 else "kernels"
    return str(Path(top) / f"{room}-{_hash_of(room)}")


class CheckedFiles:
    """The compiled code of one function, a file per signature, behind the SHA-256 of its contents.

    Stands in for numba's own files, an index and numbered code. Two processes that save at once can
    give one number to two signatures there, and the code of the one runs for the other; and numba
    keeps the source's path and time of change, which a fresh clone alters for nothing. Here the
    name of the folder says which sources these are, and the name of the file which function and
    signature.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder = Path(folder)
        self._name = name

    def _path(self, key: Any) -> Path:
        mark = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._folder / f"{self._name}.{mark}.nbc"

    def flush(self) -> None:
        """Forget every signature."""
        for path in self._folder.glob(f"{glob.escape(self._name)}.*.nbc"):
            path.unlink(missing_ok=True)

    def load(self, key: Any) -> Any:
        """What was saved under a signature; None when it is missing or was damaged."""
        found = _read(self._path(key))
        return found[1] if found is not None and found[0] == repr(key) else None

    def save(self, key: Any, data: Any) -> None:
        """Keep the machine code of a signature."""
        _write(self._path(key), (repr(key), data))


def _read(path: Path) -> Any:
    """A file's contents; None when there is no file, or a damaged one, which is removed."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    body = whole[_HASH_BYTES:]
    if whole[:_HASH_BYTES] == hashlib.sha256(body).digest():
        return pickle.loads(body)
    damaged.append(str(path))
    path.unlink(missing_ok=True)
    return None


def _write(path: Path, content: Any) -> None:
    """Write a file whole or not at all, whoever else writes it."""
    dumps: Any = serialize.dumps  # numba's own, for what plain pickle refuses
    body: bytes = dumps(content)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(hashlib.sha256(body).digest() + body)
    part.replace(path)


def keep_checked(compiled: Any) -> Any:
    """Let a compiled function keep its machine code in checked files; the function itself."""
    cache: Any = getattr(compiled, "_cache", None)
    if hasattr(cache, "_cache_file"):  # not under NUMBA_DISABLE_JIT=1
        module = compiled.py_func.__module__
        name = f"{module}.{cache._impl.filename_base}"
        cache._cache_file = CheckedFiles(cache_folder(module), name)
    return compiled
