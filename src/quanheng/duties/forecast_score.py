"""How good chances of grades were, once the grades are known: Brier score and reliability curve.

Pure functions of what was said and what came, for the study of drawn months and for a firm's own
kept forecasts (E-12, L-03). Floats: statistics for people, no figure of the evaluation.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from quanheng.duties.grade import GRADES

Numbers = npt.NDArray[np.float64]
BINS = 10

Said = Sequence[tuple[int, str, Mapping[str, int]]]
"""(days still to come, final grade, chances per mille) of every time that was asked."""


def pairs(said: Said) -> tuple[Numbers, Numbers]:
    """Chances said and what came (0 or 1), of every grade of every forecast in turn."""
    chance = [one.get(grade, 0) / 1000 for _, _, one in said for grade in GRADES]
    came = [float(grade == end) for _, end, _ in said for grade in GRADES]
    return np.array(chance), np.array(came)


def brier(said: Said) -> tuple[float, float]:
    """(mean of the squared errors summed over the grades, the same of saying every time how often
    each grade comes among these).
    """
    chance, came = (one.reshape(-1, len(GRADES)) for one in pairs(said))
    usual = came.mean(axis=0)
    score = ((chance - came) ** 2).sum(axis=1).mean()
    known = ((usual - came) ** 2).sum(axis=1).mean()
    return float(score), float(known)


def curve(said: Said, bins: int = BINS) -> list[tuple[float, float, int]]:
    """(mean chance said, share that came, number) by equal parts of the chance said."""
    chance, came = pairs(said)
    place = np.minimum((chance * bins).astype(int), bins - 1)
    found = []
    for number in range(bins):
        own = place == number
        if own.any():
            found.append((float(chance[own].mean()), float(came[own].mean()), int(own.sum())))
    return found


def off(said: Said) -> float:
    """Mean distance of the curve from the diagonal, weighted by how often each tenth is said,
    among chances that say something (from 5 % to 95 %).
    """
    chance, came = pairs(said)
    kept = (chance >= 0.05) & (chance <= 0.95)
    place = (chance[kept] * BINS).astype(int)
    total = 0.0
    for number in range(BINS):
        own = place == number
        if own.any():
            total += own.sum() * abs(float(chance[kept][own].mean() - came[kept][own].mean()))
    return total / max(int(kept.sum()), 1)
