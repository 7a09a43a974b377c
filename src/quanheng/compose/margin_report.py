"""The margin of the night and the combinations that would lower it (I-33, rules.md 3.4)."""

import csv
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quanheng.books import margin_use
from quanheng.books.combination_search import propose
from quanheng.books.combinations import Combination
from quanheng.books.positions import load, open_book
from quanheng.clearing import messages as clear
from quanheng.compose.day_end import Settled
from quanheng.compose.text import yuan
from quanheng.kernels.pack import unpack
from quanheng.rulebook.model import Rulebook
from quanheng.terms.contract import Chain
from quanheng.terms.units import Lots, Money


class MarginNight(msgspec.Struct, frozen=True):
    """Maintenance margin with the combinations held and with the best ones, and the way there:
    (build or split, strategy, code, code, units).
    """

    held: Money
    optimal: Money
    steps: tuple[tuple[str, str, str, str, Lots], ...]


def margin_night(chain: Chain, book: Rulebook, settled: Settled, closes: list[int]) -> MarginNight:
    """What our account's shorts take tonight and could take, after clearing."""
    account = open_book(len(chain.contracts))
    for slot, long, short, covered in unpack(settled.positions.rows, clear.HELD_COLUMNS).tolist():
        load(account, slot, long, short, covered, 0, chain.contracts[slot].unit)
    settles = settlement_prices(chain, settled)
    single = margin_use.maintenance(chain, book, settles, tuple(closes))
    found = propose(chain, account, combinations_kept(settled), single.tolist(), settles.tolist())
    codes = [contract.code for contract in chain.contracts]
    steps = tuple(
        (word, one.strategy, codes[one.slots[0]], codes[one.slots[1]], one.units)
        for word, some in (("split", found.split), ("build", found.build))
        for one in some
    )
    return MarginNight(found.before, found.after, steps)


def settlement_prices(chain: Chain, settled: Settled) -> np.ndarray:
    """Ticks int64[slots] of clearing's settlement prices."""
    settles = np.zeros(len(chain.contracts), dtype=np.int64)
    prices = unpack(settled.prices.rows, clear.PRICE_COLUMNS)
    settles[prices[:, clear.PRICE_SLOT]] = prices[:, clear.SETTLE_PRICE]
    return settles


def combinations_kept(settled: Settled) -> dict[str, Combination]:
    """Combinations that clearing left standing."""
    if settled.combined is None:
        return {}
    rows = unpack(settled.combined.rows, clear.COMBINED_COLUMNS).tolist()
    return {
        str(number): Combination(clear.STRATEGY_CODES[strategy], (first, second), units)
        for _, number, strategy, first, second, units in rows
    }


def margin_text(night: MarginNight, language: str = "zh") -> str:
    """One line for people."""
    counts = [sum(step[0] == word for step in night.steps) for word in ("build", "split")]
    if language == "zh":
        form = "隔夜维持保证金 {held} 元，最优组合 {optimal} 元（新建 {build} 笔，拆分 {split} 笔）"
    else:
        form = (
            "maintenance margin tonight {held} yuan, with the best combinations {optimal} "
            "({build} to build, {split} to split)"
        )
    return form.format(
        held=yuan(night.held), optimal=yuan(night.optimal), build=counts[0], split=counts[1]
    )


def plain_margin(night: MarginNight) -> dict[str, Any]:
    """The night for JSON."""
    return {
        "held": night.held,
        "optimal": night.optimal,
        "steps": [list(step) for step in night.steps],
    }


def write_margin(folder: Path, night: MarginNight) -> None:
    """combinations.csv into the reports: what to split and to build."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "combinations.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "strategy", "first", "second", "units"])
        writer.writerows(night.steps)
