"""The ladder: every rung at its boundary, kernel against twin, one way out (reliability.md 2.3)."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quanheng.maker
from quanheng.maker import columns as c
from quanheng.maker.check_kernels import mask
from quanheng.maker.checks import Passed, Refused, actions_table, judge, review
from quanheng.maker.ladder import LADDER, Rung
from quanheng.terms.codes import Action, Check, Phase, TradingState

GOOD_CONTEXT = {
    c.C_STATE: TradingState.OPEN, c.C_PHASE: Phase.CONTINUOUS, c.C_FLAGS: 8, c.C_PERMITTED: 1,
    c.C_UP: 1_000, c.C_DOWN: 1, c.C_STEP: 1, c.C_UNIT: 10_000, c.C_THEO: 500, c.C_LAST: 500,
    c.C_OTHER_BID: 480, c.C_OTHER_ASK: 520, c.C_OWN_BID: 495, c.C_OWN_ASK: 505,
    c.C_QTY_MAX: 50, c.C_MARGIN: 40_000_000, c.C_GREEKS: 1, c.C_DELTA: 100, c.C_GAMMA: 10,
    c.C_VEGA: 30, c.C_THETA: -20, c.C_LEAST: 10, c.C_ACCOUNT: 1, c.C_AGREED: 1, c.C_FILED: 1,
    c.C_APPROVED: 1,
}  # fmt: skip
GOOD_WANT = {c.Q_BID: 490, c.Q_BID_QTY: 20, c.Q_ASK: 510, c.Q_ASK_QTY: 20}
GOOD_LIMITS = {
    c.L_QTY: 50, c.L_VALUE: 20_000_000_000, c.L_THEO_SHARE: 3_000, c.L_THEO_TICKS: 20,
    c.L_THEO_AGE: 3_000, c.L_LAST_SHARE: 5_000, c.L_LAST_TICKS: 20, c.L_OWN_SHARE: 3_000,
    c.L_OWN_TICKS: 20, c.L_POSITION: 300, c.L_LONG: 5_000, c.L_TOTAL: 10_000,
    c.L_BUY_OPEN: 10_000, c.L_RESERVE: 300, c.L_REPEATS: 3, c.L_FILLS: 10, c.L_MESSAGES: 2_000,
    c.L_RATIO: 50, c.L_DELTA: 10_000, c.L_GAMMA: 10_000, c.L_VEGA: 10_000, c.L_THETA: 10_000,
    c.L_CUTOFF: 50_000, c.L_LOSS: 1_000, c.L_LOSS_DESK: 2_000, c.L_VAR: 5_000,
    c.L_CONFIRM: 10**12, c.L_SECOND: 10**12, c.L_DAY_ORDERS: 10_000, c.L_DAY_QTY: 10_000,
    c.L_DAY_VALUE: 10**14, c.L_DAY_OPENED: 10_000, c.L_REJECTS: 10, c.L_REFUSED: 10,
    c.L_WAIT: 1_000, c.L_LATE: 1, c.L_PENDING: 500, c.L_UNEXPLAINED: 0, c.L_GAP: 2_000,
    c.L_ORDINARY_LONG: 50, c.L_ORDINARY_TOTAL: 100, c.L_FEE: 16_000,
}  # fmt: skip
# What the good want claims: premium 490 x 20 x 10,000 and margin 20 x 40,000,000.
CLAIM = 490 * 20 * 10_000 + 20 * 40_000_000
GOOD_TOTALS = {c.S_FUNDS: -(10**12), c.S_TOKENS: 1_000, c.S_CASH: 10**12}
COST = 490 * 20 * 10_000 + 20 * 16_000
WORTH = 510 * 20 * 10_000
BOTH = WORTH + 490 * 20 * 10_000


def row(size, *parts):
    values = [0] * size
    for part in parts:
        for column, value in part.items():
            values[column] = int(value)
    return values


def verdict(context=None, want=None, limits=None, totals=None):
    """First failing check by the kernel and by the twin; they must agree."""
    x = row(c.C_COLUMNS, GOOD_CONTEXT, context or {})
    w = row(c.Q_COLUMNS, GOOD_WANT, want or {})
    bounds = row(c.L_COLUMNS, GOOD_LIMITS, limits or {})
    used = row(c.S_COLUMNS, GOOD_TOTALS, totals or {})
    table = np.array([w], dtype=np.int64)
    mask(
        np.array([x], dtype=np.int64),
        table,
        np.array([bounds], dtype=np.int64),
        np.array([bounds], dtype=np.int64),
        np.array(used, dtype=np.int64),
        actions_table(),
    )
    answer = review(x, w, bounds, bounds, used)
    assert w[c.Q_WARNED] == table[0, c.Q_WARNED]
    code = answer.check if isinstance(answer, Refused) else 0
    assert table[0, c.Q_CODE] == code
    return code or w[c.Q_WARNED]


CLOSES = {c.Q_BID_EFFECT: 1, c.Q_ASK_EFFECT: 1}
HELD = {c.C_LONG: 20, c.C_SHORT: 20}

# check, what passes, what fails: (context, want, limits, totals)
BOUNDARIES = [
    (1, ({c.C_STATE: 5},), ({c.C_STATE: 3},)),
    (1, ({c.C_STATE: 4, c.C_NET: -20}, {c.Q_ASK_QTY: 0}),
        ({c.C_STATE: 4, c.C_NET: -19}, {c.Q_ASK_QTY: 0})),
    (1, ({c.C_STATE: 4, c.C_NET: 20}, {c.Q_BID_QTY: 0}),
        ({c.C_STATE: 4, c.C_NET: 19}, {c.Q_BID_QTY: 0})),
    (3, ({c.C_PHASE: Phase.CLOSING},), ({c.C_PHASE: Phase.HALT},)),
    (3, ({c.C_FLAGS: 8},), ({c.C_FLAGS: 0},)),
    (3, ({c.C_FROZEN: 1},), ({c.C_FROZEN: 1, c.C_REPLACES: 1},)),
    (4, ({c.C_FLAGS: 9},), ({c.C_FLAGS: 12},)),
    (4, ({c.C_FLAGS: 14, **HELD}, CLOSES), ({c.C_FLAGS: 10},)),
    (5, ({c.C_PERMITTED: 1},), ({c.C_PERMITTED: 0},)),
    (6, ({}, {c.Q_BID_QTY: 50}), ({}, {c.Q_BID_QTY: 51})),
    (6, ({}, {c.Q_ASK_QTY: 30}, {c.L_QTY: 30}), ({}, {c.Q_ASK_QTY: 31}, {c.L_QTY: 30})),
    (6, ({}, {c.Q_BID_QTY: 0}), ({}, {c.Q_BID_QTY: -1})),
    (6, ({}, {c.Q_ASK_QTY: 0}), ({}, {c.Q_BID_QTY: 0, c.Q_ASK_QTY: 0})),
    (7, ({c.C_UP: 510},), ({c.C_UP: 509},)),
    (7, ({c.C_DOWN: 490},), ({c.C_DOWN: 491},)),
    (7, ({c.C_STEP: 10},), ({c.C_STEP: 20},)),
    (8, ({}, {}, {c.L_VALUE: 510 * 20 * 10_000}), ({}, {}, {c.L_VALUE: 510 * 20 * 10_000 - 1})),
    (9, ({c.C_THEO: 700}, {c.Q_BID_QTY: 0, c.Q_ASK: 490}),
        ({c.C_THEO: 701}, {c.Q_BID_QTY: 0, c.Q_ASK: 490})),
    (9, ({c.C_THEO: 530}, {}, {c.L_THEO_SHARE: 0, c.L_THEO_TICKS: 40}),
        ({c.C_THEO: 531}, {}, {c.L_THEO_SHARE: 0, c.L_THEO_TICKS: 40})),
    (9, ({c.C_THEO_AGE: 3_000},), ({c.C_THEO_AGE: 3_001},)),
    (9, ({c.C_THEO: 500},), ({c.C_THEO: -1},)),
    (10, ({c.C_LAST: 340},), ({c.C_LAST: 339},)),
    (10, ({c.C_LAST: 0},), ({c.C_LAST: 1},)),
    (11, ({c.C_OWN_ASK: 393},), ({c.C_OWN_ASK: 392},)),
    (11, ({c.C_OWN_BID: 0},), ({c.C_OWN_BID: 100},)),
    (12, ({}, {c.Q_BID: 509}), ({}, {c.Q_BID: 510})),
    (12, ({c.C_OTHER_ASK: 490},), ({c.C_OTHER_ASK: 489},)),
    (12, ({c.C_OTHER_BID: 510},), ({c.C_OTHER_BID: 511},)),
    (12, ({c.C_OTHER_BID: 512}, {}, {c.L_CROSS: 2}), ({c.C_OTHER_BID: 513}, {}, {c.L_CROSS: 2})),
    (13, ({c.C_REST_SELL: 491},), ({c.C_REST_SELL: 490},)),
    (13, ({c.C_REST_BUY: 509},), ({c.C_REST_BUY: 510},)),
    (15, ({}, {}, {}, {c.S_TOKENS: 301}), ({}, {}, {}, {c.S_TOKENS: 300})),
    (18, ({c.C_NET: 280},), ({c.C_NET: 281},)),
    (18, ({c.C_NET: -200, c.C_WORK_SELL: 80},), ({c.C_NET: -200, c.C_WORK_SELL: 81},)),
    (18, ({}, {}, {}, {c.S_LONG: 4_980}), ({}, {}, {}, {c.S_LONG: 4_981})),
    (18, ({}, {}, {}, {c.S_TOTAL: 9_960}), ({}, {}, {}, {c.S_TOTAL: 9_961})),
    (18, ({}, {}, {}, {c.S_BUY_OPEN: 9_980}), ({}, {}, {}, {c.S_BUY_OPEN: 9_981})),
    (20, ({}, {}, {}, {c.S_FUNDS: -CLAIM}), ({}, {}, {}, {c.S_FUNDS: 1 - CLAIM})),
    (24, (HELD, CLOSES), ({**HELD, c.C_SHORT: 19}, CLOSES)),
    (24, ({**HELD, c.C_LONG: 25, c.C_CLOSING_SELL: 5}, CLOSES),
        ({**HELD, c.C_LONG: 25, c.C_CLOSING_SELL: 6}, CLOSES)),
    (2, ({}, {}, {}, {c.S_EPOCHS: 0}), ({}, {}, {}, {c.S_EPOCHS: 1})),
    (14, ({c.C_SAME_BID: 2},), ({c.C_SAME_BID: 3},)),
    (14, ({c.C_SAME_ASK: 3}, {c.Q_ASK_QTY: 0}), ({c.C_SAME_ASK: 3},)),
    (16, ({c.C_FILLS: 10},), ({c.C_FILLS: 11},)),
    (17, ({}, {}, {}, {c.S_MESSAGES: 2_000}), ({}, {}, {}, {c.S_MESSAGES: 2_001})),
    (17, ({}, {}, {}, {c.S_MESSAGES: 5_000, c.S_DEALS: 100}),
        ({}, {}, {}, {c.S_MESSAGES: 5_001, c.S_DEALS: 100})),
    (19, ({}, {}, {}, {c.S_DELTA_UP: 8_000}), ({}, {}, {}, {c.S_DELTA_UP: 8_001})),
    (19, ({}, {}, {}, {c.S_DELTA_DOWN: -8_000}), ({}, {}, {}, {c.S_DELTA_DOWN: -8_001})),
    (19, ({}, {}, {}, {c.S_GAMMA_UP: 9_800}), ({}, {}, {}, {c.S_GAMMA_UP: 9_801})),
    (19, ({}, {}, {}, {c.S_VEGA_DOWN: -9_400}), ({}, {}, {}, {c.S_VEGA_DOWN: -9_401})),
    (19, ({}, {}, {}, {c.S_THETA_UP: 9_600}), ({}, {}, {}, {c.S_THETA_UP: 9_601})),
    (19, ({c.C_GREEKS: 0, c.C_NET: 20}, {c.Q_BID_QTY: 0}),
        ({c.C_GREEKS: 0, c.C_NET: 19}, {c.Q_BID_QTY: 0})),
    (19, ({}, {}, {}, {c.S_BLIND: 0}), ({}, {}, {}, {c.S_BLIND: 1})),
    (21, ({}, {}, {}, {c.S_CASH: COST}), ({}, {}, {}, {c.S_CASH: COST - 1})),
    (21, ({}, {}, {}, {c.S_CASH: COST + 7, c.S_PREMIUM: 7}),
        ({}, {}, {}, {c.S_CASH: COST + 7, c.S_PREMIUM: 8})),
    (22, ({c.C_COVERED: 1, c.C_LOCKED: 200_000},), ({c.C_COVERED: 1, c.C_LOCKED: 199_999},)),
    (23, ({c.C_LAST_DAY: 1}, {}, {}, {c.S_CLOCK: 50_000}),
        ({c.C_LAST_DAY: 1}, {}, {}, {c.S_CLOCK: 50_001})),
    (23, ({c.C_LAST_DAY: 1, c.C_ASSIGN: 10**10}, {}, {}, {c.S_ASSIGN: 8 * 10**11}),
        ({c.C_LAST_DAY: 1, c.C_ASSIGN: 10**10}, {}, {}, {c.S_ASSIGN: 8 * 10**11 + 1})),
    (25, ({}, {}, {}, {c.S_LOSS: 1_000}), ({}, {}, {}, {c.S_LOSS: 1_001})),
    (25, ({}, {}, {}, {c.S_LOSS_DESK: 2_000}), ({}, {}, {}, {c.S_LOSS_DESK: 2_001})),
    (25, ({c.C_NET: 20}, {c.Q_BID_QTY: 0}, {}, {c.S_LOSS: 1_001}),
        ({c.C_NET: 19}, {c.Q_BID_QTY: 0}, {}, {c.S_LOSS: 1_001})),
    (26, ({}, {}, {}, {c.S_VAR: 5_000}), ({}, {}, {}, {c.S_VAR: 5_001})),
    (26, ({}, {}, {}, {c.S_VAR: 0}), ({}, {}, {}, {c.S_VAR: -1})),
    (27, ({c.C_WIDEST: 510},), ({c.C_WIDEST: 509},)),
    (27, ({c.C_WIDEST: 510}, {c.Q_BID_QTY: 10}), ({c.C_WIDEST: 510}, {c.Q_BID_QTY: 9})),
    (28, ({c.C_FILED: 1},), ({c.C_FILED: 0},)),
    (29, ({c.C_APPROVED: 1},), ({c.C_APPROVED: 0},)),
    (30, ({c.C_ORIGIN: 1}, {}, {c.L_CONFIRM: WORTH}),
        ({c.C_ORIGIN: 1}, {}, {c.L_CONFIRM: WORTH - 1})),
    (30, ({c.C_ORIGIN: 1, c.C_CONFIRMED: 2}, {}, {c.L_CONFIRM: 0, c.L_SECOND: WORTH - 1}),
        ({c.C_ORIGIN: 1, c.C_CONFIRMED: 1}, {}, {c.L_CONFIRM: 0, c.L_SECOND: WORTH - 1})),
    (31, ({}, {}, {}, {c.S_DAY_ORDERS: 9_999}), ({}, {}, {}, {c.S_DAY_ORDERS: 10_000})),
    (31, ({}, {}, {}, {c.S_DAY_QTY: 9_960}), ({}, {}, {}, {c.S_DAY_QTY: 9_961})),
    (31, ({}, {}, {}, {c.S_DAY_VALUE: 10**14 - BOTH}),
        ({}, {}, {}, {c.S_DAY_VALUE: 10**14 - BOTH + 1})),
    (31, ({}, {}, {}, {c.S_DAY_OPENED: 9_960}), ({}, {}, {}, {c.S_DAY_OPENED: 9_961})),
    (32, ({c.C_ACCOUNT: 1},), ({c.C_ACCOUNT: 0},)),
    (33, ({}, {}, {}, {c.S_REJECTS: 9}), ({}, {}, {}, {c.S_REJECTS: 10})),
    (33, ({}, {}, {}, {c.S_REFUSED: 9}), ({}, {}, {}, {c.S_REFUSED: 10})),
    (34, ({}, {}, {}, {c.S_WAIT: 1_000}), ({}, {}, {}, {c.S_WAIT: 1_001})),
    (34, ({}, {}, {}, {c.S_LATE: 1}), ({}, {}, {}, {c.S_LATE: 2})),
    (34, ({}, {}, {}, {c.S_PENDING: 500}), ({}, {}, {}, {c.S_PENDING: 501})),
    (35, ({}, {}, {}, {c.S_UNEXPLAINED: 0}), ({}, {}, {}, {c.S_UNEXPLAINED: 1})),
    (35, ({}, {}, {}, {c.S_GAP: 2_000}), ({}, {}, {}, {c.S_GAP: 2_001})),
    (36, ({c.C_AGREED: 1},), ({c.C_AGREED: 0},)),
    (36, ({c.C_AGREED: 0, c.C_ORIGIN: 1, **HELD}, CLOSES), ({c.C_AGREED: 0, **HELD}, CLOSES)),
    (37, ({c.C_ACCOUNT: 2}, {}, {}, {c.S_LONG: 50, c.S_TOTAL: 100}),
        ({c.C_ACCOUNT: 2}, {}, {}, {c.S_LONG: 51, c.S_TOTAL: 100})),
    (37, ({c.C_ACCOUNT: 2, **HELD}, CLOSES, {}, {c.S_TOTAL: 101}),
        ({c.C_ACCOUNT: 2}, {}, {}, {c.S_TOTAL: 101})),
    (38, ({}, {}, {}, {c.S_OLD_LONG: 4_980}), ({}, {}, {}, {c.S_OLD_LONG: 4_981})),
    (38, ({}, {}, {}, {c.S_OLD_TOTAL: 9_950, c.S_TOTAL: 10}),
        ({}, {}, {}, {c.S_OLD_TOTAL: 9_951, c.S_TOTAL: 10})),
    (38, ({}, {}, {}, {c.S_OLD_BUY_OPEN: 9_980}), ({}, {}, {}, {c.S_OLD_BUY_OPEN: 9_981})),
    (38, ({}, {}, {}, {c.S_OLD_TOTAL: 0}), ({}, {}, {}, {c.S_OLD_TOTAL: -1})),
]  # fmt: skip


@pytest.mark.parametrize(("check", "passes", "fails"), BOUNDARIES)
def test_every_rung_turns_exactly_at_its_boundary(check, passes, fails):
    """One step decides, in the kernel and in the twin alike (T-03, I-18, I-41, I-43)."""
    assert verdict(*passes) == 0
    assert verdict(*fails) == check


def test_every_rung_of_the_table_has_a_boundary_case():
    """No check is in the table without a test of its edge, and all 38 are in the table."""
    assert {case[0] for case in BOUNDARIES} == {int(rung.check) for rung in LADDER}
    assert [int(rung.check) for rung in LADDER] == list(range(1, 39))
    assert all(rung.meaning and rung.chinese and rung.boundary for rung in LADDER)


def random_tables(seed, count, deep=False):
    """Random contexts, wants and limits near the values where rungs turn.

    With `deep` only what the rungs from P14 on look at varies, so that many rows get there.
    """
    rng = np.random.default_rng(seed)
    x = np.tile(row(c.C_COLUMNS, GOOD_CONTEXT), (count, 1)).astype(np.int64)
    w = np.tile(row(c.Q_COLUMNS, GOOD_WANT), (count, 1)).astype(np.int64)
    limits = np.tile(row(c.L_COLUMNS, GOOD_LIMITS), (count, 1)).astype(np.int64)
    w[:, c.Q_SLOT] = np.arange(count)
    if not deep:  # thousands of rows reserve; only a few may fill up a class's Greeks
        limits[:, c.L_DELTA : c.L_THETA + 1] = 10**9
    guards = {
        c.C_SAME_BID: (0, 2, 3), c.C_FILLS: (0, 0, 10, 11), c.C_GREEKS: (1, 1, 1, 0),
        c.C_DELTA: (100, -100, 60, 150), c.C_THETA: (-20, 30), c.C_COVERED: (0, 0, 0, 1),
        c.C_LOCKED: (200_000, 100_000), c.C_LAST_DAY: (0, 0, 1), c.C_ASSIGN: (0, 10**10),
        c.C_WIDEST: (0, 510, 505), c.C_ORIGIN: (0, 0, 1), c.C_CONFIRMED: (0, 1, 2),
        c.C_ACCOUNT: (1, 1, 2, 2, 0), c.C_AGREED: (1, 1, 1, 0), c.C_FILED: (1, 1, 1, 1, 0),
        c.C_APPROVED: (1, 1, 1, 1, 0),
    } if deep else {}  # fmt: skip
    choices = guards or {
        c.C_STATE: (5, 5, 5, 4, 2), c.C_PHASE: (2, 2, 2, 1, 6, 4, 3),
        c.C_FLAGS: (8, 8, 8, 12, 10, 0),
        c.C_FROZEN: (0, 0, 1), c.C_REPLACES: (0, 1), c.C_THEO: (500, 495, 380, 720, -1),
        c.C_OTHER_BID: (0, 480, 509, 512), c.C_OTHER_ASK: (0, 488, 491, 520),
        c.C_REST_SELL: (0, 0, 489, 600), c.C_REST_BUY: (0, 0, 400, 511),
        c.C_NET: (-290, -20, 0, 20, 285),
        c.C_LONG: (0, 20, 40), c.C_SHORT: (0, 20, 40), c.C_LAST: (0, 500, 330, 1_100),
        c.C_OWN_BID: (0, 495, 300), c.C_THEO_AGE: (0, 0, 0, 4_000),
        c.C_PERMITTED: (1, 1, 1, 1, 0),
    }  # fmt: skip
    for column, values in choices.items():
        x[:, column] = rng.choice(values, count)
    for column, values in {
        c.Q_BID_QTY: (20, 20, 10, 0, 51), c.Q_ASK_QTY: (20, 20, 10, 0), c.Q_BID: (490, 489, 511),
        c.Q_ASK: (510, 509, 1_001), c.Q_BID_EFFECT: (0, 0, 1), c.Q_ASK_EFFECT: (0, 0, 1),
    }.items():  # fmt: skip
        w[:, column] = rng.choice(values, count)
    return x, w, limits


@pytest.mark.parametrize("seed", range(4))
def test_kernel_and_twin_agree_on_random_tables(seed):
    """Same codes and same reservations row by row (reliability.md 2.3 property c)."""
    x, w, limits = random_tables(seed, 3_000)
    start = {c.S_FUNDS: -30 * CLAIM, c.S_TOKENS: 320, c.S_CASH: 10**12}
    totals = np.array(row(c.S_COLUMNS, start), dtype=np.int64)
    slow = totals.tolist()
    seen = set()
    judge(x, w, limits, limits, totals, actions_table())
    for i in range(len(w)):
        answer = review(x[i].tolist(), w[i].tolist(), limits[i].tolist(), limits[i].tolist(), slow)
        code = int(answer.check) if isinstance(answer, Refused) else 0
        assert code == w[i, c.Q_CODE]
        seen.add(code)
    assert slow == totals.tolist()
    assert {0, 1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15} <= seen


@pytest.mark.parametrize("deep", [False, True])
def test_a_side_of_one_contract_counts_and_a_side_of_none_does_not(deep):
    """Every rung alone, so that no earlier one hides it: quantities of one and none, prices of a
    side that is not there as wrong as can be; the kernel and the twin agree (promise 13).
    """
    x, w, limits = random_tables(17, 300, deep)
    rng = np.random.default_rng(18)
    for column in (c.Q_BID_QTY, c.Q_ASK_QTY):
        w[:, column] = rng.integers(0, 2, len(w))
    w[w[:, c.Q_BID_QTY] == 0, c.Q_BID], w[w[:, c.Q_ASK_QTY] == 0, c.Q_ASK] = 0, 0
    w[::9, c.Q_BID] = 1_001
    fired = set()
    for rung in LADDER:
        one = (Rung(rung.check, Action.DENY, rung.soft, "test"),)
        mine = w.copy()
        totals = np.array(row(c.S_COLUMNS, GOOD_TOTALS), dtype=np.int64)
        slow = totals.tolist()
        judge(x, mine, limits, limits, totals, actions_table(one))
        for i in range(len(w)):
            given = x[i].tolist(), w[i].tolist(), limits[i].tolist(), limits[i].tolist(), slow
            answer = review(*given, one)
            refused = isinstance(answer, Refused)
            assert refused == (mine[i, c.Q_CODE] != 0), (rung.check, i)
            fired |= {int(rung.check)} if refused else set()
        assert slow == totals.tolist()
    assert len(fired) >= 8


TOTAL_CHOICES = {
    c.S_EPOCHS: (0, 1), c.S_FUNDS: (-(10**12), 1 - CLAIM, -CLAIM), c.S_TOKENS: (1_000, 300),
    c.S_LONG: (0, 60, 4_981), c.S_TOTAL: (0, 99, 101), c.S_BUY_OPEN: (0, 9_981),
    c.S_DELTA_UP: (0, 8_000, 8_001), c.S_DELTA_DOWN: (0, -7_000, -8_001),
    c.S_THETA_DOWN: (0, -9_600, -9_601), c.S_BLIND: (0, 1),
    c.S_PREMIUM: (0, 10**12), c.S_ASSIGN: (0, 8 * 10**11 + 1), c.S_CLOCK: (0, 50_001),
    c.S_LOSS: (-5, 1_001), c.S_LOSS_DESK: (0, 2_001), c.S_VAR: (0, -1, 5_001),
    c.S_MESSAGES: (0, 2_001, 90_000), c.S_DEALS: (0, 41), c.S_DAY_ORDERS: (0, 10_000),
    c.S_DAY_QTY: (0, 9_961), c.S_DAY_VALUE: (0, 10**14), c.S_DAY_OPENED: (0, 9_961),
    c.S_REJECTS: (0, 10), c.S_REFUSED: (0, 10), c.S_WAIT: (0, 1_001), c.S_LATE: (0, 2),
    c.S_PENDING: (0, 501), c.S_UNEXPLAINED: (0, 1), c.S_GAP: (0, 2_001),
    c.S_OLD_LONG: (0, 4_981), c.S_OLD_TOTAL: (0, -1, 9_961), c.S_OLD_BUY_OPEN: (0, 9_981),
}  # fmt: skip


def unusual(draw, choices, most):
    """A few columns off their first, good value."""
    columns = draw(st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True))
    return {column: draw(st.sampled_from(choices[column])) for column in columns}


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_kernel_and_twin_agree_whatever_the_totals(data):
    """The same first code, warning and reservations with any few figures off (I-18, I-36)."""
    x, w, limits = random_tables(data.draw(st.integers(0, 10**6)), 4, deep=True)
    used = row(c.S_COLUMNS, GOOD_TOTALS, unusual(data.draw, TOTAL_CHOICES, 3))
    soft = limits * data.draw(st.sampled_from((50, 80, 100))) // 100
    totals, slow = np.array(used, dtype=np.int64), list(used)
    judge(x, w, limits, soft, totals, actions_table())
    for i in range(len(w)):
        given_ = w[i].tolist()
        answer = review(x[i].tolist(), given_, limits[i].tolist(), soft[i].tolist(), slow)
        code = int(answer.check) if isinstance(answer, Refused) else 0
        assert (code, given_[c.Q_WARNED]) == (w[i, c.Q_CODE], w[i, c.Q_WARNED])
    assert slow == totals.tolist()


def test_the_soft_limit_warns_before_the_hard_one_denies():
    """Between the two a want passes and is noted (I-36, I-42)."""
    hard = row(c.L_COLUMNS, GOOD_LIMITS)
    soft = row(c.L_COLUMNS, GOOD_LIMITS, {c.L_LONG: 4_000})
    for long, code, warned in ((3_980, 0, 0), (3_981, 0, 18), (4_980, 0, 18), (4_981, 18, 18)):
        x, w = row(c.C_COLUMNS, GOOD_CONTEXT), row(c.Q_COLUMNS, GOOD_WANT)
        answer = review(x, w, hard, soft, row(c.S_COLUMNS, GOOD_TOTALS, {c.S_LONG: long}))
        assert (answer.check if isinstance(answer, Refused) else 0) == code
        assert w[c.Q_WARNED] == (warned if not code else 0)


def test_a_rung_that_only_warns_lets_pass_and_is_noted():
    """Action is data: the same fault denies, warns or is ignored, in the kernel and in the twin."""
    for action, code, warned in ((Action.DENY, 5, 0), (Action.WARN, 0, 5), (Action.ALLOW, 0, 0)):
        ladder = (Rung(Check.P05_PERMITTED, action, 0, "test"),)
        w = np.array([row(c.Q_COLUMNS, GOOD_WANT)], dtype=np.int64)
        x = np.array([row(c.C_COLUMNS, GOOD_CONTEXT, {c.C_PERMITTED: 0})], dtype=np.int64)
        limits = np.array([row(c.L_COLUMNS, GOOD_LIMITS)], dtype=np.int64)
        totals = np.array(row(c.S_COLUMNS, GOOD_TOTALS), dtype=np.int64)
        one = w[0].tolist()
        answer = review(
            x[0].tolist(), one, limits[0].tolist(), limits[0].tolist(), totals.tolist(), ladder
        )
        mask(x, w, limits, limits, totals, actions_table(ladder))
        assert (w[0, c.Q_CODE], w[0, c.Q_WARNED]) == (code, warned)
        assert (answer.check if isinstance(answer, Refused) else 0) == code
        assert one[c.Q_WARNED] == warned


def test_lower_limits_never_allow_more():
    """Monotonic: halving a limit cannot turn a refusal into a pass (property b)."""
    x, w, limits = random_tables(9, 500)
    plenty = row(c.S_COLUMNS, {c.S_FUNDS: -(10**15), c.S_TOKENS: 10**6, c.S_CASH: 10**15})
    for column in (c.L_QTY, c.L_VALUE, c.L_THEO_AGE, c.L_POSITION, c.L_LONG, c.L_TOTAL):
        tight = limits.copy()
        tight[:, column] //= 2
        first, second = w.copy(), w.copy()
        mask(x, first, limits, limits, np.array(plenty, dtype=np.int64), actions_table())
        mask(x, second, tight, tight, np.array(plenty, dtype=np.int64), actions_table())
        assert not np.any((first[:, c.Q_CODE] != 0) & (second[:, c.Q_CODE] == 0))


def test_passed_is_built_in_one_file_and_nothing_else_makes_quotes():
    """One path out: `Passed(` only in checks.py, `Quote(` only where a Passed is taken."""
    room = Path(quanheng.maker.__file__).parent
    built = [
        f.name for f in room.glob("*.py") if re.search(r"(?<!class )\bPassed\(", f.read_text())
    ]
    assert built == ["checks.py"]
    quotes = [f.name for f in room.glob("*.py") if re.search(r"\bQuote\(", f.read_text())]
    orders = [f.name for f in room.glob("*.py") if re.search(r"\bNewOrder\(", f.read_text())]
    assert (quotes, orders) == (["quoting.py"], ["singles.py"])
    assert Passed.__struct_fields__ == ("rows",)
