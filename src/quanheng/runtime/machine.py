"""The contract between a machine and its hosts.

A machine is deterministic: its state and its effects depend only on the envelopes it was given,
in order. It reads no clock, socket, file or random source. The same machine runs live, in
simulation, in replay, on a standby and behind the console; only the host differs.

Every machine is a class with exactly one attribute, `state`: a `msgspec.Struct` of structs,
numbers, dicts and numpy arrays (tests/tidy checks this). Whatever influences the future is in
it: open orders, last fits and warm starts, counters, timers, the rulebook of the day.
`snapshot()` is `encode(state)`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from quanheng.runtime.envelope import Envelope

InputT = TypeVar("InputT")
EffectT = TypeVar("EffectT", covariant=True)


class Machine(Protocol[InputT, EffectT]):
    """What a host needs from a machine."""

    NAME: ClassVar[str]
    """Name of the machine in journals and run folders, for example "maker"."""

    INPUT: ClassVar[Any]
    """The closed union of input types, for decoding a journal."""

    EFFECT: ClassVar[Any]
    """The closed union of effect types."""

    DIGESTED: ClassVar[tuple[type, ...]]
    """Bulky effect types recorded by SHA-256 instead of in full; their receiver's journal holds
    the bytes.
    """

    def apply(self, envelope: Envelope[InputT]) -> Sequence[EffectT]:
        """Take one input, change the state, return what follows from it, in order."""

    def snapshot(self) -> bytes:
        """The whole state; `restore(snapshot())` behaves identically for ever after."""

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot."""

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state, so that a difference says where it is."""
