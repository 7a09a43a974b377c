"""From theory to messages: plan a class, judge it, and send what passed (house.md 5, 9 to 11)."""

import numpy as np

from quanheng.duties import measure
from quanheng.maker import columns as c
from quanheng.maker import flow, inquiries
from quanheng.maker import quote_kernels as q
from quanheng.maker.checks import Passed, Refused, joined, judge, review
from quanheng.maker.figure_kernels import gather_guards, note_sent
from quanheng.maker.guards import keep_limits, on_sent, trip_rung
from quanheng.maker.inventory import opening_room, refresh_worst, totals_now
from quanheng.maker.ladder import BY_CHECK, SIDED
from quanheng.maker.messages import Effects, MakerOpen
from quanheng.maker.monitors import alert, exposure
from quanheng.maker.order_kernels import mark_cancel, mark_sent
from quanheng.maker.parameters import INDEX, P_STRATEGY, of_class
from quanheng.maker.plan_kernels import gather, plan_class
from quanheng.maker.requests import BY_HAND, client_id, quoted_by, send, stamp, take
from quanheng.maker.state import U_SPOT, State
from quanheng.rulebook import breaker, phases
from quanheng.terms.codes import Action, Alert, Check, Effect
from quanheng.terms.days import day_nanos
from quanheng.terms.orders import Quote, QuoteCancel, Request
from quanheng.terms.units import MILLISECOND, MINUTE, SECOND, DayNanos, Nanos

LEAD = 500 * MILLISECOND
"""A no-cancel window counts as begun this much early: a message needs time to arrive."""

BURST = 2
"""Seconds of the steady rate that can be saved up."""

BREAK = "B"
"""Letter of the timetable's breaks."""

NEEDS = 10 * SECOND
"""Age at which the needs of the duties are worked out again."""

EFFECTS = (Effect.OPEN, Effect.CLOSE)

TRANSIENT = (Check.P14_DUPLICATE, Check.P15_MESSAGE_RATE)
"""Denials for the moment: what rests stays, the next tick tries again."""


def refill(state: State, opened: MakerOpen, at: Nanos) -> None:
    """Bring the token buckets to `at`; levels are billionths of a message."""
    bucket = state.bucket
    passed = at - bucket.at
    if passed <= 0:
        return
    bucket.at = at
    full = bucket.rate * SECOND
    bucket.level = min(full, bucket.level + passed * bucket.rate)
    rate = of_class(state.parameters, 0, "steady_rate") if opened.chain.contracts else 0
    bucket.steady = min(rate * BURST * SECOND, bucket.steady + passed * rate)


def session_at(opened: MakerOpen, clock: DayNanos) -> tuple[bool, bool]:
    """(whether the timetable takes orders, whether a no-cancel window is on or about to begin)."""
    for row in opened.rulebook.timetable:
        if row.start <= clock < row.stop:
            return row.letter != BREAK, row.no_cancel_from <= clock + LEAD
    return False, False


def in_session(opened: MakerOpen, clock: DayNanos) -> bool:
    """True while the timetable takes orders; the feed's phases may lag by a snapshot."""
    return session_at(opened, clock)[0]


def scalars(
    state: State, opened: MakerOpen, klass: int, at: Nanos, protect: bool = False
) -> np.ndarray:
    """The numbers of a planning call, int64[G_COLUMNS] (quote_kernels)."""
    book = opened.rulebook
    item = opened.chain.classes[klass]
    return np.array(
        [
            at,
            item.start,
            item.stop,
            session_at(opened, day_nanos(at))[1],
            breaker.auction_nanos(book) - breaker.no_cancel_nanos(book) - 2 * LEAD,
            book.duty.size_continuous,
            book.duty.size_auction,
            state.bucket.steady // SECOND,
            state.surface.theo_at[klass],
            *opening_room(state, klass, item.start),
            protect,
            flow.toxicity(
                state.flow,
                klass,
                of_class(state.parameters, item.start, "toxic_gain"),
                of_class(state.parameters, item.start, "toxic_most"),
            ),
        ],
        dtype=np.int64,
    )


