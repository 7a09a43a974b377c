"""The ladder: every rung at its boundary, kernel against twin, one way out (reliability.md 2.3)."""

import re
from pathlib import Path

import numpy as np
import pytest

import quanheng.maker
from quanheng.maker import columns as c
from quanheng.maker.check_kernels import mask
from quanheng.maker.checks import LADDER, Passed, Refused, Rung, actions_table, judge, review
from quanheng.terms.codes import Action, Check, Phase, TradingState

GOOD_CONTEXT = {
    c.C_STATE: TradingState.OPEN, c.C_PHASE: Phase.CONTINUOUS, c.C_FLAGS: 8, c.C_PERMITTED: 1,
    c.C_UP: 1_000, c.C_DOWN: 1, c.C_STEP: 1, c.C_UNIT: 10_000, c.C_THEO: 500, c.C_LAST: 500,
    c.C_OTHER_BID: 480, c.C_OTHER_ASK: 520, c.C_OWN_BID: 495, c.C_OWN_ASK: 505,
    c.C_QTY_MAX: 50, c.C_MARGIN: 40_000_000,
}  # fmt: skip
GOOD_WANT = {c.Q_BID: 490, c.Q_BID_QTY: 20, c.Q_ASK: 510, c.Q_ASK_QTY: 20}
GOOD_LIMITS = {
    c.L_QTY: 50, c.L_VALUE: 20_000_000_000, c.L_THEO_SHARE: 3_000, c.L_THEO_TICKS: 20,
    c.L_THEO_AGE: 3_000, c.L_LAST_SHARE: 5_000, c.L_LAST_TICKS: 20, c.L_OWN_SHARE: 3_000,
    c.L_OWN_TICKS: 20, c.L_POSITION: 300, c.L_LONG: 5_000, c.L_TOTAL: 10_000,
    c.L_BUY_OPEN: 10_000, c.L_RESERVE: 300,
}  # fmt: skip
# What the good want claims: premium 490 x 20 x 10,000 and margin 20 x 40,000,000.
CLAIM = 490 * 20 * 10_000 + 20 * 40_000_000
GOOD_TOTALS = {c.S_FUNDS: -(10**12), c.S_TOKENS: 1_000}


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
        np.array(used, dtype=np.int64),
        actions_table(),
    )
    answer = review(x, w, bounds, used, LADDER)
    code = answer.check if isinstance(answer, Refused) else 0
    assert table[0, c.Q_CODE] == code
    return code


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
]  # fmt: skip


@pytest.mark.parametrize(("check", "passes", "fails"), BOUNDARIES)
def test_every_rung_turns_exactly_at_its_boundary(check, passes, fails):
    """One step decides, in the kernel and in the twin alike (T-03, I-18, I-41, I-43)."""
    assert verdict(*passes) == 0
    assert verdict(*fails) == check


def test_every_rung_of_the_table_has_a_boundary_case():
    """No check is in the table without a test of its edge."""
    assert {case[0] for case in BOUNDARIES} == {int(rung.check) for rung in LADDER}


def random_tables(seed, count):
    """Random contexts, wants and limits near the values where rungs turn."""
    rng = np.random.default_rng(seed)
    x = np.tile(row(c.C_COLUMNS, GOOD_CONTEXT), (count, 1)).astype(np.int64)
    w = np.tile(row(c.Q_COLUMNS, GOOD_WANT), (count, 1)).astype(np.int64)
    limits = np.tile(row(c.L_COLUMNS, GOOD_LIMITS), (count, 1)).astype(np.int64)
    w[:, c.Q_SLOT] = np.arange(count)
    choices = {
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
    totals = np.array(row(c.S_COLUMNS, {c.S_FUNDS: -30 * CLAIM, c.S_TOKENS: 320}), dtype=np.int64)
    slow = totals.tolist()
    seen = set()
    judge(x, w, limits, totals, actions_table())
    for i in range(len(w)):
        answer = review(x[i].tolist(), w[i].tolist(), limits[i].tolist(), slow, LADDER)
        code = int(answer.check) if isinstance(answer, Refused) else 0
        assert code == w[i, c.Q_CODE]
        seen.add(code)
    assert slow == totals.tolist()
    assert {0, 1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15} <= seen


def test_a_rung_that_only_warns_lets_pass_and_is_noted():
    """Action is data: the same fault denies, warns or is ignored."""
    for action, code, warned in ((Action.DENY, 5, 0), (Action.WARN, 0, 5), (Action.ALLOW, 0, 0)):
        ladder = (Rung(Check.P05_PERMITTED, action, 0, "test"),)
        w = np.array([row(c.Q_COLUMNS, GOOD_WANT)], dtype=np.int64)
        x = np.array([row(c.C_COLUMNS, GOOD_CONTEXT, {c.C_PERMITTED: 0})], dtype=np.int64)
        limits = np.array([row(c.L_COLUMNS, GOOD_LIMITS)], dtype=np.int64)
        totals = np.array(row(c.S_COLUMNS, GOOD_TOTALS), dtype=np.int64)
        mask(x, w, limits, totals, actions_table(ladder))
        assert (w[0, c.Q_CODE], w[0, c.Q_WARNED]) == (code, warned)


def test_lower_limits_never_allow_more():
    """Monotonic: halving a limit cannot turn a refusal into a pass (property b)."""
    x, w, limits = random_tables(9, 500)
    plenty = row(c.S_COLUMNS, {c.S_FUNDS: -(10**15), c.S_TOKENS: 10**6})
    for column in (c.L_QTY, c.L_VALUE, c.L_THEO_AGE, c.L_POSITION, c.L_LONG, c.L_TOTAL):
        tight = limits.copy()
        tight[:, column] //= 2
        first, second = w.copy(), w.copy()
        mask(x, first, limits, np.array(plenty, dtype=np.int64), actions_table())
        mask(x, second, tight, np.array(plenty, dtype=np.int64), actions_table())
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
