"""Small ports between the hosts and the world; the in-memory adapters are the reference.

`quanheng.runtime.journal.Journal` is the port of a journal. Adapters that reach the world live
in `segment`, `snapshots` and in `quanheng.edge`.
"""

from typing import Protocol

from quanheng.runtime.journal import Journal


class Snapshots(Protocol):
    """Kept states of one machine, named by the seq of their S frame.

    `damage` says what is wrong with their list, for recovery to tell; empty when nothing is.
    """

    damage: str

    def write(self, seq: int, data: bytes) -> None:
        """Store a snapshot; it does not count until `publish`."""

    def publish(self, seq: int) -> None:
        """List the snapshot in the manifest, which is written last."""

    def seqs(self) -> list[int]:
        """Published snapshots, oldest first."""

    def read(self, seq: int) -> bytes | None:
        """The bytes of a snapshot, None when it is missing or damaged."""


class Stores(Protocol):
    """Where a run keeps its journals and snapshots."""

    def journal(self, machine: str) -> Journal:
        """Open the journal of a machine for appending."""

    def snapshots(self, machine: str) -> Snapshots:
        """The snapshots of a machine."""


class Stateful(Protocol):
    """Optional for a carry or a sink: state that a resumed simulation must get back."""

    def snapshot(self) -> bytes:
        """The whole state."""

    def restore(self, data: bytes) -> None:
        """Replace the state."""
