"""Phases of the day, breakers, halts (rules.md 2.1, 2.5, 1.7) and the timers behind them."""

from quanheng.exchange import layout as lay
from quanheng.exchange.auction import uncross
from quanheng.exchange.book import withdraw
from quanheng.exchange.messages import PlatformStateChanged
from quanheng.exchange.state import State
from quanheng.exchange.turn import Turn, drain, record_phase
from quanheng.rulebook import breaker
from quanheng.runtime.envelope import RaiseAlert, WakeAt
from quanheng.terms.codes import Alert, Phase
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND, Nanos

PLATFORM = {Phase.START: 0, Phase.BREAK: 3, Phase.CLOSED: 4}
"""PlatformState by session phase (interfaces.md 1.4); 2 open in every other."""
PLATFORM_CLOSES = from_clock("15:30")
"""After the close of trading the platform still takes exercises until then (interfaces.md 2.2)."""
PRE_OPEN = 5 * SECOND
"""The platform takes and holds requests for so long before a session opens (interfaces.md 1.4)."""
AUCTIONS = (Phase.OPENING, Phase.CLOSING)


def announce(turn: Turn) -> None:
    """Publish the platform's state if it changed, and ask to be woken for its next change that no
    session brings.
    """
    state = turn.state
    platform = PLATFORM.get(state.session, 2)
    if state.session in (Phase.START, Phase.BREAK):
        opens = min(span.start for span in state.spans if span.start > turn.at)
        if turn.at >= opens - PRE_OPEN:
            platform = 1
        else:
            turn.effects.append(WakeAt("platform", opens - PRE_OPEN))
    late = state.day_start + PLATFORM_CLOSES
    if state.session == Phase.CLOSED and turn.at < late:
        platform = 2
        turn.effects.append(WakeAt("platform", late))
    if platform != state.platform:
        state.platform = platform
        turn.effects.append(PlatformStateChanged(platform))


def wake_session(turn: Turn) -> None:
    """Ask for the next boundary of the timetable, or the start of its no-cancel window."""
    state = turn.state
    coming = [
        at
        for span in state.spans
        for at in (span.start, span.fixed_from, span.stop)
        if at > turn.at
    ]
    if coming:
        turn.effects.append(WakeAt("session", min(coming)))


def on_session(turn: Turn) -> None:
    """The timetable reached a boundary: end the old span, start the new one."""
    state = turn.state
    index = next(
        (i for i, span in enumerate(state.spans) if span.start <= turn.at < span.stop),
        -1 if turn.at < state.spans[0].start else len(state.spans),
    )
    if index != state.span:
        state.span = index
        inside = 0 <= index < len(state.spans)
        after = Phase.CLOSED if index >= len(state.spans) else Phase.START
        _change(turn, state.spans[index].phase if inside else after)
    _fix(turn)
    wake_session(turn)


def _fix(turn: Turn) -> None:
    """Forbid or allow cancelling by the session's no-cancel window; during a halt orders may be
    cancelled whatever the time (rules.md 1.7).
    """
    state = turn.state
    fixed = 0
    if 0 <= state.span < len(state.spans):
        fixed = int(turn.at >= state.spans[state.span].fixed_from)
    state.info[:, lay.FIXED] = fixed * (1 - state.info[:, lay.HALTED])
    for slot, (since, _) in state.auctions.items():
        if state.info[slot, lay.PHASE] == Phase.INTRADAY:
            state.info[slot, lay.FIXED] = int(turn.at >= since)


def _change(turn: Turn, phase: Phase) -> None:
    state = turn.state
    before = state.session
    slots = range(state.info.shape[0])
    if before in AUCTIONS:
        for slot in slots:
            if not state.info[slot, lay.HALTED]:
                end_auction(turn, slot)
    if before == Phase.CONTINUOUS:
        _pause(state, turn.at, phase)
    state.session = phase
    if phase == Phase.CONTINUOUS:
        _resume(state, turn)
    for slot in slots:
        record_phase(turn, slot, _phase_of(state, slot))
    if phase == Phase.CLOSED:
        _empty(turn)
    state.images = [-1] * len(state.images)
    announce(turn)


def _phase_of(state: State, slot: int) -> Phase:
    """A contract's phase: a halt covers the session's phase, a breaker continuous trading."""
    session = state.session
    if session in (Phase.START, Phase.CLOSED):
        return session
    if state.info[slot, lay.HALTED]:
        return Phase.HALT
    running = session == Phase.CONTINUOUS and slot in state.auctions
    return Phase.INTRADAY if running else session


def _pause(state: State, at: Nanos, phase: Phase) -> None:
    """Running intraday auctions wait through lunch, and become the closing auction at 14:57."""
    if phase == Phase.BREAK:
        state.auctions = {
            slot: (since - at, end - at) for slot, (since, end) in state.auctions.items()
        }
    else:
        state.auctions = {}


def _resume(state: State, turn: Turn) -> None:
    state.auctions = {
        slot: (since + turn.at, end + turn.at) for slot, (since, end) in state.auctions.items()
    }
    _wake_auction(turn)


