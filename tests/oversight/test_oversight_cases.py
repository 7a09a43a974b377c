"""Limits with versions and an end, and the life of a breach (R-02, R-03, chapter 6)."""

from pathlib import Path
from typing import Any

import pytest
from over_world import TEN, World, limit, opening

from quanheng.authority.firm import FirmAuthority
from quanheng.authority.messages import Issue, Pending, Propose, Recorded, Refused, Second
from quanheng.compose.oversight_file import read_oversight
from quanheng.compose.people import opening as authority_opening
from quanheng.compose.people import read_people
from quanheng.config import ConfigError
from quanheng.oversight import cases, limits
from quanheng.oversight.figures import COLUMNS, PLACE
from quanheng.oversight.messages import (
    Answer,
    Ask,
    CloseCase,
    FollowUp,
    ReleaseDesk,
    Restrain,
    Told,
    Written,
)
from quanheng.oversight.overseer import carried_cases
from quanheng.runtime.envelope import Envelope, RaiseAlert, Source, TimerFired
from quanheng.terms.codes import Alert, Side, TradingState
from quanheng.terms.commands import RecordFigure, SetState, SignOn
from quanheng.terms.units import MINUTE

DOCS = Path(__file__).parents[2] / "docs"
LATER = TEN + 60 * MINUTE
ACT = "\n[[acts]]\n"


def breached(**more: Any) -> World:
    """A world whose long positions are over their limit of 10 at the first figures."""
    world = World(opening(limits=(limit("long", 10, **more),)))
    world.trade(0, Side.BUY, 30)
    world.quote(TEN)
    world.run(TEN)
    return world


def case_of(world: World) -> cases.Case:
    return next(iter(world.state.cases.values()))


def asked(world: World) -> list[SetState]:
    return [one.command for one in world.of(Ask) if isinstance(one.command, SetState)]


def test_oversight_case_lives_through_every_step() -> None:
    """Alert, record, notice with a deadline, answer, refusal, answer, follow-up, closing."""
    world = breached()
    case = case_of(world)
    assert [one.code for one in world.of(RaiseAlert)] == [Alert.FIRM_BREACH]
    assert (case.status, case.value, case.limit) == ("recorded", 30, 10)
    world.run(TEN + MINUTE)
    assert case.status == "noticed" and case.due == TEN + 11 * MINUTE
    steps: list[Any] = [
        Answer(case.number, "T01", "clients bought puts; we sell calls"),
        FollowUp(case.number, "F01", "the calls are in another class", False),
        Answer(case.number, "R01", "closed by 14:00"),
        FollowUp(case.number, "F01", "closing goes on"),
    ]
    expected = ["answered", "noticed", "answered", "followed"]
    for body, status in zip(steps, expected, strict=True):
        world.say(body, TEN + 2 * MINUTE)
        assert case.status == status
    assert case.due == TEN + 12 * MINUTE
    world.say(CloseCase(case.number, "F01", "done"), TEN + 2 * MINUTE)
    assert world.of(Told)[-1].why == "the figure is still over its limit"
    world.trade(0, Side.SELL, 25, effect=1)
    world.run(TEN + 3 * MINUTE)
    world.say(CloseCase(case.number, "F01", "back inside"), TEN + 3 * MINUTE)
    assert case.status == "closed"
    events = [one.event for one in world.of(Written)]
    assert events == ["record", "notice", "answer", "refuse", "answer", "follow", "close"]
    assert all(one.case == case.number for one in world.of(Written))
    assert asked(world) == []
    # A new breach of the same limit is a new case.
    world.trade(0, Side.BUY, 25)
    world.run(TEN + 4 * MINUTE)
    assert len(world.state.cases) == 2


def test_oversight_case_that_cures_itself_is_closed_without_a_notice() -> None:
    """What is inside again at the next look was still written down."""
    world = breached()
    world.trade(0, Side.SELL, 25, effect=1)
    world.run(TEN + MINUTE)
    assert [one.event for one in world.of(Written)] == ["record", "cure"]


