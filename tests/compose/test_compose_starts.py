"""Seasons that start on other days: listings, closes, stocks, rehearsals (T-01, L-01)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from quanheng.compose import season_months
from quanheng.compose.closing import finish
from quanheng.compose.day import DayPlan, World
from quanheng.compose.paths import knots
from quanheng.compose.scenarios import ScenarioError, load
from quanheng.compose.season import SeasonDay, SeasonPlan, base_of, closes_on, load_season
from quanheng.compose.season_command import _plan
from quanheng.compose.starts import StartClass, history, start, thinned
from quanheng.config import read_config
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import margin, price_limits
from quanheng.rulebook.calendar import next_trading
from quanheng.settlement import carry
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND

STOCK = StartClass(
    "601318", "中国平安", "58.20", type="ASH", unit=1_000, volume=60_000, atm=280_000
)
CLOSES = """
name = "history"
words = { zh = "历史收盘", en = "history" }
scenario = "calm"
path = "closes"
"""


def test_start_lists_what_the_rules_give_a_day() -> None:
    """rules.md 1.3, 1.4: four expiries, nine strikes around the close, calls and puts; limits and
    margin of every contract by the day's rules (2.4, 3.1).
    """
    book = read_rulebook(20200204)
    made = start(book, ())
    assert [(klass.underlying, klass.stop - klass.start) for klass in made.chain.classes] == [
        ("510050", 72)
    ]
    close = history()["510050"][20200203][0]
    rows = made.chain.contracts
    assert {row.underlying_close for row in rows} == {close} == {26_450}
    assert sorted({row.last_day for row in rows}) == [20200226, 20200325, 20200624, 20200923]
    near = sorted({row.strike for row in rows if row.last_day == 20200226})
    assert near == [24_500, 25_000, 25_500, 26_000, 26_500, 27_000, 27_500, 28_000, 28_500]
    for row in rows:
        assert row.first_day == 20200204 and row.status[4] == "A" and row.open_interest > 0
        assert (row.limit_up, row.limit_down) == price_limits.limits(
            book, "510050", row.kind, row.strike, row.previous_settle, close, 1, False
        )
    assert rows[0].trading_code == "510050C2002M02450" and rows[0].code == "10000001"
    light = thinned(made, "12")
    assert len(light.chain.contracts) == 12 and light.whole == made.chain
    # 12 of the nearest expiry's 18 contracts, which have 60 % of the class's volume; the six that
    # are left out share the places out of and in the money.
    part = light.surface.klass[0].volume / made.surface.klass[0].volume
    assert 0.2 < part < 0.5


def test_start_lists_five_strikes_before_2018() -> None:
    """rules.md 0: until 2018-01-01 two strikes on each side."""
    made = start(read_rulebook(20150210), ())
    near = {row.strike for row in made.chain.contracts if row.last_day == 20150225}
    assert sorted(near) == [22_000, 22_500, 23_000, 23_500, 24_000]


def test_start_of_two_stated_classes() -> None:
    """Both have their four expiries; their contracts have codes of their own."""
    stated = [
        StartClass("510050", "50ETF", "2.480"),
        StartClass("510300", "300ETF", "3.560"),
    ]
    chain = start(read_rulebook(20240606), stated).chain
    assert [klass.underlying for klass in chain.classes] == ["510050", "510300"]
    for klass in chain.classes:
        own = chain.contracts[klass.start : klass.stop]
        assert len({row.last_day for row in own}) == 4
    assert len({row.code for row in chain.contracts}) == len(chain.contracts)
    with pytest.raises(ValueError, match="510050 appears twice"):
        start(read_rulebook(20240606), [stated[0], stated[0]])


def test_start_of_a_stock() -> None:
    """rules.md 1.1, 1.2, 3.1: unit as stated, the stock's grid, step 0.001, strike x 100 in the
    code, opening margin by 21 % and 10 %.
    """
    book = read_rulebook(20251103)
    made = start(book, (STOCK,))
    rows = made.chain.contracts
    near = sorted({row.strike for row in rows if row.last_day == 20251126})
    assert [strike // 100 for strike in near] == [
        4_500, 4_750, 5_000, 5_500, 6_000, 6_500, 7_000, 7_500, 8_000,
    ]  # fmt: skip
    for row in rows:
        assert (row.unit, row.step, row.previous_settle % 10) == (1_000, 10, 0)
        assert int(row.trading_code[12:]) == row.strike // 100
        assert row.symbol.endswith(f"月{row.strike // 100}")
        assert row.margin_unit == margin.opening(
            book, "ASH", row.kind, row.strike, row.previous_settle, 582_000, 1_000
        )
    assert {row.margin_ratio_1 for row in rows} == {2_100}


@pytest.mark.parametrize(
    ("day", "classes", "words"),
    [
        (20230105, (), "no close of 2023-01-04 is known"),
        (20150209, (), "no close of 2015-02-06 is known"),
        (20200208, (), "not a trading day"),
        (20180104, (msgspec.structs.replace(STOCK, underlying="510300"),), "from 2019-12-23"),
        (20251103, (msgspec.structs.replace(STOCK, type="FUT"),), "'FUT' is not EBS or ASH"),
        (20251103, (msgspec.structs.replace(STOCK, close="0"),), "must be above 0"),
        (20251103, (msgspec.structs.replace(STOCK, close="5.00001"),), "601318: close"),
    ],
)
def test_start_that_cannot_be_is_named(day: int, classes: Any, words: str) -> None:
    """The error says which day, class and why, and which days are possible."""
    with pytest.raises(ScenarioError, match=words):
        start(read_rulebook(day), classes)


def test_path_ends_on_the_close_it_is_given() -> None:
    """The way stays the scenario's, the end is the historical one."""
    bars = ((from_clock("10:00"), 5_000), (from_clock("15:00"), -3_000))
    for target in (25_000, 24_410, 26_770):
        path = knots(load("calm"), "510050", 24_410, bars, 7, target)
        assert path[-1] == (from_clock("15:00"), target)
        assert path[0] == knots(load("calm"), "510050", 24_410, bars, 7)[0]


