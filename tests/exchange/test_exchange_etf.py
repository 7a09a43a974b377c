"""The ETF venue: path, depth, T+1, conserved cash and units."""

import pytest
from exchange_world import CLOSE_PRICE, DAY, START, World, at, of

from quanheng.exchange import etf_kernel as ek
from quanheng.exchange.crowd import along
from quanheng.exchange.etf import EtfVenue
from quanheng.exchange.etf_state import invariants
from quanheng.exchange.messages import EtfDeliver, EtfMember, EtfOpen, EtfRequests, EtfSpec, Path
from quanheng.terms.codes import Phase, Side
from quanheng.terms.days import from_clock
from quanheng.terms.etf import EtfCancel, EtfDone, EtfFill, EtfOrder
from quanheng.terms.market import UnderlyingTicks

KNOTS = (
    (from_clock("09:30"), 24_400),
    (from_clock("10:30"), 25_000),
    (from_clock("15:00"), 24_000),
)
FUND = "510050"


def opened(**more: object) -> EtfOpen:
    values: dict[str, object] = {
        "day": DAY,
        "specs": (EtfSpec(0, FUND, CLOSE_PRICE, 10, 150_000, KNOTS),),
        "seed": 3,
        "members": (EtfMember("A0001", "D1", 10**11, (10_000,)),),
    }
    return EtfOpen(**(values | more))  # type: ignore[arg-type]


def world(clock: str = "10:00", **more: object) -> World:
    made = World(opened(**more), EtfVenue())
    made.until(at(clock))
    return made


def ask(made: World, *requests: EtfOrder | EtfCancel) -> list[object]:
    answers: list[object] = []
    for effect in made.give(EtfRequests("A0001", list(requests))):
        answers += effect.answers if hasattr(effect, "answers") else effect.rejects
    return answers


def last(made: World) -> UnderlyingTicks:
    return of(made.effects, UnderlyingTicks)[-1]


def test_snapshots_come_on_time_and_follow_the_path() -> None:
    """Every half second in trading, 20 ms before the options; near its knots, within limits."""
    made = world("15:01")
    ticks = of(made.effects, UnderlyingTicks)
    assert all((tick.at - START + 20_000_000) % 500_000_000 == 0 for tick in ticks)
    trading = [tick for tick in ticks if at("09:30") <= tick.at < at("11:30")]
    assert len(trading) == 14_400
    for tick in trading[100::500]:
        snapshot = tick.ticks[0]
        base = along(Path(0, KNOTS), tick.at - START)
        assert abs(snapshot.bids[0] - base) < 0.03 * base
        assert snapshot.asks[0] - snapshot.bids[0] == 10
        assert list(snapshot.bids) == sorted(snapshot.bids, reverse=True)
        assert len(snapshot.bids) == len(snapshot.asks) == 5
        assert all(price % 10 == 0 for price in snapshot.bids + snapshot.asks)
    assert ticks[-1].ticks[0].phase == Phase.CLOSED
    assert not any(invariants(made.machine.state).values())


def test_limit_up_leaves_one_side() -> None:
    """At 10 % above the previous close there is no ask (rules.md 1.1)."""
    knots = ((from_clock("09:30"), 30_000),)
    made = world(specs=(EtfSpec(0, FUND, CLOSE_PRICE, 10, 150_000, knots),))
    snapshot = last(made).ticks[0]
    assert snapshot.bids[0] == 26_850
    assert snapshot.asks == ()


def test_t_plus_one() -> None:
    """Units bought today cannot be sold today; those held since yesterday can (rules.md 1.1)."""
    made = world()
    ask_price = last(made).ticks[0].asks[0]
    buy = EtfOrder("A000000001", FUND, Side.BUY, ask_price, 5_000)
    fill, done = ask(made, buy)
    assert isinstance(fill, EtfFill)
    assert isinstance(done, EtfDone)
    assert (fill.price, fill.qty, fill.leaves) == (ask_price, 5_000, 0)
    bid = last(made).ticks[0].bids[0]
    too_many = EtfOrder("A000000002", FUND, Side.SELL, bid, 10_100)
    assert ask(made, too_many)[0].reason == 10836
    sold = ask(made, EtfOrder("A000000003", FUND, Side.SELL, bid, 10_000))
    assert isinstance(sold[0], EtfFill)
    assert ask(made, EtfOrder("A000000004", FUND, Side.SELL, bid, 100))[0].reason == 10836
    state = made.machine.state
    assert state.units[0].tolist() == [5_000]
    assert state.sellable[0].tolist() == [0]
    assert not any(invariants(state).values())