def test_oversight_unanswered_notice_escalates_step_by_step() -> None:
    """R-02: REDUCING at the first missed deadline, HALTED at the second, then no more."""
    world = breached()
    world.run(TEN + MINUTE)
    case = case_of(world)
    for number, state in enumerate((TradingState.REDUCING, TradingState.HALTED), start=1):
        world.say(TimerFired(f"due {case.number}", case.due), case.due)
        assert (case.status, case.step) == ("escalated", number)
        assert asked(world)[-1] == SetState("*", state, case.number, "F01")
    world.say(TimerFired(f"due {case.number}", case.due), case.due)
    assert len(asked(world)) == 2
    world.say(Answer(case.number, "H01", "answered late"), case.due)
    assert case.status == "answered"
    world.say(TimerFired(f"due {case.number}", case.due), case.due + MINUTE)
    assert case.status == "answered" and len(asked(world)) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (Answer("FX0", "T01", "x"), "no such case"),
        (Answer("{}", "F01", "x"), "holds none of the posts trader, risk, head"),
        (Answer("{}", "T01", " "), "nothing is written"),
        (Answer("{}", "T01", "x"), "a case that is recorded takes no answer"),
        (FollowUp("{}", "T01", "x"), "holds none of the posts firm_risk"),
        (CloseCase("{}", "F01", "x"), "the figure is still over its limit"),
        (Restrain("*", TradingState.OPEN, "x", "F01"), "OPEN is not between HALTED and REDUCING"),
        (Restrain("*", TradingState.HALTED, "x", "R01"), "holds none of the posts firm_risk"),
        (ReleaseDesk("*", "x", "T01"), "holds none of the posts firm_risk"),
    ],
)
def test_oversight_refuses_what_the_table_does_not_allow(body: Any, why: str) -> None:
    """Every refusal names its reason, and nothing moves."""
    world = breached()
    if getattr(body, "case", "") == "{}":
        body = type(body)(case_of(world).number, *list_of(body)[1:])
    world.say(body, TEN + 1)
    assert world.of(Told)[-1].why == why
    assert case_of(world).status == "recorded" and asked(world) == []


def list_of(body: Any) -> list[Any]:
    return [getattr(body, name) for name in body.__struct_fields__]


def test_oversight_case_goes_on_the_next_day() -> None:
    """What is not closed crosses the night with its deadline and escalates there."""
    world = breached()
    world.run(TEN + MINUTE)
    carried = carried_cases(world.state)
    assert [one.status for one in carried] == ["noticed"]
    after = World(opening(limits=(limit("long", 10),), cases=carried))
    case = case_of(after)
    after.say(TimerFired(f"due {case.number}", case.due), case.due)
    assert (case.status, len(asked(after))) == ("escalated", 1)
    assert [step[1] for step in case.history] == ["alerted", "record", "notice", "escalate"]


def test_oversight_limits_have_versions_and_an_end() -> None:
    """R-03: the last record that began counts; what has ended allows nothing; 80 % warns once."""
    first = limit("long", 100, until=LATER)
    second = limit("long", 50, since=TEN + 10 * MINUTE, until=LATER, version=2)
    found = limits.in_force((first, second), TEN)
    assert [(row.limit.version, row.value) for row in found] == [(1, 100)]
    found = limits.in_force((first, second), TEN + 20 * MINUTE)
    assert [(row.limit.version, row.value, row.expired) for row in found] == [(2, 50, False)]
    found = limits.in_force((first, second), LATER)
    assert [(row.value, row.expired) for row in found] == [(0, True)]
    world = World(opening(limits=(first, second)))
    world.trade(0, Side.BUY, 45)
    world.quote(TEN)
    for minute in (0, 20, 21):
        world.run(TEN + minute * MINUTE)
    near = [one for one in world.of(RaiseAlert) if one.code == Alert.LIMIT_NEAR]
    assert [one.args for one in near] == [("long", 45, 50)]
    world.run(LATER)
    assert world.of(Written)[-1].text == "version 2, the authorisation has ended"


