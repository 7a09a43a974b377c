"""Forced closing for want of margin: 13:00, the exchange's prefix, until cured (rules.md 3.5)."""

import msgspec
import numpy as np
from exchange_world import World, at, chain, member, of, opening

from quanheng.books import combinations as combo
from quanheng.exchange import layout as lay
from quanheng.exchange.forced import shortage
from quanheng.exchange.messages import Deliver
from quanheng.exchange.venue import invariants
from quanheng.kernels.pack import pack
from quanheng.runtime.envelope import RaiseAlert
from quanheng.terms.business import CombinationDone
from quanheng.terms.codes import Alert, Effect, OrderKind, Side
from quanheng.terms.orders import NewOrder, Trade

ROWS = chain().contracts
SLOT = 5  # P 2.55, deep in the money: the largest margin
SHORT = 40
FEE = 16_000
"""What a taker's buy-close costs a contract: 1.3 handling, 0.3 settlement (rules.md 6)."""


def world(deficit: int, *, rich: int = 0) -> World:
    """A member short 40 of one contract whose margin its cash does not cover by `deficit`."""
    short = np.zeros(len(ROWS), dtype=np.int64)
    short[SLOT] = SHORT
    cash = SHORT * ROWS[SLOT].margin_unit - deficit + rich
    poor = member("A0001", "M1", short=pack(short.reshape(1, -1)))
    poor = type(poor)(poor.pbu, poor.account, poor.maker, poor.kind, cash, poor.long, poor.short,
                      deficit=deficit)  # fmt: skip
    return World(opening(members=(poor, member("B0001", "")), snapshot_nanos=30_000_000_000))


def offer(made: World, name: str, price: int, qty: int, pbu: str = "B0001") -> int:
    order = NewOrder(name, ROWS[SLOT].code, Side.SELL, Effect.OPEN, OrderKind.LIMIT, price, qty)
    return int(made.ask(order, pbu=pbu)[0].reason)


def fills(made: World) -> list[Trade]:
    return [
        report.body
        for effect in of(made.effects, Deliver)
        for report in effect.reports
        if effect.pbu == "A0001" and isinstance(report.body, Trade)
    ]


def test_forced_closing_cures_the_deficit_and_no_more() -> None:
    """What a contract frees is its margin less what it costs; just enough is bought from 13:00."""
    row = ROWS[SLOT]
    gain = row.margin_unit - 1_150 * row.unit - FEE
    made = world(3 * gain - 1)
    made.until(at("10:00"))
    assert offer(made, "B000000001", 1_150, 30) == 0
    made.until(at("12:59"))
    assert fills(made) == []
    made.until(at("13:00:30"))
    (fill,) = fills(made)
    assert fill.client_id == "QP10000001" and len(fill.client_id) == 10
    assert (fill.side, fill.effect, fill.price, fill.qty) == (Side.BUY, Effect.CLOSE, 1_150, 3)
    state = made.machine.state
    assert shortage(state, 0) == 0 and state.acct[0, lay.SHORT, SLOT] == SHORT - 3
    alerts = [alert for alert in of(made.effects, RaiseAlert) if alert.code == Alert.MARGIN_HIGH]
    assert [alert.args[0] for alert in alerts] == ["QP1"]
    made.until(at("14:50"))
    assert len(fills(made)) == 1
    assert invariants(state) == dict.fromkeys(invariants(state), 0)


def test_forced_closing_waits_for_a_market() -> None:
    """Without an offer it looks again each minute; what there is is taken; the rest comes back."""
    row = ROWS[SLOT]
    made = world(20 * (row.margin_unit - 1_150 * row.unit))
    made.until(at("13:05"))
    assert fills(made) == []
    assert offer(made, "B000000001", 1_150, 4) == 0
    made.until(at("13:07"))
    assert [fill.qty for fill in fills(made)] == [4]
    assert offer(made, "B000000002", 1_160, 50) == 0
    made.until(at("13:10"))
    assert [fill.client_id for fill in fills(made)] == ["QP10000001", "QP10000002"]
    state = made.machine.state
    assert shortage(state, 0) == 0
    assert state.info[SLOT, lay.N_BID] == 0 and list(state.live.values()) == ["B000000002"]


def test_forced_closing_never_meets_the_account_itself() -> None:
    """The member's own offer stands first: nothing is bought from it or past it (19314)."""
    made = world(20 * ROWS[SLOT].margin_unit)
    made.machine.state.ctl[lay.C_FUNDS] = 0  # so that it may still offer
    made.until(at("10:00"))
    assert offer(made, "A000000001", 1_140, 5, pbu="A0001") == 0
    assert offer(made, "B000000001", 1_150, 30) == 0
    made.until(at("13:30"))
    assert fills(made) == []


