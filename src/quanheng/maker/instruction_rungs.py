"""The ladder for instructions that do not trade: which of the 38 checks each kind meets, and how.

The rungs, their order and what breaking one does are `ladder.LADDER`'s; this table says for every
one of them which kinds it judges and, where it judges none or few, why. `checks.vet` walks it. The
figures it needs are gathered in `instructions`.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from quanheng.maker.instruction_state import Kind
from quanheng.terms.codes import Check, TradingState
from quanheng.terms.units import Lots, Money
from quanheng.wire.codes import number as code_of

_BELOW_MINIMUM, _NEGATIVE = code_of("BELOW_MINIMUM_QUANTITY"), code_of("NEGATIVE_QUANTITY")
_FUNDS_SHORT, _LOCKED_SHORT = code_of("FUNDS_SHORT_TO_SPLIT"), code_of("LOCKED_UNDERLYING_SHORT")
_POSITION_SHORT, _NO_COMBINATION = code_of("POSITION_SHORT"), code_of("NO_SUCH_COMBINATION")

ALL = tuple(Kind)
ASKED = tuple(kind for kind in Kind if kind is not Kind.MARGIN)
"""Every kind that changes something."""
NONE: tuple[Kind, ...] = ()
_EXERCISES = (Kind.EXERCISE, Kind.MERGE)
_LEGS = (*_EXERCISES, Kind.BUILD)
BROKEN = -1
"""A broken rung for which the exchange has no code."""


class Ask(NamedTuple):
    """What the rungs know of an instruction. Faults are the exchange's codes, 0 for none."""

    kind: Kind
    state: TradingState  # of its contracts, link and roster included
    trader: bool  # somebody is on duty
    epochs: int  # higher ones known
    closed: int  # outside the hours of its business
    form: int  # unknown contract, strategy or combination, legs that do not belong together
    not_today: int  # of an exercise: it is not the day
    qty: Lots
    twins: int  # the same instruction in flight or UNKNOWN
    tokens: int
    reserve: int
    alive: int  # instructions
    most: int
    cost: Money  # margin that a split brings back, cash that an exercised call takes
    money: Money  # free for it
    units: Lots  # it locks, frees or delivers
    units_left: Lots
    left: Lots  # contracts that are free on every leg, units of the combination
    two_people: bool
    account: int
    reconciled: bool


class InstructionRung(msgspec.Struct, frozen=True):
    """One check: the kinds it judges; `why` the others are not judged, or what it means here."""

    check: Check
    kinds: tuple[Kind, ...]
    why: str
    broken: Callable[[Ask], int] | None = None


def _state(x: Ask) -> int:
    """From HALTED up people may act on what they hold; what takes cover or margin away needs more.

    DOWN and SYNCING are the line's. An inquiry needs nobody on duty.
    """
    risky = x.kind in (Kind.UNLOCK, Kind.SPLIT)
    least = TradingState.REDUCING if risky else TradingState.HALTED
    nobody = x.kind is not Kind.MARGIN and not x.trader
    return BROKEN * (x.state < least or nobody)


def _quantity(x: Ask) -> int:
    return 0 if x.qty > 0 else _BELOW_MINIMUM if x.qty == 0 else _NEGATIVE


def _margin(x: Ask) -> int:
    return _FUNDS_SHORT if x.cost > x.money else 0


def _cover(x: Ask) -> int:
    if x.units <= x.units_left:
        return 0
    return _LOCKED_SHORT if x.kind is Kind.UNLOCK else _POSITION_SHORT


def _expiry(x: Ask) -> int:
    """The day, then the cash of a call or the units of a put (rules.md 5)."""
    return x.not_today or BROKEN * (x.cost > x.money or x.units > x.units_left)


def _holding(x: Ask) -> int:
    if x.qty <= x.left:
        return 0
    return _NO_COMBINATION if x.kind is Kind.SPLIT else _POSITION_SHORT


_PRICELESS = "an instruction has no price"
_ADDS_NOTHING = "no position is opened"

