"""The bill of materials: what a node runs, in CycloneDX 1.5 (reliability.md 5, promise 42).

Names and versions are those that are installed; hashes are those of the lock, which are what the
installation was held against. A package that is installed in another version than the lock names
has no hash here, and is listed as not locked.
"""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quanheng.compose.configuration import ListError, packages
from quanheng.edge.build import this_build

NAME = "quanheng"
INSTALLERS = ("pip", "setuptools", "wheel", "uv")
"""What puts packages into an environment belongs to it, and is not run by a node."""
_PINNED = re.compile(r"(?m)^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(name, version) -> SHA-256 of the files that a lock allows."""
    places = [*_PINNED.finditer(text)]
    ends = [*(place.start() for place in places[1:]), len(text)][: len(places)]
    return {
        (normal(place[1]), place[2]): tuple(_HASH.findall(text, place.end(), end))
        for place, end in zip(places, ends, strict=True)
    }


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(locks: tuple[Path, ...], at: datetime | None = None) -> dict[str, Any]:
    """The document. ListError for a lock that cannot be read or holds nothing."""
    known: dict[tuple[str, str], tuple[str, ...]] = {}
    for path in locks:
        try:
            found = locked(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ListError(f"{path}: {error.strerror}") from error
        if not found:
            raise ListError(f"{path}: no pinned requirement in it")
        known |= found
    build = this_build()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "name": NAME,
                "version": packages().get(NAME, "0"),
                "bom-ref": NAME,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": build.source}],
            },
        },
        "components": [
            _component(name, version, known) for name, version in packages().items() if name != NAME
        ],
    }


def _component(
    name: str, version: str, known: dict[tuple[str, str], tuple[str, ...]]
) -> dict[str, Any]:
    plain = normal(name)
    hashes = known.get((plain, version), ())
    purl = f"pkg:pypi/{plain}@{version}"
    return {
        "type": "library",
        "name": plain,
        "version": version,
        "bom-ref": purl,
        "purl": purl,
        "properties": [{"name": "quanheng:locked", "value": str(bool(hashes)).lower()},
                       {"name": "quanheng:lock-hashes", "value": digest(hashes)}],
    }  # fmt: skip


def digest(hashes: tuple[str, ...]) -> str:
    """One hash over the files that a lock allows for a package; "" for none. CycloneDX's own field
    is for the one file that was installed, which nothing remembers.
    """
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest() if hashes else ""


def unlocked(made: dict[str, Any]) -> list[str]:
    """Packages that are installed in a version that no lock names."""
    return [
        f"{one['name']} {one['version']}"
        for one in made["components"]
        if one["properties"][0]["value"] == "false" and one["name"] not in INSTALLERS
    ]
