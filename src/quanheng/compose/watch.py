"""The watch of a live run: processes, health and alerts, as metrics and alarms (T-08).

It only reads what the processes leave in RUN/live, so it disturbs nobody and can be started and
stopped at any time. Everything it knows is on /metrics (Prometheus) and, as JSON, in `status`.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from quanheng.compose.alarm_levels import QUIET, level_of
from quanheng.compose.alert_words import sentence
from quanheng.compose.live_nodes import lines_of, roles_beside
from quanheng.compose.watch_clock import ClockWatch
from quanheng.compose.watch_place import Place
from quanheng.edge.alarm_desk import AlarmDesk
from quanheng.edge.isolation import REFUSED
from quanheng.edge.journal_lines import NewLines
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

ROLES = ("exchange", "gateway", "overseer", "maker")
SILENT_ROLES = ("arbiter", "lease", "lease_b", "maker_b")
"""They have no figures of health to tell while all is well; a follower has none."""
PAIR = {
    "follower_lost": ("red", "备机断开：{why}"),
    "alone": ("red", "没有备机，主机单独继续"),
    "diverged": ("red", "备机与主机不一致，第 {frame} 帧：{why}"),
    "parted": ("amber", "节点 {node} 的副本与主机不是同一份日志：{why}"),
    "damaged": ("red", "节点 {node} 的日志损坏：{why}"),
    "replicated": ("notice", "备机已跟上，第 {seq} 帧起双份保存"),
    "leads": ("red", "节点 {node} 接管，任期 {epoch}"),
}
"""What a node of a pair says of it: level and words (docs/standby.md)."""
MESSAGING = {
    "gate": ("red", "消息服务器不符合要求，停止复制：{why}"),
    "down": ("amber", "消息服务器无应答：{why}"),
    "up": ("notice", "消息服务器已接通，{servers}/{of} 台经过核查"),
    "forked": ("red", "日志副本流 {stream} 与日志不一致：{why}"),
    "refused": ("amber", "日志副本流 {stream} 拒收第 {seq} 帧：{why}"),
    "anew": ("amber", "日志副本流 {stream} 重建，从第 {first} 帧起：{why}"),
    "journal_changed": ("amber", "机器 {machine} 的日志变更，副本流重新核对：{why}"),
}
"""What a copier says: level and words (docs/messaging.md)."""
DATABASE = {
    "copy_down": ("amber", "机器 {machine} 的数据库副本停顿：{why}"),
    "copy_up": ("notice", "机器 {machine} 的数据库副本已接通，已存至第 {last} 帧"),
    "copy_anew": ("red", "机器 {machine} 的数据库副本与日志不一致，另起 {name}：{why}"),
}
"""What a copy in PostgreSQL says (docs/operations.md)."""
SILENT = 15 * SECOND
"""A process that says nothing of its health for so long is in trouble, or stopped."""
LEAST_FREE = 2 << 30
"""Bytes of disk below which people are told."""
TURN = 250 * MILLISECOND
"""A turn of a process that takes longer is told (reliability.md 2.6)."""


class Tail:
    """Whole lines that were added to a file since the last look."""

    def __init__(self, path: Path) -> None:
        self._lines = NewLines(path)
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Lines in order; what is no JSON object is left out."""
        for line in self._lines:
            try:
                yield self._decode(line)
            except msgspec.DecodeError:
                continue


def alive(pid: int) -> bool:
    """Is there such a process, and not just what is left of one?"""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in ("Z", "X")


