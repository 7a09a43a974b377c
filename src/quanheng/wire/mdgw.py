"""Sessions of the market-data gateway, both sides, without sockets and clocks (interfaces.md 2.11).

A reader logs on, subscribes categories (MD301 options, MD004 ETFs) and gets an image of each, then
what changes. The gateway never sends market data again: it answers a ResendRequest with a
SequenceReset, and a reader that missed something asks for images. Either side ends the session
after two heartbeat intervals without a message. `now` is the host's monotonic clock; tag 52 carries
the exchange's time of the last tick.
"""

from typing import NamedTuple

from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.units import SECOND, Day, Nanos
from quanheng.wire import step_messages as step
from quanheng.wire.md301 import ChainTables, Decoded, StreamDecoder, StreamEncoder
from quanheng.wire.step_messages import StepError
from quanheng.wire.step_session import (
    INTERVAL,
    LOGON_FIRST,
    LONGEST,
    MALFORMED,
    SHORTEST,
    WRONG_VERSION,
    StepSession,
    logon_fields,
)

CATEGORIES = ("MD301", "MD004")
REBUILD_EVERY = SECOND
"""A reader whose stream keeps breaking asks for images no more often."""
REQUIRED_TAG_MISSING, VALUE_INCORRECT = "1", "5"
"""SessionRejectReason, tag 373."""


class Wanted(NamedTuple):
    """A reader wants an image of a category."""

    category: str


class ServerSession(StepSession):
    """The gateway's side. Every reader has its own sequence, so ticks are encoded for each."""

    def __init__(self, tables: ChainTables, day: Day, now: Nanos) -> None:
        super().__init__(step.GATEWAY, step.MEMBER, day, now)
        self.categories: dict[str, bool] = {}
        self._encoder = StreamEncoder(tables)
        self._rest = b""

    def _number(self) -> int:
        number = self._encoder.seq
        self._encoder.seq = number + 1
        return number

    def send_tick(self, tick: ChainTick | UnderlyingTicks, now: Nanos) -> None:
        """Queue a tick if its category is subscribed."""
        self.stamp = tick.at
        if CATEGORIES[not isinstance(tick, ChainTick)] in self.categories:
            self.send_image(tick, now)

    def send_image(self, tick: ChainTick | UnderlyingTicks, now: Nanos) -> None:
        """Queue a tick that a reader asked for."""
        self._out.append(self._encoder.encode(tick))
        self._sent_at = now

    def receive(self, data: bytes, now: Nanos) -> list[Wanted]:
        """Take bytes of the reader; returns the images it wants."""
        wanted: list[Wanted] = []
        self._rest += data
        try:
            while not self.closed and (size := step.cut(self._rest)):
                fields = step.parse(self._rest[:size])
                self._rest = self._rest[size:]
                self._heard_at = now
                self._take(fields, now, wanted)
        except StepError as error:
            self._end(MALFORMED, str(error), now)
        return wanted

    def _take(self, fields: dict[int, str], now: Nanos, wanted: list[Wanted]) -> None:
        kind = fields[35]
        if not self.up and kind != step.LOGON:
            self._end(LOGON_FIRST, "the first message must be a logon", now)
        elif kind == step.LOGON:
            self._logon(fields, now)
        elif kind == step.TEST:
            self._send(step.HEARTBEAT, now, (112, fields.get(112, "")))
        elif kind == step.RESEND:
            following = str(self._encoder.seq + 1)
            self._send(step.RESET, now, (123, "N"), (36, following))
        elif kind == step.LOGOUT:
            self._end(0, "bye", now)
        elif kind == step.SUBSCRIBE:
            self._subscribe(fields, now, wanted)

    def _logon(self, fields: dict[int, str], now: Nanos) -> None:
        sender, target = fields.get(49, ""), fields.get(56)
        if fields.get(1408) != step.VERSION or target != step.GATEWAY or self.up:
            self._end(WRONG_VERSION, f"a logon of {step.VERSION} to {step.GATEWAY} is due", now)
            return
        asked = step.number(fields.get(108, str(INTERVAL)))
        self.interval = min(max(asked, SHORTEST), LONGEST)
        self._names = step.GATEWAY, sender
        self.up = True
        self._send(step.LOGON, now, *logon_fields(self.interval, step.VERSION))

    def _subscribe(self, fields: dict[int, str], now: Nanos, wanted: list[Wanted]) -> None:
        """35=V. What it cannot mean is answered with a Reject that names the tag."""
        for tag in (262, 263, 1500):
            if tag not in fields:
                self._reject(fields, tag, REQUIRED_TAG_MISSING, now)
                return
        category, want = fields[1500], fields[263]
        if category not in CATEGORIES or want not in (*"012",):
            self._reject(fields, 263 if category in CATEGORIES else 1500, VALUE_INCORRECT, now)
            return
        if want == step.NO_MORE:
            self.categories.pop(category, None)
            return
        if want == step.UPDATES:
            self.categories[category] = True
        wanted.append(Wanted(category))

    def _reject(self, fields: dict[int, str], tag: int, reason: str, now: Nanos) -> None:
        what = (45, fields[34]), (371, str(tag)), (372, fields[35]), (373, reason)
        self._send(step.REJECT, now, *what, (58, f"tag {tag}: {fields.get(tag, 'missing')}"))


