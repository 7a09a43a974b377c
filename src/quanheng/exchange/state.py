"""The option venue's whole state, and how a day opens."""

import msgspec
import numpy as np

from quanheng.books import combinations as combo
from quanheng.books.combinations import Combination
from quanheng.duties import measure
from quanheng.duties.lanes import Meter
from quanheng.exchange import layout as lay
from quanheng.exchange import profile
from quanheng.exchange.layout import Market
from quanheng.exchange.messages import Member, Standing, VenueOpen
from quanheng.kernels.pack import unpack
from quanheng.rulebook import breaker, fees, phases, quote_size, spread
from quanheng.rulebook.model import Rulebook
from quanheng.terms import market
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.contract import Chain
from quanheng.terms.days import midnight
from quanheng.terms.units import Nanos

SWITCHES = {
    "system": ("new", "old"),
    "breaker_test": ("pre_trade", "post_trade"),
    "auction_tie": ("mid", "nearest_ref"),
    "quote_side": ("keep", "withdraw"),
    "funds": ("on", "off"),
    "flow_limit": ("on", "off"),
}
"""Switches of VenueOpen with their values, default first. `quote_side`: what a quote does to a
side it does not carry (borders.md 4)."""

READINGS = {
    "breaker_test": ("A29", {"executed then auction": "post_trade"}),
    "auction_tie": ("A30", {"nearest reference": "nearest_ref"}),
}
"""Switches that follow a reading of the rulebook, and the value of its alternative."""

ROLES = ("provider", "taker", "auction", "ordinary")
CROWD_CASH = 10**15
"""Opening cash of each account of the crowd: more than it can lose."""
PARTITIONS = ("300", "301")
ORDER_BASE = (300_000_000_000, 400_000_000_000)


class Span(msgspec.Struct, frozen=True, array_like=True):
    """One phase of the session, in instants of the day."""

    start: Nanos
    stop: Nanos
    phase: Phase
    fixed_from: Nanos


class Claimed(msgspec.Struct, frozen=True, array_like=True):
    """An exercise order that stands; `put` is -1 unless two contracts are exercised together."""

    slot: int
    put: int
    qty: int


class Transfer(msgspec.Struct, frozen=True, array_like=True):
    """A transfer to the disposal account that stands, or `back` from it."""

    klass: int
    qty: int
    back: bool


class Desk(msgspec.Struct, array_like=True):
    """A wire member's names and counters at the venue."""

    pbu: str
    ids: dict[int, np.ndarray]  # bitmap pages of request ids seen today, by value >> 15
    orders: dict[str, tuple[int, int, int, int]]  # live order id: number, key, quantity, kind
    quotes: dict[int, str]  # id of the quote resting at slot * 2 + side
    next_index: list[int]  # next report index per partition
    second: int = 0  # flow limit: messages in this second
    count: int = 0
    units: list[int] = []  # of the underlyings, by class
    business: int = 0  # requests of businesses that do not trade, numbered
    claims: dict[str, Claimed] = {}  # exercises by client id, in order of time
    combinations: dict[str, Combination] = {}  # by combination id
    disposal: list[int] = []  # units in the member's disposal account, by class
    due: list[int] = []  # units that come in today from exercises
    transfers: dict[str, Transfer] = {}  # disposal transfers by client id, in order of time


class Crowds(msgspec.Struct, array_like=True):
    """State of the crowd: the arrays of `crowd_layout.Crowd` and what was already done."""

    surface: np.ndarray
    fair: np.ndarray
    drive: np.ndarray
    traits: np.ndarray
    band: np.ndarray
    desk: np.ndarray
    parents: np.ndarray
    asked: np.ndarray
    places: np.ndarray
    rng: np.ndarray
    rows: list[tuple[int, int]]  # surface rows of each class
    shocks: int = 0  # vol shocks done
    bursts: int = 0


