"""The authority: second persons, refusals, expiry, repeated issues (O-04, T-06)."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from quanheng.authority import messages as m
from quanheng.authority.authority import MAX_OPEN, Authority
from quanheng.authority.policy import (
    LIFE_CYCLE,
    POSTS,
    RULES,
    Act,
    Event,
    Status,
    life_cycle_table,
    policy_table,
)
from quanheng.runtime.envelope import Envelope, Source, TimerFired, WakeAt
from quanheng.runtime.laws import broken_laws
from quanheng.terms.codes import ExemptReason, OrderKind, Side, TradingState
from quanheng.terms.commands import (
    AnswerInquiry,
    BuildPrepared,
    Combine,
    Exercise,
    GiveBackInquiry,
    InquireMargin,
    LockUnits,
    ManualCancel,
    ManualOrder,
    Pull,
    Rearm,
    RecordExemption,
    RecordFigure,
    SetLimit,
    SetParameter,
    SetState,
    SignOn,
    Split,
    TakeInquiry,
)

PEOPLE = tuple(m.Person(f"p_{post}", (post,)) for post in POSTS)
PARAMETERS = (
    m.Parameter("half_spread", "quote", 1, 50, 10),
    m.Parameter("max_delta", "limit", 0, 0, 1_000),
)
OPEN = m.AuthorityOpen(20240627, PEOPLE, PARAMETERS, ("maker",), TradingState.HALTED, 600)


class Desk:
    """An authority with everyone but the compliance officer signed on, and a log of inputs."""

    def __init__(self) -> None:
        self.machine = Authority()
        self.log: list[Envelope[Any]] = []
        self.say(OPEN)
        for number, post in enumerate(POSTS):
            if post != "compliance":
                self.propose(number + 1, SignOn(post, f"p_{post}", True), f"p_{post}")

    def say(self, body: Any, at: int = 0) -> list[Any]:
        self.log.append(Envelope(len(self.log) + 1, at, Source.DESK, 0, body))
        return list(self.machine.apply(self.log[-1]))

    def propose(self, number: int, command: Any, by: str, at: int = 0) -> list[Any]:
        return self.say(m.Propose(number, "maker", command, by), at)


def resume(by: str = "p_trader") -> SetState:
    return SetState("*", TradingState.OPEN, "morning", by)


def code(effects: list[Any]) -> m.Refusal:
    assert len(effects) == 1 and isinstance(effects[0], m.Refused)
    return effects[0].code


def test_raising_a_state_needs_a_second_person() -> None:
    """Resume after a halt: nothing is issued until a risk officer agrees (O-04)."""
    desk = Desk()
    pending, wake = desk.propose(50, resume(), "p_trader", 100)
    assert pending == m.Pending(50, "raise_state", ("risk",), 700) and wake == WakeAt("50", 700)
    (issue,) = desk.say(m.Second(50, "p_risk"), 200)
    command = SetState("*", TradingState.OPEN, "morning", "p_trader", "p_risk")
    assert issue == m.Issue("maker", command, "p_trader", "p_risk", 50)


def test_making_things_safer_is_never_blocked() -> None:
    """Pull, a lower state and a tighter limit go out at once, signed on or not."""
    desk = Desk()
    for number, command in (
        (60, Pull("*", "p_compliance")),
        (61, SetState("510050", TradingState.HALTED, "x", "p_compliance")),
        (62, SetParameter("510050", "max_delta", 999, "p_compliance")),
        (63, SetLimit("510050", "max_delta", 998, 0, 0, "letter", "p_compliance")),
    ):
        (issue,) = desk.propose(number, command, "p_compliance")
        assert isinstance(issue, m.Issue) and issue.seconded_by == ""


@pytest.mark.parametrize(
    ("command", "act", "posts"),
    [
        (SetParameter("*", "half_spread", 51, "p_trader"), Act.PARAMETER_OUTSIDE_BAND, ("risk",)),
        (SetParameter("*", "half_spread", 0, "p_trader"), Act.PARAMETER_OUTSIDE_BAND, ("risk",)),
        (SetParameter("*", "max_delta", 1_001, "p_risk"), Act.LOOSEN_LIMIT, ("head",)),
        (
            SetLimit("*", "max_delta", 1_001, 0, 0, "letter", "p_risk"),
            Act.LOOSEN_LIMIT,
            ("head",),
        ),
        (Rearm("*", "P26", "p_trader"), Act.REARM, ("risk",)),
        (
            RecordExemption("*", ExemptReason.TECHNICAL, 1, 2, "p_trader", ""),
            Act.EXEMPTION,
            ("risk", "compliance"),
        ),
    ],
)
def test_what_loosens_waits(command: Any, act: Act, posts: tuple[str, ...]) -> None:
    """Parameters outside the band, looser limits and exemptions wait for the right post."""
    desk = Desk()
    pending = desk.propose(70, command, command.by)[0]
    assert (pending.action, pending.posts) == (act, posts)


ORDER = ManualOrder("10007333", Side.BUY, OrderKind.LIMIT, 500, 1, "p_trader")
ALONE = [
    (ORDER, Act.ORDER),
    (ManualCancel("M001000001", "p_ops"), Act.CANCEL),
    (LockUnits("510050", 100, False, "p_clearing"), Act.LOCK),
    (Combine("KS", "1", "2", 1, "p_trader"), Act.COMBINATION),
    (Split("2024062700000001", 1, "p_trader"), Act.COMBINATION),
    (InquireMargin("p_risk"), Act.MARGIN_INQUIRY),
]
TOGETHER = [
    (replace(ORDER, large=True), Act.LARGE_ORDER, ("risk",)),
    (Exercise("10007333", 1, "p_trader"), Act.EXERCISE, ("risk", "clearing")),
    (BuildPrepared(1, "p_trader"), Act.BUILD_PREPARED, ("risk",)),
]


@pytest.mark.parametrize(("command", "act"), ALONE)
def test_one_person_trades_and_instructs(command: Any, act: Act) -> None:
    """Orders, locks, combinations and inquiries go out at once, from the right post only."""
    desk = Desk()
    (issue,) = desk.propose(60, command, command.by)
    assert isinstance(issue, m.Issue) and issue.command == command
    assert desk.machine.state.proposals[60].act == act
    stranger = replace(command, by="p_auditor")
    assert code(desk.propose(61, stranger, "p_auditor")) == m.Refusal.WRONG_POST


@pytest.mark.parametrize(("command", "act", "posts"), TOGETHER)
def test_two_people_stand_behind_exercises_and_prepared_sets(
    command: Any, act: Act, posts: tuple[str, ...]
) -> None:
    """house.md 10, item 42: the second person is in the command that the maker checks again."""
    desk = Desk()
    pending = desk.propose(60, command, "p_trader")[0]
    assert (pending.action, pending.posts) == (act, posts)
    (issue,) = desk.say(m.Second(60, "p_risk"))
    assert issue.command == replace(command, seconded_by="p_risk")
    forged = replace(command, seconded_by="p_risk")
    assert code(desk.propose(61, forged, "p_trader")) == m.Refusal.NOT_IN_OWN_NAME


def test_limits_are_compared_with_what_was_set_last_and_figures_need_the_risk_post() -> None:
    """A name that is no limit is refused as a limit; a figure is entered by risk alone (R-03)."""
    desk = Desk()
    (issue,) = desk.propose(71, SetLimit("*", "max_delta", 500, 0, 0, "x", "p_risk"), "p_risk")
    assert isinstance(issue, m.Issue)
    pending = desk.propose(72, SetLimit("*", "max_delta", 501, 0, 0, "x", "p_risk"), "p_risk")[0]
    assert isinstance(pending, m.Pending)
    refused = desk.propose(73, SetLimit("*", "half_spread", 1, 0, 0, "x", "p_risk"), "p_risk")
    assert code(refused) == m.Refusal.UNKNOWN_PARAMETER
    figure = RecordFigure("*", "var", 1, "run 1", 99, "p_risk")
    assert isinstance(desk.propose(74, figure, "p_risk")[0], m.Issue)
    other = RecordFigure("*", "var", 1, "run 1", 99, "p_trader")
    assert code(desk.propose(75, other, "p_trader")) == m.Refusal.WRONG_POST


def test_band_edges_and_the_last_limit_decide() -> None:
    """The band includes its ends; a limit is compared with what was last set, not the start."""
    desk = Desk()
    for number, value in ((80, 1), (81, 50)):
        command = SetParameter("*", "half_spread", value, "p_trader")
        assert isinstance(desk.propose(number, command, "p_trader")[0], m.Issue)
    assert isinstance(
        desk.propose(82, SetParameter("*", "max_delta", 500, "p_risk"), "p_risk")[0], m.Issue
    )
    again = SetParameter("*", "max_delta", 501, "p_risk")
    assert isinstance(desk.propose(83, again, "p_risk")[0], m.Pending)


def test_refusals_name_their_reason() -> None:
    """Same person, wrong post, unknown people and things, reused numbers: each has its code."""
    desk = Desk()
    desk.propose(90, resume(), "p_trader")
    assert code(desk.say(m.Second(90, "p_trader"))) == m.Refusal.SAME_PERSON
    assert code(desk.say(m.Second(90, "p_head"))) == m.Refusal.WRONG_POST
    assert code(desk.say(m.Second(90, "nobody"))) == m.Refusal.UNKNOWN_PERSON
    assert code(desk.say(m.Second(91, "p_risk"))) == m.Refusal.UNKNOWN_PROPOSAL
    assert code(desk.say(m.Withdraw(90, "p_risk"))) == m.Refusal.UNKNOWN_PROPOSAL
    assert code(desk.propose(90, Pull("*", "p_head"), "p_head")) == m.Refusal.NUMBER_REUSED
    assert code(desk.propose(92, resume("nobody"), "nobody")) == m.Refusal.UNKNOWN_PERSON
    assert code(desk.propose(92, resume("p_risk"), "p_trader")) == m.Refusal.NOT_IN_OWN_NAME
    sneaky = SetState("*", TradingState.OPEN, "", "p_trader", "p_risk")
    assert code(desk.propose(92, sneaky, "p_trader")) == m.Refusal.NOT_IN_OWN_NAME
    assert code(desk.propose(92, resume("p_risk"), "p_risk")) == m.Refusal.WRONG_POST
    assert code(desk.propose(92, Pull("*", "p_auditor"), "p_auditor")) == m.Refusal.WRONG_POST
    unknown = SetParameter("*", "colour", 1, "p_trader")
    assert code(desk.propose(92, unknown, "p_trader")) == m.Refusal.UNKNOWN_PARAMETER
    elsewhere = m.Propose(92, "venue", resume(), "p_trader")
    assert code(desk.say(elsewhere)) == m.Refusal.UNKNOWN_TARGET
    foreign = SignOn("risk", "p_trader", True)
    assert code(desk.propose(92, foreign, "p_trader")) == m.Refusal.WRONG_POST


def test_posts_count_only_while_signed_on() -> None:
    """A trader who signed off cannot propose to resume; a risk officer off duty cannot second."""
    desk = Desk()
    desk.propose(100, resume(), "p_trader")
    desk.propose(101, SignOn("risk", "p_risk", False), "p_risk")
    assert code(desk.say(m.Second(100, "p_risk"))) == m.Refusal.WRONG_POST
    desk.propose(102, SignOn("trader", "p_trader", False), "p_trader")
    assert code(desk.propose(103, resume(), "p_trader")) == m.Refusal.WRONG_POST


def test_traders_take_seats_of_their_classes_and_leave_any() -> None:
    """O-02: not permitted for a class, or a post without classes: refused; a seat left is not the
    post left while another is held.
    """
    desk = Desk()
    held = m.Person("held", ("trader",), ("510050",))
    desk.say(
        m.AuthorityOpen(20240627, (*PEOPLE, held), PARAMETERS, ("maker",), TradingState.OPEN, 60)
    )
    for number, scope in ((1, "*"), (2, "510300")):
        refused = desk.propose(number, SignOn("trader", "held", True, scope), "held")
        assert code(refused) == m.Refusal.WRONG_CLASS
    assert code(desk.propose(3, SignOn("risk", "p_risk", True, "510050"), "p_risk")) == (
        m.Refusal.WRONG_CLASS
    )
    for number, scope in ((4, "510050"), (5, "510300")):
        (issue,) = desk.propose(number, SignOn("trader", "p_trader", True, scope), "p_trader")
        assert issue.command == SignOn("trader", "p_trader", True, scope)
    figure = SetParameter("*", "half_spread", 20, "p_trader")
    desk.propose(6, SignOn("trader", "p_trader", False, "510050"), "p_trader")
    assert isinstance(desk.propose(7, figure, "p_trader")[0], m.Issue)
    desk.propose(8, SignOn("trader", "p_trader", False, "510300"), "p_trader")
    assert code(desk.propose(9, figure, "p_trader")) == m.Refusal.WRONG_POST
    assert isinstance(
        desk.propose(10, SignOn("trader", "held", False, "510300"), "held")[0], m.Issue
    )


@pytest.mark.parametrize(
    "command",
    [
        TakeInquiry("RQ1", "p_trader"),
        AnswerInquiry("RQ1", 500, 10, 520, 10, "p_trader"),
        GiveBackInquiry("RQ1", "p_trader"),
    ],
)
def test_inquiries_are_a_traders_alone(command: Any) -> None:
    """Q-06: one person, a trader on duty, in his or her own name; the exact command goes out."""
    desk = Desk()
    (issue,) = desk.propose(50, command, "p_trader")
    assert issue == m.Issue("maker", command, "p_trader", "", 50)
    other = type(command)(*[*msgspec.structs.astuple(command)[:-1], "p_risk"])
    assert code(desk.propose(51, other, "p_risk")) == m.Refusal.WRONG_POST
    assert code(desk.propose(52, other, "p_trader")) == m.Refusal.NOT_IN_OWN_NAME


def test_one_person_with_both_posts_is_still_one_person() -> None:
    """Somebody who is trader and risk officer cannot stand on both sides of a proposal."""
    desk = Desk()
    both = m.Person("both", ("trader", "risk"))
    desk.say(m.AuthorityOpen(20240627, (*PEOPLE, both), (), ("maker",), TradingState.DOWN, 60))
    for number, post in enumerate(("trader", "risk")):
        desk.propose(number + 1, SignOn(post, "both", True), "both")
    desk.propose(9, resume("both"), "both")
    assert code(desk.say(m.Second(9, "both"))) == m.Refusal.SAME_PERSON


def test_expiry_and_withdrawal_end_a_proposal() -> None:
    """After its time or its withdrawal a proposal cannot be seconded any more."""
    desk = Desk()
    desk.propose(110, resume(), "p_trader", 100)
    assert desk.say(TimerFired("110", 700), 700) == [m.Closed(110, "expired")]
    assert code(desk.say(m.Second(110, "p_risk"))) == m.Refusal.NOT_OPEN
    desk.propose(111, resume(), "p_trader", 800)
    assert desk.say(m.Withdraw(111, "p_trader")) == [m.Closed(111, "withdrawn")]
    assert code(desk.say(m.Second(111, "p_risk"))) == m.Refusal.NOT_OPEN
    assert desk.say(TimerFired("111", 1_400), 1_400) == []


def test_issues_are_repeated_until_confirmed() -> None:
    """At least once: a repeated proposal or second and Reissue say it again, never anew."""
    desk = Desk()
    desk.propose(120, resume(), "p_trader")
    first = desk.say(m.Second(120, "p_risk"))
    assert desk.say(m.Second(120, "p_risk")) == first
    assert desk.propose(120, resume(), "p_trader") == first
    reissued = desk.say(m.Reissue("maker"))
    assert reissued[-1:] == first and len({issue.proposal for issue in reissued}) == len(reissued)
    desk.say(m.Delivered(120))
    assert first[0] not in desk.say(m.Reissue("maker"))
    assert desk.propose(120, resume(), "p_trader") == []


def test_what_went_around_is_recorded() -> None:
    """After a kill that bypassed the authority, coming back is a raise and needs two people."""
    desk = Desk()
    back = SetState("510050", TradingState.OPEN, "", "p_trader")
    assert isinstance(desk.propose(130, back, "p_trader")[0], m.Issue)
    desk.say(m.Recorded("maker", SetState("510050", TradingState.HALTED, "kill", "kill")))
    assert isinstance(desk.propose(131, back, "p_trader")[0], m.Pending)


def test_open_proposals_are_bounded() -> None:
    """More waiting proposals than the bound are refused, but pulls still go out."""
    desk = Desk()
    for number in range(MAX_OPEN):
        desk.propose(1_000 + number, resume(), "p_trader")
    assert code(desk.propose(5_000, resume(), "p_trader")) == m.Refusal.TOO_MANY
    assert isinstance(desk.propose(5_001, Pull("*", "p_ops"), "p_ops")[0], m.Issue)


def test_tables_are_whole_and_printed() -> None:
    """Every act has one rule, nobody seconds his own post's act, and both tables print all rows."""
    assert [rule.act for rule in RULES].count(Act.PULL) == 1
    assert sorted(rule.act for rule in RULES) == sorted(Act)
    for rule in RULES:
        assert not set(rule.proposers) & set(rule.seconders)
        assert f"| {rule.act} |" in policy_table()
    assert life_cycle_table().count("\n") == len(Status) + 2
    final = {status for status in Status if not any(key[0] == status for key in LIFE_CYCLE)}
    assert final == {Status.DELIVERED, Status.WITHDRAWN, Status.EXPIRED}
    assert "| proposed | issued | withdrawn | expired | - |" in life_cycle_table()
    assert len(Event) == 4


def test_laws_of_a_machine() -> None:
    """Snapshot and restore at every few inputs change nothing, with all kinds of input."""
    desk = Desk()
    desk.propose(50, resume(), "p_trader")
    desk.say(m.Second(50, "p_risk"))
    desk.propose(51, SetParameter("*", "half_spread", 99, "p_trader"), "p_trader")
    desk.say(m.Withdraw(51, "p_trader"))
    desk.say(m.Recorded("maker", Pull("*", "kill")))
    desk.propose(52, RecordExemption("*", ExemptReason.OTHER, 1, 0, "p_trader", ""), "p_trader")
    desk.say(TimerFired("52", 600), 600)
    desk.say(m.Reissue("maker"), 601)
    desk.propose(53, Exercise("10007333", 1, "p_trader"), "p_trader")
    desk.propose(54, ORDER, "p_trader")
    assert broken_laws(Authority, desk.log, 3) == []
