"""What an order or a setting would do before it is done (pre-deal what-if, I-18, I-32 to I-36).

The maker of a run is brought back to an instant (`why_find`) and copied twice. One copy plans the
class as it is, the other takes the order with its fill, or the setting, through the machine's own
input and plans then: the figures on both sides are the machine's, nothing is worked out by other
code, and the run is not touched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.books import margin_use
from quanheng.compose.run_folder import RunError
from quanheng.compose.watching import watching
from quanheng.compose.why_find import at_instant
from quanheng.duties import measure
from quanheng.maker import columns as c
from quanheng.maker import quote_kernels as q
from quanheng.maker import singles, twin
from quanheng.maker.figure_kernels import greeks_of
from quanheng.maker.inventory import refresh_worst, totals_now
from quanheng.maker.ladder import LADDER
from quanheng.maker.maker import Maker
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.parameters import INDEX, alone
from quanheng.maker.pricing import reprice
from quanheng.maker.quoting import plan
from quanheng.maker.state import State
from quanheng.maker.states import trader
from quanheng.rulebook import phases, quote_size
from quanheng.runtime.envelope import Envelope, RaiseAlert, Source
from quanheng.terms import market
from quanheng.terms.codes import Action, Alert, Exec, OrderKind, Phase, Side
from quanheng.terms.commands import ManualOrder, SetParameter
from quanheng.terms.days import day_nanos
from quanheng.terms.orders import NewOrder, OrderAck, Report, Reports, Send, Trade
from quanheng.terms.units import Nanos, Ticks

PPM = 1_000_000
_SET = "what-if"
_GREEKS = ("delta", "gamma", "vega", "theta")
_LIMIT_KINDS = (OrderKind.LIMIT, OrderKind.LIMIT_FOK)

_USAGE = (
    ("long", (c.S_LONG,), c.L_LONG),
    ("total", (c.S_TOTAL,), c.L_TOTAL),
    ("daily_buy_open", (c.S_BUY_OPEN,), c.L_BUY_OPEN),
    ("delta", (c.S_DELTA_UP, c.S_DELTA_DOWN), c.L_DELTA),
    ("gamma", (c.S_GAMMA_UP, c.S_GAMMA_DOWN), c.L_GAMMA),
    ("vega", (c.S_VEGA_UP, c.S_VEGA_DOWN), c.L_VEGA),
    ("theta", (c.S_THETA_UP, c.S_THETA_DOWN), c.L_THETA),
    ("loss", (c.S_LOSS,), c.L_LOSS),
    ("loss_desk", (c.S_LOSS_DESK,), c.L_LOSS_DESK),
)  # fmt: skip
"""Limits of a class by their worst-case figures; of two figures the larger size counts."""


class Used(msgspec.Struct, frozen=True):
    """A limit of the class and what the worst case of positions and working interest uses of it,
    in the ladder's units (contracts, Money).
    """

    name: str
    used: int
    limit: int


class Standing(msgspec.Struct, frozen=True):
    """The desk's quote of a contract, as it rests or is on its way: Ticks and contracts.

    `counts` says whether it would count for the duty now, `widest` the spread the duty allows at
    its bid, `reachable` the participation the day can still end with if that stays so, in 1e-6.
    """

    contract: str
    bid: Ticks
    bid_qty: int
    ask: Ticks
    ask_qty: int
    widest: Ticks
    counts: bool
    reachable: int


class World(msgspec.Struct, frozen=True):
    """Figures of a class and of the book: Greeks of the positions in Money (per 1 %, per 1 % per
    1 %, per vol point, per trading day), margin of class and book, cash, what is free of it in the
    worst case (P20), limits, quotes.
    """

    greeks: dict[str, int]
    position: dict[str, int]
    margin: int
    margin_book: int
    cash: int
    free: int
    limits: list[Used]
    quotes: list[Standing]

    @property
    def counting(self) -> int:
        """Contracts whose quote counts for the duty now."""
        return sum(one.counts for one in self.quotes)


class Change(msgspec.Struct, frozen=True):
    """What one class is and would be."""

    underlying: str
    before: World
    after: World


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: `broken` and `near` are checks, `refused` other words of the machine, `people`
    how many are needed, `messages` what the change sends at once, classes that change.
    """

    at: Nanos
    asked: dict[str, Any]
    broken: list[int]
    near: list[int]
    refused: str
    people: int
    filled: dict[str, int]
    messages: int
    denied: list[int]
    classes: list[Change]


