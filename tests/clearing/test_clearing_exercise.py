"""Exercise, assignment by largest remainder, delivery and failures (rules.md 5)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.clearing import exercise as ex
from quanheng.compose.reference import load
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.terms.contract import Chain, Contract, build_chain

DAY = 20240724
BOOK = read_rulebook(DAY)
SAMPLE = load().chain.contracts[0]
RICH = ex.Means(None, None)
CLOSE = (25_000,)


def contract(number: int, kind: str, strike: int, unit: int = 10_000) -> Contract:
    code = f"{10_000_000 + number}"
    return msgspec.structs.replace(
        SAMPLE, code=code, kind=kind, strike=strike, unit=unit, last_day=DAY, exercise_day=DAY
    )


CHAIN: Chain = build_chain(
    DAY,
    [
        contract(0, "C", 24_000),
        contract(1, "C", 26_000),
        contract(2, "P", 26_000),
        contract(3, "P", 24_000),
        contract(4, "P", 26_500, 10_160),
    ],
)


def test_exercise_assignment_by_largest_remainder() -> None:
    """rules.md 5: 7 of shorts 3, 3, 4: quotas 2.1, 2.1, 2.8 give 2, 2, 3."""
    assert ex.shares(7, (3, 3, 4)) == (2, 2, 3)
    # 5 of 1, 2, 7: quotas .5, 1, 3.5: the two halves are decided by the lot.
    found = {ex.shares(5, (1, 2, 7), seed) for seed in range(20)}
    assert found == {(1, 1, 3), (0, 1, 4)}
    assert ex.shares(0, ()) == () and ex.shares(0, (4, 4)) == (0, 0)
    with pytest.raises(ValueError, match="11 cannot be shared by holders of 10"):
        ex.shares(11, (3, 7))


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=12), st.data())
def test_exercise_shares_are_fair(weights: list[int], data: st.DataObject) -> None:
    """Every part is its quota's floor or the next number, never more than held; sums agree."""
    whole = sum(weights)
    total = data.draw(st.integers(0, whole))
    parts = ex.shares(total, weights, data.draw(st.integers(0, 99)))
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        floor = total * weight // whole if whole else 0
        assert floor <= part <= min(floor + 1, max(weight, floor))


def test_exercise_worth_is_net_of_the_fee() -> None:
    """rules.md 6: 0.6 yuan a contract; at the money is not worth it."""
    call = CHAIN.contracts[0]
    assert ex.worth(call, 25_000, BOOK) == 1_000 * 10_000 - 6_000
    assert ex.worth(call, 24_000, BOOK) == -6_000
    assert ex.worth(CHAIN.contracts[2], 25_000, BOOK) == 1_000 * 10_000 - 6_000


def test_exercise_of_a_day() -> None:
    """An expiry by hand: who exercises, who is assigned, what moves, what it costs."""
    holdings = [
        ex.Holding(0, 0, 0, 3, 2),  # the maker, short 3 and covered 2 of the call
        ex.Holding(1, 0, 5, 0, 0),
        ex.Holding(2, 0, 4, 4, 0),
        ex.Holding(1, 1, 9, 0, 0),  # out of the money
        ex.Holding(2, 1, 0, 9, 0),
    ]
    claims = ex.planned(CHAIN, BOOK, CLOSE, holdings, (ex.PPM, ex.PPM, 750_000))
    assert claims == (ex.Claim(1, 0, 5), ex.Claim(2, 0, 3))
    done = ex.settle(CHAIN, BOOK, claims, holdings, (RICH,) * 3, 1)
    # 8 of shorts 5 and 4: quotas 4.444 and 3.556 give 4 and 4; covered first.
    assert done.assigned == (ex.Assigned(0, 0, 4, 2), ex.Assigned(2, 0, 4, 0))
    assert done.fees == {1: 30_000, 2: 18_000}
    assert done.moves == (
        ex.Move(0, 0, -40_000, 40_000 * 24_000),
        ex.Move(1, 0, 50_000, -50_000 * 24_000),
        ex.Move(2, 0, -10_000, 10_000 * 24_000),
    )


def test_exercise_needs_what_it_takes() -> None:
    """rules.md 5: a put needs free units, a call cash, both a net long position."""
    holdings = [ex.Holding(0, 0, 6, 0, 0), ex.Holding(0, 2, 6, 0, 0)]
    means = (ex.Means(3 * 240_000_000 - 1, (25_000,)),)
    claims = (ex.Claim(0, 0, 9), ex.Claim(0, 2, 9), ex.Claim(0, 3, 1))
    assert ex.accept(CHAIN, claims, holdings, means) == (ex.Claim(0, 0, 2), ex.Claim(0, 2, 2))
    poor = (ex.Means(-5, (0,)),)
    assert ex.accept(CHAIN, claims, holdings, poor) == ()


