"""Which code a process is: sources, interpreter and libraries, as one number (promise 44, F17).

A day is made by processes of one build. Each looks by itself before it opens a socket
(`check_build`), and says its build to the supervisor, which looks again: after Knight nobody
should have to trust that every machine got the same files.
"""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

BUILD_FILE = "live/build.json"
PACKAGES = ("numpy", "numba", "llvmlite", "msgspec", "cryptography", "uvloop", "prometheus-client")
"""Distributions whose code a live process runs."""


class BuildError(RuntimeError):
    """A process of other code than the day's; the message names what differs."""


class Build(msgspec.Struct, frozen=True):
    """A build, and what it is made of. `identity` is SHA-256 over the rest, hex."""

    identity: str
    source: str  # SHA-256 over every source file of the package, hex
    python: str
    packages: dict[str, str]


@cache
def source_hash() -> str:
    """SHA-256 over every source file of the package, hex: which code made the run."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".toml") and path.is_file():
            digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


@cache
def this_build() -> Build:
    """The build of this process."""
    source, python = source_hash(), platform.python_version()
    packages = {name: _version(name) for name in PACKAGES}
    words = [source, python, *(f"{name} {number}" for name, number in packages.items())]
    identity = hashlib.sha256("\n".join(words).encode()).hexdigest()
    return Build(identity, source, python, packages)


def write_build(run: Path) -> None:
    """State the build of a day in its folder, before any process starts."""
    (run / BUILD_FILE).write_bytes(msgspec.json.encode(this_build()) + b"\n")


def difference(mine: Build, theirs: Build) -> str:
    """What differs between two builds; "" when they are one."""
    if mine.identity == theirs.identity:
        return ""
    if mine.python != theirs.python:
        return f"Python {mine.python}, the day's is {theirs.python}"
    if mine.source != theirs.source:
        return f"sources {mine.source[:12]}, the day's are {theirs.source[:12]}"
    return f"packages {mine.packages}, the day's are {theirs.packages}"


def check_build(run: Path) -> None:
    """BuildError when this process is of another build than the day's."""
    try:
        theirs = msgspec.json.decode((run / BUILD_FILE).read_bytes(), type=Build)
    except (OSError, msgspec.DecodeError) as error:
        raise BuildError(f"{run / BUILD_FILE}: {error}") from error
    why = difference(this_build(), theirs)
    if why:
        raise BuildError(f"{run}: mixed builds: this process has {why}")
