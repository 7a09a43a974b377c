"""Scenario files, the drawing of seeds, the paths of underlyings, the openings made of them."""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from compose_world import SCENARIO, call, one_line

from quanheng.compose.later import reference_on
from quanheng.compose.openings import Openings
from quanheng.compose.paths import MORNING, OPEN_AT, STEP, knots, traded
from quanheng.compose.reference import FIRST_DAY, ReferenceDataError, load
from quanheng.compose.scenarios import (
    DRAWN,
    Jump,
    Pin,
    Scenario,
    ScenarioError,
    UnderlyingPlan,
    Words,
    drawn,
    shipped,
)
from quanheng.compose.scenarios import load as load_scenario
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.exchange import crowd_layout as cl
from quanheng.exchange import messages as ex
from quanheng.exchange import profile
from quanheng.exchange.venue import Venue
from quanheng.rulebook.schema import ticks
from quanheng.runtime.envelope import Envelope, Source
from quanheng.terms.codes import Side
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.units import HOUR, MINUTE, SECOND

QUIET = UnderlyingPlan(bars_percent=0, own_noise_bp=0)
HEAD = 'name = "mine"\nwords = { zh = "我的", en = "mine" }\n'


def _scenario(plan: UnderlyingPlan) -> Scenario:
    return Scenario("path", Words("路径", "path"), underlying=plan)


def _path(plan: UnderlyingPlan, seed: int = 1, close: int = 20_000) -> dict[int, int]:
    return dict(knots(_scenario(plan), "510050", close, load().bars, seed))


def _openings(scenario: Scenario, pick: str = "") -> Openings:
    book = read_rulebook(FIRST_DAY)
    return Openings(scenario, load(pick=pick), book, read_config(), 1, 500_000_000)


def test_compose_any_seven_seeds_draw_every_scenario_of_their_block() -> None:
    """borders.md 3: the printed table covers all seven; each block of seven has each once."""
    names = [drawn(seed) for seed in range(1, 71)]
    assert set(DRAWN) == {"calm", "trend", "breaker", "limit-up", "halt", "gap", "outage"}
    for block in range(0, 70, 7):
        assert sorted(names[block : block + 7]) == sorted(DRAWN)
    orders = {tuple(names[block : block + 7]) for block in range(0, 49, 7)}
    assert len(orders) == 7, "blocks do not repeat one order"
    assert all(set(names[at : at + 13]) == set(DRAWN) for at in range(57))


def test_compose_list_prints_scenarios_and_seeds() -> None:
    """`day --list`: every shipped scenario with its words and the seeds that draw it."""
    chinese, english = call("day", "--list"), call("day", "--list", "--lang", "en")
    assert chinese.code == english.code == 0
    rows = {line.split()[0]: line for line in english.out.splitlines()[2:]}
    assert sorted(rows) == shipped() and set(DRAWN) <= set(rows)
    for name, row in rows.items():
        seeds = [int(text) for text in row.split() if text.isdigit()]
        assert seeds == [seed for seed in range(1, 22) if drawn(seed) == name]
    assert "熔断" in chinese.out and "circuit breaker" in english.out


@pytest.mark.parametrize("name", shipped())
def test_compose_shipped_scenarios_make_openings(name: str) -> None:
    """Every shipped file loads, names itself, and its scopes and shocks reach the venue."""
    scenario = load_scenario(name)
    assert scenario.name == name and scenario.words.zh and scenario.words.en
    market = _openings(scenario).market()
    assert len(market.paths) == 5 and len(market.halts) == len(
        scenario.faults.halts + scenario.faults.exchange_outages
    )
    assert len(market.bursts) == sum(shock.contracts for shock in scenario.crowd.shocks)
    assert _openings(scenario, "12").market().paths[0] == market.paths[0]


