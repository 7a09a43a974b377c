"""Helpers to break a rung of the ladder in a maker's world and to look at what was said."""

from maker_world import World, continuous, make_chain

from quanheng.compose.check_words import told
from quanheng.maker import columns as c
from quanheng.maker import quoting
from quanheng.maker.ladder import BY_CHECK
from quanheng.maker.maker import WATCH
from quanheng.runtime.envelope import TimerFired
from quanheng.terms.codes import Alert, OrderKind
from quanheng.terms.commands import ManualOrder
from quanheng.terms.records import (
    LimitRecord,
)

MINE = "A000000001"


def limit(name, value, scope="*"):
    """A limit on record from the opening."""
    return LimitRecord(scope, name, value, 0, 0, "test", "r01", "h01")


def start(*limits, **changes):
    """A market in continuous trading."""
    return continuous(World.start(granted=limits, **changes))


def order(world, slot, side, price, qty=1, **more):
    """A person's limit order."""
    code = world.chain.contracts[slot].code
    return world.put(ManualOrder(code, side, OrderKind.LIMIT, price, qty, "p001", **more))


def fair(world, slot):
    return int(world.state.surface.theo[slot, c.T_PRICE] * 1e4)


def watch(world):
    """The timer of each second."""
    return world.put(TimerFired(WATCH, world.at))


def tampered(monkeypatch, change):
    """A planner that is wrong: `change` spoils its first want row."""
    plan_class = quoting.plan_class

    def wrong(*given):
        wants, gone = plan_class(*given)
        if wants:
            change(given[11][0])
        return wants, gone

    monkeypatch.setattr(quoting, "plan_class", wrong)


def assert_told(world, check, code=Alert.CHECK_DENIED):
    """The last alert about the check names it, the exchange's code and the limits version."""
    found = [a for a in world.alerts(code) if a.args[0] == check]
    assert found, [a.args for a in world.alerts(code)]
    args, rung = found[-1].args, BY_CHECK[check]
    if code == Alert.CHECK_DENIED:
        assert args[1] == rung.exchange_code
        assert world.state.denied[check] > 0
    version = args[2 if code == Alert.CHECK_DENIED else 1]
    assert 0 < version <= world.state.parameters.version
    for language, words in (("zh", rung.chinese), ("en", rung.meaning)):
        line = told(found[-1], language)
        assert words in line and str(version) in line and rung.check.name[:3] in line


def assert_tripped(world, reason, scope, to):
    """A trip stands under its reason, everything of the scope is withdrawn, people are told."""
    assert world.state.scopes.trips[f"{scope} {reason}"] == to
    alert = next(a for a in world.alerts(Alert.TRIPPED) if a.args[0] == reason)
    assert (alert.scope, alert.args[1]) == (scope, to)
    assert BY_CHECK[int(reason[1:])].chinese in told(alert, "zh")
    assert BY_CHECK[int(reason[1:])].meaning in told(alert, "en")


def world_code(slot=6):
    return make_chain().contracts[slot].code
