"""Numbers only: compiled functions over scalars and arrays, no types of ours, no I/O.

`math` elementary functions; `desk` pricing, implied volatility, curves, scenarios; `independent` a
second model that shares nothing with `desk`; `pack` compact bytes for integer tables. People call
what is listed below through this package (docs/numbers.md, docs/worked-example.md):

    import quanheng.kernels as qk
    qk.price("C", forward=2.96, strike=[2.9, 2.95, 3.0], vol=0.18, tau=0.1)
"""

from importlib import import_module
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
    from quanheng.kernels.api_books import Grid, Market, explain, stress, value_at_risk
    from quanheng.kernels.api_curves import (
        Curve,
        Forward,
        fit,
        implied_forward,
        repair,
        surface_vol,
    )

__all__ = [
    "Curve",
    "Forward",
    "Greeks",
    "Grid",
    "Market",
    "desk_greeks",
    "explain",
    "fit",
    "greeks",
    "implied_forward",
    "implied_reason",
    "implied_vol",
    "price",
    "reason_words",
    "repair",
    "stress",
    "surface_vol",
    "value_at_risk",
]

_CURVES = ("Curve", "Forward", "fit", "implied_forward", "repair", "surface_vol")
_BOOKS = ("Grid", "Market", "explain", "stress", "value_at_risk")


def __getattr__(name: str) -> object:
    """A public name on first use, so that a machine that imports one kernel loads no other."""
    if name not in __all__:
        raise AttributeError(f"module 'quanheng.kernels' has no attribute {name!r}")
    module = "api_curves" if name in _CURVES else "api_books" if name in _BOOKS else "api"
    return getattr(import_module(f"quanheng.kernels.{module}"), name)


def __dir__() -> list[str]:
    """The public names, for tab completion."""
    return sorted({*globals(), *__all__})
