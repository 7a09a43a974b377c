"""Prices, Greeks and implied volatilities for notebooks: numbers or arrays in, the same out.

Arguments broadcast as in numpy and go to the chain kernels that the live maker runs, so a result
has the very bits of the live one. Floats in give a float out; arrays give an array of the broadcast
shape. Units: forward, strike, price in yuan per unit, vol per 1.00, tau in years of variance time,
`kind` "C" or +1 for a call, "P" or -1 for a put. Give either `discount`, the discount factor to the
payment (default 1), or `rate`, continuous per year, for discount = exp(-rate * tau).

Bad values (a negative vol, NaN) give NaN; wrong arguments (an unknown kind, shapes that do not
broadcast, an unfit `out`) raise ValueError or TypeError.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from quanheng.kernels.desk import black, implied
from quanheng.kernels.desk import greeks as chains

Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int64]
Kind: TypeAlias = str | float | npt.ArrayLike
Number: TypeAlias = float | npt.ArrayLike

_SIGNS = {"C": 1.0, "P": -1.0}


class Greeks(NamedTuple):
    """Price and Greeks of one option (floats) or of many (arrays of one shape).

    Units of `greeks`: `desk.black` and `desk.greeks`; of `desk_greeks`: `desk.greeks.desk_chain`.
    """

    price: Any
    delta: Any
    gamma: Any
    vega: Any
    theta: Any
    rho: Any
    vanna: Any
    volga: Any
    charm: Any


def sign_of(kind: Kind) -> Any:
    """+1.0 or -1.0, or an array of them; ValueError or TypeError for anything else."""
    if isinstance(kind, str):
        if kind not in _SIGNS:
            raise ValueError(f"kind must be 'C', 'P', +1 or -1, not {kind!r}")
        return _SIGNS[kind]
    kinds = np.asarray(kind)
    if kinds.dtype.kind == "O":  # a column of Python strings
        kinds = np.array(kinds.tolist())
    if kinds.dtype.kind in "UT":
        calls = kinds == "C"
        good = calls | (kinds == "P")
        signs: Any = np.where(calls, 1.0, -1.0)
    elif kinds.dtype.kind in "if":
        good = np.abs(kinds) == 1
        signs = kinds.astype(np.float64)
    else:
        raise TypeError(f"kind must be 'C', 'P', +1 or -1, not {kinds.dtype}")
    if not np.all(good):
        raise ValueError(f"kind must be 'C', 'P', +1 or -1, not {kinds[~good].flat[0]!r}")
    return signs if signs.ndim else float(signs)


def _number(name: str, value: Number) -> Any:
    """A float, or an array of float64; TypeError for what is no number."""
    if isinstance(value, float):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a number or an array of numbers, not {array.dtype}")
    return array.astype(np.float64, copy=False) if array.ndim else float(array)


def _discount(tau: Any, discount: Number | None, rate: Number | None) -> Any:
    """The discount factor, whichever way it was given."""
    if rate is None:
        return 1.0 if discount is None else _number("discount", discount)
    if discount is not None:
        raise TypeError("give discount or rate, not both")
    continuous = _number("rate", rate)
    if isinstance(continuous, float) and isinstance(tau, float):
        return black.discount_factor(continuous, tau)
    return _fill(chains.discount_chain, (continuous, tau), 0, None)


def _columns(values: tuple[Any, ...]) -> tuple[tuple[int, ...], list[Floats]]:
    """(common shape, contiguous writable columns of its size) of numbers and arrays."""
    shapes = [value.shape for value in values if not isinstance(value, float)]
    try:
        alike = all(shape == shapes[0] for shape in shapes)
        shape = (shapes[0] if shapes else ()) if alike else np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"shapes do not broadcast: {', '.join(map(str, shapes))}") from None
    columns = []
    for value in values:
        if isinstance(value, float):
            column = np.full(shape, value)
        elif value.shape == shape and value.flags.c_contiguous and value.flags.writeable:
            column = value
        else:
            column = np.array(np.broadcast_to(value, shape), order="C")
        columns.append(column.reshape(-1))
    return shape, columns


def _result(out: Any, shape: tuple[int, ...], dtype: type) -> Any:
    """`out` when it fits, a new array when it is None."""
    if out is None:
        return np.empty(shape, dtype=dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, not {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"out must have dtype {np.dtype(dtype)}, not {out.dtype}")
    if out.shape != shape:
        raise ValueError(f"out must have shape {shape}, not {out.shape}")
    if not out.flags.writeable:
        raise ValueError("out must be writable")
    return out


def _fill(
    chain: Callable[..., None],
    values: tuple[Any, ...],
    rows: int,
    out: Any,
    dtype: type = np.float64,
) -> Any:
    """Run a chain kernel over broadcast columns; the result has `rows` in front when not zero."""
    shape, columns = _columns(values)
    result = _result(out, (rows, *shape) if rows else shape, dtype)
    # A kernel that overwrote its own input, or a strided `out`, goes through a buffer.
    fresh = out is None
    direct = fresh or (
        result.flags.c_contiguous and not any(np.may_share_memory(result, c) for c in columns)
    )
    buffer = result if direct else np.empty(result.shape, dtype=dtype)
    chain(*columns, buffer.reshape((rows, -1) if rows else -1))
    if not direct:
        result[...] = buffer
    return result


def _inputs(
    kind: Kind,
    named: dict[str, Number],
    discount: Number | None,
    rate: Number | None,
) -> tuple[tuple[Any, ...], bool]:
    """(sign, the named numbers, discount; are all plain floats?). The last named one is tau."""
    numbers = [_number(name, value) for name, value in named.items()]
    values = (sign_of(kind), *numbers, _discount(numbers[-1], discount, rate))
    return values, all(isinstance(value, float) for value in values)


def price(
    kind: Kind,
    forward: Number,
    strike: Number,
    vol: Number,
    tau: Number,
    discount: Number | None = None,
    *,
    rate: Number | None = None,
    out: Floats | None = None,
) -> Any:
    """Black-76 price in yuan per unit, of the broadcast shape (rules.md 8.2, `desk.black`).

    At tau = 0 or vol = 0 the discounted intrinsic value; NaN where an input is out of its domain.
    """
    named = {"forward": forward, "strike": strike, "vol": vol, "tau": tau}
    values, plain = _inputs(kind, named, discount, rate)
    if plain and out is None:
        return black.price_one(*values)
    return _fill(chains.price_only_chain, values, 0, out)


def greeks(
    kind: Kind,
    forward: Number,
    strike: Number,
    vol: Number,
    tau: Number,
    discount: Number | None = None,
    *,
    rate: Number | None = None,
    out: Floats | None = None,
) -> Greeks:
    """Price and eight Greeks to the forward (I-29), per unit, vol per 1.00, time per year.

    Meanings are those of the rows of `desk.black` and `desk.greeks`. `out` has shape (9, *shape);
    the fields are views of its rows.
    """
    named = {"forward": forward, "strike": strike, "vol": vol, "tau": tau}
    values, plain = _inputs(kind, named, discount, rate)
    table = _fill(chains.greeks_chain, values, chains.ALL_ROWS, out)
    return Greeks(*(table.tolist() if plain and out is None else table))


def desk_greeks(
    kind: Kind,
    forward: Number,
    strike: Number,
    vol: Number,
    tau: Number,
    discount: Number | None = None,
    *,
    unit: Number,
    rate: Number | None = None,
    out: Floats | None = None,
) -> Greeks:
    """The same in yuan per contract of `unit` units and a desk's steps (rules.md 8.1).

    Cash delta; its change over a 1 % move (gamma), per vol point (vanna) and per trading day
    (charm); vega per vol point and its change per vol point (volga); theta per trading day; rho per
    basis point. `desk.greeks.desk_chain` has the formulas.
    """
    named = {"unit": unit, "forward": forward, "strike": strike, "vol": vol, "tau": tau}
    values, plain = _inputs(kind, named, discount, rate)
    sign, size, *others = values
    shape, columns = _columns((sign, *others, size))
    table = _fill(chains.greeks_chain, tuple(columns[:-1]), chains.ALL_ROWS, None)
    chains.desk_chain(table, columns[1], columns[-1], table)
    result = _result(out, (chains.ALL_ROWS, *shape), np.float64)
    result[...] = table.reshape(result.shape)
    return Greeks(*(result.tolist() if plain and out is None else result))


def implied_vol(
    kind: Kind,
    price: Number,
    forward: Number,
    strike: Number,
    tau: Number,
    discount: Number | None = None,
    *,
    rate: Number | None = None,
    out: Floats | None = None,
) -> Any:
    """Volatility per 1.00 whose Black-76 price is `price` (`desk.implied`).

    Within 4 eps (1 + price / (vol vega)) relative, or NaN; `implied_reason` says why NaN.
    """
    named = {"price": price, "forward": forward, "strike": strike, "tau": tau}
    values, plain = _inputs(kind, named, discount, rate)
    if plain and out is None:
        return implied.implied_one(*values)
    return _fill(implied.implied_chain, values, 0, out)


def implied_reason(
    kind: Kind,
    price: Number,
    forward: Number,
    strike: Number,
    tau: Number,
    discount: Number | None = None,
    *,
    rate: Number | None = None,
    out: Codes | None = None,
) -> Any:
    """Code of why `implied_vol` is NaN, 0 where it is not; `reason_words` says it in words."""
    named = {"price": price, "forward": forward, "strike": strike, "tau": tau}
    values, plain = _inputs(kind, named, discount, rate)
    if plain and out is None:
        return int(implied.reason_one(*values))
    return _fill(implied.reason_chain, values, 0, out, np.int64)


def reason_words(code: int) -> str:
    """A code of `implied_reason` as a sentence; ValueError for an unknown code."""
    if not 0 <= code < len(implied.REASON_WORDS):
        raise ValueError(f"no such reason: {code}")
    return implied.REASON_WORDS[code]
