"""splitmix64 (Steele, Lea and Flood 2014): a step and an output function over 64-bit words."""

import numpy as np

from quanheng.kernels.jit import inlined

STEP = np.uint64(0x9E3779B97F4A7C15)
"""Added to a word to reach the next one; by counter, or kept in a machine's state."""
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30 = np.uint64(30)
_27 = np.uint64(27)
_31 = np.uint64(31)


@inlined
def mixed(word: np.uint64) -> np.uint64:
    """The output function: 64 random bits of a word."""
    word = (word ^ (word >> _30)) * _MIX_1
    word = (word ^ (word >> _27)) * _MIX_2
    return word ^ (word >> _31)
