"""Protocol scripts: lines of what one side sends, what it must hear, and steps of the clock.

    # title                  `# 中文 | English` for a scene of the laboratory
    side exchange            (default) the script is the member; a gateway answers
    side broker              the same for an account of the kind (tests alone)
    side member              the script is the gateway; our client session answers
    side desk                of a scene: the script is our engine behind our own gateway
    clock 10:00              where the day stands at the beginning
    phase continuous         of a scene: opening, continuous, intraday, closing, any (see `scenes`)
    session new              of a scene: only under the new (old) trading system's rules
    item Q-05                of a scene: the requirement it proves
    expect 预期              of a scene: what should happen, in words
    * 步骤                   of a scene: the step that begins here, in words
    use open                 log on and synchronise every partition from 1, unseen
    > Frame …                send a frame           >> Frame …   send it byte by byte
    flood 1000 Frame …       send it so many times
    < Frame …                the next frame heard has these fields (others may differ)
    <* Frame …               some frame heard has these fields, in whatever place; the others stay
    < nothing | < ...        nothing is waiting | whatever waits is of no interest
    < closed                 the connection was closed
    ! Event …                the next event of our session, or message for our engine, has these
                             attributes
    !* Event …               some event has these attributes; those before are dropped
    ~ 5s  ~ 10:31            let time pass, second by second; heartbeats of the script: `beat on`
    need {a} != {b} reason   the scene cannot be run here unless the two differ
    @ …                      something happens: see the side's `do`

`{name}` is replaced by a value, `{i+1}` by a number one higher, `{new}` by a client id nobody used
today, `{n1}` by one that stays the same for the script. A wanted value `?name` is not compared but
kept. A failure names the file, the line and what was there instead.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from quanheng.edge.lab.frame_text import pairs
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import SECOND, Day, Nanos

Frame = dict[str, str]
HEADERS = ("side", "clock", "phase", "session", "item", "expect")
_VALUE = re.compile(r"\{([A-Za-z][\w.]*)([+-]\d+)?\}")


class ScriptError(AssertionError):
    """A line of a script that did not hold. `heard`: the frame that came instead, as a line."""

    def __init__(self, text: str, heard: str = "") -> None:
        self.heard = heard
        super().__init__(text)


class BrokenLineError(ScriptError):
    """Where a script did not hold: its step in words, its line with values filled in, and why."""

    def __init__(self, place: str, player: "Player", why: Exception) -> None:
        self.place = place
        self.step = player.step
        self.number = player.number
        self.wanted = player.now
        self.why = str(why)
        super().__init__(f"{place}: {player.now}\n    {why!s}", getattr(why, "heard", ""))


class NotRunError(Exception):
    """A line that this side cannot do; the reason is for people."""


def said(frame: Frame) -> str:
    """A frame as a line of a script."""
    words = [f"{key}={value.replace(' ', '_')}" for key, value in frame.items() if key != "name"]
    return " ".join([frame["name"], *words])


class Side(Protocol):
    """What a script plays against. `skips`: frames that no line need mention. `opening`: the lines
    of `use open`; none where it is a member's logon and synchronisation of every partition.
    """

    day: Day
    beat: bool
    events: list[Any]
    skips: tuple[str, ...]
    opening: tuple[str, ...]

    @property
    def now(self) -> Nanos:
        """Where the side's clock stands."""

    def send(self, line: str, step: int = 0) -> None:
        """Send a frame, `step` bytes at a time (0: whole)."""

    def take(self) -> Frame | None:
        """The next frame heard; None when none comes."""

    def waiting(self) -> Frame | None:
        """The next frame heard once the line is quiet, left where it is."""

    def clear(self) -> None:
        """Forget what was heard and what happened."""

    def closed(self) -> str:
        """Why the connection was closed, "" while it is open."""

    def pass_to(self, instant: Nanos) -> None:
        """Let time pass."""

    def do(self, what: str, words: list[str]) -> None:
        """Make something happen. ScriptError for what the side does not know."""


