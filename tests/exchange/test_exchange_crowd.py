"""The crowd held against what it states: volumes, profile, information, competition, replay."""

import msgspec
import numpy as np
import pytest
from exchange_world import CLOSE_PRICE, World, at, chain, member, of, opening, spot

from quanheng.exchange import crowd_layout as cl
from quanheng.exchange import layout as lay
from quanheng.exchange import profile
from quanheng.exchange.crowd import along
from quanheng.exchange.messages import MarketScenario, Path, VolShock
from quanheng.exchange.venue import invariants
from quanheng.kernels.pack import unpack
from quanheng.runtime.envelope import Record
from quanheng.terms.days import from_clock
from quanheng.terms.market import Inquiry
from quanheng.terms.units import MINUTE, SECOND

VOLUME = 300_000
RETAIL, INSTITUTION, INFORMED, SNIPER = (-1 - kind for kind in range(4))
CALLS = np.array([1 if row.is_call else -1 for row in chain().contracts])


def wave(minutes: int = 20, size: int = 60) -> Path:
    """A path that goes up and down by `size` ticks in turn."""
    knots = []
    for number, start in enumerate(
        range(from_clock("09:30"), from_clock("15:00"), minutes * MINUTE)
    ):
        knots.append((start, CLOSE_PRICE + (size if number % 2 else 0)))
    return Path(0, tuple(knots))


