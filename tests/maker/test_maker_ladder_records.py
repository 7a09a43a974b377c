"""The rungs from P22 on, on the real path: covered sales, losses, records, accounts, breakers."""

import pytest
from ladder_world import (
    MINE,
    assert_told,
    assert_tripped,
    fair,
    limit,
    order,
    start,
    tampered,
    watch,
)
from maker_world import CLOSING, DAY, World, continuous, make_trade, quote_ack

from quanheng.compose.check_words import check_words, denied_text
from quanheng.maker import columns as c
from quanheng.maker.ladder import LADDER
from quanheng.maker.messages import Resync
from quanheng.runtime.envelope import LinkChanged
from quanheng.terms.codes import Alert, Effect, Exec, Link, Side, TradingState
from quanheng.terms.orders import NewOrder, Send
from quanheng.terms.records import (
    AccountRecord,
    Agreement,
    FigureRecord,
    StrategyRelease,
)
from quanheng.terms.units import SECOND


def test_p22_a_covered_sale_needs_locked_units():
    for locked, sent in (((9_999,), 0), ((10_000,), 1)):
        world = start(locked=locked)
        effects = order(world, 6, Side.SELL, fair(world, 6) + 3, covered=True)
        orders = [
            r for e in effects if isinstance(e, Send) for r in e.requests if type(r) is NewOrder
        ]
        assert [(r.covered, r.effect) for r in orders] == [(True, Effect.OPEN)] * sent
        if not sent:
            assert_told(world, 22)
    order(world, 6, Side.SELL, fair(world, 6) + 3, covered=True)
    assert_told(world, 22)


def test_p23_shorts_on_the_last_day():
    world = start(limit("expiry_cutoff", 34_000))
    world.state.tables.meta[0, c.E_DAYS] = 0
    order(world, 2, Side.SELL, fair(world, 2) + 3)
    assert_told(world, 23)


def test_p24_closing_more_than_there_is(monkeypatch):
    world = start()

    def close(want):
        want[c.Q_ASK_EFFECT] = Effect.CLOSE

    tampered(monkeypatch, close)
    world.move(world.spot + 60)
    world.tick()
    assert_told(world, 24)


def test_p25_a_loss_trips_the_class_to_reducing():
    world = start(limit("loss", 1))
    world.fill(6, 0, 20)
    world.move(world.spot - 300)
    world.run(1)
    watch(world)
    assert_tripped(world, "P25", "510050", TradingState.REDUCING)
    assert set(world.resting) <= {(6, 1)}
    order(world, 2, Side.BUY, fair(world, 2))
    assert_told(world, 1)


def test_p25_in_the_ladder_before_the_watch_looks():
    world = start(limit("loss", 1))
    world.fill(6, 0, 20)
    world.move(world.spot - 300)
    order(world, 2, Side.BUY, max(fair(world, 2) - 2, 1))
    world.run(1)
    assert_told(world, 25)


def test_p26_no_fresh_value_at_risk():
    world = continuous(World.start(figures=()))
    assert_told(world, 26)
    assert_tripped(world, "P26", "*", TradingState.REDUCING)
    late = FigureRecord("*", "var", 1, "test", 0, CLOSING)
    world = start(figures=(late,))
    world.at = CLOSING - SECOND
    watch(world)
    assert not world.state.scopes.trips
    world.at = CLOSING
    watch(world)
    assert_tripped(world, "P26", "*", TradingState.REDUCING)


def test_p27_a_quote_that_would_not_count_only_warns(monkeypatch):
    world = start()

    def shrink(want):
        want[c.Q_BID_QTY] = want[c.Q_ASK_QTY] = 9

    tampered(monkeypatch, shrink)
    world.move(world.spot + 60)
    world.tick()
    assert_told(world, 27, Alert.LIMIT_NEAR)


@pytest.mark.parametrize(
    ("check", "release"),
    [
        (28, StrategyRelease("lean", "1", 0, "q01", "r01")),
        (28, StrategyRelease("lean", "1", 20240102, "q01", "r01", DAY - 1)),
        (28, StrategyRelease("lean", "2", 20240102, "q01", "r01")),
        (29, StrategyRelease("lean", "1", 20240102, "q01", "q01")),
    ],
)
def test_p28_p29_filing_and_release(check, release):
    world = start(strategies=(release,))
    assert_told(world, check)
    assert not world.resting


def test_p30_large_orders_of_people():
    world = start(limit("confirm_value", 0), limit("second_value", 10_000))
    price = world.resting[6, 0][1]
    order(world, 6, Side.BUY, price)
    assert_told(world, 30)
    order(world, 6, Side.BUY, price, confirmed=True)
    assert world.state.denied[30] == 1
    order(world, 6, Side.BUY, price, 40, confirmed=True, seconded_by="p001")
    assert world.state.denied[30] == 2
    order(world, 6, Side.BUY, price, 40, seconded_by="p002")
    assert world.state.denied[30] == 2


def test_p31_totals_of_the_day():
    world = start(limit("day_orders", 5))
    assert_told(world, 31)
    assert world.state.guards.counts[0, 0] == 5


def test_p32_the_designated_account():
    world = start(accounts=(AccountRecord("*", "B9", 20240102),))
    assert_told(world, 32)


