"""What the overseer hears and says.

It hears the exchange's reports and market data over wires of its own, what the desk claims of
itself, and people; it never hears the maker's state. Persons are opaque ids.
"""

import msgspec

from quanheng.rulebook.model import Rulebook
from quanheng.runtime.envelope import RaiseAlert, TimerFired, WakeAt
from quanheng.terms.business import CombinationDone, LockAck
from quanheng.terms.codes import TradingState
from quanheng.terms.commands import RecordFigure, SetState
from quanheng.terms.contract import Chain
from quanheng.terms.etf import EtfFill
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import Trade
from quanheng.terms.records import LimitRecord
from quanheng.terms.units import (
    MINUTE,
    MONEY_PER_YUAN,
    Day,
    Lots,
    Money,
    Nanos,
    Ticks,
)
from quanheng.wire.notices import Notice

FILL_TYPES = Trade | CombinationDone | LockAck


class Attribution(msgspec.Struct, frozen=True, array_like=True):
    """A line of the firm's register: who stands behind client ids that begin so.

    `prefix` of the client id and `underlying` ("*": any) lead to a `desk` and a `strategy`; the
    longest prefix wins, then a named underlying. The register is filed with the firm before the
    day; the desk's own stamps are not looked at.
    """

    prefix: str
    underlying: str
    desk: str
    strategy: str


class FirmLimit(msgspec.Struct, frozen=True, array_like=True):
    """An authorised limit of the firm (R-03) and what a breach of it leads to.

    `record.scope`: "*", an underlying, "desk:NAME" or "strategy:NAME"; `record.name` and its unit:
    `limits.MEASURES`. `version` counts the records of a scope and name. `answer`: time the desk
    has to answer the notice; `escalate`: the states the desk is put into when that passes, one
    step for each missed deadline.
    """

    record: LimitRecord
    version: int
    answer: Nanos
    escalate: tuple[TradingState, ...] = ()


class Officer(msgspec.Struct, frozen=True, array_like=True):
    """A person and the posts he or she holds, as the firm has them on file."""

    person: str
    posts: tuple[str, ...]


class ExtremeRule(msgspec.Struct, frozen=True, array_like=True):
    """What an extreme case of a kind leads to at once and when nobody answers (I-45, I-46).

    `name`: `incidents.INCIDENTS`. `state`: what the desk is put into the moment the case opens,
    None for nothing; `whole`: the whole book, else the case's scope. `answer` and `escalate` as in
    `FirmLimit`; of a call the deadline is the clearing house's.
    """

    name: str
    state: TradingState | None
    whole: bool
    answer: Nanos
    escalate: tuple[TradingState, ...] = ()


