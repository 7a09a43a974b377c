"""A node's side of the lease: asks, renews, and knows when it must stop (reliability.md 4.2, 1)."""

from collections.abc import Callable

from quanheng.edge.arbiter import (
    LEASE,
    RENEW_EVERY,
    Alone,
    AloneKept,
    Ask,
    Denied,
    Granted,
    Leave,
    Over,
    Renew,
    Renewed,
    ToNode,
)
from quanheng.edge.dialer import Dialer
from quanheng.edge.loop import Loop, tcp_begin
from quanheng.edge.tls import Channel
from quanheng.terms.units import MILLISECOND, Nanos

ASK_EVERY = 100 * MILLISECOND
SILENT = 1_000 * MILLISECOND
MARGIN = 500 * MILLISECOND
"""An effect leaves only while the lease has at least this long to run (P-02)."""


class LeaseKeeper:
    """Asks while it has no epoch, renews while it has one. The deadline counts from the sending of
    the renewal that was answered, on our own monotonic clock; nothing extends it but an answer.
    """

    def __init__(
        self,
        loop: Loop,
        address: tuple[str, int],
        node: str,
        place: tuple[str, int],
        fit: Callable[[], bool],
        known: Callable[[], int],
        lease: Nanos = LEASE,
        channel: Callable[[], Channel] | None = None,
    ) -> None:
        """`place`: where a follower finds us. `fit`: whether we would lead; `known`: the highest
        epoch we have seen; `channel`: secures the line.
        """
        self.epoch = 0
        self.over = ""  # why the epoch leads no more
        self.leader: tuple[str, str, int] = ("", "", 0)  # node and place of who leads
        self.wanted: bool | None = None  # what the arbiter shall keep: is our copy alone whole
        self.alone: bool | None = None  # `wanted` once it has kept it
        self.why = ""  # the last denial
        self._node, self._place, self._fit, self._known = node, place, fit, known
        self._lease = lease
        self._until: Nanos = 0
        self._asked: Nanos = 0
        self._number = 0
        self._asked_alone = 0
        self._sent: dict[int, Nanos] = {}
        self._next: Nanos = 0
        self._now: Nanos = 0
        self._line = Dialer(
            loop,
            lambda: tcp_begin(*address),
            ToNode,
            self._take,
            self._on_up,
            SILENT,
            channel=channel,
        )

    def valid(self, now: Nanos) -> bool:
        """Whether effects may leave."""
        return bool(self.epoch) and not self.over and now < self._until - MARGIN

    def expired(self, now: Nanos) -> bool:
        """Whether the epoch is over by our own clock."""
        return bool(self.epoch) and now >= self._until - MARGIN

    def tick(self, now: Nanos) -> None:
        """Connect, ask or renew when it is time to."""
        self._now = now
        self._line.tick(now)
        if now < self._next or not self._line.up:
            return
        if self.epoch:
            self._next = now + RENEW_EVERY
            self._number += 1
            self._sent[self._number] = now
            self._line.send(Renew(self._node, self.epoch, self._number))
            if self.wanted is not None and self.alone is None:
                self.say_alone(self.wanted)  # the question or its answer was lost
        else:
            self._next = now + ASK_EVERY
            if not self._asked:
                self._asked = now
            self._line.send(Ask(self._node, self._fit(), self._known(), *self._place))

    def say_alone(self, alone: bool) -> None:
        """Have the arbiter keep whether our copy alone is whole; `alone` changes when it has."""
        self.wanted, self.alone = alone, None
        self._number += 1
        self._asked_alone = self._number
        self._line.send(Alone(self._node, self.epoch, alone, self._number))

    def leave(self) -> None:
        """Lead no more."""
        if self.epoch:
            self._line.send(Leave(self._node, self.epoch))

    def _on_up(self) -> None:
        self._next = self._asked = 0

    def _take(self, message: Granted | Denied | Renewed | AloneKept | Over) -> None:
        match message:
            case Granted():
                # Counted from the asking, however long the answer took.
                self.epoch, self._until = message.epoch, (self._asked or self._now) + self._lease
            case Denied():
                self._asked = 0
                self.leader = (message.leader, message.host, message.port)
                self.why = message.why
            case Renewed():
                sent = self._sent.pop(message.number, None)
                self._sent = {n: at for n, at in self._sent.items() if n > message.number}
                if sent is not None and message.epoch == self.epoch:
                    self._until = max(self._until, sent + self._lease)
            case AloneKept():
                if message.number == self._asked_alone:
                    self.alone = self.wanted
            case Over():
                if self.epoch:
                    self.over = f"epoch {message.epoch} leads"
