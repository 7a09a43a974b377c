"""Settlement prices by the steps of rules.md 2.8."""

import math

import pytest

from quanheng.clearing import waterfall
from quanheng.clearing.waterfall import Closing
from quanheng.kernels.desk import black
from quanheng.terms.contract import Contract
from quanheng.terms.days import from_clock

WINDOW = waterfall.window("14:52-14:57")
LATE, EARLY = from_clock("14:55:00.500"), from_clock("14:51:59.999")


def contract(kind: str = "C", strike: int = 25_000, settle: int = 500) -> Contract:
    """A 510050 contract of the July expiry."""
    return Contract(
        code="10000001",
        trading_code=f"510050{kind}2407M02500",
        symbol="",
        underlying="510050",
        underlying_symbol="50ETF",
        underlying_type="EBS",
        style="E",
        kind=kind,
        unit=10_000,
        strike=strike,
        first_day=20240523,
        last_day=20240724,
        exercise_day=20240724,
        delivery_day=20240725,
        expire_day=20240724,
        version="0",
        open_interest=0,
        previous_close=settle,
        previous_settle=settle,
        underlying_close=24_410,
        limit_up=2_941,
        limit_down=1,
        margin_unit=0,
        margin_ratio_1=1200,
        margin_ratio_2=700,
        round_lot=1,
        limit_min=1,
        limit_max=50,
        market_min=1,
        market_max=10,
        step=1,
        status="0000E0  ",
        auto_split_day=20240722,
    )


CASES = [
    ("closing auction", Closing(510, 500, LATE, 400, 600), (510, 1)),
    ("late trade below the bid", Closing(0, 500, LATE, 505, 520), (505, 2)),
    ("late trade at the bid", Closing(0, 505, LATE, 505, 520), (505, 2)),
    ("late trade above the ask", Closing(0, 530, LATE, 505, 520), (520, 2)),
    ("late trade inside", Closing(0, 511, LATE, 505, 520), (511, 2)),
    ("the window opens at 14:52", Closing(0, 511, from_clock("14:52"), 505, 520), (511, 2)),
    ("the window shuts before 14:57", Closing(0, 511, from_clock("14:57"), 505, 520), (513, 3)),
    ("early trade: the middle, half up", Closing(0, 511, EARLY, 505, 520), (513, 3)),
    ("no trade: the middle", Closing(0, 0, 0, 505, 521), (513, 3)),
    ("late trade, one side only", Closing(0, 500, LATE, 505, 0), (0, 0)),
    ("bid at the upper limit", Closing(0, 2_941, EARLY, 2_941, 0), (2_941, 4)),
    ("ask at the lower limit", Closing(0, 0, 0, 0, 1), (1, 4)),
    ("one bid, nothing else", Closing(0, 0, 0, 300, 0), (0, 0)),
]


@pytest.mark.parametrize(
    ("closing", "want"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_clearing_observed_steps(closing: Closing, want: tuple[int, int]) -> None:
    """Steps 1 to 4 in their order, each on its own numbers."""
    assert waterfall.observed(contract(), closing, 24_410, False, WINDOW, False) == want


def test_clearing_step_two_original_text() -> None:
    """The original text of step 2 lets one side settle the price when it improves on the trade."""
    one_bid, low_bid = Closing(0, 500, LATE, 505, 0), Closing(0, 500, LATE, 495, 0)
    assert waterfall.observed(contract(), one_bid, 0, False, WINDOW, True) == (505, 2)
    one_ask = Closing(0, 500, LATE, 0, 490)
    assert waterfall.observed(contract(), one_ask, 0, False, WINDOW, True) == (490, 2)
    assert waterfall.observed(contract(), low_bid, 0, False, WINDOW, True) == (0, 0)


def test_clearing_last_day_takes_the_underlying() -> None:
    """On the last trading day the intrinsic value settles, 0 at or out of the money (step 6)."""
    closing = Closing(510, 500, LATE, 400, 600)
    for kind, strike, want in (("C", 24_000, 410), ("P", 25_000, 590), ("C", 24_410, 0)):
        got = waterfall.observed(contract(kind, strike), closing, 24_410, True, WINDOW, False)
        assert got == (want, 6)


def test_clearing_close_price_falls_back() -> None:
    """Closing price: the closing auction, else the last trade, else the previous close."""
    assert waterfall.close_price(Closing(510, 500, LATE, 0, 0), 7) == 510
    assert waterfall.close_price(Closing(0, 500, LATE, 0, 0), 7) == 500
    assert waterfall.close_price(Closing(0, 0, 0, 0, 0), 7) == 7


def test_clearing_model_recovers_a_hidden_price() -> None:
    """Contracts without a price get the smile's own price back, within a tick."""
    tau, discount, spot = 19 / 243, 0.998, 2.441
    ahead = spot / discount
    rows: list[tuple[Contract, int]] = []
    for kind, sign in (("C", 1.0), ("P", -1.0)):
        for strike in range(22_500, 27_500, 500):
            vol = 0.14 + 0.1 * abs(math.log(strike / 10_000 / ahead))
            price = black.price_one(sign, ahead, strike / 10_000, vol, tau, discount)
            rows.append((contract(kind, strike, 77), max(round(price * 10_000), 1)))
    hidden = [index for index, row in enumerate(rows) if row[0].strike in (23_500, 25_500)]
    settles = tuple(0 if index in hidden else row[1] for index, row in enumerate(rows))
    contracts = tuple(row[0] for row in rows)
    expiry = waterfall.Expiry(contracts, settles, 24_410, tau, discount)
    filled = waterfall.modelled(expiry)
    for index, (_, price) in enumerate(rows):
        assert abs(filled[index] - price) <= (1 if index in hidden else 0)


def test_clearing_model_without_any_price() -> None:
    """An expiry nobody priced keeps yesterday's settlement, at least one tick."""
    contracts = (contract("C", 24_000, 500), contract("P", 24_000, 0))
    expiry = waterfall.Expiry(contracts, (0, 0), 24_410, 0.1, 0.999)
    assert waterfall.modelled(expiry) == (500, 1)


def test_clearing_model_wing_goes_on_but_not_down() -> None:
    """A strike beyond the settled ones takes their line on, never below the last vol (step 5)."""
    tau, ahead = 0.08, 2.441
    low, high = contract("C", 25_000), contract("C", 25_500)
    far = contract("C", 26_000)

    def settled(vol: float, strike: int) -> int:
        return round(black.price_one(1.0, ahead, strike / 10_000, vol, tau, 1.0) * 10_000)

    for outer, want in ((0.22, 0.2396), (0.15, 0.15)):
        settles = (settled(0.20, 25_000), settled(outer, 25_500), 0)
        expiry = waterfall.Expiry((low, high, far), settles, 24_410, tau, 1.0)
        assert abs(waterfall.modelled(expiry)[2] - settled(want, 26_000)) <= 2
