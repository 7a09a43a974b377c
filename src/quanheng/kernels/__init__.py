"""Numbers only: compiled functions over scalars and arrays, no types of ours, no I/O.

`math` elementary functions; `desk` pricing, implied volatility and curves; `independent` a
second model that shares nothing with `desk`; `pack` compact bytes for integer tables. People call
`price`, `greeks`, `desk_greeks`, `implied_vol` and `implied_reason` of `api` through this package:

    import quanheng.kernels as qk
    qk.price("C", forward=2.96, strike=[2.9, 2.95, 3.0], vol=0.18, tau=0.1)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quanheng.kernels.api import (
        Greeks,
        desk_greeks,
        greeks,
        implied_reason,
        implied_vol,
        price,
        reason_words,
    )

__all__ = [
    "Greeks",
    "desk_greeks",
    "greeks",
    "implied_reason",
    "implied_vol",
    "price",
    "reason_words",
]


def __getattr__(name: str) -> object:
    """Names of `api` on first use, so that machines importing one kernel load no other."""
    if name not in __all__:
        raise AttributeError(f"module 'quanheng.kernels' has no attribute {name!r}")
    from quanheng.kernels import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """The public names, for tab completion."""
    return sorted({*globals(), *__all__})
