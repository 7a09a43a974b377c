"""Fee rebates and rewards by role and grade (E-11, E-06; chapter 5 七; A37)."""

from pathlib import Path

import numpy as np
import pytest

from quanheng.duties.day_contracts import trade_phases
from quanheng.duties.fees import FeeError, FeeRule, Fill, TradeSides, fills_of, rebates
from quanheng.edge.fee_files import read_fees
from quanheng.terms.codes import Phase

DAY = 20240627
T, U = int(Phase.CONTINUOUS), int(Phase.CLOSING)


def column(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def sides(**change) -> TradeSides:
    """One fill of 7 contracts: maker 0 buys with a limit order of time 10 from nobody's of 20."""
    plain = {
        "contract": column(0),
        "at": column(100),
        "qty": column(7),
        "phase": column(T),
        "parties": np.array([[0, -1]]),
        "order_at": np.array([[10, 20]]),
        "limit": np.array([[1, 1]]),
    }
    return TradeSides(**(plain | change))


def roles(trades: TradeSides, general: int = 0, answers=None) -> list[tuple[str, str, int]]:
    found = fills_of(DAY, trades, ("M", "N"), ("510050",), np.full((2, 1), general), answers)
    return [(fill.maker, fill.role, fill.qty) for fill in found]


@pytest.mark.parametrize(
    ("change", "role"),
    [
        ({}, "provider"),
        ({"order_at": np.array([[20, 10]])}, "taker"),
        ({"order_at": np.array([[10, 10]])}, "taker"),
        ({"limit": np.array([[0, 1]])}, "taker"),
        ({"phase": column(U)}, "auction"),
    ],
)
def test_roles(change: dict[str, np.ndarray], role: str) -> None:
    """Provider: a limit order strictly earlier than the counterpart's; every other is a taker."""
    assert roles(sides(**change)) == [("M", role, 7)]


def test_two_makers_in_one_trade() -> None:
    """Both sides are classed, each by its own order."""
    trades = sides(parties=np.array([[1, 0]]), order_at=np.array([[30, 20]]))
    assert roles(trades) == [("M", "provider", 7), ("N", "taker", 7)]


def test_general_makers_earn_nothing() -> None:
    """No row for their fills, in auctions neither; A37 lets answers to inquiries pay as agreed."""
    asked = (column(0), column(90), 30)
    assert roles(sides(), general=1) == []
    assert roles(sides(), general=-1) == []
    assert roles(sides(phase=column(U)), general=1, answers=asked) == []
    assert roles(sides(), general=1, answers=asked) == [("M", "provider", 7)]
    assert roles(sides(), general=1, answers=(column(0), column(60), 30)) == []


def test_the_phase_of_a_trade() -> None:
    """At an uncross the auction it ends; at the start of trading the new phase."""
    phase_at, phases = column(10, 20, 30, 40), column(Phase.INTRADAY, T, U, Phase.CLOSED)
    made = column(0, 0, 0, 0, 0)
    trade_phases(phase_at, phases, column(15, 20, 25, 30, 40), made)
    assert made.tolist() == [Phase.INTRADAY, Phase.INTRADAY, T, T, U]
    start = column(0)
    trade_phases(column(5, 10), column(Phase.BREAK, T), column(10), start)
    assert start.tolist() == [T]


FEES = """
[[fee]]
role = "provider"
grade = "A"
handling_fee = "1.3"
rebate = "1.3"
reward = "0.25"

[[fee]]
role = "provider"
handling_fee = "1.3"
rebate = "1.3"

[[fee]]
role = "taker"
underlying = "510300"
handling_fee = "1.3"
rebate = "0.4"
from = 2024-06-01
until = 2024-06-30
"""


def test_amounts(tmp_path: Path) -> None:
    """Yuan per contract times contracts, by grade, class and day."""
    path = tmp_path / "fees.toml"
    path.write_text(FEES, encoding="utf-8")
    rules = read_fees(path)
    fills = [
        Fill(DAY, "M", "510050", "provider", 7),
        Fill(DAY, "N", "510050", "provider", 2),
        Fill(DAY, "M", "510300", "taker", 10),
    ]
    rows = rebates(rules, fills, {("M", "510050"): "A", ("N", "510050"): "B"})
    amounts = {(row.maker, row.role): (row.handling_fee, row.rebate, row.reward) for row in rows}
    assert amounts == {
        ("M", "taker"): (130_000, 40_000, 0),
        ("M", "provider"): (91_000, 91_000, 17_500),
        ("N", "provider"): (26_000, 26_000, 0),
    }
    with pytest.raises(FeeError, match="role taker, grade none, class 510300 on 20240701"):
        rebates(rules, [Fill(20240701, "M", "510300", "taker", 1)], {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"no \[\[fee\]\]"),
        ('[[fee]]\nrole = "maker"\nhandling_fee = "1"\n', "role 'maker'"),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "1"\nrebate = "2"\n', "above the handling fee"),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "1"\nreward = "1"\n', "taker earns no reward"),
        ('[[fee]]\nrole = "taker"\n', "handling_fee is missing"),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "1"\nbonus = "1"\n', "unknown field 'bonus'"),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "0.00001"\n', "0.0001 yuan"),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "1"\ngrade = "E"\n', "grade 'E'"),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "1"\nfrom = "June"\n', "is not a day"),
        (
            '[[fee]]\nrole = "taker"\nhandling_fee = "1"\nfrom = 2024-02-01\nuntil = 2024-01-01\n',
            "is before from",
        ),
        ('[[fee]]\nrole = "taker"\nhandling_fee = "1"\n' * 2, "fee 2: overlaps fee 1"),
    ],
)
def test_errors_of_a_fees_file(tmp_path: Path, text: str, reason: str) -> None:
    """Every error names the file, the row and the reason."""
    path = tmp_path / "fees.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FeeError, match=reason):
        read_fees(path)


def test_rules_are_exact() -> None:
    """A rule of the class goes before one of every class."""
    wide = FeeRule(role="taker", grade="*", handling_fee=10, rebate=1, reward=0)
    own = FeeRule(role="taker", grade="*", underlying="510050", handling_fee=10, rebate=2, reward=0)
    (row,) = rebates([wide, own], [Fill(DAY, "M", "510050", "taker", 3)], {})
    assert row.rebate == 6