def plan(
    state: State,
    opened: MakerOpen,
    klass: int,
    at: Nanos,
    effects: Effects,
    protect: bool = False,
) -> None:
    """Make a class's resting quotes what they should be now; at most one Send.

    With `protect` theory is newer than the others' quotes, so no side may pass it.
    """
    if not in_session(opened, day_nanos(at)):
        return
    keep_limits(state, at, effects)
    refill(state, opened, at)
    refresh_needs(state, opened, klass, at)
    refresh_worst(state, opened, klass, at)
    g = scalars(state, opened, klass, at, protect)
    item = opened.chain.classes[klass]
    size = item.stop - item.start
    book, tables = state.book, state.tables
    want = np.zeros((size + 1, c.Q_COLUMNS), dtype=np.int64)
    drops = np.zeros((size + 1, 3), dtype=np.int64)
    wanted, dropped = plan_class(
        tables.fixed,
        state.view.rows,
        state.surface.theo,
        state.parameters.values,
        state.work,
        state.desk,
        book.long_qty,
        book.short_qty,
        state.surface.fits,
        exposure(state, item.start, item.stop),
        g,
        want,
        drops,
        state.limits,
    )
    requests: list[Request] = []
    if dropped:
        _cancel(state, opened, klass, drops[:dropped], at, requests)
    if wanted:
        passed = _judge(state, opened, klass, want[:wanted], g, at, effects, requests)
        requests += quotes(state, opened, klass, passed, at)
    if requests:
        _send(state, klass, requests, effects)


def _send(state: State, klass: int, requests: list[Request], effects: Effects) -> None:
    """One effect per strategy or person behind the requests, so that each names its own (S-01,
    I-17).
    """
    slots, values = state.tables.slots, state.parameters.values
    behind: dict[tuple[int, str], list[Request]] = {}
    for request in requests:
        slot = slots[request.contract]
        person = _by_hand(state, slot, request)
        strategy = -1 if person else int(values[slot, P_STRATEGY])
        behind.setdefault((strategy, person), []).append(request)
    for (strategy, person), mine in behind.items():
        by = BY_HAND if person else quoted_by(state, strategy)
        effects.append(send(state, stamp(state, klass, by, person), mine))


def _by_hand(state: State, slot: int, request: Request) -> str:
    """The person whose answer to an inquiry a quote carries, "" when the strategy made it."""
    person = state.inquiries.answers.get(slot, "")
    if not person or not isinstance(request, Quote):
        return ""
    bid, ask = state.desk[slot, [c.D_ANSWER_BID, c.D_ANSWER_ASK]].tolist()
    own = (not request.bid_qty or request.bid == bid) and (
        not request.ask_qty or request.ask == ask
    )
    return person if own else ""


def preview(state: State, opened: MakerOpen, want: np.ndarray, at: Nanos) -> Check | None:
    """The rung of the ladder that a want int64[1, Q] of a quote would fail now, None when it would
    pass. Nothing is sent or reserved: what is sent is judged again (I-18).
    """
    slot = int(want[0, c.Q_SLOT])
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    refill(state, opened, at)
    refresh_worst(state, opened, klass, at)
    context = context_of(state, klass, want, scalars(state, opened, klass, at))[0].tolist()
    totals = totals_now(state, opened, klass, at).tolist()
    limits, soft = state.limits[slot].tolist(), state.guards.soft[slot].tolist()
    verdict = review(context, want[0].tolist(), limits, soft, totals)
    return verdict.check if isinstance(verdict, Refused) else None


