"""The maker's tables of a day, built once from its opening message."""

import numpy as np

from quanheng.books.combinations import Combination
from quanheng.books.positions import load, open_book
from quanheng.duties.conditions import from_rulebook
from quanheng.duties.measure import open_meter
from quanheng.kernels.desk.black import discount_factor
from quanheng.kernels.desk.plugged import CURVE, PLUGGED, STRATEGY, held
from quanheng.kernels.pack import unpack
from quanheng.maker import columns as c
from quanheng.maker import layers, limits
from quanheng.maker.checks import actions_table
from quanheng.maker.guard_state import G_LOCKED
from quanheng.maker.holdings import freeze
from quanheng.maker.ledger import open_ledger
from quanheng.maker.messages import MakerOpen
from quanheng.maker.parameters import INDEX, TABLE, Parameters, open_parameters, put
from quanheng.maker.point_kernels import YUAN
from quanheng.maker.state import BLOCK, U_LAST, U_SPOT, Bucket, Ids, State, blank
from quanheng.maker.states import open_scopes, spread_out
from quanheng.maker.surface_kernels import settle_class
from quanheng.rulebook import phases, position_limits, spread
from quanheng.terms.codes import ROLES
from quanheng.terms.contract import Chain, Contract
from quanheng.terms.days import midnight
from quanheng.terms.units import MONEY_PER_YUAN

QUOTED = ("primary", "general")

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def base36(value: int, width: int) -> str:
    """Upper-case base 36 with leading zeros. ValueError when it does not fit."""
    text = ""
    for _ in range(width):
        value, digit = divmod(value, 36)
        text = _DIGITS[digit] + text
    if value:
        raise ValueError(f"a client id has no room for more than {width} digits")
    return text


def prefix_of(letter: str, epoch: int) -> str:
    """The first four characters of client ids (borders.md 4)."""
    if len(letter) != 1 or letter not in _DIGITS[10:] or letter in "QC":
        raise ValueError(f"client ids cannot start with {letter!r}")
    return letter + base36(epoch, 3)


def _expiries(chain: Chain) -> dict[tuple[int, int], int]:
    """Row of the expiry tables by (class, last trading day), in order."""
    keys = [
        (klass, contract.last_day)
        for klass, item in enumerate(chain.classes)
        for contract in chain.contracts[item.start : item.stop]
    ]
    return {key: row for row, key in enumerate(sorted(dict.fromkeys(keys)))}


def _pairs(chain: Chain, rows: dict[tuple[int, int], int]) -> list[list[tuple[int, int, int]]]:
    """(call slot, put slot, strike) of each expiry by strike.

    Prices are per unit of the fund, so an adjusted contract is a point of the same surface at its
    own strike; only calls and puts of one unit make a pair. Adjusted strikes often carry the wings.
    """
    found: list[dict[tuple[int, int], list[int]]] = [{} for _ in rows]
    for klass, item in enumerate(chain.classes):
        for slot in range(item.start, item.stop):
            contract = chain.contracts[slot]
            pairs = found[rows[klass, contract.last_day]]
            pair = pairs.setdefault((contract.strike, contract.unit), [-1, -1])
            pair[0 if contract.is_call else 1] = slot
    return [
        [(call, put_, key[0]) for key, (call, put_) in sorted(each.items()) if min(call, put_) >= 0]
        for each in found
    ]


def role_of(open_: MakerOpen, contract: Contract) -> str:
    """What we are in the class of a contract: primary unless the opening says otherwise (O-01)."""
    return dict(open_.roles).get(contract.underlying, "primary")


def permitted(open_: MakerOpen, contract: Contract) -> bool:
    """True when the desk's list has the contract, its expiry or its class, or is empty (I-11)."""
    month = f"{contract.underlying}-{str(contract.last_day)[2:6]}"
    may = open_.permitted
    return not may or any(name in may for name in (contract.code, contract.underlying, month))


def _check_lists(open_: MakerOpen) -> None:
    """ValueError for an unknown role, or a designated contract that may not be quoted (L-07)."""
    codes = {contract.code: contract for contract in open_.chain.contracts}
    for underlying, role in open_.roles:
        if role not in ROLES:
            raise ValueError(f"maker: role {role} of {underlying} is not one of {', '.join(ROLES)}")
    for code in open_.designated:
        if code in codes and not permitted(open_, codes[code]):
            raise ValueError(f"maker: designated contract {code} is not on the permitted list")


