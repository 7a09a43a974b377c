"""When the next thing happens in a small world: its clock jumps there.

A message on its way, a timer, a fault that begins or ends, the market's next move, a heartbeat.
Nothing is asked in between but what has to be looked at now and then: every PULSE.
"""

from typing import TYPE_CHECKING

from quanheng.runtime.live import NEVER
from quanheng.terms.units import MILLISECOND, Nanos

if TYPE_CHECKING:
    from quanheng.compose.small_world import SmallWorld

PULSE = 100 * MILLISECOND
"""The longest jump: what is waited for without a timer is seen within it."""
HOP = MILLISECOND
"""How long anything takes from one process to another (borders.md 1), and the shortest jump."""


def next_instant(world: "SmallWorld") -> Nanos:
    """The next instant at which something can happen."""
    now = world.now
    soon = now + HOP
    if _on_the_way(world):
        return soon
    due = min(now + PULSE, world.market_at, _fault_at(world))
    if world.ends_at <= now:
        world.ends_at = min((end for end in world.until.values() if end > now), default=NEVER)
    due = min(due, world.ends_at)
    for line in (world.up, world.down):
        if line and line[0][0] < due:
            due = line[0][0]
    due = min(due, world.venue_host.next_due())
    if world.gateway is not None:
        due = min(due, world.gateway_at)
    if world.engine is not None and not world.lasts("engine_pause"):
        due = min(due, world.engine.due() - world.clock_step())
    return max(soon, due)


def _on_the_way(world: "SmallWorld") -> bool:
    """Whether a message between two of our processes is."""
    if world.to_gateway or (world.pair is not None and world.pair.on_the_way):
        return True
    engine = world.engine
    return engine is not None and bool(engine.inbox) and not world.lasts("engine_pause")


def _fault_at(world: "SmallWorld") -> Nanos:
    """When the next fault of the plan begins, or all are healed; NEVER after that."""
    at = world.faults[0].at if world.faults else world.plan.healed
    return world.begin + at if at > world.since else NEVER
