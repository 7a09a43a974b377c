"""Full revaluation: against prices one by one, exact sums, limits, and any partition."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black
from quanheng.kernels.desk import scenario as sc

YEAR = 243.0
NONE = np.empty((0, 0))
EXPIRIES = np.array(
    [[3.0, 3.01, 2.98, 3.04], [2 / 243, 0.1, 0.3, 0.6], [0.9999, 0.998, 0.994, 0.99]]
)


def make_book(n, seed=1):
    rng = np.random.default_rng(seed)
    book = np.empty((sc.BOOK_ROWS, n))
    book[sc.SIGN] = rng.choice([-1.0, 1.0], n)
    book[sc.STRIKE] = 3.0 * np.exp(rng.uniform(-0.4, 0.4, n))
    book[sc.VOL] = rng.uniform(0.05, 0.8, n)
    book[sc.UNITS] = rng.integers(-50, 51, n) * 10_000.0
    return book, rng.integers(0, EXPIRIES.shape[1], n).astype(np.int64)


def make_scenarios(count, seed=2):
    rng = np.random.default_rng(seed)
    rows = np.empty((sc.SCENARIO_ROWS, count))
    rows[sc.SPOT] = rng.uniform(-0.2, 0.2, count)
    rows[sc.VOL_MOVE] = rng.uniform(-0.3, 1.0, count)
    rows[sc.POINTS] = rng.uniform(-0.1, 0.1, count)
    rows[sc.DAYS] = rng.choice([0.0, 1.0, 3.0, 10.0], count)
    return rows


def run(book, expiry, rows, parts=NONE, vols=NONE, expiries=EXPIRIES, spot=3.0, held=12_345.0):
    out = np.empty((sc.RESULT_ROWS, rows.shape[1]))
    refused = sc.revalue(book, expiry, expiries, rows, YEAR, spot, held, vols, out, parts)
    return out, refused


def twin(book, expiry, row, vol_of=None):
    """Value of the book in one scenario by `black.price_one`, contract by contract."""
    total = []
    for i in range(book.shape[1]):
        forward, tau, discount = EXPIRIES[:, expiry[i]]
        left = max(tau - row[sc.DAYS] / YEAR, 0.0)
        vol = max(book[sc.VOL, i] * (1 + row[sc.VOL_MOVE]) + row[sc.POINTS], 0.0)
        vol = vol if vol_of is None else vol_of[i]
        price = black.price_one(
            book[sc.SIGN, i], forward * (1 + row[sc.SPOT]), book[sc.STRIKE, i], vol, left,
            discount ** (left / tau),
        )  # fmt: skip
        total.append(price * book[sc.UNITS, i])
    return math.fsum(total) + 12_345.0 * 3.0 * (1 + row[sc.SPOT])


def test_values_are_the_sum_of_single_prices():
    """Every scenario equals pricing each contract again, to 1e-15 of the forwards held."""
    book, expiry = make_book(60)
    rows = make_scenarios(150)
    out, refused = run(book, expiry, rows)
    size = np.abs(book[sc.UNITS]).sum() * 5.0
    base = twin(book, expiry, np.zeros(4))
    assert refused == 0
    for j in range(rows.shape[1]):
        true = twin(book, expiry, rows[:, j])
        assert out[sc.VALUE, j] == pytest.approx(true, abs=2e-15 * size)
        assert out[sc.PROFIT, j] == pytest.approx(true - base, abs=4e-15 * size)


def test_no_move_is_exactly_no_profit():
    """The zero cell of any grid is 0.0 for every contract and the total (D8)."""
    book, expiry = make_book(200)
    rows = np.empty((sc.SCENARIO_ROWS, 5 * 3 * 2))
    sc.grid(
        np.array([-0.1, -0.01, 0.0, 0.01, 0.1]),
        np.array([-0.2, 0.0, 0.3]),
        np.array([0.0, 3.0]),
        rows,
    )
    parts = np.empty((201, rows.shape[1]))
    out, _ = run(book, expiry, rows, parts)
    still = np.flatnonzero((rows == 0.0).all(axis=0))
    assert still.tolist() == [7]
    assert out[sc.PROFIT, 7] == 0.0 and not parts[:, 7].any()
    assert np.count_nonzero(out[sc.PROFIT]) == rows.shape[1] - 1


def test_no_move_keeps_every_discount_factor():
    """Time that does not pass leaves discount factors alone, to the last bit."""
    rng = np.random.default_rng(6)
    expiries = np.array([np.full(80, 3.0), rng.uniform(0.01, 1.0, 80), rng.uniform(1e-4, 1.0, 80)])
    book = np.array([np.ones(80), np.full(80, 2.9), np.full(80, 0.2), np.full(80, 1e4)])
    parts = np.empty((81, 1))
    run(book, np.arange(80), np.zeros((sc.SCENARIO_ROWS, 1)), parts, expiries=expiries)
    assert not parts.any()


def test_the_parts_in_order_are_the_whole():
    """Contracts in slot order and then the underlying sum to the profit, bit for bit (D8)."""
    book, expiry = make_book(73)
    rows = make_scenarios(400)
    parts = np.empty((74, 400))
    out, _ = run(book, expiry, rows, parts)
    total = np.zeros(400)
    for part in parts:
        total += part
    assert total.tobytes() == out[sc.PROFIT].tobytes()
    assert out.tobytes() == run(book, expiry, rows)[0].tobytes()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=4), st.integers(1, 20))
def test_bits_do_not_depend_on_the_partition(cuts, n):
    """Scenarios may be divided among calls (and threads) anywhere."""
    book, expiry = make_book(n)
    rows = make_scenarios(300)
    whole, _ = run(book, expiry, rows)
    ends = sorted({0, 300, *cuts})
    pieces = [
        run(book, expiry, np.ascontiguousarray(rows[:, low:high]))[0]
        for low, high in itertools.pairwise(ends)
    ]
    assert np.concatenate(pieces, axis=1).tobytes() == whole.tobytes()


def test_each_scenario_may_bring_its_vols():
    """Sticky delta, for one, is the caller's vol per contract and scenario."""
    book, expiry = make_book(20)
    rows = make_scenarios(140)
    vols = np.random.default_rng(4).uniform(0.1, 0.5, (20, 140))
    out, _ = run(book, expiry, rows, vols=vols)
    size = np.abs(book[sc.UNITS]).sum() * 5.0
    for j in range(0, 140, 7):
        true = twin(book, expiry, rows[:, j], vols[:, j])
        assert out[sc.VALUE, j] == pytest.approx(true, abs=2e-15 * size)
    rows[:] = 0.0
    held = np.repeat(book[sc.VOL][:, None], 140, axis=1)
    assert not run(book, expiry, rows, vols=held)[0][sc.PROFIT].any()