class _Twins:
    """Two copies of the maker at an instant."""

    def __init__(self, run: Path, at: Nanos) -> None:
        then = at_instant(run, at)
        maker = then.core.machine
        assert isinstance(maker, Maker)
        if maker.state.opened is None:
            raise RunError(f"{run}: the maker was not open yet at this time")
        self.at = max(at, then.core.sequencer.at)
        self.seq = then.envelope.seq
        kept = maker.snapshot()
        self.as_is, self.then = Maker(), Maker()
        self.as_is.restore(kept)
        self.then.restore(kept)
        self.opened: MakerOpen = maker.state.opened

    def give(self, body: Any) -> Effects:
        """One input for the copy that changes."""
        envelope: Envelope[Any] = Envelope(self.seq, self.at, Source.DESK, 0, body)
        return list(self.then.apply(envelope))


def order(run: Path, at: Nanos, body: ManualOrder) -> WhatIf:
    """An order that fills whole: at its limit, or at the opposite best price for the other kinds
    (its price limit when nobody is there). RunError for an unknown contract or instant.
    """
    twins = _Twins(run, at)
    slot = twins.as_is.state.tables.slots.get(body.contract)
    if slot is None:
        raise RunError(f"{run}: no contract {body.contract} on {twins.opened.day}")
    klass = int(twins.as_is.state.tables.fixed[slot, c.F_KLASS])
    # Whoever asks, the order would be the trader's on duty.
    on_duty = trader(twins.as_is.state.scopes, twins.opened.chain.classes[klass].underlying)
    body = msgspec.structs.replace(body, by=on_duty)
    with watching(singles, "review") as seen:
        said = twins.give(body)
    broken, near = _rungs(seen["review"])
    new = next((one for one in _requests(said) if isinstance(one, NewOrder)), None)
    filled: dict[str, int] = {}
    if new is not None:
        price = _fill_price(twins.as_is.state, slot, body)
        unit = int(twins.as_is.state.tables.fixed[slot, c.F_UNIT])
        said += twins.give(Reports(_filled(new, price, twins.at, unit)))
        amount = price * body.qty * unit
        filled = {"price": price, "qty": body.qty, "amount": amount, "effect": int(new.effect)}
    second = bool(body.seconded_by)
    asked = msgspec.to_builtins(body)
    return _answer(
        twins, [klass], said, False, asked=_named(body, asked), broken=broken, near=near,
        filled=filled, people=2 if second else 1, refused="" if new or broken else _words(said),
    )  # fmt: skip


def setting(run: Path, at: Nanos, scope: str, name: str, value: int) -> WhatIf:
    """A quote parameter set for a scope. RunError for an unknown instant; what the machine itself
    would refuse is in `refused`.
    """
    twins = _Twins(run, at)
    state = twins.as_is.state
    people = 0
    if name in INDEX:
        people = 1 if alone(state.parameters, twins.opened.chain, scope, name, value) else 2
    said = twins.give(SetParameter(scope, name, value, "1", "2"))
    old, new = state.parameters.values, twins.then.state.parameters.values
    changed = np.flatnonzero((old != new).any(axis=1))
    classes = sorted(set(state.tables.fixed[changed, c.F_KLASS].tolist()))
    asked = {"scope": scope, "name": name, "value": value}
    return _answer(
        twins, classes, said, True, asked=asked, broken=[], near=[], filled={}, people=people,
        refused=_words(said),
    )  # fmt: skip


def _answer(twins: _Twins, classes: list[int], said: Effects, priced: bool, **known: Any) -> WhatIf:
    """Plan the classes in both copies and put their figures side by side."""
    at, opened = twins.at, twins.opened
    found: list[Change] = []
    planned: Effects = []
    for klass in classes:
        sides = []
        for maker in (twins.as_is, twins.then):
            effects: Effects = planned if maker is twins.then else []
            if priced:
                reprice(maker.state, opened, klass, at, True, effects)
            plan(maker.state, opened, klass, at, effects)
            sides.append(_world(maker.state, opened, klass, at))
        found.append(Change(opened.chain.classes[klass].underlying, *sides))
    return WhatIf(
        at=at,
        messages=sum(1 for _ in _requests(said + planned)),
        denied=_denials(planned),
        classes=found,
        **known,
    )


def _rungs(seen: list[tuple[Any, ...]]) -> tuple[list[int], list[int]]:
    """(every rung an order breaks, not only the first; every one it comes near to)."""
    broken, near = [], []
    for x, w, limits, soft, totals in seen:
        for rung in LADDER:
            if rung.action == Action.ALLOW:
                continue
            bad = twin.broken(rung.check, x, w, limits, totals)
            if bad and rung.action != Action.WARN:
                broken.append(int(rung.check))
            elif bad or (rung.soft and twin.broken(rung.check, x, w, soft, totals)):
                near.append(int(rung.check))
    return broken, near


def _requests(said: Effects) -> Iterator[Any]:
    for effect in said:
        if isinstance(effect, Send):
            yield from effect.requests


