"""Random numbers of the crowd: splitmix64 words in the machine's state, nothing else."""

import numpy as np

from quanheng.exchange.crowd_layout import Words
from quanheng.kernels.jit import kernel
from quanheng.kernels.math.elementary import log
from quanheng.kernels.math.splitmix import STEP, mixed

_11 = np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0
_ROOT_3 = 1.7320508075688772


@kernel
def uniform(rng: Words, stream: int) -> float:
    """The next number of a stream, in [0, 1)."""
    word = rng[stream] + STEP
    rng[stream] = word
    return float(mixed(word) >> _11) * _UNIT


@kernel
def below(rng: Words, stream: int, bound: int) -> int:
    """A whole number in [0, bound)."""
    return int(uniform(rng, stream) * bound)


@kernel
def normal(rng: Words, stream: int) -> float:
    """Nearly standard normal: four uniform numbers, so never beyond 3.5."""
    total = uniform(rng, stream) + uniform(rng, stream)
    total += uniform(rng, stream) + uniform(rng, stream)
    return (total - 2.0) * _ROOT_3


@kernel
def waiting(rng: Words, stream: int, mean: float) -> float:
    """An exponential number with this mean."""
    return -mean * log(1.0 - uniform(rng, stream))


@kernel
def count(rng: Words, stream: int, mean: float) -> int:
    """A whole number with this mean, spread like arrivals for small means, tighter for large."""
    total = 0
    left = mean
    while left > 8.0:
        total += 8 + below(rng, stream, 5) - 2
        left -= 8.0
    reach = waiting(rng, stream, 1.0)
    while reach < left:
        total += 1
        reach += waiting(rng, stream, 1.0)
    return total
