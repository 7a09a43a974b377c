"""Where compiled kernels are kept.

Numba keys its on-disk cache on the file that defines a function, not on the files of the functions
it calls, so an edited helper would leave stale machine code in its callers. The folder is therefore
named by a hash of every kernel source the function can reach (its own room and the ground floor's
`kernels`; tests/tidy holds rooms to that), the numba version and the CPU.
"""

import hashlib
import os
import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent


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
    """Cache folder for kernels defined in a module; NUMBA_CACHE_DIR in the environment wins."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    parts = module.split(".")
    room = parts[1] if parts[0] == "quanheng" and len(parts) > 1 else "kernels"
    return str(Path(base) / "quanheng" / "kernels" / f"{room}-{_hash_of(room)}")
