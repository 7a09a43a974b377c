"""Run the study day by day, on one or more processes, into one set of records."""

import multiprocessing
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from quanheng.kernels.desk.curves import arbitrage
from quanheng.kernels.desk.curves import layout as at
from quanheng.rulebook.calendar import Calendar
from study import closes, fits, strikes
from study.closes import TICK, Floats, Row
from study.fits import MODELS, DayFits, vols, weighted_rms
from study.points import Points, forwards, points, prices

PEERS = ("scipy", "quantlib")
LEAST_FOR_PEERS = 5
OFFSETS_ON = "wing"
"""The model whose repaired curves carry the offsets per strike."""


@dataclass(frozen=True)
class Plan:
    """What to run: the models, and the peers on every so many slices (0: none)."""

    models: tuple[str, ...] = MODELS
    peers_every: int = 0


@dataclass
class Study:
    """Everything found: rows by reason, a record per slice, columns of numbers per point."""

    ledger: Counter[str] = field(default_factory=Counter)
    implied: Counter[str] = field(default_factory=Counter)
    slices: list[dict[str, Any]] = field(default_factory=list)
    points: dict[str, Floats] = field(default_factory=dict)
    expired: int = 0
    """Slices on their expiry day, which have no time left."""
    unpriced: int = 0
    """Slices without a forward or without a point."""


def _money_vol(one: Points) -> float:
    return float(np.interp(0.0, one.k, one.vol))


def _slice_record(one: Points) -> dict[str, Any]:
    return {
        "day": one.slice.day,
        "expiry": one.slice.last_day,
        "tau": one.slice.tau,
        "years": one.slice.years,
        "forward": one.forward,
        "rung": one.rung,
        "strikes_used": one.used,
        "strikes_offered": one.offered,
        "spread_ticks": one.spread / TICK,
        "points": one.k.size,
        "money_vol": _money_vol(one),
    }


def _model_record(one: Points, found: DayFits, i: int) -> dict[str, Any]:
    before, after = found.before[i], found.after[i]
    values = {
        "verdict": found.verdict[i],
        "status": int(found.status[i]),
        "borrowed": bool(found.borrowed[i]),
        "at_bound": float(found.rows[i, at.AT_BOUND]),
        "rms": weighted_rms(one, vols(one, found.rows[i])),
        "rms_repaired": weighted_rms(one, vols(one, found.repaired[i])),
        "g": before[arbitrage.G],
        "g_at": before[arbitrage.G_AT],
        "gap": before[arbitrage.GAP],
        "g_repaired": after[arbitrage.G],
        "gap_repaired": after[arbitrage.GAP],
        "k_low": found.rows[i, at.K_LOW],
        "k_high": found.rows[i, at.K_HIGH],
        "nanos": int(found.nanos[i]),
        "repair_nanos": found.repair_nanos // len(found.verdict),
    }
    return {f"{found.model}_{name}": value for name, value in values.items()}


def _point_columns(one: Points) -> dict[str, Floats]:
    n = one.k.size
    same = {"day": one.slice.day, "expiry": one.slice.last_day}
    return {
        **{name: np.full(n, float(value)) for name, value in same.items()},
        "k": one.k,
        "z": one.k / (_money_vol(one) * np.sqrt(one.slice.tau)),
        "vol": one.vol,
        "price": one.price,
        "share": one.weight / one.weight.sum(),
    }


def _model_columns(one: Points, model: str, row: Floats, repaired: Floats) -> dict[str, Floats]:
    out = {}
    for name, each in (("", row), ("_repaired", repaired)):
        vol = vols(one, each)
        out[f"{model}{name}_vol"] = vol
        out[f"{model}{name}_ticks"] = (prices(one, vol) - one.price) / TICK
    return out


def _offset_record(one: Points, found: strikes.Offset) -> dict[str, Any]:
    return {
        "offsets_rms": weighted_rms(one, found.vol),
        "offsets_share": found.share,
        "offsets_butterflies": found.butterflies,
        "offsets_nanos": found.nanos,
    }


def _peer_record(one: Points) -> dict[str, Any]:
    from study import peers

    record: dict[str, Any] = {}
    for name, solve in zip(PEERS, (peers.fit_scipy, peers.fit_quantlib), strict=True):
        found = solve(one)
        row = peers.as_row(one, found)
        report = np.empty((1, arbitrage.REPORT))
        arbitrage.check(row.reshape(1, -1), 1, report)
        good = row[at.MODEL] == at.SVI
        record[f"{name}_rms"] = weighted_rms(one, vols(one, row)) if good else float("nan")
        record[f"{name}_verdict"] = fits.verdict(one, row)
        record[f"{name}_g"] = report[0, arbitrage.G]
        record[f"{name}_nanos"] = found.nanos
    return record


def study_day(rows: list[Row], cal: Calendar, plan: Plan) -> Study:
    """One day: clean, price, fit, check, repair; the peers come with `run`."""
    out = Study()
    slices = closes.slices_of(rows, cal)
    priced = [points(one, row) for one, row in zip(slices, forwards(slices), strict=True)]
    for one in priced:
        out.ledger += one.dropped
        out.implied += one.implied
    out.expired = sum(not one.slice.tau > 0.0 for one in priced)
    day = [one for one in priced if one.k.size > 0]
    out.unpriced = len(priced) - out.expired - len(day)
    if not day:
        return out
    found = [fits.fit_day(model, day) for model in plan.models]
    columns: list[dict[str, Floats]] = []
    for i, one in enumerate(day):
        record = _slice_record(one)
        column = _point_columns(one)
        for each in found:
            record.update(_model_record(one, each, i))
            column.update(_model_columns(one, each.model, each.rows[i], each.repaired[i]))
            if each.model == OFFSETS_ON:
                offset = strikes.fit(one, each.repaired[i])
                record.update(_offset_record(one, offset))
                column["offsets_vol"] = offset.vol
                column["offsets_ticks"] = (prices(one, offset.vol) - one.price) / TICK
        number = one.slice.day + one.slice.last_day
        if plan.peers_every and one.k.size >= LEAST_FOR_PEERS and number % plan.peers_every == 0:
            record.update(_peer_record(one))
        out.slices.append(record)
        columns.append(column)
    out.points = {name: np.concatenate([one[name] for one in columns]) for name in columns[0]}
    return out


def _merge(parts: list[Study]) -> Study:
    out = Study()
    for part in parts:
        out.ledger += part.ledger
        out.implied += part.implied
        out.slices += part.slices
        out.expired += part.expired
        out.unpriced += part.unpriced
    names = next((list(part.points) for part in parts if part.points), [])
    out.points = {
        name: np.concatenate([part.points[name] for part in parts if part.points]) for name in names
    }
    return out


def _chunk(days: list[list[Row]], cal: Calendar, plan: Plan) -> Study:
    return _merge([study_day(rows, cal, plan) for rows in days])


def run(rows: list[Row], cal: Calendar, plan: Plan, workers: int = 1) -> Study:
    """The study over all rows; the result does not depend on the number of workers."""
    days = [group for _, group in closes.by_day(rows)]
    if workers <= 1:
        return _chunk(days, cal, plan)
    # Kernels compile before the processes part.
    _chunk(days[:1], cal, plan)
    size = max(1, len(days) // (8 * workers))
    chunks = [days[i : i + size] for i in range(0, len(days), size)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        return _merge(pool.map(partial(_chunk, cal=cal, plan=plan), chunks, chunksize=1))
