"""Keyed rows of a scene: underlyings, curves, risk, limits, inquiries, monitors, settings.

Numbers are integers of a stated unit or whole figures of the machine; words come from words.toml
on the screen, except what only the house's own words can say.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from quanheng.books import margin_use, pnl
from quanheng.compose.console_board import board, phase_of, quoted, vols
from quanheng.compose.monitor_words import MEASURE_WORDS, figure_text, unit_text
from quanheng.desk.frames import Cells, Row, Rows
from quanheng.kernels.desk.curves.layout import MODEL
from quanheng.kernels.desk.curves.smile import vol_at
from quanheng.maker import alarms
from quanheng.maker import columns as c
from quanheng.maker import ledger_state as ledger
from quanheng.maker.curve_life import Rung
from quanheng.maker.inquiry_life import OPEN
from quanheng.maker.ledger_views import GREEKS, greeks_by_expiry
from quanheng.maker.messages import MakerOpen
from quanheng.maker.monitor_state import FAR
from quanheng.maker.monitor_table import MONITORS, ROLES
from quanheng.maker.parameters import TABLE
from quanheng.maker.point_kernels import YUAN
from quanheng.maker.state import U_ASK, U_BID, U_LAST, U_SPOT, State
from quanheng.maker.states import trader
from quanheng.rulebook.phases import timetable
from quanheng.terms import market
from quanheng.terms.codes import TradingState
from quanheng.terms.contract import Contract, OptionClass
from quanheng.terms.days import day_nanos
from quanheng.terms.units import MONEY_PER_YUAN, SECOND, Nanos, half_up

INQUIRIES = 200
"""Newest inquiries that a screen follows."""


def expiry_name(underlying: str, last_day: int) -> str:
    """510050-2407: an expiry as scopes name it."""
    return f"{underlying}-{last_day // 100 % 10_000:04d}"


def contract_row(contract: Contract, slot: int, klass: int, days: int) -> list[Any]:
    """A contract for the browser: slot, class, code, trading code, C or P, strike, last day, unit,
    trading days left, adjusted.
    """
    return [
        slot, klass, contract.code, contract.trading_code, contract.kind, contract.strike,
        contract.last_day, contract.unit, days, int(contract.adjusted),
    ]  # fmt: skip


def classes(state: State, at: Nanos, boards: dict[int, Cells]) -> Rows:
    """One row per underlying: price, Greeks of the book there, how many quotes stand, lamps."""
    opened = state.opened
    assert opened is not None, "the day is open"
    meta, greeks = state.tables.meta, greeks_by_expiry(state)
    profit = state.ledger.terms.sum(axis=1)
    rows: Rows = {}
    for klass, item in enumerate(opened.chain.classes):
        cells = boards.setdefault(klass, board(state, klass, at))
        live, wanted = quoted(cells)
        spot = state.view.underlying[klass]
        mine = greeks[meta[:, c.E_KLASS] == klass].sum(axis=0)
        close = opened.chain.contracts[item.start].underlying_close
        last = int(spot[U_LAST] or spot[U_SPOT])
        rows[item.underlying] = {
            "klass": klass,
            "symbol": item.symbol,
            "last": last,
            "bid": int(spot[U_BID]),
            "ask": int(spot[U_ASK]),
            "change": (last - close) * 10_000 // close if last and close else None,
            "phase": phase_of(cells),
            "quoted": live,
            "wanted": wanted,
            **{name: round(float(mine[GREEKS.index(number)])) for name, number in _SHOWN_GREEKS},
            "pnl": half_up(int(profit[klass]), MONEY_PER_YUAN),
            "trader": trader(state.scopes, item.underlying),
            "stale": int(state.view.stale[klass]),
            "age": _age(state, klass, at),
            "state": int(_state_of(state, item)),
            "trips": [name for name in state.scopes.trips if _covers(name, item)],
            "asked": sum(
                len(state.inquiries.open.get(s, ())) for s in range(item.start, item.stop)
            ),
        }
    return rows


_SHOWN_GREEKS = (
    ("delta", GREEKS[0]),
    ("gamma", GREEKS[1]),
    ("vega", GREEKS[2]),
    ("theta", GREEKS[3]),
)


def _age(state: State, klass: int, at: Nanos) -> int:
    """Seconds since the last market data of a class."""
    last = int(state.view.tick_at[klass])
    return max(0, (at - last) // SECOND) if last else -1


def _covers(trip: str, item: OptionClass) -> bool:
    scope = trip.partition(" ")[0]
    return scope in ("*", item.underlying)


def _state_of(state: State, item: OptionClass) -> TradingState:
    """The least restrictive state of any contract of the class: what the class as such may do."""
    return TradingState(int(state.desk[item.start : item.stop, c.D_STATE].max()))


def curves(state: State, klass: int) -> Rows:
    """One row per expiry of a class: the curve that prices, the market's vols at its strikes."""
    opened = state.opened
    assert opened is not None, "the day is open"
    item = opened.chain.classes[klass]
    part = slice(item.start, item.stop)
    fixed, surface = state.tables.fixed[part], state.surface
    rows = state.view.rows[part]
    bid, ask = vols(state, part, rows[:, market.BID]), vols(state, part, rows[:, market.ASK])
    out: Rows = {}
    for expiry in np.flatnonzero(state.tables.meta[:, c.E_KLASS] == klass).tolist():
        meta, fit = state.tables.meta[expiry], surface.fits[expiry]
        mine = np.flatnonzero(fixed[:, c.F_EXPIRY] == expiry)
        forward = float(fit[c.X_FORWARD])
        # The out-of-the-money side of each strike is the one that the curve is made of.
        strikes = fixed[mine, c.F_STRIKE]
        away = (strikes * YUAN - forward) * fixed[mine, c.F_SIGN] >= 0
        chosen = mine[away] if np.isfinite(forward) else mine[:0]
        chosen = chosen[np.argsort(fixed[chosen, c.F_STRIKE], kind="stable")]
        row = surface.curves[c.PUBLISHED, expiry]
        life = surface.life[expiry]
        out[expiry_name(item.underlying, int(meta[c.E_LAST_DAY]))] = {
            "last_day": int(meta[c.E_LAST_DAY]),
            "days": int(meta[c.E_DAYS]),
            "forward": _whole(forward, 1e4),
            "atm": _whole(float(vol_at(row, 0.0)), 1e4) if np.isfinite(row[MODEL]) else None,
            "model": int(row[MODEL]) if np.isfinite(row[MODEL]) else 0,
            "rung": Rung(int(life[c.V_RUNG])).name.lower(),
            "version": int(life[c.V_VERSION]),
            "strikes": fixed[chosen, c.F_STRIKE].tolist(),
            "fit": _wholes(surface.theo[part][chosen, c.T_VOL]),
            "bid": _wholes(bid[chosen]),
            "ask": _wholes(ask[chosen]),
        }
    return out


