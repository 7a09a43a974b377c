"""Forward by the consensus of both sides of the books, and the ladder of fallbacks (R-05, I-17)."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quanheng.kernels.desk import black, carry, forward

NAN = math.nan
TICK = 1e-4
STRIKES = (2.3, 2.35, 2.4, 2.45, 2.5, 2.55, 2.6, 2.65, 2.7)


def books(at, strikes=STRIKES, discount=0.995, half=3):
    """Columns strike, call bid, call ask, put bid, put ask with exact parity mids."""
    strike = np.array(strikes, dtype=np.float64)
    # Only the difference of call and put matters; a common 0.3 keeps both of them positive.
    call = 0.3 + 0.5 * discount * (at - strike)
    put = 0.3 - 0.5 * discount * (at - strike)
    wide = np.full(strike.size, half * TICK) if np.isscalar(half) else np.array(half) * TICK
    return [strike, call - wide, call + wide, put - wide, put + wide]


def consensus(columns, discount=0.995, near=NAN):
    out = np.empty(forward.CONSENSUS)
    used = forward.consensus_forward(*columns, columns[0].size, discount, near, out)
    assert used == out[forward.USED]
    return out


def test_exact_books_give_the_forward_and_its_band():
    """All strikes count; the band is that of the narrowest, 2 x (2 + 2) half ticks."""
    out = consensus(books(2.512, half=[9, 8, 5, 2, 2, 2, 5, 8, 9]))
    assert out[forward.FORWARD] == pytest.approx(2.512, abs=1e-13)
    assert (out[forward.USED], out[forward.OFFERED]) == (9, 9)
    assert out[forward.WIDTH] == pytest.approx(8 * TICK / 0.995, abs=1e-12)
    assert out[forward.LOW] < 2.512 < out[forward.HIGH]


def test_worked_example_of_the_rules():
    """S 2.963 K 2.95 C .0712 P .0568 r 1.8 % T 28/243: F 2.964430 and q 1.381 % (rules.md 8.2)."""
    years = 28 / 243
    one = [np.array([v]) for v in (2.95, 0.0711, 0.0713, 0.0567, 0.0569)]
    out = consensus(one, black.discount_factor(0.018, years))
    assert round(out[forward.FORWARD], 6) == 2.964430
    assert out[forward.USED] == 1
    q = carry.implied_carry(out[forward.FORWARD], 2.963, 0.018, years)
    assert round(100 * q, 3) == 1.381
    assert carry.carried(2.963, 0.018, q, years) == pytest.approx(out[forward.FORWARD], abs=1e-14)


def test_a_stale_leg_does_not_move_it():
    """A put left 30 ticks behind, in the narrowest book of all, is not used."""
    columns = books(2.512)
    columns[3][4] = columns[4][4] = columns[3][4] + 30 * TICK
    out = consensus(columns)
    assert out[forward.FORWARD] == pytest.approx(2.512, abs=1e-13)
    assert (out[forward.USED], out[forward.OFFERED]) == (8, 9)


def test_crossed_one_sided_and_missing_books_are_left_out():
    """None of them gives a mid; a one-sided strike tightens the band only."""
    columns = books(2.512)
    columns[1][0] = columns[2][0] + TICK  # call crossed
    columns[3][1] = columns[4][1] + 5 * TICK  # put crossed
    columns[1][2] = 0.0  # no call bid: only a bound from above
    columns[4][3] = NAN  # no put ask: only a bound from above
    columns[1][4] = columns[2][4] = NAN  # no call at all
    columns[4][5] = math.inf
    out = consensus(columns)
    assert (out[forward.USED], out[forward.OFFERED]) == (3, 3)
    assert out[forward.FORWARD] == pytest.approx(2.512, abs=1e-13)
    before = out[forward.HIGH]
    columns[2][2] -= 4 * TICK  # the one-sided call ask comes closer
    after = consensus(columns)
    assert after[forward.HIGH] < before
    assert after[forward.FORWARD] == out[forward.FORWARD]
    columns[2][2] -= 400 * TICK  # nonsense: it contradicts the forward and is ignored
    assert consensus(columns)[forward.HIGH] == before


def test_nothing_to_go_by_is_nan():
    """No strike, no two-sided strike or a bad discount: NaN and no strikes used."""
    columns = books(2.512)
    for bad in (0.0, -1.0, NAN, math.inf):
        out = consensus(columns, bad)
        assert math.isnan(out[forward.FORWARD])
        assert out[forward.USED] == 0
    columns[1][:] = NAN
    assert math.isnan(consensus(columns)[forward.FORWARD])
    out = np.empty(forward.CONSENSUS)
    assert forward.consensus_forward(*columns, 0, 0.995, 2.5, out) == 0
    assert math.isnan(out[forward.WIDTH])


def test_two_strikes_that_disagree_leave_the_one_near_the_last_forward():
    """Without a last forward the narrower one; the other has no say."""
    columns = books(2.512, (2.5, 2.55), half=[3, 2])
    columns[1][1] += 50 * TICK
    columns[2][1] += 50 * TICK
    assert consensus(columns)[forward.USED] == 1
    assert consensus(columns)[forward.FORWARD] == pytest.approx(2.512 + 50 * TICK / 0.995)
    assert consensus(columns, near=2.511)[forward.FORWARD] == pytest.approx(2.512, abs=1e-13)


def test_narrow_books_weigh_more():
    """A mid one tick off in a book five times as wide moves the forward by a 25th of a share."""
    columns = books(2.512, (2.45, 2.5, 2.55), half=[10, 2, 10])
    columns[1][0] += 2 * TICK
    columns[2][0] += 2 * TICK
    columns[1][2] -= TICK
    columns[2][2] -= TICK
    out = consensus(columns)
    assert out[forward.USED] == 3
    assert abs(out[forward.FORWARD] - 2.512) < 0.1 * TICK


garbage = st.one_of(
    st.just(NAN), st.just(0.0), st.just(-1.0), st.just(math.inf), st.floats(0.0001, 5.0)
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_fewer_than_half_garbage_legs_cannot_move_it(data):
    """Exact parity books with any garbage in fewer than half of the strikes: the exact forward."""
    n = data.draw(st.integers(3, 25))
    at = data.draw(st.floats(2.0, 3.0))
    strikes = np.round(np.linspace(at - 0.3, at + 0.3, n), 4)
    half = [data.draw(st.integers(0, 20)) for _ in range(n)]
    columns = books(at, strikes, half=half)
    bad = data.draw(st.lists(st.integers(0, n - 1), max_size=(n - 1) // 2, unique=True))
    for i in bad:
        for side in (1, 2, 3, 4):
            if data.draw(st.booleans()):
                columns[side][i] = data.draw(garbage)
    near = data.draw(st.sampled_from([NAN, at, 9.0]))
    found = consensus(columns, near=near)[forward.FORWARD]
    truth = at
    # A leg can only be wrong by whole ticks; garbage nearer than half a tick is not garbage.
    out = [consensus([c[i : i + 1] for c in columns])[forward.FORWARD] for i in bad]
    assume(all(not abs(one - truth) < 0.5 * TICK or abs(one - truth) < 1e-9 for one in out))
    assert found == pytest.approx(truth, abs=1e-8)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_it_stays_inside_the_tradeable_band(data):
    """Live books with mids anywhere inside their own bands: within all of these bands."""
    n = data.draw(st.integers(2, 15))
    columns = books(2.5, np.round(np.linspace(2.3, 2.7, n), 4), half=0)
    for side, sign in ((1, -1), (2, 1), (3, -1), (4, 1)):
        for i in range(n):
            columns[side][i] += sign * TICK * data.draw(st.integers(0, 12))
    out = consensus(columns)
    assert out[forward.LOW] - 1e-12 <= out[forward.FORWARD] <= out[forward.HIGH] + 1e-12


def ladder(rows, years, basis, spot=2.5, rate=0.02, dividend=0.0, widest=math.inf):
    """The ladder over expiries given by (forward, used, width) or None."""
    n = len(years)
    table = np.full((n, forward.CONSENSUS), NAN)
    table[:, forward.USED] = 0.0
    for i, row in enumerate(rows):
        if row is not None:
            table[i, [forward.FORWARD, forward.USED, forward.WIDTH]] = row
    out = np.empty((n, carry.COLUMNS))
    years, basis = np.array(years, dtype=np.float64), np.array(basis, dtype=np.float64)
    worst = carry.forward_ladder(table, years, basis, n, spot, rate, dividend, widest, out)
    return worst, out


def test_each_rung_of_the_ladder():
    """Parity, single, term, last basis and spot, and what they imply."""
    near, far = 2.5 * math.exp(0.005 * 0.1), 2.5 * math.exp(-0.01 * 0.5)
    worst, out = ladder(
        [(near, 5, 4e-4), None, (far, 1, 9e-4)], [0.1, 0.3, 0.5], [NAN] * 3, dividend=0.003
    )
    assert worst == carry.TERM
    assert out[:, carry.RUNG].tolist() == [carry.PARITY, carry.TERM, carry.SINGLE]
    assert out[:, carry.USED].tolist() == [5, 0, 1]
    assert out[0, carry.IMPLIED_CARRY] == pytest.approx(0.015, abs=1e-12)
    assert out[2, carry.IMPLIED_CARRY] == pytest.approx(0.03, abs=1e-12)
    assert out[0, carry.IMPLIED_BORROW] == pytest.approx(0.012, abs=1e-12)
    # ln F is linear in time between the two: half way from 0.0005 to -0.005.
    assert math.log(out[1, carry.FORWARD] / 2.5) == pytest.approx(-0.00225, abs=1e-12)
    worst, out = ladder([None, None], [0.1, 0.3], [-0.004, NAN])
    assert worst == carry.SPOT
    assert out[:, carry.RUNG].tolist() == [carry.CARRY, carry.SPOT]
    assert out[0, carry.FORWARD] == pytest.approx(2.496)
    assert out[1, carry.FORWARD] == pytest.approx(2.5 * math.exp(0.02 * 0.3), abs=1e-14)
    assert out[1, carry.IMPLIED_CARRY] == pytest.approx(0.0, abs=1e-14)
    worst, out = ladder([None, None], [0.1, 0.3], [-0.004, NAN], spot=NAN)
    assert worst == carry.NONE
    assert np.isnan(out[:, carry.FORWARD]).all()
    assert [len(words) for words in carry.RUNGS] == [3] * (carry.NONE + 1)


def test_carry_is_extrapolated_only_so_far():
    """The nearest neighbour's carry holds to four times its time; then the next rung takes over."""
    row = (2.5 * math.exp(-0.01 * 0.1), 4, 4e-4)
    worst, out = ladder([None, row, None, None], [0.05, 0.1, 0.4, 0.5], [NAN] * 4)
    assert out[:, carry.RUNG].tolist() == [carry.TERM, carry.PARITY, carry.TERM, carry.SPOT]
    assert worst == carry.SPOT
    assert out[:3, carry.IMPLIED_CARRY] == pytest.approx(0.03, abs=1e-12)