def test_oversight_every_measure_can_be_breached() -> None:
    """A limit of 0 on every figure: each one of a real book is found, none is blind."""
    rows = tuple(limit(name, 0) for name in limits.BY_NAME)
    world = World(opening(limits=rows))
    for slot in range(len(world.chain.contracts)):
        world.trade(slot, Side.SELL if slot % 2 else Side.BUY, 10 + slot)
    world.quote(TEN)
    world.run(TEN)
    world.quote(TEN + MINUTE, move=-0.02, up=0.3)
    world.run(TEN + MINUTE)
    found = {case.name for case in world.state.cases.values()}
    row = dict(zip(COLUMNS, world.state.figures["*"], strict=True))
    missing = set(limits.BY_NAME) - found
    # Whoever gains has neither a loss nor a drawdown, and every contract has a vol.
    assert missing <= {"blind"} | ({"loss", "drawdown"} if row["profit"] > 0 else set()), missing


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (limit("long", 10, scope="600000"), "scope '600000' is not one of"),
        (limit("speed", 10), "'speed' is not one of"),
        (limit("drawdown", 10, scope="510050"), "of the whole account"),
        (limit("long", -1), "negative"),
        (limit("long", 1, since=9, until=9), "ends before it begins"),
    ],
)
def test_oversight_opening_names_a_wrong_limit(bad: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        World(opening(limits=(bad,)))


def test_oversight_opening_needs_an_officer_and_comes_once() -> None:
    with pytest.raises(ValueError, match="officer T01 does not hold firm_risk"):
        World(opening(officer="T01"))
    world = World(opening())
    with pytest.raises(ValueError, match="a second opening"):
        world.say(world.opened, TEN)
    with pytest.raises(ValueError, match="before the opening"):
        type(world.machine)().apply(Envelope(1, 1, Source.TIMER, 0, TimerFired("figures", 1)))


class Firm:
    """The firm's authority with firm risk and the head on duty."""

    def __init__(self) -> None:
        self.machine, self.count = FirmAuthority(), 0
        self.say(authority_opening(read_people(), 20240627))
        for person, post in (("F01", "firm_risk"), ("H01", "head"), ("T01", "trader")):
            self.say(Recorded("maker", SignOn(post, person, True)))
        self.say(Recorded("maker", SignOn("risk", "R01", True)))

    def say(self, body: Any) -> list[Any]:
        self.count += 1
        return list(self.machine.apply(Envelope(self.count, self.count, Source.DESK, 0, body)))


def test_oversight_one_person_halts_and_two_release() -> None:
    """Chapter 6: F01 alone lowers; the desk's trader cannot raise it again, F01 with H01 can."""
    firm = Firm()
    halt = SetState("*", TradingState.HALTED, "FX1", "F01")
    assert isinstance(firm.say(Propose(1, "maker", halt, "F01"))[0], Issue)
    back = SetState("*", TradingState.OPEN, "answered", "T01")
    assert isinstance(firm.say(Propose(2, "maker", back, "T01"))[0], Refused)
    back = SetState("*", TradingState.OPEN, "answered", "F01")
    pending = firm.say(Propose(3, "maker", back, "F01"))[0]
    assert isinstance(pending, Pending) and pending.posts == ("head",)
    assert isinstance(firm.say(Second(3, "F01"))[0], Refused)
    issued = firm.say(Second(3, "H01"))[0]
    assert isinstance(issued, Issue) and issued.command.seconded_by == "H01"
    # Released: the desk's own pair raises its own restraints again.
    lower = SetState("*", TradingState.REDUCING, "x", "T01")
    firm.say(Propose(4, "maker", lower, "T01"))
    pending = firm.say(Propose(5, "maker", SetState("*", TradingState.OPEN, "x", "T01"), "T01"))
    assert isinstance(pending[0], Pending) and pending[0].posts == ("risk",)


def test_oversight_figure_needs_firm_risk_on_duty() -> None:
    """P26: the overseer's figure goes through the authority under its officer's name."""
    firm = Firm()
    figure = RecordFigure("*", "var", 1, "overseer", 10, "F01")
    assert isinstance(firm.say(Propose(1, "maker", figure, "F01"))[0], Issue)
    firm.say(Recorded("maker", SignOn("firm_risk", "F01", False)))
    assert isinstance(firm.say(Propose(2, "maker", figure, "F01"))[0], Refused)


def test_oversight_value_at_risk_is_asked_for_each_minute() -> None:
    """The figure is the larger of history and simulation, and runs out without the overseer."""
    world = breached()
    figures = [one.command for one in world.of(Ask) if isinstance(one.command, RecordFigure)]
    row = world.state.figures["*"]
    assert [one.value for one in figures] == [max(row[PLACE["var"]], row[PLACE["var_mc"]])]
    assert figures[0].value > 0 and figures[0].until == TEN + 3 * MINUTE


def test_oversight_docs_have_the_tables() -> None:
    """docs/oversight.md prints the life of a case and every measure as they are."""
    text = (DOCS / "oversight.md").read_text(encoding="utf-8")
    assert cases.life_cycle_table() in text
    for measure in limits.MEASURES:
        assert f"| `{measure.name}` | {measure.unit} |" in text, measure.name


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('officer = "F01"', 'officer = "F01"\nextra = 1', "extra"),
        ("every_s = 60", "every_s = 5", "every_s: 5"),
        ("level_ppm = 990000", "level_ppm = 99", "level_ppm"),
        ("paths = 2000", "paths = 1", "paths"),
        ('name = "delta"', 'name = "speed"', "limits[0].name"),
        ('scope = "*"\nname = "delta"', 'scope = "desk:x"\nname = "delta"', "limits[0].scope"),
        ('seconded_by = "H01"', 'seconded_by = "F01"', "limits[0]: names no basis or not two"),
        ('["REDUCING", "HALTED"]', '["OPEN"]', "limits[0].escalate"),
        ("answer_min = 30", "answer_min = 0", "limits[0].answer_min"),
        ("since = 20150101", "since = 20150199", "limits[0].since"),
        ('prefix = "M"', 'prefix = ""', "register[0]"),
        (ACT, ACT + 'act = "sing"\nat = "10:00"\nby = "F01"\n', "acts[0].act"),
        (ACT, ACT + 'act = "answer"\nat = "10:00"\nby = "T01"\n', "acts[0].case"),
        (ACT, ACT + 'act = "release"\nat = "25:00"\nby = "F01"\n', "acts[0].at"),
        (ACT, ACT + 'act = "restrain"\nstate = "X"\nat = "10:00"\nby = "F01"\n', "acts[0].state"),
    ],
)
def test_oversight_file_names_what_is_wrong(tmp_path: Path, old: str, new: str, why: str) -> None:
    shipped = Path(read_oversight.__code__.co_filename).parents[1] / "data" / "oversight.toml"
    text = shipped.read_text(encoding="utf-8")
    assert old in text or old == ACT
    place = tmp_path / "o.toml"
    place.write_text(text.replace(old, new, 1) if old != ACT else text + new, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_oversight(place)
    assert why in str(caught.value) and str(place) in str(caught.value)
