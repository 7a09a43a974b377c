"""The option venue: one deterministic machine (borders.md 1, 2, 4).

Takes the day's opening, timers, the ETFs' prices, members' requests and halts; gives reports,
market data, inquiries, dataset rows and timers. See `front` for requests, `session` for phases,
`crowd` for everybody else.
"""

from collections.abc import Sequence
from typing import ClassVar, assert_never

from quanheng.exchange.accounts import violations
from quanheng.exchange.crowd import on_step, on_underlying, open_crowd, start_steps
from quanheng.exchange.forced import on_forced, wake_forced
from quanheng.exchange.front import take
from quanheng.exchange.messages import Halt, VenueOpen
from quanheng.exchange.session import (
    announce,
    on_auction,
    on_halts,
    on_session,
    set_halt,
    start_breakers,
)
from quanheng.exchange.state import State, empty_state, maker_names, open_state
from quanheng.exchange.turn import (
    Turn,
    VenueEffect,
    emit_phases,
    emit_quotes,
    emit_trades,
    flush_quotes,
    record_phase,
)
from quanheng.runtime.envelope import Envelope, LinkChanged, TimerFired, WakeAt
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.codes import Phase
from quanheng.terms.market import ChainTick, UnderlyingTicks
from quanheng.terms.orders import Requests
from quanheng.terms.units import MILLISECOND, SECOND

VenueInput = VenueOpen | TimerFired | UnderlyingTicks | Requests | Halt | LinkChanged

FINAL = 2 * SECOND
"""After the close, when the last rows are handed over; the dataset is complete then."""

__all__ = ["Venue", "VenueEffect", "VenueInput", "invariants", "maker_names"]


def invariants(state: State) -> dict[str, int]:
    """Violations by name; all 0 in a sound venue."""
    return violations(state)


class Venue:
    """The machine. Its only attribute is `state`."""

    NAME: ClassVar[str] = "venue"
    INPUT: ClassVar[object] = VenueInput
    EFFECT: ClassVar[object] = VenueEffect
    DIGESTED: ClassVar[tuple[type, ...]] = (ChainTick,)

    def __init__(self) -> None:
        self.state: State = empty_state()

    def apply(self, envelope: Envelope[VenueInput]) -> Sequence[VenueEffect]:
        """Take one input; stamps are whole milliseconds (borders.md 1)."""
        at = envelope.at - envelope.at % MILLISECOND
        state = self.state
        body = envelope.body
        if isinstance(body, VenueOpen):
            return self._open(body, at)
        if state.open is None:
            raise ValueError(f"venue got {type(body).__name__} before its day was opened")
        turn = Turn(state, at)
        if at > state.at:
            # Everything of the last instant is over: its quotes and phases can be written.
            flush_quotes(state, turn.effects)
            emit_phases(state, turn.effects)
            state.at = at
        match body:
            case Requests():
                self._requests(turn, body)
            case TimerFired():
                self._timer(turn, body)
            case UnderlyingTicks():
                on_underlying(state, body)
            case Halt():
                set_halt(turn, body.scope, body.on)
            case LinkChanged():
                state.link = int(body.state)
            case _:
                assert_never(body)
        return turn.finish()

    def _open(self, opened: VenueOpen, at: int) -> Sequence[VenueEffect]:
        self.state = open_state(opened, at)
        turn = Turn(self.state, at)
        open_crowd(self.state)
        for slot in range(len(opened.chain.contracts)):
            record_phase(turn, slot, Phase.START)
        on_session(turn)
        announce(turn)
        on_halts(turn)
        wake_forced(turn)
        start_steps(turn)
        return turn.finish()

    def _requests(self, turn: Turn, body: Requests) -> None:
        member = turn.state.by_pbu.get(body.pbu)
        if member is None:
            raise ValueError(f"requests of trading unit {body.pbu!r}: not a member of this venue")
        for request in body.requests:
            take(turn, member, request)
            if turn.broke:
                start_breakers(turn)

    def _timer(self, turn: Turn, timer: TimerFired) -> None:
        match timer.name:
            case "step":
                on_step(turn)
            case "session":
                on_session(turn)
                if turn.state.session == Phase.CLOSED:
                    turn.effects.append(WakeAt("final", turn.at + FINAL))
            case "auction":
                on_auction(turn)
            case "halts":
                on_halts(turn)
            case "forced":
                on_forced(turn)
                start_breakers(turn)
            case "platform":
                announce(turn)
            case "final":
                emit_quotes(turn.state, turn.effects)
                emit_trades(turn.state, turn.effects)
            case name:
                raise ValueError(f"venue timer {name!r} is unknown")

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot."""
        self.state = decode_state(data, State)

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)
