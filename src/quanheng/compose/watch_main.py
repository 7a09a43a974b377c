"""The process of the watch: `python -m quanheng.compose.watch_main RUN`.

It serves /metrics on the address of the configuration until the supervisor says stop. The first
alarm of a day is a test of every channel (T-08).
"""

import sys
import threading
from pathlib import Path

import msgspec
from prometheus_client import start_http_server

from quanheng.compose.watch import Watch
from quanheng.compose.watch_clock import ClockWatch
from quanheng.edge.alarm_channels import ChannelConfig
from quanheng.edge.alarm_desk import AlarmDesk
from quanheng.edge.child import Child
from quanheng.edge.clock import monotonic, wall
from quanheng.edge.clock_state import ClockRules, read_ntp
from quanheng.edge.gates import enter
from quanheng.edge.loop import Loop

EVERY = 0.25
"""Seconds between two looks."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """RUN/live/watch.msgpack."""

    host: str
    port: int
    channels: tuple[ChannelConfig, ...]
    test: bool
    clock: ClockRules = ClockRules()


def main(run: Path) -> None:
    """Look until the supervisor says stop."""
    enter(run)
    setup = msgspec.msgpack.decode((run / "live" / "watch.msgpack").read_bytes(), type=Setup)
    loop = Loop()
    child = Child(loop)
    desk = AlarmDesk(run, setup.channels, monotonic)
    watch = Watch(run, desk, monotonic, wall, ClockWatch(setup.clock, read_ntp))
    server, thread = start_http_server(setup.port, setup.host, watch.registry)
    address = f"{setup.host}:{server.server_port}"
    (run / "live" / "metrics.address").write_text(address, encoding="utf-8")
    if setup.test:
        desk.raise_("notice", "test", "*", "开盘前告警通道测试 channel test", "watch")
    child.tell("ready", port=server.server_port)
    while not child.stopping:
        loop.poll(EVERY)
        watch.look()
    watch.look()
    _stop(server, thread)
    desk.close()
    child.tell("ended", alarms=len(desk.alarms), failed=desk.failed)


def _stop(server: object, thread: threading.Thread) -> None:
    server.shutdown()  # type: ignore[attr-defined]
    server.server_close()  # type: ignore[attr-defined]
    thread.join(2.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
