"""From a meter and the venue's records to the rating of a day, through files."""

import csv
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from quanheng.duties.conditions import from_rulebook
from quanheng.duties.dataset import DatasetError, check_dataset
from quanheng.duties.exact import ratio_text
from quanheng.duties.figures import arranged, differences
from quanheng.duties.measure import (
    Meter,
    figures,
    live,
    on_exempt,
    on_inquiry,
    on_last,
    on_phase,
    on_quote,
    on_trade,
    open_meter,
)
from quanheng.duties.rating import measure_dataset, rate
from quanheng.duties.readings import GRADED, MEASURED, NEEDS_TABLES
from quanheng.duties.records import Exemption, MakerEntry, input_tables
from quanheng.duties.scale import scale_of
from quanheng.duties.tables import Dataset, text_column
from quanheng.edge.dataset_files import read_dataset, write_dataset, write_result
from quanheng.edge.rulebook_files import read_rulebook, shipped_texts
from quanheng.rulebook.load import read_readings
from quanheng.terms.codes import Phase
from quanheng.terms.contract import Chain, Contract, build_chain
from quanheng.terms.days import midnight
from quanheng.terms.units import SECOND

DAY = 20240627
BOOK = read_rulebook(DAY)
MAKERS = (MakerEntry("ZZ", "primary", 20240101), MakerEntry("AA", "general", 20240101))
TIMES = [
    ("09:15", Phase.OPENING),
    ("09:25", Phase.BREAK),
    ("09:30", Phase.CONTINUOUS),
    ("11:30", Phase.BREAK),
    ("13:00", Phase.CONTINUOUS),
    ("14:57", Phase.CLOSING),
    ("15:00", Phase.CLOSED),
]

# columns of duty_dataset.md
OUTPUT = {
    "contract_day": "day maker contract obliged_ns quoted_ns compliant_ns spread_ratio "
    "participation opening closing volatility_auctions volatility_joined volume",
    "class_day": "day maker underlying contracts covered coverage spread_ratio participation "
    "opening_effective closing_effective volatility_auctions volatility_joined inquiries answered "
    "volume",
    "period": "from to maker underlying kind days spread_ratio opening volatility closing combined "
    "weighted_participation answer_rate volume volume_ratio table_grade grade reasons",
}


def a_contract(code: str, underlying: str, last_day: int) -> Contract:
    """A plain call with limits at 1 and 2,000 ticks."""
    days = {"first_day": 20240101, "last_day": last_day, "exercise_day": last_day}
    days |= {"delivery_day": last_day, "expire_day": last_day, "auto_split_day": 0}
    money = {"previous_close": 500, "previous_settle": 505, "underlying_close": 25_000}
    sizes = {"round_lot": 1, "limit_min": 1, "limit_max": 50, "market_min": 1, "market_max": 10}
    rest = {"open_interest": 0, "margin_unit": 0, "margin_ratio_1": 1, "margin_ratio_2": 1}
    return Contract(
        code=code,
        trading_code=f"{underlying}C2407M02500",
        symbol="50ETF",
        underlying=underlying,
        underlying_symbol="50ETF",
        underlying_type="EBS",
        style="E",
        kind="C",
        unit=10_000,
        strike=25_000,
        version="0",
        limit_up=2_000,
        limit_down=1,
        step=1,
        status="0000E   ",
        **days,
        **money,
        **sizes,
        **rest,
    )


CHAIN: Chain = build_chain(
    DAY,
    [
        a_contract("10000009", "510050", 20240724),
        a_contract("10000004", "510050", 20241225),
        a_contract("10000001", "510300", 20240828),
    ],
)


def clock(text: str) -> int:
    """Nanos of HH:MM today."""
    hours, minutes = text.split(":")
    return midnight(DAY) + (int(hours) * 60 + int(minutes)) * 60 * SECOND


def events(random: Random) -> list[tuple[int, str, tuple[int, ...]]]:
    """A day of quotes, trades and inquiries in order of time."""
    found: list[tuple[int, str, tuple[int, ...]]] = []
    for slot in range(len(CHAIN.contracts)):
        found += [(clock(text), "phase", (slot, int(phase))) for text, phase in TIMES]
        for _ in range(300):
            at = clock("09:16") + random.randint(0, 20_640_000) * 1_000_000
            draw = random.random()
            bid, sizes = random.randint(50, 600), random.choices((1, 9, 10, 20), k=2)
            if draw < 0.8:
                row = (random.randrange(2), slot, bid, sizes[0], bid + 30, sizes[1])
                found.append((at, "quote", row))
            elif draw < 0.95:
                sides = random.choices((-1, 0, 1), k=2)
                found.append((at, "trade", (slot, random.choice((bid, 2_000)), 3, *sides)))
            else:
                found.append((at, "inquiry", (slot, random.randrange(10**6))))
    return sorted(found, key=lambda row: row[0])


