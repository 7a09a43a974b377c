"""Fixtures of the exchange room's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from quanheng.edge import ezstep


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database in a file."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ezstep.db'}")
    ezstep.create_tables(engine)
    yield engine
    engine.dispose()
