"""Events that reach their handlers at once, in the caller's thread."""

from collections.abc import Callable
from typing import Any


class Event:
    def __init__(self, type: str, data: Any = None) -> None:  # noqa: A002
        self.type = type
        self.data = data


class EventEngine:
    def __init__(self, interval: int = 1) -> None:
        self.handlers: dict[str, list[Callable[[Event], None]]] = {}
        self.active = False

    def start(self) -> None:
        self.active = True

    def stop(self) -> None:
        self.active = False

    def register(self, type: str, handler: Callable[[Event], None]) -> None:  # noqa: A002
        self.handlers.setdefault(type, []).append(handler)

    def unregister(self, type: str, handler: Callable[[Event], None]) -> None:  # noqa: A002
        self.handlers[type].remove(handler)

    def put(self, event: Event) -> None:
        for handler in self.handlers.get(event.type, []):
            handler(event)