def options(**more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "first": "2020-02-04", "days": 3, "until": "", "scenario": "calm", "config": None,
        "cadence": "", "contracts": "12", "out": "runs", "agreement": None, "house": None,
        "dataset": False,
    }  # fmt: skip
    return {**plain, **more}


def plan_of(**more: Any) -> SeasonPlan:
    return _plan(1, options(**more))


def test_season_replays_historical_closes(tmp_path: Path) -> None:
    """Every day's path ends on its close; one that outruns the closes is refused beforehand."""
    path = tmp_path / "history.toml"
    path.write_text(CLOSES, encoding="utf-8")
    plan = plan_of(scenario=str(path))
    base = base_of(plan)
    closes = closes_on(plan, base, 20200204)
    assert closes == (("510050", history()["510050"][20200204][0]),)
    world = World(
        DayPlan(
            scenario=load("calm"), config=read_config(), day=20200204, pick="12", base=base,
            closes=closes, journal="digest",
        )
    )  # fmt: skip
    assert world.openings.paths[0][-1][1] == closes[0][1]
    with pytest.raises(ScenarioError, match="no close of 510050 on 2022-01-04"):
        plan_of(scenario=str(path), first="2021-12-30", days=3)


def test_season_of_a_stock_runs_and_carries(tmp_path: Path) -> None:
    """T-01: a short day of stock options with every invariant, and the next day's listing."""
    path = tmp_path / "stock.toml"
    rows = "\n".join(
        f"{name} = {msgspec.json.encode(value).decode()}"
        for name, value in msgspec.structs.asdict(STOCK).items()
    )
    head = CLOSES.replace('path = "closes"', "").replace('"history"', '"stock"')
    path.write_text(f"{head}\n[[class]]\n{rows}\n", encoding="utf-8")
    season = load_season(str(path))
    assert season.klass == (STOCK,)
    base = start(read_rulebook(20251103), season.klass)
    world = World(
        DayPlan(
            scenario=load("calm"), config=read_config(), seed=3, day=20251103, cadence=3 * SECOND,
            pick="12", journal="digest", until="09:36", base=base,
        )
    )  # fmt: skip
    world.run()
    done = finish(world, 0.0)
    assert done.ok, done.invariants
    assert done.counts["contracts_traded"] > 0 and done.counts["requests"] > 0
    assert {row.underlying_type for row in done.roll.chain.contracts} == {"ASH"}
    assert all(price % 100 == 0 for _, price in world.openings.paths[0])
    assert done.carry.classes[0].close % 100 == 0 and world.openings.etf().specs[0].step == 100
    sums = carry.totals(done.carry)
    assert sums.cash + sums.fees == sums.brought
    assert sums.long == sums.short == sums.open_interest > 0
    later = World(
        DayPlan(
            scenario=load("calm"), config=read_config(), seed=3, day=20251104, pick="12",
            journal="digest", base=base, opening=done.carry,
        )
    )  # fmt: skip
    assert later.reference.surface.klass[0].volume > 0


def test_months_and_the_unbroken_run() -> None:
    """L-01, A18: months run from the 21st to the 20th; a day without quotes restarts the count."""
    assert [season_months.month_of(day) for day in (20240620, 20240621, 20241220, 20241221)] == [
        202406, 202407, 202412, 202501,
    ]  # fmt: skip

    def day(number: int, share: str | None) -> SeasonDay:
        line = {"participation": share}
        return SeasonDay(
            day=number, scenario="calm", digest="", carry="", contracts=1, seconds=0.0,
            invariants={}, counts={}, classes=[line], listing={},
        )  # fmt: skip

    run = season_months.rehearsal(
        [day(20240627, "0.9"), day(20240628, "0.0"), day(20240701, "0.8"), day(20240930, None)]
    )
    assert (run.days, run.first, run.last, run.three_months) == (2, 20240701, 20240930, False)
    assert season_months.rehearsal([day(20240701, "0.8"), day(20241001, "1")]).three_months
    assert season_months.rehearsal([day(20241115, "0.8"), day(20250214, "1")]).three_months is False
    broken = season_months.rehearsal([day(20240701, "0.8"), day(20240702, "0")])
    assert broken.days == 0 and "restarts" in season_months.rehearsal_text(broken)


def test_shipped_seasons_can_start() -> None:
    """Every season that comes with the package opens where its file says it can."""
    for name, first, classes in (
        ("crash-2015", "2015-06-15", ["510050"]),
        ("rehearsal", "2017-04-17", ["510050"]),
        ("stock", "2025-11-03", ["601318"]),
        ("summer", "2024-06-27", ["510050", "510300", "510500", "588000", "588080"]),
    ):
        base = base_of(plan_of(scenario=name, first=first))
        assert [klass.underlying for klass in base.chain.classes] == classes


def test_the_shipped_desk_may_quote_on_every_day_a_season_can_start() -> None:
    """P28, P36: what allows quoting began before the first day whose close is known."""
    first = min(day for closes in history().values() for day in closes)
    desk = read_config()
    began = {
        "agreements": max(one.since for one in desk.agreements),
        "accounts": max(one.reported for one in desk.accounts),
        "filings": max(one.filed for one in desk.strategies),
        "overnight": max(one.since for one in desk.overnight),
    }
    calendar = read_rulebook(20240627).calendar
    assert not {name: day for name, day in began.items() if next_trading(calendar, day, 3) > first}
