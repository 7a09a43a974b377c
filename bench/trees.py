"""American options: time per node and error of our trees beside QuantLib's, in one run.

Goal (at 501 steps): at least 30 times QuantLib's Cox-Ross-Rubinstein tree per node. FinancePy, the
other goal (8 times), cannot be installed beside these packages; where both could, its tree took
1.38 ns a node while QuantLib's took 5.5, so 8 times FinancePy is 32 times QuantLib.
"""

import math
import time

import numpy as np

from quanheng.edge import quantlib_bridge
from quanheng.kernels.independent import tree

OPTIONS = 24
GOAL = 30.0
FINANCEPY_GOAL = 8.0 * 5.5 / 1.38


def cases():
    """Bridge arguments: sign, spot, strike, vol, rate, carry, days."""
    rng = np.random.default_rng(1)
    return [
        (
            float(rng.choice([-1.0, 1.0])), 3.0, 3.0 * math.exp(rng.uniform(-0.25, 0.25)),
            rng.uniform(0.1, 0.5), rng.uniform(0.0, 0.06), rng.uniform(0.0, 0.06),
            int(rng.integers(10, 365)),
        )
        for _ in range(OPTIONS)
    ]  # fmt: skip


def ours(case, steps, scheme):
    sign, spot, strike, vol, rate, carry, days = case
    tau = days / 365.0
    forward = spot * math.exp((rate - carry) * tau)
    discount = math.exp(-rate * tau)
    return tree.option_price(sign, spot, forward, strike, vol, tau, discount, steps, scheme, True)


def measure(options, true, steps: int, repeats: int) -> dict[str, float]:
    """Seconds of processor time per option, each option's best of interleaved repeats."""
    peers = {
        "ours CRR": lambda case: ours(case, steps, tree.CRR),
        "ours LR": lambda case: ours(case, steps, tree.LEISEN_REIMER),
        "QuantLib CRR": lambda case: quantlib_bridge.american_tree_price(*case, steps),
    }
    best = {name: np.full(len(options), math.inf) for name in peers}
    error = dict.fromkeys(peers, 0.0)
    for i, case in enumerate(options):
        for _ in range(repeats):
            for name, price in peers.items():
                start = time.thread_time_ns()
                found = price(case)
                best[name][i] = min(best[name][i], time.thread_time_ns() - start)
                error[name] = max(error[name], abs(found - true[i]))
    nodes = (steps + 1) * (steps + 2) / 2
    for name, spent in best.items():
        ratio = best["QuantLib CRR"].mean() / spent.mean()
        print(
            f"{name:16} {steps:5} {spent.mean() / 1e3:11.2f} {spent.mean() / nodes:8.3f} "
            f"{ratio:22.1f} {error[name]:10.1e}"
        )
    return {name: float(spent.mean()) for name, spent in best.items()}


def main() -> None:
    options = cases()
    true = [quantlib_bridge.american_price(*case) for case in options]
    print("                 steps   us/option  ns/node  ratio to QuantLib CRR  max error")
    for steps, repeats in ((101, 30), (501, 12), (1001, 4)):
        spent = measure(options, true, steps, repeats)
        if steps == 501:
            ratio = spent["QuantLib CRR"] / spent["ours CRR"]
            verdict, history = (
                "met" if ratio >= goal else "not met" for goal in (GOAL, FINANCEPY_GOAL)
            )
            print(f"  goal {GOAL:.0f}x QuantLib CRR {verdict}, 8x FinancePy (by history) {history}")


if __name__ == "__main__":
    main()
