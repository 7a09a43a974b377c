"""Wires of a simulation: how an effect of one machine becomes inputs of another (house.md 4.4)."""

from collections.abc import Callable, Sequence
from typing import Any

from quanheng.runtime.envelope import Source
from quanheng.runtime.host import Host
from quanheng.terms.units import MILLISECOND, Nanos

Carry = Callable[[Any, Nanos], Sequence[Any]]
"""(effect, instant it leaves) -> input bodies that arrive, in order; empty when nothing does."""

Sink = Callable[[Any, Nanos, int], None]
"""(effect, instant, input seq) -> nothing: where effects leave the world (records, alerts)."""


CauseOf = Callable[[Any], int]
"""Effect -> the cause its inputs carry, for example the proposal number of an Issue."""


class Wire:
    """A named, bounded, one-way queue with a declared latency. Its number breaks ties of time."""

    __slots__ = (
        "bound",
        "carry",
        "cause",
        "in_flight",
        "latency",
        "name",
        "number",
        "receiver",
        "sent",
        "source",
    )

    def __init__(
        self,
        number: int,
        name: str,
        receiver: Host,
        carry: Carry | None = None,
        latency: Nanos = MILLISECOND,
        source: Source = Source.VENUE,
        bound: int = 65_536,
        cause: CauseOf | None = None,
    ) -> None:
        if latency <= 0:
            raise ValueError(f"wire {name}: latency must be positive, not {latency}")
        self.number = number
        self.name = name
        self.receiver = receiver
        self.carry = carry
        self.latency = latency
        self.source = source
        self.bound = bound
        self.cause = cause
        self.sent = 0
        self.in_flight = 0
