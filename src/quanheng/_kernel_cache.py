"""Where compiled kernels are kept.

Numba keys its on-disk cache on the file that defines a function, not on the files of the functions
it calls, so an edited helper would leave stale machine code in its callers. The folder is therefore
named by a hash of every kernel source the function can reach (its own room and the ground floor's
`kernels`; tests/tidy holds rooms to that), the numba version and the CPU.

Numba trusts the files it finds there: a writer killed half-way leaves an EOFError, a flipped bit
leaves wrong machine code. Every file therefore carries its own hash; one that does not match is
removed, remembered in `damaged` and compiled again.
"""

import hashlib
import os
import pickle
import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numba.core.caching import IndexDataCacheFile

PACKAGE = Path(__file__).parent
_HASH_BYTES = hashlib.sha256().digest_size
_FRESH = "the folder's name says which sources these are"

damaged: list[str] = []
"""Cache files that this process found damaged and removed."""


def _cpu() -> str:
    """A text that changes when the instruction set of this machine does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line for line in lines if line.startswith("flags")), platform.machine())


@lru_cache(maxsize=64)
def _hash_of(room: str) -> str:
    digest = hashlib.sha256()
    for folder in sorted({"kernels", room}):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            text = path.read_bytes()
            if folder == "kernels" or b"@kernel" in text:
                digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + text)
    toolchain = f"{version('numba')} {version('llvmlite')} {os.environ.get('NUMBA_CPU_NAME', '')}"
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
    room = parts[1] if parts[0] == "quanheng" and len(parts) > 1 else "kernels"
    return str(Path(top) / f"{room}-{_hash_of(room)}")


class CheckedCacheFile(IndexDataCacheFile):  # type: ignore[misc]
    """Numba's index and data files of one function, each behind the SHA-256 of its contents."""

    def __init__(self, cache: Any) -> None:
        # Numba's stamp is the source's time of change, which a fresh clone alters for nothing.
        super().__init__(cache.cache_path, cache._impl.filename_base, _FRESH)

    def _read(self, path: str) -> bytes | None:
        """The file's contents, None when it is missing or was damaged (and is now removed)."""
        try:
            whole = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        body = whole[_HASH_BYTES:]
        if whole[:_HASH_BYTES] == hashlib.sha256(body).digest():
            return body
        damaged.append(path)
        Path(path).unlink(missing_ok=True)
        return None

    def _write(self, path: str, content: Any) -> None:
        body = self._dump(content)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(body).digest())
            file.write(body)

    def _load_index(self) -> dict[Any, str]:
        body = self._read(self._index_path)
        return {} if body is None else dict(pickle.loads(body))

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, overloads)

    def _load_data(self, name: str) -> Any:
        body = self._read(self._data_path(name))
        return None if body is None else pickle.loads(body)

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)


def keep_checked(compiled: Any) -> Any:
    """Let a compiled function keep its machine code in checked files; the function itself."""
    cache = getattr(compiled, "_cache", None)
    if hasattr(cache, "_cache_file"):  # not under NUMBA_DISABLE_JIT=1
        cache._cache_file = CheckedCacheFile(cache)
    return compiled
