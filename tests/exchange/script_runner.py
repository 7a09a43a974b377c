"""Runs protocol scripts: lines of what one side sends, what it must hear, and steps of the clock.

    # title
    side exchange          (default) the script is the member; order server and venue answer
    side member            the script is the gateway; our client session answers
    side feed              the script reads market data; our publisher answers (full STEP)
    side reader            the script is the market-data gateway; our reader answers
    clock 10:00            where the day stands at the beginning
    use open               log on and synchronise both partitions, unseen
    > Frame …              send a frame           >> Frame …   send it byte by byte
    < Frame …              the next frame heard has these fields (others may differ)
    < Rows 12              so many rows of market data
    < nothing | < ...      nothing is waiting | whatever waits is of no interest
    < closed               the connection was closed
    ! Event …              side member or reader: the next event of our session
    ~ 5s  ~ 10:31          let time pass, second by second; heartbeats of the member: `beat on`
    @ …                    something happens: see `_do`

A failure names the file, the line and what was there instead.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange_world import at
from script_feed import FeedSide, ReaderSide
from script_sides import ExchangeSide, MemberSide, ScriptError
from script_wire import PBU, pairs

from quanheng.terms.units import SECOND

SCRIPTS = Path(__file__).parent / "scripts"

SIDES: dict[str, Callable[[Path, str], Any]] = {
    "exchange": ExchangeSide,
    "member": lambda folder, clock: MemberSide(clock),
    "feed": lambda folder, clock: FeedSide(clock),
    "reader": lambda folder, clock: ReaderSide(clock),
}
OPEN = {
    "exchange": ("> Logon", f"> Sync pbu={PBU} set=300 next=1", f"> Sync pbu={PBU} set=301 next=1"),
    "member": (
        "@ logon",
        "> Logon sender=TDGW target=OMS01",
        "> PlatformState state=2",
        f"> Info pbus={PBU} sets=300,301",
        "@ sync 300 1",
        "@ sync 301 1",
        f"> Sync pbu={PBU} set=300 next=1 remark=1",
        f"> Sync pbu={PBU} set=301 next=1 remark=1",
    ),
    "feed": ("> Logon", "> Subscribe 1500=MD301", "> Subscribe 1500=MD004"),
    "reader": ("> Logon",),
}


class Script:
    """One file: its title, and `run`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = path.read_text("utf-8").splitlines()
        self.title = self.lines[0].lstrip("# ") if self.lines else ""
        self._side: Any = None

    def run(self, folder: Path) -> None:
        """Play it. ScriptError names the line."""
        kind, clock = "exchange", "10:00"
        number = 0
        try:
            for line in self.lines:
                number += 1
                line = line.strip()
                head, _, rest = line.partition(" ")
                if not line or head.startswith("#"):
                    continue
                if head == "side":
                    kind = rest
                elif head == "clock":
                    clock = rest
                else:
                    if self._side is None:
                        self._side = SIDES[kind](folder, clock)
                    self._line(kind, head, rest)
            self._nothing_left()
        except (AssertionError, ValueError, KeyError, IndexError) as error:
            text = self.lines[number - 1]
            raise ScriptError(f"{self.path.name}:{number}: {text}\n    {error!s}") from error

    def _line(self, kind: str, head: str, rest: str) -> None:
        side = self._side
        match head:
            case "use":
                for step in OPEN[kind]:
                    self._line(kind, *step.split(" ", 1))
                side.heard.clear()
                if kind in ("member", "reader"):
                    side.events.clear()
            case ">":
                side.send(rest)
            case ">>":
                side.send(rest, 1)
            case "<":
                self._expect(rest)
            case "!":
                self._event(rest)
            case "~":
                now = side.world.now if kind == "exchange" else side.now
                seconds = rest.endswith("s")
                side.pass_to(now + int(rest[:-1]) * SECOND if seconds else at(rest))
            case "@":
                what, *words = rest.split()
                side.do(what, words)
            case "beat":
                side.beat = rest == "on"
            case _:
                raise ScriptError(f"unknown line {head!r}")

    def _expect(self, rest: str) -> None:
        side = self._side
        if rest == "...":
            side.heard.clear()
        elif rest == "nothing":
            if side.heard:
                raise ScriptError(f"heard {side.heard[0]}")
        elif rest.startswith("Rows"):
            rows = side.heard[: int(rest[5:])]
            if [one["name"] for one in rows] != ["Row"] * int(rest[5:]):
                raise ScriptError(f"heard {rows}")
            del side.heard[: len(rows)]
        elif rest.startswith("closed"):
            why = side.closed()
            if not why or rest[7:].replace("_", " ") not in why:
                raise ScriptError(f"the connection is {'closed: ' + why if why else 'open'}")
        else:
            self._frame(rest)

    def _frame(self, rest: str) -> None:
        found = self._side.take()
        beat = rest.startswith("Heartbeat")
        while found is not None and found["name"] == "Heartbeat" and not beat:
            found = self._side.take()
        if found is None:
            raise ScriptError("nothing was heard")
        name, _, wanted = rest.partition(" ")
        if found["name"] != name:
            raise ScriptError(f"heard {found}")
        for key, value in pairs(wanted):
            if found.get(key, "").strip().replace("_", " ") != value.strip():
                raise ScriptError(f"{key} is {found.get(key)!r}, not {value!r}: {found}")

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
        event = events.pop(0)
        name, _, wanted = rest.partition(" ")
        if type(event).__name__ != name:
            raise ScriptError(f"event {event}")
        for key, value in pairs(wanted):
            found = event
            for part in key.split("."):
                found = getattr(found, part)
            if str(found) != value:
                raise ScriptError(f"{key} is {found!r}, not {value!r}")

    def _nothing_left(self) -> None:
        left = [one for one in self._side.heard if one["name"] != "Heartbeat"]
        if left:
            raise ScriptError(f"unexpected at the end: {left[0]}")
        events = getattr(self._side, "events", [])
        if events:
            raise ScriptError(f"unexpected event at the end: {events[0]}")
