"""Rosters, sign-ons and take-overs of a simulated day (O-02, Q-06, S-01)."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from compose_world import SCENARIO, Called, Run, call, one_line, run_day

from quanheng.compose.closing import finish
from quanheng.compose.day import OPEN_AT, DayPlan, World
from quanheng.compose.desk_tables import DealBook
from quanheng.compose.duty_roster import check, signs
from quanheng.compose.people import opening, read_people, traders
from quanheng.compose.scenarios import DutyPost, Scenario, ScenarioError, Words, load
from quanheng.compose.why import why
from quanheng.config import ConfigError, ParameterConfig, RoleConfig, read_config
from quanheng.duties.measure import figures
from quanheng.edge.dataset_files import read_table
from quanheng.exchange import messages as ex
from quanheng.maker import columns as c
from quanheng.maker.inquiry_life import Stage
from quanheng.maker.roster import Trader
from quanheng.runtime.envelope import Source
from quanheng.runtime.journal import EFFECTS
from quanheng.runtime.segment import read_segments
from quanheng.terms.codes import Effect, Side
from quanheng.terms.commands import (
    AnswerInquiry,
    Command,
    GiveBackInquiry,
    SignOn,
    TakeInquiry,
)
from quanheng.terms.days import from_clock, midnight
from quanheng.terms.market import Inquiry
from quanheng.terms.orders import OrderCancel, Report, Send, Stamp, Trade
from quanheng.terms.units import SECOND

DAY = 20240627
START = midnight(DAY)
ROSTER = """
[[roster]]
post = "trader"
main = "T01"
backup = "T02"
stop = "09:36"
classes = ["510050"]

[[roster]]
post = "trader"
main = "T02"
backup = "T01"
start = "09:36"
classes = ["510050"]

[[roster]]
post = "risk"
main = "R01"
backup = "R02"
"""


def rostered(*posts: DutyPost) -> Scenario:
    return Scenario(name="own", words=Words("自定", "own"), roster=posts)


def told(*posts: DutyPost) -> list[tuple[str, str, str, str]]:
    """The day's comings and leavings as (time, person, + or -, scope)."""
    out = []
    for at, sign in signs(rostered(*posts), START, START + OPEN_AT):
        clock = f"{(at - START) // (3600 * SECOND):02}:{(at - START) // (60 * SECOND) % 60:02}"
        out.append((clock, sign.person, "+" if sign.on else "-", sign.scope))
    return out


def test_a_roster_signs_the_main_one_on_last_and_hands_over_without_a_gap() -> None:
    """O-02: the backup stands by; at a hand-over people come before others leave, and whoever
    keeps the seat by the next entry does not leave it.
    """
    first = DutyPost("trader", "T01", "T02", stop="11:30")
    second = DutyPost("trader", "T02", "T01", start="11:30")
    assert told(first) == [
        ("09:10", "T02", "+", "*"), ("09:10", "T01", "+", "*"),
        ("11:30", "T02", "-", "*"), ("11:30", "T01", "-", "*"),
    ]  # fmt: skip
    assert told(first, second) == [
        ("09:10", "T02", "+", "*"), ("09:10", "T01", "+", "*"),
        ("11:30", "T01", "+", "*"), ("11:30", "T02", "+", "*"),
        ("15:30", "T01", "-", "*"), ("15:30", "T02", "-", "*"),
    ]  # fmt: skip
    other = DutyPost("trader", "T03", "T03", start="11:30", classes=("510050", "510300"))
    rows = told(first, other)
    assert ("11:30", "T03", "+", "510300") in rows and ("15:30", "T03", "-", "510050") in rows
    assert rows.index(("11:30", "T03", "+", "510050")) < rows.index(("11:30", "T01", "-", "*"))


@pytest.mark.parametrize(
    ("post", "words"),
    [
        (DutyPost("trader", "T09", "T02"), "T09 does not hold this post"),
        (DutyPost("trader", "R01", "T02"), "R01 does not hold this post"),
        (DutyPost("risk", "R01", "R02", classes=("510050",)), "only a trader has classes"),
        (DutyPost("trader", "T03", "T02", classes=("510300",)), "T03 may not trade 510300"),
        (DutyPost("trader", "T03", "T02"), "T03 may not trade *"),
    ],
)
def test_a_roster_of_people_without_the_post_is_refused(
    post: DutyPost, words: str, tmp_path: Path
) -> None:
    """Before anything runs, with the scenario, post and person by name."""
    people = read_people(_staff(tmp_path))
    with pytest.raises(ScenarioError, match=r"scenario own: roster \w+: ") as error:
        check(rostered(post), people)
    assert words in str(error.value)
    check(rostered(DutyPost("trader", "T03", "T02", classes=("510050",))), people)