def test_p33_a_storm_of_rejections_halts_the_class():
    world = start()
    world.answer = False
    sent = world.quotes(world.move(world.spot + 200))
    assert len(sent) >= 10
    for number, request in enumerate(sent[:10]):
        assert number < 10 and not world.state.scopes.trips
        world.report(quote_ack(request, world.at, 17_574, Exec.REJECTED))
    assert_tripped(world, "P33", "510050", TradingState.HALTED)


def test_p34_answers_that_do_not_come():
    world = start()
    world.answer = False
    world.move(world.spot + 200)
    world.tick()
    world.at += SECOND // 2
    watch(world)
    assert not world.state.scopes.trips
    world.at += SECOND
    watch(world)
    assert_tripped(world, "P34", "*", TradingState.CANCEL_ONLY)
    world.state.scopes.trips["510050 P25"] = TradingState.REDUCING
    for link in (Link.DOWN, Link.SYNCING, Link.READY):
        assert "* P34" in world.state.scopes.trips
        world.put(LinkChanged(link))
    assert world.state.scopes.trips == {"510050 P25": TradingState.REDUCING}
    assert world.alerts(Alert.REARMED)[-1].args[0] == "P34"


def test_f23_the_last_reports_of_a_set_are_asked_for_when_an_answer_is_overdue():
    """A report that is lost and followed by none leaves no gap: the wait for it asks instead, once
    it is beyond P34's limit and every ten seconds from then on (found by the small worlds).
    """
    world = start()
    world.answer = False
    world.move(world.spot + 200)
    world.tick()
    asked = []
    for second in range(1, 16):
        world.at += SECOND
        effects = watch(world)
        asked += [(second, one.next_index) for one in effects if isinstance(one, Resync)]
    due = dict(world.state.next_index)
    assert asked == [(asked[0][0], due), (asked[0][0] + 10, due)]
    world.put(LinkChanged(Link.DOWN))
    for _ in range(12):
        world.at += SECOND
        assert not [one for one in watch(world) if isinstance(one, Resync)]


def test_p34_late_answers_count_but_not_those_of_a_replay_after_a_lost_link():
    """More than one of a hundred: the 99th percentile; UNKNOWN says nothing about the line."""
    for lost in (False, True):
        world = start()
        world.answer = False
        sent = world.quotes(world.move(world.spot + 200))[:2]
        if lost:
            world.put(LinkChanged(Link.DOWN))
            world.put(LinkChanged(Link.SYNCING))
        for request in sent:
            world.at += 2 * SECOND
            world.report(quote_ack(request, world.at))
        assert world.state.guards.lates == (0 if lost else 2)
        watch(world)
        assert ("* P34" in world.state.scopes.trips) == (not lost)


def test_p35_an_unexplained_fill_and_missing_reports():
    world = start()
    contract = world.chain.contracts[3]
    world.report(make_trade(contract, "X001000001", 0, 500, 1, Effect.OPEN, world.at))
    assert_tripped(world, "P35", "*", TradingState.HALTED)
    assert not world.resting
    world = start()
    world.report(make_trade(contract, "M001000001", 0, 500, 1, Effect.OPEN, world.at), index=999)
    watch(world)
    assert not world.state.scopes.trips
    world.at += 3 * SECOND
    watch(world)
    assert_tripped(world, "P35", "*", TradingState.HALTED)


@pytest.mark.parametrize(
    "changes",
    [
        {"agreements": ()},
        {"agreements": (Agreement("510050", "letter", DAY + 1),)},
        {"agreements": (Agreement("510050", "letter", 20240102, DAY),)},
        {"agreements": (Agreement("510300", "letter", 20240102),)},
        {"accounts": (AccountRecord("*", MINE, 20240625),)},
    ],
)
def test_p36_no_agreement_in_force_or_accounts_reported_late(changes):
    """Two trading days are too few, three are enough (L-05, L-10)."""
    world = start(**changes)
    assert_told(world, 36)
    assert not world.resting
    timely = start(accounts=(AccountRecord("*", MINE, 20240624),))
    assert timely.resting


def test_p37_the_old_account_only_closes():
    world = start(limit("ordinary_total", 20), accounts=(AccountRecord("*", MINE, 20240102, True),))
    assert_told(world, 37)


def test_p38_both_accounts_together():
    both = (AccountRecord("*", MINE, 20240102), AccountRecord("*", "B9", 20240102, True))
    world = start(accounts=both)
    assert_told(world, 38)
    var = FigureRecord("*", "var", 1, "test", 0, CLOSING)

    def figures(total):
        rows = [("other_long", 0), ("other_total", total), ("other_buy_open", 0)]
        return (var, *(FigureRecord("510050", n, v, "x", 0, CLOSING) for n, v in rows))

    assert start(accounts=both, figures=figures(0)).state.denied[38] == 0
    most = int(world.state.limits[0, c.L_TOTAL])
    assert start(accounts=both, figures=figures(most)).state.denied[38] > 0


def test_every_check_has_words_in_both_languages():
    """Number, meaning, and the exchange's code where there is one."""
    for rung in LADDER:
        zh, en = check_words(rung.check, "zh"), check_words(rung.check, "en")
        assert zh != en and zh[:3] == en[:3] == rung.check.name[:3]
        assert (f"[{rung.exchange_code}]" in zh) == bool(rung.exchange_code)
    assert denied_text({}, "en") is None
    assert denied_text({18: 3, 9: 20}, "en").startswith("ladder denied: P09")