def test_limits_are_intrinsic_values():
    """Expired, without vol, and deep in the wings: discounted intrinsic value, never NaN."""
    book = np.array([[1.0, -1.0, 1.0, -1.0], [3.0, 3.0, 1e-3, 1e3], [0.2] * 4, [1.0] * 4])
    expiry = np.zeros(4, dtype=np.int64)
    rows = np.zeros((sc.SCENARIO_ROWS, 4))
    rows[sc.SPOT] = [0.1, -0.1, 0.0, 0.1]
    rows[sc.DAYS] = [2.0, 5.0, 2.0, 0.0]
    rows[sc.POINTS] = [0.0, 0.0, 0.0, -9.0]
    parts = np.empty((5, 4))
    expiries = EXPIRIES[:, :1].copy()
    expiries[sc.DISCOUNT] = 1.0
    out, _ = run(book, expiry, rows, parts, expiries=expiries, held=0.0)
    spots = 3.0 * (1.0 + rows[sc.SPOT])
    true = [max(f - 3.0, 0.0) + max(3.0 - f, 0.0) + (f - 1e-3) + (1e3 - f) for f in spots]
    assert out[sc.VALUE] == pytest.approx(true, rel=1e-14)
    expired = expiries.copy()
    expired[sc.TAU] = 0.0
    gone, _ = run(book, expiry, rows, parts, expiries=expired, held=0.0)
    assert gone[sc.VALUE] == pytest.approx(true, rel=1e-14)


@pytest.mark.parametrize(
    ("row", "value"), [(sc.SIGN, 0.0), (sc.STRIKE, -1.0), (sc.VOL, math.nan), (sc.UNITS, math.inf)]
)
def test_a_contract_without_a_price_is_told(row, value):
    """A bad contract is counted and makes totals NaN; a start value never takes its place."""
    book, expiry = make_book(5)
    book[row, 2] = value
    parts = np.empty((6, 3))
    out, refused = run(book, expiry, make_scenarios(3), parts)
    assert refused == 1 and np.isnan(out).all()
    assert np.isnan(parts[2]).all() and np.isfinite(parts[[0, 1, 3, 4, 5]]).all()


def test_an_unknown_expiry_is_told():
    """An index outside the expiries is a contract without a price, not a read of other memory."""
    book, expiry = make_book(3)
    for wrong in (-1, EXPIRIES.shape[1], 10**12):
        expiry[1] = wrong
        out, refused = run(book, expiry, make_scenarios(2))
        assert refused == 1 and np.isnan(out).all()


def test_a_scenario_out_of_range_is_nan_alone():
    """A fall of all the spot, negative days or NaN spoil their own column only."""
    book, expiry = make_book(5)
    rows = make_scenarios(6)
    rows[sc.SPOT, 1] = -1.0
    rows[sc.DAYS, 2] = -1.0
    rows[sc.VOL_MOVE, 3] = math.nan
    out, refused = run(book, expiry, rows)
    assert refused == 0
    assert np.isnan(out).any(axis=0).tolist() == [False, True, True, True, False, False]


def test_the_underlying_is_linear():
    """A book of fund units alone moves one for one."""
    rows = make_scenarios(4)
    empty = np.empty((sc.BOOK_ROWS, 0))
    out, _ = run(empty, np.empty(0, dtype=np.int64), rows, held=-1000.0)
    assert out[sc.PROFIT] == pytest.approx(-3000.0 * rows[sc.SPOT], rel=1e-15)