def _staff(folder: Path, classes: str = '["510050"]', posts: str = '["trader"]') -> Path:
    """The shipped people, and a trader of one class."""
    shipped = Path(__file__).parents[2] / "src" / "quanheng" / "data" / "people.toml"
    more = f'\n[[people]]\nperson = "T03"\nposts = {posts}\nclasses = {classes}\n'
    path = folder / "people.toml"
    path.write_text(shipped.read_text(encoding="utf-8") + more, encoding="utf-8")
    return path


def test_people_may_be_held_to_classes(tmp_path: Path) -> None:
    """The same list reaches the authority and the maker; a class that is none is refused."""
    people = read_people(_staff(tmp_path))
    assert Trader("T03", ("510050",)) in traders(people) and Trader("T01") in traders(people)
    assert {row.person: row.classes for row in opening(people, DAY).people}["T03"] == ("510050",)
    assert not any(one.person.startswith("R") for one in traders(people))
    with pytest.raises(ConfigError, match="'5100' is no underlying"):
        read_people(_staff(tmp_path, '["5100"]'))
    with pytest.raises(ConfigError, match="only a trader has classes"):
        read_people(_staff(tmp_path, posts='["risk"]'))


def test_a_day_whose_roster_nobody_may_fill_does_not_begin(tmp_path: Path) -> None:
    """`--people` is the house's list: without T01 among its traders no run folder is made."""
    text = _staff(tmp_path).read_text(encoding="utf-8").replace('person = "T01"', 'person = "T07"')
    path = tmp_path / "others.toml"
    path.write_text(text, encoding="utf-8")
    runs = tmp_path / "runs"
    done = call("day", "--people", path, "--scenario", "calm", "--seed", 1, "--out", runs)
    one_line(done, 2, "roster trader", "T01 does not hold this post")
    assert not runs.exists()


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The shared small day with traders by class and a hand-over at 09:36."""
    folder = tmp_path_factory.mktemp("roster")
    path = folder / "busy.toml"
    path.write_text(SCENARIO + ROSTER, encoding="utf-8")
    return run_day(folder, path)


def table(run: Run, name: str) -> list[dict[str, str]]:
    path = run.folder / "reports" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_deal_names_its_trader_from_intent_to_archive(handed_over: Run) -> None:
    """S-01: the table, the journal's stamp and `why` say the same, before and after a hand-over."""
    deals = [row for row in table(handed_over, "deals") if row["strategy"] != "hedge"]
    assert len(deals) > 10
    over = START + from_clock("09:36")
    seen: dict[str, list[str]] = {"T01": [], "T02": []}
    for row in deals:
        seen[row["trader"]].append(row["client_id"])
    assert min(row["at"] for row in deals if row["trader"] == "T02") >= "09:36:00"
    # A quote that was sent before the hand-over may be filled after it: it stays the sender's.
    for trader, ident in (
        ("T01", seen["T01"][0]),
        ("T01", seen["T01"][-1]),
        ("T02", seen["T02"][0]),
    ):
        done = call("why", handed_over.folder, ident, "--json")
        assert done.code == 0, done.err
        assert (done.json["trader"], done.json["strategy"]) == (trader, "lean")
        assert (done.json["at"] < over) == (trader == "T01")


def test_who_came_and_left_is_a_table_of_the_day(handed_over: Run) -> None:
    """O-02: the register as it changed, with who was on duty then."""
    rows = [tuple(row.values()) for row in table(handed_over, "people")]
    assert [row[1:] for row in rows if row[2] == "trader"] == [
        ("510050", "trader", "T02", "on", "T02"),
        ("510050", "trader", "T01", "on", "T01"),
        ("510050", "trader", "T01", "on", "T01"),
        ("510050", "trader", "T02", "on", "T02"),
    ]
    assert ("*", "risk", "R01", "on", "R01") in [row[1:] for row in rows]