def played(random: Random) -> tuple[Meter, dict[str, np.ndarray]]:
    """A meter that saw the day, and the venue's record rows of it."""
    meter = open_meter(CHAIN, BOOK, tuple(entry.maker for entry in MAKERS))
    rows: dict[str, list[tuple[int, ...]]] = {
        name: [] for name in ("quotes", "trades", "phases", "inquiries")
    }
    on_exempt(meter, 1, 0, clock("10:00"), clock("10:30"))
    for at, kind, args in events(random):
        if kind == "phase":
            on_phase(meter, args[0], at, Phase(args[1]))
            rows["phases"].append((args[0], at, args[1]))
        elif kind == "quote":
            on_quote(meter, args[0], args[1], at, *args[2:])
            rows["quotes"] += [(args[0], args[1], at, 1, 1, 2, 1), (*args[:2], at, *args[2:])]
        elif kind == "trade":
            slot, price, qty, buyer, seller = args
            on_trade(meter, slot, at, qty, buyer, seller)
            on_last(meter, slot, at, price)
            rows["trades"].append((slot, at, price, qty, buyer, seller, at, at, 1, 1, -1))
        else:
            on_inquiry(meter, args[0], at, args[1])
            rows["inquiries"].append((args[0], at, args[1]))
    return meter, {name: np.array(items, dtype=np.int64) for name, items in rows.items()}


def dataset_of(rows: dict[str, np.ndarray]) -> Dataset:
    """The day's dataset from record rows, with the exemption of `played`."""
    exempt = Exemption(1, 0, clock("10:00"), clock("10:30"), "technical")
    return input_tables(CHAIN, BOOK, MAKERS, rows, [exempt])


def test_rulebook_numbers() -> None:
    """The guide's numbers come out of the rulebook (Q-01, Q-02, Q-06, Q-07, E-02, E-05)."""
    terms, scale = from_rulebook(BOOK), scale_of(BOOK)
    assert terms.bands == ((1, 10, 25), (1, 10, 25), (1, 5, 25), (1, 5, 25))
    assert (terms.size, terms.auction_size) == (10, 1)
    assert terms.low_price == {"EBS": 10, "ASH": 50}
    assert (terms.answer, terms.hold) == (15 * SECOND, 15 * SECOND)
    shares = (scale.contract_share, scale.opening_share, scale.closing_share, scale.day_floor)
    assert [Fraction(*share) for share in shares] == [
        Fraction("0.8"),
        Fraction("0.5"),
        1,
        Fraction("0.3"),
    ]
    assert scale.weights == (5, 10, 85)
    ladder = [(Fraction(*bound), Fraction(*factor)) for bound, factor in scale.ladder if factor[0]]
    assert ladder == [(Fraction(n, 10), Fraction(n, 10)) for n in (10, 9, 8)]
    assert [Fraction(*band) for band in scale.spread_bands] == [Fraction("0.6"), 1]
    assert [Fraction(*band) for band in scale.weighted_bands] == [Fraction("0.8"), Fraction("0.7")]
    assert ["".join(row) for row in scale.matrix] == ["ABD", "BCD", "DDD"]
    assert (Fraction(*scale.volume_up), Fraction(*scale.volume_down)) == (
        Fraction("1.25"),
        Fraction("0.5"),
    )
    assert Fraction(*scale.answer_share) == Fraction("0.7")
    bands = [(Fraction(*bound), grade) for bound, grade in scale.general_bands if bound[0]]
    assert bands == [(Fraction(n, 10), grade) for n, grade in ((9, "A"), (8, "B"), (7, "C"))]


