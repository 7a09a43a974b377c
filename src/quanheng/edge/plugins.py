"""Models and strategies of installed wheels: found by entry point, loaded by hash (I-17, R-05).

A wheel offers a kernel under one of GROUPS. What is loaded is named by its entry point and by the
SHA-256 of its sources: every file of its own package that the module reaches through imports, and
every kernel of the house among them. Nothing is imported before that hash is the released one; an
import that the hash could not cover is refused.
"""

import ast
import hashlib
import importlib
import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from quanheng._kernel_cache import foreign
from quanheng.kernels.desk.plugged import CURVE, PLUGGED, STRATEGY, plug
from quanheng.maker.messages import MakerOpen

GROUPS = {STRATEGY: "quanheng.strategies", CURVE: "quanheng.curves"}
HOUSE = "quanheng"
KERNELS = "quanheng.kernels"
ALLOWED = ("__future__", "collections.abc", "math", "numpy", "typing")
"""What a plug-in may import besides its own package and the house's kernels: what they are is
fixed by the environment's lock. It compiles by `quanheng.kernels.jit.kernel`."""
BARRED = ("__import__", "compile", "eval", "exec", "globals", "open")
"""Calls by which code could come in that no hash knows."""
DIFFERS = (
    "cbrt", "cos", "erf", "erfc", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "pow",
    "power", "random", "sin", "tan", "tanh",
)  # fmt: skip
"""Functions of math and numpy whose last bits differ between machines; the house has its own."""


class PluginError(ValueError):
    """A plug-in that cannot be used; names it and the reason."""


class Plugin(msgspec.Struct, frozen=True):
    """An entry point of an installed distribution. `value` is module:function."""

    kind: int
    name: str
    value: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return f"{self.distribution} {self.version}, {GROUPS[self.kind]}: {self.value}"


def installed() -> tuple[Plugin, ...]:
    """Every plug-in of the environment, by kind and name."""
    found: dict[tuple[int, str, str, str], Plugin] = {}
    for kind, group in GROUPS.items():
        for point in metadata.entry_points(group=group):
            name = point.dist.name if point.dist is not None else ""
            version = point.dist.version if point.dist is not None else ""
            found[kind, point.name, point.value, name] = Plugin(
                kind, point.name, point.value, name, version
            )
    return tuple(found[key] for key in sorted(found))


def find(kind: int, name: str) -> Plugin:
    """The plug-in of a name. PluginError when there is none, or when two offer it."""
    mine = [one for one in installed() if (one.kind, one.name) == (kind, name)]
    if not mine:
        raise PluginError(f"no installed distribution offers {name} under {GROUPS[kind]}")
    if len(mine) > 1:
        both = ", ".join(one.distribution for one in mine)
        raise PluginError(f"{name} under {GROUPS[kind]} is offered by {both}")
    return mine[0]


def _home(package: str) -> Path:
    """Folder in which a package lies; nothing is imported to find it."""
    spec = PathFinder.find_spec(package, sys.path)
    if spec is None or spec.origin is None or Path(spec.origin).name != "__init__.py":
        raise PluginError(f"package {package} is not an installed package of Python files")
    return Path(spec.origin).parents[1]


def _file(home: Path, module: str) -> Path | None:
    plain = home.joinpath(*module.split(".")).with_suffix(".py")
    package = home.joinpath(*module.split("."), "__init__.py")
    return plain if plain.is_file() else package if package.is_file() else None