class State(msgspec.Struct):
    """Everything that influences the venue's future. Before the first VenueOpen `open` is None."""

    open: VenueOpen | None
    day_start: Nanos
    at: Nanos
    spans: list[Span]
    span: int  # index of the current span, -1 before the first
    session: Phase
    platform: int
    cycle: int  # class snapshots so far
    origin: Nanos  # instant of cycle 0
    images: list[int]  # per class: minute of the last image, -1 wanted at once
    slots: dict[str, int]
    desks: list[Desk]
    by_pbu: dict[str, int]
    live: dict[int, str]  # order number -> client id of members' single orders
    auctions: dict[int, tuple[Nanos, Nanos]]  # slot -> (no cancel from, end)
    pending: dict[int, tuple[Nanos, int]]  # phase rows not yet recorded, by slot
    inquiries: int
    link: int
    book: np.ndarray
    info: np.ndarray
    acct: np.ndarray
    fund: np.ndarray
    risk: np.ndarray
    ev: np.ndarray
    ctl: np.ndarray
    touch: np.ndarray
    standing: np.ndarray
    shown: np.ndarray
    out: np.ndarray
    trade_rows: np.ndarray
    quote_rows: np.ndarray
    crowd: Crowds | None
    meter: Meter | None


def _zeros(*shape: int) -> "np.ndarray":
    return np.zeros(shape, dtype=np.int64)


def empty_state() -> State:
    """The state of a venue before its day opens."""
    return State(
        open=None,
        day_start=0,
        at=0,
        spans=[],
        span=-1,
        session=Phase.START,
        platform=0,
        cycle=0,
        origin=0,
        images=[],
        slots={},
        desks=[],
        by_pbu={},
        live={},
        auctions={},
        pending={},
        inquiries=0,
        link=0,
        book=_zeros(0, 2, lay.CAP, lay.ORDER),
        info=_zeros(0, lay.INFO),
        acct=_zeros(0, lay.BUCKETS, 0),
        fund=_zeros(0, lay.FUND),
        risk=_zeros(0, 0, lay.RISK),
        ev=_zeros(0, lay.EVENT),
        ctl=_zeros(lay.CTL),
        touch=_zeros(0, 0),
        standing=_zeros(0, 0, 4),
        shown=_zeros(0, market.COLUMNS),
        out=_zeros(0, market.COLUMNS),
        trade_rows=_zeros(0, lay.TRADE_ROW),
        quote_rows=_zeros(0, lay.QUOTE_ROW),
        crowd=None,
        meter=None,
    )


def market_of(state: State) -> Market:
    """The arrays a kernel call takes. Never kept: `restore` replaces the arrays."""
    return Market(
        state.book,
        state.info,
        state.acct,
        state.fund,
        state.risk,
        state.ev,
        state.ctl,
        state.touch,
    )


def switch(opened: VenueOpen, name: str) -> str:
    """Value of a switch. ValueError names an unknown key or value."""
    for key, value in opened.switches.items():
        if key not in SWITCHES or value not in SWITCHES[key]:
            raise ValueError(
                f"venue switch {key} = {value}: known are {SWITCHES.get(key, SWITCHES)}"
            )
    key, words = READINGS.get(name, ("", {}))
    default = words.get(opened.rulebook.readings.get(key, ""), SWITCHES[name][0])
    return opened.switches.get(name, default)


def maker_names(opened: VenueOpen) -> tuple[str, ...]:
    """Ids of the dataset's makers by index: wire members first, then the crowd's."""
    wire = tuple(member.maker for member in opened.members)
    return wire + tuple(maker.name for maker in opened.scenario.makers)


def _info(chain: Chain, book: Rulebook) -> "np.ndarray":
    info = _zeros(len(chain.contracts), lay.INFO)
    klass_of = {item.underlying: index for index, item in enumerate(chain.classes)}
    for slot, item in enumerate(chain.contracts):
        row = info[slot]
        low, high = breaker.band(book, item.previous_settle)
        barred = 6 if item.status[:1] == "1" else 0
        for column, value in (
            (lay.INTEREST, item.open_interest),
            (lay.REFERENCE, item.previous_settle),
            (lay.SETTLED, item.previous_settle),
            (lay.UP, item.limit_up),
            (lay.DOWN, item.limit_down),
            (lay.STEP, item.step),
            (lay.UNIT, item.unit),
            (lay.KLASS, klass_of[item.underlying]),
            (lay.BAND_LOW, low),
            (lay.BAND_HIGH, high),
            (lay.BARRED, barred),
            (lay.MARGIN_UNIT, item.margin_unit),
            (lay.LIMIT_MIN, item.limit_min),
            (lay.LIMIT_MAX, item.limit_max),
            (lay.MARKET_MIN, item.market_min),
            (lay.MARKET_MAX, item.market_max),
            (lay.LOT, item.round_lot),
            (lay.STRIKE, item.strike),
            (lay.ODD, profile.weight(item) < 1.0),
            (lay.SIGN, 1 if item.is_call else -1),
            (lay.FAR, spread.rank_on(book, item.last_day, chain.day) > 2),
        ):
            row[column] = value
    return info


