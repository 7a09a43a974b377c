"""The life of a monitor's alert: flapping, acknowledgement, escalation, what it keeps closed."""

import numpy as np
import pytest
from ladder_world import start, watch
from maker_world import World, make_chain
from monitor_world import ack, raised, seconds, tighten, trade

from quanheng.kernels.pack import unpack
from quanheng.maker import alarms
from quanheng.maker import maker as machine
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Notify
from quanheng.maker.monitor_table import INDEX, MONITORS, Level
from quanheng.runtime.envelope import Envelope, Source, TimerFired
from quanheng.terms.codes import Alert, TradingState
from quanheng.terms.commands import Rearm, SetLimit, SetState
from quanheng.terms.records import LimitRecord

VEGA, RATE = INDEX["vega"], INDEX["rate"]
NOTICE, AMBER, RED = 6_000, 8_000, 9_500


@pytest.fixture
def world(monkeypatch):
    """A market of two classes whose figures the test moves."""
    monkeypatch.setattr(machine, "refresh", lambda *_: None)
    return start_two()


def start_two():
    return start(chain=make_chain(underlyings=("510050", "510300")))


def vega(world, value, count=1, klass=0):
    """The vega of a class is so much of its limit for some seconds; what was said."""
    world.state.watch.signed[VEGA, klass] = value
    return seconds(world, count)


def told(said, code):
    return [one for one in said if getattr(one, "code", "") == code]


