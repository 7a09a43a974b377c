"""Human and supervisory commands. The console, the CLI and the overseer can only put these in a
journal.

`by` and `seconded_by` are opaque person ids; names live with the authority. A scope is "*", an
underlying's code or a contract's code; the most restrictive state of the scopes around a
contract wins.
"""

import msgspec

from quanheng.terms.codes import Effect, ExemptReason, OrderKind, Side, TradingState
from quanheng.terms.units import Lots, Nanos, Ticks


class SetState(msgspec.Struct, frozen=True, array_like=True, tag="set_state"):
    """Change the trading state of a scope. Raising it needs `seconded_by`; lowering never does."""

    scope: str
    state: TradingState
    reason: str
    by: str
    seconded_by: str = ""


class Pull(msgspec.Struct, frozen=True, array_like=True, tag="pull"):
    """Withdraw every working quote and order of a scope (一键撤单). Never blocked."""

    scope: str
    by: str


class SignOn(msgspec.Struct, frozen=True, array_like=True, tag="sign_on"):
    """A person takes a post (trader, risk, ops …) or, with `on` false, leaves it. A trader may take
    one underlying's; whoever signs on last is on duty there (hand-over).
    """

    post: str
    person: str
    on: bool
    scope: str = "*"


class SetParameter(msgspec.Struct, frozen=True, array_like=True, tag="set_parameter"):
    """Change one quote parameter of a scope; values are integers in the parameter's own unit.

    Besides the scopes above, an expiry can be named: "510050-2407" (underlying, year, month).
    """

    scope: str
    name: str
    value: int
    by: str
    seconded_by: str = ""


class RecordExemption(msgspec.Struct, frozen=True, array_like=True, tag="exempt"):
    """A recorded, approved exemption of chapter 4 (third and fourth kind); `until` 0 while it
    lasts.
    """

    scope: str
    reason: ExemptReason
    since: Nanos
    until: Nanos
    by: str
    seconded_by: str


class SetLimit(msgspec.Struct, frozen=True, array_like=True, tag="set_limit"):
    """Approve a limit of a scope (`records.LimitRecord`). One person tightens, two loosen."""

    scope: str
    name: str
    value: int
    since: Nanos
    until: Nanos
    basis: str
    by: str
    seconded_by: str = ""


class RecordFigure(msgspec.Struct, frozen=True, array_like=True, tag="record_figure"):
    """Enter a figure that another system worked out (`records.FigureRecord`), with its source."""

    scope: str
    name: str
    value: int
    source: str
    until: Nanos
    by: str
    seconded_by: str = ""


class Rearm(msgspec.Struct, frozen=True, array_like=True, tag="rearm"):
    """End one trip of a guard, named by scope and reason ("P25", "MMP"); two people (D14)."""

    scope: str
    reason: str
    by: str
    seconded_by: str = ""


class TakeInquiry(msgspec.Struct, frozen=True, array_like=True, tag="take_inquiry"):
    """A trader takes an inquiry (询价) over, by the exchange's id; the machine leaves it to him or
    her until shortly before it is due (Q-06).
    """

    inquiry: str
    by: str


class AnswerInquiry(msgspec.Struct, frozen=True, array_like=True, tag="answer_inquiry"):
    """The two-sided answer of the trader who took an inquiry; it passes the ladder as any quote."""

    inquiry: str
    bid: Ticks
    bid_qty: Lots
    ask: Ticks
    ask_qty: Lots
    by: str


class GiveBackInquiry(msgspec.Struct, frozen=True, array_like=True, tag="give_back_inquiry"):
    """The trader who took an inquiry leaves it to the machine again."""

    inquiry: str
    by: str


InquiryCommand = TakeInquiry | AnswerInquiry | GiveBackInquiry
"""What a trader does about an inquiry."""


class ManualOrder(msgspec.Struct, frozen=True, array_like=True, tag="manual_order"):
    """A person's order; it passes the same ladder as every quote (reliability.md 2.3 P-30).

    `confirmed` says that the person saw the prompt for a large order, `seconded_by` names the
    second person of a very large one, whom the authority asks for when `large` says so. `covered`
    sells a call against locked underlying, or buys such a short back. Without `effect` the order
    closes what it can close whole, else it opens; a covered sale always opens, a covered purchase
    always closes.
    """

    contract: str
    side: Side
    kind: OrderKind
    price: Ticks
    qty: Lots
    by: str
    confirmed: bool = False
    seconded_by: str = ""
    covered: bool = False
    effect: Effect | None = None
    large: bool = False


class ManualCancel(msgspec.Struct, frozen=True, array_like=True, tag="manual_cancel"):
    """Withdraw one single order or one exercise by its client id (I-12)."""

    client_id: str
    by: str


class LockUnits(msgspec.Struct, frozen=True, array_like=True, tag="lock_units"):
    """Lock units of an underlying for covered sales (证券锁定), or with `unlock` free them."""

    underlying: str
    qty: Lots
    unlock: bool
    by: str
    seconded_by: str = ""


class Exercise(msgspec.Struct, frozen=True, array_like=True, tag="exercise"):
    """Exercise long contracts on their exercise day (行权). With `put` the call and that put are
    exercised together (合并行权). Two people.
    """

    contract: str
    qty: Lots
    by: str
    put: str = ""
    seconded_by: str = ""


class Combine(msgspec.Struct, frozen=True, array_like=True, tag="combine"):
    """Build a combination (组合) of two contracts held; `strategy` as in `books.combinations`."""

    strategy: str
    first: str
    second: str
    qty: Lots
    by: str
    seconded_by: str = ""


class Split(msgspec.Struct, frozen=True, array_like=True, tag="split"):
    """Split (拆分) units of a combination by the id the exchange gave it."""

    combination: str
    qty: Lots
    by: str
    seconded_by: str = ""


class InquireMargin(msgspec.Struct, frozen=True, array_like=True, tag="inquire_margin"):
    """Ask the exchange for the margin account's figures (保证金查询)."""

    by: str
    seconded_by: str = ""


class BuildPrepared(msgspec.Struct, frozen=True, array_like=True, tag="build_prepared"):
    """Carry out a set of prepared instructions by its number (I-42). Two people."""

    number: int
    by: str
    seconded_by: str = ""


Instruct = LockUnits | Exercise | Combine | Split | InquireMargin
"""Commands that become one instruction of a business that does not trade."""

Command = (
    SetState
    | Pull
    | SignOn
    | SetParameter
    | RecordExemption
    | SetLimit
    | RecordFigure
    | Rearm
    | InquiryCommand
    | ManualOrder
    | ManualCancel
    | BuildPrepared
    | Instruct
)
ALONE = (Pull, SignOn, ManualCancel, TakeInquiry, AnswerInquiry, GiveBackInquiry)
"""Commands that never name a second person."""
