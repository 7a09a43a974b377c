"""How a fault strikes a small world (kinds: `small_faults.KINDS`)."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from quanheng.compose.small_faults import Fault
from quanheng.edge.gateway_parts import base36
from quanheng.edge.link_messages import Hello
from quanheng.exchange import messages as ex
from quanheng.runtime.envelope import Source
from quanheng.runtime.memory import MemorySnapshots
from quanheng.terms.codes import Link

if TYPE_CHECKING:
    from quanheng.compose.small_world import SmallWorld

DOWN = ("engine_crash", "power_cut", "no_snapshot", "stale_engine", "disk_full", "fsync_error")
"""Faults during which an engine that died is not started again."""
STALE_IDS = 900_000


def strike(world: "SmallWorld", fault: Fault) -> None:
    """Begin a fault; what lasts is seen by `world.lasts`."""
    kind, engine = fault.kind, world.engine
    world.note(kind)
    world.until[kind] = world.now + fault.lasts
    world.ends_at = 0
    world.size[kind] = fault.size
    match kind:
        case "order_cut":
            world.cut_line("fault")
        case "repeated_reports":
            if world.server is not None:
                for set_id, rows in world.stored.items():
                    if rows:
                        world.replay(set_id, max(1, len(rows) - 5 * fault.size))
        case "engine_crash" | "power_cut" | "no_snapshot" | "stale_engine":
            if kind == "no_snapshot":
                world.home.snapshots = MemorySnapshots(keep=3)
            if engine is not None:
                engine.die_in = fault.size + 1
        case "gateway_crash":
            world.cut_line("the gateway crashed")
            world.gateway = None
            world.to_gateway.clear()
            if engine is not None:
                engine.lost(world.engine_now())
        case "halt":
            halt(world, True)
        case "disk_full":
            world.home.disk.room = 200 * fault.size
        case "fsync_error":
            world.home.disk.sync_fails = engine is not None


def halt(world: "SmallWorld", on: bool) -> None:
    """Halt the underlying, or let it trade again."""
    world.halted = on
    world.venue_takes(ex.Halt("*", on), Source.RUNTIME)


def stale_engine_sends(world: "SmallWorld") -> None:
    """An engine that everybody thought dead says hello and sends once more, with new ids."""
    zombie, gateway = world.zombie, world.gateway
    if zombie is None or gateway is None or zombie.last_send is None:
        return
    if gateway.epoch <= zombie.epoch or gateway.link != Link.READY:
        return
    gateway.hello(Hello(zombie.epoch, "maker"), world.now)
    send = zombie.last_send
    news = [
        replace(one, client_id=one.client_id[:4] + base36(STALE_IDS + number, 6))
        for number, one in enumerate(send.requests)
    ]
    gateway.from_engine(replace(send, requests=news), world.now)
    world.zombie = None
    world.checks.stale(gateway.out_engine())
    world.flush_gateway()