def test_an_alert_does_not_flap(world):
    """I-30: within a tenth of the threshold the level stays; below it for 30 s it ends, once."""
    vega(world, AMBER)
    for _ in range(5):
        vega(world, AMBER - 1, 5)
        vega(world, AMBER, 5)
        vega(world, AMBER * 9 // 10 - 1, 25)
        vega(world, AMBER * 9 // 10, 5)
    assert [one["level"] for one in raised(world, "vega")] == [Level.AMBER]
    assert not world.alerts(Alert.MONITOR_CLEARED)
    vega(world, 0, 30)
    assert not world.alerts(Alert.MONITOR_CLEARED)
    said = told(vega(world, 0, 1), Alert.MONITOR_CLEARED)
    assert [one.args[:2] for one in said] == [("vega", 1)]
    assert not world.state.watch.alerts
    vega(world, NOTICE)
    assert [one["number"] for one in raised(world, "vega")] == [1, 2]


def test_a_falling_figure_falls_level_by_level(world):
    """From red to the notice level that it still reaches; the grade people saw stays."""
    vega(world, RED)
    vega(world, NOTICE, 31)
    (one,) = world.state.watch.alerts.values()
    assert (one.level, one.grade) == (Level.NOTICE, Level.RED)


def test_a_curve_is_told_after_its_time(world):
    """A monitor with a hold waits: what lasts 29 s is nothing, 30 s is an alert (I-31)."""
    curve = INDEX["curve"]
    world.state.watch.signed[curve, 0] = 4
    seconds(world, 29)
    world.state.watch.signed[curve, 0] = 0
    seconds(world, 1)
    world.state.watch.signed[curve, 0] = 4
    seconds(world, 30)
    assert not raised(world, "curve")
    seconds(world, 1)
    assert raised(world, "curve")[0]["level"] == Level.AMBER


def test_acknowledged_by_whom_and_once(world):
    """T-08: the person stands in the record; a second word, or one about nothing, is refused."""
    vega(world, AMBER)
    (said,) = ack(world, 1)
    assert (said.code, said.scope) == (Alert.MONITOR_ACKNOWLEDGED, "510050")
    assert said.args == ("vega", 1, "r01", Level.AMBER)
    assert world.state.watch.alerts[1].acked_at == world.at
    for number, by in ((1, "r02"), (7, "r01")):
        (refused,) = ack(world, number, by)
        assert refused.code == Alert.CHECK_DENIED and refused.args[:2] == ("acknowledge", by)
    vega(world, RED)
    (refused,) = ack(world, 1, "")
    assert refused.code == Alert.CHECK_DENIED


def test_a_higher_level_is_acknowledged_again(world):
    vega(world, AMBER)
    ack(world, 1)
    vega(world, RED)
    one = world.state.watch.alerts[1]
    assert (one.acked_by, one.grade) == ("", Level.RED)
    assert raised(world, "vega")[-1]["post"] == "risk"


def test_unacknowledged_goes_up_to_the_next_post(world):
    """Notice after 600 s, amber after 300 s, red after 60 s: trader, risk, head, and no further."""
    vega(world, NOTICE, 1)
    vega(world, NOTICE, 599)
    assert not world.alerts(Alert.MONITOR_ESCALATED)
    seconds(world, 1)
    seconds(world, 299)
    assert len(world.alerts(Alert.MONITOR_ESCALATED)) == 1
    seconds(world, 1)
    seconds(world, 600)
    steps = [one.args for one in world.alerts(Alert.MONITOR_ESCALATED)]
    assert steps == [("vega", 1, 2, "risk"), ("vega", 1, 3, "head")]


def test_red_goes_from_risk_to_the_head(world):
    vega(world, RED, 1)
    seconds(world, 59)
    assert not world.alerts(Alert.MONITOR_ESCALATED)
    seconds(world, 1)
    (step,) = world.alerts(Alert.MONITOR_ESCALATED)
    assert step.args == ("vega", 1, Level.RED, "head")
    seconds(world, 200)
    assert len(world.alerts(Alert.MONITOR_ESCALATED)) == 1


def test_acknowledged_it_does_not_go_up(world):
    vega(world, RED)
    ack(world, 1)
    vega(world, RED, 200)
    assert not world.alerts(Alert.MONITOR_ESCALATED)


def test_the_times_of_escalation_are_limits_on_record(world):
    """R-03: one person shortens them; lengthening needs a second."""
    tighten(world, "escalate_red", 5)
    vega(world, RED, 6)
    assert len(world.alerts(Alert.MONITOR_ESCALATED)) == 1
    tighten(world, "escalate_red", 50)
    assert int(world.state.watch.levels[alarms.ESCALATE, -1, 2]) == 5 * 10**9


def reopen(world, scope):
    """Two people raise a scope that was halted; True when it was allowed."""
    world.put(SetState(scope, TradingState.HALTED, "drill", "p001"))
    world.put(SetState(scope, TradingState.OPEN, "drill", "p001", "r01"))
    return world.state.scopes.states[scope] == TradingState.OPEN


@pytest.mark.parametrize("scope", ["510050", "*", "10000001"])
def test_a_critical_alert_keeps_its_scope_closed(world, scope):
    """reliability.md 7, promise 20: unacknowledged, nothing around it is opened, others are."""
    vega(world, RED)
    assert not reopen(world, scope)
    denied = world.alerts(Alert.CHECK_DENIED)[-1]
    assert "critical alert 1 (vega)" in denied.args[2]
    assert reopen(world, "510300")
    ack(world, 1)
    assert reopen(world, scope)


def test_an_amber_alert_closes_nothing_until_it_has_gone_up(world):
    vega(world, AMBER)
    assert reopen(world, "510050")
    vega(world, AMBER, 301)
    assert not reopen(world, "510050")


def test_a_critical_alert_waits_for_people_after_its_figure_came_back(world):
    """What nobody has seen is not over; the word of a person ends it."""
    vega(world, RED)
    vega(world, 0, 31)
    (cleared,) = world.alerts(Alert.MONITOR_CLEARED)
    assert cleared.args[3] == 1
    assert not reopen(world, "510050")
    ack(world, 1)
    assert not world.state.watch.alerts and reopen(world, "510050")


def test_a_trip_is_not_ended_over_a_critical_alert():
    """P25 trips, its monitor is red: two people end the trip only once the alert is seen."""
    world = start()
    trade(world, 4, 10, price=5_000)
    tighten(world, "loss", 1_000)
    watch(world)
    assert "510050 P25" in world.state.scopes.trips
    world.put(Rearm("510050", "P25", "p001", "r01"))
    assert not world.alerts(Alert.REARMED)
    for number in list(world.state.watch.alerts):
        ack(world, number)
    world.put(Rearm("510050", "P25", "p001", "r01"))
    assert len(world.alerts(Alert.REARMED)) == 1


def test_thresholds_are_records_with_a_version(world):
    """L-03, R-03: one person tightens, two loosen; the alert names the version it fell under."""
    version = world.state.parameters.version
    tighten(world, "vega_notice", 50, "510050")
    vega(world, 5_000)
    (one,) = raised(world, "vega")
    assert (one["threshold"], one["version"]) == (5_000, version + 1)
    vega(world, 5_000, klass=1)
    assert len(raised(world, "vega")) == 1
    tighten(world, "vega_notice", 70, "510050")
    assert world.state.watch.levels[VEGA, 0, 0] == 5_000
    world.put(SetLimit("510050", "vega_notice", 70, 0, 0, "drill", "r01", "h01"))
    assert world.state.watch.levels[VEGA, 0, 0] == 7_000


def test_of_a_low_figure_the_higher_threshold_is_tighter(world):
    """I-32: cover is bad when low, so one person raises its threshold and two lower it."""
    cover = INDEX["cover"]
    tighten(world, "cover_red", 130)
    assert world.state.watch.levels[cover, -1, 2] == 13_000
    tighten(world, "cover_red", 110)
    assert world.state.watch.levels[cover, -1, 2] == 13_000
    world.put(SetLimit("*", "cover_red", 110, 0, 0, "drill", "r01", "h01"))
    assert world.state.watch.levels[cover, -1, 2] == 11_000


@pytest.mark.parametrize(
    ("name", "scope", "words"),
    [("vega_red", "10000001", "* or an underlying"), ("rate_red", "510050", "* alone")],
)
def test_a_threshold_has_the_scope_of_its_monitor(world, name, scope, words):
    tighten(world, name, 1, scope)
    assert words in world.alerts(Alert.CHECK_DENIED)[-1].args[2]


@pytest.mark.parametrize(
    ("name", "value"), [("vega_red", 96), ("cover_red", 119), ("night_loss", 1), ("rate_red", 91)]
)
def test_a_looser_threshold_at_the_opening_names_two_people(name, value):
    """R-03: a day does not open with a looser record that only one person stands behind."""
    one = LimitRecord("*", name, value, 0, 0, "memo", "r01")
    with pytest.raises(ValueError, match=f"{name} of \\* needs a second person"):
        World.start(granted=(one,))
    World.start(granted=(LimitRecord("*", name, value, 0, 0, "memo", "r01", "h01"),))


def test_a_threshold_that_ends_leaves_the_tighter(world):
    """A looser record for an hour: after it the default holds again, a tighter one would stay."""
    until = world.at + 10**9
    world.put(SetLimit("*", "vega_red", 99, 0, until, "drill", "r01", "h01"))
    world.put(SetLimit("*", "vega_amber", 70, 0, until, "drill", "r01"))
    assert world.state.watch.levels[VEGA, 0].tolist() == [6_000, 7_000, 9_900]
    vega(world, 0, 2)
    assert world.state.watch.levels[VEGA, 0].tolist() == [6_000, 7_000, 9_500]


def test_live_values_are_shown(world):
    """R-01: each minute the figures with thresholds, levels and who has to do what."""
    vega(world, RED)
    effects = world.put(TimerFired("view", world.at))
    (view,) = [one for one in effects if isinstance(one, Notify) and one.topic == "monitors"]
    rows = [
        dict(zip(alarms.VIEW_COLUMNS, row, strict=True))
        for row in unpack(view.rows, view.columns).tolist()
    ]
    (mine,) = [row for row in rows if row["alert"]]
    assert (MONITORS[mine["monitor"]].name, mine["place"], mine["figure"]) == ("vega", 0, RED)
    assert [mine[name] for name in ("notice", "amber", "red")] == [NOTICE, AMBER, RED]
    assert (mine["level"], mine["grade"], mine["told"]) == (3, 3, 1)


def test_a_restored_machine_goes_on_with_its_alerts():
    """Snapshot, replay: the same alerts, escalations and figures, effect by effect."""
    world = start_two()
    trade(world, 2, 50)
    used = int(np.abs(world.state.worst[0, 9:11]).max()) // 10_000
    tighten(world, "vega", used * 10 // 9 + 1)
    seconds(world, 3, ticks=True)
    assert world.state.watch.alerts
    other = Maker()
    other.restore(world.maker.snapshot())
    ended = set()
    for second in range(400):
        world.at += 10**9
        body = TimerFired("watch", world.at)
        envelope = Envelope(world.seq + 1 + second, world.at, Source.TIMER, 0, body)
        mine, theirs = world.maker.apply(envelope), other.apply(envelope)
        assert mine == theirs
        ended |= {one.code for one in mine if type(one).__name__ == "RaiseAlert"}
    assert Alert.MONITOR_ESCALATED in ended
    assert other.digest() == world.maker.digest()


def test_alerts_survive_a_day_without_records():
    """A world without any limit on record has the defaults of every monitor."""
    levels = World.start().state.watch.levels
    for row, one in enumerate(MONITORS):
        place = -1 if one.desk else 0
        assert levels[row, place].tolist() == [value * one.factor for value in one.levels]
