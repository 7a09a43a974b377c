"""Covered shorts: lock, sell-open, buy-close, shortage (rules.md 2.7, 3.2; interfaces.md 2.3)."""

from typing import Any

import msgspec
import numpy as np
from exchange_world import QUIET, World, at, chain, member, of, opening

from quanheng.exchange import layout as lay
from quanheng.exchange.messages import Deliver
from quanheng.exchange.venue import invariants
from quanheng.kernels.pack import pack
from quanheng.terms.business import LockRequest
from quanheng.terms.codes import Effect, Exec, OrderKind, Side
from quanheng.terms.orders import NewOrder, OrderCancel, Trade

CALL, PUT = chain().contracts[0], chain().contracts[1]
UNITS = 50_000


def world(units: int = UNITS, **more: Any) -> World:
    """A member with fund units, and another one to trade with."""
    first = member("A0001", "M1", units=(units,), **more)
    made = World(opening(members=(first, member("B0001", "")), snapshot_nanos=30_000_000_000))
    made.until(at("10:00"))
    return made


def covered(name: str, side: Side, effect: Effect, qty: int, **more: Any) -> NewOrder:
    plain = NewOrder(name, CALL.code, side, effect, OrderKind.LIMIT, 1_000, qty, True)
    return msgspec.structs.replace(plain, **more)


def lock(made: World, name: str, qty: int, *, unlock: bool = False) -> Any:
    return made.ask(LockRequest(name, "510050", qty, unlock))[0]


def sound(made: World) -> None:
    found = invariants(made.machine.state)
    assert found == dict.fromkeys(found, 0)


def test_covered_lock_and_unlock() -> None:
    """U14: at most the units held, at least what covered shorts need (10836, 17622)."""
    made = world()
    ack = lock(made, "A000000001", 30_000)
    assert (ack.exec, ack.underlying, ack.qty, ack.unlock) == (
        Exec.ACCEPTED, "510050", 30_000, False,
    )  # fmt: skip
    assert lock(made, "A000000002", 20_001).reason == 10836
    assert lock(made, "A000000003", 20_000).reason == 0
    assert lock(made, "A000000004", 50_001, unlock=True).reason == 17622
    assert lock(made, "A000000005", 50_000, unlock=True).reason == 0
    assert lock(made, "A000000006", 0).reason == 10444
    assert lock(made, "A000000007", -1).reason == 19070
    assert made.ask(LockRequest("A000000008", "159919", 1, False))[0].reason == 19114
    made.until(at("12:00"))
    assert lock(made, "A000000009", 1).reason == 19100
    made.until(at("15:01"))
    assert lock(made, "A000000010", 1).reason == 10740


def test_covered_short_needs_locked_units_and_no_margin() -> None:
    """rules.md 3.2: unit units a contract, no cash margin; closing gives the units back."""
    made = world()
    state = made.machine.state
    assert made.ask(covered("A000000001", Side.SELL, Effect.OPEN, 1))[0].reason == 17622
    lock(made, "A000000002", 40_000)
    assert made.ask(covered("A000000003", Side.SELL, Effect.OPEN, 5))[0].reason == 17622
    ack = made.ask(covered("A000000004", Side.SELL, Effect.OPEN, 3))[0]
    assert (ack.reason, ack.covered) == (0, True)
    assert state.risk[0, 0, lay.R_COVERED] == 30_000 and state.fund[0, lay.HELD_MARGIN] == 0
    sound(made)
    assert made.ask(covered("A000000005", Side.SELL, Effect.OPEN, 2))[0].reason == 17622
    assert lock(made, "A000000006", 10_001, unlock=True).reason == 17622
    buy = NewOrder("B000000001", CALL.code, Side.BUY, Effect.OPEN, OrderKind.LIMIT, 1_000, 2)
    made.ask(buy, pbu="B0001")
    fill = next(
        report.body
        for effect in of(made.effects, Deliver)
        for report in effect.reports
        if effect.pbu == "A0001" and isinstance(report.body, Trade)
    )
    assert fill.covered and fill.qty == 2
    acct = state.acct[0]
    assert (acct[lay.COVERED, 0], acct[lay.SHORT, 0]) == (2, 0)
    assert state.fund[0, lay.MARGIN] == 0 and state.risk[0, 0, lay.R_SHORT] == 2
    sound(made)
    cancel = OrderCancel("A000000007", CALL.code, "A000000004")
    answer = made.ask(cancel)[0]
    assert answer.covered and answer.leaves == 1
    assert state.risk[0, 0, lay.R_COVERED] == 20_000
    # A plain buy-close finds no plain short, a covered one at most the covered.
    close = covered("A000000008", Side.BUY, Effect.CLOSE, 1, covered=False)
    assert made.ask(close)[0].reason == 10836
    assert made.ask(covered("A000000009", Side.BUY, Effect.CLOSE, 3))[0].reason == 10836
    assert made.ask(covered("A000000010", Side.BUY, Effect.CLOSE, 2))[0].reason == 0
    assert acct[lay.HELD_COVERED, 0] == 2
    sound(made)
    sell = NewOrder("B000000002", CALL.code, Side.SELL, Effect.CLOSE, OrderKind.LIMIT, 1_000, 2)
    assert made.ask(sell, pbu="B0001")[0].reason == 0
    assert acct[lay.COVERED, 0] == 0 and state.risk[0, 0, lay.R_COVERED] == 0
    assert lock(made, "A000000011", 40_000, unlock=True).reason == 0
    sound(made)


def test_covered_flags_keep_their_codes() -> None:
    """interfaces.md 2.10: puts 17618, buy-open 17614, sell-close 17616."""
    made = world()
    lock(made, "A000000001", 50_000)
    for name, order, code in (
        ("A000000002", {"contract": PUT.code}, 17618),
        ("A000000003", {"side": Side.BUY}, 17614),
        ("A000000004", {"effect": Effect.CLOSE}, 17616),
    ):
        asked = msgspec.structs.replace(covered(name, Side.SELL, Effect.OPEN, 1), **order)
        assert made.ask(asked)[0].reason == code


def test_covered_shortage_is_closed_by_force() -> None:
    """rules.md 1.6, 5: units that an ex date asks for and nobody locked: CV1 from 13:00."""
    held = np.zeros(len(chain().contracts), dtype=np.int64)
    held[0] = 5
    first = member(
        "A0001", "M1", covered=pack(held.reshape(1, -1)), units=(UNITS,), locked=(35_000,)
    )
    made = World(
        opening(QUIET, members=(first, member("B0001", "")), snapshot_nanos=30_000_000_000)
    )
    made.until(at("10:00"))
    sell = NewOrder("B000000001", CALL.code, Side.SELL, Effect.OPEN, OrderKind.LIMIT, 1_020, 9)
    assert made.ask(sell, pbu="B0001")[0].reason == 0
    made.until(at("12:59"))
    assert made.machine.state.acct[0, lay.COVERED, 0] == 5
    made.until(at("13:05"))
    fills = [
        report.body
        for effect in of(made.effects, Deliver)
        for report in effect.reports
        if effect.pbu == "A0001" and isinstance(report.body, Trade)
    ]
    assert [(fill.client_id, fill.qty, fill.covered) for fill in fills] == [("CV10000001", 2, True)]
    assert made.machine.state.acct[0, lay.COVERED, 0] == 3
    sound(made)
