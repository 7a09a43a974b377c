"""The shipped reference of 2024-06-27: facts about its contracts, and that the tool makes it."""

import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook import margin, price_limits
from quanheng.terms.contract import Chain, build_chain
from quanheng.wire import contracts

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "quanheng" / "data" / "2024-06-27"
DAY = 20240627


@pytest.fixture(scope="module")
def chain() -> Chain:
    """The shipped chain; nothing of it is quarantined."""
    rows, quarantined = contracts.read_contracts((SHIPPED / "reff030627.txt").read_bytes())
    assert quarantined == []
    return build_chain(DAY, rows)


def test_reference_counts(chain: Chain) -> None:
    """396 contracts; calls and puts per class and expiry as the exchange listed them."""
    counts = Counter((c.underlying, c.last_day // 100) for c in chain.contracts)
    assert {key: counts[key] for key in sorted(counts)} == {
        ("510050", 202407): 22,
        ("510050", 202409): 30,
        ("510050", 202412): 22,
        ("510300", 202407): 22,
        ("510300", 202409): 28,
        ("510300", 202412): 22,
        ("510500", 202407): 22,
        ("510500", 202409): 56,
        ("510500", 202412): 44,
        ("588000", 202407): 20,
        ("588000", 202409): 24,
        ("588000", 202412): 20,
        ("588080", 202407): 20,
        ("588080", 202409): 24,
        ("588080", 202412): 20,
    }
    kinds = Counter(contract.kind for contract in chain.contracts)
    assert kinds == {"C": 198, "P": 198}


def test_reference_adjusted_contracts(chain: Chain) -> None:
    """56 adjusted contracts of unit 10160, strike from the short name and not from the code."""
    adjusted = [contract for contract in chain.contracts if contract.adjusted]
    assert len(adjusted) == 56
    assert Counter(contract.unit for contract in adjusted) == {10_160: 56}
    assert all(contract.unit == 10_000 for contract in chain.contracts if not contract.adjusted)
    one = next(row for row in adjusted if row.trading_code == "510500C2409A04100")
    assert (one.symbol, one.strike) == ("500ETF购9月4035A", 40_350)
    for contract in adjusted:
        old = int(contract.trading_code[12:]) * 10
        # Rounded to 0.001 yuan, so the old strike comes back within half of that.
        assert abs(contract.strike * 10_160 - old * 10_000) <= 5 * 10_160


def test_reference_dates(chain: Chain) -> None:
    """Fourth Wednesdays, delivery on the next trading day, spreads dissolve two days before."""
    dates = {
        (c.last_day, c.exercise_day, c.expire_day, c.delivery_day, c.auto_split_day)
        for c in chain.contracts
    }
    assert sorted(dates) == [
        (20240724, 20240724, 20240724, 20240725, 20240722),
        (20240925, 20240925, 20240925, 20240926, 20240923),
        (20241225, 20241225, 20241225, 20241226, 20241223),
    ]
    firsts = {(c.last_day // 100, c.first_day) for c in chain.contracts}
    assert sorted(firsts) == [(202407, 20240523), (202409, 20240125), (202412, 20240425)]


def test_reference_prices_follow_the_rules(chain: Chain) -> None:
    """Limits and margin are the rulebook's for the row's own settlement and close."""
    book = read_rulebook(DAY)
    closes = {
        "510050": 24_410,
        "510300": 34_990,
        "510500": 50_900,
        "588000": 7_640,
        "588080": 7_480,
    }
    for row in chain.contracts:
        assert row.underlying_close == closes[row.underlying]
        assert row.previous_close == row.previous_settle >= 1
        facts = (row.kind, row.strike, row.previous_settle, row.underlying_close)
        up, down = price_limits.limits(book, row.underlying, *facts, row.step, False)
        assert (row.limit_up, row.limit_down) == (up, down)
        assert row.margin_unit == margin.opening(book, "EBS", *facts, row.unit)
        assert (row.limit_max, row.market_max, row.limit_min, row.step) == (50, 10, 1, 1)
    call = next(c for c in chain.contracts if c.trading_code == "510050C2407M02500")
    # By hand: P + 12 % of 2.441 less 0.059 out of the money, x 10000 yuan.
    assert call.margin_unit == call.previous_settle * 10_000 + 23_392_000


def test_reference_settlements_are_in_order(chain: Chain) -> None:
    """Out of the money, calls get cheaper and puts dearer with the strike; no price breaks its
    upper bound.
    """
    groups: dict[tuple[str, int, int, str], list[tuple[int, int]]] = {}
    for row in chain.contracts:
        assert row.previous_settle < (row.underlying_close if row.kind == "C" else row.strike)
        key = (row.underlying, row.last_day, row.unit, row.kind)
        away = row.strike - row.underlying_close
        distance = away if row.kind == "C" else -away
        if distance >= 0:
            groups.setdefault(key, []).append((distance, row.previous_settle))
    assert len(groups) >= 34
    for rows in groups.values():
        prices = [price for _, price in sorted(rows)]
        assert prices == sorted(prices, reverse=True)


def test_reference_open_interest_is_the_real_total(chain: Chain) -> None:
    """The class totals are those published for 2024-06-26."""
    totals: Counter[str] = Counter()
    for contract in chain.contracts:
        totals[contract.underlying] += contract.open_interest
    assert totals == {
        "510050": 1_162_840,
        "510300": 963_032,
        "510500": 803_581,
        "588000": 790_569,
        "588080": 377_438,
    }


def test_reference_surface_and_path() -> None:
    """The surface names each class with three expiries; the path has a day's 48 bars."""
    surface = tomllib.loads((SHIPPED / "surface.toml").read_text(encoding="utf-8"))
    assert surface["day"] == DAY
    assert [len(klass["expiry"]) for klass in surface["klass"]] == [3] * 5
    for klass in surface["klass"]:
        for expiry in klass["expiry"]:
            assert 100_000 < expiry["atm"] < 400_000
            assert expiry["x_low"] < 0 < expiry["x_high"]
    lines = (SHIPPED / "etf_path.csv").read_text(encoding="utf-8").splitlines()
    bars = [line.split(",") for line in lines[1:]]
    assert lines[0] == "time,return,high,low,volume"
    assert [bars[0][0], bars[23][0], bars[24][0], bars[-1][0]] == [
        "09:35:00",
        "11:30:00",
        "13:05:00",
        "15:00:00",
    ]
    assert len(bars) == 48
    assert all(int(low) <= int(move) <= int(high) for _, move, high, low, _ in bars)
    assert abs(sum(int(bar[4]) for bar in bars) - 1_000_000) <= 48


def test_reference_is_what_the_tool_makes(tmp_path: Path) -> None:
    """The tool makes the shipped bytes from the sources in the repository."""
    tool = ROOT / "tools" / "make_reference.py"
    subprocess.run([sys.executable, str(tool), "--out", str(tmp_path)], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == ["etf_path.csv", "reff030627.txt", "surface.toml"]
    for name in made:
        assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes(), name
