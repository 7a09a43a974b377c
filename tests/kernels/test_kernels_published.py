"""The exchange's own published Greeks and implied volatilities of 2024-06-26 (I-29)."""

import math
import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "published_greeks.py"))
ROWS = list(TOOL["read"]())
MATCHES = [TOOL["match"](row) for row in ROWS]


def test_every_published_contract_is_here():
    """146 contracts of two underlyings in three months."""
    assert len(ROWS) == 146
    assert len({row.code for row in ROWS}) == 146


@pytest.mark.parametrize("each", MATCHES, ids=lambda each: each.row.code)
def test_one_volatility_gives_all_five_published_greeks(each):
    """I-29: a vol inside the printed vol's rounding interval reproduces every printed Greek."""
    assert not math.isnan(each.low), f"nearest: {each.greeks}, printed: {each.row.printed}"
    assert abs(0.5 * (each.low + each.high) - each.row.vol) <= 0.0005


def test_another_convention_would_not_match():
    """The match means something: with trading days, or the next day's count, most rows fail."""
    moved = [TOOL["match"](row._replace(tau=row.tau * 243 / 250)) for row in ROWS]
    assert sum(math.isnan(each.low) for each in moved) > 100


def test_the_page_is_the_generated_one():
    """docs/studies/published-greeks.md says what the kernels compute today."""
    assert TOOL["PAGE"].read_text(encoding="utf-8") == TOOL["page"](MATCHES)
