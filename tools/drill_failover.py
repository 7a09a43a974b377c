"""Drill of fail-over between two hosts: the leader is struck many times, and what it cost.

    python tools/drill_failover.py OUT [--kills 100] [--netns] [--speed 2] [--contracts 16]
        [--delay 5 --jitter 2 --loss 1 --reorder 1] [--one-way-every 3] [--cut-seconds 15]
        [--displace] [--plain] [--file DRILLS]

A live run with a standby (docs/standby.md) over TLS. With --netns (root, iproute2) three network
namespaces are made and removed again: node a, node b, and the place of exchange, arbiter and
overseer. Blows are kill -9 of the leading engine; every tenth takes the whole host (gateway and
maker at once), every twenty-fifth cuts the leader's host off the network for 15 s (--host-every,
--cut-every; 0: never; --cut-seconds). With --one-way-every each so many-th blow stops one direction
alone between the leader and the arbiter, the follower or the exchange, the six of them in turn.
Delay, jitter (ms), loss and reordering (per cent of the packets, each way) are of the whole run, on
every line between the three places; then, and for one way alone, `tools/shape_network.py` carries
the packets in place of the kernel's bridge. With --displace a second logon at the exchange ends the
first session; without, it is refused until the first is over (`line.second_logon`).

For each blow: when the arbiter let the other node lead, when the exchange had taken the last quote
of the old epoch out of its books, when it had accepted the first of the new one; the longest time
without a new quote; at the end the invariants of a live day, participation, and counts of requests
that reached the exchange twice or in an epoch that was over. Written to OUT/failover.json and
OUT/failover.md, and filed as a drill's record (演练记录.md) in DRILLS/failover, where inspection
looks. All times are of one machine's monotonic clock.
"""

import argparse
import os
import random
import shutil
import sys
from pathlib import Path
from signal import Signals
from typing import Any

from failover.hosts import ARBITER, PLACES, Hosts, ShapedHosts, configured
from failover.record import (
    ONE_WAY,
    checks,
    file_record,
    measure,
    participation,
    record,
    stale,
)
from quanheng.compose import live
from quanheng.compose.day import DayPlan
from quanheng.compose.live import Supervisor
from quanheng.compose.live_closing import LiveWorld
from quanheng.compose.live_drills import Drill
from quanheng.compose.live_nodes import lines_of
from quanheng.compose.live_setup import prepare
from quanheng.compose.scenarios import load
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.runtime.live import BusinessClock
from quanheng.terms.days import clock_text, from_clock
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

START = "09:30:30"
LUNCH = "11:29"
PATIENCE = 600 * SECOND
START_PATIENCE = 900.0
"""Seconds until a process is ready: the machine may be busy with other things."""