def test_forced_closing_spares_who_cured_in_time() -> None:
    """A member that has brought the cash, or was not called, is left alone."""
    made = world(1_000_000, rich=1_000_000)
    made.until(at("10:00"))
    assert offer(made, "B000000001", 1_150, 30) == 0
    made.until(at("14:00"))
    assert fills(made) == []


def combined_world(prices: tuple[int, int], deficit: int) -> World:
    """A member whose only shorts stand in 10 straddles; its cash does not cover them by `deficit`,
    and 20 of each leg are offered at `prices`.
    """
    slots = (0, 1)  # C and P 2.35 of the near expiry
    short = np.zeros(len(ROWS), dtype=np.int64)
    short[list(slots)] = 10
    unit = combo.opening(chain(), "KS", slots)
    poor = msgspec.structs.replace(
        member("A0001", "M1", short=pack(short.reshape(1, -1))),
        cash=10 * unit - deficit,
        deficit=deficit,
        combinations=(("2024062600000001", "KS", ROWS[0].code, ROWS[1].code, 10),),
    )
    made = World(opening(members=(poor, member("B0001", "")), snapshot_nanos=30_000_000_000))
    made.until(at("10:00"))
    for slot, price in zip(slots, prices, strict=True):
        order = NewOrder(
            f"B00000001{slot}", ROWS[slot].code, Side.SELL, Effect.OPEN, OrderKind.LIMIT, price, 20
        )
        assert made.ask(order, pbu="B0001")[0].reason == 0
    return made


def splits(made: World) -> list[CombinationDone]:
    return [
        report.body
        for effect in of(made.effects, Deliver)
        for report in effect.reports
        if effect.pbu == "A0001" and isinstance(report.body, CombinationDone)
    ]


def test_forced_split_of_a_combination_when_no_other_short_helps() -> None:
    """interfaces.md 1.6, 2.6: U12 with prefix CF1 and action F, then QP1 closes what was split;
    no more units than the deficit needs.
    """
    row = ROWS[0]
    gain = combo.opening(chain(), "KS", (0, 1)) - (1_000 + 60) * row.unit - 2 * FEE
    made = combined_world((1_000, 60), 3 * gain - 1)
    made.until(at("12:59"))
    assert splits(made) == []
    made.until(at("13:00:30"))
    (done,) = splits(made)
    assert (done.client_id[:3], done.action, done.qty) == ("CF1", "F", 3)
    assert done.combination == "2024062600000001" and str(done.exec_id)[0] == "9"
    assert [(leg.contract, leg.short, leg.qty) for leg in done.legs] == [
        (ROWS[0].code, True, 3), (ROWS[1].code, True, 3),
    ]  # fmt: skip
    assert [(fill.client_id[:3], fill.qty) for fill in fills(made)] == [("QP1", 3), ("QP1", 3)]
    state = made.machine.state
    assert shortage(state, 0) == 0 and state.desks[0].combinations["2024062600000001"].units == 7
    assert invariants(state) == dict.fromkeys(invariants(state), 0)
    made.until(at("14:50"))
    assert len(splits(made)) == 1


def test_forced_split_is_not_done_where_it_frees_nothing() -> None:
    """A call bull spread takes no margin: splitting it would free none, however short the account
    is of what another short needs.
    """
    short = np.zeros(len(ROWS), dtype=np.int64)
    long = np.zeros(len(ROWS), dtype=np.int64)
    short[[2, SLOT]] = 10
    long[0] = 10
    poor = msgspec.structs.replace(
        member("A0001", "M1", short=pack(short.reshape(1, -1)), long=pack(long.reshape(1, -1))),
        cash=9 * ROWS[SLOT].margin_unit,
        deficit=ROWS[SLOT].margin_unit,
        combinations=(("2024062600000001", "CNSJC", ROWS[0].code, ROWS[2].code, 10),),
    )
    made = World(opening(members=(poor, member("B0001", "")), snapshot_nanos=30_000_000_000))
    made.until(at("10:00"))
    order = NewOrder("B000000001", ROWS[2].code, Side.SELL, Effect.OPEN, OrderKind.LIMIT, 330, 20)
    assert made.ask(order, pbu="B0001")[0].reason == 0
    made.until(at("14:50"))
    assert splits(made) == [] and fills(made) == []
    assert shortage(made.machine.state, 0) == ROWS[SLOT].margin_unit
