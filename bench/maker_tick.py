"""Microseconds of the maker per snapshot of a class of 80 contracts, quiet and moving."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "maker"))

from maker_world import SPOT, World, continuous, make_chain

from quanheng.terms.orders import Send


def measure(world: World, rounds: int, drift: int) -> tuple[float, float, float]:
    """(us per tick, us per report, quotes per tick) over a walk of the underlying."""
    inside = [0.0, 0.0]
    counts = [0, 0]
    apply = world.maker.apply

    def timed(envelope):
        kind = 0 if type(envelope.body).__name__ == "ChainTick" else 1
        start = time.perf_counter()
        effects = apply(envelope)
        inside[kind] += time.perf_counter() - start
        counts[kind] += 1
        return effects

    world.maker.apply = timed
    before = len(world.quotes())
    for number in range(rounds):
        if drift:
            world.move(SPOT + drift * ((number % 20) - 10))
        world.run(0.5)
    del world.maker.apply
    sent = len(world.quotes()) - before
    return inside[0] / counts[0] * 1e6, inside[1] / max(counts[1], 1) * 1e6, sent / rounds


def main() -> None:
    world = continuous(World.start(make_chain(strikes=10, expiries=4)))
    world.run(5)
    for name, drift in (("quiet", 0), ("moving", 4), ("wild", 20)):
        tick, report, sent = measure(world, 200, drift)
        print(
            f"{name:7} {tick:7.1f} us/tick  {report:6.1f} us/other input  {sent:5.1f} quotes/tick"
        )
    sends = sum(isinstance(effect, Send) for effect in world.effects)
    print(f"sends {sends}, {world.state.audit}")


if __name__ == "__main__":
    main()
