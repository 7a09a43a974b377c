"""What one input leads to: effects in order, reports per member, rows for the dataset.

A Turn lives for one `apply`. Kernels leave events in a table; `drain` turns them into trade
reports, dataset rows, duty events and alerts.
"""

import numpy as np

from quanheng.duties import measure
from quanheng.exchange import layout as lay
from quanheng.exchange.messages import Deliver, MarginAnswered, PlatformStateChanged, Refuse
from quanheng.exchange.quotes import look
from quanheng.exchange.state import ORDER_BASE, PARTITIONS, State, market_of
from quanheng.exchange.tables import log_trades
from quanheng.kernels.pack import pack
from quanheng.runtime.envelope import RaiseAlert, Record, WakeAt
from quanheng.terms.codes import Effect, Phase, Side
from quanheng.terms.market import ChainTick, Inquiry
from quanheng.terms.orders import AnyReport, Report, RequestRejected, Trade
from quanheng.terms.units import SECOND, Nanos

VenueEffect = (
    WakeAt
    | Deliver
    | Refuse
    | MarginAnswered
    | ChainTick
    | Inquiry
    | Record
    | RaiseAlert
    | PlatformStateChanged
)
EXEC_BASE = 100_000_000_000
INQUIRY_LIFE = 30 * SECOND
"""Forwarded inquiries expire once the answer and its hold are over (Q-06)."""
SIDES = (Side.BUY, Side.SELL)


class Turn:
    """Effects of one input, while it is being applied."""

    __slots__ = ("at", "broke", "effects", "market", "rejects", "reports", "state")

    def __init__(self, state: State, at: Nanos) -> None:
        self.state = state
        self.at = at
        self.market = market_of(state)
        self.effects: list[VenueEffect] = []
        self.reports: dict[int, list[Report]] = {}
        self.rejects: dict[int, list[RequestRejected]] = {}
        self.broke: list[int] = []

    def report(self, member: int, slot: int, body: AnyReport) -> None:
        """Queue a report in the partition of its contract, with the next index."""
        part = slot & 1
        desk = self.state.desks[member]
        index = desk.next_index[part]
        desk.next_index[part] = index + 1
        queue = self.reports.get(member)
        if queue is None:
            queue = self.reports[member] = []
        queue.append(Report(PARTITIONS[part], index, body))

    def finish(self) -> list[VenueEffect]:
        """The effects in order: refusals and reports of each member come last."""
        desks = self.state.desks
        for member, rejects in self.rejects.items():
            self.effects.append(Refuse(desks[member].pbu, rejects))
        for member, reports in self.reports.items():
            self.effects.append(Deliver(desks[member].pbu, reports))
        return self.effects


def flush_quotes(state: State, effects: list[VenueEffect]) -> None:
    """Write and measure what makers' quotes became at the last instant that touched any.

    Called when time moves on, so that one instant gives at most one row per maker and contract
    (duty_dataset.md, detail 1).
    """
    ctl = state.ctl
    market = market_of(state)
    members = int(ctl[lay.C_MEMBERS])
    while ctl[lay.C_TOUCHED]:
        if ctl[lay.C_QUOTES] > lay.ROWS // 2:
            emit_quotes(state, effects)
        first = look(market, state.standing, state.quote_rows, state.at)
        if members and state.meter is not None:
            rows = state.quote_rows[first : int(ctl[lay.C_QUOTES])]
            for row in rows[rows[:, 0] < members].tolist():
                measure.on_quote(state.meter, *row)


def emit_quotes(state: State, effects: list[VenueEffect]) -> None:
    """Hand over the quote rows collected so far."""
    count = int(state.ctl[lay.C_QUOTES])
    if count:
        effects.append(Record("quotes", lay.QUOTE_ROW, pack(state.quote_rows[:count])))
        state.ctl[lay.C_QUOTES] = 0


def emit_trades(state: State, effects: list[VenueEffect]) -> None:
    """Hand over the trade rows collected so far."""
    count = int(state.ctl[lay.C_TRADES])
    if count:
        effects.append(Record("trades", lay.TRADE_ROW, pack(state.trade_rows[:count])))
        state.ctl[lay.C_TRADES] = 0


