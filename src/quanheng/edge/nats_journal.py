"""Copies a journal into a stream as it grows (house.md 9, reliability.md 1.7, F65).

The journal is the segments; the stream is a copy for readers elsewhere and is never asked by
whoever quotes. The copier reads the files behind the machine's back, finds its place by asking the
stream, and compares the stream with the journal before it adds to it, after a loss, behind another
leading server and once in a while. What is lost is filled again from the segments; a stream that
holds something else is named and made anew.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quanheng.edge.journal_tail import JournalTail
from quanheng.edge.nats_line import WRONG_LAST, NatsLine, RefusedError
from quanheng.edge.nats_stream import FrameStream, StreamSeen, raw
from quanheng.runtime.journal import Frame, JournalCorruptError
from quanheng.terms.units import SECOND, Nanos

BATCH_FRAMES = 512
BATCH_BYTES = 2 << 20
"""Bounds of what is under way at once, besides one frame."""
LOOK_EVERY = 2 * SECOND
SWEEP_EVERY = 600 * SECOND
"""How often the whole stream is compared again."""

ABSENT = "it is not there"

News = Callable[[str, dict[str, Any]], None]


class Ahead:
    """Frames of a journal in order, read in pieces: what comes next, without going past it."""

    def __init__(self, run: Path, machine: str) -> None:
        self._tail = JournalTail(run, machine)
        self._frames: deque[Frame] = deque()

    def due(self) -> Frame | None:
        """The next frame; None while there is none. JournalCorruptError."""
        if not self._frames:
            self._frames.extend(frame for frame, _ in self._tail.poll(BATCH_BYTES))
        return self._frames[0] if self._frames else None

    def batch(self) -> list[Frame]:
        """The next frames, as many as may be under way."""
        if self.due() is None:
            return []
        out: list[Frame] = []
        size = 0
        for frame in self._frames:
            size += frame.size
            if out and (len(out) == BATCH_FRAMES or size > BATCH_BYTES):
                break
            out.append(frame)
        return out

    def take(self) -> Frame:
        """Go past the next frame; there must be one."""
        return self._frames.popleft()


class Comparison:
    """A stream beside the journal from its first frame on, some frames a step."""

    def __init__(self, stream: FrameStream, ahead: Ahead, seen: StreamSeen) -> None:
        self.next = seen.first
        self.ended = False  # the stream's end was met; or `wrong` says why it is not the journal
        self.wrong = ""
        self.last = b""  # the last frame found equal
        self._stream, self._ahead, self._seen = stream, ahead, seen

    def step(self) -> int:
        """Compare some more; how many frames were equal."""
        seen = self._seen
        due = self._ahead.due()
        if seen.last < seen.first:
            if due is not None and due.seq != seen.first:
                self.wrong = f"it begins at frame {seen.first}, the journal at {due.seq}"
            self.ended = True
            return 0
        equal = 0
        for data in (messages := self._stream.read(self.next, seen.last)):
            due = self._ahead.due()
            if due is None:
                self.wrong = f"it holds frame {self.next}, the journal ends before it"
            elif due.seq != self.next:
                self.wrong = f"it begins at frame {seen.first}, the journal at {due.seq}"
            elif data != raw(due):
                self.wrong = f"frame {self.next} is not the journal's"
            if self.wrong:
                return equal
            self._ahead.take()
            self.last = data
            self.next += 1
            equal += 1
        if not messages:
            self.wrong = f"frame {self.next} is missing"
        self.ended = self.next > seen.last
        return equal


class Copier:
    """One journal and its stream; `turn` does a little and says whether there is more to do.

    `confirmed` is the last frame that the stream is known to hold. While `sure`, everything up to
    it was compared with the journal or acknowledged to this process.
    """

    def __init__(self, line: NatsLine, run: Path, machine: str, name: str, news: News) -> None:
        self.machine = machine
        self.stream = FrameStream(line, name)
        self.confirmed = 0
        self.published = 0  # frames that were acknowledged to this process
        self.compared = 0  # frames found equal, sweeps included
        self.made = 0  # times the stream was made
        self.sure = False
        self._run, self._news = run, news
        self._ahead = Ahead(run, machine)
        self._first: Comparison | None = None  # before anything is added
        self._sweep: Comparison | None = None  # afterwards, beside the publication
        self._last = b""  # frame `confirmed`
        self._known = False  # `_ahead` stands behind `confirmed`
        self._looked: Nanos = 0
        self._swept: Nanos = 0
        self._leader = ""
        self._born = ""  # when the stream that is known was made

    def _say(self, what: str, **more: Any) -> None:
        self._news(what, {"machine": self.machine, "stream": self.stream.name, **more})

    def line_lost(self) -> None:
        """The line is, or will be, another one: look before anything is added."""
        self.stream.forget()
        self.sure, self._looked = False, 0
        self._first = self._sweep = None

    def _from_start(self) -> None:
        """Nothing that is known of the stream holds any more."""
        self.line_lost()
        self._ahead = Ahead(self._run, self.machine)
        self._known, self._last = False, b""

    def turn(self, now: Nanos) -> bool:
        """Do a little. MessagingError when line or stream fails; then `line_lost`."""
        try:
            if not self._looked or now - self._looked >= LOOK_EVERY:
                self._looked = now
                self._look(now)
            if self._first is not None:
                return self._compare(self._first, now)
            if not self.sure:
                return False
            more = self._publish()
            if self._sweep is not None:
                more |= self._compare(self._sweep, now)
            return more
        except JournalCorruptError as error:
            # The copy of a follower was cut back, or damage that the scrub tells of as well.
            self._say("journal_changed", why=str(error))
            self._from_start()
            self._looked = now
            return False

    def _look(self, now: Nanos) -> None:
        seen = self.stream.look()
        if seen is None:
            self._make(ABSENT)
        elif not seen.ours:
            self._make("it is kept otherwise than it should be")
        elif not seen.whole:
            self._make(f"frames between {seen.first} and {seen.last} are missing")
        elif self._first is not None:
            return
        elif not self.sure and self._known and self._born == seen.made and self._same_end(seen):
            self.sure = True
        elif not self.sure or self._born != seen.made or seen.last != self.confirmed:
            if self._known:
                self._say("unsure", why=self._doubt(seen))
            self._from_start()
            self._looked, self._born = now, seen.made
            self._first = Comparison(self.stream, self._ahead, seen)
        elif self._sweep is None and (
            seen.leader != self._leader or now - self._swept >= SWEEP_EVERY
        ):
            self._leader, self._swept = seen.leader, now
            self._sweep = Comparison(self.stream, Ahead(self._run, self.machine), seen)

    def _doubt(self, seen: StreamSeen) -> str:
        if self._born != seen.made:
            return "it was made by somebody else"
        return f"its end is frame {seen.last}, where {self.confirmed} was acknowledged"

    def _same_end(self, seen: StreamSeen) -> bool:
        """After a loss of the line: does it hold what was acknowledged, and beyond it only what was
        under way?
        """
        if seen.last < self.confirmed or (seen.first <= self.confirmed and (
            self.stream.one(self.confirmed) != self._last
        )):  # fmt: skip
            return False
        while self.confirmed < seen.last:
            due = self._ahead.due()
            if due is None or self.stream.one(due.seq) != raw(due):
                return False
            self._gone_past()
        return True

    def _gone_past(self) -> None:
        frame = self._ahead.take()
        self.confirmed, self._last = frame.seq, raw(frame)
        self.published += 1

    def _make(self, why: str) -> None:
        """Make the stream anew, empty, from the journal's first frame on."""
        looked = self._looked
        self._from_start()
        self._looked = looked
        due = self._ahead.due()
        if due is None:
            return  # no frame yet, and then no stream
        # That a run has no stream when it begins is nothing to tell people of.
        what = "anew" if self.made or why != ABSENT else "begun"
        self._say(what, why=why, first=due.seq)
        self.stream.drop()
        self._born = self.stream.make(due.seq)
        self.made += 1
        self.confirmed, self._known, self.sure = due.seq - 1, True, True

    def _compare(self, comparison: Comparison, now: Nanos) -> bool:
        self.compared += comparison.step()
        if comparison.wrong:
            self._say("forked", why=comparison.wrong)
            self._make(comparison.wrong)
            return True
        if not comparison.ended:
            return True
        self._say("equal", seq=comparison.next - 1)
        self._swept = now
        if comparison is self._first:
            self.confirmed, self._last = comparison.next - 1, comparison.last
            self._known = self.sure = True
        self._first = self._sweep = None
        return True

    def _publish(self) -> bool:
        batch = self._ahead.batch()
        if not batch:
            return False
        try:
            self.stream.put(batch)
        except RefusedError as error:
            if error.code != WRONG_LAST:
                raise
            # A gap, a second writer, or acknowledged frames that are there no more.
            self._say("refused", seq=batch[0].seq, why=str(error))
            self.sure, self._looked = False, 0
            return True
        for _ in batch:
            self._gone_past()
        return True


def compare(stream: FrameStream, run: Path, machine: str) -> tuple[int, int, str]:
    """A stream beside the journal of a run: (last frame that is equal, last frame of the journal,
    why the next one of the stream is not the journal's or "").

    A stream that ends earlier is a copy that is not complete, and no difference. MessagingError,
    JournalCorruptError.
    """
    ahead = Ahead(run, machine)
    seen = stream.look()
    if seen is None:
        equal, wrong = 0, f"there is no stream {stream.name}"
    else:
        comparison = Comparison(stream, ahead, seen)
        while not comparison.ended and not comparison.wrong:
            comparison.step()
        equal, wrong = comparison.next - 1, comparison.wrong
    last = equal
    while ahead.due() is not None:
        last = ahead.take().seq
    return equal, last, wrong