def test_compose_a_users_own_scenario(tmp_path: Path) -> None:
    """borders.md 3: users write their own file; what is not said has its default."""
    path = tmp_path / "mine.toml"
    path.write_text(HEAD, encoding="utf-8")
    scenario = load_scenario(str(path))
    assert scenario.words.zh == "我的"
    assert [post.post for post in scenario.roster] == ["trader", "risk", "ops"]
    options = ("--contracts", 2, "--until", "09:16", "--journal", "digest", "--json")
    assert call("day", "--scenario", path, *options).json["scenario"] == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[underlying]\nspeed = 1\n", ("speed", "line 4")),
        ("[[crowd.makers]]\nname = 'X'\nwidth = 3\n", ("width", "crowd.makers", "line 5")),
        (
            "crowd.makers = [{ name = 'X', width_percent = 9, react_ms = 9, size = 9 },\n"
            "{ name = 'X', width_percent = 9, react_ms = 9, size = 9 }]\n",
            ("crowd.makers", "'X'"),
        ),
        ("[crowd]\nfast_percent = 101\n", ("fast_percent", "line 4")),
        ("day = '2024-06-31'\n", ("day", "20240631")),
        ("dividends = [{ underlying = '510050', cash = 'much' }]\n", ("dividends", "much")),
        ("dividends = [{ underlying = '510880', cash = '0.1' }]\n", ("dividends", "510880")),
        (
            "[underlying]\npins = [{ underlying = '510050', price = '2,4' }]\n",
            ("underlying.pins", "2,4"),
        ),
        (
            "[underlying]\npins = [{ underlying = '159915', price = '2.4' }]\n",
            ("underlying.pins", "159915"),
        ),
        (
            "[faults]\nexchange_outages = [{ start = '10:00', stop = '10:01', orders = 'x' }]\n",
            ("exchange_outages", "'x'", "line 4"),
        ),
        ("[underlying]\nbars_percent = 2000\n", ("bars_percent",)),
        ("[underlying]\njumps = [{ at = '10:61', bp = 1 }]\n", ("underlying.jumps", "10:61")),
        ("[crowd]\nshocks = [{ at = 'noon', underlying = '510050', contracts = 1 }]\n", ("noon",)),
        ("[crowd]\nvol_moves = [{ at = '1:00', points = 1 }]\n", ("crowd.vol_moves", "1:00")),
        ("[faults]\nhalts = [{ start = '10:00', stop = '1000' }]\n", ("faults.halts", "'1000'")),
        (
            "[faults]\nhalts = [{ start = '10:00', stop = '09:00', scope = '510050' }]\n",
            ("faults.halts", "10:00 is not before 09:00"),
        ),
        (
            "[faults]\nfeed_outages = [{ start = '10:00', stop = '10:01', scope = '510050' }]\n",
            ("faults.feed_outages", "510050"),
        ),
        (
            "[[roster]]\npost = 'trader'\nmain = 'T01'\nbackup = 'T02'\nstop = '08:00'\n",
            ("roster trader", "08:00"),
        ),
        ("[underlying\n", ("line 3",)),
        (
            "[underlying]\njumps = [{ at = '10:00', bp = 1, underlyings = ['510880'] }]\n",
            ("underlying.jumps", "510880", "510050"),
        ),
        (
            "[crowd]\nvol_moves = [{ at = '10:00', points = 1, underlyings = ['5'] }]\n",
            ("crowd.vol_moves", "'5'"),
        ),
        (
            "[crowd]\nshocks = [{ at = '10:00', underlying = '510880', contracts = 1 }]\n",
            ("crowd.shocks", "510880"),
        ),
        (
            "[faults]\nhalts = [{ start = '10:00', stop = '10:01', scope = '159915' }]\n",
            ("faults.halts", "159915"),
        ),
    ],
)
def test_compose_wrong_scenarios_name_file_and_key(
    text: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    """Exit 2 and one line that names the scenario, the key and what is wrong with it."""
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    one_line(call("day", "--scenario", path, "--out", tmp_path / "runs"), 2, "mine", *words)
    assert not (tmp_path / "runs").exists()


def test_compose_what_a_light_chain_left_out_is_no_error() -> None:
    """Shocks, moves and halts of a class that `--contracts` left out are passed over."""
    for name in ("breaker", "limit-up", "halt"):
        market = _openings(load_scenario(name), "12").market()
        assert len(market.paths) == 1
        assert all(burst.contract.startswith("1000") for burst in market.bursts)
        assert market.halts == () and market.vol_shocks == ()


def test_compose_scenario_that_is_no_text(tmp_path: Path) -> None:
    """A file of bytes is an error that names it."""
    path = tmp_path / "noise.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"noise\.toml"):
        load_scenario(str(path))


def test_compose_path_gap_drift_and_jump() -> None:
    """A quiet path is flat but for what the plan asks: gap at the open, drift by session time,
    a jump spread over its seconds; prices are on the 0.001 yuan step.
    """
    flat = _path(QUIET)
    assert set(flat.values()) == {20_000}
    gap = _path(msgspec.structs.replace(QUIET, gap_bp=-350))
    assert gap[OPEN_AT] == gap[from_clock("15:00")] == 19_300
    drift = _path(msgspec.structs.replace(QUIET, drift_bp=200))
    assert drift[OPEN_AT] == drift[MORNING[0]] == 20_000
    assert drift[from_clock("11:30")] == drift[from_clock("13:00")] == 20_200
    assert drift[from_clock("15:00")] == 20_400
    jump = Jump("10:00", 100, 60)
    up = _path(msgspec.structs.replace(QUIET, jumps=(jump,)))
    clock = [from_clock(text) for text in ("10:00", "10:00:30", "10:01", "14:00")]
    assert [up[at] for at in clock] == [20_000, 20_100, 20_200, 20_200]
    other = msgspec.structs.replace(jump, underlyings=("510300",))
    assert _path(msgspec.structs.replace(QUIET, jumps=(other,))) == flat


def test_compose_path_session_and_seeds() -> None:
    """Knots every ten seconds of the session and none at lunch; the walk follows the seed."""
    path = _path(UnderlyingPlan())
    times = list(path)
    assert times[0] == OPEN_AT and times == sorted(times)
    lunch = (from_clock("11:30"), from_clock("13:00"))
    assert not [at for at in times if lunch[0] < at < lunch[1]]
    steps = {right - left for left, right in pairwise(times[1:])}
    assert steps == {STEP, lunch[1] - lunch[0]}
    assert all(price % 10 == 0 and price > 0 for price in path.values())
    assert path == _path(UnderlyingPlan()) != _path(UnderlyingPlan(), seed=2)
    assert (traded(0), traded(from_clock("12:00")), traded(from_clock("16:00"))) == (
        0,
        2 * HOUR,
        4 * HOUR,
    )


def test_compose_path_follows_the_real_bars() -> None:
    """At 100 % and without noise prices stand where the real day's bars end; lunch moves none."""
    path = _path(msgspec.structs.replace(QUIET, bars_percent=100), close=1_000_000)
    assert all(abs(path[at] - (1_000_000 + level)) <= 5 for at, level in load().bars)
    assert path[from_clock("11:30")] == path[from_clock("13:00")]


def test_compose_openings_carry_the_scenario(tmp_path: Path) -> None:
    """Bursts hit the cheapest reachable contracts of the class; halts and outages keep times."""
    path = tmp_path / "busy.toml"
    path.write_text(SCENARIO.replace("contracts = 1", "contracts = 2"), encoding="utf-8")
    openings = _openings(load_scenario(str(path)))
    market, chain = openings.market(), openings.reference.chain
    at = from_clock("09:32")
    assert [(burst.at, burst.side) for burst in market.bursts] == [(at, Side.BUY)] * 2
    klass = chain.classes[0]
    prices = {c.code: c.previous_settle for c in chain.contracts[klass.start : klass.stop]}
    hit = [prices[burst.contract] for burst in market.bursts]
    reachable = sorted(price for price in prices.values() if price >= 30)
    assert sorted(hit) == reachable[:2]
    (halt,) = market.halts
    assert (halt.scope, halt.since, halt.until) == (
        "510050",
        from_clock("09:41"),
        from_clock("09:42"),
    )
    (outage,) = market.outages
    assert (outage.klass, outage.until - outage.since) == (-1, 30 * SECOND)
    start = midnight(FIRST_DAY) + from_clock("09:37")
    assert openings.order_outages() == [(start, start + MINUTE)]
    (shock,) = market.vol_shocks
    assert (shock.klass, shock.change) == (-1, 10_000)


def test_compose_openings_of_all_machines_agree() -> None:
    """Venue, ETF venue and maker get one chain, one cash, one path and the member's own names."""
    openings = _openings(load_scenario("gap"), "24")
    venue, etf, maker = openings.venue(), openings.etf(), openings.maker()
    assert venue.chain == maker.chain and venue.day == etf.day == maker.day == FIRST_DAY
    (member,) = venue.members
    assert (member.maker, member.account, member.pbu) == (maker.maker, maker.account, maker.pbu)
    assert member.cash == maker.cash == 500_000_000 * 10_000
    assert [spec.knots for spec in etf.specs] == [path.knots for path in venue.scenario.paths]
    assert len(venue.surface) % 6 == 0 and venue.rulebook.hash == maker.rulebook.hash


def test_compose_default_crowd_is_the_machine_s() -> None:
    """A scenario that says nothing of the crowd gives the venue its own defaults."""
    plain = ex.MarketScenario()
    market = _openings(Scenario("plain", Words("平", "plain"))).market()
    same = ("flow", "retail", "informed", "lead", "blur", "fast", "slow", "parent", "persist")
    for name in (*same, "turn", "impact", "follow", "makers"):
        assert getattr(market, name) == getattr(plain, name), name
    assert market.volume == ex.DAILY_VOLUME


def test_compose_crowd_keys_reach_the_venue(tmp_path: Path) -> None:
    """Each strength of the crowd is a key of the file and changes what it names."""
    path = tmp_path / "mine.toml"
    text = """[crowd]
retail_percent = 40
informed_percent = 50
informed_lead_s = 60
informed_blur_bp = 5
fast_percent = 10
slow_ms = 500
metaorder_contracts = 90
persist_percent = 60
turn_minutes = 10
impact_bp = 7
follow_percent = 20
makers = [{ name = "X", width_percent = 12, react_ms = 250, size = 5, capacity = 80 }]
"""
    path.write_text(HEAD + text, encoding="utf-8")
    market = _openings(load_scenario(str(path))).market()
    assert (market.retail, market.informed, market.lead) == (400_000, SECOND, MINUTE)
    assert (market.blur, market.fast, market.slow) == (500, 100_000, SECOND // 2)
    assert (market.parent, market.persist, market.turn) == (90, 600_000, 10 * MINUTE)
    assert (market.impact, market.follow) == (700, 200_000)
    assert market.makers == (ex.CrowdMaker("X", 120_000, SECOND // 4, 5, 0, 80, 300_000),)
    path.write_text(HEAD + "[crowd]\ninformed_percent = 0\n", encoding="utf-8")
    assert _openings(load_scenario(str(path))).market().informed == 0


def test_compose_pin_draws_the_path_to_a_price() -> None:
    """Before the pin's start nothing changes; from its stop on the price stands at the pin."""
    pin = Pin("510050", "2.050", "13:00", "14:00")
    free, pinned = _path(UnderlyingPlan()), _path(UnderlyingPlan(pins=(pin,)))
    for at, price in pinned.items():
        assert price == free[at] or at > from_clock("13:00")
        assert price == 20_500 or at < from_clock("14:00")
    other = _path(UnderlyingPlan(pins=(Pin("510300", "2.050"),)))
    assert other == free


def test_compose_expiry_pin_is_an_expiry_day_at_its_strikes() -> None:
    """The scenario's own day: the July contracts end on it, and the pins are listed strikes."""
    scenario = load_scenario("expiry-pin")
    reference = reference_on(20240724, None, "")
    openings = Openings(scenario, reference, read_rulebook(20240724), read_config(), 1, SECOND)
    last = from_clock("15:00")
    closes = {
        klass.underlying: dict(path)[last]
        for klass, path in zip(reference.chain.classes, openings.paths, strict=True)
    }
    for pin in scenario.underlying.pins:
        strikes = {
            row.strike
            for row in reference.chain.contracts
            if row.underlying == pin.underlying and row.last_day == 20240724
        }
        assert closes[pin.underlying] == ticks(pin.price) and ticks(pin.price) in strikes
    assert reference.chain.day == 20240724


def test_compose_later_reference_is_of_that_day() -> None:
    """A later day has its months, its prices by theory with less time, and its own refusals."""
    before, later = load(), reference_on(20240724, None, "")
    lasts = {row.last_day for row in later.chain.contracts}
    assert min(lasts) == 20240724 and 20240828 in lasts
    old = {row.code: row for row in before.chain.contracts}
    near = [row for row in later.chain.contracts if row.last_day == 20240724 and row.code in old]
    lost = [old[row.code].previous_settle - row.previous_settle for row in near]
    assert lost and sum(lost) > 0 and min(lost) > -100, "time value goes, discounting comes back"
    assert all(row.open_interest == old[row.code].open_interest for row in near)
    assert reference_on(FIRST_DAY, None, "12") == load(pick="12")
    for day, words in ((20240726 + 1, "2024-07-27"), (20240101, "2024-01-01")):
        with pytest.raises(ReferenceDataError, match=words):
            reference_on(day, None, "")
    with pytest.raises(ReferenceDataError, match=r"own\.txt"):
        reference_on(20240724, Path("own.txt"), "")


def test_compose_exchange_outage_stops_everything() -> None:
    """Both lines are down and every contract halts; what becomes of the orders is named."""
    openings = _openings(load_scenario("exchange-outage"))
    market = openings.market()
    spans = [(from_clock(a), from_clock(b)) for a, b in (("10:05", "10:12"), ("13:40", "13:45"))]
    assert [(h.scope, h.since, h.until) for h in market.halts] == [("*", *span) for span in spans]
    assert [halt.lost for halt in market.halts] == [False, True]
    assert [(o.klass, o.since, o.until) for o in market.outages] == [(-1, *s) for s in spans]
    base = midnight(FIRST_DAY)
    assert openings.order_outages() == [(base + a, base + b) for a, b in spans]


def test_compose_flow_of_the_real_chain_follows_the_profile() -> None:
    """Contracts stand by code, expiries mixed: each still gets the share of its own expiry."""
    opened = _openings(load_scenario("calm")).venue()
    venue = Venue()
    at = midnight(FIRST_DAY) + from_clock("09:10")
    venue.apply(Envelope(1, at, Source.RUNTIME, 0, opened))
    crowd = venue.state.crowd
    assert crowd is not None
    for klass in opened.chain.classes:
        rows = opened.chain.contracts[klass.start : klass.stop]
        days = sorted({row.last_day for row in rows})
        ranks = profile.rank_shares(days)
        for column in (cl.F_RETAIL, cl.F_INSTITUTION):
            shares = np.diff(crowd.fair[klass.start : klass.stop, column], prepend=0.0)
            for day, rank in zip(days, ranks, strict=True):
                mine = sum(s for s, row in zip(shares, rows, strict=True) if row.last_day == day)
                assert mine == pytest.approx(rank / sum(ranks)), (klass.underlying, day)
