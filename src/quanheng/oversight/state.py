"""Everything the overseer knows: account, market, model, figures, cases."""

from typing import NamedTuple

import msgspec
import numpy as np

from quanheng.kernels.independent.bump import ROWS
from quanheng.kernels.pack import unpack
from quanheng.oversight.messages import CarriedCase, DeskFigures, OverseerOpen
from quanheng.oversight.scenarios import COUNT
from quanheng.rulebook import margin as margin_rule
from quanheng.terms.contract import Chain
from quanheng.terms.days import midnight
from quanheng.terms.units import TICKS_PER_YUAN, Lots, Money, Nanos

PAST = 5
"""Own prices of so many runs are kept: a price of the desk that was ours then came late."""


class Case(msgspec.Struct):
    """A breach and where it stands; `cases.LIFE_CYCLE` moves it."""

    number: str
    scope: str
    name: str
    value: int
    limit: int
    status: str
    since: Nanos
    due: Nanos = 0
    step: int = 0  # missed deadlines
    history: list[tuple[Nanos, str, str, str]] = []
    facts: dict[str, int] = {}
    evidence: list[str] = []

    def carried(self) -> CarriedCase:
        """As it crosses to the next day."""
        return CarriedCase(
            self.number, self.scope, self.name, self.value, self.limit, self.status, self.since,
            self.due, self.step, tuple(self.history), tuple(sorted(self.facts.items())),
            tuple(self.evidence),
        )  # fmt: skip


class Fold(msgspec.Struct, frozen=True, array_like=True):
    """What a fill did to the books: contracts of a slot, cash before fees, least and most fees."""

    at: Nanos
    set_id: str
    index: int
    slot: int
    long: Lots
    short: Lots
    covered: Lots
    cash: Money
    least: Money
    most: Money


class Account(msgspec.Struct):
    """Positions by slot and cash, folded from the drop copy alone.

    `by_owner` int64[owners, slots]: net contracts of each attribution, the opening ones with owner
    0; `units_by_owner` the same of underlyings. `spent` Money by owner and class: premium received
    less paid today.
    """

    cash: Money
    aside: Money
    fees: Money
    long: np.ndarray
    short: np.ndarray
    covered: np.ndarray
    units: np.ndarray
    by_owner: np.ndarray
    units_by_owner: np.ndarray
    spent: np.ndarray
    fee_paid: np.ndarray  # Money by owner and class
    opening_net: np.ndarray
    opening_units: np.ndarray
    traded: np.ndarray  # contracts by slot today
    combinations: dict[str, tuple[str, int, int, Lots]]  # id: strategy, slots, units
    seen: dict[str, int]  # last index of each report set
    fund_fees: np.ndarray  # Money by class, of fills in the underlyings
    fee_range: np.ndarray  # least and most Money of fees by class, whoever provided
    places: dict[str, int]  # slot by contract code
    klasses: dict[str, int]  # class by underlying
    recent: list[Fold] = []  # fills that a claim of the desk may not know yet


class Model(msgspec.Struct):
    """The chain as arrays, and the last own curve.

    By strike row: `row_expiry`, `row_strike` yuan, `row_pair` (call and put slot), `row_vol`. By
    expiry: rows [start, stop), forward, tau, discount. By slot: the rest; `values` are bumped
    Greeks of what is held, `prices` of all with a vol, `moves` the profit grid per unit in
    1e-7 yuan.
    `settle` is the mark before there is a price, and what was carried in is worth.
    """

    klass: np.ndarray
    expiry: np.ndarray
    sign: np.ndarray
    strike: np.ndarray
    unit: np.ndarray
    margin: np.ndarray  # Money of one short, opening
    settle: np.ndarray  # Ticks
    row_of: np.ndarray  # strike row of each slot
    row_start: np.ndarray
    row_strike: np.ndarray
    row_pair: np.ndarray
    row_vol: np.ndarray
    last_days: np.ndarray
    expiry_klass: np.ndarray
    forward: np.ndarray
    tau: np.ndarray
    discount: np.ndarray
    mid: np.ndarray  # yuan by slot, NaN without a market
    half: np.ndarray  # half spread, yuan
    live: np.ndarray  # 1 where the last image had a continuous two-sided market
    spot: np.ndarray  # Ticks by class
    spot_open: np.ndarray
    gridded: np.ndarray  # spot at which a class's grid was made, yuan; 0 never
    grid_at: np.ndarray  # when, Nanos
    prices: np.ndarray
    values: np.ndarray
    past: np.ndarray  # prices of the last runs, the newest first
    moves: np.ndarray
    volume: np.ndarray  # contracts traded today in the market, by slot
    seen_market: int = 0


