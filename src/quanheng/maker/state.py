"""The maker's whole state: one struct of structs, numbers and arrays (borders.md 2)."""

import msgspec
import numpy as np

from quanheng.books.positions import Book, open_book
from quanheng.duties.lanes import Meter
from quanheng.kernels.desk.curves.layout import ROW
from quanheng.maker import columns as c
from quanheng.maker.etf_state import EtfBook, blank_etf
from quanheng.maker.flow import Flow, open_flow
from quanheng.maker.guard_state import Guards, open_guards
from quanheng.maker.inquiry_life import Inquiries, open_inquiries
from quanheng.maker.instruction_state import Business, blank_business
from quanheng.maker.ledger_state import Ledger, blank_ledger
from quanheng.maker.messages import MakerOpen
from quanheng.maker.monitor_state import Watch, open_watch
from quanheng.maker.parameters import Parameters
from quanheng.maker.states import Scopes, open_scopes
from quanheng.terms import market
from quanheng.terms.codes import Effect, OrderKind, Side, TradingState
from quanheng.terms.units import Lots, Nanos, Ticks

BLOCK = 4_096
"""Client id counters are reserved in blocks (borders.md 4)."""

U_SPOT = 0  # Ticks: what prices are made of
U_LAST = 1
U_AT = 2
U_PRICED = 3  # spot of the last repricing
U_PHASE = 4
U_BID = 5  # best prices, 0 none
U_ASK = 6
U_COLUMNS = 7

J_SINCE = 0  # of a doubted jump (`jumps`): since when, 0 none
J_SPOT = 1  # Ticks: the price that is not believed
J_TICKS = 2  # ticks in a row that agree with it
J_COLUMNS = 3


class Tables(msgspec.Struct):
    """What is fixed for the day: see `columns`. `slots` finds a contract by its code."""

    fixed: np.ndarray
    pairs: np.ndarray
    meta: np.ndarray
    slots: dict[str, int]


class View(msgspec.Struct):
    """The market as last seen: option rows, underlyings int64[classes, U], stamps by class."""

    rows: np.ndarray
    underlying: np.ndarray
    tick_at: np.ndarray
    stale: np.ndarray  # 1 while the class's feed is silent in trading hours
    doubt: np.ndarray  # int64[classes, J]


class Surface(msgspec.Struct):
    """Forwards and curves by expiry, theory by slot; `version` counts a class's publications.

    The rows curves[PUBLISHED] price; a class's version grows whenever one of them changes.
    """

    fits: np.ndarray
    curves: np.ndarray
    life: np.ndarray
    theo: np.ndarray
    theo_at: np.ndarray
    version: np.ndarray
    failed: np.ndarray  # 1 after the alert of a class whose fits fail


class Ids(msgspec.Struct):
    """Client ids: letter, epoch and counter; `reserved` is the end of the durable block."""

    letter: str = "M"
    epoch: int = 1
    counter: int = 0
    reserved: int = 0
    prefix: str = "M001"


class Bucket(msgspec.Struct):
    """Token buckets in billionths of a message: the exchange's flow and the steady refreshes."""

    rate: int = 1_000
    level: int = 1_000_000_000_000
    steady: int = 0
    at: Nanos = 0


class Order(msgspec.Struct):
    """A single order of a person: its place in `lifecycle.TABLE` and what may still trade."""

    client_id: str
    slot: int
    side: Side
    effect: Effect
    kind: OrderKind
    price: Ticks
    leaves: Lots
    life: int
    cancel_id: int
    by: str
    sent_at: Nanos = 0
    covered: bool = False


class Audit(msgspec.Struct):
    """Counters for people and for the invariants; they never steer."""

    passed: int = 0
    sent: int = 0
    cancels: int = 0
    forbidden: int = 0  # sends the life-cycle table does not allow
    unexpected: int = 0  # answers that nothing waited for
    late_fills: int = 0
    duplicates: int = 0
    rejected: int = 0
    inquiries: int = 0
    foreign: int = 0  # reports of ids that are not this machine's


class State(msgspec.Struct):
    """Everything that influences what the maker does next."""

    opened: MakerOpen | None
    tables: Tables
    view: View
    surface: Surface
    parameters: Parameters
    limits: np.ndarray
    actions: np.ndarray
    scopes: Scopes
    work: np.ndarray
    desk: np.ndarray
    worst: np.ndarray
    ids: Ids
    bucket: Bucket
    next_index: dict[str, int]
    gaps: dict[str, int]
    orders: dict[int, Order]
    book: Book
    ledger: Ledger
    etf: EtfBook
    meter: Meter | None
    denied: np.ndarray
    alerted: dict[str, Nanos]
    audit: Audit
    guards: Guards
    watch: Watch
    flow: Flow
    inquiries: Inquiries
    issued: dict[int, int]  # proposals of the authority that were heard -> seq of the input
    business: Business


def ints(*shape: int) -> np.ndarray:
    """Zeros of int64."""
    return np.zeros(shape, dtype=np.int64)


def blank(slots: int = 0, classes: int = 0, expiries: int = 0) -> State:
    """A state before the day's opening, sized for a chain."""
    fits = np.full((expiries, c.X_COLUMNS), np.nan)
    curves = np.full((3, expiries, ROW), np.nan)
    theo = np.full((slots, c.T_COLUMNS), np.nan)
    theo[:, c.T_RESIDUAL] = 0.0
    return State(
        opened=None,
        tables=Tables(ints(slots, c.F_COLUMNS), ints(0, 3), ints(expiries, c.E_COLUMNS), {}),
        view=View(
            ints(slots, market.COLUMNS),
            ints(classes, U_COLUMNS),
            ints(classes),
            ints(classes),
            ints(classes, J_COLUMNS),
        ),
        surface=Surface(
            fits,
            curves,
            ints(expiries, c.V_COLUMNS),
            theo,
            ints(classes),
            ints(classes),
            ints(classes),
        ),
        parameters=Parameters({}, ints(slots, 1), 0, ints(slots)),
        limits=ints(slots, c.L_COLUMNS),
        actions=ints(1, c.A_COLUMNS),
        scopes=open_scopes(TradingState.HALTED),
        work=ints(slots, 2 * c.W_COLUMNS),
        desk=ints(slots, c.D_COLUMNS),
        worst=ints(classes, c.S_COLUMNS),
        ids=Ids(),
        bucket=Bucket(),
        next_index={},
        gaps={},
        orders={},
        book=open_book(slots),
        ledger=blank_ledger(slots, classes, expiries),
        etf=blank_etf(classes),
        meter=None,
        denied=ints(1),
        alerted={},
        audit=Audit(),
        guards=open_guards(slots, classes, c.L_COLUMNS),
        watch=open_watch(slots, classes),
        flow=open_flow(classes),
        inquiries=open_inquiries(slots),
        issued={},
        business=blank_business(classes),
    )