def test_best_five_cancels_its_rest() -> None:
    """Five levels at once, what is left is withdrawn; cash moves by the fills and fees."""
    made = world()
    shown = last(made).ticks[0]
    answers = ask(made, EtfOrder("A000000001", FUND, Side.BUY, 0, 1_000_000, best_five=True))
    fills = [answer for answer in answers if isinstance(answer, EtfFill)]
    taken = sum(fill.qty for fill in fills)
    assert taken == min(1_000_000, sum(shown.ask_qty))
    assert answers[-1].cancelled == 1_000_000 - taken
    paid = sum(fill.amount + fill.fee for fill in fills)
    assert made.machine.state.cash[0] == 10**11 - paid
    assert made.machine.state.orders == []


def test_resting_orders_fill_when_the_market_comes() -> None:
    """A bid under the market holds its cash, trades at its own price once the path falls, and can
    be withdrawn before."""
    made = world()
    price = last(made).ticks[0].bids[-1] - 50
    ask(made, EtfOrder("A000000001", FUND, Side.BUY, price, 1_000))
    ask(made, EtfOrder("A000000002", FUND, Side.BUY, price, 1_000))
    held = int(made.machine.state.held[0])
    assert held > 2_000 * price
    (gone,) = ask(made, EtfCancel("A000000003", "A000000002"))
    assert gone.cancelled == 1_000
    assert int(made.machine.state.held[0]) == held // 2
    first = len(made.effects)
    made.until(at("14:56"))
    answers = [a for e in of(made.effects[first:], EtfDeliver) for a in e.answers]
    assert [(a.client_id, a.price, a.qty, a.leaves) for a in answers] == [
        ("A000000001", price, 1_000, 0)
    ]
    assert made.machine.state.held[0] == 0
    assert not any(invariants(made.machine.state).values())


CASES = (
    ("fund", {"underlying": "600000"}, 19114),
    ("nothing", {"qty": 0}, 11098),
    ("lot", {"qty": 150}, 19098),
    ("step", {"price": 24_405}, 17590),
    ("above the limit", {"price": 26_860}, 10450),
    ("cash", {"qty": 1_000_000, "price": 26_850}, 0),
)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_codes(case: tuple[str, dict[str, object], int]) -> None:
    """One wrong thing at a time; the last case needs more cash than there is."""
    cash = 10**9 if case[0] == "cash" else 10**11
    made = world(members=(EtfMember("A0001", "D1", cash, (0,)),))
    values = {"underlying": FUND, "side": Side.BUY, "price": 24_400, "qty": 1_000} | case[1]
    expected = 17672 if case[0] == "cash" else case[2]
    assert ask(made, EtfOrder("A000000001", **values))[0].reason == expected  # type: ignore[arg-type]
    assert ask(made, EtfOrder("A000000001", FUND, Side.BUY, 24_400, 100))[0].reason == 11270
    assert ask(made, EtfCancel("A000000002", "nothing"))[0].reason == 19082


def test_only_in_continuous_trading() -> None:
    """Outside continuous trading: 19100; what rests at 14:57 is withdrawn."""
    assert (
        ask(world("09:20"), EtfOrder("A000000001", FUND, Side.BUY, 24_400, 100))[0].reason == 19100
    )
    made = world("14:50")
    low = last(made).ticks[0].bids[-1] - 1_000
    ask(made, EtfOrder("A000000001", FUND, Side.BUY, low // 10 * 10, 100))
    first = len(made.effects)
    made.until(at("14:58"))
    answers = [a for e in of(made.effects[first:], EtfDeliver) for a in e.answers]
    assert [(a.target, a.cancelled) for a in answers] == [("A000000001", 100)]
    assert made.machine.state.held[0] == 0


def test_restore_and_replay() -> None:
    """A restored venue continues bit for bit (T-01)."""
    made = world()
    twin = World(None, EtfVenue(), made.now)
    twin.machine.restore(made.machine.snapshot())
    twin.timers = dict(made.timers)
    made.until(at("10:05"))
    twin.until(at("10:05"))
    assert twin.machine.digest() == made.machine.digest()


def test_a_share_has_a_step_of_its_own() -> None:
    """rules.md 1.1: a share moves by 0.01 yuan; limits, depth and orders stand on that step."""
    knots = ((from_clock("09:30"), 582_000), (from_clock("15:00"), 595_000))
    spec = EtfSpec(0, "601318", 582_050, 10, 280_000, knots, 100)
    made = world(specs=(spec,))
    state = made.machine.state
    # 64.0255 and 52.3845, half up to 0.01.
    assert (state.info[0, ek.I_UP], state.info[0, ek.I_DOWN]) == (640_300, 523_800)
    snapshot = last(made).ticks[0]
    assert snapshot.asks[0] - snapshot.bids[0] == 100
    assert all(price % 100 == 0 for price in (*snapshot.bids, *snapshot.asks, snapshot.last))
    off = EtfOrder("A000000001", "601318", Side.BUY, snapshot.asks[0] + 10, 100)
    on = EtfOrder("A000000002", "601318", Side.BUY, snapshot.asks[0], 100)
    assert ask(made, off)[0].reason == 17590
    assert isinstance(ask(made, on)[0], EtfFill)
