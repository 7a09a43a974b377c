"""Surveillance: every pattern is found when it is put in, and not below its threshold (S-03,
guide chapter 7 三). The market of `surveil_world` has none of them.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from surveil_world import CALL, MAKERS, RULES, Day, at

from quanheng.compose.surveil_cases import MOVES
from quanheng.oversight.incidents import INCIDENTS
from quanheng.oversight.surveillance import (
    COMPLIANCE,
    EXCHANGE,
    FIRST,
    STEP,
    T_BUYER,
    T_SELLER,
    Ban,
    Finding,
    Party,
    PersonDeal,
    grid_of,
    of_view,
    place,
)
from quanheng.oversight.surveillance_patterns import BY_NAME, PATTERNS, look, looked_for, problem
from quanheng.terms.units import SECOND

DOCS = Path(__file__).parents[2] / "docs"
OTHER = Party("AC01", "AC01", "other")
CLIENT = Party("KH01", "firm", "client", True)
RELATED = Party("GL01", "friends", "related")
PROP = Party("ZY01", "firm", "proprietary", True)


def self_trade(size: int) -> Day:
    day = Day()
    for _ in range(size):
        day.trade(CALL, at("10:00"), "CM01", "CM01", qty=1)
    return day


def wash(size: int) -> Day:
    day = Day(CLIENT)
    for number in range(size):
        pair = ("MM01", "KH01") if number % 2 else ("KH01", "MM01")
        day.trade(CALL, at("10:00") + number * SECOND, *pair, qty=5)
    return day


def round_trips(size: int) -> Day:
    day = Day(OTHER)
    for number in range(size):
        when = at("10:00") + number * 200 * SECOND
        day.trade(CALL, when, "CM01", "AC01", qty=7)
        day.trade(CALL, when + 30 * SECOND, "AC01", "CM01", qty=7)
    return day


def marked_close(size: int) -> Day:
    """Six large buys in the last minutes, each higher."""
    day = Day(OTHER)
    for number in range(6):
        when = at("14:58") + number * 10 * SECOND
        day.trade(CALL, when, "AC01", "", qty=10, off=number * size)
    return day


def marked_opening(size: int) -> Day:
    day = Day(OTHER)
    day.trade(CALL, at("09:25"), "AC01", "", qty=50, off=size)
    return day


def directional(size: int) -> Day:
    """The maker takes calls all morning: size times ten contracts of half a delta."""
    day = Day()
    for number in range(size):
        day.trade(CALL, at("10:00") + number * 30 * SECOND, "MM01", "", qty=100)
    return day


def layering(size: int) -> Day:
    """Large bids for ten seconds, never filled, while it sells."""
    day = Day()
    for number in range(size):
        when = at("10:00") + number * 120 * SECOND
        day.order("CM02", CALL, 1, when, when + 10 * SECOND, 100)
        day.trade(CALL, when + 4 * SECOND, "", "CM02", qty=5, taker="")
    return day


def mutual(size: int) -> Day:
    day = Day()
    for number in range(size):
        pair = ("CM01", "CM02") if number % 2 else ("CM02", "CM01")
        day.trade(number % 10, at("10:00") + number * 40 * SECOND, *pair, qty=20)
    return day


def alternating(size: int) -> Day:
    """CM01 and CM02 leave each other's minutes in one contract."""
    day = Day()
    one, two = MAKERS.index("CM01"), MAKERS.index("CM02")
    until = 0
    kept = []
    for row in day.orders:
        minute = row[3] // (60 * SECOND)
        here = row[1] == CALL and row[0] in (one, two)
        if here and (until < size or row[3] < at("11:00")):
            until += 1
            if minute % 2 == (row[0] == two):
                continue
        kept.append(row)
    day.orders = kept
    return day


def banned(size: int) -> Day:
    day = Day(OTHER)
    day.bans = (Ban("510050", ("AC01",), (), at("10:00"), at("11:00"), "分红未公告"),)
    for number in range(size):
        day.trade(CALL, at("10:30") + number * SECOND, "AC01", "", qty=1)
    day.trade(CALL, at("11:15"), "AC01", "", qty=1)
    return day


def banned_person(size: int) -> Day:
    day = Day()
    day.bans = (Ban("510050", (), ("T01",), at("10:00"), at("11:00"), "分红未公告"),)
    day.persons = tuple(
        PersonDeal("T01", CALL, 0, at("10:30") + number, 1, f"M{number}") for number in range(size)
    )
    day.persons += (PersonDeal("T01", CALL, 0, at("11:30"), 1, "M9"),)
    return day


