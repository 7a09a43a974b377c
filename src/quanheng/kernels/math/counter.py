"""Random numbers that are a function of a seed and a counter, so any part can be made alone.

Number i of a stream is splitmix64's output function (Steele, Lea and Flood 2014) of the mixed seed
plus i steps; counters in place of a state follow Salmon et al. (2011).
"""

import numpy as np
import numpy.typing as npt

from quanheng.kernels.jit import kernel
from quanheng.kernels.math.normal import inverse_cdf
from quanheng.kernels.math.splitmix import STEP, mixed

Floats = npt.NDArray[np.float64]

_12 = np.uint64(12)
_ONE = np.uint64(1)
_UNIT = 1.0 / 4503599627370496.0


@kernel
def fill_normals(seed: int, first: int, out: Floats) -> None:
    """Fill out[n] with the standard normal numbers first .. first + n - 1 of a seed's stream.

    Each is the inverse distribution function of a uniform number (i + 1/2) / 2^52, so none lies
    beyond 8.3. Seed and first are not negative.
    """
    start = mixed(np.uint64(seed) + STEP) + np.uint64(first) * STEP
    for i in range(out.size):
        word = mixed(start + (np.uint64(i) + _ONE) * STEP)
        out[i] = inverse_cdf((float(word >> _12) + 0.5) * _UNIT)
