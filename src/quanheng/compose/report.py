"""What a person reads at the end of a day: the table per class, in Chinese or English."""

from fractions import Fraction
from typing import Any

import msgspec

from quanheng.compose.text import percent, table, thousands, yuan
from quanheng.duties.exact import ratio_text
from quanheng.terms.days import iso
from quanheng.terms.units import Day, Lots, Money


class ClassLine(msgspec.Struct, frozen=True):
    """One class of the day's result. Shares are exact; None is not defined."""

    underlying: str
    symbol: str
    contracts: int
    spread_ratio: Fraction | None
    participation: Fraction | None
    covered: int
    obliged: int
    opening: Fraction | None
    intraday_joined: int
    intraday: int
    closing: Fraction | None
    answered: int
    inquiries: int
    weighted: Fraction | None
    volume: Lots
    volume_ratio: Fraction | None
    pnl: Money
    grade: str
    reasons: tuple[str, ...]


_HEADS = {
    "zh": [
        "合约品种", "合约", "价差率", "参与率", "覆盖率", "开盘", "熔断", "收盘",
        "询价", "加权参与率", "成交量(张)", "量比", "盈亏(元)", "单日试算",
    ],
    "en": [
        "class", "contracts", "spread ratio", "particip.", "coverage", "opening", "breaker",
        "closing", "inquiries", "weighted", "volume", "vol. ratio", "P&L (yuan)", "1-day trial",
    ],
}  # fmt: skip

_WORDS = {
    "zh": {
        "title": "做市义务与评价（{day}，{name}，种子 {seed}，{contracts} 个合约）",
        "note": "单日试算：以一个交易日代替整月，仅供参考，不是本所评价。"
        "熔断一栏为参与次数/发生次数；无熔断按参与计。",
        "why": "调整：",
        "total": "合计",
    },
    "en": {
        "title": "Duties and evaluation ({day}, {name}, seed {seed}, {contracts} contracts)",
        "note": "One-day trial: one day stands for the month, for information only. "
        "Breaker: joined / occurred; none counts as joined.",
        "why": "adjustments: ",
        "total": "total",
    },
}

REASONS_ZH = {
    "VOL_UP": "成交量上调",
    "VOL_DOWN": "成交量下调",
    "RFQ_DOWN": "询价回应不足下调",
    "LETTER_1": "书面警示下调",
    "LETTERS_D": "多次书面警示",
    "LOWERED": "本所下调",
    "PENALTY_D": "处罚",
}


def plain(line: ClassLine) -> dict[str, Any]:
    """A line for JSON: shares as decimal text with the digits of every table.

    An exact share of a whole day has thousands of digits, too many to write out.
    """
    return {
        name: ratio_text(value) if isinstance(value, Fraction) else value
        for name, value in msgspec.structs.asdict(line).items()
    }


def share(value: Fraction | None, digits: int = 2) -> str:
    """A share as a percentage, a dash when undefined."""
    return "—" if value is None else percent(value.numerator, value.denominator, digits)


def _cells(line: ClassLine) -> list[str]:
    ratio = line.volume_ratio
    return [
        f"{line.underlying} {line.symbol}",
        str(line.contracts),
        share(line.spread_ratio),
        share(line.participation),
        percent(line.covered, line.obliged),
        share(line.opening, 0),
        f"{line.intraday_joined}/{line.intraday}",
        share(line.closing, 0),
        f"{line.answered}/{line.inquiries}",
        share(line.weighted),
        thousands(line.volume),
        "—" if ratio is None else percent(ratio.numerator, ratio.denominator, 0),
        yuan(line.pnl),
        line.grade,
    ]


def day_table(day: Day, name: str, seed: int, lines: list[ClassLine], language: str = "zh") -> str:
    """Title, table and notes, ready to print."""
    words = _WORDS[language]
    contracts = sum(line.contracts for line in lines)
    total = ["", str(contracts), *[""] * 8, thousands(sum(line.volume for line in lines)), ""]
    total += [yuan(sum(line.pnl for line in lines)), ""]
    total[0] = words["total"]
    title = words["title"].format(day=iso(day), name=name, seed=seed, contracts=contracts)
    parts = [title, "", table(_HEADS[language], [*map(_cells, lines), total]), ""]
    for line in lines:
        if line.reasons:
            told = [
                REASONS_ZH.get(code, code) if language == "zh" else code for code in line.reasons
            ]
            parts.append(f"{line.underlying} {words['why']}{', '.join(told)}")
    return "\n".join([*parts, words["note"]])
