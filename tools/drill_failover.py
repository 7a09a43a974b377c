"""Drill of fail-over between two hosts: kill -9 of the leader, many times, and what it cost.

    python tools/drill_failover.py OUT [--kills 100] [--netns] [--speed 2] [--contracts 16]

A live run with a standby (docs/standby.md). With --netns (root, iproute2) three network namespaces
are made and removed again: node a, node b, and the place of exchange, arbiter and overseer, which
carries the bridge between them. Every tenth blow takes the whole host (gateway and maker at once),
every twenty-fifth cuts the leader's host off the network for 15 s (--host-every, --cut-every). For
each blow: when the arbiter
let the other node lead, when the exchange had taken the last quote of the old epoch out of its
books, when it had accepted the first of the new one; at the end the invariants of a live day and a
count of requests that reached the exchange in an epoch that was over. Written to OUT/failover.json
and OUT/failover.md. All times are of one machine's monotonic clock.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import Signals
from typing import Any

import msgspec

from quanheng.compose import live
from quanheng.compose.day import DayPlan
from quanheng.compose.live import Supervisor
from quanheng.compose.live_closing import LiveWorld
from quanheng.compose.live_drills import Drill
from quanheng.compose.live_nodes import lines_of
from quanheng.compose.live_setup import Prepared, prepare
from quanheng.compose.scenarios import load
from quanheng.config import Config, read_config
from quanheng.edge.clock import monotonic
from quanheng.edge.journal_lines import read_lines
from quanheng.edge.report_store import stored_reports
from quanheng.exchange.layout import CASH, FEES, LONG, SHORT
from quanheng.exchange.state import PARTITIONS
from quanheng.exchange.venue import Venue
from quanheng.exchange.venue import invariants as venue_invariants
from quanheng.maker.invariants import invariants as maker_invariants
from quanheng.runtime.journal import INPUT
from quanheng.runtime.live import BusinessClock
from quanheng.runtime.records import envelope_decoder
from quanheng.runtime.segment import read_segments
from quanheng.runtime.verify import verify_run
from quanheng.terms.days import from_clock
from quanheng.terms.orders import QuoteAck, Requests
from quanheng.terms.units import MILLISECOND, SECOND, Nanos

PLACES = {"x": "10.77.0.1", "a": "10.77.0.2", "b": "10.77.0.3"}
START = "09:30:30"
LUNCH = "11:29"
PATIENCE = 600 * SECOND
START_PATIENCE = 900.0
"""Seconds until a process is ready: the machine may be busy with other things."""
CUT = 15 * SECOND
KINDS = {"engine": "引擎进程", "host": "整机进程", "partition": "断网"}


class Hosts:
    """Three network namespaces on one bridge; a context."""

    def __init__(self) -> None:
        self._names = {key: f"qh{os.getpid()}{key}" for key in PLACES}

    def prefix(self, key: str) -> tuple[str, ...]:
        """Words that run a command there."""
        return ("ip", "netns", "exec", self._names[key])

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def _in(self, key: str, *words: str) -> None:
        self._ip("-n", self._names[key], *words)

    def __enter__(self) -> "Hosts":
        for name in self._names.values():
            self._ip("netns", "add", name)
        for key in PLACES:
            self._in(key, "link", "set", "lo", "up")
        self._in("x", "link", "add", "bridge", "type", "bridge")
        self._in("x", "addr", "add", f"{PLACES['x']}/24", "dev", "bridge")
        self._in("x", "link", "set", "bridge", "up")
        for key in ("a", "b"):
            far = ("peer", "name", "eth0", "netns", self._names[key])
            self._in("x", "link", "add", f"to_{key}", "type", "veth", *far)
            self._in("x", "link", "set", f"to_{key}", "master", "bridge", "up")
            self._in(key, "addr", "add", f"{PLACES[key]}/24", "dev", "eth0")
            self._in(key, "link", "set", "eth0", "up")
        return self

    def cut(self, key: str, down: bool) -> None:
        """Take a host off the network, or put it back."""
        self._in("x", "link", "set", f"to_{key}", "down" if down else "up")

    def __exit__(self, *error: object) -> None:
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def configured(netns: bool) -> Config:
    """The shipped desk with a standby, and its hosts."""
    config = read_config(None)
    standby = msgspec.structs.replace(config.standby, enabled=True)
    if netns:
        standby = msgspec.structs.replace(
            standby, host_a=PLACES["a"], host_b=PLACES["b"], host_arbiter=PLACES["x"]
        )
        line = msgspec.structs.replace(config.line, host=PLACES["x"])
        peers = msgspec.structs.replace(config.isolation, peers=tuple(PLACES.values()))
        config = msgspec.structs.replace(config, line=line, isolation=peers)
    return msgspec.structs.replace(config, standby=standby)


class Blows:
    """Strikes when both nodes are whole, and writes down what it did."""

    def __init__(
        self, supervisor: Supervisor, hosts: Hosts | None, given: argparse.Namespace
    ) -> None:
        self.supervisor, self.hosts, self.given = supervisor, hosts, given
        self.done: list[dict[str, Any]] = []
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
            if "stages" in what and pair[-1:] == ["replicated"]:
                return True
            self.run_on(250 * MILLISECOND)
        return False

    def strike(self, number: int) -> None:
        """One blow."""
        kind = "host" if number % self.given.host_every == 0 else "engine"
        if self.hosts is not None and number % self.given.cut_every == 0:
            kind = "partition"
        self.run_on(self._draw.randrange(1_000) * MILLISECOND)
        node, role, _ = self.leader()
        blow = {"number": number, "kind": kind, "node": node, "at": monotonic()}
        if kind == "partition":
            assert self.hosts is not None
            self.hosts.cut(node, True)
            self.run_on(CUT)
            self.hosts.cut(node, False)
        else:
            self.supervisor.drill(Drill(0, role, Signals.SIGKILL))
            if kind == "host":
                self.supervisor.drill(Drill(0, role.replace("maker", "gateway"), Signals.SIGKILL))
        self.done.append(blow)
        sys.stderr.write(f"{number}: {kind} {node}\n")
        self.run_on(2 * SECOND)


# What it cost -------------------------------------------------------------------------------------


def epoch_of(name: str) -> int:
    """The epoch in a client id."""
    return int(name[1:4], 36)


def withdrawn(prepared: Prepared) -> Iterator[tuple[int, Nanos]]:
    """(epoch, business time) of each quote side of ours that left the exchange's books."""
    member = prepared.plan.config.member
    for name in PARTITIONS:
        for report in stored_reports(prepared.run / "exchange" / f"{member.pbu}-{name}.bin"):
            body = report.body
            if isinstance(body, QuoteAck):
                for old in (body.old_bid, body.old_ask):
                    if old[:1] == member.letter:
                        yield epoch_of(old), body.at