class State(msgspec.Struct):
    """The machine's state; before its opening `opened` is None."""

    opened: OverseerOpen | None = None
    at: Nanos = 0
    account: Account | None = None
    model: Model | None = None
    owners: list[tuple[str, str]] = []  # (desk, strategy); 0: carried from before
    runs: int = 0
    fresh: bool = True  # something traded or moved since the last figures
    asked: int = 0
    figures: dict[str, list[int]] = {}  # scope -> COLUMNS of the last run
    peak: Money = 0
    cases: dict[str, Case] = {}
    born: int = 0  # cases of today
    near: dict[str, int] = {}  # "scope name": 1 while warned
    off: dict[str, int] = {}  # comparison key -> minutes in a row
    explained: dict[str, str] = {}
    claim: DeskFigures | None = None
    silent: int = -1  # runs without a claim while contracts trade; -1: the desk never claimed
    copied: int = 0  # messages of the drop copy
    orders: dict[str, list[int]] = {}  # client id -> slot, left to buy, left to sell
    asked_low: dict[str, int] = {}  # scope -> lowest state asked for and not released since
    opened_long: list[Lots] = []  # contracts bought to open today, by class


class _Map(NamedTuple):
    """A chain's strike rows and expiries: rows ordered by expiry, strike and unit."""

    klass: np.ndarray
    expiry: np.ndarray
    row_of: np.ndarray
    row_start: np.ndarray
    row_strike: np.ndarray
    row_pair: np.ndarray
    last_days: np.ndarray
    expiry_klass: np.ndarray


def _mapped(chain: Chain) -> _Map:
    keys = sorted(
        {
            (klass, row.last_day): 0
            for klass, item in enumerate(chain.classes)
            for row in chain.contracts[item.start : item.stop]
        }
    )
    place = {key: number for number, key in enumerate(keys)}
    expiry = np.zeros(len(chain.contracts), dtype=np.int64)
    klass_of = np.zeros(len(chain.contracts), dtype=np.int64)
    rows: dict[tuple[int, int, int], list[int]] = {}
    for klass, item in enumerate(chain.classes):
        for slot in range(item.start, item.stop):
            row = chain.contracts[slot]
            klass_of[slot], expiry[slot] = klass, place[klass, row.last_day]
            pair = rows.setdefault((int(expiry[slot]), row.strike, row.unit), [-1, -1])
            pair[0 if row.is_call else 1] = slot
    ordered = sorted(rows)
    starts = np.zeros(len(keys) + 1, dtype=np.int64)
    row_of = np.zeros(len(chain.contracts), dtype=np.int64)
    for number, key in enumerate(ordered):
        starts[key[0] + 1] = number + 1
        row_of[[slot for slot in rows[key] if slot >= 0]] = number
    return _Map(
        klass_of,
        expiry,
        row_of,
        np.maximum.accumulate(starts),
        np.array([key[1] for key in ordered]) / TICKS_PER_YUAN,
        np.array([rows[key] for key in ordered], dtype=np.int64).reshape(-1, 2),
        np.array([key[1] for key in keys], dtype=np.int64),
        np.array([key[0] for key in keys], dtype=np.int64),
    )


