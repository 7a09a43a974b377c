"""One cluster for the room's tests; each test leaves it whole."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from copy_rig import CopyRig
from nats_rig import Cluster

sys.path.append(str(Path(__file__).parents[1] / "compose"))
sys.path.append(str(Path(__file__).parents[1] / "live"))


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three servers as promise 32 wants them."""
    made = Cluster(tmp_path_factory.mktemp("nats"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def cluster(three: Cluster) -> Cluster:
    """The same, every server up and current."""
    three.whole()
    return three


@pytest.fixture
def rig(cluster: Cluster, tmp_path: Path) -> Iterator[CopyRig]:
    made = CopyRig(tmp_path / "run", cluster)
    made.write(20)
    made.copied()
    yield made
    made.close()


@pytest.fixture(scope="session")
def lazy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server as it is shipped: it acknowledges, and syncs up to two minutes later."""
    made = Cluster(tmp_path_factory.mktemp("lazy"), 1, sync="")
    try:
        made.start()
        yield made
    finally:
        made.close()
