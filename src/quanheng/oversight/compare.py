"""The two levels of risk control, compared (附件2 风险控制制度 1, R-02).

`claims` makes the comparisons; here is what becomes of them. A difference of the exchange's data is
open at once, any other when it lasts, unless a reason that the overseer can see for itself explains
it.
"""

from typing import Any

import numpy as np

from quanheng.kernels.independent.tree import price
from quanheng.kernels.pack import pack
from quanheng.oversight.account import forget
from quanheng.oversight.claims import KINDS, TERMS, Row, compared
from quanheng.oversight.figures import PLACE
from quanheng.oversight.messages import DeskFigures, Figures, OverseerOpen
from quanheng.oversight.model_kernels import STEPS
from quanheng.oversight.state import Model, State
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.codes import Alert
from quanheng.terms.units import MINUTE, TICKS_PER_YUAN, Nanos

LASTING = 3
"""Comparisons in a row, one a minute, after which a difference is open."""
COLUMNS = ("kind", "desk", "own", "tolerance", "minutes")
"""Columns of the "levels" table: place in KINDS, both figures and what they may differ by
(contracts, Money, Ticks, 1e-6 yuan for values, 1e-9 yuan for Greeks), comparisons in a row beyond
that."""
STALE = 2 * MINUTE
FORGET = 10 * MINUTE
MODELLED = ("value", "delta", "gamma", "vega", "theta", "marks", "spot")
"""Kinds that need a market of the overseer's own."""
_MICRO = 1_000_000


def take_claim(state: State, claim: DeskFigures, at: Nanos) -> None:
    """Keep a claim for the next figures. Fills that it does not know are kept beside it; of a desk
    that claims nothing, those of `FORGET` are.
    """
    state.claim, state.silent = claim, 0
    forget(state, at - FORGET, dict(claim.seen))


def lasting(kind: str) -> int:
    """Comparisons in a row after which a difference of a kind is open."""
    return 1 if kind in TERMS else LASTING


def reason(state: State, opened: OverseerOpen, row: Row, at: Nanos) -> str:
    """What the overseer itself can see that explains a difference, "" for nothing."""
    assert state.model is not None
    if row.kind in MODELLED and at - state.model.seen_market > STALE:
        return "own market data are stale"
    if row.why or row.kind == "spot" or row.kind not in MODELLED:
        return row.why
    if row.kind == "value":
        return _between(state, row)
    if not _trades(state.model, opened, row.key):
        return "no continuous trading"
    figures = state.figures.get(row.key)
    if figures is not None and figures[PLACE["blind"]]:
        return "contracts without own vol"
    return ""


def _between(state: State, row: Row) -> str:
    """A desk's price that lies, within what is allowed, between the own model and what else the
    overseer sees: the market, where both part (a contract at its price limit); the own model at the
    spot, where the options' parity has left it; the own prices of the last runs, for a desk follows
    a moving market more slowly. A price that stays where it is leaves their range. Of a contract
    that has just begun to trade there are no such prices yet.
    """
    assert state.model is not None and state.account is not None
    model, slot = state.model, state.account.places[row.key]
    low = high = row.own

    def inside(*others: int) -> bool:
        least, most = min(low, *others), max(high, *others)
        return least - row.tolerance <= row.desk <= most + row.tolerance

    market, at_spot = round(float(model.mid[slot]) * _MICRO), _at_spot(model, slot)
    if inside(market):
        return f"market {_decimal(market - row.own)} off the own model"
    if inside(at_spot):
        return f"{_decimal(at_spot - row.own)} by the spot off the options' forward"
    for back, before in enumerate(model.past[:, slot].tolist()):
        if not np.isfinite(before):
            return f"trades for {back} min"
        own = round(before * _MICRO)
        low, high = min(low, own), max(high, own)
        if inside(market) or inside(at_spot):
            return f"follows by {back + 1} min"
    return ""


def _at_spot(model: Model, slot: int) -> int:
    """1e-6 yuan: the own price of a contract with the underlying's market in place of parity."""
    expiry, vol = int(model.expiry[slot]), float(model.row_vol[model.row_of[slot]])
    discount = float(model.discount[expiry])
    forward = float(model.spot[model.klass[slot]]) / (TICKS_PER_YUAN * discount)
    strike, tau = float(model.strike[slot]), float(model.tau[expiry])
    found = price(float(model.sign[slot]), forward, strike, vol, tau, discount, STEPS)
    return round(found * _MICRO)


def _decimal(micro: int) -> str:
    """Yuan with four decimals of 1e-6 yuan."""
    return f"{'-' if micro < 0 else ''}{abs(micro) // _MICRO}.{abs(micro) % _MICRO // 100:04d}"


def _trades(model: Model, opened: OverseerOpen, underlying: str) -> bool:
    """Does any contract of a class trade continuously?"""
    item = next(one for one in opened.chain.classes if one.underlying == underlying)
    return bool(model.live[item.start : item.stop].any())


def level(state: State, opened: OverseerOpen, at: Nanos, effects: list[Any]) -> None:
    """Compare the last claim, once; remember how long each difference lasts, tell people when one
    becomes open.

    What cannot be looked at now stays as it was: a value without a market, a difference that is
    explained.
    """
    if state.claim is None:
        _silence(state, at, effects)
        return
    rows = compared(state, opened, state.claim)
    state.claim = None
    before, state.off, state.explained = state.off, {}, {}
    shown: list[tuple[Row, int]] = []
    for row in rows:
        if not row.beyond:
            continue
        key = f"{row.kind} {row.key}"
        why, lasted = reason(state, opened, row, at), before.get(key, 0)
        if why and lasted < lasting(row.kind):
            state.explained[key] = why
        minutes = lasted if why else lasted + 1
        state.off[key] = minutes
        shown.append((row, minutes))
        if minutes == lasting(row.kind) and not why:
            args = (row.kind, row.desk, row.own, row.tolerance)
            effects.append(RaiseAlert(Alert.LEVELS_DIFFER, row.key, args))
    looked = {f"{row.kind} {row.key}": True for row in rows}
    for key, minutes in before.items():
        if key.startswith("value ") and key not in looked:
            state.off[key] = minutes
    table = [[KINDS.index(r.kind), r.desk, r.own, r.tolerance, m] for r, m in shown]
    names = tuple(
        f"{row.key}|{state.explained.get(f'{row.kind} {row.key}', '')}" for row, _ in shown
    )
    data = pack(np.array(table, dtype=np.int64).reshape(-1, len(COLUMNS)))
    effects.append(Figures("levels", at, names, len(COLUMNS), data))


def _silence(state: State, at: Nanos, effects: list[Any]) -> None:
    """A desk that claimed and does so no more while contracts trade: nothing of it can be compared,
    which is a difference of its own when it lasts.
    """
    assert state.model is not None
    forget(state, at - FORGET, {})
    if state.silent < 0 or not state.model.live.any():
        return
    state.silent += 1
    if state.silent < LASTING:
        return
    state.off["claim *"] = state.silent
    if state.silent == LASTING:
        effects.append(RaiseAlert(Alert.LEVELS_DIFFER, "*", ("claim", 0, state.silent, 0)))
    row = [KINDS.index("claim"), 0, state.silent, 0, state.silent]
    data = pack(np.array([row], dtype=np.int64))
    effects.append(Figures("levels", at, ("*|",), len(COLUMNS), data))


def open_differences(state: State) -> list[str]:
    """Differences that last and that nothing explains, as "kind key"."""
    return [
        key
        for key, minutes in state.off.items()
        if minutes >= lasting(key.split()[0]) and key not in state.explained
    ]
