"""Why a quote was sent as it was: every number that led to it, from the journal (I-17, S-01).

The maker is brought back to the instant (`why_find`) and takes the input again while the plan and
the ladder are watched: what they were given is what is shown, nothing is worked out a second time
by other code.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.compose.run_folder import RunError
from quanheng.compose.watching import watching
from quanheng.compose.why_find import Decided, Moment, find, moment
from quanheng.kernels.desk.curves.layout import MODEL
from quanheng.kernels.desk.strategies import layout as s
from quanheng.maker import columns as c
from quanheng.maker import quote_kernels as q
from quanheng.maker import quoting, twin
from quanheng.maker import strategy_kernels as k
from quanheng.maker.ladder import LADDER
from quanheng.maker.limits import BY_NAME
from quanheng.maker.maker import Maker
from quanheng.maker.plan_kernels import ask_strategy
from quanheng.maker.requests import BY_HAND
from quanheng.maker.state import U_AT, U_SPOT, State
from quanheng.terms import market
from quanheng.terms.codes import Action, Exec
from quanheng.terms.orders import OrderAck, Quote, QuoteAck, Trade
from quanheng.terms.units import MILLISECOND, Nanos

MICRO = 1_000_000


class Checked(msgspec.Struct, frozen=True):
    """One rung as it was asked: the limits it read in their own units, and its answer."""

    check: int
    limits: dict[str, int]
    answer: str  # passed | near | not asked


class Became(msgspec.Struct, frozen=True):
    """What the exchange said of the request; times are its stamps."""

    at: Nanos
    what: str  # accepted | rejected | cancelled | bid replaced | ask replaced | filled
    side: int
    price: int
    qty: int
    reason: int


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Everything behind one quote. Prices in Ticks; theory, Greeks and vols in 1e-6. `answer` is
    the strategy's, or the person's who answered an inquiry by hand.
    """

    client_id: str
    contract: str
    trading_code: str
    frame: int
    input_seq: int
    input_kind: str
    at: Nanos
    trader: str
    strategy: str
    strategy_version: str
    curve_version: int
    limits_version: int
    quote: dict[str, int]
    view: dict[str, int]
    curve: dict[str, int]
    theory: dict[str, int]
    inputs: dict[str, int]
    answer: dict[str, int]
    widest: int  # Ticks between bid and ask that the duty allows at this bid
    checks: list[Checked]
    became: list[Became]


def why(run: Path, ident: str) -> Why:
    """Everything behind the quote with a client id. RunError when there is none, or when it is
    not a two-sided quote of the machine.
    """
    decided = find(run, ident)
    request = decided.request
    if not isinstance(request, Quote):
        raise RunError(f"{run}: {ident} is a {type(request).__name__}, not a quote")
    then = moment(run, decided.frame)
    with watching(quoting, "plan_class", "judge") as seen:
        then.core.absorb(then.envelope)
    maker = then.core.machine
    assert isinstance(maker, Maker)
    state = maker.state
    slot = state.tables.slots[request.contract]
    plan = next(
        (one for one in seen["plan_class"] if one[10][q.G_START] <= slot < one[10][q.G_STOP]), None
    )
    judged = next((one for one in seen["judge"] if slot in one[1][:, c.Q_SLOT]), None)
    if plan is None or judged is None:
        raise RunError(f"{run}: {ident} was not planned by the machine at frame {decided.frame}")
    return _told(decided, then, state, slot, plan, judged)


def _told(
    decided: Decided,
    then: Moment,
    state: State,
    slot: int,
    plan: tuple[Any, ...],
    judged: tuple[Any, ...],
) -> Why:
    request, stamp = decided.request, decided.send.stamp
    assert isinstance(request, Quote) and state.opened is not None
    inputs, answer = _strategy(slot, plan)
    if stamp.strategy == BY_HAND[0]:
        answer = _by_hand(slot, plan)
    contract = state.opened.chain.contracts[slot]
    return Why(
        client_id=request.client_id,
        contract=request.contract,
        trading_code=contract.trading_code,
        frame=decided.frame,
        input_seq=then.envelope.seq,
        input_kind=type(then.envelope.body).__name__,
        at=then.envelope.at,
        trader=stamp.trader,
        strategy=stamp.strategy,
        strategy_version=stamp.strategy_version,
        curve_version=stamp.curve_version,
        limits_version=stamp.limits_version,
        quote={
            "bid": request.bid,
            "bid_qty": request.bid_qty,
            "ask": request.ask,
            "ask_qty": request.ask_qty,
        },
        view=_view(state, slot, then.envelope.at, judged),
        curve=_curve(state, slot),
        theory=_theory(state, slot, plan, judged),
        inputs=inputs,
        answer=answer,
        widest=int(q.widest_ask(request.bid, state.tables.fixed[slot])) - request.bid,
        checks=_checks(slot, judged),
        became=_became(decided),
    )


def _view(state: State, slot: int, at: Nanos, judged: tuple[Any, ...]) -> dict[str, int]:
    klass = int(state.tables.fixed[slot, c.F_KLASS])
    underlying, row = state.view.underlying[klass], state.view.rows[slot]
    x = _context(slot, judged)
    return {
        "phase": int(row[market.PHASE]),
        "other_bid": x[c.C_OTHER_BID],
        "other_ask": x[c.C_OTHER_ASK],
        "last": int(row[market.LAST]),
        "age_ms": (at - int(state.view.tick_at[klass])) // MILLISECOND,
        "underlying": int(underlying[U_SPOT]),
        "underlying_age_ms": (at - int(underlying[U_AT])) // MILLISECOND,
    }


