"""The running maker tells that a duty will be lost before it is (E-12, I-24, I-28)."""

from maker_world import MORNING, World, continuous

from quanheng.compose.alert_words import sentence
from quanheng.duties.foresight import LEAD, standing_now
from quanheng.duties.intervals import Cause
from quanheng.duties.measure import figures, live
from quanheng.maker.maker import VIEW
from quanheng.maker.monitors import coverage
from quanheng.runtime.envelope import RaiseAlert, TimerFired
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.units import MINUTE, SECOND

LOSS = MORNING + 2_844 * SECOND  # a fifth of 14,220 s without a quote


def views(world: World, first: int, last: int) -> dict[str, list[tuple[int, RaiseAlert]]]:
    """The maker's views of every minute of [first, last]; what each told, by what it is about."""
    told: dict[str, list[tuple[int, RaiseAlert]]] = {}
    for at in range(first, last + 1, MINUTE):
        for effect in world.put(TimerFired(VIEW, at), at):
            if isinstance(effect, RaiseAlert) and effect.code == Alert.DUTY_AT_RISK:
                told.setdefault(str(effect.args[0]), []).append((at, effect))
    return told


def test_duty_watch_tells_nine_minutes_before_the_loss() -> None:
    """A desk that never gets ready: each contract and the coverage are told ahead, then as lost."""
    world = continuous(World.start(ready=False))
    assert "continuous" not in views(world, MORNING + MINUTE, LOSS - LEAD - 2 * MINUTE)
    told = views(world, LOSS - LEAD - MINUTE, LOSS + 3 * MINUTE)
    contracts = len(world.chain.contracts)
    for item, count in (("continuous", contracts), ("coverage", len(world.chain.classes))):
        first = [at for at, _ in told[item]][:count]
        assert len(told[item]) == count and len(set(first)) == 1
        assert LEAD - MINUTE <= LOSS - first[0] <= LEAD + SECOND
        lost = [at for at, _ in told[f"{item}_lost"]]
        assert len(lost) == count and all(LOSS <= at <= LOSS + MINUTE for at in lost)
    at, ahead = told["continuous"][0]
    assert abs(ahead.args[1] - (LOSS - at) // SECOND) <= 1
    assert ahead.args[2] == Cause.ABSENT
    assert "连续竞价参与率 再过 9:" in sentence(ahead, "zh")
    assert sentence(ahead, "zh").endswith("将未达，无报价")
    assert "lost, no quote" in sentence(told["continuous_lost"][0][1], "en")
    assert "个合约未合格报价" in sentence(told["coverage"][0][1], "zh")


def test_duty_watch_is_quiet_while_the_desk_quotes() -> None:
    """A ready desk has nothing to be told of."""
    world = continuous(World.start())
    world.run(10)
    assert world.quotes(), "it does quote"
    told = views(world, world.at + MINUTE, LOSS - LEAD)
    assert "continuous" not in told and "coverage" not in told


def test_contracts_that_nobody_quotes_are_in_the_coverage() -> None:
    """I-24: a contract owes from the first instant of trading on, whether or not anything has
    happened in it; the views, the coverage and the foresight say the same.
    """
    world = continuous(World.start(ready=False))
    at = MORNING + 5 * MINUTE
    world.put(TimerFired(VIEW, at), at)
    meter = world.state.meter
    assert meter is not None
    owed = figures(meter, at).obliged[0].tolist()
    assert min(owed) > 4 * MINUTE
    for klass, item in enumerate(world.chain.classes):
        assert coverage(world.state, klass, at) == (0, item.stop - item.start)
        for slot in range(item.start, item.stop):
            assert live(meter, 0, slot, at) == (owed[slot], 0, 0)
            assert standing_now(meter, slot, at) == (owed[slot], 0, True)
    silent = [lane for lane in meter.lanes if lane.coming == Phase.CONTINUOUS]
    assert silent, "contracts in which nothing has happened since trading began"
