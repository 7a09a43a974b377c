"""Where compiled kernels are kept.

Numba keys its on-disk cache on the file that defines a function, not on the files of the functions
it calls nor of the constants it compiles in, so an edited helper or a moved column would leave
stale machine code in its callers. The folder is therefore named by a hash of every source that a
room's kernels reach through imports, the numba version and the CPU.
"""

import hashlib
import os
import platform
import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent
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
    toolchain = f"{version('numba')} {version('llvmlite')} {os.environ.get('NUMBA_CPU_NAME', '')}"
    digest.update(f"{toolchain} {_cpu()}".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=256)
def cache_folder(module: str) -> str:
    """Cache folder for kernels defined in a module; NUMBA_CACHE_DIR in the environment wins."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    parts = module.split(".")
    room = parts[1] if parts[0] == "quanheng" and len(parts) > 1 else "kernels"
    return str(Path(base) / "quanheng" / "kernels" / f"{room}-{_hash_of(room)}")