def _curve(state: State, slot: int) -> dict[str, int]:
    expiry = int(state.tables.fixed[slot, c.F_EXPIRY])
    surface = state.surface
    fit, life = surface.fits[expiry], surface.life[expiry]
    return {
        "forward": _micro(fit[c.X_FORWARD]),
        "discount": _micro(fit[c.X_DISCOUNT]),
        "tau": _micro(fit[c.X_TAU]),
        "model": int(surface.curves[c.PUBLISHED, expiry, MODEL]),
        "state": int(life[c.V_STATE]),
        "rung": int(life[c.V_RUNG]),
        "version": int(life[c.V_VERSION]),
        "published_at": int(life[c.V_AT]),
    }


def _theory(
    state: State, slot: int, plan: tuple[Any, ...], judged: tuple[Any, ...]
) -> dict[str, int]:
    row = plan[2][slot]
    names = {
        "price": c.T_PRICE, "vol": c.T_VOL, "delta": c.T_DELTA, "gamma": c.T_GAMMA,
        "vega": c.T_VEGA, "theta": c.T_THETA, "residual": c.T_RESIDUAL,
    }  # fmt: skip
    found = {name: _micro(row[column]) for name, column in names.items()}
    return found | {"age_ms": _context(slot, judged)[c.C_THEO_AGE] // MILLISECOND}


def _strategy(slot: int, plan: tuple[Any, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """(inputs, answer) of the strategy in 1e-6, from exactly what the plan was given."""
    fixed, rows, theo, params, _, desk, long, short, fits, exposure, g, *_ = plan
    start, stop = int(g[q.G_START]), int(g[q.G_STOP])
    clusters = np.empty(stop - start)
    k.gamma_clusters(fixed, theo, fits, params, long, short, start, stop, clusters)
    stock = np.empty(k.STOCK)
    stock[k.BOOK_DELTA], stock[k.BOOK_VEGA] = exposure
    stock[k.CLUSTER] = clusters[slot - start]
    net = int(long[slot] - short[slot])
    x, answer = np.zeros(s.INPUTS), np.zeros(s.OUTPUTS)
    fit, phase = fits[fixed[slot, c.F_EXPIRY]], rows[slot, market.PHASE]
    given = (theo[slot], params[slot], desk[slot], net, fit, stock, g, x, answer)
    ask_strategy(fixed[slot], phase, *given)
    outputs = ("BID", "ASK", "BID_QTY", "ASK_QTY", "SPREAD")
    return (
        {"net": net} | {name: _micro(x[number]) for number, name in input_names().items()},
        {name.lower(): _micro(answer[getattr(s, name)]) for name in outputs},
    )


def _by_hand(slot: int, plan: tuple[Any, ...]) -> dict[str, int]:
    """What the person answered an inquiry with, in place of the strategy's answer."""
    bid, bids, ask, asks = plan[5][slot, c.D_ANSWER_BID : c.D_ANSWER_ASK_QTY + 1].tolist()
    names = {"bid": bid, "ask": ask, "bid_qty": bids, "ask_qty": asks, "spread": ask - bid}
    return {name: value * MICRO for name, value in names.items()}


def input_names() -> dict[int, str]:
    """Names of a strategy's inputs by their place, from `kernels.desk.strategies.layout`."""
    names: dict[int, str] = {}
    began = False
    for name, value in vars(s).items():
        began = began or name == "VALUE"
        if name == "INPUTS":
            break
        if began and isinstance(value, int):
            names[value] = name.lower()
    return names


def _context(slot: int, judged: tuple[Any, ...]) -> list[int]:
    number = int(np.flatnonzero(judged[1][:, c.Q_SLOT] == slot)[0])
    row: list[int] = judged[0][number].tolist()
    return row


def _checks(slot: int, judged: tuple[Any, ...]) -> list[Checked]:
    """Every rung with the limits it read; the quote passed, so none of them denied it."""
    context, want, limits, soft, totals, actions = judged
    number = int(np.flatnonzero(want[:, c.Q_SLOT] == slot)[0])
    x, w = context[number].tolist(), want[number].tolist()
    near, counted = soft[slot].tolist(), totals.tolist()
    found = []
    for rung in LADDER:
        held = {
            name: int(limits[slot, BY_NAME[name].column]) // BY_NAME[name].factor
            for name in rung.limits
            if name in BY_NAME
        }
        answer = "passed"
        if actions[int(rung.check), c.A_ACTION] == Action.ALLOW:
            answer = "not asked"
        elif twin.broken(rung.check, x, w, near, counted):
            answer = "near"
        found.append(Checked(int(rung.check), held, answer))
    return found


def _became(decided: Decided) -> list[Became]:
    out = []
    ident = decided.request.client_id
    for report in decided.reports:
        body = report.body
        if isinstance(body, Trade):
            out.append(Became(body.at, "filled", int(body.side), body.price, body.qty, 0))
        elif isinstance(body, QuoteAck) and body.client_id == ident:
            good = body.exec == Exec.ACCEPTED
            out.append(Became(body.at, "accepted" if good else "rejected", 0, 0, 0, body.reason))
        elif isinstance(body, QuoteAck):
            how = "cancelled" if body.cancel else "replaced"
            sides = ((body.old_bid, body.old_bid_qty, 1), (body.old_ask, body.old_ask_qty, 2))
            gone = [(qty, side) for name, qty, side in sides if name == ident]
            out += [Became(body.at, how, side, 0, qty, 0) for qty, side in gone]
        elif isinstance(body, OrderAck):
            out.append(Became(body.at, body.exec.name.lower(), int(body.side), 0, 0, body.reason))
    return out


def _micro(value: float) -> int:
    return round(float(value) * MICRO) if np.isfinite(value) else 0
