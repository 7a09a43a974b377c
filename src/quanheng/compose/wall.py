"""The wall's time, for everything under the roof that stamps what people do."""

import time

from quanheng.terms.units import Nanos


def clock() -> Nanos:
    """Now, as nanoseconds of the epoch."""
    return time.time_ns()
