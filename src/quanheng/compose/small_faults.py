"""The plan of a small world: how long it lives, with how many contracts, and which faults strike
it, all drawn from its seed (reliability.md 1.2, 6).

Each seed enables a random subset of the kinds with a random intensity; what a world suffered is
printed and can be given again. Every fault ends before `healed`; then the world has to recover
within RECOVERY (promise 6).
"""

import random

import msgspec

from quanheng.terms.units import MILLISECOND, SECOND, Nanos

FIRST = 2 * SECOND
"""Since the world began: the earliest fault; both sides quote by then."""
SPANS = (5, 6, 6, 8, 8, 10, 10, 12, 16, 40)
"""Seconds until everything works again; the latest fault begins a fifth of it earlier."""
CONTRACTS = (2, 4, 6, 8, 10, 12)
RECOVERY = 10 * SECOND

KINDS: dict[str, tuple[str, int, int]] = {
    "order_cut": ("交易线路中断", 100, 3_500),
    "feed_cut": ("行情中断", 300, 4_000),
    "slow_reports": ("回报延迟", 200, 3_000),
    "repeated_reports": ("回报重复", 1, 1),
    "lost_reports": ("回报丢失", 20, 400),
    "engine_crash": ("引擎进程崩溃", 300, 3_000),
    "power_cut": ("引擎主机断电", 500, 3_500),
    "no_snapshot": ("快照丢失后崩溃", 300, 2_000),
    "engine_pause": ("引擎停顿", 100, 3_000),
    "stale_engine": ("旧引擎继续发单", 300, 2_000),
    "gateway_crash": ("网关崩溃", 200, 2_000),
    "clock_step": ("时钟跳变", 200, 3_000),
    "halt": ("标的停牌", 500, 4_000),
    "disk_full": ("日志磁盘写满", 500, 3_000),
    "fsync_error": ("日志落盘失败", 500, 3_000),
}
"""Kind -> Chinese name, shortest and longest duration in milliseconds."""

DOWN = ("engine_crash", "power_cut", "no_snapshot", "stale_engine", "disk_full", "fsync_error")
"""Faults during which an engine that died is not started again."""


class Fault(msgspec.Struct, frozen=True):
    """One fault: when it begins and how long it lasts, since the world began; `size` by kind."""

    kind: str
    at: Nanos
    lasts: Nanos
    size: int  # engine faults: inputs and steps until it strikes; clock_step: ms, may be negative

    def __str__(self) -> str:
        at, lasts = self.at / SECOND, self.lasts // MILLISECOND
        return f"{at:.2f}s {self.kind} {lasts}ms size {self.size}"


class Plan(msgspec.Struct, frozen=True):
    """The life of a world: contracts of its one class, faults in order of time, and when, since it
    began, everything works again.
    """

    contracts: int
    healed: Nanos
    faults: list[Fault]

    def __str__(self) -> str:
        head = f"{self.contracts} contracts, healed at {self.healed // SECOND}s"
        return "\n".join([head, *map(str, self.faults)] if self.faults else [head, "no fault"])


def drawn(seed: int) -> Plan:
    """The plan of a seed. Some seeds have no fault at all."""
    draw = random.Random(seed * 7_919 + 13)
    contracts, healed = draw.choice(CONTRACTS), draw.choice(SPANS) * SECOND
    if draw.random() < 0.03:
        return Plan(contracts, healed, [])
    enabled = [kind for kind in KINDS if draw.random() < draw.choice((0.1, 0.3, 0.6))]
    faults = []
    for kind in enabled:
        _, shortest, longest = KINDS[kind]
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            at = FIRST + draw.randrange(healed * 4 // 5 - FIRST)
            lasts = draw.randrange(shortest, longest + 1) * MILLISECOND
            size = draw.randrange(-1_500, 1_500) if kind == "clock_step" else draw.randrange(12)
            faults.append(Fault(kind, at - at % MILLISECOND, min(lasts, healed - at), size))
    return Plan(contracts, healed, sorted(faults, key=lambda one: (one.at, one.kind)))


def alone(faults: list[Fault], contracts: int = 8) -> Plan:
    """A plan of given faults; healed when the last one ends, and after 6 s at least."""
    ends = [one.at + one.lasts for one in faults]
    return Plan(contracts, max([6 * SECOND, *ends]), faults)