class Blows:
    """Strikes when both nodes are whole, and writes down what it did."""

    def __init__(
        self, supervisor: Supervisor, hosts: Hosts | None, given: argparse.Namespace
    ) -> None:
        self.supervisor, self.hosts, self.given = supervisor, hosts, given
        self.done: list[dict[str, Any]] = []
        self.cut = int(given.cut_seconds * SECOND)
        self._draw = random.Random(given.seed)

    @property
    def _clock(self) -> BusinessClock:
        assert self.supervisor.clock is not None
        return self.supervisor.clock

    def run_on(self, elapsed: Nanos) -> None:
        """Let the day run for so long on the wall."""
        at = self._clock.at(monotonic() + elapsed)
        self.supervisor.watch(at - self.supervisor.prepared.midnight)

    def over(self) -> bool:
        """Lunch is near, or the time that was given is up: what is not done now is left out."""
        limit = self.given.minutes * 60 * SECOND
        if limit and monotonic() - self._clock.origin > limit:
            return True
        at = self._clock.at(monotonic()) - self.supervisor.prepared.midnight
        return at >= from_clock(LUNCH)

    def leader(self) -> tuple[str, str, dict[str, Any]]:
        """(node, role of its maker, its last line about the pair)."""
        role = self.supervisor.leader()
        wanted = ("leads", "replicated", "alone", "follower_lost", "stages")
        said = [
            line
            for line in read_lines(lines_of(self.supervisor.run, role))
            if line["what"] in wanted
        ]
        return ("b" if role.endswith("_b") else "a"), role, said[-1] if said else {"what": ""}

    def whole(self) -> bool:
        """The leader quotes and its follower is whole. False after PATIENCE, or at lunch."""
        until = monotonic() + PATIENCE
        while monotonic() < until and not self.over():
            role = self.leader()[1]
            said = read_lines(lines_of(self.supervisor.run, role))
            since = max((n for n, one in enumerate(said) if one["what"] == "leads"), default=0)
            what = [one["what"] for one in said[since:]]
            pair = [one for one in what if one in ("replicated", "alone", "follower_lost")]
            if "stages" in what and pair[-1:] == ["replicated"] and self._in_session(role):
                return True
            self.run_on(250 * MILLISECOND)
        return False

    def _in_session(self, role: str) -> bool:
        """The leader's gateway stands, is synchronised, and has said since that quotes rest."""
        said = read_lines(lines_of(self.supervisor.run, role.replace("maker", "gateway")))
        marks = [n for n, one in enumerate(said) if one["what"] in ("synced", "exchange_lost")]
        if not marks or said[marks[-1]]["what"] != "synced":
            return False
        return any(one.get("open_quotes", 0) for one in said[marks[-1] :])

    def _kind(self, number: int) -> str:
        every = self.given
        if self.hosts is not None and every.cut_every and number % every.cut_every == 0:
            return "partition"
        if every.one_way_every and number % every.one_way_every == 0:
            return ONE_WAY[(number // every.one_way_every - 1) % len(ONE_WAY)]
        return "host" if every.host_every and number % every.host_every == 0 else "engine"

    def strike(self, number: int) -> None:
        """One blow."""
        kind = self._kind(number)
        self.run_on(self._draw.randrange(1_000) * MILLISECOND)
        node, role, _ = self.leader()
        blow = {"number": number, "kind": kind, "node": node, "at": monotonic()}
        if kind == "partition":
            assert self.hosts is not None
            self.hosts.cut(node, True)
            self.run_on(self.cut)
            self.hosts.cut(node, False)
        elif kind in ONE_WAY:
            self._one_way(kind, node)
        else:
            self.supervisor.drill(Drill(0, role, Signals.SIGKILL))
            if kind == "host":
                self.supervisor.drill(Drill(0, role.replace("maker", "gateway"), Signals.SIGKILL))
        self.done.append(blow)
        sys.stderr.write(f"{number}: {kind} {node}\n")
        self.run_on(2 * SECOND)

    def _one_way(self, kind: str, node: str) -> None:
        """One direction alone between the leader and somebody, for a while."""
        assert isinstance(self.hosts, ShapedHosts)
        way, _, name = kind.partition("_")
        partner = PLACES["b" if node == "a" else "a"]
        other = {"arbiter": ARBITER, "exchange": PLACES["x"], "follower": partner}[name]
        ends = (PLACES[node], other) if way == "to" else (other, PLACES[node])
        self.hosts.one_way(*ends, True)
        self.run_on(self.cut)
        self.hosts.one_way(*ends, False)


def arguments() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="fail-over drill")
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--netns", action="store_true")
    parser.add_argument("--speed", type=int, default=2)
    parser.add_argument("--contracts", default="16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--host-every", type=int, default=10)
    parser.add_argument("--cut-every", type=int, default=25)
    parser.add_argument("--one-way-every", type=int, default=0)
    parser.add_argument("--cut-seconds", type=float, default=15.0, help="how long a cut lasts")
    for name in ("delay", "jitter", "loss", "reorder"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--displace", action="store_true", help="the second logon wins")
    parser.add_argument("--plain", action="store_true", help="links between nodes without TLS")
    parser.add_argument("--file", type=Path, help="folder of drills to file the record in")
    parser.add_argument("--minutes", type=int, default=0, help="stop after so long; 0: never")
    return parser, parser.parse_args()


def hosts_of(given: argparse.Namespace) -> Hosts | None:
    """The hosts that were asked for; None on this machine's loopback."""
    shape = (given.delay, given.jitter, given.loss, given.reorder)
    if not given.netns:
        return None
    return ShapedHosts(*shape) if any(shape) or given.one_way_every else Hosts()


def main() -> int:
    """Run it; 1 when an invariant is broken, or a request arrived twice or too late."""
    parser, given = arguments()
    live.START_PATIENCE = START_PATIENCE
    if given.netns and (os.geteuid() != 0 or shutil.which("ip") is None):
        parser.error("--netns needs root and iproute2")
    shaped = given.one_way_every or given.delay or given.jitter or given.loss or given.reorder
    if shaped and not given.netns:
        parser.error("packets are shaped between namespaces only: --netns")
    given.out.mkdir(parents=True)
    config = configured(given.netns, None if given.plain else given.out / "keys", given.displace)
    run = given.out / "run"
    plan = DayPlan(scenario=load("calm"), config=config, pick=given.contracts, out=run,
                   seed=given.seed)  # fmt: skip
    hosts = hosts_of(given)
    if hosts is None:
        return drill(plan, given, None)
    with hosts:
        return drill(plan, given, hosts)


def drill(plan: DayPlan, given: argparse.Namespace, hosts: Hosts | None) -> int:
    """The run, the blows, the record."""
    roles = {"maker": "a", "gateway": "a", "maker_b": "b", "gateway_b": "b"}
    names = ("exchange", "arbiter", "overseer", "watch", *roles)
    prefix = {} if hosts is None else {r: hosts.prefix(roles.get(r, "x")) for r in names}
    assert plan.out is not None
    plan.out.mkdir()
    prepared = prepare(plan, given.speed, from_clock(START), from_clock("15:00"))
    began = monotonic()
    with Supervisor(
        prepared, given.speed, dict(os.environ), prefix=prefix, max_restarts=5 * given.kills + 20
    ) as supervisor:
        supervisor.start(from_clock(START))
        blows = Blows(supervisor, hosts, given)
        number = 0
        while number < given.kills and blows.whole():
            number += 1
            blows.strike(number)
        blows.whole()
        blows.run_on(2 * SECOND)
        supervisor.stop()
    assert supervisor.clock is not None
    seconds = (monotonic() - began) / SECOND
    stopped = clock_text(supervisor.clock.at(monotonic()))[:8]
    world = LiveWorld(prepared)
    counts = checks(prepared, world) | {"copy differs": supervisor.ended["maker"]["copy_differs"]}
    measure(prepared, supervisor.clock, blows.done)
    requests, late, doubled = stale(prepared)
    shape = {name: getattr(given, name) for name in ("delay", "jitter", "loss", "reorder")}
    result = {
        "netns": given.netns, "speed": given.speed, "contracts": int(given.contracts),
        "tls": not given.plain, "displace": given.displace,
        "shape": shape if isinstance(hosts, ShapedHosts) else {},
        "packets": hosts.counts() if hosts is not None else {},
        "seed": given.seed, "seconds": round(seconds), "kills": given.kills, "requests": requests,
        "stale": late, "doubled": doubled, "participation": participation(world, stopped),
        "invariants": len(counts), "restarts": supervisor.restarts,
        "epoch": supervisor.ended["maker"]["epoch"],
        "broken": {name: count for name, count in counts.items() if count},
    }  # fmt: skip
    print(record(given.out, result, blows.done))
    if given.file is not None:
        print(file_record(given.file, given.out, result, blows.done))
    return 1 if result["broken"] or late or doubled else 0


if __name__ == "__main__":
    sys.exit(main())
