"""The ETF venue's state, how its day opens, and what must always hold."""

import msgspec
import numpy as np

from quanheng.exchange import etf_kernel as ek
from quanheng.exchange.messages import EtfOpen
from quanheng.terms.codes import Phase
from quanheng.terms.days import midnight
from quanheng.terms.units import MINUTE, Lots, Money, Nanos, Ticks

MILLION = 1_000_000
TRADING_YEAR = 243 * 4 * 60 * MINUTE


class Working(msgspec.Struct, array_like=True):
    """A resting order of a member."""

    member: int
    client_id: str
    fund: int
    side: int  # 0 buys
    price: Ticks
    left: Lots


class EtfState(msgspec.Struct):
    """Everything that influences the venue's future. Account -1 (the last) is the crowd's."""

    open: EtfOpen | None
    day_start: Nanos
    phase: Phase
    stamp: Nanos
    walk: np.ndarray
    info: np.ndarray
    depth: np.ndarray
    rng: np.ndarray
    cash: np.ndarray  # [accounts]
    units: np.ndarray  # [accounts, funds]
    sellable: np.ndarray  # [accounts, funds]: of `units`, less working sells
    held: np.ndarray  # [accounts]: cash behind working buys
    fees: Money
    brought: Money
    orders: list[Working]
    seen: dict[str, int]  # ids used today, bounded by the flow of a hedger


def empty() -> EtfState:
    """The state before a day opens."""
    none = np.zeros(0, dtype=np.int64)
    return EtfState(
        open=None,
        day_start=0,
        phase=Phase.START,
        stamp=0,
        walk=np.zeros((0, ek.WALK), dtype=np.float64),
        info=np.zeros((0, ek.INFO), dtype=np.int64),
        depth=np.zeros((0, 2, ek.LEVELS, 2), dtype=np.int64),
        rng=np.zeros(0, dtype=np.uint64),
        cash=none,
        units=none.reshape(0, 0),
        sellable=none.reshape(0, 0),
        held=none,
        fees=0,
        brought=0,
        orders=[],
        seen={},
    )


def _limits(close: Ticks, percent: int, step: Ticks) -> tuple[Ticks, Ticks]:
    """(up, down) of an underlying, half up to its step."""

    def near(price: int) -> int:
        return (price + 50 * step) // (100 * step) * step

    return near(close * (100 + percent)), near(close * (100 - percent))


CROWD_CASH = 10**15
CROWD_UNITS = 10**12
"""What the crowd's account starts with: more than it can lose."""


def opened_state(body: EtfOpen) -> EtfState:
    """The state at the start of a day."""
    state = empty()
    funds, accounts = len(body.specs), len(body.members) + 1
    state.open, state.day_start = body, midnight(body.day)
    state.walk = np.zeros((funds, ek.WALK), dtype=np.float64)
    state.info = np.zeros((funds, ek.INFO), dtype=np.int64)
    state.depth = np.zeros((funds, 2, ek.LEVELS, 2), dtype=np.int64)
    seeds = [
        (body.seed * 0x9E3779B97F4A7C15 + (i + 101) * 0xD1342543DE82EF95) % 2**64
        for i in range(funds)
    ]
    state.rng = np.array(seeds, dtype=np.uint64)
    steps = TRADING_YEAR / body.snapshot_nanos
    for index, spec in enumerate(body.specs):
        up, down = _limits(spec.previous_close, spec.limit_rate, spec.step)
        state.info[index, ek.I_STEP] = spec.step
        state.info[index, ek.I_UP], state.info[index, ek.I_DOWN] = up, down
        row = state.walk[index]
        row[ek.W_BASE] = spec.previous_close
        row[ek.W_VOL] = ek.per_step(spec.vol / MILLION, steps)
        row[ek.W_BACK] = body.snapshot_nanos / (45 * MINUTE)
        row[ek.W_JUMP] = body.jumps * 243 / steps
        row[ek.W_JUMP_SIZE] = body.jump_size / MILLION
    state.cash = np.array([*(m.cash for m in body.members), CROWD_CASH], dtype=np.int64)
    state.units = np.full((accounts, funds), CROWD_UNITS, dtype=np.int64)
    for index, member in enumerate(body.members):
        state.units[index] = member.units
    state.sellable = state.units.copy()
    state.held = np.zeros(accounts, dtype=np.int64)
    state.brought = int(state.cash.sum())
    return state


def invariants(state: EtfState) -> dict[str, int]:
    """Violations by name: conserved cash and units, nothing negative, nothing sold before T+1."""
    if state.open is None:
        return {}
    start = np.full(len(state.open.specs), CROWD_UNITS, dtype=np.int64)
    for member in state.open.members:
        start = start + np.array(member.units, dtype=np.int64)
    return {
        "money": int(int(state.cash.sum()) + state.fees != state.brought),
        "units": int((state.units.sum(axis=0) != start).sum()),
        "negative": int((state.cash < 0).sum() + (state.sellable < 0).sum()),
        "sellable": int((state.sellable > state.units).sum()),
    }