def test_inquiries_of_the_day_are_a_table_that_agrees_with_the_venue(handed_over: Run) -> None:
    """Q-06, E-04: every inquiry but those of the minute without a line was heard, answered at once
    and held; what the venue counted as missed are no more than the ones that were lost.
    """
    rows = {int(row["inquiry"][10:]): row for row in table(handed_over, "inquiries")}
    said = read_table(handed_over.folder / "dataset", "inquiries")
    assert said is not None
    at = {int(number): int(when) for number, when in zip(said["inquiry"], said["at"], strict=True)}
    lost = [one for one, when in at.items() if from_clock("09:37") <= when < from_clock("09:38")]
    assert len(rows) > 10 and sorted([*rows, *lost]) == sorted(at)
    (line,) = handed_over.printed["classes"]
    assert len(lost) == 2 and 0 <= line["inquiries"] - line["answered"] <= len(lost)
    for row in rows.values():
        assert row["stage"] == "held" or row["hold_until"] > "09:45:00"
        assert row["answered_since"] and not row["why"]


def test_the_run_replays_with_its_people(handed_over: Run) -> None:
    """Sign-ons are journaled inputs like any other."""
    for machine in ("maker", "firm_authority"):
        done = call("replay", handed_over.folder, "--machine", machine, "--json")
        assert done.code == 0 and done.json["ok"] and done.json["compared"], done


class Person:
    """Somebody at the desk who takes every other inquiry and answers half of those."""

    def __init__(self, world: World) -> None:
        self.world, self.heard, self.answered = world, 0, 0

    def __call__(self, effect: Inquiry, at: int, cause: int) -> None:
        self.heard += 1
        state = self.world.maker.state
        if self.heard % 2:
            return
        post = self.world.simulation.post
        post("maker", TakeInquiry(effect.inquiry, "T01"), at + SECOND, Source.DESK)
        value = float(state.surface.theo[state.tables.slots[effect.contract], c.T_PRICE]) * 1e4
        if self.heard % 4 or not value > 60:
            return
        self.answered += 1
        half = max(2, int(value * 0.02))
        given = (round(value) - half, 10, round(value) + half, 10, "T01")
        post("maker", AnswerInquiry(effect.inquiry, *given), at + 3 * SECOND, Source.DESK)


def test_people_answer_in_a_day_and_both_sides_count_the_same(tmp_path: Path) -> None:
    """A general maker that leaves 8 s to people: taken, answered by hand or forgotten, and by the
    machine: every verdict of the queue is the meter's, the day's invariants hold, and `why` shows
    the person's prices.
    """
    config = read_config()
    wait = ParameterConfig("*", "inquiry_wait", 8_000)
    scenario = load("calm")
    world = World(
        DayPlan(
            scenario=_asking(scenario),
            config=_with(config, parameters=(*config.parameters, wait)),
            day=DAY,
            cadence=3 * SECOND,
            pick="12",
            until="09:50",
            out=tmp_path,
        )
    )
    world.begin()
    person = Person(world)
    world.simulation.sink("venue", [Inquiry], person)
    world.run()
    day = finish(world, 0.0)
    assert {name: count for name, count in day.invariants.items() if count} == {}
    assert person.heard > 20 and person.answered > 3
    state = world.maker.state
    counts = state.inquiries.counts.sum(axis=0).tolist()
    assert counts[4] > 0 and counts[0] >= counts[1] >= person.heard // 2
    cut = START + from_clock("09:50")
    assert state.meter is not None
    found = figures(state.meter, cut)
    over = [one for one in state.inquiries.asked.values() if one.arrived + 30 * SECOND < cut]
    stages = Counter(Stage(one.stage) for one in over)
    assert len(over) > 20
    assert int(found.answered.sum()) == stages[Stage.HELD]
    assert int(found.inquiries.sum()) == stages[Stage.HELD] + stages[Stage.MISSED]
    stamp, sent = next(one for one in _quotes(tmp_path) if one[0][1] == "by-hand")
    told = why(tmp_path, sent[1])
    assert stamp[:2] == ["T01", "by-hand"] == [told.trader, told.strategy]
    assert (told.answer["bid"], told.answer["ask"]) == (sent[3] * 10**6, sent[4] * 10**6)
    assert told.input_kind == "AnswerInquiry" and told.became[0].what == "accepted"


def _quotes(run: Path) -> Iterator[tuple[list[Any], list[Any]]]:
    """(stamp, request) of every two-sided quote in the maker's journal."""
    for frame in read_segments(run / "journal" / "maker", "maker"):
        if frame.kind == EFFECTS:
            for effect in msgspec.msgpack.decode(frame.payload):
                if effect[0] == "send":
                    yield from ((effect[2], one) for one in effect[3] if one[0] == "S")


