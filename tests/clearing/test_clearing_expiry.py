"""The clearing machine's expiry, delivery and combinations (rules.md 2.7, 3.4, 5)."""

from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
from test_clearing_machine import DAY, chain, closing, opening, run

from quanheng.clearing import messages as msg
from quanheng.clearing import notices
from quanheng.clearing.clearing import Clearing
from quanheng.kernels.pack import pack, unpack
from quanheng.terms.contract import build_chain
from quanheng.terms.units import MONEY_PER_YUAN

Kind = TypeVar("Kind")
SPOT = msg.UnderlyingClose((24_500,))
CASH = 1_000_000 * MONEY_PER_YUAN


def packed(*rows: tuple[int, ...]) -> bytes:
    return pack(np.array(rows, dtype=np.int64))


def opened(*held: tuple[int, ...], last_day: int = DAY, **more: Any) -> msg.ClearingOpen:
    """A maker with positions, and two accounts of the public."""
    rows = [
        msgspec.structs.replace(row, last_day=last_day, auto_split_day=more.pop("split", DAY))
        for row in chain().contracts
    ]
    account = msg.Account("A1", True, CASH, packed(*held), more.pop("units", ()))
    return msgspec.structs.replace(
        opening(), chain=build_chain(DAY, rows), accounts=(account,), public=("P1", "P2"), **more
    )


def of(effects: list[msg.Effect], kind: type[Kind]) -> Kind:
    (found,) = [effect for effect in effects if isinstance(effect, kind)]
    return found


def test_clearing_expiry_assigns_and_charges() -> None:
    """C 2.40 at 2.45: P1 exercises 5; the maker is short 4 of 8, so 2.5 of 5: 2 or 3 by the lot."""
    register = msg.PublicRegister(packed((0, 0, 8, 0), (1, 0, 0, 4)))
    claims = msg.Exercises(packed((1, 0, 5, -1)))
    maker: set[int] = set()
    for seed in range(12):
        effects = run(
            Clearing(), opened((0, 0, 4, 0), seed=seed), register, claims, closing(), SPOT
        )
        done = of(effects, msg.Exercised)
        assigned = unpack(done.assigned, msg.ASSIGNED_COLUMNS).tolist()
        assert sum(row[2] for row in assigned) == 5
        mine = sum(row[2] for row in assigned if row[0] == 0)
        maker.add(mine)
        moves = unpack(done.moves, msg.MOVE_COLUMNS).tolist()
        assert [0, 0, -mine * 10_000, mine * 10_000 * 24_000] in moves
        assert done.fees == ((1, 30_000),)
        assert of(effects, msg.Seal).register_off == 0
        # In the money the last day's settlement price comes from the close (rules.md 2.8).
        prices = unpack(of(effects, msg.SettlementPrices).rows, msg.PRICE_COLUMNS)
        assert prices[:, msg.SETTLE_PRICE].tolist() == [500, 0, 0, 500]
    assert maker == {2, 3}


def test_clearing_expiry_of_our_own_long() -> None:
    """The maker's exercise costs 0.6 a contract; cash moves on the day after."""
    register = msg.PublicRegister(packed((0, 0, 0, 4)))
    claims = msg.Exercises(packed((0, 0, 4, -1)))
    effects = run(Clearing(), opened((0, 4, 0, 0)), register, claims, closing(), SPOT)
    cash = of(effects, msg.CashStatement)
    assert (cash.exercise_fee, cash.delivery, cash.premium) == (24_000, 0, 0)
    assert cash.cash == CASH - 24_000
    moves = of(effects, msg.Exercised).moves
    due = opened(last_day=20240925, split=20240923, deliveries=moves)
    effects = run(Clearing(), due, closing(), SPOT)
    made = unpack(of(effects, msg.DeliveriesMade).rows, msg.DELIVERED_COLUMNS).tolist()
    price = 4 * 10_000 * 24_000
    assert made == [[0, 0, 40_000, -price, 0], [1, 0, -40_000, price, 0]]
    cash = of(effects, msg.CashStatement)
    assert (cash.delivery, cash.premium, cash.cash) == (-price, 0, CASH - price)


def test_clearing_delivery_without_units_is_paid_for() -> None:
    """rules.md 5: an assigned writer without units pays 110 % of the close less the strike."""
    moves = packed((0, 0, -40_000, 40_000 * 24_000), (1, 0, 40_000, -40_000 * 24_000))
    days = {"last_day": 20240925, "split": 20240923}
    for units, missing in (((), 40_000), ((30_000,), 10_000), ((40_000,), 0)):
        due = opened(deliveries=moves, units=units, **days)
        effects = run(Clearing(), due, closing(), SPOT)
        made = unpack(of(effects, msg.DeliveriesMade).rows, msg.DELIVERED_COLUMNS).tolist()
        assert made[0] == [
            0, 0, missing - 40_000, 40_000 * 24_000 - missing * 26_950, -missing,
        ]  # fmt: skip
        assert made[0][2] + made[1][2] == made[0][3] + made[1][3] == 0


