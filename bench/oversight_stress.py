"""The overseer's stress: a whole chain times 10,000 scenarios through its own trees.

In one run with QuantLib's closed form and its tree of as many steps.

Every contract of the shipped chain is priced again under every joint move of spot, vol and skew,
nothing is interpolated. The error is against the closed form (QuantLib's Black), which the overseer
does not use: largest and root mean square of the change of a price, in ticks of 0.0001 yuan.
"""

import math
import time

import numpy as np

from quanheng.compose.reference import load
from quanheng.edge import quantlib_bridge
from quanheng.oversight import model_kernels as model

SCENARIOS, SAMPLE, TREES = 10_000, 40_000, 4_000


class Chain:
    """The shipped chain as the overseer holds it, with a vol of its own for every contract."""

    def __init__(self):
        chain = load().chain
        rows = chain.contracts
        days = sorted({(row.underlying, row.last_day) for row in rows})
        self.sign = np.array([1.0 if row.is_call else -1.0 for row in rows])
        self.strike = np.array([row.strike for row in rows]) / 1e4
        self.expiry = np.array([days.index((row.underlying, row.last_day)) for row in rows])
        spot = {row.underlying: row.underlying_close / 1e4 for row in rows}
        self.forwards = np.array([spot[name] for name, _ in days])
        ranks = [sorted(d for n, d in days if n == name).index(day) for name, day in days]
        self.taus = np.array([(20, 55, 62, 130)[min(rank, 3)] / 243 for rank in ranks])
        self.discounts = np.exp(-0.018 * self.taus)
        moneyness = np.log(self.strike / self.forwards[self.expiry])
        self.vol = 0.16 + 0.35 * moneyness**2 - 0.05 * moneyness
        self.slots = np.arange(len(rows), dtype=np.int64)


def moves(count: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    return np.array([
        np.clip(rng.normal(0, 0.05, count), -0.2, 0.2),
        np.clip(rng.normal(0.1, 0.3, count), -0.5, 1.5),
        rng.normal(0, 0.01, count), rng.normal(0, 0.05, count),
    ])  # fmt: skip


def ours(chain, shifts, out):
    start = time.thread_time()
    model.grid(
        chain.slots, chain.sign, chain.strike, chain.vol, chain.expiry, chain.forwards,
        chain.taus, chain.discounts, shifts, 0.0, 0.018, out,
    )  # fmt: skip
    return time.thread_time() - start


def terms(chain, shifts, slot, n):
    """sign, forward, strike, vol, tau, discount of a contract under a scenario (-1: none)."""
    e = chain.expiry[slot]
    forward, vol = chain.forwards[e], chain.vol[slot]
    if n >= 0:
        skew = chain.strike[slot] / forward - 1.0
        vol = max(vol * (1 + shifts[1, n]) + shifts[2, n] - shifts[3, n] * skew, model.LOW_VOL)
        forward *= 1 + shifts[0, n]
    row = (chain.sign[slot], forward, chain.strike[slot], vol, chain.taus[e], chain.discounts[e])
    return tuple(map(float, row))


def main() -> None:
    chain, shifts = Chain(), moves(SCENARIOS)
    size = chain.slots.size
    ours(chain, shifts[:, :2].copy(), np.empty((size, 2)))
    out = np.empty((size, SCENARIOS))
    spent = ours(chain, shifts, out)
    each = spent / out.size
    head = f"{size} contracts x {SCENARIOS:,} scenarios"
    print(f"{head}: {spent:.2f} s of one core, {each * 1e9:.0f} ns a price")
    rng = np.random.default_rng(3)
    picks = list(
        zip(rng.integers(0, size, SAMPLE), rng.integers(0, SCENARIOS, SAMPLE), strict=True)
    )
    given = [(terms(chain, shifts, slot, -1), terms(chain, shifts, slot, n)) for slot, n in picks]
    start = time.thread_time()
    closed = [quantlib_bridge.european_price(*moved) for _, moved in given]
    closed_each = (time.thread_time() - start) / SAMPLE
    base = [quantlib_bridge.european_price(*first) for first, _ in given]
    off = np.array([out[slot, n] for slot, n in picks]) - (np.array(closed) - np.array(base))
    off *= 1e4
    largest, p99 = abs(off).max(), np.quantile(abs(off), 0.99)
    print(f"error of a change, ticks: largest {largest:.1f}, p99 {p99:.1f}, "
          f"rms {math.sqrt((off**2).mean()):.2f}")  # fmt: skip
    start = time.thread_time()
    for sign, forward, strike, vol, tau, discount in (moved for _, moved in given[:TREES]):
        rate = -math.log(discount) / tau
        days = max(1, round(tau * 365))
        quantlib_bridge.american_tree_price(
            sign, forward * discount, strike, vol, rate, 0.0, days, model.GRID_STEPS
        )
    tree_each = (time.thread_time() - start) / TREES
    print(f"QuantLib's tree of {model.GRID_STEPS} steps: {tree_each * 1e9:,.0f} ns a price, "
          f"{tree_each / each:.0f}x ours")  # fmt: skip
    print(f"QuantLib's closed form, called from Python: {closed_each * 1e9:,.0f} ns, "
          f"{closed_each / each:.1f}x ours")  # fmt: skip


if __name__ == "__main__":
    main()
