"""Rules of the house that no general tool checks. Each rule is also shown to fire on a bad sample.

A rule takes the path of a file inside src/quanheng and its syntax tree and returns complaints in
the form "line: what is wrong; what to do instead".
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "src" / "quanheng"
LONGEST_FILE = 400
LONGEST_FUNCTION = 70

ROOF = ("compose", "config", "desk", "registry", "edge")
FOLDS = ("exchange", "clearing", "maker", "oversight", "settlement", "authority", "duties", "books")

BANNED = {
    "datetime": "quanheng.terms.days",
    "time": "the envelope's `at`",
    "random": "a splitmix64 seed in the machine's state",
    "uuid": "counters in the machine's state",
    "secrets": "the authority's store in edge",
    "socket": "quanheng.edge",
    "asyncio": "quanheng.runtime.live or quanheng.edge",
    "threading": "quanheng.runtime.live or quanheng.edge",
    "logging": "a RaiseAlert or Record effect",
    "os": "quanheng.edge",
    "pathlib": "quanheng.edge",
}
ALLOWED = {
    "runtime/disk.py": ("os", "pathlib"),
    "runtime/segment.py": ("pathlib",),
    "runtime/scrub.py": ("pathlib",),
    "runtime/snapshots.py": ("os", "pathlib"),
    "runtime/verify.py": ("os", "pathlib"),
    "runtime/replay.py": ("pathlib",),
    "runtime/live.py": ("asyncio", "time", "threading", "socket"),
}
"""The files that own the journal's folders, and the host that waits."""

MATH = (
    "exp",
    "log",
    "log2",
    "log10",
    "log1p",
    "expm1",
    "power",
    "pow",
    "sin",
    "cos",
    "tanh",
    "erf",
)

Rule = Callable[[str, ast.Module], Iterator[str]]


def below_the_roof(path: str) -> bool:
    """Is the file in a room under edge, desk and compose?"""
    return "/" in path and path.split("/")[0] not in ROOF


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def banned_modules(path: str, tree: ast.Module) -> Iterator[str]:
    """Clock, chance, files and sockets stay out of the rooms below edge."""
    if not below_the_roof(path):
        return
    for line, module in imported(tree):
        head = module.split(".")[0]
        if head in BANNED and head not in ALLOWED.get(path, ()):
            yield f"{line}: imports {head}; use {BANNED[head]}"
        if module.startswith("quanheng.config"):
            yield f"{line}: imports config below the roof; take the value as an argument"


def numpy_random(path: str, tree: ast.Module) -> Iterator[str]:
    """numpy.random is banned below the roof in every spelling."""
    if not below_the_roof(path):
        return
    for line, module in imported(tree):
        if module.startswith("numpy.random"):
            yield f"{line}: imports numpy.random; use {BANNED['random']}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node) in ("np.random", "numpy.random"):
            yield f"{node.lineno}: uses numpy.random; use {BANNED['random']}"


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def own_mathematics(path: str, tree: ast.Module) -> Iterator[str]:
    """exp, log and friends of numpy and libm differ between CPUs; ours do not (borders.md 5)."""
    room = path.split("/")[0]
    for node in ast.walk(tree):
        if room not in (*FOLDS, "kernels") or not isinstance(node, ast.Call):
            continue
        head, _, name = dotted(node.func).rpartition(".")
        if head in ("np", "numpy", "math") and name in MATH:
            yield f"{node.lineno}: {head}.{name}; use quanheng.kernels.math.elementary"


def sums_in_kernels(path: str, tree: ast.Module) -> Iterator[str]:
    """A reduction's order is numpy's business; in a kernel it is a loop that we wrote."""
    for function in functions(tree):
        names = [
            dotted(one.func if isinstance(one, ast.Call) else one) for one in decorators(function)
        ]
        if not any(name.split(".")[-1] == "kernel" for name in names):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and dotted(node.func) in ("np.sum", "np.dot", "np.mean"):
                yield f"{node.lineno}: {dotted(node.func)} in a kernel; write the loop"
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                yield f"{node.lineno}: ** in a kernel; multiply, or use elementary.exp and log"