def test_clearing_combinations_are_margined_and_left_unnetted() -> None:
    """A call bull spread takes no margin; its legs are not netted; past E-2 it is dissolved."""
    held = ((0, 5, 2, 0), (2, 0, 3, 0))
    rows = packed((0, 2024062700000001, 0, 0, 2, 3))
    days = {"last_day": 20240724, "split": 20240722}
    combined = msg.CombinationsHeld(rows)
    effects = run(Clearing(), opened(*held, **days), combined, closing(), SPOT)
    positions = unpack(of(effects, msg.ClearedPositions).rows, msg.HELD_COLUMNS).tolist()
    assert positions == [[0, 3, 0, 0], [2, 0, 3, 0]]
    assert of(effects, msg.CashStatement).margin == 0
    assert of(effects, msg.CombinationsKept) == msg.CombinationsKept(rows, b"")
    alone = run(Clearing(), opened(*held, **days), closing(), SPOT)
    # C 2.50 settled at .0505: (.0505 + .294 - .05) x 10,000 x 3.
    assert of(alone, msg.CashStatement).margin == 3 * 2_945 * MONEY_PER_YUAN
    last = {"last_day": 20240701, "split": DAY}
    ended = run(Clearing(), opened(*held, **last), combined, closing(), SPOT)
    assert of(ended, msg.CombinationsKept) == msg.CombinationsKept(b"", rows)
    assert of(ended, msg.CashStatement).margin == of(alone, msg.CashStatement).margin


def test_clearing_register_that_does_not_fit_is_counted() -> None:
    """T-01: the public's register must have the net that its trades left."""
    days = {"last_day": 20240724, "split": 20240722}
    register = msg.PublicRegister(packed((0, 0, 0, 3)))
    effects = run(Clearing(), opened((0, 4, 0, 0), **days), register, closing(), SPOT)
    assert of(effects, msg.Seal).register_off == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (msg.PublicRegister(packed((2, 0, 1, 1))), "register row 0"),
        (msg.PublicRegister(packed((0, 4, 1, 1))), "register row 0"),
        (msg.PublicRegister(packed((0, 0, -1, 1))), "register row 0"),
        (msg.Exercises(packed((0, 0, 1, -1), (3, 0, 1, -1))), "exercise 1"),
        (msg.Exercises(packed((0, 0, 1, 4))), "exercise 0"),
        (msg.CombinationsHeld(packed((0, 1, 6, 0, 1, 1))), "combination 0"),
        (msg.CombinationsHeld(packed((0, 1, 0, 0, 9, 1))), "combination 0"),
        (msg.CombinationsHeld(packed((1, 1, 0, 0, 1, 1))), "combination 0"),
    ],
)
def test_clearing_expiry_names_what_is_wrong(body: msg.Input, reason: str) -> None:
    with pytest.raises(ValueError, match=f"clearing of {DAY}: {reason}"):
        run(Clearing(), opened(), body)


def test_clearing_failed_delivery_is_fined() -> None:
    """rules.md 5: the rulebook's penalty on top, out of the account's cash; by default none."""
    moves = packed((0, 0, -40_000, 40_000 * 24_000), (1, 0, 40_000, -40_000 * 24_000))
    days = {"last_day": 20240925, "split": 20240923, "deliveries": moves, "units": (30_000,)}
    plain = opened(**days)
    assert of(run(Clearing(), plain, closing(), SPOT), msg.DeliveriesMade).penalties == ()
    rates = msgspec.structs.replace(plain.rulebook.rates, fail_penalty=(1, 100))
    book = msgspec.structs.replace(plain.rulebook, rates=rates)
    effects = run(Clearing(), msgspec.structs.replace(plain, rulebook=book), closing(), SPOT)
    fine = 10_000 * 26_950 // 100
    made = of(effects, msg.DeliveriesMade)
    assert made.penalties == ((0, fine),)
    cash = of(effects, msg.CashStatement)
    delivered = unpack(made.rows, msg.DELIVERED_COLUMNS).tolist()[0]
    assert (cash.penalty, cash.delivery, cash.premium) == (fine, delivered[3], 0)
    assert cash.cash == CASH + delivered[3] - fine
    (notice,) = notices.failed("A123456789", plain.chain, made, (26_950,))
    assert (notice.kind, notice.qty, notice.amount, notice.left) == (
        "P04", 10_000, 10_000 * 26_950, fine,
    )  # fmt: skip


def test_clearing_disposal_moves_units_after_delivery() -> None:
    """interfaces.md 2.4 OTT: units go aside (Z) and come back (R), no more than there are."""
    days = {"last_day": 20240925, "split": 20240923}
    moves = packed((0, 0, 40_000, -40_000 * 24_000), (1, 0, -40_000, 40_000 * 24_000))
    day = opened(deliveries=moves, units=(10_000,), **days)
    account = msgspec.structs.replace(day.accounts[0], disposal=(5_000,))
    day = msgspec.structs.replace(day, accounts=(account,))
    asked = msg.DisposalTransfers(packed((0, 0, 45_000, 0), (0, 0, 9_000, 0), (0, 0, 60_000, 1)))
    effects = run(Clearing(), day, asked, closing(), SPOT)
    assert unpack(of(effects, msg.Disposed).rows, msg.TRANSFER_COLUMNS).tolist() == [
        [0, 0, 45_000, 0], [0, 0, 5_000, 0], [0, 0, 55_000, 1],
    ]  # fmt: skip
    for bad in ((1, 0, 1, 0), (0, 1, 1, 0), (0, 0, 0, 0), (0, 0, 1, 2), (0, 0, -1, 0)):
        with pytest.raises(ValueError, match="disposal 0 is wrong"):
            run(Clearing(), day, msg.DisposalTransfers(packed(bad)))
