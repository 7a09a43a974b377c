"""The figures of every second against the same sums written out (I-30, I-34, I-36, I-41, I-43)."""

import numpy as np

from quanheng.maker import columns as c
from quanheng.maker import guard_state as s
from quanheng.maker.monitor_kernels import GREEKS, RECENT, USED, WHOLE, quoted_shares, used_shares
from quanheng.terms import market


def table(draw, rows, columns, low, high):
    return draw.integers(low, high, size=(rows, columns), dtype=np.int64)


def test_shares_of_the_limits_are_those_of_the_larger_side():
    """Greeks by their worse side, counts as they are, the desk's Greeks over all classes."""
    draw = np.random.default_rng(1)
    for _ in range(50):
        worst = table(draw, 3, c.S_COLUMNS, -5_000, 5_000)
        limits = table(draw, 9, c.L_COLUMNS, 0, 900)
        counts = table(draw, 3, s.N_ORDERS + 1, 0, 700)
        starts, allowed = np.array([0, 4, 6]), np.arange(9)
        signed = np.full((13, 4), -1, dtype=np.int64)
        used_shares(worst, limits, counts, starts, allowed, np.arange(13), signed)
        for k, start in enumerate(starts):
            most = [max(int(limits[start, column]), 1) for column in range(9)]
            used = [max(worst[k, up], -worst[k, up + 1]) for up in GREEKS]
            used += [*worst[k, list(USED)], counts[k, s.N_ORDERS]]
            shares = [
                max(int(one), 0) * WHOLE // all_ for one, all_ in zip(used, most, strict=True)
            ]
            assert signed[:9, k].tolist() == shares
        for i, up in enumerate(GREEKS):
            assert signed[9 + i, -1] == max(worst[:, up].sum(), -worst[:, up + 1].sum())


def away(price, reference, limits, share):
    """A distance as a share of the collar, in Python's own integers."""
    if price <= 0 or reference <= 0:
        return 0
    allowed = max(int(limits[share]) * reference // WHOLE, int(limits[share + 1]), 1)
    return abs(price - reference) * WHOLE // allowed


def quoted(world, since):
    """(rows of the worst share by class, the slots behind them) written out."""
    repeats, limits, fixed, rows, standing, theo, sent = world
    best = {}
    for slot in range(repeats.shape[0]):
        sides = [side for side in (0, 1) if repeats[slot, side * s.R_COLUMNS + s.R_SINCE] > since]
        old = since - standing[slot, c.D_LAST_AT] > RECENT
        trade = 0 if old else int(rows[slot, market.LAST])
        price_of = theo[slot, c.T_PRICE]
        fair = int(np.rint(price_of * WHOLE)) if np.isfinite(price_of) else 0
        shares = [0, 0, 0, 0]
        for side in sides:
            base = side * s.R_COLUMNS
            price = int(repeats[slot, base + s.R_PRICE])
            value = price * int(repeats[slot, base + s.R_QTY]) * int(fixed[slot, c.F_UNIT])
            distances = (
                value * WHOLE // max(int(limits[slot, c.L_VALUE]), 1),
                away(price, int(sent[slot, side]), limits[slot], c.L_OWN_SHARE),
                away(price, trade, limits[slot], c.L_LAST_SHARE),
                away(price, fair, limits[slot], c.L_THEO_SHARE),
            )
            shares = [max(pair) for pair in zip(shares, distances, strict=True)]
        for row, share in enumerate(shares if sides else ()):
            key = (row, int(fixed[slot, c.F_KLASS]))
            if key not in best or share > best[key][0]:
                best[key] = (share, slot)
    return best


def test_what_was_quoted_and_how_far_away():
    """The largest of each class with the first slot behind it; nothing where nothing was sent."""
    draw = np.random.default_rng(2)
    for number in range(60):
        slots, since = 7, 1_000 * 10**9
        repeats = table(draw, slots, 2 * s.R_COLUMNS, 0, 3_000)
        for side in range(2):
            column = side * s.R_COLUMNS + s.R_SINCE
            repeats[:, column] = since + draw.integers(-5, 1 if number % 3 else 6, size=slots)
        limits = table(draw, slots, c.L_COLUMNS, 0, 5_000)
        fixed = table(draw, slots, c.F_COLUMNS, 1, 10_000)
        fixed[:, c.F_KLASS] = [0, 0, 0, 1, 1, 1, 1]
        rows = table(draw, slots, market.COLUMNS, 0, 3_000)
        standing = since - table(draw, slots, c.D_COLUMNS, 0, 2 * RECENT)
        theo = draw.uniform(-0.1, 0.4, size=(slots, c.T_COLUMNS))
        theo[draw.integers(slots)] = np.nan
        sent = table(draw, slots, 2, 0, 3_000)
        best = quoted((repeats, limits, fixed, rows, standing, theo, sent.copy()), since)
        signed = np.full((4, 3), 77, dtype=np.int64)
        worst = np.full((4, 3), -1, dtype=np.int64)
        before = sent.copy()
        quoted_shares(
            repeats, limits, fixed, rows, standing, theo, since, np.arange(4), sent, signed, worst
        )
        for row in range(4):
            assert signed[row, -1] == 77  # the desk's place is not a class's
            for klass in range(2):
                share, slot = best.get((row, klass), (0, -1))
                assert (signed[row, klass], worst[row, klass]) == (share, slot)
        for side in range(2):
            base = side * s.R_COLUMNS
            fresh = (repeats[:, base + s.R_SINCE] > since) & (repeats[:, base + s.R_PRICE] > 0)
            now = np.where(fresh, repeats[:, base + s.R_PRICE], before[:, side])
            assert sent[:, side].tolist() == now.tolist()
