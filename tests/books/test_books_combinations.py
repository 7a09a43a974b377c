"""The six combinations: legs, margins, end of life (rules.md 3.4 with its worked numbers)."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quanheng.books import combinations as combo
from quanheng.books import positions
from quanheng.compose.reference import load
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import margin
from quanheng.terms.codes import Effect, Side
from quanheng.terms.contract import Chain, Contract, build_chain

DAY = 20240627
BOOK = read_rulebook(DAY)
SAMPLE = load().chain.contracts[0]
SPOT = 29_630


def row(number: int, kind: str, strike: int, settle: int, **more: int | str) -> Contract:
    held = margin.opening(BOOK, "EBS", kind, strike, settle, SPOT, 10_000)
    plain = msgspec.structs.replace(
        SAMPLE, code=f"{10_000_000 + number}", kind=kind, strike=strike, previous_settle=settle,
        underlying_close=SPOT, margin_unit=held, unit=10_000, last_day=20240724,
        auto_split_day=20240722, status="0000E0  ",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **more)


CHAIN: Chain = build_chain(
    DAY,
    [
        row(0, "C", 30_000, 500),
        row(1, "C", 31_000, 210),
        row(2, "P", 28_500, 230),
        row(3, "P", 30_000, 850),
        row(4, "C", 31_000, 300, last_day=20240828),
        row(5, "C", 31_000, 300, unit=10_160),
        row(6, "C", 31_000, 300, underlying="510300"),
    ],
)
LONG, SHORT = False, True


def legs(*pairs: tuple[int, bool], qty: int = 1) -> list[combo.Leg]:
    return [combo.Leg(slot, short, False, qty) for slot, short in pairs]


@pytest.mark.parametrize(
    ("strategy", "slots", "yuan"),
    [
        # rules.md 3.4, worked at S 2.963; margins 3,685.60, 4,405.60, 2,395.60 and 2,655.60
        ("KS", ((0, SHORT), (3, SHORT)), "4905.60"),
        ("KKS", ((1, SHORT), (2, SHORT)), "2865.60"),
        ("CXSJC", ((1, LONG), (0, SHORT)), "1000.00"),
        ("CNSJC", ((0, LONG), (1, SHORT)), "0.00"),
        ("PNSJC", ((2, LONG), (3, SHORT)), "1500.00"),
        ("PXSJC", ((3, LONG), (2, SHORT)), "0.00"),
    ],
)
def test_combination_margins(strategy: str, slots: tuple[tuple[int, bool], ...], yuan: str) -> None:
    """rules.md 3.4: the worked numbers, to the last digit, whatever order the legs come in."""
    single = [f"{item.margin_unit / 10_000:.2f}" for item in CHAIN.contracts[:4]]
    assert single == ["3685.60", "2395.60", "2655.60", "4405.60"]
    for order in (slots, slots[::-1]):
        fault, placed = combo.arranged(CHAIN, DAY, strategy, 1, legs(*order))
        assert fault == ""
        assert f"{combo.opening(CHAIN, strategy, placed) / 10_000:.2f}" == yuan
    # Maintenance is the same formula with today's prices: here they are the same.
    held = combo.Combination(strategy, placed, 3)
    settles = [item.previous_settle for item in CHAIN.contracts]
    assert f"{combo.maintenance(CHAIN, BOOK, held, settles, SPOT) / 10_000:.2f}" == yuan


def test_combination_equal_margins_take_the_larger_premium() -> None:
    """rules.md 3.4 DOC[58]."""
    pair = (CHAIN.contracts[0], CHAIN.contracts[3])
    assert combo.margin_per_unit("KS", pair, (500, 850), (7_000_000, 7_000_000)) == 15_500_000


@pytest.mark.parametrize(
    ("strategy", "qty", "asked", "fault"),
    [
        ("ZZZ", 1, legs((0, LONG), (1, SHORT)), "INVALID_STRATEGY"),
        ("KS", 1, legs((0, SHORT)), "LEG_COUNT_WRONG"),
        ("KS", 0, legs((0, SHORT), (3, SHORT), qty=0), "COMBINATION_QUANTITY"),
        ("KS", 2, legs((0, SHORT), (3, SHORT)), "LEG_QUANTITY_WRONG"),
        ("CNSJC", 1, legs((0, LONG), (6, SHORT)), "LEG_UNDERLYING_WRONG"),
        ("CNSJC", 1, legs((0, LONG), (4, SHORT)), "LEG_EXPIRY_WRONG"),
        ("CNSJC", 1, legs((0, LONG), (5, SHORT)), "LEG_UNITS_DIFFER"),
        ("CNSJC", 1, legs((0, LONG), (3, SHORT)), "LEG_TYPE_WRONG"),
        ("CNSJC", 1, legs((0, SHORT), (1, SHORT)), "LEG_SIDE_WRONG"),
        ("CNSJC", 1, legs((1, LONG), (0, SHORT)), "LEG_STRIKE_WRONG"),
        ("KS", 1, legs((1, SHORT), (3, SHORT)), "LEG_STRIKE_WRONG"),
        ("KKS", 1, legs((0, SHORT), (3, SHORT)), "LEG_STRIKE_WRONG"),
    ],
)
def test_combination_faults(strategy: str, qty: int, asked: list[combo.Leg], fault: str) -> None:
    """interfaces.md 2.10: each fault by its own name."""
    assert combo.arranged(CHAIN, DAY, strategy, qty, asked) == (fault, (-1, -1))


def test_combination_covered_legs_and_late_spreads() -> None:
    """rules.md 3.4: nothing covered combines; no vertical spread after E-2, straddles to E."""
    covered = [combo.Leg(0, LONG, False, 1), combo.Leg(1, SHORT, True, 1)]
    assert combo.arranged(CHAIN, DAY, "CNSJC", 1, covered)[0] == "LEG_COVERED_WRONG"
    spread, straddle = legs((0, LONG), (1, SHORT)), legs((0, SHORT), (3, SHORT))
    assert combo.arranged(CHAIN, 20240722, "CNSJC", 1, spread)[0] == ""
    assert combo.arranged(CHAIN, 20240723, "CNSJC", 1, spread)[0] == "NO_VERTICAL_SPREADS"
    assert combo.arranged(CHAIN, 20240724, "KS", 1, straddle)[0] == ""


def test_combination_ends_by_itself() -> None:
    """rules.md 3.4: vertical spreads at the end of E-2, straddles and strangles at the end of E."""
    spread = combo.Combination("CNSJC", (0, 1), 1)
    strangle = combo.Combination("KKS", (1, 2), 1)
    found = [
        (combo.ends(CHAIN, spread, day), combo.ends(CHAIN, strangle, day))
        for day in (20240719, 20240722, 20240723, 20240724)
    ]
    assert found == [(False, False), (True, False), (True, False), (True, True)]


def test_combination_ties_its_legs() -> None:
    """rules.md 2.7: day-end netting leaves what stands in combinations alone."""
    held = {"1": combo.Combination("CNSJC", (0, 1), 2), "2": combo.Combination("KS", (0, 3), 1)}
    long, short = combo.tied(len(CHAIN.contracts), held)
    assert long.tolist()[:4] == [2, 0, 0, 0] and short.tolist()[:4] == [1, 2, 0, 1]
    book = positions.open_book(len(CHAIN.contracts))
    positions.apply_trade(book, 0, Side.BUY, Effect.OPEN, False, 5, 500, 10_000, 0)
    positions.apply_trade(book, 0, Side.SELL, Effect.OPEN, False, 4, 500, 10_000, 0)
    closed = positions.net_at_close(book, (long, short))
    # 3 of 5 long and 3 of 4 short are free.
    assert closed == (positions.Closed(0, 3, 0),)
    assert (book.long_qty[0], book.short_qty[0]) == (2, 1)
    assert positions.check_identity(book) == 0


@given(st.integers(0, 40), st.integers(0, 40))
def test_combination_relief_never_costs_more_than_it_holds(units: int, more: int) -> None:
    """Margin with combinations lies between 0 and the margin of the single shorts."""
    held = {
        "1": combo.Combination("CXSJC", (1, 0), units),
        "2": combo.Combination("KS", (0, 3), more),
        "3": combo.Combination("PXSJC", (3, 2), units),
    }
    settles = [item.previous_settle for item in CHAIN.contracts]
    single = np.array([item.margin_unit for item in CHAIN.contracts])
    _, short = combo.tied(len(settles), held)
    alone = int((short * single).sum())
    saved = combo.relief(CHAIN, BOOK, held, settles, (SPOT, SPOT), single)
    assert 0 <= saved <= alone
    # 3,685.60 - 1,000 a CXSJC, 8,091.20 - 4,905.60 a KS, 2,655.60 a PXSJC.
    assert saved == units * (26_856_000 + 26_556_000) + more * 31_856_000
