"""The incremental and the batch measure give exactly equal integers (E-01 to E-05)."""

from random import Random

import pytest
from duty_streams import random_history

from quanheng.duties.figures import differences


@pytest.mark.parametrize("seed", range(150))
def test_incremental_equals_batch(seed: int) -> None:
    """Random histories in any order within an instant, through a snapshot, give one result."""
    random = Random(seed)
    history = random_history(random, random.choice((10, 60, 300)))
    batch = history.batch()
    live = history.incremental(random, restore_at=random.randrange(20))
    assert differences(live, batch) == []
