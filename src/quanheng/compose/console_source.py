"""The console's read model of one run: scenes of its journal, and what each channel shows."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from quanheng.compose import console_rows as rows
from quanheng.compose.console_approvals import Approvals
from quanheng.compose.console_auction import auction
from quanheng.compose.console_blotter import (
    ALERT_FIELDS,
    ORDER_FIELDS,
    TRADE_FIELDS,
    Blotter,
    newest,
)
from quanheng.compose.console_board import COLUMNS, PLACE, board
from quanheng.compose.console_channels import CHANNELS
from quanheng.compose.console_clocks import Clocks
from quanheng.compose.console_duty import duty
from quanheng.compose.console_log import RunLog
from quanheng.compose.console_scene import Scene
from quanheng.compose.console_schema import schema_of
from quanheng.compose.console_tables import decimal_text, paged
from quanheng.compose.pair_lead import Following
from quanheng.compose.run_folder import RunError, read_info
from quanheng.desk.frames import Cells, Row, Rows
from quanheng.desk.hub import Board, Picture
from quanheng.desk.ports import END, Ask, SourceError, Table
from quanheng.maker.parameters import INDEX, in_force
from quanheng.maker.state import State
from quanheng.terms.days import clock_text, day_nanos, from_clock, iso, midnight
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

T = TypeVar("T")
DUTY_EVERY = 4
"""Pictures between two looks at the duties, whose exact figures cost more than all else."""
BUDGET = 0.4
"""Seconds that one scene may take of a picture: a long way back never holds up the running day."""
POLL_BYTES = 32 << 20
"""Bytes of journal that one picture reads at most, so that a long day does not hold it up."""
WHY_WITHIN = 180.0
"""Seconds for the reasons of a quote."""
SCENES = 8
"""Replayed scenes that are kept; the one that was not looked at for longest goes first."""


class View:
    """A scene with its tables, and how it moves."""

    def __init__(self, log: RunLog) -> None:
        self.scene = Scene(log)
        self.blotter = Blotter(log)
        self.speed = 0.0
        self.at: Nanos = 0
        self.looked = time.monotonic()
        self.shown = (-1, -1)
        self.boards: dict[int, Cells] = {}
        self.made: dict[str, Board | Rows] = {}
        self.duty: dict[str, Rows] = {}
        self.duty_at = -1
        self.pictures = 0


class RunSource:
    """See `desk.ports.Source`."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self._following = Following(run)
        self.log = self._following.log
        self._views: dict[str, View] = {END: View(self.log)}
        self._approvals = Approvals(run)
        self._clocks = Clocks(run)
        self._grown = time.monotonic()
        self._ticked = time.monotonic()
        self._gone: set[str] = set()
        self._followed = False  # does anybody look at the end?
        self._live = self.log.info.status == "running"
        self._hold = Lock()
        self._makers: dict[str, Callable[[View], Rows]] = {
            **{name: _of_state(make) for name, make in CHANNELS.items()},
            "classes": lambda one: rows.classes(one.scene.state, one.scene.at, one.boards),
            "auction": self._auction,
            "orders": lambda one: one.blotter.newest_orders(False),
            "working": self._working,
            "trades": lambda one: newest(one.blotter.trades),
            "alerts": lambda one: newest(one.blotter.alerts),
            "approvals": lambda one: self._approvals.rows(),
            "duty": lambda one: self._duty(one)["duty"],
            "contracts": lambda one: self._duty(one)["contracts"],
            "losing": lambda one: self._duty(one)["losing"],
        }

    def load(self) -> None:
        """Read what there is of the journal. RunError when it holds no opened day yet."""
        while self.log.poll(POLL_BYTES):
            pass
        if self.log.opened is None:
            raise RunError(f"{self.run}: the maker has not opened its day yet")
        end = self._views[END]
        end.scene.follow()
        end.blotter.go(self.log.newest)

    @property
    def live(self) -> bool:
        """Does the day still run?"""
        return self._live

    def schema(self) -> Mapping[str, Any]:
        """See the port."""
        return schema_of(self.log, self._views[END].scene.state, self._live)

    @property
    def day(self) -> str:
        """The run's day, YYYY-MM-DD."""
        return iso(self.log.info.day)

    def look(self, call: Callable[[View], T]) -> T:
        """Let something look at the end of the run while nothing moves there; from any thread."""
        with self._hold:
            return call(self._views[END])

    def proposals(self) -> list[Row]:
        """Every proposal that a screen follows, newest last; from any thread."""
        with self._hold:
            return [row for key, row in self._approvals.rows().items() if key.isdigit()]

    def told(self) -> list[Row]:
        """Every alert up to the end of the run; from any thread."""
        return self.look(lambda view: list(view.blotter.alerts.values()))

    def tick(self, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Picture]:
        """See the port."""
        with self._hold:
            return self._tick(wanted)

    def _tick(self, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, Picture]:
        now = time.monotonic()
        if self._live or self._following.changing or self.log.home != self.run:
            self._read_on(now)
        seconds, self._ticked = now - self._ticked, now
        found: dict[str, Picture] = {}
        self._followed = END in wanted
        for scene in [*self._gone]:
            self._views.pop(scene, None)
            self._gone.discard(scene)
        for scene, names in wanted.items():
            view = self._view(scene)
            view.looked = now
            self._move(scene, view, seconds)
            found[scene] = self._picture(scene, view, names)
        return found

    def _read_on(self, now: float) -> None:
        self._clocks.look(now)
        if self._following.read_on(self._live, POLL_BYTES):
            self._grown = now
        else:
            self._live = self._live and read_info(self.run).status == "running"
        if self._following.log is not self.log:
            self._change(self._following.log)

    def _change(self, log: RunLog) -> None:
        """Go on in another node's journal of the day: every scene stands where it stood."""
        self.log = log
        for name, old in self._views.items():
            view = self._views[name] = View(log)
            view.speed, view.at, view.looked = old.speed, old.at, old.looked

    def _view(self, scene: str) -> View:
        view = self._views.get(scene)
        if view is None:
            idle = [name for name in self._views if name != END]
            if len(idle) >= SCENES:
                del self._views[min(idle, key=lambda name: self._views[name].looked)]
            view = self._views[scene] = View(self.log)
            view.at = self.log.newest
        return view

    def _move(self, scene: str, view: View, seconds: float) -> None:
        if scene == END:
            view.scene.follow(BUDGET)
            view.at = view.scene.at
        else:
            if view.speed:
                view.at = min(self.log.newest, view.at + int(view.speed * seconds * SECOND))
            if not view.scene.go(view.at, BUDGET):
                view.blotter.go(view.scene.at)  # on the way; the next picture goes on
                return
        view.blotter.go(view.at)

    def _picture(self, scene: str, view: View, names: Sequence[str]) -> Picture:
        opened = view.scene.state.opened
        moved = (view.scene.version, view.at)
        if view.shown != moved:
            view.shown = moved
            view.boards = {}
            view.made = {}
            view.pictures += 1
        found: dict[str, Board | Rows] = {"sys": self._system(scene, view)}
        if opened is None:
            return {name: found[name] for name in names if name in found}
        for name in names:
            if name == "approvals":
                found[name] = self._approvals.rows()
            elif name != "sys" and (made := self._made(view, name)) is not None:
                found[name] = made
        return {name: found[name] for name in names if name in found}

    def _made(self, view: View, name: str) -> Board | Rows | None:
        """A channel as it is now, the same object while the scene stands; None for no such one."""
        if name in view.made:
            return view.made[name]
        opened = view.scene.state.opened
        assert opened is not None, "a day is open"
        head, _, tail = name.partition("/")
        made: Board | Rows | None = None
        if name in self._makers:
            made = self._makers[name](view)
        elif tail.isdigit() and int(tail) < len(opened.chain.classes):
            klass = int(tail)
            if head == "curve":
                made = rows.curves(view.scene.state, klass)
            elif head == "board":
                made = Board(self._board(view, klass), view.scene.at / MILLISECOND)
        if made is not None:
            view.made[name] = made
        return made

    def _board(self, view: View, klass: int) -> Cells:
        cells = view.boards.get(klass)
        if cells is None:
            cells = view.boards[klass] = board(view.scene.state, klass, view.scene.at)
        return cells

    def _auction(self, view: View) -> Rows:
        state = view.scene.state
        assert state.opened is not None, "a day is open"
        for klass in range(len(state.opened.chain.classes)):
            self._board(view, klass)
        return auction(state, view.boards)

    def _working(self, view: View) -> Rows:
        """What still works; nothing does once the last auction is over."""
        opened = view.scene.state.opened
        over = opened is not None and day_nanos(view.scene.at) > opened.rulebook.timetable[-1].stop
        return {} if over else view.blotter.newest_orders(True)

    def _duty(self, view: View) -> dict[str, Rows]:
        """The duties, looked at again after DUTY_EVERY pictures or a jump."""
        due = view.pictures // DUTY_EVERY if view.speed or self._live else view.pictures
        if view.duty_at != due:
            view.duty_at = due
            view.duty = duty(view.scene.state, self.log.info.day, view.scene.at)
        return view.duty

    def _system(self, scene: str, view: View) -> Rows:
        state = view.scene.state
        return {
            "*": {
                "scene": "live" if scene == END and self._live else "replay",
                "at": day_nanos(view.scene.at) // SECOND if view.scene.at else 0,
                "clock": clock_text(view.scene.at)[:8] if view.scene.at else "",
                "speed": view.speed,
                "live": int(self._live),
                "link": int(state.scopes.link),
                "first": day_nanos(self.log.begin) // SECOND if len(self.log) else 0,
                "last": day_nanos(self.log.newest) // SECOND if len(self.log) else 0,
                "epoch": state.ids.epoch,
                "version": state.parameters.version,
                "duty": {key: list(value) for key, value in state.scopes.duty.items()},
                "states": {key: int(value) for key, value in state.scopes.states.items()},
                "trips": {key: int(value) for key, value in state.scopes.trips.items()},
            }
        }

    def pulse(self) -> Mapping[str, Any]:
        """See the port."""
        now = time.monotonic()
        end = self._views[END].scene
        behind = (self.log.newest - end.at) // SECOND / max(1, self.log.info.speed)
        return {
            "live": self._live,
            "behind": round(behind, 1) if self._live and self._followed else 0.0,
            "engine": round(now - self._grown, 1) if self._live else 0.0,
            "picture": round(now - self._ticked, 1),
            **self._clocks.shown(now, self._live),
        }

    def control(self, scene: str, speed: float | None, at: str | None) -> None:
        """See the port."""
        if scene == END:
            raise SourceError("the running day is not moved; replay it")
        view = self._view(scene)
        if at is not None:
            try:
                instant = midnight(self.log.info.day) + from_clock(at)
            except ValueError as error:
                raise SourceError(f"at: {error}") from error
            view.at = min(max(instant, self.log.begin), self.log.newest)
        if speed is not None:
            if not 0 <= speed <= 600:
                raise SourceError(f"speed: {speed} is not 0 to 600")
            view.speed = speed

    def drop(self, scene: str) -> None:
        """See the port."""
        if scene != END:
            self._gone.add(scene)

    def table_names(self) -> tuple[str, ...]:
        """Tables that `table` knows."""
        return ("board", *self._makers)

    def latest(self) -> State:
        """The maker's state at the end of the run as it is now, whether anybody looks or not."""
        with self._hold:
            view = self._views[END]
            self._move(END, view, 0.0)
            self._picture(END, view, ())
            view.duty_at = -1
            return view.scene.state

    def table(self, scene: str, name: str, ask: Ask) -> Table:
        """See the port."""
        view = self._view(scene)
        blotter = view.blotter
        whole: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
            "orders": (ORDER_FIELDS, lambda: blotter.orders),
            "trades": (TRADE_FIELDS, lambda: blotter.trades),
            "alerts": (ALERT_FIELDS, lambda: blotter.alerts),
        }
        if name == "board":
            return self._board_table(view, ask)
        if name in whole:
            fields, make = whole[name]
            found = make()
        elif name in self._makers:
            found = self._makers[name](view)
            fields = tuple(dict.fromkeys(field for row in found.values() for field in row))
        else:
            raise SourceError(f"there is no table {name!r}")
        lines = [[row.get(field) for field in fields] for row in reversed(found.values())]
        return paged(fields, lines, ask)

    def _board_table(self, view: View, ask: Ask) -> Table:
        """Every contract with its columns as decimal text, empty where there is no value."""
        opened = view.scene.state.opened
        assert opened is not None, "loaded"
        lines = []
        for klass, item in enumerate(opened.chain.classes):
            cells = self._board(view, klass).tolist()
            for slot in range(item.start, item.stop):
                one = opened.chain.contracts[slot]
                values = [
                    decimal_text(v, d)
                    for v, (_, d) in zip(cells[slot - item.start], COLUMNS, strict=True)
                ]
                lines.append([one.code, one.trading_code, *values])
        return paged(("contract", "name", *PLACE), lines, ask)

    def value(self, scene: str, scope: str, name: str) -> str:
        """See the port."""
        state = self._view(scene).scene.state
        if state.opened is None or name not in INDEX:
            raise SourceError(f"there is no setting {name!r}")
        return in_force(state.parameters, state.opened.chain, scope, name)

    def why(self, scene: str, quote: str, language: str) -> str:
        """See the port; the journal does not care for the scene."""
        if not (quote.isascii() and quote.isalnum()):
            raise SourceError(f"{quote!r} is no id of a quote")
        # A process of its own: it looks over the maker's shoulder, and no other machine's.
        command = [sys.executable, "-m", "quanheng", "why", str(self.run), quote]
        done = subprocess.run(
            [*command, "--lang", language],
            capture_output=True,
            text=True,
            timeout=WHY_WITHIN,
            check=False,
        )
        if done.returncode:
            raise SourceError(done.stderr.strip() or f"no reasons for {quote}")
        return done.stdout


def _of_state(make: Callable[[State, Nanos], Rows]) -> Callable[[View], Rows]:
    return lambda view: make(view.scene.state, view.scene.at)
