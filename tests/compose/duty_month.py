"""A small duty dataset over several days, for the tests of reports and of the cockpit's month."""

from pathlib import Path
from random import Random

import numpy as np

from quanheng.duties.tables import Text, text_column
from quanheng.edge.dataset_files import write_dataset
from quanheng.edge.rulebook_files import read_rulebook
from quanheng.rulebook.calendar import next_trading
from quanheng.terms.days import from_clock
from quanheng.terms.units import SECOND

FIRST, DAYS = 20240715, 8
MAKERS = ("MM0001", "MM0002")
CLASSES = ("510050", "510300")
CONTRACTS = tuple(f"1000000{k}" for k in range(6))
TEXTS = (
    "contract", "underlying", "underlying_type", "kind", "phase", "maker", "buyer", "seller",
    "inquiry", "reason",
)  # fmt: skip
PHASES = (
    ("09:15", "C"), ("09:25", "B"), ("09:30", "T"), ("11:30", "B"), ("13:00", "T"),
    ("14:57", "U"), ("15:00", "E"),
)  # fmt: skip


def trading_days() -> list[int]:
    """The dataset's days; they cross the exchange's month on 21 July."""
    days, book = [FIRST], read_rulebook(FIRST)
    while len(days) < DAYS:
        days.append(next_trading(book.calendar, days[-1]))
    return days


def _table(names: str, rows: list[tuple[object, ...]]) -> dict[str, np.ndarray | Text]:
    columns = dict(zip(names.split(), zip(*rows, strict=True), strict=True))
    return {
        name: text_column([str(value) for value in values])
        if name in TEXTS
        else np.array(values, dtype=np.int64)
        for name, values in columns.items()
    }


def _quotes(random: Random, day: int, maker: str, contract: str) -> list[tuple[object, ...]]:
    """Mostly compliant, now and then wide, small or one-sided; the second maker less diligent."""
    rows = []
    at, end = from_clock("09:16"), from_clock("14:59") + 50 * SECOND
    while at < end:
        good = random.random() < (0.9 if maker == MAKERS[0] else 0.8)
        bid, size = random.choice((400, 480, 500)), random.choice((10, 20, 50))
        width = random.choice((20, 25, 30)) if good else random.choice((30, 80))
        other = size if good else random.choice((0, 5, size))
        rows.append((day, maker, contract, at, bid, size, bid + width, other))
        at += random.randrange(60, 900 if good else 240) * SECOND
    return rows


def build(folder: Path, seed: int = 1) -> None:
    """Write the dataset."""
    random = Random(seed)
    listed, phases, quotes, trades, inquiries = [], [], [], [], []
    for day in trading_days():
        for k, code in enumerate(CONTRACTS):
            klass = CLASSES[k // 3]
            listed.append((day, code, klass, "EBS", "CP"[k % 2], 1 + k % 4, 25_000 + 500 * k,
                           10_000, 3_000, 1, 500, 500, 0))  # fmt: skip
            own = list(PHASES)
            if (k, day) == (1, trading_days()[-1]):
                own[3:3] = [("10:00", "V"), ("10:03", "T")]
            phases += [(day, code, from_clock(clock), letter) for clock, letter in own]
            for maker in MAKERS:
                quotes += _quotes(random, day, maker, code)
            start = from_clock("09:31")
            for n in range(12):
                at = start + (n * 500 + random.randrange(400)) * SECOND
                sides = [random.choice((*MAKERS, "")) for _ in range(2)]
                price = 3_000 if (n, k) == (3, 2) else random.choice((480, 500, 520))
                trades.append((day, code, at, price, random.randrange(1, 20), *sides,
                               at - SECOND, at - 2 * SECOND, 1, 1))  # fmt: skip
            inquiries.append((day, code, from_clock("10:30") + k * SECOND, str(k)))
    since = [(maker, klass, "primary", 20240101, 0) for maker in MAKERS for klass in CLASSES]
    last = trading_days()[-1]
    exempt = [(last, MAKERS[0], CONTRACTS[4], CLASSES[1], from_clock("13:30"),
               from_clock("13:40"), "technical")]  # fmt: skip
    names = (
        "day contract underlying underlying_type kind expiry_rank strike unit limit_up "
        "limit_down previous_settle last_trade designated"
    )
    trade_names = (
        "day contract at price qty buyer seller buy_order_at sell_order_at buy_limit sell_limit"
    )
    quotes.sort(key=lambda row: (row[0], row[2], row[1], row[3]))
    tables = {
        "contracts": _table(names, listed),
        "phases": _table("day contract at phase", phases),
        "quotes": _table("day maker contract at bid bid_qty ask ask_qty", quotes),
        "trades": _table(trade_names, trades),
        "inquiries": _table("day contract at inquiry", inquiries),
        "makers": _table("maker underlying kind since until", since),
        "exemptions": _table("day maker contract underlying from until reason", exempt),
    }
    write_dataset(folder, tables)
