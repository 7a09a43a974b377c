"""Kernels that an installed wheel brings: called through tables of addresses (I-17, R-05).

Compiled callers only know a slot of a table, so a plug-in never makes them compile again. The
tables are process-wide like the code itself: `quanheng.edge.plugins` fills them before a day opens,
and a machine that opens with a plug-in asks `held` first. An empty slot is never called.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from quanheng.kernels.desk.curves.layout import ROW
from quanheng.kernels.desk.strategies.layout import INPUTS, OUTPUTS

PLUGGED = 16
"""Lowest code of a plug-in; lower ones are the house's own."""
SLOTS = 16
"""Plug-ins of one kind that a process can hold: codes PLUGGED to PLUGGED + SLOTS - 1."""
STRATEGY, CURVE = 0, 1

_INTERPRETED = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
_SYMBOLS = ("quanheng_plugged_strategies", "quanheng_plugged_curves")
_ADDRESSES = np.zeros((len(_SYMBOLS), SLOTS), dtype=np.int64)
_functions: dict[tuple[int, int], Callable[..., Any]] = {}
_names: dict[tuple[int, int], str] = {}
_kept: list[Any] = []  # compiled code lives as long as the process

for _kind, _symbol in enumerate(_SYMBOLS):
    llvmlite.binding.add_symbol(_symbol, _ADDRESSES[_kind].ctypes.data)

_POINTER: Any = types.CPointer(types.float64)  # type: ignore[no-untyped-call]
_carray: Any = numba.carray  # type: ignore[attr-defined]
_DOUBLE, _WORD = ir.DoubleType(), ir.IntType(64)


def plug(kind: int, code: int, name: str, function: Callable[..., Any]) -> None:
    """Put a kernel into the slot of a code; `name` says which one, its sources included.

    A STRATEGY is `f(x, out)` of `strategies.layout`, a CURVE `f(k, vol, weight, tau, forward, warm,
    out) -> status` of `curves.layout`, float64 arrays. ValueError for a code without a slot.
    """
    if not PLUGGED <= code < PLUGGED + SLOTS:
        raise ValueError(f"plug-in code {code} is not {PLUGGED} to {PLUGGED + SLOTS - 1}")
    if held(kind, code) == name:
        return
    if not _INTERPRETED:
        compiled = numba.njit(fastmath=False, error_model="numpy")
        inner = function if hasattr(function, "signatures") else compiled(function)
        entry = (_strategy_entry if kind == STRATEGY else _curve_entry)(inner)
        _kept.append(entry)
        _ADDRESSES[kind, code - PLUGGED] = entry.address
    _functions[kind, code] = function
    _names[kind, code] = name


def held(kind: int, code: int) -> str:
    """The name of what the slot of a code holds, empty for nothing."""
    return _names.get((kind, code), "")


def _strategy_entry(inner: Any) -> Any:
    @numba.cfunc(types.void(_POINTER, _POINTER), error_model="numpy")
    def entry(x: Any, out: Any) -> None:
        inner(_carray(x, INPUTS), _carray(out, OUTPUTS))

    return entry


def _curve_entry(inner: Any) -> Any:
    pointers = (_POINTER, _POINTER, _POINTER)
    number = types.float64
    form = types.int64(*pointers, types.int64, number, number, _POINTER, _POINTER)

    @numba.cfunc(form, error_model="numpy")
    def entry(
        k: Any, vol: Any, weight: Any, n: int, tau: float, forward: float, warm: Any, out: Any
    ) -> int:
        points = _carray(k, n), _carray(vol, n), _carray(weight, n)
        rows = _carray(warm, ROW), _carray(out, ROW)
        return int(inner(points[0], points[1], points[2], tau, forward, rows[0], rows[1]))

    return entry


def _emit(context: Any, builder: Any, kind: int, code: Any, form: Any, values: list[Any]) -> Any:
    """(1 where the slot of a code is filled, what its function answered) as LLVM values.

    The address is read when the code runs, so machine code in the cache stays good.
    """
    table = context.get_c_value(builder, ir.ArrayType(_WORD, SLOTS), _SYMBOLS[kind])
    slot = builder.sub(code, ir.Constant(_WORD, PLUGGED))
    inside = builder.icmp_unsigned("<", slot, ir.Constant(_WORD, SLOTS))
    place = builder.select(inside, slot, ir.Constant(_WORD, 0))
    address = builder.load(builder.gep(table, [ir.Constant(_WORD, 0), place]))
    filled = builder.icmp_unsigned("!=", address, ir.Constant(_WORD, 0))
    there = builder.and_(inside, filled)
    answer: Any = cgutils.alloca_once(builder, _WORD)  # type: ignore[no-untyped-call]
    builder.store(ir.Constant(_WORD, -1), answer)
    with builder.if_then(there):
        done = builder.call(builder.inttoptr(address, form.as_pointer()), values)
        if kind == CURVE:
            builder.store(done, answer)
        else:
            builder.store(ir.Constant(_WORD, 0), answer)
    return builder.load(answer)


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Pointer to the first element of an array."""
    return context.make_array(kind)(context, builder, value).data


@intrinsic
def _compiled_strategy(typing: Any, code: Any, x: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        rows = [_data(context, builder, kinds[i], values[i]) for i in (1, 2)]
        form = ir.FunctionType(ir.VoidType(), [_DOUBLE.as_pointer()] * 2)
        return _emit(context, builder, STRATEGY, values[0], form, rows)

    return types.int64(types.int64, x, out), generate


@intrinsic
def _compiled_curve(
    typing: Any,
    code: Any,
    k: Any,
    vol: Any,
    weight: Any,
    n: Any,
    tau: Any,
    forward: Any,
    warm: Any,
    out: Any,
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = signature.args
        data = {i: _data(context, builder, kinds[i], values[i]) for i in (1, 2, 3, 7, 8)}
        passed = [data.get(i, values[i]) for i in range(1, 9)]
        pointer = _DOUBLE.as_pointer()
        form = ir.FunctionType(
            _WORD, [pointer, pointer, pointer, _WORD, _DOUBLE, _DOUBLE, pointer, pointer]
        )
        return _emit(context, builder, CURVE, values[0], form, passed)

    arguments = (types.int64, k, vol, weight, types.int64, types.float64, types.float64, warm, out)
    return types.int64(*arguments), generate


def _plain_strategy(code: int, x: Any, out: Any) -> int:
    function = _functions.get((STRATEGY, code))
    if function is None:
        return -1
    function(x, out)
    return 0


def _plain_curve(
    code: int,
    k: Any,
    vol: Any,
    weight: Any,
    n: int,
    tau: float,
    forward: float,
    warm: Any,
    out: Any,
) -> int:
    function = _functions.get((CURVE, code))
    if function is None:
        return -1
    return int(function(k[:n], vol[:n], weight[:n], tau, forward, warm, out))


call_strategy: Any = _plain_strategy if _INTERPRETED else _compiled_strategy
"""(code, x, out) -> 0, or -1 for an empty slot; then `out` is as it was."""
call_curve: Any = _plain_curve if _INTERPRETED else _compiled_curve
"""(code, k, vol, weight, n, tau, forward, warm, out) -> the fit's status, -1 for an empty slot."""
