"""The live form of a day: exchange, gateway, overseer, maker as processes on loopback, supervised.

Each process has a clock that runs `speed` times as fast as the wall's; what is about machines and
lines stays on the wall's time (borders.md 2). The supervisor starts them in order, restarts a
maker that dies, stops all of them by their own ids, and checks the invariants of the day.
"""

import os
import selectors
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from quanheng.compose.closing import DayResult
from quanheng.compose.day import OPEN_AT, DayPlan
from quanheng.compose.live_closing import close_day, stages
from quanheng.compose.live_database import pgcopies_of
from quanheng.compose.live_drills import LEADER, AnyDrill, Drill, LineDrill, moment
from quanheng.compose.live_messaging import copiers_of, leases_of
from quanheng.compose.live_nodes import STANDBY, gather, place
from quanheng.compose.live_process import Event, Process
from quanheng.compose.live_setup import Prepared, prepare, write_lease
from quanheng.compose.margin_report import margin_text, plain_margin
from quanheng.compose.profit_report import plain_profit, profit_table
from quanheng.compose.progress import Progress
from quanheng.compose.report import day_table, plain
from quanheng.compose.run_folder import RunError
from quanheng.compose.scenarios import ScenarioError, clock
from quanheng.compose.self_test import examine, file_record
from quanheng.compose.text import thousands
from quanheng.edge.build import this_build
from quanheng.edge.child import READY
from quanheng.edge.clock import monotonic, write_clock
from quanheng.edge.gateway_main import KEY_FILE
from quanheng.edge.journal_lines import LineFile
from quanheng.edge.kill_client import KillClient, gateway_of
from quanheng.edge.line_cuts import CUT_FILE
from quanheng.runtime.live import BusinessClock
from quanheng.terms.days import from_clock
from quanheng.terms.units import HOUR, MILLISECOND, MINUTE, SECOND, DayNanos

END_AT = from_clock("15:31")
"""After the platform has closed: only then does the gateway know that nothing is open any more."""
START_PATIENCE = 180.0
"""Seconds a process may take until it is ready: the exchange runs up to the start first."""
STOP_PATIENCE = 20.0
MAX_RESTARTS = 20
RESTART_PAUSE = 0.5
"""Seconds between two restarts of a process that died within its first seconds."""
COPIER_RESTARTS = 5
"""A copier that dies more often stays away: a day does not end for want of a copy (F65)."""
HEAD_START = 300 * MILLISECOND
ROOMS = {"watch": "compose"}
"""Where a process lives that is not of the edge."""
LINES = ("order", "feed", "etf", "copy")


class LiveError(RunError):
    """A live run that cannot go on; the message names the process and what it said."""


def _never() -> bool:
    return False