def _whole(value: float, scale: float) -> int | None:
    return round(value * scale) if np.isfinite(value) else None


def _wholes(values: Any) -> list[int | None]:
    """Vols in hundredths of a per cent."""
    return [_whole(value, 1e4) for value in values.tolist()]


def risk(state: State) -> Rows:
    """The Greeks' tree: the book, its classes, their expiries, in yuan (kernels' desk units)."""
    opened = state.opened
    assert opened is not None, "the day is open"
    meta, by_expiry = state.tables.meta, greeks_by_expiry(state)
    names = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
    totals = state.ledger.terms.sum(axis=1)
    out: Rows = {"*": _greeks("*", 0, names, by_expiry.sum(axis=0), int(totals.sum()))}
    for klass, item in enumerate(opened.chain.classes):
        mine = np.flatnonzero(meta[:, c.E_KLASS] == klass)
        total = by_expiry[mine].sum(axis=0)
        out[item.underlying] = _greeks(item.underlying, 1, names, total, int(totals[klass]))
        for expiry in sorted(mine.tolist(), key=lambda one: int(meta[one, c.E_LAST_DAY])):
            name = expiry_name(item.underlying, int(meta[expiry, c.E_LAST_DAY]))
            out[name] = _greeks(name, 2, names, by_expiry[expiry], None)
    for number, row in enumerate(out.values()):
        row["order"] = number
    return out


def _greeks(scope: str, depth: int, names: tuple[str, ...], values: Any, money: int | None) -> Row:
    figures = {name: round(float(value)) for name, value in zip(names, values, strict=True)}
    total = None if money is None else half_up(money, MONEY_PER_YUAN)
    return {"scope": scope, "depth": depth, **figures, "pnl": total}


def profit(state: State) -> Rows:
    """Profit by cause, yuan, one row per class and one of the book."""
    opened = state.opened
    assert opened is not None, "the day is open"
    out: Rows = {}
    names = [item.underlying for item in opened.chain.classes]
    table = state.ledger.terms.tolist()
    for name, terms in [*zip(names, table, strict=True), ("*", state.ledger.terms.sum(axis=0))]:
        whole = [half_up(int(value), MONEY_PER_YUAN) for value in terms]
        total = half_up(sum(int(value) for value in terms), MONEY_PER_YUAN)
        out[name] = {**dict(zip(ledger.NAMES, whole, strict=True)), "total": total}
    return out


def limits(state: State) -> Rows:
    """Every monitor's figure with its three thresholds, and the alert that lives."""
    opened, watch = state.opened, state.watch
    assert opened is not None, "the day is open"
    out: Rows = {}
    for monitor, place in np.argwhere(watch.signed > -FAR).tolist():
        one = MONITORS[monitor]
        figure = alarms.figure_of(watch, monitor, place)
        bounds = watch.levels[monitor, place].tolist()
        alert = watch.alerts.get(int(watch.live[monitor, place]))
        scope = alarms.place_name(opened, place)
        out[f"{one.name}/{scope}"] = {
            "name": one.name,
            "item": one.item,
            "scope": scope,
            "zh": one.chinese,
            "en": one.meaning,
            "unit_zh": unit_text(one, "zh"),
            "unit_en": unit_text(one, "en"),
            "figure": figure_text(one, figure),
            "bounds": [figure_text(one, bound) for bound in bounds],
            "share": _share(figure, bounds[2], one.floor),
            "level": int(watch.level[monitor, place]),
            "alert": alert.number if alert else 0,
        }
    return out