def _ctl(opened: VenueOpen) -> "np.ndarray":
    ctl = _zeros(lay.CTL)
    book = opened.rulebook
    ctl[lay.C_NEXT_ID] = 1
    ctl[lay.C_NEXT_EXEC] = 1
    ctl[lay.C_MEMBERS] = len(opened.members)
    ctl[lay.C_MAKERS] = len(opened.members) + len(opened.scenario.makers)
    ctl[lay.C_PRE_TRADE] = switch(opened, "breaker_test") == "pre_trade"
    ctl[lay.C_NEAREST] = switch(opened, "auction_tie") == "nearest_ref"
    ctl[lay.C_AUCTION] = breaker.auction_nanos(book)
    ctl[lay.C_MIN_CONTINUOUS] = quote_size.minimum(book, Phase.CONTINUOUS)
    ctl[lay.C_MIN_AUCTION] = quote_size.minimum(book, Phase.OPENING)
    ctl[lay.C_HELD_STAYS] = switch(opened, "system") == "new"
    ctl[lay.C_FUNDS] = switch(opened, "funds") == "on"
    for role, name in enumerate(ROLES):
        for side in (Side.BUY, Side.SELL):
            for effect in (Effect.OPEN, Effect.CLOSE):
                cost = fees.handling(book, side, effect, False, name, 1)
                cost += fees.settlement(book, side, effect, False, name, 1)
                ctl[lay.C_FEE + role * 4 + (side - 1) * 2 + effect] = cost
    return ctl


def _positions(
    state: State, members: tuple[Member, ...], crowd: tuple[Standing, ...], chain: Chain
) -> None:
    """Opening positions; retail and institutions hold, half each, what makes every contract's long
    equal its short and both its open interest.
    """
    slots = len(chain.contracts)
    state.fund[:, lay.CASH] = CROWD_CASH
    accounts: list[Member | Standing] = [*members, *crowd]
    for index, one in enumerate(accounts):
        for bucket, data in ((lay.LONG, one.long), (lay.SHORT, one.short)):
            if data:
                state.acct[index, bucket] = unpack(data, slots).reshape(-1)
        state.fund[index, lay.CASH] = one.cash
    for index, member in enumerate(members):
        if member.covered:
            state.acct[index, lay.COVERED] = unpack(member.covered, slots).reshape(-1)
    held = state.acct.sum(axis=0)
    short = held[lay.SHORT] + held[lay.COVERED]
    total = np.maximum(state.info[:, lay.INTEREST], np.maximum(held[lay.LONG], short))
    state.info[:, lay.INTEREST] = total
    people = int(state.ctl[lay.C_MAKERS]) + lay.RETAIL
    firms = int(state.ctl[lay.C_MAKERS]) + lay.INSTITUTION
    for bucket, missing in ((lay.LONG, total - held[lay.LONG]), (lay.SHORT, total - short)):
        state.acct[people, bucket] += missing // 2
        state.acct[firms, bucket] += missing - missing // 2
    state.fund[:, lay.MARGIN] = state.acct[:, lay.SHORT] @ state.info[:, lay.MARGIN_UNIT]
    for index, klass in enumerate(chain.classes):
        part = slice(klass.start, klass.stop)
        state.risk[:, index, lay.R_LONG] = state.acct[:, lay.LONG, part].sum(axis=1)
        covered = state.acct[:, lay.COVERED, part]
        state.risk[:, index, lay.R_SHORT] = state.acct[:, lay.SHORT, part].sum(axis=1)
        state.risk[:, index, lay.R_SHORT] += covered.sum(axis=1)
        state.risk[:, index, lay.R_COVERED] = covered @ state.info[part, lay.UNIT]
        for member_index, member in enumerate(members):
            for underlying, most_long, most, bought in member.limits:
                if underlying == klass.underlying:
                    granted = (most_long, most, bought)
                    state.risk[member_index, index, lay.R_MAX_LONG : lay.R_LOCKED] = granted
            if member.locked:
                state.risk[member_index, index, lay.R_LOCKED] = member.locked[index]