class Watch:
    """`look` once in a while; `desk` gets the alarms."""

    def __init__(
        self,
        run: Path,
        desk: AlarmDesk,
        now: Callable[[], Nanos],
        wall: Callable[[], Nanos] | None = None,
        clock: ClockWatch | None = None,
    ) -> None:
        """`wall` is the clock whose steps are told, `clock` weighs how right it is; without them
        nobody looks (tests with a clock of their own).
        """
        self.run, self.desk = run, desk
        self.health: dict[str, dict[str, Any]] = {}
        self.pids: dict[str, int] = {}
        self.registry = CollectorRegistry()
        self._now = now
        self.roles = (*ROLES, *roles_beside(run))
        self._tails = {role: Tail(lines_of(run, role)) for role in self.roles}
        self._supervisor = Tail(run / "live" / "supervisor.jsonl")
        self._refused = Tail(run / REFUSED)
        self._place = Place(run, now, wall or now)
        self._clock = clock
        self._told: dict[str, bool] = {}
        self._gauges()

    def _gauges(self) -> None:
        registry, role = self.registry, ("role",)
        self._up = Gauge(
            "quanheng_process_up", "1 while the process is there", role, registry=registry
        )
        self._age = Gauge(
            "quanheng_health_age_seconds", "since health was told", role, registry=registry
        )
        self._starts = Counter(
            "quanheng_process_starts", "starts of a process", role, registry=registry
        )
        self._health = Gauge(
            "quanheng_health", "figures of a process", ("role", "figure"), registry=registry
        )
        self._alarms = Counter(
            "quanheng_alarms", "alarms raised", ("level", "code"), registry=registry
        )
        self._open = Gauge("quanheng_alarms_open", "not acknowledged", registry=registry)
        self._failed = Gauge(
            "quanheng_deliveries_failed", "alarms a channel lost", registry=registry
        )
        self._synced = Gauge(
            "quanheng_clock_synced", "1 while a source disciplines the clock", registry=registry
        )
        self._free = Gauge("quanheng_disk_free_bytes", "under the run", registry=registry)

    def look(self) -> None:
        """Read on, weigh, and let the desk of alarms work."""
        for line in self._supervisor:
            self._process(line)
        for role, tail in self._tails.items():
            for line in tail:
                self._line(role, line)
        for line in self._refused:
            text = f"非本系统账户或主机：{line['place']}，{line['why']}"
            self._alarm("red", Alert.FOREIGN_ACCOUNT, line["place"], text)
        for code, scope, text in self._place.look():
            self._alarm("red", code, scope, text)
        if self._clock is not None:
            for level, code, text in self._clock.look(self._now()):
                self._alarm(level, code, "*", text)
            self._synced.set(int(self._clock.synced))
        self._processes()
        self._disk()
        self.desk.tick()
        self._open.set(len(self.desk.open))
        self._failed.set(self.desk.failed)

    def _alarm(self, level: str, code: str, scope: str, text: str, business: Nanos = 0) -> None:
        self._alarms.labels(level, code).inc()
        self.desk.raise_(level, code, scope, text, "watch", business)

    def _process(self, line: dict[str, Any]) -> None:
        role = str(line.get("role", ""))
        if line["what"] == "started":
            self.pids[role] = int(line["pid"])
            self._starts.labels(role).inc()
            self.health.pop(role, None)
        elif line["what"] == "ended":
            self._alarm("red", "process_ended", role, f"进程 {role} 退出，返回 {line['code']}")
        elif line["what"] == "stopped":
            self.pids.pop(role, None)
            self.health.pop(role, None)

    def _line(self, role: str, line: dict[str, Any]) -> None:
        match line["what"]:
            case "health":
                self.health[role] = line
                for name, value in line.items():
                    if isinstance(value, int) and name != "at":
                        self._health.labels(role, name).set(value)
                if self._clock is not None and (told := self._clock.offset(role, line)):
                    self._alarm(told[0], told[1], role, told[2])
                if line.get("turn_ms", 0) * MILLISECOND > TURN:
                    text = f"{role} 一轮用时 {line['turn_ms']} 毫秒"
                    self._alarm("amber", "slow_turn", role, text)
            case "alert" if line.get("code") in set(Alert):  # the exchange's own have a text
                alert = RaiseAlert(Alert(line["code"]), line["scope"], tuple(line["args"]))
                level = level_of(alert)
                if level != QUIET:
                    text = sentence(alert, "zh")
                    self._alarm(level, alert.code, alert.scope, text, line.get("business", 0))
            case "stalled":
                text = f"{role} 主循环停滞 {line['ms']} 毫秒：{line['where']}"
                self._alarm("amber", "loop_stalled", role, text)
            case "fenced":
                self._alarm("red", "fenced", role, f"做市机被网关切断：{line['why']}")
            case what if what in PAIR and (what != "leads" or line["epoch"] > 1):
                level, words = PAIR[what]
                self._alarm(level, f"standby_{what}", role, words.format(**line))
            case what if what in MESSAGING and role.startswith("copier"):
                level, words = MESSAGING[what]
                self._alarm(level, f"messaging_{what}", role, words.format(**line))
            case what if what in DATABASE and role.startswith("pgcopy"):
                level, words = DATABASE[what]
                self._alarm(level, f"database_{what}", role, words.format(**line))
            case "issued_bad" | "bad_act":
                text = f"第 {line['line']} 行不是有效指令：{line['reason']}"
                self._alarm("amber", line["what"], role, text)

    def _processes(self) -> None:
        now = self._now()
        for role in self.roles:
            pid = self.pids.get(role)
            there = pid is not None and alive(pid)
            self._up.labels(role).set(int(there))
            self._once(pid is not None and not there, "process_gone", role, f"进程 {role} 已不在")
            said = self.health.get(role)
            age = now - int(said["at"]) if said else 0
            self._age.labels(role).set(age / SECOND)
            text = f"进程 {role} 已 {age // SECOND} 秒没有报告状态"
            mute = role in SILENT_ROLES or (role == "maker" and "maker_b" in self.roles)
            self._once(there and age > SILENT and not mute, "process_silent", role, text)

    def _disk(self) -> None:
        free = shutil.disk_usage(self.run).free
        self._free.set(free)
        text = f"磁盘剩余 {free >> 20} MiB，低于 {LEAST_FREE >> 20} MiB"
        self._once(free < LEAST_FREE, "disk_low", os.fspath(self.run.name), text)

    def _once(self, bad: bool, code: str, scope: str, text: str) -> None:
        """Tell when it begins, not while it lasts."""
        key = f"{code} {scope}"
        if bad and not self._told.get(key, False):
            self._alarm("red", code, scope, text)
        self._told[key] = bad