def _share(figure: int, bound: int, floor: bool) -> int | None:
    """How much of the red threshold is used, per mille; None where it has no measure."""
    top, bottom = (bound, figure) if floor else (figure, bound)
    if bottom <= 0 or top < 0 or abs(figure) >= FAR // 2:
        return None
    return min(2_000, top * 1_000 // bottom)


def monitors(state: State, at: Nanos) -> Rows:
    """Alerts of monitors that live: what people have to acknowledge (T-08)."""
    opened, watch = state.opened, state.watch
    assert opened is not None, "the day is open"
    out: Rows = {}
    for one in watch.alerts.values():
        monitor = MONITORS[one.monitor]
        figure = alarms.figure_of(watch, one.monitor, one.place)
        prompt = watch.prompts.get(one.prompt)
        out[str(one.number)] = {
            "number": one.number,
            "scope": alarms.place_name(opened, one.place),
            "zh": monitor.chinese,
            "en": monitor.meaning,
            "figure": figure_text(monitor, figure),
            "unit_zh": unit_text(monitor, "zh"),
            "unit_en": unit_text(monitor, "en"),
            "level": one.level,
            "grade": one.grade,
            "told": ROLES[one.told],
            "since": day_nanos(one.since) // SECOND,
            "acked_by": one.acked_by,
            "measure": list(MEASURE_WORDS[str(prompt.measure)]) if prompt else None,
        }
    return out


def inquiries(state: State, at: Nanos) -> Rows:
    """The newest inquiries with their clocks, in seconds."""
    opened = state.opened
    assert opened is not None, "the day is open"
    out: Rows = {}
    newest = list(state.inquiries.asked.values())[-INQUIRIES:]
    for asked in reversed(newest):
        contract = opened.chain.contracts[asked.slot]
        live = asked.stage in OPEN
        quote = state.work[asked.slot]
        ask = c.W_COLUMNS
        out[str(asked.number)] = {
            "number": asked.number,
            "inquiry": asked.inquiry,
            "contract": contract.code,
            "name": contract.trading_code,
            "underlying": contract.underlying,
            "side": asked.side,
            "qty": asked.qty,
            "arrived": day_nanos(asked.arrived) // SECOND,
            "left": max(0, (asked.due - at) // SECOND) if live else 0,
            "hold": max(0, (asked.hold_until - at) // SECOND) if live and asked.hold_until else 0,
            "stage": int(asked.stage),
            "by": asked.by or asked.taken_by,
            "why": asked.why,
            "breaks": asked.breaks,
            "bid": int(quote[c.W_LIVE_PX]),
            "ask": int(quote[ask + c.W_LIVE_PX]),
            "theo": _whole(float(state.surface.theo[asked.slot, c.T_PRICE]), 1e4),
        }
    return out


def settings(state: State) -> Rows:
    """Quote parameters: unit, band, default, and what each scope sets."""
    out: Rows = {}
    for item in TABLE:
        low, high = item.band
        out[item.name] = {
            "unit": item.unit, "meaning": item.meaning, "default": item.default,
            "low": item.low, "high": item.high, "alone_low": low, "alone_high": high,
            "limit": int(item.limit),
            "set": {
                scope: values[item.name]
                for scope, values in state.parameters.overrides.items()
                if item.name in values
            },
        }  # fmt: skip
    return out


def account(state: State) -> Row:
    """Money of the book in yuan: cash, margin in use, profit; and the phase of the day."""
    opened = state.opened
    assert opened is not None, "the day is open"
    units = state.tables.fixed[:, c.F_UNIT]
    found = pnl.profit(state.book, units, state.ledger.marks)
    margin = margin_use.total(state.book, state.tables.fixed[:, c.F_MARGIN])
    equity = pnl.equity(state.book, units, state.ledger.marks)
    return {
        "cash": state.book.cash // MONEY_PER_YUAN,
        "margin": margin // MONEY_PER_YUAN,
        "usage": margin * 10_000 // equity if equity > 0 else None,
        "pnl": half_up(found.total, MONEY_PER_YUAN),
        "fees": found.fees // MONEY_PER_YUAN,
        "long": int(state.book.long_qty.sum()),
        "short": int(state.book.short_qty.sum() + state.book.covered_qty.sum()),
    }


def day_spans(opened: MakerOpen) -> list[list[int]]:
    """The day's timetable: [start, stop, Phase] in seconds, for the slider."""
    return [
        [span.start // SECOND, span.stop // SECOND, int(span.phase)]
        for span in timetable(opened.rulebook)
    ]


def ratio(value: Fraction | None) -> int | None:
    """A share in hundredths of a per cent, half up."""
    return (
        None
        if value is None
        else (2 * 10_000 * value.numerator + value.denominator) // (2 * value.denominator)
    )
