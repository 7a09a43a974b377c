"""Jumps of an underlying in a whole world of exchange, gateway and maker (F43)."""

import pytest

from quanheng.compose.small_clock import HOP
from quanheng.compose.small_world import SmallWorld
from quanheng.maker import jumps
from quanheng.maker.state import U_SPOT
from quanheng.runtime.envelope import Source
from quanheng.terms.codes import Jump, Phase
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import SECOND, Nanos

AT = 15 * SECOND
LOOKS = (AT - HOP, AT, AT + SECOND // 5, AT + 3 * SECOND, AT + 12 * SECOND)
"""Instants that are looked at; the last one ends the world."""


class JumpWorld(SmallWorld):
    """At AT the market falls by 8 %, which the options' price limits allow, or the maker alone is
    told of a fall by a fifth.
    """

    def __init__(self, real: bool) -> None:
        super().__init__(1, [])
        self.real = real
        self.told: list[Jump] = []
        self.resting: dict[Nanos, int] = {}

    def _over(self) -> bool:
        return self.since >= LOOKS[-1]

    def _next(self) -> Nanos:
        return min(super()._next(), *(self.begin + at for at in LOOKS if at > self.since))

    def _step(self, quiet: bool = False) -> None:
        if self.since == AT and self.real:
            self._spot = self._spot * 92 // 100 // 10 * 10  # the market moves now
        if self.since == AT and not self.real:
            low = self._spot * 4 // 5
            book = ((low - 10,), (100,), (low + 10,), (100,))
            tick = UnderlyingTick(0, int(Phase.CONTINUOUS), low, 0, 0, *book)
            assert self.engine is not None
            self.engine.inbox.append((UnderlyingTicks(self.now, (tick,)), Source.FEED))
        super()._step(quiet)
        if self.engine is not None:
            alerts = [one for one in self.engine.alerts if one.code == "spot_doubted"]
            self.told = [Jump(int(one.args[0])) for one in alerts]
        self.resting[self.since] = self.checks.resting()

    def in_force(self) -> int:
        assert self.engine is not None
        return int(self.engine.machine.state.view.underlying[0, U_SPOT])


def test_f43_a_crash_in_one_tick_is_followed_and_a_wrong_tick_is_not() -> None:
    """Quotes are gone within 0.2 s of the jump; both worlds quote again and break no rule."""
    real, wrong = JumpWorld(True).run(), JumpWorld(False).run()
    for world in (real, wrong):
        assert world.checks.broken == []
        assert world.resting[AT - HOP] > 0 and world.resting[AT + SECOND // 5] == 0
        assert abs(world.in_force() - world._spot) <= 60
    assert real.told[0] == Jump.DOUBTED
    assert real.told[1] in (Jump.TICKS, Jump.OPTIONS)
    assert wrong.told == [Jump.DOUBTED, Jump.GONE]
    assert wrong.resting[AT + 3 * SECOND] > 0


def test_f43_without_the_filter_a_wrong_tick_moves_the_quotes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The filter taken out of the real path: nothing is doubted, the wrong price prices."""
    monkeypatch.setattr(jumps, "believed", lambda *given: True)
    assert JumpWorld(False).run().told == []