def _asking(scenario: Scenario) -> Scenario:
    crowd = msgspec.structs.replace(scenario.crowd, inquiries_per_hour=200)
    return msgspec.structs.replace(scenario, crowd=crowd)


def _with(config: Any, **changes: Any) -> Any:
    roles = (RoleConfig("510050", "general"),)
    return msgspec.structs.replace(config, roles=roles, **changes)


def test_a_deal_of_somebody_elses_id_names_nobody() -> None:
    """Ids are looked up by epoch and counter; interleaved strategies keep their own."""
    book = DealBook("M", "12345")
    for trader, strategy, numbers in (("T01", "lean", (1, 3)), ("T02", "duty", (2, 4))):
        requests = [OrderCancel(f"M00100000{n}", "10000001", "x") for n in numbers]
        book.sent(Send(1, Stamp(trader, strategy, "1", 1, 1), [*requests]), 0, 0)
    assert [book.behind(f"M00100000{n}")[1] for n in (1, 2, 3, 4)] == ["lean", "duty"] * 2
    assert book.behind("M001000005") == book.behind("X001000001") == ("", "", "")
    trade = Trade(
        "M001000002", "10000001", 1, 1, 500, 3, 0, Side.BUY, Effect.OPEN, False, START, START,
        15_000_000,
    )  # fmt: skip
    for pbu in ("99999", "12345"):
        book.filled(ex.Deliver(pbu, [Report("1", 1, trade)]), 0, 0)
    (row,) = book.rows
    assert row[1:6] == ("10000001", "buy", "open", "0.0500", 3)
    assert row[-3:] == ("T02", "duty", "1")


def test_sign_on_bodies_of_older_journals_still_decode() -> None:
    """The scope came later; without it a person sits for every class."""
    old = msgspec.msgpack.encode(["sign_on", "trader", "T01", True])
    assert msgspec.msgpack.decode(old, type=SignOn) == SignOn("trader", "T01", True, "*")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder whose authority has a trader on duty."""
    folder = tmp_path / "desk"
    assert call("propose", folder, "sign-on", "trader", "--by", "T01").code == 0
    return folder


def _body(done: Called) -> Command:
    """The command that went out."""
    (line,) = done.json["issued"]
    return msgspec.msgpack.decode(bytes.fromhex(line["msgpack"]), type=Command)


def test_traders_sign_on_by_class_and_answer_inquiries(desk: Path, tmp_path: Path) -> None:
    """O-02, Q-06: the exact bodies; prices in yuan; what cannot be is refused at once."""
    for words, command in (
        (("sign-on", "trader", "--scope", "510050"), SignOn("trader", "T01", True, "510050")),
        (("sign-on", "trader", "--off"), SignOn("trader", "T01", False, "*")),
        (("take-inquiry", "RQ1"), TakeInquiry("RQ1", "T01")),
        (
            ("answer-inquiry", "RQ1", "0.0251", "0.0259", "--qty", "10"),
            AnswerInquiry("RQ1", 251, 10, 259, 10, "T01"),
        ),
        (("give-back-inquiry", "RQ1"), GiveBackInquiry("RQ1", "T01")),
    ):
        done = call("propose", desk, *words, "--by", "T01", "--json")
        assert done.code == 0 and _body(done) == command, done
    for words, told in (
        (("sign-on", "risk", "--scope", "510050"), "only a trader"),
        (("sign-on", "trader", "--scope", "10007333"), "only a trader"),
        (("answer-inquiry", "RQ1", "0.02515", "0.0259", "--qty", "10"), "BID"),
        (("answer-inquiry", "RQ1", "0.0251", "x", "--qty", "10"), "ASK"),
    ):
        one_line(call("propose", desk, *words, "--by", "T01"), 2, told)
    people = tmp_path / "people.toml"
    people.write_text(
        'wait_s = 60\ntargets = ["maker"]\n[[people]]\nperson = "T03"\nposts = ["trader"]\n'
        'classes = ["510050"]\n',
        encoding="utf-8",
    )
    words = ("--people", people, tmp_path / "held", "sign-on", "trader", "--by", "T03", "--json")
    refused = call("propose", *words)
    assert (refused.code, refused.json["code"]) == (1, "wrong_class")
    done = call("propose", *words, "--scope", "510050")
    assert done.json["status"] == "issued"
