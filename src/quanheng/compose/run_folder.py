"""The run folder (borders.md 3): run.json and where everything of a run lies."""

import os
from pathlib import Path

import msgspec

from quanheng.edge.build import source_hash as source_hash
from quanheng.terms.units import Day


class RunError(Exception):
    """A run folder that cannot be used; the message names the folder and the reason."""


class RunInfo(msgspec.Struct, kw_only=True):
    """Content of run.json. `heads` are the chain heads of the journals at the end, hex."""

    day: Day
    scenario: str
    seed: int
    cadence_ms: int
    contracts: int
    journal: str
    version: str
    rulebook: str
    config: str
    source: str
    hash_seed: str
    speed: int = 0  # 0 simulated time; else live, business time per wall time
    status: str = "running"
    machines: dict[str, dict[str, str]] = {}
    heads: dict[str, str] = {}
    digest: str = ""


def folder_name(day: Day, scenario: str, seed: int, live: bool = False) -> str:
    """runs/<day>-<scenario>-s<seed>, with -live for a live run."""
    return f"{day}-{scenario}-s{seed}" + ("-live" if live else "")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a kill leaves either none or the whole of it."""
    aside = path.with_suffix(path.suffix + ".part")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def write_info(run: Path, info: RunInfo) -> None:
    """Write run.json."""
    text = msgspec.json.format(msgspec.json.encode(info), indent=1)
    (run / "run.json").write_bytes(text + b"\n")


def read_info(run: Path) -> RunInfo:
    """Read run.json. RunError when the folder is no run."""
    try:
        return msgspec.json.decode((run / "run.json").read_bytes(), type=RunInfo)
    except OSError as error:
        raise RunError(f"{run}: not a run folder, run.json: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise RunError(f"{run}/run.json: {error}") from error
