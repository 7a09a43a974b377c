"""Fused multiply-add and the bits of a double, compiled or as plain Python, same results.

LLVM is told `fma` by name, so it neither forms nor breaks one: scalar, AVX2 and AVX-512 code agree.
Under `NUMBA_DISABLE_JIT=1` the same functions are exact rational arithmetic and `struct`.
"""

import math
import struct
from fractions import Fraction
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD = (1 << 64) - 1


def _fma_exact(a: float, b: float, c: float) -> float:
    """a*b + c rounded once, in rational arithmetic."""
    a, b, c = float(a), float(b), float(c)
    plain = a * b + c
    if plain == 0.0 and (a == 0.0 or b == 0.0):
        return plain
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return plain
    try:
        return float(Fraction(a) * Fraction(b) + Fraction(c))
    except OverflowError:
        return plain


def _bits_plain(x: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", float(x)))[0])


def _float_plain(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", int(bits) & _WORD))[0])


@intrinsic
def _fma_compiled(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    del typing_context, a, b, c

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), build


@intrinsic
def _bits_compiled(typing_context: Any, x: Any) -> Any:
    del typing_context, x

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), build


@intrinsic
def _float_compiled(typing_context: Any, bits: Any) -> Any:
    del typing_context, bits

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), build


# Only callable from kernels when compiled; `elementary.fma` is the one for everybody.
_PLAIN = bool(vars(numba.config)["DISABLE_JIT"])
fused: Any = _fma_exact if _PLAIN else _fma_compiled
bits_of: Any = _bits_plain if _PLAIN else _bits_compiled
float_of: Any = _float_plain if _PLAIN else _float_compiled