def pressed(size: int) -> Day:
    """Long calls since the morning, and the underlying is bought up after 14:30."""
    day = Day(OTHER)
    day.trade(CALL, at("10:00"), "AC01", "", qty=1_000)
    day.forward[place(at("14:40")) :] *= 1.004
    for number in range(size):
        day.deal("AC01", at("14:39:30") + number * 10 * SECOND, 1, 1_000_000)
    return day


def benefit(size: int) -> Day:
    """The maker sells to a related account far below the middle."""
    day = Day(RELATED)
    for number in range(size):
        day.trade(CALL, at("10:00") + number * 60 * SECOND, "GL01", "MM01", qty=10, off=-100)
    return day


def losing(size: int) -> Day:
    """CM03 buys above what the market is worth five minutes later, always from AC01."""
    day = Day(OTHER)
    for number in range(size):
        day.trade(CALL, at("10:00") + number * 30 * SECOND, "CM03", "AC01", qty=20, off=60)
    return day


def targeted(size: int) -> Day:
    day = Day(OTHER)
    for number in range(size):
        day.trade(number % 10, at("10:00") + number * 60 * SECOND, "AC01", "CM03", qty=1)
    return day


def stuffed(size: int) -> Day:
    day = Day()
    for number in range(size):
        when = at("10:00:00") + number * 20_000_000
        day.order("CM01", CALL, 1, when, when + 10_000_000, 10)
    return day


def coordinated(size: int) -> Day:
    day = Day(PROP)
    for number in range(size):
        when = at("10:00") + number * 300 * SECOND
        day.trade(CALL, when + SECOND, "MM01", "", qty=80)
        day.trade(CALL, when + 2 * SECOND, "ZY01", "", qty=80)
    return day


CASES: list[tuple[str, Callable[[int], Day], int, int, tuple[str, ...], str]] = [
    ("self_trade", self_trade, 1, 0, ("CM01",), EXCHANGE),
    ("wash_trade", wash, 2, 1, ("MM01", "KH01"), EXCHANGE),
    ("wash_trade", round_trips, 5, 4, ("CM01", "AC01"), EXCHANGE),
    ("marking", marked_close, 40, 8, ("AC01",), EXCHANGE),
    ("marking", marked_opening, 120, 20, ("AC01",), EXCHANGE),
    ("directional", directional, 40, 10, ("MM01",), EXCHANGE),
    ("layering", layering, 5, 4, ("CM02",), EXCHANGE),
    ("mutual_fills", mutual, 60, 8, ("CM01", "CM02"), EXCHANGE),
    ("alternating", alternating, 10_000, 0, ("CM01", "CM02"), EXCHANGE),
    ("restricted", banned, 1, 0, ("AC01",), EXCHANGE),
    ("restricted", banned_person, 2, 0, ("T01",), COMPLIANCE),
    ("cross_market", pressed, 6, 3, ("AC01",), EXCHANGE),
    ("benefit", benefit, 12, 5, ("MM01", "GL01"), EXCHANGE),
    ("persistent_loss", losing, 25, 12, ("CM03", "AC01"), EXCHANGE),
    ("targets", targeted, 25, 12, ("AC01", "CM03"), EXCHANGE),
    ("stuffing", stuffed, 25, 10, ("CM01",), EXCHANGE),
    ("coordination", coordinated, 6, 5, ("MM01", "ZY01"), COMPLIANCE),
]


def of_kind(found: tuple[Finding, ...], name: str) -> list[Finding]:
    return [one for one in found if one.pattern == BY_NAME[name].kind]


@pytest.mark.parametrize(
    ("name", "make", "enough", "few", "who", "view"),
    CASES,
    ids=[f"{c[0]}-{c[1].__name__}" for c in CASES],
)
def test_surveillance_finds_what_was_put_in(
    name: str,
    make: Callable[[int], Day],
    enough: int,
    few: int,
    who: tuple[str, ...],
    view: str,
) -> None:
    """S-03: found with accounts, figure over threshold and evidence; below it nothing is said.
    No other pattern speaks of it, but that makers who meet by design also take each other's quotes.
    """
    everything = make(enough).found(view)
    found = of_kind(everything, name)
    aside = {"conduct"} if name == "mutual_fills" else set()
    assert len(found) == 1, everything
    assert {one.pattern for one in everything} - aside == {found[0].pattern}
    (one,) = found
    assert set(one.who) == set(who)
    assert one.figure >= one.threshold > 0 and one.evidence
    assert 1 <= one.severity <= 3 and one.severity >= RULES[name]["severity"]
    assert one.since <= one.until and one.zh and one.en
    assert of_kind(make(few).found(view), name) == []


def test_surveillance_every_pattern_has_a_test_that_finds_it() -> None:
    assert {case[0] for case in CASES} == set(BY_NAME)