class Line(NamedTuple):
    """One step of a script."""

    number: int
    head: str
    rest: str


class Script:
    """One file: its title, what its header says, and its lines."""

    def __init__(self, name: str, text: str) -> None:
        """ScriptError for a header that stands between the steps."""
        self.name = name
        self.text = text
        self.header: dict[str, str] = {}
        self.lines: list[Line] = []
        lines = text.splitlines()
        self.title = lines[0].lstrip("# ") if lines else ""
        for number, line in enumerate(lines, 1):
            head, _, rest = line.strip().partition(" ")
            if not head or head.startswith("#"):
                continue
            if head not in HEADERS:
                self.lines.append(Line(number, head, rest))
            elif self.lines:
                raise ScriptError(f"{name}:{number}: {head} belongs before the first step")
            else:
                self.header[head] = rest

    @property
    def steps(self) -> list[str]:
        """The steps in words, in order."""
        return [line.rest for line in self.lines if line.head == "*"]

    def play(self, side: Side, values: dict[str, str], ids: Iterator[str]) -> None:
        """Play it. BrokenLineError for a line that does not hold, NotRunError for what cannot be
        done here.
        """
        player = Player(side, values, ids)
        for line in self.lines:
            try:
                player.line(line.head, line.rest)
            except (AssertionError, ValueError, KeyError, IndexError, OSError) as error:
                raise BrokenLineError(f"{self.name}:{line.number}", player, error) from error
        try:
            player.nothing_left()
        except AssertionError as error:
            player.now = "after the last line"
            raise BrokenLineError(f"{self.name}:end", player, error) from error