INSTRUCTION_RUNGS: tuple[InstructionRung, ...] = (
    InstructionRung(
        Check.P01_STATE, ALL,
        "from HALTED up; to unlock or split from REDUCING; with a trader on duty", _state,
    ),
    InstructionRung(
        Check.P02_EPOCH, ALL, "no epoch above the own one", lambda x: BROKEN * (x.epochs > 0)
    ),
    InstructionRung(Check.P03_PHASE, ALL, "the hours of its business", lambda x: x.closed),
    InstructionRung(
        Check.P04_CONTRACT, ALL, "known contracts that belong together", lambda x: x.form
    ),
    InstructionRung(Check.P05_PERMITTED, NONE, "what is held may be used whatever the list says"),
    InstructionRung(Check.P06_QUANTITY, ASKED, "more than 0; what is held bounds it", _quantity),
    InstructionRung(Check.P07_PRICE, NONE, _PRICELESS),
    InstructionRung(Check.P08_ORDER_VALUE, NONE, f"{_PRICELESS}; P30 asks for two people"),
    InstructionRung(Check.P09_THEO_COLLAR, NONE, _PRICELESS),
    InstructionRung(Check.P10_LAST_COLLAR, NONE, _PRICELESS),
    InstructionRung(Check.P11_OWN_QUOTE_COLLAR, NONE, _PRICELESS),
    InstructionRung(Check.P12_CROSSING, NONE, _PRICELESS),
    InstructionRung(Check.P13_SELF_TRADE, NONE, "it meets no order"),
    InstructionRung(
        Check.P14_DUPLICATE, ALL, "the same one is not in flight or UNKNOWN",
        lambda x: BROKEN * (x.twins > 0),
    ),
    InstructionRung(
        Check.P15_MESSAGE_RATE, ALL, "the reserve for cancels stays whole",
        lambda x: BROKEN * (x.tokens - 1 < x.reserve),
    ),
    InstructionRung(Check.P16_REPEATED_EXECUTION, NONE, "it is not filled"),
    InstructionRung(Check.P17_ORDER_TO_TRADE, NONE, "it is no order"),
    InstructionRung(Check.P18_POSITION, NONE, _ADDS_NOTHING),
    InstructionRung(
        Check.P19_GREEKS, NONE, "what is exercised expires today anyway; the rest moves no Greek"
    ),
    InstructionRung(
        Check.P20_MARGIN, (Kind.SPLIT,), "the margin that the combination saved is free", _margin
    ),
    InstructionRung(Check.P21_PREMIUM, NONE, "no premium is paid"),
    InstructionRung(
        Check.P22_COVERED, (Kind.LOCK, Kind.UNLOCK), "units that are free; that nothing needs",
        _cover,
    ),
    InstructionRung(
        Check.P23_EXPIRY, _EXERCISES,
        "the exercise day; the cash of a call, the units of a put", _expiry,
    ),
    InstructionRung(
        Check.P24_OPEN_CLOSE, (*_LEGS, Kind.SPLIT),
        "the position less what claims it, the combination's units", _holding,
    ),
    InstructionRung(Check.P25_LOSS_STOP, NONE, _ADDS_NOTHING),
    InstructionRung(Check.P26_VAR, NONE, _ADDS_NOTHING),
    InstructionRung(Check.P27_DUTY, NONE, "it is no quote"),
    InstructionRung(Check.P28_FILING, NONE, "people send it, no program does"),
    InstructionRung(Check.P29_MODEL_APPROVED, NONE, "no strategy or model decides it"),
    InstructionRung(
        Check.P30_MANUAL, _EXERCISES, "a second person stands behind every exercise",
        lambda x: BROKEN * (not x.two_people),
    ),
    InstructionRung(
        Check.P31_DAILY_TOTALS, ALL, "the bound of instructions alive at once",
        lambda x: BROKEN * (x.alive >= x.most),
    ),
    InstructionRung(
        Check.P32_ACCOUNT_PURPOSE, ASKED, "a designated account",
        lambda x: BROKEN * (x.account == 0),
    ),
    InstructionRung(
        Check.P33_REJECT_RATE, NONE,
        "its trip stops quoting; a right that ends today must stay usable",
    ),
    InstructionRung(Check.P34_LATENCY, NONE, "as P33; P14 bounds what is without an answer"),
    InstructionRung(
        Check.P35_RECONCILIATION, ASKED, "no report is missing, no fill unexplained",
        lambda x: BROKEN * (not x.reconciled),
    ),
    InstructionRung(Check.P36_AGREEMENT, NONE, "it makes no market; people may always close"),
    InstructionRung(Check.P37_OLD_ACCOUNT, NONE, _ADDS_NOTHING),
    InstructionRung(Check.P38_BOTH_ACCOUNTS, NONE, _ADDS_NOTHING),
)  # fmt: skip

BY_CHECK: dict[int, InstructionRung] = {int(one.check): one for one in INSTRUCTION_RUNGS}