def stale(prepared: Prepared) -> tuple[int, int]:
    """(requests of ours that reached the exchange, of those in an epoch that was over)."""
    decode = envelope_decoder(Venue).decode
    letter = prepared.plan.config.member.letter
    highest = count = late = 0
    for frame in read_segments(prepared.run / "journal" / Venue.NAME, Venue.NAME):
        if frame.kind != INPUT:
            continue
        body = decode(frame.payload).body
        if isinstance(body, Requests):
            for request in body.requests:
                if request.client_id[:1] == letter:
                    count += 1
                    highest = max(highest, epoch_of(request.client_id))
                    late += epoch_of(request.client_id) < highest
    return count, late


def checks(prepared: Prepared) -> dict[str, int]:
    """Counts of violations after the run: nothing of a fill is lost or doubled, nothing is left.
    The day is cut wherever the last blow was, so it is not settled.
    """
    world = LiveWorld(prepared)
    venue, maker = world.venue.state, world.maker.state
    found = {f"venue: {name}": count for name, count in venue_invariants(venue).items()}
    desk, book, account = venue.desks[0], maker.book, venue.acct[0]
    own = maker_invariants(maker)
    for name in ("orders unknown", "orders resting", "reports missing"):
        found[f"maker: {name}"] = own[name]
    wrong = (book.long_qty != account[LONG]) | (book.short_qty != account[SHORT])
    found["positions differ"] = int(wrong.sum())
    fund = venue.fund[0]
    found["premium differs"] = int(book.cash + book.fees != fund[CASH] + fund[FEES])
    indices = [maker.next_index.get(name, 1) for name in PARTITIONS]
    found["reports missed or repeated"] = sum(
        abs(ours - theirs) for ours, theirs in zip(indices, desk.next_index, strict=True)
    )
    found["left at the exchange"] = len(desk.quotes) + len(desk.orders)
    found["chains broken"] = sum(not item["ok"] for item in verify_run(prepared.run))
    return found


