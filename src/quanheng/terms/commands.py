"""Human and supervisory commands. The console, the CLI and the overseer can only put these in a
journal.

`by` and `seconded_by` are opaque person ids; names live with the authority. A scope is "*", an
underlying's code or a contract's code; the most restrictive state of the scopes around a
contract wins.
"""

import msgspec

from quanheng.terms.codes import ExemptReason, TradingState
from quanheng.terms.units import Nanos


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
    """A person takes a post (trader, risk, ops …) or, with `on` false, leaves it."""

    post: str
    person: str
    on: bool


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


class Acknowledge(msgspec.Struct, frozen=True, array_like=True, tag="acknowledge"):
    """Somebody has seen an alert of a monitor, by its number, and deals with it (I-30, T-08)."""

    alert: int
    by: str


class Confirm(msgspec.Struct, frozen=True, array_like=True, tag="confirm"):
    """Let a prompt's prepared measure happen, or with `accept` false turn it down (I-42).

    `opens` says that the prompt may add a position, which a second person has to confirm too.
    """

    prompt: int
    accept: bool
    opens: bool
    by: str
    seconded_by: str = ""


class ExceptNight(msgspec.Struct, frozen=True, array_like=True, tag="except_night"):
    """Carry the book although it is over an overnight limit (I-35), as it was found; two people."""

    basis: str
    by: str
    seconded_by: str = ""


Command = (
    SetState
    | Pull
    | SignOn
    | SetParameter
    | RecordExemption
    | SetLimit
    | RecordFigure
    | Rearm
    | Acknowledge
    | Confirm
    | ExceptNight
)
