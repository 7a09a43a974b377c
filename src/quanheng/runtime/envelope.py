"""Envelopes and the messages every machine may receive or emit.

An Envelope is the only thing a machine ever sees: it carries the time, so no machine reads a clock.
"""

from enum import IntEnum
from typing import Generic, TypeVar

import msgspec

from quanheng.terms.codes import Alert, Link, Overseen
from quanheng.terms.units import Nanos

BodyT = TypeVar("BodyT")


class Source(IntEnum):
    """Where an input came from."""

    RUNTIME = 0
    TIMER = 1
    FEED = 2
    VENUE = 3  # for the venue itself: a member
    DESK = 4
    OVERSEER = 5


class Envelope(msgspec.Struct, Generic[BodyT], frozen=True, array_like=True):
    """One journaled input: position, time and body. `at` never decreases within a run."""

    seq: int  # 1, 2, 3 … counts inputs only; frame numbers of the journal count I, O and S
    at: Nanos
    source: Source
    cause: int  # seq of the input this follows from, or a proposal number; 0 none
    body: BodyT


class TimerFired(msgspec.Struct, frozen=True, array_like=True, tag="timer"):
    """A timer asked for with WakeAt came due."""

    name: str
    due: Nanos


class LinkChanged(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """The order link between the machine and its counterparty changed state."""

    state: Link


class OverseerSeen(msgspec.Struct, frozen=True, array_like=True, tag="overseer_seen"):
    """Beats of the firm's overseer stopped reaching this machine, or came back."""

    state: Overseen


class TookOver(msgspec.Struct, frozen=True, array_like=True, tag="took_over"):
    """This process leads the machine from here on, with a new and higher epoch."""

    epoch: int


class NotSent(msgspec.Struct, frozen=True, array_like=True, tag="not_sent"):
    """Requests that were withheld by release or refused by the gateway, by client id.

    `highest` is the highest epoch the refuser knows when it is above the sender's, else 0.
    """

    client_ids: list[str]
    why: str
    highest: int = 0


class WakeAt(msgspec.Struct, frozen=True, array_like=True, tag="wake"):
    """Effect: deliver TimerFired(name) at `at` (must be later than now). Re-using a name moves
    it.
    """

    name: str
    at: Nanos


class RaiseAlert(msgspec.Struct, frozen=True, array_like=True, tag="alert"):
    """Effect: tell people. Codes and arguments only; words are added where it is shown."""

    code: Alert
    scope: str
    args: tuple[int | str, ...] = ()


class Record(msgspec.Struct, frozen=True, array_like=True, tag="record"):
    """Effect: rows for a table of the day's dataset (`kernels.pack` of int64[n, columns])."""

    table: str
    columns: int
    rows: bytes
