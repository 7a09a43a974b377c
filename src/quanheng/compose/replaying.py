"""Replay in a fresh process under another PYTHONHASHSEED (house.md 4.3).

    python -m quanheng.compose.replaying RUN MACHINE

prints one JSON object. A machine that iterates over a set agrees with itself only within one
process, so the parent gives each child a hash seed of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from quanheng.authority.authority import Authority
from quanheng.authority.firm import FirmAuthority
from quanheng.clearing.clearing import Clearing
from quanheng.compose.plugin_runs import load_of_run
from quanheng.compose.run_folder import RunError
from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.venue import Venue
from quanheng.maker.maker import Maker
from quanheng.oversight.overseer import Overseer
from quanheng.runtime.records import Checkpoint, unseal_checkpoint
from quanheng.runtime.replay import replay
from quanheng.runtime.segment import read_segments, segment_paths
from quanheng.runtime.snapshots import FolderSnapshots

MACHINES: dict[str, type[Any]] = {
    kind.NAME: kind
    for kind in (Authority, Clearing, EtfVenue, FirmAuthority, Maker, Overseer, Venue)
}


def replay_machine(run: Path, machine: str) -> dict[str, Any]:
    """Replay one machine's journal here; the outcome as plain values."""
    folder = run / "journal" / machine
    start = _start_of(run, machine, segment_paths(folder)[0][0])
    first = 1 if start is None else start.frame_seq + 1
    if machine == Maker.NAME:
        load_of_run(run, start)
    frames = read_segments(folder, machine, first)
    outcome = replay(frames, MACHINES[machine](), start)
    difference = outcome.first_difference
    text = None
    if difference is not None:
        text = (
            f"frame {difference.frame} input {difference.input_seq} {difference.kind}: "
            f"{difference.what}: journal {difference.journaled} replay {difference.replayed}"
        )
    return {
        "machine": machine,
        "ok": outcome.ok,
        "inputs": outcome.inputs,
        "compared": outcome.compared,
        "first_difference": text,
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
    }


def _start_of(run: Path, machine: str, first: int) -> Checkpoint | None:
    """Where to begin: frame 1, or for a kept tail the oldest snapshot that lies in it."""
    if first == 1:
        return None
    snapshots = FolderSnapshots(run, machine, durable=False)
    for seq in snapshots.seqs():
        file = snapshots.read(seq) if seq >= first else None
        checkpoint = None if file is None else unseal_checkpoint(file)
        if checkpoint is not None:
            return checkpoint
    raise RunError(f"{run}: {machine} kept a tail from {first} on and no snapshot within it")


def replay_all(run: Path, only: str = "") -> list[dict[str, Any]]:
    """Replay every machine of a run, each in a process with its own hash seed."""
    folder = run / "journal"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    names = [name for name in names if not only or name == only]
    unknown = [name for name in names if name not in MACHINES]
    if not names or unknown:
        what = f"machine {only or (unknown and unknown[0]) or 'at all'}"
        raise RunError(f"{run}: no journal of {what} to replay")
    children = []
    for number, name in enumerate(names, start=1):
        environment = {**os.environ, "PYTHONHASHSEED": str(number * 7919)}
        command = [sys.executable, "-m", "quanheng.compose.replaying", str(run), name]
        children.append(
            (
                name,
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                ),
            )
        )
    outcomes = []
    for name, child in children:
        out, errors = child.communicate()
        if child.returncode:
            last = errors.strip().splitlines()[-1] if errors.strip() else "no output"
            outcomes.append(
                {"machine": name, "ok": False, "inputs": 0, "compared": 0, "first_difference": last}
            )
        else:
            outcomes.append(json.loads(out))
    return outcomes


if __name__ == "__main__":
    sys.stdout.write(json.dumps(replay_machine(Path(sys.argv[1]), sys.argv[2])) + "\n")