def _fixed_row(
    open_: MakerOpen, contract: Contract, klass: int, expiry: int, low: int
) -> list[int]:
    book = open_.rulebook
    rank = spread.rank_on(book, contract.last_day, open_.day)
    num, den, floor = spread.band(book, rank)
    role, designated = role_of(open_, contract), contract.code in open_.designated
    row = [0] * c.F_COLUMNS
    row[c.F_KLASS] = klass
    row[c.F_EXPIRY] = expiry
    row[c.F_SIGN] = 1 if contract.is_call else -1
    row[c.F_STRIKE] = contract.strike
    row[c.F_UNIT] = contract.unit
    row[c.F_UP] = contract.limit_up
    row[c.F_DOWN] = contract.limit_down
    row[c.F_SETTLE] = contract.previous_settle
    row[c.F_RANK] = rank
    row[c.F_CAP_NUM], row[c.F_CAP_DEN], row[c.F_CAP_FLOOR] = num, den, floor
    row[c.F_QTY_MAX] = contract.limit_max
    row[c.F_LOW_PRICE] = low
    row[c.F_MARGIN] = contract.margin_unit
    row[c.F_PERMITTED] = int(permitted(open_, contract) and (designated or role in QUOTED))
    row[c.F_ON_INQUIRY] = int(role == "general" and not designated)
    row[c.F_DESIGNATED] = int(designated)
    row[c.F_STEP] = max(contract.step, 1)
    row[c.F_BEFORE] = contract.previous_close or contract.previous_settle
    return row


def _fill_tables(state: State, open_: MakerOpen, rows: dict[tuple[int, int], int]) -> None:
    chain = open_.chain
    low = from_rulebook(open_.rulebook).low_price
    for klass, item in enumerate(chain.classes):
        for slot in range(item.start, item.stop):
            contract = chain.contracts[slot]
            expiry = rows[klass, contract.last_day]
            state.tables.fixed[slot] = _fixed_row(
                open_, contract, klass, expiry, low[contract.underlying_type]
            )
            state.tables.slots[contract.code] = slot
        close = chain.contracts[item.start].underlying_close
        state.view.underlying[klass, U_SPOT] = close
        state.view.underlying[klass, U_LAST] = close
    pairs = _pairs(chain, rows)
    state.tables.pairs = np.array([p for each in pairs for p in each], dtype=np.int64).reshape(
        -1, 3
    )
    start = 0
    at = midnight(open_.day)
    for (klass, last_day), row in rows.items():
        meta = state.tables.meta[row]
        meta[c.E_KLASS], meta[c.E_LAST_DAY] = klass, last_day
        meta[c.E_PAIR_START], meta[c.E_PAIR_STOP] = start, start + len(pairs[row])
        start += len(pairs[row])
        days, _ = phases.variance_left(open_.rulebook, last_day, at)
        meta[c.E_DAYS] = days
        fit = state.surface.fits[row]
        # At the opening the whole of today is still to come.
        fit[c.X_TAU] = (days + 1) / phases.YEAR_DAYS
        years = phases.discount_days(last_day, at) / 365.0
        fit[c.X_YEARS] = years
        fit[c.X_DISCOUNT] = discount_factor(open_.rate * 1e-6, years)


def set_limits(state: State) -> None:
    """Refresh the ladder's limits after a parameter or the opening; one more limits version."""
    open_ = state.opened
    if open_ is None:
        return
    values = state.parameters.values
    column = {item.name: number for number, item in enumerate(TABLE)}
    sources = (
        (c.L_QTY, "max_qty", 1),
        (c.L_VALUE, "max_value", MONEY_PER_YUAN),
        (c.L_THEO_SHARE, "theo_share", 1),
        (c.L_THEO_TICKS, "theo_ticks", 1),
        (c.L_THEO_AGE, "theo_age", 1_000_000),
        (c.L_LAST_SHARE, "last_share", 1),
        (c.L_LAST_TICKS, "last_ticks", 1),
        (c.L_OWN_SHARE, "own_share", 1),
        (c.L_OWN_TICKS, "own_ticks", 1),
        (c.L_CROSS, "cross_ticks", 1),
        (c.L_POSITION, "max_position", 1),
    )
    for target, name, factor in sources:
        state.limits[:, target] = values[:, column[name]] * factor
    granted = {limit.underlying: limit for limit in open_.limits}
    for klass in open_.chain.classes:
        part = state.limits[klass.start : klass.stop]
        rule = position_limits.limits(open_.rulebook, klass.underlying)
        limit = granted.get(klass.underlying, rule)
        part[:, c.L_LONG], part[:, c.L_TOTAL] = limit.long, limit.total
        part[:, c.L_BUY_OPEN] = limit.daily_buy_open
    # Funds are judged against what is free, so the limit itself is zero.
    state.limits[:, c.L_FUNDS] = 0
    state.limits[:, c.L_RESERVE] = state.bucket.rate * 3 // 10
    limits.apply(state)


def _positions(state: State, open_: MakerOpen) -> None:
    slots = len(open_.chain.contracts)
    state.book = open_book(slots, open_.cash)
    long = unpack(open_.long, slots).reshape(-1).tolist() if open_.long else [0] * slots
    short = unpack(open_.short, slots).reshape(-1).tolist() if open_.short else [0] * slots
    covered = unpack(open_.covered, slots).reshape(-1).tolist() if open_.covered else [0] * slots
    for slot, contract in enumerate(open_.chain.contracts):
        held = (long[slot], short[slot], covered[slot])
        if any(held):
            load(state.book, slot, *held, contract.previous_settle, contract.unit)


def _business(state: State, open_: MakerOpen) -> None:
    """Units and combinations held from the day before."""
    business, slots = state.business, state.tables.slots
    business.units[:] = open_.units or 0
    for name, strategy, first, second, units in open_.combinations:
        business.held[name] = Combination(strategy, (slots[first], slots[second]), units)
    freeze(state, open_)