def test_readings_are_the_registers() -> None:
    """Every text of the register can be chosen; any other is refused by name (Q-08)."""
    known = read_readings(shipped_texts()["readings.toml"])
    for key, (_, texts) in {**MEASURED, **GRADED}.items():
        item = known[key]
        assert texts == (item.default, *item.alternatives)
        assert item.implemented == item.alternatives
    other = msgspec.structs.replace(BOOK, readings={**BOOK.readings, "A04": "sometimes"})
    with pytest.raises(ValueError, match="reading A04 is 'sometimes'"):
        from_rulebook(other)
    other = msgspec.structs.replace(BOOK, readings={**BOOK.readings, "A11": "B = 2"})
    with pytest.raises(ValueError, match="reading A11 is 'B = 2'"):
        scale_of(other)


@pytest.mark.parametrize("key", NEEDS_TABLES)
def test_a_live_meter_refuses_readings_of_tables(key: str) -> None:
    """What only a dataset can follow is refused where the market is met as events (Q-08)."""
    other = msgspec.structs.replace(BOOK, readings={**BOOK.readings, key: MEASURED[key][1][1]})
    with pytest.raises(ValueError, match=f"reading {key} is .* only a dataset"):
        open_meter(CHAIN, other, ("ZZ",))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_recount_from_files_equals_the_meter(tmp_path: Path, kind: str) -> None:
    """The referee's meter and the recount from the written day agree exactly (borders.md 4)."""
    meter, rows = played(Random(7))
    write_dataset(tmp_path, dataset_of(rows), kind)
    recount = measure_dataset(check_dataset(read_dataset(tmp_path)), DAY, BOOK)
    own = figures(meter, midnight(DAY) + 86_400 * SECOND)
    assert meter.late == 0
    assert int(recount.inquiries.sum()) > 0
    assert differences(arranged(own, recount.makers, recount.contracts), recount) == []


def test_live_figures_lead_to_the_final_ones() -> None:
    """`live` shows the running times without changing them."""
    meter, _ = played(Random(8))
    final = figures(meter, midnight(DAY) + 86_400 * SECOND)
    cell = (int(final.obliged[1, 2]), int(final.quoted[1, 2]), int(final.compliant[1, 2]))
    assert live(meter, 1, 2, clock("15:00")) == cell
    on_quote(meter, 1, 2, clock("14:00"), 500, 10, 520, 10)
    assert meter.late == 1


def _plain(cell: object) -> str:
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def test_one_day_trial(tmp_path: Path) -> None:
    """A period of one day is rated and written in the public layout (E-01, E-05, E-06)."""
    _, rows = played(Random(9))
    dataset = dataset_of(rows)
    dataset.tables["letters"] = {
        "day": np.array([DAY], dtype=np.int64),
        "maker": text_column(["ZZ"]),
        "measure": text_column(["penalty"]),
    }
    result = rate(dataset, DAY, DAY, lambda _: BOOK)
    assert [(row.maker, row.underlying, row.kind) for row in result.period] == [
        ("AA", "510050", "general"),
        ("ZZ", "510050", "primary"),
        ("AA", "510300", "general"),
        ("ZZ", "510300", "primary"),
    ]
    assert {row.grade for row in result.period if row.maker == "ZZ"} == {"D"}
    files = write_result(tmp_path / "out", result)
    assert len(files) == 8  # the penalty is published as a decision
    for name, columns in OUTPUT.items():
        with (tmp_path / "out" / f"{name}.csv").open(encoding="utf-8") as stream:
            written = list(csv.DictReader(stream))
        table = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        assert list(written[0]) == columns.split() == table.column_names
        assert len(written) == table.num_rows == len(getattr(result, name))
        for column in columns.split():
            texts = ["" if cell is None else _plain(cell) for cell in table[column].to_pylist()]
            assert texts == [row[column] for row in written]
    assert [row.volume for row in result.class_day] != [0] * 4
    for text, row in zip(written, result.period, strict=True):
        assert text["volume_ratio"] == ratio_text(row.volume_ratio)


def test_rating_a_window_without_days() -> None:
    """A window in which nothing was listed is an error, not an empty rating."""
    _, rows = played(Random(9))
    with pytest.raises(DatasetError, match="no day from 2024-07-01 to 2024-07-31"):
        rate(dataset_of(rows), 20240701, 20240731, lambda _: BOOK)


def test_contract_without_phases() -> None:
    """A listed contract whose phases are missing is named."""
    _, rows = played(Random(9))
    rows["phases"] = rows["phases"][rows["phases"][:, 0] != 1]
    code = CHAIN.contracts[1].code
    with pytest.raises(DatasetError, match=f"phases: no rows for contract {code} on 2024-06-27"):
        rate(dataset_of(rows), DAY, DAY, lambda _: BOOK)