def decorators(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Decorators of a function."""
    return function.decorator_list


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_set(node: ast.expr | None, names: frozenset[str]) -> bool:
    """Is the expression plainly a set?"""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call):
        if dotted(node.func) in ("set", "frozenset"):
            return True
        methods = ("union", "intersection", "difference", "symmetric_difference")
        return (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in methods
            and is_set(node.func.value, names)
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        return is_set(node.left, names) or is_set(node.right, names)
    return False


def set_names(scope: ast.AST) -> frozenset[str]:
    """Variables of a scope that are assigned or annotated as sets."""
    found: list[str] = []
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and is_set(node.value, frozenset()):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            kind = ast.unparse(node.annotation).split("[")[0]
            name = node.arg if isinstance(node, ast.arg) else dotted(node.target)
            if kind in ("set", "frozenset"):
                found.append(name)
    return frozenset(found)


def set_iteration(path: str, tree: ast.Module) -> Iterator[str]:
    """The order of a set is not part of a machine's input."""
    if not below_the_roof(path):
        return
    for scope in [*functions(tree)]:
        names = set_names(scope)
        for node in ast.walk(scope):
            over: list[ast.expr] = []
            if isinstance(node, ast.For | ast.comprehension):
                over = [node.iter]
            elif isinstance(node, ast.Starred):
                over = [node.value]
            elif isinstance(node, ast.Call) and dotted(node.func) in (
                "list",
                "tuple",
                "iter",
                "enumerate",
                "zip",
                "map",
                "dict.fromkeys",
            ):
                over = list(node.args)
            for one in over:
                if is_set(one, names):
                    yield f"{one.lineno}: walks a set; sort it, or use a dict or a list"


def floats_in_messages(path: str, tree: ast.Module) -> Iterator[str]:
    """No message, effect or view carries a float (borders.md 1)."""
    message_file = path.startswith("terms/") or path == "runtime/envelope.py"
    if not (message_file or path.endswith("/messages.py")):
        return
    for klass in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in klass.body:
            if isinstance(node, ast.AnnAssign) and any(
                isinstance(part, ast.Name) and part.id == "float"
                for part in ast.walk(node.annotation)
            ):
                field = f"{klass.name}.{dotted(node.target)}"
                yield f"{node.lineno}: {field} is a float; use an integer of a stated unit"


def machine_attributes(path: str, tree: ast.Module) -> Iterator[str]:
    """A machine has one attribute, `state`, or a snapshot would forget something."""
    for klass in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        stated = [dotted(node.target) for node in klass.body if isinstance(node, ast.AnnAssign)]
        if not {"NAME", "INPUT", "EFFECT"} <= set(stated) or path == "runtime/machine.py":
            continue
        for node in ast.walk(klass):
            stores = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            if stores and dotted(node.value) == "self" and node.attr != "state":
                yield f"{node.lineno}: {klass.name}.{node.attr}; put it into the state"


def long_functions(path: str, tree: ast.Module) -> Iterator[str]:
    """A function fits a screen, decorators and docstring included."""
    for function in functions(tree):
        first = min([function.lineno, *(one.lineno for one in decorators(function))])
        length = (function.end_lineno or first) - first + 1
        if length > LONGEST_FUNCTION:
            yield f"{first}: {function.name} has {length} lines, {LONGEST_FUNCTION} at most"


def unbounded_queues(path: str, tree: ast.Module) -> Iterator[str]:
    """Every queue between threads or tasks has a bound (promise 30, reliability.md 5)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        head, _, name = dotted(node.func).rpartition(".")
        if head not in ("", "queue", "asyncio", "multiprocessing"):
            continue
        given = [*node.args, *(one.value for one in node.keywords if one.arg == "maxsize")]
        none = not given or (isinstance(given[0], ast.Constant) and not given[0].value)
        if name in ("Queue", "LifoQueue", "PriorityQueue") and none:
            yield f"{node.lineno}: {name} without a bound; give it a maxsize"
        if name == "SimpleQueue":
            yield f"{node.lineno}: SimpleQueue has no bound; use Queue with a maxsize"


RULES: tuple[Rule, ...] = (
    unbounded_queues,
    banned_modules,
    numpy_random,
    own_mathematics,
    sums_in_kernels,
    set_iteration,
    floats_in_messages,
    machine_attributes,
    long_functions,
)

BAD: dict[str, tuple[str, str]] = {
    "unbounded_queues": ("desk/a.py", "import asyncio\nq = asyncio.Queue()"),
    "banned_modules": ("maker/a.py", "import time"),
    "numpy_random": ("exchange/a.py", "import numpy as np\nnp.random.default_rng(1)"),
    "own_mathematics": ("maker/a.py", "import numpy as np\nx = np.exp(1.0)"),
    "sums_in_kernels": ("kernels/a.py", "@kernel\ndef f(x):\n    return x**2.0"),
    "set_iteration": ("books/a.py", "def f():\n    s = {1, 2}\n    return [x for x in s]"),
    "floats_in_messages": ("maker/messages.py", "class A:\n    price: float | None"),
    "machine_attributes": (
        "maker/a.py",
        "class A:\n    NAME: str = ''\n    INPUT: int = 0\n    EFFECT: int = 0\n"
        "    def f(self):\n        self.state = self.cache = 1",
    ),
    "long_functions": ("maker/a.py", "@x\ndef f():\n" + "    pass\n" * LONGEST_FUNCTION),
}


def python_files(*folders: str) -> list[Path]:
    """Every Python file in the folders of the repository, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tidy_house_keeps_the_rule(rule: Rule) -> None:
    """No file of the house breaks the rule."""
    complaints: list[str] = []
    for file in python_files("src/quanheng"):
        path = file.relative_to(HOUSE).as_posix()
        tree = ast.parse(file.read_text(encoding="utf-8"))
        complaints += [f"src/quanheng/{path}:{text}" for text in rule(path, tree)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tidy_rule_fires(rule: Rule) -> None:
    """The rule complains about its bad sample and names a line."""
    path, text = BAD[rule.__name__]
    complaints = list(rule(path, ast.parse(text)))
    assert complaints, f"{rule.__name__} finds nothing wrong with its bad sample"
    assert all(one.split(":")[0].isdigit() for one in complaints)


def test_tidy_edge_may_do_what_machines_may_not() -> None:
    """Rooms above the machines may read clocks and files; sorted sets are fine."""
    assert not list(banned_modules("edge/a.py", ast.parse("import time")))
    assert not list(banned_modules("runtime/disk.py", ast.parse("import os")))
    assert not list(set_iteration("books/a.py", ast.parse("def f():\n    return sorted({1, 2})")))


def test_tidy_files_are_short() -> None:
    """No source file has more lines than a person reads at once."""
    long = [
        f"{file.relative_to(ROOT)}: {count} lines, {LONGEST_FILE} at most"
        for file in python_files("src", "tests", "tools")
        if (count := len(file.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]
    assert not long, "\n".join(long)


def test_tidy_functions_outside_the_house_are_short() -> None:
    """Tests and tools keep the same length of function."""
    long: list[str] = []
    for file in python_files("tests", "tools"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        long += [f"{file.relative_to(ROOT)}:{text}" for text in long_functions("", tree)]
    assert not long, "\n".join(long)


def constructors(name: str) -> list[str]:
    """Files of the house that call `name(...)`."""
    found: list[str] = []
    for file in python_files("src/quanheng"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        if any(dotted(node.func).split(".")[-1] == name for node in calls):
            found.append(file.relative_to(HOUSE).as_posix())
    return found


def test_tidy_only_the_ladder_passes() -> None:
    """`Passed`, the proof that a request met the checks, is made in one file (house.md 5)."""
    assert len(constructors("Passed")) == 1, constructors("Passed")
