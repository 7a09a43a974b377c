"""The battery of the independent model, binomial trees for American options (R-05, I-17).

As in `model_checks`: a deterministic grid, identities that any American price obeys, and QuantLib's
price by the exercise boundary (not its own tree) where the extra `quantlib` is installed.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quanheng.compose.model_checks import STEPS, not_run, result
from quanheng.compose.model_record import CheckResult, TestRecord
from quanheng.compose.model_sources import libraries, source_hash, system_version
from quanheng.edge import quantlib_bridge
from quanheng.kernels.independent import tree
from quanheng.kernels.math.elementary import exp

Floats = npt.NDArray[np.float64]

SPOT = 3.0
SPREADS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Distance of the strike in standard deviations."""
VOLS = (0.1, 0.25, 0.6)
DAYS = (10, 90, 365)
RATES = ((0.02, 0.0), (0.05, 0.02), (0.02, 0.05), (0.0, 0.0))
"""Continuous rate and carry a year."""
SCHEMES = ((tree.LEISEN_REIMER, "leisen-reimer", "Leisen-Reimer"), (tree.CRR, "crr", "CRR"))
SOURCES = (
    "kernels/independent/rollback.py",
    "kernels/independent/tree.py",
    "kernels/math/bits.py",
    "kernels/math/elementary.py",
)


class Option(NamedTuple):
    """One option of the grid."""

    sign: float
    spot: float
    strike: float
    vol: float
    rate: float
    carry: float
    days: int

    def price(self, scheme: int, early: bool, steps: int = STEPS) -> float:
        """By a tree, with or without early exercise."""
        tau = self.days / 365.0
        forward = self.spot * exp((self.rate - self.carry) * tau)
        discount = exp(-self.rate * tau)
        return tree.option_price(
            self.sign, self.spot, forward, self.strike, self.vol, tau, discount, steps, scheme,
            early,
        )  # fmt: skip


def grid() -> list[Option]:
    """Every combination of sign, rates, days, vol and distance."""
    options = []
    for sign in (1.0, -1.0):
        for rate, carry in RATES:
            for days in DAYS:
                for vol in VOLS:
                    for spread in SPREADS:
                        strike = SPOT * exp(spread * vol * float(np.sqrt(days / 365.0)))
                        options.append(Option(sign, SPOT, strike, vol, rate, carry, days))
    return options


def _rights(options: list[Option], scheme: int, name: str, title: str) -> CheckResult:
    gaps = []
    for option in options:
        value = option.price(scheme, True)
        floor = max(option.sign * (option.spot - option.strike), option.price(scheme, False))
        gaps.append((floor - value) / option.spot)
    titles = (
        f"{title}：美式不低于内在价值与欧式（相对标的）",
        f"{title}: American at least intrinsic and European (relative to spot)",
    )
    return result(f"rights-{name}", titles, np.array(gaps), 1e-13)


def _no_early_call(options: list[Option], scheme: int, name: str, title: str) -> CheckResult:
    gaps = [
        abs(option.price(scheme, True) - option.price(scheme, False)) / option.spot
        for option in options
        if option.sign > 0.0 and option.carry == 0.0
    ]
    titles = (
        f"{title}：无持有收益的认购不提前行权（相对标的）",
        f"{title}: a call without carry is not exercised early (relative to spot)",
    )
    return result(f"no-early-call-{name}", titles, np.array(gaps), 1e-13)


def _mirror(options: list[Option]) -> CheckResult:
    """C(S, K, r, q) = P(K, S, q, r), McDonald and Schroder (1998)."""
    gaps = []
    for option in options:
        other = Option(
            -option.sign, option.strike, option.spot, option.vol, option.carry, option.rate,
            option.days,
        )  # fmt: skip
        mine, theirs = (one.price(tree.LEISEN_REIMER, True) for one in (option, other))
        gaps.append(abs(mine - theirs) / option.spot)
    titles = ("认购认沽对称（相对标的）", "put-call symmetry (relative to spot)")
    return result("symmetry", titles, np.array(gaps), 1e-11)


def _boundary(
    options: list[Option], scheme: int, name: str, title: str, allowed: float
) -> CheckResult:
    titles = (
        f"{title}：美式价格与 QuantLib 行权边界法（相对标的）",
        f"{title}: American against QuantLib's exercise boundary (relative to spot)",
    )
    if quantlib_bridge.version() is None:
        return not_run(f"quantlib-{name}", titles, allowed, "quanheng[quantlib]")
    gaps = [
        abs(option.price(scheme, True) - quantlib_bridge.american_price(*option)) / option.spot
        for option in options
    ]
    return result(f"quantlib-{name}", titles, np.array(gaps), allowed)


def record_trees() -> TestRecord:
    """Run the battery for the model `binomial` and give its record; takes seconds."""
    options = grid()
    checks = []
    for scheme, name, title in SCHEMES:
        checks.append(_rights(options, scheme, name, title))
        checks.append(_no_early_call(options, scheme, name, title))
        allowed = 1e-4 if scheme == tree.LEISEN_REIMER else 2e-4
        checks.append(_boundary(options, scheme, name, title, allowed))
    checks.append(_mirror(options))
    return TestRecord(
        "binomial",
        "独立二叉树（欧式、美式）",
        "independent binomial trees (European, American)",
        system_version(),
        source_hash(SOURCES),
        SOURCES,
        libraries(),
        tuple(checks),
    )
