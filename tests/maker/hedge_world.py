"""A maker with a line to the underlyings, and what its hedge tests do to it."""

from maker_world import World, continuous, make_trade

from quanheng.maker.monitors import exposure
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.etf import EtfAnswers, EtfDone, EtfFill, EtfSend
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import SECOND

CASH = 100_000_000_000
ON = (("*", "hedge", 1), ("*", "hedge_band", 2_000))


def opened(chain=None, units=None, cash=CASH, parameters=ON, **more):
    """A world with a line to the underlyings; without `units` every class is short 80 calls and
    holds the units, bought before today, that make it neutral.
    """
    world = continuous(
        World.start(chain, etf_units=units or (), etf_cash=cash, parameters=parameters, **more)
    )
    for klass, item in enumerate(world.chain.classes):
        market(world, klass)
        if units is None:
            short_calls(world, 80, item.start + 2)
            etf, spot = world.state.etf, int(world.state.ledger.spots[klass])
            etf.units[klass] = round(-delta(world, klass) * 1_000_000 / spot / 100) * 100
            etf.sellable[klass] = etf.units[klass]
            etf.worth[klass] = etf.units[klass] * spot
    return world


def market(world, klass=0, phase=Phase.CONTINUOUS):
    """The underlying's book around the world's spot."""
    quote = (world.spot - 10, world.spot + 10)
    tick = UnderlyingTick(
        klass, int(phase), world.spot, 0, 0, (quote[0],), (90_000,), (quote[1],), (90_000,)
    )
    world.put(UnderlyingTicks(world.at, (tick,)))


def watch(world, seconds=1):
    """The next second of the watch; returns what the hedger sent in the underlying."""
    sent = []
    for _ in range(seconds):
        world.at += SECOND
        effects = world.put(TimerFired("watch", world.at))
        sent += [e for e in effects if isinstance(e, EtfSend)]
    return sent


def long_calls(world, qty, slot=2):
    """Be long so many calls, as if bought in the market."""
    world.report(make_trade(world.chain.contracts[slot], "M001000AAA", 0, 600, qty, Effect.OPEN,
                            world.at))  # fmt: skip


def short_calls(world, qty, slot=2):
    """Be short so many calls."""
    world.report(make_trade(world.chain.contracts[slot], "M001000AAD", 1, 600, qty, Effect.OPEN,
                            world.at))  # fmt: skip


def answer(world, order, price=None, qty=None):
    """The market trades an order and says that it is done."""
    price = price or (world.spot + 10 if order.side == Side.BUY else world.spot - 10)
    qty = order.qty if qty is None else qty
    amount = price * qty
    fill = EtfFill(order.client_id, order.underlying, order.side, price, qty, order.qty - qty,
                   world.at, amount, -(-amount * 45 // 1_000_000))  # fmt: skip
    done = EtfDone(order.client_id, "", order.qty - qty, world.at)
    world.put(EtfAnswers([fill, done] if qty else [done]))


def delta(world, klass=0):
    item = world.chain.classes[klass]
    return exposure(world.state, item.start, item.stop)[0]
