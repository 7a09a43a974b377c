"""The built page as it lies in the wheel, and the words of both languages."""

import gzip
import tomllib
from importlib.resources import files

import msgspec

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


class Asset(msgspec.Struct, frozen=True):
    """One file of the page."""

    kind: str
    body: bytes
    packed: bytes


def read_words() -> dict[str, list[str]]:
    """words.toml: key -> [Chinese, English]."""
    text = files("quanheng.desk").joinpath("words.toml").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for section, rows in tomllib.loads(text).items():
        for name, pair in rows.items():
            found[f"{section}.{name}"] = pair
    return found


def read_assets() -> dict[str, Asset]:
    """Every file of the page by name; the manifest of the build is not served."""
    found = {}
    for path in files("quanheng.desk").joinpath("static").iterdir():
        kind = KINDS.get("." + path.name.rpartition(".")[2])
        if kind is not None and path.name != "manifest.json":
            found[path.name] = _asset(kind, path.read_bytes())
    found["words.json"] = _asset(KINDS[".json"], msgspec.json.encode(read_words()))
    return found


def _asset(kind: str, body: bytes) -> Asset:
    return Asset(kind, body, gzip.compress(body, 9, mtime=0))