def tie(acct: "np.ndarray", held: Combination, units: int) -> None:
    """Hold (units > 0) or release a combination's legs in an account, so that none is closed."""
    for slot, form in zip(held.slots, combo.STRATEGIES[held.strategy], strict=True):
        acct[lay.HELD_SHORT if form.short else lay.HELD_LONG, slot] += units


def _combinations(state: State, members: tuple[Member, ...], chain: Chain) -> None:
    """Combinations that members bring from the day before; their margin is the combination's."""
    single = [row.margin_unit for row in chain.contracts]
    for index, member in enumerate(members):
        for name, strategy, first, second, units in member.combinations:
            slots = (state.slots[first], state.slots[second])
            held = Combination(strategy, slots, units)
            state.desks[index].combinations[name] = held
            tie(state.acct[index], held, units)
            together = combo.opening(chain, strategy, slots)
            state.fund[index, lay.MARGIN] -= units * (combo.singles(held, single) - together)


def open_state(opened: VenueOpen, at: Nanos) -> State:
    """The venue's state at the start of a day. ValueError for a bad switch or member."""
    chain, book = opened.chain, opened.rulebook
    pbus = [member.pbu for member in opened.members]
    if len(dict.fromkeys(pbus)) != len(pbus):
        raise ValueError(f"two members share a trading unit: {pbus}")
    state = empty_state()
    slots, classes = len(chain.contracts), len(chain.classes)
    makers = len(opened.members) + len(opened.scenario.makers)
    accounts = makers + len(lay.PUBLIC)
    if opened.crowd and len(opened.crowd) != accounts - len(opened.members):
        raise ValueError(f"{len(opened.crowd)} standings for the crowd's accounts")
    start = midnight(opened.day)
    state.open = opened
    state.day_start = start
    state.at = at
    state.spans = [
        Span(start + item.start, start + item.stop, item.phase, start + item.no_cancel_from)
        for item in phases.timetable(book)
    ]
    state.images = [-1] * classes
    state.slots = {item.code: slot for slot, item in enumerate(chain.contracts)}
    state.desks = [Desk(pbu, {}, {}, {}, [1, 1]) for pbu in pbus]
    state.by_pbu = {pbu: index for index, pbu in enumerate(pbus)}
    state.book = _zeros(slots, 2, lay.CAP, lay.ORDER)
    state.info = _info(chain, book)
    state.acct = _zeros(accounts, lay.BUCKETS, slots)
    state.fund = _zeros(accounts, lay.FUND)
    state.risk = _zeros(accounts, classes, lay.RISK)
    state.ev = _zeros(lay.EVENTS, lay.EVENT)
    state.ctl = _ctl(opened)
    state.touch = _zeros(slots, accounts)
    state.standing = _zeros(makers, slots, 4)
    state.shown = _zeros(slots, market.COLUMNS)
    state.out = _zeros(slots, market.COLUMNS)
    state.trade_rows = _zeros(lay.ROWS, lay.TRADE_ROW)
    state.quote_rows = _zeros(lay.ROWS, lay.QUOTE_ROW)
    _positions(state, opened.members, opened.crowd, chain)
    for desk, member in zip(state.desks, opened.members, strict=True):
        desk.units = list(member.units) or [0] * classes
        desk.disposal = list(member.disposal) or [0] * classes
        desk.due = list(member.due) or [0] * classes
    _combinations(state, opened.members, chain)
    state.meter = measure.open_meter(chain, book, tuple(item.maker for item in opened.members))
    return state
