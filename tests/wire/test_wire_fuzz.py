"""A slice of the fuzzer: what `tools/fuzz_wire.py` feeds by the million, deterministic."""

import gc
import importlib.util
import sys
import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The tool as a module."""
    path = Path(__file__).parents[2] / "tools" / "fuzz_wire.py"
    spec = importlib.util.spec_from_file_location("fuzz_wire", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_wire"] = module
    spec.loader.exec_module(module)
    return module


def test_wire_fuzz_slice(tool: ModuleType) -> None:
    """30,000 broken frames and files: every target is reached, nothing crashes, most is refused."""
    done = tool.fuzz(30_000, 7)
    assert sum(done.counts.values()) == 30_000
    assert set(done.counts) == {"file", *(name for name, _ in done.targets)}
    assert min(done.counts.values()) > 500
    assert sum(done.refused.values()) > 15_000
    assert done.refused["file"] > 300
    assert done.refused["session ended"] > 1_000


def test_wire_fuzz_same_seed_same_frames(tool: ModuleType) -> None:
    """A failure can be repeated from its seed."""
    one, two = tool.fuzz(2_000, 3), tool.fuzz(2_000, 3)
    assert (one.counts, one.refused) == (two.counts, two.refused)
    assert tool.fuzz(2_000, 4).refused != one.refused


def test_wire_fuzz_memory_is_bounded(tool: ModuleType) -> None:
    """After the first thousands, thousands more keep nothing."""
    fuzzer = tool.fuzz(4_000, 5)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(4_001, 8_001):
        fuzzer.step(number)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1_500_000
