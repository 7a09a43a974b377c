"""The one decorator for compiled kernels (borders.md 5).

`@kernel` compiles with strict IEEE semantics: no fastmath, no contraction, so that the same inputs
give the same bits on every x86-64-v3 CPU and in scalar and vector code. `NUMBA_DISABLE_JIT=1` runs
the same text as Python. Sub-range loops should use unsigned indices and contiguous arrays, or
vectorisation is lost.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

from quanheng._kernel_cache import cache_folder, keep_checked

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def kernel(function: FunctionT) -> FunctionT:
    """Compile a function of numbers and arrays; results are cached on disk."""
    # Numba reads the folder when the function is decorated, so each room can have its own.
    numba.config.CACHE_DIR = cache_folder(function.__module__)  # type: ignore[attr-defined]
    compile_ = numba.njit(cache=True, fastmath=False, error_model="numpy", nogil=True)
    return cast(FunctionT, keep_checked(compile_(function)))


def inlined(function: FunctionT) -> FunctionT:
    """A `kernel` whose body always goes into its callers, so that their loops vectorise."""
    numba.config.CACHE_DIR = cache_folder(function.__module__)  # type: ignore[attr-defined]
    compile_ = numba.njit(
        cache=True, fastmath=False, error_model="numpy", nogil=True, forceinline=True
    )
    return cast(FunctionT, keep_checked(compile_(function)))
