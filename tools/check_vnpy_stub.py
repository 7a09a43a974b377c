"""Compare the tests' stand-in for vnpy with the real package (`make soak`).

    PYTHONPATH=FOLDER-WITH-VNPY .venv/bin/python tools/check_vnpy_stub.py

Every name, field, default and enum member of the stand-in must be vnpy's own, in the same order;
vnpy may have more. Values of enums are words of the user's language there. Exit 1: what differs.
"""

import dataclasses
import importlib
import inspect
import sys
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

STUB = Path(__file__).parents[1] / "tests" / "live" / "vnpy_stub"
MODULES = ("vnpy.event", "vnpy.trader.constant", "vnpy.trader.event", "vnpy.trader.object",
           "vnpy.trader.gateway")  # fmt: skip


def load(first: str = "") -> dict[str, ModuleType]:
    """The modules, from the path or from a folder in front of it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "vnpy"]:
        del sys.modules[name]
    before = list(sys.path)
    sys.path[:0] = [first] if first else []
    try:
        return {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path[:] = before


def differences(stub: Any, real: Any, where: str) -> list[str]:
    """What of a class or value of the stand-in vnpy has otherwise, or not at all."""
    if inspect.isclass(stub) and issubclass(stub, Enum):
        return [f"{where}.{one.name}" for one in stub if one.name not in real.__members__]
    if dataclasses.is_dataclass(stub):
        mine, theirs = _fields(stub), _fields(real)
        return [] if mine == theirs[: len(mine)] else [f"{where}: {mine} is not {theirs}"]
    if inspect.isclass(stub):
        found = []
        for name, method in vars(stub).items():
            if not inspect.isfunction(method):
                continue
            given = list(inspect.signature(method).parameters)
            other = getattr(real, name, None)
            if other is None or list(inspect.signature(other).parameters) != given:
                found.append(f"{where}.{name}")
        return found
    return [] if stub == real else [f"{where}: {stub!r} is not {real!r}"]


def _fields(kind: Any) -> list[tuple[str, str]]:
    rows = [(one.name, one.default) for one in dataclasses.fields(kind)]
    return [(name, str(value) if isinstance(value, Enum) else repr(value)) for name, value in rows]


def main() -> int:
    """Compare everything."""
    real = load()
    if Path(str(real["vnpy.event"].__file__)).is_relative_to(STUB):
        sys.stderr.write("vnpy itself is not on the path\n")
        return 2
    stub = load(str(STUB))
    wrong, count = [], 0
    for module, mine in stub.items():
        for name, value in vars(mine).items():
            own = getattr(value, "__module__", module) == module
            public = name.isupper() or (inspect.isclass(value) and own)
            if name.startswith("_") or not public:
                continue
            count += 1
            theirs = getattr(real[module], name, None)
            wrong += differences(value, theirs, f"{module}.{name}")
    for line in wrong:
        sys.stdout.write(f"differs: {line}\n")
    sys.stdout.write(f"{count} names of vnpy compared, {len(wrong)} differ\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