def test_without_a_spot_the_neighbours_still_help():
    """Between two forwards ln F is linear; outside, the nearest grows at the rate."""
    rows = [(2.49, 4, 4e-4), None, (2.47, 4, 4e-4), None]
    _, out = ladder(rows, [0.1, 0.2, 0.3, 0.4], [0.0] * 4, spot=NAN)
    assert out[:, carry.RUNG].tolist() == [carry.PARITY, carry.TERM, carry.PARITY, carry.TERM]
    assert out[1, carry.FORWARD] == pytest.approx(math.sqrt(2.49 * 2.47), abs=1e-12)
    assert out[3, carry.FORWARD] == pytest.approx(2.47 * math.exp(0.02 * 0.1), abs=1e-12)
    assert np.isnan(out[:, carry.IMPLIED_CARRY]).all()


def test_a_band_too_wide_is_not_parity():
    """A forward known to a hundred ticks only gives way to the next rung."""
    rows = [(2.5, 4, 4e-4), (2.6, 4, 200e-4)]
    _, out = ladder(rows, [0.1, 0.2], [NAN] * 2, widest=100e-4)
    assert out[:, carry.RUNG].tolist() == [carry.PARITY, carry.TERM]
    assert ladder(rows, [0.1, 0.2], [NAN] * 2)[0] == carry.PARITY


def test_carry_of_bad_input_is_nan():
    """No time, no spot or no forward has no carry."""
    assert math.isnan(carry.implied_carry(2.5, 2.5, 0.02, 0.0))
    assert math.isnan(carry.implied_carry(NAN, 2.5, 0.02, 0.1))
    assert math.isnan(carry.implied_carry(2.5, 0.0, 0.02, 0.1))
    assert math.isnan(carry.carried(NAN, 0.02, 0.0, 0.1))
    assert carry.carried(2.5, 0.02, 0.0, 0.0) == 2.5