@pytest.mark.parametrize("view", [EXCHANGE, COMPLIANCE])
def test_surveillance_is_silent_about_a_day_without_conduct(view: str) -> None:
    assert Day(OTHER, CLIENT, PROP).found(view) == ()


def test_surveillance_severity_grows_with_the_figure() -> None:
    """Twice the threshold one more, four times two more, never over 3."""
    sizes = {5: 1, 10: 2, 20: 3, 30: 3}
    for size, severity in sizes.items():
        (one,) = of_kind(layering(size).found(), "layering")
        assert (one.figure, one.severity) == (size, severity)


def test_surveillance_evidence_names_the_records() -> None:
    """`trades#N` are the rows of the dataset's table in which the two accounts stand."""
    day = wash(4)
    records = day.records()
    (one,) = of_kind(look(records, EXCHANGE, RULES), "wash_trade")
    numbers = [int(name.removeprefix("trades#")) for name in one.evidence]
    rows = records.trades[[number - 1 for number in numbers]]
    seats = {day.seats["MM01"], day.seats["KH01"]}
    assert len(rows) == 4
    assert all({int(row[T_BUYER]), int(row[T_SELLER])} == seats for row in rows)


def test_surveillance_compliance_sees_its_own_accounts_alone() -> None:
    """O-06: the other side of own trades has no name, strangers' trades and orders are gone."""
    day = mutual(60)
    day.trade(CALL, at("10:00"), "MM01", "CM02")
    records = day.records()
    seen = of_view(records, COMPLIANCE)
    own = day.seats["MM01"]
    assert set(np.unique(seen.trades[:, [T_BUYER, T_SELLER]]).tolist()) == {-1, own}
    assert set(seen.orders[:, 0].tolist()) == {own}
    assert of_kind(day.found(COMPLIANCE), "mutual_fills") == []
    names = {pattern.name for pattern in looked_for(COMPLIANCE)}
    assert names == set(BY_NAME) - {"mutual_fills", "alternating", "targets"}
    assert "coordination" not in {pattern.name for pattern in looked_for(EXCHANGE)}
    with pytest.raises(ValueError, match="view 'desk'"):
        look(records, "desk", RULES)


def test_surveillance_hedges_are_no_direction() -> None:
    """Options taken and the underlying sold against them: nothing is pursued."""
    day = directional(40)
    (one,) = of_kind(day.found(), "directional")
    day.deal("MM01", at("10:30"), -1, one.figure)
    assert of_kind(day.found(), "directional") == []


def test_surveillance_grid_knows_forward_and_delta() -> None:
    """The forward that put and call imply, deltas of half at the money, more inside."""
    records = Day().records()
    grid = grid_of(records)
    point = place(at("10:00"))
    assert grid.forward[0, point] == pytest.approx(25_000, abs=2)
    assert grid.delta[CALL, point] == pytest.approx(0.5, abs=0.01)
    assert grid.delta[CALL + 1, point] == pytest.approx(-0.5, abs=0.01)
    assert grid.delta[0, point] > 0.9 > grid.delta[2, point] > 0.5
    assert place(FIRST) == 0 and place(FIRST + 5 * STEP) == 5 and place(0) == 0


def test_surveillance_thresholds_are_checked() -> None:
    """Every pattern with every key; unknown ones, missing ones and zeros are named."""
    assert problem(RULES) == ""
    good = {name: dict(limits) for name, limits in RULES.items()}
    assert "patterns.x is not one of" in problem({**good, "x": {}})
    less = {name: limits for name, limits in good.items() if name != "layering"}
    assert problem(less) == "patterns.layering is missing"
    for change, why in (
        ({"lotz": 1}, "patterns.self_trade.lotz"),
        ({"severity": 4}, "patterns.self_trade.severity: 4"),
        ({"lots": 0}, "patterns.self_trade.lots: 0 is too small"),
    ):
        assert why in problem({**good, "self_trade": {**good["self_trade"], **change}})
    missing = {**good, "self_trade": {"severity": 2}}
    assert problem(missing) == "patterns.self_trade.lots is missing"
    assert len({pattern.name for pattern in PATTERNS}) == len(PATTERNS) == 14


def test_surveillance_page_has_every_pattern_and_step() -> None:
    """docs/surveillance.md lists the patterns with their findings, and the steps of a review."""
    text = (DOCS / "surveillance.md").read_text(encoding="utf-8")
    for pattern in PATTERNS:
        assert f"| `{pattern.name}` | {pattern.kind} |" in text
    for (status, act), after in MOVES.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| {status} |"))
        cells = [cell.strip() for cell in line.split("|")][1:-1]
        assert cells[["status", "confirm", "dismiss", "reopen"].index(act)] == after


def test_surveillance_oversight_page_has_every_extreme_case() -> None:
    text = (DOCS / "oversight.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in INCIDENTS)
