"""Alarms of a running day: raised, sent, escalated, acknowledged, and all of it recorded (T-08).

RUN/alarms.jsonl is the record: every alarm with its number, every delivery and failure, every
silence with who asked for it and why. Channels work in a thread of their own behind a bounded
queue; a channel that hangs or fails delays nobody but itself, and its failure is an alarm on the
others.
"""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from quanheng.edge.alarm_channels import LEVELS, Channel, ChannelConfig, ChannelError, open_channel
from quanheng.edge.journal_lines import NewLines
from quanheng.terms.days import day_nanos, from_clock
from quanheng.terms.units import MINUTE, SECOND, Nanos

RECORD = "alarms.jsonl"
ASKED = "alarms-asked.jsonl"
"""What people ask of the alarms of a run: acknowledgements and silences, a line each."""
MOST = 1_000
"""Alarms that may wait for one channel; beyond that the oldest is given up, and recorded so."""
SAME = MINUTE
"""Within this time the same alarm (code, scope, level) is counted, not sent again."""


class Alarm(msgspec.Struct, kw_only=True):
    """One alarm. `at` is elapsed, `business` the time of the day."""

    number: int
    at: Nanos
    business: Nanos
    level: str
    code: str
    scope: str
    text: str
    source: str
    times: int = 1
    acknowledged_by: str = ""
    sent: dict[str, bool] = {}


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of people: `do` is "ack" (number), "silence" or "speak" (code, scope, minutes)."""

    do: str
    by: str
    why: str
    number: int = 0
    code: str = "*"
    scope: str = "*"
    minutes: int = 0


class _Worker:
    """One channel and its thread."""

    def __init__(self, config: ChannelConfig, channel: Channel, done: Callable[..., None]) -> None:
        self.config = config
        self._channel = channel
        self._done = done
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(MOST)
        name = f"alarm-{config.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, alarm: dict[str, Any]) -> None:
        """Hand over; the oldest gives way when the channel is stuck."""
        while True:
            try:
                self._queue.put_nowait(alarm)
            except queue.Full:
                lost = self._queue.get_nowait()
                if lost is not None:
                    self._done(self.config.name, lost["number"], "given up: the channel is stuck")
            else:
                return

    def _run(self) -> None:
        while (alarm := self._queue.get()) is not None:
            try:
                self._channel.send(alarm)
            except ChannelError as error:
                self._done(self.config.name, alarm["number"], str(error))
            else:
                self._done(self.config.name, alarm["number"], "")

    def close(self, seconds: float) -> None:
        """Deliver what waits, for at most so long."""
        self._queue.put(None)
        self._thread.join(seconds)


class AlarmDesk:
    """Takes alarms and people's answers; `tick` escalates. Only one thread calls its methods."""

    def __init__(
        self, run: Path, channels: tuple[ChannelConfig, ...], now: Callable[[], Nanos]
    ) -> None:
        self.alarms: dict[int, Alarm] = {}
        self.failed = 0
        self._now = now
        self._record = (run / RECORD).open("ab", buffering=0)
        self._results: queue.Queue[tuple[str, int, str]] = queue.Queue(MOST * (1 + len(channels)))
        self._workers = [_Worker(one, open_channel(one, run), self._finished) for one in channels]
        self._silences: dict[tuple[str, str], Nanos] = {}
        self._last: dict[tuple[str, str, str], int] = {}
        self._asked = NewLines(run / ASKED)

    def _finished(self, channel: str, number: int, error: str) -> None:
        self._results.put((channel, number, error))

    def _write(self, what: str, **more: Any) -> None:
        self._record.write(msgspec.json.encode({"at": self._now(), "what": what, **more}) + b"\n")

    @property
    def open(self) -> list[Alarm]:
        """Amber and red alarms that nobody has acknowledged."""
        return [
            one for one in self.alarms.values()
            if not one.acknowledged_by and one.level != LEVELS[0]
        ]  # fmt: skip

    def raise_(
        self, level: str, code: str, scope: str, text: str, source: str, business: Nanos = 0
    ) -> Alarm:
        """One alarm; the same one again within `SAME` is counted with the first."""
        now, key = self._now(), (code, scope, level)
        before = self.alarms.get(self._last.get(key, 0))
        if before is not None and now - before.at < SAME and not before.acknowledged_by:
            before.times += 1
            return before
        number = len(self.alarms) + 1
        alarm = Alarm(
            number=number, at=now, business=business, level=level, code=code, scope=scope,
            text=text, source=source, sent={},
        )  # fmt: skip
        self.alarms[number], self._last[key] = alarm, number
        self._write("raised", **_plain(alarm))
        self._send(alarm, now)
        return alarm

    def _silent(self, alarm: Alarm, now: Nanos) -> bool:
        return any(
            code in ("*", alarm.code) and scope in ("*", alarm.scope) and now < until
            for (code, scope), until in self._silences.items()
        )

    def _send(self, alarm: Alarm, now: Nanos) -> None:
        """To every channel whose turn it is and that has not had it."""
        silent = self._silent(alarm, now)
        for worker in self._workers:
            one = worker.config
            due = now - alarm.at >= one.after_s * SECOND and not (
                one.after_s and alarm.acknowledged_by
            )
            high = LEVELS.index(alarm.level) >= LEVELS.index(one.level)
            if one.name in alarm.sent or not due or not high or not within(one.hours, alarm):
                continue
            alarm.sent[one.name] = False
            if silent and alarm.level != LEVELS[-1]:
                self._write("silenced", number=alarm.number, channel=one.name)
                continue
            if one.after_s:
                self._write("escalated", number=alarm.number, channel=one.name)
            worker.put(_plain(alarm))

    def tick(self) -> None:
        """Results of channels, what people asked, and what nobody has acknowledged in time."""
        while not self._results.empty():
            channel, number, error = self._results.get()
            alarm = self.alarms[number]
            alarm.sent[channel] = not error
            if not error:
                self._write("delivered", number=number, channel=channel)
                continue
            self.failed += 1
            self._write("failed", number=number, channel=channel, error=error)
            if alarm.code != "channel_failed":
                self.raise_("red", "channel_failed", channel, f"告警通道失效：{error}", "alarms")
        self._people()
        now = self._now()
        for alarm in self.open:
            self._send(alarm, now)

    def _people(self) -> None:
        for asked in self._lines():
            if asked.do == "ack" and asked.number in self.alarms:
                alarm = self.alarms[asked.number]
                alarm.acknowledged_by = asked.by
                self._write("acknowledged", number=asked.number, by=asked.by, why=asked.why)
            elif asked.do == "silence":
                until = self._now() + asked.minutes * MINUTE
                self._silences[asked.code, asked.scope] = until
                self._write("silence", **msgspec.to_builtins(asked))
            elif asked.do == "speak":
                self._silences.pop((asked.code, asked.scope), None)
                self._write("speak", **msgspec.to_builtins(asked))
            else:
                self._write("bad_ask", reason=f"{asked.do} {asked.number} is nothing here")

    def _lines(self) -> list[Asked]:
        found = []
        for line in self._asked:
            try:
                found.append(msgspec.json.decode(line, type=Asked))
            except msgspec.DecodeError as error:
                self._write("bad_ask", reason=str(error))
        return found

    def close(self, seconds: float = 6.0) -> None:
        """Deliver what waits, for at most so long, and end."""
        for worker in self._workers:
            worker.close(seconds)
        self.tick()
        self._record.close()


def within(hours: str, alarm: Alarm) -> bool:
    """Is a channel open at the business time of an alarm? Always without hours, or without time."""
    if not hours or not alarm.business:
        return True
    first, _, last = hours.partition("-")
    return from_clock(first) <= day_nanos(alarm.business) < from_clock(last)


def _plain(alarm: Alarm) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(alarm)
    del made["sent"]
    return made
