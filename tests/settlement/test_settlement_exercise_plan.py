"""What to buy and sell of an underlying around a delivery (rules.md 5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.settlement.exercise_plan import trades


@pytest.mark.parametrize(
    ("free", "due", "wanted"),
    [
        (0, 0, 0),
        (0, -40_000, 40_000),  # an assigned call writer buys on the day of the delivery
        (30_000, -40_000, 10_000),
        (40_000, -40_000, 0),
        (50_000, -40_000, -10_000),
        (0, 40_000, 0),  # what comes today cannot be sold today
        (40_000, 0, -40_000),
        (0, -10_160, 10_200),  # whole lots
        (160, 0, -100),
        (60, 0, 0),
    ],
)
def test_settlement_exercise_plan(free: int, due: int, wanted: int) -> None:
    """rules.md 5: enough for the delivery, nothing beyond it."""
    assert trades(free, due, 100) == wanted


@given(st.integers(0, 10**7), st.integers(-(10**7), 10**7))
def test_settlement_exercise_plan_covers_the_delivery(free: int, due: int) -> None:
    """After the trades the delivery can be made, and less than a lot too much is left."""
    wanted = trades(free, due, 100)
    left = free + wanted - max(0, -due)
    assert wanted % 100 == 0 and 0 <= left < 100
