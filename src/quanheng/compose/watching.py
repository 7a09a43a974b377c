"""Look over a machine's shoulder: what some of its functions were given while it took an input."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

Calls = dict[str, list[tuple[Any, ...]]]
"""By function: what each call was given, rows copied, in order."""


@contextmanager
def watching(module: ModuleType, *names: str) -> Iterator[Calls]:
    """Keep the arguments of a module's functions while inside; they do what they always do."""
    seen: Calls = {name: [] for name in names}
    room = vars(module)
    inner: dict[str, Callable[..., Any]] = {name: room[name] for name in names}

    def watched(name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            seen[name].append(tuple(_kept(one) for one in given))
            return inner[name](*given)

        return call

    room.update({name: watched(name) for name in names})
    try:
        yield seen
    finally:
        room.update(inner)


def _kept(one: Any) -> Any:
    return one.copy() if isinstance(one, np.ndarray | list) else one
