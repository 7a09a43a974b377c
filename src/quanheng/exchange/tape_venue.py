"""The tape venue: a recorded market that answers one member's quotes (docs/backtest.md).

A machine in the option venue's place: it takes a tape's messages and a member's requests, shows the
market on, and answers with the reports, fills and dataset rows the venue would give. Nothing that
it fills moves the recorded market.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, assert_never

import numpy as np

from quanheng.exchange.front import NOT_IMPLEMENTED
from quanheng.exchange.layout import TRADE_ROW
from quanheng.exchange.messages import (
    Deliver,
    PlatformStateChanged,
    Refuse,
    TapeEnd,
    TapeOpen,
    TapePrints,
)
from quanheng.exchange.state import ORDER_BASE, PARTITIONS
from quanheng.exchange.tape_fills import AUCTIONS, BOUNDS, Fill, on_print, on_rows
from quanheng.exchange.tape_quotes import at_once, cancel, enter, refusal
from quanheng.exchange.tape_state import (
    R_AT,
    R_EFFECT,
    R_ORDER,
    R_PRICE,
    R_QTY,
    TapeState,
    tape_state,
)
from quanheng.exchange.turn import EXEC_BASE, SIDES
from quanheng.kernels.pack import pack, unpack
from quanheng.rulebook.quote_size import minimum
from quanheng.runtime.envelope import Envelope, Record
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms import market
from quanheng.terms.codes import Effect, Phase
from quanheng.terms.market import ChainTick, Inquiry, UnderlyingTicks
from quanheng.terms.orders import (
    AnyReport,
    Quote,
    QuoteCancel,
    Report,
    RequestRejected,
    Requests,
    Trade,
)
from quanheng.terms.units import MILLISECOND, Nanos, Slot

TapeInput = TapeOpen | ChainTick | UnderlyingTicks | Inquiry | TapePrints | Requests | TapeEnd
TapeEffect = (
    Deliver | Refuse | ChainTick | UnderlyingTicks | Inquiry | Record | PlatformStateChanged
)
OPEN_PLATFORM = 2
US, NOBODY = 0, -1
"""Makers of the dataset's rows: ours is the only one that has a name on a tape."""