def open_model(opened: OverseerOpen) -> Model:
    """The model of a chain before any market: previous settlements stand for mids."""
    chain = opened.chain
    found = _mapped(chain)
    slots, expiries = len(chain.contracts), found.last_days.size
    settle = np.array([row.previous_settle for row in chain.contracts], dtype=np.int64)
    closes = [chain.contracts[item.start].underlying_close for item in chain.classes]
    margins = [
        margin_rule.opening(
            opened.rulebook, row.underlying_type, row.kind, row.strike, row.previous_settle,
            row.underlying_close, row.unit,
        )
        for row in chain.contracts
    ]  # fmt: skip
    return Model(
        **found._asdict(),
        sign=np.array([1.0 if row.is_call else -1.0 for row in chain.contracts]),
        strike=np.array([row.strike for row in chain.contracts]) / TICKS_PER_YUAN,
        unit=np.array([row.unit for row in chain.contracts], dtype=np.int64),
        margin=np.array(margins, dtype=np.int64),
        settle=settle,
        row_vol=np.full(found.row_strike.size, np.nan),
        forward=np.full(expiries, np.nan),
        tau=np.zeros(expiries),
        discount=np.ones(expiries),
        mid=settle / TICKS_PER_YUAN,
        half=np.zeros(slots),
        live=np.zeros(slots, dtype=np.int64),
        spot=np.array(closes, dtype=np.int64),
        spot_open=np.array(closes, dtype=np.int64),
        gridded=np.zeros(len(chain.classes)),
        grid_at=np.zeros(len(chain.classes), dtype=np.int64),
        prices=np.full(slots, np.nan),
        values=np.full((slots, ROWS), np.nan),
        past=np.full((PAST, slots), np.nan),
        moves=np.zeros((slots, COUNT), dtype=np.int64),
        volume=np.zeros(slots, dtype=np.int64),
    )


def open_account(opened: OverseerOpen, owners: int) -> Account:
    """The account at the opening. ValueError for a combination in a contract that is not listed."""
    chain, given = opened.chain, opened.account
    slots, classes = len(chain.contracts), len(chain.classes)
    held = [
        unpack(data, slots).reshape(-1).copy() if data else np.zeros(slots, dtype=np.int64)
        for data in (given.long, given.short, given.covered)
    ]
    units = np.array(given.units or (0,) * classes, dtype=np.int64)
    places = {row.code: slot for slot, row in enumerate(chain.contracts)}
    combined = {}
    for name, strategy, first, second, count in given.combinations:
        if first not in places or second not in places:
            raise ValueError(f"overseer: combination {name} of {first}, {second}: not listed")
        combined[name] = (strategy, places[first], places[second], count)
    by_owner = np.zeros((owners, slots), dtype=np.int64)
    units_by_owner = np.zeros((owners, classes), dtype=np.int64)
    by_owner[0] = held[0] - held[1] - held[2]
    units_by_owner[0] = units
    nothing = np.zeros((owners, classes), dtype=np.int64)
    return Account(
        cash=given.cash,
        aside=given.aside,
        fees=0,
        long=held[0],
        short=held[1],
        covered=held[2],
        units=units,
        by_owner=by_owner,
        units_by_owner=units_by_owner,
        spent=nothing,
        fee_paid=nothing.copy(),
        opening_net=by_owner[0].copy(),
        opening_units=units.copy(),
        traded=np.zeros(slots, dtype=np.int64),
        combinations=combined,
        seen={},
        fund_fees=np.zeros(classes, dtype=np.int64),
        fee_range=np.zeros((classes, 2), dtype=np.int64),
        places=places,
        klasses={item.underlying: number for number, item in enumerate(chain.classes)},
    )


def open_state(opened: OverseerOpen) -> State:
    """The state at the start of a day."""
    owners = [("", "carried")]
    for line in opened.register:
        if (line.desk, line.strategy) not in owners:
            owners.append((line.desk, line.strategy))
    owners.append(("", "unknown"))
    cases = {
        one.number: Case(
            one.number, one.scope, one.name, one.value, one.limit, one.status, one.since,
            one.due, one.step, list(one.history), dict(one.facts), list(one.evidence),
        )
        for one in opened.cases
    }  # fmt: skip
    return State(
        opened=opened,
        at=midnight(opened.day),
        account=open_account(opened, len(owners)),
        model=open_model(opened),
        owners=owners,
        peak=opened.peak,
        cases=cases,
        opened_long=[0] * len(opened.chain.classes),
    )
