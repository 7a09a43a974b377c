"""A desk that is asked: inquiries, time with its timers, and what became of them."""

from maker_world import World, continuous, make_chain

from quanheng.maker import columns as c
from quanheng.maker import inquiries
from quanheng.maker.inquiry_life import (
    Asked,
    Stage,
)
from quanheng.maker.inquiry_views import RATIO_COLUMNS, ratio_rows
from quanheng.maker.maker import WATCH
from quanheng.runtime.envelope import TimerFired, WakeAt
from quanheng.terms.commands import (
    AnswerInquiry,
)
from quanheng.terms.market import Inquiry
from quanheng.terms.units import SECOND

SLOT = 4
GENERAL = (("510050", "general"),)


def start(**given):
    return continuous(World.start(make_chain(), **given))


def ask(world, name="RQ1", slot=SLOT):
    code = world.chain.contracts[slot].code
    return world.put(Inquiry(name, code, 0, 0, world.at, world.at + 30 * SECOND))


def asked(world, name="RQ1") -> Asked:
    queue = world.state.inquiries
    return queue.asked[queue.numbers[name]]


def stage(world, name="RQ1"):
    return Stage(asked(world, name).stage)


def live(world, seconds):
    """Ticks twice and the watch once a second, and the timers that the maker asked for."""
    fired = getattr(world, "fired", 0)
    for half in range(int(2 * seconds)):
        world.run(0.5)
        for effect in world.effects[fired:]:
            if isinstance(effect, WakeAt) and effect.name.startswith(inquiries.TIMER):
                world.timers = {**getattr(world, "timers", {}), effect.name: effect.at}
        fired = len(world.effects)
        for name, at in list(getattr(world, "timers", {}).items()):
            if at <= world.at:
                del world.timers[name]
                world.put(TimerFired(name, at))
        if half % 2:
            world.put(TimerFired(WATCH, world.at))
    world.fired = fired


def both(world, slot=SLOT):
    return all((slot, side) in world.resting for side in (0, 1))


def theory(world, slot=SLOT):
    return float(world.state.surface.theo[slot, c.T_PRICE]) * 10_000


def answer(world, name="RQ1", by="p002", half=9, qty=12):
    value = round(theory(world))
    return world.put(AnswerInquiry(name, value - half, qty, value + half, qty, by))


def counted(world, slot=SLOT):
    """(asked, answered) of the queue."""
    rows = {row[1]: row for row in ratio_rows(world.state, world.state.opened).tolist()}
    row = dict(zip(RATIO_COLUMNS, rows.get(slot, [0] * len(RATIO_COLUMNS)), strict=True))
    return row["asked"], row["answered"]


def told(world, code):
    return [alert.args for alert in world.alerts(code)]