class TapeVenue:
    """The machine. Its only attribute is `state`; see `runtime.machine.Machine`."""

    NAME: ClassVar[str] = "tape"
    INPUT: ClassVar[object] = TapeInput
    EFFECT: ClassVar[object] = TapeEffect
    DIGESTED: ClassVar[tuple[type, ...]] = (ChainTick,)

    def __init__(self) -> None:
        self.state: TapeState = tape_state(None, 0)

    def apply(self, envelope: Envelope[TapeInput]) -> Sequence[TapeEffect]:
        """Take one input; ValueError for a bound, class or unit that the day does not have."""
        at = envelope.at - envelope.at % MILLISECOND
        body, state = envelope.body, self.state
        if isinstance(body, TapeOpen):
            return self._open(body, at)
        if state.opened is None:
            raise ValueError(f"tape got {type(body).__name__} before its day was opened")
        effects: list[TapeEffect] = []
        if at > state.at:
            _flush(state, effects)
            state.at = at
        match body:
            case ChainTick():
                self._tick(body, at, effects)
            case UnderlyingTicks():
                effects.append(body)
            case Requests():
                self._requests(body, at, effects)
            case Inquiry():
                self._inquiry(body, at, effects)
            case TapePrints():
                self._prints(body, at, effects)
            case TapeEnd():
                self._end(at, effects)
            case _:
                assert_never(body)
        return effects

    def _open(self, opened: TapeOpen, at: Nanos) -> Sequence[TapeEffect]:
        if opened.fills not in BOUNDS:
            raise ValueError(f"tape: fills {opened.fills!r} is not one of {', '.join(BOUNDS)}")
        self.state = tape_state(opened, at)
        self.state.pending = dict.fromkeys(range(len(opened.chain.contracts)), int(Phase.START))
        return [PlatformStateChanged(OPEN_PLATFORM)]

    def _tick(self, tick: ChainTick, at: Nanos, effects: list[TapeEffect]) -> None:
        state = self.state
        assert state.opened is not None, "the tape was opened"
        rows = unpack(tick.rows, market.COLUMNS)
        slots = rows[:, market.SLOT]
        item = state.opened.chain.classes[tick.klass]
        if ((slots < item.start) | (slots >= item.stop)).any():
            raise ValueError(f"tape: tick of class {item.underlying} at {tick.at} leaves the class")
        before = state.market[slots]
        known = state.seen[slots] == 1
        fills = list(on_rows(state, slots, rows))
        phases = rows[:, market.PHASE]
        for place in np.flatnonzero(~known | (phases != before[:, market.PHASE])).tolist():
            slot = int(slots[place])
            state.pending[slot] = int(phases[place])
            state.touched[slot] = 1
            if phases[place] == Phase.CLOSED:
                _expire(state, slot)
        reports = _filled(state, fills, at, effects)
        if reports:
            effects.append(Deliver(state.opened.pbu, reports))
        if not state.opened.prints:
            _record_market(before, rows, known, at, effects)
        effects.append(tick)

    def _prints(self, prints: TapePrints, at: Nanos, effects: list[TapeEffect]) -> None:
        """The market's own trades: each fills what it would have, then sets the last price."""
        state = self.state
        assert state.opened is not None, "the tape was opened"
        reports: list[Report] = []
        for slot, price, qty in unpack(prints.rows, 3).tolist():
            reports += _filled(state, on_print(state, slot, price, qty), at, effects)
            row = (slot, at, price, qty, NOBODY, NOBODY, at, at, 1, 1, -1)
            effects.append(Record("trades", TRADE_ROW, pack(np.array([row], dtype=np.int64))))
        if reports:
            effects.append(Deliver(state.opened.pbu, reports))

    def _requests(self, body: Requests, at: Nanos, effects: list[TapeEffect]) -> None:
        state = self.state
        assert state.opened is not None, "the tape was opened"
        if body.pbu != state.opened.pbu:
            raise ValueError(f"tape: requests of trading unit {body.pbu!r}: not its member")
        rejects: list[RequestRejected] = []
        reports: list[Report] = []
        for request in body.requests:
            if not isinstance(request, Quote | QuoteCancel):
                rejects.append(RequestRejected(request.client_id, NOT_IMPLEMENTED))
                continue
            code = refusal(state, request)
            if code:
                rejects.append(RequestRejected(request.client_id, code))
                continue
            slot = state.slots.get(request.contract, -1)
            if isinstance(request, QuoteCancel):
                reports.append(_numbered(state, slot, cancel(state, request, at)))
                continue
            answer = enter(state, request, at)
            reports.append(_numbered(state, slot, answer))
            if not answer.reason:
                reports += _filled(state, at_once(state, slot), at, effects)
        if rejects:
            effects.append(Refuse(body.pbu, rejects))
        if reports:
            effects.append(Deliver(body.pbu, reports))

    def _inquiry(self, inquiry: Inquiry, at: Nanos, effects: list[TapeEffect]) -> None:
        state = self.state
        state.inquiries += 1
        slot = state.slots[inquiry.contract]
        rows = np.array([[slot, at, state.inquiries]], dtype=np.int64)
        effects += [Record("inquiries", 3, pack(rows)), inquiry]

    def _end(self, at: Nanos, effects: list[TapeEffect]) -> None:
        """Close what the tape leaves open, so that no quote is owed for the night."""
        state = self.state
        for slot in np.flatnonzero(state.market[:, market.PHASE] != Phase.CLOSED).tolist():
            state.pending[slot] = int(Phase.CLOSED)
            state.touched[slot] = 1
            _expire(state, slot)
        state.closed = 1
        _flush(state, effects)

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot."""
        self.state = decode_state(data, TapeState)

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)


def _numbered(state: TapeState, slot: Slot, body: AnyReport) -> Report:
    """A report in the partition of its contract, with the next index (interfaces.md 1.5)."""
    part = max(slot, 0) & 1
    index = state.index[part]
    state.index[part] = index + 1
    return Report(PARTITIONS[part], index, body)


def _filled(
    state: TapeState, fills: Iterable[Fill], at: Nanos, effects: list[TapeEffect]
) -> list[Report]:
    """Trade reports of fills and their dataset rows."""
    assert state.opened is not None, "the tape was opened"
    reports: list[Report] = []
    rows: list[tuple[int, ...]] = []
    for fill in fills:
        slot, side = fill.slot, fill.side
        rest = state.rest[slot, side]
        key = slot * 2 + side
        name = state.names[key] if fill.left else state.names.pop(key)
        contract = state.opened.chain.contracts[slot]
        entered = int(rest[R_AT])
        body = Trade(
            name, contract.code, ORDER_BASE[slot & 1] + int(rest[R_ORDER]),
            EXEC_BASE + state.execs, fill.price, fill.qty, fill.left, SIDES[side],
            Effect(int(rest[R_EFFECT])), False, at, entered,
            fill.price * fill.qty * contract.unit,
        )  # fmt: skip
        reports.append(_numbered(state, slot, body))
        state.execs += 1
        state.touched[slot] = 1
        buyer, seller = (US, NOBODY) if side == 0 else (NOBODY, US)
        bought, sold = (entered, at) if side == 0 else (at, entered)
        rows.append((slot, at, fill.price, fill.qty, buyer, seller, bought, sold, 1, 1, 1 - side))
    if rows:
        effects.append(Record("trades", TRADE_ROW, pack(np.array(rows, dtype=np.int64))))
    return reports


def _record_market(
    before: np.ndarray, rows: np.ndarray, known: np.ndarray, at: Nanos, effects: list[TapeEffect]
) -> None:
    """The recorded market's own trades: they set the last price that duties look at.

    A snapshot says how much has traded, not in how many trades: one row stands for all of them,
    and for at least one contract where the tape has no volume.
    """
    more = np.maximum(rows[:, market.VOLUME] - before[:, market.VOLUME], 0)
    last = rows[:, market.LAST]
    moved = (last > 0) & ((more > 0) | (last != before[:, market.LAST]))
    if not moved.any():
        return
    count = int(moved.sum())
    qty = np.where(known, np.maximum(more, 1), 1)[moved]
    stamp, nobody, limit, unknown = (np.full(count, value) for value in (at, NOBODY, 1, -1))
    columns = (
        rows[moved, market.SLOT], stamp, last[moved], qty, nobody, nobody, stamp, stamp, limit,
        limit, unknown,
    )  # fmt: skip
    effects.append(Record("trades", TRADE_ROW, pack(np.stack(columns, axis=1))))


def _expire(state: TapeState, slot: Slot) -> None:
    """The close ends what rests."""
    state.rest[slot, :, R_QTY] = 0
    for side in range(2):
        state.names.pop(slot * 2 + side, None)


def _flush(state: TapeState, effects: list[TapeEffect]) -> None:
    """Rows of phases and effective quotes of the instant that is over (duty_dataset.md 1)."""
    if state.pending:
        rows = [(slot, state.at, phase) for slot, phase in state.pending.items()]
        effects.append(Record("phases", 3, pack(np.array(rows, dtype=np.int64))))
        state.pending = {}
    slots = np.flatnonzero(state.touched)
    if not slots.size:
        return
    state.touched[:] = 0
    now = _effective(state, slots)
    changed = (now != state.standing[slots]).any(axis=1)
    state.standing[slots] = now
    if changed.any():
        slots, now = slots[changed], now[changed]
        head = np.stack([np.full(slots.size, US), slots, np.full(slots.size, state.at)], axis=1)
        table = np.concatenate([head, now], axis=1)
        effects.append(Record("quotes", 7, pack(table)))


def _effective(state: TapeState, slots: np.ndarray) -> np.ndarray:
    """(bid, quantity, ask, quantity) int64[n, 4]; a side below the size in force is none (Q-02)."""
    assert state.opened is not None, "the tape was opened"
    book = state.opened.rulebook
    least = np.full(slots.size, minimum(book, Phase.CONTINUOUS))
    auction = np.isin(state.market[slots, market.PHASE], AUCTIONS)
    least[auction] = minimum(book, Phase.OPENING)
    rest = state.rest[slots][:, :, [R_PRICE, R_QTY]]
    rest[rest[:, :, 1] < least[:, None]] = 0
    flat: np.ndarray = rest.reshape(-1, 4)
    return flat