def _imports(path: Path, module: str) -> list[str]:
    """Dotted names that a file takes from elsewhere."""
    found: list[str] = []
    base = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = base.split(".")[: len(base.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            found += [start, *(f"{start}.{name.name}" for name in node.names)]
    return found


def _sound(path: Path) -> None:
    """PluginError for code that the hash cannot answer for, or that differs between machines."""
    for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Name) and node.id in BARRED:
            raise PluginError(f"{where}: {node.id} brings in what no hash covers")
        names = [name.name for name in node.names] if isinstance(node, ast.ImportFrom) else []
        taken = isinstance(node, ast.ImportFrom) and node.module in ("math", "numpy")
        called = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if called and node.value.id in ("math", "np", "numpy"):  # type: ignore[attr-defined]
            names, taken = [node.attr], True  # type: ignore[attr-defined]
        wrong = [name for name in names if taken and name in DIFFERS]
        if wrong:
            raise PluginError(
                f"{where}: {wrong[0]} differs between machines; use {KERNELS}.math.elementary"
            )


def _within(name: str, packages: Iterable[str]) -> bool:
    return any(name == one or name.startswith(one + ".") for one in packages)


def files_of(plugin: Plugin) -> dict[str, Path]:
    """Every file that decides what a plug-in answers, by relative name, sorted.

    PluginError for a module that is not there and for an import that the hash would not cover.
    """
    module = plugin.value.partition(":")[0]
    own = module.partition(".")[0]
    homes = {own: _home(own), HOUSE: Path(__file__).parents[2]}
    if own == HOUSE or _file(homes[own], module) is None:
        raise PluginError(f"{plugin.origin}: there is no module {module} of its own")
    waiting, found = [module], dict[str, Path]()
    while waiting:
        name = waiting.pop()
        path = _file(homes[name.partition(".")[0]], name)
        if path is None:
            continue  # a name in a module, not a module
        key = path.relative_to(homes[name.partition(".")[0]]).as_posix()
        if key in found:
            continue
        found[key] = path
        if name.startswith(own):
            # Python runs the packages above a module before it.
            parts = name.split(".")
            waiting += [".".join(parts[:count]) for count in range(1, len(parts))]
            _sound(path)
        for one in _imports(path, name):
            if _within(one, (own, KERNELS)):
                waiting.append(one)
            elif name.startswith(own) and not _within(one, ALLOWED):
                raise PluginError(
                    f"{plugin.origin}: {key} imports {one}, which its hash would not cover; "
                    f"allowed are {own}, {KERNELS}, {', '.join(ALLOWED)}"
                )
    return dict(sorted(found.items()))


def source_of(plugin: Plugin) -> str:
    """SHA-256 over names and contents of `files_of`."""
    return _hash(files_of(plugin))


def _hash(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in files.items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _package_mark(package: str) -> str:
    """Which state of a whole package this is: names the folder of its machine code."""
    home = _home(package)
    files = sorted((home / package).rglob("*.py"))
    return _hash({path.relative_to(home).as_posix(): path for path in files})[:16]


def label(name: str, version: int, source: str) -> str:
    """What the machine's opening and every message say of it: name, count and hash."""
    return f"{name} {version}-{source[:12]}"


def load(kind: int, code: int, name: str, version: int, source: str) -> Plugin:
    """Put a plug-in into the slot of its code. PluginError when its sources are not `source`."""
    plugin = find(kind, name)
    now = source_of(plugin)
    if now != source:
        raise PluginError(
            f"{plugin.origin}: its sources changed: registered {source[:12]}, installed {now[:12]}"
        )
    module, _, function = plugin.value.partition(":")
    own = module.partition(".")[0]
    mark = _package_mark(own)
    if own in sys.modules and foreign.get(own, mark) != mark:
        raise PluginError(f"{plugin.origin}: this process runs {own} as it was before")
    foreign[own] = mark
    loaded = importlib.import_module(module)
    if loaded.__file__ is None or Path(loaded.__file__) not in files_of(plugin).values():
        raise PluginError(f"{plugin.origin}: {module} was loaded from {loaded.__file__}")
    if not callable(getattr(loaded, function, None)):
        raise PluginError(f"{plugin.origin}: {module} has no function {function}")
    plug(kind, code, label(name, version, source), getattr(loaded, function))
    return plugin


def load_opening(opening: MakerOpen) -> None:
    """Load what a maker's opening names by (code, label): the same code in every process, whoever
    opened the day. PluginError for one that is not installed from those very sources.
    """
    for kind, given in ((STRATEGY, opening.quoting), (CURVE, opening.fitting)):
        for code, text in given:
            if code >= PLUGGED:
                _load_labelled(kind, code, text)


def _load_labelled(kind: int, code: int, text: str) -> None:
    name, _, version = text.partition(" ")
    count, _, mark = version.partition("-")
    source = source_of(find(kind, name))
    if source[:12] != mark or not count.isdigit():
        raise PluginError(f"{text} is not what is installed: {name} {source[:12]}")
    load(kind, code, name, int(count), source)
