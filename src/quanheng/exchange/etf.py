"""The ETF venue: where the underlyings trade and the desk may hedge (rules.md 1.1).

The crowd is the depth around a driven path; members trade against it, never with one another.
Units bought today cannot be sold today (T+1); cash and units are conserved between the members
and the crowd. Orders are taken in continuous trading only.
"""

from collections.abc import Sequence
from typing import ClassVar, assert_never

from quanheng.exchange import etf_kernel as ek
from quanheng.exchange.crowd import along
from quanheng.exchange.etf_orders import fill_resting, take, void
from quanheng.exchange.etf_state import EtfState, empty, opened_state
from quanheng.exchange.messages import EtfDeliver, EtfOpen, EtfRefuse, EtfRequests, Path
from quanheng.runtime.envelope import Envelope, TimerFired, WakeAt
from quanheng.runtime.state import decode_state, digest_state, encode_state
from quanheng.terms.codes import Phase
from quanheng.terms.days import from_clock
from quanheng.terms.market import UnderlyingTick, UnderlyingTicks
from quanheng.terms.units import DAY, MILLISECOND, MINUTE, Nanos

STEPS = (
    (from_clock("09:15"), Phase.OPENING),
    (from_clock("09:25"), Phase.BREAK),
    (from_clock("09:30"), Phase.CONTINUOUS),
    (from_clock("11:30"), Phase.BREAK),
    (from_clock("13:00"), Phase.CONTINUOUS),
    (from_clock("14:57"), Phase.CLOSING),
    (from_clock("15:00"), Phase.CLOSED),
)
"""Phases of the fund market from each time on."""
LEAD = 20 * MILLISECOND
"""Fund snapshots come this much before the first option snapshot of an interval."""

EtfInput = EtfOpen | TimerFired | EtfRequests
EtfEffect = WakeAt | UnderlyingTicks | EtfDeliver | EtfRefuse


class EtfVenue:
    """The machine. Its only attribute is `state`."""

    NAME: ClassVar[str] = "etf"
    INPUT: ClassVar[object] = EtfInput
    EFFECT: ClassVar[object] = EtfEffect
    DIGESTED: ClassVar[tuple[type, ...]] = (UnderlyingTicks,)

    def __init__(self) -> None:
        self.state: EtfState = empty()

    def apply(self, envelope: Envelope[EtfInput]) -> Sequence[EtfEffect]:
        """Take one input; stamps are whole milliseconds."""
        at = envelope.at - envelope.at % MILLISECOND
        match envelope.body:
            case EtfOpen() as body:
                self.state = opened_state(body)
                return [_wake(self.state, at)]
            case TimerFired():
                return _step(self.state, at)
            case EtfRequests() as body:
                return take(self.state, body, at)
            case _:
                assert_never(envelope.body)

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        return encode_state(self.state)

    def restore(self, data: bytes) -> None:
        """Replace the state by a snapshot."""
        self.state = decode_state(data, EtfState)

    def digest(self) -> dict[str, bytes]:
        """SHA-256 per part of the state."""
        return digest_state(self.state)


def _wake(state: EtfState, at: Nanos) -> WakeAt:
    """The next snapshot: LEAD before a multiple of the interval; once a minute in breaks."""
    gap = state.open.snapshot_nanos if state.open else MINUTE
    now = at - state.day_start
    if now < STEPS[0][0] - LEAD:
        return WakeAt("etf", state.day_start + STEPS[0][0] - LEAD)
    if state.phase == Phase.BREAK:
        gap = MINUTE
    due = (now + LEAD) // gap * gap + gap - LEAD
    return WakeAt("etf", state.day_start + due)


def _step(state: EtfState, at: Nanos) -> list[EtfEffect]:
    """Move every fund, fill what members have resting, publish."""
    opened = state.open
    if opened is None:
        raise ValueError("the ETF venue's timer fired before its day was opened")
    now = (at - state.day_start + LEAD) % DAY
    phase = Phase.START
    for start, name in STEPS:
        phase = name if now >= start else phase
    effects: list[EtfEffect] = []
    moving = phase in (Phase.OPENING, Phase.CONTINUOUS, Phase.CLOSING)
    ended = state.phase in (Phase.CONTINUOUS, Phase.CLOSING) and phase in (
        Phase.CLOSING,
        Phase.CLOSED,
    )
    if ended and state.orders:
        effects += void(state, at)
    state.phase = phase
    for index, spec in enumerate(opened.specs):
        state.info[index, ek.I_PHASE] = phase
        if moving:
            base = along(Path(spec.klass, spec.knots), now) or spec.previous_close
            state.walk[index, ek.W_BASE] = base
    if moving:
        ek.advance(state.walk, state.depth, state.rng, state.info, phase == Phase.CONTINUOUS)
    if phase == Phase.CONTINUOUS and state.orders:
        effects += fill_resting(state, at)
    state.stamp = at
    effects.append(UnderlyingTicks(at, tuple(_ticks(state, opened))))
    if phase != Phase.CLOSED:
        effects.append(_wake(state, at))
    return effects


def _ticks(state: EtfState, opened: EtfOpen) -> list[UnderlyingTick]:
    """Snapshots of the funds; in call auctions both sides show the virtual price."""
    ticks = []
    table = state.info.tolist()
    depth = state.depth.tolist()
    for index, spec in enumerate(opened.specs):
        row = table[index]
        sides = []
        for levels in depth[index]:
            shown = [level for level in levels if level[0] > 0]
            if row[ek.I_PHASE] in (Phase.OPENING, Phase.CLOSING):
                shown = [[row[ek.I_LAST], 1_000 * ek.LOT]]
            sides.append((tuple(p for p, _ in shown), tuple(q for _, q in shown)))
        ticks.append(
            UnderlyingTick(
                spec.klass,
                row[ek.I_PHASE],
                row[ek.I_LAST],
                row[ek.I_VOLUME],
                row[ek.I_TURNOVER],
                *sides[0],
                *sides[1],
            )
        )
    return ticks