class Player:
    """Plays lines against a side. `step`, `number`: the step it is in, in words and from 1; `now`:
    the line it plays, values filled in.
    """

    def __init__(self, side: Side, values: dict[str, str], ids: Iterator[str]) -> None:
        self.step = self.now = ""
        self.number = 0
        self._kept: list[Frame] = []  # heard before a frame that was looked for
        self._side = side
        self._values = dict(values)
        self._ids = ids

    def line(self, head: str, rest: str) -> None:
        """Play one line."""
        side = self._side
        self.now = f"{head} {rest}"
        if head not in ("*", "flood"):
            rest = _VALUE.sub(self._value, rest)
            self.now = f"{head} {rest}"
        match head:
            case "*":
                self.step = rest
                self.number += 1
            case "use":
                self._open()
            case ">":
                side.send(rest)
            case ">>":
                side.send(rest, 1)
            case "flood":
                count, _, line = rest.partition(" ")
                for _ in range(int(_VALUE.sub(self._value, count))):
                    side.send(_VALUE.sub(self._value, line))
            case "<" | "<*" | "!" | "!*":
                self._judge(head, rest)
            case "~":
                instant = midnight(side.day) + from_clock(rest) if ":" in rest else side.now
                side.pass_to(instant if ":" in rest else instant + int(rest[:-1]) * SECOND)
            case "@":
                what, *words = rest.split()
                side.do(what, words)
            case "need":
                first, _, other, *reason = rest.split()
                if first == other:
                    raise NotRunError(" ".join(reason))
            case "beat":
                side.beat = rest == "on"
            case _:
                raise ScriptError(f"unknown line {head!r}")

    def _judge(self, head: str, rest: str) -> None:
        match head:
            case "<":
                self._expect(rest)
            case "<*":
                self._some(rest)
            case "!":
                self._event(rest)
            case _:
                events = self._side.events
                while events and _differs(events[0], rest):
                    events.pop(0)
                self._event(rest)

    def _value(self, match: re.Match[str]) -> str:
        name, more = match.groups()
        if name == "new":
            return next(self._ids)
        if name not in self._values and re.fullmatch(r"n\d+", name):
            self._values[name] = next(self._ids)
        value = self._values.get(name)
        if value is None:
            raise NotRunError(f"没有 {name} 的取值 no value for {name}")
        return str(int(value) + int(more)) if more else value

    def _open(self) -> None:
        side = self._side
        if side.opening:
            for line in side.opening:
                head, _, rest = line.partition(" ")
                self.line(head, rest)
        else:
            self.line(">", "Logon")
            self._expect("Logon")
            frame = side.take()
            while frame is not None and frame["name"] != "Info":
                frame = side.take()
            if frame is None:
                raise ScriptError("the logon was not followed by ExecRptInfo")
            for number, name in enumerate(frame["sets"].split(","), 1):
                self._values[f"set{number}"] = name
                self.line(">", f"Sync set={name} next=1")
        side.clear()

    def _expect(self, rest: str) -> None:
        side = self._side
        if rest == "...":
            side.clear()
            self._kept.clear()
        elif rest == "nothing":
            frame = self._waiting()
            if frame is not None:
                raise ScriptError(f"heard {frame}", said(frame))
        elif rest.startswith("closed"):
            why = side.closed()
            if not why or rest[7:] not in why:
                raise ScriptError(f"the connection is {'closed: ' + why if why else 'open'}")
        else:
            self._frame(rest)

    def _frame(self, rest: str) -> None:
        name, _, wanted = rest.partition(" ")
        found = self._next()
        while found is not None and found["name"] in self._side.skips and found["name"] != name:
            found = self._next()
        if found is None:
            raise ScriptError("nothing was heard")
        if found["name"] != name:
            raise ScriptError(f"heard {found}", said(found))
        for key, value in pairs(wanted):
            if value.startswith("?"):
                self._values[value[1:]] = found.get(key, "")
            elif found.get(key, "").strip() != value.strip():
                why = f"{key} is {found.get(key)!r}, not {value!r}: {found}"
                raise ScriptError(why, said(found))

    def _next(self) -> Frame | None:
        return self._kept.pop(0) if self._kept else self._side.take()

    def _waiting(self) -> Frame | None:
        kept = [frame for frame in self._kept if frame["name"] not in self._side.skips]
        return kept[0] if kept else self._side.waiting()

    def _some(self, rest: str) -> None:
        """Take the first frame that has the fields; none has when nothing comes any more."""
        name, _, wanted = rest.partition(" ")
        before: list[Frame] = []
        while (frame := self._next()) is not None:
            told = (frame.get(key, "").strip() == value.strip() for key, value in pairs(wanted))
            if frame["name"] == name and all(told):
                self._kept = before + self._kept
                return
            before.append(frame)
        raise ScriptError("no such frame was heard")

    def _event(self, rest: str) -> None:
        events = self._side.events
        if rest == "nothing":
            if events:
                raise ScriptError(f"event {events[0]}")
            return
        if rest == "...":
            events.clear()
            return
        if not events:
            raise ScriptError("no event happened")
        why = _differs(events.pop(0), rest)
        if why:
            raise ScriptError(why)

    def nothing_left(self) -> None:
        """ScriptError when a frame or an event that no line names is still there."""
        side = self._side
        frame = self._waiting()
        while frame is not None and frame["name"] in side.skips:
            side.take()
            frame = self._waiting()
        if frame is not None:
            raise ScriptError(f"unexpected at the end: {frame}", said(frame))
        if side.events:
            raise ScriptError(f"unexpected event at the end: {side.events[0]}")


def _differs(event: Any, rest: str) -> str:
    """What an event has other than a line wants, "" when it is the one."""
    name, _, wanted = rest.partition(" ")
    if type(event).__name__ != name:
        return f"event {event}"
    for key, value in pairs(wanted):
        found = event
        for part in key.split("."):
            found = getattr(found, part)
        if str(found) != value:
            return f"{key} is {found!r}, not {value!r}: {event}"
    return ""