def _denials(said: Effects) -> list[int]:
    """Checks that stopped quotes of the planned classes, each once."""
    found = [
        int(one.args[0])
        for one in said
        if isinstance(one, RaiseAlert)
        and one.code == Alert.CHECK_DENIED
        and isinstance(one.args[0], int)
    ]
    return sorted(set(found))


def _words(said: Effects) -> str:
    """Why the machine took no part of it, "" when it did."""
    for one in said:
        if isinstance(one, RaiseAlert) and one.code == Alert.CHECK_DENIED:
            return str(one.args[-1])
        if isinstance(one, RaiseAlert) and one.code in (
            Alert.MODEL_NOT_RELEASED,
            Alert.STRATEGY_NOT_RELEASED,
        ):
            return one.code.value
    return ""


def _named(body: ManualOrder, built: Any) -> dict[str, Any]:
    """An order with the names of its fields."""
    return dict(zip(body.__struct_fields__, built[1:], strict=True))


def _fill_price(state: State, slot: int, body: ManualOrder) -> Ticks:
    if body.kind in _LIMIT_KINDS:
        return body.price
    buys = body.side == Side.BUY
    row = state.view.rows[slot]
    best = int(row[market.ASK if buys else market.BID])
    return best or int(state.tables.fixed[slot, c.F_UP if buys else c.F_DOWN])


def _filled(new: NewOrder, price: Ticks, at: Nanos, unit: int) -> list[Report]:
    """The exchange's answer to an order that trades at once."""
    given = (new.contract, 1, new.side, new.effect)
    ack = OrderAck(
        Exec.ACCEPTED, new.client_id, "", *given, new.kind, price, new.qty, at, 0, 0, 0, new.covered
    )
    amount = price * new.qty * unit
    trade = Trade(
        new.client_id, new.contract, 1, 1, price, new.qty, 0, new.side, new.effect, new.covered,
        at, at, amount,
    )  # fmt: skip
    return [Report(_SET, 1, ack), Report(_SET, 2, trade)]


def _world(state: State, opened: MakerOpen, klass: int, at: Nanos) -> World:
    item, book = opened.chain.classes[klass], state.book
    refresh_worst(state, opened, klass, at)
    totals = totals_now(state, opened, klass, at).tolist()
    limits = state.limits[item.start].tolist()
    margins = state.tables.fixed[:, c.F_MARGIN]
    held = slice(item.start, item.stop)
    return World(
        greeks=_greeks(state, item.start, item.stop),
        position={
            "long": int(book.long_qty[held].sum()),
            "short": int(book.short_qty[held].sum()),
            "covered": int(book.covered_qty[held].sum()),
        },
        margin=margin_use.of_class(book, margins, item.start, item.stop),
        margin_book=margin_use.total(book, margins),
        cash=book.cash,
        free=-totals[c.S_FUNDS],
        limits=[
            Used(name, max(abs(totals[one]) for one in which), limits[column])
            for name, which, column in _USAGE
        ],
        quotes=[_standing(state, opened, slot, at) for slot in range(item.start, item.stop)],
    )


def _greeks(state: State, start: int, stop: int) -> dict[str, int]:
    book, one = state.book, np.zeros(4, dtype=np.int64)
    sums = [0, 0, 0, 0]
    for slot in range(start, stop):
        net = int(book.long_qty[slot] - book.short_qty[slot] - book.covered_qty[slot])
        if net:
            greeks_of(slot, state.tables.fixed, state.surface.theo, state.surface.fits, one)
            sums = [total + net * part for total, part in zip(sums, one.tolist(), strict=True)]
    return dict(zip(_GREEKS, sums, strict=True))


def _standing(state: State, opened: MakerOpen, slot: int, at: Nanos) -> Standing:
    row, fixed = state.work[slot], state.tables.fixed[slot]
    sides = []
    for base in (0, c.W_COLUMNS):
        pending = row[base + c.W_PEND_ID] != 0
        first = base + (c.W_PEND_PX if pending else c.W_LIVE_PX)
        sides.append((int(row[first]), int(row[first + 1])))
    (bid, bids), (ask, asks) = sides
    auction = q.is_auction(state.view.rows[slot, market.PHASE])
    least = quote_size.minimum(opened.rulebook, Phase.OPENING if auction else Phase.CONTINUOUS)
    widest = int(q.widest_ask(bid, fixed)) - bid
    counts = bids >= least and asks >= least and ask - bid <= widest
    left = phases.continuous_left(opened.rulebook, day_nanos(at))
    due = good = 0
    if state.meter is not None:
        due, _, good = measure.live(state.meter, 0, slot, at)
    whole = due + left
    reachable = (good + left * counts) * PPM // whole if whole else PPM
    contract = opened.chain.contracts[slot].code
    return Standing(contract, bid, bids, ask, asks, widest, counts, reachable)
