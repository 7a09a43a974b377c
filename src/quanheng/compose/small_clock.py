"""When the next thing happens in a small world: its clock jumps there.

A message on its way, a timer, a fault that begins or ends, the market's next move, a heartbeat.
Nothing is asked in between but what has to be looked at now and then: every PULSE.
"""

from typing import TYPE_CHECKING

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
    if world.on_the_way() or (world.pair is not None and world.pair.on_the_way):
        return soon
    due = min(now + PULSE, world.market_at, world.fault_at())
    for until in world.until.values():
        if now < until < due:
            due = until
    for line in (world.up, world.down):
        if line and line[0][0] < due:
            due = line[0][0]
    due = min(due, world.venue_host.next_due())
    if world.gateway is not None:
        due = min(due, world.gateway.deadline(now))
    if world.engine is not None and not world.lasts("engine_pause"):
        due = min(due, world.engine.due() - world.clock_step())
    return max(soon, due)
