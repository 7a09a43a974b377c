"""A rating on a Ray cluster of which a node dies: the same bytes (E-12, duty_dataset.md)."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quanheng.compose import market_history as history
from quanheng.compose import rate_command as command
from quanheng.compose.market_quotes import HistoryPlan

pytest.importorskip("ray")

FIRST, LAST = 20240521, 20240524
SCRIPT = Path(__file__).parent / "ray_cluster.py"


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """A word in the environment of everything that the test starts; what is left of it is killed,
    by its process id.
    """
    word = f"QUANHENG_TEST_OF={tmp_path}"
    yield word
    for folder in Path("/proc").iterdir():
        try:
            found = word.encode() in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if found and folder.name.isdigit():
            os.kill(int(folder.name), signal.SIGKILL)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every output file and every part."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "signature"
    }


def test_a_node_that_dies_changes_nothing(tmp_path: Path, mark: str) -> None:
    """Two nodes, one killed while it works on a part: all parts and tables have the bytes of a
    rating in this process.
    """
    market = tmp_path / "market"
    plan = HistoryPlan(out=market, days=4, first=FIRST, updates=20, workers=1)
    history.make_history(plan, lambda _: None)
    name, _, value = mark.partition("=")
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), str(market), str(tmp_path / "ray"), str(FIRST), str(LAST)],
        check=False,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["working"] == "ray::rate_one", "the node was killed in the middle of a part"
    assert 1 <= told["parts"] < 20
    assert (told["nodes"], told["dead"]) == (2, 1)
    alone = command.RatePlan(
        folder=market, out=tmp_path / "alone", first=FIRST, last=LAST, workers=1
    )
    command.rate_folder(alone)
    found = digests(tmp_path / "ray")
    assert len([name for name in found if name.endswith(".msgpack")]) == 20
    assert found == digests(tmp_path / "alone")