class Policy(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Thresholds of extreme cases and of the watch over forced closing.

    An order is wrong when its price is on the losing side of both the market's middle and the own
    theory by more than the largest of `far_ppm` of the price, `far_ticks` and `far_spot_ppm` of the
    underlying. `ahead`: how long before 11:30 people are warned of a call that is not made good.
    """

    rules: tuple[ExtremeRule, ...] = ()
    far_ppm: int = 300_000
    far_ticks: Ticks = 200
    far_spot_ppm: int = 10_000
    order_lots: Lots = 200
    order_value: Money = 5_000_000 * MONEY_PER_YUAN
    ahead: Nanos = 30 * MINUTE


class CarriedCase(msgspec.Struct, frozen=True, array_like=True):
    """A case that was not closed when its day ended."""

    number: str
    scope: str
    name: str
    value: int
    limit: int
    status: str
    since: Nanos
    due: Nanos
    step: int
    history: tuple[tuple[Nanos, str, str, str], ...]  # at, event, by, text
    facts: tuple[tuple[str, int], ...] = ()  # of a call: see `calls`
    evidence: tuple[str, ...] = ()


class Opening(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """The account as the clearing house left it: packed int64[slots], units by class."""

    cash: Money
    aside: Money = 0  # of it at the underlyings' market
    long: bytes = b""
    short: bytes = b""
    covered: bytes = b""
    units: tuple[Lots, ...] = ()
    base: Lots = 0  # units of each class whose own risk is hedged elsewhere
    due: tuple[Lots, ...] = ()  # of the units, by class, what the desk may not hedge with
    combinations: tuple[tuple[str, str, str, str, Lots], ...] = ()  # id, strategy, codes, units


class OverseerOpen(msgspec.Struct, frozen=True, array_like=True, kw_only=True, tag="over_open"):
    """The first input of the overseer's day.

    `history` is `kernels.pack` of int64[days, 2]: relative moves of the reference underlying and of
    its vol from close to close, 1e-6. `peak` is the highest equity so far (drawdown), 0 unknown.
    `officer` answers for figures that the overseer puts into force by itself.
    """

    day: Day
    chain: Chain
    rulebook: Rulebook
    pbu: str
    account: Opening
    history: bytes
    limits: tuple[FirmLimit, ...]
    register: tuple[Attribution, ...]
    people: tuple[Officer, ...]
    officer: str
    rate: int = 18_000  # 1e-6 a year
    every: Nanos = 60_000_000_000  # between figures
    seed: int = 1
    paths: int = 2_000
    level: int = 990_000  # of the value at risk, 1e-6
    tail_level: int = 975_000  # of the shortfall, 1e-6
    peak: Money = 0
    cases: tuple[CarriedCase, ...] = ()
    volume: tuple[Lots, ...] = ()  # contracts a usual day trades, by class
    past: tuple[Day, ...] = ()  # the days of `history`
    policy: Policy = Policy()
    granted: tuple[tuple[str, Lots, Lots, Lots], ...] = ()  # class; long, total, buy-open a day


class DropCopy(msgspec.Struct, frozen=True, array_like=True, tag="drop_copy"):
    """The exchange's copy of what was done in the account, with its place in the report stream."""

    set_id: str
    index: int
    body: FILL_TYPES


class OrderSeen(msgspec.Struct, frozen=True, array_like=True):
    """One side of an order or quote of the account as the exchange took it, or that it ended.

    `price` 0: a market order. `gone` of `qty` never worked: cancelled at once. Of an end all are 0.
    """

    ends: bool
    client_id: str
    contract: str
    side: int
    price: Ticks
    qty: Lots
    gone: Lots = 0


class OrdersSeen(msgspec.Struct, frozen=True, array_like=True, tag="orders_seen"):
    """The exchange's copy of orders and quotes that it accepted or ended, in their order."""

    rows: tuple[OrderSeen, ...]


class NoticesRead(msgspec.Struct, frozen=True, array_like=True, tag="notices_read"):
    """The clearing house's notices of the evening of `day` for the account (op_tzxx, I-45), and
    what of the file could not be read.
    """

    day: Day
    notices: tuple[Notice, ...]
    bad: tuple[str, ...] = ()


class EtfCopy(msgspec.Struct, frozen=True, array_like=True, tag="etf_copy"):
    """The same for the underlyings; `klass` of each fill's underlying is found by its code."""

    fills: tuple[EtfFill, ...]


AnyCopy = DropCopy | OrdersSeen | EtfCopy
"""What comes over the exchange's drop copy."""


class DeskFigures(msgspec.Struct, frozen=True, array_like=True, tag="desk_figures"):
    """What the desk says of itself at an instant, `kernels.pack` of int64 tables.

    `contracts` [n, 3]: slot, net, model price in 1e-6 yuan (-1: none). `greeks` [classes, 4]: cash
    delta, cash gamma, vega, theta in 1e-9 yuan. `profit` [classes, 2]: total and fees of it.
    `margin`: opening margin of the shorts; `cash`: of the options account. `seen`: by report set,
    the first index that the desk had not heard; without it the claim is of all that was reported.
    What the desk works with: `spots`, Ticks by class, and `terms` [n, 5]: slot, strike, unit, last
    day, margin of one short; each empty when the desk does not say.
    """

    at: Nanos
    contracts: bytes
    greeks: bytes
    profit: bytes
    margin: Money
    cash: Money
    seen: tuple[tuple[str, int], ...] = ()
    spots: tuple[Ticks, ...] = ()
    terms: bytes = b""


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """The desk answers a notice in writing."""

    case: str
    by: str
    text: str


class FollowUp(msgspec.Struct, frozen=True, array_like=True, tag="follow_up"):
    """Firm risk looks after a case; `accepted` false sends it back with a new deadline."""

    case: str
    by: str
    text: str
    accepted: bool = True


class CloseCase(msgspec.Struct, frozen=True, array_like=True, tag="close_case"):
    """Firm risk closes a case; refused while the figure is still over its limit."""

    case: str
    by: str
    text: str


class Restrain(msgspec.Struct, frozen=True, array_like=True, tag="restrain"):
    """One person of firm risk puts a scope of the desk into REDUCING, CANCEL_ONLY or HALTED."""

    scope: str
    state: TradingState
    reason: str
    by: str


class ReleaseDesk(msgspec.Struct, frozen=True, array_like=True, tag="release_desk"):
    """A person of firm risk asks to let a scope trade again; a second one must agree."""

    scope: str
    reason: str
    by: str


class CloseDay(msgspec.Struct, frozen=True, array_like=True, tag="close_day"):
    """The day is over: last figures, and what crosses to the next day."""


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """Effect: a command to be put into force at the desk, through the authority."""

    number: int
    command: SetState | RecordFigure
    by: str


class Figures(msgspec.Struct, frozen=True, array_like=True, tag="figures"):
    """Effect: a table of figures: "scopes" (`figures.COLUMNS` by row of `scopes`), "stress",
    "levels" (the comparison with the desk).
    """

    topic: str
    at: Nanos
    names: tuple[str, ...]  # of the rows
    columns: int
    rows: bytes


class Written(msgspec.Struct, frozen=True, array_like=True, tag="written"):
    """Effect: a step of a case, kept in writing: record, notice, answer, follow-up, closing."""

    case: str
    event: str
    status: str
    scope: str
    name: str
    value: int
    limit: int
    due: Nanos
    by: str
    text: str


class Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """Effect: a request of a person was refused."""

    case: str
    by: str
    why: str


OverseerInput = (
    OverseerOpen
    | DropCopy
    | OrdersSeen
    | NoticesRead
    | EtfCopy
    | ChainTick
    | UnderlyingTicks
    | DeskFigures
    | Answer
    | FollowUp
    | CloseCase
    | Restrain
    | ReleaseDesk
    | CloseDay
    | TimerFired
)
OverseerEffect = Ask | Figures | Written | Told | RaiseAlert | WakeAt
