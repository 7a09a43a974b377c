"""What the authority hears and says.

Persons are opaque ids; their names live elsewhere (borders.md 5).
"""

from enum import StrEnum

import msgspec

from quanheng.runtime.envelope import TimerFired, WakeAt
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import Command
from quanheng.terms.units import Day, Nanos


class Refusal(StrEnum):
    """Why a proposal or a second was refused, in the order the reasons are looked for."""

    UNKNOWN_PERSON = "unknown_person"
    UNKNOWN_TARGET = "unknown_target"
    NOT_IN_OWN_NAME = "not_in_own_name"  # the command names another person than the proposer
    NUMBER_REUSED = "number_reused"  # the proposal number stands for something else
    UNKNOWN_PARAMETER = "unknown_parameter"
    WRONG_POST = "wrong_post"  # the person is not on a post that may do this
    WRONG_CLASS = "wrong_class"  # the person holds the post, but not for these classes
    TOO_MANY = "too_many"  # the bound of open or of all proposals is reached
    UNKNOWN_PROPOSAL = "unknown_proposal"
    SAME_PERSON = "same_person"  # nobody seconds himself
    NOT_OPEN = "not_open"  # already issued, withdrawn, expired or refused


class Person(msgspec.Struct, frozen=True, array_like=True):
    """A person and the posts he or she is appointed to, as main or as backup (备岗); a trader's
    underlyings, none for all.
    """

    person: str
    posts: tuple[str, ...]
    classes: tuple[str, ...] = ()


class Parameter(msgspec.Struct, frozen=True, array_like=True):
    """A parameter that commands may set. kind "quote": inside [low, high] is the trader's own
    band. kind "limit": lowering the value tightens; [low, high] is unused.
    """

    name: str
    kind: str
    low: int
    high: int
    value: int


class AuthorityOpen(msgspec.Struct, frozen=True, array_like=True, tag="open"):
    """The authority's day: people, parameters, targets, the state of "*" and how long to wait."""

    day: Day
    people: tuple[Person, ...]
    parameters: tuple[Parameter, ...]
    targets: tuple[str, ...]
    state: TradingState
    wait: Nanos  # a proposal not seconded for this long expires


class Propose(msgspec.Struct, frozen=True, array_like=True, tag="propose"):
    """A person asks for a command. `proposal` is unique in the day; repeating it is harmless."""

    proposal: int
    target: str
    command: Command
    by: str


class Second(msgspec.Struct, frozen=True, array_like=True, tag="second"):
    """A second person (复核) agrees."""

    proposal: int
    by: str


class Withdraw(msgspec.Struct, frozen=True, array_like=True, tag="withdraw"):
    """The proposer takes the proposal back."""

    proposal: int
    by: str


class Recorded(msgspec.Struct, frozen=True, array_like=True, tag="recorded"):
    """A command that went around the authority (kill, pull, tighten), recorded after the act."""

    target: str
    command: Command


class Delivered(msgspec.Struct, frozen=True, array_like=True, tag="delivered"):
    """A target has journaled the command of a proposal."""

    proposal: int


class Reissue(msgspec.Struct, frozen=True, array_like=True, tag="reissue"):
    """The way to a target is open again: say once more what it has not confirmed."""

    target: str


class Issue(msgspec.Struct, frozen=True, array_like=True, tag="issue"):
    """Effect: the command, to be journaled by `target` with source DESK and cause `proposal`.

    It comes at least once; the target drops a proposal number that it has had already, and
    asserts again that two people stand behind a command that needs them.
    """

    target: str
    command: Command
    by: str
    seconded_by: str
    proposal: int


class Pending(msgspec.Struct, frozen=True, array_like=True, tag="pending"):
    """Effect: the proposal waits for a second person on one of these posts."""

    proposal: int
    action: str
    posts: tuple[str, ...]
    until: Nanos


class Closed(msgspec.Struct, frozen=True, array_like=True, tag="closed"):
    """Effect: the proposal ended without being issued ("withdrawn" or "expired")."""

    proposal: int
    status: str


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """Effect: the proposal, second or withdrawal of `by` was refused."""

    proposal: int
    code: Refusal
    by: str


AuthorityInput = (
    AuthorityOpen | Propose | Second | Withdraw | Recorded | Delivered | Reissue | TimerFired
)
AuthorityEffect = Issue | Pending | Closed | Refused | WakeAt
