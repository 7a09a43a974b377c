"""One maker's duties followed event by event, with what the bare measure does not keep.

A read model: the events of a run go in, nothing comes out but views (`cockpit`). Beside the meter
it keeps the quote that rests, last prices, the market's volume and, while a contract is at a limit
or low, how long the side that stays due stood (Q-07): shown and alerted, never scored.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from quanheng.duties import measure
from quanheng.duties.conditions import Conditions, Subject
from quanheng.duties.day import DayTables
from quanheng.duties.intervals import Cause
from quanheng.duties.lanes import Cell, Meter
from quanheng.terms.codes import Phase
from quanheng.terms.units import DayNanos, Lots, Nanos, Slot, Ticks

Ints = npt.NDArray[np.int64]
NO_QUOTE = (0, 0, 0, 0)
PHASE, QUOTE, TRADE, INQUIRY, MARKET = range(5)


class OneSide(msgspec.Struct):
    """Time in which one side stayed due in a contract, and in which it stood with size."""

    at: Nanos = 0
    due: Nanos = 0
    held: Nanos = 0


class Follower(msgspec.Struct, kw_only=True):
    """State of the read model. `makers[0]` of the meter is the one followed."""

    meter: Meter
    terms: Conditions
    subjects: tuple[Subject, ...]
    quotes: list[tuple[Ticks, Lots, Ticks, Lots]]  # bid, bid_qty, ask, ask_qty by slot
    phases: list[int]
    phase_at: list[Nanos]  # since when
    sides: list[OneSide] | None  # None: not known (a maker's own state)
    holes: list[list[tuple[Nanos, Nanos]]]  # approved exemptions by slot, apart and in order
    traded: list[Lots] | None  # both sides of the market, by slot; None: not known
    volumes: dict[str, list[Lots]] | None  # of the other makers, by slot; None: not known


def begin(tables: DayTables, maker: str) -> Follower:
    """A follower before the first event. ValueError names a maker the day does not know."""
    if maker not in tables.makers:
        known = ", ".join(tables.makers)
        raise ValueError(f"maker {maker!r} is not one of {known} on {tables.day}")
    seat = tables.makers.index(maker)
    own = frozenset(
        item.underlying
        for item, active in zip(tables.subjects, tables.active[seat], strict=True)
        if active
    )
    meter = measure.open_lanes(tables.day, tables.terms, tables.subjects, (maker,), [own])
    count = len(tables.subjects)
    holes: list[list[tuple[Nanos, Nanos]]] = [[] for _ in range(count)]
    for who, slot, since, until in sorted(tables.exemptions):
        if who != seat or until <= since:
            continue
        measure.on_exempt(meter, 0, slot, since, until)
        own_holes = holes[slot]
        if own_holes and since <= own_holes[-1][1]:
            own_holes[-1] = (own_holes[-1][0], max(until, own_holes[-1][1]))
        else:
            own_holes.append((since, until))
    return Follower(
        meter=meter,
        terms=tables.terms,
        subjects=tuple(tables.subjects),
        quotes=[NO_QUOTE] * count,
        phases=[int(Phase.START)] * count,
        phase_at=[0] * count,
        sides=[OneSide() for _ in range(count)],
        holes=holes,
        traded=[0] * count,
        volumes={other: [0] * count for other in tables.makers if other != maker},
    )


def cell_of(f: Follower, slot: Slot) -> Cell:
    """The followed maker's cell of a contract in which it has duties."""
    cell = f.meter.lanes[slot].cells[0]
    assert cell is not None, "only contracts with duties are looked at"
    return cell


def excuse(f: Follower, slot: Slot) -> int:
    """Cause.LIMIT, Cause.LOW or 0 by the last price, or as A07 and A31 read it."""
    lane = f.meter.lanes[slot]
    if lane.limited:
        return int(Cause.LIMIT)
    return int(Cause.LOW) if lane.low else 0


def side_due(f: Follower, slot: Slot) -> bool:
    """Is one side due although no two-sided quote is (Q-07)?"""
    cell = f.meter.lanes[slot].cells[0]
    if f.phases[slot] != Phase.CONTINUOUS or cell is None or cell.exempt:
        return False
    return excuse(f, slot) != 0


def side_stands(f: Follower, slot: Slot) -> bool:
    """The side that stays due rests with the minimum size: any at a limit, the ask when low."""
    bid, bid_qty, ask, ask_qty = f.quotes[slot]
    if ask > 0 and ask_qty >= f.terms.size:
        return True
    return excuse(f, slot) == Cause.LIMIT and bid > 0 and bid_qty >= f.terms.size