def run(
    scenario: MarketScenario, until: str = "15:01", seed: int = 7, surface: tuple[int, ...] = ()
) -> World:
    """A day in 3 s snapshots whose underlying follows the scenario's path."""
    more = {"seed": seed, "snapshot_nanos": 3 * SECOND, "surface": surface}
    world = World(opening(scenario, **more))
    for path in scenario.paths:
        for clock in range(from_clock("09:30"), from_clock(until), 6 * SECOND):
            world.until(at("00:00") + clock)
            world.give(spot(along(path, clock) // 5 * 5, world.now))
    world.until(at(until))
    return world


def trades_of(world: World) -> np.ndarray:
    """The dataset's trade rows."""
    found = [unpack(e.rows, e.columns) for e in of(world.effects, Record) if e.table == "trades"]
    return np.concatenate(found)


def taken(trades: np.ndarray, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, +1 bought or -1 sold) of the trades that this kind of participant caused."""
    buys = (trades[:, 4] == kind) & (trades[:, 6] > trades[:, 7])
    sells = (trades[:, 5] == kind) & (trades[:, 7] > trades[:, 6])
    return np.flatnonzero(buys | sells), np.where(buys, 1, -1)[buys | sells]


@pytest.fixture(scope="module")
def day() -> World:
    """A whole day with every kind of participant."""
    shocks = (VolShock(from_clock("14:00"), 0, 10_000),)
    return run(
        MarketScenario(name="all", volume=(("510050", VOLUME),), paths=(wave(),), vol_shocks=shocks)
    )


def test_crowd_trades_the_day_s_volume(day: World) -> None:
    """Within 20 % of the wanted volume on the day, by its schedule, whoever it is that trades; the
    venue stays sound (T-04).
    """
    trades = trades_of(day)
    assert abs(trades[:, 3].sum() / VOLUME - 1) < 0.10
    for clock, part in (("10:00", 0.21), ("11:30", 0.485), ("14:30", 0.80)):
        done = trades[trades[:, 1] < at(clock), 3].sum() / VOLUME
        assert abs(done - part) < 0.05, clock
    assert not any(invariants(day.machine.state).values())


def test_crowd_a_scenario_without_flow_trades_little() -> None:
    """The schedule is what makes the volume: a tenth of the flow gives about a tenth."""
    scenario = MarketScenario(name="thin", volume=(("510050", VOLUME),), flow=100_000)
    volume = int(run(scenario, "10:30").machine.state.info[:, lay.VOLUME].sum())
    assert 0.7 < volume / (0.1 * VOLUME * profile.planned(0.25)) < 1.3


def test_crowd_flow_follows_the_stated_profile() -> None:
    """Volume by expiry and moneyness stands where `profile` says, within four points."""
    smiles = (0, 20240724, 120_000, 0, 0, 0, 0, 20241225, 140_000, 0, 0, 0)
    still = MarketScenario(name="still", volume=(("510050", VOLUME),))
    world = run(still, "11:30", surface=smiles)
    trades, state = trades_of(world), world.machine.state
    total = trades[:, 3].sum()
    rows = state.info[trades[:, 0], lay.EXPIRY]
    ranks = np.array(profile.rank_shares([20240724, 20241225]))
    assert ranks.tolist() == [profile.RANKS[0], profile.RANKS[2]]
    for row, wanted in enumerate(ranks / ranks.sum()):
        assert abs(trades[rows == row, 3].sum() / total - wanted) < 0.04
    places = state.crowd.fair[trades[:, 0], cl.F_PLACE]
    retail = still.retail / 1_000_000
    mixed = retail * np.array(profile.RETAIL) + (1 - retail) * np.array(profile.INSTITUTION)
    listed = [0, 1, 2]
    assert sorted(set(state.crowd.fair[:6, cl.F_PLACE].tolist())) == listed
    near = trades[rows == 0, 3].sum()
    for place in listed:
        share = trades[(rows == 0) & (places == place), 3].sum() / near
        assert abs(share - mixed[place] / mixed[listed].sum()) < 0.04, profile.PLACES[place]


def test_crowd_shares_of_a_chain_sum_to_one() -> None:
    """What is not listed leaves its share to the rest; adjusted contracts count a twentieth."""
    places = np.array([1, 1, 2, 1], dtype=np.int64)
    rows = np.array([0, 0, 0, 1], dtype=np.int64)
    weights = np.array([1.0, profile.ADJUSTED, 1.0, 1.0])
    ranks = np.array([0.6, 0.2])
    shares = profile.share_out(places, rows, weights, ranks, np.array(profile.RETAIL))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[1] == pytest.approx(profile.ADJUSTED * shares[0])
    assert shares[3] == pytest.approx(0.25)
    near = profile.RETAIL[1] / (profile.RETAIL[1] + profile.RETAIL[2])
    assert shares[:2].sum() == pytest.approx(0.75 * near)
    assert profile.rank_shares([20240724, 20240828, 20240925, 20241225]) == list(profile.RANKS)
    assert [profile.place_of(z) for z in (-3.0, -0.75, 0.0, 0.76, 2.0, 2.1)] == [0, 0, 1, 2, 2, 3]


def test_crowd_kept_share_of_a_light_chain() -> None:
    """A light chain's volume is what the profile gives its contracts; the whole chain's is all."""
    rows = chain().contracts
    atm = {20240724: 0.12, 20241225: 0.14}
    day = chain().day
    assert profile.kept_share(day, rows, rows, atm, 0.55) == pytest.approx(1.0)
    near = [row for row in rows if row.last_day == 20240724]
    wanted = profile.RANKS[0] / (profile.RANKS[0] + profile.RANKS[2])
    assert profile.kept_share(day, rows, near, atm, 0.55) == pytest.approx(wanted)
    assert profile.kept_share(day, rows, [], atm, 0.55) == 0.0


def test_crowd_informed_flow_goes_before_the_move(day: World) -> None:
    """Informed trades are on the side of the underlying's next minutes; retail's are not."""
    trades = trades_of(day)
    scenario = day.machine.state.open.scenario
    (path,) = scenario.paths

    def agreement(kind: int) -> float:
        which, sides = taken(trades, kind)
        mine = trades[which]
        clocks = (mine[:, 1] - at("00:00")).tolist()
        moves = np.array([along(path, now + scenario.lead) - along(path, now) for now in clocks])
        weight = mine[:, 3] * (moves != 0)
        bets = sides * CALLS[mine[:, 0]] * np.sign(moves)
        return float((bets * weight).sum() / max(weight.sum(), 1))

    assert len(taken(trades, INFORMED)[0]) > 50
    assert agreement(INFORMED) > 0.5
    assert abs(agreement(RETAIL)) < 0.1


def test_crowd_informed_know_the_vol_move() -> None:
    """Before a vol shock the informed buy calls and puts alike; without one they do nothing."""
    quiet = MarketScenario(name="still", volume=(("510050", VOLUME),))
    move = (VolShock(from_clock("10:00"), 0, 20_000),)
    shocked = msgspec.structs.replace(quiet, vol_shocks=move)
    for scenario, wanted in ((quiet, False), (shocked, True)):
        trades = trades_of(run(scenario, "10:00"))
        which, sides = taken(trades, INFORMED)
        assert bool(len(which)) == wanted
        if wanted:
            assert (sides > 0).all()
            assert {1, -1} == set(CALLS[trades[which, 0]].tolist())
            assert (trades[which, 1] >= at("09:55")).all()


def test_crowd_snipers_come_with_the_move() -> None:
    """A jump of the spot brings the fast sniper in the same step; without the key nobody comes."""
    base = MarketScenario(name="jump", volume=(("510050", VOLUME),), slow=0)
    for fast in (1_000_000, 0):
        world = World(opening(msgspec.structs.replace(base, fast=fast)))
        world.until(at("09:35"))
        before = len(world.effects)
        world.give(spot(CLOSE_PRICE + 100, world.now))
        world.until(at("09:35:10"))
        rows = [unpack(e.rows, e.columns) for e in of(world.effects[before:], Record)
                if e.table == "trades"]  # fmt: skip
        trades = np.concatenate(rows)
        which, sides = taken(trades, SNIPER)
        assert bool(len(which)) == bool(fast)
        assert (sides * CALLS[trades[which, 0]] > 0).all(), "calls bought, puts sold"
        assert (trades[which, 1] < at("09:35:01")).all()


def test_crowd_institutions_stay_on_a_side(day: World) -> None:
    """Metaorders make institutional flow persistent: one trade's side says much of the next one's
    in the contract. Retail's side says nothing.
    """
    trades = trades_of(day)

    def persistence(kind: int) -> float:
        which, sides = taken(trades, kind)
        # An order that meets several others makes several trades: each step counts once.
        steps = np.column_stack((trades[which, 0], trades[which, 1], sides))
        _, first = np.unique(steps, axis=0, return_index=True)
        mine = steps[np.sort(first)]
        same = []
        for slot in range(len(CALLS)):
            sides_here = mine[mine[:, 0] == slot, 2]
            same.append(sides_here[1:] * sides_here[:-1])
        return float(np.concatenate(same).mean())

    assert persistence(INSTITUTION) > 0.4
    assert abs(persistence(RETAIL)) < 0.15


def test_crowd_makers_compete(day: World) -> None:
    """At least five makers trade, the narrow and quick most; nobody has it all, none takes."""
    trades = trades_of(day)
    makers = len(day.machine.state.open.scenario.makers)
    assert makers >= 5
    total = trades[:, 3].sum()
    shares = [
        (trades[trades[:, 4] == number, 3].sum() + trades[trades[:, 5] == number, 3].sum()) / total
        for number in range(1, makers + 1)
    ]
    assert all(share > 0 for share in shares[:5])
    assert max(shares) < 0.6
    assert shares[0] + shares[1] > shares[4] + shares[5]
    for number in range(1, makers + 1):
        which, _ = taken(trades[trades[:, 1] > at("09:30")], number)
        assert not len(which)


def test_crowd_inquirers_have_a_direction() -> None:
    """Inquiries name contracts that trade little, and who asked trades on the side asked for."""
    scenario = MarketScenario(
        name="asked", volume=(("510050", 0),), inquiries=600, follow=1_000_000
    )
    world = run(scenario, "10:30")
    asked = of(world.effects, Inquiry)
    sides = [int(one.side) for one in asked]
    assert len(asked) > 50 and {0, 1, 2} <= set(sides)
    trades = trades_of(world)
    which, bought = taken(trades, INSTITUTION)
    assert len(which) > 20
    codes = [row.code for row in chain().contracts]
    for row, side in zip(trades[which], bought, strict=True):
        recent = [
            one
            for one in asked
            if one.contract == codes[row[0]] and 0 < row[1] - one.at <= 30 * SECOND
        ]
        assert any(int(one.side) in (0, 1 if side > 0 else 2) for one in recent)


def test_crowd_days_replay(day: World) -> None:
    """The same seed gives the same day, another seed another one (borders.md 5)."""
    scenario = MarketScenario(name="again", volume=(("510050", VOLUME),), paths=(wave(),))
    one, two, other = (run(scenario, "09:50", seed) for seed in (7, 7, 8))
    assert one.machine.digest() == two.machine.digest() != other.machine.digest()


def test_crowd_open_interest_is_whole() -> None:
    """The opening open interest is the master's, held on both sides by retail and institutions."""
    world = World(opening(MarketScenario(), members=(member(),)))
    state = world.machine.state
    people = int(state.ctl[lay.C_MAKERS])
    for bucket in (lay.LONG, lay.SHORT):
        held = state.acct[people : people + 2, bucket].sum(axis=0)
        assert held.tolist() == [row.open_interest for row in chain().contracts]