def _empty(turn: Turn) -> None:
    """Every order is void: after the close, or lost with the exchange."""
    state = turn.state
    for slot in range(state.info.shape[0]):
        for side in range(2):
            while state.info[slot, lay.N_BID + side]:
                withdraw(turn.market, slot, side, int(state.info[slot, lay.N_BID + side]) - 1)
    state.live = {}
    for desk in state.desks:
        desk.orders = {}
        desk.quotes = {}


def set_reference(turn: Turn, slot: int, price: int) -> None:
    """The breaker's reference and the widest prices around it that do not trigger."""
    opened = turn.state.open
    if opened is None:
        return
    low, high = breaker.band(opened.rulebook, price)
    info = turn.state.info[slot]
    info[lay.REFERENCE], info[lay.BAND_LOW], info[lay.BAND_HIGH] = price, low, high


def end_auction(turn: Turn, slot: int) -> None:
    """Uncross a contract. Without a trade an intraday auction leaves the last price as reference,
    the opening the previous settlement price (rules.md 2.5).
    """
    price = uncross(turn.market, slot, turn.at)
    if price < 0:
        drain(turn)
        price = uncross(turn.market, slot, turn.at)
    info = turn.state.info[slot]
    if price > 0:
        set_reference(turn, slot, price)
        if turn.state.session == Phase.CLOSING:
            info[lay.CLOSING] = price
    elif turn.state.session == Phase.CONTINUOUS and info[lay.LAST] > 0:
        set_reference(turn, slot, int(info[lay.LAST]))
    drain(turn)


def start_breakers(turn: Turn) -> None:
    """Begin the intraday auctions that the last kernel call triggered (rules.md 2.5)."""
    state = turn.state
    if state.open is None or not turn.broke:
        return
    book = state.open.rulebook
    end = turn.at + breaker.auction_nanos(book)
    for slot in turn.broke:
        state.auctions[slot] = (end - breaker.no_cancel_nanos(book), end)
        record_phase(turn, slot, Phase.INTRADAY)
        contract = state.open.chain.contracts[slot]
        reference = int(state.info[slot, lay.REFERENCE])
        turn.effects.append(RaiseAlert(Alert.BREAKER, contract.code, (reference, end)))
    turn.broke = []
    _wake_auction(turn)


def _wake_auction(turn: Turn) -> None:
    coming = [at for pair in turn.state.auctions.values() for at in pair if at > turn.at]
    if coming and turn.state.session == Phase.CONTINUOUS:
        turn.effects.append(WakeAt("auction", min(coming)))


def on_auction(turn: Turn) -> None:
    """An intraday auction reached its last minute or its end."""
    state = turn.state
    if state.session != Phase.CONTINUOUS:
        return
    for slot, (since, end) in list(state.auctions.items()):
        if turn.at >= end:
            del state.auctions[slot]
            end_auction(turn, slot)
            state.info[slot, lay.FIXED] = 0
            record_phase(turn, slot, _phase_of(state, slot))
        elif turn.at >= since:
            state.info[slot, lay.FIXED] = 1
    _wake_auction(turn)


def _scope(state: State, scope: str) -> range:
    """Slots of "*", an underlying or a contract. ValueError names an unknown scope."""
    if state.open is None or scope == "*":
        return range(state.info.shape[0])
    for klass in state.open.chain.classes:
        if klass.underlying == scope:
            return range(klass.start, klass.stop)
    slot = state.slots.get(scope)
    if slot is None:
        raise ValueError(f"halt of {scope!r}: no such underlying or contract today")
    return range(slot, slot + 1)


def set_halt(turn: Turn, scope: str, on: bool) -> None:
    """Halt or resume. Orders stay and may be entered and cancelled meanwhile; on resumption they
    are matched by the call-auction rule (rules.md 1.7). A breaker's auction ends with the halt.
    """
    state = turn.state
    trading = (Phase.CONTINUOUS, Phase.OPENING, Phase.CLOSING)
    for slot in _scope(state, scope):
        if bool(state.info[slot, lay.HALTED]) == on:
            continue
        state.info[slot, lay.HALTED] = int(on)
        if on:
            state.auctions.pop(slot, None)
            state.info[slot, lay.FIXED] = 0
        elif state.session in (Phase.CONTINUOUS, Phase.BREAK):
            end_auction(turn, slot)
        if state.session in (*trading, Phase.BREAK):
            record_phase(turn, slot, _phase_of(state, slot))
        state.images[int(state.info[slot, lay.KLASS])] = -1
    if not on:
        _fix(turn)
    turn.effects.append(RaiseAlert(Alert.HALT, scope, (int(on),)))


def wake_halts(turn: Turn) -> None:
    """Ask for the next start or end of the scenario's halts."""
    state = turn.state
    if state.open is None:
        return
    times = [
        state.day_start + at
        for window in state.open.scenario.halts
        for at in (window.since, window.until)
    ]
    coming = [at for at in times if at > turn.at]
    if coming:
        turn.effects.append(WakeAt("halts", min(coming)))


def on_halts(turn: Turn) -> None:
    """Apply the scenario's halts as they stand now."""
    state = turn.state
    if state.open is None:
        return
    now = turn.at - state.day_start
    for window in state.open.scenario.halts:
        on = window.since <= now < window.until
        if window.lost and now == window.since:
            _empty(turn)
        for slot in _scope(state, window.scope):
            if bool(state.info[slot, lay.HALTED]) != on:
                set_halt(turn, window.scope, on)
                break
    wake_halts(turn)
