"""Release: when effects may leave a host (borders.md 2).

An effect may leave only when the watermark of the policy has passed the last input applied and
the record of the effects: unsynced input can be lost only together with effects that nobody saw.
"""

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from quanheng.runtime.envelope import NotSent
from quanheng.terms.orders import Send


class Policy(StrEnum):
    """Which watermark lets an effect go."""

    WRITTEN = "written"  # handed to the operating system; only in simulations
    SYNCED = "synced"  # on disk
    REPLICATED = "replicated"  # on disk here and acknowledged durable by the standby


class Held(msgspec.Struct, frozen=True, array_like=True):
    """The effects of one input and the frame that must be safe before they leave."""

    frame_seq: int
    input_seq: int
    effects: tuple[Any, ...]


class Release:
    """A bounded queue of effects in the order they were made."""

    def __init__(self, policy: Policy, bound: int = 65_536) -> None:
        self.policy = policy
        self.replica_seq = 0
        self._bound = bound
        self._queue: deque[Held] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def hold(self, frame_seq: int, input_seq: int, effects: Sequence[Any]) -> None:
        """Queue effects. OverflowError when the disk is that far behind: the host must stop."""
        if len(self._queue) >= self._bound:
            raise OverflowError(
                f"release holds {self._bound} inputs' effects, waiting for frame "
                f"{self._queue[0].frame_seq} to be {self.policy}"
            )
        self._queue.append(Held(frame_seq, input_seq, tuple(effects)))

    def acknowledge(self, durable_seq: int) -> None:
        """The standby says its copy is durable up to a frame."""
        self.replica_seq = max(self.replica_seq, durable_seq)

    def free(self, written_seq: int, durable_seq: int) -> list[Held]:
        """Take out what may leave now, in order."""
        match self.policy:
            case Policy.WRITTEN:
                watermark = written_seq
            case Policy.SYNCED:
                watermark = durable_seq
            case Policy.REPLICATED:
                watermark = min(durable_seq, self.replica_seq)
        out: list[Held] = []
        while self._queue and self._queue[0].frame_seq <= watermark:
            out.append(self._queue.popleft())
        return out

    def withhold(self, why: str) -> NotSent | None:
        """Drop everything queued and say which requests never left, for the machine to hear."""
        dropped = [effect for held in self._queue for effect in held.effects]
        self._queue.clear()
        return not_sent(dropped, why)


def not_sent(effects: Sequence[Any], why: str) -> NotSent | None:
    """The NotSent input for effects that did not leave; None when none carried a request."""
    ids = [
        request.client_id
        for effect in effects
        if isinstance(effect, Send)
        for request in effect.requests
    ]
    return NotSent(ids, why) if ids else None