def designated_in(open_: MakerOpen, scope: str) -> list[str]:
    """Designated contracts that a scope names or may come to name."""
    where = layers.parse(scope)
    slots = layers.base(open_.chain, where) if where is not None else []
    codes = [open_.chain.contracts[slot].code for slot in slots]
    return [code for code in codes if code in open_.designated]


def check_plugins(open_: MakerOpen) -> None:
    """Every plug-in that may be chosen is in this process, from the very sources released (I-10).

    ValueError names the one that is not: nothing may be quoted or priced by something else.
    """
    fitting = dict(open_.fitting)
    strategies = [(STRATEGY, code, name) for code, name in open_.quoting]
    curves = [(CURVE, code, fitting.get(code, "")) for code in open_.released]
    for kind, code, name in (*strategies, *curves):
        if code >= PLUGGED and (not name or held(kind, code) != name):
            what = "strategy" if kind == STRATEGY else "curve model"
            loaded = held(kind, code) or "nothing"
            raise ValueError(f"maker: {what} plug-in {code} {name}: this process holds {loaded}")


def _parameters(open_: MakerOpen) -> Parameters:
    check_plugins(open_)
    state = open_parameters(open_.chain)
    for scope, name, value in open_.parameters:
        if name == "curve_model" and value not in open_.released:
            raise ValueError(f"maker: curve model {value} of {scope} is not released")
        if name == "strategy" and value not in dict(open_.quoting):
            raise ValueError(f"maker: strategy {value} of {scope} is not released")
        kept = designated_in(open_, scope) if name == "enabled" and not value else []
        if kept:
            raise ValueError(f"maker: {scope} cannot be disabled: {kept[0]} is designated")
        put(state, open_.chain, scope, name, value)
    if TABLE[INDEX["strategy"]].default not in dict(open_.quoting):
        raise ValueError("maker: the strategy that is the default is not released")
    state.version = 1
    return state


def _records(state: State, open_: MakerOpen) -> None:
    """Limits and figures on record at the opening. ValueError names a record that is wrong."""
    guards = state.guards
    guards.now = midnight(open_.day)
    guards.highest = state.ids.epoch
    for record in open_.granted:
        why = limits.problem(open_.chain, record, 0)
        if not why and limits.unseconded(record):
            why = f"{record.name} of {record.scope} needs a second person"
        if why:
            raise ValueError(f"maker: {why}")
        limits.add(state, record)
    guards.figures = {f"{one.scope} {one.name}": one for one in open_.figures}
    guards.standing[:, G_LOCKED] = open_.locked or 0


def open_state(open_: MakerOpen, before: State) -> State:
    """The state at the start of a day; link, roster and epoch known before it are kept."""
    rows = _expiries(open_.chain)
    _check_lists(open_)
    state = blank(len(open_.chain.contracts), len(open_.chain.classes), len(rows))
    state.opened = open_
    _fill_tables(state, open_, rows)
    state.parameters = _parameters(open_)
    state.actions = actions_table()
    state.denied = np.zeros(state.actions.shape[0], dtype=np.int64)
    epoch = max(open_.epoch, before.ids.epoch if before.opened is None else 0)
    prefix = prefix_of(open_.letter, epoch)
    state.ids = Ids(open_.letter, epoch, 0, BLOCK, prefix)
    rate = open_.messages_per_second
    state.bucket = Bucket(rate, rate * 1_000_000_000, 0, midnight(open_.day))
    _records(state, open_)
    set_limits(state)
    state.scopes = open_scopes(open_.state)
    state.scopes.link = before.scopes.link
    state.issued = dict(before.issued)
    state.scopes.duty = {name: list(people) for name, people in before.scopes.duty.items()}
    spread_out(state.scopes, open_.chain, state.desk)
    _positions(state, open_)
    _business(state, open_)
    state.meter = open_meter(open_.chain, open_.rulebook, (open_.maker,))
    _settle_curves(state, open_)
    open_ledger(state)
    _open_etf(state, open_)
    return state


def _open_etf(state: State, open_: MakerOpen) -> None:
    """Units of the underlyings held from yesterday, all of which may be sold today."""
    if open_.etf_units is None:
        return
    etf = state.etf
    etf.on, etf.cash, etf.base = True, open_.etf_cash, open_.etf_base
    units = open_.etf_units or (0,) * len(open_.chain.classes)
    etf.units = np.array(units, dtype=np.int64)
    etf.sellable = etf.units.copy()
    etf.worth = (etf.units - etf.base) * state.view.underlying[:, U_SPOT]


def _settle_curves(state: State, open_: MakerOpen) -> None:
    """Curves to begin with, from the previous settlement prices."""
    tables, surface = state.tables, state.surface
    for klass, item in enumerate(open_.chain.classes):
        settle_class(
            tables.fixed,
            tables.pairs,
            tables.meta,
            surface.fits,
            surface.curves,
            surface.life,
            klass,
            item.start,
            item.stop,
            float(state.view.underlying[klass, U_SPOT]) * YUAN,
            open_.rate * 1e-6,
        )