def test_exercise_together() -> None:
    """rules.md 5: long call K1 and long put K2 > K1: only K2 - K1 is due, nothing is needed."""
    holdings = [
        ex.Holding(0, 0, 5, 0, 0), ex.Holding(0, 2, 4, 0, 0), ex.Holding(0, 4, 4, 0, 0),
        ex.Holding(1, 0, 0, 5, 0), ex.Holding(1, 2, 0, 4, 0), ex.Holding(1, 4, 0, 4, 0),
    ]  # fmt: skip
    poor = (ex.Means(0, (0,)), RICH)
    done = ex.settle(CHAIN, BOOK, (ex.Claim(0, 0, 9, 2),), holdings, poor, 1)
    assert done.accepted == (ex.Claim(0, 0, 4, 2),)
    assert done.moves == (
        ex.Move(0, 0, 0, 4 * 10_000 * 2_000),
        ex.Move(1, 0, 0, -4 * 10_000 * 2_000),
    )
    assert done.fees == {0: 48_000}
    # Another unit, equal strikes or two calls do not combine.
    for slot, put in ((0, 4), (1, 2), (0, 1), (2, 0)):
        assert ex.accept(CHAIN, (ex.Claim(0, slot, 1, put),), holdings, poor) == ()


def test_exercise_delivery_and_failure() -> None:
    """rules.md 5: what is not delivered is paid at 110 % of the close, shared by the receivers."""
    moves = (
        ex.Move(0, 0, -40_000, 960_000_000),
        ex.Move(1, 0, 30_000, -720_000_000),
        ex.Move(2, 0, 10_000, -240_000_000),
    )
    good, none = ex.deliver(moves, ((40_000,), None, None), CLOSE, (11, 10), (1, 10))
    assert [(d.units, d.cash, d.failed) for d in good] == [
        (-40_000, 960_000_000, 0), (30_000, -720_000_000, 0), (10_000, -240_000_000, 0),
    ]  # fmt: skip
    short, fines = ex.deliver(moves, ((10_001,), None, None), CLOSE, (11, 10), (1, 10))
    # 29,999 missing: 22,499.25 and 7,499.75 give 22,499 and 7,500; price 2.75.
    assert [d.failed for d in short] == [-29_999, 22_499, 7_500]
    assert [d.units for d in short] == [-10_001, 7_501, 2_500]
    assert short[0].cash == 960_000_000 - 29_999 * 27_500
    assert short[1].cash == -720_000_000 + 22_499 * 27_500
    # A tenth of 29,999 x 2.75 on top, half up to 0.01 yuan; nothing without a penalty or a failure.
    assert (none, fines) == ({}, {0: 82_497_300})
    assert ex.deliver(moves, ((10_001,), None, None), CLOSE, (11, 10)) == (short, {})


@settings(deadline=None)
@given(st.data())
def test_exercise_conserves(data: st.DataObject) -> None:
    """Units and cash of all accounts sum to 0 on both days, failures or not."""
    lots = st.integers(0, 40)
    holdings: list[ex.Holding] = []
    for slot in range(5):
        longs = data.draw(st.lists(lots, min_size=4, max_size=4))
        total = sum(longs)
        cuts = sorted(data.draw(st.lists(st.integers(0, total), min_size=3, max_size=3)))
        shorts = [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]
        for account, (long, short) in enumerate(zip(longs, shorts, strict=True)):
            covered = data.draw(st.integers(0, short)) if slot < 2 else 0
            holdings.append(ex.Holding(account, slot, long, short - covered, covered))
    claims = [ex.Claim(held.account, held.slot, data.draw(st.integers(0, 60))) for held in holdings]
    money = st.integers(-10, 10**11)
    means = [
        ex.Means(data.draw(money), (data.draw(st.integers(0, 10**6)),)) if account < 2 else RICH
        for account in range(4)
    ]
    done = ex.settle(CHAIN, BOOK, claims, holdings, means, 7)
    assert sum(move.units for move in done.moves) == 0
    assert sum(move.cash for move in done.moves) == 0
    assert sum(claim.qty for claim in done.accepted) == sum(row.qty for row in done.assigned)
    held = {(row.account, row.slot): row for row in holdings}
    for row in done.assigned:
        mine = held[row.account, row.slot]
        assert row.covered <= mine.covered and row.qty <= mine.short + mine.covered
    stock = [(data.draw(st.integers(0, 10**6)),) if n < 3 else None for n in range(4)]
    settled, _ = ex.deliver(done.moves, stock, CLOSE, (11, 10))
    assert sum(one.units for one in settled) == sum(one.cash for one in settled) == 0
    assert sum(one.failed for one in settled) == 0
    for one in settled:
        mine = stock[one.account]
        assert mine is None or mine[0] + one.units >= 0
