"""The kernel cache: damaged files are found, removed and compiled again (performance.md 3)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quanheng import _kernel_cache
from quanheng._kernel_cache import CheckedFiles

SCRIPT = """
import sys
from quanheng import _kernel_cache
from quanheng.kernels.pack import _encode, pack, unpack
import numpy as np
table = np.arange(-6, 6).reshape(4, 3)
assert unpack(pack(table), 3).tolist() == table.tolist()
print(len(_kernel_cache.damaged), sum(_encode.stats.cache_hits.values()))
"""


def run(folder: Path, clone: Path | None = None) -> list[int]:
    """[damaged files found, cache hits of one kernel] of a fresh process that packs a table, with
    the sources of a clone or these.
    """
    place = {"PYTHONPATH": str(clone)} if clone else {}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), **place},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def flip(data: bytes) -> bytes:
    """One bit of the middle changed: machine code that would run and be wrong."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A cache filled by one process."""
    made = tmp_path_factory.mktemp("cache")
    assert run(made) == [0, 0]
    return made


def test_a_second_process_compiles_nothing(folder):
    """The cache answers, although the files' times have changed as in a fresh clone."""
    assert run(folder) == [0, 1]


def test_another_clone_compiles_nothing(folder, tmp_path):
    """The same sources in another place find the code: neither name holds a path."""
    src = Path(_kernel_cache.__file__).parents[1]
    left_out = shutil.ignore_patterns("__pycache__", "static", "data")
    shutil.copytree(src / "quanheng", tmp_path / "quanheng", ignore=left_out)
    assert run(folder, tmp_path) == [0, 1]


def half(data: bytes) -> bytes:
    """Cut off where a killed writer stopped."""
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    "harms",
    [(flip, half), (lambda data: b"", lambda data: data[:31])],
    ids=["flipped and half", "empty and short"],
)
def test_damaged_files_are_replaced(folder, harms):
    """Every code file harmed, each in its way: the same results, and whole files afterwards."""
    files = sorted(folder.rglob("*.nbc"))
    for file, harm in zip(files, harms, strict=True):  # both kernels of `pack`
        file.write_bytes(harm(file.read_bytes()))
    assert run(folder) == [2, 0]
    assert run(folder) == [0, 1]


def test_two_signatures_never_share_a_file(folder, tmp_path):
    """Writers that know nothing of each other, as two processes at once, keep both signatures."""
    one, other = CheckedFiles(str(tmp_path), "f"), CheckedFiles(str(tmp_path), "f")
    one.save(("float64",), "code of one")
    other.save(("int64",), "code of the other")
    assert one.load(("float64",)) == "code of one"
    assert one.load(("int64",)) == "code of the other"
    one.flush()
    assert other.load(("int64",)) is None