def measure(prepared: Prepared, clock: BusinessClock, blows: list[dict[str, Any]]) -> None:
    """Milliseconds from each blow to: the other node may lead, the last old quote is gone, the
    first new one is accepted.
    """
    run = prepared.run
    granted = [one for one in read_lines(lines_of(run, "arbiter")) if one["what"] == "granted"]
    quoted = [one for one in read_lines(lines_of(run, "maker")) if one["what"] == "stages"]
    gone: dict[int, list[Nanos]] = {}
    for epoch, at in withdrawn(prepared):
        gone.setdefault(epoch, []).append(clock.when(at))
    for number, blow in enumerate(blows):
        begin = blow["at"]
        end = blows[number + 1]["at"] if number + 1 < len(blows) else 1 << 62
        led = [one for one in granted if begin < one["at"] < end]
        took = [one for one in led if one["node"] != blow["node"]]
        first = [one["at"] for one in quoted if begin < one["at"] < end]
        epoch = max((one["epoch"] for one in granted if one["at"] < begin), default=0)
        pulled = [at for at in gone.get(epoch, []) if begin < at < end]
        blow["took_over"] = bool(took)
        blow["detected"] = _ms(led[0]["at"] - begin) if led else None
        blow["pulled"] = _ms(max(pulled) - begin) if pulled else None
        blow["quoting"] = _ms(first[0] - begin) if first else None


def _ms(elapsed: Nanos) -> int:
    return elapsed // MILLISECOND


def table_of(blows: list[dict[str, Any]]) -> list[str]:
    """Markdown rows by kind: count, take-overs, and min/median/max of the three times."""
    rows = ["| 方式 | 次数 | 对方节点接管 | 发现 ms | 旧报价全部撤出 ms | 恢复报价 ms |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    for kind, words in KINDS.items():
        mine = [one for one in blows if one["kind"] == kind]
        if not mine:
            continue
        cells = [words, str(len(mine)), str(sum(one["took_over"] for one in mine))]
        for name in ("detected", "pulled", "quoting"):
            found = [one[name] for one in mine if one[name] is not None]
            text = "—"
            if found:
                text = f"{min(found)} / {statistics.median(found):.0f} / {max(found)}"
                text += f"（{len(found)}）" if len(found) < len(mine) else ""
            cells.append(text)
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def record(out: Path, result: dict[str, Any], blows: list[dict[str, Any]]) -> str:
    """Write both files; the text of the second."""
    broken = result["broken"]
    text = "\n".join([
        "# 主备切换演练记录", "",
        f"切换 {len(blows)} 次，{'网络命名空间双主机' if result['netns'] else '单机双节点'}，"
        f"速度 ×{result['speed']}，合约 {result['contracts']} 只，种子 {result['seed']}。"
        "每格为最小 / 中位 / 最大毫秒。", "",
        *table_of(blows), "",
        f"- 到达交易所的委托报价 {result['requests']} 笔，其中旧任期 {result['stale']} 笔",
        f"- 回报重复或丢失、持仓资金差异等不变量 {result['invariants']} 项，"
        f"被破坏 {len(broken)} 项 {broken or ''}",
        f"- 全日进程重启 {result['restarts']} 次，最后任期 {result['epoch']}", "",
    ])  # fmt: skip
    (out / "failover.md").write_text(text, encoding="utf-8")
    (out / "failover.json").write_text(json.dumps({**result, "blows": blows}, indent=1))
    return text


def main() -> int:
    """Run it; 1 when an invariant is broken or a stale request arrived."""
    parser = argparse.ArgumentParser(description="fail-over drill")
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--netns", action="store_true")
    parser.add_argument("--speed", type=int, default=2)
    parser.add_argument("--contracts", default="16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--host-every", type=int, default=10)
    parser.add_argument("--cut-every", type=int, default=25)
    parser.add_argument("--minutes", type=int, default=0, help="stop after so long; 0: never")
    given = parser.parse_args()
    live.START_PATIENCE = START_PATIENCE
    if given.netns and (os.geteuid() != 0 or shutil.which("ip") is None):
        parser.error("--netns needs root and iproute2")
    given.out.mkdir(parents=True)
    config = configured(given.netns)
    run = given.out / "run"
    plan = DayPlan(scenario=load("calm"), config=config, pick=given.contracts, out=run,
                   seed=given.seed)  # fmt: skip
    if given.netns:
        with Hosts() as hosts:
            return drill(plan, given, hosts)
    return drill(plan, given, None)


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
    counts = checks(prepared) | {"copy differs": supervisor.ended["maker"]["copy_differs"]}
    measure(prepared, supervisor.clock, blows.done)
    requests, late = stale(prepared)
    result = {
        "netns": given.netns, "speed": given.speed, "contracts": int(given.contracts),
        "seed": given.seed, "seconds": round(seconds), "requests": requests, "stale": late,
        "invariants": len(counts), "restarts": supervisor.restarts,
        "epoch": supervisor.ended["maker"]["epoch"],
        "broken": {name: count for name, count in counts.items() if count},
    }  # fmt: skip
    print(record(given.out, result, blows.done))
    return 1 if result["broken"] or late else 0


if __name__ == "__main__":
    sys.exit(main())
