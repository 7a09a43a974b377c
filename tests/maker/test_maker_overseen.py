"""The desk without the firm's overseer (reliability.md 2.6, F67; R-01)."""

from maker_world import World, continuous, make_chain

from quanheng.compose.alert_words import sentence
from quanheng.runtime.envelope import OverseerSeen, Source
from quanheng.terms.codes import Alert, Overseen, TradingState
from quanheng.terms.commands import Rearm, RecordFigure, SetState
from quanheng.terms.orders import Quote, QuoteCancel, Send
from quanheng.terms.units import MINUTE


def start():
    return continuous(World.start(make_chain()))


def state(world):
    return TradingState(int(world.state.desk[:, 0].max()))


def requests(world, since):
    sends = [effect for effect in world.effects[since:] if isinstance(effect, Send)]
    return [request for one in sends for request in one.requests]


def test_overseen_late_reduces_until_it_is_back():
    """LATE lets nothing through that adds risk, and its end needs nobody."""
    world = start()
    assert state(world) == TradingState.OPEN
    world.put(OverseerSeen(Overseen.LATE))
    assert state(world) == TradingState.REDUCING
    changed = world.alerts(Alert.STATE_CHANGED)[-1]
    assert changed.args == (int(TradingState.REDUCING), "overseer", "LATE")
    world.put(OverseerSeen(Overseen.WATCHED))
    assert state(world) == TradingState.OPEN
    assert world.alerts(Alert.TRIPPED) == []


def test_overseen_lost_pulls_everything_and_two_people_end_it():
    """LOST withdraws what rests; the overseer's return does not reopen, nor does one person."""
    world = start()
    seen = len(world.effects)
    world.put(OverseerSeen(Overseen.LOST))
    assert state(world) == TradingState.HALTED
    sent = requests(world, seen)
    assert sent and all(isinstance(one, QuoteCancel) for one in sent)
    trip = world.alerts(Alert.TRIPPED)[-1]
    assert trip.args[0] == "overseer"
    assert "公司监督系统失联" in sentence(trip, "zh")
    assert "the firm's overseer is silent" in sentence(trip, "en")
    world.put(Rearm("*", "overseer", "p001", "p002"))
    assert state(world) == TradingState.HALTED, "it is still lost"
    world.put(OverseerSeen(Overseen.WATCHED))
    assert state(world) == TradingState.OPEN


def test_overseen_back_alone_leaves_the_trip():
    world = start()
    world.put(OverseerSeen(Overseen.LOST))
    world.put(OverseerSeen(Overseen.WATCHED))
    assert state(world) == TradingState.HALTED
    seen = len(world.effects)
    world.move(world.spot + 60)
    world.run(1)
    assert not [one for one in requests(world, seen) if isinstance(one, Quote)]
    world.put(Rearm("*", "overseer", "p001"))
    assert state(world) == TradingState.HALTED
    world.put(Rearm("*", "overseer", "p001", "p002"))
    assert state(world) == TradingState.OPEN


def test_overseen_firm_proposals_count_once_beside_the_desks():
    """The firm's proposal 7 and the desk's proposal 7 are two; each again is nothing."""
    world = start()
    lower = SetState("*", TradingState.REDUCING, "drill", "p001")
    until = world.at + MINUTE
    world.put(
        RecordFigure("*", "var", 5, "overseer", until, "f01"), source=Source.OVERSEER, cause=7
    )
    world.put(lower, source=Source.DESK, cause=7)
    assert state(world) == TradingState.REDUCING
    world.put(SetState("*", TradingState.OPEN, "end", "p001", "p002"))
    world.put(lower, source=Source.DESK, cause=7)
    world.put(
        RecordFigure("*", "var", 9, "overseer", until, "f01"), source=Source.OVERSEER, cause=7
    )
    assert state(world) == TradingState.OPEN
    assert world.state.guards.figures["* var"].value == 5
