"""A maker's world whose monitors are looked at: positions, limits, the timer of each second."""

from ladder_world import watch
from maker_world import DAY, EXPIRIES, SPOT, make_contract, make_trade

from quanheng.maker.monitor_table import INDEX, MONITORS
from quanheng.terms.codes import Alert, Effect
from quanheng.terms.commands import Acknowledge, Confirm, SetLimit
from quanheng.terms.contract import build_chain
from quanheng.terms.units import SECOND


def trade(world, slot, qty, price=600, effect=Effect.OPEN):
    """Buy (+) or sell (-), as if in the market."""
    contract = world.chain.contracts[slot]
    side = 0 if qty > 0 else 1
    world.report(make_trade(contract, "M001000AAA", side, price, abs(qty), effect, world.at))


def tighten(world, name, value, scope="*"):
    """One person sets a limit or a threshold."""
    return world.put(SetLimit(scope, name, value, 0, 0, "drill", "r01"))


def seconds(world, count, ticks=False):
    """So many seconds pass; what was said in them."""
    said = []
    for _ in range(count):
        if ticks:
            said += world.run(1)
        else:
            world.at += SECOND
        said += watch(world)
    return said


def raised(world, name):
    """Alerts of a monitor as dictionaries, in order."""
    names = ("monitor", "number", "level", "figure", "threshold", "version", "post", "contract")
    found = [
        {"scope": a.scope, **dict(zip(names, a.args, strict=True))}
        for a in world.alerts(Alert.MONITOR_RAISED)
    ]
    return [one for one in found if one["monitor"] == name]


def figure(world, name, place=0):
    """A figure as people read it."""
    value = int(world.state.watch.signed[INDEX[name], place])
    return -value if MONITORS[INDEX[name]].floor else value


def ack(world, number, by="r01"):
    return world.put(Acknowledge(number, by))


def confirm(world, prompt, by="p001", second="", opens=False, accept=True):
    return world.put(Confirm(prompt, accept, opens, by, second))


def last_day_chain(spot=SPOT):
    """A chain whose first expiry ends today."""
    contracts, number = [], 10_000_001
    for last_day, days in ((DAY, 1), EXPIRIES[0]):
        for strike in (24_000, 24_500, 25_000):
            for kind in "CP":
                contracts.append(
                    make_contract(number, "510050", kind, strike, last_day, days, spot)
                )
                number += 1
    return build_chain(DAY, contracts)
