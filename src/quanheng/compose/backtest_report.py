"""A back-test for people: both bounds in one table, the duties of each, report.md and JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from quanheng.compose.backtest import BoundResult
from quanheng.compose.backtest_fills import HORIZONS
from quanheng.compose.report import day_table, plain
from quanheng.compose.tapes import told
from quanheng.compose.text import table, thousands, yuan
from quanheng.edge.dataset_files import write_dataset, write_result
from quanheng.edge.tape_files import Manifest
from quanheng.exchange.tape_fills import OPTIMISTIC, PESSIMISTIC

BOUND_WORDS = {
    "zh": {OPTIMISTIC: "乐观", PESSIMISTIC: "悲观"},
    "en": {OPTIMISTIC: "optimistic", PESSIMISTIC: "pessimistic"},
}

_ROWS = {
    "zh": (
        "成交笔数", "买入(张)", "卖出(张)", "毛盈亏(元)", "费用(元)", "净盈亏(元)",
        "成交时价差收益(元)", *(f"{s} 秒后评价(元)" for s in HORIZONS), "未评价笔次",
        "期末净持仓(张)", "期末持仓市值(元)", "报价(笔)", "撤单(笔)", "被拒(笔)", "告警(条)",
        "单日试算", "被破坏的不变量",
    ),
    "en": (
        "fills", "bought (contracts)", "sold (contracts)", "gross P&L (yuan)", "fees (yuan)",
        "net P&L (yuan)", "edge at fill (yuan)", *(f"mark-out {s} s (yuan)" for s in HORIZONS),
        "not marked", "end inventory (contracts)", "end inventory at mid (yuan)", "quotes",
        "cancels", "rejected", "alerts", "1-day trial", "broken invariants",
    ),
}  # fmt: skip

_NOTE = {
    "zh": "乐观：对手最优价触及或成交价到达我方价格即成交；悲观：须穿越我方价格，或排在加入时"
    "全部显示数量之后。真实结果应在两者之间；我方报价不影响行情。",
    "en": "Optimistic: the other side's best touches our price or a trade prints at it. "
    "Pessimistic: only through our price, or behind everything displayed when we joined. "
    "Our quotes do not move the recorded market.",
}
_HEAD = {"zh": "指标", "en": "metric"}


def broken(result: BoundResult) -> str:
    """The broken invariants, 0 for none."""
    found = {name: count for name, count in result.invariants.items() if count}
    return "; ".join(f"{name} = {count}" for name, count in found.items()) or "0"


def _cells(result: BoundResult) -> list[str]:
    worth = result.worth
    money = [worth.gross, result.fees, result.net, worth.edge, *worth.markouts]
    return [
        *map(thousands, (worth.fills, worth.bought, worth.sold)),
        *map(yuan, money),
        thousands(worth.unmarked),
        thousands(worth.inventory),
        yuan(worth.inventory_value),
        *map(thousands, (result.quotes, result.cancels, result.rejected, result.alerts)),
        " ".join(line.grade for line in result.lines) or "—",
        broken(result),
    ]


def bounds_table(results: Sequence[BoundResult], language: str) -> str:
    """One column per bound."""
    words = BOUND_WORDS[language]
    head = [_HEAD[language], *(words[result.fills] for result in results)]
    columns = [_cells(result) for result in results]
    rows = [[name, *cells] for name, *cells in zip(_ROWS[language], *columns, strict=True)]
    return f"{table(head, rows)}\n{_NOTE[language]}"


def duties_text(
    manifest: Manifest, name: str, results: Sequence[BoundResult], language: str
) -> str:
    """The duties of every bound, each in the table of a day."""
    words = BOUND_WORDS[language]
    parts = [
        day_table(manifest.day, f"{name} {words[result.fills]}", 0, result.lines, language)
        for result in results
    ]
    return "\n\n".join(parts)


def plain_result(result: BoundResult) -> dict[str, Any]:
    """A bound for JSON; seconds are left out, so that two runs agree."""
    return {
        "fills": result.fills,
        "digest": result.digest,
        "worth": msgspec.to_builtins(result.worth),
        "fees": result.fees,
        "net": result.net,
        "quotes": result.quotes,
        "cancels": result.cancels,
        "rejected": result.rejected,
        "alerts": result.alerts,
        "invariants": result.invariants,
        "classes": [plain(line) for line in result.lines],
    }


def write_report(
    out: Path,
    tape: Path,
    manifest: Manifest,
    settings: Sequence[str],
    results: Sequence[BoundResult],
    language: str,
) -> None:
    """report.md, result.json and of each bound the dataset and the rated tables."""
    title = "# 回测报告 / Back-test" if language == "zh" else "# Back-test"
    chosen = "\n".join(f"- `{one}`" for one in settings) or "- —"
    tables = [bounds_table(results, language), duties_text(manifest, tape.name, results, language)]
    text = [title, "", told(tape, manifest, language), "", chosen, ""]
    text += [f"```text\n{one}\n```\n" for one in tables]
    text += [f"- {result.fills} digest `{result.digest}`" for result in results]
    (out / "report.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    data = {
        "tape": msgspec.to_builtins(manifest),
        "settings": list(settings),
        "bounds": [plain_result(result) for result in results],
    }
    (out / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1))
    for result in results:
        write_dataset(out / result.fills / "dataset", result.dataset)
        write_result(out / result.fills / "reports", result.rated)
