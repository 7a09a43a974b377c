"""The battery of the per-strike offsets that go on top of a curve (R-05, I-08 to I-10, I-17)."""

import numpy as np
import numpy.typing as npt

from quanheng.compose.curve_checks import (
    SCENARIOS,
    finish,
    fitted,
    points,
    price_faults,
    record,
    vols,
)
from quanheng.compose.model_record import CheckResult, TestRecord
from quanheng.kernels.desk.curves import layout, offsets

Floats = npt.NDArray[np.float64]

MOST = 0.02
"""Vol; no offset is larger."""
PATTERNS = ("one up", "one down", "alternating", "put wing", "call wing")


def _pattern(name: str, n: int) -> Floats:
    """Residuals of the quotes against a smile, in units of two vol points."""
    bumps = np.zeros(n)
    if name == "alternating":
        bumps[::2], bumps[1::2] = 1.0, -1.0
    elif name in ("put wing", "call wing"):
        bumps[: n // 3] = 1.0
        bumps = bumps if name == "put wing" else bumps[::-1].copy()
    else:
        bumps[n // 2] = 1.0 if name == "one up" else -1.0
    return 0.02 * bumps


class _Case:
    """A wing row, quotes that it misses by a pattern, and the offsets for them."""

    def __init__(self, scenario: tuple[str, float, float, float, float], pattern: str) -> None:
        name, self.tau, *smile = scenario
        self.name = f"{name}, {pattern}"
        self.k, vol = points(self.tau, *smile)
        n = self.k.size
        self.row = fitted(layout.WING, self.tau, self.k, vol)
        self.half = np.full(n, 0.012)
        quoted = vol + _pattern(pattern, n)
        given = (self.row, self.k, quoted, np.ones(n), self.half, n, self.tau, 1.0, MOST)
        self.found = np.empty(n)
        self.share = offsets.fit_offsets(*given, self.found)
        again = np.empty(n)
        offsets.fit_offsets(*given, again)
        self.same = again.tobytes() == self.found.tobytes()
        self.missed = float(np.abs(quoted - vols(self.row, self.k)).max())
        self.left = float(np.abs(quoted - vols(self.row, self.k) - self.found).max())

    def along(self, x: Floats) -> Floats:
        """Offsets at each x."""
        n = self.k.size
        return np.array([offsets.offset_at(self.k, self.found, n, float(at)) for at in x])


def _checks(cases: list[_Case]) -> list[CheckResult]:
    names = [case.name for case in cases]
    bounds, wings, jumps, prices = [], [], [], []
    for case in cases:
        bounds.append(float((np.abs(case.found) - np.minimum(case.half, MOST)).max()))
        width = float(case.k[-1])
        wings.append(float(np.abs(case.along(np.array([-1.5, 1.5]) * width)).max()))
        fine = np.linspace(-1.4 * width, 1.4 * width, 2_001)
        jumps.append(float(np.abs(np.diff(case.along(fine))).max()))
        prices.append(price_faults(case.k, vols(case.row, case.k) + case.found, case.tau))
    worse = [case.left - case.missed for case in cases]
    lost = [0.0 if case.same else 1.0 for case in cases]
    within = (
        "偏移不超过半个买卖价差与上限（超出，波动率）",
        "within half the quotes (excess, vol)",
    )
    closer = ("加上偏移后更接近报价（变差，波动率）", "nearer to the quotes (loss, vol)")
    fades = ("报价之外归零（波动率）", "nothing far beyond the quotes (vol)")
    smooth = ("行权价之间连续（跳变，波动率）", "no jump between strikes (vol)")
    sound = ("行权价上无蝶式套利（相对远期）", "no butterflies at the strikes (per forward)")
    bits = ("同样输入逐位相同（不同个数）", "the same input, the same bits (differences)")
    return [
        finish("bounds", within, bounds, 1e-15, names),
        finish("nearer", closer, worse, 1e-12, names),
        finish("fade", fades, wings, 0.0, names),
        finish("continuity", smooth, jumps, 1e-3, names),
        finish("prices", sound, prices, 1e-12, names),
        finish("determinism", bits, lost, 0.0, names),
    ]


def record_offsets(modules: tuple[str, ...]) -> TestRecord:
    """Run the battery of the offsets; `modules` are the registered ones."""
    cases = [_Case(scenario, pattern) for scenario in SCENARIOS for pattern in PATTERNS]
    return record("offsets", ("按行权价偏移", "offsets by strike"), modules, _checks(cases))