class Supervisor:
    """Starts, watches, restarts and stops the processes of one run.

    `drills` are signals that it sends to a process at a business time, for example SIGKILL to the
    maker, or pulls. Use it as a context: leaving it, for whatever reason, leaves no process behind.
    """

    def __init__(
        self,
        prepared: Prepared,
        speed: int,
        env: Mapping[str, str],
        drills: tuple[AnyDrill, ...] = (),
        progress: Progress | None = None,
        prefix: Mapping[str, tuple[str, ...]] | None = None,
        max_restarts: int = MAX_RESTARTS,
    ) -> None:
        """`prefix`: words before the command of a role, for example to enter another host."""
        self.prepared = prepared
        self.run = prepared.run
        self.speed = speed
        self.restarts = 0
        self.clock: BusinessClock | None = None
        self.stopping: Callable[[], bool] = _never
        self.ended: dict[str, Event] = {}
        self.pair = prepared.plan.config.standby.enabled
        self._leases = leases_of(prepared.plan.config)
        self._copiers = copiers_of(prepared.plan.config) + pgcopies_of(prepared.plan.config)
        self._given_up: dict[str, int] = {}  # deaths of a copier, whose loss is nobody else's
        self._prefix = prefix or {}
        self._max_restarts = max_restarts
        self._epochs: dict[str, int] = {}  # of the makers of a pair that have led
        # One seed of hashes in every process, or two nodes could differ (reliability.md 5).
        self._env = {**env, "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0"}
        self._drills = sorted(drills, key=moment)
        self._progress = progress
        self._processes: dict[str, Process] = {}
        self._selector = selectors.DefaultSelector()
        self._lines = LineFile(self.run / "live" / "supervisor.jsonl")

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.close()
        self._processes.clear()
        self._pids()
        self._selector.close()
        self._lines.close()

    def _say(self, what: str, **more: Any) -> None:
        self._lines.add({"at": monotonic(), "what": what, **more})

    def _spawn(self, role: str, *arguments: str) -> Process:
        name, folder = place(self.run, role)
        module = f"quanheng.{ROOMS.get(name, 'edge')}.{name}_main"
        command = [sys.executable, "-m", module, str(folder), *arguments]
        process = Process(role, [*self._prefix.get(role, ()), *command], self.run, self._env)
        self._processes[role] = process
        self._selector.register(process, selectors.EVENT_READ, process)
        self._pids()
        self._say("started", role=role, pid=process.pid)
        return process

    def _pids(self) -> None:
        rows = {role: process.pid for role, process in self._processes.items()}
        (self.run / "live" / "pids.json").write_bytes(msgspec.json.encode(rows) + b"\n")

    def _poll(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            key.data.read()

    def _forget(self, process: Process) -> None:
        self._selector.unregister(process)
        process.kill()
        process.close()
        self._processes.pop(process.role, None)

    def _await(self, process: Process, name: str, seconds: float) -> Event:
        until = time.monotonic() + seconds
        while (event := process.event(name)) is None:
            self._poll(0.05)
            if process.ended() and process.event(name) is None:
                process.read()
                if process.event(name) is None:
                    raise LiveError(self._obituary(process))
            elif time.monotonic() > until:
                raise LiveError(f"{process.role} did not say {name!r} within {seconds:.0f} s")
        if name == READY and event["build"] != this_build().identity:
            raise LiveError(f"{process.role} is of another build than the supervisor")
        return event

    def _obituary(self, process: Process) -> str:
        log = self.run / "live" / f"{process.role}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        last = lines[-1] if lines else "it said nothing"
        return f"{process.role} ended with code {process.popen.poll()}: {last} (see {log})"

    def start(self, start: DayNanos) -> None:
        """Bring the three processes up and let the clock run from a time of day."""
        exchange = self._spawn("exchange")
        ports = self._await(exchange, READY, START_PATIENCE)
        self.prepared.standby = {
            name.removesuffix("_port"): port
            for name, port in ports.items() if name.endswith("_standby_port")
        }  # fmt: skip
        given = [ports[f"{name}_port"] for name in LINES]
        config = self.prepared.plan.config
        holders = [self._spawn(role) for role in self._leases]
        at = tuple(self._await(one, READY, START_PATIENCE)["port"] for one in holders)
        if at:
            write_lease(self.run, config, at)
        self.prepared.write_clients(*given, lease_ports=at)
        gateway = self._spawn("gateway")
        others = [self._spawn(role) for role in ("overseer", "watch", *self._copiers)]
        for process in others:
            self._await(process, READY, START_PATIENCE)
        waiting = [gateway, self._spawn("maker", str(monotonic()))]
        if self.pair:
            waiting += [self._spawn("gateway_b"), self._spawn("maker_b", str(monotonic()))]
        for process in waiting:
            self._await(process, READY, START_PATIENCE)
        base = self.prepared.midnight + start
        self.clock = BusinessClock(base, monotonic() + HEAD_START, self.speed)
        for node in (self.run, self.run / STANDBY) if self.pair else (self.run,):
            write_clock(node / "live" / "clock.json", self.clock)
        for process in self._processes.values():
            process.order("go")
        self._say("go", business=base, speed=self.speed)

    def watch(self, until: DayNanos) -> None:
        """Let the day run until a time of day, or until `stopping` says so, keeping all but the
        exchange alive. LiveError when the exchange ends, or the others more often than
        `max_restarts`.
        """
        assert self.clock is not None
        begin, midnight = self.clock.base, self.prepared.midnight
        end = midnight + until
        while (now := self.clock.at(monotonic())) < end and not self.stopping():
            self._poll(0.01)
            for process in list(self._processes.values()):
                if not process.ended():
                    continue
                if process.role == "exchange":
                    raise LiveError(self._obituary(process))
                self._restart(process)
            while self._drills and now >= midnight + self._drills[0].at:
                self.drill(self._drills.pop(0))
            if self._progress is not None:
                self._progress(max(0.0, (now - begin) / (end - begin)), _time(now - midnight))

    def leader(self) -> str:
        """The maker's role, of a pair the one that led last."""
        for role in ("maker", "maker_b"):
            process = self._processes.get(role)
            if process is not None and (led := process.event("leads")) is not None:
                self._epochs[role] = max(self._epochs.get(role, 0), led["epoch"])
        return max(self._epochs, key=lambda role: self._epochs[role], default="maker")

    def drill(self, drill: AnyDrill) -> None:
        """Strike now."""
        if isinstance(drill, Drill):
            role = self.leader() if drill.role == LEADER else drill.role
            victim = self._processes[role]
            self._say("drill", role=victim.role, pid=victim.pid, signal=drill.signal.name)
            os.kill(victim.pid, drill.signal)
            return
        if isinstance(drill, LineDrill):
            self._say("lines", cut=drill.names)
            (self.run / CUT_FILE).write_text(drill.names, encoding="utf-8")
            return
        self._say("kill", scope=drill.scope, by=drill.by)
        if not drill.scope:
            (self.run / KEY_FILE).write_text(drill.by, encoding="utf-8")
            return
        with KillClient(gateway_of(self.run)) as gateway:
            gateway.ask(do="pull", scope=drill.scope, by=drill.by)

    def _restart(self, dead: Process) -> None:
        role = dead.role
        self._say("ended", role=role, code=dead.popen.poll(), pid=dead.pid)
        self.leader()  # while what it said is there
        self._forget(dead)
        if role in self._copiers:
            self._given_up[role] = self._given_up.get(role, 0) + 1
            if self._given_up[role] > COPIER_RESTARTS:
                self._say("given_up", role=role)
                return
        else:
            self.restarts += 1
        if self.restarts > self._max_restarts:
            raise LiveError(f"{self.restarts} restarts: {self._obituary(dead)}")
        if time.monotonic() - dead.started < RESTART_PAUSE:
            time.sleep(RESTART_PAUSE)
        arguments = (str(monotonic()),) if role.startswith("maker") else ()
        self._spawn(role, *arguments).order("go")

    def stop(self) -> None:
        """Stop the processes in order: maker, gateway, overseer, exchange, watch; of a pair the
        follower first. LiveError for one that hangs.
        """
        leader = self.leader() if self.pair else "maker"
        lead, follow = ("_b", "") if leader.endswith("_b") else ("", "_b")
        nodes = [f"maker{lead}", f"gateway{lead}"]
        if self.pair:
            nodes = [f"maker{follow}", nodes[0], f"gateway{follow}", nodes[1], *self._leases]
        for role in (*nodes, "overseer", *self._copiers, "exchange", "watch"):
            process = self._processes.get(role)
            if process is None:
                continue  # a copier that was given up
            process.order("stop")
            until = time.monotonic() + STOP_PATIENCE
            while not process.ended():
                self._poll(0.05)
                if time.monotonic() > until:
                    raise LiveError(f"{role} did not stop within {STOP_PATIENCE:.0f} s")
            process.read()
            if process.popen.poll():
                raise LiveError(self._obituary(process))
            self.ended[role] = process.event("ended") or {}
            self._say("stopped", role=role)
            self._forget(process)
        if self.pair:
            differing = gather(self.run, leader)
            self.ended["maker"] = {**self.ended[leader], "copy_differs": differing}
        if self._progress is not None:
            self._progress(1.0, "")


def _time(at: DayNanos) -> str:
    return f"{at // HOUR:02d}:{at // MINUTE % 60:02d}:{at // SECOND % 60:02d}"


def _self_test(plan: DayPlan) -> None:
    """The self-test before the open, filed with the run. LiveError when it failed (promise 45)."""
    assert plan.out is not None
    found = examine(plan, plan.out)
    path = file_record(found, plan.out)
    if not found.ok:
        why = "; ".join(f"{one.words}: {one.note}" for one in found.failed)
        raise LiveError(f"the self-test before the open failed: {why} (see {path})")


def conduct(
    plan: DayPlan,
    speed: int,
    start: str,
    env: Mapping[str, str],
    drills: tuple[AnyDrill, ...] = (),
    progress: Progress | None = None,
    stopping: Callable[[], bool] = _never,
) -> tuple[Prepared, Supervisor, float]:
    """Run the processes from `start` (empty: 09:10) to `plan.until` (empty: 15:31), or until
    `stopping` says so.

    Returns what was prepared, the supervisor with what the processes said at their end, and the
    seconds it took. ScenarioError for times that are none, LiveError after a failed self-test.
    """
    first = max(OPEN_AT, clock("--from", start) if start else OPEN_AT)
    last = clock("--until", plan.until) if plan.until else END_AT
    if last <= first:
        raise ScenarioError(f"--until {_time(last)} is not after --from {_time(first)}")
    _self_test(plan)
    prepared = prepare(plan, speed, first, last)
    began = time.perf_counter()
    try:
        with Supervisor(prepared, speed, env, drills, progress) as supervisor:
            supervisor.stopping = stopping
            supervisor.start(first)
            supervisor.watch(last)
            supervisor.stop()
    except BaseException:
        prepared.write_status("interrupted")
        raise
    return prepared, supervisor, time.perf_counter() - began


def run(
    plan: DayPlan, speed: int, start: str, language: str, env: Mapping[str, str]
) -> tuple[dict[str, Any], str, bool]:
    """Run a live day and show it: (result for --json, text, whether every invariant holds)."""
    name = plan.scenario.words.zh if language == "zh" else plan.scenario.words.en
    label = f"{name} 实盘形态 ×{speed}" if language == "zh" else f"{name} live ×{speed}"
    progress = Progress(label)
    prepared, supervisor, seconds = conduct(plan, speed, start, env, progress=progress)
    day = close_day(prepared, supervisor.ended, seconds, supervisor.restarts)
    parts = [day_table(plan.day, name, plan.seed, day.lines, language), ""]
    parts += [profit_table(day.profits, language), ""]
    parts += [margin_text(day.margin, language), ""]
    parts += [_counts_text(day, language), _invariants_text(day, language), f"run {prepared.run}"]
    result = {
        "digest": "",
        "seed": day.seed,
        "scenario": day.scenario,
        "speed": speed,
        "seconds": round(day.seconds, 2),
        "run": str(prepared.run),
        "invariants": day.invariants,
        "counts": day.counts,
        "stages": stages(prepared),
        "classes": [plain(line) for line in day.lines],
        "profit": [plain_profit(line) for line in day.profits],
        "margin": plain_margin(day.margin),
    }
    return result, "\n".join(parts), day.ok


def _counts_text(day: DayResult, language: str) -> str:
    counts = {name: thousands(value) for name, value in day.counts.items()}
    form = (
        "用时 {s:.1f} 秒：做市机输入 {envelopes} 条，委托报价 {requests} 笔，回报 {reports} 条，"
        "全市场成交 {trades} 笔 {contracts_traded} 张，做市机重启 {restarts} 次，"
        "最长一轮 {worst_turn_ms} 毫秒"
    )
    if language != "zh":
        form = (
            "{s:.1f} s: {envelopes} inputs of the maker, {requests} requests, {reports} reports, "
            "{trades} trades of {contracts_traded} contracts in the market, {restarts} restarts, "
            "longest turn {worst_turn_ms} ms"
        )
    return form.format(s=day.seconds, **counts)


def _invariants_text(day: DayResult, language: str) -> str:
    broken = {name: count for name, count in day.invariants.items() if count}
    good = len(day.invariants)
    if not broken:
        return f"不变量 {good} 项全部成立" if language == "zh" else f"all {good} invariants hold"
    head = "不变量被破坏：" if language == "zh" else "invariants broken: "
    return head + "; ".join(f"{name} = {count}" for name, count in broken.items())
