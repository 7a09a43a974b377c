"""Mutation score of critical modules: small faults are put in, the tests must notice (#13, #26).

    python tools/mutate.py [NAME...] [--every N] [--seconds S]

NAME is one of TARGETS, all by default. A mutant is one change of one place of a module's syntax
tree: a comparison, a boolean, an integer, an arithmetic sign, a condition, a `raise` that is left
out. It is loaded in place of the module in a process of its own (kernels in plain Python), which
runs the module's tests until one fails. A mutant that no test notices has survived and is printed;
one that runs for ten times the whole's time counts as noticed. `--every 5` takes every fifth.
"""

import ast
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "quanheng"
_LADDER = [
    "tests/maker/test_maker_checks.py", "tests/maker/test_maker_instruction_ladder.py",
    "tests/maker/test_maker_ladder_wired.py",
]  # fmt: skip
_JOURNAL = ["tests/runtime/test_runtime_journal.py", "tests/live/test_live_journal.py"]
TARGETS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "ladder": (("maker/check_kernels", "maker/checks"), _LADDER),
    "journal": (("runtime/journal", "runtime/chain"), _JOURNAL),
}
"""Modules and the tests that shall notice what is wrong with them, the quickest first."""
FLIPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
PATIENCE = 10
"""Times the unchanged tests' time after which a mutant has been noticed."""


class Place(NamedTuple):
    """One change: which node in the order of `ast.walk`, which of its changes, in words."""

    module: str
    node: int
    change: int
    line: int
    words: str


def places(module: str) -> list[Place]:
    """Every change that can be made to a module."""
    tree = ast.parse((SRC / f"{module}.py").read_text(encoding="utf-8"))
    skipped = _unseen(tree)
    found = []
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for change, words in enumerate(changes(node)):
            found.append(Place(module, number, change, getattr(node, "lineno", 0), words))
    return sorted(found, key=lambda one: (one.line, one.node, one.change))


def _unseen(tree: ast.Module) -> set[int]:
    """Nodes that mean nothing when the code runs: annotations, and defaults of decorators."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            parts += [node.returns, *node.decorator_list]
        for part in filter(None, parts):
            found |= {id(one) for one in ast.walk(part)}
    return found


def changes(node: ast.AST) -> list[str]:
    """In words, what can be changed about a node."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in FLIPS:
            return [f"{type(op).__name__} becomes {FLIPS[type(op)].__name__}"]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in FLIPS:
            return [f"{type(op).__name__} becomes {FLIPS[type(op)].__name__}"]
        case ast.Constant(value=bool()):
            return [f"{node.value} becomes {not node.value}"]
        case ast.Constant(value=int()):
            return [f"{node.value} becomes {node.value + 1}"]
        case ast.If() | ast.IfExp() | ast.While():
            return ["condition turned round"]
        case ast.Raise():
            return ["raise left out"]
        case ast.Continue():
            return ["continue becomes break"]
    return []


def mutated(place: Place) -> ast.Module:
    """The module's tree with one change."""
    tree = ast.parse((SRC / f"{place.module}.py").read_text(encoding="utf-8"))
    for number, node in enumerate(ast.walk(tree)):
        if number == place.node:
            return ast.fix_missing_locations(_change(tree, node))
    raise ValueError(f"no node {place.node} in {place.module}")


def _change(tree: ast.Module, node: ast.AST) -> ast.Module:
    new: ast.AST | None = None
    match node:
        case ast.Compare():
            node.ops = [FLIPS[type(node.ops[0])]()]
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp():
            node.op = FLIPS[type(node.op)]()
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant():
            node.value = int(node.value) + 1  # type: ignore[arg-type]
        case ast.If() | ast.IfExp() | ast.While():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Raise():
            new = ast.Pass()
        case ast.Continue():
            new = ast.Break()
    if new is not None:
        for parent in ast.walk(tree):
            for body in (value for _, value in ast.iter_fields(parent) if isinstance(value, list)):
                body[:] = [new if one is node else one for one in body]
    return tree


class Instead(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Finds and loads one module as a changed tree."""

    def __init__(self, place: Place) -> None:
        self.module = "quanheng." + place.module.replace("/", ".")
        self.file = str(SRC / f"{place.module}.py")
        importlib.machinery.SourceFileLoader.__init__(self, self.module, self.file)
        self._code = compile(mutated(place), self.file, "exec")

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Ours for the one module, nothing for the others."""
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.file, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        """The changed code."""
        return self._code


def run_tests(tests: list[str], place: Place | None) -> int:
    """Fork, load the mutant, run the tests; the child's process number."""
    child = os.fork()
    if child:
        return child
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    code = 99
    with contextlib.suppress(BaseException):
        import pytest

        if place is not None:
            sys.meta_path.insert(0, Instead(place))
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
    os._exit(code)


def outcome(child: int, seconds: float) -> int:
    """The code with which a child ended, 124 when it was stopped after so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return 124


def sweep(name: str, every: int, seconds: float) -> tuple[int, list[Place]]:
    """Mutants tried, and those that survived. RuntimeError when the tests fail unchanged."""
    modules, tests = TARGETS[name]
    began = time.monotonic()
    if outcome(run_tests(tests, None), 600.0):
        raise RuntimeError(f"{name}: its tests fail without any change")
    limit = PATIENCE * (time.monotonic() - began) + 5.0
    chosen = [place for module in modules for place in places(module)][::every]
    survived, tried = [], 0
    for place in chosen:
        if time.monotonic() - began > seconds:
            break
        tried += 1
        if outcome(run_tests(tests, place), limit) == 0:
            survived.append(place)
            print(f"  survived: {place.module}.py:{place.line} {place.words}", flush=True)
    print(f"{name}: {tried} of {len(chosen)} mutants, {tried - len(survived)} noticed, "
          f"{(tried - len(survived)) / max(tried, 1):.1%}", flush=True)  # fmt: skip
    return tried, survived


def _preload() -> None:
    """What every child would import by itself."""
    for module in ("msgspec", "numba", "numpy", "pytest"):  # not what pytest rewrites
        importlib.import_module(module)


def main() -> int:
    """See the module."""
    words = sys.argv[1:]
    given = dict(itertools.pairwise(words))
    every, seconds = int(given.get("--every", 1)), float(given.get("--seconds", 1e9))
    names = [word for word in words if word in TARGETS] or [*TARGETS]
    os.chdir(ROOT)
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    _preload()
    for _, part in _swept(names, every, seconds):
        print(*sorted({f"{one.module}.py:{one.line}" for one in part}), sep="\n")
    return 0


def _swept(names: list[str], every: int, seconds: float) -> Iterator[tuple[int, list[Place]]]:
    for name in names:
        yield sweep(name, every, seconds)


if __name__ == "__main__":
    sys.exit(main())
