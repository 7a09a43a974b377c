"""The proof of a pull: what rested, when each of it was confirmed dead, what lives and why.

reliability.md 2.5: a pull ends only when everything is terminal or barred by a no-cancel window,
and says which. All times are nanoseconds of the gateway's monotonic clock since the pull.
"""

import msgspec

from quanheng.edge.gateway_parts import OpenTable, Resting
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.units import SECOND, Nanos

OVERDUE = 5 * SECOND
"""A pull that is not confirmed whole after this raises an alert (reliability.md 2.5 point 3)."""


class Live(msgspec.Struct, frozen=True):
    """Something that a pull has not got rid of yet."""

    contract: str
    client_id: str  # of a single order; empty for the contract's quote
    trader: str
    strategy: str
    reason: int  # the exchange's code against the last cancel, 0 none
    why: str  # refused | unanswered | waiting


class Proof(msgspec.Struct, frozen=True):
    """Where a pull stands. Times are -1 for what has not happened."""

    scope: str
    by: str
    elapsed: Nanos
    items: int
    dead: list[tuple[str, str, Nanos]]  # contract, client id or "", when it was confirmed
    first_cancel: Nanos
    last_cancel: Nanos
    done: Nanos
    barred: int  # new requests of the scope refused since
    live: list[Live]


class Watch:
    """Follows one pull from its first instant until everything in it is gone."""

    def __init__(self, scope: str, by: str, now: Nanos, rows: list[Resting]) -> None:
        self.scope = scope
        self.by = by
        self.began = now
        self.barred = 0
        self.told = False
        self._waiting = rows
        self._keys = {(row.contract, row.name) for row in rows}
        self._dead: list[tuple[str, str, Nanos]] = []
        self._first: Nanos = -1
        self._last: Nanos = -1
        self._done: Nanos = -1 if rows else 0

    @property
    def over(self) -> bool:
        """True once everything was confirmed dead."""
        return self._done >= 0

    def overdue(self, now: Nanos) -> bool:
        """True once, when the pull has taken too long."""
        late = not self.over and not self.told and now - self.began >= OVERDUE
        self.told = self.told or late
        return late

    def cancelled(self, entry: Resting, now: Nanos) -> None:
        """A cancel of something went out; only what this pull waits for counts."""
        if (entry.contract, entry.name) in self._keys:
            self._last = now - self.began
            self._first = self._last if self._first < 0 else self._first

    def look(self, table: OpenTable, now: Nanos) -> None:
        """Compare with what may still rest."""
        if self.over:
            return
        alive = []
        for entry in self._waiting:
            if table.holds(entry):
                alive.append(entry)
            else:
                self._dead.append((entry.contract, entry.name, now - self.began))
        self._waiting = alive
        if not alive:
            self._done = now - self.began

    def alerts(self) -> list[RaiseAlert]:
        """What is told of a pull that is not over yet."""
        if self.over:
            return []
        return [RaiseAlert(Alert.PULL_OVERDUE, self.scope, (len(self._waiting), self.by))]

    def proof(self, now: Nanos) -> Proof:
        """The record for people and for the log."""
        return Proof(
            scope=self.scope,
            by=self.by,
            elapsed=now - self.began,
            items=len(self._dead) + len(self._waiting),
            dead=list(self._dead),
            first_cancel=self._first,
            last_cancel=self._last,
            done=self._done,
            barred=self.barred,
            live=[_live(entry) for entry in self._waiting],
        )


def _live(entry: Resting) -> Live:
    trader, strategy = entry.who
    why = "refused" if entry.refused else "unanswered" if entry.asked else "waiting"
    return Live(entry.contract, entry.name, trader, strategy, entry.refused, why)