def one_side(f: Follower, slot: Slot, at: Nanos) -> tuple[Nanos, Nanos] | None:
    """(due, held) of a contract's one-sided time up to `at`; None when it is not known."""
    if f.sides is None:
        return None
    side = f.sides[slot]
    excused = f.meter.lanes[slot].cells[0] is not None and excuse(f, slot) != 0
    if f.phases[slot] != Phase.CONTINUOUS or not excused or at <= side.at:
        return side.due, side.held
    more = at - side.at
    for since, until in f.holes[slot]:
        more -= max(0, min(until, at) - max(since, side.at))
    return side.due + more, side.held + (more if side_stands(f, slot) else 0)


def _side(f: Follower, slot: Slot, at: Nanos) -> None:
    """Add up one-sided time to `at`, before an event changes anything."""
    found = one_side(f, slot, at)
    if f.sides is not None and found is not None and at > f.sides[slot].at:
        f.sides[slot] = OneSide(at, *found)


def on_phase(f: Follower, slot: Slot, at: Nanos, phase: Phase) -> None:
    """See `measure.on_phase`."""
    _side(f, slot, at)
    if f.phases[slot] != phase:
        f.phases[slot], f.phase_at[slot] = int(phase), at
    measure.on_phase(f.meter, slot, at, phase)


def on_quote(f: Follower, slot: Slot, at: Nanos, row: tuple[Ticks, Lots, Ticks, Lots]) -> None:
    """The followed maker's quote; see `measure.on_quote`."""
    _side(f, slot, at)
    f.quotes[slot] = row
    measure.on_quote(f.meter, 0, slot, at, *row)


def on_trade(
    f: Follower, slot: Slot, at: Nanos, price: Ticks, qty: Lots, parties: Sequence[str]
) -> None:
    """A trade between two makers' names, "" for others."""
    _side(f, slot, at)
    if f.traded is not None:
        f.traded[slot] += 2 * qty
    ours = f.meter.makers[0]
    buyer, seller = (0 if name == ours else -1 for name in parties)
    measure.on_trade(f.meter, slot, at, qty, buyer, seller)
    measure.on_last(f.meter, slot, at, price)
    for name in parties:
        if f.volumes is not None and name in f.volumes:
            f.volumes[name][slot] += qty


def on_inquiry(f: Follower, slot: Slot, at: Nanos) -> None:
    """See `measure.on_inquiry`."""
    _side(f, slot, at)
    measure.on_inquiry(f.meter, slot, at, 0)


def on_market(f: Follower, slot: Slot, at: Nanos, row: tuple[Ticks, Lots, Ticks, Lots]) -> None:
    """The market's best quote; see `measure.on_market`."""
    _side(f, slot, at)
    measure.on_market(f.meter, slot, at, *row)


Event = tuple[DayNanos, int, Slot, int]
"""(at, kind, slot, row in its table)."""


def events_of(tables: DayTables, maker: str) -> list[Event]:
    """A day's events that concern one maker, by time; trades keep their order. The market's best
    quotes are among them where the day has them.
    """
    seat = tables.makers.index(maker)
    own = np.flatnonzero(tables.quote_maker == seat)
    parts = [
        (tables.phase_at, PHASE, tables.phase_contract, np.arange(len(tables.phase_at))),
        (tables.quotes[own, 0], QUOTE, tables.quote_contract[own], own),
        (tables.trade_at, TRADE, tables.trade_contract, np.arange(len(tables.trade_at))),
        (tables.inquiry_at, INQUIRY, tables.inquiry_contract, np.arange(len(tables.inquiry_at))),
        (tables.market[:, 0], MARKET, tables.market_contract, np.arange(len(tables.market))),
    ]
    at = np.concatenate([part[0] for part in parts])
    kind = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    slot = np.concatenate([part[2] for part in parts])
    row = np.concatenate([part[3] for part in parts])
    order = np.lexsort((row, kind, at))
    columns = [column[order].tolist() for column in (at, kind, slot, row)]
    return list(zip(*columns, strict=True))


def apply(f: Follower, tables: DayTables, event: Event, names: tuple[str, ...]) -> None:
    """One event. `names`: makers with "" at the end, so that -1 is nobody."""
    at, kind, slot, row = event
    if slot < 0:
        return
    if kind == PHASE:
        on_phase(f, slot, at, Phase(int(tables.phase[row])))
    elif kind == QUOTE:
        bid, bid_qty, ask, ask_qty = tables.quotes[row, 1:].tolist()
        on_quote(f, slot, at, (bid, bid_qty, ask, ask_qty))
    elif kind == TRADE:
        price, qty = int(tables.trade_price[row]), int(tables.trade_qty[row])
        buyer, seller = tables.parties[row].tolist()
        on_trade(f, slot, at, price, qty, (names[buyer], names[seller]))
    elif kind == MARKET:
        bid, bid_qty, ask, ask_qty = tables.market[row, 1:].tolist()
        on_market(f, slot, at, (bid, bid_qty, ask, ask_qty))
    else:
        on_inquiry(f, slot, at)