def refresh_needs(state: State, opened: MakerOpen, klass: int, at: Nanos) -> None:
    """What share of the remaining time each contract must comply to reach its target (Q-03)."""
    if state.meter is None or at - int(state.flow.needs_at[klass]) < NEEDS:
        return
    state.flow.needs_at[klass] = at
    left = phases.continuous_left(opened.rulebook, day_nanos(at))
    item = opened.chain.classes[klass]
    targets = state.parameters.values[item.start : item.stop, INDEX["duty_target"]].tolist()
    for slot, target in zip(range(item.start, item.stop), targets, strict=True):
        due, _, good = measure.live(state.meter, 0, slot, at)
        missing = max(target * (due + left) // 10_000 - good, 0)
        state.desk[slot, c.D_NEED] = min(1_000_000, 1_000_000 * missing // left) if left else 0


def _cancel(
    state: State,
    opened: MakerOpen,
    klass: int,
    drops: np.ndarray,
    at: Nanos,
    requests: list[Request],
) -> None:
    """Cancels may use every token; what the flow limit leaves over goes with the next tick."""
    room = state.bucket.level // SECOND
    rows = drops[:room]
    count = rows.shape[0]
    if not count:
        return
    first = take(state, count)
    state.bucket.level -= count * SECOND
    state.audit.cancels += count
    on_sent(state, klass, 0, count)
    state.audit.forbidden += mark_cancel(state.work, rows, first, at)
    contracts = opened.chain.contracts
    for number, (slot, bid, ask) in enumerate(rows.tolist()):
        ident = client_id(state, first + number)
        requests.append(QuoteCancel(ident, contracts[slot].code, bid != 0, ask != 0))


def _judge(
    state: State,
    opened: MakerOpen,
    klass: int,
    want: np.ndarray,
    g: np.ndarray,
    at: Nanos,
    effects: Effects,
    requests: list[Request],
) -> Passed:
    """The ladder over a class's wants; a contract whose want is denied loses what rests. Where one
    side is at fault the other is judged alone, so that the way back stays in the market.
    """
    totals = totals_now(state, opened, klass, at)
    context = context_of(state, klass, want, g)
    passed = judge(context, want, state.limits, state.guards.soft, totals, state.actions)
    if passed.rows.shape[0] < want.shape[0]:
        alone = _one_by_one(want)
        given = (alone, state.limits, state.guards.soft, totals, state.actions)
        kept = judge(context_of(state, klass, alone, g), *given) if alone.shape[0] else None
        _denied(state, opened, klass, want, context, kept, at, effects, requests)
        if kept is not None:
            passed = joined(passed, kept)
    near = passed.rows[passed.rows[:, c.Q_WARNED] != 0]
    for row in near.tolist():
        warn(state, opened, row[c.Q_SLOT], row[c.Q_WARNED], at, effects)
    return passed


def _one_by_one(want: np.ndarray) -> np.ndarray:
    """The sides of two-sided wants that a rung stopped for one side's sake, each a want."""
    both = (want[:, c.Q_BID_QTY] > 0) & (want[:, c.Q_ASK_QTY] > 0)
    stopped = want[both & np.isin(want[:, c.Q_CODE], SIDED)]
    bids, asks = stopped.copy(), stopped.copy()
    bids[:, c.Q_ASK : c.Q_ASK_EFFECT + 1] = 0
    asks[:, c.Q_BID : c.Q_BID_EFFECT + 1] = 0
    return np.concatenate([bids, asks])


def context_of(state: State, klass: int, want: np.ndarray, g: np.ndarray) -> np.ndarray:
    """What the ladder needs to know about want rows of a class, int64[n, C]."""
    tables, book, found = state.tables, state.book, state.surface
    context = np.empty((want.shape[0], c.C_COLUMNS), dtype=np.int64)
    gather(
        want,
        tables.fixed,
        state.view.rows,
        found.theo,
        state.work,
        state.desk,
        book.long_qty,
        book.short_qty,
        book.covered_qty,
        g,
        context,
    )
    gather_guards(
        want,
        tables.fixed,
        tables.meta,
        state.view.rows,
        found.theo,
        found.fits,
        state.desk,
        state.guards.repeats,
        state.guards.standing[klass],
        g,
        int(state.view.underlying[klass, U_SPOT]),
        context,
    )
    return context


def warn(
    state: State, opened: MakerOpen, slot: int, check: int, at: Nanos, effects: Effects
) -> None:
    """Tell people that a want passed, but near a limit or against a rung that only warns (I-42)."""
    contract = opened.chain.contracts[slot]
    args = (check, state.parameters.version, contract.code)
    alert(state, effects, at, Alert.LIMIT_NEAR, contract.underlying, args, MINUTE)


def _denied(
    state: State,
    opened: MakerOpen,
    klass: int,
    want: np.ndarray,
    context: np.ndarray,
    kept: Passed | None,
    at: Nanos,
    effects: Effects,
    requests: list[Request],
) -> None:
    """Count and tell denials; a stale quote is worse than none, so what rests is withdrawn, but
    for a side that passes alone or that a rung of one side did not look at.
    """
    gone = []
    stay = {(row[c.Q_SLOT], row[c.Q_BID_QTY] > 0) for row in kept.rows.tolist()} if kept else set()
    for row, x in zip(want.tolist(), context.tolist(), strict=True):
        code = row[c.Q_CODE]
        if not code:
            continue
        state.denied[code] += 1
        slot = row[c.Q_SLOT]
        contract = opened.chain.contracts[slot]
        version = state.parameters.version
        figures = (row[c.Q_BID], row[c.Q_ASK], x[c.C_THEO])
        args = (code, BY_CHECK[code].exchange_code, version, contract.code, *figures)
        alert(state, effects, at, Alert.CHECK_DENIED, contract.underlying, args)
        if state.actions[code, c.A_ACTION] == Action.TRIP:
            trip_rung(state, opened, code, slot, figures, effects)
        if code not in TRANSIENT:
            inquiries.denied(state, slot, code)
        if code == Check.P15_MESSAGE_RATE:
            alert(state, effects, at, Alert.RATE_SOFT_LIMIT, "*", (state.bucket.rate,))
        if code not in TRANSIENT and not x[c.C_FROZEN]:
            whole = code not in SIDED
            bid = whole or (row[c.Q_BID_QTY] > 0 and (slot, True) not in stay)
            ask = whole or (row[c.Q_ASK_QTY] > 0 and (slot, False) not in stay)
            bid, ask = bid and _free(state, slot, 0), ask and _free(state, slot, 1)
            if bid or ask:
                gone.append([slot, int(bid), int(ask)])
    if gone:
        _cancel(state, opened, klass, np.array(gone, dtype=np.int64), at, requests)


def _free(state: State, slot: int, side: int) -> bool:
    """True when the side rests and nothing about it is in flight."""
    base = side * c.W_COLUMNS
    row = state.work[slot]
    return bool(row[base + c.W_STATE] == 2 and row[base + c.W_CANCEL_ID] == 0)


def quotes(state: State, opened: MakerOpen, klass: int, passed: Passed, at: Nanos) -> list[Request]:
    """The quote messages of what passed the ladder: the one way into the market."""
    rows = passed.rows
    count = rows.shape[0]
    if not count:
        return []
    first = take(state, count)
    bucket, audit = state.bucket, state.audit
    bucket.level -= count * SECOND
    audit.passed += count
    audit.forbidden += mark_sent(state.work, rows, first, at)
    note_sent(state.guards.repeats, rows, at)
    on_sent(state, klass, count, 0)
    contracts = opened.chain.contracts
    requests: list[Request] = []
    for number, row in enumerate(rows.tolist()):
        slot, bid, bid_qty, bid_effect, ask, ask_qty, ask_effect, priority, _, _ = row
        if priority < q.URGENT:
            bucket.steady -= SECOND
        requests.append(
            Quote(
                client_id(state, first + number),
                contracts[slot].code,
                bid,
                ask,
                bid_qty,
                ask_qty,
                EFFECTS[bid_effect],
                EFFECTS[ask_effect],
            )
        )
    audit.sent += count
    return requests