class ClientSession(StepSession):
    """The reader's side: logs on, subscribes, and rebuilds what it missed from images."""

    def __init__(
        self, tables: ChainTables, day: Day, now: Nanos, categories: tuple[str, ...] = CATEGORIES
    ) -> None:
        super().__init__(step.MEMBER, step.GATEWAY, day, now)
        self.gaps = 0
        self.rejects: list[str] = []
        self._categories = categories
        self._decoder = StreamDecoder(tables)
        self._sent = 0
        self._asked_at = now - REBUILD_EVERY
        self._send(step.LOGON, now, *logon_fields(INTERVAL, step.VERSION))

    def _number(self) -> int:
        self._sent += 1
        return self._sent

    def logout(self, now: Nanos) -> None:
        """End the session from here."""
        self._end(0, "bye", now)

    def _ask(self, want: str, now: Nanos) -> None:
        for category in self._categories:
            name = f"{category}-{self._sent + 1}"
            self._send(step.SUBSCRIBE, now, (262, name), (263, want), (1500, category))

    def receive(self, data: bytes, now: Nanos) -> Decoded:
        """Take bytes of the gateway: the ticks they completed, and what had to be left out."""
        if self.closed:
            return Decoded([], [], [], [])
        self._heard_at = now
        decoder = self._decoder
        decoded = decoder.feed(data)
        try:
            for message in decoded.others:
                self._take(step.parse(message), now)
        except StepError as error:
            self._end(MALFORMED, str(error), now)
        self.stamp = max([self.stamp, *(tick.at for tick in decoded.ticks)])
        if decoder.gaps > self.gaps and self.up and now - self._asked_at >= REBUILD_EVERY:
            self.gaps, self._asked_at = decoder.gaps, now
            self._send(step.RESEND, now, (7, str(decoder.seq)), (16, "0"))
            self._ask(step.IMAGE_ONLY, now)
        return decoded

    def _take(self, fields: dict[int, str], now: Nanos) -> None:
        kind = fields[35]
        if kind == step.LOGON and not self.up:
            self.interval = step.number(fields.get(108, ""))
            self.up = True
            self._ask(step.UPDATES, now)
        elif kind == step.TEST:
            self._send(step.HEARTBEAT, now, (112, fields.get(112, "")))
        elif kind == step.REJECT:
            self.rejects.append(fields.get(58, ""))
        elif kind == step.LOGOUT:
            self._close(f"logout {fields.get(1409, '')}: {fields.get(58, '')}")