def emit_phases(state: State, effects: list[VenueEffect]) -> None:
    """Hand over the phase rows of instants that have passed."""
    if state.pending:
        rows = [(slot, at, phase) for slot, (at, phase) in state.pending.items()]
        effects.append(Record("phases", 3, pack(np.array(rows, dtype=np.int64))))
        state.pending = {}


def drain(turn: Turn) -> None:
    """Empty the event table: reports, rows, duties, inquiries; breakers are left in `broke`."""
    state = turn.state
    count = int(state.ctl[lay.C_EVENTS])
    if not count:
        return
    if state.ctl[lay.C_TRADES] > lay.ROWS - lay.EVENTS:
        emit_trades(state, turn.effects)
    log_trades(turn.market, state.trade_rows, turn.at)
    members = len(state.desks)
    meter = state.meter
    rows = state.ev[:count].tolist()
    state.ctl[lay.C_EVENTS] = 0
    for row in rows:
        kind, slot, price, qty = row[0], row[1], row[2], row[3]
        if kind == lay.TRADED:
            buyer, seller = row[5], row[6]
            if meter is not None and price != row[4]:
                measure.on_last(meter, slot, turn.at, price)
            if buyer < members or seller < members:
                _fill(turn, row, members)
        elif kind == lay.BROKE:
            turn.broke.append(slot)
        else:
            _inquire(turn, slot, price, qty)


def _fill(turn: Turn, row: list[int], members: int) -> None:
    """Trade reports of the members in a fill."""
    state = turn.state
    opened = state.open
    if opened is None:
        return
    slot, price, qty = row[1], row[2], row[3]
    sides = (row[lay.E_BUYER], row[lay.E_SELLER])
    if state.meter is not None:
        buyer, seller = (owner if owner < members else -1 for owner in sides)
        measure.on_trade(state.meter, slot, turn.at, qty, buyer, seller)
    contract = opened.chain.contracts[slot]
    number = int(state.ctl[lay.C_NEXT_EXEC])
    state.ctl[lay.C_NEXT_EXEC] = number + 1
    for side, owner in enumerate(sides):
        if owner >= members:
            continue
        order, left = row[lay.E_BUY_ID + side], row[lay.E_BUY_LEFT + side]
        flags = row[lay.E_BUY_FLAGS + side]
        body = Trade(
            client_name(state, owner, slot * 2 + side, order, flags, left == 0),
            contract.code,
            ORDER_BASE[slot & 1] + order,
            EXEC_BASE + number,
            price,
            qty,
            left,
            SIDES[side],
            Effect.CLOSE if flags & lay.CLOSE else Effect.OPEN,
            bool(flags & lay.COVERED_FLAG),
            turn.at,
            row[lay.E_BUY_AT + side],
            price * qty * contract.unit,
        )
        turn.report(owner, slot, body)


def client_name(state: State, owner: int, key: int, order: int, flags: int, done: bool) -> str:
    """Client id of a member's order or quote side; forgets it when it is done."""
    desk = state.desks[owner]
    if flags & lay.QUOTED:
        return desk.quotes.pop(key, "") if done else desk.quotes[key]
    name = state.live[order]
    if done:
        del state.live[order]
        desk.orders.pop(name, None)
    return name


def _inquire(turn: Turn, slot: int, side: int, qty: int) -> None:
    """Forward an inquiry to the makers of the class (interfaces.md 2.7)."""
    state = turn.state
    if state.open is None:
        return
    state.inquiries += 1
    number = state.inquiries
    if state.meter is not None:
        measure.on_inquiry(state.meter, slot, turn.at, number)
    contract = state.open.chain.contracts[slot].code
    rows = np.array([[slot, turn.at, number]], dtype=np.int64)
    turn.effects.append(Record("inquiries", 3, pack(rows)))
    name = f"RQ{state.open.day}{number:08d}"
    turn.effects.append(Inquiry(name, contract, side, qty, turn.at, turn.at + INQUIRY_LIFE))


def record_phase(turn: Turn, slot: int, phase: Phase) -> None:
    """A contract is in `phase` from now on; of several in one instant the last stands.

    The phase decides the size in force, so every maker's quote there is looked at again.
    """
    state = turn.state
    state.info[slot, lay.PHASE] = phase
    state.touch[slot, :] = 1
    state.ctl[lay.C_TOUCHED] = 1
    state.pending[slot] = (turn.at, int(phase))
    if state.meter is not None:
        measure.on_phase(state.meter, slot, turn.at, phase)
